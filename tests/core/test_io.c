#include "core/io.h"
#include "core/loop.h"
#include "support/t_run.h"
#include "support/test.h"

#include <proa/err.h>
#include <proa/fd.h>
#include <proa/group.h>
#include <proa/task.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* Two ends: ours is registered, theirs is used with plain system calls. */
struct ends {
    int ours;
    int theirs;
    struct io io;
    unsigned events;
    unsigned last;
};

static void note(void *arg, unsigned dirs)
{
    struct ends *e = arg;

    e->events++;
    e->last = dirs;
}

static void open_ends(struct ends *e)
{
    int fds[2];

    *e = (struct ends){0};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    e->ours = fds[0];
    e->theirs = fds[1];
    ck_ok(proa__io_add(proa_loop_current(), &e->io, e->ours, note, e));
}

static void close_ends(struct ends *e)
{
    proa__io_del(&e->io);
    close(e->ours);
    if (e->theirs >= 0)
        close(e->theirs);
}

/* Over TCP, since only there a connection can be reset. */
static void open_tcp_ends(struct ends *e)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    *e = (struct ends){0};
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&addr, len), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
    e->theirs = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(e->theirs, (struct sockaddr *)&addr, len), 0);
    e->ours = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    ck_assert_int_ge(e->ours, 0);
    close(listener);
    ck_ok(proa__io_add(proa_loop_current(), &e->io, e->ours, note, e));
}

static void look(void)
{
    ck_ok(proa_sleep(PROA_MS)); /* more than a turn, and the kernel is asked in each */
}

/* The clock is the real one: descriptors are something outside. */
static void run(t_body_fn *body)
{
    ck_ok(proa_run(body, NULL, NULL));
}

static int edges(void *arg)
{
    struct ends e;
    char buf[8];

    (void)arg;
    open_ends(&e);
    ck_assert_uint_eq(e.io.bits, IO_READ | IO_WRITE); /* may be possible: try */
    look();
    io_clear(&e.io, IO_READ | IO_WRITE);
    e.events = 0;
    look();
    ck_assert_uint_eq(e.events, 0); /* it is writable all the time, and nobody says so again */

    ck_assert_int_eq(write(e.theirs, "ab", 2), 2);
    look();
    ck_assert_uint_eq(e.events, 1);
    ck_assert(e.last & IO_READ);
    ck_assert(e.io.bits & IO_READ);
    look();
    ck_assert_uint_eq(e.events, 1); /* still unread: an edge comes once */

    ck_assert_int_eq(read(e.ours, buf, 8), 2);
    io_clear(&e.io, IO_READ);
    ck_assert(!(e.io.bits & IO_READ));
    ck_assert_int_eq(write(e.theirs, "c", 1), 1);
    look();
    ck_assert_uint_eq(e.events, 2);
    close_ends(&e);
    return 0;
}
START_TEST(an_edge_sets_the_bit_once)
{
    run(edges);
}
END_TEST

static int end_of_stream(void *arg)
{
    struct ends e;

    (void)arg;
    open_tcp_ends(&e);
    look();
    io_clear(&e.io, IO_READ | IO_WRITE);
    ck_assert_int_eq(write(e.theirs, "last", 4), 4);
    shutdown(e.theirs, SHUT_WR);
    look();
    ck_assert_uint_eq(e.io.bits & (IO_READ | IO_CLOSED), IO_READ | IO_CLOSED);
    io_clear(&e.io, IO_READ | IO_WRITE | IO_CLOSED);
    ck_assert(e.io.bits & IO_CLOSED); /* stays */
    close_ends(&e);
    return 0;
}
START_TEST(data_and_end_together_show_both)
{
    run(end_of_stream);
}
END_TEST

