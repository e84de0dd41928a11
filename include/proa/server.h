#ifndef PROA_SERVER_H
#define PROA_SERVER_H

/*
 * server: an app listening on addresses; what limits it, and how it stops.
 */

#include <proa/defs.h>
#include <proa/str.h>

#include <stdint.h>

PROA_BEGIN_DECLS

struct proa_app;
struct proa_server;
struct proa_stream;
struct proa_tls_ctx;

/* One address to listen on. */
struct proa_bind {
    const char *host;         /* name or address; NULL: 127.0.0.1; "*": all addresses */
    int port;                 /* 0: a free one, see proa_server_url */
    const char *unix_path;    /* listen on this UNIX socket instead; '@' first: an abstract name */
    struct proa_tls_ctx *tls; /* serve HTTPS with this context; NULL: plain HTTP */
};

/* One finished exchange, for the access log. Valid until: the call returns. */
struct proa_access {
    struct proa_str method; /* empty where the request could not be parsed */
    struct proa_str target; /* as received; escape before printing */
    struct proa_str peer;   /* address of the client */
    struct proa_str referer;
    struct proa_str user_agent;
    int version_minor;   /* 0 or 1 */
    int status;          /* 0: the client left, or was cut off, before a byte of its answer went */
    uint64_t body_bytes; /* sent, without the head; of a write that was cut, none */
    int64_t duration;    /* ns from the complete head to the end of the response */
    int64_t when;        /* seconds since 1970 */
};

typedef void proa_access_fn(void *arg, const struct proa_access *access);
typedef void proa_listening_fn(void *arg, const char *url);

struct proa_server_opts {
    size_t size;              /* set by PROA_SERVER_OPTS */
    const char *host;         /* name or address; NULL: 127.0.0.1; "*": all addresses */
    int port;                 /* 0: a free one */
    struct proa_tls_ctx *tls; /* serve HTTPS; NULL: plain HTTP */
    const struct proa_bind
        *binds; /* further addresses, or all of them when host, port and tls are unset */
    size_t n_binds;
    bool no_listen; /* listen nowhere: connections come by proa_server_add_stream_steal */
    int backlog;    /* connections the kernel queues; 0: 4096, capped by the kernel */
    proa_listening_fn *listening; /* called with each URL once it accepts */
    void *listening_arg;
    proa_access_fn
        *access; /* access log; NULL: none. proa_access_log_stderr writes combined lines */
    void *access_arg;
    const char *server_name; /* Server header; NULL: none is sent */

    /* Limits. 0 is the default named here; PROA_UNLIMITED and PROA_FOREVER lift one. With several
     * workers or threads each has them for itself. */
    size_t max_connections; /* 10,000, or the file limit less 64; beyond it the server stops
                               accepting */
    size_t max_per_address; /* none; beyond it a connection gets a 503, or over TLS nothing, and is
                               closed. Peers on UNIX sockets have no address and are not counted */
    size_t max_requests;    /* per connection: none */
    size_t max_target;      /* request target, bytes: 8 KiB -> 414 */
    size_t max_field;       /* one header field, bytes: 8 KiB -> 431 */
    size_t max_fields;      /* header fields: 128 -> 431 */
    size_t max_head;        /* whole head, bytes: 64 KiB -> 431 */
    int64_t head_timeout; /* from the first byte, or from accept, to a complete head: 10 s -> 408 */
    int64_t tls_timeout;  /* handshake: 15 s */
    int64_t body_timeout; /* between two pieces of a request body: 20 s -> 408 */
    int64_t
        write_timeout; /* without the client taking a byte: 30 s, then the connection is aborted */
    int64_t idle_timeout; /* between requests: 75 s */
    int64_t drain;        /* how long a stop waits for handlers: 30 s */
    size_t min_body_rate; /* of a request body, bytes a second that is waited for it beyond
                             body_timeout, or 5 s if that is less: 240 -> 408. A route may say
                             otherwise */
};
#ifndef __cplusplus
#define PROA_SERVER_OPTS(...) PROA_OPTS(proa_server_opts, __VA_ARGS__)
#endif

/**
 * Start serving `app` in the background, as a task of the loop.
 *
 * Suspends:     yes, while host names are resolved.
 * Errors:       as proa_app_serve.
 * Ownership:    `*ret` is the caller's, until proa_server_free; the app is borrowed until then, and
 *               as long as a handler runs: proa_server_stop waits for them.
 * Cancellation: nothing listens any more.
 */
PROA_API PROA_SUSPENDS int proa_server_start(struct proa_server **ret, struct proa_app *app,
                                             const struct proa_server_opts *opts);

/**
 * Serve a connection that came by another way than a listener: an accepted socket, a memory pair.
 *
 * TLS, if any, is the caller's to put under it before: then `secure` says so.
 *
 * Errors:       PROA_ECLOSED (the server is stopping), PROA_ENOMEM.
 * Ownership:    takes the stream, on success and on failure.
 */
PROA_API int proa_server_add_stream_steal(struct proa_server *server, struct proa_stream *stream,
                                          bool secure);

/**
 * The URL of the i-th listening address, as "http://127.0.0.1:8080"; NULL beyond the last one.
 *
 * Valid until: the server is freed.
 */
PROA_API const char *proa_server_url(const struct proa_server *server, size_t i);

/**
 * The port of the i-th listening address; 0 for a UNIX socket, PROA_EINVAL beyond the last one.
 */
PROA_API int proa_server_port(const struct proa_server *server, size_t i);

/** Number of open connections. */
PROA_API size_t proa_server_connections(const struct proa_server *server);

/**
 * Write what a server is into `buf`: "server 0x55d1c0, serving, 3 of 10000 connections, 1 busy, at
 * http://127.0.0.1:8080". Returns the length of that, which may be more than fits, as snprintf
 * does.
 *
 * It is "starting", "serving", "full" (at max_connections), "out of descriptors", "draining",
 * "cancelling" or "stopped". Connections with a request at work are busy.
 */
PROA_API int proa_server_describe(const struct proa_server *server, char *buf, size_t n);

/**
 * Stop in order: accept no more, close idle connections, wait for running handlers up to `grace`,
 * cancel the rest and wait for them.
 *
 * Suspends:     yes, until the last handler has returned.
 * Errors:       PROA_ETIMEDOUT (handlers had to be cancelled), PROA_ECANCELED (the caller was; the
 *               stop goes on), PROA_ECLOSED (another task freed the server meanwhile).
 * Cancellation: the stop goes on by itself; proa_server_free ends it at once.
 */
PROA_API PROA_SUSPENDS int proa_server_stop(struct proa_server *server, int64_t grace);

/**
 * Free a server: aborts the connections that are still open and cancels their handlers, which end
 * later by themselves.
 *
 * Ownership:    takes the server; NULL is nothing.
 */
PROA_API void proa_server_free(struct proa_server *server);
PROA_DEFINE_AUTO(proa_server, proa_server_free);

/** An access log function: one combined-format line per exchange on standard error, control bytes
 * escaped. */
PROA_API void proa_access_log_stderr(void *arg, const struct proa_access *access);

PROA_END_DECLS

#endif
