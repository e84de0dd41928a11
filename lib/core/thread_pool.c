#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/context.h"
#include "core/thread.h"
#include "core/time_check.h"
#include "core/timer.h"
#include "core/view.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAGIC_POOL 0x706f6f6cu
#define HELPERS_BESIDES 4 /* jobs mostly wait, so a few more than processors */
#define HELPERS_MOST 32
#define THREADS_MOST 1024 /* that a program may ask for */
#define POOL_NAME 12      /* the kernel's 16 less "-999" */
#define NUMBERS 1000      /* of names; then they begin again */

struct helper {
    struct list link; /* in pool->helpers while alive, in pool->gone until joined */
    struct proa_thread_pool *pool;
    struct job *job; /* runs, or is being released */
    pthread_t id;
    unsigned number;
    bool left; /* nobody joins it: it frees itself */
};

struct proa_thread_pool {
    unsigned magic;
    atomic_uint refs;
    pthread_mutex_t lock; /* over all below */
    pthread_cond_t work;
    pthread_cond_t gone_one; /* a helper has ended */
    char name[POOL_NAME];
    size_t most;
    size_t queue;
    int64_t idle;
    struct list jobs; /* struct job, oldest first */
    size_t n_jobs;
    struct list helpers;
    struct list gone;
    size_t n;      /* helpers alive */
    size_t n_busy; /* those with a job */
    unsigned number;
    bool closed;
    struct list closers; /* tasks in proa_thread_pool_shutdown */
};

/* A task that waits for the end of all helpers. */
struct closer {
    struct list link; /* in pool->closers until it was posted */
    struct proa_loop *loop;
    struct post post;
    struct wait wait;
    bool posted; /* under pool->lock */
    bool told;   /* the loop's alone */
};

