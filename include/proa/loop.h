#ifndef PROA_LOOP_H
#define PROA_LOOP_H

/*
 * loop: the clock, and the doors into a running loop from callbacks and other threads.
 *
 * A loop is made by proa_run or proa_main; a program needs to name one only to reach it from
 * another thread.
 */

#include <proa/defs.h>
#include <proa/time.h>

PROA_BEGIN_DECLS

struct proa_loop;

/* What a task, a thread job or a program's main part is: returns 0 or more, or a negative code. */
typedef int proa_task_fn(void *arg);

/* A callback: runs on the loop's own stack and must not suspend. */
typedef void proa_callback_fn(void *arg);

/**
 * Tell the time of this thread's loop, in nanoseconds since some moment in the past.
 *
 * Never goes back. Under a test's virtual clock it is that clock's; in a thread without a loop it
 * is the system's monotonic clock.
 */
PROA_API int64_t proa_now(void);

/**
 * Get the loop that runs in this thread, or NULL.
 *
 * Ownership:    borrowed; take a reference to use it from another thread.
 */
PROA_API struct proa_loop *proa_loop_current(void);

/**
 * Keep the loop's memory for a thread that may call after the loop has ended.
 *
 * From any thread that has a right to the pointer. Each needs its proa_loop_unref.
 */
PROA_API struct proa_loop *proa_loop_ref(struct proa_loop *loop);

/**
 * Give a reference back. NULL is nothing.
 */
PROA_API void proa_loop_unref(struct proa_loop *loop);

PROA_DEFINE_AUTO(proa_loop, proa_loop_unref);

/**
 * Ask a loop, from any thread, to call fn(arg) in its next turn.
 *
 * Callbacks of one thread run in the order in which it posted them. A loop that ends drops what it
 * has not run yet.
 *
 * Errors:       PROA_ECLOSED (the loop has ended; fn will not be called), PROA_ENOMEM.
 */
PROA_API int proa_call_soon_threadsafe(struct proa_loop *loop, proa_callback_fn *fn, void *arg);

/**
 * Call fn(arg) on the thread's own, large stack and return what it returns.
 *
 * Tasks have stacks of 64 KiB. What goes deep (a JSON library, a regular expression, printf of
 * floating point) belongs here; it costs two switches of some nanoseconds. fn must not suspend.
 * Outside of a task it is a plain call.
 */
PROA_API int proa_call_on_big_stack(proa_task_fn *fn, void *arg);

PROA_END_DECLS

#endif
