#ifndef PROA_WAIT_QUEUE_H
#define PROA_WAIT_QUEUE_H

/*
 * wait queue: tasks that sleep until somebody wakes them, and no more; to build one's own from.
 *
 *     while (nothing to do)
 *         proa_wait_queue_park(queue, &value)
 *
 * A wake that meets nobody is gone: between looking and parking nothing else runs, so a task that
 * looks first misses none. A task that was woken before it was cancelled has been woken.
 */

#include <proa/defs.h>

PROA_BEGIN_DECLS

/** Tasks that sleep, in the order they came. */
struct proa_wait_queue;

/**
 * Make a queue where nobody sleeps.
 *
 * Errors:       PROA_ENOMEM.
 * Ownership:    the caller frees it with proa_wait_queue_free.
 */
PROA_API int proa_wait_queue_new(struct proa_wait_queue **ret);

/**
 * Free a queue where nobody sleeps; NULL is nothing.
 */
PROA_API void proa_wait_queue_free(struct proa_wait_queue *queue);

/**
 * Sleep until woken; what the waker hands over is put in *ret, which may be NULL.
 *
 * Suspends:     yes.
 * Errors:       PROA_ECANCELED.
 * Cancellation: nothing was handed over; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_wait_queue_park(struct proa_wait_queue *queue, void **ret);

/**
 * Wake the task that has slept longest and hand it a value; say whether there was one.
 *
 * Ownership:    the value is the woken task's; still the caller's if there was none.
 */
PROA_API bool proa_wait_queue_wake_one(struct proa_wait_queue *queue, void *value);

/**
 * Wake all who sleep, each with the same value, and return how many.
 */
PROA_API size_t proa_wait_queue_wake_all(struct proa_wait_queue *queue, void *value);

/**
 * Number of tasks that sleep.
 */
PROA_API size_t proa_wait_queue_len(const struct proa_wait_queue *queue);

PROA_DEFINE_AUTO(proa_wait_queue, proa_wait_queue_free);

PROA_END_DECLS

#endif
