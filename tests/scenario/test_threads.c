/* One program on three loops: each thread serves, and fetches from whichever of them the kernel
 * picks. Plain and over TLS. For ThreadSanitizer above all. */

#include "support/test.h"
#include "tls/certs.h"

#include <proa/app.h>
#include <proa/buf.h>
#include <proa/counters.h>
#include <proa/request.h>
#include <proa/response.h>
#include <proa/run.h>
#include <proa/session.h>
#include <proa/task.h>
#include <proa/time.h>
#include <proa/tls.h>

#include <stdatomic.h>
#include <stdio.h>

enum { THREADS = 3, FETCHES = 20 };

struct shared {
    struct proa_str cert; /* empty: plain */
    struct proa_str key;
    atomic_int serving;
    atomic_int fetched;
    atomic_int checked;
};

static int hello(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    atomic_fetch_add((atomic_int *)arg, 1);
    return proa_response_text(resp, 200, "hello");
}

static void wait_for_all(atomic_int *count, int n)
{
    while (atomic_load(count) < n)
        ck_ok(proa_sleep(PROA_MS));
}

static void fetch_all(struct proa_tls_ctx *tls, const char *url)
{
    PROA_AUTO(proa_session) *session = NULL;

    ck_ok(proa_session_new(&session, PROA_SESSION_OPTS(.tls = tls, .no_keepalive = true)));
    for (int i = 0; i < FETCHES; i++) {
        PROA_AUTO(proa_client_response) *resp = NULL;
        ck_ok(proa_session_get(session, &resp, url, NULL));
        ck_assert_int_eq(proa_client_response_status(resp), 200);
    }
}

static int one_of_three(void *arg)
{
    static atomic_int handled;
    struct shared *s = arg;
    PROA_AUTO(proa_app) *app = NULL;
    PROA_AUTO(proa_tls_ctx) *server_tls = NULL;
    PROA_AUTO(proa_tls_ctx) *client_tls = NULL;
    struct proa_server *server = NULL;
    char url[64];

    if (s->cert.n) {
        ck_ok(proa_tls_server_ctx_new(
            &server_tls, PROA_TLS_SERVER_OPTS(.cert_pem = s->cert, .key_pem = s->key)));
        ck_ok(proa_tls_client_ctx_new(&client_tls, PROA_TLS_CLIENT_OPTS(.ca_pem = s->cert)));
    }
    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/", hello, &handled);
    ck_ok(proa_server_start(&server, app, PROA_SERVER_OPTS(.tls = server_tls)));
    proa_yield();
    atomic_fetch_add(&s->serving, 1);
    wait_for_all(&s->serving, THREADS);
    snprintf(url, sizeof url, "%s/", proa_server_url(server, 0));
    fetch_all(client_tls, url);
    atomic_fetch_add(&s->fetched, 1);
    wait_for_all(&s->fetched, THREADS);

    ck_assert_int_eq(atomic_load(&handled), THREADS * FETCHES);
    ck_assert_int_eq(proa_counter_read(proa_counter_register("server_requests")),
                     THREADS * FETCHES);
    atomic_fetch_add(&s->checked, 1);
    wait_for_all(&s->checked, THREADS);
    ck_ok(proa_server_stop(server, 5 * PROA_SEC));
    proa_server_free(server);
    return 0;
}

START_TEST(three_loops_serve_one_port)
{
    struct shared s = {0};

    ck_assert_int_eq(proa_main(one_of_three, &s, PROA_MAIN_OPTS(.threads = THREADS)), 0);
    ck_assert_int_eq(atomic_load(&s.checked), THREADS);
}
END_TEST

START_TEST(and_over_tls_too)
{
    struct shared s = {0};
    struct proa_buf cert;
    struct proa_buf key;

    proa_buf_init(&cert, 10000);
    proa_buf_init(&key, 10000);
    ck_ok(proa_tls_self_signed(&cert, &key, "127.0.0.1"));
    s.cert = proa_buf_str(&cert);
    s.key = proa_buf_str(&key);
    ck_assert_int_eq(proa_main(one_of_three, &s, PROA_MAIN_OPTS(.threads = THREADS)), 0);
    proa_buf_fini(&cert);
    proa_buf_fini(&key);
}
END_TEST

int main(void)
{
    t_openssl_apart();
    return t_main("threads", (const TTest *const[]){
                                 three_loops_serve_one_port,
                                 and_over_tls_too,
                                 NULL,
                             });
}
