#include "net/process.h"

#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "core/debug.h"
#include "core/view.h"
#include "core/wait.h"
#include "net/stream.h"

#include <proa/scope.h>
#include <proa/stream.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424 /* the same on all architectures */
#define SYS_pidfd_open 434
#endif

/* Those that were freed with .leave, and run. */
struct left {
    struct loop_guest guest;
    struct list list;
};
static const char left_key;

/* ---- its end */

/* A waiter that was woken may run when the process is gone: it is given what it asks for. */
static void *exit_to_slot(struct proa_exit e)
{
    return (void *)(uintptr_t)((unsigned)(e.code + 1) << 8 | (unsigned)e.signal);
}

static struct proa_exit exit_from_slot(const void *slot)
{
    uintptr_t word = (uintptr_t)slot;

    return (struct proa_exit){.code = (int)(word >> 8) - 1, .signal = (int)(word & 255)};
}

/* How it ended, or PROA_ECHILD. `keep`: it stays a zombie, and its number taken. */
static int reap(struct proa_process *p, bool keep)
{
    siginfo_t info = {0};
    int rc;

    do
        rc = waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | (keep ? WNOWAIT : 0));
    while (rc < 0 && errno == EINTR);
    if (rc < 0)
        return proa__fail(PROA_ECHILD, "process %d was reaped by somebody else", (int)p->pid);
    if (!info.si_pid)
        return PROA_EAGAIN;
    p->exit = info.si_code == CLD_EXITED ? (struct proa_exit){.code = info.si_status}
                                         : (struct proa_exit){.code = -1, .signal = info.si_status};
    return 0;
}

static void stop_watching(struct proa_process *p)
{
    int fd = p->io.fd;

    if (!p->io.loop)
        return;
    proa__io_del(&p->io);
    close(fd);
}

static void drop(struct proa_process *p)
{
    stop_watching(p);
    p->magic = 0;
    proa__free(p);
}

static void on_end(void *arg, unsigned dirs)
{
    struct proa_process *p = arg;
    int rc = reap(p, p->group && !p->left);

    (void)dirs;
    if (rc == PROA_EAGAIN)
        return;
    p->ended = true;
    p->rc = rc;
    if (p->left) {
        list_remove(&p->left_link);
        drop(p);
        return;
    }
    stop_watching(p);
    while (proa__wait_wake(&p->waiters, exit_to_slot(p->exit), rc))
        continue;
}

/* An end that came before the watch began is told when it begins. Where the program ignores SIGCHLD
 * the system has reaped it by then. */
int proa__process_watch(struct proa_process *p)
{
    int fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
    int rc = fd < 0 ? -errno : proa__io_add(p->loop, &p->io, fd, on_end, p);

    if (rc == PROA_ESRCH) {
        p->ended = true;
        p->rc = PROA_ECHILD;
        return 0;
    }
    if (rc == 0)
        return 0;
    if (fd >= 0)
        close(fd);
    return proa__fail(rc, "watching process %d: %s", (int)p->pid, proa_err_text(rc));
}

static void say_state(const struct proa_process *p, struct view *v)
{
    const char *name = p->exit.signal ? sigabbrev_np(p->exit.signal) : NULL;

    if (!p->ended)
        proa__view_say(v, "running");
    else if (p->rc < 0)
        proa__view_say(v, "reaped by somebody else");
    else if (name)
        proa__view_say(v, "ended by SIG%s", name);
    else if (p->exit.signal)
        proa__view_say(v, "ended by signal %d", p->exit.signal);
    else
        proa__view_say(v, "exited with %d", p->exit.code);
}

void proa__process_describe(const void *process, struct view *v)
{
    static const char *const names[] = {"input", "output", "error"};
    const struct proa_process *p = process;
    bool piped = false;

    proa__view_object(v, "process", p);
    proa__view_say(v, ", pid %d%s, ", (int)p->pid, p->group ? ", leads a group" : "");
    say_state(p, v);
    for (int i = 0; i < 3; i++) {
        if (!p->stream[i])
            continue;
        proa__view_say(v, "%s %s", piped ? "" : ", pipes:", names[i]);
        piped = true;
    }
    proa__view_count(v, p->busy, "communicate");
    proa__view_list(v, &p->waiters, "wait");
}

int proa_process_describe(const struct proa_process *process, char *buf, size_t n)
{
    PROA_CHECK_OBJ(process, PROCESS_MAGIC);
    proa__loop_check(process->loop, __func__);
    return proa__view_write(proa__process_describe, process, buf, n);
}

static const struct wait_kind waits = {.call = "proa_process_wait",
                                       .describe = proa__process_describe};

