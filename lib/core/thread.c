#include "core/thread.h"

#include "base/check.h"
#include "base/fail.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/loop.h"
#include "core/wait.h"

#include <signal.h>
#include <unistd.h>

#define HELPERS_BESIDES 4 /* jobs mostly wait, so a few more than processors */
#define HELPERS_MOST 32

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_DONE, JOB_ABANDONED };

struct job {
    struct list link; /* in threads->jobs while queued */
    struct threads *threads;
    enum job_state state; /* under threads->lock */
    proa_task_fn *fn;
    void *arg;
    proa_callback_fn *release;
    int rc;
    struct wait wait; /* of the task */
    bool told;        /* the loop was told; the loop's alone */
    struct post post; /* tells the loop */
    struct err_slot err;
};

struct threads {
    struct proa_loop *loop;
    pthread_mutex_t lock; /* over all below */
    pthread_cond_t work;
    struct list jobs; /* struct job, oldest first */
    unsigned n_idle;
    bool stopping;
    unsigned n; /* helpers; the loop's alone */
    unsigned most;
    pthread_t ids[HELPERS_MOST];
};

int proa__thread_start(pthread_t *ret, void *(*fn)(void *), void *arg)
{
    sigset_t all;
    sigset_t before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(ret, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

/* On the loop: the job is done, and its task still waits. */
static void on_done(void *arg)
{
    struct job *job = arg;

    job->told = true;
    proa__loop_outside(job->threads->loop, -1);
    proa__wait_wake_one(&job->wait, NULL, 0);
}

static void run_fn(struct job *job)
{
    struct err_slot *slot = proa__err_slot_now();

    slot->rc = 0;
    job->rc = job->fn(job->arg);
    job->err.rc = 0;
    if (job->rc < 0 && slot->rc == job->rc)
        job->err = *slot;
}

/* Called and left with the lock held. */
static void run_job(struct threads *threads, struct job *job)
{
    bool abandoned;

    list_remove(&job->link);
    job->state = JOB_RUNNING;
    pthread_mutex_unlock(&threads->lock);
    run_fn(job);
    pthread_mutex_lock(&threads->lock);
    abandoned = job->state == JOB_ABANDONED;
    job->state = JOB_DONE;
    pthread_mutex_unlock(&threads->lock);

    if (abandoned) {
        if (job->release)
            job->release(job->arg);
        proa__free(job);
    } else {
        proa__loop_post(threads->loop, &job->post);
    }
    pthread_mutex_lock(&threads->lock);
}

static void *help(void *arg)
{
    struct threads *threads = arg;

    pthread_mutex_lock(&threads->lock);
    for (;;) {
        struct list *first = list_first(&threads->jobs);

        if (first) {
            run_job(threads, CONTAINER_OF(first, struct job, link));
        } else if (threads->stopping) {
            break;
        } else {
            threads->n_idle++;
            pthread_cond_wait(&threads->work, &threads->lock);
            threads->n_idle--;
        }
    }
    pthread_mutex_unlock(&threads->lock);
    return NULL;
}

static int threads_of(struct proa_loop *loop, struct threads **ret)
{
    struct threads *threads = loop->threads;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (!threads) {
        threads = proa__zalloc(sizeof *threads);
        if (!threads)
            return PROA_ENOMEM;
        threads->loop = loop;
        threads->most = (unsigned)(processors > 0 ? processors : 1) + HELPERS_BESIDES;
        if (threads->most > HELPERS_MOST)
            threads->most = HELPERS_MOST;
        list_init(&threads->jobs);
        pthread_mutex_init(&threads->lock, NULL);
        pthread_cond_init(&threads->work, NULL);
        loop->threads = threads;
    }
    *ret = threads;
    return 0;
}

void proa__threads_free(struct proa_loop *loop)
{
    struct threads *threads = loop->threads;

    if (!threads)
        return;
    pthread_mutex_lock(&threads->lock);
    threads->stopping = true;
    pthread_cond_broadcast(&threads->work);
    pthread_mutex_unlock(&threads->lock);
    for (unsigned i = 0; i < threads->n; i++)
        pthread_join(threads->ids[i], NULL);
    pthread_cond_destroy(&threads->work);
    pthread_mutex_destroy(&threads->lock);
    proa__free(threads);
    loop->threads = NULL;
}

/* Queue it, with one more helper if none is idle. */
static int submit(struct threads *threads, struct job *job)
{
    bool need;
    int rc = 0;

    pthread_mutex_lock(&threads->lock);
    list_push(&threads->jobs, &job->link);
    need = threads->n_idle < list_count(&threads->jobs);
    pthread_cond_signal(&threads->work);
    pthread_mutex_unlock(&threads->lock);
    if (need && threads->n < threads->most)
        rc = proa__thread_start(&threads->ids[threads->n], help, threads);
    else
        need = false;
    if (need && rc == 0)
        threads->n++;
    if (threads->n > 0)
        return 0; /* somebody will come to it */
    list_remove(&job->link);
    return proa__fail(rc, "no thread could be started");
}

/* The task was cancelled. Says how far the job was; a queued one never starts now. */
static enum job_state stop_waiting(struct threads *threads, struct job *job, bool abandon)
{
    enum job_state state;

    pthread_mutex_lock(&threads->lock);
    state = job->state;
    if (state == JOB_QUEUED)
        list_remove(&job->link);
    else if (state == JOB_RUNNING && abandon)
        job->state = JOB_ABANDONED;
    pthread_mutex_unlock(&threads->lock);
    return state;
}

/* The job runs or is done: wait until the loop was told, which may be so since the task was
 * cancelled. */
static void await_told(struct job *job)
{
    if (job->told)
        return;
    proa__wait_link(NULL, &job->wait);
    proa__wait_park_firm(&job->wait, 1);
}

/* Wait for the end of a job that was queued. PROA_ECANCELED: it never ran. */
static int await(struct threads *threads, struct job *job)
{
    if (proa__wait_park(&job->wait, 1) < 0) {
        if (stop_waiting(threads, job, false) == JOB_QUEUED) {
            proa__loop_outside(threads->loop, -1);
            return PROA_ECANCELED;
        }
        await_told(job);
    }
    return 0;
}

static int result_of(const struct job *job)
{
    return job->err.rc ? proa__fail(job->rc, "%s", job->err.text) : job->rc;
}

static void fill_job(struct job *job, struct threads *threads, proa_task_fn *fn, void *arg)
{
    job->threads = threads;
    job->state = JOB_QUEUED;
    job->fn = fn;
    job->arg = arg;
    job->release = NULL;
    job->told = false;
    job->post = (struct post){.fn = on_done, .arg = job};
    proa__wait_link(NULL, &job->wait);
}

/* The job lies in the caller's frame, which stays until it is done. */
static int run_awaited(struct threads *threads, proa_task_fn *fn, void *arg)
{
    struct job job;
    int rc;

    fill_job(&job, threads, fn, arg);
    proa__loop_outside(threads->loop, 1);
    rc = submit(threads, &job);
    if (rc < 0) {
        proa__loop_outside(threads->loop, -1);
        return rc;
    }
    rc = await(threads, &job);
    return rc < 0 ? rc : result_of(&job);
}

/* The task was cancelled and does not wait for the end. */
static int leave_job(struct threads *threads, struct job *job)
{
    enum job_state state = stop_waiting(threads, job, true);

    if (state == JOB_DONE) { /* its post is under way: a moment more */
        await_told(job);
        int rc = result_of(job);
        proa__free(job);
        return rc;
    }
    proa__loop_outside(threads->loop, -1);
    if (state == JOB_QUEUED) {
        if (job->release)
            job->release(job->arg);
        proa__free(job);
    }
    return PROA_ECANCELED;
}

/* The job is on the heap: its helper frees it should the task have left. */
static int run_abandonable(struct threads *threads, proa_task_fn *fn, void *arg,
                           proa_callback_fn *release)
{
    struct job *job = proa__alloc(sizeof *job);
    int rc;

    if (!job)
        return PROA_ENOMEM;
    fill_job(job, threads, fn, arg);
    job->release = release;
    proa__loop_outside(threads->loop, 1);
    rc = submit(threads, job);
    if (rc < 0) {
        proa__loop_outside(threads->loop, -1);
        proa__free(job);
        return rc;
    }
    if (proa__wait_park(&job->wait, 1) == 0) {
        rc = result_of(job);
        proa__free(job);
        return rc;
    }
    return leave_job(threads, job);
}

int proa_to_thread(proa_task_fn *fn, void *arg, const struct proa_to_thread_opts *opts)
{
    struct proa_to_thread_opts o;
    struct threads *threads;
    int rc = proa__wait_enter(__func__);

    if (rc < 0) {
        if (opts && opts->abandon && opts->release)
            opts->release(arg);
        return rc;
    }
    rc = proa__opts_copy(&o, sizeof o, opts);
    if (rc < 0)
        return rc;
    rc = threads_of(proa__loop_here, &threads);
    if (rc < 0)
        return rc;
    return o.abandon ? run_abandonable(threads, fn, arg, o.release) : run_awaited(threads, fn, arg);
}
