#include "core/loop.h"
#include "net/pair.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/pair.h>
#include <proa/stream.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

static struct proa_stream *a;
static struct proa_stream *b;

static void open_pair(const struct pair_opts *opts)
{
    ck_ok(proa__pair_new(&a, &b, opts));
}

static void close_pair(void)
{
    proa__stream_close(a);
    proa__stream_close(b);
}

static ssize_t say(struct proa_stream *s, const char *text)
{
    struct iovec iov = {.iov_base = (void *)text, .iov_len = strlen(text)};

    return proa__stream_try_writev(s, &iov, 1);
}

/* What may be read now is exactly the text; then comes `after`. */
static void hears(struct proa_stream *s, const char *text, ssize_t after)
{
    char buf[256];
    size_t n = 0;
    ssize_t got;

    while ((got = proa__stream_try_read(s, buf + n, sizeof buf - n)) > 0)
        n += (size_t)got;
    ck_assert_int_eq(got, after);
    ck_str_eq(proa_str_make(buf, n), text);
}

static int whole_body(void *arg)
{
    (void)arg;
    open_pair(NULL);
    hears(b, "", PROA_EAGAIN);
    ck_assert_int_eq(say(a, "ping"), 4);
    hears(b, "ping", PROA_EAGAIN);
    ck_assert_int_eq(say(b, "pong"), 4);
    hears(a, "pong", PROA_EAGAIN);
    close_pair();
    return 0;
}
START_TEST(bytes_are_there_at_once_without_faults)
{
    t_run(whole_body, NULL);
}
END_TEST

static int capacity_body(void *arg)
{
    char buf[3];

    (void)arg;
    open_pair(&(struct pair_opts){.ab.capacity = 5});
    ck_assert_int_eq(say(a, "12345"), 5);
    ck_assert_int_eq(say(a, "6"), PROA_EAGAIN);
    ck_assert_uint_eq(proa__stream_bits(a) & STREAM_WRITE, 0);
    ck_assert_int_eq(proa__stream_try_read(b, buf, 3), 3);
    ck_assert_uint_ne(proa__stream_bits(a) & STREAM_WRITE, 0);
    ck_assert_int_eq(say(a, "67890"), 3); /* only what fits, and round the ring's corner */
    hears(b, "45678", PROA_EAGAIN);
    close_pair();
    return 0;
}
START_TEST(a_full_direction_takes_no_more)
{
    t_run(capacity_body, NULL);
}
END_TEST

static int split_body(void *arg)
{
    char buf[8];

    (void)arg;
    open_pair(&(struct pair_opts){.ab.split = 2});
    ck_assert_int_eq(say(a, "abcde"), 5);
    hears(b, "", PROA_EAGAIN);
    ck_assert_int_eq(proa__stream_wait(b, STREAM_READ), 0);
    ck_assert_int_eq(proa__stream_try_read(b, buf, 8), 2);
    ck_assert_int_eq(proa__stream_try_read(b, buf, 8), PROA_EAGAIN);
    t_turns(2); /* two pieces have come, and are two still */
    ck_assert_int_eq(proa__stream_try_read(b, buf, 8), 2);
    ck_assert_int_eq(proa__stream_try_read(b, buf, 8), 1);
    close_pair();
    return 0;
}
START_TEST(split_brings_one_piece_a_turn)
{
    t_run(split_body, NULL);
}
END_TEST

static int delay_body(void *arg)
{
    int64_t began = proa_now();
    char c[4];

    (void)arg;
    open_pair(&(struct pair_opts){.ab = {.split = 1, .delay = 100 * PROA_MS}});
    ck_assert_int_eq(say(a, "xyz"), 3);
    for (int i = 1; i <= 3; i++) {
        ck_assert_int_eq(proa_read(b, c, 1), 1);
        ck_assert_int_eq(proa_now() - began, i * 100 * PROA_MS);
    }
    ck_ok(proa__stream_try_shutdown(a));
    ck_assert_int_eq(proa_read(b, c, 1), 0);
    ck_assert_int_eq(proa_now() - began, 400 * PROA_MS);
    close_pair();
    return 0;
}
START_TEST(delay_holds_each_piece_and_the_end)
{
    t_run(delay_body, NULL);
}
END_TEST

static int cut_fin_body(void *arg)
{
    (void)arg;
    open_pair(&(struct pair_opts){.ab = {.cut = PROA_PAIR_FIN, .cut_at = 3}});
    ck_assert_int_eq(say(a, "ab"), 2);
    hears(b, "ab", PROA_EAGAIN);
    ck_assert_int_eq(say(a, "cd"), 2);
    hears(b, "c", 0);
    ck_assert(proa__stream_is_closed(b));
    ck_assert_int_eq(say(a, "swallowed"), 9);
    hears(b, "", 0);
    ck_assert_int_eq(say(b, "still"), 5); /* the other direction lives */
    hears(a, "still", PROA_EAGAIN);
    close_pair();
    return 0;
}
START_TEST(cut_fin_ends_one_direction_at_the_byte)
{
    t_run(cut_fin_body, NULL);
}
END_TEST

