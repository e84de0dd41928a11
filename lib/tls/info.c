/* What a connection agreed on, and with whom. */

#include "base/fail.h"
#include "base/mem.h"
#include "tls/conn.h"
#include "tls/ctx.h"
#include "tls/library.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

static int ready_tls(struct tls **ret, struct proa_stream *stream)
{
    *ret = proa__tls_from(stream);
    if (!*ret)
        return proa__fail(PROA_EOPNOTSUPP, "not a TLS stream");
    return (*ret)->ready ? 0 : PROA_EAGAIN;
}

int proa_tls_info(struct proa_stream *stream, struct proa_tls_info *ret)
{
    const unsigned char *alpn;
    unsigned n;
    struct tls *t;
    int rc = ready_tls(&t, stream);

    if (rc < 0)
        return rc;
    SSL_get0_alpn_selected(t->ssl, &alpn, &n);
    *ret = (struct proa_tls_info){
        .version = SSL_version(t->ssl) >= TLS1_3_VERSION ? PROA_TLS_1_3 : PROA_TLS_1_2,
        .resumed = SSL_session_reused(t->ssl),
        .verified = proa__tls_ctx_verify_mode(t->ctx) != SSL_VERIFY_NONE &&
                    SSL_get0_peer_certificate(t->ssl) && SSL_get_verify_result(t->ssl) == X509_V_OK,
        .cipher = proa_str_from(SSL_get_cipher_name(t->ssl)),
        .alpn = proa_str_make((const char *)alpn, n),
        .server_name = proa_str_from(t->name),
    };
    return 0;
}

/* ---- the certificate */

/* The text of a memory BIO, which is freed; NULL: no memory. */
static char *text_of(BIO *bio, int ok)
{
    char *p = NULL;
    long n = bio ? BIO_get_mem_data(bio, &p) : 0;
    char *text = bio && ok >= 0 ? proa__strndup(p ? p : "", (size_t)n) : NULL;

    BIO_free(bio);
    return text;
}

static char *name_text(const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());

    return text_of(bio, bio ? X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) : -1);
}

static char *alternatives_text(const X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    BIO *bio = BIO_new(BIO_s_mem());
    int ok = bio ? 0 : -1;

    for (int i = 0; ok >= 0 && i < sk_GENERAL_NAME_num(names); i++) {
        if (i && BIO_write(bio, ", ", 2) != 2)
            ok = -1;
        else if (GENERAL_NAME_print(bio, sk_GENERAL_NAME_value(names, i)) != 1)
            ok = -1;
    }
    GENERAL_NAMES_free(names);
    return text_of(bio, ok);
}

static int64_t seconds_of(const ASN1_TIME *time)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0, seconds = 0;

    if (epoch)
        ASN1_TIME_diff(&days, &seconds, epoch, time);
    ASN1_TIME_free(epoch);
    return (int64_t)days * 86400 + seconds;
}

struct describe {
    const X509 *cert;
    struct proa_tls_cert *ret;
    int rc;
};

static void describe_deep(void *arg)
{
    struct describe *d = arg;
    struct proa_tls_cert c = {0};
    unsigned n = sizeof c.sha256;

    ERR_clear_error();
    c.subject = name_text(X509_get_subject_name(d->cert));
    c.issuer = name_text(X509_get_issuer_name(d->cert));
    c.names = alternatives_text(d->cert);
    c.not_before = seconds_of(X509_get0_notBefore(d->cert));
    c.not_after = seconds_of(X509_get0_notAfter(d->cert));
    if (!c.subject || !c.issuer || !c.names ||
        X509_digest(d->cert, EVP_sha256(), c.sha256, &n) != 1) {
        proa_tls_cert_fini(&c);
        d->rc = PROA_ENOMEM;
        return;
    }
    *d->ret = c;
}

int proa_tls_peer_cert(struct proa_stream *stream, struct proa_tls_cert *ret)
{
    struct describe d = {.ret = ret};
    struct tls *t;
    int rc = ready_tls(&t, stream);

    if (rc < 0)
        return rc;
    d.cert = SSL_get0_peer_certificate(t->ssl);
    if (!d.cert)
        return proa__fail(PROA_ENOENT, "%s showed no certificate", proa__tls_peer(t));
    proa__tls_deep(describe_deep, &d);
    return d.rc;
}

void proa_tls_cert_fini(struct proa_tls_cert *cert)
{
    proa__free(cert->subject);
    proa__free(cert->issuer);
    proa__free(cert->names);
    *cert = (struct proa_tls_cert){0};
}
