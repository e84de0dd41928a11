/*
 * How a client begins TLS, with servers on real sockets: who is connected to, whose certificate is
 * asked for, what is agreed on and remembered, how it fails; and the context of those who bring
 * none.
 */

#include "client/tls.h"
#include "support/t_run.h"
#include "tls/ctx.h"
#include "tls/duet.h"

#include <proa/connection.h>
#include <proa/group.h>
#include <proa/listener.h>
#include <proa/scope.h>
#include <proa/session.h>
#include <proa/stream.h>
#include <proa/task.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* ---- a server that notes what it is asked */

static struct {
    struct proa_listener *listener;
    int port;
    struct proa_tls_ctx *ctx; /* NULL: it says `says` in plain words, and closes */
    const char *says;
    bool reset; /* it resets instead */
    int accepted;
    int shaken; /* handshakes that succeeded */
    bool resumed;
    char name[64]; /* asked for in the latest */
    char alpn[16];
    char host[64]; /* of the latest request */
} site;

static struct proa_tls_ctx *client; /* believes t_ca */
static struct proa_group *servers;

static void note_host(struct proa_str head)
{
    static char text[1024];

    snprintf(text, sizeof text, "%.*s", PROA_PRI(head));
    const char *at = strstr(text, "\r\nHost: ");
    ck_assert_ptr_nonnull(at);
    sscanf(at + 8, "%60s", site.host);
}

static int converse(struct proa_stream *s)
{
    static const struct proa_str end = {"\r\n\r\n", 4};
    struct proa_str head;
    int rc;

    while ((rc = proa_read_until(s, &head, &end, 1, 1 << 16, NULL)) == 0) {
        note_host(head);
        rc = proa_write(s, OK, strlen(OK), NULL);
        if (rc < 0)
            break;
    }
    return rc;
}

static int serve_tls(struct proa_stream *lower)
{
    struct proa_stream *s = NULL;
    struct proa_tls_info info;

    if (proa_tls_server(&s, lower, site.ctx) < 0)
        return 0;
    ck_ok(proa_tls_info(s, &info));
    site.shaken++;
    site.resumed = info.resumed;
    snprintf(site.name, sizeof site.name, "%.*s", PROA_PRI(info.server_name));
    snprintf(site.alpn, sizeof site.alpn, "%.*s", PROA_PRI(info.alpn));
    converse(s);
    proa_close(s);
    return 0;
}

static int serve_one(void *arg)
{
    struct proa_stream *s = arg;
    char bytes[1024];

    if (site.ctx)
        return serve_tls(s);
    if (site.reset) {
        proa_read(s, bytes, sizeof bytes);
        proa_abort(s);
        return 0;
    }
    proa_write(s, site.says, strlen(site.says), NULL);
    proa_shutdown(s);
    while (proa_read(s, bytes, sizeof bytes) > 0)
        continue;
    proa_close(s);
    return 0;
}

static int serve(void *arg)
{
    struct proa_stream *s = NULL;

    (void)arg;
    while (proa_accept(site.listener, &s) == 0) {
        site.accepted++;
        ck_ok(proa_create_task(servers, serve_one, s));
    }
    return 0;
}

static int frame(void *arg)
{
    memset(&site, 0, sizeof site);
    {
        PROA_GROUP(group);
        servers = &group;
        ck_ok(proa_listen_tcp(&site.listener, "127.0.0.1", 0, NULL));
        site.port = proa_listener_port(site.listener);
        site.ctx = T_SERVER(.alpn = "http/1.1");
        client = T_CLIENT(.alpn = "http/1.1");
        ck_ok(proa_create_task(&group, serve, NULL));
        struct proa_tls_ctx *ctx = site.ctx;
        ((void (*)(void))arg)();
        proa_listener_free(site.listener);
        proa_group_cancel(&group);
        proa_group_join(&group);
        proa_tls_ctx_unref(ctx);
        proa_tls_ctx_unref(client);
    }
    return 0;
}

