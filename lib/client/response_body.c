#include "base/check.h"
#include "base/fail.h"
#include "client/session.h"
#include "core/loop.h"

#include <proa/err.h>
#include <proa/http.h>
#include <proa/json.h>
#include <proa/scope.h>
#include <proa/time.h>

/* ---- as sent ---- */

static ssize_t read_in_time(struct proa_client_response *r, void *buf, size_t n)
{
    if (r->deadline == PROA_FOREVER)
        return proa_connection_read(r->lease->c, buf, n);

    PROA_TIMEOUT(t, r->deadline - proa__loop_now(r->session->pool.loop));
    ssize_t got = proa_connection_read(r->lease->c, buf, n);
    if (got == PROA_ECANCELED && proa_timeout_result(&t, PROA_ECANCELED) == PROA_ETIMEDOUT)
        return proa__fail(PROA_ETOTALTIMEDOUT, "%.*s took longer than the request's total timeout",
                          PROA_PRI(r->url.text));
    return got;
}

/* The body is spoiled for good. */
static int spoil(struct proa_client_response *r, int rc)
{
    r->error = rc;
    proa__response_give_back(r, false);
    return rc;
}

/* > 0; 0 at the end; or a code. The connection goes back with the last byte. */
static ssize_t read_raw(struct proa_client_response *r, void *buf, size_t n)
{
    if (r->raw_ended)
        return 0;
    if (r->session->pool.closed)
        return spoil(r, proa__fail(PROA_ECLOSED, "the session was closed"));
    ssize_t got = read_in_time(r, buf, n);
    if (got < 0 && r->session->pool.closed)
        return spoil(r, proa__fail(PROA_ECLOSED, "the session was closed"));
    if (got == PROA_ECANCELED || got == PROA_EBUSY || got == PROA_ENOMEM)
        return got;
    if (got < 0)
        return spoil(r, (int)got);
    r->received += (uint64_t)got;
    if (r->lease->c->state != CONNECTION_BODY) {
        r->raw_ended = true;
        proa__response_give_back(r, true);
    }
    return got;
}

/* ---- decoded ---- */

static ssize_t read_decoded(struct proa_client_response *r, void *buf, size_t n)
{
    for (;;) {
        size_t made = 0;
        int rc = proa__decoder_run(r->decoder, &r->in, r->raw_ended, buf, n, &made);
        if (rc < 0)
            spoil(r, rc); /* told behind what was made before */
        if (made)
            return (ssize_t)made;
        if (rc < 0)
            return rc;
        if (rc == 1)
            r->ended = r->raw_ended;
        if (r->ended)
            return 0;
        if (r->in.n)
            continue;
        ssize_t got = read_raw(r, r->raw, RESPONSE_RAW_PIECE);
        if (got < 0)
            return got;
        r->in = proa_str_make(r->raw, (size_t)got);
    }
}

ssize_t proa_client_response_read_some(struct proa_client_response *r, void *buf, size_t n)
{
    PROA_CHECK_OBJ(r, MAGIC_RESPONSE);
    if (r->error < 0)
        return r->error;
    if (r->ended || n == 0)
        return 0;
    if (r->decoder)
        return read_decoded(r, buf, n);
    ssize_t got = read_raw(r, buf, n);
    if (got >= 0)
        r->ended = r->raw_ended;
    return got;
}

/* How many bytes `buf` may hold, when the response may bring `left`. */
static size_t bound_of(const struct proa_buf *buf, size_t left)
{
    size_t sum;

    if (__builtin_add_overflow(buf->n, left, &sum) || sum > buf->limit)
        return buf->limit;
    return sum;
}

/* What is known to come fits one piece. */
static size_t piece_of(const struct proa_client_response *r)
{
    int64_t length = r->reply.length;

    return !r->decoder && length > 0 && length < RESPONSE_RAW_PIECE ? (size_t)length
                                                                    : RESPONSE_RAW_PIECE;
}

int proa_client_response_read(struct proa_client_response *r, struct proa_buf *buf)
{
    size_t bound = bound_of(buf, r->session->opts.max_body);
    size_t piece = piece_of(r);

    while (!r->ended) {
        size_t room = buf->n < bound ? bound - buf->n : 0;
        size_t want = piece < room ? piece : room;
        char one;
        char *to = want ? proa_buf_reserve(buf, want) : &one; /* full: is there any more? */
        if (!to)
            return proa_buf_error(buf);
        ssize_t n = proa_client_response_read_some(r, to, want ? want : 1);
        if (n < 0)
            return (int)n;
        if (n > 0 && !want)
            return spoil(r, proa__fail(PROA_EMSGSIZE, "the body of %.*s is larger than %zu bytes",
                                       PROA_PRI(r->url.text), bound));
        if (n > 0)
            proa_buf_commit(buf, (size_t)n);
    }
    return r->error;
}

int proa_client_response_json(struct proa_client_response *r, struct json_t **ret)
{
    PROA_AUTO(proa_buf) text = {0};

    if (!proa_media_type_is_json(proa_client_response_header(r, "Content-Type")))
        return proa__fail(PROA_EMEDIATYPE, "the response of %.*s is not JSON",
                          PROA_PRI(r->url.text));
    proa_buf_init(&text, PROA_UNLIMITED);
    int rc = proa_client_response_read(r, &text);
    return rc < 0 ? rc
                  : proa_json_parse(ret, proa_buf_str(&text), PROA_JSON_OPTS(.any_value = true));
}
