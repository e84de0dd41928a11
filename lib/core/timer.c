#include "core/timer.h"

#include "core/loop.h"

#include <proa/time.h>

static void insert(struct timer *t)
{
    proa__heap_insert(&t->loop->timers, &t->node, t->deadline);
}

void proa__timer_start(struct proa_loop *loop, struct timer *t, int64_t deadline, timer_fn *fn,
                       void *arg)
{
    t->fn = fn;
    t->arg = arg;
    t->deadline = deadline;
    if (t->loop && t->node.key < deadline)
        return; /* goes to its new place when the old one comes up */
    if (t->loop)
        proa__heap_remove(&loop->timers, &t->node);
    t->loop = loop;
    insert(t);
}

void proa__timer_stop(struct timer *t)
{
    if (!t->loop)
        return;
    proa__heap_remove(&t->loop->timers, &t->node);
    t->loop = NULL;
}

/* The first whose place is also its deadline; those that were moved go to their places. */
static struct timer *first(struct proa_loop *loop)
{
    struct heap_node *node;

    while ((node = proa__heap_first(&loop->timers))) {
        struct timer *t = CONTAINER_OF(node, struct timer, node);

        if (node->key == t->deadline)
            return t;
        proa__heap_remove(&loop->timers, node);
        insert(t);
    }
    return NULL;
}

int64_t proa__timers_next(struct proa_loop *loop)
{
    struct timer *t = first(loop);

    return t ? t->deadline : PROA_FOREVER;
}

/* The clock is read once: what starts meanwhile with a deadline that has passed waits for the next
 * turn. */
void proa__timers_run(struct proa_loop *loop)
{
    uint64_t newest = loop->timers.seq;
    struct timer *t;
    int64_t now;

    if (heap_empty(&loop->timers))
        return;
    now = proa__loop_now(loop);
    while ((t = first(loop)) && t->deadline <= now && t->node.seq < newest) {
        proa__timer_stop(t);
        t->fn(t->arg);
    }
}
