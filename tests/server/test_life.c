#include "served.h"
#include "support/t_peer.h"

#include <proa/err.h>
#include <proa/group.h>
#include <proa/run.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <string.h>

/* From start to free, in every order: servers and their apps. */

#define ONE "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

static int n_urls;

static void count_url(void *arg, const char *text)
{
    (void)arg;
    (void)text;
    n_urls++;
}

/* ---- the order of freeing */

/* Neither does its task run, nor has it opened its ears. */
static int unbegun_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = NULL;

    (void)arg;
    ck_ok(proa_server_start(&server, app, PROA_SERVER_OPTS(.listening = count_url)));
    proa_server_free(server);
    proa_app_free(app);
    t_turns(4);
    ck_assert_int_eq(n_urls, 0);
    return 0;
}

START_TEST(a_server_freed_before_it_began_never_listens_and_its_app_may_go)
{
    t_run(unbegun_body, NULL);
}
END_TEST

struct left {
    struct proa_app *app;
    struct proa_server *server;
};

static int left_body(void *arg)
{
    struct left *left = arg;

    left->app = hello_app();
    left->server = served_start(left->app, NULL);
    return 0;
}

/* The end of the run has stopped it. */
START_TEST(a_server_can_be_freed_after_its_loop)
{
    struct left left;

    ck_ok(proa_run(left_body, &left, NULL));
    proa_server_free(left.server);
    proa_app_free(left.app);
}
END_TEST

static int idle_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = served_start(app, NULL);
    struct proa_stream *idle = served_connect(server, NULL);
    struct proa_stream *fresh = served_connect(server, NULL);
    struct proa_stream *refused = served_connect(server, NULL);

    (void)arg;
    say(idle, ONE);
    ck_assert_int_eq(status_of(hear_some(idle)), 200);
    say(refused, "BAD\r\n\r\n");
    ck_assert_int_eq(status_of(hear_all(refused)), 400);
    ck_assert_uint_eq(proa_server_connections(server), 3);
    proa_server_free(server);
    proa_app_free(app); /* before any other task has run */
    hear_all(idle);
    ck_assert_int_eq(heard_end(), PROA_ECONNRESET);
    hear_all(fresh);
    ck_assert_int_eq(heard_end(), PROA_ECONNRESET);
    proa_abort(idle);
    proa_abort(fresh);
    proa_abort(refused);
    t_turns(4); /* its task ends */
    return 0;
}

START_TEST(an_app_may_go_at_once_after_a_server_without_running_handlers)
{
    t_run(idle_body, NULL);
}
END_TEST

/* A listener whose server is freed lets nobody in whom the loop had accepted already. */
static int late_accept_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = NULL;
    char byte;

    (void)arg;
    ck_ok(proa_server_start(&server, app, NULL));
    ck_ok(proa_yield());
    int fd = t_peer_connect_port(proa_server_port(server, 0));
    t_peer_say(fd, ONE);
    proa_server_free(server);
    proa_app_free(app);
    t_turns(8);
    ck_assert_int_ne(t_peer_recv(fd, &byte, 1), 1);
    t_peer_close(fd);
    return 0;
}

START_TEST(a_freed_server_answers_nobody)
{
    t_run(late_accept_body, NULL);
}
END_TEST

static int stopped_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = served_start(app, NULL);
    struct proa_stream *mine = NULL;
    struct proa_stream *its = NULL;

    (void)arg;
    ck_ok(proa_server_stop(server, PROA_SEC));
    ck_ok(proa_server_stop(server, PROA_SEC)); /* again: it has stopped */
    ck_ok(proa__pair_new(&mine, &its, NULL));
    ck_err(proa_server_add_stream_steal(server, its, false), PROA_ECLOSED);
    proa_server_free(server);
    proa_app_free(app);
    proa_server_free(NULL);
    proa_app_free(NULL);
    proa_abort(mine);
    return 0;
}

START_TEST(a_stopped_server_takes_no_connection_and_frees_in_order)
{
    t_run(stopped_body, NULL);
}
END_TEST

static int app_first_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = served_start(app, NULL);

    if (arg)
        ck_ok(proa_server_stop(server, PROA_SEC));
    proa_app_free(app);
    return 0;
}

START_TEST(an_app_freed_before_its_server_aborts_with_a_sentence)
{
    t_run_aborts(app_first_body, NULL, "app freed while a server uses it");
    t_run_aborts(app_first_body, &slept_rc, "app freed while a server uses it");
}
END_TEST

