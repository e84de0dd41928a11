#include "support/test.h"
#include "tls/certs.h"

#include <proa/tls.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct t_cert one, other;

static void make_certs(void)
{
    T_CERT(&one, .cn = "one", .san = "DNS:one.example");
    T_CERT(&other, .cn = "other", .san = "DNS:other.example");
}

/* The call failed with this code, and its words say this. */
static void ck_words(int rc, int code, const char *words)
{
    ck_err(rc, code);
    ck_assert_msg(strstr(proa_err_detail(rc), words) != NULL, "\"%s\" does not say \"%s\"",
                  proa_err_detail(rc), words);
}

#define SERVER(...) proa_tls_server_ctx_new(&ctx, PROA_TLS_SERVER_OPTS(__VA_ARGS__))
#define CLIENT(...) proa_tls_client_ctx_new(&ctx, PROA_TLS_CLIENT_OPTS(__VA_ARGS__))

START_TEST(server_takes_certificate_and_key)
{
    struct proa_tls_ctx *ctx = NULL;
    static char both[10000];

    make_certs();
    ck_ok(SERVER(.cert_pem = t_pem(one.cert), .key_pem = t_pem(one.key)));
    proa_tls_ctx_unref(ctx);
    ck_ok(SERVER(.cert_file = t_file("a.pem", one.cert), .key_file = t_file("a.key", one.key)));
    proa_tls_ctx_unref(ctx);

    snprintf(both, sizeof both, "%s%s", one.key, one.cert);
    ck_ok(SERVER(.cert_pem = t_pem(both))); /* the key may stand with the certificate */
    proa_tls_ctx_unref(ctx);
    proa_tls_ctx_unref(NULL);
}
END_TEST

START_TEST(server_needs_a_certificate)
{
    struct proa_tls_ctx *ctx = NULL;

    make_certs();
    ck_words(proa_tls_server_ctx_new(&ctx, NULL), PROA_EINVAL, "needs a certificate");
    ck_words(SERVER(.cert_pem = t_pem(one.cert), .cert_file = "x"), PROA_EINVAL, "both");
    ck_words(SERVER(.cert_pem = t_pem(one.cert), .key_pem = t_pem(one.key), .key_file = "x"),
             PROA_EINVAL, "both");
    ck_words(CLIENT(.key_file = "x"), PROA_EINVAL, "without a certificate");
    ck_assert_ptr_null(ctx);
}
END_TEST

START_TEST(file_that_cannot_be_loaded_is_named)
{
    struct proa_tls_ctx *ctx = NULL;
    const char *good_cert, *good_key;

    make_certs();
    good_cert = t_file("good.pem", one.cert);
    good_key = t_file("good.key", one.key);
    ck_words(SERVER(.cert_file = "/nowhere/a.pem", .key_file = good_key), PROA_ETLSFILE,
             "certificate /nowhere/a.pem: no such file");
    ck_words(SERVER(.cert_file = "/tmp", .key_file = good_key), PROA_ETLSFILE, "/tmp: not a file");
    ck_words(SERVER(.cert_file = t_file("empty", ""), .key_file = good_key), PROA_ETLSFILE,
             "empty: holds no certificate");
    ck_words(SERVER(.cert_file = good_cert, .key_file = "/nowhere/a.key"), PROA_ETLSFILE,
             "private key /nowhere/a.key: no such file");
    ck_words(SERVER(.cert_file = good_cert), PROA_ETLSFILE, "good.pem: holds no private key");
}
END_TEST

