/* STARTTLS with other people's programs: openssl s_client, Python's ssl and asyncio. */

#include "support/t_run.h"
#include "tls/duet.h"
#include "tls/programs.h"

#include <proa/listener.h>
#include <proa/scope.h>
#include <proa/stream.h>
#include <proa/tcp.h>

#include <stdio.h>
#include <string.h>

#define SCRIPT T_DIR "/start_tls.py"

static int say(struct proa_stream *s, const char *text)
{
    return proa_write(s, text, strlen(text), NULL);
}

static void expect(struct proa_stream *s, const char *text)
{
    struct proa_str line;

    ck_assert_int_eq(proa_read_line(s, &line, 100), 1);
    ck_assert_msg(proa_str_starts(line, proa_str_from(text)), "\"%.*s\" is not \"%s\"",
                  PROA_PRI(line), text);
}

/* ---- we serve */

enum { S_CLIENT, PYTHON, ASYNCIO, CLIENTS };

static pid_t start_client(int which, int port, const char *out)
{
    char address[32], number[16];
    const char *ca = t_file("ca.pem", t_ca.cert);

    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    snprintf(number, sizeof number, "%d", port);
    if (which == S_CLIENT)
        return t_program((const char *const[]){"openssl", "s_client", "-connect", address,
                                               "-starttls", "smtp", "-servername", "a.example",
                                               "-verify_return_error", "-CAfile", ca, "-quiet",
                                               "-no_ign_eof", NULL},
                         t_file("in", "EHLO again\r\n"), out);
    return t_program((const char *const[]){"python3", SCRIPT,
                                           which == PYTHON ? "client" : "asyncio", number, ca,
                                           NULL},
                     "/dev/null", out);
}

static int serve_body(void *arg)
{
    PROA_AUTO(proa_listener) *listener = NULL;
    struct proa_tls_ctx *ctx = T_SERVER();
    const char *out = t_file("out", NULL);
    struct proa_stream *s = NULL;
    char byte;
    pid_t pid;

    ck_ok(proa_listen_tcp(&listener, "127.0.0.1", 0, NULL));
    pid = start_client(*(int *)arg, proa_listener_port(listener), out);
    ck_ok(proa_accept(listener, &s));
    ck_ok(say(s, "220 ready\r\n"));
    expect(s, "EHLO ");
    ck_ok(say(s, "250-here\r\n250 STARTTLS\r\n"));
    expect(s, "STARTTLS");
    ck_ok(say(s, "220 go ahead\r\n"));
    ck_ok(proa_tls_server(&s, s, ctx));
    expect(s, "EHLO again");
    ck_ok(say(s, "250 over TLS\r\n"));
    ck_assert_int_eq(proa_read(s, &byte, 1), 0); /* an orderly end */
    proa_close(s);
    ck_assert_msg(t_program_end(pid) == 0, "see %s", out);
    proa_tls_ctx_unref(ctx);
    return 0;
}
START_TEST(their_clients_start_tls_with_us)
{
    if (_i != S_CLIENT && !t_program_is_there("python3", "-c 'import ssl, asyncio'"))
        return;
    t_run(serve_body, &_i);
}
END_TEST

/* ---- they serve */

static int visit_body(void *arg)
{
    struct proa_tls_ctx *ctx = T_CLIENT(.no_resumption = true);
    const char *out = t_file("out", NULL);
    struct proa_stream *s = NULL;
    char byte;
    pid_t pid = t_program((const char *const[]){"python3", SCRIPT, "server",
                                                t_file("c", t_leaf.cert), t_file("k", t_leaf.key),
                                                NULL},
                          "/dev/null", out);

    (void)arg;
    ck_ok(proa_tcp_connect(&s, "127.0.0.1", t_program_port(out), NULL));
    expect(s, "220 ready");
    ck_ok(say(s, "EHLO us\r\n"));
    expect(s, "250-here");
    expect(s, "250 STARTTLS");
    ck_ok(say(s, "STARTTLS\r\n"));
    expect(s, "220 go ahead");
    ck_ok(proa_tls_client(&s, s, ctx, PROA_TLS_OPTS(.server_name = "a.example")));
    ck_ok(say(s, "EHLO again\r\n"));
    expect(s, "250 over TLS");
    ck_ok(proa_shutdown(s));
    ck_assert_int_eq(proa_read(s, &byte, 1), 0);
    ck_ok(proa_close(s));
    ck_assert_msg(t_program_end(pid) == 0, "see %s", out);
    proa_tls_ctx_unref(ctx);
    return 0;
}
START_TEST(we_start_tls_with_their_server)
{
    if (t_program_is_there("python3", "-c 'import ssl'"))
        t_run(visit_body, NULL);
}
END_TEST

int main(void)
{
    if (!t_program_is_there("openssl", "version")) {
        puts("SKIP: the program openssl is not installed");
        return 77;
    }
    t_openssl_apart();
    return t_main_tables(
        "start_tls_peer", (const TTest *const[]){we_start_tls_with_their_server, NULL},
        (const struct t_table[]){{their_clients_start_tls_with_us, CLIENTS}, {NULL, 0}});
}
