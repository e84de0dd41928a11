#ifndef CORE_OWNED_H
#define CORE_OWNED_H

/*
 * owned: what a task alone holds, so that its end without giving it back is noticed.
 *
 *   task->owned -> newest -> ... -> oldest
 *
 * Locks are nearly always released in the opposite order of their taking, so a stack of single
 * links does. A task that ends leaves what it holds orphaned: who waits for it is told, instead of
 * waiting for ever.
 *
 * Floor: core.
 */

#include "core/task.h"
#include "core/view.h"

struct owned {
    struct proa_task *by; /* its owner; NULL: nobody; OWNER_DEAD */
    struct owned *below;  /* what the owner took before */
    void (*orphaned)(struct owned *o);
};

/* The owner has ended; this stays so. */
#define OWNER_DEAD ((struct proa_task *)sizeof(struct proa_task))

void proa__owned_give_slow(struct owned *o);

static inline void owned_take(struct owned *o, struct proa_task *t)
{
    o->by = t;
    o->below = t->owned;
    t->owned = o;
}

static inline void owned_give(struct owned *o)
{
    struct proa_task *t = o->by;

    if (__builtin_expect(t->owned == o, 1))
        t->owned = o->below;
    else
        proa__owned_give_slow(o);
    o->by = NULL;
}

/* Is there an owner that lives? */
static inline bool owned_held(const struct owned *o)
{
    return o->by && o->by != OWNER_DEAD;
}

/* Add ", held by reader" or ", not held". */
void proa__view_owner(struct view *v, const struct owned *o);

/* For sentences about misuse: the owner's name, or "nobody". */
const char *proa__owned_by(const struct owned *o, char buf[TASK_NAME_MAX]);

/* `t` has ended. */
void proa__owned_orphan(struct proa_task *t);

#endif