/* Its handler still runs: the app is in use until that has returned. */
static int busy_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = served_start(app, NULL);
    struct proa_stream *s = served_connect(server, NULL);

    say(s, "GET /long HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_ok(proa_sleep(PROA_SEC));
    proa_server_free(server);
    if (!arg)
        ck_ok(proa_sleep(PROA_SEC));
    ck_assert_int_eq(slept_rc, arg ? 1 : PROA_ECANCELED);
    proa_app_free(app);
    proa_abort(s);
    return 0;
}

START_TEST(an_app_may_go_when_the_last_handler_has_returned_and_not_before)
{
    t_run(busy_body, NULL);
    t_run_aborts(busy_body, &slept_rc, "app freed while a server uses it");
}
END_TEST

/* ---- the end of a stop */

static int stop_in_a_second(void *server)
{
    return proa_server_stop(server, PROA_SEC);
}

/* Cancelled, yet it answers, and leaves its body unread. */
static int answers_in_a_shield(struct proa_request *req, struct proa_response *resp, void *arg)
{
    PROA_SHIELD(shield, PROA_MIN);
    ck_ok(proa_sleep(2 * PROA_SEC));
    return say_hello(req, resp, arg);
}

/* So its connection would linger when the last handler has returned: the stop does not wait. */
static int lingers_body(void *arg)
{
    struct proa_app *app = hello_app();

    (void)arg;
    proa_app_post(app, "/shielded", answers_in_a_shield, NULL);
    struct proa_server *server = served_start(app, NULL);
    struct proa_stream *s = served_connect(server, NULL);
    say(s, "POST /shielded HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
    ck_ok(proa_yield());
    int64_t began = proa_now();
    ck_err(proa_server_stop(server, PROA_SEC), PROA_ETIMEDOUT);
    ck_assert_int_eq(proa_now() - began, 2 * PROA_SEC);
    ck_assert_uint_eq(proa_server_connections(server), 0);
    ck_assert_int_eq(status_of(hear_all(s)), 200);
    proa_server_free(server);
    proa_app_free(app);
    ck_ok(proa_sleep(PROA_MIN)); /* no timer of it is left */
    proa_abort(s);
    return 0;
}

START_TEST(no_connection_outlives_a_stop)
{
    t_run(lingers_body, NULL);
}
END_TEST

/* What no handler has is not waited for: it ends with the grace time, as the handlers' wait begins.
 */
static int headless_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_task_ref stop;

    (void)arg;
    proa_app_post(app, "/shielded", answers_in_a_shield, NULL);
    struct proa_server *server = served_start(app, NULL);
    struct proa_stream *busy = served_connect(server, NULL);
    struct proa_stream *half = served_connect(server, NULL);
    say(busy, "POST /shielded HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    say(half, "GET / HT");
    t_turns(4);
    int64_t began = proa_now();
    ck_ok(proa_create_task_opts(NULL, &stop, stop_in_a_second, server, NULL));
    ck_assert_str_eq(hear_all(half), "");
    ck_assert_int_eq(heard_end(), PROA_ECONNRESET);
    ck_assert_int_eq(proa_now() - began, PROA_SEC);
    ck_err(proa_task_join(stop), PROA_ETIMEDOUT);
    ck_assert_int_eq(proa_now() - began, 2 * PROA_SEC);
    proa_abort(busy);
    proa_abort(half);
    proa_server_free(server);
    proa_app_free(app);
    return 0;
}

START_TEST(a_connection_without_handler_ends_with_the_grace_time)
{
    t_run(headless_body, NULL);
}
END_TEST

/* The stop was to take an hour; its caller gave up after a second. */
static int impatient_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = served_start(app, NULL);
    struct proa_stream *s = served_connect(server, NULL);

    (void)arg;
    say(s, "GET /long HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_ok(proa_yield());
    ck_err(PROA_WITHIN(PROA_SEC, proa_server_stop(server, 2 * PROA_HOUR)), PROA_ETIMEDOUT);
    ck_assert_int_eq(slept_rc, 1);
    int64_t began = proa_now();
    proa_server_free(server);
    t_turns(4);
    ck_assert_int_eq(slept_rc, PROA_ECANCELED);
    ck_assert_int_eq(proa_now() - began, 0);
    proa_app_free(app);
    proa_abort(s);
    return 0;
}

START_TEST(freeing_a_server_that_drains_ends_the_drain)
{
    t_run(impatient_body, NULL);
}
END_TEST

static int stop_for_an_hour(void *server)
{
    return proa_server_stop(server, PROA_HOUR);
}

static int robbed_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = served_start(app, NULL);
    struct proa_stream *s = served_connect(server, NULL);
    struct proa_task_ref stop;

    (void)arg;
    say(s, "GET /long HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_ok(proa_create_task_opts(NULL, &stop, stop_for_an_hour, server, NULL));
    t_turns(4);
    proa_server_free(server);
    ck_err(proa_task_join(stop), PROA_ECLOSED);
    ck_assert_int_eq(slept_rc, PROA_ECANCELED);
    proa_app_free(app);
    proa_abort(s);
    return 0;
}

START_TEST(a_stop_whose_server_is_freed_meanwhile_says_so)
{
    t_run(robbed_body, NULL);
}
END_TEST

struct survivor {
    struct proa_app *app;
    struct proa_server *server;
    struct proa_stream *s;
    int status;
};

/* A task that the run's end cancels too, and that holds out. */
static int survive(void *arg)
{
    struct survivor *v = arg;

    PROA_SHIELD(shield, PROA_MIN);
    v->status = status_of(hear_all(v->s));
    proa_abort(v->s);
    int rc = proa_server_stop(v->server, PROA_SEC);
    proa_server_free(v->server);
    proa_app_free(v->app);
    return rc;
}

static int ends_body(void *arg)
{
    struct survivor *v = arg;
    const struct pair_opts slow = {.ab.delay = PROA_SEC / 2};

    v->app = hello_app();
    v->server = served_start(v->app, NULL);
    v->s = served_connect(v->server, &slow);
    say(v->s, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    return proa_create_task(NULL, survive, v);
}

/* Its request was under way when the main task returned. */
START_TEST(a_run_s_end_is_a_stop_that_answers_whom_it_had_accepted)
{
    struct survivor v = {0};

    ck_ok(proa_run(ends_body, &v, PROA_RUN_OPTS(.virtual_clock = true)));
    ck_assert_int_eq(v.status, 200);
}
END_TEST

/* ---- starting */

static int each_alloc_body(void *arg)
{
    PROA_AUTO(proa_app) *app = NULL;
    struct proa_server *server = NULL;
    struct proa_bind binds[] = {{.host = "127.0.0.1"}, {.unix_path = t_peer_name("life")}};

    (void)arg;
    int rc = proa_app_new(&app, NULL);
    if (rc < 0)
        return rc;
    proa_app_get(app, "/", say_hello, NULL);
    rc = proa_server_start(&server, app,
                           PROA_SERVER_OPTS(.binds = binds, .n_binds = 2, .server_name = "proa"));
    if (rc < 0)
        return rc;
    rc = proa_yield();
    int stopped = proa_server_stop(server, PROA_SEC);
    proa_server_free(server);
    return rc < 0 ? rc : stopped;
}

START_TEST(starting_fails_in_order_without_memory)
{
    t_run_each_alloc(each_alloc_body, NULL);
}
END_TEST

/* The second address is taken, the first one is given back. */
static int half_started_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = NULL;
    struct proa_server *second = NULL;

    (void)arg;
    ck_ok(proa_server_start(&server, app, NULL));
    struct proa_bind binds[] = {{.unix_path = t_peer_name("half")},
                                {.port = proa_server_port(server, 0)}};
    ck_err(proa_server_start(&second, app, PROA_SERVER_OPTS(.binds = binds, .n_binds = 2)),
           PROA_EADDRINUSE);
    ck_ok(proa_server_start(&second, app, PROA_SERVER_OPTS(.binds = binds, .n_binds = 1)));
    ck_ok(proa_server_stop(second, PROA_SEC));
    proa_server_free(second);
    served_end(server, app);
    return 0;
}

START_TEST(a_server_that_cannot_start_gives_back_what_it_had)
{
    t_run(half_started_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("life", (const TTest *const[]){
                              a_server_freed_before_it_began_never_listens_and_its_app_may_go,
                              a_server_can_be_freed_after_its_loop,
                              an_app_may_go_at_once_after_a_server_without_running_handlers,
                              a_freed_server_answers_nobody,
                              a_stopped_server_takes_no_connection_and_frees_in_order,
                              an_app_freed_before_its_server_aborts_with_a_sentence,
                              an_app_may_go_when_the_last_handler_has_returned_and_not_before,
                              no_connection_outlives_a_stop,
                              a_connection_without_handler_ends_with_the_grace_time,
                              freeing_a_server_that_drains_ends_the_drain,
                              a_stop_whose_server_is_freed_meanwhile_says_so,
                              a_run_s_end_is_a_stop_that_answers_whom_it_had_accepted,
                              starting_fails_in_order_without_memory,
                              a_server_that_cannot_start_gives_back_what_it_had, NULL});
}
