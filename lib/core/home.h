#ifndef CORE_HOME_H
#define CORE_HOME_H

/*
 * home: the thread that an object belongs to.
 *
 * What tasks share has no lock inside, so a call from another thread would destroy it silently.
 * Each such object remembers its thread, by the address of a thread-local variable, and its calls
 * compare: one load. An object that was made where no loop runs gets its home from the first call
 * made where one does.
 *
 * Floor: core.
 */

#include "core/task.h"

struct home {
    const void *thread; /* NULL: not known yet */
};

void proa__home_init(struct home *h);
void proa__home_check_slow(struct home *h, const char *what);

/* Abort, naming the call `what`, in a thread that is not the home. */
static inline void home_check(struct home *h, const char *what)
{
    if (__builtin_expect(h->thread != (const void *)&proa__task_here, 0))
        proa__home_check_slow(h, what);
}

/* The same for calls that only look. */
static inline void home_check_look(const struct home *h, const char *what)
{
    if (__builtin_expect(h->thread && h->thread != (const void *)&proa__task_here, 0))
        proa__home_check_slow((struct home *)h, what); /* does not return, so it changes nothing */
}

/* For sentences about misuse: the name of the running task, or "(no task)". */
const char *proa__who(void);

#endif
