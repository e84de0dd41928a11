#include "core/sched.h"

#include "base/check.h"
#include "base/fail.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/debug.h"
#include "core/hooks.h"
#include "core/wait.h"

_Thread_local struct proa_task *proa__task_here __attribute__((tls_model("initial-exec")));

/* Sequence numbers go on from run to run, so that a reference of an earlier run is known for stale.
 */
static _Thread_local uint64_t last_seq;

#define STACK_BLOCK ((sizeof(struct stack_top) + 63) & ~(size_t)63)
_Static_assert(STACK_BLOCK <= 256, "debug mode makes stacks smaller for all");

static void run_tasks(void *arg);

/* ---- who is next */

/* The rare cases of a slice's beginning. */
__attribute__((noinline)) static void begin_watched(struct sched *s, struct proa_task *t)
{
    if (s->inject_on)
        t->budget = 1;
    debug_slice(s->loop);
    if (hooked(s))
        proa__hook_run(t);
}

static void make_current(struct sched *s, struct proa_task *t)
{
    proa__task_here = t;
    if (t) {
        proa__err_slot = task_err(t);
        t->state = TASK_RUNNING;
        t->budget = TASK_BUDGET;
        if (__builtin_expect(s->watched, 0))
            begin_watched(s, t);
    } else
        proa__err_slot = NULL;
}

static struct proa_task *pop(struct sched *s)
{
    struct proa_task *t = s->ready;

    if (!t || !s->left)
        return NULL;
    s->left--;
    s->ran++;
    s->ready = t->next;
    if (!s->ready)
        s->ready_end = &s->ready;
    return t;
}

/* The coroutine that waits for work, if there is one: it stands in run_tasks. */
static bool take_idle(struct sched *s, struct proa_task *t)
{
    if (!s->idle.stack.low || t->sized)
        return false;
    t->coro = s->idle;
    s->idle.stack.low = NULL;
    return true;
}

bool proa__sched_give_stack(struct proa_task *t, size_t size)
{
    struct sched *s = t->sched;
    const void *created = t->coro.sp;

    if (!take_idle(s, t)) {
        if (!proa__stack_take(&s->loop->stacks, size, STACK_BLOCK, &t->coro.stack))
            return false;
        proa__coro_init(&t->coro, run_tasks, s);
    }
    task_err(t)->rc = 0;
    t->state = TASK_READY;
    if (__builtin_expect(s->watched, 0) && s->loop->debug)
        proa__debug_stack_given(t, created);
    return true;
}

/* Its stack was reserved when it was created. */
static void start(struct sched *s, struct proa_task *t)
{
    bool given = proa__sched_give_stack(t, 0);

    PROA_CHECK(given, "a stack that was reserved is not there");
    s->n_new--;
}

/* The next task to run, with a stack; NULL: go back to the loop. */
static struct proa_task *next_task(struct sched *s)
{
    struct proa_task *t = pop(s);

    if (t && t->state == TASK_NEW)
        start(s, t);
    return t;
}

/* ---- switching */

/* Somebody looks at this task, which does not run. */
static void answer_probe(struct sched *s)
{
    struct proa_task *t = s->probed;

    s->ended = NULL;
    s->probe_fn(s->probe_arg);
    proa__coro_switch(&t->coro, &s->loop->main);
}

void proa__sched_probe(struct proa_task *t, loop_fn *fn, void *arg)
{
    struct sched *s = t->sched;

    PROA_CHECK(!s->ended && t->state != TASK_RUNNING, "a task was looked at while it runs");
    s->ended = SCHED_PROBED;
    s->probed = t;
    s->probe_fn = fn;
    s->probe_arg = arg;
    proa__coro_switch(&s->loop->main, &t->coro);
}

/* Give back what the last task that ended stood on. */
static void reap(struct sched *s)
{
    struct proa_task *t;

    while (__builtin_expect((t = s->ended) == SCHED_PROBED, 0))
        answer_probe(s);
    if (!t)
        return;
    proa__coro_fini(&t->coro);
    proa__stack_give(&s->loop->stacks, &t->coro.stack);
    s->ended = NULL;
    if (!t->kept)
        proa__task_recycle(t);
}

void proa__sched_leave(struct proa_task *t)
{
    struct sched *s = t->sched;
    struct proa_task *next;

    if (hooked(s))
        proa__hook_park(t);
    next = next_task(s);
    make_current(s, next);
    if (next == t)
        return;
    proa__coro_switch(&t->coro, next ? &next->coro : &s->loop->main);
    if (s->ended)
        reap(s);
}

void proa__sched_run_now(struct proa_task *t)
{
    struct sched *s = t->sched;
    struct proa_task *creator = proa__task_here;
    int32_t budget = creator->budget;

    if (t->state == TASK_NEW)
        start(s, t);
    creator->state = TASK_READY;
    if (hooked(s))
        proa__hook_park(creator);
    sched_push_front(s, creator);
    s->left++;
    s->nested++;
    make_current(s, t);
    proa__coro_switch(&creator->coro, &t->coro);
    if (s->ended)
        reap(s);
    s->nested--;
    creator->budget = budget;
}

/*
 * What a stack does when its task `t` has ended, the first that is possible: a new task is next in
 * line, and goes on here at once.
 */
static bool go_on_with_next(struct sched *s, struct proa_task *t)
{
    struct proa_task *next = s->ready;
    const void *created;

    if (!next || next->state != TASK_NEW || t->sized || !pop(s))
        return false;
    s->n_new--;
    created = next->coro.sp;
    next->coro = t->coro;
    task_err(next)->rc = 0;
    if (__builtin_expect(s->watched, 0) && s->loop->debug)
        proa__debug_stack_given(next, created);
    if (!t->kept)
        proa__task_recycle(t);
    make_current(s, next);
    return true;
}

