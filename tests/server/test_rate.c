#include "served.h"

#include <proa/counters.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <string.h>

/* How slowly the body of a request may come: 240 bytes for each second of waiting, 20 s are free as
 * one silence is. The clock is virtual, so each second is exact. */

static int reads(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;
    int rc = proa_request_read_body(req, &body);

    (void)arg;
    return rc < 0 ? rc : proa_response_textf(resp, 200, "%zu", body.n);
}

static int reads_late(struct proa_request *req, struct proa_response *resp, void *arg)
{
    char byte;
    int n = 0;

    (void)arg;
    for (ssize_t got = 1; got > 0; n++) {
        ck_ok(proa_sleep(10 * PROA_SEC));
        got = proa_request_read(req, &byte, 1);
        if (got < 0)
            return (int)got;
    }
    return proa_response_textf(resp, 200, "%d", n - 1);
}

/* Gives up after a second, and tries again. */
static int reads_impatiently(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;
    int rc;

    (void)arg;
    do
        rc = PROA_WITHIN(PROA_SEC, proa_request_read_body(req, &body));
    while (rc == PROA_ETIMEDOUT);
    return rc < 0 ? rc : proa_response_textf(resp, 200, "%zu", body.n);
}

static struct proa_server *server;
static struct proa_app *app;
static struct proa_stream *client;

static void open_client(const struct proa_server_opts *opts)
{
    ck_ok(proa_app_new(&app, NULL));
    proa_app_post(app, "/", reads, NULL);
    proa_app_post(app, "/late", reads_late, NULL);
    proa_app_post(app, "/impatient", reads_impatiently, NULL);
    proa_app_route(app, "POST", "/slow", reads, NULL, PROA_ROUTE_OPTS(.slow_body = true));
    server = served_start(app, opts);
    client = served_connect(server, NULL);
}

static void close_client(void)
{
    proa_abort(client);
    served_end(server, app);
}

/* So many bytes after so long. */
static void after(int64_t ns, size_t n)
{
    static const char bytes[4096];

    ck_ok(proa_sleep(ns));
    proa_write(client, bytes, n, NULL); /* refused, perhaps; the response tells */
}

static int64_t broken(void)
{
    return proa_counter_read(proa_counter_register("server_limit_body_rate"));
}

static void expect(int status)
{
    const char *text = hear_all(client);

    ck_assert_int_eq(status_of(text), status);
    ck_assert_int_eq(broken(), status == 408);
    if (status == 408)
        ck_assert_ptr_nonnull(strstr(text, "Connection: close\r\n"));
    close_client();
}

