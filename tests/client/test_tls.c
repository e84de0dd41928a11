#include "client/session.h"
#include "scripted.h"
#include "tls/duet.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>

/* Sessions over TLS. */

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static struct proa_tls_ctx *client;

/* Servers and a client that trust each other; what the client learnt ends with the test. */
static void tls_frame(scripted_fn *body)
{
    peer.tls = T_SERVER();
    client = T_CLIENT();
    body();
    if (session)
        proa_session_free(session);
    session = NULL;
    settle();
    proa_tls_ctx_unref(client);
    proa_tls_ctx_unref(peer.tls);
    peer.tls = NULL;
}

#define SECURE(name)                                                                               \
    static void name##_tls(void);                                                                  \
    SCRIPTED(name)                                                                                 \
    {                                                                                              \
        tls_frame(name##_tls);                                                                     \
    }                                                                                              \
    static void name##_tls(void)

SECURE(an_https_url_is_fetched_over_tls)
{
    OPEN_SESSION(.tls = client);
    PLAY({.says = OK}, {.says = OK}, {.says = OK});
    ck_got(FETCH("https://a.example/"), 200, "ok");
    ck_got(FETCH("https://a.example:443/"), 200, "ok");
    ck_assert_int_eq(peer.opened, 1);
    ck_assert_str_eq(peer.heard[0].origin, "https://a.example");
    ck_got(FETCH("https://127.0.0.1/"), 200, "ok");
}

/* HTTP-TLS-01, 02 */
SECURE(a_certificate_for_another_name_is_refused)
{
    OPEN_SESSION(.tls = client);
    ck_err(FETCH("https://c.example/")->rc, PROA_ETLSVERIFY);
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_ETLSVERIFY), "c.example"));
    ck_err(FETCH("https://127.0.0.2/")->rc, PROA_ETLSVERIFY);
    ck_assert_uint_eq(peer.n_heard, 0);
    ck_assert_uint_eq(session->pool.open, 0);
}

SECURE(a_certificate_of_nobody_known_is_refused)
{
    struct proa_tls_ctx *strict = NULL;

    ck_ok(proa_tls_client_ctx_new(&strict, PROA_TLS_CLIENT_OPTS(.alpn = "http/1.1")));
    OPEN_SESSION(.tls = strict);
    ck_err(FETCH("https://a.example/")->rc, PROA_ETLSVERIFY);
    proa_tls_ctx_unref(strict);
}

/* L16: plain and secure connections to a host are not each other's. */
SECURE(scheme_is_part_of_the_origin)
{
    OPEN_SESSION(.tls = client);
    PLAY({.says = OK}, {.says = OK});
    ck_got(FETCH("https://a.example:8080/"), 200, "ok");
    ck_got(FETCH("http://a.example:8080/"), 200, "ok");
    ck_assert_int_eq(peer.opened, 2);
}

SECURE(a_second_connection_resumes_the_session)
{
    OPEN_SESSION(.tls = client, .no_keepalive = true);
    PLAY({.says = OK}, {.says = OK}, {.says = OK});
    for (int i = 0; i < 3; i++)
        ck_got(FETCH("https://a.example/"), 200, "ok");
    ck_assert_int_eq(peer.opened, 3);
    ck_assert_int_eq(peer.resumed, 2);
    settle();
}

SECURE(an_idle_connection_survives_the_tickets_that_come_late)
{
    OPEN_SESSION(.tls = client);
    PLAY({.says = OK}, {.says = OK});
    ck_got(FETCH("https://a.example/"), 200, "ok");
    settle();
    ck_got(FETCH("https://a.example/"), 200, "ok");
    ck_assert_int_eq(peer.opened, 1);
}

/* HTTP-CONN-18, where waiting for either direction goes through TLS */
SECURE(a_refusal_stops_the_sending)
{
    static char large[300000];

    OPEN_SESSION(.tls = client);
    PLAY({.says = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno",
          .deaf = true,
          .end = SCENE_SILENT},
         {.says = OK});
    int64_t began = proa_now();
    ck_got(fetch("POST", "https://a.example/", PROA_FETCH_OPTS(.body = {large, sizeof large})), 413,
           "no");
    ck_assert_int_eq(proa_now(), began);
    ck_got(fetch("POST", "https://a.example/", PROA_FETCH_OPTS(.body = {large, sizeof large})), 200,
           "ok");
    ck_assert_uint_eq(peer.heard[1].body_n, sizeof large);
}

/* ---- redirects: HTTP-REDIR-05, 06 */

#define TO(location) "HTTP/1.1 307 Away\r\nLocation: " location "\r\nContent-Length: 0\r\n\r\n"

SECURE(from_https_to_http_is_refused_unless_allowed)
{
    OPEN_SESSION(.tls = client);
    PLAY({.says = TO("http://a.example/")});
    ck_err(FETCH("https://a.example/")->rc, PROA_EBADREDIRECT);
    proa_session_free(session);
    OPEN_SESSION(.tls = client, .allow_downgrade = true);
    PLAY({.says = TO("http://a.example/")}, {.says = OK});
    ck_got(FETCH("https://a.example/", .basic_user = "u"), 200, "ok");
    ck_assert_ptr_nonnull(strstr(peer.heard[0].head, "Authorization"));
    ck_assert_ptr_null(strstr(peer.heard[1].head, "Authorization"));
}

