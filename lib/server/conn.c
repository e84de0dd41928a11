#include "server/conn.h"

#include "base/log.h"
#include "base/mem.h"
#include "core/loop.h"
#include "core/task.h"
#include "net/stream.h"
#include "server/exchange.h"
#include "server/server.h"
#include "tls/stream.h"

#include <proa/addr.h>
#include <proa/err.h>
#include <proa/time.h>

static void deadline(void *arg);
static void ready(void *arg, unsigned dirs);

static void set_deadline(struct conn *c, int64_t after)
{
    proa__timer_start_after(c->server->loop, &c->timer, after, deadline, c);
}

static void become_idle(struct conn *c)
{
    c->state = CONN_IDLE;
    set_deadline(c, c->server->opts.idle_timeout);
    proa__stream_notify(c->stream, STREAM_READ, ready, c);
}

/* ---- the end ---- */

static void leave(struct conn *c)
{
    struct proa_server *server = c->server;

    proa__timer_stop(&c->timer);
    if (c->x)
        proa__exchange_give_back(c->x);
    if (c->admitted)
        proa__server_dismiss(server, proa_str_from(c->peer));
    proa__server_count(server, COUNT_OPEN, -1);
    proa__free(c->peer);
    list_remove(&c->link);
    proa__free(c);
    proa__server_conn_gone(server);
}

void proa__conn_close(struct conn *c)
{
    if (c->secure && c->state != CONN_TLS)
        proa__stream_try_shutdown(c->stream); /* close_notify, as far as it goes at once */
    proa__stream_close(c->stream);
    leave(c);
}

void proa__conn_abort(struct conn *c)
{
    proa__stream_abort(c->stream);
    leave(c);
}

/* End our side, unless that is done. True: done, or will be when the stream is ready; false: the
 * connection is gone. */
static bool end_output(struct conn *c)
{
    int rc = proa__stream_try_shutdown(c->stream);

    if (rc == 0 || rc == PROA_EAGAIN)
        return true;
    proa__conn_close(c);
    return false;
}

static void drop_input(struct conn *c)
{
    size_t size;
    char *scratch = proa__loop_scratch(c->server->loop, &size);

    if (!end_output(c))
        return;
    for (;;) {
        ssize_t n = proa__stream_try_read(c->stream, scratch, size);
        if (n == PROA_EAGAIN)
            return;
        if (n > 0)
            proa__server_count(c->server, COUNT_BYTES_IN, n);
        if (n <= 0 || c->dropped + (uint64_t)n > c->server->limits.drain_bytes) {
            proa__conn_close(c);
            return;
        }
        c->dropped += (uint32_t)n;
    }
}

void proa__conn_linger(struct conn *c)
{
    proa__exchange_give_back(c->x);
    c->x = NULL;
    c->state = CONN_LINGER;
    set_deadline(c, (int64_t)c->server->limits.drain_time);
    proa__stream_notify(c->stream, STREAM_READ | STREAM_WRITE, ready, c);
    drop_input(c);
}

/* ---- from bytes to a task ---- */

static void hand_to_task(struct conn *c)
{
    struct task_spec spec = {.fn = proa__exchange_main, .arg = c->x};

    c->state = CONN_TASK;
    proa__stream_notify(c->stream, 0, NULL, NULL);
    if (proa__task_create(c->server->group, spec, NULL) < 0)
        proa__conn_abort(c);
}

/*
 * Feed bytes that are not in the stream's buffer. Returns the number taken, with *ret_event
 * NEED_MORE, HEAD or a failure, which is the exchange's to answer.
 */
static size_t feed(struct conn *c, const char *bytes, size_t n, bool *ret_complete)
{
    struct exchange *x = c->x;
    struct proa_str body;
    size_t used = 0;
    int event = proa__http_parser_feed(&x->parser, bytes, n, 0, &used, &body);

    *ret_complete = event != HTTP_NEED_MORE;
    if (event < 0)
        proa__exchange_refuse(x, event);
    return used;
}

/* There are bytes of a request: it needs an exchange. False: no memory, and the connection is gone.
 */
static bool begin(struct conn *c)
{
    if (c->x)
        return true;
    c->x = proa__exchange_take(c);
    if (c->x)
        return true;
    proa__conn_abort(c);
    return false;
}

