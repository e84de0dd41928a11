/*
 * Reading, by the cases of asyncio's own behaviour (reads that wait, limits, ends and errors), over
 * everything that carries a stream. Where ours differs the test asserts ours and says so.
 */

#include "net/carrier.h"
#include "net/stream_buf.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>
#include <sys/socket.h>

#define BODY(name) static int name##_body(void *arg)
#define RUN(name)                                                                                  \
    START_TEST(name)                                                                               \
    {                                                                                              \
        enum carrier on = (enum carrier)_i;                                                        \
        t_run_modes(name##_body, &on);                                                             \
    }                                                                                              \
    END_TEST

#define RUN_AMONG(name, those)                                                                     \
    START_TEST(name)                                                                               \
    {                                                                                              \
        enum carrier on = those[_i];                                                               \
        t_run_modes(name##_body, &on);                                                             \
    }                                                                                              \
    END_TEST

/* Those that know a reset; those whose room can be bounded. */
static const enum carrier resets[] = {ON_PAIR, ON_TCP};
static const enum carrier bounded[] = {ON_PAIR, ON_UNIX, ON_PIPE};

static struct proa_stream *a; /* the far end: it writes */
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

/* The far end is done. */
static void end(void)
{
    proa_stream_free(a);
    a = NULL;
}

static int say_it(void *text)
{
    return proa_write(a, text, strlen(text), NULL);
}

static int say_it_and_end(void *text)
{
    int rc = say_it(text);

    end();
    return rc;
}

BODY(aio_read_01_reading_nothing_waits_for_nothing)
{
    char c;

    open_on(arg);
    ck_assert_int_eq(proa_read(b, &c, 0), 0);
    carrier_say(a, "x");
    ck_assert_int_eq(proa_read(b, &c, 0), 0);
    carrier_expect(b, "x");
    end();
    carrier_expect_end(b);
    ck_assert_int_eq(proa_read(b, &c, 0), 0);
    close_both();
    return 0;
}
RUN(aio_read_01_reading_nothing_waits_for_nothing)

BODY(aio_read_01_reading_nothing_tells_an_error)
{
    char c;

    open_on(arg);
    carrier_say(a, "xy");
    carrier_expect(b, "x"); /* and "y" is now buffered */
    proa_abort(a);
    a = NULL;
    ck_assert_int_eq(proa__stream_fill(b, 9), PROA_ECONNRESET);
    ck_assert_int_eq(proa_read(b, &c, 0), 0); /* what came goes first */
    ck_assert_int_eq(proa_read(b, &c, 1), 1);
    ck_assert_int_eq(proa_read(b, &c, 0), PROA_ECONNRESET);
    close_both();
    return 0;
}
RUN_AMONG(aio_read_01_reading_nothing_tells_an_error, resets)

#define MUCH ((size_t)300 << 10)

static int write_much(void *arg)
{
    static char bytes[MUCH];
    size_t n = *(size_t *)arg;

    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(i % 251);
    int rc = proa_write(a, bytes, n, NULL);
    end();
    return rc;
}

BODY(aio_read_03_all_is_read_whatever_its_size)
{
    PROA_AUTO(proa_buf) buf;
    size_t n = *(enum carrier *)arg == ON_BYTES ? 3000 : MUCH;

    proa_buf_init(&buf, PROA_UNLIMITED);
    open_on(arg);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, write_much, &n));
    ck_ok(proa_read_all(b, &buf));
    ck_ok(proa_group_join(&g));
    ck_assert_uint_eq(proa_buf_str(&buf).n, n);
    for (size_t i = 0; i < n; i++) {
        if (proa_buf_str(&buf).p[i] != (char)(i % 251))
            ck_abort_msg("byte %zu is another", i);
    }
    ck_assert(proa_at_eof(b));
    close_both();
    return 0;
}
RUN(aio_read_03_all_is_read_whatever_its_size)

