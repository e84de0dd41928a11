#include "served.h"

#include <proa/err.h>
#include <proa/task.h>

#include <string.h>

/* What compression leaves alone, and what it makes of an ETag. */

static const char letters[] = "hello hello hello hello hello hello hello hello hello";

static int whole(struct proa_request *req, struct proa_response *resp, int status)
{
    (void)req;
    proa_response_compress(resp);
    return proa_response_text(resp, status, letters);
}

static int stream(struct proa_request *req, struct proa_response *resp, int status)
{
    (void)req;
    proa_response_compress(resp);
    int rc = proa_response_start(resp, status, "text/plain");
    return rc < 0 ? rc : proa_response_write(resp, letters, sizeof letters - 1);
}

typedef int answer_fn(struct proa_request *req, struct proa_response *resp, int status);

/* The same answers whole and streamed. */
static answer_fn *const answers[] = {whole, stream};

static int part(struct proa_request *req, struct proa_response *resp, void *arg)
{
    proa_response_set_header(resp, "Content-Range", "bytes 0-52/100");
    return (*(answer_fn *const *)arg)(req, resp, 206);
}

static int coded(struct proa_request *req, struct proa_response *resp, void *arg)
{
    proa_response_set_header(resp, "Content-Encoding", "br");
    return (*(answer_fn *const *)arg)(req, resp, 200);
}

static int strong(struct proa_request *req, struct proa_response *resp, void *arg)
{
    proa_response_set_header(resp, "ETag", "\"abc\"");
    return (*(answer_fn *const *)arg)(req, resp, 200);
}

static int weak(struct proa_request *req, struct proa_response *resp, void *arg)
{
    proa_response_set_header(resp, "ETag", "W/\"abc\"");
    return (*(answer_fn *const *)arg)(req, resp, 200);
}

/* Thinks better of a whole response, and streams. */
static int streams_after_all(struct proa_request *req, struct proa_response *resp, void *arg)
{
    int rc = proa_response_text(resp, 500, "replaced");

    (void)arg;
    return rc < 0 ? rc : stream(req, resp, 200);
}

static struct proa_app *make_app(void)
{
    static const char *const paths[][4] = {{"/part", "/coded", "/strong", "/weak"},
                                           {"/s/part", "/s/coded", "/s/strong", "/s/weak"}};
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, NULL));
    for (int i = 0; i < 2; i++) {
        proa_app_get(app, paths[i][0], part, (void *)&answers[i]);
        proa_app_get(app, paths[i][1], coded, (void *)&answers[i]);
        proa_app_get(app, paths[i][2], strong, (void *)&answers[i]);
        proa_app_get(app, paths[i][3], weak, (void *)&answers[i]);
    }
    proa_app_get(app, "/after-all", streams_after_all, NULL);
    return app;
}

#define GZIP(path)                                                                                 \
    "GET " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAccept-Encoding: gzip\r\n\r\n"
#define PLAIN(path) "GET " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

SERVED_TEST(a_part_is_not_packed, make_app)
{
    ck_assert_int_eq(fields_of(ask(server, GZIP("/part")), "Content-Encoding"), 0);
    ck_assert_str_eq(body_of(ask(server, GZIP("/part"))), letters);
    const char *text = ask(server, GZIP("/s/part"));
    ck_assert_int_eq(status_of(text), 206);
    ck_assert_int_eq(fields_of(text, "Content-Encoding"), 0);
    ck_assert_ptr_nonnull(strstr(body_of(text), letters));
}

SERVED_TEST(what_is_coded_already_is_not_packed_again, make_app)
{
    const char *text = ask(server, GZIP("/coded"));
    ck_assert_int_eq(fields_of(text, "Content-Encoding"), 1);
    ck_str_eq(field_of(text, "Content-Encoding"), "br");
    ck_assert_str_eq(body_of(text), letters);
    text = ask(server, GZIP("/s/coded"));
    ck_assert_int_eq(fields_of(text, "Content-Encoding"), 1);
    ck_str_eq(field_of(text, "Content-Encoding"), "br");
    ck_assert_ptr_nonnull(strstr(body_of(text), letters));
}

SERVED_TEST(the_tag_of_a_packed_body_is_weak, make_app)
{
    ck_str_eq(field_of(ask(server, GZIP("/strong")), "ETag"), "W/\"abc\"");
    ck_str_eq(field_of(ask(server, GZIP("/s/strong")), "ETag"), "W/\"abc\"");
    ck_str_eq(field_of(ask(server, GZIP("/weak")), "ETag"), "W/\"abc\"");
    ck_str_eq(field_of(ask(server, GZIP("/s/weak")), "ETag"), "W/\"abc\"");
    ck_str_eq(field_of(ask(server, PLAIN("/strong")), "ETag"), "\"abc\"");
    ck_str_eq(field_of(ask(server, PLAIN("/s/strong")), "ETag"), "\"abc\"");
    ck_assert_int_eq(fields_of(ask(server, GZIP("/strong")), "ETag"), 1);
}

/* What was whole is forgotten: the stream is packed, its head says so, once. */
SERVED_TEST(a_stream_may_replace_a_whole_response, make_app)
{
    const char *text = ask(server, PLAIN("/after-all"));
    ck_assert_int_eq(status_of(text), 200);
    ck_assert_ptr_nonnull(strstr(body_of(text), letters));
    ck_assert_ptr_null(strstr(text, "replaced"));
    text = ask(server, GZIP("/after-all"));
    ck_assert_int_eq(status_of(text), 200);
    ck_str_eq(field_of(text, "Content-Encoding"), "gzip");
    ck_str_eq(field_of(text, "Transfer-Encoding"), "chunked");
    ck_assert_int_eq(fields_of(text, "Vary"), 1);
    ck_assert_ptr_null(strstr(text, "hello hello"));
}

int main(void)
{
    return t_main("unpacked", (const TTest *const[]){a_part_is_not_packed,
                                                     what_is_coded_already_is_not_packed_again,
                                                     the_tag_of_a_packed_body_is_weak,
                                                     a_stream_may_replace_a_whole_response, NULL});
}
