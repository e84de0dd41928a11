#ifndef PROA_WATCH_H
#define PROA_WATCH_H

/*
 * watch: the latest value, for any number of tasks that want to know when it changes.
 *
 * A configuration, a state of a connection. Who is slow misses values in between, never the last.
 */

#include <proa/defs.h>

PROA_BEGIN_DECLS

/** A value and the number of times it was set. */
struct proa_watch;

/**
 * Make a watch of a value of `value_size` bytes that begins as a copy of *value.
 *
 * Errors:       PROA_ENOMEM, PROA_EINVAL (too large).
 * Ownership:    the caller frees it with proa_watch_free.
 */
PROA_API int proa_watch_new(struct proa_watch **ret, size_t value_size, const void *value);

/**
 * Free a watch that nobody waits on; NULL is nothing.
 */
PROA_API void proa_watch_free(struct proa_watch *watch);

/**
 * Set the value and wake all who wait for a newer one.
 *
 * Errors:       PROA_ECLOSED.
 */
PROA_API int proa_watch_set(struct proa_watch *watch, const void *value);

/**
 * Copy the value to *value, which may be NULL, and return its number: what proa_watch_wait wants.
 *
 * The first value has number 1.
 */
PROA_API uint64_t proa_watch_get(const struct proa_watch *watch, void *value);

/**
 * Wait for a value that is newer than number *seen; copy it to *value and its number to *seen.
 *
 * *seen begins as 0, for which the value of the moment is new. `value` may be NULL. Who waits gets
 * the value that is set next, even if others follow before it runs; the next call gets the last.
 *
 * Suspends:     yes, unless there is a newer one.
 * Errors:       PROA_ECANCELED, PROA_ECLOSED (closed, and the last value was seen).
 * Cancellation: nothing was seen; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_watch_wait(struct proa_watch *watch, uint64_t *seen, void *value);

/**
 * The same if there is a newer value.
 *
 * Errors:       PROA_EAGAIN (there is none), PROA_ECLOSED (as proa_watch_wait).
 */
PROA_API int proa_watch_try_wait(struct proa_watch *watch, uint64_t *seen, void *value);

/**
 * Say that the value will not change any more. Who has not seen the last one still gets it.
 */
PROA_API void proa_watch_close(struct proa_watch *watch);

PROA_DEFINE_AUTO(proa_watch, proa_watch_free);

PROA_END_DECLS

#endif
