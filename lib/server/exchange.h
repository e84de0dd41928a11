#ifndef SERVER_EXCHANGE_H
#define SERVER_EXCHANGE_H

/*
 * exchange: one request and its response, and the memory of both.
 *
 * It exists from a request's first byte to the end of its response; idle connections have none, and
 * spare ones wait in the server for the next. All that a handler borrows lies in its arena, whose
 * first chunk is part of the exchange, so a small request allocates nothing.
 *
 * Its task: handler -> response -> what is left of the body -> the connection's next request, or
 * its end.
 *
 * Output: finished small responses are held in `out` while another complete request is already in
 * memory, and flushed before anything waits; otherwise head and body leave in one write.
 *
 * Floor: server. exchange.c runs the handler, request.c and body.c are the public face of the
 * request, response.c and send.c that of the response.
 */

#include "base/arena.h"
#include "base/list.h"
#include "http/parser.h"
#include "http/writer.h"
#include "server/router.h"

#include <proa/buf.h>
#include <proa/headers.h>
#include <proa/scope.h>
#include <proa/str.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

enum {
    EXCHANGE_ARENA = 2048,     /* first chunk: a browser's head and what is made of it */
    EXCHANGE_HOLD = 16 * 1024, /* bytes of finished responses that may wait for the next */
    EXCHANGE_SPARE = 256,      /* unused exchanges that a server keeps */
};

struct conn;
struct encoder;
struct exchange;
struct proa_event;

struct proa_request {
    struct exchange *x;
    const struct http_head *head;
    struct router_match match;
    struct proa_buf body;    /* read_body's; kept when a read is cancelled, and tried again */
    struct proa_event *gone; /* somebody waits for the client to leave */
    uint64_t max_body;
    int64_t waited;   /* for bytes of the body, by whoever reads it */
    uint64_t parsed;  /* of them, framing included */
    int error_status; /* proa_http_error was called */
    struct proa_str error_text;
    bool body_done; /* read to its end */
    bool continued; /* "100 Continue" was sent */
    bool left;      /* the client ended its side within this request: it may still read */
};

enum response_kind { RESPONSE_NONE, RESPONSE_WHOLE, RESPONSE_STREAM };

struct proa_response {
    struct exchange *x;
    struct proa_headers headers;
    struct proa_str body; /* whole: in the arena, static, or in `stolen` */
    struct proa_buf stolen;
    struct body_out frame;
    struct encoder *encoder; /* streamed and compressed */
    uint64_t length;         /* set_length's, or BODY_UNKNOWN */
    uint64_t at;             /* of x->wrote, where its head begins; UINT64_MAX: not rendered */
    uint64_t sent;           /* body bytes, without framing */
    int status;
    int error;    /* the first thing that went wrong while it was built */
    char *why;    /* its words; others may have failed since. NULL: no memory */
    uint8_t kind; /* enum response_kind */
    bool compress;
    bool close;
};

struct exchange {
    struct list link; /* in server->spare while unused */
    struct conn *conn;
    struct proa_server *server;
    struct http_parser parser;
    struct proa_request req;
    struct proa_response resp;
    struct proa_buf out;      /* rendered and not written yet */
    uint64_t wrote;           /* bytes that left, of all requests */
    struct proa_scope *scope; /* around a handler that ends with its client */
    int failure;              /* the request is refused for this */
    bool broken;              /* a read or a write of the connection failed: no answer can help */
    int64_t began;            /* with an access log: when the head was complete */
    struct arena arena;
    _Alignas(16) char first[EXCHANGE_ARENA];
};

/* An exchange for the connection's next request; NULL: no memory. And back to the spare ones. */
struct exchange *proa__exchange_take(struct conn *c);
void proa__exchange_give_back(struct exchange *x);

/* Make ready for the same connection's next request, of which bytes are there. False: no memory. */
bool proa__exchange_again(struct exchange *x);

/* The task: serve x's request, then what follows on the connection. arg: struct exchange. */
int proa__exchange_main(void *arg);

/* The request cannot be served: answer with the code's status and close. */
void proa__exchange_refuse(struct exchange *x, int rc);

/* The last read brought nothing beyond the head: if that was the whole message, no system call is
 * needed to know. */
void proa__exchange_read_done(struct exchange *x);

/* The client left while the handler runs. */
void proa__exchange_gone(struct exchange *x);

/* ---- body.c ---- */

/* Some of the body, as proa_request_read; `*ret` is a slice of the stream's buffer when buf is
 * NULL. */
ssize_t proa__request_body(struct proa_request *req, void *buf, size_t n);

/* Read and drop what is left of the body, in bounds; false: the connection must not be used again.
 */
bool proa__request_drain(struct proa_request *req);

/* ---- send.c ---- */

/* Write held output, then these pieces, waiting at most write_timeout without progress. Marks x
 * broken on failure. */
int proa__exchange_write(struct exchange *x, struct iovec *iov, int n);
int proa__exchange_flush(struct exchange *x);

/* Write held output as far as it goes at once. Never suspends. */
void proa__exchange_push(struct exchange *x);

/* Whether this is the connection's last response, as far as can be known before it is rendered. */
bool proa__exchange_is_last(struct exchange *x);

/* Render the head of resp into x->out. */
int proa__response_render(struct proa_response *resp, uint64_t length);

/* Send a whole response, or end a streamed one. */
int proa__response_finish(struct proa_response *resp);

/* Make the whole body smaller if the client wants that and resp->compress. */
int proa__response_pack(struct proa_response *resp);

/* ---- response.c ---- */
void proa__response_reset(struct proa_response *resp);
int proa__response_fail(struct proa_response *resp, int rc);

/* Replace whatever was built by a plain text of a status; never fails but for memory. */
int proa__response_error(struct proa_response *resp, int status, struct proa_str text);

#endif
