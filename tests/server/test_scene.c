#include "served.h"

#include <proa/json.h>
#include <proa/log.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdlib.h>
#include <string.h>

/*
 * A scene with a bit of everything: a body that is waited for, JSON in and out, a stream to a slow
 * reader, a packed one, a redirect. Whatever fails in it, be it memory or patience: what the client
 * hears is whole responses, and then nothing, or the beginning of one and a cut.
 */

static void quiet(enum proa_log_level level, const char *text, void *arg)
{
    (void)level;
    (void)text;
    (void)arg;
}

/* ---- handlers */

static int json(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct json_t *value = NULL;
    int rc = proa_request_json(req, &value);

    (void)arg;
    if (rc < 0)
        return rc;
    proa_response_set_header(resp, "X-Host", "h");
    proa_response_add_header(resp, "Set-Cookie", "a=b");
    return proa_response_json_steal(resp, 200, value);
}

static int streams(struct proa_request *req, struct proa_response *resp, void *arg)
{
    static const char piece[700] = "s";
    struct proa_str word;
    int rc = proa_request_query_get(req, "word", &word);

    if (arg)
        proa_response_compress(resp);
    if (rc == 0)
        rc = proa_response_start(resp, 200, "text/plain");
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = proa_response_write(resp, piece, sizeof piece);
    return rc < 0 ? rc : proa_response_write(resp, word.p, word.n);
}

static int steals(struct proa_request *req, struct proa_response *resp, void *arg)
{
    char *kept = proa_request_alloc(req, 5000);
    struct proa_buf body;

    (void)arg;
    if (!kept)
        return PROA_ENOMEM;
    memset(kept, 'k', 5000);
    proa_buf_init(&body, PROA_UNLIMITED);
    proa_buf_append(&body, kept, 1200);
    proa_response_compress(resp);
    return proa_response_body_steal(resp, 200, "text/plain", &body);
}

static int goes(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_redirect(resp, 303, "/elsewhere?\xc3\xa9");
}

static int errs(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)resp;
    (void)arg;
    return proa_http_error(req, 409, "%s is taken", "it");
}

static const char requests[] =
    "POST /json HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n"
    "{\"a\":[1,2,3]}"
    "GET /streams?word=a%20b HTTP/1.1\r\nHost: h\r\n\r\n"
    "GET /goes HTTP/1.1\r\nHost: h\r\n\r\n"
    "GET /packs?word=x HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n"
    "PUT /json HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxx"
    "GET /steals HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n"
    "POST /json HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
    "Transfer-Encoding: chunked\r\n\r\n4\r\n[\"x\"\r\n1\r\n]\r\n0\r\n\r\n"
    "GET /errs HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

static const int statuses[] = {200, 200, 303, 200, 405, 200, 200, 409};

enum { N_ANSWERS = sizeof statuses / sizeof statuses[0] };

/* ---- what the client may hear */

/* The end of the chunks at `p`; NULL: they are not all there. */
static const char *end_of_chunks(const char *p, const char *end)
{
    for (;;) {
        char *line;
        size_t n = strtoul(p, &line, 16);
        if (end - line < 4)
            return NULL;
        ck_assert(line > p && strncmp(line, "\r\n", 2) == 0);
        p = line + 2;
        if (n == 0)
            return strncmp(p, "\r\n", 2) == 0 ? p + 2 : NULL;
        if ((size_t)(end - p) < n + 2)
            return NULL;
        ck_assert_int_eq(strncmp(p + n, "\r\n", 2), 0);
        p += n + 2;
    }
}

/* The end of the response at `p`; NULL: it is not all there. */
static const char *end_of_response(const char *p, const char *end)
{
    const char *body = strstr(p, "\r\n\r\n");
    uint64_t n = 0;

    if (!body)
        return NULL;
    body += 4;
    if (field_of(p, "Transfer-Encoding").p)
        return end_of_chunks(body, end);
    ck_assert_int_eq(fields_of(p, "Content-Length"), 1);
    ck_ok(proa_str_parse_uint(field_of(p, "Content-Length"), &n));
    return (size_t)(end - body) < n ? NULL : body + n;
}

