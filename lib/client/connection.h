#ifndef CLIENT_CONNECTION_H
#define CLIENT_CONNECTION_H

/*
 * connection: one client connection: requests out, responses in, in order.
 *
 * What was sent and not answered yet is kept as one byte a request (what a response to it may look
 * like), so pipelining costs nothing more. The bytes of a response are read into the caller's
 * memory or the loop's scratch buffer; only what lies beyond a head or a message goes through the
 * stream's own buffer.
 *
 * Floor: client. open.c makes connections, send.c and receive.c are the two directions.
 */

#include "base/arena.h"
#include "http/limits.h"
#include "http/parser.h"

#include <proa/connection.h>
#include <proa/url.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct proa_loop;
struct proa_stream;

enum { CONNECTION_ASKED_MAX = 1024 }; /* requests in flight */

enum connection_state {
    CONNECTION_IDLE, /* no response has begun */
    CONNECTION_HEAD, /* part of a head has come */
    CONNECTION_BODY, /* a head was handed out, its body not to the end */
};

#define ASKED_HEAD 1u
#define ASKED_CONNECT 2u

struct proa_connection {
    unsigned magic;
    uint8_t state; /* enum connection_state */
    bool last;     /* the newest response ends the connection */
    bool broken;   /* an error: nothing more can be sent or received */
    bool cut;      /* a request was not sent to its end */
    struct proa_loop *loop;
    struct proa_stream *stream;
    struct proa_url origin;
    struct proa_connection_opts opts;
    struct http_limits limits;
    struct http_parser parser;
    struct arena arena; /* of the newest response's head */
    struct proa_timings times;
    uint64_t received;
    uint64_t served; /* responses that were complete */
    uint8_t *asked;  /* ring: what was sent and not answered */
    size_t asked_room;
    size_t asked_at;
    size_t asked_n;
};

#define MAGIC_CONNECTION 0x70726f43u

struct proa_prepared {
    unsigned magic;
    uint8_t asked;
    size_t n;
    char bytes[];
};

#define MAGIC_PREPARED 0x70726f50u

/* Write these pieces, whole requests of `count` messages that ask for `asked`. iov is used up. */
int proa__connection_send(struct proa_connection *c, struct iovec *iov, int niov, uint8_t asked,
                          size_t count);

/* The same for a part of a request: its first or a further one; only the first counts as a message.
 */
int proa__connection_send_part(struct proa_connection *c, struct iovec *iov, int niov);

/* Note `count` requests as sent. PROA_ENOMEM; PROA_ECLOSED when too many are in flight. */
int proa__connection_note(struct proa_connection *c, uint8_t asked, size_t count);

/*
 * After the head of a request with "Expect: 100-continue": wait for word, at most `ns`. 1: send the
 * body (told to, or no word); 0: a final response is there, do not send it; or a code.
 */
int proa__connection_await_continue(struct proa_connection *c, int64_t ns);

/* Close the stream under whoever uses it: they get PROA_ECLOSED, as does every later call. */
void proa__connection_abort(struct proa_connection *c);

/* Wait for bytes: 0 or a code of `ns`'s timeout, `late`. */
int proa__connection_wait(struct proa_connection *c, unsigned dir, int64_t ns, int late,
                          const char *what);

#endif
