#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/select.h>
#include <proa/time.h>

#include <stdlib.h>
#include <string.h>

/*
 * Random readers of a watch, a broadcast and some futures, with random cancels, against what they
 * must see.
 *
 * A value of the watch or the broadcast is its own number. So a reader knows before each call what
 * it must get: at once the latest value, or the oldest that is kept; having waited the next one.
 * At the end each reads on until all is closed, and must have seen the last value of the watch, and
 * received or been told lost each of the broadcast.
 *
 * Every seed is a program; a failure names its seed, and PROA_MODEL_SEED=n runs that one alone.
 */

enum {
    SEEDS = 5000,
    READERS = 4,
    WRITERS = 2,
    FUTURES = 3,
    KEPT = 3, /* capacity of the broadcast */
    STEPS = 12,
};

struct world {
    uint64_t seed;
    struct t_random random;
    struct proa_watch *watch;
    struct proa_broadcast *broadcast;
    struct proa_future *futures[FUTURES];
    struct proa_promise *promises[FUTURES];
    bool set[FUTURES];
    uint64_t number; /* of the watch's value */
    uint64_t sent;   /* values of the broadcast */
    bool closed;
    size_t n_open;
    struct proa_scope *open[READERS];
};

struct reader {
    struct world *world;
    uint64_t seen;
    uint64_t next;
    uint64_t received;
    uint64_t lost;
};

