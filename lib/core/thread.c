#include "core/thread.h"

#include "base/mem.h"
#include "base/opts.h"
#include "core/context.h"
#include "core/view.h"

#include <string.h>

/* On the loop: the job is done, or never will be, and its task still waits. */
static void on_done(void *arg)
{
    struct job *job = arg;

    job->told = true;
    proa__loop_outside(job->loop, -1);
    proa__wait_wake_one(&job->wait, NULL, 0);
}

static void fill_job(struct job *job, proa_task_fn *fn, void *arg,
                     const struct proa_to_thread_opts *o)
{
    char name[TASK_NAME_MAX];

    job->loop = proa__loop_here;
    job->state = JOB_QUEUED;
    job->fn = fn;
    job->arg = arg;
    job->release = o->release;
    job->values = NULL;
    job->told = false;
    job->post = (struct post){.fn = on_done, .arg = job};
    job->name[TASK_NAME_MAX - 1] = '\0';
    strncpy(job->name, o->name ? o->name : proa__task_name(proa__task_here, name),
            TASK_NAME_MAX - 1);
    proa__wait_link(NULL, &job->wait);
}

static int submit(struct job *job, bool at_once)
{
    int rc;

    proa__loop_outside(job->loop, 1);
    rc = proa__pool_submit(job->pool, job, at_once);
    if (rc < 0)
        proa__loop_outside(job->loop, -1);
    return rc;
}

static void describe(const void *object, struct view *v)
{
    const struct job *job = object;

    proa__view_say(v, "job %s, of the function at %p", job->name, __extension__(void *) job->fn);
}

static const struct wait_kind waits = {.call = "proa_to_thread", .describe = describe};

/* The job runs, or its end is to be told: wait until the loop was told, which may be so since the
 * task was cancelled. */
static void await_told(struct job *job)
{
    if (job->told)
        return;
    proa__wait_link(NULL, &job->wait);
    proa__wait_park_firm(&job->wait, 1, &waits, job);
}

static int result_of(const struct job *job)
{
    if (job->state == JOB_REFUSED)
        return proa__fail(PROA_ECLOSED, "the pool was shut down before job %s could run",
                          job->name);
    return job->err.rc ? proa__fail(job->rc, "%s", job->err.text) : job->rc;
}

/* Wait for the end of a job that was queued. PROA_ECANCELED: it never ran. */
static int await(struct job *job)
{
    if (proa__wait_park(&job->wait, 1, &waits, job) < 0) {
        if (proa__pool_take_back(job->pool, job, false) == JOB_QUEUED) {
            proa__loop_outside(job->loop, -1);
            return PROA_ECANCELED;
        }
        await_told(job);
    }
    return result_of(job);
}

/* The job lies in the caller's frame, which stays until it is done. */
static int run_awaited(struct proa_thread_pool *pool, proa_task_fn *fn, void *arg,
                       const struct proa_to_thread_opts *o)
{
    struct job job;
    int rc;

    fill_job(&job, fn, arg, o);
    job.pool = pool;
    job.values = proa__context_here();
    rc = submit(&job, o->at_once);
    if (rc >= 0)
        rc = await(&job);
    proa__context_drop(job.values);
    return rc;
}

/* Of a job that may be abandoned. The caller cannot tell fn's own PROA_ECANCELED from a cancel. */
static int end_abandonable(struct job *job)
{
    int rc = result_of(job);

    if (rc == PROA_ECANCELED && job->release)
        job->release(job->arg);
    return rc;
}

/* The task was cancelled and does not wait for the end. */
static int leave_job(struct job *job)
{
    enum job_state state = proa__pool_take_back(job->pool, job, true);
    int rc = PROA_ECANCELED;

    if (state == JOB_RUNNING) { /* now its helper's, who frees it */
        proa__loop_outside(proa__loop_here, -1);
        return rc;
    }
    if (state == JOB_QUEUED) {
        proa__loop_outside(job->loop, -1);
        if (job->release)
            job->release(job->arg);
    } else { /* its post is under way: a moment more */
        await_told(job);
        rc = end_abandonable(job);
    }
    proa__free(job);
    return rc;
}

/* The job is on the heap: its helper frees it should the task have left. */
static int run_abandonable(struct proa_thread_pool *pool, proa_task_fn *fn, void *arg,
                           const struct proa_to_thread_opts *o)
{
    struct job *job = proa__alloc(sizeof *job);
    int rc;

    if (!job)
        return PROA_ENOMEM;
    fill_job(job, fn, arg, o);
    job->pool = pool;
    rc = submit(job, o->at_once);
    if (rc >= 0 && proa__wait_park(&job->wait, 1, &waits, job) < 0)
        return leave_job(job);
    if (rc >= 0)
        rc = end_abandonable(job);
    proa__free(job);
    return rc;
}

int proa_to_thread(proa_task_fn *fn, void *arg, const struct proa_to_thread_opts *opts)
{
    struct proa_to_thread_opts o;
    struct proa_thread_pool *pool;
    int rc = proa__wait_enter(__func__);

    if (rc < 0) {
        if (opts && opts->abandon && opts->release)
            opts->release(arg);
        return rc;
    }
    rc = proa__opts_copy(&o, sizeof o, opts);
    if (rc < 0)
        return rc;
    pool = o.pool;
    if (!pool)
        rc = proa__pool_of_loop(proa__loop_here, &pool);
    if (rc < 0)
        return rc;
    proa__pool_ref(pool);
    rc = o.abandon ? run_abandonable(pool, fn, arg, &o) : run_awaited(pool, fn, arg, &o);
    proa__pool_unref(pool);
    return rc;
}
