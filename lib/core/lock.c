#include "core/lock.h"

#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "core/debug.h"

#define MAGIC_LOCK 0x6c6f636bu

static void orphaned(struct owned *own)
{
    struct proa_lock *l = CONTAINER_OF(own, struct proa_lock, own);

    proa__debug_orphan("lock", l);
    proa__wait_wake_all(&l->waiters, PROA_EOWNERDEAD);
    LIST_FOR_EACH (it, &l->conditions)
        proa__condition_orphaned(it);
}

int proa_lock_new(struct proa_lock **ret)
{
    struct proa_lock *l = proa__zalloc(sizeof *l);

    if (!l)
        return PROA_ENOMEM;
    l->magic = MAGIC_LOCK;
    l->own.orphaned = orphaned;
    proa__home_init(&l->home);
    list_init(&l->waiters);
    list_init(&l->conditions);
    *ret = l;
    return 0;
}

void proa_lock_free(struct proa_lock *lock)
{
    char name[TASK_NAME_MAX];

    if (!lock)
        return;
    PROA_CHECK_OBJ(lock, MAGIC_LOCK);
    PROA_CHECK(!owned_held(&lock->own), "proa_lock_free: task %s frees lock %p, which %s holds",
               proa__who(), (void *)lock, proa__owned_by(&lock->own, name));
    PROA_CHECK(list_empty(&lock->conditions),
               "proa_lock_free: task %s frees lock %p, which has conditions", proa__who(),
               (void *)lock);
    lock->magic = 0;
    proa__free(lock);
}

void proa__lock_attach(struct proa_lock *lock, struct list *condition)
{
    PROA_CHECK_OBJ(lock, MAGIC_LOCK);
    home_check(&lock->home, "proa_condition_new");
    list_push(&lock->conditions, condition);
}

/* ---- in words */

static void describe(const void *object, struct view *v)
{
    const struct proa_lock *l = object;

    proa__view_object(v, "lock", l);
    proa__view_owner(v, &l->own);
    proa__view_list(v, &l->waiters, "wait");
}

const struct view_kind proa__lock_view = {MAGIC_LOCK, describe};

static const struct wait_kind acquires = {
    .call = "proa_lock_acquire", .describe = describe, .blocks = true};
static const struct wait_kind retakes = {
    .call = "proa_condition_wait", .describe = describe, .blocks = true};

/* ---- taking */

static int acquire_slow(struct proa_lock *lock)
{
    struct wait w;
    int rc;

    if (lock->own.by == OWNER_DEAD)
        return PROA_EOWNERDEAD;
    if (lock->own.by == proa__task_here)
        return proa__fail(PROA_EDEADLK, "task %s holds lock %p already", proa__who(), (void *)lock);
    proa__wait_link(&lock->waiters, &w);
    rc = proa__wait_park(&w, 1, &acquires, lock); /* whoever released it made us its owner */
    return rc < 0 ? rc : w.code;
}

int proa_lock_acquire(struct proa_lock *lock)
{
    int rc;

    PROA_CHECK_OBJ(lock, MAGIC_LOCK);
    home_check(&lock->home, __func__);
    rc = proa__wait_enter(__func__);
    if (__builtin_expect(rc < 0, 0))
        return rc;
    if (__builtin_expect(lock->own.by != NULL, 0))
        return acquire_slow(lock);
    owned_take(&lock->own, proa__task_here);
    return 0;
}

int proa_lock_try_acquire(struct proa_lock *lock)
{
    PROA_CHECK_OBJ(lock, MAGIC_LOCK);
    home_check(&lock->home, __func__);
    PROA_CHECK(proa__task_here, "proa_lock_try_acquire: no task runs here that could hold it");
    if (lock->own.by)
        return lock->own.by == OWNER_DEAD ? PROA_EOWNERDEAD : PROA_EAGAIN;
    owned_take(&lock->own, proa__task_here);
    return 0;
}

int proa__lock_retake(struct proa_lock *lock)
{
    struct wait w;

    if (!lock->own.by) {
        owned_take(&lock->own, proa__task_here);
        return 0;
    }
    if (lock->own.by == OWNER_DEAD)
        return PROA_EOWNERDEAD;
    proa__wait_link(&lock->waiters, &w);
    proa__wait_park_firm(&w, 1, &retakes, lock);
    return w.code;
}

/* ---- giving */

_Noreturn static void not_held(struct proa_lock *lock, const char *what)
{
    char name[TASK_NAME_MAX];

    proa__check_failed(CHECK_FILE, __LINE__, "%s: task %s does not hold lock %p, %s does", what,
                       proa__who(), (void *)lock, proa__owned_by(&lock->own, name));
}

void proa__lock_need(struct proa_lock *lock, const char *what)
{
    PROA_CHECK_OBJ(lock, MAGIC_LOCK);
    home_check(&lock->home, what);
    if (__builtin_expect(!lock->own.by || lock->own.by != proa__task_here, 0))
        not_held(lock, what);
}

static void hand_over(struct proa_lock *lock, struct list *first)
{
    struct wait *w = CONTAINER_OF(first, struct wait, link);

    owned_take(&lock->own, w->of);
    proa__wait_wake_one(w, NULL, 0);
}

void proa_lock_release(struct proa_lock *lock)
{
    struct list *first;

    PROA_CHECK_OBJ(lock, MAGIC_LOCK);
    if (__builtin_expect(!lock->own.by || lock->own.by != proa__task_here, 0))
        not_held(lock, __func__);
    owned_give(&lock->own);
    first = list_first(&lock->waiters);
    if (__builtin_expect(first != NULL, 0))
        hand_over(lock, first);
}

bool proa_lock_is_locked(const struct proa_lock *lock)
{
    PROA_CHECK_OBJ(lock, MAGIC_LOCK);
    home_check_look(&lock->home, __func__);
    return lock->own.by != NULL;
}
