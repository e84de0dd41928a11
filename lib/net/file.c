#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/debug.h"
#include "core/loop.h"
#include "core/wait.h"
#include "net/file_io.h"

#include <proa/file.h>
#include <proa/scope.h>
#include <proa/thread.h>
#include <proa/time.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC_FILE 0x66696c65u /* "file" */

/* How long closing may take, whatever is cancelled. */
#define CLOSE_TIME (5 * PROA_SEC)

struct proa_file {
    unsigned magic;
    int fd;
    struct proa_loop *loop;
    unsigned users; /* calls in progress */
    bool moving;    /* one of them reads or writes at the position */
    char name[];    /* for messages */
};

static void check(const struct proa_file *f, const char *call)
{
    PROA_CHECK(f && f->magic == MAGIC_FILE, "%s: %s", call,
               f ? "the file was closed, or never opened" : "the file is NULL");
    proa__loop_check(f->loop, call);
}

static int failed(const struct proa_file *f, const char *doing, int rc)
{
    if (rc == PROA_ECANCELED || rc == PROA_ENOMEM)
        return rc;
    return proa__fail(rc, "%s %s: %s", doing, f->name, proa_err_text(rc));
}

/* ---- opening ---- */

static void describe(const void *file, struct view *v)
{
    const struct proa_file *f = file;

    proa__view_object(v, "file", f);
    proa__view_say(v, ", %s, descriptor %d", f->name, f->fd);
}

static struct proa_file *make(const char *name)
{
    size_t n = strlen(name);
    struct proa_file *f = proa__zalloc(sizeof *f + n + 1);

    if (!f) {
        proa__fail(PROA_ENOMEM, "no memory for a file");
        return NULL;
    }
    f->magic = MAGIC_FILE;
    f->loop = proa__loop_need("a file");
    memcpy(f->name, name, n);
    debug_opened(describe, f);
    return f;
}

static void release(struct proa_file *f)
{
    debug_closed(f);
    f->magic = 0;
    proa__free(f);
}

struct opening {
    const char *path;
    int flags;
    unsigned mode;
    int fd;
};

/* In a thread. */
static int open_it(void *arg)
{
    struct opening *o = arg;

    do
        o->fd = open(o->path, o->flags, o->mode);
    while (o->fd < 0 && errno == EINTR);
    if (o->fd < 0 && errno == ENXIO)
        return proa__fail(PROA_EINVAL, "%s is no regular file", o->path); /* a socket */
    if (o->fd < 0)
        return proa__fail(-errno, "opening %s: %s", o->path, proa_err_text(-errno));
    int rc = proa__file_check(o->fd, o->path, NULL);

    if (rc < 0)
        close(o->fd);
    return rc;
}

/* O_NONBLOCK: a FIFO without its other side is not waited for. */
static int flags_of(const struct proa_file_opts *o)
{
    bool write = o->write || o->create || o->exclusive || o->truncate || o->append;

    return (write ? O_RDWR : O_RDONLY) | (o->create || o->exclusive ? O_CREAT : 0) |
           (o->exclusive ? O_EXCL : 0) | (o->truncate ? O_TRUNC : 0) | (o->append ? O_APPEND : 0) |
           (o->no_follow ? O_NOFOLLOW : 0) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
}

int proa_file_open(struct proa_file **ret, const char *path, const struct proa_file_opts *opts)
{
    struct proa_file_opts o;
    struct opening opening = {.path = path};
    struct proa_file *f;
    int rc = proa__wait_enter(__func__);

    if (rc < 0)
        return rc;
    rc = proa__opts_copy(&o, sizeof o, opts);
    if (rc < 0)
        return rc;
    f = make(path);
    if (!f)
        return PROA_ENOMEM;
    opening.flags = flags_of(&o);
    opening.mode = o.mode ? o.mode : 0666;
    rc = proa_to_thread(open_it, &opening, NULL);
    if (rc < 0) {
        release(f);
        return rc;
    }
    f->fd = opening.fd;
    *ret = f;
    return 0;
}

