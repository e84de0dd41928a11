#include "base/fail.h"
#include "core/wait.h"
#include "net/connect.h"
#include "net/fd_stream.h"

#include <proa/err.h>
#include <proa/task.h>
#include <proa/time.h>
#include <proa/unix.h>

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* Until a listener's full queue is tried again; the kernel tells nobody when there is room. */
#define RETRY (10 * PROA_MS)

static int set_out(const struct proa_addr *addr)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int rc;

    if (fd < 0)
        return -errno;
    if (connect(fd, &addr->u.sa, addr->len) == 0)
        return fd;
    rc = -errno;
    close(fd);
    return rc;
}

static int stream_of(struct proa_stream **ret, int fd)
{
    int rc = proa__sock_stream(ret, fd, AF_UNIX);

    if (rc < 0)
        close(fd);
    else
        proa__sock_expect_edge(*ret);
    return rc;
}

int proa__unix_connect(struct proa_stream **ret, const struct proa_addr *addr)
{
    char text[PROA_ADDR_TEXT];
    int fd;
    int rc = proa__wait_enter("proa_unix_connect");

    while (rc == 0) {
        fd = set_out(addr);
        if (fd >= 0)
            return stream_of(ret, fd);
        if (fd != PROA_EAGAIN)
            return proa__fail(fd, "connect %s: %s", proa_addr_format(addr, text),
                              proa_err_text(fd));
        rc = proa_sleep(RETRY);
    }
    return rc;
}

int proa_unix_connect(struct proa_stream **ret, const char *path)
{
    struct proa_addr addr;
    int rc = proa_addr_unix(&addr, path);

    return rc < 0 ? rc : proa__unix_connect(ret, &addr);
}

int proa_unix_pair(struct proa_stream **ret_a, struct proa_stream **ret_b)
{
    struct proa_stream *a = NULL;
    struct proa_stream *b = NULL;
    int fd[2];
    int rc;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) < 0)
        return proa__fail(-errno, "a pair of sockets: %s", proa_err_text(-errno));
    rc = stream_of(&a, fd[0]);
    if (rc < 0) {
        close(fd[1]);
        return rc;
    }
    rc = stream_of(&b, fd[1]);
    if (rc < 0) {
        proa__stream_close(a);
        return rc;
    }
    *ret_a = a;
    *ret_b = b;
    return 0;
}
