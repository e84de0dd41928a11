#include "net/stream.h"

#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "core/debug.h"
#include "core/loop.h"
#include "core/view.h"
#include "net/stream_buf.h"
#include "net/stream_out.h"
#include "net/turn.h"

#include <proa/addr.h>
#include <proa/err.h>
#include <proa/scope.h>
#include <proa/task.h>

#include <limits.h>
#include <string.h>

#define MAGIC_STREAM 0x7374 /* "st" */

void proa__stream_init(struct proa_stream *s, const struct stream_ops *ops)
{
    s->ops = ops;
    s->loop = proa__loop_need("a stream");
    s->magic = MAGIC_STREAM;
}

void proa__stream_check(const struct proa_stream *s, const char *call)
{
    PROA_CHECK(s && s->magic == MAGIC_STREAM, "%s: %s", call,
               s ? "the stream was freed, or never made" : "the stream is NULL");
    proa__loop_check(s->loop, call);
}

/* ---- who may use it ---- */

int proa__stream_give(struct proa_stream *s)
{
    proa__stream_check_end(s, "giving a stream away");
    if (s->reader || s->writer)
        return proa__fail(PROA_EBUSY, "a task still %s the stream that is to be carried on",
                          s->reader ? "reads" : "writes");
    s->flags |= STREAM_GIVEN;
    return 0;
}

void proa__stream_check_own(const struct proa_stream *s, const char *call)
{
    proa__stream_check(s, call);
    PROA_CHECK(!(s->flags & STREAM_GIVEN),
               "%s: the %s stream belongs to one that runs over it (TLS); use that one", call,
               s->ops->kind);
}

void proa__stream_check_end(const struct proa_stream *s, const char *call)
{
    proa__stream_check_own(s, call);
    PROA_CHECK(!(s->flags & STREAM_LENT),
               "%s: the server closes the %s stream %p when its handler has returned; "
               "proa_stream_server_detach takes it out",
               call, s->ops->kind, (const void *)s);
}

/* ---- who wants what ---- */

unsigned proa__stream_wanted(const struct proa_stream *s)
{
    unsigned dirs = s->interest;

    if (s->reader && !list_empty(&s->reader->asleep))
        dirs |= STREAM_READ;
    if (s->writer && !list_empty(&s->writer->asleep))
        dirs |= STREAM_WRITE;
    return dirs;
}

void proa__stream_ready(struct proa_stream *s, unsigned dirs)
{
    PROA_CHECK_OBJ(s, MAGIC_STREAM);
    if (s->reader && dirs & (STREAM_READ | STREAM_CLOSED))
        proa__wait_wake(&s->reader->asleep, NULL, 0);
    if (s->writer && dirs & (STREAM_WRITE | STREAM_CLOSED))
        proa__wait_wake(&s->writer->asleep, NULL, 0);
    if (dirs & s->interest)
        s->fn(s->arg, dirs & s->interest); /* may free the stream */
}

void proa__stream_notify(struct proa_stream *s, unsigned dirs, stream_ready_fn *fn, void *arg)
{
    proa__stream_check(s, "proa__stream_notify");
    s->interest = dirs & (STREAM_READ | STREAM_WRITE | STREAM_CLOSED);
    s->fn = fn;
    s->arg = arg;
    s->ops->want(s, proa__stream_wanted(s), dirs);
}

/* ---- in words ---- */

void proa__stream_describe(const void *stream, struct view *v)
{
    struct proa_stream *s = (struct proa_stream *)(uintptr_t)stream;
    struct proa_stream *lower = s->ops->lower ? s->ops->lower(s) : NULL;
    char text[PROA_ADDR_TEXT];
    struct proa_addr peer = {0};
    struct err_slot *slot = proa__err_slot_now();
    struct err_slot kept = *slot; /* of a failure that is looked into: an address may be gone */

    proa__view_object(v, "stream", s);
    proa__view_say(v, ", %s", s->ops->kind);
    for (; lower; lower = s->ops->lower ? s->ops->lower(s) : NULL) {
        s = lower;
        proa__view_say(v, " over %s", s->ops->kind);
    }
    if (s->ops->address && s->ops->address(s, true, &peer) >= 0 && peer.len)
        proa__view_say(v, " %s", proa_addr_format(&peer, text));
    *slot = kept;
    if (s->ops->fd && s->ops->fd(s) >= 0)
        proa__view_say(v, ", descriptor %d", s->ops->fd(s));
}

