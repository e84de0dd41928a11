#ifndef PROA_UNIX_H
#define PROA_UNIX_H

/*
 * unix: connecting over UNIX sockets.
 */

#include <proa/defs.h>
#include <proa/stream.h>

#include <stddef.h>
#include <sys/types.h>

PROA_BEGIN_DECLS

/**
 * Connect to the UNIX socket at `path`; a path that begins with '@' is abstract.
 *
 * A listener whose queue is full is tried again every 10 ms.
 *
 * Suspends:     yes.
 * Errors:       PROA_ECANCELED, PROA_ENOENT, PROA_ECONNREFUSED (nobody listens), PROA_EACCES,
 *               PROA_EINVAL, PROA_ENAMETOOLONG, PROA_ENOMEM and the system's others.
 * Ownership:    *ret is the caller's.
 * Cancellation: safe to retry; nothing stays open.
 */
PROA_API PROA_SUSPENDS int proa_unix_connect(struct proa_stream **ret, const char *path);

/**
 * Make two connected streams.
 *
 * Errors:       PROA_EMFILE, PROA_ENOMEM and the system's others.
 * Ownership:    both are the caller's.
 */
PROA_API int proa_unix_pair(struct proa_stream **ret_a, struct proa_stream **ret_b);

PROA_END_DECLS

#endif
