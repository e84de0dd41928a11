#ifndef PROA_CAPACITY_H
#define PROA_CAPACITY_H

/*
 * capacity: so many at once, and who they are.
 *
 * A semaphore counts; a capacity knows its borrowers. So none borrows twice, none gives back what
 * it does not have, and a place that a task forgot comes back when the task ends.
 */

#include <proa/task.h>

PROA_BEGIN_DECLS

struct proa_capacity;

/**
 * Make a capacity of `total` places; PROA_UNLIMITED counts without a limit.
 *
 * Errors:       PROA_EINVAL (no place), PROA_ENOMEM.
 * Ownership:    the caller's, to be freed with proa_capacity_free.
 */
PROA_API int proa_capacity_new(struct proa_capacity **ret, size_t total);

/**
 * Free a capacity of which all places are free and for which nobody waits; NULL is nothing.
 */
PROA_API void proa_capacity_free(struct proa_capacity *capacity);

/**
 * Borrow a place for the running task, waiting while none is free.
 *
 * Places go to those who wait in the order they came. What a task still has when it ends is given
 * back for it.
 *
 * Suspends:     unless a place is free.
 * Errors:       PROA_EDEADLK (the task has one), PROA_ENOMEM, PROA_ECANCELED.
 * Cancellation: no place was borrowed; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_capacity_acquire(struct proa_capacity *capacity);

/**
 * Borrow a place for the running task if one is free and nobody waits.
 *
 * Errors:       PROA_EAGAIN, PROA_EDEADLK, PROA_ENOMEM.
 */
PROA_API int proa_capacity_try_acquire(struct proa_capacity *capacity);

/**
 * Give back the place of the running task. To have none is a mistake and stops the program.
 */
PROA_API void proa_capacity_release(struct proa_capacity *capacity);

/**
 * Borrow a place for anything that has an address: a connection, a job. It outlives the task.
 *
 * Suspends:     unless a place is free.
 * Errors:       PROA_EDEADLK (this borrower has one, or waits), PROA_ENOMEM, PROA_ECANCELED.
 * Ownership:    nobody looks at what `borrower` points at.
 * Cancellation: no place was borrowed; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_capacity_acquire_for(struct proa_capacity *capacity,
                                                     const void *borrower);

/**
 * Give back the place of that borrower. To have none is a mistake and stops the program.
 */
PROA_API void proa_capacity_release_for(struct proa_capacity *capacity, const void *borrower);

/**
 * Change the number of places. Made smaller, places that are borrowed beyond it are not lent again.
 *
 * Errors:       PROA_EINVAL (no place; nothing has changed).
 */
PROA_API int proa_capacity_resize(struct proa_capacity *capacity, size_t total);

/**
 * How many places are borrowed.
 */
PROA_API size_t proa_capacity_borrowed(const struct proa_capacity *capacity);

/**
 * How many places there are.
 */
PROA_API size_t proa_capacity_total(const struct proa_capacity *capacity);

/**
 * How many wait for one.
 */
PROA_API size_t proa_capacity_waiting(const struct proa_capacity *capacity);

/**
 * List the borrowers, at most `n` of them into `ret`: tasks, and zeroes for others; the oldest loan
 * first. Returns how many there are.
 */
PROA_API size_t proa_capacity_borrowers(const struct proa_capacity *capacity,
                                        struct proa_task_ref *ret, size_t n);

PROA_DEFINE_AUTO(proa_capacity, proa_capacity_free);

PROA_END_DECLS

#endif
