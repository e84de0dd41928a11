#include "base/check.h"
#include "base/encode.h"
#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"
#include "client/session.h"
#include "core/loop.h"

#include <proa/err.h>
#include <proa/http.h>
#include <proa/json.h>
#include <proa/scope.h>
#include <proa/time.h>
#include <proa/version.h>

enum {
    REDIRECT_DRAIN = 64 * 1024
}; /* bytes of a redirect's body worth reading to keep the connection */

/* ---- the request's fields ---- */

static void set_default(struct fetch *f, const char *name, const char *value)
{
    if (!proa_headers_get(&f->headers, name).p)
        proa_headers_add(&f->headers, name, value);
}

static int add_basic(struct fetch *f, struct proa_str user, struct proa_str password)
{
    PROA_AUTO(proa_buf) plain = {0};

    if (proa_str_find(user, ':') != PROA_STR_NONE)
        return proa__fail(PROA_EINVAL,
                          "a user name for Basic authentication holds no ':' (RFC 7617)");
    proa_buf_init(&plain, PROA_UNLIMITED);
    proa_buf_append_str(&plain, user);
    proa_buf_append(&plain, ":", 1);
    proa_buf_append_str(&plain, password);
    if (proa_buf_error(&plain) < 0)
        return proa_buf_error(&plain);

    char *text = proa__alloc(6 + BASE64_ROOM(plain.n));
    if (!text)
        return PROA_ENOMEM;
    memcpy(text, "Basic ", 6);
    proa__base64_encode(text + 6, plain.p, plain.n, BASE64_STD);
    int rc = proa_headers_set(&f->headers, "Authorization", text);
    proa__free(text);
    return rc;
}

/* Decode `text` in a copy of its own; *ret must be freed. */
static int decoded(struct proa_str text, char **ret)
{
    char *copy = proa__strndup(text.p, text.n);

    if (!copy)
        return PROA_ENOMEM;
    ssize_t n = proa__percent_decode(copy, text);
    if (n < 0) {
        proa__free(copy);
        return (int)n;
    }
    copy[n] = 0;
    *ret = copy;
    return 0;
}

/* Credentials: the caller's, else those in the URL he gave. Never those in a Location. */
static int authenticate(struct fetch *f)
{
    char *user = NULL;
    char *password = NULL;

    if (f->opts.basic_user)
        return add_basic(f, proa_str_from(f->opts.basic_user),
                         proa_str_from(f->opts.basic_password));
    if (!f->url.user.p)
        return 0;
    int rc = decoded(f->url.user, &user);
    if (rc == 0)
        rc = decoded(f->url.password, &password);
    if (rc == 0)
        rc = add_basic(f, proa_str_from(user), proa_str_from(password));
    proa__free(user);
    proa__free(password);
    return rc;
}

/* Take over fields, replacing those of the same names that the session gave. */
static void override(struct fetch *f, const struct proa_headers *given)
{
    for (size_t i = 0; i < given->count; i++) {
        char name[64];
        const struct proa_header *h = &given->fields[i];
        if (h->name.n < sizeof name) {
            memcpy(name, h->name.p, h->name.n);
            name[h->name.n] = 0;
            proa_headers_remove(&f->headers, name);
        }
    }
    proa_headers_add_all(&f->headers, given);
}

static int make_body(struct fetch *f)
{
    f->body = f->opts.body;
    if (!f->opts.json)
        return 0;
    proa_buf_init(&f->json, PROA_UNLIMITED);
    int rc = proa_json_dump(&f->json, f->opts.json, PROA_JSON_OPTS(.any_value = true));
    f->body = proa_buf_str(&f->json);
    return rc;
}

static int make_headers(struct fetch *f)
{
    proa_headers_add_all(&f->headers, &f->session->headers);
    if (f->opts.headers)
        override(f, f->opts.headers);
    if (f->opts.content_type)
        proa_headers_set(&f->headers, "Content-Type", f->opts.content_type);
    else if (f->opts.json)
        set_default(f, "Content-Type", "application/json");
    set_default(f, "Accept", "*/*");
    if (!f->session->opts.no_decode)
        set_default(f, "Accept-Encoding", "gzip, deflate");
    if (!proa_headers_get(&f->headers, "User-Agent").p)
        proa_headers_addf(&f->headers, "User-Agent", "proa/%s", proa_version());
    int rc = authenticate(f);
    return rc < 0 ? rc : proa_headers_error(&f->headers);
}

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
    if (rc == 0)
        rc = make_body(f);
    if (rc == 0)
        rc = make_headers(f);
    return rc;
}

static void end(struct fetch *f)
{
    proa_headers_fini(&f->headers);
    proa_buf_fini(&f->json);
    proa_url_fini(&f->url);
}

/* ---- redirects ---- */

static int max_redirects(const struct fetch *f)
{
    return f->opts.max_redirects ? f->opts.max_redirects : f->session->opts.max_redirects;
}

static void remove_all(struct fetch *f, const char *const *names)
{
    for (; *names; names++)
        proa_headers_remove(&f->headers, *names);
}

