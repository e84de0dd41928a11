/*
 * Ending, and what is left after the end of one side, by the cases of asyncio's own behaviour, over
 * everything that carries a stream. Where ours differs the test asserts ours and says so.
 */

#include "net/carrier.h"
#include "net/fd_stream.h"
#include "net/pair.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>

#include <string.h>

#define BODY(name) static int name##_body(void *arg)
#define RUN_AMONG(name, those)                                                                     \
    START_TEST(name)                                                                               \
    {                                                                                              \
        enum carrier on = those[_i];                                                               \
        t_run_modes(name##_body, &on);                                                             \
    }                                                                                              \
    END_TEST

static const enum carrier all[] = {ON_PAIR, ON_UNIX, ON_TCP, ON_PIPE};
static const enum carrier two_way[] = {ON_PAIR, ON_UNIX, ON_TCP};

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

static int read_byte(void *arg)
{
    struct call *c = arg;
    char byte;

    c->rc = (int)proa_read(a, &byte, 1);
    c->times++;
    return 0;
}

static void until_parked(struct stream_turn *const *slot)
{
    while (!*slot)
        proa_yield();
    proa_yield();
}

/* ---- ends */

BODY(aio_write_09_a_half_close_sends_what_was_kept_first)
{
    open_on(arg);
    ck_ok(proa_write_buffered(a, "kept ", 5, NULL));
    ck_ok(proa_write_buffered(a, "back", 4, NULL));
    ck_ok(proa_shutdown(a));
    carrier_expect(b, "kept back");
    carrier_expect_end(b);
    ck_err(proa_write(a, "x", 1, NULL), PROA_EPIPE);
    ck_ok(proa_shutdown(a));
    ck_ok(proa_close(a));
    a = NULL;
    close_both();
    return 0;
}
RUN_AMONG(aio_write_09_a_half_close_sends_what_was_kept_first, all)

static int close_a(void *arg)
{
    struct call *c = arg;

    c->rc = proa_close(a);
    c->times++;
    a = NULL;
    return 0;
}

/* More is kept than the carrier has room for: the close waits until it is gone. */
BODY(aio_write_10_a_close_sends_what_was_kept_first)
{
    struct call c = {0};
    char got[12];

    (void)arg;
    ck_ok(proa__pair_new(&a, &b, &(struct pair_opts){.ab.capacity = 4}));
    ck_ok(proa_write_buffered(a, "twelve bytes", 12, NULL));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, close_a, &c));
    ck_ok(proa_read_exact(b, got, 12, NULL));
    ck_assert_int_eq(memcmp(got, "twelve bytes", 12), 0);
    carrier_expect_end(b);
    ck_ok(proa_group_join(&g));
    ck_ok(c.rc);
    ck_assert_int_eq(c.times, 1);
    close_both();
    return 0;
}
RUN_AMONG(aio_write_10_a_close_sends_what_was_kept_first, all)

BODY(aio_write_10_an_abort_drops_what_was_kept)
{
    char c;

    open_on(arg);
    ck_ok(proa_write_buffered(a, "lost", 4, NULL));
    proa_abort(a);
    a = NULL;
    if (*(enum carrier *)arg == ON_PAIR || *(enum carrier *)arg == ON_TCP)
        ck_assert_int_eq(proa_read(b, &c, 1), PROA_ECONNRESET);
    else
        ck_assert_int_eq(proa_read(b, &c, 1), 0);
    close_both();
    return 0;
}
RUN_AMONG(aio_write_10_an_abort_drops_what_was_kept, all)

/* Whatever mix ends a stream, each call in progress returns once. */
BODY(aio_write_11_each_waiting_call_is_told_once)
{
    struct call r = {0}, w = {0};

    for (int how = 0; how < 4; how++) {
        open_on(arg);
        r = w = (struct call){0};
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, read_byte, &r));
        ck_ok(proa_create_task(&g, write_big, &w));
        until_parked(&a->reader);
        until_parked(&a->writer);
        if (how != 0)
            proa_abort(b); /* an error, and then an end of ours in the same turn */
        if (how != 0)
            b = NULL;
        if (how == 1)
            proa_abort(a);
        else if (how == 2)
            proa_close(a);
        else
            proa_stream_free(a);
        a = NULL;
        ck_ok(proa_group_join(&g));
        ck_err(r.rc, PROA_ECLOSED);
        ck_err(w.rc, PROA_ECLOSED);
        ck_assert_int_eq(r.times + w.times, 2);
        close_both();
    }
    return 0;
}
RUN_AMONG(aio_write_11_each_waiting_call_is_told_once, two_way)

