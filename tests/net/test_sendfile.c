#include "base/mem.h"
#include "net/fd_stream.h"
#include "net/file_io.h"
#include "net/files.h"
#include "net/pair.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/file.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

struct sending {
    struct proa_stream *s;
    int fd;
    int64_t offset, n;
    int64_t done;
    bool uncounted;
    int rc;
    bool over;
};

static int send_it(void *arg)
{
    struct sending *x = arg;

    x->rc = proa_sendfile(x->s, x->fd, x->offset, x->n, x->uncounted ? NULL : &x->done, NULL);
    x->over = true;
    return 0;
}

/* ---- what it costs */

static int small_cost_body(void *arg)
{
    struct proa_stream *near, *far;
    int fd = t_file_fd(10000);
    struct file_counts files;
    uint64_t writes;

    (void)arg;
    t_way(WAY_TCP, &near, &far);
    if (t_file_tells(fd)) {
        files = proa__file_counts;
        writes = proa__net_counts.writes;
        ck_ok(proa_sendfile(near, fd, 0, 10000, NULL, NULL));
        ck_assert_uint_eq(proa__file_counts.reads - files.reads, 1);
        ck_assert_uint_eq(proa__file_counts.jobs, files.jobs);
        ck_assert_uint_eq(proa__file_counts.sendfiles, files.sendfiles);
        ck_assert_uint_eq(proa__net_counts.writes - writes, 1);
    }
    proa_stream_free(near);
    proa_stream_free(far);
    close(fd);
    return 0;
}
START_TEST(a_small_cached_file_is_one_read_and_one_write)
{
    t_run(small_cost_body, NULL);
}
END_TEST

enum { MIB = 1 << 20 };

/* _i 1: the system turns out not to be able to. */
static int large_cost_body(void *arg)
{
    bool able = *(int *)arg == 0;
    struct proa_stream *near, *far;
    struct t_reader r = {0};
    int fd = t_file_fd(4 * MIB);
    struct file_counts files;
    uint64_t writes;

    t_way(WAY_TCP, &near, &far);
    r.s = far;
    if (t_file_tells(fd)) {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, t_reader, &r));
        files = proa__file_counts;
        writes = proa__net_counts.writes;
        proa__file_faults = able ? 0 : FILE_NO_SENDFILE;
        ck_ok(proa_sendfile(near, fd, 0, 4 * MIB, NULL, NULL));
        proa__file_faults = 0;
        ck_assert_uint_eq(proa__file_counts.jobs, files.jobs); /* no thread either way */
        ck_assert((proa__file_counts.sendfiles > files.sendfiles) == able);
        writes = proa__net_counts.writes - writes;
        ck_assert(able ? writes <= 2 : writes >= 256); /* the last, small part; or all */
        ck_ok(proa_close(near));
        near = NULL;
        ck_ok(proa_group_join(&g));
        ck_assert_int_eq(r.n, 4 * MIB);
        ck_assert_int_eq(r.wrong, 0);
    }
    proa_stream_free(near);
    proa_stream_free(far);
    close(fd);
    return 0;
}
START_TEST(a_large_cached_file_is_not_copied)
{
    t_run(large_cost_body, &_i);
}
END_TEST

/* What was thrown out of the cache, and what seems to be: a thread reads it. */
static int cold_body(void *arg)
{
    bool really = *(int *)arg;
    struct proa_stream *near, *far;
    struct t_reader r = {0};
    int fd = t_file_fd(MIB);
    struct file_counts files;
    int64_t done;

    t_way(WAY_TCP, &near, &far);
    r.s = far;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, t_reader, &r));
    if (really) {
        fsync(fd);
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    } else {
        proa__file_faults = FILE_COLD;
    }
    files = proa__file_counts;
    ck_ok(proa_sendfile(near, fd, 0, MIB, &done, NULL));
    ck_assert_int_eq(done, MIB);
    if (!really) {
        ck_assert_uint_eq(proa__file_counts.jobs - files.jobs, 16);
        ck_assert_uint_eq(proa__file_counts.sendfiles, files.sendfiles);
    }
    ck_ok(proa_close(near));
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(r.n, MIB);
    ck_assert_int_eq(r.wrong, 0);
    proa_stream_free(far);
    close(fd);
    proa__file_faults = 0;
    return 0;
}
START_TEST(what_the_cache_lacks_a_thread_reads)
{
    t_run(cold_body, &_i);
}
END_TEST

