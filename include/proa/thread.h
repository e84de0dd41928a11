#ifndef PROA_THREAD_H
#define PROA_THREAD_H

/*
 * thread: work that blocks, done in threads of the loop; and tasks started from other threads.
 */

#include <proa/loop.h>
#include <proa/thread_pool.h>

PROA_BEGIN_DECLS

/** How a job is done; zero is the default everywhere. */
struct proa_to_thread_opts {
    size_t size;
    bool abandon;                  /* a cancel need not wait for fn: see below */
    proa_callback_fn *release;     /* abandon: called with arg when fn, abandoned, has returned */
    struct proa_thread_pool *pool; /* whose thread; NULL: the loop's own pool */
    bool at_once;                  /* PROA_EAGAIN rather than wait for a thread */
    const char
        *name; /* of the job, for reports; copied, 31 bytes of it are kept; the task's name */
};

/** Options of proa_to_thread, for example PROA_TO_THREAD_OPTS(.pool = disk). */
#define PROA_TO_THREAD_OPTS(...) PROA_OPTS(proa_to_thread_opts, __VA_ARGS__)

/**
 * Run fn(arg), which may block, in another thread and wait for what it returns.
 *
 * The loop has a few threads for this (as many as processors plus four, at most 32), started when
 * first needed, with all signals blocked; or those of a .pool (proa/thread_pool.h). Jobs beyond
 * them wait their turn. Errors told with detail in fn arrive with it.
 *
 * A job that has not started is taken back by a cancel. One that runs is waited for all the same,
 * since arg usually lies on the caller's stack; the result then stands, and the next call tells of
 * the cancel. With .abandon the call returns at once and fn runs to its end unobserved; arg should
 * then be on the heap, and .release(arg) is called, in some thread, exactly if the call returned
 * PROA_ECANCELED. A loop that ends waits for what was abandoned as long as its grace time is; then
 * a warning names the job, and its thread is left behind.
 *
 * In fn, proa_context_get finds the values that the task had when it called. Not with .abandon:
 * such a job may outlive the tasks that own them.
 *
 * Suspends:     yes; while fn runs, although cancelled.
 * Errors:       what fn returns; PROA_ECANCELED (before fn started, or abandoned), PROA_ECLOSED
 *               (the pool was shut down; fn has not run), PROA_EBUSY (the pool's queue is full),
 *               PROA_EAGAIN (.at_once, or the system gives no thread), PROA_ENOMEM.
 * Ownership:    arg stays the caller's, unless .abandon is set and PROA_ECANCELED returned.
 * Cancellation: as told above.
 */
PROA_API PROA_SUSPENDS int proa_to_thread(proa_task_fn *fn, void *arg,
                                          const struct proa_to_thread_opts *opts);

/**
 * Run fn(arg) as a task of a loop, from a thread that has none, and wait for what it returns.
 *
 * The calling thread blocks. Called from a thread with a running loop it aborts. To wait for a time
 * only, or to cancel, see proa_create_task_threadsafe (proa/remote.h).
 *
 * Errors:       what fn returns; PROA_ECLOSED (the loop has ended, or ended before the task could
 *               start), PROA_ENOMEM.
 */
PROA_API int proa_run_threadsafe(struct proa_loop *loop, proa_task_fn *fn, void *arg);

PROA_END_DECLS

#endif
