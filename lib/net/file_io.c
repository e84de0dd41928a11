#include "net/file_io.h"

#include "base/fail.h"
#include "core/wait.h"

#include <proa/thread.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef SYS_cachestat
#define SYS_cachestat 451 /* the same on every architecture */
#endif

_Thread_local struct file_counts proa__file_counts;
_Thread_local unsigned proa__file_faults;

/* ---- at once ---- */

/* Nothing was read: is it because there is nothing? Some kernels say so of what is merely cold. */
static bool is_end(int fd, int64_t at)
{
    struct statx st;

    return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_SIZE, &st) == 0 &&
           at >= (int64_t)st.stx_size;
}

ssize_t proa__file_read_now(int fd, void *buf, size_t n, int64_t at)
{
    struct iovec iov = {.iov_base = buf, .iov_len = n};
    ssize_t got;

    if (proa__file_faults & FILE_COLD)
        return PROA_EAGAIN;
    proa__file_counts.reads++;
    got = preadv2(fd, &iov, 1, at, RWF_NOWAIT);
    if (got > 0)
        return got;
    return got == 0 && is_end(fd, at) ? 0 : PROA_EAGAIN;
}

enum cached { CACHED_NO, CACHED_YES, CACHED_UNKNOWN };

static enum cached byte_is_cached(int fd, int64_t at)
{
    char byte;
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};

    if (preadv2(fd, &iov, 1, at, RWF_NOWAIT) == 1)
        return CACHED_YES;
    return errno == EOPNOTSUPP ? CACHED_UNKNOWN : CACHED_NO;
}

/* Counts pages: those that are still being read, too. */
static enum cached pages_are_cached(int fd, int64_t at, size_t n)
{
    struct {
        uint64_t at, n;
    } range = {(uint64_t)at, n};
    struct {
        uint64_t cached, dirty, writeback, evicted, recently_evicted;
    } stat = {0};
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    if (proa__file_faults & FILE_NO_CACHESTAT)
        return CACHED_UNKNOWN;
    if (syscall(SYS_cachestat, fd, &range, &stat, 0) < 0)
        return CACHED_UNKNOWN; /* an old kernel, or a file that is not ours */
    return stat.cached >= (range.at + n - 1) / page - range.at / page + 1 ? CACHED_YES : CACHED_NO;
}

bool proa__file_is_cached(int fd, int64_t at, size_t n)
{
    enum cached first, last, pages;

    if (proa__file_faults & FILE_COLD)
        return false;
    first = byte_is_cached(fd, at);
    last = first == CACHED_NO ? first : byte_is_cached(fd, at + (int64_t)n - 1);
    if (first == CACHED_NO || last == CACHED_NO)
        return false;
    pages = pages_are_cached(fd, at, n);
    return pages == CACHED_UNKNOWN ? last == CACHED_YES : pages == CACHED_YES;
}

/* ---- by a thread ---- */

struct part {
    int fd;
    char *buf;
    const char *bytes;
    size_t n;
    int64_t at;
    size_t done;
};

static int read_part(void *arg)
{
    struct part *p = arg;

    while (p->done < p->n) {
        ssize_t got = pread(p->fd, p->buf + p->done, p->n - p->done, p->at + (int64_t)p->done);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        p->done += (size_t)got;
    }
    return 0;
}

static int write_part(void *arg)
{
    struct part *p = arg;

    while (p->done < p->n) {
        ssize_t took = pwrite(p->fd, p->bytes + p->done, p->n - p->done, p->at + (int64_t)p->done);

        if (took < 0 && errno == EINTR)
            continue;
        if (took <= 0)
            return took < 0 ? -errno : PROA_EIO;
        p->done += (size_t)took;
    }
    return 0;
}

ssize_t proa__file_read_job(int fd, void *buf, size_t n, int64_t at)
{
    struct part part = {.fd = fd, .buf = buf, .n = n, .at = at};
    int rc;

    proa__file_counts.jobs++;
    rc = proa_to_thread(read_part, &part, NULL);
    return rc < 0 ? rc : (ssize_t)part.done;
}

ssize_t proa__file_read(int fd, void *buf, size_t n, int64_t at)
{
    size_t done = 0;

    while (done < n) {
        size_t part = n - done < FILE_PART ? n - done : FILE_PART;
        char *to = (char *)buf + done;
        ssize_t got = proa__file_read_now(fd, to, part, at + (int64_t)done);

        if (got == PROA_EAGAIN)
            got = proa__file_read_job(fd, to, part, at + (int64_t)done);
        if (got <= 0)
            return got < 0 ? got : (ssize_t)done;
        done += (size_t)got;
        int rc = done < n ? proa__wait_enter("reading a file") : 0;
        if (rc < 0)
            return rc;
    }
    return (ssize_t)done;
}

int proa__file_write(int fd, const void *buf, size_t n, int64_t at, size_t *done)
{
    size_t all = 0;
    int rc = 0;

    while (all < n && rc == 0) {
        struct part part = {.fd = fd,
                            .bytes = (const char *)buf + all,
                            .n = n - all < FILE_PART ? n - all : FILE_PART,
                            .at = at + (int64_t)all};

        rc = proa_to_thread(write_part, &part, NULL);
        all += part.done;
    }
    *done += all;
    return rc;
}

int proa__file_check(int fd, const char *name, int64_t *ret_size)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return proa__fail(-errno, "%s: %s", name, proa_err_text(-errno));
    if (S_ISDIR(st.st_mode))
        return proa__fail(PROA_EISDIR, "%s is a directory", name);
    if (!S_ISREG(st.st_mode))
        return proa__fail(PROA_EINVAL, "%s is no regular file", name);
    if (ret_size)
        *ret_size = st.st_size;
    return 0;
}
