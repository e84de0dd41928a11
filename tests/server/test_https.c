/*
 * HTTPS: whom a server lets in by name and protocol, how many, what a stop does in the middle of a
 * handshake, sessions that are resumed, and the same over real sockets, plain words on the wrong
 * port included.
 */

#include "secured.h"
#include "server/conn.h"
#include "server/server.h"
#include "support/t_peer.h"

#include <proa/addr.h>
#include <proa/group.h>
#include <proa/task.h>
#include <proa/tcp.h>
#include <proa/time.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GET "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
#define LAST "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"

/* Ask on it, hear all, end. */
static const char *ask_last(struct proa_stream *s)
{
    say(s, LAST);
    const char *text = hear_all(s);
    ck_ok(heard_end());
    proa_abort(s);
    return text;
}

static int shake_as(struct proa_stream **ret, struct proa_stream *lower,
                    const struct proa_tls_opts *opts)
{
    return proa_tls_client(ret, lower, secured.client_ctx, opts);
}

/* ---- protocols: HTTP-TLS-04 */

SECURED_TEST(http_1_1_is_agreed_on)
{
    static const char *const offers[] = {"http/1.1", "h2,http/1.1", ""};

    for (size_t i = 0; i < 3; i++) {
        struct proa_stream *s = NULL;
        struct proa_tls_info info;
        ck_ok(shake_as(&s, secured_lower(NULL, NULL),
                       PROA_TLS_OPTS(.server_name = "a.example", .alpn = offers[i])));
        ck_ok(proa_tls_info(s, &info));
        ck_str_eq(info.alpn, offers[i][0] ? "http/1.1" : "");
        ck_assert_str_eq(body_of(ask_last(s)), "hello");
    }
}

SECURED_TEST(who_speaks_another_protocol_alone_is_refused)
{
    struct proa_stream *s = NULL;

    ck_err(shake_as(&s, secured_lower(NULL, NULL),
                    PROA_TLS_OPTS(.server_name = "a.example", .alpn = "h2")),
           PROA_ETLSALPN);
    t_turns(3);
    ck_assert_uint_eq(proa_server_connections(secured.server), 0);
    ck_assert_int_eq(secured.calls, 0);
}

/* ---- names */

struct names {
    struct proa_tls_ctx *other;
    char asked[64];
};

static int choose(void *arg, struct proa_str name, struct proa_tls_ctx **ret)
{
    struct names *n = arg;

    snprintf(n->asked, sizeof n->asked, "%.*s", PROA_PRI(name));
    if (proa_str_eq(name, PROA_STR("refused.w.example")))
        return PROA_ENOENT;
    if (proa_str_eq(name, PROA_STR("other.example")))
        *ret = n->other;
    return 0;
}

SECURED_TEST(the_name_asked_for_chooses_the_certificate)
{
    static struct t_cert cert;
    struct names names = {0};

    T_CERT(&cert, .cn = "other.example", .issuer = &t_ca, .san = "DNS:other.example");
    names.other = T_SERVER(.cert_pem = t_pem(cert.cert), .key_pem = t_pem(cert.key));
    struct proa_tls_ctx *ctx = T_SERVER(.sni = choose, .sni_arg = &names);
    struct proa_stream *s = NULL;

    ck_ok(shake_as(&s, secured_lower(NULL, ctx), PROA_TLS_OPTS(.server_name = "a.example")));
    ck_assert_str_eq(body_of(ask_last(s)), "hello");
    ck_assert_str_eq(names.asked, "a.example");
    ck_ok(shake_as(&s, secured_lower(NULL, ctx), PROA_TLS_OPTS(.server_name = "Other.Example")));
    ck_assert_str_eq(body_of(ask_last(s)), "hello");
    ck_ok(shake_as(&s, secured_lower(NULL, ctx), PROA_TLS_OPTS(.server_name = "127.0.0.1")));
    ck_assert_str_eq(body_of(ask_last(s)), "hello");
    ck_assert_str_eq(names.asked, "");
    ck_assert_int_eq(secured.calls, 3);

    ck_err(
        shake_as(&s, secured_lower(NULL, ctx), PROA_TLS_OPTS(.server_name = "refused.w.example")),
        PROA_ETLSALERT);
    ck_err(shake_as(&s, secured_lower(NULL, NULL), PROA_TLS_OPTS(.server_name = "other.example")),
           PROA_ETLSVERIFY);
    t_turns(3);
    ck_assert_uint_eq(proa_server_connections(secured.server), 0);
    ck_assert_int_eq(secured.calls, 3);
    proa_tls_ctx_unref(names.other);
    proa_tls_ctx_unref(ctx);
}

