/*
 * What the other end can do at once: data and an end, data and a reset, an end, a reset, data; each
 * met by a connection that is idle, one that reads and one that writes. In edge-triggered mode what
 * comes together gives one edge, so each of these hangs if a bit is cleared too early.
 */

#include "net/fd_stream.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/listener.h>
#include <proa/scope.h>
#include <proa/stream.h>

#include <string.h>
#include <sys/socket.h>

enum happening { DATA_FIN, DATA_RST, FIN, RST, DATA, EVENTS };

static struct proa_stream *conn; /* ours */
static int peer;

static void open_conn(void)
{
    struct proa_listener *l;

    ck_ok(proa_listen_tcp(&l, "127.0.0.1", 0, NULL));
    peer = t_peer_connect_port(proa_listener_port(l));
    ck_ok(proa_accept(l, &conn));
    proa_listener_free(l);
}

static void happen(enum happening event)
{
    if (event == DATA_FIN || event == DATA_RST || event == DATA)
        t_peer_say(peer, "data");
    if (event == DATA_FIN || event == FIN)
        t_peer_fin(peer);
    if (event == DATA_RST || event == RST)
        t_peer_rst(peer);
}

static bool is_reset(enum happening event)
{
    return event == DATA_RST || event == RST;
}

static void close_conn(enum happening event)
{
    proa_stream_free(conn);
    if (!is_reset(event))
        t_peer_close(peer);
}

static bool has_data(enum happening event)
{
    return event == DATA_FIN || event == DATA_RST || event == DATA;
}

/* ---- idle: a state machine that reads once for each notification and answers what it reads */

struct server {
    char got[64];
    size_t n;
    int ended; /* notifications that met the end */
    int rc;    /* how reading or answering failed */
    bool busy; /* a handler owns the connection: look away */
};

static void serve(void *arg, unsigned dirs)
{
    struct server *sv = arg;
    struct iovec answer = {.iov_base = (void *)"ok", .iov_len = 2};
    ssize_t got;

    (void)dirs;
    if (sv->busy || sv->ended || sv->rc)
        return;
    got = proa__stream_try_read(conn, sv->got + sv->n, sizeof sv->got - sv->n);
    if (got > 0) {
        sv->n += (size_t)got;
        got = proa__stream_try_writev(conn, &answer, 1);
        if (got > 0)
            proa__stream_notify(conn, STREAM_READ | STREAM_CLOSED, serve, sv);
    } else if (got == 0) {
        sv->ended++;
    }
    if (got < 0 && got != PROA_EAGAIN)
        sv->rc = (int)got;
}

static int idle_body(void *arg)
{
    enum happening event = *(enum happening *)arg;
    struct server sv = {0};

    open_conn();
    proa__stream_notify(conn, STREAM_READ | STREAM_CLOSED, serve, &sv);
    t_turns(3);
    ck_assert_uint_eq(sv.n, 0);
    happen(event);
    t_turns(5);

    ck_str_eq(proa_str_make(sv.got, sv.n), has_data(event) ? "data" : "");
    ck_assert_int_eq(sv.ended, event == FIN || event == DATA_FIN);
    if (is_reset(event))
        ck_assert_msg(sv.rc == PROA_ECONNRESET || sv.rc == PROA_EPIPE, "got %s",
                      proa_err_name(sv.rc));
    else
        ck_assert_int_eq(sv.rc, 0);
    close_conn(event);
    return 0;
}
START_TEST(an_idle_connection_sees_all_of_it)
{
    enum happening event = (enum happening)_i;

    t_run(idle_body, &event);
}
END_TEST

/* ---- data, and more, while a handler owns the connection */

