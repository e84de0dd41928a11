#ifndef NET_STREAM_BUF_H
#define NET_STREAM_BUF_H

/*
 * stream_buf: what a stream has read from its carrier and nobody has asked for yet.
 *
 *   bytes [ consumed | lent | readable | free ]
 *                    ^head             ^tail
 *
 * Made with the first byte that needs it and given back with the last, so an idle stream has none.
 * A view handed to a caller stays in place (`lent`) until the next call that reads.
 *
 * Floor: net; private to the stream files.
 */

#include "net/stream.h"

#include <stddef.h>

/* The smallest buffer, with its header, as one allocation. */
#define STREAM_BUF_FIRST ((size_t)4096)

struct stream_buf {
    size_t cap;
    size_t head;
    size_t tail;
    size_t
        lent; /* bytes from head on that a caller looks at; dropped by the next call that reads */
    char bytes[];
};

/* What the smallest buffer holds. */
#define STREAM_BUF_LEAST (STREAM_BUF_FIRST - sizeof(struct stream_buf))

/* The carrier's own read, behind what it said for good before; past the buffer. */
ssize_t proa__stream_read_carrier(struct proa_stream *s, void *buf, size_t n);

/* Drop what was lent. Every call that reads begins with it. */
void proa__stream_settle(struct proa_stream *s);

/* Lend the first `n` readable bytes. */
struct proa_str proa__stream_lend(struct proa_stream *s, size_t n);

#endif
