#ifndef PROA_TCP_H
#define PROA_TCP_H

/*
 * tcp: connecting over TCP.
 */

#include <proa/addr.h>
#include <proa/defs.h>
#include <proa/stream.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

PROA_BEGIN_DECLS

struct proa_resolver;

/**
 * Makes a stream to `addr`, in place of the system's connect: through a tunnel, or as a test has
 * it. Runs as a task for each attempt and may suspend; cancelled when another one has won.
 */
typedef int proa_connect_fn(void *arg, struct proa_stream **ret, const struct proa_addr *addr);

/** An attempt that failed. */
struct proa_connect_error {
    struct proa_addr addr;
    int rc;
};

struct proa_tcp_opts {
    size_t size;
    int64_t attempt_delay; /* between attempts on further addresses; 0: 250 ms; kept within 10 ms
                              and 2 s */
    const char *local_ip;  /* numeric address to connect from; NULL: the kernel chooses */
    int local_port;        /* 0: any */
    struct proa_resolver *resolver; /* NULL: the loop's own */
    int family;                     /* AF_INET or AF_INET6 only; 0: both */
    bool nagle;                     /* leave Nagle's algorithm on (TCP_NODELAY is the default) */
    proa_connect_fn *connector;     /* NULL: sockets; the options about them are not for it */
    void *connector_arg;
    struct proa_connect_error *errors; /* gets the attempts that failed, in the order of trying, as
                                          many as there is room for; whatever is returned */
    size_t max_errors;                 /* that room */
    size_t *ret_errors;                /* how many failed in all */
};
#define PROA_TCP_OPTS(...) PROA_OPTS(proa_tcp_opts, __VA_ARGS__)

/**
 * Connect to a host by name or numeric address.
 *
 * All addresses of the name are tried, the families in turn, a further one every attempt_delay or
 * at once when one fails; the first that answers wins and the others are closed (RFC 8305). The
 * detail of a failure lists each attempt, and so does .errors.
 *
 * Suspends:     yes.
 * Errors:       PROA_ECANCELED, PROA_ENOHOST, PROA_ERESOLVEAGAIN, PROA_ERESOLVE (looking up),
 *               PROA_ECONNREFUSED, PROA_ECONNTIMEDOUT, PROA_ENETUNREACH and the system's others
 *               (the last attempt's), PROA_EINVAL (port, option), PROA_E2BIG, PROA_ENOMEM.
 * Ownership:    *ret is the caller's.
 * Cancellation: safe to retry; nothing stays open.
 */
PROA_API PROA_SUSPENDS int proa_tcp_connect(struct proa_stream **ret, const char *host, int port,
                                            const struct proa_tcp_opts *opts);

/**
 * Connect to one address, TCP or UNIX.
 *
 * Suspends:     yes.
 * Errors:       as proa_tcp_connect, without the looking up.
 * Ownership:    *ret is the caller's.
 * Cancellation: safe to retry; nothing stays open.
 */
PROA_API PROA_SUSPENDS int proa_addr_connect(struct proa_stream **ret, const struct proa_addr *addr,
                                             const struct proa_tcp_opts *opts);

PROA_END_DECLS

#endif
