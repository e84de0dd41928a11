#ifndef CORE_TIMER_H
#define CORE_TIMER_H

/*
 * timer: call a function of the loop at a deadline.
 *
 * Intrusive, so starting one cannot fail; stopped ones leave at once what they are in: a heap if
 * they are due within a quarter of a second, a wheel if later (wheel.h); equal deadlines fire in
 * the order in which they were started, one that was moved after those. Deadlines are absolute, in
 * nanoseconds of proa__loop_now. Never early; on an idle machine at most 200 microseconds late.
 *
 * Moving a running timer to a later deadline costs a few stores: it keeps its old place, and goes
 * to its new one when the old comes up. Idle timeouts are pushed out all the time and hardly ever
 * fire.
 *
 * Floor: core.
 */

#include "base/heap.h"
#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

struct proa_loop;
struct timer;

/* Called on the loop's own stack. The timer is stopped by then: it may be started again or freed.
 */
typedef void timer_fn(void *arg);

struct timer {
    union {
        struct heap_node node; /* in the loop's heap while running; its key is <= deadline */
        struct list far; /* or in its wheel: then node.at is NULL, key and seq are the node's */
    };
    struct proa_loop *loop; /* NULL while stopped; so a zeroed timer is a stopped one */
    int64_t deadline;
    timer_fn *fn;
    void *arg;
};

/* Start or move `t`. A deadline that has passed fires in the loop's next turn, never from here. */
void proa__timer_start(struct proa_loop *loop, struct timer *t, int64_t deadline, timer_fn *fn,
                       void *arg);

/* The same, `ns` from now, by proa__loop_due; PROA_FOREVER stops it. */
void proa__timer_start_after(struct proa_loop *loop, struct timer *t, int64_t ns, timer_fn *fn,
                             void *arg);

/* Nothing if it does not run. */
void proa__timer_stop(struct timer *t);

/* For loop.c: the deadline of the next one, PROA_FOREVER if there is none; and fire what is due. */
int64_t proa__timers_next(struct proa_loop *loop);
void proa__timers_run(struct proa_loop *loop);

/* How many run. */
size_t proa__timers_count(const struct proa_loop *loop);

static inline bool timer_running(const struct timer *t)
{
    return t->loop != NULL;
}

#endif
