#include "core/io.h"
#include "core/loop.h"
#include "core/wait.h"

#include <proa/err.h>
#include <proa/fd.h>

_Static_assert((int)PROA_READABLE == (int)IO_READ && (int)PROA_WRITABLE == (int)IO_WRITE,
               "directions have one numbering");

struct fd_wait {
    struct wait wait;
    struct io io;
};

static void on_ready(void *arg, unsigned dirs)
{
    struct fd_wait *w = arg;

    proa__wait_wake_one(&w->wait, NULL, (int)(dirs & (unsigned)(IO_READ | IO_WRITE)));
}

/* Nothing stays registered: who owns the descriptor closes it when he likes. */
int proa_wait_fd(int fd, unsigned dirs)
{
    struct proa_loop *loop = proa__loop_need(__func__);
    struct fd_wait w = {0};
    int rc = proa__wait_enter(__func__);

    if (rc < 0)
        return rc;
    if (fd < 0)
        return PROA_EBADF;
    if (!dirs || dirs & ~(unsigned)(IO_READ | IO_WRITE))
        return PROA_EINVAL;
    proa__wait_link(NULL, &w.wait);
    rc = proa__io_once(loop, &w.io, fd, dirs, on_ready, &w);
    if (rc == PROA_EPERM)
        return (int)dirs; /* a regular file: poll(2) says so too */
    if (rc < 0)
        return rc;
    rc = proa__wait_park(&w.wait, 1);
    proa__io_del(&w.io);
    return rc < 0 ? rc : w.wait.code;
}
