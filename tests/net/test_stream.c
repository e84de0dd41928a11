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

/* ---- two at once */

static int write_lots(void *arg)
{
    struct call *c = arg;
    static const char bytes[100];

    c->rc = proa_write(b, bytes, sizeof bytes, &c->done);
    c->over = true;
    return 0;
}

static int busy_body(void *arg)
{
    struct call r = {0}, w = {0};
    struct proa_str line;
    char buf[200];

    (void)arg;
    open_pair(&(struct pair_opts){.ba.capacity = 10});
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, read_some, &r));
    ck_ok(proa_create_task(&g, write_lots, &w));
    t_turns(2);
    ck_assert_int_eq(proa_read(b, buf, 1), PROA_EBUSY);
    ck_err(proa_read_exact(b, buf, 1, NULL), PROA_EBUSY);
    ck_err(proa_read_line(b, &line, 1), PROA_EBUSY);
    ck_err(proa_write(b, "x", 1, NULL), PROA_EBUSY);
    ck_err(proa_shutdown(b), PROA_EBUSY);
    ck_err(proa__stream_wait(b, STREAM_WRITE), PROA_EBUSY);
    say(a, "hello"); /* the two are undisturbed */
    ck_ok(proa_read_exact(a, buf, 100, NULL));
    ck_ok(proa_group_join(&g));
    ck_assert_uint_eq(r.done, 5);
    ck_assert_int_eq(w.rc, 0);
    ck_assert_uint_eq(w.done, 100);
    close_pair();
    return 0;
}
START_TEST(a_second_reader_or_writer_is_refused)
{
    t_run(busy_body, NULL);
}
END_TEST

static int free_under_body(void *arg)
{
    struct call r = {0}, w = {0};

    (void)arg;
    open_pair(&(struct pair_opts){.ba.capacity = 10});
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, read_some, &r));
    ck_ok(proa_create_task(&g, write_lots, &w));
    t_turns(2);
    close_pair();
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(r.rc, PROA_ECLOSED);
    ck_assert_int_eq(w.rc, PROA_ECLOSED);
    ck_assert_uint_eq(w.done, 10);
    return 0;
}
START_TEST(calls_on_a_freed_stream_are_told)
{
    t_run(free_under_body, NULL);
}
END_TEST

/* A cancel and the close in one turn: the call was woken by the cancel and must not touch the
 * stream. */
static int free_cancelled_body(void *arg)
{
    struct call r = {0};

    (void)arg;
    open_pair(NULL);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, read_some, &r));
    t_turns(2);
    proa_group_cancel(&g);
    close_pair();
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(r.rc, PROA_ECLOSED);
    return 0;
}
START_TEST(a_cancelled_call_survives_the_free)
{
    t_run(free_cancelled_body, NULL);
}
END_TEST

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

/* ---- fairness */

static int count_turns(void *arg)
{
    size_t *turns = arg;

    while (proa_yield() == 0)
        ++*turns;
    return 0;
}

static int fair_body(void *arg)
{
    static char bytes[5000];
    size_t turns = 0;
    char c;

    (void)arg;
    open_pair(NULL);
    ck_ok(proa_write(a, bytes, sizeof bytes, NULL));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, count_turns, &turns));
    for (size_t i = 0; i < sizeof bytes; i++)
        ck_assert_int_eq(proa_read(b, &c, 1), 1);
    ck_assert_uint_ge(turns, 5000 / 256);
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    close_pair();
    return 0;
}
START_TEST(reading_what_is_there_gives_way_in_time)
{
    t_run(fair_body, NULL);
}
END_TEST

/* ---- waiting and notifying */

static void count(void *arg, unsigned dirs)
{
    (void)dirs;
    ++*(int *)arg;
}

