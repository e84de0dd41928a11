#include "actors.h"

#include <proa/group.h>

#include <stdlib.h>
#include <string.h>

uint64_t below(struct world *w, uint64_t bound)
{
    return t_random_below(&w->random, bound);
}

/* ---- lines */

void line_join(struct line *l, struct actor *a)
{
    l->actors[l->n++] = a;
    a->line = l;
}

struct actor *line_first(const struct line *l)
{
    return l->n ? l->actors[0] : NULL;
}

static void let_go_at(struct actor *a, int answer, int64_t when)
{
    struct line *l = a->line;
    int i = 0;

    while (l->actors[i] != a)
        i++;
    memmove(&l->actors[i], &l->actors[i + 1], (size_t)(--l->n - i) * sizeof l->actors[0]);
    a->line = NULL;
    a->answer = answer;
    a->since = when;
}

void line_let_go(struct actor *a, int answer)
{
    let_go_at(a, answer, proa_now());
}

static struct actor *next_to_expire(struct world *w)
{
    struct actor *first = NULL;

    for (int i = 0; i < ACTORS; i++) {
        struct actor *a = &w->actors[i];

        if (a->line && (!first || a->deadline < first->deadline))
            first = a;
    }
    return first;
}

void world_advance(struct world *w)
{
    for (;;) {
        struct actor *a = next_to_expire(w);
        int64_t expiry = a ? a->deadline : INT64_MAX;
        int64_t event = w->model->next ? w->model->next(w) : INT64_MAX;

        if (event <= proa_now() && event < expiry)
            w->model->serve(w);
        else if (expiry <= proa_now())
            let_go_at(a, PROA_ECANCELED, expiry);
        else
            return;
    }
}

/* ---- actors */

int actor_wait(struct actor *a, bool (*arrive)(struct actor *a), int (*call)(struct actor *a))
{
    struct world *w = a->world;
    int64_t began = proa_now();
    int64_t ns = below(w, 8) ? 1 + (int64_t)below(w, 3 * PROA_SEC) : 0;
    bool waits;
    int rc;

    PROA_SCOPE(s);
    PROA_TIMEOUT(t, ns);
    world_advance(w);
    a->answer = PROA_ECANCELED;
    a->since = began;
    a->deadline = began + ns;
    waits = ns > 0 && !arrive(a);
    a->scope = &s;
    rc = call(a);
    a->scope = NULL;
    world_advance(w);
    SEE(w, !a->line, "it returned %s, and the model waits", proa_err_name(rc));
    SEE(w, rc == a->answer, "%d, not %d", rc, a->answer);
    SEE(w, proa_now() == a->since, "%lld, not %lld, after the start",
        (long long)(proa_now() - began), (long long)(a->since - began));
    if (rc == PROA_ECANCELED && waits && w->model->serve)
        w->model->serve(w);
    return rc;
}

void actor_cancel_somebody(struct actor *a)
{
    struct world *w = a->world;
    struct actor *other = &w->actors[below(w, ACTORS)];

    world_advance(w);
    if (!other->scope)
        return;
    if (other->line)
        line_let_go(other, PROA_ECANCELED);
    proa_scope_cancel(other->scope);
}

static int be_actor(void *arg)
{
    struct actor *a = arg;
    struct world *w = a->world;

    for (int i = 0; i < w->model->steps; i++) {
        switch (below(w, 8)) {
        case 0:
            actor_cancel_somebody(a);
            break;
        case 1:
        case 2:
            ck_ok(proa_sleep(1 + (int64_t)below(w, PROA_SEC)));
            break;
        default:
            w->model->step(a);
            break;
        }
    }
    world_advance(w);
    w->model->leave(a);
    return 0;
}

static int be_world(void *arg)
{
    struct world *w = arg;
    uint64_t seed = w->seed;

    *w = (struct world){.model = w->model, .seed = seed, .random = {.state = seed}};
    w->model->begin(w);
    PROA_GROUP(g);
    for (int i = 0; i < ACTORS; i++) {
        w->actors[i].world = w;
        ck_ok(proa_create_task(&g, be_actor, &w->actors[i]));
    }
    ck_ok(proa_group_join(&g));
    w->model->end(w);
    return 0;
}

void actors_run(const struct model *model, uint64_t n)
{
    const char *one = getenv("PROA_MODEL_SEED");
    const char *many = getenv("PROA_TEST_SEEDS");
    struct world w = {.model = model};

    if (one) {
        w.seed = strtoull(one, NULL, 10);
        t_run(be_world, &w);
        return;
    }
    if (many)
        n = strtoull(many, NULL, 10);
    for (w.seed = 1; w.seed <= n; w.seed++)
        t_run(be_world, &w);
    for (w.seed = 1; w.seed <= 20; w.seed++)
        t_run_modes(be_world, &w);
}
