#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/home.h"
#include "core/loop.h"
#include "core/timer.h"
#include "core/view.h"
#include "core/wait.h"

#include <proa/limiter.h>

#define MAGIC_LIMITER 0x6c696d69u

/*
 * The level counts in parts of tokens, so that nothing is ever rounded: `count` parts come in each
 * nanosecond, and `per` of them are a token.
 */
struct proa_limiter {
    unsigned magic;
    struct home home;
    int64_t count;
    int64_t per;
    int64_t burst; /* in tokens */
    int64_t level; /* in parts, 0 .. burst * per, at the time `at` */
    int64_t at;
    struct list waiters; /* struct wait, what it wants in its slot, oldest first */
    size_t sleepers;     /* waiters, and those that a cancel took off and that have not run yet */
    struct timer timer;  /* for the first waiter; stopped without one */
};

int proa_limiter_new(struct proa_limiter **ret, size_t count, int64_t per,
                     const struct proa_limiter_opts *opts)
{
    struct proa_limiter_opts o;
    int64_t full;
    int rc = proa__opts_copy(&o, sizeof o, opts);

    if (rc < 0)
        return rc;
    if (!o.burst)
        o.burst = count;
    if (count < 1 || count > INT64_MAX || per < 1 || o.burst > INT64_MAX ||
        __builtin_mul_overflow((int64_t)o.burst, per, &full))
        return proa__fail(PROA_EINVAL, "a limiter of %zu tokens in %lld ns, %zu at once", count,
                          (long long)per, o.burst);

    struct proa_limiter *l = proa__zalloc(sizeof *l);

    if (!l)
        return PROA_ENOMEM;
    l->magic = MAGIC_LIMITER;
    l->count = (int64_t)count;
    l->per = per;
    l->burst = (int64_t)o.burst;
    l->level = full;
    l->at = proa_now();
    proa__home_init(&l->home);
    list_init(&l->waiters);
    *ret = l;
    return 0;
}

void proa_limiter_free(struct proa_limiter *limiter)
{
    if (!limiter)
        return;
    PROA_CHECK_OBJ(limiter, MAGIC_LIMITER);
    PROA_CHECK(!limiter->sleepers,
               "proa_limiter_free: task %s frees limiter %p, for which %zu tasks wait", proa__who(),
               (void *)limiter, limiter->sleepers);
    limiter->magic = 0;
    proa__free(limiter);
}

/* ---- the bucket */

/* Bring the level up to now. A run's virtual clock may be behind the time of a limiter made before.
 */
static void fill(struct proa_limiter *l)
{
    int64_t now = proa_now();
    int64_t room = l->burst * l->per - l->level;
    int64_t gone = now - l->at;

    l->at = now;
    if (gone < 0)
        gone = 0;
    if (gone > room / l->count)
        l->level += room;
    else
        l->level += gone * l->count;
}

static int64_t ns_until(const struct proa_limiter *l, int64_t tokens)
{
    int64_t missing = tokens * l->per - l->level;

    return missing / l->count + (missing % l->count != 0);
}

static void serve(struct proa_limiter *l);

static void time_is_up(void *arg)
{
    serve(arg);
}

/* Give the first in line what is there; see to it that this is done again when there is enough. */
static void serve(struct proa_limiter *l)
{
    struct list *first;

    fill(l);
    while ((first = list_first(&l->waiters))) {
        struct wait *w = CONTAINER_OF(first, struct wait, link);
        int64_t n = (int64_t)(uintptr_t)w->slot;

        if (n * l->per > l->level) {
            proa__timer_start(proa__loop_need(__func__), &l->timer,
                              proa_time_add(l->at, ns_until(l, n)), time_is_up, l);
            return;
        }
        l->level -= n * l->per;
        l->sleepers--;
        proa__wait_wake_one(w, NULL, 0);
    }
    proa__timer_stop(&l->timer);
}

/* ---- taking */

int proa_limiter_try_acquire(struct proa_limiter *limiter, size_t n)
{
    PROA_CHECK_OBJ(limiter, MAGIC_LIMITER);
    home_check(&limiter->home, __func__);
    if (n > (size_t)limiter->burst)
        return proa__fail(PROA_EINVAL, "%zu tokens of a limiter that saves %lld", n,
                          (long long)limiter->burst);
    if (list_empty(&limiter->waiters))
        fill(limiter);
    else
        serve(limiter); /* the first may have left a moment ago, or its time have come */
    if (!list_empty(&limiter->waiters) || (int64_t)n * limiter->per > limiter->level)
        return PROA_EAGAIN;
    limiter->level -= (int64_t)n * limiter->per;
    return 0;
}

static void describe(const void *object, struct view *v)
{
    const struct proa_limiter *l = object;

    proa__view_object(v, "limiter", l);
    proa__view_say(v, ", %lld tokens in ", (long long)l->count);
    proa__view_time(v, l->per);
    proa__view_list(v, &l->waiters, "wait");
}

const struct view_kind proa__limiter_view = {MAGIC_LIMITER, describe};

static void describe_n(const struct wait *w, struct view *v)
{
    proa__view_say(v, "; wants %zu", (size_t)(uintptr_t)w->slot);
}

static const struct wait_kind acquires = {
    .call = "proa_limiter_acquire",
    .describe = describe,
    .detail = describe_n,
};

static int wait_for_tokens(struct proa_limiter *l, size_t n)
{
    struct wait w;
    int rc;

    proa__wait_link(&l->waiters, &w);
    w.slot = (void *)(uintptr_t)n;
    l->sleepers++;
    if (list_first(&l->waiters) == &w.link)
        proa__timer_start(proa__loop_need(__func__), &l->timer,
                          proa_time_add(l->at, ns_until(l, (int64_t)n)), time_is_up, l);
    rc = proa__wait_park(&w, 1, &acquires, l); /* the tokens come with the wake */
    if (rc >= 0)
        return w.code;
    l->sleepers--;
    serve(l); /* those behind may want less; or nobody does */
    return rc;
}

int proa_limiter_acquire(struct proa_limiter *limiter, size_t n)
{
    int rc = proa__wait_enter(__func__);

    if (rc < 0)
        return rc;
    rc = proa_limiter_try_acquire(limiter, n);
    return rc == PROA_EAGAIN ? wait_for_tokens(limiter, n) : rc;
}

size_t proa_limiter_tokens(struct proa_limiter *limiter)
{
    PROA_CHECK_OBJ(limiter, MAGIC_LIMITER);
    home_check(&limiter->home, __func__);
    fill(limiter);
    return (size_t)(limiter->level / limiter->per);
}