/* ---- sessions */

static bool is_resumed(struct proa_tls_ctx *client, struct proa_tls_ctx *server)
{
    struct proa_stream *s = NULL;
    struct proa_tls_info info;

    ck_ok(proa_tls_client(&s, secured_lower(NULL, server), client,
                          PROA_TLS_OPTS(.server_name = "a.example")));
    ck_ok(proa_tls_info(s, &info));
    ck_assert_str_eq(body_of(ask_last(s)), "hello");
    return info.resumed;
}

SECURED_TEST(a_session_goes_on_with_the_next_connection)
{
    for (int version = PROA_TLS_1_2; version <= PROA_TLS_1_3; version++) {
        struct proa_tls_ctx *client = T_CLIENT(.max_version = (enum proa_tls_version)version);
        ck_assert(!is_resumed(client, NULL));
        ck_assert(is_resumed(client, NULL));
        ck_assert(is_resumed(client, NULL));
        proa_tls_ctx_unref(client);
    }
}

/* H11: a ticket of one listener is none of another's. */
SECURED_TEST(a_session_of_another_context_does_not)
{
    struct proa_tls_ctx *client = T_CLIENT();
    struct proa_tls_ctx *other = T_SERVER();

    ck_assert(!is_resumed(client, NULL));
    ck_assert(!is_resumed(client, other));
    ck_assert(is_resumed(client, other));
    ck_ok(proa_tls_ctx_reload(other));
    ck_assert(!is_resumed(client, other));
    proa_tls_ctx_unref(client);
    proa_tls_ctx_unref(other);
}

/* ---- limits */

SECURED_TEST(a_handshake_counts_against_max_per_address, .max_per_address = 2)
{
    struct proa_stream *a = secured_lower(NULL, NULL);
    struct proa_stream *b = secured_lower(NULL, NULL);
    struct proa_stream *c = secured_lower(NULL, NULL);

    ck_assert_str_eq(hear_all(c), ""); /* not a word: it expects TLS */
    ck_assert_uint_eq(proa_server_connections(secured.server), 2);
    proa_abort(a);
    t_turns(3);
    struct proa_stream *s = secured_connect(NULL);
    ck_assert_str_eq(body_of(ask_last(s)), "hello");
    proa_abort(b);
    proa_abort(c);
}

/* ---- stopping */

struct stopping {
    int64_t after;
    int rc;
    char text[512];
};

static int late_client(void *arg)
{
    struct stopping *st = arg;
    struct proa_stream *s = NULL;
    struct proa_stream *lower = secured_lower(&(struct pair_opts){.ab.delay = st->after}, NULL);

    st->rc = shake_as(&s, lower, PROA_TLS_OPTS(.server_name = "a.example"));
    if (st->rc < 0)
        return 0;
    size_t done;
    proa_write(s, GET, strlen(GET), &done);
    snprintf(st->text, sizeof st->text, "%s", hear_all(s));
    st->rc = heard_end();
    proa_abort(s);
    return 0;
}

/* Who was accepted is answered, though the stop met him in the middle of his handshake; who is
 * slower than a second is not waited for. */
SECURED_TEST(a_stop_answers_whom_it_met_in_the_handshake)
{
    struct stopping soon = {.after = 300 * PROA_MS}, late = {.after = 1500 * PROA_MS};
    PROA_GROUP(g);

    ck_ok(proa_create_task(&g, late_client, &soon));
    ck_ok(proa_create_task(&g, late_client, &late));
    t_turns(3);
    int64_t began = proa_now();
    ck_ok(proa_server_stop(secured.server, 10 * PROA_SEC));
    ck_assert_int_le(proa_now() - began, 1500 * PROA_MS);
    ck_ok(proa_group_join(&g));
    ck_ok(soon.rc);
    ck_assert_int_eq(status_of(soon.text), 200);
    ck_assert_ptr_nonnull(strstr(soon.text, "Connection: close\r\n"));
    ck_assert_int_lt(late.rc, 0);
}

