#include "http/coding.h"
#include "http/limits.h"
#include "served.h"

#include <proa/headers.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <string.h>

/* Compressed responses, and what the client's Accept-Encoding makes of them. HTTP-RESP-11, 12 */

enum { LONG = 50000 };

static const char *long_text(void)
{
    static char text[LONG + 1];

    for (size_t i = 0; i < LONG; i++)
        text[i] = (char)('a' + i * i % 23 % 7);
    return text;
}

static int whole(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    proa_response_compress(resp);
    return proa_response_text(resp, 200, arg ? arg : long_text());
}

static int plain(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_text(resp, 200, "plain");
}

static int stolen(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_buf body;

    (void)req;
    (void)arg;
    proa_buf_init(&body, PROA_UNLIMITED);
    proa_buf_append(&body, long_text(), LONG);
    int rc = proa_response_body_steal(resp, 200, "text/plain", &body);
    proa_response_compress(resp);
    return rc;
}

static int varies(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)arg;
    proa_response_set_header(resp, "Vary", "Origin");
    return whole(req, resp, NULL);
}

static int status; /* of what has no body */

static int bodiless(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    proa_response_compress(resp);
    proa_response_set_header(resp, "ETag", "\"1\"");
    if (!arg)
        return proa_response_text(resp, status, "dropped");
    int rc = proa_response_start(resp, status, "text/plain");
    return rc < 0 ? rc : proa_response_write(resp, "dropped", 7);
}

/* Three pieces, each to be readable as soon as it was written. */
static int streams(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    proa_response_compress(resp);
    proa_response_set_length(resp, 9); /* of the plain body: says nothing of the packed one */
    int rc = proa_response_start(resp, 200, "text/plain");
    for (const char *p = "one"
                         "two"
                         "six";
         *p && rc == 0; p += 3) {
        rc = proa_response_write(resp, p, 3);
        if (rc == 0)
            rc = proa_response_write(resp, "", 0);
        if (rc == 0)
            rc = proa_sleep(PROA_SEC);
    }
    return rc;
}

/* It made an answer, and then found that it had more to say. */
static int streams_after_all(struct proa_request *req, struct proa_response *resp, void *arg)
{
    ck_ok(proa_response_text(resp, 200, "not this"));
    return streams(req, resp, arg);
}

static int fails(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)arg;
    proa_response_compress(resp);
    return proa_http_error(req, 404, "nothing here");
}

static struct proa_app *make(bool no_gzip)
{
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, PROA_APP_OPTS(.no_gzip = no_gzip)));
    proa_app_get(app, "/whole", whole, NULL);
    proa_app_get(app, "/empty", whole, (void *)"");
    proa_app_get(app, "/small", whole, (void *)"x");
    proa_app_get(app, "/plain", plain, NULL);
    proa_app_get(app, "/stolen", stolen, NULL);
    proa_app_get(app, "/varies", varies, NULL);
    proa_app_get(app, "/bodiless", bodiless, NULL);
    proa_app_get(app, "/bodiless-stream", bodiless, app);
    proa_app_get(app, "/streams", streams, NULL);
    proa_app_get(app, "/streams-after-all", streams_after_all, NULL);
    proa_app_get(app, "/fails", fails, NULL);
    return app;
}

static struct proa_app *make_app(void)
{
    return make(false);
}

static struct proa_app *make_app_without(void)
{
    return make(true);
}

#define SERVED(name) SERVED_TEST(name, make_app)

/* ---- clients */

static const char *ask_for(struct proa_server *server, const char *method, const char *path,
                           const char *accept)
{
    char request[256];

    snprintf(request, sizeof request,
             "%s %s HTTP/1.%d\r\nHost: h\r\n%s%s%sConnection: close\r\n\r\n", method, path,
             strncmp(path, "/streams", 8) == 0 ? 0 : 1, accept ? "Accept-Encoding: " : "",
             accept ? accept : "", accept ? "\r\n" : "");
    const char *answer = ask(server, request);
    ck_assert_int_eq(heard_end(), 0);
    return answer;
}

static bool is_packed(const char *answer)
{
    ck_assert_int_eq(status_of(answer), 200);
    ck_str_eq(field_of(answer, "Vary"), "Accept-Encoding");
    if (!field_of(answer, "Content-Encoding").p)
        return false;
    ck_str_eq(field_of(answer, "Content-Encoding"), "gzip");
    return true;
}

