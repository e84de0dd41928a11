#include "core/group.h"

#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/debug.h"
#include "core/sched.h"
#include "core/view.h"
#include "core/wait.h"

#include <stdio.h>

_Static_assert(sizeof(struct group) <= sizeof(struct proa_group),
               "the public storage is too small");

/* ---- life */

void proa__group_init(struct group *g, struct sched *sched)
{
    g->magic = MAGIC_GROUP;
    g->scope.kind = SCOPE_GROUP;
    g->sched = sched;
    list_init(&g->tasks);
    list_init(&g->kept);
    list_init(&g->places);
    list_init(&g->errors);
    list_init(&g->nexters);
    g->delivered = &g->kept;
    g->limit = SIZE_MAX;
}

void proa__group_fini(struct group *g)
{
    struct list *link;

    while ((link = list_pop(&g->kept)))
        proa__task_recycle(CONTAINER_OF(link, struct proa_task, sibling));
    while ((link = list_pop(&g->errors)))
        proa__free(CONTAINER_OF(link, struct task_error, link));
    g->magic = 0;
}

static int take_options(struct group *g, const struct proa_group_opts *opts)
{
    struct proa_group_opts o = {0};
    int rc = proa__opts_copy(&o, sizeof o, opts);

    if (rc < 0)
        return rc;
    if (o.kind < PROA_GROUP_ALL || o.kind > PROA_GROUP_RACE)
        return proa__fail(PROA_EINVAL, "there is no kind %d of groups", (int)o.kind);
    g->kind = (uint8_t)o.kind;
    if (o.limit)
        g->limit = o.limit;
    return 0;
}

void proa_group_enter(struct proa_group *group, const struct proa_group_opts *opts)
{
    struct group *g = group_of(group);
    struct proa_task *here = proa__task_here;

    PROA_CHECK(here, "PROA_GROUP: no task runs here");
    proa__group_init(g, here->sched);
    proa__scope_push(here, &g->scope, SCOPE_GROUP);

    int rc = take_options(g, opts);

    if (rc < 0)
        proa__group_not_created(g, rc);
}

/* ---- in words */

static void describe(const void *object, struct view *v)
{
    const struct group *g = object;

    proa__view_object(v, "group", g);
    proa__view_say(v, " of %zu tasks", g->running);
    if (g->limit != SIZE_MAX)
        proa__view_say(v, ", at most %zu", g->limit);
    proa__view_list(v, &g->places, "wait for a place");
    proa__view_count(v, g->n_errors, "failed");
    proa__view_say(v, "%s", g->scope.eff ? ", cancelled" : "");
}

/* Its join waits for each of them. */
static void describe_all(const struct wait *w, struct view *v)
{
    v->all_of = w->on;
}

const struct view_kind proa__group_view = {MAGIC_GROUP, describe};

static const struct wait_kind creates = {.call = "proa_create_task", .describe = describe};
static const struct wait_kind nexts = {.call = "proa_group_next", .describe = describe};
static const struct wait_kind joins = {
    .call = "proa_group_join",
    .describe = describe,
    .detail = describe_all,
    .blocks = true,
};

/* ---- places */

/* All places are taken: wait in line for one. It is counted by whoever gives it. */
static int wait_for_place(struct group *g)
{
    struct wait w;

    if (!proa__task_here)
        return proa__fail(PROA_EAGAIN, "the group has its %zu tasks", g->limit);
    proa__wait_link(&g->places, &w);

    int rc = proa__wait_park(&w, 1, &creates, g);

    return rc < 0 ? rc : 0;
}

int proa__group_enter_task(struct group *g)
{
    const struct proa_task *here = proa__task_here;

    PROA_CHECK_OBJ(g, MAGIC_GROUP);
    proa__loop_check(g->sched->loop, "proa_create_task");
    if (g->closed)
        return proa__fail(PROA_ECLOSED, "the group was joined; no task can be created in it");
    if (here && (here->scope->eff || here->sched->inject_on)) {
        int rc = proa__wait_enter_slow(__func__);

        if (rc < 0)
            return rc;
    }
    if (g->running >= g->limit)
        return wait_for_place(g);
    g->running++;
    return 0;
}

/* The last task has ended, for the moment. */
static void empty(struct group *g)
{
    proa__wait_wake_all(&g->nexters, 0);
    if (!g->scope.task) {
        proa__sched_root_empty(g->sched);
        return;
    }
    if (g->joiner) {
        g->cut = g->cut || g->scope.parent->eff;
        proa__wait_wake_one(g->joiner, NULL, 0);
        g->joiner = NULL;
        g->closed = true;
    }
}

