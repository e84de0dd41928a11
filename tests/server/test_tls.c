/*
 * A server's TLS in memory: the handshake that holds no stack and has its time, what comes of
 * clients that are cut anywhere, and that HTTP above it is the same however its records are cut.
 */

#include "core/group.h"
#include "core/loop.h"
#include "secured.h"
#include "server/server.h"
#include "support/t_peer.h"

#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GET "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
#define LAST "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"

static struct proa_stream *shake(struct proa_stream *lower)
{
    struct proa_stream *s = NULL;

    ck_ok(
        proa_tls_client(&s, lower, secured.client_ctx, PROA_TLS_OPTS(.server_name = "a.example")));
    return s;
}

/* Bytes of a handshake's beginning that say nothing wrong. */
static const char hello_part[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

static void say_part(struct proa_stream *lower)
{
    ck_ok(proa_write(lower, hello_part, sizeof hello_part - 1, NULL));
    t_turns(3);
}

/* ---- the handshake */

SECURED_TEST(a_handshake_holds_neither_task_nor_stack)
{
    struct proa_loop *loop = proa__loop_current();
    size_t stacks = loop->stacks.n_live;
    size_t blocks = t_alloc_blocks();
    struct proa_stream *lower[10];

    for (int i = 0; i < 10; i++) {
        lower[i] = secured_lower(NULL, NULL);
        say_part(lower[i]);
    }
    ck_assert_uint_eq(proa_server_connections(secured.server), 10);
    ck_assert_uint_eq(loop->stacks.n_live, stacks);
    ck_assert_uint_eq(group_of(secured.server->group)->running, 0);
    ck_assert_uint_eq(secured.server->n_spare, 0); /* nor an exchange */
    for (int i = 0; i < 10; i++)
        proa_abort(lower[i]);
    t_turns(3);
    ck_assert_uint_eq(proa_server_connections(secured.server), 0);
    ck_assert_uint_le(t_alloc_blocks(), blocks);
}

SECURED_TEST(a_handshake_has_15_seconds)
{
    struct proa_stream *lower = secured_lower(NULL, NULL);
    int64_t began = proa_now();

    say_part(lower);
    ck_assert_str_eq(hear_all(lower), "");
    ck_err(heard_end(), PROA_ECONNRESET); /* cut: there is no TLS to say good-bye in */
    ck_assert_int_eq(proa_now() - began, 15 * PROA_SEC);
    proa_abort(lower);
}

/* Bytes now and then do not move the deadline. */
SECURED_TEST(a_handshake_that_trickles_has_the_same_time, .tls_timeout = 3 * PROA_SEC)
{
    struct proa_stream *lower = secured_lower(
        &(struct pair_opts){.ab = {.split = 1, .delay = PROA_SEC}}, NULL);
    struct proa_stream *s = NULL;
    int64_t began = proa_now();

    ck_assert_int_lt(
        proa_tls_client(&s, lower, secured.client_ctx, PROA_TLS_OPTS(.server_name = "a.example")),
        0);
    ck_assert_int_eq(proa_now() - began, 3 * PROA_SEC);
}

/* HTTP-CONN-08 */
SECURED_TEST(after_it_a_head_has_ten_seconds)
{
    struct proa_stream *lower = secured_lower(NULL, NULL);

    ck_ok(proa_sleep(14 * PROA_SEC));
    struct proa_stream *s = shake(lower);
    int64_t began = proa_now();
    ck_assert_str_eq(hear_all(s), "");
    ck_ok(heard_end());
    ck_assert_int_eq(proa_now() - began, 10 * PROA_SEC);
    proa_abort(s);

    s = secured_connect(NULL);
    ck_ok(proa_sleep(9 * PROA_SEC));
    began = proa_now();
    say(s, "GET / HTTP/1.1\r\nHost:"); /* a first byte: from now on it is the head's time */
    ck_assert_int_eq(status_of(hear_all(s)), 408);
    ck_assert_int_eq(proa_now() - began, 10 * PROA_SEC);
    proa_abort(s);
}

SECURED_TEST(an_idle_connection_is_closed_in_order_after_75_seconds)
{
    struct proa_stream *s = secured_connect(NULL);
    int64_t began = proa_now();

    say(s, GET);
    ck_assert_int_eq(responses_in(hear_all(s)), 1);
    ck_ok(heard_end()); /* close_notify: else PROA_ETLSTRUNCATED */
    ck_assert_int_eq(proa_now() - began, 75 * PROA_SEC);
    ck_assert_uint_eq(proa_server_connections(secured.server), 0);
    proa_abort(s);
}

SECURED_TEST(the_last_answer_is_followed_by_the_end_of_tls)
{
    struct proa_stream *s = secured_connect(NULL);

    say(s, LAST);
    ck_assert_int_eq(responses_in(hear_all(s)), 1);
    ck_ok(heard_end());
    proa_abort(s);
    t_turns(3);
    ck_assert_uint_eq(proa_server_connections(secured.server), 0);
}

/* LL-33 the other way round: nobody who speaks plain HTTP is answered in words that he might take
 * for the service's, and nothing is served. */
SECURED_TEST(plain_http_on_a_tls_port_is_closed)
{
    static const char *const said[] = {GET, "POST / HTTP/1.1\r\n", "\r\n\r\n\r\n\r\n",
                                       "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"};

    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        struct proa_stream *lower = secured_lower(NULL, NULL);
        int64_t began = proa_now();
        say(lower, said[i]);
        const char *text = hear_all(lower);
        ck_assert_ptr_null(strstr(text, "HTTP"));
        ck_assert_int_eq(proa_now(), began);
        ck_assert_uint_eq(proa_server_connections(secured.server), 0);
        proa_abort(lower);
    }
    ck_assert_int_eq(secured.calls, 0);
}

