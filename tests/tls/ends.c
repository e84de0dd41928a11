#include "tls/ends.h"

#include "support/t_run.h"

#include <proa/group.h>
#include <proa/stream.h>

static int shake_server(void *arg)
{
    struct ends *e = arg;

    return proa_tls_server(&e->s, e->s_lower, e->server_ctx);
}

int t_shake(struct ends *e, const struct pair_opts *pair)
{
    PROA_GROUP(g);
    int rc, joined;

    *e = (struct ends){.client_ctx = e->client_ctx};
    rc = proa__pair_new(&e->c_lower, &e->s_lower, pair);
    if (rc < 0)
        return rc;
    if (!e->client_ctx)
        e->client_ctx = T_CLIENT(.no_resumption = true);
    e->server_ctx = T_SERVER();
    ck_ok(proa_create_task(&g, shake_server, e));
    rc = proa_tls_client(&e->c, e->c_lower, e->client_ctx,
                         PROA_TLS_OPTS(.server_name = "a.example"));
    joined = proa_group_join(&g);
    return rc < 0 ? rc : joined;
}

void t_leave(struct ends *e)
{
    proa_abort(e->c);
    proa_abort(e->s);
    proa_tls_ctx_unref(e->client_ctx);
    proa_tls_ctx_unref(e->server_ctx);
    *e = (struct ends){0};
}
