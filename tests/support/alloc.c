#include "support/alloc.h"

#include "support/test.h"

#include <proa/mem.h>

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/*
 * The tests' allocator. It hands out memory full of garbage and moves a block at each realloc, so
 * that a test does not pass by luck. Atomic, for proa has threads.
 */

enum { GARBAGE = 0xA5 };

static atomic_size_t bytes, blocks;
static atomic_uint_fast64_t count;
static atomic_uint_fast64_t fail_at; /* the number of the allocation to fail; 0: none */
static atomic_bool fail_on;          /* and all after it */
static atomic_bool failed;
static size_t forgiven_bytes, forgiven_blocks;

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
    (void)arg;
    ck_assert_msg(n > 0, "an allocation of no bytes");
    if (must_fail())
        return NULL;

    void *p = malloc(n);
    if (!p)
        return NULL;
    memset(p, GARBAGE, n);
    atomic_fetch_add(&bytes, malloc_usable_size(p));
    atomic_fetch_add(&blocks, 1);
    return p;
}

static void test_free(void *p, void *arg)
{
    (void)arg;
    atomic_fetch_sub(&bytes, malloc_usable_size(p));
    atomic_fetch_sub(&blocks, 1);
    free(p);
}

static void *test_realloc(void *p, size_t n, void *arg)
{
    void *moved = test_alloc(n, arg);

    if (!moved || !p)
        return moved;
    size_t old = malloc_usable_size(p);
    memcpy(moved, p, old < n ? old : n);
    test_free(p, arg);
    return moved;
}

void t_alloc_install(void)
{
    int rc = proa_mem_set(
        &(struct proa_mem){.alloc = test_alloc, .realloc = test_realloc, .free = test_free});

    if (rc < 0)
        abort(); /* something of proa ran before main */
}

size_t t_alloc_bytes(void)
{
    return atomic_load(&bytes);
}

size_t t_alloc_blocks(void)
{
    return atomic_load(&blocks);
}

uint64_t t_alloc_count(void)
{
    return atomic_load(&count);
}

static void order_failure(uint64_t n, bool on)
{
    atomic_store(&failed, false);
    atomic_store(&fail_on, on);
    atomic_store(&fail_at, n ? atomic_load(&count) + n : 0);
}

void t_alloc_fail(uint64_t n)
{
    order_failure(n, false);
}

void t_alloc_fail_from(uint64_t n)
{
    order_failure(n, true);
}

bool t_alloc_failed(void)
{
    return atomic_load(&failed);
}

void t_alloc_forgive(void)
{
    forgiven_bytes = t_alloc_bytes();
    forgiven_blocks = t_alloc_blocks();
}

void t_alloc_check_leaks(void)
{
    ck_assert_msg(t_alloc_blocks() <= forgiven_blocks && t_alloc_bytes() <= forgiven_bytes,
                  "the test left %zu blocks, %zu bytes allocated",
                  t_alloc_blocks() - forgiven_blocks, t_alloc_bytes() - forgiven_bytes);
}

/* One run with the n-th allocation failing. False when there was no n-th. */
static bool run_failing(t_body_fn *body, void *arg, uint64_t n, bool on)
{
    size_t before = t_alloc_bytes();

    order_failure(n, on);
    int rc = body(arg);
    bool hit = t_alloc_failed();
    order_failure(0, false);

    ck_assert_msg(rc >= 0 || (hit && rc == PROA_ENOMEM),
                  "allocation %llu %s: got %s, not PROA_ENOMEM", (unsigned long long)n,
                  on ? "and all after it failed" : "failed", proa_err_name(rc));
    ck_assert_msg(t_alloc_bytes() == before, "allocation %llu %s: %zu bytes were left",
                  (unsigned long long)n, on ? "and all after it failed" : "failed",
                  t_alloc_bytes() - before);
    return hit;
}

void t_each_alloc(t_body_fn *body, void *arg)
{
    ck_ok(body(arg)); /* makes what a process makes once */
    for (int on = 0; on <= 1; on++) {
        uint64_t n = 1;
        while (run_failing(body, arg, n, on))
            n++;
        ck_assert_msg(n > 1, "the body allocates nothing, so nothing was tested");
    }
}
