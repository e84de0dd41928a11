#include "core/hooks.h"

#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"

static struct proa_task_ref ref_of(struct proa_task *t)
{
    return (struct proa_task_ref){t, t->seq};
}

typedef void hook_fn(struct proa_task_ref task, void *arg);

/* Suspending would come back to a task that is half gone. What a hook fails in is not the task's.
 */
static void begin(struct sched *s, struct err_slot *words)
{
    s->no_suspend++;
    *words = *proa__err_slot_now();
}

static void end(struct sched *s, const struct err_slot *words)
{
    *proa__err_slot_now() = *words;
    s->no_suspend--;
}

static void call(hook_fn *fn, struct proa_task *t)
{
    struct err_slot words;

    if (!fn)
        return;
    begin(t->sched, &words);
    fn(ref_of(t), t->sched->hooks->arg);
    end(t->sched, &words);
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
    struct err_slot words;

    if (!s->hooks->on_exit)
        return;
    begin(s, &words);
    s->hooks->on_exit(ref_of(t), rc, s->hooks->arg);
    end(s, &words);
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
