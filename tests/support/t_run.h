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

/*
 * The same in each way that tasks may start and take turns: new ones later and in order, then
 * eager, then in the random orders of PROA_TEST_SHUFFLES seeds (default 10), half of them eager.
 * For bodies whose outcome must not depend on that: nearly all. The body does all of its work anew
 * each time.
 */
void t_run_modes(t_body_fn *body, void *arg);

/*
 * The mode of all runs so far not named above; for a whole program it comes from the environment:
 * PROA_TEST_EAGER=1, PROA_TEST_SHUFFLE=SEED. Bodies that presuppose the common mode, new tasks
 * later and in order, are run by t_run_in_order.
 */
void t_run_in_order(t_body_fn *body, void *arg);

/*
 * In order, new tasks later and then eager: for bodies that look in which order tasks run that were
 * woken together.
 */
void t_run_in_turn(t_body_fn *body, void *arg);

/* Let the other tasks run until each waits or has ended: so those created one by one with this
 * between wait in that order in each mode. Takes a nanosecond. */
void t_settle(void);

/* In one mode: new tasks eager or not, ready ones in the random order of a seed, or 0: in order. */
void t_run_as(t_body_fn *body, void *arg, bool eager, uint64_t shuffle);

/* The same as t_run, with what the body returned. */
int t_run_rc(t_body_fn *body, void *arg);

/* A run of body(arg), in order, must abort with `words`. */
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
