#ifndef CORE_DEBUG_H
#define CORE_DEBUG_H

/*
 * debug: what a loop in debug mode knows about its program.
 *
 * A loop that is not in debug mode has a NULL pointer, `debug`, and its scheduler `watched` unset;
 * asking for one of them is all that any of the places below costs then.
 *
 * Time is cut into slices: a task's, from where it goes on to where it gives way, and those of the
 * loop's callbacks. Each has a number, which the loop publishes (loop->slice) together with its
 * beginning. A thread of its own, the watchdog, looks at them a few times in the time that is slow.
 * When it finds one that began too long ago, it interrupts the loop's thread for a backtrace
 * (trace.h) and logs that, while the slice lasts; the loop itself logs the whole duration at the
 * end. While the loop rests in the kernel, `resting`, there is nothing to find.
 *
 * What is known of a single task, struct task_debug, lies at the top of its stack, beside the words
 * of its last failure: its record has no room left in its five cache lines. So a task has it from
 * its first turn to its last. Where it was created waits until then where its stack pointer will
 * be.
 *
 * Floor: core.
 */

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "core/loop.h"
#include "core/place.h"
#include "core/task.h"
#include "core/timer.h"
#include "core/trace.h"
#include "core/view.h"

#include <proa/debug.h>

#define DEBUG_SLOW (100 * PROA_MS)  /* a slice that takes longer is told of */
#define DEBUG_CUTS 100              /* so many calls of a cancelled task have failed */
#define DEBUG_AFTER_CANCEL PROA_SEC /* or it lives so long after its cancel */

struct sched;

struct debug {
    struct proa_loop *loop;
    int64_t slow;

    /* slices; the loop's, the atomics read by the watchdog */
    atomic_int_fast64_t began;
    atomic_bool resting;
    struct trace_held who; /* whose slice it is; without its trace */
    int64_t asked;         /* while resting: the kernel was asked to wait so long */

    /* the watchdog's */
    pthread_t watchdog;
    bool watched; /* there is one */
    bool traced;  /* and it can interrupt the loop's thread */
    pthread_mutex_t lock;
    pthread_cond_t stop;
    bool stopping;             /* under the lock */
    uint_fast64_t told;        /* number of the last slice that it told of */
    struct trace_held stalled; /* too large for a stack of ours */

    struct timer after_cancel; /* runs while a task that was cancelled lives */

    size_t deepest; /* most bytes of stack that a task used */
    size_t deepest_of;
    char deepest_name[TASK_NAME_MAX];
    size_t nearly_full; /* sizes of stacks, powers of two, of which one was */
    bool no_depth;      /* this system does not tell how deep */

    struct list objects; /* struct opened that nobody closed, oldest first */
    struct map open;     /* the same, by the object's address */
};

/* ---- on and off */

/* What a run asks for; the environment (PROA_DEBUG, PROA_DEBUG_SLOW_MS) counts as well. */
struct debug_opts {
    bool on;
    int64_t slow; /* 0: the environment's, else DEBUG_SLOW */
};

/* If it is asked for. On this thread's loop, whose scheduler is there. PROA_ENOMEM. */
int proa__debug_begin(struct proa_loop *loop, const struct debug_opts *opts);

/* The loop ends, or debug mode does: report what is left open. Nothing if it is not on. */
void proa__debug_end(struct proa_loop *loop);

/* ---- slices */

/* What ran until now is over, and the running task or a callback begins. */
void proa__debug_slice(struct proa_loop *loop);

/* The loop asks the kernel, to wait at most `asked` ns; or it is not being run at all. */
void proa__debug_rest(struct proa_loop *loop, int64_t asked);

/* A message is being made, which may take long: the slice goes on when it is done. */
void proa__debug_pause(struct debug *d);
void proa__debug_resume(struct debug *d);

static inline void debug_slice(struct proa_loop *loop)
{
    if (__builtin_expect(loop->debug != NULL, 0))
        proa__debug_slice(loop);
}

static inline void debug_rest(struct proa_loop *loop, int64_t asked)
{
    if (__builtin_expect(loop->debug != NULL, 0))
        proa__debug_rest(loop, asked);
}

/* "12.3", of milliseconds. */
#define DEBUG_MS_MAX 24
const char *proa__debug_ms(int64_t ns, char buf[DEBUG_MS_MAX]);

/* debug_watch.c */
int proa__debug_watch(struct debug *d);
void proa__debug_unwatch(struct debug *d);

/* proa__place, which may take long and is nobody's fault. */
const char *proa__debug_place(struct proa_loop *loop, const void *at, char buf[PLACE_MAX]);

/* Log the places of a trace, one a line. */
void proa__debug_log_trace(const struct trace *trace);

/* Timers of its own that run, which are nobody's leak. */
size_t proa__debug_timers(const struct proa_loop *loop);

/* ---- tasks: debug_task.c */

struct task_debug {
    const void *created; /* the call that did returns to here; NULL: not known */
    const char *last;    /* the last call that failed because of a cancel */
    int64_t cancelled;   /* when; 0: it is not */
    uint32_t cuts;       /* calls that failed since */
    bool told;           /* that it ignores its cancel */
};

/* What lies above a stack. */
struct stack_top {
    struct err_slot err;
    struct task_debug debug; /* contents undefined outside debug mode */
};

/* `t` was given its stack. */
void proa__debug_stack_given(struct proa_task *t, const void *created);

/* Its function has returned, on its stack; others will use that. */
void proa__debug_returned(struct proa_task *t);

/* A scope around all of `t` was cancelled. */
void proa__debug_cancelled(struct proa_task *t);

/* A call of the running task fails because of a cancel; `what` NULL: its name is not known. */
void proa__debug_cut(struct proa_task *t, const char *what);

/* Where it was created; NULL: not known. While it has its stack. */
const void *proa__debug_created(const struct proa_task *t);

/* The running task ends and holds the object, a `kind`, that only it could release. */
void proa__debug_orphan(const char *kind, const void *object);

/* ---- objects that have to be closed: debug_object.c */

/*
 * An object was opened on this thread's loop, or closed. What is open when the loop ends is told,
 * with the trace of the opening. Nothing is kept in the object itself: most are made by the ten
 * thousand, and outside debug mode this costs them a test.
 */
void proa__debug_opened(describe_fn *describe, const void *object);
void proa__debug_closed(const void *object);

static inline bool debug_here(void)
{
    return __builtin_expect(proa__loop_here && proa__loop_here->debug, 0);
}

static inline void debug_opened(describe_fn *describe, const void *object)
{
    if (debug_here())
        proa__debug_opened(describe, object);
}

static inline void debug_closed(const void *object)
{
    if (debug_here())
        proa__debug_closed(object);
}

/* The loop ends: tell of those that are open. */
void proa__debug_tell_open(const struct debug *d);

/* No more objects are watched. */
void proa__debug_forget_open(struct debug *d);

/* A runner that is never freed is told when the process ends. */
void proa__debug_runner_made(const void *runner);
void proa__debug_runner_freed(const void *runner);

#endif
