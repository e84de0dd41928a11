#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/loop.h"
#include "net/file_io.h"
#include "net/turn.h"

#include <proa/file.h>

#include <errno.h>
#include <unistd.h>

/* Given to the system at once. Asking whether the cache has it costs the same for any size. */
#define SYSTEM_PART ((size_t)256 << 10)

/* Read by a thread at once. The kernel reads ahead, so what follows is often there then. */
#define COLD_PART ((size_t)64 << 10)

/* One operation of the task's budget. */
#define BUDGET_PART ((size_t)16 << 10)

struct transfer {
    struct proa_stream *s;
    struct stream_turn turn;
    int fd;
    int64_t at;  /* the next byte */
    int64_t end; /* behind the last */
    bool by_system;
    bool insist;    /* no_fallback */
    char *held;     /* what a thread has read; NULL until then */
    size_t held_at; /* the first byte of it that is not sent */
    size_t held_n;  /* bytes from there on */
};

static size_t left(const struct transfer *x, size_t most)
{
    int64_t n = x->end - x->at;

    return (uint64_t)n < most ? (size_t)n : most;
}

static ssize_t write_bytes(struct transfer *x, const char *bytes, size_t n)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = n};

    return proa__stream_try_writev(x->s, &iov, 1);
}

static ssize_t write_held(struct transfer *x)
{
    ssize_t took = write_bytes(x, x->held + x->held_at, x->held_n);

    if (took > 0) {
        x->held_at += (size_t)took;
        x->held_n -= (size_t)took;
    }
    return took;
}

static int too_short(const struct transfer *x)
{
    return proa__fail(PROA_EEOF, "sending a file: it ends %lld bytes before what was to be sent",
                      (long long)(x->end - x->at));
}

/* Let a thread read what comes next. 0, or why not. */
static int fetch(struct transfer *x)
{
    ssize_t got;
    int rc;

    if (!x->held)
        x->held = proa__alloc(COLD_PART);
    if (!x->held)
        return proa__fail(PROA_ENOMEM, "sending a file: no memory for a part of it");
    got = proa__file_read_job(x->fd, x->held, left(x, COLD_PART), x->at);
    rc = proa__turn_again(&x->turn); /* the stream may be gone */
    if (rc < 0 || got < 0)
        return rc < 0 ? rc : (int)got;
    if (got == 0)
        return too_short(x);
    x->held_at = 0;
    x->held_n = (size_t)got;
    return 0;
}

/* A file that cannot be read either has a reason of its own, which reading tells. */
static int not_by_system(struct transfer *x)
{
    int rc = fetch(x);

    return rc < 0 ? rc
                  : proa__fail(PROA_EOPNOTSUPP, "sending a file: the system cannot send this one");
}

/* > 0: bytes taken; 0: not to be sent this way; or a code. */
static ssize_t offer(struct transfer *x, size_t n)
{
    ssize_t took = proa__stream_try_sendfile(x->s, x->fd, x->at, n);

    if (took != PROA_EOPNOTSUPP)
        return took;
    x->by_system = false;
    return x->insist ? not_by_system(x) : 0;
}

/* The same, and 0 also if it is not cached. */
static ssize_t give_to_system(struct transfer *x)
{
    size_t n = left(x, SYSTEM_PART);

    return proa__file_is_cached(x->fd, x->at, n) ? offer(x, n) : 0;
}

/* A thread has just read it, so the cache has it now; its copy is not needed. */
static ssize_t give_fetched(struct transfer *x)
{
    size_t n = x->held_n;

    x->held_n = 0;
    return offer(x, n);
}

/* The same by way of the loop's scratch: nothing is kept there while anybody waits. */
static ssize_t copy(struct transfer *x)
{
    size_t room;
    char *scratch = proa__loop_scratch(x->s->loop, &room);
    ssize_t got = proa__file_read_now(x->fd, scratch, left(x, room), x->at);

    if (got > 0)
        return write_bytes(x, scratch, (size_t)got);
    return got == 0 ? too_short(x) : 0;
}