/* A line over its limit, its end not there yet. asyncio drops what came; here it stays. */
BODY(aio_read_07_a_line_over_its_limit_fails_and_reading_goes_on)
{
    struct proa_str line;

    open_on(arg);
    carrier_say(a, "longer");
    ck_err(proa_read_line(b, &line, 4), PROA_EMSGSIZE);
    ck_err(proa_read_line(b, &line, 4), PROA_EMSGSIZE);
    carrier_say(a, " line\nnext\n");
    ck_assert_int_eq(proa_read_line(b, &line, 11), 1);
    ck_str_eq(line, "longer line");
    ck_assert_int_eq(proa_read_line(b, &line, 4), 1);
    ck_str_eq(line, "next");
    close_both();
    return 0;
}
RUN(aio_read_07_a_line_over_its_limit_fails_and_reading_goes_on)

BODY(aio_read_08_a_line_of_exactly_the_limit_is_one)
{
    struct proa_str line;

    open_on(arg);
    carrier_say(a, "1234\n12345\n1234\r\n");
    ck_assert_int_eq(proa_read_line(b, &line, 4), 1);
    ck_str_eq(line, "1234");
    ck_err(proa_read_line(b, &line, 4), PROA_EMSGSIZE);
    ck_assert_int_eq(proa_read_line(b, &line, 5), 1);
    ck_str_eq(line, "12345");
    ck_assert_int_eq(proa_read_line(b, &line, 4), 1);
    ck_str_eq(line, "1234");
    close_both();
    return 0;
}
RUN(aio_read_08_a_line_of_exactly_the_limit_is_one)

BODY(aio_read_09_what_is_over_the_limit_stays_to_be_read)
{
    const struct proa_str sep = PROA_STR("; ");
    struct proa_str got;
    char c;

    open_on(arg);
    carrier_say(a, "abcdef; rest; ");
    ck_err(proa_read_until(b, &got, &sep, 1, 5, NULL), PROA_EMSGSIZE);
    ck_assert_int_eq(proa_read(b, &c, 1), 1);
    ck_assert_int_eq(c, 'a');
    carrier_expect(b, "bc");
    ck_ok(proa_read_until(b, &got, &sep, 1, 3, NULL));
    ck_str_eq(got, "def; ");
    carrier_expect(b, "rest; ");
    close_both();
    return 0;
}
RUN(aio_read_09_what_is_over_the_limit_stays_to_be_read)

BODY(aio_read_10_a_separator_in_two_pieces_is_found)
{
    const struct proa_str sep = PROA_STR("\r\n\r\n"), none = PROA_STR("");
    struct proa_str got;

    open_on(arg);
    carrier_say(a, "head\r\n");
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, say_it, (void *)"\r\nbody"));
    ck_ok(proa_read_until(b, &got, &sep, 1, 4, NULL));
    ck_str_eq(got, "head\r\n\r\n");
    ck_ok(proa_group_join(&g));
    carrier_expect(b, "body");
    ck_err(proa_read_until(b, &got, &none, 1, 4, NULL), PROA_EINVAL);
    close_both();
    return 0;
}
RUN(aio_read_10_a_separator_in_two_pieces_is_found)

BODY(aio_read_11_of_several_separators_the_earliest_end_wins)
{
    const struct proa_str seps[] = {PROA_STR("bcd--"), PROA_STR("d"), PROA_STR("--")};
    struct proa_str got;
    size_t which;

    open_on(arg);
    carrier_say(a, "abcd--abcc--bcd--");
    ck_ok(proa_read_until(b, &got, seps, 3, 3, &which)); /* "abcd--" has one that ends later */
    ck_str_eq(got, "abcd");
    ck_assert_uint_eq(which, 1);
    ck_ok(proa_read_until(b, &got, seps, 3, 0, &which));
    ck_str_eq(got, "--");
    ck_err(proa_read_until(b, &got, seps, 3, 3, &which), PROA_EMSGSIZE); /* of this match */
    ck_ok(proa_read_until(b, &got, seps, 3, 4, &which));
    ck_str_eq(got, "abcc--");
    ck_ok(proa_read_until(b, &got, seps, 1, 0, &which)); /* of one end, the longest */
    ck_str_eq(got, "bcd--");
    close_both();
    return 0;
}
RUN(aio_read_11_of_several_separators_the_earliest_end_wins)

