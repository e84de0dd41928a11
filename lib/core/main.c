#include "core/main.h"

#include "base/fail.h"
#include "base/log.h"
#include "base/opts.h"
#include "core/loop.h"
#include "core/signal.h"

#include <proa/err.h>

#include <stdio.h>
#include <unistd.h>

#define STATUS_FAILED 1
#define STATUS_SIGNAL 128
#define STATUS_MOST 255

/* Say what failed: here, or through the parent, who says it once for all workers. */
static void tell(int parent, int rc)
{
    struct main_message m = {.kind = MAIN_FAILED};

    if (parent < 0) {
        proa__log(PROA_LOG_ERROR, "%s (%s)", proa_err_detail(rc), proa_err_name(rc));
        return;
    }
    snprintf(m.u.text, sizeof m.u.text, "%s (%s)", proa_err_detail(rc), proa_err_name(rc));
    proa__main_tell(parent, &m);
}

static int status_of(int parent, int rc)
{
    int signo = proa__signals_ended_by();

    if (rc == PROA_ECANCELED && signo)
        return STATUS_SIGNAL + signo;
    if (rc < 0) {
        tell(parent, rc);
        return STATUS_FAILED;
    }
    return rc < STATUS_MOST ? rc : STATUS_MOST;
}

static int run_here(proa_task_fn *fn, void *arg, const struct proa_main_opts *o, unsigned slot,
                    int parent)
{
    const struct crew_opts crew = {
        .fn = fn,
        .arg = arg,
        .threads = o->threads ? o->threads : 1,
        .first_slot = slot,
        .parent = parent,
        .run =
            {
                .size = sizeof crew.run,
                .stack_size = o->stack_size,
                .grace = o->grace,
                .signals = true,
                .debug = o->debug,
                .inspect = o->inspect,
                .dump_signal = o->dump_signal,
            },
    };
    bool alone = crew.threads == 1 && parent < 0;
    int rc = alone ? proa_run(fn, arg, &crew.run) : proa__crew_run(&crew);

    return status_of(parent, rc);
}

int proa_main(proa_task_fn *fn, void *arg, const struct proa_main_opts *opts)
{
    struct proa_main_opts o;
    unsigned slot = 0;
    int parent = -1;
    int rc = proa__opts_copy(&o, sizeof o, opts);

    if (rc < 0)
        return status_of(-1, rc);
    if (proa__loop_current())
        return status_of(-1,
                         proa__fail(PROA_EBUSY, "proa_main: a loop runs in this thread already"));
    if (o.workers) {
        rc = proa__parent_run(o.workers, o.threads ? o.threads : 1, &slot, &parent);
        if (rc >= 0)
            return rc;
    }
    rc = run_here(fn, arg, &o, slot, parent);
    if (parent >= 0)
        close(parent);
    return rc;
}
