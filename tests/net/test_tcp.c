#include "net/fd_stream.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/fd.h>
#include <proa/group.h>
#include <proa/listener.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/tcp.h>
#include <proa/time.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct proa_stream *ours;
static int peer;

static void connect_ours(const struct proa_tcp_opts *opts)
{
    int port;
    int fd = t_peer_listen(&port);

    ck_ok(proa_tcp_connect(&ours, "127.0.0.1", port, opts));
    peer = t_peer_accept(fd);
    t_peer_close(fd);
}

static void end(void)
{
    proa_stream_free(ours);
    t_peer_close(peer);
}

static int option(int level, int name)
{
    int value = -1;
    socklen_t n = sizeof value;

    ck_assert_int_eq(getsockopt(proa_stream_fd(ours), level, name, &value, &n), 0);
    return value;
}

static int talk_body(void *arg)
{
    struct proa_str line;

    (void)arg;
    connect_ours(NULL);
    t_peer_say(peer, "hello\r\n");
    ck_assert_int_eq(proa_read_line(ours, &line, 80), 1);
    ck_str_eq(line, "hello");
    ck_ok(proa_write(ours, "yes", 3, NULL));
    t_peer_expect(peer, "yes");
    end();
    return 0;
}
START_TEST(a_connection_talks_both_ways)
{
    t_run(talk_body, NULL);
}
END_TEST

static int peer_state(void)
{
    struct tcp_info info;
    socklen_t n = sizeof info;

    ck_assert_int_eq(getsockopt(peer, IPPROTO_TCP, TCP_INFO, &info, &n), 0);
    return info.tcpi_state;
}

static int close_body(void *arg)
{
    (void)arg;
    connect_ours(NULL);
    ck_ok(proa_write(ours, "bye", 3, NULL));
    ck_ok(proa_close(ours));
    t_peer_expect(peer, "bye");
    ck_assert(t_peer_at_end(peer));
    t_peer_close(peer);

    connect_ours(NULL);
    ck_ok(proa_write(ours, "bye", 3, NULL));
    proa_stream_free(ours); /* what the kernel has taken is still sent */
    t_peer_expect(peer, "bye");
    ck_assert(t_peer_at_end(peer));
    t_peer_close(peer);

    connect_ours(NULL);
    proa_abort(ours);
    ck_assert(t_peer_is_reset(peer));
    t_peer_close(peer);

    connect_ours(NULL);
    t_peer_say(peer, "never read");
    t_turns(2);
    ck_ok(proa_write(ours, "bye", 3, NULL));
    ck_ok(proa_close(ours)); /* unread bytes must not turn the close into a reset */
    ck_assert_int_eq(peer_state(), TCP_CLOSE_WAIT);
    t_peer_expect(peer, "bye");
    ck_assert(t_peer_at_end(peer));
    t_peer_close(peer);
    return 0;
}
START_TEST(close_ends_in_order_and_abort_resets)
{
    t_run(close_body, NULL);
}
END_TEST

static int broken_body(void *arg)
{
    (void)arg;
    connect_ours(NULL);
    proa__stream_break(ours);
    ck_err(proa_close(ours), PROA_EBROKEN);
    ck_assert(t_peer_is_reset(peer));
    t_peer_close(peer);
    return 0;
}
START_TEST(a_broken_stream_ends_with_a_reset)
{
    t_run(broken_body, NULL);
}
END_TEST

static int half_body(void *arg)
{
    char c;

    (void)arg;
    connect_ours(NULL);
    ck_ok(proa_shutdown(ours));
    ck_assert(t_peer_at_end(peer));
    t_peer_say(peer, "x");
    ck_assert_int_eq(proa_read(ours, &c, 1), 1);
    t_peer_rst(peer);
    t_turns(2);
    ck_assert_int_eq(proa_read(ours, &c, 1), PROA_ECONNRESET);
    ck_assert_int_eq(proa_read(ours, &c, 1), PROA_ECONNRESET);
    proa_stream_free(ours);
    return 0;
}
START_TEST(half_closed_still_reads_and_a_reset_stays_one)
{
    t_run(half_body, NULL);
}
END_TEST

static int options_body(void *arg)
{
    (void)arg;
    connect_ours(NULL);
    ck_assert_int_eq(option(IPPROTO_TCP, TCP_NODELAY), 1);
    ck_assert_int_eq(fcntl(proa_stream_fd(ours), F_GETFD), FD_CLOEXEC);
    ck_assert_int_ne(fcntl(proa_stream_fd(ours), F_GETFL) & O_NONBLOCK, 0);
    end();
    connect_ours(PROA_TCP_OPTS(.nagle = true));
    ck_assert_int_eq(option(IPPROTO_TCP, TCP_NODELAY), 0);
    end();
    return 0;
}
START_TEST(small_packets_are_not_held_back)
{
    t_run(options_body, NULL);
}
END_TEST

