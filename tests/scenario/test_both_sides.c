/*
 * proa on both ends of real sockets: what one side sends the other receives, byte for byte, over
 * TCP, TLS and UNIX sockets, with many tasks at once and with clients that give up in the middle.
 */

#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/app.h>
#include <proa/group.h>
#include <proa/log.h>
#include <proa/request.h>
#include <proa/response.h>
#include <proa/scope.h>
#include <proa/server.h>
#include <proa/session.h>
#include <proa/task.h>
#include <proa/time.h>
#include <proa/tls.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 300000, TASKS = 20, ROUNDS = 25 };

/* The byte at place i of the body that belongs to `seed`. */
static char byte_at(uint64_t seed, size_t i)
{
    return (char)((seed * 2654435761u + i * 40503u) >> 7);
}

static void fill(char *to, uint64_t seed, size_t from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = byte_at(seed, from + i);
}

/* ---- the server's side */

/* /body/{seed}/{n}?how=: n bytes that belong to the seed, whole, in chunks, of a known length, or
 * compressed. */
static int body(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str how = {0};
    uint64_t seed = 0, n = 0;
    char *piece = proa_request_alloc(req, 5000);

    (void)arg;
    if (!piece || proa_request_param_u64(req, "seed", UINT64_MAX, &seed) < 0 ||
        proa_request_param_u64(req, "n", LARGEST, &n) < 0)
        return proa_http_error(req, 400, "a seed and a size");
    proa_request_query_get(req, "how", &how);
    if (proa_str_eq(how, PROA_STR("length")))
        proa_response_set_length(resp, n);
    if (proa_str_eq(how, PROA_STR("gzip")))
        proa_response_compress(resp);
    int rc = proa_response_start(resp, 200, "application/octet-stream");
    for (size_t at = 0; at < n && rc == 0; at += 5000) {
        size_t some = n - at < 5000 ? n - at : 5000;
        fill(piece, seed, at, some);
        rc = proa_response_write(resp, piece, some);
    }
    return rc;
}

/* /check/{seed}: the request's body belongs to the seed; answers its length. */
static int check(struct proa_request *req, struct proa_response *resp, void *arg)
{
    uint64_t seed = 0;
    size_t at = 0;
    ssize_t n;
    char piece[700];

    (void)arg;
    if (proa_request_param_u64(req, "seed", UINT64_MAX, &seed) < 0)
        return proa_http_error(req, 400, "a seed");
    while ((n = proa_request_read(req, piece, sizeof piece)) > 0)
        for (ssize_t i = 0; i < n; i++)
            if (piece[i] != byte_at(seed, at++))
                return proa_http_error(req, 422, "byte %zu", at - 1);
    return n < 0 ? (int)n : proa_response_textf(resp, 200, "%zu", at);
}

static int hop(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_redirect(resp, 302, "/body/7/10");
}

/* ---- the client's side */

struct scene {
    struct proa_session *session;
    const char *url;
    uint64_t next;
    bool impatient; /* give up after a while that ends anywhere in an exchange */
    int done;
    int given_up;
};

static int fetch_body(struct scene *s, uint64_t seed, size_t n, const char *how)
{
    PROA_AUTO(proa_client_response) *resp = NULL;
    PROA_AUTO(proa_buf) got = {0};
    char url[256];

    snprintf(url, sizeof url, "%s/body/%llu/%zu?how=%s", s->url, (unsigned long long)seed, n, how);
    proa_buf_init(&got, LARGEST);
    int rc = proa_session_get(s->session, &resp, url, NULL);
    if (rc == 0)
        rc = proa_client_response_read(resp, &got);
    if (rc < 0)
        return rc;
    ck_assert_int_eq(proa_client_response_status(resp), 200);
    ck_assert_uint_eq(got.n, n);
    size_t same = 0;
    while (same < n && got.p[same] == byte_at(seed, same))
        same++;
    ck_assert_msg(same == n, "%s: byte %zu", url, same);
    return 0;
}

static int send_body(struct scene *s, uint64_t seed, size_t n)
{
    PROA_AUTO(proa_client_response) *resp = NULL;
    PROA_AUTO(proa_buf) got = {0};
    char url[256], length[32];
    char *bytes = malloc(n + 1);

    snprintf(url, sizeof url, "%s/check/%llu", s->url, (unsigned long long)seed);
    snprintf(length, sizeof length, "%zu", n);
    fill(bytes, seed, 0, n);
    proa_buf_init(&got, 100);
    int rc = proa_session_post(s->session, &resp, url,
                               PROA_FETCH_OPTS(.body = proa_str_make(bytes, n)));
    free(bytes);
    if (rc == 0)
        rc = proa_client_response_read(resp, &got);
    if (rc < 0)
        return rc;
    ck_assert_int_eq(proa_client_response_status(resp), 200);
    ck_str_eq(proa_buf_str(&got), length);
    return 0;
}

static int one_exchange(struct scene *s, uint64_t seed)
{
    static const char *const how[] = {"chunked", "length", "gzip"};
    static const size_t sizes[] = {0, 1, 13, 1000, 16384, 70001, LARGEST};
    size_t n = sizes[seed / 3 % 7];

    return seed % 4 == 3 ? send_body(s, seed, n) : fetch_body(s, seed, n, how[seed % 3]);
}

