/* The handshake: how far it got, and what must be true when it is complete. */

#include "base/fail.h"
#include "base/mem.h"
#include "tls/conn.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

/* OpenSSL takes any protocol that the server names; only one that was offered is one. */
static int check_alpn(struct tls *t)
{
    const unsigned char *chosen;
    unsigned n;

    SSL_get0_alpn_selected(t->ssl, &chosen, &n);
    if (!t->client || !n)
        return 0;
    struct proa_str all = t->shake->alpn;
    for (size_t at = 0; at < all.n; at += 1 + (unsigned char)all.p[at])
        if ((unsigned char)all.p[at] == n && memcmp(all.p + at + 1, chosen, n) == 0)
            return 0;
    return proa__fail(PROA_ETLSALPN,
                      "TLS handshake with %s: it chose a protocol that was not offered",
                      proa__tls_peer(t));
}

static int complete(struct tls *t)
{
    int rc = check_alpn(t);

    if (rc < 0)
        return rc;
    t->ready = true;
    t->read_blocked = false;
    t->write_blocked = false;
    proa__arena_fini(&t->shake->arena);
    proa__free(t->shake);
    t->shake = NULL;
    return 0;
}

static int go_on(struct tls *t)
{
    int rc, ret, flushed;

    ERR_clear_error();
    t->corked = true;
    ret = SSL_do_handshake(t->ssl);
    t->corked = false;
    rc = ret == 1 ? complete(t) : proa__tls_failure(t, ret);
    if (rc == 0 && !t->ready) /* close_notify instead of a handshake */
        rc = proa__fail(PROA_ETLSHANDSHAKE, "TLS handshake with %s: it ended TLS",
                        proa__tls_peer(t));

    flushed = proa__tls_flush(t); /* the alert too, if that is what is left to say */
    if (rc == PROA_EAGAIN && flushed < 0 && flushed != PROA_EAGAIN)
        rc = proa__fail(flushed, "TLS handshake with %s: %s", proa__tls_peer(t),
                        proa_err_text(flushed));
    if (rc < 0 && rc != PROA_EAGAIN)
        t->dead = rc;
    return rc;
}

int proa__tls_shake(struct tls *t)
{
    if (t->dead)
        return t->dead;
    if (t->ready)
        return 0;

    int rc = go_on(t);
    t->read_blocked = t->write_blocked = rc == PROA_EAGAIN; /* until a byte comes, or `out` left */
    return rc;
}
