#include "support/t_run.h"
#include "tls/conn.h"
#include "tls/duet.h"
#include "tls/stream.h"

#include <proa/group.h>
#include <proa/run.h>
#include <proa/scope.h>
#include <proa/stream.h>

#include <stdio.h>
#include <string.h>

static struct duet talk(void)
{
    return (struct duet){.client = t_ask, .server = t_answer};
}

static const enum proa_tls_version versions[] = {PROA_TLS_1_2, PROA_TLS_1_3};

START_TEST(each_version_works)
{
    struct duet d = talk();

    d.client_ctx = T_CLIENT(.max_version = versions[_i]);
    ck_ok(t_duet_run(&d));
    ck_assert_int_eq(d.client_info.version, versions[_i]);
    ck_assert_int_eq(d.server_info.version, versions[_i]);
    ck_assert(d.client_info.verified);
    ck_assert(!d.server_info.verified);
    ck_assert(!d.client_info.resumed);
    proa_tls_ctx_unref(d.client_ctx);
}
END_TEST

START_TEST(newest_version_is_the_default)
{
    struct duet d = talk();

    ck_ok(t_duet_run(&d));
    ck_assert_int_eq(d.client_info.version, PROA_TLS_1_3);
}
END_TEST

START_TEST(versions_without_overlap_are_an_error)
{
    struct duet d = talk();

    d.client_ctx = T_CLIENT(.max_version = PROA_TLS_1_2);
    d.server_ctx = T_SERVER(.min_version = PROA_TLS_1_3);
    t_duet_run(&d);
    ck_err(d.client_rc, PROA_ETLSALERT);
    t_says(d.client_detail, "TLS handshake with a.example: it refused: protocol version");
    ck_err(d.server_rc, PROA_ETLSHANDSHAKE);
    t_says(d.server_detail, "TLS handshake with the client: unsupported protocol");
    proa_tls_ctx_unref(d.client_ctx);
    proa_tls_ctx_unref(d.server_ctx);
}
END_TEST

START_TEST(ciphers_without_overlap_are_an_error)
{
    struct duet d = talk();

    d.client_ctx = T_CLIENT(.ciphersuites = "TLS_AES_128_GCM_SHA256", .min_version = PROA_TLS_1_3);
    d.server_ctx = T_SERVER(.ciphersuites = "TLS_AES_256_GCM_SHA384", .min_version = PROA_TLS_1_3);
    t_duet_run(&d);
    ck_err(d.client_rc, PROA_ETLSALERT);
    ck_err(d.server_rc, PROA_ETLSHANDSHAKE);
    t_says(d.server_detail, "no shared cipher");
    proa_tls_ctx_unref(d.client_ctx);
    proa_tls_ctx_unref(d.server_ctx);
}
END_TEST

/* ---- pieces */

static const size_t pieces[] = {1, 2, 3, 5, 1000};

START_TEST(pieces_of_any_size_will_do)
{
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct duet d = talk();

        d.client_ctx = T_CLIENT(.max_version = versions[_i]);
        d.pair.ab = (struct proa_pair_fault){.split = pieces[i], .capacity = pieces[i]};
        d.pair.ba = d.pair.ab;
        ck_ok(t_duet_run(&d));
        d.pair.ba = (struct proa_pair_fault){.split = pieces[i], .delay = 1000};
        ck_ok(t_duet_run(&d));
        proa_tls_ctx_unref(d.client_ctx);
    }
}
END_TEST

/* ---- cuts */

struct cuts {
    struct duet d;
    struct proa_pair_fault *way;
    enum proa_pair_cut how;
    size_t step;
    size_t runs;
};

/* One error or the other, never a hang, never a success that was none. */
static void ck_cut(const struct duet *d, size_t at)
{
    const int codes[] = {d->client_rc, d->server_rc};

    for (size_t i = 0; i < 2; i++)
        switch (codes[i]) {
        case 0:
        case PROA_ETLSHANDSHAKE:
        case PROA_ETLSTRUNCATED:
        case PROA_ECONNRESET:
        case PROA_EPIPE:
            break;
        default:
            ck_abort_msg("cut at %zu: %s gave %s (%s)", at, i ? "server" : "client",
                         proa_err_name(codes[i]), i ? d->server_detail : d->client_detail);
        }
}

