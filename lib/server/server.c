#include "server/server.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/loop.h"
#include "core/task.h"
#include "net/listener.h"
#include "server/conn.h"
#include "server/exchange.h"

#include <proa/addr.h>
#include <proa/err.h>
#include <proa/scope.h>
#include <proa/stream.h>
#include <proa/sync.h>
#include <proa/time.h>
#include <proa/tls.h>
#include <proa/unix.h>

/* ---- life ---- */

static void drop_listeners(struct proa_server *s)
{
    for (size_t i = 0; i < s->n_sites; i++) {
        proa_listener_free(s->sites[i].listener);
        s->sites[i].listener = NULL;
    }
}

static void leave_app(struct proa_server *s)
{
    if (s->app)
        s->app->servers--;
    s->app = NULL;
}

static void unref(struct proa_server *s)
{
    if (--s->refs)
        return;
    drop_listeners(s);
    for (size_t i = 0; i < s->n_sites; i++) {
        proa_tls_ctx_unref(s->sites[i].tls);
        proa__free(s->sites[i].url);
    }
    proa__free(s->sites);
    proa__free(s->name);
    s->phase = SERVER_DONE;
    for (struct list *it; (it = list_pop(&s->spare));)
        proa__exchange_give_back(CONTAINER_OF(it, struct exchange, link));
    struct map_entry *entry;
    for (size_t i = 0; (entry = proa__map_next(&s->addresses, &i));)
        proa__free(entry->value);
    proa__map_fini(&s->addresses);
    proa_event_free(s->stop);
    proa_event_free(s->empty);
    proa_event_free(s->done);
    leave_app(s);
    s->magic = 0;
    proa__free(s);
}

static int new_server(struct proa_server **ret, struct proa_app *app,
                      const struct proa_server_opts *opts)
{
    struct proa_server *s = proa__zalloc(sizeof *s);
    int rc;

    if (!s)
        return PROA_ENOMEM;
    s->magic = MAGIC_SERVER;
    s->refs = 1;
    s->loop = proa__loop_need("proa_server_start");
    list_init(&s->conns);
    list_init(&s->spare);
    proa__map_init(&s->addresses);
    rc = proa__opts_copy(&s->opts, sizeof s->opts, opts);
    if (rc == 0)
        rc = proa_event_new(&s->stop);
    if (rc == 0)
        rc = proa_event_new(&s->empty);
    if (rc == 0)
        rc = proa_event_new(&s->done);
    if (rc == 0)
        rc = proa__server_settings(s);
    if (rc == 0)
        rc = proa__server_counts(s->counts);
    if (rc < 0) {
        unref(s);
        return rc;
    }
    s->app = app;
    app->servers++;
    *ret = s;
    return 0;
}

/* ---- listening ---- */

static void accepted(void *arg, struct proa_stream *stream, const struct proa_addr *peer)
{
    struct site *site = arg;
    struct proa_server *s = site->server;

    if (s->phase != SERVER_SERVING) {
        proa_abort(stream);
        return;
    }
    proa__conn_accept(site, stream, peer);
    if (s->n_conns >= s->opts.max_connections && !s->paused) {
        s->paused = true;
        proa__server_count(s, COUNT_CONNECTIONS, 1);
        for (size_t i = 0; i < s->n_sites; i++)
            if (s->sites[i].listener)
                proa__listener_pause(s->sites[i].listener);
    }
}

static char *url_of(struct site *site, const struct proa_bind *bind)
{
    struct proa_addr addr;
    char text[PROA_ADDR_TEXT];
    const char *scheme = site->tls ? "https" : "http";
    struct arena scratch;
    char *url;

    proa__arena_init(&scratch, NULL, 0);
    if (bind->unix_path)
        url = proa__arena_printf(&scratch, "%s+unix:%s", scheme, bind->unix_path);
    else if (proa_listener_address(site->listener, 0, &addr) < 0)
        url = NULL;
    else
        url = proa__arena_printf(&scratch, "%s://%s", scheme, proa_addr_format(&addr, text));
    url = url ? proa__strdup(url) : NULL;
    proa__arena_fini(&scratch);
    return url;
}

