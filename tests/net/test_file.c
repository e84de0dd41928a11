#include "net/file_io.h"
#include "net/files.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/file.h>
#include <proa/group.h>
#include <proa/listener.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/test.h>
#include <proa/time.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

static const unsigned manners[] = {0, FILE_COLD};

static uint8_t big[3 * MIB];

static bool is_file(const uint8_t *bytes, int64_t from, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (bytes[i] != t_byte(from + i))
            return false;
    }
    return true;
}

/* ---- reading */

static int read_body(void *arg)
{
    PROA_AUTO(proa_file) *f = NULL;
    uint8_t bytes[100];
    int64_t at;

    proa__file_faults = manners[*(int *)arg];
    ck_ok(proa_file_open(&f, t_file_path(250), NULL));
    ck_assert_int_eq(proa_file_read(f, bytes, 100), 100);
    ck_assert(is_file(bytes, 0, 100));
    ck_assert_int_eq(proa_file_pread(f, bytes, 100, 7), 100);
    ck_assert(is_file(bytes, 7, 100));
    ck_assert_int_eq(proa_file_read(f, bytes, 100), 100);
    ck_assert(is_file(bytes, 100, 100));
    ck_assert_int_eq(proa_file_read(f, bytes, 0), 0);
    ck_assert_int_eq(proa_file_read(f, bytes, 100), 50); /* only the end makes it fewer */
    ck_assert(is_file(bytes, 200, 50));
    ck_assert_int_eq(proa_file_read(f, bytes, 100), 0);
    ck_ok(proa_file_seek(f, -10, SEEK_CUR, &at));
    ck_assert_int_eq(at, 240);
    ck_assert_int_eq(proa_file_read(f, bytes, 100), 10);
    ck_assert_int_eq(proa_file_pread(f, bytes, 100, 250), 0);
    ck_assert_int_eq(proa_file_pread(f, bytes, 100, 1000), 0);
    ck_err(proa_file_pread(f, bytes, 100, -1), PROA_EINVAL);
    ck_err(proa_file_seek(f, -1, SEEK_SET, &at), PROA_EINVAL);
    ck_err(proa_file_seek(f, 0, 77, &at), PROA_EINVAL);
    ck_ok(proa_file_seek(f, 3, SEEK_SET, NULL));
    ck_err(proa_file_pread(f, bytes, 100, -1), PROA_EINVAL); /* to preadv2: "where it stands" */
    ck_assert_int_eq(lseek(proa_file_fd(f), 0, SEEK_CUR), 3);
    t_file_remove();
    proa__file_faults = 0;
    return 0;
}
START_TEST(reading_moves_the_position_and_pread_does_not)
{
    t_run(read_body, &_i);
}
END_TEST

/* More than a part at a time. */
static int read_big_body(void *arg)
{
    PROA_AUTO(proa_file) *f = NULL;
    struct file_counts before;

    proa__file_faults = manners[*(int *)arg];
    ck_ok(proa_file_open(&f, t_file_path(2 * MIB + 77), NULL));
    t_file_remove();
    before = proa__file_counts;
    ck_assert_int_eq(proa_file_pread(f, big, sizeof big, 5), 2 * MIB + 72);
    ck_assert(is_file(big, 5, 2 * MIB + 72));
    if (*(int *)arg)
        ck_assert_uint_eq(proa__file_counts.jobs - before.jobs, 4);
    else if (t_file_tells(proa_file_fd(f)))
        ck_assert_uint_eq(proa__file_counts.jobs, before.jobs); /* the end, too, is known at once */
    proa__file_faults = 0;
    return 0;
}
START_TEST(reading_a_large_file)
{
    t_run(read_big_body, &_i);
}
END_TEST

/* ---- writing */

