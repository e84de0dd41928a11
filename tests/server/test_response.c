#include "served.h"

#include <proa/json.h>

#include <stdio.h>
#include <string.h>

/* Whole responses: what each of the calls that make one puts on the wire. */

#define ANSWERS(name)                                                                              \
    static int name(struct proa_request *req, struct proa_response *resp, void *arg)
#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

/* ---- handlers */

ANSWERS(text)
{
    (void)req;
    return proa_response_text(resp, arg ? *(int *)arg : 200, "text");
}

ANSWERS(textf)
{
    (void)req;
    (void)arg;
    return proa_response_textf(resp, 201, "%d %s", 7, "seas");
}

/* The handler's own memory is gone when the response leaves. */
ANSWERS(bytes)
{
    char own[] = "a\0b";
    char type[] = "image/x-test";

    (void)req;
    (void)arg;
    int rc = proa_response_bytes(resp, 200, type, own, 3);
    memset(own, 'x', sizeof own);
    memset(type, 'x', sizeof type);
    return rc;
}

ANSWERS(fixed)
{
    static const char constant[] = "constant";

    (void)req;
    (void)arg;
    return proa_response_static(resp, 200, "text/x-constant", constant, 8);
}

ANSWERS(stolen)
{
    struct proa_buf body;

    (void)req;
    proa_buf_init(&body, 64);
    proa_buf_appendf(&body, "stolen %s", arg ? (char *)arg : "goods");
    int rc = proa_response_body_steal(resp, 200, "text/x-stolen", &body);
    ck_assert_ptr_null(body.p);
    ck_assert_uint_eq(proa_buf_str(&body).n, 0);
    return rc;
}

ANSWERS(json)
{
    struct json_t *value = NULL;

    (void)req;
    int rc = proa_json_parse(&value, proa_str_from(arg ? arg : "{\"a\": [1, true]}"),
                             PROA_JSON_OPTS(.any_value = true));
    return rc < 0 ? rc : proa_response_json_steal(resp, 200, value);
}

/* The value stays the handler's, to be used again. */
ANSWERS(borrowed_json)
{
    struct json_t *value = NULL;

    (void)req;
    (void)arg;
    ck_ok(proa_json_parse(&value, PROA_STR("[1]"), NULL));
    int rc = proa_response_json(resp, 200, value);
    rc = rc < 0 ? rc : proa_response_json(resp, 203, value);
    proa_json_free(value);
    return rc;
}

/* The buffer is taken although there is no memory for a type of that length. */
ANSWERS(no_memory)
{
    static char type[3000];
    struct proa_buf body;

    (void)req;
    (void)arg;
    memset(type, 't', sizeof type - 1);
    proa_buf_init(&body, PROA_UNLIMITED);
    ck_ok(proa_buf_append(&body, "body", 4));
    t_alloc_fail(1);
    int rc = proa_response_body_steal(resp, 200, type, &body);
    ck_assert(t_alloc_failed());
    ck_err(rc, PROA_ENOMEM);
    ck_assert_ptr_null(body.p);
    ck_assert_uint_eq(proa_buf_str(&body).n, 0);
    return rc;
}

ANSWERS(no_json)
{
    (void)req;
    (void)arg;
    return proa_response_json_steal(resp, 200, NULL);
}

ANSWERS(second_thoughts)
{
    struct proa_buf body;

    (void)req;
    (void)arg;
    proa_buf_init(&body, PROA_UNLIMITED);
    proa_buf_append(&body, "first", 5);
    ck_ok(proa_response_body_steal(resp, 201, "text/x-first", &body));
    proa_buf_append(&body, "second", 6);
    ck_ok(proa_response_body_steal(resp, 202, "text/x-second", &body));
    ck_ok(proa_response_text(resp, 203, "third"));
    return proa_response_static(resp, 200, "text/x-last", "last", 4);
}

ANSWERS(long_text)
{
    (void)req;
    (void)arg;
    return proa_response_textf(resp, 200, "%0200000d", 7);
}

