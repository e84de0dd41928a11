#include "http/chunk.h"

#include "base/ascii.h"
#include "http/octets.h"
#include "http/scan_line.h"

#include <proa/err.h>

#include <string.h>

enum {
    SIZE_FIRST, /* the first digit */
    SIZE,
    NAME_FIRST, /* of an extension */
    NAME,
    VALUE_FIRST,
    VALUE,
    QUOTED,
    QUOTED_PAIR, /* behind a backslash */
    QUOTED_END,
    SIZE_LF,
    DATA,
    DATA_CR, /* behind the data */
    DATA_LF,
};

/* Every chunk may cost this much and twice its data; what is more is counted. */
enum { FREE_OVERHEAD = 16 };

void proa__http_chunks_begin(struct http_chunks *c)
{
    memset(c, 0, sizeof *c);
}

void proa__http_chunks_took(struct http_chunks *c, size_t n)
{
    c->left -= n;
    if (c->left == 0)
        c->state = DATA_CR;
}

/* The byte `b` of a size. False: there are too many digits. */
static bool take_digit(struct http_chunks *c, const struct http_limits *limits, int digit)
{
    if (c->digits > 0 || digit > 0)
        c->digits++;
    if (c->digits > limits->chunk_size_digits)
        return false;
    c->left = c->left << 4 | (uint64_t)digit;
    c->state = SIZE;
    return true;
}

/* What may follow a whole size, a whole extension name, a whole value. -1: not this. */
static int after(char b)
{
    return b == '\r' ? SIZE_LF : b == ';' ? NAME_FIRST : -1;
}

/* The state after the byte `b` of an extension, -1 if it may not stand there. */
static int take_extension(unsigned state, char b)
{
    switch (state) {
    case NAME_FIRST:
        return octet_is(b, OCTET_TOKEN) ? NAME : -1;
    case NAME:
        return octet_is(b, OCTET_TOKEN) ? NAME : b == '=' ? VALUE_FIRST : after(b);
    case VALUE_FIRST: /* an empty value is malformed, harmless, and sent by some */
        return b == '"' ? QUOTED : octet_is(b, OCTET_TOKEN) ? VALUE : after(b);
    case VALUE:
        return octet_is(b, OCTET_TOKEN) ? VALUE : after(b);
    case QUOTED:
        return b == '"'                    ? QUOTED_END
               : b == '\\'                 ? QUOTED_PAIR
               : octet_is(b, OCTET_QUOTED) ? QUOTED
                                           : -1;
    case QUOTED_PAIR:
        return octet_is(b, OCTET_TEXT) ? QUOTED : -1;
    default: /* QUOTED_END */
        return after(b);
    }
}

/* The size line is whole: settle what it announces. */
static int end_line(struct http_chunks *c, const struct http_limits *limits, uint64_t body_limit,
                    const char *bytes, size_t at)
{
    uint64_t paid = FREE_OVERHEAD + 2 * (c->left < UINT32_MAX ? c->left : UINT32_MAX);
    uint64_t cost = c->excess + c->line_n + 2;

    c->excess = cost > paid ? cost - paid : 0;
    if (c->excess > limits->chunk_overhead_bytes)
        return proa__http_refuse(PROA_EHTTPBODYSIZE, "more chunk overhead than data", bytes, at,
                                 at);
    if (c->left > INT64_MAX || c->left > body_limit || c->total > body_limit - c->left)
        return proa__http_refuse(PROA_EHTTPBODYSIZE, "body too large", bytes, at, at);
    c->total += c->left;
    c->line_n = 0;
    c->digits = 0;
    c->state = c->left ? DATA : SIZE_FIRST;
    return c->left ? HTTP_CHUNK_DATA : HTTP_CHUNK_TRAILERS;
}

/* One byte of framing. Returns whether it may stand here. */
static bool take_byte(struct http_chunks *c, const struct http_limits *limits, char b)
{
    int next;

    switch (c->state) {
    case SIZE_FIRST:
    case SIZE:
        if (ascii_hex(b) >= 0)
            return take_digit(c, limits, ascii_hex(b));
        next = c->state == SIZE ? after(b) : -1;
        break;
    case DATA_CR:
        next = b == '\r' ? DATA_LF : -1;
        break;
    case DATA_LF:
        next = b == '\n' ? SIZE_FIRST : -1;
        break;
    default:
        next = take_extension(c->state, b);
    }
    if (next >= 0)
        c->state = (uint8_t)next;
    return next >= 0;
}

int proa__http_chunks_feed(struct http_chunks *c, const struct http_limits *limits,
                           uint64_t body_limit, const char *bytes, size_t n, size_t *ret_used)
{
    size_t at = 0;

    if (c->state == DATA) {
        *ret_used = 0;
        return HTTP_CHUNK_DATA;
    }
    for (; at < n; at++) {
        *ret_used = at;
        if (c->state == SIZE_LF) {
            if (bytes[at] != '\n')
                return proa__http_refuse(PROA_EHTTPLINE, "CR without LF", bytes, at, n);
            *ret_used = at + 1;
            return end_line(c, limits, body_limit, bytes, at);
        }
        if (!take_byte(c, limits, bytes[at]))
            return proa__http_refuse(PROA_EHTTPCHUNK, "malformed chunk", bytes, at, n);
        if (c->state >= SIZE && c->state < SIZE_LF && ++c->line_n > limits->chunk_line_bytes)
            return proa__http_refuse(PROA_EHTTPCHUNK, "chunk line too long", bytes, at, n);
    }
    *ret_used = n;
    return HTTP_CHUNK_MORE;
}