/* > 0: bytes taken; PROA_EAGAIN: no room; or why it ends. Waits for the disk where it must. */
static ssize_t send_part(struct transfer *x)
{
    ssize_t took = 0;
    size_t room;
    bool small;

    if (x->held_n)
        return write_held(x);
    proa__loop_scratch(x->s->loop, &room);
    small = !x->insist && x->end - x->at <= (int64_t)room;
    if (x->by_system && !small)
        took = give_to_system(x);
    if (took == 0 && (!x->by_system || small))
        took = copy(x);
    if (took)
        return took;
    int rc = fetch(x);
    if (rc < 0)
        return rc;
    return x->insist ? give_fetched(x) : write_held(x);
}

/* Large parts are many operations: others have their turn in time. */
static int charge(struct transfer *x, size_t took)
{
    int rc = 0;

    for (size_t i = 0; i < took && rc == 0; i += BUDGET_PART)
        rc = proa__turn_again(&x->turn);
    return rc;
}

static int send_all(struct transfer *x)
{
    while (x->at < x->end) {
        ssize_t took = send_part(x);
        int rc = (int)took;

        if (took > 0) {
            x->at += took;
            rc = x->at < x->end ? charge(x, (size_t)took) : 0;
        } else if (took == PROA_EAGAIN) {
            rc = proa__turn_wait(x->s, &x->turn, STREAM_WRITE);
        }
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Where it begins and ends. */
static int measure(struct transfer *x, int64_t offset, int64_t n)
{
    int64_t size;
    int rc = proa__file_check(x->fd, "proa_sendfile: the descriptor", &size);

    if (rc < 0)
        return rc;
    if (offset == PROA_FILE_CURRENT)
        offset = lseek(x->fd, 0, SEEK_CUR);
    if (n == PROA_FILE_REST)
        n = size > offset ? size - offset : 0;
    x->at = offset;
    if (n > 0 && (size < offset || n > size - offset))
        return proa__fail(PROA_EEOF, "sending %lld bytes from %lld on of a file that has %lld",
                          (long long)n, (long long)offset, (long long)size);
    x->end = offset + n;
    return 0;
}

static int send_file(struct transfer *x, int64_t offset, int64_t n, int64_t *ret_done)
{
    int64_t from;
    int rc = measure(x, offset, n);

    if (rc < 0)
        return rc;
    x->by_system = x->s->ops->try_sendfile != NULL;
    if (x->insist && !x->by_system)
        return proa__fail(PROA_EOPNOTSUPP, "sending a file: the system cannot send it over %s",
                          x->s->ops->kind);
    from = x->at;
    rc = send_all(x);
    proa__free(x->held);
    *ret_done = x->at - from;
    if (offset == PROA_FILE_CURRENT)
        lseek(x->fd, x->at, SEEK_SET);
    return rc;
}

int proa_sendfile(struct proa_stream *s, int fd, int64_t offset, int64_t n, int64_t *ret_done,
                  const struct proa_sendfile_opts *opts)
{
    struct proa_sendfile_opts o;
    struct transfer x = {.s = s, .fd = fd};
    int64_t done = 0;
    int rc;

    if (ret_done)
        *ret_done = 0;
    rc = proa__opts_copy(&o, sizeof o, opts);
    if (rc < 0)
        return rc;
    if ((offset < 0 && offset != PROA_FILE_CURRENT) || n < 0)
        return proa__fail(PROA_EINVAL, "proa_sendfile: a negative offset or count");
    rc = proa__turn_begin(s, &x.turn, STREAM_WRITE, "proa_sendfile");
    if (rc < 0)
        return rc;
    x.insist = o.no_fallback;
    rc = send_file(&x, offset, n, &done);
    if (rc < 0 && done && !ret_done && !x.turn.closed)
        proa__stream_break(s); /* nobody knows where it stopped */
    if (ret_done)
        *ret_done = done;
    return proa__turn_end(s, &x.turn, STREAM_WRITE, rc);
}
