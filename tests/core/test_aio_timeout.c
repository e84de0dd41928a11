#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

/* The public cases of asyncio's timeout and timeout_at. */

static int expires_body(void *arg)
{
    int64_t began = proa_now();
    int rc;

    (void)arg;
    PROA_TIMEOUT(t, 5 * PROA_SEC);
    rc = proa_sleep(PROA_HOUR);
    ck_assert_int_eq(rc, PROA_ECANCELED);
    ck_err(proa_timeout_result(&t, rc), PROA_ETIMEDOUT);
    ck_assert_str_eq(proa_err_detail(PROA_ETIMEDOUT), "timed out after 5.000 s");
    ck_assert(proa_timeout_expired(&t));
    ck_assert_int_eq(proa_now() - began, 5 * PROA_SEC);
    return 0;
}
START_TEST(aio_to_01_inside_it_is_a_cancel_and_outside_a_timeout)
{
    t_run_modes(expires_body, NULL);
}
END_TEST

static int early_body(void *arg)
{
    (void)arg;
    {
        PROA_TIMEOUT(t, 2 * PROA_SEC);
        ck_ok(proa_timeout_result(&t, proa_sleep(PROA_SEC)));
        ck_assert(!proa_timeout_expired(&t));
    }
    return proa_sleep(5 * PROA_SEC); /* t_run sees that no timer is left */
}
START_TEST(aio_to_02_left_early_it_has_no_later_effect)
{
    t_run_modes(early_body, NULL);
}
END_TEST

static int extremes_body(void *arg)
{
    int64_t none[] = {0, -PROA_SEC, INT64_MIN};

    (void)arg;
    {
        PROA_TIMEOUT(never, PROA_FOREVER);
        ck_ok(proa_sleep(1000 * PROA_HOUR));
        ck_ok(proa_timeout_result(&never, 0));
    }
    for (int i = 0; i < 3; i++) {
        PROA_TIMEOUT(t, none[i]);
        ck_assert_int_eq(proa_timeout_result(&t, 7), 7); /* nothing waited */
        ck_err(proa_timeout_result(&t, proa_sleep(0)), PROA_ETIMEDOUT);
    }
    for (int i = 0; i < 2; i++) {
        PROA_TIMEOUT_AT(t, i ? proa_now() : INT64_MIN);
        ck_assert_int_eq(proa_timeout_result(&t, 7), 7);
        ck_err(proa_timeout_result(&t, proa_sleep(0)), PROA_ETIMEDOUT);
    }
    PROA_TIMEOUT_AT(never, PROA_FOREVER);
    return proa_sleep(1000 * PROA_HOUR);
}
START_TEST(aio_to_03_forever_is_never_and_no_time_fails_the_first_call)
{
    t_run_modes(extremes_body, NULL);
}
END_TEST

static int other_error_body(void *arg)
{
    (void)arg;
    PROA_TIMEOUT(t, PROA_SEC);
    ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED);
    ck_err(proa_timeout_result(&t, PROA_EPIPE), PROA_EPIPE); /* cleanup failed with that */
    ck_assert(proa_timeout_expired(&t));
    return 0;
}
START_TEST(aio_to_05_an_error_of_the_cleanup_is_told_instead)
{
    t_run_modes(other_error_body, NULL);
}
END_TEST

static int external_body(void *arg)
{
    int64_t ns = *(int64_t *)arg;

    PROA_SCOPE(s);
    {
        PROA_TIMEOUT(t, ns);
        proa_scope_cancel(&s);
        ck_err(proa_timeout_result(&t, proa_yield()), PROA_ECANCELED);
        ck_assert(proa_timeout_expired(&t) == (ns == 0));
    }
    ck_err(proa_yield(), PROA_ECANCELED);
    return proa_scope_result(&s, PROA_ECANCELED);
}
START_TEST(aio_to_06_a_cancel_from_outside_stays_a_cancel)
{
    t_run_modes(external_body, &(int64_t){PROA_SEC});
}
END_TEST
START_TEST(aio_to_07_a_cancel_wins_over_an_expiry_of_the_same_turn)
{
    t_run_modes(external_body, &(int64_t){0});
}
END_TEST

static int both_body(void *arg)
{
    (void)arg;
    PROA_TIMEOUT(outer, PROA_SEC);
    {
        PROA_TIMEOUT(inner, PROA_SEC);
        ck_err(proa_timeout_result(&inner, proa_sleep(PROA_HOUR)), PROA_ECANCELED);
        ck_assert(proa_timeout_expired(&inner));
    }
    ck_assert(proa_timeout_expired(&outer));
    ck_err(proa_timeout_result(&outer, PROA_ECANCELED), PROA_ETIMEDOUT);
    return 0;
}
START_TEST(aio_to_08_of_two_that_expired_together_the_outer_one_tells)
{
    t_run_modes(both_body, NULL);
}
END_TEST

