#include "base/arena.h"
#include "base/encode.h"
#include "base/fail.h"
#include "base/mem.h"
#include "http/authority.h"
#include "http/coding.h"
#include "http/headers.h"
#include "server/exchange.h"
#include "server/server.h"

#include <proa/err.h>
#include <proa/http.h>
#include <proa/json.h>
#include <proa/response.h>

void proa__response_reset(struct proa_response *resp)
{
    struct exchange *x = resp->x;

    if (resp->encoder)
        proa__encoder_free(resp->encoder);
    if (resp->stolen.p)
        proa_buf_fini(&resp->stolen);
    if (resp->headers.detail)
        proa_headers_fini(&resp->headers);
    memset(resp, 0, sizeof *resp);
    resp->x = x;
    resp->length = BODY_UNKNOWN;
    resp->at = UINT64_MAX;
    resp->headers.arena = &x->arena; /* its fields and copies go with the arena */
}

int proa__response_fail(struct proa_response *resp, int rc)
{
    if (rc < 0 && resp->error == 0) {
        const char *why = proa_err_detail(rc);
        resp->error = rc;
        resp->why = proa__arena_strndup(&resp->x->arena, why, strlen(why));
    }
    return rc;
}

/* ---- header fields ---- */

static bool is_ours(const char *name)
{
    static const char *const ours[] = {"Content-Length", "Transfer-Encoding", "Connection", "Date"};

    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (proa_str_caseeq(proa_str_from(name), proa_str_from(ours[i])))
            return true;
    return false;
}

static bool may_change(struct proa_response *resp, const char *name)
{
    if (resp->kind == RESPONSE_STREAM) {
        proa__response_fail(resp,
                            proa__fail(PROA_EINVAL, "header %s set after the head was sent", name));
        return false;
    }
    if (is_ours(name)) {
        proa__response_fail(resp,
                            proa__fail(PROA_EINVAL, "header %s is set by the server itself", name));
        return false;
    }
    return true;
}

void proa_response_set_header(struct proa_response *resp, const char *name, const char *value)
{
    if (may_change(resp, name))
        proa__response_fail(resp, proa_headers_set(&resp->headers, name, value));
}

void proa_response_add_header(struct proa_response *resp, const char *name, const char *value)
{
    if (may_change(resp, name))
        proa__response_fail(resp, proa_headers_add(&resp->headers, name, value));
}

void proa_response_compress(struct proa_response *resp)
{
    resp->compress = true;
}

void proa_response_close(struct proa_response *resp)
{
    resp->close = true;
}

void proa_response_set_length(struct proa_response *resp, uint64_t n)
{
    resp->length = n;
}

bool proa_response_started(const struct proa_response *resp)
{
    return resp->kind == RESPONSE_STREAM;
}

/* ---- whole bodies ---- */

/* Set Content-Type; `type` lives as long as the response. */
static int set_type(struct proa_response *resp, struct proa_str type)
{
    if (!proa__is_field_value(type))
        return proa__fail(PROA_EHEADER, "a media type may hold no control character");
    if (proa__headers_has(&resp->headers, HTTP_KNOWN_CONTENT_TYPE))
        proa_headers_remove(&resp->headers, "Content-Type");
    return proa__headers_add_view(&resp->headers, PROA_STR("Content-Type"), type);
}

/* Check what every answer begins with and note its status and type. */
static int begin(struct proa_response *resp, int status, struct proa_str type)
{
    if (resp->kind == RESPONSE_STREAM)
        return proa__response_fail(resp,
                                   proa__fail(PROA_EINVAL, "a second response to one request"));
    if (status < 200 || status > 599)
        return proa__response_fail(
            resp, proa__fail(PROA_EINVAL, "%d is no status to answer with", status));
    resp->status = status;
    resp->kind = RESPONSE_NONE;
    if (resp->stolen.p)
        proa_buf_fini(&resp->stolen);
    return type.n ? proa__response_fail(resp, set_type(resp, type)) : 0;
}

/* A copy of a caller's type that lives as long as the response; empty for none. False: no memory.
 */
static bool own_type(struct proa_response *resp, const char *type, struct proa_str *ret)
{
    *ret = (struct proa_str){0};
    if (!type)
        return true;
    *ret = proa__arena_str(&resp->x->arena, proa_str_from(type));
    return ret->p || proa__response_fail(resp, PROA_ENOMEM) == 0;
}

static int whole(struct proa_response *resp, int status, struct proa_str type, struct proa_str body)
{
    int rc = begin(resp, status, type);

    if (rc < 0)
        return rc;
    resp->body = body;
    resp->kind = RESPONSE_WHOLE;
    return 0;
}

int proa_response_static(struct proa_response *resp, int status, const char *type, const void *data,
                         size_t n)
{
    struct proa_str own;

    if (!own_type(resp, type, &own))
        return PROA_ENOMEM;
    return whole(resp, status, own, proa_str_make(data, n));
}

int proa_response_bytes(struct proa_response *resp, int status, const char *type, const void *data,
                        size_t n)
{
    char *copy = proa__arena_strndup(&resp->x->arena, data, n);

    if (!copy)
        return proa__response_fail(resp, PROA_ENOMEM);
    return proa_response_static(resp, status, type, copy, n);
}

