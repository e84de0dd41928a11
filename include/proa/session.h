#ifndef PROA_SESSION_H
#define PROA_SESSION_H

/*
 * session: an HTTP client with a pool of connections, limits, timeouts, redirects and decoding.
 *
 *   PROA_AUTO(proa_session) *s = NULL;
 *   PROA_AUTO(proa_client_response) *resp = NULL;
 *   proa_session_new(&s, NULL);
 *   rc = proa_session_get(s, &resp, "https://example.org/", NULL);
 *   rc = rc < 0 ? rc : proa_client_response_read(resp, &body);
 *
 * A session belongs to one loop; any number of its tasks use it at once. Freeing it with open
 * responses is legal: they answer PROA_ECLOSED until freed themselves.
 */

#include <proa/buf.h>
#include <proa/defs.h>
#include <proa/headers.h>
#include <proa/str.h>

#include <stdint.h>
#include <sys/types.h>

PROA_BEGIN_DECLS

struct json_t;
struct proa_client_response;
struct proa_session;
struct proa_tls_ctx;

struct proa_session_opts {
    size_t size;                        /* set by PROA_SESSION_OPTS */
    const char *base_url;               /* relative URLs are resolved against it; NULL: none */
    const struct proa_headers *headers; /* sent with every request unless it sets its own; copied */
    struct proa_tls_ctx *tls;           /* for https; NULL: the default context, which verifies */
    const char *unix_path;              /* connect every request to this UNIX socket */
    size_t limit;                       /* connections in all; 0: 100; PROA_UNLIMITED: none */
    size_t limit_per_host;              /* connections per origin; 0: no limit */
    int64_t idle_timeout;               /* an unused connection is kept that long; 0: 15 s */
    int64_t pool_timeout;               /* waiting for a free connection; 0: none */
    int64_t connect_timeout;            /* 0: 30 s */
    int64_t tls_timeout;                /* 0: 15 s */
    int64_t write_timeout;              /* no byte taken; 0: 30 s */
    int64_t first_timeout;              /* request sent to first byte; 0: as read_timeout */
    int64_t read_timeout;               /* between two pieces of the response; 0: 60 s */
    int64_t total_timeout; /* from the call until the head, redirects included, and on while the
                              body is read; 0: none */
    int max_redirects;     /* 0: 10; -1: redirects are not followed */
    bool allow_downgrade;  /* follow a redirect from https to http */
    bool no_decode;        /* do not ask for gzip, hand bodies over as they came */
    bool no_retry;     /* do not send again when a kept-alive connection turned out to be closed */
    bool no_keepalive; /* close after each response */
    size_t max_body;   /* of proa_client_response_read, decoded; 0: 32 MiB; PROA_UNLIMITED: none */
};
#ifndef __cplusplus
#define PROA_SESSION_OPTS(...) PROA_OPTS(proa_session_opts, __VA_ARGS__)
#endif

struct proa_fetch_opts {
    size_t size;                        /* set by PROA_FETCH_OPTS */
    const struct proa_headers *headers; /* beside the session's, replacing those of the same name */
    struct proa_str body;      /* sent with Content-Length; borrowed until the call returns */
    const char *content_type;  /* of the body */
    const struct json_t *json; /* send this as application/json instead of body */
    const char *basic_user;    /* Basic credentials, for this origin only */
    const char *basic_password;
    int64_t total_timeout; /* 0: the session's */
    int64_t read_timeout;  /* 0: the session's */
    int max_redirects;     /* 0: the session's; -1: none */
    bool raise_for_status; /* a status of 400 and above is PROA_EHTTPSTATUS, with the status in the
                              detail */
};
#ifndef __cplusplus
#define PROA_FETCH_OPTS(...) PROA_OPTS(proa_fetch_opts, __VA_ARGS__)
#endif

/**
 * Make a session. Opens nothing yet.
 *
 * Errors:       PROA_ENOMEM, PROA_EURL (base_url), PROA_EHEADER (headers), PROA_E2BIG.
 * Ownership:    the caller's, until proa_session_close or _free; options are copied, a TLS context
 * is referenced.
 */
PROA_API int proa_session_new(struct proa_session **ret, const struct proa_session_opts *opts);

/**
 * Close idle connections in order, abort the busy ones, and free. NULL is nothing.
 *
 * Suspends:     yes, a second at most.
 * Ownership:    takes the session.
 * Cancellation: closed at once.
 */
PROA_API PROA_SUSPENDS void proa_session_close(struct proa_session *session);

/** Abort all connections and free. Responses still open answer PROA_ECLOSED. NULL is nothing. */
PROA_API void proa_session_free(struct proa_session *session);
PROA_DEFINE_AUTO(proa_session, proa_session_free);

