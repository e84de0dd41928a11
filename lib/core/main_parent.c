#include "core/main_parent.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/counters.h"
#include "core/main.h"
#include "core/signal.h"

#include <proa/err.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKOFF_FIRST                                                                              \
    (100 * PROA_MS) /* before a crashed worker's successor starts; then doubled                    \
                     */
#define BACKOFF_MOST (10 * PROA_SEC)
#define LIVED_LONG (10 * PROA_SEC) /* a worker that did starts the back-off anew */

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD};

/* ---- starting one */

static void do_nothing(int signo)
{
    (void)signo;
}

/* SIGHUP means something to the parent, and may reach its whole group; a worker does not die of it.
 * Not SIG_IGN, which what a worker executes would inherit. */
static void survive_hangup(void)
{
    struct sigaction harmless = {.sa_handler = do_nothing, .sa_flags = SA_RESTART};
    struct sigaction now;

    if (sigaction(SIGHUP, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
        sigaction(SIGHUP, &harmless, NULL);
}

/* In the child: nothing of the parent stays but its end of the pair. */
static void become_worker(struct parent *p, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        raise(SIGTERM); /* it died meanwhile; blocked until the mask is back */
    for (unsigned i = 0; i < p->n; i++)
        proa__worker_hang_up(&p->workers[i]);
    if (p->fresh)
        proa__worker_hang_up(p->fresh);
    close(p->signals);
    proa__listen_table_fini(&p->table, false);
    proa__signals_set_parent(parent);
    survive_hangup(); /* before the mask is back */
}

static bool is_taken(const struct parent *p, unsigned column)
{
    for (unsigned i = 0; i < p->n; i++)
        if (p->workers[i].pid && p->workers[i].column == column)
            return true;
    for (const struct worker *w = p->retired; w; w = w->next)
        if (w->column == column)
            return true;
    return p->fresh && p->fresh->pid && p->fresh->column == column;
}

/* Columns of counters that no living worker has. */
static unsigned free_columns(const struct parent *p)
{
    unsigned column = 1;

    while (is_taken(p, column))
        column += p->slots_each;
    return column + p->slots_each <= COUNTER_COLUMNS ? column : 0;
}

int proa__worker_start(struct parent *p, struct worker *w, int *ret_socket)
{
    pid_t parent = getpid();
    int pair[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    proa__listen_table_renew(&p->table, w->slot);
    w->column = free_columns(p);
    fflush(NULL); /* or the child would write the parent's buffers again */
    pid = fork();
    if (pid == 0) {
        close(pair[0]);
        become_worker(p, parent);
        proa__counters_process(w->column);
        *ret_socket = pair[1];
        return 1;
    }
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return -errno;
    }
    w->pid = pid;
    w->socket = pair[0];
    w->started = proa__clock_mono();
    w->restart_at = PROA_FOREVER;
    w->accepts = 0;
    return 0;
}

void proa__worker_hang_up(struct worker *w)
{
    if (w->socket >= 0)
        close(w->socket);
    w->socket = -1;
}

/* ---- ending them */

static void signal_workers(const struct parent *p, int signo)
{
    for (unsigned i = 0; i < p->n; i++)
        if (p->workers[i].pid)
            kill(p->workers[i].pid, signo);
}

static void signal_retired(const struct parent *p, int signo)
{
    for (const struct worker *w = p->retired; w; w = w->next)
        kill(w->pid, signo);
}

/* The retired have been told to end, once; a second SIGTERM presses them as it does the others. */
static void end_all(struct parent *p)
{
    bool again = p->ending;

    p->ending = true;
    proa__rollout_end(p);
    for (unsigned i = 0; i < p->n; i++)
        p->workers[i].restart_at = PROA_FOREVER;
    signal_workers(p, SIGTERM);
    if (again)
        signal_retired(p, SIGTERM);
}

static void finish(struct parent *p, int status)
{
    if (!p->status)
        p->status = status;
    if (status && !p->ending)
        end_all(p);
}

/* ---- what came of one */

static void crashed(struct parent *p, struct worker *w, pid_t pid, int signo)
{
    int64_t now = proa__clock_mono();

    if (p->ending) {
        finish(p, 128 + signo);
        return;
    }
    if (!w->backoff || now - w->started >= LIVED_LONG)
        w->backoff = BACKOFF_FIRST;
    else if (w->backoff < BACKOFF_MOST)
        w->backoff = w->backoff * 2 < BACKOFF_MOST ? w->backoff * 2 : BACKOFF_MOST;
    w->restart_at = now + w->backoff;
    proa__log(PROA_LOG_ERROR, "worker %d was killed by signal %d; another starts in %d ms",
              (int)pid, signo, (int)(w->backoff / PROA_MS));
}

static void hear(struct parent *p, struct worker *w);

static void ended(struct parent *p, struct worker *w, int status)
{
    pid_t pid = w->pid;

    if (w->socket >= 0)
        hear(p, w); /* its last words */
    w->pid = 0;
    proa__counters_ended(w->column, p->slots_each);
    proa__worker_hang_up(w);
    if (WIFSIGNALED(status))
        crashed(p, w, pid, WTERMSIG(status));
    else
        finish(p, WEXITSTATUS(status));
}

static void retired_ended(const struct parent *p, struct worker **at)
{
    struct worker *w = *at;

    proa__counters_ended(w->column, p->slots_each);
    *at = w->next;
    proa__free(w);
}

static void fresh_ended(struct parent *p, int status)
{
    if (p->fresh->socket >= 0)
        hear(p, p->fresh);
    proa__counters_ended(p->fresh->column, p->slots_each);
    proa__rollout_failed(p, status);
}

static void reap(struct parent *p)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (unsigned i = 0; i < p->n; i++)
            if (p->workers[i].pid == pid)
                ended(p, &p->workers[i], status);
        if (p->fresh && p->fresh->pid == pid)
            fresh_ended(p, status);
        for (struct worker **at = &p->retired; *at; at = &(*at)->next)
            if ((*at)->pid == pid) {
                retired_ended(p, at);
                break;
            }
    }
}