ANSWERS(no_type)
{
    (void)req;
    if (!arg)
        return proa_response_bytes(resp, 200, NULL, "own", 3);
    int rc = proa_response_start(resp, *(int *)arg, NULL);
    return rc < 0 ? rc : proa_response_write(resp, "own", 3);
}

ANSWERS(no_type_no_body)
{
    (void)req;
    (void)arg;
    ck_ok(proa_response_static(resp, 200, NULL, NULL, 0));
    ck_ok(proa_response_text(resp, 200, ""));
    ck_ok(proa_response_textf(resp, 200, "%s", ""));
    proa_response_set_header(resp, "X-Test", "1");
    return proa_response_bytes(resp, 200, NULL, NULL, 0);
}

ANSWERS(untyped)
{
    (void)req;
    (void)arg;
    proa_response_set_header(resp, "content-type", "text/x-own");
    return proa_response_static(resp, 200, NULL, "own", 3);
}

ANSWERS(retyped)
{
    (void)req;
    (void)arg;
    proa_response_set_header(resp, "content-type", "text/x-own");
    return proa_response_static(resp, 200, "text/x-call", "own", 3);
}

ANSWERS(bad_type)
{
    (void)req;
    (void)arg;
    ck_err(proa_response_bytes(resp, 200, "text/plain\r\nX-Evil: 1", "x", 1), PROA_EHEADER);
    return 0;
}

ANSWERS(bad_status)
{
    (void)req;
    ck_err(proa_response_text(resp, *(int *)arg, "x"), PROA_EINVAL);
    return 0;
}

/* What failed is not made good by a later success: the response may lack what was wanted. */
ANSWERS(bad_then_good)
{
    (void)req;
    (void)arg;
    ck_err(proa_response_text(resp, 99, "x"), PROA_EINVAL);
    return proa_response_text(resp, 200, "fine");
}

/* A buffer that overflowed is our fault, although PROA_EMSGSIZE of a handler's is the client's. */
ANSWERS(overflowed)
{
    struct proa_buf body;

    (void)req;
    (void)arg;
    proa_buf_init(&body, 4);
    ck_err(proa_buf_append(&body, "12345", 5), PROA_EMSGSIZE);
    int rc = proa_response_body_steal(resp, 200, "text/plain", &body);
    ck_err(rc, PROA_EMSGSIZE);
    ck_assert_ptr_null(body.p);
    return rc;
}

ANSWERS(deep_json)
{
    struct json_t *value = NULL;
    char nested[201];

    (void)req;
    (void)arg;
    memset(nested, '[', 100);
    memset(nested + 100, ']', 100);
    ck_ok(proa_json_parse(&value, proa_str_make(nested, 200), PROA_JSON_OPTS(.max_depth = 200)));
    return proa_response_json_steal(resp, 200, value);
}

ANSWERS(closes)
{
    (void)req;
    (void)arg;
    proa_response_close(resp);
    return proa_response_text(resp, 200, "last");
}

/* Which call fails for want of which allocation, and whether it got so far. */
static int call, nth;
static bool failed;

static int answer_by(struct proa_response *resp, const char *big)
{
    struct json_t *value = NULL;
    struct proa_buf body;

    switch (call) {
    case 0:
        return proa_response_text(resp, 200, big);
    case 1:
        return proa_response_textf(resp, 200, "%s", big);
    case 2:
        return proa_response_bytes(resp, 200, big, big, strlen(big));
    case 3:
        return proa_response_static(resp, 200, big, big, strlen(big));
    case 4:
        return proa_response_redirect(resp, 302, big);
    case 5:
        return proa_response_start(resp, 200, big);
    case 6:
        proa_buf_init(&body, 10);
        return proa_response_body_steal(resp, 200, big, &body);
    default:
        t_alloc_fail(0);
        ck_ok(proa_json_parse(&value, PROA_STR("{\"a\": [1, 2, 3]}"), NULL));
        t_alloc_fail((uint64_t)nth);
        return proa_response_json_steal(resp, 200, value);
    }
}

