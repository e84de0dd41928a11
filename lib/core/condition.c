#include "base/check.h"
#include "base/mem.h"
#include "core/lock.h"

#include <proa/condition.h>

#define MAGIC_CONDITION 0x636f6e64u

struct proa_condition {
    unsigned magic;
    struct proa_lock *lock;
    struct list sibling; /* in lock->conditions */
    struct list waiters; /* struct wait, oldest first; once notified they are the lock's */
    size_t inside;       /* tasks in a wait, notified ones too */
};

int proa_condition_new(struct proa_condition **ret, struct proa_lock *lock)
{
    struct proa_condition *c = proa__zalloc(sizeof *c);

    if (!c)
        return PROA_ENOMEM;
    c->magic = MAGIC_CONDITION;
    c->lock = lock;
    list_init(&c->waiters);
    proa__lock_attach(lock, &c->sibling);
    *ret = c;
    return 0;
}

void proa_condition_free(struct proa_condition *condition)
{
    if (!condition)
        return;
    PROA_CHECK_OBJ(condition, MAGIC_CONDITION);
    PROA_CHECK(!condition->inside,
               "proa_condition_free: task %s frees condition %p, for which %zu tasks wait",
               proa__who(), (void *)condition, condition->inside);
    list_remove(&condition->sibling);
    condition->magic = 0;
    proa__free(condition);
}

void proa__condition_orphaned(struct list *condition)
{
    struct proa_condition *c = CONTAINER_OF(condition, struct proa_condition, sibling);

    proa__wait_wake_all(&c->waiters, PROA_EOWNERDEAD);
}

/* Let the `n` oldest waiters queue for the lock, which the caller holds. */
static void notify(struct proa_condition *c, size_t n)
{
    struct list *first;

    while (n-- > 0 && (first = list_first(&c->waiters)))
        proa__wait_move(CONTAINER_OF(first, struct wait, link), &c->lock->waiters);
}

static void describe(const void *object, struct view *v)
{
    const struct proa_condition *c = object;

    proa__view_object(v, "condition", c);
    proa__view_say(v, " of lock %p", (const void *)c->lock);
    proa__view_list(v, &c->waiters, "wait");
}

/* Once notified it waits for the lock. */
static void describe_lock(const struct wait *w, struct view *v)
{
    const struct proa_condition *c = w->on;

    if (!w->of->firm)
        return;
    proa__view_say(v, "; notified, and the lock is");
    proa__view_owner(v, &c->lock->own);
}

const struct view_kind proa__condition_view = {MAGIC_CONDITION, describe};

static const struct wait_kind waits = {
    .call = "proa_condition_wait",
    .describe = describe,
    .detail = describe_lock,
    .blocks = true,
};

/*
 * Sleep without the lock, return with it. A task that was notified and cancelled before it had the
 * lock again reports the cancel: then the notification goes to the next, who may need it.
 */
static int wait_notified(struct proa_condition *c)
{
    struct wait w;
    int rc;

    proa__wait_link(&c->waiters, &w);
    proa_lock_release(c->lock);
    rc = proa__wait_park(&w, 1, &waits, c);
    if (rc < 0) {
        int taken = proa__lock_retake(c->lock);

        return taken < 0 ? taken : rc;
    }
    if (w.code < 0)
        return w.code; /* the owner of the lock has ended */
    if (!proa__task_here->scope->eff)
        return 0;
    notify(c, 1);
    return proa__wait_cut();
}

int proa_condition_wait(struct proa_condition *condition)
{
    int rc;

    PROA_CHECK_OBJ(condition, MAGIC_CONDITION);
    proa__lock_need(condition->lock, __func__);
    rc = proa__wait_enter(__func__);
    if (rc < 0)
        return rc;
    condition->inside++;
    rc = wait_notified(condition);
    condition->inside--;
    return rc;
}

static bool holds(proa_condition_fn *pred, void *arg)
{
    bool is_true;

    proa__forbid_suspend();
    is_true = pred(arg);
    proa__allow_suspend();
    return is_true;
}

int proa_condition_wait_until(struct proa_condition *condition, proa_condition_fn *pred, void *arg)
{
    int rc;

    PROA_CHECK_OBJ(condition, MAGIC_CONDITION);
    proa__lock_need(condition->lock, __func__);
    rc = proa__wait_enter(__func__);
    while (rc >= 0 && !holds(pred, arg))
        rc = proa_condition_wait(condition);
    return rc;
}

void proa_condition_notify(struct proa_condition *condition, size_t n)
{
    PROA_CHECK_OBJ(condition, MAGIC_CONDITION);
    proa__lock_need(condition->lock, __func__);
    notify(condition, n);
}
