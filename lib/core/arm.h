#ifndef CORE_ARM_H
#define CORE_ARM_H

/*
 * arm: one thing that a task can wait for, alone or as one among others.
 *
 * The face that proa_select sees of a channel, a future, a descriptor; the call that waits for that
 * one thing alone is written with the same four functions, so there is one mechanism of each:
 *
 *     try   is it possible at once?  yes: it is done, and rc says how; no: nothing changed
 *     link  take a place: whoever makes it possible does it, and wakes the record w
 *     take  this record was woken: rc says what became of it
 *     undo  leave what is left when no record is in a list any more: a timer, a descriptor
 *
 *   try --no--> link --> asleep --woken--> take, undo
 *                \--false: failed--> undo     \--cancelled, or another arm was woken--> undo
 *
 * An arm that was tried or linked and did not win has consumed nothing: what it waits for is handed
 * over by whoever wakes its record, and only a record that is still linked is woken. All arms of a
 * select are tried before the first is linked, so it never meets itself.
 *
 * The first member of struct proa_case is an arm; what needs more room of its own (a timer, a
 * descriptor) has it behind. A case lies in its caller's frame and may be copied while nothing
 * waits on it.
 *
 * Floor: core.
 */

#include "core/view.h"
#include "core/wait.h"

#include <proa/select.h>

#include <string.h>

struct arm;

struct arm_ops {
    bool (*try)(struct arm *arm);
    bool (*link)(struct arm *arm,
                 struct wait *w); /* false: it failed, rc says how; w is unlinked */
    void (*take)(struct arm *arm, struct wait *w);         /* NULL: rc is w's code */
    void (*undo)(struct arm *arm);                         /* NULL: nothing is left */
    const char *call;                                      /* the call that waits for this alone */
    describe_fn *describe;                                 /* of the object, for who looks */
    bool blocks;                                           /* it waits for a certain task */
    void (*detail)(const struct arm *arm, struct view *v); /* of the arm; NULL: nothing to add */
};

struct arm {
    int rc; /* what came of it, as the call alone would return it */
    int fd;
    const struct arm_ops *ops;
    void *object; /* what is waited for */
    void *value;  /* where a value is copied from or to */
    uint64_t n;   /* what else the kind has to remember */
};

/* A case of this type, which begins with an arm, has room in a struct proa_case. */
#define ARM_FITS(type)                                                                             \
    _Static_assert(sizeof(type) <= sizeof(struct proa_case) &&                                     \
                       _Alignof(type) <= _Alignof(struct proa_case),                               \
                   "struct proa_case has no room for a " #type)

static inline struct arm *arm_of(struct proa_case *c)
{
    return (struct arm *)c;
}

static inline struct proa_case arm_case(struct arm arm)
{
    struct proa_case c = {0};

    memcpy(&c, &arm, sizeof arm);
    return c;
}

static inline int arm_take(struct arm *arm, struct wait *w)
{
    arm->rc = w->code;
    if (arm->ops->take)
        arm->ops->take(arm, w);
    return arm->rc;
}

static inline void arm_undo(struct arm *arm)
{
    if (arm->ops->undo)
        arm->ops->undo(arm);
}

/* What who looks at a sleeper is told of its arm. */
void proa__arm_describe(const struct arm *arm, struct view *v);

/* Of a sleep on one arm, which is what `on` is. */
extern const struct wait_kind proa__arm_waits;

/* Sleep until it is done; it was tried. */
static inline int arm_park(struct arm *arm)
{
    struct wait w;
    int rc;

    if (!arm->ops->link(arm, &w))
        return arm->rc;
    rc = proa__wait_park(&w, 1, &proa__arm_waits, arm);
    if (rc >= 0)
        rc = arm_take(arm, &w);
    arm_undo(arm);
    return rc;
}

/* All of a suspending call that waits for this alone. `what`: its name. */
static inline int arm_wait(struct arm *arm, const char *what)
{
    int rc = proa__wait_enter(what);

    if (rc < 0)
        return rc;
    return arm->ops->try(arm) ? arm->rc : arm_park(arm);
}

/* The same without sleeping: PROA_EAGAIN. */
static inline int arm_try(struct arm *arm)
{
    return arm->ops->try(arm) ? arm->rc : PROA_EAGAIN;
}

#endif
