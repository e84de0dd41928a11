#include "net/fd_stream.h"
#include "net/listener.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/listener.h>
#include <proa/log.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static struct proa_listener *listener;

static int open_tcp(void)
{
    ck_ok(proa_listen_tcp(&listener, "127.0.0.1", 0, NULL));
    ck_assert_int_gt(proa_listener_port(listener), 0);
    return proa_listener_port(listener);
}

/* ---- taking one at a time */

struct taker {
    struct proa_stream *s;
    int rc;
    int order;
};

static int order;

static int take(void *arg)
{
    struct taker *t = arg;

    t->rc = proa_accept(listener, &t->s);
    t->order = ++order;
    return 0;
}

static int fifo_body(void *arg)
{
    struct taker t[3] = {0};
    int port = open_tcp();
    int peer[3];
    char c[2] = {0};

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task(&g, take, &t[i]));
    t_turns(2);
    for (int i = 0; i < 3; i++) {
        peer[i] = t_peer_connect_port(port);
        c[0] = (char)('a' + i);
        t_peer_say(peer[i], c);
    }
    ck_ok(proa_group_join(&g));
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(t[i].order, i + 1);
        ck_assert_int_eq(proa_read(t[i].s, c, 1),
                         1); /* the oldest taker has the oldest connection */
        ck_assert_int_eq(c[0], 'a' + i);
        proa_stream_free(t[i].s);
        t_peer_close(peer[i]);
    }
    proa_listener_free(listener);
    return 0;
}
START_TEST(takers_are_served_in_their_order)
{
    t_run(fifo_body, NULL);
}
END_TEST

static int cancelled_body(void *arg)
{
    struct taker t = {0};
    struct proa_stream *s;
    int port = open_tcp();
    int peer;

    (void)arg;
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, take, &t));
        t_turns(2);
        peer = t_peer_connect_port(port);
        proa_group_cancel(&g);
        ck_ok(proa_group_join(&g));
    }
    ck_assert_int_eq(t.rc, PROA_ECANCELED);
    ck_ok(proa_accept(listener, &s)); /* the connection is still there */
    proa_stream_free(s);
    t_peer_close(peer);
    proa_listener_free(listener);
    return 0;
}
START_TEST(a_cancelled_accept_loses_no_connection)
{
    t_run(cancelled_body, NULL);
}
END_TEST

static int freed_body(void *arg)
{
    struct taker t = {0};

    (void)arg;
    open_tcp();
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, take, &t));
    t_turns(2);
    proa_listener_free(listener);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(t.rc, PROA_ECLOSED);
    proa_listener_free(NULL);
    return 0;
}
START_TEST(takers_of_a_freed_listener_are_told)
{
    t_run(freed_body, NULL);
}
END_TEST

/* ---- by a callback */

struct served {
    int n;
    int limit;    /* pause when there are so many */
    bool free_it; /* free the listener in the callback */
    struct proa_stream *s[200];
    struct proa_addr peer;
};

static void on_conn(void *arg, struct proa_stream *s, const struct proa_addr *peer)
{
    struct served *sv = arg;

    sv->s[sv->n++] = s;
    sv->peer = *peer;
    if (sv->n == sv->limit)
        proa__listener_pause(listener);
    if (sv->free_it)
        proa_listener_free(listener);
}

static void drop(struct served *sv)
{
    while (sv->n > 0)
        proa_stream_free(sv->s[--sv->n]);
}

