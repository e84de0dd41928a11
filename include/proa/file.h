#ifndef PROA_FILE_H
#define PROA_FILE_H

/*
 * file: regular files without blocking the loop, and sending them over a stream.
 *
 * What the page cache has is read at once; everything else is done by the threads of the loop
 * (proa_to_thread), while other tasks run. Offsets and sizes are int64_t bytes.
 */

#include <proa/buf.h>
#include <proa/defs.h>

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

PROA_BEGIN_DECLS

struct proa_stream;

/* An open regular file. Belongs to the thread of the loop that it was opened on. */
struct proa_file;

struct proa_file_opts {
    size_t size;
    bool write;     /* for reading and writing; else for reading only */
    bool create;    /* make it if it is not there; implies write, as do the next three */
    bool exclusive; /* make it; one that is there is PROA_EEXIST */
    bool truncate;  /* empty it */
    bool append;    /* each write goes to the end */
    bool no_follow; /* a symbolic link as the last part of the path is PROA_ELOOP */
    unsigned mode;  /* of a new file, less the umask; 0: 0666 */
};
#define PROA_FILE_OPTS(...) PROA_OPTS(proa_file_opts, __VA_ARGS__)

/**
 * Open a regular file.
 *
 * The descriptor is closed at exec. A FIFO or device is told apart without waiting for it.
 *
 * Suspends:     yes.
 * Errors:       PROA_EISDIR, PROA_EINVAL (a FIFO, a socket, a device), PROA_ENOENT, PROA_EACCES and
 *               the system's others, PROA_E2BIG, PROA_ENOMEM, PROA_ECANCELED.
 * Ownership:    the file is the caller's; it ends with proa_file_close or proa_file_free.
 * Cancellation: nothing happened; once a thread has begun, that is waited for and stands.
 */
PROA_API PROA_SUSPENDS int proa_file_open(struct proa_file **ret, const char *path,
                                          const struct proa_file_opts *opts);

/**
 * Make a file of the descriptor of a regular file.
 *
 * Errors:       PROA_EISDIR, PROA_EINVAL (not a regular file), PROA_EBADF, PROA_ENOMEM.
 * Ownership:    takes `fd` on success only.
 */
PROA_API int proa_file_from_fd(struct proa_file **ret, int fd);

/** The descriptor of a file; for proa_sendfile, flock and the like. */
PROA_API int proa_file_fd(const struct proa_file *f);

/**
 * Read `n` bytes from where the file stands, and stand behind them.
 *
 * Returns the number of bytes, fewer than `n` only at the end of the file. One task at a time may
 * read or write at the file's position; proa_file_pread has no such limit.
 *
 * Suspends:     yes, unless the page cache has the bytes.
 * Errors:       PROA_ECANCELED, PROA_EBUSY, PROA_EBADF, PROA_EIO and the system's others,
 *               PROA_ENOMEM, PROA_EAGAIN (the system gives no thread).
 * Cancellation: safe to retry: the position has not moved. Waits for a part, of 1 MiB at most, that
 *               a thread is reading.
 */
PROA_API PROA_SUSPENDS ssize_t proa_file_read(struct proa_file *f, void *buf, size_t n);

/**
 * Read `n` bytes from `offset`; the position does not matter, and stays.
 *
 * Suspends:     yes, unless the page cache has the bytes.
 * Errors:       as proa_file_read, but PROA_EBUSY; PROA_EINVAL (a negative offset).
 * Cancellation: as proa_file_read.
 */
PROA_API PROA_SUSPENDS ssize_t proa_file_pread(struct proa_file *f, void *buf, size_t n,
                                               int64_t offset);

/**
 * Write all `n` bytes where the file stands, or at its end (.append), and stand behind them.
 *
 * `*ret_done` (may be NULL) is the number of bytes written, right on every return; the position has
 * moved by as much.
 *
 * Suspends:     yes.
 * Errors:       PROA_ECANCELED, PROA_EBUSY, PROA_EBADF (opened for reading), PROA_ENOSPC,
 *               PROA_EFBIG, PROA_EIO and the system's others, PROA_ENOMEM, PROA_EAGAIN (the system
 *               gives no thread).
 * Cancellation: the first *ret_done bytes were written. Waits for a part, of 1 MiB at most, that a
 *               thread is writing.
 */
PROA_API PROA_SUSPENDS int proa_file_write(struct proa_file *f, const void *buf, size_t n,
                                           size_t *ret_done);

/**
 * Write all `n` bytes at `offset`; the position does not matter, and stays.
 *
 * With .append the system writes at the end all the same.
 *
 * Suspends:     yes.
 * Errors:       as proa_file_write, but PROA_EBUSY; PROA_EINVAL (a negative offset).
 * Cancellation: as proa_file_write.
 */
PROA_API PROA_SUSPENDS int proa_file_pwrite(struct proa_file *f, const void *buf, size_t n,
                                            int64_t offset, size_t *ret_done);

/**
 * Move the position: `whence` is SEEK_SET, SEEK_CUR or SEEK_END.
 *
 * `*ret` (may be NULL) is the new position.
 *
 * Errors:       PROA_EINVAL (before the beginning, or another whence), PROA_EBUSY.
 */
PROA_API int proa_file_seek(struct proa_file *f, int64_t offset, int whence, int64_t *ret);

/**
 * Make the file `length` bytes long: cut it, or add zeroes.
 *
 * Suspends:     yes.
 * Errors:       PROA_EINVAL (negative, or opened for reading), PROA_EFBIG and the system's others,
 *               PROA_ENOMEM, PROA_EAGAIN (the system gives no thread), PROA_ECANCELED.
 * Cancellation: nothing has changed.
 */
