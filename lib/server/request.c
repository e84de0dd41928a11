#include "base/arena.h"
#include "base/fail.h"
#include "server/conn.h"
#include "server/exchange.h"
#include "server/server.h"

#include <proa/err.h>
#include <proa/request.h>
#include <proa/sync.h>
#include <proa/url.h>

struct proa_str proa_request_method(const struct proa_request *req)
{
    return req->head->method;
}

struct proa_str proa_request_target(const struct proa_request *req)
{
    return req->head->target;
}

struct proa_str proa_request_path(const struct proa_request *req)
{
    return req->head->path;
}

struct proa_str proa_request_query(const struct proa_request *req)
{
    return req->head->query;
}

struct proa_str proa_request_param(const struct proa_request *req, const char *name)
{
    const struct route *route = req->match.route;
    struct proa_str wanted = proa_str_from(name);

    for (size_t i = 0; route && i < route->n_params; i++)
        if (proa_str_eq(route->params[i], wanted))
            return req->match.values[i];
    return (struct proa_str){0};
}

int proa_request_param_u64(const struct proa_request *req, const char *name, uint64_t max,
                           uint64_t *ret)
{
    struct proa_str text = proa_request_param(req, name);
    uint64_t value;

    if (proa_str_parse_uint(text, &value) < 0)
        return proa__fail(PROA_EINVAL, "%s is no number", name);
    if (value > max)
        return proa__fail(PROA_EINVAL, "%s is more than %llu", name, (unsigned long long)max);
    *ret = value;
    return 0;
}

int proa_request_query_get(struct proa_request *req, const char *name, struct proa_str *ret)
{
    struct proa_query query = {.rest = req->head->query};
    struct proa_str wanted = proa_str_from(name);
    PROA_AUTO(proa_buf) text = {0};
    struct proa_str key;
    struct proa_str value;
    int rc;

    proa_buf_init(&text, PROA_UNLIMITED);
    while ((rc = proa_query_next(&query, &text, &key, &value)) > 0) {
        if (proa_str_eq(key, wanted)) {
            *ret = proa__arena_str(&req->x->arena, value);
            return ret->p ? 0 : PROA_ENOMEM;
        }
        proa_buf_clear(&text);
    }
    return rc < 0 ? rc : PROA_ENOENT;
}

const struct proa_headers *proa_request_headers(const struct proa_request *req)
{
    return &req->head->headers;
}

struct proa_str proa_request_header(const struct proa_request *req, const char *name)
{
    return proa_headers_get(&req->head->headers, name);
}

int proa_request_version_minor(const struct proa_request *req)
{
    return req->head->minor;
}

const char *proa_request_scheme(const struct proa_request *req)
{
    return req->x->conn->secure ? "https" : "http";
}

struct proa_str proa_request_host(const struct proa_request *req)
{
    return req->head->host;
}

struct proa_str proa_request_peer(const struct proa_request *req)
{
    return proa__conn_peer(req->x->conn);
}

struct proa_app *proa_request_app(const struct proa_request *req)
{
    return req->x->server->app;
}

int64_t proa_request_content_length(const struct proa_request *req)
{
    return req->head->length;
}

void *proa_request_alloc(struct proa_request *req, size_t n)
{
    return arena_alloc(&req->x->arena, n);
}

int proa_request_wait_disconnect(struct proa_request *req)
{
    struct conn *c = req->x->conn;

    if (c->gone)
        return 0;
    if (!req->gone) {
        int rc = proa_event_new(&req->gone);
        if (rc < 0)
            return rc;
    }
    if (!c->watched)
        proa__conn_watch(c, true); /* until the handler returns: others may wait too */
    return proa_event_wait(req->gone);
}

int proa_http_error(struct proa_request *req, int status, const char *fmt, ...)
{
    va_list ap;

    req->error_status = status >= 200 && status <= 599 ? status : 500;
    req->error_text = (struct proa_str){0};
    if (fmt) {
        va_start(ap, fmt);
        char *text = proa__arena_vprintf(&req->x->arena, fmt, ap);
        va_end(ap);
        req->error_text = proa_str_from(text);
    }
    return proa__fail(PROA_EHTTPSTATUS, "answered with status %d", req->error_status);
}
