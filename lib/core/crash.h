#ifndef CORE_CRASH_H
#define CORE_CRASH_H

/*
 * crash: a process that dies by SIGSEGV or SIGBUS says in one line which task ran, and whether that
 * has used up its stack.
 *
 * The handlers stand while a loop is there, only where the default was in place, and run on an
 * alternate stack. They write to standard error and then let the default happen: the process ends
 * by that very signal, with a core dump that shows the place. A sanitizer's handlers are not the
 * default, and stay.
 *
 * Floor: core.
 */

/* This thread has a loop now. Cannot fail: at worst nothing is said. */
void proa__crash_enter(void);
void proa__crash_leave(void);

#endif
