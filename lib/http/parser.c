#include "http/parser.h"

#include "base/arena.h"
#include "base/fail.h"
#include "base/mem.h"
#include "http/scan_line.h"
#include "http/second.h"

#include <proa/err.h>
#include <proa/http.h>

#include <string.h>

enum { HOLD_FIRST = 512 };

static int begin(struct http_parser *p, enum http_side side, const struct http_limits *limits,
                 struct arena *arena)
{
    proa__http_parser_fini(p);
    p->head = arena_alloc(arena, sizeof *p->head);
    if (!p->head)
        return PROA_ENOMEM;
    p->arena = arena;
    p->body_limit = limits->body_bytes;
    return proa__http_scan_begin(&p->scan, side, limits, arena, p->head);
}

int proa__http_parser_begin_request(struct http_parser *p, const struct http_limits *limits,
                                    struct arena *arena)
{
    return begin(p, HTTP_SIDE_REQUEST, limits, arena);
}

int proa__http_parser_begin_response(struct http_parser *p, const struct http_limits *limits,
                                     struct arena *arena, struct http_asked asked)
{
    int rc = begin(p, HTTP_SIDE_RESPONSE, limits, arena);

    p->asked = asked;
    return rc;
}

void proa__http_parser_fini(struct http_parser *p)
{
    proa__free(p->held);
    memset(p, 0, sizeof *p);
}

static int hold(struct http_parser *p, const char *bytes, size_t n)
{
    if (n == 0)
        return 0;
    if (p->held_n + n > p->held_size) {
        size_t size = p->held_size ? p->held_size : HOLD_FIRST;
        while (size < p->held_n + n)
            size *= 2;
        char *held = proa__realloc(p->held, size);
        if (!held)
            return PROA_ENOMEM;
        p->held = held;
        p->held_size = size;
    }
    memcpy(p->held + p->held_n, bytes, n);
    p->held_n += n;
    return 0;
}

static void drop_held(struct http_parser *p)
{
    proa__free(p->held);
    p->held = NULL;
    p->held_n = 0;
    p->held_size = 0;
}

/*
 * Scan on in the head or the trailers. 1: the section is complete, and stands in the arena from
 * `*ret` on. In the common case it is scanned where it was read, and copied once.
 */
static int read_section(struct http_parser *p, const char *bytes, size_t n, size_t *ret_used,
                        struct proa_str *ret)
{
    size_t before = p->held_n;
    size_t size;
    int rc = 0;

    *ret_used = n;
    if (before > 0)
        rc = hold(p, bytes, n);
    if (rc == 0)
        rc = before > 0 ? proa__http_scan(&p->scan, p->held, p->held_n, &size)
                        : proa__http_scan(&p->scan, bytes, n, &size);
    if (rc == 0 && before == 0)
        return hold(p, bytes, n);
    if (rc <= 0)
        return rc;

    char *copy = arena_alloc_aligned(p->arena, size, 1);
    if (!copy)
        return PROA_ENOMEM;
    memcpy(copy, before > 0 ? p->held : bytes, size);
    proa__http_scan_settle(&p->scan, copy);
    if (before > 0)
        drop_held(p);
    *ret_used = size - before;
    *ret = (struct proa_str){copy, size};
    return 1;
}

/* How a response's body ends: RFC 9112 6.3, and anything doubtful is refused already. */
static unsigned response_framing(const struct http_parser *p)
{
    const struct http_head *h = p->head;

    if (p->asked.head || h->status < 200 || h->status == 204 || h->status == 304 ||
        (p->asked.connect && h->status < 300))
        return HTTP_FRAMING_NONE;
    if (p->scan.said & SAID_CHUNKED)
        return HTTP_FRAMING_CHUNKED;
    return p->scan.said & SAID_LENGTH ? HTTP_FRAMING_LENGTH : HTTP_FRAMING_EOF;
}

static unsigned request_framing(const struct http_parser *p)
{
    if (p->scan.said & SAID_CHUNKED)
        return HTTP_FRAMING_CHUNKED;
    return p->scan.said & SAID_LENGTH ? HTTP_FRAMING_LENGTH : HTTP_FRAMING_NONE;
}