PROA_API PROA_SUSPENDS int proa_file_truncate(struct proa_file *f, int64_t length);

/**
 * Wait until what was written is on the disk, as fsync does.
 *
 * Suspends:     yes.
 * Errors:       PROA_EIO, PROA_ENOSPC and the system's others (told once: what was written may be
 *               lost), PROA_ENOMEM, PROA_EAGAIN (the system gives no thread), PROA_ECANCELED.
 * Cancellation: safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_file_sync(struct proa_file *f);

struct proa_file_info {
    int64_t size;
    int64_t mtime; /* nanoseconds since 1970; what is beyond int64_t (1677 to 2262) is its end */
    uint64_t inode;
    uint64_t device;
    unsigned mode; /* permissions */
};

/**
 * Tell a file's size, time of change and identity, as the system knows them without asking a server
 * or a disk.
 *
 * Errors:       the system's.
 */
PROA_API int proa_file_info(struct proa_file *f, struct proa_file_info *ret);

/**
 * Close a file, and tell of a failure that the system kept for that moment. NULL is no file.
 *
 * Waits although cancelled: at most 5 seconds for a thread, and for as long as the system then
 * takes.
 *
 * Suspends:     yes.
 * Errors:       PROA_EIO, PROA_ENOSPC and the system's others: what was written may be lost.
 * Ownership:    takes the file.
 * Cancellation: not interrupted.
 */
PROA_API PROA_SUSPENDS int proa_file_close(struct proa_file *f);

/**
 * Close a file at once. For files that were read; what was written is in the system's hands. NULL
 * is no file. Aborts while another task's call on it is in progress.
 *
 * Ownership:    takes the file.
 */
PROA_API void proa_file_free(struct proa_file *f);
PROA_DEFINE_AUTO(proa_file, proa_file_free);

/**
 * Append the whole of a file to a buffer, whose limit is the limit.
 *
 * Files that say they are empty (/proc) are read to their end like others.
 *
 * Suspends:     yes.
 * Errors:       PROA_EMSGSIZE (it does not fit), and as proa_file_open and proa_file_read.
 * Ownership:    the buffer stays the caller's; after an error it has what it had.
 * Cancellation: safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_file_load(struct proa_buf *into, const char *path);

struct proa_file_save_opts {
    size_t size;
    unsigned mode; /* 0: that of the file replaced; without one 0666, less the umask */
    bool no_sync;  /* do not wait for the disk: after a loss of power there may be neither */
};
#define PROA_FILE_SAVE_OPTS(...) PROA_OPTS(proa_file_save_opts, __VA_ARGS__)

/**
 * Put these bytes into a file, all or nothing: whoever opens it sees the old ones or the new ones.
 *
 * They are written beside it, brought to the disk, and renamed. A symbolic link is replaced, not
 * followed; owner and hard links of the old file are not kept.
 *
 * Suspends:     yes.
 * Errors:       PROA_ENOSPC, PROA_EACCES, PROA_ENOENT (no such directory), PROA_EISDIR and the
 *               system's others, PROA_E2BIG, PROA_ENOMEM, PROA_EAGAIN (the system gives no thread),
 *               PROA_ECANCELED; nothing is left behind.
 * Cancellation: the old file is there; once a thread has begun, that is waited for and stands.
 */
PROA_API PROA_SUSPENDS int proa_file_save(const char *path, const void *bytes, size_t n,
                                          const struct proa_file_save_opts *opts);

/* ---- over a stream */

#define PROA_FILE_REST INT64_MAX /* as a count: to the end that the file has now */
#define PROA_FILE_CURRENT                                                                          \
    INT64_MIN /* as an offset: the descriptor's position, which then moves                         \
               */

struct proa_sendfile_opts {
    size_t size;
    bool no_fallback; /* PROA_EOPNOTSUPP, nothing sent, unless the system can send it by itself */
};
#define PROA_SENDFILE_OPTS(...) PROA_OPTS(proa_sendfile_opts, __VA_ARGS__)

/**
 * Write `n` bytes of a regular file, from `offset` on, to a stream.
 *
 * `*ret_done` (may be NULL) is the number of bytes taken, right on every return; without it a
 * sending that was cut leaves the stream broken, as with proa_write. The descriptor's position
 * neither matters nor moves; with PROA_FILE_CURRENT it is where the bytes begin, and stands behind
 * the last one taken on every return.
 *
 * TCP, UNIX sockets and pipes are given the page cache's own pages (sendfile): a file that is
 * changed in place may then change on its way. What the cache lacks is read by a thread first, so
 * the loop does not wait for the disk; small parts, and all parts over other streams (TLS), are
 * copied. The descriptor must stay open.
 *
 * Suspends:     yes, unless there is room and the cache has the bytes.
 * Errors:       PROA_EINVAL (not a regular file, a negative offset or count), PROA_EEOF (the file
 *               has fewer bytes, or was cut meanwhile), PROA_EOPNOTSUPP (.no_fallback), PROA_EBADF,
 *               PROA_EIO, PROA_ENOMEM, PROA_EAGAIN (the system gives no thread), PROA_E2BIG, and as
 *               proa_write.
 * Cancellation: the first *ret_done bytes were taken; go on behind them.
 */
PROA_API PROA_SUSPENDS int proa_sendfile(struct proa_stream *s, int fd, int64_t offset, int64_t n,
                                         int64_t *ret_done, const struct proa_sendfile_opts *opts);

PROA_END_DECLS

#endif
