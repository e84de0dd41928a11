#include "scripted.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* Each time that may run out, by its own code, exact under the virtual clock. */

static void ck_late(int rc, int code, int64_t began, int64_t ns)
{
    ck_err(rc, code);
    ck_assert(proa_err_is_timeout(rc));
    ck_assert_int_eq(proa_now() - began, ns);
}

SCRIPTED(connecting_takes_30_seconds_at_most)
{
    peer.connect_time = PROA_HOUR;
    OPEN_SESSION(0);
    int64_t began = proa_now();
    ck_late(FETCH("http://h/")->rc, PROA_ECONNECTTIMEDOUT, began, 30 * PROA_SEC);
    ck_assert_str_eq(proa_err_detail(PROA_ECONNECTTIMEDOUT),
                     "connecting to h took more than 30000 ms");
    proa_session_free(session);
    OPEN_SESSION(.connect_timeout = PROA_SEC);
    began = proa_now();
    ck_late(FETCH("http://h/")->rc, PROA_ECONNECTTIMEDOUT, began, PROA_SEC);
    peer.connect_time = PROA_SEC - 1;
    PLAY({.says = OK});
    ck_got(FETCH("http://h/"), 200, "ok");
}

static char large[300000];

SCRIPTED(a_server_that_takes_no_byte_is_left_after_30_seconds)
{
    OPEN_SESSION(0);
    PLAY({.deaf = true, .end = SCENE_SILENT}, {.deaf = true, .end = SCENE_SILENT});
    int64_t began = proa_now();
    ck_late(fetch("POST", "http://h/", PROA_FETCH_OPTS(.body = {large, sizeof large}))->rc,
            PROA_EWRITETIMEDOUT, began, 30 * PROA_SEC);
    proa_session_free(session);
    OPEN_SESSION(.write_timeout = PROA_SEC);
    began = proa_now();
    ck_late(fetch("POST", "http://h/", PROA_FETCH_OPTS(.body = {large, sizeof large}))->rc,
            PROA_EWRITETIMEDOUT, began, PROA_SEC);
}

/* Each byte that is taken begins the time anew; what is heard meanwhile does not. */
SCRIPTED(a_slow_taker_has_time_and_a_talker_has_not)
{
    peer.network = (struct pair_opts){.ab = {.capacity = 1000, .split = 1000, .delay = PROA_SEC}};
    OPEN_SESSION(.write_timeout = 2 * PROA_SEC);
    PLAY({.says = OK});
    ck_got(fetch("POST", "http://h/", PROA_FETCH_OPTS(.body = {large, 5000})), 200, "ok");
    ck_assert_uint_eq(peer.heard[0].body_n, 5000);

    peer.network = (struct pair_opts){.ba = {.split = 60, .delay = 1500 * PROA_MS}};
    PLAY({.says = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"
                  "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n",
          .deaf = true,
          .end = SCENE_SILENT});
    int64_t began = proa_now();
    ck_late(fetch("POST", "http://other/", PROA_FETCH_OPTS(.body = {large, sizeof large}))->rc,
            PROA_EWRITETIMEDOUT, began, 2 * PROA_SEC);
}

SCRIPTED(the_first_byte_has_a_minute_or_what_is_said)
{
    PLAY({.end = SCENE_SILENT}, {.end = SCENE_SILENT}, {.end = SCENE_SILENT},
         {.says = OK, .after = PROA_HOUR});
    OPEN_SESSION(0);
    int64_t began = proa_now();
    ck_late(FETCH("http://h/")->rc, PROA_EFIRSTBYTETIMEDOUT, began, PROA_MIN);
    proa_session_free(session);
    OPEN_SESSION(.read_timeout = 3 * PROA_SEC);
    began = proa_now();
    ck_late(FETCH("http://h/")->rc, PROA_EFIRSTBYTETIMEDOUT, began, 3 * PROA_SEC);
    ck_assert_str_eq(proa_err_detail(PROA_EFIRSTBYTETIMEDOUT), "h: no response came for 3000 ms");
    proa_session_free(session);
    OPEN_SESSION(.first_timeout = PROA_SEC);
    began = proa_now();
    ck_late(FETCH("http://h/")->rc, PROA_EFIRSTBYTETIMEDOUT, began, PROA_SEC);
    proa_session_free(session);
    OPEN_SESSION(.first_timeout = PROA_FOREVER);
    ck_got(FETCH("http://h/"), 200, "ok");
}