/**
 * Send a request and wait for the head of the final response, following redirects.
 *
 * Suspends:     yes.
 * Errors:       PROA_EURL, PROA_ESTARTLINE (method), PROA_EHEADER, PROA_EINVAL (Basic
 *               credentials), PROA_EJSON, PROA_ENOHOST, PROA_ERESOLVE, PROA_ECONNREFUSED and kin,
 *               PROA_ETLS..., PROA_EEOF (closed without a response), PROA_ECONNRESET, PROA_EPIPE,
 *               PROA_EHTTP... (malformed response), PROA_ETOOMANYREDIRECTS, PROA_EBADREDIRECT
 *               (refused, or no usable Location), PROA_EPOOLTIMEDOUT, PROA_ECONNECTTIMEDOUT,
 *               PROA_ETLSTIMEDOUT, PROA_EWRITETIMEDOUT, PROA_EFIRSTBYTETIMEDOUT,
 *               PROA_EREADTIMEDOUT, PROA_ETOTALTIMEDOUT (all of them answer proa_err_is_timeout),
 *               PROA_EHTTPSTATUS (raise_for_status), PROA_ECLOSED (session freed), PROA_ECANCELED,
 *               PROA_ENOMEM (also for a NULL session, one that could not be made).
 * Ownership:    `*ret` is the caller's, until proa_client_response_free.
 * Cancellation: the connection used is closed; nothing is left behind.
 */
PROA_API PROA_SUSPENDS int proa_session_request(struct proa_session *session,
                                                struct proa_client_response **ret,
                                                const char *method, const char *url,
                                                const struct proa_fetch_opts *opts);

/**
 * Send a GET request: proa_session_request with that method.
 *
 * Suspends:     yes.
 * Errors:       as proa_session_request.
 * Ownership:    as proa_session_request.
 * Cancellation: as proa_session_request.
 */
PROA_API PROA_SUSPENDS int proa_session_get(struct proa_session *session,
                                            struct proa_client_response **ret, const char *url,
                                            const struct proa_fetch_opts *opts);

/**
 * Send a POST request: proa_session_request with that method.
 *
 * Suspends:     yes.
 * Errors:       as proa_session_request.
 * Ownership:    as proa_session_request.
 * Cancellation: as proa_session_request.
 */
PROA_API PROA_SUSPENDS int proa_session_post(struct proa_session *session,
                                             struct proa_client_response **ret, const char *url,
                                             const struct proa_fetch_opts *opts);

/**
 * One GET without a session. The response owns all it needs; its connection is closed with it.
 *
 * Suspends:     yes. Otherwise as proa_session_request.
 */
PROA_API PROA_SUSPENDS int proa_fetch(struct proa_client_response **ret, const char *url,
                                      const struct proa_fetch_opts *opts);

/** Status of the response. */
PROA_API int proa_client_response_status(const struct proa_client_response *resp);

/** Reason phrase as sent. Valid until: the response is freed. */
PROA_API struct proa_str proa_client_response_reason(const struct proa_client_response *resp);

/** Header fields in the order of the wire. Valid until: the response is freed. */
PROA_API const struct proa_headers *proa_client_response_headers(
    const struct proa_client_response *resp);

/** First value of a header field; empty if there is none. Valid until: the response is freed. */
PROA_API struct proa_str proa_client_response_header(const struct proa_client_response *resp,
                                                     const char *name);

/** URL of this response, after redirects. Valid until: the response is freed. */
PROA_API const char *proa_client_response_url(const struct proa_client_response *resp);

/** Number of redirects that were followed. */
PROA_API int proa_client_response_redirects(const struct proa_client_response *resp);

/** Length of the body as sent; -1: unknown until it ends. */
PROA_API int64_t proa_client_response_length(const struct proa_client_response *resp);

/** Bytes of the body received so far, as sent (before decoding). */
PROA_API uint64_t proa_client_response_received(const struct proa_client_response *resp);

/**
 * Read the rest of the body and append it to `buf`, decoded; the buffer's limit and the session's
 * max_body bound it.
 *
 * Suspends:     yes.
 * Errors:       PROA_EMSGSIZE (beyond a limit; what fits is in `buf`), PROA_EHTTPSHORT (the body
 *               ended early; what came is in `buf`), PROA_ECODING (bad or truncated gzip),
 *               PROA_EHTTPBODYSIZE (it unpacks to a thousand times its size), PROA_EHTTPCODING (a
 *               coding that is not known), PROA_EHTTPCHUNK, PROA_EREADTIMEDOUT,
 *               PROA_ETOTALTIMEDOUT, PROA_ECONNRESET, PROA_ETLSTRUNCATED, PROA_ECLOSED (session
 *               freed), PROA_ECANCELED, PROA_ENOMEM.
 * Cancellation: what arrived is in `buf`; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_client_response_read(struct proa_client_response *resp,
                                                     struct proa_buf *buf);

/**
 * Read some of the body, decoded: at least one byte, at most `n`; 0 at its end.
 *
 * Suspends:     yes.
 * Errors:       as proa_client_response_read.
 * Cancellation: nothing consumed; safe to retry.
 */
PROA_API PROA_SUSPENDS ssize_t proa_client_response_read_some(struct proa_client_response *resp,
                                                              void *buf, size_t n);

/**
 * Read the body and parse it as JSON; its Content-Type must be application/json or +json.
 *
 * Suspends:     yes.
 * Errors:       PROA_EMEDIATYPE, PROA_EJSON, otherwise as proa_client_response_read.
 * Ownership:    the caller's: json_decref.
 * Cancellation: what arrived is lost.
 */
PROA_API PROA_SUSPENDS int proa_client_response_json(struct proa_client_response *resp,
                                                     struct json_t **ret);

/** Free a response; its connection goes back to the pool if the body was read to its end, else it
 * is closed. NULL is nothing. */
PROA_API void proa_client_response_free(struct proa_client_response *resp);
PROA_DEFINE_AUTO(proa_client_response, proa_client_response_free);

PROA_END_DECLS

#endif
