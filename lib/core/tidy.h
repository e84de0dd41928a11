#ifndef CORE_TIDY_H
#define CORE_TIDY_H

/*
 * tidy: stacks that were deep once and now sleep give pages back.
 *
 * A walk over all tasks, a second after the last one. A task that is found parked gets a mark; one
 * that still has the mark a walk later has slept for at least a second, and what is dirty below its
 * stack pointer goes back to the kernel, once. The mark is put where the first switch to the task
 * writes anyway (its budget), so parking and waking cost nothing.
 *
 *   quiet --a task ran--> waiting --a second--> walking --end, and somebody ran or was marked-->
 * waiting
 *                                                       \--end, and nobody--> quiet
 *
 * Stacks that no task needed from one walk to the next, beyond a bound, give all their pages back.
 *
 * So a program with nothing to do sleeps undisturbed, two walks after it had. A walk looks at
 * TIDY_STEP records at a time, so it delays nobody.
 *
 * Floor: core.
 */

#include "core/task.h"
#include "core/timer.h"

#include <stdbool.h>

#define TIDY_EVERY PROA_SEC /* from the end of a walk to the next one */
#define TIDY_STEP 2048      /* records looked at in a turn */
#define TIDY_STACKS 1024    /* idle ones that give their pages back in a turn: a millisecond */
#define TIDY_PAUSE (10 * PROA_MS) /* to the next step of the same walk */

struct tidy {
    struct timer timer; /* runs unless quiet */
    struct task_cursor at;
    bool trimming; /* spare stacks are left */
    bool again;    /* somebody ran, or was marked, since this walk began: it is not the last one */
};

/* Begin to wait. */
void proa__tidy_start(struct sched *s);

/* To be called when tasks have run. */
static inline void tidy_ran(struct sched *s, struct tidy *tidy)
{
    tidy->again = true;
    if (__builtin_expect(!timer_running(&tidy->timer), 0))
        proa__tidy_start(s);
}

void proa__tidy_stop(struct tidy *tidy);

#endif