int proa_stream_describe(const struct proa_stream *stream, char *buf, size_t n)
{
    proa__stream_check(stream, __func__);
    return proa__view_write(proa__stream_describe, stream, buf, n);
}

static void describe_turn(const struct wait *w, struct view *v)
{
    v->call = CONTAINER_OF(w, struct stream_turn, wait)->call;
}

static const struct wait_kind waits = {
    .call = "a stream",
    .describe = proa__stream_describe,
    .detail = describe_turn,
};
static const struct wait_kind waits_both = {
    .call = "reading and writing",
    .describe = proa__stream_describe,
};

/* ---- turns ---- */

static struct stream_turn **slot_of(struct proa_stream *s, unsigned dir)
{
    return dir == STREAM_READ ? &s->reader : &s->writer;
}

int proa__turn_begin(struct proa_stream *s, struct stream_turn *t, unsigned dir, const char *call)
{
    struct stream_turn **slot;
    int rc;

    proa__stream_check_own(s, call);
    slot = slot_of(s, dir);
    *t = (struct stream_turn){.call = call};
    list_init(&t->asleep);
    if (*slot && proa_is_cancelled())
        return PROA_ECANCELED;
    if (*slot)
        return proa__fail(PROA_EBUSY, "%s: another task does so already", call);
    *slot = t;
    rc = proa__turn_again(t);
    return rc < 0 ? proa__turn_end(s, t, dir, rc) : 0;
}

int proa__turn_again(struct stream_turn *t)
{
    int rc = proa__wait_enter(t->call);

    return t->closed ? PROA_ECLOSED : rc;
}

int proa__turn_wait(struct proa_stream *s, struct stream_turn *t, unsigned dir)
{
    int rc;

    proa__wait_link(&t->asleep, &t->wait);
    s->ops->want(s, proa__stream_wanted(s), dir);
    rc = proa__wait_park(&t->wait, 1, &waits, s);
    if (t->closed)
        return proa__fail(PROA_ECLOSED, "%s: the stream was closed meanwhile", t->call);
    s->ops->want(s, proa__stream_wanted(s), 0);
    return rc < 0 ? rc : 0;
}

int proa__turn_end(struct proa_stream *s, struct stream_turn *t, unsigned dir, int rc)
{
    if (!t->closed)
        *slot_of(s, dir) = NULL;
    return rc;
}

static int wait_one(struct proa_stream *s, unsigned dir)
{
    struct stream_turn t;
    int rc = proa__turn_begin(s, &t, dir, "waiting for a stream");

    if (rc < 0)
        return rc;
    rc = proa__turn_wait(s, &t, dir);
    return proa__turn_end(s, &t, dir, rc);
}

/* Both turns were begun: sleep in both at once. */
static int wait_in_both(struct proa_stream *s, struct stream_turn *read, struct stream_turn *write)
{
    struct wait both[2];

    proa__wait_link(&read->asleep, &both[0]);
    proa__wait_link(&write->asleep, &both[1]);
    s->ops->want(s, proa__stream_wanted(s), STREAM_READ | STREAM_WRITE);
    int rc = proa__wait_park(both, 2, &waits_both, s);
    if (read->closed)
        return proa__fail(PROA_ECLOSED, "%s: the stream was closed meanwhile", read->call);
    s->ops->want(s, proa__stream_wanted(s), 0);
    return rc < 0 ? rc : 0;
}

