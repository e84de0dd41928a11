#include "net/described.h"
#include "served.h"
#include "support/t_peer.h"

#include <proa/err.h>
#include <proa/group.h>
#include <proa/log.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static int of_server(const void *object, char *buf, size_t n)
{
    return proa_server_describe(object, buf, n);
}

static void is_server(const struct proa_server *server, const char *rest)
{
    is_described(of_server, server, "server", rest);
}

/* ", STATE, at http://127.0.0.1:8080" */
static void is_at(const struct proa_server *server, const char *state, const char *at)
{
    char words[200];

    snprintf(words, sizeof words, ", %s, %s http://127.0.0.1:%s", state, at,
             strrchr(proa_server_url(server, 0), ':') + 1);
    is_server(server, words);
}

/* ---- listening */

static int limit_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = NULL;
    int peer[2];

    (void)arg;
    ck_ok(proa_server_start(&server, app, PROA_SERVER_OPTS(.max_connections = 2)));
    is_at(server, "starting, 0 of 2 connections", "at");
    proa_yield();
    is_at(server, "serving, 0 of 2 connections", "at");
    for (int i = 0; i < 2; i++) {
        peer[i] = t_peer_connect_port(proa_server_port(server, 0));
        t_turns(5);
        is_at(server, i ? "full, 2 of 2 connections" : "serving, 1 of 2 connections", "at");
    }
    t_peer_close(peer[0]);
    t_turns(5);
    is_at(server, "serving, 1 of 2 connections", "at");
    t_peer_close(peer[1]);
    t_turns(5);
    ck_ok(proa_server_stop(server, PROA_SEC));
    is_at(server, "stopped, 0 of 2 connections", "was at");
    proa_server_free(server);
    proa_yield();
    proa_app_free(app);
    return 0;
}
START_TEST(aio_dbg_03_a_server_shows_state_connections_and_address)
{
    t_run(limit_body, NULL);
}
END_TEST

static int sites_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = NULL;
    struct proa_bind binds[] = {{.host = "127.0.0.1"}, {.unix_path = t_peer_name("seen")}};
    char words[200];

    (void)arg;
    ck_ok(proa_server_start(
        &server, app,
        PROA_SERVER_OPTS(.binds = binds, .n_binds = 2, .max_connections = PROA_UNLIMITED)));
    proa_yield();
    snprintf(words, sizeof words, ", serving, 0 connections, at %s http+unix:%s",
             proa_server_url(server, 0), t_peer_name("seen"));
    is_server(server, words);
    served_end(server, app);
    return 0;
}
START_TEST(aio_dbg_03_a_server_shows_all_its_addresses)
{
    t_run(sites_body, NULL);
}
END_TEST

static void be_quiet(enum proa_log_level level, const char *text, void *arg)
{
    (void)level;
    (void)text;
    (void)arg;
}

static int resting_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = NULL;
    struct rlimit old, few;
    int peer;

    (void)arg;
    proa_log_set(be_quiet, NULL);
    ck_ok(proa_server_start(&server, app, PROA_SERVER_OPTS(.max_connections = 9)));
    proa_yield();
    peer = t_peer_connect_port(proa_server_port(server, 0));
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = (rlim_t)peer + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    for (int i = 0; i < 20 && !t_peer_at_end(peer); i++)
        t_turns(1);
    is_at(server, "out of descriptors, 0 of 9 connections", "at");
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    t_peer_close(peer);
    served_end(server, app);
    return 0;
}
START_TEST(aio_dbg_03_a_server_shows_that_descriptors_are_out)
{
    if (!getenv("PROA_TEST_VALGRIND"))
        t_run(resting_body, NULL);
}
END_TEST

/* ---- handlers, and the stop */

static int stop_soon(void *server)
{
    ck_err(proa_server_stop(server, 5 * PROA_SEC), PROA_ETIMEDOUT);
    return 0;
}

/* Cancelled, it has last words. */
static int stubborn(struct proa_request *req, struct proa_response *resp, void *arg)
{
    int rc = proa_sleep(PROA_HOUR);

    (void)req;
    (void)resp;
    (void)arg;
    PROA_SHIELD(shield, 10 * PROA_SEC);
    proa_sleep(2 * PROA_SEC);
    return rc;
}

