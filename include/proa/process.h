#ifndef PROA_PROCESS_H
#define PROA_PROCESS_H

/*
 * process: other programs, their standard streams, and their ends.
 *
 *     PROA_AUTO(proa_process) *p = NULL;
 *     const char *argv[] = {"sort", "-u", NULL};
 *     int rc = proa_process_start(&p, argv, PROA_PROCESS_OPTS(.input = PROA_STDIO_PIPE,
 *                                                             .output = PROA_STDIO_PIPE));
 *     if (rc == 0)
 *         rc = proa_process_communicate(p, text, &sorted, NULL, &exit);
 *
 * A process belongs to the frame that started it: left by any path, a cancel too, what still runs
 * is asked to end with SIGTERM, killed when its grace is over, and reaped. No signal can reach a
 * stranger that got the number of a process that has ended.
 *
 * The child gets its three standard descriptors and those of .fds, no others; no blocked signals
 * and none ignored, but with the program's own environment and directory unless told otherwise.
 * Needs Linux 5.3 or later (pidfd).
 */

#include <proa/buf.h>
#include <proa/defs.h>
#include <proa/str.h>

#include <sys/types.h>

PROA_BEGIN_DECLS

struct proa_stream;

/** A program that was started. It belongs to the thread of the loop it was started on. */
struct proa_process;

/** Where one of a child's standard descriptors leads. */
enum proa_stdio {
    PROA_STDIO_INHERIT = 0, /* where ours leads */
    PROA_STDIO_PIPE,        /* to us: proa_process_input, _output, _error */
    PROA_STDIO_NULL,        /* nowhere: /dev/null */
    PROA_STDIO_OUTPUT,      /* .error only: where the output leads */
};

/** The number that stands for a descriptor of ours in .input, .output and .error; still ours. */
#define PROA_STDIO_FD(fd) (16 + (fd))

/** How a program is started; zero is the default everywhere. */
struct proa_process_opts {
    size_t size;
    int input;              /* enum proa_stdio, or PROA_STDIO_FD(n) */
    int output;             /* the same */
    int error;              /* the same */
    const char *const *env; /* "NAME=value", ended by NULL; NULL: ours */
    const char *cwd;        /* directory that it starts in; NULL: ours */
    const int *fds;         /* descriptors of ours that it gets as 3, 4, ... */
    size_t n_fds;           /* how many */
    bool new_session;       /* it leads a session of its own, without a terminal */
    bool group;             /* it leads a process group, and signals are for the whole group */
    bool leave;             /* when it is freed while it runs, let it run */
    int64_t grace;          /* from SIGTERM to SIGKILL; 0: 5 s; negative: SIGKILL at once */
};

/** Options of proa_process_start, for example PROA_PROCESS_OPTS(.output = PROA_STDIO_PIPE). */
#define PROA_PROCESS_OPTS(...) PROA_OPTS(proa_process_opts, __VA_ARGS__)

/** How a process ended. */
struct proa_exit {
    int code;   /* 0 to 255; -1 if a signal ended it */
    int signal; /* the signal that ended it, or 0 */
};

/**
 * Start the program argv[0], looked for in PATH if it has no slash, with these arguments.
 *
 * Does not suspend; the thread stands still until the program was loaded.
 *
 * Errors:       PROA_ENOENT (no such program or directory), PROA_EACCES, PROA_ENOEXEC, PROA_E2BIG
 *               and what else the system says; PROA_EINVAL (an empty argv, or options that make no
 *               sense), PROA_EMFILE, PROA_EAGAIN (too many processes), PROA_ENOSYS (no pidfd),
 *               PROA_ENOMEM. Then nothing runs and nothing stays open.
 * Ownership:    the caller frees it with proa_process_free; argv and the options are copied.
 */
PROA_API int proa_process_start(struct proa_process **ret, const char *const *argv,
                                const struct proa_process_opts *opts);

/**
 * Start `command` by /bin/sh -c. What comes from outside must be quoted by the caller: better give
 * it to proa_process_start as an argument of its own.
 *
 * Errors:       as proa_process_start; an unknown command is the shell's exit code 127.
 * Ownership:    as proa_process_start.
 */
PROA_API int proa_process_shell(struct proa_process **ret, const char *command,
                                const struct proa_process_opts *opts);

