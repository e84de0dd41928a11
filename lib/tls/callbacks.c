#include "tls/callbacks.h"

#include "base/ascii.h"
#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "tls/conn.h"
#include "tls/ctx.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 255 };

/* ---- server: the name asked for */

/* The host name in a server_name extension: RFC 6066, one entry of type 0. Empty when it is none;
 * what is malformed OpenSSL refuses by itself. */
static struct proa_str name_in(const unsigned char *ext, size_t n)
{
    struct proa_str none = {NULL, 0};

    if (n < 5 || (size_t)(ext[0] << 8 | ext[1]) != n - 2 || ext[2] != TLSEXT_NAMETYPE_host_name)
        return none;
    size_t len = (size_t)(ext[3] << 8 | ext[4]);
    if (len == 0 || len > n - 5 || len > NAME_MAX_BYTES || memchr(ext + 5, 0, len))
        return none;
    return proa_str_make((const char *)ext + 5, len);
}

static int keep_name(struct tls *t, struct proa_str name)
{
    t->name = proa__strndup(name.p ? name.p : "", name.n);
    if (!t->name)
        return PROA_ENOMEM;
    for (char *p = t->name; *p; p++)
        *p = ascii_lower(*p);
    return 0;
}

/* SSL_set_SSL_CTX brings certificate, key and session id context; the rest is brought here. */
static int change_ctx(struct tls *t, struct proa_tls_ctx *to)
{
    SSL_CTX *ssl = to->ssl;

    if (SSL_set_SSL_CTX(t->ssl, ssl) != ssl)
        return PROA_ENOMEM;
    SSL_set_verify(t->ssl, proa__tls_ctx_verify_mode(to), proa__tls_on_verify);
    SSL_clear_options(t->ssl, SSL_get_options(t->ssl) & ~SSL_CTX_get_options(ssl));
    SSL_set_options(t->ssl, SSL_CTX_get_options(ssl));
    SSL_set_num_tickets(t->ssl, SSL_CTX_get_num_tickets(ssl));
    SSL_set_min_proto_version(t->ssl, (int)SSL_CTX_get_min_proto_version(ssl));
    SSL_set_max_proto_version(t->ssl, (int)SSL_CTX_get_max_proto_version(ssl));

    proa_tls_ctx_ref(to);
    proa_tls_ctx_unref(t->ctx);
    t->ctx = to;
    return 0;
}

static int on_hello(SSL *ssl, int *alert, void *arg)
{
    struct tls *t = proa__tls_of(ssl);
    struct proa_tls_ctx *own = arg;
    struct proa_tls_ctx *chosen = own;
    struct proa_str name = {NULL, 0};
    const unsigned char *ext;
    size_t n;

    if (t->name) /* the second message, after a retry request: it is decided */
        return SSL_CLIENT_HELLO_SUCCESS;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &ext, &n) == 1)
        name = name_in(ext, n);
    *alert = SSL_AD_INTERNAL_ERROR;
    t->shake->rc = keep_name(t, name);
    if (t->shake->rc < 0)
        return SSL_CLIENT_HELLO_ERROR;
    if (!own->settings.sni)
        return SSL_CLIENT_HELLO_SUCCESS;

    t->shake->rc = own->settings.sni(own->settings.sni_arg, proa_str_from(t->name), &chosen);
    if (t->shake->rc < 0) {
        *alert = SSL_AD_UNRECOGNIZED_NAME;
        return SSL_CLIENT_HELLO_ERROR;
    }
    proa__tls_ctx_check(chosen, "proa_tls_sni_fn");
    PROA_CHECK(chosen->settings.server, "proa_tls_sni_fn: chose a context for clients");
    t->shake->rc = chosen == own ? 0 : change_ctx(t, chosen);
    return t->shake->rc < 0 ? SSL_CLIENT_HELLO_ERROR : SSL_CLIENT_HELLO_SUCCESS;
}

