#include "core/arm.h"
#include "core/loop.h"
#include "core/time_check.h"
#include "core/timer.h"

#include <limits.h>

/* A moment, alone or every so often. */
struct timer_arm {
    struct arm arm;
    struct timer timer;
    struct wait *wait;
    int64_t deadline;
    int64_t period; /* 0: once */
};
ARM_FITS(struct timer_arm);

static struct timer_arm *timer_of(struct arm *arm)
{
    return (struct timer_arm *)arm;
}

/* The deadline has passed: how often, and which is the next? */
static int count(struct timer_arm *t, int64_t now)
{
    int64_t ticks;

    if (!t->period)
        return 0;
    ticks = 1 + (now - t->deadline) / t->period;
    t->deadline = proa_time_add(t->deadline, ticks * t->period);
    return ticks < INT_MAX ? (int)ticks : INT_MAX;
}

static bool try_timer(struct arm *arm)
{
    struct timer_arm *t = timer_of(arm);
    int64_t now;

    if (arm->rc < 0)
        return true;
    if (t->deadline == PROA_FOREVER)
        return false;
    now = proa__loop_now(proa__loop_here);
    if (now < t->deadline)
        return false;
    arm->rc = count(t, now);
    return true;
}

static void on_time(void *arg)
{
    struct timer_arm *t = arg;

    proa__wait_wake_one(t->wait, NULL, 0);
}

static bool link_timer(struct arm *arm, struct wait *w)
{
    struct timer_arm *t = timer_of(arm);

    proa__wait_link(NULL, w);
    t->wait = w;
    if (t->deadline != PROA_FOREVER)
        proa__timer_start(proa__loop_here, &t->timer, t->deadline, on_time, t);
    return true;
}

static void take_timer(struct arm *arm, struct wait *w)
{
    (void)w;
    arm->rc = count(timer_of(arm), proa__loop_now(proa__loop_here));
}

static void stop_timer(struct arm *arm)
{
    proa__timer_stop(&timer_of(arm)->timer);
}

static void describe_time(const struct arm *arm, struct view *v)
{
    proa__view_left(v, ((const struct timer_arm *)arm)->deadline);
}

static const struct arm_ops timer_ops = {
    .try = try_timer,
    .link = link_timer,
    .take = take_timer,
    .undo = stop_timer,
    .call = "timer",
    .detail = describe_time,
};

static struct proa_case timer_case(int rc, int64_t ns, int64_t period)
{
    int64_t now = proa__loop_now(proa__loop_need("proa_case_timer"));
    struct timer_arm t = {
        .arm = {.rc = rc, .ops = &timer_ops},
        .deadline = proa_time_add(now, ns),
        .period = period,
    };
    struct proa_case c = {0};

    memcpy(&c, &t, sizeof t);
    return c;
}

struct proa_case proa_case_timer(int64_t ns)
{
    return timer_case(time_check_span(ns), ns, 0);
}

struct proa_case proa_case_ticker(int64_t ns)
{
    return timer_case(ns > 0 ? time_check_span(ns) : PROA_EINVAL, ns, ns == PROA_FOREVER ? 0 : ns);
}