int proa_file_from_fd(struct proa_file **ret, int fd)
{
    char name[32];
    struct proa_file *f;
    int rc;

    snprintf(name, sizeof name, "descriptor %d", fd);
    rc = proa__file_check(fd, name, NULL);
    if (rc < 0)
        return rc;
    f = make(name);
    if (!f)
        return PROA_ENOMEM;
    f->fd = fd;
    *ret = f;
    return 0;
}

int proa_file_fd(const struct proa_file *f)
{
    check(f, __func__);
    return f->fd;
}

/* ---- calls in progress ---- */

static int begin(struct proa_file *f, const char *call)
{
    int rc;

    check(f, call);
    rc = proa__wait_enter(call);
    if (rc == 0)
        f->users++;
    return rc;
}

static int begin_moving(struct proa_file *f, const char *call)
{
    int rc = begin(f, call);

    if (rc < 0)
        return rc;
    if (f->moving) {
        f->users--;
        return proa__fail(PROA_EBUSY, "%s: another task reads or writes at the position of %s",
                          call, f->name);
    }
    f->moving = true;
    return 0;
}

static void end_moving(struct proa_file *f)
{
    f->users--;
    f->moving = false;
}

static int check_offset(const struct proa_file *f, int64_t offset, const char *call)
{
    return offset >= 0 ? 0 : proa__fail(PROA_EINVAL, "%s: %s: a negative offset", call, f->name);
}

/* ---- reading ---- */

static ssize_t read_at(struct proa_file *f, void *buf, size_t n, int64_t at)
{
    ssize_t got = proa__file_read(f->fd, buf, n, at);

    return got < 0 ? failed(f, "reading", (int)got) : got;
}

ssize_t proa_file_pread(struct proa_file *f, void *buf, size_t n, int64_t offset)
{
    ssize_t got;
    int rc = begin(f, __func__);

    if (rc < 0)
        return rc;
    rc = check_offset(f, offset, __func__);
    got = rc < 0 ? rc : read_at(f, buf, n, offset);
    f->users--;
    return got;
}

ssize_t proa_file_read(struct proa_file *f, void *buf, size_t n)
{
    int64_t at;
    ssize_t got;
    int rc = begin_moving(f, __func__);

    if (rc < 0)
        return rc;
    at = lseek(f->fd, 0, SEEK_CUR);
    got = read_at(f, buf, n, at);
    if (got > 0)
        lseek(f->fd, at + got, SEEK_SET);
    end_moving(f);
    return got;
}

/* ---- writing ---- */

static int write_at(struct proa_file *f, const void *buf, size_t n, int64_t at, size_t *done)
{
    int rc = proa__file_write(f->fd, buf, n, at, done);

    return rc < 0 ? failed(f, "writing", rc) : 0;
}

int proa_file_pwrite(struct proa_file *f, const void *buf, size_t n, int64_t offset,
                     size_t *ret_done)
{
    size_t done = 0;
    int rc = begin(f, __func__);

    if (rc == 0) {
        rc = check_offset(f, offset, __func__);
        if (rc == 0)
            rc = write_at(f, buf, n, offset, &done);
        f->users--;
    }
    if (ret_done)
        *ret_done = done;
    return rc;
}

static bool appends(const struct proa_file *f)
{
    return fcntl(f->fd, F_GETFL) & O_APPEND;
}

int proa_file_write(struct proa_file *f, const void *buf, size_t n, size_t *ret_done)
{
    size_t done = 0;
    int rc = begin_moving(f, __func__);

    if (rc == 0) {
        int64_t at = lseek(f->fd, 0, SEEK_CUR);

        rc = write_at(f, buf, n, at, &done);
        if (done && appends(f))
            lseek(f->fd, 0, SEEK_END);
        else if (done)
            lseek(f->fd, at + (int64_t)done, SEEK_SET);
        end_moving(f);
    }
    if (ret_done)
        *ret_done = done;
    return rc;
}

