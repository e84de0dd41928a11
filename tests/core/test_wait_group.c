#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>
#include <proa/wait_group.h>

static int woken;

static int wait_for_it(void *group)
{
    int rc = proa_wait_group_wait(group);

    woken += rc >= 0;
    return rc;
}

static int count_body(void *arg)
{
    PROA_AUTO(proa_wait_group) *wg = NULL;

    (void)arg;
    woken = 0;
    ck_ok(proa_wait_group_new(&wg));
    ck_ok(proa_wait_group_wait(wg)); /* nothing is to be done */
    ck_ok(proa_wait_group_add(wg, 0));
    ck_ok(proa_wait_group_wait(wg));
    ck_ok(proa_wait_group_add(wg, 2));
    ck_assert_uint_eq(proa_wait_group_count(wg), 2);
    ck_err(PROA_WITHIN(1, proa_wait_group_wait(wg)), PROA_ETIMEDOUT);
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task(&g, wait_for_it, wg));
    ck_ok(proa_yield());
    proa_wait_group_done(wg);
    ck_ok(proa_sleep(1));
    ck_assert_int_eq(woken, 0);
    proa_wait_group_done(wg);
    ck_ok(proa_wait_group_add(wg, 1)); /* woken all the same */
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(woken, 3);
    ck_err(PROA_WITHIN(1, proa_wait_group_wait(wg)), PROA_ETIMEDOUT);
    proa_wait_group_done(wg);
    ck_err(PROA_WITHIN(0, proa_wait_group_wait(wg)), PROA_ETIMEDOUT);
    return 0;
}
START_TEST(last_one_done_wakes_all_who_wait)
{
    t_run_in_order(count_body, NULL);
}
END_TEST

static int cancel_body(void *arg)
{
    PROA_AUTO(proa_wait_group) *wg = NULL;
    struct proa_task_ref first;

    (void)arg;
    woken = 0;
    ck_ok(proa_wait_group_new(&wg));
    ck_ok(proa_wait_group_add(wg, 1));
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &first, wait_for_it, wg, NULL));
    ck_ok(proa_create_task(&g, wait_for_it, wg));
    ck_ok(proa_yield());
    ck_ok(proa_task_cancel(first));
    ck_ok(proa_yield());
    ck_assert_int_eq(woken, 0);
    proa_wait_group_done(wg);
    proa_group_cancel(&g); /* too late: the wait has succeeded */
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(woken, 1);
    return 0;
}
START_TEST(cancelled_waiter_leaves_and_a_woken_one_is_not_undone)
{
    t_run_in_order(cancel_body, NULL);
}
END_TEST

static int bounds_body(void *arg)
{
    PROA_AUTO(proa_wait_group) *wg = NULL;

    (void)arg;
    ck_ok(proa_wait_group_new(&wg));
    ck_err(proa_wait_group_add(wg, (size_t)-1), PROA_EINVAL);
    ck_err(proa_wait_group_add(wg, (size_t)INT64_MAX + 1), PROA_EINVAL);
    ck_assert_uint_eq(proa_wait_group_count(wg), 0);
    ck_ok(proa_wait_group_add(wg, (size_t)INT64_MAX));
    ck_err(proa_wait_group_add(wg, 1), PROA_EINVAL);
    ck_assert_uint_eq(proa_wait_group_count(wg), (size_t)INT64_MAX);
    return 0;
}

static int done_too_often(void *arg)
{
    struct proa_wait_group *wg;

    (void)arg;
    ck_ok(proa_wait_group_new(&wg));
    ck_ok(proa_wait_group_add(wg, 1));
    proa_wait_group_done(wg);
    proa_wait_group_done(wg);
    return 0;
}

static int free_waited_for(void *arg)
{
    struct proa_wait_group *wg;

    (void)arg;
    ck_ok(proa_wait_group_new(&wg));
    ck_ok(proa_wait_group_add(wg, 1));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wait_for_it, wg));
    ck_ok(proa_yield());
    proa_wait_group_free(wg);
    return 0;
}
START_TEST(bad_counts_fail_and_misuse_aborts)
{
    t_run(bounds_body, NULL);
    t_run_aborts(done_too_often, NULL, "proa_wait_group_done: task main says so to wait group 0x");
    t_run_aborts(free_waited_for, NULL, "proa_wait_group_free: task main frees wait group 0x");
    t_run_aborts(free_waited_for, NULL, ", for which 1 tasks wait");
    proa_wait_group_free(NULL);
}
END_TEST

static int do_one(void *group)
{
    int rc = proa_sleep(1);

    proa_wait_group_done(group);
    return rc;
}

static int all_done(void *arg)
{
    struct proa_wait_group *wg = NULL;
    int rc = proa_wait_group_new(&wg);

    (void)arg;
    if (rc < 0)
        return rc;
    {
        PROA_GROUP(g);
        for (int i = 0; i < 3 && rc >= 0; i++) {
            proa_wait_group_add(wg, 1);
            rc = proa_create_task(&g, do_one, wg);
            if (rc < 0)
                proa_wait_group_done(wg);
        }
        if (rc >= 0)
            rc = proa_wait_group_wait(wg);
    }
    ck_assert_uint_eq(proa_wait_group_count(wg), 0);
    proa_wait_group_free(wg);
    return rc;
}
START_TEST(cancel_at_each_point_and_each_failed_allocation_lose_no_count)
{
    t_each_park(all_done, NULL);
    t_run_each_alloc(all_done, NULL);
}
END_TEST

int main(void)
{
    return t_main("wait_group",
                  (const TTest *const[]){
                      last_one_done_wakes_all_who_wait,
                      cancelled_waiter_leaves_and_a_woken_one_is_not_undone,
                      bad_counts_fail_and_misuse_aborts,
                      cancel_at_each_point_and_each_failed_allocation_lose_no_count, NULL});
}
