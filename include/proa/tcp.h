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

struct proa_tcp_opts {
    size_t size;
    int64_t attempt_delay; /* between attempts on further addresses; 0: 250 ms; kept within 10 ms
                              and 2 s */
    const char *local_ip;  /* numeric address to connect from; NULL: the kernel chooses */
    int local_port;        /* 0: any */
    struct proa_resolver *resolver; /* NULL: the loop's own */
    int family;                     /* AF_INET or AF_INET6 only; 0: both */
    bool nagle;                     /* leave Nagle's algorithm on (TCP_NODELAY is the default) */
};
#define PROA_TCP_OPTS(...) PROA_OPTS(proa_tcp_opts, __VA_ARGS__)

/**
 * Connect to a host by name or numeric address.
 *
 * All addresses of the name are tried, the families in turn, a further one every attempt_delay or
 * at once when one fails; the first that answers wins and the others are closed (RFC 8305). The
 * detail of a failure lists each attempt.
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