static int late_and_silent(void *arg)
{
    struct proa_stream *s = NULL;
    struct proa_stream *lower = secured_lower(&(struct pair_opts){.ab.delay = 300 * PROA_MS}, NULL);

    (void)arg;
    ck_ok(shake_as(&s, lower, PROA_TLS_OPTS(.server_name = "a.example")));
    ck_assert_str_eq(hear_all(s), "");
    ck_ok(heard_end());
    proa_abort(s);
    return 0;
}

SECURED_TEST(who_then_says_nothing_holds_a_stop_up_for_a_second)
{
    PROA_GROUP(g);

    ck_ok(proa_create_task(&g, late_and_silent, NULL));
    t_turns(3);
    int64_t began = proa_now();
    ck_ok(proa_server_stop(secured.server, 10 * PROA_SEC));
    ck_assert_int_ge(proa_now() - began, 1300 * PROA_MS); /* from the handshake's end */
    ck_assert_int_le(proa_now() - began, 2 * PROA_SEC);
    ck_ok(proa_group_join(&g));
}

SECURED_TEST(a_stop_says_good_bye_to_who_is_idle)
{
    struct proa_stream *s = secured_connect(NULL);

    say(s, GET);
    ck_assert_int_eq(status_of(hear_some(s)), 200);
    ck_ok(proa_server_stop(secured.server, 10 * PROA_SEC));
    ck_assert_str_eq(hear_all(s), "");
    ck_ok(heard_end());
    proa_abort(s);
}

/* ---- real sockets */

static struct proa_server *listening(struct proa_app **ret_app, const struct proa_server_opts *opts)
{
    struct proa_server *server = NULL;

    *ret_app = secured_app();
    ck_ok(proa_server_start(&server, *ret_app, opts));
    proa_yield();
    return server;
}

SECURED_TEST(https_over_loopback)
{
    struct proa_app *app;
    struct proa_server *server = listening(&app, PROA_SERVER_OPTS(.tls = secured.server_ctx));
    struct proa_stream *lower = NULL, *s = NULL;
    char url[64];

    snprintf(url, sizeof url, "https://127.0.0.1:%d", proa_server_port(server, 0));
    ck_assert_str_eq(proa_server_url(server, 0), url);
    ck_ok(proa_tcp_connect(&lower, "127.0.0.1", proa_server_port(server, 0), NULL));
    ck_ok(shake_as(&s, lower, PROA_TLS_OPTS(.server_name = "127.0.0.1")));
    for (int i = 0; i < 3; i++) {
        say(s, GET);
        ck_assert_str_eq(body_of(hear_some(s)), "hello");
    }
    ck_assert_str_eq(body_of(ask_last(s)), "hello");
    served_end(server, app);
}

SECURED_TEST(handshakes_count_against_max_connections)
{
    struct proa_app *app;
    struct proa_server *server = listening(
        &app, PROA_SERVER_OPTS(.tls = secured.server_ctx, .max_connections = 2));
    int port = proa_server_port(server, 0);
    int silent = t_peer_connect_port(port);
    int half = t_peer_connect_port(port);
    struct proa_stream *lower = NULL, *s = NULL;

    t_peer_say(half, "\x16\x03\x01");
    t_turns(8);
    ck_ok(proa_tcp_connect(&lower, "127.0.0.1", port, NULL));
    t_turns(8);
    ck_assert_uint_eq(proa_server_connections(server), 2); /* the third waits in the kernel */
    t_peer_close(half);
    ck_ok(shake_as(&s, lower, PROA_TLS_OPTS(.server_name = "127.0.0.1")));
    ck_assert_str_eq(body_of(ask_last(s)), "hello");
    t_peer_rst(silent);
    t_turns(8);
    ck_assert_uint_eq(proa_server_connections(server), 0);
    served_end(server, app);
}

