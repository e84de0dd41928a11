#ifndef PROA_STREAM_SERVER_H
#define PROA_STREAM_SERVER_H

/*
 * stream server: a task for each connection that comes.
 */

#include <proa/addr.h>
#include <proa/defs.h>
#include <proa/listener.h>
#include <proa/stream.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

PROA_BEGIN_DECLS

/* Listeners, and the connections that came from them, each with a task that runs the handler. */
struct proa_stream_server;

/**
 * Talks to one client. Runs as a task of its own, of the loop's root group.
 *
 * The stream is the server's, which closes it when the handler returns: in order after a success
 * or a cancel of the server's, at once after a failure. So the handler must not, unless it has
 * taken the stream out (proa_stream_server_detach): that stops the program. A failure is a fault
 * (<proa/fault.h>), unless it says that the client has left (PROA_ECONNRESET, PROA_EPIPE,
 * PROA_ECONNTIMEDOUT), which is only logged for debugging.
 */
typedef int proa_serve_fn(struct proa_stream *s, void *arg);

/**
 * Makes another stream over the one that was accepted, such as a TLS stream: proa_tls_server has
 * this shape. It takes `lower`, whatever it returns. Cancelled, it should reset it (proa_abort), as
 * proa_tls_server does: the server may be aborting its connections.
 */
typedef int proa_wrap_fn(struct proa_stream **ret, struct proa_stream *lower_steal, void *arg);

struct proa_stream_server_opts {
    size_t size;
    size_t limit;       /* connections at once, beyond which it accepts no more until one ends; 0:
                           10,000; PROA_UNLIMITED: none */
    proa_wrap_fn *wrap; /* run in the connection's task before the handler; a failure ends that
                           connection and is logged for debugging */
    void *wrap_arg;
    int64_t wrap_timeout; /* how long that may take; 0: 60 s */
    size_t stack_size;    /* of the handlers; 0: as any task's */
    bool start_later;     /* listen, but accept only after proa_stream_server_start */
};
#define PROA_STREAM_SERVER_OPTS(...) PROA_OPTS(proa_stream_server_opts, __VA_ARGS__)

/** How far proa_stream_server_stop goes at once. */
enum proa_stop_mode {
    PROA_STOP_DRAIN = 0,  /* let the handlers end by themselves */
    PROA_STOP_CANCEL = 1, /* cancel them; their clients read an end */
    PROA_STOP_ABORT = 2,  /* and reset the connections: nothing more is sent */
};

/**
 * Listen on a host and port, and run fn(stream, arg) for each connection.
 *
 * The host is as for proa_listen_tcp, with its default options; for others, make the listener, and
 * the server by proa_stream_server_new.
 *
 * Suspends:     as proa_listen_tcp.
 * Errors:       as proa_listen_tcp and proa_stream_server_new.
 * Ownership:    *ret is the caller's; `arg` must live as long as a handler runs.
 * Cancellation: nothing listens.
 */
PROA_API PROA_SUSPENDS int proa_start_server(struct proa_stream_server **ret, const char *host,
                                             int port, proa_serve_fn *fn, void *arg,
                                             const struct proa_stream_server_opts *opts);

/**
 * The same on a UNIX socket.
 *
 * Suspends:     as proa_listen_unix.
 * Errors:       as proa_listen_unix and proa_stream_server_new.
 * Ownership:    *ret is the caller's; `arg` must live as long as a handler runs.
 * Cancellation: nothing listens.
 */
PROA_API PROA_SUSPENDS int proa_start_unix_server(struct proa_stream_server **ret, const char *path,
                                                  proa_serve_fn *fn, void *arg,
                                                  const struct proa_stream_server_opts *opts);

/**
 * Make a server that has no listener yet.
 *
 * Errors:       PROA_EINVAL (a stack as no task may have, a negative time), PROA_E2BIG,
 *               PROA_ENOMEM.
 * Ownership:    *ret is the caller's; `arg` must live as long as a handler runs.
 */
PROA_API int proa_stream_server_new(struct proa_stream_server **ret, proa_serve_fn *fn, void *arg,
                                    const struct proa_stream_server_opts *opts);

/**
 * Give a server one more listener.
 *
 * Errors:       PROA_ECLOSED (the server was closed), PROA_EBUSY (a task waits in proa_accept),
 *               PROA_ENOMEM.
 * Ownership:    takes the listener, on success and on failure.
 */
PROA_API int proa_stream_server_add_steal(struct proa_stream_server *server,
                                          struct proa_listener *listener);

/**
 * Serve a connection that came by another way than a listener: an accepted socket, a pipe's end.
 *
 * Errors:       PROA_ECLOSED (the server was closed), PROA_EAGAIN (it has as many as it may),
 *               PROA_ENOMEM.
 * Ownership:    takes the stream, on success and on failure.
 */
PROA_API int proa_stream_server_add_stream_steal(struct proa_stream_server *server,
                                                 struct proa_stream *s);

