#ifndef PROA_HOOKS_H
#define PROA_HOOKS_H

/*
 * hooks: be told as the tasks of a loop come, run, wait and go. For tracers, profilers and meters.
 *
 *     on_spawn --> on_run --> on_park --> on_run --> ... --> on_exit
 *
 * Each on_run is followed by the same task's on_park or on_exit before another task's on_run, so
 * the time between the two is what the task used.
 */

#include <proa/task.h>

PROA_BEGIN_DECLS

/**
 * What is called for each task of a loop; what is NULL is not.
 *
 * A hook is called on the stack of any task. It must be quick and use little of that stack; it must
 * not suspend, which stops the program, nor create or cancel tasks. What proa_task_name and
 * proa_task_state say of the task can be asked.
 */
struct proa_hooks {
    size_t size;
    void (*on_spawn)(struct proa_task_ref task, void *arg); /* it was created and has not run */
    void (*on_run)(struct proa_task_ref task, void *arg);   /* it will run now: begin, or go on */
    void (*on_park)(struct proa_task_ref task, void *arg);  /* waits, or gave way and is ready */
    void (*on_exit)(struct proa_task_ref task, int rc, void *arg); /* its function returned rc */
    void *arg;
};
#define PROA_HOOKS(...) PROA_OPTS(proa_hooks, __VA_ARGS__)

/**
 * Have these hooks called for the tasks of this thread's loop from now on; NULL: none any more.
 *
 * There is one set: the next call replaces it. Without, a switch costs one test more.
 *
 * Errors:       PROA_E2BIG (hooks of a newer version); those that were set stay.
 * Ownership:    the struct is copied; what `arg` points at lives until the hooks are replaced, or
 *               the loop ends.
 */
PROA_API int proa_hooks_set(const struct proa_hooks *hooks);

PROA_END_DECLS

#endif
