#include "tls/ctx.h"

#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "tls/callbacks.h"
#include "tls/library.h"
#include "tls/load.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <fcntl.h>
#include <unistd.h>

#define MAGIC_TLS_CTX 0x746c7363u /* "tlsc" */

enum { SESSION_SECONDS = 2 * 60 * 60 }; /* a ticket's life */

void proa__tls_ctx_check(const struct proa_tls_ctx *ctx, const char *what)
{
    PROA_CHECK(ctx && ctx->magic == MAGIC_TLS_CTX, "%s: not a TLS context, or a freed one", what);
    PROA_CHECK(pthread_equal(ctx->thread, pthread_self()),
               "%s: the TLS context belongs to another thread", what);
}

int proa__tls_ctx_verify_mode(const struct proa_tls_ctx *ctx)
{
    const struct tls_settings *s = &ctx->settings;

    if (!s->server)
        return s->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER;
    if (s->client_cert == PROA_TLS_CLIENT_CERT_REQUIRED)
        return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    return s->client_cert == PROA_TLS_CLIENT_CERT_OPTIONAL ? SSL_VERIFY_PEER : SSL_VERIFY_NONE;
}

/* ---- making the SSL_CTX */

static int version_number(enum proa_tls_version v, int otherwise)
{
    return v == PROA_TLS_1_2 ? TLS1_2_VERSION : v == PROA_TLS_1_3 ? TLS1_3_VERSION : otherwise;
}

static int set_versions_and_ciphers(SSL_CTX *ssl, const struct tls_settings *s)
{
    if (SSL_CTX_set_min_proto_version(ssl, version_number(s->min_version, TLS1_2_VERSION)) != 1 ||
        SSL_CTX_set_max_proto_version(ssl, version_number(s->max_version, 0)) != 1)
        return proa__tls_library_fail(PROA_ETLSOPTION, "TLS versions");
    if (s->ciphers && SSL_CTX_set_cipher_list(ssl, s->ciphers) != 1)
        return proa__tls_library_fail(PROA_ETLSOPTION, "ciphers");
    if (s->ciphersuites && SSL_CTX_set_ciphersuites(ssl, s->ciphersuites) != 1)
        return proa__tls_library_fail(PROA_ETLSOPTION, "ciphersuites");
    return 0;
}

static void set_modes(SSL_CTX *ssl, const struct tls_settings *s)
{
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_clear_options(ssl, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_LEGACY_SERVER_CONNECT);
    if (s->server)
        SSL_CTX_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ssl, 1); /* one read of the lower stream a record, not two */
    SSL_CTX_set_max_early_data(ssl, 0);
    SSL_CTX_set_recv_max_early_data(ssl, 0);
}

static int set_resumption(SSL_CTX *ssl, const struct proa_tls_ctx *ctx)
{
    const struct tls_settings *s = &ctx->settings;

    SSL_CTX_set_timeout(ssl, SESSION_SECONDS);
    SSL_CTX_set_session_cache_mode(ssl,
                                   SSL_SESS_CACHE_OFF); /* a server's state is in its tickets */
    if (s->no_resumption) {
        SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
        return SSL_CTX_set_num_tickets(ssl, 0) == 1 ? 0 : PROA_ENOMEM;
    }
    if (s->server)
        return SSL_CTX_set_session_id_context(ssl, ctx->id, sizeof ctx->id) == 1 ? 0 : PROA_ENOMEM;
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    return 0;
}

static int make_ssl_ctx(SSL_CTX **ret, struct proa_tls_ctx *ctx)
{
    const struct tls_settings *s = &ctx->settings;
    SSL_CTX *ssl = SSL_CTX_new(s->server ? TLS_server_method() : TLS_client_method());
    int rc;

    if (!ssl)
        return proa__tls_library_fail(PROA_ETLS, "TLS context");
    set_modes(ssl, s);
    rc = set_versions_and_ciphers(ssl, s);
    if (rc == 0)
        rc = set_resumption(ssl, ctx);
    if (rc == 0)
        rc = proa__tls_load_identity(ssl, s);
    if (rc == 0)
        rc = proa__tls_load_authorities(ssl, s);
    if (rc == 0)
        rc = proa__tls_set_callbacks(ssl, ctx);
    if (rc < 0) {
        SSL_CTX_free(ssl);
        return rc;
    }
    *ret = ssl;
    return 0;
}

