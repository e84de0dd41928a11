#include "base/fail.h"
#include "core/io.h"
#include "core/loop.h"
#include "core/wait.h"
#include "net/fd_stream.h"

#include <proa/err.h>
#include <proa/fd.h>
#include <proa/fd_io.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

/* A call may go on only where it cannot block, and where nobody is before it. */
static int begin(int fd, unsigned dir, const char *call)
{
    int rc = proa__wait_enter(call);
    int flags;

    if (rc < 0)
        return rc;
    flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return proa__fail(-errno, "%s: descriptor %d: %s", call, fd, proa_err_text(-errno));
    if (!(flags & O_NONBLOCK))
        return proa__fail(PROA_EINVAL, "%s: descriptor %d would block; set O_NONBLOCK", call, fd);
    if (proa__io_busy(proa__loop_here, fd, dir))
        return proa__fail(PROA_EBUSY, "%s: descriptor %d: another task waits, or it is a stream's",
                          call, fd);
    return 0;
}

/* After what the system just said: 0: try again, having waited where that was why; or its code. */
static int again(int fd, unsigned dir, int error, const char *call)
{
    int rc;

    if (error == EINTR)
        return 0;
    if (error != EAGAIN)
        return proa__fail(-error, "%s: descriptor %d: %s", call, fd, proa_err_text(-error));
    rc = proa_wait_fd(fd, dir);
    return rc < 0 ? rc : 0;
}

ssize_t proa_fd_read(int fd, void *buf, size_t n)
{
    int rc = begin(fd, PROA_READABLE, __func__);

    while (rc == 0) {
        ssize_t got = read(fd, buf, n);
        if (got >= 0)
            return got;
        rc = again(fd, PROA_READABLE, errno, __func__);
    }
    return rc;
}

static int write_all(int fd, const char *bytes, size_t n, size_t *done, const char *call)
{
    int rc = begin(fd, PROA_WRITABLE, call);

    while (rc == 0 && *done < n) {
        struct iovec iov = {(void *)(uintptr_t)(bytes + *done), n - *done};
        ssize_t took = proa__quiet_writev(fd, &iov, 1);
        if (took < 0) {
            rc = again(fd, PROA_WRITABLE, (int)-took, call);
        } else {
            *done += (size_t)took;
            rc = *done < n ? proa__wait_enter(call) : 0;
        }
    }
    return rc;
}

int proa_fd_write(int fd, const void *buf, size_t n, size_t *ret_done)
{
    size_t done = 0;
    int rc = write_all(fd, buf, n, &done, __func__);

    if (ret_done)
        *ret_done = done;
    return rc;
}

int proa_fd_accept(int fd, struct proa_addr *ret_from)
{
    int rc = begin(fd, PROA_READABLE, __func__);

    while (rc == 0) {
        struct proa_addr from = {.len = sizeof from.u};
        int got = accept4(fd, &from.u.sa, &from.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (got >= 0) {
            if (ret_from)
                *ret_from = from;
            return got;
        }
        rc = again(fd, PROA_READABLE, errno == ECONNABORTED ? EINTR : errno, __func__);
    }
    return rc;
}

static int failed(int fd, const struct proa_addr *to, int error)
{
    char text[PROA_ADDR_TEXT];

    return proa__fail(-error, "connecting descriptor %d to %s: %s", fd, proa_addr_format(to, text),
                      proa_err_text(-error));
}

int proa_fd_connect(int fd, const struct proa_addr *to)
{
    int error = 0;
    socklen_t n = sizeof error;
    int rc = begin(fd, PROA_WRITABLE, __func__);

    if (rc < 0 || connect(fd, &to->u.sa, to->len) == 0)
        return rc;
    if (errno != EINPROGRESS && errno != EINTR)
        return failed(fd, to, errno);
    rc = proa_wait_fd(fd, PROA_WRITABLE);
    if (rc < 0)
        return rc;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
        error = errno;
    return error ? failed(fd, to, error) : 0;
}
