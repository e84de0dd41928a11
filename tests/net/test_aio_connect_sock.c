#include "net/names.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/fd.h>
#include <proa/group.h>
#include <proa/listener.h>
#include <proa/resolve.h>
#include <proa/task.h>
#include <proa/tcp.h>
#include <proa/thread.h>

#include <dirent.h>
#include <errno.h>
#include <semaphore.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a name has, ended by NULL. */
static const char *const *name_has;

static int look_up(void *arg, struct proa_addrs *ret, const char *host)
{
    struct proa_addr addr;
    int rc = 0;

    (void)arg;
    (void)host;
    for (const char *const *ip = name_has; *ip && rc == 0; ip++) {
        ck_ok(proa_addr_ip(&addr, *ip, 0));
        rc = proa_addrs_add(ret, &addr);
    }
    return rc;
}

#define HAS(...) ((const char *const[]){__VA_ARGS__, NULL})

static int numeric_body(void *arg)
{
    struct proa_addrs addrs = {0};
    PROA_AUTO(proa_resolver) *resolver = NULL;
    struct proa_listener *l;
    struct proa_stream *s;

    (void)arg;
    names_fresh();
    name_has = NULL; /* its function would fail */
    ck_ok(proa_resolver_new(&resolver, PROA_RESOLVER_OPTS(.fn = look_up)));
    ck_ok(proa_resolve(resolver, &addrs, "2001:db8::7", 80, 0));
    proa_addrs_fini(&addrs);
    ck_ok(proa_listen_tcp(&l, "127.0.0.1", 0, NULL));
    ck_ok(proa_tcp_connect(&s, "127.0.0.1", proa_listener_port(l), NULL));
    ck_assert_int_eq(names_calls, 0);
    proa_stream_free(s);
    proa_listener_free(l);
    return 0;
}
START_TEST(aio_conn_01_a_numeric_host_is_not_looked_up)
{
    t_run(numeric_body, NULL);
}
END_TEST

/* ---- sockets of this machine */

static int open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static int local_body(void *arg)
{
    PROA_AUTO(proa_resolver) *resolver = NULL;
    struct proa_connect_error errors[2];
    struct proa_listener *l;
    struct proa_stream *s;
    struct proa_addr addr;
    char ip[PROA_ADDR_TEXT];
    size_t n;
    int before;

    (void)arg;
    name_has = HAS("::1", "127.0.0.1");
    ck_ok(proa_resolver_new(&resolver, PROA_RESOLVER_OPTS(.fn = look_up)));
    ck_ok(proa_listen_tcp(&l, "127.0.0.1", 0, NULL));
    before = open_descriptors();
    ck_ok(proa_tcp_connect(&s, "name.test", proa_listener_port(l),
                           PROA_TCP_OPTS(.resolver = resolver, .local_ip = "127.0.0.7",
                                         .errors = errors, .max_errors = 2, .ret_errors = &n)));
    ck_ok(proa_stream_local(s, &addr)); /* the other family was not tried from it */
    ck_assert_str_eq(proa_addr_format_ip(&addr, ip), "127.0.0.7");
    ck_assert_uint_eq(n, 1);
    ck_assert_int_ne(errors[0].rc, PROA_ECONNREFUSED);
    proa_stream_free(s);

    name_has = HAS("::1"); /* none that matches */
    ck_err(proa_tcp_connect(&s, "other.test", proa_listener_port(l),
                            PROA_TCP_OPTS(.resolver = resolver, .local_ip = "127.0.0.7")),
           PROA_EAFNOSUPPORT);
    name_has = HAS("127.0.0.1", "127.0.0.2"); /* none that can be bound */
    ck_err(proa_tcp_connect(&s, "third.test", proa_listener_port(l),
                            PROA_TCP_OPTS(.resolver = resolver, .local_ip = "198.51.100.1",
                                          .errors = errors, .max_errors = 2, .ret_errors = &n)),
           PROA_EADDRNOTAVAIL);
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(errors[1].rc, PROA_EADDRNOTAVAIL);
    ck_assert_int_eq(open_descriptors(), before);
    proa_listener_free(l);
    return 0;
}
START_TEST(aio_conn_04_a_local_address_is_bound_for_its_family_only)
{
    t_run(local_body, NULL);
}
END_TEST

struct conn {
    struct proa_addr addr;
    struct proa_stream *s;
    int rc;
};

