/* The other end is OpenSSL's own program, over TCP: what it says is what others say. */

#include "support/t_run.h"
#include "tls/duet.h"
#include "tls/programs.h"

#include <proa/listener.h>
#include <proa/scope.h>
#include <proa/stream.h>
#include <proa/tcp.h>

#include <stdio.h>
#include <string.h>
#include <sys/types.h>

static const struct {
    enum proa_tls_version version;
    const char *flag;
    const char *words; /* what s_client says of a session that it continued */
} cases[] = {
    {PROA_TLS_1_2, "-tls1_2", "Reused, TLSv1.2"},
    {PROA_TLS_1_3, "-tls1_3", "Reused, TLSv1.3"},
};

/* ---- our server, their client */

struct visit {
    const char *flag;
    const char *more[4]; /* further words for s_client */
    const char *input;
    const char *out;
    bool hang_up; /* the server leaves after a line, not the client */
    int status;
    ssize_t heard; /* of the server's last read */
    struct proa_tls_ctx *ctx;
};

/* Answer each line in capitals until the other end leaves, or only one. */
static ssize_t shout(struct proa_stream *s, bool once)
{
    struct proa_str line;
    ssize_t n;

    while ((n = proa_read_line(s, &line, 1000)) == 1) {
        char text[1000];

        for (size_t i = 0; i < line.n; i++)
            text[i] = (char)(line.p[i] >= 'a' && line.p[i] <= 'z' ? line.p[i] - 32 : line.p[i]);
        n = proa_write(s, text, line.n, NULL);
        if (n == 0)
            n = proa_write(s, "\n", 1, NULL);
        if (n < 0 || once)
            break;
    }
    return n;
}

static int serve_one(void *arg)
{
    struct visit *v = arg;
    PROA_AUTO(proa_listener) *listener = NULL;
    struct proa_stream *lower = NULL, *s = NULL;
    char address[32];
    pid_t pid;

    ck_ok(proa_listen_tcp(&listener, "127.0.0.1", 0, NULL));
    snprintf(address, sizeof address, "127.0.0.1:%d", proa_listener_port(listener));
    pid = t_program((const char *const[]){"openssl", "s_client", "-connect", address, "-servername",
                                          "a.example", "-verify_return_error", "-CAfile",
                                          t_file("ca.pem", t_ca.cert), v->flag, v->more[0],
                                          v->more[1], v->more[2], v->more[3], NULL},
                    t_file("in", v->input), v->out);
    ck_ok(proa_accept(listener, &lower));
    ck_ok(proa_tls_server(&s, lower, v->ctx));
    v->heard = shout(s, v->hang_up);
    proa_close(s);
    v->status = t_program_end(pid);
    return 0;
}

START_TEST(their_client_talks_to_us)
{
    struct visit v = {.flag = cases[_i].flag,
                      .more = {"-quiet", "-no_ign_eof"},
                      .input = "hello\n",
                      .out = t_file("out", NULL),
                      .ctx = T_SERVER()};

    t_run(serve_one, &v);
    ck_assert_int_eq(v.heard, 0); /* it ends in order */
    ck_assert_int_eq(v.status, 0);
    proa_tls_ctx_unref(v.ctx);
}
END_TEST

START_TEST(their_client_resumes)
{
    const char *session = t_file("session", NULL);
    struct visit v = {.flag = cases[_i].flag,
                      .more = {"-sess_out", session, "-ign_eof"},
                      .input = "one\n",
                      .out = t_file("out", NULL),
                      .hang_up = true,
                      .ctx = T_SERVER()};

    t_run(serve_one, &v);
    ck_assert(t_file_says(v.out, "New, TLSv1."));
    v.more[0] = "-sess_in";
    t_run(serve_one, &v);
    ck_assert(t_file_says(v.out, cases[_i].words));
    ck_ok(proa_tls_ctx_reload(v.ctx));
    t_run(serve_one, &v);
    ck_assert(t_file_says(v.out, "New, TLSv1."));
    proa_tls_ctx_unref(v.ctx);
}
END_TEST

/* s_client asks for a renegotiation at a line "R". */
START_TEST(renegotiation_is_refused)
{
    struct visit v = {
        .flag = "-tls1_2", .input = "R\n", .out = t_file("out", NULL), .ctx = T_SERVER()};

    t_run(serve_one, &v);
    ck_assert(t_file_says(v.out, "RENEGOTIATING"));
    ck_assert_int_ne(v.status, 0);
    ck_assert_int_lt(v.heard, 0);
    proa_tls_ctx_unref(v.ctx);
}
END_TEST

START_TEST(nothing_is_compressed_and_no_early_data_is_offered)
{
    struct visit v = {
        .flag = cases[_i].flag, .input = "Q\n", .out = t_file("out", NULL), .ctx = T_SERVER()};

    t_run(serve_one, &v);
    ck_assert(t_file_says(v.out, "Compression: NONE"));
    if (cases[_i].version == PROA_TLS_1_3)
        ck_assert(t_file_says(v.out, "Max Early Data: 0") || !t_file_says(v.out, "Max Early Data"));
    proa_tls_ctx_unref(v.ctx);
}
END_TEST

/* ---- our client, their server */

static int visit_one(void *arg)
{
    struct visit *v = arg;
    struct proa_stream *lower = NULL, *s = NULL;
    struct proa_tls_info info;
    struct proa_str line;
    char byte;
    pid_t pid = t_program((const char *const[]){"openssl", "s_server", "-accept", "127.0.0.1:0",
                                                "-cert", t_file("c", t_leaf.cert), "-key",
                                                t_file("k", t_leaf.key), "-rev", "-naccept", "1",
                                                v->flag, NULL},
                          "/dev/null", v->out);

    ck_ok(proa_tcp_connect(&lower, "127.0.0.1", t_program_port(v->out), NULL));
    ck_ok(proa_tls_client(&s, lower, v->ctx, PROA_TLS_OPTS(.server_name = "b.example")));
    ck_ok(proa_tls_info(s, &info));
    ck_assert_int_eq(info.version, strcmp(v->flag, "-tls1_2") ? PROA_TLS_1_3 : PROA_TLS_1_2);
    ck_ok(proa_write(s, "hello\n", 6, NULL));
    ck_assert_int_eq(proa_read_line(s, &line, 100), 1);
    ck_str_eq(line, "olleh");
    ck_ok(proa_shutdown(s));
    ck_assert_int_eq(proa_read(s, &byte, 1), 0); /* it answers our close_notify with its own */
    ck_ok(proa_close(s));
    v->status = t_program_end(pid);
    return 0;
}

START_TEST(we_talk_to_their_server)
{
    struct visit v = {
        .flag = cases[_i].flag, .out = t_file("out", NULL), .ctx = T_CLIENT(.no_resumption = true)};

    t_run(visit_one, &v);
    ck_assert_int_eq(v.status, 0);
    proa_tls_ctx_unref(v.ctx);
}
END_TEST

int main(void)
{
    if (!t_program_is_there("openssl", "version")) {
        puts("SKIP: the program openssl is not installed");
        return 77;
    }
    t_openssl_apart();
    return t_main_tables("tls_peer", (const TTest *const[]){renegotiation_is_refused, NULL},
                         (const struct t_table[]){
                             {their_client_talks_to_us, 2},
                             {their_client_resumes, 2},
                             {nothing_is_compressed_and_no_early_data_is_offered, 2},
                             {we_talk_to_their_server, 2},
                             {NULL, 0},
                         });
}
