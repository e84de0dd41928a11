#include "net/resolve.h"

#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/view.h"
#include "core/wait.h"

#include <proa/err.h>
#include <proa/time.h>

#include <string.h>

#define MAGIC_RESOLVER 0x72736c76u /* "rslv" */

/* Defaults and bounds (reference: the table of limits in docs). */
#define TTL (10 * PROA_SEC)
#define NEGATIVE_TTL PROA_SEC
#define ENTRIES ((size_t)1000)
#define THREADS 4
#define THREADS_MAX 64

struct name {
    struct list link;    /* among the resolver's known or pending */
    struct list waiters; /* struct wait, while pending; slot: struct answer */
    struct query *query; /* while pending */
    struct answer *answer;
    int64_t expires;
    struct proa_str host; /* of text */
    char text[HOST_MAX + 1];
};

/* ---- names ---- */

static void forget(struct proa_resolver *r, struct name *name)
{
    proa__map_remove(&r->names, name->host);
    list_remove(&name->link);
    if (name->answer)
        r->n_known--;
    proa__answer_unref(name->answer);
    proa__free(name);
}

static struct query *new_query(struct proa_resolver *r, const char *host)
{
    struct query *q = proa__zalloc(sizeof *q);

    if (!q)
        return NULL;
    q->answer = proa__zalloc(sizeof *q->answer);
    if (!q->answer) {
        proa__free(q);
        return NULL;
    }
    q->answer->refs = 1;
    q->resolver = r;
    memcpy(q->host, host, strlen(host) + 1);
    return q;
}

static struct name *new_name(struct proa_resolver *r, struct proa_str host)
{
    struct name *name = proa__zalloc(sizeof *name);

    if (!name)
        return NULL;
    memcpy(name->text, host.p, host.n);
    name->host = proa_str_make(name->text, host.n);
    list_init(&name->waiters);
    if (proa__map_put(&r->names, name->host, name, NULL) < 0) {
        proa__free(name);
        return NULL;
    }
    list_push(&r->pending, &name->link);
    return name;
}

/* Begin to look a name up. */
static int begin(struct proa_resolver *r, struct proa_str host, struct name **ret)
{
    struct name *name = new_name(r, host);
    struct query *q = name ? new_query(r, name->text) : NULL;
    int rc = q ? 0 : PROA_ENOMEM;

    if (rc == 0) {
        q->name = name;
        name->query = q;
        rc = proa__query_start(q);
    }
    if (rc < 0) {
        proa__query_free(q);
        if (name)
            forget(r, name);
        return rc;
    }
    *ret = name;
    return 0;
}

static void keep(struct proa_resolver *r, struct name *name, int64_t ttl)
{
    name->expires = proa_time_add(proa__loop_now(r->loop), ttl);
    list_push(&r->known, &name->link);
    if (++r->n_known > r->o.max_entries)
        forget(r, CONTAINER_OF(list_first(&r->known), struct name, link));
}

static int64_t time_to_keep(const struct proa_resolver *r, int rc)
{
    if (rc == 0)
        return r->o.ttl;
    return rc == PROA_ENOHOST ? r->o.negative_ttl : -1; /* other failures are of the moment */
}

void proa__resolver_answer(struct query *q)
{
    struct proa_resolver *r = q->resolver;
    struct name *name = q->name;
    struct answer *a = q->answer;

    if (r) {
        int64_t ttl = time_to_keep(r, a->rc);
        while (!list_empty(&name->waiters)) {
            a->refs++;
            proa__wait_wake(&name->waiters, a, 0);
        }
        name->query = NULL;
        list_remove(&name->link);
        if (ttl > 0) {
            name->answer = a;
            a->refs++;
            keep(r, name, ttl);
        } else {
            forget(r, name);
        }
    }
    proa__query_free(q);
}

/* ---- the loop's own ---- */

struct loop_own {
    struct loop_guest guest;
    struct proa_resolver *resolver;
};

static const char own_key;

static void free_own(struct loop_guest *guest)
{
    struct loop_own *own = CONTAINER_OF(guest, struct loop_own, guest);

    proa_resolver_free(own->resolver);
    proa__free(own);
}

