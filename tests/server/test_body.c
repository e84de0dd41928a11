#include "served.h"

#include <proa/group.h>
#include <proa/json.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <string.h>

/* Bodies of requests: read whole, in pieces, as JSON. */

#define CLOSE "Connection: close\r\n"

static int last_rc; /* of the handler's last read */

static int whole(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;

    (void)arg;
    last_rc = proa_request_read_body(req, &body);
    return last_rc < 0 ? last_rc : proa_response_textf(resp, 200, "[%.*s]", PROA_PRI(body));
}

/* Twice the same, from memory the second time. */
static int again(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str a;
    struct proa_str b;
    char piece[1];

    (void)arg;
    ck_ok(proa_request_read_body(req, &a));
    ck_ok(proa_request_read_body(req, &b));
    ck_assert_ptr_eq(a.p, b.p);
    ck_assert_uint_eq(a.n, b.n);
    ck_assert_int_eq(proa_request_read(req, piece, 1), 0);
    return proa_response_textf(resp, 200, "[%.*s]", PROA_PRI(b));
}

static size_t piece_size;

static int pieces(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_buf text;
    char piece[64];
    ssize_t n;

    (void)arg;
    proa_buf_init(&text, PROA_UNLIMITED);
    ck_assert_int_eq(proa_request_read(req, piece, 0), 0);
    while ((n = proa_request_read(req, piece, piece_size)) > 0) {
        ck_assert_uint_le((size_t)n, piece_size);
        proa_buf_append(&text, piece, (size_t)n);
        proa_buf_append(&text, "|", 1);
    }
    last_rc = (int)n;
    if (n < 0) {
        proa_buf_fini(&text);
        return (int)n;
    }
    ck_assert_int_eq(proa_request_read(req, piece, piece_size), 0); /* the end stays the end */
    return proa_response_body_steal(resp, 200, "text/plain", &text);
}

static int first_then_rest(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str rest;
    char first[2];

    (void)arg;
    ck_assert_int_eq(proa_request_read(req, first, 2), 2);
    ck_ok(proa_request_read_body(req, &rest));
    return proa_response_textf(resp, 200, "%.2s+%.*s", first, PROA_PRI(rest));
}

/* The failure of a read is one of all later reads. */
static int insists(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;
    char piece[16];

    (void)arg;
    last_rc = proa_request_read_body(req, &body);
    for (int i = 0; i < 3; i++)
        ck_assert_int_lt(proa_request_read(req, piece, sizeof piece), 0);
    return proa_response_text(resp, 200, "never mind");
}

static int json(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct json_t *value = NULL;

    (void)arg;
    last_rc = proa_request_json(req, &value);
    return last_rc < 0 ? last_rc : proa_response_json_steal(resp, 200, value);
}

static int ignores(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_text(resp, 200, "ignored");
}

/* Read and count an upload that nobody could hold; nap before each piece if told to. */
static uint64_t counted;
static int64_t nap;

static int counts(struct proa_request *req, struct proa_response *resp, void *arg)
{
    static char piece[4096];
    ssize_t n;

    (void)arg;
    proa_sleep(nap);
    for (counted = 0; (n = proa_request_read(req, piece, sizeof piece)) > 0; counted += (uint64_t)n)
        ;
    return n < 0 ? (int)n : proa_response_textf(resp, 200, "%llu", (unsigned long long)counted);
}

/* Patience for one second, again and again. */
static int retries(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;
    int tries = 0;
    int rc;

    (void)arg;
    do {
        rc = PROA_WITHIN(PROA_SEC, proa_request_read_body(req, &body));
        tries++;
    } while (rc == PROA_ETIMEDOUT);
    return rc < 0 ? rc : proa_response_textf(resp, 200, "%d [%.*s]", tries, PROA_PRI(body));
}

struct reading {
    struct proa_request *req;
    struct proa_str body;
    int rc;
};

static int reads_beside(void *arg)
{
    struct reading *reading = arg;

    reading->rc = proa_request_read_body(reading->req, &reading->body);
    return 0;
}

