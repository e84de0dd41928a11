#include "jobs.h"
#include "support/t_run.h"
#include "support/test.h"

#include <proa/err.h>
#include <proa/group.h>
#include <proa/log.h>
#include <proa/scope.h>
#include <proa/task.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int note_ran(void *arg)
{
    *(bool *)arg = true;
    return 0;
}

static char logged[4][200];
static int n_logged;

static void keep_log(enum proa_log_level level, const char *text, void *arg)
{
    (void)arg;
    if (level == PROA_LOG_WARNING && n_logged < 4)
        snprintf(logged[n_logged++], sizeof logged[0], "%s", text);
}

static int shut_down_idle(void *arg)
{
    PROA_AUTO(proa_thread_pool) *pool = NULL;

    (void)arg;
    proa_log_set(keep_log, NULL);
    ck_ok(proa_thread_pool_new(&pool, NULL));
    ck_err(proa_thread_pool_shutdown(pool, INT64_MIN), PROA_EINVAL);
    ck_ok(proa_to_thread(nothing, NULL, PROA_TO_THREAD_OPTS(.pool = pool)));
    ck_ok(proa_thread_pool_shutdown(pool, 0));
    ck_ok(proa_thread_pool_shutdown(pool, PROA_FOREVER));
    ck_assert_int_eq(n_logged, 0);
    return 0;
}
START_TEST(an_idle_pool_shuts_down_at_once)
{
    t_run(shut_down_idle, NULL);
}
END_TEST

static int after_shutdown(void *arg)
{
    PROA_AUTO(proa_thread_pool) *pool = NULL;
    bool ran = false;

    (void)arg;
    ck_ok(proa_thread_pool_new(&pool, NULL));
    ck_ok(proa_thread_pool_shutdown(pool, PROA_SEC));
    ck_err(proa_to_thread(note_ran, &ran, PROA_TO_THREAD_OPTS(.pool = pool)), PROA_ECLOSED);
    ck_ok(proa_to_thread(nothing, NULL, NULL)); /* the loop's own is another one */
    ck_ok(proa_thread_pool_shutdown(NULL, PROA_SEC));
    ck_err(proa_to_thread(note_ran, &ran, NULL), PROA_ECLOSED);
    ck_err(proa_to_thread(note_ran, &ran, PROA_TO_THREAD_OPTS(.abandon = true)), PROA_ECLOSED);
    ck_assert(!ran);
    return 0;
}
START_TEST(aio_thr_08_a_job_after_the_shutdown_is_refused)
{
    t_run(after_shutdown, NULL);
}
END_TEST

static int shut_down(void *pool)
{
    return proa_thread_pool_shutdown(pool, PROA_FOREVER);
}

/* One runs and one waits; two tasks wait for the end of both. */
static int drained(void *arg)
{
    PROA_AUTO(proa_thread_pool) *pool = NULL;
    bool ran = false;

    (void)arg;
    prepare();
    ck_ok(proa_thread_pool_new(&pool, PROA_THREAD_POOL_OPTS(.threads = 1)));
    struct bring first = {.pool = pool, .fn = hold};
    struct bring second = {.pool = pool, .fn = note_ran, .arg = &ran};
    PROA_GROUP(g);
    proa_create_task(&g, bring, &first);
    proa_create_task(&g, bring, &second);
    proa_yield();
    sem_wait(&begun);
    proa_create_task(&g, shut_down, pool);
    proa_create_task(&g, shut_down, pool);
    proa_yield();
    ck_err(proa_to_thread(nothing, NULL, PROA_TO_THREAD_OPTS(.pool = pool)), PROA_ECLOSED);
    sem_post(&go);
    ck_ok(proa_group_join(&g));
    ck_ok(first.rc);
    ck_ok(second.rc);
    ck_assert(ran);
    return 0;
}
START_TEST(a_shutdown_with_grace_does_what_waits)
{
    t_run_in_order(drained, NULL);
}
END_TEST

static int n_released;

static void release(void *arg)
{
    (void)arg;
    n_released++;
}

static int refused(void *arg)
{
    PROA_AUTO(proa_thread_pool) *pool = NULL;
    bool ran = false;
    int value = 7;

    proa_log_set(keep_log, NULL);
    prepare();
    ck_ok(proa_thread_pool_new(&pool, PROA_THREAD_POOL_OPTS(.threads = 1, .name = "disk")));
    struct bring first = {.pool = pool, .fn = hold, .arg = &value};
    struct bring second = {.pool = pool, .fn = note_ran, .arg = &ran};
    struct bring third = second;
    third.abandon = true;
    third.release = release;
    PROA_GROUP(g);
    proa_create_task(&g, bring, &first);
    proa_create_task(&g, bring, &second);
    proa_create_task(&g, bring, &third);
    proa_yield();
    sem_wait(&begun);
    ck_err(proa_thread_pool_shutdown(pool, *(int64_t *)arg), PROA_EBUSY);
    ck_assert_str_eq(proa_err_detail(PROA_EBUSY), "job a stuck one of pool disk still runs");
    ck_assert_int_eq(n_logged, 1);
    ck_assert_ptr_nonnull(strstr(logged[0], "job a stuck one in thread disk-1 has not ended"));
    while (second.rc == 1 || third.rc == 1)
        proa_yield();
    ck_err(second.rc, PROA_ECLOSED);
    ck_err(third.rc, PROA_ECLOSED);
    sem_post(&go);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(first.rc, 7);
    ck_assert(!ran);
    ck_assert_int_eq(n_released, 0); /* it did not return PROA_ECANCELED */
    return 0;
}
START_TEST(a_shutdown_without_grace_refuses_what_waits_and_names_what_runs)
{
    t_run_in_order(refused, &(int64_t){0});
}
END_TEST
START_TEST(when_the_grace_is_over_so_it_is_too)
{
    t_run_in_order(refused, &(int64_t){PROA_MS});
}
END_TEST

