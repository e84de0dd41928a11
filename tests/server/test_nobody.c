#include "served.h"

#include <stdio.h>
#include <string.h>

/* Responses that have no body: to HEAD, and by their status. HTTP-RESP-01 to 03, HTTP-FRAME-25 */

enum how { TEXT, BYTES, STREAM, STREAM_OF_LENGTH, STEALS, N_HOWS };

static int status; /* to answer with */

/* Answer with "hello" in one of the ways. */
static int answers(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_buf body;
    int rc;

    (void)req;
    proa_response_set_header(resp, "ETag", "\"1\"");
    switch (*(enum how *)arg) {
    case TEXT:
        return proa_response_text(resp, status, "hello");
    case BYTES:
        return proa_response_bytes(resp, status, "a/b", "hello", 5);
    case STEALS:
        proa_buf_init(&body, 100);
        proa_buf_append(&body, "hello", 5);
        return proa_response_body_steal(resp, status, "a/b", &body);
    case STREAM_OF_LENGTH:
        proa_response_set_length(resp, 5);
        break;
    default:
        break;
    }
    rc = proa_response_start(resp, status, "a/b");
    if (rc == 0)
        rc = proa_response_write(resp, "he", 2);
    return rc < 0 ? rc : proa_response_write(resp, "llo", 3);
}

static int errs(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)resp;
    (void)arg;
    return proa_http_error(req, 403, "not you");
}

static int goes(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_redirect(resp, 302, "/there");
}

static int fails(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)resp;
    (void)arg;
    return PROA_ENOENT;
}

static struct proa_app *make_app(void)
{
    static const enum how hows[N_HOWS] = {TEXT, BYTES, STREAM, STREAM_OF_LENGTH, STEALS};
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, NULL));
    status = 200;
    for (int i = 0; i < N_HOWS; i++) {
        char path[16];
        snprintf(path, sizeof path, "/%d", i);
        proa_app_get(app, path, answers, (void *)&hows[i]);
    }
    proa_app_get(app, "/err", errs, NULL);
    proa_app_get(app, "/goes", goes, NULL);
    proa_app_get(app, "/fails", fails, NULL);
    proa_app_post(app, "/post", fails, NULL);
    return app;
}

#define SERVED(name) SERVED_TEST(name, make_app)

/* Ask and close; the answer is kept in `keep`. */
static const char *ask_one(struct proa_server *server, const char *method, const char *path,
                           const char *version, char *keep, size_t room)
{
    char request[128];

    snprintf(request, sizeof request, "%s %s HTTP/%s\r\nHost: h\r\nConnection: close\r\n\r\n",
             method, path, version);
    snprintf(keep, room, "%s", ask(server, request));
    ck_assert_int_eq(heard_end(), 0);
    return keep;
}

/* The two answers have the same head, byte for byte, and that to HEAD has nothing else. */
static void ck_head_is_get(struct proa_server *server, const char *path)
{
    static char get[1024];
    static char head[1024];

    ask_one(server, "GET", path, "1.1", get, sizeof get);
    ask_one(server, "HEAD", path, "1.1", head, sizeof head);
    ck_assert_msg(strlen(get) > strlen(head) && strncmp(get, head, strlen(head)) == 0,
                  "%s: GET answers\n%s\nHEAD answers\n%s", path, get, head);
    ck_assert_str_eq(body_of(head), "");
}

/* HTTP-RESP-01 */
SERVED(head_has_the_fields_of_get_and_no_body)
{
    static const char *const paths[] = {"/0", "/1", "/2", "/3", "/4", "/err", "/none", "/fails"};

    log_keep();
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        ck_head_is_get(server, paths[i]);
}

/* HTTP-RESP-01: the next request is found right behind the head. */
SERVED(a_connection_goes_on_after_head)
{
    const char *text = ask(server, "HEAD /0 HTTP/1.1\r\nHost: h\r\n\r\n"
                                   "HEAD /2 HTTP/1.1\r\nHost: h\r\n\r\n"
                                   "HEAD /3 HTTP/1.1\r\nHost: h\r\n\r\n"
                                   "GET /0 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");

    ck_assert_int_eq(responses_in(text), 4);
    const char *end = text + strlen(text);
    ck_assert_str_eq(end - 9, "\r\n\r\nhello");
    ck_assert_ptr_eq(strstr(text, "hello"), end - 5); /* the only one */
}

