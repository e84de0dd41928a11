/* Whom a client believes, and whom a server. */

#include "support/t_run.h"
#include "tls/duet.h"

#include <proa/stream.h>

#include <stdio.h>
#include <string.h>

/* A server with this certificate, and a client that asks for this name; what became of it. */
struct trial {
    const char *san;  /* of the server's certificate, made by t_ca */
    const char *name; /* asked for */
    int from, to;     /* days */
    int rc;           /* expected */
    const char *words;
};

static const struct trial trials[] = {
    /* names */
    {.san = "DNS:x.example", .name = "x.example"},
    {.san = "DNS:x.example", .name = "X.EXAMPLE"},
    {.san = "DNS:x.example", .name = "x.example."},
    {.san = "DNS:y.example,DNS:x.example", .name = "x.example"},
    {.san = "DNS:x.example,DNS:y.example",
     .name = "evil.example",
     .rc = PROA_ETLSVERIFY,
     .words = "certificate of evil.example: hostname mismatch, it is for x.example, y.example "
              "(depth 0)"},
    {.san = "DNS:x.example", .name = "a.x.example", .rc = PROA_ETLSVERIFY, .words = "mismatch"},
    {.san = "DNS:x.example", .name = "xx.example", .rc = PROA_ETLSVERIFY, .words = "mismatch"},
    {.san = "DNS:x.example.evil.example",
     .name = "x.example",
     .rc = PROA_ETLSVERIFY,
     .words = "mismatch"},
    /* wildcards: one label, the whole label */
    {.san = "DNS:*.w.example", .name = "a.w.example"},
    {.san = "DNS:*.w.example", .name = "w.example", .rc = PROA_ETLSVERIFY, .words = "mismatch"},
    {.san = "DNS:*.w.example", .name = "b.a.w.example", .rc = PROA_ETLSVERIFY, .words = "mismatch"},
    {.san = "DNS:a*.w.example", .name = "ab.w.example", .rc = PROA_ETLSVERIFY, .words = "mismatch"},
    {.san = "DNS:*", .name = "example", .rc = PROA_ETLSVERIFY, .words = "mismatch"},
    /* the common name (here "x.example") says nothing */
    {.san = NULL, .name = "x.example", .rc = PROA_ETLSVERIFY, .words = "mismatch"},
    {.san = "IP:10.0.0.1", .name = "x.example", .rc = PROA_ETLSVERIFY, .words = "mismatch"},
    /* addresses */
    {.san = "IP:10.0.0.1", .name = "10.0.0.1"},
    {.san = "IP:2001:db8::1", .name = "2001:db8::1"},
    {.san = "IP:2001:db8::1", .name = "[2001:db8:0::1]"},
    {.san = "IP:fe80::1", .name = "fe80::1%eth0"},
    {.san = "IP:10.0.0.1",
     .name = "10.0.0.2",
     .rc = PROA_ETLSVERIFY,
     .words = "10.0.0.2: IP address mismatch"},
    {.san = "DNS:10.0.0.1",
     .name = "10.0.0.1",
     .rc = PROA_ETLSVERIFY,
     .words = "IP address mismatch"},
    {.san = "DNS:*.0.0.1",
     .name = "10.0.0.1",
     .rc = PROA_ETLSVERIFY,
     .words = "IP address mismatch"},
    /* time */
    {.san = "DNS:x.example",
     .name = "x.example",
     .from = -10,
     .to = -1,
     .rc = PROA_ETLSVERIFY,
     .words = "certificate of x.example: certificate has expired (depth 0)"},
    {.san = "DNS:x.example",
     .name = "x.example",
     .from = 1,
     .to = 2,
     .rc = PROA_ETLSVERIFY,
     .words = "not yet valid (depth 0)"},
    /* what is no name is not asked for */
    {.san = "DNS:x.example", .name = ".example", .rc = PROA_EINVAL, .words = "not a host name"},
    {.san = "DNS:x.example", .name = "x example", .rc = PROA_EINVAL, .words = "not a host name"},
    {.san = "DNS:x.example", .name = "x.\303\251xample", .rc = PROA_EINVAL, .words = "xn--"},
    {.san = "DNS:x.example", .name = "", .rc = PROA_EINVAL, .words = "without server_name"},
    {.san = "DNS:x.example", .name = NULL, .rc = PROA_EINVAL, .words = "without server_name"},
};

