#include "net/stream_server.h"

#include "base/check.h"
#include "base/fail.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/loop.h"
#include "core/task.h"
#include "core/view.h"
#include "core/wait.h"
#include "net/listener.h"
#include "net/stream.h"

#include <proa/err.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>

/* Connections at once; each has a stack, of which a shallow handler touches a page. */
#define LIMIT 10000

/* As asyncio has it for TLS handshakes. */
#define WRAP_TIMEOUT (60 * PROA_SEC)

/* Between two log lines about clients that were turned away. */
#define LOG_EVERY (60 * PROA_SEC)

void proa__stream_server_check(const struct proa_stream_server *server, const char *call)
{
    PROA_CHECK(server && server->magic == MAGIC_STREAM_SERVER, "%s: %s", call,
               server ? "the server was freed, or never made" : "the server is NULL");
    proa__loop_check(server->loop, call);
}

/* ---- one connection ---- */

static void pause_all(struct proa_stream_server *server)
{
    server->full = true;
    LIST_FOR_EACH (it, &server->listeners)
        proa__listener_pause(CONTAINER_OF(it, struct served_listener, link)->l);
}

static void resume_all(struct proa_stream_server *server)
{
    server->full = false;
    LIST_FOR_EACH (it, &server->listeners)
        proa__listener_resume(CONTAINER_OF(it, struct served_listener, link)->l);
}

static void forget(struct served *c)
{
    struct proa_stream_server *server = c->server;

    list_remove(&c->link);
    server->n_conns--;
    proa__free(c);
    if (server->freed) {
        if (server->n_conns == 0)
            proa__stream_server_dispose(server);
        return;
    }
    if (server->full && server->n_conns < server->o.limit)
        resume_all(server);
    proa__stream_server_maybe_over(server);
}

static int wrap(struct served *c)
{
    const struct proa_stream_server_opts *o = &c->server->o;
    struct proa_stream *lower = c->s;
    int rc;

    c->s = NULL;
    rc = PROA_WITHIN(o->wrap_timeout, o->wrap(&c->s, lower, o->wrap_arg));
    if (rc >= 0 && c->aborted)
        proa__stream_kill(c->s);
    if (rc < 0) {
        c->s = NULL;
        proa__log(PROA_LOG_DEBUG, "a client at %s was not served: %s", c->peer,
                  proa_err_detail(rc));
    }
    return rc;
}

static bool has_left(int rc)
{
    return rc == PROA_ECONNRESET || rc == PROA_EPIPE || rc == PROA_ECONNTIMEDOUT;
}

/* The handler's code. The stream is only lent to it: what it knows of it is ours to end. */
static int handle(struct served *c)
{
    int rc;

    c->s->flags |= STREAM_LENT;
    rc = c->server->fn(c->s, c->server->arg);
    if (c->s)
        c->s->flags &= (uint8_t)~STREAM_LENT;
    return rc;
}

/* Inside a scope that the server cancels: its handler's code. */
static int attend(struct served *c)
{
    PROA_SCOPE(scope);
    int rc = 0;

    c->task = proa__task_here;
    c->scope = &scope;
    if (c->cancelled)
        proa_scope_cancel(&scope);
    if (c->server->o.wrap)
        rc = wrap(c);
    if (rc >= 0)
        rc = handle(c);
    else if (rc != PROA_ECANCELED)
        rc = PROA_ECONNRESET; /* told in the log already */
    c->scope = NULL;
    return proa_scope_result(&scope, rc);
}

/* What remains of a handler's code for the task: a fault, or nothing. */
static int result_of(const struct served *c, int rc)
{
    if (c->cancelled && (rc == PROA_ECLOSED || rc == PROA_EBROKEN))
        return 0; /* aborted in the middle */
    if (!has_left(rc))
        return rc;
    if (c->s)
        proa__log(PROA_LOG_DEBUG, "the client at %s left: %s", c->peer, proa_err_detail(rc));
    return 0;
}

static int serve(void *arg)
{
    struct served *c = arg;
    int rc = attend(c);
    int result = result_of(c, rc);

    if (rc < 0)
        proa_stream_free(c->s);
    else
        proa_close(c->s);
    forget(c);
    return result;
}

/* ---- accepting */

static int start_task(struct served *c)
{
    char name[sizeof c->peer + 8];

    snprintf(name, sizeof name, "client %s", c->peer);
    return proa_create_task_opts(
        NULL, NULL, serve, c, PROA_TASK_OPTS(.name = name, .stack_size = c->server->o.stack_size));
}

