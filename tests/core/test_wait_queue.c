#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>
#include <proa/wait_queue.h>

#include <string.h>

static char digits[] = "0123"; /* what is handed over points into it */

struct sleeper {
    struct proa_wait_queue *queue;
    char *order;
    char name;
};

static int doze(void *arg)
{
    struct sleeper *s = arg;
    void *value = NULL;
    int rc = proa_wait_queue_park(s->queue, &value);

    if (rc < 0)
        return rc;
    char text[3] = {s->name, *(char *)value, '\0'};
    strcat(s->order, text);
    return 0;
}

static void start(struct proa_group *g, struct sleeper *s, int n, struct proa_task_ref *ref)
{
    for (int i = 0; i < n; i++)
        ck_ok(proa_create_task_opts(g, &ref[i], doze, &s[i], NULL));
    ck_ok(proa_yield());
}

static int order_body(void *arg)
{
    PROA_AUTO(proa_wait_queue) *q = NULL;
    struct proa_task_ref ref[4];
    char order[16] = "";

    (void)arg;
    ck_ok(proa_wait_queue_new(&q));
    struct sleeper s[4] = {{q, order, 'a'}, {q, order, 'b'}, {q, order, 'c'}, {q, order, 'd'}};
    ck_assert(!proa_wait_queue_wake_one(q, &digits[0])); /* nobody: it is gone */
    ck_assert_uint_eq(proa_wait_queue_wake_all(q, &digits[0]), 0);
    PROA_GROUP(g);
    start(&g, s, 4, ref);
    ck_assert_uint_eq(proa_wait_queue_len(q), 4);
    ck_assert(proa_wait_queue_wake_one(q, &digits[1]));
    ck_assert(proa_wait_queue_wake_one(q, &digits[2]));
    ck_assert_uint_eq(proa_wait_queue_len(q), 2);
    ck_assert_str_eq(order, ""); /* nobody runs inside wake */
    ck_ok(proa_yield());
    ck_assert_str_eq(order, "a1b2");
    ck_assert_uint_eq(proa_wait_queue_wake_all(q, &digits[3]), 2);
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(order, "a1b2c3d3");
    return 0;
}
START_TEST(sleepers_are_woken_in_the_order_they_came)
{
    t_run_in_order(order_body, NULL);
}
END_TEST

static int cancel_body(void *arg)
{
    PROA_AUTO(proa_wait_queue) *q = NULL;
    struct proa_task_ref ref[3];
    char order[16] = "";

    (void)arg;
    ck_ok(proa_wait_queue_new(&q));
    struct sleeper s[3] = {{q, order, 'a'}, {q, order, 'b'}, {q, order, 'c'}};
    PROA_GROUP(g);
    start(&g, s, 3, ref);
    ck_ok(proa_task_cancel(ref[0]));
    ck_assert(proa_wait_queue_wake_one(q, &digits[1])); /* the next one's */
    ck_ok(proa_task_cancel(ref[1]));                    /* too late */
    ck_ok(proa_task_join(ref[1]));
    ck_assert_str_eq(order, "b1");
    ck_assert_uint_eq(proa_wait_queue_len(q), 1);
    ck_assert(proa_wait_queue_wake_one(q, &digits[2]));
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(order, "b1c2");
    ck_err(PROA_WITHIN(0, proa_wait_queue_park(q, NULL)), PROA_ETIMEDOUT);
    ck_err(PROA_WITHIN(1, proa_wait_queue_park(q, NULL)), PROA_ETIMEDOUT);
    return 0;
}
START_TEST(no_wake_is_lost_to_a_cancel)
{
    t_run_in_order(cancel_body, NULL);
}
END_TEST

static bool flag;

static int raise(void *queue)
{
    flag = true;
    proa_wait_queue_wake_all(queue, NULL);
    return 0;
}

/*
 * However much the task has done in its slice, nothing runs between the look and the sleep: a wake
 * that came in between would meet nobody.
 */
static int no_gap_body(void *arg)
{
    PROA_AUTO(proa_wait_queue) *q = NULL;

    (void)arg;
    ck_ok(proa_wait_queue_new(&q));
    for (int done = 0; done < 300; done++) {
        flag = false;
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, raise, q));
        for (int i = 0; i < done; i++)
            ck_ok(proa_checkpoint());
        while (!flag)
            ck_ok(PROA_WITHIN(PROA_SEC, proa_wait_queue_park(q, NULL)));
        ck_ok(proa_group_join(&g));
    }
    return 0;
}
START_TEST(nothing_runs_between_looking_and_sleeping)
{
    t_run(no_gap_body, NULL);
}
END_TEST

static int free_waited_for(void *arg)
{
    struct proa_wait_queue *q;
    struct proa_task_ref ref[1];
    char order[4];

    (void)arg;
    ck_ok(proa_wait_queue_new(&q));
    struct sleeper s = {q, order, 'a'};
    PROA_GROUP(g);
    start(&g, &s, 1, ref);
    proa_wait_queue_free(q);
    return 0;
}

static void park_without_task(void *queue)
{
    proa_wait_queue_park(queue, NULL);
}
START_TEST(misuse_of_a_wait_queue_aborts)
{
    PROA_AUTO(proa_wait_queue) *q = NULL;

    ck_ok(proa_wait_queue_new(&q));
    t_run_aborts(free_waited_for, NULL, "proa_wait_queue_free: task main frees wait queue 0x");
    t_run_aborts(free_waited_for, NULL, ", where 1 tasks sleep");
    t_aborts(park_without_task, q, "proa_wait_queue_park: ");
    proa_wait_queue_free(NULL);
}
END_TEST

static int nap(void *arg)
{
    struct proa_wait_queue *q = NULL;
    char order[16] = "";
    int rc = proa_wait_queue_new(&q);

    (void)arg;
    if (rc < 0)
        return rc;
    struct sleeper s[2] = {{q, order, 'a'}, {q, order, 'b'}};
    {
        PROA_GROUP(g);
        for (int i = 0; i < 2; i++)
            proa_create_task(&g, doze, &s[i]);
        rc = proa_yield();
        if (rc >= 0)
            rc = proa_sleep(1);
        proa_wait_queue_wake_all(q, &digits[1]);
        int slept = proa_group_join(&g);
        rc = rc < 0 ? rc : slept;
    }
    ck_assert_uint_eq(proa_wait_queue_len(q), 0);
    proa_wait_queue_free(q);
    return rc;
}
START_TEST(cancel_at_each_point_and_each_failed_allocation_leave_nobody_asleep)
{
    t_each_park(nap, NULL);
    t_run_each_alloc(nap, NULL);
}
END_TEST

int main(void)
{
    return t_main("wait_queue",
                  (const TTest *const[]){
                      sleepers_are_woken_in_the_order_they_came, no_wake_is_lost_to_a_cancel,
                      nothing_runs_between_looking_and_sleeping, misuse_of_a_wait_queue_aborts,
                      cancel_at_each_point_and_each_failed_allocation_leave_nobody_asleep, NULL});
}
