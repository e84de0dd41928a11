#include "served.h"

#include <proa/log.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

/* A whole exchange with every allocation failing in turn, and with a cancel at every wait. */

static void quiet(enum proa_log_level level, const char *text, void *arg)
{
    (void)level;
    (void)text;
    (void)arg;
}

static int echo(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;
    int rc = proa_request_read_body(req, &body);

    (void)arg;
    if (rc < 0)
        return rc;
    proa_response_set_header(resp, "X-Peer", proa_request_peer(req).n ? "known" : "unknown");
    proa_response_compress(resp);
    return proa_response_bytes(resp, 200, "text/plain", body.p, body.n);
}

static int streams(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str word;
    int rc = proa_request_query_get(req, "word", &word);

    (void)arg;
    if (rc == 0)
        rc = proa_response_start(resp, 200, "text/plain");
    if (rc == 0)
        rc = proa_response_write(resp, word.p, word.n);
    return rc;
}

/* The compressed one is last: what follows a NUL is not counted. */
static const char requests[] =
    "GET /stream?word=a%20b HTTP/1.1\r\nHost: h\r\n\r\n"
    "GET /none HTTP/1.1\r\nHost: h\r\n\r\n"
    "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nAccept-Encoding: gzip\r\n"
    "Connection: close\r\n\r\n"
    "5\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n";

/* Serve the requests to a client; what a failure may change is not looked at. */
static int whole(void *arg)
{
    PROA_AUTO(proa_app) *app = NULL;
    struct proa_server *server = NULL;
    struct proa_stream *mine = NULL;
    struct proa_stream *its = NULL;
    int *ret_responses = arg;
    int rc = proa_app_new(&app, NULL);

    if (rc < 0)
        return rc;
    proa_app_post(app, "/echo", echo, NULL);
    proa_app_get(app, "/stream", streams, NULL);
    rc = proa_server_start(&server, app, PROA_SERVER_OPTS(.no_listen = true));
    if (rc < 0)
        return rc;
    rc = proa_yield();
    if (rc == 0)
        rc = proa__pair_new(&mine, &its, &(struct pair_opts){.ab.split = 50});
    if (rc == 0)
        rc = proa_server_add_stream_steal(server, its, false);
    if (rc == 0) {
        say_all(mine, requests, sizeof requests - 1);
        *ret_responses = responses_in(hear_all(mine));
    }
    proa_abort(mine);
    int stopped = proa_server_stop(server, PROA_SEC);
    proa_server_free(server);
    while (proa_sleep(PROA_SEC) == 0 && stopped < 0) /* let its task end before the app goes */
        stopped = 0;
    if (rc == PROA_ECLOSED) /* the server's task was the one that was cancelled */
        rc = 0;
    return rc < 0 ? rc : stopped;
}

static int wait_out(void *arg)
{
    int responses = 0;

    proa_log_set(quiet, NULL);
    PROA_SHIELD(shield, PROA_HOUR);
    int rc = proa_wait_for(whole, &responses, PROA_MIN);
    (void)arg;
    return rc;
}

static int all_answered_body(void *arg)
{
    int responses = 0;

    (void)arg;
    ck_ok(whole(&responses));
    ck_assert_int_eq(responses, 3);
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
    return t_main("faults",
                  (const TTest *const[]){without_faults_all_is_answered, each_allocation_may_fail,
                                         each_wait_may_be_cancelled, NULL});
}