static int handler_body(void *arg)
{
    enum happening event = *(enum happening *)arg;
    struct server sv = {.busy = true};

    open_conn();
    t_peer_say(peer, "first ");
    t_turns(3);
    ck_assert_int_eq(proa__stream_try_read(conn, sv.got, sizeof sv.got), 6);
    sv.n = 6;
    proa__stream_read_done(conn);
    happen(event); /* the handler is at work */
    t_turns(3);
    ck_assert(proa__stream_is_closed(conn) == (event == FIN || event == DATA_FIN));
    sv.busy = false;
    proa__stream_notify(conn, STREAM_READ | STREAM_CLOSED, serve, &sv);
    t_turns(5);

    ck_str_eq(proa_str_make(sv.got, sv.n), has_data(event) ? "first data" : "first ");
    ck_assert_int_eq(sv.ended, event == FIN || event == DATA_FIN);
    if (is_reset(event))
        ck_assert_msg(sv.rc == PROA_ECONNRESET || sv.rc == PROA_EPIPE, "got %s",
                      proa_err_name(sv.rc));
    else
        ck_assert_int_eq(sv.rc, 0);
    close_conn(event);
    return 0;
}
START_TEST(what_comes_during_a_handler_is_seen_after_it)
{
    enum happening event = (enum happening)_i;

    t_run(handler_body, &event);
}
END_TEST

/* ---- reading: a task in the middle of a message */

struct reader {
    char buf[64];
    size_t done;
    int rc;
    bool over;
};

static int read_message(void *arg)
{
    struct reader *r = arg;

    r->rc = proa_read_exact(conn, r->buf, 10, &r->done);
    r->over = true;
    return 0;
}

static int reading_body(void *arg)
{
    enum happening event = *(enum happening *)arg;
    struct reader r = {0};

    open_conn();
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, read_message, &r));
    t_peer_say(peer, "head");
    t_turns(5);
    ck_assert(!r.over);
    happen(event);
    t_turns(5);

    ck_assert(r.over == (event != DATA));
    if (event == DATA) {
        t_peer_say(peer, "!!");
        t_turns(5);
        ck_assert(r.over);
        ck_assert_int_eq(r.rc, 0);
        ck_str_eq(proa_str_make(r.buf, r.done), "headdata!!");
    } else {
        ck_assert_int_eq(r.rc, is_reset(event) ? PROA_ECONNRESET : PROA_EEOF);
        ck_str_eq(proa_str_make(r.buf, r.done), has_data(event) ? "headdata" : "head");
    }
    ck_ok(proa_group_join(&g));
    close_conn(event);
    return 0;
}
START_TEST(a_reader_in_a_message_sees_all_of_it)
{
    enum happening event = (enum happening)_i;

    t_run(reading_body, &event);
}
END_TEST

/* ---- writing: a task whose bytes the peer does not take */

#define BIG ((size_t)16 << 20)

struct writer {
    char *bytes;
    size_t done;
    int rc;
    bool over;
};

static int write_big(void *arg)
{
    struct writer *w = arg;

    w->rc = proa_write(conn, w->bytes, BIG, &w->done);
    w->over = true;
    return 0;
}

/* The peer takes everything. */
static size_t take_all(const struct writer *w)
{
    size_t n = 0;

    for (int i = 0; i < 100000 && !(w->over && n >= w->done); i++) {
        n += t_peer_drain(peer);
        t_turns(1);
    }
    return n;
}

static int writing_body(void *arg)
{
    enum happening event = *(enum happening *)arg;
    static char bytes[BIG];
    struct writer w = {.bytes = bytes};
    char buf[16];
    ssize_t got;

    open_conn();
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, write_big, &w));
    t_turns(5);
    ck_assert(!w.over);
    uint64_t writes = proa__net_counts.writes;
    t_turns(5);
    ck_assert_uint_eq(proa__net_counts.writes, writes); /* it waits, it doesn't try and try */
    happen(event);
    t_turns(5);

    ck_assert(w.over == is_reset(event)); /* an end of the other side stops no writer */
    if (is_reset(event)) {
        ck_assert_msg(w.rc == PROA_ECONNRESET || w.rc == PROA_EPIPE, "got %s", proa_err_name(w.rc));
        ck_assert_uint_lt(w.done, BIG);
    } else {
        ck_assert_uint_eq(take_all(&w), BIG);
        ck_assert_int_eq(w.rc, 0);
    }
    ck_ok(proa_group_join(&g));

    if (has_data(event)) {
        got = proa_read(conn, buf, sizeof buf);
        ck_str_eq(proa_str_make(buf, got > 0 ? (size_t)got : 0), "data");
    }
    if (event == FIN || event == DATA_FIN)
        ck_assert_int_eq(proa_read(conn, buf, sizeof buf), 0);
    if (is_reset(event)) /* the write was told; reading must not take it for an orderly end */
        ck_assert_int_eq(proa_read(conn, buf, sizeof buf), PROA_ECONNRESET);
    close_conn(event);
    return 0;
}
START_TEST(a_writer_and_the_reads_after_it_see_all_of_it)
{
    enum happening event = (enum happening)_i;

    t_run(writing_body, &event);
}
END_TEST