/* Takes the stream, on failure too. */
static int take(struct proa_stream_server *server, struct proa_stream *s, const char *peer)
{
    struct served *c = proa__zalloc(sizeof *c);
    int rc;

    if (!c) {
        proa__stream_abort(s);
        return proa__fail(PROA_ENOMEM, "no memory for a client");
    }
    c->server = server;
    c->s = s;
    snprintf(c->peer, sizeof c->peer, "%s", peer);
    list_push(&server->conns, &c->link);
    if (++server->n_conns >= server->o.limit)
        pause_all(server);
    rc = start_task(c);
    if (rc < 0) {
        proa__stream_abort(s);
        forget(c);
    }
    return rc;
}

/* Say so now and then: clients decide how often it happens. */
static void turn_away(struct proa_stream_server *server, const char *peer, int rc)
{
    int64_t now = proa__loop_now(server->loop);

    server->turned_away++;
    if (server->logged && now - server->logged < LOG_EVERY)
        return;
    server->logged = now;
    proa__log(PROA_LOG_ERROR, "a client at %s was turned away: %s; %llu so far", peer,
              proa_err_text(rc), (unsigned long long)server->turned_away);
}

static void on_accept(void *arg, struct proa_stream *s, const struct proa_addr *peer)
{
    char text[PROA_ADDR_TEXT];
    int rc = take(arg, s, proa_addr_format(peer, text));

    if (rc < 0)
        turn_away(arg, text, rc);
}

int proa_stream_server_add_stream_steal(struct proa_stream_server *server, struct proa_stream *s)
{
    int rc = 0;

    proa__stream_server_check(server, "proa_stream_server_add_stream_steal");
    if (server->closed)
        rc = proa__fail(PROA_ECLOSED, "the server was closed");
    else if (server->n_conns >= server->o.limit)
        rc = proa__fail(PROA_EAGAIN, "the server has as many clients as it may");
    if (rc < 0) {
        proa__stream_abort(s);
        return rc;
    }
    return take(server, s, s->ops->kind);
}

static int start_one(struct proa_stream_server *server, struct served_listener *n)
{
    int rc = proa__listener_on_accept(n->l, on_accept, server);

    if (rc == 0 && server->full)
        proa__listener_pause(n->l);
    return rc;
}

int proa_stream_server_start(struct proa_stream_server *server)
{
    int rc = 0;

    proa__stream_server_check(server, "proa_stream_server_start");
    if (server->closed)
        return proa__fail(PROA_ECLOSED, "the server was closed");
    for (struct list *it = server->listeners.next; it != &server->listeners && rc == 0;
         it = it->next)
        rc = start_one(server, CONTAINER_OF(it, struct served_listener, link));
    server->started = rc == 0;
    if (rc < 0)
        LIST_FOR_EACH (it, &server->listeners)
            proa__listener_on_accept(CONTAINER_OF(it, struct served_listener, link)->l, NULL, NULL);
    return rc;
}

int proa_stream_server_add_steal(struct proa_stream_server *server, struct proa_listener *l)
{
    struct served_listener *n = NULL;
    int rc = 0;

    proa__stream_server_check(server, "proa_stream_server_add_steal");
    if (server->closed)
        rc = proa__fail(PROA_ECLOSED, "the server was closed");
    if (rc == 0) {
        n = proa__zalloc(sizeof *n);
        rc = n ? 0 : proa__fail(PROA_ENOMEM, "no memory for a listener");
    }
    if (rc == 0) {
        n->l = l;
        rc = server->started ? start_one(server, n) : 0;
    }
    if (rc < 0) {
        proa__free(n);
        proa_listener_free(l);
        return rc;
    }
    list_push(&server->listeners, &n->link);
    return 0;
}

/* ---- life */

static int get_opts(struct proa_stream_server_opts *o, const struct proa_stream_server_opts *opts)
{
    int rc = proa__opts_copy(o, sizeof *o, opts);

    if (rc < 0)
        return proa__fail(rc, "options of a server: %s", proa_err_text(rc));
    rc = proa__task_check_stack_size(o->stack_size);
    if (rc < 0)
        return rc;
    if (o->wrap_timeout < 0)
        return proa__fail(PROA_EINVAL, "options of a server: .wrap_timeout is negative");
    if (o->wrap_timeout == 0)
        o->wrap_timeout = WRAP_TIMEOUT;
    if (o->limit == 0)
        o->limit = LIMIT;
    return 0;
}

int proa_stream_server_new(struct proa_stream_server **ret, proa_serve_fn *fn, void *arg,
                           const struct proa_stream_server_opts *opts)
{
    struct proa_loop *loop = proa__loop_need("proa_stream_server_new");
    struct proa_stream_server_opts o;
    struct proa_stream_server *server;
    int rc = get_opts(&o, opts);

    if (rc < 0)
        return rc;
    server = proa__zalloc(sizeof *server);
    if (!server)
        return proa__fail(PROA_ENOMEM, "no memory for a server");
    server->magic = MAGIC_STREAM_SERVER;
    server->loop = loop;
    server->fn = fn;
    server->arg = arg;
    server->o = o;
    server->started = !o.start_later;
    list_init(&server->listeners);
    list_init(&server->conns);
    list_init(&server->waiters);
    list_init(&server->callers);
    *ret = server;
    return 0;
}

