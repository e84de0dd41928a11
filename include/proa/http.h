#ifndef PROA_HTTP_H
#define PROA_HTTP_H

/*
 * The words of HTTP that client and server share: methods, statuses, media types.
 */

#include <proa/buf.h>
#include <proa/defs.h>
#include <proa/str.h>

#include <stdbool.h>

PROA_BEGIN_DECLS

#define PROA_METHOD_SAFE 1       /* changes nothing on the server */
#define PROA_METHOD_IDEMPOTENT 2 /* twice is as good as once */

/* X(NAME, number, flags): the methods known by number. Any other token is PROA_METHOD_OTHER and
 * goes by its text. */
#define PROA_METHOD_MAP(X)                                                                         \
    X(GET, 1, PROA_METHOD_SAFE | PROA_METHOD_IDEMPOTENT)                                           \
    X(HEAD, 2, PROA_METHOD_SAFE | PROA_METHOD_IDEMPOTENT)                                          \
    X(POST, 3, 0)                                                                                  \
    X(PUT, 4, PROA_METHOD_IDEMPOTENT)                                                              \
    X(DELETE, 5, PROA_METHOD_IDEMPOTENT)                                                           \
    X(CONNECT, 6, 0)                                                                               \
    X(OPTIONS, 7, PROA_METHOD_SAFE | PROA_METHOD_IDEMPOTENT)                                       \
    X(TRACE, 8, PROA_METHOD_SAFE | PROA_METHOD_IDEMPOTENT)                                         \
    X(PATCH, 9, 0)

enum proa_method {
    PROA_METHOD_OTHER = 0,
#define X(name, number, flags) PROA_METHOD_##name = number,
    PROA_METHOD_MAP(X)
#undef X
};

/**
 * Give the number of a method's text; case counts. PROA_METHOD_OTHER if it is none of the known.
 */
PROA_API enum proa_method proa_method_from(struct proa_str text);

/** Give a method's text; "" for PROA_METHOD_OTHER. */
PROA_API const char *proa_method_name(enum proa_method method);

/** Say whether a method changes nothing on the server. */
PROA_API bool proa_method_is_safe(enum proa_method method);

/** Say whether doing a method twice is as good as once, so that a request may be sent again. */
PROA_API bool proa_method_is_idempotent(enum proa_method method);

