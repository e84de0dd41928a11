#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

/*
 * bench: what the files of bench_core share.
 */

#include <stdbool.h>

struct bench {
    const char *name;
    int (*run)(long n); /* n operations */
    long n;
    bool threads; /* the processor time of all threads counts */
};

/* Run it once to warm up, then often, and print a line; a negative code of the run ends it. */
int bench_measure(const struct bench *bench);

/* Was this line asked for? */
bool bench_is_wanted(const char *name);

/* The first run alone, which finds nothing warm: a line of its own, "NAME_first". */
int bench_measure_first(const struct bench *bench);

/* Gathers, timers and posts: bench_waits.c. */
int bench_waits(void);

#endif
