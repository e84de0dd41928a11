#ifndef PROA_FD_H
#define PROA_FD_H

/*
 * fd: wait for a descriptor that somebody else reads and writes, such as a database library.
 */

#include <proa/defs.h>

PROA_BEGIN_DECLS

enum proa_fd_dirs {
    PROA_READABLE = 1,
    PROA_WRITABLE = 2,
};

/**
 * Wait until a descriptor can be read or written without blocking, and say which.
 *
 * Level-triggered and asked anew at each call: the descriptor is registered only while the call
 * waits, so it may be closed, or given to anybody, before and after. An error or hang-up counts as
 * both directions. A regular file is always ready. The descriptor of a proa stream cannot be waited
 * for.
 *
 * Suspends:     yes.
 * Errors:       PROA_ECANCELED, PROA_EBADF, PROA_EINVAL (no direction), PROA_EBUSY (another
 *               task waits for the same direction, or it is a proa stream's), PROA_ECLOSED
 *               (proa_fd_closing), PROA_ENOMEM.
 * Cancellation: nothing was consumed; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_wait_fd(int fd, unsigned dirs);

/**
 * Say that a descriptor is about to be closed: tasks of this thread that wait for it, alone or in a
 * select, get PROA_ECLOSED. To be called before close(fd), which nobody waiting would notice.
 */
PROA_API void proa_fd_closing(int fd);

PROA_END_DECLS

#endif