/* ---- fairness */

/* A carrier that takes all it is given. */
struct sink {
    struct proa_stream s;
    int64_t took;
    size_t largest;
    int calls;
};

static ssize_t sink_writev(struct proa_stream *s, const struct iovec *iov, int n)
{
    ssize_t took = 0;

    for (int i = 0; i < n; i++)
        took += (ssize_t)iov[i].iov_len;
    ((struct sink *)s)->took += took;
    return took;
}

static ssize_t sink_sendfile(struct proa_stream *s, int file, int64_t at, size_t n)
{
    struct sink *k = (struct sink *)s;

    (void)file;
    ck_assert_int_eq(at, k->took);
    k->calls++;
    k->largest = n > k->largest ? n : k->largest;
    k->took += (int64_t)n;
    return (ssize_t)n;
}

static void sink_close(struct proa_stream *s)
{
    proa__free(s);
}

static const struct stream_ops copying_sink = {
    .kind = "sink", .try_writev = sink_writev, .close = sink_close};
static const struct stream_ops system_sink = {
    .kind = "sink", .try_writev = sink_writev, .try_sendfile = sink_sendfile, .close = sink_close};

static int count_turns(void *arg)
{
    int *turns = arg;

    while (*turns >= 0) {
        ++*turns;
        if (proa_yield() < 0)
            break;
    }
    return 0;
}

static int fair_body(void *arg)
{
    struct sink *k = proa__zalloc(sizeof *k);
    int fd = t_file_fd(8 * MIB);
    int turns = 0;
    int64_t done;

    proa__stream_init(&k->s, *(int *)arg ? &system_sink : &copying_sink);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, count_turns, &turns));
    ck_ok(proa_sendfile(&k->s, fd, 0, 8 * MIB, &done, NULL));
    ck_assert_int_eq(done, 8 * MIB);
    ck_assert_int_eq(k->took, 8 * MIB);
    ck_assert_int_ge(turns, 2); /* 512 parts of 16 KiB, 128 a slice */
    if (*(int *)arg && t_file_tells(fd)) {
        ck_assert_uint_eq(k->largest, 256 << 10);
        ck_assert_int_eq(k->calls, 32);
    }
    turns = -1;
    ck_ok(proa_group_join(&g));
    proa_stream_free(&k->s);
    close(fd);
    return 0;
}
START_TEST(others_have_their_turns_during_a_large_file)
{
    t_run(fair_body, &_i);
}
END_TEST

/* ---- files that change */

/* Cut while the sender waits for room: it learns so, and stops. */
static int cut_body(void *arg)
{
    struct proa_stream *near, *far;
    struct sending x = {.n = 20 * MIB};
    struct t_reader r = {0};
    int way = *(int *)arg % WAYS;

    x.fd = t_file_fd(20 * MIB);
    proa__file_faults = *(int *)arg / WAYS ? FILE_COLD : 0;
    t_way(way, &near, &far);
    x.s = near;
    r.s = far;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, send_it, &x));
    t_turns(20);
    ck_assert(!x.over);
    ck_assert_int_eq(ftruncate(x.fd, 15 * MIB + 5), 0);
    ck_ok(proa_create_task(&g, t_reader, &r));
    while (!x.over)
        t_turns(1);
    ck_err(x.rc, PROA_EEOF);
    ck_assert_int_eq(x.done, 15 * MIB + 5);
    ck_ok(proa_close(near));
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(r.n, x.done);
    proa_stream_free(far);
    close(x.fd);
    proa__file_faults = 0;
    return 0;
}
START_TEST(a_file_that_is_cut_meanwhile_is_an_error)
{
    t_run(cut_body, &_i);
}
END_TEST

/* ---- cancels */

