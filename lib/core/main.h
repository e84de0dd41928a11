#ifndef CORE_MAIN_H
#define CORE_MAIN_H

/*
 * main: the processes and threads of a program, and the listening sockets that they share.
 *
 *   proa_main --- neither workers nor threads: proa_run in this thread
 *     |-- .threads: a crew, one proa_run in each thread          main_crew.c
 *     '-- .workers: the parent, which runs no task               main_parent.c, main_rollout.c
 *           '-- each worker: a crew, or one proa_run
 *
 * Whoever holds the sockets (the parent, or a process with a crew) keeps one table of them,
 * main_sockets.c: one socket per address and slot, a slot being a thread of a worker. They share
 * the port (SO_REUSEPORT), and each outlives the worker that accepts from it: the
 * connections waiting in its queue are the successor's. UNIX sockets cannot share, there all slots
 * get the same one.
 *
 * A worker talks to its parent over a pair of sockets, in messages: "the socket for this address,
 * please", answered by a descriptor; "this failed", which the parent prints once; and "I accept",
 * upon which a worker that it replaces is drained.
 *
 * Floor: core.
 */

#include <proa/run.h>

#include <stddef.h>
#include <sys/socket.h>

/*
 * The listening socket of this slot for a stream address: bound, listening, non-blocking,
 * close-on-exec, the caller's to close. Port 0 is one free port for all slots, another one at each
 * call. PROA_ENOSYS if this loop shares no ports: the caller opens its own. Else what socket, bind
 * or listen failed with. Do not unlink a UNIX socket from here: whoever keeps it does.
 */
int proa__main_listener(const struct sockaddr *addr, socklen_t len, int backlog);

/* This thread takes connections from now on: if it is a worker's, the one that it replaces may
 * drain. Only the first time counts. */
void proa__main_accepts(void);

/* ---- main_sockets.c: the table */

struct listen_want {
    struct sockaddr_storage addr;
    socklen_t len;
    int backlog;
};

struct listen_table {
    struct listen_entry *first;
};

/* The socket of `slot`, opened if need be; the table's to close. Or a negative code. */
int proa__listen_table_get(struct listen_table *table, unsigned slot,
                           const struct listen_want *want);

/* A successor begins in this slot: it may ask for the same ports again. */
void proa__listen_table_renew(struct listen_table *table, unsigned slot);

/* Close all; as the holder also remove the files of UNIX sockets. */
void proa__listen_table_fini(struct listen_table *table, bool holder);

/* ---- main_crew.c: what runs in one process */

struct crew_opts {
    proa_task_fn *fn;
    void *arg;
    unsigned threads;    /* at least 1 */
    unsigned first_slot; /* of this process's threads */
    int parent;          /* socket to the parent; -1: none, a crew keeps its own table */
    struct proa_run_opts run;
};

/* Run all and return the first failure, whose detail is the thread's, or the largest result. */
int proa__crew_run(const struct crew_opts *opts);

/* ---- main_parent.c */

/*
 * Fork workers and look after them until the last has ended; returns the exit status. In a worker:
 * -1, at once, and *ret_slot and *ret_socket are its own.
 */
int proa__parent_run(unsigned workers, unsigned slots_each, unsigned *ret_slot, int *ret_socket);

/* ---- main_talk.c: what a worker and its parent say to each other */

enum main_message_kind {
    MAIN_LISTENER = 1, /* want; answered by a code and a descriptor */
    MAIN_FAILED,       /* text; not answered */
    MAIN_ACCEPTS,      /* one of its threads begins to; not answered */
};

struct main_message {
    enum main_message_kind kind;
    unsigned slot;
    union {
        struct listen_want want;
        char text[256];
    } u;
};

/* The parent's end. `fd` may be -1; it stays the caller's. */
int proa__main_answer(int socket, int rc, int fd);

/* The worker's: ask and wait for the answer; the descriptor, or a code. */
int proa__main_ask(int socket, const struct main_message *m);

/* Send without waiting for an answer. */
void proa__main_tell(int socket, const struct main_message *m);

#endif
