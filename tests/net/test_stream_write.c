#include "net/pair.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/stream.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

static struct proa_stream *a; /* the far end, mostly worked by hand */
static struct proa_stream *b; /* whose calls are tested */

static void open_pair(const struct pair_opts *opts)
{
    ck_ok(proa__pair_new(&a, &b, opts));
}

static void close_pair(void)
{
    proa_stream_free(a);
    proa_stream_free(b);
    a = b = NULL;
}

static void say(struct proa_stream *s, const char *text)
{
    struct iovec iov = {.iov_base = (void *)text, .iov_len = strlen(text)};

    ck_assert_int_eq(proa__stream_try_writev(s, &iov, 1), (long)strlen(text));
}

struct call {
    int rc;
    size_t done;
    char buf[64];
    bool over;
};

static int read_some(void *arg)
{
    struct call *c = arg;
    ssize_t got = proa_read(b, c->buf, sizeof c->buf);

    c->rc = got < 0 ? (int)got : 0;
    c->done = got > 0 ? (size_t)got : 0;
    c->over = true;
    return 0;
}

static int write_lots(void *arg)
{
    struct call *c = arg;
    static const char bytes[100];

    c->rc = proa_write(b, bytes, sizeof bytes, &c->done);
    c->over = true;
    return 0;
}

/* ---- writing */

/* Take n bytes off the pair itself, past the stream's buffer. */
static void take(size_t n)
{
    char c;

    for (; n; n--)
        ck_assert_int_eq(a->ops->try_read(a, &c, 1), 1);
}

static int backpressure_body(void *arg)
{
    struct call w = {0};

    (void)arg;
    open_pair(&(struct pair_opts){.ba.capacity = 10});
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, write_lots, &w));
    t_turns(3);
    for (int i = 0; i < 9; i++) {
        ck_assert(!w.over);
        take(i < 8 ? 10 : 9);
        t_turns(3);
    }
    ck_assert(!w.over);
    take(1); /* now the last byte fits */
    t_turns(3);
    ck_assert(w.over);
    ck_ok(proa_group_join(&g));
    close_pair();
    return 0;
}
START_TEST(a_write_waits_until_all_is_taken)
{
    t_run(backpressure_body, NULL);
}
END_TEST

static int writev_body(void *arg)
{
    struct iovec iov[100];
    char text[101] = {0};
    size_t done;

    (void)arg;
    for (size_t i = 0; i < 100; i++) {
        text[i] = (char)('!' + i % 90);
        iov[i] = (struct iovec){&text[i], i % 7 != 3}; /* some of them empty */
    }
    open_pair(&(struct pair_opts){.ba.capacity = 200});
    ck_ok(proa_writev(b, iov, 100, &done));
    ck_assert_uint_eq(done, 86);
    for (size_t i = 0; i < 100; i++) {
        char c;
        if (i % 7 == 3)
            continue;
        ck_assert_int_eq(proa_read(a, &c, 1), 1);
        ck_assert_int_eq(c, text[i]);
    }
    ck_ok(proa_writev(b, iov, 0, &done));
    ck_ok(proa_write(b, NULL, 0, &done));
    ck_assert_uint_eq(done, 0);
    close_pair();
    return 0;
}
START_TEST(pieces_are_written_in_order)
{
    t_run(writev_body, NULL);
}
END_TEST

static int cut_write_body(void *arg)
{
    bool counted = *(bool *)arg;
    size_t done = 0;
    char buf[20];
    int rc = 0;

    open_pair(&(struct pair_opts){.ba.capacity = 10});
    {
        PROA_TIMEOUT(t, PROA_SEC);
        rc = proa_timeout_result(&t, proa_write(b, "twelve bytes", 12, counted ? &done : NULL));
    }
    ck_assert_int_eq(rc, PROA_ETIMEDOUT);
    ck_assert_int_eq(proa_read(a, buf, sizeof buf), 10);
    if (counted) {
        ck_assert_uint_eq(done, 10);
        ck_ok(proa_write(b, "es", 2, NULL)); /* it goes on behind them */
        ck_ok(proa_close(b));
        ck_assert_int_eq(proa_read(a, buf, sizeof buf), 2);
        ck_assert_int_eq(proa_read(a, buf, sizeof buf), 0);
    } else {
        ck_err(proa_write(b, "es", 2, NULL), PROA_EBROKEN);
        ck_err(proa_shutdown(b), PROA_EBROKEN);
        ck_err(proa_close(b), PROA_EBROKEN); /* and it was an abort */
        ck_assert_int_eq(proa_read(a, buf, sizeof buf), PROA_ECONNRESET);
    }
    proa_stream_free(a);
    return 0;
}
START_TEST(a_cut_write_breaks_the_stream_unless_counted)
{
    bool counted = _i;

    t_run(cut_write_body, &counted);
}
END_TEST

