#ifndef PROA_RWLOCK_H
#define PROA_RWLOCK_H

/*
 * rwlock: many tasks that read, or one that writes.
 *
 * Served in the order they came, readers next to each other together. So nobody starves: a reader
 * that comes after a waiting writer waits behind it. Therefore a task that reads must not ask to
 * read once more: it might wait behind a writer that waits for it.
 */

#include <proa/defs.h>

PROA_BEGIN_DECLS

/** A lock with readers and writers. */
struct proa_rwlock;

/**
 * Make a lock that nobody holds.
 *
 * Errors:       PROA_ENOMEM.
 * Ownership:    the caller frees it with proa_rwlock_free.
 */
PROA_API int proa_rwlock_new(struct proa_rwlock **ret);

/**
 * Free a lock that nobody holds; NULL is nothing.
 */
PROA_API void proa_rwlock_free(struct proa_rwlock *rwlock);

/**
 * Take the lock for reading, beside other readers.
 *
 * Suspends:     yes, while it is written or a writer waits.
 * Errors:       PROA_ECANCELED, PROA_EDEADLK (the task writes it), PROA_EOWNERDEAD (the task that
 *               wrote it has ended).
 * Cancellation: the lock is not held; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_rwlock_acquire_read(struct proa_rwlock *rwlock);

/**
 * Take the lock for writing, alone.
 *
 * Suspends:     yes, unless nobody holds it.
 * Errors:       PROA_ECANCELED, PROA_EDEADLK (the task writes it), PROA_EOWNERDEAD.
 * Cancellation: the lock is not held; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_rwlock_acquire_write(struct proa_rwlock *rwlock);

/**
 * Take the lock for reading if that needs no waiting.
 *
 * Errors:       PROA_EAGAIN, PROA_EOWNERDEAD.
 */
PROA_API int proa_rwlock_try_acquire_read(struct proa_rwlock *rwlock);

/**
 * Take the lock for writing if nobody holds it.
 *
 * Errors:       PROA_EAGAIN, PROA_EOWNERDEAD.
 */
PROA_API int proa_rwlock_try_acquire_write(struct proa_rwlock *rwlock);

/**
 * Stop reading. Once too often stops the program.
 */
PROA_API void proa_rwlock_release_read(struct proa_rwlock *rwlock);

/**
 * Stop writing. Only the task that writes may.
 */
PROA_API void proa_rwlock_release_write(struct proa_rwlock *rwlock);

PROA_DEFINE_AUTO(proa_rwlock, proa_rwlock_free);

PROA_END_DECLS

#endif
