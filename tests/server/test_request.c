#include "served.h"
#include "support/t_peer.h"

#include <proa/headers.h>
#include <proa/task.h>
#include <proa/url.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What a handler can ask of its request. */

#define HEAD_END " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

/* Say all that there is to say about the request's head, a line each. */
static int tells(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_buf text;

    proa_buf_init(&text, PROA_UNLIMITED);
    proa_buf_appendf(&text, "method=%.*s\n", PROA_PRI(proa_request_method(req)));
    proa_buf_appendf(&text, "target=%.*s\n", PROA_PRI(proa_request_target(req)));
    proa_buf_appendf(&text, "path=%.*s\n", PROA_PRI(proa_request_path(req)));
    proa_buf_appendf(&text, "query=%.*s\n", PROA_PRI(proa_request_query(req)));
    proa_buf_appendf(&text, "id=%.*s\n", PROA_PRI(proa_request_param(req, "id")));
    proa_buf_appendf(&text, "rest=%.*s\n", PROA_PRI(proa_request_param(req, "rest")));
    proa_buf_appendf(&text, "none=%.*s\n", PROA_PRI(proa_request_param(req, "none")));
    proa_buf_appendf(&text, "version=1.%d\n", proa_request_version_minor(req));
    proa_buf_appendf(&text, "scheme=%s\n", proa_request_scheme(req));
    proa_buf_appendf(&text, "host=%.*s\n", PROA_PRI(proa_request_host(req)));
    proa_buf_appendf(&text, "peer=%.*s\n", PROA_PRI(proa_request_peer(req)));
    proa_buf_appendf(&text, "length=%lld\n", (long long)proa_request_content_length(req));
    proa_buf_appendf(&text, "fields=%zu\n", (size_t)proa_request_headers(req)->count);
    proa_buf_appendf(&text, "x-test=%.*s\n", PROA_PRI(proa_request_header(req, "x-TEST")));
    proa_buf_appendf(&text, "app=%d\n", proa_request_app(req) == *(struct proa_app **)arg);
    return proa_response_body_steal(resp, 200, "text/plain", &text);
}

static uint64_t most; /* of the number */

static int number(struct proa_request *req, struct proa_response *resp, void *arg)
{
    uint64_t value = 77;
    int rc = proa_request_param_u64(req, arg ? arg : "id", most, &value);

    if (rc < 0) {
        ck_err(rc, PROA_EINVAL);
        ck_assert_uint_eq(value, 77); /* written on success only */
        return proa_response_text(resp, 404, proa_err_detail(rc));
    }
    return proa_response_textf(resp, 200, "%llu", (unsigned long long)value);
}

static int asks(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str value = PROA_STR("untouched");
    int rc = proa_request_query_get(req, "q", &value);

    (void)arg;
    if (rc < 0)
        ck_str_eq(value, "untouched");
    if (rc == PROA_ENOENT)
        return proa_response_text(resp, 200, "none");
    return rc < 0 ? rc : proa_response_textf(resp, 200, "[%.*s]", PROA_PRI(value));
}

/* Memory of the request: many pieces, all writable, all whole at the end. */
static int allocates(struct proa_request *req, struct proa_response *resp, void *arg)
{
    static const size_t sizes[] = {1, 8, 100, 3000, 70000, 1};
    char *p[6];

    (void)arg;
    for (int i = 0; i < 6; i++) {
        p[i] = proa_request_alloc(req, sizes[i]);
        ck_assert_ptr_nonnull(p[i]);
        ck_assert_uint_eq((uintptr_t)p[i] % 8, 0);
        memset(p[i], 'a' + i, sizes[i]);
    }
    for (int i = 0; i < 6; i++)
        ck_assert(p[i][0] == 'a' + i && p[i][sizes[i] - 1] == 'a' + i);
    return proa_response_static(resp, 200, "text/plain", p[3], 3000);
}

static int tells_peer(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)arg;
    return proa_response_textf(resp, 200, "[%.*s]", PROA_PRI(proa_request_peer(req)));
}

static struct proa_app *the_app;

static struct proa_app *make_app(void)
{
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, NULL));
    proa_app_route(app, "*", "/tell", tells, &the_app, NULL);
    proa_app_get(app, "/tell/{id}", tells, &the_app);
    proa_app_get(app, "/rest/{rest...}", tells, &the_app);
    proa_app_get(app, "/{id}/rest/{rest...}", tells, &the_app);
    proa_app_get(app, "/number/{id}", number, NULL);
    proa_app_get(app, "/other-number/{other}", number, NULL);
    proa_app_get(app, "/ask", asks, NULL);
    proa_app_get(app, "/allocates", allocates, NULL);
    proa_app_get(app, "/peer", tells_peer, NULL);
    the_app = app;
    most = UINT64_MAX;
    return app;
}