void proa__group_leave_task(struct group *g)
{
    if (proa__wait_wake(&g->places, NULL, 0))
        return; /* the place has passed on */
    if (--g->running == 0)
        empty(g);
}

/* ---- failures */

static void fail(struct group *g, int rc)
{
    if (g->rc == 0)
        g->rc = rc;
    if ((g->kind == PROA_GROUP_ALL || g->kind == GROUP_GATHER) && !g->collect)
        proa__scope_cancel(&g->scope);
}

int proa__group_not_created(struct group *g, int rc)
{
    if (g->scope.task)
        fail(g, rc);
    return rc;
}

static void tell_fault(struct group *g, const struct proa_task *t, int rc)
{
    char buf[TASK_NAME_MAX];

    proa__sched_fault(g->sched,
                      &(struct proa_fault){
                          .rc = rc,
                          .task = proa__task_name(t, buf),
                          .detail = proa_err_detail(rc),
                      },
                      proa__debug_created(t));
}

/* Without memory the failure is counted, and its words are lost. */
static void keep_error(struct group *g, struct proa_task *t, int rc)
{
    struct task_error *e;
    char buf[TASK_NAME_MAX];

    if (g->n_errors++ >= GROUP_ERRORS) {
        tell_fault(g, t, rc);
        return;
    }
    e = proa__alloc(sizeof *e);
    if (!e)
        return;
    e->rc = rc;
    e->created = proa__debug_created(t);
    snprintf(e->name, sizeof e->name, "%s", proa__task_name(t, buf));
    snprintf(e->detail, sizeof e->detail, "%s", proa_err_detail(rc));
    list_push(&g->errors, &e->link);
    if (t->kept)
        t->error = e;
}

static void fail_in_root(struct group *g, struct proa_task *t, int rc)
{
    if (t->kept)
        keep_error(g, t, rc);
    if (list_empty(&t->joiners))
        tell_fault(g, t, rc);
}

void proa__group_failed(struct group *g, struct proa_task *t, int rc)
{
    if (g->collect)
        return;
    if (!g->scope.task) {
        fail_in_root(g, t, rc);
        return;
    }
    keep_error(g, t, rc);
    fail(g, rc);
}

static void cancelled_alone(struct group *g, const struct proa_task *t)
{
    char buf[TASK_NAME_MAX];

    if (!g->collect && !g->scope.eff)
        fail(g, proa__fail(PROA_ETASKCANCELED, "task %s was cancelled", proa__task_name(t, buf)));
}

static void won(struct group *g, const struct proa_task *t, int rc)
{
    char buf[TASK_NAME_MAX];

    if (g->winner_name[0])
        return;
    snprintf(g->winner_name, sizeof g->winner_name, "%s", proa__task_name(t, buf));
    g->winner = (struct proa_task_ref){(struct proa_task *)t, t->seq};
    g->winner_rc = rc;
    proa__scope_cancel(&g->scope);
}

void proa__group_ended(struct group *g, const struct proa_task *t, int rc)
{
    if (g->kind == PROA_GROUP_RACE && rc >= 0)
        won(g, t, rc);
    else if (g->kind == GROUP_GATHER && rc < 0)
        cancelled_alone(g, t);
}

/* ---- one after another */

void proa__group_keep(struct group *g, struct proa_task *t)
{
    list_push(&g->kept, &t->sibling);
    if (proa__wait_hand_over(&g->nexters, (struct proa_task_ref){t, t->seq}))
        g->delivered = &t->sibling;
}

/* The group, and the task's record with it, may be gone before the one that is woken runs. */
static int wait_for_next(struct group *g, struct proa_task_ref *ret)
{
    struct proa_task_ref given;
    struct wait w;
    int rc;

    proa__wait_link(&g->nexters, &w);
    w.slot = &given;
    rc = proa__wait_park(&w, 1, &nexts, g);
    if (rc < 0)
        return rc;
    if (w.code)
        *ret = given;
    return w.code;
}

int proa_group_next(struct proa_group *group, struct proa_task_ref *ret)
{
    struct group *g = group_of(group);
    struct proa_task *t;
    int rc;

    PROA_CHECK_OBJ(g, MAGIC_GROUP);
    proa__loop_check(g->sched->loop, __func__);
    rc = proa__wait_enter(__func__);
    if (rc < 0)
        return rc;
    if (proa__task_here->group == g)
        proa__task_not_itself(proa__task_here, __func__);
    if (g->delivered->next == &g->kept)
        return g->running ? wait_for_next(g, ret) : 0;
    g->delivered = g->delivered->next;
    t = CONTAINER_OF(g->delivered, struct proa_task, sibling);
    *ret = (struct proa_task_ref){t, t->seq};
    return 1;
}

