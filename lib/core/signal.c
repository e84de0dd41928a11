#include "core/signal.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "core/loop.h"

#include <proa/err.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define LOOPS_MOST 64
#define SIGNALS_END 65 /* signal numbers are below */

/* What the handler sees of a loop. A free one has fd -1. */
struct slot {
    atomic_int fd;
    atomic_uint_least64_t pending; /* a bit a signal */
};

struct signals {
    struct slot *slot;
    struct list watches; /* struct signal_watch, oldest first */
    struct signal_watch ends[2];
    signal_fn *cancel;
    void *cancel_arg;
    signal_fn *claim; /* counted in `claims` while `cancel` is set */
    void *claim_arg;
    int seen; /* SIGINT and SIGTERM that this loop was told of */
};

static struct slot slots[LOOPS_MOST];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* over the next three */
static bool slots_ready;
static unsigned watched[SIGNALS_END]; /* how many watches of all loops */
static struct sigaction before[SIGNALS_END];

static atomic_int handling; /* handlers that run now, in any thread */
static atomic_int ending;   /* loops whose run SIGINT and SIGTERM end */
static atomic_int claims;
static atomic_int_least64_t last_end; /* when SIGINT or SIGTERM came last */
static atomic_int count;              /* of SIGINT and SIGTERM, as they count */
static atomic_int parents;            /* of those, the parent's */
static atomic_int ended_by;
static atomic_int parent; /* process id; 0: everybody's signals count */

int64_t proa__signals_burst = 100 * PROA_MS;

/* Several within a moment are one: timeout(1) and service managers send to process and group. */
static bool in_burst(void)
{
    int64_t now = proa__clock_mono();
    int64_t last = atomic_exchange(&last_end, now);

    return now - last < proa__signals_burst;
}

/* How far SIGINT and SIGTERM have come with this one. The parent knows of bursts itself. */
static int count_end(const siginfo_t *info)
{
    int pid = atomic_load(&parent);

    if (pid == 0)
        return in_burst() && atomic_load(&count) ? 0 : atomic_fetch_add(&count, 1) + 1;
    if (info->si_pid == pid)
        atomic_store(&count, atomic_fetch_add(&parents, 1) + 1);
    else if (atomic_load(&count) == 0)
        atomic_store(&count, 1);
    return atomic_load(&count);
}

static void die_of(int signo)
{
    struct sigaction deadly = {.sa_handler = SIG_DFL};

    sigaction(signo, &deadly, NULL);
    raise(signo); /* blocked here; takes effect as the handler returns */
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
    int saved = errno;
    uint64_t one = 1;

    (void)context;
    atomic_fetch_add(&handling, 1);
    if ((signo == SIGINT || signo == SIGTERM) && atomic_load(&ending)) {
        int n = count_end(info);

        atomic_store(&ended_by, signo);
        if (n > (atomic_load(&claims) ? 2 : 1))
            die_of(signo);
    }
    for (int i = 0; i < LOOPS_MOST; i++) {
        int fd = atomic_load(&slots[i].fd);

        if (fd < 0)
            continue;
        atomic_fetch_or(&slots[i].pending, UINT64_C(1) << (signo - 1));
        if (write(fd, &one, sizeof one) < 0)
            continue; /* full: the loop is awake */
    }
    atomic_fetch_sub(&handling, 1);
    errno = saved;
}

static struct slot *take_slot(int fd)
{
    struct slot *slot = NULL;

    pthread_mutex_lock(&lock);
    for (int i = 0; i < LOOPS_MOST && !slots_ready; i++)
        atomic_store(&slots[i].fd, -1);
    slots_ready = true;
    for (int i = 0; i < LOOPS_MOST && !slot; i++)
        if (atomic_load(&slots[i].fd) < 0)
            slot = &slots[i];
    if (slot) {
        atomic_store(&slot->pending, 0);
        atomic_store(&slot->fd, fd);
    }
    pthread_mutex_unlock(&lock);
    return slot;
}

static int signals_of(struct proa_loop *loop, struct signals **ret)
{
    struct signals *s = loop->signals;

    if (!s) {
        s = proa__zalloc(sizeof *s);
        if (!s)
            return PROA_ENOMEM;
        s->slot = take_slot(loop->wake.fd);
        if (!s->slot) {
            proa__free(s);
            return PROA_EAGAIN;
        }
        list_init(&s->watches);
        loop->signals = s;
    }
    *ret = s;
    return 0;
}

