#include "served.h"

#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The access log: one entry an exchange, and the line that stands for it. HTTP-LOG-01 */

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define LAST(path) "GET " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

static int text(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_text(resp, 200, "hello");
}

static int nothing(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_text(resp, 304, "dropped");
}

static int streams(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    int rc = proa_response_start(resp, 201, "text/plain");

    for (int i = 0; i < 3 && rc == 0; i++)
        rc = proa_response_write(resp, "abc", 3);
    return rc < 0 ? rc : arg ? PROA_ENOENT : 0;
}

static int packs(struct proa_request *req, struct proa_response *resp, void *arg)
{
    static char body[5000];

    (void)req;
    (void)arg;
    memset(body, 'x', sizeof body);
    proa_response_compress(resp);
    return proa_response_static(resp, 200, "text/plain", body, sizeof body);
}

static int sleeps(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    int rc = proa_sleep(1234567 * PROA_US);
    return rc < 0 ? rc : proa_response_text(resp, 200, "slept");
}

static int reads(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;
    int rc = proa_request_read_body(req, &body);

    (void)arg;
    return rc < 0 ? rc : proa_response_text(resp, 200, "read");
}

/* Makes its answer, and then finds that the body ends early. */
static int answers_first(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;

    (void)arg;
    ck_ok(proa_response_text(resp, 200, "early"));
    proa_request_read_body(req, &body);
    return 0;
}

static int only_starts(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    ck_ok(proa_response_start(resp, 201, "text/plain"));
    return PROA_ENOENT;
}

/* Makes its answer, and is cancelled behind that. */
static int answers_and_sleeps(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    ck_ok(proa_response_text(resp, 200, "early"));
    return proa_sleep(10 * PROA_SEC);
}

/* More than the network takes of a client that reads nothing. */
static int large(struct proa_request *req, struct proa_response *resp, void *arg)
{
    static char body[100000];

    (void)req;
    (void)arg;
    return proa_response_static(resp, 200, "text/plain", body, sizeof body);
}

static int streams_large(struct proa_request *req, struct proa_response *resp, void *arg)
{
    static char piece[1000];
    int rc = proa_response_start(resp, 200, "text/plain");

    (void)req;
    (void)arg;
    for (int i = 0; i < 100 && rc == 0; i++)
        rc = proa_response_write(resp, piece, sizeof piece);
    return rc;
}

static struct proa_app *make_app(void)
{
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/text", text, NULL);
    proa_app_get(app, "/nothing", nothing, NULL);
    proa_app_get(app, "/streams", streams, NULL);
    proa_app_get(app, "/breaks", streams, app);
    proa_app_get(app, "/packs", packs, NULL);
    proa_app_get(app, "/sleeps", sleeps, NULL);
    proa_app_post(app, "/reads", reads, NULL);
    proa_app_post(app, "/answers-first", answers_first, NULL);
    proa_app_route(app, "GET", "/bound", answers_and_sleeps, NULL,
                   PROA_ROUTE_OPTS(.cancel_on_disconnect = true));
    proa_app_get(app, "/only-starts", only_starts, NULL);
    proa_app_get(app, "/large", large, NULL);
    proa_app_get(app, "/streams-large", streams_large, NULL);
    return app;
}

/* ---- entries */

static char entries[8192]; /* "GET /text 1.1 200 5 0" and so on, a line each */

static void keep(void *arg, const struct proa_access *a)
{
    size_t n = strlen(entries);

    (void)arg;
    snprintf(entries + n, sizeof entries - n, "%.*s %.*s 1.%d %d %llu %lld\n", PROA_PRI(a->method),
             PROA_PRI(a->target), a->version_minor, a->status, (unsigned long long)a->body_bytes,
             (long long)(a->duration / PROA_US));
}

struct scene {
    void (*body)(struct proa_server *server);
    proa_access_fn *access;
};

static int scene_body(void *arg)
{
    const struct scene *scene = arg;
    struct proa_app *app = make_app();
    struct proa_server *server = served_start(app, PROA_SERVER_OPTS(.access = scene->access));

    entries[0] = 0;
    log_keep();
    scene->body(server);
    served_end(server, app);
    return 0;
}

