#include "net/connect.h"
#include "net/fd_stream.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/listener.h>
#include <proa/resolve.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/tcp.h>
#include <proa/time.h>

#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the order of trying */

struct order_case {
    const char *before; /* 4 and 6, one letter an address */
    const char *after;  /* indices */
};

static const struct order_case order_cases[] = {
    {"", ""},         {"6", "0"},           {"64", "01"},         {"46", "01"},
    {"6644", "0213"}, {"4466", "0213"},     {"66644", "03142"},   {"6444", "0123"},
    {"666", "012"},   {"646464", "012345"}, {"466664", "015234"},
};

START_TEST(families_take_turns_in_their_own_order)
{
    const struct order_case *c = &order_cases[_i];
    size_t n = strlen(c->before);
    struct proa_addr a[8 + 2];
    char got[9] = {0};
    char order[9] = {0};

    for (size_t i = 0; i < n; i++)
        ck_ok(proa_addr_ip(&a[i], c->before[i] == '4' ? "10.0.0.1" : "2001:db8::1", (int)i));
    /* Behind them are others, which are not looked at. */
    bool four = n && c->before[n - 1] == '4';
    ck_ok(proa_addr_ip(&a[n], four ? "10.0.0.1" : "2001:db8::1", 9));
    ck_ok(proa_addr_ip(&a[n + 1], four ? "2001:db8::1" : "10.0.0.1", 9));
    proa__connect_interleave(a, n);
    for (size_t i = 0; i < n; i++)
        got[i] = (char)('0' + proa_addr_port(&a[i]));
    snprintf(order, sizeof order, "%s", c->after);
    ck_assert_str_eq(got, order);
}
END_TEST

START_TEST(the_delay_has_bounds)
{
    ck_assert_int_eq(proa__connect_delay(0), 250 * PROA_MS);
    ck_assert_int_eq(proa__connect_delay(-1), 250 * PROA_MS);
    ck_assert_int_eq(proa__connect_delay(10 * PROA_MS - 1), 10 * PROA_MS);
    ck_assert_int_eq(proa__connect_delay(10 * PROA_MS + 1), 10 * PROA_MS + 1);
    ck_assert_int_eq(proa__connect_delay(2 * PROA_SEC), 2 * PROA_SEC);
    ck_assert_int_eq(proa__connect_delay(2 * PROA_SEC + 1), 2 * PROA_SEC);
}
END_TEST

/* ---- races on this machine: 127.0.0.2 never answers, 127.0.0.3 refuses, 127.0.0.1 listens */

static struct {
    int full, fill[2]; /* 127.0.0.2: a listener whose queue is full */
    struct proa_listener *good;
    int port;
    const char *list[9]; /* what the name "race.test" has, NULL-ended */
} net;

static int look_up(void *arg, struct proa_addrs *ret, const char *host)
{
    struct proa_addr addr;
    int rc = 0;

    (void)arg;
    (void)host;
    for (size_t i = 0; net.list[i] && rc == 0; i++) {
        rc = proa_addr_ip(&addr, net.list[i], 0);
        if (rc == 0)
            rc = proa_addrs_add(ret, &addr);
    }
    return rc;
}

static void open_net(void)
{
    struct proa_addr addr;

    ck_ok(proa_addr_ip(&addr, "127.0.0.2", 0));
    net.full = t_peer_listen_full(&addr, net.fill);
    net.port = proa_addr_port(&addr);
    ck_ok(proa_listen_tcp(&net.good, "127.0.0.1", net.port, NULL));
}

static void close_net(void)
{
    t_peer_close(net.full);
    t_peer_close(net.fill[0]);
    t_peer_close(net.fill[1]);
    proa_listener_free(net.good);
}

static int race(struct proa_stream **ret)
{
    PROA_AUTO(proa_resolver) *resolver = NULL;
    int rc = proa_resolver_new(&resolver, PROA_RESOLVER_OPTS(.fn = look_up));

    if (rc < 0)
        return rc;
    return proa_tcp_connect(ret, "race.test", net.port,
                            PROA_TCP_OPTS(.resolver = resolver, .attempt_delay = 10 * PROA_MS));
}