static int write_body(void *arg)
{
    const char *path = t_file_path(0);
    PROA_AUTO(proa_file) *f = NULL;
    char text[40] = {0};
    size_t done;

    (void)arg;
    ck_ok(proa_file_open(&f, path, PROA_FILE_OPTS(.write = true)));
    ck_ok(proa_file_write(f, "hello ", 6, NULL));
    ck_ok(proa_file_write(f, "world", 5, &done));
    ck_assert_uint_eq(done, 5);
    ck_ok(proa_file_pwrite(f, "J", 1, 0, &done));
    ck_assert_uint_eq(done, 1);
    ck_ok(proa_file_write(f, "!", 1, NULL));
    ck_ok(proa_file_write(f, NULL, 0, &done));
    ck_assert_uint_eq(done, 0);
    ck_assert_int_eq(proa_file_pread(f, text, sizeof text, 0), 12);
    ck_assert_str_eq(text, "Jello world!");
    ck_err(proa_file_pwrite(f, "x", 1, -1, &done), PROA_EINVAL);
    ck_err(proa_file_pwrite(f, "x", 0, -1, &done), PROA_EINVAL);
    ck_ok(proa_file_truncate(f, 5));
    ck_err(proa_file_truncate(f, -5), PROA_EINVAL);
    ck_ok(proa_file_sync(f));
    ck_assert_int_eq(proa_file_pread(f, text, sizeof text, 0), 5);
    ck_ok(proa_file_close(f));
    f = NULL;
    t_file_remove();
    return 0;
}
START_TEST(writing_where_it_stands_and_elsewhere)
{
    t_run(write_body, NULL);
}
END_TEST

static int append_body(void *arg)
{
    const char *path = t_file_path(10);
    PROA_AUTO(proa_file) *f = NULL;
    int64_t at;

    (void)arg;
    ck_ok(proa_file_open(&f, path, PROA_FILE_OPTS(.append = true)));
    ck_ok(proa_file_write(f, "one", 3, NULL));
    ck_ok(proa_file_seek(f, 0, SEEK_SET, NULL));
    ck_ok(proa_file_write(f, "two", 3, NULL));
    ck_ok(proa_file_seek(f, 0, SEEK_CUR, &at));
    ck_assert_int_eq(at, 16);
    t_file_remove();
    return 0;
}
START_TEST(appending_goes_to_the_end)
{
    t_run(append_body, NULL);
}
END_TEST

/* The system takes a part and no more: a limit on the size of files. */
static int full_body(void *arg)
{
    const struct rlimit small = {.rlim_cur = MIB + 100, .rlim_max = RLIM_INFINITY};
    const char *path = t_file_path(0);
    PROA_AUTO(proa_file) *f = NULL;
    size_t done;
    int64_t at;

    (void)arg;
    ck_ok(proa_file_open(&f, path, PROA_FILE_OPTS(.write = true)));
    setrlimit(RLIMIT_FSIZE, &small);
    ck_err(proa_file_write(f, big, sizeof big, &done), PROA_EFBIG);
    ck_assert_uint_eq(done, MIB + 100);
    ck_ok(proa_file_seek(f, 0, SEEK_CUR, &at));
    ck_assert_int_eq(at, MIB + 100);
    ck_assert_str_eq(strchr(proa_err_detail(PROA_EFBIG), ':'), ": file too large");
    t_file_remove();
    return 0;
}
START_TEST(a_write_that_fails_midway_says_how_far_it_came)
{
    signal(SIGXFSZ, SIG_IGN);
    t_run(full_body, NULL);
}
END_TEST

/* ---- opening */

