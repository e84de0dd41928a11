#include "core/trace.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "core/alt_stack.h"
#include "core/loop.h"
#include "core/sched.h"

#include <proa/err.h>

#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* ---- taking one */

#define OUR_FRAMES 8 /* of the handler, above what it interrupted */

void proa__trace_prepare(void)
{
    void *at[2];

    backtrace(at, 2); /* loads libgcc_s; the handlers then need no memory */
}

void proa__trace_capture(struct trace *ret)
{
    void *at[TRACE_DEPTH + 2];
    int n = backtrace(at, TRACE_DEPTH + 2);

    ret->exact = false;
    ret->n = n > 2 ? (size_t)n - 2 : 0; /* not this function, nor where it was called */
    memcpy(ret->at, at + 2, ret->n * sizeof at[0]);
}

const void *proa__trace_pc(const void *ucontext)
{
    const ucontext_t *context = ucontext;

#if defined(__x86_64__)
    return (void *)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (void *)context->uc_mcontext.pc;
#else
    (void)context;
    return NULL;
#endif
}

const void *proa__trace_sp(const void *ucontext)
{
    const ucontext_t *context = ucontext;

#if defined(__x86_64__)
    return (void *)context->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    return (void *)context->uc_mcontext.sp;
#else
    (void)context;
    return NULL;
#endif
}

void proa__trace_interrupted(struct trace *ret, const void *context)
{
    void *at[TRACE_DEPTH + OUR_FRAMES];
    const void *pc = proa__trace_pc(context);
    int n = backtrace(at, TRACE_DEPTH + OUR_FRAMES);
    int first = 0;

    while (first < n && first <= OUR_FRAMES && at[first] != pc)
        first++;
    if (first == n || first > OUR_FRAMES)
        first = n > 2 ? 2 : 0;
    ret->exact = at[first] == pc;
    ret->n = (size_t)(n - first) < TRACE_DEPTH ? (size_t)(n - first) : TRACE_DEPTH;
    memcpy(ret->at, at + first, ret->n * sizeof at[0]);
}

/* ---- asking another thread */

enum { IDLE, ASKED, WRITING, WRITTEN };

