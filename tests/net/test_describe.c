#include "net/described.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/datagram.h>
#include <proa/err.h>
#include <proa/group.h>
#include <proa/listener.h>
#include <proa/process.h>
#include <proa/scope.h>
#include <proa/stream.h>
#include <proa/task.h>
#include <proa/tcp.h>
#include <proa/unix.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int of_listener(const void *object, char *buf, size_t n)
{
    return proa_listener_describe(object, buf, n);
}

static int of_stream(const void *object, char *buf, size_t n)
{
    return proa_stream_describe(object, buf, n);
}

static int of_dgram(const void *object, char *buf, size_t n)
{
    return proa_dgram_describe(object, buf, n);
}

static int of_process(const void *object, char *buf, size_t n)
{
    return proa_process_describe(object, buf, n);
}

/* ---- listeners */

static int accept_one(void *listener)
{
    struct proa_stream *s = NULL;
    int rc = proa_accept(listener, &s);

    if (rc == 0)
        proa_abort(s);
    return rc;
}

static int listener_body(void *arg)
{
    struct proa_listener *l = NULL;
    char rest[100];

    (void)arg;
    ck_ok(proa_listen_tcp(&l, "127.0.0.1", 0, NULL));
    {
        PROA_GROUP(g);
        snprintf(rest, sizeof rest, " 127.0.0.1:%d", proa_listener_port(l));
        is_described(of_listener, l, "listener", rest);
        ck_ok(proa_create_task(&g, accept_one, l));
        t_settle();
        strcat(rest, ", 1 accept");
        is_described(of_listener, l, "listener", rest);
        is_waited_for("proa_accept", l, rest);
        proa_group_cancel(&g);
    }
    proa_listener_free(l);
    return 0;
}
START_TEST(aio_dbg_03_a_listener_shows_addresses_and_waiters)
{
    t_run_modes(listener_body, NULL);
}
END_TEST

/* ---- streams */

static int read_one(void *stream)
{
    char byte;
    ssize_t rc = proa_read(stream, &byte, 1);

    return rc < 0 ? (int)rc : 0;
}

static int stream_body(void *arg)
{
    struct proa_listener *l = NULL;
    struct proa_stream *s = NULL;
    struct proa_stream *other = NULL;
    char rest[100];

    (void)arg;
    ck_ok(proa_listen_tcp(&l, "127.0.0.1", 0, NULL));
    ck_ok(proa_tcp_connect(&s, "127.0.0.1", proa_listener_port(l), NULL));
    ck_ok(proa_accept(l, &other));
    snprintf(rest, sizeof rest, ", tcp 127.0.0.1:%d, descriptor %d", proa_listener_port(l),
             proa_stream_fd(s));
    is_described(of_stream, s, "stream", rest);
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, read_one, s));
        t_settle();
        is_waited_for("proa_read", s, rest);
        proa_group_cancel(&g);
    }
    proa_abort(s);
    proa_abort(other);
    proa_listener_free(l);
    return 0;
}
START_TEST(aio_dbg_03_a_stream_shows_kind_peer_and_descriptor)
{
    t_run_modes(stream_body, NULL);
}
END_TEST

/* Its peer has no address any more; the words of why are still there after a look at it. */
static int reset_body(void *arg)
{
    int port, fd;
    int at = t_peer_listen(&port);
    struct proa_stream *s = NULL;
    char rest[60];
    int rc;

    (void)arg;
    ck_ok(proa_tcp_connect(&s, "127.0.0.1", port, NULL));
    fd = t_peer_accept(at);
    t_peer_rst(fd);
    rc = read_one(s);
    ck_assert_int_eq(rc, PROA_ECONNRESET);
    char *detail = strdup(proa_err_detail(rc));
    ck_assert_str_ne(detail, proa_err_text(rc));
    snprintf(rest, sizeof rest, ", tcp, descriptor %d", proa_stream_fd(s));
    is_described(of_stream, s, "stream", rest);
    ck_assert_str_eq(proa_err_detail(rc), detail);
    free(detail);
    proa_abort(s);
    t_peer_close(at);
    return 0;
}
START_TEST(a_look_at_a_lost_stream_leaves_the_words_of_its_failure)
{
    t_run(reset_body, NULL);
}
END_TEST

/* ---- datagrams */

static int receive_one(void *dgram)
{
    char byte;
    ssize_t rc = proa_dgram_receive(dgram, &byte, 1, NULL);

    return rc < 0 ? (int)rc : 0;
}

static int send_one(void *dgram)
{
    return proa_dgram_send(dgram, "x", 1, NULL);
}

static int port_of(const struct proa_dgram *d)
{
    struct proa_addr addr;

    ck_ok(proa_dgram_local(d, &addr));
    return proa_addr_port(&addr);
}

