#include "client/connection.h"
#include "scripted.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>

/* ---- whole, and in pieces */

struct answer {
    const char *bytes;
    const char *body;
    int status;
    int64_t length;
    enum {
        KEEPS = 1, /* the connection may be used again */
        ENDS = 2,  /* by the end of the stream */
        HEAD = 4,  /* of a HEAD request */
    } how;
};

static const struct answer answers[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", 200, 5, KEEPS},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nT: "
     "1\r\n\r\n",
     "hello", 200, -1, KEEPS},
    {"HTTP/1.1 200 OK\r\n\r\nhello", "hello", 200, -1, ENDS}, /* HTTP-FRAME-19 */
    {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", 200, 5, 0},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", "hello", 200, 5,
     KEEPS}, /* HTTP-CONN-02 */
    {"HTTP/1.1 200 OK\r\nConnection: x\r\nConnection: CLOSE, keep-alive\r\nContent-Length: "
     "0\r\n\r\n",
     "", 200, 0, 0}, /* HTTP-CONN-01, 03 */
    {"HTTP/1.1 204 No Content\r\n\r\n", "", 204, 0, KEEPS},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "", 304, 0, KEEPS},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "", 200, 0, KEEPS | HEAD},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "", 200, 0, KEEPS | HEAD},
    {"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
     "ok", 200, 2, KEEPS}, /* LL-39 */
    {"HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n", "", 599, 0, KEEPS},
};
#define ANSWERS ((int)(sizeof answers / sizeof answers[0]))

static void check_answer(const struct answer *a, const struct pair_opts *network)
{
    struct wire w;
    struct proa_reply reply;
    char body[64];
    size_t n;

    wire_open(&w, network, NULL);
    wire_ask(&w, a->how & HEAD ? "HEAD" : "GET");
    wire_say(&w, a->bytes);
    if (a->how & ENDS)
        wire_end(&w);
    ck_ok(proa_connection_receive(w.c, &reply));
    ck_assert_int_eq(reply.status, a->status);
    ck_assert_int_eq(reply.length, a->length);
    ck_ok(wire_body(&w, body, sizeof body, &n));
    ck_assert_str_eq(body, a->body);
    ck_assert_uint_eq(proa_connection_received(w.c), strlen(a->bytes));
    ck_assert_int_eq(proa_connection_reusable(w.c), (a->how & KEEPS) != 0);
    wire_close(&w);
}

static int which;

static void pieces_body(void)
{
    const struct answer *a = &answers[which];

    check_answer(a, NULL);
    for (size_t split = 1; split <= strlen(a->bytes); split++)
        check_answer(a, &(struct pair_opts){.ba = {.split = split}});
    check_answer(a, &(struct pair_opts){.ba = {.split = 1, .delay = PROA_MS}});
}

START_TEST(a_response_may_come_in_any_pieces)
{
    which = _i;
    t_run(scripted_frame, (void *)pieces_body);
}
END_TEST

/* HTTP-FRAME-18, LL-42: cut at each byte, in order or by a reset. */
static void check_cut(const struct answer *a, size_t at, enum proa_pair_cut how)
{
    size_t head = strlen(a->bytes) - strlen(a->body); /* where a length is said */
    struct wire w;
    struct proa_reply reply;
    char body[64];
    size_t n = 0;

    wire_open(&w, &(struct pair_opts){.ba = {.cut = how, .cut_at = at}}, NULL);
    if (at == 0 && how == PROA_PAIR_RST) { /* it was reset before anything was sent */
        wire_close(&w);
        return;
    }
    wire_ask(&w, a->how & HEAD ? "HEAD" : "GET");
    wire_say(&w, a->bytes);
    int rc = proa_connection_receive(w.c, &reply);
    if (rc == 0)
        rc = wire_body(&w, body, sizeof body, &n);
    if (how == PROA_PAIR_RST)
        ck_err(rc, PROA_ECONNRESET);
    else
        ck_err(rc, at == 0 ? PROA_EEOF : PROA_EHTTPSHORT);
    if (at > head && a->length > 0) {
        ck_assert_uint_eq(n, at - head);
        ck_assert_int_eq(memcmp(body, a->body, n), 0);
    }
    ck_assert(!proa_connection_reusable(w.c));
    ck_err(proa_connection_receive(w.c, &reply), PROA_ECLOSED);
    wire_close(&w);
}