ANSWERS(answers_without_memory)
{
    static char big[5000];

    (void)req;
    (void)arg;
    memset(big, 'b', sizeof big - 1);
    t_alloc_fail((uint64_t)nth);
    int rc = answer_by(resp, big);
    failed = t_alloc_failed();
    t_alloc_fail(0);
    if (failed)
        ck_err(rc, PROA_ENOMEM);
    else
        ck_ok(rc);
    return rc;
}

static struct proa_app *make_app(void)
{
    static int s199 = 199, s600 = 600, s599 = 599, s299 = 299, s404 = 404, s204 = 204;
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/text", text, NULL);
    proa_app_get(app, "/text599", text, &s599);
    proa_app_get(app, "/text299", text, &s299);
    proa_app_get(app, "/text404", text, &s404);
    proa_app_get(app, "/textf", textf, NULL);
    proa_app_get(app, "/long", long_text, NULL);
    proa_app_get(app, "/bytes", bytes, NULL);
    proa_app_get(app, "/static", fixed, NULL);
    proa_app_get(app, "/stolen", stolen, NULL);
    proa_app_get(app, "/json", json, NULL);
    proa_app_get(app, "/json-null", json, (void *)"null");
    proa_app_get(app, "/no-json", no_json, NULL);
    proa_app_get(app, "/deep-json", deep_json, NULL);
    proa_app_get(app, "/second", second_thoughts, NULL);
    proa_app_get(app, "/no-type", no_type, NULL);
    proa_app_get(app, "/no-type-stream", no_type, &s299);
    proa_app_get(app, "/no-type-204", no_type, &s204);
    proa_app_get(app, "/no-type-no-body", no_type_no_body, NULL);
    proa_app_get(app, "/borrowed-json", borrowed_json, NULL);
    proa_app_get(app, "/no-memory", no_memory, NULL);
    proa_app_get(app, "/without-memory", answers_without_memory, NULL);
    proa_app_get(app, "/untyped", untyped, NULL);
    proa_app_get(app, "/retyped", retyped, NULL);
    proa_app_get(app, "/bad-type", bad_type, NULL);
    proa_app_get(app, "/bad199", bad_status, &s199);
    proa_app_get(app, "/bad600", bad_status, &s600);
    proa_app_get(app, "/bad-good", bad_then_good, NULL);
    proa_app_get(app, "/overflowed", overflowed, NULL);
    proa_app_get(app, "/closes", closes, NULL);
    return app;
}

#define SERVED(name) SERVED_TEST(name, make_app)

/* ---- bodies and types */

/* HTTP-RESP-10, HTTP-RESP-05, HTTP-FRAME-23 */
SERVED(text_has_type_length_and_date)
{
    const char *answer = ask(server, GET("/text"));

    ck_assert_int_eq(strncmp(answer, "HTTP/1.1 200 OK\r\n", 17), 0);
    ck_str_eq(field_of(answer, "Content-Type"), "text/plain; charset=utf-8");
    ck_str_eq(field_of(answer, "Content-Length"), "4");
    ck_assert_uint_eq(field_of(answer, "Date").n, 29);
    ck_assert(proa_str_ends(field_of(answer, "Date"), PROA_STR(" GMT")));
    ck_assert_int_eq(fields_of(answer, "Transfer-Encoding"), 0);
    ck_assert_int_eq(fields_of(answer, "Server"), 0);
    ck_assert_str_eq(body_of(answer), "text");
    ck_assert_int_eq(heard_end(), 0);
}

/* HTTP-RESP-05 */
SERVED(every_final_response_has_one_date)
{
    static const char *const paths[] = {GET("/text"), GET("/text404"), GET("/none"),
                                        GET("/text599"), "BAD\r\n\r\n"};

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        ck_assert_int_eq(fields_of(ask(server, paths[i]), "Date"), 1);
}

