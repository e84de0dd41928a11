#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <pthread.h>

/* Timeouts beyond asyncio's cases (test_aio_timeout.c): quiet ones, the deadline that counts, bad
 * times. */

static int sleep_ns(void *ns)
{
    return proa_sleep(*(int64_t *)ns);
}

/* ---- quiet */

static int quiet_body(void *arg)
{
    int64_t hour = PROA_HOUR;
    int64_t began = proa_now();

    (void)arg;
    {
        PROA_MOVE_ON_AFTER(t, PROA_SEC);
        int rc = proa_sleep(hour);
        ck_assert_int_eq(rc, PROA_ECANCELED);
        ck_assert_int_eq(proa_timeout_result(&t, rc), 0);
        ck_assert_int_eq(proa_timeout_result(&t, 5), 5); /* a value counts, though a call was cut */
        ck_assert_int_eq(proa_timeout_result(&t, PROA_EIO), PROA_EIO);
        ck_assert(proa_timeout_expired(&t));
    }
    {
        PROA_MOVE_ON_AT(t, proa_now() + PROA_SEC);
        ck_assert_int_eq(proa_timeout_result(&t, proa_sleep(hour)), 0);
    }
    ck_assert_int_eq(proa_now() - began, 2 * PROA_SEC);
    ck_assert_int_eq(proa_move_on_after(sleep_ns, &hour, PROA_SEC), 0);
    ck_assert_int_eq(proa_move_on_after(sleep_ns, &hour, 0), 0);
    ck_assert_int_eq(proa_now() - began, 3 * PROA_SEC);
    ck_ok(proa_move_on_after(sleep_ns, &hour, PROA_FOREVER));
    return proa_yield();
}
START_TEST(end_of_a_quiet_timeout_is_no_failure)
{
    t_run_modes(quiet_body, NULL);
}
END_TEST

static int quiet_foreign_body(void *arg)
{
    (void)arg;
    PROA_SCOPE(s);
    proa_scope_cancel(&s);
    {
        PROA_MOVE_ON_AFTER(t, 0);
        ck_err(proa_timeout_result(&t, proa_yield()), PROA_ECANCELED);
    }
    ck_err(proa_yield(), PROA_ECANCELED);
    return proa_scope_result(&s, PROA_ECANCELED);
}
START_TEST(quiet_timeout_leaves_foreign_cancels_alone)
{
    t_run_modes(quiet_foreign_body, NULL);
}
END_TEST

static int end_quietly(void *arg)
{
    (void)arg;
    PROA_MOVE_ON_AFTER(t, PROA_SEC);
    return proa_sleep(PROA_HOUR);
}

static int end_loudly(void *arg)
{
    (void)arg;
    PROA_TIMEOUT(t, PROA_SEC);
    return proa_sleep(PROA_HOUR);
}

static int ends_body(void *arg)
{
    struct proa_task_ref ref;

    (void)arg;
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task_opts(&g, &ref, end_quietly, NULL, NULL));
        ck_ok(proa_group_join(&g));
        ck_assert_int_eq(proa_task_join(ref), 0);
    }
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, end_loudly, NULL));
    ck_err(proa_group_join(&g), PROA_ETIMEDOUT);
    return 0;
}
START_TEST(task_cut_by_its_own_quiet_timeout_has_not_failed)
{
    t_run_modes(ends_body, NULL);
}
END_TEST

/* A call is cut by a group around the timeout; that is left, and then the deadline passes. */
static int foreign_cut_body(void *arg)
{
    (void)arg;
    PROA_GROUP(g);
    PROA_TIMEOUT(t, PROA_SEC);
    proa_group_cancel(&g);
    ck_err(proa_yield(), PROA_ECANCELED);
    ck_ok(proa_group_join(&g));
    ck_ok(proa_timeout_reschedule(&t, 0));
    ck_assert_int_eq(proa_timeout_result(&t, 7), 7);
    return 0;
}
START_TEST(success_after_a_call_that_something_else_cut_stays_one)
{
    t_run_modes(foreign_cut_body, NULL);
}
END_TEST

/* ---- the deadline that counts */

static int ask(void *ret)
{
    *(int64_t *)ret = proa_effective_deadline();
    return 0;
}

