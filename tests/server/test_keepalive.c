#include "served.h"

#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <string.h>

/* Whether a connection goes on. HTTP-CONN-01 to 04 */

static int text(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_text(resp, 200, "hello");
}

static int streams(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    if (arg)
        proa_response_set_length(resp, 3);
    int rc = proa_response_start(resp, 200, "text/plain");
    return rc < 0 ? rc : proa_response_write(resp, "abc", 3);
}

static struct proa_app *make_app(void)
{
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/text", text, NULL);
    proa_app_get(app, "/streams", streams, NULL);
    proa_app_get(app, "/length", streams, app);
    return app;
}

#define SERVED(name) SERVED_TEST(name, make_app)

/* Ask for `path` in HTTP/1.`minor` with these fields, and then once more: is the second answered,
 * and what was said of the connection? */
static bool goes_on(struct proa_server *server, int minor, const char *path, const char *fields,
                    const char *said)
{
    static char request[512];

    snprintf(request, sizeof request,
             "GET %s HTTP/1.%d\r\nHost: h\r\n%s\r\nGET /none HTTP/1.1\r\nHost: h\r\n\r\n", path,
             minor, fields);
    const char *answer = ask(server, request);
    ck_assert_int_eq(heard_end(), 0);
    ck_assert_int_eq(status_of(answer), 200);
    if (said)
        ck_str_eq(field_of(answer, "Connection"), said);
    else
        ck_assert_int_eq(fields_of(answer, "Connection"), 0);
    return strstr(answer, "HTTP/1.1 404") != NULL;
}

/* HTTP-CONN-01, HTTP-CONN-03, HTTP-CONN-04 */
SERVED(http_1_1_goes_on_unless_close_is_said)
{
    static const char *const closing[] = {
        "Connection: close\r\n",
        "connection: CLOSE\r\n",
        "Connection: x-thing, close\r\n",
        "Connection: x-thing\r\nConnection: close\r\n",
        "Connection: keep-alive, close\r\n",
        "Connection: close, keep-alive\r\n",
        "Connection: close\r\nConnection: keep-alive\r\n",
        "Connection: ,,close,\r\n",
    };
    static const char *const going[] = {
        "",
        "Connection: keep-alive\r\n",
        "Connection: x-thing\r\n",
        "Connection: closed\r\n",
        "Connection: not-close\r\n",
        "X-Connection: close\r\n",
        "Connection: \r\n",
    };

    for (size_t i = 0; i < sizeof closing / sizeof closing[0]; i++)
        ck_assert_msg(!goes_on(server, 1, "/text", closing[i], "close"), "%s", closing[i]);
    for (size_t i = 0; i < sizeof going / sizeof going[0]; i++)
        ck_assert_msg(goes_on(server, 1, "/text", going[i], NULL), "%s", going[i]);
}

/* HTTP-CONN-02 */
SERVED(http_1_0_closes_unless_keep_alive_is_said)
{
    ck_assert(!goes_on(server, 0, "/text", "", "close"));
    ck_assert(!goes_on(server, 0, "/text", "Connection: close\r\n", "close"));
    ck_assert(!goes_on(server, 0, "/text", "Connection: x-thing\r\n", "close"));
    ck_assert(!goes_on(server, 0, "/text", "Connection: keep-alive, close\r\n", "close"));
    ck_assert(!goes_on(server, 0, "/text", "Keep-Alive: timeout=5\r\n", "close"));
    ck_assert(goes_on(server, 0, "/text", "Connection: keep-alive\r\n", "keep-alive"));
    ck_assert(goes_on(server, 0, "/text", "connection: x-thing, Keep-Alive\r\n", "keep-alive"));
}

/* HTTP-CONN-02: "and self-delimited". */
SERVED(http_1_0_goes_on_behind_a_body_of_known_length_alone)
{
    ck_assert(!goes_on(server, 0, "/streams", "Connection: keep-alive\r\n", "close"));
    ck_assert(goes_on(server, 0, "/length", "Connection: keep-alive\r\n", "keep-alive"));
    ck_assert(goes_on(server, 1, "/streams", "", NULL));
    ck_assert(goes_on(server, 1, "/length", "", NULL));
}

/* A body that ends with the connection must not end before it. */
SERVED(a_stream_to_http_1_0_ends_with_the_connection)
{
    const char *answer = ask(server, "GET /streams HTTP/1.0\r\n\r\n");

    ck_assert_int_eq(fields_of(answer, "Content-Length"), 0);
    ck_assert_int_eq(fields_of(answer, "Transfer-Encoding"), 0);
    ck_assert_str_eq(body_of(answer), "abc");
    ck_assert_int_eq(heard_end(), 0);
}

/* The answer to 1.0 is 1.1's all the same: the version is what the server can do. */
SERVED(the_server_says_its_own_version)
{
    ck_assert_int_eq(strncmp(ask(server, "GET /text HTTP/1.0\r\n\r\n"), "HTTP/1.1 200 OK", 15), 0);
}

/* An HTTP/1.0 client that waits is heard, as late as any. */
SERVED(an_http_1_0_connection_may_idle)
{
    struct proa_stream *s = served_connect(server, NULL);

    for (int i = 0; i < 3; i++) {
        say(s, "GET /text HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        ck_assert_int_eq(status_of(hear_some(s)), 200);
        proa_sleep(74 * PROA_SEC);
    }
    proa_sleep(2 * PROA_SEC);
    ck_assert_str_eq(hear_all(s), "");
    proa_abort(s);
}

int main(void)
{
    return t_main("keepalive",
                  (const TTest *const[]){http_1_1_goes_on_unless_close_is_said,
                                         http_1_0_closes_unless_keep_alive_is_said,
                                         http_1_0_goes_on_behind_a_body_of_known_length_alone,
                                         a_stream_to_http_1_0_ends_with_the_connection,
                                         the_server_says_its_own_version,
                                         an_http_1_0_connection_may_idle, NULL});
}
