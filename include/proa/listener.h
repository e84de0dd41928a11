#ifndef PROA_LISTENER_H
#define PROA_LISTENER_H

/*
 * listener: accepting connections over TCP and UNIX sockets.
 */

#include <proa/addr.h>
#include <proa/defs.h>
#include <proa/stream.h>

#include <stdbool.h>
#include <stddef.h>

PROA_BEGIN_DECLS

/* One or more listening sockets (one per address of the host) with a common queue of takers. */
struct proa_listener;

struct proa_listen_opts {
    size_t size;
    int backlog;     /* connections the kernel keeps ready; 0: 1024 */
    int mode;        /* UNIX: permission bits of the socket's file; 0: what umask leaves */
    bool reuse_port; /* TCP: let other sockets listen on the same port (SO_REUSEPORT) */
    bool keep_file;  /* UNIX: leave the file when the listener is freed */
    bool nagle;      /* TCP: leave Nagle's algorithm on in accepted streams */
};
#define PROA_LISTEN_OPTS(...) PROA_OPTS(proa_listen_opts, __VA_ARGS__)

/**
 * Listen for TCP connections on an address of this machine.
 *
 * `host` is a numeric address or a name of this machine, or several with commas between them; NULL
 * or "" is every IPv4 and IPv6 address. An address that comes twice is listened on once, and one
 * that this machine does not have is passed over as long as another one remains; 8 at most.
 * Port 0 is a free port, the same for all addresses of the host. In a worker of proa_main the
 * socket comes from the parent, which keeps it.
 *
 * Suspends:     to look up a name, and in a worker.
 * Errors:       PROA_ECANCELED, PROA_EADDRINUSE, PROA_EADDRNOTAVAIL, PROA_EACCES, PROA_EINVAL,
 *               PROA_E2BIG, PROA_ENOHOST and its like, PROA_EMFILE, PROA_ENOMEM. The detail names
 *               the address.
 * Ownership:    *ret is the caller's.
 */
PROA_API PROA_SUSPENDS int proa_listen_tcp(struct proa_listener **ret, const char *host, int port,
                                           const struct proa_listen_opts *opts);

/**
 * Listen on a UNIX socket; a path that begins with '@' is abstract.
 *
 * A socket file that nobody listens on is replaced; any other file there is PROA_EADDRINUSE.
 * Freeing removes the file if it is still ours.
 *
 * Suspends:     in a worker of proa_main.
 * Errors:       PROA_ECANCELED, PROA_EADDRINUSE, PROA_ENOENT, PROA_EACCES, PROA_EINVAL,
 *               PROA_ENAMETOOLONG, PROA_E2BIG, PROA_ENOMEM.
 * Ownership:    *ret is the caller's.
 */
PROA_API PROA_SUSPENDS int proa_listen_unix(struct proa_listener **ret, const char *path,
                                            const struct proa_listen_opts *opts);

/**
 * Listen on a descriptor that is bound and listening already (handed over by a supervisor).
 *
 * Errors:       PROA_EINVAL (not listening), PROA_EBADF, PROA_ENOMEM.
 * Ownership:    takes `fd` on success only.
 */
PROA_API int proa_listen_fd(struct proa_listener **ret, int fd,
                            const struct proa_listen_opts *opts);

/**
 * Take the next connection. Takers are served in the order they came.
 *
 * When the process is out of descriptors the waiting goes on: one connection is refused at a time,
 * and it is logged.
 *
 * Suspends:     yes, unless a connection is there.
 * Errors:       PROA_ECANCELED, PROA_ECLOSED (the listener was freed), PROA_EBUSY (a callback takes
 *               the connections).
 * Ownership:    *ret is the caller's.
 * Cancellation: safe to retry; no connection is lost.
 */
PROA_API PROA_SUSPENDS int proa_accept(struct proa_listener *listener, struct proa_stream **ret);

/**
 * Stop listening. Tasks in proa_accept get PROA_ECLOSED; accepted streams live on. NULL is no
 * listener.
 */
PROA_API void proa_listener_free(struct proa_listener *listener);

PROA_DEFINE_AUTO(proa_listener, proa_listener_free);

/**
 * The `i`th address that is listened on, with its real port.
 *
 * Errors:       PROA_ENOENT (there are not so many).
 */
PROA_API int proa_listener_address(struct proa_listener *listener, size_t i, struct proa_addr *ret);

/** The TCP port that is listened on; -1 for UNIX sockets. */
PROA_API int proa_listener_port(struct proa_listener *listener);

/**
 * Write what a listener is into `buf`: its addresses, how many tasks accept, whether it is paused
 * or out of descriptors. Returns the length of that, which may be more than fits, as snprintf does.
 */
PROA_API int proa_listener_describe(const struct proa_listener *listener, char *buf, size_t n);

PROA_END_DECLS

#endif
