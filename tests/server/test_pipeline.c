#include "net/stream.h"
#include "served.h"

#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Requests one behind the other: what is held back of their responses, and how far the server reads
 * ahead. HTTP-CONN-05, A40 */

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define LAST(path) "GET " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

enum { HOLD = 16 * 1024 }; /* EXCHANGE_HOLD */

static struct proa_stream *client;
static char left[1 << 20]; /* what the client has had of the server */
static size_t n_left;
static size_t seen[512]; /* n_left at the beginning of the n-th handler */
static int handled;
static size_t body_size;

/* Take what has left the server by now; without waiting. */
static void look(void)
{
    ssize_t n;

    while ((n = proa__stream_try_read(client, left + n_left, sizeof left - n_left)) > 0)
        n_left += (size_t)n;
}

static int answers(struct proa_request *req, struct proa_response *resp, void *arg)
{
    static char body[100000];

    (void)req;
    (void)arg;
    look();
    seen[handled++] = n_left;
    memset(body, 'x', body_size);
    return proa_response_static(resp, 200, "text/plain", body, body_size);
}

/* As answers, but the client is left to itself. */
static int big(struct proa_request *req, struct proa_response *resp, void *arg)
{
    static char body[60000];

    (void)req;
    (void)arg;
    memset(body, 'x', sizeof body);
    return proa_response_static(resp, 200, "text/plain", body, sizeof body);
}

static int64_t nap;

static int sleeps(struct proa_request *req, struct proa_response *resp, void *arg)
{
    int rc = proa_sleep(nap);

    (void)req;
    (void)arg;
    handled++;
    return rc < 0 ? rc : proa_response_text(resp, 200, "slept");
}

static int reads(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;
    int rc = proa_request_read_body(req, &body);

    (void)arg;
    return rc < 0 ? rc : proa_response_static(resp, 200, "text/plain", body.p, body.n);
}

static int breaks(struct proa_request *req, struct proa_response *resp, void *arg)
{
    int rc = proa_response_start(resp, 200, "text/x-broken");

    (void)req;
    (void)arg;
    return rc < 0 ? rc : PROA_ENOENT;
}

static int insists(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;

    (void)resp;
    (void)arg;
    proa_request_read_body(req, &body);
    return proa_request_read_body(req, &body);
}

/* The head of its answer, and then the request's body. */
static int starts(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;
    int rc = proa_response_start(resp, 200, "text/plain");

    (void)arg;
    return rc < 0 ? rc : proa_request_read_body(req, &body);
}

static struct proa_app *make_app(void)
{
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/", answers, NULL);
    proa_app_get(app, "/big", big, NULL);
    proa_app_get(app, "/sleep", sleeps, NULL);
    proa_app_post(app, "/read", reads, NULL);
    proa_app_get(app, "/breaks", breaks, NULL);
    proa_app_post(app, "/insists", insists, NULL);
    proa_app_post(app, "/starts", starts, NULL);
    handled = 0;
    n_left = 0;
    body_size = 10;
    nap = PROA_SEC;
    return app;
}

#define SERVED(name) SERVED_TEST(name, make_app)

/* One that is wide enough for all that a test sends and gets. */
static void connect_wide(struct proa_server *server)
{
    client = served_connect(server,
                            &(struct pair_opts){.ab.capacity = 1 << 18, .ba.capacity = 1 << 20});
}

static void say_many(const char *request, int n, const char *last)
{
    for (int i = 0; i < n; i++)
        say(client, request);
    say(client, last);
}

/* ---- holding */

SERVED(small_responses_leave_together)
{
    connect_wide(server);
    say_many(GET("/"), 9, LAST("/"));
    proa_sleep(PROA_SEC);
    look();
    for (int i = 0; i < 10; i++)
        ck_assert_uint_eq(seen[i], 0);
    left[n_left] = 0;
    ck_assert_int_eq(responses_in(left), 10);
    proa_abort(client);
}

/* However many requests there are, no more than the bound is held, and one response. */
SERVED(no_more_is_held_than_the_bound)
{
    connect_wide(server);
    body_size = 900;
    say_many(GET("/"), 199, LAST("/"));
    proa_sleep(PROA_SEC);
    look();
    ck_assert_int_eq(handled, 200);
    size_t one = n_left / 200;
    for (int i = 0; i < 200; i++)
        ck_assert_uint_le((size_t)i * one, seen[i] + HOLD + one);
    ck_assert_uint_eq(seen[10], 0);
    ck_assert_uint_gt(seen[30], 0);
    left[n_left] = 0;
    ck_assert_int_eq(responses_in(left), 200);
    proa_abort(client);
}

