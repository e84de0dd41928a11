#include "client/session.h"
#include "scripted.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>

#include <stdio.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static struct scene many[40];

/* As many good answers as are asked for, each after a while. */
static void play_many(int64_t after)
{
    for (int i = 0; i < 40; i++)
        many[i] = (struct scene){.says = OK, .after = after};
    play(many, 40);
}

/* ---- keeping connections */

SCRIPTED(a_connection_is_used_again)
{
    OPEN_SESSION(0);
    play_many(0);
    for (int i = 0; i < 5; i++)
        ck_got(FETCH("http://h/"), 200, "ok");
    ck_assert_int_eq(peer.opened, 1);
}

/* L14, L16, HTTP-CONN-13: the origin is scheme, host and port. */
SCRIPTED(another_origin_has_another_connection)
{
    OPEN_SESSION(0);
    play_many(0);
    static const char *const urls[] = {
        "http://h/",     "http://h:81/",          "http://i/",
        "http://[::1]/", "http://[fe80::1%25a]/", "http://[fe80::1%25b]/"};
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 6; i++)
            ck_got(FETCH(urls[i]), 200, "ok");
    ck_assert_int_eq(peer.opened, 6);
    ck_got(FETCH("http://H:80/"), 200, "ok");
    ck_assert_int_eq(peer.opened, 6);
}