static int client(void *arg)
{
    struct scene *s = arg;

    for (int i = 0; i < ROUNDS; i++) {
        uint64_t seed = ++s->next;
        int64_t patience = s->impatient && seed % 3 ? (int64_t)(seed * 7919 % 3000) * PROA_US
                                                    : PROA_FOREVER;
        int rc = PROA_WITHIN(patience, one_exchange(s, seed));
        if (rc == PROA_ETIMEDOUT)
            s->given_up++;
        else if (rc < 0)
            return rc;
        else
            s->done++;
    }
    return 0;
}

static int play(struct scene *s)
{
    PROA_GROUP(clients);
    for (int i = 0; i < TASKS; i++)
        ck_ok(proa_create_task(&clients, client, s));
    return proa_group_join(&clients);
}

/* ---- the frame */

struct frame {
    bool tls;
    bool unix_socket;
    bool impatient;
};

static int frame_body(void *arg)
{
    const struct frame *f = arg;
    PROA_AUTO(proa_app) *app = NULL;
    PROA_AUTO(proa_tls_ctx) *server_tls = NULL;
    PROA_AUTO(proa_tls_ctx) *client_tls = NULL;
    PROA_AUTO(proa_buf) cert = {0};
    PROA_AUTO(proa_buf) key = {0};
    struct proa_server *server = NULL;
    struct proa_bind bind = {.unix_path = f->unix_socket ? t_peer_name("scenario") : NULL};

    proa_buf_init(&cert, 10000);
    proa_buf_init(&key, 10000);
    if (f->tls) {
        ck_ok(proa_tls_self_signed(&cert, &key, "127.0.0.1"));
        ck_ok(proa_tls_server_ctx_new(
            &server_tls,
            PROA_TLS_SERVER_OPTS(.cert_pem = proa_buf_str(&cert), .key_pem = proa_buf_str(&key))));
        ck_ok(proa_tls_client_ctx_new(&client_tls,
                                      PROA_TLS_CLIENT_OPTS(.ca_pem = proa_buf_str(&cert))));
    }
    bind.tls = server_tls;
    ck_ok(proa_app_new(&app, PROA_APP_OPTS(.max_body = LARGEST)));
    proa_app_get(app, "/body/{seed}/{n}", body, NULL);
    proa_app_post(app, "/check/{seed}", check, NULL);
    proa_app_get(app, "/hop", hop, NULL);
    ck_ok(proa_server_start(&server, app, PROA_SERVER_OPTS(.binds = &bind, .n_binds = 1)));
    proa_yield();

    struct scene s = {.url = f->unix_socket ? "http://localhost" : proa_server_url(server, 0),
                      .impatient = f->impatient};
    ck_ok(proa_session_new(&s.session,
                           PROA_SESSION_OPTS(.limit = 8, .tls = client_tls,
                                             .unix_path = f->unix_socket ? bind.unix_path : NULL)));
    ck_ok(play(&s));
    ck_assert_int_eq(s.done + s.given_up, TASKS * ROUNDS);
    if (!f->impatient)
        ck_assert_int_eq(s.given_up, 0);
    ck_assert_int_gt(s.done, TASKS * ROUNDS / 4);

    PROA_AUTO(proa_client_response) *resp = NULL;
    char url[128];
    snprintf(url, sizeof url, "%s/hop", s.url);
    ck_ok(proa_session_get(s.session, &resp, url, NULL));
    ck_assert_int_eq(proa_client_response_redirects(resp), 1);
    proa_client_response_free(resp);
    resp = NULL;

    proa_session_close(s.session);
    ck_ok(proa_server_stop(server, 10 * PROA_SEC));
    ck_assert_uint_eq(proa_server_connections(server), 0);
    proa_server_free(server);
    proa_yield();
    return 0;
}

/* What OpenSSL holds for the rest of the process is there after the first connection. */
static void warm_up(struct frame *f)
{
    if (f->tls)
        ck_ok(proa_run(frame_body, f, NULL));
}

static void quiet(enum proa_log_level level, const char *text, void *arg)
{
    (void)level;
    (void)text;
    (void)arg;
}

#define SCENE(name, ...)                                                                           \
    START_TEST(name)                                                                               \
    {                                                                                              \
        struct frame f = {__VA_ARGS__};                                                            \
        proa_log_set(quiet, NULL);                                                                 \
        warm_up(&f);                                                                               \
        t_run(frame_body, &f);                                                                     \
        t_alloc_forgive();                                                                         \
    }                                                                                              \
    END_TEST

SCENE(over_tcp, .tls = false)
SCENE(over_tls, .tls = true)
SCENE(over_a_unix_socket, .unix_socket = true)
SCENE(over_a_unix_socket_with_clients_that_give_up, .unix_socket = true, .impatient = true)
SCENE(over_tcp_with_clients_that_give_up, .impatient = true)
SCENE(over_tls_with_clients_that_give_up, .tls = true, .impatient = true)

int main(void)
{
    return t_main("both_sides", (const TTest *const[]){over_tcp, over_tls, over_a_unix_socket,
                                                       over_a_unix_socket_with_clients_that_give_up,
                                                       over_tcp_with_clients_that_give_up,
                                                       over_tls_with_clients_that_give_up, NULL});
}
