#ifndef CORE_GROUP_H
#define CORE_GROUP_H

/*
 * group: the owner of tasks.
 *
 *   open --join begins--> its scope moves to the inner end of its task's chain, so that whatever
 * cancels the join cancels the tasks
 *        --last task ended--> closed: unlinked from the chain, creating answers PROA_ECLOSED
 *        --left at the brace--> gone
 *
 * Two lists: the tasks that live, which is also what the walk over scopes goes through; and those
 * that ended and are referenced, whose records wait for their joiners until the group is left; that
 * one is in the order of their ends, which is what proa_group_next goes through.
 *
 * The loop's root group is one without a task that opened it, and is never joined.
 * Floor: core.
 */

#include "base/list.h"
#include "core/scope.h"
#include "core/task.h"

#include <proa/group.h>

#define MAGIC_GROUP 0x67726f75u
#define GROUP_GATHER                                                                               \
    3 /* a further kind: as PROA_GROUP_ALL, and a task cancelled alone has failed */
#define GROUP_ERRORS 1000 /* most that are listed: a group that supervises may live for ever */

struct group {
    unsigned magic;
    int rc; /* the first failure; 0: none */
    struct scope scope;
    struct sched *sched;
    struct list tasks;      /* struct proa_task.sibling, oldest first */
    struct list kept;       /* the same, ended and referenced */
    struct list places;     /* struct wait of who wants to create; empty unless running == limit */
    struct list errors;     /* struct task_error, oldest first */
    struct wait *joiner;    /* its opener, waiting for running == 0 */
    size_t running;         /* live tasks, and places promised */
    size_t limit;           /* most of them; SIZE_MAX: no bound */
    size_t n_errors;        /* counted, listed or not */
    struct list nexters;    /* struct wait of who wants the next that ends, its slot for it; empty
                               unless all of kept are delivered */
    struct list *delivered; /* the last of kept that proa_group_next gave; kept itself: none */
    const char *reason;     /* of a cancel that the program asked for; NULL: none was given */
    struct proa_task_ref winner;
    char winner_name[TASK_NAME_MAX]; /* "": nobody has won */
    int winner_rc;
    uint8_t kind; /* enum proa_group_kind, or GROUP_GATHER */
    bool closed;  /* no more tasks */
    bool cut;     /* something around it was cancelled before its last task ended */
    bool collect; /* failures are the business of gather's caller */
    bool told;    /* a join returned the failure */
};

/* A group without an opener: the loop's root group. */
void proa__group_init(struct group *g, struct sched *sched);

/* Forget the errors and records of a group whose tasks have all ended. */
void proa__group_fini(struct group *g);

/* Count a place for one more task, waiting while there is none. */
int proa__group_enter_task(struct group *g);

/* A place is free again. */
void proa__group_leave_task(struct group *g);

/* A task could not be created: the group fails with that too, unless it is the root. Returns rc. */
int proa__group_not_created(struct group *g, int rc);

/* `t` failed with `rc`; its words are in the error slot. */
void proa__group_failed(struct group *g, struct proa_task *t, int rc);

/* `t` of a group of another kind than PROA_GROUP_ALL ended with a success, or cancelled. */
void proa__group_ended(struct group *g, const struct proa_task *t, int rc);

/* `t`, of which there is a reference, has ended: its record stays, and is the next one. */
void proa__group_keep(struct group *g, struct proa_task *t);

/* Begin, wait for the end, and close: the whole of a join but its result. */
void proa__group_await(struct group *g);

static inline struct group *group_of(struct proa_group *g)
{
    return (struct group *)g;
}

#endif