static int wait_either(struct proa_stream *s)
{
    struct stream_turn read, write;
    int rc = proa__turn_begin(s, &read, STREAM_READ, "waiting for a stream");

    if (rc < 0)
        return rc;
    rc = proa__turn_begin(s, &write, STREAM_WRITE, "waiting for a stream");
    if (rc == 0) {
        rc = wait_in_both(s, &read, &write);
        proa__turn_end(s, &write, STREAM_WRITE, rc);
    }
    return proa__turn_end(s, &read, STREAM_READ, rc);
}

int proa__stream_wait(struct proa_stream *s, unsigned dirs)
{
    return dirs == (STREAM_READ | STREAM_WRITE) ? wait_either(s) : wait_one(s, dirs);
}

/* ---- trying ---- */

ssize_t proa__stream_read_carrier(struct proa_stream *s, void *buf, size_t n)
{
    ssize_t got;

    if (s->flags & STREAM_AT_END)
        return 0;
    if (s->read_rc)
        return proa__fail(s->read_rc, "reading from %s: %s", s->ops->kind,
                          proa_err_text(s->read_rc));
    got = s->ops->try_read(s, buf, n);
    if (got == 0)
        s->flags |= STREAM_AT_END;
    if (got >= 0 || got == PROA_EAGAIN)
        return got;
    if (got != PROA_ENOMEM)
        s->read_rc = (int16_t)got;
    return got;
}

ssize_t proa__stream_try_read(struct proa_stream *s, void *buf, size_t n)
{
    struct proa_str have;

    proa__stream_check(s, "reading");
    if (n == 0)
        return 0;
    proa__stream_settle(s);
    if (!s->in)
        return proa__stream_read_carrier(s, buf, n);
    have = proa__stream_buffered(s);
    if (n > have.n)
        n = have.n;
    memcpy(buf, have.p, n);
    proa__stream_consume(s, n);
    return (ssize_t)n;
}

static bool nothing_in(const struct iovec *iov, int n)
{
    for (int i = 0; i < n; i++) {
        if (iov[i].iov_len)
            return false;
    }
    return true;
}

static int broken(const struct proa_stream *s, const char *doing)
{
    return proa__fail(PROA_EBROKEN, "%s %s: %s", doing, s->ops->kind,
                      s->flags & STREAM_RESET ? "it was aborted"
                                              : "an earlier write was cut short");
}

int proa__stream_writable(struct proa_stream *s)
{
    if (s->flags & STREAM_BROKEN)
        return broken(s, "writing to");
    if (s->flags & STREAM_SHUT)
        return proa__fail(PROA_EPIPE, "writing to %s after its shutdown", s->ops->kind);
    if (s->write_rc)
        return proa__fail(s->write_rc, "writing to %s: %s", s->ops->kind,
                          proa_err_text(s->write_rc));
    return 0;
}

static ssize_t written(struct proa_stream *s, ssize_t took)
{
    if (took < 0 && took != PROA_EAGAIN && took != PROA_ENOMEM)
        s->write_rc = (int16_t)took;
    return took;
}

ssize_t proa__stream_offer(struct proa_stream *s, const struct iovec *iov, int n)
{
    return written(s, s->ops->try_writev(s, iov, n < IOV_MAX ? n : IOV_MAX));
}

ssize_t proa__stream_try_writev(struct proa_stream *s, const struct iovec *iov, int n)
{
    int rc;

    proa__stream_check(s, "writing");
    rc = proa__stream_writable(s);
    if (rc < 0)
        return rc;
    if (nothing_in(iov, n))
        return 0;
    if (s->out)
        rc = proa__stream_push(s);
    return rc < 0 ? rc : proa__stream_offer(s, iov, n);
}

ssize_t proa__stream_try_sendfile(struct proa_stream *s, int file, int64_t at, size_t n)
{
    ssize_t took;
    int rc;

    proa__stream_check(s, "sending a file");
    rc = proa__stream_writable(s);
    if (rc == 0 && s->out)
        rc = proa__stream_push(s);
    if (rc < 0)
        return rc;
    took = s->ops->try_sendfile ? s->ops->try_sendfile(s, file, at, n) : PROA_EOPNOTSUPP;
    return took == PROA_EOPNOTSUPP ? took : written(s, took);
}