SERVED(formatted_text_is_text)
{
    const char *answer = ask(server, GET("/textf"));

    ck_assert_int_eq(status_of(answer), 201);
    ck_str_eq(field_of(answer, "Content-Type"), "text/plain; charset=utf-8");
    ck_assert_str_eq(body_of(answer), "7 seas");
    answer = ask(server, GET("/long"));
    ck_str_eq(field_of(answer, "Content-Length"), "200000");
    ck_assert_uint_eq(strspn(body_of(answer), "0"), 199999);
}

SERVED(bytes_and_their_type_are_copied)
{
    const char *answer = ask(server, GET("/bytes"));

    ck_str_eq(field_of(answer, "Content-Type"), "image/x-test");
    ck_str_eq(field_of(answer, "Content-Length"), "3");
    ck_assert_int_eq(memcmp(body_of(answer), "a\0b", 4), 0);
}

SERVED(static_bytes_leave_as_they_are)
{
    const char *answer = ask(server, GET("/static"));

    ck_str_eq(field_of(answer, "Content-Type"), "text/x-constant");
    ck_assert_str_eq(body_of(answer), "constant");
}

SERVED(a_stolen_buffer_is_the_body)
{
    const char *answer = ask(server, GET("/stolen"));

    ck_str_eq(field_of(answer, "Content-Type"), "text/x-stolen");
    ck_str_eq(field_of(answer, "Content-Length"), "12");
    ck_assert_str_eq(body_of(answer), "stolen goods");
}

SERVED(json_is_dumped_and_typed)
{
    const char *answer = ask(server, GET("/json"));

    ck_str_eq(field_of(answer, "Content-Type"), "application/json");
    ck_assert_str_eq(body_of(answer), "{\"a\":[1,true]}");
    ck_assert_str_eq(body_of(ask(server, GET("/json-null"))), "null");
    ck_assert_str_eq(body_of(ask(server, GET("/borrowed-json"))), "[1]");
}

SERVED(the_last_whole_response_counts)
{
    const char *answer = ask(server, GET("/second"));

    ck_assert_int_eq(status_of(answer), 200);
    ck_assert_int_eq(fields_of(answer, "Content-Type"), 1);
    ck_str_eq(field_of(answer, "Content-Type"), "text/x-last");
    ck_assert_str_eq(body_of(answer), "last");
}

SERVED(a_type_set_as_a_header_stays_unless_the_call_names_one)
{
    ck_str_eq(field_of(ask(server, GET("/untyped")), "content-type"), "text/x-own");
    const char *answer = ask(server, GET("/retyped"));
    ck_assert_int_eq(fields_of(answer, "content-type"), 0);
    ck_str_eq(field_of(answer, "Content-Type"), "text/x-call");
}

/* HTTP-RESP-10 */
SERVED(a_body_without_a_type_is_bytes)
{
    static const char bytes_type[] = "application/octet-stream";

    ck_str_eq(field_of(ask(server, GET("/no-type")), "Content-Type"), bytes_type);
    ck_str_eq(field_of(ask(server, GET("/no-type-stream")), "Content-Type"), bytes_type);
    ck_assert_int_eq(fields_of(ask(server, GET("/no-type-204")), "Content-Type"), 0);
    ck_assert_int_eq(fields_of(ask(server, GET("/no-type-no-body")), "X-Test"), 1);
    ck_str_eq(field_of(ask(server, GET("/no-type-no-body")), "Content-Length"), "0");
}

SERVED(a_response_may_close_the_connection)
{
    const char *answer = ask(server, "GET /closes HTTP/1.1\r\nHost: h\r\n\r\n" GET("/text"));

    ck_assert_int_eq(responses_in(answer), 1);
    ck_str_eq(field_of(answer, "Connection"), "close");
    ck_assert_int_eq(heard_end(), 0);
}

/* ---- statuses */

