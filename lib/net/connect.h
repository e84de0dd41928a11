#ifndef NET_CONNECT_H
#define NET_CONNECT_H

/*
 * connect: one connection out of many addresses (RFC 8305, "Happy Eyeballs").
 *
 *   at 0        first address
 *   at 250 ms   second, of the other family, the first still trying       any that fails: the next
 * at once at 500 ms   third ...                                                 first that answers:
 * the others are closed
 *
 * All attempts are made from callbacks on behalf of the one task that waits, so a cancel of that
 * task ends all of them.
 *
 * Floor: net.
 */

#include <proa/addr.h>
#include <proa/tcp.h>
#include <proa/time.h>

#include <stddef.h>
#include <stdint.h>

/* Between two attempts: as a rule, at least, at most. */
#define CONNECT_DELAY (250 * PROA_MS)
#define CONNECT_DELAY_MIN (10 * PROA_MS)
#define CONNECT_DELAY_MAX (2 * PROA_SEC)

/* Put the addresses in the order of trying: the families in turn, beginning with the first one's.
 */
void proa__connect_interleave(struct proa_addr *a, size_t n);

/* The delay between attempts that an option asks for. */
int64_t proa__connect_delay(int64_t option);

/* Connect to the first of `a` that answers. `name` is for the detail of a failure. */
PROA_SUSPENDS int proa__connect_race(struct proa_stream **ret, const struct proa_addr *a, size_t n,
                                     const char *name, const struct proa_tcp_opts *o);

/* Connect to a UNIX socket. */
PROA_SUSPENDS int proa__unix_connect(struct proa_stream **ret, const struct proa_addr *addr);

#endif
