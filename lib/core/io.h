#ifndef CORE_IO_H
#define CORE_IO_H

/*
 * io: the readiness of a descriptor of ours, registered once.
 *
 * For reading, writing and the other side's end at once, edge-triggered, until it is deleted: no
 * system call while it lives. An event sets sticky bits, "this may be possible", and calls `fn`.
 * Who uses the descriptor looks at the bit first, and makes no system call when it is clear; it
 * clears the bit when the system answers EAGAIN. Right after proa__io_add IO_READ and IO_WRITE are
 * set, so the first attempt is made.
 *
 * fn runs on the loop's own stack and may do anything but suspend: delete this io, free what holds
 * it.
 *
 * A reset brings IO_READ and IO_WRITE and no IO_CLOSED: libevent reports EPOLLERR as both. Data
 * brings the same two, so data and a reset in one edge look like data alone: who is to notice the
 * reset reads on until the system answers EAGAIN.
 *
 * Where the kernel does not tell of the other side's end, IO_CLOSED never comes, and the end shows
 * as a read of 0.
 *
 * A descriptor that others read (a database library's) goes through proa_wait_fd instead.
 *
 * Floor: core. io.c and loop.c are the only files that know libevent.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct proa_loop;

enum {
    IO_READ = 1,
    IO_WRITE = 2,
    IO_CLOSED = 4, /* the other side sends no more; never cleared by anybody */
};

/* `dirs`: what the event brought, which may have been set before. */
typedef void io_fn(void *arg, unsigned dirs);

struct io {
    struct proa_loop *loop; /* NULL while not registered; so a zeroed io is legal to delete */
    io_fn *fn;              /* may be NULL and may be changed at any time */
    void *arg;
    int fd;
    uint8_t bits;                      /* IO_*: may be possible */
    uint8_t use;                       /* what the loop's table of descriptors says of this one */
    _Alignas(8) unsigned char ev[128]; /* libevent's struct event */
};

/*
 * Register. 0, or PROA_EPERM for what is always ready (regular files; `fd` and `bits` are set all
 * the same), PROA_EBUSY while it is registered already or proa_wait_fd waits for it, PROA_EBADF,
 * PROA_ENOMEM.
 */
int proa__io_add(struct proa_loop *loop, struct io *io, int fd, io_fn *fn, void *arg);

/*
 * Register for one event, level-triggered: fn is called once, and the io is then deleted. The same
 * codes; two may be registered for one descriptor, in different directions.
 */
int proa__io_once(struct proa_loop *loop, struct io *io, int fd, unsigned dirs, io_fn *fn,
                  void *arg);

/* Would that be PROA_EBUSY? For a descriptor that is not negative. */
bool proa__io_busy(const struct proa_loop *loop, int fd, unsigned dirs);

/* For tests: do as if the kernel did not tell of the other side's end. */
extern bool proa__io_no_closed;

/* Before close(fd). After it fn is not called, even if its event has already arrived. */
void proa__io_del(struct io *io);

/* The system answered EAGAIN. */
static inline void io_clear(struct io *io, unsigned dirs)
{
    io->bits &= (uint8_t) ~(dirs & (unsigned)(IO_READ | IO_WRITE));
}

#endif
