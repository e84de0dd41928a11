#ifndef NET_SERVING_H
#define NET_SERVING_H

/*
 * serving: a stream server under test, its handlers and its clients.
 */

#include "net/pair.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/stream_server.h>

#include <stdbool.h>

/* The server of the test that runs, and what its handlers have seen. */
struct scene {
    struct proa_stream_server *server;
    int began; /* handlers */
    int ended;
    int rc; /* of the last one */
    int faults;
    int fault_rc;
    char fault[200]; /* "task: detail" */
};
extern struct scene scene;

/* A scene of nothing, with a server of `fn` on a free port, or without a listener. */
void open_scene(proa_serve_fn *fn, const struct proa_stream_server_opts *opts);
void open_scene_inside(proa_serve_fn *fn, const struct proa_stream_server_opts *opts);

/* Free the server, and let its handlers end. */
void close_scene(void);

/* A client of that server, by its port, or over a pair whose far end the server has. */
int new_peer(void);
struct proa_stream *new_client(const struct pair_opts *opts);

/* Handlers: gives back what it reads until the end; answers 1 MB that nobody reads; waits a minute
 * or a cancel; the same, and has 20 s of shielded last words. */
int echo(struct proa_stream *s, void *arg);
int flood(struct proa_stream *s, void *arg);
int linger(struct proa_stream *s, void *arg);
int stubborn(struct proa_stream *s, void *arg);

#endif
