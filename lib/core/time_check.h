#ifndef CORE_TIME_CHECK_H
#define CORE_TIME_CHECK_H

/*
 * time_check: times that a call refuses with PROA_EINVAL.
 *
 * Zero and less mean "now", PROA_FOREVER "never". INT64_MIN is what a calculation that ran over
 * leaves behind, and a deadline beyond the end of time would silently never come: both are
 * mistakes, and a call that can say so does.
 *
 * Floor: core.
 */

#include "base/fail.h"

#include <proa/err.h>
#include <proa/loop.h>
#include <proa/time.h>

/* A span from now: 0, or PROA_EINVAL. */
static inline int time_check_span(int64_t ns)
{
    if (ns == INT64_MIN)
        return proa__fail(PROA_EINVAL, "INT64_MIN is no span of time");
    if (ns < PROA_FOREVER / 2 || ns == PROA_FOREVER)
        return 0;
    if (proa_time_add(proa_now(), ns) == PROA_FOREVER)
        return proa__fail(PROA_EINVAL, "%lld ns from now is beyond the end of time", (long long)ns);
    return 0;
}

static inline int time_check_moment(int64_t when)
{
    return when == INT64_MIN ? proa__fail(PROA_EINVAL, "INT64_MIN is no moment") : 0;
}

#endif
