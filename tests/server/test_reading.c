#include "served.h"

#include <proa/err.h>
#include <proa/group.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

/* Bodies that are read wrongly, or are wrong, and what becomes of their connection. */

#define ONE "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

static int read_rc, second_rc, last_rc;

static int hello(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_text(resp, 200, "hello");
}

static int read_all(void *arg)
{
    struct proa_str body;

    return proa_request_read_body(arg, &body);
}

/* The first reader waits; the second is told so, by both calls. */
static int two_read(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_task_ref first;
    struct proa_str body;
    char byte;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &first, read_all, req, NULL));
    ck_ok(proa_yield());
    second_rc = proa_request_read_body(req, &body);
    last_rc = (int)proa_request_read(req, &byte, 1);
    read_rc = proa_task_join(first);
    ck_ok(proa_request_read_body(req, &body));
    return proa_response_static(resp, 200, "text/plain", body.p, body.n);
}

static int ignores_failure(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;

    (void)arg;
    read_rc = proa_request_read_body(req, &body);
    second_rc = proa_request_read_body(req, &body);
    return proa_response_text(resp, 200, "anyway");
}

static int passes_on(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;

    (void)arg;
    (void)resp;
    return read_rc = proa_request_read_body(req, &body);
}

static int reads_bytewise(struct proa_request *req, struct proa_response *resp, void *arg)
{
    size_t n = 0;
    char byte;
    ssize_t rc;

    (void)arg;
    while ((rc = proa_request_read(req, &byte, 1)) > 0)
        n++;
    read_rc = (int)rc;
    return rc < 0 ? (int)rc : proa_response_textf(resp, 200, "%zu", n);
}

static struct proa_app *make_app(void)
{
    const struct proa_route_opts *small = PROA_ROUTE_OPTS(.max_body = 10);
    struct proa_app *app = NULL;

    read_rc = second_rc = last_rc = 1;
    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/", hello, NULL);
    proa_app_post(app, "/two", two_read, NULL);
    proa_app_post(app, "/ignored", ignores_failure, NULL);
    proa_app_route(app, "POST", "/small", passes_on, NULL, small);
    proa_app_route(app, "POST", "/bytewise", reads_bytewise, NULL, small);
    return app;
}

/* ---- two readers */

SERVED_TEST(a_second_reader_is_told_and_does_not_cut_the_connection, make_app)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, "POST /two HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab");
    ck_ok(proa_sleep(PROA_SEC));
    ck_assert_int_eq(second_rc, PROA_EBUSY);
    ck_assert_int_eq(last_rc, PROA_EBUSY);
    say(s, "cd");
    const char *text = hear_some(s);
    ck_assert_int_eq(read_rc, 0);
    ck_assert_int_eq(status_of(text), 200);
    ck_assert_str_eq(body_of(text), "abcd");
    ck_assert_ptr_null(field_of(text, "Connection").p);
    say(s, ONE);
    ck_assert_int_eq(status_of(hear_some(s)), 200);
    proa_abort(s);
}

/* ---- framing */

SERVED_TEST(a_framing_error_that_the_handler_ignores_ends_the_connection, make_app)
{
    const char *text = ask(server,
                           "POST /ignored HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "zz\r\n" ONE);

    ck_assert_int_eq(read_rc, PROA_EHTTPCHUNK);
    ck_assert_int_eq(second_rc, PROA_EHTTPCHUNK);
    ck_assert_int_eq(status_of(text), 200);
    ck_assert_str_eq(body_of(text), "anyway");
    ck_str_eq(field_of(text, "Connection"), "close");
    ck_assert_int_eq(responses_in(text), 1);
}

SERVED_TEST(a_framing_error_that_the_handler_passes_on_is_a_400, make_app)
{
    const char *text = ask(server,
                           "POST /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "zz\r\n" ONE);

    ck_assert_int_eq(status_of(text), 400);
    ck_str_eq(field_of(text, "Connection"), "close");
    ck_assert_int_eq(responses_in(text), 1);
}

/* ---- the codes that the headers promise */

static void too_large(struct proa_server *server, const char *request)
{
    read_rc = 1;
    const char *text = ask(server, request);
    ck_assert_int_eq(read_rc, PROA_EHTTPBODYSIZE);
    ck_assert_int_eq(status_of(text), 413);
    ck_str_eq(field_of(text, "Connection"), "close");
    ck_assert_int_eq(responses_in(text), 1);
}

SERVED_TEST(a_body_beyond_the_route_s_limit_is_ehttpbodysize_and_413, make_app)
{
    static const char *const chunked = "POST /small HTTP/1.1\r\nHost: h\r\n"
                                       "Transfer-Encoding: chunked\r\n\r\n"
                                       "b\r\n0123456789a\r\n0\r\n\r\n" ONE;
    static const char *const bytewise = "POST /bytewise HTTP/1.1\r\nHost: h\r\n"
                                        "Transfer-Encoding: chunked\r\n\r\n"
                                        "a\r\n0123456789\r\n1\r\na\r\n0\r\n\r\n" ONE;

    too_large(server, chunked);
    too_large(server, bytewise);
    const char *text = ask(
        server, "POST /bytewise HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789" ONE);
    ck_assert_int_eq(responses_in(text), 2);
}

int main(void)
{
    return t_main("reading", (const TTest *const[]){
                                 a_second_reader_is_told_and_does_not_cut_the_connection,
                                 a_framing_error_that_the_handler_ignores_ends_the_connection,
                                 a_framing_error_that_the_handler_passes_on_is_a_400,
                                 a_body_beyond_the_route_s_limit_is_ehttpbodysize_and_413, NULL});
}
