#ifndef CORE_SCOPE_MODEL_H
#define CORE_SCOPE_MODEL_H

/*
 * scope_model: what scopes and groups should do, in a plain form; test_scope_model.c has the rest.
 *
 * Each node knows when it was or will be cancelled itself; from when on it is effectively cancelled
 * follows from its parents, as a time:
 *
 *   since(node) = min(own, shield ? max(since(parent), end of the shield) : since(parent))
 *
 * The virtual clock makes times exact. Spans are random nanoseconds, so that two things happen in
 * the same moment only if one brings about the other.
 */

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>
#include <proa/wait.h>

#define NEVER INT64_MAX

enum { CHILDREN = 5 }; /* most of a crowd */

struct node {
    struct node *parent;
    int64_t own;  /* cancelled itself from this time on */
    int64_t ends; /* a shield holds until this time; INT64_MIN: no shield */
    int64_t cut;  /* when a call inside failed last because of this; INT64_MIN: none did */
    bool root;    /* of a task */
    bool unsure;  /* a call may have been cut by this, or by something else of the same moment */
};

/* Anything that others may cancel or move. */
struct handle {
    struct node *node;
    struct proa_scope *scope;
    struct proa_timeout *timeout;
    struct proa_group *group;
    struct proa_task_ref task;
    bool shown;
};

struct world;
struct crowd;

/* A task. */
struct actor {
    struct world *world;
    struct crowd *crowd;
    struct node root;
    struct handle handle;
    int generation;
    bool begun;
    int rank;         /* its place among those of the crowd that ended */
    int rc;           /* what it returned */
    int64_t ended_at; /* -1: it runs, or never ran */
    char name[8];
};

enum kind {
    ALL = PROA_GROUP_ALL,
    SUPERVISE = PROA_GROUP_SUPERVISE,
    RACE = PROA_GROUP_RACE,
    GATHER,  /* as ALL, and a task cancelled alone has failed */
    COLLECT, /* as SUPERVISE, and failures are nobody's business */
};

/* A group, or the tasks of a gather. */
struct crowd {
    struct node node;
    struct proa_group *group; /* NULL: a gather's */
    enum kind kind;
    size_t limit; /* 0: none */
    int n;        /* children, created or being created */
    int n_ended;
    int n_given; /* by proa_group_next */
    int n_failed;
    int first_rc; /* of the first failure */
    const struct actor *winner;
    int64_t last; /* when its last task ended; -1: none has */
    struct actor children[CHILDREN];
};

static inline struct node node_in(struct node *parent)
{
    return (struct node){.parent = parent, .own = NEVER, .ends = INT64_MIN, .cut = INT64_MIN};
}

static inline int64_t since(const struct node *n)
{
    int64_t outside = n->parent ? since(n->parent) : NEVER;

    if (outside < n->ends)
        outside = n->ends;
    return n->own < outside ? n->own : outside;
}

/* Cancelled by what is around the caller: from now on, if not before. */
static inline void cancel_node(struct node *n, int64_t now)
{
    if (n->own > now)
        n->own = now;
}

/* A call right inside `in` fails now: all around it, in this task, that are cancelled had a part in
 * that. */
static inline int cut_in(struct node *in, int64_t now)
{
    for (struct node *n = in; n && since(n) <= now; n = n->root ? NULL : n->parent)
        n->cut = now;
    return PROA_ECANCELED;
}

/* A call that was cut at `when` by a group that failed then: all around `in` that were cancelled in
 * the same moment may have been so before the call or after it. */
static inline void maybe_cut_in(struct node *in, int64_t when)
{
    for (struct node *n = in; n && since(n) <= when; n = n->root ? NULL : n->parent)
        n->unsure = true;
}

/* What becomes of `rc` where a timeout of this node is left. */
static inline int timeout_result(const struct node *n, bool quiet, int rc, int64_t now)
{
    if (n->own > now || since(n->parent) <= now)
        return rc;
    if (rc == PROA_ECANCELED)
        return quiet ? 0 : PROA_ETIMEDOUT;
    return rc >= 0 && n->cut >= n->own && !quiet ? PROA_ETIMEDOUT : rc;
}

static inline void crowd_failed(struct crowd *c, int rc, int64_t now)
{
    c->n_failed += c->kind != COLLECT;
    if (c->kind == COLLECT)
        return;
    if (c->first_rc == 0)
        c->first_rc = rc;
    if (c->kind == ALL || c->kind == GATHER)
        cancel_node(&c->node, now);
}

/* One of its tasks ends, returning `rc`. */
static inline void crowd_ended(struct crowd *c, struct actor *a, int rc, int64_t now)
{
    a->ended_at = now;
    a->rank = c->n_ended++;
    a->rc = rc;
    c->last = now;
    if (rc < 0 && rc != PROA_ECANCELED) {
        crowd_failed(c, rc, now);
    } else if (rc < 0 && c->kind == GATHER && since(&c->node) > now) {
        crowd_failed(c, PROA_ETASKCANCELED, now);
    } else if (rc >= 0 && c->kind == RACE && !c->winner) {
        c->winner = a;
        cancel_node(&c->node, now);
    }
}

/* May the join of `c` that ended now return `rc`, if the scopes around were cancelled from
 * `around` on, or before it began? */
static inline bool join_may_return(const struct crowd *c, int rc, int64_t around, bool before,
                                   int64_t now)
{
    if (c->winner)
        return rc == c->winner->rc;
    if (c->first_rc < 0)
        return rc == c->first_rc;
    if (before || around < now)
        return rc == PROA_ECANCELED;
    return rc == 0 || (rc == PROA_ECANCELED && around == now);
}

/* Would a proa_wait for the first `n` children be over at `when`? */
static inline bool wait_is_over(const struct crowd *c, int n, enum proa_return_when mode,
                                int64_t when)
{
    int ended = 0;
    bool failed = false;

    for (int i = 0; i < n; i++) {
        const struct actor *a = &c->children[i];

        if (a->ended_at < 0 || a->ended_at > when)
            continue;
        ended++;
        failed = failed || (a->rc < 0 && a->rc != PROA_ECANCELED);
    }
    return ended == n || (mode == PROA_FIRST_COMPLETED && ended > 0) ||
           (mode == PROA_FIRST_EXCEPTION && failed);
}

#endif