#define LOGGED(name, access)                                                                       \
    static void name##_body(struct proa_server *server);                                           \
    START_TEST(name)                                                                               \
    {                                                                                              \
        t_run(scene_body, &(struct scene){name##_body, access});                                   \
    }                                                                                              \
    END_TEST                                                                                       \
    static void name##_body(struct proa_server *server)

LOGGED(each_exchange_is_one_entry_in_order, keep)
{
    ask(server, GET("/text") GET("/none") "HEAD /text HTTP/1.1\r\nHost: h\r\n\r\n"
                                          "GET /text?a=b HTTP/1.0\r\n\r\n");
    ck_assert_str_eq(entries, "GET /text 1.1 200 5 0\nGET /none 1.1 404 10 0\n"
                              "HEAD /text 1.1 200 0 0\nGET /text?a=b 1.0 200 5 0\n");
}

LOGGED(bytes_are_those_of_the_body_without_its_framing, keep)
{
    ask(server, GET("/streams") "HEAD /streams HTTP/1.1\r\nHost: h\r\n\r\n" LAST("/nothing"));
    ck_assert_str_eq(entries, "GET /streams 1.1 201 9 0\nHEAD /streams 1.1 201 0 0\n"
                              "GET /nothing 1.1 304 0 0\n");
}

LOGGED(bytes_of_a_packed_body_are_the_packed_ones, keep)
{
    const char *answer = ask(server, "GET /packs HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n"
                                     "Connection: close\r\n\r\n");
    char line[128];

    snprintf(line, sizeof line, "GET /packs 1.1 200 %.*s 0\n",
             PROA_PRI(field_of(answer, "Content-Length")));
    ck_assert_str_eq(entries, line);
}

LOGGED(the_time_is_from_the_head_to_the_end_of_the_response, keep)
{
    struct proa_stream *s = served_connect(server, NULL);

    proa_sleep(PROA_SEC); /* not counted */
    say(s, LAST("/sleeps"));
    hear_all(s);
    proa_abort(s);
    ck_assert_str_eq(entries, "GET /sleeps 1.1 200 5 1234567\n");
}

LOGGED(what_could_not_be_parsed_has_a_status_alone, keep)
{
    const char *answer = ask(server, "GET / HTTP/1.1\r\n\r\n");
    char expected[64];

    snprintf(expected, sizeof expected, "  1.0 400 %zu 0\n", strlen(body_of(answer)));
    ck_assert_str_eq(entries, expected);
}

LOGGED(a_connection_that_said_nothing_is_no_exchange, keep)
{
    ask(server, "");
    ask(server, "GET / HT");
    ck_assert_str_eq(entries, "");
}

/* The status that was sent, although the body was not sent whole. */
LOGGED(a_response_that_was_cut_is_an_entry, keep)
{
    ask(server, LAST("/breaks"));
    ck_assert_str_eq(entries, "GET /breaks 1.1 201 9 0\n");
}

/* Its head leaves before the cut. */
LOGGED(a_head_that_was_cut_behind_is_an_entry, keep)
{
    ck_assert_int_eq(status_of(ask(server, LAST("/only-starts"))), 201);
    ck_assert_str_eq(entries, "GET /only-starts 1.1 201 0 0\n");
}

/* Nobody was answered: status 0. */
LOGGED(a_client_that_left_has_no_status, keep)
{
    ask(server, "POST /reads HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhalf");
    ck_assert_str_eq(entries, "POST /reads 1.1 0 0 0\n");
}

LOGGED(an_answer_that_was_made_and_never_left_has_no_status, keep)
{
    ask(server, "POST /answers-first HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhalf");
    ck_assert_str_eq(entries, "POST /answers-first 1.1 0 0 0\n");
}

/* Ask, and be gone before the handler has slept. */
LOGGED(a_write_to_nobody_has_no_status_and_no_bytes, keep)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, LAST("/sleeps"));
    proa_sleep(PROA_SEC);
    proa_abort(s);
    proa_sleep(PROA_SEC);
    ck_assert_str_eq(entries, "GET /sleeps 1.1 0 0 1234567\n");
}

LOGGED(a_handler_that_was_cancelled_has_no_status, keep)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, LAST("/bound"));
    proa_sleep(PROA_SEC);
    proa_abort(s);
    proa_sleep(PROA_SEC);
    ck_assert_str_eq(entries, "GET /bound 1.1 0 0 1000000\n");
}

/* What had its place before it in the same write is no byte of it. */
LOGGED(bytes_of_an_earlier_response_are_none_of_a_later_one, keep)
{
    struct proa_stream *s = served_connect(server, &(struct pair_opts){.ba.capacity = 20});

    say(s, GET("/text") LAST("/text"));
    proa_sleep(PROA_SEC);
    proa_abort(s);
    proa_sleep(PROA_SEC);
    ck_assert_str_eq(entries, "GET /text 1.1 200 5 0\nGET /text 1.1 0 0 1000000\n");
}

