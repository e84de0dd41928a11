#include "secured.h"

#include "server/conn.h"
#include "server/server.h"
#include "support/t_peer.h"

#include <proa/addr.h>

struct secured secured;

static int hello(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    secured.calls++;
    return proa_response_text(resp, 200, "hello");
}

static int echo(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body = {0};

    (void)arg;
    secured.calls++;
    secured.body_rc = proa_request_read_body(req, &body);
    secured.body_n = body.n;
    if (secured.body_rc < 0)
        return secured.body_rc;
    return proa_response_bytes(resp, 200, "text/plain", body.p, body.n);
}

struct proa_app *secured_app(void)
{
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/", hello, NULL);
    proa_app_post(app, "/", echo, NULL);
    return app;
}

struct frame {
    void (*body)(void);
    const struct proa_server_opts *opts;
};

static int frame_body(void *arg)
{
    const struct frame *f = arg;
    struct proa_app *app = secured_app();

    secured = (struct secured){
        .server_ctx = T_SERVER(.alpn = "http/1.1"),
        .client_ctx = T_CLIENT(.no_resumption = true, .alpn = "http/1.1"),
    };
    secured.server = served_start(app, f->opts);
    f->body();
    served_end(secured.server, app);
    proa_tls_ctx_unref(secured.client_ctx);
    proa_tls_ctx_unref(secured.server_ctx);
    return 0;
}

void secured_run(void (*body)(void), const struct proa_server_opts *opts)
{
    t_run(frame_body, &(struct frame){body, opts});
}

struct proa_stream *secured_lower(const struct pair_opts *network, struct proa_tls_ctx *ctx)
{
    struct site site = {.server = secured.server, .tls = ctx ? ctx : secured.server_ctx};
    struct proa_stream *mine = NULL;
    struct proa_stream *its = NULL;
    struct proa_addr peer;

    ck_ok(proa_addr_ip(&peer, "127.0.0.1", 1));
    ck_ok(proa__pair_new(&mine, &its, network));
    proa__conn_accept(&site, its, &peer);
    return mine;
}

struct proa_stream *secured_connect(const struct pair_opts *network)
{
    struct proa_stream *s = NULL;

    ck_ok(proa_tls_client(&s, secured_lower(network, NULL), secured.client_ctx,
                          PROA_TLS_OPTS(.server_name = "a.example")));
    return s;
}