/* From the request sent, not from the receive. */
SCRIPTED(the_first_byte_is_due_from_the_sending_on)
{
    struct wire w;
    struct proa_reply reply;

    wire_open(&w, NULL, PROA_CONNECTION_OPTS(.first_timeout = 10 * PROA_SEC));
    int64_t began = proa_now();
    wire_ask(&w, "GET");
    ck_ok(proa_sleep(4 * PROA_SEC));
    ck_late(proa_connection_receive(w.c, &reply), PROA_EFIRSTBYTETIMEDOUT, began, 10 * PROA_SEC);
    wire_close(&w);
}

/* Of pipelined responses each is due from the end of the one before. */
SCRIPTED(the_next_first_byte_is_due_from_the_end_of_the_response_before)
{
    struct wire w;
    struct proa_reply reply;

    wire_open(&w, NULL, PROA_CONNECTION_OPTS(.first_timeout = 10 * PROA_SEC));
    wire_ask(&w, "GET");
    wire_ask(&w, "GET");
    ck_ok(proa_sleep(8 * PROA_SEC));
    wire_say(&w, "HTTP/1.1 204 No Content\r\n\r\n");
    ck_ok(proa_connection_receive(w.c, &reply));
    int64_t began = proa_now();
    ck_late(proa_connection_receive(w.c, &reply), PROA_EFIRSTBYTETIMEDOUT, began, 10 * PROA_SEC);
    wire_close(&w);
}