static int cut_everywhere(void *arg)
{
    struct cuts *c = arg;

    for (size_t at = 0;; at += c->step, c->runs++) {
        c->way->cut = c->how;
        c->way->cut_at = at;
        if (t_duet(&c->d) == 0)
            return 0; /* all that was said went through */
        ck_assert_uint_lt(at, 20000);
        ck_cut(&c->d, at);
    }
}

/* 4 bits of _i: version, direction, how. */
START_TEST(cut_at_any_byte_is_an_error_of_both)
{
    struct cuts c = {
        .d = talk(), .how = _i & 4 ? PROA_PAIR_RST : PROA_PAIR_FIN, .step = _i & 4 ? 7 : 1};

    c.d.client_ctx = T_CLIENT(.max_version = versions[_i & 1], .no_resumption = true);
    c.d.server_ctx = T_SERVER();
    c.way = _i & 2 ? &c.d.pair.ab : &c.d.pair.ba;
    t_run(cut_everywhere, &c);
    ck_assert_uint_gt(c.runs, 20);
    proa_tls_ctx_unref(c.d.client_ctx);
    proa_tls_ctx_unref(c.d.server_ctx);
}
END_TEST

/* ---- who does not speak TLS */

struct rude {
    const char *words;
    bool to_server;
    int rc;
    char detail[200];
};

static int say(void *arg)
{
    struct rude *r = arg;
    struct proa_stream *a = NULL, *b = NULL, *s = NULL;
    struct proa_tls_ctx *ctx = r->to_server ? T_SERVER() : T_CLIENT();

    ck_ok(proa__pair_new(&a, &b, NULL));
    ck_ok(proa_write(a, r->words, strlen(r->words), NULL));
    r->rc = r->to_server ? proa_tls_server(&s, b, ctx)
                         : proa_tls_client(&s, b, ctx, PROA_TLS_OPTS(.server_name = "a.example"));
    snprintf(r->detail, sizeof r->detail, "%s", proa_err_detail(r->rc));
    proa_close(a);
    proa_tls_ctx_unref(ctx);
    return 0;
}

START_TEST(other_protocols_are_told_apart)
{
    struct rude http = {.words = "GET / HTTP/1.1\r\nHost: a\r\n\r\n", .to_server = true};
    struct rude ssh = {.words = "SSH-2.0-OpenSSH_9.2\r\n", .to_server = true};
    struct rude response = {.words = "HTTP/1.1 400 Bad Request\r\n\r\n"};

    t_run(say, &http);
    ck_err(http.rc, PROA_ENOTTLS);
    t_says(http.detail, "TLS handshake with the client: http request");
    t_run(say, &ssh);
    ck_err(ssh.rc, PROA_ENOTTLS);
    t_run(say, &response);
    ck_err(response.rc, PROA_ENOTTLS);
    t_says(response.detail, "TLS handshake with a.example: wrong version number");
}
END_TEST

/* ---- without suspending: the server's idle connection */

struct idle {
    struct proa_stream *s;
    struct proa_tls_ctx *ctx;
    bool up;
    bool ended;
};

static void on_rest(void *arg, unsigned dirs)
{
    struct idle *i = arg;
    char byte;

    (void)dirs;
    i->ended = proa__stream_try_read(i->s, &byte, 1) == 0;
}

static void on_room(void *arg, unsigned dirs)
{
    struct idle *i = arg;
    struct iovec pong = {(char[]){"pong"}, 4};
    ssize_t n;

    (void)dirs;
    n = proa__stream_try_writev(i->s, &pong, 1);
    if (n == PROA_EAGAIN) {
        proa__stream_notify(i->s, STREAM_WRITE, on_room, i);
        return;
    }
    ck_assert_int_eq(n, 4);
    proa__stream_notify(i->s, STREAM_READ, on_rest, i);
}

