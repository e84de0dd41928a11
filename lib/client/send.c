#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "client/connection.h"
#include "core/loop.h"
#include "net/stream.h"

#include <proa/err.h>
#include <proa/scope.h>
#include <proa/time.h>

/* Bytes of a response that are held while the request is still being sent, beside as many as the
 * request has itself: an echo is as long as what it answers. */
#define EARLY_MAX ((size_t)64 << 10)

/* ---- what is in flight ---- */

static bool too_many(const struct proa_connection *c, size_t more)
{
    return more > CONNECTION_ASKED_MAX - c->asked_n;
}

/* Room for `n` more in the ring. */
static int grow_asked(struct proa_connection *c, size_t n)
{
    size_t room = c->asked_room ? c->asked_room : 8;

    if (c->asked_n + n <= c->asked_room)
        return 0;
    while (room < c->asked_n + n)
        room *= 2;
    uint8_t *ring = proa__alloc(room);
    if (!ring)
        return PROA_ENOMEM;
    for (size_t i = 0; i < c->asked_n; i++)
        ring[i] = c->asked[(c->asked_at + i) % c->asked_room];
    proa__free(c->asked);
    c->asked = ring;
    c->asked_room = room;
    c->asked_at = 0;
    return 0;
}

int proa__connection_note(struct proa_connection *c, uint8_t asked, size_t count)
{
    if (c->broken || c->cut || c->last)
        return proa__fail(PROA_ECLOSED, "the connection to %.*s takes no more requests",
                          PROA_PRI(c->origin.authority));
    if (too_many(c, count))
        return proa__fail(PROA_EINVAL, "more than %d requests in flight on a connection",
                          CONNECTION_ASKED_MAX);
    int rc = grow_asked(c, count);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < count; i++)
        c->asked[(c->asked_at + c->asked_n++) % c->asked_room] = asked;
    c->times.send_begin = proa__loop_now(c->loop);
    return 0;
}

/* ---- writing ---- */

/* What is still to be written. */
struct rest {
    struct iovec *iov;
    int n;
    size_t total;     /* bytes, at the beginning */
    int64_t deadline; /* of the next byte to be taken; 0: set when that has to be waited for */
};

/* The stream takes nothing now. 0: try again; 1: the rest need not be sent; or a code. */
typedef int blocked_fn(struct proa_connection *c, struct rest *rest);

static int wait_for(struct proa_connection *c, struct rest *rest, unsigned dirs)
{
    int64_t now = proa__loop_now(c->loop);

    if (c->opts.write_timeout == PROA_FOREVER)
        return proa__stream_wait(c->stream, dirs);
    if (!rest->deadline)
        rest->deadline = proa_time_add(now, c->opts.write_timeout);
    PROA_TIMEOUT(t, rest->deadline - now);
    int rc = proa_timeout_result(&t, proa__stream_wait(c->stream, dirs));
    if (rc == PROA_ETIMEDOUT)
        return proa__fail(PROA_EWRITETIMEDOUT, "%.*s: the server took no byte for %lld ms",
                          PROA_PRI(c->origin.authority),
                          (long long)(c->opts.write_timeout / PROA_MS));
    return rc;
}

static int only_wait(struct proa_connection *c, struct rest *rest)
{
    return wait_for(c, rest, STREAM_WRITE);
}

static void advance(struct rest *r, size_t n)
{
    while (r->n && n >= r->iov->iov_len) {
        n -= r->iov->iov_len;
        r->iov++;
        r->n--;
    }
    if (r->n) {
        r->iov->iov_base = (char *)r->iov->iov_base + n;
        r->iov->iov_len -= n;
    }
}

static int write_all(struct proa_connection *c, struct rest *rest, blocked_fn *blocked)
{
    int rc = 0;

    while (rest->n && rc == 0) {
        ssize_t n = proa__stream_try_writev(c->stream, rest->iov, rest->n);
        if (n >= 0) {
            advance(rest, (size_t)n);
            rest->deadline = 0;
        } else {
            rc = n == PROA_EAGAIN ? blocked(c, rest) : (int)n;
        }
    }
    c->times.send_end = proa__loop_now(c->loop);
    if (rc != 0)
        c->cut = true;
    if (rc == PROA_ECANCELED || rc == PROA_EWRITETIMEDOUT)
        c->broken = true;
    return rc;
}

int proa__connection_send(struct proa_connection *c, struct iovec *iov, int niov, uint8_t asked,
                          size_t count)
{
    int rc = proa__connection_note(c, asked, count);

    return rc < 0 ? rc : write_all(c, &(struct rest){.iov = iov, .n = niov}, only_wait);
}

int proa_connection_send(struct proa_connection *c, const struct proa_prepared *p)
{
    return proa_connection_send_n(c, p, 1);
}

int proa_connection_send_n(struct proa_connection *c, const struct proa_prepared *p, size_t n)
{
    enum { BATCH = 32 };
    struct iovec iov[BATCH];
    int rc = 0;

    PROA_CHECK_OBJ(c, MAGIC_CONNECTION);
    PROA_CHECK_OBJ(p, MAGIC_PREPARED);
    if (too_many(c, n)) /* before the first of them has left */
        return proa__connection_note(c, p->asked, n);
    while (n && rc == 0) {
        size_t some = n < BATCH ? n : BATCH;
        for (size_t i = 0; i < some; i++)
            iov[i] = (struct iovec){(void *)p->bytes, p->n};
        rc = proa__connection_send(c, iov, (int)some, p->asked, some);
        n -= some;
    }
    return rc;
}

/* ---- listening while writing ---- */

/* Hold more of a response that came early. 0: there was some; PROA_EAGAIN: nothing now; 1: nothing
 * more can be held. */
static int hold_early(struct proa_connection *c, const struct rest *rest)
{
    ssize_t n = proa__stream_fill(c->stream, EARLY_MAX + rest->total);

    if (n > 0)
        c->received += (uint64_t)n;
    return n > 0 ? 0 : n == PROA_EAGAIN ? PROA_EAGAIN : 1;
}

/*
 * RFC 9112 9.5: who is told that its request is refused stops sending it. A response that is no
 * refusal may come early too, from a server that answers while it reads: then both go on.
 */
static int wait_or_listen(struct proa_connection *c, struct rest *rest)
{
    int event = HTTP_INTERIM;

    while (c->state != CONNECTION_READY && event == HTTP_INTERIM)
        event = proa__connection_try_head(c);
    if (event < 0 && event != PROA_EAGAIN)
        return event;
    if (c->state != CONNECTION_READY)
        return wait_for(c, rest, STREAM_READ | STREAM_WRITE);
    if (c->parser.head->status >= 300)
        return 1;

    int rc = hold_early(c, rest);
    if (rc == 0)
        return 0;
    return wait_for(c, rest, rc == 1 ? STREAM_WRITE : STREAM_READ | STREAM_WRITE);
}

int proa__connection_send_rest(struct proa_connection *c, struct iovec *iov, int niov)
{
    struct rest rest = {.iov = iov, .n = niov};

    for (int i = 0; i < niov; i++)
        rest.total += iov[i].iov_len;
    return write_all(c, &rest, wait_or_listen);
}
