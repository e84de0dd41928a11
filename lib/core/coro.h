#ifndef CORE_CORO_H
#define CORE_CORO_H

/*
 * coro: one flow of control with a stack of its own, and the switch between two of them.
 *
 * The only place in proa where a stack is exchanged for another, and therefore where
 * AddressSanitizer and ThreadSanitizer are told. A switch saves what the ABI calls callee-saved,
 * the control words of the floating point units, and nothing else: no signal mask, no errno, no
 * system call.
 *
 * A coro is part of what it runs (a task's control block, a loop). It never ends by returning: the
 * last thing that its function does is proa__coro_switch_last to somebody else, who may then give
 * the stack back.
 *
 *   struct coro main = {0};                      // the thread's own stack needs no init
 *   proa__coro_init(&task->coro, run_task, task);
 *   proa__coro_switch(&main, &task->coro);       // returns when somebody switches to &main
 *
 * Floor: core. Knows nothing of tasks or loops.
 */

#include "core/stack.h"

typedef void coro_fn(void *arg);

struct coro {
    void *sp;           /* where it stopped; the assembly knows that this is the first member */
    struct stack stack; /* zeroed on a thread's own stack */
#ifdef PROA_SANITIZED_ADDRESS
    void *fake_stack;    /* what AddressSanitizer keeps of it while it does not run */
    const void *own_low; /* a thread's own stack, learnt when it is left for the first time */
    size_t own_size;
#endif
#ifdef PROA_SANITIZED_THREAD
    void *fiber; /* what ThreadSanitizer knows it by */
#endif
};

/* Let the first switch to `co` call fn(arg) on co->stack, which proa__stack_take filled. */
void proa__coro_init(struct coro *co, coro_fn *fn, void *arg);

/* Forget what a finished coro had with the sanitizers. From another stack, before its own is given
 * back. */
void proa__coro_fini(struct coro *co);

/* The machine's part of a switch; to be called through the two functions below. */
void proa__coro_swap(struct coro *from, struct coro *to);
void proa__coro_swap_told(struct coro *from, struct coro *to, bool last);

/* Stop here, which is `from`, and continue `to`. Returns when somebody switches to `from`. */
static inline void proa__coro_switch(struct coro *from, struct coro *to)
{
    if (__builtin_expect(from->stack.guard == STACK_GUARD_CANARY, 0))
        proa__stack_check(&from->stack);
#ifdef PROA_SANITIZED
    proa__coro_swap_told(from, to, false);
#else
    proa__coro_swap(from, to);
#endif
}

/* The same, for a `from` that will never be continued: `to` may give its stack back. */
_Noreturn static inline void proa__coro_switch_last(struct coro *from, struct coro *to)
{
#ifdef PROA_SANITIZED
    proa__coro_swap_told(from, to, true);
#else
    proa__coro_swap(from, to);
#endif
    __builtin_unreachable();
}

#endif
