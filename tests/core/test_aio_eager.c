#include "support/t_run.h"

#include <proa/context.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#define EAGER PROA_TASK_OPTS(.eager = true)

static int give(void *rc)
{
    return *(int *)rc;
}

static int done_body(void *arg)
{
    struct proa_task_ref ref;
    int rc = 6;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, give, &rc, EAGER));
    ck_assert(proa_task_is_done(ref));
    ck_assert_int_eq(proa_task_result(ref), 6);
    ck_assert_uint_eq(proa_all_tasks(NULL, 0), 1);
    return proa_group_join(&g);
}
START_TEST(aio_eager_01_a_body_that_never_waits_has_ended)
{
    t_run_modes(done_body, NULL);
}
END_TEST

static int failed_body(void *arg)
{
    struct proa_task_ref ref;
    int rc = PROA_EIO;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, give, &rc, EAGER));
    ck_err(proa_task_result(ref), PROA_EIO);
    ck_err(proa_group_join(&g), PROA_EIO);
    return 0;
}
START_TEST(aio_eager_02_a_failure_is_the_tasks_and_not_the_calls)
{
    t_run_modes(failed_body, NULL);
}
END_TEST

struct steps {
    int n;
    int rc;
};

static int two_steps(void *arg)
{
    struct steps *s = arg;

    s->n++;
    s->rc = proa_sleep(PROA_MS);
    s->n++;
    return s->rc;
}

static int blocks_body(void *arg)
{
    struct steps s = {0};

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, NULL, two_steps, &s, EAGER));
    ck_assert_int_eq(s.n, 1);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(s.n, 2);
    return 0;
}
START_TEST(aio_eager_03_the_call_returns_when_the_body_waits)
{
    t_run_modes(blocks_body, NULL);
}
END_TEST

static int cancel_body(void *arg)
{
    struct proa_task_ref ended, waits;
    struct steps s = {0};
    int rc = 6;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ended, give, &rc, EAGER));
    ck_ok(proa_task_cancel(ended));
    ck_assert_int_eq(proa_task_join(ended), 6);
    ck_ok(proa_create_task_opts(&g, &waits, two_steps, &s, EAGER));
    ck_ok(proa_task_cancel(waits));
    ck_err(proa_task_join(waits), PROA_ETASKCANCELED);
    ck_err(s.rc, PROA_ECANCELED);
    return proa_group_join(&g);
}
START_TEST(aio_eager_05_a_cancel_reaches_the_one_that_waits)
{
    t_run_modes(cancel_body, NULL);
}
END_TEST

static const struct proa_context_key key = {"key", NULL};

static int set_value(void *arg)
{
    return proa_context_set(&key, arg);
}

static int context_body(void *arg)
{
    int one = 1, two = 2;

    (void)arg;
    ck_ok(proa_context_set(&key, &one));
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, NULL, set_value, &two, EAGER));
    ck_assert_ptr_eq(proa_context_get(&key), &one);
    return proa_group_join(&g);
}
START_TEST(aio_eager_06_what_the_first_step_sets_its_creator_does_not_see)
{
    t_run_modes(context_body, NULL);
}
END_TEST

static int later_body(void *arg)
{
    int rc = PROA_EIO;
    int went_on = 0;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, NULL, give, &rc, EAGER)); /* the call itself is not cut */
    went_on++;
    ck_err(proa_sleep(PROA_SEC), PROA_ECANCELED); /* the next one is */
    ck_err(proa_group_join(&g), PROA_EIO);
    ck_assert_int_eq(went_on, 1);
    return 0;
}
START_TEST(aio_eager_07_a_failure_cancels_its_creator_after_the_call)
{
    t_run_modes(later_body, NULL);
}
END_TEST

struct suicide {
    struct proa_group *group;
    size_t tasks;
    int rc;
};

static int cancel_own_group(void *arg)
{
    struct suicide *s = arg;

    proa_group_cancel(s->group);
    s->tasks = proa_all_tasks(NULL, 0);
    s->rc = proa_sleep(PROA_SEC);
    return s->rc;
}

static int own_group_body(void *arg)
{
    struct suicide s = {0};

    (void)arg;
    PROA_GROUP(g);
    s.group = &g;
    ck_ok(proa_create_task_opts(&g, NULL, cancel_own_group, &s, EAGER));
    ck_ok(proa_group_join(&g));
    ck_assert_uint_eq(s.tasks, 2);
    ck_err(s.rc, PROA_ECANCELED);
    return 0;
}
START_TEST(aio_eager_08_one_that_cancels_its_own_group_is_cancelled)
{
    t_run_modes(own_group_body, NULL);
}
END_TEST

/* Creator and tasks agree on nothing but the group; in every mode the sum is the same. */
static int add(void *arg)
{
    int *sum = arg;
    int was = *sum;

    *sum = was + 1;
    return proa_yield();
}

static int either_way_body(void *arg)
{
    int sum = 0;

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 100; i++)
        ck_ok(proa_create_task(&g, add, &sum));
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(sum, 100);
    return 0;
}
START_TEST(aio_eager_09_a_body_does_the_same_in_both_spawn_modes)
{
    t_run_modes(either_way_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("aio_eager", (const TTest *const[]){
                                   aio_eager_01_a_body_that_never_waits_has_ended,
                                   aio_eager_02_a_failure_is_the_tasks_and_not_the_calls,
                                   aio_eager_03_the_call_returns_when_the_body_waits,
                                   aio_eager_05_a_cancel_reaches_the_one_that_waits,
                                   aio_eager_06_what_the_first_step_sets_its_creator_does_not_see,
                                   aio_eager_07_a_failure_cancels_its_creator_after_the_call,
                                   aio_eager_08_one_that_cancels_its_own_group_is_cancelled,
                                   aio_eager_09_a_body_does_the_same_in_both_spawn_modes,
                                   NULL,
                               });
}
