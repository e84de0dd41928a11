#include "http/headers.h"
#include "http/writer.h"
#include "support/test.h"

#include <proa/http.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct proa_str date = PROA_STR("Sun, 06 Nov 1994 08:49:37 GMT");
#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
#define HOST "Host: a.example\r\n"

/* Render, compare, and say what became of the body. */
static struct body_out response(const struct response_head *head, const char *expected)
{
    struct proa_buf b;
    struct body_out body;

    proa_buf_init(&b, 100000);
    ck_ok(proa__response_head(&b, &body, head));
    ck_str_eq(proa_buf_str(&b), expected);
    proa_buf_fini(&b);
    return body;
}

static void no_response(const struct response_head *head, int code)
{
    struct proa_buf b;
    struct body_out body;

    proa_buf_init(&b, 100000);
    ck_err(proa__response_head(&b, &body, head), code);
    ck_assert_uint_eq(b.n, 0);
    proa_buf_fini(&b);
}

static struct body_out request(const struct request_head *head, const char *expected)
{
    struct proa_buf b;
    struct body_out body;

    proa_buf_init(&b, 100000);
    ck_ok(proa__request_head(&b, &body, head));
    ck_str_eq(proa_buf_str(&b), expected);
    proa_buf_fini(&b);
    return body;
}

static void no_request(const struct request_head *head, int code)
{
    struct proa_buf b;
    struct body_out body;

    proa_buf_init(&b, 100000);
    ck_err(proa__request_head(&b, &body, head), code);
    ck_assert_uint_eq(b.n, 0);
    proa_buf_fini(&b);
}

START_TEST(plain_text_response)
{
    struct proa_headers h = {0};

    ck_ok(proa_headers_set(&h, "Content-Type", "text/plain"));
    struct body_out body = response(
        &(struct response_head){.status = 200, .headers = &h, .date = date, .length = 13},
        "HTTP/1.1 200 OK\r\n" DATE "Content-Type: text/plain\r\nContent-Length: 13\r\n\r\n");
    ck_assert_int_eq(body.kind, BODY_LENGTH);
    ck_assert_uint_eq(body.left, 13);
    ck_assert(!body.close);
    proa_headers_fini(&h);
}
END_TEST

/* What the client may be told about the body, by status, request and version: RFC 9112, part 6. */
static const struct {
    struct response_head head;
    const char *lines; /* behind the status line and Date */
    enum body_kind kind;
    bool close;
} framings[] = {
    {{.status = 200, .length = 0}, "Content-Length: 0\r\n", BODY_LENGTH, false},
    {{.status = 200, .length = INT64_MAX},
     "Content-Length: 9223372036854775807\r\n",
     BODY_LENGTH,
     false},
    {{.status = 200, .length = BODY_UNKNOWN},
     "Transfer-Encoding: chunked\r\n",
     BODY_CHUNKED,
     false},
    {{.status = 200, .length = BODY_UNKNOWN, .to_http10 = true},
     "Connection: close\r\n",
     BODY_CLOSE,
     true},
    {{.status = 200, .length = 5, .to_http10 = true},
     "Connection: keep-alive\r\nContent-Length: 5\r\n",
     BODY_LENGTH,
     false},
    {{.status = 200, .length = 5, .to_http10 = true, .close = true},
     "Connection: close\r\nContent-Length: 5\r\n",
     BODY_LENGTH,
     true},
    {{.status = 200, .length = 5, .close = true},
     "Connection: close\r\nContent-Length: 5\r\n",
     BODY_LENGTH,
     true},
    {{.status = 200, .length = 5, .to_head = true}, "Content-Length: 5\r\n", BODY_NONE, false},
    {{.status = 404, .length = 5, .to_head = true}, "Content-Length: 5\r\n", BODY_NONE, false},
    {{.status = 200, .length = BODY_UNKNOWN, .to_head = true},
     "Transfer-Encoding: chunked\r\n",
     BODY_NONE,
     false},
    {{.status = 200, .length = BODY_UNKNOWN, .to_head = true, .to_http10 = true},
     "Connection: keep-alive\r\n",
     BODY_NONE,
     false},
    {{.status = 204, .length = 5}, "", BODY_NONE, false},
    {{.status = 204, .length = BODY_UNKNOWN}, "", BODY_NONE, false},
    {{.status = 304, .length = 5}, "", BODY_NONE, false},
    {{.status = 205, .length = 5}, "Content-Length: 0\r\n", BODY_NONE, false},
    {{.status = 205, .length = BODY_UNKNOWN}, "Content-Length: 0\r\n", BODY_NONE, false},
    {{.status = 200, .length = 5, .to_connect = true}, "", BODY_NONE, false},
    {{.status = 299, .length = BODY_UNKNOWN, .to_connect = true}, "", BODY_NONE, false},
    {{.status = 407, .length = 5, .to_connect = true}, "Content-Length: 5\r\n", BODY_LENGTH, false},
};

