#include "core/scope_world.h"

#include <proa/gather.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Random programs of tasks, groups, gathers, scopes and waits, against a model (scope_model.h).
 *
 * A sleep of d that began at t must end at t + d with 0, or at max(t, since) with PROA_ECANCELED;
 * and so on for all that waits. Every seed is a program; a quarter of them has eager tasks, a
 * quarter takes ready tasks in a random order, a quarter does both. A failure names its seed, and
 * PROA_MODEL_SEED=n runs that one alone; PROA_TEST_SEEDS=n runs so many, on all processors.
 */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

enum {
#ifdef SANITIZED
    SEEDS = 5000,
#else
    SEEDS = 100000,
#endif
    PARTS = 10,         /* tests among which they are divided */
    BUDGET = 200,       /* steps of a program */
    DEPTH = 4,          /* most blocks inside each other in a task */
    GENERATION = 3,     /* most groups inside each other */
    STEPS = 5,          /* most steps of a block */
    ALLOCATIONS = 60,   /* the one that fails is among the first of so many */
    STARVED_SHARE = 20, /* one program in so many is run without memory too */
};

static int64_t far_from(int64_t now, int64_t ns)
{
    return ns == PROA_FOREVER ? NEVER : now + ns;
}

/* Move a deadline, of one's own or of another task. */
static void move_timeout(struct world *w, struct handle *h)
{
    static const int64_t odd[] = {0, -PROA_SEC, PROA_FOREVER, INT64_MIN};
    int64_t now = proa_now();
    bool passed = h->node->own <= now;
    int64_t ns = below(w, 3) ? 2 * span(w) : odd[below(w, 4)];
    int expected = ns == INT64_MIN ? PROA_EINVAL : passed ? PROA_ETIMEDOUT : 0;
    int rc = below(w, 2) || ns == INT64_MIN
                 ? proa_timeout_reschedule(h->timeout, ns)
                 : proa_timeout_reschedule_at(h->timeout, far_from(now, ns));

    SEE(w, rc == expected, "%s", proa_err_name(rc));
    if (rc < 0)
        return;
    SEE(w, proa_timeout_when(h->timeout) == far_from(now, ns), "when");
    h->node->own = ns > 0 ? far_from(now, ns) : now;
}

static void cancel_something(struct world *w)
{
    if (w->n_open == 0)
        return;

    struct handle *h = w->open[below(w, w->n_open)];

    if (h->timeout) {
        move_timeout(w, h);
        return;
    }
    cancel_node(h->node, proa_now());
    if (h->scope)
        proa_scope_cancel(h->scope);
    else if (h->group)
        proa_group_cancel(h->group);
    else
        proa_task_cancel(h->task);
}

/* ---- steps; each returns 0, a failure, or PROA_ECANCELED with the model's consent */

static int run_block(struct actor *a, struct node *in, int depth);

static void see_state(struct world *w, const struct node *in)
{
    int64_t end = since(in);
    bool cancelled = end <= proa_now();

    SEE(w, proa_is_cancelled() == cancelled, "cancelled since %lld, now %lld", (long long)end,
        (long long)proa_now());
    SEE(w, proa_effective_deadline() == (cancelled ? INT64_MIN : end), "%lld, not %lld",
        (long long)proa_effective_deadline(), (long long)end);
}

static int step_sleep(struct world *w, struct node *in)
{
    int64_t ns = below(w, 6) ? span(w) : 0;
    int64_t began = proa_now();
    int rc = proa_sleep(ns);

    see_state(w, in);
    if (rc < 0)
        return see_cut(w, in, began, rc);
    SEE(w, proa_now() == began + ns, "slept %lld", (long long)(proa_now() - began));
    see_passed(w, in);
    return 0;
}

static int leave_timeout(struct world *w, struct proa_timeout *t, const struct node *n, bool quiet,
                         int rc)
{
    int expected = timeout_result(n, quiet, rc, proa_now());
    int got = proa_timeout_result(t, rc);

    SEE(w, got == expected || (n->unsure && rc >= 0 && (got == rc || got == PROA_ETIMEDOUT)),
        "%s from %s", proa_err_name(got), proa_err_name(rc));
    SEE(w, proa_timeout_expired(t) == (n->own <= proa_now()), "expiry");
    return got == PROA_ETIMEDOUT ? 0 : got;
}

