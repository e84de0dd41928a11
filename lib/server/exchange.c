#include "server/exchange.h"

#include "base/fail.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/loop.h"
#include "net/stream.h"
#include "server/conn.h"
#include "server/server.h"

#include <proa/err.h>
#include <proa/http.h>
#include <proa/request.h>
#include <proa/response.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/time.h>

#include <inttypes.h>

/* ---- life ---- */

static void reset(struct exchange *x)
{
    proa__response_reset(&x->resp);
    if (x->req.body.p)
        proa_buf_fini(&x->req.body);
    if (x->req.gone)
        proa_event_free(x->req.gone);
    memset(&x->req, 0, sizeof x->req);
    x->req.x = x;
    x->failure = 0;
    x->broken = false;
    proa__arena_reset(&x->arena);
}

static struct exchange *new_exchange(struct proa_server *server)
{
    struct exchange *x = proa__alloc(sizeof *x);

    if (!x)
        return NULL;
    memset(x, 0, offsetof(struct exchange, first));
    list_init(&x->link);
    x->server = server;
    x->req.x = x;
    x->resp.x = x;
    proa__arena_init(&x->arena, x->first, sizeof x->first);
    proa_buf_init(&x->out, PROA_UNLIMITED);
    proa__response_reset(&x->resp);
    return x;
}

static int begin(struct exchange *x)
{
    return proa__http_parser_begin_request(&x->parser, &x->server->limits, &x->arena);
}

bool proa__exchange_again(struct exchange *x)
{
    reset(x);
    return begin(x) == 0;
}

static void free_exchange(struct exchange *x)
{
    reset(x);
    proa__http_parser_fini(&x->parser);
    proa__arena_fini(&x->arena);
    proa_buf_fini(&x->out);
    proa__free(x);
}

struct exchange *proa__exchange_take(struct conn *c)
{
    struct proa_server *server = c->server;
    struct list *spare = list_pop(&server->spare);
    struct exchange *x = spare ? CONTAINER_OF(spare, struct exchange, link) : new_exchange(server);

    if (!x)
        return NULL;
    if (spare)
        server->n_spare--;
    x->conn = c;
    if (begin(x) < 0) {
        free_exchange(x);
        return NULL;
    }
    return x;
}

void proa__exchange_give_back(struct exchange *x)
{
    struct proa_server *server = x->server;

    if (server->n_spare >= EXCHANGE_SPARE || server->phase == SERVER_DONE) {
        free_exchange(x);
        return;
    }
    reset(x);
    if (x->out.cap > EXCHANGE_HOLD)
        proa_buf_fini(&x->out);
    else
        proa_buf_clear(&x->out);
    x->conn = NULL;
    list_push_front(&server->spare, &x->link);
    server->n_spare++;
}

void proa__exchange_refuse(struct exchange *x, int rc)
{
    if (x->failure == 0)
        proa__server_count(x->server, proa__server_count_of_refusal(rc), 1);
    x->failure = rc;
}

void proa__exchange_read_done(struct exchange *x)
{
    if (x->parser.head && x->parser.head->framing == HTTP_FRAMING_NONE)
        proa__stream_read_done(x->conn->stream);
}

void proa__exchange_gone(struct exchange *x)
{
    if (x->req.gone)
        proa_event_set(x->req.gone);
    if (x->scope)
        proa_scope_cancel(x->scope);
}

/* ---- answering ---- */

/* The status for a code that ended a request: the client's fault, or ours (500). */
static int status_of(int rc)
{
    switch (rc) {
    case PROA_EMSGSIZE:
        return 413;
    case PROA_ECLIENTTIMEDOUT:
        return 408;
    case PROA_EMEDIATYPE:
        return 415;
    case PROA_EJSON:
    case PROA_EQUERY:
        return 400;
    default:;
        int status = proa__http_status_of(rc);
        return status ? status : 500;
    }
}

/* What went wrong, for the log: of the response's building what was remembered of it. */
static const char *words_of(struct exchange *x, int rc)
{
    if (rc >= 0)
        return "no response was made";
    return rc == x->resp.error && x->resp.why ? x->resp.why : proa_err_detail(rc);
}

static void log_failure(struct exchange *x, int rc, const char *what)
{
    const struct route *route = x->req.match.route;
    struct proa_str name = route ? route->name : PROA_STR("(no route)");

    proa__log(PROA_LOG_ERROR, "%.*s %.*s: %s: %s", PROA_PRI(x->req.head->method), PROA_PRI(name),
              what, words_of(x, rc));
}