START_TEST(framing)
{
    struct response_head head = framings[_i].head;
    char expected[200];
    const char *reason = proa_status_reason(head.status);

    head.date = date;
    snprintf(expected, sizeof expected, "HTTP/1.1 %d %s\r\n" DATE "%s\r\n", head.status, reason,
             framings[_i].lines);
    struct body_out body = response(&head, expected);
    ck_assert_int_eq(body.kind, framings[_i].kind);
    ck_assert_int_eq(body.close, framings[_i].close);
    ck_assert_uint_eq(body.left, body.kind == BODY_LENGTH ? head.length : 0);
}
END_TEST

START_TEST(interim_responses_have_no_frame)
{
    struct proa_headers h = {0};

    ck_ok(proa_headers_set(&h, "Link", "</a.css>"));
    struct body_out body = response(
        &(struct response_head){
            .status = 103, .headers = &h, .date = date, .length = 5, .close = true},
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
    ck_assert_int_eq(body.kind, BODY_NONE);
    response(&(struct response_head){.status = 100}, "HTTP/1.1 100 Continue\r\n\r\n");
    no_response(&(struct response_head){.status = 100, .to_http10 = true}, PROA_ESTARTLINE);
    proa_headers_fini(&h);
}
END_TEST

START_TEST(own_reasons_and_unknown_statuses)
{
    response(&(struct response_head){.status = 200, .reason = PROA_STR("fine \t\xc3\xa9")},
             "HTTP/1.1 200 fine \t\xc3\xa9\r\nContent-Length: 0\r\n\r\n");
    response(&(struct response_head){.status = 299}, "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n");
    response(&(struct response_head){.status = 599}, "HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n");
    no_response(&(struct response_head){.status = 99}, PROA_ESTARTLINE);
    no_response(&(struct response_head){.status = 600}, PROA_ESTARTLINE);
    no_response(&(struct response_head){.status = 200, .reason = PROA_STR("a\r\nX: y")},
                PROA_ESTARTLINE);
    no_response(&(struct response_head){.status = 200, .reason = PROA_STR("a\0b")},
                PROA_ESTARTLINE);
    no_response(&(struct response_head){.status = 200, .reason = PROA_STR("\x7f")},
                PROA_ESTARTLINE);
}
END_TEST

START_TEST(every_status_line_is_right)
{
#define X(name, number, reason)                                                                    \
    if (number >= 200)                                                                             \
        ck_assert(strncmp(proa_status_reason(number), reason, strlen(reason)) == 0);
    PROA_STATUS_MAP(X)
#undef X
    for (int status = 200; status < 600; status++) {
        struct proa_buf b;
        struct body_out body;
        char expected[100];
        int n = snprintf(expected, sizeof expected, "HTTP/1.1 %d %s\r\n", status,
                         proa_status_reason(status));

        proa_buf_init(&b, 1000);
        ck_ok(proa__response_head(&b, &body, &(struct response_head){.status = status}));
        ck_assert(proa_str_starts(proa_buf_str(&b), proa_str_make(expected, (size_t)n)));
        proa_buf_fini(&b);
    }
}
END_TEST

START_TEST(a_list_may_not_say_how_long_the_body_is)
{
    static const char *const names[] = {"content-length", "Transfer-Encoding"};

    for (int i = 0; i < 2; i++) {
        struct proa_headers h = {0};
        ck_ok(proa_headers_set(&h, names[i], "5"));
        no_response(&(struct response_head){.status = 200, .headers = &h}, PROA_EHEADER);
        no_request(&(struct request_head){.method = PROA_STR("GET"),
                                          .target = PROA_STR("/"),
                                          .host = PROA_STR("a"),
                                          .headers = &h},
                   PROA_EHEADER);
        proa_headers_fini(&h);
    }
}
END_TEST

START_TEST(a_list_that_failed_is_not_sent)
{
    struct proa_headers h = {0};

    ck_err(proa_headers_set(&h, "Location", "/\r\nX: y"), PROA_EHEADER);
    no_response(&(struct response_head){.status = 302, .headers = &h}, PROA_EHEADER);
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_EHEADER), "Location"));
    no_request(&(struct request_head){.method = PROA_STR("GET"),
                                      .target = PROA_STR("/"),
                                      .host = PROA_STR("a"),
                                      .headers = &h},
               PROA_EHEADER);
    proa_headers_fini(&h);
}
END_TEST

