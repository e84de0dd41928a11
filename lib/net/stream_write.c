#include "net/fd_stream.h"
#include "net/stream_out.h"
#include "net/turn.h"

#include <proa/err.h>
#include <proa/scope.h>
#include <proa/stream.h>
#include <proa/time.h>

#include <string.h>

/* How long an orderly end may take, whatever else is cancelled. */
#define CLOSE_TIME (5 * PROA_SEC)

/* Pieces handed to the carrier at once. */
#define BATCH 32

/* ---- writing ---- */

/* What is still to be written. */
struct rest {
    const struct iovec *iov;
    int n;
    size_t skip; /* bytes of iov[0] that are done */
};

static void advance(struct rest *r, size_t done)
{
    while (r->n && done >= r->iov->iov_len - r->skip) {
        done -= r->iov->iov_len - r->skip;
        r->skip = 0;
        r->iov++;
        r->n--;
    }
    r->skip += done;
}

/* Once, without waiting. */
static ssize_t write_once(struct proa_stream *s, const struct rest *r)
{
    struct iovec part[BATCH];
    int n = r->n < BATCH ? r->n : BATCH;

    memcpy(part, r->iov, (size_t)n * sizeof *part);
    part[0].iov_base = (char *)part[0].iov_base + r->skip;
    part[0].iov_len -= r->skip;
    return proa__stream_try_writev(s, part, n);
}

static int write_all(struct proa_stream *s, struct stream_turn *t, struct rest *r, size_t *done)
{
    for (;;) {
        ssize_t took;
        int rc = 0;
        advance(r, 0); /* past empty pieces */
        if (r->n == 0)
            return 0;
        took = write_once(s, r);
        if (took > 0) {
            *done += (size_t)took;
            advance(r, (size_t)took);
            if (r->n)
                rc = proa__turn_again(t);
        } else {
            rc = took == PROA_EAGAIN ? proa__turn_wait(s, t, STREAM_WRITE) : (int)took;
        }
        if (rc < 0)
            return rc;
    }
}

static void end_write(struct proa_stream *s, struct stream_turn *t, int rc, size_t done,
                      const size_t *ret_done)
{
    if (rc < 0 && done && !ret_done && !t->closed)
        proa__stream_break(s); /* nobody knows where it stopped */
    proa__turn_end(s, t, STREAM_WRITE, rc);
}

static int write_call(struct proa_stream *s, struct rest r, size_t *ret_done, const char *call)
{
    struct stream_turn t;
    size_t done = 0;
    int rc = proa__turn_begin(s, &t, STREAM_WRITE, call);

    if (rc == 0) {
        rc = write_all(s, &t, &r, &done);
        end_write(s, &t, rc, done, ret_done);
    }
    if (ret_done)
        *ret_done = done;
    return rc;
}

int proa_writev(struct proa_stream *s, const struct iovec *iov, int niov, size_t *ret_done)
{
    return write_call(s, (struct rest){.iov = iov, .n = niov}, ret_done, "proa_writev");
}

int proa_write(struct proa_stream *s, const void *buf, size_t n, size_t *ret_done)
{
    struct iovec iov = {.iov_base = (void *)buf, .iov_len = n};

    return write_call(s, (struct rest){.iov = &iov, .n = 1}, ret_done, "proa_write");
}

/* ---- writing later ---- */

static int flush(struct proa_stream *s, struct stream_turn *t)
{
    for (;;) {
        int rc = proa__stream_try_flush(s);
        if (rc != PROA_EAGAIN)
            return rc;
        rc = proa__turn_wait(s, t, STREAM_WRITE);
        if (rc < 0)
            return rc;
    }
}

int proa_flush(struct proa_stream *s)
{
    struct stream_turn t;
    int rc = proa__turn_begin(s, &t, STREAM_WRITE, "proa_flush");

    if (rc < 0)
        return rc;
    return proa__turn_end(s, &t, STREAM_WRITE, flush(s, &t));
}

static int keep_all(struct proa_stream *s, struct stream_turn *t, const char *bytes, size_t n,
                    size_t *done)
{
    int rc = proa__stream_writable(s);

    while (rc == 0 && *done < n) {
        ssize_t kept;
        if (!s->out && n - *done >= STREAM_OUT_ROOM) { /* too much to be worth a copy */
            struct iovec iov = {(void *)(uintptr_t)(bytes + *done), n - *done};
            return write_all(s, t, &(struct rest){.iov = &iov, .n = 1}, done);
        }
        kept = proa__stream_keep(s, bytes + *done, n - *done);
        if (kept < 0)
            return (int)kept;
        *done += (size_t)kept;
        if (*done < n)
            rc = flush(s, t);
    }
    return rc;
}

int proa_write_buffered(struct proa_stream *s, const void *buf, size_t n, size_t *ret_done)
{
    struct stream_turn t;
    size_t done = 0;
    int rc = proa__turn_begin(s, &t, STREAM_WRITE, "proa_write_buffered");

    if (rc == 0) {
        rc = keep_all(s, &t, buf, n, &done);
        end_write(s, &t, rc, done, ret_done);
    }
    if (ret_done)
        *ret_done = done;
    return rc;
}

/* ---- the end ---- */

static int shut(struct proa_stream *s, struct stream_turn *t)
{
    for (;;) {
        int rc = proa__stream_try_shutdown(s);
        if (rc == PROA_EAGAIN)
            rc = proa__turn_wait(s, t, STREAM_WRITE);
        else
            return rc;
        if (rc < 0)
            return rc;
    }
}

int proa_shutdown(struct proa_stream *s)
{
    struct stream_turn t;
    int rc = proa__turn_begin(s, &t, STREAM_WRITE, "proa_shutdown");

    if (rc < 0)
        return rc;
    return proa__turn_end(s, &t, STREAM_WRITE, shut(s, &t));
}

/* The half close where it has to wait: cancels from outside are held back, the time is not. */
static int shut_in_time(struct proa_stream *s)
{
    PROA_SHIELD(shield, CLOSE_TIME);
    PROA_TIMEOUT(timeout, CLOSE_TIME);
    return proa_timeout_result(&timeout, proa_shutdown(s));
}

/* Unread bytes would turn the close into a reset, which could overtake what we wrote last. Those
 * that no edge has told of yet, too, so the system itself is asked. */
static void drain(struct proa_stream *s)
{
    while (s->ops->lower && s->ops->lower(s))
        s = s->ops->lower(s);
    if (s->ops->fd && s->ops->fd(s) >= 0)
        proa__sock_drain(s->ops->fd(s));
}

int proa_close(struct proa_stream *s)
{
    int rc;

    if (!s)
        return 0;
    proa__stream_check_end(s, "proa_close");
    if (s->writer)
        proa__stream_break(s); /* another task is inside a write, which ends here */
    rc = proa__stream_try_shutdown(s);
    if (rc == PROA_EAGAIN) {
        rc = shut_in_time(s);
        if (rc == PROA_ECLOSED)
            return rc; /* freed by another task meanwhile */
    }
    if (rc == PROA_EOPNOTSUPP)
        rc = 0; /* a pipe that is only read has nothing to end */
    if (rc < 0) {
        proa__stream_abort(s);
        return rc;
    }
    drain(s);
    proa__stream_close(s);
    return 0;
}

void proa_abort(struct proa_stream *s)
{
    if (s)
        proa__stream_check_end(s, "proa_abort");
    proa__stream_abort(s);
}

void proa_stream_free(struct proa_stream *s)
{
    if (s)
        proa__stream_check_end(s, "proa_stream_free");
    proa__stream_close(s);
}