static int outer_body(void *arg)
{
    (void)arg;
    PROA_TIMEOUT(outer, PROA_SEC);
    {
        PROA_TIMEOUT(inner, 2 * PROA_SEC);
        ck_err(proa_timeout_result(&inner, proa_sleep(PROA_HOUR)), PROA_ECANCELED);
        ck_assert(!proa_timeout_expired(&inner));
    }
    ck_err(proa_timeout_result(&outer, PROA_ECANCELED), PROA_ETIMEDOUT);
    return 0;
}
START_TEST(aio_to_09_the_shorter_outer_one_alone_tells)
{
    t_run_modes(outer_body, NULL);
}
END_TEST

static int move_body(void *arg)
{
    int64_t began = proa_now();

    (void)arg;
    PROA_TIMEOUT(t, PROA_SEC);
    ck_assert_int_eq(proa_timeout_when(&t), began + PROA_SEC);
    ck_ok(proa_timeout_reschedule(&t, 3 * PROA_SEC));
    ck_assert_int_eq(proa_timeout_when(&t), began + 3 * PROA_SEC);
    ck_ok(proa_sleep(2 * PROA_SEC));
    ck_ok(proa_timeout_reschedule(&t, PROA_FOREVER));
    ck_assert_int_eq(proa_timeout_when(&t), PROA_FOREVER);
    ck_ok(proa_sleep(20 * PROA_SEC));
    ck_ok(proa_timeout_reschedule_at(&t, began + 30 * PROA_SEC));
    ck_assert_int_eq(proa_timeout_when(&t), began + 30 * PROA_SEC);
    ck_ok(proa_timeout_reschedule_at(&t, began + 25 * PROA_SEC)); /* earlier */
    ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED);
    ck_assert_int_eq(proa_now() - began, 25 * PROA_SEC);
    ck_err(proa_timeout_result(&t, PROA_ECANCELED), PROA_ETIMEDOUT);
    return 0;
}
START_TEST(aio_to_11_the_deadline_can_be_moved_and_asked_for)
{
    t_run_modes(move_body, NULL);
}
END_TEST

static int reschedule_unopened(void *arg)
{
    struct proa_timeout t = {{0}};

    (void)arg;
    return proa_timeout_reschedule(&t, PROA_SEC);
}

static int reschedule_left(void *arg)
{
    PROA_TIMEOUT(t, PROA_SEC);
    (void)arg;
    proa_timeout_leave(&t);
    return proa_timeout_reschedule_at(&t, PROA_SEC);
}

static int reschedule_expired_body(void *arg)
{
    (void)arg;
    PROA_TIMEOUT(t, PROA_SEC);
    ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED);
    ck_err(proa_timeout_reschedule(&t, PROA_HOUR), PROA_ETIMEDOUT);
    ck_assert_str_eq(proa_err_detail(PROA_ETIMEDOUT), "the deadline to be moved has passed");
    ck_err(proa_timeout_reschedule_at(&t, PROA_FOREVER), PROA_ETIMEDOUT);
    ck_err(proa_yield(), PROA_ECANCELED);
    return 0;
}
START_TEST(aio_to_12_reschedule_is_refused_before_after_and_when_expired)
{
    t_run_aborts(reschedule_unopened, NULL,
                 "proa_timeout_reschedule: the timeout is not open; called by task \"main\"");
    t_run_aborts(reschedule_left, NULL, "proa_timeout_reschedule_at: the timeout is not open");
    t_run_modes(reschedule_expired_body, NULL);
}
END_TEST

static int enter_twice(void *arg)
{
    PROA_TIMEOUT(t, PROA_SEC);
    (void)arg;
    proa_timeout_enter(&t, PROA_SEC);
    return 0;
}

static void enter_outside(void *arg)
{
    (void)arg;
    PROA_TIMEOUT_AT(t, PROA_SEC);
}
START_TEST(aio_to_13_entering_twice_or_outside_a_task_aborts)
{
    t_run_aborts(enter_twice, NULL, "a scope of task main was opened again while it is open");
    t_aborts(enter_outside, NULL, "PROA_TIMEOUT: no task runs here");
}
END_TEST