static void cut_body(void)
{
    const struct answer *a = &answers[which];
    size_t n = strlen(a->bytes);

    for (size_t at = 0; at < n; at++) {
        bool complete = (a->how & ENDS) && at >= n - strlen(a->body);
        check_cut(a, at, PROA_PAIR_RST);
        if (!complete && !strstr(a->bytes, "103")) /* interim heads have tests of their own */
            check_cut(a, at, PROA_PAIR_FIN);
    }
}

START_TEST(a_response_cut_at_any_byte_is_a_typed_failure)
{
    which = _i;
    t_run(scripted_frame, (void *)cut_body);
}
END_TEST

/* LL-42, U13: and what came of the chunks before */
SCRIPTED(chunks_that_came_before_a_bad_one_are_handed_out)
{
    struct wire w;
    struct proa_reply reply;
    char body[64];
    size_t n;

    wire_open(&w, NULL, NULL);
    wire_ask(&w, "GET");
    wire_say(&w,
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\nx\r\n");
    ck_ok(proa_connection_receive(w.c, &reply));
    ck_err(wire_body(&w, body, sizeof body, &n), PROA_EHTTPCHUNK);
    ck_assert_str_eq(body, "abcde");
    wire_close(&w);
}

/* ---- malformed: LL-34 .. LL-43 */

static const struct {
    const char *bytes;
    int rc;
} malformed[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", PROA_EHTTPFRAMING},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", PROA_EHTTPFRAMING},
    {"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n", PROA_EHTTPFRAMING},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
     PROA_EHTTPFRAMING},
    {"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", PROA_EHTTPLINE},
    {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", PROA_EHTTPLINE},
    {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", PROA_EHTTPFIELD},
    {"HTTP/1.1 999 Odd\r\n\r\n", PROA_EHTTPSTATUSLINE},
    {"HTTP/1.1 000 Odd\r\n\r\n", PROA_EHTTPSTATUSLINE},
    {"HTTP/1.1 200 O\001K\r\n\r\n", PROA_EHTTP},
    {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", PROA_EHTTPFRAMING},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", PROA_EHTTPCODING},
    {"HTTP/2.0 200 OK\r\n\r\n", PROA_EHTTPVERSION},
    {"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", PROA_EHTTPSTATUSLINE},
    {"SSH-2.0-OpenSSH_9.2\r\n", 0},
    {"\025\003\001\000\002\002\050", 0},
};

static void malformed_body(void)
{
    for (size_t split = 0; split < 3; split++) {
        struct wire w;
        struct proa_reply reply;

        wire_open(&w, &(struct pair_opts){.ba = {.split = split}}, NULL);
        wire_ask(&w, "GET");
        wire_say(&w, malformed[which].bytes);
        wire_end(&w);
        int rc = proa_connection_receive(w.c, &reply);
        if (malformed[which].rc)
            ck_err(rc, malformed[which].rc);
        ck_assert_msg(rc <= -10400 && rc > -10500, "got %s", proa_err_name(rc));
        ck_assert(!proa_connection_reusable(w.c));
        ck_err(proa_connection_receive(w.c, &reply), PROA_ECLOSED);
        wire_close(&w);
    }
}

START_TEST(a_malformed_response_is_a_typed_failure_and_the_end)
{
    which = _i;
    t_run(scripted_frame, (void *)malformed_body);
}
END_TEST

SCRIPTED(sixteen_interim_responses_are_skipped_and_the_next_refused)
{
    for (int more = 0; more < 2; more++) {
        struct wire w;
        struct proa_reply reply;

        wire_open(&w, NULL, NULL);
        wire_ask(&w, "GET");
        for (int i = 0; i < 16 + more; i++)
            wire_say(&w, "HTTP/1.1 103 Early Hints\r\n\r\n");
        wire_say(&w, "HTTP/1.1 204 No Content\r\n\r\n");
        ck_err(proa_connection_receive(w.c, &reply), more ? PROA_EHTTPINTERIM : 0);
        wire_close(&w);
    }
}

/* HTTP-LIM-01 */
SCRIPTED(the_limits_of_a_head_hold_at_the_limit)
{
    for (int over = 0; over < 2; over++) {
        struct wire w;
        struct proa_reply reply;
        const char *head = "HTTP/1.1 204 No Content\r\nA: b\r\n\r\n";

        wire_open(&w, NULL, PROA_CONNECTION_OPTS(.max_head = strlen(head) - (size_t)over));
        wire_ask(&w, "GET");
        wire_say(&w, head);
        ck_err(proa_connection_receive(w.c, &reply), over ? PROA_EHTTPHEADSIZE : 0);
        wire_close(&w);

        wire_open(&w, NULL, PROA_CONNECTION_OPTS(.max_fields = (size_t)(2 - over)));
        wire_ask(&w, "GET");
        wire_say(&w, "HTTP/1.1 204 No Content\r\nA: b\r\nC: d\r\n\r\n");
        ck_err(proa_connection_receive(w.c, &reply), over ? PROA_EHTTPHEADSIZE : 0);
        wire_close(&w);
    }
}

/* ---- what makes it unusable */

static void exchange(struct wire *w, const char *says)
{
    struct proa_reply reply;

    wire_ask(w, "GET");
    wire_say(w, says);
    ck_ok(proa_connection_receive(w->c, &reply));
    ck_ok(proa_connection_skip(w->c, NULL));
}

/* LL-40, U12, HTTP-CONN-12 */
SCRIPTED(a_byte_that_nobody_asked_for_ends_a_connection)
{
    struct wire w;

    wire_open(&w, NULL, NULL);
    exchange(&w, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    ck_assert(proa_connection_reusable(w.c));
    wire_say(&w, "x");
    ck_assert(!proa_connection_reusable(w.c));
    ck_assert(!proa_connection_reusable(w.c)); /* though the byte has been read */
    wire_close(&w);

    wire_open(&w, NULL, NULL);
    exchange(&w, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok!");
    ck_assert(!proa_connection_reusable(w.c));
    wire_close(&w);
}

/* LL-41, U11: a body where there can be none is not taken for the next response. */
SCRIPTED(a_body_where_there_is_none_ends_a_connection)
{
    static const char *const says[] = {"HTTP/1.1 204 No Content\r\n\r\nbody",
                                       "HTTP/1.1 304 Not Modified\r\n\r\nbody"};

    for (int i = 0; i < 2; i++) {
        struct wire w;
        wire_open(&w, NULL, NULL);
        exchange(&w, says[i]);
        ck_assert(!proa_connection_reusable(w.c));
        wire_close(&w);
    }
}

SCRIPTED(a_server_that_closes_ends_a_connection)
{
    struct wire w;

    wire_open(&w, NULL, NULL);
    exchange(&w, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    wire_end(&w);
    ck_assert(!proa_connection_reusable(w.c));
    wire_close(&w);
}

SCRIPTED(a_response_that_is_not_received_yet_keeps_a_connection_busy)
{
    struct wire w;
    struct proa_reply reply;
    char body[8];

    wire_open(&w, NULL, NULL);
    ck_assert(proa_connection_reusable(w.c));
    wire_ask(&w, "GET");
    ck_assert(!proa_connection_reusable(w.c));
    wire_say(&w, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    ck_ok(proa_connection_receive(w.c, &reply));
    ck_assert(!proa_connection_reusable(w.c));
    ck_assert_int_eq(proa_connection_read(w.c, body, 2), 2);
    ck_assert(proa_connection_reusable(w.c)); /* its end needs no further read */
    wire_close(&w);
}

SCRIPTED(receiving_what_was_not_asked_for_is_refused)
{
    struct wire w;
    struct proa_reply reply;

    wire_open(&w, NULL, NULL);
    ck_err(proa_connection_receive(w.c, &reply), PROA_EINVAL);
    ck_assert(proa_connection_reusable(w.c));
    wire_close(&w);
}

/* LL-31 */
SCRIPTED(nothing_is_sent_or_received_after_the_last_response)
{
    struct wire w;
    struct proa_reply reply;
    PROA_AUTO(proa_prepared) *p = NULL;

    ck_ok(proa_prepared_new(&p, "GET", "http://h/", NULL, PROA_STR("")));
    wire_open(&w, NULL, NULL);
    ck_ok(proa_connection_send_n(w.c, p, 2));
    wire_say(&w, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                 "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    ck_ok(proa_connection_receive(w.c, &reply));
    ck_assert(!reply.keep_alive);
    ck_err(proa_connection_send(w.c, p), PROA_ECLOSED);
    ck_err(proa_connection_receive(w.c, &reply), PROA_EEOF);
    wire_close(&w);
}

/* ---- cancels */

SCRIPTED(a_receive_that_was_cut_goes_on_where_it_stopped)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    struct wire w;
    struct proa_reply reply;
    char body[8];
    size_t n;

    wire_open(&w, NULL, NULL);
    wire_ask(&w, "GET");
    for (const char *p = head; *p; p++) {
        ck_err(PROA_WITHIN(PROA_SEC, proa_connection_receive(w.c, &reply)), PROA_ETIMEDOUT);
        wire_say(&w, (const char[]){*p, 0});
    }
    ck_ok(proa_connection_receive(w.c, &reply));
    wire_say(&w, "hel");
    ck_assert_int_eq(proa_connection_read(w.c, body, sizeof body), 3);
    ck_err(PROA_WITHIN(PROA_SEC, proa_connection_read(w.c, body, sizeof body)), PROA_ETIMEDOUT);
    wire_say(&w, "lo");
    ck_ok(wire_body(&w, body, sizeof body, &n));
    ck_assert_str_eq(body, "lo");
    ck_assert(proa_connection_reusable(w.c));
    wire_close(&w);
}

SCRIPTED(a_send_that_was_cut_ends_the_connection)
{
    struct wire w;
    struct proa_reply reply;
    PROA_AUTO(proa_prepared) *p = NULL;

    ck_ok(proa_prepared_new(&p, "GET", "http://h/", NULL, PROA_STR("")));
    wire_open(&w, &(struct pair_opts){.ab = {.capacity = 10}}, NULL);
    ck_err(PROA_WITHIN(PROA_SEC, proa_connection_send(w.c, p)), PROA_ETIMEDOUT);
    ck_err(proa_connection_send(w.c, p), PROA_ECLOSED);
    ck_err(proa_connection_receive(w.c, &reply), PROA_ECLOSED);
    ck_assert(!proa_connection_reusable(w.c));
    wire_close(&w);
}

/* ---- the rest of the promises */

SCRIPTED(skip_says_how_much_it_dropped)
{
    struct wire w;
    struct proa_reply reply;
    uint64_t n = 7;

    wire_open(&w, NULL, NULL);
    wire_ask(&w, "GET");
    wire_say(&w, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
    ck_ok(proa_connection_receive(w.c, &reply));
    wire_end(&w);
    ck_err(proa_connection_skip(w.c, &n), PROA_EHTTPSHORT);
    ck_assert_uint_eq(n, 5);
    wire_close(&w);
}

SCRIPTED(a_reply_says_what_the_head_said)
{
    struct wire w;
    struct proa_reply reply;

    wire_open(&w, NULL, NULL);
    wire_ask(&w, "GET");
    wire_say(&w, "HTTP/1.0 404 Never heard of it\r\nX: y\r\nContent-Length: 0\r\n\r\n");
    ck_ok(proa_connection_receive(w.c, &reply));
    ck_assert_int_eq(reply.status, 404);
    ck_assert_int_eq(reply.version_minor, 0);
    ck_str_eq(reply.reason, "Never heard of it");
    ck_str_eq(proa_headers_get(reply.headers, "x"), "y");
    ck_assert(!reply.keep_alive);
    wire_close(&w);
}

SCRIPTED(the_times_of_an_exchange_are_told)
{
    struct wire w;
    struct proa_reply reply;
    char body[8];
    size_t n;

    wire_open(&w, NULL, NULL);
    const struct proa_timings *t = proa_connection_timings(w.c);
    ck_ok(proa_sleep(PROA_SEC));
    int64_t began = proa_now();
    wire_ask(&w, "GET");
    ck_assert_int_eq(t->send_begin, began);
    ck_assert_int_eq(t->send_end, began);
    ck_ok(proa_sleep(PROA_SEC));
    wire_say(&w, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
    ck_ok(proa_connection_receive(w.c, &reply));
    ck_assert_int_eq(t->first_byte, began + PROA_SEC);
    ck_assert_int_eq(t->complete, 0);
    ck_ok(proa_sleep(PROA_SEC));
    wire_say(&w, "k");
    ck_ok(wire_body(&w, body, sizeof body, &n));
    ck_assert_int_eq(t->complete, began + 2 * PROA_SEC);
    wire_close(&w);
}

SCRIPTED(a_stream_is_taken_on_failure_too)
{
    struct proa_stream *mine, *its;
    struct proa_connection *c = NULL;
    struct {
        struct proa_connection_opts known;
        int more;
    } newer = {{.size = sizeof newer}, 1};
    char one;

    for (int i = 0; i < 3; i++) {
        ck_ok(proa__pair_new(&mine, &its, NULL));
        ck_err(proa_connection_from_stream_steal(&c, mine,
                                                 i == 0   ? "ftp://h/"
                                                 : i == 1 ? "?"
                                                          : "http://h",
                                                 i == 2 ? &newer.known : NULL),
               i == 2 ? PROA_E2BIG : PROA_EURL);
        ck_assert_int_eq(proa_read(its, &one, 1), 0);
        proa_stream_free(its);
    }
    ck_assert_ptr_null(c);
    proa_connection_free(NULL);
    proa_connection_close(NULL);
}

int main(void)
{
    return t_main_tables(
        "connection",
        (const TTest *const[]){
            chunks_that_came_before_a_bad_one_are_handed_out,
            sixteen_interim_responses_are_skipped_and_the_next_refused,
            the_limits_of_a_head_hold_at_the_limit, a_byte_that_nobody_asked_for_ends_a_connection,
            a_body_where_there_is_none_ends_a_connection, a_server_that_closes_ends_a_connection,
            a_response_that_is_not_received_yet_keeps_a_connection_busy,
            receiving_what_was_not_asked_for_is_refused,
            nothing_is_sent_or_received_after_the_last_response,
            a_receive_that_was_cut_goes_on_where_it_stopped,
            a_send_that_was_cut_ends_the_connection, skip_says_how_much_it_dropped,
            a_reply_says_what_the_head_said, the_times_of_an_exchange_are_told,
            a_stream_is_taken_on_failure_too, NULL},
        (const struct t_table[]){{a_response_may_come_in_any_pieces, ANSWERS},
                                 {a_response_cut_at_any_byte_is_a_typed_failure, ANSWERS},
                                 {a_malformed_response_is_a_typed_failure_and_the_end,
                                  sizeof malformed / sizeof malformed[0]},
                                 {NULL, 0}});
}
