#ifndef PROA_INSPECT_H
#define PROA_INSPECT_H

/*
 * inspect: who is there, what each task waits for, and where.
 *
 *     proa_tasks_print(2, NULL);            the tree of this thread's tasks on standard error
 *
 * The same is had by a signal and from outside (`proa-ps PID`), without a line in the program:
 * PROA_DUMP_SIGNAL=USR1 and PROA_INSPECT=1 in its environment, or .dump_signal and .inspect of
 * proa_run. Looking changes nothing: no task runs meanwhile, and those that wait go on waiting.
 *
 * All calls are for the thread of the loop, from tasks and callbacks; none suspends.
 */

#include <proa/buf.h>
#include <proa/task.h>

PROA_BEGIN_DECLS

/** A task, while the walk is at it. */
struct proa_task_info {
    struct proa_task_ref task;
    struct proa_task_ref parent; /* who opened the group that it is in; zeroes: the root group */
    size_t depth;                /* parents above it */
    uint64_t number;             /* from 1 on, in the order of creation */
    const char *name;
    enum proa_task_state state;
    bool cancelled;               /* its calls fail now */
    const char *call;             /* that it waits in: "proa_queue_get"; NULL: it does not wait */
    const char *on;               /* what for: "queue 0x5581, 0 items, 2 get"; "" */
    const void *object;           /* the same as an address; NULL: it is none, or several */
    struct proa_task_ref blocker; /* whose end, or release, it needs; zeroes: nobody known */
    int64_t deadline;             /* of the nearest timeout around it; PROA_FOREVER */
    proa_task_fn *fn;
    size_t stack_size;    /* bytes */
    size_t stack_used;    /* now; 0: it has not begun */
    size_t stack_touched; /* bytes in memory; earlier tasks may have left some */
};

/** What a walk calls for each task. A negative code ends the walk. */
typedef int proa_task_info_fn(void *arg, const struct proa_task_info *info);

/**
 * Call fn(arg, info) for each task of this loop that has not ended: parents before their children,
 * these in the order they were created.
 *
 * `fn` runs on a large stack. It must not suspend, and neither create, cancel nor name tasks.
 *
 * Errors:       what fn returns; else 0.
 */
PROA_API int proa_tasks_walk(proa_task_info_fn *fn, void *arg);

/**
 * Write the return addresses of the calls that a task is in, innermost first, to `ret`; at most `n`
 * and 48. Returns how many.
 *
 * Those of a waiting task begin with the call that waits. 0: the task has not begun, or has too
 * little left of its stack (6 KiB) for looking. The pages that looking touched stay in memory until
 * the task has slept for some seconds after it next ran.
 *
 * Errors:       PROA_ESTALE (it has ended).
 */
PROA_API int proa_task_backtrace(struct proa_task_ref ref, void **ret, size_t n);

/** How a dump is written. */
struct proa_tasks_opts {
    size_t size;
    size_t limit; /* tasks that are shown, the others are counted; 0: 1000; at most 100,000 */
    bool stacks;  /* each with all its calls; else with the innermost of the program's own */
    bool json;    /* one object, described in docs/debugging.md; else lines of text */
};
#define PROA_TASKS_OPTS(...) PROA_OPTS(proa_tasks_opts, __VA_ARGS__)

/**
 * Append the tree of this loop's tasks to `out`, and the deadlocks among them.
 *
 * Errors:       PROA_ENOMEM, PROA_EMSGSIZE (the limit of `out` was reached: it ends there),
 *               PROA_E2BIG.
 */
PROA_API int proa_tasks_dump(struct proa_buf *out, const struct proa_tasks_opts *opts);

/**
 * The same, written to the descriptor `fd` as it is: a pipe that is full blocks the thread.
 *
 * Errors:       PROA_ENOMEM, PROA_E2BIG, codes of write(2).
 */
PROA_API int proa_tasks_print(int fd, const struct proa_tasks_opts *opts);

/** What the search for deadlocks calls: tasks[0] waits for tasks[1], ..., the last for tasks[0]. */
typedef void proa_deadlock_fn(void *arg, const struct proa_task_ref *tasks, size_t n);

/**
 * Find tasks that wait for each other in a circle: for a lock that another holds, for another's
 * end, or for the end of all tasks of a group. Calls fn(arg, tasks, n) for each circle that is
 * found, and returns how many there are.
 *
 * Each such group of tasks is found by at least one of its circles. A circle of more than 32 tasks
 * is told by 32 of them. A timeout or a cancel may still break one.
 *
 * Errors:       PROA_ENOMEM.
 */
PROA_API int proa_tasks_deadlocks(proa_deadlock_fn *fn, void *arg);

/**
 * Write what an object is into `buf`: its kind, address, state, and how many wait for it. Returns
 * the length of that, which may be more than fits, as snprintf does.
 *
 * For a barrier, broadcast, channel, condition, event, future, group, limiter, lock, once, queue,
 * rwlock, semaphore, signals, wait group, wait queue or watch, which must be alive: NULL stops the
 * program. For what is above these: proa_stream_describe, proa_listener_describe,
 * proa_stream_server_describe, proa_dgram_describe, proa_process_describe, proa_server_describe.
 *
 * Errors:       PROA_EINVAL (none of these).
 */
PROA_API int proa_describe(const void *object, char *buf, size_t n);

PROA_END_DECLS

#endif
