#include "support/t_run.h"

#include <proa/condition.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

struct scene {
    struct proa_lock *lock;
    struct proa_condition *cond;
    char order[16]; /* who was let go, in turn */
    int value;
};

static void begin(struct scene *s)
{
    *s = (struct scene){0};
    ck_ok(proa_lock_new(&s->lock));
    ck_ok(proa_condition_new(&s->cond, s->lock));
}

static void end(struct scene *s)
{
    ck_assert(!proa_lock_is_locked(s->lock));
    proa_condition_free(s->cond);
    proa_lock_free(s->lock);
}

struct actor {
    struct scene *scene;
    char name;
    int rc;
};

/* Wait once and say so; the lock is held afterwards, whatever came. */
static int wait_once(void *arg)
{
    struct actor *a = arg;
    struct scene *s = a->scene;
    int rc = proa_lock_acquire(s->lock);

    if (rc < 0)
        return rc;
    a->rc = proa_condition_wait(s->cond);
    if (a->rc >= 0)
        strncat(s->order, &a->name, 1);
    proa_lock_release(s->lock);
    return a->rc;
}

static void start(struct proa_group *g, struct actor *a, int n, struct proa_task_ref *ref)
{
    for (int i = 0; i < n; i++) {
        ck_ok(proa_create_task_opts(g, &ref[i], wait_once, &a[i], NULL));
        t_settle();
    }
}

/* ---- AIO-COND-01 */

static int wait_without_lock(void *arg)
{
    struct scene s;

    (void)arg;
    begin(&s);
    return proa_condition_wait(s.cond);
}

static int wait_until_without_lock(void *arg)
{
    struct scene s;

    (void)arg;
    begin(&s);
    return proa_condition_wait_until(s.cond, NULL, NULL);
}

static int notify_without_lock(void *arg)
{
    struct scene s;

    (void)arg;
    begin(&s);
    proa_condition_notify(s.cond, 1);
    return 0;
}
START_TEST(aio_cond_01_waiting_and_notifying_without_the_lock_abort)
{
    t_run_aborts(wait_without_lock, NULL, "proa_condition_wait: task main does not hold lock 0x");
    t_run_aborts(wait_until_without_lock, NULL,
                 "proa_condition_wait_until: task main does not hold lock 0x");
    t_run_aborts(notify_without_lock, NULL,
                 "proa_condition_notify: task main does not hold lock 0x");
}
END_TEST

/* ---- AIO-COND-04 */

/* Notified, then cancelled while the lock is still another's: the next one is notified instead. */
static int passed_on_body(void *arg)
{
    struct scene s;
    struct proa_task_ref ref[3];

    (void)arg;
    begin(&s);
    struct actor a[3] = {{&s, 'a', 1}, {&s, 'b', 1}, {&s, 'c', 1}};
    {
        PROA_GROUP(g);
        start(&g, a, 3, ref);
        ck_ok(proa_lock_acquire(s.lock));
        proa_condition_notify(s.cond, 1);
        ck_ok(proa_task_cancel(ref[0]));
        t_settle();
        ck_assert_int_eq(a[0].rc, 1); /* cancelled, and still waiting for the lock */
        proa_lock_release(s.lock);
        ck_ok(proa_task_join(ref[1]));
        ck_assert_int_eq(a[0].rc, PROA_ECANCELED);
        ck_assert_str_eq(s.order, "b");
        ck_assert(!proa_task_is_done(ref[2]));
        proa_group_cancel(&g);
    }
    end(&s);
    return 0;
}

/* The same with nobody behind: the notification is gone, as if the waiter had not been there. */
static int nobody_behind_body(void *arg)
{
    struct scene s;
    struct proa_task_ref ref[1];

    (void)arg;
    begin(&s);
    struct actor a[1] = {{&s, 'a', 1}};
    {
        PROA_GROUP(g);
        start(&g, a, 1, ref);
        ck_ok(proa_lock_acquire(s.lock));
        proa_condition_notify(s.cond, 1);
        ck_ok(proa_task_cancel(ref[0]));
        proa_lock_release(s.lock);
    }
    ck_assert_int_eq(a[0].rc, PROA_ECANCELED);
    end(&s);
    return 0;
}

