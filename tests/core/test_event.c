#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/time.h>

static int woken; /* waiters that got past the wait */

static int wait_on(void *event)
{
    int rc = proa_event_wait(event);

    woken += rc == 0;
    return rc;
}

static int set_passes_at_once_body(void *arg)
{
    PROA_AUTO(proa_event) *e = NULL;

    (void)arg;
    ck_ok(proa_event_new(&e));
    ck_assert(!proa_event_is_set(e));
    proa_event_set(e);
    ck_assert(proa_event_is_set(e));
    ck_ok(proa_event_wait(e));
    ck_ok(proa_event_wait(e));
    proa_event_clear(e);
    ck_assert(!proa_event_is_set(e));
    ck_err(PROA_WITHIN(1, proa_event_wait(e)), PROA_ETIMEDOUT);
    return 0;
}
START_TEST(set_event_lets_all_pass_until_cleared)
{
    t_run(set_passes_at_once_body, NULL);
}
END_TEST

/* AIO-EVENT-02, AIO-EVENT-04: set twice, then cleared before the waiters run. */
static int set_then_clear_body(void *arg)
{
    PROA_AUTO(proa_event) *e = NULL;

    (void)arg;
    woken = 0;
    ck_ok(proa_event_new(&e));
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task(&g, wait_on, e));
    t_settle();
    proa_event_set(e);
    proa_event_set(e);
    proa_event_clear(e);
    ck_assert_int_eq(woken, 0); /* nobody runs inside set */
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(woken, 3);
    return 0;
}
START_TEST(aio_event_04_set_twice_wakes_once)
{
    t_run_modes(set_then_clear_body, NULL);
}
END_TEST
START_TEST(aio_event_02_waiters_wake_though_cleared_before_they_run)
{
    t_run_modes(set_then_clear_body, NULL);
}
END_TEST

/* AIO-EVENT-03 */
static int cancelled_waiter_body(void *arg)
{
    PROA_AUTO(proa_event) *e = NULL;
    struct proa_task_ref first;

    (void)arg;
    woken = 0;
    ck_ok(proa_event_new(&e));
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &first, wait_on, e, NULL));
    ck_ok(proa_create_task(&g, wait_on, e));
    t_settle();
    ck_ok(proa_task_cancel(first));
    t_settle();
    ck_assert_int_eq(woken, 0);
    proa_event_set(e);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(woken, 1);
    return 0;
}
START_TEST(aio_event_03_cancelled_waiter_leaves_and_others_wait_on)
{
    t_run_modes(cancelled_waiter_body, NULL);
}
END_TEST

/* The set came first: the wait has succeeded, the cancel is for the next call. */
static int set_then_cancel_body(void *arg)
{
    PROA_AUTO(proa_event) *e = NULL;

    (void)arg;
    ck_ok(proa_event_new(&e));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wait_on, e));
    ck_ok(proa_yield());
    proa_event_set(e);
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(woken, 1);
    return 0;
}
START_TEST(wait_that_was_woken_is_not_undone_by_a_cancel)
{
    t_run_in_order(set_then_cancel_body, NULL);
}
END_TEST

static int free_waited_for(void *arg)
{
    struct proa_event *e = NULL;

    (void)arg;
    ck_ok(proa_event_new(&e));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wait_on, e));
    ck_ok(proa_yield());
    proa_event_free(e);
    return 0;
}
START_TEST(freeing_an_event_under_a_waiter_aborts)
{
    t_run_aborts(free_waited_for, NULL, ", for which 1 tasks wait");
    proa_event_free(NULL);
}
END_TEST

static int ping(void *arg)
{
    struct proa_event **e = arg;
    int rc = proa_event_wait(e[0]);

    proa_event_set(e[1]);
    return rc;
}

/* The partner may be cancelled before it answers: then the group's end is the answer. */
static int ping_pong_body(void *arg)
{
    struct proa_event *e[2] = {NULL, NULL};
    int rc;

    (void)arg;
    rc = proa_event_new(&e[0]);
    if (rc >= 0)
        rc = proa_event_new(&e[1]);
    if (rc >= 0) {
        PROA_GROUP(g);
        proa_create_task(&g, ping, e);
        proa_event_set(e[0]);
        rc = proa_group_join(&g);
    }
    proa_event_free(e[0]);
    proa_event_free(e[1]);
    return rc;
}
START_TEST(cancel_at_each_point_and_each_failed_allocation_leave_nothing)
{
    t_each_park(ping_pong_body, NULL);
    t_run_each_alloc(ping_pong_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("event",
                  (const TTest *const[]){
                      set_event_lets_all_pass_until_cleared, aio_event_04_set_twice_wakes_once,
                      aio_event_02_waiters_wake_though_cleared_before_they_run,
                      aio_event_03_cancelled_waiter_leaves_and_others_wait_on,
                      wait_that_was_woken_is_not_undone_by_a_cancel,
                      freeing_an_event_under_a_waiter_aborts,
                      cancel_at_each_point_and_each_failed_allocation_leave_nothing, NULL});
}
