#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "core/loop.h"
#include "core/task.h"

#include <proa/err.h>
#include <proa/thread.h>

/*
 * A task for another thread. The record lies in that thread's frame; it is told of the end in any
 * case: the task ended, could not be created, or the loop ended before.
 */
struct remote {
    struct post post;
    proa_task_fn *fn;
    void *arg;
    int rc;
    struct err_slot err;
    pthread_mutex_t lock; /* over done */
    pthread_cond_t ended;
    bool done;
};

static void finish(struct remote *r, int rc)
{
    struct err_slot *slot = proa__err_slot_now();

    r->rc = rc;
    r->err.rc = 0;
    if (rc < 0 && slot->rc == rc)
        r->err = *slot;
    pthread_mutex_lock(&r->lock);
    r->done = true;
    pthread_cond_signal(&r->ended);
    pthread_mutex_unlock(&r->lock); /* r is gone now */
}

/* The failure is collected by the other thread, so the task itself has none. */
static int run_remote(void *arg)
{
    struct remote *r = arg;

    finish(r, r->fn(r->arg));
    return 0;
}

static void create(void *arg)
{
    int rc = proa_create_task(NULL, run_remote, arg);

    if (rc < 0)
        finish(arg, rc);
}

static void drop(void *arg)
{
    finish(arg, PROA_ECLOSED);
}

int proa_run_threadsafe(struct proa_loop *loop, proa_task_fn *fn, void *arg)
{
    struct remote r = {.post = {.fn = create, .drop = drop, .arg = &r}, .fn = fn, .arg = arg};
    int rc;

    PROA_CHECK(!proa__loop_here,
               "proa_run_threadsafe: this thread has a loop; create a task in it");
    pthread_mutex_init(&r.lock, NULL);
    pthread_cond_init(&r.ended, NULL);
    rc = proa__loop_post(loop, &r.post);
    if (rc == 0) {
        pthread_mutex_lock(&r.lock);
        while (!r.done)
            pthread_cond_wait(&r.ended, &r.lock);
        pthread_mutex_unlock(&r.lock);
        rc = r.err.rc ? proa__fail(r.rc, "%s", r.err.text) : r.rc;
    }
    pthread_cond_destroy(&r.ended);
    pthread_mutex_destroy(&r.lock);
    return rc;
}
