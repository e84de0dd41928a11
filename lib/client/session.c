#include "client/session.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/loop.h"

#include <proa/err.h>
#include <proa/scope.h>
#include <proa/time.h>
#include <proa/tls.h>

static void default_time(int64_t *option, int64_t otherwise)
{
    if (*option == 0)
        *option = otherwise;
}

static void fill_defaults(struct proa_session_opts *o)
{
    if (!o->limit)
        o->limit = 100;
    if (!o->limit_per_host)
        o->limit_per_host = PROA_UNLIMITED;
    if (!o->max_body)
        o->max_body = (size_t)32 << 20;
    if (!o->max_redirects)
        o->max_redirects = 10;
    default_time(&o->idle_timeout, 15 * PROA_SEC);
    default_time(&o->pool_timeout, PROA_FOREVER);
    default_time(&o->total_timeout, PROA_FOREVER);
}

/* Copy what the options point at. */
static int own(struct proa_session *s)
{
    struct proa_session_opts *o = &s->opts;

    if (o->headers) {
        int rc = proa_headers_add_all(&s->headers, o->headers);
        if (rc < 0)
            return rc;
    }
    if (o->base_url) {
        int rc = proa_url_parse(&s->base, proa_str_from(o->base_url));
        if (rc < 0)
            return rc;
    }
    if (o->unix_path) {
        s->unix_path = proa__strdup(o->unix_path);
        if (!s->unix_path)
            return PROA_ENOMEM;
    }
    s->tls = o->tls ? proa_tls_ctx_ref(o->tls) : NULL;
    o->headers = NULL;
    o->base_url = o->unix_path = NULL;
    return 0;
}

int proa_session_new(struct proa_session **ret, const struct proa_session_opts *opts)
{
    struct proa_session *s = proa__zalloc(sizeof *s);

    if (!s)
        return PROA_ENOMEM;
    s->magic = MAGIC_SESSION;
    s->refs = 1;
    int rc = proa__opts_copy(&s->opts, sizeof s->opts, opts);
    fill_defaults(&s->opts);
    proa__conn_pool_init(&s->pool, proa__loop_need("proa_session_new"), s->opts.limit,
                         s->opts.limit_per_host, s->opts.idle_timeout);
    if (rc == 0)
        rc = own(s);
    if (rc < 0) {
        proa__session_unref(s);
        return rc;
    }
    *ret = s;
    return 0;
}

void proa__session_unref(struct proa_session *s)
{
    if (--s->refs)
        return;
    proa__conn_pool_fini(&s->pool);
    proa_headers_fini(&s->headers);
    proa_url_fini(&s->base);
    proa_tls_ctx_unref(s->tls);
    proa__free(s->unix_path);
    s->magic = 0;
    proa__free(s);
}

void proa_session_free(struct proa_session *s)
{
    if (!s)
        return;
    PROA_CHECK_OBJ(s, MAGIC_SESSION);
    proa__conn_pool_close(&s->pool);
    proa__session_unref(s);
}

/* One after another: each has room for its last record, or nearly always, and what must wait may do
 * so for a second in all. */
void proa_session_close(struct proa_session *s)
{
    if (!s)
        return;
    PROA_CHECK_OBJ(s, MAGIC_SESSION);
    proa__conn_pool_shut(&s->pool);
    PROA_TIMEOUT(t, PROA_SEC);
    for (struct proa_connection *c; (c = proa__conn_pool_pop_idle(&s->pool));)
        proa_connection_close(c);
    proa_timeout_result(&t, 0);
    proa_session_free(s);
}
