#include "base/fail.h"
#include "base/mem.h"
#include "net/stream_buf.h"
#include "net/turn.h"

#include <proa/err.h>
#include <proa/stream.h>

#include <string.h>

/* Reads of fewer bytes go through the buffer: one system call then serves many of them. */
#define SMALL_READ ((size_t)512)

/* ---- the buffer ---- */

static size_t readable(const struct proa_stream *s)
{
    return s->in ? s->in->tail - s->in->head : 0;
}

void proa__stream_consume(struct proa_stream *s, size_t n)
{
    if (!s->in)
        return;
    s->in->head += n < readable(s) ? n : readable(s);
    s->in->lent = 0;
    if (s->in->head == s->in->tail) {
        proa__free(s->in);
        s->in = NULL;
    }
}

void proa__stream_settle(struct proa_stream *s)
{
    if (s->in)
        proa__stream_consume(s, s->in->lent);
}

struct proa_str proa__stream_lend(struct proa_stream *s, size_t n)
{
    s->in->lent = n;
    return proa_str_make(s->in->bytes + s->in->head, n);
}

struct proa_str proa__stream_buffered(const struct proa_stream *s)
{
    if (!s->in)
        return proa_str_make(NULL, 0);
    return proa_str_make(s->in->bytes + s->in->head + s->in->lent, readable(s) - s->in->lent);
}

/* A buffer of at least `cap` bytes with the readable ones at its start; `in` may be NULL. NULL: no
 * memory. */
static struct stream_buf *regrown(struct stream_buf *in, size_t cap)
{
    struct stream_buf *b;

    if (cap < STREAM_BUF_LEAST)
        cap = STREAM_BUF_LEAST;
    b = proa__alloc(sizeof *b + cap);
    if (!b)
        return NULL;
    *b = (struct stream_buf){.cap = cap};
    if (in) {
        b->tail = in->tail - in->head;
        memcpy(b->bytes, in->bytes + in->head, b->tail);
        proa__free(in);
    }
    return b;
}

/* Make room behind the readable bytes without passing `max` in all. */
static int make_room(struct proa_stream *s, size_t max)
{
    size_t used = readable(s);
    struct stream_buf *in = s->in;

    if (in && in->cap - in->tail >= in->cap / 4)
        return 0;
    if (in && used <= in->cap / 2) {
        memmove(in->bytes, in->bytes + in->head, used);
        in->head = 0;
        in->tail = used;
        return 0;
    }
    in = regrown(in, 2 * used < max ? 2 * used : max);
    if (!in)
        return proa__fail(PROA_ENOMEM, "no memory to buffer what a stream reads");
    s->in = in;
    return 0;
}

ssize_t proa__stream_fill(struct proa_stream *s, size_t max)
{
    size_t used, room;
    struct stream_buf *in;
    ssize_t got;
    int rc;

    proa__stream_settle(s);
    used = readable(s);
    if (used >= max)
        return proa__fail(PROA_EMSGSIZE, "more than %zu bytes wait to be taken", max);
    rc = make_room(s, max);
    if (rc < 0)
        return rc;

    in = s->in;
    room = in->cap - in->tail < max - used ? in->cap - in->tail : max - used;
    got = proa__stream_read_carrier(s, in->bytes + in->tail, room);
    if (got > 0)
        in->tail += (size_t)got;
    proa__stream_consume(s, 0); /* an empty one is given back */
    return got;
}

int proa__stream_unread(struct proa_stream *s, const void *bytes, size_t n)
{
    struct stream_buf *in;

    proa__stream_settle(s);
    if (n == 0)
        return 0;
    in = s->in;
    if (!in || in->head < n) {
        size_t used = readable(s);
        in = regrown(s->in, used + n);
        if (!in)
            return proa__fail(PROA_ENOMEM, "no memory to put %zu bytes back", n);
        s->in = in;
        memmove(in->bytes + n, in->bytes, used);
        in->head = n;
        in->tail = n + used;
    }
    in->head -= n;
    memcpy(in->bytes + in->head, bytes, n);
    return 0;
}

/* ---- reading some, reading all ---- */

