/*
 * What OpenSSL reads and writes: the lower stream's non-suspending calls.
 *
 * The end of the lower stream is not told by BIO_CTRL_EOF: OpenSSL would take a missing
 * close_notify for the death of the connection, in both directions. We tell it ourselves, as
 * PROA_ETLSTRUNCATED, and whoever ended only its own side, rudely, still gets its answer.
 */

#include "base/fail.h"
#include "base/mem.h"
#include "tls/conn.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <pthread.h>
#include <string.h>

enum { OUT_MAX = 1 << 20 }; /* a flight of the handshake with a chain beyond reason */

static BIO_METHOD *method;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* ---- writing */

static int out_room(struct tls *t, size_t n)
{
    size_t cap = t->out_cap ? t->out_cap : 512;

    if (t->out_at) {
        memmove(t->out, t->out + t->out_at, t->out_n);
        t->out_at = 0;
    }
    if (t->out_n + n > OUT_MAX)
        return PROA_EMSGSIZE;
    while (cap < t->out_n + n)
        cap *= 2;
    if (cap > t->out_cap) {
        char *p = proa__realloc(t->out, cap);
        if (!p)
            return PROA_ENOMEM;
        t->out = p;
        t->out_cap = (uint32_t)cap;
    }
    return 0;
}

static int out_append(struct tls *t, const char *bytes, size_t n)
{
    int rc = out_room(t, n);

    if (rc < 0)
        return rc;
    memcpy(t->out + t->out_n, bytes, n);
    t->out_n += (uint32_t)n;
    return 0;
}

static void out_free(struct tls *t)
{
    proa__free(t->out);
    t->out = NULL;
    t->out_at = t->out_n = t->out_cap = 0;
}

/* As much as the lower stream takes. > 0: bytes taken, PROA_EAGAIN, or its error, which sticks. */
static ssize_t push(struct tls *t, const char *bytes, size_t n)
{
    size_t done = 0;

    while (done < n) {
        struct iovec iov = {(void *)(uintptr_t)(bytes + done), n - done};
        ssize_t took = proa__stream_try_writev(t->lower, &iov, 1);

        if (took == PROA_EAGAIN)
            return done ? (ssize_t)done : PROA_EAGAIN;
        if (took < 0) {
            t->write_rc = (int)took;
            return took;
        }
        done += (size_t)took;
    }
    return (ssize_t)done;
}

int proa__tls_flush(struct tls *t)
{
    if (!t->out)
        return t->write_rc;
    if (!t->write_rc && t->out_n) {
        ssize_t took = push(t, t->out + t->out_at, t->out_n);

        if (took == PROA_EAGAIN)
            return PROA_EAGAIN;
        if (took > 0) {
            t->out_at += (uint32_t)took;
            t->out_n -= (uint32_t)took;
            if (t->out_n)
                return PROA_EAGAIN;
            t->owed = false;
        }
    }
    out_free(t);
    return t->write_rc;
}

/* Takes everything, always, unless the lower stream is dead or there is no memory. */
static int on_write(BIO *bio, const char *bytes, int n)
{
    struct tls *t = BIO_get_data(bio);
    size_t left = n > 0 ? (size_t)n : 0;
    int rc;

    BIO_clear_retry_flags(bio);
    if (t->write_rc)
        return -1;
    if (!t->corked && !t->out_n) {
        ssize_t took = push(t, bytes, left);

        if (took < 0 && took != PROA_EAGAIN)
            return -1;
        if (took > 0) {
            bytes += took;
            left -= (size_t)took;
        }
    }
    rc = left ? out_append(t, bytes, left) : 0;
    if (rc < 0) { /* a record is cut now */
        t->write_rc = rc;
        return -1;
    }
    return n;
}

/* ---- reading */

static int on_read(BIO *bio, char *buf, int n)
{
    struct tls *t = BIO_get_data(bio);
    ssize_t got;

    BIO_clear_retry_flags(bio);
    if (t->read_rc || n <= 0)
        return -1;
    got = proa__stream_try_read(t->lower, buf, (size_t)n);
    if (got > 0)
        return (int)got;
    if (got == 0) {
        t->lower_end = true;
        return 0;
    }
    if (got == PROA_EAGAIN)
        BIO_set_retry_read(bio);
    else
        t->read_rc = (int)got;
    return -1;
}

static long on_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    (void)bio;
    (void)num;
    (void)ptr;
    return cmd == BIO_CTRL_FLUSH; /* `out` is brought out by the connection */
}

static int on_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static void make_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "proa stream");

    if (m && BIO_meth_set_write(m, on_write) && BIO_meth_set_read(m, on_read) &&
        BIO_meth_set_ctrl(m, on_ctrl) && BIO_meth_set_create(m, on_create))
        method = m;
    else
        BIO_meth_free(m);
}

int proa__tls_bio_attach(struct tls *t)
{
    BIO *bio;

    pthread_once(&once, make_method);
    bio = method ? BIO_new(method) : NULL;
    if (!bio)
        return PROA_ENOMEM;
    BIO_set_data(bio, t);
    SSL_set_bio(t->ssl, bio, bio); /* one reference serves both */
    return 0;
}

struct tls *proa__tls_of(const SSL *ssl)
{
    return BIO_get_data(SSL_get_rbio(ssl));
}
