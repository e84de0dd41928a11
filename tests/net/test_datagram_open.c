#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/datagram.h>
#include <proa/err.h>
#include <proa/resolve.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* How datagram sockets are opened: options, wildcards, names, and what a failure leaves. */

static struct proa_addr local_of(const struct proa_dgram *d)
{
    struct proa_addr a;

    ck_ok(proa_dgram_local(d, &a));
    return a;
}

static int option_of(const struct proa_dgram *d, int option)
{
    int value = -1;
    socklen_t n = sizeof value;

    ck_ok(getsockopt(proa_dgram_fd(d), SOL_SOCKET, option, &value, &n));
    return value;
}

/* ---- options */

static int options_body(void *arg)
{
    PROA_AUTO(proa_dgram) *d = NULL;
    PROA_AUTO(proa_dgram) *plain = NULL;

    (void)arg;
    ck_ok(proa_udp_bind(&plain, "127.0.0.1", 0, NULL));
    ck_ok(proa_udp_bind(
        &d, "127.0.0.1", 0,
        PROA_DGRAM_OPTS(.broadcast = true, .receive_buffer = 20000, .send_buffer = 30000)));
    ck_assert_int_eq(option_of(d, SO_RCVBUF), 40000); /* the kernel doubles it: socket(7) */
    ck_assert_int_eq(option_of(d, SO_SNDBUF), 60000);
    ck_assert_int_eq(option_of(d, SO_BROADCAST), 1);
    ck_assert_int_eq(option_of(d, SO_REUSEPORT), 0);
    ck_assert_int_eq(option_of(plain, SO_BROADCAST), 0);
    ck_assert_int_ne(option_of(plain, SO_RCVBUF), 40000);
    ck_assert_int_ne(option_of(plain, SO_SNDBUF), 60000);
    ck_assert_int_eq(fcntl(proa_dgram_fd(d), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    return 0;
}
START_TEST(options_reach_the_socket)
{
    t_run(options_body, NULL);
}
END_TEST

static int share_body(void *arg)
{
    PROA_AUTO(proa_dgram) *a = NULL;
    PROA_AUTO(proa_dgram) *b = NULL;
    struct proa_dgram *c = NULL;
    struct proa_addr at;

    (void)arg;
    ck_ok(proa_udp_bind(&a, "127.0.0.1", 0, PROA_DGRAM_OPTS(.reuse_port = true)));
    at = local_of(a);
    ck_ok(proa_udp_bind(&b, "127.0.0.1", proa_addr_port(&at), PROA_DGRAM_OPTS(.reuse_port = true)));
    ck_err(proa_udp_bind(&c, "127.0.0.1", proa_addr_port(&at), NULL), PROA_EADDRINUSE);
    char words[80];
    snprintf(words, sizeof words, "datagrams at 127.0.0.1:%d: ", proa_addr_port(&at));
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_EADDRINUSE), words));
    ck_assert_ptr_null(c);
    return 0;
}
START_TEST(a_port_is_shared_by_those_who_ask_for_it)
{
    t_run(share_body, NULL);
}
END_TEST

/* ---- addresses */

static int empty_body(void *arg)
{
    PROA_AUTO(proa_dgram) *s = NULL;
    PROA_AUTO(proa_dgram) *c = NULL;
    struct proa_addr none = {0};
    struct proa_addr at, peer;

    (void)arg;
    ck_ok(proa_addr_ip(&at, "127.0.0.1", 0));
    ck_ok(proa_dgram_open(&s, PROA_DGRAM_OPTS(.local = &at, .remote = &none)));
    ck_err(proa_dgram_peer(s, &peer), PROA_ENOTCONN);
    at = local_of(s);
    ck_ok(proa_dgram_open(&c, PROA_DGRAM_OPTS(.local = &none, .remote = &at)));
    ck_ok(proa_dgram_peer(c, &peer));
    ck_assert(proa_addr_eq(&peer, &at));
    proa_dgram_free(c);
    c = NULL;
    ck_err(proa_dgram_open(&c, PROA_DGRAM_OPTS(.local = &none, .remote = &none)), PROA_EINVAL);
    return 0;
}
START_TEST(an_address_without_length_is_none)
{
    t_run(empty_body, NULL);
}
END_TEST

static bool is_at(struct proa_dgram *d, const char *ip)
{
    struct proa_addr at = local_of(d);
    char text[PROA_ADDR_TEXT];
    bool same = strcmp(proa_addr_format_ip(&at, text), ip) == 0;

    proa_dgram_free(d);
    return same;
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) == 0;

    if (fd >= 0)
        close(fd);
    return has;
}

static int wildcard_body(void *arg)
{
    struct proa_dgram *d;

    (void)arg;
    ck_ok(proa_udp_bind(&d, NULL, 0, NULL));
    ck_assert(is_at(d, "0.0.0.0"));
    ck_ok(proa_udp_bind(&d, "", 0, PROA_DGRAM_OPTS(.family = AF_INET)));
    ck_assert(is_at(d, "0.0.0.0"));
    if (has_ipv6()) {
        ck_ok(proa_udp_bind(&d, NULL, 0, PROA_DGRAM_OPTS(.family = AF_INET6)));
        ck_assert(is_at(d, "::"));
    }
    return 0;
}
START_TEST(no_host_is_all_addresses_of_a_family)
{
    t_run(wildcard_body, NULL);
}
END_TEST