static int cancelled_body(void *arg)
{
    struct proa_stream *near, *far;
    struct sending x = {.n = 20 * MIB};
    struct t_reader r = {0};
    int which = *(int *)arg;
    int64_t done;

    x.fd = t_file_fd(20 * MIB);
    proa__file_faults = which / WAYS ? FILE_COLD : 0;
    t_way(which % WAYS, &near, &far);
    x.s = near;
    r.s = far;
    PROA_GROUP(senders);
    ck_ok(proa_create_task(&senders, send_it, &x));
    t_turns(20);
    ck_assert(!x.over);
    proa_group_cancel(&senders);
    ck_ok(proa_group_join(&senders));
    ck_err(x.rc, PROA_ECANCELED);

    PROA_GROUP(g); /* go on behind what was taken: nothing is lost, nothing twice */
    ck_ok(proa_create_task(&g, t_reader, &r));
    ck_ok(proa_sendfile(near, x.fd, x.done, PROA_FILE_REST, &done, NULL));
    ck_assert_int_eq(x.done + done, 20 * MIB);
    ck_ok(proa_close(near));
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(r.n, 20 * MIB);
    ck_assert_int_eq(r.wrong, 0);
    proa_stream_free(far);
    close(x.fd);
    proa__file_faults = 0;
    return 0;
}
START_TEST(after_a_cancel_it_can_be_gone_on_with)
{
    t_run(cancelled_body, &_i);
}
END_TEST

static int uncounted_body(void *arg)
{
    struct proa_stream *near, *far;
    struct sending x = {.n = 20 * MIB, .uncounted = true};
    char byte;

    x.fd = t_file_fd(20 * MIB);
    t_way(*(int *)arg, &near, &far);
    x.s = near;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, send_it, &x));
    ck_assert_int_eq(proa_read(far, &byte, 1), 1); /* some of it has left */
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    ck_err(x.rc, PROA_ECANCELED);
    ck_err(proa_write(near, "x", 1, NULL), PROA_EBROKEN);
    ck_err(proa_close(near), PROA_EBROKEN);
    proa_stream_free(far);
    close(x.fd);
    return 0;
}
START_TEST(a_cut_that_nobody_counted_breaks_the_stream)
{
    t_run(uncounted_body, &_i);
}
END_TEST

/* The position stands behind what was taken, after a cancel too. */
static int cancelled_position_body(void *arg)
{
    struct proa_stream *near, *far;
    struct sending x = {.offset = PROA_FILE_CURRENT, .n = PROA_FILE_REST};

    (void)arg;
    x.fd = t_file_fd(20 * MIB);
    lseek(x.fd, 100, SEEK_SET);
    t_way(WAY_TCP, &near, &far);
    x.s = near;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, send_it, &x));
    t_turns(20);
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    ck_err(x.rc, PROA_ECANCELED);
    ck_assert_int_gt(x.done, 0);
    ck_assert_int_eq(lseek(x.fd, 0, SEEK_CUR), 100 + x.done);
    proa_stream_free(near);
    proa_stream_free(far);
    close(x.fd);
    return 0;
}
START_TEST(a_cancel_leaves_the_position_right)
{
    t_run(cancelled_position_body, NULL);
}
END_TEST

static int abort_it(void *stream)
{
    proa_abort(stream);
    return 0;
}

/* While it waits for room, and while a thread reads for it. */
static int aborted_body(void *arg)
{
    struct proa_stream *near, *far;
    struct sending x = {.n = 20 * MIB};
    int which = *(int *)arg;

    x.fd = t_file_fd(20 * MIB);
    proa__file_faults = which / WAYS ? FILE_COLD : 0;
    t_way(which % WAYS, &near, &far);
    x.s = near;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, send_it, &x));
    ck_ok(proa_create_task(&g, abort_it, near));
    ck_ok(proa_group_join(&g));
    ck_err(x.rc, PROA_ECLOSED);
    proa_stream_free(far);
    close(x.fd);
    proa__file_faults = 0;
    return 0;
}
START_TEST(a_stream_that_is_aborted_meanwhile)
{
    t_run_in_order(aborted_body, &_i);
}
END_TEST

/* A reader that is cancelled takes its end of the stream with it. */
static int leaving_reader(void *reader)
{
    struct t_reader *r = reader;

    t_reader(r);
    if (r->rc < 0) {
        proa_abort(r->s);
        r->s = NULL;
    }
    return r->rc;
}