static int step_timeout(struct actor *a, struct node *in, int depth)
{
    struct world *w = a->world;
    int64_t ns = 3 * span_or_none(w);
    bool quiet = below(w, 3) == 0;
    struct node n = node_in(in);

    n.own = proa_now() + ns;
    PROA_TIMEOUT_AT(t, n.own);
    if (quiet)
        proa_timeout_set_quiet(&t);
    struct handle h = {.node = &n, .timeout = &t};
    show(w, &h);
    int rc = run_block(a, &n, depth);
    hide(w, &h);
    return leave_timeout(w, &t, &n, quiet, rc);
}

static int step_shield(struct actor *a, struct node *in, int depth)
{
    int64_t ns = span_or_none(a->world);
    struct node n = node_in(in);

    n.ends = proa_now() + ns;
    PROA_SHIELD(s, ns);
    return run_block(a, &n, depth);
}

static int step_scope(struct actor *a, struct node *in, int depth)
{
    struct node n = node_in(in);

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

/* ---- tasks */

static int be_actor(void *arg)
{
    struct actor *a = arg;
    int rc;

    a->begun = true;
    a->handle.task = proa_current_task();
    if (!a->handle.shown)
        show(a->world, &a->handle);
    rc = run_block(a, &a->root, 0);
    if (rc == 0)
        rc = (int)below(a->world, 3);
    hide(a->world, &a->handle);
    SEE(a->world, rc != PROA_ECANCELED || since(&a->root) <= proa_now(), "cancelled by nobody");
    crowd_ended(a->crowd, a, rc, proa_now());
    return rc;
}

static struct actor *new_child(struct actor *a, struct crowd *c)
{
    struct actor *child = &c->children[c->n];

    *child = (struct actor){
        .world = a->world,
        .crowd = c,
        .generation = a->generation + 1,
        .ended_at = -1,
        .root = node_in(&c->node),
        .handle.node = &child->root,
    };
    child->root.root = true;
    snprintf(child->name, sizeof child->name, "c%d", c->n);
    c->n++;
    return child;
}

/* `in` is where the creator stands. The call may wait for a place. */
static int create_child(struct actor *a, struct crowd *c, struct node *in)
{
    struct world *w = a->world;
    int64_t began = proa_now();
    bool cancelled = since(in) <= began;
    struct actor *child = new_child(a, c);
    struct proa_task_ref ref;
    int rc = proa_create_task_opts(c->group, &ref, be_actor, child,
                                   PROA_TASK_OPTS(.name = child->name, .eager = below(w, 4) == 0));

    if (rc < 0) {
        child->ended_at = began; /* as good as ended */
        return see_cut(w, in, began, rc);
    }
    SEE(w, !cancelled, "created although cancelled");
    see_passed(w, in);
    SEE(w, c->limit || proa_now() == began, "waited for a place, with no limit");
    SEE(w, !c->limit || proa_group_running(c->group) <= c->limit, "too many");
    child->handle.task = ref;
    if (!child->begun)
        show(w, &child->handle);
    return 0;
}

/* In the crowd that the task is of. */
static int step_sibling(struct actor *a, struct node *in)
{
    struct crowd *c = a->crowd;

    if (!c->group || c->n == CHILDREN || c->limit)
        return step_sleep(a->world, in);
    return create_child(a, c, in);
}

/* ---- waiting for tasks */

static int step_wait(struct world *w, struct crowd *c, struct node *in)
{
    static const int64_t odd[] = {0, -PROA_SEC, PROA_FOREVER};
    struct proa_task_ref refs[CHILDREN];
    bool done[CHILDREN];
    enum proa_return_when mode = (enum proa_return_when)below(w, 3);
    int64_t ns = below(w, 2) ? span(w) : odd[below(w, 3)];
    int64_t began = proa_now();
    int n = 0;
    int rc;

    for (; n < c->n && c->children[n].handle.task.task; n++)
        refs[n] = c->children[n].handle.task;
    if (n == 0)
        return 0;
    rc = proa_wait(refs, (size_t)n, done, mode, ns);
    if (rc < 0)
        return see_cut(w, in, began, rc);
    see_passed(w, in);
    for (int i = 0; i < n; i++) {
        SEE(w, done[i] == (c->children[i].ended_at >= 0), "task %d", i);
        rc -= done[i];
    }
    SEE(w, rc == 0, "it returned %d too many", rc);

    int64_t now = proa_now();
    int64_t limit = ns == PROA_FOREVER ? NEVER : ns > 0 ? began + ns : began;

    SEE(w, now <= limit, "%lld late", (long long)(now - limit));
    SEE(w, now == limit || wait_is_over(c, n, mode, now), "too early");
    SEE(w, now == began || !wait_is_over(c, n, mode, now - 1), "too late");
    return 0;
}

static int step_next(struct world *w, struct crowd *c, struct node *in)
{
    struct proa_task_ref ref;
    int64_t began = proa_now();
    int rc = proa_group_next(c->group, &ref);

    if (rc < 0)
        return see_cut(w, in, began, rc);
    see_passed(w, in);
    if (rc == 0) {
        SEE(w, c->n_given == c->n_ended, "%d of %d given", c->n_given, c->n_ended);
        SEE(w, proa_group_running(c->group) == 0, "tasks run on");
        return 0;
    }
    for (int i = 0; i < c->n; i++) {
        const struct actor *child = &c->children[i];

        if (child->handle.task.task != ref.task || child->rank != c->n_given)
            continue;
        SEE(w, child->ended_at == proa_now() || proa_now() == began, "late");
        c->n_given++;
        return 0;
    }
    SEE(w, false, "the next task is the wrong one");
    return 0;
}

/* ---- groups */

static void see_errors(struct world *w, struct crowd *c)
{
    struct proa_task_error e[CHILDREN];
    struct proa_task_ref ref;
    size_t n = proa_group_errors(c->group, e, CHILDREN);
    const char *winner = proa_group_winner(c->group, &ref);
    int seen = 0;

    SEE(w, n == (size_t)c->n_failed, "%zu failures, not %d", n, c->n_failed);
    for (int i = 0; i < c->n_ended; i++)
        for (int k = 0; k < c->n; k++) {
            const struct actor *a = &c->children[k];

            if (!a->begun || a->rank != i || a->rc >= 0 || a->rc == PROA_ECANCELED)
                continue;
            SEE(w, strcmp(e[seen].name, a->name) == 0 && e[seen].rc == a->rc, "failure %d", seen);
            seen++;
        }
    SEE(w, !winner == !c->winner, "winner");
    SEE(w,
        !winner ||
            (strcmp(winner, c->winner->name) == 0 && ref.task == c->winner->handle.task.task),
        "%s won", winner);
}

/* The group moves to the inner end of the chain while it is joined: so does its node. */
static int join_crowd(struct actor *a, struct crowd *c, struct node *in, struct node *around)
{
    struct world *w = a->world;
    int64_t began = proa_now();
    bool before = since(in) <= began;

    if (since(&c->node) <= began)
        cancel_node(&c->node, began); /* who knows of a cancel stays cancelled */
    c->node.parent = around;

    int rc = proa_group_join(c->group);
    int64_t now = proa_now();
    int64_t end = c->last > began ? c->last : began;

    SEE(w, now == end, "joined at %lld, last end %lld", (long long)now, (long long)end);
    SEE(w, proa_group_running(c->group) == 0, "tasks run on");
    SEE(w, join_may_return(c, rc, since(around), before, now), "%s", proa_err_name(rc));
    see_errors(w, c);
    return rc == PROA_ECANCELED ? cut_in(around, now) : rc < 0 ? rc : 0;
}

/* One time in three the join stands under a timeout or a shield that is further in than the group.
 */
static int join_somehow(struct actor *a, struct crowd *c, struct node *in)
{
    int64_t ns = span_or_none(a->world);
    struct node n = node_in(in);

    switch (below(a->world, 6)) {
    case 0: {
        n.own = proa_now() + ns;
        PROA_TIMEOUT(t, ns);
        return leave_timeout(a->world, &t, &n, false, join_crowd(a, c, in, &n));
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

/* What the frame of a group does beside its tasks. */
static void run_frame(struct actor *a, struct crowd *c, int depth)
{
    struct world *w = a->world;
    int rc = 0;

    for (uint64_t n = below(w, CHILDREN); n > 0 && c->n < CHILDREN && rc == 0; n--)
        rc = create_child(a, c, &c->node);
    run_block(a, &c->node, depth);
    while (w->budget > 0 && below(w, 2) && w->budget-- > 0)
        if ((below(w, 2) ? step_wait(w, c, &c->node) : step_next(w, c, &c->node)) < 0)
            return;
}

static struct crowd crowd_in(struct node *in, enum kind kind)
{
    return (struct crowd){.node = node_in(in), .kind = kind, .last = -1};
}

static int step_group(struct actor *a, struct node *in, int depth)
{
    struct crowd c = crowd_in(in, (enum kind)below(a->world, 3));

    c.limit = below(a->world, 3) ? 0 : 1 + below(a->world, 2);
    PROA_GROUP(g, .kind = (enum proa_group_kind)c.kind, .limit = c.limit);
    struct handle h = {.node = &c.node, .group = &g};
    c.group = &g;
    show(a->world, &h);
    run_frame(a, &c, depth);

    int rc = join_somehow(a, &c, in);

    hide(a->world, &h);
    return rc;
}

/* ---- gathers */

static void see_codes(struct world *w, const struct crowd *c, const int *rcs)
{
    for (int i = 0; i < c->n; i++) {
        int rc = c->children[i].begun ? c->children[i].rc : PROA_ECANCELED;

        SEE(w, rcs[i] == rc, "call %d: %s, not %s", i, proa_err_name(rcs[i]), proa_err_name(rc));
    }
}

/* The creation of a call was cut, though the gather may return a failure. */
static void see_unfinished(struct crowd *c, struct node *in, int64_t began)
{
    int64_t when = since(&c->node) > began ? since(&c->node) : began;

    if (c->node.own == when && since(in) == when)
        maybe_cut_in(in, when);
    else
        cut_in(in, when);
}

static int step_gather(struct actor *a, struct node *in)
{
    struct world *w = a->world;
    bool collect = below(w, 2);
    struct crowd c = crowd_in(in, collect ? COLLECT : GATHER);
    struct proa_call calls[CHILDREN];
    int rcs[CHILDREN];
    int64_t began = proa_now();
    bool before = since(in) <= began;
    bool all = true;
    int rc;

    for (uint64_t n = below(w, CHILDREN + 1); n > 0; n--) {
        calls[c.n] = (struct proa_call){be_actor, &c.children[c.n]};
        new_child(a, &c);
    }
    c.limit = below(w, 3) ? 0 : 1 + below(w, 2);
    rc = proa_gather(calls, (size_t)c.n, rcs,
                     PROA_GATHER_OPTS(.collect = collect, .limit = c.limit));
    see_codes(w, &c, rcs);
    for (int i = 0; i < c.n; i++)
        all = all && c.children[i].begun;
    SEE(w, all || since(&c.node) <= proa_now(), "some never ran");
    if (!all)
        see_unfinished(&c, in, began);

    int64_t end = c.last > began ? c.last : began;

    SEE(w, proa_now() == end || (!all && proa_now() == since(&c.node)), "gathered at %lld",
        (long long)proa_now());
    SEE(w, join_may_return(&c, rc, since(in), before, proa_now()), "%s", proa_err_name(rc));
    return rc == PROA_ECANCELED ? cut_in(in, proa_now()) : rc;
}

/* ---- programs */

static int step(struct actor *a, struct node *in, int depth)
{
    struct world *w = a->world;
    uint64_t what = below(w, depth < DEPTH ? 21 : 10);

    if (what < 6)
        return step_sleep(w, in);
    if (what < 8)
        return cancel_something(w), 0;
    if (what == 8)
        return below(w, 6) ? 0 : PROA_EIO;
    if (what == 9)
        return step_sibling(a, in);
    if (what < 12)
        return step_timeout(a, in, depth + 1);
    if (what < 14)
        return step_shield(a, in, depth + 1);
    if (what < 15 || a->generation >= GENERATION)
        return step_scope(a, in, depth + 1);
    return what < 19 ? step_group(a, in, depth + 1) : step_gather(a, in);
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
    static const struct crowd nobody;
    struct crowd c = nobody;
    struct actor a = {.world = w, .crowd = &c, .root = node_in(NULL)};

    a.root.root = true;
    while (w->budget >
           0) /* nobody cancels the main task: what it begins ends before the run does */
        run_block(&a, &a.root, 0);
    return 0;
}

static void try_seed(uint64_t seed)
{
    struct world w = {.seed = seed, .random = {.state = seed}, .budget = BUDGET};

    t_run_as(be_world, &w, seed & 1, seed & 2 ? seed : 0);
}

/* The same program with an allocation failing, or all from that one on: until then it behaves as
 * the model says, and afterwards it ends, and leaves nothing. */
static int be_starved_world(void *arg)
{
    struct world *w = arg;
    struct t_random random = {.state = ~w->seed};
    uint64_t n = 1 + t_random_below(&random, t_random_below(&random, ALLOCATIONS) + 1);

    if (t_random_below(&random, 2))
        t_alloc_fail(n);
    else
        t_alloc_fail_from(n);
    be_world(w);
    t_alloc_fail(0);
    return 0;
}

static void try_starved_seed(uint64_t seed)
{
    struct world w = {
        .seed = seed,
        .random = {.state = seed},
        .budget = BUDGET,
        .starved = true,
    };

    t_run_as(be_starved_world, &w, seed & 1, seed & 2 ? seed : 0);
}

typedef void try_fn(uint64_t seed);

/* Seeds first, first + by, ... up to last. */
static void try_seeds(try_fn *try, uint64_t first, uint64_t by, uint64_t last)
{
    for (uint64_t seed = first; seed <= last; seed += by)
        try(seed);
}

static void try_on_all_processors(try_fn *try, uint64_t first, uint64_t last)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    int bad = 0;
    int status;

    for (long i = 0; i < n; i++) {
        if (fork() == 0) {
            try_seeds(try, first + (uint64_t)i, (uint64_t)n, last);
            _exit(0);
        }
    }
    while (wait(&status) > 0)
        bad += status != 0;
    ck_assert_msg(bad == 0, "%d processes met a seed that failed", bad);
}

/* The part-th of PARTS; a `share` of the programs is tried. */
static void try_part(try_fn *try, int part, uint64_t share)
{
    const char *one = getenv("PROA_MODEL_SEED");
    const char *many = getenv("PROA_TEST_SEEDS");
    uint64_t n = (many ? strtoull(many, NULL, 10) : SEEDS) / PARTS / share;
    uint64_t first = (uint64_t)part * n + 1;

    if (one && part == 0)
        try(strtoull(one, NULL, 10));
    else if (!one && many)
        try_on_all_processors(try, first, first + n - 1);
    else if (!one)
        try_seeds(try, first, 1, first + n - 1);
}

START_TEST(random_programs_behave_as_the_model_says)
{
    try_part(try_seed, _i, 1);
}
END_TEST
START_TEST(random_programs_without_memory_end_and_leave_nothing)
{
    try_part(try_starved_seed, _i, STARVED_SHARE);
}
END_TEST

int main(void)
{
    const struct t_table parts[] = {
        {random_programs_behave_as_the_model_says, PARTS},
        {random_programs_without_memory_end_and_leave_nothing, PARTS},
        {NULL, 0},
    };
    const TTest *const none[] = {NULL};

    return t_main_tables("scope_model", none, parts);
}
