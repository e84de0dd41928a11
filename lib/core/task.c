#include "core/task.h"

#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/arm.h"
#include "core/context.h"
#include "core/group.h"
#include "core/hooks.h"
#include "core/owned.h"
#include "core/sched.h"
#include "core/start.h"
#include "core/wait.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* ---- records */

#define SLAB_TASKS 63
#define CACHE_LINE 64

struct slab {
    struct slab *next;
    char room[SLAB_TASKS * sizeof(struct proa_task) + CACHE_LINE]; /* aligned by hand */
};

static struct proa_task *tasks_of(struct slab *slab)
{
    uintptr_t at = ((uintptr_t)slab->room + CACHE_LINE - 1) & ~(uintptr_t)(CACHE_LINE - 1);

    return (struct proa_task *)at;
}

static bool grow(struct sched *s)
{
    struct slab *slab = proa__alloc(sizeof *slab);

    if (!slab)
        return false;
    slab->next = s->slabs;
    s->slabs = slab;

    struct proa_task *tasks = tasks_of(slab);

    for (size_t i = SLAB_TASKS; i-- > 0;) {
        tasks[i].seq = 0;
        tasks[i].state = TASK_FREE;
        tasks[i].next = s->free;
        s->free = &tasks[i];
    }
    return true;
}

void proa__task_free_slabs(struct sched *s)
{
    while (s->slabs) {
        struct slab *next = s->slabs->next;

        proa__free(s->slabs);
        s->slabs = next;
    }
    s->free = NULL;
    while (s->spare) {
        struct task_more *next = s->spare->next;

        proa__free(s->spare);
        s->spare = next;
    }
}

void proa__task_walk_begin(struct sched *s, struct task_cursor *at)
{
    *at = (struct task_cursor){.slab = s->slabs};
}

struct proa_task *proa__task_walk_next(struct task_cursor *at)
{
    struct proa_task *t;

    if (!at->slab)
        return NULL;
    t = &tasks_of(at->slab)[at->i++];
    if (at->i == SLAB_TASKS)
        *at = (struct task_cursor){.slab = at->slab->next};
    return t;
}

/* With its last turn, though its record may stay. */
static void drop_values(struct task_more *more)
{
    proa__context_drop(more->values);
    proa_context_free(more->context);
    more->values = NULL;
    more->context = NULL;
}

static void drop_more(struct proa_task *t)
{
    struct task_more *more = t->more;

    t->more = NULL;                            /* first: a handler that interrupts us */
    atomic_signal_fence(memory_order_seq_cst); /* may read the name (trace.c) */
    if (more->values || more->context)
        drop_values(more);
    if (more->name)
        proa__free(more->name);
    if (more->reason)
        proa__free(more->reason);
    more->next = t->sched->spare;
    t->sched->spare = more;
}

struct task_more *proa__task_more(struct proa_task *t)
{
    struct task_more *more = t->more;

    if (more)
        return more;
    more = t->sched->spare;
    if (more)
        t->sched->spare = more->next;
    else
        more = proa__alloc(sizeof *more);
    if (!more)
        return NULL;
    *more = (struct task_more){0};
    atomic_signal_fence(memory_order_seq_cst); /* for the same handler */
    t->more = more;
    return more;
}

void proa__task_recycle(struct proa_task *t)
{
    struct sched *s = t->sched;

    if (__builtin_expect(t->more != NULL, 0))
        drop_more(t);
    t->seq = 0;
    t->state = TASK_FREE;
    t->next = s->free;
    s->free = t;
}

/* ---- creation */

static void fill(struct proa_task *t, struct group *g, const struct task_spec *spec)
{
    t->scope = &t->root;
    t->waits = NULL;
    t->n_waits = 0;
    t->firm = false;
    t->kept = spec->kept;
    t->root = (struct scope){
        .parent = &g->scope,
        .task = t,
        .kind = SCOPE_ROOT,
        .eff = g->scope.eff,
    };
    t->group = g;
    list_push(&g->tasks, &t->sibling);
    t->fn = spec->fn;
    t->arg = spec->arg;
    t->seq = ++g->sched->seq;
    list_init(&t->joiners);
    list_init(&t->watches);
    t->rc_out = spec->rc_out;
    t->lost_rc = 0;
    t->owned = NULL;
    t->error = NULL;
    t->before_park = NULL;
}

