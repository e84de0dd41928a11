/* asyncio's cases of TLS, and of sending files over it, by their ids. */

#include "net/file_io.h"
#include "net/files.h"
#include "support/t_peer.h"
#include "support/t_run.h"
#include "tls/conn.h"
#include "tls/ends.h"

#include <proa/file.h>
#include <proa/group.h>
#include <proa/listener.h>
#include <proa/scope.h>
#include <proa/stream.h>
#include <proa/task.h>
#include <proa/tcp.h>

#include <malloc.h>
#include <string.h>
#include <unistd.h>

static const struct proa_tls_opts *to_a(void)
{
    static const struct proa_tls_opts opts = {.size = sizeof opts, .server_name = "a.example"};

    return &opts;
}

/* ---- 01: a slow peer */

/* Sends a byte a second of what once was a hello, or nothing. */
static int drip(void *arg)
{
    struct proa_stream *s = arg;
    static const char hello[] = {0x16, 3, 1, 1, 0, 1, 0, 0, (char)0xfc, 3, 3};

    for (size_t i = 0; i < sizeof hello; i++) {
        int rc = proa_sleep(PROA_SEC);
        if (rc == 0)
            rc = proa_write(s, hello + i, 1, NULL);
        if (rc < 0)
            return 0; /* the other end gave up */
    }
    return 0;
}

static int slow_body(void *arg)
{
    bool drips = *(int *)arg & 1, client = *(int *)arg & 2;
    struct proa_tls_ctx *ctx = client ? T_CLIENT() : T_SERVER();

    for (int i = 0; i < 50; i++) { /* t_run sees descriptors and timers that are left */
        struct proa_stream *near, *far, *s = NULL;
        int64_t began = proa_now();
        int rc;

        t_way(WAY_PAIR, &near, &far);
        PROA_GROUP(g);
        if (drips)
            ck_ok(proa_create_task(&g, drip, far));
        if (client)
            rc = PROA_WITHIN(5 * PROA_SEC, proa_tls_client(&s, near, ctx, to_a()));
        else
            rc = PROA_WITHIN(5 * PROA_SEC, proa_tls_server(&s, near, ctx));
        ck_err(rc, PROA_ETIMEDOUT);
        ck_assert_int_eq(proa_now() - began, 5 * PROA_SEC);
        ck_assert_ptr_null(s);
        proa_group_cancel(&g);
        proa_group_join(&g);
        proa_stream_free(far);
    }
    for (int i = 0; i < 50; i++) { /* the same with descriptors, and so by the real clock */
        struct proa_stream *near, *far, *s = NULL;

        t_way(WAY_UNIX, &near, &far);
        ck_err(PROA_WITHIN(PROA_MS, client ? proa_tls_client(&s, near, ctx, to_a())
                                           : proa_tls_server(&s, near, ctx)),
               PROA_ETIMEDOUT);
        ck_assert_ptr_null(s);
        proa_stream_free(far);
    }
    proa_tls_ctx_unref(ctx);
    return 0;
}
START_TEST(aio_tls_01_a_slow_peer_ends_in_a_timeout)
{
    t_run(slow_body, &_i);
}
END_TEST

/* ---- 03: certificates that are not believed, and a server that stays */

struct site {
    struct proa_listener *listener;
    struct proa_tls_ctx *ctx;
    int served, refused;
};

static int serve_three(void *arg)
{
    struct site *site = arg;

    for (int i = 0; i < 3; i++) {
        struct proa_stream *lower = NULL, *s = NULL;
        char word[4];

        ck_ok(proa_accept(site->listener, &lower));
        if (proa_tls_server(&s, lower, site->ctx) < 0) {
            site->refused++;
            continue;
        }
        if (proa_read_exact(s, word, 4, NULL) < 0) /* TLS 1.3: refused after our last word */
            site->refused++;
        else if (proa_write(s, word, 4, NULL) == 0)
            site->served++;
        proa_close(s);
    }
    return 0;
}

