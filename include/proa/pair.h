#ifndef PROA_PAIR_H
#define PROA_PAIR_H

/*
 * pair: two streams in memory, each the other's far end, with a network between them that can be
 * made as bad as a test needs. No descriptor and no system call is involved, and time is the
 * loop's: under a virtual clock an hour's delay takes no time.
 *
 *     proa_pair_new(&client, &server, PROA_PAIR_OPTS(.ab = {.split = 1}));
 *                                     what the client writes arrives byte by byte
 */

#include <proa/stream.h>

PROA_BEGIN_DECLS

/** How a direction ends before its time. */
enum proa_pair_cut {
    PROA_PAIR_WHOLE = 0, /* it does not */
    PROA_PAIR_FIN = 1,   /* as if the writer had shut it down; what it still writes is lost */
    PROA_PAIR_RST = 2,   /* as if the connection had been reset: both directions end */
};

/** What is wrong with one direction; zeroes: nothing. */
struct proa_pair_fault {
    size_t capacity;        /* most bytes between writer and reader; 0: 64 KiB */
    size_t split;           /* bytes that arrive at once, each piece in a later turn; 0: all */
    int64_t delay;          /* before each piece arrives, after the one before it */
    enum proa_pair_cut cut; /* after cut_at bytes */
    size_t cut_at;
};

struct proa_pair_opts {
    size_t size;
    struct proa_pair_fault ab; /* what is written to the first stream and read from the second */
    struct proa_pair_fault ba;
};
#define PROA_PAIR_OPTS(...) PROA_OPTS(proa_pair_opts, __VA_ARGS__)

/**
 * Make two streams that are connected to each other.
 *
 * They are like any stream: TLS goes over them, and each is closed or aborted by itself.
 *
 * Errors:       PROA_E2BIG, PROA_EINVAL (a negative delay, or a capacity beyond 1 GiB),
 *               PROA_ENOMEM.
 * Ownership:    both are the caller's, to be closed or aborted.
 */
PROA_API int proa_pair_new(struct proa_stream **ret_a, struct proa_stream **ret_b,
                           const struct proa_pair_opts *opts);

PROA_END_DECLS

#endif