int proa_file_seek(struct proa_file *f, int64_t offset, int whence, int64_t *ret)
{
    int64_t at;

    check(f, __func__);
    if (f->moving)
        return proa__fail(PROA_EBUSY, "%s: another task reads or writes at the position of %s",
                          __func__, f->name);
    if (whence != SEEK_SET && whence != SEEK_CUR && whence != SEEK_END)
        return proa__fail(PROA_EINVAL, "%s: %d is no place to count from", __func__, whence);
    at = lseek(f->fd, offset, whence);
    if (at < 0)
        return failed(f, "moving in", -errno);
    if (ret)
        *ret = at;
    return 0;
}

/* ---- small jobs ---- */

struct small_job {
    int fd;
    int64_t length;
    bool ran;
};

static int truncate_it(void *arg)
{
    struct small_job *job = arg;

    return ftruncate(job->fd, job->length) < 0 ? -errno : 0;
}

static int sync_it(void *arg)
{
    struct small_job *job = arg;

    return fsync(job->fd) < 0 ? -errno : 0;
}

static int close_it(void *arg)
{
    struct small_job *job = arg;

    job->ran = true;
    return close(job->fd) < 0 && errno != EINTR ? -errno : 0; /* closed even if interrupted */
}

static int run_small(struct proa_file *f, proa_task_fn *fn, int64_t length, const char *call,
                     const char *doing)
{
    struct small_job job = {.length = length};
    int rc = begin(f, call);

    if (rc < 0)
        return rc;
    job.fd = f->fd;
    rc = proa_to_thread(fn, &job, NULL);
    f->users--;
    return rc < 0 ? failed(f, doing, rc) : 0;
}

int proa_file_truncate(struct proa_file *f, int64_t length)
{
    return run_small(f, truncate_it, length, __func__, "cutting");
}

int proa_file_sync(struct proa_file *f)
{
    return run_small(f, sync_it, 0, __func__, "syncing");
}

static int64_t ns_of(const struct statx_timestamp *t)
{
    int64_t ns;

    if (__builtin_mul_overflow((int64_t)t->tv_sec, PROA_SEC, &ns) ||
        __builtin_add_overflow(ns, (int64_t)t->tv_nsec, &ns))
        return t->tv_sec < 0 ? INT64_MIN : INT64_MAX;
    return ns;
}

int proa_file_info(struct proa_file *f, struct proa_file_info *ret)
{
    struct statx st;

    check(f, __func__);
    if (statx(f->fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &st) < 0)
        return failed(f, "asking about", -errno);
    *ret = (struct proa_file_info){
        .size = (int64_t)st.stx_size,
        .mtime = ns_of(&st.stx_mtime),
        .inode = st.stx_ino,
        .device = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor,
        .mode = st.stx_mode & 07777u,
    };
    return 0;
}

/* ---- closing ---- */

static void check_unused(const struct proa_file *f, const char *call)
{
    check(f, call);
    PROA_CHECK(f->users == 0, "%s: %s: another task's call on it is in progress", call, f->name);
}

/* A thread that has begun is waited for; what it says counts, however late. */
static int close_shielded(struct small_job *job)
{
    PROA_SHIELD(shield, CLOSE_TIME);
    PROA_MOVE_ON_AFTER(timeout, CLOSE_TIME);
    return proa_timeout_result(&timeout, proa_to_thread(close_it, job, NULL));
}

int proa_file_close(struct proa_file *f)
{
    struct small_job job;
    int rc;

    if (!f)
        return 0;
    check_unused(f, __func__);
    job = (struct small_job){.fd = f->fd};
    rc = close_shielded(&job);
    if (!job.ran)
        rc = close_it(&job); /* no thread, or none in time */
    if (rc < 0)
        failed(f, "closing", rc);
    release(f);
    return rc;
}

void proa_file_free(struct proa_file *f)
{
    if (!f)
        return;
    check_unused(f, __func__);
    close(f->fd);
    release(f);
}