/* ---- cut anywhere */

/* One connection whose client's bytes end after `n`. Was it answered? */
static bool answered_with(size_t n, enum proa_pair_cut cut)
{
    struct proa_stream *lower = secured_lower(&(struct pair_opts){.ab = {.cut = cut, .cut_at = n}},
                                              NULL);
    struct proa_stream *s = NULL;
    int64_t began = proa_now();
    bool answered = false;

    secured.calls = 0;
    int rc = proa_tls_client(&s, lower, secured.client_ctx,
                             PROA_TLS_OPTS(.server_name = "a.example"));
    if (rc == 0) {
        size_t done;
        proa_write(s, GET, strlen(GET), &done);
        answered = status_of(hear_all(s)) == 200;
        proa_abort(s);
    }
    t_turns(3);
    ck_assert_msg(proa_server_connections(secured.server) == 0, "a connection cut at %zu stays", n);
    ck_assert_msg(group_of(secured.server->group)->running == 0, "a task is left at %zu", n);
    ck_assert_msg(answered || proa_now() == began, "a connection cut at %zu waits", n);
    return answered;
}

/* How many bytes a client says for its first answer. */
static size_t bytes_of_a_request(void)
{
    size_t few = 0, enough = 4096;

    ck_assert(answered_with(enough, PROA_PAIR_FIN));
    while (enough - few > 1) {
        size_t n = (few + enough) / 2;
        if (answered_with(n, PROA_PAIR_FIN))
            enough = n;
        else
            few = n;
    }
    ck_assert_uint_gt(enough, 300); /* the handshake is among them */
    return enough;
}

static void cut_anywhere(enum proa_pair_cut cut)
{
    size_t n = bytes_of_a_request();

    for (size_t i = 0; i < n; i++) {
        ck_assert(!answered_with(i, cut));
        ck_assert_int_eq(secured.calls, 0);
    }
}

SECURED_TEST(a_client_that_ends_anywhere_leaves_nothing)
{
    cut_anywhere(PROA_PAIR_FIN);
}

SECURED_TEST(a_client_that_is_reset_anywhere_leaves_nothing)
{
    cut_anywhere(PROA_PAIR_RST);
}

/* ---- bodies that are cut: never taken for whole */

enum leave { CUT, NOTIFY, RESET };

static const struct {
    const char *said;
    enum leave leave;
    int rc; /* of reading the body */
} bodies[] = {
    {"Content-Length: 10\r\n\r\nhello", CUT, PROA_ETLSTRUNCATED},
    {"Content-Length: 10\r\n\r\nhello", NOTIFY, PROA_EEOF},
    {"Content-Length: 10\r\n\r\nhello", RESET, PROA_ECONNRESET},
    {"Content-Length: 10\r\n\r\n", CUT, PROA_ETLSTRUNCATED},
    {"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", CUT, PROA_ETLSTRUNCATED},
    {"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", NOTIFY, PROA_EEOF},
    {"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", CUT, PROA_ETLSTRUNCATED},
    {"Transfer-Encoding: chunked\r\n\r\n5\r\nhel", RESET, PROA_ECONNRESET},
    {"Content-Length: 5\r\n\r\nhello", CUT, 0},
    {"Content-Length: 5\r\n\r\nhello", NOTIFY, 0},
    {"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", CUT, 0},
};
enum { BODIES = sizeof bodies / sizeof bodies[0] };

static void leave_by(struct proa_stream *s, enum leave how)
{
    if (how == NOTIFY)
        proa_close(s);
    else if (how == RESET)
        proa_abort(s);
    else
        proa_stream_free(s);
}

