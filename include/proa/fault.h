#ifndef PROA_FAULT_H
#define PROA_FAULT_H

/*
 * fault: what happens to failures that nobody asks for.
 */

#include <proa/defs.h>

PROA_BEGIN_DECLS

/** A failure that nobody will collect. */
struct proa_fault {
    int rc;
    const char *task;    /* name of the task that failed */
    const char *detail;  /* what failed */
    const char *created; /* in debug mode: where the task was created; NULL: not known */
};

/**
 * Takes a fault. Must not suspend; the strings live until it returns. A negative code means that it
 * could not: then the fault is logged as it is by default, and that code too.
 */
typedef int proa_fault_fn(const struct proa_fault *fault, void *arg);

/**
 * Have the faults of this thread's loop given to fn(fault, arg); NULL restores the default, which
 * logs them.
 *
 * A fault is the failure of a task of the root group that nobody joins, or the failure in a group
 * that was left without proa_group_join.
 *
 * A fault that occurs while fn takes another is logged.
 */
PROA_API void proa_fault_set(proa_fault_fn *fn, void *arg);

PROA_END_DECLS

#endif
