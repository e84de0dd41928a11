#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"
#include "client/connection.h"
#include "client/tls.h"
#include "core/loop.h"
#include "net/connect.h"
#include "net/stream.h"

#include <proa/err.h>
#include <proa/resolve.h>
#include <proa/scope.h>
#include <proa/stream.h>
#include <proa/time.h>
#include <proa/tls.h>
#include <proa/unix.h>

#include <stdio.h>

static void default_time(int64_t *option, int64_t otherwise)
{
    if (*option == 0)
        *option = otherwise;
}

void proa__connection_default_times(struct proa_connection_opts *o)
{
    default_time(&o->connect_timeout, 30 * PROA_SEC);
    default_time(&o->tls_timeout, 15 * PROA_SEC);
    default_time(&o->write_timeout, 30 * PROA_SEC);
    default_time(&o->read_timeout, 60 * PROA_SEC);
    default_time(&o->first_timeout, o->read_timeout);
}

static void fill_defaults(struct proa_connection *c)
{
    struct proa_connection_opts *o = &c->opts;

    proa__connection_default_times(o);
    c->limits = proa__http_limits_client;
    if (o->max_head)
        c->limits.head_bytes = o->max_head;
    if (o->max_fields)
        c->limits.fields = o->max_fields;
}

static int parse_url(struct proa_url *ret, const char *text)
{
    int rc = proa_url_parse(ret, proa_str_from(text));

    if (rc < 0 || proa_str_eq(ret->scheme, PROA_STR("http")) ||
        proa_str_eq(ret->scheme, PROA_STR("https")))
        return rc;
    proa_url_fini(ret);
    return proa__fail(PROA_EURL, "%s: only http and https can be fetched", text);
}

/* Of the URL its origin is kept. */
static int new_connection(struct proa_connection **ret, const struct proa_url *url,
                          const struct proa_connection_opts *opts)
{
    struct proa_connection *c = proa__zalloc(sizeof *c);

    if (!c)
        return PROA_ENOMEM;
    c->magic = MAGIC_CONNECTION;
    c->loop = proa__loop_need("a connection");
    proa__arena_init(&c->arena, NULL, 0);
    int rc = proa__opts_copy(&c->opts, sizeof c->opts, opts);
    if (rc == 0)
        rc = proa_url_resolve(&c->origin, url, PROA_STR("/"));
    if (rc < 0) {
        proa_connection_free(c);
        return rc;
    }
    fill_defaults(c);
    *ret = c;
    return 0;
}

/* Where to connect to, as a C string. */
static char *host_text(const struct proa_connection *c)
{
    struct proa_str host = c->origin.host;
    struct proa_str zone = c->origin.zone;

    if (c->opts.connect_host)
        return proa__strdup(c->opts.connect_host);
    char *text = proa__alloc(host.n + zone.n + 2);
    if (!text)
        return NULL;
    memcpy(text, host.p, host.n);
    text[host.n] = 0;
    if (zone.n) {
        text[host.n] = '%';
        memcpy(text + host.n + 1, zone.p, zone.n);
        text[host.n + 1 + zone.n] = 0;
    }
    return text;
}

static int connect_tcp(struct proa_connection *c, const char *host)
{
    PROA_AUTO(proa_addrs) addrs = {0};
    char name[120];
    int port = c->opts.connect_port ? c->opts.connect_port : c->origin.port;
    int rc = proa_resolve(NULL, &addrs, host, port, 0);

    if (rc < 0)
        return rc;
    c->times.resolved = proa__loop_now(c->loop);
    proa__connect_interleave(addrs.a, addrs.n);
    snprintf(name, sizeof name, "%.100s port %d", host, port);
    return proa__connect_race(&c->stream, addrs.a, addrs.n, name, &(struct proa_tcp_opts){0});
}

static int connect_stream(struct proa_connection *c, connect_fn *connect, void *arg)
{
    if (connect)
        return connect(arg, &c->stream, &c->origin);
    if (c->opts.unix_path)
        return proa_unix_connect(&c->stream, c->opts.unix_path);

    char *host = host_text(c);
    if (!host)
        return PROA_ENOMEM;
    int rc = connect_tcp(c, host);
    proa__free(host);
    return rc;
}

/* A context may offer more than is spoken here. */
static int check_protocol(struct proa_connection *c)
{
    struct proa_tls_info info;
    int rc = proa_tls_info(c->stream, &info);

    if (rc < 0 || !info.alpn.n || proa_str_eq(info.alpn, PROA_STR("http/1.1")) ||
        proa_str_eq(info.alpn, PROA_STR("http/1.0")))
        return rc;
    return proa__fail(PROA_ETLSALPN, "%.*s chose the protocol \"%.*s\", which is not spoken here",
                      PROA_PRI(c->origin.authority), PROA_PRI(info.alpn));
}

static int shake_hands(struct proa_connection *c)
{
    struct proa_tls_ctx *ctx = c->opts.tls;
    struct proa_stream *lower = c->stream;
    int rc = ctx ? 0 : proa__client_default_tls(&ctx);

    if (rc < 0)
        return rc;
    char *name = c->opts.server_name ? proa__strdup(c->opts.server_name)
                                     : proa__strndup(c->origin.host.p, c->origin.host.n);
    if (!name)
        return PROA_ENOMEM;
    c->stream = NULL; /* taken, whatever comes */
    rc = proa_tls_client(&c->stream, lower, ctx,
                         PROA_TLS_OPTS(.server_name = name, .port = c->origin.port));
    proa__free(name);
    return rc < 0 ? rc : check_protocol(c);
}