static int udp_body(void *arg)
{
    struct proa_dgram *bound = NULL;
    struct proa_dgram *tied = NULL;
    char rest[120];

    (void)arg;
    ck_ok(proa_udp_bind(&bound, "127.0.0.1", 0, NULL));
    snprintf(rest, sizeof rest, ", 127.0.0.1:%d, descriptor %d", port_of(bound),
             proa_dgram_fd(bound));
    is_described(of_dgram, bound, "datagram socket", rest);
    ck_ok(proa_udp_connect(&tied, "127.0.0.1", port_of(bound), NULL));
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, receive_one, bound));
        ck_ok(proa_create_task(&g, receive_one, bound));
        t_settle();
        strcat(rest, ", 2 receive");
        is_described(of_dgram, bound, "datagram socket", rest);
        is_waited_for("proa_dgram_receive", bound, rest);
        proa_group_cancel(&g);
    }
    snprintf(rest, sizeof rest, ", 127.0.0.1:%d to 127.0.0.1:%d, descriptor %d", port_of(tied),
             port_of(bound), proa_dgram_fd(tied));
    is_described(of_dgram, tied, "datagram socket", rest);
    proa_dgram_free(bound);
    proa_dgram_free(tied);
    return 0;
}
START_TEST(aio_dbg_03_a_udp_socket_shows_addresses_descriptor_and_waiters)
{
    t_run_modes(udp_body, NULL);
}
END_TEST

/* One end of a socket pair, whose other end reads nothing. */
static int unnamed_body(void *arg)
{
    struct proa_dgram *d = NULL;
    int ends[2];
    char rest[100];

    (void)arg;
    ck_ok(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends));
    ck_ok(proa_dgram_from_fd(&d, ends[0]));
    snprintf(rest, sizeof rest, ", unnamed to unnamed, descriptor %d", ends[0]);
    is_described(of_dgram, d, "datagram socket", rest);
    {
        PROA_GROUP(g);
        while (send(ends[0], "x", 1, MSG_DONTWAIT) == 1)
            continue;
        ck_ok(proa_create_task(&g, send_one, d));
        t_settle();
        strcat(rest, ", 1 send");
        is_described(of_dgram, d, "datagram socket", rest);
        is_waited_for("proa_dgram_send", d, rest);
        proa_group_cancel(&g);
    }
    close(ends[1]);
    proa_dgram_free(d);
    return 0;
}
START_TEST(aio_dbg_03_a_socket_without_a_name_shows_who_waits_to_send)
{
    t_run_modes(unnamed_body, NULL);
}
END_TEST

static int lost_peer_body(void *arg)
{
    struct proa_addr here, there;
    struct proa_dgram *d = NULL;
    struct proa_dgram *peer = NULL;
    char rest[200], gone[200];

    (void)arg;
    ck_ok(proa_addr_unix(&here, t_peer_name("here")));
    snprintf(rest, sizeof rest, ", unix:%s to unix:", t_peer_name("here"));
    snprintf(gone, sizeof gone, ", unix:%s to a peer that is gone", t_peer_name("here"));
    ck_ok(proa_addr_unix(&there, t_peer_name("there")));
    ck_ok(proa_dgram_open(&peer, PROA_DGRAM_OPTS(.local = &there)));
    ck_ok(proa_dgram_open(&d, PROA_DGRAM_OPTS(.local = &here, .remote = &there)));
    snprintf(rest + strlen(rest), 100, "%s, descriptor %d", t_peer_name("there"), proa_dgram_fd(d));
    is_described(of_dgram, d, "datagram socket", rest);
    proa_dgram_free(peer);
    ck_err(send_one(d), PROA_ECONNREFUSED);
    snprintf(gone + strlen(gone), 40, ", descriptor %d", proa_dgram_fd(d));
    is_described(of_dgram, d, "datagram socket", gone);
    proa_dgram_free(d);
    return 0;
}
START_TEST(aio_dbg_03_a_datagram_socket_shows_that_its_peer_is_gone)
{
    t_run_modes(lost_peer_body, NULL);
}
END_TEST

/* ---- processes */

/* Valgrind 3.19 does not. */
static bool knows_pidfds(void)
{
    return !getenv("PROA_TEST_VALGRIND");
}

static struct proa_process *shell(const char *command, const struct proa_process_opts *opts)
{
    struct proa_process *p = NULL;

    ck_ok(proa_process_shell(&p, command, opts));
    return p;
}

/* "process 0x..., pid 4242", and so on */
static void is_process(const struct proa_process *p, const char *rest)
{
    char words[200];

    snprintf(words, sizeof words, ", pid %d%s", (int)proa_process_pid(p), rest);
    is_described(of_process, p, "process", words);
}

static int wait_for(void *process)
{
    return proa_process_wait(process, NULL);
}

static int converse(void *process)
{
    return proa_process_communicate(process, PROA_STR(""), NULL, NULL, NULL);
}

static int running_body(void *arg)
{
    PROA_AUTO(proa_process) *p = shell(
        "read line; exit 3",
        PROA_PROCESS_OPTS(.input = PROA_STDIO_PIPE, .error = PROA_STDIO_PIPE, .grace = -1));

    (void)arg;
    is_process(p, ", running, pipes: input error");
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wait_for, p));
    ck_ok(proa_create_task(&g, wait_for, p));
    t_settle();
    is_process(p, ", running, pipes: input error, 2 wait");
    is_waited_for("proa_process_wait", p, ", running, pipes: input error, 2 wait");
    ck_ok(proa_shutdown(proa_process_input(p)));
    ck_ok(proa_group_join(&g));
    is_process(p, ", exited with 3, pipes: input error");
    return 0;
}
START_TEST(aio_dbg_03_a_process_shows_its_pipes_its_waiters_and_its_code)
{
    if (knows_pidfds())
        t_run_modes(running_body, NULL);
}
END_TEST

