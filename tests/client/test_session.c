#include "client/session.h"
#include "scripted.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>

#include <stdio.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static bool heard_line(size_t i, const char *line)
{
    char text[300];

    ck_assert_uint_lt(i, peer.n_heard);
    snprintf(text, sizeof text, "\r\n%s\r\n", line);
    return strstr(peer.heard[i].head, text) != NULL;
}

SCRIPTED(a_get_says_what_a_server_needs)
{
    OPEN_SESSION(0);
    PLAY({.says = OK});
    ck_got(FETCH("http://Example.org:8080/x/../a%20b?c=d#top"), 200, "ok");
    ck_assert_str_eq(peer.heard[0].head,
                     "GET /a%20b?c=d HTTP/1.1\r\nHost: example.org:8080\r\nAccept: */*\r\n"
                     "Accept-Encoding: gzip, deflate\r\nUser-Agent: proa/0.1.0\r\n\r\n");
    ck_assert_str_eq(peer.heard[0].origin, "http://example.org:8080");
}

SCRIPTED(a_post_carries_its_body_and_type)
{
    OPEN_SESSION(0);
    PLAY({.says = OK});
    ck_got(fetch("POST", "http://h/",
                 PROA_FETCH_OPTS(.body = PROA_STR("a=b"),
                                 .content_type = "application/x-www-form-urlencoded")),
           200, "ok");
    ck_assert(heard_line(0, "Content-Type: application/x-www-form-urlencoded"));
    ck_assert(heard_line(0, "Content-Length: 3"));
    ck_assert_int_eq(memcmp(peer.heard[0].body, "a=b", 3), 0);
}

/* A field of the request replaces the session's of the same name, however long that is. */
SCRIPTED(fields_of_the_request_replace_those_of_the_session)
{
#define LONG "X-A-Name-That-Is-Longer-Than-Anybody-Would-Think-A-Name-Of-A-Field-Could-Ever-Be"
    PROA_AUTO(proa_headers) defaults = {0};
    PROA_AUTO(proa_headers) own = {0};

    proa_headers_add(&defaults, "X-Both", "session");
    proa_headers_add(&defaults, "X-One", "session");
    proa_headers_add(&defaults, "User-Agent", "test");
    proa_headers_add(&defaults, LONG, "session");
    proa_headers_add(&own, "x-both", "call 1");
    proa_headers_add(&own, "X-Both", "call 2");
    proa_headers_add(&own, LONG, "call");
    OPEN_SESSION(.headers = &defaults);
    PLAY({.says = OK}, {.says = OK});
    ck_got(FETCH("http://h/", .headers = &own), 200, "ok");
    ck_assert(heard_line(0, "x-both: call 1"));
    ck_assert(heard_line(0, "X-Both: call 2"));
    ck_assert(heard_line(0, "X-One: session"));
    ck_assert(heard_line(0, "User-Agent: test"));
    ck_assert(heard_line(0, LONG ": call"));
    ck_assert(!heard_line(0, LONG ": session"));
    ck_assert(!heard_line(0, "X-Both: session"));
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_assert(heard_line(1, "X-Both: session"));
}

SCRIPTED(a_relative_url_is_resolved_against_the_base)
{
    OPEN_SESSION(.base_url = "http://h/api/v1/");
    PLAY({.says = OK}, {.says = OK}, {.says = OK});
    ck_got(FETCH("users?x"), 200, "ok");
    ck_assert_ptr_nonnull(strstr(peer.heard[0].head, "GET /api/v1/users?x HTTP/1.1\r\n"));
    ck_got(FETCH("/users"), 200, "ok");
    ck_assert_ptr_nonnull(strstr(peer.heard[1].head, "GET /users HTTP/1.1\r\n"));
    ck_got(FETCH("http://other/x"), 200, "ok");
    ck_assert_str_eq(peer.heard[2].origin, "http://other");
}

