#ifndef CLIENT_CONNECTION_H
#define CLIENT_CONNECTION_H

/*
 * connection: one client connection: requests out, responses in, in order.
 *
 *   IDLE --begin--> HEAD --complete--> READY --handed out--> BODY --its end--> IDLE
 *                                        \--- no body --------------------------/
 *
 * What was sent and not answered yet is kept as one byte a request (what a response to it may look
 * like), so pipelining costs nothing more. The bytes of a response are read into the caller's
 * memory or the loop's scratch buffer; only what lies beyond a head or a message goes through the
 * stream's own buffer. A head can be taken without waiting, so whoever sends looks at what comes
 * back meanwhile.
 *
 * Floor: client. open.c makes and ends connections, prepared.c renders requests, send.c writes
 * them, receive.c reads heads, body.c bodies.
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
    CONNECTION_IDLE,  /* no response has begun */
    CONNECTION_HEAD,  /* a head is being read */
    CONNECTION_READY, /* it is complete and was not handed out yet */
    CONNECTION_BODY,  /* it was handed out, and its body did not come to its end */
};

#define ASKED_HEAD 1u

struct proa_connection {
    unsigned magic;
    uint8_t state; /* enum connection_state */
    bool last;     /* a response ended the connection: none follows it */
    bool broken;   /* an error: nothing more can be sent or received */
    bool cut;      /* a request was not sent to its end: none follows it */
    struct proa_loop *loop;
    struct proa_stream *stream; /* NULL once aborted */
    struct proa_url origin;
    struct proa_connection_opts opts;
    struct http_limits limits;
    struct http_parser parser;
    struct arena arena; /* of the newest response's head */
    struct proa_timings times;
    int64_t due; /* when the newest response became the next one */
    uint64_t received;
    uint8_t *asked; /* ring: what was sent and not answered */
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

/* Where a connection's stream comes from: as proa_tcp_connect, to the URL's host and port. */
typedef int connect_fn(void *arg, struct proa_stream **ret, const struct proa_url *to);

/* As proa_connection_open, for a URL that is parsed already. `connect` NULL: what the options say.
 */
PROA_SUSPENDS int proa__connection_open(struct proa_connection **ret, const struct proa_url *url,
                                        const struct proa_connection_opts *opts,
                                        connect_fn *connect, void *arg);

/* Put in what options of zero stand for. */
void proa__connection_default_times(struct proa_connection_opts *opts);

/* What a request says of its response: ASKED_HEAD, or 0. A code where a method cannot be sent. */
int proa__connection_asks(struct proa_str method);

/* Write these pieces, `count` whole requests that ask for `asked`. iov is used up. */
PROA_SUSPENDS int proa__connection_send(struct proa_connection *c, struct iovec *iov, int niov,
                                        uint8_t asked, size_t count);

/*
 * Write the rest of the only request under way, and listen meanwhile: a server that refuses it may
 * not read it to its end. 0; 1: a final head came that says so, the rest stays unsent; or a code.
 */
PROA_SUSPENDS int proa__connection_send_rest(struct proa_connection *c, struct iovec *iov,
                                             int niov);

/*
 * After the head of a request with "Expect: 100-continue": wait for word, at most `ns`. 0: send the
 * body (told to, or no word); 1: a final head is there, do not send it; or a code.
 */
PROA_SUSPENDS int proa__connection_await_continue(struct proa_connection *c, int64_t ns);

/* Count a request as sent, before it is. PROA_ENOMEM; PROA_ECLOSED; PROA_EINVAL when too many are
 * in flight. */
int proa__connection_note(struct proa_connection *c, uint8_t asked, size_t count);

/*
 * Take what is there of the head that is due, without waiting: HTTP_HEAD (the state is READY now),
 * HTTP_INTERIM (the parser has its head), PROA_EAGAIN, or a code.
 */
int proa__connection_try_head(struct proa_connection *c);

/* The message is complete: on to the next. */
void proa__connection_end_message(struct proa_connection *c);

/* Put back bytes that were read and belong to what follows. 0 or PROA_ENOMEM. */
int proa__connection_keep(struct proa_connection *c, const char *bytes, size_t n);

/* Wait for more of the response that is due, as long as the options allow. */
PROA_SUSPENDS int proa__connection_wait_response(struct proa_connection *c);

/* Reading failed with `rc`: unless that may pass, the connection is no good any more. Gives `rc`.
 */
int proa__connection_lost(struct proa_connection *c, int rc);

/* What every call answers once the connection is broken. */
int proa__connection_is_broken(const struct proa_connection *c);

/* Close the stream under whoever uses it: they get PROA_ECLOSED, as does every later call. */
void proa__connection_abort(struct proa_connection *c);

#endif
