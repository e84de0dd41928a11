#include "base/clock.h"

#include <stdbool.h>
#include <time.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

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

static bool ticks_are_even(void)
{
#ifdef __x86_64__
    unsigned a;
    unsigned b;
    unsigned c;
    unsigned d;

    return __get_cpuid(0x80000007, &a, &b, &c, &d) && d & 1u << 8;
#else
    return false;
#endif
}

void proa__clock_glance_init(struct clock_glance *g)
{
    bool even = ticks_are_even();

    g->lasts = even ? CLOCK_GLANCE_TICKS : 0;
    g->slack = even ? CLOCK_GLANCE_SLACK : 0;
    proa__clock_glance_look(g, clock_ticks());
}

int64_t proa__clock_glance_look(struct clock_glance *g, uint64_t ticks)
{
    g->ticks = ticks;
    g->now = proa__clock_mono() + g->slack;
    return g->now;
}
