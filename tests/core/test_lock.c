#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

struct crew {
    struct proa_lock *lock;
    char order[16]; /* who held it, in turn */
    int inside;     /* tasks that hold it now */
};

struct sailor {
    struct crew *crew;
    char name;
    int64_t ns; /* how long it is held */
};

static int hold(void *arg)
{
    struct sailor *s = arg;
    struct crew *c = s->crew;
    int rc = proa_lock_acquire(c->lock);

    if (rc < 0)
        return rc;
    ck_assert_int_eq(++c->inside, 1);
    strncat(c->order, &s->name, 1);
    rc = proa_sleep(s->ns);
    c->inside--;
    proa_lock_release(c->lock);
    return rc;
}

static int fifo_body(void *arg)
{
    struct crew c = {0};
    struct sailor s[3] = {{&c, 'a', 3}, {&c, 'b', 1}, {&c, 'c', 2}};
    int64_t began = proa_now();

    (void)arg;
    ck_ok(proa_lock_new(&c.lock));
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task(&g, hold, &s[i]));
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(c.order, "abc");
    ck_assert_int_eq(proa_now() - began, 6);
    ck_assert(!proa_lock_is_locked(c.lock));
    proa_lock_free(c.lock);
    return 0;
}
START_TEST(one_task_holds_it_and_others_follow_in_order)
{
    t_run_in_order(fifo_body, NULL);
}
END_TEST

/* AIO-LOCK-02: given to the waiter, who has not run yet; a newcomer cannot slip in. */
static int no_barging_body(void *arg)
{
    struct crew c = {0};
    struct sailor s = {&c, 'w', 1};

    (void)arg;
    ck_ok(proa_lock_new(&c.lock));
    PROA_GROUP(g);
    ck_ok(proa_lock_acquire(c.lock));
    ck_err(proa_lock_try_acquire(c.lock), PROA_EAGAIN);
    ck_ok(proa_create_task(&g, hold, &s));
    ck_ok(proa_yield());
    proa_lock_release(c.lock);
    ck_assert(proa_lock_is_locked(c.lock));
    ck_err(proa_lock_try_acquire(c.lock), PROA_EAGAIN);
    ck_ok(proa_lock_acquire(c.lock));
    ck_assert_str_eq(c.order, "w");
    proa_lock_release(c.lock);
    ck_ok(proa_lock_try_acquire(c.lock));
    proa_lock_release(c.lock);
    ck_ok(proa_group_join(&g));
    proa_lock_free(c.lock);
    return 0;
}
START_TEST(released_lock_belongs_to_the_waiter_before_it_runs)
{
    t_run_in_order(no_barging_body, NULL);
}
END_TEST

/* AIO-LOCK-03, AIO-LOCK-05: the first waiter is cancelled, one release, one of the rest has it. */
static int cancelled_waiter_body(void *arg)
{
    struct crew c = {0};
    struct sailor s[3] = {{&c, 'a', 1}, {&c, 'b', 5}, {&c, 'c', 1}};
    struct proa_task_ref first;

    (void)arg;
    ck_ok(proa_lock_new(&c.lock));
    PROA_GROUP(g);
    ck_ok(proa_lock_acquire(c.lock));
    ck_ok(proa_create_task_opts(&g, &first, hold, &s[0], NULL));
    ck_ok(proa_create_task(&g, hold, &s[1]));
    ck_ok(proa_create_task(&g, hold, &s[2]));
    ck_ok(proa_yield());
    ck_ok(proa_task_cancel(first));
    proa_lock_release(c.lock);
    ck_ok(proa_yield());
    ck_assert_str_eq(c.order, "b");
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(c.order, "bc");
    proa_lock_free(c.lock);
    return 0;
}

/* AIO-LOCK-04: chosen first, cancelled after, in the same turn: it has the lock, and passes it on.
 */
static int cancelled_holder_body(void *arg)
{
    struct crew c = {0};
    struct sailor s[2] = {{&c, 'a', 1}, {&c, 'b', 1}};
    struct proa_task_ref first;

    (void)arg;
    ck_ok(proa_lock_new(&c.lock));
    PROA_GROUP(g);
    ck_ok(proa_lock_acquire(c.lock));
    ck_ok(proa_create_task_opts(&g, &first, hold, &s[0], NULL));
    ck_ok(proa_create_task(&g, hold, &s[1]));
    ck_ok(proa_yield());
    proa_lock_release(c.lock);
    ck_ok(proa_task_cancel(first));
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(c.order, "ab");
    ck_assert(!proa_lock_is_locked(c.lock));
    proa_lock_free(c.lock);
    return 0;
}
START_TEST(no_release_is_lost_to_a_cancel)
{
    t_run_in_order(cancelled_waiter_body, NULL);
    t_run_in_order(cancelled_holder_body, NULL);
}
END_TEST

