#include "net/pair.h"
#include "served.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/app.h>
#include <proa/request.h>
#include <proa/response.h>
#include <proa/server.h>
#include <proa/task.h>
#include <proa/time.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Servers on real sockets: addresses, limits on connections, the access log, and what one request
 * costs. */

/* ---- addresses */

static int two_addresses_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = NULL;
    struct proa_bind binds[] = {{.host = "127.0.0.1"}, {.unix_path = t_peer_name("server")}};
    struct proa_addr addr;

    (void)arg;
    ck_ok(proa_server_start(&server, app, PROA_SERVER_OPTS(.binds = binds, .n_binds = 2)));
    proa_yield();
    ck_assert_int_gt(proa_server_port(server, 0), 0);
    ck_assert_int_eq(proa_server_port(server, 1), 0);
    ck_assert_int_eq(proa_server_port(server, 2), PROA_EINVAL);
    char url[80];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", proa_server_port(server, 0));
    ck_assert_str_eq(proa_server_url(server, 0), url);
    snprintf(url, sizeof url, "http+unix:%s", t_peer_name("server"));
    ck_assert_str_eq(proa_server_url(server, 1), url);
    ck_assert_ptr_null(proa_server_url(server, 2));

    int tcp = t_peer_connect_port(proa_server_port(server, 0));
    ck_ok(proa_addr_unix(&addr, t_peer_name("server")));
    int un = t_peer_connect(&addr);
    t_turns(8);
    ck_assert_int_eq(status_on(tcp), 200);
    ck_assert_int_eq(status_on(un), 200);
    ck_assert_uint_eq(proa_server_connections(server), 2);
    t_peer_close(tcp);
    t_peer_close(un);
    served_end(server, app);
    return 0;
}

START_TEST(one_server_listens_on_several_addresses)
{
    t_run(two_addresses_body, NULL);
}
END_TEST

static int star_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = NULL;
    struct proa_bind binds[] = {{.unix_path = t_peer_name("star")}};

    (void)arg;
    ck_ok(proa_server_start(&server, app,
                            PROA_SERVER_OPTS(.host = "*", .binds = binds, .n_binds = 1)));
    proa_yield();
    char url[80];
    snprintf(url, sizeof url, "http+unix:%s", t_peer_name("star"));
    ck_assert_str_eq(proa_server_url(server, 1), url);
    int fd = t_peer_connect_port(proa_server_port(server, 0));
    t_turns(8);
    ck_assert_int_eq(status_on(fd), 200);
    t_peer_close(fd);
    served_end(server, app);
    return 0;
}

START_TEST(a_star_is_all_addresses_and_binds_come_on_top)
{
    t_run(star_body, NULL);
}
END_TEST

static int in_use_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = NULL;
    struct proa_server *second = NULL;

    (void)arg;
    ck_ok(proa_server_start(&server, app, PROA_SERVER_OPTS(.port = 0)));
    proa_yield();
    int port = proa_server_port(server, 0);
    ck_err(proa_server_start(&second, app, PROA_SERVER_OPTS(.port = port)), PROA_EADDRINUSE);
    char words[64];
    snprintf(words, sizeof words, "127.0.0.1:%d", port);
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_EADDRINUSE), words));
    served_end(server, app);
    return 0;
}

START_TEST(a_port_in_use_is_named)
{
    t_run(in_use_body, NULL);
}
END_TEST

static int bad_route_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = NULL;

    (void)arg;
    proa_app_get(app, "no-slash", say_hello, NULL);
    proa_app_get(app, "/fine", say_hello, NULL);
    ck_err(proa_server_start(&server, app, NULL), PROA_EROUTE);
    ck_assert_str_eq(proa_err_detail(PROA_EROUTE), "route \"no-slash\" does not begin with '/'");
    ck_err(proa_app_serve(NULL, NULL), PROA_ENOMEM);
    proa_app_free(app);
    return 0;
}

START_TEST(a_bad_route_is_told_when_the_app_is_served)
{
    t_run(bad_route_body, NULL);
}
END_TEST

/* ---- limits on connections */

