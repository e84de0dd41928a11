#include "base/fail.h"
#include "support/t_run.h"

#include <proa/fault.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/service.h>
#include <proa/sync.h>
#include <proa/time.h>

#include <string.h>

#define MOST 16

/* What a service does at each attempt, and what was seen of it. */
struct work {
    int64_t lasts[MOST];
    int rcs[MOST]; /* the last one again and again */
    int64_t at[64];
    size_t n; /* attempts */
    size_t faults;
    char task[32];
};

static int work(void *arg)
{
    struct work *w = arg;
    size_t i = w->n < MOST ? w->n : MOST - 1;
    int rc;

    w->at[w->n++] = proa_now();
    rc = proa_sleep(w->lasts[i]);
    if (rc < 0)
        return rc;
    return w->rcs[i] < 0 ? proa__fail(w->rcs[i], "attempt %zu sank", w->n) : w->rcs[i];
}

static int note_fault(const struct proa_fault *fault, void *arg)
{
    struct work *w = arg;

    w->faults++;
    strncpy(w->task, fault->task, sizeof w->task - 1);
    return 0;
}

static void always_fail(struct work *w)
{
    *w = (struct work){.n = 0};
    for (int i = 0; i < MOST; i++)
        w->rcs[i] = PROA_EPIPE;
    proa_fault_set(note_fault, w);
}

static int until_success_body(void *arg)
{
    struct work w;

    (void)arg;
    always_fail(&w);
    w.rcs[3] = 42;
    ck_assert_int_eq(proa_keep_running(work, &w, PROA_KEEP_RUNNING_OPTS(.name = "pump")), 42);
    ck_assert_uint_eq(w.n, 4);
    ck_assert_uint_eq(w.faults, 3);
    ck_assert_str_eq(w.task, "pump");
    ck_assert_int_eq(w.at[1] - w.at[0], 100 * PROA_MS);
    ck_assert_int_eq(w.at[2] - w.at[1], 200 * PROA_MS);
    ck_assert_int_eq(w.at[3] - w.at[2], 400 * PROA_MS);
    return 0;
}
START_TEST(a_service_that_fails_is_started_again_after_growing_delays)
{
    t_run_modes(until_success_body, NULL);
}
END_TEST

static int limit_body(void *arg)
{
    struct work w;

    (void)arg;
    always_fail(&w);
    ck_err(proa_keep_running(work, &w, NULL), PROA_EPIPE);
    ck_assert_uint_eq(w.n, 11);
    ck_assert_uint_eq(w.faults, 10); /* the last one is the caller's */
    ck_assert_str_eq(proa_err_detail(PROA_EPIPE),
                     "failed although started again 10 times: attempt 11 sank");
    always_fail(&w);
    w.rcs[2] = 0;
    ck_ok(proa_keep_running(work, &w, PROA_KEEP_RUNNING_OPTS(.limit = 2)));
    always_fail(&w);
    w.rcs[2] = 0;
    ck_err(proa_keep_running(work, &w, PROA_KEEP_RUNNING_OPTS(.limit = 1)), PROA_EPIPE);
    ck_assert_uint_eq(w.n, 2);
    return 0;
}
START_TEST(too_many_restarts_in_a_row_are_the_end)
{
    t_run(limit_body, NULL);
}
END_TEST

static int delay_max_body(void *arg)
{
    struct work w;

    (void)arg;
    always_fail(&w);
    ck_err(proa_keep_running(work, &w,
                             PROA_KEEP_RUNNING_OPTS(.limit = 4, .delay = 10, .delay_max = 35)),
           PROA_EPIPE);
    ck_assert_int_eq(w.at[1] - w.at[0], 10);
    ck_assert_int_eq(w.at[2] - w.at[1], 20);
    ck_assert_int_eq(w.at[3] - w.at[2], 35);
    ck_assert_int_eq(w.at[4] - w.at[3], 35);
    always_fail(&w);
    ck_err(proa_keep_running(work, &w,
                             PROA_KEEP_RUNNING_OPTS(.limit = 1, .delay = 10, .delay_max = 5)),
           PROA_EPIPE);
    ck_assert_int_eq(w.at[1] - w.at[0], 5);
    return 0;
}
START_TEST(delays_grow_no_further_than_asked)
{
    t_run(delay_max_body, NULL);
}
END_TEST

/* An attempt of exactly the time begins the row anew, a shorter one does not. */
static int settled_body(void *arg)
{
    const struct proa_keep_running_opts o = {
        .size = sizeof o, .limit = 2, .delay = 1, .settled = PROA_SEC};
    struct work w;

    (void)arg;
    always_fail(&w);
    w.lasts[1] = PROA_SEC;
    ck_err(proa_keep_running(work, &w, &o), PROA_EPIPE);
    ck_assert_uint_eq(w.n, 4);
    ck_assert_int_eq(w.at[2] - w.at[1], PROA_SEC + 1);
    always_fail(&w);
    w.lasts[1] = PROA_SEC - 1;
    ck_err(proa_keep_running(work, &w, &o), PROA_EPIPE);
    ck_assert_uint_eq(w.n, 3);
    return 0;
}
START_TEST(who_has_settled_begins_the_row_anew)
{
    t_run(settled_body, NULL);
}
END_TEST

