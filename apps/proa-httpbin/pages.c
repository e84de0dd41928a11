#include "pages.h"

#include <proa/proa.h>

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BYTES_MAX = 100 * 1024 * 1024,
    LINES_MAX = 100000,
    DELAY_MAX = 60, /* seconds */
    REDIRECTS_MAX = 100,
};

static const char index_page[] =
    "<!DOCTYPE html>\n<html lang=en>\n<title>proa-httpbin</title>\n<h1>proa-httpbin</h1>\n"
    "<p>A service to try HTTP clients on.\n<dl>\n"
    "<dt>POST /echo<dd>the body, as it came\n"
    "<dt><a href=/get>GET /get</a><dd>the request, as JSON\n"
    "<dt>POST /post<dd>the request and its body, as JSON\n"
    "<dt><a href=/json>GET /json</a><dd>a JSON document\n"
    "<dt><a href=/bytes/1024>GET /bytes/{n}</a><dd>n bytes, the same each time\n"
    "<dt><a href=/stream/10>GET /stream/{n}</a><dd>n lines of JSON, one chunk each\n"
    "<dt><a href=/delay/1>GET /delay/{s}</a><dd>an answer after s seconds (1.5 is fine)\n"
    "<dt><a href=/status/418>GET /status/{code}</a><dd>an answer with that status\n"
    "<dt><a href=/redirect/3>GET /redirect/{n}</a><dd>n redirects, then /get\n"
    "<dt><a href=/gzip>GET /gzip</a><dd>JSON, compressed for who accepts it\n"
    "<dt><a href=/counters>GET /counters</a><dd>what all workers have counted, as JSON\n"
    "</dl>\n";

static int index_get(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_static(resp, 200, "text/html; charset=utf-8", index_page,
                                sizeof index_page - 1);
}

static int echo(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str type = proa_request_header(req, "Content-Type");
    struct proa_str body;
    const char *type_text = "application/octet-stream";
    int rc = proa_request_read_body(req, &body);

    (void)arg;
    if (rc < 0)
        return rc;
    if (type.n) {
        char *copy = proa_request_alloc(req, type.n + 1);
        if (!copy)
            return PROA_ENOMEM;
        memcpy(copy, type.p, type.n);
        copy[type.n] = 0;
        type_text = copy;
    }
    return proa_response_static(resp, 200, type_text, body.p, body.n);
}

/* ---- the request told as JSON ---- */

/* Text as JSON; what is no UTF-8 is told byte by byte as U+0000..U+00FF. */
static json_t *text(struct proa_str s)
{
    json_t *json = json_stringn(s.n ? s.p : "", s.n);

    if (json)
        return json;
    char *wide = malloc(2 * s.n);
    size_t n = 0;
    for (size_t i = 0; wide && i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x80)
            wide[n++] = (char)(0xc0 | c >> 6);
        wide[n++] = (char)(c < 0x80 ? c : 0x80 | (c & 0x3f));
    }
    json = wide ? json_stringn(wide, n) : NULL;
    free(wide);
    return json;
}

/* Set a member; one that is there already becomes a list. */
static void add_member(json_t *object, struct proa_str name, struct proa_str value)
{
    json_t *key = text(name);
    json_t *item = text(value);
    const char *k = key ? json_string_value(key) : NULL;
    json_t *old = k ? json_object_get(object, k) : NULL;

    if (json_is_array(old))
        json_array_append(old, item);
    else if (old)
        json_object_set_new(object, k, json_pack("[O, O]", old, item));
    else if (k)
        json_object_set(object, k, item);
    json_decref(key);
    json_decref(item);
}

static json_t *headers_of(struct proa_request *req)
{
    const struct proa_headers *headers = proa_request_headers(req);
    json_t *object = json_object();

    for (size_t i = 0; i < headers->count; i++)
        add_member(object, headers->fields[i].name, headers->fields[i].value);
    return object;
}

static json_t *pairs_of(struct proa_str query)
{
    struct proa_query walk = {.rest = query};
    PROA_AUTO(proa_buf) texts = {0};
    json_t *object = json_object();
    struct proa_str name;
    struct proa_str value;

    proa_buf_init(&texts, PROA_UNLIMITED);
    while (proa_query_next(&walk, &texts, &name, &value) > 0) {
        add_member(object, name, value);
        proa_buf_clear(&texts);
    }
    return object;
}

