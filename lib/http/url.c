#include "base/ascii.h"
#include "base/fail.h"
#include "base/mem.h"
#include "http/authority.h"
#include "http/chars.h"

#include <proa/err.h>
#include <proa/url.h>

#include <string.h>

/* A reference cut at its separators, nothing checked yet. Absent parts have p == NULL. */
struct parts {
    struct proa_str scheme;
    struct proa_str authority;
    struct proa_str path;
    struct proa_str query;
    struct proa_str fragment;
};

/* Who is talked to, checked. */
struct place {
    struct host host;
    struct proa_str user;
    struct proa_str password;
    uint16_t port; /* 0: not given */
    bool present;  /* there is an authority, maybe an empty one */
};

/* What a URL is made from. */
struct plan {
    struct proa_str scheme;
    struct place place;
    struct proa_str folder; /* of the base's path, with its last '/': goes before path */
    struct proa_str path;
    struct proa_str query;
    struct proa_str fragment;
};

struct scheme {
    struct proa_str name;
    uint16_t port;
    bool secure;
};

/* The schemes that talk HTTP: they need a host, and a path. */
static const struct scheme *http_scheme(struct proa_str name)
{
    static const struct scheme schemes[] = {
        {PROA_STR("http"), 80, false},
        {PROA_STR("https"), 443, true},
        {PROA_STR("ws"), 80, false},
        {PROA_STR("wss"), 443, true},
    };

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (proa_str_caseeq(name, schemes[i].name))
            return &schemes[i];
    return NULL;
}

/* Bytes up to the first of `stops`. */
static size_t span_until(struct proa_str s, const char *stops)
{
    size_t i = 0;

    while (i < s.n && (s.p[i] == '\0' || !strchr(stops, s.p[i])))
        i++;
    return i;
}

/* Take the first n bytes off `rest`. */
static struct proa_str take(struct proa_str *rest, size_t n)
{
    struct proa_str front = proa_str_make(rest->p, n);

    *rest = proa_str_make(rest->p + n, rest->n - n);
    return front;
}

/* RFC 3986, appendix B. */
static struct parts split(struct proa_str text)
{
    struct parts parts = {0};
    size_t n = chars_span(text, CHAR_SCHEME);

    if (n > 0 && n < text.n && text.p[n] == ':' && ascii_is_alpha(text.p[0])) {
        parts.scheme = take(&text, n);
        take(&text, 1);
    }
    if (proa_str_starts(text, PROA_STR("//"))) {
        take(&text, 2);
        parts.authority = take(&text, span_until(text, "/?#"));
    }
    parts.path = take(&text, span_until(text, "?#"));
    if (text.n > 0 && text.p[0] == '?') {
        take(&text, 1);
        parts.query = take(&text, span_until(text, "#"));
    }
    if (text.n > 0) {
        take(&text, 1);
        parts.fragment = text;
    }
    return parts;
}

/* Refuse what may stand nowhere in a URL. */
static int check_bytes(struct proa_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (ascii_is_control(c) || c == ' ' || c == '\\')
            return proa__fail(PROA_EURL, "byte %zu of the URL is %s", i,
                              c == ' '    ? "a space"
                              : c == '\\' ? "a backslash"
                                          : "a control character");
        if (c == '%' &&
            (text.n - i < 3 || ascii_hex(text.p[i + 1]) < 0 || ascii_hex(text.p[i + 2]) < 0))
            return proa__fail(PROA_EURL, "'%%' at byte %zu of the URL without two hex digits", i);
    }
    return 0;
}

static int read_user(struct place *place, struct proa_str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] != '%' && !char_is(text.p[i], CHAR_USER))
            return proa__fail(PROA_EURL,
                              "user or password of the URL: 0x%02x is not percent-encoded",
                              (unsigned)(unsigned char)text.p[i]);

    size_t colon = proa_str_find(text, ':');
    place->user = proa_str_sub(text, 0, colon);
    if (colon != PROA_STR_NONE)
        place->password = proa_str_sub(text, colon + 1, PROA_UNLIMITED);
    return 0;
}

static int read_host(struct host *ret, struct proa_str text)
{
    char ascii[HOST_TEXT_MAX];
    size_t n = 0;

    while (n < text.n && (unsigned char)text.p[n] < 0x80)
        n++;
    if (n == text.n)
        return proa__host_parse(ret, text);

    int rc = proa__idna_to_ascii(ascii, &n, text);
    return rc < 0 ? rc : proa__host_parse(ret, proa_str_make(ascii, n));
}

static int read_place(struct place *ret, struct proa_str authority)
{
    size_t at = proa_str_rfind(authority, '@');
    struct proa_str name;
    struct proa_str port;
    int rc = 0;

    ret->present = true;
    if (at != PROA_STR_NONE) {
        rc = read_user(ret, proa_str_make(authority.p, at));
        authority = proa_str_sub(authority, at + 1, PROA_UNLIMITED);
    }
    if (rc == 0)
        rc = proa__authority_split(authority, &name, &port);
    if (rc == 0)
        rc = proa__port_parse(&ret->port, port);
    if (rc == 0 && name.n > 0)
        rc = read_host(&ret->host, name);
    return rc;
}

