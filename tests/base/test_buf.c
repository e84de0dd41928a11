#include "support/test.h"

#include <proa/buf.h>
#include <proa/mem.h>

#include <string.h>

#define S(literal) PROA_STR(literal)

/* What always holds: one NUL beyond the end, no more bytes than the limit. */
static void check(const struct proa_buf *b)
{
    ck_assert_int_eq(proa_buf_str(b).p[b->n], '\0');
    ck_assert_uint_le(b->n, b->limit);
    ck_assert(!b->p || b->head + b->n < b->cap);
}

START_TEST(empty_buffer_allocates_nothing_and_is_a_c_string)
{
    struct proa_buf b;
    uint64_t before = t_alloc_count();

    proa_buf_init(&b, 100);
    ck_assert_str_eq(proa_buf_str(&b).p, "");
    ck_ok(proa_buf_append(&b, NULL, 0));
    ck_ok(proa_buf_append_str(&b, S("")));
    proa_buf_clear(&b);
    proa_buf_consume(&b, 0);
    proa_buf_truncate(&b, 0);
    proa_buf_commit(&b, 0);
    ck_assert_uint_eq(proa_buf_room(&b), 0);
    proa_buf_fini(&b);
    ck_assert_uint_eq(t_alloc_count(), before);
}
END_TEST

START_TEST(zeroed_buffer_holds_nothing)
{
    PROA_AUTO(proa_buf) b = {0};

    ck_err(proa_buf_append(&b, "x", 1), PROA_EMSGSIZE);
    ck_assert_str_eq(proa_buf_str(&b).p, "");
    proa_buf_fini(&b);
    proa_buf_fini(&b);
}
END_TEST

START_TEST(limit_is_reached_and_not_passed)
{
    for (size_t limit = 1; limit < 300; limit += 7) {
        PROA_AUTO(proa_buf) b = {0};

        proa_buf_init(&b, limit);
        for (size_t i = 0; i < limit; i++) {
            ck_ok(proa_buf_append(&b, "x", 1));
            check(&b);
        }
        ck_ok(proa_buf_error(&b));
        ck_err(proa_buf_append(&b, "y", 1), PROA_EMSGSIZE);
        ck_assert_uint_eq(b.n, limit);
        ck_assert_uint_le(b.cap, limit + 1 > 64 ? limit + 1 : 64);
        check(&b);
    }
}
END_TEST

START_TEST(first_failure_sticks_until_cleared)
{
    PROA_AUTO(proa_buf) b = {0};

    proa_buf_init(&b, 4);
    ck_ok(proa_buf_append_str(&b, S("ab")));
    ck_err(proa_buf_append_str(&b, S("cde")), PROA_EMSGSIZE);
    ck_str_eq(proa_buf_str(&b), "ab"); /* all or nothing */
    ck_err(proa_buf_append_str(&b, S("c")), PROA_EMSGSIZE);
    ck_err(proa_buf_append(&b, NULL, 0), PROA_EMSGSIZE);
    ck_err(proa_buf_appendf(&b, "%d", 1), PROA_EMSGSIZE);
    ck_assert_ptr_null(proa_buf_reserve(&b, 1));
    ck_assert_uint_eq(proa_buf_room(&b), 0);
    ck_assert_ptr_null(proa_buf_detach(&b, NULL));
    ck_err(proa_buf_error(&b), PROA_EMSGSIZE);
    ck_str_eq(proa_buf_str(&b), "ab");
    proa_buf_clear(&b);
    ck_ok(proa_buf_error(&b));
    ck_ok(proa_buf_append_str(&b, S("wxyz")));
    ck_str_eq(proa_buf_str(&b), "wxyz");
}
END_TEST

START_TEST(no_memory_sticks_and_keeps_the_bytes)
{
    PROA_AUTO(proa_buf) b = {0};

    proa_buf_init(&b, PROA_UNLIMITED);
    ck_ok(proa_buf_append_str(&b, S("kept")));
    t_alloc_fail(1);
    ck_assert_ptr_null(proa_buf_reserve(&b, 1000));
    ck_err(proa_buf_error(&b), PROA_ENOMEM);
    ck_err(proa_buf_append_str(&b, S("x")), PROA_ENOMEM);
    ck_str_eq(proa_buf_str(&b), "kept");
    check(&b);
}
END_TEST

START_TEST(sizes_that_cannot_be_are_no_memory)
{
    PROA_AUTO(proa_buf) b = {0};

    proa_buf_init(&b, PROA_UNLIMITED);
    ck_assert_ptr_null(proa_buf_reserve(&b, SIZE_MAX));
    ck_err(proa_buf_error(&b), PROA_ENOMEM);
    proa_buf_clear(&b);
    ck_ok(proa_buf_append_str(&b, S("abcd")));
    proa_buf_consume(&b, 1);
    ck_assert_ptr_null(proa_buf_reserve(&b, SIZE_MAX - 3));
    ck_err(proa_buf_error(&b), PROA_ENOMEM);
    proa_buf_clear(&b);
    ck_assert_ptr_null(proa_buf_reserve(&b, SIZE_MAX / 2 + 10));
    ck_err(proa_buf_error(&b), PROA_ENOMEM);
}
END_TEST