/* ---- names */

static const char *const *list; /* what each name has, NULL-ended */

static int look_up(void *arg, struct proa_addrs *ret, const char *host)
{
    struct proa_addr addr;
    int rc = 0;

    (void)arg;
    (void)host;
    for (size_t i = 0; list[i] && rc == 0; i++) {
        rc = proa_addr_ip(&addr, list[i], 0);
        if (rc == 0)
            rc = proa_addrs_add(ret, &addr);
    }
    return rc;
}

typedef int open_fn(struct proa_dgram **ret, const char *host, int port,
                    const struct proa_dgram_opts *opts);

static int open_named(struct proa_dgram **ret, open_fn *open, int port, const char *const *ips)
{
    PROA_AUTO(proa_resolver) *resolver = NULL;

    list = ips;
    ck_ok(proa_resolver_new(&resolver, PROA_RESOLVER_OPTS(.fn = look_up)));
    return open(ret, "name.test", port, PROA_DGRAM_OPTS(.resolver = resolver));
}

/* 240.0.0.0/4 is nobody's, and a broadcast has to be asked for. */
static int names_body(void *arg)
{
    struct proa_dgram *d = NULL;
    struct proa_addr peer;
    char text[PROA_ADDR_TEXT];

    (void)arg;
    ck_ok(open_named(&d, proa_udp_bind, 0, (const char *[]){"127.0.0.2", "127.0.0.1", NULL}));
    ck_assert(is_at(d, "127.0.0.2"));
    ck_ok(open_named(&d, proa_udp_bind, 0, (const char *[]){"240.0.0.1", "127.0.0.1", NULL}));
    ck_assert(is_at(d, "127.0.0.1"));
    d = NULL;
    ck_err(open_named(&d, proa_udp_bind, 0, (const char *[]){"240.0.0.1", "240.0.0.2", NULL}),
           PROA_EADDRNOTAVAIL);
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_EADDRNOTAVAIL), "datagrams at 240.0.0.2:0"));
    ck_assert_ptr_null(d);
    ck_ok(open_named(&d, proa_udp_connect, 7,
                     (const char *[]){"255.255.255.255", "127.0.0.1", "127.0.0.2", NULL}));
    ck_ok(proa_dgram_peer(d, &peer));
    ck_assert_str_eq(proa_addr_format(&peer, text), "127.0.0.1:7");
    proa_dgram_free(d);
    d = NULL;
    ck_err(open_named(&d, proa_udp_connect, 7, (const char *[]){"255.255.255.255", NULL}),
           PROA_EACCES);
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_EACCES), "datagrams to 255.255.255.255:7: "));
    ck_assert_ptr_null(d);
    return 0;
}
START_TEST(the_first_address_of_a_name_that_can_be_had_is_taken)
{
    t_run(names_body, NULL);
}
END_TEST

/* ---- what a failure leaves */

struct place {
    char path[64];
    int ends[2];
};

static int file_body(void *arg)
{
    struct place *p = arg;
    struct proa_dgram *d = NULL;
    struct proa_addr at;

    ck_ok(proa_addr_unix(&at, p->path));
    int rc = proa_dgram_open(&d, PROA_DGRAM_OPTS(.local = &at));
    ck_assert(access(p->path, F_OK) == (rc == 0 ? 0 : -1));
    proa_dgram_free(d);
    ck_assert_int_ne(access(p->path, F_OK), 0);
    return rc;
}
START_TEST(no_file_is_left_for_want_of_memory)
{
    char dir[] = "/tmp/proa-dgram-XXXXXX";
    struct place p;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(p.path, sizeof p.path, "%s/s", dir);
    t_run_each_alloc(file_body, &p);
    ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

/* It is taken on success only: closed once, by the one who has it. */
static int adopt_body(void *arg)
{
    struct place *p = arg;
    struct proa_dgram *d = NULL;
    int fd = fcntl(p->ends[0], F_DUPFD_CLOEXEC, 0);

    int rc = proa_dgram_from_fd(&d, fd);
    if (rc < 0)
        ck_ok(close(fd));
    proa_dgram_free(d);
    return rc;
}
START_TEST(a_descriptor_is_the_callers_after_a_failure)
{
    struct place p;

    ck_ok(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, p.ends));
    t_run_each_alloc(adopt_body, &p);
    close(p.ends[0]);
    close(p.ends[1]);
}
END_TEST

int main(void)
{
    return t_main("datagram_open", (const TTest *const[]){
                                       options_reach_the_socket,
                                       a_port_is_shared_by_those_who_ask_for_it,
                                       an_address_without_length_is_none,
                                       no_host_is_all_addresses_of_a_family,
                                       the_first_address_of_a_name_that_can_be_had_is_taken,
                                       no_file_is_left_for_want_of_memory,
                                       a_descriptor_is_the_callers_after_a_failure,
                                       NULL,
                                   });
}
