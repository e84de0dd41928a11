/* What a stream keeps and shows of itself, over TLS: buffered writes, looking ahead, reading all.
 */

#include "support/t_run.h"
#include "tls/ends.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/stream.h>
#include <proa/task.h>

#include <string.h>

enum { MUCH = 70000 };

static char byte_at(size_t i)
{
    return (char)(i * 7 + (i >> 8) * 13);
}

/* Pieces of growing size; every third is flushed, and some of the flushes are cut. */
static int pour(void *arg)
{
    static char bytes[MUCH];
    struct proa_stream *s = arg;
    int rc = 0;

    for (size_t i = 0; i < MUCH; i++)
        bytes[i] = byte_at(i);
    for (size_t at = 0, n = 1; rc == 0 && at < MUCH; at += n, n += 97) {
        if (n > MUCH - at)
            n = MUCH - at;
        rc = proa_write_buffered(s, bytes + at, n, NULL);
        if (rc == 0 && n % 3 == 0)
            rc = PROA_WITHIN(0, proa_flush(s));
        if (rc == PROA_ETIMEDOUT)
            rc = 0; /* the rest stays buffered */
    }
    return rc < 0 ? rc : proa_shutdown(s);
}

static int all_arrives(void *arg)
{
    PROA_AUTO(proa_buf) buf;
    struct ends e = {0};

    (void)arg;
    proa_buf_init(&buf, MUCH);
    ck_ok(t_shake(&e, &(struct pair_opts){.ab = {.capacity = 1500, .split = 700}}));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, pour, e.c));
    ck_ok(proa_read_all(e.s, &buf));
    ck_ok(proa_group_join(&g));
    struct proa_str got = proa_buf_str(&buf);
    ck_assert_uint_eq(got.n, MUCH);
    for (size_t i = 0; i < MUCH; i++) {
        if (got.p[i] != byte_at(i))
            ck_abort_msg("byte %zu is another", i);
    }
    ck_assert(proa_at_eof(e.s));
    t_leave(&e);
    return 0;
}
START_TEST(buffered_pieces_arrive_in_order)
{
    t_run(all_arrives, NULL);
}
END_TEST

/* One record for all of them, seen by the bytes on the way. */
static int one_record(void *arg)
{
    struct ends e = {0};
    struct proa_str seen;

    (void)arg;
    ck_ok(t_shake(&e, NULL));
    for (int i = 0; i < 10; i++)
        ck_ok(proa_write_buffered(e.c, "word ", 5, NULL));
    ck_ok(proa_flush(e.c));
    ck_ok(proa_peek(e.s, &seen, 1)); /* a read brings one record at most */
    ck_assert_uint_eq(seen.n, 50);
    ck_ok(proa_consume(e.s, 45));
    ck_ok(proa_peek(e.s, &seen, 5));
    ck_str_eq(seen, "word ");
    ck_ok(proa_consume(e.s, 5));
    t_leave(&e);
    return 0;
}
START_TEST(what_is_kept_is_one_record)
{
    t_run(one_record, NULL);
}
END_TEST

/* asyncio closes the connection; here it is as over TCP. */
static int half_closed(void *arg)
{
    struct ends e = {0};
    char got[8];

    (void)arg;
    ck_ok(t_shake(&e, NULL));
    ck_ok(proa_write_buffered(e.c, "last", 4, NULL));
    ck_ok(proa_shutdown(e.c));
    ck_ok(proa_read_exact(e.s, got, 4, NULL));
    ck_assert_int_eq(proa_read(e.s, got, 1), 0);
    ck_ok(proa_write_buffered(e.s, "answer", 6, NULL));
    ck_ok(proa_close(e.s));
    e.s = NULL;
    ck_ok(proa_read_exact(e.c, got, 6, NULL));
    ck_assert_int_eq(memcmp(got, "answer", 6), 0);
    ck_assert_int_eq(proa_read(e.c, got, 1), 0);
    t_leave(&e);
    return 0;
}
START_TEST(aio_write_16_after_the_other_ends_end_we_may_still_write)
{
    t_run(half_closed, NULL);
}
END_TEST

struct start {
    struct proa_stream *lower, *s;
    struct proa_tls_ctx *ctx;
};

static int start_tls(void *arg)
{
    struct start *st = arg;

    return proa_tls_client(&st->s, st->lower, st->ctx, PROA_TLS_OPTS(.server_name = "a.example"));
}

/* A program that has not flushed its STARTTLS yet: the word goes before the handshake. */
static int kept_before_tls(void *arg)
{
    struct start st = {0};
    struct proa_stream *far;
    char got[10];

    (void)arg;
    st.ctx = T_CLIENT(.no_resumption = true);
    ck_ok(proa__pair_new(&st.lower, &far, NULL));
    ck_ok(proa_write_buffered(st.lower, "STARTTLS\n", 9, NULL));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, start_tls, &st));
    ck_ok(proa_read_exact(far, got, 10, NULL));
    ck_assert_int_eq(memcmp(got, "STARTTLS\n\x16", 10), 0);
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    proa_abort(far);
    proa_tls_ctx_unref(st.ctx);
    return 0;
}
START_TEST(what_was_kept_in_plain_goes_before_the_handshake)
{
    t_run(kept_before_tls, NULL);
}
END_TEST

int main(void)
{
    return t_main("buffered", (const TTest *const[]){
                                  buffered_pieces_arrive_in_order,
                                  what_is_kept_is_one_record,
                                  aio_write_16_after_the_other_ends_end_we_may_still_write,
                                  what_was_kept_in_plain_goes_before_the_handshake,
                                  NULL,
                              });
}
