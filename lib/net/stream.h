#ifndef NET_STREAM_H
#define NET_STREAM_H

/*
 * stream: bytes both ways, whatever carries them.
 *
 * A stream is a small vtable of calls that never suspend. TCP, UNIX, pipes, the memory pair and TLS
 * implement exactly these; everything that suspends (proa_read, proa_write, ...) is written once,
 * above (stream_read.c, stream_write.c). The same stream therefore works in a loop callback and
 * under a task.
 *
 *        task:     proa_read ... proa_write        suspending, <proa/stream.h>
 *        callback: proa__stream_try_read ...       this header; what upper floors call
 *        carrier:  struct stream_ops               what an implementation provides
 *
 * Three rules for those who call from callbacks:
 *   - try first; ask for a notification only after PROA_EAGAIN (asking earlier works, and costs a
 * turn);
 *   - the notification function is called from the loop, never from inside a try_ call, and may be
 *     spurious; it may close the stream;
 *   - one interest at a time: a second proa__stream_notify replaces the first. Tasks parked in a
 *     suspending call are woken apart from it.
 *
 * What proa_write_buffered keeps goes out before anything else that is written, and before a half
 * close: the try_ calls see to that.
 *
 * An error of one direction is sticky: the kernel forgets a reset after telling once, a stream
 * doesn't.
 *
 * Floor: net. Knows tasks (it parks them) and the loop; knows nothing of TLS or HTTP.
 */

#include <proa/str.h>
#include <proa/stream.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct proa_addr;
struct proa_loop;
struct view;

/* Directions; the same values as core's IO_*. CLOSED: the other end is done sending, or is gone. */
enum { STREAM_READ = 1, STREAM_WRITE = 2, STREAM_CLOSED = 4 };

typedef void stream_ready_fn(void *arg, unsigned dirs);

/* What a carrier provides. None of these suspends; none calls proa__stream_ready from inside
 * itself. */
struct stream_ops {
    const char *kind; /* "tcp", "unix", "pipe", "pair", "tls": for messages and introspection */

    /* > 0: bytes read; 0: end of stream; PROA_EAGAIN; or another negative code. `n` is never 0. */
    ssize_t (*try_read)(struct proa_stream *s, void *buf, size_t n);

    /* > 0: bytes taken, perhaps fewer than offered; PROA_EAGAIN; or another negative code. Never
     * offered 0 bytes in all. */
    ssize_t (*try_writev)(struct proa_stream *s, const struct iovec *iov, int n);

    /* Half close: the other end will read an end of stream. 0 when done; PROA_EAGAIN: call again
     * once WRITE (or, for a carrier that must listen meanwhile, READ) may be possible. */
    int (*try_shutdown)(struct proa_stream *s);

    /* End at once and free the stream. When s->flags has STREAM_RESET the other end shall learn
     * that it was no orderly end (TCP: a reset). */
    void (*close)(struct proa_stream *s);

    /* `dirs` is all that anybody wants to hear about now (0: nothing); `fresh` the part that was
     * just asked for. Whenever one of `dirs` may have become possible, call proa__stream_ready from
     * the loop; one of `fresh` that is possible already is told in the loop's next turn. */
    void (*want)(struct proa_stream *s, unsigned dirs, unsigned fresh);

    /* The directions believed possible now. Costs no system call. */
    unsigned (*bits)(struct proa_stream *s);

    /* The bytes of the last try_read complete a message that will now be answered: when that read
     * was short, the next one needs no system call before new bytes arrive. A write that succeeds
     * after a short read says the same, so few need this. NULL: nothing to gain. */
    void (*read_done)(struct proa_stream *s);

    /* Give n bytes of a regular file, from `at` on, which the page cache has, to the system. > 0:
     * bytes taken; 0: the file ends there; PROA_EAGAIN; PROA_EOPNOTSUPP: copy them; or the
     * carrier's code. NULL: copy them. */
    ssize_t (*try_sendfile)(struct proa_stream *s, int file, int64_t at, size_t n);

    /* NULL or negative: no descriptor. */
    int (*fd)(struct proa_stream *s);

    /* NULL: PROA_EOPNOTSUPP. */
    int (*address)(struct proa_stream *s, bool peer, struct proa_addr *ret);

    /* What only this kind knows, by a tag of the owning floor (tls: session data); NULL when
     * unknown. NULL op: knows nothing. */
    const void *(*query)(struct proa_stream *s, unsigned tag);

    /* The stream that this one runs over. NULL op: none. */
    struct proa_stream *(*lower)(struct proa_stream *s);
};

/* s->flags */
enum {
    STREAM_BROKEN = 1, /* cut inside a message or record: no more writing, close is an abort */
    STREAM_RESET = 2,  /* this close is an abort */
    STREAM_SHUT = 4,   /* our side was half closed */
    STREAM_AT_END = 8, /* the end of the stream has been read from the carrier */
    STREAM_GIVEN = 16, /* another stream runs over it: it alone may use this one */
    STREAM_LENT = 32,  /* to the handler of a server, which will close it */
};

struct stream_buf;  /* read-side buffer: stream_buf.h */
struct stream_out;  /* write-side buffer: stream_out.h */
struct stream_turn; /* a suspending call in progress; on its caller's stack */

/* First member of every stream. A carrier sets it up by proa__stream_init and leaves the members
 * alone, but for reading `flags` and `loop` and keeping flags of its own in `own`. */
