#ifndef HTTP_SCAN_LINE_H
#define HTTP_SCAN_LINE_H

/*
 * scan_line: the scanner's judgement of single lines.
 *
 * A line is bytes[line .. end) of a section, without its CR LF and known to hold no control byte
 * but tabs. Slices are kept as offsets from `bytes` until the section is settled. Floor: http;
 * private to the scanner.
 */

#include "http/scanner.h"

/* Where the scanner is in its section. */
enum { SCAN_START, SCAN_FIELDS, SCAN_TRAILERS };

/* What the fields of a head have said so far. */
enum {
    SAID_HOST = 1,
    SAID_LENGTH = 2,
    SAID_CHUNKED = 4,
    SAID_CLOSE = 8,
    SAID_KEEP_ALIVE = 16,
    SAID_UPGRADE = 32,       /* Connection: upgrade */
    SAID_UPGRADE_FIELD = 64, /* Upgrade: anything */
    SAID_DOUBTFUL = 128,     /* a name as long as a framing field's, with its first letter */
};

int proa__http_scan_request_line(struct http_scanner *s, const char *bytes, size_t line,
                                 size_t end);
int proa__http_scan_status_line(struct http_scanner *s, const char *bytes, size_t line, size_t end);
int proa__http_scan_field(struct http_scanner *s, const char *bytes, size_t line, size_t end,
                          size_t n);

/* The head's empty line has come: what must hold of all its fields together. */
int proa__http_scan_head_end(struct http_scanner *s, const char *bytes);

/* Whether a name could be that of a field that frames a body, told by length and first letter
 * alone. */
static inline bool scan_may_frame(struct proa_str name)
{
    return (name.n == sizeof "Content-Length" - 1 && (name.p[0] | 0x20) == 'c') ||
           (name.n == sizeof "Transfer-Encoding" - 1 && (name.p[0] | 0x20) == 't');
}

/* A slice of bytes that may still move. */
static inline struct proa_str scan_slice(size_t from, size_t end)
{
    return (struct proa_str){(const char *)(uintptr_t)from, end - from};
}

static inline struct proa_str scan_settled(struct proa_str s, const char *to)
{
    return (struct proa_str){to + (uintptr_t)s.p, s.n};
}

/*
 * Fail with `rc`, saying `words`, the place and, escaped, at most 64 of the bytes p[at .. n) that
 * stand there. Returns rc.
 */
int proa__http_refuse(int rc, const char *words, const char *p, size_t at, size_t n)
    __attribute__((cold));

#endif
