#include "base/check.h"
#include "base/fail.h"
#include "client/connection.h"
#include "core/loop.h"
#include "net/stream.h"

#include <proa/err.h>
#include <proa/scope.h>
#include <proa/time.h>

/* ---- waiting ---- */

int proa__connection_wait(struct proa_connection *c, unsigned dir, int64_t ns, int late,
                          const char *what)
{
    int rc;

    if (ns == PROA_FOREVER)
        return proa__stream_wait(c->stream, dir);
    PROA_TIMEOUT(t, ns);
    rc = proa_timeout_result(&t, proa__stream_wait(c->stream, dir));
    if (rc == PROA_ETIMEDOUT)
        return proa__fail(late, "%.*s: %s for %lld ms", PROA_PRI(c->origin.authority), what,
                          (long long)(ns / PROA_MS));
    return rc;
}

/* Wait for more of the response that is being received. */
static int wait_response(struct proa_connection *c)
{
    bool first = c->times.first_byte == 0;

    if (first && c->opts.first_timeout != PROA_FOREVER)
        return proa__connection_wait(c, STREAM_READ, c->opts.first_timeout, PROA_EFIRSTBYTETIMEDOUT,
                                     "no response");
    return proa__connection_wait(c, STREAM_READ, c->opts.read_timeout, PROA_EREADTIMEDOUT,
                                 first ? "no response" : "no further byte of the response");
}

static int lost(struct proa_connection *c, int rc)
{
    if (rc != PROA_ECANCELED && rc != PROA_EBUSY && rc != PROA_ENOMEM)
        c->broken = true;
    return rc;
}

/* Read from the stream, waiting: > 0, 0 at its end, or a code. */
static ssize_t read_some(struct proa_connection *c, void *buf, size_t n)
{
    for (;;) {
        ssize_t got = proa__stream_try_read(c->stream, buf, n);
        if (got > 0) {
            c->received += (uint64_t)got;
            if (!c->times.first_byte)
                c->times.first_byte = proa__loop_now(c->loop);
            return got;
        }
        if (got != PROA_EAGAIN)
            return got;
        int rc = wait_response(c);
        if (rc < 0)
            return rc;
    }
}

/* ---- heads ---- */

/* The message is complete: on to the next. */
static void end_message(struct proa_connection *c)
{
    c->state = CONNECTION_IDLE;
    c->served++;
    c->times.complete = proa__loop_now(c->loop);
    if (!proa__stream_buffered(c->stream).n)
        proa__stream_read_done(c->stream);
}

/* Bytes beyond what the parser took: they stay for the next read. */
static int keep(struct proa_connection *c, const char *bytes, size_t n)
{
    if (!n)
        return 0;
    int rc = proa__stream_unread(c->stream, bytes, n);
    if (rc < 0)
        c->broken = true;
    return rc;
}

static int got_head(struct proa_connection *c, struct proa_reply *ret)
{
    struct http_head *head = c->parser.head;

    c->asked_at = (c->asked_at + 1) % c->asked_room;
    c->asked_n--;
    c->last = c->last || !head->keep_alive;
    *ret = (struct proa_reply){
        .status = head->status,
        .version_minor = head->minor,
        .reason = head->reason,
        .headers = &head->headers,
        .length = head->framing == HTTP_FRAMING_NONE ? 0 : head->length,
        .keep_alive = head->keep_alive,
    };
    c->state = CONNECTION_BODY;
    if (head->framing == HTTP_FRAMING_NONE)
        end_message(c);
    return 0;
}

static int begin_head(struct proa_connection *c)
{
    uint8_t asked = c->asked[c->asked_at];

    proa__arena_reset(&c->arena);
    int rc = proa__http_parser_begin_response(
        &c->parser, &c->limits, &c->arena,
        (struct http_asked){.head = asked & ASKED_HEAD, .connect = asked & ASKED_CONNECT});
    if (rc == 0)
        c->state = CONNECTION_HEAD;
    return rc;
}

