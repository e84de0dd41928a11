#include "core/sched.h"
#include "core/scope.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

static int sleep_ns(void *ns)
{
    return proa_sleep(*(int64_t *)ns);
}

/* ---- plain scopes */

/* AIO-CANCEL-16 */
static int level_body(void *arg)
{
    int64_t began = proa_now();

    (void)arg;
    {
        PROA_SCOPE(s);
        ck_ok(proa_yield());
        ck_assert(!proa_is_cancelled());
        proa_scope_cancel(&s);
        proa_scope_cancel(&s);
        ck_assert(proa_is_cancelled());
        for (int i = 0; i < 3; i++)
            ck_err(proa_sleep(PROA_SEC), PROA_ECANCELED);
        ck_assert_int_eq(proa_scope_result(&s, PROA_ECANCELED), 0);
        ck_assert_int_eq(proa_scope_result(&s, 3), 3);
        ck_assert_int_eq(proa_scope_result(&s, PROA_EIO), PROA_EIO);
    }
    ck_assert(!proa_is_cancelled());
    ck_assert_int_eq(proa_now(), began);
    ck_ok(proa_sleep(PROA_SEC));
    ck_assert_int_eq(proa_now(), began + PROA_SEC);
    return 0;
}
START_TEST(every_call_in_a_cancelled_scope_fails_until_it_is_left)
{
    ck_assert(!proa_is_cancelled());
    t_run(level_body, NULL);
}
END_TEST

/* AIO-CANCEL-17 */
static int whose_cancel_body(void *arg)
{
    (void)arg;
    PROA_SCOPE(outer);
    PROA_SCOPE(inner);
    ck_assert_int_eq(proa_scope_result(&inner, PROA_ECANCELED), PROA_ECANCELED); /* not cancelled */
    proa_scope_cancel(&outer);
    proa_scope_cancel(&inner);
    ck_err(proa_yield(), PROA_ECANCELED);
    ck_assert_int_eq(proa_scope_result(&inner, PROA_ECANCELED), PROA_ECANCELED);
    ck_assert_int_eq(proa_scope_result(&outer, PROA_ECANCELED), 0);
    return 0;
}
START_TEST(cancel_belongs_to_the_outermost_cancelled_scope)
{
    t_run(whose_cancel_body, NULL);
}
END_TEST

static int leave_out_of_order(void *arg)
{
    struct proa_scope outer = {{0}};
    struct proa_scope inner = {{0}};

    (void)arg;
    proa_scope_enter(&outer);
    proa_scope_enter(&inner);
    proa_scope_leave(&outer);
    return 0;
}

static int leave_elsewhere(void *scope)
{
    proa_scope_leave(scope);
    return 0;
}

static int leave_by_another_task(void *arg)
{
    PROA_GROUP(g);
    PROA_SCOPE(s);
    ck_ok(proa_create_task(&g, leave_elsewhere, &s));
    (void)arg;
    return proa_sleep(1);
}

static int cancel_unopened(void *arg)
{
    struct proa_scope s = {{0}};

    (void)arg;
    proa_scope_cancel(&s);
    return 0;
}

static void open_outside(void *arg)
{
    (void)arg;
    PROA_SCOPE(s);
}

static void timeout_outside(void *arg)
{
    (void)arg;
    PROA_TIMEOUT(t, 1);
}

static void shield_outside(void *arg)
{
    (void)arg;
    PROA_SHIELD(s, 1);
}
START_TEST(misuse_of_scopes_aborts)
{
    t_run_aborts(leave_out_of_order, NULL, "left while a scope inside it is still open");
    t_run_aborts(leave_by_another_task, NULL, "left by another task than opened it");
    t_run_aborts(cancel_unopened, NULL, "proa_scope_cancel: the scope is not open");
    t_aborts(open_outside, NULL, "PROA_SCOPE: no task runs here");
    t_aborts(timeout_outside, NULL, "PROA_TIMEOUT: no task runs here");
    t_aborts(shield_outside, NULL, "PROA_SHIELD: no task runs here");
}
END_TEST

/* ---- timeouts */

/* AIO-TO-01 */
static int expires_body(void *arg)
{
    int64_t began = proa_now();
    int rc;

    (void)arg;
    {
        PROA_TIMEOUT(t, 5 * PROA_SEC);
        ck_assert(!proa_timeout_expired(&t));
        rc = proa_sleep(PROA_HOUR);
        ck_assert_int_eq(rc, PROA_ECANCELED);
        ck_assert(proa_timeout_expired(&t));
        rc = proa_timeout_result(&t, rc);
    }
    ck_assert_int_eq(rc, PROA_ETIMEDOUT);
    ck_assert_str_eq(proa_err_detail(rc), "timed out after 5.000 s");
    ck_assert_int_eq(proa_now() - began, 5 * PROA_SEC);
    return proa_sleep(PROA_HOUR);
}
START_TEST(timeout_cuts_the_wait_at_its_deadline)
{
    t_run(expires_body, NULL);
}
END_TEST

