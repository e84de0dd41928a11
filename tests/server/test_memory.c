#include "served.h"
#include "server/exchange.h"
#include "server/server.h"
#include "support/t_peer.h"

#include <proa/err.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Requests for which there is no memory: a 500 that is whole, or an end; and nothing is left over.
 */

static int hello(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_text(resp, 200, "hello");
}

static int packed(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    proa_response_set_header(resp, "ETag", "\"1\"");
    proa_response_compress(resp);
    return proa_response_static(resp, 200, "text/plain", "hellohellohello", 15);
}

static int echo(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;
    int rc = proa_request_read_body(req, &body);

    (void)arg;
    return rc < 0 ? rc : proa_response_bytes(resp, 200, "text/plain", body.p, body.n);
}

/* All is well with it until it has left the handler. */
static int leaves_no_memory(struct proa_request *req, struct proa_response *resp, void *arg)
{
    int rc = proa_response_text(resp, 200, "hello");

    (void)req;
    (void)arg;
    t_alloc_fail(1);
    return rc;
}

static int refuses(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)resp;
    (void)arg;
    return proa_http_error(req, 404, "%02000d", 0);
}

/* Its head is longer than what a server keeps room for. */
static int has_a_long_head(struct proa_request *req, struct proa_response *resp, void *arg)
{
    static char value[3001];

    memset(value, 'x', sizeof value - 1);
    for (int i = 0; i < 10; i++)
        proa_response_add_header(resp, "X", value);
    return hello(req, resp, arg);
}

static struct proa_app *make_app(void)
{
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/", hello, NULL);
    proa_app_get(app, "/param/{a}/{b...}", hello, NULL);
    proa_app_get(app, "/long-head", has_a_long_head, NULL);
    proa_app_get(app, "/many", hello, NULL);
    proa_app_post(app, "/many", hello, NULL);
    proa_app_put(app, "/many", hello, NULL);
    proa_app_patch(app, "/many", hello, NULL);
    proa_app_get(app, "/packed", packed, NULL);
    proa_app_post(app, "/echo", echo, NULL);
    proa_app_get(app, "/unsent", leaves_no_memory, NULL);
    proa_app_get(app, "/refused", refuses, NULL);
    return app;
}

/* ---- a response that cannot be rendered */

SERVED_TEST(a_response_that_cannot_be_rendered_is_a_500_and_a_line_that_names_the_route, make_app)
{
    struct proa_stream *s = served_connect(server, NULL);

    log_keep();
    say(s, "GET /unsent HTTP/1.1\r\nHost: h\r\n\r\n");
    const char *text = hear_some(s);
    ck_assert(t_alloc_failed());
    ck_assert_int_eq(status_of(text), 500);
    ck_assert_str_eq(body_of(text), "Internal Server Error\n");
    ck_assert_str_eq(log_kept(), "GET /unsent: its response failed: out of memory\n");

    say(s, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); /* the connection is as good as before */
    ck_assert_int_eq(status_of(hear_some(s)), 200);
    proa_abort(s);
}

/* ---- what a server keeps for later requests */

#define LAST(path) "GET " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

SERVED_TEST(a_long_response_leaves_no_memory_behind, make_app)
{
    ck_assert_int_eq(status_of(ask(server, LAST("/"))), 200);
    size_t bytes = t_alloc_bytes();
    ck_assert_uint_gt(strlen(ask(server, LAST("/long-head"))), 30000);
    ck_assert_uint_le(t_alloc_bytes(), bytes);
}

SERVED_TEST(a_server_keeps_256_exchanges, make_app)
{
    enum { CROWD = EXCHANGE_SPARE + 10 };
    const struct pair_opts small = {.ab.capacity = 256, .ba.capacity = 512};
    static struct proa_stream *crowd[CROWD];

    for (int i = 0; i < CROWD; i++) {
        crowd[i] = served_connect(server, &small);
        say(crowd[i], "GET / HTTP/1.1\r\n");
    }
    t_turns(2);
    ck_assert_uint_eq(server->n_spare, 0);
    for (int i = 0; i < CROWD; i++) {
        say(crowd[i], "Host: h\r\n\r\n");
        ck_assert_int_eq(status_of(hear_some(crowd[i])), 200);
    }
    ck_assert_uint_eq(proa_server_connections(server), CROWD); /* idle, so they hold none */
    ck_assert_uint_eq(server->n_spare, EXCHANGE_SPARE);
    for (int i = 0; i < CROWD; i++)
        proa_abort(crowd[i]);
}

