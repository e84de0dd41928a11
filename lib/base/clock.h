#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

/*
 * clock: what time it is, in nanoseconds.
 *
 * The machine's own clocks, no more; the clock that tests turn by hand is core's.
 *
 * Floor: base.
 */

#include <proa/time.h>

#include <stdint.h>

/* Since some moment in the past; never goes back, never jumps. What deadlines are told in. */
int64_t proa__clock_mono(void);

/* Since 1970 UTC; may jump. For dates that people read. */
int64_t proa__clock_wall(void);

/*
 * clock_glance: the monotonic clock for whoever wants a moment some time from now, and has a few
 * microseconds to give away.
 *
 * A look at the clock takes 20 ns, which is more than all the rest of starting and stopping a
 * timer; the processor's counter is read in 8. While it says that the last look is under three
 * microseconds old, that look is good enough: with CLOCK_GLANCE_SLACK added it is never before now.
 * The fourth microsecond is for reads of the counter that the processor moved ahead. Glances never
 * go back.
 *
 * The counter is used where it is said to run at one speed, in sleep too (CPUID's invariant TSC;
 * all of these have a GHz or more). Elsewhere each glance is a look, and there is no slack.
 */
enum {
    CLOCK_GLANCE_TICKS = 3000, /* 3 us, or less */
    CLOCK_GLANCE_SLACK = 4000  /* nanoseconds */
};

struct clock_glance {
    int64_t now;    /* at the last look, and the slack */
    uint64_t ticks; /* the counter's, just before it */
    uint64_t lasts; /* so many of them; 0: there is no such counter */
    int64_t slack;
};

void proa__clock_glance_init(struct clock_glance *g);

/* Look again. */
int64_t proa__clock_glance_look(struct clock_glance *g, uint64_t ticks);

static inline uint64_t clock_ticks(void)
{
#ifdef __x86_64__
    return __builtin_ia32_rdtsc();
#else
    return 0;
#endif
}

/* No earlier than now, and at most CLOCK_GLANCE_SLACK later. */
static inline int64_t clock_glance(struct clock_glance *g)
{
    uint64_t ticks = clock_ticks();

    if (__builtin_expect(ticks - g->ticks < g->lasts, 1))
        return g->now;
    return proa__clock_glance_look(g, ticks);
}

#endif
