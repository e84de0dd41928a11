#include "base/encode.h"
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#define S(literal) PROA_STR(literal)

/* ---- percent */

static const char *const kept[] = {
    [PERCENT_COMPONENT] = "-._~",           [PERCENT_SEGMENT] = "-._~!$&'()*+,;=:@",
    [PERCENT_PATH] = "-._~!$&'()*+,;=:@/",  [PERCENT_QUERY] = "-._~!$&'()*+,;=:@/?",
    [PERCENT_USERINFO] = "-._~!$&'()*+,;=", [PERCENT_FORM] = "-._*",
};

/* Every byte in every set: kept, or %XX, or the form's plus. */
START_TEST(each_set_keeps_its_own_bytes)
{
    enum percent_set set = (enum percent_set)_i;

    for (int i = 0; i < 256; i++) {
        PROA_AUTO(proa_buf) b = {0};
        char c = (char)i, want[4];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     (c && strchr(kept[set], c));

        snprintf(want, sizeof want, "%%%02X", (unsigned)i);
        if (plain || (set == PERCENT_FORM && c == ' '))
            snprintf(want, sizeof want, "%c", c == ' ' ? '+' : c);
        proa_buf_init(&b, 3);
        ck_ok(proa__percent_encode(&b, proa_str_make(&c, 1), set));
        ck_assert_msg(proa_str_eq(proa_buf_str(&b), proa_str_from(want)), "byte %#x became %s",
                      (unsigned)i, proa_buf_str(&b).p);
    }
}
END_TEST

static const char *encoded(const char *text, enum percent_set set, bool again)
{
    static char out[256];
    PROA_AUTO(proa_buf) b = {0};

    proa_buf_init(&b, sizeof out - 1);
    ck_ok(again ? proa__percent_requote(&b, t_unreadable_str(text), set)
                : proa__percent_encode(&b, t_unreadable_str(text), set));
    memcpy(out, proa_buf_str(&b).p, b.n + 1);
    return out;
}

START_TEST(encoding_a_percent_sign_depends)
{
    ck_assert_str_eq(encoded("a%20b", PERCENT_SEGMENT, false), "a%2520b");
    ck_assert_str_eq(encoded("a%20b c", PERCENT_SEGMENT, true), "a%20b%20c");
    ck_assert_str_eq(encoded("%2f%2F", PERCENT_SEGMENT, true), "%2f%2F");
    ck_assert_str_eq(encoded("%", PERCENT_SEGMENT, true), "%25");
    ck_assert_str_eq(encoded("%2", PERCENT_SEGMENT, true), "%252");
    ck_assert_str_eq(encoded("%2g", PERCENT_SEGMENT, true), "%252g");
    ck_assert_str_eq(encoded("100%", PERCENT_SEGMENT, true), "100%25");
    ck_assert_str_eq(encoded("%%41", PERCENT_SEGMENT, true), "%25%41");
    ck_assert_str_eq(encoded("", PERCENT_SEGMENT, true), "");
    ck_assert_str_eq(encoded("\r\nSet-Cookie: x", PERCENT_PATH, true), "%0D%0ASet-Cookie:%20x");
}
END_TEST

START_TEST(encoding_appends_whole_or_not)
{
    PROA_AUTO(proa_buf) b = {0};

    proa_buf_init(&b, 7);
    ck_ok(proa_buf_append_str(&b, S("x")));
    ck_ok(proa__percent_encode(&b, S("  "), PERCENT_PATH)); /* exactly the limit */
    ck_err(proa__percent_encode(&b, S("a"), PERCENT_PATH), PROA_EMSGSIZE);
    ck_str_eq(proa_buf_str(&b), "x%20%20");
    proa_buf_clear(&b);
    ck_err(proa__percent_encode(&b, S("   "), PERCENT_PATH), PROA_EMSGSIZE);
    ck_str_eq(proa_buf_str(&b), "");
    proa_buf_clear(&b);
    ck_err(proa__percent_encode(&b, proa_str_make("", SIZE_MAX / 2), PERCENT_PATH), PROA_ENOMEM);
}
END_TEST

static int encode_once(void *arg)
{
    PROA_AUTO(proa_buf) b = {0};

    (void)arg;
    proa_buf_init(&b, 1000);
    return proa__percent_encode(&b, S("a b"), PERCENT_FORM);
}
START_TEST(each_allocation_may_fail)
{
    t_each_alloc(encode_once, NULL);
}
END_TEST

