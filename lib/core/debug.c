#include "core/debug.h"

#include "base/log.h"
#include "base/mem.h"
#include "core/sched.h"

#include <proa/err.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- slices */

const char *proa__debug_ms(int64_t ns, char buf[DEBUG_MS_MAX])
{
    snprintf(buf, DEBUG_MS_MAX, "%lld.%lld", (long long)(ns / PROA_MS),
             (long long)(ns % PROA_MS / (PROA_MS / 10)));
    return buf;
}

static void begin(struct debug *d, int64_t now)
{
    proa__trace_who(&d->who);
    atomic_store_explicit(&d->began, now, memory_order_relaxed);
    atomic_fetch_add_explicit(&d->loop->slice, 1, memory_order_release);
}

static void tell_slow(const struct debug *d, int64_t took)
{
    char name[TRACE_NAME_MAX];
    char ms[DEBUG_MS_MAX];

    proa__log(PROA_LOG_WARNING, "%s held the loop for %s ms", proa__trace_held_name(&d->who, name),
              proa__debug_ms(took, ms));
}

/* The loop is back from the kernel. */
static void tell_late(const struct debug *d, int64_t took)
{
    char asked[DEBUG_MS_MAX];
    char ms[DEBUG_MS_MAX];

    if (d->asked == PROA_FOREVER || took - d->asked <= d->slow)
        return;
    proa__log(PROA_LOG_WARNING,
              "the kernel came back after %s ms, asked to wait at most %s ms: the machine is busy, "
              "or the process was stopped",
              proa__debug_ms(took, ms), proa__debug_ms(d->asked, asked));
}

/* The end of what was until now. */
static int64_t end_slice(struct debug *d)
{
    int64_t now = proa__clock_mono();
    int64_t took = now - atomic_load_explicit(&d->began, memory_order_relaxed);

    if (atomic_load_explicit(&d->resting, memory_order_relaxed))
        tell_late(d, took);
    else if (took > d->slow)
        tell_slow(d, took);
    return now;
}

/* The watchdog looks at this first: what it sees next began no earlier than the rest has ended. */
static void end_rest(struct debug *d)
{
    atomic_store_explicit(&d->resting, false, memory_order_release);
}

void proa__debug_slice(struct proa_loop *loop)
{
    struct debug *d = loop->debug;

    begin(d, end_slice(d));
    end_rest(d);
}

void proa__debug_rest(struct proa_loop *loop, int64_t asked)
{
    struct debug *d = loop->debug;
    int64_t now = end_slice(d);

    d->asked = asked;
    atomic_store_explicit(&d->resting, true, memory_order_relaxed);
    begin(d, now);
}

void proa__debug_pause(struct debug *d)
{
    atomic_store_explicit(&d->resting, true, memory_order_relaxed);
}

void proa__debug_resume(struct debug *d)
{
    atomic_store_explicit(&d->began, proa__clock_mono(), memory_order_relaxed);
    end_rest(d);
}

const char *proa__debug_place(struct proa_loop *loop, const void *at, char buf[PLACE_MAX])
{
    const char *place;

    if (loop->debug)
        proa__debug_pause(loop->debug);
    place = proa__place(at, buf);
    if (loop->debug)
        proa__debug_resume(loop->debug);
    return place;
}

static void log_line(void *arg, const char *line)
{
    (void)arg;
    proa__log(PROA_LOG_WARNING, "    %s", line);
}

void proa__debug_log_trace(const struct trace *trace)
{
    proa__place_lines(trace, log_line, NULL);
}

/* ---- on and off */

static bool in_environment(void)
{
    const char *text = getenv("PROA_DEBUG");

    return text && *text && strcmp(text, "0") != 0;
}

static int64_t slow_of(const struct debug_opts *opts)
{
    const char *text = getenv("PROA_DEBUG_SLOW_MS");
    long ms = text ? strtol(text, NULL, 10) : 0;

    if (opts->slow > 0)
        return opts->slow;
    return ms > 0 && ms < PROA_FOREVER / PROA_MS ? ms * PROA_MS : DEBUG_SLOW;
}

/* Tasks that have a stack already: nothing is known of them. */
static void forget_tasks(struct sched *s)
{
    struct task_cursor at;
    struct proa_task *t;

    proa__task_walk_begin(s, &at);
    while ((t = proa__task_walk_next(&at))) {
        if (t->state != TASK_FREE && t->state != TASK_NEW && t->state != TASK_DONE)
            proa__debug_stack_given(t, NULL);
    }
}

/* Who was on them before used them as deep as they are. */
static void clean_idle_stacks(const struct sched *s)
{
    proa__stack_pool_clean(&s->loop->stacks);
    if (s->idle.stack.low)
        proa__stack_trim(&s->idle.stack, s->idle.sp);
}

static int switch_on(struct proa_loop *loop, const struct debug_opts *opts)
{
    struct debug *d = proa__zalloc(sizeof *d);
    int rc;

    if (!d)
        return PROA_ENOMEM;
    d->loop = loop;
    d->slow = slow_of(opts);
    d->asked = PROA_FOREVER;
    list_init(&d->objects);
    atomic_init(&d->resting, !loop->running);
    begin(d, proa__clock_mono());
    rc = proa__debug_watch(d);
    if (rc < 0) {
        proa__free(d);
        return rc;
    }
    forget_tasks(loop->sched);
    clean_idle_stacks(loop->sched);
    loop->debug = d;
    sched_rewatch(loop->sched);
    if (!proa__log_wanted(PROA_LOG_INFO))
        proa_log_set_level(PROA_LOG_INFO);
    return 0;
}

int proa__debug_begin(struct proa_loop *loop, const struct debug_opts *opts)
{
    if (loop->debug || !(opts->on || in_environment()))
        return 0;
    return switch_on(loop, opts);
}

static void tell_deepest(const struct debug *d)
{
    if (d->deepest)
        proa__log(PROA_LOG_INFO, "the deepest stack was %s's: %zu KiB of %zu", d->deepest_name,
                  d->deepest >> 10, d->deepest_of >> 10);
}

static void switch_off(struct proa_loop *loop)
{
    struct debug *d = loop->debug;

    proa__debug_unwatch(d);
    proa__timer_stop(&d->after_cancel);
    proa__debug_forget_open(d);
    loop->debug = NULL;
    atomic_store_explicit(&loop->slice, 0, memory_order_relaxed);
    if (loop->sched)
        sched_rewatch(loop->sched);
    proa__free(d);
}

void proa__debug_end(struct proa_loop *loop)
{
    if (!loop->debug)
        return;
    proa__debug_pause(loop->debug);
    tell_deepest(loop->debug);
    proa__debug_tell_open(loop->debug);
    switch_off(loop);
}

int proa_debug_set(bool on)
{
    struct proa_loop *loop = proa__loop_need(__func__);

    if (on && !loop->debug)
        return switch_on(loop, &(struct debug_opts){.on = true});
    if (!on && loop->debug)
        switch_off(loop);
    return 0;
}

bool proa_debug(void)
{
    return proa__loop_here && proa__loop_here->debug;
}
