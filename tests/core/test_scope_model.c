#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdlib.h>

/*
 * Random programs of tasks, groups and scopes, against a model.
 *
 * The model keeps a tree of its own. Each node knows when it was or will be cancelled itself; from
 * when on it is effectively cancelled follows from its parents, as a time:
 *
 *   since(node) = min(own, shield ? max(since(parent), end of the shield) : since(parent))
 *
 * The virtual clock makes times exact: a sleep of d that began at t must end at t + d with 0, or at
 * max(t, since) with PROA_ECANCELED. Spans are random nanoseconds, so that two things happen in the
 * same moment only if one brings about the other. Every seed is a program; a failure names its
 * seed, and PROA_TEST_SEED=n runs that one alone.
 */

enum {
    SEEDS = 3000,
    DEPTH = 4,      /* most blocks inside each other in a task */
    GENERATION = 3, /* most groups inside each other */
    OPEN = 64,      /* things that can be cancelled at a time */
    STEPS = 5,      /* most steps of a block */
};

#define NEVER INT64_MAX

struct node {
    struct node *parent;
    int64_t own;  /* cancelled itself from this time on */
    int64_t ends; /* a shield holds until this time; INT64_MIN: no shield */
    int64_t cut;  /* when a call inside failed last because of this; INT64_MIN: none did */
    bool root;    /* of a task */
};

struct crowd {
    struct node node;
    struct proa_group *group;
    int first_rc; /* of its first failure */
    int64_t last; /* when its last task ended */
};

struct world {
    uint64_t seed;
    struct t_random random;
    size_t n_open;
    struct handle *open[OPEN];
    int budget; /* steps left in all */
};

/* What anybody may cancel. */
struct handle {
    struct node *node;
    struct proa_scope *scope;
    struct proa_group *group;
    struct proa_task_ref task;
};

struct actor {
    struct world *world;
    struct crowd *crowd;
    struct node root;
    struct handle handle;
    int generation;
    bool used;
};

static int64_t since(const struct node *n)
{
    int64_t outside = n->parent ? since(n->parent) : NEVER;

    if (outside < n->ends)
        outside = n->ends;
    return n->own < outside ? n->own : outside;
}

/* A call right inside `in` fails now: all around it, in this task, that are cancelled had a part in
 * that. */
static int cut(struct node *in)
{
    for (struct node *n = in; n && since(n) <= proa_now(); n = n->root ? NULL : n->parent)
        n->cut = proa_now();
    return PROA_ECANCELED;
}

static uint64_t below(struct world *w, uint64_t bound)
{
    return t_random_below(&w->random, bound);
}

static int64_t span(struct world *w)
{
    return 1 + (int64_t)below(w, PROA_SEC);
}

