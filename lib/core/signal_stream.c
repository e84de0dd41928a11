#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "core/arm.h"
#include "core/loop.h"
#include "core/signal.h"

#include <proa/signal.h>

#include <signal.h>

#define MAGIC_SIGNALS 0x7369676eu
#define SIGNALS_MOST 64

struct proa_signals {
    unsigned magic;
    struct proa_loop *loop;
    uint64_t pending; /* a bit a number: it is among the next */
    size_t n_pending;
    uint8_t next[SIGNALS_MOST]; /* numbers, in the order they came */
    struct list waiters;        /* struct wait, oldest first; empty unless nothing is pending */
    size_t n;
    struct signal_watch watches[];
};

static void check(const struct proa_signals *s, const char *what)
{
    PROA_CHECK(s && s->magic == MAGIC_SIGNALS, "%s: signals %p were freed, or never made", what,
               (const void *)s);
    proa__loop_check(s->loop, what);
}

static uint64_t bit_of(int signo)
{
    return UINT64_C(1) << (signo - 1);
}

/* ---- coming */

static void on_signal(void *arg, int signo)
{
    struct proa_signals *s = arg;

    if (proa__wait_wake(&s->waiters, NULL, signo) || s->pending & bit_of(signo))
        return;
    s->pending |= bit_of(signo);
    s->next[s->n_pending++] = (uint8_t)signo;
}

/* The first SIGINT or SIGTERM: it is collected like any other. */
static void not_the_end(void *arg, int signo)
{
    (void)arg;
    (void)signo;
}

/* ---- life */

/* A fault in the program: returning from the handler would bring it again at once. */
static bool is_fault(int signo)
{
    return signo == SIGSEGV || signo == SIGBUS || signo == SIGFPE || signo == SIGILL;
}

static int watch(struct proa_signals *s, int signo)
{
    int rc;

    if (signo < 1 || signo > SIGNALS_MOST || is_fault(signo))
        return proa__fail(PROA_EINVAL, "signal %d cannot be collected", signo);
    for (size_t i = 0; i < s->n; i++)
        if (s->watches[i].signo == signo)
            return 0;
    rc = proa__signal_watch(s->loop, &s->watches[s->n], signo, on_signal, s);
    if (rc == PROA_EINVAL)
        return proa__fail(rc, "signal %d cannot be collected", signo);
    if (rc == 0)
        s->n++;
    return rc;
}

static bool has(const struct proa_signals *s, int signo)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->watches[i].signo == signo)
            return true;
    return false;
}

/* In a run that they end, both are ours, or none. */
static int claim(struct proa_signals *s)
{
    int rc;

    if (!has(s, SIGINT) || !has(s, SIGTERM))
        return 0;
    rc = proa__signals_claim(s->loop, not_the_end, s);
    return rc == PROA_EINVAL ? 0 : rc; /* this run is not ended by signals */
}

static void leave(struct proa_signals *s)
{
    proa__signals_give_back(s->loop, s);
    for (size_t i = 0; i < s->n; i++)
        proa__signal_unwatch(&s->watches[i]);
    s->magic = 0;
    proa__free(s);
}

int proa_signals_new(struct proa_signals **ret, const int *signos, size_t n)
{
    struct proa_loop *loop = proa__loop_need(__func__);
    struct proa_signals *s;
    int rc = 0;

    if (n == 0 || n > SIGNALS_MOST)
        return PROA_EINVAL;
    s = proa__zalloc(sizeof *s + n * sizeof s->watches[0]);
    if (!s)
        return PROA_ENOMEM;
    s->magic = MAGIC_SIGNALS;
    s->loop = loop;
    list_init(&s->waiters);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = watch(s, signos[i]);
    if (rc == 0)
        rc = claim(s);
    if (rc < 0) {
        leave(s);
        return rc;
    }
    *ret = s;
    return 0;
}

void proa_signals_free(struct proa_signals *signals)
{
    if (!signals)
        return;
    check(signals, __func__);
    PROA_CHECK(list_empty(&signals->waiters), "proa_signals_free: %zu tasks wait for signals %p",
               list_count(&signals->waiters), (void *)signals);
    leave(signals);
}

/* ---- receiving */

static bool try_receive(struct arm *arm)
{
    struct proa_signals *s = arm->object;

    if (!s->n_pending)
        return false;
    arm->rc = s->next[0];
    memmove(s->next, s->next + 1, --s->n_pending);
    s->pending &= ~bit_of(arm->rc);
    return true;
}

static bool link_waiter(struct arm *arm, struct wait *w)
{
    struct proa_signals *s = arm->object;

    proa__wait_link(&s->waiters, w);
    return true;
}

static void describe(const void *object, struct view *v)
{
    const struct proa_signals *s = object;

    proa__view_object(v, "signals", s);
    for (size_t i = 0; i < s->n; i++)
        proa__view_say(v, " %d", s->watches[i].signo);
    proa__view_count(v, s->n_pending, "pending");
    proa__view_list(v, &s->waiters, "wait");
}

const struct view_kind proa__signals_view = {MAGIC_SIGNALS, describe};

static const struct arm_ops signals_ops = {
    .try = try_receive,
    .link = link_waiter,
    .call = "proa_signals_receive",
    .describe = describe,
};

int proa_signals_receive(struct proa_signals *signals)
{
    struct arm arm = {.ops = &signals_ops, .object = signals};

    check(signals, __func__);
    return arm_wait(&arm, __func__);
}

int proa_signals_try_receive(struct proa_signals *signals)
{
    struct arm arm = {.ops = &signals_ops, .object = signals};

    check(signals, __func__);
    return arm_try(&arm);
}

struct proa_case proa_case_signal(struct proa_signals *signals)
{
    check(signals, __func__);
    return arm_case((struct arm){.ops = &signals_ops, .object = signals});
}
