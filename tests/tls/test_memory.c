/* OpenSSL takes its memory where proa does; how much of it an idle connection keeps. */

#include "support/t_run.h"
#include "tls/conn.h"
#include "tls/ends.h"
#include "tls/library.h"

#include <proa/scope.h>
#include <proa/stream.h>

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include <stdio.h>

/* What OpenSSL holds for the rest of the process is there after the first connection. */
static int warm_up(void *arg)
{
    struct ends e = {0};
    char byte = 0;

    (void)arg;
    for (int i = 0; i < 2; i++) {
        ck_ok(t_shake(&e, NULL));
        ck_ok(proa_write(e.s, &byte, 1, NULL));
        ck_ok(proa_read(e.c, &byte, 1));
        t_leave(&e);
    }
    return 0;
}

START_TEST(openssl_takes_memory_from_proa)
{
    uint64_t before;

    ck_ok(proa__tls_library_init());
    before = t_alloc_count();
    OPENSSL_free(OPENSSL_malloc(10));
    ck_assert_uint_eq(t_alloc_count(), before + 1);
    t_alloc_forgive();
}
END_TEST

/* Bytes that leaving one side of TLS gives back: what it kept while idle. */
static size_t give_back(struct proa_stream **s)
{
    size_t before = t_alloc_bytes();
    struct tls *t = proa__tls_from(*s);
    struct proa_stream *lower = t->lower;
    size_t kept;

    proa__stream_notify(lower, 0, NULL, NULL);
    proa__tls_free(t);
    kept = before - t_alloc_bytes();
    proa__stream_abort(lower);
    *s = NULL;
    return kept;
}

static int idle(void *arg)
{
    struct ends e = {.client_ctx = T_CLIENT()}; /* one that gets tickets */
    static char bytes[20000];
    size_t kept;

    (void)arg;
    ck_ok(t_shake(&e, NULL));
    /* One request and its answer, with which the tickets come; then silence. */
    ck_ok(proa_write(e.c, bytes, sizeof bytes, NULL));
    ck_ok(proa_read_exact(e.s, bytes, sizeof bytes, NULL));
    ck_ok(proa_write(e.s, bytes, sizeof bytes, NULL));
    ck_ok(proa_read_exact(e.c, bytes, sizeof bytes, NULL));
    ck_err(proa__stream_try_read(e.s, bytes, 1), PROA_EAGAIN);
    ck_err(proa__stream_try_read(e.c, bytes, 1), PROA_EAGAIN);
    ck_assert_uint_le(sizeof(struct tls), 256);
    kept = give_back(&e.s);
    ck_assert_msg(kept > 8000 && kept < 16000, "an idle server connection keeps %zu bytes", kept);
    kept = give_back(&e.c);
    ck_assert_msg(kept > 8000 && kept < 24000, "an idle client connection keeps %zu bytes", kept);
    t_leave(&e);
    return 0;
}

/* Some 14 KB, nearly all of it OpenSSL's own struct; a read or a write buffer more would be 16 KB
 * each. */
START_TEST(idle_connection_keeps_no_buffers)
{
    ck_ok(proa__tls_library_init()); /* before OpenSSL is used for anything else */
    t_certs();
    ck_ok(proa_run(warm_up, NULL, PROA_RUN_OPTS(.virtual_clock = true)));
    t_alloc_forgive();
    ck_ok(proa_run(idle, NULL, PROA_RUN_OPTS(.virtual_clock = true)));
    t_alloc_forgive();
}
END_TEST

static int talk_once(void *arg)
{
    return t_duet(arg);
}

/* One allocation in a hundred fails, OpenSSL's too: the connection may fail, the process does not.
 */
START_TEST(openssl_survives_a_failed_allocation)
{
    struct duet d = {0};
    uint64_t began, all;

    ck_ok(proa__tls_library_init());
    t_certs();
    ck_ok(proa_run(warm_up, NULL, PROA_RUN_OPTS(.virtual_clock = true)));
    d.client_ctx = T_CLIENT(.no_resumption = true);
    d.server_ctx = T_SERVER();
    began = t_alloc_count();
    ck_ok(proa_run(talk_once, &d, PROA_RUN_OPTS(.virtual_clock = true)));
    all = t_alloc_count() - began;
    ck_assert_uint_gt(all, 2000);
    for (uint64_t n = 1; n < all; n += 97) {
        t_alloc_fail(n);
        proa_run(talk_once, &d, PROA_RUN_OPTS(.virtual_clock = true));
        t_alloc_fail(0);
    }
    ck_ok(proa_run(talk_once, &d, PROA_RUN_OPTS(.virtual_clock = true)));
    proa_tls_ctx_unref(d.client_ctx);
    proa_tls_ctx_unref(d.server_ctx);
    t_alloc_forgive();
}
END_TEST

int main(void)
{
    return t_main("tls_memory", (const TTest *const[]){openssl_takes_memory_from_proa,
                                                       idle_connection_keeps_no_buffers,
                                                       openssl_survives_a_failed_allocation, NULL});
}
