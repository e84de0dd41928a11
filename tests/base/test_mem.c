#include "base/mem.h"
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

static int mine; /* what arg must be */

static void *my_alloc(size_t n, void *arg)
{
    ck_assert_ptr_eq(arg, &mine);
    ck_assert_uint_gt(n, 0);
    mine++;
    return malloc(n);
}
static void *my_realloc(void *p, size_t n, void *arg)
{
    ck_assert_ptr_eq(arg, &mine);
    ck_assert_uint_gt(n, 0);
    mine++;
    return realloc(p, n);
}
static void my_free(void *p, void *arg)
{
    ck_assert_ptr_eq(arg, &mine);
    ck_assert_ptr_nonnull(p);
    mine--;
    free(p);
}

static const struct proa_mem my_mem = {my_alloc, my_realloc, my_free, &mine};

START_TEST(hooks_serve_everything)
{
    ck_ok(proa_mem_set(&my_mem));
    char *a = proa__alloc(10);
    char *b = proa__realloc(NULL, 10);
    ck_assert_int_eq(mine, 2);
    proa__free(a);
    proa_free(b);
    proa__free(NULL);
    proa_free(NULL);
    ck_assert_int_eq(mine, 0);
    ck_assert_ptr_eq(proa__mem_hooks()->arg, &mine);
}
END_TEST

START_TEST(hooks_come_too_late_after_an_allocation)
{
    ck_ok(proa_mem_set(&my_mem));
    ck_ok(proa_mem_set(&my_mem)); /* nothing was allocated yet */
    proa__free(proa__alloc(1));
    ck_err(proa_mem_set(&my_mem), PROA_EBUSY);
}
END_TEST

START_TEST(hooks_come_too_late_after_they_were_handed_on)
{
    ck_assert_ptr_nonnull(proa__mem_hooks());
    ck_err(proa_mem_set(&my_mem), PROA_EBUSY);
}
END_TEST

START_TEST(hooks_must_be_three)
{
    struct proa_mem mem = my_mem;

    mem.alloc = NULL;
    ck_err(proa_mem_set(&mem), PROA_EINVAL);
    mem = my_mem;
    mem.realloc = NULL;
    ck_err(proa_mem_set(&mem), PROA_EINVAL);
    mem = my_mem;
    mem.free = NULL;
    ck_err(proa_mem_set(&mem), PROA_EINVAL);
}
END_TEST

START_TEST(no_bytes_are_a_pointer_too)
{
    void *p = proa__alloc(0);
    void *z = proa__zalloc(0);
    void *a = proa__zalloc_array(0, 100);

    ck_assert(p && z && a && p != z);
    p = proa__realloc(p, 0);
    ck_assert_ptr_nonnull(p);
    proa__free(p);
    proa__free(z);
    proa__free(a);
}
END_TEST

START_TEST(zalloc_is_zero)
{
    static const char zeroes[1000];
    char *p = proa__zalloc(1000);
    char *q = proa__zalloc_array(10, 100);

    ck_assert_mem_eq(p, zeroes, 1000);
    ck_assert_mem_eq(q, zeroes, 1000);
    proa__free(p);
    proa__free(q);
}
END_TEST

START_TEST(arrays_that_cannot_be_are_no_memory)
{
    char *p = proa__alloc(5);
    uint64_t before = t_alloc_count();

    ck_assert_ptr_null(proa__zalloc_array(SIZE_MAX / 2 + 1, 2));
    ck_assert_ptr_null(proa__realloc_array(p, SIZE_MAX / 8 + 1, 8));
    ck_assert_ptr_null(proa__strndup(p, SIZE_MAX));
    ck_assert_uint_eq(t_alloc_count(), before); /* the allocator was not asked for a wrapped size */
    p = proa__realloc_array(p, 3, 8);
    memset(p, 1, 24);
    proa__free(p);
}
END_TEST

START_TEST(copies_copy)
{
    char *a = proa__strdup("abc");
    char *b = proa__strndup("a\0cdef", 4);
    char *c = proa__memdup("\1\2\3", 3);
    char *d = proa__strndup(NULL, 0);
    char *e = proa__memdup(NULL, 0);

    ck_assert_str_eq(a, "abc");
    ck_assert_mem_eq(b, "a\0cd", 5);
    ck_assert_mem_eq(c, "\1\2\3", 3);
    ck_assert_str_eq(d, "");
    ck_assert_ptr_nonnull(e);
    proa__free(a);
    proa__free(b);
    proa__free(c);
    proa__free(d);
    proa__free(e);
}
END_TEST

START_TEST(no_memory_is_null)
{
    char *p = proa__strdup("kept");

    t_alloc_fail_from(1);
    ck_assert_ptr_null(proa__alloc(1));
    ck_assert_ptr_null(proa__zalloc(1));
    ck_assert_ptr_null(proa__zalloc_array(1, 1));
    ck_assert_ptr_null(proa__realloc(p, 100));
    ck_assert_ptr_null(proa__realloc_array(p, 100, 1));
    ck_assert_ptr_null(proa__strdup("x"));
    ck_assert_ptr_null(proa__strndup("x", 1));
    ck_assert_ptr_null(proa__memdup("x", 1));
    ck_assert_str_eq(p, "kept");
    proa__free(p);
}
END_TEST

int main(void)
{
    return t_main("mem", (const TTest *const[]){hooks_serve_everything,
                                                hooks_come_too_late_after_an_allocation,
                                                hooks_come_too_late_after_they_were_handed_on,
                                                hooks_must_be_three, no_bytes_are_a_pointer_too,
                                                zalloc_is_zero, arrays_that_cannot_be_are_no_memory,
                                                copies_copy, no_memory_is_null, NULL});
}
