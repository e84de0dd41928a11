#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "core/loop.h"
#include "core/task.h"
#include "core/view.h"
#include "core/wait.h"
#include "net/listener.h"
#include "net/stream.h"
#include "net/stream_server.h"

#include <proa/err.h>
#include <proa/scope.h>
#include <proa/time.h>

/* What cancelled handlers have for their last words, before they are aborted. */
#define CANCEL_TIME (5 * PROA_SEC)

static bool is_over(const struct proa_stream_server *server)
{
    return server->closed && server->n_conns == 0;
}

void proa__stream_server_maybe_over(struct proa_stream_server *server)
{
    if (is_over(server))
        proa__wait_wake_all(&server->waiters, 0);
}

void proa_stream_server_close(struct proa_stream_server *server)
{
    struct list *it;

    proa__stream_server_check(server, "proa_stream_server_close");
    server->closed = true;
    while ((it = list_pop(&server->listeners))) {
        struct served_listener *n = CONTAINER_OF(it, struct served_listener, link);
        proa_listener_free(n->l);
        proa__free(n);
    }
    proa__stream_server_maybe_over(server);
}

/* ---- ending handlers */

static void cancel(struct served *c)
{
    c->cancelled = true;
    if (c->scope)
        proa_scope_cancel(c->scope);
}

void proa_stream_server_cancel_clients(struct proa_stream_server *server)
{
    proa__stream_server_check(server, "proa_stream_server_cancel_clients");
    LIST_FOR_EACH (it, &server->conns)
        cancel(CONTAINER_OF(it, struct served, link));
}

void proa_stream_server_abort_clients(struct proa_stream_server *server)
{
    proa__stream_server_check(server, "proa_stream_server_abort_clients");
    LIST_FOR_EACH (it, &server->conns) {
        struct served *c = CONTAINER_OF(it, struct served, link);
        c->aborted = true;
        if (c->s)
            proa__stream_kill(c->s);
        cancel(c);
    }
}

/* ---- waiting for the end */

/* A handler that waits for the end of all handlers would never end. */
static void check_caller(const struct proa_stream_server *server, const char *call)
{
    proa__stream_server_check(server, call);
    LIST_FOR_EACH (it, &server->conns)
        PROA_CHECK(CONTAINER_OF(it, struct served, link)->task != proa__task_here,
                   "%s: called by a handler of the server, which would wait for itself", call);
}

static const struct wait_kind ends = {
    .call = "proa_stream_server_stop",
    .describe = proa__stream_server_describe,
};

/* A call that waits, on its caller's stack: others may free the server meanwhile. */
struct caller {
    struct list link;
    struct proa_stream_server *server;
    bool gone; /* do not touch it */
};

static void enter(struct caller *c, struct proa_stream_server *server)
{
    c->server = server;
    c->gone = false;
    list_push(&server->callers, &c->link);
}

static int leave(struct caller *c, int rc)
{
    if (!c->gone)
        list_remove(&c->link);
    return rc;
}

/* 0, PROA_ECANCELED unless `firm`, PROA_ECLOSED: it was freed. */
static int wait_end(struct caller *c, bool firm)
{
    struct proa_stream_server *server = c->server;
    struct wait w;
    int rc;

    if (is_over(server))
        return 0;
    proa__wait_link(&server->waiters, &w);
    rc = firm ? proa__wait_park_firm(&w, 1, &ends, server) : proa__wait_park(&w, 1, &ends, server);
    if (rc >= 0 && w.code == 0)
        return 0; /* it was over then, whatever has become of it */
    return c->gone ? proa__fail(PROA_ECLOSED, "the server was freed meanwhile") : rc;
}

static int wait_end_within(struct caller *c, int64_t ns)
{
    return PROA_WITHIN(ns, wait_end(c, false));
}

/* The same although cancelled, for the time that cancelled handlers have. */
static int wait_cancelled(struct caller *c, int64_t ns)
{
    PROA_SHIELD(shield, CANCEL_TIME);
    return wait_end_within(c, ns);
}

/* The steps from `mode` on. */
static int stop(struct caller *c, enum proa_stop_mode mode, int64_t grace)
{
    int why = 0;
    int rc;

    if (mode == PROA_STOP_DRAIN) {
        rc = wait_end_within(c, grace);
        if (rc == 0 || rc == PROA_ECLOSED)
            return rc;
        why = rc;
        grace = CANCEL_TIME;
    }
    if (mode != PROA_STOP_ABORT) {
        proa_stream_server_cancel_clients(c->server);
        rc = wait_cancelled(c, grace);
        if (rc == 0 || rc == PROA_ECLOSED)
            return rc < 0 ? rc : why;
        why = why < 0 ? why : rc;
    }
    proa_stream_server_abort_clients(c->server);
    rc = wait_end(c, true);
    return rc < 0 ? rc : why;
}

int proa_stream_server_stop(struct proa_stream_server *server, enum proa_stop_mode mode,
                            int64_t grace)
{
    struct caller c;

    check_caller(server, __func__);
    if (mode != PROA_STOP_DRAIN && mode != PROA_STOP_CANCEL && mode != PROA_STOP_ABORT)
        return proa__fail(PROA_EINVAL, "%s: %d is no mode", __func__, (int)mode);
    proa_stream_server_close(server);
    enter(&c, server);
    return leave(&c, stop(&c, mode, grace));
}

int proa_stream_server_wait_closed(struct proa_stream_server *server)
{
    struct caller c;
    int rc;

    check_caller(server, __func__);
    rc = proa__wait_enter(__func__);
    if (rc < 0)
        return rc;
    enter(&c, server);
    return leave(&c, wait_end(&c, false));
}

int proa_stream_server_serve_forever(struct proa_stream_server *server)
{
    struct caller c;
    int rc;

    check_caller(server, __func__);
    rc = proa_stream_server_start(server);
    if (rc < 0)
        return rc;
    enter(&c, server);
    rc = wait_end(&c, false);
    if (rc == PROA_ECANCELED) {
        proa_stream_server_close(server);
        rc = stop(&c, PROA_STOP_CANCEL, CANCEL_TIME);
        rc = rc == PROA_ECLOSED ? rc : PROA_ECANCELED;
    }
    return leave(&c, rc);
}

/* ---- the end of the server itself */

void proa__stream_server_dispose(struct proa_stream_server *server)
{
    proa__free(server);
}

void proa_stream_server_free(struct proa_stream_server *server)
{
    if (!server)
        return;
    proa__stream_server_check(server, "proa_stream_server_free");
    proa_stream_server_close(server);
    proa_stream_server_abort_clients(server);
    LIST_FOR_EACH (it, &server->callers)
        CONTAINER_OF(it, struct caller, link)->gone = true;
    proa__wait_wake_all(&server->waiters, PROA_ECLOSED);
    server->magic = 0;
    server->freed = true;
    if (server->n_conns == 0)
        proa__stream_server_dispose(server);
}
