#ifndef PROA_FUTURE_H
#define PROA_FUTURE_H

/*
 * future: a result that will be there once, from a callback, a task or another thread.
 *
 * It has two ends, each with its owner. Tasks wait on the future; whoever has the promise sets it,
 * once. Either may be freed first: a promise that is freed unset wakes the waiters with
 * PROA_EABANDONED; setting a promise whose future was freed says PROA_ECLOSED. So a waiter that is
 * cancelled can leave while the callback is still to come. It is the one-shot channel, too.
 */

#include <proa/loop.h>

PROA_BEGIN_DECLS

/** The end where a result is waited for. */
struct proa_future;

/** The end where it is set. */
struct proa_promise;

/** How a future is made; zero is the default everywhere. */
struct proa_future_opts {
    size_t size;
    void (*value_free)(void *value); /* the future owns the value; called in the loop's thread */
    const char *name;                /* for reports; copied, 31 bytes of it are kept */
    bool threadsafe; /* for tests: their virtual clock stands still until another thread set it */
};

/** Options of proa_future_new, for example PROA_FUTURE_OPTS(.value_free = free). */
#define PROA_FUTURE_OPTS(...) PROA_OPTS(proa_future_opts, __VA_ARGS__)

/**
 * Make a future of this thread's loop, and its promise.
 *
 * Errors:       PROA_ENOMEM, PROA_E2BIG.
 * Ownership:    the caller frees the one with proa_future_free, the other with proa_promise_free.
 */
PROA_API int proa_future_new(struct proa_future **ret, struct proa_promise **ret_promise,
                             const struct proa_future_opts *opts);

/**
 * Free a future that nobody waits for; NULL is nothing. Its promise may still be set, to no avail.
 *
 * A failure that was set and that nobody has read goes to the fault handler (<proa/fault.h>).
 */
PROA_API void proa_future_free(struct proa_future *future);

/**
 * Wait until the promise is set; return its code, and on success its value in *ret.
 *
 * Any number of tasks may wait, each any number of times; they wake in the order they came. The
 * words of a failure come along. `ret` may be NULL.
 *
 * Suspends:     yes, unless it is set.
 * Errors:       the code that was set; PROA_EABANDONED (the promise was freed, or its setter was
 *               cancelled), PROA_ECANCELED (the caller was cancelled).
 * Ownership:    with .value_free the value is the future's, borrowed until it is freed; else what
 *               program and setter agreed upon.
 * Cancellation: the future and its other waiters are untouched; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_future_wait(struct proa_future *future, void **ret);

/**
 * Get the result if it is there.
 *
 * Errors:       PROA_EAGAIN (it is not), else as proa_future_wait.
 * Ownership:    as proa_future_wait.
 */
PROA_API int proa_future_try_wait(struct proa_future *future, void **ret);

/**
 * Say whether the promise was set or given up.
 */
PROA_API bool proa_future_is_set(const struct proa_future *future);

/**
 * Have fn(arg) called by the loop, in its next turn, once the promise is set or given up.
 *
 * Never from inside the call that sets it, nor from this one. Callbacks run in the order they were
 * added; freeing the future drops those that have not run.
 *
 * Errors:       PROA_ENOMEM.
 */
PROA_API int proa_future_add_done_callback(struct proa_future *future, proa_callback_fn *fn,
                                           void *arg);

/**
 * Take back all callbacks fn(arg) that have not run, and say how many there were.
 */
PROA_API int proa_future_remove_done_callback(struct proa_future *future, proa_callback_fn *fn,
                                              void *arg);

/**
 * Set the result: a code (0 or more, or negative, then with the words of the caller's failure) and
 * a value. PROA_ECANCELED becomes PROA_EABANDONED: the waiters were not cancelled.
 *
 * Errors:       PROA_EALREADY (it was set), PROA_ECLOSED (the future was freed).
 * Ownership:    the value is the future's if it has .value_free; on failure still the caller's.
 */
PROA_API int proa_promise_set(struct proa_promise *promise, int rc, void *value);

/**
 * Set the result from any thread; the waiters wake in the loop's next turn.
 *
 * Of several threads that set it at once one succeeds. Success says that the loop has taken the
 * result over; should the future be freed before the next turn, it is dropped as if unread.
 *
 * Errors:       PROA_EALREADY (it was set), PROA_ECLOSED (the future was freed or its loop ended).
 * Ownership:    as proa_promise_set.
 */
PROA_API int proa_promise_set_threadsafe(struct proa_promise *promise, int rc, void *value);

/**
 * Give the promise up: if it was not set, the waiters get PROA_EABANDONED. NULL is nothing.
 */
PROA_API void proa_promise_free(struct proa_promise *promise);

/**
 * Give the promise up from any thread.
 */
PROA_API void proa_promise_free_threadsafe(struct proa_promise *promise);

PROA_DEFINE_AUTO(proa_future, proa_future_free);
PROA_DEFINE_AUTO(proa_promise, proa_promise_free);

PROA_END_DECLS

#endif
