/* A certificate on the spot: for tests, demonstrations, and servers that are tried out. */

#include "base/fail.h"
#include "base/mem.h"
#include "tls/library.h"

#include <proa/tls.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <stdio.h>

enum { HOUR = 60 * 60, DAYS = 30, NAME_ROOM = 256 };

struct request {
    struct proa_buf *cert_pem;
    struct proa_buf *key_pem;
    struct proa_str names;
    int rc;
};

static int add_name(GENERAL_NAMES *all, struct proa_str name)
{
    GENERAL_NAME *g = GENERAL_NAME_new();
    ASN1_OCTET_STRING *value = NULL;
    unsigned char ip[16];
    char text[NAME_ROOM];
    int type = GEN_DNS;
    int n = (int)name.n;

    snprintf(text, sizeof text, "%.*s", PROA_PRI(name));
    if (inet_pton(AF_INET, text, ip) == 1)
        type = GEN_IPADD, n = 4;
    else if (inet_pton(AF_INET6, text, ip) == 1)
        type = GEN_IPADD, n = 16;
    value = type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
    if (!g || !value || !ASN1_STRING_set(value, type == GEN_IPADD ? (const void *)ip : name.p, n)) {
        ASN1_STRING_free(value);
        GENERAL_NAME_free(g);
        return PROA_ENOMEM;
    }
    GENERAL_NAME_set0_value(g, type, value);
    if (!sk_GENERAL_NAME_push(all, g)) {
        GENERAL_NAME_free(g);
        return PROA_ENOMEM;
    }
    return 0;
}

/* The names as subjectAltName, the first of them as common name for people to read. */
static int set_names(X509 *cert, struct proa_str list)
{
    GENERAL_NAMES *all = GENERAL_NAMES_new();
    X509_NAME *subject = X509_get_subject_name(cert);
    struct proa_str name;
    int rc = all ? 0 : PROA_ENOMEM;
    bool first = true;

    while (rc == 0 && proa_str_next(&list, ',', &name)) {
        name = proa_str_trim(name);
        if (name.n == 0 || name.n >= NAME_ROOM) {
            rc = proa__fail(PROA_EINVAL, "self-signed certificate: a name has 1 to 255 bytes");
            break;
        }
        rc = add_name(all, name);
        if (rc == 0 && first &&
            X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name.p,
                                       (int)(name.n < 64 ? name.n : 64), -1, 0) != 1)
            rc = PROA_ENOMEM;
        first = false;
    }
    if (rc == 0 && first)
        rc = proa__fail(PROA_EINVAL, "self-signed certificate: for which name?");
    if (rc == 0 && (X509_set_issuer_name(cert, subject) != 1 ||
                    X509_add1_ext_i2d(cert, NID_subject_alt_name, all, 0, X509V3_ADD_DEFAULT) != 1))
        rc = PROA_ENOMEM;
    GENERAL_NAMES_free(all);
    return rc;
}

static bool set_serial(X509 *cert)
{
    unsigned char bytes[16];
    BIGNUM *n = NULL;
    bool ok;

    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] = (bytes[0] & 0x7f) | 1;
    n = BN_bin2bn(bytes, sizeof bytes, NULL);
    ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));
    BN_free(n);
    return ok;
}

static int fill(X509 *cert, EVP_PKEY *key, struct proa_str names)
{
    BASIC_CONSTRAINTS *basic = BASIC_CONSTRAINTS_new();
    int rc = basic ? set_names(cert, names) : PROA_ENOMEM;

    if (rc == 0) {
        basic->ca = 0xff;
        if (!set_serial(cert) || X509_set_version(cert, X509_VERSION_3) != 1 ||
            !X509_gmtime_adj(X509_getm_notBefore(cert), -HOUR) ||
            !X509_time_adj_ex(X509_getm_notAfter(cert), DAYS, 0, NULL) ||
            X509_set_pubkey(cert, key) != 1 ||
            X509_add1_ext_i2d(cert, NID_basic_constraints, basic, 1, X509V3_ADD_DEFAULT) != 1 ||
            X509_sign(cert, key, EVP_sha256()) == 0)
            rc = proa__tls_library_fail(PROA_ETLS, "self-signed certificate");
    }
    BASIC_CONSTRAINTS_free(basic);
    return rc;
}

static int append(struct proa_buf *buf, BIO *bio)
{
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);

    return proa_buf_append(buf, p, (size_t)n);
}

/* To both buffers or to none. */
static int deliver(struct request *r, X509 *cert, EVP_PKEY *key)
{
    BIO *cert_text = BIO_new(BIO_s_mem());
    BIO *key_text = BIO_new(BIO_s_mem());
    size_t before = proa_buf_str(r->cert_pem).n;
    int rc;

    if (!cert_text || !key_text || PEM_write_bio_X509(cert_text, cert) != 1 ||
        PEM_write_bio_PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL) != 1)
        rc = proa__tls_library_fail(PROA_ETLS, "self-signed certificate");
    else if ((rc = append(r->cert_pem, cert_text)) == 0 && (rc = append(r->key_pem, key_text)) < 0)
        proa_buf_truncate(r->cert_pem, before);
    BIO_free(cert_text);
    BIO_free(key_text);
    return rc;
}

static void make(void *arg)
{
    struct request *r = arg;
    EVP_PKEY *key;
    X509 *cert;

    ERR_clear_error();
    key = EVP_EC_gen("P-256");
    cert = X509_new();
    if (!key || !cert)
        r->rc = proa__tls_library_fail(PROA_ETLS, "self-signed certificate");
    else
        r->rc = fill(cert, key, r->names);
    if (r->rc == 0)
        r->rc = deliver(r, cert, key);
    X509_free(cert);
    EVP_PKEY_free(key);
    ERR_clear_error();
}

int proa_tls_self_signed(struct proa_buf *cert_pem, struct proa_buf *key_pem, const char *names)
{
    struct request r = {.cert_pem = cert_pem, .key_pem = key_pem, .names = proa_str_from(names)};
    int rc = proa__tls_library_init();

    if (rc < 0)
        return rc;
    proa__tls_deep(make, &r);
    return r.rc;
}
