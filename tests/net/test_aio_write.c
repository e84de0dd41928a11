/*
 * Writing, by the cases of asyncio's own behaviour, over everything that carries a
 * stream. Where ours differs the test asserts ours and says so.
 */

#include "net/carrier.h"
#include "net/fd_stream.h"
#include "net/pair.h"
#include "net/stream_out.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>

#include <limits.h>
#include <string.h>
#include <unistd.h>

#define BODY(name) static int name##_body(void *arg)
#define RUN_AMONG(name, those)                                                                     \
    START_TEST(name)                                                                               \
    {                                                                                              \
        enum carrier on = those[_i];                                                               \
        t_run_modes(name##_body, &on);                                                             \
    }                                                                                              \
    END_TEST

static const enum carrier all[] = {ON_PAIR, ON_UNIX, ON_TCP, ON_PIPE};
static const enum carrier real[] = {ON_UNIX, ON_TCP, ON_PIPE};
static const enum carrier resets[] = {ON_PAIR, ON_TCP};

static struct proa_stream *a; /* whose calls are tested: it writes */
static struct proa_stream *b; /* the far end: it reads */

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

/* The far end goes away, in order. */
static void leave(void)
{
    proa_stream_free(b);
    b = NULL;
}

struct call {
    int rc;
    int times; /* that it returned */
    size_t done;
};

/* More than any of them has room for. */
#define BIG ((size_t)24 << 20)

static int write_big(void *arg)
{
    static char bytes[BIG];
    struct call *c = arg;

    c->rc = proa_write(a, bytes, BIG, &c->done);
    c->times++;
    return 0;
}

/* A reset, or the end of the pipe: which of them a writer learns is the system's affair. */
static void ck_gone(int rc)
{
    ck_assert_msg(rc == PROA_EPIPE || rc == PROA_ECONNRESET, "got %s", proa_err_name(rc));
}

static void until_parked(struct stream_turn *const *slot)
{
    while (!*slot)
        proa_yield();
    proa_yield();
}

/* ---- how writes go out */

/* What does not fit waits in the call, not in a buffer. */
BODY(aio_write_01_a_small_write_is_tried_at_once)
{
    uint64_t writes;
    char got[8];

    open_on(arg);
    writes = proa__net_counts.writes;
    carrier_say(a, "hello");
    ck_assert_uint_eq(proa__net_counts.writes, writes + 1);
    ck_assert_ptr_null(a->out);
    ck_assert_int_eq(read(proa_stream_fd(b), got, 8), 5); /* there, before the loop has turned */
    close_both();
    return 0;
}
RUN_AMONG(aio_write_01_a_small_write_is_tried_at_once, real)

static int keep_pieces(void *arg)
{
    static char piece[1024];
    size_t *done = arg;
    int rc = 0;

    for (int i = 0; rc == 0 && i < 40; i++) {
        memset(piece, 'a' + i % 26, sizeof piece);
        rc = proa_write_buffered(a, piece, sizeof piece, NULL);
        *done += rc == 0 ? sizeof piece : 0;
    }
    return rc < 0 ? rc : proa_flush(a);
}

/* The one bound of the buffered form; there are no water marks to be set. */
BODY(aio_write_02_a_full_buffer_holds_its_writer_up)
{
    char got[1024];
    size_t done = 0;

    (void)arg;
    ck_ok(proa__pair_new(&a, &b, &(struct pair_opts){.ab.capacity = 1000}));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, keep_pieces, &done));
    for (int i = 0; i < 100; i++)
        proa_yield();
    ck_assert_uint_le(done, STREAM_OUT_ROOM);
    ck_assert_uint_gt(done + sizeof got, STREAM_OUT_ROOM);
    for (int i = 0; i < 40; i++) {
        ck_ok(proa_read_exact(b, got, sizeof got, NULL));
        ck_assert_int_eq(got[0], 'a' + i % 26);
        ck_assert_int_eq(got[1023], 'a' + i % 26);
    }
    ck_ok(proa_group_join(&g));
    close_both();
    return 0;
}
RUN_AMONG(aio_write_02_a_full_buffer_holds_its_writer_up, all)

