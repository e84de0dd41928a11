#ifndef PROA_WAIT_H
#define PROA_WAIT_H

/*
 * Waiting for several tasks: for the first, for all, or for one after another. Nothing here cancels
 * a task, and the tasks may be of any groups of this loop.
 */

#include <proa/defs.h>
#include <proa/task.h>

PROA_BEGIN_DECLS

/** When proa_wait returns. */
enum proa_return_when {
    PROA_ALL_COMPLETED = 0,
    PROA_FIRST_COMPLETED = 1, /* one has ended, however */
    PROA_FIRST_EXCEPTION =
        2, /* one has failed, or all have ended; a cancelled task has not failed */
};

/**
 * Wait until as many of the `n` tasks have ended as `when` says, for `ns` at most.
 *
 * Returns how many have ended; `ret_done`, if not NULL, has a true for each of these. More may have
 * ended than were waited for, and fewer when the time has passed, which is no failure. With zero or
 * less every other ready task runs once; PROA_FOREVER waits without an end. A stale reference is of
 * a task that has ended. To wait for oneself is a mistake and stops the program.
 *
 * Suspends:     yes, unless enough have ended.
 * Errors:       PROA_EINVAL (no task, or a time or `when` that is none), PROA_ENOMEM (more than 8
 *               tasks), PROA_ECANCELED.
 * Ownership:    the references are copied.
 * Cancellation: safe to retry; the tasks run on.
 */
PROA_API PROA_SUSPENDS int proa_wait(const struct proa_task_ref *tasks, size_t n, bool *ret_done,
                                     enum proa_return_when when, int64_t ns);

/** Tasks one after another, as they end. */
struct proa_as_completed;

/**
 * Make a row of the `n` tasks in the order of their ends; `n` may be 0.
 *
 *     while ((rc = proa_as_completed_next(row, &task)) > 0)
 *         use(proa_task_join(task));
 *
 * For the tasks of one group proa_group_next does the same without this object.
 *
 * Errors:       PROA_ENOMEM, PROA_EINVAL (a negative `n`).
 * Ownership:    the row is the caller's, to be freed with proa_as_completed_free; the references
 * are copied.
 */
PROA_API int proa_as_completed_new(struct proa_as_completed **ret,
                                   const struct proa_task_ref *tasks, size_t n);

/**
 * Free a row; NULL is nothing. The tasks run on.
 */
PROA_API void proa_as_completed_free(struct proa_as_completed *row);

/**
 * Wait for the next task that ends.
 *
 * Returns 1 with a task, which proa_task_join will not have to wait for, or 0 when all were given.
 * Several tasks may ask: each task is given to one of them, and who asked first is served first.
 *
 * Suspends:     unless one has ended that was not given yet, or all were given.
 * Errors:       PROA_ECANCELED (a timeout around it, too).
 * Cancellation: safe to retry; no task is skipped.
 */
PROA_API PROA_SUSPENDS int proa_as_completed_next(struct proa_as_completed *row,
                                                  struct proa_task_ref *ret);

#ifndef __cplusplus
PROA_DEFINE_AUTO(proa_as_completed, proa_as_completed_free);
#endif

PROA_END_DECLS

#endif