static int swallow_body(void *arg)
{
    (void)arg;
    PROA_TIMEOUT(t, PROA_SEC);
    (void)proa_sleep(PROA_HOUR); /* and all is well */
    ck_assert(proa_timeout_expired(&t));
    ck_err(proa_timeout_result(&t, 0), PROA_ETIMEDOUT);
    return 0;
}

/* It had passed, but no call was cut by it; one was by an inner one. */
static int not_cut_body(void *arg)
{
    (void)arg;
    PROA_TIMEOUT(t, PROA_SEC);
    ck_err(PROA_WITHIN(PROA_MS, proa_sleep(PROA_HOUR)), PROA_ETIMEDOUT);
    ck_ok(proa_timeout_reschedule(&t, 0));
    ck_assert(proa_timeout_expired(&t));
    ck_assert_int_eq(proa_timeout_result(&t, 7), 7);
    return 0;
}
START_TEST(aio_to_15_success_after_a_call_was_cut_is_a_timeout)
{
    t_run_modes(swallow_body, NULL);
    t_run_modes(not_cut_body, NULL);
}
END_TEST

static int fail_in_cleanup(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_HOUR) < 0 ? PROA_EIO : 0;
}

static int group_body(void *arg)
{
    int rc;

    (void)arg;
    PROA_TIMEOUT(t, PROA_SEC);
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, fail_in_cleanup, NULL));
        rc = proa_group_join(&g);
    }
    ck_err(proa_timeout_result(&t, rc), PROA_EIO);
    ck_assert(proa_timeout_expired(&t));
    return 0;
}
START_TEST(aio_to_16_the_failure_of_a_group_inside_is_told)
{
    t_run_modes(group_body, NULL);
}
END_TEST

static int earlier_cancel_body(void *arg)
{
    (void)arg;
    PROA_SCOPE(s);
    proa_scope_cancel(&s);
    {
        PROA_TIMEOUT(t, 0);
        ck_err(proa_timeout_result(&t, proa_yield()), PROA_ECANCELED);
        ck_assert_int_eq(proa_timeout_result(&t, 0), 0);
    }
    ck_err(proa_yield(), PROA_ECANCELED);
    return proa_scope_result(&s, PROA_ECANCELED);
}
START_TEST(aio_to_17_no_time_at_all_does_not_swallow_an_earlier_cancel)
{
    t_run_modes(earlier_cancel_body, NULL);
}
END_TEST

static int expire_it(void *timeout)
{
    int rc = proa_sleep(PROA_MS);

    ck_ok(proa_timeout_reschedule(timeout, 0)); /* of another task */
    ck_ok(proa_sleep(PROA_SEC));
    return rc;
}

static int target_body(void *arg)
{
    int64_t began = proa_now();

    (void)arg;
    PROA_GROUP(g);
    {
        PROA_TIMEOUT(t, PROA_HOUR);
        ck_ok(proa_create_task(&g, expire_it, &t));
        ck_err(proa_timeout_result(&t, proa_sleep(2 * PROA_HOUR)), PROA_ETIMEDOUT);
        ck_assert_int_eq(proa_now() - began, PROA_MS);
    }
    return proa_group_join(&g); /* the other one was not cancelled */
}
START_TEST(aio_to_18_the_task_that_opened_it_is_meant_whoever_moves_it)
{
    t_run_modes(target_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("aio_timeout", (const TTest *const[]){
                                     aio_to_01_inside_it_is_a_cancel_and_outside_a_timeout,
                                     aio_to_02_left_early_it_has_no_later_effect,
                                     aio_to_03_forever_is_never_and_no_time_fails_the_first_call,
                                     aio_to_05_an_error_of_the_cleanup_is_told_instead,
                                     aio_to_06_a_cancel_from_outside_stays_a_cancel,
                                     aio_to_07_a_cancel_wins_over_an_expiry_of_the_same_turn,
                                     aio_to_08_of_two_that_expired_together_the_outer_one_tells,
                                     aio_to_09_the_shorter_outer_one_alone_tells,
                                     aio_to_11_the_deadline_can_be_moved_and_asked_for,
                                     aio_to_12_reschedule_is_refused_before_after_and_when_expired,
                                     aio_to_13_entering_twice_or_outside_a_task_aborts,
                                     aio_to_15_success_after_a_call_was_cut_is_a_timeout,
                                     aio_to_16_the_failure_of_a_group_inside_is_told,
                                     aio_to_17_no_time_at_all_does_not_swallow_an_earlier_cancel,
                                     aio_to_18_the_task_that_opened_it_is_meant_whoever_moves_it,
                                     NULL,
                                 });
}