static void try(struct duet *d, const struct trial *t, struct proa_tls_ctx *client)
{
    static struct t_cert cert;

    t_certs();
    T_CERT(&cert, .cn = "x.example", .san = t->san, .issuer = &t_ca, .from = t->from, .to = t->to);
    *d = (struct duet){
        .client_ctx = client,
        .server_ctx = T_SERVER(.cert_pem = t_pem(cert.cert), .key_pem = t_pem(cert.key)),
        .opts = PROA_TLS_OPTS(.server_name = t->name)};
    t_duet_run(d);
    d->opts = NULL;
    proa_tls_ctx_unref(d->server_ctx);
}

START_TEST(name_and_time_are_checked)
{
    const struct trial *t = &trials[_i];
    struct duet d;

    try(&d, t, NULL);
    if (t->rc == 0) {
        ck_ok(d.client_rc);
        ck_ok(d.server_rc);
        ck_assert(d.client_info.verified);
        return;
    }
    ck_assert(!d.client_up);
    ck_err(d.client_rc, t->rc);
    t_says(d.client_detail, t->words);
    if (t->rc == PROA_ETLSVERIFY) {
        ck_assert_int_lt(d.server_rc, 0); /* it is told; in TLS 1.3 after its own handshake */
        ck_err(d.server_rc, PROA_ETLSALERT);
    }
}
END_TEST

START_TEST(insecure_client_believes_everything)
{
    struct proa_tls_ctx *client = T_CLIENT(.insecure = true);

    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
        struct duet d;

        if (trials[i].rc == PROA_EINVAL && trials[i].name && *trials[i].name)
            continue;
        try(&d, &trials[i], client);
        ck_ok(d.client_rc);
        ck_assert(!d.client_info.verified);
    }
    proa_tls_ctx_unref(client);
}
END_TEST

/* ---- chains */

START_TEST(stranger_is_not_believed)
{
    struct duet d = {0};
    static struct t_cert self;

    T_CERT(&self, .san = "DNS:a.example");
    d.server_ctx = T_SERVER(.cert_pem = t_pem(self.cert), .key_pem = t_pem(self.key));
    t_duet_run(&d);
    ck_err(d.client_rc, PROA_ETLSVERIFY);
    t_says(d.client_detail, "certificate of a.example: self-signed certificate (depth 0)");
    ck_err(d.server_rc, PROA_ETLSALERT);
    t_says(d.server_detail, "the client: it refused: unknown CA");

    d.client_ctx = T_CLIENT(.ca_pem = t_pem(self.cert)); /* told so, it believes it */
    ck_ok(t_duet_run(&d));
    proa_tls_ctx_unref(d.server_ctx);
    proa_tls_ctx_unref(d.client_ctx);
}
END_TEST

START_TEST(system_authorities_do_not_believe_ours)
{
    struct proa_tls_ctx *ctx = NULL;
    struct duet d = {0};

    ck_ok(proa_tls_client_ctx_new(&ctx, NULL));
    d.client_ctx = ctx;
    t_duet_run(&d);
    ck_err(d.client_rc, PROA_ETLSVERIFY);
    t_says(d.client_detail, "unable to get local issuer certificate (depth 0)");
    proa_tls_ctx_unref(ctx);

    ck_ok(proa_tls_client_ctx_new(
        &ctx, PROA_TLS_CLIENT_OPTS(.system_ca = true, .ca_pem = t_pem(t_ca.cert))));
    d.client_ctx = ctx;
    ck_ok(t_duet_run(&d));
    proa_tls_ctx_unref(ctx);
}
END_TEST

