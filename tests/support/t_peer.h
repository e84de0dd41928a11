#ifndef SUPPORT_T_PEER_H
#define SUPPORT_T_PEER_H

/*
 * t_peer: the other end of a connection, as rude as a test needs it.
 *
 * Raw sockets, used from the test's own task or a callback. On the loopback device the kernel
 * delivers while it sends, so nothing here waits: what one end has sent is there for the other at
 * once, and t_turns lets the loop see it.
 */

#include <proa/addr.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Let the loop turn `n` times, asking the kernel for events in each; the calling task waits. */
void t_turns(int n);

/* A non-blocking socket that is connected to the address; or to 127.0.0.1 and the port. */
int t_peer_connect(const struct proa_addr *addr);
int t_peer_connect_port(int port);

/* A listening socket on a free port of 127.0.0.1, and the next connection to it. */
int t_peer_listen(int *ret_port);
int t_peer_accept(int fd);

/* A listening socket whose queue is full: whoever connects to it waits. The address has a free
 * port. */
int t_peer_listen_full(struct proa_addr *addr, int ret_fill[2]);

/* The name of a UNIX socket, outside the file system, that is this process's alone:
 * "@proa-WORD-PID". Valid until: the next call. */
const char *t_peer_name(const char *word);

/* Send all of it, which must fit. */
void t_peer_send(int fd, const void *bytes, size_t n);
void t_peer_say(int fd, const char *text);

/* Send `piece` bytes at a time; the loop turns, or `delay` ns pass, between two pieces. */
void t_peer_send_pieces(int fd, const void *bytes, size_t n, size_t piece, int64_t delay);

/* Half close. */
void t_peer_fin(int fd);

/* Close with a reset. */
void t_peer_rst(int fd);

void t_peer_close(int fd);

/* What has come, at most n bytes: the count; 0: the end; -ECONNRESET; -EAGAIN: nothing. */
long t_peer_recv(int fd, void *buf, size_t n);

/* What has come is exactly this text. */
void t_peer_expect(int fd, const char *text);

/* Take bytes off until there are none: how many. */
size_t t_peer_drain(int fd);

/* The next thing to be read is the end, or a reset. */
bool t_peer_at_end(int fd);
bool t_peer_is_reset(int fd);

#endif