/* Room for a little at a time, and each point a cancel. */
static int each_park_body(void *arg)
{
    const struct pair_opts little = {.ab.capacity = 3000};
    struct proa_stream *near, *far;
    struct t_reader r = {0};
    int fd = t_file_fd(10000);
    int64_t done = 0;
    int rc, joined;

    proa__file_faults = *(int *)arg ? FILE_COLD : 0;
    ck_ok(proa__pair_new(&near, &far, &little));
    r.s = far;
    PROA_GROUP(g);
    rc = proa_create_task(&g, leaving_reader, &r);
    if (rc == 0) {
        rc = proa_sendfile(near, fd, 0, 10000, &done, NULL);
        ck_assert(rc == 0 ? done == 10000 : done < 10000);
    }
    proa_stream_free(near);
    joined = proa_group_join(&g);
    if (rc == 0 && joined == 0 && r.rc == 0)
        ck_assert_int_eq(r.n, 10000);
    ck_assert_int_eq(r.wrong, 0);
    proa_stream_free(r.s);
    close(fd);
    proa__file_faults = 0;
    return r.rc < 0 ? 0 : rc < 0 ? rc : joined; /* the reader, not us */
}
START_TEST(cancelled_at_each_point)
{
    t_each_park(each_park_body, &_i);
}
END_TEST

static int each_alloc_body(void *arg)
{
    struct proa_stream *near, *far;
    int fd = t_file_fd(10000);
    int64_t done = 0;
    int rc;

    proa__file_faults = *(int *)arg ? FILE_COLD : 0;
    rc = proa__pair_new(&near, &far, NULL);
    if (rc == 0) {
        rc = proa_sendfile(near, fd, 0, 10000, &done, NULL);
        ck_assert(rc == 0 ? done == 10000 : done == 0);
        proa_stream_free(near);
        proa_stream_free(far);
    }
    close(fd);
    proa__file_faults = 0;
    return rc;
}
START_TEST(each_allocation_fails)
{
    t_run_each_alloc(each_alloc_body, &_i);
}
END_TEST

/* Signals are let through as before, and none is left over. Without room nothing is tried. */
static int quiet_body(void *arg)
{
    struct proa_stream *near, *far;
    struct sending x = {.n = 20 * MIB};
    sigset_t set;
    uint64_t calls;

    x.fd = t_file_fd(20 * MIB);
    t_way(*(int *)arg, &near, &far);
    x.s = near;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, send_it, &x));
    t_turns(20);
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    ck_assert(!sigismember(&set, SIGPIPE));
    calls = proa__file_counts.sendfiles;
    t_turns(20);
    ck_assert_uint_eq(proa__file_counts.sendfiles, calls);
    proa_stream_free(far);
    ck_ok(proa_group_join(&g));
    ck_assert_int_lt(x.rc, 0);
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    ck_assert(!sigismember(&set, SIGPIPE));
    sigpending(&set);
    ck_assert(!sigismember(&set, SIGPIPE));
    proa_stream_free(near);
    close(x.fd);
    return 0;
}
START_TEST(signals_are_as_before)
{
    t_run(quiet_body, &_i);
}
END_TEST

/* A program's own signal of that kind, blocked and pending, is still there afterwards. */
static int pending_body(void *arg)
{
    struct proa_stream *near, *far;
    const struct timespec now = {0};
    int fd = t_file_fd(MIB);
    sigset_t set;

    t_way(*(int *)arg, &near, &far);
    proa_stream_free(far);
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    raise(SIGPIPE);
    ck_assert_int_lt(proa_sendfile(near, fd, 0, MIB, NULL, NULL), 0);
    ck_assert_int_eq(sigtimedwait(&set, NULL, &now), SIGPIPE);
    ck_assert_int_lt(sigtimedwait(&set, NULL, &now), 0);
    proa_stream_free(near);
    close(fd);
    return 0;
}
START_TEST(a_signal_of_the_programs_own_stays)
{
    t_run(pending_body, &_i);
}
END_TEST

int main(void)
{
    return t_main_tables(
        "sendfile",
        (const TTest *const[]){a_small_cached_file_is_one_read_and_one_write,
                               a_cancel_leaves_the_position_right, NULL},
        (const struct t_table[]){{a_large_cached_file_is_not_copied, 2},
                                 {what_the_cache_lacks_a_thread_reads, 2},
                                 {others_have_their_turns_during_a_large_file, 2},
                                 {a_file_that_is_cut_meanwhile_is_an_error, WAYS * 2},
                                 {after_a_cancel_it_can_be_gone_on_with, WAYS * 2},
                                 {a_cut_that_nobody_counted_breaks_the_stream, WAYS},
                                 {a_stream_that_is_aborted_meanwhile, WAYS * 2},
                                 {cancelled_at_each_point, 2},
                                 {each_allocation_fails, 2},
                                 {signals_are_as_before, WAYS},
                                 {a_signal_of_the_programs_own_stays, WAYS},
                                 {NULL, 0}});
}
