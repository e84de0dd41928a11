#ifndef CORE_TASK_H
#define CORE_TASK_H

/*
 * task: one function that runs beside others, from its creation to its end.
 *
 *   new --first turn--> running <--> ready / parked --fn returns--> done
 *                                                                      |
 *              no reference: the record is recycled at once            |
 *              referenced: it is kept until the group is left  <-------'
 *
 * The record lies in a slab of the scheduler and is never unmapped while the loop lives, so a
 * reference (pointer and sequence number) can be asked at any time whether it is still that task.
 * The stack comes with the first turn and leaves with the last. A task that ends and finds a new
 * one next in line hands it the stack as it is: then starting a task costs no switch.
 *
 * Floor: core.
 */

#include "base/fail.h"
#include "base/list.h"
#include "core/coro.h"
#include "core/scope.h"

#include <proa/task.h>

struct context_node;
struct group;
struct owned;
struct proa_context;
struct sched;
struct slab;
struct start;
struct wait;

enum task_state {
    TASK_FREE,
    TASK_NEW,   /* in the ready list, its stack (of the default size) only reserved */
    TASK_READY, /* in the ready list */
    TASK_RUNNING,
    TASK_PARKED,
    TASK_DONE,
};

/* Operations that are done at once count against this many a slice; then others have a turn. */
#define TASK_BUDGET 128

/* What few tasks have; a record of its own, which the scheduler keeps for the next such task. */
struct task_more {
    struct task_more *next;       /* among the spare ones */
    char *name;                   /* NULL: "task-SEQ" */
    char *reason;                 /* of its cancel; NULL: none was given */
    struct start *start;          /* its creator waits until it is ready; start.c */
    struct context_node *values;  /* of its own; context.c */
    struct proa_context *context; /* or those that it shares; NULL: none */
};

struct proa_task {
    /* what each switch touches */
    _Alignas(64) struct proa_task *next; /* in the ready list, or among the free records */
    struct scope *scope;                 /* innermost; never NULL */
    struct wait *waits;                  /* what it sleeps on */
    uint32_t n_waits;
    int32_t winner; /* index of the one that was woken, or a code; while parked: cycles.c's mark */
    int32_t budget; /* while parked: tidy.c's mark */
    uint8_t state;  /* enum task_state */
    bool firm;      /* parked: a cancel does not wake it */
    bool kept;      /* there is a reference: the record stays until its group is left */
    bool sized;     /* its stack is of a size of its own, and was there before its first turn */
    struct sched *sched;
    struct coro coro; /* while it has no stack, .sp is where the call that created it returns to */
    void (*before_park)(void *arg); /* called once before it sleeps; NULL: nothing */
    void *before_park_arg;

    /* what its beginning and its end touch */
    struct scope root;
    struct group *group;
    struct list sibling; /* in group->tasks, then in group->kept */
    proa_task_fn *fn;
    void *arg;
    uint64_t seq; /* 0: free */
    struct list joiners;
    struct list watches; /* struct task_watch, oldest first */
    int *rc_out;         /* where gather wants the code */
    int rc;
    int lost_rc;              /* why a call was cut, when nobody asked; > 0: no failure. settle() */
    struct task_error *error; /* of a failure that was kept; the group's */
    struct owned *owned;      /* the newest of what it alone holds */
    struct task_more *more;   /* NULL: it has none of that */
};

/* This and a page of stack are what a sleeping task costs. */
#ifndef PROA_SANITIZED
_Static_assert(sizeof(struct proa_task) <= 256, "a task's record is four cache lines");
#endif

/* The running task; NULL outside of tasks. */
extern _Thread_local struct proa_task *proa__task_here __attribute__((tls_model("initial-exec")));

/* The words of its latest failure, at the top of its stack. While it has that. */
static inline struct err_slot *task_err(const struct proa_task *t)
{
    return (struct err_slot *)(void *)t->coro.stack.high;
}

/* For who wants to write there. NULL: no memory. */
struct task_more *proa__task_more(struct proa_task *t);

/* What a failed task leaves behind; in its group's list. */
#define TASK_NAME_MAX 32
struct task_error {
    struct list link;
    int rc;
    const void *created; /* in debug mode; NULL: not known */
    char name[TASK_NAME_MAX];
    char detail[sizeof(((struct err_slot *)0)->text)];
};

struct task_spec {
    proa_task_fn *fn;
    void *arg;
    const struct proa_task_opts *opts; /* of this version, complete; NULL: all defaults */
    struct start *start;               /* NULL: none; only with opts */
    int *rc_out;
    const void *created; /* the program's call returns to here; NULL: nobody cares */
    bool kept;           /* the reference is handed out */
    bool plain; /* never eager: its creator has to do things between its creation and its turn */
};

/* Create a task of `g`, waiting for a place if it has a limit; proa_create_task says the rest. */
int proa__task_create_in(struct group *g, const struct task_spec *spec, struct proa_task_ref *ret);

/* proa_create_task_opts with what else a spec says; its opts may be of another version. */
int proa__task_create(struct proa_group *group, struct task_spec spec, struct proa_task_ref *ret);

/*
 * Whom the end of a task concerns beside its joiners. fn is called on the ending task's stack and
 * must not suspend; by then the watch is in no list, and may be freed.
 */
struct task_watch {
    struct list link; /* in task->watches */
    void (*fn)(struct task_watch *watch, int rc);
};

/* Call watch->fn when `t` ends. */
static inline void task_watch(struct proa_task *t, struct task_watch *watch)
{
    list_push(&t->watches, &watch->link);
}

/* Is the reference still of that task, which may have ended? Aborts if it is of another loop. */
bool proa__task_is_valid(struct proa_task_ref ref);

/* Abort if `t`, whose end is to be waited for by the call `what`, is the running task. */
void proa__task_not_itself(const struct proa_task *t, const char *what);

/* 0, or PROA_EINVAL. */
int proa__task_check_stack_size(size_t size);

/* What it means that the task's function returned `rc`: a cancel that nobody ordered is a failure.
 */
int proa__task_settle(const struct proa_task *t, int rc);

/* Its fn returned `rc`: settle what that means and tell everybody concerned. */
void proa__task_end(struct proa_task *t, int rc);

/* Make the record that nobody references any more free. */
void proa__task_recycle(struct proa_task *t);

/*
 * A walk over all records, free ones too, from slab to slab; it may be interrupted for any time.
 * New slabs may be left out. .slab is NULL before the beginning and at the end.
 */
struct task_cursor {
    struct slab *slab;
    size_t i;
};
void proa__task_walk_begin(struct sched *s, struct task_cursor *at);
struct proa_task *proa__task_walk_next(struct task_cursor *at); /* NULL: that was all */

/* All records. None is in use. */
void proa__task_free_slabs(struct sched *s);

/* A failure: the reference is of no task any more. */
int proa__task_stale(void);

/* The name, in `buf` if it has to be made. */
const char *proa__task_name(const struct proa_task *t, char buf[TASK_NAME_MAX]);

#endif
