#ifndef NET_FD_STREAM_H
#define NET_FD_STREAM_H

/*
 * fd_stream: streams over a descriptor: TCP and UNIX sockets (sock.c), pipes and terminals
 * (pipe.c).
 *
 * The descriptor is registered once, edge-triggered. A call looks at the sticky bit first and makes
 * no system call while it is clear. What clears a bit:
 *   - PROA_EAGAIN of the system;
 *   - for READ of a socket also: a read that brought less than was asked for, once a write has
 *     succeeded after it (or proa__stream_read_done was called), while CLOSED is not set and no
 * edge for reading came since. The second needs the write: data and a reset that arrive together
 * give one edge only, without CLOSED; but then the write fails, and the failure is seen there. Data
 * and an orderly end give one edge with CLOSED, and the bit stays until the end has been read.
 *
 * Floor: net.
 */

#include "core/io.h"
#include "core/loop.h"
#include "net/stream.h"

#include <stdint.h>

struct fd_stream {
    struct proa_stream s;
    struct io io;
    struct soon soon; /* telling of what was possible before it was asked for */
};

/* s.own */
enum {
    FD_SHORT_READ = 1, /* the last read brought less than was asked for */
};

/* System calls made by streams of this thread, for tests and introspection. */
struct net_counts {
    uint64_t reads;
    uint64_t writes;
    uint64_t accepts;
};
extern _Thread_local struct net_counts proa__net_counts;

/* Make a stream over `fd` with the given ops. Owns fd on success only. */
int proa__fd_stream_new(struct proa_stream **ret, int fd, const struct stream_ops *ops);

/* The ops that both kinds share. */
void proa__fd_stream_close(struct proa_stream *s);
void proa__fd_stream_want(struct proa_stream *s, unsigned dirs, unsigned fresh);
unsigned proa__fd_stream_bits(struct proa_stream *s);
int proa__fd_stream_fd(struct proa_stream *s);
ssize_t proa__fd_stream_sendfile(struct proa_stream *s, int file, int64_t at, size_t n);

/* ---- sock.c ---- */

/* A stream over a non-blocking stream socket, AF_UNIX or IP, connected or connecting. Owns fd on
 * success only. */
int proa__sock_stream(struct proa_stream **ret, int fd, int family);

/* For accepted sockets: bytes, if there are any, will be told by an edge, so don't try before it.
 */
void proa__sock_expect_edge(struct proa_stream *s);

/* For sockets that are connecting: nothing is possible before an edge. */
void proa__sock_connecting(struct proa_stream *s);

/* The outcome of a connect under way: 0, or the system's code (PROA_EINPROGRESS: none yet). */
int proa__sock_connected(struct proa_stream *s);

/* Take off what is unread, within a bound. Of a pipe nothing: its close is no reset. */
void proa__sock_drain(int fd);

/* ---- pipe.c ---- */

int proa__pipe_stream(struct proa_stream **ret, int fd);

/* writev without SIGPIPE, whatever the program does with that signal: for pipes there is no flag.
 * Bytes taken, or -errno. */
ssize_t proa__quiet_writev(int fd, const struct iovec *iov, int n);

#endif
