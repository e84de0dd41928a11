#ifndef TLS_CALLBACKS_H
#define TLS_CALLBACKS_H

/*
 * callbacks: what OpenSSL asks in the middle of a handshake, and the answers.
 *
 * The name that a client asks for is looked at in its first message, before OpenSSL considers the
 * ticket that came along: so the context that the name leads to decides what may be resumed, and
 * whose clients must show certificates, not the one that the listener began with. Floor: tls. They
 * run on the big stack and must not suspend.
 */

#include <openssl/types.h>

struct proa_tls_ctx;

/* 0 or PROA_ENOMEM. */
int proa__tls_set_callbacks(SSL_CTX *ssl, struct proa_tls_ctx *ctx);

#endif
