#ifndef CORE_INSPECT_H
#define CORE_INSPECT_H

/*
 * inspect: who asks from outside what a loop's tasks do.
 *
 * Off unless the program or its environment says otherwise. Then a helper thread listens on a UNIX
 * socket that only this user can reach, and hands each question to the loop as a post. A loop that
 * does not answer in time is interrupted (trace.h): the answer then names the task that holds it.
 *
 *   question:  idle --posted--> waiting --answered--> idle
 *                                  \--time is up--> abandoned --the loop comes to it--> idle
 *                                                        \--asked again--> waiting
 *
 * There is one question at a time, and it lies in the helper's own struct: a loop that is stuck for
 * hours gets one post, however often it is asked. The protocol is described in docs/debugging.md.
 *
 *   $XDG_RUNTIME_DIR/proa/PID      the first loop of the process; PID-1, PID-2 ... the others
 *   /tmp/proa-UID/PID              without that variable
 *
 * Floor: core.
 */

#include <stdbool.h>
#include <stddef.h>

struct proa_loop;

/* What .inspect and .dump_signal say, or the environment: PROA_INSPECT, PROA_DUMP_SIGNAL. What
 * cannot be had is logged, and the program runs without it. Ends with the loop. */
void proa__inspect_start(struct proa_loop *loop, bool inspect, int dump_signal);

/* For loop.c, in a forked child: nothing of its parent's is answered there. */
void proa__inspect_after_fork(void);

/* ---- between inspect.c, which answers, and inspect_socket.c, which makes it reachable */

struct inspect_socket {
    int dir; /* the directory; -1: none */
    int fd;  /* listening */
    int number;
    char name[32]; /* in the directory */
};

/* 0 or a code of the system; the words say what is wrong. */
int proa__inspect_open(struct inspect_socket *s);
void proa__inspect_close(struct inspect_socket *s);

#endif
