#include "base/test_mem.h"

#include "base/check.h"
#include "base/fail.h"

#include <proa/mem.h>

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/*
 * It stands below proa, and so takes its memory from the C library. Atomic, for proa has threads.
 */

enum { GARBAGE = 0xA5 };

static atomic_size_t bytes, blocks;
static atomic_uint_fast64_t count;
static atomic_uint_fast64_t fail_at; /* the number of the allocation to fail; 0: none */
static atomic_bool fail_on;          /* and all after it */
static atomic_bool failed;

static bool must_fail(void)
{
    uint64_t n = atomic_fetch_add(&count, 1) + 1;
    uint64_t at = atomic_load(&fail_at);

    if (at == 0 || n < at || (n > at && !atomic_load(&fail_on)))
        return false;
    atomic_store(&failed, true);
    return true;
}

static void *test_alloc(size_t n, void *arg)
{
    void *p;

    (void)arg;
    PROA_CHECK(n > 0, "an allocation of no bytes");
    if (must_fail())
        return NULL;
    p = malloc(n);
    if (!p)
        return NULL;
    memset(p, GARBAGE, n);
    atomic_fetch_add(&bytes, malloc_usable_size(p));
    atomic_fetch_add(&blocks, 1);
    return p;
}

static void test_free(void *p, void *arg)
{
    size_t n = malloc_usable_size(p);

    (void)arg;
    atomic_fetch_sub(&bytes, n);
    atomic_fetch_sub(&blocks, 1);
    memset(p, GARBAGE, n);
    __asm__ volatile("" : : "r"(p) : "memory"); /* or the compiler leaves it out */
    free(p);
}

static void *test_realloc(void *p, size_t n, void *arg)
{
    void *moved = test_alloc(n, arg);
    size_t old;

    if (!moved || !p)
        return moved;
    old = malloc_usable_size(p);
    memcpy(moved, p, old < n ? old : n);
    test_free(p, arg);
    return moved;
}

int proa_test_mem_use(void)
{
    return proa_mem_set(
        &(struct proa_mem){.alloc = test_alloc, .realloc = test_realloc, .free = test_free});
}

size_t proa_test_mem_bytes(void)
{
    return atomic_load(&bytes);
}

size_t proa_test_mem_blocks(void)
{
    return atomic_load(&blocks);
}

uint64_t proa_test_mem_count(void)
{
    return atomic_load(&count);
}

static void order_failure(struct test_mem_failure failure)
{
    atomic_store(&failed, false);
    atomic_store(&fail_on, failure.on);
    atomic_store(&fail_at, failure.n ? atomic_load(&count) + failure.n : 0);
}

void proa_test_mem_fail(uint64_t n)
{
    order_failure((struct test_mem_failure){.n = n});
}

void proa_test_mem_fail_from(uint64_t n)
{
    order_failure((struct test_mem_failure){.n = n, .on = true});
}

bool proa_test_mem_failed(void)
{
    return atomic_load(&failed);
}

/* ---- something that is short of memory */

int proa__test_mem_failing(test_mem_fn *fn, void *arg, struct test_mem_failure failure,
                           bool *ret_hit)
{
    const char *on = failure.on ? "and all after it failed" : "failed";
    unsigned long long n = failure.n;
    size_t before = proa_test_mem_bytes();
    size_t after;
    int rc;

    order_failure(failure);
    rc = fn(arg);
    *ret_hit = proa_test_mem_failed();
    order_failure((struct test_mem_failure){0});
    after = proa_test_mem_bytes();
    if (rc < 0 && (!*ret_hit || rc != PROA_ENOMEM))
        return proa__fail(PROA_ETEST, "allocation %llu %s: got %s, not PROA_ENOMEM (%s)", n, on,
                          proa_err_name(rc), proa_err_detail(rc));
    if (after != before)
        return proa__fail(PROA_ETEST, "allocation %llu %s: %lld bytes were left", n, on,
                          (long long)after - (long long)before);
    return 0;
}

int proa__test_mem_each(test_mem_fn *fn, void *arg)
{
    int rc = fn(arg); /* makes what a process makes once */

    for (int on = 0; on <= 1 && rc >= 0; on++) {
        struct test_mem_failure failure = {.on = on};
        bool hit = true;

        while (rc >= 0 && hit) {
            failure.n++;
            rc = proa__test_mem_failing(fn, arg, failure, &hit);
        }
        if (rc >= 0 && failure.n == 1)
            return proa__fail(PROA_ETEST, "nothing is allocated, so nothing was tested");
    }
    return rc < 0 ? rc : 0;
}