START_TEST(a_handlers_own_connection_and_date_are_heard)
{
    struct proa_headers h = {0};

    ck_ok(proa_headers_set(&h, "Connection", "x, Close"));
    ck_ok(proa_headers_set(&h, "Date", "then"));
    struct body_out body = response(
        &(struct response_head){.status = 200, .headers = &h, .date = date},
        "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nDate: then\r\nContent-Length: 0\r\n\r\n");
    ck_assert(body.close);

    ck_ok(proa_headers_set(&h, "Connection", "x"));
    body = response(&(struct response_head){.status = 200, .headers = &h, .close = true},
                    "HTTP/1.1 200 OK\r\nConnection: x\r\nDate: then\r\nConnection: close\r\n"
                    "Content-Length: 0\r\n\r\n");
    ck_assert(body.close);
    proa_headers_fini(&h);
}
END_TEST

#define GET .method = PROA_STR("GET"), .target = PROA_STR("/x?y"), .host = PROA_STR("a.example")

START_TEST(requests_say_their_length_where_one_is_expected)
{
    struct body_out body = request(&(struct request_head){GET},
                                   "GET /x?y HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_int_eq(body.kind, BODY_NONE);

    body = request(&(struct request_head){GET, .length = 3},
                   "GET /x?y HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\n");
    ck_assert_int_eq(body.kind, BODY_LENGTH);
    body = request(&(struct request_head){GET, .length = BODY_UNKNOWN, .close = true},
                   "GET /x?y HTTP/1.1\r\n" HOST
                   "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n");
    ck_assert_int_eq(body.kind, BODY_CHUNKED);
    ck_assert(body.close);

    static const char *const methods[] = {"POST", "PUT", "PATCH"};
    for (int i = 0; i < 3; i++) {
        char expected[100];
        snprintf(expected, sizeof expected, "%s / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
                 methods[i]);
        body = request(&(struct request_head){.method = proa_str_from(methods[i]),
                                              .target = PROA_STR("/"),
                                              .host = PROA_STR("a.example")},
                       expected);
        ck_assert_int_eq(body.kind, BODY_LENGTH);
    }
    request(&(struct request_head){.method = PROA_STR("DELETE"),
                                   .target = PROA_STR("/"),
                                   .host = PROA_STR("a.example")},
            "DELETE / HTTP/1.1\r\n" HOST "\r\n");
}
END_TEST

START_TEST(an_http10_server_is_sent_no_chunks)
{
    no_request(&(struct request_head){GET, .length = BODY_UNKNOWN, .to_http10 = true},
               PROA_EBODYLENGTH);
    request(&(struct request_head){GET, .to_http10 = true},
            "GET /x?y HTTP/1.1\r\n" HOST "Connection: keep-alive\r\n\r\n");
}
END_TEST

START_TEST(one_host_that_is_a_host)
{
    struct proa_headers h = {0};

    ck_ok(proa_headers_set(&h, "host", "other:81"));
    request(&(struct request_head){GET, .headers = &h},
            "GET /x?y HTTP/1.1\r\nhost: other:81\r\n\r\n");
    ck_ok(proa_headers_add(&h, "Host", "b"));
    no_request(&(struct request_head){GET, .headers = &h}, PROA_EHEADER);
    ck_ok(proa_headers_set(&h, "Host", "a b"));
    no_request(&(struct request_head){GET, .headers = &h}, PROA_EHEADER);
    ck_ok(proa_headers_set(&h, "Host", ""));
    request(&(struct request_head){GET, .headers = &h}, "GET /x?y HTTP/1.1\r\nHost: \r\n\r\n");
    proa_headers_fini(&h);

    struct request_head head = {GET};
    head.host = PROA_STR("u@a");
    no_request(&head, PROA_EHEADER);
    head.host = (struct proa_str){0};
    no_request(&head, PROA_EHEADER);
}
END_TEST

static const char *const bad_targets[] = {"",    "/a b", " /",    "/\t",       "/\r\nX: y",
                                          "/\n", "/a#b", "/\x7f", "/\xc3\xa9", "/\x01"};
static const char *const bad_methods[] = {"",      "G T", "GET ",     "GE\nT",
                                          "G\x01", "G:T", "\xc3\xa9", "G/T"};

START_TEST(bad_target)
{
    struct request_head head = {GET};
    head.target = proa_str_from(bad_targets[_i]);
    no_request(&head, PROA_ESTARTLINE);
}
END_TEST

START_TEST(bad_method)
{
    struct request_head head = {GET};
    head.method = proa_str_from(bad_methods[_i]);
    no_request(&head, PROA_ESTARTLINE);
}
END_TEST

START_TEST(all_forms_of_targets)
{
    static const char *const targets[] = {"*", "http://a/b", "a.example:443", "/"};

    for (int i = 0; i < 4; i++) {
        char expected[100];
        struct request_head head = {GET};
        head.target = proa_str_from(targets[i]);
        snprintf(expected, sizeof expected, "GET %s HTTP/1.1\r\n" HOST "\r\n", targets[i]);
        request(&head, expected);
    }
}
END_TEST

/* The iovecs of one write as text. */
static void body_bytes(struct body_out *body, const char *data, const char *expected, int iovs)
{
    struct iovec iov[3];
    char got[100];
    size_t n = 0;
    int count = proa__body_iov(body, data, strlen(data), iov);

    ck_assert_int_eq(count, iovs);
    for (int i = 0; i < count; i++) {
        memcpy(got + n, iov[i].iov_base, iov[i].iov_len);
        n += iov[i].iov_len;
    }
    got[n] = '\0';
    ck_assert_str_eq(got, expected);
}

START_TEST(chunks_are_three_iovecs)
{
    struct body_out body = {.kind = BODY_CHUNKED};
    struct proa_str tail;

    body_bytes(&body, "hello, this is 27 bytes ...", "1b\r\nhello, this is 27 bytes ...\r\n", 3);
    body_bytes(&body, "x", "1\r\nx\r\n", 3);
    ck_ok(proa__body_end(&body, &tail));
    ck_str_eq(tail, "0\r\n\r\n");
}
END_TEST

START_TEST(a_write_of_nothing_does_not_end_the_body)
{
    static const enum body_kind kinds[] = {BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_CLOSE};

    for (int i = 0; i < 4; i++) {
        struct body_out body = {.kind = kinds[i], .left = kinds[i] == BODY_LENGTH};
        body_bytes(&body, "", "", 0);
        ck_assert(!body.ended);
        if (kinds[i] == BODY_LENGTH)
            body_bytes(&body, "x", "x", 1);
    }
}
END_TEST

START_TEST(size_lines_of_all_sizes)
{
    for (int shift = 0; shift < 64; shift++) {
        struct body_out body = {.kind = BODY_CHUNKED};
        struct proa_str before;
        struct proa_str after;
        char expected[24];
        size_t n = ((size_t)1 << shift) | 1;

        ck_assert_int_eq(proa__body_frame(&body, n, &before, &after), 1);
        snprintf(expected, sizeof expected, "%zx\r\n", n);
        ck_str_eq(before, expected);
        ck_str_eq(after, "\r\n");
    }
    struct body_out body = {.kind = BODY_CHUNKED};
    struct proa_str before;
    struct proa_str after;
    ck_assert_int_eq(proa__body_frame(&body, SIZE_MAX, &before, &after), 1);
    ck_str_eq(before, "ffffffffffffffff\r\n");
}
END_TEST

START_TEST(the_declared_length_binds)
{
    struct body_out body = {.kind = BODY_LENGTH, .left = 5};
    struct iovec iov[3];
    struct proa_str tail;

    body_bytes(&body, "abc", "abc", 1);
    ck_err(proa__body_iov(&body, "xyz", 3, iov), PROA_EBODYLENGTH);
    ck_err(proa__body_end(&body, &tail), PROA_EBODYLENGTH);
    ck_assert(!body.ended);
    body_bytes(&body, "de", "de", 1);
    ck_err(proa__body_iov(&body, "x", 1, iov), PROA_EBODYLENGTH);
    ck_ok(proa__body_end(&body, &tail));
    ck_assert_uint_eq(tail.n, 0);
}
END_TEST

START_TEST(a_body_that_may_not_be_is_dropped)
{
    struct body_out body = {.kind = BODY_NONE};
    struct proa_str tail;

    body_bytes(&body, "not for HEAD", "", 0);
    ck_assert_uint_eq(body.dropped, 12);
    ck_ok(proa__body_end(&body, &tail));
    ck_assert_uint_eq(tail.n, 0);
}
END_TEST

START_TEST(a_body_up_to_the_close_has_no_frame)
{
    struct body_out body = {.kind = BODY_CLOSE};
    struct proa_str tail;

    body_bytes(&body, "abc", "abc", 1);
    ck_ok(proa__body_end(&body, &tail));
    ck_assert_uint_eq(tail.n, 0);
}
END_TEST

static void write_after_end(void *arg)
{
    struct body_out body = {.kind = BODY_CHUNKED};
    struct proa_str tail;
    struct iovec iov[3];

    (void)arg;
    proa__body_end(&body, &tail);
    proa__body_iov(&body, "x", 1, iov);
}

START_TEST(bytes_behind_the_end_are_misuse)
{
    t_aborts(write_after_end, NULL, "after the end of the body");
}
END_TEST

START_TEST(the_date_is_made_once_a_second)
{
    struct date_cache cache = {0};

    ck_str_eq(proa__date_at(&cache, 0), "Thu, 01 Jan 1970 00:00:00 GMT");
    cache.text[0] = 'X';
    ck_str_eq(proa__date_at(&cache, 0), "Xhu, 01 Jan 1970 00:00:00 GMT");
    ck_str_eq(proa__date_at(&cache, 784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
}
END_TEST

START_TEST(a_full_buffer_gets_nothing)
{
    struct proa_buf b;
    struct body_out body;

    proa_buf_init(&b, 20);
    ck_err(proa__response_head(&b, &body, &(struct response_head){.status = 200, .date = date}),
           PROA_EMSGSIZE);
    ck_assert_uint_eq(b.n, 0);
    proa_buf_fini(&b);
}
END_TEST

static int render(void *arg)
{
    struct proa_buf b;
    struct body_out body;
    struct request_head head = {GET};

    (void)arg;
    proa_buf_init(&b, 1000);
    int rc = proa__response_head(&b, &body, &(struct response_head){.status = 200, .date = date});
    if (rc == 0)
        rc = proa__request_head(&b, &body, &head);
    proa_buf_fini(&b);
    return rc;
}

START_TEST(each_allocation_may_fail)
{
    t_each_alloc(render, NULL);
}
END_TEST

#define N(table) (int)(sizeof table / sizeof table[0])

int main(void)
{
    return t_main_tables("writer",
                         (const TTest *const[]){plain_text_response,
                                                interim_responses_have_no_frame,
                                                own_reasons_and_unknown_statuses,
                                                every_status_line_is_right,
                                                a_list_may_not_say_how_long_the_body_is,
                                                a_list_that_failed_is_not_sent,
                                                a_handlers_own_connection_and_date_are_heard,
                                                requests_say_their_length_where_one_is_expected,
                                                an_http10_server_is_sent_no_chunks,
                                                one_host_that_is_a_host,
                                                all_forms_of_targets,
                                                chunks_are_three_iovecs,
                                                a_write_of_nothing_does_not_end_the_body,
                                                size_lines_of_all_sizes,
                                                the_declared_length_binds,
                                                a_body_that_may_not_be_is_dropped,
                                                a_body_up_to_the_close_has_no_frame,
                                                bytes_behind_the_end_are_misuse,
                                                the_date_is_made_once_a_second,
                                                a_full_buffer_gets_nothing,
                                                each_allocation_may_fail,
                                                NULL},
                         (const struct t_table[]){{framing, N(framings)},
                                                  {bad_target, N(bad_targets)},
                                                  {bad_method, N(bad_methods)},
                                                  {NULL, 0}});
}