/* The listener, if there is one, becomes the first of a new server. */
static int start_with(struct proa_stream_server **ret, struct proa_listener *l, proa_serve_fn *fn,
                      void *arg, const struct proa_stream_server_opts *opts)
{
    struct proa_stream_server *server = NULL;
    int rc = proa_stream_server_new(&server, fn, arg, opts);

    if (rc < 0) {
        proa_listener_free(l);
        return rc;
    }
    rc = proa_stream_server_add_steal(server, l);
    if (rc < 0) {
        proa_stream_server_free(server);
        return rc;
    }
    *ret = server;
    return 0;
}

int proa_start_server(struct proa_stream_server **ret, const char *host, int port,
                      proa_serve_fn *fn, void *arg, const struct proa_stream_server_opts *opts)
{
    struct proa_listener *l = NULL;
    int rc = proa_listen_tcp(&l, host, port, NULL);

    return rc < 0 ? rc : start_with(ret, l, fn, arg, opts);
}

int proa_start_unix_server(struct proa_stream_server **ret, const char *path, proa_serve_fn *fn,
                           void *arg, const struct proa_stream_server_opts *opts)
{
    struct proa_listener *l = NULL;
    int rc = proa_listen_unix(&l, path, NULL);

    return rc < 0 ? rc : start_with(ret, l, fn, arg, opts);
}

int proa_stream_server_detach(struct proa_stream_server *server, struct proa_stream *s)
{
    proa__stream_server_check(server, "proa_stream_server_detach");
    LIST_FOR_EACH (it, &server->conns) {
        struct served *c = CONTAINER_OF(it, struct served, link);
        if (c->s == s && s->flags & STREAM_LENT) { /* else it is being closed, or not begun with */
            s->flags &= (uint8_t)~STREAM_LENT;
            c->s = NULL;
            return 0;
        }
    }
    return proa__fail(PROA_ENOENT, "no handler of the server has this stream");
}

/* ---- small questions */

bool proa_stream_server_is_serving(const struct proa_stream_server *server)
{
    proa__stream_server_check(server, "proa_stream_server_is_serving");
    return server->started && !server->closed;
}

int proa_stream_server_address(const struct proa_stream_server *server, size_t i,
                               struct proa_addr *ret)
{
    proa__stream_server_check(server, "proa_stream_server_address");
    LIST_FOR_EACH (it, &server->listeners) {
        struct proa_listener *l = CONTAINER_OF(it, struct served_listener, link)->l;
        size_t n = proa__listener_count(l);
        if (i < n)
            return proa_listener_address(l, i, ret);
        i -= n;
    }
    return proa__fail(PROA_ENOENT, "the server does not listen on so many addresses");
}

int proa_stream_server_port(const struct proa_stream_server *server)
{
    struct proa_addr addr;
    int rc = proa_stream_server_address(server, 0, &addr);

    return rc < 0 ? -1 : proa_addr_port(&addr);
}

size_t proa_stream_server_clients(const struct proa_stream_server *server)
{
    proa__stream_server_check(server, "proa_stream_server_clients");
    return server->n_conns;
}

/* ---- in words */

static bool is_resting(const struct proa_stream_server *server)
{
    LIST_FOR_EACH (it, &server->listeners)
        if (proa__listener_is_resting(CONTAINER_OF(it, struct served_listener, link)->l))
            return true;
    return false;
}

static const char *state_of(const struct proa_stream_server *server)
{
    if (server->closed)
        return server->n_conns ? "closing" : "closed";
    if (!server->started)
        return "not started";
    if (server->full)
        return "full";
    return is_resting(server) ? "out of descriptors" : "serving";
}

/* The addresses last: a text that is too long ends within them. */
void proa__stream_server_describe(const void *object, struct view *v)
{
    const struct proa_stream_server *server = object;

    proa__view_object(v, "stream server", server);
    proa__view_say(v, ", %s, %zu", state_of(server), server->n_conns);
    if (server->o.limit != PROA_UNLIMITED)
        proa__view_say(v, " of %zu", server->o.limit);
    proa__view_say(v, " connections");
    proa__view_list(v, &server->waiters, "wait");
    if (!list_empty(&server->listeners))
        proa__view_say(v, ", at");
    LIST_FOR_EACH (it, &server->listeners)
        proa__listener_say_addresses(CONTAINER_OF(it, struct served_listener, link)->l, v);
}

int proa_stream_server_describe(const struct proa_stream_server *server, char *buf, size_t n)
{
    proa__stream_server_check(server, __func__);
    return proa__view_write(proa__stream_server_describe, server, buf, n);
}