/* HTTP-REQ-09, HTTP-RESP-01 */
SERVED(head_of_what_takes_no_head_is_405_without_a_body)
{
    char text[1024];

    ask_one(server, "HEAD", "/post", "1.1", text, sizeof text);
    ck_assert_int_eq(status_of(text), 405);
    ck_str_eq(field_of(text, "Allow"), "POST");
    ck_assert_str_eq(body_of(text), "");
}

/* HTTP-RESP-01 with 1.0, whose bodies of unknown length end with the connection. */
SERVED(head_in_http_1_0_may_keep_the_connection)
{
    const char *text = ask(server, "HEAD /2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
                                   "HEAD /0 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
                                   "HEAD /0 HTTP/1.0\r\n\r\n");

    ck_assert_int_eq(responses_in(text), 3);
    ck_assert_ptr_null(strstr(text, "Transfer-Encoding"));
    ck_assert_ptr_null(strstr(text, "hello"));
}

/* HTTP-RESP-02, HTTP-FRAME-25 */
SERVED(a_204_or_304_has_neither_body_nor_framing)
{
    static const int statuses[] = {204, 304};
    char text[1024];

    for (int s = 0; s < 2; s++)
        for (int how = 0; how < N_HOWS; how++) {
            char path[16];
            status = statuses[s];
            snprintf(path, sizeof path, "/%d", how);
            ask_one(server, "GET", path, "1.1", text, sizeof text);
            ck_assert_int_eq(status_of(text), status);
            ck_assert_int_eq(fields_of(text, "Content-Length"), 0);
            ck_assert_int_eq(fields_of(text, "Transfer-Encoding"), 0);
            ck_str_eq(field_of(text, "ETag"), "\"1\"");
            ck_assert_int_eq(fields_of(text, "Date"), 1);
            ck_assert_str_eq(body_of(text), "");
        }
}

/* HTTP-RESP-02: the dropped bytes are not the next response's. */
SERVED(a_connection_goes_on_after_204)
{
    status = 204;
    for (int how = 0; how < N_HOWS; how++) {
        char requests[128];
        snprintf(requests, sizeof requests,
                 "GET /%d HTTP/1.1\r\nHost: h\r\n\r\n"
                 "GET /none HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
                 how);
        const char *text = ask(server, requests);
        ck_assert_int_eq(responses_in(text), 2);
        ck_assert_int_eq(strncmp(body_of(text), "HTTP/1.1 404", 12), 0);
    }
}

/* HTTP-RESP-03 */
SERVED(a_205_has_length_0)
{
    char text[1024];

    status = 205;
    for (int how = 0; how < N_HOWS; how++) {
        char path[16];
        snprintf(path, sizeof path, "/%d", how);
        ask_one(server, "GET", path, "1.1", text, sizeof text);
        ck_str_eq(field_of(text, "Content-Length"), "0");
        ck_assert_int_eq(fields_of(text, "Transfer-Encoding"), 0);
        ck_assert_str_eq(body_of(text), "");
    }
}

/* HTTP-RESP-02 in HTTP/1.0, where it also must not close the connection. */
SERVED(a_204_keeps_an_http_1_0_connection)
{
    status = 204;
    const char *text = ask(server, "GET /2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
                                   "GET /0 HTTP/1.0\r\n\r\n");

    ck_assert_int_eq(responses_in(text), 2);
    ck_assert_ptr_null(strstr(text, "hello"));
}

SERVED(a_redirect_has_an_empty_body)
{
    char text[1024];

    ask_one(server, "GET", "/goes", "1.1", text, sizeof text);
    ck_str_eq(field_of(text, "Location"), "/there");
    ck_str_eq(field_of(text, "Content-Length"), "0");
    ck_assert_int_eq(fields_of(text, "Content-Type"), 0);
    ck_assert_str_eq(body_of(text), "");
}

int main(void)
{
    return t_main("nobody",
                  (const TTest *const[]){
                      head_has_the_fields_of_get_and_no_body, a_connection_goes_on_after_head,
                      head_of_what_takes_no_head_is_405_without_a_body,
                      head_in_http_1_0_may_keep_the_connection,
                      a_204_or_304_has_neither_body_nor_framing, a_connection_goes_on_after_204,
                      a_205_has_length_0, a_204_keeps_an_http_1_0_connection,
                      a_redirect_has_an_empty_body, NULL});
}
