#ifndef PROA_FD_IO_H
#define PROA_FD_IO_H

/*
 * fd_io: reading and writing a non-blocking descriptor of the program's own, which is no stream.
 *
 * For the socket that is to stay a plain socket, now and then; what is read and written much
 * is better a stream (proa_stream_from_fd). Any other system call follows the same pattern: make
 * it, and while it says EAGAIN, proa_wait_fd and make it again.
 *
 * The descriptor must be non-blocking: PROA_EINVAL if it is not. Nothing stays registered, so it
 * may be closed, or given to anybody, before and after a call.
 */

#include <proa/addr.h>
#include <proa/defs.h>

#include <stddef.h>
#include <sys/types.h>

PROA_BEGIN_DECLS

/**
 * Read what is there, at most `n` bytes, waiting for the first one; 0 at the end.
 *
 * Suspends:     yes, unless bytes are there.
 * Errors:       PROA_ECANCELED, PROA_EINVAL (it blocks), PROA_EBUSY (another task waits to read, or
 *               it is a proa stream's), PROA_ECLOSED (proa_fd_closing), PROA_EBADF, PROA_ENOMEM and
 *               the system's others.
 * Cancellation: nothing was consumed; safe to retry.
 */
PROA_API PROA_SUSPENDS ssize_t proa_fd_read(int fd, void *buf, size_t n);

/**
 * Write all `n` bytes; `*ret_done` (may be NULL) is how many the system took, right on every
 * return. A gone reader is PROA_EPIPE, and no signal.
 *
 * Suspends:     yes, unless there is room.
 * Errors:       as proa_fd_read; PROA_EPIPE.
 * Cancellation: the first *ret_done bytes were taken; go on behind them.
 */
PROA_API PROA_SUSPENDS int proa_fd_write(int fd, const void *buf, size_t n, size_t *ret_done);

/**
 * Accept a connection on a listening socket: its descriptor, non-blocking and close-on-exec.
 *
 * `*ret_from` (may be NULL) is who connected.
 *
 * Suspends:     yes, unless one waits.
 * Errors:       as proa_fd_read; PROA_EMFILE.
 * Ownership:    the caller closes it.
 * Cancellation: nothing was accepted; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_fd_accept(int fd, struct proa_addr *ret_from);

/**
 * Connect a socket to an address, waiting for the outcome.
 *
 * Suspends:     yes, unless it is there at once.
 * Errors:       as proa_fd_read; PROA_ECONNREFUSED, PROA_ECONNTIMEDOUT, PROA_ENETUNREACH; of a UNIX
 *               socket whose listener's queue is full, PROA_EAGAIN.
 * Cancellation: the connection may still come about; close the socket.
 */
PROA_API PROA_SUSPENDS int proa_fd_connect(int fd, const struct proa_addr *to);

PROA_END_DECLS

#endif
