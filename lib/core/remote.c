#include "base/check.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/loop.h"
#include "core/task.h"

#include <proa/remote.h>
#include <proa/thread.h>

#include <string.h>
#include <time.h>

#define MAGIC_REMOTE 0x72656d6fu

/*
 * A task for other threads. They are told of the end in any case: the task ended, could not be
 * created, or the loop ended before.
 *
 *   posted --created--> task --its fn returns--> done
 *     \--not created, loop ended--------------->/
 */
struct proa_remote {
    unsigned magic;
    atomic_uint refs;       /* the handle, the loop until it is done, a cancel under way */
    struct proa_loop *loop; /* a reference */
    proa_task_fn *fn;
    void *arg;
    struct proa_task_opts opts;
    char name[TASK_NAME_MAX];
    struct post start;
    struct post cancel;
    atomic_bool cancelled;  /* `cancel` was posted */
    struct proa_task *task; /* while fn runs; the loop's alone */
    pthread_mutex_t lock;   /* over all below */
    pthread_cond_t ended;
    bool done;
    bool read;  /* somebody was told the result, or nobody has to be */
    bool freed; /* nobody will be */
    int rc;
    struct err_slot err;
};

/* ---- life */

static void init_ended(struct proa_remote *r)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&r->ended, &attr);
    pthread_condattr_destroy(&attr);
}

static void unref(struct proa_remote *r)
{
    if (atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) > 1)
        return;
    pthread_cond_destroy(&r->ended);
    pthread_mutex_destroy(&r->lock);
    proa_loop_unref(r->loop);
    proa__free(r);
}

static void check(const struct proa_remote *r, const char *what)
{
    PROA_CHECK(r && r->magic == MAGIC_REMOTE, "%s: the remote task was freed, or never made", what);
}

/* ---- on the loop */

/* Says whether somebody may still ask for the result. The loop has no part in it any more. */
static bool finish(struct proa_remote *r, int rc)
{
    const struct err_slot *slot = proa__err_slot_now();
    bool wanted;

    pthread_mutex_lock(&r->lock);
    r->rc = rc;
    if (rc < 0 && slot->rc == rc)
        r->err = *slot;
    r->done = true;
    wanted = !r->freed;
    pthread_cond_broadcast(&r->ended);
    pthread_mutex_unlock(&r->lock);
    unref(r);
    return wanted;
}

static void cancel_task(struct proa_task *t)
{
    proa_task_cancel((struct proa_task_ref){t, t->seq});
}

/* A failure that another thread collects is not the task's own. */
static int run_remote(void *arg)
{
    struct proa_remote *r = arg;
    int rc;

    r->task = proa__task_here;
    if (atomic_load(&r->cancelled))
        cancel_task(r->task);
    rc = proa__task_settle(r->task, r->fn(r->arg));
    r->task = NULL;
    return finish(r, rc) ? 0 : rc;
}

static void create(void *arg)
{
    struct proa_remote *r = arg;
    int rc = proa_create_task_opts(NULL, NULL, run_remote, r, &r->opts);

    if (rc < 0)
        finish(r, rc);
}

static void drop(void *arg)
{
    struct proa_remote *r = arg;

    pthread_mutex_lock(&r->lock);
    r->read = true; /* a task that never was has not failed */
    pthread_mutex_unlock(&r->lock);
    finish(r, proa__fail(PROA_ECLOSED, "the loop has ended before the task could start"));
}

static void cancel(void *arg)
{
    struct proa_remote *r = arg;

    if (r->task)
        cancel_task(r->task);
    unref(r);
}

static void drop_cancel(void *arg)
{
    unref(arg);
}

/* ---- from any thread */

static int start(struct proa_remote *r)
{
    int rc;

    r->start = (struct post){.fn = create, .drop = drop, .arg = r};
    atomic_init(&r->refs, 2);
    rc = proa__loop_post(r->loop, &r->start);
    if (rc < 0) {
        atomic_init(&r->refs, 1);
        unref(r);
        return proa__fail(rc, "the loop has ended");
    }
    return 0;
}

