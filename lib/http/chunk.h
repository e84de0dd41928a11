#ifndef HTTP_CHUNK_H
#define HTTP_CHUNK_H

/*
 * chunk: the framing of a chunked body, taken off.
 *
 *   size --> data --> CR LF --> size ... --> "0" CR LF --> trailer lines --> empty line
 *
 * Strict: hexadecimal digits and nothing else, extensions by their grammar and bounded, CR LF
 * everywhere. A size line is never kept: it is read byte by byte in a few bytes of state, data goes
 * by in slices. Trailer lines are the caller's to collect.
 * Floor: http.
 */

#include "http/limits.h"

#include <stddef.h>
#include <stdint.h>

enum http_chunk_step {
    HTTP_CHUNK_MORE = 0, /* all input used */
    HTTP_CHUNK_DATA,     /* data comes next: c->left bytes of it, the caller takes them */
    HTTP_CHUNK_TRAILERS, /* the last chunk's line is done: trailer lines follow */
};

struct http_chunks {
    uint64_t left;   /* data bytes of this chunk still to come; its size while that is read */
    uint64_t total;  /* data bytes announced so far */
    uint64_t excess; /* overhead bytes that chunks and their data do not pay for */
    uint32_t line_n; /* bytes of this size line so far */
    uint8_t digits;  /* significant digits of this size so far */
    uint8_t state;
};

void proa__http_chunks_begin(struct http_chunks *c);

/*
 * Use up framing bytes, none of what follows a step. Returns a step, or a code and where it was
 * found in `*ret_used`. `body_limit` bounds the data of all chunks together, checked before any of
 * it is handed out.
 */
int proa__http_chunks_feed(struct http_chunks *c, const struct http_limits *limits,
                           uint64_t body_limit, const char *bytes, size_t n, size_t *ret_used);

/* The caller took `n` <= c->left data bytes. */
void proa__http_chunks_took(struct http_chunks *c, size_t n);

#endif