START_TEST(chain_must_be_whole)
{
    static struct t_cert middle, alone, with_chain, no_ca, below;
    struct duet d = {0};

    t_certs();
    T_CERT(&middle, .cn = "middle", .ca = true, .issuer = &t_ca);
    T_CERT(&alone, .san = "DNS:a.example", .issuer = &middle);
    d.server_ctx = T_SERVER(.cert_pem = t_pem(alone.cert), .key_pem = t_pem(alone.key));
    t_duet_run(&d);
    ck_err(d.client_rc, PROA_ETLSVERIFY);
    t_says(d.client_detail, "unable to get local issuer certificate");
    proa_tls_ctx_unref(d.server_ctx);

    T_CERT(&with_chain, .san = "DNS:a.example", .issuer = &middle, .chain = true);
    d.server_ctx = T_SERVER(.cert_file = t_file("chain.pem", with_chain.cert),
                            .key_file = t_file("chain.key", with_chain.key));
    ck_ok(t_duet_run(&d));
    proa_tls_ctx_unref(d.server_ctx);

    /* One that may not sign others did. */
    T_CERT(&no_ca, .cn = "no ca", .issuer = &t_ca);
    T_CERT(&below, .san = "DNS:a.example", .issuer = &no_ca, .chain = true);
    d.server_ctx = T_SERVER(.cert_pem = t_pem(below.cert), .key_pem = t_pem(below.key));
    t_duet_run(&d);
    ck_err(d.client_rc, PROA_ETLSVERIFY);
    t_says(d.client_detail, "(depth 1)");
    proa_tls_ctx_unref(d.server_ctx);
}
END_TEST

START_TEST(authorities_come_from_file_or_directory)
{
    struct duet d = {0};

    t_certs();
    d.client_ctx = NULL;
    ck_ok(proa_tls_client_ctx_new(&d.client_ctx,
                                  PROA_TLS_CLIENT_OPTS(.ca_file = t_file("ca.pem", t_ca.cert))));
    ck_ok(t_duet_run(&d));
    proa_tls_ctx_unref(d.client_ctx);

    ck_ok(proa_tls_client_ctx_new(&d.client_ctx,
                                  PROA_TLS_CLIENT_OPTS(.ca_path = t_hashed_directory(t_ca.cert))));
    ck_ok(t_duet_run(&d));
    proa_tls_ctx_unref(d.client_ctx);
}
END_TEST

/* ---- certificates of clients */

static int say_word(struct proa_stream *s, struct duet *d)
{
    char end;
    int rc = proa_write(s, "word", 4, NULL);

    (void)d;
    if (rc == 0)
        rc = (int)proa_read(s, &end, 1); /* in TLS 1.3 a refusal comes here */
    if (rc < 0) {
        proa_abort(s);
        return rc;
    }
    return proa_close(s);
}

static int hear_word(struct proa_stream *s, struct duet *d)
{
    PROA_AUTO(proa_tls_cert) cert = {0};
    char word[4];
    int rc = proa_read_exact(s, word, 4, NULL);

    if (rc == 0 && d->arg) {
        ck_ok(proa_tls_peer_cert(s, &cert));
        ck_assert_str_eq(cert.subject, d->arg);
        ck_assert_str_eq(cert.issuer, "CN=proa test authority");
    }
    if (rc < 0) {
        proa_abort(s);
        return rc;
    }
    return proa_close(s);
}

static const enum proa_tls_version versions[] = {PROA_TLS_1_2, PROA_TLS_1_3};

START_TEST(client_certificate_is_asked_for)
{
    struct duet d = {.client = say_word, .server = hear_word, .arg = (char[]){"CN=client"}};
    static struct t_cert mine, stranger;

    t_certs();
    T_CERT(&mine, .cn = "client", .issuer = &t_ca);
    T_CERT(&stranger, .cn = "stranger");
    d.server_ctx = T_SERVER(.ca_pem = t_pem(t_ca.cert),
                            .client_cert = PROA_TLS_CLIENT_CERT_REQUIRED);

    d.client_ctx = T_CLIENT(.cert_pem = t_pem(mine.cert), .key_pem = t_pem(mine.key),
                            .max_version = versions[_i]);
    ck_ok(t_duet_run(&d));
    ck_assert(d.server_info.verified);
    proa_tls_ctx_unref(d.client_ctx);

    d.client_ctx = T_CLIENT(.max_version = versions[_i]);
    t_duet_run(&d);
    ck_err(d.server_rc, PROA_ETLSVERIFY);
    t_says(d.server_detail, "certificate of the client: peer did not return a certificate");
    ck_err(d.client_rc, PROA_ETLSALERT);
    proa_tls_ctx_unref(d.client_ctx);

    d.client_ctx = T_CLIENT(.cert_pem = t_pem(stranger.cert), .key_pem = t_pem(stranger.key),
                            .max_version = versions[_i]);
    t_duet_run(&d);
    ck_err(d.server_rc, PROA_ETLSVERIFY);
    t_says(d.server_detail, "certificate of the client: self-signed certificate (depth 0)");
    ck_err(d.client_rc, PROA_ETLSALERT);
    proa_tls_ctx_unref(d.client_ctx);
    proa_tls_ctx_unref(d.server_ctx);
}
END_TEST

