#ifndef CORE_START_H
#define CORE_START_H

/*
 * start: a task whose creator waits until it says "ready".
 *
 *   created --proa_task_ready--> ready: the creator goes on; from here a task like any
 *      |------ends---------> failed: the code is the creator's, not the group's
 *      '--the creator is cancelled--> given up: cancelled, and its end waited for
 *
 * The record lies in the creator's frame; the task points at it until one of these has happened.
 * Floor: core.
 */

#include "core/task.h"

/* `t`, which has not said that it is ready, ended with `rc`; its words are in the error slot. */
void proa__start_ended(struct proa_task *t, int rc);

#endif
