#ifndef BASE_FAIL_H
#define BASE_FAIL_H

/*
 * fail: the words of the most recent failure.
 *
 * A code travels by return; its words wait in a slot of fixed size, one a task, so telling a
 * failure needs no memory. proa__err_slot points at the slot of whoever runs: core points it at the
 * task's at each switch, and NULL stands for the thread's own slot, which base has. A task never
 * migrates, so the pointer may be thread-local.
 *
 * Control bytes become '?', for the words may quote a peer; what is longer than the slot is cut
 * between two UTF-8 characters.
 *
 * Floor: base.
 */

#include <proa/defs.h>
#include <proa/err.h>

struct err_slot {
    int rc;         /* 0: nothing has failed yet */
    char text[200]; /* NUL-terminated */
};

extern _Thread_local struct err_slot *proa__err_slot __attribute__((tls_model("initial-exec")));

/* Write `rc` and its words to the slot and return `rc`. A value may be proa_err_detail(rc) itself.
 */
int proa__fail(int rc, const char *fmt, ...) PROA_PRINTF(2, 3);

/* The slot that is written now: the task's, or the thread's own. */
struct err_slot *proa__err_slot_now(void);

#endif