int proa_create_task_threadsafe(struct proa_remote **ret, struct proa_loop *loop, proa_task_fn *fn,
                                void *arg, const struct proa_task_opts *opts)
{
    struct proa_task_opts o;
    struct proa_remote *r;
    int rc = proa__opts_copy(&o, sizeof o, opts);

    if (rc < 0)
        return rc;
    if (o.context)
        return proa__fail(PROA_EINVAL, "a context belongs to its loop; other threads can't use it");
    r = proa__zalloc(sizeof *r);
    if (!r)
        return PROA_ENOMEM;
    r->magic = MAGIC_REMOTE;
    r->loop = proa_loop_ref(loop);
    r->fn = fn;
    r->arg = arg;
    r->opts = o;
    if (o.name) {
        strncpy(r->name, o.name, sizeof r->name - 1);
        r->opts.name = r->name;
    }
    pthread_mutex_init(&r->lock, NULL);
    init_ended(r);
    rc = start(r);
    if (rc == 0)
        *ret = r;
    return rc;
}

/* The lock is held. False: the time has passed. */
static bool wait_until(struct proa_remote *r, int64_t until)
{
    struct timespec at = {.tv_sec = until / PROA_SEC, .tv_nsec = until % PROA_SEC};

    if (until == PROA_FOREVER)
        return pthread_cond_wait(&r->ended, &r->lock) == 0;
    return pthread_cond_timedwait(&r->ended, &r->lock, &at) == 0;
}

int proa_remote_wait(struct proa_remote *remote, int64_t ns)
{
    int64_t until = proa_time_add(proa__clock_mono(), ns);
    int rc;

    check(remote, __func__);
    PROA_CHECK(ns <= 0 || !proa__loop_here,
               "proa_remote_wait: this thread has a loop, which would stand still");
    pthread_mutex_lock(&remote->lock);
    while (!remote->done && ns > 0 && wait_until(remote, until))
        ;
    if (!remote->done) {
        rc = proa__fail(PROA_EAGAIN, "the task has not ended");
    } else {
        remote->read = true;
        rc = remote->rc;
        if (remote->err.rc)
            proa__fail(rc, "%s", remote->err.text);
    }
    pthread_mutex_unlock(&remote->lock);
    return rc;
}

bool proa_remote_is_done(struct proa_remote *remote)
{
    bool done;

    check(remote, __func__);
    pthread_mutex_lock(&remote->lock);
    done = remote->done;
    pthread_mutex_unlock(&remote->lock);
    return done;
}

void proa_remote_cancel(struct proa_remote *remote)
{
    check(remote, __func__);
    if (proa_remote_is_done(remote) || atomic_exchange(&remote->cancelled, true))
        return;
    remote->cancel = (struct post){.fn = cancel, .drop = drop_cancel, .arg = remote};
    atomic_fetch_add_explicit(&remote->refs, 1, memory_order_relaxed);
    if (proa__loop_post(remote->loop, &remote->cancel) < 0)
        unref(remote); /* it has ended: so has the task */
}

static bool is_lost(const struct proa_remote *r)
{
    return r->done && !r->read && r->rc < 0 && r->rc != PROA_ECANCELED;
}

void proa_remote_free(struct proa_remote *remote)
{
    bool lost;

    if (!remote)
        return;
    check(remote, __func__);
    pthread_mutex_lock(&remote->lock);
    remote->freed = true;
    lost = is_lost(remote);
    pthread_mutex_unlock(&remote->lock);
    if (lost)
        proa__log(PROA_LOG_ERROR, "task %s of another thread failed: %s (%s)",
                  remote->opts.name ? remote->name : "without a name",
                  remote->err.rc ? remote->err.text : proa_err_text(remote->rc),
                  proa_err_name(remote->rc));
    remote->magic = 0;
    unref(remote);
}

int proa_run_threadsafe(struct proa_loop *loop, proa_task_fn *fn, void *arg)
{
    struct proa_remote *r;
    int rc;

    PROA_CHECK(!proa__loop_here,
               "proa_run_threadsafe: this thread has a loop; create a task in it");
    rc = proa_create_task_threadsafe(&r, loop, fn, arg, NULL);
    if (rc < 0)
        return rc;
    rc = proa_remote_wait(r, PROA_FOREVER);
    proa_remote_free(r);
    return rc;
}
