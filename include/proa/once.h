#ifndef PROA_ONCE_H
#define PROA_ONCE_H

/*
 * once: something that is made when it is first needed, by whoever needs it first.
 */

#include <proa/loop.h>

PROA_BEGIN_DECLS

/** Something that succeeds once. */
struct proa_once;

/**
 * Make a once that has not happened.
 *
 * Errors:       PROA_ENOMEM.
 * Ownership:    the caller frees it with proa_once_free.
 */
PROA_API int proa_once_new(struct proa_once **ret);

/**
 * Free a once that no task is in; NULL is nothing.
 */
PROA_API void proa_once_free(struct proa_once *once);

/**
 * Call fn(arg) unless such a call has succeeded; return what that returned.
 *
 * While one task is in fn the others wait. If it fails, or is cancelled, it alone is told, and the
 * one that has waited longest calls its own fn: a failure is not remembered, for it may be one that
 * passes.
 *
 * Suspends:     as fn, and while another task is in it.
 * Errors:       those of fn; PROA_ECANCELED, PROA_EDEADLK (fn came back to the same once).
 * Cancellation: as fn; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_once_run(struct proa_once *once, proa_task_fn *fn, void *arg);

/**
 * Say whether it has happened.
 */
PROA_API bool proa_once_is_done(const struct proa_once *once);

PROA_DEFINE_AUTO(proa_once, proa_once_free);

PROA_END_DECLS

#endif
