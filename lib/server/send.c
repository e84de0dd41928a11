#include "base/arena.h"
#include "base/fail.h"
#include "core/wait.h"
#include "http/coding.h"
#include "http/headers.h"
#include "net/stream.h"
#include "server/conn.h"
#include "server/exchange.h"
#include "server/server.h"

#include <proa/err.h>
#include <proa/http.h>
#include <proa/response.h>
#include <proa/scope.h>
#include <proa/time.h>

/* ---- bytes ---- */

/* Take `n` written bytes off the pieces. */
static void advance(struct iovec **iov, int *count, size_t n)
{
    while (*count && n >= (*iov)->iov_len) {
        n -= (*iov)->iov_len;
        ++*iov;
        --*count;
    }
    if (*count) {
        (*iov)->iov_base = (char *)(*iov)->iov_base + n;
        (*iov)->iov_len -= n;
    }
}

static void note_written(struct exchange *x, size_t n)
{
    x->wrote += n;
    proa__server_count(x->server, COUNT_BYTES_OUT, (int64_t)n);
}

static int wait_room(struct exchange *x)
{
    PROA_TIMEOUT(t, x->server->opts.write_timeout);
    int rc = proa_timeout_result(&t, proa__stream_wait(x->conn->stream, STREAM_WRITE));

    if (rc != PROA_ETIMEDOUT)
        return rc;
    proa__server_count(x->server, COUNT_WRITE_TIME, 1);
    return proa__fail(PROA_ECLIENTTIMEDOUT, "the client took no byte for %lld ms",
                      (long long)(x->server->opts.write_timeout / PROA_MS));
}

static int write_all(struct exchange *x, struct iovec *iov, int count)
{
    while (count) {
        ssize_t n = proa__stream_try_writev(x->conn->stream, iov, count);
        if (n == PROA_EAGAIN)
            n = wait_room(x);
        if (n < 0) {
            x->broken = true;
            return (int)n;
        }
        note_written(x, (size_t)n);
        advance(&iov, &count, (size_t)n);
    }
    return 0;
}

int proa__exchange_write(struct exchange *x, struct iovec *iov, int n)
{
    struct iovec all[5];
    int count = 0;

    if (x->broken)
        return PROA_EPIPE;
    if (x->out.n)
        all[count++] = (struct iovec){x->out.p, x->out.n};
    for (int i = 0; i < n; i++)
        if (iov[i].iov_len)
            all[count++] = iov[i];
    proa__wait_before_park(NULL, NULL);
    int rc = write_all(x, all, count);
    proa_buf_clear(&x->out);
    return rc;
}

int proa__exchange_flush(struct exchange *x)
{
    return x->out.n ? proa__exchange_write(x, NULL, 0) : 0;
}

void proa__exchange_push(struct exchange *x)
{
    while (x->out.n && !x->broken) {
        struct iovec iov = {x->out.p, x->out.n};
        ssize_t n = proa__stream_try_writev(x->conn->stream, &iov, 1);
        if (n == PROA_EAGAIN)
            return;
        if (n < 0) {
            x->broken = true;
            return;
        }
        note_written(x, (size_t)n);
        proa_buf_consume(&x->out, (size_t)n);
    }
}

/* Before the task sleeps: what is left of it is first in the next write. */
static void push_held(void *arg)
{
    proa__exchange_push(arg);
}

/* ---- heads ---- */

/* The client takes gzip, and nothing speaks against packing what was asked for. */
static bool wants_packed(struct proa_response *resp)
{
    struct exchange *x = resp->x;

    return resp->compress && !x->server->app->no_gzip &&
           resp->status != PROA_STATUS_PARTIAL_CONTENT &&
           !proa_headers_get(&resp->headers, "Content-Encoding").p &&
           proa__coding_choose(&x->req.head->headers) == CODING_GZIP;
}

/* A client that is told of a coding undoes it, even of no bytes: where there is no body, there is
 * none. */
static bool packs(struct proa_response *resp)
{
    return proa_status_has_body(resp->status) && wants_packed(resp);
}

/* What is packed is not the same byte for byte as the plain one. */
static int weaken_tag(struct proa_response *resp)
{
    struct proa_str tag = proa_headers_get(&resp->headers, "ETag");

    if (!tag.n || tag.p[0] != '"')
        return 0;
    return proa_headers_setf(&resp->headers, "ETag", "W/%.*s", PROA_PRI(tag));
}

static int note_packed(struct proa_response *resp)
{
    int rc = proa_headers_set(&resp->headers, "Content-Encoding", "gzip");

    return rc < 0 ? rc : weaken_tag(resp);
}

/* Say what the choice hangs on; a 304 has the fields that the packed 200 has. */
static void note_choice(struct proa_response *resp)
{
    proa_headers_add(&resp->headers, "Vary", "Accept-Encoding");
    if (resp->status == PROA_STATUS_NOT_MODIFIED && wants_packed(resp))
        weaken_tag(resp);
}

/* A body without a type would be guessed at. */
static int need_type(struct proa_response *resp)
{
    if (!proa_status_has_body(resp->status) ||
        proa__headers_has(&resp->headers, HTTP_KNOWN_CONTENT_TYPE))
        return 0;
    return proa__headers_add_view(&resp->headers, PROA_STR("Content-Type"),
                                  PROA_STR("application/octet-stream"));
}

