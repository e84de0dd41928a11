#include "support/test.h"

#include <proa/mem.h>

#include <stdio.h>

#define S(literal) PROA_STR(literal)

static const struct proa_str a_static_view = PROA_STR("static");

START_TEST(literal_keeps_its_nul_bytes)
{
    struct proa_str s = S("a\0b");

    ck_assert_uint_eq(s.n, 3);
    ck_str_eq(a_static_view, "static");
    ck_assert_uint_eq(S("").n, 0);
}
END_TEST

START_TEST(null_is_the_empty_view)
{
    struct proa_str none = {0};

    ck_assert(proa_str_eq(proa_str_from(NULL), none));
    ck_assert(proa_str_eq(none, S("")));
    ck_assert(proa_str_caseeq(none, S("")));
    ck_assert_int_eq(proa_str_cmp(none, S("")), 0);
    ck_assert(proa_str_starts(none, none) && proa_str_ends(none, none));
    ck_assert_uint_eq(proa_str_trim(none).n, 0);
    ck_assert_uint_eq(proa_str_sub(none, 3, 4).n, 0);
    ck_assert_uint_eq(proa_str_find(none, 'a'), PROA_STR_NONE);
    ck_assert_uint_eq(proa_str_rfind(none, 'a'), PROA_STR_NONE);
    ck_assert_uint_eq(proa_str_search(none, none), 0);
    ck_assert_uint_eq(proa_str_search(none, S("a")), PROA_STR_NONE);
}
END_TEST

START_TEST(equal_means_every_byte)
{
    ck_assert(proa_str_eq(S("abc"), S("abc")));
    ck_assert(!proa_str_eq(S("abc"), S("abd")));
    ck_assert(!proa_str_eq(S("abc"), S("ab")));
    ck_assert(!proa_str_eq(S("a\0b"), S("a\0c")));
    ck_assert(!proa_str_eq(S("A"), S("a")));
}
END_TEST

/* All pairs of bytes: nothing but a letter of ASCII equals another byte. */
START_TEST(case_is_ascii_only)
{
    for (int i = 0; i < 256; i++)
        for (int k = 0; k < 256; k++) {
            char a = (char)i, b = (char)k;
            bool letters = (i ^ k) == 0x20 && ((i | 0x20) >= 'a') && ((i | 0x20) <= 'z');
            bool want = i == k || letters;
            ck_assert_msg(proa_str_caseeq(proa_str_make(&a, 1), proa_str_make(&b, 1)) == want,
                          "bytes %#x and %#x", (unsigned)i, (unsigned)k);
            ck_assert(proa_str_casestarts(proa_str_make(&a, 1), proa_str_make(&b, 1)) == want);
        }
    ck_assert(proa_str_caseeq(S("Content-LENGTH"), S("content-length")));
    ck_assert(!proa_str_caseeq(S("abc"), S("abcd")));
    ck_assert(!proa_str_caseeq(S("\xe2\x84\xaa"), S("k"))); /* the Kelvin sign */
}
END_TEST

/* The same pairs at each place of longer text, which is compared eight bytes at once. */
START_TEST(case_is_ascii_only_anywhere)
{
    char a[20], b[20];

    for (int i = 0; i < 256; i++)
        for (int k = 0; k < 256; k++) {
            bool letters = (i ^ k) == 0x20 && ((i | 0x20) >= 'a') && ((i | 0x20) <= 'z');
            size_t n = 8 + (size_t)(i + k) % 13;
            size_t at = (size_t)(i * 7 + k) % n;
            memset(a, '@', sizeof a);
            memset(b, '@', sizeof b);
            a[at] = (char)i;
            b[at] = (char)k;
            a[(at + 1) % n] = 'z';
            b[(at + 1) % n] = 'Z';
            ck_assert_msg(proa_str_caseeq(proa_str_make(a, n), proa_str_make(b, n)) ==
                              (i == k || letters),
                          "bytes %#x and %#x at %zu of %zu", (unsigned)i, (unsigned)k, at, n);
        }
}
END_TEST

START_TEST(order_puts_a_prefix_first)
{
    ck_assert_int_lt(proa_str_cmp(S("ab"), S("abc")), 0);
    ck_assert_int_gt(proa_str_cmp(S("abc"), S("ab")), 0);
    ck_assert_int_lt(proa_str_cmp(S("abc"), S("b")), 0);
    ck_assert_int_gt(proa_str_cmp(S("\x80"), S("a")), 0);
    ck_assert_int_eq(proa_str_cmp(S("abc"), S("abc")), 0);
}
END_TEST