/* Once, without waiting; small reads through the buffer, where there is memory for one. */
static ssize_t read_once(struct proa_stream *s, void *buf, size_t n)
{
    proa__stream_settle(s);
    if (n < SMALL_READ && !s->in) {
        ssize_t got = proa__stream_fill(s, STREAM_BUF_LEAST);
        if (got <= 0 && got != PROA_ENOMEM)
            return got;
    }
    return proa__stream_try_read(s, buf, n);
}

/* Nothing is asked for: nothing, or what every read would now be told. */
static ssize_t read_nothing(struct proa_stream *s)
{
    proa__stream_settle(s);
    return s->read_rc && !s->in ? proa__stream_read_carrier(s, NULL, 0) : 0;
}

ssize_t proa_read(struct proa_stream *s, void *buf, size_t n)
{
    struct stream_turn t;
    ssize_t got = proa__turn_begin(s, &t, STREAM_READ, "proa_read");

    if (got < 0)
        return got;
    for (;;) {
        got = n ? read_once(s, buf, n) : read_nothing(s);
        if (got != PROA_EAGAIN)
            break;
        got = proa__turn_wait(s, &t, STREAM_READ);
        if (got < 0)
            break;
    }
    proa__turn_end(s, &t, STREAM_READ, 0);
    return got;
}

static int read_all(struct proa_stream *s, struct stream_turn *t, char *buf, size_t n, size_t *done)
{
    while (*done < n) {
        ssize_t got = read_once(s, buf + *done, n - *done);
        int rc = 0;
        if (got > 0) {
            *done += (size_t)got;
            if (*done < n)
                rc = proa__turn_again(t);
        } else if (got == 0) {
            rc = proa__fail(PROA_EEOF, "the stream ended after %zu of %zu bytes", *done, n);
        } else {
            rc = got == PROA_EAGAIN ? proa__turn_wait(s, t, STREAM_READ) : (int)got;
        }
        if (rc < 0)
            return rc;
    }
    return 0;
}

int proa_read_exact(struct proa_stream *s, void *buf, size_t n, size_t *ret_done)
{
    struct stream_turn t;
    size_t done = 0;
    int rc = proa__turn_begin(s, &t, STREAM_READ, "proa_read_exact");

    if (rc == 0) {
        rc = read_all(s, &t, buf, n, &done);
        proa__turn_end(s, &t, STREAM_READ, 0);
    }
    if (ret_done)
        *ret_done = done;
    return rc;
}

/* ---- reading up to a separator ---- */

struct search {
    const struct proa_str *seps;
    size_t nseps;
    size_t longest; /* separator's length */
    size_t max;     /* bytes before it */
    size_t from;    /* all before is known to begin no separator */
    size_t end;     /* found: position behind it */
    size_t which;   /* found: its index */
};

static bool ends_at(struct proa_str have, size_t end, struct proa_str sep)
{
    return end >= sep.n && memcmp(have.p + end - sep.n, sep.p, sep.n) == 0;
}

/* One separator: hop from one occurrence of its first byte to the next. */
static bool find_one(struct search *f, struct proa_str have)
{
    const struct proa_str sep = f->seps[0];

    while (have.n >= sep.n && f->from <= have.n - sep.n) {
        const char *p = memchr(have.p + f->from, sep.p[0], have.n - sep.n + 1 - f->from);
        f->from = p ? (size_t)(p - have.p) : have.n - sep.n + 1;
        if (p && memcmp(p, sep.p, sep.n) == 0) {
            f->end = f->from + sep.n;
            return true;
        }
        f->from += p != NULL;
    }
    return false;
}

/* Several: the earliest end wins, and of two that end there the longer. */
static bool find_any(struct search *f, struct proa_str have)
{
    for (size_t end = f->from + 1; end <= have.n; end++) {
        size_t best = 0;
        for (size_t i = 0; i < f->nseps; i++) {
            if (f->seps[i].n > best && ends_at(have, end, f->seps[i])) {
                best = f->seps[i].n;
                f->which = i;
            }
        }
        if (best) {
            f->end = end;
            return true;
        }
    }
    f->from = have.n;
    return false;
}

