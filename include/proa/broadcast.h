#ifndef PROA_BROADCAST_H
#define PROA_BROADCAST_H

/*
 * broadcast: every receiver gets every value, unless it is too slow, and then it is told.
 *
 * The last `capacity` values are kept. A sender never waits; a receiver that lags behind by more
 * goes on with the oldest that is still there and learns how many it missed. A receiver is a
 * number, that of the value it wants next, and needs no ending.
 */

#include <proa/defs.h>

PROA_BEGIN_DECLS

/** The last values that were sent. */
struct proa_broadcast;

/**
 * Make a broadcast of values of `value_size` bytes that keeps the last `capacity` of them.
 *
 * Errors:       PROA_ENOMEM, PROA_EINVAL (capacity 0, or too large).
 * Ownership:    the caller frees it with proa_broadcast_free.
 */
PROA_API int proa_broadcast_new(struct proa_broadcast **ret, size_t value_size, size_t capacity);

/**
 * Free a broadcast that nobody waits on; NULL is nothing.
 */
PROA_API void proa_broadcast_free(struct proa_broadcast *broadcast);

/**
 * Send a copy of *value to all receivers.
 *
 * Errors:       PROA_ECLOSED.
 */
PROA_API int proa_broadcast_send(struct proa_broadcast *broadcast, const void *value);

/**
 * Subscribe, which is to get the number of the next value that will be sent.
 */
PROA_API uint64_t proa_broadcast_subscribe(const struct proa_broadcast *broadcast);

/**
 * Copy value number *next to *value and count *next up; wait while it has not been sent.
 *
 * Returns how many values were lost to this receiver just before this one: 0 if it keeps up, and
 * INT_MAX for more than that. A receiver that waits loses nothing. `value` may be NULL.
 *
 * Suspends:     yes, unless it is there.
 * Errors:       PROA_ECANCELED, PROA_ECLOSED (closed, and all were received).
 * Cancellation: nothing was received; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_broadcast_receive(struct proa_broadcast *broadcast, uint64_t *next,
                                                  void *value);

/**
 * The same if the value was sent.
 *
 * Errors:       PROA_EAGAIN (it was not), PROA_ECLOSED (as proa_broadcast_receive).
 */
PROA_API int proa_broadcast_try_receive(struct proa_broadcast *broadcast, uint64_t *next,
                                        void *value);

/**
 * Say that no more values will be sent. Receivers get what is kept, then PROA_ECLOSED.
 */
PROA_API void proa_broadcast_close(struct proa_broadcast *broadcast);

PROA_DEFINE_AUTO(proa_broadcast, proa_broadcast_free);

PROA_END_DECLS

#endif
