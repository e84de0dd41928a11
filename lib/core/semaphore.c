#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/home.h"
#include "core/view.h"
#include "core/wait.h"

#include <proa/sync.h>

#define MAGIC_SEMAPHORE 0x73656d61u

struct proa_semaphore {
    unsigned magic;
    struct home home;
    int64_t permits;     /* below 0: so many that are taken disappear when they come back */
    int64_t limit;       /* INT64_MAX: none */
    struct list waiters; /* struct wait, what it wants in its slot, oldest first */
    bool closed;         /* nobody takes, and nobody waits */
    size_t sleepers;     /* waiters, and those that a cancel took off and that have not run yet */
};

int proa_semaphore_new(struct proa_semaphore **ret, size_t permits,
                       const struct proa_semaphore_opts *opts)
{
    struct proa_semaphore_opts o;
    int rc = proa__opts_copy(&o, sizeof o, opts);

    if (rc < 0)
        return rc;
    if (permits > INT64_MAX || o.limit > INT64_MAX)
        return proa__fail(PROA_EINVAL, "a semaphore of %zu permits: a negative number?",
                          permits > INT64_MAX ? permits : o.limit);
    if (o.limit && permits > o.limit)
        return proa__fail(PROA_EINVAL, "a semaphore of %zu permits with a limit of %zu", permits,
                          o.limit);

    struct proa_semaphore *s = proa__zalloc(sizeof *s);

    if (!s)
        return PROA_ENOMEM;
    s->magic = MAGIC_SEMAPHORE;
    s->permits = (int64_t)permits;
    s->limit = o.limit ? (int64_t)o.limit : INT64_MAX;
    proa__home_init(&s->home);
    list_init(&s->waiters);
    *ret = s;
    return 0;
}

void proa_semaphore_free(struct proa_semaphore *semaphore)
{
    if (!semaphore)
        return;
    PROA_CHECK_OBJ(semaphore, MAGIC_SEMAPHORE);
    PROA_CHECK(!semaphore->sleepers,
               "proa_semaphore_free: task %s frees semaphore %p, for which %zu tasks wait",
               proa__who(), (void *)semaphore, semaphore->sleepers);
    semaphore->magic = 0;
    proa__free(semaphore);
}

/* ---- serving */

static struct wait *oldest(const struct proa_semaphore *s)
{
    struct list *first = list_first(&s->waiters);

    return first ? CONTAINER_OF(first, struct wait, link) : NULL;
}

static int64_t wanted(const struct wait *w)
{
    return (int64_t)(uintptr_t)w->slot;
}

/* Give what is there to whoever is first in line; who wants too much makes the rest wait. */
static void serve(struct proa_semaphore *s)
{
    struct wait *w;

    while ((w = oldest(s)) && wanted(w) <= s->permits) {
        s->permits -= wanted(w);
        s->sleepers--;
        proa__wait_wake_one(w, NULL, 0);
    }
}

/* ---- taking */

static int too_many(const struct proa_semaphore *s, size_t n)
{
    return proa__fail(PROA_EINVAL, "%zu permits of a semaphore with a limit of %lld", n,
                      (long long)s->limit);
}

static inline int take(struct proa_semaphore *s, size_t n)
{
    if (__builtin_expect(s->closed, 0))
        return PROA_ECLOSED;
    if (n > (size_t)s->limit)
        return too_many(s, n);
    if (!list_empty(&s->waiters)) {
        serve(s); /* the first may have left a moment ago */
        if (!list_empty(&s->waiters))
            return PROA_EAGAIN;
    }
    if ((int64_t)n > s->permits)
        return PROA_EAGAIN;
    s->permits -= (int64_t)n;
    return 0;
}

int proa_semaphore_try_acquire_n(struct proa_semaphore *semaphore, size_t n)
{
    PROA_CHECK_OBJ(semaphore, MAGIC_SEMAPHORE);
    home_check(&semaphore->home, __func__);
    return take(semaphore, n);
}

static void describe(const void *object, struct view *v)
{
    const struct proa_semaphore *s = object;

    proa__view_object(v, "semaphore", s);
    proa__view_say(v, ", %lld permits", (long long)s->permits);
    if (s->limit != INT64_MAX)
        proa__view_say(v, " of %lld", (long long)s->limit);
    if (s->closed)
        proa__view_say(v, ", closed");
    proa__view_list(v, &s->waiters, "wait");
}

const struct view_kind proa__semaphore_view = {MAGIC_SEMAPHORE, describe};

static void describe_n(const struct wait *w, struct view *v)
{
    proa__view_say(v, "; wants %zu", (size_t)(uintptr_t)w->slot);
}