static int visit(struct site *site, struct proa_tls_ctx *ctx, const char *name)
{
    struct proa_stream *s = NULL;
    char word[4];
    int rc;

    ck_ok(proa_tcp_connect(&s, "127.0.0.1", proa_listener_port(site->listener), NULL));
    rc = proa_tls_client(&s, s, ctx, PROA_TLS_OPTS(.server_name = name));
    if (rc < 0)
        return rc;
    ck_ok(proa_write(s, "ping", 4, NULL));
    ck_ok(proa_read_exact(s, word, 4, NULL));
    proa_close(s); /* the server has left, and does not hear our good-bye */
    return 0;
}

static int verify_body(void *arg)
{
    struct proa_tls_ctx *good = T_CLIENT(.no_resumption = true), *stranger = NULL;
    struct site site = {.ctx = T_SERVER()};

    (void)arg;
    ck_ok(proa_tls_client_ctx_new(&stranger, NULL)); /* the system's authorities */
    ck_ok(proa_listen_tcp(&site.listener, "127.0.0.1", 0, NULL));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, serve_three, &site));
    ck_err(visit(&site, good, "wrong.example"), PROA_ETLSVERIFY);
    t_says(proa_err_detail(PROA_ETLSVERIFY), "wrong.example");
    ck_err(visit(&site, stranger, "a.example"), PROA_ETLSVERIFY);
    ck_ok(visit(&site, good, "a.example"));
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(site.refused, 2);
    ck_assert_int_eq(site.served, 1);
    proa_listener_free(site.listener);
    proa_tls_ctx_unref(site.ctx);
    proa_tls_ctx_unref(good);
    proa_tls_ctx_unref(stranger);
    return 0;
}
START_TEST(aio_tls_03_bad_certificate_or_name_and_the_server_stays)
{
    t_run(verify_body, NULL);
}
END_TEST

/* ---- 04: garbage */

static int garbage_first_body(void *arg)
{
    bool client = *(int *)arg;
    struct proa_tls_ctx *ctx = client ? T_CLIENT() : T_SERVER();
    struct proa_stream *near, *far, *s = NULL;
    char bytes[100];
    ssize_t got;
    int rc;

    t_way(WAY_UNIX, &near, &far);
    ck_ok(proa_write(far, "220 hello, this is not TLS\r\n", 28, NULL));
    rc = client ? proa_tls_client(&s, near, ctx, to_a()) : proa_tls_server(&s, near, ctx);
    ck_err(rc, PROA_ENOTTLS);
    ck_assert_ptr_null(s);
    do /* the connection is gone: an alert at most, then the end */
        got = proa_read(far, bytes, sizeof bytes);
    while (got > 0);
    ck_assert(got == 0 || got == PROA_ECONNRESET);
    proa_stream_free(far);
    proa_tls_ctx_unref(ctx);
    return 0;
}

static int garbage_later_body(void *arg)
{
    struct iovec iov = {.iov_base = (void *)"garbage in the midst of it all", .iov_len = 30};
    struct ends e = {0};
    char byte;
    ssize_t rc;

    (void)arg;
    ck_ok(t_shake(&e, NULL));
    ck_ok(proa_write(e.c, "x", 1, NULL));
    ck_assert_int_eq(proa__stream_try_writev(e.c_lower, &iov, 1), 30);
    ck_assert_int_eq(proa_read(e.s, &byte, 1), 1); /* what came before counts */
    rc = proa_read(e.s, &byte, 1);
    ck_assert_int_lt(rc, 0);
    ck_assert_int_ne(rc, PROA_ETLSTRUNCATED);
    ck_assert_int_eq(proa_read(e.s, &byte, 1), rc); /* one failure, told as often as asked */
    ck_assert_int_lt(proa_write(e.s, "y", 1, NULL), 0);
    t_leave(&e);
    return 0;
}
START_TEST(aio_tls_04_garbage_instead_of_tls)
{
    if (_i < 2)
        t_run(garbage_first_body, &_i);
    else
        t_run(garbage_later_body, NULL);
}
END_TEST

