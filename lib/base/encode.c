#include "base/encode.h"

#include "base/ascii.h"

#include <proa/err.h>

#include <string.h>

/* ---- percent */

/* Besides letters and digits. */
static const char *const stays[] = {
    [PERCENT_COMPONENT] = "-._~",           [PERCENT_SEGMENT] = "-._~!$&'()*+,;=:@",
    [PERCENT_PATH] = "-._~!$&'()*+,;=:@/",  [PERCENT_QUERY] = "-._~!$&'()*+,;=:@/?",
    [PERCENT_USERINFO] = "-._~!$&'()*+,;=", [PERCENT_FORM] = "-._*",
};

static bool is_plain(char c, enum percent_set set)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || (c && strchr(stays[set], c));
}

static bool is_triplet(struct proa_str s, size_t at)
{
    return s.p[at] == '%' && s.n - at >= 3 && ascii_hex(s.p[at + 1]) >= 0 &&
           ascii_hex(s.p[at + 2]) >= 0;
}

/* Write one byte's encoding to `dst`, or only tell its length when that is NULL. */
static size_t put_byte(char *dst, char c, enum percent_set set)
{
    static const char digits[] = "0123456789ABCDEF";
    bool plain = is_plain(c, set);
    bool plus = set == PERCENT_FORM && c == ' ';

    if (dst) {
        dst[0] = plain ? c : plus ? '+' : '%';
        if (!plain && !plus) {
            dst[1] = digits[(unsigned char)c >> 4];
            dst[2] = digits[(unsigned char)c & 15];
        }
    }
    return plain || plus ? 1 : 3;
}

static size_t put_all(char *dst, struct proa_str s, enum percent_set set, bool keep_triplets)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (keep_triplets && is_triplet(s, i)) {
            if (dst)
                dst[n] = '%';
            n++;
        } else {
            n += put_byte(dst ? dst + n : NULL, s.p[i], set);
        }
    }
    return n;
}

static int encode(struct proa_buf *out, struct proa_str s, enum percent_set set, bool keep_triplets)
{
    char *dst;

    if (s.n > SIZE_MAX / 3)
        return PROA_ENOMEM;
    dst = proa_buf_reserve(out, put_all(NULL, s, set, keep_triplets));
    if (!dst)
        return proa_buf_error(out);
    proa_buf_commit(out, put_all(dst, s, set, keep_triplets));
    return 0;
}

int proa__percent_encode(struct proa_buf *out, struct proa_str s, enum percent_set set)
{
    return encode(out, s, set, false);
}

int proa__percent_requote(struct proa_buf *out, struct proa_str s, enum percent_set set)
{
    return encode(out, s, set, true);
}

ssize_t proa__percent_decode(char *dst, struct proa_str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            if (!is_triplet(s, i))
                return PROA_EENCODING;
            c = (char)(ascii_hex(s.p[i + 1]) << 4 | ascii_hex(s.p[i + 2]));
            i += 2;
        }
        dst[n++] = c;
    }
    return (ssize_t)n;
}

ssize_t proa__form_decode(char *dst, struct proa_str s)
{
    for (size_t i = 0; i < s.n; i++)
        dst[i] = s.p[i] == '+' ? ' ' : s.p[i];
    return proa__percent_decode(dst, proa_str_make(dst, s.n));
}

/* ---- base64 */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static char sextet_char(unsigned v, enum base64_kind kind)
{
    if (v < 62)
        return alphabet[v];
    return kind == BASE64_URL ? "-_"[v - 62] : "+/"[v - 62];
}

static int sextet(char c, enum base64_kind kind)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (ascii_is_digit(c))
        return c - '0' + 52;
    if (c == (kind == BASE64_URL ? '-' : '+'))
        return 62;
    if (c == (kind == BASE64_URL ? '_' : '/'))
        return 63;
    return -1;
}

size_t proa__base64_encode(char *dst, const void *bytes, size_t n, enum base64_kind kind)
{
    const uint8_t *p = bytes;
    char *to = dst;

    for (size_t i = 0; i < n; i += 3) {
        size_t have = n - i < 3 ? n - i : 3;
        unsigned v = (unsigned)p[i] << 16;
        if (have > 1)
            v |= (unsigned)p[i + 1] << 8;
        if (have > 2)
            v |= p[i + 2];
        for (size_t k = 0; k < 4; k++)
            if (k <= have)
                *to++ = sextet_char(v >> (18 - 6 * k) & 63, kind);
            else if (kind == BASE64_STD)
                *to++ = '=';
    }
    *to = '\0';
    return (size_t)(to - dst);
}

/* Decode a last group of 2 or 3 characters, whose unused bits must be zero. */
static ssize_t decode_tail(uint8_t *dst, const char *p, size_t n, enum base64_kind kind)
{
    unsigned v = 0;

    if (n == 0)
        return 0;
    if (n == 1)
        return PROA_EENCODING;
    for (size_t k = 0; k < n; k++) {
        int six = sextet(p[k], kind);
        if (six < 0)
            return PROA_EENCODING;
        v |= (unsigned)six << (18 - 6 * k);
    }
    if (v & (n == 2 ? 0xffffu : 0xffu))
        return PROA_EENCODING;
    dst[0] = (uint8_t)(v >> 16);
    if (n == 3)
        dst[1] = (uint8_t)(v >> 8);
    return (ssize_t)n - 1;
}

ssize_t proa__base64_decode(void *dst, struct proa_str s, enum base64_kind kind)
{
    uint8_t *to = dst;
    ssize_t tail;
    size_t i;

    if (kind == BASE64_STD) {
        if (s.n % 4)
            return PROA_EENCODING;
        for (int pad = 0; pad < 2 && s.n && s.p[s.n - 1] == '='; pad++)
            s.n--;
    }
    for (i = 0; s.n - i >= 4; i += 4) {
        uint32_t v = 0;
        for (size_t k = 0; k < 4; k++) {
            int six = sextet(s.p[i + k], kind);
            if (six < 0)
                return PROA_EENCODING;
            v = v << 6 | (uint32_t)six;
        }
        *to++ = (uint8_t)(v >> 16);
        *to++ = (uint8_t)(v >> 8);
        *to++ = (uint8_t)v;
    }
    tail = decode_tail(to, s.p + i, s.n - i, kind);
    return tail < 0 ? tail : to - (uint8_t *)dst + tail;
}

/* ---- hexadecimal */

size_t proa__hex_encode(char *dst, const void *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = bytes;

    for (size_t i = 0; i < n; i++) {
        dst[2 * i] = digits[p[i] >> 4];
        dst[2 * i + 1] = digits[p[i] & 15];
    }
    dst[2 * n] = '\0';
    return 2 * n;
}

ssize_t proa__hex_decode(void *dst, struct proa_str s)
{
    uint8_t *to = dst;

    if (s.n % 2)
        return PROA_EENCODING;
    for (size_t i = 0; i < s.n; i += 2) {
        int high = ascii_hex(s.p[i]);
        int low = ascii_hex(s.p[i + 1]);
        if (high < 0 || low < 0)
            return PROA_EENCODING;
        *to++ = (uint8_t)(high << 4 | low);
    }
    return to - (uint8_t *)dst;
}