START_TEST(authorities_that_cannot_be_loaded_are_named)
{
    struct proa_tls_ctx *ctx = NULL;
    const char *good_key;

    make_certs();
    good_key = t_file("good.key", one.key);
    ck_words(CLIENT(.ca_file = "/nowhere/ca"), PROA_ETLSFILE, "authorities /nowhere/ca: no such");
    ck_words(CLIENT(.ca_file = good_key), PROA_ETLSFILE, "good.key: holds no certificate");
    ck_words(CLIENT(.ca_path = "/nowhere"), PROA_ETLSFILE, "/nowhere: no such");
    ck_words(CLIENT(.ca_path = good_key), PROA_ETLSFILE, "not a directory");
    ck_words(CLIENT(.ca_pem = t_pem("nonsense")), PROA_ETLSFILE, "text: holds no certificate");
    ck_words(CLIENT(.keylog_file = "/nowhere/log"), PROA_ETLSFILE, "/nowhere/log: no such");
}
END_TEST

START_TEST(damaged_file_is_an_error)
{
    struct proa_tls_ctx *ctx = NULL;
    static char text[20000];

    make_certs();
    snprintf(text, sizeof text, "%s", one.cert);
    text[100] = '!';
    ck_words(SERVER(.cert_file = t_file("bad.pem", text), .key_pem = t_pem(one.key)), PROA_ETLSFILE,
             "bad.pem: ");

    /* Not only the first piece counts: the second one is cut. */
    snprintf(text, sizeof text, "%s%.200s", one.cert, other.cert);
    ck_words(SERVER(.cert_file = t_file("cut.pem", text), .key_pem = t_pem(one.key)), PROA_ETLSFILE,
             "cut.pem: ");
    ck_words(CLIENT(.ca_file = t_file("cut.pem", text)), PROA_ETLSFILE, "cut.pem: ");
}
END_TEST

START_TEST(key_of_another_certificate_is_found)
{
    struct proa_tls_ctx *ctx = NULL;
    const char *cert, *key;

    make_certs();
    cert = t_file("one.pem", one.cert);
    key = t_file("other.key", other.key);
    int rc = SERVER(.cert_file = cert, .key_file = key);
    ck_words(rc, PROA_ETLSFILE, "other.key does not belong to certificate ");
    ck_words(rc, PROA_ETLSFILE, "one.pem");
}
END_TEST

START_TEST(encrypted_key_asks_nobody)
{
    struct proa_tls_ctx *ctx = NULL;

    make_certs();
    t_cert_lock(&one, "open sesame");
    ck_words(SERVER(.cert_pem = t_pem(one.cert), .key_pem = t_pem(one.key)), PROA_ETLSFILE,
             "is encrypted, and no password was given");
    ck_words(SERVER(.cert_pem = t_pem(one.cert), .key_pem = t_pem(one.key), .key_password = "no"),
             PROA_ETLSFILE, "cannot be decrypted with this password");
    ck_ok(SERVER(.cert_pem = t_pem(one.cert), .key_pem = t_pem(one.key),
                 .key_password = "open sesame"));
    proa_tls_ctx_unref(ctx);
}
END_TEST

START_TEST(option_that_is_not_usable_is_named)
{
    struct proa_tls_ctx *ctx = NULL;
    struct {
        struct proa_tls_client_opts known;
        int more;
    } newer = {.known = {.size = sizeof newer}, .more = 1};

    make_certs();
    ck_words(CLIENT(.ciphers = "NONSENSE"), PROA_ETLSOPTION, "ciphers: ");
    ck_words(CLIENT(.ciphersuites = "NONSENSE"), PROA_ETLSOPTION, "ciphersuites: ");
    ck_words(CLIENT(.alpn = "h2,,http/1.1"), PROA_ETLSOPTION, "alpn \"h2,,http/1.1\"");
    ck_words(CLIENT(.min_version = 11), PROA_EINVAL, "TLS version");
    ck_words(CLIENT(.min_version = PROA_TLS_1_3, .max_version = PROA_TLS_1_2), PROA_EINVAL,
             "bound");
    ck_words(CLIENT(.insecure = true, .ca_pem = t_pem(one.cert)), PROA_EINVAL, "insecure");
    ck_words(SERVER(.cert_pem = t_pem(one.cert), .key_pem = t_pem(one.key),
                    .client_cert = PROA_TLS_CLIENT_CERT_REQUIRED),
             PROA_EINVAL, "need an authority");
    ck_words(
        SERVER(.cert_pem = t_pem(one.cert), .key_pem = t_pem(one.key), .ca_pem = t_pem(one.cert)),
        PROA_EINVAL, "none asked for");
    ck_err(proa_tls_client_ctx_new(&ctx, &newer.known), PROA_E2BIG);
    newer.more = 0;
    ck_ok(proa_tls_client_ctx_new(&ctx, &newer.known));
    proa_tls_ctx_unref(ctx);
}
END_TEST

