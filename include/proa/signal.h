#ifndef PROA_SIGNAL_H
#define PROA_SIGNAL_H

/*
 * signal: the system's signals as something that a task receives.
 */

#include <proa/defs.h>

PROA_BEGIN_DECLS

/** Signals that were asked for, as they come. */
struct proa_signals;

/**
 * From now on collect the signals of these numbers, for this thread's loop.
 *
 * Until proa_signals_free they have no other effect, unless somebody else asked for them, too: each
 * gets them. Several of one number may become one if they come before the first was received.
 * SIGINT and SIGTERM end a run that they are to end (proa_main, or .signals of proa_run); who
 * collects both of them takes the first in the run's place, and the next one ends it.
 *
 * Errors:       PROA_EINVAL (no number, or one that cannot be collected: SIGKILL, SIGSTOP, and
 *               those of a fault in the program), PROA_EBUSY (a server, or another of these, has
 *               taken SIGINT and SIGTERM), PROA_ENOMEM, PROA_EAGAIN (more than 64 loops collect).
 * Ownership:    the caller frees it with proa_signals_free, before the loop ends.
 */
PROA_API int proa_signals_new(struct proa_signals **ret, const int *signos, size_t n);

/**
 * Free it; nobody may wait on it. What the program had set up for these signals is in force again.
 * NULL is nothing.
 */
PROA_API void proa_signals_free(struct proa_signals *signals);

/**
 * Wait for the next signal and return its number.
 *
 * Suspends:     yes, unless one has come.
 * Errors:       PROA_ECANCELED.
 * Cancellation: nothing was received; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_signals_receive(struct proa_signals *signals);

/**
 * Return the number of the next signal if one has come.
 *
 * Errors:       PROA_EAGAIN (none has).
 */
PROA_API int proa_signals_try_receive(struct proa_signals *signals);

PROA_DEFINE_AUTO(proa_signals, proa_signals_free);

PROA_END_DECLS

#endif
