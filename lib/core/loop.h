#ifndef CORE_LOOP_H
#define CORE_LOOP_H

/*
 * loop: what turns. One per thread, no locks inside.
 *
 * A turn, in this order: signals; what other threads posted; what was asked to run soon; the timers
 * that are due; the scheduler's ready tasks, some dozens of them; then the kernel is asked for
 * events, waiting only if nothing is left to do. Each of these lists is taken as it was when its
 * part of the turn began, so nothing can starve the rest by feeding itself.
 *
 *   new --run--> running --stop--> new          run may be called again
 *     \--free--> closed: posts answer PROA_ECLOSED; the memory stays until the last unref
 *
 * What the scheduler gets from here: `turn` is its function, `sched` its pointer. To start or
 * continue a task from the loop it calls proa__loop_enter; tasks switch among themselves with
 * proa__coro_switch, and back with proa__coro_switch(me, &loop->main).
 *
 * A loop belongs to the thread that made it and to the process that made it: any call from
 * elsewhere aborts with a sentence.
 *
 * Floor: core.
 */

#include "base/clock.h"
#include "base/heap.h"
#include "base/list.h"
#include "core/coro.h"
#include "core/io.h"
#include "core/stack.h"
#include "core/wheel.h"

#include <proa/loop.h>

#include <pthread.h>
#include <stdatomic.h>

#define LOOP_SCRATCH ((size_t)16 << 10)
#define LOOP_SLICES 64 /* most task slices in a turn */
#define LOOP_GRACE (5 * PROA_SEC)
#define LOOP_TURN_TIME PROA_MS /* a turn that took longer makes the next one shorter */

struct debug; /* what it knows in debug mode; debug.h */
struct event;
struct event_base;
struct proa_loop;
struct post_block;
struct proa_task;
struct proa_thread_pool;
struct sched;        /* the scheduler's; sched.c */
struct signals;      /* whom a signal concerns; signal.c */
struct trace_target; /* for other threads that ask what this one does; trace.c */

/*
 * Run ready tasks, at most about loop->slices of them. Returns how many ran; loop->ready tells
 * whether more are ready afterwards.
 */
typedef unsigned loop_turn_fn(struct proa_loop *loop);

/* A callback of the next turn; intrusive, at most once in the list. Zeroed is legal. */
typedef void loop_fn(void *arg);
struct soon {
    struct list link;
    loop_fn *fn; /* NULL: not in the list */
    void *arg;
};

/* What another thread hands to the loop; intrusive, the loop's until fn or drop is called. */
struct post {
    struct post *next;
    loop_fn *fn;
    loop_fn *drop; /* the loop ended first; NULL: nobody cares */
    void *arg;
};

/* What an upper floor keeps as long as the loop lives; found by its key, the address of anything.
 */
struct loop_guest {
    struct list link;
    const void *key;
    void (*free)(struct loop_guest *guest); /* in proa__loop_free, while posts are still taken */
};

#define MAGIC_LOOP 0x6c6f6f70u

struct proa_loop {
    unsigned magic;
    bool ready;    /* the scheduler's: tasks are ready, the loop will not sleep */
    bool stopping; /* run returns at the end of this turn */
    bool running;
    bool busy;       /* the last turn left tasks ready */
    bool virtual;    /* the clock is the tests' */
    unsigned slices; /* of this turn; fewer while slices take long */

    struct coro main; /* the thread's own stack */
    struct sched *sched;
    loop_turn_fn *turn;
    struct proa_task *current; /* the scheduler's: whose slice this is */

    loop_fn *big_fn; /* a task waits for this to run on `main`; big_stack.c */
    void *big_arg;
    struct coro *big_from;

    struct list soon;    /* struct soon, oldest first */
    struct list handles; /* what the program asked for and can take back; call.h */
    struct heap timers;  /* that are due soon; the others are in: */
    struct wheel wheel;
    int64_t virtual_now;
    struct clock_glance glance;
    int64_t jump_to;    /* virtual: up to here it jumps although something outside could wake us */
    unsigned advancing; /* tasks in proa_test_advance, whose jump_to is */
    int64_t far_at;     /* libevent's timer will wake us at this time; PROA_FOREVER: it will not */
    int64_t near_at;    /* so will the timerfd */
    struct io near;     /* the timerfd */
    size_t outside;     /* descriptors, jobs, children, signals that may wake this loop */

    struct event_base *base;
    bool base_is_theirs;
    int64_t latest; /* a step ends then; else PROA_FOREVER */
    struct event *far;
    struct stack_pool stacks;
    uint8_t *uses; /* by descriptor: what it is used for; io.c */
    size_t n_uses;
    struct proa_thread_pool *pool; /* for jobs that name none; NULL: there was none yet */
    int64_t grace;                 /* given at the end to jobs that were abandoned */
    struct signals *signals;
    struct debug *debug;        /* NULL: it is not in debug mode */
    struct trace_target *trace; /* NULL: nobody asks */
    atomic_uint_fast64_t slice; /* in debug mode the number of the present one; else 0 */
    struct list guests;         /* struct loop_guest */
    char *scratch;

