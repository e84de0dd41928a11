#ifndef TESTS_TLS_ENDS_H
#define TESTS_TLS_ENDS_H

/*
 * ends: a client's and a server's stream over a pair, for tests that look at them one call at a
 * time.
 */

#include "tls/duet.h"

/* Both ends, with the handshake behind them. */
struct ends {
    struct proa_stream *c, *s;
    struct proa_stream *c_lower, *s_lower;
    struct proa_tls_ctx *client_ctx, *server_ctx;
    int rc;
};

/* Makes both and shakes hands. To be called in a task, with zeroes or a context for the client. */
int t_shake(struct ends *e, const struct pair_opts *pair);

/* Aborts what is left of it. */
void t_leave(struct ends *e);

#endif
