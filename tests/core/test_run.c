#include "base/fail.h"
#include "core/stack.h"
#include "core/wait.h"
#include "support/t_run.h"

#include <proa/fault.h>
#include <proa/group.h>
#include <proa/log.h>
#include <proa/run.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <string.h>

static int give(void *rc)
{
    return *(int *)rc;
}

static int fail_with_words(void *arg)
{
    (void)arg;
    return proa__fail(PROA_ECONNREFUSED, "the pier is closed");
}

START_TEST(run_returns_what_main_returns_with_its_words)
{
    int rc = 42;

    ck_assert_int_eq(proa_run(give, &rc, NULL), 42);
    ck_err(proa_run(fail_with_words, NULL, NULL), PROA_ECONNREFUSED);
    ck_assert_str_eq(proa_err_detail(PROA_ECONNREFUSED), "the pier is closed");
    rc = PROA_ECANCELED;
    ck_err(proa_run(give, &rc, NULL), PROA_EBADCANCEL);
}
END_TEST

/* AIO-LOOP-07 */
static int run_inside_body(void *arg)
{
    int rc = 1;

    (void)arg;
    ck_err(proa_run(give, &rc, NULL), PROA_EBUSY);
    return 0;
}
START_TEST(run_inside_a_run_is_refused)
{
    t_run(run_inside_body, NULL);
}
END_TEST

START_TEST(bad_options_run_nothing)
{
    struct {
        struct proa_run_opts opts;
        int more;
    } newer = {.opts = {.size = sizeof newer}, .more = 1};
    int rc = 1;

    ck_err(proa_run(give, &rc, &newer.opts), PROA_E2BIG);
    ck_err(proa_run(give, &rc, PROA_RUN_OPTS(.stack_size = STACK_SIZE_MAX + 1)), PROA_EINVAL);
    ck_assert_int_eq(proa_run(give, &rc, PROA_RUN_OPTS(.stack_size = 1 << 20)), 1);
}
END_TEST

/* ---- what is left over */

struct leftover {
    int64_t shield; /* how long its cleanup takes */
    int64_t ended;  /* when it ended */
    int got;        /* what its sleep returned */
    int cleanup;    /* what its cleanup's sleep returned */
    int rc;
};

static int linger(void *arg)
{
    struct leftover *l = arg;

    l->got = proa_sleep(PROA_FOREVER);
    {
        PROA_SHIELD(s, PROA_FOREVER);
        l->cleanup = proa_sleep(l->shield);
    }
    l->ended = proa_now();
    return l->rc ? l->rc : l->got;
}

static int leave_one(void *arg)
{
    struct leftover *l = arg;

    l->ended = -1;
    ck_ok(proa_create_task(NULL, linger, l));
    ck_ok(proa_yield());
    return 7;
}

static int run_virtual(proa_task_fn *fn, void *arg, int64_t grace)
{
    return proa_run(fn, arg, PROA_RUN_OPTS(.virtual_clock = true, .grace = grace));
}
START_TEST(left_over_tasks_are_cancelled_and_waited_for)
{
    struct leftover l = {.shield = PROA_SEC};

    ck_assert_int_eq(run_virtual(leave_one, &l, 0), 7);
    ck_assert_int_eq(l.got, PROA_ECANCELED);
    ck_assert_int_eq(l.cleanup, 0);
    ck_assert_int_ge(l.ended, 0);
}
END_TEST

static char logged[4096];

static void keep_log(enum proa_log_level level, const char *text, void *arg)
{
    (void)level;
    (void)arg;
    strncat(logged, text, sizeof logged - strlen(logged) - 2);
    strcat(logged, "\n");
}

START_TEST(aio_task_14_failure_of_a_left_over_task_is_logged_and_changes_nothing)
{
    struct leftover l = {.rc = PROA_EIO};

    logged[0] = '\0';
    proa_log_set(keep_log, NULL);
    ck_assert_int_eq(run_virtual(leave_one, &l, 0), 7);
    ck_assert_str_eq(logged, "task task-2 failed: input/output error (PROA_EIO)\n");
}
END_TEST

/* AIO-SHIELD-05 */
START_TEST(shields_end_with_the_grace_time_and_stragglers_are_named)
{
    struct leftover l = {.shield = PROA_HOUR};

    logged[0] = '\0';
    proa_log_set(keep_log, NULL);
    ck_assert_int_eq(run_virtual(leave_one, &l, 2 * PROA_SEC), 7);
    ck_assert_int_eq(l.cleanup, PROA_ECANCELED);
    ck_assert_ptr_nonnull(strstr(logged, "task task-2 was cancelled and does not end"));

    l.shield = 2 * PROA_SEC - 1; /* just in time */
    logged[0] = '\0';
    ck_assert_int_eq(run_virtual(leave_one, &l, 2 * PROA_SEC), 7);
    ck_assert_int_eq(l.cleanup, 0);
    ck_assert_str_eq(logged, "");
}
END_TEST

