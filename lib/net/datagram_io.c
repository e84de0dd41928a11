#include "base/check.h"
#include "base/fail.h"
#include "core/loop.h"
#include "core/view.h"
#include "core/wait.h"
#include "net/datagram.h"

#include <proa/err.h>

#include <errno.h>
#include <sys/socket.h>

/* One system call: what it moved, PROA_EAGAIN or another code. */
struct move {
    ssize_t (*try)(int fd, void *arg);
    void *arg;
    unsigned dir;
    const char *call; /* the public call's name */
    const char *doing;
};

static void wake_next(struct proa_dgram *d, struct lane *lane, unsigned dir)
{
    if (d->io.bits & dir && !lane->woken)
        lane->woken = proa__wait_wake(&lane->waiters, NULL, 0);
}

void proa__dgram_ready(void *arg, unsigned dirs)
{
    struct proa_dgram *d = arg;

    (void)dirs;
    wake_next(d, &d->in, IO_READ);
    wake_next(d, &d->out, IO_WRITE);
}

static ssize_t try_once(struct proa_dgram *d, const struct move *m)
{
    ssize_t rc;

    if (!(d->io.bits & m->dir))
        return PROA_EAGAIN;
    do
        rc = m->try(d->io.fd, m->arg);
    while (rc < 0 && errno == EINTR);
    if (rc >= 0)
        return rc;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        return -errno;
    io_clear(&d->io, m->dir);
    return PROA_EAGAIN;
}

/* The system gives no name to a UNIX socket that was bound to none. */
static void say_address(struct view *v, const char *before, const struct proa_addr *addr)
{
    char text[PROA_ADDR_TEXT];
    bool named = addr->u.sa.sa_family != AF_UNIX || addr->len > sizeof(sa_family_t);

    proa__view_say(v, "%s %s", before, named ? proa_addr_format(addr, text) : "unnamed");
}

void proa__dgram_describe(const void *dgram, struct view *v)
{
    const struct proa_dgram *d = dgram;
    struct proa_addr local = {.len = sizeof local.u};
    struct proa_addr peer = {.len = sizeof peer.u};

    proa__view_object(v, "datagram socket", d);
    getsockname(d->io.fd, &local.u.sa, &local.len);
    say_address(v, ",", &local);
    if (getpeername(d->io.fd, &peer.u.sa, &peer.len) == 0)
        say_address(v, " to", &peer);
    else if (d->connected)
        proa__view_say(v, " to a peer that is gone");
    proa__view_say(v, ", descriptor %d", d->io.fd);
    proa__view_list(v, &d->in.waiters, "receive");
    proa__view_list(v, &d->out.waiters, "send");
}

int proa_dgram_describe(const struct proa_dgram *d, char *buf, size_t n)
{
    PROA_CHECK_OBJ(d, DGRAM_MAGIC);
    proa__loop_check(d->loop, __func__);
    return proa__view_write(proa__dgram_describe, d, buf, n);
}

static const struct wait_kind receives = {.call = "proa_dgram_receive",
                                          .describe = proa__dgram_describe};
static const struct wait_kind sends = {.call = "proa_dgram_send", .describe = proa__dgram_describe};

/* A place in the lane until it is our turn: at its end, or at its head again when there was nothing
 * to be had. */
static int wait_turn(struct proa_dgram *d, struct lane *lane, bool again)
{
    struct wait w;

    proa__wait_link(again ? NULL : &lane->waiters, &w);
    if (again)
        list_push_front(&lane->waiters, &w.link);
    int rc = proa__wait_park(&w, 1, lane == &d->in ? &receives : &sends, d);
    if (rc >= 0)
        lane->woken = false;
    return rc;
}

static ssize_t move(struct proa_dgram *d, const struct move *m)
{
    ssize_t rc = proa__wait_enter(m->call);
    struct lane *lane;
    bool again = false;

    PROA_CHECK_OBJ(d, DGRAM_MAGIC);
    proa__loop_check(d->loop, m->call);
    if (rc < 0)
        return rc;
    lane = m->dir == IO_READ ? &d->in : &d->out;
    /* If none is woken and some wait, then the bit is clear, and to try is to wait as they do. */
    rc = lane->woken ? PROA_EAGAIN : try_once(d, m);
    for (; rc == PROA_EAGAIN; again = true) {
        rc = wait_turn(d, lane, again);
        if (rc < 0)
            return rc;
        rc = try_once(d, m);
    }
    wake_next(d, lane, m->dir);
    if (rc < 0)
        return proa__fail((int)rc, "%s: %s", m->doing, proa_err_text((int)rc));
    return rc;
}

/* ---- one datagram */

static ssize_t try_receive(int fd, void *arg)
{
    return recvmsg(fd, arg, MSG_TRUNC);
}

static ssize_t try_send(int fd, void *arg)
{
    return sendmsg(fd, arg, MSG_NOSIGNAL);
}