/* 1: found; 0: not yet; PROA_EMSGSIZE. */
static int look(struct search *f, struct proa_str have)
{
    bool found = f->nseps == 1 ? find_one(f, have) : find_any(f, have);

    if (found ? f->end - f->seps[f->which].n > f->max : have.n >= f->max + f->longest)
        return proa__fail(PROA_EMSGSIZE, "no separator within %zu bytes", f->max);
    return found;
}

/* Until found, in the buffer: nothing is consumed. 1; 0: the stream ended first; a code. */
static int search(struct proa_stream *s, struct stream_turn *t, struct search *f)
{
    size_t most = f->max + f->longest;

    if (most < STREAM_BUF_LEAST)
        most = STREAM_BUF_LEAST;
    for (;;) {
        int rc = look(f, proa__stream_buffered(s));
        ssize_t got;
        if (rc)
            return rc;
        got = proa__stream_fill(s, most);
        if (got == 0)
            return 0;
        if (got > 0)
            rc = proa__turn_again(t);
        else
            rc = got == PROA_EAGAIN ? proa__turn_wait(s, t, STREAM_READ) : (int)got;
        if (rc < 0)
            return rc;
    }
}

static int measure(struct search *f)
{
    /* No view can be as long as this, and sums with it can't overflow. */
    if (f->max > SIZE_MAX / 4)
        f->max = SIZE_MAX / 4;
    for (size_t i = 0; i < f->nseps; i++) {
        if (f->seps[i].n == 0 || f->seps[i].n > SIZE_MAX / 4)
            return proa__fail(PROA_EINVAL, "proa_read_until: a separator is empty");
        if (f->seps[i].n > f->longest)
            f->longest = f->seps[i].n;
    }
    return f->nseps ? 0 : proa__fail(PROA_EINVAL, "proa_read_until: no separator is given");
}

int proa_read_until(struct proa_stream *s, struct proa_str *ret, const struct proa_str *seps,
                    size_t nseps, size_t max, size_t *ret_sep)
{
    struct search f = {.seps = seps, .nseps = nseps, .max = max};
    struct stream_turn t;
    int rc = measure(&f);

    if (rc < 0)
        return rc;
    rc = proa__turn_begin(s, &t, STREAM_READ, "proa_read_until");
    if (rc < 0)
        return rc;
    proa__stream_settle(s);
    rc = search(s, &t, &f);
    if (rc > 0) {
        *ret = proa__stream_lend(s, f.end);
        if (ret_sep)
            *ret_sep = f.which;
    }
    proa__turn_end(s, &t, STREAM_READ, 0);
    if (rc == 0)
        return proa__fail(PROA_EEOF, "the stream ended before a separator came");
    return rc < 0 ? rc : 0;
}

/* The line in the first `n` buffered bytes, its end taken off; `n` bytes are lent. */
static int line(struct proa_stream *s, struct proa_str *ret, size_t n, bool ended, size_t max)
{
    struct proa_str text = proa__stream_buffered(s);

    text.n = n - ended;
    if (ended && text.n && text.p[text.n - 1] == '\r')
        text.n--;
    if (text.n > max)
        return proa__fail(PROA_EMSGSIZE, "a line of more than %zu bytes", max);
    proa__stream_lend(s, n);
    *ret = text;
    return 1;
}

int proa_read_line(struct proa_stream *s, struct proa_str *ret, size_t max)
{
    static const struct proa_str newline = {"\n", 1};
    /* One byte more than a line may have: it may be the end's '\r'. */
    struct search f = {.seps = &newline, .nseps = 1, .longest = 1};
    struct stream_turn t;
    int rc = proa__turn_begin(s, &t, STREAM_READ, "proa_read_line");

    if (rc < 0)
        return rc;
    f.max = max < SIZE_MAX / 4 ? max + 1 : SIZE_MAX / 4;
    proa__stream_settle(s);
    rc = search(s, &t, &f);
    if (rc > 0)
        rc = line(s, ret, f.end, true, max);
    else if (rc == 0 && readable(s))
        rc = line(s, ret, readable(s), false, max);
    proa__turn_end(s, &t, STREAM_READ, 0);
    return rc;
}
