#include "support/t_run.h"

#include <proa/barrier.h>
#include <proa/condition.h>
#include <proa/limiter.h>
#include <proa/once.h>
#include <proa/queue.h>
#include <proa/rwlock.h>
#include <proa/sync.h>
#include <proa/wait_group.h>
#include <proa/wait_queue.h>

#include <pthread.h>
#include <string.h>

/* Each thing that tasks share belongs to one thread. */

static struct {
    struct proa_barrier *barrier;
    struct proa_event *event;
    struct proa_limiter *limiter;
    struct proa_lock *lock;
    struct proa_condition *condition;
    struct proa_once *once;
    struct proa_queue *queue;
    struct proa_rwlock *rwlock;
    struct proa_semaphore *semaphore;
    struct proa_wait_group *wait_group;
    struct proa_wait_queue *wait_queue;
} all;

static void make_all(void)
{
    ck_ok(proa_barrier_new(&all.barrier, 2));
    ck_ok(proa_event_new(&all.event));
    ck_ok(proa_limiter_new(&all.limiter, 1, 1, NULL));
    ck_ok(proa_lock_new(&all.lock));
    ck_ok(proa_condition_new(&all.condition, all.lock));
    ck_ok(proa_once_new(&all.once));
    ck_ok(proa_queue_new(&all.queue, NULL));
    ck_ok(proa_rwlock_new(&all.rwlock));
    ck_ok(proa_semaphore_new(&all.semaphore, 1, NULL));
    ck_ok(proa_wait_group_new(&all.wait_group));
    ck_ok(proa_wait_queue_new(&all.wait_queue));
}

static int do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void barrier_wait(void)
{
    proa_barrier_wait(all.barrier);
}

static void barrier_reset(void)
{
    proa_barrier_reset(all.barrier);
}

static void barrier_abort(void)
{
    proa_barrier_abort(all.barrier);
}

static void event_wait(void)
{
    proa_event_wait(all.event);
}

static void event_set(void)
{
    proa_event_set(all.event);
}

static void event_clear(void)
{
    proa_event_clear(all.event);
}

static void limiter_acquire(void)
{
    proa_limiter_acquire(all.limiter, 1);
}

static void limiter_tokens(void)
{
    proa_limiter_tokens(all.limiter);
}

static void lock_acquire(void)
{
    proa_lock_acquire(all.lock);
}

static void lock_try_acquire(void)
{
    proa_lock_try_acquire(all.lock);
}

static void condition_wait(void)
{
    proa_condition_wait(all.condition);
}

static void condition_notify(void)
{
    proa_condition_notify(all.condition, 1);
}

static void once_run(void)
{
    proa_once_run(all.once, do_nothing, NULL);
}

static void queue_put(void)
{
    proa_queue_put(all.queue, NULL);
}

static void queue_get(void)
{
    void *item;

    proa_queue_get(all.queue, &item);
}

static void queue_join(void)
{
    proa_queue_join(all.queue);
}

static void queue_shutdown(void)
{
    proa_queue_shutdown(all.queue, PROA_QUEUE_DRAIN);
}

static void queue_task_done(void)
{
    proa_queue_task_done(all.queue);
}

static void rwlock_read(void)
{
    proa_rwlock_acquire_read(all.rwlock);
}

static void rwlock_write(void)
{
    proa_rwlock_acquire_write(all.rwlock);
}

static void rwlock_release_read(void)
{
    proa_rwlock_release_read(all.rwlock);
}

static void rwlock_release_write(void)
{
    proa_rwlock_release_write(all.rwlock);
}

static void semaphore_acquire(void)
{
    proa_semaphore_acquire(all.semaphore);
}

static void semaphore_release(void)
{
    proa_semaphore_release(all.semaphore);
}

static void semaphore_resize(void)
{
    proa_semaphore_resize(all.semaphore, 1);
}

static void wait_group_add(void)
{
    proa_wait_group_add(all.wait_group, 1);
}

static void wait_group_done(void)
{
    proa_wait_group_done(all.wait_group);
}

static void wait_group_wait(void)
{
    proa_wait_group_wait(all.wait_group);
}

static void wait_queue_park(void)
{
    proa_wait_queue_park(all.wait_queue, NULL);
}

