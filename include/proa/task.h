#ifndef PROA_TASK_H
#define PROA_TASK_H

/*
 * Tasks: functions that run side by side on one thread, each on a small stack of its own.
 *
 * A task is born in a group (<proa/group.h>) and never outlives it. It runs until it waits, so
 * between two suspending calls nothing else happens on this thread.
 */

#include <proa/loop.h>

PROA_BEGIN_DECLS

struct proa_context;
struct proa_group;
struct proa_task;

/** A task seen from outside: copied freely, never dangling. After its group is left it is stale. */
struct proa_task_ref {
    struct proa_task *task;
    uint64_t seq;
};

/** How a task is made; zero is the default everywhere. */
struct proa_task_opts {
    size_t size;
    const char *name;  /* for logs and dumps; copied, 31 bytes of it are kept; default "task-N" */
    size_t stack_size; /* bytes; default 64 KiB */
    bool eager;        /* run at once, before the creating call returns, until it first waits */
    struct proa_context *context; /* shared with others; default: the creator's values */
};

/** Options of proa_create_task_opts, for example PROA_TASK_OPTS(.name = "reader"). */
#define PROA_TASK_OPTS(...) PROA_OPTS(proa_task_opts, __VA_ARGS__)

/**
 * Start fn(arg) as a task of `group`; NULL is the root group, which lives as long as the run.
 *
 * The task does not run before the caller waits. Once created it always runs, even if it is
 * cancelled before its first turn: then its first suspending call says so, and it can free what
 * it was given. A failure to create is also remembered by the group and returned by its join.
 *
 * Suspends:     only while the group has a limit and is full.
 * Errors:       PROA_ENOMEM, PROA_ECLOSED (the group was joined), PROA_ECANCELED (the caller is
 *               cancelled), PROA_EAGAIN (full, and called outside a task).
 * Ownership:    `arg` stays the caller's; in a group it may live in the caller's frame.
 * Cancellation: the task was not created.
 */
PROA_API PROA_SUSPENDS int proa_create_task(struct proa_group *group, proa_task_fn *fn, void *arg);

/**
 * Start fn(arg) as a task and get a reference that can be joined and cancelled.
 *
 * As proa_create_task, with a name, a stack size and a reference; `ret` and `opts` may be NULL.
 * A task with a reference keeps its small record until its group is left.
 *
 * With .eager the task runs at once: the call returns when it waits for the first time, or has
 * ended, with its failure where any task's is. Nothing else runs meanwhile. Outside of tasks, and
 * when 64 creators wait for each other's eager tasks already, it starts in its turn.
 *
 * Suspends:     while the group has a limit and is full; .eager: once in a while.
 * Errors:       as proa_create_task; PROA_E2BIG (options of a newer version), PROA_EINVAL (a stack
 *               below 16 KiB or above 1 GiB).
 * Ownership:    as proa_create_task.
 * Cancellation: the task was not created.
 */
PROA_API PROA_SUSPENDS int proa_create_task_opts(struct proa_group *group,
                                                 struct proa_task_ref *ret, proa_task_fn *fn,
                                                 void *arg, const struct proa_task_opts *opts);

/**
 * Wait until a task ends, and return what it returned.
 *
 * May be called any number of times, by any number of tasks, while the task's group is open.
 * Joining oneself is a mistake and stops the program. The detail of a failure comes along.
 *
 * Suspends:     yes, unless the task has ended.
 * Errors:       the task's own code; PROA_ETASKCANCELED (the task was cancelled), PROA_ESTALE (its
 *               group was left), PROA_ECANCELED (the caller was cancelled, the task runs on).
 * Cancellation: safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_task_join(struct proa_task_ref ref);

/**
 * Ask a task to end: from now on each of its suspending calls fails with PROA_ECANCELED.
 *
 * Returns at once. Asking twice, or asking a task that has ended, changes nothing.
 *
 * Errors:       PROA_ESTALE (its group was left, or it was never a task).
 */
PROA_API int proa_task_cancel(struct proa_task_ref ref);

/**
 * Ask a task to end as proa_task_cancel does, and say why.
 *
 * The task can read the reason (proa_cancel_reason), and it appears in the words of who joins it
 * and in what is logged of it. At most 127 bytes are kept, of the first reason only; NULL is none.
 *
 * Errors:       PROA_ESTALE.
 * Ownership:    the reason is copied; short of memory the task is cancelled without it.
 */
PROA_API int proa_task_cancel_for(struct proa_task_ref ref, const char *reason);

/**
 * Why calls of the running task fail here, in words: the reason that was given with a cancel, that
 * a timeout expired, which task of its group failed, what ended the run; "" if they do not fail, or
 * nobody said why. The nearest scope that knows answers.
 *
 * Valid until:  the next call on this thread.
 */
PROA_API const char *proa_cancel_reason(void);