#define HEAD(path, n) "POST " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: " n
#define BODY(name)                                                                                 \
    static int name##_body(void *arg);                                                             \
    START_TEST(name)                                                                               \
    {                                                                                              \
        t_run(name##_body, NULL);                                                                  \
    }                                                                                              \
    END_TEST                                                                                       \
    static int name##_body(void *arg)

/* ---- what is free */

BODY(a_byte_a_second_is_a_408_after_21)
{
    int64_t began;

    (void)arg;
    open_client(NULL);
    began = proa_now();
    say(client, HEAD("/", "100\r\n\r\n"));
    for (int i = 0; i < 21; i++)
        after(PROA_SEC, 1);
    const char *text = hear_all(client);
    ck_assert_int_eq(status_of(text), 408);
    ck_assert_int_ge(proa_now() - began, 21 * PROA_SEC);
    ck_assert_int_lt(proa_now() - began, 24 * PROA_SEC); /* what is still sent is heard a while */
    ck_assert_int_eq(broken(), 1);
    close_client();
    return 0;
}

BODY(twenty_seconds_are_free)
{
    (void)arg;
    open_client(NULL);
    say(client, HEAD("/", "21\r\n\r\n"));
    for (int i = 0; i < 20; i++)
        after(PROA_SEC, 1);
    after(19 * PROA_SEC, 1);
    expect(200);
    return 0;
}

BODY(one_silence_is_free)
{
    (void)arg;
    open_client(NULL);
    say(client, HEAD("/", "5\r\n\r\n"));
    after(5500 * PROA_MS, 5);
    expect(200);
    return 0;
}

/* However slowly it came: there is nothing to wait for. */
BODY(a_complete_body_is_not_refused)
{
    (void)arg;
    open_client(NULL);
    say(client, HEAD("/", "2\r\n\r\n"));
    after(19 * PROA_SEC, 1);
    after(19 * PROA_SEC, 1);
    expect(200);
    return 0;
}

BODY(a_byte_every_19_seconds_is_a_408_at_the_second)
{
    int64_t began;

    (void)arg;
    open_client(NULL);
    began = proa_now();
    say(client, HEAD("/", "1000\r\n\r\n"));
    after(19 * PROA_SEC, 1);
    after(19 * PROA_SEC, 1);
    const char *text = hear_all(client);
    ck_assert_int_eq(status_of(text), 408);
    ck_assert_int_lt(proa_now() - began, 41 * PROA_SEC);
    ck_assert_int_eq(broken(), 1);
    close_client();
    return 0;
}

BODY(a_longer_silence_is_as_free)
{
    (void)arg;
    open_client(PROA_SERVER_OPTS(.body_timeout = 60 * PROA_SEC));
    say(client, HEAD("/", "3\r\n\r\n"));
    after(59 * PROA_SEC, 1);
    after(PROA_SEC, 1);
    after(PROA_SEC, 1);
    expect(200);
    return 0;
}

BODY(and_not_more_than_that)
{
    (void)arg;
    open_client(PROA_SERVER_OPTS(.body_timeout = 60 * PROA_SEC));
    say(client, HEAD("/", "4\r\n\r\n"));
    after(59 * PROA_SEC, 1);
    after(PROA_SEC, 1);
    after(PROA_SEC, 1);
    expect(408);
    return 0;
}

BODY(with_shorter_silences_five_seconds_are_free)
{
    (void)arg;
    open_client(PROA_SERVER_OPTS(.body_timeout = 2 * PROA_SEC));
    say(client, HEAD("/", "6\r\n\r\n"));
    for (int i = 0; i < 6; i++)
        after(PROA_SEC, 1);
    expect(200);
    return 0;
}

BODY(and_the_sixth_is_not)
{
    (void)arg;
    open_client(PROA_SERVER_OPTS(.body_timeout = 2 * PROA_SEC));
    say(client, HEAD("/", "7\r\n\r\n"));
    for (int i = 0; i < 6; i++)
        after(PROA_SEC, 1);
    expect(408);
    return 0;
}

/* Who may be silent for ever may be slow. */
BODY(silence_without_end_has_no_rate)
{
    (void)arg;
    open_client(PROA_SERVER_OPTS(.body_timeout = PROA_FOREVER));
    say(client, HEAD("/", "5\r\n\r\n"));
    for (int i = 0; i < 5; i++)
        after(3600 * PROA_SEC, 1);
    expect(200);
    return 0;
}

/* ---- what counts */

/* So many bytes each second, from the second after the free ones; one more at the end. */
static void at_rate(size_t rate, int status)
{
    char head[128];

    open_client(NULL);
    snprintf(head, sizeof head, HEAD("/", "%zu\r\n\r\n"), 20 * rate + 1);
    say(client, head);
    after(19 * PROA_SEC, 1);
    after(2 * PROA_SEC, rate - 1);
    for (int i = 1; i < 20; i++)
        after(PROA_SEC, rate);
    after(PROA_SEC, 1);
    expect(status);
}

BODY(then_240_bytes_a_second_are_enough)
{
    (void)arg;
    at_rate(240, 200);
    return 0;
}

BODY(and_241_are)
{
    (void)arg;
    at_rate(241, 200);
    return 0;
}

BODY(and_239_are_not)
{
    (void)arg;
    at_rate(239, 408);
    return 0;
}

BODY(it_is_the_mean_that_counts)
{
    (void)arg;
    open_client(NULL);
    say(client, HEAD("/", "2403\r\n\r\n"));
    after(PROA_SEC, 2400); /* for 10 s in advance */
    after(19 * PROA_SEC, 1);
    after(10 * PROA_SEC, 1);
    after(PROA_SEC, 1);
    expect(200);
    return 0;
}

BODY(what_came_with_the_head_counts)
{
    static char request[600];

    (void)arg;
    open_client(NULL);
    strcpy(request, HEAD("/", "241\r\n\r\n"));
    memset(request + strlen(request), 'x', 238);
    say(client, request);
    after(19 * PROA_SEC, 1);
    after(2 * PROA_SEC, 1);
    after(PROA_SEC, 1);
    expect(200);
    return 0;
}

BODY(framing_counts_as_what_came)
{
    char chunks[512] = "";

    (void)arg;
    open_client(NULL);
    say(client,
        "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n");
    ck_ok(proa_sleep(19 * PROA_SEC));
    say(client, "1\r\nx\r\n"); /* 6 bytes for one */
    ck_ok(proa_sleep(2 * PROA_SEC));
    for (int i = 1; i < 40; i++)
        strcat(chunks, "1\r\nx\r\n");
    say(client, chunks);
    ck_ok(proa_sleep(PROA_SEC));
    say(client, "0\r\n\r\n");
    expect(200);
    return 0;
}

/* All bytes but the last two are there before the handler asks for them. */
BODY(a_handler_that_takes_its_time_blames_nobody)
{
    (void)arg;
    open_client(NULL);
    say(client, HEAD("/late", "6\r\n\r\n"));
    after(5 * PROA_SEC, 1);
    for (int i = 1; i < 4; i++)
        after(10 * PROA_SEC, 1);
    after(16 * PROA_SEC, 1);
    after(11 * PROA_SEC, 1);
    expect(200);
    return 0;
}

/* Time that a handler waited and gave up waiting counts like any. */
BODY(a_handler_that_asks_again_and_again_has_waited)
{
    (void)arg;
    open_client(NULL);
    say(client, HEAD("/impatient", "100\r\n\r\n"));
    for (int i = 0; i < 15; i++)
        after(1500 * PROA_MS, 1);
    expect(408);
    return 0;
}

/* ---- settings */

BODY(the_rate_is_an_option)
{
    (void)arg;
    open_client(PROA_SERVER_OPTS(.min_body_rate = 3));
    say(client, HEAD("/", "31\r\n\r\n"));
    after(19 * PROA_SEC, 1);
    after(2 * PROA_SEC, 2);
    for (int i = 1; i < 10; i++)
        after(PROA_SEC, 3);
    after(PROA_SEC, 1);
    expect(200);
    return 0;
}

BODY(the_rate_of_the_option_is_kept)
{
    (void)arg;
    open_client(PROA_SERVER_OPTS(.min_body_rate = 3));
    say(client, HEAD("/", "31\r\n\r\n"));
    after(19 * PROA_SEC, 1);
    after(2 * PROA_SEC, 1);
    expect(408);
    return 0;
}

BODY(it_can_be_lifted)
{
    (void)arg;
    open_client(PROA_SERVER_OPTS(.min_body_rate = PROA_UNLIMITED));
    say(client, HEAD("/", "10\r\n\r\n"));
    for (int i = 0; i < 10; i++)
        after(19 * PROA_SEC, 1);
    expect(200);
    return 0;
}

BODY(a_route_may_be_slow)
{
    (void)arg;
    open_client(NULL);
    say(client, HEAD("/slow", "10\r\n\r\n"));
    for (int i = 0; i < 10; i++)
        after(19 * PROA_SEC, 1);
    expect(200);
    return 0;
}

BODY(the_next_request_begins_anew)
{
    (void)arg;
    open_client(NULL);
    say(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n");
    after(10 * PROA_SEC, 1);
    after(9 * PROA_SEC, 1);
    ck_ok(proa_sleep(PROA_SEC));
    say(client, HEAD("/", "2\r\n\r\n"));
    after(10 * PROA_SEC, 1);
    after(9 * PROA_SEC, 1);
    const char *text = hear_all(client);
    ck_assert_int_eq(responses_in(text), 2);
    ck_assert_int_eq(broken(), 0);
    close_client();
    return 0;
}

int main(void)
{
    return t_main("rate", (const TTest *const[]){
                              a_byte_a_second_is_a_408_after_21,
                              twenty_seconds_are_free,
                              one_silence_is_free,
                              a_complete_body_is_not_refused,
                              a_byte_every_19_seconds_is_a_408_at_the_second,
                              a_longer_silence_is_as_free,
                              and_not_more_than_that,
                              with_shorter_silences_five_seconds_are_free,
                              and_the_sixth_is_not,
                              silence_without_end_has_no_rate,
                              then_240_bytes_a_second_are_enough,
                              and_241_are,
                              and_239_are_not,
                              it_is_the_mean_that_counts,
                              what_came_with_the_head_counts,
                              framing_counts_as_what_came,
                              a_handler_that_takes_its_time_blames_nobody,
                              a_handler_that_asks_again_and_again_has_waited,
                              the_rate_is_an_option,
                              the_rate_of_the_option_is_kept,
                              it_can_be_lifted,
                              a_route_may_be_slow,
                              the_next_request_begins_anew,
                              NULL,
                          });
}