static int killed_body(void *arg)
{
    PROA_AUTO(proa_process) *p = shell("exec sleep 1000",
                                       PROA_PROCESS_OPTS(.output = PROA_STDIO_PIPE, .group = true));
    PROA_AUTO(proa_process) *q = shell("exec sleep 1000", NULL);

    (void)arg;
    is_process(p, ", leads a group, running, pipes: output");
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, converse, p));
        t_settle();
        is_process(p, ", leads a group, running, pipes: output, 1 communicate");
        ck_ok(proa_process_signal(p, SIGKILL));
        ck_ok(proa_group_join(&g));
    }
    is_process(p, ", leads a group, ended by SIGKILL, pipes: output");
    ck_ok(proa_process_signal(q, SIGRTMIN + 1)); /* has no name */
    ck_ok(proa_process_wait(q, NULL));
    char words[40];
    snprintf(words, sizeof words, ", ended by signal %d", SIGRTMIN + 1);
    is_process(q, words);
    return 0;
}
START_TEST(aio_dbg_03_a_process_shows_the_signal_that_ended_it)
{
    if (knows_pidfds())
        t_run_modes(killed_body, NULL);
}
END_TEST

static int stolen_body(void *arg)
{
    PROA_AUTO(proa_process) *p = shell("exit 3", NULL);

    (void)arg;
    ck_assert_int_eq(waitpid(proa_process_pid(p), NULL, 0), proa_process_pid(p));
    ck_err(proa_process_wait(p, NULL), PROA_ECHILD);
    is_process(p, ", reaped by somebody else");
    return 0;
}
START_TEST(aio_dbg_03_a_process_shows_that_its_end_is_unknown)
{
    if (knows_pidfds())
        t_run_modes(stolen_body, NULL);
}
END_TEST

/* ---- misuse */

static int listener_elsewhere(void *arg)
{
    struct proa_listener *l = NULL;

    (void)arg;
    ck_ok(proa_listen_tcp(&l, "127.0.0.1", 0, NULL));
    return describe_elsewhere(of_listener, l);
}

static int stream_elsewhere(void *arg)
{
    struct proa_stream *in = NULL;
    struct proa_stream *out = NULL;

    (void)arg;
    ck_ok(proa_pipe(&in, &out));
    return describe_elsewhere(of_stream, in);
}

static int dgram_elsewhere(void *arg)
{
    struct proa_dgram *d = NULL;

    (void)arg;
    ck_ok(proa_udp_bind(&d, NULL, 0, NULL));
    return describe_elsewhere(of_dgram, d);
}

static int process_elsewhere(void *arg)
{
    (void)arg;
    return describe_elsewhere(of_process, shell("exit 0", NULL));
}

START_TEST(a_look_from_another_thread_stops_the_program)
{
    t_run_aborts(listener_elsewhere, NULL,
                 "proa_listener_describe: called from a thread that is not");
    t_run_aborts(stream_elsewhere, NULL, "proa_stream_describe: called from a thread that is not");
    t_run_aborts(dgram_elsewhere, NULL, "proa_dgram_describe: called from a thread that is not");
    if (knows_pidfds())
        t_run_aborts(process_elsewhere, NULL,
                     "proa_process_describe: called from a thread that is not");
}
END_TEST

START_TEST(a_look_at_what_is_not_there_stops_the_program)
{
    stops_of_misuse(of_listener, "proa_listener_describe: the listener was freed",
                    "the listener is NULL");
    stops_of_misuse(of_stream, "proa_stream_describe: the stream was freed", "the stream is NULL");
    stops_of_misuse(of_dgram, "proa_dgram_describe: d is not what it should be: freed",
                    "d is NULL");
    stops_of_misuse(of_process, "proa_process_describe: process is not what it should be: freed",
                    "process is NULL");
}
END_TEST

int main(void)
{
    return t_main("net_describe",
                  (const TTest *const[]){
                      aio_dbg_03_a_listener_shows_addresses_and_waiters,
                      aio_dbg_03_a_stream_shows_kind_peer_and_descriptor,
                      a_look_at_a_lost_stream_leaves_the_words_of_its_failure,
                      aio_dbg_03_a_udp_socket_shows_addresses_descriptor_and_waiters,
                      aio_dbg_03_a_socket_without_a_name_shows_who_waits_to_send,
                      aio_dbg_03_a_datagram_socket_shows_that_its_peer_is_gone,
                      aio_dbg_03_a_process_shows_its_pipes_its_waiters_and_its_code,
                      aio_dbg_03_a_process_shows_the_signal_that_ended_it,
                      aio_dbg_03_a_process_shows_that_its_end_is_unknown,
                      a_look_from_another_thread_stops_the_program,
                      a_look_at_what_is_not_there_stops_the_program,
                      NULL,
                  });
}