#define SERVED(name) SERVED_TEST(name, make_app)

/* The answer of /tell says `line`. */
static void ck_tells(const char *answer, const char *line)
{
    char whole[256];

    ck_assert_int_eq(status_of(answer), 200);
    snprintf(whole, sizeof whole, "\n%s\n", line);
    ck_assert_msg(strstr(answer, whole), "no line %s in\n%s", line, answer);
}

/* ---- the head */

SERVED(the_parts_of_the_target)
{
    const char *answer = ask(server, "GET /tell?a=b%20c&d HTTP/1.1\r\nHost: a.example:81\r\n"
                                     "X-Test: one\r\nx-test: two\r\nConnection: close\r\n\r\n");

    ck_tells(answer, "method=GET");
    ck_tells(answer, "target=/tell?a=b%20c&d");
    ck_tells(answer, "path=/tell");
    ck_tells(answer, "query=a=b%20c&d");
    ck_tells(answer, "version=1.1");
    ck_tells(answer, "scheme=http");
    ck_tells(answer, "host=a.example:81");
    ck_tells(answer, "peer=");
    ck_tells(answer, "length=0");
    ck_tells(answer, "fields=4");
    ck_tells(answer, "x-test=one");
    ck_tells(answer, "app=1");
}

SERVED(what_is_not_there_is_empty)
{
    const char *answer = ask(server, "GET /tell HTTP/1.0\r\n\r\n");

    ck_tells(answer, "query=");
    ck_tells(answer, "id=");
    ck_tells(answer, "none=");
    ck_tells(answer, "version=1.0");
    ck_tells(answer, "host=");
    ck_tells(answer, "fields=0");
    ck_tells(answer, "x-test=");
    ck_tells(ask(server, "GET /tell?" HEAD_END), "query=");
    ck_tells(ask(server, "GET /tell??a" HEAD_END), "query=?a");
}

/* HTTP-REQ-13: the authority of an absolute target is the host. */
SERVED(an_absolute_target_has_host_and_path)
{
    const char *answer = ask(server, "GET http://b.example/tell?x HTTP/1.1\r\nHost: b.example\r\n"
                                     "Connection: close\r\n\r\n");

    ck_tells(answer, "target=http://b.example/tell?x");
    ck_tells(answer, "path=/tell");
    ck_tells(answer, "query=x");
    ck_tells(answer, "host=b.example");
}