/* ---- 05: contexts and carriers; how it goes right is in test_start_tls.c */

static int wrong_body(void *arg)
{
    struct proa_tls_ctx *client = T_CLIENT(), *server = T_SERVER();
    struct proa_stream *near, *far, *s = NULL;

    (void)arg;
    t_way(WAY_UNIX, &near, &far);
    ck_err(proa_tls_client(&s, near, server, to_a()), PROA_EINVAL);
    ck_err(proa_tls_server(&s, far, client), PROA_EINVAL); /* both streams are closed */

    t_way(WAY_PIPE, &near, &far); /* one way only */
    ck_assert_int_lt(proa_tls_client(&s, near, client, to_a()), 0);
    ck_assert_int_lt(proa_tls_server(&s, far, server), 0);
    t_way(WAY_PIPE, &near, &far);
    ck_assert_int_lt(proa_tls_client(&s, far, client, to_a()), 0);
    ck_assert_int_lt(proa_tls_server(&s, near, server), 0);

    t_way(WAY_UNIX, &near, &far); /* its own side has ended */
    ck_ok(proa_shutdown(near));
    ck_err(proa_tls_client(&s, near, client, to_a()), PROA_EPIPE);
    proa_stream_free(far);
    ck_assert_ptr_null(s);
    proa_tls_ctx_unref(client);
    proa_tls_ctx_unref(server);
    return 0;
}
START_TEST(aio_tls_05_wrong_context_or_carrier)
{
    t_run(wrong_body, NULL);
}
END_TEST

/* ---- 07, 08: the end */

static const struct pair_opts narrow = {.ab = {.capacity = 100, .split = 33}};

static int last_words_body(void *arg)
{
    static uint8_t bytes[50000];
    struct t_reader r = {0};
    struct ends e = {0};

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = t_byte((int64_t)i);
    ck_ok(t_shake(&e, *(int *)arg ? &narrow : NULL));
    r.s = e.s;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, t_reader, &r));
    ck_ok(proa_write(e.c, bytes, sizeof bytes, NULL));
    ck_ok(proa_close(e.c)); /* flushes what is buffered, then says good-bye */
    e.c = NULL;
    ck_ok(proa_group_join(&g));
    ck_ok(r.rc);
    ck_assert_int_eq(r.n, sizeof bytes);
    ck_assert_int_eq(r.wrong, 0);
    t_leave(&e);
    return 0;
}
/* The client says its word and leaves before the server has even seen the end of the handshake:
 * what the server then still sends, its tickets, nobody takes. */
static int say_and_leave(struct proa_stream *s, struct duet *d)
{
    (void)d;
    ck_ok(proa_write(s, "word", 4, NULL));
    return proa_close(s);
}

static int hear_word(struct proa_stream *s, struct duet *d)
{
    char word[5];

    (void)d;
    ck_ok(proa_read_exact(s, word, 4, NULL));
    ck_assert_mem_eq(word, "word", 4);
    ck_assert_int_eq(proa_read(s, word, 1), 0);
    proa_close(s);
    return 0;
}

START_TEST(aio_tls_07_last_words_of_who_has_left_already)
{
    struct duet d = {.client = say_and_leave, .server = hear_word};
    enum proa_tls_version versions[] = {PROA_TLS_1_2, PROA_TLS_1_3};

    d.client_ctx = T_CLIENT(.no_resumption = true, .max_version = versions[_i]);
    ck_ok(t_duet_run(&d));
    proa_tls_ctx_unref(d.client_ctx);
}
END_TEST
START_TEST(aio_tls_07_last_words_arrive_before_the_end)
{
    t_run(last_words_body, &_i);
}
END_TEST