static const struct proa_str text_type = PROA_STR("text/plain; charset=utf-8");

int proa_response_text(struct proa_response *resp, int status, const char *text)
{
    struct proa_str copy = proa__arena_str(&resp->x->arena, proa_str_from(text));

    if (!copy.p)
        return proa__response_fail(resp, PROA_ENOMEM);
    return whole(resp, status, text_type, copy);
}

int proa_response_textf(struct proa_response *resp, int status, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    char *text = proa__arena_vprintf(&resp->x->arena, fmt, ap);
    va_end(ap);
    if (!text)
        return proa__response_fail(resp, PROA_ENOMEM);
    return whole(resp, status, text_type, proa_str_from(text));
}

int proa_response_body_steal(struct proa_response *resp, int status, const char *type,
                             struct proa_buf *body)
{
    struct proa_str own;
    int rc = proa_buf_error(body);

    if (rc == 0 && !own_type(resp, type, &own))
        rc = PROA_ENOMEM;
    if (rc == 0)
        rc = begin(resp, status, own);
    if (rc < 0) {
        proa_buf_fini(body);
        return proa__response_fail(resp, rc);
    }
    resp->stolen = *body;
    proa_buf_init(body, body->limit);
    resp->body = proa_buf_str(&resp->stolen);
    resp->kind = RESPONSE_WHOLE;
    return 0;
}

int proa_response_json(struct proa_response *resp, int status, const struct json_t *json)
{
    struct proa_buf text;

    proa_buf_init(&text, PROA_UNLIMITED);
    int rc = proa_json_dump(&text, json, NULL);
    if (rc < 0) {
        proa_buf_fini(&text);
        return proa__response_fail(resp, rc);
    }
    return proa_response_body_steal(resp, status, "application/json", &text);
}

int proa_response_json_steal(struct proa_response *resp, int status, struct json_t *json)
{
    if (!json)
        return proa__response_fail(resp, PROA_ENOMEM);
    int rc = proa_response_json(resp, status, json);
    proa_json_free(json);
    return rc;
}

/* Bytes of "http://[::1]:80/x" up to its path, which are sent as they are: nowhere else in a URL
 * may brackets stand. 0: it has no such host. */
static size_t bracketed_host(struct proa_str to)
{
    size_t scheme = proa_str_search(to, PROA_STR("://["));

    if (scheme == PROA_STR_NONE || !proa__is_token(proa_str_sub(to, 0, scheme)))
        return 0;
    struct proa_str rest = proa_str_sub(to, scheme + 3, PROA_UNLIMITED);
    size_t n = strcspn(rest.p, "/?#");
    return proa__authority_check(proa_str_sub(rest, 0, n)) == 0 ? scheme + 3 + n : 0;
}

/* Append a URL with all that it may not hold percent-encoded. */
static int append_url(struct proa_buf *text, struct proa_str url)
{
    size_t host = bracketed_host(url);
    struct proa_str rest = proa_str_sub(url, host, PROA_UNLIMITED);
    size_t hash = proa_str_find(rest, '#');

    proa_buf_append(text, url.p, host);
    proa__percent_requote(text, proa_str_sub(rest, 0, hash), PERCENT_QUERY);
    if (hash != PROA_STR_NONE) {
        proa_buf_append(text, "#", 1);
        proa__percent_requote(text, proa_str_sub(rest, hash + 1, PROA_UNLIMITED), PERCENT_QUERY);
    }
    return proa_buf_error(text);
}

int proa_response_redirect(struct proa_response *resp, int status, const char *location)
{
    struct proa_str to = proa_str_from(location);
    PROA_AUTO(proa_buf) text = {0};

    if (!proa_status_is_redirect(status))
        return proa__response_fail(resp, proa__fail(PROA_EINVAL, "%d is no redirect", status));
    if (to.n >= 2 && to.p[0] == '/' && (to.p[1] == '/' || to.p[1] == '\\'))
        return proa__response_fail(
            resp, proa__fail(PROA_EINVAL, "a redirect to // would leave this host"));

    proa_buf_init(&text, PROA_UNLIMITED);
    int rc = append_url(&text, to);
    if (rc < 0)
        return proa__response_fail(resp, rc);
    proa_response_set_header(resp, "Location", proa_buf_str(&text).p);
    return resp->error < 0 ? resp->error : proa_response_static(resp, status, NULL, "", 0);
}

int proa__response_error(struct proa_response *resp, int status, struct proa_str text)
{
    bool close = resp->close;

    proa__response_reset(resp);
    resp->close = close;
    if (!proa_status_has_body(status))
        return proa_response_static(resp, status, NULL, "", 0);
    if (!text.n)
        text = proa_str_from(proa_status_reason(status));
    return proa_response_textf(resp, status, "%.*s\n", PROA_PRI(text));
}

/* ---- streamed bodies ---- */

int proa_response_start(struct proa_response *resp, int status, const char *type)
{
    struct proa_str own;

    if (!own_type(resp, type, &own))
        return PROA_ENOMEM;
    int rc = begin(resp, status, own);
    if (rc == 0 && resp->error < 0)
        rc = resp->error;
    if (rc == 0)
        rc = proa__response_render(resp, resp->length);
    if (rc < 0)
        return proa__response_fail(resp, rc);
    resp->kind = RESPONSE_STREAM;
    return 0;
}