int proa__thread_start(pthread_t *ret, void *(*fn)(void *), void *arg)
{
    sigset_t all;
    sigset_t before;
    int error;

    sigfillset(&all);
    sigdelset(&all, SIGSEGV); /* crash.c has something to say */
    sigdelset(&all, SIGBUS);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(ret, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

/* ---- life */

static unsigned default_most(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned most = (unsigned)(processors > 0 ? processors : 1) + HELPERS_BESIDES;

    return most < HELPERS_MOST ? most : HELPERS_MOST;
}

static void init_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

int proa_thread_pool_new(struct proa_thread_pool **ret, const struct proa_thread_pool_opts *opts)
{
    struct proa_thread_pool_opts o;
    struct proa_thread_pool *pool;
    int rc = proa__opts_copy(&o, sizeof o, opts);

    if (rc < 0)
        return rc;
    if (o.threads > THREADS_MOST)
        return proa__fail(PROA_EINVAL, "a pool of %u threads; %d are most", o.threads,
                          THREADS_MOST);
    if (o.idle < 0)
        return proa__fail(PROA_EINVAL, "a pool whose threads are idle for a negative time");
    pool = proa__zalloc(sizeof *pool);
    if (!pool)
        return PROA_ENOMEM;
    pool->magic = MAGIC_POOL;
    atomic_init(&pool->refs, 1);
    strncpy(pool->name, o.name ? o.name : "pool", sizeof pool->name - 1);
    pool->most = o.threads ? o.threads : default_most();
    pool->queue = o.queue ? o.queue : PROA_UNLIMITED;
    pool->idle = o.idle ? o.idle : PROA_FOREVER;
    list_init(&pool->jobs);
    list_init(&pool->helpers);
    list_init(&pool->gone);
    list_init(&pool->closers);
    pthread_mutex_init(&pool->lock, NULL);
    init_cond(&pool->work);
    init_cond(&pool->gone_one);
    *ret = pool;
    return 0;
}

struct proa_thread_pool *proa__pool_ref(struct proa_thread_pool *pool)
{
    PROA_CHECK_OBJ(pool, MAGIC_POOL);
    atomic_fetch_add_explicit(&pool->refs, 1, memory_order_relaxed);
    return pool;
}

void proa__pool_unref(struct proa_thread_pool *pool)
{
    if (atomic_fetch_sub_explicit(&pool->refs, 1, memory_order_acq_rel) > 1)
        return;
    pthread_cond_destroy(&pool->gone_one);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    pool->magic = 0;
    proa__free(pool);
}

/* ---- helpers; the lock is held */

static void run_fn(struct job *job)
{
    struct err_slot *slot = proa__err_slot_now();

    slot->rc = 0;
    proa__context_lend(job->values);
    job->rc = job->fn(job->arg);
    job->err.rc = 0;
    if (job->rc < 0 && slot->rc == job->rc)
        job->err = *slot;
}

static void take_from_queue(struct proa_thread_pool *pool, struct job *job)
{
    list_remove(&job->link);
    pool->n_jobs--;
}

/* The task has left: the job is ours to free. */
static void release_abandoned(struct proa_thread_pool *pool, struct job *job)
{
    pthread_mutex_unlock(&pool->lock);
    if (job->release)
        job->release(job->arg);
    pthread_mutex_lock(&pool->lock);
}

static void run_job(struct proa_thread_pool *pool, struct helper *me, struct job *job)
{
    bool abandoned;

    take_from_queue(pool, job);
    job->state = JOB_RUNNING;
    me->job = job;
    pool->n_busy++;
    pthread_mutex_unlock(&pool->lock);
    run_fn(job);
    pthread_mutex_lock(&pool->lock);
    abandoned = job->state == JOB_ABANDONED;
    if (abandoned)
        release_abandoned(pool, job);
    else
        job->state = JOB_DONE;
    me->job = NULL;
    pool->n_busy--;
    if (abandoned) {
        proa__free(job);
        return;
    }
    pthread_mutex_unlock(&pool->lock);
    proa__loop_post(job->loop, &job->post);
    pthread_mutex_lock(&pool->lock);
}

static struct timespec moment_of(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / PROA_SEC, .tv_nsec = ns % PROA_SEC};
}

/* Wait, until `until` of the monotonic clock; false: it has passed. */
static bool wait_cond(struct proa_thread_pool *pool, pthread_cond_t *cond, int64_t until)
{
    struct timespec at;

    if (until == PROA_FOREVER)
        return pthread_cond_wait(cond, &pool->lock) == 0;
    at = moment_of(until);
    return pthread_cond_timedwait(cond, &pool->lock, &at) == 0;
}

/* False: it was idle for too long. */
static bool wait_for_work(struct proa_thread_pool *pool)
{
    int64_t until = proa_time_add(proa__clock_mono(), pool->idle);

    return wait_cond(pool, &pool->work, until) || pool->n_jobs > 0;
}

static void on_all_gone(void *arg)
{
    struct closer *closer = arg;

    closer->told = true;
    proa__loop_outside(closer->loop, -1);
    proa__wait_wake_one(&closer->wait, NULL, 0);
}

static void tell_closers(struct proa_thread_pool *pool)
{
    struct list *link;

    while ((link = list_pop(&pool->closers))) {
        struct closer *closer = CONTAINER_OF(link, struct closer, link);

        closer->posted = true;
        proa__loop_post(closer->loop, &closer->post);
    }
}

static void leave(struct proa_thread_pool *pool, struct helper *me)
{
    bool left = me->left;

    list_remove(&me->link);
    pool->n--;
    if (left)
        proa__free(me);
    else
        list_push(&pool->gone, &me->link);
    if (pool->n == 0)
        tell_closers(pool);
    pthread_cond_broadcast(&pool->gone_one);
    pthread_mutex_unlock(&pool->lock);
    proa__pool_unref(pool);
}

static void *help(void *arg)
{
    struct helper *me = arg;
    struct proa_thread_pool *pool = me->pool;
    char name[16];

    snprintf(name, sizeof name, "%s-%u", pool->name, me->number);
    pthread_setname_np(pthread_self(), name);
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct list *first = list_first(&pool->jobs);

        if (first)
            run_job(pool, me, CONTAINER_OF(first, struct job, link));
        else if (pool->closed || !wait_for_work(pool))
            break;
    }
    leave(pool, me);
    return NULL;
}

static int add_helper(struct proa_thread_pool *pool)
{
    struct helper *h = proa__zalloc(sizeof *h);
    int rc;

    if (!h)
        return PROA_ENOMEM;
    h->pool = proa__pool_ref(pool);
    h->number = 1 + pool->number++ % (NUMBERS - 1);
    rc = proa__thread_start(&h->id, help, h);
    if (rc < 0) {
        proa__pool_unref(pool);
        proa__free(h);
        return proa__fail(rc, "no thread could be started for pool %s", pool->name);
    }
    list_push(&pool->helpers, &h->link);
    pool->n++;
    return 0;
}