SCRIPTED(what_cannot_be_asked_for_is_refused_before_connecting)
{
    PROA_AUTO(proa_headers) bad = {0};

    proa_headers_add(&bad, "X", "a\nb");
    OPEN_SESSION(0);
    ck_err(FETCH("users")->rc, PROA_EURL);
    ck_err(FETCH("ftp://h/")->rc, PROA_EURL);
    ck_err(FETCH("http://h:99999/")->rc, PROA_EURL);
    ck_err(FETCH("http://h/", .headers = &bad)->rc, PROA_EHEADER);
    ck_assert_int_eq(peer.opened, 0);
    ck_err(fetch("G ET", "http://h/", NULL)->rc, PROA_ESTARTLINE);
    ck_err(fetch("CONNECT", "http://h/", NULL)->rc, PROA_ESTARTLINE);
    ck_assert_uint_eq(peer.n_heard, 0);
}

SCRIPTED(options_that_are_too_new_are_refused)
{
    struct {
        struct proa_session_opts known;
        int more;
    } s = {{.size = sizeof s}, 1};
    struct {
        struct proa_fetch_opts known;
        int more;
    } f = {{.size = sizeof f}, 1};
    struct proa_session *none = NULL;

    ck_err(proa_session_new(&none, &s.known), PROA_E2BIG);
    ck_err(proa_session_new(&none, PROA_SESSION_OPTS(.base_url = "?")), PROA_EURL);
    OPEN_SESSION(0);
    ck_err(fetch("GET", "http://h/", &f.known)->rc, PROA_E2BIG);
}

/* A session that could not be made needs no check of its own. */
SCRIPTED(a_null_session_is_out_of_memory)
{
    struct proa_client_response *resp = NULL;

    ck_err(proa_session_get(NULL, &resp, "http://h/", NULL), PROA_ENOMEM);
    ck_assert_ptr_null(resp);
    proa_session_free(NULL);
    proa_session_close(NULL);
    proa_client_response_free(NULL);
}