static int stop_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server;
    struct proa_stream *s, *idle, *half;

    (void)arg;
    proa_app_get(app, "/stubborn", stubborn, NULL);
    server = served_start(app, PROA_SERVER_OPTS(.max_connections = 9));
    is_server(server, ", serving, 0 of 9 connections");
    s = served_connect(server, NULL);
    idle = served_connect(server, NULL);
    half = served_connect(server, NULL);
    say(half, "GET / HT");
    say(s, "GET /stubborn HTTP/1.1\r\nHost: h\r\n\r\n");
    say(idle, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_assert_int_eq(status_of(hear_some(idle)), 200);
    t_settle();
    is_server(server, ", serving, 3 of 9 connections, 1 busy");
    proa_abort(half);
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, stop_soon, server));
        ck_ok(proa_sleep(PROA_SEC));
        is_server(server, ", draining, 1 of 9 connections, 1 busy");
        ck_ok(proa_sleep(5 * PROA_SEC));
        is_server(server, ", cancelling, 1 of 9 connections, 1 busy");
        ck_ok(proa_group_join(&g));
    }
    is_server(server, ", stopped, handlers had to be cancelled, 0 of 9 connections");
    proa_abort(s);
    proa_abort(idle);
    proa_server_free(server);
    proa_yield();
    proa_app_free(app);
    return 0;
}
START_TEST(aio_dbg_03_a_server_shows_how_far_its_stop_has_come)
{
    t_run(stop_body, NULL);
}
END_TEST

/* ---- misuse */

enum call { START_STREAM, URL, PORT, CONNECTIONS, STOP, FREE, DESCRIBE, CALLS };

static void use(enum call call, struct proa_server *server)
{
    struct proa_stream *near, *far;

    switch (call) {
    case START_STREAM:
        ck_ok(proa__pair_new(&near, &far, NULL));
        proa_server_add_stream_steal(server, far, false);
        return;
    case URL:
        proa_server_url(server, 0);
        return;
    case PORT:
        proa_server_port(server, 0);
        return;
    case CONNECTIONS:
        proa_server_connections(server);
        return;
    case STOP:
        proa_server_stop(server, PROA_SEC);
        return;
    case FREE:
        proa_server_free(server);
        return;
    case DESCRIBE:
    case CALLS:
        proa_server_describe(server, NULL, 0);
        return;
    }
}

/* It lives on for its handler. */
static int freed_body(void *call)
{
    struct proa_server *server = served_start(hello_app(), NULL);
    struct proa_stream *s = served_connect(server, NULL);

    say(s, "GET /long HTTP/1.1\r\nHost: h\r\n\r\n");
    t_settle();
    proa_server_free(server);
    use(*(enum call *)call, server);
    return 0;
}

START_TEST(a_call_on_a_freed_server_stops_the_program)
{
    static const char *const names[CALLS] = {
        "proa_server_add_stream_steal", "proa_server_url",  "proa_server_port",
        "proa_server_connections",      "proa_server_stop", "proa_server_free",
        "proa_server_describe",
    };
    char words[100];

    for (enum call call = 0; call < CALLS; call++) {
        snprintf(words, sizeof words, "%s: the server was freed, or never made", names[call]);
        t_run_aborts(freed_body, &call, words);
    }
}
END_TEST

static int elsewhere_body(void *arg)
{
    (void)arg;
    return describe_elsewhere(of_server, served_start(hello_app(), NULL));
}

START_TEST(a_look_at_a_server_that_is_not_there_stops_the_program)
{
    stops_of_misuse(of_server, "proa_server_describe: the server was freed", "the server is NULL");
    t_run_aborts(elsewhere_body, NULL, "proa_server_describe: called from a thread that is not");
}
END_TEST

int main(void)
{
    return t_main("server_describe", (const TTest *const[]){
                                         aio_dbg_03_a_server_shows_state_connections_and_address,
                                         aio_dbg_03_a_server_shows_all_its_addresses,
                                         aio_dbg_03_a_server_shows_that_descriptors_are_out,
                                         aio_dbg_03_a_server_shows_how_far_its_stop_has_come,
                                         a_call_on_a_freed_server_stops_the_program,
                                         a_look_at_a_server_that_is_not_there_stops_the_program,
                                         NULL,
                                     });
}
