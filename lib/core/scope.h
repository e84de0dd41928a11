#ifndef CORE_SCOPE_H
#define CORE_SCOPE_H

/*
 * scope: who is cancelled, as a tree.
 *
 * Each task has a chain of scopes, innermost first; the last is its root scope, whose parent is the
 * scope of the group that owns the task. A group's scope is in the chain of the task that opened
 * it:
 *
 *   root group <- root scope of A <- timeout <- group g          A waits in g
 *                                                |--<- root scope of B <- shield     B, C are tasks
 * of g
 *                                                '--<- root scope of C
 *
 * A scope is effectively cancelled (eff) if it is cancelled itself or its parent is; a shield does
 * not ask its parent until its time is over. eff is kept in each scope, so that asking costs one
 * load; when `cancelled` or `expired` of one scope changes, proa__scope_update walks what hangs
 * below it. The walk uses parent and sibling links alone, no recursion: nests may be deep and
 * stacks are small.
 *
 * A scope that was once effectively cancelled may cease to be only by the unlinking of a group.
 *
 * Floor: core.
 */

#include <stdbool.h>
#include <stdint.h>

struct proa_task;

enum scope_kind {
    SCOPE_PLAIN,
    SCOPE_TIMEOUT,
    SCOPE_SHIELD,
    SCOPE_GROUP,
    SCOPE_ROOT, /* of a task */
};

struct scope {
    struct scope *parent;   /* the next one out; of a root scope: its group's */
    struct scope *inner;    /* the next one in, of the same task; NULL: this is the innermost */
    struct proa_task *task; /* in whose chain it is; NULL: the loop's root group */
    uint8_t kind;           /* enum scope_kind */
    bool cancelled;         /* this one itself, by whomever */
    bool eff;               /* see above */
    bool expired;           /* the deadline passed, the shield's time is over */
    bool cut;               /* a call inside failed while this scope was eff */
    bool asked;             /* the program asked what its code means */
};

static inline bool scope_compute_eff(const struct scope *s)
{
    if (s->cancelled)
        return true;
    if (s->kind == SCOPE_SHIELD && !s->expired)
        return false;
    return s->parent && s->parent->eff;
}

/* Make `s` the innermost scope of the running task `t`. */
void proa__scope_push(struct proa_task *t, struct scope *s, enum scope_kind kind);

/* Leave the innermost scope; abort with a sentence naming `what` if `s` is not that. */
void proa__scope_pop(struct scope *s, const char *what);

/* Abort with a sentence unless `s`, in words `noun`, is open and of this thread. */
void proa__scope_need_open(const struct scope *s, const char *what, const char *noun);

/* Move a group's scope to the inner end of its task's chain: what is around the join is around it.
 */
void proa__scope_move_in(struct scope *s);

/* Cancel `s`, and wake what sleeps below it. */
void proa__scope_cancel(struct scope *s);

/* `cancelled` or `expired` of `s` was changed: bring eff up to date from there down. */
void proa__scope_update(struct scope *s);

/* When a timeout expires: PROA_FOREVER if it does not. */
int64_t proa__timeout_when(const struct scope *s);

/* The time of all shields at and below `s` is over. */
void proa__scope_expire_shields(struct scope *s);

/* The next of the tree at and below `top` in order of the walk, or NULL. `skip`: not what is below
 * `s`. */
struct scope *proa__scope_next(const struct scope *top, struct scope *s, bool skip);

#endif
