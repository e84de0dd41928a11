#include "base/check.h"
#include "base/mem.h"
#include "client/session.h"

#include <proa/err.h>

/* ---- life ---- */

/* The head stays: its memory moves here. */
void proa__response_give_back(struct proa_client_response *r, bool whole)
{
    struct lease *lease = r->lease;

    if (!lease)
        return;
    r->lease = NULL;
    r->arena = lease->c->arena;
    proa__arena_init(&lease->c->arena, NULL, 0);
    proa__fetch_done(r->session, lease, &r->reply, whole);
}

/* A coding that is not known spoils the body, not the head. */
static int make_decoder(struct proa_client_response *r)
{
    if (r->session->opts.no_decode || r->reply.length == 0)
        return 0;
    int rc = proa__decoder_new(&r->decoder, r->reply.headers, &proa__http_limits_client,
                               HTTP_UNLIMITED);
    if (rc == PROA_ENOMEM)
        return rc;
    if (rc < 0)
        r->error = rc;
    if (rc != 1)
        return 0;
    r->raw = proa__alloc(RESPONSE_RAW_PIECE);
    return r->raw ? 0 : PROA_ENOMEM;
}

int proa__response_new(struct proa_client_response **ret, struct fetch *f, struct lease *lease,
                       const struct proa_reply *reply)
{
    struct proa_client_response *r = proa__zalloc(sizeof *r);

    if (!r) {
        proa__conn_pool_give(lease, false, 0);
        return PROA_ENOMEM;
    }
    r->magic = MAGIC_RESPONSE;
    r->session = f->session;
    r->session->refs++;
    r->lease = lease;
    r->reply = *reply;
    r->redirects = f->redirects;
    r->deadline = f->deadline;
    r->url = f->url;
    f->url = (struct proa_url){0};
    int rc = make_decoder(r);
    if (rc < 0) {
        proa_client_response_free(r);
        return rc;
    }
    if (lease->c->state != CONNECTION_BODY) {
        r->raw_ended = r->ended = true;
        proa__response_give_back(r, true);
    } else if (r->error) {
        proa__response_give_back(r, false);
    }
    *ret = r;
    return 0;
}

void proa_client_response_free(struct proa_client_response *r)
{
    if (!r)
        return;
    PROA_CHECK_OBJ(r, MAGIC_RESPONSE);
    proa__response_give_back(r, false);
    if (r->own_session)
        proa_session_free(r->session);
    proa__session_unref(r->session);
    proa__decoder_free(r->decoder);
    proa__free(r->raw);
    proa__arena_fini(&r->arena);
    proa_url_fini(&r->url);
    r->magic = 0;
    proa__free(r);
}

/* ---- what the head says ---- */

int proa_client_response_status(const struct proa_client_response *r)
{
    return r->reply.status;
}

struct proa_str proa_client_response_reason(const struct proa_client_response *r)
{
    return r->reply.reason;
}

const struct proa_headers *proa_client_response_headers(const struct proa_client_response *r)
{
    return r->reply.headers;
}

struct proa_str proa_client_response_header(const struct proa_client_response *r, const char *name)
{
    return proa_headers_get(r->reply.headers, name);
}

const char *proa_client_response_url(const struct proa_client_response *r)
{
    return r->url.text.p;
}

int proa_client_response_redirects(const struct proa_client_response *r)
{
    return r->redirects;
}

int64_t proa_client_response_length(const struct proa_client_response *r)
{
    return r->reply.length;
}

uint64_t proa_client_response_received(const struct proa_client_response *r)
{
    return r->received;
}
