#ifndef CORE_MAIN_PARENT_H
#define CORE_MAIN_PARENT_H

/*
 * main_parent: what the parent of the workers knows, for the two files that look after them:
 * main_parent.c, their lives, and main_rollout.c, their replacement.
 *
 *   to start --> one of workers[] --ended--> to start again after a crash, or gone
 *                  |        ^
 *           SIGTERM|        |it accepts
 *                  v        |
 *               retired    fresh <-- SIGHUP, for one of them after another
 *
 * The parent listens to workers[] and fresh. A retired one has been told all it needs: it ends, and
 * what it asks for or says is not heard.
 *
 * Floor: core.
 */

#include "core/main.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct worker {
    struct worker *next; /* among the retired */
    pid_t pid;           /* 0: none runs */
    int socket;          /* to it; -1 */
    unsigned slot;       /* the first of its slots */
    unsigned column;     /* the first of its counters'; 0: it has none of its own */
    unsigned accepts;    /* of its threads, those that have begun to */
    int64_t started;
    int64_t restart_at; /* PROA_FOREVER: it has ended for good */
    int64_t backoff;
};

struct parent {
    unsigned n;
    unsigned slots_each;
    int signals; /* signalfd */
    sigset_t mask_before;
    bool ending;
    int64_t ended_at; /* when SIGINT or SIGTERM came last; 0: never */
    int status;       /* the first that was not 0 */
    struct listen_table table;
    struct worker *retired; /* replaced, and draining */
    struct worker *fresh;   /* starting, to replace workers[at]; NULL: none is */
    unsigned at;            /* n: no rollout */
    char reason[256];       /* why fresh failed, as it said */
    char told[256];         /* what failed last, so as not to say it once a worker */
    struct worker workers[];
};

/* Fork one into *w, whose slot is set. 1 in the child, which then owns *ret_socket; 0, or a code.
 */
int proa__worker_start(struct parent *p, struct worker *w, int *ret_socket);

/* Close the socket to it. */
void proa__worker_hang_up(struct worker *w);

/* ---- main_rollout.c */

/* Replace all, one after another. A rollout that is under way begins anew. */
void proa__rollout_begin(struct parent *p);

/* Do what can be done at this moment. 1 in a child. */
int proa__rollout_go_on(struct parent *p, unsigned *ret_slot, int *ret_socket);

/* When to go on at the latest; PROA_FOREVER. */
int64_t proa__rollout_due(const struct parent *p);

/* How long a new one may take until it accepts, if the old one does; for tests. */
extern int64_t proa__rollout_patience;

/* The fresh one has ended, with this status of wait's: the old ones stay. */
void proa__rollout_failed(struct parent *p, int status);

/* Let the fresh one go, with the retired. */
void proa__rollout_end(struct parent *p);

#endif
