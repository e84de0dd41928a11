#include "core/loop.h"
#include "core/sched.h"
#include "core/time_check.h"
#include "core/timer.h"
#include "core/view.h"
#include "core/wait.h"

#include <proa/task.h>
#include <proa/time.h>

int proa_yield(void)
{
    int rc = proa__wait_enter(__func__);

    if (rc < 0)
        return rc;
    proa__wait_yield();
    return 0;
}

int proa_checkpoint(void)
{
    return proa__wait_enter(__func__);
}

static void time_is_up(void *w)
{
    proa__wait_wake_one(w, NULL, 0);
}

static void describe(const void *when, struct view *v)
{
    proa__view_left(v, *(const int64_t *)when);
}

static const struct wait_kind waits = {.call = "proa_sleep", .describe = describe};

/* The caller has passed proa__wait_enter. */
static int sleep_until(int64_t when)
{
    struct timer timer = {0};
    struct wait w;

    proa__wait_link(NULL, &w);
    if (when != PROA_FOREVER)
        proa__timer_start(proa__task_here->sched->loop, &timer, when, time_is_up, &w);

    int rc = proa__wait_park(&w, 1, &waits, &when);

    proa__timer_stop(&timer);
    return rc < 0 ? rc : 0;
}

int proa_sleep(int64_t ns)
{
    int rc = time_check_span(ns);

    if (rc >= 0)
        rc = proa__wait_enter(__func__);
    if (rc < 0)
        return rc;
    if (ns <= 0) {
        proa__wait_yield();
        return 0;
    }
    return sleep_until(proa__loop_due(proa__task_here->sched->loop, ns));
}

int proa_sleep_until(int64_t when)
{
    int rc = time_check_moment(when);

    if (rc >= 0)
        rc = proa__wait_enter(__func__);
    if (rc < 0)
        return rc;
    if (when <= proa__loop_now(proa__task_here->sched->loop)) {
        proa__wait_yield();
        return 0;
    }
    return sleep_until(when);
}