/* One writes at a time; the others are told, and are not woken together. */
BODY(aio_write_03_a_second_writer_is_refused_and_the_first_undisturbed)
{
    struct call w = {0};
    struct iovec iov = {(void *)"x", 1};
    static char got[4096];
    size_t n = 0;

    open_on(arg);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, write_big, &w));
    until_parked(&a->writer);
    ck_err(proa_write(a, "x", 1, NULL), PROA_EBUSY);
    ck_err(proa_writev(a, &iov, 1, NULL), PROA_EBUSY);
    ck_err(proa_write_buffered(a, "x", 1, NULL), PROA_EBUSY);
    ck_err(proa_flush(a), PROA_EBUSY);
    ck_err(proa_shutdown(a), PROA_EBUSY);
    while (n < BIG) {
        ssize_t some = proa_read(b, got, sizeof got);
        ck_assert_int_gt(some, 0);
        n += (size_t)some;
    }
    ck_ok(proa_group_join(&g));
    ck_ok(w.rc);
    ck_assert_uint_eq(w.done, BIG);
    close_both();
    return 0;
}
START_TEST(aio_write_03_a_second_writer_is_refused_and_the_first_undisturbed)
{
    enum carrier on = all[_i];

    t_run(aio_write_03_a_second_writer_is_refused_and_the_first_undisturbed_body, &on);
}
END_TEST

/* ---- the other end is gone */

BODY(aio_write_04_a_waiting_writer_is_told_of_a_reset)
{
    struct call w = {0};

    open_on(arg);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, write_big, &w));
    until_parked(&a->writer);
    proa_abort(b);
    b = NULL;
    ck_ok(proa_group_join(&g));
    ck_gone(w.rc);
    ck_assert_uint_lt(w.done, BIG);
    ck_err(proa_write(a, "x", 1, NULL), w.rc);
    ck_err(proa_flush(a), w.rc);
    close_both();
    return 0;
}
RUN_AMONG(aio_write_04_a_waiting_writer_is_told_of_a_reset, all)

BODY(aio_write_04_a_waiting_writer_is_told_of_an_end)
{
    struct call w = {0};

    open_on(arg);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, write_big, &w));
    until_parked(&a->writer);
    leave();
    ck_ok(proa_group_join(&g));
    ck_gone(w.rc);
    ck_err(proa_write(a, "x", 1, NULL), w.rc);
    close_both();
    return 0;
}
RUN_AMONG(aio_write_04_a_waiting_writer_is_told_of_an_end, all)

BODY(aio_write_05_nothing_is_written_after_our_own_end)
{
    struct call w = {0};

    open_on(arg);
    ck_ok(proa_shutdown(a));
    ck_err(proa_write(a, "x", 1, NULL), PROA_EPIPE);
    ck_err(proa_write_buffered(a, "x", 1, NULL), PROA_EPIPE);
    ck_ok(proa_flush(a)); /* nothing is left, as the half close saw to */
    close_both();

    open_on(arg);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, write_big, &w));
    until_parked(&a->writer);
    proa_stream_free(a); /* while it waits */
    a = NULL;
    ck_ok(proa_group_join(&g));
    ck_err(w.rc, PROA_ECLOSED);
    close_both();
    return 0;
}
RUN_AMONG(aio_write_05_nothing_is_written_after_our_own_end, all)

/* At most so many writes until a gone end must be known; each lets the loop turn. */
static int write_until_told(void)
{
    int rc = 0;

    for (int i = 0; rc == 0 && i < 1000; i++) {
        rc = proa_write(a, "x", 1, NULL);
        t_turns(1);
    }
    return rc;
}

BODY(aio_write_06_a_gone_reader_is_told_by_write_and_close_alike)
{
    int rc;

    open_on(arg);
    leave();
    rc = write_until_told();
    ck_gone(rc);
    ck_err(proa_write(a, "x", 1, NULL), rc);
    if (*(enum carrier *)arg == ON_TCP)
        ck_gone(proa_close(a));
    else
        proa_close(a); /* a local end that is gone has nothing to lose */
    a = NULL;
    close_both();
    return 0;
}
RUN_AMONG(aio_write_06_a_gone_reader_is_told_by_write_and_close_alike, all)

BODY(aio_write_07_a_loop_of_writes_learns_that_nobody_reads)
{
    int rc = 0;

    open_on(arg);
    leave();
    while (rc == 0) /* each 128th gives way; without that this would never end */
        rc = proa_write_buffered(a, "some bytes", 10, NULL);
    ck_gone(rc);
    close_both();
    return 0;
}
RUN_AMONG(aio_write_07_a_loop_of_writes_learns_that_nobody_reads, all)

