#ifndef TLS_CTX_H
#define TLS_CTX_H

/*
 * ctx: one side's rules for its connections: an SSL_CTX, and what it was made of.
 *
 * The settings stay, so that reload can make the SSL_CTX anew and exchange it; connections hold the
 * one they began with. Every SSL_CTX has ticket keys of its own and every context a session id
 * context of its own: a ticket got here resumes nothing elsewhere. Floor: tls.
 */

#include "base/arena.h"
#include "tls/sessions.h"
#include "tls/settings.h"

#include <proa/tls.h>

#include <openssl/types.h>

#include <pthread.h>
#include <stdint.h>

struct proa_tls_ctx {
    unsigned magic; /* MAGIC_TLS_CTX while alive */
    unsigned refs;
    pthread_t thread; /* the one it belongs to */
    SSL_CTX *ssl;
    struct tls_settings settings;
    struct sessions sessions; /* a client's; empty in a server */
    int keylog_fd;            /* -1: none */
    uint8_t id[16];           /* session id context of a server */
    struct arena arena;       /* the settings' strings */
};

/* Abort unless it is alive and this thread's; `what` is the public call. */
void proa__tls_ctx_check(const struct proa_tls_ctx *ctx, const char *what);

/* How the certificate of the other end is to be checked: OpenSSL's SSL_VERIFY_... */
int proa__tls_ctx_verify_mode(const struct proa_tls_ctx *ctx);

#endif
