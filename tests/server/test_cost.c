/*
 * What a small request costs in system calls, through the whole server on real sockets: one read,
 * one write and a share of an epoll_wait; and nothing else, as the kernel sees it.
 */

#include "net/fd_stream.h"
#include "served.h"
#include "support/t_peer.h"

#include <proa/sync.h>
#include <proa/task.h>
#include <proa/time.h>

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define GET "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

static unsigned waits;

PROA_API int epoll_wait(int fd, struct epoll_event *events, int max, int timeout)
{
    waits++;
    return (int)syscall(SYS_epoll_pwait, fd, events, max, timeout, NULL, (size_t)8);
}

static int hello(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_text(resp, 200, "hello");
}

static int echo(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;
    int rc = proa_request_read_body(req, &body);

    (void)arg;
    return rc < 0 ? rc : proa_response_bytes(resp, 200, "text/plain", body.p, body.n);
}

/* A mark for who counts system calls: nothing else makes this one. */
static int marks(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    syscall(SYS_getpgid, 0);
    if (arg)
        proa_event_set(arg);
    return proa_response_text(resp, 200, "marked");
}

static struct proa_app *make_app(struct proa_event *end)
{
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/", hello, NULL);
    proa_app_post(app, "/", echo, NULL);
    proa_app_get(app, "/begin", marks, NULL);
    proa_app_get(app, "/end", marks, end);
    return app;
}

static struct proa_server *listening(struct proa_app *app)
{
    struct proa_server *server = NULL;

    ck_ok(proa_server_start(&server, app, NULL));
    proa_yield();
    return server;
}

static void begin_counting(void)
{
    proa__net_counts = (struct net_counts){0};
    waits = 0;
}

static void ck_heard(int fd, int n)
{
    static char text[65536];
    long got = t_peer_recv(fd, text, sizeof text - 1);

    ck_assert_int_gt(got, 0);
    text[got] = 0;
    ck_assert_int_eq(responses_in(text), n);
}

/* ---- one after the other */

static int one_by_one_body(void *arg)
{
    struct proa_app *app = make_app(NULL);
    struct proa_server *server = listening(app);
    int fd = t_peer_connect_port(proa_server_port(server, 0));

    t_turns(4);
    begin_counting();
    for (int i = 0; i < 50; i++) {
        t_peer_say(fd, arg);
        t_turns(4);
        ck_heard(fd, 1);
    }
    ck_assert_uint_eq(proa__net_counts.reads, 50);
    ck_assert_uint_eq(proa__net_counts.writes, 50);
    t_peer_close(fd);
    served_end(server, app);
    return 0;
}

START_TEST(a_small_request_costs_one_read_and_one_write)
{
    static const char *const requests[] = {
        GET,
        "GET /nobody HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    };

    t_run(one_by_one_body, (void *)(uintptr_t)requests[_i]);
}
END_TEST

/* ---- many at once */

enum { CLIENTS = 64 };

static int share_body(void *arg)
{
    struct proa_app *app = make_app(NULL);
    struct proa_server *server = listening(app);
    int fds[CLIENTS];

    (void)arg;
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = t_peer_connect_port(proa_server_port(server, 0));
    t_turns(8);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < CLIENTS; i++)
            t_peer_say(fds[i], GET);
        begin_counting();
        ck_ok(proa_sleep(5 * PROA_MS)); /* as often as it likes */
        ck_assert_uint_eq(proa__net_counts.reads, CLIENTS);
        ck_assert_uint_eq(proa__net_counts.writes, CLIENTS);
        ck_assert_uint_gt(waits, 0);
        ck_assert_uint_le(waits, CLIENTS / 3); /* 32 events each, and those that end the sleep */
        for (int i = 0; i < CLIENTS; i++)
            ck_heard(fds[i], 1);
    }
    for (int i = 0; i < CLIENTS; i++)
        t_peer_close(fds[i]);
    served_end(server, app);
    return 0;
}

START_TEST(requests_that_come_together_share_an_epoll_wait)
{
    t_run(share_body, NULL);
}
END_TEST

/* ---- pipelining */

static int pipelined_body(void *arg)
{
    struct proa_app *app = make_app(NULL);
    struct proa_server *server = listening(app);
    int fd = t_peer_connect_port(proa_server_port(server, 0));
    char sixteen[16 * sizeof GET] = "";

    (void)arg;
    for (int i = 0; i < 16; i++)
        strcat(sixteen, GET);
    t_turns(4);
    for (int round = 0; round < 3; round++) {
        begin_counting();
        t_peer_say(fd, sixteen);
        t_turns(8);
        ck_heard(fd, 16);
        ck_assert_uint_eq(proa__net_counts.reads, 1);
        ck_assert_uint_eq(proa__net_counts.writes, 1);
    }

    begin_counting(); /* half of another one behind them holds nothing back */
    t_peer_say(fd, sixteen);
    t_peer_say(fd, "GET / HTTP/1.1\r\n");
    t_turns(8);
    ck_heard(fd, 16);
    ck_assert_uint_eq(proa__net_counts.writes, 1);
    t_peer_say(fd, "Host: h\r\n\r\n");
    t_turns(8);
    ck_heard(fd, 1);
    t_peer_close(fd);
    served_end(server, app);
    return 0;
}