static int open_body(void *arg)
{
    const char *path = t_file_path(100);
    char other[300], fifo[300];
    struct proa_listener *socket;
    struct proa_file *f = NULL;
    struct proa_file_info info;
    size_t done;

    (void)arg;
    snprintf(other, sizeof other, "%.*s/other", (int)(strrchr(path, '/') - path), path);
    snprintf(fifo, sizeof fifo, "%.*s/fifo", (int)(strrchr(path, '/') - path), path);
    ck_err(proa_file_open(&f, other, NULL), PROA_ENOENT);
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_ENOENT), other));
    ck_err(proa_file_open(&f, other, PROA_FILE_OPTS(.write = true)), PROA_ENOENT);
    ck_err(proa_file_open(&f, path, PROA_FILE_OPTS(.exclusive = true)), PROA_EEXIST);
    ck_err(proa_file_open(&f, "/", NULL), PROA_EISDIR);
    ck_err(proa_file_open(&f, "/dev/null", NULL), PROA_EINVAL);
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    ck_err(proa_file_open(&f, fifo, NULL), PROA_EINVAL); /* and nobody waits for a writer */
    ck_assert_int_eq(unlink(fifo), 0);
    ck_ok(proa_listen_unix(&socket, fifo, NULL));
    ck_err(proa_file_open(&f, fifo, NULL), PROA_EINVAL);
    proa_listener_free(socket); /* with its file */
    ck_assert_int_eq(symlink("file", other), 0);
    ck_err(proa_file_open(&f, other, PROA_FILE_OPTS(.no_follow = true)), PROA_ELOOP);
    ck_assert_ptr_null(f);
    ck_ok(proa_file_open(&f, other, NULL));
    ck_err(proa_file_write(f, "x", 1, &done), PROA_EBADF);
    ck_assert_uint_eq(done, 0);
    ck_err(proa_file_truncate(f, 0), PROA_EINVAL);
    ck_assert(fcntl(proa_file_fd(f), F_GETFD) & FD_CLOEXEC);
    proa_file_free(f);
    ck_assert_int_eq(unlink(other), 0);

    umask(022);
    ck_ok(proa_file_open(&f, other, PROA_FILE_OPTS(.create = true)));
    ck_ok(proa_file_info(f, &info));
    ck_assert_uint_eq(info.mode, 0644);
    ck_assert_int_eq(info.size, 0);
    proa_file_free(f);
    ck_assert_int_eq(unlink(other), 0);
    ck_ok(proa_file_open(&f, other, PROA_FILE_OPTS(.exclusive = true, .mode = 0600)));
    ck_ok(proa_file_info(f, &info));
    ck_assert_uint_eq(info.mode, 0600);
    proa_file_free(f);
    ck_assert_int_eq(unlink(other), 0);

    ck_ok(proa_file_open(&f, path, PROA_FILE_OPTS(.truncate = true)));
    ck_ok(proa_file_info(f, &info));
    ck_assert_int_eq(info.size, 0);
    ck_ok(proa_file_write(f, "abc", 3, NULL));
    ck_ok(proa_file_info(f, &info));
    ck_assert_int_eq(info.size, 3);
    ck_assert_int_gt(info.mtime, 1600000000 * PROA_SEC);
    proa_file_free(f);
    proa_file_free(NULL);
    ck_ok(proa_file_close(NULL));
    t_file_remove();
    return 0;
}
START_TEST(what_can_be_opened_and_how)
{
    t_run(open_body, NULL);
}
END_TEST

/* As far as the file system can tell. */
static int far_body(void *arg)
{
    static const int64_t years[] = {(int64_t)1 << 34, -((int64_t)1 << 34)};
    struct proa_file_info info;
    struct proa_file *f = NULL;
    int fd = t_file_fd(1);
    struct stat st;

    (void)arg;
    ck_ok(proa_file_from_fd(&f, fd));
    for (size_t i = 0; i < 2; i++) {
        const struct timespec times[2] = {{.tv_sec = years[i]}, {.tv_sec = years[i]}};
        ck_assert_int_eq(futimens(fd, times), 0);
        ck_assert_int_eq(fstat(fd, &st), 0);
        ck_ok(proa_file_info(f, &info));
        if (st.st_mtim.tv_sec > INT64_MAX / PROA_SEC)
            ck_assert_int_eq(info.mtime, INT64_MAX);
        else if (st.st_mtim.tv_sec < INT64_MIN / PROA_SEC)
            ck_assert_int_eq(info.mtime, INT64_MIN);
        else
            ck_assert_int_eq(info.mtime, st.st_mtim.tv_sec * PROA_SEC);
    }
    proa_file_free(f);
    return 0;
}
START_TEST(a_time_of_change_may_be_too_far_to_tell)
{
    t_run(far_body, NULL);
}
END_TEST

static int from_fd_body(void *arg)
{
    struct proa_file *f = NULL;
    int fd = t_file_fd(100), fds[2];
    uint8_t bytes[100];

    (void)arg;
    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    ck_err(proa_file_from_fd(&f, fds[0]), PROA_EINVAL);
    ck_err(proa_file_from_fd(&f, -1), PROA_EBADF);
    ck_ok(proa_file_from_fd(&f, fd));
    ck_assert_int_eq(proa_file_fd(f), fd);
    ck_assert_int_eq(proa_file_read(f, bytes, 100), 100);
    ck_assert(is_file(bytes, 0, 100));
    ck_ok(proa_file_close(f));
    ck_assert_int_lt(fcntl(fd, F_GETFD), 0);
    close(fds[0]);
    close(fds[1]);
    return 0;
}
START_TEST(a_file_of_a_descriptor)
{
    t_run(from_fd_body, NULL);
}
END_TEST

