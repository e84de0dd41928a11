#ifndef PROA_RUN_H
#define PROA_RUN_H

/*
 * run: from a C program into tasks, and back out with everything ended.
 */

#include <proa/loop.h>

PROA_BEGIN_DECLS

struct proa_run_opts {
    size_t size;
    size_t stack_size;  /* of the main task; 0: 64 KiB */
    int64_t grace;      /* given to left-over tasks to end after their cancel; 0: 5 s */
    bool signals;       /* SIGINT and SIGTERM cancel the main task; the next one ends the process */
    bool virtual_clock; /* tests: time jumps to the next deadline when nothing else can happen */
    bool eager;         /* every task is created eager, as by the option of proa_create_task_opts */
    uint64_t shuffle;   /* tests: a seed; ready tasks run in a random order of it. 0: in turn */
    bool debug; /* debug mode (<proa/debug.h>); PROA_DEBUG=1 in the environment counts too */
    int64_t debug_slow; /* there: longest slice of a task; 0: PROA_DEBUG_SLOW_MS, or 100 ms */
    bool inspect;       /* answer proa-ps; also by PROA_INSPECT=1 in the environment */
    int dump_signal;    /* that writes all tasks to standard error; 0: PROA_DUMP_SIGNAL, or none */
};
#define PROA_RUN_OPTS(...) PROA_OPTS(proa_run_opts, __VA_ARGS__)

/**
 * Make a loop, run fn(arg) as its first task, and return what it returns.
 *
 * When the main task has ended, tasks that are left in the root group are cancelled and joined.
 * After the grace time their shields end too; if that does not help for as long again, their names
 * are printed and the process aborts.
 *
 * Errors:       what fn returns; PROA_EBUSY (a loop runs in this thread already: fn has not run),
 *               PROA_EINVAL (a stack below 16 KiB or above 1 GiB, a grace of INT64_MIN or beyond
 *               the end of time), PROA_ENOMEM, PROA_EMFILE and other codes of the system when the
 *               loop cannot be made.
 */
PROA_API int proa_run(proa_task_fn *fn, void *arg, const struct proa_run_opts *opts);

struct proa_main_opts {
    size_t size;
    unsigned workers;  /* processes that run fn, each with its loop; 0: this one */
    unsigned threads;  /* loops in each process, each in its thread; 0: one */
    size_t stack_size; /* of each main task; 0: 64 KiB */
    int64_t grace;     /* as in proa_run */
    bool debug;        /* as in proa_run */
    bool inspect;      /* the same */
    int dump_signal;   /* the same; each loop writes its own tasks */
};
#define PROA_MAIN_OPTS(...) PROA_OPTS(proa_main_opts, __VA_ARGS__)

/**
 * Be a program's main: run fn(arg), print what failed, and return the exit status.
 *
 * SIGINT and SIGTERM cancel fn, and that ends the program with status 128 plus the signal's
 * number; unless a server has claimed them, to drain first. One more ends the process at once. A
 * failure is printed on standard error with its name and detail, and is status 1; otherwise the
 * status is what fn returned, up to 255.
 *
 * With .workers, fn runs once in each of so many child processes, made before any loop exists. The
 * parent runs no task: it holds the listening sockets, so that a worker's successor inherits its
 * queue of connections; it starts a new worker for one that crashed, at growing intervals; it
 * passes signals on; on SIGHUP it replaces the workers one by one, each drained when its successor
 * accepts connections; one that fails before that, or takes a minute, stops the replacing. A worker
 * whose fn returns an error ends the others. With .threads, fn runs once on each of so many loops,
 * and a failure in one cancels the others. What fn builds belongs to its loop.
 *
 * Call it once, from the thread that started the program, before any other thread or loop exists.
 */
PROA_API int proa_main(proa_task_fn *fn, void *arg, const struct proa_main_opts *opts);

PROA_END_DECLS

#endif
