#include "net/listener.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/listener.h>
#include <proa/run.h>
#include <proa/task.h>

#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct proa_listener *listener;

static int open_tcp(void)
{
    ck_ok(proa_listen_tcp(&listener, "127.0.0.1", 0, NULL));
    ck_assert_int_gt(proa_listener_port(listener), 0);
    return proa_listener_port(listener);
}

static const char *address(size_t i)
{
    static char text[PROA_ADDR_TEXT];
    struct proa_addr addr;

    ck_ok(proa_listener_address(listener, i, &addr));
    proa_addr_set_port(&addr, 1);
    return proa_addr_format(&addr, text);
}

/* ---- where to listen */

static int everywhere_body(void *arg)
{
    struct proa_addr addr;
    int port, peer;
    struct proa_stream *s;

    (void)arg;
    ck_ok(proa_listen_tcp(&listener, NULL, 0, NULL));
    port = proa_listener_port(listener);
    ck_assert_str_eq(address(0), "0.0.0.0:1");
    if (proa_listener_address(listener, 1, &addr) == 0) { /* this machine speaks IPv6 */
        ck_assert_str_eq(address(1), "[::]:1");
        ck_ok(proa_listener_address(listener, 1, &addr));
        ck_assert_int_eq(proa_addr_port(&addr), port); /* one port for both */
        ck_ok(proa_addr_ip(&addr, "::1", port));
        peer = t_peer_connect(&addr);
        ck_ok(proa_accept(listener, &s));
        proa_stream_free(s);
        t_peer_close(peer);
    }
    peer = t_peer_connect_port(port);
    ck_ok(proa_accept(listener, &s));
    proa_stream_free(s);
    t_peer_close(peer);
    ck_err(proa_listener_address(listener, 2, &addr), PROA_ENOENT);
    proa_listener_free(listener);
    ck_ok(proa_listen_tcp(&listener, "", port, NULL)); /* at once again: SO_REUSEADDR */
    proa_listener_free(listener);
    return 0;
}
START_TEST(no_host_is_every_address_with_one_port)
{
    t_run(everywhere_body, NULL);
}
END_TEST

static int errors_body(void *arg)
{
    struct proa_listener *l;
    char where[64];
    int port = open_tcp();

    (void)arg;
    ck_err(proa_listen_tcp(&l, "127.0.0.1", port, NULL), PROA_EADDRINUSE);
    snprintf(where, sizeof where, "listen on 127.0.0.1:%d: address already in use", port);
    ck_assert_str_eq(proa_err_detail(PROA_EADDRINUSE), where);
    proa_listener_free(listener);
    ck_err(proa_listen_tcp(&l, "192.0.2.1", 0, NULL), PROA_EADDRNOTAVAIL);
    ck_err(proa_listen_tcp(&l, "127.0.0.1", 65536, NULL), PROA_EINVAL);
    ck_err(proa_listen_tcp(&l, "127.0.0.1", -1, NULL), PROA_EINVAL);
    ck_err(proa_listen_tcp(&l, "127.0.0.1", 0, PROA_LISTEN_OPTS(.backlog = -1)), PROA_EINVAL);
    ck_err(proa_listen_fd(&l, 0, PROA_LISTEN_OPTS(.mode = 010000)), PROA_EINVAL);
    return 0;
}
START_TEST(failures_name_the_address)
{
    t_run(errors_body, NULL);
}
END_TEST

static int share_body(void *arg)
{
    struct proa_listener *l;
    int port;

    (void)arg;
    ck_ok(proa_listen_tcp(&listener, "127.0.0.1", 0, PROA_LISTEN_OPTS(.reuse_port = true)));
    port = proa_listener_port(listener);
    ck_ok(proa_listen_tcp(&l, "127.0.0.1", port, PROA_LISTEN_OPTS(.reuse_port = true)));
    proa_listener_free(l);
    proa_listener_free(listener);
    return 0;
}
START_TEST(ports_are_shared_only_on_request)
{
    t_run(share_body, NULL);
}
END_TEST