#define SEE(world, cond)                                                                           \
    ck_assert_msg((cond), "seed %llu: " #cond, (unsigned long long)(world)->seed)

static uint64_t below(struct world *w, uint64_t bound)
{
    return t_random_below(&w->random, bound);
}

static int64_t span(struct world *w)
{
    return 1 + (int64_t)below(w, PROA_SEC);
}

/* ---- reading */

/* As it was before a call. */
struct before {
    struct reader r;
    uint64_t number;
    uint64_t sent;
    bool closed;
};

static void check_watch(const struct reader *r, const struct before *b, int rc, uint64_t value)
{
    const struct world *w = r->world;

    if (rc == PROA_ECLOSED) {
        SEE(w, w->closed && r->seen == b->r.seen && r->seen == w->number);
        return;
    }
    SEE(w, rc == 0 && value == r->seen);
    SEE(w, r->seen == (b->r.seen < b->number ? b->number : b->r.seen + 1));
}

static void check_broadcast(struct reader *r, const struct before *b, int rc, uint64_t value)
{
    const struct world *w = r->world;
    uint64_t oldest = b->sent > KEPT ? b->sent - KEPT : 0;
    uint64_t expected = b->r.next < oldest ? oldest : b->r.next;

    if (rc == PROA_ECLOSED) {
        SEE(w, w->closed && r->next == b->r.next && r->next == w->sent);
        return;
    }
    SEE(w, rc >= 0 && value == expected && r->next == value + 1);
    SEE(w, (uint64_t)rc == expected - b->r.next);
    r->received++;
    r->lost += (uint64_t)rc;
}

static void check_future(const struct world *w, size_t i, int rc, const void *got)
{
    SEE(w, w->set[i] && rc == (int)i && got == &w->futures[i]);
}

enum { WATCH, BROADCAST, FUTURE, TIMER, KINDS };

static int call(struct reader *r, struct proa_case *cases, size_t n, uint64_t *value)
{
    struct world *w = r->world;
    int rc;

    if (n == 1) {
        rc = proa_watch_wait(w->watch, &r->seen, value);
        cases[WATCH].rc = rc;
        return rc == PROA_ECANCELED ? rc : WATCH;
    }
    PROA_SCOPE(scope);
    w->open[w->n_open++] = &scope;
    rc = proa_select(cases, n, NULL);
    for (size_t i = 0; i < w->n_open; i++)
        if (w->open[i] == &scope)
            w->open[i] = w->open[--w->n_open];
    return proa_scope_result(&scope, rc) == 0 && rc < 0 ? PROA_EAGAIN : rc;
}

/* Read anything, or nothing; *ends counts what is closed. */
static int read_one(struct reader *r, unsigned *ends)
{
    struct world *w = r->world;
    struct before b = {*r, w->number, w->sent, w->closed};
    size_t i = below(w, FUTURES);
    uint64_t watched = UINT64_MAX;
    uint64_t heard = UINT64_MAX;
    void *got = NULL;
    struct proa_case cases[KINDS] = {
        [WATCH] = *ends & 1 ? proa_case_never() : proa_case_watch(w->watch, &r->seen, &watched),
        [BROADCAST] = *ends & 2 ? proa_case_never()
                                : proa_case_broadcast(w->broadcast, &r->next, &heard),
        [FUTURE] = w->closed ? proa_case_never() : proa_case_future(w->futures[i], &got),
        [TIMER] = proa_case_timer(span(w)),
    };
    int won = call(r, cases, *ends || below(w, 4) ? KINDS : 1, &watched);

    if (won < 0 || won == TIMER || won == FUTURE) {
        SEE(w, r->seen == b.r.seen && r->next == b.r.next);
        if (won == FUTURE)
            check_future(w, i, cases[FUTURE].rc, got);
        return won == PROA_EAGAIN ? 0 : won;
    }
    if (won == WATCH)
        check_watch(r, &b, cases[WATCH].rc, watched);
    else
        check_broadcast(r, &b, cases[BROADCAST].rc, heard);
    if (cases[won].rc == PROA_ECLOSED)
        *ends |= won == WATCH ? 1u : 2u;
    return 0;
}

static int be_reader(void *arg)
{
    struct reader *r = arg;
    struct world *w = r->world;
    unsigned ends = 0;
    int rc = 0;

    r->next = proa_broadcast_subscribe(w->broadcast);
    uint64_t first = r->next;
    while (ends != 3 && rc >= 0) {
        rc = below(w, 3) ? read_one(r, &ends) : proa_sleep(span(w));
        if (rc == TIMER || rc == FUTURE)
            rc = 0;
    }
    SEE(w, rc < 0 || (r->seen == w->number && r->received + r->lost == w->sent - first));
    return rc;
}

/* ---- writing */

static void write_one(struct world *w)
{
    size_t i = below(w, FUTURES);
    uint64_t value;

    switch (below(w, 4)) {
    case 0:
        value = ++w->number;
        ck_ok(proa_watch_set(w->watch, &value));
        break;
    case 1:
        if (w->n_open)
            proa_scope_cancel(w->open[below(w, w->n_open)]);
        break;
    case 2:
        ck_assert_int_eq(proa_promise_set(w->promises[i], (int)i, &w->futures[i]),
                         w->set[i] ? PROA_EALREADY : 0);
        w->set[i] = true;
        break;
    default:
        for (uint64_t n = 1 + below(w, 2); n > 0; n--) {
            value = w->sent++;
            ck_ok(proa_broadcast_send(w->broadcast, &value));
        }
    }
}

static int be_writer(void *arg)
{
    struct world *w = arg;
    int rc = 0;

    for (int i = 0; i < STEPS && rc == 0; i++) {
        for (uint64_t n = below(w, 4); n > 0; n--)
            write_one(w);
        rc = proa_sleep(span(w));
    }
    return rc;
}

/* ---- programs */

static int act(struct world *w)
{
    struct reader readers[READERS];

    PROA_GROUP(all);
    for (int i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.world = w};
        ck_ok(proa_create_task(&all, be_reader, &readers[i]));
    }
    {
        PROA_GROUP(writers);
        for (int i = 0; i < WRITERS; i++)
            ck_ok(proa_create_task(&writers, be_writer, w));
        ck_ok(proa_group_join(&writers));
    }
    w->closed = true;
    proa_watch_close(w->watch);
    proa_broadcast_close(w->broadcast);
    for (int i = 0; i < FUTURES; i++)
        proa_promise_free(w->promises[i]);
    return proa_group_join(&all);
}

static int be_world(void *arg)
{
    struct world *w = arg;
    int rc;

    w->number = 1;
    ck_ok(proa_watch_new(&w->watch, sizeof w->number, &w->number));
    ck_ok(proa_broadcast_new(&w->broadcast, sizeof w->sent, KEPT));
    for (int i = 0; i < FUTURES; i++)
        ck_ok(proa_future_new(&w->futures[i], &w->promises[i], NULL));
    rc = act(w);
    for (int i = 0; i < FUTURES; i++)
        proa_future_free(w->futures[i]);
    proa_broadcast_free(w->broadcast);
    proa_watch_free(w->watch);
    return rc;
}

static void try_seed(uint64_t seed)
{
    struct world w = {.seed = seed, .random = {.state = seed}};

    t_run(be_world, &w);
}
START_TEST(random_readers_see_what_they_must)
{
    const char *one = getenv("PROA_MODEL_SEED");
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
    return t_main("publish_model", (const TTest *const[]){
                                       random_readers_see_what_they_must,
                                       NULL,
                                   });
}
