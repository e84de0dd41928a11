#include "tls/certs.h"

#include <check.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DAY = 24 * 60 * 60 };

void t_openssl_apart(void)
{
    OPENSSL_free(OPENSSL_malloc(1));
}

static void *need(void *p)
{
    ck_assert_msg(p != NULL, "OpenSSL could not make a test certificate");
    return p;
}

static void text_of(BIO *bio, char *dst, size_t room)
{
    char *p;
    long n = BIO_get_mem_data(bio, &p);

    ck_assert_uint_lt((size_t)n, room);
    memcpy(dst, p, (size_t)n);
    dst[n] = 0;
    BIO_free(bio);
}

static void add_ext(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    ext = need(X509V3_EXT_conf_nid(NULL, &ctx, nid, value));
    ck_assert_int_eq(X509_add_ext(cert, ext, -1), 1);
    X509_EXTENSION_free(ext);
}

static X509 *read_cert(const char *text)
{
    BIO *in = need(BIO_new_mem_buf(text, -1));
    X509 *cert = need(PEM_read_bio_X509(in, NULL, NULL, NULL));

    BIO_free(in);
    return cert;
}

static EVP_PKEY *read_key(const char *text)
{
    BIO *in = need(BIO_new_mem_buf(text, -1));
    EVP_PKEY *key = need(PEM_read_bio_PrivateKey(in, NULL, NULL, NULL));

    BIO_free(in);
    return key;
}

static void set_fields(X509 *cert, const struct t_cert_opts *o)
{
    X509_NAME *name = X509_get_subject_name(cert);
    const char *cn = o->cn ? o->cn : "test";
    int from = o->from || o->to ? o->from : -1;
    int to = o->from || o->to ? o->to : 1;
    unsigned char serial[4];

    RAND_bytes(serial, sizeof serial);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert),
                     1 + serial[0] + serial[1] * 256 + serial[2] * 65536);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
    X509_gmtime_adj(X509_getm_notBefore(cert), (long)from * DAY);
    X509_gmtime_adj(X509_getm_notAfter(cert), (long)to * DAY);
}

void t_cert_make(struct t_cert *ret, const struct t_cert_opts *o)
{
    EVP_PKEY *key = need(EVP_EC_gen("P-256"));
    X509 *cert = need(X509_new());
    X509 *issuer = o->issuer ? read_cert(o->issuer->cert) : cert;
    EVP_PKEY *issuer_key = o->issuer ? read_key(o->issuer->key) : key;
    BIO *out;

    set_fields(cert, o);
    X509_set_pubkey(cert, key);
    X509_set_issuer_name(cert, X509_get_subject_name(issuer));
    add_ext(cert, issuer, NID_basic_constraints, o->ca ? "critical,CA:TRUE" : "CA:FALSE");
    add_ext(cert, issuer, NID_subject_key_identifier, "hash");
    if (o->san)
        add_ext(cert, issuer, NID_subject_alt_name, o->san);
    ck_assert_int_gt(X509_sign(cert, issuer_key, EVP_sha256()), 0);

    out = need(BIO_new(BIO_s_mem()));
    ck_assert_int_eq(PEM_write_bio_X509(out, cert), 1);
    if (o->chain)
        BIO_puts(out, o->issuer->cert);
    text_of(out, ret->cert, sizeof ret->cert);
    out = need(BIO_new(BIO_s_mem()));
    ck_assert_int_eq(PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL), 1);
    text_of(out, ret->key, sizeof ret->key);

    if (o->issuer) {
        X509_free(issuer);
        EVP_PKEY_free(issuer_key);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
}

void t_cert_lock(struct t_cert *cert, const char *password)
{
    EVP_PKEY *key = read_key(cert->key);
    BIO *out = need(BIO_new(BIO_s_mem()));

    ck_assert_int_eq(PEM_write_bio_PrivateKey(out, key, EVP_aes_128_cbc(),
                                              (const unsigned char *)password,
                                              (int)strlen(password), NULL, NULL),
                     1);
    text_of(out, cert->key, sizeof cert->key);
    EVP_PKEY_free(key);
}

/* ---- files */

static char directory[64];
static pid_t owner;

static void remove_directory(void)
{
    char command[96];

    if (owner != getpid())
        return;
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    if (system(command) != 0)
        return;
}

const char *t_file(const char *name, const char *text)
{
    static char paths[8][128];
    static int next;
    char *path = paths[next++ % 8];
    int fd;

    if (owner != getpid()) {
        snprintf(directory, sizeof directory, "/tmp/proa-tls-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(directory));
        owner = getpid();
        atexit(remove_directory);
    }
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    if (!text)
        return path;
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

const char *t_hashed_directory(const char *cert)
{
    X509 *x = read_cert(cert);
    char name[32];

    snprintf(name, sizeof name, "%08lx.0", X509_subject_name_hash(x));
    X509_free(x);
    t_file(name, cert);
    return directory;
}
