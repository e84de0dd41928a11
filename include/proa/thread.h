#ifndef PROA_THREAD_H
#define PROA_THREAD_H

/*
 * thread: work that blocks, done in threads of the loop; and tasks started from other threads.
 */

#include <proa/loop.h>

PROA_BEGIN_DECLS

struct proa_to_thread_opts {
    size_t size;
    bool abandon;              /* a cancel need not wait for fn: see below */
    proa_callback_fn *release; /* abandon: called with arg when fn, abandoned, has returned */
};
#define PROA_TO_THREAD_OPTS(...) PROA_OPTS(proa_to_thread_opts, __VA_ARGS__)

/**
 * Run fn(arg), which may block, in another thread and wait for what it returns.
 *
 * The loop has a few threads for this (as many as processors plus four, at most 32), started when
 * first needed, with all signals blocked. Errors told with detail in fn arrive with it.
 *
 * A job that has not started is taken back by a cancel. One that runs is waited for all the same,
 * since arg usually lies on the caller's stack; the result then stands, and the next call tells of
 * the cancel. With .abandon the call returns at once and fn runs to its end unobserved; arg should
 * then be on the heap, and .release(arg) is called, in some thread, exactly if the call returned
 * PROA_ECANCELED.
 *
 * Suspends:     yes; while fn runs, although cancelled.
 * Errors:       what fn returns; PROA_ECANCELED (before fn started, or abandoned), PROA_ENOMEM,
 *               PROA_EAGAIN (the system gives no thread).
 * Ownership:    arg stays the caller's, unless .abandon is set and PROA_ECANCELED returned.
 * Cancellation: as told above.
 */
PROA_API PROA_SUSPENDS int proa_to_thread(proa_task_fn *fn, void *arg,
                                          const struct proa_to_thread_opts *opts);

/**
 * Run fn(arg) as a task of a loop, from a thread that has none, and wait for what it returns.
 *
 * The calling thread blocks. Called from a thread with a running loop it aborts.
 *
 * Errors:       what fn returns; PROA_ECLOSED (the loop has ended, or ended before the task could
 *               start), PROA_ENOMEM.
 */
PROA_API int proa_run_threadsafe(struct proa_loop *loop, proa_task_fn *fn, void *arg);

PROA_END_DECLS

#endif
