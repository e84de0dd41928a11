#include "net/pair.h"
#include "served.h"
#include "server/server.h"
#include "support/t_peer.h"
#include "support/t_run.h"
#include "tls/duet.h"

#include <proa/app.h>
#include <proa/log.h>
#include <proa/request.h>
#include <proa/response.h>
#include <proa/stream.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdlib.h>
#include <string.h>

/* Who is let in: connections in all, and of one address, as they come and go. */

static void leave(int fd)
{
    t_peer_close(fd);
    t_turns(8);
}

/* ---- in all */

static int cycle_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = NULL;

    (void)arg;
    ck_ok(proa_server_start(&server, app, PROA_SERVER_OPTS(.max_connections = 1)));
    proa_yield();
    int port = proa_server_port(server, 0);
    int in = t_peer_connect_port(port);
    t_turns(8);
    for (int i = 0; i < 3; i++) { /* the limit holds again and again */
        int waits = t_peer_connect_port(port);

        t_turns(8);
        ck_assert_int_eq(status_on(in), 200);
        ck_assert_int_eq(status_on(waits), 0);
        ck_assert_uint_eq(proa_server_connections(server), 1);
        leave(in);
        t_turns(8);
        char text[256];
        ck_assert_int_gt(t_peer_recv(waits, text, sizeof text), 0);
        in = waits;
    }
    leave(in);
    served_end(server, app);
    return 0;
}

START_TEST(as_one_leaves_one_is_let_in)
{
    t_run(cycle_body, NULL);
}
END_TEST

/* Streams that are handed over are not refused, but they count. */
static int beyond_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = NULL;
    struct proa_stream *mine[2], *its[2];

    (void)arg;
    ck_ok(proa_server_start(&server, app, PROA_SERVER_OPTS(.max_connections = 2)));
    proa_yield();
    for (int i = 0; i < 2; i++) {
        ck_ok(proa__pair_new(&mine[i], &its[i], NULL));
        ck_ok(proa_server_add_stream_steal(server, its[i], false));
    }
    int port = proa_server_port(server, 0);
    int in = t_peer_connect_port(port);
    t_turns(8);
    ck_assert_int_eq(status_on(in), 200);
    int waits = t_peer_connect_port(port);
    t_turns(8);
    proa_abort(mine[0]); /* two are left: as many as may be */
    t_turns(8);
    ck_assert_uint_eq(proa_server_connections(server), 2);
    ck_assert_int_eq(status_on(waits), 0);
    proa_abort(mine[1]);
    t_turns(8);
    ck_assert_uint_eq(proa_server_connections(server), 2);
    char text[256];
    ck_assert_int_gt(t_peer_recv(waits, text, sizeof text), 0);
    leave(in);
    leave(waits);
    served_end(server, app);
    return 0;
}

START_TEST(above_the_limit_more_than_one_must_leave)
{
    t_run(beyond_body, NULL);
}
END_TEST

/* Who comes while a server drains is refused by the system: another may listen there by then. */
static int sleeps(struct proa_request *req, struct proa_response *resp, void *arg)
{
    int rc = proa_sleep(20 * PROA_MS);

    return rc < 0 ? rc : say_hello(req, resp, arg);
}

static int stop(void *server)
{
    return proa_server_stop(server, PROA_HOUR);
}

static int drain_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = NULL;
    struct proa_task_ref stopping;

    (void)arg;
    proa_app_get(app, "/sleeps", sleeps, NULL);
    ck_ok(proa_server_start(&server, app, NULL));
    proa_yield();
    int in = t_peer_connect_port(proa_server_port(server, 0));
    t_peer_say(in, "GET /sleeps HTTP/1.1\r\nHost: h\r\n\r\n");
    t_turns(8);
    ck_ok(proa_create_task_opts(NULL, &stopping, stop, server, NULL));
    t_turns(2);
    ck_assert(!proa_task_is_done(stopping));
    ck_assert_int_eq(proa_server_port(server, 0), PROA_EINVAL);
    ck_ok(proa_task_join(stopping));
    t_peer_close(in);
    proa_server_free(server);
    proa_app_free(app);
    return 0;
}