static int open_site(struct proa_server *s, const struct proa_bind *bind)
{
    struct site *site = &s->sites[s->n_sites];
    const char *host = bind->host ? bind->host : "127.0.0.1";
    int backlog = s->opts.backlog ? s->opts.backlog : 4096;
    int rc;

    if (bind->unix_path)
        rc = proa_listen_unix(&site->listener, bind->unix_path,
                              PROA_LISTEN_OPTS(.backlog = backlog));
    else
        rc = proa_listen_tcp(&site->listener, strcmp(host, "*") == 0 ? NULL : host, bind->port,
                             PROA_LISTEN_OPTS(.backlog = backlog));
    if (rc < 0)
        return rc;
    site->server = s;
    site->tls = bind->tls ? proa_tls_ctx_ref(bind->tls) : NULL;
    s->n_sites++;
    site->url = url_of(site, bind);
    return site->url ? 0 : PROA_ENOMEM;
}

static int open_sites(struct proa_server *s)
{
    const struct proa_server_opts *o = &s->opts;
    bool own = o->host || o->port || o->tls || !o->n_binds;
    struct proa_bind first = {.host = o->host, .port = o->port, .tls = o->tls};
    int rc = 0;

    if (o->no_listen)
        return 0;
    s->sites = proa__zalloc_array(o->n_binds + 1, sizeof *s->sites);
    if (!s->sites)
        return PROA_ENOMEM;
    if (own)
        rc = open_site(s, &first);
    for (size_t i = 0; i < o->n_binds && rc == 0; i++)
        rc = open_site(s, &o->binds[i]);
    s->opts.binds = NULL; /* the caller's: gone with the call */
    return rc;
}

static int begin_accepting(struct proa_server *s)
{
    for (size_t i = 0; i < s->n_sites; i++) {
        int rc = proa__listener_on_accept(s->sites[i].listener, accepted, &s->sites[i]);
        if (rc < 0)
            return rc;
        if (s->opts.listening)
            s->opts.listening(s->opts.listening_arg, s->sites[i].url);
    }
    return 0;
}

/* ---- the server's task ---- */

static void drain_conns(struct proa_server *s)
{
    LIST_FOR_EACH_SAFE (it, &s->conns)
        proa__conn_drain(CONTAINER_OF(it, struct conn, link));
}

static void abort_conns(struct proa_server *s)
{
    LIST_FOR_EACH_SAFE (it, &s->conns) {
        struct conn *c = CONTAINER_OF(it, struct conn, link);
        if (c->state != CONN_TASK)
            proa__conn_abort(c);
    }
}

/* Wait for the word to stop, which a cancel is too. */
static void wait_stop(struct proa_server *s)
{
    proa_event_wait(s->stop);
    s->phase = SERVER_DRAINING;
    drop_listeners(s);
    drain_conns(s);
    if (!s->n_conns)
        proa_event_set(s->empty);
}

static void drain(struct proa_server *s)
{
    PROA_SHIELD(shield, s->drain);
    PROA_TIMEOUT(t, s->drain);
    if (proa_timeout_result(&t, proa_event_wait(s->empty)) < 0)
        s->result = PROA_ETIMEDOUT;
}

static int server_main(void *arg)
{
    struct proa_server *s = arg;

    PROA_GROUP(handlers);
    s->group = &handlers;
    int rc = s->phase == SERVER_SERVING ? begin_accepting(s) : 0;
    if (rc == 0) {
        wait_stop(s);
        drain(s);
    } else {
        drop_listeners(s);
    }
    s->phase = SERVER_CANCELLING;
    abort_conns(s);
    proa_group_cancel(&handlers);
    proa_group_join(&handlers);
    abort_conns(s);
    s->group = NULL;
    s->phase = SERVER_DONE;
    if (rc < 0)
        s->result = rc;
    proa_event_set(s->done);
    unref(s);
    return 0;
}

/* ---- the public calls ---- */