/**
 * End what still runs, and free it; NULL is nothing.
 *
 * Running, it gets SIGTERM, after .grace SIGKILL, and is reaped; with .leave it runs on, and is
 * reaped when it ends before the loop does. With .group all of its group is ended, also the
 * children it left behind. Its streams are closed first. Freeing what another task waits for is a
 * mistake and stops the program.
 *
 * Suspends:     while it runs, unless .leave. Waits although cancelled.
 * Cancellation: held back until the process is gone.
 */
PROA_API PROA_SUSPENDS void proa_process_free(struct proa_process *process);

PROA_DEFINE_AUTO(proa_process, proa_process_free);

/**
 * The pipe to its standard input; NULL without PROA_STDIO_PIPE.
 *
 * proa_shutdown tells it that no more will come.
 *
 * Ownership:    the process's. Valid until it is freed.
 */
PROA_API struct proa_stream *proa_process_input(struct proa_process *process);

/**
 * The pipe from its standard output; NULL without PROA_STDIO_PIPE.
 *
 * Ownership:    the process's. Valid until it is freed.
 */
PROA_API struct proa_stream *proa_process_output(struct proa_process *process);

/**
 * The pipe from its standard error; NULL without PROA_STDIO_PIPE.
 *
 * Ownership:    the process's. Valid until it is freed.
 */
PROA_API struct proa_stream *proa_process_error(struct proa_process *process);

/**
 * Its number, also after its end.
 */
PROA_API pid_t proa_process_pid(const struct proa_process *process);

/**
 * Wait until it has ended, and tell how in *ret, which may be NULL.
 *
 * About the process alone: its pipes may still have bytes, and a child of its own may hold them
 * open. Any number of tasks may wait, any number of times.
 *
 * Suspends:     yes, unless it has ended.
 * Errors:       PROA_ECANCELED, PROA_ECHILD (somebody else reaped it: how it ended is unknown).
 * Cancellation: the process runs on; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_process_wait(struct proa_process *process, struct proa_exit *ret);

/**
 * Say whether it has ended; then *ret, which may be NULL, tells how, as far as that is known.
 */
PROA_API bool proa_process_is_done(const struct proa_process *process, struct proa_exit *ret);

/**
 * Write what a process is into `buf`: "process 0x55d1c0, pid 4242, running, pipes: input output".
 * Returns the length of that, which may be more than fits, as snprintf does.
 *
 * An ended one has "exited with 3", "ended by SIGKILL", or was "reaped by somebody else". It may
 * lead a group; tasks in proa_process_communicate and proa_process_wait are counted.
 */
PROA_API int proa_process_describe(const struct proa_process *process, char *buf, size_t n);

/**
 * Send it a signal; with .group to all of its group.
 *
 * Errors:       PROA_ESRCH (it has ended), PROA_EINVAL (no such signal), PROA_EPERM (it changed
 *               its user).
 */
PROA_API int proa_process_signal(struct proa_process *process, int signal);

/**
 * Feed it `input`, end its input, read all it writes, and wait for its end: all side by side.
 *
 * What came is added to *ret_output and *ret_error; NULL drops what comes from that pipe. A child
 * that stops reading its input is no error. Descriptors that are no pipes are left alone.
 *
 * Suspends:     yes.
 * Errors:       PROA_EMSGSIZE (more output than a buffer may hold; it runs on), PROA_ECANCELED,
 *               PROA_EINVAL (input, and no pipe for it), PROA_EBUSY (another task uses a pipe),
 *               PROA_ETASKCANCELED (somebody cancelled a task of this call's own), PROA_ENOMEM,
 *               the pipes' codes, and those of proa_process_wait.
 * Cancellation: the process runs on, and what came so far is in the buffers. Called again with the
 *               same input it goes on where it stopped.
 */
PROA_API PROA_SUSPENDS int proa_process_communicate(struct proa_process *process,
                                                    struct proa_str input,
                                                    struct proa_buf *ret_output,
                                                    struct proa_buf *ret_error,
                                                    struct proa_exit *ret);

/**
 * Start a program, proa_process_communicate with it, and free it.
 *
 * A buffer that is not NULL makes that output a pipe; the input is always one.
 *
 * Suspends:     yes. Waits although cancelled for the end of what it killed.
 * Errors:       as proa_process_start and proa_process_communicate.
 * Cancellation: the process has ended; what came is in the buffers.
 */
PROA_API PROA_SUSPENDS int proa_process_run(const char *const *argv, struct proa_str input,
                                            struct proa_buf *ret_output, struct proa_buf *ret_error,
                                            struct proa_exit *ret,
                                            const struct proa_process_opts *opts);

PROA_END_DECLS

#endif
