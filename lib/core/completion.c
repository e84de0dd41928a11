#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "core/sched.h"
#include "core/task.h"
#include "core/time_check.h"
#include "core/timer.h"
#include "core/view.h"
#include "core/wait.h"

#include <proa/wait.h>

/* ---- proa_wait */

#define FEW_TASKS 8 /* are watched without an allocation */

struct vigil;

struct vigil_watch {
    struct task_watch watch;
    struct vigil *of;
};

/* One call of proa_wait. */
struct vigil {
    const struct proa_task_ref *tasks;
    size_t n;
    size_t running;
    size_t enough; /* it is over when no more than that run */
    bool failed;
    enum proa_return_when when;
    struct wait wait;
};

static bool has_ended(struct proa_task_ref ref)
{
    return !proa__task_is_valid(ref) || ref.task->state == TASK_DONE;
}

static bool is_failure(int rc)
{
    return rc < 0 && rc != PROA_ECANCELED;
}

static bool is_over(const struct vigil *v)
{
    return v->running <= v->enough || (v->when == PROA_FIRST_EXCEPTION && v->failed);
}

static void one_ended(struct task_watch *watch, int rc)
{
    struct vigil *v = CONTAINER_OF(watch, struct vigil_watch, watch)->of;

    v->running--;
    v->failed = v->failed || is_failure(rc);
    if (is_over(v))
        proa__wait_wake_one(&v->wait, NULL, 0);
}

static void time_is_up(void *arg)
{
    struct vigil *v = arg;

    proa__wait_wake_one(&v->wait, NULL, 0);
}

static void look(struct vigil *v)
{
    for (size_t i = 0; i < v->n; i++) {
        struct proa_task_ref ref = v->tasks[i];

        if (!has_ended(ref)) {
            proa__task_not_itself(ref.task, "proa_wait");
            v->running++;
        } else if (proa__task_is_valid(ref))
            v->failed = v->failed || is_failure(ref.task->rc);
    }
    v->enough = v->when == PROA_FIRST_COMPLETED ? v->n - 1 : 0;
}

static void watch_all(struct vigil *v, struct vigil_watch *watches)
{
    for (size_t i = 0; i < v->n; i++) {
        watches[i].of = v;
        watches[i].watch.fn = one_ended;
        if (has_ended(v->tasks[i]))
            list_init(&watches[i].watch.link);
        else
            task_watch(v->tasks[i].task, &watches[i].watch);
    }
}

static void unwatch_all(struct vigil_watch *watches, size_t n)
{
    for (size_t i = 0; i < n; i++)
        list_remove(&watches[i].watch.link);
}

static void describe_vigil(const void *vigil, struct view *out)
{
    const struct vigil *v = vigil;

    proa__view_say(out, "%zu of %zu tasks still run", v->running, v->n);
}

static const struct wait_kind waits = {.call = "proa_wait", .describe = describe_vigil};

static int sleep_on(struct vigil *v, struct vigil_watch *watches, int64_t ns)
{
    struct proa_loop *loop = proa__task_here->sched->loop;
    struct timer timer = {0};
    int rc;

    watch_all(v, watches);
    proa__wait_link(NULL, &v->wait);
    proa__timer_start_after(loop, &timer, ns, time_is_up, v);
    rc = proa__wait_park(&v->wait, 1, &waits, v);
    proa__timer_stop(&timer);
    unwatch_all(watches, v->n);
    return rc < 0 ? rc : 0;
}

static int sleep_on_many(struct vigil *v, int64_t ns)
{
    struct vigil_watch *watches;
    size_t size;
    int rc;

    if (__builtin_mul_overflow(v->n, sizeof *watches, &size))
        return PROA_ENOMEM;
    watches = proa__alloc(size);
    if (!watches)
        return PROA_ENOMEM;
    rc = sleep_on(v, watches, ns);
    proa__free(watches);
    return rc;
}

static int sleep_on_few(struct vigil *v, int64_t ns)
{
    struct vigil_watch watches[FEW_TASKS];

    return sleep_on(v, watches, ns);
}

static int count_ended(const struct vigil *v, bool *ret_done)
{
    int count = 0;

    for (size_t i = 0; i < v->n; i++) {
        bool ended = has_ended(v->tasks[i]);

        if (ret_done)
            ret_done[i] = ended;
        count += ended;
    }
    return count;
}

static int check_arguments(size_t n, enum proa_return_when when, int64_t ns)
{
    if (n == 0 || n > INT32_MAX)
        return proa__fail(PROA_EINVAL, "proa_wait: %zu tasks cannot be waited for", n);
    if (when < PROA_ALL_COMPLETED || when > PROA_FIRST_EXCEPTION)
        return proa__fail(PROA_EINVAL, "proa_wait: there is no way %d to wait", (int)when);
    return time_check_span(ns);
}

int proa_wait(const struct proa_task_ref *tasks, size_t n, bool *ret_done,
              enum proa_return_when when, int64_t ns)
{
    struct vigil v = {.tasks = tasks, .n = n, .when = when};
    int rc = check_arguments(n, when, ns);

