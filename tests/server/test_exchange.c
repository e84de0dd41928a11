#include "served.h"

#include <proa/log.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <string.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define LAST(path) "GET " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

/* ---- handlers */

static int hello(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str name = proa_request_param(req, "name");

    (void)arg;
    if (proa_str_eq(name, PROA_STR("nobody")))
        return proa_http_error(req, 404, "no such person");
    return proa_response_textf(resp, 200, "hello, %.*s", PROA_PRI(name));
}

static int echo(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;
    int rc = proa_request_read_body(req, &body);

    (void)arg;
    return rc < 0 ? rc : proa_response_static(resp, 200, "text/plain", body.p, body.n);
}

static int fails(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)resp;
    return *(int *)arg;
}

static int silent(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)resp;
    (void)arg;
    return 0;
}

static int streams(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    int rc = proa_response_start(resp, 200, "text/plain");

    for (int i = 0; i < 3 && rc == 0; i++)
        rc = proa_response_write(resp, "abc", 3);
    if (rc == 0)
        rc = proa_response_write(resp, "", 0);
    return rc < 0 ? rc : arg ? *(int *)arg : 0;
}

static int bad_header(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    proa_response_set_header(resp, "X-Test", "a\r\nSet-Cookie: b");
    (void)arg;
    return proa_response_text(resp, 200, "x");
}

static int our_header(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    proa_response_set_header(resp, "connection", "keep-alive");
    return proa_response_text(resp, 200, "x");
}

static int slow(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    int rc = proa_sleep(PROA_SEC);
    return rc < 0 ? rc : proa_response_text(resp, 200, "slow");
}

static struct proa_app *make_app(void)
{
    static int enoent = PROA_ENOENT, emsgsize = PROA_EMSGSIZE, ejson = PROA_EJSON;
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/hello/{name}", hello, NULL);
    proa_app_post(app, "/echo", echo, NULL);
    proa_app_get(app, "/enoent", fails, &enoent);
    proa_app_get(app, "/emsgsize", fails, &emsgsize);
    proa_app_get(app, "/ejson", fails, &ejson);
    proa_app_get(app, "/silent", silent, NULL);
    proa_app_get(app, "/stream", streams, NULL);
    proa_app_get(app, "/broken", streams, &enoent);
    proa_app_get(app, "/header", bad_header, NULL);
    proa_app_get(app, "/ours", our_header, NULL);
    proa_app_get(app, "/slow", slow, NULL);
    return app;
}

/* ---- the frame of a test: a body that gets a server */

typedef void served_fn(struct proa_server *server);

static int frame(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *server = served_start(app, NULL);

    ((served_fn *)arg)(server);
    served_end(server, app);
    return 0;
}

