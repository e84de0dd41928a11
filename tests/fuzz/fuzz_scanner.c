#include "base/arena.h"
#include "fuzz/fuzz.h"
#include "http/octets.h"
#include "http/scan_line.h"

#include <proa/buf.h>
#include <proa/err.h>

#include <string.h>

const struct fuzz_seed fuzz_seeds[] = {
    FUZZ_SEED(
        "\0GET /a?b=c HTTP/1.1\r\nHost: a.example:80\r\nAccept: */*\r\nCookie: a=b; c=d\r\n\r\n"),
    FUZZ_SEED("\0POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n"),
    FUZZ_SEED("\0PUT http://a/b HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: a\r\n\r\n"),
    FUZZ_SEED("\0GET / HTTP/1.0\r\nConnection: keep-alive, Upgrade\r\nUpgrade: x\r\n\r\n"),
    FUZZ_SEED("\0CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n"),
    FUZZ_SEED("\1HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\nSet-Cookie: a\r\n\r\n"),
    FUZZ_SEED("\1HTTP/1.0 404\r\nConnection: close\r\nTransfer_Encoding: chunked\r\n\r\n"),
    FUZZ_SEED("\2X-Sum: 12\r\nServer-Timing: a;b\r\n\r\n"),
    {NULL, 0},
};

struct scene {
    struct arena arena;
    struct http_head head;
    struct http_scanner scan;
    size_t size;
    int rc;
};

static void begin(struct scene *s, unsigned kind)
{
    memset(s, 0, sizeof *s);
    FUZZ_CHECK(proa__http_scan_begin(&s->scan, kind == 1 ? HTTP_SIDE_RESPONSE : HTTP_SIDE_REQUEST,
                                     &proa__http_limits_server, &s->arena, &s->head) == 0);
    if (kind == 2)
        FUZZ_CHECK(proa__http_scan_trailers(&s->scan, &s->arena) == 0);
}

static void scan(struct scene *s, unsigned kind, const char *bytes, size_t n, size_t step)
{
    begin(s, kind);
    for (size_t k = step < n ? step : n; s->rc == 0; k = k + step < n ? k + step : n) {
        s->rc = proa__http_scan(&s->scan, bytes, k, &s->size);
        if (k == n)
            break;
    }
    if (s->rc == 1)
        proa__http_scan_settle(&s->scan, bytes);
}

static void is_clean(struct proa_str s, unsigned kinds)
{
    FUZZ_CHECK(octets_span(s.p, 0, s.n, kinds) == s.n);
}

/* Nothing that was accepted can be taken for anything else by whoever reads it next. */
static void check_accepted(const struct scene *s, const char *bytes)
{
    const struct proa_headers *fields = s->scan.fields;

    FUZZ_CHECK(memcmp(bytes + s->size - 2, "\r\n", 2) == 0);
    is_clean(s->head.method, OCTET_TOKEN);
    is_clean(s->head.target, OCTET_PATH | OCTET_QUERY);
    is_clean(s->head.reason, OCTET_TEXT);
    for (uint32_t i = 0; i < fields->count; i++) {
        struct proa_str name = fields->fields[i].name;
        struct proa_str value = fields->fields[i].value;
        FUZZ_CHECK(name.n > 0 && name.p >= bytes && value.p + value.n <= bytes + s->size);
        is_clean(name, OCTET_TOKEN);
        is_clean(value, OCTET_TEXT);
        if (value.n > 0)
            FUZZ_CHECK(!strchr(" \t", value.p[0]) && !strchr(" \t", value.p[value.n - 1]));
    }
    FUZZ_CHECK((s->scan.said & (SAID_LENGTH | SAID_CHUNKED)) != (SAID_LENGTH | SAID_CHUNKED));
    FUZZ_CHECK(s->head.length >= -1);
}

/* Written anew from its slices, an accepted head is accepted and says the same. */
static void check_again(const struct scene *s, unsigned kind)
{
    struct proa_buf text;
    struct scene again;

    proa_buf_init(&text, PROA_UNLIMITED);
    if (kind == 0)
        proa_buf_appendf(&text, "%.*s %.*s HTTP/1.%u\r\n", PROA_PRI(s->head.method),
                         PROA_PRI(s->head.target), s->head.minor);
    else if (kind == 1)
        proa_buf_appendf(&text, "HTTP/1.%u %d %.*s\r\n", s->head.minor, s->head.status,
                         PROA_PRI(s->head.reason));
    for (uint32_t i = 0; i < s->scan.fields->count; i++)
        proa_buf_appendf(&text, "%.*s: %.*s\r\n", PROA_PRI(s->scan.fields->fields[i].name),
                         PROA_PRI(s->scan.fields->fields[i].value));
    FUZZ_CHECK(proa_buf_appendf(&text, "\r\n") == 0);
    scan(&again, kind, proa_buf_str(&text).p, proa_buf_str(&text).n, SIZE_MAX / 2);
    FUZZ_CHECK(again.rc == 1);
    FUZZ_CHECK(again.scan.said == s->scan.said && again.head.length == s->head.length);
    FUZZ_CHECK(again.head.keep_alive == s->head.keep_alive && again.head.form == s->head.form);
    proa__arena_fini(&again.arena);
    proa_buf_fini(&text);
}

/* The first byte says what the rest is: a request, a response, trailers. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct scene whole;
    struct scene cut;

    if (n == 0)
        return 0;
    unsigned kind = bytes[0] % 3;
    const char *text = (const char *)bytes + 1;
    n--;
    scan(&whole, kind, text, n, SIZE_MAX / 2);
    scan(&cut, kind, text, n, 1 + n % 7);
    FUZZ_CHECK(whole.rc == cut.rc && whole.size == cut.size);
    FUZZ_CHECK(whole.scan.said == cut.scan.said && whole.scan.n_fields == cut.scan.n_fields);
    if (whole.rc == 1) {
        check_accepted(&whole, text);
        check_again(&whole, kind);
    }
    proa__arena_fini(&whole.arena);
    proa__arena_fini(&cut.arena);
    return 0;
}