/* Our end asks for no answer to its close_notify; only room for it is waited for. */
static int silent_end_body(void *arg)
{
    static const char bytes[5000];
    struct ends e = {0};
    int64_t began;
    char byte;
    ssize_t rc;

    (void)arg;
    ck_ok(t_shake(&e, NULL));
    began = proa_now();
    ck_ok(proa_close(e.c));
    ck_assert_int_eq(proa_now(), began);
    e.c = NULL;
    t_leave(&e);

    ck_ok(t_shake(&e, &(struct pair_opts){.ab.capacity = 100}));
    ck_ok(proa_write(e.c, bytes, sizeof bytes, NULL));
    began = proa_now();
    ck_err(proa_close(e.c), PROA_ETIMEDOUT);
    ck_assert_int_eq(proa_now() - began, 5 * PROA_SEC);
    e.c = NULL;
    while ((rc = proa_read(e.s, &byte, 1)) > 0)
        ;
    ck_assert_int_eq(rc, PROA_ECONNRESET); /* an abort, and the other end knows */
    t_leave(&e);
    return 0;
}
START_TEST(aio_tls_08_nobody_answers_the_end)
{
    t_run(silent_end_body, NULL);
}
END_TEST

/* ---- 09: TLS in TLS */

struct both {
    struct proa_stream *lower;
    struct proa_tls_ctx *ctx;
    int64_t n;
};

static int inner_server(void *arg)
{
    struct both *b = arg;
    struct proa_stream *s = NULL;
    struct t_reader r = {0};

    ck_ok(proa_tls_server(&s, b->lower, b->ctx));
    ck_ok(proa_tls_server(&s, s, b->ctx));
    r.s = s;
    ck_ok(t_reader(&r));
    ck_ok(r.rc);
    ck_assert_int_eq(r.wrong, 0);
    b->n = r.n;
    return proa_close(s);
}

static int inner_body(void *arg)
{
    struct proa_tls_ctx *client = T_CLIENT(.no_resumption = true);
    struct both b = {.ctx = T_SERVER()};
    struct proa_stream *s = NULL;
    int fd = t_file_fd(1000000);
    char byte;

    t_way(*(int *)arg, &s, &b.lower);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, inner_server, &b));
    ck_ok(proa_tls_client(&s, s, client, to_a()));
    ck_ok(proa_tls_client(&s, s, client, to_a()));
    ck_ok(proa_sendfile(s, fd, 0, PROA_FILE_REST, NULL, NULL));
    ck_ok(proa_shutdown(s));
    ck_assert_int_eq(proa_read(s, &byte, 1), 0);
    ck_ok(proa_close(s));
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(b.n, 1000000);
    close(fd);
    proa_tls_ctx_unref(client);
    proa_tls_ctx_unref(b.ctx);
    return 0;
}
START_TEST(aio_tls_09_tls_over_tls)
{
    t_run(inner_body, &_i);
}
END_TEST

/* ---- 10: after the end */

static int after_end_body(void *arg)
{
    struct ends e = {0};
    char byte;
    ssize_t rc;

    (void)arg;
    ck_ok(t_shake(&e, NULL));
    ck_ok(proa_shutdown(e.c));
    for (int i = 0; i < 7; i++) /* told each time; asyncio drops the bytes silently */
        ck_err(proa_write(e.c, "x", 1, NULL), PROA_EPIPE);
    ck_assert_int_eq(proa_read(e.s, &byte, 1), 0);
    ck_ok(proa_write(e.s, "y", 1, NULL)); /* TLS ends each direction apart; asyncio both at once */
    ck_assert_int_eq(proa_read(e.c, &byte, 1), 1);
    ck_ok(proa_close(e.c));
    e.c = NULL;
    rc = proa_write(e.s, "z", 1, NULL); /* nobody is there: an error, and nothing arrives */
    ck_assert(rc == PROA_EPIPE || rc == PROA_ECONNRESET);
    t_leave(&e);
    return 0;
}
START_TEST(aio_tls_10_writing_after_the_end)
{
    t_run(after_end_body, NULL);
}
END_TEST

