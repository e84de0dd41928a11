#include "served.h"

#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

/* "100 Continue": said when the handler reads, and never else. HTTP-RESP-08, HTTP-RESP-09 */

#define CLOSE "Connection: close\r\n"
#define EXPECT "Expect: 100-continue\r\n"
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
#define WAITS(path)                                                                                \
    "POST " path " HTTP/1.1\r\nHost: h\r\n" EXPECT "Content-Length: 4\r\n" CLOSE "\r\n"

static int last_rc; /* of the handler's last read */

static int whole(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;

    (void)arg;
    last_rc = proa_request_read_body(req, &body);
    return last_rc < 0 ? last_rc : proa_response_textf(resp, 200, "[%.*s]", PROA_PRI(body));
}

static int pieces(struct proa_request *req, struct proa_response *resp, void *arg)
{
    char piece[3];
    ssize_t n;

    (void)arg;
    while ((n = proa_request_read(req, piece, sizeof piece)) > 0)
        ;
    return n < 0 ? (int)n : proa_response_text(resp, 200, "in pieces");
}

static int ignores(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_text(resp, 200, "ignored");
}

/* The response is made first, and sent after the body was read. */
static int answers_first(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;

    (void)arg;
    ck_ok(proa_response_text(resp, 202, "fine"));
    last_rc = proa_request_read_body(req, &body);
    return last_rc;
}

static int starts_first(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;

    (void)arg;
    ck_ok(proa_response_start(resp, 200, "text/plain"));
    last_rc = proa_request_read_body(req, &body);
    return last_rc < 0 ? last_rc : proa_response_write(resp, body.p, body.n);
}

static struct proa_app *make_app(void)
{
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, PROA_APP_OPTS(.max_body = 20)));
    proa_app_post(app, "/whole", whole, NULL);
    proa_app_post(app, "/pieces", pieces, NULL);
    proa_app_post(app, "/ignores", ignores, NULL);
    proa_app_post(app, "/answers-first", answers_first, NULL);
    proa_app_post(app, "/starts-first", starts_first, NULL);
    last_rc = 1;
    return app;
}

#define SERVED(name) SERVED_TEST(name, make_app)

SERVED(continue_is_said_when_the_handler_reads)
{
    static const char *const paths[] = {WAITS("/whole"), WAITS("/pieces")};

    for (int i = 0; i < 2; i++) {
        struct proa_stream *s = served_connect(server, NULL);
        say(s, paths[i]);
        ck_assert_str_eq(hear_some(s), CONTINUE);
        say(s, "abcd");
        ck_assert_int_eq(status_of(hear_all(s)), 200);
        proa_abort(s);
    }
}

SERVED(continue_is_not_said_to_a_client_that_did_not_wait)
{
    const char *answer = ask(server, WAITS("/whole") "abcd");

    ck_assert_int_eq(status_of(answer), 200);
    ck_assert_str_eq(body_of(answer), "[abcd]");
}

SERVED(continue_is_never_said_if_the_handler_does_not_read)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, "POST /ignores HTTP/1.1\r\nHost: h\r\n" EXPECT "Content-Length: 4\r\n\r\n");
    const char *answer = hear_some(s);
    ck_assert_int_eq(status_of(answer), 200);
    ck_str_eq(field_of(answer, "Connection"), "close"); /* whether a body comes is not known */
    proa_abort(s);
    answer = ask(server, "POST /none HTTP/1.1\r\nHost: h\r\n" EXPECT "Content-Length: 4\r\n\r\n");
    ck_assert_int_eq(status_of(answer), 404);
    ck_assert_int_eq(responses_in(answer), 1);
}

SERVED(continue_is_not_said_for_a_body_that_is_refused)
{
    const char *answer = ask(server, "POST /whole HTTP/1.1\r\nHost: h\r\n" EXPECT
                                     "Content-Length: 21\r\n\r\n");

    ck_assert_int_eq(status_of(answer), 413);
    ck_assert_int_eq(responses_in(answer), 1);
}

/* HTTP-RESP-04 */
SERVED(http_1_0_is_never_told_to_continue)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, "POST /whole HTTP/1.0\r\n" EXPECT "Content-Length: 4\r\n\r\n");
    proa_sleep(PROA_SEC);
    say(s, "abcd");
    ck_assert_int_eq(status_of(hear_all(s)), 200);
    proa_abort(s);
}

SERVED(an_expectation_that_is_not_known_is_a_417)
{
    const char *answer = ask(server, "POST /whole HTTP/1.1\r\nHost: h\r\nExpect: coffee\r\n"
                                     "Content-Length: 4\r\n\r\n");

    ck_assert_int_eq(status_of(answer), 417);
    ck_assert_int_eq(last_rc, 1); /* the handler never ran */
}

/* A response that waits for the handler's end is no final status yet. */
SERVED(continue_is_said_after_a_response_was_made_but_not_sent)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, WAITS("/answers-first"));
    ck_assert_str_eq(hear_some(s), CONTINUE);
    say(s, "abcd");
    ck_assert_int_eq(status_of(hear_all(s)), 202);
    ck_ok(last_rc);
    proa_abort(s);
}

/* HTTP-RESP-17: an interim status never follows a final one. */
SERVED(continue_is_not_said_behind_a_head)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s, WAITS("/starts-first"));
    const char *head = hear_some(s);
    ck_assert_int_eq(status_of(head), 200);
    ck_assert_str_eq(body_of(head), "");
    say(s, "abcd");
    const char *rest = hear_all(s);
    ck_assert_str_eq(rest, "4\r\nabcd\r\n0\r\n\r\n");
    ck_assert_int_eq(heard_end(), 0);
    proa_abort(s);
}

/* The chunked body of such a client needs it too, once. */
SERVED(continue_is_said_once)
{
    struct proa_stream *s = served_connect(server, NULL);

    say(s,
        "POST /whole HTTP/1.1\r\nHost: h\r\n" EXPECT "Transfer-Encoding: chunked\r\n" CLOSE "\r\n");
    ck_assert_str_eq(hear_some(s), CONTINUE);
    for (int i = 0; i < 3; i++) {
        say(s, "1\r\nx\r\n");
        proa_sleep(PROA_SEC);
    }
    say(s, "0\r\n\r\n");
    ck_assert_str_eq(body_of(hear_all(s)), "[xxx]");
    proa_abort(s);
}

int main(void)
{
    return t_main("continue",
                  (const TTest *const[]){
                      continue_is_said_when_the_handler_reads,
                      continue_is_not_said_to_a_client_that_did_not_wait,
                      continue_is_never_said_if_the_handler_does_not_read,
                      continue_is_not_said_for_a_body_that_is_refused,
                      http_1_0_is_never_told_to_continue, an_expectation_that_is_not_known_is_a_417,
                      continue_is_said_after_a_response_was_made_but_not_sent,
                      continue_is_not_said_behind_a_head, continue_is_said_once, NULL});
}
