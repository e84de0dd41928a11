#ifndef PROA_STREAM_H
#define PROA_STREAM_H

/*
 * stream: bytes both ways over TCP, UNIX sockets, pipes and TLS: one set of calls for all.
 */

#include <proa/addr.h>
#include <proa/buf.h>
#include <proa/defs.h>
#include <proa/str.h>

#include <stdbool.h>
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
 * Returns the number of bytes, 0 at the end of the stream. Reading 0 bytes waits for nothing and is
 * 0, or the error that every read would now be told.
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
 * Read all there is up to the end of the stream, adding it to a buffer, whose limit is the limit.
 *
 * Suspends:     yes, unless the end is there.
 * Errors:       PROA_EMSGSIZE (more than the buffer may hold: it is full, and the rest stays
 *               readable), what failed earlier with the buffer, and as proa_read.
 * Ownership:    the bytes are the buffer's.
 * Cancellation: the bytes so far are in the buffer; go on behind them.
 */
PROA_API PROA_SUSPENDS int proa_read_all(struct proa_stream *s, struct proa_buf *buf);

/**
 * See what comes next, at least `n` bytes of it, and leave it where it is.
 *
 * `*ret` is all that is in the stream's own buffer; fewer than `n` bytes only where the stream ends
 * behind them. With n = 0 nothing is waited for. proa_consume takes what was dealt with:
 *
 *     while ((rc = proa_peek(s, &seen, 4)) == 0 && seen.n >= 4)
 *         rc = proa_consume(s, decode(seen));
 *
 * Suspends:     yes, unless n bytes are there.
 * Errors:       as proa_read; what came before an error stays readable.
 * Ownership:    *ret is borrowed. Valid until the next call that reads from this stream or closes
 *               it.
 * Cancellation: safe to retry; nothing was consumed.
 */
PROA_API PROA_SUSPENDS int proa_peek(struct proa_stream *s, struct proa_str *ret, size_t n);

/**
 * Take the first `n` of the bytes that proa_peek showed.
 *
 * Errors:       PROA_EINVAL (fewer are there; none was taken), PROA_EBUSY (another task reads).
 */
PROA_API int proa_consume(struct proa_stream *s, size_t n);

/**
 * Tell whether the end of the stream was met and everything before it was read.
 *
 * The end is met by the read that comes after the last byte; who has not tried cannot know.
 */
PROA_API bool proa_at_eof(struct proa_stream *s);

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
 * Write into the stream's own buffer, from which the bytes leave together: at proa_flush, before
 * whatever else is written, before proa_shutdown and proa_close, and when 16 KiB have gathered; a
 * call that has no room waits until they are gone.
 *
 * `*ret_done` as for proa_write. Nothing is sent behind the program's back: who waits for an answer
 * flushes first. Of an error that comes to light later the next call that writes tells.
 *
 * Suspends:     while the buffer is full.
 * Errors:       as proa_write, PROA_ENOMEM.
 * Cancellation: the first *ret_done bytes were taken; go on behind them.
 */
PROA_API PROA_SUSPENDS int proa_write_buffered(struct proa_stream *s, const void *buf, size_t n,
                                               size_t *ret_done);

/**
 * Send what proa_write_buffered has gathered, waiting until the kernel has taken it.
 *
 * Suspends:     yes, unless there is room.
 * Errors:       as proa_write, but 0 after proa_shutdown, which flushed.
 * Cancellation: safe to retry; what was not sent stays in the buffer.
 */
PROA_API PROA_SUSPENDS int proa_flush(struct proa_stream *s);

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
 * Free a stream without waiting: what the kernel has taken is still sent. A broken one is aborted,
 * and so is one whose own buffer does not go out at once. NULL is no stream.
 *
 * Ownership:    takes the stream.
 */
PROA_API void proa_stream_free(struct proa_stream *s);

PROA_DEFINE_AUTO(proa_stream, proa_stream_free);

/**
 * Make a stream of a descriptor: a connected stream socket, a pipe's end, a FIFO, a terminal or
 * another character device (/dev/null); so 0, 1 and 2 unless they lead to files.
 *
 * It must not block. A terminal or pipe that does is opened once more, under the same number, so
 * that it goes on blocking for those who share it: the shell that started the program, the other
 * programs of a pipeline. Where that is not possible (another user's terminal, no /proc), and for
 * a socket, O_NONBLOCK is set for all of them.
 *
 * Errors:       PROA_EINVAL (a listening or datagram socket), PROA_EPERM (a file, a directory or a
 *               disk), PROA_EBUSY (it is a stream's already, or a task waits for it), PROA_EBADF,
 *               PROA_ENOMEM.
 * Ownership:    takes `fd` on success only.
 */
PROA_API int proa_stream_from_fd(struct proa_stream **ret, int fd);

/**
 * Make a pipe: what is written to one stream is read from the other.
 *
 * Errors:       PROA_EMFILE, PROA_ENOMEM and the system's others.
 * Ownership:    both are the caller's.
 */
PROA_API int proa_pipe(struct proa_stream **ret_read, struct proa_stream **ret_write);

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

/**
 * Write what a stream is into `buf`: "stream 0x55d1c0, tls over tcp 192.0.2.1:443, descriptor 7".
 * Returns the length of that, which may be more than fits, as snprintf does.
 */
PROA_API int proa_stream_describe(const struct proa_stream *stream, char *buf, size_t n);

PROA_END_DECLS

#endif
