#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

/*
 * server: what all connections of one served app share.
 *
 * A server lives in a task of its own, which opens the group that all handlers run in and
 * carries out the stop:
 *
 *   serving --stop--> draining --all gone, or .drain over--> cancelling --handlers ended--> done
 *
 * Its memory is counted: the holder (proa_server_free, or proa_app_serve) and the task.
 *
 * Floor: server.
 */

#include "base/list.h"
#include "base/map.h"
#include "http/limits.h"
#include "http/writer.h"
#include "server/counts.h"

#include <proa/app.h>
#include <proa/group.h>
#include <proa/server.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exchange;
struct proa_event;
struct proa_listener;
struct proa_loop;
struct proa_tls_ctx;
struct router;

struct proa_app {
    unsigned magic;
    int error; /* the first failure of the building */
    char *detail;
    struct router *router;
    size_t max_body;
    bool no_gzip;
    size_t servers; /* that use it now */
};

/* One listening address. */
struct site {
    struct proa_server *server;
    struct proa_listener *listener;
    struct proa_tls_ctx *tls; /* a reference; NULL: plain */
    char *url;
};

enum server_phase { SERVER_SERVING, SERVER_DRAINING, SERVER_CANCELLING, SERVER_DONE };

struct proa_server {
    unsigned magic;
    unsigned refs;
    enum server_phase phase;
    bool paused; /* the connection limit is reached */
    bool freed;  /* by its user; its task, and what runs, goes on with it */
    struct proa_app *app;
    struct proa_loop *loop;
    struct proa_server_opts opts; /* with defaults filled in */
    struct http_limits limits;
    char *name;               /* opts.server_name, ours */
    struct proa_group *group; /* of the handlers; NULL before the task runs and after its join */
    struct proa_event *stop;  /* set: the task begins to drain */
    struct proa_event *empty; /* set: no connection is left */
    struct proa_event *done;  /* set: the task has ended */
    int64_t drain;            /* how long draining may take */
    int result;               /* of the stop: 0 or PROA_ETIMEDOUT */
    struct site *sites;
    size_t n_sites;
    struct list conns; /* struct conn, all */
    size_t n_conns;
    struct list spare; /* struct exchange, unused */
    size_t n_spare;
    struct map addresses; /* text of an address -> struct address; only with max_per_address */
    struct date_cache date;
    int counts[SERVER_COUNTS_N]; /* handles */
};

#define MAGIC_APP 0x70726f41u
#define MAGIC_SERVER 0x70726f53u

/* Fill in defaults and the limits that follow from the options; copy and check the rest.
 * PROA_EINVAL, PROA_ENOMEM. */
int proa__server_settings(struct proa_server *server);

/* Stops the program if it was freed, or this is another thread. */
void proa__server_check(const struct proa_server *server, const char *call);

/* A connection is gone: accept again, or the drain is over. */
void proa__server_conn_gone(struct proa_server *server);

/* The Date field's text now. Valid until: the next second. */
struct proa_str proa__server_date(struct proa_server *server);

/* Count one more connection from an address against max_per_address; false: too many. And back. */
bool proa__server_admit(struct proa_server *server, struct proa_str address);
void proa__server_dismiss(struct proa_server *server, struct proa_str address);

/* Count n more of something. */
static inline void proa__server_count(const struct proa_server *server, enum server_count which,
                                      int64_t n)
{
    proa_counter_add(server->counts[which], n);
}

#endif
