#ifndef NET_STREAM_SERVER_H
#define NET_STREAM_SERVER_H

/*
 * stream_server: a task for each connection that comes, and the end of all of them.
 *
 *   new --start--> serving --close--> closed --last handler ends--> over: who waits is woken
 *                     \--limit--> full: listeners paused --one ends--> serving
 *
 * Connections come by the listeners' callbacks, so nobody holds a stack while none come. Each has a
 * record here and a task in the root group; the handler runs inside a scope that only this server
 * cancels, so that a handler which the server cancelled has not failed.
 *
 * A server that is freed while handlers run has no user any more; its last handler frees the
 * memory.
 *
 * stream_server.c has its life and the connections', stream_server_stop.c the ways to end them.
 * Floor: net.
 */

#include "base/list.h"

#include <proa/stream_server.h>

#define MAGIC_STREAM_SERVER 0x73737276u /* "ssrv" */

struct proa_scope;
struct proa_task;
struct view;

struct served_listener {
    struct list link;
    struct proa_listener *l;
};

struct served {
    struct list link; /* in the server's conns */
    struct proa_stream_server *server;
    struct proa_stream *s;    /* NULL: being wrapped, or detached, or closed */
    struct proa_scope *scope; /* around the handler while it runs */
    struct proa_task *task;   /* that runs it */
    bool cancelled;           /* also before it runs */
    bool aborted;             /* also while it has no stream yet */
    char peer[64];            /* for messages; a longer path is cut */
};

struct proa_stream_server {
    unsigned magic;
    bool started;
    bool closed;
    bool full;  /* at the limit: the listeners are paused */
    bool freed; /* by its user; the last handler frees the memory */
    struct proa_loop *loop;
    proa_serve_fn *fn;
    void *arg;
    struct proa_stream_server_opts o;
    struct list listeners; /* struct served_listener, in the order they were added */
    struct list conns;     /* struct served, oldest first */
    size_t n_conns;
    uint64_t turned_away;
    int64_t logged;      /* when that was; 0: never */
    struct list waiters; /* struct wait, of who waits for the end */
    struct list callers; /* struct caller, of the calls that they are in */
};

/* Stops the program if it was freed, or this is another thread. */
void proa__stream_server_check(const struct proa_stream_server *server, const char *call);

/* Tell those who wait for the end, if this is it. */
void proa__stream_server_maybe_over(struct proa_stream_server *server);

/* Add what it is. */
void proa__stream_server_describe(const void *server, struct view *v);

/* Give the memory back; no connection is left. */
void proa__stream_server_dispose(struct proa_stream_server *server);

#endif