/* They are gone but for their last few instructions, none of which needs the lock. */
static void join_gone(struct proa_thread_pool *pool)
{
    struct list *link;

    while ((link = list_pop(&pool->gone))) {
        struct helper *h = CONTAINER_OF(link, struct helper, link);

        pthread_join(h->id, NULL);
        proa__free(h);
    }
}

/* ---- jobs */

/* May the pool have one more? */
static int admit(const struct proa_thread_pool *pool, bool at_once)
{
    size_t free_threads = pool->most - pool->n_busy;

    if (pool->closed)
        return proa__fail(PROA_ECLOSED, "pool %s was shut down", pool->name);
    if (pool->n_jobs < free_threads)
        return 0;
    if (at_once)
        return proa__fail(PROA_EAGAIN, "all threads of pool %s are busy", pool->name);
    if (pool->n_jobs - free_threads >= pool->queue)
        return proa__fail(PROA_EBUSY, "%zu jobs wait in pool %s, its limit", pool->queue,
                          pool->name);
    return 0;
}

static int submit(struct proa_thread_pool *pool, struct job *job, bool at_once)
{
    int rc = admit(pool, at_once);

    if (rc < 0)
        return rc;
    join_gone(pool);
    if (pool->n - pool->n_busy <= pool->n_jobs && pool->n < pool->most) {
        rc = add_helper(pool);
        if (rc < 0 && (at_once || pool->n == 0))
            return rc; /* else somebody will come to it */
    }
    list_push(&pool->jobs, &job->link);
    pool->n_jobs++;
    pthread_cond_signal(&pool->work);
    return 0;
}

int proa__pool_submit(struct proa_thread_pool *pool, struct job *job, bool at_once)
{
    int rc;

    pthread_mutex_lock(&pool->lock);
    rc = submit(pool, job, at_once);
    pthread_mutex_unlock(&pool->lock);
    return rc;
}

enum job_state proa__pool_take_back(struct proa_thread_pool *pool, struct job *job, bool abandon)
{
    enum job_state state;

    pthread_mutex_lock(&pool->lock);
    state = job->state;
    if (state == JOB_QUEUED)
        take_from_queue(pool, job);
    else if (state == JOB_RUNNING && abandon)
        job->state = JOB_ABANDONED;
    pthread_mutex_unlock(&pool->lock);
    return state;
}

/* ---- the end; the lock is held */

static void close_pool(struct proa_thread_pool *pool)
{
    pool->closed = true;
    pthread_cond_broadcast(&pool->work);
}

static void refuse_queued(struct proa_thread_pool *pool)
{
    while (pool->n_jobs > 0) {
        struct job *job = CONTAINER_OF(list_first(&pool->jobs), struct job, link);

        take_from_queue(pool, job);
        job->state = JOB_REFUSED;
        proa__loop_post(job->loop, &job->post);
    }
}

static void warn_of_running(const struct proa_thread_pool *pool, const char *what)
{
    LIST_FOR_EACH (link, &pool->helpers) {
        const struct helper *h = CONTAINER_OF(link, struct helper, link);

        if (h->job)
            proa__log(PROA_LOG_WARNING, "job %s in thread %s-%u has not ended; %s", h->job->name,
                      pool->name, h->number, what);
    }
}

/* Those that are alive are busy. */
static void leave_helpers_alone(struct proa_thread_pool *pool)
{
    LIST_FOR_EACH (link, &pool->helpers) {
        struct helper *h = CONTAINER_OF(link, struct helper, link);

        h->left = true;
        pthread_detach(h->id);
    }
}

/* By the owner, who gives jobs that run so long. */
static void end_pool(struct proa_thread_pool *pool, int64_t grace)
{
    int64_t until = proa_time_add(proa__clock_mono(), grace);

    pthread_mutex_lock(&pool->lock);
    close_pool(pool);
    refuse_queued(pool);
    while (pool->n > 0 && (grace > 0 || pool->n > pool->n_busy))
        if (pool->n > pool->n_busy)
            wait_cond(pool, &pool->gone_one, PROA_FOREVER);
        else if (!wait_cond(pool, &pool->gone_one, until))
            grace = 0;
    warn_of_running(pool, "its thread is left behind");
    leave_helpers_alone(pool);
    join_gone(pool);
    pthread_mutex_unlock(&pool->lock);
    proa__pool_unref(pool);
}

void proa_thread_pool_free(struct proa_thread_pool *pool)
{
    if (!pool)
        return;
    PROA_CHECK_OBJ(pool, MAGIC_POOL);
    end_pool(pool, 0);
}

