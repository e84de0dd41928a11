/*
 * bench_waits: gathers, timers and posts from another thread.
 */

#include "bench.h"

#include <proa/call.h>
#include <proa/gather.h>
#include <proa/scope.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/time.h>

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CALLS 100000
#define TIMERS 1000000
#define HUGE_PAGE ((size_t)2 << 20)

/* ---- gather */

static int never_suspend(void *arg)
{
    (void)arg;
    return 0;
}

static int yield_once(void *arg)
{
    (void)arg;
    return proa_yield();
}

static int wait_event(void *event)
{
    return proa_event_wait(event);
}

static int set_event(void *event)
{
    proa_event_set(event);
    return 0;
}

/* The last call is another one. */
static int gather(proa_task_fn *fn, proa_task_fn *last, void *arg, long n)
{
    struct proa_call *calls = malloc((size_t)n * sizeof *calls);
    int *rcs = malloc((size_t)n * sizeof *rcs);
    int rc = calls && rcs ? 0 : PROA_ENOMEM;

    for (long i = 0; i < n && rc == 0; i++)
        calls[i] = (struct proa_call){i < n - 1 ? fn : last, arg};
    if (rc == 0)
        rc = proa_gather(calls, (size_t)n, rcs, NULL);
    free(rcs);
    free(calls);
    return rc;
}

static int gather_never(long n)
{
    return gather(never_suspend, never_suspend, NULL, n);
}

static int gather_yield(long n)
{
    return gather(yield_once, yield_once, NULL, n);
}

/* All of them wait at the same time, each on its stack, when the last one lets them go on. */
static int gather_parked(long n)
{
    PROA_AUTO(proa_event) *event = NULL;
    int rc = proa_event_new(&event);

    return rc < 0 ? rc : gather(wait_event, set_event, event, n);
}

/* ---- timers: the handles are proa_call_later's */

static uint64_t state = 88172645463325252;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void nothing(void *arg)
{
    (void)arg;
}

static int timer_few(long n)
{
    struct proa_handle h = {{0}};
    int rc = 0;

    for (long i = 0; i < n && rc == 0; i++) {
        rc = proa_call_later(&h, PROA_SEC, nothing, NULL);
        proa_handle_cancel(&h);
    }
    return rc;
}

static struct proa_handle *handles; /* TIMERS of them, all pending */

static int64_t within_an_hour(void)
{
    return (int64_t)(draw() % (uint64_t)PROA_HOUR);
}

static int timer_random(long n)
{
    int rc = 0;

    for (long i = 0; i < n && rc == 0; i++) {
        struct proa_handle *h = &handles[draw() % TIMERS];

        proa_handle_cancel(h);
        rc = proa_call_later(h, within_an_hour(), nothing, NULL);
    }
    return rc;
}

/* The same without a look at the clock for each. */
static int timer_random_at(long n)
{
    int64_t now = proa_now();
    int rc = 0;

    for (long i = 0; i < n && rc == 0; i++) {
        struct proa_handle *h = &handles[draw() % TIMERS];

        proa_handle_cancel(h);
        rc = proa_call_at(h, now + within_an_hour(), nothing, NULL);
    }
    return rc;
}

/* What one visit to a random handle costs if the next one is known only then: no timer can be
 * cancelled for less on this machine where the clock is read in between. */
static int timer_floor(long n)
{
    uint64_t at = 0;

    for (long i = 0; i < n; i++) {
        const volatile uint64_t *word = handles[(at + draw()) % TIMERS].opaque;

        at = *word & 1;
    }
    return 0;
}

/* Memory for them, in pages of the usual size or in huge ones; how many bytes. */
static size_t allot_handles(bool huge)
{
    size_t n = (TIMERS * sizeof *handles + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;

    handles = aligned_alloc(HUGE_PAGE, n);
    if (!handles)
        return 0;
    madvise(handles, n, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    memset(handles, 0, n);
    return n;
}

static int measure_timers(const struct bench *benches, size_t n, bool huge)
{
    int rc = allot_handles(huge) ? 0 : PROA_ENOMEM;

    for (long i = 0; i < TIMERS && rc == 0; i++)
        rc = proa_call_later(&handles[i], within_an_hour(), nothing, NULL);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = bench_measure(&benches[i]);
    for (long i = 0; i < TIMERS && handles; i++)
        proa_handle_cancel(&handles[i]);
    free(handles);
    return rc;
}

static bool any_wanted(const struct bench *benches, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bench_is_wanted(benches[i].name))
            return true;
    return false;
}

static int many_timers(void)
{
    static const struct bench usual[] = {
        {"timer_among_million", timer_random, 1 << 19, false},
        {"timer_at_among_million", timer_random_at, 1 << 19, false},
        {"random_read_among_million", timer_floor, 1 << 19, false},
    };
    static const struct bench huge[] = {
        {"timer_among_million_huge", timer_random, 1 << 19, false},
        {"random_read_among_million_huge", timer_floor, 1 << 19, false},
    };
    size_t n_usual = sizeof usual / sizeof usual[0];
    size_t n_huge = sizeof huge / sizeof huge[0];
    int rc = 0;

    if (any_wanted(usual, n_usual))
        rc = measure_timers(usual, n_usual, false);
    if (rc >= 0 && any_wanted(huge, n_huge))
        rc = measure_timers(huge, n_huge, true);
    return rc;
}

/* ---- posts from another thread */

struct mail {
    struct proa_loop *loop;
    struct proa_event *all; /* is set by the last one */
    long left;
    long n;
};

static void receive(void *arg)
{
    struct mail *m = arg;

    if (--m->left == 0)
        proa_event_set(m->all);
}

static void *send_all(void *arg)
{
    struct mail *m = arg;

    for (long i = 0; i < m->n; i++)
        if (proa_call_soon_threadsafe(m->loop, receive, m) < 0)
            abort();
    return NULL;
}

static int post(long n)
{
    PROA_AUTO(proa_event) *all = NULL;
    struct mail m = {.loop = proa_loop_current(), .left = n, .n = n};
    pthread_t thread;
    int rc = proa_event_new(&all);

    if (rc < 0)
        return rc;
    m.all = all;
    if (pthread_create(&thread, NULL, send_all, &m) != 0)
        return PROA_EAGAIN;
    rc = proa_event_wait(all);
    pthread_join(thread, NULL);
    return rc;
}

int bench_waits(void)
{
    static const struct bench benches[] = {
        {"gather_never_suspends", gather_never, CALLS, false},
        {"gather_yields_once", gather_yield, CALLS, false},
        {"gather_all_parked", gather_parked, CALLS, false},
        {"timer_arm_cancel", timer_few, 1 << 19, false},
        {"post", post, 1 << 18, true},
    };
    int rc = 0;

    for (size_t i = 0; i < sizeof benches / sizeof benches[0] && rc >= 0; i++) {
        if (benches[i].n == CALLS)
            rc = bench_measure_first(&benches[i]);
        if (rc >= 0)
            rc = bench_measure(&benches[i]);
    }
    return rc < 0 ? rc : many_timers();
}