static int shield_again(void *arg)
{
    struct leftover *l = arg;

    l->got = proa_sleep(PROA_FOREVER);
    for (int i = 0; i < 3; i++) {
        PROA_SHIELD(s, PROA_FOREVER);
        l->cleanup = proa_sleep(PROA_HOUR);
    }
    return l->got;
}

static int leave_shielding(void *arg)
{
    ck_ok(proa_create_task(NULL, shield_again, arg));
    return proa_yield();
}
START_TEST(no_shield_holds_after_the_grace_time)
{
    struct leftover l = {0};

    proa_log_set(keep_log, NULL);
    ck_ok(run_virtual(leave_shielding, &l, PROA_SEC));
    ck_assert_int_eq(l.cleanup, PROA_ECANCELED);
}
END_TEST

static int never_end(void *arg)
{
    struct wait w;

    (void)arg;
    proa__wait_link(NULL, &w);
    return proa__wait_park_firm(&w, 1, NULL, NULL);
}

static int leave_for_ever(void *arg)
{
    (void)arg;
    ck_ok(proa_create_task_opts(NULL, NULL, never_end, NULL, PROA_TASK_OPTS(.name = "barnacle")));
    return proa_yield();
}

static void run_for_ever(void *arg)
{
    (void)arg;
    run_virtual(leave_for_ever, NULL, PROA_SEC);
}
START_TEST(task_that_does_not_end_aborts_the_process_by_name)
{
    t_aborts(run_for_ever, NULL, "task barnacle was cancelled and does not end");
    t_aborts(run_for_ever, NULL, "tasks did not end although cancelled");
}
END_TEST

/* A left-over task may still create others for its cleanup, in a shield. */
static int clean_up_with_help(void *arg)
{
    struct leftover *l = arg;

    l->got = proa_sleep(PROA_FOREVER);
    PROA_SHIELD(s, PROA_SEC);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, give, &l->rc));
    l->cleanup = proa_group_join(&g);
    ck_ok(proa_create_task(NULL, give, &l->rc)); /* born cancelled, runs, is waited for */
    return l->got;
}

static int leave_cleaner(void *arg)
{
    ck_ok(proa_create_task(NULL, clean_up_with_help, arg));
    return proa_yield();
}
START_TEST(cleanup_at_the_end_may_use_tasks)
{
    struct leftover l = {.cleanup = 99};

    ck_ok(run_virtual(leave_cleaner, &l, 0));
    ck_assert_int_eq(l.cleanup, 0);
}
END_TEST

/* ---- faults */

static int note(void *arg)
{
    (void)arg;
    ck_ok(proa_create_task(NULL, fail_with_words, NULL));
    return proa_yield();
}
START_TEST(faults_are_logged_by_default)
{
    logged[0] = '\0';
    proa_log_set(keep_log, NULL);
    t_run_in_order(note, NULL);
    ck_assert_str_eq(logged, "task task-2 failed: the pier is closed (PROA_ECONNREFUSED)\n");
}
END_TEST

static void set_outside(void *arg)
{
    (void)arg;
    proa_fault_set(NULL, NULL);
}
START_TEST(calls_that_need_a_loop_abort_without_one)
{
    t_aborts(set_outside, NULL, "proa_fault_set: no loop runs in this thread");
}
END_TEST

/* ---- memory */

static int some_work(void *arg)
{
    (void)arg;
    PROA_TIMEOUT(t, PROA_SEC);
    return proa_timeout_result(&t, proa_sleep(1));
}
START_TEST(each_failed_allocation_is_enomem)
{
    t_run_each_alloc(some_work, NULL);
    t_each_park(some_work, NULL);
}
END_TEST

int main(void)
{
    return t_main("run", (const TTest *const[]){
                             run_returns_what_main_returns_with_its_words,
                             run_inside_a_run_is_refused,
                             bad_options_run_nothing,
                             left_over_tasks_are_cancelled_and_waited_for,
                             aio_task_14_failure_of_a_left_over_task_is_logged_and_changes_nothing,
                             shields_end_with_the_grace_time_and_stragglers_are_named,
                             no_shield_holds_after_the_grace_time,
                             task_that_does_not_end_aborts_the_process_by_name,
                             cleanup_at_the_end_may_use_tasks,
                             faults_are_logged_by_default,
                             calls_that_need_a_loop_abort_without_one,
                             each_failed_allocation_is_enomem,
                             NULL,
                         });
}
