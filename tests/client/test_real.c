#include "client/connection.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/connection.h>
#include <proa/group.h>
#include <proa/listener.h>
#include <proa/scope.h>
#include <proa/session.h>
#include <proa/stream.h>
#include <proa/task.h>
#include <proa/time.h>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Over sockets, against raw peers and against servers that others wrote. */

extern char **environ;

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* ---- a raw peer */

struct call {
    char url[200];
    int rc;
    char body[64];
};

static int fetch_task(void *arg)
{
    struct call *call = arg;
    PROA_AUTO(proa_client_response) *resp = NULL;
    PROA_AUTO(proa_buf) body = {0};

    proa_buf_init(&body, sizeof call->body - 1);
    call->rc = proa_fetch(&resp, call->url, NULL);
    if (call->rc == 0)
        call->rc = proa_client_response_read(resp, &body);
    snprintf(call->body, sizeof call->body, "%.*s", PROA_PRI(proa_buf_str(&body)));
    return 0;
}

static int fetch_body(void *arg)
{
    struct call call = {.rc = 1};
    int port;
    int listening = t_peer_listen(&port);

    (void)arg;
    snprintf(call.url, sizeof call.url, "http://127.0.0.1:%d/x", port);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, fetch_task, &call));
    t_turns(5);
    int fd = t_peer_accept(listening);
    t_turns(5);
    char text[300];
    snprintf(text, sizeof text,
             "GET /x HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: */*\r\nAccept-Encoding: gzip, "
             "deflate\r\nUser-Agent: proa/0.1.0\r\nConnection: close\r\n\r\n",
             port);
    t_peer_expect(fd, text);
    t_peer_send_pieces(fd, OK, strlen(OK), 1, 0);
    ck_ok(proa_group_join(&g));
    ck_ok(call.rc);
    ck_assert_str_eq(call.body, "ok");
    ck_assert(t_peer_at_end(fd)); /* one request, one connection, and it is closed */
    t_peer_close(fd);
    t_peer_close(listening);
    return 0;
}

START_TEST(one_fetch_needs_no_session)
{
    t_run(fetch_body, NULL);
}
END_TEST

static int failing_fetch_body(void *arg)
{
    struct call call = {.rc = 1};
    int port;

    (void)arg;
    t_peer_close(t_peer_listen(&port));
    snprintf(call.url, sizeof call.url, "http://127.0.0.1:%d/x", port);
    fetch_task(&call);
    ck_err(call.rc, PROA_ECONNREFUSED);
    snprintf(call.url, sizeof call.url, "nonsense");
    fetch_task(&call);
    ck_err(call.rc, PROA_EURL);
    return 0;
}

START_TEST(a_fetch_that_fails_leaves_nothing)
{
    t_run(failing_fetch_body, NULL);
}
END_TEST

static int open_body(void *arg)
{
    struct proa_connection *c = NULL;
    int port;
    int listening = t_peer_listen(&port);
    char url[80];

    (void)arg;
    /* the name stays the URL's, whatever is connected to */
    ck_ok(proa_connection_open(
        &c, "http://nowhere.invalid/",
        PROA_CONNECTION_OPTS(.connect_host = "127.0.0.1", .connect_port = port)));
    const struct proa_timings *t = proa_connection_timings(c);
    ck_assert_int_gt(t->started, 0);
    ck_assert_int_ge(t->resolved, t->started);
    ck_assert_int_ge(t->connected, t->resolved);
    ck_assert_int_eq(t->tls_done, 0);
    t_peer_close(t_peer_accept(listening));
    proa_connection_close(c);

    snprintf(url, sizeof url, "http://127.0.0.1:%d/ignored?x#y", port);
    ck_ok(proa_connection_open(&c, url, NULL));
    int fd = t_peer_accept(listening);
    proa_connection_free(c);
    ck_assert(t_peer_at_end(fd));
    t_peer_close(fd);
    t_peer_close(listening);
    ck_err(proa_connection_open(&c, url, NULL), PROA_ECONNREFUSED);
    ck_err(proa_connection_open(&c, "ftp://127.0.0.1/", NULL), PROA_EURL);
    return 0;
}

START_TEST(a_connection_goes_where_the_url_or_the_options_say)
{
    t_run(open_body, NULL);
}
END_TEST

