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
 * Taking it twice in one task would wait for ever and stops the program.
 *
 * Suspends:     yes, unless it is free.
 * Errors:       PROA_ECANCELED.
 * Cancellation: the lock is not held; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_lock_acquire(struct proa_lock *lock);

/**
 * Take the lock if it is free.
 *
 * Errors:       PROA_EAGAIN (another task holds it).
 */
PROA_API int proa_lock_try_acquire(struct proa_lock *lock);

/**
 * Give the lock to the oldest waiter, or set it free. Only its holder may.
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
    size_t limit; /* most permits ever: a release beyond it stops the program; 0: no limit */
};

/** Options of proa_semaphore_new, for example PROA_SEMAPHORE_OPTS(.limit = 4). */
#define PROA_SEMAPHORE_OPTS(...) PROA_OPTS(proa_semaphore_opts, __VA_ARGS__)

/**
 * Make a semaphore with `permits` permits.
 *
 * Errors:       PROA_ENOMEM, PROA_EINVAL (more permits than the limit), PROA_E2BIG.
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
 * Errors:       PROA_ECANCELED.
 * Cancellation: no permit is taken; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_semaphore_acquire(struct proa_semaphore *semaphore);

/**
 * Take a permit if there is one.
 *
 * Errors:       PROA_EAGAIN (there is none).
 */
PROA_API int proa_semaphore_try_acquire(struct proa_semaphore *semaphore);

/**
 * Give a permit to the oldest waiter, or put it back. Any task may.
 */
PROA_API void proa_semaphore_release(struct proa_semaphore *semaphore);

/**
 * Number of free permits.
 */
PROA_API size_t proa_semaphore_permits(const struct proa_semaphore *semaphore);

PROA_DEFINE_AUTO(proa_semaphore, proa_semaphore_free);

PROA_END_DECLS

#endif
