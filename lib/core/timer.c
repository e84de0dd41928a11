#include "core/timer.h"

#include "core/loop.h"

#include <proa/time.h>

_Static_assert(offsetof(struct timer, node.at) >= sizeof(struct list),
               "the link of the wheel lies over what the heap says of a node that is not in it");

/* To its place by its key; near ones are ordered. */
static void place(struct timer *t)
{
    struct proa_loop *loop = t->loop;

    if (!proa__wheel_add(&loop->wheel, t))
        proa__heap_insert_as(&loop->timers, &t->node, t->node.key, t->node.seq);
}

static void insert(struct timer *t)
{
    t->node.key = t->deadline;
    t->node.seq = t->loop->timers.seq++;
    place(t);
}

static void take_out(struct timer *t)
{
    if (heap_linked(&t->node))
        proa__heap_remove(&t->loop->timers, &t->node);
    else
        proa__wheel_remove(&t->loop->wheel, t);
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
        take_out(t);
    t->loop = loop;
    insert(t);
}

void proa__timer_start_after(struct proa_loop *loop, struct timer *t, int64_t ns, timer_fn *fn,
                             void *arg)
{
    if (ns == PROA_FOREVER)
        proa__timer_stop(t);
    else
        proa__timer_start(loop, t, proa__loop_due(loop, ns), fn, arg);
}

void proa__timer_stop(struct timer *t)
{
    if (!t->loop)
        return;
    take_out(t);
    t->loop = NULL;
}

/* The first of the heap whose place is also its deadline; those that were moved go to their places.
 */
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
    int64_t far = proa__wheel_next(&loop->wheel);

    return t && t->deadline < far ? t->deadline : far;
}

/* What the wheel holds for this tick goes to the heap. */
static void turn_wheel(struct proa_loop *loop, int64_t now)
{
    struct list due;
    struct list *link;

    list_init(&due);
    proa__wheel_turn(&loop->wheel, now, &due);
    while ((link = list_pop(&due))) {
        loop->wheel.count--;
        place(CONTAINER_OF(link, struct timer, far));
    }
}

/* The clock is read once: what starts meanwhile with a deadline that has passed waits for the next
 * turn. */
void proa__timers_run(struct proa_loop *loop)
{
    uint64_t newest = loop->timers.seq;
    struct timer *t;
    int64_t now;

    if (heap_empty(&loop->timers) && !loop->wheel.count)
        return;
    now = proa__loop_now(loop);
    turn_wheel(loop, now);
    while ((t = first(loop)) && t->deadline <= now && t->node.seq < newest) {
        proa__timer_stop(t);
        t->fn(t->arg);
    }
}

size_t proa__timers_count(const struct proa_loop *loop)
{
    return loop->timers.count + loop->wheel.count;
}
