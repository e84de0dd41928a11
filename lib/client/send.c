#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "client/connection.h"
#include "core/loop.h"
#include "http/writer.h"
#include "net/stream.h"

#include <proa/err.h>
#include <proa/scope.h>
#include <proa/time.h>
#include <proa/version.h>

/* ---- prepared requests ---- */

/* The fields that a request gets unless it has them. */
static int complete_headers(struct proa_headers *all, const struct proa_headers *given)
{
    if (given)
        proa_headers_add_all(all, given);
    if (!proa_headers_get(all, "Accept").p)
        proa_headers_add(all, "Accept", "*/*");
    if (!proa_headers_get(all, "User-Agent").p)
        proa_headers_addf(all, "User-Agent", "proa/%s", proa_version());
    return proa_headers_error(all);
}

static int render(struct proa_prepared **ret, struct proa_str method, const struct proa_url *url,
                  const struct proa_headers *headers, struct proa_str body)
{
    PROA_AUTO(proa_buf) text = {0};
    struct body_out frame;

    proa_buf_init(&text, PROA_UNLIMITED);
    int rc = proa__request_head(&text, &frame,
                                &(struct request_head){.method = method,
                                                       .target = url->target,
                                                       .host = url->authority,
                                                       .headers = headers,
                                                       .length = body.n});
    if (rc < 0)
        return rc;
    proa_buf_append_str(&text, body);
    if (proa_buf_error(&text) < 0)
        return proa_buf_error(&text);

    struct proa_prepared *p = proa__alloc(sizeof *p + text.n);
    if (!p)
        return PROA_ENOMEM;
    p->magic = MAGIC_PREPARED;
    p->asked = proa_str_eq(method, PROA_STR("HEAD")) ? ASKED_HEAD : 0;
    p->n = text.n;
    memcpy(p->bytes, text.p, text.n);
    *ret = p;
    return 0;
}

int proa_prepared_new(struct proa_prepared **ret, const char *method, const char *url_text,
                      const struct proa_headers *headers, struct proa_str body)
{
    struct proa_headers all = {0};
    struct proa_url url;
    int rc = proa_url_parse(&url, proa_str_from(url_text));

    if (rc < 0)
        return rc;
    rc = complete_headers(&all, headers);
    if (rc == 0)
        rc = render(ret, proa_str_from(method), &url, &all, body);
    proa_headers_fini(&all);
    proa_url_fini(&url);
    return rc;
}

void proa_prepared_free(struct proa_prepared *p)
{
    if (!p)
        return;
    PROA_CHECK_OBJ(p, MAGIC_PREPARED);
    p->magic = 0;
    proa__free(p);
}

size_t proa_prepared_size(const struct proa_prepared *p)
{
    return p->n;
}

/* ---- writing ---- */

static int fail(struct proa_connection *c, int rc)
{
    c->cut = true;
    if (rc == PROA_ECANCELED || rc == PROA_EWRITETIMEDOUT)
        c->broken = true;
    return rc;
}

int proa__connection_send_part(struct proa_connection *c, struct iovec *iov, int niov)
{
    while (niov) {
        ssize_t n = proa__stream_try_writev(c->stream, iov, niov);
        if (n == PROA_EAGAIN)
            n = proa__connection_wait(c, STREAM_WRITE, c->opts.write_timeout, PROA_EWRITETIMEDOUT,
                                      "the server took no byte");
        if (n < 0)
            return fail(c, (int)n);
        while (niov && (size_t)n >= iov->iov_len) {
            n -= (ssize_t)iov->iov_len;
            iov++;
            niov--;
        }
        if (niov) {
            iov->iov_base = (char *)iov->iov_base + n;
            iov->iov_len -= (size_t)n;
        }
    }
    return 0;
}

/* Room for `n` more in the ring. */
static int grow_asked(struct proa_connection *c, size_t n)
{
    size_t room = c->asked_room ? c->asked_room : 8;

    if (c->asked_n + n > CONNECTION_ASKED_MAX)
        return proa__fail(PROA_EINVAL, "more than %d requests in flight on a connection",
                          CONNECTION_ASKED_MAX);
    if (c->asked_n + n <= c->asked_room)
        return 0;
    while (room < c->asked_n + n)
        room *= 2;
    uint8_t *ring = proa__alloc(room);
    if (!ring)
        return PROA_ENOMEM;
    for (size_t i = 0; i < c->asked_n; i++)
        ring[i] = c->asked[(c->asked_at + i) % c->asked_room];
    proa__free(c->asked);
    c->asked = ring;
    c->asked_room = room;
    c->asked_at = 0;
    return 0;
}

int proa__connection_note(struct proa_connection *c, uint8_t asked, size_t count)
{
    if (c->broken || c->cut || c->last || !c->stream)
        return proa__fail(PROA_ECLOSED, "the connection to %.*s takes no more requests",
                          PROA_PRI(c->origin.authority));
    int rc = grow_asked(c, count);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < count; i++)
        c->asked[(c->asked_at + c->asked_n++) % c->asked_room] = asked;
    c->times.send_begin = proa__loop_now(c->loop);
    c->times.first_byte = 0;
    return 0;
}

int proa__connection_send(struct proa_connection *c, struct iovec *iov, int niov, uint8_t asked,
                          size_t count)
{
    int rc = proa__connection_note(c, asked, count);

    if (rc == 0)
        rc = proa__connection_send_part(c, iov, niov);
    c->times.send_end = proa__loop_now(c->loop);
    return rc;
}

int proa_connection_send(struct proa_connection *c, const struct proa_prepared *p)
{
    return proa_connection_send_n(c, p, 1);
}

int proa_connection_send_n(struct proa_connection *c, const struct proa_prepared *p, size_t n)
{
    enum { BATCH = 32 };
    struct iovec iov[BATCH];
    int rc = 0;

    PROA_CHECK_OBJ(c, MAGIC_CONNECTION);
    PROA_CHECK_OBJ(p, MAGIC_PREPARED);
    while (n && rc == 0) {
        size_t some = n < BATCH ? n : BATCH;
        for (size_t i = 0; i < some; i++)
            iov[i] = (struct iovec){(void *)p->bytes, p->n};
        rc = proa__connection_send(c, iov, (int)some, p->asked, some);
        n -= some;
    }
    return rc;
}