static int open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void wins(const char *ip)
{
    struct proa_stream *s;
    struct proa_addr addr;
    char text[PROA_ADDR_TEXT];
    int before = open_descriptors();

    ck_ok(race(&s));
    ck_ok(proa_stream_peer(s, &addr));
    ck_assert_str_eq(proa_addr_format_ip(&addr, text), ip);
    ck_assert_int_eq(open_descriptors(), before + 1); /* the others are closed */
    proa_stream_free(s);
}

static int silent_body(void *arg)
{
    int64_t began;

    (void)arg;
    open_net();
    net.list[0] = "127.0.0.2";
    net.list[1] = "127.0.0.1";
    net.list[2] = NULL;
    began = proa_now();
    wins("127.0.0.1");
    ck_assert_int_ge(proa_now() - began, 10 * PROA_MS); /* the second only after the delay */
    close_net();
    return 0;
}
START_TEST(an_address_that_is_silent_is_overtaken)
{
    t_run(silent_body, NULL);
}
END_TEST

static int refused_body(void *arg)
{
    (void)arg;
    open_net();
    net.list[0] = "127.0.0.3";
    net.list[1] = "127.0.0.3";
    net.list[2] = "127.0.0.1";
    net.list[3] = NULL;
    wins("127.0.0.1");
    close_net();
    return 0;
}
START_TEST(an_address_that_refuses_is_passed_at_once)
{
    t_run(refused_body, NULL);
}
END_TEST

static int all_fail_body(void *arg)
{
    struct proa_stream *s;
    char want[200];

    (void)arg;
    open_net();
    net.list[0] = "127.0.0.3";
    net.list[1] = "255.255.255.255";
    net.list[2] = NULL;
    ck_err(race(&s), PROA_ENETUNREACH); /* the last one's */
    snprintf(want, sizeof want,
             "connect race.test port %d: 127.0.0.3:%d: connection refused; "
             "255.255.255.255:%d: network unreachable",
             net.port, net.port, net.port);
    ck_assert_str_eq(proa_err_detail(PROA_ENETUNREACH), want);
    net.list[1] = NULL;
    ck_err(race(&s), PROA_ECONNREFUSED);
    snprintf(want, sizeof want, "connect 127.0.0.3:%d: connection refused", net.port);
    ck_assert_str_eq(proa_err_detail(PROA_ECONNREFUSED), want);
    net.list[0] = NULL;
    ck_err(race(&s), PROA_ENOHOST);
    close_net();
    return 0;
}
START_TEST(a_failure_lists_each_attempt)
{
    t_run(all_fail_body, NULL);
}
END_TEST

/* As many words as a failure can have, and no more. */
static int long_failure_body(void *arg)
{
    char want[800];
    size_t n = 0;

    (void)arg;
    open_net();
    n += (size_t)snprintf(want, sizeof want, "connect race.test port %d: ", net.port);
    for (int i = 0; i < 8; i++) {
        net.list[i] = "127.0.0.3";
        n += (size_t)snprintf(want + n, sizeof want - n, "%s127.0.0.3:%d: connection refused",
                              i ? "; " : "", net.port);
    }
    net.list[8] = NULL;
    ck_err(race(&(struct proa_stream *){NULL}), PROA_ECONNREFUSED);
    n = strlen(proa_err_detail(PROA_ECONNREFUSED));
    ck_assert_uint_ge(n, 190);
    ck_assert_int_eq(strncmp(proa_err_detail(PROA_ECONNREFUSED), want, n), 0);
    close_net();
    return 0;
}
START_TEST(a_long_list_of_failures_is_cut)
{
    t_run(long_failure_body, NULL);
}
END_TEST

