/*
 * AIO-TLS-05: TLS on a connection that has carried plain bytes. What was plain stays plain: not a
 * byte that came before the handshake may turn up behind it, as if it had been encrypted.
 */

#include "net/files.h"
#include "support/t_peer.h"
#include "support/t_run.h"
#include "tls/ends.h"
#include "tls/stream.h"

#include <proa/file.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/stream.h>
#include <proa/task.h>

#include <string.h>

struct talk {
    struct proa_stream *client, *server; /* plain at first, then TLS */
    struct proa_tls_ctx *client_ctx, *server_ctx;
    const char *behind; /* sent in plain behind the command, with it */
    int client_rc, server_rc;
    char said[40]; /* the first line that the server took for encrypted */
    char detail[200];
};

static int say(struct proa_stream *s, const char *text)
{
    return proa_write(s, text, strlen(text), NULL);
}

static void expect(struct proa_stream *s, const char *text)
{
    struct proa_str line;

    ck_assert_int_eq(proa_read_line(s, &line, 100), 1);
    ck_str_eq(line, text);
}

/* Answers in plain, then in TLS. */
static int mail_server(void *arg)
{
    struct talk *t = arg;
    struct proa_str line;
    int rc;

    ck_ok(say(t->server, "220 ready\r\n"));
    expect(t->server, "EHLO us");
    ck_ok(say(t->server, "250-here\r\n250 STARTTLS\r\n"));
    expect(t->server, "STARTTLS");
    ck_ok(say(t->server, "220 go ahead\r\n"));
    rc = proa_tls_server(&t->server, t->server, t->server_ctx);
    if (rc == 0) {
        rc = proa_read_line(t->server, &line, 30);
        if (rc == 1)
            memcpy(t->said, line.p, line.n);
        rc = rc < 0 ? rc : say(t->server, "250 over TLS\r\n");
        if (rc == 0)
            rc = (int)proa_read(t->server, t->detail, 1); /* its end */
        if (rc == 0)
            proa_close(t->server); /* the client has left, and may not hear our good-bye */
        else
            proa_abort(t->server);
    }
    t->server_rc = rc;
    if (rc < 0)
        strncpy(t->detail, proa_err_detail(rc), sizeof t->detail - 1);
    return 0;
}

static int mail_client(struct talk *t)
{
    char command[100] = "STARTTLS\r\n";
    int rc;

    strncat(command, t->behind, sizeof command - strlen(command) - 1);
    expect(t->client, "220 ready");
    ck_ok(say(t->client, "EHLO us\r\n"));
    expect(t->client, "250-here");
    expect(t->client, "250 STARTTLS");
    ck_ok(say(t->client, command));
    expect(t->client, "220 go ahead");
    rc = proa_tls_client(&t->client, t->client, t->client_ctx,
                         PROA_TLS_OPTS(.server_name = "a.example"));
    if (rc < 0)
        return rc;
    ck_ok(say(t->client, "EHLO again\r\n"));
    expect(t->client, "250 over TLS");
    return proa_close(t->client);
}

static void talk(struct talk *t, int way)
{
    struct talk all = {.client_ctx = T_CLIENT(.no_resumption = true), .server_ctx = T_SERVER()};

    all.behind = t->behind;
    t_way(way, &all.client, &all.server);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, mail_server, &all));
    all.client_rc = mail_client(&all);
    ck_ok(proa_group_join(&g));
    proa_tls_ctx_unref(all.client_ctx);
    proa_tls_ctx_unref(all.server_ctx);
    *t = all;
}

static int both_sides_body(void *arg)
{
    struct talk t = {.behind = ""};

    talk(&t, *(int *)arg);
    ck_ok(t.client_rc);
    ck_ok(t.server_rc);
    ck_assert_str_eq(t.said, "EHLO again");
    return 0;
}
START_TEST(aio_tls_05_start_tls_in_midstream_on_both_sides)
{
    t_run(both_sides_body, &_i);
}
END_TEST

/* Somebody on the way put a command behind STARTTLS. It is no TLS, and nothing else. */
static int injected_command_body(void *arg)
{
    struct talk t = {.behind = "MAIL FROM:<them>\r\n"};

    talk(&t, *(int *)arg);
    ck_err(t.server_rc, PROA_ENOTTLS);
    ck_assert_str_eq(t.said, "");
    ck_assert_int_lt(t.client_rc, 0);
    return 0;
}
START_TEST(a_command_behind_starttls_is_not_taken_for_encrypted)
{
    t_run(injected_command_body, &_i);
}
END_TEST

/* The same by the other side: an answer in plain behind "go ahead". `way` 1: the client has read it
 * into its buffer; 0: it is still in the system's. */
