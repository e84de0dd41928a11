#ifndef TLS_STREAM_H
#define TLS_STREAM_H

/*
 * stream: TLS for those who live in callbacks.
 *
 * The stream is made at once, and shakes hands as it is used: proa__stream_try_read and _try_writev
 * answer PROA_EAGAIN until the handshake is complete, and its notifications tell when to try again,
 * whichever direction the handshake is waiting for. Who wants to know when it is complete (the idle
 * state of a server's connection) calls proa__tls_handshake until it says 0. Floor: tls. OpenSSL
 * stays below this header.
 */

#include <proa/tls.h>

struct proa_stream;

/*
 * A stream to a client, or to a server, over `lower`, which it takes on success and closes on
 * failure. PROA_ENOMEM, PROA_EINVAL and, from the client's, PROA_E2BIG.
 */
int proa__tls_server_new(struct proa_stream **ret, struct proa_stream *lower_steal,
                         struct proa_tls_ctx *ctx);
int proa__tls_client_new(struct proa_stream **ret, struct proa_stream *lower_steal,
                         struct proa_tls_ctx *ctx, const struct proa_tls_opts *opts);

/* Shake hands as far as it goes: 0 when complete, PROA_EAGAIN (ask to be told of STREAM_READ), or
 * why it failed. */
int proa__tls_handshake(struct proa_stream *s);

#endif
