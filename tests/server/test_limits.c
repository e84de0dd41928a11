#include "served.h"

#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each limit at its value and one beyond, in one piece and byte by byte. HTTP-LIM-01 */

static int fine(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;
    int rc = proa_request_read_body(req, &body);

    (void)arg;
    return rc < 0 ? rc : proa_response_textf(resp, 200, "%zu", body.n);
}

static struct proa_app *make_app(void)
{
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, PROA_APP_OPTS(.max_body = 100)));
    proa_app_get(app, "/{rest...}", fine, NULL);
    proa_app_post(app, "/{rest...}", fine, NULL);
    proa_app_route(app, "POST", "/small", fine, NULL, PROA_ROUTE_OPTS(.max_body = 10));
    proa_app_route(app, "POST", "/any", fine, NULL, PROA_ROUTE_OPTS(.max_body = PROA_UNLIMITED));
    return app;
}

/* The status that the request meets, whole and byte by byte. */
static int verdict(const struct proa_server_opts *opts, const char *request)
{
    int verdicts[2];

    for (int by_byte = 0; by_byte < 2; by_byte++) {
        struct proa_app *app = make_app();
        struct proa_server *server = served_start(app, opts);
        struct proa_stream *s = served_connect(server,
                                               &(struct pair_opts){.ab.split = by_byte ? 1 : 0});
        say_all(s, request, strlen(request));
        verdicts[by_byte] = status_of(hear_all(s));
        proa_abort(s);
        served_end(server, app);
    }
    ck_assert_int_eq(verdicts[0], verdicts[1]);
    return verdicts[0];
}

/* "GET /aaaa HTTP/1.1" of n bytes, its Host, and `fields` behind it. */
static char *with_line(size_t n, const char *fields)
{
    char *text = malloc(n + strlen(fields) + 64);
    size_t fixed = strlen("GET / HTTP/1.1");

    sprintf(text, "GET /%*s HTTP/1.1\r\nHost: h\r\n%s\r\n", 0, "", fields);
    memmove(text + 5 + (n - fixed), text + 5, strlen(text + 5) + 1);
    memset(text + 5, 'a', n - fixed);
    return text;
}

static int start_line_body(void *arg)
{
    const struct proa_server_opts *opts = PROA_SERVER_OPTS(.max_target = 100);
    char *at = with_line(100, "");
    char *beyond = with_line(101, "");

    (void)arg;
    ck_assert_int_eq(verdict(opts, at), 200);
    ck_assert_int_eq(verdict(opts, beyond), 414);
    free(at);
    free(beyond);
    return 0;
}

START_TEST(start_line_414)
{
    t_run(start_line_body, NULL);
}
END_TEST

static char *with_field(size_t n)
{
    char *text = malloc(n + 64);

    sprintf(text, "GET / HTTP/1.1\r\nHost: h\r\nX: %0*d\r\n\r\n", (int)n - 3, 0);
    return text;
}

static int field_body(void *arg)
{
    const struct proa_server_opts *opts = PROA_SERVER_OPTS(.max_field = 50);
    char *at = with_field(50);
    char *beyond = with_field(51);

    (void)arg;
    ck_assert_int_eq(verdict(opts, at), 200);
    ck_assert_int_eq(verdict(opts, beyond), 431);
    free(at);
    free(beyond);
    return 0;
}

START_TEST(field_431)
{
    t_run(field_body, NULL);
}
END_TEST

static int fields_body(void *arg)
{
    const struct proa_server_opts *opts = PROA_SERVER_OPTS(.max_fields = 3);

    (void)arg;
    ck_assert_int_eq(verdict(opts, "GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\n\r\n"), 200);
    ck_assert_int_eq(verdict(opts, "GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n"),
                     431);
    return 0;
}

START_TEST(number_of_fields_431)
{
    t_run(fields_body, NULL);
}
END_TEST

static int head_body(void *arg)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\nX: 0123456789\r\n\r\n";
    size_t n = sizeof request - 1;

    (void)arg;
    ck_assert_int_eq(verdict(PROA_SERVER_OPTS(.max_head = n), request), 200);
    ck_assert_int_eq(verdict(PROA_SERVER_OPTS(.max_head = n - 4), request), 431);
    return 0;
}

START_TEST(head_431)
{
    t_run(head_body, NULL);
}
END_TEST