static int answer_error(struct exchange *x, int status, struct proa_str text)
{
    if (status == 400 || status == 408 || status == 413 || status == 414 || status == 431 ||
        status == 501 || status == 505)
        x->resp.close = x->resp.close || !x->req.body_done;
    return proa__response_error(&x->resp, status, text);
}

/* The allowed methods in a response to a method that is not. */
static int answer_allow(struct exchange *x, int status, struct proa_str allow)
{
    int rc = proa__response_error(&x->resp, status, (struct proa_str){0});

    char *text = proa__arena_strndup(&x->arena, allow.p, allow.n);
    if (!text)
        return PROA_ENOMEM;
    if (rc == 0)
        proa_response_set_header(&x->resp, "Allow", text);
    return rc;
}

/* Call the handler of a route that is cancelled when the client leaves. */
static int call_bound(struct exchange *x, const struct route *route)
{
    PROA_SCOPE(scope);
    x->scope = &scope;
    if (x->conn->gone)
        proa_scope_cancel(&scope);
    proa__conn_watch(x->conn, true);
    int rc = route->fn(&x->req, &x->resp, route->arg);
    x->scope = NULL;
    return rc;
}

static int call_handler(struct exchange *x)
{
    const struct route *route = x->req.match.route;
    int rc = route->cancel_on_disconnect ? call_bound(x, route)
                                         : route->fn(&x->req, &x->resp, route->arg);

    if (x->conn->watched)
        proa__conn_watch(x->conn, false);
    return rc;
}

