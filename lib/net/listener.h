#ifndef NET_LISTENER_H
#define NET_LISTENER_H

/*
 * listener: accepting without a task, for servers whose connections are state machines.
 *
 * Connections are taken in the loop's callback, in bounded batches, and handed to a function; no
 * stack is held while nobody connects. A paused listener leaves connections in the kernel's queue.
 *
 * Out of descriptors (EMFILE, ENFILE): a descriptor kept in reserve is given up to accept one
 * connection and close it, so that its client learns at once; then the listener rests for a moment,
 * and says so in the log once a minute at most.
 *
 * Floor: net.
 */

#include <proa/listener.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct view;

/* Takes over `s`. `peer` is only for this call. May free the listener. */
typedef void listener_accept_fn(void *arg, struct proa_stream *s, const struct proa_addr *peer);

/* Hand every connection to fn(arg, ...) from the loop, from now on. fn NULL: no more (they wait in
 * the kernel again). 0, or PROA_EBUSY while tasks wait in proa_accept. */
int proa__listener_on_accept(struct proa_listener *l, listener_accept_fn *fn, void *arg);

/* Add what it is: its addresses and how many tasks accept. */
void proa__listener_describe(const void *listener, struct view *v);

/* Add its addresses, each after a space. */
void proa__listener_say_addresses(const struct proa_listener *l, struct view *v);

/* The process is out of descriptors: nobody is accepted for a moment. */
bool proa__listener_is_resting(const struct proa_listener *l);

/* Stop taking connections (the limit is reached) and take them again. Both do nothing twice. */
void proa__listener_pause(struct proa_listener *l);
void proa__listener_resume(struct proa_listener *l);

/* ---- between listen.c, which opens sockets, and listener.c, which takes connections ---- */

struct proa_listen_opts;

/* The most addresses of one listener. */
#define LISTEN_MAX 8

/* Bound and listening sockets. */
struct listen_set {
    size_t n;
    bool shared; /* they are also kept by whoever runs the workers, and so are files of UNIX sockets
                  */
    int fd[LISTEN_MAX];
    struct proa_addr addr[LISTEN_MAX];
};

/* Make a listener over them. Takes them on success only. */
int proa__listener_new(struct proa_listener **ret, const struct listen_set *set);

/* The socket's file is removed with the listener if it is still the one that is there now. */
void proa__listener_own_file(struct proa_listener *l);

/* Number of addresses that it listens on. */
size_t proa__listener_count(const struct proa_listener *l);

/* Connections closed at once because the process had no descriptor left. */
uint64_t proa__listener_refused(const struct proa_listener *l);

#endif