/* How much has left when the second handler runs, if the first response is `total` bytes. */
static size_t left_after(struct proa_server *server, size_t total)
{
    handled = 0;
    n_left = 0;
    connect_wide(server);
    body_size = 10000;
    say(client, GET("/"));
    proa_sleep(PROA_SEC);
    look();
    size_t head = n_left - body_size; /* lengths of five digits all of them */
    body_size = total - head;
    n_left = 0;
    say_many(GET("/"), 1, LAST("/"));
    proa_sleep(PROA_SEC);
    ck_assert_int_eq(handled, 3);
    proa_abort(client);
    return seen[2];
}

SERVED(the_bound_of_what_is_held)
{
    ck_assert_uint_eq(left_after(server, HOLD - 1), 0);
    ck_assert_uint_eq(left_after(server, HOLD), HOLD);
}

SERVED(a_large_response_takes_those_before_it_along)
{
    connect_wide(server);
    say(client, GET("/") GET("/"));
    proa_sleep(PROA_SEC);
    look();
    ck_assert_int_eq(handled, 2);
    handled = 0;
    n_left = 0;
    body_size = 60000;
    say(client, GET("/none") GET("/") LAST("/none"));
    proa_sleep(PROA_SEC);
    look();
    left[n_left] = 0;
    ck_assert_uint_eq(seen[0], 0); /* the 404 was held */
    ck_assert_int_eq(responses_in(left), 3);
    ck_assert_int_eq(status_of(left), 404);
    ck_assert_ptr_nonnull(strstr(left, "Content-Length: 60000\r\n"));
    proa_abort(client);
}

/* What is held and half sent when the writer waits is not sent again. */
SERVED(a_slow_reader_gets_what_was_held_once)
{
    size_t sizes[2];

    for (int slow = 0; slow < 2; slow++) {
        struct proa_stream *s = served_connect(
            server, &(struct pair_opts){.ba.capacity = slow ? 100 : 1 << 20});
        client = s;
        say(s, GET("/none") GET("/sleep") GET("/none")
                   GET("/none") "POST /read HTTP/1.1\r\n"
                                "Host: h\r\nContent-Length: 5\r\n\r\n1234");
        proa_sleep(PROA_SEC);
        say(s, "5" GET("/none") LAST("/big"));
        ck_assert_int_eq(responses_in(hear_all(s)), 7);
        sizes[slow] = heard_n();
        proa_abort(s);
    }
    ck_assert_uint_eq(sizes[0], sizes[1]);
}

/* ---- what is held leaves */

SERVED(half_a_request_holds_nothing_back)
{
    connect_wide(server);
    say(client, GET("/") "GET / HTTP/1.1\r\nHo");
    ck_assert_int_eq(status_of(hear_some(client)), 200);
    say(client, "st: h\r\nConnection: close\r\n\r\n");
    ck_assert_int_eq(status_of(hear_all(client)), 200);
    proa_abort(client);
}

SERVED(an_empty_line_holds_nothing_back)
{
    connect_wide(server);
    say(client, GET("/") "\r\n");
    ck_assert_int_eq(status_of(hear_some(client)), 200);
    say(client, LAST("/"));
    ck_assert_int_eq(status_of(hear_all(client)), 200);
    proa_abort(client);
}

SERVED(a_response_leaves_before_the_next_body_is_waited_for)
{
    connect_wide(server);
    say(client, GET("/") "POST /read HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab");
    ck_assert_int_eq(status_of(hear_some(client)), 200);
    say(client, "cd" LAST("/none"));
    const char *text = hear_all(client);
    ck_assert_int_eq(strncmp(body_of(text), "abcd", 4), 0);
    ck_assert_int_eq(responses_in(text), 2);
    proa_abort(client);
}

