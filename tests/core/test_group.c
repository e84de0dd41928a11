#include "base/fail.h"
#include "core/group.h"
#include "support/t_run.h"

#include <proa/fault.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

/* ---- what tasks of these tests do */

struct worker {
    int64_t ns; /* how long it sleeps */
    int rc;     /* what it returns if nobody cancels it */
    int got;    /* what the sleep returned */
};

static int work(void *arg)
{
    struct worker *w = arg;

    w->got = proa_sleep(w->ns);
    if (w->got < 0)
        return w->got;
    return w->rc < 0 ? proa__fail(w->rc, "worker %d", -w->rc) : w->rc;
}

static int stubborn(void *arg)
{
    struct worker *w = arg;

    w->got = proa_sleep(w->ns);
    PROA_SHIELD(s, PROA_HOUR);
    proa_sleep(PROA_SEC);
    return w->rc;
}

struct faults {
    int n;
    int rc;
};

static int note_fault(const struct proa_fault *fault, void *arg)
{
    struct faults *f = arg;

    f->n++;
    f->rc = fault->rc;
    return 0;
}

/* ---- the end of a group */

/* AIO-TG-01, AIO-TG-30 */
static int success_body(void *arg)
{
    struct worker w[3] = {{.ns = 3}, {.ns = 1}, {.ns = 2}};
    int64_t began = proa_now();

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task(&g, work, &w[i]));
    ck_assert_uint_eq(proa_group_running(&g), 3);
    ck_assert_int_eq(proa_group_join(&g), 0);
    ck_assert_int_eq(proa_now() - began, 3);
    ck_assert_int_eq(proa_group_join(&g), 0);
    ck_assert_uint_eq(proa_group_errors(&g, NULL, 0), 0);

    PROA_GROUP(none);
    return proa_group_join(&none);
}
START_TEST(join_ends_with_the_last_task)
{
    t_run(success_body, NULL);
}
END_TEST

/* AIO-TG-02 */
static int first_failure_body(void *arg)
{
    struct worker w[3] = {{.ns = PROA_HOUR}, {.ns = PROA_SEC, .rc = PROA_EPIPE}, {.ns = PROA_HOUR}};
    int64_t began = proa_now();

    (void)arg;
    {
        PROA_GROUP(g);
        for (int i = 0; i < 3; i++)
            ck_ok(proa_create_task(&g, work, &w[i]));
        ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED); /* the body is cancelled too */
        ck_err(proa_group_join(&g), PROA_EPIPE);
        ck_assert_str_eq(proa_err_detail(PROA_EPIPE), "worker 32");
        ck_assert_int_eq(w[0].got, PROA_ECANCELED);
        ck_assert_int_eq(w[2].got, PROA_ECANCELED);
        ck_ok(proa_yield()); /* AIO-TG-12: after the join the rest of the frame is free */
        ck_err(proa_group_join(&g), PROA_EPIPE);
    }
    ck_assert_int_eq(proa_now() - began, PROA_SEC);
    return 0;
}
START_TEST(first_failure_cancels_the_rest_and_is_what_join_returns)
{
    t_run(first_failure_body, NULL);
}
END_TEST

/* AIO-TG-03, AIO-TG-14, AIO-GATHER-04: nothing is lost. */
static int all_failures_body(void *arg)
{
    struct worker w[3] = {
        {.ns = PROA_SEC, .rc = PROA_EPIPE},
        {.ns = PROA_SEC, .rc = PROA_EIO},
        {.ns = PROA_HOUR, .rc = PROA_EBADF},
    };
    struct proa_task_error e[4];

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, NULL, work, &w[0], PROA_TASK_OPTS(.name = "one")));
    ck_ok(proa_create_task_opts(&g, NULL, work, &w[1], PROA_TASK_OPTS(.name = "two")));
    ck_ok(proa_create_task_opts(&g, NULL, stubborn, &w[2], PROA_TASK_OPTS(.name = "three")));
    ck_err(proa_group_join(&g), PROA_EPIPE);
    ck_assert_uint_eq(proa_group_errors(&g, e, 4), 3);
    ck_assert_int_eq(e[0].rc, PROA_EPIPE);
    ck_assert_str_eq(e[0].name, "one");
    ck_assert_str_eq(e[0].detail, "worker 32");
    ck_assert_int_eq(e[1].rc, PROA_EIO);
    ck_assert_str_eq(e[1].name, "two");
    ck_assert_int_eq(e[2].rc, PROA_EBADF); /* swallowed the cancel and failed */
    ck_assert_str_eq(e[2].name, "three");
    memset(e, 0, sizeof e);
    ck_assert_uint_eq(proa_group_errors(&g, e, 1), 3);
    ck_assert_ptr_null(e[1].name);
    return 0;
}
START_TEST(all_failures_are_listed_the_first_first)
{
    t_run_in_order(all_failures_body, NULL);
}
END_TEST

