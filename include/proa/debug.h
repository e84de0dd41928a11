#ifndef PROA_DEBUG_H
#define PROA_DEBUG_H

/*
 * debug: a loop that watches its program and says what it does wrong.
 *
 * On with PROA_DEBUG=1 in the environment, with .debug of a run, or with the call below. What it
 * says goes where proa logs (<proa/log.h>), information included. docs/debugging.md has all of it.
 */

#include <proa/defs.h>

#include <stdbool.h>

PROA_BEGIN_DECLS

/**
 * Switch debug mode on or off for the loop of this thread.
 *
 * Switched on, it knows nothing of what was before: where tasks that are there were created, or
 * streams opened.
 *
 * Errors:       PROA_ENOMEM, and then nothing is changed.
 */
PROA_API int proa_debug_set(bool on);

/**
 * Say whether the loop of this thread is in debug mode; false in a thread without a loop.
 */
PROA_API bool proa_debug(void);

PROA_END_DECLS

#endif
