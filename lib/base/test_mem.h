#ifndef BASE_TEST_MEM_H
#define BASE_TEST_MEM_H

/*
 * test_mem: run something while it is short of memory.
 *
 * Floor: base.
 */

#include <proa/test_mem.h>

/* What runs: a code, as a task's function. */
typedef int test_mem_fn(void *arg);

/* Which allocation fails, and whether all after it do. */
struct test_mem_failure {
    uint64_t n; /* 1: the first */
    bool on;
};

/*
 * Call fn(arg) with that failure. It must return a success, or PROA_ENOMEM if the failure happened,
 * and leave no more bytes than there were: else PROA_ETEST with words. *ret_hit: did it happen?
 */
int proa__test_mem_failing(test_mem_fn *fn, void *arg, struct test_mem_failure failure,
                           bool *ret_hit);

/* The same for each allocation that fn makes, alone and with all after it; first once without. */
int proa__test_mem_each(test_mem_fn *fn, void *arg);

#endif