/* AIO-TO-02: t_run sees that no timer is left. */
static int ends_early_body(void *arg)
{
    (void)arg;
    {
        PROA_TIMEOUT(t, 2 * PROA_SEC);
        ck_ok(proa_timeout_result(&t, proa_sleep(PROA_SEC)));
        ck_assert_int_eq(proa_timeout_result(&t, 7), 7);
        ck_assert_int_eq(proa_timeout_result(&t, PROA_EIO), PROA_EIO);
        ck_assert_int_eq(proa_timeout_result(&t, PROA_ECANCELED), PROA_ECANCELED);
    }
    return proa_sleep(5 * PROA_SEC);
}
START_TEST(timeout_left_early_has_no_later_effect)
{
    t_run(ends_early_body, NULL);
}
END_TEST

/* AIO-TO-03 */
static int zero_body(void *arg)
{
    int64_t times[] = {0, -1, INT64_MIN};

    (void)arg;
    for (int i = 0; i < 3; i++) {
        PROA_TIMEOUT(t, times[i]);
        ck_assert(proa_timeout_expired(&t));
        ck_err(proa_yield(), PROA_ECANCELED);
        ck_err(proa_timeout_result(&t, PROA_ECANCELED), PROA_ETIMEDOUT);
    }
    ck_assert_str_eq(proa_err_detail(PROA_ETIMEDOUT), "timed out at once: no time was given");
    PROA_TIMEOUT(never, PROA_FOREVER);
    ck_ok(proa_sleep(1000 * PROA_HOUR));
    ck_assert(!proa_timeout_expired(&never));
    PROA_TIMEOUT(far, PROA_FOREVER - 1); /* now plus that runs over */
    return proa_sleep(1000 * PROA_HOUR);
}
START_TEST(no_time_fails_the_first_call_and_forever_none)
{
    t_run(zero_body, NULL);
}
END_TEST

/* AIO-TO-06, AIO-TO-07: cancelled from outside, before the deadline and together with it. */
static int cancel_wins_body(void *arg)
{
    (void)arg;
    PROA_SCOPE(s);
    {
        PROA_TIMEOUT(t, PROA_SEC);
        proa_scope_cancel(&s);
        ck_err(proa_timeout_result(&t, proa_yield()), PROA_ECANCELED);
    }
    {
        PROA_TIMEOUT(t, 0);
        ck_err(proa_timeout_result(&t, proa_yield()), PROA_ECANCELED);
        ck_assert(proa_timeout_expired(&t));
    }
    return proa_scope_result(&s, PROA_ECANCELED);
}
START_TEST(cancel_from_outside_is_never_turned_into_a_timeout)
{
    t_run(cancel_wins_body, NULL);
}
END_TEST

/* AIO-TO-09: the outer one is nearer. AIO-TO-08: both have passed when the task learns of it. */
static int nested_body(void *arg)
{
    int64_t began = proa_now();

    (void)arg;
    {
        PROA_TIMEOUT(outer, PROA_SEC);
        PROA_TIMEOUT(inner, 2 * PROA_SEC);
        int rc = proa_sleep(PROA_HOUR);
        ck_err(proa_timeout_result(&inner, rc), PROA_ECANCELED);
        ck_err(proa_timeout_result(&outer, rc), PROA_ETIMEDOUT);
        ck_assert_int_eq(proa_now() - began, PROA_SEC);
    }
    {
        PROA_TIMEOUT(outer, PROA_SEC);
        PROA_TIMEOUT(inner, PROA_SEC);
        int rc = proa_sleep(PROA_HOUR);
        ck_err(proa_timeout_result(&inner, rc), PROA_ECANCELED);
        ck_err(proa_timeout_result(&outer, rc), PROA_ETIMEDOUT);
        ck_assert(proa_timeout_expired(&inner));
    }
    PROA_TIMEOUT(outer, 2 * PROA_SEC);
    {
        PROA_TIMEOUT(inner, PROA_SEC);
        ck_err(proa_timeout_result(&inner, proa_sleep(PROA_HOUR)), PROA_ETIMEDOUT);
    }
    ck_ok(proa_sleep(PROA_MS)); /* the outer one has time left */
    return proa_timeout_result(&outer, 0);
}
START_TEST(nearest_of_nested_deadlines_counts_and_the_outermost_passed_one_tells)
{
    t_run(nested_body, NULL);
}
END_TEST

