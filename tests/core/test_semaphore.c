#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

struct taker {
    struct proa_semaphore *sem;
    char *order;
    char name;
};

static int take(void *arg)
{
    struct taker *t = arg;
    int rc = proa_semaphore_acquire(t->sem);

    if (rc >= 0)
        strncat(t->order, &t->name, 1);
    return rc;
}

static void take_all(struct taker t[3], struct proa_semaphore *sem, char *order)
{
    for (int i = 0; i < 3; i++)
        t[i] = (struct taker){sem, order, (char)('a' + i)};
}

/* AIO-SEM-01 */
static int counting_body(void *arg)
{
    PROA_AUTO(proa_semaphore) *s = NULL;
    PROA_AUTO(proa_semaphore) *none = NULL;

    (void)arg;
    ck_ok(proa_semaphore_new(&s, 2, NULL));
    ck_assert_uint_eq(proa_semaphore_permits(s), 2);
    ck_ok(proa_semaphore_acquire(s));
    ck_ok(proa_semaphore_try_acquire(s));
    ck_err(proa_semaphore_try_acquire(s), PROA_EAGAIN);
    ck_err(PROA_WITHIN(1, proa_semaphore_acquire(s)), PROA_ETIMEDOUT);
    proa_semaphore_release(s);
    ck_assert_uint_eq(proa_semaphore_permits(s), 1);
    ck_ok(proa_semaphore_acquire(s));
    for (int i = 0; i < 5; i++)
        proa_semaphore_release(s); /* without a limit, more than it began with */
    ck_assert_uint_eq(proa_semaphore_permits(s), 5);
    ck_err(PROA_WITHIN(0, proa_semaphore_acquire(s)), PROA_ETIMEDOUT);
    ck_assert_uint_eq(proa_semaphore_permits(s), 5);

    ck_ok(proa_semaphore_new(&none, 0, NULL));
    ck_err(PROA_WITHIN(1, proa_semaphore_acquire(none)), PROA_ETIMEDOUT);
    return 0;
}
START_TEST(permits_are_counted)
{
    t_run(counting_body, NULL);
}
END_TEST

/* AIO-SEM-02, AIO-SEM-06 */
static int fifo_body(void *arg)
{
    PROA_AUTO(proa_semaphore) *s = NULL;
    struct taker t[3];
    char order[8] = "";

    (void)arg;
    ck_ok(proa_semaphore_new(&s, 0, NULL));
    take_all(t, s, order);
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task(&g, take, &t[i]));
    ck_ok(proa_yield());
    proa_semaphore_release(s);
    ck_err(proa_semaphore_try_acquire(s), PROA_EAGAIN); /* it is the waiter's */
    proa_semaphore_release(s);
    proa_semaphore_release(s);
    proa_semaphore_release(s);
    ck_assert_uint_eq(proa_semaphore_permits(s), 1);
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(order, "abc");
    return 0;
}
START_TEST(several_releases_wake_several_waiters_in_order)
{
    t_run_in_order(fifo_body, NULL);
}
END_TEST

/* AIO-SEM-05 */
static int cancelled_waiter_body(void *arg)
{
    PROA_AUTO(proa_semaphore) *s = NULL;
    struct taker t[3];
    struct proa_task_ref first;
    char order[8] = "";

    (void)arg;
    ck_ok(proa_semaphore_new(&s, 0, NULL));
    take_all(t, s, order);
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &first, take, &t[0], NULL));
    ck_ok(proa_create_task(&g, take, &t[1]));
    ck_ok(proa_create_task(&g, take, &t[2]));
    ck_ok(proa_yield());
    ck_ok(proa_task_cancel(first));
    proa_semaphore_release(s);
    proa_semaphore_release(s);
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(order, "bc");
    ck_assert_uint_eq(proa_semaphore_permits(s), 0);
    return 0;
}

