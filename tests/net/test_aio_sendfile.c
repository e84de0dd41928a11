/* asyncio's cases of sendfile, by their ids; over TLS they are in tests/tls/test_aio_tls.c. */

#include "net/file_io.h"
#include "net/files.h"
#include "net/pair.h"
#include "net/stream.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/file.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

struct trip {
    int way;
    int64_t size;
    int64_t offset, n;  /* asked for */
    int64_t from, sent; /* expected */
    unsigned faults;
};

/* A file from one end of a stream to the other. */
static int trip_body(void *arg)
{
    const struct trip *t = arg;
    struct proa_stream *near, *far;
    struct t_reader r = {.at = t->from};
    int fd = t_file_fd(t->size);
    int64_t done = -1;

    proa__file_faults = t->faults;
    t_way(t->way, &near, &far);
    r.s = far;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, t_reader, &r));
    ck_ok(proa_sendfile(near, fd, t->offset, t->n, &done, NULL));
    ck_assert_int_eq(done, t->sent);
    ck_ok(proa_close(near));
    ck_ok(proa_group_join(&g));
    ck_ok(r.rc);
    ck_assert_int_eq(r.n, t->sent);
    ck_assert_int_eq(r.wrong, 0);
    ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 0);
    proa_stream_free(far);
    close(fd);
    proa__file_faults = 0;
    return 0;
}

static const unsigned manners[] = {0, FILE_COLD, FILE_NO_CACHESTAT, FILE_NO_SENDFILE};
enum { MANNERS = sizeof manners / sizeof *manners, TRIPS = 6 };

static void set_trip(struct trip *t, int which)
{
    const struct trip trips[TRIPS] = {
        {.size = 3000000, .n = PROA_FILE_REST, .sent = 3000000},
        {.size = 3000000, .offset = 4095, .n = 1000001, .from = 4095, .sent = 1000001},
        {.size = 0, .n = PROA_FILE_REST},
        {.size = 10, .n = PROA_FILE_REST, .sent = 10},
        {.size = 10, .offset = 10, .n = PROA_FILE_REST},
        {.size = 10, .offset = 5, .n = 0},
    };

    *t = trips[which];
}

START_TEST(aio_sf_01_whole_file_offset_and_count_empty_file)
{
    struct trip t;

    set_trip(&t, _i % TRIPS);
    t.way = _i / TRIPS % WAYS;
    t.faults = manners[_i / TRIPS / WAYS];
    t_run(trip_body, &t);
}
END_TEST

/* The position is the caller's: it counts, and moves, only where that is asked for. */
static int position_body(void *arg)
{
    struct proa_stream *near, *far;
    char got[8] = {0};
    int fd = t_file_fd(100);
    int64_t done;

    t_way(*(int *)arg, &near, &far);
    lseek(fd, 40, SEEK_SET);
    ck_ok(proa_sendfile(near, fd, PROA_FILE_CURRENT, 7, &done, NULL));
    ck_assert_int_eq(done, 7);
    ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 47);
    ck_ok(proa_read_exact(far, got, 7, NULL));
    ck_assert_int_eq((uint8_t)got[0], t_byte(40));
    ck_ok(proa_sendfile(near, fd, 0, 5, &done, NULL));
    ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 47);
    ck_ok(proa_sendfile(near, fd, PROA_FILE_CURRENT, PROA_FILE_REST, &done, NULL));
    ck_assert_int_eq(done, 53);
    ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 100);
    ck_ok(proa_sendfile(near, fd, PROA_FILE_CURRENT, PROA_FILE_REST, &done, NULL));
    ck_assert_int_eq(done, 0);
    proa_stream_free(near);
    proa_stream_free(far);
    close(fd);
    return 0;
}
START_TEST(aio_sf_01_position_moves_where_asked_for)
{
    t_run(position_body, &_i);
}
END_TEST

