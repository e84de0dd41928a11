#ifndef PROA_RESOLVE_H
#define PROA_RESOLVE_H

/*
 * resolve: from host names to addresses.
 */

#include <proa/addr.h>
#include <proa/defs.h>

#include <stddef.h>
#include <stdint.h>

PROA_BEGIN_DECLS

/* A list of addresses, in the order in which to try them. The empty value ({0}) is an empty list.
 */
struct proa_addrs {
    struct proa_addr *a;
    size_t n;
};

/**
 * Give back the addresses of a list.
 */
PROA_API void proa_addrs_fini(struct proa_addrs *addrs);

PROA_DEFINE_AUTO_VALUE(proa_addrs, proa_addrs_fini);

/**
 * Append an address to a list.
 *
 * Errors:       PROA_ENOMEM.
 */
PROA_API int proa_addrs_add(struct proa_addrs *addrs, const struct proa_addr *addr);

/**
 * Looks `host` up: adds its addresses (ports are set by the caller) to `ret`. Runs as a task and
 * may suspend. `host` is in lower case and no number, but may be "localhost".
 *
 * 0, or a negative code.
 */
typedef int proa_resolve_fn(void *arg, struct proa_addrs *ret, const char *host);

struct proa_resolver_opts {
    size_t size;
    proa_resolve_fn *fn; /* NULL: getaddrinfo in threads of the resolver's own */
    void *arg;
    int64_t ttl;          /* how long an answer is kept; 0: 10 s; less than 0: nothing is kept */
    int64_t negative_ttl; /* how long "no such name" is kept; 0: 1 s, which is also the most; less
                             than 0: not kept */
    size_t max_entries;   /* names kept; 0: 1000; the least recently used goes first */
    int threads;          /* look-ups at the same time; 0: 4 */
};
#define PROA_RESOLVER_OPTS(...) PROA_OPTS(proa_resolver_opts, __VA_ARGS__)

/* Looks names up and keeps the answers for a while. Belongs to one loop. */
struct proa_resolver;

/**
 * Make a resolver of one's own; most programs use the loop's (NULL where a resolver is asked for).
 *
 * Errors:       PROA_ENOMEM, PROA_EINVAL, PROA_E2BIG.
 * Ownership:    *ret is the caller's.
 */
PROA_API int proa_resolver_new(struct proa_resolver **ret, const struct proa_resolver_opts *opts);

/**
 * Free a resolver. Look-ups in progress are abandoned; tasks waiting for them get PROA_ECLOSED.
 * NULL is none.
 *
 * Waits for its threads, which a look-up may hold for as long as the system's resolver takes.
 */
PROA_API void proa_resolver_free(struct proa_resolver *resolver);

PROA_DEFINE_AUTO(proa_resolver, proa_resolver_free);

/**
 * Find the addresses of a host, all with port `port`. Numeric addresses are answered at once.
 *
 * So are "localhost" and all names that end in ".localhost", with ::1 and 127.0.0.1 and whatever
 * the system's files and name servers say (RFC 6761, section 6.3); only a resolver with a function
 * of its own is asked for them too.
 *
 * Tasks that ask for the same name at the same time share one look-up, which goes on when one of
 * them is cancelled. `family` is AF_INET, AF_INET6 or 0 for both. `resolver` NULL is the loop's
 * own.
 *
 * Suspends:     yes, unless the answer is known.
 * Errors:       PROA_ECANCELED, PROA_ENOHOST (no such name, or no address of that family),
 *               PROA_ERESOLVEAGAIN (try later), PROA_ERESOLVE, PROA_EINVAL (no host name, or a port
 *               outside 0 to 65535), PROA_ECLOSED (the resolver was freed), PROA_ENOMEM.
 * Ownership:    *ret, empty before, is the caller's (proa_addrs_fini).
 * Cancellation: safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_resolve(struct proa_resolver *resolver, struct proa_addrs *ret,
                                        const char *host, int port, int family);

/* Room for the longest host name and its NUL. */
#define PROA_HOST_TEXT 256

/**
 * Find the name of the host that has an IP address, as the system's files and name servers say.
 *
 * The port of the address does not matter. Answers are kept, and equal questions are one, as with
 * proa_resolve; a resolver with a function of its own asks the system here. Whoever owns an address
 * says what its name is: believe it only if proa_resolve of the name has the address again.
 *
 * Suspends:     yes, unless the answer is known.
 * Errors:       PROA_ECANCELED, PROA_ENOHOST (it has no name), PROA_ERESOLVEAGAIN (try later),
 *               PROA_ERESOLVE, PROA_EINVAL (no IP address), PROA_ECLOSED (the resolver was freed),
 *               PROA_ENOMEM.
 * Cancellation: safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_resolve_name(struct proa_resolver *resolver,
                                             char ret[PROA_HOST_TEXT],
                                             const struct proa_addr *addr);

PROA_END_DECLS

#endif
