#ifndef TESTS_CORE_JOBS_H
#define TESTS_CORE_JOBS_H

/*
 * jobs: what the tests of thread pools share: a job that holds its thread until it is let go, and a
 * task that brings a job to a pool.
 */

#include <proa/err.h>
#include <proa/thread.h>

#include <check.h>

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Jobs that wait until they are let go. */
static sem_t begun, go;
static atomic_int n_held;

static void prepare(void)
{
    sem_init(&begun, 0, 0);
    sem_init(&go, 0, 0);
    n_held = 0;
}

static int hold(void *arg)
{
    n_held++;
    sem_post(&begun);
    sem_wait(&go);
    return arg ? *(int *)arg : 0;
}

/* A task that brings one job to a pool. */
struct bring {
    struct proa_thread_pool *pool;
    proa_task_fn *fn;
    void *arg;
    bool at_once;
    bool abandon;
    proa_callback_fn *release;
    int rc;
};

static int bring(void *arg)
{
    struct bring *b = arg;

    b->rc = 1;
    b->rc = proa_to_thread(b->fn, b->arg,
                           PROA_TO_THREAD_OPTS(.pool = b->pool, .at_once = b->at_once,
                                               .abandon = b->abandon, .release = b->release,
                                               .name = "a stuck one"));
    if (b->rc == PROA_ECLOSED)
        ck_assert_str_eq(proa_err_detail(b->rc),
                         "the pool was shut down before job a stuck one could run");
    return 0;
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

#endif
