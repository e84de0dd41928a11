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
    struct stack stack; /* .low is NULL on a thread's own stack */
    coro_fn *fn;
    void *arg;
#ifdef PROA_CONTEXT_UCONTEXT
    void *context; /* a ucontext_t, at the top of the stack or, for a thread's own, allocated */
#endif
#ifdef PROA_SANITIZED
    void *fake_stack;     /* AddressSanitizer's, while not running */
    const void *asan_low; /* a thread's own stack, learnt when it is first left */
    size_t asan_size;
    void *fiber; /* ThreadSanitizer's */
#endif
};

/* Let the first switch to `co` call fn(arg) on co->stack, which proa__stack_take filled. */
void proa__coro_init(struct coro *co, coro_fn *fn, void *arg);

/* Stop here, which is `from`, and continue `to`. Returns when somebody switches to `from`. */
void proa__coro_switch(struct coro *from, struct coro *to);

/* The same, for a `from` that will never be continued: its stack may be given back by `to`. */
_Noreturn void proa__coro_switch_last(struct coro *from, struct coro *to);

/* Forget what a finished coro, or a thread's own that was switched from, had with the sanitizers.
 */
void proa__coro_fini(struct coro *co);

#endif
