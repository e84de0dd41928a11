#ifndef NET_FILE_IO_H
#define NET_FILE_IO_H

/*
 * file_io: bytes of regular files, from the page cache at once or by a thread of the loop.
 *
 * A descriptor of a regular file is always "ready", so readiness says nothing. preadv2 with
 * RWF_NOWAIT reads what the cache has and never waits; whatever it refuses, for whatever reason
 * (cold, a file system or kernel without it, a filter of system calls), a thread does in its usual
 * way, and its answer is the one that counts.
 *
 * Floor: net. Knows tasks; knows nothing of streams.
 */

#include <proa/defs.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The most that a thread is given at a time: so long a cancel may have to wait. */
#define FILE_PART ((size_t)1 << 20)

/* Calls made for files of this thread; and what the tests make fail. */
struct file_counts {
    uint64_t reads;     /* at once */
    uint64_t jobs;      /* readings given to a thread */
    uint64_t sendfiles; /* of the system */
};
extern _Thread_local struct file_counts proa__file_counts;

enum {
    FILE_COLD = 1,         /* the page cache has nothing */
    FILE_NO_CACHESTAT = 2, /* as before Linux 6.5 */
    FILE_NO_SENDFILE = 4,  /* as on file systems that cannot */
};
extern _Thread_local unsigned proa__file_faults;

/* Read what the page cache has of n bytes at `at`, up to the first it has not. > 0: bytes; 0: the
 * end; PROA_EAGAIN: nothing, or a failure, which a thread will tell. Never waits. */
ssize_t proa__file_read_now(int fd, void *buf, size_t n, int64_t at);

/* Does the page cache, as far as can be known, have all of these bytes? Never waits. */
bool proa__file_is_cached(int fd, int64_t at, size_t n);

/* Read n bytes at `at`; fewer only at the end of the file. */
PROA_SUSPENDS ssize_t proa__file_read(int fd, void *buf, size_t n, int64_t at);

/* The same, by a thread, whatever the cache has; n at most FILE_PART. */
PROA_SUSPENDS ssize_t proa__file_read_job(int fd, void *buf, size_t n, int64_t at);

/* Write n bytes at `at`. *done, which must be set, grows by what was written. */
PROA_SUSPENDS int proa__file_write(int fd, const void *buf, size_t n, int64_t at, size_t *done);

/* 0; PROA_EISDIR, PROA_EINVAL: not a regular file; PROA_EBADF. */
int proa__file_check(int fd, const char *name, int64_t *ret_size);

#endif
