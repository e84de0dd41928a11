#include "base/mem.h"
#include "core/sched.h"
#include "core/task.h"

#include <proa/task.h>

#include <stdatomic.h>
#include <string.h>

/*
 * Tasks seen from outside: what they are called, how far they are, who there is.
 */

const char *proa_task_name(struct proa_task_ref ref)
{
    static _Thread_local char buf[TASK_NAME_MAX];

    proa__loop_need(__func__);
    return proa__task_is_valid(ref) ? proa__task_name(ref.task, buf) : "";
}

int proa_task_set_name(struct proa_task_ref ref, const char *name)
{
    struct proa_task *t = ref.task;
    struct task_more *more;
    char *copy = NULL;
    char *before;

    proa__loop_need(__func__);
    if (!proa__task_is_valid(ref))
        return proa__task_stale();
    if (!name && !t->more)
        return 0;
    more = proa__task_more(t);
    if (!more)
        return PROA_ENOMEM;
    if (name) {
        copy = proa__strndup(name, strnlen(name, TASK_NAME_MAX - 1));
        if (!copy)
            return PROA_ENOMEM;
    }
    before = more->name;
    more->name = copy; /* first: a handler that interrupts us may read it (trace.c) */
    atomic_signal_fence(memory_order_seq_cst);
    proa__free(before);
    return 0;
}

enum proa_task_state proa_task_state(struct proa_task_ref ref)
{
    proa__loop_need(__func__);
    if (!proa__task_is_valid(ref))
        return PROA_TASK_DONE;
    switch ((enum task_state)ref.task->state) {
    case TASK_NEW:
    case TASK_READY:
        return PROA_TASK_READY;
    case TASK_RUNNING:
        return PROA_TASK_RUNNING;
    case TASK_PARKED:
        return PROA_TASK_WAITING;
    case TASK_DONE:
    case TASK_FREE:
        break;
    }
    return PROA_TASK_DONE;
}

struct proa_task_ref proa_task_parent(struct proa_task_ref ref)
{
    const struct proa_task_ref none = {0};
    struct proa_task *parent;

    proa__loop_need(__func__);
    if (!proa__task_is_valid(ref) || ref.task->state == TASK_DONE)
        return none;
    parent = ref.task->root.parent->task;
    return parent ? (struct proa_task_ref){parent, parent->seq} : none;
}

size_t proa_all_tasks(struct proa_task_ref *ret, size_t n)
{
    const struct scope *top = &proa__loop_need(__func__)->sched->root.scope;
    size_t count = 0;

    for (struct scope *s = proa__scope_next(top, (struct scope *)top, false); s;
         s = proa__scope_next(top, s, false)) {
        if (s->kind != SCOPE_ROOT)
            continue;
        if (count < n)
            ret[count] = (struct proa_task_ref){s->task, s->task->seq};
        count++;
    }
    return count;
}