struct trace_target {
    struct proa_loop *loop;
    pid_t thread;
    unsigned n_users;
    bool blocked; /* the thread did not take the signal before */
    atomic_int state;
    sem_t written;
    struct trace_held held; /* the handler's while WRITING, else the asker's */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* over all below, and over asking */
static unsigned n_targets;
static int signo; /* 0: none is free */
static struct sigaction before;

static _Thread_local struct trace_target *here __attribute__((tls_model("initial-exec")));

void proa__trace_who(struct trace_held *held)
{
    const struct proa_task *t = proa__task_here;

    held->in_task = t != NULL;
    held->name[0] = '\0';
    held->seq = t ? t->seq : 0;
    held->number = t ? t->seq - t->sched->first_seq + 1 : 0;
    if (t && t->more && t->more->name)
        memcpy(held->name, t->more->name, strnlen(t->more->name, TASK_NAME_MAX - 1) + 1);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    struct trace_target *target = here;
    int error = errno;
    int asked = ASKED;

    (void)number;
    (void)info;
    if (!target || !atomic_compare_exchange_strong(&target->state, &asked, WRITING))
        return;
    proa__trace_who(&target->held);
    target->held.outside = !target->loop->running;
    target->held.slice = atomic_load_explicit(&target->loop->slice, memory_order_relaxed);
    proa__trace_interrupted(&target->held.trace, context);
    atomic_store(&target->state, WRITTEN);
    sem_post(&target->written);
    errno = error;
}

static bool claim(int candidate)
{
    struct sigaction ours = {.sa_sigaction = on_signal,
                             .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};

    if (sigaction(candidate, NULL, &before) < 0 || (before.sa_flags & SA_SIGINFO) ||
        before.sa_handler != SIG_DFL)
        return false;
    sigfillset(&ours.sa_mask);
    return sigaction(candidate, &ours, NULL) == 0;
}

/* With the lock held. */
static bool install(void)
{
    if (n_targets == 0)
        signo = claim(SIGURG) ? SIGURG : claim(SIGWINCH) ? SIGWINCH : 0;
    if (!signo)
        return false;
    n_targets++;
    return true;
}

/* The program may have set a handler of its own meanwhile. */
static bool still_ours(void)
{
    struct sigaction now;

    return sigaction(signo, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
           now.sa_sigaction == on_signal;
}

static void uninstall(void)
{
    if (--n_targets > 0)
        return;
    if (still_ours())
        sigaction(signo, &before, NULL);
    signo = 0;
}

/* Threads that proa started block all signals. Returns what was so before. */
static bool block(int how)
{
    sigset_t one;
    sigset_t all;

    sigemptyset(&one);
    sigaddset(&one, signo);
    pthread_sigmask(how, &one, &all);
    return sigismember(&all, signo) == 1;
}

static int open_target(struct proa_loop *loop)
{
    struct trace_target *target = proa__zalloc(sizeof *target);
    bool installed;

    if (!target)
        return PROA_ENOMEM;
    if (proa__alt_stack_take() < 0) {
        proa__free(target);
        return PROA_ENOMEM;
    }
    pthread_mutex_lock(&lock);
    installed = install();
    if (installed) {
        target->loop = loop;
        target->thread = (pid_t)syscall(SYS_gettid);
        sem_init(&target->written, 0, 0);
        here = target;
        loop->trace = target;
        target->blocked = block(SIG_UNBLOCK);
    }
    pthread_mutex_unlock(&lock);
    if (installed)
        return 0;
    proa__alt_stack_give();
    proa__free(target);
    return PROA_EBUSY;
}

int proa__trace_open(struct proa_loop *loop)
{
    int rc = 0;

    proa__loop_check(loop, __func__);
    proa__trace_prepare();
    if (!loop->trace)
        rc = open_target(loop);
    if (rc == 0)
        loop->trace->n_users++;
    return rc;
}

void proa__trace_close(struct proa_loop *loop)
{
    struct trace_target *target = loop->trace;

    if (--target->n_users > 0)
        return;
    pthread_mutex_lock(&lock); /* who asks holds it, so none does */
    if (target->blocked)
        block(SIG_BLOCK);
    here = NULL;
    loop->trace = NULL;
    uninstall();
    pthread_mutex_unlock(&lock);
    sem_destroy(&target->written);
    proa__alt_stack_give();
    proa__free(target);
}

/* Wait until it is written: until `end`, but for the end of a writing that has begun. */
static bool await(struct trace_target *target, int64_t ns)
{
    int64_t end = proa__clock_mono() + ns;
    struct timespec until = {.tv_sec = end / PROA_SEC, .tv_nsec = end % PROA_SEC};
    int asked = ASKED;

    while (sem_clockwait(&target->written, CLOCK_MONOTONIC, &until) < 0) {
        if (errno == EINTR)
            continue;
        if (atomic_compare_exchange_strong(&target->state, &asked, IDLE))
            return false;
        while (sem_wait(&target->written) < 0) {}
        return true;
    }
    return true;
}

int proa__trace_interrupt(struct proa_loop *loop, int64_t ns, struct trace_held *ret)
{
    struct trace_target *target;
    int rc = PROA_ENOSYS;

    pthread_mutex_lock(&lock);
    target = loop->trace;
    if (target && !still_ours()) {
        rc = PROA_EBUSY; /* it would get a signal that nobody sent */
    } else if (target) {
        atomic_store(&target->state, ASKED);
        rc = PROA_ETIMEDOUT;
        if (syscall(SYS_tgkill, getpid(), target->thread, signo) == 0 && await(target, ns) &&
            atomic_load(&target->state) == WRITTEN) {
            *ret = target->held;
            rc = 0;
        }
        atomic_store(&target->state, IDLE);
    }
    pthread_mutex_unlock(&lock);
    return rc;
}

const char *proa__trace_held_name(const struct trace_held *held, char buf[TRACE_NAME_MAX])
{
    if (held->outside)
        return "the program outside of the loop";
    if (!held->in_task)
        return "a callback of the loop";
    if (held->name[0])
        snprintf(buf, TRACE_NAME_MAX, "task %s", held->name);
    else
        snprintf(buf, TRACE_NAME_MAX, "task task-%llu", (unsigned long long)held->number);
    return buf;
}