static int always_body(void *arg)
{
    struct work w;

    (void)arg;
    always_fail(&w);
    w.rcs[0] = w.rcs[1] = 7;
    w.rcs[2] = 5;
    ck_assert_int_eq(
        proa_keep_running(work, &w, PROA_KEEP_RUNNING_OPTS(.always = true, .limit = 2)), 5);
    ck_assert_uint_eq(w.n, 3);
    ck_assert_uint_eq(w.faults, 0);
    return 0;
}
START_TEST(a_service_that_should_not_end_is_started_again_after_a_success)
{
    t_run(always_body, NULL);
}
END_TEST

static int keep(void *arg)
{
    return proa_keep_running(work, arg, PROA_KEEP_RUNNING_OPTS(.limit = PROA_UNLIMITED));
}

static int cancelled_body(void *arg)
{
    struct work w;
    size_t n;
    PROA_GROUP(g);

    (void)arg;
    always_fail(&w);
    ck_ok(proa_create_task(&g, keep, &w));
    ck_ok(proa_sleep(10 * PROA_SEC));
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    n = w.n;
    ck_assert_uint_gt(n, 5);
    ck_ok(proa_sleep(60 * PROA_SEC));
    ck_assert_uint_eq(w.n, n);
    return 0;
}
/* Its end by a cancel is no failure to be told. */
static int cancelled_at_work_body(void *arg)
{
    struct work w;
    PROA_GROUP(g);

    (void)arg;
    always_fail(&w);
    w.lasts[2] = PROA_FOREVER;
    ck_ok(proa_create_task(&g, keep, &w));
    ck_ok(proa_sleep(10 * PROA_SEC));
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    ck_assert_uint_eq(w.n, 3);
    ck_assert_uint_eq(w.faults, 2);
    return 0;
}
START_TEST(a_cancelled_service_is_not_started_again)
{
    t_run_modes(cancelled_body, NULL);
    t_run_modes(cancelled_at_work_body, NULL);
}
END_TEST

static struct proa_lock *lock;
static int locked;

static int forget_lock(void *arg)
{
    (void)arg;
    locked = proa_lock_acquire(lock);
    return locked < 0 ? locked : PROA_EPIPE;
}

/* What an attempt forgets ends with it. */
static int own_task_body(void *arg)
{
    (void)arg;
    ck_ok(proa_lock_new(&lock));
    ck_err(proa_keep_running(forget_lock, NULL, PROA_KEEP_RUNNING_OPTS(.limit = 1)),
           PROA_EOWNERDEAD);
    ck_err(proa_lock_acquire(lock), PROA_EOWNERDEAD);
    proa_lock_free(lock);
    return 0;
}
START_TEST(each_attempt_is_a_task_of_its_own)
{
    t_run(own_task_body, NULL);
}
END_TEST

static int refused_body(void *arg)
{
    struct work w;

    (void)arg;
    always_fail(&w);
    ck_err(proa_keep_running(work, &w, PROA_KEEP_RUNNING_OPTS(.delay = -1)), PROA_EINVAL);
    ck_err(proa_keep_running(work, &w, PROA_KEEP_RUNNING_OPTS(.delay_max = INT64_MIN)),
           PROA_EINVAL);
    ck_err(proa_keep_running(work, &w, PROA_KEEP_RUNNING_OPTS(.settled = -1)), PROA_EINVAL);
    ck_err(proa_keep_running(work, &w, PROA_KEEP_RUNNING_OPTS(.stack_size = 1)), PROA_EINVAL);
    ck_err(proa_keep_running(work, &w, &(struct proa_keep_running_opts){.limit = 1}), PROA_EINVAL);
    ck_assert_uint_eq(w.n, 0);
    return 0;
}
START_TEST(what_cannot_be_runs_nothing)
{
    t_run(refused_body, NULL);
}
END_TEST

static int any_body(void *arg)
{
    struct work w = {.rcs = {PROA_EPIPE, 0}, .lasts = {PROA_MS, PROA_MS}};

    (void)arg;
    proa_fault_set(note_fault, &w);
    return proa_keep_running(work, &w, PROA_KEEP_RUNNING_OPTS(.name = "pump", .limit = 2));
}
START_TEST(a_service_stands_cancels_and_lack_of_memory)
{
    t_each_park(any_body, NULL);
    t_run_each_alloc(any_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("service", (const TTest *const[]){
                                 a_service_that_fails_is_started_again_after_growing_delays,
                                 too_many_restarts_in_a_row_are_the_end,
                                 delays_grow_no_further_than_asked,
                                 who_has_settled_begins_the_row_anew,
                                 a_service_that_should_not_end_is_started_again_after_a_success,
                                 a_cancelled_service_is_not_started_again,
                                 each_attempt_is_a_task_of_its_own,
                                 what_cannot_be_runs_nothing,
                                 a_service_stands_cancels_and_lack_of_memory,
                                 NULL,
                             });
}
