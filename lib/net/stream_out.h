#ifndef NET_STREAM_OUT_H
#define NET_STREAM_OUT_H

/*
 * stream_out: what proa_write_buffered was given and the carrier has not been offered yet, or had
 * no room for.
 *
 *   bytes [ taken | waiting | free ]
 *                 ^head     ^tail
 *
 * Made with the first byte and given back with the last, so a stream that keeps nothing has none.
 *
 * Floor: net; private to the stream files.
 */

#include "net/stream.h"

#include <stddef.h>

/* The buffer with its header, as one allocation; one TLS record, and a quarter of a pipe. */
#define STREAM_OUT_SIZE ((size_t)16 << 10)

struct stream_out {
    size_t head;
    size_t tail;
    char bytes[];
};

#define STREAM_OUT_ROOM (STREAM_OUT_SIZE - sizeof(struct stream_out))

/* Nothing may be written (any more): why. 0: it may. */
int proa__stream_writable(struct proa_stream *s);

/* Offer bytes to the carrier, past the buffer: > 0, PROA_EAGAIN, or a code that stays. */
ssize_t proa__stream_offer(struct proa_stream *s, const struct iovec *iov, int n);

/* Keep as many of the bytes as there is room for: how many; PROA_ENOMEM. */
ssize_t proa__stream_keep(struct proa_stream *s, const char *bytes, size_t n);

/* Offer what is kept. 0: nothing is left; PROA_EAGAIN; another code: it was dropped, since nothing
 * can follow. */
int proa__stream_push(struct proa_stream *s);

/* What is kept will not be sent. */
void proa__stream_drop(struct proa_stream *s);

#endif
