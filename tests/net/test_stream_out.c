/* Writing into the stream's own buffer, and flushing it. */

#include "net/carrier.h"
#include "net/fd_stream.h"
#include "net/pair.h"
#include "net/stream_out.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

#define BODY(name) static int name##_body(void *arg)
#define RUN(name)                                                                                  \
    START_TEST(name)                                                                               \
    {                                                                                              \
        enum carrier on = (enum carrier)_i;                                                        \
        t_run_modes(name##_body, &on);                                                             \
    }                                                                                              \
    END_TEST

static struct proa_stream *a; /* whose calls are tested */
static struct proa_stream *b; /* the far end: it reads */

static void open_on(void *arg)
{
    carrier_open(*(enum carrier *)arg, &a, &b);
}

static void open_narrow(size_t capacity)
{
    ck_ok(proa__pair_new(&a, &b, &(struct pair_opts){.ab.capacity = capacity}));
}

static void close_both(void)
{
    proa_stream_free(a);
    proa_stream_free(b);
    a = b = NULL;
}

static void keep(const char *text)
{
    size_t done;

    ck_ok(proa_write_buffered(a, text, strlen(text), &done));
    ck_assert_uint_eq(done, strlen(text));
}

static size_t takes(void)
{
    char got[100];
    ssize_t n = proa__stream_try_read(b, got, sizeof got);

    return n > 0 ? (size_t)n : 0;
}

BODY(what_is_kept_leaves_with_the_flush_in_one_piece)
{
    uint64_t writes;
    size_t before;

    open_on(arg);
    before = t_alloc_bytes();
    writes = proa__net_counts.writes;
    keep("one ");
    keep("");
    keep("two ");
    keep("three");
    t_turns(3);
    ck_assert_uint_eq(takes(), 0); /* nothing goes by itself */
    ck_ok(proa_flush(a));
    ck_assert_uint_eq(t_alloc_bytes(), before); /* and the buffer is given back */
    if (*(enum carrier *)arg >= ON_UNIX)
        ck_assert_uint_eq(proa__net_counts.writes, writes + 1);
    carrier_expect(b, "one two three");
    ck_ok(proa_flush(a));
    ck_ok(proa_flush(a));
    close_both();
    return 0;
}
RUN(what_is_kept_leaves_with_the_flush_in_one_piece)

BODY(a_plain_write_goes_behind_what_is_kept)
{
    struct iovec iov[2] = {{(void *)"c", 1}, {(void *)"d", 1}};

    open_on(arg);
    keep("a");
    carrier_say(a, "b");
    ck_assert_ptr_null(a->out);
    ck_ok(proa_writev(a, iov, 2, NULL));
    keep("e");
    ck_assert_int_eq(proa__stream_try_writev(a, iov, 1), 1); /* upper floors write so */
    keep("f");
    ck_ok(proa_write(a, "", 0, NULL)); /* of nothing there is nothing to be behind */
    ck_assert_ptr_nonnull(a->out);
    ck_ok(proa_shutdown(a));
    carrier_expect(b, "abcdecf");
    carrier_expect_end(b);
    close_both();
    return 0;
}
RUN(a_plain_write_goes_behind_what_is_kept)

static int write_word(void *arg)
{
    return proa_write(a, arg, strlen(arg), NULL);
}

/* The carrier has no room: the write waits behind what is kept, and neither passes the other. */
BODY(a_plain_write_waits_behind_what_is_kept)
{
    (void)arg;
    open_narrow(3);
    keep("kept and kept");
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, write_word, (void *)"written"));
    carrier_expect(b, "kept and keptwritten");
    ck_ok(proa_group_join(&g));
    close_both();
    return 0;
}
RUN(a_plain_write_waits_behind_what_is_kept)

/* ---- the bound */