static int post(const char *path, size_t n, bool chunked)
{
    char text[512];
    char body[256];

    memset(body, 'x', n);
    body[n] = 0;
    if (chunked)
        snprintf(text, sizeof text,
                 "POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
                 "chunked\r\n\r\n%zx\r\n%s\r\n0\r\n\r\n",
                 path, n, body);
    else
        snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n%s",
                 path, n, body);
    return verdict(NULL, text);
}

static int body_body(void *arg)
{
    (void)arg;
    for (int chunked = 0; chunked < 2; chunked++) {
        ck_assert_int_eq(post("/x", 100, chunked), 200);
        ck_assert_int_eq(post("/x", 101, chunked), 413);
        ck_assert_int_eq(post("/small", 10, chunked), 200);
        ck_assert_int_eq(post("/small", 11, chunked), 413);
        ck_assert_int_eq(post("/any", 200, chunked), 200);
    }
    return 0;
}

START_TEST(body_413_of_the_app_and_of_the_route)
{
    t_run(body_body, NULL);
}
END_TEST

/* A declared length beyond the limit is refused before any of it is read. HTTP-FRAME-04 */
static int declared_body(void *arg)
{
    (void)arg;
    ck_assert_int_eq(verdict(NULL, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n"),
                     413);
    ck_assert_int_eq(
        verdict(NULL, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 9223372036854775808\r\n\r\n"),
        413);
    return 0;
}

START_TEST(a_declared_length_is_refused_at_once)
{
    t_run(declared_body, NULL);
}
END_TEST

static int requests_body(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *server = served_start(app, PROA_SERVER_OPTS(.max_requests = 2));
    const char *one = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    char three[128];

    (void)arg;
    snprintf(three, sizeof three, "%s%s%s", one, one, one);
    const char *text = ask(server, three);
    ck_assert_int_eq(responses_in(text), 2);
    ck_assert_ptr_nonnull(strstr(text, "Connection: close\r\n"));
    served_end(server, app);
    return 0;
}

START_TEST(requests_per_connection)
{
    t_run(requests_body, NULL);
}
END_TEST

/* What is not read of a body is drained up to 256 KiB, and the connection goes on; beyond that it
 * closes. */
static int ignores(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_text(resp, 200, "ignored");
}

static int drain_answers(size_t n)
{
    struct proa_app *app = NULL;
    char *text = malloc(n + 256);

    ck_ok(proa_app_new(&app, PROA_APP_OPTS(.max_body = PROA_UNLIMITED)));
    proa_app_post(app, "/x", ignores, NULL);
    struct proa_server *server = served_start(app, NULL);
    int head = sprintf(text, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", n);
    memset(text + head, 'x', n);
    strcpy(text + head + n, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    int answers = responses_in(ask(server, text));
    served_end(server, app);
    free(text);
    return answers;
}

/* The same in chunks, of which nobody can say before how many there are. */
static int drain_chunks_answers(size_t n)
{
    struct proa_app *app = NULL;
    char *text = malloc(n + 256);

    ck_ok(proa_app_new(&app, PROA_APP_OPTS(.max_body = PROA_UNLIMITED)));
    proa_app_post(app, "/x", ignores, NULL);
    struct proa_server *server = served_start(app, NULL);
    int head = sprintf(
        text, "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n", n);
    memset(text + head, 'x', n);
    strcpy(text + head + n,
           "\r\n0\r\n\r\nPOST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    int answers = responses_in(ask(server, text));
    served_end(server, app);
    free(text);
    return answers;
}

static int drain_body(void *arg)
{
    (void)arg;
    ck_assert_int_eq(drain_answers(256 * 1024), 2);
    ck_assert_int_eq(drain_answers(256 * 1024 + 1), 1);
    ck_assert_int_eq(drain_chunks_answers(256 * 1024), 2);
    ck_assert_int_eq(drain_chunks_answers(300 * 1024), 1);
    return 0;
}

START_TEST(an_unread_body_is_drained_within_its_limit)
{
    t_run(drain_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("limits",
                  (const TTest *const[]){
                      start_line_414, field_431, number_of_fields_431, head_431,
                      body_413_of_the_app_and_of_the_route, a_declared_length_is_refused_at_once,
                      requests_per_connection, an_unread_body_is_drained_within_its_limit, NULL});
}