SCRIPTED(a_status_of_400_and_above_is_a_failure_on_request)
{
    OPEN_SESSION(0);
    PLAY({.says = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"},
         {.says = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"},
         {.says = "HTTP/1.1 399 Odd\r\nContent-Length: 0\r\n\r\n"},
         {.says = "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"});
    ck_got(FETCH("http://h/"), 404, "");
    ck_err(FETCH("http://h/a", .raise_for_status = true)->rc, PROA_EHTTPSTATUS);
    ck_assert_str_eq(proa_err_detail(PROA_EHTTPSTATUS), "http://h/a: status 404");
    ck_got(FETCH("http://h/", .raise_for_status = true), 399, "");
    ck_err(FETCH("http://h/", .raise_for_status = true)->rc, PROA_EHTTPSTATUS);
}

SCRIPTED(a_response_says_what_came)
{
    PROA_AUTO(proa_client_response) *resp = NULL;
    char body[8];

    OPEN_SESSION(0);
    PLAY({.says = "HTTP/1.1 200 Fine\r\nX: 1\r\nX: 2\r\nContent-Length: 2\r\n\r\nok"});
    ck_ok(proa_session_get(session, &resp, "http://user:pw@h/a", NULL));
    ck_assert_int_eq(proa_client_response_status(resp), 200);
    ck_str_eq(proa_client_response_reason(resp), "Fine");
    ck_str_eq(proa_client_response_header(resp, "x"), "1");
    ck_str_eq(proa_client_response_header(resp, "y"), "");
    ck_assert_uint_eq(proa_headers_count(proa_client_response_headers(resp), "X"), 2);
    ck_assert_str_eq(proa_client_response_url(resp), "http://h/a");
    ck_assert_int_eq(proa_client_response_length(resp), 2);
    ck_assert_uint_eq(proa_client_response_received(resp), 0);
    ck_assert_int_eq(proa_client_response_read_some(resp, body, sizeof body), 2);
    ck_assert_uint_eq(proa_client_response_received(resp), 2);
    ck_assert_int_eq(proa_client_response_read_some(resp, body, sizeof body), 0);
    ck_str_eq(proa_client_response_header(resp, "X"), "1"); /* though its connection went back */
}

/* ---- bodies and their limits */

SCRIPTED(a_body_is_bounded_by_the_buffer_and_by_the_session)
{
    for (size_t limit = 1; limit <= 3; limit++)
        for (int which = 0; which < 2; which++) {
            PROA_AUTO(proa_client_response) *resp = NULL;
            PROA_AUTO(proa_buf) body = {0};
            struct proa_session *s;
            PLAY({.says = OK});
            ck_ok(try_session(&s, PROA_SESSION_OPTS(.max_body = which ? limit : 0)));
            proa_buf_init(&body, which ? PROA_UNLIMITED : limit);
            ck_ok(proa_session_get(s, &resp, "http://h/", NULL));
            ck_err(proa_client_response_read(resp, &body), limit < 2 ? PROA_EMSGSIZE : 0);
            ck_str_eq(proa_buf_str(&body), limit < 2 ? "o" : "ok");
            ck_err(proa_client_response_read(resp, &body), limit < 2 ? PROA_EMSGSIZE : 0);
            proa_session_free(s);
        }
}

/* What is in the buffer already is not the response's. */
SCRIPTED(a_body_is_appended)
{
    PROA_AUTO(proa_client_response) *resp = NULL;
    PROA_AUTO(proa_buf) body = {0};

    OPEN_SESSION(.max_body = 2);
    PLAY({.says = OK});
    proa_buf_init(&body, PROA_UNLIMITED);
    proa_buf_append(&body, "all is ", 7);
    ck_ok(proa_session_get(session, &resp, "http://h/", NULL));
    ck_ok(proa_client_response_read(resp, &body));
    ck_str_eq(proa_buf_str(&body), "all is ok");
}

/* HTTP-FRAME-18, U13 */
SCRIPTED(a_short_body_keeps_what_came)
{
    OPEN_SESSION(0);
    PLAY({.says = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", .end = SCENE_FIN},
         {.says = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
          .end = SCENE_FIN},
         {.says = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", .end = SCENE_RST},
         {.says = "HTTP/1.1 200 OK\r\n\r\nhello", .end = SCENE_FIN});
    for (int i = 0; i < 4; i++) {
        const struct got *got = FETCH("http://h/");
        ck_ok(got->rc);
        ck_err(got->body_rc, i < 2 ? PROA_EHTTPSHORT : i == 2 ? PROA_ECONNRESET : 0);
        ck_assert_str_eq(got->body, "hello");
    }
    ck_assert_int_eq(peer.opened, 4);
}

SCRIPTED(a_cut_read_goes_on_where_it_stopped)
{
    PROA_AUTO(proa_client_response) *resp = NULL;
    PROA_AUTO(proa_buf) body = {0};
    int cuts = 0;
    int rc;

    peer.network = (struct pair_opts){.ba = {.split = 1, .delay = PROA_SEC}};
    OPEN_SESSION(0);
    PLAY({.says = OK});
    proa_buf_init(&body, PROA_UNLIMITED);
    ck_ok(proa_session_get(session, &resp, "http://h/", NULL));
    while ((rc = PROA_WITHIN(300 * PROA_MS, proa_client_response_read(resp, &body))) ==
           PROA_ETIMEDOUT)
        cuts++;
    ck_ok(rc);
    ck_assert_int_ge(cuts, 3);
    ck_str_eq(proa_buf_str(&body), "ok");
}

/* ---- the end of sessions */

SCRIPTED(a_freed_session_closes_open_responses)
{
    struct proa_client_response *open = NULL, *whole = NULL;
    char body[8];

    OPEN_SESSION(0);
    PLAY({.says = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"}, {.says = OK});
    ck_ok(proa_session_get(session, &open, "http://h/", NULL));
    ck_ok(proa_session_get(session, &whole, "http://h/", NULL));
    ck_assert_int_eq(proa_client_response_read_some(whole, body, 2), 2);
    proa_session_free(session);
    session = NULL;
    ck_err(proa_client_response_read_some(open, body, sizeof body), PROA_ECLOSED);
    ck_err(proa_client_response_read_some(open, body, sizeof body), PROA_ECLOSED);
    ck_assert_int_eq(proa_client_response_read_some(whole, body, 2), 0);
    ck_assert_int_eq(proa_client_response_status(open), 200);
    ck_str_eq(proa_client_response_header(open, "Content-Length"), "9");
    proa_client_response_free(open);
    proa_client_response_free(whole);
    settle();
    ck_assert_int_eq(peer.open, 0);
}

struct call {
    int rc;
    int64_t ended;
};

static int get_task(void *arg)
{
    struct call *call = arg;

    call->rc = fetch("POST", "http://h/", PROA_FETCH_OPTS(.body = PROA_STR("hello")))->rc;
    call->ended = proa_now();
    return 0;
}

/* Freed a second after a request began, which is at some place then. */
static void freed_while(void)
{
    struct call call = {1, 0};
    PROA_GROUP(g);

    ck_ok(proa_create_task(&g, get_task, &call));
    ck_ok(proa_sleep(PROA_SEC));
    ck_assert_int_eq(call.rc, 1);
    proa_session_free(session);
    session = NULL;
    int64_t now = proa_now();
    ck_ok(proa_group_join(&g));
    ck_err(call.rc, PROA_ECLOSED);
    ck_assert_int_eq(call.ended, now); /* at once */
}

SCRIPTED(a_freed_session_ends_requests_that_are_connecting)
{
    OPEN_SESSION(0);
    peer.connect_time = 10 * PROA_SEC;
    freed_while();
}

SCRIPTED(a_freed_session_ends_requests_that_are_being_sent)
{
    OPEN_SESSION(0);
    peer.network = (struct pair_opts){.ab = {.capacity = 10, .delay = PROA_MIN}};
    freed_while();
}

SCRIPTED(a_freed_session_ends_requests_that_wait_for_a_response)
{
    OPEN_SESSION(0);
    PLAY({.end = SCENE_SILENT});
    freed_while();
}

SCRIPTED(a_freed_session_ends_requests_that_wait_for_a_connection)
{
    struct proa_client_response *resp = NULL;

    OPEN_SESSION(.limit = 1);
    PLAY({.says = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"});
    ck_ok(proa_session_get(session, &resp, "http://h/", NULL));
    freed_while();
    proa_client_response_free(resp);
}

static int read_task(void *arg)
{
    char body[8];

    ck_assert_int_eq(proa_client_response_read_some(arg, body, sizeof body), 5);
    ck_err(proa_client_response_read_some(arg, body, sizeof body), PROA_ECLOSED);
    return 0;
}

SCRIPTED(a_freed_session_ends_reads)
{
    struct proa_client_response *resp = NULL;
    PROA_GROUP(g);

    OPEN_SESSION(0);
    PLAY({.says = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"});
    ck_ok(proa_session_get(session, &resp, "http://h/", NULL));
    ck_ok(proa_create_task(&g, read_task, resp));
    ck_ok(proa_sleep(PROA_SEC));
    proa_session_free(session);
    session = NULL;
    ck_ok(proa_group_join(&g));
    proa_client_response_free(resp);
}

SCRIPTED(closing_a_session_ends_all_of_it)
{
    struct proa_client_response *open = NULL;
    char body[8];

    OPEN_SESSION(0);
    PLAY({.says = OK}, {.says = OK}, {.says = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"});
    ck_got(FETCH("http://a/"), 200, "ok");
    ck_got(FETCH("http://b/"), 200, "ok");
    ck_ok(proa_session_get(session, &open, "http://c/", NULL));
    ck_assert_int_eq(peer.open, 3);
    proa_session_close(session);
    session = NULL;
    settle();
    ck_assert_int_eq(peer.open, 0);
    ck_err(proa_client_response_read_some(open, body, sizeof body), PROA_ECLOSED);
    proa_client_response_free(open);
}

int main(void)
{
    return t_main("session",
                  (const TTest *const[]){a_get_says_what_a_server_needs,
                                         a_post_carries_its_body_and_type,
                                         fields_of_the_request_replace_those_of_the_session,
                                         a_relative_url_is_resolved_against_the_base,
                                         what_cannot_be_asked_for_is_refused_before_connecting,
                                         options_that_are_too_new_are_refused,
                                         a_null_session_is_out_of_memory,
                                         a_status_of_400_and_above_is_a_failure_on_request,
                                         a_response_says_what_came,
                                         a_body_is_bounded_by_the_buffer_and_by_the_session,
                                         a_body_is_appended,
                                         a_short_body_keeps_what_came,
                                         a_cut_read_goes_on_where_it_stopped,
                                         a_freed_session_closes_open_responses,
                                         a_freed_session_ends_requests_that_are_connecting,
                                         a_freed_session_ends_requests_that_are_being_sent,
                                         a_freed_session_ends_requests_that_wait_for_a_response,
                                         a_freed_session_ends_requests_that_wait_for_a_connection,
                                         a_freed_session_ends_reads,
                                         closing_a_session_ends_all_of_it,
                                         NULL});
}