/* Go over to what the head says about the body. */
static void begin_body(struct http_parser *p, unsigned framing)
{
    static const uint8_t state[] = {
        [HTTP_FRAMING_NONE] = HTTP_STATE_DONE,
        [HTTP_FRAMING_LENGTH] = HTTP_STATE_LENGTH,
        [HTTP_FRAMING_CHUNKED] = HTTP_STATE_CHUNKED,
        [HTTP_FRAMING_EOF] = HTTP_STATE_EOF,
    };

    p->head->framing = (uint8_t)framing;
    p->state = state[framing];
    if (framing == HTTP_FRAMING_NONE)
        p->head->length = 0;
    if (framing == HTTP_FRAMING_EOF)
        p->head->keep_alive = false;
}

/* A 1xx answer: 101 is final if it was asked for, every other is told and forgotten. */
static int take_interim(struct http_parser *p)
{
    if (p->head->status == 101) {
        if (!p->asked.upgrade || !p->head->upgrade)
            return proa__fail(PROA_EHTTPSTATUSLINE, "101 without having been asked to switch");
        begin_body(p, HTTP_FRAMING_NONE);
        return HTTP_HEAD;
    }
    if (++p->interim > p->scan.limits->interim)
        return proa__fail(PROA_EHTTPINTERIM, "more than %u interim responses", p->interim - 1);
    p->state = HTTP_STATE_INTERIM;
    return HTTP_INTERIM;
}

static int feed_head(struct http_parser *p, const char *bytes, size_t n, size_t *ret_used)
{
    struct proa_str section;
    int rc = read_section(p, bytes, n, ret_used, &section);

    if (rc <= 0)
        return rc;
    rc = proa__http_second_opinion(&p->scan, section);
    if (rc < 0)
        return rc;
    if (p->scan.side == HTTP_SIDE_REQUEST) {
        begin_body(p, request_framing(p));
        return HTTP_HEAD;
    }
    if (p->head->status < 200)
        return take_interim(p);
    p->head->upgrade = p->asked.connect && p->head->status < 300;
    begin_body(p, response_framing(p));
    return HTTP_HEAD;
}

static int feed_next_head(struct http_parser *p, const char *bytes, size_t n, size_t *ret_used)
{
    int rc = proa__http_scan_again(&p->scan, p->arena);

    if (rc < 0)
        return rc;
    p->state = HTTP_STATE_HEAD;
    return feed_head(p, bytes, n, ret_used);
}

/* Hand out as much of the body as is there, wanted and `left`. */
static int give(struct http_parser *p, const char *bytes, size_t n, uint64_t left, size_t room,
                struct proa_str *ret_body)
{
    size_t k = n < room ? n : room;

    if (k > left)
        k = (size_t)left;
    if (k == 0)
        return HTTP_NEED_MORE;
    *ret_body = (struct proa_str){bytes, k};
    p->body_n += k;
    return HTTP_BODY;
}

static int feed_length(struct http_parser *p, const char *bytes, size_t n, size_t room,
                       size_t *ret_used, struct proa_str *ret_body)
{
    uint64_t length = (uint64_t)p->head->length;

    if (length > p->body_limit)
        return proa__http_parser_limit_body(p, p->body_limit);
    if (p->body_n == length) {
        p->state = HTTP_STATE_DONE;
        return HTTP_END;
    }
    int rc = give(p, bytes, n, length - p->body_n, room, ret_body);
    *ret_used = rc == HTTP_BODY ? ret_body->n : 0;
    return rc;
}

static int feed_eof(struct http_parser *p, const char *bytes, size_t n, size_t room,
                    size_t *ret_used, struct proa_str *ret_body)
{
    if (n > 0 && p->body_n == p->body_limit)
        return proa__fail(PROA_EHTTPBODYSIZE, "body larger than %llu bytes",
                          (unsigned long long)p->body_limit);
    int rc = give(p, bytes, n, p->body_limit - p->body_n, room, ret_body);
    *ret_used = rc == HTTP_BODY ? ret_body->n : 0;
    return rc;
}

