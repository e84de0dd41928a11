/* Looking at what comes next, and reading all of it. */

#include "net/carrier.h"
#include "net/pair.h"
#include "net/stream_buf.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>

#include <string.h>

#define BODY(name) static int name##_body(void *arg)
#define RUN(name)                                                                                  \
    START_TEST(name)                                                                               \
    {                                                                                              \
        enum carrier on = (enum carrier)_i;                                                        \
        t_run_modes(name##_body, &on);                                                             \
    }                                                                                              \
    END_TEST

static struct proa_stream *a; /* it writes */
static struct proa_stream *b; /* whose calls are tested */

static void open_on(void *arg)
{
    carrier_open(*(enum carrier *)arg, &a, &b);
}

static void close_both(void)
{
    proa_stream_free(a);
    proa_stream_free(b);
    a = b = NULL;
}

static int say_it(void *text)
{
    return proa_write(a, text, strlen(text), NULL);
}

BODY(peek_shows_and_consume_takes)
{
    struct proa_str seen;

    open_on(arg);
    ck_ok(proa_peek(b, &seen, 0)); /* what is buffered: nothing, without waiting */
    ck_assert_uint_eq(seen.n, 0);
    carrier_say(a, "abc");
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, say_it, (void *)"def"));
    ck_ok(proa_peek(b, &seen, 4));
    ck_assert_uint_ge(seen.n, 4);
    ck_assert_int_eq(memcmp(seen.p, "abcd", 4), 0);
    const char *where = seen.p;
    ck_ok(proa_peek(b, &seen, 4)); /* again, and in the same place: nothing is copied */
    ck_assert_ptr_eq(seen.p, where);
    ck_ok(proa_consume(b, 3));
    ck_ok(proa_peek(b, &seen, 1));
    ck_assert_ptr_eq(seen.p, where + 3);
    carrier_expect(b, "def");
    ck_ok(proa_group_join(&g));
    ck_assert_ptr_null(b->in);
    close_both();
    return 0;
}
RUN(peek_shows_and_consume_takes)

BODY(no_more_is_consumed_than_was_seen)
{
    struct proa_str seen;

    open_on(arg);
    carrier_say(a, "abc\nde");
    ck_err(proa_consume(b, 1), PROA_EINVAL); /* it was not looked at yet */
    ck_assert_int_eq(proa_read_line(b, &seen, 9), 1);
    ck_ok(proa_peek(b, &seen, 2)); /* the line was taken with its view */
    ck_str_eq(seen, "de");
    ck_err(proa_consume(b, 3), PROA_EINVAL);
    ck_ok(proa_consume(b, 0));
    ck_ok(proa_consume(b, 2));
    ck_err(proa_consume(b, 1), PROA_EINVAL);
    close_both();
    return 0;
}
RUN(no_more_is_consumed_than_was_seen)

BODY(peek_at_the_end_shows_what_is_left)
{
    struct proa_str seen;

    open_on(arg);
    carrier_say(a, "xy");
    proa_stream_free(a);
    a = NULL;
    ck_assert(!proa_at_eof(b));
    ck_ok(proa_peek(b, &seen, 3));
    ck_str_eq(seen, "xy");
    ck_assert(!proa_at_eof(b)); /* two bytes are left */
    ck_ok(proa_consume(b, 2));
    ck_assert(proa_at_eof(b));
    ck_ok(proa_peek(b, &seen, 3));
    ck_assert_uint_eq(seen.n, 0);
    close_both();
    return 0;
}
RUN(peek_at_the_end_shows_what_is_left)

/* More than the smallest buffer holds, and all of it in one view. */
BODY(peek_grows_the_buffer_to_what_is_asked_for)
{
    static char bytes[20000];
    struct proa_str seen;

    (void)arg;
    ck_ok(proa__pair_new(&a, &b, &(struct pair_opts){.ab.split = 999}));
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i % 251);
    ck_ok(proa_write(a, bytes, sizeof bytes, NULL));
    ck_ok(proa_peek(b, &seen, sizeof bytes - 1));
    ck_assert_uint_ge(seen.n, sizeof bytes - 1);
    ck_assert_int_eq(memcmp(seen.p, bytes, seen.n), 0);
    ck_assert_uint_le(b->in->cap, sizeof bytes);
    close_both();
    return 0;
}
RUN(peek_grows_the_buffer_to_what_is_asked_for)