static void on_bytes(void *arg, unsigned dirs)
{
    struct idle *i = arg;
    char word[4];
    ssize_t n;

    (void)dirs;
    n = proa__stream_try_read(i->s, word, sizeof word);
    i->up = proa__tls_handshake(i->s) == 0;
    if (n == PROA_EAGAIN)
        return;
    ck_assert_int_eq(n, 4);
    ck_assert(i->up);
    on_room(i, 0);
}

static int stackless_body(void *arg)
{
    struct idle i = {.ctx = T_SERVER()};
    struct proa_tls_ctx *ctx = T_CLIENT();
    struct proa_stream *a = NULL, *b = NULL, *c = NULL;
    struct duet d = {0};

    ck_ok(proa__pair_new(&a, &b, arg));
    ck_ok(proa__tls_server_new(&i.s, b, i.ctx));
    ck_err(proa__tls_handshake(i.s), PROA_EAGAIN);
    proa__stream_notify(i.s, STREAM_READ, on_bytes, &i);
    ck_ok(proa_tls_client(&c, a, ctx, PROA_TLS_OPTS(.server_name = "a.example")));
    ck_ok(t_ask(c, &d));
    ck_ok(proa_sleep(PROA_MS));
    ck_assert(i.ended);
    proa__stream_close(i.s);
    proa_tls_ctx_unref(i.ctx);
    proa_tls_ctx_unref(ctx);
    return 0;
}

START_TEST(server_needs_no_task)
{
    struct pair_opts split = {.ab = {.split = 1, .capacity = 1}, .ba = {.split = 1, .capacity = 1}};

    t_run(stackless_body, NULL);
    t_run(stackless_body, &split);
}
END_TEST

struct first {
    struct proa_stream *s;
    unsigned dirs;
};

static void on_first(void *arg, unsigned dirs)
{
    struct first *f = arg;

    f->dirs |= dirs;
}

/* Nobody tried yet, so nothing was sent: who waits for WRITE must be told to begin. */
static int asks_first_body(void *arg)
{
    struct proa_tls_ctx *ctx = T_CLIENT();
    struct proa_stream *a = NULL, *b = NULL;
    struct first f = {0};

    (void)arg;
    ck_ok(proa__pair_new(&a, &b, NULL));
    ck_ok(proa__tls_client_new(&f.s, a, ctx, PROA_TLS_OPTS(.server_name = "a.example")));
    proa__stream_notify(f.s, STREAM_WRITE, on_first, &f);
    ck_assert_uint_eq(f.dirs, 0); /* never from inside */
    ck_ok(proa_sleep(1));
    ck_assert_uint_eq(f.dirs, STREAM_WRITE);
    proa__stream_close(f.s);
    proa__stream_close(b);
    proa_tls_ctx_unref(ctx);
    return 0;
}

START_TEST(who_asks_before_trying_is_told_to_try)
{
    t_run(asks_first_body, NULL);
}
END_TEST

/* Both directions of one side wait for the handshake; the end of it must wake both. */
static int read_one(void *s)
{
    char byte;
    ssize_t n = proa_read(s, &byte, 1);

    return n == 1 ? 0 : n < 0 ? (int)n : PROA_EEOF;
}

static int write_one(void *s)
{
    return proa_write(s, "x", 1, NULL);
}

struct directions {
    bool back_too; /* each side reads and writes; else the client writes and the server reads */
    struct pair_opts pair;
};

static int directions_body(void *arg)
{
    const struct directions *dirs = arg;
    struct proa_tls_ctx *client = T_CLIENT(), *server = T_SERVER();
    struct proa_stream *a = NULL, *b = NULL;

    ck_ok(proa__pair_new(&a, &b, &dirs->pair));
    ck_ok(proa__tls_client_new(&a, a, client, PROA_TLS_OPTS(.server_name = "a.example")));
    ck_ok(proa__tls_server_new(&b, b, server));
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, write_one, a));
        ck_ok(proa_create_task(&g, read_one, b));
        if (dirs->back_too) {
            ck_ok(proa_create_task(&g, read_one, a));
            ck_ok(proa_create_task(&g, write_one, b));
        }
        ck_ok(proa_group_join(&g));
    }
    proa_abort(a);
    proa_abort(b);
    proa_tls_ctx_unref(client);
    proa_tls_ctx_unref(server);
    return 0;
}