START_TEST(starts_and_ends)
{
    ck_assert(proa_str_starts(S("http://x"), S("http://")));
    ck_assert(proa_str_starts(S("abc"), S("")));
    ck_assert(!proa_str_starts(S("htt"), S("http")));
    ck_assert(!proa_str_starts(S("abc"), S("b")));
    ck_assert(proa_str_casestarts(S("HTTP://x"), S("http://")));
    ck_assert(!proa_str_casestarts(S("HTT"), S("http")));
    ck_assert(proa_str_ends(S("a.txt"), S(".txt")));
    ck_assert(proa_str_ends(S("abc"), S("")));
    ck_assert(!proa_str_ends(S("txt"), S(".txt")));
    ck_assert(!proa_str_ends(S("a.txt"), S(".txT")));
}
END_TEST

START_TEST(sub_stays_inside)
{
    ck_str_eq(proa_str_sub(S("abcdef"), 2, 3), "cde");
    ck_str_eq(proa_str_sub(S("abcdef"), 2, PROA_UNLIMITED), "cdef");
    ck_str_eq(proa_str_sub(S("abcdef"), 5, 1), "f");
    ck_str_eq(proa_str_sub(S("abcdef"), 5, 2), "f");
    ck_str_eq(proa_str_sub(S("abcdef"), 6, 1), "");
    ck_str_eq(proa_str_sub(S("abcdef"), 7, 1), "");
    ck_str_eq(proa_str_sub(S("abcdef"), SIZE_MAX, SIZE_MAX), "");
}
END_TEST

START_TEST(trim_takes_spaces_and_tabs_only)
{
    ck_str_eq(proa_str_trim(S(" \t a b\t ")), "a b");
    ck_str_eq(proa_str_trim(S(" \t ")), "");
    ck_str_eq(proa_str_trim(S("\r\na\v")), "\r\na\v");
}
END_TEST

START_TEST(searches_find_first_and_last)
{
    ck_assert_uint_eq(proa_str_find(S("a:b:c"), ':'), 1);
    ck_assert_uint_eq(proa_str_rfind(S("a:b:c"), ':'), 3);
    ck_assert_uint_eq(proa_str_find(S("abc"), ':'), PROA_STR_NONE);
    ck_assert_uint_eq(proa_str_rfind(S("abc"), ':'), PROA_STR_NONE);
    ck_assert_uint_eq(proa_str_find(S("abc"), 'c'), 2);
    ck_assert_uint_eq(proa_str_search(S("xx://y://"), S("://")), 2);
    ck_assert_uint_eq(proa_str_search(S("abc"), S("bc")), 1);
    ck_assert_uint_eq(proa_str_search(S("abc"), S("bcd")), PROA_STR_NONE);
    ck_assert_uint_eq(proa_str_search(S("ab"), S("abc")), PROA_STR_NONE);
    ck_assert_uint_eq(proa_str_search(S("abc"), S("")), 0);
}
END_TEST

START_TEST(next_cuts_pieces)
{
    struct proa_str rest = S("a,,b"), piece = S("untouched");

    ck_assert(proa_str_next(&rest, ',', &piece));
    ck_str_eq(piece, "a");
    ck_assert(proa_str_next(&rest, ',', &piece));
    ck_str_eq(piece, "");
    ck_assert(proa_str_next(&rest, ',', &piece));
    ck_str_eq(piece, "b");
    ck_assert(!proa_str_next(&rest, ',', &piece));
    ck_str_eq(piece, "b");

    rest = S("a,");
    ck_assert(proa_str_next(&rest, ',', &piece));
    ck_str_eq(piece, "a");
    ck_assert(!proa_str_next(&rest, ',', &piece));
}
END_TEST

START_TEST(uint_takes_digits_up_to_64_bits)
{
    uint64_t v = 77;

    ck_ok(proa_str_parse_uint(S("0"), &v));
    ck_assert_uint_eq(v, 0);
    ck_ok(proa_str_parse_uint(S("18446744073709551615"), &v));
    ck_assert(v == UINT64_MAX);
    ck_ok(proa_str_parse_uint(S("00000000000000000000000000000042"), &v));
    ck_assert_uint_eq(v, 42);
    ck_err(proa_str_parse_uint(S("18446744073709551616"), &v), PROA_ERANGE);
    ck_err(proa_str_parse_uint(S("99999999999999999999"), &v), PROA_ERANGE);
    ck_err(proa_str_parse_uint(S("99999999999999999999x"), &v), PROA_EINVAL);
    ck_err(proa_str_parse_uint(S(""), &v), PROA_EINVAL);
    ck_err(proa_str_parse_uint(S("+1"), &v), PROA_EINVAL);
    ck_err(proa_str_parse_uint(S("-1"), &v), PROA_EINVAL);
    ck_err(proa_str_parse_uint(S(" 1"), &v), PROA_EINVAL);
    ck_err(proa_str_parse_uint(S("1 "), &v), PROA_EINVAL);
    ck_err(proa_str_parse_uint(S("1_0"), &v), PROA_EINVAL);
    ck_err(proa_str_parse_uint(S("0x1"), &v), PROA_EINVAL);
    ck_err(proa_str_parse_uint(S("a"), &v), PROA_EINVAL);
    ck_err(proa_str_parse_uint(S("1\0"), &v), PROA_EINVAL);
    ck_assert_uint_eq(v, 42); /* a failure writes nothing */
}
END_TEST

