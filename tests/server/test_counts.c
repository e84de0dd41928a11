#include "served.h"
#include "support/t_peer.h"
#include "tls/duet.h"

#include <proa/counters.h>
#include <proa/err.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <string.h>

/* What a server counts. Each test is a process of its own, so all begins at 0. */

static int64_t value_of(const char *name)
{
    static struct proa_counter_value all[PROA_COUNTERS_MAX];
    size_t n = proa_counters_read(all, PROA_COUNTERS_MAX);

    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i].name, name) == 0)
            return all[i].value;
    ck_abort_msg("there is no counter %s", name);
}

#define COUNTED(name, n) ck_assert_int_eq(value_of("server_" name), n)

/* The sum of all that begin like this. */
static int64_t sum_of(const char *prefix)
{
    static struct proa_counter_value all[PROA_COUNTERS_MAX];
    size_t n = proa_counters_read(all, PROA_COUNTERS_MAX);
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        if (strncmp(all[i].name, prefix, strlen(prefix)) == 0)
            sum += all[i].value;
    return sum;
}

static int status(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    return proa_response_text(resp, *(int *)arg, "text");
}

static int reads(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;
    int rc = proa_request_read_body(req, &body);

    (void)arg;
    return rc < 0 ? rc : proa_response_static(resp, 200, "text/plain", body.p, body.n);
}

static int floods(struct proa_request *req, struct proa_response *resp, void *arg)
{
    static char piece[16384];
    int rc = proa_response_start(resp, 200, "text/plain");

    (void)req;
    (void)arg;
    for (int i = 0; i < 100 && rc == 0; i++)
        rc = proa_response_write(resp, piece, sizeof piece);
    return rc;
}

/* Does not take no for an answer. */
static int reads_twice(struct proa_request *req, struct proa_response *resp, void *arg)
{
    reads(req, resp, arg);
    return reads(req, resp, arg);
}

static int breaks_off(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    ck_ok(proa_response_start(resp, 200, "text/plain"));
    return -20001;
}

static int sleeps(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    int rc = proa_sleep(PROA_SEC);
    return rc < 0 ? rc : proa_response_text(resp, 200, "slept");
}

static int fails(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)arg;
    (void)resp;
    return proa_http_error(req, 503, "not today");
}

static struct proa_app *make_app(void)
{
    static int ok = 200;
    static int moved = 301;
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, PROA_APP_OPTS(.max_body = 100)));
    proa_app_get(app, "/ok", status, &ok);
    proa_app_get(app, "/moved", status, &moved);
    proa_app_get(app, "/fails", fails, NULL);
    proa_app_get(app, "/flood", floods, NULL);
    proa_app_get(app, "/sleeps", sleeps, NULL);
    proa_app_get(app, "/breaks_off", breaks_off, NULL);
    proa_app_post(app, "/", reads, NULL);
    proa_app_post(app, "/twice", reads_twice, NULL);
    return app;
}

typedef void counted_fn(struct proa_server *server);

struct scene {
    counted_fn *fn;
    const struct proa_server_opts *opts;
};

static int frame(void *arg)
{
    const struct scene *scene = arg;
    struct proa_app *app = make_app();
    struct proa_server *server = served_start(app, scene->opts);

    scene->fn(server);
    served_end(server, app);
    COUNTED("connections_open", 0);
    ck_assert_int_eq(sum_of("server_responses_") - value_of("server_responses_1xx"),
                     value_of("server_requests"));
    return 0;
}

#define SERVED(name, ...)                                                                          \
    static void name##_body(struct proa_server *server);                                           \
    START_TEST(name)                                                                               \
    {                                                                                              \
        t_run(frame, &(struct scene){name##_body, PROA_SERVER_OPTS(__VA_ARGS__)});                 \
    }                                                                                              \
    END_TEST                                                                                       \
    static void name##_body(struct proa_server *server)

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST(fields, body) "POST / HTTP/1.1\r\nHost: h\r\n" fields "\r\n" body

/* ---- what goes well */

SERVED(responses_are_counted_by_their_class, .idle_timeout = 0)
{
    ask(server, GET("/ok") GET("/moved") GET("/nowhere") GET("/fails") GET("/ok"));
    COUNTED("requests", 5);
    COUNTED("responses_1xx", 0);
    COUNTED("responses_2xx", 2);
    COUNTED("responses_3xx", 1);
    COUNTED("responses_4xx", 1);
    COUNTED("responses_5xx", 1);
    COUNTED("responses_cut", 0);
    ck_assert_int_eq(sum_of("server_limit_") + value_of("server_requests_malformed"), 0);
}

SERVED(a_100_is_counted_beside_the_response, .idle_timeout = 0)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, POST("Content-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n", ""));
    proa_sleep(PROA_SEC);
    COUNTED("responses_1xx", 1);
    COUNTED("requests", 1);
    COUNTED("responses_2xx", 0);
    say(s, "abc");
    hear_all(s);
    COUNTED("responses_1xx", 1);
    COUNTED("responses_2xx", 1);
    proa_abort(s);
}

