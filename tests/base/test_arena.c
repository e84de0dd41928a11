#include "base/arena.h"
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

START_TEST(zeroed_arena_works_and_holds_nothing)
{
    struct arena a = {0};

    ck_assert_uint_eq(proa__arena_size(&a), 0);
    char *p = arena_alloc(&a, 10);
    ck_assert_ptr_nonnull(p);
    memset(p, 1, 10);
    ck_assert_uint_eq(t_alloc_blocks(), 1);
    proa__arena_fini(&a);
    proa__arena_fini(&a);
    ck_assert_uint_eq(t_alloc_blocks(), 0);
}
END_TEST

START_TEST(first_chunk_of_the_caller_is_used_up_first)
{
    _Alignas(max_align_t) char first[256];
    struct arena a;

    proa__arena_init(&a, first, sizeof first);
    for (int i = 0; i < 16; i++) {
        char *p = arena_alloc(&a, 16);
        ck_assert_ptr_eq(p, first + 16 * i);
    }
    ck_assert_uint_eq(t_alloc_blocks(), 0);
    char *p = arena_alloc(&a, 1);
    ck_assert(p < first || p >= first + sizeof first);
    ck_assert_uint_eq(t_alloc_blocks(), 1);
    proa__arena_reset(&a);
    ck_assert_uint_eq(t_alloc_blocks(), 0);
    ck_assert_ptr_eq(arena_alloc(&a, 1), first);
    proa__arena_fini(&a);
}
END_TEST

/* Pieces of all sizes, each full of its own number: none may touch another. */
START_TEST(pieces_are_apart_and_aligned)
{
    enum { N = 2000 };
    static struct {
        unsigned char *p;
        size_t n;
    } pieces[N];
    struct t_random random = {1};
    struct arena a = {0};

    for (size_t i = 0; i < N; i++) {
        pieces[i].n = t_random_below(&random, i % 50 ? 60 : 9000);
        pieces[i].p = arena_alloc(&a, pieces[i].n);
        ck_assert_ptr_nonnull(pieces[i].p);
        ck_assert_uint_eq((uintptr_t)pieces[i].p % _Alignof(max_align_t), 0);
        memset(pieces[i].p, (int)(i & 0xff), pieces[i].n);
    }
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < pieces[i].n; k++)
            ck_assert_uint_eq(pieces[i].p[k], i & 0xff);
    ck_assert_uint_eq(proa__arena_size(&a) <= t_alloc_bytes(), 1);
    proa__arena_fini(&a);
}
END_TEST

START_TEST(text_is_not_padded)
{
    char first[64];
    struct arena a;

    proa__arena_init(&a, first, sizeof first);
    ck_assert_ptr_eq(proa__arena_strndup(&a, "ab", 2), first);
    ck_assert_ptr_eq(proa__arena_strndup(&a, "cde", 3), first + 3);
    ck_assert_str_eq(proa__arena_printf(&a, "%d", 7), "7");
    struct proa_str s = proa__arena_str(&a, PROA_STR("xyz"));
    ck_str_eq(s, "xyz");
    ck_assert_int_eq(s.p[3], '\0');
    ck_assert_ptr_eq(s.p, first + 9);
    s = proa__arena_str(&a, (struct proa_str){0});
    ck_assert(s.n == 0 && s.p);
    char *z = proa__arena_zalloc(&a, 8);
    ck_assert_mem_eq(z, "\0\0\0\0\0\0\0\0", 8);
    ck_assert_uint_eq(t_alloc_blocks(), 0);
    proa__arena_fini(&a);
}
END_TEST

START_TEST(printing_reaches_the_end_of_a_chunk_and_passes_it)
{
    for (int n = 30; n <= 34; n++) {
        char first[32];
        struct arena a;

        proa__arena_init(&a, first, sizeof first);
        char *text = proa__arena_printf(&a, "%*d", n, 5);
        ck_assert_uint_eq(strlen(text), (size_t)n);
        ck_assert_int_eq(text[n - 1], '5');
        ck_assert_int_eq(text == first, n < 32); /* with its NUL */
        proa__arena_fini(&a);
    }
}
END_TEST

START_TEST(large_piece_leaves_the_chunk_as_it_is)
{
    struct arena a = {0};

    char *small = arena_alloc(&a, 16);
    ck_assert_ptr_nonnull(arena_alloc(&a, 100000));
    ck_assert_ptr_eq(arena_alloc(&a, 16), small + 16);
    ck_assert_uint_eq(t_alloc_blocks(), 2);
    ck_assert_uint_ge(proa__arena_size(&a), 101000);
    proa__arena_fini(&a);
}
END_TEST

START_TEST(many_pieces_are_few_allocations)
{
    struct arena a = {0};

    for (int i = 0; i < 65536; i++)
        ck_assert_ptr_nonnull(arena_alloc(&a, 16)); /* a MiB in all */
    ck_assert_uint_le(t_alloc_count(), 24);
    ck_assert_uint_le(proa__arena_size(&a), 1200 * 1024);
    proa__arena_fini(&a);
}
END_TEST

START_TEST(reset_gives_memory_back)
{
    struct arena a = {0};

    for (int i = 0; i < 3; i++) {
        ck_assert_ptr_nonnull(arena_alloc(&a, 5000));
        ck_assert_ptr_nonnull(arena_alloc(&a, 5));
        proa__arena_reset(&a);
        ck_assert_uint_eq(t_alloc_blocks(), 0);
    }
    proa__arena_reset(&a);
}
END_TEST

START_TEST(sizes_that_cannot_be_are_null)
{
    struct arena a = {0};
    char *p = arena_alloc(&a, 16);

    ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX));
    ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX - 15));
    ck_assert_ptr_null(arena_alloc(&a, PTRDIFF_MAX));
    ck_assert_ptr_null(proa__arena_strndup(&a, "", SIZE_MAX));
    ck_assert_ptr_eq(arena_alloc(&a, 16), p + 16); /* still good */
    proa__arena_fini(&a);
}
END_TEST

static int use(void *arg)
{
    char first[40];
    struct arena a;
    int rc = 0;

    (void)arg;
    proa__arena_init(&a, first, sizeof first);
    for (int i = 0; i < 50 && rc == 0; i++) {
        char *text = proa__arena_printf(&a, "%*d", i * 3, i);
        struct proa_str s = proa__arena_str(&a, PROA_STR("some text"));
        if (!arena_alloc(&a, 100) || !text || !s.p || !proa__arena_zalloc(&a, 300))
            rc = PROA_ENOMEM;
        else
            ck_assert_int_eq(atoi(text), i);
    }
    proa__arena_fini(&a);
    return rc;
}
START_TEST(each_allocation_may_fail)
{
    t_each_alloc(use, NULL);
}
END_TEST

int main(void)
{
    return t_main("arena",
                  (const TTest *const[]){
                      zeroed_arena_works_and_holds_nothing,
                      first_chunk_of_the_caller_is_used_up_first, pieces_are_apart_and_aligned,
                      text_is_not_padded, printing_reaches_the_end_of_a_chunk_and_passes_it,
                      large_piece_leaves_the_chunk_as_it_is, many_pieces_are_few_allocations,
                      reset_gives_memory_back, sizes_that_cannot_be_are_null,
                      each_allocation_may_fail, NULL});
}
