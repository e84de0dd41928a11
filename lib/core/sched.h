#ifndef CORE_SCHED_H
#define CORE_SCHED_H

/*
 * sched: which task runs next.
 *
 * One list, first in, first out. A task that parks switches straight to the next one; the loop's
 * own stack is gone back to when nothing is ready, or when the turn is over: after loop->slices
 * slices.
 *
 * A stack whose task has ended goes on with the next new task if that is next in line, without a
 * switch. Else it waits for one; a single stack may do so. Else it is given back, which it cannot
 * do itself: whoever runs next does (`ended`).
 *
 * An eager task runs at once: its creator goes to the head of the list, and so is next as soon as
 * the new task parks or ends. That costs the turn no slice.
 *
 * With a seed the order is a random one (shuffle.c): then a turn takes one task at a time, and each
 * park goes back to the loop's own stack. Without, nothing asks for it.
 *
 * Floor: core.
 */

#include "base/list.h"
#include "core/group.h"
#include "core/loop.h"
#include "core/task.h"
#include "core/tidy.h"
#include "core/timer.h"

#include <proa/fault.h>
#include <proa/hooks.h>

/* Creators that wait for eager tasks, each with its stack; one more creates as usual. */
#define SCHED_NESTED_MOST 64

/*
 * Somebody looks at a task that does not run: see proa__sched_probe. Whoever is continued looks at
 * sched->ended, so this takes its place there, and a switch costs nothing more for it.
 */
#define SCHED_PROBED ((struct proa_task *)sizeof(struct proa_task))

struct sched {
    struct proa_loop *loop;
    struct proa_task *ready;      /* oldest first, by .next */
    struct proa_task **ready_end; /* where the next one is hung */
    unsigned left;                /* slices until the turn is over */
    unsigned ran;                 /* slices in this turn */
    bool eager;                   /* all tasks are */
    unsigned nested;              /* creators that wait for an eager task */
    struct proa_task *ended;      /* its stack, and its record unless kept, can be given back */
    struct proa_task *probed;     /* is looked at; the next two are called on its stack */
    loop_fn *probe_fn;
    void *probe_arg;
    size_t n_new;     /* tasks in the ready list for which a stack is reserved */
    struct coro idle; /* a stack that waits for a new task; .stack.low is NULL: none */

    struct proa_task *free;  /* records, by .next */
    struct task_more *spare; /* no task's, by .next */
    struct slab *slabs;
    uint64_t first_seq; /* of this scheduler; smaller ones are of an earlier run */
    uint64_t seq;

    struct tidy tidy;

    struct group root;
    struct proa_task *main; /* whose end is the end of the run */
    int main_rc;
    bool stays;        /* the end of main is not the end of the others: another may come */
    bool ending;       /* main has ended */
    bool shields_over; /* the grace time has passed */
    struct timer grace;
    int64_t grace_ns;
    const char *reason; /* why the whole run was cancelled; NULL: it was not */

    proa_fault_fn *fault_fn;
    void *fault_arg;
    bool in_fault; /* fault_fn runs */

    bool watched; /* inject_on, or hooks, or debug mode: a slice's beginning is not as usual */
    const struct proa_hooks *hooks; /* hooks_set, or NULL: nobody wants to be told */
    struct proa_hooks hooks_set;

    unsigned no_suspend; /* > 0: waiting is forbidden */
    uint64_t shuffle;    /* state of the random order; 0: first in, first out */

    uint64_t select_state; /* of the random order in which a select tries its cases */

    bool inject_on;
    uint64_t inject_at;
    uint64_t inject_points;
};

/* Give `loop` a scheduler: sets loop->sched and loop->turn. */
int proa__sched_new(struct proa_loop *loop);

/* All tasks have ended. */
void proa__sched_free(struct proa_loop *loop);

/* Give a new task a stack of this size, 0: the default, before its turn; false: no memory. */
bool proa__sched_give_stack(struct proa_task *t, size_t size);

/* Run a new task that is in no list at once, until it first parks or ends; not from callbacks. */
void proa__sched_run_now(struct proa_task *t);

/* From now on take ready tasks in a random order of this seed, which is not 0. */
void proa__sched_shuffle(struct sched *s, uint64_t seed);

/* For the above: bring any one of the ready tasks, of which there is one, to the head. */
void proa__shuffle(struct sched *s);

/* Leave the stack of the running task, which is in the ready list or parked, for the next one's. */
void proa__sched_leave(struct proa_task *t);

/*
 * Call fn(arg) at the end of the stack of `t`, which has one and does not run. From the loop's own
 * stack. Nothing of the task is changed, and fn must not do so either.
 */
void proa__sched_probe(struct proa_task *t, loop_fn *fn, void *arg);

/* Tell the fault handler. `created`: as of a task, in debug mode; else NULL. */
void proa__sched_fault(struct sched *s, const struct proa_fault *fault, const void *created);

/*
 * Make fn(arg) the main task: at its end the root group is cancelled, and when that is empty the
 * loop is stopped. proa__loop_run then returns and main_rc is its code.
 */
struct sched_main {
    size_t stack_size;
    int64_t grace;                /* 0: the default */
    struct proa_context *context; /* NULL: one of its own */
};
int proa__sched_start(struct sched *s, proa_task_fn *fn, void *arg, const struct sched_main *o);

/* Of one that stays: cancel what is left, which the loop then has to be run for; false: nothing. */
bool proa__sched_end(struct sched *s, int64_t grace);

/* The main task has ended, or the last task of the root group. */
void proa__sched_main_ended(struct sched *s, int rc);
void proa__sched_root_empty(struct sched *s);

/* Cancel the whole run: the main task and all others. The reason, of which the first counts, lives
 * on. */
void proa__sched_cancel(struct sched *s, const char *reason);

/* One of the reasons to be watched has come or gone. */
static inline void sched_rewatch(struct sched *s)
{
    s->watched = s->inject_on || s->hooks || s->loop->debug;
}

static inline void sched_push(struct sched *s, struct proa_task *t)
{
    t->next = NULL;
    *s->ready_end = t;
    s->ready_end = &t->next;
    s->loop->ready = true;
}

/* The next of a sequence of random numbers: xorshift64*, whose state is never 0. */
static inline uint64_t sched_draw(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static inline void sched_push_front(struct sched *s, struct proa_task *t)
{
    t->next = s->ready;
    if (!t->next)
        s->ready_end = &t->next;
    s->ready = t;
    s->loop->ready = true;
}

#endif
