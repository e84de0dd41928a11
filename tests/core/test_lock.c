#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/time.h>

#include <pthread.h>
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
    t_settle();
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

/* All that waited were cancelled, and have not run yet: then it is free for a newcomer. */
static int waiters_gone_body(void *arg)
{
    PROA_AUTO(proa_lock) *lock = NULL;
    struct crew c = {0};
    struct sailor s = {&c, 'w', 1};

    (void)arg;
    ck_ok(proa_lock_new(&lock));
    c.lock = lock;
    PROA_GROUP(g);
    ck_ok(proa_lock_acquire(lock));
    ck_ok(proa_create_task(&g, hold, &s));
    t_settle();
    ck_ok(proa_create_task(&g, hold, &s));
    t_settle();
    proa_group_cancel(&g);
    proa_lock_release(lock);
    ck_assert(!proa_lock_is_locked(lock));
    ck_ok(proa_lock_try_acquire(lock));
    proa_lock_release(lock);
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(c.order, "");
    return 0;
}
START_TEST(aio_lock_02_released_lock_belongs_to_the_waiter_before_it_runs)
{
    t_run_modes(no_barging_body, NULL);
    t_run_modes(waiters_gone_body, NULL);
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
    t_settle();
    ck_ok(proa_create_task(&g, hold, &s[1]));
    t_settle();
    ck_ok(proa_create_task(&g, hold, &s[2]));
    t_settle();
    ck_ok(proa_task_cancel(first));
    proa_lock_release(c.lock);
    t_settle();
    ck_assert_str_eq(c.order, "b");
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(c.order, "bc");
    proa_lock_free(c.lock);
    return 0;
}

START_TEST(aio_lock_03_cancelled_waiter_leaves_the_others_alone)
{
    t_run_modes(cancelled_waiter_body, NULL);
}
END_TEST
START_TEST(aio_lock_05_first_waiter_cancelled_and_one_release_is_one_acquire)
{
    t_run_modes(cancelled_waiter_body, NULL);
}
END_TEST

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
    t_settle();
    ck_ok(proa_create_task(&g, hold, &s[1]));
    t_settle();
    proa_lock_release(c.lock);
    ck_ok(proa_task_cancel(first));
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(c.order, "ab");
    ck_assert(!proa_lock_is_locked(c.lock));
    proa_lock_free(c.lock);
    return 0;
}
START_TEST(aio_lock_04_no_release_is_lost_to_a_cancel_of_the_chosen)
{
    t_run_modes(cancelled_waiter_body, NULL);
    t_run_modes(cancelled_holder_body, NULL);
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

/* ---- misuse */

static int release_unlocked(void *arg)
{
    struct proa_lock *lock;

    (void)arg;
    ck_ok(proa_lock_new(&lock));
    proa_lock_release(lock);
    return 0;
}
START_TEST(aio_lock_06_release_of_a_free_lock_aborts)
{
    t_run_aborts(release_unlocked, NULL, "proa_lock_release: task main does not hold lock 0x");
    t_run_aborts(release_unlocked, NULL, ", nobody does");
}
END_TEST

static int acquire_twice_body(void *arg)
{
    PROA_AUTO(proa_lock) *lock = NULL;

    (void)arg;
    ck_ok(proa_lock_new(&lock));
    ck_ok(proa_lock_acquire(lock));
    ck_err(proa_lock_acquire(lock), PROA_EDEADLK);
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_EDEADLK), "task main holds lock 0x"));
    ck_err(proa_lock_try_acquire(lock), PROA_EAGAIN);
    ck_assert(proa_lock_is_locked(lock));
    proa_lock_release(lock);
    ck_assert(!proa_lock_is_locked(lock));
    return 0;
}
START_TEST(aio_lock_07_acquiring_twice_is_a_deadlock_and_said_so)
{
    t_run_modes(acquire_twice_body, NULL);
}
END_TEST

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
    ck_ok(proa_lock_acquire(lock));
    ck_ok(proa_create_task_opts(&g, NULL, release_it, lock, PROA_TASK_OPTS(.name = "thief")));
    return proa_group_join(&g);
}
START_TEST(aio_lock_09_release_of_what_another_task_holds_aborts)
{
    t_run_aborts(release_foreign, NULL, "proa_lock_release: task thief does not hold lock 0x");
    t_run_aborts(release_foreign, NULL, ", main does");
}
END_TEST

static int free_held(void *arg)
{
    struct proa_lock *lock;

    (void)arg;
    ck_ok(proa_lock_new(&lock));
    ck_ok(proa_lock_acquire(lock));
    proa_lock_free(lock);
    return 0;
}
START_TEST(freeing_a_held_lock_aborts)
{
    t_run_aborts(free_held, NULL, "proa_lock_free: task main frees lock 0x");
    t_run_aborts(free_held, NULL, ", which main holds");
    proa_lock_free(NULL);
}
END_TEST

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

static int hold_and_end(void *lock)
{
    int rc = proa_lock_acquire(lock);

    return rc < 0 ? rc : proa_sleep(1);
}

static int take_dead(void *lock)
{
    ck_err(proa_lock_acquire(lock), PROA_EOWNERDEAD);
    return 0;
}

