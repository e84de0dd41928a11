#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

static int count(void *arg)
{
    ++*(int *)arg;
    return 0;
}

static int zero_body(void *arg)
{
    static const int64_t spans[] = {0, -1, -PROA_HOUR};
    int64_t began = proa_now();

    (void)arg;
    for (int i = 0; i < 3; i++) {
        int n = 0;
        PROA_GROUP(g);

        for (int k = 0; k < 3; k++)
            ck_ok(proa_create_task(&g, count, &n));
        ck_ok(proa_sleep(spans[i]));
        ck_assert_int_eq(n, 3); /* every other ready task ran once */
        ck_ok(proa_group_join(&g));
    }
    ck_assert(proa_now() == began);
    return 0;
}
START_TEST(aio_sleep_01_zero_or_less_lets_the_others_run_once)
{
    t_run_in_order(zero_body, NULL);
}
END_TEST

static int odd_body(void *arg)
{
    (void)arg;
    ck_err(proa_sleep(INT64_MIN), PROA_EINVAL);
    ck_err(proa_sleep(PROA_FOREVER - 1), PROA_EINVAL);
    ck_err(proa_sleep_until(INT64_MIN), PROA_EINVAL);
    ck_ok(proa_sleep_until(INT64_MIN + 1));
    return 0;
}
START_TEST(aio_sleep_01_what_is_no_time_is_refused)
{
    t_run_modes(odd_body, NULL);
}
END_TEST

static int sleep_hour(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_HOUR);
}

static int removed_body(void *arg)
{
    struct proa_task_ref ref;
    int64_t began = proa_now();

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, sleep_hour, NULL, NULL));
    ck_ok(proa_sleep(PROA_MS));
    ck_ok(proa_task_cancel(ref));
    ck_ok(proa_group_join(&g));
    ck_assert(proa_now() - began == PROA_MS);
    return 0; /* t_run looks whether a timer is left */
}
START_TEST(aio_sleep_02_a_cancelled_sleep_leaves_no_timer)
{
    t_run_modes(removed_body, NULL);
}
END_TEST

static int point_body(void *arg)
{
    (void)arg;
    ck_ok(proa_task_cancel(proa_current_task()));
    ck_err(proa_sleep(0), PROA_ECANCELED);
    ck_err(proa_sleep(-1), PROA_ECANCELED);
    return 0;
}
START_TEST(aio_sleep_04_a_sleep_of_zero_tells_of_a_cancel)
{
    t_run_modes(point_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("aio_sleep", (const TTest *const[]){
                                   aio_sleep_01_zero_or_less_lets_the_others_run_once,
                                   aio_sleep_01_what_is_no_time_is_refused,
                                   aio_sleep_02_a_cancelled_sleep_leaves_no_timer,
                                   aio_sleep_04_a_sleep_of_zero_tells_of_a_cancel,
                                   NULL,
                               });
}
