#include "net/pair.h"

#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/debug.h"
#include "core/loop.h"
#include "core/timer.h"

#include <proa/err.h>
#include <proa/time.h>

#include <string.h>

#define PAIR_CAPACITY ((size_t)64 << 10)
#define PAIR_CAPACITY_MAX ((size_t)1 << 30)

struct half;

/* One direction. `used` bytes from `head` on, a ring: first the readable ones, then those under
 * way. */
struct way {
    struct proa_pair_fault fault;
    struct half *from; /* NULL once closed */
    struct half *to;   /* NULL once closed */
    struct timer next; /* the next piece, or the end, arrives */
    char *ring;
    size_t head;
    size_t used;
    size_t readable;
    size_t arrived; /* bytes in all, for the cut */
    bool closing;   /* the end follows the bytes under way */
    bool ended;     /* the reader may read the end */
    bool cut;       /* what is written is swallowed */
};

struct half {
    struct proa_stream s;
    struct pair *pair;
    struct way *in;
    struct way *out;
    struct soon soon;
    bool reset;
};

struct pair {
    struct half a, b;
    struct way ab, ba;
    int open;
};

static struct half *of(struct proa_stream *s)
{
    return (struct half *)s;
}

static unsigned bits_of(const struct half *h)
{
    unsigned bits = 0;

    if (h->in->readable || h->in->ended || h->reset)
        bits |= STREAM_READ;
    if (h->out->used < h->out->fault.capacity || h->out->cut || !h->out->to || h->reset)
        bits |= STREAM_WRITE;
    if (h->in->ended || h->reset)
        bits |= STREAM_CLOSED;
    return bits;
}

static void tell(void *arg)
{
    struct half *h = arg;

    proa__stream_ready(&h->s, bits_of(h) & proa__stream_wanted(&h->s));
}

static void tell_soon(struct half *h, unsigned dirs)
{
    if (h && !h->soon.fn && bits_of(h) & proa__stream_wanted(&h->s) & dirs)
        proa__loop_soon(h->s.loop, &h->soon, tell, h);
}

/* ---- the network ---- */

static void reset(struct pair *pair)
{
    pair->a.reset = pair->b.reset = true;
    pair->ab.used = pair->ab.readable;
    pair->ba.used = pair->ba.readable;
    proa__timer_stop(&pair->ab.next);
    proa__timer_stop(&pair->ba.next);
}

static void cut(struct pair *pair, struct way *w)
{
    w->cut = true;
    w->used = w->readable;
    if (w->fault.cut == PROA_PAIR_RST)
        reset(pair);
    else
        w->ended = true;
}

/* The next piece becomes readable. Tells nobody. */
static void arrive(struct pair *pair, struct way *w)
{
    size_t piece = w->used - w->readable;
    bool cuts = w->fault.cut != PROA_PAIR_WHOLE && !w->cut;

    if (w->fault.split && piece > w->fault.split)
        piece = w->fault.split;
    if (cuts && piece > w->fault.cut_at - w->arrived)
        piece = w->fault.cut_at - w->arrived;
    w->readable += piece;
    w->arrived += piece;
    if (cuts && w->arrived == w->fault.cut_at)
        cut(pair, w);
    if (w->closing && w->used == w->readable)
        w->ended = true;
}

static void on_time(void *arg);

static bool something_comes(const struct way *w)
{
    return w->used > w->readable || (w->closing && !w->ended);
}

static void keep_going(struct way *w, struct proa_loop *loop)
{
    if (w->to && something_comes(w) && !timer_running(&w->next))
        proa__timer_start_after(loop, &w->next, w->fault.delay, on_time, w);
}

static void on_time(void *arg)
{
    struct way *w = arg;
    struct half *to = w->to;
    struct pair *pair = to->pair;

    arrive(pair, w);
    keep_going(w, to->s.loop);
    tell_soon(w->from, STREAM_WRITE | STREAM_CLOSED);
    if (pair->a.reset)
        tell_soon(w->from, STREAM_READ);
    proa__stream_ready(&to->s, bits_of(to) & proa__stream_wanted(&to->s)); /* may free all */
}

/* Bytes or the end were put on the way. */
static void sent(struct pair *pair, struct way *w)
{
    struct half *to = w->to;

    if (!to)
        return;
    if (w->fault.split || w->fault.delay > 0) {
        keep_going(w, to->s.loop);
        return;
    }
    arrive(pair, w);
    tell_soon(to, STREAM_READ | STREAM_WRITE | STREAM_CLOSED);
    if (pair->a.reset)
        tell_soon(w->from, STREAM_READ | STREAM_WRITE | STREAM_CLOSED);
}

/* ---- the stream ---- */

static size_t put(struct way *w, const char *bytes, size_t n)
{
    size_t cap = w->fault.capacity;
    size_t tail = (w->head + w->used) % cap;
    size_t first;

    if (n > cap - w->used)
        n = cap - w->used;
    first = n < cap - tail ? n : cap - tail;
    memcpy(w->ring + tail, bytes, first);
    memcpy(w->ring, bytes + first, n - first);
    w->used += n;
    return n;
}

static ssize_t pair_try_writev(struct proa_stream *s, const struct iovec *iov, int n)
{
    struct half *h = of(s);
    struct way *w = h->out;
    size_t took = 0;

    if (h->reset)
        return proa__fail(PROA_ECONNRESET, "writing to pair: connection reset");
    if (!w->to)
        return proa__fail(PROA_EPIPE, "writing to pair: the other side is closed");
    for (int i = 0; i < n; i++) {
        size_t part = w->cut ? iov[i].iov_len : put(w, iov[i].iov_base, iov[i].iov_len);
        took += part;
        if (part < iov[i].iov_len)
            break;
    }
    if (took == 0)
        return PROA_EAGAIN;
    if (!w->cut)
        sent(h->pair, w);
    return (ssize_t)took;
}