/* The words of the first failure become the running task's. */
static int retell(const struct group *g)
{
    const struct list *first = list_first(&g->errors);
    const struct task_error *e = first ? CONTAINER_OF(first, struct task_error, link) : NULL;

    return e && e->rc == g->rc ? proa__fail(g->rc, "%s", e->detail) : g->rc;
}

/* ---- the end */

void proa__group_await(struct group *g)
{
    struct wait w;

    PROA_CHECK(g->scope.task == proa__task_here && proa__task_here,
               "a group is joined by another task than opened it");
    g->cut = g->scope.parent->eff;
    g->scope.cancelled = g->scope.eff; /* the tasks that know of a cancel shall stay cancelled */
    proa__scope_move_in(&g->scope);
    if (g->running) {
        proa__wait_link(NULL, &w);
        g->joiner = &w;
        proa__wait_park_firm(&w, 1, &joins, g);
    } else {
        g->cut = g->cut || g->scope.parent->eff;
        g->closed = true;
    }
    proa__scope_pop(&g->scope, "a PROA_GROUP");
}

int proa_group_join(struct proa_group *group)
{
    struct group *g = group_of(group);

    PROA_CHECK_OBJ(g, MAGIC_GROUP);
    if (!g->closed)
        proa__group_await(g);
    g->told = true;
    if (g->winner_name[0])
        return g->winner_rc;
    if (g->rc < 0)
        return retell(g);
    return g->cut ? proa__wait_cut() : 0;
}

static void report_errors(const struct group *g)
{
    LIST_FOR_EACH (it, &g->errors) {
        const struct task_error *e = CONTAINER_OF(it, struct task_error, link);

        proa__sched_fault(g->sched,
                          &(struct proa_fault){.rc = e->rc, .task = e->name, .detail = e->detail},
                          e->created);
    }
}

void proa_group_leave(struct proa_group *group)
{
    struct group *g = group_of(group);

    if (!g->magic)
        return;
    PROA_CHECK_OBJ(g, MAGIC_GROUP);
    if (!g->closed) {
        proa__scope_cancel(&g->scope);
        proa__group_await(g);
    }
    if (g->rc < 0 && !g->told && !g->winner_name[0]) {
        report_errors(g);
        if (g->scope.cut)
            proa__task_here->lost_rc = retell(g);
    }
    proa__group_fini(g);
}

/* ---- asking */

void proa_group_cancel(struct proa_group *group)
{
    struct group *g = group_of(group);

    PROA_CHECK_OBJ(g, MAGIC_GROUP);
    proa__loop_check(g->sched->loop, __func__);
    if (!g->closed)
        proa__scope_cancel(&g->scope);
}

void proa_group_cancel_for(struct proa_group *group, const char *reason)
{
    struct group *g = group_of(group);

    PROA_CHECK_OBJ(g, MAGIC_GROUP);
    if (!g->scope.cancelled)
        g->reason = reason;
    proa_group_cancel(group);
}

size_t proa_group_running(const struct proa_group *group)
{
    const struct group *g = (const struct group *)group;

    PROA_CHECK_OBJ(g, MAGIC_GROUP);
    proa__loop_check(g->sched->loop, __func__);
    return g->running;
}

size_t proa_group_errors(const struct proa_group *group, struct proa_task_error *ret, size_t n)
{
    const struct group *g = (const struct group *)group;
    size_t i = 0;

    PROA_CHECK_OBJ(g, MAGIC_GROUP);
    proa__loop_check(g->sched->loop, __func__);
    LIST_FOR_EACH (it, &g->errors) {
        const struct task_error *e = CONTAINER_OF(it, struct task_error, link);

        if (i < n)
            ret[i] = (struct proa_task_error){.rc = e->rc, .name = e->name, .detail = e->detail};
        i++;
    }
    return g->n_errors;
}

const char *proa_group_winner(const struct proa_group *group, struct proa_task_ref *ret)
{
    const struct group *g = (const struct group *)group;

    PROA_CHECK_OBJ(g, MAGIC_GROUP);
    proa__loop_check(g->sched->loop, __func__);
    if (!g->winner_name[0])
        return NULL;
    if (ret)
        *ret = g->winner;
    return g->winner_name;
}