static int inherit_body(void *arg)
{
    struct proa_stream *s;
    int port = open_tcp();
    int peer = t_peer_connect_port(port);
    int on = 0;
    socklen_t n = sizeof on;

    (void)arg;
    ck_ok(proa_accept(listener, &s));
    ck_assert_int_eq(getsockopt(proa_stream_fd(s), IPPROTO_TCP, TCP_NODELAY, &on, &n), 0);
    ck_assert_int_eq(on, 1);
    ck_assert_int_ne(fcntl(proa_stream_fd(s), F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_eq(fcntl(proa_stream_fd(s), F_GETFD), FD_CLOEXEC);
    proa_stream_free(s);
    proa_listener_free(listener);
    t_peer_close(peer);
    return 0;
}
START_TEST(accepted_streams_have_their_options)
{
    t_run(inherit_body, NULL);
}
END_TEST

static int brought_body(void *arg)
{
    struct proa_stream *s;
    int port;
    int fd = t_peer_listen(&port);
    int peer = t_peer_connect_port(port);

    (void)arg;
    ck_err(proa_listen_fd(&listener, peer, NULL), PROA_EINVAL);
    ck_err(proa_listen_fd(&listener, 999, NULL), PROA_EBADF);
    ck_ok(proa_listen_fd(&listener, fd, NULL));
    ck_assert_int_eq(proa_listener_port(listener), port);
    ck_ok(proa_accept(listener, &s));
    proa_stream_free(s);
    proa_listener_free(listener);
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
    t_peer_close(peer);
    return 0;
}
START_TEST(a_listening_socket_can_be_brought_along)
{
    t_run(brought_body, NULL);
}
END_TEST

/* ---- the loops of one program */

static struct {
    pthread_barrier_t all;
    atomic_int port[2];
    atomic_int next;
    char path[64];
} crew;

static void meet(void)
{
    pthread_barrier_wait(&crew.all); /* no task of this loop has anything else to do */
}

static int one_of_two(void *arg)
{
    struct proa_listener *tcp = NULL;
    struct proa_listener *file = NULL;
    int me = crew.next++;
    int rc;

    (void)arg;
    rc = proa_listen_tcp(&tcp, "127.0.0.1", 0, NULL);
    if (rc == 0)
        rc = proa_listen_unix(&file, crew.path, PROA_LISTEN_OPTS(.mode = 0600));
    crew.port[me] = rc == 0 ? proa_listener_port(tcp) : rc;
    meet();
    proa_listener_free(tcp);
    proa_listener_free(file);
    meet();
    if (access(crew.path, F_OK) < 0) /* still kept for the others */
        rc = rc < 0 ? rc : -20000;
    meet();
    return rc;
}

START_TEST(loops_of_one_program_share_port_and_path)
{
    char dir[] = "/tmp/proa-listener-XXXXXX";

    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(crew.path, sizeof crew.path, "%s/sock", dir);
    pthread_barrier_init(&crew.all, NULL, 2);
    ck_assert_int_eq(proa_main(one_of_two, NULL, PROA_MAIN_OPTS(.threads = 2)), 0);
    ck_assert_int_gt(crew.port[0], 0);
    ck_assert_int_eq(crew.port[0], crew.port[1]);
    ck_assert_int_eq(rmdir(dir), 0); /* whoever kept the file has removed it */
    t_alloc_forgive();
}
END_TEST

/* ---- without memory */

static int new_body(void *arg)
{
    struct proa_listener *l;
    int rc = proa_listen_tcp(&l, arg, 0, NULL);

    if (rc == 0)
        proa_listener_free(l);
    return rc;
}
START_TEST(no_memory_is_a_code)
{
    t_run_each_alloc(new_body, (void *)"127.0.0.1");
    t_run_each_alloc(new_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("listener", (const TTest *const[]){
                                  no_host_is_every_address_with_one_port,
                                  failures_name_the_address,
                                  ports_are_shared_only_on_request,
                                  accepted_streams_have_their_options,
                                  a_listening_socket_can_be_brought_along,
                                  loops_of_one_program_share_port_and_path,
                                  no_memory_is_a_code,
                                  NULL,
                              });
}