static int addresses_body(void *arg)
{
    struct proa_addr a, b;
    char text[PROA_ADDR_TEXT];

    (void)arg;
    connect_ours(PROA_TCP_OPTS(.local_ip = "127.0.0.5"));
    ck_ok(proa_stream_local(ours, &a));
    ck_assert_str_eq(proa_addr_format_ip(&a, text), "127.0.0.5");
    b.len = sizeof b.u;
    ck_assert_int_eq(getpeername(peer, &b.u.sa, &b.len), 0);
    ck_assert(proa_addr_eq(&a, &b));
    b.len = sizeof b.u;
    ck_assert_int_eq(getsockname(peer, &b.u.sa, &b.len), 0);
    ck_ok(proa_stream_peer(ours, &a));
    ck_assert(proa_addr_eq(&a, &b));
    t_peer_rst(peer);
    t_turns(2);
    ck_err(proa_stream_peer(ours, &a), PROA_ENOTCONN);
    proa_stream_free(ours);
    return 0;
}
START_TEST(a_connection_knows_both_addresses)
{
    t_run(addresses_body, NULL);
}
END_TEST

/* The peer is gone: a second write gets EPIPE, and no signal ends the process. */
static int sigpipe_body(void *arg)
{
    (void)arg;
    connect_ours(NULL);
    t_peer_rst(peer);
    t_turns(2);
    char c;
    ck_assert_int_eq(proa_read(ours, &c, 1), PROA_ECONNRESET); /* the kernel tells that once */
    ck_err(proa_shutdown(ours), PROA_ECONNRESET);
    ck_err(proa_write(ours, "x", 1, NULL), PROA_EPIPE);
    ck_err(proa_write(ours, "x", 1, NULL), PROA_EPIPE);
    proa_stream_free(ours);
    return 0;
}
START_TEST(writing_to_a_gone_peer_raises_no_signal)
{
    signal(SIGPIPE, SIG_DFL);
    t_run(sigpipe_body, NULL);
}
END_TEST

static int no_call_body(void *arg)
{
    char buf[64];
    uint64_t reads;

    (void)arg;
    connect_ours(NULL);
    t_turns(2);
    ck_assert_int_eq(proa__stream_try_read(ours, buf, sizeof buf), PROA_EAGAIN);
    reads = proa__net_counts.reads;
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(proa__stream_try_read(ours, buf, sizeof buf), PROA_EAGAIN);
    ck_assert_uint_eq(proa__net_counts.reads, reads); /* the bit is clear: no system call */
    t_peer_say(peer, "x");
    ck_assert_int_eq(proa__stream_try_read(ours, buf, sizeof buf), PROA_EAGAIN); /* no edge yet */
    t_turns(2);
    ck_assert_int_eq(proa__stream_try_read(ours, buf, sizeof buf), 1);
    end();
    return 0;
}
START_TEST(nothing_there_costs_no_system_call)
{
    t_run(no_call_body, NULL);
}
END_TEST

/* A read that fills what was offered says nothing about what is left, even if a write follows. */
static int full_read_body(void *arg)
{
    char buf[4];

    (void)arg;
    connect_ours(NULL);
    t_peer_say(peer, "12345678");
    t_turns(2);
    ck_assert_int_eq(proa__stream_try_read(ours, buf, 4), 4);
    ck_ok(proa_write(ours, "ok", 2, NULL));
    proa__stream_read_done(ours);
    ck_assert_int_eq(proa__stream_try_read(ours, buf, 4), 4);
    uint64_t reads = proa__net_counts.reads;
    for (int i = 0; i < 5; i++) /* one EAGAIN of the kernel, then none is asked for */
        ck_assert_int_eq(proa__stream_try_read(ours, buf, 4), PROA_EAGAIN);
    ck_assert_uint_eq(proa__net_counts.reads, reads + 1);
    end();
    return 0;
}
START_TEST(only_a_short_read_clears_the_bit)
{
    t_run(full_read_body, NULL);
}
END_TEST

static void tell(void *arg, unsigned dirs)
{
    *(unsigned *)arg |= dirs;
}