/* Two tasks read: the second one is told, and the first gets it all. */
static int two_read(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct reading reading = {.req = req};
    char piece[16];

    (void)arg;
    PROA_GROUP(group);
    ck_ok(proa_create_task(&group, reads_beside, &reading));
    proa_yield();
    last_rc = (int)proa_request_read(req, piece, sizeof piece);
    ck_ok(proa_group_join(&group));
    ck_ok(reading.rc);
    return proa_response_static(resp, 200, "text/plain", reading.body.p, reading.body.n);
}

static struct proa_app *make_app(void)
{
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, PROA_APP_OPTS(.max_body = 20)));
    proa_app_route(app, "*", "/whole", whole, NULL, NULL);
    proa_app_post(app, "/again", again, NULL);
    proa_app_post(app, "/pieces", pieces, NULL);
    proa_app_post(app, "/first", first_then_rest, NULL);
    proa_app_post(app, "/insists", insists, NULL);
    proa_app_post(app, "/json", json, NULL);
    proa_app_post(app, "/ignores", ignores, NULL);
    proa_app_post(app, "/two-read", two_read, NULL);
    proa_app_post(app, "/retries", retries, NULL);
    proa_app_route(app, "POST", "/counts", counts, NULL,
                   PROA_ROUTE_OPTS(.max_body = PROA_UNLIMITED));
    nap = 0;
    last_rc = 1;
    piece_size = 3;
    return app;
}

#define SERVED(name) SERVED_TEST(name, make_app)

/* Ask with a body of a length, or in chunks of five. */
static const char *post(struct proa_server *server, const char *path, const char *fields,
                        const char *body, bool chunked)
{
    static char text[2048];
    size_t n = strlen(body);
    int at = snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: h\r\n" CLOSE "%s", path,
                      fields);

    if (!chunked) {
        snprintf(text + at, sizeof text - (size_t)at, "Content-Length: %zu\r\n\r\n%s", n, body);
        return ask(server, text);
    }
    at += snprintf(text + at, sizeof text - (size_t)at, "Transfer-Encoding: chunked\r\n\r\n");
    for (; *body; body += n) {
        n = strlen(body) < 5 ? strlen(body) : 5;
        at += snprintf(text + at, sizeof text - (size_t)at, "%zx\r\n%.*s\r\n", n, (int)n, body);
    }
    snprintf(text + at, sizeof text - (size_t)at, "0\r\n\r\n");
    return ask(server, text);
}

/* ---- reading */

SERVED(a_body_is_read_whole)
{
    for (int chunked = 0; chunked < 2; chunked++) {
        ck_assert_str_eq(body_of(post(server, "/whole", "", "hello, world", chunked)),
                         "[hello, world]");
        ck_assert_str_eq(body_of(post(server, "/whole", "", "", chunked)), "[]");
        ck_assert_str_eq(body_of(post(server, "/again", "", "hello, world", chunked)),
                         "[hello, world]");
    }
}

/* HTTP-FRAME-08 */
SERVED(a_request_without_framing_has_an_empty_body)
{
    ck_assert_str_eq(
        body_of(ask(server, "GET /whole HTTP/1.1\r\nHost: h\r\n" CLOSE "\r\nGET / HTTP/1.1")),
        "[]");
}

/* HTTP-FRAME-09 */
SERVED(any_method_may_have_a_body)
{
    static const char *const methods[] = {"GET", "DELETE", "PUT", "PATCH", "OPTIONS"};

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "%s /whole HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n" CLOSE "\r\nhi",
                 methods[i]);
        ck_assert_str_eq(body_of(ask(server, text)), "[hi]");
    }
}

SERVED(a_body_is_read_in_pieces)
{
    ck_assert_str_eq(body_of(post(server, "/pieces", "", "abcdefgh", false)), "abc|def|gh|");
    ck_assert_str_eq(body_of(post(server, "/pieces", "", "abcdefgh", true)), "abc|de|fgh|");
    piece_size = 64;
    ck_assert_str_eq(body_of(post(server, "/pieces", "", "abcdefgh", true)), "abcde|fgh|");
    ck_assert_str_eq(body_of(post(server, "/pieces", "", "", true)), "");
}