/* None is left; and the one that is the standard input's otherwise. */
static int descriptors_body(void *arg)
{
    struct proa_stream *s;
    struct rlimit old, few;
    int input = dup(STDIN_FILENO);

    (void)arg;
    open_net();
    ck_assert_int_ge(input, 0);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    ck_err(proa_tcp_connect(&s, "127.0.0.1", net.port, NULL), PROA_EMFILE);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);

    close(STDIN_FILENO);
    ck_ok(proa_tcp_connect(&s, "127.0.0.1", net.port, NULL));
    ck_assert_int_eq(proa_stream_fd(s), STDIN_FILENO);
    proa_abort(s);
    ck_assert_int_eq(dup2(input, STDIN_FILENO), STDIN_FILENO);
    close(input);
    close_net();
    return 0;
}
START_TEST(a_connection_needs_a_descriptor_whichever)
{
    if (!getenv("PROA_TEST_VALGRIND"))
        t_run(descriptors_body, NULL);
}
END_TEST

static int fresh_body(void *arg)
{
    struct proa_stream *s;
    uint64_t before = proa__net_counts.reads;
    char byte;

    (void)arg;
    open_net();
    ck_ok(proa_tcp_connect(&s, "127.0.0.1", net.port, NULL));
    ck_err(proa__stream_try_read(s, &byte, 1), PROA_EAGAIN);
    ck_assert_uint_eq(proa__net_counts.reads, before);
    proa_abort(s);
    close_net();
    return 0;
}
START_TEST(a_fresh_connection_is_not_read_before_something_comes)
{
    t_run(fresh_body, NULL);
}
END_TEST

static int cancel_body(void *arg)
{
    struct proa_stream *s = NULL;
    int before;
    int rc;

    (void)arg;
    open_net();
    net.list[0] = "127.0.0.2";
    net.list[1] = "127.0.0.2";
    net.list[2] = "127.0.0.2";
    net.list[3] = NULL;
    before = open_descriptors();
    {
        PROA_TIMEOUT(t, 25 * PROA_MS); /* two or three attempts are under way */
        rc = proa_timeout_result(&t, race(&s));
    }
    ck_assert_int_eq(rc, PROA_ETIMEDOUT);
    ck_assert_ptr_null(s);
    ck_assert_int_eq(open_descriptors(), before);
    close_net();
    return 0;
}
START_TEST(a_timeout_ends_all_attempts)
{
    t_run(cancel_body, NULL);
}
END_TEST

static int option(struct proa_stream *s, int level, int name)
{
    int on = -1;
    socklen_t n = sizeof on;

    ck_assert_int_eq(getsockopt(proa_stream_fd(s), level, name, &on, &n), 0);
    return on;
}

static bool has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int local_body(void *arg)
{
    struct proa_stream *s;
    struct proa_addr addr;
    int port = 0;

    (void)arg;
    open_net();
    int rc = PROA_EADDRINUSE;
    for (int i = 0; i < 50 && rc == PROA_EADDRINUSE; i++) { /* another program may be quicker */
        ck_ok(proa_tcp_connect(&s, "127.0.0.1", net.port, PROA_TCP_OPTS(.local_ip = "127.0.0.7")));
        ck_ok(proa_stream_local(s, &addr));
        port = proa_addr_port(&addr);
        ck_assert_int_eq(option(s, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT), 1);
        proa_abort(s);
        rc = proa_tcp_connect(&s, "127.0.0.1", net.port, PROA_TCP_OPTS(.local_port = port));
    }
    ck_ok(rc);
    ck_ok(proa_stream_local(s, &addr));
    ck_assert_int_eq(proa_addr_port(&addr), port);
    ck_assert_int_eq(option(s, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT), 0);
    ck_assert_int_eq(option(s, SOL_SOCKET, SO_REUSEADDR), 1); /* again soon after */
    proa_abort(s);
    if (has_ipv6()) /* nobody listens there */
        ck_assert_int_ne(proa_tcp_connect(&s, "::1", net.port, PROA_TCP_OPTS(.local_port = port)),
                         PROA_EAFNOSUPPORT);
    ck_err(proa_tcp_connect(&s, "127.0.0.1", net.port, PROA_TCP_OPTS(.local_ip = "192.0.2.1")),
           PROA_EADDRNOTAVAIL);
    ck_err(proa_tcp_connect(&s, "127.0.0.1", net.port, PROA_TCP_OPTS(.local_ip = "::1")),
           PROA_EAFNOSUPPORT);
    ck_err(proa_tcp_connect(&s, "127.0.0.1", net.port, PROA_TCP_OPTS(.local_ip = "here")),
           PROA_EADDRESS);
    close_net();
    return 0;
}
START_TEST(the_near_end_can_be_chosen)
{
    t_run(local_body, NULL);
}
END_TEST

