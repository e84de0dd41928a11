#include "core/arm.h"
#include "core/io.h"
#include "core/loop.h"

#include <proa/err.h>
#include <proa/fd.h>

#include <errno.h>
#include <poll.h>

_Static_assert((int)PROA_READABLE == (int)IO_READ && (int)PROA_WRITABLE == (int)IO_WRITE,
               "directions have one numbering");

/* The descriptor is the arm's fd, the directions its n. */
struct fd_arm {
    struct arm arm;
    struct wait *wait;
    struct list link; /* among `waits`; zeroed before it first is, and alone after */
    struct io io;
};
ARM_FITS(struct fd_arm);

/* All that wait on this thread's loop. */
static _Thread_local struct list waits;

static struct fd_arm *fd_of(struct arm *arm)
{
    return (struct fd_arm *)arm;
}

static int check(const struct arm *arm)
{
    if (arm->fd < 0)
        return PROA_EBADF;
    if (!arm->n || arm->n & ~(uint64_t)(IO_READ | IO_WRITE))
        return PROA_EINVAL;
    if (proa__io_busy(proa__loop_here, arm->fd, (unsigned)arm->n))
        return PROA_EBUSY;
    return 0;
}

/* What the system says of the descriptor now: directions, 0, or a code. */
static int ask(const struct arm *arm)
{
    struct pollfd p = {
        .fd = arm->fd,
        .events = (short)((arm->n & IO_READ ? POLLIN : 0) | (arm->n & IO_WRITE ? POLLOUT : 0)),
    };

    if (poll(&p, 1, 0) < 0)
        return errno == EINTR ? 0 : -errno;
    if (p.revents & POLLNVAL)
        return PROA_EBADF;
    if (p.revents & (POLLERR | POLLHUP))
        return (int)arm->n;
    return (p.revents & POLLIN ? IO_READ : 0) | (p.revents & POLLOUT ? IO_WRITE : 0);
}

static bool try_fd(struct arm *arm)
{
    arm->rc = check(arm);
    if (arm->rc == 0)
        arm->rc = ask(arm);
    return arm->rc != 0;
}

static void on_ready(void *arg, unsigned dirs)
{
    struct fd_arm *f = arg;

    proa__wait_wake_one(f->wait, NULL, (int)(dirs & (unsigned)(IO_READ | IO_WRITE)));
}

static bool link_fd(struct arm *arm, struct wait *w)
{
    struct fd_arm *f = fd_of(arm);

    arm->rc = check(arm);
    if (arm->rc < 0)
        return false;
    proa__wait_link(NULL, w);
    f->wait = w;
    arm->rc = proa__io_once(proa__loop_here, &f->io, arm->fd, (unsigned)arm->n, on_ready, f);
    if (arm->rc == PROA_EPERM)
        arm->rc = (int)arm->n; /* a regular file: always ready, poll(2) says so too */
    if (arm->rc != 0)
        return false;
    if (!waits.next)
        list_init(&waits);
    list_push(&waits, &f->link);
    return true;
}

/* Nothing stays registered: who owns the descriptor closes it when he likes. */
static void leave(struct fd_arm *f)
{
    if (f->link.next)
        list_remove(&f->link);
    proa__io_del(&f->io);
}

static void leave_fd(struct arm *arm)
{
    leave(fd_of(arm));
}

static void describe_fd(const struct arm *arm, struct view *v)
{
    proa__view_say(v, "descriptor %d%s%s", arm->fd, arm->n & IO_READ ? ", to read" : "",
                   arm->n & IO_WRITE ? ", to write" : "");
}

static const struct arm_ops fd_ops = {
    .try = try_fd,
    .link = link_fd,
    .undo = leave_fd,
    .call = "proa_wait_fd",
    .detail = describe_fd,
};

/* Alone it is not tried: registering asks the system too. */
int proa_wait_fd(int fd, unsigned dirs)
{
    struct fd_arm f = {.arm = {.ops = &fd_ops, .fd = fd, .n = dirs}};
    int rc = proa__wait_enter(__func__);

    return rc < 0 ? rc : arm_park(&f.arm);
}

struct proa_case proa_case_fd(int fd, unsigned dirs)
{
    return arm_case((struct arm){.ops = &fd_ops, .fd = fd, .n = dirs});
}

void proa_fd_closing(int fd)
{
    if (!waits.next)
        return;
    LIST_FOR_EACH_SAFE (it, &waits) {
        struct fd_arm *f = CONTAINER_OF(it, struct fd_arm, link);
        if (f->arm.fd != fd)
            continue;
        leave(f); /* now: the descriptor is gone before the sleeper runs */
        proa__wait_wake_one(f->wait, NULL, PROA_ECLOSED);
    }
}
