#ifndef NET_PAIR_H
#define NET_PAIR_H

/*
 * pair: two streams in memory, each the other's far end, with a network between them that can be
 * made as bad as a test needs.
 *
 *   a --write--> [ under way ] --arrives, piece by piece--> [ readable ] --read--> b      (fault
 * ab) a <--read--- [ readable ] <--arrives, piece by piece--- [ under way ] <--write-- b    (fault
 * ba)
 *
 * Each direction holds at most `capacity` bytes, under way and readable together; a writer beyond
 * that gets PROA_EAGAIN. Without faults, bytes are readable as soon as they are written. With
 * `split` they become readable `split` bytes at a time, each piece in a later turn of the loop;
 * with `delay` each piece comes that much after the one before it (or after the write). `cut` ends
 * the direction after `cut_at` bytes: PROA_PAIR_FIN as if the writer had half closed, PROA_PAIR_RST
 * as if the connection had been reset (both directions); what is written beyond is swallowed.
 *
 * Needs a loop and no task; time is the loop's, so it runs under a virtual clock.
 *
 * Floor: net.
 */

#include "net/stream.h"

#include <proa/pair.h>

/* As proa_pair_opts; for callers of this version. */
struct pair_opts {
    struct proa_pair_fault ab; /* what a writes */
    struct proa_pair_fault ba; /* what b writes */
};

/* Make a pair on the current loop. `opts` NULL: no faults. 0 or PROA_ENOMEM. */
int proa__pair_new(struct proa_stream **ret_a, struct proa_stream **ret_b,
                   const struct pair_opts *opts);

#endif
