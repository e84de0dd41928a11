#include "base/mem.h"
#include "core/arm.h"
#include "core/group.h"
#include "core/look.h"
#include "core/sched.h"

/*
 * deadlock: tasks that wait for each other in a circle.
 *
 * A parked task may need one certain task (a lock's holder, the task that it joins), or all tasks
 * of a group. Where each step has to happen, a way that comes back to where it was is a deadlock.
 * What waits for one of several things (select) is no such step, nor is a queue: anybody may put.
 *
 * The search goes depth first, without recursion. Each blocked task is a node; `winner`, which
 * means nothing while a task is parked, says which. Each edge is looked at once.
 */
#define TOLD 32

struct node {
    struct proa_task *task;
    const struct proa_task *by; /* the one it needs; NULL: all of the group */
    const struct group *all_of;
    struct list *next; /* of the group's tasks: not looked at yet; NULL: none is left */
    bool asked;        /* by was looked at */
    uint32_t from;     /* the node on the way to this one */
    enum { NEW, ON_WAY, OVER } state;
};

struct graph {
    struct node *nodes;
    size_t n;
    proa_deadlock_fn *fn;
    void *arg;
    int found;
};

static bool may_be_blocked(const struct proa_task *t)
{
    const struct wait_kind *kind = t->waits->what;

    if (!kind)
        return false;
    if (kind == &proa__arm_waits)
        return ((const struct arm *)t->waits->on)->ops->blocks;
    return kind->blocks;
}

/* Make nodes of the blocked tasks; without room for them only count. */
static void collect(struct graph *g, struct sched *s, size_t room)
{
    struct task_cursor at;
    struct proa_task *t;

    g->n = 0;
    proa__task_walk_begin(s, &at);
    while ((t = proa__task_walk_next(&at))) {
        struct view v = {0};

        if (t->state != TASK_PARKED)
            continue;
        t->winner = -1;
        if (!may_be_blocked(t))
            continue;
        if (g->n < room) {
            proa__view_wait(&v, t);
            if (!v.by && !v.all_of)
                continue;
            t->winner = (int32_t)g->n;
            g->nodes[g->n] = (struct node){.task = t, .by = v.by, .all_of = v.all_of};
            if (v.all_of)
                g->nodes[g->n].next = list_first(&v.all_of->tasks);
        }
        g->n++;
    }
}

/* The next task that this one needs; NULL: there is no other. */
static const struct proa_task *next_needed(struct node *node)
{
    struct list *at = node->next;

    if (!node->all_of && !node->asked) {
        node->asked = true;
        return node->by;
    }
    if (!at)
        return NULL;
    node->next = at->next == &node->all_of->tasks ? NULL : at->next;
    return CONTAINER_OF(at, struct proa_task, sibling);
}

/* The way from `first` leads to `last`, which needs `first`. */
static void tell(struct graph *g, size_t first, size_t last)
{
    struct proa_task_ref refs[TOLD];
    size_t n = 1;

    for (size_t at = last; at != first; at = g->nodes[at].from)
        n++;
    for (size_t at = last, i = n; i-- > 0; at = g->nodes[at].from)
        if (i < TOLD)
            refs[i] = (struct proa_task_ref){g->nodes[at].task, g->nodes[at].task->seq};
    g->found++;
    g->fn(g->arg, refs, n < TOLD ? n : TOLD);
}

static void search_from(struct graph *g, size_t start)
{
    size_t at = start;

    g->nodes[start].state = ON_WAY;
    for (;;) {
        const struct proa_task *t = next_needed(&g->nodes[at]);

        if (!t) {
            g->nodes[at].state = OVER;
            if (at == start)
                return;
            at = g->nodes[at].from;
        } else if (t->state == TASK_PARKED && t->winner >= 0) {
            size_t to = (size_t)t->winner;

            if (g->nodes[to].state == ON_WAY) {
                tell(g, to, at);
            } else if (g->nodes[to].state == NEW) {
                g->nodes[to].state = ON_WAY;
                g->nodes[to].from = (uint32_t)at;
                at = to;
            }
        }
    }
}

int proa__look_deadlocks(struct sched *sched, proa_deadlock_fn *fn, void *arg)
{
    struct graph g = {.fn = fn, .arg = arg};

    collect(&g, sched, 0);
    if (g.n == 0)
        return 0;
    g.nodes = proa__alloc(g.n * sizeof g.nodes[0]);
    if (!g.nodes)
        return PROA_ENOMEM;
    collect(&g, sched, g.n);
    for (size_t i = 0; i < g.n; i++)
        if (g.nodes[i].state == NEW)
            search_from(&g, i);
    proa__free(g.nodes);
    return g.found;
}
