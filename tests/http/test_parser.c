/* What the wire cases cannot see: room, how much is used, failures that stay, limits set late,
 * memory. */

#include "base/arena.h"
#include "http/parser.h"
#include "support/test.h"

#include <string.h>

struct scene {
    struct arena arena;
    struct http_parser parser;
    const char *text;
    size_t n;
    size_t at;
    struct proa_str body;
};

static void begin(struct scene *s, const char *text)
{
    memset(s, 0, sizeof *s);
    ck_ok(proa__http_parser_begin_request(&s->parser, &proa__http_limits_server, &s->arena));
    s->text = text;
    s->n = strlen(text);
}

static void begin_response(struct scene *s, const char *text)
{
    memset(s, 0, sizeof *s);
    ck_ok(proa__http_parser_begin_response(&s->parser, &proa__http_limits_client, &s->arena,
                                           (struct http_asked){0}));
    s->text = text;
    s->n = strlen(text);
}

/* Feed what is left. */
static int feed(struct scene *s, size_t room)
{
    size_t used;
    int event = proa__http_parser_feed(&s->parser, s->text + s->at, s->n - s->at, room, &used,
                                       &s->body);

    if (event >= 0) {
        ck_assert_uint_le(used, s->n - s->at);
        s->at += used;
    }
    return event;
}

static void end(struct scene *s)
{
    proa__http_parser_fini(&s->parser);
    proa__arena_fini(&s->arena);
}

static void body_is(struct scene *s, const char *text)
{
    ck_str_eq(s->body, text);
    ck_assert(s->body.p >= s->text);
    ck_assert(s->body.p + s->body.n <= s->text + s->n); /* a slice of the input */
}

#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

START_TEST(head_ends_where_the_body_begins)
{
    struct scene s;

    begin(&s, POST "Content-Length: 5\r\n\r\nhello");
    ck_assert_int_eq(feed(&s, SIZE_MAX), HTTP_HEAD);
    ck_assert_str_eq(s.text + s.at, "hello");
    ck_assert_int_eq(s.parser.head->length, 5);
    end(&s);
}
END_TEST