/* AIO-TO-11, AIO-TO-12 */
static int reschedule_body(void *arg)
{
    int64_t began = proa_now();

    (void)arg;
    PROA_TIMEOUT(t, PROA_SEC);
    ck_ok(proa_timeout_reschedule(&t, 3 * PROA_SEC)); /* later */
    ck_ok(proa_sleep(2 * PROA_SEC));
    ck_ok(proa_timeout_reschedule(&t, PROA_FOREVER));
    ck_ok(proa_sleep(20 * PROA_SEC));
    ck_ok(proa_timeout_reschedule(&t, PROA_SEC)); /* again one */
    ck_ok(proa_timeout_reschedule(&t, PROA_MS));  /* earlier */
    ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED);
    ck_assert_int_eq(proa_now() - began, 22 * PROA_SEC + PROA_MS);
    ck_err(proa_timeout_reschedule(&t, PROA_HOUR), PROA_ETIMEDOUT);
    ck_err(proa_timeout_result(&t, proa_yield()), PROA_ETIMEDOUT);
    return 0;
}

static int reschedule_to_now_body(void *arg)
{
    (void)arg;
    PROA_TIMEOUT(t, PROA_SEC);
    ck_ok(proa_timeout_reschedule(&t, 0));
    ck_err(proa_timeout_result(&t, proa_yield()), PROA_ETIMEDOUT);
    return 0;
}
START_TEST(deadline_can_be_moved_until_it_has_passed)
{
    t_run(reschedule_body, NULL);
    t_run(reschedule_to_now_body, NULL);
}
END_TEST

/* AIO-TO-18 */
static int only_here_body(void *arg)
{
    struct proa_task_ref ref;
    int64_t ns = PROA_SEC;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, sleep_ns, &ns, NULL));
    ck_err(PROA_WITHIN(PROA_MS, proa_sleep(PROA_SEC)), PROA_ETIMEDOUT);
    ck_ok(proa_task_join(ref));
    return proa_group_join(&g);
}
START_TEST(timeout_concerns_the_task_that_opened_it)
{
    t_run(only_here_body, NULL);
}
END_TEST

static int64_t long_count(int64_t ns)
{
    int rc = proa_sleep(ns);

    return rc < 0 ? rc : INT64_C(1) << 40;
}

static int within_body(void *arg)
{
    (void)arg;
    ck_ok(PROA_WITHIN(2, proa_sleep(1)));
    ck_err(PROA_WITHIN(1, proa_sleep(2)), PROA_ETIMEDOUT);
    ck_err(PROA_WITHIN(1, PROA_WITHIN(5, proa_sleep(9))), PROA_ETIMEDOUT); /* nests */
    ck_err(PROA_WITHIN(5, PROA_WITHIN(1, proa_sleep(9))), PROA_ETIMEDOUT);
    ck_assert(PROA_WITHIN(2, long_count(1)) == INT64_C(1) << 40); /* the type is the call's */
    ck_assert(PROA_WITHIN(1, long_count(2)) == PROA_ETIMEDOUT);
    return 0;
}
START_TEST(within_is_a_timeout_around_one_call)
{
    t_run(within_body, NULL);
}
END_TEST

static int swallow(void *arg)
{
    (void)arg;
    proa_sleep(PROA_HOUR);
    return 9;
}

static int fail_when_cut(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_HOUR) < 0 ? PROA_EPIPE : 0;
}

/* AIO-WF-02, AIO-WF-04, AIO-WF-05, AIO-WF-09, AIO-WF-11 */
static int wait_for_body(void *arg)
{
    int64_t ns = PROA_SEC;

    (void)arg;
    ck_err(proa_wait_for(sleep_ns, &ns, 0), PROA_ETIMEDOUT);
    ck_err(proa_wait_for(sleep_ns, &ns, PROA_SEC - 1), PROA_ETIMEDOUT);
    ck_ok(proa_wait_for(sleep_ns, &ns, PROA_SEC + 1));
    ck_ok(proa_wait_for(sleep_ns, &ns, PROA_FOREVER));
    ck_assert_int_eq(proa_wait_for(swallow, NULL, PROA_SEC), 9);
    ck_err(proa_wait_for(fail_when_cut, NULL, PROA_SEC), PROA_EPIPE);
    return 0;
}
START_TEST(wait_for_runs_the_call_under_a_timeout)
{
    t_run(wait_for_body, NULL);
}
END_TEST

