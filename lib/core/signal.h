#ifndef CORE_SIGNAL_H
#define CORE_SIGNAL_H

/*
 * signal: from the kernel's interruption to a callback of the loop.
 *
 * The handler touches static memory only: it sets a bit for each loop that has a watch and writes
 * to its eventfd. The loop then calls the watches of that signal, as callbacks, never in the
 * handler.
 *
 * SIGINT and SIGTERM can also end runs orderly (proa__signals_end). Then they are counted:
 *
 *   1st    cancels the run; or, claimed (a server drains first), calls the claim
 *   2nd    claimed: cancels the run; else ends the process, by the handler itself, so a loop that
 *   3rd    is stuck cannot prevent it
 *
 * In a worker of proa_main, a service manager may signal the whole control group while the parent
 * passes the same signal on; so there only the parent's count beyond the first. And those that come
 * within a tenth of a second of each other count as one.
 *
 * Floor: core.
 */

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

struct proa_loop;

typedef void signal_fn(void *arg, int signo);

/* Zeroed is legal to unwatch. */
struct signal_watch {
    struct list link;
    struct proa_loop *loop; /* NULL: not watching */
    int signo;
    signal_fn *fn;
    void *arg;
};

/*
 * Call fn(arg, signo) on the loop after each arrival; several may become one. The handler of the
 * program is put back with the last watch of the process. PROA_ENOMEM, PROA_EAGAIN (more than 64
 * loops), PROA_EINVAL.
 */
int proa__signal_watch(struct proa_loop *loop, struct signal_watch *w, int signo, signal_fn *fn,
                       void *arg);
void proa__signal_unwatch(struct signal_watch *w);

/* From now on SIGINT and SIGTERM end what runs on this loop, by calling `cancel`. */
int proa__signals_end(struct proa_loop *loop, signal_fn *cancel, void *arg);

/* No longer: their count begins anew. A claim stays, for the next run on this loop. */
void proa__signals_end_stop(struct proa_loop *loop);

/* SIGINT or SIGTERM, as the reason of a cancel. */
const char *proa__signal_reason(int signo);

/*
 * Take the first of them, on this loop: fn(arg, signo) is called instead, in each run that signals
 * end, until it is given back. PROA_EBUSY: there is a claim. PROA_EINVAL: they don't end this run.
 */
int proa__signals_claim(struct proa_loop *loop, signal_fn *fn, void *arg);

/* Give the claim with `arg` back; nothing if another one's, or none, is there. */
void proa__signals_give_back(struct proa_loop *loop, const void *arg);

/* The signal that ended this process's runs; 0: none did. */
int proa__signals_ended_by(void);

/* How close two of them are one; for tests. */
extern int64_t proa__signals_burst;

/* This process is a worker: only its parent may press on. */
void proa__signals_set_parent(int pid);

/* For loop.c, in a forked child: its parent's loops are not to hear of its signals. */
void proa__signals_after_fork(void);

/* For loop.c: call what concerns the signals that came; forget all. */
void proa__signals_run(struct proa_loop *loop);
void proa__signals_free(struct proa_loop *loop);

#endif
