#include "base/encode.h"
#include "base/fail.h"
#include "base/mem.h"
#include "client/session.h"
#include "http/headers.h"

#include <proa/err.h>
#include <proa/json.h>
#include <proa/version.h>

/* ---- Basic credentials (RFC 7617) ---- */

static int check_credentials(struct proa_str user, struct proa_str password)
{
    if (proa_str_find(user, ':') != PROA_STR_NONE)
        return proa__fail(PROA_EINVAL,
                          "a user name for Basic authentication holds no ':' (RFC 7617)");
    if (!proa__is_field_value(user) || !proa__is_field_value(password))
        return proa__fail(PROA_EINVAL, "Basic credentials hold no control characters (RFC 7617)");
    return 0;
}

static int set_basic(struct fetch *f, struct proa_str user, struct proa_str password)
{
    PROA_AUTO(proa_buf) plain = {0};
    int rc = check_credentials(user, password);

    if (rc < 0)
        return rc;
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
    rc = proa_headers_set(&f->headers, "Authorization", text);
    proa__free(text);
    return rc;
}

/* Decode in place: `text` is a copy of `*part`, which then is what it stands for. */
static int decode(char *text, struct proa_str *part)
{
    ssize_t n = proa__percent_decode(text, *part);

    if (n < 0)
        return (int)n;
    *part = proa_str_make(text, (size_t)n);
    return 0;
}

/* Those in the URL that the caller gave, or in the session's base. */
static int set_basic_of_url(struct fetch *f)
{
    struct proa_str user = f->url.user;
    struct proa_str password = f->url.password;
    char *text = proa__alloc(user.n + password.n + 1);

    if (!text)
        return PROA_ENOMEM;
    int rc = decode(text, &user);
    if (rc == 0 && password.p)
        rc = decode(text + f->url.user.n, &password);
    if (rc == 0)
        rc = set_basic(f, user, password);
    proa__free(text);
    return rc;
}

/* ---- fields ---- */

static bool has(const struct proa_headers *headers, struct proa_str name)
{
    for (uint32_t i = 0; headers && i < headers->count; i++) {
        if (proa_str_caseeq(headers->fields[i].name, name))
            return true;
    }
    return false;
}

/* The session's, but for those that the request has itself. */
static void add_session(struct fetch *f)
{
    const struct proa_headers *defaults = &f->session->headers;

    for (uint32_t i = 0; i < defaults->count; i++) {
        if (!has(f->opts.headers, defaults->fields[i].name))
            proa_headers_add_str(&f->headers, defaults->fields[i].name, defaults->fields[i].value);
    }
}

static void set_default(struct fetch *f, const char *name, const char *value)
{
    if (!proa_headers_get(&f->headers, name).p)
        proa_headers_add(&f->headers, name, value);
}

/* The more particular word counts: the call's credentials, the call's fields, the URL's
 * credentials, the session's fields. */
static int add_given(struct fetch *f)
{
    const struct proa_fetch_opts *o = &f->opts;
    int rc = 0;

    add_session(f);
    if (f->url.user.p && !o->basic_user && !has(o->headers, PROA_STR("Authorization")))
        rc = set_basic_of_url(f);
    if (rc == 0 && o->headers)
        rc = proa_headers_add_all(&f->headers, o->headers);
    if (rc == 0 && o->basic_user)
        rc = set_basic(f, proa_str_from(o->basic_user), proa_str_from(o->basic_password));
    return rc;
}

static int make_headers(struct fetch *f)
{
    int rc = add_given(f);

    if (rc < 0)
        return rc;
    if (f->opts.content_type)
        proa_headers_set(&f->headers, "Content-Type", f->opts.content_type);
    else if (f->opts.json)
        set_default(f, "Content-Type", "application/json");
    set_default(f, "Accept", "*/*");
    if (!f->session->opts.no_decode)
        set_default(f, "Accept-Encoding", "gzip, deflate");
    if (!proa_headers_get(&f->headers, "User-Agent").p)
        proa_headers_addf(&f->headers, "User-Agent", "proa/%s", proa_version());
    return proa_headers_error(&f->headers);
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

int proa__fetch_fields(struct fetch *f)
{
    int rc = make_body(f);

    return rc < 0 ? rc : make_headers(f);
}