/* AIO-SEM-04, the other way: the waiter was given the permit before the cancel, so it has it. */
static int given_then_cancelled_body(void *arg)
{
    PROA_AUTO(proa_semaphore) *s = NULL;
    struct taker t[3];
    char order[8] = "";

    (void)arg;
    ck_ok(proa_semaphore_new(&s, 0, NULL));
    take_all(t, s, order);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, take, &t[0]));
    ck_ok(proa_yield());
    proa_semaphore_release(s);
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(order, "a");
    return 0;
}
START_TEST(no_permit_is_lost_to_a_cancel)
{
    t_run_in_order(cancelled_waiter_body, NULL);
    t_run_in_order(given_then_cancelled_body, NULL);
}
END_TEST

static int limit_body(void *arg)
{
    PROA_AUTO(proa_semaphore) *s = NULL;
    struct proa_semaphore *none = NULL;
    struct {
        struct proa_semaphore_opts opts;
        int more;
    } newer = {.opts = {.size = sizeof newer}, .more = 1};

    (void)arg;
    ck_err(proa_semaphore_new(&none, 1, &newer.opts), PROA_E2BIG);
    ck_err(proa_semaphore_new(&none, 3, PROA_SEMAPHORE_OPTS(.limit = 2)), PROA_EINVAL);
    ck_assert_ptr_null(none);
    ck_ok(proa_semaphore_new(&s, 2, PROA_SEMAPHORE_OPTS(.limit = 2)));
    ck_ok(proa_semaphore_acquire(s));
    proa_semaphore_release(s);
    ck_assert_uint_eq(proa_semaphore_permits(s), 2);
    return 0;
}

/* AIO-SEM-07 */
static int over_limit(void *arg)
{
    struct proa_semaphore *s;

    (void)arg;
    ck_ok(proa_semaphore_new(&s, 2, PROA_SEMAPHORE_OPTS(.limit = 2)));
    proa_semaphore_release(s);
    return 0;
}

static int free_waited_for(void *arg)
{
    struct proa_semaphore *s;
    struct taker t[3];
    char order[8] = "";

    (void)arg;
    ck_ok(proa_semaphore_new(&s, 0, NULL));
    take_all(t, s, order);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, take, &t[0]));
    ck_ok(proa_yield());
    proa_semaphore_free(s);
    return 0;
}
START_TEST(release_beyond_the_limit_and_free_under_waiters_abort)
{
    t_run_in_order(limit_body, NULL);
    t_run_aborts(over_limit, NULL, "released more often than acquired");
    t_run_aborts(free_waited_for, NULL, "proa_semaphore_free: tasks wait for the semaphore");
    proa_semaphore_free(NULL);
}
END_TEST

static int use_permit(void *arg)
{
    struct proa_semaphore *s = arg;
    int rc = proa_semaphore_acquire(s);

    if (rc < 0)
        return rc;
    rc = proa_sleep(1);
    proa_semaphore_release(s);
    return rc;
}

static int users(void *arg)
{
    struct proa_semaphore *s = NULL;
    int rc = proa_semaphore_new(&s, 2, NULL);

    (void)arg;
    if (rc < 0)
        return rc;
    {
        PROA_GROUP(g);
        for (int i = 0; i < 4; i++)
            proa_create_task(&g, use_permit, s);
        rc = proa_group_join(&g);
    }
    ck_assert_uint_eq(proa_semaphore_permits(s), 2);
    proa_semaphore_free(s);
    return rc;
}
START_TEST(cancel_at_each_point_and_each_failed_allocation_lose_no_permit)
{
    t_each_park(users, NULL);
    t_run_each_alloc(users, NULL);
}
END_TEST

int main(void)
{
    return t_main("semaphore", (const TTest *const[]){
                                   permits_are_counted,
                                   several_releases_wake_several_waiters_in_order,
                                   no_permit_is_lost_to_a_cancel,
                                   release_beyond_the_limit_and_free_under_waiters_abort,
                                   cancel_at_each_point_and_each_failed_allocation_lose_no_permit,
                                   NULL,
                               });
}
