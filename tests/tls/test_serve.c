#include "support/t_run.h"
#include "tls/duet.h"

#include <proa/fault.h>
#include <proa/log.h>
#include <proa/scope.h>
#include <proa/stream.h>
#include <proa/stream_server.h>
#include <proa/time.h>
#include <proa/tls.h>

#include <string.h>

/* A stream server whose streams are TLS's: over pairs, so that time is the loop's own. */

static struct proa_stream_server *server;
static int served;
static int faults;
static int debug_lines;
static int other_lines;

static int over_tls(struct proa_stream **ret, struct proa_stream *lower, void *ctx)
{
    return proa_tls_server(ret, lower, ctx);
}

static int echo(struct proa_stream *s, void *arg)
{
    char bytes[64];
    ssize_t rc;

    (void)arg;
    served++;
    while ((rc = proa_read(s, bytes, sizeof bytes)) > 0) {
        rc = proa_write(s, bytes, (size_t)rc, NULL);
        if (rc < 0)
            break;
    }
    return (int)rc;
}

static int on_fault(const struct proa_fault *fault, void *arg)
{
    (void)fault;
    (void)arg;
    faults++;
    return 0;
}

static void on_log(enum proa_log_level level, const char *text, void *arg)
{
    (void)arg;
    (void)text;
    if (level == PROA_LOG_DEBUG)
        debug_lines++;
    else
        other_lines++;
}

static struct proa_stream *new_lower(const struct pair_opts *opts)
{
    struct proa_stream *near, *far;

    ck_ok(proa__pair_new(&near, &far, opts));
    ck_ok(proa_stream_server_add_stream_steal(server, far));
    return near;
}

static void talk(struct proa_tls_ctx *ctx)
{
    struct proa_stream *s;
    char bytes[5] = {0};

    ck_ok(proa_tls_client(&s, new_lower(NULL), ctx, PROA_TLS_OPTS(.server_name = "a.example")));
    ck_ok(proa_write(s, "tls!", 4, NULL));
    ck_ok(proa_read_exact(s, bytes, 4, NULL));
    ck_assert_str_eq(bytes, "tls!");
    ck_ok(proa_close(s));
}

static int handshake_body(void *arg)
{
    struct proa_tls_ctx *ctx = T_SERVER();
    struct proa_tls_ctx *client = T_CLIENT(.no_resumption = true);
    struct proa_stream *s;
    int64_t began;
    char byte;

    (void)arg;
    served = faults = debug_lines = other_lines = 0;
    proa_log_set(on_log, NULL);
    proa_log_set_level(PROA_LOG_DEBUG);
    proa_fault_set(on_fault, NULL);
    ck_ok(proa_stream_server_new(
        &server, echo, NULL,
        PROA_STREAM_SERVER_OPTS(.wrap = over_tls, .wrap_arg = ctx, .wrap_timeout = 5 * PROA_SEC)));
    talk(client);
    ck_assert_int_eq(debug_lines, 0);

    s = new_lower(NULL); /* no TLS at all */
    ck_ok(proa_write(s, "GET / HTTP/1.1\r\n\r\n", 18, NULL));
    while (proa_read(s, &byte, 1) > 0) /* an alert, then the end */
        ;
    proa_stream_free(s);
    ck_assert_int_eq(debug_lines, 1);

    s = new_lower(NULL); /* it leaves at once */
    ck_ok(proa_close(s));
    began = proa_now();
    s = new_lower(NULL); /* it says nothing */
    ck_err(proa_read(s, &byte, 1), PROA_ECONNRESET);
    ck_assert_int_eq(proa_now() - began, 5 * PROA_SEC);
    proa_stream_free(s);
    ck_assert_int_eq(debug_lines, 3);

    ck_assert_int_eq(served, 1);
    ck_assert_int_eq(faults, 0);
    ck_assert_int_eq(other_lines, 0);
    talk(client); /* the server goes on */
    ck_ok(proa_stream_server_stop(server, PROA_STOP_DRAIN, PROA_SEC));
    proa_stream_server_free(server);
    proa_tls_ctx_unref(ctx);
    proa_tls_ctx_unref(client);
    proa_fault_set(NULL, NULL);
    return 0;
}
START_TEST(aio_srv_15_a_handshake_that_fails_concerns_its_client_only)
{
    t_run(handshake_body, NULL);
}
END_TEST

