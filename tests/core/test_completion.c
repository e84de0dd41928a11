#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>
#include <proa/wait.h>

struct job {
    int64_t ns;
    int rc;
};

static int run_job(void *arg)
{
    struct job *j = arg;
    int rc = proa_sleep(j->ns);

    return rc < 0 ? rc : j->rc;
}

/* One group, some tasks with a reference each. */
enum { MOST = 20 };

static void create(struct proa_group *g, struct proa_task_ref *refs, struct job *jobs, int n)
{
    for (int i = 0; i < n; i++)
        ck_ok(proa_create_task_opts(g, &refs[i], run_job, &jobs[i], NULL));
}

/* ---- wait */

static int exception_body(void *arg)
{
    struct job j[4] = {{1, 7}, {PROA_HOUR, 0}, {3, PROA_EIO}, {PROA_MIN, 0}};
    struct proa_task_ref refs[4];
    int64_t began = proa_now();
    bool done[4];

    (void)arg;
    PROA_GROUP(g, .kind = PROA_GROUP_SUPERVISE);
    create(&g, refs, j, 4);
    ck_ok(proa_task_cancel(refs[1])); /* is no failure */
    ck_assert_int_eq(proa_wait(refs, 4, done, PROA_FIRST_EXCEPTION, PROA_FOREVER), 3);
    ck_assert_int_eq(proa_now() - began, 3);
    ck_assert(done[0] && done[1] && done[2] && !done[3]);
    ck_assert_int_eq(proa_wait(refs, 4, NULL, PROA_FIRST_EXCEPTION, PROA_FOREVER), 3); /* at once */
    ck_assert_int_eq(proa_now() - began, 3);
    ck_assert_int_eq(proa_wait(refs, 2, done, PROA_FIRST_EXCEPTION, PROA_FOREVER), 2);
    ck_assert_int_eq(proa_wait(&refs[3], 1, done, PROA_FIRST_EXCEPTION, PROA_FOREVER), 1);
    ck_assert_int_eq(proa_now() - began, PROA_MIN); /* nobody failed: all have ended */
    ck_err(proa_group_join(&g), PROA_EIO);
    return 0;
}
START_TEST(first_exception_waits_for_a_failure_or_for_all)
{
    t_run_modes(exception_body, NULL);
}
END_TEST

static int turn_body(void *arg)
{
    struct job j[2] = {{0, 0}, {PROA_HOUR, 0}};
    struct proa_task_ref refs[2];
    int64_t began = proa_now();
    bool done[2];

    (void)arg;
    PROA_GROUP(g);
    create(&g, refs, j, 2);
    ck_assert_int_eq(proa_wait(refs, 2, done, PROA_ALL_COMPLETED, 0), 0);
    ck_assert_int_eq(proa_wait(refs, 2, done, PROA_ALL_COMPLETED, -PROA_SEC), 1); /* two turns */
    ck_assert(done[0] && !done[1]);
    ck_assert_int_eq(proa_now(), began);
    proa_group_cancel(&g);
    ck_err(proa_wait(refs, 2, done, PROA_FIRST_COMPLETED, 1), PROA_ECANCELED);
    return proa_group_join(&g);
}
START_TEST(no_time_to_wait_is_one_turn)
{
    t_run_in_order(turn_body, NULL);
}
END_TEST

static int invalid_body(void *arg)
{
    struct job j = {1, 0};
    struct proa_task_ref ref;
    bool done = false;
    int64_t last = PROA_FOREVER - 1 - proa_now(); /* the latest that can be told */

    (void)arg;
    PROA_GROUP(g);
    create(&g, &ref, &j, 1);
    ck_err(proa_wait(&ref, 0, &done, PROA_ALL_COMPLETED, 1), PROA_EINVAL);
    ck_err(proa_wait(&ref, (size_t)INT32_MAX + 1, &done, PROA_ALL_COMPLETED, 1), PROA_EINVAL);
    ck_err(proa_wait(&ref, 1, &done, PROA_FIRST_EXCEPTION + 1, 1), PROA_EINVAL);
    ck_err(proa_wait(&ref, 1, &done, PROA_ALL_COMPLETED - 1, 1), PROA_EINVAL);
    ck_err(proa_wait(&ref, 1, &done, PROA_ALL_COMPLETED, INT64_MIN), PROA_EINVAL);
    ck_err(proa_wait(&ref, 1, &done, PROA_ALL_COMPLETED, last + 1), PROA_EINVAL);
    ck_assert(!done);
    ck_assert_int_eq(proa_wait(&ref, 1, &done, PROA_ALL_COMPLETED, last), 1);
    ck_assert(done);
    return proa_group_join(&g);
}
START_TEST(wait_refuses_what_makes_no_sense)
{
    t_run_modes(invalid_body, NULL);
}
END_TEST

