#include "core/start.h"

#include "base/check.h"
#include "base/opts.h"
#include "core/group.h"
#include "core/sched.h"
#include "core/view.h"
#include "core/wait.h"

struct start {
    struct wait wait; /* the creator's */
    bool waiting;     /* it sleeps on that */
    bool over;        /* ready, or ended */
    bool given_up;    /* the creator was cancelled */
    int rc;
    void *value;
    struct err_slot err; /* the words of rc */
};

static void finish(struct start *start, int rc)
{
    start->over = true;
    start->rc = rc;
    if (start->waiting)
        proa__wait_wake_one(&start->wait, NULL, 0);
}

int proa_task_ready(void *value)
{
    struct proa_task *t = proa__task_here;
    struct start *start;

    PROA_CHECK(t, "proa_task_ready: no task runs here");
    start = t->more ? t->more->start : NULL;
    if (!start)
        return 0; /* nobody waits for it, or it has said so before */
    if (start->given_up)
        return proa__wait_cut();
    t->more->start = NULL;
    start->value = value;
    finish(start, 0);
    return 0;
}

/* What the creator is told of a task that ended with `rc` before it was ready. */
static int told(const struct start *start, const struct proa_task *t, int rc)
{
    char buf[TASK_NAME_MAX];
    const char *name = proa__task_name(t, buf);

    if (start->given_up)
        return rc < 0 ? rc : PROA_ECANCELED;
    if (rc == PROA_ECANCELED)
        return proa__fail(PROA_ETASKCANCELED, "task %s was cancelled before it was ready", name);
    if (rc >= 0)
        return proa__fail(PROA_ENOTREADY, "task %s ended without saying that it is ready", name);
    return rc;
}

void proa__start_ended(struct proa_task *t, int rc)
{
    struct start *start = t->more->start;

    t->more->start = NULL;
    rc = told(start, t, rc);
    if (task_err(t)->rc == rc)
        start->err = *task_err(t);
    finish(start, rc);
}

static void describe(const void *task, struct view *v)
{
    proa__view_task(v, task);
}

static const struct wait_kind waits = {
    .call = "proa_start_task", .describe = describe, .blocks = true};

/* 0, or PROA_ECANCELED. */
static int await(struct start *start, const struct proa_task *t)
{
    int rc;

    if (start->over)
        return 0;
    proa__wait_link(NULL, &start->wait);
    start->waiting = true;
    rc = proa__wait_park(&start->wait, 1, &waits, t);
    return rc < 0 ? rc : 0;
}

/* The creator was cancelled. If that came first, so is the task, which is waited for. */
static int give_up(struct start *start, struct proa_task *t)
{
    if (start->over)
        return start->rc; /* it may be another's record by now */
    start->given_up = true;
    proa__scope_cancel(&t->root);
    proa__wait_link(NULL, &start->wait);
    start->waiting = true;
    proa__wait_park_firm(&start->wait, 1, &waits, t);
    return start->rc;
}

int proa_start_task(struct proa_group *group, struct proa_task_ref *ret, void **ret_value,
                    proa_task_fn *fn, void *arg, const struct proa_task_opts *opts)
{
    struct start start = {.over = false};
    struct proa_task_ref ref;
    int rc;

    PROA_CHECK(proa__task_here, "proa_start_task: no task runs here");
    rc = proa__task_create(group,
                           (struct task_spec){
                               .fn = fn,
                               .arg = arg,
                               .opts = opts,
                               .start = &start,
                               .created = __builtin_return_address(0),
                               .kept = ret != NULL,
                           },
                           &ref);
    if (rc < 0)
        return rc;
    rc = await(&start, ref.task) < 0 ? give_up(&start, ref.task) : start.rc;
    if (rc == PROA_ECANCELED)
        return proa__wait_cut();
    if (rc < 0)
        return start.err.rc ? proa__fail(rc, "%s", start.err.text) : rc;
    if (ret)
        *ret = ref;
    if (ret_value)
        *ret_value = start.value;
    return 0;
}
