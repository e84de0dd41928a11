#include "base/check.h"
#include "base/fail.h"
#include "core/loop.h"
#include "core/sched.h"
#include "core/scope.h"
#include "core/time_check.h"
#include "core/timer.h"

#include <proa/scope.h>

/* A timeout and a shield are the same thing, a scope with a clock; what expiry does differs. */
struct timed {
    struct scope scope;
    struct timer timer;
    int64_t when; /* the deadline; a shield holds until then */
    int64_t ns;   /* as asked for, for the words */
    bool quiet;   /* its expiry is no failure */
};

_Static_assert(sizeof(struct timed) <= sizeof(struct proa_timeout),
               "the public storage is too small");
_Static_assert(sizeof(struct timed) <= sizeof(struct proa_shield),
               "the public storage is too small");

static struct timed *timeout_of(struct proa_timeout *timeout)
{
    return (struct timed *)timeout;
}

/* The same, aborting in the name of the call `what` unless it is open; NULL is not. */
static struct timed *open_one(struct proa_timeout *timeout, const char *what)
{
    proa__scope_need_open((const struct scope *)timeout, what, "timeout"); /* its first member */
    return timeout_of(timeout);
}

static struct timed *shield_of(struct proa_shield *shield)
{
    return (struct timed *)shield;
}

static int64_t now_of(const struct timed *t)
{
    return proa__loop_now(t->scope.task->sched->loop);
}

/* ---- timeout */

static void timeout_expire(void *arg)
{
    struct timed *t = arg;

    if (!t->scope.eff)
        t->scope.cut = false; /* what was cut before was not by this */
    t->scope.expired = true;
    proa__scope_cancel(&t->scope);
}

int64_t proa__timeout_when(const struct scope *s)
{
    return CONTAINER_OF(s, struct timed, scope)->when;
}

/* Arm for `when`, which is `ns` from now, or expire at once. */
static void timeout_arm(struct timed *t, int64_t when, int64_t ns)
{
    t->when = when;
    t->ns = ns;
    if (ns > 0 && when != PROA_FOREVER) {
        proa__timer_start(t->scope.task->sched->loop, &t->timer, when, timeout_expire, t);
        return;
    }
    proa__timer_stop(&t->timer);
    if (ns <= 0)
        timeout_expire(t);
}

static void arm_after(struct timed *t, int64_t ns)
{
    timeout_arm(t, proa__loop_due(t->scope.task->sched->loop, ns), ns);
}

static void arm_at(struct timed *t, int64_t when)
{
    int64_t ns = PROA_FOREVER;

    if (when != PROA_FOREVER && __builtin_sub_overflow(when, now_of(t), &ns))
        ns = INT64_MIN; /* so long ago that it cannot be told */
    timeout_arm(t, when, ns);
}

static struct timed *open_timeout(struct proa_timeout *timeout)
{
    struct timed *t = timeout_of(timeout);

    PROA_CHECK(proa__task_here, "PROA_TIMEOUT: no task runs here");
    proa__scope_push(proa__task_here, &t->scope, SCOPE_TIMEOUT);
    return t;
}

void proa_timeout_enter(struct proa_timeout *timeout, int64_t ns)
{
    arm_after(open_timeout(timeout), ns);
}

void proa_timeout_enter_at(struct proa_timeout *timeout, int64_t when)
{
    arm_at(open_timeout(timeout), when);
}

void proa_timeout_set_quiet(struct proa_timeout *timeout)
{
    struct timed *t = open_one(timeout, __func__);

    t->quiet = true;
}

void proa_timeout_leave(struct proa_timeout *timeout)
{
    struct timed *t = timeout_of(timeout);
    struct scope *s = &t->scope;

    if (!s->task)
        return;
    if (timer_running(&t->timer))
        proa__timer_stop(&t->timer);
    else if (s->expired && s->cut && !s->asked && !s->parent->eff)
        s->task->lost_rc = t->quiet ? 1 : PROA_ETIMEDOUT;
    proa__scope_pop(s, "a PROA_TIMEOUT");
}

static int timed_out(const struct timed *t)
{
    if (t->ns <= 0)
        return proa__fail(PROA_ETIMEDOUT, "timed out at once: no time was given");
    return proa__fail(PROA_ETIMEDOUT, "timed out after %lld.%03lld s",
                      (long long)(t->ns / PROA_SEC), (long long)(t->ns % PROA_SEC / PROA_MS));
}

