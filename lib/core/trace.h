#ifndef CORE_TRACE_H
#define CORE_TRACE_H

/*
 * trace: where a task is, as a backtrace; and which task holds a loop's thread right now.
 *
 * A trace is a list of addresses, innermost first, that ends at the bottom of the stack it was
 * taken on (a task's: run_tasks and proa__coro_main). Taking one needs no memory, no lock and about
 * 4 KiB of stack, once proa__trace_prepare was called; so it may be done in a signal handler.
 * Making text of one (core/place.h) does need memory, and a large stack.
 *
 *     struct trace trace;
 *     trace_here(&trace);
 *     proa__place_lines(&trace, print_line, out);
 *
 * Another thread asks what a loop is doing, also while that is stuck:
 *
 *     the loop's thread:  proa__trace_open(loop) ... proa__trace_close(loop)
 *     another thread:     struct trace_held held;
 *                         if (proa__trace_interrupt(loop, 100 * PROA_MS, &held) == 0)
 *                             trace_held_name(&held, buf), held.trace, held.slice
 *
 * The loop's thread is sent a signal whose default is to be ignored (SIGURG, else SIGWINCH), and
 * writes down in the handler, on an alternate stack, what it is at. The handler stands in the
 * process only while a loop is open for this, and only where the default was in place. A blocking
 * system call of that thread may return EINTR where SA_RESTART does not help: sleeps, polls.
 *
 * Floor: core.
 */

#include "core/task.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_DEPTH 48

struct proa_loop;

struct trace {
    size_t n;
    bool exact; /* the first address is an instruction's own; others are where a call returns to */
    void *at[TRACE_DEPTH];
};

struct trace_held {
    bool in_task;             /* else it is the loop itself, or a callback */
    bool outside;             /* or neither: the loop is not being run */
    uint64_t seq;             /* of the task, as in a reference */
    uint64_t number;          /* as in "task-NUMBER" */
    char name[TASK_NAME_MAX]; /* "": it has none but that */
    uint64_t slice;           /* loop->slice then */
    struct trace trace;
};

/* Load what taking a trace needs. Any number of times, from any thread. */
void proa__trace_prepare(void);

/* The addresses above the caller's caller, which is first. */
void proa__trace_capture(struct trace *ret) __attribute__((noinline));

/* The calls that the running function stands in, from the one of its caller on. */
#define trace_here(ret)                                                                            \
    do {                                                                                           \
        proa__trace_capture(ret);                                                                  \
        __asm__ volatile(""); /* a call, not a jump: the caller's own frame is the one left out */ \
    } while (0)

/* In a signal handler, with its third argument: where it was, with its stack and its calls. NULL:
 * this machine does not say. */
const void *proa__trace_pc(const void *context);
const void *proa__trace_sp(const void *context);
void proa__trace_interrupted(struct trace *ret, const void *context);

/*
 * Let other threads interrupt `loop`, of this thread; counted. PROA_ENOMEM; PROA_EBUSY: the program
 * handles both signals itself, nothing is changed and nothing is to be closed.
 */
int proa__trace_open(struct proa_loop *loop);
void proa__trace_close(struct proa_loop *loop);

/*
 * Any other thread, while the loop cannot be closed: what does its thread do now? Waits `ns` at
 * most: PROA_ETIMEDOUT (it blocks the signal, or does not get to run), PROA_ENOSYS (not open),
 * PROA_EBUSY (the program handles the signal itself now).
 */
int proa__trace_interrupt(struct proa_loop *loop, int64_t ns, struct trace_held *ret);

/* Who runs in this thread, all but where. */
void proa__trace_who(struct trace_held *ret);

/* For messages: "task reader", "task task-3", "a callback of the loop" or "the program outside of
 * the loop". */
#define TRACE_NAME_MAX (TASK_NAME_MAX + 8)
const char *proa__trace_held_name(const struct trace_held *held, char buf[TRACE_NAME_MAX]);

#endif