SERVED(what_was_read_in_pieces_is_not_read_again)
{
    ck_assert_str_eq(body_of(post(server, "/first", "", "abcdefgh", false)), "ab+cdefgh");
    ck_assert_str_eq(body_of(post(server, "/first", "", "abcdefgh", true)), "ab+cdefgh");
    ck_assert_str_eq(body_of(post(server, "/first", "", "ab", true)), "ab+");
}

/* A read waits for the client, and only for a byte. */
SERVED(a_piece_is_given_as_soon_as_it_is_there)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, "POST /pieces HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n");
    for (const char *p = "abcd"; *p; p++) {
        proa_sleep(PROA_SEC);
        ck_ok(proa_write(s, p, 1, NULL));
    }
    ck_assert_str_eq(body_of(hear_some(s)), "a|b|c|d|");
    proa_abort(s);
}

SERVED(a_read_that_was_given_up_is_tried_again_without_loss)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, "POST /retries HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n");
    proa_sleep(1500 * PROA_MS);
    say(s, "3\r\nc");
    proa_sleep(PROA_SEC);
    say(s, "de\r\n0\r\n\r\n");
    ck_assert_str_eq(body_of(hear_some(s)), "3 [abcde]");
    proa_abort(s);
}

SERVED(a_second_reader_is_told_that_there_is_one)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, "POST /two-read HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n");
    proa_sleep(PROA_SEC);
    ck_err(last_rc, PROA_EBUSY);
    say(s, "abcd");
    ck_assert_str_eq(body_of(hear_some(s)), "abcd");
    proa_abort(s);
}

/* HTTP-CONN-07: the answer is there at once, and the rest of the body has its time. */
SERVED(an_unread_body_is_waited_for_two_seconds)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, "POST /ignores HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab");
    ck_assert_int_eq(status_of(hear_some(s)), 200);
    int64_t began = proa_now();
    ck_assert_str_eq(hear_all(s), "");
    ck_assert_int_eq(heard_end(), 0);
    ck_assert_int_eq(proa_now() - began, 2 * PROA_SEC);
    proa_abort(s);
}

/* ---- memory */

static char megabyte[1 << 20];

/* However long it is, an upload that is read in pieces needs a few buffers. */
SERVED(an_upload_passes_through_without_being_held)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, "POST /counts HTTP/1.1\r\nHost: h\r\nContent-Length: 10485760\r\n\r\n");
    size_t before = t_alloc_bytes();
    for (int i = 0; i < 10; i++) {
        ck_ok(proa_write(s, megabyte, sizeof megabyte, NULL));
        ck_assert_uint_le(t_alloc_bytes(), before + 65536);
    }
    ck_assert_str_eq(body_of(hear_some(s)), "10485760");
    proa_abort(s);
}

/* Nobody reads for the handler: the client's writes wait, and nothing piles up. */
SERVED(a_body_is_not_read_ahead)
{
    struct proa_stream *s = served_connect(server, &(struct pair_opts){.ab.capacity = 4096});
    size_t done = 0;

    nap = 10 * PROA_SEC;
    say(s, "POST /counts HTTP/1.1\r\nHost: h\r\nContent-Length: 1048576\r\n\r\n");
    size_t before = t_alloc_bytes();
    ck_err(PROA_WITHIN(5 * PROA_SEC, proa_write(s, megabyte, sizeof megabyte, &done)),
           PROA_ETIMEDOUT);
    ck_assert_uint_le(done, 16384 + 4096);
    ck_assert_uint_le(t_alloc_bytes(), before + 32768);
    proa_abort(s);
    proa_sleep(20 * PROA_SEC);
    ck_assert_uint_le(counted, 16384 + 4096);
}

/* ---- limits */

static const char at_limit[] = "12345678901234567890";
static const char beyond[] = "123456789012345678901";

