#include "base/fail.h"
#include "client/connection.h"
#include "client/session.h"
#include "http/writer.h"

#include <proa/err.h>
#include <proa/http.h>
#include <proa/scope.h>
#include <proa/time.h>

/* How long a server is given to say "100 Continue": most that do not know it say nothing. */
#define CONTINUE_TIME PROA_SEC

/* Longest Keep-Alive that is believed; our own idle time is shorter anyway. */
#define KEEP_ALIVE_MAX 3600u

/* ---- a connection ---- */

static int take_origin(struct fetch *f, struct lease **ret, struct proa_str origin, bool fresh)
{
    struct proa_session *s = f->session;

    if (s->opts.pool_timeout == PROA_FOREVER)
        return proa__conn_pool_take(&s->pool, ret, origin, fresh);
    PROA_TIMEOUT(t, s->opts.pool_timeout);
    int rc = proa__conn_pool_take(&s->pool, ret, origin, fresh);
    if (rc == PROA_ECANCELED)
        rc = proa_timeout_result(&t, rc);
    if (rc == PROA_ETIMEDOUT)
        return proa__fail(PROA_EPOOLTIMEDOUT, "no free connection to %.*s for %lld ms",
                          PROA_PRI(f->url.authority), (long long)(s->opts.pool_timeout / PROA_MS));
    return rc;
}

static int take(struct fetch *f, struct lease **ret, bool fresh)
{
    const struct proa_url *url = &f->url;
    PROA_AUTO(proa_buf) zoned = {0};
    struct proa_str origin = {url->text.p, (size_t)(url->path.p - url->text.p)};

    if (!url->zone.n)
        return take_origin(f, ret, origin, fresh);
    proa_buf_init(&zoned, PROA_UNLIMITED);
    proa_buf_append_str(&zoned, origin);
    proa_buf_append(&zoned, "%", 1);
    proa_buf_append_str(&zoned, url->zone);
    if (proa_buf_error(&zoned) < 0)
        return proa_buf_error(&zoned);
    return take_origin(f, ret, proa_buf_str(&zoned), fresh);
}

/* A session that is freed meanwhile cancels the scope. */
static int connect_lease(struct fetch *f, struct lease *lease)
{
    const struct proa_session *s = f->session;
    const struct proa_session_opts *o = &s->opts;

    PROA_SCOPE(connecting);
    lease->connecting = &connecting;
    int rc = proa__connection_open(&lease->c, &f->url,
                                   PROA_CONNECTION_OPTS(.unix_path = s->unix_path, .tls = s->tls,
                                                        .connect_timeout = o->connect_timeout,
                                                        .tls_timeout = o->tls_timeout),
                                   s->connect, s->connect_arg);
    lease->connecting = NULL;
    return proa_scope_result(&connecting, rc);
}

/* The times are the request's, whoever used the connection before. */
static void set_times(const struct fetch *f, struct proa_connection *c)
{
    const struct proa_session_opts *o = &f->session->opts;

    c->opts.write_timeout = o->write_timeout;
    c->opts.first_timeout = o->first_timeout;
    c->opts.read_timeout = f->opts.read_timeout ? f->opts.read_timeout : o->read_timeout;
    proa__connection_default_times(&c->opts);
}

/* ---- the request ---- */

static bool expects_continue(const struct fetch *f)
{
    return f->body.n && proa_headers_has_token(&f->headers, "Expect", "100-continue");
}

/* 0; 1: answered before all of it was sent; or a code. */
static int write_request(struct fetch *f, struct proa_connection *c, struct proa_str head)
{
    struct iovec iov[2] = {{(void *)head.p, head.n}, {(void *)f->body.p, f->body.n}};

    if (!f->body.n)
        return proa__connection_send_rest(c, iov, 1);
    if (!expects_continue(f))
        return proa__connection_send_rest(c, iov, 2);
    int rc = proa__connection_send_rest(c, iov, 1);
    if (rc == 0)
        rc = proa__connection_await_continue(c, CONTINUE_TIME);
    return rc == 0 ? proa__connection_send_rest(c, &iov[1], 1) : rc;
}

