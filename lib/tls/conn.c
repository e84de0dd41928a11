#include "tls/conn.h"

#include "base/fail.h"
#include "base/mem.h"
#include "tls/ctx.h"
#include "tls/library.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <limits.h>

enum { RECORDS_PER_CALL = 16 }; /* most of one try_writev; then others have their turn */

/* ---- who wants what, and who can */

/* Possible without a word from below: the handshake was not tried yet, bytes wait in OpenSSL, it is
 * over. */
static unsigned possible(struct tls *t)
{
    unsigned dirs = 0;

    if (!t->read_blocked && (!t->ready || t->dead || t->read_rc || SSL_has_pending(t->ssl) ||
                             (SSL_get_shutdown(t->ssl) & SSL_RECEIVED_SHUTDOWN)))
        dirs |= STREAM_READ;
    if (!t->write_blocked && (!t->ready || t->dead || t->write_rc))
        dirs |= STREAM_WRITE;
    return dirs;
}

static void on_kick(void *arg)
{
    struct tls *t = arg;
    unsigned dirs = possible(t) & t->want;

    if (dirs)
        proa__stream_ready(&t->s, dirs);
}

static void on_lower(void *arg, unsigned dirs);

/* What must be heard from below, for those above and for `out`. */
static unsigned needed(const struct tls *t)
{
    unsigned dirs = t->want & STREAM_CLOSED;

    if (t->want & STREAM_READ || (t->want & STREAM_WRITE && !t->ready))
        dirs |= STREAM_READ;
    if (t->out_n || (t->want & STREAM_WRITE && t->ready))
        dirs |= STREAM_WRITE;
    return dirs;
}

static void listen_below(struct tls *t)
{
    t->told = (uint8_t)needed(t);
    proa__stream_notify(t->lower, t->told, t->told ? on_lower : NULL, t);
}

/* After anything that may have changed it. */
void proa__tls_settle(struct tls *t)
{
    if (needed(t) != t->told)
        listen_below(t);
    if (possible(t) & t->want && !t->kick.fn)
        proa__loop_soon(t->s.loop, &t->kick, on_kick, t);
}

/* Something happened below. Calls above last: this connection may be gone then. */
static void on_lower(void *arg, unsigned dirs)
{
    struct tls *t = arg;
    unsigned up = dirs & STREAM_CLOSED;

    if (dirs & STREAM_WRITE && t->out_n)
        proa__tls_flush(t);
    if (dirs & STREAM_READ) {
        up |= t->ready ? STREAM_READ : STREAM_READ | STREAM_WRITE;
        t->read_blocked = false;
        t->write_blocked = t->write_blocked && t->ready;
    }
    if (dirs & STREAM_WRITE && !t->out_n) {
        up |= STREAM_WRITE;
        t->write_blocked = false;
    }
    if (needed(t) != t->told)
        listen_below(t);
    if (up & t->want)
        proa__stream_ready(&t->s, up & t->want);
}

static void op_want(struct proa_stream *s, unsigned dirs, unsigned fresh)
{
    struct tls *t = (struct tls *)s;

    t->want = (uint8_t)dirs;
    if (fresh || needed(t) != t->told)
        listen_below(t);
    if (possible(t) & fresh)
        proa__loop_soon(t->s.loop, &t->kick, on_kick, t);
}

static unsigned op_bits(struct proa_stream *s)
{
    struct tls *t = (struct tls *)s;
    unsigned low = proa__stream_bits(t->lower);
    unsigned dirs = possible(t) | (low & STREAM_CLOSED);

    if (low & STREAM_READ)
        dirs |= t->ready ? STREAM_READ : STREAM_READ | STREAM_WRITE;
    if (low & STREAM_WRITE && t->ready && !t->out_n)
        dirs |= STREAM_WRITE;
    if (SSL_get_shutdown(t->ssl) & SSL_RECEIVED_SHUTDOWN)
        dirs |= STREAM_CLOSED;
    return dirs;
}

/* ---- reading */

/* A call on its way to the big stack. */
struct call {
    struct tls *t;
    void *buf;
    size_t n;
    const struct iovec *iov;
    int niov;
    ssize_t ret;
};

static void read_deep(void *arg)
{
    struct call *c = arg;
    struct tls *t = c->t;
    int n;

    c->ret = proa__tls_shake(t);
    if (c->ret < 0)
        return;
    ERR_clear_error();
    n = SSL_read(t->ssl, c->buf, c->n < INT_MAX ? (int)c->n : INT_MAX);
    c->ret = n > 0 ? n : proa__tls_read_failure(t, n);
    if (c->ret == PROA_EAGAIN)
        SSL_free_buffers(t->ssl); /* it releases them by itself, but not after a ticket came */
}

static ssize_t op_read(struct proa_stream *s, void *buf, size_t n)
{
    struct tls *t = (struct tls *)s;
    struct call c = {.t = t, .buf = buf, .n = n};

    proa__tls_deep(read_deep, &c);
    t->read_blocked = c.ret == PROA_EAGAIN;
    proa__tls_settle(t);
    return c.ret;
}

/* ---- writing */

/* What is left of the pieces, and a record made of several small ones. */
struct gather {
    const struct iovec *iov;
    int n;
    size_t at; /* bytes of *iov that are gone */
    char *record;
};

static void skip(struct gather *g, size_t n)
{
    g->at += n;
    while (g->n > 0 && g->at >= g->iov->iov_len) {
        g->at -= g->iov->iov_len;
        g->iov++;
        g->n--;
    }
}

