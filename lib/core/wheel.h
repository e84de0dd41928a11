#ifndef CORE_WHEEL_H
#define CORE_WHEEL_H

/*
 * wheel: timers that are not due soon, in no order but by the quarter of a second.
 *
 * Most timers are timeouts, and most of those are stopped long before they are due: ordering them
 * would be lost work. So what is more than a tick (2^28 ns) away hangs in a list with others:
 *
 *   level 0   a list for each of the next 256 ticks, 69 seconds
 *   level 1   a list for each 256 ticks of the next 5 hours; as such a group begins, it is
 *   level 2   the same for 52 days                           distributed over the level below
 *
 * When a tick begins, its timers go to the heap, which has the exact order, with the sequence
 * numbers that they got when they were started. What is later than 52 days is in the heap from the
 * beginning.
 *
 * Starting and stopping are a few stores: among a million timers at random deadlines within an hour
 * 100 to 150 ns for both, of which the clock takes 20; a heap of a million takes 450, since each
 * step of it is a miss of the cache. The price is the beginning of a group: one of 20,000 timers
 * takes 2 ms, once in 69 seconds.
 *
 * Floor: core.
 */

#include "base/list.h"

#include <stdint.h>

#define WHEEL_TICK 28 /* of a deadline's bits, those below a tick */
#define WHEEL_LEVELS 3
#define WHEEL_BITS 8
#define WHEEL_SLOTS 256

struct timer;

struct wheel {
    int64_t now; /* all that is due in earlier ticks has left the wheel */
    size_t count;
    uint64_t full[WHEEL_LEVELS][WHEEL_SLOTS / 64]; /* a bit a list: it is not empty */
    struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];  /* struct timer.far */
};

/* `now` in nanoseconds. */
void proa__wheel_init(struct wheel *w, int64_t now);

/* Take the timer if its key is neither in a tick that has begun nor too far off. */
bool proa__wheel_add(struct wheel *w, struct timer *t);

void proa__wheel_remove(struct wheel *w, struct timer *t);

/* No timer of the wheel is due before this moment, which is to be told to proa__wheel_turn;
 * PROA_FOREVER: it is empty. */
int64_t proa__wheel_next(const struct wheel *w);

/* It is `now`: move what is due in this tick or earlier to the end of `due`, by .far. */
void proa__wheel_turn(struct wheel *w, int64_t now, struct list *due);

#endif