/* Find the route and have it answer. Negative: nothing can be answered any more. */
static int dispatch(struct exchange *x)
{
    const struct http_head *head = x->req.head;
    struct proa_app *app = x->server->app;
    bool options = head->method_id == PROA_METHOD_OPTIONS;

    if (head->expect == HTTP_EXPECT_OTHER)
        return answer_error(x, 417, (struct proa_str){0});
    if (head->form == HTTP_TARGET_ASTERISK)
        return answer_allow(x, 204, PROA_STR("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    if (head->form == HTTP_TARGET_AUTHORITY)
        return answer_error(x, 501, (struct proa_str){0});

    int status = proa__router_find(app->router, head->method, head->path, &x->arena, &x->req.match);
    if (status < 0)
        return status;
    if (status == 405)
        return answer_allow(x, options ? 204 : 405, x->req.match.allow);
    if (status != 200)
        return answer_error(x, status, (struct proa_str){0});

    x->req.max_body = x->req.match.route->max_body ? x->req.match.route->max_body : app->max_body;
    int rc = proa__http_parser_limit_body(
        &x->parser, x->req.max_body == PROA_UNLIMITED ? HTTP_UNLIMITED : x->req.max_body);
    if (rc < 0)
        proa__exchange_refuse(x, rc); /* by its declared length */
    return rc < 0 ? rc : call_handler(x);
}

/* What the handler returned becomes a response; negative: the connection must be cut. */
static int conclude(struct exchange *x, int rc)
{
    struct proa_response *resp = &x->resp;

    if (x->broken)
        return PROA_ECLOSED; /* the client left: nobody to tell */
    if (rc >= 0 && resp->error < 0)
        rc = resp->error;
    if (rc >= 0 && resp->kind != RESPONSE_NONE)
        return 0;
    if (proa_is_cancelled() || (rc == PROA_ECANCELED && x->conn->gone))
        return PROA_ECLOSED;
    if (resp->kind == RESPONSE_STREAM) {
        log_failure(x, rc, "failed after its head had left");
        return PROA_ECLOSED;
    }
    if (rc == PROA_EHTTPSTATUS && x->req.error_status)
        return answer_error(x, x->req.error_status, x->req.error_text);

    /* Building the response failed: no fault of the client's, whatever the code says of requests.
     */
    bool ours = rc >= 0 || rc == resp->error;
    int status = ours ? 500 : status_of(rc);
    if (status == 500)
        log_failure(x, rc, "failed");
    return answer_error(x, status, (struct proa_str){0});
}

/* Send what was built. Where it cannot be and nothing of it has left: a 500. */
static int respond(struct exchange *x)
{
    int rc = proa__response_finish(&x->resp);

    if (rc == 0 || x->broken)
        return rc;
    log_failure(x, rc, "its response failed");
    if (x->resp.kind == RESPONSE_STREAM)
        return rc;
    rc = answer_error(x, 500, (struct proa_str){0});
    return rc < 0 ? rc : proa__response_finish(&x->resp);
}

/* It ends before a byte of a response has left. */
static bool is_unanswered(struct exchange *x, int rc)
{
    return (x->broken || (rc < 0 && x->resp.kind != RESPONSE_STREAM)) && x->wrote <= x->resp.at;
}

static void log_access(struct exchange *x, int rc)
{
    struct proa_server *server = x->server;
    const struct http_head *head = x->req.head;

    if (!server->opts.access)
        return;
    struct proa_access access = {
        .method = head->method,
        .target = head->target,
        .peer = proa__conn_peer(x->conn),
        .referer = proa_headers_get(&head->headers, "Referer"),
        .user_agent = proa_headers_get(&head->headers, "User-Agent"),
        .version_minor = head->minor,
        .status = is_unanswered(x, rc) ? 0 : x->resp.status,
        .body_bytes = x->resp.sent,
        .duration = proa__loop_now(server->loop) - x->began,
        .when = proa__loop_wall(),
    };
    server->opts.access(server->opts.access_arg, &access);
}

bool proa__exchange_is_last(struct exchange *x)
{
    struct conn *c = x->conn;
    const struct http_head *head = x->req.head;
    int64_t left = x->req.body_done ? 0 : head->length;

    return x->failure < 0 || !head->keep_alive || x->server->phase != SERVER_SERVING || c->gone ||
           c->served >= x->server->opts.max_requests ||
           (!x->req.body_done && head->expect == HTTP_EXPECT_CONTINUE && !x->req.continued) ||
           left > (int64_t)x->server->limits.drain_bytes;
}

/* A client that still sends would be reset by a close, and might never read the response. */
static bool may_still_send(struct exchange *x)
{
    struct proa_stream *stream = x->conn->stream;

    return !x->req.body_done || x->conn->secure || proa__stream_buffered(stream).n > 0 ||
           proa__stream_bits(stream) & STREAM_READ;
}

/* The last response has left, or is held: end the connection. */
static void hang_up(struct exchange *x)
{
    x->broken = x->broken && !x->req.left;
    if (proa__exchange_flush(x) < 0)
        proa__conn_abort(x->conn);
    else if (may_still_send(x))
        proa__conn_linger(x->conn);
    else
        proa__conn_close(x->conn);
}

/*
 * Nothing can be answered any more: the client learns that it was cut. What was finished before has
 * left as far as it went at once. A client that ended its side itself, and has no part of a
 * response, gets all of that and an end in order.
 */
static void cut(struct exchange *x)
{
    if (x->req.left && x->resp.kind != RESPONSE_STREAM) {
        hang_up(x);
        return;
    }
    proa__exchange_push(x);
    proa__conn_abort(x->conn);
}

static void count(struct exchange *x, int rc)
{
    struct proa_server *server = x->server;
    enum server_count as = rc < 0 ? COUNT_CUT : proa__server_count_of_status(x->resp.status);

    proa__server_count(server, as, 1);
    if (rc >= 0 && x->conn->served >= server->opts.max_requests)
        proa__server_count(server, COUNT_PER_CONNECTION, 1);
}

/* Serve one request. True: the connection goes on. */
static bool serve(struct exchange *x)
{
    static const struct http_head none; /* of a request that could not be parsed */
    struct conn *c = x->conn;
    int rc;

    x->req.head = x->failure < 0 ? &none : x->parser.head;
    c->served++;
    proa__server_count(x->server, COUNT_REQUESTS, 1);
    if (x->server->opts.access)
        x->began = proa__loop_now(x->server->loop);
    x->req.body_done = x->failure == 0 && x->req.head->framing == HTTP_FRAMING_NONE;

    if (x->failure < 0)
        rc = answer_error(x, status_of(x->failure), proa_str_from(proa_err_text(x->failure)));
    else
        rc = conclude(x, dispatch(x));
    if (rc == 0)
        rc = respond(x);
    count(x, rc);
    log_access(x, rc);
    if (rc < 0 || x->broken) {
        cut(x);
        return false;
    }
    if (x->resp.frame.close || x->resp.close || !proa__request_drain(&x->req)) {
        hang_up(x);
        return false;
    }
    return true;
}

int proa__exchange_main(void *arg)
{
    struct exchange *x = arg;
    struct conn *c = x->conn;

    while (serve(c->x) && proa__conn_next(c))
        if (proa_checkpoint() < 0) {
            cut(c->x);
            break;
        }
    return 0;
}
