#ifndef PROA_RUNNER_H
#define PROA_RUNNER_H

/*
 * runner: one loop for several main functions, one after another; or for a program that has a loop
 * of its own.
 *
 *     proa_runner_new(&runner, NULL);
 *     proa_runner_run(runner, set_up, &world);         tasks of the root group stay, and rest
 *     proa_runner_run(runner, body, &world);           here they go on
 *     proa_runner_free(runner);                        here they are cancelled and joined
 *
 * All mains share one context (<proa/context.h>). While a runner lives its thread has a loop.
 */

#include <proa/run.h>

PROA_BEGIN_DECLS

struct event_base;
struct proa_runner;

struct proa_runner_opts {
    size_t size;
    struct proa_run_opts run; /* as for proa_run; its .size is not looked at */
    struct event_base
        *base; /* use this one of libevent's; it stays the caller's. NULL: a new one */
};
#define PROA_RUNNER_OPTS(...) PROA_OPTS(proa_runner_opts, __VA_ARGS__)

/**
 * Make a runner, with the loop of this thread.
 *
 * A base that is handed in must know edge-triggered events (epoll); its own events are served
 * whenever the runner turns.
 *
 * Errors:       PROA_EBUSY (this thread has a loop already), PROA_EINVAL (a stack size, grace or
 *               base that cannot be used), PROA_E2BIG, PROA_ENOMEM, PROA_EMFILE and other codes of
 *               the system.
 * Ownership:    the caller's, to be freed with proa_runner_free.
 */
PROA_API int proa_runner_new(struct proa_runner **ret, const struct proa_runner_opts *opts);

/**
 * Run fn(arg) as the main task until it ends, and return what it returns.
 *
 * With .signals, the first SIGINT or SIGTERM cancels this main task, and one more ends the process;
 * between two mains they have the effect that they had before. fn NULL goes on with a main task
 * that was stopped.
 *
 * Errors:       what fn returns; PROA_ESTOPPED (proa_runner_stop was called: the task rests),
 *               PROA_EBUSY (a stopped one is still there, fn has not run), PROA_EINVAL (fn is NULL
 *               and there is none), PROA_ENOMEM.
 */
PROA_API int proa_runner_run(struct proa_runner *runner, proa_task_fn *fn, void *arg);

/**
 * Begin with fn(arg) as the main task; proa_runner_step does the rest.
 *
 * Errors:       PROA_EBUSY (a main task is there), PROA_ENOMEM.
 */
PROA_API int proa_runner_start(struct proa_runner *runner, proa_task_fn *fn, void *arg);

/**
 * Turn the loop once: for programs with another loop of theirs.
 *
 * Waits at most `ns` for something to happen; zero or less: not at all. Returns whether the main
 * task still runs. Not to be called from inside a callback of its event_base.
 */
PROA_API bool proa_runner_step(struct proa_runner *runner, int64_t ns);

/**
 * What the last main task returned.
 *
 * Errors:       the task's own code; PROA_EAGAIN (it has not ended), PROA_EINVAL (there was none).
 */
PROA_API int proa_runner_result(const struct proa_runner *runner);

/**
 * Have proa_runner_run return at the end of this turn, from a task or a callback of this loop.
 *
 * What else is to be done in the turn is done. All tasks rest until the next run.
 */
PROA_API void proa_runner_stop(struct proa_runner *runner);

/**
 * Cancel and join all tasks that are left, and end the loop. NULL is nothing.
 *
 * The grace time counts as in proa_run. Freeing a runner that runs is a mistake and stops the
 * program.
 */
PROA_API void proa_runner_free(struct proa_runner *runner);

PROA_DEFINE_AUTO(proa_runner, proa_runner_free);

PROA_END_DECLS

#endif
