/* What a failed call of OpenSSL means, as a code of ours and in words. */

#include "base/fail.h"
#include "tls/conn.h"
#include "tls/library.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stdio.h>
#include <string.h>

const char *proa__tls_peer(const struct tls *t)
{
    if (!t->client)
        return "the client";
    return t->name ? t->name : "the server";
}

static const struct {
    int reason;
    int code;
} meanings[] = {
    {SSL_R_CERTIFICATE_VERIFY_FAILED, PROA_ETLSVERIFY},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, PROA_ETLSVERIFY},
    {SSL_R_NO_APPLICATION_PROTOCOL, PROA_ETLSALPN},
    {SSL_AD_REASON_OFFSET + TLS1_AD_NO_APPLICATION_PROTOCOL, PROA_ETLSALPN},
};

/* What somebody who does not speak TLS makes us say, as the first thing that arrives. */
static bool is_no_tls(const struct tls *t, int reason)
{
    if (t->ready)
        return false;
    return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
           reason == SSL_R_HTTPS_PROXY_REQUEST;
}

static bool is_alert(int reason)
{
    return reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256;
}

static int code_of(const struct tls *t, int reason)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (meanings[i].reason == reason)
            return meanings[i].code;
    if (is_no_tls(t, reason))
        return PROA_ENOTTLS;
    if (is_alert(reason))
        return PROA_ETLSALERT;
    return t->ready ? PROA_ETLSPROTOCOL : PROA_ETLSHANDSHAKE;
}

static const char *phase(const struct tls *t)
{
    return t->ready ? "TLS" : "TLS handshake";
}

static int tell_verify(const struct tls *t, const char *words)
{
    const struct tls_shake *k = t->shake;

    if (!k || !k->refused[0])
        return proa__fail(PROA_ETLSVERIFY, "certificate of %s: %s", proa__tls_peer(t), words);
    return proa__fail(PROA_ETLSVERIFY, "certificate of %s: %s (depth %d)", proa__tls_peer(t),
                      k->refused, k->depth);
}

static int tell_end(const struct tls *t)
{
    if (t->ready)
        return proa__fail(PROA_ETLSTRUNCATED, "%s ended the connection without ending TLS",
                          proa__tls_peer(t));
    return proa__fail(PROA_ETLSHANDSHAKE, "TLS handshake with %s: it ended the connection",
                      proa__tls_peer(t));
}

static int tell_callback(const struct tls *t)
{
    return proa__fail(t->shake->rc, "TLS handshake with %s for \"%s\": %s", proa__tls_peer(t),
                      t->name ? t->name : "", proa_err_text(t->shake->rc));
}

static int tell_lower(const struct tls *t, int rc)
{
    return proa__fail(rc, "%s with %s: %s", phase(t), proa__tls_peer(t), proa_err_text(rc));
}

/* OpenSSL has words for alerts, but not for all of TLS 1.3's. */
static const char *alert_words(const struct tls_reason *why)
{
    const char *words = SSL_alert_desc_string_long(why->ssl - SSL_AD_REASON_OFFSET);

    return strcmp(words, "unknown") == 0 ? why->text : words;
}

static int tell_reason(const struct tls *t)
{
    struct tls_reason why;
    int code;

    proa__tls_reason(&why);
    if (why.no_memory)
        return proa__fail(PROA_ENOMEM, "%s with %s: out of memory", phase(t), proa__tls_peer(t));
    code = code_of(t, why.ssl);
    if (code == PROA_ETLSVERIFY)
        return tell_verify(t, why.text);
    if (is_alert(why.ssl))
        return proa__fail(code, "%s with %s: it refused: %s", phase(t), proa__tls_peer(t),
                          alert_words(&why));
    return proa__fail(code, "%s with %s: %s", phase(t), proa__tls_peer(t), why.text);
}

int proa__tls_failure(struct tls *t, int ret)
{
    switch (SSL_get_error(t->ssl, ret)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return PROA_EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        ERR_clear_error();
        return 0;
    default:
        break;
    }
    if (t->shake && t->shake->rc < 0)
        return tell_callback(t);
    if (t->write_rc == PROA_ENOMEM) /* we could not keep what was to be written */
        return tell_lower(t, PROA_ENOMEM);
    if (ERR_peek_error())
        return t->dead = tell_reason(t);
    if (t->read_rc)
        return tell_lower(t, t->read_rc);
    if (t->write_rc)
        return tell_lower(t, t->write_rc);
    if (t->lower_end)
        return tell_end(t);
    return t->dead = proa__fail(PROA_ETLS, "%s with %s failed", phase(t), proa__tls_peer(t));
}

int proa__tls_read_failure(struct tls *t, int ret)
{
    /* Who has left does not take our tickets either; to a reader that is an end, not a pipe. */
    if (t->lower_end && !t->read_rc && !ERR_peek_error() &&
        SSL_get_error(t->ssl, ret) == SSL_ERROR_SYSCALL)
        return tell_end(t);
    return proa__tls_failure(t, ret);
}