static int broken_free_body(void *arg)
{
    char c;

    (void)arg;
    open_pair(NULL);
    proa__stream_break(b);
    proa_stream_free(b);
    ck_assert_int_eq(proa_read(a, &c, 1), PROA_ECONNRESET);
    proa_stream_free(a);

    open_pair(NULL);
    say(b, "x");
    proa_stream_free(b); /* not broken: an end, behind what was taken */
    ck_assert_int_eq(proa_read(a, &c, 1), 1);
    ck_assert_int_eq(proa_read(a, &c, 1), 0);
    proa_stream_free(a);

    open_pair(NULL);
    proa_abort(b);
    ck_assert_int_eq(proa_read(a, &c, 1), PROA_ECONNRESET);
    proa_stream_free(a);
    proa_abort(NULL);
    proa_stream_free(NULL);
    ck_ok(proa_close(NULL));
    return 0;
}
START_TEST(free_of_a_broken_stream_is_an_abort)
{
    t_run(broken_free_body, NULL);
}
END_TEST

static int errors_stay_body(void *arg)
{
    size_t done = 9;

    (void)arg;
    open_pair(NULL);
    proa_abort(a);
    ck_err(proa_write(b, "x", 1, &done), PROA_ECONNRESET);
    ck_assert_uint_eq(done, 0);
    ck_err(proa_write(b, "x", 1, &done), PROA_ECONNRESET);
    ck_err(proa_close(b), PROA_ECONNRESET);
    return 0;
}
START_TEST(a_write_error_is_told_each_time)
{
    t_run(errors_stay_body, NULL);
}
END_TEST

static int shutdown_body(void *arg)
{
    char c;

    (void)arg;
    open_pair(NULL);
    ck_ok(proa_shutdown(b));
    ck_ok(proa_shutdown(b));
    ck_err(proa_write(b, "x", 1, NULL), PROA_EPIPE);
    ck_assert_int_eq(proa_read(a, &c, 1), 0);
    say(a, "y");
    ck_assert_int_eq(proa_read(b, &c, 1), 1); /* the other direction lives */
    ck_ok(proa_close(b));
    proa_stream_free(a);
    return 0;
}
START_TEST(shutdown_ends_one_direction)
{
    t_run(shutdown_body, NULL);
}
END_TEST

static int close_busy_body(void *arg)
{
    struct call r = {0}, w = {0};
    char buf[20];

    (void)arg;
    open_pair(&(struct pair_opts){.ba.capacity = 10});
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, read_some, &r));
    ck_ok(proa_create_task(&g, write_lots, &w));
    t_turns(2);
    ck_err(proa_close(b), PROA_EBROKEN); /* in the middle of another task's write */
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(r.rc, PROA_ECLOSED);
    ck_assert_int_eq(w.rc, PROA_ECLOSED);
    ck_assert_int_eq(proa_read(a, buf, 20), 10);
    ck_assert_int_eq(proa_read(a, buf, 20), PROA_ECONNRESET);
    proa_stream_free(a);
    return 0;
}
START_TEST(closing_under_a_writer_is_an_abort)
{
    t_run(close_busy_body, NULL);
}
END_TEST

/* ---- closing where the carrier must wait */

static struct slow {
    struct proa_stream s;
    int shutdowns; /* how often it was asked */
    int refuse;    /* times that it has to wait; negative: for ever */
    unsigned wanted;
    bool reset;
    bool closed;
} slow;

