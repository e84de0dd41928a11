#include "core/scope.h"

#include "base/check.h"
#include "core/debug.h"
#include "core/group.h"
#include "core/sched.h"
#include "core/wait.h"

#include <proa/scope.h>

_Static_assert(sizeof(struct scope) <= sizeof(struct proa_scope),
               "the public storage is too small");

/* ---- the tree */

static struct group *group_around(const struct scope *s)
{
    return CONTAINER_OF(s, struct group, scope);
}

/* What hangs below `s`: of a group its tasks, oldest first, then what is further in. */
static struct scope *first_below(const struct scope *s)
{
    if (s->kind == SCOPE_GROUP) {
        struct list *first = list_first(&group_around(s)->tasks);

        if (first)
            return &CONTAINER_OF(first, struct proa_task, sibling)->root;
    }
    return s->inner;
}

static struct scope *next_beside(const struct scope *s)
{
    if (s->kind != SCOPE_ROOT)
        return NULL;

    struct group *g = s->task->group;
    struct list *next = s->task->sibling.next;

    if (next != &g->tasks)
        return &CONTAINER_OF(next, struct proa_task, sibling)->root;
    return g->scope.inner;
}

struct scope *proa__scope_next(const struct scope *top, struct scope *s, bool skip)
{
    struct scope *next = skip ? NULL : first_below(s);

    while (!next) {
        if (s == top)
            return NULL;
        next = next_beside(s);
        s = s->parent;
    }
    return next;
}

/* Returns whether eff changed. */
static bool refresh(struct scope *s)
{
    bool eff = scope_compute_eff(s);

    if (eff == s->eff)
        return false;
    s->eff = eff;
    if (eff && s->task && __builtin_expect(s->task->sched->watched, 0) && s->kind == SCOPE_ROOT)
        proa__debug_cancelled(s->task);
    if (eff && !s->inner && s->task)
        proa__wait_cancel(s->task);
    return true;
}

void proa__scope_update(struct scope *top)
{
    for (struct scope *s = top; s;) {
        bool changed = refresh(s);

        s = proa__scope_next(top, s, !changed);
    }
}

void proa__scope_cancel(struct scope *s)
{
    if (s->cancelled)
        return;
    s->cancelled = true;
    proa__scope_update(s);
}

void proa__scope_expire_shields(struct scope *top)
{
    for (struct scope *s = top; s; s = proa__scope_next(top, s, false)) {
        if (s->kind == SCOPE_SHIELD)
            s->expired = true;
        refresh(s);
    }
}

/* ---- a task's chain */

static void left_by_another(const struct scope *s, const char *what)
{
    char buf[TASK_NAME_MAX];
    char here[TASK_NAME_MAX];

    PROA_CHECK(!s->task, "%s of task %s was left by another task than opened it: by %s", what,
               proa__task_name(s->task, buf),
               proa__task_here ? proa__task_name(proa__task_here, here) : "none");
    PROA_CHECK(s->task, "%s was left that is not open", what);
}

static void left_too_early(const struct scope *s, const char *what)
{
    char buf[TASK_NAME_MAX];

    PROA_CHECK(s->task->scope == s, "%s of task %s was left while a scope inside it is still open",
               what, proa__task_name(s->task, buf));
}

void proa__scope_need_open(const struct scope *s, const char *what, const char *noun)
{
    PROA_CHECK(s && s->task, "%s: the %s is not open; called by task \"%s\"", what, noun,
               proa_current_task_name());
    proa__loop_check(s->task->sched->loop, what);
}

static void opened_twice(const struct scope *s)
{
    char buf[TASK_NAME_MAX];

    PROA_CHECK(!s->task, "a scope of task %s was opened again while it is open",
               proa__task_name(s->task, buf));
}

void proa__scope_push(struct proa_task *t, struct scope *s, enum scope_kind kind)
{
    if (__builtin_expect(s->task != NULL, 0))
        opened_twice(s);
    s->parent = t->scope;
    s->inner = NULL;
    s->task = t;
    s->kind = (uint8_t)kind;
    s->cancelled = false;
    s->expired = false;
    s->cut = false;
    s->asked = false;
    s->eff = kind != SCOPE_SHIELD && t->scope->eff;
    t->scope->inner = s;
    t->scope = s;
}

void proa__scope_pop(struct scope *s, const char *what)
{
    struct proa_task *t = s->task;

    if (__builtin_expect(!t || t != proa__task_here, 0))
        left_by_another(s, what);
    if (__builtin_expect(t->scope != s, 0))
        left_too_early(s, what);
    t->scope = s->parent;
    t->scope->inner = NULL;
    s->task = NULL;
}

void proa__scope_move_in(struct scope *s)
{
    struct proa_task *t = s->task;
    struct scope *inner = s->inner;

    if (!inner)
        return;
    s->parent->inner = inner;
    inner->parent = s->parent;
    s->parent = t->scope;
    t->scope->inner = s;
    t->scope = s;
    s->inner = NULL;
    proa__scope_update(inner);
    proa__scope_update(s);
}

/* ---- the plain scope */

static struct scope *scope_of(struct proa_scope *scope)
{
    return (struct scope *)scope;
}

void proa_scope_enter(struct proa_scope *scope)
{
    PROA_CHECK(proa__task_here, "PROA_SCOPE: no task runs here");
    proa__scope_push(proa__task_here, scope_of(scope), SCOPE_PLAIN);
}

void proa_scope_leave(struct proa_scope *scope)
{
    if (scope_of(scope)->task)
        proa__scope_pop(scope_of(scope), "a PROA_SCOPE");
}

void proa_scope_cancel(struct proa_scope *scope)
{
    proa__scope_need_open(scope_of(scope), __func__, "scope");
    proa__scope_cancel(scope_of(scope));
}

int proa_scope_result(struct proa_scope *scope, int rc)
{
    const struct scope *s = scope_of(scope);

    proa__scope_need_open(s, __func__, "scope");
    return rc == PROA_ECANCELED && s->cancelled && !s->parent->eff ? 0 : rc;
}

bool proa_is_cancelled(void)
{
    return proa__task_here && proa__task_here->scope->eff;
}
