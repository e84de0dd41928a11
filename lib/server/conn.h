#ifndef SERVER_CONN_H
#define SERVER_CONN_H

/*
 * conn: one connection of a client, a state machine that holds no stack while it is idle.
 *
 *   accepted --> TLS --handshake--> IDLE --first byte--> HEAD --complete or refused--> TASK
 *           \______________________/  ^                                               |  \
 *                                     \_______________________________________________/   v
 *                                                                            closed <-- LINGER
 *
 * But for TASK it lives in callbacks of the loop: bytes are read into the loop's scratch buffer and
 * fed to the parser of the exchange, which exists from the first byte on. With a complete head a
 * task takes over (exchange.c); while it owns the connection nothing else reads it, but for a look
 * at whether the client left. What was read beyond the head waits in the stream's buffer. A client
 * that may still be sending when its last response has left is listened to for a while, so that the
 * response is not lost in a reset: that costs neither stack nor exchange.
 *
 * The one timer is the handshake's, the head's, the idle or the lingering deadline, after the
 * state.
 *
 * Floor: server.
 */

#include "base/list.h"
#include "core/timer.h"

#include <proa/str.h>

#include <stdbool.h>
#include <stdint.h>

struct exchange;
struct proa_addr;
struct proa_server;
struct proa_stream;
struct site;

enum conn_state { CONN_TLS, CONN_IDLE, CONN_HEAD, CONN_TASK, CONN_LINGER };

struct conn {
    struct list link; /* in server->conns */
    struct proa_server *server;
    struct proa_stream *stream; /* NULL once closed */
    struct exchange *x; /* from the first byte, be it of an empty line, to the response's end */
    char *peer;         /* the client's address as text, once it was asked for */
    struct timer timer;
    uint32_t served;  /* requests */
    uint32_t dropped; /* bytes, while lingering */
    uint8_t state;    /* enum conn_state */
    bool secure;
    bool admitted; /* counted against its address, which is `peer` */
    bool watched;  /* a handler wants to know when the client leaves */
    bool gone;     /* the client closed its side while that was watched */
};

/* Take over an accepted stream. */
void proa__conn_accept(struct site *site, struct proa_stream *stream, const struct proa_addr *peer);

/* The same of one that came otherwise; whatever `secure` stands for is done. 0 or PROA_ENOMEM. */
int proa__conn_begin(struct proa_server *server, struct proa_stream *stream, bool secure);

/*
 * The task is done with the connection and it stays open: parse what is buffered, or wait for the
 * next request. Returns true when another request is complete and the same task shall serve it.
 */
bool proa__conn_next(struct conn *c);

/* The last response has left, and the client may still be sending: end our side, drop what comes,
 * in bounds, and close. The exchange goes back. Never suspends. */
void proa__conn_linger(struct conn *c);

/* End it: orderly for what the kernel has taken, or so that the client learns it was cut. Frees it.
 */
void proa__conn_close(struct conn *c);
void proa__conn_abort(struct conn *c);

/* While a handler runs: have x told when the client leaves (proa__exchange_gone). */
void proa__conn_watch(struct conn *c, bool on);

/*
 * A drain begins: close what has been served and is idle. One that was accepted and has not been
 * served has its request under way, most likely: it is given a moment for it (limits.fresh_time),
 * so that a worker's replacement loses nobody.
 */
void proa__conn_drain(struct conn *c);

/* The client's address as text; "" if there is no memory. */
struct proa_str proa__conn_peer(struct conn *c);

#endif
