#ifndef SUPPORT_T_RUN_H
#define SUPPORT_T_RUN_H

/*
 * t_run: test bodies as tasks.
 *
 * Each runs on a fresh loop with the virtual clock, so nothing sleeps and proa_now() moves by
 * exactly what was waited for. A run fails if its body leaves a task in the root group, a running
 * timer, an open descriptor or allocated bytes, whatever it returned.
 */

#include "support/test.h"

#include <proa/run.h>

/* Run body(arg); its failure is the test's. */
void t_run(t_body_fn *body, void *arg);

/* The same, with what the body returned. */
int t_run_rc(t_body_fn *body, void *arg);

/* A run of body(arg) must abort with `words`. */
void t_run_aborts(t_body_fn *body, void *arg, const char *words);

/*
 * Run `body` once, then once for each point where one of its tasks could learn of a cancel,
 * cancelling the task that is there. The first run must succeed; each later one succeed or return
 * PROA_ECANCELED or PROA_ETASKCANCELED; none may leave anything. The body must not assert what a
 * cancel may change.
 */
void t_each_park(t_body_fn *body, void *arg);

/* t_each_alloc over runs of `body`: the loop's own allocations fail in turn too. */
void t_run_each_alloc(t_body_fn *body, void *arg);

#endif
