#ifndef PROA_DATAGRAM_H
#define PROA_DATAGRAM_H

/*
 * datagram: messages that arrive whole or not at all, over UDP and UNIX datagram sockets.
 *
 *     PROA_AUTO(proa_dgram) *d = NULL;
 *     struct proa_addr from;
 *     int rc = proa_udp_bind(&d, "127.0.0.1", 5353, NULL);
 *     while (rc >= 0 && (n = rc = proa_dgram_receive(d, query, sizeof query, &from)) >= 0)
 *         rc = proa_dgram_send(d, answer, answer_to(query, n), &from);
 *
 * Any number of tasks may send and receive at the same time; each call is about one datagram (or
 * one batch), and who waited first goes first. What the network says of an earlier datagram (a
 * port where nobody listens: PROA_ECONNREFUSED) is told once, by the next call of a connected
 * socket; the socket stays usable.
 */

#include <proa/addr.h>
#include <proa/defs.h>

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

PROA_BEGIN_DECLS

/** A datagram socket. It belongs to the thread of the loop it was made on. */
struct proa_dgram;

/** How a datagram socket is opened; zero is the default everywhere. */
struct proa_dgram_opts {
    size_t size;
    const struct proa_addr *local;  /* proa_dgram_open: our address; NULL: the system chooses */
    const struct proa_addr *remote; /* proa_dgram_open: the only peer; NULL: any */
    bool reuse_port;                /* several sockets share the address, each gets its part */
    bool broadcast;                 /* may send to broadcast addresses */
    int receive_buffer;             /* bytes that the kernel holds for us; 0: its default */
    int send_buffer;                /* bytes on their way out; 0: its default */
    struct proa_resolver *resolver; /* proa_udp_*: NULL: the loop's own */
    int family;                     /* proa_udp_*: AF_INET or AF_INET6 only; 0: both */
};

/** Options of the calls that open one, for example PROA_DGRAM_OPTS(.broadcast = true). */
#define PROA_DGRAM_OPTS(...) PROA_OPTS(proa_dgram_opts, __VA_ARGS__)

/**
 * Open a datagram socket: bound to .local, connected to .remote, at least one of them.
 *
 * A file at the path of a local UNIX address is not replaced; free removes the one that was made.
 *
 * Errors:       PROA_EINVAL (no address, or of two families), PROA_EADDRINUSE,
 *               PROA_EADDRNOTAVAIL, PROA_EACCES and what else the system says; PROA_E2BIG,
 *               PROA_EMFILE, PROA_ENOMEM.
 * Ownership:    the caller frees it with proa_dgram_free.
 */
PROA_API int proa_dgram_open(struct proa_dgram **ret, const struct proa_dgram_opts *opts);

/**
 * Open a UDP socket at `host`, a name or a numeric address, and `port`; 0: a free one.
 *
 * The first address of the name that can be had. "" or NULL is all IPv4 addresses.
 *
 * Suspends:     to look a name up.
 * Errors:       as proa_resolve and proa_dgram_open.
 * Ownership:    the caller frees it with proa_dgram_free.
 * Cancellation: safe to retry; nothing stays open.
 */
PROA_API PROA_SUSPENDS int proa_udp_bind(struct proa_dgram **ret, const char *host, int port,
                                         const struct proa_dgram_opts *opts);

/**
 * Open a UDP socket that talks to `host` and `port` only: sends need no address, and what others
 * send is not received.
 *
 * The first address of the name that there is a way to. Nothing is sent.
 *
 * Suspends:     to look a name up.
 * Errors:       as proa_resolve and proa_dgram_open.
 * Ownership:    the caller frees it with proa_dgram_free.
 * Cancellation: safe to retry; nothing stays open.
 */
PROA_API PROA_SUSPENDS int proa_udp_connect(struct proa_dgram **ret, const char *host, int port,
                                            const struct proa_dgram_opts *opts);

/**
 * Make one of a descriptor, which is made non-blocking.
 *
 * Errors:       PROA_EINVAL (no datagram socket), PROA_EBADF, PROA_ENOTSOCK, PROA_ENOMEM.
 * Ownership:    takes `fd` on success only.
 */
