#ifndef NET_TURN_H
#define NET_TURN_H

/*
 * turn: one suspending call on a stream, from its first line to its return.
 *
 * The record lies on the caller's stack and hangs in the stream's slot of its direction. So the
 * slot being taken is what PROA_EBUSY means, and a stream that is freed under a call can tell the
 * call: after each point where others may have run, `closed` is asked before the stream is touched
 * again.
 *
 *   begin --> [ try --PROA_EAGAIN--> wait --> try ... ] --> end
 *
 * Floor: net; private to the stream files.
 */

#include "core/wait.h"
#include "net/stream.h"

#include <stdbool.h>

struct stream_turn {
    struct list asleep; /* holds `wait` while the call is parked and nobody has woken it */
    struct wait wait;
    const char *call; /* the public call's name */
    bool closed;      /* the stream is gone */
};

/* The stream is alive and of this thread's loop; else aborts, naming the public call. */
void proa__stream_check(const struct proa_stream *s, const char *call);

/* Take the slot of `dir` (STREAM_READ or STREAM_WRITE). 0, PROA_ECANCELED, PROA_EBUSY,
 * PROA_ECLOSED; begun only if 0. `call` is the public call's name. */
PROA_SUSPENDS int proa__turn_begin(struct proa_stream *s, struct stream_turn *t, unsigned dir,
                                   const char *call);

/* Park until `dir` may be possible. 0, PROA_ECANCELED, PROA_ECLOSED. */
PROA_SUSPENDS int proa__turn_wait(struct proa_stream *s, struct stream_turn *t, unsigned dir);

/* Another round of something that is always ready: gives way in time. 0, PROA_ECANCELED,
 * PROA_ECLOSED. */
PROA_SUSPENDS int proa__turn_again(struct stream_turn *t);

/* Abort if the stream is gone, or given to one that runs over it. */
void proa__stream_check_own(const struct proa_stream *s, const char *call);

/* For a call that takes the stream away: also unless it is the caller's to be taken. */
void proa__stream_check_end(const struct proa_stream *s, const char *call);

/* Give the slot back, and `rc` too. */
int proa__turn_end(struct proa_stream *s, struct stream_turn *t, unsigned dir, int rc);

#endif
