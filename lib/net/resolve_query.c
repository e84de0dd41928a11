#include "base/mem.h"
#include "core/task.h"
#include "core/thread.h"
#include "net/resolve.h"

#include <proa/err.h>

#include <netdb.h>
#include <string.h>

void proa__answer_unref(struct answer *a)
{
    if (!a || --a->refs)
        return;
    proa_addrs_fini(&a->addrs);
    proa__free(a->host);
    proa__free(a);
}

void proa__query_free(struct query *q)
{
    if (!q)
        return;
    proa__answer_unref(q->answer);
    proa__free(q);
}

static void drop(void *arg)
{
    proa__query_free(arg);
}

/* ---- the system's functions, in a thread ---- */

static int code_of(int eai)
{
    switch (eai) {
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
        return PROA_ENOHOST;
    case EAI_AGAIN:
        return PROA_ERESOLVEAGAIN;
    case EAI_MEMORY:
        return PROA_ENOMEM;
    default:
        return PROA_ERESOLVE;
    }
}

static int collect(struct proa_addrs *ret, const struct addrinfo *ai)
{
    int rc = 0;

    for (; ai && rc == 0; ai = ai->ai_next) {
        struct proa_addr addr = {.len = ai->ai_addrlen};
        if (ai->ai_family != AF_INET && ai->ai_family != AF_INET6)
            continue;
        memcpy(&addr.u, ai->ai_addr, ai->ai_addrlen);
        rc = proa_addrs_add(ret, &addr);
    }
    return rc;
}

static int look_up(struct proa_addrs *ret, const char *host)
{
    /* Both families, in the order of RFC 6724; connecting finds out which of them work. */
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *ai = NULL;
    int rc = getaddrinfo(host, NULL, &hints, &ai);

    if (rc)
        return code_of(rc);
    rc = collect(ret, ai);
    freeaddrinfo(ai);
    return rc == 0 && ret->n == 0 ? PROA_ENOHOST : rc;
}

static int look_up_host(char **ret, const char *ip)
{
    char host[NI_MAXHOST];
    struct proa_addr addr;
    int rc = proa_addr_ip(&addr, ip, 0);

    if (rc < 0)
        return rc;
    rc = getnameinfo(&addr.u.sa, addr.len, host, sizeof host, NULL, 0, NI_NAMEREQD);
    if (rc)
        return code_of(rc);
    if (strlen(host) > HOST_MAX)
        return PROA_ERESOLVE;
    *ret = proa__strndup(host, strlen(host));
    return *ret ? 0 : PROA_ENOMEM;
}

static void work(struct query *q)
{
    struct answer *a = q->answer;

    if (q->host[0] == NAME_MARK)
        a->rc = look_up_host(&a->host, q->host + 1);
    else
        a->rc = look_up(&a->addrs, q->host);
}

static void come_back(void *arg)
{
    struct query *q = arg;

    proa__loop_outside(proa__loop_current(), -1);
    proa__resolver_answer(q);
}

static struct query *next_query(struct resolver_pool *pool)
{
    struct list *link;

    pthread_mutex_lock(&pool->lock);
    while (!pool->stop && list_empty(&pool->waiting)) {
        pool->idle++;
        pthread_cond_wait(&pool->work, &pool->lock);
        pool->idle--;
    }
    link = pool->stop ? NULL : list_pop(&pool->waiting);
    pthread_mutex_unlock(&pool->lock);
    return link ? CONTAINER_OF(link, struct query, link) : NULL;
}

struct helper {
    struct resolver_pool *pool;
    struct proa_loop *loop;
};

static void *help(void *arg)
{
    struct helper h = *(struct helper *)arg;
    struct query *q;

    proa__free(arg);
    while ((q = next_query(h.pool))) {
        work(q);
        q->post = (struct post){.fn = come_back, .drop = drop, .arg = q};
        if (proa__loop_post(h.loop, &q->post) < 0)
            drop(q);
    }
    return NULL;
}

/* One more thread. Called with the lock held. */
static int grow(struct resolver_pool *pool, struct proa_loop *loop)
{
    struct helper *h = proa__alloc(sizeof *h);
    int rc;

    if (!h)
        return PROA_ENOMEM;
    *h = (struct helper){.pool = pool, .loop = loop};
    rc = proa__thread_start(&pool->thread[pool->n], help, h);
    if (rc < 0)
        proa__free(h);
    else
        pool->n++;
    return rc;
}

static int give_to_thread(struct query *q)
{
    struct resolver_pool *pool = &q->resolver->pool;
    struct proa_loop *loop = q->resolver->loop;
    int rc = 0;

    pthread_mutex_lock(&pool->lock);
    if (pool->idle == 0 && pool->n < pool->max)
        rc = grow(pool, loop);
    if (pool->n > 0)
        rc = 0; /* the ones there are will come to it */
    if (rc == 0) {
        list_push(&pool->waiting, &q->link);
        pthread_cond_signal(&pool->work);
    }
    pthread_mutex_unlock(&pool->lock);
    if (rc == 0)
        proa__loop_outside(loop, 1);
    return rc;
}

int proa__pool_init(struct resolver_pool *pool, int max)
{
    pool->thread = proa__zalloc_array((size_t)max, sizeof *pool->thread);
    if (!pool->thread)
        return PROA_ENOMEM;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    list_init(&pool->waiting);
    pool->max = max;
    return 0;
}

void proa__pool_fini(struct resolver_pool *pool)
{
    struct list *link;

    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->n; i++)
        pthread_join(pool->thread[i], NULL);
    while ((link = list_pop(&pool->waiting))) {
        proa__loop_outside(proa__loop_current(), -1);
        proa__query_free(CONTAINER_OF(link, struct query, link));
    }
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    proa__free(pool->thread);
}

/* ---- the program's function, as a task ---- */

static int ask_program(void *arg)
{
    struct query *q = arg;
    struct proa_resolver *r = q->resolver;
    int rc = r ? r->o.fn(r->o.arg, &q->answer->addrs, q->host) : PROA_ECLOSED;

    if (rc == PROA_ECANCELED)
        rc = PROA_ECLOSED; /* the run is over; those who wait were not cancelled by us */
    else if (rc >= 0)
        rc = q->answer->addrs.n ? 0 : PROA_ENOHOST;
    q->answer->rc = rc;
    proa__resolver_answer(q);
    return 0;
}

int proa__query_start(struct query *q)
{
    list_init(&q->link);
    if (q->resolver->o.fn && q->host[0] != NAME_MARK)
        return proa__task_create(
            NULL, (struct task_spec){.fn = ask_program, .arg = q, .plain = true}, NULL);
    return give_to_thread(q);
}
