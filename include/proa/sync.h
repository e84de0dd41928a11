#ifndef PROA_SYNC_H
#define PROA_SYNC_H

/*
 * Event, lock and semaphore: for tasks of one loop.
 *
 * Waiters are served in the order they came, and what is released is handed to the oldest waiter
 * before anybody else can take it.
 */

#include <proa/defs.h>

PROA_BEGIN_DECLS

/** A flag that tasks wait for. */
struct proa_event;

/**
 * Make an event that is not set.
 *
 * Errors:       PROA_ENOMEM.
 * Ownership:    the caller frees it with proa_event_free.
 */
PROA_API int proa_event_new(struct proa_event **ret);

/**
 * Free an event that nobody waits for; NULL is nothing.
 */
PROA_API void proa_event_free(struct proa_event *event);

/**
 * Set the flag and wake all who wait, even if it is cleared again before they run.
 */
PROA_API void proa_event_set(struct proa_event *event);

/**
 * Clear the flag.
 */
PROA_API void proa_event_clear(struct proa_event *event);

/**
 * Say whether the flag is set.
 */
PROA_API bool proa_event_is_set(const struct proa_event *event);

/**
 * Wait until the flag is set.
 *
 * Suspends:     yes, unless it is set.
 * Errors:       PROA_ECANCELED.
 * Cancellation: safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_event_wait(struct proa_event *event);

PROA_DEFINE_AUTO(proa_event, proa_event_free);

/** A lock that one task holds at a time. */
struct proa_lock;

/**
 * Make a lock that nobody holds.
 *
 * Errors:       PROA_ENOMEM.
 * Ownership:    the caller frees it with proa_lock_free.
 */
PROA_API int proa_lock_new(struct proa_lock **ret);

/**
 * Free a lock that nobody holds; NULL is nothing.
 */
PROA_API void proa_lock_free(struct proa_lock *lock);

/**
 * Take the lock, waiting for it while another task holds it.
 *
 * Taking it twice in one task would wait for ever, and fails. A task that ends while it holds the
 * lock leaves nobody waiting: all who wait and all who come are told.
 *
 * Suspends:     yes, unless it is free.
 * Errors:       PROA_ECANCELED, PROA_EDEADLK (the task holds it already), PROA_EOWNERDEAD (the
 *               task that held it has ended; there is no way but to free the lock).
 * Cancellation: the lock is not held; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_lock_acquire(struct proa_lock *lock);

/**
 * Take the lock if it is free.
 *
 * Errors:       PROA_EAGAIN (a task holds it), PROA_EOWNERDEAD.
 */
PROA_API int proa_lock_try_acquire(struct proa_lock *lock);

/**
 * Give the lock to the oldest waiter, or set it free. Only its holder may; another's release stops
 * the program.
 */
PROA_API void proa_lock_release(struct proa_lock *lock);

/**
 * Say whether a task holds the lock.
 */
PROA_API bool proa_lock_is_locked(const struct proa_lock *lock);

PROA_DEFINE_AUTO(proa_lock, proa_lock_free);

/** A counter of permits. */
struct proa_semaphore;

/** How a semaphore is made; zero is the default everywhere. */
struct proa_semaphore_opts {
    size_t size;
    size_t limit; /* most permits ever: a release beyond it fails; 0: no limit */
};

/** Options of proa_semaphore_new, for example PROA_SEMAPHORE_OPTS(.limit = 4). */
#define PROA_SEMAPHORE_OPTS(...) PROA_OPTS(proa_semaphore_opts, __VA_ARGS__)

/**
 * Make a semaphore with `permits` permits.
 *
 * Errors:       PROA_ENOMEM, PROA_EINVAL (more permits than the limit, or than INT64_MAX),
 *               PROA_E2BIG.
 * Ownership:    the caller frees it with proa_semaphore_free.
 */
PROA_API int proa_semaphore_new(struct proa_semaphore **ret, size_t permits,
                                const struct proa_semaphore_opts *opts);

/**
 * Free a semaphore that nobody waits for; NULL is nothing.
 */
PROA_API void proa_semaphore_free(struct proa_semaphore *semaphore);

/**
 * Take a permit, waiting for one while there is none.
 *
 * Suspends:     yes, unless there is one.
 * Errors:       PROA_ECANCELED, PROA_ECLOSED.
 * Cancellation: no permit is taken; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_semaphore_acquire(struct proa_semaphore *semaphore);

/**
 * Take a permit if there is one and nobody waits.
 *
 * Errors:       PROA_EAGAIN, PROA_ECLOSED.
 */
PROA_API int proa_semaphore_try_acquire(struct proa_semaphore *semaphore);

/**
 * Give a permit to the oldest waiter, or put it back. Any task may.
 *
 * Errors:       PROA_EINVAL (beyond the limit; nothing is changed).
 */
PROA_API int proa_semaphore_release(struct proa_semaphore *semaphore);

/**
 * Take `n` permits at once, waiting while there are fewer.
 *
 * Whoever comes later waits behind, however little it wants, so large takers do not starve.
 *
 * Suspends:     yes, unless they are there and nobody waits.
 * Errors:       PROA_ECANCELED, PROA_ECLOSED, PROA_EINVAL (more than the limit, or becoming so by a
 *               resize).
 * Cancellation: no permit is taken; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_semaphore_acquire_n(struct proa_semaphore *semaphore, size_t n);

/**
 * Take `n` permits if they are there and nobody waits.
 *
 * Errors:       PROA_EAGAIN, PROA_ECLOSED, PROA_EINVAL (more than the limit).
 */
PROA_API int proa_semaphore_try_acquire_n(struct proa_semaphore *semaphore, size_t n);

/**
 * Give back `n` permits.
 *
 * Errors:       PROA_EINVAL (beyond the limit; nothing is changed).
 */
PROA_API int proa_semaphore_release_n(struct proa_semaphore *semaphore, size_t n);

/**
 * Change the limit, and the permits by as much.
 *
 * Made larger, waiters are served at once. Made smaller, what is taken beyond it stays taken, and
 * as much of what is given back disappears.
 *
 * Errors:       PROA_EINVAL (a semaphore without a limit, a limit of 0 or above INT64_MAX).
 */
PROA_API int proa_semaphore_resize(struct proa_semaphore *semaphore, size_t limit);

/**
 * Number of free permits.
 */
PROA_API size_t proa_semaphore_permits(const struct proa_semaphore *semaphore);

/**
 * End a semaphore: who waits and who comes to acquire gets PROA_ECLOSED from now on.
 *
 * Permits that are out may still be released. Closing twice changes nothing.
 */
PROA_API void proa_semaphore_close(struct proa_semaphore *semaphore);

PROA_DEFINE_AUTO(proa_semaphore, proa_semaphore_free);

PROA_END_DECLS

#endif