static int stale_body(void *arg)
{
    struct job j = {1, 0};
    struct proa_task_ref refs[2] = {{NULL, 0}, {NULL, 0}};
    bool done[2];

    (void)arg;
    {
        PROA_GROUP(g);
        create(&g, refs, &j, 1);
        ck_ok(proa_group_join(&g));
    }
    ck_assert_int_eq(proa_wait(refs, 2, done, PROA_ALL_COMPLETED, PROA_FOREVER), 2);
    ck_assert(done[0] && done[1]);
    PROA_AUTO(proa_as_completed) *row = NULL;
    ck_ok(proa_as_completed_new(&row, refs, 2));
    ck_assert_int_eq(proa_as_completed_next(row, &refs[0]), 1);
    ck_err(proa_task_join(refs[0]), PROA_ESTALE);
    return 0;
}
START_TEST(stale_reference_is_of_a_task_that_has_ended)
{
    t_run_modes(stale_body, NULL);
}
END_TEST

static int memory_body(void *arg)
{
    struct job j[MOST];
    struct proa_task_ref refs[MOST];

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < MOST; i++)
        j[i] = (struct job){PROA_HOUR, 0};
    create(&g, refs, j, MOST);
    t_alloc_fail(1);
    ck_assert_int_eq(proa_wait(refs, 8, NULL, PROA_ALL_COMPLETED, PROA_SEC), 0);
    ck_assert(!t_alloc_failed()); /* eight are watched without memory */
    ck_err(proa_wait(refs, 9, NULL, PROA_ALL_COMPLETED, PROA_SEC), PROA_ENOMEM);
    ck_assert_int_eq(proa_wait(refs, MOST, NULL, PROA_ALL_COMPLETED, PROA_SEC), 0);
    ck_assert_int_eq(proa_wait(refs, MOST, NULL, PROA_ALL_COMPLETED, 2 * PROA_HOUR), MOST);
    return proa_group_join(&g);
}
START_TEST(more_than_eight_tasks_need_memory)
{
    t_run(memory_body, NULL);
}
END_TEST

static int wait_for_myself(void *arg)
{
    struct proa_task_ref here = proa_current_task();

    (void)arg;
    return proa_wait(&here, 1, NULL, PROA_FIRST_COMPLETED, 1);
}

static int row_of_myself(void *arg)
{
    struct proa_task_ref here = proa_current_task();
    PROA_AUTO(proa_as_completed) *row = NULL;

    (void)arg;
    ck_ok(proa_as_completed_new(&row, &here, 1));
    return proa_as_completed_next(row, &here);
}

static int next_of_row(void *row)
{
    struct proa_task_ref ref;

    return proa_as_completed_next(row, &ref);
}

static int free_waited_row(void *arg)
{
    struct job j = {PROA_HOUR, 0};
    struct proa_task_ref ref;
    struct proa_as_completed *row = NULL;

    (void)arg;
    PROA_GROUP(g);
    create(&g, &ref, &j, 1);
    ck_ok(proa_as_completed_new(&row, &ref, 1));
    ck_ok(proa_create_task_opts(&g, NULL, next_of_row, row, PROA_TASK_OPTS(.name = "consumer")));
    ck_ok(proa_yield());
    proa_as_completed_free(row);
    return 0;
}
START_TEST(misuse_of_waiting_aborts)
{
    t_run_aborts(wait_for_myself, NULL, "proa_wait: task main waits for its own end");
    t_run_aborts(row_of_myself, NULL, "proa_as_completed_next: task main waits for its own end");
    t_run_aborts(free_waited_row, NULL,
                 "proa_as_completed_free: task consumer still waits for the next one of the row");
}
END_TEST

/* ---- as_completed */

static int early_free_body(void *arg)
{
    struct job j[3] = {{1, 0}, {2, 0}, {3, 0}};
    struct proa_task_ref refs[3];
    struct proa_as_completed *row = NULL;

    (void)arg;
    PROA_GROUP(g);
    create(&g, refs, j, 3);
    ck_ok(proa_as_completed_new(&row, refs, 3));
    ck_assert_int_eq(proa_as_completed_next(row, &refs[0]), 1);
    ck_ok(proa_sleep(1)); /* one runs, one has ended and was not given */
    proa_as_completed_free(row);
    proa_as_completed_free(NULL);
    return proa_group_join(&g);
}
START_TEST(row_can_be_freed_before_its_end)
{
    t_run_modes(early_free_body, NULL);
}
END_TEST