START_TEST(body_is_handed_out_as_far_as_there_is_room)
{
    static const char *const texts[] = {
        POST "Content-Length: 5\r\n\r\nhellorest",
        POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nrest"};

    for (int i = 0; i < 2; i++) {
        struct scene s;
        begin(&s, texts[i]);
        ck_assert_int_eq(feed(&s, 0), HTTP_HEAD);
        ck_assert_int_eq(feed(&s, 2), HTTP_BODY);
        body_is(&s, "he");
        ck_assert_int_eq(feed(&s, 0), HTTP_NEED_MORE);
        ck_assert_int_eq(feed(&s, 9), HTTP_BODY);
        body_is(&s, "llo");
        ck_assert_int_eq(feed(&s, 0), HTTP_END); /* needs no room */
        ck_assert_str_eq(s.text + s.at, "rest");
        end(&s);
    }
}
END_TEST

START_TEST(body_to_the_end_of_the_stream_wants_room_too)
{
    struct scene s;

    begin_response(&s, "HTTP/1.1 200 OK\r\n\r\nhello");
    ck_assert_int_eq(feed(&s, 0), HTTP_HEAD);
    ck_assert_int_eq(s.parser.head->length, -1);
    ck_assert_int_eq(feed(&s, 0), HTTP_NEED_MORE);
    ck_assert_int_eq(feed(&s, 5), HTTP_BODY);
    body_is(&s, "hello");
    ck_assert_int_eq(feed(&s, 5), HTTP_NEED_MORE);
    ck_assert_int_eq(proa__http_parser_finish(&s.parser), HTTP_END);
    ck_assert_int_eq(proa__http_parser_finish(&s.parser), HTTP_END);
    end(&s);
}
END_TEST

START_TEST(nothing_is_used_beyond_the_end)
{
    struct scene s;

    begin(&s, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2");
    ck_assert_int_eq(feed(&s, SIZE_MAX), HTTP_HEAD);
    ck_assert_int_eq(feed(&s, SIZE_MAX), HTTP_END);
    ck_assert_int_eq(feed(&s, SIZE_MAX), HTTP_END);
    ck_assert_str_eq(s.text + s.at, "GET /2");
    end(&s);
}
END_TEST

START_TEST(a_failure_stays)
{
    struct scene s;

    begin(&s, POST "Transfer-Encoding: chunked\r\n\r\nzz");
    ck_assert_int_eq(feed(&s, SIZE_MAX), HTTP_HEAD);
    ck_err(feed(&s, SIZE_MAX), PROA_EHTTPCHUNK);
    s.text = "5\r\nhello\r\n0\r\n\r\n";
    s.n = strlen(s.text);
    s.at = 0;
    ck_err(feed(&s, SIZE_MAX), PROA_EHTTPCHUNK);
    ck_err(proa__http_parser_finish(&s.parser), PROA_EHTTPCHUNK);
    end(&s);
}
END_TEST

START_TEST(body_limit_is_checked_before_the_body)
{
    struct scene s;

    begin(&s, POST "Content-Length: 6\r\n\r\nhello!");
    ck_assert_int_eq(feed(&s, 0), HTTP_HEAD);
    ck_ok(proa__http_parser_limit_body(&s.parser, 6));
    ck_err(proa__http_parser_limit_body(&s.parser, 5), PROA_EHTTPBODYSIZE);
    ck_err(feed(&s, SIZE_MAX), PROA_EHTTPBODYSIZE);
    end(&s);
}
END_TEST

START_TEST(a_route_may_raise_the_body_limit)
{
    struct scene s;

    begin(&s, POST "Content-Length: 1048577\r\n\r\nx");
    ck_assert_int_eq(feed(&s, 0), HTTP_HEAD);
    ck_ok(proa__http_parser_limit_body(&s.parser, 1048577));
    ck_assert_int_eq(feed(&s, SIZE_MAX), HTTP_BODY);
    end(&s);

    begin(&s, POST "Transfer-Encoding: chunked\r\n\r\n6\r\nhello!");
    ck_assert_int_eq(feed(&s, 0), HTTP_HEAD);
    ck_ok(proa__http_parser_limit_body(&s.parser, 5));
    ck_err(feed(&s, SIZE_MAX), PROA_EHTTPBODYSIZE);
    end(&s);
}
END_TEST

START_TEST(idle_until_the_first_byte_of_a_message)
{
    struct scene s;

    begin(&s, "\r\n\r\n");
    ck_assert(proa__http_parser_idle(&s.parser));
    ck_assert_int_eq(proa__http_parser_finish(&s.parser), HTTP_NEED_MORE);
    ck_assert_int_eq(feed(&s, 0), HTTP_NEED_MORE);
    ck_assert(proa__http_parser_idle(&s.parser));
    s.text = "G";
    s.n = 1;
    s.at = 0;
    ck_assert_int_eq(feed(&s, 0), HTTP_NEED_MORE);
    ck_assert(!proa__http_parser_idle(&s.parser));
    ck_err(proa__http_parser_finish(&s.parser), PROA_EHTTPSHORT);
    end(&s);
}
END_TEST

START_TEST(an_interim_response_is_no_idle_connection)
{
    struct scene s;

    begin_response(&s, "HTTP/1.1 100 Continue\r\n\r\n");
    ck_assert_int_eq(feed(&s, 0), HTTP_INTERIM);
    ck_assert_int_eq(s.parser.head->status, 100);
    ck_assert(!proa__http_parser_idle(&s.parser));
    ck_assert_int_eq(feed(&s, 0), HTTP_NEED_MORE);
    ck_assert(!proa__http_parser_idle(&s.parser));
    end(&s);
}
END_TEST

START_TEST(a_head_in_one_piece_is_copied_once_and_not_held)
{
    static char first[4096];
    struct scene s;

    begin(&s, POST "X: y\r\nContent-Length: 0\r\n\r\n");
    end(&s);
    proa__arena_init(&s.arena, first, sizeof first);
    ck_ok(proa__http_parser_begin_request(&s.parser, &proa__http_limits_server, &s.arena));
    uint64_t before = t_alloc_count();
    ck_assert_int_eq(feed(&s, 0), HTTP_HEAD);
    ck_assert_uint_eq(t_alloc_count(), before);
    ck_assert(s.parser.head->method.p >= first);
    ck_assert(s.parser.head->method.p < first + sizeof first);
    end(&s);
}
END_TEST

START_TEST(a_message_half_read_leaves_nothing_when_the_next_begins)
{
    struct scene s;

    begin(&s, "GET / HTT");
    ck_assert_int_eq(feed(&s, 0), HTTP_NEED_MORE);
    ck_ok(proa__http_parser_begin_request(&s.parser, &proa__http_limits_server, &s.arena));
    s.text = "GET /2 HTTP/1.1\r\nHost: b\r\n\r\n";
    s.n = strlen(s.text);
    s.at = 0;
    ck_assert_int_eq(feed(&s, 0), HTTP_HEAD);
    ck_str_eq(s.parser.head->target, "/2");
    end(&s);
}
END_TEST

START_TEST(the_head_outlives_the_parser)
{
    struct scene s;
    char text[] = POST "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n";

    begin(&s, text);
    ck_assert_int_eq(feed(&s, 0), HTTP_HEAD);
    ck_assert_int_eq(feed(&s, 0), HTTP_END);
    struct http_head *head = s.parser.head;
    memset(text, '!', sizeof text);
    proa__http_parser_fini(&s.parser);
    ck_str_eq(head->method, "POST");
    ck_str_eq(proa_headers_get(&head->headers, "host"), "a");
    ck_str_eq(proa_headers_get(&head->trailers, "x"), "y");
    end(&s);
}
END_TEST

START_TEST(a_parser_is_small)
{
    ck_assert_uint_le(sizeof(struct http_parser), 256);
    ck_assert_uint_le(sizeof(struct http_scanner), 64);
}
END_TEST

/* A chunked request with trailers, fed byte by byte. */
static int whole_message(void *arg)
{
    static const char text[] = POST "A: 1\r\nB: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
                                    "5;x=\"y\"\r\nhello\r\n0\r\nX: y\r\n\r\n";
    struct arena arena = {0};
    struct http_parser parser = {0};
    struct proa_str body;
    size_t used;
    int rc;

    (void)arg;
    rc = proa__http_parser_begin_request(&parser, &proa__http_limits_server, &arena);
    for (size_t i = 0; rc >= 0 && i < strlen(text); i += used)
        rc = proa__http_parser_feed(&parser, text + i, 1, 1, &used, &body);
    proa__http_parser_fini(&parser);
    proa__arena_fini(&arena);
    return rc < 0 ? rc : rc == HTTP_END ? 0 : PROA_EINVAL;
}

static int interim_message(void *arg)
{
    static const char text[] =
        "HTTP/1.1 100 x\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    struct arena arena = {0};
    struct http_parser parser = {0};
    struct proa_str body;
    size_t used = 0;
    size_t at = 0;
    int rc;

    (void)arg;
    rc = proa__http_parser_begin_response(&parser, &proa__http_limits_client, &arena,
                                          (struct http_asked){0});
    while (rc >= 0 && rc != HTTP_END) {
        rc = proa__http_parser_feed(&parser, text + at, strlen(text) - at, 1, &used, &body);
        at += used;
    }
    proa__http_parser_fini(&parser);
    proa__arena_fini(&arena);
    return rc < 0 ? rc : 0;
}

START_TEST(every_allocation_may_fail)
{
    t_each_alloc(whole_message, NULL);
    t_each_alloc(interim_message, NULL);
}
END_TEST

int main(void)
{
    return t_main("parser", (const TTest *const[]){
                                head_ends_where_the_body_begins,
                                body_is_handed_out_as_far_as_there_is_room,
                                body_to_the_end_of_the_stream_wants_room_too,
                                nothing_is_used_beyond_the_end,
                                a_failure_stays,
                                body_limit_is_checked_before_the_body,
                                a_route_may_raise_the_body_limit,
                                idle_until_the_first_byte_of_a_message,
                                an_interim_response_is_no_idle_connection,
                                a_head_in_one_piece_is_copied_once_and_not_held,
                                a_message_half_read_leaves_nothing_when_the_next_begins,
                                the_head_outlives_the_parser,
                                a_parser_is_small,
                                every_allocation_may_fail,
                                NULL,
                            });
}
