/* Who is told what, and who is left in peace. */

#include "support/t_run.h"
#include "tls/conn.h"
#include "tls/ends.h"
#include "tls/stream.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/stream.h>
#include <proa/task.h>

#include <openssl/ssl.h>

struct told {
    unsigned dirs;
    unsigned calls;
};

static void on_told(void *arg, unsigned dirs)
{
    struct told *t = arg;

    t->dirs |= dirs;
    t->calls++;
}

/* Decrypted bytes wait inside OpenSSL, and nothing more will come from below. */
static int pending(void *arg)
{
    struct told t = {0};
    struct ends e = {0};
    char byte;

    (void)arg;
    ck_ok(t_shake(&e, NULL));
    ck_ok(proa_write(e.c, "abc", 3, NULL));
    ck_assert_int_eq(proa__stream_try_read(e.s, &byte, 1), 1);
    ck_assert_uint_ne(proa__stream_bits(e.s) & STREAM_READ, 0);
    proa__stream_notify(e.s, STREAM_READ, on_told, &t);
    ck_assert_uint_eq(t.calls, 0);
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_uint_eq(t.dirs, STREAM_READ);

    ck_assert_int_eq(proa__stream_try_read(e.s, &byte, 1), 1);
    ck_assert_int_eq(proa__stream_try_read(e.s, &byte, 1), 1);
    ck_err(proa__stream_try_read(e.s, &byte, 1), PROA_EAGAIN);
    ck_assert_uint_eq(proa__stream_bits(e.s) & STREAM_READ, 0);
    t = (struct told){0};
    proa__stream_notify(e.s, STREAM_READ, on_told, &t);
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_uint_eq(t.calls, 0); /* nothing there: silence */
    t_leave(&e);
    return 0;
}

START_TEST(bytes_inside_tls_are_told)
{
    t_run(pending, NULL);
}
END_TEST

/* Half a record is there: that is nothing to be told about again and again. */
static int half_record(void *arg)
{
    struct told t = {0};
    struct ends e = {0};
    char record[64], byte;
    ssize_t n;

    (void)arg;
    ck_ok(t_shake(&e, NULL));
    ck_ok(proa_write(e.c, "abc", 3, NULL));
    n = proa__stream_try_read(e.s_lower, record, sizeof record);
    ck_ok(proa__stream_unread(e.s_lower, record, (size_t)n - 1));
    ck_err(proa__stream_try_read(e.s, &byte, 1), PROA_EAGAIN);
    proa__stream_notify(e.s, STREAM_READ, on_told, &t);
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_uint_eq(t.calls, 0);
    ck_ok(proa__stream_unread(e.s_lower, record + n - 1, 1));
    ck_assert_int_eq(proa__stream_try_read(e.s, &byte, 1), 1);
    t_leave(&e);
    return 0;
}

START_TEST(half_a_record_is_silent)
{
    t_run(half_record, NULL);
}
END_TEST

static int room_again(void *arg)
{
    static char bytes[50000], got[50000];
    struct pair_opts small = {.ab = {.capacity = 1000}};
    struct iovec iov = {bytes, sizeof bytes};
    struct told t = {0};
    struct ends e = {0};

    (void)arg;
    ck_ok(t_shake(&e, &small));
    while (proa__stream_try_writev(e.c, &iov, 1) > 0)
        continue;
    ck_assert_uint_eq(proa__stream_bits(e.c) & STREAM_WRITE, 0);
    proa__stream_notify(e.c, STREAM_WRITE, on_told, &t);
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_uint_eq(t.calls, 0);
    ck_ok(proa_read_exact(e.s, got, 16384,
                          NULL)); /* the record goes on its own; then there is room */
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_uint_eq(t.dirs, STREAM_WRITE);
    ck_assert_int_gt(proa__stream_try_writev(e.c, &iov, 1), 0);
    t_leave(&e);
    return 0;
}

START_TEST(room_is_told_when_the_record_is_out)
{
    t_run(room_again, NULL);
}
END_TEST

static int end_is_told(void *arg)
{
    struct told t = {0};
    struct ends e = {0};

    (void)arg;
    ck_ok(t_shake(&e, NULL));
    proa__stream_notify(e.s, STREAM_READ | STREAM_CLOSED, on_told, &t);
    ck_ok(proa_close(e.c));
    e.c = NULL;
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_uint_eq(t.dirs, STREAM_READ | STREAM_CLOSED);
    ck_assert(proa__stream_is_closed(e.s));
    t_leave(&e);
    return 0;
}

START_TEST(end_of_the_other_side_is_told)
{
    t_run(end_is_told, NULL);
}
END_TEST

