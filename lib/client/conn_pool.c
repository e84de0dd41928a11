#include "client/conn_pool.h"

#include "base/fail.h"
#include "base/mem.h"
#include "client/connection.h"
#include "core/loop.h"
#include "core/view.h"
#include "net/stream.h"

#include <proa/err.h>
#include <proa/scope.h>
#include <proa/time.h>

void proa__conn_pool_init(struct conn_pool *pool, struct proa_loop *loop, size_t limit,
                          size_t per_host, int64_t idle_timeout)
{
    *pool = (struct conn_pool){
        .loop = loop, .limit = limit, .limit_per_host = per_host, .idle_timeout = idle_timeout};
    proa__map_init(&pool->hosts);
    list_init(&pool->idle);
    list_init(&pool->busy);
    list_init(&pool->waiters);
}

void proa__conn_pool_fini(struct conn_pool *pool)
{
    proa__map_fini(&pool->hosts);
}

/* ---- hosts ---- */

static struct conn_host *host_ref(struct conn_pool *pool, struct proa_str origin)
{
    struct conn_host *h = proa__map_get(&pool->hosts, origin);

    if (!h) {
        h = proa__zalloc(sizeof *h + origin.n);
        if (!h)
            return NULL;
        memcpy(h->text, origin.p, origin.n);
        h->key = proa_str_make(h->text, origin.n);
        list_init(&h->idle);
        if (proa__map_put(&pool->hosts, h->key, h, NULL) < 0) {
            proa__free(h);
            return NULL;
        }
    }
    h->users++;
    return h;
}

static void host_unref(struct conn_pool *pool, struct conn_host *h)
{
    if (--h->users)
        return;
    proa__map_remove(&pool->hosts, h->key);
    proa__free(h);
}

/* ---- leases ---- */

static bool has_room(const struct conn_pool *pool, const struct conn_host *h)
{
    return pool->open < pool->limit && h->open < pool->limit_per_host;
}

/* Count a place for `h`; the lease has a reference of its own to it. NULL: no memory. */
static struct lease *new_lease(struct conn_pool *pool, struct conn_host *h)
{
    struct lease *lease = proa__zalloc(sizeof *lease);

    if (!lease)
        return NULL;
    lease->pool = pool;
    lease->host = h;
    list_init(&lease->host_link);
    list_push(&pool->busy, &lease->link);
    h->users++;
    h->open++;
    pool->open++;
    return lease;
}

static void end_lease(struct lease *lease)
{
    struct conn_pool *pool = lease->pool;

    proa__timer_stop(&lease->idle_timer);
    proa_connection_free(lease->c);
    list_remove(&lease->link);
    list_remove(&lease->host_link);
    lease->host->open--;
    pool->open--;
    host_unref(pool, lease->host);
    proa__free(lease);
}

static void unidle(struct lease *lease)
{
    proa__timer_stop(&lease->idle_timer);
    if (lease->c->stream)
        proa__stream_notify(lease->c->stream, 0, NULL, NULL);
    list_remove(&lease->link);
    list_remove(&lease->host_link);
    list_push(&lease->pool->busy, &lease->link);
}

/* ---- waiters ---- */

static struct conn_waiter *waiter_at(struct list *link)
{
    return CONTAINER_OF(link, struct conn_waiter, wait.link);
}

static void hand_over(struct conn_waiter *w, struct lease *lease, int code)
{
    proa__wait_wake_one(&w->wait, lease, code);
}

/* The place of an idle connection, the one used longest ago, for somebody else's. */
static bool evict(struct conn_pool *pool)
{
    struct list *oldest = list_first(&pool->idle);

    if (oldest)
        end_lease(CONTAINER_OF(oldest, struct lease, link));
    return oldest != NULL;
}

/* A waiter gets a new place. */
static void serve(struct conn_pool *pool, struct conn_waiter *w)
{
    struct lease *lease = new_lease(pool, w->host);

    hand_over(w, lease, lease ? 0 : PROA_ENOMEM);
}

/* Places have become free: the oldest waiters that have room get them. */
static void serve_waiters(struct conn_pool *pool)
{
    LIST_FOR_EACH_SAFE (it, &pool->waiters) {
        struct conn_waiter *w = waiter_at(it);
        if (w->host->open >= pool->limit_per_host)
            continue;
        if (pool->open >= pool->limit && !evict(pool))
            return;
        serve(pool, w);
    }
}

/* ---- idle connections ---- */

static void idle_over(void *arg)
{
    struct lease *lease = arg;
    struct conn_pool *pool = lease->pool;

    end_lease(lease);
    serve_waiters(pool);
}

static void idle_ready(void *arg, unsigned dirs)
{
    struct lease *lease = arg;

    (void)dirs;
    if (!proa_connection_reusable(lease->c))
        idle_over(lease);
}