static int max_connections_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = NULL;
    int fds[3];

    (void)arg;
    ck_ok(proa_server_start(&server, app, PROA_SERVER_OPTS(.max_connections = 2)));
    proa_yield();
    for (int i = 0; i < 3; i++) {
        fds[i] = t_peer_connect_port(proa_server_port(server, 0));
        t_turns(8);
    }
    ck_assert_int_eq(status_on(fds[0]), 200);
    ck_assert_int_eq(status_on(fds[1]), 200);
    ck_assert_int_eq(status_on(fds[2]), 0); /* waits in the kernel */
    ck_assert_uint_eq(proa_server_connections(server), 2);
    t_peer_close(fds[0]);
    t_turns(16);
    char text[256];
    ck_assert_int_gt(t_peer_recv(fds[2], text, sizeof text), 0);
    t_peer_close(fds[1]);
    t_peer_close(fds[2]);
    served_end(server, app);
    return 0;
}

START_TEST(beyond_max_connections_clients_wait)
{
    t_run(max_connections_body, NULL);
}
END_TEST

static int per_address_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = NULL;
    char text[256] = "";

    (void)arg;
    ck_ok(proa_server_start(&server, app, PROA_SERVER_OPTS(.max_per_address = 2)));
    proa_yield();
    int port = proa_server_port(server, 0);
    int a = t_peer_connect_port(port);
    int b = t_peer_connect_port(port);
    t_turns(8);
    int c = t_peer_connect_port(port);
    t_turns(8);
    ck_assert_int_eq(status_on(a), 200);
    ck_assert_int_eq(status_on(b), 200);
    ck_assert_int_gt(t_peer_recv(c, text, sizeof text - 1), 0);
    ck_assert_int_eq(atoi(text + 9), 503);
    ck_assert(t_peer_at_end(c));
    t_peer_close(a);
    t_turns(8);
    int d = t_peer_connect_port(port);
    t_turns(8);
    ck_assert_int_eq(status_on(d), 200);
    t_peer_close(b);
    t_peer_close(c);
    t_peer_close(d);
    served_end(server, app);
    return 0;
}

START_TEST(beyond_max_per_address_clients_get_503)
{
    t_run(per_address_body, NULL);
}
END_TEST

/* Behind a UNIX socket is a proxy: whom it speaks for is not known here. */
static int unix_peers_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = NULL;
    struct proa_bind binds[] = {{.unix_path = t_peer_name("peers")}, {.host = "127.0.0.1"}};
    struct proa_addr addr;
    int fds[4];

    (void)arg;
    ck_ok(proa_server_start(&server, app,
                            PROA_SERVER_OPTS(.binds = binds, .n_binds = 2, .max_per_address = 1)));
    proa_yield();
    ck_ok(proa_addr_unix(&addr, t_peer_name("peers")));
    for (int i = 0; i < 4; i++) {
        fds[i] = i < 2 ? t_peer_connect(&addr) : t_peer_connect_port(proa_server_port(server, 1));
        t_turns(8);
    }
    ck_assert_int_eq(status_on(fds[0]), 200);
    ck_assert_int_eq(status_on(fds[1]), 200);
    ck_assert_int_eq(status_on(fds[2]), 200);
    ck_assert_uint_eq(proa_server_connections(server), 3); /* the fourth was turned away */
    for (int i = 0; i < 4; i++)
        t_peer_close(fds[i]);
    served_end(server, app);
    return 0;
}

START_TEST(peers_on_unix_sockets_have_no_address)
{
    t_run(unix_peers_body, NULL);
}
END_TEST

/* ---- the access log */

static struct proa_access seen;
static char seen_target[64], seen_peer[64], seen_agent[64];
static int seen_n;

static void keep_access(void *arg, const struct proa_access *access)
{
    (void)arg;
    seen = *access;
    snprintf(seen_target, sizeof seen_target, "%.*s", PROA_PRI(access->target));
    snprintf(seen_peer, sizeof seen_peer, "%.*s", PROA_PRI(access->peer));
    snprintf(seen_agent, sizeof seen_agent, "%.*s", PROA_PRI(access->user_agent));
    seen_n++;
}

static int access_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_server *server = NULL;

    (void)arg;
    ck_ok(proa_server_start(&server, app, PROA_SERVER_OPTS(.access = keep_access)));
    proa_yield();
    int fd = t_peer_connect_port(proa_server_port(server, 0));
    t_peer_say(fd, "GET /?a=b HTTP/1.1\r\nHost: h\r\nUser-Agent: test/1\r\n\r\n");
    t_turns(12);
    ck_assert_int_eq(seen_n, 1);
    ck_assert_int_eq(seen.status, 200);
    ck_assert_uint_eq(seen.body_bytes, 5);
    ck_assert_int_eq(seen.version_minor, 1);
    ck_assert_int_gt(seen.when, 1700000000); /* of our days */
    ck_assert_str_eq(seen_target, "/?a=b");
    ck_assert_str_eq(seen_peer, "127.0.0.1");
    ck_assert_str_eq(seen_agent, "test/1");
    t_peer_say(fd, "BAD\r\n\r\n");
    t_turns(12);
    ck_assert_int_eq(seen_n, 2);
    ck_assert_int_eq(seen.status, 400);
    ck_assert_str_eq(seen_target, "");
    t_peer_close(fd);
    served_end(server, app);
    return 0;
}