static int interest_body(void *arg)
{
    int closed = 0;
    char c;
    struct call r = {0};

    (void)arg;
    open_pair(NULL);
    proa__stream_notify(b, STREAM_CLOSED, count, &closed);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, read_some, &r));
    t_turns(2);
    say(a, "x");
    ck_ok(proa_group_join(&g)); /* the task was woken, and the callback's interest is still there */
    ck_assert_uint_eq(r.done, 1);
    ck_assert_int_eq(closed, 0);
    ck_ok(proa__stream_try_shutdown(a));
    t_turns(2);
    ck_assert_int_ge(closed, 1);
    ck_assert_int_eq(proa_read(b, &c, 1), 0);
    close_pair();
    return 0;
}
START_TEST(a_waiting_task_does_not_displace_a_callback)
{
    t_run(interest_body, NULL);
}
END_TEST

/* ---- cancels and failing allocations everywhere */

static int far_rc;

/* A far end that fails hangs up, else the near one would wait for ever. */
static int far_end(void *arg)
{
    char buf[64];
    int rc;

    (void)arg;
    rc = proa_read_exact(a, buf, 40, NULL);
    if (rc == 0)
        rc = proa_write(a, "line one\r\nand some more", 23, NULL);
    if (rc == 0)
        rc = proa_shutdown(a);
    if (rc < 0)
        proa_abort(a);
    else
        proa_stream_free(a);
    far_rc = rc;
    return 0;
}

static int near_end(void)
{
    struct proa_str line;
    char buf[64] = {0};
    int rc = proa_write(b, buf, 40, NULL);

    if (rc == 0)
        rc = proa_read_line(b, &line, 20);
    if (rc >= 0)
        rc = proa_read_exact(b, buf, 4, NULL);
    if (rc >= 0)
        rc = (int)proa_read(b, buf, 60);
    if (rc >= 0)
        rc = proa_shutdown(b);
    return rc;
}

static int talk(void)
{
    PROA_GROUP(g);
    int rc = proa_create_task(&g, far_end, NULL);
    int joined;

    if (rc < 0) {
        proa_stream_free(a);
        return rc;
    }
    rc = near_end();
    if (rc < 0)
        proa_group_cancel(&g);
    joined = proa_group_join(&g);
    if (rc == PROA_ECONNRESET || rc == PROA_EPIPE) /* the far end failed first */
        return far_rc == PROA_ECANCELED ? 0 : far_rc;
    return rc < 0 ? rc : joined;
}

static int all_body(void *arg)
{
    struct pair_opts opts = {.ab = {.split = 3}, .ba = {.capacity = 7}};
    int rc = proa__pair_new(&a, &b, &opts);
    int closed;

    (void)arg;
    if (rc < 0)
        return rc;
    far_rc = 0;
    rc = talk();
    closed = proa_close(b);
    if (far_rc < 0)
        closed = 0; /* reset by the far end */
    return rc < 0 ? rc : closed;
}
START_TEST(every_call_can_be_cancelled_at_every_park)
{
    t_each_park(all_body, NULL);
}
END_TEST

START_TEST(every_call_survives_every_failing_allocation)
{
    t_run_each_alloc(all_body, NULL);
}
END_TEST

static void read_null(void *arg)
{
    char c;

    (void)arg;
    proa_read(NULL, &c, 1);
}
START_TEST(no_stream_aborts_with_a_sentence)
{
    t_aborts(read_null, NULL, "proa_read: the stream is NULL");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_second_reader_or_writer_is_refused,
        calls_on_a_freed_stream_are_told,
        a_cancelled_call_survives_the_free,
        a_write_waits_until_all_is_taken,
        pieces_are_written_in_order,
        free_of_a_broken_stream_is_an_abort,
        a_write_error_is_told_each_time,
        shutdown_ends_one_direction,
        closing_under_a_writer_is_an_abort,
        reading_what_is_there_gives_way_in_time,
        a_waiting_task_does_not_displace_a_callback,
        every_call_can_be_cancelled_at_every_park,
        every_call_survives_every_failing_allocation,
        no_stream_aborts_with_a_sentence,
        NULL,
    };
    const struct t_table tables[] = {
        {a_cut_write_breaks_the_stream_unless_counted, 2},
        {NULL, 0},
    };

    return t_main_tables("stream", tests, tables);
}