START_TEST(any_call_shakes_hands)
{
    struct directions one_way = {0}, both_ways = {.back_too = true};

    t_run(directions_body, &one_way);
    t_run(directions_body, &both_ways);
    one_way.pair.ab = one_way.pair.ba = (struct proa_pair_fault){.split = 1, .capacity = 1};
    both_ways.pair = one_way.pair;
    t_run(directions_body, &one_way);
    t_run(directions_body, &both_ways);
}
END_TEST

/* ---- TLS in TLS */

static int inner_client(struct proa_stream *s, struct duet *d)
{
    struct proa_stream *in = NULL;
    int rc = proa_tls_client(&in, s, d->client_ctx, PROA_TLS_OPTS(.server_name = "b.example"));

    return rc < 0 ? rc : t_ask(in, d);
}

static int inner_server(struct proa_stream *s, struct duet *d)
{
    struct proa_stream *in = NULL;
    int rc = proa_tls_server(&in, s, d->server_ctx);

    return rc < 0 ? rc : t_answer(in, d);
}

START_TEST(tls_runs_in_tls)
{
    struct duet d = {.client = inner_client, .server = inner_server};

    ck_ok(t_duet_run(&d));
    d.pair.ab.split = d.pair.ba.split = 1;
    ck_ok(t_duet_run(&d));
}
END_TEST

/* ---- cancels, misuse, memory */

static int never_answered(void *arg)
{
    struct proa_tls_ctx *ctx = T_CLIENT();
    struct proa_stream *a = NULL, *b = NULL, *s = NULL;

    (void)arg;
    ck_ok(proa__pair_new(&a, &b, NULL));
    ck_err(PROA_WITHIN(5 * PROA_SEC,
                       proa_tls_client(&s, a, ctx, PROA_TLS_OPTS(.server_name = "a.example"))),
           PROA_ETIMEDOUT);
    ck_assert_ptr_null(s);
    proa_close(b);
    proa_tls_ctx_unref(ctx);
    return 0;
}

/* Before it began. */
static int cancelled_body(void *arg)
{
    struct proa_tls_ctx *client = T_CLIENT(), *server = T_SERVER();
    struct proa_stream *a = NULL, *b = NULL, *s = NULL;
    char byte;

    (void)arg;
    for (int i = 0; i < 2; i++) {
        ck_ok(proa__pair_new(&a, &b, NULL));
        {
            PROA_SCOPE(scope);
            proa_scope_cancel(&scope);
            ck_err(i ? proa_tls_server(&s, a, server)
                     : proa_tls_client(&s, a, client, PROA_TLS_OPTS(.server_name = "a.example")),
                   PROA_ECANCELED);
        }
        ck_err(proa_read(b, &byte, 1), PROA_ECONNRESET);
        proa_stream_free(b);
    }
    proa_tls_ctx_unref(client);
    proa_tls_ctx_unref(server);
    return 0;
}

START_TEST(a_handshake_that_was_cancelled_before_is_reset)
{
    t_run(cancelled_body, NULL);
}
END_TEST

START_TEST(handshake_can_be_cancelled)
{
    t_run(never_answered, NULL);
}
END_TEST

static int wrong_ctx(void *arg)
{
    struct proa_tls_ctx *client = T_CLIENT(), *server = T_SERVER();
    struct proa_stream *a = NULL, *b = NULL, *s = NULL;

    (void)arg;
    ck_ok(proa__pair_new(&a, &b, NULL));
    ck_err(proa_tls_client(&s, a, server, PROA_TLS_OPTS(.server_name = "a.example")), PROA_EINVAL);
    ck_err(proa_tls_server(&s, b, client), PROA_EINVAL); /* both streams are gone now */
    ck_ok(proa__pair_new(&a, &b, NULL));
    ck_err(proa_tls_info(a, &(struct proa_tls_info){0}), PROA_EOPNOTSUPP);
    ck_err(proa_tls_client(&s, a, client, NULL), PROA_EINVAL);
    ck_ok(proa__tls_server_new(&s, b, server));
    ck_err(proa_tls_info(s, &(struct proa_tls_info){0}), PROA_EAGAIN);
    proa_abort(s);
    proa_tls_ctx_unref(client);
    proa_tls_ctx_unref(server);
    return 0;
}

