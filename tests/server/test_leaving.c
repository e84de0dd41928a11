#include "served.h"

#include <proa/err.h>
#include <proa/group.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

/* Clients that leave while a handler works for them. */

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

static int seen_rc, other_rc;
static int64_t seen_at;

/* Starts its response, so that it is rendered as one of a connection that goes on; then its client
 * leaves. */
static int starts_and_waits(struct proa_request *req, struct proa_response *resp, void *arg)
{
    int rc = proa_response_start(resp, 200, "text/plain");

    (void)arg;
    if (rc == 0)
        rc = proa_response_write(resp, "first", 5);
    return rc < 0 ? rc : proa_request_wait_disconnect(req);
}

static int sleeps(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    seen_rc = proa_sleep(PROA_HOUR);
    seen_at = proa_now();
    return seen_rc < 0 ? seen_rc : proa_response_text(resp, 200, "slept");
}

static int quick(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_text(resp, 200, "quick");
}

static int waits(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)arg;
    seen_rc = proa_request_wait_disconnect(req);
    seen_at = proa_now();
    return proa_response_text(resp, 200, "to nobody");
}

static int wait_gone(void *req)
{
    int rc = proa_request_wait_disconnect(req);

    seen_at = proa_now();
    return rc;
}

static int two_wait(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_task_ref one, two;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &one, wait_gone, req, NULL));
    ck_ok(proa_create_task_opts(&g, &two, wait_gone, req, NULL));
    ck_ok(proa_sleep(PROA_SEC));
    ck_ok(proa_task_cancel(one));
    seen_rc = proa_task_join(one);
    ck_assert(!proa_task_is_done(two));
    other_rc = proa_task_join(two);
    return proa_response_text(resp, 200, "to nobody");
}

static int streams_and_sleeps(struct proa_request *req, struct proa_response *resp, void *arg)
{
    int rc = proa_response_start(resp, 200, "text/plain");

    (void)req;
    (void)arg;
    for (int i = 0; i < 100 && rc == 0; i++) {
        rc = proa_response_write(resp, "piece", 5);
        if (rc == 0)
            rc = proa_sleep(PROA_SEC);
    }
    return seen_rc = rc;
}

static int fails_in_mid_stream(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    ck_ok(proa_response_start(resp, 200, "text/plain"));
    return PROA_ENOENT;
}

static int reads(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;

    (void)resp;
    (void)arg;
    return seen_rc = proa_request_read_body(req, &body);
}

static struct proa_app *make_app(void)
{
    const struct proa_route_opts *bound = PROA_ROUTE_OPTS(.cancel_on_disconnect = true);
    struct proa_app *app = NULL;

    seen_rc = other_rc = 1;
    seen_at = -1;
    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/starts", starts_and_waits, NULL);
    proa_app_route(app, "GET", "/bound", sleeps, NULL, bound);
    proa_app_route(app, "GET", "/bound-quick", quick, NULL, bound);
    proa_app_get(app, "/waits", waits, NULL);
    proa_app_get(app, "/two", two_wait, NULL);
    proa_app_get(app, "/stream", streams_and_sleeps, NULL);
    proa_app_route(app, "GET", "/bound-stream", streams_and_sleeps, NULL, bound);
    proa_app_get(app, "/fails", fails_in_mid_stream, NULL);
    proa_app_post(app, "/reads", reads, NULL);
    return app;
}

/* ---- pipelined requests of a client that left while an earlier one was answered */

static void leave_early(struct proa_server *server, const char *both)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, both);
    ck_ok(proa_sleep(PROA_SEC));
    ck_ok(proa_shutdown(s));
    ck_ok(proa_sleep(2 * PROA_SEC));
    proa_abort(s);
}

SERVED_TEST(a_bound_handler_is_told_of_a_client_that_left_before_its_turn, make_app)
{
    int64_t began = proa_now();

    leave_early(server, GET("/starts") GET("/bound"));
    ck_assert_int_eq(seen_rc, PROA_ECANCELED);
    ck_assert_int_eq(seen_at - began, PROA_SEC);
}

SERVED_TEST(waiting_for_a_client_that_left_before_does_not_wait, make_app)
{
    int64_t began = proa_now();

    leave_early(server, GET("/starts") GET("/waits"));
    ck_assert_int_eq(seen_rc, 0);
    ck_assert_int_eq(seen_at - began, PROA_SEC);
}

/* What bound the handler before it has ended with it. */
SERVED_TEST(a_bound_handler_leaves_nothing_to_the_next, make_app)
{
    struct proa_stream *s = served_connect(server, NULL);
    int64_t began = proa_now();

    say(s, GET("/bound-quick") GET("/waits"));
    ck_ok(proa_sleep(PROA_SEC));
    proa_abort(s);
    ck_ok(proa_sleep(PROA_SEC));
    ck_assert_int_eq(seen_rc, 0);
    ck_assert_int_eq(seen_at - began, PROA_SEC);
}

SERVED_TEST(each_request_of_a_connection_is_watched_anew, make_app)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, GET("/bound-quick"));
    ck_assert_int_eq(status_of(hear_some(s)), 200);
    say(s, GET("/waits"));
    ck_ok(proa_sleep(PROA_SEC));
    ck_assert_int_eq(seen_rc, 1);
    proa_abort(s);
    ck_ok(proa_sleep(PROA_SEC));
    ck_assert_int_eq(seen_rc, 0);
}