/* ---- several tasks */

struct reading {
    struct proa_file *f;
    ssize_t got;
    uint8_t bytes[100];
};

static int read_there(void *arg)
{
    struct reading *r = arg;

    r->got = proa_file_read(r->f, r->bytes, sizeof r->bytes);
    return 0;
}

static int busy_body(void *arg)
{
    struct reading a = {0};
    uint8_t bytes[100];

    (void)arg;
    proa__file_faults = FILE_COLD;
    ck_ok(proa_file_from_fd(&a.f, t_file_fd(1000)));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, read_there, &a));
    ck_ok(proa_yield());
    ck_err(proa_file_read(a.f, bytes, 10), PROA_EBUSY);
    ck_err(proa_file_write(a.f, bytes, 10, NULL), PROA_EBUSY);
    ck_err(proa_file_seek(a.f, 0, SEEK_SET, NULL), PROA_EBUSY);
    ck_assert_int_eq(proa_file_pread(a.f, bytes, 100, 300), 100);
    ck_assert(is_file(bytes, 300, 100));
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(a.got, 100);
    ck_assert(is_file(a.bytes, 0, 100));
    ck_assert_int_eq(proa_file_read(a.f, bytes, 100), 100);
    ck_assert(is_file(bytes, 100, 100));
    proa_file_free(a.f);
    proa__file_faults = 0;
    return 0;
}
START_TEST(one_task_at_a_time_moves_the_position)
{
    t_run_in_order(busy_body, NULL);
}
END_TEST

static int freed_body(void *arg)
{
    struct reading a = {0};

    (void)arg;
    proa__file_faults = FILE_COLD;
    ck_ok(proa_file_from_fd(&a.f, t_file_fd(1000)));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, read_there, &a));
    ck_ok(proa_yield());
    proa_file_free(a.f);
    return 0;
}
START_TEST(freeing_a_file_in_use_aborts)
{
    t_run_aborts(freed_body, NULL, "another task's call on it is in progress");
}
END_TEST

enum { NO_READ, NO_INFO, NO_FD, NO_SEEK, NO_SYNC, NO_FREE, NO_CLOSE, NOS };

static int no_file_body(void *arg)
{
    static max_align_t zeroes[16];
    struct proa_file *f = (struct proa_file *)zeroes;
    struct proa_file_info info;
    char byte;

    switch (*(int *)arg) {
    case NO_READ:
        return (int)proa_file_read(f, &byte, 1);
    case NO_INFO:
        return proa_file_info(f, &info);
    case NO_FD:
        return proa_file_fd(f);
    case NO_SEEK:
        return proa_file_seek(f, 0, SEEK_SET, NULL);
    case NO_SYNC:
        return proa_file_sync(f);
    case NO_FREE:
        proa_file_free(f);
        return 0;
    }
    return proa_file_close(f);
}
START_TEST(what_is_no_file_aborts)
{
    t_run_aborts(no_file_body, &_i, "the file was closed, or never opened");
}
END_TEST

static int bad_close_body(void *arg)
{
    struct proa_file *f;
    int fd = t_file_fd(1);

    (void)arg;
    ck_ok(proa_file_from_fd(&f, fd));
    close(fd); /* behind its back */
    ck_err(proa_file_close(f), PROA_EBADF);
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_EBADF), "closing descriptor"));
    return 0;
}
START_TEST(a_close_that_fails_says_so)
{
    t_run(bad_close_body, NULL);
}
END_TEST

/* ---- cancels and memory */

