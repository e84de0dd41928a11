#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "core/debug.h"
#include "core/home.h"
#include "core/owned.h"
#include "core/view.h"
#include "core/wait.h"

#include <proa/rwlock.h>

#define MAGIC_RWLOCK 0x72776c6bu

struct proa_rwlock {
    unsigned magic;
    struct home home;
    size_t readers;      /* that hold it; 0 while it is written */
    struct owned own;    /* the writer */
    struct list waiters; /* struct wait, WRITES in its slot or NULL, oldest first */
    size_t sleepers;     /* waiters, and those that a cancel took off and that have not run yet */
};

static char writes;
#define WRITES ((void *)&writes)

static void orphaned(struct owned *own)
{
    struct proa_rwlock *l = CONTAINER_OF(own, struct proa_rwlock, own);

    proa__debug_orphan("rwlock", l);
    l->sleepers -= list_count(&l->waiters);
    proa__wait_wake_all(&l->waiters, PROA_EOWNERDEAD);
}

int proa_rwlock_new(struct proa_rwlock **ret)
{
    struct proa_rwlock *l = proa__zalloc(sizeof *l);

    if (!l)
        return PROA_ENOMEM;
    l->magic = MAGIC_RWLOCK;
    l->own.orphaned = orphaned;
    proa__home_init(&l->home);
    list_init(&l->waiters);
    *ret = l;
    return 0;
}

void proa_rwlock_free(struct proa_rwlock *rwlock)
{
    char name[TASK_NAME_MAX];

    if (!rwlock)
        return;
    PROA_CHECK_OBJ(rwlock, MAGIC_RWLOCK);
    PROA_CHECK(!rwlock->readers && !owned_held(&rwlock->own),
               "proa_rwlock_free: task %s frees rwlock %p, which %zu tasks read and %s writes",
               proa__who(), (void *)rwlock, rwlock->readers, proa__owned_by(&rwlock->own, name));
    PROA_CHECK(!rwlock->sleepers,
               "proa_rwlock_free: task %s frees rwlock %p, for which %zu tasks wait", proa__who(),
               (void *)rwlock, rwlock->sleepers);
    rwlock->magic = 0;
    proa__free(rwlock);
}

/* ---- serving */

/* Let in whoever is first in line: one that writes, or all that read up to the next that writes. */
static void serve(struct proa_rwlock *l)
{
    struct list *first;

    while (!l->own.by && (first = list_first(&l->waiters))) {
        struct wait *w = CONTAINER_OF(first, struct wait, link);

        if (w->slot == WRITES && l->readers)
            return;
        if (w->slot == WRITES)
            owned_take(&l->own, w->of);
        else
            l->readers++;
        l->sleepers--;
        proa__wait_wake_one(w, NULL, 0);
    }
}

/* Nobody is before the caller, or will be in a moment. */
static bool first_in_line(struct proa_rwlock *l)
{
    if (!list_empty(&l->waiters))
        serve(l); /* the first may have left a moment ago */
    return list_empty(&l->waiters);
}

/* ---- taking */

static int may_wait(struct proa_rwlock *l)
{
    if (l->own.by == OWNER_DEAD)
        return PROA_EOWNERDEAD;
    return PROA_EAGAIN;
}

int proa_rwlock_try_acquire_read(struct proa_rwlock *rwlock)
{
    PROA_CHECK_OBJ(rwlock, MAGIC_RWLOCK);
    home_check(&rwlock->home, __func__);
    if (!first_in_line(rwlock) || rwlock->own.by)
        return may_wait(rwlock);
    rwlock->readers++;
    return 0;
}

int proa_rwlock_try_acquire_write(struct proa_rwlock *rwlock)
{
    PROA_CHECK_OBJ(rwlock, MAGIC_RWLOCK);
    home_check(&rwlock->home, __func__);
    PROA_CHECK(proa__task_here,
               "proa_rwlock_try_acquire_write: no task runs here that could hold it");
    if (!first_in_line(rwlock) || rwlock->own.by || rwlock->readers)
        return may_wait(rwlock);
    owned_take(&rwlock->own, proa__task_here);
    return 0;
}

static void describe(const void *object, struct view *v)
{
    const struct proa_rwlock *l = object;

    proa__view_object(v, "rwlock", l);
    if (l->readers)
        proa__view_say(v, ", read by %zu", l->readers);
    else
        proa__view_owner(v, &l->own);
    proa__view_list(v, &l->waiters, "wait");
}

const struct view_kind proa__rwlock_view = {MAGIC_RWLOCK, describe};

static const struct wait_kind reading = {
    .call = "proa_rwlock_acquire_read", .describe = describe, .blocks = true};
static const struct wait_kind writing = {
    .call = "proa_rwlock_acquire_write", .describe = describe, .blocks = true};

static int wait_for_turn(struct proa_rwlock *l, void *how)
{
    struct wait w;
    int rc;

    if (l->own.by == proa__task_here)
        return proa__fail(PROA_EDEADLK, "task %s writes rwlock %p already", proa__who(), (void *)l);
    proa__wait_link(&l->waiters, &w);
    w.slot = how;
    l->sleepers++;
    rc = proa__wait_park(&w, 1, how ? &writing : &reading, l); /* whoever let us in has noted it */
    if (rc >= 0)
        return w.code;
    l->sleepers--;
    serve(l); /* those behind may have waited for us only */
    return rc;
}

int proa_rwlock_acquire_read(struct proa_rwlock *rwlock)
{
    int rc = proa__wait_enter(__func__);

    if (rc < 0)
        return rc;
    rc = proa_rwlock_try_acquire_read(rwlock);
    return rc == PROA_EAGAIN ? wait_for_turn(rwlock, NULL) : rc;
}

int proa_rwlock_acquire_write(struct proa_rwlock *rwlock)
{
    int rc = proa__wait_enter(__func__);

    if (rc < 0)
        return rc;
    rc = proa_rwlock_try_acquire_write(rwlock);
    return rc == PROA_EAGAIN ? wait_for_turn(rwlock, WRITES) : rc;
}

/* ---- giving */

void proa_rwlock_release_read(struct proa_rwlock *rwlock)
{
    PROA_CHECK_OBJ(rwlock, MAGIC_RWLOCK);
    home_check(&rwlock->home, __func__);
    PROA_CHECK(rwlock->readers,
               "proa_rwlock_release_read: task %s releases rwlock %p, which nobody reads",
               proa__who(), (void *)rwlock);
    rwlock->readers--;
    serve(rwlock);
}

void proa_rwlock_release_write(struct proa_rwlock *rwlock)
{
    char name[TASK_NAME_MAX];

    PROA_CHECK_OBJ(rwlock, MAGIC_RWLOCK);
    home_check(&rwlock->home, __func__);
    PROA_CHECK(rwlock->own.by && rwlock->own.by == proa__task_here,
               "proa_rwlock_release_write: task %s does not write rwlock %p, %s does", proa__who(),
               (void *)rwlock, proa__owned_by(&rwlock->own, name));
    owned_give(&rwlock->own);
    serve(rwlock);
}
