#ifndef HTTP_PARSER_H
#define HTTP_PARSER_H

/*
 * parser: a message from bytes, one step at a time.
 *
 *   begin --> HEAD --> BODY ... BODY --> END --> begin
 *         (INTERIM)*
 *
 * Our scanner reads a head first and completely, then llhttp reads it too (second.h) and must find
 * the same framing, or the message is refused. Bodies never reach llhttp: their framing is settled,
 * and 8.1.0 refuses legal chunk extensions. So nothing is ever paused, resumed or called back in
 * the middle of a body.
 *
 * Nothing is read beyond END: what follows in the input belongs to the next message. A parser that
 * failed stays failed. An idle connection needs none: get one with the first byte, give it back
 * after END.
 * Floor: http. No I/O.
 */

#include "http/chunk.h"
#include "http/scanner.h"

enum http_event {
    HTTP_NEED_MORE = 0, /* all input is used up; or the body goes on and there is no room */
    HTTP_HEAD,          /* parser->head is complete: the final one */
    HTTP_INTERIM, /* a 1xx response came; parser->head describes it until the next feed. May be
                     ignored. */
    HTTP_BODY,    /* body bytes, a slice of the input */
    HTTP_END,     /* the message is complete, trailers included */
};

enum http_parser_state {
    HTTP_STATE_HEAD = 0,
    HTTP_STATE_INTERIM, /* an interim head was told; the next one follows */
    HTTP_STATE_LENGTH,
    HTTP_STATE_CHUNKED,
    HTTP_STATE_TRAILERS,
    HTTP_STATE_EOF,
    HTTP_STATE_DONE,
    HTTP_STATE_FAILED,
};

/* What a response answers; decides what its body is. */
struct http_asked {
    bool head;    /* HEAD: a head without body */
    bool connect; /* CONNECT: success has no body, a tunnel follows */
    bool upgrade; /* an Upgrade was sent, so 101 is a final answer, else an error */
};

struct http_parser {
    struct http_head *head; /* in the arena; stays valid with it, after END too */
    struct arena *arena;
    struct http_scanner scan;
    struct http_chunks chunks;
    char *held; /* an unfinished head or trailer section; NULL nearly always */
    size_t held_n;
    size_t held_size;
    uint64_t body_limit;
    uint64_t body_n;  /* body bytes handed out so far */
    uint32_t interim; /* interim responses so far */
    int failure;      /* what every further feed answers */
    struct http_asked asked;
    uint8_t state; /* enum http_parser_state */
};

/*
 * Begin a message, in zeroed memory or in a parser that was used before. `limits` and `arena` must
 * outlive it; its head and fields are allocated there. PROA_ENOMEM.
 */
int proa__http_parser_begin_request(struct http_parser *p, const struct http_limits *limits,
                                    struct arena *arena);
int proa__http_parser_begin_response(struct http_parser *p, const struct http_limits *limits,
                                     struct arena *arena, struct http_asked asked);

/* Free what the parser holds; zeroed memory is legal. */
void proa__http_parser_fini(struct http_parser *p);

/*
 * Take input up to the next event. `*ret_used` says how many of the `n` bytes are done with, also
 * on failure. At most `room` body bytes are handed out, in `*ret_body` with HTTP_BODY.
 *
 * Returns an enum http_event, or a code of this floor (proa__http_status_of has the status), or
 * PROA_ENOMEM. After an event call again with the rest, even if it is empty: END needs no further
 * byte.
 */
int proa__http_parser_feed(struct http_parser *p, const char *bytes, size_t n, size_t room,
                           size_t *ret_used, struct proa_str *ret_body);

/*
 * The input has ended. HTTP_END: that is how this body ends, or it was complete. HTTP_NEED_MORE: no
 * message had begun. PROA_EHTTPSHORT: it was cut off.
 */
int proa__http_parser_finish(struct http_parser *p);

/*
 * Bound the body, between HEAD and the first BODY; limits->body_bytes holds without this call. A
 * declared length beyond it fails here with PROA_EHTTPBODYSIZE (after HEAD, feed does the same),
 * before anything of the body is read.
 */
int proa__http_parser_limit_body(struct http_parser *p, uint64_t limit);

/* Nothing of a message has come yet, empty lines aside: an idle connection may be closed without a
 * word. */
bool proa__http_parser_idle(const struct http_parser *p);

#endif