static int names_body(void *arg)
{
    static const struct {
        const char *name;
        int rc;
    } cases[] = {
        {"[ab", 0}, /* no brackets */
        {"ab]", 0},
        {"[]", 0},
        {"~.example", 0},
        {"a%b", 0}, /* no zone */
        {".example", PROA_EINVAL},
        {"a b", PROA_EINVAL},
        {"a\x7f", PROA_EINVAL},
        {"caf\xc3\xa9.example", PROA_EINVAL},
    };
    struct proa_tls_ctx *ctx = T_CLIENT(.insecure = true);
    struct proa_stream *a, *b, *s;
    char longest[300];

    (void)arg;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_ok(proa__pair_new(&a, &b, NULL));
        ck_err(proa__tls_client_new(&s, a, ctx, PROA_TLS_OPTS(.server_name = cases[i].name)),
               cases[i].rc);
        if (cases[i].rc == 0) {
            ck_assert_str_eq(proa__tls_from(s)->name, cases[i].name);
            proa_abort(s);
        }
        proa_stream_free(b);
    }
    for (size_t n = 255; n <= 256; n++) {
        memset(longest, 'a', n);
        longest[n] = '\0';
        ck_ok(proa__pair_new(&a, &b, NULL));
        ck_err(proa__tls_client_new(&s, a, ctx, PROA_TLS_OPTS(.server_name = longest)),
               n == 255 ? 0 : PROA_EINVAL);
        if (n == 255)
            proa_abort(s);
        else
            ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_EINVAL), "longer than"));
        proa_stream_free(b);
    }
    proa_tls_ctx_unref(ctx);
    return 0;
}
START_TEST(what_no_host_can_be_called_is_refused)
{
    t_run(names_body, NULL);
}
END_TEST

START_TEST(context_of_the_other_side_is_refused)
{
    t_run(wrong_ctx, NULL);
}
END_TEST

static int talk_once(void *arg)
{
    struct duet *d = arg;
    int rc = t_duet_run(d);

    if (d->client_rc == PROA_ENOMEM || d->server_rc == PROA_ENOMEM)
        return PROA_ENOMEM; /* whoever met it; the other lost its partner */
    return rc;
}

/* OpenSSL keeps its own allocator here (t_openssl_apart): these are the allocations of proa. */
START_TEST(each_failed_allocation_is_survived)
{
    struct duet d = talk();

    d.client_ctx = T_CLIENT();
    d.server_ctx = T_SERVER();
    t_each_alloc(talk_once, &d);
    proa_tls_ctx_unref(d.client_ctx);
    proa_tls_ctx_unref(d.server_ctx);
}
END_TEST

int main(void)
{
    t_openssl_apart();
    return t_main_tables("tls_handshake",
                         (const TTest *const[]){
                             newest_version_is_the_default,
                             versions_without_overlap_are_an_error,
                             ciphers_without_overlap_are_an_error,
                             other_protocols_are_told_apart,
                             server_needs_no_task,
                             who_asks_before_trying_is_told_to_try,
                             any_call_shakes_hands,
                             tls_runs_in_tls,
                             a_handshake_that_was_cancelled_before_is_reset,
                             handshake_can_be_cancelled,
                             what_no_host_can_be_called_is_refused,
                             context_of_the_other_side_is_refused,
                             each_failed_allocation_is_survived,
                             NULL,
                         },
                         (const struct t_table[]){
                             {each_version_works, 2},
                             {pieces_of_any_size_will_do, 2},
                             {cut_at_any_byte_is_an_error_of_both, 8},
                             {NULL, 0},
                         });
}