START_TEST(sixteen_pipelined_requests_cost_one_write)
{
    t_run(pipelined_body, NULL);
}
END_TEST

/* ---- as the kernel sees it: three processes, a server, its client, and we who look on */

enum { REQUESTS = 300, NUMBERS = 1024 };

struct seen {
    unsigned calls[NUMBERS]; /* between the marks, by number */
    bool counting;
    bool counted; /* both marks were seen */
};

static int serve_traced(void *arg)
{
    struct proa_event *end = NULL;

    ck_ok(proa_event_new(&end));
    struct proa_app *app = make_app(end);
    struct proa_server *server = listening(app);
    int port = proa_server_port(server, 0);
    ck_assert_int_eq(write(*(int *)arg, &port, sizeof port), (ssize_t)sizeof port);
    ck_ok(proa_event_wait(end));
    served_end(server, app);
    proa_event_free(end);
    return 0;
}

static pid_t start_server(int *ret_port_pipe)
{
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        _exit(proa_run(serve_traced, &fds[1], NULL) == 0 ? 0 : 1);
    }
    close(fds[1]);
    *ret_port_pipe = fds[0];
    return pid;
}

static void ask_and_hear(int fd, const char *request)
{
    char text[1024];

    ck_assert_int_eq(send(fd, request, strlen(request), MSG_NOSIGNAL), (long)strlen(request));
    ck_assert_int_gt(recv(fd, text, sizeof text, 0), 0);
}

static pid_t start_client(int port_pipe)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    int port;
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    if (read(port_pipe, &port, sizeof port) != (ssize_t)sizeof port)
        _exit(1);
    to.sin_port = htons((uint16_t)port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        _exit(1);
    ask_and_hear(fd, GET);
    ask_and_hear(fd, "GET /begin HTTP/1.1\r\nHost: h\r\n\r\n");
    for (int i = 0; i < REQUESTS; i++)
        ask_and_hear(fd, GET);
    ask_and_hear(fd, "GET /end HTTP/1.1\r\nHost: h\r\n\r\n");
    _exit(0);
}

static void note(struct seen *seen, pid_t pid)
{
    struct __ptrace_syscall_info info = {0};

    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0 ||
        info.op != PTRACE_SYSCALL_INFO_ENTRY || info.entry.nr >= NUMBERS)
        return;
    if (info.entry.nr == SYS_getpgid) {
        seen->counted = seen->counting;
        seen->counting = !seen->counting;
    } else if (seen->counting) {
        seen->calls[info.entry.nr]++;
    }
}

/* Its exit status; or -1: it may not be looked at. */
static int watch(struct seen *seen, pid_t pid)
{
    int status;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    if (!WIFSTOPPED(status) || ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD) < 0) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        return -1;
    }
    for (int signo = 0;;) {
        ck_assert_int_eq(ptrace(PTRACE_SYSCALL, pid, NULL, (long)signo), 0);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        if (!WIFSTOPPED(status))
            return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
        signo = WSTOPSIG(status) == (SIGTRAP | 0x80) ? 0 : WSTOPSIG(status);
        if (!signo)
            note(seen, pid);
    }
}

START_TEST(the_kernel_is_asked_for_nothing_else)
{
    static struct seen seen;
    int port_pipe, client_status;
    unsigned all = 0;

    if (getenv("PROA_TEST_VALGRIND")) /* whose own calls would be counted */
        return;
    pid_t server = start_server(&port_pipe);
    pid_t client = start_client(port_pipe);
    int status = watch(&seen, server);

    if (status < 0) {
        kill(client, SIGKILL);
        waitpid(client, NULL, 0);
        fprintf(stderr, "SKIP: no process may be traced here\n");
        return;
    }
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(waitpid(client, &client_status, 0), client);
    ck_assert_int_eq(client_status, 0);
    close(port_pipe);
    ck_assert(seen.counted);
#ifdef PROA_CONTEXT_UCONTEXT
    seen.calls[SYS_rt_sigprocmask] = 0; /* two of swapcontext's own at each switch */
#endif
    for (int i = 0; i < NUMBERS; i++)
        all += seen.calls[i];
    /* The answer to the first mark and the question of the second are counted too. */
    ck_assert_uint_eq(seen.calls[SYS_recvfrom], REQUESTS + 1);
    ck_assert_uint_eq(seen.calls[SYS_sendmsg], REQUESTS + 1);
    ck_assert_uint_le(seen.calls[SYS_epoll_pwait], REQUESTS + 5); /* ours, above */
    ck_assert_uint_le(all, 3 * (REQUESTS + 1) + 20);
}
END_TEST

int main(void)
{
    return t_main_tables(
        "cost",
        (const TTest *const[]){
            requests_that_come_together_share_an_epoll_wait,
            sixteen_pipelined_requests_cost_one_write,
            the_kernel_is_asked_for_nothing_else,
            NULL,
        },
        (const struct t_table[]){{a_small_request_costs_one_read_and_one_write, 4}, {NULL, 0}});
}