/* Count whole responses: each with its status, or a 500; behind a part of one there is a cut. */
static int whole_ones(const char *text, size_t size, int how_ended)
{
    const char *end = text + size;
    int n = 0;

    while (text < end) {
        const char *next = end_of_response(text, end);
        if (!next) {
            ck_assert_int_ne(how_ended, 0);
            return n;
        }
        int status = status_of(text);
        ck_assert_int_lt(n, N_ANSWERS);
        ck_assert_msg(status == statuses[n] || status == 500, "response %d: %s", n, text);
        n++;
        text = next;
    }
    return n;
}

/* ---- the scene */

static struct proa_app *make_app(void)
{
    struct proa_app *app = NULL;

    if (proa_app_new(&app, NULL) < 0)
        return NULL;
    proa_app_post(app, "/json", json, NULL);
    proa_app_get(app, "/streams", streams, NULL);
    proa_app_get(app, "/packs", streams, app);
    proa_app_get(app, "/steals", steals, NULL);
    proa_app_get(app, "/goes", goes, NULL);
    proa_app_get(app, "/errs", errs, NULL);
    return app;
}

static int talk(struct proa_server *server, int *ret_answers)
{
    /* narrow on both ways, so that reads of bodies and writes of streams wait */
    const struct pair_opts narrow = {.ab = {.split = 40, .delay = PROA_MS},
                                     .ba = {.capacity = 500, .delay = PROA_MS}};
    struct proa_stream *mine = NULL;
    struct proa_stream *its = NULL;
    int rc = proa__pair_new(&mine, &its, &narrow);

    if (rc == 0)
        rc = proa_server_add_stream_steal(server, its, false);
    if (rc == 0) {
        say_all(mine, requests, sizeof requests - 1);
        const char *text = hear_all(mine);
        *ret_answers = whole_ones(text, heard_n(), heard_end());
    }
    proa_abort(mine);
    return rc == PROA_ECLOSED ? 0 : rc; /* the server's task was the one that was cancelled */
}

static int scene(void *arg)
{
    PROA_AUTO(proa_app) *app = make_app();
    struct proa_server *server = NULL;
    int rc = proa_server_start(&server, app, PROA_SERVER_OPTS(.no_listen = true));

    if (rc < 0)
        return rc;
    rc = proa_yield();
    if (rc == 0)
        rc = talk(server, arg);
    int stopped = proa_server_stop(server, PROA_SEC);
    proa_server_free(server);
    while (proa_sleep(PROA_SEC) == 0 && stopped < 0) /* let its task end before the app goes */
        stopped = 0;
    return rc < 0 ? rc : stopped;
}

static int wait_out(void *arg)
{
    int answers = 0;

    (void)arg;
    proa_log_set(quiet, NULL);
    PROA_SHIELD(shield, PROA_HOUR);
    return proa_wait_for(scene, &answers, PROA_MIN);
}

static int all_answered_body(void *arg)
{
    int answers = 0;

    (void)arg;
    ck_ok(scene(&answers));
    ck_assert_int_eq(answers, N_ANSWERS);
    ck_assert_int_eq(heard_end(), 0);
    return 0;
}

START_TEST(without_faults_all_is_answered)
{
    t_run(all_answered_body, NULL);
}
END_TEST

START_TEST(each_allocation_may_fail)
{
    t_run_each_alloc(wait_out, NULL);
}
END_TEST

START_TEST(each_wait_may_be_cancelled)
{
    t_each_park(wait_out, NULL);
}
END_TEST

int main(void)
{
    proa_json_use_mem();
    return t_main("scene",
                  (const TTest *const[]){without_faults_all_is_answered, each_allocation_may_fail,
                                         each_wait_may_be_cancelled, NULL});
}