/* Freed, it may live on for its task and its handlers. */
static void check_alive(const struct proa_server *s, const char *call)
{
    PROA_CHECK(s && s->magic == MAGIC_SERVER && !s->freed, "%s: %s", call,
               s ? "the server was freed, or never made" : "the server is NULL");
}

void proa__server_check(const struct proa_server *s, const char *call)
{
    check_alive(s, call);
    proa__loop_check(s->loop, call);
}

int proa_server_start(struct proa_server **ret, struct proa_app *app,
                      const struct proa_server_opts *opts)
{
    struct proa_server *s;
    int rc;

    if (!app)
        return PROA_ENOMEM;
    PROA_CHECK_OBJ(app, MAGIC_APP);
    rc = proa_app_error(app);
    if (rc < 0)
        return rc;
    rc = new_server(&s, app, opts);
    if (rc < 0)
        return rc;
    rc = open_sites(s);
    if (rc == 0)
        rc = proa__task_create(NULL,
                               (struct task_spec){
                                   .fn = server_main,
                                   .arg = s,
                                   .opts = PROA_TASK_OPTS(.name = "server"),
                                   .plain = true,
                               },
                               NULL);
    if (rc < 0) {
        unref(s);
        return rc;
    }
    s->refs++;
    *ret = s;
    return 0;
}

int proa_server_add_stream_steal(struct proa_server *s, struct proa_stream *stream, bool secure)
{
    proa__server_check(s, __func__);
    if (s->phase != SERVER_SERVING) {
        proa_stream_free(stream);
        return PROA_ECLOSED;
    }
    return proa__conn_begin(s, stream, secure);
}

const char *proa_server_url(const struct proa_server *s, size_t i)
{
    proa__server_check(s, __func__);
    return i < s->n_sites ? s->sites[i].url : NULL;
}

int proa_server_port(const struct proa_server *s, size_t i)
{
    struct proa_addr addr;

    proa__server_check(s, __func__);
    if (i >= s->n_sites || !s->sites[i].listener)
        return PROA_EINVAL;
    if (proa_listener_address(s->sites[i].listener, 0, &addr) < 0)
        return PROA_EINVAL;
    int port = proa_addr_port(&addr);
    return port < 0 ? 0 : port;
}

size_t proa_server_connections(const struct proa_server *s)
{
    proa__server_check(s, __func__);
    return s->n_conns;
}

int proa_server_stop(struct proa_server *s, int64_t grace)
{
    proa__server_check(s, __func__);
    s->drain = grace;
    s->refs++; /* others may free it meanwhile */
    proa_event_set(s->stop);
    int rc = proa_event_wait(s->done);
    if (rc >= 0)
        rc = s->freed ? proa__fail(PROA_ECLOSED, "the server was freed meanwhile") : s->result;
    unref(s);
    return rc;
}

void proa_server_free(struct proa_server *s)
{
    if (!s)
        return;
    check_alive(s, __func__);
    if (s->phase != SERVER_DONE) /* else its loop may have ended too */
        proa__loop_check(s->loop, __func__);
    s->freed = true;
    if (s->phase == SERVER_SERVING || s->phase == SERVER_DRAINING) {
        s->phase = SERVER_DRAINING;
        abort_conns(s);
        proa_event_set(s->stop);
        proa_event_set(s->empty);
    }
    if (!s->n_conns)
        leave_app(s); /* no handler runs, so the app may be freed now */
    unref(s);
}

/* ---- what connections ask ---- */

void proa__server_conn_gone(struct proa_server *s)
{
    s->n_conns--;
    if (s->phase != SERVER_SERVING) {
        if (!s->n_conns)
            proa_event_set(s->empty);
        return;
    }
    if (!s->paused || s->n_conns >= s->opts.max_connections)
        return;
    s->paused = false;
    for (size_t i = 0; i < s->n_sites; i++)
        if (s->sites[i].listener)
            proa__listener_resume(s->sites[i].listener);
}

struct proa_str proa__server_date(struct proa_server *s)
{
    return proa__date_at(&s->date, proa__loop_wall());
}
