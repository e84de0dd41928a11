#ifndef HTTP_OCTETS_H
#define HTTP_OCTETS_H

/*
 * octets: which byte may stand where, in one table.
 *
 * Bytes, never characters: no locale, no case folding, nothing beyond ASCII is a digit or a letter.
 * Floor: http.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    OCTET_TOKEN = 1,  /* methods, field names: RFC 9110 5.6.2 */
    OCTET_PATH = 2,   /* of a target: RFC 3986's pchar, '/' and the '%' of an escape */
    OCTET_QUERY = 4,  /* as path, '?', and []{}|^` which browsers do not escape in a query */
    OCTET_TEXT = 8,   /* values, reasons: tab, space, visible ASCII, everything from 0x80 on */
    OCTET_QUOTED = 16 /* inside a quoted string, but for '"' and '\\' */
};

extern const uint8_t proa__http_octets[256];

static inline bool octet_is(char c, unsigned kinds)
{
    return (proa__http_octets[(unsigned char)c] & kinds) != 0;
}

/* The first place from `at` on that is not of the kinds; `n` if all are. */
static inline size_t octets_span(const char *p, size_t at, size_t n, unsigned kinds)
{
    while (at < n && octet_is(p[at], kinds))
        at++;
    return at;
}

#ifdef __SSE2__
/* A bit for each of the 16 bytes at `p` that is no OCTET_TEXT. */
static inline unsigned octets_not_text(const char *p)
{
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
    __m128i bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\t')), control),
                               _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f)));

    return (unsigned)_mm_movemask_epi8(bad);
}

/* A bit for each of the 16 bytes at `p` that is no letter, digit or '-': those make up nearly all
 * names. */
static inline unsigned octets_not_plain(const char *p)
{
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i letter = _mm_sub_epi8(_mm_or_si128(v, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
    __m128i digit = _mm_sub_epi8(v, _mm_set1_epi8('0'));
    __m128i good = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(25)), letter),
                                _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit));

    good = _mm_or_si128(good, _mm_cmpeq_epi8(v, _mm_set1_epi8('-')));
    return (unsigned)_mm_movemask_epi8(good) ^ 0xffff;
}
#endif

/* The first place from `at` on that is no OCTET_TEXT: a line end, or a byte that may not be there.
 */
static inline size_t octets_text_end(const char *p, size_t at, size_t n)
{
#ifdef __SSE2__
    unsigned mask = 0;

    for (; n - at >= 16; at += 16) {
        mask = octets_not_text(p + at);
        if (mask)
            return at + (size_t)__builtin_ctz(mask);
    }
    if (n < 16 || at == n)
        return octets_span(p, at, n, OCTET_TEXT);
    mask = octets_not_text(p + n - 16) & (0xffffu << (16 - (n - at))); /* some of them once more */
    return mask ? n - 16 + (size_t)__builtin_ctz(mask) : n;
#else
    return octets_span(p, at, n, OCTET_TEXT);
#endif
}

/* The first place from `at` on that is no OCTET_TOKEN, before `end`; up to `n` may be read. */
static inline size_t octets_token_end(const char *p, size_t at, size_t end, size_t n)
{
#ifdef __SSE2__
    for (; n - at >= 16; at += 16) {
        unsigned mask = octets_not_plain(p + at);
        if (mask) {
            at += (size_t)__builtin_ctz(mask);
            break;
        }
    }
    if (at >= end)
        return end;
#else
    (void)n;
#endif
    return octets_span(p, at, end, OCTET_TOKEN);
}

#endif
