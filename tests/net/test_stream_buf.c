/* A stream's read-side buffer against a model: bytes in their order, some of which can be put back.
 */

#include "net/pair.h"
#include "net/stream_buf.h"
#include "support/t_run.h"

#include <proa/err.h>

#include <string.h>

enum { SEEDS = 100, STEPS = 300, ALL = 1 << 20 };

static char text[ALL]; /* what is sent, each byte at its place */

struct model {
    struct proa_stream *a; /* it writes */
    struct proa_stream *b; /* whose buffer it is */
    size_t sent;
    size_t fetched; /* from the carrier */
    size_t at;      /* the place of the first byte that was not taken */
    size_t most;    /* that the buffer was ever allowed to hold */
    struct t_random random;
};

static size_t below(struct model *m, size_t n)
{
    return (size_t)t_random_below(&m->random, n);
}

static size_t least(size_t x, size_t y)
{
    return x < y ? x : y;
}

static void send_some(struct model *m)
{
    struct iovec iov = {text + m->sent, 1 + below(m, 3000)};
    ssize_t took = proa__stream_try_writev(m->a, &iov, 1);

    if (took != PROA_EAGAIN)
        m->sent += (size_t)ck_ok(took);
}

/* As much as it may, and where that is more than a quarter of the smallest buffer, at least that.
 */
static void fill(struct model *m)
{
    size_t max = 1 + below(m, below(m, 2) ? 9000 : 300);
    size_t had = m->fetched - m->at;
    size_t comes = m->sent - m->fetched;
    ssize_t got = proa__stream_fill(m->b, max);

    if (had >= max) {
        ck_assert_int_eq(got, PROA_EMSGSIZE);
        return;
    }
    m->most = max > m->most ? max : m->most;
    if (comes == 0) {
        ck_assert_int_eq(got, PROA_EAGAIN);
        return;
    }
    ck_assert_uint_le((size_t)got, least(comes, max - had));
    ck_assert_uint_ge((size_t)got, least(least(comes, max - had), STREAM_BUF_LEAST / 4));
    m->fetched += (size_t)got;
}

static void consume(struct model *m)
{
    size_t n = below(m, m->fetched - m->at + 5);

    proa__stream_settle(m->b);
    proa__stream_consume(m->b, n);
    m->at += least(n, m->fetched - m->at);
}

static void put_back(struct model *m)
{
    size_t n = least(m->at, below(m, below(m, 2) ? 5 : 500));

    ck_ok(proa__stream_unread(m->b, text + m->at - n, n));
    m->at -= n;
    m->most = m->fetched - m->at > m->most ? m->fetched - m->at : m->most;
}

static void lend(struct model *m)
{
    size_t had = m->fetched - m->at;
    size_t n;
    struct proa_str lent;

    proa__stream_settle(m->b);
    if (!had)
        return;
    n = 1 + below(m, had);
    lent = proa__stream_lend(m->b, n);
    ck_assert_uint_eq(lent.n, n);
    ck_assert_int_eq(memcmp(lent.p, text + m->at, n), 0);
    m->at += n;
}

/* Past the buffer, if it is empty. */
static void read_some(struct model *m)
{
    char bytes[1000];
    size_t had = m->fetched - m->at;
    size_t n = 1 + below(m, sizeof bytes);
    ssize_t got = proa__stream_try_read(m->b, bytes, n);

    if (had == 0 && m->sent == m->fetched) {
        ck_assert_int_eq(got, PROA_EAGAIN);
        return;
    }
    ck_assert_uint_eq((size_t)got, least(n, had ? had : m->sent - m->fetched));
    ck_assert_int_eq(memcmp(bytes, text + m->at, (size_t)got), 0);
    m->at += (size_t)got;
    m->fetched += had ? 0 : (size_t)got;
}

static void compare(const struct model *m)
{
    const struct stream_buf *in = m->b->in;
    struct proa_str have = proa__stream_buffered(m->b);

    ck_assert_uint_eq(have.n, m->fetched - m->at);
    ck_assert_int_eq(memcmp(have.n ? have.p : "", text + m->at, have.n), 0);
    if (!in)
        return;
    ck_assert_uint_gt(in->tail, in->head); /* else it was given back */
    ck_assert_uint_le(in->tail, in->cap);
    ck_assert_uint_ge(in->cap, STREAM_BUF_LEAST);
    ck_assert_uint_le(in->cap, m->most > STREAM_BUF_LEAST ? m->most : STREAM_BUF_LEAST);
}

static int model_body(void *arg)
{
    void (*const steps[])(struct model *) = {send_some, fill, fill,     consume,
                                             put_back,  lend, read_some};

    (void)arg;
    for (size_t i = 0; i < ALL; i++)
        text[i] = (char)(i * 31 + (i >> 8) * 7);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct model m = {.random = {seed}};
        ck_ok(proa__pair_new(&m.a, &m.b, NULL));
        for (int i = 0; i < STEPS && m.sent < ALL - 3000; i++) {
            steps[below(&m, sizeof steps / sizeof steps[0])](&m);
            compare(&m);
        }
        proa__stream_close(m.a);
        proa__stream_close(m.b);
    }
    return 0;
}
START_TEST(the_buffer_keeps_order_bounds_and_what_is_put_back)
{
    t_run(model_body, NULL);
}
END_TEST

static int starved_body(void *arg)
{
    struct proa_stream *a, *b;
    char byte = 0;

    (void)arg;
    ck_ok(proa__pair_new(&a, &b, NULL));
    ck_ok(proa_write(a, "bc", 2, NULL));
    t_alloc_fail(1);
    ck_assert_int_eq(proa_read(b, &byte, 1), 1); /* a small read goes past the buffer then */
    ck_assert_int_eq(byte, 'b');
    t_alloc_fail(1);
    ck_err(proa__stream_unread(b, "b", 1), PROA_ENOMEM);
    t_alloc_fail(1);
    ck_err(proa__stream_fill(b, 10), PROA_ENOMEM);
    t_alloc_fail(0);
    ck_ok(proa__stream_unread(b, "b", 1));
    ck_assert_int_eq(proa__stream_fill(b, 10), 1);
    t_alloc_fail(1);
    ck_err(proa__stream_unread(b, "more than is free in front", 26), PROA_ENOMEM);
    t_alloc_fail(0);
    ck_str_eq(proa__stream_buffered(b), "bc"); /* nothing is lost */
    proa__stream_close(a);
    proa__stream_close(b);
    return 0;
}
START_TEST(without_memory_nothing_is_lost)
{
    t_run(starved_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("stream_buf", (const TTest *const[]){
                                    the_buffer_keeps_order_bounds_and_what_is_put_back,
                                    without_memory_nothing_is_lost,
                                    NULL,
                                });
}