START_TEST(a_server_that_drains_listens_no_more)
{
    t_run(drain_body, NULL);
}
END_TEST

/* ---- of one address */

/* Whether the server on `port` keeps a connection that comes now; -1: it turned it away. */
static int admitted(int port)
{
    int fd = t_peer_connect_port(port);

    t_turns(8);
    if (status_on(fd) == 200)
        return fd;
    t_peer_close(fd);
    return -1;
}

static int counted_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = NULL;
    int fds[4];

    (void)arg;
    ck_ok(proa_server_start(&server, app, PROA_SERVER_OPTS(.max_per_address = 3)));
    proa_yield();
    int port = proa_server_port(server, 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_ge(fds[i] = admitted(port), 0);
    ck_assert_int_lt(admitted(port), 0);
    ck_assert_int_lt(admitted(port), 0); /* one turned away counts for nothing */
    ck_assert_uint_eq(proa_server_connections(server), 3);

    leave(fds[0]);
    leave(fds[1]);
    ck_assert_uint_eq(server->addresses.count, 1);
    ck_assert_int_ge(fds[0] = admitted(port), 0);
    ck_assert_int_ge(fds[1] = admitted(port), 0);
    ck_assert_int_lt(admitted(port), 0);
    for (int i = 0; i < 3; i++)
        leave(fds[i]);
    ck_assert_uint_eq(server->addresses.count, 0); /* strangers cost no memory once gone */
    served_end(server, app);
    return 0;
}

START_TEST(an_address_is_counted_as_long_as_it_has_a_connection)
{
    t_run(counted_body, NULL);
}
END_TEST

/* A client that waits for a handshake must not take words for it. */
static int secure_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = NULL;
    struct proa_tls_ctx *tls = T_SERVER();

    (void)arg;
    ck_ok(proa_server_start(&server, app, PROA_SERVER_OPTS(.tls = tls, .max_per_address = 1)));
    proa_yield();
    int in = t_peer_connect_port(proa_server_port(server, 0));
    t_turns(8);
    int out = t_peer_connect_port(proa_server_port(server, 0));
    t_turns(8);
    ck_assert(t_peer_at_end(out)); /* and nothing before it */
    ck_assert_uint_eq(proa_server_connections(server), 1);
    leave(out);
    leave(in);
    served_end(server, app);
    proa_tls_ctx_unref(tls);
    return 0;
}

START_TEST(over_tls_one_too_many_is_turned_away_without_a_word)
{
    t_run(secure_body, NULL);
}
END_TEST

static void quiet(enum proa_log_level level, const char *text, void *arg)
{
    (void)level;
    (void)text;
    (void)arg;
}

static int short_body(void *arg)
{
    bool failed = true;

    (void)arg;
    proa_log_set(quiet, NULL);
    for (uint64_t nth = 1; failed; nth++) {
        struct proa_app *app = hello_app();
        struct proa_server *server = NULL;

        ck_ok(proa_server_start(&server, app, PROA_SERVER_OPTS(.max_per_address = 2)));
        proa_yield();
        int fd = t_peer_connect_port(proa_server_port(server, 0));
        t_peer_say(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        t_alloc_fail(nth);
        t_turns(8);
        failed = t_alloc_failed();
        t_alloc_fail(0);
        t_peer_close(fd);
        t_turns(8);
        ck_assert_uint_eq(proa_server_connections(server), 0);
        ck_assert_uint_eq(server->addresses.count, 0);
        served_end(server, app);
    }
    return 0;
}

START_TEST(accepting_without_memory_leaves_nothing)
{
    t_run(short_body, NULL);
}
END_TEST

int main(void)
{
    t_openssl_apart();
    return t_main("admit",
                  (const TTest *const[]){as_one_leaves_one_is_let_in,
                                         above_the_limit_more_than_one_must_leave,
                                         a_server_that_drains_listens_no_more,
                                         an_address_is_counted_as_long_as_it_has_a_connection,
                                         over_tls_one_too_many_is_turned_away_without_a_word,
                                         accepting_without_memory_leaves_nothing, NULL});
}
