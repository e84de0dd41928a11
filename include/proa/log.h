#ifndef PROA_LOG_H
#define PROA_LOG_H

/*
 * log: the one place where proa speaks unasked.
 *
 * A function either returns an error or logs it, never both; so only what happens in the background
 * (accept failures, tasks whose error nobody collected) comes here.
 */

#include <proa/defs.h>

PROA_BEGIN_DECLS

enum proa_log_level {
    PROA_LOG_ERROR = 1,   /* something was lost: a task's error, a connection */
    PROA_LOG_WARNING = 2, /* works, but a person should look */
    PROA_LOG_INFO = 3,    /* what a service tells about its life */
    PROA_LOG_DEBUG = 4,
};

/* One message: text without a newline, at most 499 bytes, no control bytes. Called from any
 * thread of proa; must not suspend. */
typedef void proa_log_fn(enum proa_log_level level, const char *text, void *arg);

/**
 * Send what proa logs to a function of the program.
 *
 * NULL brings back the default: lines "proa: warning: ..." on standard error. Call it before any
 * loop runs; it is not meant to be changed under running threads.
 *
 * Ownership:    arg must outlive the program's use of proa.
 */
PROA_API void proa_log_set(proa_log_fn *fn, void *arg);

/**
 * Choose the least serious level that is still logged; PROA_LOG_WARNING until this is called.
 */
PROA_API void proa_log_set_level(enum proa_log_level level);

PROA_END_DECLS

#endif
