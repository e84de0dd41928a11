#include "served.h"

#include <proa/headers.h>

#include <stdio.h>
#include <string.h>

/* Header fields that a handler sets. HTTP-HDR-12, HTTP-HDR-10 */

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

struct field {
    const char *name;
    const char *value;
};

static struct field asked; /* to be set by the handler */
static int n_fields;       /* to be added by the handler */

static int sets(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    proa_response_set_header(resp, asked.name, asked.value);
    return proa_response_text(resp, 200, "x");
}

static int adds(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    proa_response_add_header(resp, asked.name, asked.value);
    return proa_response_text(resp, 200, "x");
}

static int starts(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    proa_response_add_header(resp, asked.name, asked.value);
    ck_assert_int_lt(proa_response_start(resp, 200, "text/plain"), 0);
    return 0;
}

static int several(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    proa_response_add_header(resp, "Set-Cookie", "a=1");
    proa_response_set_header(resp, "X-First", "old");
    proa_response_add_header(resp, "Set-Cookie", "b=2");
    proa_response_add_header(resp, "X-Many", "1");
    proa_response_add_header(resp, "x-many", "2");
    proa_response_set_header(resp, "X-MANY", "one");
    proa_response_set_header(resp, "x-first", "  new\t");
    proa_response_set_header(resp, "X-Empty", "");
    proa_response_set_header(resp, "X-Bytes", "\xff\xc3\xa9\t.");
    return proa_response_text(resp, 200, "x");
}

static int late(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    ck_ok(proa_response_start(resp, 200, "text/plain"));
    proa_response_set_header(resp, "X-Late", "1");
    return proa_response_write(resp, "x", 1);
}

static int floods(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    for (int i = 0; i < n_fields; i++)
        proa_response_add_header(resp, "X-Many", "1");
    return proa_response_static(resp, 200, NULL, "", 0);
}

/* The handler's memory is its own again once the call returned. */
static int reuses(struct proa_request *req, struct proa_response *resp, void *arg)
{
    char name[] = "X-Own";
    char value[] = "mine";

    (void)req;
    (void)arg;
    proa_response_set_header(resp, name, value);
    memset(name, '-', sizeof name);
    memset(value, '-', sizeof value);
    return proa_response_text(resp, 200, "x");
}

static int bad_then_error(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)arg;
    proa_response_set_header(resp, "X Bad", "1");
    proa_response_set_header(resp, "X-Good", "1");
    return proa_http_error(req, 403, "no");
}

/* Three faults, and one that was seen to: the first is what the log tells. */
static int forgets(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str value;

    (void)arg;
    proa_response_set_header(resp, "X First", "1");
    proa_response_set_header(resp, "X Second", "1");
    ck_err(proa_response_text(resp, 99, "x"), PROA_EINVAL);
    ck_err(proa_request_query_get(req, "none", &value), PROA_ENOENT);
    ck_err(proa_http_error(req, 404, "no"), PROA_EHTTPSTATUS);
    return proa_response_text(resp, 200, "x");
}

static int unauthorized(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    proa_response_set_header(resp, "WWW-Authenticate", "Basic realm=\"x\"");
    return proa_response_text(resp, 401, "who are you?");
}

static struct proa_app *make_app(void)
{
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/sets", sets, NULL);
    proa_app_get(app, "/adds", adds, NULL);
    proa_app_get(app, "/starts", starts, NULL);
    proa_app_get(app, "/several", several, NULL);
    proa_app_get(app, "/late", late, NULL);
    proa_app_get(app, "/floods", floods, NULL);
    proa_app_get(app, "/reuses", reuses, NULL);
    proa_app_get(app, "/bad-then-error", bad_then_error, NULL);
    proa_app_get(app, "/401", unauthorized, NULL);
    proa_app_get(app, "/forgets", forgets, NULL);
    return app;
}

#define SERVED(name) SERVED_TEST(name, make_app)

SERVED(added_fields_stand_beside_each_other_and_set_ones_replace)
{
    const char *answer = ask(server, GET("/several"));

    ck_assert_ptr_nonnull(strstr(answer, "Set-Cookie: a=1\r\n"));
    ck_assert_ptr_nonnull(strstr(answer, "Set-Cookie: b=2\r\n"));
    ck_assert_int_eq(fields_of(answer, "Set-Cookie"), 2);
    ck_assert_ptr_null(strstr(answer, "X-First"));
    ck_str_eq(field_of(answer, "x-first"), "new");
    ck_str_eq(field_of(answer, "X-MANY"), "one");
    ck_assert_ptr_null(strstr(answer, "-many"));
    ck_assert_ptr_null(strstr(answer, "X-Many"));
    ck_assert_int_eq(fields_of(answer, "X-Empty"), 1);
    ck_str_eq(field_of(answer, "X-Bytes"), "\xff\xc3\xa9\t.");
}

SERVED(names_and_values_are_copied)
{
    ck_str_eq(field_of(ask(server, GET("/reuses")), "X-Own"), "mine");
}

