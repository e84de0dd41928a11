#include "base/check.h"
#include "base/mem.h"
#include "core/wait.h"

#include <proa/sync.h>

#define MAGIC_LOCK 0x6c6f636bu

struct proa_lock {
    unsigned magic;
    uint64_t holder;     /* sequence number of the task that holds it; 0: nobody */
    struct list waiters; /* struct wait, oldest first; empty unless held */
};

int proa_lock_new(struct proa_lock **ret)
{
    struct proa_lock *l = proa__zalloc(sizeof *l);

    if (!l)
        return PROA_ENOMEM;
    l->magic = MAGIC_LOCK;
    list_init(&l->waiters);
    *ret = l;
    return 0;
}

void proa_lock_free(struct proa_lock *lock)
{
    if (!lock)
        return;
    PROA_CHECK_OBJ(lock, MAGIC_LOCK);
    PROA_CHECK(!lock->holder, "proa_lock_free: a task holds the lock");
    lock->magic = 0;
    proa__free(lock);
}

int proa_lock_acquire(struct proa_lock *lock)
{
    struct wait w;
    int rc;

    PROA_CHECK_OBJ(lock, MAGIC_LOCK);
    rc = proa__wait_enter(__func__);
    if (rc < 0)
        return rc;
    if (!lock->holder) {
        lock->holder = proa__task_here->seq;
        return 0;
    }
    PROA_CHECK(lock->holder != proa__task_here->seq,
               "proa_lock_acquire: the task holds this lock already and would wait for itself");
    proa__wait_link(&lock->waiters, &w);
    rc = proa__wait_park(&w, 1); /* whoever released it made us its holder */
    return rc < 0 ? rc : 0;
}

int proa_lock_try_acquire(struct proa_lock *lock)
{
    PROA_CHECK_OBJ(lock, MAGIC_LOCK);
    PROA_CHECK(proa__task_here, "proa_lock_try_acquire: no task runs here that could hold it");
    if (lock->holder)
        return PROA_EAGAIN;
    lock->holder = proa__task_here->seq;
    return 0;
}

void proa_lock_release(struct proa_lock *lock)
{
    PROA_CHECK_OBJ(lock, MAGIC_LOCK);
    PROA_CHECK(proa__task_here && lock->holder == proa__task_here->seq,
               "proa_lock_release: the task does not hold the lock");

    struct list *first = list_first(&lock->waiters);

    if (!first) {
        lock->holder = 0;
        return;
    }

    struct wait *w = CONTAINER_OF(first, struct wait, link);

    lock->holder = w->of->seq;
    proa__wait_wake_one(w, NULL, 0);
}

bool proa_lock_is_locked(const struct proa_lock *lock)
{
    PROA_CHECK_OBJ(lock, MAGIC_LOCK);
    return lock->holder != 0;
}