/* RFC 9110 15.4: what becomes of method and body. */
static void change_method(struct fetch *f, int status)
{
    static const char *const of_body[] = {
        "Content-Type",     "Content-Encoding", "Content-Language",
        "Content-Location", "Content-Digest",   "Repr-Digest",
        "Digest",           "Expect",           NULL};
    bool head = proa_str_eq(f->method, PROA_STR("HEAD"));
    bool post = proa_str_eq(f->method, PROA_STR("POST"));

    if ((status == 303 && !head) || ((status == 301 || status == 302) && post)) {
        f->method = PROA_STR("GET");
        f->body = (struct proa_str){0};
        remove_all(f, of_body);
    }
}

/* Credentials belong to the origin they were given for; once it was left they never come back. */
static void change_origin(struct fetch *f, const struct proa_url *next)
{
    static const char *const secret[] = {"Authorization", "Cookie", "Proxy-Authorization", "Host",
                                         NULL};

    if (proa_url_same_origin(&f->url, next))
        return;
    f->foreign = true;
    remove_all(f, secret);
}

static int next_url(struct fetch *f, const struct proa_headers *headers, struct proa_url *ret)
{
    struct proa_str location = proa_headers_get(headers, "Location");

    if (proa_headers_count(headers, "Location") > 1)
        return proa__fail(PROA_EBADREDIRECT, "%.*s redirects to several places at once",
                          PROA_PRI(f->url.text));
    int rc = proa_url_resolve(ret, &f->url, location);
    if (rc == PROA_ENOMEM)
        return rc;
    if (rc < 0)
        return proa__fail(PROA_EBADREDIRECT, "%.*s redirects to what is no URL",
                          PROA_PRI(f->url.text));

    bool http = proa_str_eq(ret->scheme, PROA_STR("http"));
    if (!http && !proa_str_eq(ret->scheme, PROA_STR("https")))
        rc = proa__fail(PROA_EBADREDIRECT, "%.*s redirects to %.*s:", PROA_PRI(f->url.text),
                        PROA_PRI(ret->scheme));
    else if (http && f->url.secure && !f->session->opts.allow_downgrade)
        rc = proa__fail(PROA_EBADREDIRECT, "%.*s redirects from https to http",
                        PROA_PRI(f->url.text));
    else
        return 0;
    proa_url_fini(ret);
    return rc;
}

/* The body of a redirect is read, undecoded, if that is cheap; else the connection is closed. */
static void drop_body(struct lease *lease)
{
    struct proa_connection *c = lease->c;
    char piece[1024];
    size_t total = 0;
    ssize_t n = 1;

    while (n > 0 && total < REDIRECT_DRAIN) {
        n = proa_connection_read(c, piece, sizeof piece);
        total += n > 0 ? (size_t)n : 0;
    }
    proa__conn_pool_give(lease, n == 0, 0);
}

/* Go where a response points. 0; 1: it is to be handed out as it is; or a code. The lease is taken
 * unless 1. */
static int follow(struct fetch *f, struct lease *lease, const struct proa_reply *reply)
{
    struct proa_url next;

    if (max_redirects(f) < 0 || !proa_status_is_redirect(reply->status) ||
        !proa_headers_get(reply->headers, "Location").p)
        return 1;
    int rc = 0;
    if (f->redirects >= max_redirects(f))
        rc = proa__fail(PROA_ETOOMANYREDIRECTS, "more than %d redirects, the last one from %.*s",
                        max_redirects(f), PROA_PRI(f->url.text));
    else
        rc = next_url(f, reply->headers, &next);
    if (rc < 0) {
        proa__conn_pool_give(lease, false, 0);
        return rc;
    }
    change_method(f, reply->status);
    drop_body(lease);
    change_origin(f, &next);
    proa_url_fini(&f->url);
    f->url = next;
    f->redirects++;
    return 0;
}

static int run(struct fetch *f, struct proa_client_response **ret)
{
    for (;;) {
        struct lease *lease;
        struct proa_reply reply;
        int rc = proa__fetch_hop(f, &lease, &reply);
        if (rc < 0)
            return rc;
        rc = follow(f, lease, &reply);
        if (rc < 0)
            return rc;
        if (rc == 1)
            return proa__response_new(ret, f, lease, &reply);
    }
}

/* ---- the public calls ---- */

static int run_in_time(struct fetch *f, struct proa_client_response **ret)
{
    int64_t left = f->deadline == PROA_FOREVER
                       ? PROA_FOREVER
                       : f->deadline - proa__loop_now(f->session->pool.loop);

    PROA_TIMEOUT(t, left);
    int rc = proa_timeout_result(&t, run(f, ret));
    if (rc == PROA_ETIMEDOUT)
        return proa__fail(PROA_ETOTALTIMEDOUT, "%.*s took longer than the request's total timeout",
                          PROA_PRI(f->url.text));
    return rc;
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
    if (rc < 0)
        return rc;
    int status = proa_client_response_status(resp);
    if (f.opts.raise_for_status && status >= 400) {
        proa__fail(PROA_EHTTPSTATUS, "%s: status %d", proa_client_response_url(resp), status);
        proa_client_response_free(resp);
        return PROA_EHTTPSTATUS;
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