BODY(what_came_before_an_error_stays)
{
    struct proa_str seen;

    (void)arg;
    ck_ok(proa__pair_new(&a, &b, &(struct pair_opts){.ab = {.cut = PROA_PAIR_RST, .cut_at = 3}}));
    carrier_say(a, "abcdef");
    ck_err(proa_peek(b, &seen, 4), PROA_ECONNRESET);
    ck_ok(proa_peek(b, &seen, 3));
    ck_str_eq(seen, "abc");
    ck_assert(!proa_at_eof(b));
    close_both();
    return 0;
}
RUN(what_came_before_an_error_stays)

struct call {
    struct proa_buf *buf;
    int rc;
};

static int peek_five(void *arg)
{
    struct proa_str seen;

    ((struct call *)arg)->rc = proa_peek(b, &seen, 5);
    return 0;
}

static int read_all(void *arg)
{
    struct call *c = arg;

    c->rc = proa_read_all(b, c->buf);
    return 0;
}

static void cut_off(int (*fn)(void *arg), struct call *c)
{
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, fn, c));
    while (!b->reader)
        proa_yield();
    t_turns(5);
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    ck_err(c->rc, PROA_ECANCELED);
}

BODY(a_cancel_loses_nothing)
{
    PROA_AUTO(proa_buf) buf;
    struct call c = {.buf = &buf};

    proa_buf_init(&buf, 100);
    open_on(arg);
    carrier_say(a, "abcd");
    cut_off(peek_five, &c);
    cut_off(read_all, &c);
    ck_str_eq(proa_buf_str(&buf), "abcd"); /* and go on behind them */
    carrier_say(a, "ef");
    proa_stream_free(a);
    a = NULL;
    ck_ok(proa_read_all(b, &buf));
    ck_str_eq(proa_buf_str(&buf), "abcdef");
    close_both();
    return 0;
}
RUN(a_cancel_loses_nothing)

BODY(a_freed_stream_is_told)
{
    PROA_AUTO(proa_buf) buf;
    struct call c = {.buf = &buf};
    int (*const fns[])(void *) = {peek_five, read_all};

    proa_buf_init(&buf, 100);
    for (int i = 0; i < 2; i++) {
        open_on(arg);
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, fns[i], &c));
        while (!b->reader)
            proa_yield();
        close_both();
        ck_ok(proa_group_join(&g));
        ck_err(c.rc, PROA_ECLOSED);
    }
    return 0;
}
RUN(a_freed_stream_is_told)

/* ---- reading all */

BODY(all_of_it_may_be_exactly_the_limit)
{
    PROA_AUTO(proa_buf) buf;

    proa_buf_init(&buf, 6);
    open_on(arg);
    carrier_say(a, "123456");
    proa_stream_free(a);
    a = NULL;
    ck_ok(proa_read_all(b, &buf));
    ck_str_eq(proa_buf_str(&buf), "123456");
    ck_ok(proa_read_all(b, &buf)); /* the end stays */
    close_both();
    return 0;
}
RUN(all_of_it_may_be_exactly_the_limit)

BODY(one_byte_more_is_too_much_and_stays)
{
    PROA_AUTO(proa_buf) buf;

    proa_buf_init(&buf, 6);
    open_on(arg);
    carrier_say(a, "12");
    carrier_expect(b, "1");
    carrier_say(a, "345678");
    proa_stream_free(a);
    a = NULL;
    ck_err(proa_read_all(b, &buf), PROA_EMSGSIZE);
    ck_str_eq(proa_buf_str(&buf), "234567");
    ck_err(proa_read_all(b, &buf), PROA_EMSGSIZE);
    ck_assert_int_eq(proa_buf_error(&buf), 0); /* it is what it may be */
    carrier_expect(b, "8");
    ck_ok(proa_read_all(b, &buf));
    close_both();
    return 0;
}
RUN(one_byte_more_is_too_much_and_stays)

/* A line that was shown is taken: what is left may be the end. */
BODY(a_line_that_was_shown_is_no_byte_more)
{
    struct proa_buf buf;
    struct proa_str line;

    proa_buf_init(&buf, 0);
    open_on(arg);
    carrier_say(a, "line\n");
    proa_stream_free(a);
    a = NULL;
    ck_assert_int_eq(proa_read_line(b, &line, 9), 1);
    ck_ok(proa_read_all(b, &buf));
    close_both();
    return 0;
}
RUN(a_line_that_was_shown_is_no_byte_more)

static void consume_null(void *arg)
{
    (void)arg;
    proa_consume(NULL, 0);
}
static void at_eof_null(void *arg)
{
    (void)arg;
    proa_at_eof(NULL);
}
START_TEST(no_stream_aborts_with_a_sentence)
{
    t_aborts(consume_null, NULL, "proa_consume: the stream is NULL");
    t_aborts(at_eof_null, NULL, "proa_at_eof: the stream is NULL");
}
END_TEST