SERVED(the_length_is_told_before_the_body_is_read)
{
    ck_tells(ask(server, "POST /tell HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n"
                         "Connection: close\r\n\r\nabc"),
             "length=3");
    ck_tells(ask(server, "POST /tell HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                         "Connection: close\r\n\r\n0\r\n\r\n"),
             "length=-1");
    ck_tells(ask(server, "POST /tell HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n"
                         "Connection: close\r\n\r\n"),
             "length=0");
}

/* All 128 fields, in their order. */
SERVED(a_head_may_be_as_large_as_its_limits)
{
    static char request[70000];
    size_t n = (size_t)sprintf(request, "GET /tell HTTP/1.1\r\nHost: h\r\nConnection: close\r\n");

    for (int i = 0; i < 125; i++)
        n += (size_t)sprintf(request + n, "X-%d: %0480d\r\n", i, i);
    sprintf(request + n, "X-Test: last\r\n\r\n");
    const char *answer = ask(server, request);
    ck_tells(answer, "fields=128");
    ck_tells(answer, "x-test=last");
}

/* ---- parameters */

/* HTTP-REQ-18 */
SERVED(a_parameter_is_decoded_once)
{
    const char *answer = ask(server, "GET /tell/a%2Fb%20c%2525" HEAD_END);

    ck_tells(answer, "id=a/b c%25");
    ck_tells(answer, "path=/tell/a%2Fb%20c%2525");
    ck_tells(ask(server, "GET /tell/a+b" HEAD_END), "id=a+b");
    ck_tells(ask(server, "GET /tell/%C3%A9" HEAD_END), "id=\xc3\xa9");
}

SERVED(the_rest_of_a_path_is_decoded_once)
{
    const char *answer = ask(server, "GET /me%21/rest/a%2Fb/c%20d/%2e%2e/" HEAD_END);

    ck_tells(answer, "id=me!");
    ck_tells(answer, "rest=a/b/c d/../");
    ck_tells(ask(server, "GET /rest/" HEAD_END), "rest=");
}

SERVED(a_number_is_digits_up_to_its_bound)
{
    static const struct {
        const char *target;
        const char *answer;
    } cases[] = {
        {"GET /number/0" HEAD_END, "0"},
        {"GET /number/007" HEAD_END, "7"},
        {"GET /number/18446744073709551615" HEAD_END, "18446744073709551615"},
        {"GET /number/18446744073709551616" HEAD_END, "id is no number"},
        {"GET /number/-1" HEAD_END, "id is no number"},
        {"GET /number/+1" HEAD_END, "id is no number"},
        {"GET /number/1x" HEAD_END, "id is no number"},
        {"GET /number/0x1" HEAD_END, "id is no number"},
        {"GET /number/%31" HEAD_END, "1"},
        {"GET /number/1%00" HEAD_END, "Bad Request\n"},
        {"GET /other-number/1" HEAD_END, "id is no number"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_str_eq(body_of(ask(server, cases[i].target)), cases[i].answer);
    most = 100;
    ck_assert_str_eq(body_of(ask(server, "GET /number/100" HEAD_END)), "100");
    ck_assert_str_eq(body_of(ask(server, "GET /number/101" HEAD_END)), "id is more than 100");
}

/* ---- the query */

SERVED(the_first_value_of_a_name_is_decoded)
{
    static const struct {
        const char *target;
        const char *answer;
    } cases[] = {
        {"GET /ask?q=1" HEAD_END, "[1]"},
        {"GET /ask?a=b&q=x%20y+z&q=2" HEAD_END, "[x y z]"},
        {"GET /ask?%71=%26%3D" HEAD_END, "[&=]"},
        {"GET /ask?q" HEAD_END, "[]"},
        {"GET /ask?q=" HEAD_END, "[]"},
        {"GET /ask?q=a=b" HEAD_END, "[a=b]"},
        {"GET /ask?Q=1&qq=1&=q" HEAD_END, "none"},
        {"GET /ask?" HEAD_END, "none"},
        {"GET /ask" HEAD_END, "none"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_str_eq(body_of(ask(server, cases[i].target)), cases[i].answer);
}

/* Returned by the handler as it is, a bad escape is the client's 400. */
SERVED(a_bad_escape_in_the_query_is_a_400)
{
    ck_assert_int_eq(status_of(ask(server, "GET /ask?q=%zz" HEAD_END)), 400);
    ck_assert_int_eq(status_of(ask(server, "GET /ask?a=%4&q=1" HEAD_END)), 400);
    ck_assert_int_eq(status_of(ask(server, "GET /ask?q=1&a=%4" HEAD_END)), 200);
}

SERVED(a_query_is_read_up_to_its_limit_of_pairs)
{
    static char request[4096];

    for (int beyond = 0; beyond < 2; beyond++) {
        strcpy(request, "GET /ask?");
        for (int i = 1; i < PROA_QUERY_MAX + beyond; i++)
            strcat(request, "a&");
        strcat(request, "q=1" HEAD_END);
        ck_assert_int_eq(status_of(ask(server, request)), beyond ? 413 : 200);
    }
}

SERVED(memory_of_the_request_lasts_as_long_as_it)
{
    const char *body = body_of(ask(server, "GET /allocates" HEAD_END));

    ck_assert_uint_eq(strspn(body, "d"), 3000);
}

/* Ask for /peer on a socket: is `peer` answered? */
static void ck_peer(int fd, const char *peer)
{
    char text[1024] = "";

    t_peer_say(fd, "GET /peer" HEAD_END);
    t_turns(12);
    ck_assert_int_gt(t_peer_recv(fd, text, sizeof text - 1), 0);
    ck_assert_str_eq(body_of(text), peer);
    t_peer_close(fd);
    t_turns(4);
}

static int peers_body(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *server = NULL;
    struct proa_addr addr;
    char name[64];

    (void)arg;
    snprintf(name, sizeof name, "@proa-test-request-%d", (int)getpid());
    struct proa_bind binds[] = {{.host = "127.0.0.1"}, {.unix_path = name}};
    ck_ok(proa_server_start(&server, app, PROA_SERVER_OPTS(.binds = binds, .n_binds = 2)));
    proa_yield();
    ck_peer(t_peer_connect_port(proa_server_port(server, 0)), "[127.0.0.1]");
    ck_ok(proa_addr_unix(&addr, name));
    ck_peer(t_peer_connect(&addr), "[unix]");
    served_end(server, app);
    return 0;
}

START_TEST(a_peer_has_its_address_and_a_local_one_none)
{
    t_run(peers_body, NULL);
}
END_TEST

int main(void)
{
    return t_main(
        "request",
        (const TTest *const[]){
            the_parts_of_the_target, what_is_not_there_is_empty,
            an_absolute_target_has_host_and_path, the_length_is_told_before_the_body_is_read,
            a_head_may_be_as_large_as_its_limits, a_parameter_is_decoded_once,
            the_rest_of_a_path_is_decoded_once, a_number_is_digits_up_to_its_bound,
            the_first_value_of_a_name_is_decoded, a_bad_escape_in_the_query_is_a_400,
            a_query_is_read_up_to_its_limit_of_pairs, memory_of_the_request_lasts_as_long_as_it,
            a_peer_has_its_address_and_a_local_one_none, NULL});
}
