#include "support/t_run.h"

#include <proa/group.h>
#include <proa/limiter.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

struct taker {
    struct proa_limiter *limiter;
    char *order;
    char name;
    size_t n;
    int64_t when; /* it had them */
};

static int take(void *arg)
{
    struct taker *t = arg;
    int rc = proa_limiter_acquire(t->limiter, t->n);

    if (rc < 0)
        return rc;
    t->when = proa_now();
    strncat(t->order, &t->name, 1);
    return 0;
}

/* Three tokens in ten nanoseconds: they come after 4, 7 and 10, never early, and nothing is lost.
 */
static int exact_body(void *arg)
{
    PROA_AUTO(proa_limiter) *l = NULL;
    int64_t began = proa_now();

    (void)arg;
    ck_ok(proa_limiter_new(&l, 3, 10, NULL));
    ck_assert_uint_eq(proa_limiter_tokens(l), 3);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_limiter_try_acquire(l, 1)); /* it begins full */
    ck_err(proa_limiter_try_acquire(l, 1), PROA_EAGAIN);
    for (int64_t i = 1; i <= 3000; i++) {
        ck_ok(proa_limiter_acquire(l, 1));
        ck_assert_int_eq(proa_now() - began, (10 * i + 2) / 3);
    }
    ck_assert_int_eq(proa_now() - began, 10000);
    return 0;
}
START_TEST(tokens_come_evenly_and_exactly)
{
    t_run(exact_body, NULL);
}
END_TEST

static int behind_body(void *arg)
{
    struct proa_limiter *l = arg;
    int64_t began = proa_now();
    size_t burst = proa_limiter_tokens(l);

    ck_assert_uint_gt(burst, 0);
    ck_ok(proa_limiter_acquire(l, burst));
    ck_assert_int_eq(proa_now(), began);
    ck_assert_uint_eq(proa_limiter_tokens(l), 0);
    ck_ok(proa_limiter_acquire(l, burst));
    ck_assert_int_eq(proa_now() - began, PROA_SEC);
    return 0;
}
/* As if it had been made so much later than the run's clock shows. */
static void run_behind(size_t count)
{
    struct proa_limiter *l = NULL;

    ck_ok(proa_limiter_new(&l, count, PROA_SEC, NULL));
    ck_ok(proa_run(behind_body, l, PROA_RUN_OPTS(.virtual_clock = true)));
    proa_limiter_free(l);
}
START_TEST(a_limiter_made_before_the_run_is_full_whatever_its_clock_shows)
{
    ck_assert_int_gt(proa_now(), 0);
    run_behind(10);
    run_behind(INT64_MAX / PROA_SEC);
}
END_TEST

static int burst_body(void *arg)
{
    PROA_AUTO(proa_limiter) *l = NULL;

    (void)arg;
    ck_ok(proa_limiter_new(&l, 1, PROA_SEC, PROA_LIMITER_OPTS(.burst = 5)));
    ck_assert_uint_eq(proa_limiter_tokens(l), 5);
    ck_ok(proa_limiter_acquire(l, 5));
    ck_ok(proa_sleep(1500 * PROA_MS));
    ck_assert_uint_eq(proa_limiter_tokens(l), 1);
    ck_ok(proa_sleep(100 * PROA_HOUR));
    ck_assert_uint_eq(proa_limiter_tokens(l), 5); /* no more is saved */
    ck_ok(proa_limiter_acquire(l, 0));
    ck_ok(proa_limiter_acquire(l, 5));
    ck_err(proa_limiter_acquire(l, 6), PROA_EINVAL);
    ck_err(proa_limiter_try_acquire(l, 6), PROA_EINVAL);
    ck_err(proa_limiter_acquire(l, (size_t)-1), PROA_EINVAL);
    return 0;
}

