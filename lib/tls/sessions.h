#ifndef TLS_SESSIONS_H
#define TLS_SESSIONS_H

/*
 * sessions: what a client remembers of servers, to shake hands faster the next time.
 *
 * Kept under a key that names everything two connections must have in common beside the context:
 * server name, port, way (a proxy). A TLS 1.3 ticket is used once and taken out, up to 4 wait; a
 * TLS 1.2 session stays. At most `limit` keys; the one not used for longest leaves.
 *
 *   map: key -> entry      lru: oldest entry ... newest entry      entry: up to 4 sessions, newest
 * last
 *
 * Floor: tls. One context's; not shared between threads.
 */

#include "base/list.h"
#include "base/map.h"

#include <stddef.h>

enum { SESSIONS_PER_KEY = 4 }; /* a TLS 1.3 server sends two tickets a connection */

/* OpenSSL's SSL_SESSION, which its types.h leaves out. */
struct ssl_session_st;

struct sessions {
    struct map map;
    struct list lru; /* struct session_entry, the one used last is last */
    size_t limit;
};

void proa__tls_sessions_init(struct sessions *c, size_t limit);

/* Forget all, and hold no memory. */
void proa__tls_sessions_clear(struct sessions *c);

/* Takes the session over; without memory it is dropped, for it is only a convenience. */
void proa__tls_sessions_put(struct sessions *c, struct proa_str key,
                            struct ssl_session_st *session_steal);

/* The newest that is still good, the caller's to free; NULL: none. */
struct ssl_session_st *proa__tls_sessions_take(struct sessions *c, struct proa_str key);

#endif
