#include "core/place.h"
#include "net/pair.h"
#include "support/t_debug.h"
#include "support/t_run.h"

#include <proa/datagram.h>
#include <proa/file.h>
#include <proa/listener.h>
#include <proa/process.h>
#include <proa/stream.h>
#include <proa/tcp.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- runs that leave something open, each in a child */

static int leaver(proa_task_fn *body, const char *words)
{
    t_said_begin();
    if (run_debug(body, NULL, NEVER_SLOW) != 0)
        return 1;
    t_said_print();
    if (t_said("was never closed; it was opened here:") != 1 || t_said(words) != 1)
        return 2;
    return proa__place_knows_lines() && t_said("_body (test_debug_open.c:") == 0 ? 3 : 0;
}

/* At the loop's end `words` are told once, and nothing else is open. */
static void leaves_open(proa_task_fn *body, const char *words)
{
    int status;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(leaver(body, words));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", (unsigned)status);
}

static int stream_body(void *arg)
{
    struct proa_stream *a;
    struct proa_stream *b;

    (void)arg;
    ck_ok(proa__pair_new(&a, &b, NULL));
    proa_stream_free(a);
    return 0;
}
START_TEST(aio_dbg_04_a_stream_that_was_not_closed_is_told_when_the_loop_ends)
{
    leaves_open(stream_body, "stream 0x");
}
END_TEST

static int listen_here(struct proa_listener **ret)
{
    return proa_listen_tcp(ret, "127.0.0.1", 0, NULL);
}

static int listener_body(void *arg)
{
    struct proa_listener *closed;
    struct proa_listener *l;
    int rc;

    (void)arg;
    ck_ok(listen_here(&closed));
    proa_listener_free(closed);
    rc = proa_listen_tcp(&l, "127.0.0.1", 0, NULL);
    return rc;
}
START_TEST(aio_dbg_04_a_listener_that_was_not_closed_is_told_when_the_loop_ends)
{
    leaves_open(listener_body, "listener 0x");
}
END_TEST

static int connection_body(void *arg)
{
    struct proa_listener *l;
    struct proa_stream *s;
    struct proa_addr addr;

    (void)arg;
    ck_ok(listen_here(&l));
    ck_ok(proa_listener_address(l, 0, &addr));
    ck_ok(proa_tcp_connect(&s, "127.0.0.1", proa_addr_port(&addr), NULL));
    proa_listener_free(l);
    return 0;
}
START_TEST(aio_dbg_04_a_connection_that_was_not_closed_is_told_when_the_loop_ends)
{
    leaves_open(connection_body, ", tcp");
}
END_TEST

static int dgram_body(void *arg)
{
    struct proa_addr any;
    struct proa_dgram *d;
    int rc;

    (void)arg;
    ck_ok(proa_addr_ip(&any, "127.0.0.1", 0));
    rc = proa_dgram_open(&d, PROA_DGRAM_OPTS(.local = &any));
    return rc;
}
START_TEST(aio_dbg_04_a_datagram_socket_that_was_not_closed_is_told_when_the_loop_ends)
{
    leaves_open(dgram_body, "socket 0x");
}
END_TEST

/* Valgrind 3.19 does not. */
static bool knows_pidfds(void)
{
    return !getenv("PROA_TEST_VALGRIND");
}

static int process_body(void *arg)
{
    const char *argv[] = {"/bin/true", NULL};
    struct proa_process *p;

    (void)arg;
    ck_ok(proa_process_start(&p, argv, NULL));
    return proa_process_wait(p, NULL);
}
START_TEST(aio_dbg_04_a_process_that_was_not_freed_is_told_when_the_loop_ends)
{
    if (knows_pidfds())
        leaves_open(process_body, "process ");
}
END_TEST

static int file_body(void *arg)
{
    struct proa_file *f;
    int rc;

    (void)arg;
    ck_err(proa_file_open(&f, "/nowhere/at/all", NULL), PROA_ENOENT);
    rc = proa_file_open(&f, "/bin/true", NULL);
    return rc;
}
START_TEST(aio_dbg_04_a_file_that_was_not_closed_is_told_when_the_loop_ends)
{
    leaves_open(file_body, "file 0x");
}
END_TEST

/* ---- and one that leaves nothing */

static int tidy_body(void *arg)
{
    const char *argv[] = {"/bin/true", NULL};
    struct proa_listener *l;
    struct proa_stream *a;
    struct proa_stream *b;
    struct proa_process *p;
    struct proa_addr any;
    struct proa_dgram *d;

    (void)arg;
    ck_ok(proa__pair_new(&a, &b, NULL));
    ck_ok(proa_close(a));
    proa_abort(b);
    ck_ok(listen_here(&l));
    proa_listener_free(l);
    ck_ok(proa_addr_ip(&any, "127.0.0.1", 0));
    ck_ok(proa_dgram_open(&d, PROA_DGRAM_OPTS(.local = &any)));
    proa_dgram_free(d);
    if (knows_pidfds()) {
        ck_ok(proa_process_start(&p, argv, NULL));
        proa_process_free(p);
    }
    return 0;
}
START_TEST(aio_dbg_04_what_was_closed_is_not_told)
{
    t_said_begin();
    ck_ok(run_debug(tidy_body, NULL, NEVER_SLOW));
    ck_said(0, "was never closed");
}
END_TEST

int main(void)
{
    return t_main("debug_open",
                  (const TTest *const[]){
                      aio_dbg_04_a_stream_that_was_not_closed_is_told_when_the_loop_ends,
                      aio_dbg_04_a_listener_that_was_not_closed_is_told_when_the_loop_ends,
                      aio_dbg_04_a_connection_that_was_not_closed_is_told_when_the_loop_ends,
                      aio_dbg_04_a_datagram_socket_that_was_not_closed_is_told_when_the_loop_ends,
                      aio_dbg_04_a_process_that_was_not_freed_is_told_when_the_loop_ends,
                      aio_dbg_04_a_file_that_was_not_closed_is_told_when_the_loop_ends,
                      aio_dbg_04_what_was_closed_is_not_told,
                      NULL,
                  });
}
