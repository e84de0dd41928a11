#ifndef PROA_CONNECTION_H
#define PROA_CONNECTION_H

/*
 * connection: one client connection, without pool, cookies or redirects; and prepared, a request
 * rendered once and sent many times. The session stands on them, and so does a load tester.
 *
 *   closed --open--> idle --send--> sent (n in flight) --receive head--> body --read to its end-->
 * idle or sent
 *                      \-- any error, any byte while idle, a response that ends the connection -->
 * unusable
 *
 * A connection belongs to one task at a time. Responses come in the order of the sends.
 */

#include <proa/buf.h>
#include <proa/defs.h>
#include <proa/headers.h>
#include <proa/str.h>

#include <stdint.h>
#include <sys/types.h>

PROA_BEGIN_DECLS

struct proa_connection;
struct proa_prepared;
struct proa_stream;
struct proa_tls_ctx;

/* When things happened, ns of the monotonic clock; 0: did not happen. */
struct proa_timings {
    int64_t started;    /* open was called */
    int64_t resolved;   /* addresses known */
    int64_t connected;  /* TCP or UNIX connection stands */
    int64_t tls_done;   /* handshake complete */
    int64_t send_begin; /* of the newest request */
    int64_t send_end;
    int64_t first_byte; /* of the newest response, interim ones included */
    int64_t complete;   /* its body ended */
};

struct proa_connection_opts {
    size_t size;              /* set by PROA_CONNECTION_OPTS */
    const char *unix_path;    /* connect to this UNIX socket instead of host and port */
    struct proa_tls_ctx *tls; /* for https; NULL: the default client context, which verifies */
    const char *server_name;  /* name verified and sent as SNI; NULL: the host */
    const char
        *connect_host; /* connect there instead of host (the name stays the URL's); NULL: host */
    int connect_port;  /* 0: the URL's */
    int64_t connect_timeout; /* one open: resolve and connect; 0: 30 s; PROA_FOREVER: none */
    int64_t tls_timeout;     /* handshake; 0: 15 s */
    int64_t write_timeout;   /* no byte taken; 0: 30 s */
    int64_t first_timeout;   /* from the request sent to the first byte of its response; 0: as
                                read_timeout */
    int64_t read_timeout;    /* between two pieces of a response; 0: 60 s */
    size_t max_head;         /* response head, bytes; 0: 256 KiB */
    size_t max_fields;       /* response fields; 0: 256 */
};
#ifndef __cplusplus
#define PROA_CONNECTION_OPTS(...) PROA_OPTS(proa_connection_opts, __VA_ARGS__)
#endif

/* A response's head. Valid until: the next receive on the connection, or its free. */
struct proa_reply {
    int status;
    int version_minor;
    struct proa_str reason;
    const struct proa_headers *headers;
    int64_t length;  /* of the body; -1: unknown until it ends; 0 where there can be none */
    bool keep_alive; /* another request may follow */
};

/**
 * Render a request once.
 *
 * `url` is absolute, http or https. `headers` may be NULL; Host, Content-Length and, unless given,
 * Accept and User-Agent are added. `body` is copied.
 *
 * Errors:       PROA_EURL (the detail says where), PROA_EMSGSIZE (too long a URL), PROA_ESTARTLINE
 *               (a method that cannot be sent; CONNECT is one), PROA_EHEADER (a field that cannot
 *               be sent, two Hosts, or a length of its own), PROA_ENOMEM.
 * Ownership:    the caller's, until proa_prepared_free; may be used by several connections.
 */
PROA_API int proa_prepared_new(struct proa_prepared **ret, const char *method, const char *url,
                               const struct proa_headers *headers, struct proa_str body);

/** Free a prepared request; NULL is nothing. */
PROA_API void proa_prepared_free(struct proa_prepared *prepared);
PROA_DEFINE_AUTO(proa_prepared, proa_prepared_free);

/** Bytes of the rendered request, head and body. */
PROA_API size_t proa_prepared_size(const struct proa_prepared *prepared);

/**
 * Connect to the origin of `url` (scheme, host and port; the rest is ignored).
 *
 * Suspends:     yes.
 * Errors:       PROA_EURL, PROA_ENOHOST, PROA_ERESOLVE, PROA_ECONNREFUSED and kin, PROA_ETLS...,
 *               PROA_ECONNECTTIMEDOUT, PROA_ETLSTIMEDOUT, PROA_ECANCELED, PROA_E2BIG, PROA_ENOMEM.
 * Ownership:    `*ret` is the caller's, until proa_connection_close or _free. Options and URL are
 *               copied.
 * Cancellation: nothing is left behind.
 */
