#include "base/check.h"
#include "base/fail.h"
#include "core/loop.h"
#include "core/sched.h"
#include "core/scope.h"
#include "core/timer.h"

#include <proa/scope.h>

/* A timeout and a shield are the same thing, a scope with a clock; what expiry does differs. */
struct timed {
    struct scope scope;
    struct timer timer;
    int64_t ns; /* as asked for, for the words */
};

_Static_assert(sizeof(struct timed) <= sizeof(struct proa_timeout),
               "the public storage is too small");
_Static_assert(sizeof(struct timed) <= sizeof(struct proa_shield),
               "the public storage is too small");

static struct timed *timeout_of(struct proa_timeout *timeout)
{
    return (struct timed *)timeout;
}

static struct timed *shield_of(struct proa_shield *shield)
{
    return (struct timed *)shield;
}

/* ---- timeout */

static void timeout_expire(void *arg)
{
    struct timed *t = arg;

    t->scope.expired = true;
    proa__scope_cancel(&t->scope);
}

/* Arm, or expire at once. */
static void timeout_arm(struct timed *t, int64_t ns)
{
    struct proa_loop *loop = t->scope.task->sched->loop;

    t->ns = ns;
    if (ns == PROA_FOREVER)
        proa__timer_stop(&t->timer);
    else if (ns > 0)
        proa__timer_start(loop, &t->timer, proa_time_add(proa__loop_now(loop), ns), timeout_expire,
                          t);
    else {
        proa__timer_stop(&t->timer);
        timeout_expire(t);
    }
}

void proa_timeout_enter(struct proa_timeout *timeout, int64_t ns)
{
    struct timed *t = timeout_of(timeout);

    PROA_CHECK(proa__task_here, "PROA_TIMEOUT: no task runs here");
    proa__scope_push(proa__task_here, &t->scope, SCOPE_TIMEOUT);
    timeout_arm(t, ns);
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
        s->task->lost_rc = PROA_ETIMEDOUT;
    proa__scope_pop(s, "a PROA_TIMEOUT");
}

int proa_timeout_result(struct proa_timeout *timeout, int rc)
{
    struct timed *t = timeout_of(timeout);

    PROA_CHECK(t->scope.task, "proa_timeout_result: the timeout is not open");
    t->scope.asked = true;
    if (rc != PROA_ECANCELED || !t->scope.expired || t->scope.parent->eff)
        return rc;
    if (t->ns <= 0)
        return proa__fail(PROA_ETIMEDOUT, "timed out at once: no time was given");
    return proa__fail(PROA_ETIMEDOUT, "timed out after %lld.%03lld s",
                      (long long)(t->ns / PROA_SEC), (long long)(t->ns % PROA_SEC / PROA_MS));
}

bool proa_timeout_expired(const struct proa_timeout *timeout)
{
    return ((const struct timed *)timeout)->scope.expired;
}

int proa_timeout_reschedule(struct proa_timeout *timeout, int64_t ns)
{
    struct timed *t = timeout_of(timeout);

    PROA_CHECK(t->scope.task, "proa_timeout_reschedule: the timeout is not open");
    if (t->scope.expired)
        return proa__fail(PROA_ETIMEDOUT, "the deadline to be moved has passed");
    timeout_arm(t, ns);
    return 0;
}

int proa_wait_for(proa_task_fn *fn, void *arg, int64_t ns)
{
    PROA_TIMEOUT(t, ns);
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

    struct proa_loop *loop = here->sched->loop;

    if (ns <= 0 || here->sched->shields_over)
        shield_expire(t);
    else if (ns != PROA_FOREVER)
        proa__timer_start(loop, &t->timer, proa_time_add(proa__loop_now(loop), ns), shield_expire,
                          t);
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
    PROA_SHIELD(s, ns);
    return fn(arg);
}