typedef ssize_t decode_fn(char *dst, struct proa_str s);

static const char *decoded(decode_fn *decode, const char *text)
{
    static char out[64];
    ssize_t n = decode(out, t_unreadable_str(text));

    if (n < 0)
        return proa_err_name((int)n);
    ck_assert_int_le(n, (long)strlen(text));
    out[n] = '\0';
    return out;
}

START_TEST(decoding_takes_two_digits_of_either_case)
{
    ck_assert_str_eq(decoded(proa__percent_decode, "a%20b%2Fc%2fd+e"), "a b/c/d+e");
    ck_assert_str_eq(decoded(proa__percent_decode, ""), "");
    ck_assert_str_eq(decoded(proa__percent_decode, "%2541"), "%41"); /* once only */
    ck_assert_str_eq(decoded(proa__form_decode, "a+b%2Bc%20"), "a b+c ");
    ck_assert_str_eq(decoded(proa__percent_decode, "%"), "PROA_EENCODING");
    ck_assert_str_eq(decoded(proa__percent_decode, "a%4"), "PROA_EENCODING");
    ck_assert_str_eq(decoded(proa__percent_decode, "%4g"), "PROA_EENCODING");
    ck_assert_str_eq(decoded(proa__percent_decode, "%g4"), "PROA_EENCODING");
    ck_assert_str_eq(decoded(proa__percent_decode, "%%"), "PROA_EENCODING");
    ck_assert_str_eq(decoded(proa__form_decode, "+%"), "PROA_EENCODING");
    ck_assert_str_eq(decoded(proa__form_decode, "%+1"), "PROA_EENCODING");
    char nul;
    ck_assert_int_eq(proa__percent_decode(&nul, S("%00")), 1);
    ck_assert_int_eq(nul, 0);
}
END_TEST

START_TEST(decoding_in_place_and_back_again)
{
    char bytes[256];

    for (int i = 0; i < 256; i++)
        bytes[i] = (char)i;
    for (int set = PERCENT_COMPONENT; set <= PERCENT_FORM; set++) {
        PROA_AUTO(proa_buf) b = {0};
        proa_buf_init(&b, 1000);
        ck_ok(proa__percent_encode(&b, proa_str_make(bytes, 256), (enum percent_set)set));
        ssize_t n = (set == PERCENT_FORM ? proa__form_decode
                                         : proa__percent_decode)(b.p, proa_buf_str(&b));
        ck_assert_int_eq(n, 256);
        ck_assert_mem_eq(b.p, bytes, 256);
    }
}
END_TEST

/* ---- base64 */

START_TEST(base64_is_that_of_the_rfc)
{
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    char text[BASE64_ROOM(6)];
    char bytes[BASE64_BYTES(8)];

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct proa_str plain = t_unreadable_str(pairs[i][0]);
        size_t n = proa__base64_encode(text, plain.p, plain.n, BASE64_STD);
        ck_assert_str_eq(text, pairs[i][1]);
        ck_assert_uint_eq(n, strlen(pairs[i][1]));
        ck_assert_uint_le(n + 1, BASE64_ROOM(plain.n));
        ssize_t back = proa__base64_decode(bytes, t_unreadable_str(text), BASE64_STD);
        ck_assert_int_eq(back, (ssize_t)plain.n);
        ck_assert_mem_eq(bytes, plain.p, plain.n);
    }
}
END_TEST

START_TEST(base64_kinds_differ_in_two_letters_and_padding)
{
    char text[BASE64_ROOM(4)];

    proa__base64_encode(text, "\xfb\xef\xff\xfe", 4, BASE64_STD);
    ck_assert_str_eq(text, "++///g==");
    proa__base64_encode(text, "\xfb\xef\xff\xfe", 4, BASE64_URL);
    ck_assert_str_eq(text, "--___g");
}
END_TEST

