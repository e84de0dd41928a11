#ifndef HTTP_SCANNER_H
#define HTTP_SCANNER_H

/*
 * scanner: the strict reading of a head, done before any other parser sees it.
 *
 * Every accepted head has one meaning: each line ends in CR LF and only there, nothing is folded,
 * the start line has its three parts and two single spaces, names are tokens that touch their
 * colon, values hold no control byte, and what frames the body is said once, in one way. Whatever
 * two parsers could read differently is an error here, so requests cannot be smuggled past us or
 * through us. Bytes are looked at once; the input may be cut anywhere.
 *
 *   start line --> field line --> field line ... --> empty line: head complete
 *
 * The caller keeps the bytes of an unfinished head together and shows them again from their
 * beginning, longer; the scanner goes on where it stopped. What it finds is kept as offsets from
 * the first byte, because that byte may still move; proa__http_scan_settle turns them into slices.
 * The trailers of a chunked body are read the same way, as a second section. Floor: http. No I/O,
 * no allocation but from the arena.
 */

#include "http/headers.h"
#include "http/limits.h"

#include <proa/str.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

enum http_side {
    HTTP_SIDE_REQUEST = 1, /* we are a server: heads are requests */
    HTTP_SIDE_RESPONSE = 2,
};

/* How the end of the body is found. */
enum http_framing {
    HTTP_FRAMING_NONE = 0, /* no body */
    HTTP_FRAMING_LENGTH,   /* Content-Length, in head.length */
    HTTP_FRAMING_CHUNKED,
    HTTP_FRAMING_EOF, /* responses only: up to the end of the stream */
};

enum http_target_form {
    HTTP_TARGET_ORIGIN = 1, /* /path?query */
    HTTP_TARGET_ABSOLUTE,   /* http://host/path?query */
    HTTP_TARGET_AUTHORITY,  /* host:port, CONNECT only */
    HTTP_TARGET_ASTERISK,   /* *, OPTIONS only */
};

enum http_expect {
    HTTP_EXPECT_NONE = 0,
    HTTP_EXPECT_CONTINUE, /* 100-continue */
    HTTP_EXPECT_OTHER,    /* answer 417 */
};

/*
 * What a head says. Slices point into one copy of the head in the arena, headers and trailers too.
 * Valid until: the arena is reset.
 */
struct http_head {
    struct proa_str method;    /* requests: as sent, one of the methods we know */
    struct proa_str target;    /* requests: as sent */
    struct proa_str authority; /* of the target, absolute and authority form; else empty */
    struct proa_str path;  /* undecoded, begins with '/'; "*" in asterisk form; empty for CONNECT */
    struct proa_str query; /* undecoded, without '?' */
    struct proa_str host;  /* authority if there is one, else the value of Host */
    struct proa_str reason; /* responses */
    struct proa_headers headers;
    struct proa_headers trailers; /* complete when the message is; never merged into headers */
    int64_t length;               /* of the body; -1: not known before its end */
    int status;                   /* responses: 100 .. 599 */
    uint8_t method_id;            /* requests: enum proa_method */
    uint8_t form;                 /* requests: enum http_target_form */
    uint8_t minor;                /* HTTP/1.minor: 0 or 1 */
    uint8_t framing;              /* enum http_framing */
    uint8_t expect;               /* requests: enum http_expect; never set in HTTP/1.0 */
    bool keep_alive;              /* the connection may carry another message after this one */
    bool upgrade; /* the peer offers (request) or makes (101) a change of protocol */
};

/* State between two looks at a growing section: the head, later the trailers. */
struct http_scanner {
    const struct http_limits *limits;
    struct http_head *head;
    struct proa_headers *fields; /* the head's headers, or trailers */
    uint32_t at;                 /* bytes of the section checked so far */
    uint32_t line;               /* where its unfinished line begins */
    uint32_t n_fields; /* of the message so far, trailers and interim responses included */
    uint32_t bytes;    /* of finished lines so far, likewise */
    uint16_t said;     /* bits of scan_field.c: what framing fields and Connection said */
    uint8_t side;
    uint8_t part;  /* start line, fields or trailers */
    uint8_t empty; /* leading empty lines skipped */
};

/* Begin a message. `head` is made empty; its fields will be allocated from `arena`. PROA_ENOMEM. */
int proa__http_scan_begin(struct http_scanner *s, enum http_side side,
                          const struct http_limits *limits, struct arena *arena,
                          struct http_head *head);

/* An interim head is done with: begin the next one of the same message, with what is left of the
 * limits. */
int proa__http_scan_again(struct http_scanner *s, struct arena *arena);

/* The last chunk is done with: begin its trailer section. PROA_ENOMEM. */
int proa__http_scan_trailers(struct http_scanner *s, struct arena *arena);

/*
 * Look at the `n` bytes that the section has so far; the first s->at are the same as before, though
 * they may have moved. Returns 1 when the section is complete (`*ret_n` bytes long, its empty line
 * included), 0 when more is needed, a code of this floor when it is refused, or PROA_ENOMEM.
 */
int proa__http_scan(struct http_scanner *s, const char *bytes, size_t n, size_t *ret_n);

/* The section now stands at `to` for good, `n` bytes: turn what was kept as offsets into slices. */
void proa__http_scan_settle(struct http_scanner *s, const char *to);

/* Nothing but leading empty lines has come yet. */
bool proa__http_scan_idle(const struct http_scanner *s);

#endif
