#include "base/fail.h"
#include "net/fd_stream.h"
#include "net/quiet.h"

#include <proa/err.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static struct fd_stream *of(struct proa_stream *s)
{
    return (struct fd_stream *)s;
}

static ssize_t pipe_try_read(struct proa_stream *s, void *buf, size_t n)
{
    struct fd_stream *f = of(s);
    ssize_t got;

    if (!(f->io.bits & IO_READ))
        return PROA_EAGAIN;
    do {
        proa__net_counts.reads++;
        got = read(f->io.fd, buf, n);
    } while (got < 0 && errno == EINTR);
    if (got >= 0)
        return got;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        io_clear(&f->io, IO_READ);
        return PROA_EAGAIN;
    }
    if (errno == EIO)
        return 0; /* a terminal whose other side is gone */
    return proa__fail(-errno, "reading from a pipe: %s", proa_err_text(-errno));
}

ssize_t proa__quiet_writev(int fd, const struct iovec *iov, int n)
{
    struct quiet quiet;
    ssize_t took;
    int error;

    proa__quiet_begin(&quiet);
    do {
        proa__net_counts.writes++;
        took = writev(fd, iov, n);
    } while (took < 0 && errno == EINTR);
    error = errno;
    proa__quiet_end(&quiet, took < 0 && error == EPIPE);
    return took < 0 ? -error : took;
}

static ssize_t pipe_try_writev(struct proa_stream *s, const struct iovec *iov, int n)
{
    struct fd_stream *f = of(s);
    ssize_t took;

    if (!(f->io.bits & IO_WRITE))
        return PROA_EAGAIN;
    took = proa__quiet_writev(f->io.fd, iov, n);
    if (took == -EAGAIN || took == -EWOULDBLOCK) {
        io_clear(&f->io, IO_WRITE);
        return PROA_EAGAIN;
    }
    return took >= 0 ? took
                     : proa__fail((int)took, "writing to a pipe: %s", proa_err_text((int)took));
}

/* A pipe's end is written by closing it. */
static int pipe_try_shutdown(struct proa_stream *s)
{
    struct fd_stream *f = of(s);
    int fd = f->io.fd;

    if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY)
        return proa__fail(PROA_EOPNOTSUPP, "a pipe or terminal that is read has no half close");
    proa__io_del(&f->io);
    f->io.fd = -1; /* the number may soon be somebody else's */
    close(fd);
    return 0;
}

static const struct stream_ops pipe_ops = {
    .kind = "pipe",
    .try_read = pipe_try_read,
    .try_writev = pipe_try_writev,
    .try_shutdown = pipe_try_shutdown,
    .close = proa__fd_stream_close,
    .want = proa__fd_stream_want,
    .bits = proa__fd_stream_bits,
    .try_sendfile = proa__fd_stream_sendfile,
    .fd = proa__fd_stream_fd,
};

int proa__pipe_stream(struct proa_stream **ret, int fd)
{
    return proa__fd_stream_new(ret, fd, &pipe_ops);
}

static int both_ends(struct proa_stream **ret_read, struct proa_stream **ret_write, int fd[2])
{
    struct proa_stream *r = NULL;
    int rc = proa__pipe_stream(&r, fd[0]);

    if (rc < 0)
        return rc;
    fd[0] = -1;
    rc = proa__pipe_stream(ret_write, fd[1]);
    if (rc < 0) {
        proa__stream_close(r);
        return rc;
    }
    *ret_read = r;
    return 0;
}

int proa_pipe(struct proa_stream **ret_read, struct proa_stream **ret_write)
{
    int fd[2];
    int rc;

    proa__loop_need(__func__);
    if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) < 0)
        return proa__fail(-errno, "a pipe: %s", proa_err_text(-errno));
    rc = both_ends(ret_read, ret_write, fd);
    if (rc < 0) {
        close(fd[1]);
        if (fd[0] >= 0)
            close(fd[0]);
    }
    return rc;
}