/* Nobody watched while it left: the watch itself finds out. */
SERVED_TEST(a_bound_handler_is_told_of_a_client_that_left_unseen, make_app)
{
    struct proa_stream *s = served_connect(server, NULL);
    int64_t began = proa_now();

    say_all(s, GET("/bound"), strlen(GET("/bound")));
    ck_ok(proa_sleep(PROA_SEC));
    ck_assert_int_eq(seen_rc, PROA_ECANCELED);
    ck_assert_int_eq(seen_at - began, 0);
    proa_abort(s);
}

/* Gone, as far as is known; it may still be there to read it, and learns that no more follows. */
SERVED_TEST(a_response_to_a_client_that_left_is_the_last, make_app)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, GET("/waits") GET("/bound-quick"));
    ck_ok(proa_sleep(PROA_SEC));
    ck_ok(proa_shutdown(s));
    const char *text = hear_all(s);
    ck_assert_int_eq(heard_end(), 0);
    ck_assert_int_eq(responses_in(text), 1);
    ck_assert_int_eq(status_of(text), 200);
    ck_str_eq(field_of(text, "Connection"), "close");
    proa_abort(s);
}

/* ---- waiting for it */

SERVED_TEST(of_two_that_wait_for_the_client_one_cancelled_leaves_the_other_waiting, make_app)
{
    struct proa_stream *s = served_connect(server, NULL);
    int64_t began = proa_now();

    say(s, GET("/two"));
    ck_ok(proa_sleep(3 * PROA_SEC));
    ck_assert_int_eq(seen_rc, PROA_ETASKCANCELED);
    ck_assert_int_eq(other_rc, 1);
    proa_abort(s);
    ck_ok(proa_sleep(PROA_SEC));
    ck_assert_int_eq(other_rc, 0);
    ck_assert_int_eq(seen_at - began, 3 * PROA_SEC);
}

/* ---- what is logged of it: nothing */

SERVED_TEST(a_stream_cut_by_its_client_logs_nothing, make_app)
{
    struct proa_stream *s = served_connect(server, NULL);

    log_keep();
    say(s, GET("/stream"));
    ck_assert_int_eq(status_of(hear_some(s)), 200);
    proa_abort(s);
    ck_ok(proa_sleep(3 * PROA_SEC));
    ck_assert_int_lt(seen_rc, 0);
    ck_assert_uint_eq(proa_server_connections(server), 0);
    ck_assert_str_eq(log_kept(), "");
}

SERVED_TEST(a_bound_stream_that_its_client_left_logs_nothing, make_app)
{
    struct proa_stream *s = served_connect(server, NULL);

    log_keep();
    say(s, GET("/bound-stream"));
    ck_assert_int_eq(status_of(hear_some(s)), 200);
    ck_ok(proa_shutdown(s));
    ck_ok(proa_sleep(PROA_SEC / 2));
    ck_assert_int_eq(seen_rc, PROA_ECANCELED);
    ck_assert_str_eq(log_kept(), "");
    proa_abort(s);
}

SERVED_TEST(a_body_that_its_client_left_logs_nothing, make_app)
{
    log_keep();
    ck_assert_str_eq(ask(server, "POST /reads HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab"),
                     "");
    ck_assert_int_eq(seen_rc, PROA_EEOF);
    ck_assert_str_eq(log_kept(), "");
}

/* The other side of it: what failed by itself is told. */
SERVED_TEST(a_stream_that_fails_by_itself_is_logged, make_app)
{
    log_keep();
    ask(server, GET("/fails"));
    ck_assert_str_eq(log_kept(),
                     "GET /fails: failed after its head had left: no such file or directory\n");
}

/* Cancelled at a stop's end, it is no failure of the handler's either. */
static int stop_body(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *server = served_start(app, NULL);
    struct proa_stream *s = served_connect(server, NULL);

    (void)arg;
    log_keep();
    say(s, GET("/stream"));
    ck_assert_int_eq(status_of(hear_some(s)), 200);
    ck_err(proa_server_stop(server, PROA_SEC / 2), PROA_ETIMEDOUT);
    ck_assert_int_eq(seen_rc, PROA_ECANCELED);
    ck_assert_str_eq(log_kept(), "");
    proa_abort(s);
    proa_server_free(server);
    proa_app_free(app);
    return 0;
}

START_TEST(a_stream_cut_by_a_stop_logs_nothing)
{
    t_run(stop_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("leaving",
                  (const TTest *const[]){
                      a_bound_handler_is_told_of_a_client_that_left_before_its_turn,
                      waiting_for_a_client_that_left_before_does_not_wait,
                      a_bound_handler_leaves_nothing_to_the_next,
                      each_request_of_a_connection_is_watched_anew,
                      a_bound_handler_is_told_of_a_client_that_left_unseen,
                      a_response_to_a_client_that_left_is_the_last,
                      of_two_that_wait_for_the_client_one_cancelled_leaves_the_other_waiting,
                      a_stream_cut_by_its_client_logs_nothing,
                      a_bound_stream_that_its_client_left_logs_nothing,
                      a_body_that_its_client_left_logs_nothing,
                      a_stream_that_fails_by_itself_is_logged, a_stream_cut_by_a_stop_logs_nothing,
                      NULL});
}
