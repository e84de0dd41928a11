#include "net/fd_stream.h"

#include "base/fail.h"
#include "base/mem.h"
#include "core/debug.h"

#include <proa/err.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

_Thread_local struct net_counts proa__net_counts;

static struct fd_stream *of(struct proa_stream *s)
{
    return (struct fd_stream *)s;
}

static void on_io(void *arg, unsigned dirs)
{
    struct fd_stream *f = arg;

    if (dirs & IO_READ)
        f->s.own &= (uint8_t)~FD_SHORT_READ; /* more has come than that read saw */
    proa__stream_ready(&f->s, dirs);
}

static void tell(void *arg)
{
    struct fd_stream *f = arg;

    proa__stream_ready(&f->s, f->io.bits & proa__stream_wanted(&f->s));
}

int proa__fd_stream_new(struct proa_stream **ret, int fd, const struct stream_ops *ops)
{
    struct fd_stream *f = proa__zalloc(sizeof *f);
    int rc;

    if (!f)
        return proa__fail(PROA_ENOMEM, "no memory for a %s stream", ops->kind);
    proa__stream_init(&f->s, ops);
    rc = proa__io_add(f->s.loop, &f->io, fd, on_io, f);
    /* /dev/null and the like never wait, so there is nothing to watch; the io has its bits. */
    if (rc < 0 && rc != PROA_EPERM) {
        proa__free(f);
        return proa__fail(rc, "%s stream: watching descriptor %d: %s", ops->kind, fd,
                          proa_err_text(rc));
    }
    debug_opened(proa__stream_describe, &f->s);
    *ret = &f->s;
    return 0;
}

void proa__fd_stream_close(struct proa_stream *s)
{
    struct fd_stream *f = of(s);
    int fd = f->io.fd;

    proa__loop_soon_cancel(&f->soon);
    proa__io_del(&f->io);
    close(fd);
    proa__free(f);
}

void proa__fd_stream_want(struct proa_stream *s, unsigned dirs, unsigned fresh)
{
    struct fd_stream *f = of(s);

    (void)dirs; /* edges of all directions come anyway */
    if (f->io.bits & fresh)
        proa__loop_soon(s->loop, &f->soon, tell, f);
}

unsigned proa__fd_stream_bits(struct proa_stream *s)
{
    return of(s)->io.bits;
}

int proa__fd_stream_fd(struct proa_stream *s)
{
    return of(s)->io.fd;
}

/* ---- whatever descriptor a program brings ---- */

static int socket_stream(struct proa_stream **ret, int fd)
{
    int type = 0, listens = 0, family = 0;
    socklen_t n = sizeof(int);

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &n) < 0)
        return proa__fail(-errno, "descriptor %d: %s", fd, proa_err_text(-errno));
    if (type != SOCK_STREAM || listens)
        return proa__fail(PROA_EINVAL, "descriptor %d is no connected stream socket", fd);
    return proa__sock_stream(ret, fd, family);
}

/* The other side of a terminal looks like one, and opening that again makes another terminal. */
static bool is_terminal(int fd)
{
    unsigned number;

    return isatty(fd) && ioctl(fd, TIOCGPTN, &number) < 0;
}

/* O_NONBLOCK is of what was opened, and so of all who share that: give `fd` one of its own. */
static bool open_anew(int fd, int flags)
{
    int kept = fcntl(fd, F_GETFD);
    char path[40];
    int own;
    bool done;

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    own = open(path, (flags & (O_ACCMODE | O_DIRECT)) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own < 0)
        return false;
    done = dup3(own, fd, kept & FD_CLOEXEC ? O_CLOEXEC : 0) == fd;
    close(own);
    return done;
}

static int stop_blocking(int fd, mode_t mode)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags & O_NONBLOCK)
        return 0;
    if ((S_ISFIFO(mode) || is_terminal(fd)) && open_anew(fd, flags))
        return 0;
    return fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

int proa_stream_from_fd(struct proa_stream **ret, int fd)
{
    struct stat st;
    int rc;

    proa__loop_need("proa_stream_from_fd");
    if (fstat(fd, &st) < 0)
        return proa__fail(-errno, "descriptor %d: %s", fd, proa_err_text(-errno));
    if (!S_ISSOCK(st.st_mode) && !S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
        return proa__fail(PROA_EPERM, "descriptor %d is a %s, which is no stream", fd,
                          S_ISREG(st.st_mode)   ? "file"
                          : S_ISDIR(st.st_mode) ? "directory"
                                                : "device");
    if (proa__io_busy(proa__loop_here, fd, IO_READ | IO_WRITE))
        return proa__fail(PROA_EBUSY, "descriptor %d is a stream's, or a task waits for it", fd);
    rc = stop_blocking(fd, st.st_mode);
    if (rc < 0)
        return proa__fail(rc, "descriptor %d: %s", fd, proa_err_text(rc));
    return S_ISSOCK(st.st_mode) ? socket_stream(ret, fd) : proa__pipe_stream(ret, fd);
}
