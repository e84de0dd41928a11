/* How a TLS stream ends: in order, rudely, too late. */

#include "support/t_run.h"
#include "tls/conn.h"
#include "tls/ends.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/stream.h>
#include <proa/task.h>

static int ends_in_order(void *arg)
{
    char byte;
    struct ends e = {0};

    (void)arg;
    ck_ok(t_shake(&e, NULL));
    ck_ok(proa_write(e.c, "x", 1, NULL));
    ck_ok(proa_shutdown(e.c));
    ck_ok(proa_shutdown(e.c)); /* twice is no error */
    ck_err(proa_write(e.c, "x", 1, NULL), PROA_EPIPE);
    ck_assert_int_eq(proa_read(e.s, &byte, 1), 1);
    ck_assert_int_eq(proa_read(e.s, &byte, 1), 0);
    ck_assert_int_eq(proa_read(e.s, &byte, 1), 0); /* and stays so */
    ck_ok(proa_write(e.s, "y", 1, NULL));          /* half closed only */
    ck_assert_int_eq(proa_read(e.c, &byte, 1), 1);
    ck_ok(proa_close(e.s));
    e.s = NULL;
    ck_assert_int_eq(proa_read(e.c, &byte, 1), 0);
    ck_ok(proa_close(e.c));
    e.c = NULL;
    t_leave(&e);
    return 0;
}

START_TEST(close_notify_ends_in_order)
{
    t_run(ends_in_order, NULL);
}
END_TEST

static int ends_rudely(void *arg)
{
    struct ends e = {0};
    char byte;

    (void)arg;
    ck_ok(t_shake(&e, NULL));
    ck_ok(proa_write(e.c, "x", 1, NULL));
    ck_ok(proa__stream_try_shutdown(e.c_lower));   /* behind the back of TLS */
    ck_assert_int_eq(proa_read(e.s, &byte, 1), 1); /* what came before counts */
    ck_err(proa_read(e.s, &byte, 1), PROA_ETLSTRUNCATED);
    t_says(proa_err_detail(PROA_ETLSTRUNCATED),
           "the client ended the connection without ending TLS");
    ck_err(proa_read(e.s, &byte, 1), PROA_ETLSTRUNCATED);
    ck_ok(proa_write(e.s, "y", 1, NULL)); /* it may still be listening */
    ck_assert_int_eq(proa_read(e.c, &byte, 1), 1);
    t_leave(&e);
    return 0;
}

START_TEST(missing_close_notify_is_an_error)
{
    t_run(ends_rudely, NULL);
}
END_TEST

static int aborts(void *arg)
{
    struct ends e = {0};
    char byte;

    (void)arg;
    ck_ok(t_shake(&e, NULL));
    ck_ok(proa_write(e.c, "x", 1, NULL));
    proa_abort(e.c);
    e.c = NULL;
    ck_assert_int_eq(proa_read(e.s, &byte, 1), 1);
    ck_err(proa_read(e.s, &byte, 1), PROA_ECONNRESET);
    ck_assert_int_lt(proa_write(e.s, "y", 1, NULL), 0);
    t_leave(&e);

    ck_ok(t_shake(&e, NULL)); /* freed without close_notify: rude too, but no reset */
    proa_stream_free(e.c);
    e.c = NULL;
    ck_err(proa_read(e.s, &byte, 1), PROA_ETLSTRUNCATED);
    t_leave(&e);
    return 0;
}

START_TEST(abort_is_no_orderly_end)
{
    t_run(aborts, NULL);
}
END_TEST

struct rest {
    struct proa_stream *s;
    size_t n;
};

static int count(void *arg)
{
    static char bytes[1000];
    struct rest *r = arg;
    ssize_t n;

    while ((n = proa_read(r->s, bytes, sizeof bytes)) > 0)
        r->n += (size_t)n;
    return (int)n;
}

static int close_waits(void *arg)
{
    static char bytes[5000];
    struct pair_opts narrow = {.ab = {.capacity = 100, .split = 100}};
    struct rest f = {0};
    struct ends e = {0};

    (void)arg;
    ck_ok(t_shake(&e, &narrow));
    f.s = e.s;
    {
        PROA_GROUP(g);
        ck_ok(proa_write(e.c, bytes, sizeof bytes, NULL)); /* taken: most of it is still here */
        ck_assert_uint_gt(((struct tls *)e.c)->out_n, 0);
        ck_ok(proa_create_task(&g, count, &f));
        ck_ok(proa_close(e.c));
        ck_ok(proa_group_join(&g));
    }
    ck_assert_uint_eq(f.n, sizeof bytes);
    e.c = NULL;
    t_leave(&e);
    return 0;
}

START_TEST(close_brings_out_what_was_written)
{
    t_run(close_waits, NULL);
}
END_TEST

static int close_gives_up(void *arg)
{
    static char bytes[5000];
    struct pair_opts narrow = {.ab = {.capacity = 100}};
    struct ends e = {0};

    (void)arg;
    ck_ok(t_shake(&e, &narrow));
    ck_ok(proa_write(e.c, bytes, sizeof bytes, NULL));
    ck_err(proa_close(e.c), PROA_ETIMEDOUT); /* nobody reads */
    e.c = NULL;
    t_leave(&e);
    return 0;
}

START_TEST(close_does_not_wait_for_ever)
{
    t_run(close_gives_up, NULL);
}
END_TEST

static int nobody_is_left(void *arg)
{
    static char bytes[5000];
    struct pair_opts narrow = {.ab = {.capacity = 100}};
    struct ends e = {0};

    (void)arg;
    ck_ok(t_shake(&e, NULL));
    proa_stream_free(e.s);
    e.s = NULL;
    ck_ok(proa_close(e.c)); /* nothing is lost but our good-bye */
    e.c = NULL;
    t_leave(&e);

    ck_ok(t_shake(&e, &narrow));
    ck_ok(proa_write(e.c, bytes, sizeof bytes, NULL));
    proa_stream_free(e.s);
    e.s = NULL;
    ck_err(proa_close(e.c), PROA_EPIPE); /* bytes are lost, and it is told */
    e.c = NULL;
    t_leave(&e);
    return 0;
}

START_TEST(close_tells_of_bytes_that_are_lost)
{
    t_run(nobody_is_left, NULL);
}
END_TEST

int main(void)
{
    t_openssl_apart();
    return t_main("tls_end", (const TTest *const[]){
                                 close_notify_ends_in_order,
                                 missing_close_notify_is_an_error,
                                 abort_is_no_orderly_end,
                                 close_brings_out_what_was_written,
                                 close_does_not_wait_for_ever,
                                 close_tells_of_bytes_that_are_lost,
                                 NULL,
                             });
}
