/*
 * Descriptors of the program's own, by the cases of asyncio's sock_ calls: proa_fd_read and its
 * like, over UNIX sockets, TCP sockets and pipes.
 */

#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/datagram.h>
#include <proa/fd.h>
#include <proa/fd_io.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/stream.h>
#include <proa/task.h>
#include <proa/time.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY(name) static int name##_body(void *arg)
#define RUN(name)                                                                                  \
    START_TEST(name)                                                                               \
    {                                                                                              \
        t_run_modes(name##_body, &_i);                                                             \
    }                                                                                              \
    END_TEST

static int a, b; /* two ends: a writes, b reads */

static int listen_at(struct proa_addr *at)
{
    int port, l = t_peer_listen(&port);

    ck_assert_int_eq(fcntl(l, F_SETFL, O_NONBLOCK), 0);
    ck_ok(proa_addr_ip(at, "127.0.0.1", port));
    return l;
}

static void open_tcp(void)
{
    struct proa_addr at, from, mine = {.len = sizeof mine.u};
    int l = listen_at(&at);

    a = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_ok(proa_fd_connect(a, &at));
    b = (int)ck_ok(proa_fd_accept(l, &from));
    ck_assert_int_eq(getsockname(a, &mine.u.sa, &mine.len), 0);
    ck_assert(proa_addr_eq(&from, &mine));
    close(l);
}

enum { BY_UNIX, BY_TCP, BY_PIPE, KINDS };

static void open_kind(void *arg)
{
    const int kind = *(int *)arg;
    int fd[2];

    if (kind == BY_TCP) {
        open_tcp();
        return;
    }
    ck_assert_int_eq(kind == BY_PIPE
                         ? pipe2(fd, O_NONBLOCK | O_CLOEXEC)
                         : socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd),
                     0);
    b = fd[0];
    a = fd[1];
}

static void close_both(void)
{
    close(a);
    close(b);
}

#define HUGE_SIZE ((size_t)24 << 20)

static char *huge_bytes(void)
{
    static char bytes[HUGE_SIZE];

    for (size_t i = 0; !bytes[1] && i < HUGE_SIZE; i++)
        bytes[i] = (char)(i % 251);
    return bytes;
}

struct call {
    char *bytes;
    size_t n;
    size_t done;
    int rc;
    bool over;
};

static int write_it(void *arg)
{
    struct call *c = arg;

    c->rc = proa_fd_write(a, c->bytes, c->n, &c->done);
    c->over = true;
    return 0;
}

/* The next n bytes are huge_bytes' from `from` on. */
static void expect_huge(size_t from, size_t n)
{
    static char got[65536];

    while (n) {
        ssize_t some = ck_ok(proa_fd_read(b, got, n < sizeof got ? n : sizeof got));
        ck_assert_int_gt(some, 0);
        ck_assert_int_eq(memcmp(got, huge_bytes() + from, (size_t)some), 0);
        from += (size_t)some;
        n -= (size_t)some;
    }
}

BODY(aio_sock_01_a_huge_write_arrives_exactly)
{
    struct call c = {.bytes = huge_bytes(), .n = HUGE_SIZE};
    char byte;

    open_kind(arg);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, write_it, &c));
    expect_huge(0, HUGE_SIZE);
    ck_ok(proa_group_join(&g));
    ck_ok(c.rc);
    ck_assert_uint_eq(c.done, HUGE_SIZE);
    close(a);
    ck_assert_int_eq(proa_fd_read(b, &byte, 1), 0);
    close(b);
    return 0;
}
START_TEST(aio_sock_01_a_huge_write_arrives_exactly)
{
    t_run(aio_sock_01_a_huge_write_arrives_exactly_body, &_i);
}
END_TEST

static int read_it(void *arg)
{
    struct call *c = arg;

    c->rc = (int)proa_fd_read(b, c->bytes, c->n);
    c->over = true;
    return 0;
}

BODY(aio_sock_02_after_a_cancelled_read_the_next_gets_the_bytes)
{
    char first[8], second[8];
    struct call c = {.bytes = first, .n = sizeof first};

    open_kind(arg);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, read_it, &c));
    t_turns(3);
    ck_assert(!c.over);
    ck_err(proa_fd_read(b, second, 8), PROA_EBUSY); /* while another waits */
    proa_group_cancel(&g);
    ck_assert_int_eq(write(a, "data", 4), 4);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(c.rc, PROA_ECANCELED);
    ck_assert_int_eq(proa_fd_read(b, second, 8), 4);
    ck_assert_int_eq(memcmp(second, "data", 4), 0);
    close_both();
    return 0;
}
RUN(aio_sock_02_after_a_cancelled_read_the_next_gets_the_bytes)