static int install(int signo)
{
    struct sigaction ours = {.sa_sigaction = on_signal,
                             .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    int rc = 0;

    sigfillset(&ours.sa_mask);
    pthread_mutex_lock(&lock);
    if (watched[signo] == 0 && sigaction(signo, &ours, &before[signo]) < 0)
        rc = -errno;
    else
        watched[signo]++;
    pthread_mutex_unlock(&lock);
    return rc;
}

static void uninstall(int signo)
{
    pthread_mutex_lock(&lock);
    if (--watched[signo] == 0)
        sigaction(signo, &before[signo], NULL);
    pthread_mutex_unlock(&lock);
}

int proa__signal_watch(struct proa_loop *loop, struct signal_watch *w, int signo, signal_fn *fn,
                       void *arg)
{
    struct signals *s;
    int rc;

    proa__loop_check(loop, __func__);
    if (signo < 1 || signo >= SIGNALS_END)
        return PROA_EINVAL;
    rc = signals_of(loop, &s);
    if (rc < 0)
        return rc;
    rc = install(signo);
    if (rc < 0)
        return rc;
    w->loop = loop;
    w->signo = signo;
    w->fn = fn;
    w->arg = arg;
    list_push(&s->watches, &w->link);
    proa__loop_outside(loop, 1);
    return 0;
}

void proa__signal_unwatch(struct signal_watch *w)
{
    if (!w->loop)
        return;
    uninstall(w->signo);
    list_remove(&w->link);
    proa__loop_outside(w->loop, -1);
    w->loop = NULL;
}

/* SIGINT or SIGTERM came; as often as the handler counted. */
static void on_end(void *arg, int signo)
{
    struct signals *s = arg;
    int n = atomic_load(&count);

    while (s->seen < n) {
        s->seen++;
        if (s->seen == 1 && s->claim)
            s->claim(s->claim_arg, signo);
        else
            s->cancel(s->cancel_arg, signo);
    }
}

int proa__signals_end(struct proa_loop *loop, signal_fn *cancel, void *arg)
{
    static const int signos[2] = {SIGINT, SIGTERM};
    struct signals *s;
    int rc = signals_of(loop, &s);

    if (rc < 0)
        return rc;
    PROA_CHECK(!s->cancel, "proa__signals_end: called twice");
    s->cancel = cancel;
    s->cancel_arg = arg;
    atomic_fetch_add(&ending, 1);
    if (s->claim)
        atomic_fetch_add(&claims, 1);
    for (int i = 0; i < 2 && rc == 0; i++)
        rc = proa__signal_watch(loop, &s->ends[i], signos[i], on_end, s);
    return rc;
}

void proa__signals_end_stop(struct proa_loop *loop)
{
    struct signals *s = loop->signals;

    if (!s || !s->cancel)
        return;
    for (int i = 0; i < 2; i++)
        proa__signal_unwatch(&s->ends[i]);
    if (s->claim)
        atomic_fetch_sub(&claims, 1);
    if (atomic_fetch_sub(&ending, 1) == 1) {
        atomic_store(&count, 0); /* a later run starts anew */
        atomic_store(&parents, 0);
    }
    s->cancel = NULL;
    s->seen = 0;
}

const char *proa__signal_reason(int signo)
{
    return signo == SIGINT ? "interrupted (SIGINT)" : "terminated (SIGTERM)";
}

int proa__signals_claim(struct proa_loop *loop, signal_fn *fn, void *arg)
{
    struct signals *s = loop->signals;

    proa__loop_check(loop, __func__);
    if (!s || !s->cancel)
        return PROA_EINVAL; /* this run is not ended by signals */
    if (s->claim)
        return PROA_EBUSY;
    atomic_fetch_add(&claims, 1);
    s->claim = fn;
    s->claim_arg = arg;
    return 0;
}

void proa__signals_give_back(struct proa_loop *loop, const void *arg)
{
    struct signals *s = loop->signals;

    proa__loop_check(loop, __func__);
    if (!s || !s->claim || s->claim_arg != arg)
        return;
    if (s->cancel)
        atomic_fetch_sub(&claims, 1);
    s->claim = NULL;
}

int proa__signals_ended_by(void)
{
    return atomic_load(&ended_by);
}

void proa__signals_set_parent(int pid)
{
    atomic_store(&parent, pid);
}

static void call_watches(struct signals *s, int signo)
{
    LIST_FOR_EACH_SAFE (it, &s->watches) {
        struct signal_watch *w = CONTAINER_OF(it, struct signal_watch, link);

        if (w->signo == signo)
            w->fn(w->arg, signo);
    }
}

void proa__signals_run(struct proa_loop *loop)
{
    struct signals *s = loop->signals;
    uint64_t pending;

    if (!atomic_load_explicit(&s->slot->pending, memory_order_relaxed))
        return;
    pending = atomic_exchange(&s->slot->pending, 0);
    while (pending) {
        int bit = __builtin_ctzll(pending);

        pending &= pending - 1;
        call_watches(s, bit + 1);
    }
}

void proa__signals_after_fork(void)
{
    pthread_mutex_init(&lock, NULL); /* another thread may have held it */
    for (int i = 0; i < LOOPS_MOST && slots_ready; i++)
        atomic_store(&slots[i].fd, -1);
    for (int signo = 1; signo < SIGNALS_END; signo++) {
        if (watched[signo] > 0)
            sigaction(signo, &before[signo], NULL);
        watched[signo] = 0;
    }
    atomic_store(&handling, 0);
    atomic_store(&ending, 0);
    atomic_store(&claims, 0);
    atomic_store(&count, 0);
    atomic_store(&parents, 0);
}

void proa__signals_free(struct proa_loop *loop)
{
    struct signals *s = loop->signals;

    if (!s)
        return;
    proa__signals_end_stop(loop);
    PROA_CHECK(list_empty(&s->watches), "a loop was freed while a signal is watched");
    atomic_store(&s->slot->fd, -1);
    while (atomic_load(&handling)) /* one that still uses our eventfd */
        sched_yield();
    proa__free(s);
    loop->signals = NULL;
}
