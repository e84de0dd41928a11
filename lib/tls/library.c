#include "tls/library.h"

#include "base/fail.h"
#include "base/mem.h"
#include "core/loop.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <pthread.h>
#include <stdio.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int started;

/* OpenSSL asks for 0 bytes and resizes to 0; our allocators are never asked to. */
static void *hook_alloc(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return n ? proa__alloc(n) : NULL;
}

static void hook_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    proa__free(p);
}

static void *hook_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    if (n)
        return proa__realloc(p, n);
    proa__free(p);
    return NULL;
}

static void start(void)
{
    if (proa__mem_hooks())
        CRYPTO_set_mem_functions(hook_alloc, hook_realloc,
                                 hook_free); /* 0: too late, and no harm */
    started = OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
                               NULL);
}

int proa__tls_library_init(void)
{
    pthread_once(&once, start);
    return started ? 0 : proa__fail(PROA_ENOMEM, "OpenSSL does not start");
}

void proa__tls_deep(void (*fn)(void *arg), void *arg)
{
    if (proa__loop_current())
        proa__on_loop_stack(fn, arg);
    else
        fn(arg);
}

void proa__tls_reason(struct tls_reason *ret)
{
    unsigned long e;
    const char *data;
    int flags;

    *ret = (struct tls_reason){.text = ""};
    while ((e = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
        const char *words = ERR_reason_error_string(e);

        if (ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE)
            ret->no_memory = 1;
        if (ERR_GET_LIB(e) == ERR_LIB_SSL)
            ret->ssl = ERR_GET_REASON(e);
        if (ret->text[0])
            continue;
        if (ERR_SYSTEM_ERROR(e))
            words = proa_err_text(-ERR_GET_REASON(e));
        snprintf(ret->text, sizeof ret->text, "%s%s%s", words ? words : "unknown error",
                 (flags & ERR_TXT_STRING) && *data ? ": " : "",
                 (flags & ERR_TXT_STRING) ? data : "");
    }
    if (!ret->text[0])
        snprintf(ret->text, sizeof ret->text, "unknown error");
}

int proa__tls_library_fail(int rc, const char *what)
{
    struct tls_reason why;

    proa__tls_reason(&why);
    if (why.no_memory)
        return proa__fail(PROA_ENOMEM, "%s: out of memory", what);
    return proa__fail(rc, "%s: %s", what, why.text);
}
