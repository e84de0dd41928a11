/* When an earlier handshake may be continued, and when it must not. */

#include "support/t_run.h"
#include "tls/ctx.h"
#include "tls/duet.h"

#include <proa/stream.h>

#include <openssl/ssl.h>

#include <stdio.h>
#include <string.h>

static const enum proa_tls_version versions[] = {PROA_TLS_1_2, PROA_TLS_1_3};

/* The server speaks and closes; the client reads to the end, so the tickets have come. */
static int speak(struct proa_stream *s, struct duet *d)
{
    int rc = proa_write(s, "word", 4, NULL);

    (void)d;
    if (rc < 0) {
        proa_abort(s);
        return rc;
    }
    return proa_close(s);
}

static int listen_to_end(struct proa_stream *s, struct duet *d)
{
    char bytes[16];
    ssize_t n;

    (void)d;
    while ((n = proa_read(s, bytes, sizeof bytes)) > 0)
        continue;
    if (n < 0) {
        proa_abort(s);
        return (int)n;
    }
    return proa_close(s);
}

/* One more connection; was it resumed? Both must say the same. */
static bool resumed(struct duet *d)
{
    d->client = listen_to_end;
    d->server = speak;
    ck_ok(t_duet(d));
    ck_assert_int_eq(d->client_info.resumed, d->server_info.resumed);
    return d->client_info.resumed;
}

static void end(struct duet *d)
{
    proa_tls_ctx_unref(d->client_ctx);
    proa_tls_ctx_unref(d->server_ctx);
    *d = (struct duet){0};
}

static int second_is_resumed(void *arg)
{
    struct duet d = {.client_ctx = T_CLIENT(.max_version = *(const enum proa_tls_version *)arg),
                     .server_ctx = T_SERVER()};

    ck_assert(!resumed(&d));
    for (int i = 0; i < 5; i++)
        ck_assert(resumed(&d));
    ck_assert(d.client_info.verified);
    end(&d);
    return 0;
}

START_TEST(second_connection_is_resumed)
{
    t_run(second_is_resumed, (void *)(uintptr_t)&versions[_i]);
}
END_TEST

static int switched_off(void *arg)
{
    struct duet d = {0};

    (void)arg;
    d.client_ctx = T_CLIENT(.no_resumption = true);
    d.server_ctx = T_SERVER();
    ck_assert(!resumed(&d));
    ck_assert(!resumed(&d));
    end(&d);

    d.client_ctx = T_CLIENT();
    d.server_ctx = T_SERVER(.no_resumption = true);
    ck_assert(!resumed(&d));
    ck_assert(!resumed(&d));
    ck_assert_uint_eq(d.client_ctx->sessions.map.count, 0);
    end(&d);

    d.client_ctx = T_CLIENT();
    d.server_ctx = T_SERVER();
    d.opts = PROA_TLS_OPTS(.server_name = "a.example", .no_resumption = true);
    ck_assert(!resumed(&d));
    ck_assert(!resumed(&d)); /* not kept */
    d.opts = NULL;
    ck_assert(!resumed(&d));
    d.opts = PROA_TLS_OPTS(.server_name = "a.example", .no_resumption = true);
    ck_assert(!resumed(&d)); /* not taken */
    d.opts = PROA_TLS_OPTS(.server_name = "a.example");
    ck_assert(resumed(&d));
    end(&d);
    return 0;
}

START_TEST(each_side_may_refuse_to_resume)
{
    t_run(switched_off, NULL);
}
END_TEST

/* Whatever two connections do not have in common keeps their sessions apart. */
static int kept_apart(void *arg)
{
    const struct proa_tls_opts *const others[] = {
        PROA_TLS_OPTS(.server_name = "b.example", .port = 443),
        PROA_TLS_OPTS(.server_name = "a.example", .port = 8443),
        PROA_TLS_OPTS(.server_name = "a.example", .port = 443, .via = "proxy.example:3128"),
        PROA_TLS_OPTS(.server_name = "127.0.0.1", .port = 443),
    };
    struct duet d = {.client_ctx = T_CLIENT(), .server_ctx = T_SERVER()};
    struct proa_tls_ctx *first = d.client_ctx, *second = T_CLIENT();

    (void)arg;
    d.opts = PROA_TLS_OPTS(.server_name = "a.example", .port = 443);
    ck_assert(!resumed(&d));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        d.opts = others[i];
        ck_assert(!resumed(&d));
        ck_assert(resumed(&d));
    }
    d.opts = PROA_TLS_OPTS(.server_name = "a.example", .port = 443);
    ck_assert(resumed(&d));
    d.client_ctx = second; /* another context, perhaps with other authorities */
    ck_assert(!resumed(&d));
    proa_tls_ctx_unref(first);
    end(&d);
    return 0;
}

