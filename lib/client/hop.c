#include "base/fail.h"
#include "client/connection.h"
#include "client/session.h"
#include "core/loop.h"
#include "http/writer.h"

#include <proa/err.h>
#include <proa/http.h>
#include <proa/scope.h>
#include <proa/time.h>

enum { CONTINUE_WAIT_MS = 1000 };

static int take(struct fetch *f, struct lease **ret, bool fresh)
{
    struct proa_session *s = f->session;
    PROA_AUTO(proa_buf) origin = {0};

    proa_buf_init(&origin, PROA_UNLIMITED);
    proa_buf_append_str(&origin, f->url.scheme);
    proa_buf_append(&origin, "://", 3);
    proa_buf_append_str(&origin, f->url.authority);
    if (f->url.zone.n) {
        proa_buf_append(&origin, "%", 1);
        proa_buf_append_str(&origin, f->url.zone);
    }
    if (proa_buf_error(&origin) < 0)
        return proa_buf_error(&origin);
    PROA_TIMEOUT(t, s->opts.pool_timeout);
    int rc = proa_timeout_result(&t,
                                 proa__conn_pool_take(&s->pool, ret, proa_buf_str(&origin), fresh));
    if (rc == PROA_ETIMEDOUT)
        return proa__fail(PROA_EPOOLTIMEDOUT, "no free connection to %.*s for %lld ms",
                          PROA_PRI(f->url.authority), (long long)(s->opts.pool_timeout / PROA_MS));
    return rc;
}

static int connect_lease(struct fetch *f, struct lease *lease)
{
    struct proa_session *s = f->session;
    PROA_AUTO(proa_buf) url = {0};

    proa_buf_init(&url, PROA_UNLIMITED);
    proa_buf_append_str(&url, f->url.scheme);
    proa_buf_append(&url, "://", 3);
    proa_buf_append_str(&url, f->url.authority);
    if (proa_buf_error(&url) < 0)
        return proa_buf_error(&url);
    return proa_connection_open(&lease->c, proa_buf_str(&url).p,
                                PROA_CONNECTION_OPTS(.unix_path = s->unix_path, .tls = s->tls,
                                                     .connect_timeout = s->opts.connect_timeout,
                                                     .tls_timeout = s->opts.tls_timeout,
                                                     .write_timeout = s->opts.write_timeout,
                                                     .first_timeout = s->opts.first_timeout,
                                                     .read_timeout = s->opts.read_timeout));
}

static bool expects_continue(const struct fetch *f)
{
    return f->body.n && proa_headers_has_token(&f->headers, "Expect", "100-continue");
}

static int send(struct fetch *f, struct proa_connection *c)
{
    uint8_t asked = proa_str_eq(f->method, PROA_STR("HEAD")) ? ASKED_HEAD : 0;
    PROA_AUTO(proa_buf) head = {0};
    struct body_out frame;

    proa_buf_init(&head, PROA_UNLIMITED);
    int rc = proa__request_head(&head, &frame,
                                &(struct request_head){.method = f->method,
                                                       .target = f->url.target,
                                                       .host = f->url.authority,
                                                       .headers = &f->headers,
                                                       .length = f->body.n,
                                                       .close = f->session->opts.no_keepalive});
    if (rc < 0)
        return rc;
    struct iovec iov[2] = {{head.p, head.n}, {(void *)f->body.p, f->body.n}};
    if (!expects_continue(f))
        return proa__connection_send(c, iov, f->body.n ? 2 : 1, asked, 1);

    rc = proa__connection_send(c, iov, 1, asked, 1);
    if (rc == 0)
        rc = proa__connection_await_continue(c, CONTINUE_WAIT_MS * PROA_MS);
    if (rc == 1)
        return proa__connection_send_part(c, &iov[1], 1);
    if (rc == 0)
        c->last = true; /* the body that was announced will not follow */
    return rc;
}

/* A failure that only means that the server had closed an idle connection. */
static bool is_stale(int rc)
{
    return rc == PROA_EEOF || rc == PROA_ECONNRESET || rc == PROA_EPIPE;
}

/* The request failed to leave, but a server that refuses early says so before it closes. */
static bool may_have_answered(int rc)
{
    return rc == PROA_EPIPE || rc == PROA_ECONNRESET;
}

static int exchange(struct fetch *f, struct lease *lease, struct proa_reply *ret)
{
    int rc = lease->c ? 0 : connect_lease(f, lease);

    if (rc < 0)
        return rc;
    if (f->session->pool.closed)
        return PROA_ECLOSED;
    rc = send(f, lease->c);
    if (rc < 0 && !may_have_answered(rc))
        return rc;
    int received = proa_connection_receive(lease->c, ret);
    return rc < 0 && received < 0 ? rc : received;
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
        if (!reused || fresh || !silent || !is_stale(rc) || f->session->opts.no_retry ||
            !proa_method_is_idempotent(proa_method_from(f->method)))
            return rc;
        fresh = true;
    }
}