static void become_idle(struct lease *lease, int64_t idle)
{
    struct conn_pool *pool = lease->pool;
    int64_t time = idle && idle < pool->idle_timeout ? idle : pool->idle_timeout;

    list_remove(&lease->link);
    list_push(&pool->idle, &lease->link);
    list_push(&lease->host->idle, &lease->host_link);
    proa__timer_start_after(pool->loop, &lease->idle_timer, time, idle_over, lease);
    proa__stream_notify(lease->c->stream, STREAM_READ | STREAM_CLOSED, idle_ready, lease);
}

static struct lease *take_idle(struct conn_host *h)
{
    for (struct list *it; (it = list_last(&h->idle));) {
        struct lease *lease = CONTAINER_OF(it, struct lease, host_link);
        if (proa_connection_reusable(lease->c)) {
            unidle(lease);
            return lease;
        }
        end_lease(lease);
    }
    return NULL;
}

/* ---- take and give ---- */

static void describe(const void *host, struct view *v)
{
    struct proa_str key = ((const struct conn_host *)host)->key;

    proa__view_say(v, "a connection to %.*s", PROA_PRI(key));
}

static const struct wait_kind waits = {.call = "proa_session", .describe = describe};

static int wait_for_place(struct conn_pool *pool, struct conn_host *h, struct lease **ret)
{
    struct conn_waiter w = {.host = h};

    proa__wait_link(&pool->waiters, &w.wait);
    int rc = proa__wait_park(&w.wait, 1, &waits, h);
    if (rc < 0)
        return rc;
    if (w.wait.code < 0)
        return w.wait.code;
    *ret = w.wait.slot;
    return 0;
}

/* Give up an idle connection where its place is what is missing for a new one. */
static void make_room(struct conn_pool *pool, struct conn_host *h)
{
    if (h->open >= pool->limit_per_host) {
        if (!list_empty(&h->idle))
            end_lease(CONTAINER_OF(list_first(&h->idle), struct lease, host_link));
    } else if (pool->open >= pool->limit) {
        evict(pool);
    }
}

static int take(struct conn_pool *pool, struct conn_host *h, struct lease **ret, bool fresh)
{
    struct lease *lease = fresh ? NULL : take_idle(h);

    if (!lease) {
        make_room(pool, h);
        if (!has_room(pool, h))
            return wait_for_place(pool, h, ret);
        lease = new_lease(pool, h);
    }
    if (!lease)
        return PROA_ENOMEM;
    *ret = lease;
    return 0;
}

int proa__conn_pool_take(struct conn_pool *pool, struct lease **ret, struct proa_str origin,
                         bool fresh)
{
    int rc = proa__wait_enter("proa_session_request");

    if (rc < 0)
        return rc;
    if (pool->closed)
        return proa__fail(PROA_ECLOSED, "the session is closed");
    struct conn_host *h = host_ref(pool, origin);
    if (!h)
        return PROA_ENOMEM;
    rc = take(pool, h, ret, fresh);
    host_unref(pool, h);
    return rc;
}

/* The oldest waiter that this lease, or its place, can serve gets it. */
static bool pass_on(struct lease *lease)
{
    struct conn_pool *pool = lease->pool;

    LIST_FOR_EACH (it, &pool->waiters) {
        struct conn_waiter *w = waiter_at(it);
        if (w->host == lease->host) {
            hand_over(w, lease, 0);
            return true;
        }
        if (w->host->open < pool->limit_per_host) {
            end_lease(lease);
            serve(pool, w);
            return true;
        }
    }
    return false;
}

void proa__conn_pool_give(struct lease *lease, bool keep, int64_t idle)
{
    struct conn_pool *pool = lease->pool;

    if (!keep || pool->closed || !lease->c || !proa_connection_reusable(lease->c)) {
        end_lease(lease);
        serve_waiters(pool);
    } else if (!pass_on(lease)) {
        become_idle(lease, idle);
    }
}

struct proa_connection *proa__conn_pool_pop_idle(struct conn_pool *pool)
{
    struct list *it = list_first(&pool->idle);

    if (!it)
        return NULL;
    struct lease *lease = CONTAINER_OF(it, struct lease, link);
    struct proa_connection *c = lease->c;
    unidle(lease);
    lease->c = NULL;
    end_lease(lease);
    return c;
}

void proa__conn_pool_shut(struct conn_pool *pool)
{
    pool->closed = true;
    LIST_FOR_EACH (it, &pool->busy) {
        struct lease *lease = CONTAINER_OF(it, struct lease, link);
        if (lease->connecting)
            proa_scope_cancel(lease->connecting);
        else if (lease->c && lease->c->stream)
            proa__connection_abort(lease->c);
    }
    LIST_FOR_EACH_SAFE (it, &pool->waiters)
        hand_over(waiter_at(it), NULL, PROA_ECLOSED);
}

void proa__conn_pool_close(struct conn_pool *pool)
{
    proa__conn_pool_shut(pool);
    while (evict(pool))
        ;
}
