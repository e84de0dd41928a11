#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/debug.h"
#include "net/fd_stream.h"
#include "net/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_FDS ((size_t)64) /* of .fds; more is a mistake */
#define NO_FD (-1)

/* What leads to the child: descriptors of ours above all numbers that it will use, so that putting
 * them in their places overwrites none. */
struct plan {
    const struct proa_process_opts *opts;
    struct proa_process *process;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int above;            /* the lowest number out of the way */
    int n_fds;            /* in fds */
    int fds[3 + MAX_FDS]; /* to be closed when the child runs */
};

/* Keep a copy of `fd` out of the way; the copy's number. */
static int keep(struct plan *plan, int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, plan->above);

    if (copy < 0)
        return -errno;
    plan->fds[plan->n_fds++] = copy;
    return copy;
}

/* The child gets a copy of `fd` as `as`. */
static int pass(struct plan *plan, int fd, int as)
{
    int copy = keep(plan, fd);

    if (copy < 0)
        return proa__fail(copy, "descriptor %d for a child: %s", fd, proa_err_text(copy));
    return -posix_spawn_file_actions_adddup2(&plan->actions, copy, as);
}

static int pass_pipe(struct plan *plan, int as)
{
    int ours = as == STDIN_FILENO; /* we write what it reads */
    int ends[2], rc;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return proa__fail(-errno, "a pipe for a child: %s", proa_err_text(-errno));
    rc = pass(plan, ends[!ours], as);
    close(ends[!ours]);
    if (rc == 0 && fcntl(ends[ours], F_SETFL, O_NONBLOCK) < 0) /* the child's may block */
        rc = -errno;
    if (rc == 0)
        rc = proa_stream_from_fd(&plan->process->stream[as], ends[ours]);
    if (rc < 0)
        close(ends[ours]);
    return rc;
}

static int pass_standard(struct plan *plan, int how, int as)
{
    switch (how) {
    case PROA_STDIO_INHERIT:
        return 0;
    case PROA_STDIO_PIPE:
        return pass_pipe(plan, as);
    case PROA_STDIO_NULL:
        return -posix_spawn_file_actions_addopen(&plan->actions, as, "/dev/null", O_RDWR, 0);
    case PROA_STDIO_OUTPUT:
        if (as == STDERR_FILENO)
            return -posix_spawn_file_actions_adddup2(&plan->actions, STDOUT_FILENO, as);
    }
    if (how < PROA_STDIO_FD(0))
        return proa__fail(PROA_EINVAL, "a child's descriptor %d leads to %d, which is nowhere", as,
                          how);
    return pass(plan, how - PROA_STDIO_FD(0), as);
}

static int plan_descriptors(struct plan *plan)
{
    const struct proa_process_opts *o = plan->opts;
    int rc = pass_standard(plan, o->input, STDIN_FILENO);

    if (rc == 0)
        rc = pass_standard(plan, o->output, STDOUT_FILENO);
    if (rc == 0)
        rc = pass_standard(plan, o->error, STDERR_FILENO);
    for (size_t i = 0; rc == 0 && i < o->n_fds; i++)
        rc = pass(plan, o->fds[i], 3 + (int)i);
    if (rc == 0)
        rc = -posix_spawn_file_actions_addclosefrom_np(&plan->actions, 3 + (int)o->n_fds);
    return rc;
}

static int plan_attributes(struct plan *plan)
{
    const struct proa_process_opts *o = plan->opts;
    int flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    sigset_t set;
    int rc = 0;

    if (o->new_session)
        flags |= POSIX_SPAWN_SETSID;
    else if (o->group)
        flags |= POSIX_SPAWN_SETPGROUP; /* to its own number: the attribute is 0 */
    sigfillset(&set);
    posix_spawnattr_setsigdefault(&plan->attr, &set);
    sigemptyset(&set);
    posix_spawnattr_setsigmask(&plan->attr, &set);
    rc = -posix_spawnattr_setflags(&plan->attr, (short)flags);
    if (rc == 0 && o->cwd)
        rc = -posix_spawn_file_actions_addchdir_np(&plan->actions, o->cwd);
    return rc;
}