SCRIPTED(a_connection_ends_where_either_side_says_so)
{
    OPEN_SESSION(0);
    PLAY({.says = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"},
         {.says = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"}, {.says = OK});
    for (int i = 0; i < 3; i++)
        ck_got(FETCH("http://h/"), 200, "ok");
    settle();
    ck_assert_int_eq(peer.opened, 3);
    ck_assert_int_eq(peer.open, 1);
    proa_session_free(session);
    OPEN_SESSION(.no_keepalive = true);
    PLAY({.says = OK}, {.says = OK});
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_assert_int_eq(peer.opened, 5);
    ck_assert_ptr_nonnull(strstr(peer.heard[0].head, "Connection: close\r\n"));
}

/* U10 */
SCRIPTED(a_response_that_was_not_read_closes_its_connection)
{
    struct proa_client_response *resp = NULL;
    char body[8];

    OPEN_SESSION(0);
    play_many(0);
    ck_ok(proa_session_get(session, &resp, "http://h/", NULL));
    ck_assert_int_eq(proa_client_response_read_some(resp, body, 1), 1);
    proa_client_response_free(resp);
    ck_ok(proa_session_get(session, &resp, "http://h/", NULL));
    ck_assert_int_eq(proa_client_response_read_some(resp, body, 2),
                     2); /* the end is not asked for */
    proa_client_response_free(resp);
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_assert_int_eq(peer.opened, 2);
}

SCRIPTED(a_response_without_body_gives_its_connection_back_at_once)
{
    struct proa_client_response *resp = NULL;

    OPEN_SESSION(.limit = 1);
    PLAY({.says = "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n"}, {.says = OK});
    ck_ok(proa_session_get(session, &resp, "http://h/", NULL));
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_str_eq(proa_client_response_header(resp, "X"), "y");
    proa_client_response_free(resp);
    ck_assert_int_eq(peer.opened, 1);
}

static void ck_idle_for(int64_t ns, const char *head)
{
    char says[200];

    snprintf(says, sizeof says, "HTTP/1.1 200 OK\r\n%sContent-Length: 2\r\n\r\nok", head);
    PLAY({.says = says}, {.says = OK}, {.says = OK});
    ck_got(FETCH("http://h/"), 200, "ok");
    int opened = peer.opened;
    ck_ok(proa_sleep(ns - PROA_MS));
    ck_assert_int_eq(peer.open, 1);
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_assert_int_eq(peer.opened, opened);
    PLAY({.says = says}, {.says = OK});
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_ok(proa_sleep(ns + PROA_MS));
    ck_assert_int_eq(peer.open, 0);
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_assert_int_eq(peer.opened, opened + 1);
    ck_ok(proa_sleep(PROA_HOUR));
}

/* HTTP-CONN-15 */
SCRIPTED(an_idle_connection_is_closed_in_time)
{
    OPEN_SESSION(0);
    ck_idle_for(15 * PROA_SEC, "");
    ck_idle_for(4 * PROA_SEC, "Keep-Alive: timeout=5\r\n");
    ck_idle_for(6 * PROA_SEC, "Keep-Alive: max=100, TIMEOUT=7\r\n");
    ck_idle_for(15 * PROA_SEC, "Keep-Alive: timeout=100\r\n"); /* never longer than ours */
    ck_idle_for(15 * PROA_SEC, "Keep-Alive: timeout=-5\r\n");
    proa_session_free(session);
    OPEN_SESSION(.idle_timeout = PROA_SEC);
    ck_idle_for(PROA_SEC, "");
}

/* LL-40, HTTP-CONN-12: anything at all on an idle connection closes it. */
SCRIPTED(an_idle_connection_on_which_something_happens_is_closed)
{
    OPEN_SESSION(0);
    PLAY({.says = OK, .end = SCENE_FIN}, {.says = OK "x"}, {.says = OK, .end = SCENE_RST});
    for (int i = 0; i < 3; i++) {
        ck_got(FETCH("http://h/"), 200, "ok");
        settle();
        ck_assert_int_eq(peer.open, 0);
        ck_assert_uint_eq(session->pool.open, 0);
    }
}

/* The one used last goes out first, so the others may end. */
SCRIPTED(the_connection_used_last_is_used_first)
{
    struct proa_client_response *a = NULL, *b = NULL;
    char body[8];

    OPEN_SESSION(0);
    play_many(0);
    ck_ok(proa_session_get(session, &a, "http://h/", NULL));
    ck_ok(proa_session_get(session, &b, "http://h/", NULL));
    ck_assert_int_eq(proa_client_response_read_some(b, body, 8), 2);
    ck_assert_int_eq(proa_client_response_read_some(a, body, 8), 2);
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_assert_int_eq(peer.heard[2].connection, 0);
    proa_client_response_free(a);
    proa_client_response_free(b);
}

/* ---- limits */

struct call {
    const char *url;
    int rc;
    int order; /* of its end */
};

static int order;

static int call_task(void *arg)
{
    struct call *call = arg;

    PROA_AUTO(proa_client_response) *resp = NULL;
    PROA_AUTO(proa_buf) body = {0};
    proa_buf_init(&body, PROA_UNLIMITED);
    call->rc = proa_session_get(session, &resp, call->url, NULL);
    if (call->rc == 0)
        call->rc = proa_client_response_read(resp, &body);
    call->order = ++order;
    return 0;
}

static void call_all(struct call *calls, size_t n)
{
    PROA_GROUP(g);
    order = 0;
    for (size_t i = 0; i < n; i++) {
        ck_ok(proa_create_task(&g, call_task, &calls[i]));
        proa_yield();
    }
    ck_ok(proa_group_join(&g));
    for (size_t i = 0; i < n; i++)
        ck_ok(calls[i].rc);
}

SCRIPTED(connections_are_limited_in_all_and_served_in_order)
{
    struct call calls[6] = {{"http://a/", 1, 0}, {"http://b/", 1, 0}, {"http://a/", 1, 0},
                            {"http://c/", 1, 0}, {"http://a/", 1, 0}, {"http://d/", 1, 0}};

    OPEN_SESSION(.limit = 1);
    play_many(PROA_SEC);
    call_all(calls, 6);
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(calls[i].order, i + 1);
    ck_assert_int_eq(peer.opened, 6);
}

SCRIPTED(connections_are_limited_per_origin)
{
    struct call calls[6] = {{"http://a/", 1, 0}, {"http://a/", 1, 0}, {"http://a/", 1, 0},
                            {"http://a/", 1, 0}, {"http://b/", 1, 0}, {"http://a/", 1, 0}};

    OPEN_SESSION(.limit_per_host = 2);
    play_many(PROA_SEC);
    int64_t began = proa_now();
    call_all(calls, 6);
    ck_assert_int_eq(peer.opened, 3);
    ck_assert_int_eq(proa_now() - began, 3 * PROA_SEC); /* b does not wait for a's */
    ck_assert_int_eq(calls[4].order, 3);
}

/* A place goes to the oldest who can use it, though another waits for this very connection. */
SCRIPTED(no_origin_starves_another)
{
    struct call calls[4] = {
        {"http://a/", 1, 0}, {"http://b/", 1, 0}, {"http://a/", 1, 0}, {"http://a/", 1, 0}};

    OPEN_SESSION(.limit = 1);
    play_many(PROA_SEC);
    call_all(calls, 4);
    ck_assert_int_eq(calls[1].order, 2);
}

SCRIPTED(the_idle_connection_used_longest_ago_makes_room)
{
    OPEN_SESSION(.limit = 2);
    play_many(0);
    ck_got(FETCH("http://a/"), 200, "ok");
    ck_got(FETCH("http://b/"), 200, "ok");
    ck_got(FETCH("http://c/"), 200, "ok"); /* in a's place */
    ck_assert_int_eq(peer.opened, 3);
    ck_got(FETCH("http://b/"), 200, "ok");
    ck_assert_int_eq(peer.opened, 3);
    ck_got(FETCH("http://a/"), 200, "ok");
    ck_assert_int_eq(peer.opened, 4);
}

/* Where the origin's own limit is what is in the way, closing others would not help. */
SCRIPTED(nothing_idle_is_closed_in_vain)
{
    struct proa_client_response *open = NULL;
    struct call call = {"http://a/", 1, 0};
    char body[8];

    OPEN_SESSION(.limit = 2, .limit_per_host = 1);
    play_many(0);
    ck_got(FETCH("http://b/"), 200, "ok");
    ck_ok(proa_session_get(session, &open, "http://a/", NULL));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, call_task, &call));
    settle();
    ck_assert_int_eq(call.rc, 1);
    ck_assert_int_eq(peer.open, 2);
    ck_assert_int_eq(proa_client_response_read_some(open, body, 8), 2);
    proa_client_response_free(open);
    ck_ok(proa_group_join(&g));
    ck_ok(call.rc);
    ck_got(FETCH("http://b/"), 200, "ok");
    ck_assert_int_eq(peer.opened, 2);
}

/* U06 */
SCRIPTED(a_cancelled_waiter_passes_its_place_on)
{
    struct proa_client_response *open = NULL;
    struct call first = {"http://a/", 1, 0}, second = {"http://a/", 1, 0};
    char body[8];

    OPEN_SESSION(.limit = 1);
    play_many(0);
    ck_ok(proa_session_get(session, &open, "http://a/", NULL));
    PROA_GROUP(g2);
    {
        PROA_GROUP(g1);
        ck_ok(proa_create_task(&g1, call_task, &first));
        proa_yield();
        ck_ok(proa_create_task(&g2, call_task, &second));
        proa_yield();
        /* the connection is handed to the first, who is cancelled before he runs */
        ck_assert_int_eq(proa_client_response_read_some(open, body, 8), 2);
        proa_group_cancel(&g1);
        proa_group_join(&g1);
    }
    ck_ok(proa_group_join(&g2));
    ck_ok(second.rc);
    ck_err(first.rc, PROA_ECANCELED);
    proa_client_response_free(open);
}

SCRIPTED(a_failed_connect_gives_its_place_back)
{
    OPEN_SESSION(.limit = 1);
    play_many(0);
    peer.refuse = PROA_ECONNREFUSED;
    for (int i = 0; i < 3; i++)
        ck_err(FETCH("http://h/")->rc, PROA_ECONNREFUSED);
    ck_assert_uint_eq(session->pool.open, 0);
    peer.refuse = 0;
    ck_got(FETCH("http://h/"), 200, "ok");
}

/* ---- a model: random calls, delays, failures and cancels; the counts must always agree */

static struct t_random dice;
static bool over;

static size_t length(const struct list *l)
{
    size_t n = 0;

    LIST_FOR_EACH (it, l)
        n++;
    return n;
}

static void ck_pool(void)
{
    const struct conn_pool *p = &session->pool;

    ck_assert_uint_eq(length(&p->idle) + length(&p->busy), p->open);
    ck_assert_uint_le(p->open, 3);
    LIST_FOR_EACH (it, &p->busy) {
        const struct conn_host *h = CONTAINER_OF(it, struct lease, link)->host;
        ck_assert_uint_le(h->open, 2);
        ck_assert_uint_ge(h->users, h->open);
    }
    LIST_FOR_EACH (it, &p->waiters) { /* whoever waits could not be served */
        const struct conn_host *h = CONTAINER_OF(it, struct conn_waiter, wait.link)->host;
        ck_assert(list_empty(&h->idle));
        ck_assert(h->open == 2 || (p->open == 3 && list_empty(&p->idle)));
    }
}

static const char *const model_urls[] = {"http://a/", "http://b/", "http://c/"};

static int one_call(void *arg)
{
    (void)arg;
    PROA_AUTO(proa_client_response) *resp = NULL;
    char body[8];
    int rc = proa_session_get(session, &resp, model_urls[t_random_below(&dice, 3)], NULL);
    ck_pool();
    if (rc == 0 && t_random_below(&dice, 4)) {
        ssize_t n = proa_client_response_read_some(resp, body, 1 + t_random_below(&dice, 3));
        rc = n < 0 ? (int)n : 0;
    }
    ck_pool();
    return rc;
}

static int caller(void *arg)
{
    (void)arg;
    for (int i = 0; i < 60; i++) {
        proa_wait_for(one_call, NULL, (int64_t)t_random_below(&dice, 3000) * PROA_MS);
        ck_pool();
        proa_sleep((int64_t)t_random_below(&dice, 500) * PROA_MS);
    }
    return 0;
}

static int shaker(void *arg)
{
    (void)arg;
    while (!over) {
        peer.n_heard = 0; /* the scenes begin anew */
        peer.connect_time = (int64_t)t_random_below(&dice, 300) * PROA_MS;
        peer.refuse = t_random_below(&dice, 5) ? 0 : PROA_ECONNREFUSED;
        ck_pool();
        proa_sleep(100 * PROA_MS);
    }
    return 0;
}

/* HTTP-CONN-14, U06 */
SCRIPTED(the_places_of_a_pool_always_add_up)
{
    for (int i = 0; i < 40; i++)
        many[i] = (struct scene){.says = OK,
                                 .after = (i % 7) * 150 * PROA_MS,
                                 .end = i % 5 == 0   ? SCENE_FIN
                                        : i % 7 == 0 ? SCENE_RST
                                                     : SCENE_KEEP};
    for (uint64_t seed = 1; seed <= 5; seed++) {
        dice = (struct t_random){seed};
        over = false;
        play(many, 40);
        OPEN_SESSION(.limit = 3, .limit_per_host = 2, .idle_timeout = PROA_SEC);
        {
            PROA_GROUP(g);
            PROA_GROUP(callers);
            ck_ok(proa_create_task(&g, shaker, NULL));
            for (int i = 0; i < 8; i++)
                ck_ok(proa_create_task(&callers, caller, NULL));
            ck_ok(proa_group_join(&callers));
            over = true;
            ck_ok(proa_group_join(&g));
        }
        ck_ok(proa_sleep(PROA_MIN));
        ck_assert_uint_eq(session->pool.open, 0);
        ck_assert_uint_eq(session->pool.hosts.count, 0);
        proa_session_free(session);
        session = NULL;
    }
}

int main(void)
{
    return t_main(
        "pool",
        (const TTest *const[]){
            a_connection_is_used_again, another_origin_has_another_connection,
            a_connection_ends_where_either_side_says_so,
            a_response_that_was_not_read_closes_its_connection,
            a_response_without_body_gives_its_connection_back_at_once,
            an_idle_connection_is_closed_in_time,
            an_idle_connection_on_which_something_happens_is_closed,
            the_connection_used_last_is_used_first,
            connections_are_limited_in_all_and_served_in_order, connections_are_limited_per_origin,
            no_origin_starves_another, the_idle_connection_used_longest_ago_makes_room,
            nothing_idle_is_closed_in_vain, a_cancelled_waiter_passes_its_place_on,
            a_failed_connect_gives_its_place_back, the_places_of_a_pool_always_add_up, NULL});
}