#define SITE_TEST(name)                                                                            \
    static void name##_body(void);                                                                 \
    START_TEST(name)                                                                               \
    {                                                                                              \
        t_run(frame, (void *)name##_body);                                                         \
    }                                                                                              \
    END_TEST                                                                                       \
    static void name##_body(void)

/* ---- asking it */

/* One connection, one exchange: the status, or how it failed. */
static int get(const char *url, const struct proa_connection_opts *opts)
{
    PROA_AUTO(proa_prepared) *request = NULL;
    struct proa_connection *c = NULL;
    struct proa_reply reply;
    int rc = proa_connection_open(&c, url, opts);

    if (rc < 0)
        return rc;
    ck_ok(proa_prepared_new(&request, "GET", url, NULL, PROA_STR("")));
    rc = proa_connection_send(c, request);
    if (rc == 0)
        rc = proa_connection_receive(c, &reply);
    if (rc == 0)
        rc = proa_connection_skip(c, NULL);
    proa_connection_close(c);
    return rc < 0 ? rc : reply.status;
}

/* To the site, wherever the URL points. */
#define GET(url, ...) GET_AS(client, url, ##__VA_ARGS__)
#define GET_AS(ctx, url, ...)                                                                      \
    get(url, PROA_CONNECTION_OPTS(.tls = ctx, .connect_host = "127.0.0.1",                         \
                                  .connect_port = site.port, ##__VA_ARGS__))

/* The same through a session. */
static int fetch(struct proa_session *s, const char *host)
{
    PROA_AUTO(proa_client_response) *resp = NULL;
    PROA_AUTO(proa_buf) body;
    char url[100];

    proa_buf_init(&body, 100);
    snprintf(url, sizeof url, "https://%s:%d/", host, site.port);
    int rc = proa_session_get(s, &resp, url, NULL);
    if (rc == 0)
        rc = proa_client_response_read(resp, &body);
    return rc < 0 ? rc : proa_client_response_status(resp);
}

/* ---- names */

/* HTTP-TLS-01 */
SITE_TEST(the_urls_host_is_the_name_wherever_it_connects)
{
    ck_assert_int_eq(GET("https://a.example/"), 200);
    ck_assert_str_eq(site.name, "a.example");
    ck_assert_str_eq(site.host, "a.example");
    ck_assert_int_eq(GET("https://A.Example.:8443/"), 200);
    ck_assert_str_eq(site.name, "a.example");
    ck_assert_int_eq(GET("https://127.0.0.1/"), 200);
    ck_assert_str_eq(site.name, ""); /* an address is verified and not sent */
    ck_assert_int_eq(GET("https://[::1]/"), 200);
    ck_assert_str_eq(site.name, "");
    ck_err(GET("https://127.0.0.2/"), PROA_ETLSVERIFY);
    t_says(proa_err_detail(PROA_ETLSVERIFY), "127.0.0.2: IP address mismatch");
}

SITE_TEST(server_name_is_verified_in_place_of_the_host)
{
    ck_assert_int_eq(GET("https://elsewhere.example/", .server_name = "b.example"), 200);
    ck_assert_str_eq(site.name, "b.example");
    ck_assert_str_eq(site.host, "elsewhere.example"); /* what is asked for stays the URL's */
    ck_err(GET("https://a.example/", .server_name = "c.example"), PROA_ETLSVERIFY);
    t_says(proa_err_detail(PROA_ETLSVERIFY), "c.example");
    ck_err(GET("https://a.example/", .server_name = "no name"), PROA_EINVAL);
}

/* ---- what is agreed on: HTTP-TLS-04 */

SITE_TEST(http_1_1_is_offered_and_another_protocol_not_spoken)
{
    ck_assert_int_eq(GET("https://a.example/"), 200);
    ck_assert_str_eq(site.alpn, "http/1.1");

    struct proa_tls_ctx *old = site.ctx, *both = T_SERVER(.alpn = "h2,http/1.1");
    struct proa_tls_ctx *greedy = T_CLIENT(.alpn = "h2,http/1.1");
    site.ctx = both;
    ck_assert_int_eq(GET("https://a.example/"), 200);
    ck_assert_str_eq(site.alpn, "http/1.1");
    ck_err(GET_AS(greedy, "https://a.example/"), PROA_ETLSALPN);
    t_says(proa_err_detail(PROA_ETLSALPN), "\"h2\"");
    ck_assert_str_eq(site.host, "a.example");
    site.ctx = old;
    ck_assert_int_eq(GET_AS(greedy, "https://a.example/"), 200);
    ck_assert_str_eq(site.alpn, "http/1.1");
    proa_tls_ctx_unref(both);
    proa_tls_ctx_unref(greedy);
}

SITE_TEST(a_server_without_protocols_is_spoken_to)
{
    struct proa_tls_ctx *none = T_SERVER();

    site.ctx = none;
    ck_assert_int_eq(GET("https://a.example/"), 200);
    ck_assert_str_eq(site.alpn, "");
    proa_tls_ctx_unref(none);
}

/* ---- failures */

SITE_TEST(plain_words_on_https_are_told)
{
    site.ctx = NULL;
    site.says = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
    ck_err(GET("https://a.example/"), PROA_ENOTTLS);
    site.says = "SSH-2.0-x\r\n";
    ck_err(GET("https://a.example/"), PROA_ENOTTLS);
    site.says = "";
    ck_err(GET("https://a.example/"), PROA_ETLSHANDSHAKE);
    t_says(proa_err_detail(PROA_ETLSHANDSHAKE), "a.example: it ended the connection");
    site.reset = true;
    ck_err(GET("https://a.example/"), PROA_ECONNRESET);
    ck_assert_int_eq(site.accepted, 4); /* none is tried twice */
}

SITE_TEST(versions_that_do_not_meet_are_told)
{
    struct proa_tls_ctx *new = T_CLIENT(.min_version = PROA_TLS_1_3);
    struct proa_tls_ctx *old = T_SERVER(.max_version = PROA_TLS_1_2);

    site.ctx = old;
    ck_err(GET_AS(new, "https://a.example/"), PROA_ETLSALERT);
    ck_assert_int_eq(site.shaken, 0);
    proa_tls_ctx_unref(new);
    proa_tls_ctx_unref(old);
}

/* TLS 1.3 tells a client without a certificate only after its handshake. */
SITE_TEST(a_certificate_that_is_asked_for_can_be_shown)
{
    static struct t_cert mine;
    T_CERT(&mine, .cn = "me", .issuer = &t_ca);
    struct proa_tls_ctx *strict = T_SERVER(.client_cert = PROA_TLS_CLIENT_CERT_REQUIRED,
                                           .ca_pem = t_pem(t_ca.cert));
    struct proa_tls_ctx *known = T_CLIENT(.cert_pem = t_pem(mine.cert), .key_pem = t_pem(mine.key));
    PROA_AUTO(proa_session) *s = NULL;

    site.ctx = strict;
    ck_assert_int_eq(GET_AS(known, "https://a.example/"), 200);
    ck_err(GET("https://a.example/"), PROA_ETLSALERT);
    t_says(proa_err_detail(PROA_ETLSALERT), "certificate required");
    ck_ok(proa_session_new(&s, PROA_SESSION_OPTS(.tls = client)));
    ck_err(fetch(s, "127.0.0.1"), PROA_ETLSALERT);
    ck_assert_int_eq(site.accepted, 3); /* a fresh connection: not tried again */
    proa_tls_ctx_unref(strict);
    proa_tls_ctx_unref(known);
}

/* ---- what sessions have in common: L16, L17, A42 */

SITE_TEST(sessions_share_neither_connections_nor_secrets_but_by_their_context)
{
    struct proa_tls_ctx *other = T_CLIENT(.alpn = "http/1.1");
    PROA_AUTO(proa_session) *a = NULL, *b = NULL, *c = NULL;

    ck_ok(proa_session_new(&a, PROA_SESSION_OPTS(.tls = client)));
    ck_ok(proa_session_new(&b, PROA_SESSION_OPTS(.tls = client)));
    ck_ok(proa_session_new(&c, PROA_SESSION_OPTS(.tls = other)));
    ck_assert_int_eq(fetch(a, "127.0.0.1"), 200);
    ck_assert(!site.resumed);
    ck_assert_int_eq(fetch(a, "127.0.0.1"), 200);
    ck_assert_int_eq(site.accepted, 1);
    ck_assert_int_eq(fetch(b, "127.0.0.1"), 200); /* a connection of its own, */
    ck_assert_int_eq(site.accepted, 2);
    ck_assert(site.resumed); /* but one context: its certificate was checked */
    ck_assert_int_eq(fetch(c, "127.0.0.1"), 200);
    ck_assert_int_eq(site.accepted, 3);
    ck_assert(!site.resumed);
    proa_tls_ctx_unref(other);
}

SITE_TEST(what_is_remembered_of_a_server_is_of_its_name_and_port)
{
    ck_assert_int_eq(GET("https://a.example/"), 200);
    ck_assert_int_eq(GET("https://a.example/"), 200);
    ck_assert(site.resumed);
    ck_assert_int_eq(GET("https://b.example/"), 200);
    ck_assert(!site.resumed);
    ck_assert_int_eq(GET("https://a.example:8443/"), 200);
    ck_assert(!site.resumed);
    ck_assert_int_eq(GET("https://elsewhere.example/", .server_name = "a.example"), 200);
    ck_assert(site.resumed); /* the name that was verified counts */
    ck_err(GET("https://a.example/", .server_name = "c.example"), PROA_ETLSVERIFY);
}

/* One that believes everything teaches nothing to one that does not. */
SITE_TEST(a_careless_context_helps_no_careful_one)
{
    struct proa_tls_ctx *careless = T_CLIENT(.insecure = true);

    ck_assert_int_eq(GET_AS(careless, "https://c.example/"), 200);
    ck_err(GET("https://c.example/"), PROA_ETLSVERIFY);
    ck_assert_int_eq(GET_AS(careless, "https://c.example/"), 200);
    ck_assert(site.resumed);
    ck_err(GET("https://c.example/"), PROA_ETLSVERIFY);
    proa_tls_ctx_unref(careless);
}

/* ---- the context of those who bring none: one a thread, which ends with it */

static void *default_of_a_thread(void *arg)
{
    struct proa_tls_ctx **ret = arg;
    int rc = proa__client_default_tls(ret);

    return (void *)(intptr_t)rc;
}

static int make_in_thread(void *arg)
{
    pthread_t thread;
    void *rc;

    ck_assert_int_eq(pthread_create(&thread, NULL, default_of_a_thread, arg), 0);
    ck_assert_int_eq(pthread_join(thread, &rc), 0);
    return (int)(intptr_t)rc;
}

START_TEST(each_thread_has_one_that_ends_with_it)
{
    struct proa_tls_ctx *mine = NULL, *again = NULL, *theirs = NULL;

    ck_ok(proa__client_default_tls(&mine));
    ck_ok(proa__client_default_tls(&again));
    ck_assert_ptr_eq(mine, again);
    size_t bytes = t_alloc_bytes();
    ck_ok(make_in_thread(&theirs));
    ck_assert_ptr_ne(theirs, mine);
    ck_assert_uint_eq(t_alloc_bytes(), bytes);
    t_alloc_forgive(); /* ours ends with the process */
}
END_TEST

START_TEST(each_allocation_of_it_may_fail)
{
    struct proa_tls_ctx *theirs = NULL;

    t_each_alloc(make_in_thread, &theirs);
}
END_TEST

static struct proa_tls_ctx *by_default;

static void ask_by_default(void)
{
    const char *believed = getenv("SSL_CERT_FILE");

    if (strcmp(believed, "/dev/null") != 0) {
        ck_assert_int_eq(GET_AS(NULL, "https://a.example/"), 200);
        ck_assert_str_eq(site.alpn, "http/1.1");
        ck_assert_int_eq(GET_AS(NULL, "https://a.example/"), 200);
        ck_assert(site.resumed);
        ck_err(GET_AS(NULL, "https://c.example/"), PROA_ETLSVERIFY);
    } else {
        ck_err(GET_AS(NULL, "https://a.example/"), PROA_ETLSVERIFY);
        t_says(proa_err_detail(PROA_ETLSVERIFY), "certificate of a.example: ");
        ck_assert_int_eq(site.shaken, 0);
    }
    proa__tls_sessions_clear(&by_default->sessions); /* what it learnt would count as left */
}

/* What the system believes: a test's own authority, or nobody. */
START_TEST(it_believes_whom_the_system_believes)
{
    t_certs();
    setenv("SSL_CERT_FILE", _i ? "/dev/null" : t_file("system.pem", t_ca.cert), 1);
    setenv("SSL_CERT_DIR", "/nonexistent", 1);
    ck_ok(proa__client_default_tls(&by_default));
    t_alloc_forgive();
    t_run(frame, (void *)ask_by_default);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_urls_host_is_the_name_wherever_it_connects,
        server_name_is_verified_in_place_of_the_host,
        http_1_1_is_offered_and_another_protocol_not_spoken,
        a_server_without_protocols_is_spoken_to,
        plain_words_on_https_are_told,
        versions_that_do_not_meet_are_told,
        a_certificate_that_is_asked_for_can_be_shown,
        sessions_share_neither_connections_nor_secrets_but_by_their_context,
        what_is_remembered_of_a_server_is_of_its_name_and_port,
        a_careless_context_helps_no_careful_one,
        each_thread_has_one_that_ends_with_it,
        each_allocation_of_it_may_fail,
        NULL,
    };

    t_openssl_apart();
    return t_main_tables(
        "tls_open", tests,
        (const struct t_table[]){{it_believes_whom_the_system_believes, 2}, {NULL, 0}});
}