/* Cancelled first, then notified: it is the next one's at once. */
static int cancelled_first_body(void *arg)
{
    struct scene s;
    struct proa_task_ref ref[2];

    (void)arg;
    begin(&s);
    struct actor a[2] = {{&s, 'a', 1}, {&s, 'b', 1}};
    {
        PROA_GROUP(g);
        start(&g, a, 2, ref);
        ck_ok(proa_lock_acquire(s.lock));
        ck_ok(proa_task_cancel(ref[0]));
        proa_condition_notify(s.cond, 1);
        proa_lock_release(s.lock);
        ck_ok(proa_task_join(ref[1]));
    }
    ck_assert_int_eq(a[0].rc, PROA_ECANCELED);
    ck_assert_str_eq(s.order, "b");
    end(&s);
    return 0;
}
START_TEST(aio_cond_04_notification_of_a_cancelled_waiter_is_passed_on)
{
    t_run_modes(passed_on_body, NULL);
    t_run_modes(nobody_behind_body, NULL);
    t_run_modes(cancelled_first_body, NULL);
}
END_TEST

/* ---- AIO-COND-05, AIO-COND-08 */

static int notify_n_body(void *arg)
{
    struct scene s;
    struct proa_task_ref ref[4];

    (void)arg;
    begin(&s);
    struct actor a[4] = {{&s, 'a', 1}, {&s, 'b', 1}, {&s, 'c', 1}, {&s, 'd', 1}};
    PROA_GROUP(g);
    start(&g, a, 4, ref);
    ck_ok(proa_lock_acquire(s.lock));
    proa_condition_notify(s.cond, 0);
    proa_condition_notify(s.cond, 2);
    ck_ok(proa_sleep(1));
    ck_assert_str_eq(s.order, ""); /* the lock is ours */
    proa_lock_release(s.lock);
    ck_ok(proa_sleep(1));
    ck_assert_str_eq(s.order, "ab");
    ck_ok(proa_lock_acquire(s.lock));
    proa_condition_notify(s.cond, PROA_UNLIMITED);
    proa_condition_notify(s.cond, 1); /* meets nobody */
    proa_lock_release(s.lock);
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(s.order, "abcd");
    end(&s);
    return 0;
}
START_TEST(aio_cond_05_notify_wakes_at_most_n_and_after_the_release)
{
    t_run_modes(notify_n_body, NULL);
}
END_TEST

/* Two conditions of one lock: only that which is notified lets go. */
static int shared_lock_body(void *arg)
{
    struct scene s;
    struct scene other;
    struct proa_task_ref ref[3];

    (void)arg;
    begin(&s);
    other = (struct scene){.lock = s.lock};
    ck_ok(proa_condition_new(&other.cond, s.lock));
    struct actor a[3] = {{&s, 'a', 1}, {&other, 'x', 1}, {&s, 'b', 1}};
    PROA_GROUP(g);
    start(&g, a, 3, ref);
    ck_ok(proa_lock_acquire(s.lock));
    proa_condition_notify(s.cond, PROA_UNLIMITED);
    proa_lock_release(s.lock);
    ck_ok(proa_task_join(ref[0]));
    ck_ok(proa_task_join(ref[2]));
    ck_assert_str_eq(s.order, "ab");
    ck_assert_str_eq(other.order, "");
    ck_ok(proa_lock_acquire(s.lock));
    proa_condition_notify(other.cond, 1);
    proa_lock_release(s.lock);
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(other.order, "x");
    proa_condition_free(other.cond);
    end(&s);
    return 0;
}
START_TEST(aio_cond_08_conditions_share_a_lock_and_notify_in_order)
{
    t_run_modes(shared_lock_body, NULL);
    t_run_modes(notify_n_body, NULL);
}
END_TEST

/* ---- AIO-COND-06 */

static int asked; /* how often */

static bool is_two(void *arg)
{
    const struct scene *s = arg;

    asked++;
    return s->value >= 2;
}

static int wait_for_two(void *arg)
{
    struct actor *a = arg;
    int rc = proa_lock_acquire(a->scene->lock);

    if (rc < 0)
        return rc;
    a->rc = proa_condition_wait_until(a->scene->cond, is_two, a->scene);
    proa_lock_release(a->scene->lock);
    return a->rc;
}