START_TEST(reserve_commit_consume_as_a_reader_does)
{
    PROA_AUTO(proa_buf) b = {0};
    size_t n = 0, taken = 0;

    proa_buf_init(&b, 50);
    for (int round = 0; round < 200; round++) {
        char *tail = proa_buf_reserve(&b, 20);
        ck_assert_ptr_nonnull(tail);
        ck_assert_uint_ge(proa_buf_room(&b), 20);
        ck_assert_uint_le(proa_buf_room(&b), 50 - b.n);
        for (int i = 0; i < 20; i++)
            tail[i] = (char)('a' + n++ % 26);
        proa_buf_commit(&b, 20);
        check(&b);
        while (b.n > 30 || (b.n && round % 7 == 0)) {
            ck_assert_int_eq(proa_buf_str(&b).p[0], (char)('a' + taken++ % 26));
            proa_buf_consume(&b, 1);
            check(&b);
        }
    }
}
END_TEST

START_TEST(consuming_all_gives_the_whole_room_back)
{
    PROA_AUTO(proa_buf) b = {0};

    proa_buf_init(&b, 1000);
    ck_assert_ptr_nonnull(proa_buf_reserve(&b, 100));
    size_t room = proa_buf_room(&b);
    ck_ok(proa_buf_append(&b, "0123456789", 10));
    proa_buf_consume(&b, 4);
    ck_str_eq(proa_buf_str(&b), "456789");
    proa_buf_consume(&b, 6);
    ck_assert_uint_eq(proa_buf_room(&b), room);
    check(&b);
}
END_TEST

/* A queue of bytes that is never empty: what is moved and allocated stays in proportion. */
START_TEST(steady_queue_does_not_allocate_again_and_again)
{
    PROA_AUTO(proa_buf) b = {0};
    uint64_t before;

    proa_buf_init(&b, PROA_UNLIMITED);
    for (int i = 0; i < 1000; i++)
        ck_ok(proa_buf_append(&b, "0123456789", 10));
    before = t_alloc_count();
    for (int i = 0; i < 100000; i++) {
        proa_buf_consume(&b, 10);
        ck_ok(proa_buf_append(&b, "0123456789", 10));
    }
    ck_assert_uint_le(t_alloc_count() - before, 3);
    ck_assert_uint_eq(b.n, 10000);
    ck_assert_uint_le(b.cap, 64 * 1024);
}
END_TEST

/* A full buffer that gives one byte and takes one gets more room once; else each byte would move
 * all. */
START_TEST(room_is_not_made_by_moving_much_for_little)
{
    PROA_AUTO(proa_buf) b = {0};
    uint64_t before;

    proa_buf_init(&b, PROA_UNLIMITED);
    while (b.n < 10000 || proa_buf_room(&b))
        ck_ok(proa_buf_append(&b, "x", 1));
    before = t_alloc_count();
    for (size_t i = 0; i < 1000; i++) {
        const char *p = b.p;
        proa_buf_consume(&b, 1);
        ck_ok(proa_buf_append(&b, "x", 1));
        ck_assert(i == 0 || b.p == p + 1);
    }
    ck_assert_uint_eq(t_alloc_count(), before + 1);
}
END_TEST

START_TEST(appending_doubles)
{
    PROA_AUTO(proa_buf) b = {0};
    uint64_t before = t_alloc_count();

    proa_buf_init(&b, PROA_UNLIMITED);
    for (int i = 0; i < 1 << 20; i++)
        ck_ok(proa_buf_append(&b, "x", 1));
    ck_assert_uint_le(t_alloc_count() - before, 16);
}
END_TEST

START_TEST(bytes_of_the_buffer_itself_can_be_appended)
{
    PROA_AUTO(proa_buf) b = {0};

    proa_buf_init(&b, PROA_UNLIMITED);
    ck_ok(proa_buf_append_str(&b, S("..abc")));
    proa_buf_consume(&b, 2);
    for (int i = 0; i < 6; i++) /* grows on the way: 3, 6, 12, ... 192 */
        ck_ok(proa_buf_append_str(&b, proa_buf_str(&b)));
    ck_assert_uint_eq(b.n, 192);
    for (size_t i = 0; i < b.n; i++)
        ck_assert_int_eq(b.p[i], "abc"[i % 3]);
}
END_TEST

