#include "core/call.h"
#include "core/debug.h"
#include "core/sched.h"
#include "core/test.h"
#include "core/view.h"

#include <proa/time.h>

/*
 * What a body left on its loop.
 */

static void tell_task(struct test_run *run, const struct proa_task *t)
{
    char buf[TASK_NAME_MAX];
    const char *name = proa__task_name(t, buf);
    struct view v = {0};

    if (t->state == TASK_NEW) {
        proa__test_problem(run, "leaves task %s, which has not run yet", name);
    } else if (t->state != TASK_PARKED) {
        proa__test_problem(run, "leaves task %s, which is ready to run", name);
    } else {
        proa__view_wait(&v, t);
        proa__test_problem(run, "leaves task %s, which waits in %s%s%s", name, v.call,
                           v.n ? ": " : "", v.text);
    }
}

static size_t find_tasks(struct test_run *run, struct sched *s)
{
    size_t n = 0;

    LIST_FOR_EACH (link, &s->root.tasks) {
        const struct proa_task *t = CONTAINER_OF(link, struct proa_task, sibling);

        if (t == proa__task_here)
            continue;
        tell_task(run, t);
        n++;
    }
    return n;
}

/* Returns how many of them have a timer. */
static size_t find_calls(struct test_run *run, const struct proa_loop *loop)
{
    size_t timers = 0;

    LIST_FOR_EACH (link, &loop->handles) {
        const struct handle *h = CONTAINER_OF(link, struct handle, link);

        switch (h->kind) {
        case CALL_SOON:
            proa__test_problem(run, "leaves a call that is due in the next turn");
            break;
        case CALL_LATER:
            timers += timer_running(&h->u.timer);
            if (h->u.timer.deadline == PROA_FOREVER)
                proa__test_problem(run, "leaves a call that is never due");
            else
                proa__test_problem(
                    run, "leaves a call that is due in %lld ms",
                    (long long)((h->u.timer.deadline - proa__loop_now(loop)) / PROA_MS));
            break;
        case CALL_DONE:
            break; /* that task is still there, and is told of, or it is this one */
        }
    }
    return timers;
}

void proa__test_leaks(struct test_run *run, struct proa_loop *loop)
{
    struct sched *s = loop->sched;
    size_t tasks = find_tasks(run, s);
    size_t timers;

    timers = find_calls(run, loop) + timer_running(&s->tidy.timer) + proa__debug_timers(loop);
    timers = proa__timers_count(loop) - timers;
    if (s->no_suspend)
        proa__test_problem(run, "leaves suspending forbidden");
    if (tasks)
        return; /* which may have timers, and stacks that are reserved */
    if (timers)
        proa__test_problem(run, "leaves %zu timer%s of something that was not freed", timers,
                           timers == 1 ? "" : "s");
    if (s->n_new)
        proa__test_problem(run, "leaves stacks reserved for %zu tasks that are not there",
                           s->n_new);
}