/* The other end ended TLS, and keeps its connection. */
static int only_tls_ended(void *arg)
{
    struct ends e = {0};
    struct tls *client;
    char byte;

    (void)arg;
    ck_ok(t_shake(&e, NULL));
    ck_err(proa__stream_try_read(e.s, &byte, 1), PROA_EAGAIN);
    ck_assert(!proa__stream_is_closed(e.s));
    client = proa__tls_from(e.c);
    SSL_shutdown(client->ssl);
    ck_ok(proa__tls_flush(client));
    ck_assert_int_eq(proa_read(e.s, &byte, 1), 0);
    ck_assert(proa__stream_is_closed(e.s));
    ck_assert(!proa__stream_is_closed(e.s_lower));
    t_leave(&e);
    return 0;
}

START_TEST(end_of_tls_alone_is_an_end_too)
{
    t_run(only_tls_ended, NULL);
}
END_TEST

/* One that shakes hands in callbacks, and listens for both directions. */
struct shaking {
    struct proa_stream *s;
    unsigned calls;
    int rc;
};

static void shake_on(void *arg, unsigned dirs)
{
    struct shaking *k = arg;

    (void)dirs;
    k->calls++;
    ck_assert_uint_lt(k->calls, 20000); /* a pair of one byte needs some thousand */
    k->rc = proa__tls_handshake(k->s);
    if (k->rc != PROA_EAGAIN)
        proa__stream_notify(k->s, 0, NULL, NULL);
}

static int shaking_body(void *pair)
{
    struct proa_tls_ctx *client_ctx = T_CLIENT();
    struct proa_tls_ctx *server_ctx = T_SERVER();
    struct proa_stream *a = NULL, *b = NULL, *c = NULL;
    struct shaking k = {0};

    ck_ok(proa__pair_new(&a, &b, pair));
    ck_ok(proa__tls_server_new(&k.s, b, server_ctx));
    proa__stream_notify(k.s, STREAM_READ | STREAM_WRITE, shake_on, &k);
    ck_ok(proa_sleep(PROA_SEC));
    ck_assert_uint_eq(k.calls, 1); /* try, and be silent until something comes */
    ck_err(k.rc, PROA_EAGAIN);
    ck_ok(proa_tls_client(&c, a, client_ctx, PROA_TLS_OPTS(.server_name = "a.example")));
    ck_ok(proa_sleep(PROA_SEC));
    ck_ok(k.rc);
    proa__stream_close(c);
    proa__stream_close(k.s);
    proa_tls_ctx_unref(client_ctx);
    proa_tls_ctx_unref(server_ctx);
    return 0;
}

START_TEST(a_handshake_that_waits_is_left_in_peace)
{
    struct pair_opts split = {.ab = {.split = 1, .capacity = 1}, .ba = {.split = 1, .capacity = 1}};

    t_run(shaking_body, NULL);
    t_run(shaking_body, &split);
}
END_TEST

/* The same for one that only reads, and shakes hands by that. */
static void try_on(void *arg, unsigned dirs)
{
    struct shaking *k = arg;
    char byte;

    (void)dirs;
    k->calls++;
    ck_assert_uint_lt(k->calls, 100);
    ck_err(proa__stream_try_read(k->s, &byte, 1), PROA_EAGAIN);
}

static int trying_body(void *arg)
{
    struct proa_tls_ctx *ctx = T_SERVER();
    struct proa_stream *a = NULL, *b = NULL;
    struct shaking k = {0};

    (void)arg;
    ck_ok(proa__pair_new(&a, &b, NULL));
    ck_ok(proa__tls_server_new(&k.s, b, ctx));
    proa__stream_notify(k.s, STREAM_READ | STREAM_WRITE, try_on, &k);
    for (unsigned i = 1; i <= 3; i++) {
        ck_ok(proa_sleep(PROA_SEC)); /* the clock is virtual: it moves when nobody is busy */
        ck_assert_uint_eq(k.calls, i);
        ck_ok(proa_write(a, &"\x16\x03\x01"[i - 1], 1, NULL));
    }
    proa__stream_close(k.s);
    proa__stream_close(a);
    proa_tls_ctx_unref(ctx);
    return 0;
}

START_TEST(a_read_that_waits_for_a_handshake_is_left_in_peace)
{
    t_run(trying_body, NULL);
}
END_TEST

int main(void)
{
    t_openssl_apart();
    return t_main("tls_notify", (const TTest *const[]){
                                    bytes_inside_tls_are_told,
                                    half_a_record_is_silent,
                                    room_is_told_when_the_record_is_out,
                                    end_of_the_other_side_is_told,
                                    end_of_tls_alone_is_an_end_too,
                                    a_handshake_that_waits_is_left_in_peace,
                                    a_read_that_waits_for_a_handshake_is_left_in_peace,
                                    NULL,
                                });
}
