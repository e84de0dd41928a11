#include "core/look.h"

#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/loop.h"
#include "core/sched.h"
#include "core/snapshot.h"
#include "core/wait.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include <unwind.h>

/* ---- beginning */

/* Bytes of the stack of `t` above `sp`. */
static size_t used_above(const struct proa_task *t, const void *sp)
{
    return t->coro.stack.low ? (size_t)(t->coro.stack.high - (const char *)sp) : 0;
}

static bool has_room(const struct proa_task *t, const void *sp)
{
    return (size_t)((const char *)sp - t->coro.stack.low) >= LOOK_ROOM;
}

void proa__look_begin_idle(struct look *look, struct sched *sched)
{
    look->sched = sched;
    look->self = NULL;
    look->last = NULL;
    look->last_depth = 0;
    proa__trace_prepare();
}

void proa__look_begin(struct look *look)
{
    const void *sp = __builtin_frame_address(0);

    proa__look_begin_idle(look, proa__loop_here->sched);
    look->self = proa__task_here;
    look->self_at.n = 0;
    if (!look->self)
        return;
    if (proa__loop_here->big_from) { /* it stands in proa__on_loop_stack */
        look->self_used = used_above(look->self, look->self->coro.sp);
        return;
    }
    look->self_used = used_above(look->self, sp);
    if (has_room(look->self, sp))
        trace_here(&look->self_at);
}

/* ---- calls */

#define PARKING_MOST 8 /* calls among which the library's own are looked for */

/* Those of the library that stand above each parked task's own. */
static bool is_parking(void *at)
{
    static void *const ours[] = {
        __extension__(void *) proa__wait_park,     __extension__(void *) proa__wait_park_firm,
        __extension__(void *) proa__wait_yield,    __extension__(void *) proa__sched_leave,
        __extension__(void *) proa__sched_run_now,
    };
    void *fn = _Unwind_FindEnclosingFunction((char *)at - 1);

    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (fn == ours[i])
            return true;
    return false;
}

/* A task that has a stack and has not begun stands in none of them. */
static void drop_parking(struct trace *trace)
{
    size_t from = 0;

    for (size_t i = 0; i < trace->n && i < PARKING_MOST && (!from || from == i); i++)
        if (is_parking(trace->at[i]))
            from = i + 1;
    if (!from) {
        trace->n = 0;
        return;
    }
    trace->n -= from;
    for (size_t i = 0; i < trace->n; i++)
        trace->at[i] = trace->at[from + i];
}

static void take(void *trace)
{
    trace_here(trace);
}

void proa__look_trace(const struct look *look, struct proa_task *t, struct trace *ret)
{
    ret->n = 0;
    ret->exact = false;
    if (t == look->self) {
        *ret = look->self_at;
        return;
    }
    if (t->state == TASK_NEW || !t->coro.stack.low || !has_room(t, t->coro.sp))
        return;
    proa__sched_probe(t, take, ret);
    drop_parking(ret);
}

/* ---- what is to be said */

struct proa_task *proa__look_next(const struct look *look, const struct proa_task *t)
{
    struct scope *top = &look->sched->root.scope;
    struct scope *at = t ? (struct scope *)&t->root : top;

    do
        at = proa__scope_next(top, at, false);
    while (at && at->kind != SCOPE_ROOT);
    return at ? at->task : NULL;
}

static struct proa_task *parent_of(const struct proa_task *t)
{
    return t->root.parent->task;
}

/* The walk comes from a sibling, from the parent, or from somewhere below a sibling. */
static size_t depth_of(struct look *look, struct proa_task *t)
{
    const struct proa_task *parent = parent_of(t);
    size_t depth = look->last_depth + 1;

    for (const struct proa_task *at = look->last; at && at != parent; at = parent_of(at))
        depth--;
    if (!parent)
        depth = 0;
    look->last = t;
    look->last_depth = depth;
    return depth;
}

static enum proa_task_state state_of(const struct proa_task *t)
{
    if (t->state == TASK_RUNNING)
        return PROA_TASK_RUNNING;
    return t->state == TASK_PARKED ? PROA_TASK_WAITING : PROA_TASK_READY;
}

static int64_t deadline_of(const struct proa_task *t)
{
    int64_t nearest = PROA_FOREVER;

    for (const struct scope *s = t->scope; s && s->task == t; s = s->parent) {
        int64_t when = s->kind == SCOPE_TIMEOUT ? proa__timeout_when(s) : PROA_FOREVER;

        if (when < nearest)
            nearest = when;
    }
    return nearest;
}

/* Pages in memory; asked for 64 at a time. */
static size_t touched(const struct stack *stack)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *at = (char *)((uintptr_t)stack->low & ~(page - 1));
    size_t n = 0;

    while (at < stack->high) {
        unsigned char in[64];
        size_t pages = (size_t)(stack->high - at + (ptrdiff_t)page - 1) / page;

        if (pages > sizeof in)
            pages = sizeof in;
        if (mincore(at, pages * page, in) < 0)
            return 0;
        for (size_t i = 0; i < pages; i++)
            n += in[i] & 1;
        at += pages * page;
    }
    return n * page;
}

static void look_at_stack(const struct look *look, const struct proa_task *t,
                          struct proa_task_info *info)
{
    const struct stack *stack = &t->coro.stack;

