#include "scripted.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* A server closes a kept-alive connection at the moment a request goes out on it: U03, U04,
 * HTTP-CONN-11. */

static const struct got *second(const char *method, const struct scene *closes)
{
    static struct scene scenes[3];

    scenes[0] = (struct scene){.says = OK};
    scenes[1] = *closes;
    scenes[2] = (struct scene){.says = OK};
    play(scenes, 3);
    ck_got(FETCH("http://h/first"), 200, "ok");
    return fetch(method, "http://h/second", NULL);
}

static const struct scene fin = {.end = SCENE_FIN};
static const struct scene rst = {.end = SCENE_RST};

SCRIPTED(an_idempotent_request_is_sent_once_more)
{
    static const char *const methods[] = {"GET", "PUT", "DELETE", "OPTIONS", "TRACE"};

    for (int i = 0; i < 10; i++) {
        OPEN_SESSION(0);
        peer.opened = 0;
        ck_got(second(methods[i / 2], i % 2 ? &rst : &fin), 200, "ok");
        ck_assert_int_eq(peer.opened, 2);
        ck_assert_uint_eq(peer.n_heard, 3);
        proa_session_free(session);
        session = NULL;
    }
}

SCRIPTED(another_request_is_not_sent_again)
{
    static const char *const methods[] = {"POST", "PATCH", "PROPPATCH", "get"};

    for (int i = 0; i < 8; i++) {
        OPEN_SESSION(0);
        ck_err(second(methods[i / 2], i % 2 ? &rst : &fin)->rc,
               i % 2 ? PROA_ECONNRESET : PROA_EEOF);
        ck_assert_uint_eq(peer.n_heard, 2);
        proa_session_free(session);
        session = NULL;
    }
}

SCRIPTED(nothing_is_sent_again_where_that_is_switched_off)
{
    OPEN_SESSION(.no_retry = true);
    ck_err(second("GET", &fin)->rc, PROA_EEOF);
    ck_assert_uint_eq(peer.n_heard, 2);
}

SCRIPTED(nothing_is_sent_again_after_a_byte_of_the_response)
{
    OPEN_SESSION(0);
    ck_err(second("GET", &(struct scene){.says = "H", .end = SCENE_FIN})->rc, PROA_EHTTPSHORT);
    ck_assert_uint_eq(peer.n_heard, 2);
    ck_err(second("GET", &(struct scene){.says = "HTTP/1.1 100 Continue\r\n\r\n", .end = SCENE_RST})
               ->rc,
           PROA_ECONNRESET);
    ck_assert_uint_eq(peer.n_heard, 2);
}

SCRIPTED(nothing_is_sent_again_on_a_new_connection)
{
    OPEN_SESSION(0);
    PLAY({.end = SCENE_FIN}, {.says = OK});
    ck_err(FETCH("http://h/")->rc, PROA_EEOF);
    ck_assert_uint_eq(peer.n_heard, 1);
}

SCRIPTED(a_request_is_sent_again_only_once)
{
    OPEN_SESSION(0);
    PLAY({.says = OK}, {.end = SCENE_FIN}, {.end = SCENE_FIN}, {.says = OK});
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_err(FETCH("http://h/")->rc, PROA_EEOF);
    ck_assert_uint_eq(peer.n_heard, 3);
}

SCRIPTED(a_timeout_is_no_closed_connection)
{
    OPEN_SESSION(.first_timeout = PROA_SEC);
    ck_err(second("GET", &(struct scene){.end = SCENE_SILENT})->rc, PROA_EFIRSTBYTETIMEDOUT);
    ck_assert_uint_eq(peer.n_heard, 2);
}

/* The second try takes a new connection, though there may be further idle ones, and its place. */
SCRIPTED(the_second_try_is_made_on_a_new_connection_within_the_limits)
{
    PROA_AUTO(proa_client_response) *a = NULL, *b = NULL;
    char body[8];

    for (int per_host = 0; per_host < 2; per_host++) {
        OPEN_SESSION(.limit = per_host ? 0 : 2, .limit_per_host = per_host ? 2 : 0);
        peer.opened = 0;
        PLAY({.says = OK}, {.says = OK}, {.end = SCENE_FIN}, {.says = OK});
        ck_ok(proa_session_get(session, &a, "http://h/", NULL));
        ck_ok(proa_session_get(session, &b, "http://h/", NULL));
        ck_assert_int_eq(proa_client_response_read_some(a, body, 8), 2);
        ck_assert_int_eq(proa_client_response_read_some(b, body, 8), 2);
        proa_client_response_free(a);
        proa_client_response_free(b);
        a = b = NULL;
        ck_got(FETCH("http://h/"), 200, "ok");
        ck_assert_int_eq(peer.opened, 3);
        ck_assert_int_eq(peer.heard[3].connection, 2);
        proa_session_free(session);
        session = NULL;
        settle();
    }
}

static int get_task(void *arg)
{
    struct proa_client_response *resp = NULL;

    *(int *)arg = proa_session_get(session, &resp, "http://h/waiter", NULL);
    proa_client_response_free(resp);
    return 0;
}

/* Somebody else had waited for the place: the second try gets his connection, used before, too. */
SCRIPTED(a_second_try_on_a_used_connection_is_the_last)
{
    int rc = 1;

    OPEN_SESSION(.limit = 1);
    PLAY({.says = OK}, {.after = PROA_SEC, .end = SCENE_FIN},
         {.says = "HTTP/1.1 204 No Content\r\n\r\n"}, {.end = SCENE_FIN}, {.says = OK});
    ck_got(FETCH("http://h/"), 200, "ok");
    {
        PROA_GROUP(waiter);
        ck_ok(proa_create_task(&waiter, get_task, &rc));
        ck_err(FETCH("http://h/")->rc, PROA_EEOF);
        ck_ok(proa_group_join(&waiter));
    }
    ck_ok(rc);
    ck_assert_uint_eq(peer.n_heard, 4);
    ck_assert_int_eq(peer.heard[3].connection, peer.heard[2].connection);
}

/* What closed while it was idle is not even tried. */
SCRIPTED(a_connection_that_closed_or_spoke_while_idle_is_not_used)
{
    OPEN_SESSION(0);
    PLAY({.says = OK, .end = SCENE_FIN}, {.says = OK "stray"}, {.says = OK, .end = SCENE_RST},
         {.says = OK});
    for (int i = 0; i < 4; i++) {
        ck_got(fetch("POST", "http://h/", NULL), 200, "ok");
        settle();
    }
    ck_assert_int_eq(peer.opened, 4);
}

int main(void)
{
    return t_main("retry",
                  (const TTest *const[]){
                      an_idempotent_request_is_sent_once_more, another_request_is_not_sent_again,
                      nothing_is_sent_again_where_that_is_switched_off,
                      nothing_is_sent_again_after_a_byte_of_the_response,
                      nothing_is_sent_again_on_a_new_connection, a_request_is_sent_again_only_once,
                      a_timeout_is_no_closed_connection,
                      the_second_try_is_made_on_a_new_connection_within_the_limits,
                      a_second_try_on_a_used_connection_is_the_last,
                      a_connection_that_closed_or_spoke_while_idle_is_not_used, NULL});
}