static int send_request(struct fetch *f, struct proa_connection *c)
{
    PROA_AUTO(proa_buf) head = {0};
    struct body_out frame;
    int asked = proa__connection_asks(f->method);

    if (asked < 0)
        return asked;
    proa_buf_init(&head, PROA_UNLIMITED);
    int rc = proa__request_head(&head, &frame,
                                &(struct request_head){.method = f->method,
                                                       .target = f->url.target,
                                                       .host = f->url.authority,
                                                       .headers = &f->headers,
                                                       .length = f->body.n,
                                                       .close = f->session->opts.no_keepalive});
    if (rc == 0)
        rc = proa__connection_note(c, (uint8_t)asked, 1);
    return rc < 0 ? rc : write_request(f, c, proa_buf_str(&head));
}

/* ---- the exchange ---- */

/* A failure that only means that the server had closed an idle connection. */
static bool is_stale(int rc)
{
    return rc == PROA_EEOF || rc == PROA_ECONNRESET || rc == PROA_EPIPE || rc == PROA_ETLSTRUNCATED;
}

/* The request failed to leave, but a server that refuses early says so before it closes. */
static bool may_have_answered(int rc)
{
    return rc == PROA_EPIPE || rc == PROA_ECONNRESET;
}

static int exchange(struct fetch *f, struct lease *lease, struct proa_reply *ret)
{
    int rc = lease->c ? 0 : connect_lease(f, lease);

    if (f->session->pool.closed)
        return proa__fail(PROA_ECLOSED, "the session was closed");
    if (rc < 0)
        return rc;
    set_times(f, lease->c);
    rc = send_request(f, lease->c);
    if (rc < 0 && !may_have_answered(rc))
        return rc;
    int received = proa_connection_receive(lease->c, ret);
    return rc < 0 && received < 0 ? rc : received;
}

static bool may_retry(const struct fetch *f, int rc)
{
    return is_stale(rc) && !f->session->opts.no_retry &&
           proa_method_is_idempotent(proa_method_from(f->method));
}

int proa__fetch_hop(struct fetch *f, struct lease **ret_lease, struct proa_reply *ret)
{
    bool fresh = false;

    for (;;) {
        struct lease *lease;
        int rc = take(f, &lease, fresh);
        if (rc < 0)
            return rc;
        bool reused = lease->c != NULL;
        uint64_t before = reused ? proa_connection_received(lease->c) : 0;
        rc = exchange(f, lease, ret);
        if (rc == 0) {
            *ret_lease = lease;
            return 0;
        }
        bool silent = lease->c && proa_connection_received(lease->c) == before;
        proa__conn_pool_give(lease, false, 0);
        if (!reused || fresh || !silent || !may_retry(f, rc))
            return rc;
        fresh = true;
    }
}

/* Nanoseconds of "Keep-Alive: timeout=N", less a second so that we give up first; 0: it doesn't
 * say. */
static int64_t idle_time(const struct proa_headers *headers)
{
    struct proa_str rest = proa_headers_get(headers, "Keep-Alive");
    struct proa_str item;
    uint64_t n;

    while (proa_str_next(&rest, ',', &item)) {
        item = proa_str_trim(item);
        if (!proa_str_casestarts(item, PROA_STR("timeout=")))
            continue;
        if (proa_str_parse_uint(proa_str_sub(item, 8, PROA_UNLIMITED), &n) == 0 &&
            n < KEEP_ALIVE_MAX)
            return n > 1 ? (int64_t)(n - 1) * PROA_SEC : 1;
    }
    return 0;
}

void proa__fetch_done(const struct proa_session *s, struct lease *lease,
                      const struct proa_reply *reply, bool whole)
{
    bool keep = whole && !s->opts.no_keepalive;

    proa__conn_pool_give(lease, keep, keep ? idle_time(reply->headers) : 0);
}