static int unix_body(void *arg)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct proa_session *s = NULL;
    struct proa_client_response *resp = NULL;
    int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)arg;
    snprintf(addr.sun_path, sizeof addr.sun_path, "/tmp/proa-client-%d", (int)getpid());
    unlink(addr.sun_path);
    ck_assert_int_eq(bind(listening, (struct sockaddr *)&addr, sizeof addr), 0);
    ck_assert_int_eq(listen(listening, 4), 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    close(fd);
    ck_ok(proa_session_new(
        &s, PROA_SESSION_OPTS(.unix_path = addr.sun_path, .first_timeout = 50 * PROA_MS)));
    ck_err(proa_session_get(s, &resp, "http://whatever/", NULL), PROA_EFIRSTBYTETIMEDOUT);
    fd = t_peer_accept(listening);
    char head[200] = "";
    ck_assert_int_gt(t_peer_recv(fd, head, sizeof head - 1), 0);
    ck_assert_ptr_nonnull(strstr(head, "Host: whatever\r\n"));
    t_peer_close(fd);
    close(listening);
    unlink(addr.sun_path);
    ck_err(proa_session_get(s, &resp, "http://whatever/", NULL), PROA_ENOENT);
    proa_session_free(s);
    return 0;
}

START_TEST(a_session_may_speak_through_a_unix_socket)
{
    t_run(unix_body, NULL);
}
END_TEST

/* Data and the end, or a reset, in one edge: nothing waits for ever. */
static int edge_body(void *arg)
{
    for (int how = 0; how < 4; how++) {
        struct proa_connection *c = NULL;
        struct proa_prepared *p = NULL;
        struct proa_reply reply;
        int port;
        int listening = t_peer_listen(&port);
        char url[80], body[16];

        (void)arg;
        snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
        ck_ok(proa_prepared_new(&p, "GET", url, NULL, PROA_STR("")));
        ck_ok(proa_connection_open(&c, url, NULL));
        int fd = t_peer_accept(listening);
        ck_ok(proa_connection_send(c, p));
        t_turns(2);
        t_peer_drain(fd);
        t_peer_say(fd, how & 1 ? "HTTP/1.1 200 OK\r\n\r\nhello" : OK);
        if (how & 2)
            t_peer_rst(fd);
        else
            t_peer_close(fd);
        ck_ok(proa_connection_receive(c, &reply));
        ssize_t n = proa_connection_read(c, body, sizeof body);
        ck_assert_int_eq(n, how & 1 ? 5 : 2);
        n = proa_connection_read(c, body, sizeof body);
        ck_err(n, how == 3 ? PROA_ECONNRESET : 0);
        t_turns(2); /* the loop hears of the end; a reset behind a whole response shows with the
                       next write */
        if (how == 2)
            ck_assert_int_lt(proa_connection_send(c, p), 0);
        ck_assert(!proa_connection_reusable(c));
        proa_connection_free(c);
        proa_prepared_free(p);
        t_peer_close(listening);
    }
    return 0;
}

START_TEST(data_and_the_end_in_one_edge_are_both_seen)
{
    t_run(edge_body, NULL);
}
END_TEST

/* ---- servers of others */

static char dir[64];
static int port;

/* A port that was free a moment ago. */
static int free_port(void)
{
    int p;

    close(t_peer_listen(&p));
    return p;
}

static void put_file(const char *name, const char *bytes, size_t n)
{
    char path[200];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static char big[300000];

/* Start it and wait until it listens. */
static pid_t start(const char *const *words)
{
    pid_t pid;
    posix_spawn_file_actions_t files;

    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    ck_assert_int_eq(
        posix_spawnp(&pid, words[0], &files, NULL, (char *const *)(uintptr_t)words, environ), 0);
    posix_spawn_file_actions_destroy(&files);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 500; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int rc = connect(fd, (struct sockaddr *)&to, sizeof to);
        close(fd);
        if (rc == 0)
            return pid;
        usleep(20000);
    }
    ck_abort_msg("%s does not listen", words[0]);
}