SECURED_TEST(a_body_that_is_cut_is_never_whole)
{
    for (int late = 0; late < 2; late++)
        for (size_t i = 0; i < BODIES; i++) {
            struct proa_stream *s = secured_connect(NULL);
            say(s, "POST / HTTP/1.1\r\nHost: a.example\r\n");
            say(s, bodies[i].said);
            secured.body_rc = 1;
            if (late) /* the handler waits for more */
                t_turns(4);
            leave_by(s, bodies[i].leave);
            t_turns(6);
            bool reset = bodies[i].leave == RESET;
            if (late || bodies[i].rc == 0)
                ck_assert_msg(secured.body_rc == bodies[i].rc, "body %zu, late %d: %s, not %s", i,
                              late, proa_err_name(secured.body_rc), proa_err_name(bodies[i].rc));
            else /* the server had something to say yet, or nothing of it has arrived */
                ck_assert_msg(secured.body_rc < 0 || (reset && secured.body_rc == 1),
                              "body %zu: got %d", i, secured.body_rc);
            ck_assert_uint_eq(proa_server_connections(secured.server), 0);
        }
}

/* ---- records */

SECURED_TEST(a_request_may_lie_in_any_number_of_records)
{
    for (size_t size = 1; size <= strlen(LAST); size++)
        for (int turns = 0; turns < 2; turns++) {
            struct proa_stream *s = secured_connect(NULL);
            for (size_t at = 0; at < strlen(LAST); at += size) {
                size_t n = strlen(LAST) - at;
                ck_ok(proa_write(s, &LAST[at], n < size ? n : size, NULL)); /* one record */
                t_turns(turns);
            }
            ck_assert_str_eq(body_of(hear_all(s)), "hello");
            ck_ok(heard_end());
            proa_abort(s);
        }
}

SECURED_TEST(records_may_come_in_any_number_of_pieces)
{
    static const size_t pieces[] = {1, 2, 5, 21, 100};

    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct proa_stream *s = secured_connect(
            &(struct pair_opts){.ab.split = pieces[i], .ba = {.split = pieces[i], .capacity = 50}});
        say(s, LAST);
        ck_assert_str_eq(body_of(hear_all(s)), "hello");
        ck_ok(heard_end());
        proa_abort(s);
    }
}

enum { MANY = 16 };

SECURED_TEST(pipelined_requests_are_answered_in_order)
{
    for (int records = 0; records < 2; records++) {
        static char all[MANY * 100];
        struct proa_stream *s = secured_connect(NULL);
        size_t n = 0;
        for (int i = 0; i < MANY; i++) {
            size_t from = n;
            n += (size_t)sprintf(
                all + n, "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\n%02d", i);
            if (records) /* each in one of its own */
                ck_ok(proa_write(s, all + from, n - from, NULL));
        }
        if (!records)
            ck_ok(proa_write(s, all, n, NULL));
        ck_ok(proa_shutdown(s));
        const char *text = hear_all(s);
        ck_ok(heard_end());
        for (int i = 0; i < MANY; i++) {
            text = strstr(text, "\r\n\r\n");
            ck_assert_ptr_nonnull(text);
            text += 4;
            ck_assert_int_eq(atoi(text), i);
        }
        ck_assert_str_eq(text, "15");
        proa_abort(s);
    }
}

/* Both directions full of records that do not fit at once. */
SECURED_TEST(a_large_body_goes_both_ways)
{
    static char large[300000];
    struct proa_stream *s = secured_connect(
        &(struct pair_opts){.ab.capacity = 5000, .ba.capacity = 3000});

    memset(large, 'x', sizeof large);
    say(s, "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 300000\r\nConnection: "
           "close\r\n\r\n");
    ck_ok(proa_write(s, large, sizeof large, NULL));
    const char *body = body_of(hear_all(s));
    ck_ok(heard_end());
    ck_assert_uint_eq(strspn(body, "x"), sizeof large);
    ck_assert_uint_eq(secured.body_n, sizeof large);
    proa_abort(s);
}

/* close_notify behind the request: the client says no more, and is answered. */
SECURED_TEST(who_ends_his_side_is_answered)
{
    struct proa_stream *s = secured_connect(NULL);

    say_all(s, GET, strlen(GET));
    ck_assert_str_eq(body_of(hear_all(s)), "hello");
    ck_ok(heard_end());
    proa_abort(s);
}

int main(void)
{
    t_openssl_apart();
    return t_main("tls", (const TTest *const[]){
                             a_handshake_holds_neither_task_nor_stack,
                             a_handshake_has_15_seconds,
                             a_handshake_that_trickles_has_the_same_time,
                             after_it_a_head_has_ten_seconds,
                             an_idle_connection_is_closed_in_order_after_75_seconds,
                             the_last_answer_is_followed_by_the_end_of_tls,
                             plain_http_on_a_tls_port_is_closed,
                             a_client_that_ends_anywhere_leaves_nothing,
                             a_client_that_is_reset_anywhere_leaves_nothing,
                             a_body_that_is_cut_is_never_whole,
                             a_request_may_lie_in_any_number_of_records,
                             records_may_come_in_any_number_of_pieces,
                             pipelined_requests_are_answered_in_order,
                             a_large_body_goes_both_ways,
                             who_ends_his_side_is_answered,
                             NULL,
                         });
}
