#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "client/connection.h"
#include "client/session.h"
#include "core/loop.h"

#include <proa/err.h>
#include <proa/http.h>
#include <proa/json.h>
#include <proa/scope.h>
#include <proa/time.h>

enum { RAW_PIECE = 16 * 1024 }; /* bytes read at a time where a coding is undone */

/* ---- life ---- */

/* Seconds of "Keep-Alive: timeout=N", less one so that we give up first; 0: it doesn't say. */
static int64_t idle_time(const struct proa_headers *headers)
{
    struct proa_str rest = proa_headers_get(headers, "Keep-Alive");
    struct proa_str item;
    uint64_t n;

    while (proa_str_next(&rest, ',', &item)) {
        item = proa_str_trim(item);
        if (!proa_str_casestarts(item, PROA_STR("timeout=")))
            continue;
        if (proa_str_parse_uint(proa_str_sub(item, 8, PROA_UNLIMITED), &n) == 0 && n < 3600)
            return n > 1 ? (int64_t)(n - 1) * PROA_SEC : 1;
    }
    return 0;
}

/* The connection is not needed any more; the head stays: its memory moves here. */
static void give_back(struct proa_client_response *r, bool keep)
{
    if (!r->lease)
        return;
    r->arena = r->lease->c->arena;
    proa__arena_init(&r->lease->c->arena, NULL, 0);
    keep = keep && !r->session->opts.no_keepalive;
    proa__conn_pool_give(r->lease, keep, keep ? idle_time(r->reply.headers) : 0);
    r->lease = NULL;
}

static int make_decoder(struct proa_client_response *r)
{
    if (r->session->opts.no_decode || r->reply.length == 0)
        return 0;
    int rc = proa__decoder_new(&r->decoder, r->reply.headers, &proa__http_limits_client,
                               HTTP_UNLIMITED);
    if (rc != 1)
        return rc;
    r->raw = proa__alloc(RAW_PIECE);
    return r->raw ? 0 : PROA_ENOMEM;
}

int proa__response_new(struct proa_client_response **ret, struct fetch *f, struct lease *lease,
                       const struct proa_reply *reply)
{
    struct proa_client_response *r = proa__zalloc(sizeof *r);

    if (!r) {
        proa__conn_pool_give(lease, false, 0);
        return PROA_ENOMEM;
    }
    r->magic = MAGIC_RESPONSE;
    r->session = f->session;
    r->session->refs++;
    r->lease = lease;
    r->reply = *reply;
    r->redirects = f->redirects;
    r->deadline = f->deadline;
    r->url = f->url;
    f->url = (struct proa_url){0};
    if (f->opts.read_timeout)
        lease->c->opts.read_timeout = f->opts.read_timeout;
    int rc = make_decoder(r);
    if (rc < 0) {
        proa_client_response_free(r);
        return rc;
    }
    if (lease->c->state != CONNECTION_BODY) {
        r->raw_ended = true;
        if (!r->decoder)
            r->ended = true;
        give_back(r, true);
    }
    *ret = r;
    return 0;
}

void proa_client_response_free(struct proa_client_response *r)
{
    if (!r)
        return;
    PROA_CHECK_OBJ(r, MAGIC_RESPONSE);
    give_back(r, r->raw_ended);
    if (r->own_session)
        proa_session_free(r->session);
    proa__session_unref(r->session);
    proa__decoder_free(r->decoder);
    proa__free(r->raw);
    proa__arena_fini(&r->arena);
    proa_url_fini(&r->url);
    r->magic = 0;
    proa__free(r);
}

/* ---- what the head says ---- */

int proa_client_response_status(const struct proa_client_response *r)
{
    return r->reply.status;
}

struct proa_str proa_client_response_reason(const struct proa_client_response *r)
{
    return r->reply.reason;
}

const struct proa_headers *proa_client_response_headers(const struct proa_client_response *r)
{
    return r->reply.headers;
}

struct proa_str proa_client_response_header(const struct proa_client_response *r, const char *name)
{
    return proa_headers_get(r->reply.headers, name);
}

const char *proa_client_response_url(const struct proa_client_response *r)
{
    return r->url.text.p;
}

int proa_client_response_redirects(const struct proa_client_response *r)
{
    return r->redirects;
}

int64_t proa_client_response_length(const struct proa_client_response *r)
{
    return r->reply.length;
}

uint64_t proa_client_response_received(const struct proa_client_response *r)
{
    return r->received;
}

/* ---- the body ---- */

static ssize_t read_connection(struct proa_client_response *r, void *buf, size_t n)
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

/* Bytes as sent: > 0, 0 at the end, or a code. */
static ssize_t read_raw(struct proa_client_response *r, void *buf, size_t n)
{
    if (r->raw_ended)
        return 0;
    if (r->session->pool.closed)
        return PROA_ECLOSED;
    ssize_t got = read_connection(r, buf, n);
    if (got > 0)
        r->received += (uint64_t)got;
    if (got == 0) {
        r->raw_ended = true;
        give_back(r, true);
    }
    if (got < 0 && got != PROA_ECANCELED && got != PROA_EBUSY && got != PROA_ENOMEM)
        r->error = (int)got;
    return got;
}

static ssize_t read_decoded(struct proa_client_response *r, void *buf, size_t n)
{
    for (;;) {
        size_t made = 0;
        int rc = proa__decoder_run(r->decoder, &r->in, r->raw_ended, buf, n, &made);
        if (rc < 0) {
            r->error = rc;
            return rc;
        }
        if (made)
            return (ssize_t)made;
        if (rc == 1)
            r->ended = r->raw_ended;
        if (r->ended)
            return 0;
        if (r->in.n)
            continue;
        ssize_t got = read_raw(r, r->raw, RAW_PIECE);
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
    if (got == 0)
        r->ended = true;
    return got;
}

int proa_client_response_read(struct proa_client_response *r, struct proa_buf *buf)
{
    size_t piece = RAW_PIECE;

    if (!r->decoder && r->reply.length > 0 && r->reply.length < (int64_t)piece)
        piece = (size_t)r->reply.length;
    while (!r->ended) {
        size_t bound = buf->limit < r->session->opts.max_body ? buf->limit
                                                              : r->session->opts.max_body;
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
            return r->error = proa__fail(PROA_EMSGSIZE, "the body of %.*s is larger than %zu bytes",
                                         PROA_PRI(r->url.text), bound);
        if (n > 0)
            proa_buf_commit(buf, (size_t)n);
    }
    return 0;
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