SERVED(statuses_have_their_reasons_and_unknown_ones_none)
{
    ck_assert_int_eq(strncmp(ask(server, GET("/text404")), "HTTP/1.1 404 Not Found\r\n", 24), 0);
    ck_assert_int_eq(strncmp(ask(server, GET("/text299")), "HTTP/1.1 299 \r\n", 15), 0);
    ck_assert_int_eq(strncmp(ask(server, GET("/text599")), "HTTP/1.1 599 \r\n", 15), 0);
}

/* HTTP-RESP-04: so no 1xx can reach an HTTP/1.0 client as an answer. */
SERVED(a_status_below_200_or_above_599_is_refused)
{
    log_keep();
    ck_assert_int_eq(status_of(ask(server, GET("/bad199"))), 500);
    ck_assert_ptr_nonnull(strstr(log_kept(), "199 is no status to answer with"));
    ck_assert_int_eq(status_of(ask(server, GET("/bad600"))), 500);
    ck_assert_ptr_nonnull(strstr(log_kept(), "600 is no status to answer with"));
}

/* ---- failures of building */

SERVED(a_failure_of_building_stays)
{
    log_keep();
    ck_assert_int_eq(status_of(ask(server, GET("/bad-good"))), 500);
    ck_assert_ptr_nonnull(strstr(log_kept(), "GET /bad-good"));
}

/* HTTP-HDR-12 */
SERVED(a_media_type_may_hold_no_line_end)
{
    log_keep();
    const char *answer = ask(server, GET("/bad-type"));
    ck_assert_int_eq(status_of(answer), 500);
    ck_assert_ptr_null(strstr(answer, "X-Evil"));
    ck_assert_ptr_nonnull(strstr(log_kept(), "media type"));
}

SERVED(a_response_too_large_to_build_is_our_fault)
{
    log_keep();
    ck_assert_int_eq(status_of(ask(server, GET("/overflowed"))), 500);
    ck_assert_ptr_nonnull(strstr(log_kept(), "GET /overflowed"));
}

SERVED(json_that_cannot_be_dumped_is_our_fault)
{
    log_keep();
    ck_assert_int_eq(status_of(ask(server, GET("/deep-json"))), 500);
    ck_assert_ptr_nonnull(strstr(log_kept(), "GET /deep-json"));
    ck_assert_int_eq(status_of(ask(server, GET("/no-json"))), 500);
    ck_assert_ptr_nonnull(strstr(log_kept(), "GET /no-json"));
}

SERVED(a_buffer_is_stolen_without_memory_too)
{
    log_keep();
    ck_assert_int_eq(status_of(ask(server, GET("/no-memory"))), 500);
    ck_assert_ptr_nonnull(strstr(log_kept(), "GET /no-memory"));
}

SERVED(each_call_tells_that_memory_is_short)
{
    log_keep();
    for (call = 0; call < 8; call++) {
        nth = 0;
        do {
            nth++;
            const char *answer = ask(server, GET("/without-memory"));
            ck_assert_int_eq(status_of(answer), failed ? 500 : call == 4 ? 302 : 200);
        } while (failed);
        ck_assert_int_gt(nth, 1);
    }
}

int main(void)
{
    return t_main("response",
                  (const TTest *const[]){text_has_type_length_and_date,
                                         every_final_response_has_one_date,
                                         formatted_text_is_text,
                                         bytes_and_their_type_are_copied,
                                         static_bytes_leave_as_they_are,
                                         a_stolen_buffer_is_the_body,
                                         json_is_dumped_and_typed,
                                         the_last_whole_response_counts,
                                         a_type_set_as_a_header_stays_unless_the_call_names_one,
                                         a_body_without_a_type_is_bytes,
                                         a_response_may_close_the_connection,
                                         statuses_have_their_reasons_and_unknown_ones_none,
                                         a_status_below_200_or_above_599_is_refused,
                                         a_failure_of_building_stays,
                                         a_media_type_may_hold_no_line_end,
                                         a_response_too_large_to_build_is_our_fault,
                                         json_that_cannot_be_dumped_is_our_fault,
                                         a_buffer_is_stolen_without_memory_too,
                                         each_call_tells_that_memory_is_short,
                                         NULL});
}