static int callback_body(void *arg)
{
    struct served sv = {0};
    struct proa_stream *s;
    struct proa_addr addr = {.len = sizeof addr.u};
    int port = open_tcp();
    int peer = t_peer_connect_port(port); /* before anybody takes */

    (void)arg;
    t_turns(3);
    ck_ok(proa__listener_on_accept(listener, on_conn, &sv));
    ck_assert_int_eq(sv.n, 0);
    t_turns(3);
    ck_assert_int_eq(sv.n, 1);
    ck_assert_int_eq(getsockname(peer, &addr.u.sa, &addr.len), 0);
    ck_assert(proa_addr_eq(&sv.peer, &addr));
    ck_err(proa_accept(listener, &s), PROA_EBUSY);
    ck_ok(proa__listener_on_accept(listener, NULL, NULL));
    t_peer_close(peer);
    peer = t_peer_connect_port(port);
    t_turns(3);
    ck_assert_int_eq(sv.n, 1);
    ck_ok(proa_accept(listener, &s)); /* it waited in the kernel */
    proa_stream_free(s);
    t_peer_close(peer);
    drop(&sv);
    proa_listener_free(listener);
    return 0;
}
START_TEST(a_callback_takes_connections_until_told_otherwise)
{
    t_run(callback_body, NULL);
}
END_TEST

static int callback_busy_body(void *arg)
{
    struct taker t = {0};
    static struct served sv;

    (void)arg;
    open_tcp();
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, take, &t));
    t_turns(2);
    ck_err(proa__listener_on_accept(listener, on_conn, &sv), PROA_EBUSY);
    proa_listener_free(listener);
    ck_ok(proa_group_join(&g));
    return 0;
}
START_TEST(a_callback_is_refused_while_a_task_waits)
{
    t_run(callback_busy_body, NULL);
}
END_TEST

static int pause_body(void *arg)
{
    struct served sv = {.limit = 3};
    int port = open_tcp();
    int peer[8];

    (void)arg;
    ck_ok(proa__listener_on_accept(listener, on_conn, &sv));
    for (int i = 0; i < 8; i++)
        peer[i] = t_peer_connect_port(port);
    t_turns(5);
    ck_assert_int_eq(sv.n, 3); /* exactly the limit, though all came at once */
    proa__listener_pause(listener);
    sv.limit = 0;
    t_turns(5);
    ck_assert_int_eq(sv.n, 3);
    proa__listener_resume(listener);
    proa__listener_resume(listener);
    t_turns(5);
    ck_assert_int_eq(sv.n, 8);
    for (int i = 0; i < 8; i++)
        t_peer_close(peer[i]);
    drop(&sv);
    proa_listener_free(listener);
    return 0;
}
START_TEST(a_paused_listener_takes_none)
{
    t_run(pause_body, NULL);
}
END_TEST

static int pause_taker_body(void *arg)
{
    struct taker t = {0};
    int port = open_tcp();
    int peer = t_peer_connect_port(port);

    (void)arg;
    t_turns(2);
    proa__listener_pause(listener);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, take, &t));
    t_turns(3);
    ck_assert_int_eq(t.order, 0);
    proa__listener_resume(listener);
    ck_ok(proa_group_join(&g));
    ck_ok(t.rc);
    proa_stream_free(t.s);
    proa_listener_free(listener);
    t_peer_close(peer);
    return 0;
}
START_TEST(a_paused_listener_lets_tasks_wait)
{
    t_run(pause_taker_body, NULL);
}
END_TEST

/* More than one batch: the rest comes in later turns, without a new edge. */
static int batch_body(void *arg)
{
    static struct served sv;
    int port = open_tcp();
    static int peer[150];

    (void)arg;
    sv = (struct served){0};
    ck_ok(proa__listener_on_accept(listener, on_conn, &sv));
    for (int i = 0; i < 150; i++)
        peer[i] = t_peer_connect_port(port);
    t_turns(10);
    ck_assert_int_eq(sv.n, 150);
    for (int i = 0; i < 150; i++)
        t_peer_close(peer[i]);
    drop(&sv);
    proa_listener_free(listener);
    return 0;
}
START_TEST(a_burst_is_taken_in_batches)
{
    t_run(batch_body, NULL);
}
END_TEST

