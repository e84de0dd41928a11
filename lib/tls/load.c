#include "tls/load.h"

#include "base/fail.h"
#include "tls/library.h"
#include "tls/settings.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <stdio.h>
#include <sys/stat.h>

/* One source of PEM: a file or a text, and how messages call it. */
struct source {
    const char *file;
    struct proa_str pem;
    const char *what; /* "certificate" */
};

static bool is_given(const struct source *src)
{
    return src->file || src->pem.n;
}

static const char *name_of(const struct source *src)
{
    return src->file ? src->file : "text";
}

/* The library's words, or ours, with what they are about. */
static int refuse(const struct source *src, const char *words)
{
    struct tls_reason why;

    proa__tls_reason(&why);
    if (why.no_memory)
        return proa__fail(PROA_ENOMEM, "%s %s: out of memory", src->what, name_of(src));
    return proa__fail(PROA_ETLSFILE, "%s %s: %s", src->what, name_of(src),
                      words ? words : why.text);
}

static int open_source(BIO **ret, const struct source *src)
{
    ERR_clear_error();
    if (!src->file) {
        *ret = BIO_new_mem_buf(src->pem.p, (int)src->pem.n);
        return *ret ? 0 : refuse(src, NULL);
    }

    struct stat st;
    if (stat(src->file, &st) < 0)
        return refuse(src, proa_err_text(-errno));
    if (!S_ISREG(st.st_mode))
        return refuse(src, "not a file");
    *ret = BIO_new_file(src->file, "r");
    return *ret ? 0 : refuse(src, proa_err_text(-errno));
}

/* The password of the settings, or failure; the default would ask at the terminal. */
static int password(char *buf, int size, int writing, void *arg)
{
    const char *text = arg;
    size_t n = text ? strlen(text) : 0;

    (void)writing;
    if (!text || n > (size_t)size)
        return -1;
    memcpy(buf, text, n);
    return (int)n;
}

/* Was that the end of the source, and not a damaged piece of it? Empties the queue if so. */
static bool at_end(void)
{
    unsigned long e = ERR_peek_last_error();

    if (ERR_GET_LIB(e) != ERR_LIB_PEM || ERR_GET_REASON(e) != PEM_R_NO_START_LINE)
        return false;
    ERR_clear_error();
    return true;
}

static int load_chain(SSL_CTX *ctx, X509 **ret_leaf, const struct source *src)
{
    BIO *in = NULL;
    X509 *cert = NULL;
    int rc = open_source(&in, src);

    if (rc < 0)
        return rc;
    cert = PEM_read_bio_X509_AUX(in, NULL, password, NULL);
    if (!cert) {
        rc = refuse(src, at_end() ? "holds no certificate" : NULL);
        goto out;
    }
    if (SSL_CTX_use_certificate(ctx, cert) != 1) {
        rc = refuse(src, NULL);
        goto out;
    }
    *ret_leaf = cert;
    while ((cert = PEM_read_bio_X509(in, NULL, password, NULL)) != NULL) {
        if (SSL_CTX_add0_chain_cert(ctx, cert) != 1) {
            rc = refuse(src, NULL);
            goto out;
        }
    }
    if (!at_end())
        rc = refuse(src, NULL);
out:
    if (cert != *ret_leaf) /* the leaf is the caller's */
        X509_free(cert);
    BIO_free(in);
    return rc;
}

static int load_key(EVP_PKEY **ret, const struct source *src, const char *secret)
{
    BIO *in = NULL;
    int rc = open_source(&in, src);

    if (rc < 0)
        return rc;
    *ret = PEM_read_bio_PrivateKey(in, NULL, password, (void *)(uintptr_t)secret);
    if (!*ret) {
        unsigned long e = ERR_peek_last_error();
        const char *words = "holds no private key that can be read";

        if (ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_BAD_PASSWORD_READ)
            words = secret ? "the password is too long" : "is encrypted, and no password was given";
        else if (secret)
            words = "cannot be decrypted with this password, or is damaged";
        rc = refuse(src, words);
    }
    BIO_free(in);
    return rc;
}

int proa__tls_load_identity(SSL_CTX *ctx, const struct tls_settings *s)
{
    struct source cert = {s->cert_file, s->cert_pem, "certificate"};
    struct source key = {s->key_file, s->key_pem, "private key"};
    X509 *leaf = NULL;
    EVP_PKEY *pkey = NULL;
    int rc;

    if (!is_given(&cert))
        return 0;
    if (!is_given(&key)) {
        key.file = cert.file;
        key.pem = cert.pem;
    }
    rc = load_chain(ctx, &leaf, &cert);
    if (rc < 0)
        goto out;
    rc = load_key(&pkey, &key, s->key_password);
    if (rc < 0)
        goto out;
    if (X509_check_private_key(leaf, pkey) != 1) {
        ERR_clear_error();
        rc = proa__fail(PROA_ETLSFILE, "private key %s does not belong to certificate %s",
                        name_of(&key), name_of(&cert));
        goto out;
    }
    if (SSL_CTX_use_PrivateKey(ctx, pkey) != 1)
        rc = refuse(&key, NULL);
out:
    X509_free(leaf);
    EVP_PKEY_free(pkey);
    return rc;
}

/* Each certificate of one source into the store, and into the list that a server shows. */
static int load_believed(SSL_CTX *ctx, const struct source *src, bool server)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    BIO *in = NULL;
    X509 *cert;
    size_t n = 0;
    int rc = open_source(&in, src);

    if (rc < 0)
        return rc;
    while (rc == 0 && (cert = PEM_read_bio_X509_AUX(in, NULL, password, NULL)) != NULL) {
        n++;
        if (X509_STORE_add_cert(store, cert) != 1 ||
            (server && SSL_CTX_add_client_CA(ctx, cert) != 1))
            rc = refuse(src, NULL);
        X509_free(cert);
    }
    if (rc == 0 && !at_end())
        rc = refuse(src, NULL);
    if (rc == 0 && n == 0)
        rc = refuse(src, "holds no certificate");
    BIO_free(in);
    return rc;
}

static int load_directory(SSL_CTX *ctx, const char *path)
{
    struct source src = {path, {NULL, 0}, "directory of authorities"};
    struct stat st;

    ERR_clear_error();
    if (stat(path, &st) < 0)
        return refuse(&src, proa_err_text(-errno));
    if (!S_ISDIR(st.st_mode))
        return refuse(&src, "not a directory");
    return SSL_CTX_load_verify_dir(ctx, path) == 1 ? 0 : refuse(&src, NULL);
}

int proa__tls_load_authorities(SSL_CTX *ctx, const struct tls_settings *s)
{
    struct source file = {s->ca_file, {NULL, 0}, "authorities"};
    struct source text = {NULL, s->ca_pem, "authorities"};
    int rc = 0;

    if (is_given(&file))
        rc = load_believed(ctx, &file, s->server);
    if (rc == 0 && is_given(&text))
        rc = load_believed(ctx, &text, s->server);
    if (rc == 0 && s->ca_path)
        rc = load_directory(ctx, s->ca_path);
    if (rc < 0)
        return rc;
    if (is_given(&file) || is_given(&text) ||
        s->ca_path) /* an intermediate named is believed as it is */
        X509_STORE_set_flags(SSL_CTX_get_cert_store(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    if (s->system_ca && SSL_CTX_set_default_verify_paths(ctx) != 1)
        return proa__tls_library_fail(PROA_ETLSFILE, "the system's authorities");
    return 0;
}