static int sticky_body(void *arg)
{
    unsigned told = 0;
    char c;

    (void)arg;
    connect_ours(NULL);
    t_peer_say(peer, "x");
    t_turns(3); /* the edge comes while nobody cares */
    proa__stream_notify(ours, STREAM_READ, tell, &told);
    ck_assert_uint_eq(told, 0);
    t_turns(1);
    ck_assert_uint_eq(told, STREAM_READ);
    told = 0;
    proa__stream_notify(ours, STREAM_READ, tell, &told);
    proa__stream_notify(ours, 0, NULL, NULL);
    t_turns(3);
    ck_assert_uint_eq(told, 0);
    ck_assert_int_eq(proa__stream_try_read(ours, &c, 1), 1);
    ck_err(proa__stream_try_read(ours, &c, 1), PROA_EAGAIN);
    proa__stream_notify(ours, STREAM_READ | STREAM_WRITE, tell, &told);
    t_turns(1);
    ck_assert_uint_eq(told, STREAM_WRITE); /* and no more than what was */
    told = 0;
    proa__stream_notify(ours, STREAM_WRITE, tell, &told);
    proa_stream_free(ours); /* what was to be told soon is not */
    t_turns(3);
    ck_assert_uint_eq(told, 0);
    t_peer_close(peer);
    return 0;
}
START_TEST(what_was_possible_before_is_told_soon)
{
    t_run(sticky_body, NULL);
}
END_TEST

/* ---- descriptors that a program brings */

static int from_fd_body(void *arg)
{
    struct proa_stream *s;
    int port, fd, listening, udp, file;
    char c;

    (void)arg;
    listening = t_peer_listen(&port);
    fd = t_peer_connect_port(port);
    peer = t_peer_accept(listening);
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_APPEND), 0);
    ck_ok(proa_stream_from_fd(&s, fd));
    ck_assert_int_eq(proa_stream_fd(s), fd);
    ck_assert_int_eq(fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK), O_APPEND | O_NONBLOCK);
    t_peer_say(peer, "x");
    ck_assert_int_eq(proa_read(s, &c, 1), 1);
    ck_ok(proa_close(s));
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
    t_peer_close(peer);

    ck_err(proa_stream_from_fd(&s, listening), PROA_EINVAL);
    t_peer_close(listening); /* a refused descriptor stays the caller's */
    udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_err(proa_stream_from_fd(&s, udp), PROA_EINVAL);
    close(udp);
    file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    ck_err(proa_stream_from_fd(&s, file), PROA_EPERM);
    close(file);
    ck_err(proa_stream_from_fd(&s, file), PROA_EBADF);
    return 0;
}
static void from_fd_without_loop(void *arg)
{
    struct proa_stream *s;

    (void)arg;
    proa_stream_from_fd(&s, -1);
}
START_TEST(a_socket_can_be_brought_along)
{
    t_aborts(from_fd_without_loop, NULL, "proa_stream_from_fd");
    t_run(from_fd_body, NULL);
}
END_TEST

static int pipe_body(void *arg)
{
    struct proa_stream *r, *w;
    struct proa_addr addr;
    struct proa_str line;
    int fd[2];
    char c;

    (void)arg;
    ck_assert_int_eq(pipe2(fd, O_CLOEXEC), 0);
    ck_ok(proa_stream_from_fd(&r, fd[0]));
    ck_ok(proa_stream_from_fd(&w, fd[1]));
    ck_ok(proa_write(w, "line\nx", 6, NULL));
    ck_assert_int_eq(proa_read_line(r, &line, 9), 1);
    ck_str_eq(line, "line");
    ck_err(proa_shutdown(r), PROA_EOPNOTSUPP);
    ck_ok(proa_shutdown(w)); /* its end is closed */
    ck_assert_int_eq(proa_stream_fd(w), -1);
    ck_err(proa_write(w, "y", 1, NULL), PROA_EPIPE);
    ck_assert_int_eq(open("/dev/zero", O_RDONLY | O_CLOEXEC),
                     fd[1]); /* the number is another's now */
    ck_assert_int_eq(proa_read(w, &c, 1), PROA_EBADF);
    close(fd[1]);
    ck_assert_int_eq(proa_read(r, &c, 1), 1);
    ck_assert_int_eq(proa_read(r, &c, 1), 0);
    ck_err(proa_stream_peer(r, &addr), PROA_EOPNOTSUPP);
    ck_ok(proa_close(r));
    ck_ok(proa_close(w));
    return 0;
}
START_TEST(a_pipe_is_two_streams)
{
    t_run(pipe_body, NULL);
}
END_TEST

static int write_pipe(void *arg)
{
    static const char bytes[1 << 18];

    return proa_write(arg, bytes, sizeof bytes, NULL);
}