/* ---- 11: many of them */

enum { CYCLES = 1000, WARM = 100 };

static int cycles_body(void *arg)
{
    struct proa_tls_ctx *client = T_CLIENT();
    struct duet d = {.client = t_ask, .server = t_answer, .client_ctx = client};
    size_t blocks = 0, bytes = 0;
    size_t grown;

    (void)arg;
    d.server_ctx = T_SERVER();
    for (int i = 0; i < CYCLES; i++) {
        ck_ok(t_duet(&d));
        if (i == WARM) {
            blocks = t_alloc_blocks();
            bytes = mallinfo2().uordblks;
        }
    }
    ck_assert_uint_eq(t_alloc_blocks(), blocks); /* ours: not one more */
    grown = mallinfo2().uordblks;
    grown = grown > bytes ? grown - bytes : 0;
    ck_assert_msg(grown < 65536, "%zu bytes more after %d connections", grown, CYCLES - WARM);
    proa_tls_ctx_unref(client);
    proa_tls_ctx_unref(d.server_ctx);
    return 0;
}
START_TEST(aio_tls_11_a_thousand_connections_leave_nothing)
{
    t_run(cycles_body, NULL);
}
END_TEST

/* ---- connecting: what belongs to TLS of it */

static int names_body(void *arg)
{
    struct proa_tls_ctx *client = T_CLIENT(), *server = T_SERVER();
    struct proa_tls_ctx *insecure = T_CLIENT(.insecure = true, .no_resumption = true);
    struct duet d = {
        .client_ctx = insecure, .server_ctx = server, .opts = PROA_TLS_OPTS(.port = 1)};
    struct proa_stream *near, *far, *s = NULL;

    (void)arg;
    t_way(WAY_UNIX, &near, &far);
    ck_err(proa_tls_client(&s, near, client, NULL), PROA_EINVAL);
    proa_stream_free(far);
    t_way(WAY_UNIX, &near, &far); /* an empty name is none, and switches nothing off */
    ck_err(proa_tls_client(&s, near, client, PROA_TLS_OPTS(.server_name = "")), PROA_EINVAL);
    proa_stream_free(far);
    ck_ok(t_duet(&d)); /* a name may be missing where nothing is verified */
    proa_tls_ctx_unref(client);
    proa_tls_ctx_unref(insecure);
    proa_tls_ctx_unref(server);
    return 0;
}
START_TEST(aio_conn_07_a_name_is_needed_and_belongs_to_tls)
{
    t_run(names_body, NULL);
}
END_TEST

/* There is no timeout without TLS to be wrong about: it is a scope around the call. */
static int times_body(void *arg)
{
    static const int64_t times[] = {0, -1, INT64_MIN};
    struct proa_tls_ctx *client = T_CLIENT(), *server = T_SERVER();
    struct proa_stream *near, *far, *s = NULL;

    (void)arg;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        t_way(WAY_UNIX, &near, &far);
        ck_err(PROA_WITHIN(times[i], proa_tls_client(&s, near, client, to_a())), PROA_ETIMEDOUT);
        ck_err(PROA_WITHIN(times[i], proa_tls_server(&s, far, server)), PROA_ETIMEDOUT);
        ck_assert_ptr_null(s);
    }
    proa_tls_ctx_unref(client);
    proa_tls_ctx_unref(server);
    return 0;
}
START_TEST(aio_conn_08_a_time_that_is_over_is_a_timeout)
{
    t_run(times_body, NULL);
}
END_TEST

/* ---- files over TLS */

static const unsigned manners[] = {0, FILE_COLD};