/* The place of a URL that was parsed before. */
static void copy_place(struct place *ret, const struct proa_url *from)
{
    ret->present = from->authority.p;
    ret->user = from->user;
    ret->password = from->password;
    ret->port = from->port;
    ret->host.n = from->host.n;
    ret->host.zone = from->zone;
    ret->host.is_ip = from->is_ip;
    ret->host.is_ipv6 = from->authority.n > 0 && from->authority.p[0] == '[';
    if (from->host.n)
        memcpy(ret->host.text, from->host.p, from->host.n);
}

/* Bytes that stand bare but must be encoded: each becomes three. */
static size_t encoded_size(struct proa_str s, unsigned classes)
{
    size_t n = s.n;

    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '%' && !char_is(s.p[i], classes))
            n += 2;
    return n;
}

static struct proa_str put(char **at, struct proa_str s)
{
    char *start = *at;

    if (s.n)
        memcpy(start, s.p, s.n);
    *at += s.n;
    return proa_str_make(start, s.n);
}

static struct proa_str put_encoded(char **at, struct proa_str s, unsigned classes)
{
    static const char hex[] = "0123456789ABCDEF";
    char *start = *at;
    char *p = start;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '%' || char_is((char)c, classes)) {
            *p++ = (char)c;
        } else {
            *p++ = '%';
            *p++ = hex[c >> 4];
            *p++ = hex[c & 15];
        }
    }
    *at = p;
    return proa_str_make(start, (size_t)(p - start));
}

static struct proa_str put_lower(char **at, struct proa_str s)
{
    struct proa_str copy = put(at, s);

    for (size_t i = 0; i < s.n; i++)
        (*at - s.n)[i] = ascii_lower(s.p[i]);
    return copy;
}

/* Take "." and ".." out of a path that begins with '/', in place. Each byte is moved, and taken
 * back, at most once. */
static size_t remove_dots(char *path, size_t n)
{
    size_t out = 0;
    size_t end;

    for (size_t in = 0; in < n; in = end) {
        for (end = in + 1; end < n && path[end] != '/';)
            end++;

        struct proa_str piece = proa_str_make(path + in + 1, end - in - 1);
        bool up = proa_str_eq(piece, PROA_STR(".."));
        if (!up && !proa_str_eq(piece, PROA_STR("."))) {
            memmove(path + out, path + in, end - in);
            out += end - in;
            continue;
        }
        if (up)
            while (out > 0 && path[--out] != '/')
                ;
        if (end == n)
            path[out++] = '/';
    }
    return out;
}

static void put_authority(struct proa_url *url, char **at, const struct plan *plan,
                          uint16_t default_port)
{
    const struct host *host = &plan->place.host;
    char *start = *at;

    if (host->is_ipv6)
        put(at, PROA_STR("["));
    url->host = put(at, proa_str_make(host->text, host->n));
    if (host->is_ipv6)
        put(at, PROA_STR("]"));

    url->port = plan->place.port ? plan->place.port : default_port;
    if (url->port != default_port) {
        char digits[5];
        size_t n = 0;
        for (unsigned port = url->port; port; port /= 10)
            digits[4 - n++] = (char)('0' + port % 10);
        put(at, PROA_STR(":"));
        put(at, proa_str_make(digits + 5 - n, n));
    }
    url->authority = proa_str_make(start, (size_t)(*at - start));
}

static int put_path(struct proa_url *url, char **at, const struct plan *plan, bool is_http)
{
    char *start = *at;
    bool rooted = plan->place.present;

    if (plan->folder.n == 0 && (plan->path.n ? plan->path.p[0] != '/' && rooted : is_http))
        put(at, PROA_STR("/"));
    put_encoded(at, plan->folder, CHAR_PATH);
    put_encoded(at, plan->path, CHAR_PATH);
    if (*at > start && start[0] == '/')
        *at = start + remove_dots(start, (size_t)(*at - start));
    url->path = proa_str_make(start, (size_t)(*at - start));

    if (!rooted && proa_str_starts(url->path, PROA_STR("//")))
        return proa__fail(PROA_EURL, "a path that begins with \"//\" would be read as a host");
    return 0;
}

static size_t plan_size(const struct plan *plan)
{
    return plan->scheme.n + HOST_TEXT_MAX + encoded_size(plan->folder, CHAR_PATH) +
           encoded_size(plan->path, CHAR_PATH) + encoded_size(plan->query, CHAR_QUERY) +
           encoded_size(plan->fragment, CHAR_QUERY) + plan->place.user.n + plan->place.password.n +
           plan->place.host.zone.n + sizeof "://[]:65535/?#";
}