/* Bytes came. Empty lines are none of a head: some clients send one behind a body. */
static void began_head(struct conn *c)
{
    if (c->state == CONN_HEAD || proa__http_parser_idle(&c->x->parser))
        return;
    c->state = CONN_HEAD;
    if (c->served || c->secure) /* the first one counts from accept */
        set_deadline(c, c->server->opts.head_timeout);
}

/* Read and parse what is there. True: the connection waits for more; false: a task has it, or it is
 * gone. */
static bool receive(struct conn *c)
{
    size_t size;
    char *scratch = proa__loop_scratch(c->server->loop, &size);

    for (;;) {
        ssize_t n = proa__stream_try_read(c->stream, scratch, size);
        if (n == PROA_EAGAIN)
            return true;
        if (n <= 0) {
            proa__conn_close(c);
            return false;
        }
        proa__server_count(c->server, COUNT_BYTES_IN, n);
        if (!begin(c))
            return false;

        bool complete;
        size_t used = feed(c, scratch, (size_t)n, &complete);
        if (!complete) {
            began_head(c);
            continue;
        }
        if (used < (size_t)n &&
            proa__stream_unread(c->stream, scratch + used, (size_t)n - used) < 0) {
            proa__conn_abort(c);
            return false;
        }
        if (used == (size_t)n)
            proa__exchange_read_done(c->x);
        hand_to_task(c);
        return false;
    }
}

/* Parse what is buffered of the next request: 1 complete, 0 not yet, -1 no memory. */
static int parse_buffered(struct conn *c)
{
    struct proa_str buffered = proa__stream_buffered(c->stream);

    if (!proa__exchange_again(c->x))
        return -1;
    while (buffered.n) {
        bool complete;
        size_t used = feed(c, buffered.p, buffered.n, &complete);
        proa__stream_consume(c->stream, used);
        if (complete)
            return 1;
        buffered = proa__stream_buffered(c->stream);
    }
    return 0;
}

bool proa__conn_next(struct conn *c)
{
    bool more = proa__stream_buffered(c->stream).n > 0;
    int parsed = more ? parse_buffered(c) : 0;

    if (parsed == 1)
        return true;
    if (proa__exchange_flush(c->x) < 0 || parsed < 0) {
        proa__conn_abort(c);
        return false;
    }
    if (c->server->phase != SERVER_SERVING && (!more || proa__http_parser_idle(&c->x->parser))) {
        proa__conn_close(c);
        return false;
    }
    become_idle(c);
    if (more) { /* also half an empty line is known to the parser alone */
        began_head(c);
    } else {
        proa__exchange_give_back(c->x);
        c->x = NULL;
    }
    return false;
}

/* ---- TLS ---- */

static void shake_hands(struct conn *c)
{
    int rc = proa__tls_handshake(c->stream);

    if (rc == PROA_EAGAIN)
        return;
    if (rc < 0) {
        proa__conn_close(c);
        return;
    }
    become_idle(c);
    set_deadline(c, c->server->phase == SERVER_SERVING ? c->server->opts.head_timeout
                                                       : (int64_t)c->server->limits.fresh_time);
    receive(c);
}

/* ---- callbacks ---- */

static void ready(void *arg, unsigned dirs)
{
    struct conn *c = arg;

    switch ((enum conn_state)c->state) {
    case CONN_TLS:
        shake_hands(c);
        return;
    case CONN_IDLE:
    case CONN_HEAD:
        receive(c);
        return;
    case CONN_TASK:
        if ((dirs & STREAM_CLOSED) && !c->gone) {
            c->gone = true;
            proa__exchange_gone(c->x);
        }
        return;
    case CONN_LINGER:
        drop_input(c);
        return;
    }
}

static void count_deadline(struct conn *c)
{
    if (c->state == CONN_TLS)
        proa__server_count(c->server, COUNT_TLS_TIME, 1);
    else if (c->state == CONN_IDLE)
        proa__server_count(c->server, c->served ? COUNT_IDLE_TIME : COUNT_HEAD_TIME, 1);
}

static void deadline(void *arg)
{
    struct conn *c = arg;

    if (c->server->phase == SERVER_SERVING)
        count_deadline(c);
    switch ((enum conn_state)c->state) {
    case CONN_TASK: /* its waits have times of their own */
        return;
    case CONN_HEAD:
        proa__exchange_refuse(c->x, PROA_ECLIENTTIMEDOUT);
        hand_to_task(c);
        return;
    case CONN_TLS:
        proa__conn_abort(c);
        return;
    case CONN_IDLE:
    case CONN_LINGER:
        proa__conn_close(c);
        return;
    }
}

