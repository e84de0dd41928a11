#ifndef PROA_BARRIER_H
#define PROA_BARRIER_H

/*
 * barrier: a number of tasks that wait for each other, round after round.
 */

#include <proa/defs.h>

PROA_BEGIN_DECLS

/** Where tasks meet. */
struct proa_barrier;

/**
 * Make a barrier for `parties` tasks.
 *
 * Errors:       PROA_ENOMEM, PROA_EINVAL (no party, or more than INT_MAX).
 * Ownership:    the caller frees it with proa_barrier_free.
 */
PROA_API int proa_barrier_new(struct proa_barrier **ret, size_t parties);

/**
 * Free a barrier where nobody waits; NULL is nothing.
 */
PROA_API void proa_barrier_free(struct proa_barrier *barrier);

/**
 * Wait until all parties are here; return one's own number: 0 came first, parties - 1 last.
 *
 * The last one does not wait, and all have passed at that moment: what happens to the barrier
 * afterwards concerns the next round. A waiter that is cancelled leaves its place to another task;
 * the barrier is not broken by that.
 *
 * Suspends:     yes, unless the caller is the last.
 * Errors:       PROA_ECANCELED, PROA_EBARRIER (it was reset or aborted).
 * Cancellation: as if the caller had not come; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_barrier_wait(struct proa_barrier *barrier);

/**
 * Send those who wait away with PROA_EBARRIER and begin anew, also after an abort.
 */
PROA_API void proa_barrier_reset(struct proa_barrier *barrier);

/**
 * Send those who wait away with PROA_EBARRIER, and all who come until it is reset.
 */
PROA_API void proa_barrier_abort(struct proa_barrier *barrier);

/**
 * Say whether it was aborted and not reset since.
 */
PROA_API bool proa_barrier_is_broken(const struct proa_barrier *barrier);

/**
 * Number of tasks that wait.
 */
PROA_API size_t proa_barrier_waiting(const struct proa_barrier *barrier);

PROA_DEFINE_AUTO(proa_barrier, proa_barrier_free);

PROA_END_DECLS

#endif