static int pipe_full_body(void *arg)
{
    struct proa_stream *r, *w;
    static char buf[1 << 18];
    int fd[2];

    (void)arg;
    ck_assert_int_eq(pipe2(fd, O_CLOEXEC), 0);
    ck_ok(proa_stream_from_fd(&r, fd[0]));
    ck_ok(proa_stream_from_fd(&w, fd[1]));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, write_pipe, w));
    ck_ok(proa_read_exact(r, buf, sizeof buf, NULL));
    ck_ok(proa_group_join(&g));
    proa_stream_free(r);
    ck_err(proa_write(w, "x", 1, NULL), PROA_EPIPE); /* and no signal */
    proa_stream_free(w);
    return 0;
}
START_TEST(a_full_pipe_waits_and_a_broken_one_raises_no_signal)
{
    sigset_t pending;

    signal(SIGPIPE, SIG_DFL);
    t_run(pipe_full_body, NULL);
    ck_assert_int_eq(sigpending(&pending), 0);
    ck_assert(!sigismember(&pending, SIGPIPE));
}
END_TEST

/* ---- everything cancelled, everything without memory */

static int round_body(void *arg)
{
    struct proa_listener *l = NULL;
    struct proa_stream *client = NULL, *server = NULL;
    char buf[4];
    int rc = proa_listen_tcp(&l, "127.0.0.1", 0, NULL);

    (void)arg;
    if (rc == 0)
        rc = proa_tcp_connect(&client, "127.0.0.1", proa_listener_port(l), NULL);
    if (rc == 0) {
        PROA_TIMEOUT(t, 5 * PROA_MS); /* a connection that had no memory was refused */
        rc = proa_timeout_result(&t, proa_accept(l, &server));
        rc = rc == PROA_ETIMEDOUT ? PROA_ENOMEM : rc;
    }
    if (rc == 0)
        rc = proa_write(client, "ping", 4, NULL);
    if (rc == 0)
        rc = proa_read_exact(server, buf, 4, NULL);
    if (rc == 0)
        rc = proa_close(client);
    else
        proa_stream_free(client);
    proa_stream_free(server);
    proa_listener_free(l);
    return rc;
}
START_TEST(a_connection_can_be_cancelled_at_every_park)
{
    t_each_park(round_body, NULL);
}
END_TEST

START_TEST(a_connection_survives_every_failing_allocation)
{
    t_alloc_forgive();
    t_run_each_alloc(round_body, NULL);
}
END_TEST

START_TEST(an_idle_stream_is_small)
{
    /* The server's budget for an idle connection is 800 bytes, libevent's event among them. */
    ck_assert_uint_le(sizeof(struct proa_stream), 72);
    ck_assert_uint_le(sizeof(struct fd_stream), 264);
}
END_TEST

/* A program's own wait for the descriptor of a stream would take the stream's edges. */
static int owned_descriptor_body(void *arg)
{
    struct proa_stream *s = NULL;
    int fds[2];
    int mine;

    (void)arg;
    ck_assert_int_eq(pipe(fds), 0);
    ck_ok(proa_stream_from_fd(&s, fds[0]));
    ck_err(proa_wait_fd(proa_stream_fd(s), PROA_READABLE), PROA_EBUSY);
    ck_err(proa_wait_fd(proa_stream_fd(s), PROA_WRITABLE), PROA_EBUSY);
    mine = dup(proa_stream_fd(s));
    proa_stream_free(s);
    ck_assert_int_eq(write(fds[1], "x", 1), 1);
    ck_assert_int_eq(proa_wait_fd(mine, PROA_READABLE), PROA_READABLE);
    close(mine);
    close(fds[1]);
    return 0;
}
START_TEST(aio_loop_28_the_descriptor_of_a_stream_is_busy_until_it_is_freed)
{
    t_run_modes(owned_descriptor_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("tcp", (const TTest *const[]){
                             a_connection_talks_both_ways,
                             close_ends_in_order_and_abort_resets,
                             a_broken_stream_ends_with_a_reset,
                             half_closed_still_reads_and_a_reset_stays_one,
                             small_packets_are_not_held_back,
                             a_connection_knows_both_addresses,
                             writing_to_a_gone_peer_raises_no_signal,
                             nothing_there_costs_no_system_call,
                             only_a_short_read_clears_the_bit,
                             what_was_possible_before_is_told_soon,
                             a_socket_can_be_brought_along,
                             a_pipe_is_two_streams,
                             aio_loop_28_the_descriptor_of_a_stream_is_busy_until_it_is_freed,
                             a_full_pipe_waits_and_a_broken_one_raises_no_signal,
                             a_connection_can_be_cancelled_at_every_park,
                             a_connection_survives_every_failing_allocation,
                             an_idle_stream_is_small,
                             NULL,
                         });
}