/* Two wait for a lock whose holder ends: both are told, and so is who comes after. */
static int orphan_body(void *arg)
{
    PROA_AUTO(proa_lock) *lock = NULL;
    PROA_AUTO(proa_lock) *other = NULL;

    (void)arg;
    ck_ok(proa_lock_new(&lock));
    ck_ok(proa_lock_new(&other));
    PROA_GROUP(g);
    ck_ok(proa_lock_acquire(other)); /* what others hold is not concerned */
    ck_ok(proa_create_task(&g, hold_and_end, lock));
    ck_ok(proa_yield());
    ck_ok(proa_create_task(&g, take_dead, lock));
    ck_ok(proa_create_task(&g, take_dead, lock));
    ck_ok(proa_group_join(&g));
    ck_err(proa_lock_acquire(lock), PROA_EOWNERDEAD);
    ck_err(proa_lock_try_acquire(lock), PROA_EOWNERDEAD);
    ck_assert(proa_lock_is_locked(lock));
    proa_lock_release(other);
    return 0;
}
struct pair {
    struct proa_lock *kept;
    struct proa_lock *released;
};

static int keep_one(void *arg)
{
    struct pair *p = arg;

    ck_ok(proa_lock_acquire(p->kept));
    ck_ok(proa_lock_acquire(p->released));
    proa_lock_release(p->released);
    return 0;
}

/* Of two locks the task forgets the one that it took first. */
static int older_lock_body(void *arg)
{
    PROA_AUTO(proa_lock) *kept = NULL;
    PROA_AUTO(proa_lock) *released = NULL;

    (void)arg;
    ck_ok(proa_lock_new(&kept));
    ck_ok(proa_lock_new(&released));
    struct pair p = {kept, released};
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, keep_one, &p));
    ck_ok(proa_group_join(&g));
    ck_err(proa_lock_acquire(kept), PROA_EOWNERDEAD);
    ck_ok(proa_lock_acquire(released));
    proa_lock_release(released);
    return 0;
}
START_TEST(lock_of_a_task_that_has_ended_keeps_nobody_waiting)
{
    t_run(older_lock_body, NULL);
    t_run_in_order(orphan_body, NULL);
    t_run_aborts(holder_ended, NULL, ", a task that has ended does");
}
END_TEST

/* Released in any order, each is forgotten: at its end the task would touch one that it holds. */
static int any_order_body(void *arg)
{
    struct proa_lock *l[3];

    (void)arg;
    for (int i = 0; i < 3; i++) {
        ck_ok(proa_lock_new(&l[i]));
        ck_ok(proa_lock_acquire(l[i]));
    }
    proa_lock_release(l[1]);
    proa_lock_release(l[0]);
    proa_lock_release(l[2]);
    ck_ok(proa_lock_acquire(l[1]));
    proa_lock_release(l[1]);
    for (int i = 0; i < 3; i++)
        proa_lock_free(l[i]);
    return 0;
}
START_TEST(locks_are_released_in_any_order)
{
    t_run(any_order_body, NULL);
}
END_TEST

static int lock_it(void *arg)
{
    struct proa_lock *lock = arg;
    int rc = proa_lock_acquire(lock);

    if (rc >= 0)
        proa_lock_release(lock);
    return rc;
}

static void *other_thread(void *lock)
{
    proa_run(lock_it, lock, NULL);
    return NULL;
}

static void use_elsewhere(struct proa_lock *lock)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, other_thread, lock), 0);
    pthread_join(thread, NULL);
}

static int made_here(void *arg)
{
    struct proa_lock *lock;

    (void)arg;
    ck_ok(proa_lock_new(&lock));
    use_elsewhere(lock);
    return 0;
}

/* One made before the loop gets its home from the first task that uses it. */
static int used_here_first(void *lock)
{
    ck_ok(lock_it(lock));
    use_elsewhere(lock);
    return 0;
}
START_TEST(use_in_another_thread_aborts)
{
    PROA_AUTO(proa_lock) *lock = NULL;

    ck_ok(proa_lock_new(&lock));
    t_run_aborts(made_here, NULL, "proa_lock_acquire: task main is of another thread");
    t_run_aborts(used_here_first, lock, "proa_lock_acquire: task main is of another thread");
    t_run(lock_it, lock);
    t_run(lock_it, lock); /* another loop of the same thread */
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
                              aio_lock_02_released_lock_belongs_to_the_waiter_before_it_runs,
                              aio_lock_03_cancelled_waiter_leaves_the_others_alone,
                              aio_lock_05_first_waiter_cancelled_and_one_release_is_one_acquire,
                              aio_lock_04_no_release_is_lost_to_a_cancel_of_the_chosen,
                              free_lock_is_not_taken_in_a_cancelled_scope,
                              aio_lock_06_release_of_a_free_lock_aborts,
                              aio_lock_07_acquiring_twice_is_a_deadlock_and_said_so,
                              aio_lock_09_release_of_what_another_task_holds_aborts,
                              freeing_a_held_lock_aborts,
                              lock_of_a_task_that_has_ended_keeps_nobody_waiting,
                              locks_are_released_in_any_order, use_in_another_thread_aborts,
                              cancel_at_each_point_and_each_failed_allocation_leave_it_free, NULL});
}