static int kept_body(void *arg)
{
    struct job j[3] = {{2, 20}, {1, 10}, {3, 30}};
    static const int order[3] = {1, 0, 2};
    PROA_AUTO(proa_as_completed) *row = NULL;
    struct proa_task_ref refs[3], got;

    (void)arg;
    PROA_GROUP(g);
    create(&g, refs, j, 3);
    ck_ok(proa_as_completed_new(&row, refs, 3));
    ck_ok(proa_sleep(PROA_SEC)); /* all end while nobody waits */
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(proa_as_completed_next(row, &got), 1);
        ck_assert_ptr_eq(got.task, refs[order[i]].task);
    }
    ck_assert_int_eq(proa_as_completed_next(row, &got), 0);
    return proa_group_join(&g);
}
START_TEST(row_keeps_those_that_end_while_nobody_waits)
{
    t_run_modes(kept_body, NULL);
}
END_TEST

static int cancelled_body(void *arg)
{
    struct job j = {1, 5};
    PROA_AUTO(proa_as_completed) *row = NULL;
    struct proa_task_ref ref, got;

    (void)arg;
    PROA_GROUP(g);
    create(&g, &ref, &j, 1);
    ck_ok(proa_as_completed_new(&row, &ref, 1));
    ck_ok(proa_sleep(PROA_SEC)); /* it could be given at once */
    {
        PROA_SCOPE(s);
        proa_scope_cancel(&s);
        ck_err(proa_as_completed_next(row, &got), PROA_ECANCELED);
        ck_err(proa_group_next(&g, &got), PROA_ECANCELED);
        ck_err(proa_wait(&ref, 1, NULL, PROA_ALL_COMPLETED, PROA_FOREVER), PROA_ECANCELED);
    }
    ck_assert_int_eq(proa_as_completed_next(row, &got), 1);
    ck_assert_int_eq(proa_group_next(&g, &got), 1);
    return proa_group_join(&g);
}
START_TEST(in_a_cancelled_scope_nobody_is_given)
{
    t_run_modes(cancelled_body, NULL);
}
END_TEST

/* Rows that are gone are told of no end: their memory is another row's by then. */
static int gone_body(void *arg)
{
    struct job j[2] = {{1, 0}, {2, 0}};
    struct proa_as_completed *row = NULL;
    struct proa_task_ref refs[2], got;

    (void)arg;
    PROA_GROUP(g);
    create(&g, refs, j, 2);
    for (int i = 0; i < 4; i++) {
        proa_as_completed_free(row);
        ck_ok(proa_as_completed_new(&row, refs, 2));
    }
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(proa_as_completed_next(row, &got), 1);
    ck_assert_int_eq(proa_as_completed_next(row, &got), 0);
    proa_as_completed_free(row);
    return proa_group_join(&g);
}
START_TEST(row_that_was_freed_is_told_of_no_end)
{
    t_run_modes(gone_body, NULL);
}
END_TEST

/* A consumer is cancelled in the turn in which it was given a task: it keeps it. */
static int given_and_cancelled_body(void *arg)
{
    struct job j = {PROA_SEC, 5};
    struct proa_task_ref refs[2];
    struct proa_task_ref consumer;
    PROA_AUTO(proa_as_completed) *row = NULL;

    (void)arg;
    PROA_GROUP(g);
    create(&g, refs, &j, 1);
    ck_ok(proa_as_completed_new(&row, refs, 1));
    ck_ok(proa_create_task_opts(&g, &consumer, next_of_row, row, NULL));
    while (!proa_task_is_done(refs[0]))
        ck_ok(proa_now() < 2 * PROA_SEC ? proa_sleep_until(2 * PROA_SEC) : proa_yield());
    ck_ok(proa_task_cancel(consumer));
    ck_assert_int_eq(proa_task_join(consumer), 1);
    ck_assert_int_eq(proa_as_completed_next(row, &refs[0]), 0);
    return proa_group_join(&g);
}
START_TEST(task_that_was_given_is_not_lost_by_a_cancel)
{
    t_run_modes(given_and_cancelled_body, NULL);
}
END_TEST

/*
 * Two wait for one task. Who gets none frees the row, before or after the other one has run, and
 * makes another one, in the same memory as a rule.
 */