static int reset(void *arg)
{
    struct linger at_once = {.l_onoff = 1};
    struct ends e;
    char buf[8];

    (void)arg;
    open_tcp_ends(&e);
    look();
    io_clear(&e.io, IO_READ | IO_WRITE);
    setsockopt(e.theirs, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(e.theirs);
    e.theirs = -1;
    look();
    ck_assert_uint_eq(e.io.bits & (IO_READ | IO_WRITE), IO_READ | IO_WRITE);
    ck_assert_int_eq(read(e.ours, buf, 8), -1);
    close_ends(&e);
    return 0;
}
START_TEST(a_reset_shows_in_both_directions)
{
    run(reset);
}
END_TEST

static int end_unheard(void *arg)
{
    struct ends e;
    char c;

    (void)arg;
    proa__io_no_closed = true;
    open_tcp_ends(&e);
    look();
    io_clear(&e.io, IO_READ | IO_WRITE);
    shutdown(e.theirs, SHUT_WR);
    look();
    ck_assert(e.io.bits & IO_READ);
    ck_assert(!(e.io.bits & IO_CLOSED));
    ck_assert_int_eq(read(e.ours, &c, 1), 0);
    close_ends(&e);
    return 0;
}
START_TEST(without_the_closed_event_the_end_is_a_read_of_zero)
{
    run(end_unheard);
}
END_TEST

static struct ends pair_a, pair_b;

static void delete_both(void *arg, unsigned dirs)
{
    note(arg, dirs);
    proa__io_del(&pair_a.io);
    proa__io_del(&pair_b.io);
}

static int deleted_in_callback(void *arg)
{
    (void)arg;
    open_ends(&pair_a);
    open_ends(&pair_b);
    look();
    pair_a.events = pair_b.events = 0;
    pair_a.io.fn = pair_b.io.fn = delete_both;
    ck_assert_int_eq(write(pair_a.theirs, "x", 1), 1);
    ck_assert_int_eq(write(pair_b.theirs, "x", 1), 1);
    look();
    ck_assert_uint_eq(pair_a.events + pair_b.events, 1); /* both had come; one deleted the other */
    close_ends(&pair_a);
    close_ends(&pair_b);
    return 0;
}
START_TEST(what_is_deleted_is_not_called_any_more)
{
    run(deleted_in_callback);
}
END_TEST

static int refusals(void *arg)
{
    struct proa_loop *loop = proa_loop_current();
    struct io again = {0};
    struct ends e;
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    (void)arg;
    open_ends(&e);
    size_t outside = loop->outside;
    ck_err(proa__io_add(loop, &again, e.ours, note, NULL), PROA_EBUSY);
    ck_err(proa__io_add(loop, &again, file, note, NULL), PROA_EPERM);
    ck_err(proa__io_add(loop, &again, -1, note, NULL), PROA_EBADF);
    ck_err(proa__io_add(loop, &again, 999, note, NULL), PROA_EBADF);
    ck_assert_uint_eq(loop->outside, outside);
    proa__io_del(&again); /* not registered: nothing */
    ck_assert_uint_eq(loop->outside, outside);
    close(file);
    close_ends(&e);
    return 0;
}
START_TEST(what_cannot_be_registered_is_refused)
{
    run(refusals);
}
END_TEST

/* The number of a closed descriptor comes back for another file. */
static int reuse(void *arg)
{
    struct ends e;

    (void)arg;
    for (int i = 0; i < 5; i++) {
        open_ends(&e);
        look();
        e.events = 0;
        ck_assert_int_eq(write(e.theirs, "x", 1), 1);
        look();
        ck_assert_uint_eq(e.events, 1);
        close_ends(&e);
    }
    return 0;
}
START_TEST(a_number_may_be_used_again)
{
    run(reuse);
}
END_TEST

/* ---- proa_wait_fd */

static int pipe_ends[2];

static int await_read(void *arg)
{
    (void)arg;
    return proa_wait_fd(pipe_ends[0], PROA_READABLE);
}

static int write_late(void *arg)
{
    (void)arg;
    proa_sleep(2 * PROA_MS);
    return write(pipe_ends[1], "x", 1) == 1 ? 0 : PROA_EIO;
}

static int waits(void *arg)
{
    char c;

    (void)arg;
    ck_assert_int_eq(pipe(pipe_ends), 0);
    PROA_GROUP(g);
    proa_create_task(&g, write_late, NULL);
    ck_assert_int_eq(proa_wait_fd(pipe_ends[0], PROA_READABLE), PROA_READABLE);
    ck_assert_int_eq(proa_wait_fd(pipe_ends[0], PROA_READABLE), PROA_READABLE); /* a level */
    ck_assert_int_eq(proa_wait_fd(pipe_ends[1], PROA_WRITABLE), PROA_WRITABLE);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(read(pipe_ends[0], &c, 1), 1);
    close(pipe_ends[1]);
    ck_assert_int_ge(proa_wait_fd(pipe_ends[0], PROA_READABLE), 1); /* hung up */
    close(pipe_ends[0]);
    return 0;
}
START_TEST(waiting_for_a_descriptor_says_what_is_possible)
{
    run(waits);
}
END_TEST

static int await_dirs(void *arg)
{
    return proa_wait_fd(((int *)arg)[0], (unsigned)((int *)arg)[1]);
}

static int two_waiters(void *arg)
{
    int fds[2];

    (void)arg;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    PROA_GROUP(g);
    proa_create_task(&g, await_dirs, (int[]){fds[0], PROA_READABLE});
    proa_yield();
    ck_err(proa_wait_fd(fds[0], PROA_READABLE), PROA_EBUSY);
    ck_err(proa_wait_fd(fds[0], PROA_READABLE | PROA_WRITABLE), PROA_EBUSY);
    ck_assert_int_eq(proa_wait_fd(fds[0], PROA_WRITABLE), PROA_WRITABLE); /* the other direction */
    ck_assert_int_eq(write(fds[1], "x", 1), 1);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(proa_wait_fd(fds[0], PROA_READABLE | PROA_WRITABLE),
                     PROA_READABLE | PROA_WRITABLE);
    close(fds[0]);
    close(fds[1]);
    return 0;
}
START_TEST(one_task_waits_for_a_direction)
{
    run(two_waiters);
}
END_TEST

static int cancelled(void *arg)
{
    struct proa_loop *loop = proa_loop_current();
    size_t outside = loop->outside;

    (void)arg;
    ck_assert_int_eq(pipe(pipe_ends), 0);
    {
        PROA_GROUP(g);
        proa_create_task(&g, await_read, NULL);
        proa_yield();
        ck_assert_uint_eq(loop->outside, outside + 1);
        proa_group_cancel(&g);
        ck_ok(proa_group_join(&g));
    }
    ck_assert_uint_eq(loop->outside, outside); /* nothing stays registered */
    ck_assert_int_eq(write(pipe_ends[1], "x", 1), 1);
    ck_assert_int_eq(proa_wait_fd(pipe_ends[0], PROA_READABLE), PROA_READABLE);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    return 0;
}
START_TEST(a_cancelled_wait_leaves_nothing)
{
    run(cancelled);
}
END_TEST

static int odd_waits(void *arg)
{
    struct ends e;
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    (void)arg;
    open_ends(&e);
    ck_err(proa_wait_fd(e.ours, PROA_READABLE), PROA_EBUSY);
    ck_assert_int_eq(proa_wait_fd(file, PROA_READABLE), PROA_READABLE);
    ck_err(proa_wait_fd(-1, PROA_READABLE), PROA_EBADF);
    ck_err(proa_wait_fd(999, PROA_READABLE), PROA_EBADF);
    ck_err(proa_wait_fd(e.theirs, 0), PROA_EINVAL);
    ck_err(proa_wait_fd(e.theirs, 8), PROA_EINVAL);
    ck_assert_int_eq(proa_wait_fd(e.theirs, PROA_WRITABLE), PROA_WRITABLE);
    close(file);
    close_ends(&e);
    return 0;
}
START_TEST(odd_descriptors_are_answered)
{
    run(odd_waits);
}
END_TEST

static int wait_with_data(void *arg)
{
    int rc;

    (void)arg;
    ck_assert_int_eq(pipe(pipe_ends), 0);
    ck_assert_int_eq(write(pipe_ends[1], "x", 1), 1);
    rc = proa_wait_fd(pipe_ends[0], PROA_READABLE);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    return rc < 0 ? rc : 0;
}
START_TEST(each_wait_may_be_cancelled)
{
    t_each_park(wait_with_data, NULL);
}
END_TEST

START_TEST(each_allocation_may_fail)
{
    t_run_each_alloc(wait_with_data, NULL);
}
END_TEST

int main(void)
{
    return t_main("io", (const TTest *const[]){
                            an_edge_sets_the_bit_once,
                            data_and_end_together_show_both,
                            a_reset_shows_in_both_directions,
                            without_the_closed_event_the_end_is_a_read_of_zero,
                            what_is_deleted_is_not_called_any_more,
                            what_cannot_be_registered_is_refused,
                            a_number_may_be_used_again,
                            waiting_for_a_descriptor_says_what_is_possible,
                            one_task_waits_for_a_direction,
                            a_cancelled_wait_leaves_nothing,
                            odd_descriptors_are_answered,
                            each_wait_may_be_cancelled,
                            each_allocation_may_fail,
                            NULL,
                        });
}