/* HTTP-HDR-12: each byte that could end a line or is none of a text. */
SERVED(no_control_byte_leaves_in_a_value)
{
    log_keep();
    for (int c = 1; c < 0x80; c++) {
        char value[] = "a?b";
        bool bad = (c < 0x20 && c != '\t') || c == 0x7f;
        value[1] = (char)c;
        asked = (struct field){"X-Test", value};
        const char *answer = ask(server, GET("/sets"));
        ck_assert_msg(status_of(answer) == (bad ? 500 : 200), "byte 0x%02x: %s", (unsigned)c,
                      answer);
        if (bad)
            ck_assert_ptr_null(strstr(answer, "X-Test"));
        else
            ck_str_eq(field_of(answer, "X-Test"), value);
    }
    ck_assert_ptr_nonnull(strstr(log_kept(), "header X-Test: byte 1 of its value is 0x01"));
}

/* HTTP-HDR-12 */
SERVED(a_name_is_a_token)
{
    static const char *const bad[] = {"", "X Test", "X:", "X\r\nY", "\xc3\xa9", "X\t", "(x)"};

    log_keep();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        asked = (struct field){bad[i], "1"};
        ck_assert_int_eq(status_of(ask(server, GET("/sets"))), 500);
        ck_assert_int_eq(status_of(ask(server, GET("/adds"))), 500);
        ck_assert_int_eq(status_of(ask(server, GET("/starts"))), 500);
    }
    ck_assert_ptr_nonnull(strstr(log_kept(), "GET /sets: failed: \"\" cannot be a header name"));
}

SERVED(the_log_names_the_first_fault_whatever_failed_since)
{
    log_keep();
    ck_assert_int_eq(status_of(ask(server, GET("/forgets"))), 500);
    ck_assert_str_eq(log_kept(), "GET /forgets: failed: \"X First\" cannot be a header name\n");
}

/* HTTP-FRAME-23 */
SERVED(the_fields_that_frame_are_refused_in_any_spelling)
{
    static const char *const ours[] = {"Content-Length", "transfer-encoding", "CONNECTION", "date"};

    log_keep();
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        asked = (struct field){ours[i], "1"};
        ck_assert_int_eq(status_of(ask(server, GET("/sets"))), 500);
        ck_assert_int_eq(status_of(ask(server, GET("/adds"))), 500);
        ck_assert_int_eq(status_of(ask(server, GET("/starts"))), 500);
        ck_assert_ptr_nonnull(strstr(log_kept(), ours[i]));
    }
}

SERVED(a_field_set_after_the_head_aborts)
{
    log_keep();
    ask(server, GET("/late"));
    ck_err(heard_end(), PROA_ECONNRESET);
    ck_assert_ptr_nonnull(strstr(log_kept(), "X-Late"));
}

/* A list is full at PROA_HEADERS_MAX; that is our fault, not the client's. */
SERVED(a_response_has_its_limit_of_fields)
{
    log_keep();
    n_fields = PROA_HEADERS_MAX;
    const char *answer = ask(server, GET("/floods"));
    ck_assert_int_eq(status_of(answer), 200);
    ck_assert_int_eq(fields_of(answer, "X-Many"), PROA_HEADERS_MAX);
    n_fields++;
    ck_assert_int_eq(status_of(ask(server, GET("/floods"))), 500);
    ck_assert_ptr_nonnull(strstr(log_kept(), "more than 1024 header fields"));
}

/* proa_http_error answers anew: neither the fields nor their failure are its. */
SERVED(an_error_drops_the_fields_set_before)
{
    const char *answer = ask(server, GET("/bad-then-error"));

    ck_assert_int_eq(status_of(answer), 403);
    ck_assert_int_eq(fields_of(answer, "X-Good"), 0);
    ck_assert_str_eq(body_of(answer), "no\n");
}

/* HTTP-RESP-06 */
SERVED(a_401_can_say_how_to_authenticate)
{
    const char *answer = ask(server, GET("/401"));

    ck_assert_int_eq(status_of(answer), 401);
    ck_str_eq(field_of(answer, "WWW-Authenticate"), "Basic realm=\"x\"");
}

/* The server's name is for those who say nothing. */
static int server_name_body(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *server = served_start(app, PROA_SERVER_OPTS(.server_name = "proa"));

    (void)arg;
    ck_str_eq(field_of(ask(server, GET("/reuses")), "Server"), "proa");
    asked = (struct field){"server", "own"};
    const char *answer = ask(server, GET("/sets"));
    ck_str_eq(field_of(answer, "server"), "own");
    ck_assert_int_eq(fields_of(answer, "Server"), 0);
    served_end(server, app);
    return 0;
}

START_TEST(a_handler_may_name_another_server)
{
    t_run(server_name_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("fields",
                  (const TTest *const[]){
                      added_fields_stand_beside_each_other_and_set_ones_replace,
                      names_and_values_are_copied, no_control_byte_leaves_in_a_value,
                      a_name_is_a_token, the_log_names_the_first_fault_whatever_failed_since,
                      the_fields_that_frame_are_refused_in_any_spelling,
                      a_field_set_after_the_head_aborts, a_response_has_its_limit_of_fields,
                      an_error_drops_the_fields_set_before, a_401_can_say_how_to_authenticate,
                      a_handler_may_name_another_server, NULL});
}
