/* Bytes through TLS: all of them, in order, to the right end. */

#include "support/t_run.h"
#include "tls/conn.h"
#include "tls/ends.h"
#include "tls/stream.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/stream.h>
#include <proa/task.h>

#include <openssl/ssl.h>

#include <stdio.h>
#include <string.h>

/* ---- many bytes */

enum { BIG = 3 * 1000 * 1000 + 17, CHUNK = 50000 };

struct flow {
    struct proa_stream *s;
    size_t total;
    size_t chunk;
    bool ok;
};

static char byte_at(size_t i)
{
    return (char)(i * 7 + (i >> 8) * 13 + (i >> 16));
}

static int pour(void *arg)
{
    static char bytes[CHUNK];
    struct flow *f = arg;

    for (size_t at = 0; at < f->total;) {
        size_t n = f->total - at < f->chunk ? f->total - at : f->chunk;
        struct iovec iov[3];
        int rc;

        for (size_t i = 0; i < n; i++)
            bytes[i] = byte_at(at + i);
        iov[0] = (struct iovec){bytes, n / 3};
        iov[1] = (struct iovec){bytes + n / 3, 0};
        iov[2] = (struct iovec){bytes + n / 3, n - n / 3};
        rc = proa_writev(f->s, iov, 3, NULL);
        if (rc < 0)
            return rc;
        at += n;
    }
    return proa_shutdown(f->s);
}

static int drink(void *arg)
{
    static char bytes[CHUNK];
    struct flow *f = arg;
    size_t at = 0;
    ssize_t n;

    while ((n = proa_read(f->s, bytes, f->chunk)) > 0)
        for (ssize_t i = 0; i < n; i++, at++)
            if (bytes[i] != byte_at(at))
                return PROA_EIO;
    f->ok = n == 0 && at == f->total;
    return (int)n;
}

struct both_ways {
    struct pair_opts pair;
    size_t total;
    size_t chunk;
};

/* `bytes` of pour is static, so each direction writes in turn with its reader, and both at a time
 * in small. */
static int transfer(void *arg)
{
    struct both_ways *b = arg;
    struct ends e = {0};

    ck_ok(t_shake(&e, &b->pair));
    struct flow up_in = {.s = e.c, .total = b->total, .chunk = b->chunk};
    struct flow up_out = {.s = e.s, .total = b->total, .chunk = b->chunk};
    struct flow down_in = {.s = e.s, .total = b->total, .chunk = b->chunk};
    struct flow down_out = {.s = e.c, .total = b->total, .chunk = b->chunk};
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, pour, &up_in));
        ck_ok(proa_create_task(&g, drink, &up_out));
        ck_ok(proa_group_join(&g));
    }
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, pour, &down_in));
        ck_ok(proa_create_task(&g, drink, &down_out));
        ck_ok(proa_group_join(&g));
    }
    ck_assert(up_out.ok && down_out.ok);
    ck_assert_ptr_null(((struct tls *)e.c)->out); /* nothing kept while idle */
    t_leave(&e);
    return 0;
}

START_TEST(many_bytes_arrive_in_order)
{
    struct both_ways plain = {.total = BIG, .chunk = CHUNK};
    struct both_ways narrow = {.total = 300000, .chunk = CHUNK};
    struct both_ways odd = {.total = 200000, .chunk = 999};

    t_run(transfer, &plain);
    narrow.pair.ab = narrow.pair.ba = (struct proa_pair_fault){.capacity = 777, .split = 100};
    t_run(transfer, &narrow);
    odd.pair.ab = (struct proa_pair_fault){.capacity = 20000, .delay = PROA_MS};
    odd.pair.ba = (struct proa_pair_fault){.split = 16385};
    t_run(transfer, &odd);
}
END_TEST

START_TEST(many_bytes_arrive_in_pieces_of_one)
{
    struct both_ways b = {.total = 40000, .chunk = 17000};

    b.pair.ab = b.pair.ba = (struct proa_pair_fault){.capacity = 1, .split = 1};
    t_run(transfer, &b);
}
END_TEST

/* ---- records */

