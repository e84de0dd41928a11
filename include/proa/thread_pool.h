#ifndef PROA_THREAD_POOL_H
#define PROA_THREAD_POOL_H

/*
 * Pools of threads, for proa_to_thread: each with its limits, so that slow jobs of one kind (a
 * database, a disk) leave others their threads.
 *
 *     PROA_AUTO(proa_thread_pool) *disk = NULL;
 *     proa_thread_pool_new(&disk, PROA_THREAD_POOL_OPTS(.name = "disk", .threads = 2));
 *     proa_to_thread(checksum, file, PROA_TO_THREAD_OPTS(.pool = disk));
 *
 * A pool belongs to no loop: it has its own lock, any thread may make and free it, and the tasks of
 * several loops may share it. Whoever is given it must know it alive.
 */

#include <proa/loop.h>

PROA_BEGIN_DECLS

struct proa_thread_pool;

/** How a pool is made; zero is the default everywhere. */
struct proa_thread_pool_opts {
    size_t size;
    const char *name; /* its threads are NAME-1, NAME-2 ...; copied, 11 bytes of it are kept; "pool"
                       */
    unsigned threads; /* most at once; 0: as many as processors plus four, at most 32 */
    size_t queue;     /* most jobs that wait for a thread; 0: PROA_UNLIMITED */
    int64_t idle;     /* a thread without a job ends after this long; 0: PROA_FOREVER */
};

/** Options of proa_thread_pool_new, for example PROA_THREAD_POOL_OPTS(.threads = 2). */
#define PROA_THREAD_POOL_OPTS(...) PROA_OPTS(proa_thread_pool_opts, __VA_ARGS__)

/**
 * Make a pool. Its threads start when jobs find none idle, with all signals blocked.
 *
 * Jobs beyond .threads wait their turn, first in, first out; one beyond .queue is refused.
 *
 * Errors:       PROA_EINVAL (more than 1024 threads, a negative time), PROA_ENOMEM, PROA_E2BIG.
 * Ownership:    the caller's, to be freed with proa_thread_pool_free.
 */
PROA_API int proa_thread_pool_new(struct proa_thread_pool **ret,
                                  const struct proa_thread_pool_opts *opts);

/**
 * End a pool in order: it takes no job any more, and its threads end when all is done. NULL is the
 * pool that this loop's proa_to_thread uses by default.
 *
 * After `grace` nanoseconds those jobs that still wait for a thread never run: their callers get
 * PROA_ECLOSED; zero or less: at once. A job that runs cannot be stopped; if one still does then, a
 * warning names it and the call returns. Its caller waits on, and the thread ends with the job.
 *
 * Suspends:     yes, until the last job has ended or the grace is over.
 * Errors:       PROA_EBUSY (jobs still run; the detail names one), PROA_ECANCELED, PROA_EINVAL
 *               (INT64_MIN).
 * Cancellation: the pool takes no jobs any more, but those it has go on; may be called again.
 */
PROA_API PROA_SUSPENDS int proa_thread_pool_shutdown(struct proa_thread_pool *pool, int64_t grace);

/**
 * Free a pool; NULL is nothing. Never waits for a job, and so never suspends.
 *
 * Jobs that wait for a thread never run: their callers get PROA_ECLOSED. Those that run go on; a
 * warning names each, and its thread ends with it.
 */
PROA_API void proa_thread_pool_free(struct proa_thread_pool *pool);

PROA_DEFINE_AUTO(proa_thread_pool, proa_thread_pool_free);

PROA_END_DECLS

#endif
