#ifndef CORE_STACK_GUARD_H
#define CORE_STACK_GUARD_H

/*
 * stack_guard: what stands below a stack, and what says so when nothing does.
 *
 * Three ways, tried in this order: guard markers in the page table, mprotect, a canary. Whether
 * markers work is proved once, by handing such a page to a system call, which must answer EFAULT;
 * an old kernel, an emulator or locked memory would otherwise be believed. What fails later for one
 * stack falls to the next way for that stack alone.
 *
 * Floor: core; used by stack.c only, and by its tests.
 */

#include "core/stack.h"

/* Guard the STACK_GUARD bytes at `where`; returns the way that worked. */
enum stack_guard proa__stack_guard_install(char *where);

/* `n` stacks guarded by mprotect are about to be unmapped. */
void proa__stack_guard_forget(size_t n);

#endif
