/* How a TLS stream begins: for a server without waiting, for a client with all that it must check.
 */

#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/wait.h"
#include "tls/conn.h"
#include "tls/ctx.h"
#include "tls/library.h"
#include "tls/stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <stdio.h>

enum { NAME_ROOM = 256 }; /* RFC 6066 and DNS: 255 bytes */

/* ---- the name that the other end must have */

struct peer_name {
    char text[NAME_ROOM]; /* without brackets, zone and final dot; empty: not told */
    bool ip;
};

static bool is_ip(const char *text)
{
    unsigned char addr[16];

    return inet_pton(AF_INET, text, addr) == 1 || inet_pton(AF_INET6, text, addr) == 1;
}

static int parse_name(struct peer_name *ret, const char *name)
{
    struct proa_str s = proa_str_from(name);

    if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
        s = proa_str_sub(s, 1, s.n - 2);
    if (s.n > 1 && s.p[s.n - 1] == '.')
        s.n--;
    if (s.n >= sizeof ret->text)
        return proa__fail(PROA_EINVAL, "server_name: longer than a host name can be");
    memset(ret, 0, sizeof *ret);
    if (s.n)
        memcpy(ret->text, s.p, s.n);

    char *zone = strchr(ret->text, '%'); /* fe80::1%eth0: no certificate knows our interfaces */
    if (zone && strchr(ret->text, ':'))
        *zone = 0;
    ret->ip = is_ip(ret->text);
    if (ret->text[0] == '.') /* OpenSSL would take it for "any name below" */
        return proa__fail(PROA_EINVAL, "server_name \"%s\": not a host name", ret->text);
    for (const char *p = ret->text; *p; p++)
        if (*p <= ' ' || *p > '~')
            return proa__fail(
                PROA_EINVAL,
                "server_name: not a host name (international names go in their xn-- form)");
    return 0;
}

/* ---- making one */

struct make {
    struct tls *t;
    const struct proa_tls_opts *opts; /* NULL: a server */
    struct peer_name peer;
    int rc;
};

static int set_peer(struct tls *t, const struct peer_name *peer)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    bool ok;

    if (!peer->text[0])
        return 0;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (peer->ip)
        ok = X509_VERIFY_PARAM_set1_ip_asc(param, peer->text) == 1;
    else
        ok = X509_VERIFY_PARAM_set1_host(param, peer->text, 0) == 1 &&
             SSL_set_tlsext_host_name(t->ssl, peer->text) == 1;
    t->name = proa__strdup(peer->text);
    return ok && t->name ? 0 : PROA_ENOMEM;
}

static int set_alpn(struct tls *t, const char *list)
{
    struct proa_str *offered = &t->shake->alpn;
    int rc;

    *offered = t->ctx->settings.alpn;
    if (!list)
        return 0;
    rc = proa__tls_alpn_wire(offered, &t->shake->arena, list);
    if (rc < 0)
        return rc;
    if (SSL_set_alpn_protos(t->ssl, (const unsigned char *)offered->p, (unsigned)offered->n) != 0)
        return PROA_ENOMEM;
    return 0;
}

/* Sessions need a name to be kept under; what is told apart here is never mixed up. */
static int set_session(struct tls *t, const struct proa_tls_opts *o)
{
    SSL_SESSION *session;
    const char *via = o->via ? o->via : "";
    size_t room;
    bool ok;

    if (o->no_resumption || t->ctx->settings.no_resumption || !t->name)
        return 0;
    room = strlen(t->name) + strlen(via) + 16; /* of the port and what stands between */
    t->session_key = proa__alloc(room);
    if (!t->session_key)
        return PROA_ENOMEM;
    snprintf(t->session_key, room, "%s\n%d\n%s", t->name, o->port, via);

    session = proa__tls_sessions_take(&t->ctx->sessions, proa_str_from(t->session_key));
    if (!session)
        return 0;
    ok = SSL_set_session(t->ssl, session) == 1;
    SSL_SESSION_free(session);
    return ok ? 0 : PROA_ENOMEM;
}

static int make_client(struct make *m)
{
    struct tls *t = m->t;
    int rc = set_peer(t, &m->peer);

    if (rc == 0)
        rc = set_alpn(t, m->opts->alpn);
    if (rc == 0)
        rc = set_session(t, m->opts);
    return rc;
}

static void make_deep(void *arg)
{
    struct make *m = arg;
    struct tls *t = m->t;

    t->ssl = SSL_new(t->ctx->ssl);
    m->rc = t->ssl ? proa__tls_bio_attach(t) : PROA_ENOMEM;
    if (m->rc == 0 && t->client)
        m->rc = make_client(m);
    if (m->rc < 0) {
        ERR_clear_error();
        return;
    }
    if (t->client)
        SSL_set_connect_state(t->ssl);
    else
        SSL_set_accept_state(t->ssl);
}

static int make_tls(struct proa_stream **ret, struct proa_stream *lower_steal, struct make *m,
                    struct proa_tls_ctx *ctx)
{
    struct tls *t;

