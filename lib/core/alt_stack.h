#ifndef CORE_ALT_STACK_H
#define CORE_ALT_STACK_H

/*
 * alt_stack: where signal handlers of ours run, for a task's own stack may be used up.
 *
 * One per thread, from the first taking to the last giving back. A thread that has one already (of
 * the program, of a sanitizer) keeps that.
 *
 * Floor: core. Knows nothing of tasks or loops.
 */

/* 0, or PROA_ENOMEM. */
int proa__alt_stack_take(void);

/* In the same thread. */
void proa__alt_stack_give(void);

#endif
