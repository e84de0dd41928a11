#ifndef TESTS_SECURED_H
#define TESTS_SECURED_H

/*
 * secured: a served app behind TLS, in memory or listening, and clients that believe it.
 *
 * The app answers GET / with "hello" and POST / with the body it read; what its handlers saw is
 * kept.
 */

#include "served.h"
#include "tls/duet.h"

#include <proa/tls.h>

struct secured {
    struct proa_server *server;
    struct proa_tls_ctx *server_ctx;
    struct proa_tls_ctx *client_ctx; /* resumes no session */
    int calls;                       /* of handlers */
    int body_rc;                     /* of the last body: 0, or how reading it failed */
    size_t body_n;
};
extern struct secured secured;

/* A test whose body runs with such a server, in memory only; options as of a server. Nothing may be
 * left of it. */
#define SECURED_TEST(name, ...)                                                                    \
    static void name##_body(void);                                                                 \
    START_TEST(name)                                                                               \
    {                                                                                              \
        secured_run(name##_body, PROA_SERVER_OPTS(.no_listen = true, ##__VA_ARGS__));              \
    }                                                                                              \
    END_TEST                                                                                       \
    static void name##_body(void)
void secured_run(void (*body)(void), const struct proa_server_opts *opts);

/* The same app without TLS, for servers of the test's own. */
struct proa_app *secured_app(void);

/* A connection to it by which nothing was said yet: bytes are the caller's, or proa_tls_client's.
 * The server's handshake is under `ctx` (NULL: server_ctx). */
struct proa_stream *secured_lower(const struct pair_opts *network, struct proa_tls_ctx *ctx);

/* The same with the handshake behind it. */
struct proa_stream *secured_connect(const struct pair_opts *network);

#endif