START_TEST(printing_fits_grows_and_fails_whole)
{
    PROA_AUTO(proa_buf) b = {0};

    proa_buf_init(&b, 200);
    ck_ok(proa_buf_appendf(&b, "%s=%d", "a", 1));
    ck_ok(proa_buf_appendf(&b, "%*d", 150, 7)); /* larger than what is allocated */
    ck_assert_uint_eq(b.n, 153);
    check(&b);
    ck_ok(proa_buf_appendf(&b, "%s", ""));
    ck_err(proa_buf_appendf(&b, "%*d", 48, 7), PROA_EMSGSIZE);
    ck_assert_uint_eq(b.n, 153);
    check(&b);
    proa_buf_clear(&b);
    ck_ok(proa_buf_appendf(&b, "%*d", 200, 7)); /* exactly the limit */
    ck_assert_uint_eq(b.n, 200);
    check(&b);
}
END_TEST

START_TEST(truncate_keeps_the_front)
{
    PROA_AUTO(proa_buf) b = {0};

    proa_buf_init(&b, 100);
    ck_ok(proa_buf_append_str(&b, S("abcdef")));
    proa_buf_truncate(&b, 6);
    proa_buf_truncate(&b, 2);
    ck_str_eq(proa_buf_str(&b), "ab");
    check(&b);
    proa_buf_truncate(&b, 0);
    ck_assert_str_eq(proa_buf_str(&b).p, "");
}
END_TEST

START_TEST(detach_hands_the_bytes_over)
{
    struct proa_buf b;
    size_t n = 99;

    proa_buf_init(&b, 10);
    ck_ok(proa_buf_append_str(&b, S("xxabc")));
    proa_buf_consume(&b, 2);
    char *text = proa_buf_detach(&b, &n);
    ck_assert_str_eq(text, "abc");
    ck_assert_uint_eq(n, 3);
    proa_free(text);
    ck_assert_uint_eq(b.n, 0);

    text = proa_buf_detach(&b, NULL); /* nothing held is a text too */
    ck_assert_str_eq(text, "");
    proa_free(text);
    ck_ok(proa_buf_append_str(&b, S("0123456789"))); /* the limit stayed */
    ck_err(proa_buf_append_str(&b, S("x")), PROA_EMSGSIZE);
    proa_buf_fini(&b);
}
END_TEST

START_TEST(fini_leaves_an_empty_buffer)
{
    struct proa_buf b;

    proa_buf_init(&b, 3);
    ck_err(proa_buf_append_str(&b, S("four")), PROA_EMSGSIZE);
    proa_buf_fini(&b);
    ck_ok(proa_buf_append_str(&b, S("abc")));
    proa_buf_consume(&b, 1);
    proa_buf_fini(&b);
    ck_assert_uint_eq(t_alloc_blocks(), 0);
}
END_TEST

static int fill(void *arg)
{
    PROA_AUTO(proa_buf) b = {0};
    char *text;

    (void)arg;
    proa_buf_init(&b, PROA_UNLIMITED);
    for (int i = 0; i < 100; i++) {
        proa_buf_append_str(&b, S("0123456789"));
        if (b.n > 300)
            proa_buf_consume(&b, 3);
        proa_buf_appendf(&b, "%d %s", i, "abc");
    }
    text = proa_buf_detach(&b, NULL);
    proa_free(text);
    return text ? 0 : proa_buf_error(&b);
}
START_TEST(each_allocation_may_fail)
{
    t_each_alloc(fill, NULL);
}
END_TEST

static void commit_too_much(void *arg)
{
    struct proa_buf *b = arg;

    proa_buf_reserve(b, 10);
    proa_buf_commit(b, proa_buf_room(b) + 1);
}
static void consume_too_much(void *arg)
{
    proa_buf_consume(arg, 3);
}
static void truncate_upwards(void *arg)
{
    proa_buf_truncate(arg, 3);
}
START_TEST(taking_what_is_not_there_aborts)
{
    PROA_AUTO(proa_buf) b = {0};

    proa_buf_init(&b, 100);
    ck_ok(proa_buf_append_str(&b, S("ab")));
    t_aborts(commit_too_much, &b, "proa_buf_commit of 62 bytes where there is room for 61");
    t_aborts(consume_too_much, &b, "proa_buf_consume of 3 bytes of 2");
    t_aborts(truncate_upwards, &b, "proa_buf_truncate to 3 bytes of 2");
}
END_TEST

int main(void)
{
    return t_main(
        "buf",
        (const TTest *const[]){
            empty_buffer_allocates_nothing_and_is_a_c_string, zeroed_buffer_holds_nothing,
            limit_is_reached_and_not_passed, first_failure_sticks_until_cleared,
            no_memory_sticks_and_keeps_the_bytes, sizes_that_cannot_be_are_no_memory,
            reserve_commit_consume_as_a_reader_does, consuming_all_gives_the_whole_room_back,
            steady_queue_does_not_allocate_again_and_again,
            room_is_not_made_by_moving_much_for_little, appending_doubles,
            bytes_of_the_buffer_itself_can_be_appended, printing_fits_grows_and_fails_whole,
            truncate_keeps_the_front, detach_hands_the_bytes_over, fini_leaves_an_empty_buffer,
            each_allocation_may_fail, taking_what_is_not_there_aborts, NULL});
}
