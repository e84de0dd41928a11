#include "base/fail.h"
#include "net/fd_stream.h"

#include <proa/addr.h>
#include <proa/err.h>

#include <errno.h>
#include <sys/socket.h>

/* Unread bytes taken off before a close. */
#define DRAIN ((size_t)64 << 10)

static struct fd_stream *of(struct proa_stream *s)
{
    return (struct fd_stream *)s;
}

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK;
}

static ssize_t failed(struct proa_stream *s, int rc, const char *doing)
{
    return proa__fail(rc, "%s %s: %s", doing, s->ops->kind, proa_err_text(rc));
}

static ssize_t sock_try_read(struct proa_stream *s, void *buf, size_t n)
{
    struct fd_stream *f = of(s);
    ssize_t got;

    if (!(f->io.bits & IO_READ))
        return PROA_EAGAIN;
    do {
        proa__net_counts.reads++;
        got = recv(f->io.fd, buf, n, 0);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && would_block()) {
        io_clear(&f->io, IO_READ);
        return PROA_EAGAIN;
    }
    if (got < 0)
        return failed(s, -errno, "reading from");
    if (got == 0 && s->write_rc && s->write_rc != PROA_EPIPE)
        return failed(s, s->write_rc,
                      "reading from"); /* a write was told of the reset: no orderly end */
    if (got > 0 && (size_t)got < n)
        s->own |= FD_SHORT_READ;
    else
        s->own &= (uint8_t)~FD_SHORT_READ;
    return got;
}

static void sock_read_done(struct proa_stream *s)
{
    struct fd_stream *f = of(s);

    if (s->own & FD_SHORT_READ && !(f->io.bits & IO_CLOSED))
        io_clear(&f->io, IO_READ);
    s->own &= (uint8_t)~FD_SHORT_READ;
}

static ssize_t sock_try_writev(struct proa_stream *s, const struct iovec *iov, int n)
{
    struct fd_stream *f = of(s);
    struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};
    ssize_t took;

    if (!(f->io.bits & IO_WRITE))
        return PROA_EAGAIN;
    do {
        proa__net_counts.writes++;
        took = sendmsg(f->io.fd, &msg, MSG_NOSIGNAL);
    } while (took < 0 && errno == EINTR);
    if (took < 0 && would_block()) {
        io_clear(&f->io, IO_WRITE);
        return PROA_EAGAIN;
    }
    if (took < 0)
        return failed(s, -errno, "writing to");
    sock_read_done(s);
    return took;
}

static int sock_try_shutdown(struct proa_stream *s)
{
    if (shutdown(of(s)->io.fd, SHUT_WR) == 0)
        return 0;
    /* The kernel calls a connection that was reset "not connected". */
    return (int)failed(s, errno == ENOTCONN ? PROA_ECONNRESET : -errno, "shutting down");
}

static void sock_close(struct proa_stream *s)
{
    proa__fd_stream_close(s);
}

static void tcp_close(struct proa_stream *s)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    if (s->flags & STREAM_RESET)
        setsockopt(of(s)->io.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    proa__fd_stream_close(s);
}

static int sock_address(struct proa_stream *s, bool peer, struct proa_addr *ret)
{
    struct proa_addr addr = {.len = sizeof addr.u};
    int fd = of(s)->io.fd;
    int rc = peer ? getpeername(fd, &addr.u.sa, &addr.len) : getsockname(fd, &addr.u.sa, &addr.len);

    if (rc < 0)
        return proa__fail(-errno, "address of a %s stream: %s", s->ops->kind,
                          proa_err_text(-errno));
    *ret = addr;
    return 0;
}

static const struct stream_ops tcp_ops = {
    .kind = "tcp",
    .try_read = sock_try_read,
    .try_writev = sock_try_writev,
    .try_shutdown = sock_try_shutdown,
    .close = tcp_close,
    .want = proa__fd_stream_want,
    .bits = proa__fd_stream_bits,
    .read_done = sock_read_done,
    .try_sendfile = proa__fd_stream_sendfile,
    .fd = proa__fd_stream_fd,
    .address = sock_address,
};

static const struct stream_ops unix_ops = {
    .kind = "unix",
    .try_read = sock_try_read,
    .try_writev = sock_try_writev,
    .try_shutdown = sock_try_shutdown,
    .close = sock_close,
    .want = proa__fd_stream_want,
    .bits = proa__fd_stream_bits,
    .read_done = sock_read_done,
    .try_sendfile = proa__fd_stream_sendfile,
    .fd = proa__fd_stream_fd,
    .address = sock_address,
};

int proa__sock_stream(struct proa_stream **ret, int fd, int family)
{
    return proa__fd_stream_new(ret, fd, family == AF_UNIX ? &unix_ops : &tcp_ops);
}

void proa__sock_expect_edge(struct proa_stream *s)
{
    io_clear(&of(s)->io, IO_READ);
}

void proa__sock_connecting(struct proa_stream *s)
{
    io_clear(&of(s)->io, IO_READ | IO_WRITE);
}

int proa__sock_connected(struct proa_stream *s)
{
    struct proa_addr peer;
    int error = 0;
    socklen_t n = sizeof error;

    if (getsockopt(of(s)->io.fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
        return -errno;
    if (error)
        return -error;
    /* No error and no peer: an edge that came too early. */
    return sock_address(s, true, &peer) == 0 ? 0 : PROA_EINPROGRESS;
}

void proa__sock_drain(int fd)
{
    char bytes[1024];

    for (size_t done = 0; done < DRAIN;) {
        ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got <= 0)
            return;
        done += (size_t)got;
    }
}