static int injected_answer_body(void *arg)
{
    struct proa_tls_ctx *ctx = T_CLIENT();
    struct proa_stream *near, *far, *s = NULL;

    t_way(WAY_UNIX, &near, &far);
    ck_ok(say(far, *(int *)arg ? "220 go ahead\r\n250 AUTH LOGIN\r\n" : "220 go ahead\r\n"));
    expect(near, "220 go ahead");
    if (!*(int *)arg)
        ck_ok(say(far, "250 AUTH LOGIN\r\n"));
    ck_err(proa_tls_client(&s, near, ctx, PROA_TLS_OPTS(.server_name = "a.example")), PROA_ENOTTLS);
    ck_assert_ptr_null(s);
    proa_stream_free(far);
    proa_tls_ctx_unref(ctx);
    return 0;
}
START_TEST(an_answer_behind_go_ahead_is_not_taken_for_encrypted)
{
    t_run(injected_answer_body, &_i);
}
END_TEST

/* Whole records of a handshake that somebody recorded, in plain behind the command, are TLS; but
 * the keys are not his, so nothing behind them is ours either. */
static int eager_client_body(void *arg)
{
    struct proa_tls_ctx *client = T_CLIENT(.no_resumption = true), *server = T_SERVER();
    struct proa_stream *a, *b, *c = NULL, *s = NULL;

    (void)arg;
    t_way(WAY_PAIR, &a, &b);
    ck_ok(say(a, "STARTTLS\r\n")); /* and does not wait for an answer */
    ck_ok(proa__tls_client_new(&c, a, client, PROA_TLS_OPTS(.server_name = "a.example")));
    ck_err(proa__tls_handshake(c), PROA_EAGAIN);
    expect(b, "STARTTLS");
    ck_assert_uint_gt(proa__stream_buffered(b).n, 100); /* its hello came along */
    ck_ok(proa__tls_server_new(&s, b, server));
    ck_err(proa__tls_handshake(s), PROA_EAGAIN);
    ck_ok(proa__tls_handshake(c));
    ck_ok(proa__tls_handshake(s));
    ck_ok(say(c, "hello\n"));
    expect(s, "hello");
    proa_abort(c);
    proa_abort(s);
    proa_tls_ctx_unref(client);
    proa_tls_ctx_unref(server);
    return 0;
}
START_TEST(a_client_that_does_not_wait_for_go_ahead_is_heard)
{
    t_run(eager_client_body, NULL);
}
END_TEST

/* What is still kept of the plain part goes out in front of the handshake. */
static int kept_body(void *arg)
{
    struct proa_tls_ctx *client = T_CLIENT(.no_resumption = true), *server = T_SERVER();
    struct proa_stream *a, *b, *c = NULL, *s = NULL;

    t_way(*(int *)arg, &a, &b);
    ck_ok(proa_write_buffered(a, "STARTTLS\r\n", 10, NULL));
    ck_ok(proa__tls_client_new(&c, a, client, PROA_TLS_OPTS(.server_name = "a.example")));
    ck_err(proa__tls_handshake(c), PROA_EAGAIN);
    expect(b, "STARTTLS");
    ck_ok(proa__tls_server_new(&s, b, server));
    ck_err(proa__tls_handshake(s), PROA_EAGAIN);
    while (proa__tls_handshake(c) == PROA_EAGAIN)
        t_turns(1);
    ck_ok(say(c, "hello\n"));
    expect(s, "hello");
    proa_abort(c);
    proa_abort(s);
    proa_tls_ctx_unref(client);
    proa_tls_ctx_unref(server);
    return 0;
}
START_TEST(what_was_kept_in_plain_goes_first)
{
    t_run(kept_body, &_i);
}
END_TEST

/* ---- the old handle */

enum { OLD_READ, OLD_WRITE, OLD_SENDFILE, OLD_SHUTDOWN, OLD_CLOSE, OLD_ABORT, OLD_FREE, OLD_TLS };

static int use_old_body(void *arg)
{
    struct ends e = {0};
    struct proa_stream *s;
    char byte = 0;

    ck_ok(t_shake(&e, NULL));
    switch (*(int *)arg) {
    case OLD_READ:
        return (int)proa_read(e.c_lower, &byte, 1);
    case OLD_WRITE:
        return proa_write(e.c_lower, &byte, 1, NULL);
    case OLD_SENDFILE:
        return proa_sendfile(e.c_lower, t_file_fd(1), 0, 1, NULL, NULL);
    case OLD_SHUTDOWN:
        return proa_shutdown(e.c_lower);
    case OLD_CLOSE:
        return proa_close(e.c_lower);
    case OLD_ABORT:
        proa_abort(e.c_lower);
        return 0;
    case OLD_FREE:
        proa_stream_free(e.c_lower);
        return 0;
    }
    return proa_tls_client(&s, e.c_lower, e.client_ctx, PROA_TLS_OPTS(.server_name = "a.example"));
}
START_TEST(using_the_old_handle_aborts)
{
    t_run_aborts(use_old_body, &_i, "the pair stream belongs to one that runs over it (TLS)");
}
END_TEST

struct reading {
    struct proa_stream *s;
    ssize_t rc;
};

static int read_one(void *arg)
{
    struct reading *r = arg;
    char byte;

    r->rc = proa_read(r->s, &byte, 1);
    return 0;
}