struct taker {
    struct proa_as_completed **row;
    struct proa_task_ref got;
    bool freed;
};

static int take_or_free(void *arg)
{
    struct taker *t = arg;
    int rc = proa_as_completed_next(*t->row, &t->got);

    if (rc != 0)
        return rc;
    proa_as_completed_free(*t->row);
    t->freed = true;
    return proa_as_completed_new(t->row, &t->got, 1);
}

static int freed_by_the_other_body(void *arg)
{
    struct job j = {PROA_SEC, 5};
    struct proa_task_ref ref;
    PROA_AUTO(proa_as_completed) *row = NULL;
    struct taker takers[2] = {{.row = &row}, {.row = &row}};
    int n = 0;

    (void)arg;
    PROA_GROUP(g);
    create(&g, &ref, &j, 1);
    ck_ok(proa_as_completed_new(&row, &ref, 1));
    for (int i = 0; i < 2; i++)
        ck_ok(proa_create_task(&g, take_or_free, &takers[i]));
    ck_ok(proa_sleep(2 * PROA_SEC));
    ck_assert(takers[0].freed != takers[1].freed);
    for (int i = 0; i < 2; i++)
        n += takers[i].got.task == ref.task && takers[i].got.seq == ref.seq;
    ck_assert_int_eq(n, 1);
    return proa_group_join(&g);
}
START_TEST(row_may_be_freed_before_a_taker_that_was_given_a_task_runs)
{
    t_run_modes(freed_by_the_other_body, NULL);
}
END_TEST

static int create_some(struct proa_group *g, struct proa_task_ref *refs, struct job *jobs, int n)
{
    int rc = 0;

    for (int i = 0; i < n && rc >= 0; i++)
        rc = proa_create_task_opts(g, &refs[i], run_job, &jobs[i], NULL);
    return rc;
}

static int wait_for_them(void *arg)
{
    struct job j[MOST];
    struct proa_task_ref refs[MOST];
    int n = *(int *)arg;

    for (int i = 0; i < n; i++)
        j[i] = (struct job){1 + i % 3, i};
    PROA_GROUP(g);
    int rc = create_some(&g, refs, j, n);
    if (rc >= 0)
        rc = proa_wait(refs, (size_t)n, NULL, PROA_FIRST_COMPLETED, PROA_SEC);
    if (rc >= 0)
        rc = proa_wait(refs, (size_t)n, NULL, PROA_ALL_COMPLETED, PROA_SEC);
    int joined = proa_group_join(&g);
    return rc < 0 ? rc : joined;
}

static int row_of_them(void *arg)
{
    struct job j[MOST];
    struct proa_task_ref refs[MOST];
    PROA_AUTO(proa_as_completed) *row = NULL;
    int n = *(int *)arg;

    for (int i = 0; i < n; i++)
        j[i] = (struct job){1 + i % 3, i};
    PROA_GROUP(g);
    int rc = create_some(&g, refs, j, n);
    if (rc >= 0)
        rc = proa_as_completed_new(&row, refs, (size_t)n);
    while (rc >= 0 && (rc = proa_as_completed_next(row, &refs[0])) > 0)
        ;
    int joined = proa_group_join(&g);
    return rc < 0 ? rc : joined;
}
START_TEST(cancel_at_each_point_and_each_failed_allocation_leave_nothing)
{
    int few = 3;
    int many = MOST;

    t_each_park(wait_for_them, &few);
    t_each_park(wait_for_them, &many);
    t_each_park(row_of_them, &few);
    t_run_each_alloc(wait_for_them, &many);
    t_run_each_alloc(row_of_them, &few);
}
END_TEST

int main(void)
{
    return t_main("completion", (const TTest *const[]){
                                    first_exception_waits_for_a_failure_or_for_all,
                                    no_time_to_wait_is_one_turn,
                                    wait_refuses_what_makes_no_sense,
                                    stale_reference_is_of_a_task_that_has_ended,
                                    more_than_eight_tasks_need_memory,
                                    misuse_of_waiting_aborts,
                                    row_can_be_freed_before_its_end,
                                    row_keeps_those_that_end_while_nobody_waits,
                                    in_a_cancelled_scope_nobody_is_given,
                                    row_that_was_freed_is_told_of_no_end,
                                    task_that_was_given_is_not_lost_by_a_cancel,
                                    row_may_be_freed_before_a_taker_that_was_given_a_task_runs,
                                    cancel_at_each_point_and_each_failed_allocation_leave_nothing,
                                    NULL,
                                });
}