static int order_body(void *arg)
{
    struct proa_stream *near, *far;
    char got[400];
    int fd = t_file_fd(300);
    int way = *(int *)arg;
    bool by_system = way != WAY_PAIR; /* which for a file as small is asked for */

    t_way(way, &near, &far);
    ck_ok(proa_write(near, "bef", 3, NULL));
    ck_ok(proa_write_buffered(near, "ore", 3, NULL)); /* not sent yet */
    ck_ok(proa_sendfile(near, fd, 0, PROA_FILE_REST, NULL,
                        PROA_SENDFILE_OPTS(.no_fallback = by_system)));
    ck_ok(proa_write(near, "after", 5, NULL));
    ck_ok(proa_close(near));
    ck_ok(proa_read_exact(far, got, 311, NULL));
    ck_assert_mem_eq(got, "before", 6);
    for (int i = 0; i < 300; i++)
        ck_assert_int_eq((uint8_t)got[6 + i], t_byte(i));
    ck_assert_mem_eq(got + 306, "after", 5);
    ck_assert_int_eq(proa_read(far, got, 1), 0);
    proa_stream_free(far);
    close(fd);
    return 0;
}
START_TEST(aio_sf_02_order_with_what_is_written_before_and_after)
{
    t_run(order_body, &_i);
}
END_TEST

struct sending {
    struct proa_stream *s;
    int fd;
    int64_t n;
    int64_t done;
    int rc;
    bool over;
};

static int send_it(void *arg)
{
    struct sending *x = arg;

    x->rc = proa_sendfile(x->s, x->fd, 0, x->n, &x->done, NULL);
    x->over = true;
    return 0;
}

enum { LARGE = 20000000 }; /* more than any socket's buffers hold */

static int busy_body(void *arg)
{
    struct proa_stream *near, *far;
    struct sending x = {.n = LARGE};
    struct t_reader r = {0};

    x.fd = t_file_fd(LARGE);
    t_way(*(int *)arg, &near, &far);
    x.s = near;
    r.s = far;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, send_it, &x));
    t_turns(5);
    ck_assert(!x.over);
    ck_err(proa_write(near, "x", 1, NULL), PROA_EBUSY);
    ck_err(proa_sendfile(near, x.fd, 0, 1, NULL, NULL), PROA_EBUSY);
    ck_err(proa_shutdown(near), PROA_EBUSY);
    r.stop = LARGE;
    ck_ok(t_reader(&r));
    ck_assert_int_eq(r.n, LARGE);
    ck_assert_int_eq(r.wrong, 0);
    ck_ok(proa_group_join(&g));
    ck_ok(x.rc);
    proa_stream_free(near);
    proa_stream_free(far);
    close(x.fd);
    return 0;
}
START_TEST(aio_sf_03_a_write_meanwhile_is_busy)
{
    t_run(busy_body, &_i);
}
END_TEST

/* The other end takes a part and leaves. */
static int leaves_body(void *arg)
{
    struct proa_stream *near, *far;
    struct sending x = {.n = LARGE};
    struct t_reader r = {.stop = 100000};

    x.fd = t_file_fd(LARGE);
    t_way(*(int *)arg, &near, &far);
    x.s = near;
    r.s = far;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, send_it, &x));
    ck_ok(t_reader(&r));
    proa_stream_free(far);
    ck_ok(proa_group_join(&g));
    ck_assert(x.rc == PROA_EPIPE || x.rc == PROA_ECONNRESET);
    ck_assert_int_ge(x.done, 100000);
    ck_assert_int_lt(x.done, LARGE);
    ck_assert_int_lt(proa_write(near, "x", 1, NULL), 0);
    ck_assert_int_lt(proa_sendfile(near, x.fd, 0, 10, &x.done, NULL), 0);
    ck_assert_int_eq(x.done, 0);
    proa_stream_free(near);
    close(x.fd);
    return 0;
}
START_TEST(aio_sf_04_the_peer_leaves_midway)
{
    t_run(leaves_body, &_i);
}
END_TEST

