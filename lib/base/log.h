#ifndef BASE_LOG_H
#define BASE_LOG_H

/*
 * log: how the floors above speak to the one sink.
 *
 * Never suspends, never allocates, keeps errno. Control bytes become '?', so that a peer cannot
 * write lines of its own.
 *
 * Floor: base.
 */

#include <proa/log.h>

void proa__log(enum proa_log_level level, const char *fmt, ...) PROA_PRINTF(2, 3);

/* Would a message of this level be seen? For those that are costly to make. */
bool proa__log_wanted(enum proa_log_level level);

#endif