/* asyncio hands out the part with the error; here it stays to be read. */
BODY(aio_read_12_an_end_before_the_separator_leaves_the_part)
{
    const struct proa_str sep = PROA_STR(";");
    struct proa_str got = PROA_STR("untouched");

    open_on(arg);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, say_it_and_end, (void *)"part"));
    ck_err(proa_read_until(b, &got, &sep, 1, 100, NULL), PROA_EEOF);
    ck_str_eq(got, "untouched");
    ck_assert(!proa_at_eof(b));
    carrier_expect(b, "part");
    ck_assert(proa_at_eof(b));
    ck_err(proa_read_until(b, &got, &sep, 1, 100, NULL), PROA_EEOF);
    ck_ok(proa_group_join(&g));
    close_both();
    return 0;
}
RUN(aio_read_12_an_end_before_the_separator_leaves_the_part)

BODY(aio_read_14_an_early_end_says_how_much_came)
{
    char buf[10];
    size_t done = 0;

    open_on(arg);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, say_it_and_end, (void *)"four"));
    ck_err(proa_read_exact(b, buf, 10, &done), PROA_EEOF);
    ck_str_eq(proa_str_make(buf, done), "four");
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_EEOF), "4 of 10"));
    ck_ok(proa_group_join(&g));
    close_both();
    return 0;
}
RUN(aio_read_14_an_early_end_says_how_much_came)

struct call {
    char buf[64];
    ssize_t rc;
    size_t done;
    bool over;
};

static int read_five(void *arg)
{
    struct call *c = arg;

    c->rc = proa_read_exact(b, c->buf, 5, &c->done);
    c->over = true;
    return 0;
}

/* Every call that reads, but for proa_read_exact. */
static void all_are_busy(void)
{
    const struct proa_str sep = PROA_STR(";");
    PROA_AUTO(proa_buf) buf;
    struct proa_str got;
    char c;

    proa_buf_init(&buf, 10);
    ck_assert_int_eq(proa_read(b, &c, 1), PROA_EBUSY);
    ck_err(proa_read_exact(b, &c, 1, NULL), PROA_EBUSY);
    ck_err(proa_read_until(b, &got, &sep, 1, 9, NULL), PROA_EBUSY);
    ck_err(proa_read_line(b, &got, 9), PROA_EBUSY);
    ck_err(proa_read_all(b, &buf), PROA_EBUSY);
    ck_err(proa_peek(b, &got, 0), PROA_EBUSY);
    ck_err(proa_consume(b, 0), PROA_EBUSY);
}

BODY(aio_read_16_a_second_reader_is_refused_and_the_first_undisturbed)
{
    struct call c = {0};

    open_on(arg);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, read_five, &c));
    while (!b->reader)
        proa_yield();
    all_are_busy();
    carrier_say(a, "first");
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(c.rc, 0);
    ck_str_eq(proa_str_make(c.buf, c.done), "first");
    close_both();
    return 0;
}
RUN(aio_read_16_a_second_reader_is_refused_and_the_first_undisturbed)

/* asyncio hides what had come; here it goes first, since an answer may stand before a reset. */
BODY(aio_read_18_what_came_is_read_before_the_error)
{
    struct proa_str line;
    char c;

    open_on(arg);
    carrier_say(a, "one\ntwo");
    ck_assert_int_eq(proa_read_line(b, &line, 9), 1); /* "two" came with it */
    proa_abort(a);
    a = NULL;
    ck_err(proa_read_line(b, &line, 9), PROA_ECONNRESET);
    carrier_expect(b, "two");
    ck_assert_int_eq(proa_read(b, &c, 1), PROA_ECONNRESET);
    ck_assert_int_eq(proa_read(b, &c, 1), PROA_ECONNRESET);
    ck_assert(!proa_at_eof(b));
    close_both();
    return 0;
}
RUN_AMONG(aio_read_18_what_came_is_read_before_the_error, resets)