struct proa_stream {
    const struct stream_ops *ops;
    struct proa_loop *loop;
    struct stream_buf *in;      /* read but not yet asked for; NULL while empty */
    struct stream_out *out;     /* written but not yet offered; NULL while empty */
    struct stream_turn *reader; /* the one suspending read in progress */
    struct stream_turn *writer; /* the one suspending write, shutdown or close in progress */
    stream_ready_fn *fn;        /* the interest of a callback user */
    void *arg;
    uint16_t magic;
    int16_t read_rc;  /* sticky error of the read side, told after the buffered bytes; 0: none */
    int16_t write_rc; /* sticky error of the write side */
    uint8_t flags;    /* STREAM_BROKEN ... */
    uint8_t interest : 4; /* directions fn is for */
    uint8_t own : 4;      /* the carrier's own flags */
};

/* ---- for carriers ---- */

/* Make `s` (zeroed, embedded in the carrier's own struct) a live stream of the current loop. */
void proa__stream_init(struct proa_stream *s, const struct stream_ops *ops);

/* From the loop: some of `dirs` may have become possible. Wakes parked tasks, then calls the
 * interest, which may close the stream: do not touch `s` afterwards. */
void proa__stream_ready(struct proa_stream *s, unsigned dirs);

/* `s` carries another stream from now on. The suspending calls, and those that end it, are misuse
 * then. 0; PROA_EBUSY: a call of some task on it is in progress. */
int proa__stream_give(struct proa_stream *s);

/* All directions that somebody wants now: what `want` was last told. */
unsigned proa__stream_wanted(const struct proa_stream *s);

/* ---- for upper floors; nothing here suspends ---- */

/* Add what it is: "stream 0x55d1c0, tls over tcp 192.0.2.1:443, descriptor 7". */
void proa__stream_describe(const void *stream, struct view *v);

/* As the op, behind buffered bytes and sticky errors. `n` = 0 answers 0. */
ssize_t proa__stream_try_read(struct proa_stream *s, void *buf, size_t n);

/* As the op, behind buffered bytes; PROA_EPIPE after a shutdown, PROA_EBROKEN once broken, the
 * sticky error after an error. 0 bytes answer 0. */
ssize_t proa__stream_try_writev(struct proa_stream *s, const struct iovec *iov, int n);

/* As the op; refused as a write is. */
ssize_t proa__stream_try_sendfile(struct proa_stream *s, int file, int64_t at, size_t n);

int proa__stream_try_shutdown(struct proa_stream *s);

/* Offer what is buffered to the carrier. 0: it has all of it; PROA_EAGAIN: call again once WRITE
 * may be possible; or as try_writev. Who writes past the stream (sendfile) calls it first. */
int proa__stream_try_flush(struct proa_stream *s);

/* Call fn(arg, dirs) from the loop whenever one of `dirs` may have become possible, until replaced.
 * dirs 0: no more. */
void proa__stream_notify(struct proa_stream *s, unsigned dirs, stream_ready_fn *fn, void *arg);

/* End at once and free: parked tasks are woken with PROA_ECLOSED. close keeps what the carrier has
 * already taken; abort (and close of a broken stream) tells the other end that this was no orderly
 * end. NULL does nothing. */
void proa__stream_close(struct proa_stream *s);
void proa__stream_abort(struct proa_stream *s);

/* End it for both sides at once, without freeing it: calls on it fail from now on (reading
 * PROA_ECLOSED behind what was buffered, writing PROA_EBROKEN), those in progress too, and its
 * close is an abort. For who must end a stream that another task uses. */
void proa__stream_kill(struct proa_stream *s);

/* The last read completed a message that will now be answered (see the op). */
void proa__stream_read_done(struct proa_stream *s);

/* A message or record was cut: nothing may follow it. */
void proa__stream_break(struct proa_stream *s);

unsigned proa__stream_bits(struct proa_stream *s);
static inline bool proa__stream_is_closed(struct proa_stream *s)
{
    return proa__stream_bits(s) & STREAM_CLOSED;
}

/* Bytes read from the carrier and not consumed yet. Valid until the next call that reads. */
struct proa_str proa__stream_buffered(const struct proa_stream *s);

/* Drop the first n buffered bytes; the buffer is given back when that empties it. */
void proa__stream_consume(struct proa_stream *s, size_t n);

/* Put bytes in front of what is buffered, as if they had not been read (after a protocol change). 0
 * or PROA_ENOMEM. */
int proa__stream_unread(struct proa_stream *s, const void *bytes, size_t n);

/* Read once from the carrier into the buffer, which may then hold at most `max` bytes. > 0: bytes
 * added; 0: end of stream; PROA_EMSGSIZE: full; PROA_ENOMEM; PROA_EAGAIN; or the carrier's code. */
ssize_t proa__stream_fill(struct proa_stream *s, size_t max);

const void *proa__stream_query(struct proa_stream *s, unsigned tag);

/* ---- the one call here that suspends ---- */

/* Park until one of `dirs`, READ or WRITE or both, may be possible: the second half of "try,
 * PROA_EAGAIN, wait". 0; PROA_ECANCELED; PROA_ECLOSED (the stream is gone: do not touch it);
 * PROA_EBUSY (another task waits there). */
PROA_SUSPENDS int proa__stream_wait(struct proa_stream *s, unsigned dirs);

#endif