/* Bytes that the lower stream took for one writev of so many pieces. */
static size_t cost(struct ends *e, size_t pieces, size_t each)
{
    static char bytes[40000];
    struct iovec iov[64];
    size_t before = proa__stream_buffered(e->s_lower).n;
    size_t after = 0;

    (void)before;
    for (size_t i = 0; i < pieces; i++)
        iov[i] = (struct iovec){bytes + i * each, each};
    ck_assert_int_eq(proa__stream_try_writev(e->c, iov, (int)pieces), (ssize_t)(pieces * each));
    while (proa__stream_fill(e->s_lower, 1 << 20) > 0)
        continue;
    after = proa__stream_buffered(e->s_lower).n;
    proa__stream_consume(e->s_lower, after);
    return after;
}

static int records(void *arg)
{
    enum { OVERHEAD = 5 + 1 + 16 }; /* TLS 1.3: header, type, tag */
    struct ends e = {0};

    (void)arg;
    ck_ok(t_shake(&e, NULL));
    ck_assert_uint_eq(cost(&e, 1, 10), 10 + OVERHEAD);
    ck_assert_uint_eq(cost(&e, 50, 10), 500 + OVERHEAD); /* one record, not fifty */
    ck_assert_uint_eq(cost(&e, 2, 8192), 16384 + OVERHEAD);
    ck_assert_uint_eq(cost(&e, 3, 8192), 3 * 8192 + 2 * OVERHEAD);
    ck_assert_uint_eq(cost(&e, 1, 16384), 16384 + OVERHEAD);
    ck_assert_uint_eq(cost(&e, 1, 16385), 16385 + 2 * OVERHEAD);
    t_leave(&e);
    return 0;
}

START_TEST(small_pieces_share_a_record)
{
    t_run(records, NULL);
}
END_TEST

/* ---- PROA_EAGAIN means that nothing was taken */

static int other_bytes_next(void *arg)
{
    static char sent[200000], got[200000];
    struct pair_opts small = {.ab = {.capacity = 1000}};
    size_t taken = 0, arrived = 0;
    struct ends e = {0};
    ssize_t n;

    (void)arg;
    ck_ok(t_shake(&e, &small));
    /* Each attempt offers bytes that were never offered before: nothing may be owed to a refused
     * one. */
    for (int i = 0; arrived < 100000; i++) {
        struct iovec iov = {sent + taken, (size_t)(i % 3 ? 100 : 3000)};

        memset(iov.iov_base, 'a' + i % 26, iov.iov_len);
        n = proa__stream_try_writev(e.c, &iov, 1);
        if (n > 0)
            taken += (size_t)n;
        else
            ck_err((int)n, PROA_EAGAIN);
        ck_ok(proa_sleep(1)); /* what is on its way goes on by itself */
        while ((n = proa__stream_try_read(e.s, got + arrived, 100)) > 0)
            arrived += (size_t)n;
        ck_err((int)n, PROA_EAGAIN);
    }
    ck_assert_uint_le(arrived, taken);
    ck_assert_int_eq(memcmp(sent, got, arrived), 0);
    t_leave(&e);
    return 0;
}

START_TEST(refused_bytes_are_not_sent_later)
{
    t_run(other_bytes_next, NULL);
}
END_TEST

/* ---- new keys on the way */