int proa__response_render(struct proa_response *resp, uint64_t length)
{
    struct exchange *x = resp->x;
    const struct http_head *request = x->req.head;
    const char *name = x->server->opts.server_name;

    if (name && !proa_headers_get(&resp->headers, "Server").p)
        proa_headers_set(&resp->headers, "Server", name);
    if (resp->compress)
        note_choice(resp);
    int rc = length ? need_type(resp) : 0;
    if (rc == 0 && resp->kind == RESPONSE_NONE && packs(resp)) {
        rc = proa__encoder_new(&resp->encoder, 0);
        if (rc == 0)
            rc = note_packed(resp);
        length = BODY_UNKNOWN;
    }
    if (rc < 0)
        return rc;
    resp->close = resp->close || proa__exchange_is_last(x);
    x->out.error = 0; /* of an earlier try: what is held is whole */
    resp->at = x->wrote + x->out.n;
    return proa__response_head(&x->out, &resp->frame,
                               &(struct response_head){
                                   .status = resp->status,
                                   .headers = &resp->headers,
                                   .date = proa__server_date(x->server),
                                   .length = length,
                                   .to_head = request->method_id == PROA_METHOD_HEAD,
                                   .to_http10 = request->minor == 0,
                                   .close = resp->close,
                               });
}

/* ---- whole responses ---- */

int proa__response_pack(struct proa_response *resp)
{
    struct proa_str in = resp->body;
    struct encoder *encoder = NULL;
    struct proa_buf packed;
    int rc;

    if (!in.n || !packs(resp))
        return 0;
    rc = proa__encoder_new(&encoder, 0);
    if (rc < 0)
        return rc;
    proa_buf_init(&packed, PROA_UNLIMITED);
    do {
        size_t n = 0;
        char *room = proa_buf_reserve(&packed, EXCHANGE_HOLD);
        rc = room ? proa__encoder_run(encoder, &in, ENCODER_END, room, EXCHANGE_HOLD, &n)
                  : proa_buf_error(&packed);
        if (rc >= 0)
            proa_buf_commit(&packed, n);
    } while (rc == 0);
    proa__encoder_free(encoder);
    if (rc < 0) {
        proa_buf_fini(&packed);
        return rc;
    }
    proa_buf_fini(&resp->stolen);
    resp->stolen = packed;
    resp->body = proa_buf_str(&resp->stolen);
    return note_packed(resp);
}

/* Another complete request may be waiting in memory: its response can leave in the same write. */
static bool may_hold(struct exchange *x, size_t body)
{
    return x->out.n + body < EXCHANGE_HOLD && proa__stream_buffered(x->conn->stream).n > 0;
}

/* Write the rendered head and these pieces, or hold them. */
static int write_or_hold(struct proa_response *resp, struct iovec *iov, int n)
{
    struct exchange *x = resp->x;

    if (!may_hold(x, resp->body.n) || !proa_buf_reserve(&x->out, resp->body.n))
        return proa__exchange_write(x, iov, n);
    for (int i = 0; i < n; i++)
        proa_buf_append(&x->out, iov[i].iov_base, iov[i].iov_len);
    proa__wait_before_park(push_held, x);
    return proa_buf_error(&x->out);
}

static int send_whole(struct proa_response *resp)
{
    struct iovec iov[3];
    int rc = proa__response_pack(resp);

    if (rc == 0)
        rc = proa__response_render(resp, resp->body.n);
    if (rc < 0)
        return rc;
    int n = proa__body_iov(&resp->frame, resp->body.p, resp->body.n, iov);
    if (n < 0)
        return n;
    rc = write_or_hold(resp, iov, n);
    if (rc == 0 && resp->frame.kind != BODY_NONE)
        resp->sent = resp->body.n;
    return rc;
}

/* ---- streamed responses ---- */

static int write_framed(struct proa_response *resp, const void *data, size_t n)
{
    struct iovec iov[3];
    int count = proa__body_iov(&resp->frame, data, n, iov);

    if (count < 0)
        return proa__response_fail(resp, count);
    int rc = proa__exchange_write(resp->x, iov, count);
    if (rc == 0 && resp->frame.kind != BODY_NONE)
        resp->sent += n;
    return rc;
}

static int write_packed(struct proa_response *resp, struct proa_str in, enum encoder_step step)
{
    for (;;) {
        char piece[1024];
        size_t n = 0;
        int rc = proa__encoder_run(resp->encoder, &in, step, piece, sizeof piece, &n);
        if (rc < 0)
            return proa__response_fail(resp, rc);
        bool done = rc == 1;
        rc = n ? write_framed(resp, piece, n) : 0;
        if (rc < 0 || done)
            return rc;
    }
}

int proa_response_write(struct proa_response *resp, const void *data, size_t n)
{
    if (resp->kind != RESPONSE_STREAM)
        return proa__response_fail(resp,
                                   proa__fail(PROA_EINVAL, "write before proa_response_start"));
    if (n == 0)
        return 0;
    return resp->encoder ? write_packed(resp, proa_str_make(data, n), ENCODER_FLUSH)
                         : write_framed(resp, data, n);
}

static int end_stream(struct proa_response *resp)
{
    struct proa_str tail;
    int rc = resp->encoder ? write_packed(resp, (struct proa_str){0}, ENCODER_END) : 0;

    if (rc == 0)
        rc = proa__body_end(&resp->frame, &tail);
    if (rc < 0)
        return rc;
    return proa__exchange_write(resp->x, &(struct iovec){(void *)tail.p, tail.n}, 1);
}

int proa__response_finish(struct proa_response *resp)
{
    return resp->kind == RESPONSE_STREAM ? end_stream(resp) : send_whole(resp);
}