BODY(aio_read_19_after_a_cancelled_wait_the_error_is_told)
{
    struct call c = {0};
    char byte;

    open_on(arg);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, read_five, &c));
    while (!b->reader)
        proa_yield();
    proa_group_cancel(&g);
    proa_abort(a);
    a = NULL;
    ck_ok(proa_group_join(&g));
    ck_assert(c.over);
    ck_assert_int_eq(c.rc, PROA_ECANCELED);
    ck_assert_int_eq(proa_read(b, &byte, 1), PROA_ECONNRESET);
    close_both();
    return 0;
}
RUN_AMONG(aio_read_19_after_a_cancelled_wait_the_error_is_told, resets)

/* Nothing is read that was not asked for: the writer is stopped by the carrier's own bound. */
BODY(aio_read_20_a_writer_is_held_up_and_the_end_still_comes)
{
    static char buf[MUCH];
    size_t n = MUCH;
    const int small = 8192;
    size_t done;

    open_on(arg);
    if (*(enum carrier *)arg == ON_UNIX)
        setsockopt(proa_stream_fd(a), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, write_much, &n));
    ck_assert_int_eq(proa_read(b, buf, 1), 1); /* a small read takes a buffer's worth at most */
    ck_assert_uint_le(proa__stream_buffered(b).n, STREAM_BUF_LEAST);
    for (int i = 0; i < 10; i++)
        proa_yield();
    ck_assert_ptr_nonnull(a); /* it waits */
    ck_ok(proa_read_exact(b, buf, n - 1, &done));
    ck_ok(proa_group_join(&g));
    carrier_expect_end(b);
    close_both();
    return 0;
}
RUN_AMONG(aio_read_20_a_writer_is_held_up_and_the_end_still_comes, bounded)

/* There is no limit at construction to be wrong; each call has its own, and 0 is one. */
BODY(aio_read_22_a_limit_of_nothing_is_a_limit)
{
    const struct proa_str sep = PROA_STR(";");
    struct proa_str got;

    open_on(arg);
    carrier_say(a, "\nx\n;");
    ck_assert_int_eq(proa_read_line(b, &got, 0), 1);
    ck_str_eq(got, "");
    ck_err(proa_read_line(b, &got, 0), PROA_EMSGSIZE);
    carrier_expect(b, "x\n");
    ck_ok(proa_read_until(b, &got, &sep, 1, 0, NULL));
    ck_str_eq(got, ";");
    close_both();
    return 0;
}
RUN(aio_read_22_a_limit_of_nothing_is_a_limit)

int main(void)
{
    const struct t_table tables[] = {
        {aio_read_01_reading_nothing_waits_for_nothing, CARRIERS},
        {aio_read_03_all_is_read_whatever_its_size, CARRIERS},
        {aio_read_07_a_line_over_its_limit_fails_and_reading_goes_on, CARRIERS},
        {aio_read_08_a_line_of_exactly_the_limit_is_one, CARRIERS},
        {aio_read_09_what_is_over_the_limit_stays_to_be_read, CARRIERS},
        {aio_read_10_a_separator_in_two_pieces_is_found, CARRIERS},
        {aio_read_11_of_several_separators_the_earliest_end_wins, CARRIERS},
        {aio_read_12_an_end_before_the_separator_leaves_the_part, CARRIERS},
        {aio_read_14_an_early_end_says_how_much_came, CARRIERS},
        {aio_read_16_a_second_reader_is_refused_and_the_first_undisturbed, CARRIERS},
        {aio_read_22_a_limit_of_nothing_is_a_limit, CARRIERS},
        {aio_read_01_reading_nothing_tells_an_error, 2},
        {aio_read_18_what_came_is_read_before_the_error, 2},
        {aio_read_19_after_a_cancelled_wait_the_error_is_told, 2},
        {aio_read_20_a_writer_is_held_up_and_the_end_still_comes, 3},
        {NULL, 0},
    };

    return t_main_tables("aio_read", (const TTest *const[]){NULL}, tables);
}