static int cut_rst_body(void *arg)
{
    (void)arg;
    open_pair(&(struct pair_opts){.ab = {.cut = PROA_PAIR_RST, .cut_at = 3, .split = 2}});
    ck_assert_int_eq(say(a, "abcd"), 4);
    t_turns(2);
    hears(b, "abc", PROA_ECONNRESET);
    hears(b, "", PROA_ECONNRESET); /* a reset stays one */
    ck_assert_int_eq(say(b, "x"), PROA_ECONNRESET);
    ck_assert_int_eq(say(a, "x"), PROA_ECONNRESET);
    hears(a, "", PROA_ECONNRESET);
    close_pair();
    return 0;
}
START_TEST(cut_rst_resets_both_ends_after_the_bytes)
{
    t_run(cut_rst_body, NULL);
}
END_TEST

static int cut_at_once_body(void *arg)
{
    (void)arg;
    open_pair(&(struct pair_opts){.ab.cut = PROA_PAIR_FIN, .ba.cut = PROA_PAIR_WHOLE});
    hears(b, "", 0);
    close_pair();
    open_pair(&(struct pair_opts){.ba.cut = PROA_PAIR_RST});
    hears(a, "", PROA_ECONNRESET);
    close_pair();
    return 0;
}
START_TEST(cut_at_zero_is_there_from_the_start)
{
    t_run(cut_at_once_body, NULL);
}
END_TEST

static int close_body(void *arg)
{
    (void)arg;
    open_pair(NULL);
    ck_assert_int_eq(say(a, "last"), 4);
    proa__stream_close(a);
    ck_assert_int_eq(say(b, "x"), PROA_EPIPE);
    hears(b, "last", 0);
    proa__stream_close(b);

    open_pair(NULL);
    ck_assert_int_eq(say(a, "lost"), 4);
    proa__stream_abort(a);
    hears(b, "lost", PROA_ECONNRESET);
    proa__stream_close(b);
    return 0;
}
START_TEST(close_is_an_end_and_abort_a_reset)
{
    t_run(close_body, NULL);
}
END_TEST

/* ---- notifications */

struct heard {
    int calls;
    unsigned dirs;
};

static void on_ready(void *arg, unsigned dirs)
{
    struct heard *h = arg;

    h->calls++;
    h->dirs |= dirs;
}

static int notify_body(void *arg)
{
    struct heard h = {0};

    (void)arg;
    open_pair(NULL);
    proa__stream_notify(b, STREAM_READ, on_ready, &h);
    t_turns(1);
    ck_assert_int_eq(h.calls, 0);
    say(a, "x");
    ck_assert_int_eq(h.calls, 0); /* never from inside a call */
    t_turns(1);
    ck_assert_int_eq(h.calls, 1);
    ck_assert_uint_eq(h.dirs, STREAM_READ);

    h = (struct heard){0};
    proa__stream_notify(b, STREAM_READ, on_ready, &h); /* it is there already: told soon */
    ck_assert_int_eq(h.calls, 0);
    t_turns(1);
    ck_assert_int_eq(h.calls, 1);

    proa__stream_notify(b, 0, NULL, NULL);
    say(a, "y");
    t_turns(2);
    ck_assert_int_eq(h.calls, 1);
    close_pair();
    return 0;
}
START_TEST(notifications_come_from_the_loop_and_are_sticky)
{
    t_run(notify_body, NULL);
}
END_TEST

static int notify_room_body(void *arg)
{
    struct heard h = {0};

    (void)arg;
    open_pair(&(struct pair_opts){.ab.capacity = 2});
    say(a, "xx");
    proa__stream_notify(a, STREAM_WRITE | STREAM_CLOSED, on_ready, &h);
    t_turns(1);
    ck_assert_int_eq(h.calls, 0);
    hears(b, "xx", PROA_EAGAIN);
    t_turns(1);
    ck_assert_uint_eq(h.dirs, STREAM_WRITE);
    proa__stream_close(b);
    t_turns(1);
    ck_assert_uint_eq(h.dirs, STREAM_WRITE | STREAM_CLOSED);
    proa__stream_close(a);
    return 0;
}
START_TEST(room_and_the_end_are_told)
{
    t_run(notify_room_body, NULL);
}
END_TEST