/* ---- each allocation of a request's path in turn */

struct scene {
    const char *line;   /* the request line */
    const char *fields; /* behind Host and the padding */
    const char *body;
    int status; /* with memory enough */
};

static const struct scene scenes[] = {
    {"GET / HTTP/1.1", "", "", 200},
    {"GET /param/x%20y/z%20z HTTP/1.1", "", "", 200},
    {"GET /packed HTTP/1.1", "Accept-Encoding: gzip\r\n", "", 200},
    {"POST /echo HTTP/1.1", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n", 200},
    {"POST /echo HTTP/1.1", "Content-Length: 5\r\n", "hello", 200},
    {"DELETE /many HTTP/1.1", "", "", 405},
    {"OPTIONS /many HTTP/1.1", "", "", 204},
    {"OPTIONS * HTTP/1.1", "", "", 204},
    {"GET /none HTTP/1.1", "", "", 404},
    {"GET /refused HTTP/1.1", "", "", 404},
    {"GET /%zz HTTP/1.1", "", "", 400},
    {"FROB / HTTP/1.1", "", "", 501},
};

static void request_of(char *text, size_t size, const struct scene *scene, size_t padding)
{
    snprintf(text, size, "%s\r\nHost: h\r\nConnection: close\r\nX: %0*d\r\n%s\r\n%s", scene->line,
             (int)padding, 0, scene->fields, scene->body);
}

/* What came of a request while memory was short. */
static void check_answer(const struct scene *scene, const char *text, uint64_t nth)
{
    int status = status_of(text);

    if (!*text) { /* it is told that something went wrong */
        ck_assert_int_eq(heard_end(), PROA_ECONNRESET);
        return;
    }
    ck_assert_msg(status == scene->status || status == 500, "%s, allocation %llu: status %d",
                  scene->line, (unsigned long long)nth, status);
    ck_assert_int_eq(responses_in(text), 1);
    if (status == 405 || (status == 204 && !strstr(scene->line, "*")))
        ck_assert_ptr_nonnull(strstr(text, "Allow: GET, HEAD, POST, PUT, PATCH\r\n"));
    const char *length = strstr(text, "Content-Length: ");
    if (length && !strstr(text, "gzip")) /* which has NULs */
        ck_assert_uint_eq(strlen(body_of(text)), (size_t)atol(length + 16));
}

/* One request with its nth allocation failing, and those behind it if `all`. True: it had one. */
static bool ask_short(const struct scene *scene, const char *request, uint64_t nth, bool all)
{
    struct proa_app *app = make_app();
    struct proa_server *server = served_start(app, PROA_SERVER_OPTS(.server_name = "proa"));
    struct proa_stream *s = served_connect(server, NULL);

    say(s, request);
    if (all)
        t_alloc_fail_from(nth);
    else
        t_alloc_fail(nth);
    const char *text = hear_all(s);
    bool failed = t_alloc_failed();
    t_alloc_fail(0);
    if (!failed)
        ck_assert_int_eq(status_of(text), scene->status);
    check_answer(scene, text, nth);
    proa_abort(s);
    served_end(server, app);
    return failed;
}

/* The padding lets each of the arena's allocations be the one that its first chunk has no room for.
 */
static int scene_body(void *arg)
{
    const struct scene *scene = arg;
    static char request[4096];

    log_keep();
    for (size_t padding = 400; padding < 1300; padding += 17) {
        request_of(request, sizeof request, scene, padding);
        for (int all = 0; all < 2; all++)
            for (uint64_t nth = 1; ask_short(scene, request, nth, all); nth++)
                ck_assert_uint_lt(nth, 100);
    }
    return 0;
}

START_TEST(each_allocation_of_a_request_may_fail)
{
    t_run(scene_body, (void *)&scenes[_i]);
}
END_TEST

int main(void)
{
    return t_main_tables(
        "memory",
        (const TTest *const[]){
            a_response_that_cannot_be_rendered_is_a_500_and_a_line_that_names_the_route,
            a_long_response_leaves_no_memory_behind, a_server_keeps_256_exchanges, NULL},
        (const struct t_table[]){
            {each_allocation_of_a_request_may_fail, sizeof scenes / sizeof scenes[0]}, {NULL, 0}});
}
