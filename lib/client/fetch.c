#include "base/check.h"
#include "base/fail.h"
#include "base/opts.h"
#include "client/session.h"
#include "core/loop.h"

#include <proa/err.h>
#include <proa/scope.h>
#include <proa/time.h>

static int parse_url(struct fetch *f, const char *url)
{
    const struct proa_url *base = &f->session->base;
    int rc = base->text.p ? proa_url_resolve(&f->url, base, proa_str_from(url))
                          : proa_url_parse(&f->url, proa_str_from(url));

    if (rc < 0)
        return rc;
    if (proa_str_eq(f->url.scheme, PROA_STR("http")) ||
        proa_str_eq(f->url.scheme, PROA_STR("https")))
        return 0;
    return proa__fail(PROA_EURL, "%s: only http and https can be fetched", url);
}

static int begin(struct fetch *f, struct proa_session *s, const char *method, const char *url,
                 const struct proa_fetch_opts *opts)
{
    f->session = s;
    f->method = proa_str_from(method);
    int rc = proa__opts_copy(&f->opts, sizeof f->opts, opts);
    if (rc < 0)
        return rc;
    int64_t total = f->opts.total_timeout ? f->opts.total_timeout : s->opts.total_timeout;
    f->deadline = proa_time_add(proa__loop_now(s->pool.loop), total);
    rc = parse_url(f, url);
    return rc < 0 ? rc : proa__fetch_fields(f);
}

static void end(struct fetch *f)
{
    proa_headers_fini(&f->headers);
    proa_buf_fini(&f->json);
    proa_url_fini(&f->url);
}

static int run(struct fetch *f, struct proa_client_response **ret)
{
    for (;;) {
        struct lease *lease;
        struct proa_reply reply;
        int rc = proa__fetch_hop(f, &lease, &reply);
        if (rc == 0)
            rc = proa__fetch_follow(f, lease, &reply);
        if (rc < 0)
            return rc;
        if (rc == 1)
            return proa__response_new(ret, f, lease, &reply);
    }
}

static int run_in_time(struct fetch *f, struct proa_client_response **ret)
{
    if (f->deadline == PROA_FOREVER)
        return run(f, ret);

    PROA_TIMEOUT(t, f->deadline - proa__loop_now(f->session->pool.loop));
    int rc = run(f, ret);
    if (rc == PROA_ECANCELED)
        rc = proa_timeout_result(&t, rc);
    if (rc == PROA_ETIMEDOUT)
        return proa__fail(PROA_ETOTALTIMEDOUT, "%.*s took longer than the request's total timeout",
                          PROA_PRI(f->url.text));
    return rc;
}

static int check_status(struct proa_client_response *resp)
{
    int status = proa_client_response_status(resp);

    if (status < 400)
        return 0;
    return proa__fail(PROA_EHTTPSTATUS, "%s: status %d", proa_client_response_url(resp), status);
}

int proa_session_request(struct proa_session *s, struct proa_client_response **ret,
                         const char *method, const char *url, const struct proa_fetch_opts *opts)
{
    struct fetch f = {0};
    struct proa_client_response *resp = NULL;

    if (!s)
        return PROA_ENOMEM;
    PROA_CHECK_OBJ(s, MAGIC_SESSION);
    s->refs++;
    int rc = begin(&f, s, method, url, opts);
    if (rc == 0)
        rc = run_in_time(&f, &resp);
    end(&f);
    proa__session_unref(s);
    if (rc == 0 && f.opts.raise_for_status)
        rc = check_status(resp);
    if (rc < 0) {
        proa_client_response_free(resp);
        return rc;
    }
    *ret = resp;
    return 0;
}

int proa_session_get(struct proa_session *s, struct proa_client_response **ret, const char *url,
                     const struct proa_fetch_opts *opts)
{
    return proa_session_request(s, ret, "GET", url, opts);
}

int proa_session_post(struct proa_session *s, struct proa_client_response **ret, const char *url,
                      const struct proa_fetch_opts *opts)
{
    return proa_session_request(s, ret, "POST", url, opts);
}

int proa_fetch(struct proa_client_response **ret, const char *url,
               const struct proa_fetch_opts *opts)
{
    struct proa_session *s;
    int rc = proa_session_new(&s, PROA_SESSION_OPTS(.no_keepalive = true));

    if (rc < 0)
        return rc;
    rc = proa_session_get(s, ret, url, opts);
    if (rc < 0)
        proa_session_free(s);
    else
        (*ret)->own_session = true;
    return rc;
}
