#include "support/t_peer.h"

#include "core/loop.h"
#include "core/wait.h"
#include "support/test.h"

#include <proa/task.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- turns */

struct turns {
    struct soon soon;
    struct list asleep;
    int left;
};

static void turn(void *arg)
{
    struct turns *t = arg;

    if (t->left-- > 0)
        proa__loop_soon(proa__loop_current(), &t->soon, turn, t);
    else
        proa__wait_wake(&t->asleep, NULL, 0);
}

void t_turns(int n)
{
    struct turns t = {.left = n};
    struct wait w;

    list_init(&t.asleep);
    proa__loop_soon(proa__loop_current(), &t.soon, turn, &t);
    proa__wait_link(&t.asleep, &w);
    proa__wait_park_firm(&w, 1, NULL, NULL);
}

/* ---- sockets */

static int new_socket(int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    if (family != AF_UNIX) /* or a second piece would wait until the first is acknowledged */
        ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)), 0);
    return fd;
}

int t_peer_connect(const struct proa_addr *addr)
{
    int fd = new_socket(addr->u.sa.sa_family);

    ck_assert_msg(connect(fd, &addr->u.sa, addr->len) == 0, "connect: %d", errno);
    return fd;
}

int t_peer_connect_port(int port)
{
    struct proa_addr addr;

    ck_ok(proa_addr_ip(&addr, "127.0.0.1", port));
    return t_peer_connect(&addr);
}

static int listen_on(struct proa_addr *addr, int backlog)
{
    int fd = new_socket(addr->u.sa.sa_family);

    ck_assert_msg(bind(fd, &addr->u.sa, addr->len) == 0, "bind: %d", errno);
    ck_assert_int_eq(listen(fd, backlog), 0);
    addr->len = sizeof addr->u;
    ck_assert_int_eq(getsockname(fd, &addr->u.sa, &addr->len), 0);
    return fd;
}

int t_peer_listen(int *ret_port)
{
    struct proa_addr addr;
    int fd;

    ck_ok(proa_addr_ip(&addr, "127.0.0.1", 0));
    fd = listen_on(&addr, 16);
    *ret_port = proa_addr_port(&addr);
    return fd;
}

int t_peer_accept(int fd)
{
    int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

    ck_assert_int_ge(peer, 0);
    return peer;
}

int t_peer_listen_full(struct proa_addr *addr, int ret_fill[2])
{
    int fd = listen_on(addr, 0);

    for (int i = 0; i < 2; i++) {
        ret_fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        ck_assert_int_ge(ret_fill[i], 0);
        connect(ret_fill[i], &addr->u.sa, addr->len);
    }
    return fd;
}

const char *t_peer_name(const char *word)
{
    static char name[64];

    snprintf(name, sizeof name, "@proa-%.40s-%d", word, (int)getpid());
    return name;
}

void t_peer_send(int fd, const void *bytes, size_t n)
{
    ck_assert_int_eq(send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT), (long)n);
}

void t_peer_say(int fd, const char *text)
{
    t_peer_send(fd, text, strlen(text));
}

void t_peer_send_pieces(int fd, const void *bytes, size_t n, size_t piece, int64_t delay)
{
    for (size_t done = 0; done < n; done += piece) {
        t_peer_send(fd, (const char *)bytes + done, n - done < piece ? n - done : piece);
        if (delay > 0)
            proa_sleep(delay);
        else
            t_turns(1);
    }
}

void t_peer_fin(int fd)
{
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
}

void t_peer_rst(int fd)
{
    const struct linger now = {.l_onoff = 1};

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    close(fd);
}

void t_peer_close(int fd)
{
    close(fd);
}

long t_peer_recv(int fd, void *buf, size_t n)
{
    ssize_t got = recv(fd, buf, n, MSG_DONTWAIT);

    return got < 0 ? -errno : got;
}

void t_peer_expect(int fd, const char *text)
{
    char buf[1024];
    size_t want = strlen(text);
    long got = t_peer_recv(fd, buf, sizeof buf);

    ck_assert_msg(got == (long)want && memcmp(buf, text, want) == 0,
                  "expected \"%s\", got %ld: %.*s", text, got, got > 0 ? (int)got : 0, buf);
}

size_t t_peer_drain(int fd)
{
    char buf[1024];
    size_t n = 0;
    long got;

    while ((got = t_peer_recv(fd, buf, sizeof buf)) > 0)
        n += (size_t)got;
    return n;
}

bool t_peer_at_end(int fd)
{
    char c;

    return t_peer_recv(fd, &c, 1) == 0;
}

bool t_peer_is_reset(int fd)
{
    char c;

    return t_peer_recv(fd, &c, 1) == -ECONNRESET;
}
