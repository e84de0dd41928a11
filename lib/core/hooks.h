#ifndef CORE_HOOKS_H
#define CORE_HOOKS_H

/*
 * hooks: the program is told as tasks come, run, wait and go.
 *
 * A loop without hooks has a NULL pointer in its scheduler, and asking for it is all that each of
 * the four places costs.
 *
 * Floor: core.
 */

#include "core/sched.h"

#include <proa/hooks.h>

void proa__hook_spawn(struct proa_task *t);
void proa__hook_run(struct proa_task *t);
void proa__hook_park(struct proa_task *t);
void proa__hook_exit(struct proa_task *t, int rc);

static inline bool hooked(const struct sched *s)
{
    return __builtin_expect(s->hooks != NULL, 0);
}

#endif
