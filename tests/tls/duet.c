#include "tls/duet.h"

#include "support/t_run.h"
#include "tls/ctx.h"

#include <proa/group.h>
#include <proa/run.h>
#include <proa/stream.h>

#include <stdio.h>
#include <string.h>

struct t_cert t_ca, t_leaf;

void t_certs(void)
{
    if (t_ca.cert[0])
        return;
    T_CERT(&t_ca, .cn = "proa test authority", .ca = true);
    T_CERT(&t_leaf, .cn = "a.example", .issuer = &t_ca,
           .san = "DNS:a.example,DNS:b.example,DNS:*.w.example,IP:127.0.0.1,IP:::1");
}

struct proa_tls_ctx *t_client_ctx(const struct proa_tls_client_opts *more)
{
    struct proa_tls_client_opts o = *more;
    struct proa_tls_ctx *ctx = NULL;

    t_certs();
    if (!o.insecure && !o.ca_pem.n)
        o.ca_pem = t_pem(t_ca.cert);
    ck_ok(proa_tls_client_ctx_new(&ctx, &o));
    return ctx;
}

struct proa_tls_ctx *t_server_ctx(const struct proa_tls_server_opts *more)
{
    struct proa_tls_server_opts o = *more;
    struct proa_tls_ctx *ctx = NULL;

    t_certs();
    if (!o.cert_pem.n && !o.cert_file) {
        o.cert_pem = t_pem(t_leaf.cert);
        o.key_pem = t_pem(t_leaf.key);
    }
    ck_ok(proa_tls_server_ctx_new(&ctx, &o));
    return ctx;
}

void t_says(const char *detail, const char *words)
{
    ck_assert_msg(strstr(detail, words) != NULL, "\"%s\" does not say \"%s\"", detail, words);
}

struct side {
    struct duet *d;
    struct proa_stream *lower;
};

static int play(struct proa_stream *s, struct duet *d, duet_fn *fn)
{
    return fn ? fn(s, d) : proa_close(s);
}

static int be_client(void *arg)
{
    struct side *side = arg;
    struct duet *d = side->d;
    struct proa_stream *s = NULL;
    const struct proa_tls_opts *opts = d->opts;

    d->client_rc = proa_tls_client(&s, side->lower, d->client_ctx,
                                   opts ? opts : PROA_TLS_OPTS(.server_name = "a.example"));
    if (d->client_rc == 0) {
        d->client_up = true;
        ck_ok(proa_tls_info(s, &d->client_info));
        snprintf(d->alpn, sizeof d->alpn, "%.*s", PROA_PRI(d->client_info.alpn));
        d->client_rc = play(s, d, d->client);
    }
    if (d->client_rc < 0)
        snprintf(d->client_detail, sizeof d->client_detail, "%s", proa_err_detail(d->client_rc));
    return 0;
}

static int be_server(void *arg)
{
    struct side *side = arg;
    struct duet *d = side->d;
    struct proa_stream *s = NULL;

    d->server_rc = proa_tls_server(&s, side->lower, d->server_ctx);
    if (d->server_rc == 0) {
        d->server_up = true;
        ck_ok(proa_tls_info(s, &d->server_info));
        d->server_rc = play(s, d, d->server);
    }
    if (d->server_rc < 0)
        snprintf(d->server_detail, sizeof d->server_detail, "%s", proa_err_detail(d->server_rc));
    return 0;
}

int t_duet(struct duet *d)
{
    struct proa_tls_ctx *own_client = d->client_ctx ? NULL : T_CLIENT();
    struct proa_tls_ctx *own_server = d->server_ctx ? NULL : T_SERVER();
    struct side client = {.d = d}, server = {.d = d};
    int rc;

    if (own_client)
        d->client_ctx = own_client;
    if (own_server)
        d->server_ctx = own_server;
    d->client_rc = d->server_rc = 0;
    d->client_up = d->server_up = false;
    rc = proa__pair_new(&client.lower, &server.lower, &d->pair);
    if (rc == 0) {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, be_client, &client));
        ck_ok(proa_create_task(&g, be_server, &server));
        rc = proa_group_join(&g);
    }
    if (own_client)
        d->client_ctx = NULL;
    if (own_server)
        d->server_ctx = NULL;
    proa_tls_ctx_unref(own_client);
    proa_tls_ctx_unref(own_server);
    if (rc < 0)
        return rc;
    return d->client_rc < 0 ? d->client_rc : d->server_rc < 0 ? d->server_rc : 0;
}

static int run(void *arg)
{
    struct duet *d = arg;
    int rc = t_duet(d);

    if (d->client_ctx) /* what it learnt would count as left behind */
        proa__tls_sessions_clear(&d->client_ctx->sessions);
    return rc;
}

int t_duet_run(struct duet *d)
{
    return t_run_rc(run, d);
}

int t_ask(struct proa_stream *s, struct duet *d)
{
    char word[5];
    int rc = proa_write(s, "ping", 4, NULL);

    (void)d;
    if (rc == 0)
        rc = proa_read_exact(s, word, 4, NULL);
    if (rc < 0) {
        proa_abort(s);
        return rc;
    }
    ck_assert_int_eq(memcmp(word, "pong", 4), 0);
    return proa_close(s);
}

int t_answer(struct proa_stream *s, struct duet *d)
{
    char word[5];
    int rc = proa_read_exact(s, word, 4, NULL);

    (void)d;
    if (rc == 0)
        rc = proa_write(s, "pong", 4, NULL);
    if (rc == 0)
        rc = (int)proa_read(s, word, sizeof word);
    if (rc < 0) {
        proa_abort(s);
        return rc;
    }
    ck_assert_int_eq(rc, 0);
    return proa_close(s);
}