static int free_inside_body(void *arg)
{
    struct served sv = {.free_it = true};
    int port = open_tcp();
    int peer[2];

    (void)arg;
    ck_ok(proa__listener_on_accept(listener, on_conn, &sv));
    peer[0] = t_peer_connect_port(port);
    peer[1] = t_peer_connect_port(port);
    t_turns(5);
    ck_assert_int_eq(sv.n, 1);
    drop(&sv);
    t_peer_close(peer[0]);
    t_peer_close(peer[1]);
    return 0;
}
START_TEST(a_listener_may_be_freed_in_its_callback)
{
    t_run(free_inside_body, NULL);
}
END_TEST

/* ---- no descriptor left; not under Valgrind, which lets the system accept, closes what came, and
 * then says EMFILE */

static int warnings;
static char warning[200];

static void catch (enum proa_log_level level, const char *text, void *arg)
{
    (void)arg;
    if (level <= PROA_LOG_WARNING) {
        warnings++;
        snprintf(warning, sizeof warning, "%s", text);
    }
}

static int emfile_body(void *arg)
{
    struct served sv = {0};
    struct rlimit old, few;
    int port = open_tcp();
    int peer[3];

    (void)arg;
    proa_log_set(catch, NULL);
    ck_ok(proa__listener_on_accept(listener, on_conn, &sv));
    for (int i = 0; i < 3; i++)
        peer[i] = t_peer_connect_port(port);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = (rlim_t)peer[2] + 1; /* nothing above what is open now */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    t_turns(5);

    ck_assert_int_eq(sv.n, 0);
    ck_assert_uint_eq(proa__listener_refused(listener), 1); /* one is told at once, then a rest */
    ck_assert(t_peer_at_end(peer[0]));
    ck_assert_int_eq(warnings, 1);
    ck_assert_ptr_nonnull(strstr(warning, "too many open files"));

    proa_sleep(110 * PROA_MS); /* real time: sockets are watched */
    t_turns(2);
    ck_assert_uint_eq(proa__listener_refused(listener), 2);
    ck_assert_int_eq(warnings, 1); /* said once a minute */

    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    proa_sleep(110 * PROA_MS);
    t_turns(2);
    ck_assert_int_eq(sv.n, 1); /* the third is served */
    for (int i = 0; i < 3; i++)
        t_peer_close(peer[i]);
    drop(&sv);
    proa_listener_free(listener);
    return 0;
}
START_TEST(running_out_of_descriptors_is_survived)
{
    if (!getenv("PROA_TEST_VALGRIND"))
        t_run(emfile_body, NULL);
}
END_TEST

/* The rest is pending while the listener is freed: it must not start again. */
static int emfile_free_body(void *arg)
{
    struct served sv = {0};
    struct rlimit old, few;
    int port = open_tcp();
    int peer = t_peer_connect_port(port);

    (void)arg;
    proa_log_set(catch, NULL);
    ck_ok(proa__listener_on_accept(listener, on_conn, &sv));
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = (rlim_t)peer + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    t_turns(5);
    ck_assert_uint_eq(proa__listener_refused(listener), 1);
    proa_listener_free(listener);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    proa_sleep(200 * PROA_MS); /* nothing is watched any more: virtual time */
    t_peer_close(peer);
    return 0;
}
START_TEST(a_listener_freed_while_it_rests_stays_freed)
{
    if (!getenv("PROA_TEST_VALGRIND"))
        t_run(emfile_free_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("accept", (const TTest *const[]){
                                takers_are_served_in_their_order,
                                a_cancelled_accept_loses_no_connection,
                                takers_of_a_freed_listener_are_told,
                                a_callback_takes_connections_until_told_otherwise,
                                a_callback_is_refused_while_a_task_waits,
                                a_paused_listener_takes_none,
                                a_paused_listener_lets_tasks_wait,
                                a_burst_is_taken_in_batches,
                                a_listener_may_be_freed_in_its_callback,
                                running_out_of_descriptors_is_survived,
                                a_listener_freed_while_it_rests_stays_freed,
                                NULL,
                            });
}
