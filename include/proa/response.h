#ifndef PROA_RESPONSE_H
#define PROA_RESPONSE_H

/*
 * response: what a handler answers.
 *
 * Either whole: one of text, textf, bytes, json, body_steal; it leaves in one write after the
 * handler returned. Or streamed: proa_response_start, then proa_response_write as often as wanted;
 * the end of the handler ends the body, and a handler that fails after the start aborts the
 * connection, so a client never takes half a body for a whole one.
 *
 * Setting a header that is not allowed (no token, a control byte) is remembered: the handler's
 * response becomes a 500 and a log line that names it.
 */

#include <proa/buf.h>
#include <proa/defs.h>
#include <proa/str.h>

#include <stdarg.h>
#include <stdint.h>

PROA_BEGIN_DECLS

struct json_t;
struct proa_response;

/** Set a header field, replacing earlier ones of that name. Framing fields (Content-Length,
 * Transfer-Encoding, Connection, Date) are the library's: remembered as PROA_EINVAL. */
PROA_API void proa_response_set_header(struct proa_response *resp, const char *name,
                                       const char *value);

/** Add a header field beside earlier ones of that name, as Set-Cookie wants. Otherwise as
 * proa_response_set_header. */
PROA_API void proa_response_add_header(struct proa_response *resp, const char *name,
                                       const char *value);

/**
 * Answer with a text, text/plain; charset=utf-8.
 *
 * Errors:       PROA_EINVAL (status not within 200..599, or a response already started),
 *               PROA_ENOMEM.
 * Ownership:    the text is copied.
 */
PROA_API int proa_response_text(struct proa_response *resp, int status, const char *text);

/** Answer with a formatted text; otherwise as proa_response_text. Formatting runs on the big stack.
 */
PROA_API PROA_PRINTF(3, 4) int proa_response_textf(struct proa_response *resp, int status,
                                                   const char *fmt, ...);

/**
 * Answer with bytes of a media type; NULL: of the Content-Type that was set, else
 * application/octet-stream.
 *
 * Errors:       PROA_EINVAL (status, or already started), PROA_EHEADER (a type that may not be
 *               sent), PROA_ENOMEM.
 * Ownership:    `data` is copied; `type` too.
 */
PROA_API int proa_response_bytes(struct proa_response *resp, int status, const char *type,
                                 const void *data, size_t n);

/** Answer with bytes that outlive the exchange (a constant, the app's own): not copied. Otherwise
 * as proa_response_bytes. */
PROA_API int proa_response_static(struct proa_response *resp, int status, const char *type,
                                  const void *data, size_t n);

/**
 * Answer with the content of a buffer.
 *
 * Errors:       as proa_response_bytes; a failure remembered in the buffer.
 * Ownership:    takes the buffer's content, on success and on failure; the buffer is empty
 * afterwards.
 */
PROA_API int proa_response_body_steal(struct proa_response *resp, int status, const char *type,
                                      struct proa_buf *body);

/**
 * Answer with JSON, application/json.
 *
 * Errors:       PROA_EINVAL, PROA_ENOMEM.
 * Ownership:    `json` is borrowed.
 */
PROA_API int proa_response_json(struct proa_response *resp, int status, const struct json_t *json);

/** Answer with JSON and drop the caller's reference, on success and on failure; NULL is
 * PROA_ENOMEM. */
PROA_API int proa_response_json_steal(struct proa_response *resp, int status, struct json_t *json);

/**
 * Redirect with a Location; the status is 301, 302, 303, 307 or 308.
 *
 * Bytes that a Location may not hold are percent-encoded, so no line can be injected. A location
 * that starts with "//", which would name another host, is refused.
 *
 * Errors:       PROA_EINVAL, PROA_ENOMEM.
 */
PROA_API int proa_response_redirect(struct proa_response *resp, int status, const char *location);

/** Compress the body with gzip if the client accepts it (sets Vary and Content-Encoding, makes an
 * ETag weak); a streamed one is flushed at each write. A part (206), or what has a
 * Content-Encoding, stays as it is. */
PROA_API void proa_response_compress(struct proa_response *resp);

/** Close the connection after this response. */
PROA_API void proa_response_close(struct proa_response *resp);

/** Say how long a streamed body will be; without it the body is chunked. Before
 * proa_response_start. */
PROA_API void proa_response_set_length(struct proa_response *resp, uint64_t n);

/**
 * Begin a streamed response: the head is rendered, and leaves with the first write.
 *
 * Errors:       PROA_EINVAL (status, a remembered bad header, already started), PROA_ENOMEM.
 */
PROA_API int proa_response_start(struct proa_response *resp, int status, const char *type);

/**
 * Write a piece of a streamed body.
 *
 * A length of 0 writes nothing and does not end the body. On HEAD, 204 and 304 the bytes are
 * counted and not sent.
 *
 * Suspends:     yes, until the kernel has taken the bytes.
 * Errors:       PROA_EINVAL (not started), PROA_EBODYLENGTH (more than the length that was set),
 * PROA_ECLIENTTIMEDOUT (the client takes nothing), PROA_EPIPE, PROA_ECONNRESET (it left),
 * PROA_ECANCELED.
 * Cancellation: the connection is broken; further writes fail, and it is aborted
 * after the handler.
 */
PROA_API PROA_SUSPENDS int proa_response_write(struct proa_response *resp, const void *data,
                                               size_t n);

/** Whether the head has left, after which nothing but the body can change. */
PROA_API bool proa_response_started(const struct proa_response *resp);

PROA_END_DECLS

#endif