SERVED(a_body_has_its_limit_however_it_is_read)
{
    static const char *const paths[] = {"/whole", "/pieces"};

    for (int i = 0; i < 4; i++) {
        const char *answer = post(server, paths[i / 2], "", at_limit, i % 2);
        ck_assert_int_eq(status_of(answer), 200);
        ck_ok(last_rc);
        answer = post(server, paths[i / 2], "", beyond, i % 2);
        ck_assert_int_eq(status_of(answer), 413);
        ck_str_eq(field_of(answer, "Connection"), "close");
        ck_assert_int_eq(heard_end(), 0);
    }
    ck_err(last_rc, PROA_EHTTPBODYSIZE); /* chunked: nobody knew before */
}

SERVED(a_body_beyond_its_limit_stays_an_error)
{
    const char *answer = post(server, "/insists", "", beyond, true);

    ck_err(last_rc, PROA_EHTTPBODYSIZE);
    ck_assert_int_eq(status_of(answer), 200); /* the handler's word */
    ck_str_eq(field_of(answer, "Connection"), "close");
}

/* HTTP-FRAME-30: what follows a broken body is not a request. */
SERVED(a_broken_chunk_is_a_400_and_the_last)
{
    const char *text = ask(server,
                           "POST /whole HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "3\r\nabc\r\nzz\r\n\r\n"
                           "GET /whole HTTP/1.1\r\nHost: h\r\n\r\n");

    ck_err(last_rc, PROA_EHTTPCHUNK);
    ck_assert_int_eq(status_of(text), 400);
    ck_assert_int_eq(responses_in(text), 1);
    text = ask(server, "POST /ignores HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "zz\r\n\r\nGET /whole HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_assert_int_eq(responses_in(text), 1);
}

/* HTTP-FRAME-18 */
SERVED(a_body_cut_short_is_never_a_success)
{
    static const char *const texts[] = {
        "POST /whole HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhalf",
        "POST /whole HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "POST /whole HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n",
        "POST /pieces HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhalf",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert_str_eq(ask(server, texts[i]), "");
        ck_err(last_rc, PROA_EEOF);
    }
}

/* ---- JSON */

SERVED(json_is_parsed_if_it_says_so)
{
    static const struct {
        const char *type;
        const char *body;
        int status;
    } cases[] = {
        {"Content-Type: application/json\r\n", "{\"a\":[1]}", 200},
        {"Content-Type: Application/JSON; charset=utf-8\r\n", "[]", 200},
        {"Content-Type: application/problem+json\r\n", "{}", 200},
        {"Content-Type: text/json\r\n", "{}", 415},
        {"Content-Type: application/x-www-form-urlencoded\r\n", "{}", 415},
        {"Content-Type: text/plain; x=application/json\r\n", "{}", 415},
        {"", "{}", 415},
        {"Content-Type: application/json\r\n", "", 400},
        {"Content-Type: application/json\r\n", "{\"a\":", 400},
        {"Content-Type: application/json\r\n", "{} {}", 400},
        {"Content-Type: application/json\r\n", "[\"\xff\"]", 400},
        {"Content-Type: application/json\r\n", "[\"12345678901234567\"]", 413},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int chunked = 0; chunked < 2; chunked++) {
            const char *answer = post(server, "/json", cases[i].type, cases[i].body, chunked);
            ck_assert_msg(status_of(answer) == cases[i].status, "%s%s: %s", cases[i].type,
                          cases[i].body, answer);
            if (cases[i].status == 200)
                ck_assert_str_eq(body_of(answer), cases[i].body);
        }
}

int main(void)
{
    return t_main(
        "body",
        (const TTest *const[]){
            a_body_is_read_whole, a_request_without_framing_has_an_empty_body,
            any_method_may_have_a_body, a_body_is_read_in_pieces,
            what_was_read_in_pieces_is_not_read_again, a_piece_is_given_as_soon_as_it_is_there,
            a_read_that_was_given_up_is_tried_again_without_loss,
            an_unread_body_is_waited_for_two_seconds, a_second_reader_is_told_that_there_is_one,
            an_upload_passes_through_without_being_held, a_body_is_not_read_ahead,
            a_body_has_its_limit_however_it_is_read, a_body_beyond_its_limit_stays_an_error,
            a_broken_chunk_is_a_400_and_the_last, a_body_cut_short_is_never_a_success,
            json_is_parsed_if_it_says_so, NULL});
}