void proa__conn_watch(struct conn *c, bool on)
{
    c->watched = on;
    proa__stream_notify(c->stream, on ? STREAM_CLOSED : 0, on ? ready : NULL, c);
}

void proa__conn_drain(struct conn *c)
{
    if (c->state == CONN_TLS || (c->state == CONN_IDLE && !c->served)) {
        set_deadline(c, (int64_t)c->server->limits.fresh_time);
        return;
    }
    if (c->state != CONN_IDLE)
        return;
    bool readable = proa__stream_bits(c->stream) & STREAM_READ;
    if ((!readable || receive(c)) && c->state == CONN_IDLE)
        proa__conn_close(c);
}

/* A copy of the host of an address: who it is, whichever port or socket it came from. */
static char *host_of(const struct proa_addr *addr)
{
    char text[PROA_ADDR_TEXT];
    bool is_ip = proa_addr_port(addr) >= 0;

    return proa__strdup(is_ip ? proa_addr_format_ip(addr, text) : "unix");
}

struct proa_str proa__conn_peer(struct conn *c)
{
    struct proa_addr addr;

    if (c->peer)
        return proa_str_from(c->peer);
    if (proa_stream_peer(c->stream, &addr) < 0)
        return PROA_STR("");
    c->peer = host_of(&addr);
    return proa_str_from(c->peer);
}

/* ---- the beginning ---- */

static struct conn *new_conn(struct proa_server *server, struct proa_stream *stream, bool secure)
{
    struct conn *c = proa__zalloc(sizeof *c);

    if (!c)
        return NULL;
    c->server = server;
    c->stream = stream;
    c->secure = secure;
    list_push(&server->conns, &c->link);
    server->n_conns++;
    proa__server_count(server, COUNT_ACCEPTED, 1);
    proa__server_count(server, COUNT_OPEN, 1);
    return c;
}

/* Count it against its address; false: there are too many from there, or no memory. */
static bool admit(struct conn *c, const struct proa_addr *peer)
{
    if (c->server->opts.max_per_address == PROA_UNLIMITED || peer->u.sa.sa_family == AF_UNIX)
        return true; /* behind a UNIX socket is a proxy of this machine: all clients would be one */
    c->peer = host_of(peer);
    c->admitted = c->peer && proa__server_admit(c->server, proa_str_from(c->peer));
    return c->admitted;
}

/* Say that there are too many, as far as that costs nothing: a TLS client would have to shake hands
 * first. */
static void turn_away(struct conn *c)
{
    static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
                               "Content-Length: 0\r\nConnection: close\r\n\r\n";

    ssize_t n = c->secure ? 0
                          : proa__stream_try_writev(
                                c->stream, &(struct iovec){(void *)text, sizeof text - 1}, 1);
    if (n > 0)
        proa__server_count(c->server, COUNT_BYTES_OUT, n);
    proa__server_count(c->server, COUNT_PER_ADDRESS, 1);
    proa__conn_close(c);
}

static void start(struct conn *c)
{
    const struct proa_server_opts *o = &c->server->opts;
    bool shakes = c->state == CONN_TLS;

    set_deadline(c, shakes ? o->tls_timeout : o->head_timeout);
    proa__stream_notify(c->stream, STREAM_READ, ready, c);
}

void proa__conn_accept(struct site *site, struct proa_stream *stream, const struct proa_addr *peer)
{
    struct proa_stream *on = stream;

    if (site->tls && proa__tls_server_new(&on, stream, site->tls) < 0)
        return; /* no memory; the lower stream is closed */

    struct conn *c = new_conn(site->server, on, site->tls != NULL);
    if (!c) {
        proa__stream_abort(on);
        return;
    }
    if (!admit(c, peer)) {
        turn_away(c);
        return;
    }
    c->state = site->tls ? CONN_TLS : CONN_IDLE;
    start(c);
}

int proa__conn_begin(struct proa_server *server, struct proa_stream *stream, bool secure)
{
    struct conn *c = new_conn(server, stream, secure);

    if (!c) {
        proa__stream_abort(stream);
        return PROA_ENOMEM;
    }
    c->state = CONN_IDLE;
    start(c);
    return 0;
}
