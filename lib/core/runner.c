#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/debug.h"
#include "core/inspect.h"
#include "core/loop.h"
#include "core/sched.h"
#include "core/signal.h"
#include "core/time_check.h"

#include <proa/context.h>
#include <proa/runner.h>

#define MAGIC_RUNNER 0x72756e72u

struct proa_runner {
    unsigned magic;
    struct proa_loop *loop;
    struct proa_run_opts opts;
    struct proa_context *context; /* of all mains */
    bool had_one;
    bool listens; /* to signals */
};

static struct sched *sched_of(const struct proa_runner *r)
{
    return r->loop->sched;
}

static void check(const struct proa_runner *runner, const char *what)
{
    PROA_CHECK(runner && runner->magic == MAGIC_RUNNER, "%s: runner %p was freed, or never made",
               what, (const void *)runner);
    proa__loop_check(runner->loop, what);
}

static int open_loop(struct proa_runner *r, const struct proa_runner_opts *o)
{
    int rc = proa__task_check_stack_size(o->run.stack_size);

    if (rc >= 0)
        rc = time_check_span(o->run.grace);
    if (rc >= 0)
        rc = proa_context_new(&r->context);
    if (rc >= 0)
        rc = proa__loop_new(&r->loop, &(struct loop_opts){
                                          .virtual_clock = o->run.virtual_clock,
                                          .base = o->base,
                                      });
    if (rc >= 0)
        rc = proa__sched_new(r->loop);
    if (rc >= 0)
        rc = proa__debug_begin(r->loop, &(struct debug_opts){o->run.debug, o->run.debug_slow});
    return rc;
}

int proa_runner_new(struct proa_runner **ret, const struct proa_runner_opts *opts)
{
    struct proa_runner_opts o;
    struct proa_runner *r;
    int rc = proa__opts_copy(&o, sizeof o, opts);

    if (rc < 0)
        return rc;
    if (proa__loop_current())
        return proa__fail(PROA_EBUSY, "this thread has a loop already");
    r = proa__zalloc(sizeof *r);
    if (!r)
        return PROA_ENOMEM;
    rc = open_loop(r, &o);
    if (rc < 0) {
        if (r->loop)
            proa__sched_free(r->loop);
        proa__loop_free(r->loop);
        proa_context_free(r->context);
        proa__free(r);
        return rc;
    }
    r->magic = MAGIC_RUNNER;
    r->opts = o.run;
    sched_of(r)->eager = o.run.eager;
    sched_of(r)->stays = true;
    proa__inspect_start(r->loop, o.run.inspect, o.run.dump_signal);
    if (o.run.shuffle)
        proa__sched_shuffle(sched_of(r), o.run.shuffle);
    if (r->loop->debug)
        proa__debug_runner_made(r);
    *ret = r;
    return 0;
}

/* SIGINT or SIGTERM: the main task alone, so that another may follow. */
static void cancel_main(void *arg, int signo)
{
    struct proa_runner *r = arg;
    struct proa_task *main = sched_of(r)->main;

    if (main)
        proa_task_cancel_for((struct proa_task_ref){main, main->seq}, proa__signal_reason(signo));
}

static void stop_listening(struct proa_runner *r)
{
    if (r->listens)
        proa__signals_end_stop(r->loop);
    r->listens = false;
}

int proa_runner_start(struct proa_runner *runner, proa_task_fn *fn, void *arg)
{
    int rc = 0;

    check(runner, __func__);
    if (sched_of(runner)->main)
        return proa__fail(PROA_EBUSY, "the runner has a main task that has not ended");
    stop_listening(runner);
    if (runner->opts.signals) {
        runner->listens = true;
        rc = proa__signals_end(runner->loop, cancel_main, runner);
    }
    if (rc >= 0)
        rc = proa__sched_start(sched_of(runner), fn, arg,
                               &(struct sched_main){
                                   .stack_size = runner->opts.stack_size,
                                   .grace = runner->opts.grace,
                                   .context = runner->context,
                               });
    if (rc < 0)
        stop_listening(runner);
    else
        runner->had_one = true;
    return rc;
}

int proa_runner_result(const struct proa_runner *runner)
{
    check(runner, __func__);
    if (!runner->had_one)
        return proa__fail(PROA_EINVAL, "the runner never had a main task");
    if (sched_of(runner)->main)
        return proa__fail(PROA_EAGAIN, "the main task has not ended");
    return sched_of(runner)->main_rc;
}

int proa_runner_run(struct proa_runner *runner, proa_task_fn *fn, void *arg)
{
    int rc;

    check(runner, __func__);
    if (runner->loop->running)
        return proa__fail(PROA_EBUSY, "the runner runs already");
    if (!fn && !sched_of(runner)->main)
        return proa__fail(PROA_EINVAL, "there is no main task to go on with");
    rc = fn ? proa_runner_start(runner, fn, arg) : 0;
    if (rc < 0)
        return rc;
    proa__loop_run(runner->loop);
    if (sched_of(runner)->main)
        return proa__fail(PROA_ESTOPPED, "the run was stopped before its main task ended");
    stop_listening(runner);
    return sched_of(runner)->main_rc;
}

bool proa_runner_step(struct proa_runner *runner, int64_t ns)
{
    check(runner, __func__);
    proa__loop_step(runner->loop, ns);
    if (sched_of(runner)->main)
        return true;
    stop_listening(runner);
    return false;
}

void proa_runner_stop(struct proa_runner *runner)
{
    check(runner, __func__);
    proa__loop_stop(runner->loop);
}

void proa_runner_free(struct proa_runner *runner)
{
    if (!runner)
        return;
    check(runner, __func__);
    PROA_CHECK(!runner->loop->running, "proa_runner_free: the runner runs");
    stop_listening(runner);
    proa__debug_runner_freed(runner);
    if (proa__sched_end(sched_of(runner), runner->opts.grace))
        do /* a task that ends may stop the loop */
            proa__loop_run(runner->loop);
        while (sched_of(runner)->root.running);
    proa__sched_free(runner->loop);
    proa__loop_free(runner->loop);
    proa_context_free(runner->context);
    runner->magic = 0;
    proa__free(runner);
}
