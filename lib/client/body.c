#include "base/check.h"
#include "base/fail.h"
#include "client/connection.h"
#include "core/loop.h"
#include "net/stream.h"

#include <proa/err.h>

/*
 * Take the framing out of `n` bytes at `from`; the body's own bytes go to `to`, which may be `from`
 * itself, at most `room` of them. A body that is complete ends here, not at the next call, and what
 * came before an error is handed out before it. Returns the body bytes, or a code.
 */
static ssize_t unframe(struct proa_connection *c, struct proa_str from, char *to, size_t room,
                       size_t *ret_used, bool *ret_end)
{
    size_t out = 0;
    int event;

    *ret_used = 0;
    do {
        struct proa_str body;
        size_t used;
        event = proa__http_parser_feed(&c->parser, from.p + *ret_used, from.n - *ret_used,
                                       room - out, &used, &body);
        if (event == HTTP_BODY) {
            memmove(to + out, body.p, body.n);
            out += body.n;
        }
        *ret_used += used;
    } while (event == HTTP_BODY);
    *ret_end = event == HTTP_END;
    if (event < 0 && !out) {
        c->broken = true;
        return event;
    }
    return (ssize_t)out;
}

static ssize_t from_buffer(struct proa_connection *c, char *buf, size_t n)
{
    struct proa_str in = proa__stream_buffered(c->stream);
    size_t used;
    bool end;
    ssize_t out = unframe(c, in.n ? in : PROA_STR(""), buf, n, &used, &end);

    proa__stream_consume(c->stream, used);
    if (end)
        proa__connection_end_message(c);
    return out;
}

/* The stream ended inside a body, or with it. */
static int finish(struct proa_connection *c)
{
    int event = proa__http_parser_finish(&c->parser);

    if (event == HTTP_END) {
        proa__connection_end_message(c);
        return 0;
    }
    c->broken = true;
    return proa__fail(PROA_EHTTPSHORT, "%.*s closed the connection after %llu bytes of the body",
                      PROA_PRI(c->origin.authority), (unsigned long long)c->parser.body_n);
}

/* > 0; 0: none of these bytes was the body's, or it ended; PROA_EAGAIN; or a code. */
static ssize_t from_carrier(struct proa_connection *c, char *buf, size_t n)
{
    size_t used;
    bool end;
    ssize_t got = proa__stream_try_read(c->stream, buf, n);

    if (got == 0)
        return finish(c);
    if (got < 0)
        return got == PROA_EAGAIN ? got : proa__connection_lost(c, (int)got);
    c->received += (uint64_t)got;
    ssize_t out = unframe(c, proa_str_make(buf, (size_t)got), buf, n, &used, &end);
    if (out < 0)
        return out;
    int rc = end ? proa__connection_keep(c, buf + used, (size_t)got - used) : 0;
    if (rc < 0)
        return rc;
    if (end)
        proa__connection_end_message(c);
    return out;
}

ssize_t proa_connection_read(struct proa_connection *c, void *buf, size_t n)
{
    PROA_CHECK_OBJ(c, MAGIC_CONNECTION);
    while (c->state == CONNECTION_BODY && n) {
        if (c->broken)
            return proa__connection_is_broken(c);
        ssize_t got = from_buffer(c, buf, n);
        if (got == 0 && c->state == CONNECTION_BODY)
            got = from_carrier(c, buf, n);
        if (got == PROA_EAGAIN)
            got = proa__connection_lost(c, proa__connection_wait_response(c));
        if (got != 0)
            return got;
    }
    return 0;
}

int proa_connection_skip(struct proa_connection *c, uint64_t *ret_n)
{
    uint64_t total = 0;
    size_t size;
    char *scratch = proa__loop_scratch(c->loop, &size); /* nothing is kept in it while we wait */
    ssize_t n;

    while ((n = proa_connection_read(c, scratch, size)) > 0)
        total += (uint64_t)n;
    if (ret_n)
        *ret_n = total;
    return (int)n;
}