/* What n gzipped bytes stand for: a C string. */
static const char *unpacked(const char *body, size_t n)
{
    static char text[LONG + 1];
    struct proa_headers headers = {0};
    struct decoder *decoder = NULL;
    struct proa_str in = proa_str_make(body, n);
    size_t got = 0;
    int rc = 0;

    ck_ok(proa_headers_add(&headers, "Content-Encoding", "gzip"));
    ck_assert_int_eq(proa__decoder_new(&decoder, &headers, &proa__http_limits_client, LONG), 1);
    while (rc == 0) {
        size_t more = 0;
        rc = proa__decoder_run(decoder, &in, true, text + got, LONG - got, &more);
        got += more;
    }
    ck_assert_int_eq(rc, 1);
    text[got] = 0;
    proa__decoder_free(decoder);
    proa_headers_fini(&headers);
    return text;
}

static size_t length_of(const char *answer)
{
    uint64_t n = 0;

    ck_ok(proa_str_parse_uint(field_of(answer, "Content-Length"), &n));
    return (size_t)n;
}

/* ---- negotiation: HTTP-RESP-12 */

SERVED(gzip_is_used_where_the_client_wants_it)
{
    static const struct {
        const char *accept;
        bool packed;
    } cases[] = {
        {NULL, false},
        {"", false},
        {"gzip", true},
        {"GZip", true},
        {"x-gzip", true},
        {"br, gzip, deflate", true},
        {"br", false},
        {"deflate", false},
        {"identity", false},
        {"*", true},
        {"*;q=0", false},
        {"gzip;q=0", false},
        {"gzip;q=0.0", false},
        {"gzip;q=0.000, *", false},
        {"gzip;q=0.001", true},
        {"gzip; q=1.000", true},
        {"gzip;q=1.001", false},
        {"gzip;q=0.0001", false},
        {"gzip;q=1.0000", false},
        {"gzip;q=x", false},
        {"gzip;q=0.5, identity;q=0.5", true},
        {"gzip;q=0.4, identity;q=0.5", false},
        {"identity;q=0", false},
        {"identity;q=0, gzip", true},
        {"*;q=0, gzip", true},
        {"identity;q=0, gzip;q=0", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool packed = is_packed(ask_for(server, "GET", "/whole", cases[i].accept));
        ck_assert_msg(packed == cases[i].packed, "Accept-Encoding: %s", cases[i].accept);
    }
}

SERVED(the_packed_body_is_the_plain_one)
{
    static const char *const paths[] = {"/whole", "/stolen"};

    for (int i = 0; i < 2; i++) {
        const char *answer = ask_for(server, "GET", paths[i], "gzip");
        size_t n = length_of(answer);
        ck_assert(is_packed(answer));
        ck_assert_uint_lt(n, LONG / 2);
        ck_assert_str_eq(unpacked(body_of(answer), n), long_text());
        answer = ask_for(server, "GET", paths[i], NULL);
        ck_assert(!is_packed(answer));
        ck_assert_str_eq(body_of(answer), long_text());
    }
}

/* HTTP-RESP-01 */
SERVED(head_tells_the_length_of_the_packed_body)
{
    size_t n = length_of(ask_for(server, "GET", "/whole", "gzip"));
    const char *answer = ask_for(server, "HEAD", "/whole", "gzip");

    ck_assert(is_packed(answer));
    ck_assert_uint_eq(length_of(answer), n);
    ck_assert_str_eq(body_of(answer), "");
}

SERVED(an_empty_body_is_not_packed)
{
    const char *answer = ask_for(server, "GET", "/empty", "gzip");

    ck_assert(!is_packed(answer));
    ck_str_eq(field_of(answer, "Content-Length"), "0");
}

SERVED(a_small_body_arrives)
{
    const char *answer = ask_for(server, "GET", "/small", "gzip");

    if (is_packed(answer))
        ck_assert_str_eq(unpacked(body_of(answer), length_of(answer)), "x");
    else
        ck_assert_str_eq(body_of(answer), "x");
}

/* ---- Vary: HTTP-RESP-11 */

SERVED(what_is_not_to_be_compressed_does_not_vary)
{
    const char *answer = ask_for(server, "GET", "/plain", "gzip");

    ck_assert_int_eq(fields_of(answer, "Vary"), 0);
    ck_assert_int_eq(fields_of(answer, "Content-Encoding"), 0);
    ck_assert_str_eq(body_of(answer), "plain");
}

SERVED(vary_is_added_to_the_handler_s_own)
{
    const char *answer = ask_for(server, "GET", "/varies", "gzip");

    ck_assert_int_eq(fields_of(answer, "Vary"), 2);
    ck_assert_ptr_nonnull(strstr(answer, "Vary: Origin\r\n"));
    ck_assert_ptr_nonnull(strstr(answer, "Vary: Accept-Encoding\r\n"));
}

SERVED(an_error_is_sent_plain)
{
    const char *answer = ask_for(server, "GET", "/fails", "gzip");

    ck_assert_int_eq(status_of(answer), 404);
    ck_assert_int_eq(fields_of(answer, "Content-Encoding"), 0);
    ck_assert_str_eq(body_of(answer), "nothing here\n");
}

SERVED_TEST(an_app_may_refuse_to_compress, make_app_without)
{
    const char *answer = ask_for(server, "GET", "/whole", "gzip");

    ck_assert_int_eq(fields_of(answer, "Content-Encoding"), 0);
    ck_assert_str_eq(body_of(answer), long_text());
    answer = ask_for(server, "GET", "/streams", "gzip");
    ck_assert_str_eq(body_of(answer), "onetwosix");
}

/* A client undoes a coding that it is told of, even of no bytes, and fails. */
SERVED(what_has_no_body_has_no_coding)
{
    static const int statuses[] = {204, 205, 304};
    static const char *const paths[] = {"/bodiless", "/bodiless-stream"};

    for (size_t i = 0; i < 6; i++) {
        status = statuses[i / 2];
        const char *answer = ask_for(server, "GET", paths[i % 2], "gzip");
        ck_assert_int_eq(status_of(answer), status);
        ck_assert_int_eq(fields_of(answer, "Content-Encoding"), 0);
        ck_assert_str_eq(body_of(answer), "");
    }
}

/* HTTP-COND-05: a cache finds what it has by it. */
SERVED(a_304_has_the_tag_of_the_packed_200)
{
    status = 200;
    ck_str_eq(field_of(ask_for(server, "GET", "/bodiless", "gzip"), "ETag"), "W/\"1\"");
    ck_str_eq(field_of(ask_for(server, "GET", "/bodiless", NULL), "ETag"), "\"1\"");
    status = 304;
    ck_str_eq(field_of(ask_for(server, "GET", "/bodiless", "gzip"), "ETag"), "W/\"1\"");
    ck_str_eq(field_of(ask_for(server, "GET", "/bodiless-stream", "gzip"), "ETag"), "W/\"1\"");
    ck_str_eq(field_of(ask_for(server, "GET", "/bodiless", NULL), "ETag"), "\"1\"");
}

/* ---- streams */

/* Over HTTP/1.0, where the body is what comes until the end. */
SERVED(a_stream_is_packed_without_its_plain_length)
{
    static const char *const paths[] = {"/streams", "/streams-after-all"};

    for (int i = 0; i < 2; i++) {
        const char *answer = ask_for(server, "GET", paths[i], "gzip");
        ck_assert(is_packed(answer));
        ck_assert_int_eq(fields_of(answer, "Content-Length"), 0);
        size_t head = (size_t)(body_of(answer) - answer);
        ck_assert_str_eq(unpacked(answer + head, heard_n() - head), "onetwosix");
    }
}

SERVED(a_stream_that_is_not_packed_keeps_its_length)
{
    const char *answer = ask_for(server, "GET", "/streams", NULL);

    ck_assert(!is_packed(answer));
    ck_str_eq(field_of(answer, "Content-Length"), "9");
    ck_assert_str_eq(body_of(answer), "onetwosix");
}

SERVED(a_packed_stream_is_not_sent_to_head)
{
    const char *answer = ask_for(server, "HEAD", "/streams", "gzip");

    ck_assert(is_packed(answer));
    ck_assert_str_eq(body_of(answer), "");
}

/* Each write can be read before the next one is made. */
SERVED(each_write_of_a_packed_stream_leaves_at_once)
{
    struct proa_stream *s = served_connect(server, NULL);
    int heard_before = 0;

    say(s, "GET /streams HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n");
    const char *some = hear_some(s);
    ck_assert_ptr_nonnull(strstr(some, "\r\n\r\n\x1f\x8b"));
    for (; proa_read(s, (char[256]){0}, 256) > 0;)
        heard_before++;
    ck_assert_int_ge(heard_before, 2);
    proa_abort(s);
}

int main(void)
{
    return t_main(
        "compress",
        (const TTest *const[]){
            gzip_is_used_where_the_client_wants_it, the_packed_body_is_the_plain_one,
            head_tells_the_length_of_the_packed_body, an_empty_body_is_not_packed,
            a_small_body_arrives, what_is_not_to_be_compressed_does_not_vary,
            vary_is_added_to_the_handler_s_own, an_error_is_sent_plain,
            an_app_may_refuse_to_compress, what_has_no_body_has_no_coding,
            a_304_has_the_tag_of_the_packed_200, a_stream_is_packed_without_its_plain_length,
            a_stream_that_is_not_packed_keeps_its_length, a_packed_stream_is_not_sent_to_head,
            each_write_of_a_packed_stream_leaves_at_once, NULL});
}