START_TEST(session_is_kept_under_all_that_matters)
{
    t_run(kept_apart, NULL);
}
END_TEST

/* The same certificate, the same name: but another listener. */
static int other_listener(void *arg)
{
    struct duet d = {.client_ctx = T_CLIENT(.max_version = *(const enum proa_tls_version *)arg)};
    struct proa_tls_ctx *x = T_SERVER(), *y = T_SERVER();

    d.server_ctx = x;
    ck_assert(!resumed(&d));
    ck_assert(resumed(&d));
    d.server_ctx = y;
    ck_assert(!resumed(&d));
    d.server_ctx = x;
    proa_tls_ctx_unref(y);
    end(&d);
    return 0;
}

START_TEST(ticket_of_one_listener_is_nothing_to_another)
{
    t_run(other_listener, (void *)(uintptr_t)&versions[_i]);
}
END_TEST

static int choose_strict(void *arg, struct proa_str name, struct proa_tls_ctx **ret)
{
    if (proa_str_eq(name, PROA_STR("b.example")))
        *ret = arg;
    return 0;
}

/*
 * One listener, two names, the second wants a certificate of the client. A ticket got under the
 * first name must not open the second: the client brings it there by hand.
 */
static int other_name(void *arg)
{
    struct duet d = {.client_ctx = T_CLIENT(.max_version = *(const enum proa_tls_version *)arg)};
    struct proa_tls_ctx *strict = T_SERVER(.ca_pem = t_pem(t_ca.cert),
                                           .client_cert = PROA_TLS_CLIENT_CERT_REQUIRED);
    SSL_SESSION *stolen;

    d.server_ctx = T_SERVER(.sni = choose_strict, .sni_arg = strict);
    ck_assert(!resumed(&d));
    ck_assert(resumed(&d));
    stolen = proa__tls_sessions_take(&d.client_ctx->sessions, PROA_STR("a.example\n0\n"));
    ck_assert_ptr_nonnull(stolen);
    proa__tls_sessions_put(&d.client_ctx->sessions, PROA_STR("b.example\n0\n"), stolen);

    d.opts = PROA_TLS_OPTS(.server_name = "b.example");
    t_duet(&d);
    ck_assert(!d.server_up || !d.server_info.resumed);
    ck_err(d.server_rc, PROA_ETLSVERIFY);
    t_says(d.server_detail, "peer did not return a certificate");
    proa_tls_ctx_unref(strict);
    end(&d);
    return 0;
}

START_TEST(ticket_of_one_name_does_not_open_another)
{
    t_run(other_name, (void *)(uintptr_t)&versions[_i]);
}
END_TEST

static int reloaded(void *arg)
{
    struct duet d = {.client_ctx = T_CLIENT(), .server_ctx = T_SERVER()};

    (void)arg;
    ck_assert(!resumed(&d));
    ck_assert(resumed(&d));
    ck_ok(proa_tls_ctx_reload(d.server_ctx));
    ck_assert(!resumed(&d));
    ck_assert(resumed(&d));
    ck_ok(proa_tls_ctx_reload(d.client_ctx)); /* perhaps it believes others now */
    ck_assert(!resumed(&d));
    end(&d);
    return 0;
}

START_TEST(reload_forgets_sessions)
{
    t_run(reloaded, NULL);
}
END_TEST

/* A TLS 1.3 ticket is used once (else those who watch could tell that two connections are one's).
 */
static int used_once(void *arg)
{
    struct duet d = {.client_ctx = T_CLIENT(), .server_ctx = T_SERVER()};
    struct proa_str key = PROA_STR("a.example\n0\n");
    SSL_SESSION *one, *two, *three;

    (void)arg;
    ck_assert(!resumed(&d));
    one = proa__tls_sessions_take(&d.client_ctx->sessions, key);
    two = proa__tls_sessions_take(&d.client_ctx->sessions, key);
    three = proa__tls_sessions_take(&d.client_ctx->sessions, key);
    ck_assert_ptr_nonnull(one);
    ck_assert_ptr_nonnull(two);
    ck_assert_ptr_ne(one, two);
    ck_assert_ptr_null(three);
    SSL_SESSION_free(one);
    SSL_SESSION_free(two);
    end(&d);
    return 0;
}

