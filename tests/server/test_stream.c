#include "served.h"

#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

/* Streamed responses: framing, lengths that were not kept, readers that are slow. */

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

static int wrote_rc;       /* of the handler's last write */
static uint64_t said;      /* the length that a handler declares */
static const char *pieces; /* one byte of these each write */

/* Declare `said` bytes and write each of `pieces`. */
static int declares(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    proa_response_set_length(resp, said);
    ck_assert(!proa_response_started(resp));
    wrote_rc = proa_response_start(resp, 200, "text/plain");
    ck_assert(proa_response_started(resp));
    for (const char *p = pieces; *p && wrote_rc == 0; p++)
        wrote_rc = proa_response_write(resp, p, 1);
    return 0; /* a handler that does not look must do no harm */
}

/* Empty writes between the others, and first and last. */
static int empties(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    ck_ok(proa_response_start(resp, 200, NULL));
    ck_ok(proa_response_write(resp, "", 0));
    ck_ok(proa_response_write(resp, "a", 1));
    ck_ok(proa_response_write(resp, NULL, 0));
    ck_ok(proa_response_write(resp, "b", 1));
    return proa_response_write(resp, "", 0);
}

static int nothing(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_start(resp, 200, "text/plain");
}

static int unstarted(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    ck_err(proa_response_write(resp, "x", 1), PROA_EINVAL);
    return proa_response_text(resp, 200, "x");
}

static int twice(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    ck_ok(proa_response_start(resp, 200, NULL));
    ck_ok(proa_response_write(resp, "x", 1));
    if (arg)
        ck_err(proa_response_text(resp, 200, "y"), PROA_EINVAL);
    else
        ck_err(proa_response_start(resp, 200, NULL), PROA_EINVAL);
    return 0;
}

/* Half of the way it turns out that the connection had better end. */
static int closes_late(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    ck_ok(proa_response_start(resp, 200, NULL));
    ck_ok(proa_response_write(resp, "x", 1));
    proa_response_close(resp);
    return proa_response_write(resp, "y", 1);
}

/* It has patience for one second; after that nothing can be sent, whatever it tries. */
static int gives_up(struct proa_request *req, struct proa_response *resp, void *arg)
{
    static const char much[10000] = "m";

    (void)req;
    (void)arg;
    ck_ok(proa_response_start(resp, 200, "text/plain"));
    ck_err(PROA_WITHIN(PROA_SEC, proa_response_write(resp, much, sizeof much)), PROA_ETIMEDOUT);
    ck_err(proa_response_write(resp, "more", 4), PROA_EPIPE);
    wrote_rc = PROA_EPIPE;
    return 0;
}

static int naps(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    ck_ok(proa_response_start(resp, 200, NULL));
    ck_ok(proa_response_write(resp, "", 0)); /* is none */
    proa_sleep(PROA_SEC);
    ck_ok(proa_response_write(resp, "x", 1));
    proa_sleep(PROA_SEC);
    return proa_response_write(resp, "y", 1);
}

static int errs_late(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)arg;
    ck_ok(proa_response_start(resp, 200, NULL));
    ck_ok(proa_response_write(resp, "x", 1));
    return proa_http_error(req, 404, "too late");
}

/* A megabyte, of which the handler counts what it could write. */
static size_t written;

static int floods(struct proa_request *req, struct proa_response *resp, void *arg)
{
    static char piece[8192];

    (void)req;
    (void)arg;
    memset(piece, 'x', sizeof piece);
    wrote_rc = proa_response_start(resp, 200, "text/plain");
    for (written = 0; written < 1 << 20 && wrote_rc == 0; written += sizeof piece)
        wrote_rc = proa_response_write(resp, piece, sizeof piece);
    return wrote_rc;
}

/* One write that is larger than anything between. */
static int heap(struct proa_request *req, struct proa_response *resp, void *arg)
{
    static char all[300000];

    (void)req;
    (void)arg;
    memset(all, 'y', sizeof all);
    return proa_response_static(resp, 200, "text/plain", all, sizeof all);
}

static struct proa_app *make_app(void)
{
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/declares", declares, NULL);
    proa_app_get(app, "/empties", empties, NULL);
    proa_app_get(app, "/nothing", nothing, NULL);
    proa_app_get(app, "/unstarted", unstarted, NULL);
    proa_app_get(app, "/started-twice", twice, NULL);
    proa_app_get(app, "/answered-twice", twice, app);
    proa_app_get(app, "/errs-late", errs_late, NULL);
    proa_app_get(app, "/closes-late", closes_late, NULL);
    proa_app_get(app, "/gives-up", gives_up, NULL);
    proa_app_get(app, "/naps", naps, NULL);
    proa_app_get(app, "/floods", floods, NULL);
    proa_app_get(app, "/heap", heap, NULL);
    return app;
}

