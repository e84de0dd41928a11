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

#endif
