#ifndef CORE_WAIT_H
#define CORE_WAIT_H

/*
 * wait: how a task sleeps until somebody wakes it.
 *
 * The one place where the running task gives up its stack. Everything that suspends (queues, locks,
 * sockets, timers) keeps a list of struct wait; the record lives on the sleeping task's own stack,
 * so waiting never allocates and cannot fail for want of memory.
 *
 *   asleep --wake(code)--> ready --loop runs it--> park returns the record's index
 *     \--scope cancelled--> unlinked from its lists, ready, park returns PROA_ECANCELED
 *
 * A record is in at most one list. Whoever unlinks it, first, decides the code: a record that was
 * woken before the cancel keeps what it was given. The shape of a suspending call:
 *
 *     int rc = proa__wait_enter(__func__);        // cancelled? its budget used up?
 *     if (rc < 0)
 *         return rc;
 *     if (possible at once) ...
 *     struct wait w;
 *     proa__wait_link(&queue->getters, &w);
 *     rc = proa__wait_park(&w, 1, &waits, queue); // 0, or PROA_ECANCELED and w is in no list
 *     return rc < 0 ? rc : w.code;
 *
 * Floor: core. Knows tasks and scopes; knows nothing of sockets.
 */

#include "base/list.h"
#include "core/task.h"

#include <proa/err.h>

struct wait_kind;

struct wait {
    struct list link;             /* in the waited-for object's list while asleep */
    struct proa_task *of;         /* the sleeper; NULL once it, or a sibling, was woken */
    void *slot;                   /* what is handed over */
    int code;                     /* what the waker says */
    const struct wait_kind *what; /* of the first record of a park: the call */
    const void *on;               /* and what it waits for; view.h */
};

int proa__wait_enter_slow(const char *what);

/*
 * To be called first by whatever may suspend, done at once or not. PROA_ECANCELED while a scope
 * around the caller is cancelled; gives way to others when the task's budget is used up. Aborts
 * outside tasks, naming `what`.
 */
static inline int proa__wait_enter(const char *what)
{
    struct proa_task *t = proa__task_here;

    if (__builtin_expect(t && !t->scope->eff && --t->budget > 0, 1))
        return 0;
    return proa__wait_enter_slow(what);
}

/* Take a place at the end of `list`; NULL: in none, whoever wakes it knows the record. */
static inline void proa__wait_link(struct list *list, struct wait *w)
{
    if (list)
        list_push(list, &w->link);
    else
        list_init(&w->link);
    w->of = NULL;
    w->slot = NULL;
    w->code = 0;
}

/*
 * Sleep on `n` linked records until one is woken or a scope around is cancelled. Returns the
 * winner's index, or PROA_ECANCELED; either way none is in a list any more. For who looks at the
 * sleeper: it is in the call `what`, and waits for `on`; NULL: nothing is to be said.
 */
int proa__wait_park(struct wait *w, size_t n, const struct wait_kind *what, const void *on);

/* The same, although cancelled. For the few calls that say so. */
int proa__wait_park_firm(struct wait *w, size_t n, const struct wait_kind *what, const void *on);

/* The running task's call fails because a scope around is cancelled. Returns PROA_ECANCELED. */
int proa__wait_cut(void);

/*
 * Call fn(arg), which must not suspend, before the running task sleeps the next time; NULL:
 * nothing. For who holds something back as long as nobody waits: output that may still grow.
 */
void proa__wait_before_park(void (*fn)(void *arg), void *arg);

/* Let the other ready tasks run once. */
void proa__wait_yield(void);

/* Wake the oldest sleeper of `list`, if any, handing over `slot`, with `code`. Never switches. */
bool proa__wait_wake(struct list *list, void *slot, int code);

/*
 * Wake the oldest sleeper of `list`, if any, with code 1. Its slot says where it wants the task: by
 * value, since what held the reference may be gone before the sleeper runs.
 */
bool proa__wait_hand_over(struct list *list, struct proa_task_ref ref);

/* Wake all of them, with `code`. */
void proa__wait_wake_all(struct list *list, int code);

/* Wake the sleeper of this record; nothing if it, or a sibling, was woken already and has not run.
 */
void proa__wait_wake_one(struct wait *w, void *slot, int code);

/*
 * Let the sleeper of this record, which has no sibling, sleep on at the end of another list, where
 * a cancel does not wake it.
 */
void proa__wait_move(struct wait *w, struct list *to);

/* A scope around `t` was cancelled: wake it if it sleeps and may be woken by that. */
void proa__wait_cancel(struct proa_task *t);

/* Until the matching allow, suspending in this thread aborts: the data around is in no state for
 * it. */
void proa__forbid_suspend(void);
void proa__allow_suspend(void);

/*
 * The tests' cancel: at the n-th point from now (1: the next) where a task of this loop could learn
 * of a cancel, the task that is there is cancelled; 0 cancels none. Points are counted until
 * stopped.
 */
void proa__wait_inject(uint64_t n);
uint64_t proa__wait_inject_stop(void);

#endif