PROA_API PROA_SUSPENDS int proa_connection_open(struct proa_connection **ret, const char *url,
                                                const struct proa_connection_opts *opts);

/**
 * Make a client connection over a stream that is connected already (a tunnel, a memory pair). For
 * an https URL the stream is one of TLS.
 *
 * Errors:       PROA_ENOMEM, PROA_EURL, PROA_E2BIG.
 * Ownership:    takes the stream, on success and on failure.
 */
PROA_API int proa_connection_from_stream_steal(struct proa_connection **ret,
                                               struct proa_stream *stream, const char *url,
                                               const struct proa_connection_opts *opts);

/**
 * Send a prepared request. May be called again before the response was received (pipelining).
 *
 * After PROA_EPIPE or PROA_ECONNRESET a response may still be received: a server that refuses a
 * request says why before it closes.
 *
 * Suspends:     yes, until the kernel has taken it.
 * Errors:       PROA_ECLOSED (the connection can take no more), PROA_EINVAL (more than 1024
 *               requests would be in flight; nothing was sent), PROA_EWRITETIMEDOUT, PROA_EPIPE,
 *               PROA_ECONNRESET, PROA_ECANCELED, PROA_ENOMEM.
 * Cancellation: the connection is unusable.
 */
PROA_API PROA_SUSPENDS int proa_connection_send(struct proa_connection *c,
                                                const struct proa_prepared *prepared);

/**
 * Send `n` copies of a prepared request in one write (pipelining).
 *
 * Suspends:     yes. Otherwise as proa_connection_send.
 */
PROA_API PROA_SUSPENDS int proa_connection_send_n(struct proa_connection *c,
                                                  const struct proa_prepared *prepared, size_t n);

/**
 * Receive the head of the oldest response that is due. Interim responses (1xx) are skipped.
 *
 * What is left of an earlier body is read and dropped first.
 *
 * Suspends:     yes.
 * Errors:       PROA_EEOF (closed before the first byte, or by an earlier response: safe to send
 *               again elsewhere if the method is idempotent), PROA_EHTTPSHORT (closed inside the
 *               head), PROA_EHTTP... (malformed), PROA_EFIRSTBYTETIMEDOUT, PROA_EREADTIMEDOUT,
 *               PROA_ECONNRESET, PROA_ETLS..., PROA_ECLOSED (the connection failed before),
 *               PROA_EINVAL (nothing was sent), PROA_ECANCELED, PROA_ENOMEM.
 * Ownership:    `*ret` borrows. Valid until: the next receive or free.
 * Cancellation: the bytes that arrived are kept; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_connection_receive(struct proa_connection *c,
                                                   struct proa_reply *ret);

/**
 * Read some of the response's body as sent (codings not undone): at least one byte, at most `n`; 0
 * at its end. What came before a failure is handed out before it.
 *
 * Suspends:     yes.
 * Errors:       PROA_EHTTPSHORT (closed before its end), otherwise as proa_connection_receive.
 * Cancellation: nothing consumed; safe to retry.
 */
PROA_API PROA_SUSPENDS ssize_t proa_connection_read(struct proa_connection *c, void *buf, size_t n);

/**
 * Read the rest of the body and drop it; `*ret_n`, if not NULL, gets its length, right on every
 * return.
 *
 * Suspends:     yes.
 * Errors:       as proa_connection_read.
 * Cancellation: safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_connection_skip(struct proa_connection *c, uint64_t *ret_n);

/** Whether another request may be sent: nothing in flight or in the read, no error, not closed by
 * either side, no stray byte. */
PROA_API bool proa_connection_reusable(struct proa_connection *c);

/** Bytes received on this connection so far, heads and framing included. */
PROA_API uint64_t proa_connection_received(const struct proa_connection *c);

/** The times of the connection and of its newest exchange. Valid until: the connection is freed. */
PROA_API const struct proa_timings *proa_connection_timings(const struct proa_connection *c);

/**
 * Close in order (TLS says good-bye, bounded to a second) and free. NULL is nothing.
 *
 * Suspends:     yes.
 * Ownership:    takes the connection.
 * Cancellation: closed at once.
 */
PROA_API PROA_SUSPENDS void proa_connection_close(struct proa_connection *c);

/** Close at once and free. NULL is nothing. */
PROA_API void proa_connection_free(struct proa_connection *c);
PROA_DEFINE_AUTO(proa_connection, proa_connection_free);

PROA_END_DECLS

#endif
