#ifndef CORE_LOOK_H
#define CORE_LOOK_H

/*
 * look: a task as somebody sees it who changes nothing.
 *
 * A look is had from the loop's own stack, where words can be made and no task runs. Whoever asks
 * from a task begins the look there: that task is the one whose calls can only be learnt by itself.
 * All others are visited: proa__sched_probe switches to the task, which takes its own backtrace and
 * switches straight back. That works for any kind of switch, and needs no unwinder of other stacks.
 *
 *   struct look look;
 *   proa__look_begin(&look);                    // in the running task, or a callback
 *   proa__on_loop_stack(walk, ...)              // then, on the loop's stack:
 *       proa__look_task(&look, t, &info, &view);
 *       proa__look_trace(&look, t, &trace);
 *
 * Floor: core.
 */

#include "core/trace.h"
#include "core/view.h"

#include <proa/inspect.h>

/* Bytes that must be left of a stack for taking a backtrace on it. */
#ifdef PROA_SANITIZED
#define LOOK_ROOM ((size_t)32 << 10)
#else
#define LOOK_ROOM ((size_t)6 << 10)
#endif

struct look {
    struct sched *sched;
    struct proa_task *self; /* the running task; NULL: none */
    size_t self_used;       /* bytes of its stack */
    struct trace self_at;
    struct proa_task *last; /* whom the walk saw last, and how deep it is */
    size_t last_depth;
    char name[TASK_NAME_MAX]; /* of the last one, if it had to be made */
};

void proa__look_begin(struct look *look);

/* The same from the loop's own stack, when no task runs. */
void proa__look_begin_idle(struct look *look, struct sched *sched);

/* The task after `t` in order of the tree, NULL: the first; NULL: that was all. */
struct proa_task *proa__look_next(const struct look *look, const struct proa_task *t);

/* What is to be said of it. info->on is view->text. */
void proa__look_task(struct look *look, struct proa_task *t, struct proa_task_info *info,
                     struct view *view);

/* The calls it is in, as proa_task_backtrace gives them; ret->n is 0 if they cannot be had. */
void proa__look_trace(const struct look *look, struct proa_task *t, struct trace *ret);

/* Call fn for each circle of `sched`'s tasks; how many, or PROA_ENOMEM. On the loop's stack. */
int proa__look_deadlocks(struct sched *sched, proa_deadlock_fn *fn, void *arg);

#endif