int proa_process_wait(struct proa_process *p, struct proa_exit *ret)
{
    int rc = proa__wait_enter(__func__);
    struct proa_exit e;
    struct wait w;

    PROA_CHECK_OBJ(p, PROCESS_MAGIC);
    proa__loop_check(p->loop, __func__);
    if (rc < 0)
        return rc;
    e = p->exit;
    rc = p->rc;
    if (!p->ended) {
        proa__wait_link(&p->waiters, &w);
        rc = proa__wait_park(&w, 1, &waits, p);
        if (rc < 0)
            return rc;
        rc = w.code;
        e = exit_from_slot(w.slot);
    }
    if (rc < 0)
        return proa__fail(rc, "somebody else reaped the process");
    if (ret)
        *ret = e;
    return 0;
}

bool proa_process_is_done(const struct proa_process *p, struct proa_exit *ret)
{
    PROA_CHECK_OBJ(p, PROCESS_MAGIC);
    if (p->ended && p->rc == 0 && ret)
        *ret = p->exit;
    return p->ended;
}

pid_t proa_process_pid(const struct proa_process *p)
{
    PROA_CHECK_OBJ(p, PROCESS_MAGIC);
    return p->pid;
}

static struct proa_stream *stream(struct proa_process *p, int which)
{
    PROA_CHECK_OBJ(p, PROCESS_MAGIC);
    return p->stream[which];
}

struct proa_stream *proa_process_input(struct proa_process *p)
{
    return stream(p, STDIN_FILENO);
}

struct proa_stream *proa_process_output(struct proa_process *p)
{
    return stream(p, STDOUT_FILENO);
}

struct proa_stream *proa_process_error(struct proa_process *p)
{
    return stream(p, STDERR_FILENO);
}

/* ---- signals */

/* The leader of a group was not reaped, so the group's number is its own. */
static int send_signal(struct proa_process *p, int sig)
{
    long rc = p->group ? kill(-p->pid, sig)
                       : syscall(SYS_pidfd_send_signal, p->io.fd, sig, NULL, 0);

    return rc < 0 ? -errno : 0;
}

int proa_process_signal(struct proa_process *p, int sig)
{
    int rc;

    PROA_CHECK_OBJ(p, PROCESS_MAGIC);
    proa__loop_check(p->loop, __func__);
    rc = p->ended ? PROA_ESRCH : send_signal(p, sig);
    if (rc < 0)
        return proa__fail(rc, "signal %d to process %d: %s", sig, (int)p->pid, proa_err_text(rc));
    return 0;
}

/* ---- free */

static void ask_to_end(struct proa_process *p)
{
    PROA_SHIELD(shield, p->grace);
    PROA_TIMEOUT(timeout, p->grace);
    if (send_signal(p, SIGTERM) == 0) /* the end of the time is no news to anybody */
        (void)proa_timeout_result(&timeout, proa_process_wait(p, NULL));
}

/* Killed, it ends whatever it does; unless the kernel itself is in its way. */
static void kill_and_reap(struct proa_process *p)
{
    struct wait w;

    send_signal(p, SIGKILL);
    while (!p->ended) {
        proa__wait_link(&p->waiters, &w);
        proa__wait_park_firm(&w, 1, &waits, p);
    }
}

static void free_left(struct loop_guest *guest)
{
    struct left *left = CONTAINER_OF(guest, struct left, guest);
    struct list *link;

    while ((link = list_pop(&left->list)))
        drop(CONTAINER_OF(link, struct proa_process, left_link));
    proa__free(left);
}

/* The loop keeps it until it ends. Without the memory for that it stays a zombie to our own end. */
static void leave(struct proa_process *p)
{
    struct loop_guest *guest = proa__loop_guest(p->loop, &left_key);
    struct left *left = guest ? CONTAINER_OF(guest, struct left, guest)
                              : proa__zalloc(sizeof *left);

    if (!left) {
        drop(p);
        return;
    }
    if (!guest) {
        list_init(&left->list);
        proa__loop_adopt(p->loop, &left->guest, &left_key, free_left);
    }
    p->left = true;
    list_push(&left->list, &p->left_link);
}

void proa_process_free(struct proa_process *p)
{
    if (!p)
        return;
    PROA_CHECK_OBJ(p, PROCESS_MAGIC);
    proa__loop_check(p->loop, __func__);
    PROA_CHECK(list_empty(&p->waiters) && !p->busy,
               "proa_process_free: a task still waits for process %d", (int)p->pid);
    debug_closed(p);
    for (int i = 0; i < 3; i++)
        proa_stream_free(p->stream[i]);
    if (!p->ended && p->leave) {
        leave(p);
        return;
    }
    if (!p->ended && p->grace > 0)
        ask_to_end(p);
    if (!p->ended)
        kill_and_reap(p);
    if (p->group && p->rc == 0) {
        if (!p->leave)
            send_signal(p, SIGKILL); /* what it left behind */
        reap(p, false);              /* its number is free now */
    }
    drop(p);
}