/* ---- shields */

/* AIO-CANCEL-18, AIO-SHIELD-01 */
static int shield_body(void *arg)
{
    int64_t began = proa_now();
    int64_t ns = PROA_SEC;

    (void)arg;
    PROA_SCOPE(s);
    proa_scope_cancel(&s);
    {
        PROA_SHIELD(shield, 5 * PROA_SEC);
        ck_assert(!proa_is_cancelled());
        ck_ok(proa_sleep(PROA_SEC));
    }
    ck_err(proa_yield(), PROA_ECANCELED);
    ck_ok(proa_shield(sleep_ns, &ns, 5 * PROA_SEC));
    ck_err(proa_yield(), PROA_ECANCELED);
    ck_assert_int_eq(proa_now() - began, 2 * PROA_SEC);
    return proa_scope_result(&s, PROA_ECANCELED);
}
START_TEST(shield_lets_cleanup_wait_and_the_cancel_is_back_after_it)
{
    t_run(shield_body, NULL);
}
END_TEST

static int shield_ends_body(void *arg)
{
    int64_t began = proa_now();

    (void)arg;
    PROA_SCOPE(s);
    proa_scope_cancel(&s);
    {
        PROA_SHIELD(shield, PROA_SEC);
        ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED);
        ck_assert_int_eq(proa_now() - began, PROA_SEC);
        ck_err(proa_yield(), PROA_ECANCELED);
    }
    {
        PROA_SHIELD(none, 0);
        ck_err(proa_yield(), PROA_ECANCELED);
    }
    PROA_SHIELD(forever, PROA_FOREVER);
    ck_ok(proa_sleep(PROA_HOUR));
    return 0;
}
START_TEST(shield_ends_with_its_time)
{
    t_run(shield_ends_body, NULL);
}
END_TEST

/* The shield holds back what is outside, not what is inside it. */
static int timeout_in_shield_body(void *arg)
{
    (void)arg;
    PROA_SCOPE(s);
    proa_scope_cancel(&s);
    {
        PROA_SHIELD(shield, PROA_MIN);
        ck_err(PROA_WITHIN(PROA_SEC, proa_sleep(PROA_HOUR)), PROA_ETIMEDOUT);
        ck_ok(proa_sleep(1));
    }
    /* A timeout around a shield waits for it (AIO-WF-10), and then has expired. */
    return proa_scope_result(&s, PROA_ECANCELED);
}

static int shield_in_timeout_body(void *arg)
{
    int64_t ns = PROA_SEC;
    int64_t began = proa_now();

    (void)arg;
    PROA_TIMEOUT(t, PROA_MS);
    ck_ok(proa_shield(sleep_ns, &ns, PROA_MIN));
    ck_assert_int_eq(proa_now() - began, PROA_SEC);
    ck_assert(proa_timeout_expired(&t));
    ck_err(proa_timeout_result(&t, proa_yield()), PROA_ETIMEDOUT);
    return 0;
}
START_TEST(shields_and_timeouts_nest_either_way)
{
    t_run(timeout_in_shield_body, NULL);
    t_run(shield_in_timeout_body, NULL);
}
END_TEST

static int inner_shield_body(void *arg)
{
    int64_t began = proa_now();

    (void)arg;
    PROA_SCOPE(s);
    proa_scope_cancel(&s);
    PROA_SHIELD(outer, PROA_SEC);
    PROA_SHIELD(inner, 3 * PROA_SEC);
    ck_ok(proa_sleep(2 * PROA_SEC)); /* the outer one has ended, the inner one holds */
    ck_err(proa_sleep(2 * PROA_SEC), PROA_ECANCELED);
    ck_assert_int_eq(proa_now() - began, 3 * PROA_SEC);
    return 0;
}
START_TEST(inner_shield_outlasts_the_outer_one)
{
    t_run(inner_shield_body, NULL);
}
END_TEST

/* ---- sleep */

static int sleep_body(void *arg)
{
    int64_t began = proa_now();
    int64_t ns = PROA_SEC;

    (void)arg;
    ck_ok(proa_sleep(0)); /* AIO-SLEEP-01 */
    ck_ok(proa_sleep(-PROA_SEC));
    ck_ok(proa_sleep_until(began));
    ck_ok(proa_sleep_until(INT64_MIN + 1));
    ck_assert_int_eq(proa_now(), began);
    ck_ok(proa_sleep(1));
    ck_assert_int_eq(proa_now(), began + 1);
    ck_ok(proa_sleep_until(began + PROA_SEC));
    ck_assert_int_eq(proa_now(), began + PROA_SEC);
    ck_err(PROA_WITHIN(PROA_HOUR, proa_sleep(PROA_FOREVER)), PROA_ETIMEDOUT);
    ck_err(PROA_WITHIN(PROA_HOUR, proa_sleep_until(PROA_FOREVER)), PROA_ETIMEDOUT);
    ck_err(PROA_WITHIN(0, proa_sleep(0)), PROA_ETIMEDOUT); /* AIO-SLEEP-04 */
    return sleep_ns(&ns);
}