/* ---- server: the protocol above */

static int on_alpn(SSL *ssl, const unsigned char **ret, unsigned char *ret_n,
                   const unsigned char *offered, unsigned n, void *arg)
{
    struct proa_tls_ctx *ctx = arg;
    struct proa_str ours = ctx->settings.alpn;
    unsigned char *found;

    (void)ssl;
    if (SSL_select_next_proto(&found, ret_n, (const unsigned char *)ours.p, (unsigned)ours.n,
                              offered, n) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret = found;
    return SSL_TLSEXT_ERR_OK;
}

/* ---- client: tickets */

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls *t = proa__tls_of(ssl);

    if (!t->session_key)
        return 0;
    if (!t->ctx->settings.insecure && SSL_get_verify_result(ssl) != X509_V_OK)
        return 0;
    proa__tls_sessions_put(&t->ctx->sessions, proa_str_from(t->session_key), session);
    return 1; /* it is ours now */
}

/* ---- both: certificates that are not believed */

/* The names that a certificate is for, as far as they fit: "a.example, b.example". */
static void list_names(char *dst, size_t room, X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    size_t n = 0;

    *dst = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && n < room; i++) {
        GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == GEN_DNS)
            n += (size_t)snprintf(dst + n, room - n, "%s%.*s", n ? ", " : "",
                                  name->d.dNSName->length, (const char *)name->d.dNSName->data);
    }
    GENERAL_NAMES_free(names);
}

static void describe(char *dst, size_t room, X509_STORE_CTX *store)
{
    int error = X509_STORE_CTX_get_error(store);
    const char *words = X509_verify_cert_error_string(error);
    X509 *cert = X509_STORE_CTX_get_current_cert(store);
    char names[80] = "";

    if (cert && (error == X509_V_ERR_HOSTNAME_MISMATCH || error == X509_V_ERR_IP_ADDRESS_MISMATCH))
        list_names(names, sizeof names, cert);
    snprintf(dst, room, "%s%s%s%s", words, *names ? ", it is for " : "", names,
             strlen(names) == sizeof names - 1 ? "..." : "");
}

int proa__tls_on_verify(int ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls *t = ssl ? proa__tls_of(ssl) : NULL;

    if (ok || !t || !t->shake || t->shake->refused[0])
        return ok;
    describe(t->shake->refused, sizeof t->shake->refused, store);
    t->shake->depth = X509_STORE_CTX_get_error_depth(store);
    return 0;
}

/* ---- both: the key log */

static void on_secret(const SSL *ssl, const char *line)
{
    struct tls *t = proa__tls_of(ssl);
    char text[512];
    int n = snprintf(text, sizeof text, "%s\n", line);
    int fd = t->ctx->keylog_fd;

    if (fd < 0 || n < 0 || (size_t)n >= sizeof text)
        return;
    if (write(fd, text, (size_t)n) < 0)
        return; /* a tool for looking; nothing depends on it */
}

int proa__tls_set_callbacks(SSL_CTX *ssl, struct proa_tls_ctx *ctx)
{
    SSL_CTX_set_verify(ssl, proa__tls_ctx_verify_mode(ctx), proa__tls_on_verify);
    if (ctx->keylog_fd >= 0)
        SSL_CTX_set_keylog_callback(ssl, on_secret);
    if (ctx->settings.server) {
        SSL_CTX_set_client_hello_cb(ssl, on_hello, ctx);
        if (ctx->settings.alpn.n)
            SSL_CTX_set_alpn_select_cb(ssl, on_alpn, ctx);
        return 0;
    }
    SSL_CTX_sess_set_new_cb(ssl, on_session);
    if (ctx->settings.alpn.n &&
        SSL_CTX_set_alpn_protos(ssl, (const unsigned char *)ctx->settings.alpn.p,
                                (unsigned)ctx->settings.alpn.n) != 0)
        return PROA_ENOMEM;
    return 0;
}