BODY(aio_sock_03_after_a_cancelled_write_the_next_one_follows_it)
{
    struct call c = {.bytes = huge_bytes(), .n = HUGE_SIZE}, next = c;
    size_t done;

    open_kind(arg);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, write_it, &c));
    t_turns(3);
    ck_assert(!c.over);
    ck_err(proa_fd_write(a, "x", 1, NULL), PROA_EBUSY);
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(c.rc, PROA_ECANCELED);
    done = c.done;
    ck_assert_uint_lt(done, HUGE_SIZE);

    PROA_GROUP(h);
    next.n = 100000;
    ck_ok(proa_create_task(&h, write_it, &next));
    expect_huge(0, done);
    expect_huge(0, next.n);
    ck_ok(proa_group_join(&h));
    ck_ok(next.rc);
    close_both();
    return 0;
}
RUN(aio_sock_03_after_a_cancelled_write_the_next_one_follows_it)

/* Always, not in a debug mode only: the call would stop the loop. */
BODY(aio_sock_05_a_descriptor_that_blocks_is_refused)
{
    struct proa_addr at;
    size_t done = 9;
    char c;

    open_kind(arg);
    ck_ok(proa_addr_ip(&at, "127.0.0.1", 1));
    ck_assert_int_eq(fcntl(a, F_SETFL, 0) + fcntl(b, F_SETFL, 0), 0);
    ck_err(proa_fd_read(b, &c, 1), PROA_EINVAL);
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_EINVAL), "O_NONBLOCK"));
    ck_err(proa_fd_write(a, &c, 1, &done), PROA_EINVAL);
    ck_assert_uint_eq(done, 0);
    ck_err(proa_fd_accept(b, NULL), PROA_EINVAL);
    ck_err(proa_fd_connect(a, &at), PROA_EINVAL);
    close_both();
    ck_err(proa_fd_read(b, &c, 1), PROA_EBADF);
    ck_err(proa_fd_write(a, &c, 1, NULL), PROA_EBADF);
    return 0;
}
RUN(aio_sock_05_a_descriptor_that_blocks_is_refused)

/* By the program's own calls, as every other system call is made to wait; then by ours. */
BODY(aio_sock_06_a_datagram_to_nobody_is_told_and_no_more)
{
    PROA_AUTO(proa_dgram) *d = NULL;
    struct proa_addr nobody;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    char c;

    (void)arg;
    ck_ok(proa_udp_bind(&d, "127.0.0.1", 0, NULL));
    ck_ok(proa_dgram_local(d, &nobody));
    proa_dgram_free(d);
    d = NULL;
    ck_assert_int_eq(sendto(fd, "x", 1, 0, &nobody.u.sa, nobody.len), 1);
    ck_err(PROA_WITHIN(PROA_MS, proa_wait_fd(fd, PROA_READABLE)), PROA_ETIMEDOUT);
    ck_assert_int_eq(recv(fd, &c, 1, 0), -1);
    ck_assert_int_eq(errno, EAGAIN); /* it was not connected: nobody tells it */

    ck_ok(proa_fd_connect(fd, &nobody));
    ck_ok(proa_fd_write(fd, "x", 1, NULL));
    ck_err(proa_fd_read(fd, &c, 1), PROA_ECONNREFUSED);
    ck_err(PROA_WITHIN(PROA_MS, proa_fd_read(fd, &c, 1)), PROA_ETIMEDOUT);
    close(fd);
    return 0;
}
RUN(aio_sock_06_a_datagram_to_nobody_is_told_and_no_more)

/* A socket that is there already takes no options: proa_dgram_from_fd has none. What has its
 * address as an argument takes no second one. */
BODY(aio_udp_06_an_address_given_twice_is_refused_by_name)
{
    struct proa_dgram *d = NULL;
    struct proa_addr at;

    (void)arg;
    ck_ok(proa_addr_ip(&at, "127.0.0.1", 1));
    ck_err(proa_udp_bind(&d, "127.0.0.1", 0, PROA_DGRAM_OPTS(.local = &at)), PROA_EINVAL);
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_EINVAL), "proa_udp_bind"));
    ck_err(proa_udp_connect(&d, "127.0.0.1", 9, PROA_DGRAM_OPTS(.remote = &at)), PROA_EINVAL);
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_EINVAL), "proa_udp_connect"));
    ck_assert_ptr_null(d);
    return 0;
}
RUN(aio_udp_06_an_address_given_twice_is_refused_by_name)

