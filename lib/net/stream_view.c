#include "base/fail.h"
#include "net/stream_buf.h"
#include "net/turn.h"

#include <proa/buf.h>
#include <proa/err.h>
#include <proa/stream.h>

/* Bytes of a buffer that are asked for at a time; it grows by more where it can. */
#define AT_ONCE ((size_t)4096)

/* ---- looking ahead ---- */

/* Until `n` bytes are buffered, or the end is met. */
static int look_ahead(struct proa_stream *s, struct stream_turn *t, size_t n)
{
    size_t most = n < STREAM_BUF_LEAST ? STREAM_BUF_LEAST : n;
    int rc = 0;

    while (rc == 0 && proa__stream_buffered(s).n < n) {
        ssize_t got = proa__stream_fill(s, most);
        if (got == 0)
            return 0;
        if (got > 0)
            rc = proa__turn_again(t);
        else
            rc = got == PROA_EAGAIN ? proa__turn_wait(s, t, STREAM_READ) : (int)got;
    }
    return rc;
}

int proa_peek(struct proa_stream *s, struct proa_str *ret, size_t n)
{
    struct stream_turn t;
    int rc = proa__turn_begin(s, &t, STREAM_READ, "proa_peek");

    if (rc < 0)
        return rc;
    rc = look_ahead(s, &t, n);
    if (rc == 0)
        *ret = proa__stream_buffered(s);
    return proa__turn_end(s, &t, STREAM_READ, rc);
}

int proa_consume(struct proa_stream *s, size_t n)
{
    size_t there;

    proa__stream_check_own(s, "proa_consume");
    if (s->reader)
        return proa__fail(PROA_EBUSY, "proa_consume: another task reads");
    proa__stream_settle(s);
    there = proa__stream_buffered(s).n;
    if (n > there)
        return proa__fail(PROA_EINVAL, "proa_consume: %zu bytes, and %zu are there", n, there);
    proa__stream_consume(s, n);
    return 0;
}

bool proa_at_eof(struct proa_stream *s)
{
    proa__stream_check_own(s, "proa_at_eof");
    return s->flags & STREAM_AT_END && proa__stream_buffered(s).n == 0;
}

/* ---- all that comes ---- */

/* The buffer is full: is this the end? 0: yes; PROA_EMSGSIZE: no, and the byte stays; or a code. */
static ssize_t expect_end(struct proa_stream *s, size_t limit)
{
    ssize_t got = 1;

    proa__stream_settle(s);
    if (!s->in)
        got = proa__stream_fill(s, STREAM_BUF_LEAST);
    return got <= 0 ? got : proa__fail(PROA_EMSGSIZE, "more than %zu bytes came", limit);
}

/* Once, without waiting: > 0: bytes added; 0: the end; or a code. */
static ssize_t add_some(struct proa_stream *s, struct proa_buf *buf)
{
    size_t left = buf->limit - buf->n;
    char *p;
    ssize_t got;

    if (left == 0)
        return expect_end(s, buf->limit);
    p = proa_buf_reserve(buf, left < AT_ONCE ? left : AT_ONCE);
    if (!p)
        return proa__fail(proa_buf_error(buf), "no memory for what a stream brings");
    got = proa__stream_try_read(s, p, proa_buf_room(buf));
    if (got > 0)
        proa_buf_commit(buf, (size_t)got);
    return got;
}

static int add_all(struct proa_stream *s, struct stream_turn *t, struct proa_buf *buf)
{
    int rc = proa_buf_error(buf);

    while (rc == 0) {
        ssize_t got = add_some(s, buf);
        if (got == 0)
            return 0;
        if (got > 0)
            rc = proa__turn_again(t);
        else
            rc = got == PROA_EAGAIN ? proa__turn_wait(s, t, STREAM_READ) : (int)got;
    }
    return rc;
}

int proa_read_all(struct proa_stream *s, struct proa_buf *buf)
{
    struct stream_turn t;
    int rc = proa__turn_begin(s, &t, STREAM_READ, "proa_read_all");

    return rc < 0 ? rc : proa__turn_end(s, &t, STREAM_READ, add_all(s, &t, buf));
}