#define SERVED(name)                                                                               \
    static void name##_body(struct proa_server *server);                                           \
    START_TEST(name)                                                                               \
    {                                                                                              \
        t_run(frame, (void *)name##_body);                                                         \
    }                                                                                              \
    END_TEST                                                                                       \
    static void name##_body(struct proa_server *server)

/* ---- responses */

SERVED(a_handler_s_text_is_the_response)
{
    const char *text = ask(server, LAST("/hello/world"));

    ck_assert_int_eq(status_of(text), 200);
    ck_assert_str_eq(body_of(text), "hello, world");
    ck_assert_ptr_nonnull(strstr(text, "Content-Type: text/plain; charset=utf-8\r\n"));
    ck_assert_ptr_nonnull(strstr(text, "Content-Length: 12\r\n"));
    ck_assert_ptr_nonnull(strstr(text, "Date: "));
    ck_assert_ptr_nonnull(strstr(text, "Connection: close\r\n"));
}

SERVED(an_error_s_text_is_for_the_client)
{
    const char *text = ask(server, LAST("/hello/nobody"));

    ck_assert_int_eq(status_of(text), 404);
    ck_assert_str_eq(body_of(text), "no such person\n");
}

SERVED(head_is_get_without_the_body)
{
    const char *text = ask(server,
                           "HEAD /hello/world HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");

    ck_assert_int_eq(status_of(text), 200);
    ck_assert_ptr_nonnull(strstr(text, "Content-Length: 12\r\n"));
    ck_assert_str_eq(body_of(text), "");
}

SERVED(unknown_paths_and_methods_have_their_statuses)
{
    ck_assert_int_eq(status_of(ask(server, LAST("/none"))), 404);
    const char *text = ask(server, "DELETE /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    ck_assert_int_eq(status_of(text), 405);
    ck_assert_ptr_nonnull(strstr(text, "Allow: POST\r\n"));
    text = ask(server, "OPTIONS /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    ck_assert_int_eq(status_of(text), 204);
    ck_assert_ptr_nonnull(strstr(text, "Allow: POST\r\n"));
    text = ask(server, "OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    ck_assert_int_eq(status_of(text), 204);
    ck_assert_int_eq(status_of(ask(server, "FROB / HTTP/1.1\r\nHost: h\r\n\r\n")), 501);
    ck_assert_int_eq(status_of(ask(server, "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n")), 501);
}

SERVED(a_streamed_body_comes_in_chunks)
{
    const char *text = ask(server, LAST("/stream"));

    ck_assert_int_eq(status_of(text), 200);
    ck_assert_ptr_nonnull(strstr(text, "Transfer-Encoding: chunked\r\n"));
    ck_assert_str_eq(body_of(text), "3\r\nabc\r\n3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n");
}

SERVED(a_streamed_response_says_that_the_connection_closes)
{
    ck_assert_ptr_nonnull(strstr(ask(server, LAST("/stream")), "Connection: close\r\n"));
    ck_assert_ptr_null(
        strstr(ask(server, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n"), "Connection"));
}

/* HTTP-FRAME-24 */
SERVED(a_streamed_body_ends_with_the_connection_in_http_1_0)
{
    const char *text = ask(server, "GET /stream HTTP/1.0\r\n\r\n");

    ck_assert_ptr_null(strstr(text, "Transfer-Encoding"));
    ck_assert_str_eq(body_of(text), "abcabcabc");
}

/* ---- failures */

static char logged[512];

static void keep_log(enum proa_log_level level, const char *text, void *arg)
{
    (void)arg;
    (void)level;
    snprintf(logged, sizeof logged, "%s", text);
}

SERVED(a_failing_handler_is_a_500_and_a_line_that_names_the_route)
{
    proa_log_set(keep_log, NULL);
    const char *text = ask(server, LAST("/enoent"));
    proa_log_set(NULL, NULL);
    ck_assert_int_eq(status_of(text), 500);
    ck_assert_ptr_null(strstr(text, "no such file"));
    ck_assert_ptr_nonnull(strstr(logged, "GET /enoent"));
    ck_assert_ptr_nonnull(strstr(logged, "no such file"));
}

SERVED(no_response_at_all_is_a_500)
{
    proa_log_set(keep_log, NULL);
    ck_assert_int_eq(status_of(ask(server, LAST("/silent"))), 500);
    proa_log_set(NULL, NULL);
    ck_assert_ptr_nonnull(strstr(logged, "GET /silent"));
}

SERVED(the_client_s_faults_have_their_statuses)
{
    ck_assert_int_eq(status_of(ask(server, LAST("/emsgsize"))), 413);
    ck_assert_int_eq(status_of(ask(server, LAST("/ejson"))), 400);
}

/* HTTP-RESP-07: no false terminator after a head has left. */
SERVED(a_handler_that_fails_in_mid_stream_aborts_the_connection)
{
    proa_log_set(keep_log, NULL);
    const char *text = ask(server, LAST("/broken"));
    proa_log_set(NULL, NULL);
    ck_assert_int_eq(status_of(text), 200);
    ck_assert_ptr_null(strstr(text, "0\r\n\r\n"));
    ck_assert_ptr_nonnull(strstr(logged, "GET /broken"));
}

/* HTTP-HDR-12 */
SERVED(a_header_that_would_split_the_response_is_a_500)
{
    proa_log_set(keep_log, NULL);
    const char *text = ask(server, LAST("/header"));
    proa_log_set(NULL, NULL);
    ck_assert_int_eq(status_of(text), 500);
    ck_assert_ptr_null(strstr(text, "Set-Cookie"));
}

SERVED(fields_that_frame_the_message_are_the_server_s_own)
{
    proa_log_set(keep_log, NULL);
    ck_assert_int_eq(status_of(ask(server, LAST("/ours"))), 500);
    proa_log_set(NULL, NULL);
    ck_assert_ptr_nonnull(strstr(logged, "connection"));
}

/* ---- connections */

SERVED(a_connection_serves_one_request_after_another)
{
    struct proa_stream *s = served_connect(server, NULL);
    static char got[4096];

    for (int i = 0; i < 3; i++) {
        ck_ok(proa_write(s, GET("/hello/again"), strlen(GET("/hello/again")), NULL));
        ssize_t n = proa_read(s, got, sizeof got - 1);
        ck_assert_int_gt(n, 0);
        got[n] = 0;
        ck_assert_str_eq(body_of(got), "hello, again");
        ck_assert_ptr_null(strstr(got, "Connection:"));
    }
    proa_abort(s);
}

SERVED(pipelined_requests_are_answered_in_order)
{
    const char *text = ask(
        server,
        GET("/hello/1") GET(
            "/slow") "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz" GET("/none")
            LAST("/hello/2") GET("/hello/3"));
    const char *first = strstr(text, "hello, 1");
    const char *slow_one = strstr(text, "slow");
    const char *echoed = strstr(text, "xyz");
    const char *last = strstr(text, "hello, 2");

    ck_assert_int_eq(responses_in(text), 5);
    ck_assert(first && slow_one && echoed && last);
    ck_assert(first < slow_one && slow_one < echoed && echoed < last);
    ck_assert_ptr_null(strstr(text, "hello, 3")); /* nothing after close is processed */
}

/* A held response leaves before the next handler waits. */
SERVED(a_response_is_not_held_while_the_next_handler_sleeps)
{
    struct proa_stream *s = served_connect(server, NULL);
    static char got[4096];
    int64_t began = proa_now();

    ck_ok(proa_write(s, GET("/hello/1") GET("/slow"), strlen(GET("/hello/1") GET("/slow")), NULL));
    ssize_t n = proa_read(s, got, sizeof got - 1);
    ck_assert_int_gt(n, 0);
    got[n] = 0;
    ck_assert_str_eq(body_of(got), "hello, 1");
    ck_assert_int_eq(proa_now() - began, 0);
    proa_abort(s);
    proa_sleep(2 * PROA_SEC);
}

static int greeted, greeted_before_turn;

static int counts(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    greeted++;
    return proa_response_text(resp, 200, "x");
}

static int looks(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    greeted_before_turn = greeted;
    return proa_response_text(resp, 200, "y");
}

/* No handler of the crowd ever waits, and yet the others' do not wait for all of them. */
static int crowd_body(void *arg)
{
    enum { CROWD = 300 };
    static const char one[] = GET("/counts");
    static char all[CROWD * sizeof one];
    struct proa_app *app = NULL;

    (void)arg;
    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/counts", counts, NULL);
    proa_app_get(app, "/looks", looks, NULL);
    struct proa_server *server = served_start(app, NULL);
    struct proa_stream *crowd = served_connect(server, NULL);
    struct proa_stream *single = served_connect(server, NULL);
    for (int i = 0; i < CROWD; i++)
        memcpy(all + i * (sizeof one - 1), one, sizeof one - 1);
    say_all(crowd, all, CROWD * (sizeof one - 1));
    say_all(single, LAST("/looks"), strlen(LAST("/looks")));
    ck_assert_int_eq(status_of(hear_all(single)), 200);
    ck_assert_int_gt(greeted_before_turn, 0);
    ck_assert_int_lt(greeted_before_turn, CROWD);
    ck_assert_int_eq(responses_in(hear_all(crowd)), CROWD);
    proa_abort(crowd);
    proa_abort(single);
    served_end(server, app);
    return 0;
}

START_TEST(many_pipelined_requests_do_not_hold_up_another_client)
{
    t_run(crowd_body, NULL);
}
END_TEST

SERVED(http_1_0_closes_unless_it_asks_to_stay)
{
    const char *text = ask(server, "GET /hello/a HTTP/1.0\r\n\r\n");

    ck_assert_int_eq(status_of(text), 200);
    ck_assert_ptr_nonnull(strstr(text, "Connection: close\r\n"));
    text = ask(
        server,
        "GET /hello/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /hello/b HTTP/1.0\r\n\r\n");
    ck_assert_int_eq(responses_in(text), 2);
    ck_assert_ptr_nonnull(strstr(text, "Connection: keep-alive\r\n"));
}

/* However the bytes come, the answers are the same. */
SERVED(requests_may_come_in_any_pieces)
{
    static const char all[] = GET(
        "/hello/1") "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "4\r\nwxyz\r\n0\r\n\r\n" LAST("/hello/2");

    for (size_t piece = 1; piece < 40; piece += 3) {
        struct proa_stream *s = served_connect(
            server, &(struct pair_opts){.ab.split = piece, .ba.split = piece});
        say_all(s, all, sizeof all - 1);
        const char *text = hear_all(s);
        ck_assert_int_eq(responses_in(text), 3);
        ck_assert_ptr_nonnull(strstr(text, "wxyz"));
        ck_assert_ptr_nonnull(strstr(text, "hello, 2"));
        proa_abort(s);
    }
}

/* The connection breaks after any byte, of either direction: nothing hangs, nothing leaks. */
SERVED(a_connection_may_break_at_any_byte)
{
    static const char all[] =
        GET("/hello/1") "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nwxyz" LAST(
            "/stream");

    for (size_t at = 0; at < sizeof all; at++)
        for (int how = PROA_PAIR_FIN; how <= PROA_PAIR_RST; how++) {
            struct proa_stream *s = served_connect(
                server, &(struct pair_opts){.ab.cut = (enum proa_pair_cut)how, .ab.cut_at = at});
            say_all(s, all, sizeof all - 1);
            hear_all(s);
            proa_abort(s);
        }
    for (size_t at = 0; at < 400; at += 7) {
        struct proa_stream *s = served_connect(
            server, &(struct pair_opts){.ba.cut = PROA_PAIR_RST, .ba.cut_at = at});
        say_all(s, all, sizeof all - 1);
        hear_all(s);
        proa_abort(s);
    }
    proa_sleep(PROA_MIN);
    ck_assert_uint_eq(proa_server_connections(server), 0);
}

SERVED(requests_smuggled_in_a_body_are_not_served)
{
    const char *text = ask(
        server,
        "POST /hello/a HTTP/1.1\r\nHost: h\r\nContent-Length: 60\r\n\r\n" LAST("/hello/smuggled"));

    ck_assert_ptr_null(strstr(text, "smuggled"));
    text = ask(
        server,
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\n" LAST("/hello/smuggled"));
    ck_assert_int_eq(status_of(text), 400);
    ck_assert_int_eq(responses_in(text), 1);
}

int main(void)
{
    return t_main("exchange",
                  (const TTest *const[]){a_handler_s_text_is_the_response,
                                         an_error_s_text_is_for_the_client,
                                         head_is_get_without_the_body,
                                         unknown_paths_and_methods_have_their_statuses,
                                         a_streamed_body_comes_in_chunks,
                                         a_streamed_response_says_that_the_connection_closes,
                                         a_streamed_body_ends_with_the_connection_in_http_1_0,
                                         a_failing_handler_is_a_500_and_a_line_that_names_the_route,
                                         no_response_at_all_is_a_500,
                                         the_client_s_faults_have_their_statuses,
                                         a_handler_that_fails_in_mid_stream_aborts_the_connection,
                                         a_header_that_would_split_the_response_is_a_500,
                                         fields_that_frame_the_message_are_the_server_s_own,
                                         a_connection_serves_one_request_after_another,
                                         pipelined_requests_are_answered_in_order,
                                         a_response_is_not_held_while_the_next_handler_sleeps,
                                         many_pipelined_requests_do_not_hold_up_another_client,
                                         http_1_0_closes_unless_it_asks_to_stay,
                                         requests_may_come_in_any_pieces,
                                         a_connection_may_break_at_any_byte,
                                         requests_smuggled_in_a_body_are_not_served,
                                         NULL});
}