static int64_t of_a_task(void)
{
    int64_t got = 0;

    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, ask, &got));
    ck_ok(proa_group_join(&g));
    return got;
}

static int nearest_body(void *arg)
{
    int64_t now = proa_now();

    (void)arg;
    ck_assert(proa_effective_deadline() == PROA_FOREVER);
    PROA_TIMEOUT(outer, 10 * PROA_SEC);
    ck_assert_int_eq(proa_effective_deadline(), now + 10 * PROA_SEC);
    ck_assert_int_eq(of_a_task(), now + 10 * PROA_SEC); /* around the group it is around the task */
    {
        PROA_TIMEOUT(inner, 5 * PROA_SEC);
        ck_assert_int_eq(proa_effective_deadline(), now + 5 * PROA_SEC);
        ck_ok(proa_timeout_reschedule(&inner, 20 * PROA_SEC));
        ck_assert_int_eq(proa_effective_deadline(), now + 10 * PROA_SEC);
        ck_ok(proa_timeout_reschedule(&outer, PROA_FOREVER));
        ck_assert_int_eq(proa_effective_deadline(), now + 20 * PROA_SEC);
    }
    PROA_SCOPE(s);
    proa_scope_cancel(&s);
    ck_assert(proa_effective_deadline() == INT64_MIN);
    return proa_scope_result(&s, proa_yield());
}

static int shield_body(void *arg)
{
    int64_t now = proa_now();

    (void)arg;
    PROA_SCOPE(s);
    PROA_TIMEOUT(outer, 10 * PROA_SEC);
    {
        PROA_SHIELD(shield, 20 * PROA_SEC);
        ck_assert_int_eq(proa_effective_deadline(), now + 20 * PROA_SEC); /* held back until then */
        PROA_TIMEOUT(inner, 15 * PROA_SEC);
        ck_assert_int_eq(proa_effective_deadline(), now + 15 * PROA_SEC);
    }
    {
        PROA_SHIELD(shield, PROA_SEC);
        ck_assert_int_eq(proa_effective_deadline(), now + 10 * PROA_SEC);
        proa_scope_cancel(&s);
        ck_assert_int_eq(proa_effective_deadline(), now + PROA_SEC);
        ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED);
        ck_assert_int_eq(proa_now(), now + PROA_SEC);
        ck_assert(proa_effective_deadline() == INT64_MIN);
    }
    PROA_SHIELD(forever, PROA_FOREVER);
    ck_assert(proa_effective_deadline() == PROA_FOREVER);
    return 0;
}
START_TEST(effective_deadline_is_the_nearest_that_no_shield_holds_back)
{
    ck_assert(proa_effective_deadline() == PROA_FOREVER);
    t_run_modes(nearest_body, NULL);
    t_run_modes(shield_body, NULL);
}
END_TEST

/* ---- bad times */

static int count(void *n)
{
    ++*(int *)n;
    return 0;
}

static int bad_times_body(void *arg)
{
    int64_t last = PROA_FOREVER - 1 - proa_now(); /* the latest that can be told */
    int64_t bad[2] = {INT64_MIN, last + 1};
    int calls = 0;

    (void)arg;
    PROA_TIMEOUT(t, PROA_SEC);
    int64_t when = proa_timeout_when(&t);
    for (int i = 0; i < 2; i++) {
        ck_err(proa_wait_for(count, &calls, bad[i]), PROA_EINVAL);
        ck_err(proa_move_on_after(count, &calls, bad[i]), PROA_EINVAL);
        ck_err(proa_shield(count, &calls, bad[i]), PROA_EINVAL);
        ck_err(proa_timeout_reschedule(&t, bad[i]), PROA_EINVAL);
        ck_err(proa_sleep(bad[i]), PROA_EINVAL);
        ck_assert_int_eq(proa_timeout_when(&t), when);
    }
    ck_err(proa_timeout_reschedule_at(&t, INT64_MIN), PROA_EINVAL);
    ck_err(proa_sleep_until(INT64_MIN), PROA_EINVAL);
    ck_ok(proa_sleep(INT64_MIN + 1));
    ck_err(PROA_WITHIN(0, proa_sleep(last)), PROA_ETIMEDOUT);
    ck_assert_int_eq(proa_timeout_when(&t), when);
    ck_assert(!proa_timeout_expired(&t));
    ck_assert_int_eq(calls, 0);
    ck_ok(proa_wait_for(count, &calls, last));
    ck_ok(proa_wait_for(count, &calls, INT64_MIN + 1));
    ck_ok(proa_move_on_after(count, &calls, last));
    ck_ok(proa_shield(count, &calls, last));
    ck_assert_int_eq(calls, 4);
    ck_ok(proa_timeout_reschedule(&t, last));
    ck_assert_int_eq(proa_timeout_when(&t), PROA_FOREVER - 1);
    ck_ok(proa_timeout_reschedule_at(&t, INT64_MIN + 1)); /* long ago */
    ck_assert(proa_timeout_expired(&t));
    return 0;
}
START_TEST(times_that_cannot_be_told_are_refused_and_change_nothing)
{
    t_run_modes(bad_times_body, NULL);
}
END_TEST