SCRIPTED(between_two_pieces_there_is_a_minute_or_what_is_said)
{
    for (int i = 0; i < 3; i++) {
        PLAY({.says = "HTTP/1.1 200 OK\r\nContent-Le", .end = SCENE_SILENT},
             {.says = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", .end = SCENE_SILENT});
        OPEN_SESSION(.read_timeout = i == 0 ? 0 : 7 * PROA_SEC, .first_timeout = PROA_SEC);
        int64_t limit = i == 0 ? PROA_MIN : i == 1 ? 7 * PROA_SEC : 5 * PROA_SEC;
        int64_t own = i == 2 ? limit : 0;
        int64_t began = proa_now();
        ck_late(FETCH("http://h/", .read_timeout = own)->rc, PROA_EREADTIMEDOUT, began, limit);
        began = proa_now();
        const struct got *got = FETCH("http://h/", .read_timeout = own);
        ck_ok(got->rc);
        ck_late(got->body_rc, PROA_EREADTIMEDOUT, began, limit);
        ck_assert_str_eq(got->body, "hello");
        proa_session_free(session);
        session = NULL;
    }
}

/* U08: the time of one request is not that of the next on the same connection. */
SCRIPTED(the_times_of_a_request_end_with_it)
{
    OPEN_SESSION(0);
    PLAY({.says = OK}, {.says = OK, .after = 30 * PROA_SEC});
    ck_got(FETCH("http://h/", .read_timeout = PROA_SEC), 200, "ok");
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_assert_int_eq(peer.opened, 1);
}

/* Nor does any run while the connection is idle. */
SCRIPTED(no_read_time_runs_on_an_idle_connection)
{
    OPEN_SESSION(.read_timeout = PROA_SEC, .idle_timeout = PROA_FOREVER);
    PLAY({.says = OK}, {.says = OK});
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_ok(proa_sleep(PROA_HOUR));
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_assert_int_eq(peer.opened, 1);
}

SCRIPTED(waiting_for_a_connection_has_its_time)
{
    PROA_AUTO(proa_client_response) *open = NULL;

    OPEN_SESSION(.limit = 1, .pool_timeout = 5 * PROA_SEC);
    PLAY({.says = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"});
    ck_ok(proa_session_get(session, &open, "http://h/", NULL));
    int64_t began = proa_now();
    ck_late(FETCH("http://h/")->rc, PROA_EPOOLTIMEDOUT, began, 5 * PROA_SEC);
    ck_late(FETCH("http://other/")->rc, PROA_EPOOLTIMEDOUT, began, 10 * PROA_SEC);
}

/* ---- the total */

SCRIPTED(the_total_covers_connecting_and_waiting)
{
    OPEN_SESSION(.total_timeout = 5 * PROA_SEC);
    peer.connect_time = PROA_HOUR;
    int64_t began = proa_now();
    ck_late(FETCH("http://h/")->rc, PROA_ETOTALTIMEDOUT, began, 5 * PROA_SEC);
    peer.connect_time = 0;
    PLAY({.end = SCENE_SILENT}, {.end = SCENE_SILENT});
    began = proa_now();
    ck_late(FETCH("http://h/")->rc, PROA_ETOTALTIMEDOUT, began, 5 * PROA_SEC);
    began = proa_now();
    ck_late(FETCH("http://h/", .total_timeout = PROA_SEC)->rc, PROA_ETOTALTIMEDOUT, began,
            PROA_SEC);
}

SCRIPTED(the_total_runs_over_redirects_and_on_while_the_body_is_read)
{
    OPEN_SESSION(.total_timeout = 5 * PROA_SEC);
    PLAY({.says = "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
          .after = 2 * PROA_SEC},
         {.says = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
          .after = 2 * PROA_SEC,
          .end = SCENE_SILENT});
    int64_t began = proa_now();
    const struct got *got = FETCH("http://h/");
    ck_ok(got->rc);
    ck_late(got->body_rc, PROA_ETOTALTIMEDOUT, began, 5 * PROA_SEC);
    ck_assert_str_eq(got->body, "hello");
}

/* Time that the program itself lets pass counts too, but what has come is there. */
SCRIPTED(the_total_runs_while_nobody_reads)
{
    PROA_AUTO(proa_client_response) *resp = NULL;
    char body[16];

    OPEN_SESSION(.total_timeout = 5 * PROA_SEC);
    PLAY({.says = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", .end = SCENE_SILENT});
    ck_ok(proa_session_get(session, &resp, "http://h/", NULL));
    ck_ok(proa_sleep(PROA_MIN));
    ck_assert_int_eq(proa_client_response_read_some(resp, body, sizeof body), 5);
    ck_err(proa_client_response_read_some(resp, body, sizeof body), PROA_ETOTALTIMEDOUT);
    ck_err(proa_client_response_read_some(resp, body, sizeof body), PROA_ETOTALTIMEDOUT);
}

/* A deadline of the program around it is its own. */
static int get_silent(void *arg)
{
    (void)arg;
    return FETCH("http://h/")->rc;
}

SCRIPTED(a_timeout_around_a_request_is_no_timeout_of_it)
{
    OPEN_SESSION(.total_timeout = 5 * PROA_SEC);
    PLAY({.end = SCENE_SILENT}, {.end = SCENE_SILENT});
    ck_err(proa_wait_for(get_silent, NULL, PROA_SEC), PROA_ETIMEDOUT);
    ck_err(proa_wait_for(get_silent, NULL, PROA_MIN), PROA_ETOTALTIMEDOUT);
}

int main(void)
{
    return t_main(
        "timeouts",
        (const TTest *const[]){
            connecting_takes_30_seconds_at_most,
            a_server_that_takes_no_byte_is_left_after_30_seconds,
            a_slow_taker_has_time_and_a_talker_has_not, the_first_byte_has_a_minute_or_what_is_said,
            the_first_byte_is_due_from_the_sending_on,
            the_next_first_byte_is_due_from_the_end_of_the_response_before,
            between_two_pieces_there_is_a_minute_or_what_is_said,
            the_times_of_a_request_end_with_it, no_read_time_runs_on_an_idle_connection,
            waiting_for_a_connection_has_its_time, the_total_covers_connecting_and_waiting,
            the_total_runs_over_redirects_and_on_while_the_body_is_read,
            the_total_runs_while_nobody_reads, a_timeout_around_a_request_is_no_timeout_of_it,
            NULL});
}