static int spawn(struct plan *plan, const char *const *argv)
{
    const struct proa_process_opts *o = plan->opts;
    struct proa_process *p = plan->process;
    char *const *env = o->env ? (char *const *)(uintptr_t)o->env : environ;
    int rc = -posix_spawnp(&p->pid, argv[0], &plan->actions, &plan->attr,
                           (char *const *)(uintptr_t)argv, env);

    if (rc < 0)
        return proa__fail(rc, "starting %s%s%s: %s", argv[0], o->cwd ? " in " : "",
                          o->cwd ? o->cwd : "", proa_err_text(rc));
    rc = proa__process_watch(p);
    if (rc < 0) { /* nobody would learn of its end */
        kill(p->pid, SIGKILL);
        waitpid(p->pid, NULL, 0);
    }
    return rc;
}

static int plan_and_spawn(struct plan *plan, const char *const *argv)
{
    int rc = plan_descriptors(plan);

    if (rc == 0)
        rc = plan_attributes(plan);
    if (rc == 0)
        rc = spawn(plan, argv);
    for (int i = 0; i < plan->n_fds; i++)
        close(plan->fds[i]);
    return rc;
}

static int start(struct proa_process *p, const char *const *argv,
                 const struct proa_process_opts *opts)
{
    struct plan plan = {.opts = opts, .process = p, .above = 3 + (int)opts->n_fds};
    int rc = -posix_spawn_file_actions_init(&plan.actions);

    if (rc < 0)
        return rc;
    rc = -posix_spawnattr_init(&plan.attr);
    if (rc == 0) {
        rc = plan_and_spawn(&plan, argv);
        posix_spawnattr_destroy(&plan.attr);
    }
    posix_spawn_file_actions_destroy(&plan.actions);
    return rc;
}

static int check_opts(struct proa_process_opts *o, const char *const *argv,
                      const struct proa_process_opts *opts)
{
    int rc = proa__opts_copy(o, sizeof *o, opts);

    if (rc < 0)
        return rc;
    if (!argv || !argv[0] || !*argv[0])
        return proa__fail(PROA_EINVAL, "no program is named");
    if (o->n_fds > MAX_FDS || (o->n_fds && !o->fds))
        return proa__fail(PROA_EINVAL, "%zu descriptors for a child", o->n_fds);
    if (o->grace == 0)
        o->grace = 5 * PROA_SEC;
    return 0;
}

int proa_process_start(struct proa_process **ret, const char *const *argv,
                       const struct proa_process_opts *opts)
{
    struct proa_process_opts o;
    struct proa_process *p;
    int rc = check_opts(&o, argv, opts);

    if (rc < 0)
        return rc;
    p = proa__zalloc(sizeof *p);
    if (!p)
        return proa__fail(PROA_ENOMEM, "no memory for a process");
    p->loop = proa__loop_need(__func__);
    p->group = o.group;
    p->leave = o.leave;
    p->grace = o.grace;
    list_init(&p->waiters);
    rc = start(p, argv, &o);
    if (rc < 0) {
        for (int i = 0; i < 3; i++)
            proa_stream_free(p->stream[i]);
        proa__free(p);
        return rc;
    }
    p->magic = PROCESS_MAGIC;
    debug_opened(proa__process_describe, p);
    *ret = p;
    return 0;
}

int proa_process_shell(struct proa_process **ret, const char *command,
                       const struct proa_process_opts *opts)
{
    const char *argv[] = {"/bin/sh", "-c", command, NULL};

    if (!command)
        return proa__fail(PROA_EINVAL, "no command is named");
    return proa_process_start(ret, argv, opts);
}
