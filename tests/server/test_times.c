#include "served.h"

#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

/* The times of a connection and of a stop; the clock is virtual, so each is exact. */

static int hello(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_text(resp, 200, "hello");
}

static int reads(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;
    int rc = proa_request_read_body(req, &body);

    (void)arg;
    return rc < 0 ? rc : proa_response_static(resp, 200, "text/plain", body.p, body.n);
}

static int seen_rc;

static int sleeps(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    seen_rc = proa_sleep(*(int64_t *)arg);
    return seen_rc < 0 ? seen_rc : proa_response_text(resp, 200, "slept");
}

static int floods(struct proa_request *req, struct proa_response *resp, void *arg)
{
    static char piece[16384];
    int rc = proa_response_start(resp, 200, "text/plain");

    (void)req;
    (void)arg;
    for (int i = 0; i < 100 && rc == 0; i++)
        rc = proa_response_write(resp, piece, sizeof piece);
    return seen_rc = rc;
}

static int waits_gone(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)arg;
    seen_rc = proa_request_wait_disconnect(req);
    return proa_response_text(resp, 200, "to nobody");
}

static int64_t long_sleep = 3600 * (int64_t)PROA_SEC;
static int64_t short_sleep = 2 * (int64_t)PROA_SEC;

static struct proa_app *make_app(void)
{
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/", hello, NULL);
    proa_app_post(app, "/", reads, NULL);
    proa_app_get(app, "/long", sleeps, &long_sleep);
    proa_app_get(app, "/short", sleeps, &short_sleep);
    proa_app_get(app, "/flood", floods, NULL);
    proa_app_get(app, "/gone", waits_gone, NULL);
    proa_app_route(app, "GET", "/bound", sleeps, &long_sleep,
                   PROA_ROUTE_OPTS(.cancel_on_disconnect = true));
    return app;
}

typedef void served_fn(struct proa_server *server);

