#include "core/hooks.h"

#include "base/mem.h"
#include "base/opts.h"

static struct proa_task_ref ref_of(struct proa_task *t)
{
    return (struct proa_task_ref){t, t->seq};
}

typedef void hook_fn(struct proa_task_ref task, void *arg);

/* Suspending would come back to a task that is half gone. */
static void call(hook_fn *fn, struct proa_task *t)
{
    if (!fn)
        return;
    t->sched->no_suspend++;
    fn(ref_of(t), t->sched->hooks->arg);
    t->sched->no_suspend--;
}

void proa__hook_spawn(struct proa_task *t)
{
    call(t->sched->hooks->on_spawn, t);
}

void proa__hook_run(struct proa_task *t)
{
    call(t->sched->hooks->on_run, t);
}

void proa__hook_park(struct proa_task *t)
{
    call(t->sched->hooks->on_park, t);
}

void proa__hook_exit(struct proa_task *t, int rc)
{
    struct sched *s = t->sched;

    if (!s->hooks->on_exit)
        return;
    s->no_suspend++;
    s->hooks->on_exit(ref_of(t), rc, s->hooks->arg);
    s->no_suspend--;
}

int proa_hooks_set(const struct proa_hooks *hooks)
{
    struct sched *s = proa__loop_need(__func__)->sched;
    struct proa_hooks copy;
    int rc = proa__opts_copy(&copy, sizeof copy, hooks);

    if (rc < 0)
        return rc;
    s->hooks_set = copy;
    s->hooks = hooks ? &s->hooks_set : NULL;
    sched_rewatch(s);
    return 0;
}