BODY(the_buffer_holds_its_size_and_not_a_byte_more)
{
    static char bytes[STREAM_OUT_SIZE];
    size_t done = 0;

    open_on(arg);
    ck_ok(proa_write_buffered(a, bytes, STREAM_OUT_ROOM - 1, NULL)); /* the whole would pass it */
    keep("x");
    ck_assert_uint_eq(a->out->tail, STREAM_OUT_ROOM);
    ck_assert_uint_eq(takes(), 0);
    close_both();

    open_narrow(10);
    ck_ok(proa_write_buffered(a, bytes, STREAM_OUT_ROOM - 1, NULL));
    PROA_TIMEOUT(t, PROA_SEC);
    ck_err(proa_timeout_result(&t, proa_write_buffered(a, "ab", 2, &done)), PROA_ETIMEDOUT);
    ck_assert_uint_eq(done, 1);
    close_both();
    return 0;
}
RUN(the_buffer_holds_its_size_and_not_a_byte_more)

/* No copy is made of what would only pass through. */
BODY(much_is_written_at_once)
{
    static char bytes[STREAM_OUT_ROOM];

    open_on(arg);
    ck_ok(proa_write_buffered(a, bytes, STREAM_OUT_ROOM, NULL));
    ck_assert_ptr_null(a->out);
    ck_ok(proa_read_exact(b, bytes, STREAM_OUT_ROOM, NULL));
    close_both();
    return 0;
}
RUN(much_is_written_at_once)

static int keep_much(void *arg)
{
    static char bytes[50000];
    int rc = 0;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i % 251);
    for (size_t at = 0, n = 1; rc == 0 && at < sizeof bytes; at += n, n = n * 2 + 1) {
        if (n > sizeof bytes - at)
            n = sizeof bytes - at;
        rc = proa_write_buffered(a, bytes + at, n, NULL);
    }
    *(int *)arg = rc == 0 ? proa_flush(a) : rc;
    return 0;
}

BODY(pieces_of_any_size_arrive_in_order)
{
    static char got[50000];
    int rc = 1;

    open_on(arg);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, keep_much, &rc));
    ck_ok(proa_read_exact(b, got, sizeof got, NULL));
    ck_ok(proa_group_join(&g));
    ck_ok(rc);
    for (size_t i = 0; i < sizeof got; i++) {
        if (got[i] != (char)(i % 251))
            ck_abort_msg("byte %zu is another", i);
    }
    close_both();
    return 0;
}
RUN(pieces_of_any_size_arrive_in_order)

/* ---- cancels, ends */

BODY(a_cancelled_flush_keeps_the_rest)
{
    char got[10];

    (void)arg;
    open_narrow(5);
    keep("twelve bytes");
    for (int i = 0; i < 2; i++)
        ck_err(PROA_WITHIN(PROA_SEC, proa_flush(a)), PROA_ETIMEDOUT);
    ck_ok(proa_read_exact(b, got, 5, NULL));
    ck_err(PROA_WITHIN(PROA_SEC, proa_flush(a)), PROA_ETIMEDOUT);
    ck_ok(proa_read_exact(b, got + 5, 5, NULL));
    ck_ok(proa_flush(a));
    ck_assert_int_eq(memcmp(got, "twelve byt", 10), 0);
    carrier_expect(b, "es");
    close_both();
    return 0;
}
RUN(a_cancelled_flush_keeps_the_rest)

/* Told how far it came, a program goes on; untold, the stream is broken. */
BODY(a_cut_write_breaks_the_stream_unless_counted)
{
    static char bytes[STREAM_OUT_ROOM - 4];
    size_t done = 0;

    (void)arg;
    for (int counted = 0; counted < 2; counted++) {
        open_narrow(5);
        ck_ok(proa_write_buffered(a, bytes, sizeof bytes, NULL));
        ck_err(PROA_WITHIN(PROA_SEC, proa_write_buffered(a, "12345678", 8, counted ? &done : NULL)),
               PROA_ETIMEDOUT);
        if (counted) {
            ck_assert_uint_eq(done, 4);
            ck_err(PROA_WITHIN(PROA_SEC, proa_flush(a)), PROA_ETIMEDOUT);
        } else {
            ck_err(proa_flush(a), PROA_EBROKEN);
            ck_err(proa_write_buffered(a, "x", 1, NULL), PROA_EBROKEN);
        }
        close_both();
    }
    return 0;
}
RUN(a_cut_write_breaks_the_stream_unless_counted)