static int scopes_and_sleeps(void *arg)
{
    int64_t ns = PROA_SEC;
    int rc;

    (void)arg;
    PROA_SCOPE(s);
    rc = proa_shield(sleep_ns, &ns, PROA_MIN);
    if (rc >= 0)
        rc = PROA_WITHIN(PROA_MIN, proa_sleep(PROA_SEC));
    if (rc >= 0)
        rc = proa_sleep(0);
    return proa_scope_result(&s, rc);
}
START_TEST(sleep_lasts_exactly_as_long_as_asked)
{
    t_run(sleep_body, NULL);
    t_each_park(scopes_and_sleeps, NULL);
}
END_TEST

/* ---- the tree */

struct nest {
    int left;
    int reached; /* how many were asleep at the bottom */
    int cut;
};

static int nest_groups(void *arg)
{
    struct nest *n = arg;

    if (n->left-- == 0) {
        n->reached++;
        int rc = proa_sleep(PROA_HOUR);
        n->cut += rc == PROA_ECANCELED;
        return rc;
    }
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, nest_groups, n));
    return proa_group_join(&g);
}

/* A walk that recursed would need a frame for each of these, and run over the 64 KiB. */
static int deep_nest_body(void *arg)
{
    struct nest n = {.left = 5000};

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, nest_groups, &n));
    ck_ok(proa_sleep(PROA_SEC));
    ck_assert_int_eq(n.reached, 1);
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(n.cut, 1);
    return 0;
}
START_TEST(cancel_reaches_the_bottom_of_five_thousand_nested_groups)
{
    t_run(deep_nest_body, NULL);
}
END_TEST

static int wide_child(void *arg)
{
    PROA_TIMEOUT(a, PROA_HOUR);
    PROA_SCOPE(b);
    {
        PROA_SHIELD(c, *(int64_t *)arg);
        int rc = proa_sleep(PROA_HOUR);
        if (rc >= 0)
            return rc;
    }
    return proa_timeout_result(&a, proa_scope_result(&b, PROA_ECANCELED));
}

/* All children of a group and what is further in of its own task: each learns at the right time. */
static int wide_walk_body(void *arg)
{
    int64_t shields[3] = {0, PROA_SEC, 2 * PROA_SEC};
    int64_t began = proa_now();

    (void)arg;
    PROA_SCOPE(s);
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task(&g, wide_child, &shields[i]));
    PROA_SCOPE(innermost);
    ck_ok(proa_yield());
    proa_scope_cancel(&s);
    ck_assert(proa_is_cancelled());
    ck_assert_uint_eq(proa_group_running(&g), 3);
    ck_err(proa_group_join(&g), PROA_ECANCELED);
    ck_assert_int_eq(proa_now() - began, 2 * PROA_SEC);
    return proa_scope_result(&s, PROA_ECANCELED);
}
START_TEST(cancel_reaches_all_that_hangs_below)
{
    t_run(wide_walk_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("scope",
                  (const TTest *const[]){
                      every_call_in_a_cancelled_scope_fails_until_it_is_left,
                      cancel_belongs_to_the_outermost_cancelled_scope,
                      misuse_of_scopes_aborts,
                      timeout_cuts_the_wait_at_its_deadline,
                      timeout_left_early_has_no_later_effect,
                      no_time_fails_the_first_call_and_forever_none,
                      cancel_from_outside_is_never_turned_into_a_timeout,
                      nearest_of_nested_deadlines_counts_and_the_outermost_passed_one_tells,
                      deadline_can_be_moved_until_it_has_passed,
                      timeout_concerns_the_task_that_opened_it,
                      within_is_a_timeout_around_one_call,
                      wait_for_runs_the_call_under_a_timeout,
                      shield_lets_cleanup_wait_and_the_cancel_is_back_after_it,
                      shield_ends_with_its_time,
                      shields_and_timeouts_nest_either_way,
                      inner_shield_outlasts_the_outer_one,
                      sleep_lasts_exactly_as_long_as_asked,
                      cancel_reaches_the_bottom_of_five_thousand_nested_groups,
                      cancel_reaches_all_that_hangs_below,
                      NULL,
                  });
}