static int own_cancel_body(void *arg)
{
    struct worker w = {.ns = PROA_HOUR};

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, work, &w));
    ck_ok(proa_yield());
    proa_group_cancel(&g);
    proa_group_cancel(&g);
    ck_err(proa_yield(), PROA_ECANCELED);
    ck_assert_int_eq(proa_group_join(&g), 0);
    ck_assert_int_eq(w.got, PROA_ECANCELED);
    proa_group_cancel(&g); /* too late is nothing */
    return proa_yield();
}
START_TEST(own_cancel_is_no_failure)
{
    t_run(own_cancel_body, NULL);
}
END_TEST

/* AIO-TG-08 */
static int outer_cancel_body(void *arg)
{
    struct worker w = {.ns = PROA_HOUR};

    (void)arg;
    PROA_SCOPE(s);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, work, &w));
    ck_ok(proa_yield());
    proa_scope_cancel(&s);
    ck_err(proa_group_join(&g), PROA_ECANCELED);
    ck_assert_int_eq(w.got, PROA_ECANCELED);
    ck_err(proa_group_join(&g), PROA_ECANCELED);
    return proa_scope_result(&s, PROA_ECANCELED);
}

/* AIO-TG-11: the failure wins, and the cancel is still there. */
static int failure_under_cancel_body(void *arg)
{
    struct worker w = {.ns = PROA_HOUR, .rc = PROA_EIO};

    (void)arg;
    PROA_SCOPE(s);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, stubborn, &w));
    ck_ok(proa_yield());
    proa_scope_cancel(&s);
    ck_err(proa_group_join(&g), PROA_EIO);
    ck_err(proa_yield(), PROA_ECANCELED);
    return proa_scope_result(&s, PROA_ECANCELED);
}
START_TEST(cancel_from_outside_cancels_the_tasks_and_a_failure_outweighs_it)
{
    t_run(outer_cancel_body, NULL);
    t_run(failure_under_cancel_body, NULL);
}
END_TEST

/* The timeout is opened inside the group, and is around the join all the same. */
static int join_within_body(void *arg)
{
    struct worker w = {.ns = PROA_HOUR};
    struct worker slow = {.ns = PROA_HOUR};
    int64_t began = proa_now();

    (void)arg;
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, work, &w));
        ck_err(PROA_WITHIN(PROA_SEC, proa_group_join(&g)), PROA_ETIMEDOUT);
        ck_assert_int_eq(w.got, PROA_ECANCELED);
        ck_assert_int_eq(proa_now() - began, PROA_SEC);
    }
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, stubborn, &slow)); /* one second of cleanup is waited for */
    ck_err(PROA_WITHIN(PROA_SEC, proa_group_join(&g)), PROA_ETIMEDOUT);
    ck_assert_int_eq(proa_now() - began, 3 * PROA_SEC);
    ck_ok(proa_yield());
    return 0;
}

