#include "served.h"

#include <proa/task.h>

#include <stdio.h>
#include <string.h>

/* What handlers return, and what the client gets for it. HTTP-RESP-07, HTTP-RESP-14 */

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

static int code;         /* to be returned, or the status to be answered */
static const char *says; /* the text of an error */

static int returns(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    if (arg)
        ck_ok(proa_response_text(resp, 200, "all is well"));
    return code;
}

static int deep(struct proa_request *req, int depth)
{
    return depth ? deep(req, depth - 1) : proa_http_error(req, code, says ? "%s" : NULL, says);
}

static int errs(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)resp;
    (void)arg;
    ck_err(deep(req, 20), PROA_EHTTPSTATUS);
    return PROA_EHTTPSTATUS;
}

static int errs_after(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)arg;
    proa_response_set_header(resp, "X-Old", "1");
    proa_response_compress(resp);
    ck_ok(proa_response_text(resp, 200, "all is well"));
    return deep(req, 3);
}

static int errs_twice(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)resp;
    proa_http_error(req, 404, "first");
    return proa_http_error(req, 409, arg ? "second" : NULL);
}

/* The failure was seen to: the handler answers all the same. */
static int mends(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)arg;
    proa_http_error(req, 404, "first");
    return proa_response_text(resp, 200, "mended");
}

static int errs_and_closes(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)arg;
    proa_response_close(resp);
    return proa_http_error(req, 404, "bye");
}

static struct proa_app *make_app(void)
{
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/returns", returns, NULL);
    proa_app_get(app, "/answers", returns, app);
    proa_app_route(app, "GET", "/named/{id}", returns, NULL, PROA_ROUTE_OPTS(.name = "the-name"));
    proa_app_post(app, "/returns", returns, NULL);
    proa_app_get(app, "/errs", errs, NULL);
    proa_app_post(app, "/errs", errs, NULL);
    proa_app_get(app, "/errs-after", errs_after, NULL);
    proa_app_get(app, "/errs-twice", errs_twice, app);
    proa_app_get(app, "/errs-twice-silently", errs_twice, NULL);
    proa_app_get(app, "/mends", mends, NULL);
    proa_app_get(app, "/closes", errs_and_closes, NULL);
    code = 404;
    says = NULL;
    return app;
}

#define SERVED(name) SERVED_TEST(name, make_app)

/* ---- codes */

/* The table of docs/server.md, and others that stay ours. */
SERVED(each_code_has_its_status)
{
    static const struct {
        int code;
        int status;
    } table[] = {
        {PROA_EMSGSIZE, 413},
        {PROA_EHTTPBODYSIZE, 413},
        {PROA_ECLIENTTIMEDOUT, 408},
        {PROA_EMEDIATYPE, 415},
        {PROA_EJSON, 400},
        {PROA_EQUERY, 400},
        {PROA_EHTTPCHUNK, 400},
        {PROA_EHTTPFRAMING, 400},
        {PROA_EHTTPTRAILER, 400},
        {PROA_EHTTPHEADSIZE, 431},
        {PROA_EHTTPTARGETSIZE, 414},
        {PROA_EHTTPMETHOD, 501},
        {PROA_EHTTPVERSION, 505},
        {PROA_ENOENT, 500},
        {PROA_EINVAL, 500},
        {PROA_ETIMEDOUT, 500},
        {PROA_EHTTPSTATUS, 500},
        {PROA_ECANCELED, 500},
        {PROA_ENOMEM, 500},
        {PROA_ECONNREFUSED, 500},
        {PROA_EPIPE, 500},
        {-20000, 500},
        {-1234567, 500},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        log_keep();
        code = table[i].code;
        const char *answer = ask(server, GET("/returns"));
        ck_assert_msg(status_of(answer) == table[i].status, "%d: %s", code, answer);
        ck_assert_int_eq(heard_end(), 0);
        /* only what is our fault is worth a line */
        ck_assert_msg((strstr(log_kept(), "GET /returns: failed") != NULL) ==
                          (table[i].status == 500),
                      "%d: %s", code, log_kept());
    }
}

/* The body tells the status, never what went wrong inside. */
SERVED(a_500_keeps_its_reason_to_itself)
{
    log_keep();
    code = PROA_ENOENT;
    const char *answer = ask(server, GET("/returns"));
    ck_assert_str_eq(body_of(answer), "Internal Server Error\n");
    ck_str_eq(field_of(answer, "Content-Type"), "text/plain; charset=utf-8");
}

SERVED(a_code_replaces_the_response_that_was_made)
{
    log_keep();
    code = PROA_ENOENT;
    const char *answer = ask(server, GET("/answers"));
    ck_assert_int_eq(status_of(answer), 500);
    ck_assert_ptr_null(strstr(answer, "all is well"));
}

SERVED(a_positive_result_is_success)
{
    code = 7;
    ck_assert_str_eq(body_of(ask(server, GET("/answers"))), "all is well");
}

SERVED(the_log_names_the_route_by_its_name)
{
    log_keep();
    code = PROA_ENOENT;
    ask(server, GET("/named/secret"));
    ck_assert_ptr_nonnull(strstr(log_kept(), "GET the-name: failed: no such file"));
    ck_assert_ptr_null(strstr(log_kept(), "secret"));
}

