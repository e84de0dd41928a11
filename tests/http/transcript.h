#ifndef TEST_HTTP_TRANSCRIPT_H
#define TEST_HTTP_TRANSCRIPT_H

/*
 * transcript: what the parser makes of a stream of bytes, as lines of text that can be compared.
 *
 *     head GET /x HTTP/1.1 length=5 keep      or: head 200 HTTP/1.1 chunked close
 *     field Host: a                           (if asked for)
 *     body hello
 *     trailer X: y
 *     end
 *     fail PROA_EHTTPHOST 400
 *
 * The lines do not depend on how the input was cut, how little room the body had, or where the
 * bytes lay.
 */

#include "http/parser.h"

#include <proa/buf.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the input is cut into pieces. */
enum cut {
    CUT_WHOLE,
    CUT_BYTES,     /* one by one */
    CUT_RANDOM,    /* by seed, pieces of 1 to 40 bytes */
    CUT_SMALL_ROOM /* whole, but body bytes are taken three at a time */
};

struct transcript_opts {
    const struct http_limits *limits; /* NULL: the side's own */
    struct http_asked asked;
    bool response;
    bool eof;    /* the input ends: finish is called */
    bool fields; /* list them */
    enum cut cut;
    uint64_t seed;
};

/* Parse message after message and append the lines to `out`. */
void transcript(struct proa_buf *out, const char *bytes, size_t n,
                const struct transcript_opts *opts);

/* Append text in which everything but visible ASCII and space is escaped as in C. */
void transcript_escape(struct proa_buf *out, struct proa_str text);

#endif