/* asyncio drops them silently. */
BODY(aio_write_08_each_write_to_a_lost_connection_fails)
{
    size_t done = 9;
    int rc;

    open_on(arg);
    proa_abort(b);
    b = NULL;
    rc = write_until_told();
    for (int i = 0; i < 20; i++) {
        ck_err(proa_write(a, "x", 1, &done), rc);
        ck_assert_uint_eq(done, 0);
        ck_err(proa_write_buffered(a, "x", 1, &done), rc);
        ck_assert_uint_eq(done, 0);
    }
    close_both();
    return 0;
}
RUN_AMONG(aio_write_08_each_write_to_a_lost_connection_fails, all)

/* ---- pieces */

#define PIECES (3 * IOV_MAX)

static int write_pieces(void *arg)
{
    static char bytes[PIECES];
    static struct iovec iov[PIECES];
    size_t *done = arg;

    for (size_t i = 0; i < PIECES; i++) {
        bytes[i] = (char)(i % 251);
        iov[i] = (struct iovec){&bytes[i], 1};
    }
    return proa_writev(a, iov, PIECES, done);
}

BODY(aio_write_14_any_number_of_pieces_arrives_in_order)
{
    static char got[PIECES];
    uint64_t writes;
    size_t done = 9;

    open_on(arg);
    writes = proa__net_counts.writes;
    ck_ok(proa_writev(a, NULL, 0, &done));
    ck_ok(proa_writev(a, (struct iovec[]){{NULL, 0}, {NULL, 0}}, 2, &done));
    ck_assert_uint_eq(done, 0);
    ck_assert_uint_eq(proa__net_counts.writes, writes);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, write_pieces, &done));
    ck_ok(proa_read_exact(b, got, sizeof got, NULL));
    ck_ok(proa_group_join(&g));
    ck_assert_uint_eq(done, PIECES);
    for (size_t i = 0; i < sizeof got; i++) {
        if (got[i] != (char)(i % 251))
            ck_abort_msg("byte %zu is another", i);
    }
    close_both();
    return 0;
}
RUN_AMONG(aio_write_14_any_number_of_pieces_arrives_in_order, all)

/* The carrier takes seven bytes at a time, whatever the pieces are. */
BODY(aio_write_14_what_a_part_left_over_follows)
{
    static char got[PIECES];
    size_t done = 0;

    (void)arg;
    ck_ok(proa__pair_new(&a, &b, &(struct pair_opts){.ab.capacity = 7}));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, write_pieces, &done));
    ck_ok(proa_read_exact(b, got, sizeof got, NULL));
    ck_ok(proa_group_join(&g));
    for (size_t i = 0; i < sizeof got; i++) {
        if (got[i] != (char)(i % 251))
            ck_abort_msg("byte %zu is another", i);
    }
    close_both();
    return 0;
}
RUN_AMONG(aio_write_14_what_a_part_left_over_follows, resets)

/* No carrier is handed more pieces than the system takes: callbacks offer as many as they have. */
BODY(aio_write_14_a_call_that_does_not_wait_offers_what_the_system_takes)
{
    static char bytes[PIECES];
    static struct iovec iov[PIECES];

    open_on(arg);
    for (size_t i = 0; i < PIECES; i++)
        iov[i] = (struct iovec){&bytes[i], 1};
    ck_assert_int_eq(proa__stream_try_writev(a, iov, PIECES), IOV_MAX);
    close_both();
    return 0;
}
RUN_AMONG(aio_write_14_a_call_that_does_not_wait_offers_what_the_system_takes, real)

int main(void)
{
    const struct t_table tables[] = {
        {aio_write_01_a_small_write_is_tried_at_once, 3},
        {aio_write_02_a_full_buffer_holds_its_writer_up, 1},
        {aio_write_03_a_second_writer_is_refused_and_the_first_undisturbed, 4},
        {aio_write_04_a_waiting_writer_is_told_of_a_reset, 4},
        {aio_write_04_a_waiting_writer_is_told_of_an_end, 4},
        {aio_write_05_nothing_is_written_after_our_own_end, 4},
        {aio_write_06_a_gone_reader_is_told_by_write_and_close_alike, 4},
        {aio_write_07_a_loop_of_writes_learns_that_nobody_reads, 4},
        {aio_write_08_each_write_to_a_lost_connection_fails, 4},
        {aio_write_14_any_number_of_pieces_arrives_in_order, 4},
        {aio_write_14_what_a_part_left_over_follows, 1},
        {aio_write_14_a_call_that_does_not_wait_offers_what_the_system_takes, 3},
        {NULL, 0},
    };

    return t_main_tables("aio_write", (const TTest *const[]){NULL}, tables);
}