static int predicate_body(void *arg)
{
    struct scene s;

    (void)arg;
    begin(&s);
    asked = 0;
    struct actor a = {&s, 'a', 1};
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wait_for_two, &a));
    t_settle();
    ck_assert_int_eq(asked, 1);
    for (int i = 1; i <= 2; i++) {
        ck_ok(proa_lock_acquire(s.lock));
        s.value = i;
        proa_condition_notify(s.cond, 1);
        proa_lock_release(s.lock);
        ck_ok(proa_sleep(1));
        ck_assert_int_eq(asked, 1 + i);
        ck_assert_int_eq(a.rc, i == 2 ? 0 : 1);
    }
    ck_ok(proa_lock_acquire(s.lock));
    ck_ok(proa_condition_wait_until(s.cond, is_two, &s)); /* true at once: nobody would wake us */
    ck_assert_int_eq(asked, 4);
    ck_err(PROA_WITHIN(0, proa_condition_wait_until(s.cond, is_two, &s)), PROA_ETIMEDOUT);
    proa_lock_release(s.lock);
    ck_ok(proa_group_join(&g));
    end(&s);
    return 0;
}
START_TEST(aio_cond_06_predicate_is_asked_after_each_wake_and_at_once)
{
    t_run_modes(predicate_body, NULL);
}
END_TEST

/* ---- AIO-COND-07 */

static int hold_a_while(void *arg)
{
    struct scene *s = arg;
    int rc = proa_lock_acquire(s->lock);

    if (rc < 0)
        return rc;
    rc = proa_sleep(10);
    proa_lock_release(s->lock);
    return rc;
}

/* The time is up at 5; another task has the lock until 10, and only then the wait returns. */
static int timeout_body(void *arg)
{
    struct scene s;
    int64_t began = proa_now();

    (void)arg;
    begin(&s);
    PROA_GROUP(g);
    ck_ok(proa_lock_acquire(s.lock));
    ck_ok(proa_create_task(&g, hold_a_while, &s));
    ck_err(PROA_WITHIN(5, proa_condition_wait(s.cond)), PROA_ETIMEDOUT);
    ck_assert_int_eq(proa_now() - began, 10);
    proa_lock_release(s.lock); /* aborts unless we hold it */
    ck_ok(proa_lock_acquire(s.lock));
    ck_err(PROA_WITHIN(5, proa_condition_wait(s.cond)), PROA_ETIMEDOUT); /* free: taken at once */
    ck_assert_int_eq(proa_now() - began, 15);
    ck_err(PROA_WITHIN(0, proa_condition_wait(s.cond)), PROA_ETIMEDOUT);
    proa_lock_release(s.lock);
    ck_ok(proa_group_join(&g));
    end(&s);
    return 0;
}
START_TEST(aio_cond_07_lock_is_held_after_a_timeout)
{
    t_run_modes(timeout_body, NULL);
}
END_TEST

/* ---- a lock whose owner has ended */

static int take_and_end(void *arg)
{
    struct scene *s = arg;

    return proa_lock_acquire(s->lock);
}

static int wait_for_dead(void *arg)
{
    struct scene *s = arg;

    ck_ok(proa_lock_acquire(s->lock));
    ck_err(proa_condition_wait(s->cond), PROA_EOWNERDEAD);
    return 0;
}

static int take_notify_and_end(void *arg)
{
    struct scene *s = arg;
    int rc = proa_lock_acquire(s->lock);

    if (rc >= 0)
        proa_condition_notify(s->cond, 1);
    return rc;
}

static int orphan_body(void *arg)
{
    proa_task_fn *const ends[] = {take_and_end, take_notify_and_end};

    (void)arg;
    for (int i = 0; i < 2; i++) {
        struct scene s;

        begin(&s);
        {
            PROA_GROUP(g);
            ck_ok(proa_create_task(&g, wait_for_dead, &s));
            ck_ok(proa_create_task(&g, wait_for_dead, &s));
            ck_ok(proa_yield());
            ck_ok(proa_create_task(&g, ends[i], &s));
            ck_ok(proa_group_join(&g));
        }
        proa_condition_free(s.cond);
        proa_lock_free(s.lock);
    }
    return 0;
}

/* Cancelled, then the owner ends before the lock came back. */
static int orphan_cancelled_body(void *arg)
{
    struct scene s;
    struct proa_task_ref ref;

    (void)arg;
    begin(&s);
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task_opts(&g, &ref, wait_for_dead, &s, NULL));
        ck_ok(proa_yield());
        ck_ok(proa_create_task(&g, take_and_end, &s));
        ck_ok(proa_task_cancel(ref));
        ck_ok(proa_task_join(ref));
    }
    proa_condition_free(s.cond);
    proa_lock_free(s.lock);
    return 0;
}
START_TEST(waiters_are_told_when_the_owner_of_the_lock_has_ended)
{
    t_run_in_order(orphan_body, NULL);
    t_run_in_order(orphan_cancelled_body, NULL);
}
END_TEST

