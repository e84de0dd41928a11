#include "base/fail.h"
#include "base/opts.h"
#include "core/sched.h"

#include <proa/err.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/service.h>
#include <proa/time.h>

#define LIMIT_DEFAULT 10
#define DELAY_DEFAULT (100 * PROA_MS)
#define DELAY_MAX_DEFAULT (30 * PROA_SEC)
#define SETTLED_DEFAULT (60 * PROA_SEC)

struct service {
    proa_task_fn *fn;
    void *arg;
    struct proa_keep_running_opts o;
    size_t restarts; /* in a row */
    int64_t delay;   /* before the next one */
};

static int fill_in(struct proa_keep_running_opts *o)
{
    if (o->delay < 0 || o->delay_max < 0 || o->settled < 0)
        return proa__fail(PROA_EINVAL, "a service with a time below zero");
    o->limit = o->limit ? o->limit : LIMIT_DEFAULT;
    o->delay = o->delay ? o->delay : DELAY_DEFAULT;
    o->delay_max = o->delay_max ? o->delay_max : DELAY_MAX_DEFAULT;
    o->settled = o->settled ? o->settled : SETTLED_DEFAULT;
    return proa__task_check_stack_size(o->stack_size);
}

static void begin_row(struct service *s)
{
    s->restarts = 0;
    s->delay = s->o.delay < s->o.delay_max ? s->o.delay : s->o.delay_max;
}

/* A task of its own: what it forgot ends with it. */
static int attempt(const struct service *s)
{
    struct proa_task_ref ref;
    PROA_GROUP(g);
    int rc = proa_create_task_opts(
        &g, &ref, s->fn, s->arg, PROA_TASK_OPTS(.name = s->o.name, .stack_size = s->o.stack_size));
    int all = proa_group_join(&g);

    if (rc < 0)
        return rc;
    return all < 0 ? all : proa_task_result(ref);
}

/* May there be one more? */
static bool again(const struct service *s, int rc)
{
    return (rc < 0 || s->o.always) && !proa_is_cancelled() && s->restarts < s->o.limit;
}

static int wait_a_while(struct service *s)
{
    int64_t delay = s->delay;

    s->restarts++;
    s->delay = delay > s->o.delay_max / 2 ? s->o.delay_max : 2 * delay;
    return proa_sleep(delay);
}

static void tell(const struct service *s, int rc)
{
    const struct proa_fault fault = {
        .rc = rc,
        .task = s->o.name ? s->o.name : "of a service",
        .detail = proa_err_detail(rc),
    };

    if (rc < 0)
        proa__sched_fault(proa__loop_current()->sched, &fault, NULL);
}

static int at_last(const struct service *s, int rc)
{
    if (rc >= 0 || proa_is_cancelled() || s->restarts == 0)
        return rc;
    return proa__fail(rc, "failed although started again %zu times: %s", s->restarts,
                      proa_err_detail(rc));
}

int proa_keep_running(proa_task_fn *fn, void *arg, const struct proa_keep_running_opts *opts)
{
    struct service s = {.fn = fn, .arg = arg};
    int rc = proa__opts_copy(&s.o, sizeof s.o, opts);

    if (rc >= 0)
        rc = fill_in(&s.o);
    if (rc < 0)
        return rc;
    begin_row(&s);
    for (;;) {
        int64_t began = proa_now();

        rc = attempt(&s);
        if (proa_now() - began >= s.o.settled)
            begin_row(&s);
        if (!again(&s, rc))
            return at_last(&s, rc);
        tell(&s, rc);
        rc = wait_a_while(&s);
        if (rc < 0)
            return rc;
    }
}