static int file_body(void *arg)
{
    static const struct {
        int64_t size, offset, n, sent;
    } cases[] = {
        {3000000, 0, PROA_FILE_REST, 3000000},
        {3000000, 4095, 100001, 100001},
        {0, 0, PROA_FILE_REST, 0},
    };
    int which = *(int *)arg / 2;
    struct t_reader r = {.at = cases[which].offset};
    struct ends e = {0};
    int fd = t_file_fd(cases[which].size);
    int64_t done;

    proa__file_faults = manners[*(int *)arg % 2];
    ck_ok(t_shake(&e, NULL));
    r.s = e.s;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, t_reader, &r));
    ck_ok(proa_sendfile(e.c, fd, cases[which].offset, cases[which].n, &done, NULL));
    ck_assert_int_eq(done, cases[which].sent);
    ck_ok(proa_close(e.c));
    e.c = NULL;
    ck_ok(proa_group_join(&g));
    ck_ok(r.rc);
    ck_assert_int_eq(r.n, cases[which].sent);
    ck_assert_int_eq(r.wrong, 0);
    t_leave(&e);
    close(fd);
    proa__file_faults = 0;
    return 0;
}
START_TEST(aio_sf_01_whole_file_offset_and_count_empty_file_over_tls)
{
    t_run(file_body, &_i);
}
END_TEST

static int no_fallback_body(void *arg)
{
    const struct proa_sendfile_opts *alone = PROA_SENDFILE_OPTS(.no_fallback = true);
    struct ends e = {0};
    int fd = t_file_fd(100);
    uint8_t bytes[103];
    int64_t done = 7;

    (void)arg;
    ck_ok(t_shake(&e, NULL));
    ck_ok(proa_write(e.c, "one", 3, NULL));
    ck_err(proa_sendfile(e.c, fd, 0, 100, &done, alone), PROA_EOPNOTSUPP);
    ck_assert_int_eq(done, 0);
    ck_ok(proa_sendfile(e.c, fd, 0, 100, &done, NULL));
    ck_assert_int_eq(done, 100);
    ck_ok(proa_shutdown(e.c));
    ck_err(proa_sendfile(e.c, fd, 0, 100, &done, NULL), PROA_EPIPE); /* AIO-SF-07 */
    ck_assert_int_eq(done, 0);
    ck_ok(proa_read_exact(e.s, bytes, 103, NULL));
    ck_assert_mem_eq(bytes, "one", 3);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(bytes[3 + i], t_byte(i));
    ck_assert_int_eq(proa_read(e.s, bytes, 1), 0);
    t_leave(&e);
    close(fd);
    return 0;
}
START_TEST(aio_sf_05_tls_copies_or_refuses)
{
    t_run(no_fallback_body, NULL);
}
END_TEST

int main(void)
{
    t_openssl_apart();
    return t_main_tables(
        "aio_tls",
        (const TTest *const[]){
            aio_tls_03_bad_certificate_or_name_and_the_server_stays,
            aio_tls_05_wrong_context_or_carrier, aio_tls_08_nobody_answers_the_end,
            aio_tls_10_writing_after_the_end, aio_tls_11_a_thousand_connections_leave_nothing,
            aio_conn_07_a_name_is_needed_and_belongs_to_tls,
            aio_conn_08_a_time_that_is_over_is_a_timeout, aio_sf_05_tls_copies_or_refuses, NULL},
        (const struct t_table[]){{aio_tls_01_a_slow_peer_ends_in_a_timeout, 4},
                                 {aio_tls_04_garbage_instead_of_tls, 3},
                                 {aio_tls_07_last_words_arrive_before_the_end, 2},
                                 {aio_tls_07_last_words_of_who_has_left_already, 2},
                                 {aio_tls_09_tls_over_tls, 3},
                                 {aio_sf_01_whole_file_offset_and_count_empty_file_over_tls, 6},
                                 {NULL, 0}});
}