BODY(aio_write_12_unread_bytes_do_not_hold_a_close_up)
{
    open_on(arg);
    carrier_say(a, "never read");
    if (*(enum carrier *)arg != ON_PIPE)
        carrier_say(b, "nor this");
    leave();
    t_turns(2);
    proa_close(a); /* whatever it says of the lost bytes, it returns */
    a = NULL;

    open_on(arg);
    if (*(enum carrier *)arg != ON_PIPE)
        carrier_say(b, "never read");
    carrier_say(a, "the last words");
    ck_ok(proa_close(a)); /* takes what came off first: no reset overtakes the words */
    a = NULL;
    carrier_expect(b, "the last words");
    carrier_expect_end(b);
    close_both();
    return 0;
}
RUN_AMONG(aio_write_12_unread_bytes_do_not_hold_a_close_up, all)

/* The frame's end closes it; one that is never freed is a leak that debug mode tells of. */
BODY(aio_write_13_a_stream_ends_with_its_frame)
{
    {
        PROA_AUTO(proa_stream) *mine = NULL;
        carrier_open(*(enum carrier *)arg, &mine, &b);
        carrier_say(mine, "said ");
        ck_ok(proa_write_buffered(mine, "kept", 4, NULL));
    }
    carrier_expect(b, "said kept");
    carrier_expect_end(b);
    close_both();
    return 0;
}
RUN_AMONG(aio_write_13_a_stream_ends_with_its_frame, all)

BODY(aio_write_16_after_the_other_ends_end_we_may_still_write)
{
    open_on(arg);
    ck_ok(proa_shutdown(b));
    carrier_expect_end(a);
    ck_assert(proa_at_eof(a));
    carrier_say(a, "still here");
    ck_ok(proa_write_buffered(a, "!", 1, NULL));
    ck_ok(proa_flush(a));
    carrier_expect(b, "still here!");
    close_both();
    return 0;
}
RUN_AMONG(aio_write_16_after_the_other_ends_end_we_may_still_write, two_way)

static void count(void *arg, unsigned dirs)
{
    (void)dirs;
    ++*(int *)arg;
}

/* Reading is what the reader does: there is nothing to be paused, only an interest to be taken
 * back, any number of times. */
BODY(aio_write_18_nothing_is_delivered_that_was_not_asked_for)
{
    uint64_t reads = proa__net_counts.reads;
    int told = 0;

    open_on(arg);
    proa__stream_notify(b, 0, NULL, NULL);
    carrier_say(a, "data");
    t_turns(3);
    ck_assert_uint_eq(proa__net_counts.reads, reads);
    ck_assert_ptr_null(b->in);
    proa__stream_notify(b, STREAM_READ, count, &told);
    proa__stream_notify(b, 0, NULL, NULL);
    proa__stream_notify(b, 0, NULL, NULL);
    t_turns(3);
    ck_assert_int_eq(told, 0);
    proa__stream_notify(b, STREAM_READ, count, &told);
    proa__stream_notify(b, STREAM_READ, count, &told);
    t_turns(3);
    ck_assert_int_eq(told, 1);
    carrier_expect(b, "data");
    close_both();
    return 0;
}
RUN_AMONG(aio_write_18_nothing_is_delivered_that_was_not_asked_for, all)

int main(void)
{
    const struct t_table tables[] = {
        {aio_write_09_a_half_close_sends_what_was_kept_first, 4},
        {aio_write_10_a_close_sends_what_was_kept_first, 1},
        {aio_write_10_an_abort_drops_what_was_kept, 4},
        {aio_write_11_each_waiting_call_is_told_once, 3},
        {aio_write_12_unread_bytes_do_not_hold_a_close_up, 4},
        {aio_write_13_a_stream_ends_with_its_frame, 4},
        {aio_write_16_after_the_other_ends_end_we_may_still_write, 3},
        {aio_write_18_nothing_is_delivered_that_was_not_asked_for, 4},
        {NULL, 0},
    };

    return t_main_tables("aio_end", (const TTest *const[]){NULL}, tables);
}