    if (rc < 0)
        return rc;
    rc = proa__wait_enter(__func__);
    if (rc < 0)
        return rc;
    look(&v);
    if (!is_over(&v)) {
        if (ns <= 0)
            proa__wait_yield();
        else
            rc = n <= FEW_TASKS ? sleep_on_few(&v, ns) : sleep_on_many(&v, ns);
    }
    return rc < 0 ? rc : count_ended(&v, ret_done);
}

/* ---- proa_as_completed */

#define MAGIC_AS_COMPLETED 0x61736370u

struct entry {
    struct task_watch watch; /* its link: in the task's list, then in row->ended */
    struct proa_as_completed *row;
    struct proa_task_ref task;
};

struct proa_as_completed {
    unsigned magic;
    struct proa_loop *loop;
    size_t running;
    struct list ended;   /* struct entry, oldest first; not given yet */
    struct list waiters; /* struct wait, its slot for the task; empty unless ended is, and some run
                          */
    size_t n;
    struct entry entries[];
};

static void entry_ended(struct task_watch *watch, int rc)
{
    struct entry *e = CONTAINER_OF(watch, struct entry, watch);
    struct proa_as_completed *row = e->row;

    (void)rc;
    row->running--;
    if (!proa__wait_hand_over(&row->waiters, e->task))
        list_push(&row->ended, &e->watch.link);
    if (row->running == 0)
        proa__wait_wake_all(&row->waiters, 0);
}

static void add_entry(struct proa_as_completed *row, struct entry *e, struct proa_task_ref task)
{
    e->watch.fn = entry_ended;
    e->row = row;
    e->task = task;
    if (has_ended(task)) {
        list_push(&row->ended, &e->watch.link);
        return;
    }
    task_watch(task.task, &e->watch);
    row->running++;
}

int proa_as_completed_new(struct proa_as_completed **ret, const struct proa_task_ref *tasks,
                          size_t n)
{
    struct proa_loop *loop = proa__loop_need(__func__);
    struct proa_as_completed *row;
    size_t size;

    if (__builtin_mul_overflow(n, sizeof row->entries[0], &size) ||
        __builtin_add_overflow(size, sizeof *row, &size))
        return proa__fail(PROA_EINVAL, "%s: %zu are more tasks than there can be", __func__, n);
    row = proa__alloc(size);
    if (!row)
        return PROA_ENOMEM;
    *row = (struct proa_as_completed){.magic = MAGIC_AS_COMPLETED, .loop = loop, .n = n};
    list_init(&row->ended);
    list_init(&row->waiters);
    for (size_t i = 0; i < n; i++)
        add_entry(row, &row->entries[i], tasks[i]);
    *ret = row;
    return 0;
}

static void check_nobody_waits(const struct proa_as_completed *row)
{
    const struct list *first = list_first(&row->waiters);
    const struct wait *w = CONTAINER_OF(first, struct wait, link);
    char buf[TASK_NAME_MAX];

    PROA_CHECK(!first, "proa_as_completed_free: task %s still waits for the next one of the row",
               proa__task_name(w->of, buf));
}

void proa_as_completed_free(struct proa_as_completed *row)
{
    if (!row)
        return;
    PROA_CHECK_OBJ(row, MAGIC_AS_COMPLETED);
    proa__loop_check(row->loop, __func__);
    check_nobody_waits(row);
    for (size_t i = 0; i < row->n; i++)
        list_remove(&row->entries[i].watch.link);
    row->magic = 0;
    proa__free(row);
}

/* If the caller's own end is all that is left to come, it would wait for ever. */
static void check_not_last(const struct proa_as_completed *row, const struct proa_task *t)
{
    for (size_t i = 0; row->running == 1 && i < row->n; i++)
        if (row->entries[i].task.seq == t->seq)
            proa__task_not_itself(t, "proa_as_completed_next");
}

static void describe_row(const void *object, struct view *v)
{
    const struct proa_as_completed *row = object;

    proa__view_object(v, "row", row);
    proa__view_say(v, ", %zu of %zu tasks still run", row->running, row->n);
}

static const struct wait_kind nexts = {
    .call = "proa_as_completed_next",
    .describe = describe_row,
};

/* None has ended that was not given: wait for one. The row may be freed before this one runs. */
static int wait_for_one(struct proa_as_completed *row, struct proa_task_ref *ret)
{
    struct proa_task_ref given;
    struct wait w;
    int rc;

    check_not_last(row, proa__task_here);
    proa__wait_link(&row->waiters, &w);
    w.slot = &given;
    rc = proa__wait_park(&w, 1, &nexts, row);
    if (rc < 0)
        return rc;
    if (w.code)
        *ret = given;
    return w.code;
}

int proa_as_completed_next(struct proa_as_completed *row, struct proa_task_ref *ret)
{
    struct list *link;
    int rc;

    PROA_CHECK_OBJ(row, MAGIC_AS_COMPLETED);
    proa__loop_check(row->loop, __func__);
    rc = proa__wait_enter(__func__);
    if (rc < 0)
        return rc;
    link = list_pop(&row->ended);
    if (!link)
        return row->running ? wait_for_one(row, ret) : 0;
    *ret = CONTAINER_OF(link, struct entry, watch.link)->task;
    return 1;
}