#define SEE(world, cond, fmt, ...)                                                                 \
    do {                                                                                           \
        if (!(cond))                                                                               \
            ck_abort_msg("seed %llu: " #cond ": " fmt, (unsigned long long)(world)->seed,          \
                         ##__VA_ARGS__);                                                           \
    } while (0)

/* ---- things that can be cancelled */

static void show(struct world *w, struct handle *h)
{
    if (w->n_open < OPEN)
        w->open[w->n_open++] = h;
}

static void hide(struct world *w, struct handle *h)
{
    for (size_t i = 0; i < w->n_open; i++)
        if (w->open[i] == h)
            w->open[i] = w->open[--w->n_open];
}

static void cancel_something(struct world *w)
{
    if (w->n_open == 0)
        return;

    struct handle *h = w->open[below(w, w->n_open)];

    if (h->node->own > proa_now())
        h->node->own = proa_now();
    if (h->scope)
        proa_scope_cancel(h->scope);
    else if (h->group)
        proa_group_cancel(h->group);
    else
        proa_task_cancel(h->task);
}

/* ---- steps; each returns 0, a failure, or PROA_ECANCELED with the model's consent */

static int run_block(struct actor *a, struct node *in, int depth);

static int check_sleep(struct world *w, struct node *in, int64_t ns)
{
    int64_t began = proa_now();
    int rc = proa_sleep(ns);
    int64_t now = proa_now();
    int64_t end = since(in);

    SEE(w, proa_is_cancelled() == (end <= now), "cancelled since %lld, now %lld", (long long)end,
        (long long)now);
    if (rc == 0) {
        SEE(w, now == began + (ns > 0 ? ns : 0), "slept %lld", (long long)(now - began));
        SEE(w, end >= now, "a call passed, cancelled since %lld, now %lld", (long long)end,
            (long long)now);
        return 0;
    }
    SEE(w, rc == PROA_ECANCELED, "%s", proa_err_name(rc));
    SEE(w, now == (end > began ? end : began), "cut at %lld, not %lld", (long long)now,
        (long long)end);
    return cut(in);
}

/* What becomes of `rc` where the timeout is left. */
static int check_timeout(struct world *w, struct proa_timeout *t, const struct node *n, int rc)
{
    bool passed = n->own <= proa_now() && since(n->parent) > proa_now();
    bool mine = passed && (rc == PROA_ECANCELED || (rc >= 0 && n->cut >= n->own));
    int got = proa_timeout_result(t, rc);

    SEE(w, got == (mine ? PROA_ETIMEDOUT : rc), "%s from %s", proa_err_name(got),
        proa_err_name(rc));
    SEE(w, proa_timeout_expired(t) == (n->own <= proa_now()), "expiry");
    return got;
}

static int step_timeout(struct actor *a, struct node *in, int depth)
{
    int64_t ns = below(a->world, 8) ? span(a->world) * 3 : 0;
    struct node n = {.parent = in, .own = proa_now() + ns, .ends = INT64_MIN, .cut = INT64_MIN};

    PROA_TIMEOUT(t, ns);
    int rc = run_block(a, &n, depth);
    rc = check_timeout(a->world, &t, &n, rc);
    return rc == PROA_ETIMEDOUT ? 0 : rc;
}

static int step_shield(struct actor *a, struct node *in, int depth)
{
    int64_t ns = below(a->world, 8) ? span(a->world) : 0;
    struct node n = {.parent = in, .own = NEVER, .ends = proa_now() + ns, .cut = INT64_MIN};

    PROA_SHIELD(s, ns);
    return run_block(a, &n, depth);
}

static int step_scope(struct actor *a, struct node *in, int depth)
{
    struct node n = {.parent = in, .own = NEVER, .ends = INT64_MIN, .cut = INT64_MIN};

    PROA_SCOPE(s);
    struct handle h = {.node = &n, .scope = &s};
    show(a->world, &h);
    int rc = run_block(a, &n, depth);
    hide(a->world, &h);
    bool mine = rc == PROA_ECANCELED && n.own <= proa_now() && since(in) > proa_now();
    int got = proa_scope_result(&s, rc);
    SEE(a->world, got == (mine ? 0 : rc), "%s from %s", proa_err_name(got), proa_err_name(rc));
    return got;
}

/* ---- groups */

static int be_actor(void *arg)
{
    struct actor *a = arg;
    struct crowd *c = a->crowd;
    int rc = run_block(a, &a->root, 0);

    hide(a->world, &a->handle);
    SEE(a->world, rc != PROA_ECANCELED || since(&a->root) <= proa_now(), "cancelled by nobody");
    c->last = proa_now();
    if (rc < 0 && rc != PROA_ECANCELED && c->first_rc == 0)
        c->first_rc = rc;
    if (rc < 0 && rc != PROA_ECANCELED && c->node.own > proa_now())
        c->node.own = proa_now();
    return rc;
}

static void create_actor(struct actor *a, struct crowd *c, struct node *in, struct actor *child)
{
    *child = (struct actor){.world = a->world, .crowd = c, .generation = a->generation + 1};
    child->root = (struct node){.parent = &c->node, .own = NEVER, .ends = INT64_MIN, .root = true};
    child->handle.node = &child->root;

    int rc = proa_create_task_opts(c->group, &child->handle.task, be_actor, child, NULL);
    bool cancelled = since(in) <= proa_now();

    SEE(a->world, rc == (cancelled ? cut(in) : 0), "%s", proa_err_name(rc));
    if (rc == 0)
        show(a->world, &child->handle);
}

/* The group moves to the inner end of the chain while it is joined: so does its node. */
static int join_crowd(struct actor *a, struct crowd *c, struct node *in, struct node *around)
{
    int64_t began = proa_now();
    bool cut_before = since(in) <= began;

    if (since(&c->node) <= began && c->node.own > began)
        c->node.own = began; /* who knows of a cancel stays cancelled */
    c->node.parent = around;

    int rc = proa_group_join(c->group);
    int64_t now = proa_now();
    int64_t end = c->last > began ? c->last : began;

    SEE(a->world, now == end, "joined at %lld, last end %lld", (long long)now, (long long)end);
    SEE(a->world, proa_group_running(c->group) == 0, "tasks run on");
    if (c->first_rc < 0)
        SEE(a->world, rc == c->first_rc, "%s", proa_err_name(rc));
    else if (cut_before || since(around) < end)
        SEE(a->world, rc == PROA_ECANCELED, "%s", proa_err_name(rc));
    else if (since(around) > end)
        SEE(a->world, rc == 0, "%s", proa_err_name(rc));
    else
        SEE(a->world, rc == 0 || rc == PROA_ECANCELED, "%s", proa_err_name(rc));
    return rc == PROA_ECANCELED ? cut(around) : rc;
}

/* One time in three the join stands under a timeout or a shield that is further in than the group.
 */
static int join_somehow(struct actor *a, struct crowd *c, struct node *in)
{
    int64_t ns = below(a->world, 8) ? span(a->world) : 0;
    struct node n = {.parent = in, .own = NEVER, .ends = INT64_MIN, .cut = INT64_MIN};

    switch (below(a->world, 6)) {
    case 0: {
        n.own = proa_now() + ns;
        PROA_TIMEOUT(t, ns);
        int rc = check_timeout(a->world, &t, &n, join_crowd(a, c, in, &n));
        return rc == PROA_ETIMEDOUT ? 0 : rc;
    }
    case 1: {
        n.ends = proa_now() + ns;
        PROA_SHIELD(s, ns);
        return join_crowd(a, c, in, &n);
    }
    default:
        return join_crowd(a, c, in, in);
    }
}

static int step_group(struct actor *a, struct node *in, int depth)
{
    enum { CHILDREN = 3 };
    struct actor children[CHILDREN];
    struct crowd c = {.node = {.parent = in, .own = NEVER, .ends = INT64_MIN, .cut = INT64_MIN},
                      .last = -1};

    PROA_GROUP(g);
    struct handle h = {.node = &c.node, .group = &g};
    c.group = &g;
    show(a->world, &h);
    for (uint64_t n = below(a->world, CHILDREN + 1); n > 0; n--)
        create_actor(a, &c, &c.node, &children[n - 1]);
    run_block(a, &c.node, depth);

    int rc = join_somehow(a, &c, in);

    hide(a->world, &h);
    return rc;
}

/* ---- programs */

static int step(struct actor *a, struct node *in, int depth)
{
    struct world *w = a->world;
    uint64_t what = below(w, depth < DEPTH ? 18 : 9);

    if (what < 6)
        return check_sleep(w, in, below(w, 6) ? span(w) : 0);
    if (what < 8)
        return cancel_something(w), 0;
    if (what == 8)
        return below(w, 6) ? 0 : PROA_EIO;
    if (what < 11)
        return step_timeout(a, in, depth + 1);
    if (what < 13)
        return step_shield(a, in, depth + 1);
    if (what < 14 || a->generation >= GENERATION)
        return step_scope(a, in, depth + 1);
    return step_group(a, in, depth + 1);
}

/* A cancel or failure mostly ends the block; now and then it is swallowed, and the level must hold.
 */
static int run_block(struct actor *a, struct node *in, int depth)
{
    for (uint64_t n = below(a->world, STEPS) + 1; n > 0 && a->world->budget-- > 0; n--) {
        int rc = step(a, in, depth);

        if (rc < 0 && below(a->world, 4))
            return rc;
    }
    return 0;
}

static int be_world(void *arg)
{
    struct world *w = arg;
    struct crowd c = {.last = -1};
    struct actor a = {.world = w, .crowd = &c};

    a.root = (struct node){.own = NEVER, .ends = INT64_MIN, .cut = INT64_MIN};
    while (w->budget >
           0) /* nobody cancels the main task: what it begins ends before the run does */
        run_block(&a, &a.root, 0);
    return 0;
}

static void try_seed(uint64_t seed)
{
    struct world w = {.seed = seed, .random = {.state = seed}, .budget = 300};

    t_run_in_order(be_world, &w);
}
START_TEST(random_programs_behave_as_the_model_says)
{
    const char *one = getenv("PROA_TEST_SEED");
    const char *many = getenv("PROA_TEST_SEEDS");
    uint64_t n = many ? strtoull(many, NULL, 10) : SEEDS;

    if (one) {
        try_seed(strtoull(one, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= n; seed++)
        try_seed(seed);
}
END_TEST

int main(void)
{
    return t_main("scope_model", (const TTest *const[]){
                                     random_programs_behave_as_the_model_says,
                                     NULL,
                                 });
}
