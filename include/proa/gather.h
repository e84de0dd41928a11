#ifndef PROA_GATHER_H
#define PROA_GATHER_H

/*
 * gather: run several calls side by side and wait for all of them.
 */

#include <proa/defs.h>
#include <proa/task.h>

PROA_BEGIN_DECLS

/** A call: what to run, and on what. */
struct proa_call {
    proa_task_fn *fn;
    void *arg;
};

/** How calls are gathered; zero is the default everywhere. */
struct proa_gather_opts {
    size_t size;
    size_t limit; /* most calls at once; 0: no limit */
    bool collect; /* let all run to their end, whoever fails */
};

/** Options of proa_gather, for example PROA_GATHER_OPTS(.collect = true). */
#define PROA_GATHER_OPTS(...) PROA_OPTS(proa_gather_opts, __VA_ARGS__)

/**
 * Run the `n` calls as tasks, wait for all, and return the first failure.
 *
 * The first failure cancels the others, which are waited for all the same; a call whose task was
 * cancelled alone has failed. With .collect nobody is cancelled and 0 is returned, whatever the
 * calls return. Without memory for a call no further one begins and PROA_ENOMEM is returned; with
 * .collect those that run are waited for. If `rcs` is not NULL, each call's code stands in it in
 * the order of the calls; the call without memory has PROA_ENOMEM, and calls that were cancelled or
 * never ran have PROA_ECANCELED. Calls begin in their order, some while later ones have not been
 * created yet.
 *
 * Suspends:     yes, unless `n` is 0.
 * Errors:       that of the call which failed first; PROA_ETASKCANCELED (a call was cancelled
 *               alone), PROA_ENOMEM, PROA_ECANCELED, PROA_E2BIG, PROA_EINVAL (a negative `n`; `rcs`
 *               is not touched).
 * Ownership:    calls and arguments stay the caller's and are not used after the return.
 * Cancellation: all calls are cancelled and have ended; `rcs` is filled.
 */
PROA_API PROA_SUSPENDS int proa_gather(const struct proa_call *calls, size_t n, int *rcs,
                                       const struct proa_gather_opts *opts);

#ifndef __cplusplus
/**
 * PROA_GATHER({fn, arg}, ...): proa_gather of the calls written here.
 */
#define PROA_GATHER(...)                                                                           \
    proa_gather((const struct proa_call[]){__VA_ARGS__},                                           \
                sizeof((const struct proa_call[]){__VA_ARGS__}) / sizeof(struct proa_call), NULL,  \
                NULL)
#endif

PROA_END_DECLS

#endif
