#ifndef PROA_GROUP_H
#define PROA_GROUP_H

/*
 * Groups: the owners of tasks.
 *
 * A group is opened in a frame and left at the brace; by then all its tasks have ended, so a task
 * may use the locals of that frame. The first task that fails cancels the others and the rest of
 * the frame, and its code is what the join returns.
 */

#include <proa/defs.h>
#include <proa/task.h>

PROA_BEGIN_DECLS

/** A group of tasks; open it with PROA_GROUP. The content is private. */
struct proa_group {
    uint64_t opaque[32];
};

/** What the end of one task of a group means for the others. */
enum proa_group_kind {
    PROA_GROUP_ALL = 0,       /* a failure cancels the rest, and is what the join returns */
    PROA_GROUP_SUPERVISE = 1, /* a failure cancels nobody; the join returns the first of them */
    PROA_GROUP_RACE = 2,      /* the first success cancels the rest, and is what the join returns */
};

/** How a group is opened; zero is the default everywhere. */
struct proa_group_opts {
    size_t size;
    size_t limit; /* most tasks at once; 0: no limit */
    enum proa_group_kind kind;
};

/** One task that failed. The strings are valid until the group is left. */
struct proa_task_error {
    int rc;
    const char *name;   /* of the task */
    const char *detail; /* of the failure */
};

#ifndef __cplusplus
/**
 * PROA_GROUP(name, .limit = 10): until the brace, a group of tasks. Options may be left out.
 *
 * Left without proa_group_join, it is cancelled and joined; an error that nobody collected goes to
 * the fault handler.
 */
#define PROA_GROUP(...) PROA_GROUP_OPEN_(__VA_ARGS__, )
#define PROA_GROUP_OPEN_(name, ...)                                                                \
    __attribute__((cleanup(proa_group_leave))) struct proa_group name = {{0}};                     \
    proa_group_enter(&name, PROA_OPTS(proa_group_opts, __VA_ARGS__))
#endif

/**
 * Wait until all tasks of the group have ended, and return the first failure among them.
 *
 * Waits although cancelled: then it cancels the tasks and waits for their end. Tasks may start
 * others in the group until the last one ends. After a proa_group_cancel of the program's own it
 * returns 0 if no task failed. A second join returns the same again. The join of a race returns
 * what the winner returned, and the first failure only if nobody won.
 *
 * Suspends:     yes, unless all tasks have ended. Waits although cancelled.
 * Errors:       that of the task which failed first; PROA_ENOMEM (a task could not be created),
 *               PROA_ECANCELED (the caller was cancelled, and no task failed).
 * Cancellation: the tasks are cancelled and have ended.
 */
PROA_API PROA_SUSPENDS int proa_group_join(struct proa_group *group);

/**
 * Cancel all tasks of the group, and the rest of the frame that opened it until the join.
 *
 * Tasks created afterwards are born cancelled. Idempotent; never suspends.
 */
PROA_API void proa_group_cancel(struct proa_group *group);

/**
 * Cancel the group as proa_group_cancel does, and say why: its tasks read it with
 * proa_cancel_reason.
 *
 * The first reason counts, unless it was cancelled without one before; NULL is none.
 *
 * Ownership:    the reason is not copied: it lives until the group is left.
 */
PROA_API void proa_group_cancel_for(struct proa_group *group, const char *reason);

/**
 * Number of tasks of the group that have not ended.
 */
PROA_API size_t proa_group_running(const struct proa_group *group);

/**
 * List the tasks that failed, the first failure first: at most `n` of them into `ret`.
 *
 * Returns how many failed in all; of more than 1,000, or short of memory, some are counted but not
 * listed. What is beyond the 1,000 goes to the fault handler.
 *
 * Valid until:  the group is left.
 */
PROA_API size_t proa_group_errors(const struct proa_group *group, struct proa_task_error *ret,
                                  size_t n);

/**
 * Wait for the next task of the group that ends, in the order of their ends.
 *
 * Returns 1 with a task, which proa_task_join will not have to wait for, each task once; 0 when no
 * task of the group runs any more and all were given. Tasks without a reference are not among
 * them. Several tasks may ask; who asked first is served first. Not to be asked by a task of the
 * group itself, which would wait for its own end.
 *
 * Suspends:     unless a task has ended that was not given yet, or no task runs.
 * Errors:       PROA_ECANCELED.
 * Cancellation: safe to retry; no task is skipped.
 */
PROA_API PROA_SUSPENDS int proa_group_next(struct proa_group *group, struct proa_task_ref *ret);

/**
 * The name of the task that won a race; NULL while nobody has.
 *
 * Its reference goes to `ret`, if that is not NULL; it can be joined if the task was created with
 * one.
 *
 * Valid until:  the group is left.
 */
PROA_API const char *proa_group_winner(const struct proa_group *group, struct proa_task_ref *ret);

/** What PROA_GROUP opens with; not to be called by hand. */
PROA_API void proa_group_enter(struct proa_group *group, const struct proa_group_opts *opts);

/**
 * What PROA_GROUP ends with; not to be called by hand.
 *
 * Suspends:     unless joined before. Waits although cancelled.
 */
PROA_API PROA_SUSPENDS void proa_group_leave(struct proa_group *group);

PROA_END_DECLS

#endif