static bool has_values(const struct proa_task *t)
{
    return t && t->more && (t->more->values || t->more->context);
}

/* Those of the creator, which has some. */
static struct context_node *share_values(const struct task_more *of)
{
    return proa__context_share(of->context ? *proa__context_head(of->context) : of->values);
}

static bool fill_more(struct proa_task *t, const struct task_spec *spec)
{
    const struct proa_task_opts *o = spec->opts;
    bool inherits = !o || has_values(proa__task_here); /* without o that is why we are here */
    struct task_more *more;

    if (!inherits && !o->name && !o->context && !spec->start)
        return true;
    more = proa__task_more(t);
    if (!more)
        return false;
    more->start = spec->start;
    if (o && o->context)
        more->context = proa__context_ref(o->context);
    else if (inherits)
        more->values = share_values(proa__task_here->more);
    if (!o || !o->name)
        return true;
    more->name = proa__strndup(o->name, strnlen(o->name, TASK_NAME_MAX - 1));
    return more->name != NULL;
}

/* Would its stack of its own be one of those that are reserved for new tasks? */
static bool takes_default(size_t size)
{
    return size > STACK_SIZE_DEFAULT / 2 && size <= STACK_SIZE_DEFAULT;
}

static bool reserve_stack(struct sched *s)
{
    return proa__stack_reserve(&s->loop->stacks, s->n_new + 1);
}

/* See to the stack: reserved, or taken at once if it is of a size of its own; 0: it is not. */
static bool provide_stack(struct proa_task *t, struct sched *s, size_t size)
{
    t->sized = size != 0;
    if (t->sized && !takes_default(size))
        return proa__sched_give_stack(t, size);
    return reserve_stack(s) && (!t->sized || proa__sched_give_stack(t, size));
}

/* What may fail, apart from the record itself: a name, and a stack, which is reserved or taken. */
static bool equip(struct proa_task *t, struct sched *s, const struct task_spec *spec)
{
    const struct proa_task_opts *o = spec->opts;

    t->more = NULL;
    t->sized = false;
    t->sched = s;
    t->coro.sp = (void *)(uintptr_t)spec->created;
    t->state = TASK_NEW;
    if (__builtin_expect(!o && !has_values(proa__task_here), 1))
        return reserve_stack(s);
    if (fill_more(t, spec) && provide_stack(t, s, o ? o->stack_size : 0))
        return true;
    if (t->more)
        drop_more(t);
    return false;
}

/* A place was counted for it. NULL: no memory. */
static struct proa_task *new_task(struct group *g, const struct task_spec *spec)
{
    struct sched *s = g->sched;
    struct proa_task *t;

    if (!s->free && !grow(s))
        return NULL;
    t = s->free;
    if (!equip(t, s, spec))
        return NULL;
    s->free = t->next;
    s->n_new += t->state == TASK_NEW;
    fill(t, g, spec);
    return t;
}

int proa__task_check_stack_size(size_t size)
{
    if (size == 0 || (size >= STACK_SIZE_MIN && size <= STACK_SIZE_MAX))
        return 0;
    return proa__fail(PROA_EINVAL, "a task's stack has 16 KiB to 1 GiB, not %zu bytes", size);
}

/* Only a task can step aside for another, and not at its end, nor while it must not suspend. */
static bool is_eager(const struct sched *s, const struct task_spec *spec)
{
    const struct proa_task *here = proa__task_here;

    if (spec->plain)
        return false;
    return (s->eager || (spec->opts && spec->opts->eager)) && here && here->state == TASK_RUNNING &&
           !s->no_suspend && s->nested < SCHED_NESTED_MOST;
}

int proa__task_create_in(struct group *g, const struct task_spec *spec, struct proa_task_ref *ret)
{
    int rc = proa__group_enter_task(g);

    if (rc < 0)
        return rc;

    bool eager = is_eager(g->sched, spec);
    struct proa_task *t = NULL;

    if (__builtin_expect(eager, 0))
        rc = proa__wait_enter("proa_create_task"); /* counts as something done at once */
    if (rc >= 0)
        t = new_task(g, spec);
    if (!t) {
        proa__group_leave_task(g);
        return rc < 0 ? rc : proa__group_not_created(g, PROA_ENOMEM);
    }
    if (ret)
        *ret = (struct proa_task_ref){t, t->seq};
    if (hooked(g->sched))
        proa__hook_spawn(t);
    if (__builtin_expect(eager, 0))
        proa__sched_run_now(t);
    else
        sched_push(g->sched, t);
    return 0;
}

