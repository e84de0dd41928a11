#include "net/fd_stream.h"
#include "net/listener.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/listener.h>
#include <proa/tcp.h>
#include <proa/unix.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct proa_listener *listener;

static int open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static size_t count(void)
{
    return proa__listener_count(listener);
}

static void address_is(size_t i, const char *ip)
{
    struct proa_addr addr;
    char text[PROA_ADDR_TEXT];

    ck_ok(proa_listener_address(listener, i, &addr));
    ck_assert_str_eq(proa_addr_format_ip(&addr, text), ip);
    ck_assert_int_eq(proa_addr_port(&addr), proa_listener_port(listener));
}

/* ---- TCP */

static int duplicates_body(void *arg)
{
    (void)arg;
    ck_ok(proa_listen_tcp(&listener, "127.0.0.1,127.0.0.2,127.0.0.1,127.0.0.2", 0, NULL));
    ck_assert_uint_eq(count(), 2);
    address_is(0, "127.0.0.1");
    address_is(1, "127.0.0.2");
    proa_listener_free(listener);
    ck_ok(proa_listen_tcp(&listener, "127.0.0.1,localhost", 0, NULL)); /* a name of the same */
    address_is(0, "127.0.0.1");
    ck_assert_uint_le(count(), 2); /* ::1 where there is IPv6 */
    proa_listener_free(listener);
    ck_ok(proa_listen_tcp(&listener, "", 0, NULL));
    address_is(0, "0.0.0.0");
    proa_listener_free(listener);
    ck_err(proa_listen_tcp(&listener, "127.0.0.1,", 0, NULL), PROA_EINVAL);
    ck_err(proa_listen_tcp(&listener, ",127.0.0.1", 0, NULL), PROA_EINVAL);
    return 0;
}
START_TEST(aio_srv_08_an_address_that_comes_twice_is_bound_once)
{
    t_run(duplicates_body, NULL);
}
END_TEST

/* A name without a comma may be as long as names are, and no longer. */
static int long_body(void *arg)
{
    char host[400];

    (void)arg;
    memset(host, 'a', sizeof host);
    memcpy(host + 255 - 11, ".localhost,", 11); /* 254 bytes, and a comma */
    memcpy(host + 255, "127.0.0.1", 10);
    ck_ok(proa_listen_tcp(&listener, host, 0, NULL));
    proa_listener_free(listener);
    memset(host, 'a', sizeof host);
    memcpy(host + 256 - 11, ".localhost,", 11);
    memcpy(host + 256, "127.0.0.1", 10);
    ck_err(proa_listen_tcp(&listener, host, 0, NULL), PROA_EINVAL);
    return 0;
}
START_TEST(a_host_in_a_list_has_at_most_254_bytes)
{
    t_run(long_body, NULL);
}
END_TEST

static int unavailable_body(void *arg)
{
    struct proa_listener *other;
    int before;
    int port;

    (void)arg;
    ck_ok(proa_listen_tcp(&listener, "192.0.2.1,127.0.0.1", 0, NULL));
    ck_assert_uint_eq(count(), 1);
    address_is(0, "127.0.0.1");
    proa_listener_free(listener);

    before = open_descriptors();
    ck_err(proa_listen_tcp(&listener, "192.0.2.1,198.51.100.1", 0, NULL), PROA_EADDRNOTAVAIL);
    ck_assert_int_eq(open_descriptors(), before);

    ck_ok(proa_listen_tcp(&other, "127.0.0.2", 0, NULL));
    port = proa_listener_port(other);
    before = open_descriptors();
    ck_err(proa_listen_tcp(&listener, "127.0.0.3,127.0.0.2", port, NULL), PROA_EADDRINUSE);
    ck_assert_int_eq(open_descriptors(), before); /* the first one's is closed */
    proa_listener_free(other);
    return 0;
}
START_TEST(aio_srv_09_an_address_this_machine_lacks_is_passed_over)
{
    t_run(unavailable_body, NULL);
}
END_TEST

static int families_body(void *arg)
{
    struct proa_addr addr;
    int on = 0;
    socklen_t n = sizeof on;
    struct proa_stream *s;
    int peer;

    (void)arg;
    ck_ok(proa_listen_tcp(&listener, "0.0.0.0,::", 0, NULL));
    address_is(0, "0.0.0.0");
    if (count() == 2) { /* this machine speaks IPv6 */
        address_is(1, "::");
        ck_ok(proa_listener_address(listener, 1, &addr));
        ck_ok(proa_addr_ip(&addr, "::1", proa_addr_port(&addr)));
        peer = t_peer_connect(&addr);
        ck_ok(proa_accept(listener, &s));
        ck_assert_int_eq(getsockopt(proa_stream_fd(s), IPPROTO_IPV6, IPV6_V6ONLY, &on, &n), 0);
        ck_assert_int_eq(on, 1);
        proa_stream_free(s);
        t_peer_close(peer);
    }
    proa_listener_free(listener);
    return 0;
}
START_TEST(aio_srv_10_both_families_share_one_free_port)
{
    t_run(families_body, NULL);
}
END_TEST