static const struct {
    const char *text;
    enum base64_kind kind;
} bad64[] = {
    {"A", BASE64_STD},        {"AA", BASE64_STD},      {"AAA", BASE64_STD},
    {"=", BASE64_STD},        {"====", BASE64_STD},    {"A===", BASE64_STD},
    {"AA=A", BASE64_STD},     {"=AAA", BASE64_STD},    {"AAAA====", BASE64_STD},
    {"AB==", BASE64_STD},     {"AAB=", BASE64_STD},    {"AA-_", BASE64_STD},
    {"AA A", BASE64_STD},     {"AAAA\n", BASE64_STD},  {"AAA\n", BASE64_STD},
    {"AA==AAAA", BASE64_STD}, {"AAA\x80", BASE64_STD}, {"A", BASE64_URL},
    {"AAAAA", BASE64_URL},    {"AA==", BASE64_URL},    {"AB", BASE64_URL},
    {"AAB", BASE64_URL},      {"AA+/", BASE64_URL},    {"A+", BASE64_URL},
    {"AAA=", BASE64_URL},     {"AA@A", BASE64_URL},    {"AA[A", BASE64_URL},
    {"AA`A", BASE64_URL},     {"AA{A", BASE64_URL},    {"AA:A", BASE64_URL},
};

START_TEST(base64_takes_one_spelling_only)
{
    char bytes[BASE64_BYTES(8)];

    ck_assert_msg(proa__base64_decode(bytes, t_unreadable_str(bad64[_i].text), bad64[_i].kind) ==
                      PROA_EENCODING,
                  "%s", bad64[_i].text);
}
END_TEST

START_TEST(base64_of_anything_goes_there_and_back)
{
    struct t_random random = {5};

    for (size_t n = 0; n < 200; n++)
        for (int kind = BASE64_STD; kind <= BASE64_URL; kind++) {
            char bytes[200], text[BASE64_ROOM(200)];

            for (size_t i = 0; i < n; i++)
                bytes[i] = (char)t_random_next(&random);
            size_t len = proa__base64_encode(text, t_unreadable(bytes, n), n,
                                             (enum base64_kind)kind);
            ck_assert_uint_lt(len, BASE64_ROOM(n));
            ck_assert_uint_le(n, BASE64_BYTES(len));
            /* in place */
            ck_assert_int_eq(
                proa__base64_decode(text, proa_str_make(text, len), (enum base64_kind)kind),
                (ssize_t)n);
            ck_assert_mem_eq(text, bytes, n);
        }
}
END_TEST

/* ---- hexadecimal */

START_TEST(hex_goes_there_and_back)
{
    char text[9];
    char bytes[4];

    ck_assert_uint_eq(proa__hex_encode(text, "\x00\x9f\xa0\xff", 4), 8);
    ck_assert_str_eq(text, "009fa0ff");
    ck_assert_int_eq(proa__hex_decode(bytes, t_unreadable_str("009FA0fF")), 4);
    ck_assert_mem_eq(bytes, "\x00\x9f\xa0\xff", 4);
    ck_assert_int_eq(proa__hex_decode(text, proa_str_make(text, 8)), 4); /* in place */
    ck_assert_mem_eq(text, "\x00\x9f\xa0\xff", 4);
    ck_assert_uint_eq(proa__hex_encode(text, NULL, 0), 0);
    ck_assert_int_eq(proa__hex_decode(bytes, S("")), 0);
    ck_err(proa__hex_decode(bytes, t_unreadable_str("0")), PROA_EENCODING);
    ck_err(proa__hex_decode(bytes, t_unreadable_str("0g")), PROA_EENCODING);
    ck_err(proa__hex_decode(bytes, t_unreadable_str("g0")), PROA_EENCODING);
    ck_err(proa__hex_decode(bytes, t_unreadable_str("00 ")), PROA_EENCODING);
}
END_TEST

int main(void)
{
    return t_main_tables(
        "encode",
        (const TTest *const[]){encoding_a_percent_sign_depends, encoding_appends_whole_or_not,
                               each_allocation_may_fail, decoding_takes_two_digits_of_either_case,
                               decoding_in_place_and_back_again, base64_is_that_of_the_rfc,
                               base64_kinds_differ_in_two_letters_and_padding,
                               base64_of_anything_goes_there_and_back, hex_goes_there_and_back,
                               NULL},
        (const struct t_table[]){{each_set_keeps_its_own_bytes, PERCENT_FORM + 1},
                                 {base64_takes_one_spelling_only, sizeof bad64 / sizeof *bad64},
                                 {NULL, 0}});
}