    struct io wake;          /* the eventfd, written by whoever posts to a loop that sleeps */
    struct post_block *used; /* a block to be used again */
    atomic_uint refs;
    char apart[64];            /* what other threads write is in cache lines of its own; post.c */
    pthread_mutex_t post_lock; /* over all below but what is atomic */
    struct post *posts;        /* oldest first */
    struct post **posts_end;
    struct post_block *open;  /* the last of them, if it is one with room */
    struct post_block *spare; /* for the next calls */
    bool closed;
    size_t wakes;             /* so many posters have written the eventfd, or will */
    atomic_size_t wakes_done; /* so many have */
    atomic_bool asleep;       /* set under the lock */
    atomic_bool posted;       /* posts is not empty */
    char apart_too[64];
};

extern _Thread_local struct proa_loop *proa__loop_here __attribute__((tls_model("initial-exec")));

/* The loop of this thread; NULL if it has none. */
static inline struct proa_loop *proa__loop_current(void)
{
    return proa__loop_here;
}

_Noreturn void proa__loop_wrong_thread(const struct proa_loop *loop, const char *what);

/* Abort with a sentence unless `loop` is this thread's. `what` is the public call's name. */
static inline void proa__loop_check(const struct proa_loop *loop, const char *what)
{
    if (__builtin_expect(proa__loop_here != loop || !loop, 0))
        proa__loop_wrong_thread(loop, what);
}

/* This thread's loop, or abort: "proa_sleep: no loop runs in this thread". */
static inline struct proa_loop *proa__loop_need(const char *what)
{
    if (__builtin_expect(!proa__loop_here, 0))
        proa__loop_wrong_thread(NULL, what);
    return proa__loop_here;
}

struct loop_opts {
    bool virtual_clock;
    struct event_base *base; /* the program's, which keeps it; NULL: a new one */
};

/* A loop for this thread, which has none yet (PROA_EBUSY). One reference, the caller's. */
int proa__loop_new(struct proa_loop **ret, const struct loop_opts *opts);

/* Close it: joins its threads, drops posts unrun, frees all but what other references hold. */
void proa__loop_free(struct proa_loop *loop);

/* Turn until proa__loop_stop. */
void proa__loop_run(struct proa_loop *loop);
void proa__loop_stop(struct proa_loop *loop);

/* Turn once, waiting for at most `ns`. */
void proa__loop_step(struct proa_loop *loop, int64_t ns);

/* Run `co` from the loop's own stack until something switches back to loop->main. */
void proa__loop_enter(struct proa_loop *loop, struct coro *co);

/* Nanoseconds now, of the monotonic or the virtual clock. Fresh at each call. */
int64_t proa__loop_now(const struct proa_loop *loop);

/* The moment `ns` from now, for a timer: never earlier, up to CLOCK_GLANCE_SLACK later, and cheaper
 * than a look at the clock. Moments told later for the same span are not earlier. What is due now
 * has nothing to give away: it is a look, so that the next turn finds it due. */
static inline int64_t proa__loop_due(struct proa_loop *loop, int64_t ns)
{
    if (loop->virtual || ns <= 0)
        return proa_time_add(proa__loop_now(loop), ns);
    return proa_time_add(clock_glance(&loop->glance), ns);
}

/* 16 KiB for whoever runs now; the contents last until anything else runs. */
static inline char *proa__loop_scratch(struct proa_loop *loop, size_t *ret_size)
{
    *ret_size = LOOP_SCRATCH;
    return loop->scratch;
}

/* Seconds since 1970, for dates that are made anew once a second; costs a few nanoseconds. */
int64_t proa__loop_wall(void);

/* Call fn(arg) in the next turn, on the loop's own stack. Asked twice, the later fn and arg count.
 */
void proa__loop_soon(struct proa_loop *loop, struct soon *s, loop_fn *fn, void *arg);
void proa__loop_soon_cancel(struct soon *s);

/* The guest of this key, or NULL; and a new one, which the loop will free. */
struct loop_guest *proa__loop_guest(const struct proa_loop *loop, const void *key);
void proa__loop_adopt(struct proa_loop *loop, struct loop_guest *guest, const void *key,
                      void (*free)(struct loop_guest *guest));

/*
 * Any thread: hand `p`, its fn, drop and arg filled in, to the loop. PROA_ECLOSED if that is
 * closed: then p is still the caller's and nothing is called.
 */
int proa__loop_post(struct proa_loop *loop, struct post *p);

/* Any thread that holds a reference: has the loop ended? */
bool proa__loop_is_closed(struct proa_loop *loop);

/* Has anything been posted? Of a loop that is awake. */
static inline bool posts_any(const struct proa_loop *loop)
{
    return atomic_load_explicit(&loop->posted, memory_order_acquire);
}

/*
 * For loop.c: the beginning; from now on a post wakes the kernel's wait (false: there are posts
 * already); the calls of what was posted; the end.
 */
void proa__posts_open(struct proa_loop *loop);
bool proa__posts_sleep(struct proa_loop *loop);

/* The loop turns no more for now: what has been posted, or will be, wakes who waits for its base.
 */
void proa__posts_leave(struct proa_loop *loop);
void proa__posts_run(struct proa_loop *loop);
void proa__posts_close(struct proa_loop *loop);

/*
 * Run fn(arg) on the thread's own stack, which is large; a plain call when already there. For deep
 * library calls. fn must not suspend.
 */
void proa__on_loop_stack(loop_fn *fn, void *arg);

/* The kernel, a thread or a person may wake this loop: the virtual clock does not jump meanwhile.
 */
static inline void proa__loop_outside(struct proa_loop *loop, int by)
{
    loop->outside += (size_t)by;
}

#endif
