#ifndef CORE_THREAD_H
#define CORE_THREAD_H

/*
 * thread: jobs that block, and the pools of threads that do them.
 *
 *   queued --a helper takes it--> running --fn returns--> done --posted to its loop--> waiter wakes
 *     |--cancelled: taken back       \--cancelled, .abandon--> abandoned --fn returns--> released
 *     \--pool shut down--> refused, posted
 *
 * A pool (thread_pool.c) belongs to no loop; a loop has one of its own for jobs that name none.
 * Helpers start when a job finds none idle, block all signals, and end with the pool. Whoever might
 * touch a pool holds a reference: its owner, each helper, each task with a job in it.
 *
 * The end of a pool joins its helpers, but never waits longer than it was told: a helper whose job
 * does not end is detached. It touches its job, the pool and nothing else.
 *
 * Floor: core.
 */

#include "base/fail.h"
#include "base/list.h"
#include "core/loop.h"
#include "core/task.h"
#include "core/wait.h"

#include <proa/thread.h>

#include <pthread.h>

struct context_node;

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_DONE, JOB_ABANDONED, JOB_REFUSED };

struct job {
    struct list link; /* in pool->jobs while queued */
    struct proa_thread_pool *pool;
    struct proa_loop *loop; /* its task's; a job that was abandoned may outlive it */
    enum job_state state;   /* under pool->lock */
    proa_task_fn *fn;
    void *arg;
    proa_callback_fn *release;
    struct context_node *values; /* what fn finds by proa_context_get; the task's to drop */
    int rc;
    struct wait wait; /* of the task */
    bool told;        /* the loop was told; the loop's alone */
    struct post post; /* tells the loop: posted once, in the states done and refused */
    char name[TASK_NAME_MAX];
    struct err_slot err;
};

/* Have it done. PROA_ECLOSED, PROA_EBUSY, PROA_EAGAIN: it was not taken. */
int proa__pool_submit(struct proa_thread_pool *pool, struct job *job, bool at_once);

/* The task was cancelled. Says how far the job was; a queued one never starts now, and a running
 * one is abandoned if that is wanted. */
enum job_state proa__pool_take_back(struct proa_thread_pool *pool, struct job *job, bool abandon);

struct proa_thread_pool *proa__pool_ref(struct proa_thread_pool *pool);
void proa__pool_unref(struct proa_thread_pool *pool);

/* The loop's own, made when it is first asked for. */
int proa__pool_of_loop(struct proa_loop *loop, struct proa_thread_pool **ret);

/* For loop.c: end that pool. No task waits for a job any more; what was abandoned gets the loop's
 * grace. */
void proa__pool_end_of_loop(struct proa_loop *loop);

/* pthread_create with all signals but those of a crash blocked in the new thread. 0 or -errno. */
int proa__thread_start(pthread_t *ret, void *(*fn)(void *), void *arg);

#endif