BODY(a_failed_buffer_takes_nothing)
{
    PROA_AUTO(proa_buf) buf;

    proa_buf_init(&buf, 3);
    ck_err(proa_buf_append(&buf, "1234", 4), PROA_EMSGSIZE);
    open_on(arg);
    carrier_say(a, "x");
    ck_err(proa_read_all(b, &buf), PROA_EMSGSIZE);
    carrier_expect(b, "x");
    close_both();
    return 0;
}
RUN(a_failed_buffer_takes_nothing)

BODY(in_a_cancelled_scope_they_fail_at_once)
{
    PROA_AUTO(proa_buf) buf;
    struct proa_str seen;

    proa_buf_init(&buf, 100);
    open_on(arg);
    carrier_say(a, "x");
    {
        PROA_SCOPE(scope);
        proa_scope_cancel(&scope);
        ck_err(proa_peek(b, &seen, 1), PROA_ECANCELED);
        ck_err(proa_read_all(b, &buf), PROA_ECANCELED);
    }
    carrier_expect(b, "x");
    close_both();
    return 0;
}
RUN(in_a_cancelled_scope_they_fail_at_once)

static int count_turns(void *arg)
{
    size_t *turns = arg;

    while (proa_yield() == 0)
        ++*turns;
    return 0;
}

/* Five thousand pieces that are all there. */
BODY(what_needs_no_waiting_gives_way_in_time)
{
    PROA_AUTO(proa_buf) buf;
    static char bytes[5000];
    struct proa_str seen;
    size_t before;

    proa_buf_init(&buf, PROA_UNLIMITED);
    (void)arg;
    for (int i = 0; i < 2; i++) {
        ck_ok(proa__pair_new(&a, &b, &(struct pair_opts){.ab.split = 1}));
        ck_ok(proa_write(a, bytes, sizeof bytes, NULL));
        t_turns(sizeof bytes);
        proa_stream_free(a);
        a = NULL;
        while (!proa__stream_is_closed(b))
            proa_yield(); /* the end is there, too */
        PROA_GROUP(g);
        size_t turns = 0;
        ck_ok(proa_create_task(&g, count_turns, &turns));
        before = turns;
        if (i == 0)
            ck_ok(proa_peek(b, &seen, sizeof bytes));
        else
            ck_ok(proa_read_all(b, &buf));
        ck_assert_uint_gt(turns, before);
        proa_group_cancel(&g);
        ck_ok(proa_group_join(&g));
        close_both();
    }
    return 0;
}
RUN(what_needs_no_waiting_gives_way_in_time)

/* ---- everything cancelled, everything without memory */

BODY(round)
{
    PROA_AUTO(proa_buf) buf;
    struct proa_str seen;
    int rc = proa__pair_new(&a, &b, &(struct pair_opts){.ab.split = 3});

    (void)arg;
    proa_buf_init(&buf, 100);
    if (rc < 0)
        return rc;
    rc = proa_write(a, "twelve bytes", 12, NULL);
    proa_stream_free(a);
    a = NULL;
    if (rc == 0)
        rc = proa_peek(b, &seen, 7);
    if (rc == 0)
        rc = proa_consume(b, 7);
    if (rc == 0)
        rc = proa_read_all(b, &buf);
    if (rc == 0)
        ck_str_eq(proa_buf_str(&buf), "bytes");
    close_both();
    return rc;
}
START_TEST(they_survive_cancels_and_lack_of_memory)
{
    t_each_park(round_body, NULL);
    t_run_each_alloc(round_body, NULL);
}
END_TEST

int main(void)
{
    const struct t_table tables[] = {
        {peek_shows_and_consume_takes, CARRIERS},
        {no_more_is_consumed_than_was_seen, CARRIERS},
        {peek_at_the_end_shows_what_is_left, CARRIERS},
        {peek_grows_the_buffer_to_what_is_asked_for, 1},
        {what_came_before_an_error_stays, 1},
        {a_cancel_loses_nothing, CARRIERS},
        {a_freed_stream_is_told, CARRIERS},
        {all_of_it_may_be_exactly_the_limit, CARRIERS},
        {one_byte_more_is_too_much_and_stays, CARRIERS},
        {a_line_that_was_shown_is_no_byte_more, CARRIERS},
        {a_failed_buffer_takes_nothing, CARRIERS},
        {in_a_cancelled_scope_they_fail_at_once, CARRIERS},
        {what_needs_no_waiting_gives_way_in_time, 1},
        {NULL, 0},
    };

    return t_main_tables("stream_view",
                         (const TTest *const[]){they_survive_cancels_and_lack_of_memory,
                                                no_stream_aborts_with_a_sentence, NULL},
                         tables);
}