/**
 * What an ended task returned: proa_task_join that never waits.
 *
 * Errors:       the task's own code; PROA_EAGAIN (it has not ended), PROA_ETASKCANCELED,
 *               PROA_ESTALE.
 */
PROA_API int proa_task_result(struct proa_task_ref ref);

/**
 * Say whether a task has ended. A stale reference is of one that has.
 */
PROA_API bool proa_task_is_done(struct proa_task_ref ref);

/**
 * The running task; a reference of zeroes outside tasks.
 */
PROA_API struct proa_task_ref proa_current_task(void);

/**
 * The name of the running task; "" outside tasks.
 *
 * Valid until:  the task ends, or the next call on this thread.
 */
PROA_API const char *proa_current_task_name(void);

/**
 * The name of a task; "" of a stale reference.
 *
 * Valid until:  the task ends or is renamed, or the next call on this thread.
 */
PROA_API const char *proa_task_name(struct proa_task_ref ref);

/**
 * Give a task another name, of which 31 bytes are kept; NULL: "task-N" again.
 *
 * Errors:       PROA_ESTALE, PROA_ENOMEM (it keeps its name).
 */
PROA_API int proa_task_set_name(struct proa_task_ref ref, const char *name);

/** How far a task is. */
enum proa_task_state {
    PROA_TASK_READY = 1, /* it will run as soon as it is its turn */
    PROA_TASK_RUNNING = 2,
    PROA_TASK_WAITING = 3,
    PROA_TASK_DONE = 4, /* or the reference is stale */
};

/**
 * Say how far a task is.
 */
PROA_API enum proa_task_state proa_task_state(struct proa_task_ref ref);

/**
 * The task that opened the group of `ref`; zeroes if that is the root group, or `ref` has ended.
 */
PROA_API struct proa_task_ref proa_task_parent(struct proa_task_ref ref);

/**
 * List the tasks of this thread's loop that have not ended, at most `n` of them into `ret`.
 *
 * In the order of the tree: each is followed by those of its groups, which are in the order of
 * their creation. Returns how many there are.
 */
PROA_API size_t proa_all_tasks(struct proa_task_ref *ret, size_t n);

/**
 * Start fn(arg) as a task of `group`, and wait until it says that it is ready.
 *
 * The task calls proa_task_ready(value) when others can count on it, and goes on; the value is then
 * in `ret_value`. If it fails before, its code is returned here, with its words, and its group
 * knows nothing of it. `ret`, `ret_value` and `opts` may be NULL. To be called in a task.
 *
 * Suspends:     yes.
 * Errors:       as proa_create_task_opts; what the task failed with; PROA_ENOTREADY (it ended
 *               without a failure), PROA_ETASKCANCELED (somebody cancelled it), PROA_ECANCELED.
 * Ownership:    as proa_create_task; the value is what the two agree on.
 * Cancellation: the task is cancelled and has ended; what it failed with meanwhile is returned.
 */
PROA_API PROA_SUSPENDS int proa_start_task(struct proa_group *group, struct proa_task_ref *ret,
                                           void **ret_value, proa_task_fn *fn, void *arg,
                                           const struct proa_task_opts *opts);

/**
 * Tell the creator of the running task, which waits in proa_start_task, that it is ready.
 *
 * Nothing happens if nobody waits for that, or it was said before: so the same function may be
 * given to proa_create_task.
 *
 * Errors:       PROA_ECANCELED (the creator was cancelled and wants the task to end).
 */
PROA_API int proa_task_ready(void *value);

/**
 * Let every other ready task run once.
 *
 * Suspends:     yes.
 * Errors:       PROA_ECANCELED.
 * Cancellation: safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_yield(void);

/**
 * Give way if this task has run for long, and say whether it was cancelled.
 *
 * For loops that compute. Much cheaper than proa_yield when it is not yet time.
 *
 * Suspends:     once in a while.
 * Errors:       PROA_ECANCELED.
 * Cancellation: safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_checkpoint(void);

/**
 * Sleep for `ns` nanoseconds; zero or less is one proa_yield.
 *
 * Never wakes early. PROA_FOREVER sleeps until cancelled.
 *
 * Suspends:     yes.
 * Errors:       PROA_ECANCELED, PROA_EINVAL (INT64_MIN, or a moment that cannot be told; it did not
 *               wait).
 * Cancellation: the rest of the sleep is dropped.
 */
PROA_API PROA_SUSPENDS int proa_sleep(int64_t ns);

/**
 * Sleep until proa_now() is at least `when`.
 *
 * Suspends:     yes.
 * Errors:       PROA_ECANCELED, PROA_EINVAL (INT64_MIN; it did not wait).
 * Cancellation: the rest of the sleep is dropped.
 */
PROA_API PROA_SUSPENDS int proa_sleep_until(int64_t when);

PROA_END_DECLS

#endif