/* ---- what one small request costs */

static int cost_body(void *arg)
{
    struct server sv = {0};

    (void)arg;
    open_conn();
    proa__stream_notify(conn, STREAM_READ | STREAM_CLOSED, serve, &sv);
    t_turns(3);
    proa__net_counts = (struct net_counts){0};
    for (int i = 0; i < 10; i++) {
        t_peer_say(peer, "data");
        t_turns(4);
        t_peer_expect(peer, "ok");
        serve(&sv, 0); /* asked again, with nothing there: no system call */
    }
    ck_assert_uint_eq(proa__net_counts.reads, 10);
    ck_assert_uint_eq(proa__net_counts.writes, 10);
    close_conn(DATA);
    return 0;
}
START_TEST(a_small_request_costs_one_read_and_one_write)
{
    t_run(cost_body, NULL);
}
END_TEST

static int closed_body(void *arg)
{
    struct server sv = {0};

    (void)arg;
    open_conn();
    happen(DATA_FIN);
    t_turns(3);
    ck_assert_int_eq(proa__stream_try_read(conn, sv.got, sizeof sv.got), 4);
    proa__stream_read_done(conn); /* closed is set: the bit has to stay */
    ck_assert_uint_ne(proa__stream_bits(conn) & STREAM_READ, 0);
    ck_assert_int_eq(proa__stream_try_read(conn, sv.got, sizeof sv.got), 0);
    uint64_t reads = proa__net_counts.reads;
    ck_assert_int_eq(proa__stream_try_read(conn, sv.got, sizeof sv.got), 0);
    ck_assert_uint_eq(proa__net_counts.reads, reads); /* the end stays the end */
    close_conn(DATA_FIN);
    return 0;
}
START_TEST(a_short_read_before_the_end_keeps_the_bit)
{
    t_run(closed_body, NULL);
}
END_TEST

/* One reads, does something else meanwhile, and then answers: what came in between is still there.
 */
static int between_body(void *arg)
{
    char got[8];

    (void)arg;
    open_conn();
    t_peer_say(peer, "a");
    ck_assert_int_eq(proa_read(conn, got, sizeof got), 1); /* a short read */
    t_peer_say(peer, "b");
    t_turns(3); /* its edge finds the bit set, and nobody waiting */
    ck_ok(proa_write(conn, "x", 1, NULL));
    ck_assert_int_eq(PROA_WITHIN(5 * PROA_SEC, proa_read(conn, got, sizeof got)), 1);
    ck_assert_int_eq(got[0], 'b');
    close_conn(DATA);
    return 0;
}
START_TEST(what_comes_between_a_short_read_and_a_write_is_seen)
{
    t_run(between_body, NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_small_request_costs_one_read_and_one_write,
        a_short_read_before_the_end_keeps_the_bit,
        what_comes_between_a_short_read_and_a_write_is_seen,
        NULL,
    };
    const struct t_table tables[] = {
        {an_idle_connection_sees_all_of_it, EVENTS},
        {what_comes_during_a_handler_is_seen_after_it, EVENTS},
        {a_reader_in_a_message_sees_all_of_it, EVENTS},
        {a_writer_and_the_reads_after_it_see_all_of_it, EVENTS},
        {NULL, 0},
    };

    return t_main_tables("edge", tests, tables);
}
