#include "base/log.h"
#include "core/debug.h"
#include "core/thread.h"

#include <proa/err.h>

#include <time.h>

/*
 * The watchdog: a thread that looks at its loop's slices.
 */

#define LOOKS 4                  /* in the time that is slow */
#define PATIENCE (500 * PROA_MS) /* with a thread that does not answer */

static int64_t pause_of(const struct debug *d)
{
    int64_t ns = d->slow / LOOKS;

    return ns < PROA_MS ? PROA_MS : ns > PROA_SEC ? PROA_SEC : ns;
}

static void tell_stall(struct debug *d, int64_t lasted, bool known)
{
    char name[TRACE_NAME_MAX];
    char ms[DEBUG_MS_MAX];

    if (known)
        proa__log(PROA_LOG_WARNING, "%s has held the loop for %s ms, and is here:",
                  proa__trace_held_name(&d->stalled, name), proa__debug_ms(lasted, ms));
    else
        proa__log(
            PROA_LOG_WARNING,
            "the loop has been held for %s ms; its thread cannot be interrupted to see by whom",
            proa__debug_ms(lasted, ms));
    if (known)
        proa__debug_log_trace(&d->stalled.trace);
}

static bool is_resting(const struct debug *d)
{
    return atomic_load_explicit(&d->resting, memory_order_acquire);
}

/* Asked twice: a rest that ended or began between the two is seen by one of them. */
static void look(struct debug *d)
{
    bool rested = is_resting(d);
    uint_fast64_t slice = atomic_load_explicit(&d->loop->slice, memory_order_acquire);
    int64_t lasted = proa__clock_mono() - atomic_load_explicit(&d->began, memory_order_relaxed);
    int rc;

    if (rested || slice == d->told || lasted <= d->slow || is_resting(d))
        return;
    rc = proa__trace_interrupt(d->loop, PATIENCE, &d->stalled);
    if (rc == 0 && d->stalled.slice != slice)
        return; /* it is over */
    if (rc < 0 && atomic_load_explicit(&d->loop->slice, memory_order_acquire) != slice)
        return;
    d->told = slice;
    tell_stall(d, lasted, rc == 0);
}

static void *watch(void *arg)
{
    struct debug *d = arg;

    pthread_mutex_lock(&d->lock);
    while (!d->stopping) {
        int64_t next = proa__clock_mono() + pause_of(d);
        struct timespec until = {.tv_sec = next / PROA_SEC, .tv_nsec = next % PROA_SEC};

        pthread_cond_timedwait(&d->stop, &d->lock, &until);
        pthread_mutex_unlock(&d->lock);
        look(d);
        pthread_mutex_lock(&d->lock);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

static void init_locks(struct debug *d)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&d->stop, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&d->lock, NULL);
}

int proa__debug_watch(struct debug *d)
{
    int rc = proa__trace_open(d->loop);

    if (rc == PROA_ENOMEM)
        return rc;
    d->traced = rc == 0;
    init_locks(d);
    rc = proa__thread_start(&d->watchdog, watch, d);
    d->watched = rc == 0;
    if (rc < 0)
        proa__log(PROA_LOG_WARNING, "no thread can be started to watch the loop (%s)",
                  proa_err_name(rc));
    return 0;
}

void proa__debug_unwatch(struct debug *d)
{
    pthread_mutex_lock(&d->lock);
    d->stopping = true;
    pthread_cond_signal(&d->stop);
    pthread_mutex_unlock(&d->lock);
    if (d->watched)
        pthread_join(d->watchdog, NULL);
    pthread_cond_destroy(&d->stop);
    pthread_mutex_destroy(&d->lock);
    if (d->traced)
        proa__trace_close(d->loop);
}
