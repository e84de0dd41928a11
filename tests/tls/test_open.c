/* A client's stream is made whole or not at all, and whose sessions it may take. */

#include "support/t_run.h"
#include "tls/conn.h"
#include "tls/ctx.h"
#include "tls/ends.h"
#include "tls/library.h"
#include "tls/stream.h"

#include <proa/err.h>
#include <proa/stream.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <limits.h>

static const struct proa_tls_opts *const kinds[] = {
    PROA_TLS_OPTS(.server_name = "a.example", .alpn = "h2,http/1.1"),
    PROA_TLS_OPTS(.server_name = "127.0.0.1"),
    PROA_TLS_OPTS(.server_name = "a.example", .no_resumption = true),
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static int make(struct proa_tls_ctx *ctx, const struct proa_tls_opts *opts, uint64_t fail,
                struct proa_stream **ret, bool *ret_failed)
{
    struct proa_stream *near, *far;

    ck_ok(proa__pair_new(&near, &far, NULL));
    t_alloc_fail(fail);
    int rc = proa__tls_client_new(ret, near, ctx, opts);
    *ret_failed = t_alloc_failed();
    t_alloc_fail(0);
    proa_stream_free(far);
    return rc;
}

/* What must not be forgotten, lest any certificate be believed. */
static void check_name(const struct tls *t, const struct proa_tls_opts *opts)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    const char *host = X509_VERIFY_PARAM_get0_host(param, 0);

    if (host) {
        ck_assert_str_eq(host, opts->server_name);
        ck_assert_str_eq(SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name), host);
        return;
    }
    char *ip = X509_VERIFY_PARAM_get1_ip_asc(param);

    ck_assert_pstr_eq(ip, opts->server_name);
    OPENSSL_free(ip);
}

static int starved(void *arg)
{
    const struct proa_tls_opts *opts = kinds[*(int *)arg];
    struct ends e = {.client_ctx = T_CLIENT(.max_version = PROA_TLS_1_2)}; /* its session stays */
    bool failed = true;
    uint64_t n;

    ck_ok(t_shake(&e, NULL));
    ck_assert_uint_eq(e.client_ctx->sessions.map.count, 1);
    for (n = 0; n < 2 || failed; n++) {
        uint64_t blocks = t_alloc_blocks();
        struct proa_stream *c;
        int rc = make(e.client_ctx, opts, n, &c, &failed);

        if (rc == 0) {
            check_name(proa__tls_from(c), opts);
            ck_assert(!SSL_get_session(proa__tls_from(c)->ssl) == (failed || n || *(int *)arg));
            proa_stream_free(c);
        }
        if (rc == 0 && failed) { /* a session that cannot be looked at is a session less */
            ck_assert_uint_eq(e.client_ctx->sessions.map.count, 0);
            break;
        }
        ck_assert_int_eq(rc, failed ? PROA_ENOMEM : 0);
        ck_assert_uint_eq(ERR_peek_error(), 0);
        ck_assert_uint_eq(t_alloc_blocks(), blocks);
    }
    ck_assert_uint_gt(n, 10);
    t_leave(&e);
    return 0;
}
START_TEST(without_memory_a_client_is_none)
{
    ck_ok(proa__tls_library_init()); /* OpenSSL's allocations are ours */
    t_certs();
    ck_ok(proa_run(starved, &_i, PROA_RUN_OPTS(.virtual_clock = true)));
    t_alloc_forgive();
}
END_TEST

/* ---- sessions */

static void expect_key(struct proa_tls_ctx *ctx, const struct proa_tls_opts *opts, const char *key)
{
    struct proa_stream *c;
    bool failed;

    ck_ok(make(ctx, opts, 0, &c, &failed));
    ck_assert_pstr_eq(proa__tls_from(c)->session_key, key);
    proa_stream_free(c);
}

static int keys(void *arg)
{
    struct proa_tls_ctx *ctx = T_CLIENT(), *none = T_CLIENT(.no_resumption = true);
    struct proa_tls_ctx *insecure = T_CLIENT(.insecure = true);

    (void)arg;
    expect_key(ctx, PROA_TLS_OPTS(.server_name = "a.example"), "a.example\n0\n");
    expect_key(ctx, PROA_TLS_OPTS(.server_name = "a", .port = 65535, .via = "proxy.example:65535"),
               "a\n65535\nproxy.example:65535");
    expect_key(ctx, PROA_TLS_OPTS(.server_name = "a", .port = INT_MIN), "a\n-2147483648\n");
    expect_key(ctx, PROA_TLS_OPTS(.server_name = "a.example", .no_resumption = true), NULL);
    expect_key(none, PROA_TLS_OPTS(.server_name = "a.example"), NULL);
    expect_key(insecure, PROA_TLS_OPTS(.port = 443), NULL);
    proa_tls_ctx_unref(ctx);
    proa_tls_ctx_unref(none);
    proa_tls_ctx_unref(insecure);
    return 0;
}
START_TEST(a_session_is_kept_under_the_whole_of_its_key)
{
    t_run(keys, NULL);
}
END_TEST

static int freed; /* sessions, by OpenSSL */

static void count_freed(void *session, void *p, CRYPTO_EX_DATA *data, int i, long n, void *arg)
{
    (void)session;
    (void)p;
    (void)data;
    (void)i;
    (void)n;
    (void)arg;
    freed++;
}

static int one_session(void *arg)
{
    struct ends e = {.client_ctx = T_CLIENT(.max_version = PROA_TLS_1_2)};
    struct proa_stream *c;
    bool failed;

    (void)arg;
    ck_ok(t_shake(&e, NULL));
    ck_ok(make(e.client_ctx, kinds[0], 0, &c, &failed));
    ck_assert_ptr_nonnull(SSL_get_session(proa__tls_from(c)->ssl));
    proa_stream_free(c);
    proa_abort(e.c);
    e.c = NULL;
    ck_assert_int_ge(SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, count_freed), 0);
    proa__tls_sessions_clear(&e.client_ctx->sessions);
    ck_assert_int_eq(freed, 1);
    t_leave(&e);
    return 0;
}
START_TEST(a_session_that_is_taken_is_given_back)
{
    t_run(one_session, NULL);
}
END_TEST

int main(void)
{
    return t_main_tables("tls_open",
                         (const TTest *const[]){
                             a_session_is_kept_under_the_whole_of_its_key,
                             a_session_that_is_taken_is_given_back,
                             NULL,
                         },
                         (const struct t_table[]){
                             {without_memory_a_client_is_none, KINDS},
                             {NULL, 0},
                         });
}