START_TEST(each_exchange_is_logged)
{
    t_run(access_body, NULL);
}
END_TEST

/* HTTP-LOG-01, H07 */
START_TEST(a_log_line_escapes_what_strangers_say)
{
    int pipes[2];
    static char line[4096];
    static char huge[5000];

    memset(huge, 'x', sizeof huge);
    ck_assert_int_eq(pipe(pipes), 0);
    int saved = dup(STDERR_FILENO);
    dup2(pipes[1], STDERR_FILENO);
    proa_access_log_stderr(NULL,
                           &(struct proa_access){.method = PROA_STR("GET"),
                                                 .target = PROA_STR("/a\"b\x1b[2J\n\xff"),
                                                 .peer = PROA_STR("127.0.0.1"),
                                                 .user_agent = proa_str_make(huge, sizeof huge),
                                                 .version_minor = 1,
                                                 .status = 200,
                                                 .when = 0});
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    ck_assert_int_gt(read(pipes[0], line, sizeof line - 1), 0);
    ck_assert_ptr_nonnull(strstr(line,
                                 "127.0.0.1 - - [01/Jan/1970:00:00:00 +0000] "
                                 "\"GET /a\\x22b\\x1b[2J\\x0a\\xff HTTP/1.1\" 200 0 \"-\" \"xxx"));
    ck_assert_uint_lt(strlen(line), 2300);
    ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
}
END_TEST

/* ---- its tasks, in a run where all tasks of the program are eager */

static enum proa_task_state state_of(const char *name)
{
    struct proa_task_ref all[8];
    size_t n = proa_all_tasks(all, 8);

    for (size_t i = 0; i < n && i < 8; i++)
        if (strcmp(proa_task_name(all[i]), name) == 0)
            return proa_task_state(all[i]);
    return PROA_TASK_DONE;
}

static int note(struct proa_request *req, struct proa_response *resp, void *arg)
{
    *(enum proa_task_state *)arg = state_of("server");
    return say_hello(req, resp, NULL);
}

static int own_tasks_body(void *arg)
{
    static const char request[] = "GET /note HTTP/1.1\r\nHost: h\r\n\r\n";
    struct proa_app *app = hello_app();
    struct proa_server *server = NULL;
    struct proa_stream *mine = NULL;
    struct proa_stream *its = NULL;
    enum proa_task_state noted = PROA_TASK_DONE;

    (void)arg;
    proa_app_get(app, "/note", note, &noted);
    ck_ok(proa_server_start(&server, app, PROA_SERVER_OPTS(.no_listen = true)));
    ck_assert_int_eq(state_of("server"), PROA_TASK_READY);
    ck_ok(proa_yield());
    ck_assert_int_eq(state_of("server"), PROA_TASK_WAITING);
    ck_ok(proa__pair_new(&mine, &its, NULL));
    ck_ok(proa_server_add_stream_steal(server, its, false));
    ck_ok(proa_write(mine, request, sizeof request - 1, NULL));
    served_end(server, app);                    /* the stop finds the request */
    ck_assert_int_eq(noted, PROA_TASK_WAITING); /* and does not wait within its creation */
    proa_abort(mine);
    return 0;
}

START_TEST(its_own_tasks_start_in_their_turn)
{
    t_run_as(own_tasks_body, NULL, true, 0);
}
END_TEST

int main(void)
{
    return t_main(
        "server",
        (const TTest *const[]){
            one_server_listens_on_several_addresses, a_star_is_all_addresses_and_binds_come_on_top,
            a_port_in_use_is_named, a_bad_route_is_told_when_the_app_is_served,
            beyond_max_connections_clients_wait, beyond_max_per_address_clients_get_503,
            peers_on_unix_sockets_have_no_address, each_exchange_is_logged,
            a_log_line_escapes_what_strangers_say, its_own_tasks_start_in_their_turn, NULL});
}
