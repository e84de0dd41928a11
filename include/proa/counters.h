#ifndef PROA_COUNTERS_H
#define PROA_COUNTERS_H

/*
 * counters: numbers that all workers and threads of a program add to, and any of them can read.
 *
 *     int sent = proa_counter_register("mails_sent");
 *     ...
 *     proa_counter_add(sent, 1);
 *
 * They lie in one piece of memory that all workers of proa_main share, in a column for each thread
 * of each worker, so adding costs one instruction and never waits. What a worker has counted stays
 * when it ends, crashes or is replaced. A program without workers has the same counters, for
 * itself alone; a child that it forks by itself counts into them too.
 *
 * A server keeps numbers of its own here: docs/server.md lists them. These calls need no loop, and
 * all threads may use them.
 */

#include <proa/defs.h>

#include <stddef.h>
#include <stdint.h>

PROA_BEGIN_DECLS

enum {
    PROA_COUNTERS_MAX = 128,    /* in a program, the library's among them */
    PROA_COUNTER_NAME_MAX = 55, /* bytes of a name */
};

/**
 * Make a number that only grows, or find the one of that name: its handle, 0 or more.
 *
 * The first caller in any worker makes it; it is there until the program's end. A name has letters,
 * digits and '_'.
 *
 * Errors:       PROA_EINVAL (no such name is possible, or it is a gauge's), PROA_ENOSPC (there are
 *               PROA_COUNTERS_MAX), PROA_ENOMEM.
 */
PROA_API int proa_counter_register(const char *name);

/**
 * The same for a number that also falls: how many of something there are at the moment.
 *
 * When a worker dies, what it had added and not taken back is forgotten.
 *
 * Errors:       PROA_EINVAL (no such name is possible, or it is a counter's), PROA_ENOSPC,
 *               PROA_ENOMEM.
 */
PROA_API int proa_gauge_register(const char *name);

/**
 * Add `n`, which a gauge lets be negative. A code that registering returned is no counter, and
 * nothing happens.
 */
PROA_API void proa_counter_add(int counter, int64_t n);

/**
 * The sum over all workers and threads, of all times; 0 of a code that registering returned.
 */
PROA_API int64_t proa_counter_read(int counter);

/* One of all. */
struct proa_counter_value {
    const char *name; /* Valid until: the program's end */
    bool gauge;
    int64_t value; /* the sum over all workers and threads */
};

/**
 * Read all, in the order of their making: at most `n` into `ret`; how many there are.
 *
 * Each number is right by itself; they are read one after another, while others go on counting.
 */
PROA_API size_t proa_counters_read(struct proa_counter_value *ret, size_t n);

PROA_END_DECLS

#endif