/* What is around the join was cancelled before it began: the tasks learn of it all the same. */
static int join_in_cancelled_scope_body(void *arg)
{
    struct worker w = {.ns = PROA_HOUR};
    int64_t began = proa_now();

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, work, &w));
    ck_ok(proa_yield());
    ck_err(PROA_WITHIN(0, proa_group_join(&g)), PROA_ETIMEDOUT);
    ck_assert_int_eq(w.got, PROA_ECANCELED);
    ck_assert_int_eq(proa_now(), began);

    PROA_GROUP(nobody);
    ck_err(PROA_WITHIN(0, proa_group_join(&nobody)), PROA_ETIMEDOUT);
    return proa_yield();
}
START_TEST(deadline_around_the_join_cancels_the_tasks_and_waits_for_them)
{
    t_run(join_within_body, NULL);
    t_run(join_in_cancelled_scope_body, NULL);
}
END_TEST

/* AIO-TG-27: the group is cancelled by the program, then an outer deadline passes. */
static int cancel_then_deadline_body(void *arg)
{
    struct worker w = {.ns = PROA_HOUR};

    (void)arg;
    PROA_TIMEOUT(t, PROA_MS);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, stubborn, &w));
    ck_ok(proa_yield());
    proa_group_cancel(&g);
    ck_err(proa_timeout_result(&t, proa_group_join(&g)), PROA_ETIMEDOUT);
    return 0;
}
START_TEST(outer_deadline_is_not_lost_in_a_group_that_was_cancelled)
{
    t_run(cancel_then_deadline_body, NULL);
}
END_TEST

/* A shield around the join protects tasks that were created outside of it. */
static int cancel_soon(void *scope)
{
    int rc = proa_sleep(PROA_MS);

    proa_scope_cancel(scope);
    return rc;
}

static int shielded_join_body(void *arg)
{
    struct worker w = {.ns = PROA_SEC};

    (void)arg;
    PROA_GROUP(others);
    PROA_SCOPE(s);
    ck_ok(proa_create_task(&others, cancel_soon, &s));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, work, &w));
    ck_ok(proa_yield());
    {
        PROA_SHIELD(shield, PROA_MIN);
        ck_ok(proa_group_join(&g));
    }
    ck_assert_int_eq(w.got, 0);
    ck_err(proa_yield(), PROA_ECANCELED);
    return 0;
}

/* But those that know of the cancel already stay cancelled. */
static int late_shield_body(void *arg)
{
    struct worker w = {.ns = PROA_HOUR};

    (void)arg;
    PROA_SCOPE(s);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, work, &w));
    ck_ok(proa_yield());
    proa_scope_cancel(&s);
    PROA_SHIELD(shield, PROA_MIN);
    ck_err(proa_group_join(&g), PROA_ECANCELED);
    ck_assert_int_eq(w.got, PROA_ECANCELED);
    ck_ok(proa_yield());
    return 0;
}
START_TEST(shield_around_the_join_protects_unless_it_comes_too_late)
{
    t_run(shielded_join_body, NULL);
    t_run(late_shield_body, NULL);
}
END_TEST

/* Two groups of one frame joined in the order of opening, not of leaving. */
static int interleaved_body(void *arg)
{
    struct worker a = {.ns = PROA_SEC};
    struct worker b = {.ns = 2 * PROA_SEC};
    struct worker c = {.ns = PROA_HOUR};

    (void)arg;
    PROA_GROUP(first);
    PROA_GROUP(second);
    ck_ok(proa_create_task(&first, work, &a));
    ck_ok(proa_create_task(&second, work, &b));
    ck_ok(proa_group_join(&first));
    ck_assert_int_eq(b.got, 0);
    ck_assert_uint_eq(proa_group_running(&second), 1);
    ck_ok(proa_create_task(&second, work, &c));
    ck_ok(proa_sleep(5 * PROA_SEC));
    proa_group_cancel(&second);
    ck_ok(proa_group_join(&second));
    ck_assert_int_eq(c.got, PROA_ECANCELED);
    return proa_yield();
}