static void stop(pid_t pid)
{
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

static int fetch_big(void *session)
{
    char url[80];
    PROA_AUTO(proa_client_response) *resp = NULL;
    PROA_AUTO(proa_buf) body = {0};

    snprintf(url, sizeof url, "http://127.0.0.1:%d/big", port);
    proa_buf_init(&body, PROA_UNLIMITED);
    ck_ok(proa_session_get(session, &resp, url, NULL));
    ck_assert_int_eq(proa_client_response_status(resp), 200);
    ck_ok(proa_client_response_read(resp, &body));
    ck_assert_uint_eq(body.n, sizeof big);
    ck_assert_int_eq(memcmp(body.p, big, sizeof big), 0);
    return 0;
}

static void ck_status(struct proa_session *s, const char *method, const char *path, int status)
{
    char url[120];
    struct proa_client_response *resp = NULL;

    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, path);
    ck_ok(proa_session_request(s, &resp, method, url, NULL));
    ck_assert_int_eq(proa_client_response_status(resp), status);
    proa_client_response_free(resp);
}

static int use_server(void *arg)
{
    struct proa_session *s = NULL;

    (void)arg;
    ck_ok(proa_session_new(&s, PROA_SESSION_OPTS(.limit = 4)));
    {
        PROA_GROUP(g);
        for (int i = 0; i < 12; i++)
            ck_ok(proa_create_task(&g, fetch_big, s));
        ck_ok(proa_group_join(&g));
    }
    ck_status(s, "GET", "/none", 404);
    ck_status(s, "HEAD", "/big", 200);
    ck_status(s, "GET", "/sub", 200); /* by way of a redirect to /sub/ */
    proa_session_close(s);
    return 0;
}

static void make_site(void)
{
    char path[200];

    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)("proa sails "[i % 11] ^ (i / 7 & 31));
    snprintf(dir, sizeof dir, "/tmp/proa-site-%d", (int)getpid());
    ck_assert_int_eq(mkdir(dir, 0755), 0);
    snprintf(path, sizeof path, "%s/sub", dir);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    put_file("big", big, sizeof big);
    put_file("sub/index.html", "<p>hello", 8);
    port = free_port();
}

static void remove_site(void)
{
    char command[120];

    snprintf(command, sizeof command, "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(pythons_server_is_understood)
{
    char number[16];

    make_site();
    snprintf(number, sizeof number, "%d", port);
    pid_t pid = start((const char *const[]){"python3", "-m", "http.server", "--bind", "127.0.0.1",
                                            "--directory", dir, number, NULL});
    t_run(use_server, NULL);
    stop(pid);
    remove_site();
}
END_TEST

START_TEST(nginx_is_understood)
{
    char conf[1000], path[200];

    make_site();
    int n = snprintf(conf, sizeof conf,
                     "daemon off; master_process off; pid %s/pid; error_log /dev/null;\n"
                     "events {}\n"
                     "http { access_log off; gzip on; gzip_types *; gzip_min_length 1; "
                     "default_type text/plain;\n"
                     "client_body_temp_path %s/b; proxy_temp_path %s/p; fastcgi_temp_path %s/f;\n"
                     "uwsgi_temp_path %s/u; scgi_temp_path %s/s;\n"
                     "server { listen 127.0.0.1:%d; root %s; absolute_redirect off; } }\n",
                     dir, dir, dir, dir, dir, dir, port, dir);
    put_file("conf", conf, (size_t)n);
    snprintf(path, sizeof path, "%s/conf", dir);
    pid_t pid = start((const char *const[]){"nginx", "-p", dir, "-c", path, NULL});
    t_run(use_server, NULL);
    stop(pid);
    remove_site();
}
END_TEST

static bool installed(const char *command)
{
    char line[100];

    snprintf(line, sizeof line, "PATH=$PATH:/usr/sbin; command -v %s >/dev/null", command);
    if (system(line) == 0)
        return true;
    printf("SKIP: the program %s is not installed\n", command);
    return false;
}

int main(void)
{
    const TTest *tests[8] = {one_fetch_needs_no_session, a_fetch_that_fails_leaves_nothing,
                             a_connection_goes_where_the_url_or_the_options_say,
                             a_session_may_speak_through_a_unix_socket,
                             data_and_the_end_in_one_edge_are_both_seen};
    int n = 5;
    static char path[4000];

    snprintf(path, sizeof path, "%s:/usr/sbin", getenv("PATH"));
    setenv("PATH", path, 1);
    if (installed("python3"))
        tests[n++] = pythons_server_is_understood;
    if (installed("nginx"))
        tests[n++] = nginx_is_understood;
    return t_main("real", tests);
}
