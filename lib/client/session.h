#ifndef CLIENT_SESSION_H
#define CLIENT_SESSION_H

/*
 * session: what its requests share, and the response that one of them ends in.
 *
 * The memory of a session is counted: its holder, each request under way, each open response.
 * Freeing it closes the pool, so all of those end soon or answer PROA_ECLOSED.
 *
 * Floor: client. session.c: the life of sessions; fetch.c: a request from call to response;
 * fields.c: what it sends; redirect.c: where it goes next; hop.c: one exchange of it; response.c:
 * the response, response_body.c its body.
 */

#include "base/arena.h"
#include "client/conn_pool.h"
#include "client/connection.h"
#include "http/coding.h"

#include <proa/buf.h>
#include <proa/headers.h>
#include <proa/session.h>
#include <proa/url.h>

#include <stdbool.h>
#include <stdint.h>

struct proa_session {
    unsigned magic;
    unsigned refs;
    struct proa_session_opts opts; /* with defaults filled in; what it pointed at is below */
    struct conn_pool pool;
    struct proa_headers headers;
    struct proa_url base;
    char *unix_path;
    struct proa_tls_ctx *tls; /* a reference, or NULL */
    connect_fn *connect;      /* where streams come from; NULL: TCP or UNIX. For tests. */
    void *connect_arg;
};

#define MAGIC_SESSION 0x70726f45u

void proa__session_unref(struct proa_session *session);

struct proa_client_response {
    unsigned magic;
    bool own_session; /* of proa_fetch: it ends with the response */
    bool ended;       /* the body was read to its end */
    bool raw_ended;   /* and so was the body as sent */
    int error;        /* sticky failure of the body */
    int redirects;
    int64_t deadline;  /* of the whole exchange, or PROA_FOREVER */
    uint64_t received; /* body bytes as sent */
    struct proa_session *session;
    struct lease *lease; /* NULL once given back */
    struct proa_reply reply;
    struct proa_url url;
    struct decoder *decoder; /* NULL: nothing to undo */
    char *raw;               /* what was read and not decoded yet */
    struct proa_str in;      /* that part of raw */
    struct arena arena;      /* the head's memory, taken from the connection with which it came */
};

#define MAGIC_RESPONSE 0x70726f52u

enum { RESPONSE_RAW_PIECE = 16 * 1024 }; /* bytes read at a time where a coding is undone */

/* What one request wants and has come to, over its redirects. */
struct fetch {
    struct proa_session *session;
    struct proa_fetch_opts opts;
    struct proa_str method;
    struct proa_url url;
    struct proa_headers headers; /* all that is sent but Host and framing */
    struct proa_str body;
    struct proa_buf json; /* what body is, if it came as JSON */
    int redirects;
    int64_t deadline;
};

/* Fill in the body and the fields of a request whose URL is known. */
int proa__fetch_fields(struct fetch *f);

/* One exchange: a connection, the request out, the head in. Retries once what a closed kept-alive
 * connection swallowed. */
PROA_SUSPENDS int proa__fetch_hop(struct fetch *f, struct lease **ret_lease,
                                  struct proa_reply *ret);

/* The exchange is over: the connection goes back, to be kept if `whole` (its response was read to
 * the end) and nothing else is against it. */
void proa__fetch_done(const struct proa_session *session, struct lease *lease,
                      const struct proa_reply *reply, bool whole);

/* Turn the request towards where a response points. 0; 1: the response is the final one; or a code.
 * The lease is taken unless 1. */
PROA_SUSPENDS int proa__fetch_follow(struct fetch *f, struct lease *lease,
                                     const struct proa_reply *reply);

/* Wrap what the last hop brought; takes the lease, on success and on failure. */
int proa__response_new(struct proa_client_response **ret, struct fetch *f,
                       struct lease *lease_steal, const struct proa_reply *reply);

/* The connection is not needed any more, or `!whole`: no good any more. */
void proa__response_give_back(struct proa_client_response *r, bool whole);

#endif
