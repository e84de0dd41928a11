#ifndef PROA_REMOTE_H
#define PROA_REMOTE_H

/*
 * Tasks that other threads start, wait for and cancel. Every function here may be called from any
 * thread; the task runs in the thread of its loop.
 */

#include <proa/loop.h>
#include <proa/task.h>

PROA_BEGIN_DECLS

/** A task of some loop, as another thread sees it. */
struct proa_remote;

/**
 * Run fn(arg) as a task of a loop and do not wait; from any thread.
 *
 * It is a task of the loop's root group, created in the loop's next turn. That it could not be
 * created is its result. Once created it always runs, as any task.
 *
 * Errors:       PROA_ECLOSED (the loop has ended), PROA_ENOMEM, PROA_E2BIG, PROA_EINVAL (a context
 *               in the options: it belongs to its loop).
 * Ownership:    the caller frees *ret with proa_remote_free; `arg` stays the caller's.
 */
PROA_API int proa_create_task_threadsafe(struct proa_remote **ret, struct proa_loop *loop,
                                         proa_task_fn *fn, void *arg,
                                         const struct proa_task_opts *opts);

/**
 * Wait, at most `ns`, for the end of the task, and return what it returned. Zero or less: look.
 *
 * The calling thread blocks, so in one that has a loop only looking is allowed; any number of
 * threads may wait, any number of times. The detail of a failure comes along. A task that ran when
 * its loop ended was cancelled then.
 *
 * Errors:       the task's own code; PROA_ECANCELED (it was cancelled), PROA_ECLOSED (the loop
 * ended before the task could start), PROA_ENOMEM and PROA_EINVAL (it could not be created),
 *               PROA_EAGAIN (it has not ended; proa_remote_is_done tells this from its own code).
 */
PROA_API int proa_remote_wait(struct proa_remote *remote, int64_t ns);

/**
 * Say whether the task has ended, or never will run.
 */
PROA_API bool proa_remote_is_done(struct proa_remote *remote);

/**
 * Cancel the task and do not wait. One that has not run yet is cancelled before its first turn.
 *
 * Nothing happens to a task that has ended.
 */
PROA_API void proa_remote_cancel(struct proa_remote *remote);

/**
 * Give the handle back; NULL is nothing. The task runs on, and tells of its failure itself.
 */
PROA_API void proa_remote_free(struct proa_remote *remote);

PROA_DEFINE_AUTO(proa_remote, proa_remote_free);

PROA_END_DECLS

#endif
