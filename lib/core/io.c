#include "core/io.h"

#include "base/mem.h"
#include "core/debug.h"
#include "core/loop.h"

#include <proa/err.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include <errno.h>
#include <string.h>

_Static_assert(sizeof(struct event) <= sizeof(((struct io *)0)->ev),
               "struct io has no room for libevent's event");

/* What a descriptor is used for, besides IO_READ and IO_WRITE that tasks wait for. */
#define USE_OURS 8u

bool proa__io_no_closed;

static struct event *event_of(struct io *io)
{
    return (struct event *)(void *)io->ev;
}

static int make_room(struct proa_loop *loop, int fd)
{
    size_t n = 64;
    uint8_t *uses;

    if ((size_t)fd < loop->n_uses)
        return 0;
    while (n <= (size_t)fd)
        n *= 2;
    uses = proa__realloc(loop->uses, n);
    if (!uses)
        return PROA_ENOMEM;
    memset(uses + loop->n_uses, 0, n - loop->n_uses);
    loop->uses = uses;
    loop->n_uses = n;
    return 0;
}

/* Note the use of a descriptor, unless it has one of those in `unlike` already. */
static int note(struct proa_loop *loop, struct io *io, int fd, unsigned use, unsigned unlike)
{
    int rc = fd < 0 ? PROA_EBADF : make_room(loop, fd);

    if (rc < 0)
        return rc;
    if (loop->uses[fd] & unlike)
        return PROA_EBUSY;
    loop->uses[fd] |= (uint8_t)use;
    proa__loop_outside(loop, 1);
    io->loop = loop;
    io->fd = fd;
    io->use = (uint8_t)use;
    io->bits = IO_READ | IO_WRITE;
    return 0;
}

static void forget(struct io *io)
{
    io->loop->uses[io->fd] &= (uint8_t)~io->use;
    proa__loop_outside(io->loop, -1);
    io->loop = NULL;
}

static unsigned dirs_of(short what)
{
    return (what & EV_READ ? IO_READ : 0u) | (what & EV_WRITE ? IO_WRITE : 0u) |
           (what & EV_CLOSED ? IO_READ | IO_CLOSED : 0u);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct io *io = arg;
    unsigned dirs = dirs_of(what);

    (void)fd;
    debug_slice(io->loop);
    io->bits |= dirs;
    if (io->fn)
        io->fn(io->arg, dirs);
}

static void on_once(evutil_socket_t fd, short what, void *arg)
{
    struct io *io = arg;

    (void)fd;
    debug_slice(io->loop);
    forget(io);
    io->fn(io->arg, dirs_of(what));
}

static int register_event(struct io *io, short what, event_callback_fn cb)
{
    errno = 0;
    if (event_assign(event_of(io), io->loop->base, io->fd, what, cb, io) < 0)
        return PROA_EINVAL;
    if (event_add(event_of(io), NULL) == 0)
        return 0;
    return errno ? -errno : PROA_ENOMEM;
}

int proa__io_add(struct proa_loop *loop, struct io *io, int fd, io_fn *fn, void *arg)
{
    const short what = EV_READ | EV_WRITE | EV_ET | EV_PERSIST;
    bool tells_end = event_base_get_features(loop->base) & EV_FEATURE_EARLY_CLOSE;
    int rc = note(loop, io, fd, USE_OURS, USE_OURS | IO_READ | IO_WRITE);

    if (rc < 0)
        return rc;
    io->fn = fn;
    io->arg = arg;
    rc = PROA_EINVAL;
    if (tells_end && !proa__io_no_closed)
        rc = register_event(io, what | EV_CLOSED, on_event);
    if (rc == PROA_EINVAL)
        rc = register_event(io, what, on_event);
    if (rc < 0)
        forget(io);
    return rc;
}

int proa__io_once(struct proa_loop *loop, struct io *io, int fd, unsigned dirs, io_fn *fn,
                  void *arg)
{
    short what = (short)((dirs & IO_READ ? EV_READ : 0) | (dirs & IO_WRITE ? EV_WRITE : 0));
    int rc = note(loop, io, fd, dirs, USE_OURS | dirs);

    if (rc < 0)
        return rc;
    io->fn = fn;
    io->arg = arg;
    rc = register_event(io, what, on_once);
    if (rc < 0)
        forget(io);
    return rc;
}

bool proa__io_busy(const struct proa_loop *loop, int fd, unsigned dirs)
{
    return (size_t)fd < loop->n_uses && loop->uses[fd] & (USE_OURS | dirs);
}

void proa__io_del(struct io *io)
{
    if (!io->loop)
        return;
    event_del(event_of(io));
    forget(io);
}
