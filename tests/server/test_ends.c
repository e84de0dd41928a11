#include "core/loop.h"
#include "served.h"
#include "server/conn.h"
#include "server/exchange.h"
#include "server/server.h"
#include "support/t_peer.h"

#include <proa/err.h>
#include <proa/group.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdlib.h>
#include <string.h>

/* How connections end: in order, after a refusal, and where only an empty line is left over. */

#define ONE "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define LAST(path) "GET " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
#define BAD "BAD\r\n\r\n"

enum { DRAIN = 256 * 1024 }; /* bytes that a refused client may still send */

static int hello(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_text(resp, 200, "hello");
}

/* Its head, which leaves at once, says that the connection goes on. */
static int streams(struct proa_request *req, struct proa_response *resp, void *arg)
{
    int rc = proa_response_start(resp, 200, "text/plain");

    (void)req;
    (void)arg;
    if (rc == 0)
        rc = proa_response_write(resp, "streamed", 8);
    return rc < 0 ? rc : proa_sleep(PROA_SEC);
}

static struct proa_app *make_app(void)
{
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/", hello, NULL);
    proa_app_get(app, "/stream", streams, NULL);
    return app;
}

/* A client that was refused and keeps its side open. */
static struct proa_stream *refused(struct proa_server *server)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, BAD);
    ck_assert_int_eq(status_of(hear_all(s)), 400);
    return s;
}

/* ---- lingering */

SERVED_TEST(a_lingering_connection_holds_neither_task_nor_stack_nor_exchange, make_app)
{
    enum { N = 5 };
    const struct proa_loop *loop = proa__loop_current();
    size_t stacks = loop->stacks.n_live;
    struct proa_stream *s[N];

    for (int i = 0; i < N; i++)
        s[i] = refused(server);
    ck_assert_uint_eq(proa_server_connections(server), N);
    ck_assert_uint_eq(proa_group_running(server->group), 0);
    ck_assert_uint_le(loop->stacks.n_live, stacks + 1); /* one may wait for new tasks */
    ck_assert_uint_eq(server->n_spare, 1);              /* each took the one before it had */
    for (int i = 0; i < N; i++)
        proa_abort(s[i]);
}

SERVED_TEST(lingering_ends_with_the_client_s_end, make_app)
{
    struct proa_stream *s = refused(server);
    int64_t began = proa_now();

    ck_ok(proa_shutdown(s));
    t_turns(4);
    ck_assert_uint_eq(proa_server_connections(server), 0);
    ck_assert_int_eq(proa_now() - began, 0);
    proa_abort(s);
}

SERVED_TEST(lingering_ends_after_two_seconds, make_app)
{
    struct proa_stream *s = refused(server);

    ck_ok(proa_sleep(2 * PROA_SEC - 1));
    ck_assert_uint_eq(proa_server_connections(server), 1);
    ck_ok(proa_sleep(2));
    ck_assert_uint_eq(proa_server_connections(server), 0);
    proa_abort(s);
}

/* What trickles in does not move the deadline. */
SERVED_TEST(lingering_is_not_made_longer_by_what_comes, make_app)
{
    struct proa_stream *s = refused(server);

    for (int i = 0; i < 3; i++) {
        ck_ok(proa_sleep(PROA_SEC / 2));
        say(s, "more");
    }
    ck_assert_uint_eq(proa_server_connections(server), 1);
    ck_ok(proa_sleep(PROA_SEC / 2 + 1));
    ck_assert_uint_eq(proa_server_connections(server), 0);
    proa_abort(s);
}

SERVED_TEST(lingering_takes_256_kib_and_no_more, make_app)
{
    static char bytes[DRAIN];
    struct proa_stream *s = refused(server);

    ck_ok(proa_write(s, bytes, sizeof bytes, NULL));
    t_turns(4);
    ck_assert_uint_eq(proa_server_connections(server), 1);
    say(s, "x");
    t_turns(4);
    ck_assert_uint_eq(proa_server_connections(server), 0);
    proa_abort(s);
}

/* Bytes that nobody read when a socket is closed make a reset, which would overtake the answer.
 * These are more than one read takes. */
static void flood(struct proa_server *server, const char *first, int status)
{
    static char more[40 * 1024];
    char text[1024] = "";
    int fd = t_peer_connect_port(proa_server_port(server, 0));

    memset(more, 'x', sizeof more);
    t_peer_say(fd, first);
    t_peer_send(fd, more, sizeof more);
    t_turns(8);
    ck_assert_int_gt(t_peer_recv(fd, text, sizeof text - 1), 0);
    ck_assert_int_eq(status_of(text), status);
    ck_assert_int_eq(responses_in(text), 1);
    ck_assert(t_peer_at_end(fd));
    t_peer_close(fd);
}

