#ifndef CLIENT_CONN_POOL_H
#define CLIENT_CONN_POOL_H

/*
 * conn_pool: the connections of a session, and who may have one.
 *
 *   take:  an idle connection to the same origin, the one used last first
 *          else a place for a new one, if the limits leave one
 *          else the place of the idle connection to another origin that was used longest ago
 *          else wait; whoever waits is served in order, as far as its own origin has room
 *   give:  to the oldest waiter that it can serve: with the connection if that is to his origin,
 *          else with its place; else idle; else closed
 *
 * A place is counted from before the connecting to the close: idle + busy + connecting <= limit, in
 * all and per origin. Nobody waits while something could be had, so who comes new takes nothing
 * from a waiter, and no origin can starve another. An idle connection on which anything happens is
 * closed: no server may say something unasked.
 *
 * All that a session's connections have in common (TLS, names, UNIX path) is the session's, so the
 * key is the origin alone.
 *
 * Floor: client.
 */

#include "base/list.h"
#include "base/map.h"
#include "core/timer.h"
#include "core/wait.h"

#include <proa/str.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct proa_connection;
struct proa_loop;
struct proa_scope;

struct conn_pool {
    struct proa_loop *loop;
    size_t limit;
    size_t limit_per_host;
    int64_t idle_timeout;
    size_t open;         /* places taken */
    struct map hosts;    /* origin -> struct conn_host */
    struct list idle;    /* struct lease, the one used longest ago first */
    struct list busy;    /* struct lease */
    struct list waiters; /* struct conn_waiter by wait.link, oldest first */
    bool closed;
};

struct conn_host {
    size_t open;      /* places taken */
    size_t users;     /* leases and waiters: the entry goes with the last */
    struct list idle; /* struct lease by host_link, the one used last at the end */
    struct proa_str key;
    char text[];
};

/* A place in the pool, with its connection once there is one. */
struct lease {
    struct list link;      /* in pool->busy or pool->idle */
    struct list host_link; /* in host->idle */
    struct conn_pool *pool;
    struct conn_host *host;
    struct proa_connection *c;     /* NULL: the holder is to connect */
    struct proa_scope *connecting; /* cancelled when the pool closes; NULL: not connecting */
    struct timer idle_timer;
};

/*
 * Who waits for one; on his stack. It is in the list by the wait's own link, so a cancel takes it
 * out at once: what is handed to a record in the list arrives.
 */
struct conn_waiter {
    struct wait wait; /* in pool->waiters; slot: struct lease */
    struct conn_host *host;
};

void proa__conn_pool_init(struct conn_pool *pool, struct proa_loop *loop, size_t limit,
                          size_t per_host, int64_t idle_timeout);

/*
 * Get a place for an origin, waiting for it. `fresh`: not an idle connection. 0; PROA_ECANCELED;
 * PROA_ECLOSED; PROA_ENOMEM.
 */
int proa__conn_pool_take(struct conn_pool *pool, struct lease **ret, struct proa_str origin,
                         bool fresh);

/* Give it back; `keep`: the connection may be used again, for at most `idle` ns if that is not 0.
 */
void proa__conn_pool_give(struct lease *lease, bool keep, int64_t idle);

/* From now on nothing can be had: waiters are turned away, busy connections aborted (their holders
 * give them back), connecting is cancelled. Idle ones stay for pop_idle. */
void proa__conn_pool_shut(struct conn_pool *pool);

/* The same, and idle connections are closed. */
void proa__conn_pool_close(struct conn_pool *pool);

/* Take an idle connection out of the pool, to be closed in order; NULL: there is none. */
struct proa_connection *proa__conn_pool_pop_idle(struct conn_pool *pool);

/* All leases were given back. */
void proa__conn_pool_fini(struct conn_pool *pool);

#endif