static ssize_t pair_try_read(struct proa_stream *s, void *buf, size_t n)
{
    struct half *h = of(s);
    struct way *w = h->in;
    size_t cap = w->fault.capacity;
    size_t first;

    if (w->readable == 0 && h->reset)
        return proa__fail(PROA_ECONNRESET, "reading from pair: connection reset");
    if (w->readable == 0)
        return w->ended ? 0 : PROA_EAGAIN;
    if (n > w->readable)
        n = w->readable;
    if (w->fault.split && n > w->fault.split)
        n = w->fault.split;
    first = n < cap - w->head ? n : cap - w->head;
    memcpy(buf, w->ring + w->head, first);
    memcpy((char *)buf + first, w->ring, n - first);
    w->head = (w->head + n) % cap;
    w->used -= n;
    w->readable -= n;
    tell_soon(w->from, STREAM_WRITE);
    return (ssize_t)n;
}

static int pair_try_shutdown(struct proa_stream *s)
{
    struct half *h = of(s);

    if (h->reset)
        return proa__fail(PROA_ECONNRESET, "shutting down pair: connection reset");
    h->out->closing = true;
    sent(h->pair, h->out);
    return 0;
}

static void pair_want(struct proa_stream *s, unsigned dirs, unsigned fresh)
{
    (void)dirs;
    tell_soon(of(s), fresh);
}

static unsigned pair_bits(struct proa_stream *s)
{
    return bits_of(of(s));
}

static void pair_close(struct proa_stream *s)
{
    struct half *h = of(s);
    struct pair *pair = h->pair;

    proa__loop_soon_cancel(&h->soon);
    proa__timer_stop(&h->in->next);
    h->in->to = NULL;
    h->in->used = h->in->readable = 0;
    h->out->from = NULL;
    if (s->flags & STREAM_RESET) {
        reset(pair);
        tell_soon(h->out->to, STREAM_READ | STREAM_WRITE | STREAM_CLOSED);
    } else if (!h->reset) {
        h->out->closing = true;
        sent(pair, h->out);
        tell_soon(h->out->to, STREAM_WRITE); /* its writes fail from now on */
    }
    if (--pair->open == 0)
        proa__free(pair);
}

static const struct stream_ops pair_ops = {
    .kind = "pair",
    .try_read = pair_try_read,
    .try_writev = pair_try_writev,
    .try_shutdown = pair_try_shutdown,
    .close = pair_close,
    .want = pair_want,
    .bits = pair_bits,
};

static void set_way(struct way *w, const struct proa_pair_fault *fault, struct half *from,
                    struct half *to, char *ring)
{
    w->fault = *fault;
    w->from = from;
    w->to = to;
    w->ring = ring;
    from->out = w;
    to->in = w;
}

static void set_half(struct half *h, struct pair *pair)
{
    proa__stream_init(&h->s, &pair_ops);
    h->pair = pair;
    debug_opened(proa__stream_describe, &h->s);
}

int proa__pair_new(struct proa_stream **ret_a, struct proa_stream **ret_b,
                   const struct pair_opts *opts)
{
    struct pair_opts o = opts ? *opts : (struct pair_opts){0};
    struct pair *pair;
    char *rings;

    o.ab.capacity = o.ab.capacity ? o.ab.capacity : PAIR_CAPACITY;
    o.ba.capacity = o.ba.capacity ? o.ba.capacity : PAIR_CAPACITY;
    pair = proa__alloc(sizeof *pair + o.ab.capacity + o.ba.capacity);
    if (!pair)
        return proa__fail(PROA_ENOMEM, "no memory for a pair of streams");
    *pair = (struct pair){.open = 2};
    rings = (char *)(pair + 1);
    set_half(&pair->a, pair);
    set_half(&pair->b, pair);
    set_way(&pair->ab, &o.ab, &pair->a, &pair->b, rings);
    set_way(&pair->ba, &o.ba, &pair->b, &pair->a, rings + o.ab.capacity);
    if (o.ab.cut != PROA_PAIR_WHOLE && o.ab.cut_at == 0)
        cut(pair, &pair->ab);
    if (o.ba.cut != PROA_PAIR_WHOLE && o.ba.cut_at == 0)
        cut(pair, &pair->ba);
    *ret_a = &pair->a.s;
    *ret_b = &pair->b.s;
    return 0;
}

static int check(const struct proa_pair_fault *fault)
{
    if (fault->delay < 0)
        return proa__fail(PROA_EINVAL, "a pair of streams: a delay below zero");
    if (fault->capacity > PAIR_CAPACITY_MAX)
        return proa__fail(PROA_EINVAL, "a pair of streams: a capacity beyond 1 GiB");
    return 0;
}

int proa_pair_new(struct proa_stream **ret_a, struct proa_stream **ret_b,
                  const struct proa_pair_opts *opts)
{
    struct proa_pair_opts o;
    int rc = proa__opts_copy(&o, sizeof o, opts);

    proa__loop_need(__func__);
    if (rc >= 0)
        rc = check(&o.ab);
    if (rc >= 0)
        rc = check(&o.ba);
    if (rc < 0)
        return rc;
    return proa__pair_new(ret_a, ret_b, &(struct pair_opts){.ab = o.ab, .ba = o.ba});
}