static void close_both(void *arg, unsigned dirs)
{
    (void)arg;
    (void)dirs;
    close_pair();
}

static int close_inside_body(void *arg)
{
    (void)arg;
    open_pair(&(struct pair_opts){.ab.split = 1});
    proa__stream_notify(b, STREAM_READ, close_both, NULL);
    say(a, "xyz");
    t_turns(3);
    return 0;
}
START_TEST(both_ends_may_be_closed_in_a_notification)
{
    t_run(close_inside_body, NULL);
}
END_TEST

static int close_before_body(void *arg)
{
    struct heard h = {0};

    (void)arg;
    open_pair(NULL);
    proa__stream_notify(b, STREAM_READ, on_ready, &h);
    say(a, "x"); /* b is to be told in the next turn */
    proa__stream_close(b);
    t_turns(2);
    ck_assert_int_eq(h.calls, 0);
    proa__stream_close(a);
    return 0;
}
START_TEST(a_closed_end_is_told_nothing)
{
    t_run(close_before_body, NULL);
}
END_TEST

static int new_body(void *arg)
{
    struct proa_stream *x, *y;
    int rc = proa__pair_new(&x, &y, arg);

    if (rc < 0)
        return rc;
    proa__stream_close(x);
    proa__stream_close(y);
    return 0;
}
START_TEST(no_memory_is_a_code)
{
    t_run_each_alloc(new_body, NULL);
}
END_TEST

/* ---- the public face */

struct letter {
    struct proa_stream *to;
    size_t sent;
    int rc;
};

static int write_hello(void *arg)
{
    struct letter *letter = arg;

    letter->rc = proa_write(letter->to, "hello", 5, &letter->sent);
    return 0;
}

static int public_body(void *arg)
{
    struct proa_stream *x, *y;
    struct letter letter = {0};
    char text[8] = "";
    int64_t began = proa_now();

    (void)arg;
    ck_ok(proa_pair_new(&x, &y,
                        PROA_PAIR_OPTS(.ab = {.split = 2, .delay = PROA_SEC},
                                       .ba = {.cut = PROA_PAIR_FIN, .cut_at = 3})));
    letter.to = x;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, write_hello, &letter));
    ck_ok(proa_read_exact(y, text, 5, NULL));
    ck_assert_str_eq(text, "hello");
    ck_assert_int_eq(proa_now() - began, 3 * PROA_SEC); /* three pieces */
    letter = (struct letter){.to = y};
    ck_ok(write_hello(&letter));
    ck_assert_int_eq(proa_read_exact(x, text, 5, NULL), PROA_EEOF);
    proa_abort(x);
    proa_abort(y);
    return proa_group_join(&g);
}
START_TEST(a_program_makes_pairs_with_faults)
{
    t_run_modes(public_body, NULL);
}
END_TEST

static int refused_body(void *arg)
{
    struct proa_stream *x = NULL, *y = NULL;
    const size_t most = (size_t)1 << 30;

    (void)arg;
    ck_err(proa_pair_new(&x, &y, PROA_PAIR_OPTS(.ab.delay = -1)), PROA_EINVAL);
    ck_err(proa_pair_new(&x, &y, PROA_PAIR_OPTS(.ba.delay = INT64_MIN)), PROA_EINVAL);
    ck_err(proa_pair_new(&x, &y, PROA_PAIR_OPTS(.ab.capacity = most + 1)), PROA_EINVAL);
    ck_err(proa_pair_new(&x, &y, PROA_PAIR_OPTS(.ba.capacity = SIZE_MAX)), PROA_EINVAL);
    ck_err(proa_pair_new(&x, &y, &(struct proa_pair_opts){.ab.split = 1}), PROA_EINVAL);
    ck_assert_ptr_null(x);
    ck_assert_ptr_null(y);
    return 0;
}
START_TEST(a_pair_that_cannot_be_is_refused)
{
    t_run(refused_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("pair", (const TTest *const[]){
                              bytes_are_there_at_once_without_faults,
                              a_full_direction_takes_no_more,
                              split_brings_one_piece_a_turn,
                              delay_holds_each_piece_and_the_end,
                              cut_fin_ends_one_direction_at_the_byte,
                              cut_rst_resets_both_ends_after_the_bytes,
                              cut_at_zero_is_there_from_the_start,
                              close_is_an_end_and_abort_a_reset,
                              notifications_come_from_the_loop_and_are_sticky,
                              room_and_the_end_are_told,
                              both_ends_may_be_closed_in_a_notification,
                              a_closed_end_is_told_nothing,
                              no_memory_is_a_code,
                              a_program_makes_pairs_with_faults,
                              a_pair_that_cannot_be_is_refused,
                              NULL,
                          });
}