static int new_keys(void *arg)
{
    struct ends e = {0};
    char byte;

    (void)arg;
    ck_ok(t_shake(&e, NULL));
    for (int i = 0; i < 3;
         i++) { /* the other end is asked for new keys too, and answers before its next bytes */
        ck_assert_int_eq(SSL_key_update(proa__tls_from(e.c)->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        ck_ok(proa_write(e.c, "x", 1, NULL));
        ck_assert_int_eq(proa_read(e.s, &byte, 1), 1);
        ck_ok(proa_write(e.s, "y", 1, NULL));
        ck_assert_int_eq(proa_read(e.c, &byte, 1), 1);
        ck_assert_int_eq(byte, 'y');
    }
    t_leave(&e);
    return 0;
}

START_TEST(keys_may_change_on_the_way)
{
    t_run(new_keys, NULL);
}
END_TEST

/* A server of TLS 1.2 asks for a second handshake, which could bring another certificate. */
static int second_handshake(void *arg)
{
    struct ends e = {.client_ctx = T_CLIENT(.max_version = PROA_TLS_1_2, .no_resumption = true)};
    SSL *server;
    char byte;

    (void)arg;
    ck_ok(t_shake(&e, NULL));
    server = proa__tls_from(e.s)->ssl;
    SSL_clear_options(server, SSL_OP_NO_RENEGOTIATION);
    ck_assert_int_eq(SSL_renegotiate(server), 1);
    ck_ok(proa_write(e.s, "x", 1, NULL));
    ck_assert_int_eq(proa_read(e.c, &byte, 1), 1); /* it goes on, and says no */
    ck_err(proa_read(e.s, &byte, 1), PROA_ETLSPROTOCOL);
    t_says(proa_err_detail(PROA_ETLSPROTOCOL), "no renegotiation");
    t_leave(&e);
    return 0;
}

START_TEST(second_handshake_is_refused)
{
    t_run(second_handshake, NULL);
}
END_TEST

/* ---- damage */

static int damaged(void *arg)
{
    char record[64], byte;
    struct ends e = {0};
    ssize_t n;

    (void)arg;
    ck_ok(t_shake(&e, NULL));
    ck_ok(proa_write(e.c, "hello", 5, NULL));
    n = proa__stream_try_read(e.s_lower, record, sizeof record);
    ck_assert_int_gt(n, 10);
    record[n - 1] ^= 1;
    ck_ok(proa__stream_unread(e.s_lower, record, (size_t)n));
    ck_err(proa_read(e.s, &byte, 1), PROA_ETLSPROTOCOL);
    t_says(proa_err_detail(PROA_ETLSPROTOCOL), "TLS with the client: ");
    ck_err(proa_write(e.s, "y", 1, NULL), PROA_ETLSPROTOCOL); /* it is over in both directions */
    ck_err(proa_read(e.c, &byte, 1), PROA_ETLSALERT);
    t_says(proa_err_detail(PROA_ETLSALERT), "a.example: it refused: bad record mac");
    t_leave(&e);
    return 0;
}

START_TEST(damaged_record_is_an_error)
{
    t_run(damaged, NULL);
}
END_TEST

/* ---- what the lower stream had read already is TLS's */

static int after_connect(void *arg)
{
    struct proa_tls_ctx *client = T_CLIENT(), *server = T_SERVER();
    struct proa_stream *a = NULL, *b = NULL, *c = NULL, *s = NULL;
    struct proa_str line;

    (void)arg;
    ck_ok(proa__pair_new(&a, &b, NULL));
    ck_ok(proa_write(a, "GO\r\n", 4, NULL));
    ck_ok(proa__tls_client_new(&c, a, client, PROA_TLS_OPTS(.server_name = "a.example")));
    ck_err(proa__tls_handshake(c), PROA_EAGAIN);
    ck_assert_int_eq(proa_read_line(b, &line, 100), 1); /* takes the first bytes of TLS along */
    ck_assert_uint_gt(proa__stream_buffered(b).n, 100);
    ck_ok(proa__tls_server_new(&s, b, server));
    ck_err(proa__tls_handshake(s), PROA_EAGAIN);
    ck_ok(proa__tls_handshake(c));
    ck_ok(proa__tls_handshake(s));
    proa_abort(c);
    proa_abort(s);
    proa_tls_ctx_unref(client);
    proa_tls_ctx_unref(server);
    return 0;
}

START_TEST(buffered_bytes_belong_to_tls)
{
    t_run(after_connect, NULL);
}
END_TEST

/* ---- a line that is cut */

enum { PIECES = 3, PIECE = 20000 };

struct cut_line {
    size_t claimed; /* what the writer was told */
    size_t arrived;
    int wrote, closed, heard;
};

static uint8_t nth(size_t i)
{
    return (uint8_t)(i ^ i >> 8);
}

static int talk_on(struct proa_stream *s, struct duet *d)
{
    static uint8_t bytes[PIECE];
    struct cut_line *c = d->arg;

    for (size_t i = 0; i < PIECES && c->wrote == 0; i++) {
        size_t done = 0;

        for (size_t k = 0; k < PIECE; k++)
            bytes[k] = nth(i * PIECE + k);
        c->wrote = proa_write(s, bytes, PIECE, &done);
        ck_assert(c->wrote == 0 ? done == PIECE : done < PIECE);
        c->claimed += done;
    }
    c->closed = proa_close(s);
    return 0;
}

static int hear_out(struct proa_stream *s, struct duet *d)
{
    static uint8_t bytes[5000];
    struct cut_line *c = d->arg;
    ssize_t got;

    while ((got = proa_read(s, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < got; i++)
            ck_assert_uint_eq(bytes[i], nth(c->arrived++));
    c->heard = (int)got;
    proa_abort(s);
    return 0;
}

/* What arrives is a beginning of what was claimed; an orderly end only ever stands behind all of
 * it. */
static int cut_line_body(void *arg)
{
    static const enum proa_pair_cut hows[] = {PROA_PAIR_FIN, PROA_PAIR_RST};
    struct duet d = {.client = talk_on, .server = hear_out};
    bool whole = false;

    d.client_ctx = T_CLIENT(.no_resumption = true);
    d.server_ctx = T_SERVER();
    d.pair.ab.capacity = 9000;
    d.pair.ab.cut = hows[*(int *)arg];
    for (d.pair.ab.cut_at = 1; !whole; d.pair.ab.cut_at += 1499) {
        struct cut_line c = {0};

        d.arg = &c;
        t_duet(&d);
        if (!d.client_up || !d.server_up)
            continue;
        ck_assert_uint_le(c.arrived, c.claimed);
        whole = c.heard == 0;
        if (whole)
            ck_assert_uint_eq(c.arrived, PIECES * PIECE);
        else
            ck_assert_msg(c.heard == PROA_ETLSTRUNCATED || c.heard == PROA_ECONNRESET,
                          "cut at %zu: %s", d.pair.ab.cut_at, proa_err_name(c.heard));
        ck_assert_uint_lt(d.pair.ab.cut_at, 70000);
    }
    proa_tls_ctx_unref(d.client_ctx);
    proa_tls_ctx_unref(d.server_ctx);
    return 0;
}

START_TEST(an_orderly_end_stands_behind_all_of_it)
{
    t_run(cut_line_body, &_i);
}
END_TEST

/* ---- cancels */

static int serve(void *arg)
{
    struct ends *e = arg;

    return proa_tls_server(&e->s, e->s_lower, e->server_ctx);
}

static int cancelled(void *arg)
{
    struct both_ways *b = arg;
    struct proa_stream *c_lower = NULL, *s_lower = NULL;
    struct ends e = {.client_ctx = T_CLIENT(.no_resumption = true), .server_ctx = T_SERVER()};
    int rc;

    ck_ok(proa__pair_new(&c_lower, &s_lower, &b->pair));
    e.s_lower = s_lower;
    {
        PROA_GROUP(g);
        rc = proa_create_task(&g, serve, &e);
        if (rc < 0)
            proa_abort(s_lower);
        if (rc == 0)
            rc = proa_tls_client(&e.c, c_lower, e.client_ctx,
                                 PROA_TLS_OPTS(.server_name = "a.example"));
        else
            proa_abort(c_lower);
        if (rc == 0)
            rc = proa_write(e.c, "hello", 5, NULL);
        if (rc == 0)
            rc = proa_group_join(&g);
        else
            proa_group_cancel(&g);
    }
    if (rc == 0) {
        char bytes[5];
        rc = proa_read_exact(e.s, bytes, 5, NULL);
    }
    if (rc == 0) {
        rc = proa_close(e.c);
        e.c = NULL;
    }
    t_leave(&e);
    return rc < 0 ? PROA_ETASKCANCELED
                  : 0; /* one side was cancelled, and the other learnt of it in its own way */
}

START_TEST(cancel_anywhere_leaves_nothing)
{
    struct both_ways b = {0};

    t_each_park(cancelled, &b);
    b.pair.ab = b.pair.ba = (struct proa_pair_fault){.capacity = 100, .split = 100};
    t_each_park(cancelled, &b);
}
END_TEST

int main(void)
{
    t_openssl_apart();
    return t_main_tables(
        "tls_stream",
        (const TTest *const[]){
            many_bytes_arrive_in_order,
            many_bytes_arrive_in_pieces_of_one,
            small_pieces_share_a_record,
            refused_bytes_are_not_sent_later,
            keys_may_change_on_the_way,
            second_handshake_is_refused,
            damaged_record_is_an_error,
            buffered_bytes_belong_to_tls,
            cancel_anywhere_leaves_nothing,
            NULL,
        },
        (const struct t_table[]){{an_orderly_end_stands_behind_all_of_it, 2}, {NULL, 0}});
}