/* Part of it left: the status was sent, and the body not whole. */
LOGGED(a_response_that_was_taken_in_part_keeps_its_status, keep)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, LAST("/large"));
    proa_sleep(PROA_SEC);
    proa_abort(s);
    proa_sleep(PROA_SEC);
    ck_assert_str_eq(entries, "GET /large 1.1 200 0 1000000\n");
}

LOGGED(a_piece_that_did_not_leave_is_not_counted, keep)
{
    struct proa_stream *s = served_connect(server, &(struct pair_opts){.ba.capacity = 2500});

    say(s, LAST("/streams-large"));
    proa_sleep(PROA_SEC);
    proa_abort(s);
    proa_sleep(PROA_SEC);
    ck_assert_str_eq(entries, "GET /streams-large 1.1 200 2000 1000000\n");
}

/* ---- lines */

static char line[16384];

/* What ask() has the server write to standard error. */
static void listen_to(struct proa_server *server, const char *request)
{
    int pipes[2];
    int saved = dup(STDERR_FILENO);

    ck_assert_int_eq(pipe(pipes), 0);
    dup2(pipes[1], STDERR_FILENO);
    ask(server, request);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(pipes[1]);
    ssize_t n = read(pipes[0], line, sizeof line - 1);
    ck_assert_int_ge(n, 0);
    line[n] = 0;
    close(pipes[0]);
}

/* The same without the time of day, which is the wall clock's. */
static void ck_line(const char *before, const char *after)
{
    const char *end = strstr(line, " +0000] ");

    ck_assert_msg(end && strncmp(line, before, strlen(before)) == 0, "%s", line);
    ck_assert_uint_eq((size_t)(end - line), strlen(before) + strlen("01/Jan/1970:00:00:00"));
    ck_assert_str_eq(end + strlen(" +0000] "), after);
}

LOGGED(a_line_has_the_combined_format_and_the_time_taken, proa_access_log_stderr)
{
    listen_to(server, "GET /sleeps?q=1 HTTP/1.1\r\nHost: h\r\nReferer: http://a/\"b\"\r\n"
                      "User-Agent: agent/1 (x; y)\r\nConnection: close\r\n\r\n");
    ck_line("- - - [", "\"GET /sleeps?q=1 HTTP/1.1\" 200 5 \"http://a/\\x22b\\x22\" "
                       "\"agent/1 (x; y)\" 1234.567ms\n");
}

LOGGED(what_is_missing_is_a_dash, proa_access_log_stderr)
{
    listen_to(server, LAST("/none"));
    ck_line("- - - [", "\"GET /none HTTP/1.1\" 404 10 \"-\" \"-\" 0.000ms\n");
    listen_to(server, "GARBAGE\r\n\r\n");
    ck_line("- - - [", "\"- - HTTP/1.0\" 400 23 \"-\" \"-\" 0.000ms\n");
}

/* A client cannot write lines, or colours, into the log. H07 */
LOGGED(a_line_escapes_what_is_not_printable, proa_access_log_stderr)
{
    listen_to(server, "GET /none HTTP/1.1\r\nHost: h\r\nUser-Agent: \xff\\x0a\tend\r\n"
                      "Connection: close\r\n\r\n");
    ck_line("- - - [", "\"GET /none HTTP/1.1\" 404 10 \"-\" \"\\xff\\x5cx0a\\x09end\" 0.000ms\n");
}

int main(void)
{
    return t_main(
        "access",
        (const TTest *const[]){
            each_exchange_is_one_entry_in_order, bytes_are_those_of_the_body_without_its_framing,
            bytes_of_a_packed_body_are_the_packed_ones,
            the_time_is_from_the_head_to_the_end_of_the_response,
            what_could_not_be_parsed_has_a_status_alone,
            a_connection_that_said_nothing_is_no_exchange, a_response_that_was_cut_is_an_entry,
            a_head_that_was_cut_behind_is_an_entry, a_client_that_left_has_no_status,
            an_answer_that_was_made_and_never_left_has_no_status,
            a_write_to_nobody_has_no_status_and_no_bytes,
            a_handler_that_was_cancelled_has_no_status,
            bytes_of_an_earlier_response_are_none_of_a_later_one,
            a_response_that_was_taken_in_part_keeps_its_status,
            a_piece_that_did_not_leave_is_not_counted,
            a_line_has_the_combined_format_and_the_time_taken, what_is_missing_is_a_dash,
            a_line_escapes_what_is_not_printable, NULL});
}
