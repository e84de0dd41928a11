#ifndef HTTP_LIMITS_H
#define HTTP_LIMITS_H

/*
 * limits: every bound that HTTP puts on a peer, in one table.
 *
 * A server and a client start from proa__http_limits_server and _client; whoever wants others
 * copies the struct and changes members. All count over the whole of what they name, however it was
 * split over reads. A bound holds at its value; one more is refused with the code in the table, and
 * proa__http_status_of() says which status that is.
 * Floor: http.
 */

#include <stdint.h>

#define HTTP_KIB(n) ((uint64_t)(n) << 10)
#define HTTP_MIB(n) ((uint64_t)(n) << 20)
#define HTTP_SECONDS(n) ((uint64_t)(n)*1000000000u)
#define HTTP_UNLIMITED UINT64_MAX

/* X(name, unit, server, client, code of the breach, reason) */
#define HTTP_LIMITS(X)                                                                             \
    X(leading_lines, "empty lines", 2, 0, PROA_EHTTPLINE,                                          \
      "RFC 9112 2.2 asks servers to skip one; some old clients send two after a body")             \
    X(start_line_bytes, "bytes without CR LF", 8192, 8192, PROA_EHTTPTARGETSIZE,                   \
      "RFC 9112 3 asks for at least 8000; nginx and aiohttp stop at about the same")               \
    X(field_bytes, "bytes of one line without CR LF", 8192, 16384, PROA_EHTTPHEADSIZE,             \
      "a cookie line of 4 KiB fits twice; servers send longer policies than browsers send "        \
      "cookies")                                                                                   \
    X(fields, "lines, trailers included", 128, 256, PROA_EHTTPHEADSIZE,                            \
      "browsers send 20; each costs us a slot and the handler a look")                             \
    X(head_bytes, "bytes, trailers included", HTTP_KIB(64), HTTP_KIB(256), PROA_EHTTPHEADSIZE,     \
      "what an unknown peer may make us hold before anybody has looked at it")                     \
    X(length_digits, "decimal digits", 19, 19, PROA_EHTTPFRAMING,                                  \
      "2^63 - 1 has 19; more are either zeros that hide something or no length")                   \
    X(body_bytes, "bytes", HTTP_MIB(1), HTTP_UNLIMITED, PROA_EHTTPBODYSIZE,                        \
      "forms and JSON fit; uploads set their own bound per route; a client asks with each read")   \
    X(chunk_size_digits, "significant hexadecimal digits", 16, 16, PROA_EHTTPCHUNK,                \
      "64 bits; a 17th overflows")                                                                 \
    X(chunk_line_bytes, "bytes of size and extensions", 1024, 1024, PROA_EHTTPCHUNK,               \
      "nobody uses extensions; signed chunks need 90 bytes")                                       \
    X(chunk_overhead_bytes, "bytes beyond 16 a chunk and twice its data", HTTP_KIB(16),            \
      HTTP_KIB(16), PROA_EHTTPBODYSIZE,                                                            \
      "extensions must not carry more than the data; streams of one-byte chunks must pass")        \
    X(interim, "responses", 16, 16, PROA_EHTTPINTERIM,                                             \
      "100, 103 and a few 102 are real; an endless row of them is an attack")                      \
    X(codings, "stacked content codings", 2, 2, PROA_EHTTPCODING,                                  \
      "each multiplies what a small body can grow to; curl stops at 5")                            \
    X(inflate_ratio, "decoded bytes a coded byte", 1000, 1000, PROA_EHTTPBODYSIZE,                 \
      "deflate reaches 1032 at best, on zeros")                                                    \
    X(inflate_free_bytes, "decoded bytes before the ratio counts", HTTP_MIB(1), HTTP_MIB(1),       \
      PROA_EHTTPBODYSIZE, "small files of zeros are honest")                                       \
    X(drain_bytes, "raw bytes of an unread body", HTTP_KIB(256), HTTP_KIB(256),                    \
      PROA_EHTTPBODYSIZE, "reading this much costs less than a new connection; more is closed")    \
    X(drain_time, "ns", HTTP_SECONDS(2), HTTP_SECONDS(2), PROA_EHTTPBODYSIZE,                      \
      "a peer that still sends after its answer gets this long, so that the answer is not reset")  \
    X(head_time, "ns", HTTP_SECONDS(10), HTTP_SECONDS(60), PROA_ECLIENTTIMEDOUT,                   \
      "from accept or the first byte to the end of the head: slow loris")                          \
    X(body_idle_time, "ns", HTTP_SECONDS(20), HTTP_SECONDS(300), PROA_ECLIENTTIMEDOUT,             \
      "no byte of an expected body for this long: the peer is gone or plays dead")                 \
    X(body_rate, "bytes a second of waiting, at least", 240, 0, PROA_ECLIENTTIMEDOUT,              \
      "a byte now and then would hold a handler for hours; no link that works is so slow")         \
    X(body_rate_after, "ns of waiting, or one allowed silence if that is longer", HTTP_SECONDS(5), \
      0, PROA_ECLIENTTIMEDOUT, "lost packets and slow starts are not counted against the rate")    \
    X(keepalive_time, "ns", HTTP_SECONDS(75), HTTP_SECONDS(15), PROA_ECLIENTTIMEDOUT,              \
      "nginx's and aiohttp's; the client gives up first, so it never writes into a closing one")   \
    X(tls_time, "ns", HTTP_SECONDS(15), HTTP_SECONDS(15), PROA_ECLIENTTIMEDOUT,                    \
      "a handshake is two round trips; browsers give up at about the same")                        \
    X(write_idle_time, "ns", HTTP_SECONDS(30), HTTP_SECONDS(30), PROA_ECLIENTTIMEDOUT,             \
      "not one byte taken for this long: the peer reads nothing, and holds our buffers")           \
    X(stop_time, "ns", HTTP_SECONDS(30), 0, PROA_ETIMEDOUT,                                        \
      "service managers kill after 30 to 90 seconds; what runs longer is cancelled in order")      \
    X(fresh_time, "ns", HTTP_SECONDS(1), 0, PROA_ECLIENTTIMEDOUT,                                  \
      "a connection accepted just before a stop has its request under way")                        \
    X(connections, "connections", 10000, 100, PROA_EBUSY, "below the usual descriptor limit")

#define HTTP_LIMITS_MEMBER(name, unit, server, client, code, reason) uint64_t name;
struct http_limits {
    HTTP_LIMITS(HTTP_LIMITS_MEMBER)
};
#undef HTTP_LIMITS_MEMBER

extern const struct http_limits proa__http_limits_server;
extern const struct http_limits proa__http_limits_client;

/* One row of the table for people: docs and tests. */
struct http_limit_row {
    const char *name;
    const char *unit;
    const char *reason;
    uint64_t server;
    uint64_t client;
    int code;
};

/* The rows in the order of the table. Valid until: for ever. */
const struct http_limit_row *proa__http_limit_rows(unsigned *ret_n);

/*
 * The status a server answers to one of this floor's codes: 400, 413, 414, 417, 431, 501, 505.
 * 0: the code is not the peer's fault.
 */
int proa__http_status_of(int rc);

#endif