/* "100 Continue" is for the second request: the first one's response goes before it. */
SERVED(a_response_leaves_before_continue)
{
    connect_wide(server);
    say(client, GET("/") "POST /read HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                         "Content-Length: 4\r\n\r\n");
    const char *text = hear_some(client);
    ck_assert_int_eq(status_of(text), 200);
    ck_assert_str_eq(body_of(text), "xxxxxxxxxxHTTP/1.1 100 Continue\r\n\r\n");
    say(client, "abcd");
    ck_assert_str_eq(body_of(hear_some(client)), "abcd");
    proa_abort(client);
}

/* The request that it answers may not be one to be made twice. */
SERVED(a_held_response_is_not_lost_when_the_next_one_fails)
{
    log_keep();
    connect_wide(server);
    say(client, GET("/") GET("/breaks") GET("/"));
    const char *text = hear_all(client);
    ck_err(heard_end(), PROA_ECONNRESET);
    ck_assert_int_eq(status_of(text), 200);
    ck_assert_ptr_nonnull(strstr(text, "xxxxxxxxxx"));
    ck_assert_int_eq(handled, 1);
    proa_abort(client);
}

SERVED(a_held_response_is_not_lost_when_the_next_body_is_cut_short)
{
    static const char all[] = GET(
        "/") "POST /read HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab";

    connect_wide(server);
    say_all(client, all, sizeof all - 1);
    const char *text = hear_all(client);
    ck_assert_int_eq(status_of(text), 200);
    ck_assert_int_eq(responses_in(text), 1);
    proa_abort(client);
}

/* As much of it as there was no room for at once; whether the body is read, once or again, or
 * only dropped. */
SERVED(nor_is_what_the_client_has_yet_to_make_room_for)
{
    static const char *const paths[] = {"/read", "/insists", "/none"};

    for (int i = 0; i < 3; i++) {
        char all[256];
        int n = snprintf(all, sizeof all,
                         GET("/") "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab",
                         paths[i]);
        client = served_connect(server, &(struct pair_opts){.ba.capacity = 50});
        body_size = 1000;
        say_all(client, all, (size_t)n);
        proa_sleep(PROA_SEC);
        const char *text = hear_all(client);
        ck_assert_int_eq(heard_end(), 0);
        ck_assert_int_eq(responses_in(text), 1 + i / 2);
        ck_assert_uint_ge(strspn(body_of(text), "x"), 1000);
        proa_abort(client);
    }
}

/* Part of a response must not look like all of it. */
SERVED(a_head_without_its_body_is_cut_though_the_client_ended)
{
    static const char all[] = "POST /starts HTTP/1.0\r\nContent-Length: 4\r\n\r\nab";

    connect_wide(server);
    say_all(client, all, sizeof all - 1);
    ck_assert_int_eq(status_of(hear_all(client)), 200);
    ck_err(heard_end(), PROA_ECONNRESET);
    proa_abort(client);
}

SERVED(a_held_response_is_not_lost_when_the_next_request_is_malformed)
{
    connect_wide(server);
    say(client, GET("/") "BAD\r\n\r\n");
    const char *text = hear_all(client);
    ck_assert_int_eq(heard_end(), 0);
    ck_assert_int_eq(responses_in(text), 2);
    ck_assert_int_eq(status_of(text), 200);
    ck_assert_ptr_nonnull(strstr(text, "HTTP/1.1 400"));
    proa_abort(client);
}

/* ---- reading ahead: A40 */

/* While a handler sleeps the server takes what one read brings and no more: the client's writes
 * wait. */
SERVED(requests_are_not_read_ahead_while_a_handler_sleeps)
{
    static const char one[] = GET("/sleep");
    enum { N = 4000 };
    struct proa_stream *s = served_connect(server, &(struct pair_opts){.ab.capacity = 4096});
    static char all[N * sizeof one];
    size_t n = 0;
    size_t at = 0;

    for (int i = 0; i < N; i++)
        n += (size_t)sprintf(all + n, "%s", one);
    nap = 1000 * PROA_SEC;
    size_t before = t_alloc_bytes();
    for (int turn = 0; turn < 100; turn++) {
        struct iovec iov = {all + at, n - at};
        ssize_t took = proa__stream_try_writev(s, &iov, 1);
        if (took > 0)
            at += (size_t)took;
        proa_sleep(PROA_MS);
    }
    ck_assert_int_eq(handled, 0);
    ck_assert_uint_le(at, 4096 + 16384 + 4096);
    ck_assert_uint_le(t_alloc_bytes(), before + 32768);
    proa_abort(s);
    proa_sleep(2000 * PROA_SEC);
    ck_assert_int_le(handled, 16384 / (int)sizeof one + 1);
}

SERVED(thousands_of_requests_are_answered_in_order)
{
    enum { N = 2000 };
    char *all = malloc(N * 64);
    size_t n = 0;

    for (int i = 0; i < N; i++)
        n += (size_t)sprintf(all + n,
                             "POST /read HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n%05d", i);
    connect_wide(server);
    say_all(client, all, n);
    const char *text = hear_all(client);
    for (int i = 0; i < N; i++) {
        char number[16];
        snprintf(number, sizeof number, "\r\n\r\n%05d", i);
        text = strstr(text, number);
        ck_assert_ptr_nonnull(text);
    }
    free(all);
    proa_abort(client);
}

int main(void)
{
    return t_main(
        "pipeline",
        (const TTest *const[]){
            small_responses_leave_together, no_more_is_held_than_the_bound,
            the_bound_of_what_is_held, a_large_response_takes_those_before_it_along,
            a_slow_reader_gets_what_was_held_once, half_a_request_holds_nothing_back,
            an_empty_line_holds_nothing_back, a_response_leaves_before_the_next_body_is_waited_for,
            a_response_leaves_before_continue, a_held_response_is_not_lost_when_the_next_one_fails,
            a_held_response_is_not_lost_when_the_next_body_is_cut_short,
            nor_is_what_the_client_has_yet_to_make_room_for,
            a_head_without_its_body_is_cut_though_the_client_ended,
            a_held_response_is_not_lost_when_the_next_request_is_malformed,
            requests_are_not_read_ahead_while_a_handler_sleeps,
            thousands_of_requests_are_answered_in_order, NULL});
}
