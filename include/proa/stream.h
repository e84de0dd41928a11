#ifndef PROA_STREAM_H
#define PROA_STREAM_H

/*
 * stream: bytes both ways over TCP, UNIX sockets, pipes and TLS: one set of calls for all.
 */

#include <proa/addr.h>
#include <proa/defs.h>
#include <proa/str.h>

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

PROA_BEGIN_DECLS

/*
 * One task may read and one may write at the same time; a second reader or writer gets PROA_EBUSY.
 * All calls below belong to the thread of the loop that the stream was made on.
 */
struct proa_stream;

/**
 * Read what is there, at most `n` bytes, waiting for the first one.
 *
 * Returns the number of bytes, 0 at the end of the stream (and for n = 0).
 *
 * Suspends:     yes, unless bytes are there.
 * Errors:       PROA_ECANCELED, PROA_EBUSY, PROA_ECLOSED (closed meanwhile by us), PROA_ECONNRESET
 *               and the system's others, PROA_ENOMEM.
 * Cancellation: safe to retry; nothing was consumed.
 */
PROA_API PROA_SUSPENDS ssize_t proa_read(struct proa_stream *s, void *buf, size_t n);

/**
 * Read exactly `n` bytes.
 *
 * `*ret_done` (may be NULL) is the number of bytes put into `buf`, right on every return.
 *
 * Suspends:     yes, unless the bytes are there.
 * Errors:       PROA_EEOF (the stream ended first), and as proa_read.
 * Cancellation: the first *ret_done bytes were consumed; go on behind them.
 */
PROA_API PROA_SUSPENDS int proa_read_exact(struct proa_stream *s, void *buf, size_t n,
                                           size_t *ret_done);

/**
 * Read up to and including the earliest of several separators.
 *
 * `*ret` is the bytes with their separator, in the stream's own buffer. Where two separators end at
 * the same byte the longer one counts. More than `max` bytes before the separator are
 * PROA_EMSGSIZE, and stay readable.
 * `*ret_sep` (may be NULL) is the index of the separator found.
 *
 * Suspends:     yes, unless a separator is there.
 * Errors:       PROA_EEOF (the stream ended first; what came stays readable), PROA_EMSGSIZE,
 *               PROA_EINVAL (no separator, or an empty one), and as proa_read.
 * Ownership:    *ret is borrowed. Valid until the next call that reads from this stream or closes
 *               it.
 * Cancellation: safe to retry; nothing was consumed.
 */
PROA_API PROA_SUSPENDS int proa_read_until(struct proa_stream *s, struct proa_str *ret,
                                           const struct proa_str *seps, size_t nseps, size_t max,
                                           size_t *ret_sep);

/**
 * Read a line of at most `max` bytes, without its end ("\n" or "\r\n").
 *
 * Returns 1 with a line in `*ret`, 0 at the end of the stream. A last line without its end is a
 * line.
 *
 * Suspends:     yes, unless a line is there.
 * Errors:       PROA_EMSGSIZE (longer; the bytes stay readable), and as proa_read.
 * Ownership:    *ret is borrowed. Valid until the next call that reads from this stream or closes
 *               it.
 * Cancellation: safe to retry; nothing was consumed.
 */
PROA_API PROA_SUSPENDS int proa_read_line(struct proa_stream *s, struct proa_str *ret, size_t max);

/**
 * Write all `n` bytes, waiting until the kernel (or a bounded buffer) has taken them.
 *
 * `*ret_done` (may be NULL) is the number of bytes taken, right on every return. Without it nobody
 * could know where a failed write stopped: then a write that was cut leaves the stream broken for
 * writing, and its close becomes an abort.
 *
 * Suspends:     yes, unless there is room.
 * Errors:       PROA_ECANCELED, PROA_EBUSY, PROA_ECLOSED (closed meanwhile by us), PROA_EPIPE (the
 *               other end is gone, or after proa_shutdown), PROA_EBROKEN (an earlier write was
 *               cut), PROA_ECONNRESET and the system's others.
 * Cancellation: the first *ret_done bytes were taken; go on behind them.
 */
PROA_API PROA_SUSPENDS int proa_write(struct proa_stream *s, const void *buf, size_t n,
                                      size_t *ret_done);

/**
 * Write several pieces as one, as proa_write does. `iov` is not changed.
 *
 * Suspends:     yes, unless there is room.
 * Errors:       as proa_write.
 * Cancellation: the first *ret_done bytes were taken; go on behind them.
 */
PROA_API PROA_SUSPENDS int proa_writev(struct proa_stream *s, const struct iovec *iov, int niov,
                                       size_t *ret_done);

/**
 * End our side: the other end reads an end of stream, we may still read. Twice is no error.
 *
 * Suspends:     where the carrier must write for it (TLS).
 * Errors:       PROA_ECANCELED, PROA_EBUSY, PROA_EBROKEN, PROA_EOPNOTSUPP (a pipe that is only
 *               read), and as proa_write.
 * Cancellation: safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_shutdown(struct proa_stream *s);

/**
 * End a stream in order and free it: half close, then close. NULL is no stream.
 *
 * Waits although cancelled, at most 5 seconds; then, and for a broken stream, it aborts. Tasks that
 * wait in other calls on this stream get PROA_ECLOSED. The stream is gone whatever is returned.
 *
 * Suspends:     where the carrier must write for it (TLS).
 * Errors:       what the half close met, PROA_EBROKEN, PROA_ETIMEDOUT: what was written may not
 *               have arrived.
 * Ownership:    takes the stream.
 * Cancellation: not interrupted.
 */
PROA_API PROA_SUSPENDS int proa_close(struct proa_stream *s);

/**
 * End a stream at once and free it; bytes under way may be lost, and the other end is told (TCP: a
 * reset). NULL is no stream.
 *
 * Ownership:    takes the stream.
 */
PROA_API void proa_abort(struct proa_stream *s);

/**
 * Free a stream without waiting: what the kernel has taken is still sent. A broken one is aborted.
 * NULL is no stream.
 *
 * Ownership:    takes the stream.
 */
PROA_API void proa_stream_free(struct proa_stream *s);

PROA_DEFINE_AUTO(proa_stream, proa_stream_free);

/**
 * Make a stream of a descriptor: a connected stream socket, a pipe's end, a FIFO or a terminal.
 *
 * The descriptor is made non-blocking.
 *
 * Errors:       PROA_EINVAL (a listening or datagram socket), PROA_EPERM (a regular file),
 *               PROA_EBADF, PROA_ENOMEM.
 * Ownership:    takes `fd` on success only.
 */
PROA_API int proa_stream_from_fd(struct proa_stream **ret, int fd);

/** The descriptor beneath a stream, for getsockopt and the like; -1 where there is none. */
PROA_API int proa_stream_fd(struct proa_stream *s);

/**
 * The address of the other end.
 *
 * Errors:       PROA_ENOTCONN (it is gone), PROA_EOPNOTSUPP (this kind has none).
 */
PROA_API int proa_stream_peer(struct proa_stream *s, struct proa_addr *ret);

/**
 * The address of our end.
 *
 * Errors:       PROA_EOPNOTSUPP (this kind has none).
 */
PROA_API int proa_stream_local(struct proa_stream *s, struct proa_addr *ret);

PROA_END_DECLS

#endif