static int arguments_body(void *arg)
{
    struct proa_stream *s;
    struct proa_addr none = {0};

    (void)arg;
    ck_err(proa_tcp_connect(&s, "127.0.0.1", 65536, NULL), PROA_EINVAL);
    ck_err(proa_tcp_connect(&s, "127.0.0.1", -1, NULL), PROA_EINVAL);
    ck_err(proa_tcp_connect(&s, "", 80, NULL), PROA_EINVAL);
    ck_err(proa_tcp_connect(&s, "127.0.0.1", 80, PROA_TCP_OPTS(.family = AF_UNIX)), PROA_EINVAL);
    ck_err(proa_tcp_connect(&s, "127.0.0.1", 80, PROA_TCP_OPTS(.family = AF_INET6)), PROA_ENOHOST);
    ck_err(proa_tcp_connect(&s, "127.0.0.1", 80, PROA_TCP_OPTS(.local_port = 65536)), PROA_EINVAL);
    ck_err(proa_addr_connect(&s, &none, NULL), PROA_EINVAL);
    return 0;
}
START_TEST(bad_arguments_are_told)
{
    t_run(arguments_body, NULL);
}
END_TEST

/* Whatever this machine's /etc/hosts says, if it has one. */
static int localhost_body(void *arg)
{
    struct proa_listener *l;
    struct proa_stream *s;

    (void)arg;
    ck_ok(proa_listen_tcp(&l, "localhost", 0, NULL));
    ck_ok(proa_tcp_connect(&s, "localhost", proa_listener_port(l), NULL));
    proa_stream_free(s);
    proa_listener_free(l);
    return 0;
}
START_TEST(localhost_is_found)
{
    t_run(localhost_body, NULL);
}
END_TEST

static int round_body(void *arg)
{
    struct proa_stream *s = NULL;
    int rc;

    (void)arg;
    rc = race(&s);
    proa_stream_free(s);
    return rc;
}

static int whole_body(void *arg)
{
    struct proa_addr addr;
    int rc;

    (void)arg;
    ck_ok(proa_addr_ip(&addr, "127.0.0.2", 0));
    net.full = t_peer_listen_full(&addr, net.fill);
    net.port = proa_addr_port(&addr);
    rc = proa_listen_tcp(&net.good, "127.0.0.1", net.port, NULL);
    if (rc == 0)
        rc = round_body(NULL);
    t_peer_close(net.full);
    t_peer_close(net.fill[0]);
    t_peer_close(net.fill[1]);
    proa_listener_free(net.good);
    net.good = NULL;
    t_turns(2); /* a look-up without an asker comes to its end */
    return rc;
}
START_TEST(connecting_survives_cancels_and_lack_of_memory)
{
    net.list[0] = "127.0.0.3";
    net.list[1] = "127.0.0.2";
    net.list[2] = "127.0.0.1";
    t_each_park(whole_body, NULL);
    net.list[1] = "127.0.0.3"; /* not the silent one: it would be all that is left */
    t_run_each_alloc(whole_body, NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_delay_has_bounds,
        an_address_that_is_silent_is_overtaken,
        an_address_that_refuses_is_passed_at_once,
        a_failure_lists_each_attempt,
        a_long_list_of_failures_is_cut,
        a_connection_needs_a_descriptor_whichever,
        a_fresh_connection_is_not_read_before_something_comes,
        a_timeout_ends_all_attempts,
        the_near_end_can_be_chosen,
        bad_arguments_are_told,
        localhost_is_found,
        connecting_survives_cancels_and_lack_of_memory,
        NULL,
    };
    const struct t_table tables[] = {
        {families_take_turns_in_their_own_order, sizeof order_cases / sizeof order_cases[0]},
        {NULL, 0},
    };

    return t_main_tables("connect", tests, tables);
}