/* LL-33, A43: a 400 in plain words, which name what is wrong; and the client knows too. */
SECURED_TEST(tls_on_a_plain_port_is_a_400)
{
    struct proa_app *app;
    struct proa_server *server = listening(&app, NULL);
    int port = proa_server_port(server, 0);
    int fd = t_peer_connect_port(port);
    struct proa_stream *lower = NULL, *s = NULL;
    char text[1024] = "";

    t_peer_say(fd, "\x16\x03\x01");
    t_turns(12);
    ck_assert_int_gt(t_peer_recv(fd, text, sizeof text - 1), 0);
    ck_assert_int_eq(status_of(text), 400);
    ck_assert_ptr_nonnull(strstr(body_of(text), "TLS"));
    ck_assert(t_peer_at_end(fd));
    t_peer_close(fd);

    ck_ok(proa_tcp_connect(&lower, "127.0.0.1", port, NULL));
    ck_err(shake_as(&s, lower, PROA_TLS_OPTS(.server_name = "127.0.0.1")), PROA_ENOTTLS);
    t_turns(12);
    ck_assert_uint_eq(proa_server_connections(server), 0);
    ck_assert_int_eq(secured.calls, 0);
    served_end(server, app);
}

SECURED_TEST(plain_http_on_a_tls_socket_is_closed)
{
    struct proa_app *app;
    struct proa_server *server = listening(&app, PROA_SERVER_OPTS(.tls = secured.server_ctx));
    int fd = t_peer_connect_port(proa_server_port(server, 0));
    char text[256] = "";

    t_peer_say(fd, GET);
    t_turns(12);
    ck_assert_uint_eq(proa_server_connections(server), 0);
    t_peer_recv(fd, text, sizeof text - 1);
    ck_assert_ptr_null(strstr(text, "HTTP"));
    ck_assert_int_eq(secured.calls, 0);
    t_peer_close(fd);
    served_end(server, app);
}

/* ---- memory */

static struct proa_tls_ctx *server_ctx, *client_ctx; /* made before anything fails */

static int ask_starving(struct proa_server *server)
{
    struct site site = {.server = server, .tls = server_ctx};
    struct proa_stream *s = NULL;
    struct proa_stream *its = NULL;
    struct proa_addr peer = {0};
    size_t done;
    int rc = proa__pair_new(&s, &its, &(struct pair_opts){.ba.capacity = 100});

    if (rc < 0)
        return rc;
    proa__conn_accept(&site, its, &peer);
    rc = proa_tls_client(&s, s, client_ctx, PROA_TLS_OPTS(.server_name = "a.example"));
    if (rc < 0) /* the server's want of memory is not told by a code */
        return rc == PROA_ENOMEM ? rc : 0;
    if (proa_write(s, LAST, strlen(LAST), &done) == 0)
        hear_all(s);
    proa_abort(s);
    return 0;
}

static int starve(void *arg)
{
    PROA_AUTO(proa_app) *app = NULL;
    struct proa_server *server = NULL;
    int rc = proa_app_new(&app, NULL);

    (void)arg;
    if (rc < 0)
        return rc;
    rc = proa_server_start(&server, app, PROA_SERVER_OPTS(.no_listen = true));
    if (rc < 0)
        return rc;
    rc = proa_yield();
    if (rc == 0)
        rc = ask_starving(server);
    int stopped = proa_server_stop(server, PROA_SEC);
    proa_server_free(server);
    proa_yield();
    return rc < 0 ? rc : stopped;
}

START_TEST(each_allocation_may_fail)
{
    server_ctx = T_SERVER();
    client_ctx = T_CLIENT(.no_resumption = true);
    log_keep();
    t_run_each_alloc(starve, NULL);
    proa_tls_ctx_unref(server_ctx);
    proa_tls_ctx_unref(client_ctx);
}
END_TEST

int main(void)
{
    t_openssl_apart();
    return t_main("https", (const TTest *const[]){
                               http_1_1_is_agreed_on,
                               who_speaks_another_protocol_alone_is_refused,
                               the_name_asked_for_chooses_the_certificate,
                               a_session_goes_on_with_the_next_connection,
                               a_session_of_another_context_does_not,
                               a_handshake_counts_against_max_per_address,
                               a_stop_answers_whom_it_met_in_the_handshake,
                               who_then_says_nothing_holds_a_stop_up_for_a_second,
                               a_stop_says_good_bye_to_who_is_idle,
                               https_over_loopback,
                               handshakes_count_against_max_connections,
                               tls_on_a_plain_port_is_a_400,
                               plain_http_on_a_tls_socket_is_closed,
                               each_allocation_may_fail,
                               NULL,
                           });
}
