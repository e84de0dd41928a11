#include "scripted.h"

#include <proa/scope.h>
#include <proa/task.h>

#include <stdio.h>

/* Servers that answer before they have heard all: RFC 9110 10.1.1 and RFC 9112 9.5. */

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define TOO_LARGE "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno"

static char large[300000];

static const struct got *post_large(void)
{
    return fetch("POST", "http://h/", PROA_FETCH_OPTS(.body = {large, sizeof large}));
}

/* HTTP-CONN-18 */
SCRIPTED(a_refusal_stops_the_sending)
{
    OPEN_SESSION(0);
    PLAY({.says = TOO_LARGE, .deaf = true, .end = SCENE_SILENT}, {.says = OK});
    int64_t began = proa_now();
    ck_got(post_large(), 413, "no");
    ck_assert_int_eq(proa_now(), began);
    ck_assert_uint_eq(peer.heard[0].body_n, 0);
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_assert_int_eq(peer.heard[1].connection, 1); /* the first one is cut */
}

SCRIPTED(a_refusal_may_come_byte_by_byte_behind_interim_ones)
{
    OPEN_SESSION(0);
    peer.network = (struct pair_opts){.ba = {.split = 1}};
    PLAY({.says = "HTTP/1.1 102 Processing\r\n\r\n" TOO_LARGE, .deaf = true, .end = SCENE_SILENT});
    ck_got(post_large(), 413, "no");
}

/* The reset that follows a refusal does not hide it. */
SCRIPTED(a_refusal_is_told_though_the_connection_is_lost)
{
    OPEN_SESSION(0);
    PLAY({.says = TOO_LARGE, .deaf = true, .end = SCENE_FIN});
    ck_got(post_large(), 413, "no");
}

/* Who answers while it reads gets all of it. */
SCRIPTED(an_early_answer_that_is_no_refusal_stops_nothing)
{
    OPEN_SESSION(0);
    PLAY({.says = OK, .early = true}, {.says = OK});
    ck_got(post_large(), 200, "ok");
    settle();
    ck_assert_uint_eq(peer.heard[0].body_n, sizeof large);
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_assert_int_eq(peer.heard[1].connection, 0);
}

/* Neither side reads more than it must before it writes: an echo as it comes, with little room. */
SCRIPTED(an_early_answer_as_long_as_the_request_is_held)
{
    static char echo[sizeof large + 100];
    int n = snprintf(echo, sizeof echo, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
                     sizeof large);
    PROA_AUTO(proa_buf) body = {0};
    PROA_AUTO(proa_client_response) *resp = NULL;

    OPEN_SESSION(0);
    PLAY({.says = echo, .n = (size_t)n + sizeof large, .early = true});
    proa_buf_init(&body, PROA_UNLIMITED);
    ck_ok(proa_session_post(session, &resp, "http://h/",
                            PROA_FETCH_OPTS(.body = {large, sizeof large})));
    ck_ok(proa_client_response_read(resp, &body));
    ck_assert_uint_eq(body.n, sizeof large);
    settle();
    ck_assert_uint_eq(peer.heard[0].body_n, sizeof large);
}

SCRIPTED(a_server_that_closes_early_without_a_word_is_told)
{
    OPEN_SESSION(0);
    PLAY({.deaf = true, .end = SCENE_FIN}, {.deaf = true, .end = SCENE_RST});
    int rc = post_large()->rc;
    ck_assert_msg(rc == PROA_EEOF || rc == PROA_EPIPE, "%s", proa_err_name(rc));
    ck_err(post_large()->rc, PROA_ECONNRESET);
}

/* ---- 100-continue */

static struct proa_headers expect;

static const struct got *post_expecting(void)
{
    proa_headers_clear(&expect);
    ck_ok(proa_headers_set(&expect, "Expect", "100-continue"));
    const struct got *got = fetch("POST", "http://h/",
                                  PROA_FETCH_OPTS(.headers = &expect, .body = PROA_STR("hello")));
    proa_headers_fini(&expect);
    return got;
}

