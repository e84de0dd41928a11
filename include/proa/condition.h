#ifndef PROA_CONDITION_H
#define PROA_CONDITION_H

/*
 * condition: wait, holding a lock, for something that only holders of the lock change.
 */

#include <proa/sync.h>

PROA_BEGIN_DECLS

/** Tasks that wait for a change of what a lock protects. */
struct proa_condition;

/* What a task waits for; must not suspend. */
typedef bool proa_condition_fn(void *arg);

/**
 * Make a condition of a lock; several conditions may share one.
 *
 * Errors:       PROA_ENOMEM.
 * Ownership:    the caller frees it with proa_condition_free, before the lock.
 */
PROA_API int proa_condition_new(struct proa_condition **ret, struct proa_lock *lock);

/**
 * Free a condition that nobody waits for; NULL is nothing.
 */
PROA_API void proa_condition_free(struct proa_condition *condition);

/**
 * Release the lock, wait to be notified, and take the lock again.
 *
 * The caller holds the lock before and after, whatever is returned: it is taken again although the
 * caller is cancelled. What was waited for may have passed by then: proa_condition_wait_until.
 *
 * A task that is cancelled between its notification and having the lock passes the notification on
 * to the next; that one may find nothing to do.
 *
 * Suspends:     yes; for the lock also while cancelled.
 * Errors:       PROA_ECANCELED (no notification was used up), PROA_EOWNERDEAD (a task ended while
 *               it held the lock, which is not held now).
 * Cancellation: the lock is held; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_condition_wait(struct proa_condition *condition);

/**
 * Wait, as above, until pred(arg) is true, which it may be at once.
 *
 * Suspends:     yes, unless it is true.
 * Errors:       PROA_ECANCELED, PROA_EOWNERDEAD; as above.
 * Cancellation: the lock is held; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_condition_wait_until(struct proa_condition *condition,
                                                     proa_condition_fn *pred, void *arg);

/**
 * Wake the `n` tasks that have waited longest, or all (PROA_UNLIMITED). Only the lock's holder may.
 *
 * They go on, in that order, as the lock comes to them.
 */
PROA_API void proa_condition_notify(struct proa_condition *condition, size_t n);

PROA_DEFINE_AUTO(proa_condition, proa_condition_free);

PROA_END_DECLS

#endif