START_TEST(ticket_is_used_once)
{
    t_run(used_once, NULL);
}
END_TEST

/* ---- the store itself */

static SSL_SESSION *a_session(int version, long age)
{
    SSL_SESSION *s = SSL_SESSION_new();

    SSL_SESSION_set_protocol_version(s, version);
    SSL_SESSION_set1_id(s, (const unsigned char *)"id", 2);
    SSL_SESSION_set_time(s, SSL_SESSION_get_time(s) - age);
    SSL_SESSION_set_timeout(s, 100);
    return s;
}

static void ck_take(struct sessions *c, const char *key, SSL_SESSION *expected)
{
    SSL_SESSION *s = proa__tls_sessions_take(c, proa_str_from(key));

    ck_assert_ptr_eq(s, expected);
    SSL_SESSION_free(s);
}

static void put(struct sessions *c, const char *key, SSL_SESSION *s)
{
    proa__tls_sessions_put(c, proa_str_from(key), s);
}

START_TEST(oldest_server_is_forgotten_at_the_limit)
{
    struct sessions c;
    SSL_SESSION *a = a_session(TLS1_2_VERSION, 0), *c_session = a_session(TLS1_2_VERSION, 0);

    proa__tls_sessions_init(&c, 2);
    put(&c, "a", a);
    put(&c, "b", a_session(TLS1_2_VERSION, 0));
    ck_assert_uint_eq(c.map.count, 2);
    ck_take(&c, "a", a); /* used: b is the oldest now */
    put(&c, "c", c_session);
    ck_assert_uint_eq(c.map.count, 2);
    ck_take(&c, "b", NULL);
    ck_take(&c, "a", a);
    ck_take(&c, "c", c_session);
    proa__tls_sessions_clear(&c);
}
END_TEST

START_TEST(newest_tickets_are_kept_and_taken_first)
{
    SSL_SESSION *s[SESSIONS_PER_KEY + 1];
    struct sessions c;

    proa__tls_sessions_init(&c, 2);
    for (int i = 0; i <= SESSIONS_PER_KEY; i++)
        put(&c, "a", s[i] = a_session(TLS1_3_VERSION, 0));
    for (int i = SESSIONS_PER_KEY; i > 0; i--)
        ck_take(&c, "a", s[i]);
    ck_take(&c, "a", NULL);
    ck_assert_uint_eq(c.map.count, 0); /* an empty entry is none */
    proa__tls_sessions_clear(&c);
}
END_TEST

START_TEST(expired_session_is_not_taken)
{
    struct sessions c;
    SSL_SESSION *good = a_session(TLS1_2_VERSION, 98);

    proa__tls_sessions_init(&c, 2);
    put(&c, "a", good);
    ck_take(&c, "a", good);
    put(&c, "a", a_session(TLS1_2_VERSION, 101));
    ck_take(&c, "a", NULL);
    proa__tls_sessions_clear(&c);
}
END_TEST

static int keep_sessions(void *arg)
{
    struct sessions c;

    (void)arg;
    proa__tls_sessions_init(&c, 8);
    for (int i = 0; i < 12; i++) {
        char key[2] = {(char)('a' + i), 0};
        put(&c, key, a_session(TLS1_3_VERSION, 0));
    }
    proa__tls_sessions_clear(&c);
    return 0; /* what there is no memory for is forgotten */
}

START_TEST(lack_of_memory_only_forgets)
{
    t_each_alloc(keep_sessions, NULL);
}
END_TEST

int main(void)
{
    t_openssl_apart();
    return t_main_tables("tls_session",
                         (const TTest *const[]){
                             each_side_may_refuse_to_resume,
                             session_is_kept_under_all_that_matters,
                             reload_forgets_sessions,
                             ticket_is_used_once,
                             oldest_server_is_forgotten_at_the_limit,
                             newest_tickets_are_kept_and_taken_first,
                             expired_session_is_not_taken,
                             lack_of_memory_only_forgets,
                             NULL,
                         },
                         (const struct t_table[]){
                             {second_connection_is_resumed, 2},
                             {ticket_of_one_listener_is_nothing_to_another, 2},
                             {ticket_of_one_name_does_not_open_another, 2},
                             {NULL, 0},
                         });
}
