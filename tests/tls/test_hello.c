/* What the first messages agree on: the name asked for, the protocol above. */

#include "support/t_run.h"
#include "tls/ctx.h"
#include "tls/duet.h"

#include <openssl/ssl.h>

#include <stdio.h>
#include <string.h>

static const enum proa_tls_version versions[] = {PROA_TLS_1_2, PROA_TLS_1_3};

static struct duet talk(void)
{
    return (struct duet){.client = t_ask, .server = t_answer};
}

/* ---- ALPN */

START_TEST(protocol_is_agreed_on)
{
    struct duet d = talk();

    d.client_ctx = T_CLIENT(.alpn = "h2,http/1.1");
    d.server_ctx = T_SERVER(.alpn = "http/1.1");
    ck_ok(t_duet_run(&d));
    ck_assert_str_eq(d.alpn, "http/1.1");

    d.opts = PROA_TLS_OPTS(.server_name = "a.example",
                           .alpn = ""); /* this connection offers none */
    ck_ok(t_duet_run(&d));
    ck_assert_str_eq(d.alpn, "");
    proa_tls_ctx_unref(d.server_ctx);

    d.opts = NULL;
    d.server_ctx = T_SERVER(); /* a server that does not care */
    ck_ok(t_duet_run(&d));
    ck_assert_str_eq(d.alpn, "");
    proa_tls_ctx_unref(d.client_ctx);
    proa_tls_ctx_unref(d.server_ctx);
}
END_TEST

START_TEST(server_prefers_its_own_order)
{
    struct duet d = talk();

    d.client_ctx = T_CLIENT(.alpn = "http/1.1,h2");
    d.server_ctx = T_SERVER(.alpn = "h2,http/1.1");
    ck_ok(t_duet_run(&d));
    ck_assert_str_eq(d.alpn, "h2");
    proa_tls_ctx_unref(d.client_ctx);
    proa_tls_ctx_unref(d.server_ctx);
}
END_TEST

START_TEST(no_protocol_in_common_is_an_error)
{
    struct duet d = talk();

    d.client_ctx = T_CLIENT(.alpn = "h2", .max_version = versions[_i]);
    d.server_ctx = T_SERVER(.alpn = "http/1.1");
    t_duet_run(&d);
    ck_err(d.client_rc, PROA_ETLSALPN);
    ck_err(d.server_rc, PROA_ETLSALPN);
    proa_tls_ctx_unref(d.client_ctx);
    proa_tls_ctx_unref(d.server_ctx);
}
END_TEST

static int choose_anything(SSL *ssl, const unsigned char **ret, unsigned char *ret_n,
                           const unsigned char *offered, unsigned n, void *arg)
{
    (void)ssl;
    (void)offered;
    (void)n;
    *ret = arg;
    *ret_n = (unsigned char)strlen(arg);
    return SSL_TLSEXT_ERR_OK;
}

START_TEST(protocol_that_was_not_offered_is_an_error)
{
    struct duet d = talk();

    d.client_ctx = T_CLIENT(.alpn = "http/1.1,h2");
    d.server_ctx = T_SERVER();
    SSL_CTX_set_alpn_select_cb(d.server_ctx->ssl, choose_anything, (char[]){"h2"});
    ck_ok(t_duet_run(&d));
    SSL_CTX_set_alpn_select_cb(d.server_ctx->ssl, choose_anything, (char[]){"h"});
    t_duet_run(&d);
    /* newer versions of OpenSSL refuse it themselves */
    ck_assert(d.client_rc == PROA_ETLSALPN || d.client_rc == PROA_ETLSHANDSHAKE);
    proa_tls_ctx_unref(d.client_ctx);
    proa_tls_ctx_unref(d.server_ctx);
}
END_TEST

/* ---- SNI */

struct hosts {
    struct proa_tls_ctx *other;
    char asked[64];
    int calls;
};

static int choose(void *arg, struct proa_str name, struct proa_tls_ctx **ret)
{
    struct hosts *h = arg;

    h->calls++;
    snprintf(h->asked, sizeof h->asked, "%.*s", PROA_PRI(name));
    if (proa_str_eq(name, PROA_STR("forbidden.example")))
        return PROA_EACCES;
    if (proa_str_eq(name, PROA_STR("other.example")))
        *ret = h->other;
    return 0;
}

START_TEST(name_chooses_the_certificate)
{
    struct duet d = talk();
    struct hosts h = {0};
    static struct t_cert cert;

    t_certs();
    T_CERT(&cert, .issuer = &t_ca, .san = "DNS:other.example");
    h.other = T_SERVER(.cert_pem = t_pem(cert.cert), .key_pem = t_pem(cert.key), .alpn = "other");
    d.server_ctx = T_SERVER(.sni = choose, .sni_arg = &h, .alpn = "http/1.1");
    d.client_ctx = T_CLIENT(.max_version = versions[_i], .alpn = "http/1.1,other");

    ck_ok(t_duet_run(&d));
    ck_assert_str_eq(h.asked, "a.example");
    ck_assert_str_eq(d.alpn, "http/1.1");
    d.opts = PROA_TLS_OPTS(.server_name = "OTHER.example"); /* in lower case for the chooser */
    ck_ok(t_duet_run(&d));
    ck_assert_str_eq(h.asked, "other.example");
    ck_assert_str_eq(d.alpn, "other");
    ck_assert_int_eq(h.calls, 2);

    d.opts = PROA_TLS_OPTS(.server_name = "forbidden.example");
    t_duet_run(&d);
    ck_err(d.client_rc, PROA_ETLSALERT);
    t_says(d.client_detail, "unrecognized name");
    ck_err(d.server_rc, PROA_EACCES);
    t_says(d.server_detail, "with the client for \"forbidden.example\": permission denied");

    proa_tls_ctx_unref(h.other);
    proa_tls_ctx_unref(d.client_ctx);
    proa_tls_ctx_unref(d.server_ctx);
}
END_TEST

START_TEST(ip_address_is_not_sent_as_a_name)
{
    struct duet d = talk();
    struct hosts h = {.asked = "?"};

    d.server_ctx = T_SERVER(.sni = choose, .sni_arg = &h);
    d.opts = PROA_TLS_OPTS(.server_name = "127.0.0.1");
    ck_ok(t_duet_run(&d));
    ck_assert_str_eq(h.asked, "");
    proa_tls_ctx_unref(d.server_ctx);
}
END_TEST

int main(void)
{
    t_openssl_apart();
    return t_main_tables("tls_hello",
                         (const TTest *const[]){
                             protocol_is_agreed_on,
                             server_prefers_its_own_order,
                             protocol_that_was_not_offered_is_an_error,
                             ip_address_is_not_sent_as_a_name,
                             NULL,
                         },
                         (const struct t_table[]){
                             {no_protocol_in_common_is_an_error, 2},
                             {name_chooses_the_certificate, 2},
                             {NULL, 0},
                         });
}
