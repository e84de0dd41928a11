#include "client/session.h"
#include "scripted.h"

#include <proa/json.h>
#include <proa/log.h>
#include <proa/scope.h>
#include <proa/task.h>

/* Whole exchanges broken at every byte, with every allocation failing, cancelled at every wait. */

static const char redirect[] =
    "HTTP/1.1 307 Away\r\nLocation: /b#x\r\nContent-Length: 4\r\n\r\nbody";
static const char chunked[] = "HTTP/1.1 103 Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\n"
                              "Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"
                              "3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\nT: 1\r\n\r\n";
static const char plain[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
static const char to_end[] = "HTTP/1.1 200 OK\r\n\r\nhello";

static const struct scene story[] = {
    {.says = redirect}, {.says = chunked}, {.says = plain}, {.says = to_end, .end = SCENE_FIN},
    {.says = plain},    {.says = plain}, /* for a request that was sent again, its server having
                                            been cancelled */
};

/* Requests of all kinds, on the session that is open: the first failure, or 0. */
static int ask_all(void)
{
    struct proa_headers headers = {0};
    struct proa_client_response *resp = NULL;
    struct json_t *value = NULL;
    struct proa_buf body = {0};
    int rc;

    proa_buf_init(&body, 1 << 20);
    proa_headers_add(&headers, "X-Own", "1");
    rc = proa_session_post(session, &resp, "http://u:p@h/a#y",
                           PROA_FETCH_OPTS(.body = PROA_STR("posted"), .headers = &headers));
    if (rc == 0)
        rc = proa_client_response_json(resp, &value);
    proa_json_free(value);
    proa_client_response_free(resp);
    resp = NULL;
    for (int i = 0; i < 3 && rc == 0; i++) {
        rc = proa_session_get(session, &resp, i == 2 ? "http://other/" : "http://h/c", NULL);
        if (rc == 0)
            rc = proa_client_response_read(resp, &body);
        proa_client_response_free(resp);
        resp = NULL;
    }
    proa_headers_fini(&headers);
    proa_buf_fini(&body);
    return rc;
}

static struct pair_opts network;

static int tell(void *ret_done)
{
    struct proa_session *s = NULL;

    play(story, sizeof story / sizeof story[0]);
    peer.network = network;
    int rc = try_session(&s, PROA_SESSION_OPTS(.limit = 2, .base_url = "http://h/"));
    session = s;
    if (rc == 0)
        rc = ask_all();
    if (rc == 0 && ret_done)
        *(int *)ret_done = 1;
    proa_session_close(session);
    session = NULL;
    return rc;
}

/* ---- every byte */

static const char *cut_says;

/* One response, cut there. Whatever it ends in, it ends in time, with a code, and leaves nothing.
 */
static void cut_at(size_t at, enum proa_pair_cut how, bool from_us)
{
    struct proa_pair_fault fault = {.cut = how, .cut_at = at};

    memset(&peer, 0, sizeof peer);
    OPEN_SESSION(.max_redirects = -1);
    peer.network = from_us ? (struct pair_opts){.ab = fault} : (struct pair_opts){.ba = fault};
    PLAY({.says = cut_says, .end = SCENE_FIN}, {.says = cut_says, .end = SCENE_FIN});
    int64_t began = proa_now();
    const struct got *got = fetch("POST", "http://h/", PROA_FETCH_OPTS(.body = PROA_STR("hello")));
    int rc = got->rc < 0 ? got->rc : got->body_rc;
    bool may_be_whole = from_us ||
                        (how == PROA_PAIR_FIN && cut_says == to_end && at >= strlen(to_end) - 5);
    ck_assert_msg(rc < 0 || may_be_whole, "cut at %zu: %d", at, rc);
    ck_assert_int_le(proa_now() - began, 61 * PROA_SEC);
    proa_session_free(session);
    session = NULL;
    settle();
}

SCRIPTED(a_connection_cut_at_any_byte_is_a_failure_in_time)
{
    static const char *const says[] = {redirect, chunked, plain, to_end};

    for (int i = 0; i < 4; i++) {
        cut_says = says[i];
        for (size_t at = 0; at < strlen(says[i]); at++) {
            cut_at(at, PROA_PAIR_FIN, false);
            cut_at(at, PROA_PAIR_RST, false);
        }
    }
    cut_says = plain;
    for (size_t at = 0; at < 160; at++) {
        cut_at(at, PROA_PAIR_FIN, true);
        cut_at(at, PROA_PAIR_RST, true);
    }
}

/* ---- every allocation, every wait */

static int frame(void *arg)
{
    int rc = scripted_run(tell, NULL);

    (void)arg;
    return rc < 0 && peer.failed ? peer.failed : rc; /* it was a server that was hit */
}

static int whole(void *arg)
{
    int done = 0;

    (void)arg;
    ck_ok(scripted_run(tell, &done));
    ck_assert_int_eq(done, 1);
    ck_assert_uint_eq(peer.n_heard, 5);
    return 0;
}

START_TEST(without_faults_all_is_answered)
{
    t_run(whole, NULL);
    network = (struct pair_opts){.ab = {.split = 11}, .ba = {.split = 13}};
    t_run(whole, NULL);
}
END_TEST

START_TEST(each_allocation_may_fail)
{
    t_run_each_alloc(frame, NULL);
    network = (struct pair_opts){.ba = {.split = 40}};
    t_run_each_alloc(frame, NULL);
}
END_TEST

START_TEST(each_wait_may_be_cancelled)
{
    t_each_park(frame, NULL);
    network = (struct pair_opts){.ab = {.capacity = 20}, .ba = {.split = 20}};
    t_each_park(frame, NULL);
}
END_TEST

int main(void)
{
    return t_main("faults",
                  (const TTest *const[]){a_connection_cut_at_any_byte_is_a_failure_in_time,
                                         without_faults_all_is_answered, each_allocation_may_fail,
                                         each_wait_may_be_cancelled, NULL});
}