/* What the end of the stream means while a head is due. */
static int ended_early(struct proa_connection *c)
{
    c->broken = true;
    if (proa__http_parser_idle(&c->parser))
        return proa__fail(PROA_EEOF, "%.*s closed the connection without a response",
                          PROA_PRI(c->origin.authority));
    return proa__fail(PROA_EHTTPSHORT, "%.*s closed the connection inside the head of a response",
                      PROA_PRI(c->origin.authority));
}

/* Feed bytes until a head is complete: HTTP_HEAD, HTTP_INTERIM, HTTP_NEED_MORE or a code; `*used`
 * is counted up. */
static int feed_head(struct proa_connection *c, const char *bytes, size_t n, size_t *used)
{
    struct proa_str body;
    int event = proa__http_parser_feed(&c->parser, bytes, n, 0, used, &body);

    if (event < 0)
        c->broken = true;
    return event;
}

/* One step towards a head, from the stream's buffer or from the kernel. */
static int step_head(struct proa_connection *c)
{
    struct proa_str in = proa__stream_buffered(c->stream);
    size_t used = 0;
    int event;

    if (in.n) {
        if (!c->times.first_byte)
            c->times.first_byte = proa__loop_now(c->loop);
        event = feed_head(c, in.p, in.n, &used);
        proa__stream_consume(c->stream, used);
        return event;
    }
    size_t size;
    char *scratch = proa__loop_scratch(c->loop, &size);
    ssize_t n = read_some(c, scratch, size);
    if (n < 0)
        return lost(c, (int)n);
    if (n == 0)
        return ended_early(c);
    event = feed_head(c, scratch, (size_t)n, &used);
    if (event < 0)
        return event;
    int rc = keep(c, scratch + used, (size_t)n - used);
    return rc < 0 ? rc : event;
}

int proa_connection_receive(struct proa_connection *c, struct proa_reply *ret)
{
    int event;

    PROA_CHECK_OBJ(c, MAGIC_CONNECTION);
    if (c->state == CONNECTION_BODY) {
        int rc = proa_connection_skip(c, NULL);
        if (rc < 0)
            return rc;
    }
    if (c->broken)
        return proa__fail(PROA_ECLOSED, "the connection to %.*s failed before",
                          PROA_PRI(c->origin.authority));
    if (!c->asked_n)
        return proa__fail(PROA_EINVAL, "no request was sent that has no response yet");
    if (c->state == CONNECTION_IDLE) {
        int rc = begin_head(c);
        if (rc < 0)
            return rc;
    }
    do
        event = step_head(c);
    while (event == HTTP_NEED_MORE || event == HTTP_INTERIM);
    return event < 0 ? event : got_head(c, ret);
}

int proa__connection_await_continue(struct proa_connection *c, int64_t ns)
{
    int event;

    if (c->state == CONNECTION_IDLE) {
        int rc = begin_head(c);
        if (rc < 0)
            return rc;
    }
    while (!proa__stream_buffered(c->stream).n) {
        PROA_TIMEOUT(t, ns);
        ssize_t n = proa__stream_fill(c->stream, 16384);
        if (n == PROA_EAGAIN)
            n = proa_timeout_result(&t, proa__stream_wait(c->stream, STREAM_READ));
        else if (n == 0)
            return ended_early(c);
        if (n == PROA_ETIMEDOUT)
            return 1;
        if (n < 0)
            return lost(c, (int)n);
    }
    do {
        struct proa_str in = proa__stream_buffered(c->stream);
        size_t used = 0;
        struct proa_str body;
        /* Only an interim response may be taken here: a final head is parsed by receive. */
        if (!proa_str_starts(in, proa_str_sub(PROA_STR("HTTP/1.1 1"), 0, in.n)))
            return 0;
        event = proa__http_parser_feed(&c->parser, in.p, in.n, 0, &used, &body);
        proa__stream_consume(c->stream, used);
        if (event == HTTP_NEED_MORE) {
            ssize_t n = proa__stream_fill(c->stream, 16384);
            if (n == PROA_EAGAIN)
                n = wait_response(c);
            else if (n == 0)
                return ended_early(c);
            if (n < 0)
                return lost(c, (int)n);
        }
    } while (event == HTTP_NEED_MORE);
    if (event < 0) {
        c->broken = true;
        return event;
    }
    return event == HTTP_INTERIM ? 1 : 0;
}