static json_t *request_json(struct proa_request *req)
{
    struct proa_str host = proa_request_host(req);
    struct proa_str target = proa_request_target(req);
    PROA_AUTO(proa_buf) url = {0};

    proa_buf_init(&url, PROA_UNLIMITED);
    proa_buf_appendf(&url, "%s://%.*s%.*s", proa_request_scheme(req), PROA_PRI(host),
                     PROA_PRI(target));
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "method", text(proa_request_method(req)), "url",
                     text(proa_buf_str(&url)), "args", pairs_of(proa_request_query(req)), "headers",
                     headers_of(req), "origin", text(proa_request_peer(req)));
}

static int get(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)arg;
    return proa_response_json_steal(resp, 200, request_json(req));
}

static int post(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str type = proa_request_header(req, "Content-Type");
    struct proa_str body;
    int rc = proa_request_read_body(req, &body);

    (void)arg;
    if (rc < 0)
        return rc;
    json_t *all = request_json(req);
    json_object_set_new(all, "data", text(body));
    if (proa_str_casestarts(type, PROA_STR("application/x-www-form-urlencoded")))
        json_object_set_new(all, "form", pairs_of(body));
    if (proa_media_type_is_json(type)) {
        json_t *value;
        rc = proa_json_parse(&value, body, PROA_JSON_OPTS(.any_value = true));
        if (rc < 0) {
            json_decref(all);
            return rc;
        }
        json_object_set_new(all, "json", value);
    }
    return proa_response_json_steal(resp, 200, all);
}

static int json(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_json_steal(
        resp, 200,
        json_pack("{s:{s:s, s:s, s:[{s:s, s:i}, {s:s, s:i}, {s:s, s:i}]}}", "boat", "name", "Anuta",
                  "kind", "proa", "parts", "name", "hull", "metres", 9, "name", "outrigger",
                  "metres", 7, "name", "mast", "metres", 6));
}

/* ---- bodies of a size ---- */

/* The i-th byte of /bytes: of a fixed sequence that no compression shortens. */
static unsigned char byte_at(uint64_t i)
{
    uint64_t x = (i >> 3) + 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    x ^= x >> 31;
    return (unsigned char)(x >> 8 * (i & 7));
}

static int bytes(struct proa_request *req, struct proa_response *resp, void *arg)
{
    char *piece;
    uint64_t n;

    (void)arg;
    if (proa_request_param_u64(req, "n", BYTES_MAX, &n) < 0)
        return proa_http_error(req, 400, "/bytes/{n}: n is a number up to %d", BYTES_MAX);
    piece = proa_request_alloc(req, 16384);
    if (!piece)
        return PROA_ENOMEM;
    proa_response_set_length(resp, n);
    int rc = proa_response_start(resp, 200, "application/octet-stream");
    for (uint64_t at = 0; at < n && rc == 0;) {
        size_t some = n - at < 16384 ? (size_t)(n - at) : 16384;
        for (size_t i = 0; i < some; i++)
            piece[i] = (char)byte_at(at + i);
        rc = proa_response_write(resp, piece, some);
        at += some;
    }
    return rc;
}

static int stream(struct proa_request *req, struct proa_response *resp, void *arg)
{
    uint64_t n;

    (void)arg;
    if (proa_request_param_u64(req, "n", LINES_MAX, &n) < 0)
        return proa_http_error(req, 400, "/stream/{n}: n is a number up to %d", LINES_MAX);
    int rc = proa_response_start(resp, 200, "application/x-ndjson");
    for (uint64_t i = 0; i < n && rc == 0; i++) {
        char line[64];
        int length = snprintf(line, sizeof line, "{\"id\": %llu}\n", (unsigned long long)i);
        rc = proa_response_write(resp, line, (size_t)length);
    }
    return rc;
}

/* ---- time, statuses, redirects ---- */