static int slow_shutdown(struct proa_stream *s)
{
    (void)s;
    slow.shutdowns++;
    return slow.refuse < 0 || slow.shutdowns <= slow.refuse ? PROA_EAGAIN : 0;
}

static void slow_close(struct proa_stream *s)
{
    slow.reset = s->flags & STREAM_RESET;
    slow.closed = true;
}

static void slow_want(struct proa_stream *s, unsigned dirs, unsigned fresh)
{
    (void)s;
    (void)fresh;
    slow.wanted = dirs;
}

static unsigned slow_bits(struct proa_stream *s)
{
    (void)s;
    return 0;
}

static const struct stream_ops slow_ops = {
    .kind = "slow",
    .try_shutdown = slow_shutdown,
    .close = slow_close,
    .want = slow_want,
    .bits = slow_bits,
};

static struct proa_stream *open_slow(int refuse)
{
    slow = (struct slow){.refuse = refuse};
    proa__stream_init(&slow.s, &slow_ops);
    return &slow.s;
}

static int wake_later(void *arg)
{
    for (int i = 0; i < 2; i++) {
        proa_sleep(PROA_SEC);
        ck_assert_uint_eq(slow.wanted, STREAM_WRITE);
        proa__stream_ready(arg, STREAM_WRITE);
    }
    return 0;
}

static int slow_close_body(void *arg)
{
    bool cancelled = *(bool *)arg;
    int64_t began = proa_now();

    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wake_later, open_slow(3)));
    {
        PROA_SCOPE(scope);
        if (cancelled)
            proa_scope_cancel(&scope);
        ck_ok(proa_close(&slow.s)); /* waits although cancelled */
    }
    ck_assert_int_eq(proa_now() - began, 2 * PROA_SEC);
    ck_assert_int_eq(slow.shutdowns, 4);
    ck_assert_uint_eq(slow.wanted, 0);
    ck_assert(slow.closed && !slow.reset);
    ck_ok(proa_group_join(&g));
    return 0;
}
START_TEST(close_waits_even_when_cancelled)
{
    bool cancelled = _i;

    t_run(slow_close_body, &cancelled);
}
END_TEST

static int stuck_close_body(void *arg)
{
    int64_t began = proa_now();

    (void)arg;
    ck_err(proa_close(open_slow(-1)), PROA_ETIMEDOUT);
    ck_assert_int_eq(proa_now() - began, 5 * PROA_SEC);
    ck_assert(slow.closed && slow.reset);

    began = proa_now();
    PROA_SCOPE(scope);
    proa_scope_cancel(&scope);
    ck_assert_int_lt(proa_close(open_slow(-1)), 0);
    ck_assert_int_eq(proa_now() - began, 5 * PROA_SEC);
    ck_assert(slow.closed && slow.reset);
    return 0;
}
START_TEST(close_waits_five_seconds_at_most)
{
    t_run(stuck_close_body, NULL);
}
END_TEST

static int free_later(void *arg)
{
    proa_sleep(PROA_SEC);
    proa_stream_free(arg);
    return 0;
}

static int close_freed_body(void *arg)
{
    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, free_later, open_slow(-1)));
    ck_err(proa_close(&slow.s), PROA_ECLOSED);
    ck_assert(slow.closed && !slow.reset);
    ck_ok(proa_group_join(&g));
    return 0;
}
START_TEST(a_close_survives_a_free)
{
    t_run(close_freed_body, NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_write_waits_until_all_is_taken,
        pieces_are_written_in_order,
        free_of_a_broken_stream_is_an_abort,
        a_write_error_is_told_each_time,
        shutdown_ends_one_direction,
        closing_under_a_writer_is_an_abort,
        close_waits_five_seconds_at_most,
        a_close_survives_a_free,
        NULL,
    };
    const struct t_table tables[] = {
        {a_cut_write_breaks_the_stream_unless_counted, 2},
        {close_waits_even_when_cancelled, 2},
        {NULL, 0},
    };

    return t_main_tables("stream_write", tests, tables);
}
