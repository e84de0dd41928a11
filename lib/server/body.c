#include "base/fail.h"
#include "core/loop.h"
#include "net/stream.h"
#include "server/conn.h"
#include "server/exchange.h"
#include "server/server.h"

#include <proa/err.h>
#include <proa/json.h>
#include <proa/request.h>
#include <proa/scope.h>

/* A failed read of the connection: whatever the handler makes of it, there is nobody to answer. But
 * a client that ended its side may still read the answers to what it asked before. */
static ssize_t lost(struct exchange *x, ssize_t rc)
{
    proa__exchange_push(x);
    x->req.left = x->req.left || (rc == PROA_EEOF && !x->broken);
    x->broken = true;
    return rc;
}

static ssize_t say_continue(struct proa_request *req)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct iovec iov = {(void *)text, sizeof text - 1};

    req->continued = true;
    proa__server_count(req->x->server, COUNT_1XX, 1);
    return proa__exchange_write(req->x, &iov, 1);
}

/* Until something comes from the client: 0; or a code. */
static int wait_readable(struct proa_request *req)
{
    struct exchange *x = req->x;
    int64_t began = proa__loop_now(x->server->loop);

    PROA_TIMEOUT(t, x->server->opts.body_timeout);
    int rc = proa_timeout_result(&t, proa__stream_wait(x->conn->stream, STREAM_READ));
    req->waited += proa__loop_now(x->server->loop) - began;
    if (rc == PROA_ETIMEDOUT) {
        proa__server_count(x->server, COUNT_BODY_TIME, 1);
        return proa__fail(PROA_ECLIENTTIMEDOUT, "no byte of the request's body for %lld ms",
                          (long long)(x->server->opts.body_timeout / PROA_MS));
    }
    if (rc < 0 && rc != PROA_ECANCELED && rc != PROA_EBUSY)
        x->broken = true;
    return rc;
}

/* What is not counted: never less than one silence that body_timeout allows. */
static int64_t free_time(struct proa_server *server)
{
    int64_t after = (int64_t)server->limits.body_rate_after;

    return after > server->opts.body_timeout ? after : server->opts.body_timeout;
}

/*
 * Before more is waited for: the body as a whole must not come slower than the rate, beyond the
 * time that is free. Only waiting counts, so a handler that takes its time blames nobody; what is
 * there is taken first, so a body that is complete is never refused.
 */
static int check_rate(struct proa_request *req)
{
    struct exchange *x = req->x;
    const struct http_limits *limits = &x->server->limits;
    const struct route *route = req->match.route;
    int64_t counted = req->waited - free_time(x->server);

    if (counted <= 0 || limits->body_rate == HTTP_UNLIMITED || (route && route->slow_body) ||
        req->parsed >= (uint64_t)(counted / PROA_MS) * limits->body_rate / 1000)
        return 0;
    proa__server_count(x->server, COUNT_BODY_RATE, 1);
    return proa__fail(PROA_ECLIENTTIMEDOUT,
                      "the request's body came slower than %llu bytes a second",
                      (unsigned long long)limits->body_rate);
}

/* Wait for more of the body in the stream's buffer: 1; or a code. */
static ssize_t wait_bytes(struct proa_request *req)
{
    struct exchange *x = req->x;
    struct proa_stream *stream = x->conn->stream;
    ssize_t n = proa__stream_fill(stream, EXCHANGE_HOLD);

    if (n == PROA_EAGAIN && req->head->expect == HTTP_EXPECT_CONTINUE && !req->continued &&
        x->resp.kind != RESPONSE_STREAM) {
        ssize_t rc = say_continue(req);
        if (rc < 0)
            return rc;
    }
    while (n == PROA_EAGAIN) {
        int rc = check_rate(req);
        if (rc == 0)
            rc = proa__exchange_flush(x);
        if (rc == 0)
            rc = wait_readable(req);
        if (rc < 0)
            return rc;
        n = proa__stream_fill(stream, EXCHANGE_HOLD);
    }
    if (n == PROA_ENOMEM)
        return n;
    if (n <= 0)
        return lost(x, n == 0 ? PROA_EEOF : n);
    proa__server_count(x->server, COUNT_BYTES_IN, n);
    return 1;
}

ssize_t proa__request_body(struct proa_request *req, void *buf, size_t n)
{
    struct exchange *x = req->x;
    struct proa_stream *stream = x->conn->stream;

    while (!req->body_done) {
        struct proa_str in = proa__stream_buffered(stream);
        struct proa_str body;
        size_t used = 0;
        int event = proa__http_parser_feed(&x->parser, in.p, in.n, n, &used, &body);

        if (event == HTTP_BODY)
            memcpy(buf, body.p, body.n);
        proa__stream_consume(stream, used);
        req->parsed += used;
        if (event < 0) {
            proa__exchange_refuse(x, event); /* nothing behind it can be read any more */
            return event;
        }
        if (event == HTTP_BODY)
            return (ssize_t)body.n;
        if (event == HTTP_END) {
            req->body_done = true;
            if (!proa__stream_buffered(stream).n)
                proa__stream_read_done(stream);
            break;
        }
        ssize_t rc = wait_bytes(req);
        if (rc < 0)
            return rc;
    }
    return 0;
}

bool proa__request_drain(struct proa_request *req)
{
    struct exchange *x = req->x;
    uint64_t taken = 0;
    char piece[1024];

    if (req->body_done)
        return true;
    PROA_TIMEOUT(t, (int64_t)x->server->limits.drain_time);
    for (;;) {
        ssize_t n = proa__request_body(req, piece, sizeof piece);
        if (n == 0)
            return true;
        if (n < 0)
            return false;
        taken += (uint64_t)n;
        if (taken > x->server->limits.drain_bytes)
            return false;
    }
}

/* ---- the public calls ---- */

ssize_t proa_request_read(struct proa_request *req, void *buf, size_t n)
{
    return n ? proa__request_body(req, buf, n) : 0;
}

int proa_request_read_body(struct proa_request *req, struct proa_str *ret)
{
    size_t piece = EXCHANGE_HOLD;

    if (!req->body.limit)
        proa_buf_init(&req->body, PROA_UNLIMITED); /* the parser holds it to max_body */
    if (req->head->length > 0 && req->head->length < (int64_t)piece)
        piece = (size_t)req->head->length;
    while (!req->body_done) {
        char *to = proa_buf_reserve(&req->body, piece);
        if (!to)
            return proa_buf_error(&req->body);

        ssize_t n = proa__request_body(req, to, piece);
        if (n < 0)
            return (int)n;
        proa_buf_commit(&req->body, (size_t)n);
    }
    *ret = proa_buf_str(&req->body);
    return 0;
}

int proa_request_json(struct proa_request *req, struct json_t **ret)
{
    struct proa_str type = proa_headers_get(&req->head->headers, "Content-Type");
    struct proa_str body;

    if (!proa_media_type_is_json(type))
        return proa__fail(PROA_EMEDIATYPE, "the request's Content-Type is not JSON");
    int rc = proa_request_read_body(req, &body);
    return rc < 0 ? rc : proa_json_parse(ret, body, NULL);
}