SCRIPTED(silence_lets_the_body_follow_after_a_second)
{
    OPEN_SESSION(0);
    PLAY({.says = OK}, {.says = OK});
    int64_t began = proa_now();
    ck_got(post_expecting(), 200, "ok");
    ck_assert_int_eq(proa_now() - began, PROA_SEC);
    ck_assert_uint_eq(peer.heard[0].body_n, 5);
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_assert_int_eq(peer.heard[1].connection, 0);
}

SCRIPTED(a_continue_lets_the_body_follow_at_once)
{
    static const char *const says[] = {"HTTP/1.1 100 Continue\r\n\r\n" OK,
                                       "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.0 100 \r\n\r\n" OK};

    OPEN_SESSION(0);
    for (int i = 0; i < 2; i++) {
        PLAY({.says = says[i], .early = true});
        int64_t began = proa_now();
        ck_got(post_expecting(), 200, "ok");
        ck_assert_int_eq(proa_now(), began);
        settle();
        ck_assert_uint_eq(peer.heard[0].body_n, 5);
    }
}

SCRIPTED(a_continue_may_come_byte_by_byte)
{
    OPEN_SESSION(0);
    peer.network = (struct pair_opts){.ba = {.split = 1, .delay = PROA_MS}};
    PLAY({.says = "HTTP/1.1 100 Continue\r\n\r\n" OK, .early = true});
    int64_t began = proa_now();
    ck_got(post_expecting(), 200, "ok");
    ck_assert_int_lt(proa_now() - began, PROA_SEC);
    ck_assert_uint_eq(peer.heard[0].body_n, 5);
}

/* Another interim response is no word on the body. */
static int post_expecting_rc(void *arg)
{
    (void)arg;
    return post_expecting()->rc;
}

SCRIPTED(an_early_hint_is_no_continue)
{
    OPEN_SESSION(0);
    PLAY({.says = "HTTP/1.1 103 Early Hints\r\n\r\n", .early = true, .end = SCENE_SILENT});
    ck_err(proa_wait_for(post_expecting_rc, NULL, 500 * PROA_MS), PROA_ETIMEDOUT);
    ck_assert_uint_eq(peer.heard[0].body_n, 0);
}

SCRIPTED(a_final_status_instead_of_continue_keeps_the_body_back)
{
    OPEN_SESSION(0);
    PLAY({.says = "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno",
          .deaf = true,
          .end = SCENE_SILENT},
         {.says = OK});
    peer.network = (struct pair_opts){.ba = {.split = 1}};
    ck_got(post_expecting(), 417, "no");
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_assert_int_eq(peer.heard[1].connection, 1); /* who announced a body and sent none is done */
}

SCRIPTED(a_server_may_close_instead_of_continue)
{
    OPEN_SESSION(0);
    PLAY({.deaf = true, .end = SCENE_FIN}, {.says = "HTTP/1.1 1", .deaf = true, .end = SCENE_FIN},
         {.says = "junk\r\n", .deaf = true, .end = SCENE_FIN});
    ck_err(post_expecting()->rc, PROA_EEOF);
    ck_err(post_expecting()->rc, PROA_EHTTPSHORT);
    ck_assert_int_lt(post_expecting()->rc, 0);
}

int main(void)
{
    return t_main("early", (const TTest *const[]){
                               a_refusal_stops_the_sending,
                               a_refusal_may_come_byte_by_byte_behind_interim_ones,
                               a_refusal_is_told_though_the_connection_is_lost,
                               an_early_answer_that_is_no_refusal_stops_nothing,
                               an_early_answer_as_long_as_the_request_is_held,
                               a_server_that_closes_early_without_a_word_is_told,
                               silence_lets_the_body_follow_after_a_second,
                               a_continue_lets_the_body_follow_at_once,
                               a_continue_may_come_byte_by_byte, an_early_hint_is_no_continue,
                               a_final_status_instead_of_continue_keeps_the_body_back,
                               a_server_may_close_instead_of_continue, NULL});
}