static struct group *group_or_root(struct proa_group *group)
{
    return group ? group_of(group) : &proa__loop_need("proa_create_task")->sched->root;
}

int proa_create_task(struct proa_group *group, proa_task_fn *fn, void *arg)
{
    struct task_spec spec = {.fn = fn, .arg = arg, .created = __builtin_return_address(0)};

    return proa__task_create_in(group_or_root(group), &spec, NULL);
}

int proa__task_create(struct proa_group *group, struct task_spec spec, struct proa_task_ref *ret)
{
    struct proa_task_opts o;
    int rc = proa__opts_copy(&o, sizeof o, spec.opts);

    if (rc >= 0)
        rc = proa__task_check_stack_size(o.stack_size);
    if (rc < 0)
        return proa__group_not_created(group_or_root(group), rc);
    spec.opts = &o;
    return proa__task_create_in(group_or_root(group), &spec, ret);
}

int proa_create_task_opts(struct proa_group *group, struct proa_task_ref *ret, proa_task_fn *fn,
                          void *arg, const struct proa_task_opts *opts)
{
    struct task_spec spec = {
        .fn = fn,
        .arg = arg,
        .opts = opts,
        .created = __builtin_return_address(0),
        .kept = ret != NULL,
    };

    return proa__task_create(group, spec, ret);
}

/* ---- the end */

int proa__task_settle(const struct proa_task *t, int rc)
{
    char buf[TASK_NAME_MAX];

    if (rc != PROA_ECANCELED || t->root.eff)
        return rc;
    if (t->lost_rc)
        return t->lost_rc < 0 ? t->lost_rc : 0;
    return proa__fail(PROA_EBADCANCEL, "task %s ended as cancelled though nobody cancelled it",
                      proa__task_name(t, buf));
}

static void tell_watches(struct proa_task *t)
{
    struct list *link;

    while ((link = list_pop(&t->watches))) {
        struct task_watch *watch = CONTAINER_OF(link, struct task_watch, link);

        watch->fn(watch, t->rc);
    }
}

/* Does its creator still wait until it is ready? */
static bool is_starting(const struct proa_task *t)
{
    return t->more && t->more->start;
}

void proa__task_end(struct proa_task *t, int rc)
{
    struct group *g = t->group;

    if (__builtin_expect(t->owned != NULL, 0))
        proa__owned_orphan(t);
    rc = proa__task_settle(t, rc);
    if (hooked(g->sched))
        proa__hook_exit(t, rc);
    t->rc = rc;
    t->state = TASK_DONE;
    list_remove(&t->sibling);
    if (t->kept && is_starting(t))
        t->kept = false; /* nobody is given the reference */
    else if (t->kept)
        proa__group_keep(g, t);
    if (t->rc_out)
        *t->rc_out = rc;
    if (__builtin_expect(t->more != NULL, 0))
        drop_values(t->more);
    if (__builtin_expect(is_starting(t), 0))
        proa__start_ended(t, rc);
    else if (t == g->sched->main)
        proa__sched_main_ended(g->sched, rc);
    else if (__builtin_expect(rc < 0 && rc != PROA_ECANCELED, 0))
        proa__group_failed(g, t, rc);
    else if (g->kind != PROA_GROUP_ALL)
        proa__group_ended(g, t, rc);
    tell_watches(t);
    proa__wait_wake_all(&t->joiners, rc);
    proa__group_leave_task(g);
}

/* ---- seen from outside */

const char *proa__task_name(const struct proa_task *t, char buf[TASK_NAME_MAX])
{
    if (t->more && t->more->name)
        return t->more->name;
    snprintf(buf, TASK_NAME_MAX, "task-%llu",
             (unsigned long long)(t->seq - t->sched->first_seq + 1));
    return buf;
}