static int scene_body(void *arg)
{
    struct proa_file *f = NULL;
    uint8_t bytes[100];
    int64_t before = 0, after = 0;
    ssize_t rc;
    size_t done = 0;

    proa__file_faults = FILE_COLD;
    rc = proa_file_open(&f, arg, PROA_FILE_OPTS(.write = true));
    if (rc == 0)
        rc = proa_file_read(f, bytes, 10);
    if (rc >= 0) {
        ck_ok(proa_file_seek(f, 0, SEEK_CUR, &before));
        rc = proa_file_write(f, "abc", 3, &done);
        ck_ok(proa_file_seek(f, 0, SEEK_CUR, &after));
        ck_assert_int_eq(after - before, (int64_t)done);
        ck_assert_uint_eq(done, rc == 0 ? 3 : 0);
    }
    if (rc >= 0)
        rc = proa_file_pread(f, bytes, 100, 50);
    if (rc >= 0)
        rc = proa_file_sync(f);
    if (rc >= 0)
        rc = proa_file_truncate(f, 900);
    if (rc >= 0) {
        rc = proa_file_close(f);
        f = NULL;
    }
    proa_file_free(f);
    proa__file_faults = 0;
    return rc < 0 ? (int)rc : 0;
}
START_TEST(files_cancelled_at_each_point)
{
    const char *path = t_file_path(1000);

    t_each_park(scene_body, (void *)(uintptr_t)path);
    t_file_remove();
}
END_TEST
START_TEST(each_allocation_of_files_fails)
{
    const char *path = t_file_path(1000);

    t_run_each_alloc(scene_body, (void *)(uintptr_t)path);
    t_file_remove();
}
END_TEST

/* A cancelled task still closes, and the descriptor is gone. */
static int cancelled_close_body(void *arg)
{
    struct proa_file *f;
    int fd = t_file_fd(10);

    (void)arg;
    ck_ok(proa_file_from_fd(&f, fd));
    PROA_TIMEOUT(t, 0);
    ck_err(proa_yield(), PROA_ECANCELED);
    ck_ok(proa_file_close(f));
    ck_assert_int_lt(fcntl(fd, F_GETFD), 0);
    return 0;
}
START_TEST(a_cancelled_task_still_closes)
{
    t_run(cancelled_close_body, NULL);
}
END_TEST

/* In place of the system's: closing one descriptor takes until it is told to end. */
static struct {
    int fd;
    int began[2];
    int go_on[2];
} slow = {.fd = -1};

int close(int fd)
{
    char byte = 0;

    if (fd == slow.fd) {
        slow.fd = -1;
        ck_assert_int_eq(write(slow.began[1], &byte, 1), 1);
        ck_assert_int_eq(read(slow.go_on[0], &byte, 1), 1);
    }
    return (int)syscall(SYS_close, fd);
}

static int close_file(void *file)
{
    return proa_file_close(file);
}

static int slow_close_body(void *arg)
{
    int fd = t_file_fd(10);
    struct proa_file *f;
    char byte = 0;

    (void)arg;
    ck_ok(proa_file_from_fd(&f, fd));
    PROA_GROUP(g);
    ck_assert_int_eq(pipe2(slow.began, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(slow.go_on, O_CLOEXEC), 0);
    slow.fd = fd;
    ck_ok(proa_create_task(&g, close_file, f));
    ck_ok(proa_yield());
    ck_assert_int_eq(read(slow.began[0], &byte, 1), 1);
    ck_ok(proa_test_advance(6 * PROA_SEC));
    ck_assert_int_eq(write(slow.go_on[1], &byte, 1), 1);
    ck_ok(proa_group_join(&g));
    for (int i = 0; i < 2; i++) {
        close(slow.began[i]);
        close(slow.go_on[i]);
    }
    return 0;
}
START_TEST(a_close_that_took_long_has_not_failed)
{
    t_run(slow_close_body, NULL);
}
END_TEST

int main(void)
{
    return t_main_tables(
        "file",
        (const TTest *const[]){writing_where_it_stands_and_elsewhere, appending_goes_to_the_end,
                               a_write_that_fails_midway_says_how_far_it_came,
                               what_can_be_opened_and_how, a_time_of_change_may_be_too_far_to_tell,
                               a_file_of_a_descriptor, one_task_at_a_time_moves_the_position,
                               freeing_a_file_in_use_aborts, a_close_that_fails_says_so,
                               files_cancelled_at_each_point, each_allocation_of_files_fails,
                               a_cancelled_task_still_closes, a_close_that_took_long_has_not_failed,
                               NULL},
        (const struct t_table[]){{reading_moves_the_position_and_pread_does_not, 2},
                                 {reading_a_large_file, 2},
                                 {what_is_no_file_aborts, NOS},
                                 {NULL, 0}});
}