static int still_sending_body(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *server = NULL;

    (void)arg;
    ck_ok(proa_server_start(&server, app, NULL));
    ck_ok(proa_yield());
    flood(server, BAD, 400);
    flood(server, LAST("/"), 200);
    flood(server, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n", 405);
    served_end(server, app);
    return 0;
}

START_TEST(a_client_that_still_sends_can_read_its_last_response)
{
    t_run(still_sending_body, NULL);
}
END_TEST

/* The connection stays for a client that says `first`, is answered, and is `late` with more. */
static void lingers(struct proa_server *server, const char *first, const char *late)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, first);
    if (late) {
        t_turns(4); /* the handler has begun, and sleeps */
        say(s, late);
    }
    ck_assert_int_eq(responses_in(hear_all(s)), 1);
    ck_assert_uint_eq(proa_server_connections(server), 1);
    ck_ok(proa_shutdown(s));
    t_turns(4);
    ck_assert_uint_eq(proa_server_connections(server), 0);
    proa_abort(s);
}

SERVED_TEST(whoever_may_still_be_sending_is_listened_to, make_app)
{
    lingers(server, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n", NULL);
    lingers(server, LAST("/") ONE, NULL);
    lingers(server, LAST("/stream"), ONE);
}

SERVED_TEST(a_connection_that_needs_no_lingering_is_closed_at_once, make_app)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, LAST("/"));
    ck_assert_int_eq(status_of(hear_all(s)), 200);
    ck_assert_uint_eq(proa_server_connections(server), 0);
    proa_abort(s);
}

static int stop_body(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *server = served_start(app, NULL);
    struct proa_stream *s = refused(server);
    int64_t began = proa_now();

    (void)arg;
    ck_ok(proa_server_stop(server, 10 * PROA_SEC));
    ck_assert_int_eq(proa_now() - began, 2 * PROA_SEC);
    proa_abort(s);
    proa_server_free(server);
    proa_app_free(app);
    return 0;
}

START_TEST(a_stop_lets_lingering_connections_end)
{
    t_run(stop_body, NULL);
}
END_TEST

/* ---- empty lines, of which some clients send one behind a request */

static void is_closed_silently(struct proa_server *server, const char *first, const char *then,
                               int responses, int64_t after)
{
    struct proa_stream *s = served_connect(server, NULL);
    int64_t began = proa_now();

    say(s, first);
    t_turns(4);
    if (*then)
        say(s, then);
    const char *text = hear_all(s);
    ck_assert_int_eq(responses_in(text), responses);
    if (responses)
        ck_assert_str_eq(body_of(text), "hello");
    else
        ck_assert_str_eq(text, "");
    ck_assert_int_eq(proa_now() - began, after);
    ck_assert_uint_eq(proa_server_connections(server), 0);
    proa_abort(s);
}

SERVED_TEST(an_empty_line_behind_a_request_is_closed_silently_when_idle, make_app)
{
    static const char *const lines[] = {"\r", "\r\n", "\r\n\r", "\r\n\r\n"};

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char both[64] = ONE;

        is_closed_silently(server, ONE, lines[i], 1, 75 * PROA_SEC);
        is_closed_silently(server, strcat(both, lines[i]), "", 1, 75 * PROA_SEC);
    }
}

SERVED_TEST(an_empty_line_and_nothing_else_is_closed_silently, make_app)
{
    is_closed_silently(server, "\r", "", 0, 10 * PROA_SEC);
    is_closed_silently(server, "\r", "\n", 0, 10 * PROA_SEC);
    is_closed_silently(server, "\r\n\r\n", "", 0, 10 * PROA_SEC);
}

SERVED_TEST(a_client_that_leaves_behind_half_an_empty_line_is_told_nothing, make_app)
{
    const char *text = ask(server, ONE "\r");

    ck_assert_int_eq(responses_in(text), 1);
    ck_assert_str_eq(body_of(text), "hello");
    ck_assert_str_eq(ask(server, "\r"), "");
    ck_assert_str_eq(ask(server, "\r\n"), "");
}

SERVED_TEST(a_request_may_follow_an_empty_line_at_any_time, make_app)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, ONE "\r");
    ck_assert_int_eq(status_of(hear_some(s)), 200);
    ck_ok(proa_sleep(70 * PROA_SEC));
    say(s, "\n" ONE);
    ck_assert_int_eq(status_of(hear_some(s)), 200);
    proa_abort(s);
}

/* Its first byte begins the ten seconds, not the empty line before it. */
SERVED_TEST(the_head_behind_an_empty_line_has_its_own_deadline, make_app)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, ONE "\r\n");
    ck_assert_int_eq(status_of(hear_some(s)), 200);
    ck_ok(proa_sleep(70 * PROA_SEC));
    int64_t began = proa_now();
    say(s, "G");
    ck_assert_int_eq(status_of(hear_some(s)), 408);
    ck_assert_int_eq(proa_now() - began, 10 * PROA_SEC);
    proa_abort(s);
}