#define SERVED(name) SERVED_TEST(name, make_app)

/* ---- framing */

SERVED(a_declared_length_is_sent_and_not_chunked)
{
    said = 3;
    pieces = "abc";
    const char *answer = ask(server, GET("/declares"));
    ck_str_eq(field_of(answer, "Content-Length"), "3");
    ck_assert_int_eq(fields_of(answer, "Transfer-Encoding"), 0); /* HTTP-FRAME-23 */
    ck_assert_str_eq(body_of(answer), "abc");
    ck_assert_int_eq(heard_end(), 0);
    ck_ok(wrote_rc);
}

/* HTTP-FRAME-29 */
SERVED(an_empty_write_ends_nothing)
{
    const char *answer = ask(server, GET("/empties"));

    ck_assert_str_eq(body_of(answer), "1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
    ck_assert_int_eq(heard_end(), 0);
}

SERVED(a_stream_without_writes_is_an_empty_body)
{
    ck_assert_str_eq(body_of(ask(server, GET("/nothing"))), "0\r\n\r\n");
    ck_assert_int_eq(heard_end(), 0);
}

/* An event is there when it was written, not when the next one is. */
SERVED(the_head_leaves_with_the_first_write_and_each_write_at_once)
{
    struct proa_stream *s = served_connect(server, NULL);
    int64_t began = proa_now();

    say(s, GET("/naps"));
    ck_assert_str_eq(body_of(hear_some(s)), "1\r\nx\r\n");
    ck_assert_int_eq(proa_now() - began, PROA_SEC);
    ck_assert_int_eq(strncmp(hear_some(s), "1\r\ny\r\n", 6), 0);
    ck_assert_int_eq(proa_now() - began, 2 * PROA_SEC);
    proa_abort(s);
}

/* ---- lengths that are not kept: HTTP-FRAME-26 */

SERVED(more_bytes_than_declared_are_an_error_of_the_write_and_cut_the_connection)
{
    said = 3;
    pieces = "abcd";
    log_keep();
    const char *answer = ask(server, GET("/declares"));
    ck_err(wrote_rc, PROA_EBODYLENGTH);
    ck_assert_ptr_null(strstr(body_of(answer), "d"));
    ck_err(heard_end(), PROA_ECONNRESET);
    ck_assert_ptr_nonnull(strstr(log_kept(), "GET /declares"));
}

SERVED(fewer_bytes_than_declared_cut_the_connection)
{
    said = 3;
    pieces = "ab";
    log_keep();
    const char *answer = ask(server, GET("/declares"));
    ck_ok(wrote_rc);
    ck_assert_str_eq(body_of(answer), "ab");
    ck_err(heard_end(), PROA_ECONNRESET);
    ck_assert_ptr_nonnull(strstr(log_kept(), "GET /declares"));
}

/* Nothing goes wrong on the wire of a HEAD, so nothing is cut. */
SERVED(a_declared_length_is_not_counted_for_head)
{
    said = 3;
    pieces = "";
    const char *answer = ask(server,
                             "HEAD /declares HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    ck_str_eq(field_of(answer, "Content-Length"), "3");
    ck_assert_int_eq(heard_end(), 0);
}

SERVED(a_length_of_0_may_be_declared)
{
    said = 0;
    pieces = "";
    const char *answer = ask(server, GET("/declares"));
    ck_str_eq(field_of(answer, "Content-Length"), "0");
    ck_assert_int_eq(heard_end(), 0);
}

/* ---- the order of calls */

SERVED(a_write_before_the_start_is_an_error)
{
    log_keep();
    ck_assert_int_eq(status_of(ask(server, GET("/unstarted"))), 500);
    ck_assert_ptr_nonnull(strstr(log_kept(), "write before proa_response_start"));
}

/* HTTP-RESP-07: a body cut short never ends properly. */
SERVED(what_fails_after_the_start_cuts_the_connection)
{
    static const char *const paths[] = {GET("/started-twice"), GET("/answered-twice"),
                                        GET("/errs-late")};

    log_keep();
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const char *answer = ask(server, paths[i]);
        ck_assert_int_eq(status_of(answer), 200);
        ck_assert_int_eq(responses_in(answer), 1);
        ck_assert_str_eq(body_of(answer), "1\r\nx\r\n");
        ck_err(heard_end(), PROA_ECONNRESET);
    }
}

SERVED(a_stream_may_close_its_connection_after_its_start)
{
    const char *text = ask(server, "GET /closes-late HTTP/1.1\r\nHost: h\r\n\r\n" GET("/empties"));

    ck_assert_str_eq(body_of(text), "1\r\nx\r\n1\r\ny\r\n0\r\n\r\n");
    ck_assert_int_eq(heard_end(), 0);
}

/* ---- slow readers */

static const struct pair_opts narrow = {.ba.capacity = 4096};

/* A writer waits for its reader: the server holds no more than is under way. */
SERVED(a_write_waits_for_room_and_holds_no_memory)
{
    struct proa_stream *s = served_connect(server, &narrow);

    say(s, GET("/floods"));
    proa_sleep(PROA_SEC);
    ck_assert_uint_eq(written, 0); /* the first write is not done yet */
    size_t before = t_alloc_bytes();
    for (int i = 0; i < 20; i++) {
        hear_some(s);
        proa_sleep(PROA_SEC);
        ck_assert_uint_le(t_alloc_bytes(), before + 1024);
    }
    ck_assert_uint_gt(written, 0);
    ck_assert_uint_le(written, 21 * 4096);
    proa_abort(s);
    proa_sleep(PROA_SEC);
    ck_assert_int_lt(wrote_rc, 0);
}

SERVED(a_slow_reader_gets_every_byte)
{
    struct proa_stream *s = served_connect(
        server, &(struct pair_opts){.ba = {.capacity = 1000, .split = 333, .delay = PROA_MS}});
    say(s, GET("/heap"));
    const char *answer = hear_all(s);
    ck_assert_uint_eq(strspn(body_of(answer), "y"), 300000);
    ck_assert_int_eq(heard_end(), 0);
    proa_abort(s);
}

/* The time runs from the last byte that was taken, not from the beginning. */
SERVED(a_reader_that_takes_a_byte_now_and_then_is_served)
{
    struct proa_stream *s = served_connect(server, &narrow);

    say(s, GET("/floods"));
    for (int i = 0; i < 10; i++) {
        proa_sleep(29 * PROA_SEC);
        ck_ok(wrote_rc);
        hear_some(s);
    }
    proa_sleep(31 * PROA_SEC);
    ck_err(wrote_rc, PROA_ECLIENTTIMEDOUT);
    hear_all(s);
    ck_err(heard_end(), PROA_ECONNRESET);
    proa_abort(s);
}

/* The rest of what was given up would be missing in the middle of the body. */
SERVED(a_write_that_was_given_up_breaks_the_connection)
{
    struct proa_stream *s = served_connect(server, &narrow);

    say(s, GET("/gives-up"));
    proa_sleep(2 * PROA_SEC);
    ck_err(wrote_rc, PROA_EPIPE);
    const char *text = hear_all(s);
    ck_err(heard_end(), PROA_ECONNRESET);
    ck_assert_ptr_null(strstr(text, "more"));
    ck_assert_ptr_null(strstr(text, "0\r\n\r\n"));
    proa_abort(s);
}

/* A cancelled write leaves a broken stream: it is cut, never ended. */
static int stop_body(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *server = served_start(app, NULL);
    struct proa_stream *s = served_connect(server, &narrow);

    (void)arg;
    say(s, GET("/floods"));
    proa_sleep(PROA_SEC);
    ck_err(proa_server_stop(server, PROA_SEC), PROA_ETIMEDOUT);
    ck_err(wrote_rc, PROA_ECANCELED);
    hear_all(s);
    ck_err(heard_end(), PROA_ECONNRESET);
    proa_abort(s);
    proa_server_free(server);
    proa_yield();
    proa_app_free(app);
    return 0;
}

START_TEST(a_stop_cancels_a_write_that_waits)
{
    t_run(stop_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("stream",
                  (const TTest *const[]){
                      a_declared_length_is_sent_and_not_chunked, an_empty_write_ends_nothing,
                      a_stream_without_writes_is_an_empty_body,
                      the_head_leaves_with_the_first_write_and_each_write_at_once,
                      more_bytes_than_declared_are_an_error_of_the_write_and_cut_the_connection,
                      fewer_bytes_than_declared_cut_the_connection,
                      a_declared_length_is_not_counted_for_head, a_length_of_0_may_be_declared,
                      a_write_before_the_start_is_an_error,
                      what_fails_after_the_start_cuts_the_connection,
                      a_stream_may_close_its_connection_after_its_start,
                      a_write_waits_for_room_and_holds_no_memory, a_slow_reader_gets_every_byte,
                      a_reader_that_takes_a_byte_now_and_then_is_served,
                      a_write_that_was_given_up_breaks_the_connection,
                      a_stop_cancels_a_write_that_waits, NULL});
}
