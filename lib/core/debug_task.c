#include "base/log.h"
#include "core/debug.h"
#include "core/home.h"
#include "core/sched.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Tasks in debug mode: where they were created, whether they end when they are asked to, and how
 * deep their stacks were.
 */

static struct task_debug *of(const struct proa_task *t)
{
    return &CONTAINER_OF(task_err(t), struct stack_top, err)->debug;
}

void proa__debug_stack_given(struct proa_task *t, const void *created)
{
    *of(t) = (struct task_debug){.created = created};
}

static bool has_stack(const struct proa_task *t)
{
    return t->state == TASK_READY || t->state == TASK_RUNNING || t->state == TASK_PARKED;
}

const void *proa__debug_created(const struct proa_task *t)
{
    return t->sched->loop->debug ? of(t)->created : NULL;
}

void proa__debug_orphan(const char *kind, const void *object)
{
    const struct proa_task *t = proa__task_here;

    if (!t || !t->sched->loop->debug)
        return;
    proa__log(PROA_LOG_WARNING,
              "task %s ended%s while it held %s %p: who waits for it gets PROA_EOWNERDEAD",
              proa__who(), t->root.eff ? ", cancelled," : "", kind, object);
}

/* ---- cancels that are ignored */

static void look_after_cancel(void *arg);

static void look_at(struct debug *d, int64_t at)
{
    if (!timer_running(&d->after_cancel))
        proa__timer_start(d->loop, &d->after_cancel, at, look_after_cancel, d->loop->sched);
}

size_t proa__debug_timers(const struct proa_loop *loop)
{
    return loop->debug && timer_running(&loop->debug->after_cancel);
}

void proa__debug_cancelled(struct proa_task *t)
{
    struct debug *d = t->sched->loop->debug;

    if (!d || !has_stack(t) || of(t)->cancelled)
        return;
    of(t)->cancelled = proa__loop_now(d->loop);
    look_at(d, proa_time_add(of(t)->cancelled, DEBUG_AFTER_CANCEL));
}

static void tell_lives_on(struct proa_task *t, int64_t since)
{
    const struct task_debug *td = of(t);
    char name[TASK_NAME_MAX];
    char ms[DEBUG_MS_MAX];

    proa__log(
        PROA_LOG_WARNING,
        "task %s was cancelled %s ms ago and has not ended: %u of its calls failed since%s%s; "
        "it %s",
        proa__task_name(t, name), proa__debug_ms(since, ms), td->cuts,
        td->last ? ", the last one " : "", td->last ? td->last : "",
        t->state != TASK_PARKED ? "is about to run"
        : t->scope->eff         ? "waits in a call that a cancel does not end"
                                : "waits in a shield");
}

/* The oldest of the cancels whose task is still to be told of; PROA_FOREVER: none. */
static int64_t tell_of_stubborn(struct sched *s, int64_t now)
{
    struct scope *top = &s->root.scope;
    int64_t oldest = PROA_FOREVER;

    for (struct scope *at = proa__scope_next(top, top, false); at;
         at = proa__scope_next(top, at, false)) {
        struct proa_task *t = at->task;
        struct task_debug *td;

        if (at->kind != SCOPE_ROOT || !at->eff || !has_stack(t))
            continue;
        td = of(t);
        if (td->told || !td->cancelled)
            continue;
        if (now - td->cancelled >= DEBUG_AFTER_CANCEL) {
            td->told = true;
            tell_lives_on(t, now - td->cancelled);
        } else if (td->cancelled < oldest) {
            oldest = td->cancelled;
        }
    }
    return oldest;
}

static void look_after_cancel(void *arg)
{
    struct sched *s = arg;
    struct debug *d = s->loop->debug;
    int64_t oldest = tell_of_stubborn(s, proa__loop_now(s->loop));

    if (oldest != PROA_FOREVER)
        look_at(d, proa_time_add(oldest, DEBUG_AFTER_CANCEL));
}

static void tell_goes_on(struct proa_task *t)
{
    struct debug *d = t->sched->loop->debug;
    struct trace trace;
    char name[TASK_NAME_MAX];

    trace_here(&trace);
    proa__debug_pause(d);
    proa__log(PROA_LOG_WARNING,
              "task %s was cancelled and goes on although %u of its calls failed since, here:",
              proa__task_name(t, name), of(t)->cuts);
    proa__debug_log_trace(&trace);
    proa__debug_resume(d);
}

void proa__debug_cut(struct proa_task *t, const char *what)
{
    struct task_debug *td;

    if (!t->sched->loop->debug || !t->root.eff)
        return;
    td = of(t);
    if (what)
        td->last = what;
    if (!td->cancelled)
        proa__debug_cancelled(t);
    if (++td->cuts < DEBUG_CUTS || td->told)
        return;
    td->told = true;
    tell_goes_on(t);
}

/* ---- how deep a stack was */

#define PAGES 256 /* looked at in one call */

/* The lowest byte at and above `low` whose page was ever touched; NULL: the system does not say. */
static char *lowest_touched(char *low, const char *high, size_t page)
{
    unsigned char touched[PAGES];

    while (low < high) {
        size_t n = ((size_t)(high - low) + page - 1) / page;

        if (n > PAGES)
            n = PAGES;
        if (mincore(low, n * page, touched) < 0)
            return NULL;
        for (size_t i = 0; i < n; i++)
            if (touched[i] & 1)
                return low + i * page;
        low += n * page;
    }
    return low;
}

/* Once for each size of stack, and whenever one was deeper than all before. */
static void note_nearly_full(struct debug *d, const struct proa_task *t, size_t used, size_t size)
{
    char name[TASK_NAME_MAX];

    if (size - used >= size / 8 || (used <= d->deepest && (d->nearly_full & size)))
        return;
    d->nearly_full |= size;
    proa__log(PROA_LOG_WARNING,
              "task %s used %zu KiB of its stack of %zu: give it more with .stack_size",
              proa__task_name(t, name), used >> 10, size >> 10);
}

static void note_depth(struct debug *d, const struct proa_task *t, size_t used, size_t size)
{
    char name[TASK_NAME_MAX];

    note_nearly_full(d, t, used, size);
    if (used <= d->deepest)
        return;
    d->deepest = used;
    d->deepest_of = size;
    snprintf(d->deepest_name, sizeof d->deepest_name, "%s", proa__task_name(t, name));
}

void proa__debug_returned(struct proa_task *t)
{
    struct debug *d = t->sched->loop->debug;
    const struct stack *stack = &t->coro.stack;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = ((size_t)(stack->high - stack->low) + page - 1) / page * page;
    char *low;

    if (!d || d->no_depth)
        return;
    low = lowest_touched(stack->low, stack->high, page);
    if (low)
        note_depth(d, t, (size_t)(stack->low + size - low), size);

    /* the next one finds it as new, and whoever kept an address of this one's finds zeroes */
    char *here = (char *)((uintptr_t)__builtin_frame_address(0) / page * page) - page;

    d->no_depth = !low || (here > low && madvise(low, (size_t)(here - low), MADV_DONTNEED) < 0);
}
