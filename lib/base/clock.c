#include "base/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t which)
{
    struct timespec ts;

    clock_gettime(which, &ts); /* cannot fail: both clocks are always there */
    return ts.tv_sec * PROA_SEC + ts.tv_nsec;
}

int64_t proa__clock_mono(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t proa__clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}