/* Write all parts to the block and let the slices point there. */
static int put_all(struct proa_url *url, const struct plan *plan, const struct scheme *http)
{
    char *at = url->block;

    url->scheme = put_lower(&at, plan->scheme);
    url->secure = http && http->secure;
    put(&at, PROA_STR(":"));
    if (plan->place.present) {
        put(&at, PROA_STR("//"));
        put_authority(url, &at, plan, http ? http->port : 0);
        url->is_ip = plan->place.host.is_ip;
    }

    int rc = put_path(url, &at, plan, http);
    if (rc < 0)
        return rc;
    if (plan->query.p) {
        put(&at, PROA_STR("?"));
        url->query = put_encoded(&at, plan->query, CHAR_QUERY);
    }
    url->target = proa_str_make(url->path.p, (size_t)(at - url->path.p));
    if (plan->fragment.p) {
        put(&at, PROA_STR("#"));
        url->fragment = put_encoded(&at, plan->fragment, CHAR_QUERY);
    }
    url->text = proa_str_make(url->block, (size_t)(at - url->block));
    put(&at, proa_str_make("", 1)); /* what follows is not part of the text */

    if (plan->place.user.p)
        url->user = put(&at, plan->place.user);
    if (plan->place.password.p)
        url->password = put(&at, plan->place.password);
    if (plan->place.host.zone.p)
        url->zone = put(&at, plan->place.host.zone);
    return 0;
}

static int build(struct proa_url *ret, const struct plan *plan)
{
    const struct scheme *http = http_scheme(plan->scheme);
    struct proa_url url = {0};

    if (http && plan->place.host.n == 0)
        return proa__fail(PROA_EURL, "the URL has no host");

    url.block = proa__alloc(plan_size(plan));
    if (!url.block)
        return PROA_ENOMEM;

    int rc = put_all(&url, plan, http);
    if (rc == 0 && url.text.n > PROA_URL_MAX)
        rc = proa__fail(PROA_EMSGSIZE, "the URL is longer than %d bytes", PROA_URL_MAX);
    if (rc < 0) {
        proa__free(url.block);
        return rc;
    }
    *ret = url;
    return 0;
}

static int check_text(struct proa_str text)
{
    if (text.n > PROA_URL_MAX)
        return proa__fail(PROA_EMSGSIZE, "the URL is longer than %d bytes", PROA_URL_MAX);
    return check_bytes(text);
}

/* The parts of a reference that stand on their own: with a scheme, or at least an authority. */
static int plan_place(struct plan *plan, const struct parts *parts)
{
    plan->path = parts->path;
    plan->query = parts->query;
    plan->fragment = parts->fragment;
    return parts->authority.p ? read_place(&plan->place, parts->authority) : 0;
}

int proa_url_parse(struct proa_url *ret, struct proa_str text)
{
    struct plan plan = {0};

    int rc = check_text(text);
    if (rc < 0)
        return rc;

    struct parts parts = split(text);
    if (!parts.scheme.p)
        return proa__fail(PROA_EURL, "the URL has no scheme, like \"https://\"");
    plan.scheme = parts.scheme;
    rc = plan_place(&plan, &parts);
    return rc < 0 ? rc : build(ret, &plan);
}

/* A reference without authority: the base's, and the base's path where the reference has none or a
 * relative one. */
static void plan_relative(struct plan *plan, const struct proa_url *base, const struct parts *parts)
{
    copy_place(&plan->place, base);
    plan->path = parts->path;
    plan->query = parts->query;
    plan->fragment = parts->fragment;

    if (parts->path.n == 0) {
        plan->path = base->path;
        if (!parts->query.p)
            plan->query = base->query;
    } else if (parts->path.p[0] != '/') {
        size_t slash = proa_str_rfind(base->path, '/');
        if (slash != PROA_STR_NONE)
            plan->folder = proa_str_make(base->path.p, slash + 1);
    }
}

int proa_url_resolve(struct proa_url *ret, const struct proa_url *base, struct proa_str reference)
{
    struct plan plan = {0};

    int rc = check_text(reference);
    if (rc < 0)
        return rc;

    struct parts parts = split(reference);
    plan.scheme = parts.scheme.p ? parts.scheme : base->scheme;
    if (parts.scheme.p || parts.authority.p)
        rc = plan_place(&plan, &parts);
    else
        plan_relative(&plan, base, &parts);
    return rc < 0 ? rc : build(ret, &plan);
}

void proa_url_fini(struct proa_url *url)
{
    proa__free(url->block);
    *url = (struct proa_url){0};
}

bool proa_url_same_origin(const struct proa_url *a, const struct proa_url *b)
{
    return proa_str_eq(a->scheme, b->scheme) && proa_str_eq(a->host, b->host) &&
           a->port == b->port && proa_str_eq(a->zone, b->zone);
}
