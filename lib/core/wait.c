#include "core/wait.h"

#include "base/check.h"
#include "core/debug.h"
#include "core/loop.h"
#include "core/sched.h"

/* ---- asking */

/* A call of `t` fails here. Remember it in the scopes that it may be due to: up to the outermost
 * that is cancelled. */
static int cut(struct proa_task *t, const char *what)
{
    if (__builtin_expect(t->sched->watched, 0))
        proa__debug_cut(t, what);
    for (struct scope *s = t->scope; s && s->task == t && s->eff; s = s->parent)
        s->cut = true;
    return PROA_ECANCELED;
}

/* A point where `t` could learn of a cancel. */
static void count_point(struct proa_task *t)
{
    struct sched *s = t->sched;

    s->inject_points++;
    if (s->inject_at == s->inject_points)
        proa__scope_cancel(&t->root);
}

int proa__wait_cut(void)
{
    return cut(proa__task_here, NULL);
}

/* A loop that ignores its cancel must not stop everybody else: its budget counts too. */
static bool give_way_though_cancelled(struct proa_task *t)
{
    return --t->budget <= 0 && !t->sched->no_suspend;
}

int proa__wait_enter_slow(const char *what)
{
    struct proa_task *t = proa__task_here;

    PROA_CHECK(t, "%s: no task runs here, and what may wait must be called in one", what);
    if (t->sched->inject_on) {
        t->budget = 1;
        count_point(t);
    } else if (!t->scope->eff || give_way_though_cancelled(t))
        proa__wait_yield();
    return t->scope->eff ? cut(t, what) : 0;
}

/* ---- sleeping */

static void unlink_all(struct wait *w, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        list_remove(&w[i].link);
        w[i].of = NULL;
    }
}

static void check_may_suspend(const struct proa_task *t)
{
    PROA_CHECK(t, "no task runs here that could wait");
    PROA_CHECK(!t->sched->no_suspend, "a task waits where waiting is forbidden");
}

void proa__wait_before_park(void (*fn)(void *arg), void *arg)
{
    PROA_CHECK(proa__task_here, "no task runs here that could wait");
    proa__task_here->before_park = fn;
    proa__task_here->before_park_arg = arg;
}

static void tell_before_park(struct proa_task *t)
{
    void (*fn)(void *arg) = t->before_park;

    t->before_park = NULL;
    fn(t->before_park_arg);
}

static int sleep_on(struct proa_task *t, struct wait *w, size_t n, bool firm)
{
    if (__builtin_expect(t->before_park != NULL, 0))
        tell_before_park(t);
    for (size_t i = 0; i < n; i++)
        w[i].of = t;
    t->waits = w;
    t->n_waits = (uint32_t)n;
    t->firm = firm;
    t->state = TASK_PARKED;
    proa__sched_leave(t);
    return t->winner;
}

int proa__wait_park(struct wait *w, size_t n, const struct wait_kind *what, const void *on)
{
    struct proa_task *t = proa__task_here;

    w->what = what; /* first: kept in registers meanwhile they would cost more */
    w->on = on;
    check_may_suspend(t);
    if (t->sched->inject_on)
        count_point(t);
    if (t->scope->eff) {
        unlink_all(w, n);
        return cut(t, NULL);
    }

    int rc = sleep_on(t, w, n, false);

    return rc < 0 ? cut(t, NULL) : rc;
}

int proa__wait_park_firm(struct wait *w, size_t n, const struct wait_kind *what, const void *on)
{
    struct proa_task *t = proa__task_here;

    w->what = what;
    w->on = on;
    check_may_suspend(t);
    if (t->sched->inject_on)
        count_point(t);
    return sleep_on(t, w, n, true);
}

void proa__wait_yield(void)
{
    struct proa_task *t = proa__task_here;

    check_may_suspend(t);
    t->state = TASK_READY;
    sched_push(t->sched, t);
    proa__sched_leave(t);
}

/* ---- waking */

static void wake(struct proa_task *t, int winner)
{
    t->winner = winner;
    t->waits = NULL;
    t->state = TASK_READY;
    sched_push(t->sched, t);
}

void proa__wait_wake_one(struct wait *w, void *slot, int code)
{
    struct proa_task *t = w->of;

    if (!t)
        return;
    w->slot = slot;
    w->code = code;
    unlink_all(t->waits, t->n_waits);
    wake(t, (int)(w - t->waits));
}

bool proa__wait_wake(struct list *list, void *slot, int code)
{
    struct list *link = list_first(list);

    if (!link)
        return false;
    proa__wait_wake_one(CONTAINER_OF(link, struct wait, link), slot, code);
    return true;
}

bool proa__wait_hand_over(struct list *list, struct proa_task_ref ref)
{
    struct list *link = list_first(list);

    if (!link)
        return false;

    struct wait *w = CONTAINER_OF(link, struct wait, link);

    *(struct proa_task_ref *)w->slot = ref;
    proa__wait_wake_one(w, w->slot, 1);
    return true;
}

void proa__wait_wake_all(struct list *list, int code)
{
    while (proa__wait_wake(list, NULL, code))
        ;
}

void proa__wait_move(struct wait *w, struct list *to)
{
    PROA_CHECK(w->of && w->of->n_waits == 1, "a task that waits for several things is moved");
    list_remove(&w->link);
    list_push(to, &w->link);
    w->of->firm = true;
}

void proa__wait_cancel(struct proa_task *t)
{
    if (t->state != TASK_PARKED || t->firm)
        return;
    unlink_all(t->waits, t->n_waits);
    wake(t, PROA_ECANCELED);
}

/* ---- debugging */

void proa__forbid_suspend(void)
{
    struct proa_loop *loop = proa__loop_current();

    if (loop && loop->sched)
        loop->sched->no_suspend++;
}

void proa__allow_suspend(void)
{
    struct proa_loop *loop = proa__loop_current();

    if (loop && loop->sched)
        loop->sched->no_suspend--;
}

void proa__wait_inject(uint64_t n)
{
    struct sched *s = proa__loop_need(__func__)->sched;

    s->inject_on = true;
    sched_rewatch(s);
    s->inject_at = n;
    s->inject_points = 0;
    if (proa__task_here)
        proa__task_here->budget = 1;
}

uint64_t proa__wait_inject_stop(void)
{
    struct sched *s = proa__loop_need(__func__)->sched;

    s->inject_on = false;
    sched_rewatch(s);
    return s->inject_points;
}
