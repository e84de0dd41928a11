#ifndef NET_PROCESS_H
#define NET_PROCESS_H

/*
 * process: a child process of this one, and who waits for it.
 *
 *   running --pidfd readable--> ended        its exit is known, or PROA_ECHILD
 *      \--free: TERM, grace, KILL--> ended --> freed
 *      \--free with .leave--> left: a guest of the loop until it ends
 *
 * Its number is its own as long as it was not reaped. It is reaped as soon as it ends; but the
 * leader of a group only when it is freed, so that the group's number stays ours to signal.
 *
 * Floor: net. process_start.c makes them; communicate.c talks through the pipes.
 */

#include "base/list.h"
#include "core/io.h"
#include "core/loop.h"

#include <proa/process.h>

struct view;

struct proa_process {
    unsigned magic;
    pid_t pid;
    struct io io; /* of the pidfd; io.fd is closed once it has ended */
    struct proa_loop *loop;
    struct list waiters;           /* struct wait */
    struct proa_stream *stream[3]; /* our ends of its standard descriptors; NULL: no pipe */
    size_t fed;                    /* bytes of communicate's input that it took */
    unsigned busy;                 /* communicates under way */
    bool ended;
    bool group;
    bool leave;
    bool left; /* freed, and runs */
    int64_t grace;
    int rc; /* ended: 0, or PROA_ECHILD */
    struct proa_exit exit;
    struct list left_link; /* in the loop's list of those that were left */
};

#define PROCESS_MAGIC 0x50524f43u

/* Add what it is. */
void proa__process_describe(const void *process, struct view *v);

/* The child runs under `pid`, which nobody has reaped: watch it. On failure it is the caller's. */
int proa__process_watch(struct proa_process *p);

#endif
