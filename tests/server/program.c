#include "program.h"

#include "core/signal.h"
#include "served.h"
#include "support/t_peer.h"

#include <proa/fd.h>
#include <proa/scope.h>
#include <proa/time.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the program */

static int news_fd;    /* it says a line */
static int control_fd; /* and is told a byte */

void program_says(const char *text)
{
    if (write(news_fd, text, strlen(text)) < 0)
        _exit(9);
}

static int hello(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_textf(resp, 200, "%d", (int)gettid());
}

/* Several may wait, in several processes: each takes one byte. */
static int wait_control(void)
{
    int fd = dup(control_fd);
    char byte;
    ssize_t n;
    int rc;

    fcntl(fd, F_SETFL, O_NONBLOCK);
    do {
        rc = proa_wait_fd(fd, PROA_READABLE);
        n = rc < 0 ? 0 : read(fd, &byte, 1);
    } while (n < 0 && errno == EAGAIN);
    close(fd);
    return rc;
}

static int waits(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    program_says("waiting\n");
    int rc = wait_control();
    if (rc >= 0)
        return proa_response_text(resp, 200, "waited");
    program_says("cancelled\n");
    return rc;
}

/* A handler that does not mind being cancelled. */
static int stays(struct proa_request *req, struct proa_response *resp, void *arg)
{
    int rc = waits(req, resp, arg);

    PROA_SHIELD(shield, PROA_HOUR);
    proa_sleep(PROA_HOUR);
    return rc;
}

/* One that lets nobody else run. */
static int spins(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)resp;
    (void)arg;
    program_says("waiting\n");
    for (;;)
        sched_yield();
    return 0;
}

/* One that dies when it is told to, and holds its loop until then. */
static int crashes(struct proa_request *req, struct proa_response *resp, void *arg)
{
    char byte;

    (void)req;
    (void)arg;
    program_says("waiting\n");
    if (read(control_fd, &byte, 1) != 1)
        _exit(9);
    raise(SIGKILL);
    return proa_response_text(resp, 200, "still here");
}

atomic_bool program_serves;

static void tell_url(void *arg, const char *url)
{
    char line[80];

    (void)arg;
    program_serves = true;
    snprintf(line, sizeof line, "%s\n", url);
    program_says(line);
}

int program_serve(void *arg)
{
    PROA_AUTO(proa_app) *app = NULL;
    const int64_t *drain = arg;

    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/", hello, NULL);
    proa_app_get(app, "/wait", waits, NULL);
    proa_app_get(app, "/stay", stays, NULL);
    proa_app_get(app, "/spin", spins, NULL);
    proa_app_get(app, "/crash", crashes, NULL);
    return proa_app_serve(app,
                          PROA_SERVER_OPTS(.listening = tell_url, .drain = drain ? *drain : 0));
}

/* ---- from without */

static void own_life(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    signal(SIGTERM, SIG_DFL); /* Check's would end the test */
    signal(SIGINT, SIG_DFL);
}

const char *program_news(struct program *p)
{
    static char line[100];
    size_t n = 0;

    while (n < sizeof line - 1 && read(p->told, line + n, 1) == 1 && line[n] != '\n')
        n++;
    line[n] = 0;
    return line;
}

/* Start it; it serves when this returns, on `n` loops. `burst`: how close two signals are one. */
struct program program_start(proa_task_fn *fn, void *arg, int64_t burst, int n,
                             const struct proa_main_opts *opts)
{
    struct program p;
    int told[2], control[2], err[2];

    ck_assert(pipe(told) == 0 && pipe(control) == 0 && pipe(err) == 0);
    p.pid = fork();
    ck_assert_int_ge(p.pid, 0);
    if (p.pid == 0) {
        own_life();
        proa__signals_burst = burst;
        news_fd = told[1];
        control_fd = control[0];
        dup2(err[1], STDERR_FILENO);
        close(told[0]);
        close(control[1]);
        close(err[0]);
        close(err[1]);
        size_t before = t_alloc_bytes();
        int status = proa_main(fn, arg, opts);
        if (t_alloc_bytes() != before)
            fprintf(stderr, "%zu bytes are left\n", t_alloc_bytes() - before);
        _exit(status);
    }
    close(told[1]);
    close(control[0]);
    close(err[1]);
    p.told = told[0];
    p.control = control[1];
    p.err = err[0];
    for (int i = 0; i < n; i++) {
        const char *url = program_news(&p);
        ck_assert_msg(strncmp(url, "http://127.0.0.1:", 17) == 0, "it says \"%s\"", url);
        p.port = atoi(url + 17);
    }
    return p;
}

void ck_news(struct program *p, const char *words)
{
    ck_assert_str_eq(program_news(p), words);
}

void program_tell(struct program *p)
{
    ck_assert_int_eq(write(p->control, "!", 1), 1);
}

char program_written[2000]; /* on standard error, by the last that ended */

/* When all its processes have ended: the exit status of the first, or 1000 and the signal. */
int program_ended(struct program *p)
{
    size_t n = 0;
    ssize_t some;
    int status;

    close(p->control);
    while (n < sizeof program_written - 1 &&
           (some = read(p->err, program_written + n, sizeof program_written - 1 - n)) > 0)
        n += (size_t)some;
    program_written[n] = 0;
    close(p->err);
    close(p->told);
    ck_assert_int_eq(waitpid(p->pid, &status, 0), p->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

void ck_ended(struct program *p, int status)
{
    int got = program_ended(p);

    ck_assert_msg(got == status, "it ended with %d, not %d: %s", got, status, program_written);
    ck_assert_str_eq(program_written, "");
}

/* ---- clients: sockets that wait */

static char heard_text[4096];

const char *hear_once(int fd)
{
    ssize_t n = recv(fd, heard_text, sizeof heard_text - 1, 0);

    heard_text[n > 0 ? n : 0] = 0;
    return heard_text;
}

/* A kept connection that was served once, and by which thread: its id. */
int idle_client(struct program *p, int *ret_tid)
{
    int fd = t_peer_connect_port(p->port);

    t_peer_say(fd, GET("/"));
    const char *text = hear_once(fd);
    ck_assert_int_eq(status_of(text), 200);
    if (ret_tid)
        *ret_tid = atoi(body_of(text));
    return fd;
}

/* A request that is being handled. */
int busy_client(struct program *p, const char *request)
{
    int fd = t_peer_connect_port(p->port);

    t_peer_say(fd, request);
    ck_news(p, "waiting");
    return fd;
}

/* It is closed in order, now or soon. */
void ck_closed(int fd)
{
    ck_assert_int_eq(recv(fd, heard_text, 1, 0), 0);
    close(fd);
}

void ck_answered(int fd)
{
    const char *text = hear_once(fd);

    ck_assert_int_eq(status_of(text), 200);
    ck_assert_str_eq(body_of(text), "waited");
    ck_assert_ptr_nonnull(strstr(text, "Connection: close\r\n"));
    ck_closed(fd);
}

bool program_refuses(const struct program *p)
{
    struct proa_addr addr;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_ok(proa_addr_ip(&addr, "127.0.0.1", p->port));
    bool refused = connect(fd, &addr.u.sa, addr.len) < 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}
