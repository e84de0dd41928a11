#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "core/home.h"
#include "core/view.h"
#include "core/wait.h"

#include <proa/once.h>

#define MAGIC_ONCE 0x6f6e6365u

struct proa_once {
    unsigned magic;
    bool done;
    struct home home;
    struct proa_task *runner; /* whose fn it is; NULL: nobody's */
    int result;               /* once done */
    struct list waiters;      /* struct wait, oldest first; empty unless there is a runner */
};

int proa_once_new(struct proa_once **ret)
{
    struct proa_once *o = proa__zalloc(sizeof *o);

    if (!o)
        return PROA_ENOMEM;
    o->magic = MAGIC_ONCE;
    proa__home_init(&o->home);
    list_init(&o->waiters);
    *ret = o;
    return 0;
}

void proa_once_free(struct proa_once *once)
{
    char name[TASK_NAME_MAX];

    if (!once)
        return;
    PROA_CHECK_OBJ(once, MAGIC_ONCE);
    PROA_CHECK(!once->runner, "proa_once_free: task %s frees once %p, in which %s is", proa__who(),
               (void *)once, proa__task_name(once->runner, name));
    once->magic = 0;
    proa__free(once);
}

/* It is the turn of the one that has waited longest, or nobody's. */
static void pass_on(struct proa_once *o)
{
    struct list *first = list_first(&o->waiters);

    o->runner = NULL;
    if (first) {
        struct wait *w = CONTAINER_OF(first, struct wait, link);

        o->runner = w->of;
        proa__wait_wake_one(w, o, 0);
    }
}

/* The caller is the runner. */
static int run(struct proa_once *o, proa_task_fn *fn, void *arg)
{
    int rc = fn(arg);

    if (rc < 0) {
        pass_on(o);
        return rc;
    }
    o->runner = NULL;
    o->result = rc;
    o->done = true;
    proa__wait_wake_all(&o->waiters, rc); /* they need not look again: it may be freed by then */
    return rc;
}

static void describe(const void *object, struct view *v)
{
    const struct proa_once *o = object;

    proa__view_object(v, "once", o);
    proa__view_say(v, "%s", o->done ? ", done" : "");
    if (o->runner) {
        proa__view_say(v, ", run by ");
        proa__view_task(v, o->runner);
    }
    proa__view_list(v, &o->waiters, "wait");
}

const struct view_kind proa__once_view = {MAGIC_ONCE, describe};

static const struct wait_kind runs = {
    .call = "proa_once_run", .describe = describe, .blocks = true};

static int wait_for_runner(struct proa_once *o, proa_task_fn *fn, void *arg)
{
    struct wait w;
    int rc;

    if (o->runner == proa__task_here)
        return proa__fail(PROA_EDEADLK, "task %s is in once %p already", proa__who(), (void *)o);
    proa__wait_link(&o->waiters, &w);
    rc = proa__wait_park(&w, 1, &runs, o);
    if (rc < 0 || !w.slot)
        return rc < 0 ? rc : w.code;
    if (!proa__task_here->scope->eff)
        return run(o, fn, arg);
    pass_on(o); /* our turn has come, and so has a cancel */
    return proa__wait_cut();
}

int proa_once_run(struct proa_once *once, proa_task_fn *fn, void *arg)
{
    int rc;

    PROA_CHECK_OBJ(once, MAGIC_ONCE);
    home_check(&once->home, __func__);
    rc = proa__wait_enter(__func__);
    if (rc < 0)
        return rc;
    if (once->done)
        return once->result;
    if (once->runner)
        return wait_for_runner(once, fn, arg);
    once->runner = proa__task_here;
    return run(once, fn, arg);
}

bool proa_once_is_done(const struct proa_once *once)
{
    PROA_CHECK_OBJ(once, MAGIC_ONCE);
    home_check_look(&once->home, __func__);
    return once->done;
}
