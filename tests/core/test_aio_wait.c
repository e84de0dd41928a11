#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>
#include <proa/wait.h>

/* The public cases of asyncio's wait and as_completed; the latter both of a set of tasks and of a
 * group. */

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

static void create(struct proa_group *g, struct proa_task_ref *refs, struct job *jobs, int n)
{
    for (int i = 0; i < n; i++)
        ck_ok(proa_create_task_opts(g, &refs[i], run_job, &jobs[i], NULL));
}

static int nothing_body(void *arg)
{
    struct proa_task_ref none[1] = {{NULL, 0}};

    (void)arg;
    ck_err(proa_wait(none, 0, NULL, PROA_ALL_COMPLETED, PROA_FOREVER), PROA_EINVAL);
    return 0;
}
START_TEST(aio_wait_01_waiting_for_nobody_is_invalid)
{
    t_run_modes(nothing_body, NULL);
}
END_TEST

static int timeout_body(void *arg)
{
    struct job j[2] = {{PROA_SEC, 0}, {PROA_HOUR, 0}};
    struct proa_task_ref refs[2];
    bool done[2];

    (void)arg;
    PROA_GROUP(g);
    create(&g, refs, j, 2);
    ck_assert_int_eq(proa_wait(refs, 2, done, PROA_ALL_COMPLETED, 2 * PROA_SEC), 1);
    ck_assert(done[0] && !done[1]);
    ck_assert(!proa_task_is_done(refs[1]));
    ck_assert_int_eq(proa_wait(refs, 2, done, PROA_ALL_COMPLETED, PROA_FOREVER), 2);
    ck_assert(done[0] && done[1]);
    ck_ok(proa_task_join(refs[1])); /* it was not cancelled */
    return proa_group_join(&g);
}
START_TEST(aio_wait_02_the_end_of_the_time_tells_who_is_done_and_is_no_error)
{
    t_run_modes(timeout_body, NULL);
}
END_TEST

static int first_body(void *arg)
{
    struct job j[3] = {{PROA_SEC, 0}, {PROA_SEC, 0}, {PROA_HOUR, 0}};
    struct proa_task_ref refs[3];
    bool done[3];

    (void)arg;
    PROA_GROUP(g);
    create(&g, refs, j, 3);
    int n = proa_wait(refs, 3, done, PROA_FIRST_COMPLETED, PROA_FOREVER);
    ck_assert(n == 1 || n == 2); /* both have ended by now if the waiter had its turn last */
    ck_assert_int_eq(done[0] + done[1], n);
    ck_assert(!done[2]);
    ck_ok(proa_sleep(1));
    ck_assert_int_eq(proa_wait(refs, 3, done, PROA_FIRST_COMPLETED, PROA_FOREVER), 2);
    ck_assert(done[0] && done[1] && !done[2]);
    proa_group_cancel(&g);
    return proa_group_join(&g);
}
START_TEST(aio_wait_03_more_may_be_done_than_the_first)
{
    t_run_modes(first_body, NULL);
}
END_TEST

struct waiter {
    struct proa_task_ref refs[2];
    int rc;
};

static int wait_for_all(void *arg)
{
    struct waiter *w = arg;

    w->rc = proa_wait(w->refs, 2, NULL, PROA_ALL_COMPLETED, PROA_FOREVER);
    return w->rc < 0 ? w->rc : 0;
}

static int waiter_cancelled_body(void *arg)
{
    struct job j[2] = {{PROA_SEC, 0}, {2 * PROA_SEC, 5}};
    struct waiter w = {.rc = 0};
    struct proa_task_ref ref;

    (void)arg;
    PROA_GROUP(g);
    create(&g, w.refs, j, 2);
    ck_ok(proa_create_task_opts(&g, &ref, wait_for_all, &w, NULL));
    ck_ok(proa_sleep(1));
    ck_ok(proa_task_cancel(ref));
    ck_ok(proa_sleep(1));
    ck_assert_int_eq(w.rc, PROA_ECANCELED);
    ck_assert(!proa_task_is_done(w.refs[0]));
    ck_assert_int_eq(proa_task_join(w.refs[1]), 5);
    return proa_group_join(&g);
}
START_TEST(aio_wait_05_tasks_run_on_when_the_waiter_is_cancelled)
{
    t_run_modes(waiter_cancelled_body, NULL);
}
END_TEST

static int row_timeout_body(void *arg)
{
    struct job j = {PROA_HOUR, 4};
    struct proa_task_ref ref;
    struct proa_task_ref got;
    PROA_AUTO(proa_as_completed) *none = NULL;
    PROA_AUTO(proa_as_completed) *row = NULL;

    (void)arg;
    ck_ok(proa_as_completed_new(&none, NULL, 0));
    ck_assert_int_eq(proa_as_completed_next(none, &got), 0);
    PROA_GROUP(g);
    ck_assert_int_eq(proa_group_next(&g, &got), 0);
    create(&g, &ref, &j, 1);
    ck_ok(proa_as_completed_new(&row, &ref, 1));
    ck_err(PROA_WITHIN(PROA_SEC, proa_as_completed_next(row, &got)), PROA_ETIMEDOUT);
    ck_err(PROA_WITHIN(PROA_SEC, proa_group_next(&g, &got)), PROA_ETIMEDOUT);
    ck_assert(!proa_task_is_done(ref));
    ck_assert_int_eq(proa_as_completed_next(row, &got), 1);
    ck_assert_int_eq(proa_task_join(got), 4);
    return proa_group_join(&g);
}
START_TEST(aio_wait_07_a_row_of_nobody_ends_and_a_timeout_leaves_the_tasks_running)
{
    t_run_modes(row_timeout_body, NULL);
}
END_TEST

