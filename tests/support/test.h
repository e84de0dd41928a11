#ifndef SUPPORT_TEST_H
#define SUPPORT_TEST_H

/*
 * test: what every test program needs, loop or no loop.
 *
 * A program is a list of Check tests, each run in a forked child, each failing if bytes of proa's
 * are left allocated at its end:
 *
 *     int main(void)
 *     {
 *         return t_main("queue", (const TTest *const[]){one_fact, another_fact, NULL});
 *     }
 *
 * t_main puts the allocator of proa's testing kit under it, which counts and can fail.
 */

#include <proa/defs.h>
#include <proa/err.h>
#include <proa/str.h>
#include <proa/test_mem.h>

#include <check.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of functions that a backtrace shall show: neither inlined nor left by a jump. */
#ifdef __clang__
#define T_AS_WRITTEN __attribute__((noinline, optnone))
#else
#define T_AS_WRITTEN __attribute__((noipa, optimize("O0")))
#endif

/* Run the tests of a NULL-ended list; the result of main. */
int t_main(const char *name, const TTest *const *tests);

/* A test that runs once for each i of 0 .. n - 1, which it finds in _i: for tables of cases. */
struct t_table {
    const TTest *test;
    int n;
};

/* The same as t_main, with tables after the single tests; ended by {NULL, 0}. */
int t_main_tables(const char *name, const TTest *const *tests, const struct t_table *tables);

/* The call succeeded; prints the code's name and the words of the failure. Evaluates to its result.
 */
#define ck_ok(call) t_ok(#call, (long long)(call), __FILE__, __LINE__)

/* The call failed with exactly this code. */
#define ck_err(call, code) t_err(#call, (long long)(call), (code), __FILE__, __LINE__)

/* A view has exactly the bytes of a C string. */
#define ck_str_eq(str, cstr) t_str_eq(#str, (str), (cstr), __FILE__, __LINE__)

long long t_ok(const char *call, long long rc, const char *file, int line);
void t_err(const char *call, long long rc, int code, const char *file, int line);
void t_str_eq(const char *what, struct proa_str s, const char *cstr, const char *file, int line);

/* ---- allocations of proa: <proa/test_mem.h> by the names of this folder (support/alloc.c) */

#define t_alloc_bytes proa_test_mem_bytes
#define t_alloc_blocks proa_test_mem_blocks
#define t_alloc_count proa_test_mem_count
#define t_alloc_fail proa_test_mem_fail
#define t_alloc_fail_from proa_test_mem_fail_from
#define t_alloc_failed proa_test_mem_failed

/* What is allocated now may stay so at the end of the test: caches of a process's life. */
void t_alloc_forgive(void);

/*
 * Run `body` once, then once for each allocation that it makes, failing that one; then the same
 * with all allocations from that one on failing. The first run must succeed, each later one succeed
 * or return PROA_ENOMEM; none may leave bytes allocated. The body does all of its work anew each
 * time.
 */
typedef int t_body_fn(void *arg);
void t_each_alloc(t_body_fn *body, void *arg);

/* ---- memory that faults (support/page.c) */

/* A copy of the bytes that ends (or begins) flush against a page that cannot be touched. Never
 * freed. */
char *t_unreadable(const void *bytes, size_t n);
char *t_unreadable_front(const void *bytes, size_t n);

/* The same of a C string, without its NUL. */
struct proa_str t_unreadable_str(const char *cstr);

/* ---- misuse (support/misuse.c) */

/* `body` must abort, having written a line to standard error that contains `words`. */
void t_aborts(void (*body)(void *arg), void *arg, const char *words);

/* ---- pseudo-random numbers, the same in each run */

struct t_random {
    uint64_t state; /* any seed */
};

uint64_t t_random_next(struct t_random *r);
uint64_t t_random_below(struct t_random *r, uint64_t bound);

#endif