/* Freed with more than fits: a reader must not take the part for the whole. */
BODY(a_free_that_cannot_send_it_all_is_an_abort)
{
    char c;

    (void)arg;
    open_narrow(5);
    keep("12345");
    proa_stream_free(a);
    a = NULL;
    carrier_expect(b, "12345");
    carrier_expect_end(b);
    close_both();

    open_narrow(5);
    keep("123456");
    proa_stream_free(a);
    a = NULL;
    carrier_expect(b, "12345");
    ck_assert_int_eq(proa_read(b, &c, 1), PROA_ECONNRESET);
    close_both();
    return 0;
}
RUN(a_free_that_cannot_send_it_all_is_an_abort)

BODY(a_close_that_nobody_reads_ends_in_time)
{
    int64_t began = proa_now();

    (void)arg;
    open_narrow(5);
    keep("123456");
    ck_err(proa_close(a), PROA_ETIMEDOUT);
    a = NULL;
    ck_assert_int_eq(proa_now() - began, 5 * PROA_SEC);
    close_both();
    return 0;
}
RUN(a_close_that_nobody_reads_ends_in_time)

/* The error comes to light at the flush, and the buffer, which nobody will get, is given back. */
BODY(an_error_drops_what_is_kept)
{
    size_t before;

    (void)arg;
    open_narrow(5);
    before = t_alloc_bytes();
    keep("1");
    proa_abort(b);
    b = NULL;
    ck_err(proa_flush(a), PROA_ECONNRESET);
    ck_assert_uint_eq(t_alloc_bytes(), before);
    ck_err(proa_flush(a), PROA_ECONNRESET);
    ck_err(proa_write_buffered(a, "1", 1, NULL), PROA_ECONNRESET);
    ck_err(proa_close(a), PROA_ECONNRESET);
    a = NULL;

    open_narrow(5);
    keep("1");
    proa_abort(b);
    b = NULL;
    ck_err(proa_close(a), PROA_ECONNRESET);
    a = NULL;
    return 0;
}
RUN(an_error_drops_what_is_kept)

struct call {
    int rc;
};

static int flush_it(void *arg)
{
    ((struct call *)arg)->rc = proa_flush(a);
    return 0;
}

static int keep_two(void *arg)
{
    ((struct call *)arg)->rc = proa_write_buffered(a, "ab", 2, NULL);
    return 0;
}

BODY(a_freed_stream_is_told)
{
    static char bytes[STREAM_OUT_ROOM - 1];
    int (*const fns[])(void *) = {flush_it, keep_two};
    struct call c;

    (void)arg;
    for (int i = 0; i < 2; i++) {
        c.rc = 1;
        open_narrow(5);
        ck_ok(proa_write_buffered(a, bytes, sizeof bytes, NULL));
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, fns[i], &c));
        while (!a->writer)
            proa_yield();
        t_turns(1);
        ck_err(proa_write_buffered(a, "x", 1, NULL), PROA_EBUSY);
        ck_err(proa_flush(a), PROA_EBUSY);
        close_both();
        ck_ok(proa_group_join(&g));
        ck_err(c.rc, PROA_ECLOSED);
    }
    return 0;
}
RUN(a_freed_stream_is_told)

BODY(in_a_cancelled_scope_they_fail_at_once)
{
    size_t done = 9;

    open_on(arg);
    keep("x");
    {
        PROA_SCOPE(scope);
        proa_scope_cancel(&scope);
        ck_err(proa_write_buffered(a, "y", 1, &done), PROA_ECANCELED);
        ck_assert_uint_eq(done, 0);
        ck_err(proa_flush(a), PROA_ECANCELED);
    }
    ck_ok(proa_close(a));
    a = NULL;
    carrier_expect(b, "x");
    carrier_expect_end(b);
    close_both();
    return 0;
}
RUN(in_a_cancelled_scope_they_fail_at_once)

/* Neither is forgotten by a lack of memory: what did not fit was not taken. */
BODY(no_memory_takes_nothing)
{
    size_t done = 9;

    (void)arg;
    open_narrow(100);
    t_alloc_fail(1);
    ck_err(proa_write_buffered(a, "lost", 4, &done), PROA_ENOMEM);
    ck_assert_uint_eq(done, 0);
    keep("kept");
    ck_ok(proa_flush(a));
    carrier_expect(b, "kept");
    close_both();
    return 0;
}
RUN(no_memory_takes_nothing)