/* The cancel of a group that is unlinked from the middle goes with it. */
static int cancelled_outer_group_body(void *arg)
{
    struct worker a = {.ns = PROA_HOUR};
    struct worker b = {.ns = PROA_SEC};

    (void)arg;
    PROA_GROUP(first);
    PROA_GROUP(second);
    ck_ok(proa_create_task(&first, work, &a));
    ck_ok(proa_yield());
    proa_group_cancel(&first);
    ck_err(proa_create_task(&second, work, &b), PROA_ECANCELED); /* it is inside the first */
    ck_ok(proa_group_join(&first));
    ck_ok(proa_create_task(&second, work, &b));
    ck_ok(proa_group_join(&second));
    ck_assert_int_eq(b.got, 0);
    return 0;
}
START_TEST(groups_of_one_frame_are_joined_in_any_order)
{
    t_run(interleaved_body, NULL);
    t_run(cancelled_outer_group_body, NULL);
}
END_TEST

/* AIO-TG-13: inner and outer child fail in the same turn. */
static int nested_failures_body(void *arg)
{
    struct worker a = {.ns = PROA_SEC, .rc = PROA_EIO};
    struct worker b = {.ns = PROA_SEC, .rc = PROA_EPIPE};

    (void)arg;
    PROA_GROUP(outer);
    ck_ok(proa_create_task(&outer, work, &a));
    {
        PROA_GROUP(inner);
        ck_ok(proa_create_task(&inner, work, &b));
        ck_err(proa_group_join(&inner), PROA_EPIPE);
    }
    ck_err(proa_yield(), PROA_ECANCELED);
    ck_err(proa_group_join(&outer), PROA_EIO);
    return 0;
}
START_TEST(inner_join_tells_the_inner_failure_and_the_outer_cancel_still_comes)
{
    t_run_in_order(nested_failures_body, NULL); /* else the outer one may fail after the join */
}
END_TEST

/* ---- left without join */

static int leave_early(struct worker *w)
{
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, work, w));
    ck_ok(proa_yield());
    return 3;
}

static int left_body(void *arg)
{
    struct worker w = {.ns = PROA_HOUR};
    struct faults f = {0};

    (void)arg;
    proa_fault_set(note_fault, &f);
    ck_assert_int_eq(leave_early(&w), 3);
    ck_assert_int_eq(w.got, PROA_ECANCELED);
    ck_assert_int_eq(f.n, 0);
    return proa_yield();
}
START_TEST(group_left_without_join_is_cancelled_and_waited_for)
{
    t_run(left_body, NULL);
}
END_TEST

static void leave_failure(bool joined)
{
    struct worker w = {.ns = 1, .rc = PROA_EIO};
    struct worker v = {.ns = PROA_HOUR, .rc = PROA_EPIPE};

    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, work, &w));
    ck_ok(proa_create_task(&g, stubborn, &v));
    ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED);
    if (joined)
        ck_err(proa_group_join(&g), PROA_EIO);
}

static int uncollected_body(void *arg)
{
    struct faults f = {0};

    (void)arg;
    proa_fault_set(note_fault, &f);
    leave_failure(true);
    ck_assert_int_eq(f.n, 0);
    leave_failure(false);
    ck_assert_int_eq(f.n, 2);
    ck_assert_int_eq(f.rc, PROA_EPIPE); /* the last of them */
    proa_fault_set(NULL, NULL);
    return 0;
}
START_TEST(failures_nobody_collected_reach_the_fault_handler)
{
    t_run(uncollected_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("group", (const TTest *const[]){
                               join_ends_with_the_last_task,
                               first_failure_cancels_the_rest_and_is_what_join_returns,
                               all_failures_are_listed_the_first_first,
                               own_cancel_is_no_failure,
                               cancel_from_outside_cancels_the_tasks_and_a_failure_outweighs_it,
                               deadline_around_the_join_cancels_the_tasks_and_waits_for_them,
                               outer_deadline_is_not_lost_in_a_group_that_was_cancelled,
                               shield_around_the_join_protects_unless_it_comes_too_late,
                               groups_of_one_frame_are_joined_in_any_order,
                               inner_join_tells_the_inner_failure_and_the_outer_cancel_still_comes,
                               group_left_without_join_is_cancelled_and_waited_for,
                               failures_nobody_collected_reach_the_fault_handler,
                               NULL,
                           });
}