static int in_use_body(void *arg)
{
    struct proa_listener *second;
    char want[100];

    (void)arg;
    ck_ok(proa_listen_tcp(&listener, "127.0.0.1", 0, NULL));
    ck_err(proa_listen_tcp(&second, "127.0.0.1", proa_listener_port(listener), NULL),
           PROA_EADDRINUSE);
    snprintf(want, sizeof want, "listen on 127.0.0.1:%d: address already in use",
             proa_listener_port(listener));
    ck_assert_str_eq(proa_err_detail(PROA_EADDRINUSE), want);
    ck_assert_int_eq(PROA_EADDRINUSE, -EADDRINUSE);
    proa_listener_free(listener);
    return 0;
}
START_TEST(aio_srv_11_an_address_in_use_is_named)
{
    t_run(in_use_body, NULL);
}
END_TEST

/* One edge, one turn: all of a burst, as far as a batch goes. */
static int got;

static void on_conn(void *arg, struct proa_stream *s, const struct proa_addr *peer)
{
    (void)arg;
    (void)peer;
    got++;
    proa_stream_free(s);
}

static int burst_body(void *arg)
{
    int peer[64];

    (void)arg;
    got = 0;
    ck_ok(proa_listen_tcp(&listener, "127.0.0.1", 0, NULL));
    for (int i = 0; i < 64; i++)
        peer[i] = t_peer_connect_port(proa_listener_port(listener));
    ck_ok(proa__listener_on_accept(listener, on_conn, NULL));
    for (int i = 0; i < 5 && got == 0; i++)
        t_turns(1);
    ck_assert_int_eq(got, 64);
    for (int i = 0; i < 64; i++)
        t_peer_close(peer[i]);
    proa_listener_free(listener);
    return 0;
}
START_TEST(aio_srv_12_one_wake_accepts_many)
{
    t_run(burst_body, NULL);
}
END_TEST

/* ---- the files of UNIX sockets */

static char dir[64];
static char path[100];

static void enter_dir(void)
{
    snprintf(dir, sizeof dir, "/tmp/proa-listen-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/sock", dir);
}

static bool there(void)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static void make_file(void)
{
    FILE *f = fopen(path, "w");

    ck_assert_ptr_nonnull(f);
    fclose(f);
}

static void leave_stale(void)
{
    struct proa_addr addr;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    ck_ok(proa_addr_unix(&addr, path));
    ck_assert_int_eq(bind(fd, &addr.u.sa, addr.len), 0);
    close(fd);
}

static int file_body(void *arg)
{
    (void)arg;
    enter_dir();
    leave_stale();
    ck_ok(proa_listen_unix(&listener, path, NULL)); /* a stale socket is replaced */
    proa_listener_free(listener);
    ck_assert(!there());

    make_file();
    ck_err(proa_listen_unix(&listener, path, NULL), PROA_EADDRINUSE);
    ck_assert(there());
    ck_assert_int_eq(unlink(path), 0);

    ck_ok(proa_listen_unix(&listener, path, NULL));
    ck_assert_int_eq(unlink(path), 0);
    make_file(); /* somebody else's by now */
    proa_listener_free(listener);
    ck_assert(there());
    ck_assert_int_eq(unlink(path), 0);

    ck_ok(proa_listen_unix(&listener, path, PROA_LISTEN_OPTS(.keep_file = true)));
    proa_listener_free(listener);
    ck_assert(there());
    ck_assert_int_eq(unlink(path), 0);

    ck_ok(proa_listen_unix(&listener, path, NULL));
    ck_assert_int_eq(unlink(path), 0);
    proa_listener_free(listener); /* gone already */
    ck_assert_int_eq(rmdir(dir), 0);
    return 0;
}
START_TEST(aio_srv_16_only_a_file_of_ours_is_removed)
{
    t_run(file_body, NULL);
}
END_TEST

/* A file whose name is that of the abstract socket stays where it is. */
static int abstract_body(void *arg)
{
    char name[20];

    (void)arg;
    enter_dir();
    ck_assert_int_eq(chdir(dir), 0);
    snprintf(name, sizeof name, "%.15s", t_peer_name("a") + 1);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    make_file();
    snprintf(path, sizeof path, "@%s", name);
    ck_ok(proa_listen_unix(&listener, path, NULL));
    proa_listener_free(listener);
    ck_ok(proa_listen_unix(&listener, path, NULL)); /* and the name is free again at once */
    proa_listener_free(listener);
    ck_assert_int_eq(unlink(name), 0);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(rmdir(dir), 0);
    return 0;
}
START_TEST(aio_srv_17_abstract_names_have_no_file)
{
    t_run(abstract_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("aio_listen", (const TTest *const[]){
                                    aio_srv_08_an_address_that_comes_twice_is_bound_once,
                                    a_host_in_a_list_has_at_most_254_bytes,
                                    aio_srv_09_an_address_this_machine_lacks_is_passed_over,
                                    aio_srv_10_both_families_share_one_free_port,
                                    aio_srv_11_an_address_in_use_is_named,
                                    aio_srv_12_one_wake_accepts_many,
                                    aio_srv_16_only_a_file_of_ours_is_removed,
                                    aio_srv_17_abstract_names_have_no_file,
                                    NULL,
                                });
}