/* Or it waits until there is a new task; one stack may. */
static bool wait_for_new(struct sched *s, struct proa_task *t)
{
    struct proa_task *next;

    if (s->idle.stack.low || t->sized)
        return false;
    next = next_task(s); /* not a new one, or the turn is over */
    s->idle = t->coro;
    if (!t->kept)
        proa__task_recycle(t);
    make_current(s, next);
    proa__coro_switch(&s->idle, next ? &next->coro : &s->loop->main);
    return true;
}

/* Or it is given back, by whoever runs next. */
_Noreturn static void leave_for_good(struct sched *s, struct proa_task *t)
{
    struct proa_task *next = next_task(s);

    s->ended = t;
    make_current(s, next);
    proa__coro_switch_last(&t->coro, next ? &next->coro : &s->loop->main);
}

/* The first frame of each stack: one task after another. */
static void run_tasks(void *arg)
{
    struct sched *s = arg;

    for (;;) {
        struct proa_task *t;
        int rc;

        if (s->ended)
            reap(s);
        t = proa__task_here;
        rc = t->fn(t->arg);
        if (__builtin_expect(t->coro.stack.guard == STACK_GUARD_CANARY, 0))
            proa__stack_check(&t->coro.stack); /* while it is still this task's */
        if (__builtin_expect(s->watched, 0) && s->loop->debug)
            proa__debug_returned(t);
        proa__task_end(t, rc);
        if (!go_on_with_next(s, t) && !wait_for_new(s, t))
            leave_for_good(s, t);
    }
}

/* Run ready tasks, at most `slices` of them. */
static void run_some(struct sched *s, unsigned slices)
{
    struct proa_task *t;

    s->left = slices;
    t = next_task(s);
    if (!t)
        return;
    make_current(s, t);
    proa__loop_enter(s->loop, &t->coro);
    if (s->ended)
        reap(s);
    tidy_ran(s, &s->tidy);
}

/* The loop's: run what is ready. */
static unsigned turn(struct proa_loop *loop)
{
    struct sched *s = loop->sched;

    s->ran = 0;
    run_some(s, loop->slices);
    loop->ready = s->ready != NULL;
    return s->ran;
}

static unsigned turn_shuffled(struct proa_loop *loop)
{
    struct sched *s = loop->sched;

    s->ran = 0;
    while (s->ready && s->ran < loop->slices) {
        proa__shuffle(s);
        run_some(s, 1);
    }
    loop->ready = s->ready != NULL;
    return s->ran;
}

void proa__sched_shuffle(struct sched *s, uint64_t seed)
{
    s->shuffle = seed;
    s->loop->turn = turn_shuffled;
}

/* ---- life */

int proa__sched_new(struct proa_loop *loop)
{
    struct sched *s = proa__zalloc(sizeof *s);

    if (!s)
        return PROA_ENOMEM;
    s->loop = loop;
    s->ready_end = &s->ready;
    s->seq = last_seq;
    s->first_seq = last_seq + 1;
    s->select_state = 0x9e3779b97f4a7c15; /* anything but 0 */
    proa__group_init(&s->root, s);
    loop->sched = s;
    loop->turn = turn;
    return 0;
}

void proa__sched_free(struct proa_loop *loop)
{
    struct sched *s = loop->sched;

    if (!s)
        return;
    PROA_CHECK(!s->root.running, "a loop is freed while %zu tasks live", s->root.running);
    proa__timer_stop(&s->grace);
    proa__tidy_stop(&s->tidy);
    proa__group_fini(&s->root);
    if (s->idle.stack.low) {
        proa__coro_fini(&s->idle);
        proa__stack_give(&loop->stacks, &s->idle.stack);
    }
    last_seq = s->seq;
    proa__task_free_slabs(s);
    proa__free(s);
    loop->sched = NULL;
    loop->turn = NULL;
}

/* Did the program's handler take it? */
static bool tell_handler(struct sched *s, const struct proa_fault *fault)
{
    struct err_slot *slot = proa__err_slot_now();
    struct err_slot words; /* the fault's, most likely: what fn does may fail */
    int rc;

    if (!s->fault_fn || s->in_fault)
        return false;
    words = *slot;
    s->in_fault = true;
    proa__forbid_suspend(); /* the task has ended; woken, it would end once more */
    rc = s->fault_fn(fault, s->fault_arg);
    proa__allow_suspend();
    s->in_fault = false;
    *slot = words;
    if (rc < 0)
        proa__log(PROA_LOG_ERROR, "the fault handler failed: %s", proa_err_name(rc));
    return rc >= 0;
}

void proa__sched_fault(struct sched *s, const struct proa_fault *fault, const void *created)
{
    struct proa_fault f = *fault;
    char place[PLACE_MAX];

    if (created)
        f.created = proa__debug_place(s->loop, created, place);
    if (!tell_handler(s, &f))
        proa__log(PROA_LOG_ERROR, "task %s failed: %s (%s)%s%s", f.task, f.detail,
                  proa_err_name(f.rc), f.created ? "; it was created by " : "",
                  f.created ? f.created : "");
}

void proa_fault_set(proa_fault_fn *fn, void *arg)
{
    struct sched *s = proa__loop_need(__func__)->sched;

    s->fault_fn = fn;
    s->fault_arg = arg;
}
