#include "base/fail.h"
#include "client/session.h"

#include <proa/err.h>
#include <proa/http.h>
#include <proa/scope.h>
#include <proa/time.h>

/* Bytes of a redirect's body that are worth reading to keep the connection; limits.h says for how
 * long. */
#define DRAIN_MAX ((int64_t)64 << 10)

static int max_redirects(const struct fetch *f)
{
    return f->opts.max_redirects ? f->opts.max_redirects : f->session->opts.max_redirects;
}

/* ---- where to ---- */

/* `location` against where we are. It takes our fragment along unless it has one (RFC 9110
 * 10.2.2). */
static int resolve(const struct fetch *f, struct proa_str location, struct proa_url *ret)
{
    PROA_AUTO(proa_buf) text = {0};

    if (!f->url.fragment.p || proa_str_find(location, '#') != PROA_STR_NONE)
        return proa_url_resolve(ret, &f->url, location);
    proa_buf_init(&text, PROA_UNLIMITED);
    proa_buf_append_str(&text, location);
    proa_buf_append(&text, "#", 1);
    proa_buf_append_str(&text, f->url.fragment);
    if (proa_buf_error(&text) < 0)
        return proa_buf_error(&text);
    return proa_url_resolve(ret, &f->url, proa_buf_str(&text));
}

static int check_next(const struct fetch *f, const struct proa_url *next)
{
    bool http = proa_str_eq(next->scheme, PROA_STR("http"));

    if (!http && !proa_str_eq(next->scheme, PROA_STR("https")))
        return proa__fail(PROA_EBADREDIRECT, "%.*s redirects to %.*s:", PROA_PRI(f->url.text),
                          PROA_PRI(next->scheme));
    if (http && f->url.secure && !f->session->opts.allow_downgrade)
        return proa__fail(PROA_EBADREDIRECT, "%.*s redirects from https to http",
                          PROA_PRI(f->url.text));
    return 0;
}

static int next_url(const struct fetch *f, const struct proa_headers *headers, struct proa_url *ret)
{
    if (f->redirects >= max_redirects(f))
        return proa__fail(PROA_ETOOMANYREDIRECTS, "more than %d redirects, the last one from %.*s",
                          max_redirects(f), PROA_PRI(f->url.text));
    if (proa_headers_count(headers, "Location") > 1)
        return proa__fail(PROA_EBADREDIRECT, "%.*s redirects to several places at once",
                          PROA_PRI(f->url.text));
    int rc = resolve(f, proa_headers_get(headers, "Location"), ret);
    if (rc == PROA_ENOMEM)
        return rc;
    if (rc < 0)
        return proa__fail(PROA_EBADREDIRECT, "%.*s redirects to what is no URL",
                          PROA_PRI(f->url.text));
    rc = check_next(f, ret);
    if (rc < 0)
        proa_url_fini(ret);
    return rc;
}

/* ---- with what ---- */

static void remove_all(struct fetch *f, const char *const *names)
{
    for (; *names; names++)
        proa_headers_remove(&f->headers, *names);
}

/* RFC 9110 15.4: what becomes of method and body. */
static void change_method(struct fetch *f, int status)
{
    static const char *const of_body[] = {"Content-Type",     "Content-Encoding",
                                          "Content-Language", "Content-Location",
                                          "Content-Digest",   "Repr-Digest",
                                          "Digest",           "Last-Modified",
                                          "Expect",           NULL};
    bool head = proa_str_eq(f->method, PROA_STR("HEAD"));
    bool post = proa_str_eq(f->method, PROA_STR("POST"));

    if ((status == 303 && !head) || ((status == 301 || status == 302) && post)) {
        f->method = PROA_STR("GET");
        f->body = (struct proa_str){0};
        remove_all(f, of_body);
    }
}

/* Credentials belong to the origin they were given for. They are taken off the request itself, so
 * nothing brings them back. */
static void change_origin(struct fetch *f, const struct proa_url *next)
{
    static const char *const secret[] = {"Authorization", "Cookie", "Proxy-Authorization", "Host",
                                         NULL};

    if (!proa_url_same_origin(&f->url, next))
        remove_all(f, secret);
}

/* ---- and the connection ---- */

/* Read the body, as it came, if that is cheap. Whether it is at its end. */
static bool drain(struct proa_connection *c, int64_t length)
{
    char piece[1024];
    int64_t total = 0;
    ssize_t n = 1;

    if (length > DRAIN_MAX)
        return false;
    PROA_TIMEOUT(t, (int64_t)proa__http_limits_client.drain_time);
    while (n > 0 && total <= DRAIN_MAX) {
        n = proa_connection_read(c, piece, sizeof piece);
        total += n;
    }
    proa_timeout_result(&t, 0); /* then it is closed, and all is well */
    return n == 0;
}

int proa__fetch_follow(struct fetch *f, struct lease *lease, const struct proa_reply *reply)
{
    struct proa_url next;

    if (max_redirects(f) < 0 || !proa_status_is_redirect(reply->status) ||
        !proa_headers_get(reply->headers, "Location").p)
        return 1;
    int rc = next_url(f, reply->headers, &next);
    bool whole = rc == 0 && drain(lease->c, reply->length);
    int status = reply->status;
    proa__fetch_done(f->session, lease, reply, whole);
    if (rc < 0)
        return rc;
    change_method(f, status);
    change_origin(f, &next);
    proa_url_fini(&f->url);
    f->url = next;
    f->redirects++;
    return 0;
}