static int no_fallback_body(void *arg)
{
    const struct proa_sendfile_opts *alone = PROA_SENDFILE_OPTS(.no_fallback = true);
    struct proa_stream *near, *far;
    int way = *(int *)arg;
    int fd = t_file_fd(10);
    char got[10];
    int64_t done = -1;

    t_way(way, &near, &far);
    if (way == WAY_PAIR) {
        ck_err(proa_sendfile(near, fd, 0, 10, &done, alone), PROA_EOPNOTSUPP);
        ck_assert_int_eq(done, 0);
        ck_assert(!(proa__stream_bits(far) & STREAM_READ));
    } else {
        uint64_t before = proa__file_counts.sendfiles;

        ck_ok(proa_sendfile(near, fd, 0, 10, &done, alone));
        ck_assert_int_eq(done, 10);
        ck_assert(proa__file_counts.sendfiles > before || !t_file_tells(fd));
        ck_ok(proa_read_exact(far, got, 10, NULL));
    }
    if (t_file_tells(fd)) {
        proa__file_faults = FILE_NO_SENDFILE; /* the system turns out not to be able to */
        ck_err(proa_sendfile(near, fd, 0, 10, &done, alone), PROA_EOPNOTSUPP);
        ck_assert_int_eq(done, 0);
        proa__file_faults = 0;
    }
    if (way != WAY_PAIR) {
        uint64_t before = proa__file_counts.sendfiles;

        proa__file_faults = FILE_COLD; /* a thread reads it, and the system sends it */
        ck_ok(proa_sendfile(near, fd, 0, 10, &done, alone));
        ck_assert_uint_eq(proa__file_counts.sendfiles, before + 1);
        proa__file_faults = FILE_COLD | FILE_NO_SENDFILE;
        ck_err(proa_sendfile(near, fd, 0, 10, &done, alone), PROA_EOPNOTSUPP);
        ck_assert_int_eq(done, 0);
        proa__file_faults = 0;
    }
    ck_ok(proa_sendfile(near, fd, 0, 10, &done, NULL));
    proa_stream_free(near);
    proa_stream_free(far);
    close(fd);
    return 0;
}
START_TEST(aio_sf_05_fallback_disabled)
{
    t_run(no_fallback_body, &_i);
}
END_TEST

/* ---- a file that fails on the way */

static int failure;         /* what the system says to the next sendfile; 0: what is so */
static int unreadable = -1; /* then takes the place of the file */

ssize_t send_or_fail(int out, int file, off_t *at, size_t n) __asm__("sendfile");

ssize_t send_or_fail(int out, int file, off_t *at, size_t n)
{
    int error = failure;

    failure = 0;
    if (!error)
        return syscall(SYS_sendfile, out, file, at, n);
    if (unreadable >= 0)
        dup2(unreadable, file);
    errno = error;
    return -1;
}

/* Only what can be read, but not sent, is not supported. */
static int failing_file_body(void *arg)
{
    const struct proa_sendfile_opts *alone = PROA_SENDFILE_OPTS(.no_fallback = true);
    static const int errors[] = {EIO, EBADF, EINVAL};
    struct proa_stream *near, *far;
    int way = *(int *)arg;
    char name[40], got[20];
    int64_t done = -1;

    if (way == WAY_PAIR)
        return 0;
    t_way(way, &near, &far);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        int fd = t_file_fd(10);

        unreadable = -1;
        failure = errors[i];
        ck_err(proa_sendfile(near, fd, 0, 10, &done, alone), PROA_EOPNOTSUPP);
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        unreadable = open(name, O_WRONLY | O_CLOEXEC);
        failure = errors[i];
        ck_err(proa_sendfile(near, fd, 0, 10, &done, alone), PROA_EBADF);
        ck_assert_int_eq(done, 0);
        close(unreadable);
        close(fd);
    }
    ck_ok(proa_write(near, "unharmed", 8, NULL));
    ck_ok(proa_read_exact(far, got, 8, NULL));
    proa_stream_free(near);
    proa_stream_free(far);
    return 0;
}
START_TEST(without_a_fallback_a_file_that_fails_is_told_by_its_own_code)
{
    t_run(failing_file_body, &_i);
}
END_TEST

