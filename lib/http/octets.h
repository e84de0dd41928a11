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

/* The first place from `at` on that is no OCTET_TEXT: a line end, or a byte that may not be there.
 */
static inline size_t octets_text_end(const char *p, size_t at, size_t n)
{
#ifdef __SSE2__
    const __m128i highest_control = _mm_set1_epi8(0x1f);
    const __m128i del = _mm_set1_epi8(0x7f);
    const __m128i tab = _mm_set1_epi8('\t');

    for (; n - at >= 16; at += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + at));
        __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, highest_control), v);
        __m128i bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(v, tab), control),
                                   _mm_cmpeq_epi8(v, del));
        unsigned mask = (unsigned)_mm_movemask_epi8(bad);
        if (mask)
            return at + (size_t)__builtin_ctz(mask);
    }
#endif
    return octets_span(p, at, n, OCTET_TEXT);
}

#endif