/* ---- bodies ---- */

/* Hand out what lies in the stream's buffer. HTTP_BODY with *ret_n; HTTP_END; HTTP_NEED_MORE; or a
 * code. */
static int body_from_buffer(struct proa_connection *c, char *buf, size_t n, size_t *ret_n)
{
    struct proa_str in = proa__stream_buffered(c->stream);
    struct proa_str body = {0};
    size_t used = 0;
    int event = proa__http_parser_feed(&c->parser, in.p, in.n, n, &used, &body);

    if (event == HTTP_BODY && body.n)
        memcpy(buf, body.p, body.n);
    *ret_n = event == HTTP_BODY ? body.n : 0;
    proa__stream_consume(c->stream, used);
    return event;
}

/* Take the framing out of `got` bytes in buf, in place. Returns the body bytes, with *ret_event
 * what came last. */
static ssize_t unframe(struct proa_connection *c, char *buf, size_t got, size_t room,
                       int *ret_event)
{
    size_t at = 0;
    size_t out = 0;

    do {
        struct proa_str body;
        size_t used = 0;
        *ret_event = proa__http_parser_feed(&c->parser, buf + at, got - at, room - out, &used,
                                            &body);
        if (*ret_event == HTTP_BODY) {
            memmove(buf + out, body.p, body.n);
            out += body.n;
        }
        at += used;
    } while (*ret_event == HTTP_BODY && at < got);
    if (*ret_event < 0)
        return *ret_event;
    int rc = keep(c, buf + at, got - at);
    return rc < 0 ? rc : (ssize_t)out;
}

static int finish_body(struct proa_connection *c)
{
    int event = proa__http_parser_finish(&c->parser);

    c->last = true;
    if (event != HTTP_END) {
        c->broken = true;
        return proa__fail(PROA_EHTTPSHORT,
                          "%.*s closed the connection after %llu bytes of the body",
                          PROA_PRI(c->origin.authority), (unsigned long long)c->parser.body_n);
    }
    end_message(c);
    return 0;
}

static ssize_t body_from_stream(struct proa_connection *c, char *buf, size_t n)
{
    int event;
    ssize_t got = read_some(c, buf, n);

    if (got < 0)
        return lost(c, (int)got);
    if (got == 0)
        return finish_body(c);
    got = unframe(c, buf, (size_t)got, n, &event);
    if (got < 0)
        c->broken = true;
    else if (event == HTTP_END)
        end_message(c);
    return got;
}

ssize_t proa_connection_read(struct proa_connection *c, void *buf, size_t n)
{
    PROA_CHECK_OBJ(c, MAGIC_CONNECTION);
    while (c->state == CONNECTION_BODY && n) {
        size_t some = 0;
        if (c->broken)
            return proa__fail(PROA_ECLOSED, "the connection to %.*s failed before",
                              PROA_PRI(c->origin.authority));
        int event = body_from_buffer(c, buf, n, &some);
        if (event < 0) {
            c->broken = true;
            return event;
        }
        if (event == HTTP_END) {
            end_message(c);
            return 0;
        }
        if (some)
            return (ssize_t)some;
        ssize_t got = body_from_stream(c, buf, n);
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

    while ((n = proa_connection_read(c, scratch, size)) > 0) {
        total += (uint64_t)n;
        if (ret_n)
            *ret_n = total;
    }
    if (ret_n)
        *ret_n = total;
    return (int)n;
}