/**
 * Accept from now on, after .start_later. Twice is no error.
 *
 * Errors:       PROA_ECLOSED (the server was closed), PROA_EBUSY (a task waits in proa_accept).
 */
PROA_API int proa_stream_server_start(struct proa_stream_server *server);

/** Whether it accepts: started and not closed. */
PROA_API bool proa_stream_server_is_serving(const struct proa_stream_server *server);

/**
 * The `i`th address that is listened on, of all listeners in their order.
 *
 * Errors:       PROA_ENOENT (there are not so many; none after a close).
 */
PROA_API int proa_stream_server_address(const struct proa_stream_server *server, size_t i,
                                        struct proa_addr *ret);

/** The TCP port of the first listener; -1 for UNIX sockets, and after a close. */
PROA_API int proa_stream_server_port(const struct proa_stream_server *server);

/** Number of connections whose handler has not ended. */
PROA_API size_t proa_stream_server_clients(const struct proa_stream_server *server);

/**
 * Write what a server is into `buf`: "stream server 0x55d1c0, serving, 3 of 10000 connections, at
 * 127.0.0.1:8080". Returns the length of that, which may be more than fits, as snprintf does.
 *
 * It is "not started", "serving", "full" (at its limit), "out of descriptors", "closing" (closed,
 * with connections left) or "closed". Tasks that wait for its end are counted: "2 wait".
 */
PROA_API int proa_stream_server_describe(const struct proa_stream_server *server, char *buf,
                                         size_t n);

/**
 * Take a stream out of the server, which does not close it any more: for a handler that makes
 * another of it, or hands it on.
 *
 * Errors:       PROA_ENOENT (no handler of this server has it).
 * Ownership:    the stream is the caller's.
 */
PROA_API int proa_stream_server_detach(struct proa_stream_server *server, struct proa_stream *s);

/**
 * Stop listening. Connections live on. Twice is nothing.
 */
PROA_API void proa_stream_server_close(struct proa_stream_server *server);

/**
 * Cancel the handlers that run now; their streams are closed when they have ended, and their
 * clients read an end. Listening goes on.
 */
PROA_API void proa_stream_server_cancel_clients(struct proa_stream_server *server);

/**
 * Abort the connections that there are now: calls on their streams fail, nothing more is sent, the
 * handlers are cancelled. Listening goes on.
 */
PROA_API void proa_stream_server_abort_clients(struct proa_stream_server *server);

/**
 * Wait until the server is closed and its last handler has ended. Not to be called by a handler,
 * which would wait for itself.
 *
 * Suspends:     yes, unless that is so.
 * Errors:       PROA_ECANCELED, PROA_ECLOSED (it was freed meanwhile).
 * Cancellation: safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_stream_server_wait_closed(struct proa_stream_server *server);

/**
 * Accept, and wait until the server is closed and its last handler has ended.
 *
 * A cancel is passed on as by proa_stream_server_stop with PROA_STOP_CANCEL.
 *
 * Suspends:     yes.
 * Errors:       PROA_ECANCELED, PROA_ECLOSED (it was closed before, or freed meanwhile),
 *               PROA_EBUSY (a task waits in proa_accept).
 * Cancellation: the server is closed, and no handler runs any more.
 */
PROA_API PROA_SUSPENDS int proa_stream_server_serve_forever(struct proa_stream_server *server);

/**
 * Stop in order: accept no more, wait for the handlers, cancel them, abort them.
 *
 * PROA_STOP_DRAIN waits for at most `grace`, then cancels; cancelled handlers have 5 s.
 * PROA_STOP_CANCEL begins with that, and gives them `grace`. PROA_STOP_ABORT begins with the last
 * step. When it returns no handler runs. Not to be called by a handler, which would wait for
 * itself; several tasks may call it, and each step is taken when the first of them comes to it.
 *
 * Suspends:     yes, until the last handler has ended.
 * Errors:       PROA_ETIMEDOUT (a further step was needed than the one begun with),
 *               PROA_ECANCELED, PROA_EINVAL (`mode`), PROA_ECLOSED (it was freed meanwhile).
 * Cancellation: the waiting for handlers to end by themselves is cut short, and so is that for
 *               cancelled ones once it has taken 5 s; each step is taken all the same.
 */
PROA_API PROA_SUSPENDS int proa_stream_server_stop(struct proa_stream_server *server,
                                                   enum proa_stop_mode mode, int64_t grace);

/**
 * Free a server at once: closes it and aborts its connections, whose handlers are cancelled and end
 * later by themselves. Tasks that wait for its end get PROA_ECLOSED. NULL is no server.
 *
 * Ownership:    takes the server.
 */
PROA_API void proa_stream_server_free(struct proa_stream_server *server);

PROA_DEFINE_AUTO(proa_stream_server, proa_stream_server_free);

PROA_END_DECLS

#endif