/* A step of opening took too long. */
static int late(const struct proa_connection *c, int code, const char *what, int64_t limit)
{
    return proa__fail(code, "%s %.*s took more than %lld ms", what, PROA_PRI(c->origin.authority),
                      (long long)(limit / PROA_MS));
}

static int connect_in_time(struct proa_connection *c, connect_fn *connect, void *arg)
{
    PROA_TIMEOUT(t, c->opts.connect_timeout);
    c->times.started = proa__loop_now(c->loop);
    int rc = proa_timeout_result(&t, connect_stream(c, connect, arg));
    if (rc == PROA_ETIMEDOUT)
        return late(c, PROA_ECONNECTTIMEDOUT, "connecting to", c->opts.connect_timeout);
    c->times.connected = proa__loop_now(c->loop);
    return rc;
}

static int shake_in_time(struct proa_connection *c)
{
    if (!c->origin.secure)
        return 0;
    PROA_TIMEOUT(t, c->opts.tls_timeout);
    int rc = proa_timeout_result(&t, shake_hands(c));
    if (rc == PROA_ETIMEDOUT)
        return late(c, PROA_ETLSTIMEDOUT, "the TLS handshake with", c->opts.tls_timeout);
    c->times.tls_done = proa__loop_now(c->loop);
    return rc;
}

/* What the options point at was borrowed for the opening alone. */
static void forget_borrowed(struct proa_connection *c)
{
    c->opts.unix_path = c->opts.server_name = c->opts.connect_host = NULL;
    c->opts.tls = NULL;
}

int proa__connection_open(struct proa_connection **ret, const struct proa_url *url,
                          const struct proa_connection_opts *opts, connect_fn *connect, void *arg)
{
    struct proa_connection *c;
    int rc = new_connection(&c, url, opts);

    if (rc < 0)
        return rc;
    rc = connect_in_time(c, connect, arg);
    if (rc == 0)
        rc = shake_in_time(c);
    if (rc < 0) {
        proa_connection_free(c);
        return rc;
    }
    forget_borrowed(c);
    *ret = c;
    return 0;
}

int proa_connection_open(struct proa_connection **ret, const char *url,
                         const struct proa_connection_opts *opts)
{
    struct proa_url to;
    int rc = parse_url(&to, url);

    if (rc < 0)
        return rc;
    rc = proa__connection_open(ret, &to, opts, NULL, NULL);
    proa_url_fini(&to);
    return rc;
}

int proa_connection_from_stream_steal(struct proa_connection **ret, struct proa_stream *stream,
                                      const char *url, const struct proa_connection_opts *opts)
{
    struct proa_connection *c;
    struct proa_url to;
    int rc = parse_url(&to, url);

    if (rc == 0) {
        rc = new_connection(&c, &to, opts);
        proa_url_fini(&to);
    }
    if (rc < 0) {
        proa_stream_free(stream);
        return rc;
    }
    forget_borrowed(c);
    c->stream = stream;
    *ret = c;
    return 0;
}

bool proa_connection_reusable(struct proa_connection *c)
{
    char stray;

    if (c->broken || c->cut || c->last || c->state != CONNECTION_IDLE || c->asked_n)
        return false;
    if (proa__stream_buffered(c->stream).n || proa__stream_is_closed(c->stream))
        return false;
    /* One system call after a response; then the bit is clear until something comes. */
    if (!(proa__stream_bits(c->stream) & STREAM_READ))
        return true;
    if (proa__stream_try_read(c->stream, &stray, 1) == PROA_EAGAIN)
        return true;
    c->broken = true; /* a byte that nobody asked for, or the end */
    return false;
}

void proa__connection_abort(struct proa_connection *c)
{
    struct proa_stream *stream = c->stream;

    c->stream = NULL;
    c->broken = true;
    proa__stream_close(stream);
}

uint64_t proa_connection_received(const struct proa_connection *c)
{
    return c->received;
}

const struct proa_timings *proa_connection_timings(const struct proa_connection *c)
{
    return &c->times;
}

/* Only TLS has something to say at its end. It is tried at once, so a cancelled task says it too
 * where there is room. */
void proa_connection_close(struct proa_connection *c)
{
    if (!c)
        return;
    PROA_CHECK_OBJ(c, MAGIC_CONNECTION);
    if (c->origin.secure && !c->broken && !c->cut &&
        proa__stream_try_shutdown(c->stream) == PROA_EAGAIN)
        PROA_WITHIN(PROA_SEC, proa_shutdown(c->stream));
    proa_connection_free(c);
}

void proa_connection_free(struct proa_connection *c)
{
    if (!c)
        return;
    PROA_CHECK_OBJ(c, MAGIC_CONNECTION);
    proa_stream_free(c->stream);
    proa__http_parser_fini(&c->parser);
    proa__arena_fini(&c->arena);
    proa_url_fini(&c->origin);
    proa__free(c->asked);
    c->magic = 0;
    proa__free(c);
}