static void wait_queue_wake_one(void)
{
    proa_wait_queue_wake_one(all.wait_queue, NULL);
}

static void wait_queue_wake_all(void)
{
    proa_wait_queue_wake_all(all.wait_queue, NULL);
}

static void barrier_is_broken(void)
{
    proa_barrier_is_broken(all.barrier);
}

static void barrier_waiting(void)
{
    proa_barrier_waiting(all.barrier);
}

static void event_is_set(void)
{
    proa_event_is_set(all.event);
}

static void lock_is_locked(void)
{
    proa_lock_is_locked(all.lock);
}

static void once_is_done(void)
{
    proa_once_is_done(all.once);
}

static void queue_len(void)
{
    proa_queue_len(all.queue);
}

static void semaphore_permits(void)
{
    proa_semaphore_permits(all.semaphore);
}

static void wait_group_count(void)
{
    proa_wait_group_count(all.wait_group);
}

static void wait_queue_len(void)
{
    proa_wait_queue_len(all.wait_queue);
}

static const struct {
    void (*call)(void);
    const char *name;
} calls[] = {
    {barrier_wait, "proa_barrier_wait"},
    {barrier_reset, "proa_barrier_reset"},
    {barrier_abort, "proa_barrier_abort"},
    {event_wait, "proa_event_wait"},
    {event_set, "proa_event_set"},
    {event_clear, "proa_event_clear"},
    {limiter_acquire, "proa_limiter_try_acquire"},
    {limiter_tokens, "proa_limiter_tokens"},
    {lock_acquire, "proa_lock_acquire"},
    {lock_try_acquire, "proa_lock_try_acquire"},
    {condition_wait, "proa_condition_wait"},
    {condition_notify, "proa_condition_notify"},
    {once_run, "proa_once_run"},
    {queue_put, "proa_queue_try_put"},
    {queue_get, "proa_queue_try_get"},
    {queue_join, "proa_queue_join"},
    {queue_shutdown, "proa_queue_shutdown"},
    {queue_task_done, "proa_queue_task_done"},
    {rwlock_read, "proa_rwlock_try_acquire_read"},
    {rwlock_write, "proa_rwlock_try_acquire_write"},
    {rwlock_release_read, "proa_rwlock_release_read"},
    {rwlock_release_write, "proa_rwlock_release_write"},
    {semaphore_acquire, "proa_semaphore_acquire"},
    {semaphore_release, "proa_semaphore_release"},
    {semaphore_resize, "proa_semaphore_resize"},
    {wait_group_add, "proa_wait_group_add"},
    {wait_group_done, "proa_wait_group_done"},
    {wait_group_wait, "proa_wait_group_wait"},
    {wait_queue_park, "proa_wait_queue_park"},
    {wait_queue_wake_one, "proa_wait_queue_wake_one"},
    {wait_queue_wake_all, "proa_wait_queue_wake_all"},
    {barrier_is_broken, "proa_barrier_is_broken"},
    {barrier_waiting, "proa_barrier_waiting"},
    {event_is_set, "proa_event_is_set"},
    {lock_is_locked, "proa_lock_is_locked"},
    {once_is_done, "proa_once_is_done"},
    {queue_len, "proa_queue_len"},
    {semaphore_permits, "proa_semaphore_permits"},
    {wait_group_count, "proa_wait_group_count"},
    {wait_queue_len, "proa_wait_queue_len"},
};

static int call_it(void *arg)
{
    calls[*(const int *)arg].call();
    return 0;
}

static void *other_thread(void *arg)
{
    proa_run(call_it, arg, NULL);
    return NULL;
}

static int call_elsewhere(void *arg)
{
    pthread_t thread;

    make_all();
    ck_assert_int_eq(pthread_create(&thread, NULL, other_thread, arg), 0);
    pthread_join(thread, NULL);
    return 0;
}
START_TEST(call_from_another_thread_aborts)
{
    char words[128] = "";

    strcat(strcat(words, calls[_i].name), ": task main is of another thread");
    t_run_aborts(call_elsewhere, &_i, words);
}
END_TEST

int main(void)
{
    return t_main_tables("home", (const TTest *const[]){NULL},
                         (const struct t_table[]){
                             {call_from_another_thread_aborts, sizeof calls / sizeof calls[0]},
                             {NULL, 0},
                         });
}