struct build {
    struct proa_tls_ctx *ctx;
    int rc;
};

/* Deep: a new SSL_CTX in the place of the one that is there. */
static void build(void *arg)
{
    struct build *b = arg;
    SSL_CTX *made = NULL;

    ERR_clear_error();
    b->rc = make_ssl_ctx(&made, b->ctx);
    if (b->rc < 0)
        return;
    SSL_CTX_free(b->ctx->ssl);
    b->ctx->ssl = made;
    proa__tls_sessions_clear(&b->ctx->sessions);
}

/* ---- the object */

static int open_keylog(struct proa_tls_ctx *ctx)
{
    const char *file = ctx->settings.keylog_file;

    if (!file)
        return 0;
    ctx->keylog_fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (ctx->keylog_fd < 0)
        return proa__fail(PROA_ETLSFILE, "key log %s: %s", file, proa_err_text(-errno));
    return 0;
}

static struct proa_tls_ctx *new_ctx(void)
{
    struct proa_tls_ctx *ctx = proa__zalloc(sizeof *ctx);

    if (!ctx)
        return NULL;
    ctx->magic = MAGIC_TLS_CTX;
    ctx->refs = 1;
    ctx->thread = pthread_self();
    ctx->keylog_fd = -1;
    proa__arena_init(&ctx->arena, NULL, 0);
    proa__tls_sessions_init(&ctx->sessions, 0);
    return ctx;
}

/* The settings are there: make the rest. Takes the context. */
static int finish_ctx(struct proa_tls_ctx **ret, struct proa_tls_ctx *ctx)
{
    struct build b = {.ctx = ctx};
    int rc = proa__tls_library_init();

    ctx->sessions.limit = ctx->settings.session_limit;
    if (rc == 0)
        rc = open_keylog(ctx);
    if (rc == 0 && RAND_bytes(ctx->id, sizeof ctx->id) != 1)
        rc = proa__tls_library_fail(PROA_ETLS, "random numbers");
    if (rc == 0) {
        proa__tls_deep(build, &b);
        rc = b.rc;
    }
    if (rc < 0) {
        proa_tls_ctx_unref(ctx);
        return rc;
    }
    *ret = ctx;
    return 0;
}

int proa_tls_client_ctx_new(struct proa_tls_ctx **ret, const struct proa_tls_client_opts *opts)
{
    struct proa_tls_ctx *ctx = new_ctx();
    int rc;

    if (!ctx)
        return PROA_ENOMEM;
    rc = proa__tls_client_settings(&ctx->settings, &ctx->arena, opts);
    if (rc < 0) {
        proa_tls_ctx_unref(ctx);
        return rc;
    }
    return finish_ctx(ret, ctx);
}

int proa_tls_server_ctx_new(struct proa_tls_ctx **ret, const struct proa_tls_server_opts *opts)
{
    struct proa_tls_ctx *ctx = new_ctx();
    int rc;

    if (!ctx)
        return PROA_ENOMEM;
    rc = proa__tls_server_settings(&ctx->settings, &ctx->arena, opts);
    if (rc < 0) {
        proa_tls_ctx_unref(ctx);
        return rc;
    }
    return finish_ctx(ret, ctx);
}

int proa_tls_ctx_reload(struct proa_tls_ctx *ctx)
{
    struct build b = {.ctx = ctx};

    proa__tls_ctx_check(ctx, "proa_tls_ctx_reload");
    proa__tls_deep(build, &b);
    return b.rc;
}

struct proa_tls_ctx *proa_tls_ctx_ref(struct proa_tls_ctx *ctx)
{
    proa__tls_ctx_check(ctx, "proa_tls_ctx_ref");
    ctx->refs++;
    return ctx;
}

static void free_deep(void *arg)
{
    struct proa_tls_ctx *ctx = arg;

    proa__tls_sessions_clear(&ctx->sessions);
    SSL_CTX_free(ctx->ssl);
}

void proa_tls_ctx_unref(struct proa_tls_ctx *ctx)
{
    if (!ctx)
        return;
    proa__tls_ctx_check(ctx, "proa_tls_ctx_unref");
    if (--ctx->refs > 0)
        return;
    proa__tls_deep(free_deep, ctx);
    if (ctx->keylog_fd >= 0)
        close(ctx->keylog_fd);
    proa__arena_fini(&ctx->arena);
    ctx->magic = 0;
    proa__free(ctx);
}
