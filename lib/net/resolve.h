#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

/*
 * resolve: a cache of host names in front of who looks them up.
 *
 *   unknown --first asker--> pending --answer--> known --ttl--> unknown
 *                             \--more askers wait for the same answer
 *
 * A look-up (struct query) belongs to the resolver, not to the task that caused it, so that a
 * cancel of that task takes nothing from the others. It runs in a thread of the resolver's own
 * (getaddrinfo blocks, and for long) or, with the program's function, as a task of the root group.
 * Whatever it is, its answer comes back on the loop. A resolver that is freed lets its look-ups go:
 * each frees itself when it is back.
 *
 * Floor: net.
 */

#include "base/list.h"
#include "base/map.h"
#include "core/loop.h"

#include <proa/resolve.h>

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest host name that is looked up: a DNS name has at most 253 bytes, and perhaps a last dot. */
#define HOST_MAX 254

/* What a look-up found; shared by the cache and those who wait, never changed. Loop thread only. */
struct answer {
    unsigned refs;
    int rc; /* 0, or why there are none */
    struct proa_addrs addrs;
    char *host; /* of an address */
};

/* What begins the key of an address whose host is asked for; no host name has it. */
#define NAME_MARK ' '

struct name; /* an entry of the cache */

/* A look-up under way. */
struct query {
    struct post post;               /* from the thread back to the loop */
    struct list link;               /* among those that wait for a thread */
    struct proa_resolver *resolver; /* NULL: freed meanwhile; nobody waits */
    struct name *name;
    struct answer *answer; /* made beforehand, so that an answer is always there */
    char host[HOST_MAX + 1];
};

struct resolver_pool {
    pthread_mutex_t lock; /* over all that follows */
    pthread_cond_t work;
    struct list waiting; /* struct query, oldest first */
    bool stop;
    int idle;
    int n;
    int max;
    pthread_t *thread;
};

struct proa_resolver {
    unsigned magic;
    struct proa_loop *loop;
    struct proa_resolver_opts o;
    struct map names;  /* struct name, by host in lower case */
    struct list known; /* struct name with an answer, least recently used first */
    size_t n_known;
    struct list pending; /* struct name without one yet */
    struct resolver_pool pool;
};

/* ---- resolve_query.c ---- */

int proa__pool_init(struct resolver_pool *pool, int max);

/* Joins the threads; queries that none had taken yet are freed. */
void proa__pool_fini(struct resolver_pool *pool);

/* Begin to look q->host up; proa__resolver_answer comes later, never from inside. Takes q on
 * success only. */
int proa__query_start(struct query *q);

void proa__query_free(struct query *q);
void proa__answer_unref(struct answer *a);

/* ---- resolve.c ---- */

/* Through the cache, waiting if need be: a reference to the answer for a host in lower case, or for
 * NAME_MARK and a numeric address. `r` NULL is the loop's own. */
PROA_SUSPENDS int proa__resolver_ask(struct proa_resolver *r, struct answer **ret,
                                     struct proa_str key);

/* On the loop: q->answer is complete. */
void proa__resolver_answer(struct query *q);

#endif
