#ifndef PROA_SERVICE_H
#define PROA_SERVICE_H

/*
 * service: work in the background that is started again when it fails.
 *
 *     static int mail(void *arg)
 *     {
 *         return proa_keep_running(send_mail, arg, PROA_KEEP_RUNNING_OPTS(.name = "mail"));
 *     }
 *     PROA_GROUP(g, .kind = PROA_GROUP_SUPERVISE);
 *     proa_create_task(&g, mail, &outbox);
 */

#include <proa/task.h>

PROA_BEGIN_DECLS

struct proa_keep_running_opts {
    size_t size;
    const char *name;  /* of each attempt's task */
    size_t stack_size; /* of each attempt's task; 0: 64 KiB */
    bool always;       /* begin again after a success, too */
    size_t limit;      /* most restarts in a row; 0: 10, or PROA_UNLIMITED */
    int64_t delay;     /* before the first restart, doubled at each further one; 0: 100 ms */
    int64_t delay_max; /* 0: 30 s */
    int64_t settled;   /* an attempt that lasted so long begins the row anew; 0: 60 s */
};
#define PROA_KEEP_RUNNING_OPTS(...) PROA_OPTS(proa_keep_running_opts, __VA_ARGS__)

/**
 * Run fn(arg) until it succeeds: when it fails, wait a while and begin again.
 *
 * Each attempt is a task of its own, which the caller waits for: it begins with an empty stack and
 * no locks. Each failure that is followed by a restart is told to the fault handler. After too many
 * restarts in a row what the last attempt returned is returned, with .always a success too; a
 * failure says how many there were.
 *
 * Suspends:     yes.
 * Errors:       what fn returned at last; PROA_EINVAL (a time below zero, a stack that cannot be),
 *               PROA_E2BIG, PROA_ECANCELED.
 * Ownership:    `arg` stays the caller's.
 * Cancellation: the attempt is cancelled and has ended; there is no other.
 */
PROA_API PROA_SUSPENDS int proa_keep_running(proa_task_fn *fn, void *arg,
                                             const struct proa_keep_running_opts *opts);

PROA_END_DECLS

#endif