/* ---- every cut, with every byte accounted for */

#define ALL ((size_t)40)

static size_t arrived;

static int take_all(void *arg)
{
    char got[8];
    ssize_t n;

    (void)arg;
    while ((n = proa_read(b, got, sizeof got)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            ck_assert_int_eq(got[i], (char)('A' + arrived++));
    }
    if (n < 0) { /* the writer would wait for ever */
        proa_abort(b);
        b = NULL;
    }
    return (int)n;
}

/* In pieces, plain and buffered in turn; a cut one is gone on with behind *ret_done, under a
 * shield. */
static int write_all(const char *bytes)
{
    size_t at = 0;
    int first = 0;

    for (int i = 0; at < ALL; i++) {
        size_t n = ALL - at < 9 ? ALL - at : 9, done = 0;
        int rc = i % 2 ? proa_write(a, bytes + at, n, &done)
                       : proa_write_buffered(a, bytes + at, n, &done);
        at += done;
        if (rc == 0)
            continue;
        if (rc != PROA_ECANCELED)
            return rc;
        first = rc;
        PROA_SHIELD(shield, PROA_SEC);
        rc = proa_write(a, bytes + at, ALL - at, NULL);
        return rc < 0 ? rc : first;
    }
    return proa_flush(a);
}

BODY(cut)
{
    char bytes[ALL];
    int rc = proa__pair_new(&a, &b, &(struct pair_opts){.ab.capacity = 7});
    int joined;

    (void)arg;
    if (rc < 0)
        return rc;
    arrived = 0;
    for (size_t i = 0; i < ALL; i++)
        bytes[i] = (char)('A' + i);
    PROA_GROUP(g);
    rc = proa_create_task(&g, take_all, NULL);
    if (rc == 0)
        rc = write_all(bytes);
    int closed = proa_close(a);
    joined = proa_group_join(&g);
    if (joined == 0 && closed == 0 && rc != PROA_ENOMEM)
        ck_assert_uint_eq(arrived, ALL);
    proa_stream_free(b);
    a = b = NULL;
    if (rc == PROA_ECONNRESET) /* the reader was cancelled */
        rc = 0;
    return joined < 0 ? joined : rc;
}
START_TEST(however_it_is_cut_each_byte_arrives_once)
{
    t_each_park(cut_body, NULL);
}
END_TEST

BODY(round)
{
    int rc = proa__pair_new(&a, &b, NULL);

    (void)arg;
    if (rc < 0)
        return rc;
    rc = proa_write_buffered(a, "one", 3, NULL);
    if (rc == 0)
        rc = proa_flush(a);
    if (rc == 0)
        rc = proa_write_buffered(a, "two", 3, NULL);
    if (rc == 0)
        rc = proa_close(a);
    else
        proa_abort(a);
    proa_stream_free(b);
    return rc;
}
START_TEST(they_survive_lack_of_memory)
{
    t_run_each_alloc(round_body, NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        however_it_is_cut_each_byte_arrives_once,
        they_survive_lack_of_memory,
        NULL,
    };
    const struct t_table tables[] = {
        {what_is_kept_leaves_with_the_flush_in_one_piece, CARRIERS},
        {a_plain_write_goes_behind_what_is_kept, CARRIERS},
        {a_plain_write_waits_behind_what_is_kept, 1},
        {the_buffer_holds_its_size_and_not_a_byte_more, CARRIERS},
        {much_is_written_at_once, CARRIERS},
        {pieces_of_any_size_arrive_in_order, CARRIERS},
        {a_cancelled_flush_keeps_the_rest, 1},
        {a_cut_write_breaks_the_stream_unless_counted, 1},
        {a_free_that_cannot_send_it_all_is_an_abort, 1},
        {a_close_that_nobody_reads_ends_in_time, 1},
        {an_error_drops_what_is_kept, 1},
        {a_freed_stream_is_told, 1},
        {in_a_cancelled_scope_they_fail_at_once, CARRIERS},
        {no_memory_takes_nothing, 1},
        {NULL, 0},
    };

    return t_main_tables("stream_out", tests, tables);
}