SERVED(connections_are_counted_while_open_and_for_ever, .idle_timeout = 0)
{
    struct proa_stream *a = served_connect(server, NULL);
    struct proa_stream *b = served_connect(server, NULL);

    COUNTED("connections_accepted", 2);
    COUNTED("connections_open", 2);
    proa_abort(a);
    proa_sleep(PROA_MS);
    COUNTED("connections_open", 1);
    proa_abort(b);
    proa_sleep(PROA_MS);
    ask(server, GET("/ok"));
    COUNTED("connections_accepted", 3);
    COUNTED("connections_open", 0);
}

/* Each byte once: heads, bodies, what is pipelined, what is read and dropped. */
SERVED(bytes_are_counted_both_ways, .idle_timeout = 0)
{
    static const char requests[] = GET("/ok") POST("Content-Length: 5\r\n", "12345")
        GET("/ok") "POST /ok HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\nunread!" GET("/ok");
    static const char chunked[] = POST("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n");

    size_t out = strlen(ask(server, requests));
    COUNTED("bytes_in", (int64_t)sizeof requests - 1);
    COUNTED("bytes_out", (int64_t)out);
    COUNTED("requests", 5);

    struct proa_stream *s = served_connect(server, &(struct pair_opts){.ab.split = 1});
    say_all(s, chunked, sizeof chunked - 1);
    out += strlen(hear_all(s));
    proa_abort(s);
    COUNTED("bytes_in", (int64_t)(sizeof requests - 1 + sizeof chunked - 1));
    COUNTED("bytes_out", (int64_t)out);
}

/* The first response is held for the second one, and leaves before that one's handler sleeps. */
SERVED(bytes_of_held_responses_are_counted, .idle_timeout = 0)
{
    struct proa_stream *s = served_connect(server, NULL);
    char text[512];

    say(s, GET("/ok") GET("/sleeps"));
    proa_sleep(PROA_MS);
    ssize_t n = proa_read(s, text, sizeof text);
    ck_assert_int_gt(n, 0);
    COUNTED("bytes_out", n);
    COUNTED("requests", 2);
    COUNTED("responses_2xx", 1);
    proa_sleep(2 * PROA_SEC);
    COUNTED("responses_2xx", 2);
    proa_abort(s);
}

/* A refused request: what its client still sends is read and dropped. */
SERVED(bytes_of_a_refused_client_are_counted_too, .idle_timeout = 0)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, "nonsense\r\n\r\nmore"); /* what comes in one read with it is not looked at */
    proa_sleep(PROA_MS);
    COUNTED("bytes_in", 16);
    say(s, "and more");
    proa_sleep(PROA_MS);
    COUNTED("bytes_in", 24);
    size_t out = strlen(hear_all(s));
    proa_abort(s);
    COUNTED("bytes_out", (int64_t)out);
    COUNTED("requests_malformed", 1);
    COUNTED("responses_4xx", 1);
}

/* ---- what does not */