PROA_API int proa_dgram_from_fd(struct proa_dgram **ret, int fd);

/**
 * Close and free a socket that no task waits on. NULL is nothing.
 */
PROA_API void proa_dgram_free(struct proa_dgram *d);

PROA_DEFINE_AUTO(proa_dgram, proa_dgram_free);

/**
 * Send one datagram of `n` bytes, which may be 0, to `to`; NULL: to the connected peer.
 *
 * Suspends:     while the system has no room for it.
 * Errors:       PROA_ECANCELED, PROA_EMSGSIZE (more than one datagram can hold), PROA_EDESTADDRREQ
 *               (no address), PROA_EISCONN (another address than the peer's), PROA_ECONNREFUSED
 *               (an earlier one), PROA_EACCES (broadcast not asked for), and the system's others.
 * Cancellation: nothing was sent.
 */
PROA_API PROA_SUSPENDS int proa_dgram_send(struct proa_dgram *d, const void *bytes, size_t n,
                                           const struct proa_addr *to);

/**
 * Receive one datagram of at most `n` bytes; *from, which may be NULL, is who sent it.
 *
 * Returns the number of bytes, which may be 0: there is no end of stream. A larger datagram is
 * PROA_EMSGSIZE, its first `n` bytes are in `buf`, and the rest is lost.
 *
 * Suspends:     yes, unless one is there.
 * Errors:       PROA_ECANCELED, PROA_EMSGSIZE, PROA_ECONNREFUSED (what we sent earlier), and the
 *               system's others.
 * Cancellation: nothing was received; safe to retry.
 */
PROA_API PROA_SUSPENDS ssize_t proa_dgram_receive(struct proa_dgram *d, void *buf, size_t n,
                                                  struct proa_addr *from);

/** One datagram of a batch. */
struct proa_datagram {
    void *bytes;           /* to send, or room to receive */
    size_t n;              /* how many; receive: how many came */
    struct proa_addr addr; /* where to, len 0: to the peer; receive: from whom */
    bool cut;              /* receive: it was larger than its room */
};

/** Most datagrams of one batch; of a longer one the first so many are moved. */
#define PROA_DGRAM_BATCH 16

/**
 * Receive up to `count` datagrams with one system call, waiting for the first; how many came.
 *
 * Each entry says where its bytes go and how much room there is, and is filled in as it comes.
 *
 * Suspends:     yes, unless one is there.
 * Errors:       as proa_dgram_receive, without PROA_EMSGSIZE; PROA_EINVAL (count 0).
 * Cancellation: nothing was received; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_dgram_receive_batch(struct proa_dgram *d,
                                                    struct proa_datagram *batch, size_t count);

/**
 * Send up to `count` datagrams with one system call; how many left, the first ones.
 *
 * Suspends:     while the system has no room for the first.
 * Errors:       as proa_dgram_send, of the first; PROA_EINVAL (count 0).
 * Cancellation: nothing was sent.
 */
PROA_API PROA_SUSPENDS int proa_dgram_send_batch(struct proa_dgram *d,
                                                 const struct proa_datagram *batch, size_t count);

/**
 * Our address.
 *
 * Errors:       the system's.
 */
PROA_API int proa_dgram_local(const struct proa_dgram *d, struct proa_addr *ret);

/**
 * The peer's address.
 *
 * Errors:       PROA_ENOTCONN (it is not connected).
 */
PROA_API int proa_dgram_peer(const struct proa_dgram *d, struct proa_addr *ret);

/**
 * Write what a socket is into `buf`: "datagram socket 0x55d1c0, 127.0.0.1:5353 to 192.0.2.1:53,
 * descriptor 7, 1 receive". Returns the length of that, which may be more than fits, as snprintf
 * does.
 *
 * " to" is only said of a connected one; a UNIX socket without a name is "unnamed". Tasks that wait
 * to receive and to send are counted.
 */
PROA_API int proa_dgram_describe(const struct proa_dgram *d, char *buf, size_t n);

/** The descriptor, for setsockopt and the like. */
PROA_API int proa_dgram_fd(const struct proa_dgram *d);

PROA_END_DECLS

#endif
