#include "base/check.h"
#include "base/fail.h"
#include "client/connection.h"
#include "core/loop.h"
#include "net/stream.h"

#include <proa/err.h>
#include <proa/scope.h>
#include <proa/time.h>

/* ---- waiting ---- */

/* Wait for bytes while there is time `left` of `limit`. */
static int wait_bytes(struct proa_connection *c, int64_t left, int64_t limit, int late)
{
    if (limit == PROA_FOREVER)
        return proa__stream_wait(c->stream, STREAM_READ);
    PROA_TIMEOUT(t, left);
    int rc = proa_timeout_result(&t, proa__stream_wait(c->stream, STREAM_READ));
    if (rc == PROA_ETIMEDOUT)
        return proa__fail(late, "%.*s: %s for %lld ms", PROA_PRI(c->origin.authority),
                          late == PROA_EREADTIMEDOUT ? "no further byte of the response came"
                                                     : "no response came",
                          (long long)(limit / PROA_MS));
    return rc;
}

/* The time until the first byte began when the request was sent, or when the response before it
 * ended. */
static int64_t first_time_left(const struct proa_connection *c)
{
    int64_t since = c->times.send_end > c->due ? c->times.send_end : c->due;

    return proa_time_add(since, c->opts.first_timeout) - proa__loop_now(c->loop);
}

int proa__connection_wait_response(struct proa_connection *c)
{
    if (c->state == CONNECTION_HEAD && proa__http_parser_idle(&c->parser))
        return wait_bytes(c, first_time_left(c), c->opts.first_timeout, PROA_EFIRSTBYTETIMEDOUT);
    return wait_bytes(c, c->opts.read_timeout, c->opts.read_timeout, PROA_EREADTIMEDOUT);
}

int proa__connection_lost(struct proa_connection *c, int rc)
{
    if (rc < 0 && rc != PROA_ECANCELED && rc != PROA_EBUSY && rc != PROA_ENOMEM)
        c->broken = true;
    return rc;
}

int proa__connection_is_broken(const struct proa_connection *c)
{
    return proa__fail(PROA_ECLOSED, "the connection to %.*s failed before",
                      PROA_PRI(c->origin.authority));
}

void proa__connection_end_message(struct proa_connection *c)
{
    c->state = CONNECTION_IDLE;
    c->times.complete = proa__loop_now(c->loop);
    /* The stream stays readable, though the message was all that came: a reset in the same edge has
     * no sign of its own (core/io.h). Whoever keeps the connection tries to read once more
     * (proa_connection_reusable); whoever sends the next request at once saves that call. */
}

int proa__connection_keep(struct proa_connection *c, const char *bytes, size_t n)
{
    if (!n)
        return 0;
    int rc = proa__stream_unread(c->stream, bytes, n);
    if (rc < 0)
        c->broken = true; /* they are lost */
    return rc;
}

/* ---- heads ---- */

static int begin_head(struct proa_connection *c)
{
    uint8_t asked = c->asked[c->asked_at];

    proa__arena_reset(&c->arena);
    int rc = proa__http_parser_begin_response(&c->parser, &c->limits, &c->arena,
                                              (struct http_asked){.head = asked & ASKED_HEAD});
    if (rc == 0) {
        c->state = CONNECTION_HEAD;
        c->due = c->times.complete;
        c->times.first_byte = c->times.complete = 0;
    }
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

/* HTTP_HEAD, HTTP_INTERIM, HTTP_NEED_MORE or a code; `*ret_used` of the bytes are done with. */
static int feed_head(struct proa_connection *c, const char *bytes, size_t n, size_t *ret_used)
{
    struct proa_str body;

    if (!c->times.first_byte)
        c->times.first_byte = proa__loop_now(c->loop);
    int event = proa__http_parser_feed(&c->parser, bytes, n, 0, ret_used, &body);
    if (event == HTTP_HEAD)
        c->state = CONNECTION_READY;
    if (event < 0)
        c->broken = true;
    return event;
}

static int head_from_buffer(struct proa_connection *c, struct proa_str in)
{
    size_t used;
    int event = feed_head(c, in.p, in.n, &used);

    proa__stream_consume(c->stream, used);
    return event;
}

static int head_from_carrier(struct proa_connection *c)
{
    size_t size, used;
    char *scratch = proa__loop_scratch(c->loop, &size);
    ssize_t n = proa__stream_try_read(c->stream, scratch, size);

    if (n == PROA_EAGAIN)
        return PROA_EAGAIN;
    if (n < 0)
        return proa__connection_lost(c, (int)n);
    if (n == 0)
        return ended_early(c);
    c->received += (uint64_t)n;
    int event = feed_head(c, scratch, (size_t)n, &used);
    if (event < 0)
        return event;
    int rc = proa__connection_keep(c, scratch + used, (size_t)n - used);
    return rc < 0 ? rc : event;
}

int proa__connection_try_head(struct proa_connection *c)
{
    int event = 0;

    if (c->state == CONNECTION_IDLE)
        event = begin_head(c);
    while (event == HTTP_NEED_MORE) {
        struct proa_str in = proa__stream_buffered(c->stream);
        event = in.n ? head_from_buffer(c, in) : head_from_carrier(c);
    }
    return event;
}

static int wait_head(struct proa_connection *c)
{
    while (c->state != CONNECTION_READY) {
        int rc = proa__connection_try_head(c);
        if (rc == PROA_EAGAIN)
            rc = proa__connection_lost(c, proa__connection_wait_response(c));
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void hand_out(struct proa_connection *c, struct proa_reply *ret)
{
    struct http_head *head = c->parser.head;

    c->asked_at = (c->asked_at + 1) % c->asked_room;
    c->asked_n--;
    c->last = !head->keep_alive;
    *ret = (struct proa_reply){
        .status = head->status,
        .version_minor = head->minor,
        .reason = head->reason,
        .headers = &head->headers,
        .length = head->length,
        .keep_alive = head->keep_alive,
    };
    c->state = CONNECTION_BODY;
    if (head->length == 0)
        proa__connection_end_message(c);
}

int proa_connection_receive(struct proa_connection *c, struct proa_reply *ret)
{
    PROA_CHECK_OBJ(c, MAGIC_CONNECTION);
    if (c->state == CONNECTION_BODY) {
        int rc = proa_connection_skip(c, NULL);
        if (rc < 0)
            return rc;
    }
    if (c->broken)
        return proa__connection_is_broken(c);
    if (!c->asked_n)
        return proa__fail(PROA_EINVAL, "no request was sent that has no response yet");
    if (c->last) {
        c->broken = true;
        return proa__fail(PROA_EEOF, "%.*s ended the connection with an earlier response",
                          PROA_PRI(c->origin.authority));
    }
    int rc = wait_head(c);
    if (rc == 0)
        hand_out(c, ret);
    return rc;
}

int proa__connection_await_continue(struct proa_connection *c, int64_t ns)
{
    PROA_TIMEOUT(t, ns);
    for (;;) {
        int rc = proa__connection_try_head(c);
        if (rc == HTTP_HEAD) {
            c->cut = true;
            return 1;
        }
        if (rc == HTTP_INTERIM && c->parser.head->status == 100)
            return 0;
        if (rc == PROA_EAGAIN)
            rc = proa_timeout_result(&t, proa__stream_wait(c->stream, STREAM_READ));
        if (rc == PROA_ETIMEDOUT)
            return 0;
        if (rc < 0) {
            c->cut = true;
            return proa__connection_lost(c, rc);
        }
    }
}