static int loop_resolver(struct proa_resolver **ret)
{
    struct proa_loop *loop = proa__loop_current();
    struct loop_guest *guest = proa__loop_guest(loop, &own_key);
    struct loop_own *own;
    int rc;

    if (guest) {
        *ret = CONTAINER_OF(guest, struct loop_own, guest)->resolver;
        return 0;
    }
    own = proa__zalloc(sizeof *own);
    if (!own)
        return proa__fail(PROA_ENOMEM, "no memory for the loop's resolver");
    rc = proa_resolver_new(&own->resolver, NULL);
    if (rc < 0) {
        proa__free(own);
        return rc;
    }
    proa__loop_adopt(loop, &own->guest, &own_key, free_own);
    *ret = own->resolver;
    return 0;
}

/* ---- asking ---- */

static int not_found(const char *host, int rc)
{
    return proa__fail(rc, "%.120s: %s", host, proa_err_text(rc));
}

static int copy(struct proa_addrs *ret, const struct answer *a, const char *host, int port,
                int family)
{
    int rc = a->rc;

    for (size_t i = 0; rc == 0 && i < a->addrs.n; i++) {
        struct proa_addr addr = a->addrs.a[i];
        if (family && addr.u.sa.sa_family != family)
            continue;
        proa_addr_set_port(&addr, port);
        rc = proa_addrs_add(ret, &addr);
    }
    if (rc == 0 && ret->n == 0)
        rc = PROA_ENOHOST;
    if (rc == 0)
        return 0;
    proa_addrs_fini(ret);
    return not_found(host, rc);
}

/* The name's entry if it is known and fresh, or pending. */
static struct name *find(struct proa_resolver *r, struct proa_str host)
{
    struct name *name = proa__map_get(&r->names, host);

    if (!name || !name->answer)
        return name;
    if (name->expires <= proa__loop_now(r->loop)) {
        forget(r, name);
        return NULL;
    }
    list_remove(&name->link);
    list_push(&r->known, &name->link);
    return name;
}

static void describe(const void *object, struct view *v)
{
    const struct name *name = object;

    proa__view_say(v, "%s", name->text);
}

static const struct wait_kind resolves = {.call = "proa_resolve", .describe = describe};

static void check(const struct proa_resolver *r, const char *call)
{
    PROA_CHECK(r->magic == MAGIC_RESOLVER, "%s: resolver %p was freed, or never made", call,
               (const void *)r);
    proa__loop_check(r->loop, call);
}

/* Through the cache. `host` is in lower case. A reference to the answer. */
static int ask(struct proa_resolver *r, struct answer **ret, struct proa_str host)
{
    struct name *name = find(r, host);
    struct wait w;
    int rc;

    if (!name) {
        rc = begin(r, host, &name);
        if (rc < 0)
            return rc;
    }
    if (name->answer) {
        *ret = name->answer;
        (*ret)->refs++;
        return 0;
    }
    proa__wait_link(&name->waiters, &w);
    rc = proa__wait_park(&w, 1, &resolves, name);
    if (rc < 0)
        return rc;
    *ret = w.slot;
    return w.code;
}

int proa__resolver_ask(struct proa_resolver *r, struct answer **ret, struct proa_str key)
{
    int rc = 0;

    if (r)
        check(r, "asking a resolver");
    else
        rc = loop_resolver(&r);
    return rc < 0 ? rc : ask(r, ret, key);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static int look_up(struct proa_resolver *r, struct proa_addrs *ret, const char *host, int port,
                   int family)
{
    char text[HOST_MAX + 1];
    size_t n = strlen(host);
    struct answer *a;
    int rc;

    for (size_t i = 0; i < n; i++)
        text[i] = lower(host[i]);
    rc = ask(r, &a, proa_str_make(text, n));
    if (rc == PROA_ECANCELED)
        return rc;
    if (rc < 0)
        return not_found(host, rc);
    rc = copy(ret, a, host, port, family);
    proa__answer_unref(a);
    return rc;
}

static int numeric(struct proa_addrs *ret, const struct proa_addr *addr, const char *host,
                   int family)
{
    if (family && addr->u.sa.sa_family != family)
        return not_found(host, PROA_ENOHOST);
    return proa_addrs_add(ret, addr);
}

/* "localhost" and all names under it, with or without the root's dot (RFC 6761, 6.3). */
static bool is_localhost(const char *host)
{
    const struct proa_str local = PROA_STR("localhost");
    size_t n = strlen(host);

    n -= host[n - 1] == '.';
    return n >= local.n && proa_str_caseeq(proa_str_make(host + n - local.n, local.n), local) &&
           (n == local.n || host[n - local.n - 1] == '.');
}

static int loopback(struct proa_addrs *ret, const char *host, int port, int family)
{
    static const char *const ip[] = {"::1", "127.0.0.1"};
    struct proa_addr addr;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < sizeof ip / sizeof ip[0]; i++) {
        rc = proa_addr_ip(&addr, ip[i], port);
        if (rc == 0 && (!family || addr.u.sa.sa_family == family))
            rc = proa_addrs_add(ret, &addr);
    }
    if (rc < 0)
        proa_addrs_fini(ret);
    else if (ret->n == 0)
        rc = PROA_ENOHOST;
    return rc < 0 ? not_found(host, rc) : 0;
}