START_TEST(int_takes_a_minus_down_to_64_bits)
{
    int64_t v = 77;

    ck_ok(proa_str_parse_int(S("9223372036854775807"), &v));
    ck_assert(v == INT64_MAX);
    ck_ok(proa_str_parse_int(S("-9223372036854775808"), &v));
    ck_assert(v == INT64_MIN);
    ck_ok(proa_str_parse_int(S("-0"), &v));
    ck_assert_int_eq(v, 0);
    ck_ok(proa_str_parse_int(S("-15"), &v));
    ck_assert_int_eq(v, -15);
    ck_err(proa_str_parse_int(S("9223372036854775808"), &v), PROA_ERANGE);
    ck_err(proa_str_parse_int(S("-9223372036854775809"), &v), PROA_ERANGE);
    ck_err(proa_str_parse_int(S("-"), &v), PROA_EINVAL);
    ck_err(proa_str_parse_int(S("--1"), &v), PROA_EINVAL);
    ck_err(proa_str_parse_int(S(""), &v), PROA_EINVAL);
}
END_TEST

START_TEST(hex_takes_digits_of_either_case)
{
    uint64_t v = 77;

    ck_ok(proa_str_parse_hex(S("0fA"), &v));
    ck_assert_uint_eq(v, 0xfa);
    ck_ok(proa_str_parse_hex(S("FFFFFFFFffffffff"), &v));
    ck_assert(v == UINT64_MAX);
    ck_err(proa_str_parse_hex(S("10000000000000000"), &v), PROA_ERANGE);
    ck_err(proa_str_parse_hex(S("g"), &v), PROA_EINVAL);
    ck_err(proa_str_parse_hex(S("0x1"), &v), PROA_EINVAL);
    ck_err(proa_str_parse_hex(S(""), &v), PROA_EINVAL);
    ck_assert(v == UINT64_MAX);
}
END_TEST

START_TEST(nothing_reads_beyond_the_view)
{
    struct proa_str s = t_unreadable_str("12345");
    struct proa_str blank = t_unreadable_str(" \t ");
    struct proa_str front = proa_str_make(t_unreadable_front("   ", 3), 3);
    struct proa_str piece;
    uint64_t v;

    ck_ok(proa_str_parse_uint(s, &v));
    ck_ok(proa_str_parse_hex(s, &v));
    ck_assert_uint_eq(proa_str_find(s, 'x'), PROA_STR_NONE);
    ck_assert_uint_eq(proa_str_search(s, S("56")), PROA_STR_NONE);
    ck_assert(proa_str_caseeq(s, S("12345")));
    ck_assert_uint_eq(proa_str_trim(blank).n, 0);
    ck_assert_uint_eq(proa_str_trim(front).n, 0);
    ck_assert_uint_eq(proa_str_rfind(front, 'x'), PROA_STR_NONE);
    ck_assert(proa_str_next(&s, ',', &piece));
    ck_assert(!proa_str_next(&s, ',', &piece));
}
END_TEST

static int dup_view(void *arg)
{
    char *copy = proa_str_dup(S("a\0b"));

    (void)arg;
    if (!copy)
        return PROA_ENOMEM;
    ck_assert_mem_eq(copy, "a\0b", 4);
    proa_free(copy);
    return 0;
}
START_TEST(dup_is_a_c_string_of_its_own)
{
    char *empty = proa_str_dup((struct proa_str){0});

    t_each_alloc(dup_view, NULL);
    ck_assert_str_eq(empty, "");
    proa_free(empty);
}
END_TEST

START_TEST(pri_prints_exactly_the_view)
{
    char text[16];
    struct proa_str s = t_unreadable_str("abc");

    snprintf(text, sizeof text, "<%.*s>", PROA_PRI(s));
    ck_assert_str_eq(text, "<abc>");
    s = proa_str_make("x", (size_t)INT_MAX + 10);
    snprintf(text, sizeof text, "<%.*s>", PROA_PRI(s)); /* no negative width */
    ck_assert_str_eq(text, "<x>");
}
END_TEST

int main(void)
{
    return t_main("str",
                  (const TTest *const[]){
                      literal_keeps_its_nul_bytes, null_is_the_empty_view, equal_means_every_byte,
                      case_is_ascii_only, case_is_ascii_only_anywhere, order_puts_a_prefix_first,
                      starts_and_ends, sub_stays_inside, trim_takes_spaces_and_tabs_only,
                      searches_find_first_and_last, next_cuts_pieces,
                      uint_takes_digits_up_to_64_bits, int_takes_a_minus_down_to_64_bits,
                      hex_takes_digits_of_either_case, nothing_reads_beyond_the_view,
                      dup_is_a_c_string_of_its_own, pri_prints_exactly_the_view, NULL});
}