static int row_order_body(void *arg)
{
    static const int order[4] = {1, 3, 2, 0};
    struct job j[4] = {{4, 40}, {1, PROA_EIO}, {3, 30}, {2, 20}};
    struct proa_task_ref refs[4];
    struct proa_task_ref a;
    struct proa_task_ref b;
    PROA_AUTO(proa_as_completed) *row = NULL;

    (void)arg;
    PROA_GROUP(g, .kind = PROA_GROUP_SUPERVISE);
    create(&g, refs, j, 4);
    ck_ok(proa_as_completed_new(&row, refs, 4));
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(proa_as_completed_next(row, &a), 1);
        ck_assert_int_eq(proa_group_next(&g, &b), 1);
        ck_assert_ptr_eq(a.task, refs[order[i]].task);
        ck_assert_ptr_eq(b.task, refs[order[i]].task);
        ck_assert_int_eq(proa_task_join(a), j[order[i]].rc);
    }
    ck_assert_int_eq(proa_as_completed_next(row, &a), 0);
    ck_assert_int_eq(proa_as_completed_next(row, &a), 0);
    ck_assert_int_eq(proa_group_next(&g, &b), 0);
    ck_err(proa_group_join(&g), PROA_EIO);
    return 0;
}
START_TEST(aio_wait_08_each_comes_once_in_the_order_of_their_ends)
{
    t_run_modes(row_order_body, NULL);
}
END_TEST

enum {
    ITEMS = 20,
    CONSUMERS = 3,
};

struct consumer {
    struct proa_as_completed *row;
    struct proa_group *group;
    struct proa_task_ref *refs;
    int *seen; /* by item */
    int n;
};

static int consume(void *arg)
{
    struct consumer *c = arg;
    struct proa_task_ref ref;
    int rc;

    while ((rc = c->row ? proa_as_completed_next(c->row, &ref) : proa_group_next(c->group, &ref)) >
           0) {
        for (int i = 0; i < ITEMS; i++)
            c->seen[i] += ref.task == c->refs[i].task && ref.seq == c->refs[i].seq;
        c->n++;
    }
    return rc;
}

static int consumers_body(void *arg)
{
    bool of_group = *(bool *)arg;
    struct job j[ITEMS];
    struct proa_task_ref refs[ITEMS];
    struct consumer c[CONSUMERS];
    int seen[ITEMS] = {0};
    int total = 0;
    PROA_AUTO(proa_as_completed) *row = NULL;

    PROA_GROUP(g);
    for (int i = 0; i < ITEMS; i++)
        j[i] = (struct job){1 + i / 3, 0}; /* some together */
    create(&g, refs, j, ITEMS);
    ck_ok(proa_as_completed_new(&row, refs, ITEMS));
    PROA_GROUP(consumers);
    for (int i = 0; i < CONSUMERS; i++) {
        c[i] = (struct consumer){of_group ? NULL : row, &g, refs, seen, 0};
        ck_ok(proa_create_task(&consumers, consume, &c[i]));
    }
    ck_ok(proa_group_join(&consumers));
    for (int i = 0; i < CONSUMERS; i++)
        total += c[i].n;
    ck_assert_int_eq(total, ITEMS);
    for (int i = 0; i < ITEMS; i++)
        ck_assert_int_eq(seen[i], 1);
    return proa_group_join(&g);
}
START_TEST(aio_wait_09_each_is_given_to_one_of_several_consumers)
{
    t_run_modes(consumers_body, &(bool){false});
    t_run_modes(consumers_body, &(bool){true});
}
END_TEST

static int disarmed_body(void *arg)
{
    struct job j[2] = {{PROA_SEC, 0}, {2 * PROA_SEC, 0}};
    struct proa_task_ref refs[2];
    int64_t began = proa_now();

    (void)arg;
    PROA_GROUP(g);
    create(&g, refs, j, 2);
    ck_assert_int_eq(proa_wait(refs, 2, NULL, PROA_ALL_COMPLETED, PROA_HOUR), 2);
    ck_assert_int_eq(proa_now() - began, 2 * PROA_SEC);
    return proa_group_join(&g); /* t_run sees that no timer is left */
}
START_TEST(aio_wait_10_the_timer_is_disarmed_once_all_are_done)
{
    t_run_modes(disarmed_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("aio_wait",
                  (const TTest *const[]){
                      aio_wait_01_waiting_for_nobody_is_invalid,
                      aio_wait_02_the_end_of_the_time_tells_who_is_done_and_is_no_error,
                      aio_wait_03_more_may_be_done_than_the_first,
                      aio_wait_05_tasks_run_on_when_the_waiter_is_cancelled,
                      aio_wait_07_a_row_of_nobody_ends_and_a_timeout_leaves_the_tasks_running,
                      aio_wait_08_each_comes_once_in_the_order_of_their_ends,
                      aio_wait_09_each_is_given_to_one_of_several_consumers,
                      aio_wait_10_the_timer_is_disarmed_once_all_are_done,
                      NULL,
                  });
}
