#include "base/check.h"
#include "base/fail.h"
#include "base/log.h"
#include "base/opts.h"
#include "core/debug.h"
#include "core/inspect.h"
#include "core/loop.h"
#include "core/reason.h"
#include "core/sched.h"
#include "core/signal.h"
#include "core/time_check.h"

#include <proa/run.h>

#define REASON_SHOWN 160

int proa__sched_start(struct sched *s, proa_task_fn *fn, void *arg, const struct sched_main *o)
{
    struct proa_task_opts opts = {
        .size = sizeof opts,
        .name = "main",
        .stack_size = o->stack_size,
        .context = o->context,
    };
    struct task_spec spec = {.fn = fn, .arg = arg, .opts = &opts, .plain = true};
    struct proa_task_ref ref;
    int rc = proa__task_create_in(&s->root, &spec, &ref);

    if (rc < 0)
        return rc;
    s->main = ref.task;
    s->grace_ns = o->grace ? o->grace : LOOP_GRACE;
    s->loop->grace = s->grace_ns;
    return 0;
}

void proa__sched_cancel(struct sched *s, const char *reason)
{
    if (!s->reason)
        s->reason = reason;
    proa__scope_cancel(&s->root.scope);
}

/* ---- the end of a run */

/* Who is still there, by name. Tasks of tasks are told of too. */
static void name_stragglers(struct sched *s)
{
    struct scope *top = &s->root.scope;
    char buf[TASK_NAME_MAX];
    char reason[REASON_SHOWN];

    for (struct scope *at = proa__scope_next(top, top, false); at;
         at = proa__scope_next(top, at, false))
        if (at->kind == SCOPE_ROOT)
            proa__log(PROA_LOG_ERROR, "task %s was cancelled and does not end (%s)",
                      proa__task_name(at->task, buf),
                      proa__cancel_reason(at, reason, sizeof reason));
}

static void grace_is_over(void *arg)
{
    struct sched *s = arg;

    name_stragglers(s);
    PROA_CHECK(!s->shields_over, "tasks did not end although cancelled; their names are above");
    s->shields_over = true;
    proa__scope_expire_shields(&s->root.scope);
    proa__timer_start_after(s->loop, &s->grace, s->grace_ns, grace_is_over, s);
}

/* The words of the main task's failure become the thread's. */
static void retell_to_thread(int rc)
{
    struct err_slot *mine = proa__err_slot;
    const char *detail = proa_err_detail(rc);

    proa__err_slot = NULL;
    proa__fail(rc, "%s", detail);
    proa__err_slot = mine;
}

void proa__sched_main_ended(struct sched *s, int rc)
{
    s->main = NULL;
    s->main_rc = rc;
    if (rc < 0)
        retell_to_thread(rc);
    if (s->stays) {
        proa__loop_stop(s->loop);
        return;
    }
    s->ending = true;
    proa__sched_cancel(s, "the main task has ended");
    if (s->root.running > 1)
        proa__timer_start_after(s->loop, &s->grace, s->grace_ns, grace_is_over, s);
}

bool proa__sched_end(struct sched *s, int64_t grace)
{
    s->ending = true;
    s->stays = false;
    s->grace_ns = grace ? grace : LOOP_GRACE;
    if (s->root.running == 0)
        return false;
    proa__sched_cancel(s, "the runner ends");
    proa__timer_start_after(s->loop, &s->grace, s->grace_ns, grace_is_over, s);
    return true;
}

void proa__sched_root_empty(struct sched *s)
{
    if (!s->ending)
        return;
    s->root.closed = true;
    proa__loop_stop(s->loop);
}

/* ---- a run */

static void on_signal(void *sched, int signo)
{
    proa__sched_cancel(sched, proa__signal_reason(signo));
}

static int begin(struct proa_loop *loop, proa_task_fn *fn, void *arg, const struct proa_run_opts *o)
{
    int rc = proa__task_check_stack_size(o->stack_size);

    if (rc >= 0)
        rc = time_check_span(o->grace);
    if (rc >= 0)
        rc = proa__debug_begin(loop, &(struct debug_opts){o->debug, o->debug_slow});
    if (rc >= 0)
        proa__inspect_start(loop, o->inspect, o->dump_signal);
    loop->sched->eager = o->eager;
    if (o->shuffle)
        proa__sched_shuffle(loop->sched, o->shuffle);
    if (rc >= 0 && o->signals)
        rc = proa__signals_end(loop, on_signal, loop->sched);
    if (rc >= 0)
        rc = proa__sched_start(loop->sched, fn, arg,
                               &(struct sched_main){
                                   .stack_size = o->stack_size,
                                   .grace = o->grace,
                               });
    return rc;
}

static int run_on(struct proa_loop *loop, proa_task_fn *fn, void *arg,
                  const struct proa_run_opts *o)
{
    int rc = proa__sched_new(loop);

    if (rc < 0)
        return rc;
    rc = begin(loop, fn, arg, o);
    if (rc >= 0) {
        proa__loop_run(loop);
        rc = loop->sched->main_rc;
    }
    proa__sched_free(loop);
    return rc;
}

int proa_run(proa_task_fn *fn, void *arg, const struct proa_run_opts *opts)
{
    struct proa_loop *loop = NULL;
    struct proa_run_opts o;
    int rc = proa__opts_copy(&o, sizeof o, opts);

    if (rc < 0)
        return rc;
    if (proa__loop_current())
        return proa__fail(PROA_EBUSY, "a loop runs in this thread already");
    rc = proa__loop_new(&loop, &(struct loop_opts){.virtual_clock = o.virtual_clock});
    if (rc < 0)
        return rc;
    rc = run_on(loop, fn, arg, &o);
    proa__loop_free(loop);
    return rc;
}