/* ---- misuse */

static int free_waited_for(void *arg)
{
    const bool *notified = arg;
    struct scene s;
    struct proa_task_ref ref[1];

    begin(&s);
    struct actor a[1] = {{&s, 'a', 1}};
    PROA_GROUP(g);
    start(&g, a, 1, ref);
    ck_ok(proa_lock_acquire(s.lock));
    if (notified)
        proa_condition_notify(s.cond, 1);
    proa_condition_free(s.cond);
    return 0;
}

static bool sleepy(void *arg)
{
    (void)arg;
    proa_sleep(1);
    return true;
}

static int suspend_in_predicate(void *arg)
{
    struct scene s;

    (void)arg;
    begin(&s);
    ck_ok(proa_lock_acquire(s.lock));
    return proa_condition_wait_until(s.cond, sleepy, NULL);
}

static int no_lock(void *arg)
{
    struct proa_condition *c;

    (void)arg;
    return proa_condition_new(&c, NULL);
}

static int free_lock_first(void *arg)
{
    struct scene s;

    (void)arg;
    begin(&s);
    proa_lock_free(s.lock);
    return 0;
}
START_TEST(misuse_of_a_condition_aborts)
{
    bool notified = true;

    t_run_aborts(free_waited_for, NULL, "proa_condition_free: task main frees condition 0x");
    t_run_aborts(free_waited_for, NULL, ", for which 1 tasks wait");
    t_run_aborts(free_waited_for, &notified, ", for which 1 tasks wait");
    t_run_aborts(free_lock_first, NULL, "which has conditions");
    t_run_aborts(no_lock, NULL, "lock is NULL");
    t_run_aborts(suspend_in_predicate, NULL, "a task waits where waiting is forbidden");
    proa_condition_free(NULL);
}
END_TEST

/* ---- cancels and failures */

static bool has_value(void *arg)
{
    const struct scene *s = arg;

    return s->value > 0;
}

static int eat(void *arg)
{
    struct scene *s = arg;
    int rc = proa_lock_acquire(s->lock);

    if (rc < 0)
        return rc;
    rc = proa_condition_wait_until(s->cond, has_value, s);
    if (rc >= 0)
        s->value--;
    proa_lock_release(s->lock);
    return rc;
}

static int feed(void *arg)
{
    struct scene *s = arg;
    int rc = proa_lock_acquire(s->lock);

    if (rc < 0)
        return rc;
    s->value++;
    proa_condition_notify(s->cond, 1);
    rc = proa_sleep(1);
    proa_lock_release(s->lock);
    return rc;
}

static int meal(void *arg)
{
    struct scene s = {0};
    int rc;

    (void)arg;
    rc = proa_lock_new(&s.lock);
    if (rc >= 0)
        rc = proa_condition_new(&s.cond, s.lock);
    if (rc >= 0) {
        PROA_GROUP(eaters);
        for (int i = 0; i < 3; i++)
            proa_create_task(&eaters, eat, &s);
        {
            PROA_GROUP(feeders);
            for (int i = 0; i < 3; i++)
                proa_create_task(&feeders, feed, &s);
            rc = proa_group_join(&feeders);
        }
        proa_group_cancel(&eaters); /* who fed may have been cancelled */
        int ate = proa_group_join(&eaters);
        rc = rc < 0 ? rc : ate;
        ck_assert(!proa_lock_is_locked(s.lock));
    }
    proa_condition_free(s.cond);
    proa_lock_free(s.lock);
    return rc;
}
START_TEST(cancel_at_each_point_and_each_failed_allocation_leave_the_lock_free)
{
    t_each_park(meal, NULL);
    t_run_each_alloc(meal, NULL);
}
END_TEST

int main(void)
{
    return t_main("condition",
                  (const TTest *const[]){
                      aio_cond_01_waiting_and_notifying_without_the_lock_abort,
                      aio_cond_04_notification_of_a_cancelled_waiter_is_passed_on,
                      aio_cond_05_notify_wakes_at_most_n_and_after_the_release,
                      aio_cond_08_conditions_share_a_lock_and_notify_in_order,
                      aio_cond_06_predicate_is_asked_after_each_wake_and_at_once,
                      aio_cond_07_lock_is_held_after_a_timeout,
                      waiters_are_told_when_the_owner_of_the_lock_has_ended,
                      misuse_of_a_condition_aborts,
                      cancel_at_each_point_and_each_failed_allocation_leave_the_lock_free, NULL});
}
