#include "actors.h"

#include <proa/queue.h>

/* Queues of each order under random use, against a plain model (actors.h). */

#define SEEDS 1000

enum {
    GETTERS, /* lines */
    PUTTERS,
    JOINERS,
    ITEMS = 1024
};

struct piece {
    int urgency;
    int puts; /* how often it went in: once or never */
    int outs; /* got or freed */
};

static struct piece pieces[ITEMS];
static int n_pieces;

static struct piece *held[ITEMS]; /* in the order they came */
static int n_held;
static int limit;
static int order;
static bool closed;
static int unfinished;
static int taken; /* got, and not done */

static int by_urgency(const void *a, const void *b)
{
    const struct piece *x = a;
    const struct piece *y = b;

    return (x->urgency > y->urgency) - (x->urgency < y->urgency);
}

static void freed(void *item)
{
    ((struct piece *)item)->outs++;
}

static void queue_begin(struct world *w)
{
    struct proa_queue *q;

    n_pieces = 0;
    n_held = 0;
    limit = (int)below(w, 4); /* 0: none */
    order = (int)below(w, 3);
    closed = false;
    unfinished = 0;
    taken = 0;
    ck_ok(proa_queue_new(&q, PROA_QUEUE_OPTS(.limit = (size_t)limit, .item_free = freed,
                                             .order = (enum proa_queue_order)order,
                                             .compare = by_urgency)));
    w->object = q;
}

/* ---- the model */

static struct piece *new_piece(struct world *w)
{
    struct piece *p = &pieces[n_pieces++];

    *p = (struct piece){.urgency = (int)below(w, 4)};
    return p;
}

static void add(struct piece *p)
{
    held[n_held++] = p;
}

/* The one that leaves next. */
static struct piece *take(void)
{
    struct piece *p;
    int best = 0;

    if (order == PROA_QUEUE_LIFO)
        best = n_held - 1;
    for (int i = 1; order == PROA_QUEUE_PRIORITY && i < n_held; i++)
        if (held[i]->urgency < held[best]->urgency)
            best = i;
    p = held[best];
    n_held--;
    for (int i = best; i < n_held; i++)
        held[i] = held[i + 1];
    return p;
}

/* 0, or PROA_EAGAIN, PROA_ECLOSED. */
static int model_put(struct world *w, struct piece *p)
{
    struct actor *getter = line_first(&w->lines[GETTERS]);

    if (closed)
        return PROA_ECLOSED;
    if (!getter && limit && n_held >= limit)
        return PROA_EAGAIN;
    p->puts++;
    unfinished++;
    if (getter) {
        getter->item = p;
        line_let_go(getter, 0);
    } else
        add(p);
    return 0;
}

static int model_get(struct world *w, struct piece **ret)
{
    struct actor *putter = line_first(&w->lines[PUTTERS]);
    struct piece *p;

    if (!n_held)
        return closed ? PROA_ECLOSED : PROA_EAGAIN;
    *ret = take();
    if (putter) {
        p = putter->item;
        p->puts++;
        unfinished++;
        add(p);
        line_let_go(putter, 0);
    }
    return 0;
}

static void all_go(struct world *w, int line, int answer)
{
    struct actor *a;

    while ((a = line_first(&w->lines[line])))
        line_let_go(a, answer);
}

static void model_finished(struct world *w)
{
    if (!unfinished)
        all_go(w, JOINERS, 0);
}

/* ---- steps */

static bool put_arrive(struct actor *a)
{
    a->answer = model_put(a->world, a->item);
    if (a->answer == PROA_EAGAIN)
        line_join(&a->world->lines[PUTTERS], a);
    return !a->line;
}

static int put_call(struct actor *a)
{
    return proa_queue_put(a->world->object, a->item);
}

static bool get_arrive(struct actor *a)
{
    struct piece *p;

    a->answer = model_get(a->world, &p);
    if (a->answer == 0)
        a->item = p;
    if (a->answer == PROA_EAGAIN)
        line_join(&a->world->lines[GETTERS], a);
    return !a->line;
}

static void got(struct actor *a, struct piece *p, const struct piece *expected)
{
    SEE(a->world, p == expected, "another item");
    p->outs++;
    taken++;
}

static int get_call(struct actor *a)
{
    void *p = NULL;
    int rc = proa_queue_get(a->world->object, &p);

    if (rc == 0)
        got(a, p, a->item);
    else
        SEE(a->world, !p, "an item that was not got");
    return rc;
}

static bool join_arrive(struct actor *a)
{
    a->answer = 0;
    if (unfinished)
        line_join(&a->world->lines[JOINERS], a);
    return !a->line;
}

static int join_call(struct actor *a)
{
    return proa_queue_join(a->world->object);
}

static void try_put(struct actor *a)
{
    struct piece *p = new_piece(a->world);
    int rc = model_put(a->world, p);

    ck_assert_int_eq(proa_queue_try_put(a->world->object, p), rc);
}

static void try_get(struct actor *a)
{
    struct piece *expected = NULL;
    void *p = NULL;
    int rc = model_get(a->world, &expected);

    ck_assert_int_eq(proa_queue_try_get(a->world->object, &p), rc);
    if (rc == 0)
        got(a, p, expected);
}

static void shut(struct world *w, enum proa_queue_shutdown how)
{
    closed = true;
    all_go(w, PUTTERS, PROA_ECLOSED);
    if (how == PROA_QUEUE_DISCARD) {
        unfinished -= n_held;
        n_held = 0;
        model_finished(w);
    }
    all_go(w, GETTERS, PROA_ECLOSED);
    proa_queue_shutdown(w->object, how);
}

static void finish_one(struct world *w)
{
    if (!taken)
        return;
    taken--;
    unfinished--;
    model_finished(w);
    proa_queue_task_done(w->object);
}

static void queue_step(struct actor *a)
{
    struct world *w = a->world;

    world_advance(w);
    SEE(w, proa_queue_len(w->object) == (size_t)n_held, "%d held", n_held);
    switch (below(w, 12)) {
    case 0:
        try_put(a);
        break;
    case 1:
        try_get(a);
        break;
    case 2:
    case 3:
        finish_one(w);
        break;
    case 4:
        actor_wait(a, join_arrive, join_call);
        break;
    case 5:
        if (below(w, 12) == 0)
            shut(w, below(w, 2) ? PROA_QUEUE_DRAIN : PROA_QUEUE_DISCARD);
        break;
    case 6:
    case 7:
    case 8:
        actor_wait(a, get_arrive, get_call);
        break;
    default:
        a->item = new_piece(w);
        actor_wait(a, put_arrive, put_call);
        break;
    }
}

static void nothing(struct actor *a)
{
    (void)a;
}

/* What went in went out: to a getter, or to item_free. */
static void queue_end(struct world *w)
{
    while (taken)
        finish_one(w);
    proa_queue_shutdown(w->object, PROA_QUEUE_DISCARD);
    ck_ok(proa_queue_join(w->object));
    proa_queue_free(w->object);
    for (int i = 0; i < n_pieces; i++)
        SEE(w, pieces[i].puts == pieces[i].outs, "item %d: in %d, out %d", i, pieces[i].puts,
            pieces[i].outs);
}

static const struct model queue_model = {40,   queue_begin, queue_step, nothing,
                                         NULL, NULL,        queue_end};
START_TEST(random_use_of_a_queue_goes_as_the_model_says)
{
    actors_run(&queue_model, SEEDS);
}
END_TEST

int main(void)
{
    return t_main("queue_model",
                  (const TTest *const[]){random_use_of_a_queue_goes_as_the_model_says, NULL});
}