/* A task still waits for plain bytes: whose would the next ones be? */
static int busy_body(void *arg)
{
    struct proa_tls_ctx *client = T_CLIENT(), *server = T_SERVER();
    struct reading r = {0};
    struct proa_stream *far, *s = NULL;
    int rc;

    t_way(WAY_UNIX, &r.s, &far);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, read_one, &r));
    t_turns(2);
    rc = *(int *)arg ? proa_tls_server(&s, r.s, server)
                     : proa_tls_client(&s, r.s, client, PROA_TLS_OPTS(.server_name = "a.example"));
    ck_err(rc, PROA_EBUSY);
    ck_assert_ptr_null(s);
    ck_ok(proa_group_join(&g));
    ck_err(r.rc, PROA_ECLOSED); /* it is closed, as after every failure */
    proa_stream_free(far);
    proa_tls_ctx_unref(client);
    proa_tls_ctx_unref(server);
    return 0;
}
START_TEST(a_stream_that_somebody_reads_is_not_upgraded)
{
    t_run(busy_body, &_i);
}
END_TEST

/* ---- writes that are cancelled, and gone on with */

enum { BYTES = 100000 };

struct flow {
    struct proa_stream *s;
    const uint8_t *bytes;
    size_t done;
    int rc;
};

static int write_from(void *arg)
{
    struct flow *f = arg;

    f->rc = proa_write(f->s, f->bytes, BYTES, &f->done);
    return 0;
}

/* After so many turns of the loop, at whatever byte of whatever record it then is. */
static int cancelled_write_body(void *arg)
{
    static uint8_t bytes[BYTES];
    struct ends e = {0};
    struct t_reader r = {0};
    struct flow f = {.bytes = bytes};
    size_t more;

    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = t_byte((int64_t)i);
    ck_ok(t_shake(&e, &(struct pair_opts){.ab = {.capacity = 1500, .split = 700}}));
    f.s = e.c;
    r.s = e.s;
    PROA_GROUP(g);
    PROA_GROUP(writer);
    ck_ok(proa_create_task(&g, t_reader, &r));
    ck_ok(proa_create_task(&writer, write_from, &f));
    t_turns(*(int *)arg);
    proa_group_cancel(&writer);
    ck_ok(proa_group_join(&writer));
    ck_assert(f.rc == PROA_ECANCELED || f.done == BYTES);
    ck_ok(proa_write(e.c, bytes + f.done, BYTES - f.done, &more));
    ck_assert_uint_eq(more, BYTES - f.done);
    ck_ok(proa_close(e.c));
    e.c = NULL;
    ck_ok(proa_group_join(&g));
    ck_ok(r.rc);
    ck_assert_int_eq(r.n, BYTES);
    ck_assert_int_eq(r.wrong, 0);
    t_leave(&e);
    return 0;
}
START_TEST(a_cancelled_write_is_gone_on_with_where_it_stopped)
{
    t_run(cancelled_write_body, &_i);
}
END_TEST

static int read_into(void *arg)
{
    struct flow *f = arg;

    f->rc = proa_read_exact(f->s, (void *)(uintptr_t)f->bytes, BYTES, &f->done);
    return 0;
}

static int cancelled_read_body(void *arg)
{
    static uint8_t bytes[BYTES], got[BYTES];
    struct ends e = {0};
    struct flow out = {.bytes = bytes}, in = {.bytes = got};
    size_t more;

    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = t_byte((int64_t)i);
    ck_ok(t_shake(&e, &(struct pair_opts){.ab = {.capacity = 1500, .split = 700}}));
    out.s = e.c;
    in.s = e.s;
    PROA_GROUP(g);
    PROA_GROUP(reader);
    ck_ok(proa_create_task(&g, write_from, &out));
    ck_ok(proa_create_task(&reader, read_into, &in));
    t_turns(*(int *)arg);
    proa_group_cancel(&reader);
    ck_ok(proa_group_join(&reader));
    ck_err(in.rc, PROA_ECANCELED);
    ck_ok(proa_read_exact(e.s, got + in.done, BYTES - in.done, &more));
    ck_assert_uint_eq(in.done + more, BYTES);
    ck_assert_mem_eq(got, bytes, BYTES);
    ck_ok(proa_group_join(&g));
    ck_ok(out.rc);
    t_leave(&e);
    return 0;
}
START_TEST(a_cancelled_read_is_gone_on_with_where_it_stopped)
{
    int turns = 3 * _i;

    t_run(cancelled_read_body, &turns);
}
END_TEST

int main(void)
{
    t_openssl_apart();
    return t_main_tables(
        "start_tls",
        (const TTest *const[]){a_client_that_does_not_wait_for_go_ahead_is_heard, NULL},
        (const struct t_table[]){
            {aio_tls_05_start_tls_in_midstream_on_both_sides, 3},
            {a_command_behind_starttls_is_not_taken_for_encrypted, 3},
            {an_answer_behind_go_ahead_is_not_taken_for_encrypted, 2},
            {what_was_kept_in_plain_goes_first, 3},
            {using_the_old_handle_aborts, 8},
            {a_stream_that_somebody_reads_is_not_upgraded, 2},
            {a_cancelled_write_is_gone_on_with_where_it_stopped, 40},
            {a_cancelled_read_is_gone_on_with_where_it_stopped, 20},
            {NULL, 0},
        });
}