START_TEST(alpn_name_has_at_most_255_bytes)
{
    struct proa_tls_ctx *ctx = NULL;
    char name[257];

    memset(name, 'a', sizeof name);
    name[255] = 0;
    ck_ok(CLIENT(.alpn = name));
    proa_tls_ctx_unref(ctx);
    name[255] = 'a';
    name[256] = 0;
    ck_err(CLIENT(.alpn = name), PROA_ETLSOPTION);
}
END_TEST

START_TEST(context_is_counted)
{
    struct proa_tls_ctx *ctx = NULL;

    ck_ok(proa_tls_client_ctx_new(&ctx, NULL));
    ck_assert_ptr_eq(proa_tls_ctx_ref(ctx), ctx);
    proa_tls_ctx_unref(ctx);
    ck_ok(proa_tls_ctx_reload(ctx)); /* still there */
    proa_tls_ctx_unref(ctx);
}
END_TEST

static void *unref_elsewhere(void *ctx)
{
    proa_tls_ctx_unref(ctx);
    return NULL;
}

static void use_in_two_threads(void *arg)
{
    struct proa_tls_ctx *ctx = NULL;
    pthread_t thread;

    (void)arg;
    proa_tls_client_ctx_new(&ctx, NULL);
    pthread_create(&thread, NULL, unref_elsewhere, ctx);
    pthread_join(thread, NULL);
}

START_TEST(context_belongs_to_one_thread)
{
    t_aborts(use_in_two_threads, NULL,
             "proa_tls_ctx_unref: the TLS context belongs to another thread");
}
END_TEST

START_TEST(failed_reload_changes_nothing)
{
    struct proa_tls_ctx *ctx = NULL;
    const char *cert, *key;

    make_certs();
    cert = t_file("c.pem", one.cert);
    key = t_file("c.key", one.key);
    ck_ok(SERVER(.cert_file = cert, .key_file = key));
    t_file("c.pem", other.cert);
    ck_words(proa_tls_ctx_reload(ctx), PROA_ETLSFILE, "does not belong");
    t_file("c.key", other.key);
    ck_ok(proa_tls_ctx_reload(ctx));
    unlink(cert);
    ck_words(proa_tls_ctx_reload(ctx), PROA_ETLSFILE, "no such file");
    proa_tls_ctx_unref(ctx);
}
END_TEST