static void of_another_loop(const struct proa_task *t)
{
    char buf[TASK_NAME_MAX];

    PROA_CHECK(!t, "task %s is of another loop, whose thread alone may ask or cancel it",
               proa__task_name(t, buf));
}

bool proa__task_is_valid(struct proa_task_ref ref)
{
    const struct sched *s = proa__loop_current()->sched;

    if (!ref.task || ref.seq < s->first_seq || ref.task->seq != ref.seq)
        return false;
    if (__builtin_expect(ref.task->sched != s, 0))
        of_another_loop(ref.task);
    return true;
}

void proa__task_not_itself(const struct proa_task *t, const char *what)
{
    char buf[TASK_NAME_MAX];

    PROA_CHECK(t != proa__task_here, "%s: task %s waits for its own end", what,
               proa__task_name(t, buf));
}

int proa__task_stale(void)
{
    return proa__fail(PROA_ESTALE, "the task's group was left; its result is gone");
}

/* The words come along, if its group is still there. */
static int result(struct proa_task_ref ref, int rc)
{
    const struct proa_task *t = proa__task_is_valid(ref) ? ref.task : NULL;
    const char *reason = t && t->more ? t->more->reason : NULL;
    char buf[TASK_NAME_MAX];

    if (rc == PROA_ECANCELED)
        return proa__fail(PROA_ETASKCANCELED, "task %s was cancelled%s%s",
                          t ? proa__task_name(t, buf) : "that was joined", reason ? ": " : "",
                          reason ? reason : "");
    if (rc < 0 && t && t->error)
        return proa__fail(rc, "%s", t->error->detail);
    return rc;
}

static struct proa_task_ref ref_of(const struct arm *arm)
{
    return (struct proa_task_ref){arm->object, arm->n};
}

static bool try_join(struct arm *arm)
{
    struct proa_task_ref ref = ref_of(arm);
    bool valid = proa__task_is_valid(ref);

    if (valid)
        proa__task_not_itself(ref.task, "proa_task_join");
    if (valid && ref.task->state != TASK_DONE)
        return false;
    arm->rc = valid ? result(ref, ref.task->rc) : proa__task_stale();
    return true;
}

static bool link_joiner(struct arm *arm, struct wait *w)
{
    proa__wait_link(&ref_of(arm).task->joiners, w);
    return true;
}

static void take_result(struct arm *arm, struct wait *w)
{
    arm->rc = result(ref_of(arm), w->code);
}

static void describe_task(const void *task, struct view *v)
{
    proa__view_task(v, task);
}

static const struct arm_ops join_ops = {
    .try = try_join,
    .link = link_joiner,
    .take = take_result,
    .call = "proa_task_join",
    .describe = describe_task,
    .blocks = true,
};

int proa_task_join(struct proa_task_ref ref)
{
    struct arm arm = {.ops = &join_ops, .object = ref.task, .n = ref.seq};

    return arm_wait(&arm, __func__);
}

struct proa_case proa_case_join(struct proa_task_ref ref)
{
    return arm_case((struct arm){.ops = &join_ops, .object = ref.task, .n = ref.seq});
}

int proa_task_result(struct proa_task_ref ref)
{
    proa__loop_need(__func__);
    if (!proa__task_is_valid(ref))
        return proa__task_stale();
    if (ref.task->state != TASK_DONE)
        return proa__fail(PROA_EAGAIN, "the task has not ended");
    return result(ref, ref.task->rc);
}

int proa_task_cancel(struct proa_task_ref ref)
{
    proa__loop_need(__func__);
    if (!proa__task_is_valid(ref))
        return proa__task_stale();
    if (ref.task->state != TASK_DONE)
        proa__scope_cancel(&ref.task->root);
    return 0;
}

bool proa_task_is_done(struct proa_task_ref ref)
{
    proa__loop_need(__func__);
    return !proa__task_is_valid(ref) || ref.task->state == TASK_DONE;
}

struct proa_task_ref proa_current_task(void)
{
    struct proa_task *t = proa__task_here;

    return t ? (struct proa_task_ref){t, t->seq} : (struct proa_task_ref){NULL, 0};
}

const char *proa_current_task_name(void)
{
    static _Thread_local char buf[TASK_NAME_MAX];

    return proa__task_here ? proa__task_name(proa__task_here, buf) : "";
}