static const struct wait_kind acquires = {
    .call = "proa_semaphore_acquire",
    .describe = describe,
    .detail = describe_n,
};

static int wait_for_permits(struct proa_semaphore *s, size_t n)
{
    struct wait w;
    int rc;

    proa__wait_link(&s->waiters, &w);
    w.slot = (void *)(uintptr_t)n;
    s->sleepers++;
    rc = proa__wait_park(&w, 1, &acquires, s); /* the permits come with the wake */
    if (rc >= 0)
        return w.code;
    s->sleepers--;
    serve(s); /* those behind may want less */
    return rc;
}

static inline int acquire(struct proa_semaphore *s, size_t n, const char *what)
{
    int rc;

    home_check(&s->home, what);
    rc = proa__wait_enter(what);
    if (__builtin_expect(rc < 0, 0))
        return rc;
    rc = take(s, n);
    return rc == PROA_EAGAIN ? wait_for_permits(s, n) : rc;
}

int proa_semaphore_acquire_n(struct proa_semaphore *semaphore, size_t n)
{
    PROA_CHECK_OBJ(semaphore, MAGIC_SEMAPHORE);
    return acquire(semaphore, n, __func__);
}

int proa_semaphore_acquire(struct proa_semaphore *semaphore)
{
    PROA_CHECK_OBJ(semaphore, MAGIC_SEMAPHORE);
    return acquire(semaphore, 1, __func__);
}

int proa_semaphore_try_acquire(struct proa_semaphore *semaphore)
{
    return proa_semaphore_try_acquire_n(semaphore, 1);
}

/* ---- giving */

static int beyond(const struct proa_semaphore *s, size_t n)
{
    return proa__fail(PROA_EINVAL,
                      "task %s gives %zu permits to semaphore %p, which has %lld of %lld",
                      proa__who(), n, (const void *)s, (long long)s->permits, (long long)s->limit);
}

static inline int release(struct proa_semaphore *s, size_t n, const char *what)
{
    home_check(&s->home, what);
    if (n > (size_t)INT64_MAX || s->permits > s->limit - (int64_t)n)
        return beyond(s, n);
    s->permits += (int64_t)n;
    if (!list_empty(&s->waiters))
        serve(s);
    return 0;
}

int proa_semaphore_release_n(struct proa_semaphore *semaphore, size_t n)
{
    PROA_CHECK_OBJ(semaphore, MAGIC_SEMAPHORE);
    return release(semaphore, n, __func__);
}

int proa_semaphore_release(struct proa_semaphore *semaphore)
{
    PROA_CHECK_OBJ(semaphore, MAGIC_SEMAPHORE);
    return release(semaphore, 1, __func__);
}

void proa_semaphore_close(struct proa_semaphore *semaphore)
{
    struct wait *w;

    PROA_CHECK_OBJ(semaphore, MAGIC_SEMAPHORE);
    home_check(&semaphore->home, __func__);
    semaphore->closed = true;
    while ((w = oldest(semaphore))) {
        semaphore->sleepers--;
        proa__wait_wake_one(w, NULL, PROA_ECLOSED);
    }
}

/* Who waits for more than there can ever be waits no longer. */
static void turn_away(struct proa_semaphore *s)
{
    LIST_FOR_EACH_SAFE (it, &s->waiters) {
        struct wait *w = CONTAINER_OF(it, struct wait, link);

        if (wanted(w) > s->limit) {
            s->sleepers--;
            proa__wait_wake_one(w, NULL, PROA_EINVAL);
        }
    }
}

int proa_semaphore_resize(struct proa_semaphore *semaphore, size_t limit)
{
    PROA_CHECK_OBJ(semaphore, MAGIC_SEMAPHORE);
    home_check(&semaphore->home, __func__);
    if (semaphore->limit == INT64_MAX || limit == 0 || limit >= (size_t)INT64_MAX)
        return proa__fail(PROA_EINVAL, "a new limit of %zu for a semaphore %s", limit,
                          semaphore->limit == INT64_MAX ? "without one" : "that has one");
    semaphore->permits += (int64_t)limit - semaphore->limit;
    semaphore->limit = (int64_t)limit;
    turn_away(semaphore);
    serve(semaphore);
    return 0;
}

size_t proa_semaphore_permits(const struct proa_semaphore *semaphore)
{
    PROA_CHECK_OBJ(semaphore, MAGIC_SEMAPHORE);
    home_check_look(&semaphore->home, __func__);
    return semaphore->permits > 0 ? (size_t)semaphore->permits : 0;
}
