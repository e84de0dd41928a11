#include "client/tls.h"

#include <proa/err.h>
#include <proa/tls.h>

#include <pthread.h>

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int key_error;

static void unref(void *ctx)
{
    proa_tls_ctx_unref(ctx);
}

static void make_key(void)
{
    key_error = -pthread_key_create(&key, unref);
}

int proa__client_default_tls(struct proa_tls_ctx **ret)
{
    pthread_once(&once, make_key);
    if (key_error < 0)
        return key_error;

    struct proa_tls_ctx *ctx = pthread_getspecific(key);
    if (!ctx) {
        int rc = proa_tls_client_ctx_new(
            &ctx, PROA_TLS_CLIENT_OPTS(.alpn = "http/1.1", .keylog_env = true));
        if (rc < 0)
            return rc;
        if (pthread_setspecific(key, ctx) != 0) {
            proa_tls_ctx_unref(ctx);
            return PROA_ENOMEM;
        }
    }
    *ret = ctx;
    return 0;
}