/* Seconds with at most nine decimals, as nanoseconds. */
static int parse_seconds(struct proa_str s, int64_t *ret)
{
    size_t dot = proa_str_find(s, '.');
    struct proa_str whole = proa_str_sub(s, 0, dot);
    uint64_t seconds;
    uint64_t fraction = 0;

    if (proa_str_parse_uint(whole, &seconds) < 0 || seconds > DELAY_MAX)
        return PROA_EINVAL;
    if (dot != PROA_STR_NONE) {
        struct proa_str digits = proa_str_sub(s, dot + 1, PROA_UNLIMITED);
        if (digits.n > 9 || proa_str_parse_uint(digits, &fraction) < 0)
            return PROA_EINVAL;
        for (size_t i = digits.n; i < 9; i++)
            fraction *= 10;
    }
    *ret = (int64_t)(seconds * PROA_SEC + fraction);
    return *ret <= DELAY_MAX * PROA_SEC ? 0 : PROA_EINVAL;
}

static int delay(struct proa_request *req, struct proa_response *resp, void *arg)
{
    int64_t ns;

    (void)arg;
    if (parse_seconds(proa_request_param(req, "s"), &ns) < 0)
        return proa_http_error(req, 400, "/delay/{s}: s is a number of seconds up to %d",
                               DELAY_MAX);
    int rc = proa_sleep(ns);
    return rc < 0 ? rc : proa_response_json_steal(resp, 200, request_json(req));
}

static int status(struct proa_request *req, struct proa_response *resp, void *arg)
{
    uint64_t code;

    (void)arg;
    if (proa_request_param_u64(req, "code", 599, &code) < 0 || code < 200)
        return proa_http_error(req, 400, "/status/{code}: code is a number from 200 to 599");
    if (proa_status_is_redirect((int)code))
        return proa_response_redirect(resp, (int)code, "/get");
    if (!proa_status_has_body((int)code))
        return proa_response_static(resp, (int)code, NULL, "", 0);
    return proa_response_textf(resp, (int)code, "%d %s\n", (int)code,
                               proa_status_reason((int)code));
}

static int redirect(struct proa_request *req, struct proa_response *resp, void *arg)
{
    char next[32];
    uint64_t n;

    (void)arg;
    if (proa_request_param_u64(req, "n", REDIRECTS_MAX, &n) < 0)
        return proa_http_error(req, 400, "/redirect/{n}: n is a number up to %d", REDIRECTS_MAX);
    if (n <= 1)
        return proa_response_redirect(resp, 302, "/get");
    snprintf(next, sizeof next, "/redirect/%d", (int)n - 1);
    return proa_response_redirect(resp, 302, next);
}

static int gzip(struct proa_request *req, struct proa_response *resp, void *arg)
{
    json_t *all = request_json(req);

    (void)arg;
    json_object_set_new(all, "gzipped", json_true());
    proa_response_compress(resp);
    return proa_response_json_steal(resp, 200, all);
}

static int counters(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_counter_value *all = proa_request_alloc(req, PROA_COUNTERS_MAX * sizeof *all);

    (void)arg;
    if (!all)
        return PROA_ENOMEM;
    json_t *object = json_object();
    size_t n = proa_counters_read(all, PROA_COUNTERS_MAX);
    for (size_t i = 0; i < n; i++)
        json_object_set_new(object, all[i].name, json_integer(all[i].value));
    return proa_response_json_steal(resp, 200, object);
}

void add_pages(struct proa_app *app)
{
    proa_app_get(app, "/", index_get, NULL);
    proa_app_post(app, "/echo", echo, NULL);
    proa_app_get(app, "/get", get, NULL);
    proa_app_post(app, "/post", post, NULL);
    proa_app_get(app, "/json", json, NULL);
    proa_app_get(app, "/bytes/{n}", bytes, NULL);
    proa_app_get(app, "/stream/{n}", stream, NULL);
    proa_app_get(app, "/delay/{s}", delay, NULL);
    proa_app_route(app, "*", "/status/{code}", status, NULL, NULL);
    proa_app_get(app, "/redirect/{n}", redirect, NULL);
    proa_app_get(app, "/gzip", gzip, NULL);
    proa_app_get(app, "/counters", counters, NULL);
}