/* The client reads nothing, so that close_notify finds no room: an abort does not wait for it. */
static int abort_body(void *arg)
{
    struct proa_tls_ctx *ctx = T_SERVER();
    struct proa_tls_ctx *client = T_CLIENT(.no_resumption = true);
    static char bytes[1 << 16];
    struct proa_stream *s;
    int64_t began;

    (void)arg;
    ck_ok(proa_stream_server_new(&server, echo, NULL,
                                 PROA_STREAM_SERVER_OPTS(.wrap = over_tls, .wrap_arg = ctx)));
    ck_ok(proa_tls_client(&s, new_lower(NULL), client, PROA_TLS_OPTS(.server_name = "a.example")));
    ck_assert_int_eq(PROA_WITHIN(PROA_SEC, proa_write(s, bytes, sizeof bytes, NULL)), 0);
    ck_assert_int_le(PROA_WITHIN(PROA_SEC, proa_write(s, bytes, sizeof bytes, NULL)), 0);
    began = proa_now();
    ck_ok(proa_stream_server_stop(server, PROA_STOP_ABORT, 0));
    ck_assert_int_eq(proa_now() - began, 0);
    proa_abort(s);
    proa_stream_server_free(server);
    proa_tls_ctx_unref(ctx);
    proa_tls_ctx_unref(client);
    return 0;
}
START_TEST(an_aborted_tls_client_is_not_waited_for)
{
    t_run(abort_body, NULL);
}
END_TEST

/* The client has said half of its hello, and waits. */
static int cut_body(void *mode)
{
    struct proa_tls_ctx *ctx = T_SERVER();
    struct proa_stream *s;
    int64_t began;
    char byte;

    ck_ok(proa_stream_server_new(&server, echo, NULL,
                                 PROA_STREAM_SERVER_OPTS(.wrap = over_tls, .wrap_arg = ctx)));
    s = new_lower(NULL);
    ck_ok(proa_write(s, "\x16\x03\x01\x02", 4, NULL));
    ck_ok(proa_sleep(PROA_SEC));
    began = proa_now();
    ck_ok(proa_stream_server_stop(server, *(enum proa_stop_mode *)mode, PROA_SEC));
    ck_assert_int_eq(proa_now() - began, 0);
    ck_err(proa_read(s, &byte, 1), PROA_ECONNRESET);
    proa_stream_free(s);
    proa_stream_server_free(server);
    proa_tls_ctx_unref(ctx);
    return 0;
}
START_TEST(a_handshake_that_the_server_cuts_is_reset)
{
    enum proa_stop_mode modes[] = {PROA_STOP_ABORT, PROA_STOP_CANCEL};

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        t_run(cut_body, &modes[i]);
}
END_TEST

/* Leaves the client with more than it reads, so that close_notify finds no room. */
static int leave_full(struct proa_stream *s, void *arg)
{
    char bytes[1000] = {0};
    size_t done;
    int rc;

    do
        rc = PROA_WITHIN(PROA_MS, proa_write(s, bytes, sizeof bytes, &done));
    while (rc == 0);
    return *(int *)arg;
}

static int closing_body(void *arg)
{
    struct proa_tls_ctx *ctx = T_SERVER();
    struct proa_tls_ctx *client = T_CLIENT(.no_resumption = true);
    struct proa_stream *s[2];
    int result = 0;
    int64_t began;

    (void)arg;
    faults = 0;
    proa_fault_set(on_fault, NULL);
    ck_ok(proa_stream_server_new(&server, leave_full, &result,
                                 PROA_STREAM_SERVER_OPTS(.wrap = over_tls, .wrap_arg = ctx)));
    for (int i = 0; i < 2; i++) {
        result = i == 0 ? 0 : -20000;
        ck_ok(proa_tls_client(&s[i], new_lower(NULL), client,
                              PROA_TLS_OPTS(.server_name = "a.example")));
        ck_ok(proa_sleep(2 * PROA_SEC)); /* its handler has returned */
    }
    ck_assert_int_eq(faults, 1);
    ck_assert_uint_eq(proa_stream_server_clients(server), 1); /* the failed one is gone */
    proa_stream_server_cancel_clients(server); /* no handler runs: nothing to cancel */
    began = proa_now();
    ck_ok(proa_stream_server_stop(server, PROA_STOP_ABORT, 0));
    ck_assert_int_eq(proa_now() - began, 0);
    proa_abort(s[0]);
    proa_abort(s[1]);
    proa_stream_server_free(server);
    proa_tls_ctx_unref(ctx);
    proa_tls_ctx_unref(client);
    proa_fault_set(NULL, NULL);
    return 0;
}
START_TEST(a_close_that_waits_for_its_client_is_ended_by_an_abort)
{
    t_run(closing_body, NULL);
}
END_TEST

int main(void)
{
    t_openssl_apart();
    return t_main("tls_serve", (const TTest *const[]){
                                   aio_srv_15_a_handshake_that_fails_concerns_its_client_only,
                                   an_aborted_tls_client_is_not_waited_for,
                                   a_handshake_that_the_server_cuts_is_reset,
                                   a_close_that_waits_for_its_client_is_ended_by_an_abort,
                                   NULL,
                               });
}