int proa_timeout_result(struct proa_timeout *timeout, int rc)
{
    struct timed *t = open_one(timeout, __func__);

    t->scope.asked = true;
    if (!t->scope.expired || t->scope.parent->eff)
        return rc;
    if (rc == PROA_ECANCELED)
        return t->quiet ? 0 : timed_out(t);
    return rc >= 0 && t->scope.cut && !t->quiet ? timed_out(t) : rc;
}

bool proa_timeout_expired(const struct proa_timeout *timeout)
{
    return ((const struct timed *)timeout)->scope.expired;
}

int64_t proa_timeout_when(const struct proa_timeout *timeout)
{
    return ((const struct timed *)timeout)->when;
}

static int passed(void)
{
    return proa__fail(PROA_ETIMEDOUT, "the deadline to be moved has passed");
}

int proa_timeout_reschedule(struct proa_timeout *timeout, int64_t ns)
{
    struct timed *t = open_one(timeout, __func__);
    int rc;

    rc = time_check_span(ns);
    if (rc < 0)
        return rc;
    if (t->scope.expired)
        return passed();
    arm_after(t, ns);
    return 0;
}

int proa_timeout_reschedule_at(struct proa_timeout *timeout, int64_t when)
{
    struct timed *t = open_one(timeout, __func__);
    int rc = time_check_moment(when);

    if (rc < 0)
        return rc;
    if (t->scope.expired)
        return passed();
    arm_at(t, when);
    return 0;
}

int proa_wait_for(proa_task_fn *fn, void *arg, int64_t ns)
{
    int rc = time_check_span(ns);

    if (rc < 0)
        return rc;
    PROA_TIMEOUT(t, ns);
    rc = fn(arg);
    timeout_of(&t)->scope.asked = true;
    return rc == PROA_ECANCELED ? proa_timeout_result(&t, rc) : rc; /* a value counts */
}

int proa_move_on_after(proa_task_fn *fn, void *arg, int64_t ns)
{
    int rc = time_check_span(ns);

    if (rc < 0)
        return rc;
    PROA_MOVE_ON_AFTER(t, ns);
    return proa_timeout_result(&t, fn(arg));
}

/* ---- shield */

static void shield_expire(void *arg)
{
    struct timed *t = arg;

    t->scope.expired = true;
    proa__scope_update(&t->scope);
}

void proa_shield_enter(struct proa_shield *shield, int64_t ns)
{
    struct proa_task *here = proa__task_here;
    struct timed *t = shield_of(shield);

    PROA_CHECK(here, "PROA_SHIELD: no task runs here");
    proa__scope_push(here, &t->scope, SCOPE_SHIELD);
    t->ns = ns;
    t->when = ns;
    if (ns <= 0 || here->sched->shields_over) {
        shield_expire(t);
    } else if (ns != PROA_FOREVER) {
        t->when = proa__loop_due(here->sched->loop, ns);
        proa__timer_start(here->sched->loop, &t->timer, t->when, shield_expire, t);
    }
}

void proa_shield_leave(struct proa_shield *shield)
{
    struct timed *t = shield_of(shield);

    if (!t->scope.task)
        return;
    proa__timer_stop(&t->timer);
    proa__scope_pop(&t->scope, "a PROA_SHIELD");
}

int proa_shield(proa_task_fn *fn, void *arg, int64_t ns)
{
    int rc = time_check_span(ns);

    if (rc < 0)
        return rc;
    PROA_SHIELD(s, ns);
    return fn(arg);
}

/* ---- when a call fails here at the latest */

/*
 * Each scope cancels at its own deadline, but not before all shields further in are over. The
 * earliest of these moments, from the innermost scope to the outermost.
 */
int64_t proa_effective_deadline(void)
{
    const struct scope *s = proa__task_here ? proa__task_here->scope : NULL;
    int64_t earliest = PROA_FOREVER;
    int64_t held = INT64_MIN; /* by shields, until then */

    if (s && s->eff)
        return INT64_MIN;
    for (; s; s = s->parent) {
        const struct timed *t = (const struct timed *)s;
        int64_t own = s->cancelled ? INT64_MIN : PROA_FOREVER;

        if (s->kind == SCOPE_TIMEOUT)
            own = t->when;
        if (own < held)
            own = held;
        if (own < earliest)
            earliest = own;
        if (s->kind == SCOPE_SHIELD && !s->expired && t->when > held)
            held = t->when;
    }
    return earliest;
}