static int cancelled_take_body(void *arg)
{
    PROA_AUTO(proa_lock) *lock = NULL;

    (void)arg;
    ck_ok(proa_lock_new(&lock));
    ck_err(PROA_WITHIN(0, proa_lock_acquire(lock)), PROA_ETIMEDOUT);
    ck_assert(!proa_lock_is_locked(lock));
    return 0;
}
START_TEST(free_lock_is_not_taken_in_a_cancelled_scope)
{
    t_run(cancelled_take_body, NULL);
}
END_TEST

/* ---- misuse: AIO-LOCK-06, AIO-LOCK-07, AIO-LOCK-09 */

static int release_unlocked(void *arg)
{
    struct proa_lock *lock;

    (void)arg;
    ck_ok(proa_lock_new(&lock));
    proa_lock_release(lock);
    return 0;
}

static int acquire_twice(void *arg)
{
    struct proa_lock *lock;

    (void)arg;
    ck_ok(proa_lock_new(&lock));
    ck_ok(proa_lock_acquire(lock));
    return proa_lock_acquire(lock);
}

static int release_it(void *lock)
{
    proa_lock_release(lock);
    return 0;
}

static int release_foreign(void *arg)
{
    struct proa_lock *lock;

    (void)arg;
    ck_ok(proa_lock_new(&lock));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, release_it, lock));
    ck_ok(proa_lock_acquire(lock));
    return proa_group_join(&g);
}

static int free_held(void *arg)
{
    struct proa_lock *lock;

    (void)arg;
    ck_ok(proa_lock_new(&lock));
    ck_ok(proa_lock_acquire(lock));
    proa_lock_free(lock);
    return 0;
}

static int take_and_end(void *lock)
{
    return proa_lock_acquire(lock);
}

/* The holder has ended; a task that uses its record again does not hold the lock. */
static int holder_ended(void *arg)
{
    struct proa_lock *lock;

    (void)arg;
    ck_ok(proa_lock_new(&lock));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, take_and_end, lock));
    ck_ok(proa_yield());
    ck_ok(proa_create_task(&g, release_it, lock));
    return proa_group_join(&g);
}
START_TEST(misuse_of_a_lock_aborts)
{
    t_run_aborts(release_unlocked, NULL, "proa_lock_release: the task does not hold the lock");
    t_run_aborts(release_foreign, NULL, "proa_lock_release: the task does not hold the lock");
    t_run_aborts(holder_ended, NULL, "proa_lock_release: the task does not hold the lock");
    t_run_aborts(acquire_twice, NULL, "holds this lock already");
    t_run_aborts(free_held, NULL, "proa_lock_free: a task holds the lock");
    proa_lock_free(NULL);
}
END_TEST

static int crew_at_work(void *arg)
{
    struct crew c = {0};
    struct sailor s[3] = {{&c, 'a', 1}, {&c, 'b', 1}, {&c, 'c', 1}};
    int rc = proa_lock_new(&c.lock);

    (void)arg;
    if (rc < 0)
        return rc;
    {
        PROA_GROUP(g);
        for (int i = 0; i < 3; i++)
            proa_create_task(&g, hold, &s[i]);
        rc = proa_group_join(&g);
    }
    ck_assert(!proa_lock_is_locked(c.lock));
    proa_lock_free(c.lock);
    return rc;
}
START_TEST(cancel_at_each_point_and_each_failed_allocation_leave_it_free)
{
    t_each_park(crew_at_work, NULL);
    t_run_each_alloc(crew_at_work, NULL);
}
END_TEST

int main(void)
{
    return t_main("lock", (const TTest *const[]){
                              one_task_holds_it_and_others_follow_in_order,
                              released_lock_belongs_to_the_waiter_before_it_runs,
                              no_release_is_lost_to_a_cancel,
                              free_lock_is_not_taken_in_a_cancelled_scope,
                              misuse_of_a_lock_aborts,
                              cancel_at_each_point_and_each_failed_allocation_leave_it_free,
                              NULL,
                          });
}
