#ifndef CORE_CALL_H
#define CORE_CALL_H

/*
 * call: calls that a program asked the loop for, and can take back.
 *
 *   idle --soon--> in loop->soon ---------------.
 *     |---later--> in the loop's timers --due----+--> idle, then fn(arg)
 *     '---done---> a watch of a task --its end--> in loop->soon
 *
 * All that are pending are in the loop's list, which empties it when it ends: then they are idle,
 * and no call is made.
 *
 * Floor: core.
 */

#include "core/loop.h"
#include "core/task.h"
#include "core/timer.h"

#include <proa/call.h>

struct handle {
    struct list link;       /* in loop->handles while pending */
    struct proa_loop *loop; /* NULL: idle */
    proa_callback_fn *fn;
    void *arg;
    bool owned; /* nobody else has it: free it when it is idle */
    enum { CALL_SOON, CALL_LATER, CALL_DONE } kind;
    union {
        struct soon soon;
        struct timer timer;
        struct task_watch watch;
    } u;
};

/* For loop.c: forget all that are pending. */
void proa__calls_drop(struct proa_loop *loop);

#endif