START_TEST(key_log_is_opened_for_its_owner_only)
{
    struct proa_tls_ctx *ctx = NULL;
    const char *log = t_file("keys.log", NULL);
    const char *by_env = t_file("env.log", NULL);
    struct stat st;

    ck_ok(CLIENT(.keylog_file = log));
    proa_tls_ctx_unref(ctx);
    ck_assert_int_eq(stat(log, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);

    setenv("SSLKEYLOGFILE", by_env, 1);
    ck_ok(proa_tls_client_ctx_new(&ctx, NULL));
    proa_tls_ctx_unref(ctx);
    ck_assert_int_eq(access(by_env, F_OK), -1); /* only who asks for it */
    ck_ok(CLIENT(.keylog_env = true));
    proa_tls_ctx_unref(ctx);
    ck_assert_int_eq(access(by_env, F_OK), 0);
}
END_TEST

static int make_client_ctx(void *arg)
{
    struct proa_tls_ctx *ctx = NULL;
    int rc;

    (void)arg;
    rc = CLIENT(.ca_pem = t_pem(one.cert), .alpn = "http/1.1",
                .ciphersuites = "TLS_AES_128_GCM_SHA256");
    proa_tls_ctx_unref(ctx);
    return rc;
}

static int make_server_ctx(void *arg)
{
    struct proa_tls_ctx *ctx = NULL;
    int rc;

    (void)arg;
    rc = SERVER(.cert_pem = t_pem(one.cert), .key_pem = t_pem(one.key), .alpn = "http/1.1");
    proa_tls_ctx_unref(ctx);
    return rc;
}

START_TEST(context_survives_each_failed_allocation)
{
    make_certs();
    t_each_alloc(make_client_ctx, NULL);
    t_each_alloc(make_server_ctx, NULL);
}
END_TEST

/* ---- self-signed */

static int self_signed(void *arg)
{
    PROA_AUTO(proa_buf) cert, key;
    int rc;

    (void)arg;
    proa_buf_init(&cert, 10000);
    proa_buf_init(&key, 10000);
    rc = proa_tls_self_signed(&cert, &key, "localhost, 127.0.0.1, ::1");
    if (rc < 0) {
        ck_assert_uint_eq(proa_buf_str(&cert).n, 0);
        ck_assert_uint_eq(proa_buf_str(&key).n, 0);
        return rc;
    }
    return 0;
}

START_TEST(self_signed_is_a_usable_pair)
{
    struct proa_tls_ctx *ctx = NULL;
    PROA_AUTO(proa_buf) cert, key;

    proa_buf_init(&cert, 10000);
    proa_buf_init(&key, 10000);
    ck_ok(proa_tls_self_signed(&cert, &key, "localhost"));
    ck_ok(SERVER(.cert_pem = proa_buf_str(&cert), .key_pem = proa_buf_str(&key)));
    proa_tls_ctx_unref(ctx);
    ck_ok(CLIENT(.ca_pem = proa_buf_str(&cert)));
    proa_tls_ctx_unref(ctx);
    t_each_alloc(self_signed, NULL);
}
END_TEST

START_TEST(self_signed_needs_names)
{
    PROA_AUTO(proa_buf) cert, key, small;
    char name[258];

    proa_buf_init(&cert, 10000);
    proa_buf_init(&key, 10000);
    proa_buf_init(&small, 100);
    ck_err(proa_tls_self_signed(&cert, &key, ""), PROA_EINVAL);
    ck_err(proa_tls_self_signed(&cert, &key, NULL), PROA_EINVAL);
    ck_err(proa_tls_self_signed(&cert, &key, "a,,b"), PROA_EINVAL);
    memset(name, 'a', sizeof name);
    name[256] = 0;
    ck_err(proa_tls_self_signed(&cert, &key, name), PROA_EINVAL);
    ck_err(proa_tls_self_signed(&cert, &small, "a"), PROA_EMSGSIZE);
    ck_assert_uint_eq(proa_buf_str(&cert).n, 0); /* to both or to none */
    name[255] = 0;
    ck_ok(proa_tls_self_signed(&cert, &key, name));
}
END_TEST

int main(void)
{
    t_openssl_apart();
    return t_main("tls_ctx", (const TTest *const[]){
                                 server_takes_certificate_and_key,
                                 server_needs_a_certificate,
                                 file_that_cannot_be_loaded_is_named,
                                 authorities_that_cannot_be_loaded_are_named,
                                 damaged_file_is_an_error,
                                 key_of_another_certificate_is_found,
                                 encrypted_key_asks_nobody,
                                 option_that_is_not_usable_is_named,
                                 alpn_name_has_at_most_255_bytes,
                                 context_is_counted,
                                 context_belongs_to_one_thread,
                                 failed_reload_changes_nothing,
                                 key_log_is_opened_for_its_owner_only,
                                 context_survives_each_failed_allocation,
                                 self_signed_is_a_usable_pair,
                                 self_signed_needs_names,
                                 NULL,
                             });
}
