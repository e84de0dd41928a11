#include "fuzz/fuzz.h"
#include "http/authority.h"
#include "http/writer.h"

#include <proa/err.h>
#include <proa/url.h>

#include <string.h>

/* A base, a line end, a reference; or a URL alone. */
const struct fuzz_seed fuzz_seeds[] = {
    FUZZ_SEED("http://a/b/c/d;p?q\n../../g;x=1/./y?z#s"),
    FUZZ_SEED("https://us%65r:pw@[fe80::1%25eth0]:8443/a/../b?c=d&e#f\n//h:80/x"),
    FUZZ_SEED("HTTP://192.0.2.1:80?\n?y"),
    FUZZ_SEED("ws://xn--bcher-kva.example.:65535/\"<>[]|^`{}\xc3\xa9\n./../.."),
    FUZZ_SEED("mailto:a@b?subject=x\n#y"),
    FUZZ_SEED("file:///etc//..//passwd\ng:h"),
    FUZZ_SEED("http://[::ffff:1.2.3.4]/%2e%2e/%00\n/..//..//"),
    FUZZ_SEED("http://0x7f.1/\nhttp:x"),
    {NULL, 0},
};

static bool is_http(const struct proa_url *url)
{
    return proa_str_eq(url->scheme, PROA_STR("http")) ||
           proa_str_eq(url->scheme, PROA_STR("https")) ||
           proa_str_eq(url->scheme, PROA_STR("ws")) || proa_str_eq(url->scheme, PROA_STR("wss"));
}

static bool inside(const struct proa_url *url, struct proa_str part)
{
    return !part.p || (part.p >= url->text.p && part.p + part.n <= url->text.p + url->text.n);
}

static void check_path(struct proa_str path)
{
    struct proa_str segment;

    FUZZ_CHECK(path.n > 0 && path.p[0] == '/');
    while (proa_str_next(&path, '/', &segment))
        FUZZ_CHECK(!proa_str_eq(segment, PROA_STR(".")) && !proa_str_eq(segment, PROA_STR("..")));
}

/* What every URL is that was let in. */
static void check(const struct proa_url *url)
{
    struct proa_url again;

    FUZZ_CHECK(url->text.n <= PROA_URL_MAX);
    for (size_t i = 0; i < url->text.n; i++)
        FUZZ_CHECK(url->text.p[i] > ' ' && url->text.p[i] < 0x7f && url->text.p[i] != '\\');
    FUZZ_CHECK(inside(url, url->scheme) && inside(url, url->authority) && inside(url, url->host) &&
               inside(url, url->path) && inside(url, url->query) && inside(url, url->fragment) &&
               inside(url, url->target));
    FUZZ_CHECK(proa_str_find(url->authority, '@') == PROA_STR_NONE);
    if (url->host.n)
        FUZZ_CHECK(proa__authority_check(url->authority) == 0);
    if (is_http(url)) {
        FUZZ_CHECK(url->host.n > 0 && url->port > 0);
        FUZZ_CHECK(proa__is_target(url->target));
        check_path(url->path);
    }

    FUZZ_CHECK(proa_url_parse(&again, url->text) == 0); /* what is canonical stays so */
    FUZZ_CHECK(proa_str_eq(again.text, url->text));
    FUZZ_CHECK(url->zone.p || proa_url_same_origin(url, &again));
    proa_url_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct proa_str text = proa_str_make((const char *)bytes, n);
    size_t line = proa_str_find(text, '\n');
    struct proa_url base = {0};
    struct proa_url url = {0};

    int rc = proa_url_parse(&base, proa_str_sub(text, 0, line));
    FUZZ_CHECK(rc == 0 || rc == PROA_EURL || rc == PROA_EMSGSIZE);
    if (rc == 0)
        check(&base);
    if (rc == 0 && line != PROA_STR_NONE) {
        rc = proa_url_resolve(&url, &base, proa_str_sub(text, line + 1, PROA_UNLIMITED));
        FUZZ_CHECK(rc == 0 || rc == PROA_EURL || rc == PROA_EMSGSIZE);
        if (rc == 0)
            check(&url);
    }
    proa_url_fini(&url);
    proa_url_fini(&base);
    proa__authority_check(text);
    return 0;
}