SECURE(from_http_to_https_is_another_origin)
{
    OPEN_SESSION(.tls = client);
    PLAY({.says = TO("https://a.example/")}, {.says = OK});
    ck_got(FETCH("http://a.example/", .basic_user = "u"), 200, "ok");
    ck_assert_str_eq(peer.heard[1].origin, "https://a.example");
    ck_assert_ptr_null(strstr(peer.heard[1].head, "Authorization"));
}

/* ---- ends */

/* HTTP-CONN-17 */
SECURE(an_end_without_good_bye_truncates_what_has_no_length)
{
    OPEN_SESSION(.tls = client);
    PLAY({.says = "HTTP/1.1 200 OK\r\n\r\nhello", .end = SCENE_CUT},
         {.says = "HTTP/1.1 200 OK\r\n\r\nhello", .end = SCENE_FIN},
         {.says = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", .end = SCENE_CUT});
    const struct got *got = FETCH("https://a.example/");
    ck_ok(got->rc);
    ck_err(got->body_rc, PROA_ETLSTRUNCATED);
    ck_assert_str_eq(got->body, "hello");
    ck_got(FETCH("https://a.example/"), 200, "hello");
    ck_got(FETCH("https://a.example/"), 200, "hello");
}

SECURE(a_request_that_met_a_cut_connection_is_sent_once_more)
{
    OPEN_SESSION(.tls = client);
    PLAY({.says = OK}, {.end = SCENE_CUT}, {.says = OK});
    ck_got(FETCH("https://a.example/"), 200, "ok");
    ck_got(FETCH("https://a.example/"), 200, "ok");
    ck_assert_int_eq(peer.opened, 2);
}

/* U09 */
SECURE(closing_a_session_says_good_bye_and_freeing_does_not)
{
    for (int close = 0; close < 2; close++) {
        OPEN_SESSION(.tls = client);
        PLAY({.says = OK});
        ck_got(FETCH("https://a.example/"), 200, "ok");
        if (close)
            proa_session_close(session);
        else
            proa_session_free(session);
        session = NULL;
        settle();
        ck_assert_int_eq(peer.open, 0);
        ck_err(peer.last_end, close ? PROA_EEOF : PROA_ETLSTRUNCATED);
    }
}

/* No server takes the good-bye: it costs a second in all, not one each. */
SECURE(closing_a_session_takes_a_second_at_most)
{
    peer.network = (struct pair_opts){.ab = {.capacity = 20}};
    OPEN_SESSION(.tls = client);
    PLAY({.says = OK, .end = SCENE_SILENT}, {.says = OK, .end = SCENE_SILENT},
         {.says = OK, .end = SCENE_SILENT});
    ck_got(FETCH("https://a.example:1/"), 200, "ok");
    ck_got(FETCH("https://a.example:2/"), 200, "ok");
    ck_got(FETCH("https://a.example:3/"), 200, "ok");
    int64_t began = proa_now();
    proa_session_close(session);
    session = NULL;
    ck_assert_int_eq(proa_now() - began, PROA_SEC);
    ck_ok(proa_sleep(2 * PROA_SEC));
    ck_assert_int_eq(peer.open, 0);
}

/* ---- a server that does not shake hands */

static void mute_servers(void)
{
    proa_tls_ctx_unref(peer.tls);
    peer.tls = NULL;
}

SECURE(a_handshake_takes_15_seconds_at_most)
{
    mute_servers();
    for (int own = 0; own < 2; own++) {
        OPEN_SESSION(.tls = client, .tls_timeout = own ? PROA_SEC : 0);
        int64_t began = proa_now();
        int rc = FETCH("https://a.example/")->rc;
        ck_err(rc, PROA_ETLSTIMEDOUT);
        ck_assert(proa_err_is_timeout(rc));
        ck_assert_int_eq(proa_now() - began, own ? PROA_SEC : 15 * PROA_SEC);
        proa_session_free(session);
        session = NULL;
    }
}

static int get_task(void *arg)
{
    *(int *)arg = FETCH("https://a.example/")->rc;
    return 0;
}

SECURE(a_freed_session_ends_handshakes)
{
    int rc = 1;
    PROA_GROUP(g);

    mute_servers();
    OPEN_SESSION(.tls = client);
    ck_ok(proa_create_task(&g, get_task, &rc));
    ck_ok(proa_sleep(PROA_SEC));
    proa_session_free(session);
    session = NULL;
    int64_t now = proa_now();
    ck_ok(proa_group_join(&g));
    ck_err(rc, PROA_ECLOSED);
    ck_assert_int_eq(proa_now(), now);
}

int main(void)
{
    t_openssl_apart();
    return t_main("tls",
                  (const TTest *const[]){
                      an_https_url_is_fetched_over_tls, a_certificate_for_another_name_is_refused,
                      a_certificate_of_nobody_known_is_refused, scheme_is_part_of_the_origin,
                      a_second_connection_resumes_the_session,
                      an_idle_connection_survives_the_tickets_that_come_late,
                      from_https_to_http_is_refused_unless_allowed, a_refusal_stops_the_sending,
                      from_http_to_https_is_another_origin,
                      an_end_without_good_bye_truncates_what_has_no_length,
                      a_request_that_met_a_cut_connection_is_sent_once_more,
                      closing_a_session_says_good_bye_and_freeing_does_not,
                      closing_a_session_takes_a_second_at_most,
                      a_handshake_takes_15_seconds_at_most, a_freed_session_ends_handshakes, NULL});
}
