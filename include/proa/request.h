#ifndef PROA_REQUEST_H
#define PROA_REQUEST_H

/*
 * request: what a handler is asked. Everything borrowed from it is valid until the handler returns.
 */

#include <proa/defs.h>
#include <proa/headers.h>
#include <proa/http.h>
#include <proa/str.h>

#include <stdarg.h>
#include <stdint.h>
#include <sys/types.h>

PROA_BEGIN_DECLS

struct json_t;
struct proa_app;
struct proa_request;

/** The method as sent: "GET". Valid until: the handler returns. */
PROA_API struct proa_str proa_request_method(const struct proa_request *req);

/** The request target as sent, undecoded: "/a%20b?x=1". Valid until: the handler returns. */
PROA_API struct proa_str proa_request_target(const struct proa_request *req);

/** The path, undecoded and without the query: "/a%20b". Valid until: the handler returns. */
PROA_API struct proa_str proa_request_path(const struct proa_request *req);

/** What follows the '?', undecoded; empty if nothing does. Valid until: the handler returns. */
PROA_API struct proa_str proa_request_query(const struct proa_request *req);

/** The decoded value of a `{name}` of the route; empty if the route has none. Valid until: the
 * handler returns. */
PROA_API struct proa_str proa_request_param(const struct proa_request *req, const char *name);

/**
 * A `{name}` of the route as a number, decimal digits only.
 *
 * Errors:       PROA_EINVAL (no such parameter, not digits, above `max`).
 */
PROA_API int proa_request_param_u64(const struct proa_request *req, const char *name, uint64_t max,
                                    uint64_t *ret);

/**
 * The decoded value of the first `name=` of the query.
 *
 * Errors:       PROA_ENOENT (no such name), PROA_EQUERY (a bad escape before it; 400),
 *               PROA_EMSGSIZE (it is not among the first PROA_QUERY_MAX; 413), PROA_ENOMEM.
 * Ownership:    borrowed. Valid until: the handler returns.
 */
PROA_API int proa_request_query_get(struct proa_request *req, const char *name,
                                    struct proa_str *ret);

/** All header fields, in the order of the wire. Valid until: the handler returns. */
PROA_API const struct proa_headers *proa_request_headers(const struct proa_request *req);

/** The first value of a header field; empty if there is none. Valid until: the handler returns. */
PROA_API struct proa_str proa_request_header(const struct proa_request *req, const char *name);

/** Minor version of HTTP/1: 0 or 1. */
PROA_API int proa_request_version_minor(const struct proa_request *req);

/** "http" or "https". */
PROA_API const char *proa_request_scheme(const struct proa_request *req);

/** The host that was asked for, with port if sent: of the absolute target, else of Host; empty if
 * neither. */
PROA_API struct proa_str proa_request_host(const struct proa_request *req);

/** Address of the client: "127.0.0.1"; "unix" on a UNIX socket. Valid until: the handler returns.
 */
PROA_API struct proa_str proa_request_peer(const struct proa_request *req);

/** The app that serves the request. */
PROA_API struct proa_app *proa_request_app(const struct proa_request *req);

/** Length of the body in bytes; -1 while unknown (chunked); 0 without a body. */
PROA_API int64_t proa_request_content_length(const struct proa_request *req);

/**
 * Read the whole body.
 *
 * Asks for it first if the client waits for "100 Continue".
 *
 * Suspends:     yes, until the body is complete.
 * Errors:       PROA_EHTTPBODYSIZE (beyond the route's max_body; 413), PROA_ECLIENTTIMEDOUT (408),
 *               other PROA_EHTTP... (bad framing; 400), PROA_EEOF (the client left), PROA_EBUSY
 *               (another task reads it), PROA_ECANCELED, PROA_ENOMEM.
 * Ownership:    borrowed. Valid until: the handler returns.
 * Cancellation: what arrived is kept; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_request_read_body(struct proa_request *req, struct proa_str *ret);

/**
 * Read some of the body: at least one byte, at most `n`; 0 at its end.
 *
 * Suspends:     yes, until bytes are there.
 * Errors:       as proa_request_read_body.
 * Cancellation: nothing consumed; safe to retry.
 */
PROA_API PROA_SUSPENDS ssize_t proa_request_read(struct proa_request *req, void *buf, size_t n);

/**
 * Read the whole body and parse it as JSON.
 *
 * Suspends:     yes, until the body is complete.
 * Errors:       as proa_request_read_body; PROA_EMEDIATYPE (Content-Type is neither
 * application/json nor +json; 415), PROA_EJSON (400; the detail says where).
 * Ownership:    the caller's: json_decref.
 * Cancellation: safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_request_json(struct proa_request *req, struct json_t **ret);

/**
 * Memory that lives until the handler returns; needs no free.
 *
 * Errors:       NULL: no memory.
 */
PROA_API void *proa_request_alloc(struct proa_request *req, size_t n);

/**
 * Wait until the client has gone: its connection was closed or reset.
 *
 * A client that only ended its own side counts as gone. Returns 0 when it has. Several tasks may
 * wait.
 *
 * Suspends:     yes.
 * Errors:       PROA_ECANCELED, PROA_ENOMEM.
 * Cancellation: safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_request_wait_disconnect(struct proa_request *req);

/**
 * Answer with `status` and a plain text: for use as `return proa_http_error(req, 404, "no such %s",
 * what);`.
 *
 * The text is sent to the client, so it should say nothing secret. An empty or NULL format sends
 * the status' reason. A second call replaces the first. Header fields that were set before are
 * dropped: an answer that needs some, as a 401 does, is made with proa_response_text.
 *
 * Errors:       always PROA_EHTTPSTATUS; the handler returns it from any depth.
 */
PROA_API PROA_PRINTF(3, 4) int proa_http_error(struct proa_request *req, int status,
                                               const char *fmt, ...);

PROA_END_DECLS

#endif
