#ifndef TLS_CONN_H
#define TLS_CONN_H

/*
 * conn: one TLS connection as a state machine between two non-suspending streams.
 *
 *      above:  try_read  try_writev  try_shutdown  want  close        struct stream_ops
 *                 |          |            |          ^
 *              SSL_read   SSL_write   SSL_shutdown   | ready
 *                 |          |            |          |
 *      BIO:    try_read   [ out ] <-------+          |                bio.c
 *                 |          |                       |
 *      below:  lower stream ----- notify ------------+
 *
 * shaking --handshake complete--> ready --close_notify sent--> half closed
 *    \------------------ any fatal error: both directions keep its code ----/
 *
 * OpenSSL never waits for writing: what the lower stream does not take goes to `out`, at most a
 * record or a flight of the handshake, and the connection itself brings it out as soon as there is
 * room. So PROA_EAGAIN from try_writev means that nothing was taken, and the bytes of the next
 * attempt may be others.
 *
 * Floor: tls. Only files of this folder include it.
 */

#include "base/arena.h"
#include "core/loop.h"
#include "net/stream.h"

#include <openssl/types.h>

#include <stdbool.h>
#include <stdint.h>

enum { TLS_RECORD = 16384 }; /* most bytes of a record */

/* What only the handshake needs; freed when it is complete. */
struct tls_shake {
    int rc;               /* why a callback of ours refused; 0: none did */
    int depth;            /* of the certificate that was refused: 0 is the other end's own */
    char refused[160];    /* why; empty: none was */
    struct arena arena;   /* alpn */
    struct proa_str alpn; /* what a client offered, as sent */
};

struct tls {
    struct proa_stream s; /* first */
    struct proa_stream *lower;
    SSL *ssl;
    struct proa_tls_ctx *ctx;
    struct tls_shake *shake; /* NULL once the handshake is complete */
    char *name; /* client: whom it talks to, NULL if not told; server: whom the client asked for */
    char *session_key; /* client: where sessions go; NULL: nowhere */
    struct soon kick;  /* a direction is possible without the lower stream telling so */

    char *out; /* encrypted and not taken by the lower stream yet; NULL while empty */
    uint32_t out_at;
    uint32_t out_n; /* bytes from out_at on */
    uint32_t out_cap;

    int read_rc;  /* sticky: the lower stream cannot be read; 0: it can */
    int write_rc; /* sticky: the lower stream cannot be written */
    int dead;     /* sticky: TLS itself is over */

    bool owed;    /* `out` holds, or held when the lower stream died, bytes that those above had
                     written */
    uint8_t want; /* directions asked for above */
    uint8_t told; /* directions asked for below */
    bool client;
    bool ready;         /* the handshake is complete */
    bool corked;        /* writes of OpenSSL are collected in `out` */
    bool lower_end;     /* the lower stream ended */
    bool read_blocked;  /* the last try_read said PROA_EAGAIN, and nothing has happened since */
    bool write_blocked; /* the same for try_writev */
    bool shut;          /* close_notify was sent, or could not be */
};

/* The connection of an SSL. */
struct tls *proa__tls_of(const SSL *ssl);

/* The connection of a stream; NULL if it isn't TLS. */
struct tls *proa__tls_from(struct proa_stream *s);

/* How messages call the other end. */
const char *proa__tls_peer(const struct tls *t);

/* ---- conn.c */

extern const struct stream_ops proa__tls_ops;

/* After anything that may have changed what is wanted or possible. */
void proa__tls_settle(struct tls *t);

/* Free all but the lower stream; also what is half made. */
void proa__tls_free(struct tls *t);

/* ---- bio.c: OpenSSL's way to the lower stream */

int proa__tls_bio_attach(struct tls *t);

/* Bring `out` to the lower stream. 0 when empty, PROA_EAGAIN, or the lower stream's code. */
int proa__tls_flush(struct tls *t);

/* ---- shake.c */

/* Deep: go on with the handshake. 0: complete; PROA_EAGAIN; or the code of its failure. */
int proa__tls_shake(struct tls *t);

/* ---- failure.c */

/* After a call of OpenSSL answered `ret` <= 0: 0 (orderly end), PROA_EAGAIN, or a code with its
 * detail. */
int proa__tls_failure(struct tls *t, int ret);

/* The same after SSL_read. */
int proa__tls_read_failure(struct tls *t, int ret);

/* ---- callbacks.c */

int proa__tls_on_verify(int ok, X509_STORE_CTX *store);

#endif
