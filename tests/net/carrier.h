#ifndef NET_CARRIER_H
#define NET_CARRIER_H

/*
 * carrier: two connected streams, over each of the things that a stream may run on.
 */

#include <proa/stream.h>

enum carrier {
    ON_PAIR,
    ON_BYTES, /* a pair that brings one byte a turn */
    ON_UNIX,
    ON_TCP,
    ON_PIPE, /* one way only */
    CARRIERS,
    TWO_WAY = ON_PIPE, /* how many of them go both ways */
};

/* Needs a task. What `writer` writes, `reader` reads; all but the pipe go the other way too. */
void carrier_open(enum carrier on, struct proa_stream **writer, struct proa_stream **reader);

/* Write a text, which fits. */
void carrier_say(struct proa_stream *s, const char *text);

/* The next bytes are these. */
void carrier_expect(struct proa_stream *s, const char *text);

/* The next is the end. */
void carrier_expect_end(struct proa_stream *s);

#endif
