#ifndef PROA_TIME_H
#define PROA_TIME_H

/*
 * time: spans and moments are int64_t nanoseconds, written 250 * PROA_MS or 5 * PROA_SEC.
 */

#include <proa/defs.h>

#define PROA_NS INT64_C(1)
#define PROA_US INT64_C(1000)
#define PROA_MS INT64_C(1000000)
#define PROA_SEC INT64_C(1000000000)
#define PROA_MIN (60 * PROA_SEC)
#define PROA_HOUR (60 * PROA_MIN)

/* No deadline. */
#define PROA_FOREVER INT64_MAX

PROA_BEGIN_DECLS

/**
 * Add a span to a moment without running over: what is too late to be told becomes PROA_FOREVER.
 *
 * PROA_FOREVER on either side gives PROA_FOREVER. A negative span goes back, at most to INT64_MIN.
 */
static inline int64_t proa_time_add(int64_t when, int64_t span)
{
    int64_t sum;

    if (when == PROA_FOREVER || span == PROA_FOREVER)
        return PROA_FOREVER;
    if (__builtin_add_overflow(when, span, &sum))
        return span > 0 ? PROA_FOREVER : INT64_MIN;
    return sum;
}

PROA_END_DECLS

#endif