    info->stack_used = 0;
    info->stack_touched = 0;
    info->stack_size = STACK_SIZE_DEFAULT;
    if (t->state == TASK_NEW || !stack->low)
        return;
    info->stack_size = (size_t)(stack->high - stack->low);
    info->stack_used = t == look->self ? look->self_used : used_above(t, t->coro.sp);
    info->stack_touched = touched(stack);
}

static struct proa_task_ref ref_of(const struct proa_task *t)
{
    return (struct proa_task_ref){(struct proa_task *)(uintptr_t)t, t ? t->seq : 0};
}

void proa__look_task(struct look *look, struct proa_task *t, struct proa_task_info *info,
                     struct view *view)
{
    *view = (struct view){0};
    if (t->state == TASK_PARKED)
        proa__view_wait(view, t);
    *info = (struct proa_task_info){
        .task = ref_of(t),
        .parent = ref_of(parent_of(t)),
        .depth = depth_of(look, t),
        .number = t->seq - look->sched->first_seq + 1,
        .name = proa__task_name(t, look->name),
        .state = state_of(t),
        .cancelled = t->scope->eff,
        .call = view->call,
        .on = view->text,
        .object = view->object,
        .blocker = ref_of(view->by),
        .deadline = deadline_of(t),
        .fn = t->fn,
    };
    look_at_stack(look, t, info);
}

/* ---- the public calls */

/* What is written down as failed while looking is not the running task's failure. */
static void on_loop_stack(loop_fn *fn, void *arg)
{
    struct err_slot *mine = proa__err_slot;
    struct err_slot none = {0};

    proa__err_slot = &none;
    proa__on_loop_stack(fn, arg);
    proa__err_slot = mine;
}

struct walk {
    struct look look;
    proa_task_info_fn *fn;
    void *arg;
    int rc;
};

static void walk(void *arg)
{
    struct walk *w = arg;
    struct proa_task_info info;
    struct view view;

    for (struct proa_task *t = proa__look_next(&w->look, NULL); t && w->rc >= 0;
         t = proa__look_next(&w->look, t)) {
        proa__look_task(&w->look, t, &info, &view);
        w->rc = w->fn(w->arg, &info);
    }
    if (w->rc > 0)
        w->rc = 0;
}

int proa_tasks_walk(proa_task_info_fn *fn, void *arg)
{
    struct walk w = {.fn = fn, .arg = arg};

    proa__loop_need(__func__);
    proa__look_begin(&w.look);
    on_loop_stack(walk, &w);
    return w.rc;
}

struct one {
    struct look look;
    struct proa_task *task;
    struct trace trace;
};

static void look_at_one(void *arg)
{
    struct one *one = arg;

    proa__look_trace(&one->look, one->task, &one->trace);
}

int proa_task_backtrace(struct proa_task_ref ref, void **ret, size_t n)
{
    struct one one = {.task = ref.task};

    proa__loop_need(__func__);
    if (!proa__task_is_valid(ref) || ref.task->state == TASK_DONE)
        return proa__task_stale();
    proa__look_begin(&one.look);
    on_loop_stack(look_at_one, &one);
    if (n > one.trace.n)
        n = one.trace.n;
    for (size_t i = 0; i < n; i++)
        ret[i] = one.trace.at[i];
    return (int)n;
}

struct search {
    struct sched *sched;
    proa_deadlock_fn *fn;
    void *arg;
    int rc;
};

static void search(void *arg)
{
    struct search *s = arg;

    s->rc = proa__look_deadlocks(s->sched, s->fn, s->arg);
}

int proa_tasks_deadlocks(proa_deadlock_fn *fn, void *arg)
{
    struct search s = {.sched = proa__loop_need(__func__)->sched, .fn = fn, .arg = arg};

    on_loop_stack(search, &s);
    return s.rc;
}

struct dump {
    struct look look;
    struct proa_buf *out;
    struct proa_tasks_opts opts;
    int rc;
};

static void dump(void *arg)
{
    struct dump *d = arg;

    struct snapshot *shot = proa__snapshot_take(&d->look, d->opts.limit);

    d->rc = PROA_ENOMEM;
    if (!shot)
        return;
    if (d->opts.json) {
        proa_buf_append(d->out, "{", 1);
        d->rc = proa__snapshot_json(shot, d->out);
        proa_buf_append(d->out, "}\n", 2);
        if (d->rc >= 0)
            d->rc = proa_buf_error(d->out);
    } else
        d->rc = proa__snapshot_text(shot, d->out, d->opts.stacks);
    proa__free(shot);
}

int proa_tasks_dump(struct proa_buf *out, const struct proa_tasks_opts *opts)
{
    struct dump d = {.out = out};
    int rc = proa__opts_copy(&d.opts, sizeof d.opts, opts);

    proa__loop_need(__func__);
    if (rc < 0)
        return rc;
    proa__look_begin(&d.look);
    on_loop_stack(dump, &d);
    return d.rc;
}

static int write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t done = write(fd, p, n);

        if (done < 0 && errno != EINTR)
            return -errno;
        if (done > 0) {
            p += done;
            n -= (size_t)done;
        }
    }
    return 0;
}

int proa_tasks_print(int fd, const struct proa_tasks_opts *opts)
{
    struct proa_buf buf;
    int rc;

    proa_buf_init(&buf, PROA_UNLIMITED);
    rc = proa_tasks_dump(&buf, opts);
    if (rc >= 0)
        rc = write_all(fd, proa_buf_str(&buf).p, proa_buf_str(&buf).n);
    proa_buf_fini(&buf);
    return rc;
}