static int connect_one(void *arg)
{
    struct conn *c = arg;

    c->rc = proa_addr_connect(&c->s, &c->addr, NULL);
    return 0;
}

static int cancelled_body(void *arg)
{
    struct conn c = {0};
    int fill[2];
    int full, before;

    (void)arg;
    ck_ok(proa_addr_ip(&c.addr, "127.0.0.2", 0));
    full = t_peer_listen_full(&c.addr, fill); /* connecting to it takes long */
    before = open_descriptors();
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, connect_one, &c));
        t_turns(3);
        ck_assert_int_eq(open_descriptors(), before + 1);
        proa_group_cancel(&g);
        ck_ok(proa_group_join(&g));
    }
    ck_assert_int_eq(c.rc, PROA_ECANCELED);
    ck_assert_ptr_null(c.s);
    ck_assert_int_eq(open_descriptors(), before);
    t_peer_close(full);
    t_peer_close(fill[0]);
    t_peer_close(fill[1]);
    return 0;
}
START_TEST(aio_conn_05_a_cancelled_connect_closes_its_socket)
{
    t_run_modes(cancelled_body, NULL);
}
END_TEST

static int wait_writable(void *arg)
{
    return proa_wait_fd(*(int *)arg, PROA_WRITABLE);
}

/* The program's own socket: one wait is cancelled, the next one for the same descriptor works. */
static int reconnect_body(void *arg)
{
    struct proa_listener *l;
    struct proa_addr addr;
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    int error = -1;
    socklen_t n = sizeof error;
    int fill[2];
    int full, fd;

    (void)arg;
    ck_ok(proa_addr_ip(&addr, "127.0.0.2", 0));
    full = t_peer_listen_full(&addr, fill);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_lt(connect(fd, &addr.u.sa, addr.len), 0);
    ck_assert_int_eq(errno, EINPROGRESS);
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, wait_writable, &fd));
        t_turns(3);
        proa_group_cancel(&g);
        ck_ok(proa_group_join(&g));
    }
    ck_assert_int_eq(connect(fd, &none, sizeof none), 0);
    ck_ok(proa_listen_tcp(&l, "127.0.0.1", 0, NULL));
    ck_ok(proa_listener_address(l, 0, &addr));
    if (connect(fd, &addr.u.sa, addr.len) < 0)
        ck_assert_int_eq(errno, EINPROGRESS);
    ck_assert_int_eq(proa_wait_fd(fd, PROA_WRITABLE), PROA_WRITABLE);
    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n), 0);
    ck_assert_int_eq(error, 0);
    close(fd);
    proa_listener_free(l);
    t_peer_close(full);
    t_peer_close(fill[0]);
    t_peer_close(fill[1]);
    return 0;
}
START_TEST(aio_conn_06_a_descriptor_is_connected_again_after_a_cancel)
{
    t_run_modes(reconnect_body, NULL);
}
END_TEST

/* ---- the resolver's threads are its own */

static sem_t hold;

static int block(void *arg)
{
    (void)arg;
    sem_wait(&hold);
    return 0;
}

static int block_in_thread(void *arg)
{
    return proa_to_thread(block, arg, NULL);
}

static int full_pool_body(void *arg)
{
    struct proa_addrs addrs = {0};
    enum { JOBS = 40 }; /* more than the pool has threads */

    (void)arg;
    names_fresh();
    sem_init(&hold, 0, 0);
    PROA_GROUP(g);
    for (int i = 0; i < JOBS; i++)
        ck_ok(proa_create_task(&g, block_in_thread, NULL));
    t_turns(2);
    ck_ok(proa_resolve(NULL, &addrs, "two.test", 80, 0));
    ck_assert_uint_eq(addrs.n, 3);
    proa_addrs_fini(&addrs);
    for (int i = 0; i < JOBS; i++)
        sem_post(&hold);
    ck_ok(proa_group_join(&g));
    sem_destroy(&hold);
    return 0;
}
START_TEST(aio_conn_18_names_are_found_while_the_thread_pool_is_full)
{
    t_run(full_pool_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("aio_connect_sock",
                  (const TTest *const[]){
                      aio_conn_01_a_numeric_host_is_not_looked_up,
                      aio_conn_04_a_local_address_is_bound_for_its_family_only,
                      aio_conn_05_a_cancelled_connect_closes_its_socket,
                      aio_conn_06_a_descriptor_is_connected_again_after_a_cancel,
                      aio_conn_18_names_are_found_while_the_thread_pool_is_full,
                      NULL,
                  });
}