    m->rc = proa__stream_give(lower_steal);
    if (m->rc < 0) {
        proa__stream_close(lower_steal);
        return m->rc;
    }
    t = proa__zalloc(sizeof *t);
    m->rc = PROA_ENOMEM;
    m->t = t;
    if (t) {
        proa__stream_init(&t->s, &proa__tls_ops);
        t->ctx = proa_tls_ctx_ref(ctx);
        t->client = m->opts != NULL;
        t->lower = lower_steal;
        t->shake = proa__zalloc(sizeof *t->shake);
    }
    if (t && t->shake)
        proa__tls_deep(make_deep, m);
    if (m->rc < 0) {
        if (t)
            proa__tls_free(t);
        proa__stream_close(lower_steal);
        return m->rc;
    }
    *ret = &t->s;
    return 0;
}

int proa__tls_server_new(struct proa_stream **ret, struct proa_stream *lower_steal,
                         struct proa_tls_ctx *ctx)
{
    struct make m = {0};

    proa__tls_ctx_check(ctx, "proa_tls_server");
    if (!ctx->settings.server) {
        proa__stream_close(lower_steal);
        return proa__fail(PROA_EINVAL, "TLS server stream from a context for clients");
    }
    return make_tls(ret, lower_steal, &m, ctx);
}

static int check_client(struct make *m, struct proa_tls_opts *o, const struct proa_tls_ctx *ctx,
                        const struct proa_tls_opts *opts)
{
    int rc = proa__opts_copy(o, sizeof *o, opts);

    if (rc < 0)
        return rc;
    rc = parse_name(&m->peer, o->server_name);
    if (rc < 0)
        return rc;
    if (ctx->settings.server)
        return proa__fail(PROA_EINVAL, "TLS client stream from a context for servers");
    if (!m->peer.text[0] && !ctx->settings.insecure)
        return proa__fail(PROA_EINVAL,
                          "TLS without server_name: whose certificate should be believed?");
    m->opts = o;
    return 0;
}

int proa__tls_client_new(struct proa_stream **ret, struct proa_stream *lower_steal,
                         struct proa_tls_ctx *ctx, const struct proa_tls_opts *opts)
{
    struct proa_tls_opts o;
    struct make m = {0};
    int rc;

    proa__tls_ctx_check(ctx, "proa_tls_client");
    rc = check_client(&m, &o, ctx, opts);
    if (rc < 0) {
        proa__stream_close(lower_steal);
        return rc;
    }
    return make_tls(ret, lower_steal, &m, ctx);
}

/* ---- shaking hands */

struct shake_call {
    struct tls *t;
    int rc;
};

static void shake_deep(void *arg)
{
    struct shake_call *c = arg;

    c->rc = proa__tls_shake(c->t);
}

int proa__tls_handshake(struct proa_stream *s)
{
    struct shake_call c = {.t = proa__tls_from(s)};

    PROA_CHECK(c.t, "proa__tls_handshake: not a TLS stream");
    proa__tls_deep(shake_deep, &c);
    proa__tls_settle(c.t);
    return c.rc;
}

/* Park until it is complete. On failure the stream is gone: in order, so that an alert arrives, but
 * a handshake that a cancel has cut is reset, as all that is cut is. */
static int wait_for_handshake(struct proa_stream **ret, struct proa_stream *s)
{
    int rc;

    while ((rc = proa__tls_handshake(s)) == PROA_EAGAIN) {
        rc = proa__stream_wait(s, STREAM_READ);
        if (rc == PROA_ECLOSED)
            return rc;
        if (rc < 0)
            break;
    }
    if (rc == PROA_ECANCELED)
        proa__stream_abort(s);
    else if (rc < 0)
        proa__stream_close(s);
    else
        *ret = s;
    return rc;
}

/* A call that is cancelled already does nothing, even if it would not have to wait; the connection
 * is reset all the same. */
static int enter(struct proa_stream *lower_steal, const char *call)
{
    int rc = proa__wait_enter(call);

    if (rc < 0)
        proa__stream_abort(lower_steal);
    return rc;
}

int proa_tls_client(struct proa_stream **ret, struct proa_stream *lower_steal,
                    struct proa_tls_ctx *ctx, const struct proa_tls_opts *opts)
{
    struct proa_stream *s = NULL;
    int rc = enter(lower_steal, __func__);

    if (rc == 0)
        rc = proa__tls_client_new(&s, lower_steal, ctx, opts);
    return rc < 0 ? rc : wait_for_handshake(ret, s);
}

int proa_tls_server(struct proa_stream **ret, struct proa_stream *lower_steal,
                    struct proa_tls_ctx *ctx)
{
    struct proa_stream *s = NULL;
    int rc = enter(lower_steal, __func__);

    if (rc == 0)
        rc = proa__tls_server_new(&s, lower_steal, ctx);
    return rc < 0 ? rc : wait_for_handshake(ret, s);
}