static bool is_host(const char *host)
{
    size_t n = host ? strlen(host) : 0;

    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)host[i] <= ' ' || host[i] == 0x7f)
            return false;
    }
    return n > 0 && n <= HOST_MAX;
}

int proa_resolve(struct proa_resolver *r, struct proa_addrs *ret, const char *host, int port,
                 int family)
{
    struct proa_addr addr;
    int rc = proa__wait_enter("proa_resolve");

    if (rc < 0)
        return rc;
    if (r)
        check(r, "proa_resolve");
    if (port < 0 || port > 65535)
        return proa__fail(PROA_EINVAL, "port %d is not within 0 to 65535", port);
    if (!is_host(host))
        return proa__fail(PROA_EINVAL, "\"%.120s\" is no host name", host ? host : "");
    if (proa_addr_ip(&addr, host, port) == 0)
        return numeric(ret, &addr, host, family);
    if (is_localhost(host) && !(r && r->o.fn))
        return loopback(ret, host, port, family);
    if (!r) {
        rc = loop_resolver(&r);
        if (rc < 0)
            return rc;
    }
    return look_up(r, ret, host, port, family);
}

/* ---- life ---- */

static int get_opts(struct proa_resolver_opts *o, const struct proa_resolver_opts *opts)
{
    int rc = proa__opts_copy(o, sizeof *o, opts);

    if (rc < 0)
        return proa__fail(rc, "options of a resolver: %s", proa_err_text(rc));
    if (o->threads < 0 || o->threads > THREADS_MAX)
        return proa__fail(PROA_EINVAL, "options of a resolver: .threads is %d, at most %d",
                          o->threads, THREADS_MAX);
    if (o->ttl == 0)
        o->ttl = TTL;
    if (o->negative_ttl == 0 || o->negative_ttl > NEGATIVE_TTL)
        o->negative_ttl = NEGATIVE_TTL;
    if (o->max_entries == 0)
        o->max_entries = ENTRIES;
    if (o->threads == 0)
        o->threads = THREADS;
    return 0;
}

int proa_resolver_new(struct proa_resolver **ret, const struct proa_resolver_opts *opts)
{
    struct proa_resolver *r;
    struct proa_resolver_opts o;
    struct proa_loop *loop = proa__loop_need("proa_resolver_new");
    int rc = get_opts(&o, opts);

    if (rc < 0)
        return rc;
    r = proa__zalloc(sizeof *r);
    if (!r || proa__pool_init(&r->pool, o.threads) < 0) {
        proa__free(r);
        return proa__fail(PROA_ENOMEM, "no memory for a resolver");
    }
    r->magic = MAGIC_RESOLVER;
    r->loop = loop;
    r->o = o;
    proa__map_init(&r->names);
    list_init(&r->known);
    list_init(&r->pending);
    *ret = r;
    return 0;
}

static struct name *first_of(struct list *names)
{
    struct list *link = list_first(names);

    return link ? CONTAINER_OF(link, struct name, link) : NULL;
}

/* Those who wait are told, and the look-up comes back to nobody. */
static void let_go(struct proa_resolver *r, struct name *name)
{
    name->query->resolver = NULL;
    proa__wait_wake_all(&name->waiters, PROA_ECLOSED);
    forget(r, name);
}

void proa_resolver_free(struct proa_resolver *r)
{
    struct name *name;

    if (!r)
        return;
    check(r, "proa_resolver_free");
    while ((name = first_of(&r->pending)))
        let_go(r, name);
    while ((name = first_of(&r->known)))
        forget(r, name);
    proa__pool_fini(&r->pool);
    proa__map_fini(&r->names);
    r->magic = 0;
    proa__free(r);
}