/* HTTP-RESP-07: "connection state still sane". */
SERVED(a_connection_goes_on_after_a_500)
{
    log_keep();
    code = PROA_ENOENT;
    const char *text = ask(server, "GET /returns HTTP/1.1\r\nHost: h\r\n\r\n"
                                   "POST /returns HTTP/1.1\r\nHost: h\r\nContent-Length: 26\r\n\r\n"
                                   "GET /none HTTP/1.1\r\n\r\n1234" GET("/none"));
    ck_assert_int_eq(responses_in(text), 3);
    ck_assert_ptr_nonnull(strstr(text, "HTTP/1.1 404"));
    ck_assert_int_eq(heard_end(), 0);
}

/* ---- proa_http_error */

SERVED(an_error_may_come_from_any_depth)
{
    says = "not here";
    const char *answer = ask(server, GET("/errs"));
    ck_assert_int_eq(status_of(answer), 404);
    ck_assert_str_eq(body_of(answer), "not here\n");
    ck_assert_int_eq(heard_end(), 0);
}

SERVED(an_error_without_words_says_its_reason)
{
    ck_assert_str_eq(body_of(ask(server, GET("/errs"))), "Not Found\n");
    says = "";
    code = 418;
    ck_assert_int_eq(status_of(ask(server, GET("/errs"))), 418);
}

/* HTTP-RESP-14: a text is a text: no browser takes it for a page. */
SERVED(an_error_is_plain_text_whatever_it_says)
{
    says = "<script>alert(1)</script>";
    const char *answer = ask(server, GET("/errs"));
    ck_str_eq(field_of(answer, "Content-Type"), "text/plain; charset=utf-8");
    ck_assert_str_eq(body_of(answer), "<script>alert(1)</script>\n");
    answer = ask(server, GET("/%3Cscript%3E"));
    ck_assert_int_eq(status_of(answer), 404);
    ck_assert_str_eq(body_of(answer), "Not Found\n");
}

SERVED(an_error_without_a_body_has_none)
{
    says = "dropped";
    code = 304;
    const char *answer = ask(server, GET("/errs"));
    ck_assert_int_eq(status_of(answer), 304);
    ck_assert_str_eq(body_of(answer), "");
    ck_assert_int_eq(fields_of(answer, "Content-Type"), 0);
}

SERVED(a_status_out_of_range_becomes_500)
{
    static const int bad[] = {0, -1, 99, 100, 199, 600, 1000};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        code = bad[i];
        ck_assert_int_eq(status_of(ask(server, GET("/errs"))), 500);
    }
    code = 200;
    ck_assert_int_eq(status_of(ask(server, GET("/errs"))), 200);
    code = 599;
    ck_assert_int_eq(status_of(ask(server, GET("/errs"))), 599);
}

SERVED(an_error_replaces_the_response_that_was_made)
{
    says = "no";
    const char *answer = ask(server, GET("/errs-after"));
    ck_assert_int_eq(status_of(answer), 404);
    ck_assert_str_eq(body_of(answer), "no\n");
    ck_assert_int_eq(fields_of(answer, "X-Old"), 0);
    ck_assert_int_eq(fields_of(answer, "Vary"), 0);
}

SERVED(the_last_error_counts)
{
    const char *answer = ask(server, GET("/errs-twice"));
    ck_assert_int_eq(status_of(answer), 409);
    ck_assert_str_eq(body_of(answer), "second\n");
    ck_assert_str_eq(body_of(ask(server, GET("/errs-twice-silently"))), "Conflict\n");
}

SERVED(an_error_that_is_not_returned_is_none)
{
    ck_assert_str_eq(body_of(ask(server, GET("/mends"))), "mended");
}

SERVED(an_error_may_close_the_connection_too)
{
    const char *text = ask(server, "GET /closes HTTP/1.1\r\nHost: h\r\n\r\n" GET("/errs"));
    ck_assert_int_eq(responses_in(text), 1);
    ck_str_eq(field_of(text, "Connection"), "close");
}

/* HTTP-RESP-09, HTTP-CONN-18: where the client's body is at fault and unread, nothing is drained;
 * otherwise the connection goes on behind it. */
SERVED(statuses_on_the_client_s_body_close_while_it_is_unread)
{
    static const struct {
        int status;
        bool closes;
    } table[] = {{400, true},  {408, true},  {413, true},  {414, true},  {431, true},
                 {501, true},  {505, true},  {401, false}, {403, false}, {404, false},
                 {409, false}, {415, false}, {422, false}, {429, false}, {503, false}};

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        code = table[i].status;
        const char *text = ask(server, "POST /errs HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n"
                                       "body" GET("/none"));
        ck_assert_int_eq(status_of(text), code);
        ck_assert_msg(responses_in(text) == (table[i].closes ? 1 : 2), "%d", code);
        ck_assert_int_eq(heard_end(), 0);
        /* without a body there is nothing to close for */
        text = ask(server, "GET /errs HTTP/1.1\r\nHost: h\r\n\r\n" GET("/none"));
        ck_assert_int_eq(responses_in(text), 2);
    }
}

int main(void)
{
    return t_main("error",
                  (const TTest *const[]){
                      each_code_has_its_status, a_500_keeps_its_reason_to_itself,
                      a_code_replaces_the_response_that_was_made, a_positive_result_is_success,
                      the_log_names_the_route_by_its_name, a_connection_goes_on_after_a_500,
                      an_error_may_come_from_any_depth, an_error_without_words_says_its_reason,
                      an_error_is_plain_text_whatever_it_says, an_error_without_a_body_has_none,
                      a_status_out_of_range_becomes_500,
                      an_error_replaces_the_response_that_was_made, the_last_error_counts,
                      an_error_that_is_not_returned_is_none, an_error_may_close_the_connection_too,
                      statuses_on_the_client_s_body_close_while_it_is_unread, NULL});
}