START_TEST(optional_certificate_may_be_missing_but_not_bad)
{
    struct duet d = {.client = say_word, .server = hear_word};
    static struct t_cert mine, stranger;

    t_certs();
    T_CERT(&mine, .cn = "client", .issuer = &t_ca);
    T_CERT(&stranger, .cn = "stranger");
    d.server_ctx = T_SERVER(.ca_pem = t_pem(t_ca.cert),
                            .client_cert = PROA_TLS_CLIENT_CERT_OPTIONAL);
    ck_ok(t_duet_run(&d));
    ck_assert(!d.server_info.verified);

    d.client_ctx = T_CLIENT(.cert_pem = t_pem(mine.cert), .key_pem = t_pem(mine.key));
    ck_ok(t_duet_run(&d));
    ck_assert(d.server_info.verified);
    proa_tls_ctx_unref(d.client_ctx);

    d.client_ctx = T_CLIENT(.cert_pem = t_pem(stranger.cert), .key_pem = t_pem(stranger.key));
    t_duet_run(&d);
    ck_err(d.server_rc, PROA_ETLSVERIFY);
    proa_tls_ctx_unref(d.client_ctx);
    proa_tls_ctx_unref(d.server_ctx);
}
END_TEST

/* ---- what a certificate says */

static int describe_server(struct proa_stream *s, struct duet *d)
{
    PROA_AUTO(proa_tls_cert) cert = {0};
    uint8_t zero[32] = {0};

    (void)d;
    ck_ok(proa_tls_peer_cert(s, &cert));
    ck_assert_str_eq(cert.subject, "CN=a.example");
    ck_assert_str_eq(cert.issuer, "CN=proa test authority");
    ck_assert_str_eq(cert.names, "DNS:a.example, DNS:b.example, DNS:*.w.example, "
                                 "IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1");
    ck_assert_int_eq(cert.not_after - cert.not_before, 2 * 86400);
    ck_assert_int_gt(cert.not_before, 1600000000);
    ck_assert_int_ne(memcmp(cert.sha256, zero, 32), 0);
    return proa_close(s);
}

static int describe_nobody(struct proa_stream *s, struct duet *d)
{
    struct proa_tls_cert cert;

    (void)d;
    ck_err(proa_tls_peer_cert(s, &cert), PROA_ENOENT);
    return proa_close(s);
}

START_TEST(certificate_is_told_in_words)
{
    struct duet d = {.client = describe_server, .server = describe_nobody};

    ck_ok(t_duet_run(&d));
}
END_TEST

START_TEST(self_signed_is_good_for_its_names)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "::1", "evil.example"};
    PROA_AUTO(proa_buf) cert, key;
    struct duet d = {0};

    proa_buf_init(&cert, 10000);
    proa_buf_init(&key, 10000);
    ck_ok(proa_tls_self_signed(&cert, &key, "localhost, 127.0.0.1,::1"));
    d.client_ctx = T_CLIENT(.ca_pem = proa_buf_str(&cert));
    d.server_ctx = T_SERVER(.cert_pem = proa_buf_str(&cert), .key_pem = proa_buf_str(&key));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        d.opts = PROA_TLS_OPTS(.server_name = names[i]);
        t_duet_run(&d);
        ck_assert_int_eq(d.client_rc, i == 3 ? PROA_ETLSVERIFY : 0);
    }
    proa_tls_ctx_unref(d.client_ctx);
    proa_tls_ctx_unref(d.server_ctx);
}
END_TEST

int main(void)
{
    t_openssl_apart();
    return t_main_tables("tls_verify",
                         (const TTest *const[]){
                             insecure_client_believes_everything,
                             stranger_is_not_believed,
                             system_authorities_do_not_believe_ours,
                             chain_must_be_whole,
                             authorities_come_from_file_or_directory,
                             optional_certificate_may_be_missing_but_not_bad,
                             certificate_is_told_in_words,
                             self_signed_is_good_for_its_names,
                             NULL,
                         },
                         (const struct t_table[]){
                             {name_and_time_are_checked, sizeof trials / sizeof *trials},
                             {client_certificate_is_asked_for, 2},
                             {NULL, 0},
                         });
}
