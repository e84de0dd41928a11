#include "net/fd_stream.h"
#include "net/listener.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/listener.h>
#include <proa/log.h>
#include <proa/run.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct proa_listener *listener;

static int open_tcp(void)
{
    ck_ok(proa_listen_tcp(&listener, "127.0.0.1", 0, NULL));
    ck_assert_int_gt(proa_listener_port(listener), 0);
    return proa_listener_port(listener);
}

static const char *address(size_t i)
{
    static char text[PROA_ADDR_TEXT];
    struct proa_addr addr;

    ck_ok(proa_listener_address(listener, i, &addr));
    proa_addr_set_port(&addr, 1);
    return proa_addr_format(&addr, text);
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
    struct served sv = {0};

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

/* ---- no descriptor left */

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
    t_run(emfile_free_body, NULL);
}
END_TEST

/* ---- where to listen */

static int everywhere_body(void *arg)
{
    struct proa_addr addr;
    int port, peer;
    struct proa_stream *s;

    (void)arg;
    ck_ok(proa_listen_tcp(&listener, NULL, 0, NULL));
    port = proa_listener_port(listener);
    ck_assert_str_eq(address(0), "0.0.0.0:1");
    if (proa_listener_address(listener, 1, &addr) == 0) { /* this machine speaks IPv6 */
        ck_assert_str_eq(address(1), "[::]:1");
        ck_ok(proa_listener_address(listener, 1, &addr));
        ck_assert_int_eq(proa_addr_port(&addr), port); /* one port for both */
        ck_ok(proa_addr_ip(&addr, "::1", port));
        peer = t_peer_connect(&addr);
        ck_ok(proa_accept(listener, &s));
        proa_stream_free(s);
        t_peer_close(peer);
    }
    peer = t_peer_connect_port(port);
    ck_ok(proa_accept(listener, &s));
    proa_stream_free(s);
    t_peer_close(peer);
    ck_err(proa_listener_address(listener, 2, &addr), PROA_ENOENT);
    proa_listener_free(listener);
    ck_ok(proa_listen_tcp(&listener, "", port, NULL)); /* at once again: SO_REUSEADDR */
    proa_listener_free(listener);
    return 0;
}
START_TEST(no_host_is_every_address_with_one_port)
{
    t_run(everywhere_body, NULL);
}
END_TEST

static int errors_body(void *arg)
{
    struct proa_listener *l;
    char where[64];
    int port = open_tcp();

    (void)arg;
    ck_err(proa_listen_tcp(&l, "127.0.0.1", port, NULL), PROA_EADDRINUSE);
    snprintf(where, sizeof where, "listen on 127.0.0.1:%d: address already in use", port);
    ck_assert_str_eq(proa_err_detail(PROA_EADDRINUSE), where);
    proa_listener_free(listener);
    ck_err(proa_listen_tcp(&l, "192.0.2.1", 0, NULL), PROA_EADDRNOTAVAIL);
    ck_err(proa_listen_tcp(&l, "127.0.0.1", 65536, NULL), PROA_EINVAL);
    ck_err(proa_listen_tcp(&l, "127.0.0.1", -1, NULL), PROA_EINVAL);
    ck_err(proa_listen_tcp(&l, "127.0.0.1", 0, PROA_LISTEN_OPTS(.backlog = -1)), PROA_EINVAL);
    ck_err(proa_listen_fd(&l, 0, PROA_LISTEN_OPTS(.mode = 010000)), PROA_EINVAL);
    return 0;
}
START_TEST(failures_name_the_address)
{
    t_run(errors_body, NULL);
}
END_TEST

static int share_body(void *arg)
{
    struct proa_listener *l;
    int port;

    (void)arg;
    ck_ok(proa_listen_tcp(&listener, "127.0.0.1", 0, PROA_LISTEN_OPTS(.reuse_port = true)));
    port = proa_listener_port(listener);
    ck_ok(proa_listen_tcp(&l, "127.0.0.1", port, PROA_LISTEN_OPTS(.reuse_port = true)));
    proa_listener_free(l);
    proa_listener_free(listener);
    return 0;
}
START_TEST(ports_are_shared_only_on_request)
{
    t_run(share_body, NULL);
}
END_TEST