SERVED(refusals_are_counted_by_their_limit, .max_target = 40, .max_field = 40, .max_requests = 3)
{
    ask(server, GET("/0123456789012345678901234567890123456789"));
    COUNTED("limit_target", 1);
    ask(server, "GET / HTTP/1.1\r\nHost: h\r\nX: 0123456789012345678901234567890123456789\r\n\r\n");
    COUNTED("limit_head", 1);
    ask(server, POST("Content-Length: 101\r\n", ""));
    COUNTED("limit_body", 1);
    ask(server,
        POST("Transfer-Encoding: chunked\r\n",
             "50\r\n"
             "01234567890123456789012345678901234567890123456789012345678901234567890123456789\r\n"
             "50\r\n"
             "01234567890123456789012345678901234567890123456789012345678901234567890123456789\r\n"
             "0\r\n\r\n"));
    COUNTED("limit_body", 2);
    COUNTED("limit_requests", 0);
    ask(server, GET("/ok") GET("/ok") GET("/ok") GET("/ok"));
    COUNTED("limit_requests", 1);
    COUNTED("requests", 7);
    COUNTED("responses_4xx", 4);
    ask(server, "GET / HTTP/3.7\r\n\r\n");
    COUNTED("requests_malformed", 1);
    ck_assert_int_eq(sum_of("server_limit_"), 5);
}

SERVED(each_time_that_ran_out_is_counted, .idle_timeout = 0)
{
    struct proa_stream *silent = served_connect(server, NULL);
    struct proa_stream *half = served_connect(server, NULL);
    struct proa_stream *body = served_connect(server, NULL);
    struct proa_stream *idle = served_connect(server, NULL);
    struct proa_stream *flooded = served_connect(server, NULL);

    say(half, "GET / HT");
    say(body, POST("Content-Length: 5\r\n", "abc"));
    say(idle, GET("/ok"));
    say(flooded, GET("/flood"));
    proa_sleep(11 * PROA_SEC);
    COUNTED("limit_head_time", 2); /* those that said nothing, and half of it */
    COUNTED("limit_body_time", 0);
    proa_sleep(10 * PROA_SEC);
    COUNTED("limit_body_time", 1);
    COUNTED("limit_write_time", 0);
    COUNTED("responses_cut", 0);
    proa_sleep(10 * PROA_SEC);
    COUNTED("limit_write_time", 1);
    COUNTED("responses_cut", 1);
    COUNTED("limit_idle_time", 0);
    proa_sleep(45 * PROA_SEC);
    COUNTED("limit_idle_time", 1);
    COUNTED("limit_head_time", 2);
    COUNTED("connections_open", 0);
    COUNTED("requests", 4); /* half a head is one too: it was answered */
    ck_assert_int_eq(sum_of("server_limit_"), 5);
    proa_abort(silent);
    proa_abort(half);
    proa_abort(body);
    proa_abort(idle);
    proa_abort(flooded);
}

SERVED(who_leaves_early_is_a_response_cut, .idle_timeout = 0)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, POST("Content-Length: 5\r\n", "abc"));
    proa_sleep(PROA_SEC);
    proa_abort(s);
    proa_sleep(PROA_SEC);
    COUNTED("requests", 1);
    COUNTED("responses_cut", 1);
    ck_assert_int_eq(sum_of("server_limit_"), 0);
}

SERVED(a_response_that_breaks_off_is_cut, .idle_timeout = 0)
{
    ask(server, GET("/breaks_off"));
    COUNTED("requests", 1);
    COUNTED("responses_cut", 1);
    COUNTED("responses_2xx", 0);
}

SERVED(a_body_is_refused_once_however_often_it_is_read, .idle_timeout = 0)
{
    ask(server, "POST /twice HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n");
    COUNTED("requests_malformed", 1);
    COUNTED("responses_4xx", 1);
}

/* A drain closes fresh connections after a second of its own: no limit was broken. */
static int drain_body(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *server = served_start(app, NULL);
    struct proa_stream *s = served_connect(server, NULL);

    (void)arg;
    ck_ok(proa_server_stop(server, 5 * PROA_SEC));
    COUNTED("connections_open", 0);
    ck_assert_int_eq(sum_of("server_limit_"), 0);
    proa_abort(s);
    proa_server_free(server);
    proa_app_free(app);
    return 0;
}

START_TEST(a_drain_breaks_no_limit)
{
    t_run(drain_body, NULL);
}
END_TEST

/* ---- on sockets */

