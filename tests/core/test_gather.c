#include "support/t_run.h"

#include <proa/gather.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

struct job {
    int64_t ns; /* how long it takes */
    int rc;     /* what it returns */
    int runs;   /* how often it ran to its end */
};

static int run_job(void *arg)
{
    struct job *j = arg;
    int rc = proa_sleep(j->ns);

    if (rc < 0)
        return rc;
    j->runs++;
    return j->rc;
}

/* AIO-GATHER-01 */
static int order_body(void *arg)
{
    struct job j[3] = {{3, 30, 0}, {1, 10, 0}, {2, 20, 0}};
    struct proa_call calls[3] = {{run_job, &j[0]}, {run_job, &j[1]}, {run_job, &j[2]}};
    int64_t began = proa_now();
    int rcs[3];

    (void)arg;
    ck_ok(proa_gather(calls, 3, rcs, NULL));
    ck_assert_int_eq(proa_now() - began, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(rcs[i], j[i].rc);
    ck_ok(PROA_GATHER({run_job, &j[0]}, {run_job, &j[1]}));
    ck_assert_int_eq(j[0].runs, 2);
    return 0;
}
START_TEST(codes_stand_in_the_order_of_the_calls)
{
    t_run(order_body, NULL);
}
END_TEST

/* AIO-GATHER-02, AIO-GATHER-05 */
static int few_body(void *arg)
{
    struct job j = {1, 7, 0};
    struct proa_call twice[2] = {{run_job, &j}, {run_job, &j}};
    int rcs[2];

    (void)arg;
    ck_ok(proa_gather(NULL, 0, NULL, NULL));
    ck_ok(proa_gather(twice, 1, NULL, NULL));
    ck_ok(proa_gather(twice, 2, rcs, NULL)); /* a call twice is two calls */
    ck_assert_int_eq(rcs[0], 7);
    ck_assert_int_eq(rcs[1], 7);
    ck_assert_int_eq(j.runs, 3);
    return 0;
}
START_TEST(no_call_and_one_call_and_the_same_call_twice)
{
    t_run(few_body, NULL);
}
END_TEST

/* Unlike asyncio: nobody runs on unowned. */
static int fail_fast_body(void *arg)
{
    struct job j[3] = {{1, 5, 0}, {2, PROA_EIO, 0}, {PROA_HOUR, 0, 0}};
    struct proa_call calls[3] = {{run_job, &j[0]}, {run_job, &j[1]}, {run_job, &j[2]}};
    int64_t began = proa_now();
    int rcs[3];

    (void)arg;
    ck_err(proa_gather(calls, 3, rcs, NULL), PROA_EIO);
    ck_assert_int_eq(proa_now() - began, 2);
    ck_assert_int_eq(rcs[0], 5);
    ck_assert_int_eq(rcs[1], PROA_EIO);
    ck_assert_int_eq(rcs[2], PROA_ECANCELED);
    ck_err(PROA_GATHER({run_job, &j[1]}, {run_job, &j[2]}), PROA_EIO);
    return proa_yield();
}
START_TEST(first_failure_cancels_the_others_and_waits_for_them)
{
    t_run(fail_fast_body, NULL);
}
END_TEST

static int collect_body(void *arg)
{
    struct job j[3] = {{1, PROA_EIO, 0}, {2, PROA_EPIPE, 0}, {3, 6, 0}};
    struct proa_call calls[3] = {{run_job, &j[0]}, {run_job, &j[1]}, {run_job, &j[2]}};
    int rcs[3];

    (void)arg;
    ck_ok(proa_gather(calls, 3, rcs, PROA_GATHER_OPTS(.collect = true)));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(rcs[i], j[i].rc);
    ck_ok(proa_gather(calls, 3, NULL, PROA_GATHER_OPTS(.collect = true)));
    return 0;
}
START_TEST(collect_lets_all_run_to_their_end)
{
    t_run(collect_body, NULL);
}
END_TEST

/* AIO-GATHER-08, with and without collect */
static int cancelled_body(void *arg)
{
    bool collect = *(bool *)arg;
    struct job j[2] = {{1, 5, 0}, {PROA_HOUR, 0, 0}};
    struct proa_call calls[2] = {{run_job, &j[0]}, {run_job, &j[1]}};
    int rcs[2];

    PROA_TIMEOUT(t, PROA_SEC);
    int rc = proa_gather(calls, 2, rcs, PROA_GATHER_OPTS(.collect = collect));
    ck_assert_int_eq(rc, PROA_ECANCELED);
    ck_err(proa_timeout_result(&t, rc), PROA_ETIMEDOUT);
    ck_assert_int_eq(rcs[0], 5);
    ck_assert_int_eq(rcs[1], PROA_ECANCELED);
    return 0;
}
START_TEST(cancelled_gather_cancels_and_waits_and_keeps_what_was_done)
{
    t_run(cancelled_body, &(bool){false});
    t_run(cancelled_body, &(bool){true});
}
END_TEST

static int at_once_body(void *arg)
{
    struct job j = {1, 5, 0};
    struct proa_call call = {run_job, &j};
    struct {
        struct proa_gather_opts opts;
        int more;
    } newer = {.opts = {.size = sizeof newer}, .more = 1};
    int rcs[1] = {99};

    (void)arg;
    ck_err(proa_gather(&call, 1, rcs, &newer.opts), PROA_E2BIG);
    ck_assert_int_eq(rcs[0], PROA_ECANCELED);
    rcs[0] = 99;
    ck_err(PROA_WITHIN(0, proa_gather(&call, 1, rcs, NULL)), PROA_ETIMEDOUT);
    ck_assert_int_eq(rcs[0], PROA_ECANCELED);
    ck_assert_int_eq(j.runs, 0);
    return 0;
}
START_TEST(gather_that_cannot_begin_starts_nothing)
{
    t_run(at_once_body, NULL);
}
END_TEST

static int limit_body(void *arg)
{
    struct job j[4] = {{1, 0, 0}, {1, 0, 0}, {1, 0, 0}, {1, 0, 0}};
    struct proa_call calls[4];
    int64_t began = proa_now();

    (void)arg;
    for (int i = 0; i < 4; i++)
        calls[i] = (struct proa_call){run_job, &j[i]};
    ck_ok(proa_gather(calls, 4, NULL, PROA_GATHER_OPTS(.limit = 2)));
    ck_assert_int_eq(proa_now() - began, 2);

    int rcs[4];
    j[0].rc = PROA_EIO;
    ck_err(proa_gather(calls, 4, rcs, PROA_GATHER_OPTS(.limit = 1)), PROA_EIO);
    ck_assert_int_eq(rcs[0], PROA_EIO);
    for (int i = 1; i < 4; i++)
        ck_assert_int_eq(rcs[i], PROA_ECANCELED); /* the second waited, the rest never came up */
    return 0;
}
START_TEST(limit_bounds_the_calls_at_once)
{
    t_run(limit_body, NULL);
}
END_TEST

static int count_calls(void *n)
{
    ++*(int *)n;
    return 0;
}

static int fail_at_once(void *arg)
{
    (void)arg;
    return PROA_EIO;
}

/* 128 are created, then they run: the 129th is not created once the first has failed. */
static int batch_body(void *arg)
{
    enum { N = 300 };
    static struct proa_call calls[N];
    static int rcs[N];
    int ran = 0;

    (void)arg;
    for (int i = 0; i < N; i++)
        calls[i] = (struct proa_call){count_calls, &ran};
    ck_ok(proa_gather(calls, N, rcs, NULL));
    ck_assert_int_eq(ran, N);
    calls[0].fn = fail_at_once;
    ran = 0;
    ck_err(proa_gather(calls, N, rcs, NULL), PROA_EIO);
    ck_assert_int_eq(ran, 127);
    ck_assert_int_eq(rcs[127], 0);
    ck_assert_int_eq(rcs[128], PROA_ECANCELED);
    ck_assert_int_eq(rcs[N - 1], PROA_ECANCELED);
    return 0;
}
START_TEST(calls_of_a_later_batch_do_not_begin_after_a_failure)
{
    t_run_in_order(batch_body, NULL);
}
END_TEST

/* The one that could not be created says so; those before it are cancelled, those after never ran.
 */
static int no_memory_body(void *arg)
{
    enum { N = 200 };
    static struct proa_call calls[N];
    static int rcs[N];
    struct job j = {PROA_HOUR, 0, 0};
    int failed = 0;

    (void)arg;
    for (int i = 0; i < N; i++)
        calls[i] = (struct proa_call){run_job, &j};
    t_alloc_fail(1);
    ck_err(proa_gather(calls, N, rcs, NULL), PROA_ENOMEM);
    t_alloc_fail(0);
    for (int i = 0; i < N; i++) {
        failed += rcs[i] == PROA_ENOMEM;
        ck_assert(rcs[i] == PROA_ENOMEM || rcs[i] == PROA_ECANCELED);
    }
    ck_assert_int_eq(failed, 1);
    return 0;
}
START_TEST(call_that_could_not_be_started_says_so)
{
    t_run(no_memory_body, NULL);
}
END_TEST

/* With collect those before it run to their end. */
static int collect_without_memory_body(void *arg)
{
    enum { N = 200 };
    static struct proa_call calls[N];
    static int rcs[N];
    struct job j = {PROA_HOUR, 5, 0};
    int began = 0;

    (void)arg;
    for (int i = 0; i < N; i++)
        calls[i] = (struct proa_call){run_job, &j};
    t_alloc_fail(1);
    ck_err(proa_gather(calls, N, rcs, PROA_GATHER_OPTS(.collect = true)), PROA_ENOMEM);
    t_alloc_fail(0);
    while (began < N && rcs[began] == 5)
        began++;
    ck_assert_int_gt(began, 0);
    ck_assert_int_eq(j.runs, began);
    ck_assert_int_eq(rcs[began], PROA_ENOMEM);
    for (int i = began + 1; i < N; i++)
        ck_assert_int_eq(rcs[i], PROA_ECANCELED);
    return 0;
}
START_TEST(collect_cancels_nobody_when_a_call_could_not_be_started)
{
    t_run(collect_without_memory_body, NULL);
}
END_TEST

static int three_jobs(void *arg)
{
    struct job j[3] = {{1, 0, 0}, {2, 0, 0}, {3, 0, 0}};
    struct proa_call calls[3] = {{run_job, &j[0]}, {run_job, &j[1]}, {run_job, &j[2]}};
    int rcs[3] = {99, 99, 99};
    int rc = proa_gather(calls, 3, rcs, PROA_GATHER_OPTS(.collect = *(bool *)arg));

    for (int i = 0; i < 3; i++)
        ck_assert(rcs[i] == 0 || rcs[i] == PROA_ECANCELED || rcs[i] == PROA_ENOMEM);
    return rc;
}
START_TEST(cancel_at_each_point_and_each_failed_allocation_fill_all_codes)
{
    t_each_park(three_jobs, &(bool){false});
    t_each_park(three_jobs, &(bool){true});
    t_run_each_alloc(three_jobs, &(bool){false});
}
END_TEST

int main(void)
{
    return t_main("gather", (const TTest *const[]){
                                codes_stand_in_the_order_of_the_calls,
                                no_call_and_one_call_and_the_same_call_twice,
                                first_failure_cancels_the_others_and_waits_for_them,
                                collect_lets_all_run_to_their_end,
                                cancelled_gather_cancels_and_waits_and_keeps_what_was_done,
                                gather_that_cannot_begin_starts_nothing,
                                limit_bounds_the_calls_at_once,
                                calls_of_a_later_batch_do_not_begin_after_a_failure,
                                call_that_could_not_be_started_says_so,
                                collect_cancels_nobody_when_a_call_could_not_be_started,
                                cancel_at_each_point_and_each_failed_allocation_fill_all_codes,
                                NULL,
                            });
}