/* There is no text mode here. */
static int bad_args_body(void *arg)
{
    struct proa_stream *near, *far;
    int64_t done = 7;
    int pipe_fds[2], fd = t_file_fd(10), dir = open("/", O_RDONLY | O_CLOEXEC);
    int write_only;
    char name[40];

    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    write_only = open(name, O_WRONLY | O_CLOEXEC);
    t_way(*(int *)arg, &near, &far);
    ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
    ck_err(proa_sendfile(near, pipe_fds[0], 0, 1, &done, NULL), PROA_EINVAL);
    ck_assert_int_eq(done, 0);
    ck_err(proa_sendfile(near, pipe_fds[0], PROA_FILE_CURRENT, 1, &done, NULL), PROA_EINVAL);
    ck_err(proa_sendfile(near, dir, 0, 1, &done, NULL), PROA_EISDIR);
    ck_err(proa_sendfile(near, -1, 0, 1, &done, NULL), PROA_EBADF);
    ck_err(proa_sendfile(near, fd, -1, 1, &done, NULL), PROA_EINVAL);
    ck_err(proa_sendfile(near, fd, INT64_MIN + 1, 1, &done, NULL), PROA_EINVAL);
    ck_err(proa_sendfile(near, fd, 0, -1, &done, NULL), PROA_EINVAL);
    ck_err(proa_sendfile(near, fd, 0, INT64_MIN, &done, NULL), PROA_EINVAL);
    ck_ok(proa_sendfile(near, fd, INT64_MAX, PROA_FILE_REST, &done, NULL));
    ck_ok(proa_sendfile(near, fd, INT64_MAX, 0, &done, NULL));
    ck_err(proa_sendfile(near, fd, 0, 11, &done, NULL), PROA_EEOF);
    ck_err(proa_sendfile(near, fd, 10, 1, &done, NULL), PROA_EEOF);
    ck_err(proa_sendfile(near, fd, INT64_MAX, 1, &done, NULL), PROA_EEOF);
    ck_err(proa_sendfile(near, fd, 1, INT64_MAX - 1, &done, NULL), PROA_EEOF);
    ck_err(proa_sendfile(near, write_only, 0, 1, &done, NULL), PROA_EBADF);
    ck_ok(proa_write(near, "x", 1, NULL)); /* none of these harmed the stream */
    proa_stream_free(near);
    proa_stream_free(far);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    close(dir);
    close(write_only);
    close(fd);
    return 0;
}
START_TEST(aio_sf_06_not_a_file_negative_offset_or_count)
{
    t_run(bad_args_body, &_i);
}
END_TEST

static int closing_body(void *arg)
{
    struct proa_stream *near, *far;
    int fd = t_file_fd(100000);
    int64_t done = 7;

    t_way(*(int *)arg, &near, &far);
    ck_ok(proa_shutdown(near));
    ck_err(proa_sendfile(near, fd, 0, 100000, &done, NULL), PROA_EPIPE);
    ck_assert_int_eq(done, 0);
    proa_stream_free(near);
    proa_stream_free(far);

    t_way(*(int *)arg, &near, &far);
    proa__stream_break(near);
    ck_err(proa_sendfile(near, fd, 0, 100000, &done, NULL), PROA_EBROKEN);
    ck_assert_int_eq(done, 0);
    proa_stream_free(near);
    proa_stream_free(far);
    close(fd);
    return 0;
}
START_TEST(aio_sf_07_a_stream_that_is_closing)
{
    t_run(closing_body, &_i);
}
END_TEST

int main(void)
{
    return t_main_tables(
        "aio sendfile", (const TTest *const[]){NULL},
        (const struct t_table[]){
            {aio_sf_01_whole_file_offset_and_count_empty_file, TRIPS * WAYS * MANNERS},
            {aio_sf_01_position_moves_where_asked_for, WAYS},
            {aio_sf_02_order_with_what_is_written_before_and_after, WAYS},
            {aio_sf_03_a_write_meanwhile_is_busy, WAYS},
            {aio_sf_04_the_peer_leaves_midway, WAYS},
            {aio_sf_05_fallback_disabled, WAYS},
            {without_a_fallback_a_file_that_fails_is_told_by_its_own_code, WAYS},
            {aio_sf_06_not_a_file_negative_offset_or_count, WAYS},
            {aio_sf_07_a_stream_that_is_closing, WAYS},
            {NULL, 0}});
}