/* ---- signals */

/* Those of one burst are passed on as one, like a worker counts them. */
static void on_end(struct parent *p)
{
    int64_t now = proa__clock_mono();
    bool again = p->ended_at && now - p->ended_at < proa__signals_burst;

    p->ended_at = now;
    if (!again)
        end_all(p);
}

static void pass_on(const struct parent *p, int signo)
{
    signal_workers(p, signo);
    if (p->fresh)
        kill(p->fresh->pid, signo);
    signal_retired(p, signo);
}

static void on_signals(struct parent *p)
{
    struct signalfd_siginfo info;

    while (read(p->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        int signo = (int)info.ssi_signo;

        if (signo == SIGCHLD)
            reap(p);
        else if (signo == SIGINT || signo == SIGTERM)
            on_end(p);
        else if (signo != SIGHUP)
            pass_on(p, signo);
        else if (!p->ending)
            proa__rollout_begin(p);
    }
}

/* ---- what they say */

static void on_failed(struct parent *p, const struct worker *w, struct main_message *m)
{
    m->u.text[sizeof m->u.text - 1] = '\0';
    if (w == p->fresh) {
        memcpy(p->reason, m->u.text, sizeof p->reason); /* told with its end */
        return;
    }
    if (strcmp(p->told, m->u.text) == 0)
        return;
    memcpy(p->told, m->u.text, sizeof p->told);
    proa__log(PROA_LOG_ERROR, "%s", p->told);
}

static void hear(struct parent *p, struct worker *w)
{
    struct main_message m;
    ssize_t n;

    while ((n = recv(w->socket, &m, sizeof m, MSG_DONTWAIT)) == (ssize_t)sizeof m) {
        if (m.kind == MAIN_LISTENER) {
            int fd = proa__listen_table_get(&p->table, m.slot, &m.u.want);

            proa__main_answer(w->socket, fd < 0 ? fd : 0, fd);
        } else if (m.kind == MAIN_FAILED) {
            on_failed(p, w, &m);
        } else if (m.kind == MAIN_ACCEPTS) {
            w->accepts++;
        }
    }
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        proa__worker_hang_up(w);
}

/* ---- the parent's life */

/* Start who is due. 1 in the child. */
static int start_due(struct parent *p, unsigned *ret_slot, int *ret_socket)
{
    int64_t now = proa__clock_mono();

    for (unsigned i = 0; i < p->n; i++) {
        struct worker *w = &p->workers[i];
        int rc;

        if (w->pid || w->restart_at > now)
            continue;
        *ret_slot = w->slot;
        rc = proa__worker_start(p, w, ret_socket);
        if (rc == 1)
            return 1;
        if (rc < 0) {
            proa__log(PROA_LOG_ERROR, "a worker could not be started: %s", proa_err_text(rc));
            w->restart_at = now + BACKOFF_MOST;
        }
    }
    return proa__rollout_go_on(p, ret_slot, ret_socket);
}

static int poll_timeout(const struct parent *p)
{
    int64_t next = PROA_FOREVER;

    for (unsigned i = 0; i < p->n; i++)
        if (!p->workers[i].pid && p->workers[i].restart_at < next)
            next = p->workers[i].restart_at;
    if (proa__rollout_due(p) < next)
        next = proa__rollout_due(p);
    if (next == PROA_FOREVER)
        return -1;
    next -= proa__clock_mono();
    return next <= 0 ? 0 : (int)(next / PROA_MS) + 1;
}

static bool anybody_left(const struct parent *p)
{
    for (unsigned i = 0; i < p->n; i++)
        if (p->workers[i].pid || p->workers[i].restart_at != PROA_FOREVER)
            return true;
    return p->retired || p->fresh;
}

/* Wait for signals and for what workers of the present and the next one say. */
static void wait_for_news(struct parent *p, struct pollfd *fds)
{
    struct pollfd *fresh = &fds[p->n];
    struct pollfd *signals = &fds[p->n + 1];

    for (unsigned i = 0; i < p->n; i++)
        fds[i] = (struct pollfd){.fd = p->workers[i].socket, .events = POLLIN};
    *fresh = (struct pollfd){.fd = p->fresh ? p->fresh->socket : -1, .events = POLLIN};
    *signals = (struct pollfd){.fd = p->signals, .events = POLLIN};
    if (poll(fds, p->n + 2, poll_timeout(p)) <= 0)
        return;
    for (unsigned i = 0; i < p->n; i++)
        if (fds[i].revents && p->workers[i].socket >= 0)
            hear(p, &p->workers[i]);
    if (fresh->revents)
        hear(p, p->fresh);
    if (signals->revents)
        on_signals(p);
}

static int open_signals(struct parent *p)
{
    sigset_t mask;

    sigemptyset(&mask);
    for (size_t i = 0; i < sizeof passed_on / sizeof passed_on[0]; i++)
        sigaddset(&mask, passed_on[i]);
    sigprocmask(SIG_BLOCK, &mask, &p->mask_before);
    p->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    return p->signals < 0 ? -errno : 0;
}

static int look_after(struct parent *p, struct pollfd *fds, unsigned *ret_slot, int *ret_socket)
{
    int rc;

    while (anybody_left(p)) {
        if (start_due(p, ret_slot, ret_socket) == 1)
            return -1;
        wait_for_news(p, fds);
    }
    rc = p->status;
    proa__listen_table_fini(&p->table, true);
    close(p->signals);
    return rc;
}

int proa__parent_run(unsigned workers, unsigned slots_each, unsigned *ret_slot, int *ret_socket)
{
    struct parent *p = proa__zalloc(sizeof *p + workers * sizeof p->workers[0]);
    struct pollfd *fds = proa__zalloc_array(workers + 2, sizeof *fds);
    int rc = p && fds ? open_signals(p) : PROA_ENOMEM;

    if (rc < 0) {
        proa__log(PROA_LOG_ERROR, "workers could not be started: %s", proa_err_text(rc));
        rc = 1;
    } else {
        proa__counters(); /* before the first fork, so that all have the same */
        p->n = workers;
        p->slots_each = slots_each;
        p->at = workers;
        for (unsigned i = 0; i < workers; i++) {
            p->workers[i].slot = i * slots_each;
            p->workers[i].socket = -1;
        }
        rc = look_after(p, fds, ret_slot, ret_socket);
    }
    if (p)
        sigprocmask(SIG_SETMASK, &p->mask_before, NULL);
    while (p && p->retired) { /* a worker, too, leaves here, and has copies of them */
        struct worker *w = p->retired;
        p->retired = w->next;
        proa__free(w);
    }
    proa__free(p ? p->fresh : NULL);
    proa__free(fds);
    proa__free(p);
    return rc;
}