static int many_body(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *server = NULL;
    int fds[3];

    (void)arg;
    ck_ok(proa_server_start(&server, app,
                            PROA_SERVER_OPTS(.max_connections = 2, .max_per_address = 1)));
    proa_yield();
    for (int i = 0; i < 2; i++) {
        fds[i] = t_peer_connect_port(proa_server_port(server, 0));
        t_turns(8);
    }
    COUNTED("connections_accepted", 2);
    COUNTED("connections_open", 1);
    COUNTED("limit_per_address", 1);
    COUNTED("limit_connections", 0);
    char text[256] = "";
    long n = t_peer_recv(fds[1], text, sizeof text - 1);
    ck_assert_int_gt(n, 0);
    COUNTED("bytes_out", n);
    COUNTED("requests", 0); /* it was not heard */
    t_peer_close(fds[0]);
    t_peer_close(fds[1]);
    t_turns(8);
    served_end(server, app);
    return 0;
}

START_TEST(who_is_turned_away_is_counted)
{
    t_run(many_body, NULL);
}
END_TEST

static int full_body(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *server = NULL;
    int fds[3];

    (void)arg;
    ck_ok(proa_server_start(&server, app, PROA_SERVER_OPTS(.max_connections = 2)));
    proa_yield();
    for (int i = 0; i < 3; i++) {
        fds[i] = t_peer_connect_port(proa_server_port(server, 0));
        t_turns(8);
        COUNTED("limit_connections", i < 1 ? 0 : 1);
    }
    COUNTED("connections_accepted", 2);
    for (int i = 0; i < 3; i++)
        t_peer_close(fds[i]);
    t_turns(16);
    COUNTED("connections_accepted", 3);
    served_end(server, app);
    return 0;
}

START_TEST(each_pause_of_accepting_is_counted)
{
    t_run(full_body, NULL);
}
END_TEST

static int tls_body(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *server = NULL;
    struct proa_tls_ctx *tls = T_SERVER();

    (void)arg;
    ck_ok(
        proa_server_start(&server, app, PROA_SERVER_OPTS(.tls = tls, .tls_timeout = 50 * PROA_MS)));
    proa_yield();
    int fd = t_peer_connect_port(proa_server_port(server, 0));
    while (value_of("server_limit_tls_time") == 0)
        proa_sleep(10 * PROA_MS);
    COUNTED("limit_tls_time", 1);
    COUNTED("limit_head_time", 0);
    t_peer_close(fd);
    served_end(server, app);
    proa_tls_ctx_unref(tls);
    return 0;
}

START_TEST(a_handshake_that_takes_too_long_is_counted)
{
    t_run(tls_body, NULL);
}
END_TEST

/* ---- names */

static int no_room_body(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *server = NULL;
    char name[16];

    (void)arg;
    for (int i = 0; i < PROA_COUNTERS_MAX - 1; i++) {
        snprintf(name, sizeof name, "n%d", i);
        ck_assert_int_ge(proa_counter_register(name), 0);
    }
    ck_err(proa_server_start(&server, app, PROA_SERVER_OPTS(.no_listen = true)), PROA_ENOSPC);
    proa_app_free(app);
    return 0;
}

START_TEST(a_program_that_took_all_counters_is_told)
{
    t_run(no_room_body, NULL);
}
END_TEST

static int two_body(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *a = served_start(app, NULL);
    struct proa_server *b = served_start(app, NULL);

    (void)arg;
    ask(a, GET("/ok"));
    ask(b, GET("/ok"));
    COUNTED("requests", 2);
    ck_ok(proa_server_stop(a, PROA_SEC));
    proa_server_free(a);
    served_end(b, app);
    return 0;
}

START_TEST(servers_of_one_program_count_together)
{
    t_run(two_body, NULL);
}
END_TEST

int main(void)
{
    t_openssl_apart();
    return t_main("counts", (const TTest *const[]){
                                responses_are_counted_by_their_class,
                                a_100_is_counted_beside_the_response,
                                connections_are_counted_while_open_and_for_ever,
                                bytes_are_counted_both_ways,
                                bytes_of_held_responses_are_counted,
                                bytes_of_a_refused_client_are_counted_too,
                                refusals_are_counted_by_their_limit,
                                each_time_that_ran_out_is_counted,
                                who_leaves_early_is_a_response_cut,
                                a_response_that_breaks_off_is_cut,
                                a_body_is_refused_once_however_often_it_is_read,
                                a_drain_breaks_no_limit,
                                who_is_turned_away_is_counted,
                                each_pause_of_accepting_is_counted,
                                a_handshake_that_takes_too_long_is_counted,
                                a_program_that_took_all_counters_is_told,
                                servers_of_one_program_count_together,
                                NULL,
                            });
}