/* A part of a nanosecond's tokens is missing: that is not enough, though it would be the last. */
static int nearly_full_body(void *arg)
{
    PROA_AUTO(proa_limiter) *l = NULL;

    (void)arg;
    ck_ok(proa_limiter_new(&l, 3, 10, PROA_LIMITER_OPTS(.burst = 1)));
    ck_ok(proa_limiter_acquire(l, 1));
    ck_ok(proa_sleep(3));
    ck_assert_uint_eq(proa_limiter_tokens(l), 0);
    ck_err(proa_limiter_try_acquire(l, 1), PROA_EAGAIN);
    ck_ok(proa_sleep(1));
    ck_assert_uint_eq(proa_limiter_tokens(l), 1);
    return 0;
}
START_TEST(no_more_than_the_burst_is_saved)
{
    t_run(burst_body, NULL);
    t_run(nearly_full_body, NULL);
}
END_TEST

/* b wants one, and waits behind a, who wants three. */
static int fifo_body(void *arg)
{
    PROA_AUTO(proa_limiter) *l = NULL;
    char order[8] = "";
    int64_t began = proa_now();

    (void)arg;
    ck_ok(proa_limiter_new(&l, 1, 10, PROA_LIMITER_OPTS(.burst = 3)));
    ck_ok(proa_limiter_acquire(l, 2));
    struct taker t[2] = {{l, order, 'a', 3, 0}, {l, order, 'b', 1, 0}};
    PROA_GROUP(g);
    for (int i = 0; i < 2; i++)
        ck_ok(proa_create_task(&g, take, &t[i]));
    ck_ok(proa_yield());
    ck_err(proa_limiter_try_acquire(l, 1), PROA_EAGAIN); /* one is there, but others were first */
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(order, "ab");
    ck_assert_int_eq(t[0].when - began, 20);
    ck_assert_int_eq(t[1].when - began, 30);
    return 0;
}
START_TEST(takers_are_served_in_the_order_they_came)
{
    t_run_in_order(fifo_body, NULL);
}
END_TEST

/* a gives up at 5: b, behind it, has its one token then, and c the next. */
static int cancel_body(void *arg)
{
    PROA_AUTO(proa_limiter) *l = NULL;
    struct proa_task_ref first;
    char order[8] = "";
    int64_t began = proa_now();

    (void)arg;
    ck_ok(proa_limiter_new(&l, 1, 10, PROA_LIMITER_OPTS(.burst = 3)));
    ck_ok(proa_limiter_acquire(l, 2));
    struct taker t[3] = {{l, order, 'a', 3, 0}, {l, order, 'b', 1, 0}, {l, order, 'c', 1, 0}};
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &first, take, &t[0], NULL));
    ck_ok(proa_create_task(&g, take, &t[1]));
    ck_ok(proa_create_task(&g, take, &t[2]));
    ck_ok(proa_sleep(5));
    ck_ok(proa_task_cancel(first));
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(order, "bc");
    ck_assert_int_eq(t[1].when - began, 5);
    ck_assert_int_eq(t[2].when - began, 10);
    return 0;
}

static int timeout_body(void *arg)
{
    PROA_AUTO(proa_limiter) *l = NULL;
    int64_t began = proa_now();

    (void)arg;
    ck_ok(proa_limiter_new(&l, 1, 10, NULL));
    ck_err(PROA_WITHIN(0, proa_limiter_acquire(l, 1)), PROA_ETIMEDOUT);
    ck_assert_uint_eq(proa_limiter_tokens(l), 1);
    ck_ok(proa_limiter_acquire(l, 1));
    ck_err(PROA_WITHIN(9, proa_limiter_acquire(l, 1)), PROA_ETIMEDOUT);
    ck_ok(proa_limiter_acquire(l, 1)); /* what was waited for is not lost */
    ck_assert_int_eq(proa_now() - began, 10);
    return 0;
}
START_TEST(no_token_is_lost_to_a_cancel)
{
    t_run_in_order(cancel_body, NULL);
    t_run(timeout_body, NULL);
}
END_TEST