int proa__pool_of_loop(struct proa_loop *loop, struct proa_thread_pool **ret)
{
    int rc = 0;

    if (!loop->pool)
        rc = proa_thread_pool_new(&loop->pool, PROA_THREAD_POOL_OPTS(.name = "proa"));
    if (rc >= 0)
        *ret = loop->pool;
    return rc;
}

void proa__pool_end_of_loop(struct proa_loop *loop)
{
    if (loop->pool)
        end_pool(loop->pool, loop->grace);
    loop->pool = NULL;
}

/* ---- shutting down, from a task */

static void time_is_up(void *arg)
{
    struct closer *closer = arg;

    proa__wait_wake_one(&closer->wait, NULL, PROA_EBUSY);
}

/* Says whether helpers are left to be waited for: then the closer is told of the last one's end. */
static bool begin_to_close(struct proa_thread_pool *pool, struct closer *closer, int64_t grace)
{
    bool some;

    pthread_mutex_lock(&pool->lock);
    close_pool(pool);
    if (grace <= 0)
        refuse_queued(pool);
    some = pool->n > 0;
    if (some)
        list_push(&pool->closers, &closer->link);
    pthread_mutex_unlock(&pool->lock);
    return some;
}

static const struct wait_kind ends = {.call = "proa_thread_pool_shutdown"};

static int wait_for_all(struct closer *closer, int64_t grace)
{
    struct timer timer = {.loop = NULL};
    int rc;

    proa__wait_link(NULL, &closer->wait);
    proa__timer_start_after(closer->loop, &timer, grace, time_is_up, closer);
    rc = proa__wait_park(&closer->wait, 1, &ends, NULL);
    proa__timer_stop(&timer);
    return rc < 0 ? rc : closer->wait.code;
}

/* The grace is over. */
static int give_up(struct proa_thread_pool *pool)
{
    int rc = 0;

    pthread_mutex_lock(&pool->lock);
    refuse_queued(pool);
    warn_of_running(pool, "its pool was shut down");
    LIST_FOR_EACH (link, &pool->helpers) {
        const struct helper *h = CONTAINER_OF(link, struct helper, link);

        if (h->job)
            rc = proa__fail(PROA_EBUSY, "job %s of pool %s still runs", h->job->name, pool->name);
    }
    pthread_mutex_unlock(&pool->lock);
    return rc;
}

/* What tells the closer is under way, or came between. */
static void await_told(struct closer *closer)
{
    if (closer->told)
        return;
    proa__wait_link(NULL, &closer->wait);
    proa__wait_park_firm(&closer->wait, 1, &ends, NULL);
}

static void leave_closers(struct proa_thread_pool *pool, struct closer *closer)
{
    bool posted;

    pthread_mutex_lock(&pool->lock);
    posted = closer->posted;
    if (!posted)
        list_remove(&closer->link);
    pthread_mutex_unlock(&pool->lock);
    if (posted)
        await_told(closer);
    else
        proa__loop_outside(closer->loop, -1);
}

static int shut_down(struct proa_thread_pool *pool, int64_t grace)
{
    struct closer closer = {.loop = proa__loop_here, .post = {.fn = on_all_gone}};
    int rc;

    closer.post.arg = &closer;
    if (!begin_to_close(pool, &closer, grace))
        return 0;
    proa__loop_outside(closer.loop, 1);
    rc = wait_for_all(&closer, grace);
    if (rc == PROA_EBUSY)
        rc = give_up(pool);
    if (rc < 0)
        leave_closers(pool, &closer);
    else
        await_told(&closer); /* idle helpers need a moment to end */
    return rc;
}

int proa_thread_pool_shutdown(struct proa_thread_pool *pool, int64_t grace)
{
    int rc = time_check_span(grace);

    if (rc < 0)
        return rc;
    if (!pool)
        rc = proa__pool_of_loop(proa__loop_need(__func__), &pool);
    if (rc < 0)
        return rc;
    proa__pool_ref(pool);
    rc = proa__wait_enter(__func__);
    if (rc < 0) {
        pthread_mutex_lock(&pool->lock);
        close_pool(pool);
        pthread_mutex_unlock(&pool->lock);
    } else {
        rc = shut_down(pool, grace);
    }
    pthread_mutex_lock(&pool->lock);
    join_gone(pool);
    pthread_mutex_unlock(&pool->lock);
    proa__pool_unref(pool);
    return rc;
}