static int inherit_body(void *arg)
{
    struct proa_stream *s;
    int port = open_tcp();
    int peer = t_peer_connect_port(port);
    int on = 0;
    socklen_t n = sizeof on;

    (void)arg;
    ck_ok(proa_accept(listener, &s));
    ck_assert_int_eq(getsockopt(proa_stream_fd(s), IPPROTO_TCP, TCP_NODELAY, &on, &n), 0);
    ck_assert_int_eq(on, 1);
    ck_assert_int_ne(fcntl(proa_stream_fd(s), F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_eq(fcntl(proa_stream_fd(s), F_GETFD), FD_CLOEXEC);
    proa_stream_free(s);
    proa_listener_free(listener);
    t_peer_close(peer);
    return 0;
}
START_TEST(accepted_streams_have_their_options)
{
    t_run(inherit_body, NULL);
}
END_TEST

static int brought_body(void *arg)
{
    struct proa_stream *s;
    int port;
    int fd = t_peer_listen(&port);
    int peer = t_peer_connect_port(port);

    (void)arg;
    ck_err(proa_listen_fd(&listener, peer, NULL), PROA_EINVAL);
    ck_err(proa_listen_fd(&listener, 999, NULL), PROA_EBADF);
    ck_ok(proa_listen_fd(&listener, fd, NULL));
    ck_assert_int_eq(proa_listener_port(listener), port);
    ck_ok(proa_accept(listener, &s));
    proa_stream_free(s);
    proa_listener_free(listener);
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
    t_peer_close(peer);
    return 0;
}
START_TEST(a_listening_socket_can_be_brought_along)
{
    t_run(brought_body, NULL);
}
END_TEST

/* ---- the loops of one program */

static struct {
    pthread_barrier_t all;
    atomic_int port[2];
    atomic_int next;
    char path[64];
} crew;

static void meet(void)
{
    pthread_barrier_wait(&crew.all); /* no task of this loop has anything else to do */
}

static int one_of_two(void *arg)
{
    struct proa_listener *tcp = NULL;
    struct proa_listener *file = NULL;
    int me = crew.next++;
    int rc;

    (void)arg;
    rc = proa_listen_tcp(&tcp, "127.0.0.1", 0, NULL);
    if (rc == 0)
        rc = proa_listen_unix(&file, crew.path, PROA_LISTEN_OPTS(.mode = 0600));
    crew.port[me] = rc == 0 ? proa_listener_port(tcp) : rc;
    meet();
    proa_listener_free(tcp);
    proa_listener_free(file);
    meet();
    if (access(crew.path, F_OK) < 0) /* still kept for the others */
        rc = rc < 0 ? rc : -20000;
    meet();
    return rc;
}

START_TEST(loops_of_one_program_share_port_and_path)
{
    char dir[] = "/tmp/proa-listener-XXXXXX";

    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(crew.path, sizeof crew.path, "%s/sock", dir);
    pthread_barrier_init(&crew.all, NULL, 2);
    ck_assert_int_eq(proa_main(one_of_two, NULL, PROA_MAIN_OPTS(.threads = 2)), 0);
    ck_assert_int_gt(crew.port[0], 0);
    ck_assert_int_eq(crew.port[0], crew.port[1]);
    ck_assert_int_eq(rmdir(dir), 0); /* whoever kept the file has removed it */
    t_alloc_forgive();
}
END_TEST

/* ---- without memory */

static int new_body(void *arg)
{
    struct proa_listener *l;
    int rc = proa_listen_tcp(&l, arg, 0, NULL);

    if (rc == 0)
        proa_listener_free(l);
    return rc;
}
START_TEST(no_memory_is_a_code)
{
    t_run_each_alloc(new_body, (void *)"127.0.0.1");
    t_run_each_alloc(new_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("listener", (const TTest *const[]){
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
                                  no_host_is_every_address_with_one_port,
                                  failures_name_the_address,
                                  ports_are_shared_only_on_request,
                                  accepted_streams_have_their_options,
                                  a_listening_socket_can_be_brought_along,
                                  loops_of_one_program_share_port_and_path,
                                  no_memory_is_a_code,
                                  NULL,
                              });
}