ssize_t proa_dgram_receive(struct proa_dgram *d, void *buf, size_t n, struct proa_addr *from)
{
    struct iovec iov = {buf, n};
    struct proa_addr addr = {0};
    struct msghdr msg = {
        .msg_name = &addr.u, .msg_namelen = sizeof addr.u, .msg_iov = &iov, .msg_iovlen = 1};
    const struct move m = {try_receive, &msg, IO_READ, __func__, "receiving a datagram"};
    ssize_t got = move(d, &m);

    if (got < 0)
        return got;
    addr.len = msg.msg_namelen;
    if (from)
        *from = addr;
    if ((size_t)got > n)
        return proa__fail(PROA_EMSGSIZE, "a datagram of %zd bytes, and room for %zu", got, n);
    return got;
}

/* A peer that is not asked for is not named: the system refuses a name even if it is the peer's. */
static struct msghdr message(struct iovec *iov, const struct proa_addr *to)
{
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 1};

    if (to && to->len) {
        msg.msg_name = (void *)(uintptr_t)&to->u;
        msg.msg_namelen = to->len;
    }
    return msg;
}

/* Linux lets a connected UDP socket send elsewhere; a mistake all the same. */
static int check_peer(const struct proa_dgram *d, const struct proa_addr *to)
{
    struct proa_addr peer;

    PROA_CHECK_OBJ(d, DGRAM_MAGIC);
    if (!d->connected || !to || !to->len || proa_dgram_peer(d, &peer) < 0 ||
        proa_addr_eq(&peer, to))
        return 0;
    return proa__fail(PROA_EISCONN, "the datagram socket is connected to another address");
}

int proa_dgram_send(struct proa_dgram *d, const void *bytes, size_t n, const struct proa_addr *to)
{
    struct iovec iov = {(void *)(uintptr_t)bytes, n};
    struct msghdr msg = message(&iov, to);
    const struct move m = {try_send, &msg, IO_WRITE, __func__, "sending a datagram"};
    int rc = check_peer(d, to);

    if (rc < 0)
        return rc;
    ssize_t sent = move(d, &m);
    return sent < 0 ? (int)sent : 0;
}

/* ---- many */

struct batch {
    struct mmsghdr msg[PROA_DGRAM_BATCH];
    struct iovec iov[PROA_DGRAM_BATCH];
    unsigned n;
};

static ssize_t try_receive_batch(int fd, void *arg)
{
    struct batch *b = arg;

    return recvmmsg(fd, b->msg, b->n, 0, NULL);
}

static ssize_t try_send_batch(int fd, void *arg)
{
    struct batch *b = arg;

    return sendmmsg(fd, b->msg, b->n, MSG_NOSIGNAL);
}

static unsigned batch_size(size_t count)
{
    return count < PROA_DGRAM_BATCH ? (unsigned)count : PROA_DGRAM_BATCH;
}

int proa_dgram_receive_batch(struct proa_dgram *d, struct proa_datagram *batch, size_t count)
{
    struct batch b = {.n = batch_size(count)};
    const struct move m = {try_receive_batch, &b, IO_READ, __func__, "receiving datagrams"};

    if (count == 0)
        return proa__fail(PROA_EINVAL, "a batch of no datagrams");
    for (unsigned i = 0; i < b.n; i++) {
        b.iov[i] = (struct iovec){batch[i].bytes, batch[i].n};
        b.msg[i].msg_hdr = (struct msghdr){.msg_name = &batch[i].addr.u,
                                           .msg_namelen = sizeof batch[i].addr.u,
                                           .msg_iov = &b.iov[i],
                                           .msg_iovlen = 1};
    }
    ssize_t got = move(d, &m);
    for (ssize_t i = 0; i < got; i++) {
        batch[i].n = b.msg[i].msg_len;
        batch[i].addr.len = b.msg[i].msg_hdr.msg_namelen;
        batch[i].cut = b.msg[i].msg_hdr.msg_flags & MSG_TRUNC;
    }
    return (int)got;
}

int proa_dgram_send_batch(struct proa_dgram *d, const struct proa_datagram *batch, size_t count)
{
    struct batch b = {.n = batch_size(count)};
    const struct move m = {try_send_batch, &b, IO_WRITE, __func__, "sending datagrams"};

    if (count == 0)
        return proa__fail(PROA_EINVAL, "a batch of no datagrams");
    for (unsigned i = 0; i < b.n; i++) {
        int rc = check_peer(d, &batch[i].addr);
        if (rc < 0 && i == 0)
            return rc;
        if (rc < 0) {
            b.n = i; /* those before it leave; the next call tells */
            break;
        }
        b.iov[i] = (struct iovec){batch[i].bytes, batch[i].n};
        b.msg[i].msg_hdr = message(&b.iov[i], &batch[i].addr);
    }
    return (int)move(d, &m);
}