int proa__stream_try_flush(struct proa_stream *s)
{
    int rc;

    proa__stream_check(s, "flushing");
    if (s->flags & STREAM_SHUT)
        return 0; /* it went out before that */
    rc = proa__stream_writable(s);
    return rc == 0 && s->out ? proa__stream_push(s) : rc;
}

int proa__stream_try_shutdown(struct proa_stream *s)
{
    int rc = 0;

    proa__stream_check(s, "shutting down");
    if (s->flags & STREAM_SHUT)
        return 0;
    if (s->flags & STREAM_BROKEN)
        return broken(s, "shutting down");
    if (s->out)
        rc = proa__stream_push(s);
    if (rc == 0)
        rc = s->ops->try_shutdown(s);
    if (rc == 0)
        s->flags |= STREAM_SHUT;
    return rc;
}

/* ---- the end ---- */

/* The calls in progress learn that the stream is gone, and touch it no more. */
static void leave_alone(struct stream_turn **slot)
{
    struct stream_turn *t = *slot;

    if (!t)
        return;
    *slot = NULL;
    t->closed = true;
    proa__wait_wake(&t->asleep, NULL, PROA_ECLOSED);
}

/* Once more, without waiting: an end behind a part of it would be taken for an end of all. */
static void part_with_kept(struct proa_stream *s)
{
    if (!(s->flags & STREAM_RESET) && proa__stream_push(s) < 0)
        s->flags |= STREAM_RESET;
    proa__stream_drop(s);
}

void proa__stream_close(struct proa_stream *s)
{
    if (!s)
        return;
    proa__stream_check(s, "closing a stream");
    if (s->flags & STREAM_BROKEN)
        s->flags |= STREAM_RESET;
    if (s->out)
        part_with_kept(s);
    leave_alone(&s->reader);
    leave_alone(&s->writer);
    s->interest = 0;
    proa__free(s->in);
    s->in = NULL;
    s->magic = 0;
    debug_closed(s);
    s->ops->close(s);
}

void proa__stream_abort(struct proa_stream *s)
{
    if (!s)
        return;
    s->flags |= STREAM_RESET;
    proa__stream_close(s);
}

void proa__stream_kill(struct proa_stream *s)
{
    proa__stream_check(s, "proa__stream_kill");
    s->flags |= STREAM_BROKEN | STREAM_RESET;
    s->read_rc = PROA_ECLOSED;
    proa__stream_ready(s, STREAM_READ | STREAM_WRITE);
}

void proa__stream_break(struct proa_stream *s)
{
    proa__stream_check(s, "proa__stream_break");
    s->flags |= STREAM_BROKEN;
}

/* ---- small questions ---- */

void proa__stream_read_done(struct proa_stream *s)
{
    proa__stream_check(s, "proa__stream_read_done");
    if (s->ops->read_done)
        s->ops->read_done(s);
}

unsigned proa__stream_bits(struct proa_stream *s)
{
    proa__stream_check(s, "proa__stream_bits");
    return s->ops->bits(s);
}

const void *proa__stream_query(struct proa_stream *s, unsigned tag)
{
    proa__stream_check(s, "proa__stream_query");
    return s->ops->query ? s->ops->query(s, tag) : NULL;
}

int proa_stream_fd(struct proa_stream *s)
{
    int fd;

    proa__stream_check(s, "proa_stream_fd");
    fd = s->ops->fd ? s->ops->fd(s) : -1;
    return fd < 0 ? -1 : fd;
}

static int address(struct proa_stream *s, bool peer, struct proa_addr *ret, const char *call)
{
    proa__stream_check(s, call);
    if (!s->ops->address)
        return proa__fail(PROA_EOPNOTSUPP, "%s: a %s stream has no address", call, s->ops->kind);
    return s->ops->address(s, peer, ret);
}

int proa_stream_peer(struct proa_stream *s, struct proa_addr *ret)
{
    return address(s, true, ret, "proa_stream_peer");
}

int proa_stream_local(struct proa_stream *s, struct proa_addr *ret)
{
    return address(s, false, ret, "proa_stream_local");
}