static size_t copy_pieces(const struct gather *g, char *dst, size_t room)
{
    size_t done = 0;
    size_t at = g->at;

    for (int i = 0; i < g->n && done < room; i++, at = 0) {
        size_t n = g->iov[i].iov_len - at;

        n = n < room - done ? n : room - done;
        memcpy(dst + done, (const char *)g->iov[i].iov_base + at, n);
        done += n;
    }
    return done;
}

/* The next record: the piece itself where it fills one or is the last, else several in one. Never
 * fails: without memory the records are smaller. */
static struct proa_str next_record(struct gather *g)
{
    size_t n = g->iov->iov_len - g->at;

    if (n < TLS_RECORD && g->n > 1 && !g->record)
        g->record = proa__alloc(TLS_RECORD);
    if (n < TLS_RECORD && g->n > 1 && g->record)
        return proa_str_make(g->record, copy_pieces(g, g->record, TLS_RECORD));
    return proa_str_make((const char *)g->iov->iov_base + g->at, n < TLS_RECORD ? n : TLS_RECORD);
}

static ssize_t write_records(struct tls *t, struct gather *g)
{
    size_t done = 0;
    int rc;

    skip(g, 0);
    for (int i = 0; g->n > 0 && i < RECORDS_PER_CALL; i++) {
        struct proa_str record = next_record(g);

        ERR_clear_error();
        int n = SSL_write(t->ssl, record.p, (int)record.n);
        if (n <= 0) {
            rc = proa__tls_failure(t, n);
            return done ? (ssize_t)done : rc ? rc : PROA_EPIPE;
        }
        done += (size_t)n;
        skip(g, (size_t)n);
        if (t->out_n) {
            t->owed = true;
            break;
        }
    }
    return (ssize_t)done;
}

static void write_deep(void *arg)
{
    struct call *c = arg;
    struct tls *t = c->t;
    struct gather g = {.iov = c->iov, .n = c->niov};

    c->ret = proa__tls_shake(t);
    if (c->ret < 0)
        return;
    if (t->shut) {
        c->ret = PROA_EPIPE;
        return;
    }
    c->ret = proa__tls_flush(t);
    if (c->ret < 0)
        return;
    c->ret = write_records(t, &g);
    proa__free(g.record);
}

static ssize_t op_writev(struct proa_stream *s, const struct iovec *iov, int n)
{
    struct tls *t = (struct tls *)s;
    struct call c = {.t = t, .iov = iov, .niov = n};

    proa__tls_deep(write_deep, &c);
    t->write_blocked = c.ret == PROA_EAGAIN;
    proa__tls_settle(t);
    return c.ret;
}

/* ---- the end */

static void shutdown_deep(void *arg)
{
    struct call *c = arg;
    struct tls *t = c->t;

    if (!t->shut && t->ready && !t->dead) {
        ERR_clear_error();
        SSL_shutdown(t->ssl); /* 0: the other end's is not here yet; nobody waits for it */
        ERR_clear_error();
    }
    t->shut = true;
    c->ret = proa__tls_flush(t);
    if (c->ret == PROA_EPIPE &&
        !t->owed) /* the other end left first: nothing but our good-bye is lost */
        c->ret = 0;
}

static int op_shutdown(struct proa_stream *s)
{
    struct tls *t = (struct tls *)s;
    struct call c = {.t = t};

    proa__tls_deep(shutdown_deep, &c);
    t->write_blocked = c.ret == PROA_EAGAIN;
    proa__tls_settle(t);
    return c.ret < 0 ? (int)c.ret : proa__stream_try_shutdown(t->lower);
}

static void free_deep(void *arg)
{
    struct tls *t = arg;

    if (t->ready && !t->dead) /* or OpenSSL would forget the session */
        SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(t->ssl);
}

void proa__tls_free(struct tls *t)
{
    proa__loop_soon_cancel(&t->kick);
    proa__tls_deep(free_deep, t);
    if (t->shake)
        proa__arena_fini(&t->shake->arena);
    proa__free(t->shake);
    proa__free(t->name);
    proa__free(t->session_key);
    proa__free(t->out);
    proa_tls_ctx_unref(t->ctx);
    proa__free(t);
}

static void op_close(struct proa_stream *s)
{
    struct tls *t = (struct tls *)s;
    struct proa_stream *lower = t->lower;
    bool reset = s->flags & STREAM_RESET;

    if (!reset)
        proa__tls_flush(t);
    proa__stream_notify(lower, 0, NULL, NULL);
    proa__tls_free(t);
    if (reset)
        proa__stream_abort(lower);
    else
        proa__stream_close(lower);
}

/* ---- what the lower stream knows */

static int op_fd(struct proa_stream *s)
{
    struct proa_stream *lower = ((struct tls *)s)->lower;

    return lower->ops->fd ? lower->ops->fd(lower) : -1;
}

static int op_address(struct proa_stream *s, bool peer, struct proa_addr *ret)
{
    struct proa_stream *lower = ((struct tls *)s)->lower;

    return lower->ops->address ? lower->ops->address(lower, peer, ret) : PROA_EOPNOTSUPP;
}

static struct proa_stream *op_lower(struct proa_stream *s)
{
    return ((struct tls *)s)->lower;
}

const struct stream_ops proa__tls_ops = {
    .kind = "tls",
    .try_read = op_read,
    .try_writev = op_writev,
    .try_shutdown = op_shutdown,
    .close = op_close,
    .want = op_want,
    .bits = op_bits,
    .fd = op_fd,
    .address = op_address,
    .lower = op_lower,
};

struct tls *proa__tls_from(struct proa_stream *s)
{
    return s->ops == &proa__tls_ops ? (struct tls *)s : NULL;
}
