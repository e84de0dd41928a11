#include "core/reason.h"

#include "base/mem.h"
#include "core/group.h"
#include "core/sched.h"

#include <proa/task.h>

#include <stdio.h>
#include <string.h>

#define REASON_MAX 128 /* bytes of a reason that are kept */

/* Why this scope, which is cancelled, was, as far as it knows; nothing if it does not. */
static void say(const struct scope *s, char *buf, size_t size)
{
    const struct group *g = CONTAINER_OF(s, struct group, scope);
    const char *reason;
    const struct list *first;
    const struct task_error *e;

    switch ((enum scope_kind)s->kind) {
    case SCOPE_ROOT:
        if (s->task->more && s->task->more->reason)
            snprintf(buf, size, "%s", s->task->more->reason);
        break;
    case SCOPE_TIMEOUT:
        snprintf(buf, size, "a timeout expired"); /* nothing else cancels it */
        break;
    case SCOPE_GROUP:
        reason = s->task ? g->reason : g->sched->reason; /* the root group's is the run's */
        if (reason)
            snprintf(buf, size, "%.*s", REASON_MAX, reason);
        first = list_first(&g->errors);
        e = CONTAINER_OF(first, struct task_error, link);
        if (first)
            snprintf(buf, size, "task %s failed: %.*s", e->name, REASON_MAX, e->detail);
        break;
    case SCOPE_PLAIN:
    case SCOPE_SHIELD:
        break;
    }
}

const char *proa__cancel_reason(const struct scope *s, char *buf, size_t size)
{
    buf[0] = '\0';
    for (; s && s->eff && !buf[0]; s = s->parent)
        if (s->cancelled)
            say(s, buf, size);
    return buf;
}

const char *proa_cancel_reason(void)
{
    static _Thread_local char buf[REASON_MAX + TASK_NAME_MAX + 32];
    const struct proa_task *t = proa__task_here;

    return t ? proa__cancel_reason(t->scope, buf, sizeof buf) : "";
}

/* Without memory it is cancelled for none. */
static void note_reason(struct proa_task *t, const char *reason)
{
    struct task_more *more = proa__task_more(t);

    if (more)
        more->reason = proa__strndup(reason, strnlen(reason, REASON_MAX - 1));
}

int proa_task_cancel_for(struct proa_task_ref ref, const char *reason)
{
    struct proa_task *t = ref.task;

    proa__loop_need(__func__);
    if (!proa__task_is_valid(ref))
        return proa__task_stale();
    if (t->state == TASK_DONE || t->root.cancelled)
        return 0;
    if (reason)
        note_reason(t, reason);
    proa__scope_cancel(&t->root);
    return 0;
}