static int bounds_body(void *arg)
{
    struct proa_limiter *l = NULL;
    struct {
        struct proa_limiter_opts opts;
        int more;
    } newer = {.opts = {.size = sizeof newer}, .more = 1};

    (void)arg;
    ck_err(proa_limiter_new(&l, 0, 1, NULL), PROA_EINVAL);
    ck_err(proa_limiter_new(&l, 1, 0, NULL), PROA_EINVAL);
    ck_err(proa_limiter_new(&l, 1, INT64_MIN, NULL), PROA_EINVAL);
    ck_err(proa_limiter_new(&l, (size_t)-1, 1, NULL), PROA_EINVAL);
    ck_err(proa_limiter_new(&l, 2, INT64_MAX / 2 + 1, NULL), PROA_EINVAL);
    ck_err(proa_limiter_new(&l, 1, 1, PROA_LIMITER_OPTS(.burst = (size_t)-1)), PROA_EINVAL);
    ck_err(proa_limiter_new(&l, 1, 1, &newer.opts), PROA_E2BIG);
    ck_assert_ptr_null(l);
    ck_ok(proa_limiter_new(&l, 1, INT64_MAX, NULL));
    ck_ok(proa_limiter_acquire(l, 1));
    ck_err(PROA_WITHIN(PROA_HOUR, proa_limiter_acquire(l, 1)), PROA_ETIMEDOUT);
    proa_limiter_free(l);
    ck_ok(proa_limiter_new(&l, (size_t)INT64_MAX, 1, NULL));
    ck_ok(proa_limiter_acquire(l, (size_t)INT64_MAX));
    ck_ok(proa_sleep(2 * PROA_HOUR));
    ck_assert_uint_eq(proa_limiter_tokens(l), (size_t)INT64_MAX);
    proa_limiter_free(l);
    return 0;
}

static int free_waited_for(void *arg)
{
    struct proa_limiter *l = NULL;
    char order[8] = "";

    (void)arg;
    ck_ok(proa_limiter_new(&l, 1, 10, NULL));
    ck_ok(proa_limiter_acquire(l, 1));
    struct taker t = {l, order, 'a', 1, 0};
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, take, &t));
    ck_ok(proa_yield());
    proa_limiter_free(l);
    return 0;
}
START_TEST(bad_rates_fail_and_freeing_under_a_waiter_aborts)
{
    t_run(bounds_body, NULL);
    t_run_aborts(free_waited_for, NULL, "proa_limiter_free: task main frees limiter 0x");
    t_run_aborts(free_waited_for, NULL, ", for which 1 tasks wait");
    proa_limiter_free(NULL);
}
END_TEST

static int rush(void *arg)
{
    struct proa_limiter *l = NULL;
    char order[8] = "";
    int rc = proa_limiter_new(&l, 1, 10, NULL);

    (void)arg;
    if (rc < 0)
        return rc;
    struct taker t[3] = {{l, order, 'a', 1, 0}, {l, order, 'b', 1, 0}, {l, order, 'c', 1, 0}};
    {
        PROA_GROUP(g);
        for (int i = 0; i < 3; i++)
            proa_create_task(&g, take, &t[i]);
        rc = proa_group_join(&g);
    }
    proa_limiter_free(l);
    return rc;
}
START_TEST(cancel_at_each_point_and_each_failed_allocation_leave_no_timer)
{
    t_each_park(rush, NULL);
    t_run_each_alloc(rush, NULL);
}
END_TEST

int main(void)
{
    return t_main("limiter",
                  (const TTest *const[]){
                      tokens_come_evenly_and_exactly,
                      a_limiter_made_before_the_run_is_full_whatever_its_clock_shows,
                      no_more_than_the_burst_is_saved, takers_are_served_in_the_order_they_came,
                      no_token_is_lost_to_a_cancel,
                      bad_rates_fail_and_freeing_under_a_waiter_aborts,
                      cancel_at_each_point_and_each_failed_allocation_leave_no_timer, NULL});
}
