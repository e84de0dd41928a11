#include "tls/sessions.h"

#include "base/clock.h"
#include "base/mem.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

struct session_entry {
    struct list lru;
    SSL_SESSION *kept[SESSIONS_PER_KEY]; /* oldest first */
    size_t n;
    size_t key_n;
    char key[];
};

void proa__tls_sessions_init(struct sessions *c, size_t limit)
{
    proa__map_init(&c->map);
    list_init(&c->lru);
    c->limit = limit;
}

static void drop_entry(struct sessions *c, struct session_entry *e)
{
    proa__map_remove(&c->map, proa_str_make(e->key, e->key_n));
    list_remove(&e->lru);
    for (size_t i = 0; i < e->n; i++)
        SSL_SESSION_free(e->kept[i]);
    proa__free(e);
}

void proa__tls_sessions_clear(struct sessions *c)
{
    LIST_FOR_EACH_SAFE (it, &c->lru)
        drop_entry(c, CONTAINER_OF(it, struct session_entry, lru));
    proa__map_fini(&c->map);
}

static struct session_entry *add_entry(struct sessions *c, struct proa_str key)
{
    struct session_entry *e = proa__zalloc(sizeof *e + key.n + 1);

    if (!e)
        return NULL;
    memcpy(e->key, key.p, key.n);
    e->key_n = key.n;
    list_init(&e->lru);
    if (proa__map_put(&c->map, proa_str_make(e->key, e->key_n), e, NULL) < 0) {
        proa__free(e);
        return NULL;
    }
    list_push(&c->lru, &e->lru);
    if (c->map.count > c->limit)
        drop_entry(c, CONTAINER_OF(list_first(&c->lru), struct session_entry, lru));
    return e;
}

static void mark_used(struct sessions *c, struct session_entry *e)
{
    list_remove(&e->lru);
    list_push(&c->lru, &e->lru);
}

static bool is_single_use(const SSL_SESSION *session)
{
    return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
}

static void forget_oldest(struct session_entry *e)
{
    SSL_SESSION_free(e->kept[0]);
    memmove(e->kept, e->kept + 1, --e->n * sizeof *e->kept);
}

void proa__tls_sessions_put(struct sessions *c, struct proa_str key, SSL_SESSION *session_steal)
{
    struct session_entry *e = proa__map_get(&c->map, key);

    if (!e)
        e = add_entry(c, key);
    if (!e) {
        SSL_SESSION_free(session_steal);
        return;
    }
    if (e->n == SESSIONS_PER_KEY || (e->n > 0 && !is_single_use(session_steal)))
        forget_oldest(e);
    e->kept[e->n++] = session_steal;
    mark_used(c, e);
}

/* A resumed session is not verified again, so it ends with the certificate that it stands on. */
static bool is_good(SSL_SESSION *session)
{
    int64_t now = proa__clock_wall() / 1000000000;
    X509 *cert = SSL_SESSION_get0_peer(session);

    if (!SSL_SESSION_is_resumable(session))
        return false;
    if (SSL_SESSION_get_time(session) + SSL_SESSION_get_timeout(session) <= now)
        return false;
    return !cert || X509_cmp_current_time(X509_get0_notAfter(cert)) > 0;
}

SSL_SESSION *proa__tls_sessions_take(struct sessions *c, struct proa_str key)
{
    struct session_entry *e = proa__map_get(&c->map, key);
    SSL_SESSION *found = NULL;

    while (e && e->n > 0 && !found) {
        SSL_SESSION *newest = e->kept[e->n - 1];

        if (is_good(newest)) {
            found = newest;
            if (!is_single_use(newest)) {
                SSL_SESSION_up_ref(newest);
                break;
            }
        } else {
            SSL_SESSION_free(newest);
        }
        e->n--;
    }
    if (e && e->n > 0)
        mark_used(c, e);
    else if (e)
        drop_entry(c, e);
    return found;
}