/* ---- misuse */

static int quiet_unopened(void *arg)
{
    struct proa_timeout t = {{0}};

    (void)arg;
    proa_timeout_set_quiet(&t);
    return 0;
}

static void *cancel_it(void *scope)
{
    proa_scope_cancel(scope);
    return NULL;
}

static int cancel_from_thread(void *arg)
{
    pthread_t thread;

    (void)arg;
    PROA_SCOPE(s);
    pthread_create(&thread, NULL, cancel_it, &s);
    pthread_join(thread, NULL);
    return 0;
}

static int leave_shield_early(void *arg)
{
    (void)arg;
    PROA_SHIELD(s, 1);
    PROA_TIMEOUT(t, 1);
    proa_shield_leave(&s);
    return 0;
}

static int leave_timeout_of(void *timeout)
{
    proa_timeout_leave(timeout);
    return 0;
}

static int leave_by_another(void *arg)
{
    (void)arg;
    PROA_TIMEOUT(t, 1);
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, NULL, leave_timeout_of, &t, PROA_TASK_OPTS(.name = "thief")));
    return proa_group_join(&g);
}
START_TEST(misuse_names_the_object_and_the_task)
{
    t_run_aborts(quiet_unopened, NULL,
                 "proa_timeout_set_quiet: the timeout is not open; called by task \"main\"");
    t_run_aborts(cancel_from_thread, NULL, "proa_scope_cancel: ");
    t_run_aborts(leave_shield_early, NULL,
                 "a PROA_SHIELD of task main was left while a scope inside it is still open");
    t_run_aborts(leave_by_another, NULL,
                 "a PROA_TIMEOUT of task main was left by another task than opened it: by thief");
}
END_TEST

static int timeouts(void *arg)
{
    int64_t ms = PROA_MS;
    int rc;

    (void)arg;
    PROA_MOVE_ON_AFTER(t, PROA_SEC);
    rc = proa_wait_for(sleep_ns, &ms, PROA_SEC);
    if (rc >= 0)
        rc = proa_shield(sleep_ns, &ms, PROA_SEC);
    if (rc >= 0)
        rc = proa_move_on_after(sleep_ns, &ms, 1);
    if (rc >= 0)
        rc = proa_timeout_reschedule(&t, 1);
    if (rc >= 0)
        rc = proa_sleep(ms);
    return proa_timeout_result(&t, rc);
}
START_TEST(cancel_at_each_point_leaves_nothing)
{
    t_each_park(timeouts, NULL);
}
END_TEST

int main(void)
{
    return t_main("timeout", (const TTest *const[]){
                                 end_of_a_quiet_timeout_is_no_failure,
                                 quiet_timeout_leaves_foreign_cancels_alone,
                                 task_cut_by_its_own_quiet_timeout_has_not_failed,
                                 success_after_a_call_that_something_else_cut_stays_one,
                                 effective_deadline_is_the_nearest_that_no_shield_holds_back,
                                 times_that_cannot_be_told_are_refused_and_change_nothing,
                                 misuse_names_the_object_and_the_task,
                                 cancel_at_each_point_leaves_nothing,
                                 NULL,
                             });
}