static int stop_blank_body(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *server = served_start(app, NULL);
    struct proa_stream *early = served_connect(server, NULL);
    struct proa_stream *late = served_connect(server, NULL);
    int64_t began = proa_now();

    (void)arg;
    say(early, ONE "\r\n");
    say(late, ONE);
    ck_assert_int_eq(responses_in(hear_some(early)), 1);
    ck_assert_int_eq(responses_in(hear_some(late)), 1);
    say(late, "\r");
    ck_ok(proa_server_stop(server, 10 * PROA_SEC));
    ck_assert_int_eq(proa_now() - began, 0);
    ck_assert_str_eq(hear_all(early), "");
    ck_assert_str_eq(hear_all(late), "");
    proa_abort(early);
    proa_abort(late);
    proa_server_free(server);
    proa_app_free(app);
    return 0;
}

START_TEST(an_empty_line_does_not_hold_up_a_stop)
{
    t_run(stop_blank_body, NULL);
}
END_TEST

/* An idle client's next request has arrived, and nobody has looked yet: it is answered. */
static int stop_readable_body(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *server = served_start(app, NULL);
    struct proa_stream *whole = served_connect(server, NULL);
    struct proa_stream *half = served_connect(server, NULL);

    (void)arg;
    say(whole, ONE);
    say(half, ONE);
    ck_assert_int_eq(status_of(hear_some(whole)), 200);
    ck_assert_int_eq(status_of(hear_some(half)), 200);
    say(whole, ONE);
    say(half, "GET / HT");
    int64_t began = proa_now();
    ck_ok(proa_server_stop(server, 20 * PROA_SEC));
    ck_assert_int_eq(proa_now() - began, 12 * PROA_SEC); /* a head's time, and a lingering's */
    const char *text = hear_all(whole);
    ck_assert_int_eq(status_of(text), 200);
    ck_str_eq(field_of(text, "Connection"), "close");
    ck_assert_int_eq(status_of(hear_all(half)), 408);
    proa_abort(whole);
    proa_abort(half);
    proa_server_free(server);
    proa_app_free(app);
    return 0;
}

START_TEST(a_stop_answers_an_idle_client_whose_request_has_arrived)
{
    t_run(stop_readable_body, NULL);
}
END_TEST

/* A response that began before a stop and ends within it: no other follows, so nothing is waited
 * for. */
static int stop_stream_body(void *behind)
{
    struct proa_app *app = make_app();
    struct proa_server *server = served_start(app, NULL);
    struct proa_stream *s = served_connect(server, NULL);
    int64_t began = proa_now();

    say(s, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    say(s, behind);
    ck_assert_int_eq(status_of(hear_some(s)), 200);
    ck_ok(proa_server_stop(server, 10 * PROA_SEC));
    ck_assert_int_eq(proa_now() - began, PROA_SEC);
    ck_assert_str_eq(hear_all(s), "0\r\n\r\n");
    proa_abort(s);
    proa_server_free(server);
    proa_app_free(app);
    return 0;
}

START_TEST(a_stream_that_ends_within_a_stop_ends_its_connection)
{
    static char none[] = "", half[] = "\r", line[] = "\r\n";

    t_run(stop_stream_body, none);
    t_run(stop_stream_body, half);
    t_run(stop_stream_body, line);
}
END_TEST

int main(void)
{
    return t_main(
        "ends", (const TTest *const[]){
                    a_lingering_connection_holds_neither_task_nor_stack_nor_exchange,
                    lingering_ends_with_the_client_s_end, lingering_ends_after_two_seconds,
                    lingering_is_not_made_longer_by_what_comes, lingering_takes_256_kib_and_no_more,
                    a_client_that_still_sends_can_read_its_last_response,
                    whoever_may_still_be_sending_is_listened_to,
                    a_connection_that_needs_no_lingering_is_closed_at_once,
                    a_stop_lets_lingering_connections_end,
                    an_empty_line_behind_a_request_is_closed_silently_when_idle,
                    an_empty_line_and_nothing_else_is_closed_silently,
                    a_client_that_leaves_behind_half_an_empty_line_is_told_nothing,
                    a_request_may_follow_an_empty_line_at_any_time,
                    the_head_behind_an_empty_line_has_its_own_deadline,
                    an_empty_line_does_not_hold_up_a_stop,
                    a_stop_answers_an_idle_client_whose_request_has_arrived,
                    a_stream_that_ends_within_a_stop_ends_its_connection, NULL});
}