static int feed_trailers(struct http_parser *p, const char *bytes, size_t n, size_t *ret_used)
{
    struct proa_str section;
    int rc = read_section(p, bytes, n, ret_used, &section);

    if (rc <= 0)
        return rc;
    p->state = HTTP_STATE_DONE;
    return HTTP_END;
}

static int feed_chunked(struct http_parser *p, const char *bytes, size_t n, size_t room,
                        size_t *ret_used, struct proa_str *ret_body)
{
    size_t used = 0;
    int rc = proa__http_chunks_feed(&p->chunks, p->scan.limits, p->body_limit, bytes, n, &used);

    *ret_used = used;
    if (rc == HTTP_CHUNK_DATA) {
        rc = give(p, bytes + used, n - used, p->chunks.left, room, ret_body);
        if (rc == HTTP_BODY) {
            proa__http_chunks_took(&p->chunks, ret_body->n);
            *ret_used = used + ret_body->n;
        }
        return rc;
    }
    if (rc != HTTP_CHUNK_TRAILERS)
        return rc;
    rc = proa__http_scan_trailers(&p->scan, p->arena);
    if (rc < 0)
        return rc;
    p->state = HTTP_STATE_TRAILERS;
    rc = feed_trailers(p, bytes + used, n - used, ret_used);
    *ret_used += used;
    return rc;
}

static int step(struct http_parser *p, const char *bytes, size_t n, size_t room, size_t *ret_used,
                struct proa_str *ret_body)
{
    switch (p->state) {
    case HTTP_STATE_INTERIM:
        return feed_next_head(p, bytes, n, ret_used);
    case HTTP_STATE_HEAD:
        return feed_head(p, bytes, n, ret_used);
    case HTTP_STATE_LENGTH:
        return feed_length(p, bytes, n, room, ret_used, ret_body);
    case HTTP_STATE_CHUNKED:
        return feed_chunked(p, bytes, n, room, ret_used, ret_body);
    case HTTP_STATE_TRAILERS:
        return feed_trailers(p, bytes, n, ret_used);
    case HTTP_STATE_EOF:
        return feed_eof(p, bytes, n, room, ret_used, ret_body);
    case HTTP_STATE_DONE:
        return HTTP_END;
    default:
        return p->failure;
    }
}

int proa__http_parser_feed(struct http_parser *p, const char *bytes, size_t n, size_t room,
                           size_t *ret_used, struct proa_str *ret_body)
{
    *ret_used = 0;
    *ret_body = (struct proa_str){0};

    int rc = step(p, n ? bytes : "", n, room, ret_used, ret_body);
    if (rc < 0) {
        p->failure = rc;
        p->state = HTTP_STATE_FAILED;
    }
    return rc;
}

int proa__http_parser_finish(struct http_parser *p)
{
    switch (p->state) {
    case HTTP_STATE_HEAD:
        if (proa__http_parser_idle(p))
            return HTTP_NEED_MORE;
        break;
    case HTTP_STATE_LENGTH:
        if (p->body_n < (uint64_t)p->head->length)
            break;
        return HTTP_END;
    case HTTP_STATE_EOF:
        p->state = HTTP_STATE_DONE;
        return HTTP_END;
    case HTTP_STATE_DONE:
        return HTTP_END;
    case HTTP_STATE_FAILED:
        return p->failure;
    default:
        break;
    }
    p->failure = proa__fail(PROA_EHTTPSHORT, "the message ended after %llu bytes of its body",
                            (unsigned long long)p->body_n);
    p->state = HTTP_STATE_FAILED;
    return p->failure;
}

int proa__http_parser_limit_body(struct http_parser *p, uint64_t limit)
{
    p->body_limit = limit;
    if (p->head->framing != HTTP_FRAMING_LENGTH || (uint64_t)p->head->length <= limit)
        return 0;
    p->failure = proa__fail(PROA_EHTTPBODYSIZE, "body of %lld bytes, at most %llu are taken",
                            (long long)p->head->length, (unsigned long long)limit);
    p->state = HTTP_STATE_FAILED;
    return p->failure;
}

bool proa__http_parser_idle(const struct http_parser *p)
{
    return p->state == HTTP_STATE_HEAD && p->interim == 0 && proa__http_scan_idle(&p->scan);
}