static int free_busy(void *arg)
{
    struct proa_thread_pool *pool = NULL;
    bool ran = false;
    int value = 7;

    (void)arg;
    proa_log_set(keep_log, NULL);
    prepare();
    ck_ok(proa_thread_pool_new(&pool, PROA_THREAD_POOL_OPTS(.threads = 1, .name = "disk")));
    struct bring first = {.pool = pool, .fn = hold, .arg = &value};
    struct bring second = {.pool = pool, .fn = note_ran, .arg = &ran};
    PROA_GROUP(g);
    proa_create_task(&g, bring, &first);
    proa_create_task(&g, bring, &second);
    proa_yield();
    sem_wait(&begun);
    proa_thread_pool_free(pool);
    ck_assert_int_eq(n_logged, 1);
    sem_post(&go);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(first.rc, 7);
    ck_err(second.rc, PROA_ECLOSED);
    ck_assert(!ran);
    return 0;
}

/* Detached threads free what they have when they end. */
static void wait_for_memory(void)
{
    while (t_alloc_bytes() > 0)
        sched_yield();
}

START_TEST(a_freed_pool_lets_its_jobs_end)
{
    ck_ok(proa_run(free_busy, NULL, NULL));
    wait_for_memory();
}
END_TEST

static int cancel_shutdown(void *arg)
{
    PROA_AUTO(proa_thread_pool) *pool = NULL;

    (void)arg;
    prepare();
    ck_ok(proa_thread_pool_new(&pool, PROA_THREAD_POOL_OPTS(.threads = 1)));
    struct bring first = {.pool = pool, .fn = hold};
    PROA_GROUP(g);
    proa_create_task(&g, bring, &first);
    proa_yield();
    sem_wait(&begun);
    {
        PROA_TIMEOUT(t, 0);
        ck_err(proa_timeout_result(&t, shut_down(pool)), PROA_ETIMEDOUT);
    }
    {
        PROA_TIMEOUT(t, PROA_MS);
        ck_err(proa_timeout_result(&t, shut_down(pool)), PROA_ETIMEDOUT);
    }
    ck_err(proa_to_thread(nothing, NULL, PROA_TO_THREAD_OPTS(.pool = pool)), PROA_ECLOSED);
    sem_post(&go);
    ck_ok(shut_down(pool));
    ck_ok(proa_group_join(&g));
    ck_ok(first.rc);
    return 0;
}
START_TEST(a_shutdown_may_be_cancelled_and_repeated)
{
    t_run_in_order(cancel_shutdown, NULL);
}
END_TEST

static int leave_stuck(void *arg)
{
    struct bring b = {.fn = hold, .arg = arg, .abandon = true, .release = free};
    PROA_GROUP(g);

    proa_log_set(keep_log, NULL);
    prepare();
    proa_create_task(&g, bring, &b);
    proa_yield();
    sem_wait(&begun);
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    ck_err(b.rc, PROA_ECANCELED);
    return 0;
}
START_TEST(aio_thr_06_a_stuck_thread_is_told_of_and_the_loop_ends)
{
    int *arg = calloc(1, sizeof *arg);

    ck_ok(proa_run(leave_stuck, arg, PROA_RUN_OPTS(.grace = PROA_MS)));
    ck_assert_int_eq(n_logged, 1);
    ck_assert_str_eq(logged[0],
                     "job a stuck one in thread proa-1 has not ended; its thread is left behind");
    sem_post(&go); /* it goes on all the same, and its argument is released */
    wait_for_memory();
}
END_TEST

/* ---- cancels and failures at each point */

static int whole_life(void *arg)
{
    PROA_AUTO(proa_thread_pool) *pool = NULL;
    int rc = proa_thread_pool_new(&pool, PROA_THREAD_POOL_OPTS(.threads = 1));

    (void)arg;
    if (rc == 0)
        rc = proa_to_thread(nothing, NULL, PROA_TO_THREAD_OPTS(.pool = pool));
    if (rc == 0)
        rc = proa_thread_pool_shutdown(pool, PROA_FOREVER);
    return rc;
}
START_TEST(each_wait_may_be_cancelled)
{
    t_each_park(whole_life, NULL);
}
END_TEST
START_TEST(each_allocation_may_fail)
{
    t_run_each_alloc(whole_life, NULL);
}
END_TEST

int main(void)
{
    return t_main(
        "thread_pool_end",
        (const TTest *const[]){an_idle_pool_shuts_down_at_once,
                               aio_thr_08_a_job_after_the_shutdown_is_refused,
                               a_shutdown_with_grace_does_what_waits,
                               a_shutdown_without_grace_refuses_what_waits_and_names_what_runs,
                               when_the_grace_is_over_so_it_is_too, a_freed_pool_lets_its_jobs_end,
                               a_shutdown_may_be_cancelled_and_repeated,
                               aio_thr_06_a_stuck_thread_is_told_of_and_the_loop_ends,
                               each_wait_may_be_cancelled, each_allocation_may_fail, NULL});
}