/* X(NAME, number, reason) */
#define PROA_STATUS_MAP(X)                                                                         \
    X(CONTINUE, 100, "Continue")                                                                   \
    X(SWITCHING_PROTOCOLS, 101, "Switching Protocols")                                             \
    X(PROCESSING, 102, "Processing")                                                               \
    X(EARLY_HINTS, 103, "Early Hints")                                                             \
    X(OK, 200, "OK")                                                                               \
    X(CREATED, 201, "Created")                                                                     \
    X(ACCEPTED, 202, "Accepted")                                                                   \
    X(NON_AUTHORITATIVE, 203, "Non-Authoritative Information")                                     \
    X(NO_CONTENT, 204, "No Content")                                                               \
    X(RESET_CONTENT, 205, "Reset Content")                                                         \
    X(PARTIAL_CONTENT, 206, "Partial Content")                                                     \
    X(MULTI_STATUS, 207, "Multi-Status")                                                           \
    X(ALREADY_REPORTED, 208, "Already Reported")                                                   \
    X(IM_USED, 226, "IM Used")                                                                     \
    X(MULTIPLE_CHOICES, 300, "Multiple Choices")                                                   \
    X(MOVED_PERMANENTLY, 301, "Moved Permanently")                                                 \
    X(FOUND, 302, "Found")                                                                         \
    X(SEE_OTHER, 303, "See Other")                                                                 \
    X(NOT_MODIFIED, 304, "Not Modified")                                                           \
    X(USE_PROXY, 305, "Use Proxy")                                                                 \
    X(TEMPORARY_REDIRECT, 307, "Temporary Redirect")                                               \
    X(PERMANENT_REDIRECT, 308, "Permanent Redirect")                                               \
    X(BAD_REQUEST, 400, "Bad Request")                                                             \
    X(UNAUTHORIZED, 401, "Unauthorized")                                                           \
    X(PAYMENT_REQUIRED, 402, "Payment Required")                                                   \
    X(FORBIDDEN, 403, "Forbidden")                                                                 \
    X(NOT_FOUND, 404, "Not Found")                                                                 \
    X(METHOD_NOT_ALLOWED, 405, "Method Not Allowed")                                               \
    X(NOT_ACCEPTABLE, 406, "Not Acceptable")                                                       \
    X(PROXY_AUTH_REQUIRED, 407, "Proxy Authentication Required")                                   \
    X(REQUEST_TIMEOUT, 408, "Request Timeout")                                                     \
    X(CONFLICT, 409, "Conflict")                                                                   \
    X(GONE, 410, "Gone")                                                                           \
    X(LENGTH_REQUIRED, 411, "Length Required")                                                     \
    X(PRECONDITION_FAILED, 412, "Precondition Failed")                                             \
    X(CONTENT_TOO_LARGE, 413, "Content Too Large")                                                 \
    X(URI_TOO_LONG, 414, "URI Too Long")                                                           \
    X(UNSUPPORTED_MEDIA_TYPE, 415, "Unsupported Media Type")                                       \
    X(RANGE_NOT_SATISFIABLE, 416, "Range Not Satisfiable")                                         \
    X(EXPECTATION_FAILED, 417, "Expectation Failed")                                               \
    X(MISDIRECTED_REQUEST, 421, "Misdirected Request")                                             \
    X(UNPROCESSABLE_CONTENT, 422, "Unprocessable Content")                                         \
    X(LOCKED, 423, "Locked")                                                                       \
    X(FAILED_DEPENDENCY, 424, "Failed Dependency")                                                 \
    X(TOO_EARLY, 425, "Too Early")                                                                 \
    X(UPGRADE_REQUIRED, 426, "Upgrade Required")                                                   \
    X(PRECONDITION_REQUIRED, 428, "Precondition Required")                                         \
    X(TOO_MANY_REQUESTS, 429, "Too Many Requests")                                                 \
    X(HEADER_FIELDS_TOO_LARGE, 431, "Request Header Fields Too Large")                             \
    X(UNAVAILABLE_FOR_LEGAL_REASONS, 451, "Unavailable For Legal Reasons")                         \
    X(INTERNAL_SERVER_ERROR, 500, "Internal Server Error")                                         \
    X(NOT_IMPLEMENTED, 501, "Not Implemented")                                                     \
    X(BAD_GATEWAY, 502, "Bad Gateway")                                                             \
    X(SERVICE_UNAVAILABLE, 503, "Service Unavailable")                                             \
    X(GATEWAY_TIMEOUT, 504, "Gateway Timeout")                                                     \
    X(VERSION_NOT_SUPPORTED, 505, "HTTP Version Not Supported")                                    \
    X(VARIANT_ALSO_NEGOTIATES, 506, "Variant Also Negotiates")                                     \
    X(INSUFFICIENT_STORAGE, 507, "Insufficient Storage")                                           \
    X(LOOP_DETECTED, 508, "Loop Detected")                                                         \
    X(NETWORK_AUTH_REQUIRED, 511, "Network Authentication Required")

enum proa_status {
#define X(name, number, reason) PROA_STATUS_##name = number,
    PROA_STATUS_MAP(X)
#undef X
};

/** Give the usual reason phrase of a status: "Not Found". Of an unknown one, "". */
PROA_API const char *proa_status_reason(int status);

/** Say whether a response of this status may carry a body: not 1xx, 204, 205 and 304. */
PROA_API bool proa_status_has_body(int status);

/**
 * Say whether a status is a redirect that Location leads on from: 301, 302, 303, 307 or 308.
 */
PROA_API bool proa_status_is_redirect(int status);

/**
 * Give the media type of a file name by its extension, with the charset where it is text;
 * "application/octet-stream" if unknown.
 */
PROA_API const char *proa_media_type_of(struct proa_str path);

/** Say whether a Content-Type is JSON: application/json or anything that ends in +json. */
PROA_API bool proa_media_type_is_json(struct proa_str content_type);

/**
 * Append text to an HTML page, with & < > " ' made harmless.
 *
 * Errors:       the buffer's.
 */
PROA_API int proa_html_append(struct proa_buf *buf, struct proa_str text);

PROA_END_DECLS

#endif
