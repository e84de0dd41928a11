#ifndef CORE_COUNTERS_H
#define CORE_COUNTERS_H

/*
 * counters: one piece of memory for all processes of a program.
 *
 *   rows: names | column 0 | column 1 | column 2 | ...     a column is 128 numbers, 16 cache lines
 *                 nobody's   a thread's, of one process
 *
 * It is mapped shared, at first use or by the parent before it forks, and never unmapped. Each
 * thread adds to the column of its own, so no cache line moves between processors; a sum is read
 * over all columns. The addition is atomic all the same: a thread without a column of its own takes
 * the first of its process.
 *
 * The parent gives each worker columns that no living one has (main_parent.c). When the worker is
 * gone the counters stay as they are, for its successor to go on from, and the gauges become 0:
 * whatever they counted has died with it. Beyond the last column all take column 0: the sums are
 * right there too, but for the gauges of a worker that crashes.
 *
 * Names are made under a robust lock: a worker that is killed while it holds it stops nobody.
 *
 * Floor: core.
 */

#include <proa/counters.h>

#include <pthread.h>
#include <stdatomic.h>

enum { COUNTER_COLUMNS = 1024 };

struct counter_row {
    char name[PROA_COUNTER_NAME_MAX + 1];
    bool gauge;
};

struct counter_column {
    _Atomic int64_t n[PROA_COUNTERS_MAX];
};

struct counters {
    pthread_mutex_t lock;  /* over making rows */
    atomic_uint n_rows;    /* those below never change */
    atomic_uint n_columns; /* those beyond were never used */
    struct counter_row rows[PROA_COUNTERS_MAX];
    _Alignas(64) struct counter_column columns[COUNTER_COLUMNS];
};

/* The program's, made if need be; NULL: no memory. */
struct counters *proa__counters(void);

/* This process's columns are those from `first` on, one a thread; 0: it has none of its own. Its
 * threads say who they are next. */
void proa__counters_process(unsigned first);

/* This thread is the i-th of its process. */
void proa__counters_thread(unsigned i);

/* The process that had these columns is gone. */
void proa__counters_ended(unsigned first, unsigned n);

#endif
