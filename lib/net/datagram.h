#ifndef NET_DATAGRAM_H
#define NET_DATAGRAM_H

/*
 * datagram: a socket, and two lanes of tasks, one to receive and one to send.
 *
 * A call tries at once if nobody is before it in its lane; else, and when the system would make it
 * wait, it takes its place at the end. An edge wakes the first, which tries, and when it is done
 * wakes the next as long as more may be possible. A woken task keeps its place until it has run:
 * nobody barges.
 *
 * Floor: net. datagram.c opens and closes them, datagram_io.c moves the bytes.
 */

#include "base/list.h"
#include "core/io.h"

#include <proa/datagram.h>

struct view;

struct lane {
    struct list waiters; /* struct wait */
    bool woken;          /* the first was, and has not run yet: the others wait for it */
};

struct proa_dgram {
    unsigned magic;
    struct proa_loop *loop;
    struct io io;
    struct lane in, out;
    bool connected;
    struct proa_addr made; /* the UNIX path that free removes; len 0: none */
};

/* Add what it is. */
void proa__dgram_describe(const void *dgram, struct view *v);

/* An edge of its descriptor. */
void proa__dgram_ready(void *dgram, unsigned dirs);

#define DGRAM_MAGIC 0x4447524du

#endif