static int frame(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *server = served_start(app, NULL);

    seen_rc = 1;
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

/* HTTP-CONN-08: nothing was said, nothing is answered. */
SERVED(a_silent_connection_is_closed_after_ten_seconds)
{
    struct proa_stream *s = served_connect(server, NULL);
    int64_t began = proa_now();

    ck_assert_str_eq(hear_all(s), "");
    ck_assert_int_eq(proa_now() - began, 10 * PROA_SEC);
    proa_abort(s);
}

SERVED(half_a_head_is_a_408_after_ten_seconds)
{
    struct proa_stream *s = served_connect(server, NULL);
    int64_t began = proa_now();

    say(s, "GET / HTTP/1.1\r\nHost:");
    const char *text = hear_all(s);
    ck_assert_int_eq(status_of(text), 408);
    ck_assert_int_eq(proa_now() - began, 10 * PROA_SEC);
    proa_abort(s);
}

/* Slowloris: a byte now and then does not move the deadline. */
SERVED(a_head_has_one_deadline_however_it_trickles)
{
    struct proa_stream *s = served_connect(
        server, &(struct pair_opts){.ab = {.split = 1, .delay = PROA_SEC}});
    int64_t began = proa_now();

    say(s, "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
    ck_assert_int_eq(status_of(hear_all(s)), 408);
    ck_assert_int_le(proa_now() - began, 13 * PROA_SEC);
    proa_abort(s);
}

SERVED(an_idle_connection_is_closed_after_75_seconds)
{
    struct proa_stream *s = served_connect(server, NULL);
    int64_t began = proa_now();

    say(s, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_assert_int_eq(responses_in(hear_all(s)), 1);
    ck_assert_int_eq(proa_now() - began, 75 * PROA_SEC);
    proa_abort(s);
}

SERVED(a_body_that_stops_coming_is_a_408_after_20_seconds)
{
    struct proa_stream *s = served_connect(server, NULL);
    int64_t began = proa_now();

    say(s, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabc");
    ck_assert_int_eq(status_of(hear_all(s)), 408);
    ck_assert_int_ge(proa_now() - began, 20 * PROA_SEC);
    ck_assert_int_le(proa_now() - began, 23 * PROA_SEC);
    proa_abort(s);
}

SERVED(a_client_that_reads_nothing_is_cut_after_30_seconds)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, "GET /flood HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_ok(proa_sleep(29 * PROA_SEC));
    ck_assert_int_eq(seen_rc, 1);
    ck_ok(proa_sleep(2 * PROA_SEC));
    ck_assert_int_eq(seen_rc, PROA_ECLIENTTIMEDOUT);
    ck_assert_uint_eq(proa_server_connections(server), 0);
    proa_abort(s);
}

/* HTTP-RESP-08: the body is asked for when the handler reads it. */
SERVED(expect_100_is_answered_when_the_body_is_read)
{
    struct proa_stream *s = served_connect(server, NULL);
    char text[256] = "";

    say(s, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: "
           "close\r\n\r\n");
    ssize_t n = proa_read(s, text, sizeof text - 1);
    ck_assert_int_gt(n, 0);
    ck_assert_str_eq(text, "HTTP/1.1 100 Continue\r\n\r\n");
    say(s, "x");
    ck_ok(proa_sleep(PROA_SEC));
    say(s, "yz");
    const char *rest = hear_all(s); /* asked for once */
    ck_assert_int_eq(status_of(rest), 200);
    ck_assert_str_eq(body_of(rest), "xyz");
    proa_abort(s);
}

/* HTTP-RESP-09: the client need not send a body that nobody read, so the connection ends. */
SERVED(expect_100_is_not_answered_when_the_body_is_not_read)
{
    const char *text = ask(
        server,
        "POST /none HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");

    ck_assert_int_eq(status_of(text), 404);
    ck_assert_ptr_null(strstr(text, "100 Continue"));
    ck_assert_ptr_nonnull(strstr(text, "Connection: close\r\n"));
    ck_assert_int_eq(
        status_of(ask(server,
                      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: magic\r\n\r\n")),
        417);
}

/* ---- clients that leave */

SERVED(a_handler_runs_on_when_its_client_leaves)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, "GET /short HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_ok(proa_sleep(PROA_SEC));
    proa_abort(s);
    ck_ok(proa_sleep(2 * PROA_SEC));
    ck_assert_int_eq(seen_rc, 0);
}

SERVED(a_handler_that_asked_for_it_is_cancelled_when_its_client_leaves)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, "GET /bound HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_ok(proa_sleep(PROA_SEC));
    proa_abort(s);
    ck_ok(proa_sleep(PROA_SEC));
    ck_assert_int_eq(seen_rc, PROA_ECANCELED);
}

SERVED(a_handler_can_wait_for_its_client_to_leave)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, "GET /gone HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_ok(proa_sleep(PROA_SEC));
    ck_assert_int_eq(seen_rc, 1);
    proa_abort(s);
    ck_ok(proa_sleep(PROA_SEC));
    ck_assert_int_eq(seen_rc, 0);
}

/* ---- stopping */

static int stop_body(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *server = served_start(app, NULL);
    struct proa_stream *idle = served_connect(server, NULL);
    struct proa_stream *busy = served_connect(server, NULL);
    int64_t began = proa_now();
    char text_of_idle[512];

    (void)arg;
    say(idle, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    say(busy, "GET /short HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_ok(proa_sleep(PROA_SEC));
    ck_assert_int_gt(proa_read(idle, text_of_idle, sizeof text_of_idle), 0);
    ck_ok(proa_server_stop(server, 10 * PROA_SEC));
    ck_assert_int_eq(proa_now() - began, 2 * PROA_SEC); /* as long as the handler needed */
    ck_assert_int_eq(proa_read(idle, text_of_idle, 1), 0);
    const char *text = hear_all(busy);
    ck_assert_int_eq(status_of(text), 200);
    ck_assert_ptr_nonnull(strstr(text, "Connection: close\r\n"));
    proa_abort(idle);
    proa_abort(busy);
    proa_server_free(server);
    proa_app_free(app);
    return 0;
}

START_TEST(a_stop_closes_idle_connections_and_waits_for_handlers)
{
    t_run(stop_body, NULL);
}
END_TEST

/* Who was accepted just before the stop is answered; who then says nothing holds it up for a
 * second. */
static int stop_fresh_body(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *server = served_start(app, NULL);
    struct proa_stream *asks = served_connect(server,
                                              &(struct pair_opts){.ab.delay = 500 * PROA_MS});
    struct proa_stream *silent = served_connect(server, NULL);
    int64_t began = proa_now();

    (void)arg;
    say(asks, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_ok(proa_server_stop(server, 10 * PROA_SEC));
    ck_assert_int_eq(proa_now() - began, PROA_SEC);
    const char *text = hear_all(asks);
    ck_assert_int_eq(status_of(text), 200);
    ck_assert_ptr_nonnull(strstr(text, "Connection: close\r\n"));
    ck_assert_str_eq(hear_all(silent), "");
    proa_abort(asks);
    proa_abort(silent);
    proa_server_free(server);
    proa_app_free(app);
    return 0;
}

START_TEST(a_stop_answers_whom_it_had_accepted)
{
    t_run(stop_fresh_body, NULL);
}
END_TEST

static int stop_late_body(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *server = served_start(app, NULL);
    struct proa_stream *busy = served_connect(server, NULL);
    int64_t began = proa_now();

    (void)arg;
    seen_rc = 1;
    say(busy, "GET /long HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_ok(proa_sleep(PROA_SEC));
    began = proa_now();
    ck_err(proa_server_stop(server, 5 * PROA_SEC), PROA_ETIMEDOUT);
    ck_assert_int_eq(proa_now() - began, 5 * PROA_SEC);
    ck_assert_int_eq(seen_rc, PROA_ECANCELED);
    proa_abort(busy);
    proa_server_free(server);
    proa_app_free(app);
    return 0;
}

START_TEST(a_stop_cancels_handlers_when_its_time_is_over)
{
    t_run(stop_late_body, NULL);
}
END_TEST

static int free_body(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *server = served_start(app, NULL);
    struct proa_stream *busy = served_connect(server, NULL);

    (void)arg;
    seen_rc = 1;
    say(busy, "GET /long HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_ok(proa_sleep(PROA_SEC));
    proa_server_free(server);
    ck_ok(proa_sleep(PROA_SEC));
    ck_assert_int_eq(seen_rc, PROA_ECANCELED);
    proa_abort(busy);
    proa_app_free(app);
    return 0;
}

START_TEST(freeing_a_server_cancels_its_handlers)
{
    t_run(free_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("times", (const TTest *const[]){
                               a_silent_connection_is_closed_after_ten_seconds,
                               half_a_head_is_a_408_after_ten_seconds,
                               a_head_has_one_deadline_however_it_trickles,
                               an_idle_connection_is_closed_after_75_seconds,
                               a_body_that_stops_coming_is_a_408_after_20_seconds,
                               a_client_that_reads_nothing_is_cut_after_30_seconds,
                               expect_100_is_answered_when_the_body_is_read,
                               expect_100_is_not_answered_when_the_body_is_not_read,
                               a_handler_runs_on_when_its_client_leaves,
                               a_handler_that_asked_for_it_is_cancelled_when_its_client_leaves,
                               a_handler_can_wait_for_its_client_to_leave,
                               a_stop_closes_idle_connections_and_waits_for_handlers,
                               a_stop_answers_whom_it_had_accepted,
                               a_stop_cancels_handlers_when_its_time_is_over,
                               freeing_a_server_cancels_its_handlers, NULL});
}
