#ifndef CORE_SCOPE_WORLD_H
#define CORE_SCOPE_WORLD_H

/*
 * scope_world: what the random programs of test_scope_model.c share: their random numbers, the
 * things that can be cancelled, and SEE, which compares what happened with what the model says.
 */

#include "core/scope_model.h"
#include "support/t_run.h"

enum { OPEN = 64 }; /* things that can be cancelled at a time */

struct world {
    uint64_t seed;
    struct t_random random;
    size_t n_open;
    struct handle *open[OPEN];
    int budget;   /* steps left in all */
    bool starved; /* an allocation fails; from then on the model knows nothing */
};

static inline uint64_t below(struct world *w, uint64_t bound)
{
    return t_random_below(&w->random, bound);
}

static inline int64_t span(struct world *w)
{
    return 1 + (int64_t)below(w, PROA_SEC);
}

static inline int64_t span_or_none(struct world *w)
{
    return below(w, 8) ? span(w) : 0;
}

/* Nothing is looked at once an allocation has failed. */
static inline bool is_starved(const struct world *w)
{
    return w->starved && t_alloc_failed();
}

#define SEE(world, cond, fmt, ...)                                                                 \
    do {                                                                                           \
        if (!is_starved(world) && !(cond))                                                         \
            ck_abort_msg("seed %llu: " #cond ": " fmt, (unsigned long long)(world)->seed,          \
                         ##__VA_ARGS__);                                                           \
    } while (0)

/* A call inside `in` that began at `began` was cut: at the right time? */
static inline int see_cut(struct world *w, struct node *in, int64_t began, int rc)
{
    int64_t now = proa_now();
    int64_t end = since(in);

    if (is_starved(w))
        return rc;
    SEE(w, rc == PROA_ECANCELED, "%s", proa_err_name(rc));
    SEE(w, now == (end > began ? end : began), "cut at %lld, not %lld", (long long)now,
        (long long)end);
    return cut_in(in, now);
}

/* And what was not cut had to be in time. */
static inline void see_passed(struct world *w, const struct node *in)
{
    SEE(w, since(in) >= proa_now(), "a call passed, cancelled since %lld, now %lld",
        (long long)since(in), (long long)proa_now());
}

/* ---- things that can be cancelled */

static inline void show(struct world *w, struct handle *h)
{
    if (w->n_open < OPEN)
        w->open[w->n_open++] = h;
    h->shown = true;
}

static inline void hide(struct world *w, struct handle *h)
{
    for (size_t i = 0; i < w->n_open; i++)
        if (w->open[i] == h)
            w->open[i] = w->open[--w->n_open];
}

#endif
