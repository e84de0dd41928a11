#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"
#include "client/connection.h"
#include "client/tls.h"
#include "core/loop.h"
#include "net/stream.h"

#include <proa/err.h>
#include <proa/scope.h>
#include <proa/tcp.h>
#include <proa/time.h>
#include <proa/tls.h>
#include <proa/unix.h>

static void default_time(int64_t *option, int64_t otherwise)
{
    if (*option == 0)
        *option = otherwise;
}

static void fill_defaults(struct proa_connection *c)
{
    struct proa_connection_opts *o = &c->opts;

    default_time(&o->connect_timeout, 30 * PROA_SEC);
    default_time(&o->tls_timeout, 15 * PROA_SEC);
    default_time(&o->write_timeout, 30 * PROA_SEC);
    default_time(&o->first_timeout, PROA_FOREVER);
    default_time(&o->read_timeout, 60 * PROA_SEC);
    c->limits = proa__http_limits_client;
    if (o->max_head)
        c->limits.head_bytes = o->max_head;
    if (o->max_fields)
        c->limits.fields = o->max_fields;
}

static int new_connection(struct proa_connection **ret, const char *url,
                          const struct proa_connection_opts *opts)
{
    struct proa_connection *c = proa__zalloc(sizeof *c);

    if (!c)
        return PROA_ENOMEM;
    c->magic = MAGIC_CONNECTION;
    c->loop = proa__loop_need("proa_connection_open");
    proa__arena_init(&c->arena, NULL, 0);
    int rc = proa__opts_copy(&c->opts, sizeof c->opts, opts);
    if (rc == 0)
        rc = proa_url_parse(&c->origin, proa_str_from(url));
    if (rc == 0 && !proa_str_eq(c->origin.scheme, PROA_STR("http")) &&
        !proa_str_eq(c->origin.scheme, PROA_STR("https")))
        rc = proa__fail(PROA_EURL, "%s: only http and https can be fetched", url);
    if (rc < 0) {
        proa_connection_free(c);
        return rc;
    }
    fill_defaults(c);
    *ret = c;
    return 0;
}

/* The host of the URL as a C string: of the parsed block, which has a byte behind it that is not
 * ours. */
static char *host_text(const struct proa_connection *c)
{
    struct proa_str host = c->origin.host;

    if (c->opts.connect_host)
        return proa__strdup(c->opts.connect_host);
    if (!c->origin.zone.n)
        return proa__strndup(host.p, host.n);
    char *text = proa__alloc(host.n + c->origin.zone.n + 2);
    if (text) {
        memcpy(text, host.p, host.n);
        text[host.n] = '%';
        memcpy(text + host.n + 1, c->origin.zone.p, c->origin.zone.n);
        text[host.n + 1 + c->origin.zone.n] = 0;
    }
    return text;
}

static int connect_stream(struct proa_connection *c)
{
    if (c->opts.unix_path)
        return proa_unix_connect(&c->stream, c->opts.unix_path);

    char *host = host_text(c);
    if (!host)
        return PROA_ENOMEM;
    int rc = proa_tcp_connect(&c->stream, host,
                              c->opts.connect_port ? c->opts.connect_port : c->origin.port, NULL);
    proa__free(host);
    return rc;
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
    return rc;
}

static int within(struct proa_connection *c, int (*step)(struct proa_connection *), int64_t ns,
                  int late, const char *what)
{
    PROA_TIMEOUT(t, ns);
    int rc = proa_timeout_result(&t, step(c));

    if (rc == PROA_ETIMEDOUT)
        return proa__fail(late, "%s %.*s took more than %lld ms", what,
                          PROA_PRI(c->origin.authority), (long long)(ns / PROA_MS));
    return rc;
}

static int open_connection(struct proa_connection *c)
{
    int rc;

    c->times.started = proa__loop_now(c->loop);
    rc = within(c, connect_stream, c->opts.connect_timeout, PROA_ECONNECTTIMEDOUT, "connecting to");
    if (rc < 0)
        return rc;
    c->times.connected = proa__loop_now(c->loop);
    if (!c->origin.secure)
        return 0;
    rc = within(c, shake_hands, c->opts.tls_timeout, PROA_ETLSTIMEDOUT, "the TLS handshake with");
    if (rc < 0)
        return rc;
    c->times.tls_done = proa__loop_now(c->loop);
    return 0;
}

int proa_connection_open(struct proa_connection **ret, const char *url,
                         const struct proa_connection_opts *opts)
{
    struct proa_connection *c;
    int rc = new_connection(&c, url, opts);

    if (rc < 0)
        return rc;
    rc = open_connection(c);
    /* What the options pointed at was borrowed for the opening alone. */
    c->opts.unix_path = c->opts.server_name = c->opts.connect_host = NULL;
    if (rc < 0) {
        proa_connection_free(c);
        return rc;
    }
    *ret = c;
    return 0;
}

int proa_connection_from_stream_steal(struct proa_connection **ret, struct proa_stream *stream,
                                      const char *url, const struct proa_connection_opts *opts)
{
    struct proa_connection *c;
    int rc = new_connection(&c, url, opts);

    if (rc < 0) {
        proa_stream_free(stream);
        return rc;
    }
    c->stream = stream;
    *ret = c;
    return 0;
}

bool proa_connection_reusable(struct proa_connection *c)
{
    char stray;

    if (c->broken || c->last || c->state != CONNECTION_IDLE || c->asked_n || !c->stream)
        return false;
    if (proa__stream_buffered(c->stream).n || proa__stream_is_closed(c->stream))
        return false;
    /* The bit is clear after a whole response, so this seldom is a system call; any byte would be
     * unasked for. */
    if (!(proa__stream_bits(c->stream) & STREAM_READ))
        return true;
    return proa__stream_try_read(c->stream, &stray, 1) == PROA_EAGAIN;
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

void proa_connection_close(struct proa_connection *c)
{
    if (!c)
        return;
    PROA_CHECK_OBJ(c, MAGIC_CONNECTION);
    if (c->stream && !c->broken && c->origin.secure) {
        struct proa_stream *stream = c->stream;
        c->stream = NULL;
        PROA_WITHIN(PROA_SEC, proa_close(stream));
    }
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