/* ---- what no case of asyncio's says */

BODY(a_gone_reader_is_a_code_and_no_signal)
{
    int rc = 0;

    open_kind(arg);
    close(b);
    while (rc == 0)
        rc = proa_fd_write(a, "x", 1, NULL);
    ck_assert_msg(rc == PROA_EPIPE || rc == PROA_ECONNRESET, "got %s", proa_err_name(rc));
    close(a);
    return 0;
}
START_TEST(a_gone_reader_is_a_code_and_no_signal)
{
    signal(SIGPIPE, SIG_DFL);
    t_run_modes(a_gone_reader_is_a_code_and_no_signal_body, &_i);
}
END_TEST

static int count_turns(void *arg)
{
    size_t *turns = arg;

    while (proa_yield() == 0)
        ++*turns;
    return 0;
}

BODY(what_is_always_ready_gives_way_in_time)
{
    size_t turns = 0;
    char c;

    open_kind(arg);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, count_turns, &turns));
    for (int i = 0; i < 2000 && !turns; i++) {
        ck_ok(proa_fd_write(a, "x", 1, NULL));
        ck_assert_int_eq(proa_fd_read(b, &c, 1), 1);
    }
    ck_assert_uint_ge(turns, 1);
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    close_both();
    return 0;
}
RUN(what_is_always_ready_gives_way_in_time)

BODY(a_streams_descriptor_is_not_read_past_it)
{
    struct proa_stream *r, *w;
    char c;

    (void)arg;
    ck_ok(proa_pipe(&r, &w));
    ck_ok(proa_write(w, "x", 1, NULL));
    ck_assert_int_eq(proa_fd_read(proa_stream_fd(r), &c, 1), PROA_EBUSY);
    ck_err(proa_fd_write(proa_stream_fd(w), "x", 1, NULL), PROA_EBUSY);
    ck_assert_int_eq(proa_read(r, &c, 1), 1);
    proa_stream_free(r);
    proa_stream_free(w);
    return 0;
}
RUN(a_streams_descriptor_is_not_read_past_it)

BODY(connecting_says_why_not)
{
    struct proa_addr at;
    int l = listen_at(&at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    (void)arg;
    ck_err(PROA_WITHIN(0, proa_fd_accept(l, NULL)), PROA_ETIMEDOUT);
    close(l);
    ck_err(proa_fd_connect(fd, &at), PROA_ECONNREFUSED);
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_ECONNREFUSED), "127.0.0.1"));
    close(fd);
    return 0;
}
RUN(connecting_says_why_not)

/* Bytes both ways, with nothing that a cancel could change asserted. */
BODY(round)
{
    char buf[8];
    struct proa_addr at;
    int rc, l = listen_at(&at);

    (void)arg;
    a = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    b = -1;
    rc = proa_fd_connect(a, &at);
    if (rc == 0)
        rc = b = proa_fd_accept(l, NULL);
    if (rc >= 0)
        rc = proa_fd_write(a, "12345678", 8, NULL);
    if (rc >= 0)
        rc = (int)proa_fd_read(b, buf, 8);
    if (rc >= 0)
        rc = PROA_WITHIN(0, (int)proa_fd_read(b, buf, 8));
    close(l);
    close(a);
    if (b >= 0)
        close(b);
    return rc == PROA_ETIMEDOUT ? 0 : rc;
}
START_TEST(it_survives_cancels_and_lack_of_memory)
{
    t_each_park(round_body, NULL);
    t_run_each_alloc(round_body, NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        aio_sock_06_a_datagram_to_nobody_is_told_and_no_more,
        aio_udp_06_an_address_given_twice_is_refused_by_name,
        a_streams_descriptor_is_not_read_past_it,
        connecting_says_why_not,
        it_survives_cancels_and_lack_of_memory,
        NULL,
    };
    const struct t_table tables[] = {
        {aio_sock_01_a_huge_write_arrives_exactly, KINDS},
        {aio_sock_02_after_a_cancelled_read_the_next_gets_the_bytes, KINDS},
        {aio_sock_03_after_a_cancelled_write_the_next_one_follows_it, KINDS},
        {aio_sock_05_a_descriptor_that_blocks_is_refused, KINDS},
        {a_gone_reader_is_a_code_and_no_signal, KINDS},
        {what_is_always_ready_gives_way_in_time, KINDS},
        {NULL, 0},
    };

    return t_main_tables("aio_sock", tests, tables);
}
