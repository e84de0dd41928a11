#ifndef CORE_LOCK_H
#define CORE_LOCK_H

/*
 * lock: what conditions need of it.
 *
 * A waiter of a condition that is notified moves to the waiters of its lock without running in
 * between: so notified tasks go on in the order they waited, and no task is woken to wait again.
 *
 * Floor: core.
 */

#include "core/home.h"
#include "core/owned.h"
#include "core/wait.h"

#include <proa/sync.h>

struct proa_lock {
    unsigned magic;
    struct home home;
    struct owned own;
    struct list waiters;    /* struct wait, oldest first; empty unless owned */
    struct list conditions; /* struct proa_condition */
};

/* Add a condition of this lock. */
void proa__lock_attach(struct proa_lock *lock, struct list *condition);

/* Take the lock although cancelled. 0, or PROA_EOWNERDEAD: it is not held. */
int proa__lock_retake(struct proa_lock *lock);

/* Abort, naming the call `what`, unless the running task holds the lock. */
void proa__lock_need(struct proa_lock *lock, const char *what);

/* For condition.c: the lock's owner has ended; tell who waits for this condition. */
void proa__condition_orphaned(struct list *condition);

#endif
