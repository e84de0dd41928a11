#include "core/sched.h"
#include "core/timer.h"
#include "core/wait.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

struct table {
    struct list a;
    struct list b;
    int winner;
    void *slot;
    int code;
};

static void table_init(struct table *t)
{
    list_init(&t->a);
    list_init(&t->b);
    t->winner = 99;
    t->slot = NULL;
    t->code = 99;
}

static int wait_for_both(void *arg)
{
    struct table *t = arg;
    struct wait w[2];

    proa__wait_link(&t->a, &w[0]);
    proa__wait_link(&t->b, &w[1]);
    t->winner = proa__wait_park(w, 2, NULL, NULL);
    if (t->winner < 0)
        return t->winner;
    t->slot = w[t->winner].slot;
    t->code = w[t->winner].code;
    return 0;
}

static int first_wake_wins_body(void *arg)
{
    struct table t;
    int thing;

    (void)arg;
    table_init(&t);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wait_for_both, &t));
    ck_ok(proa_yield());
    ck_assert(proa__wait_wake(&t.b, &thing, 7));
    ck_assert(list_empty(&t.a));
    ck_assert(list_empty(&t.b));
    ck_assert(!proa__wait_wake(&t.a, NULL, 8));
    ck_assert_int_eq(t.winner, 99); /* waking does not switch */
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(t.winner, 1);
    ck_assert_ptr_eq(t.slot, &thing);
    ck_assert_int_eq(t.code, 7);
    return 0;
}
START_TEST(first_wake_takes_all_records_off_and_names_the_winner)
{
    t_run_in_order(first_wake_wins_body, NULL);
}
END_TEST

static int cancel_unlinks_body(void *arg)
{
    struct table t;

    (void)arg;
    table_init(&t);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wait_for_both, &t));
    ck_ok(proa_yield());
    proa_group_cancel(&g);
    ck_assert(list_empty(&t.a));
    ck_assert(list_empty(&t.b));
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(t.winner, PROA_ECANCELED);
    return 0;
}
START_TEST(cancel_takes_all_records_off)
{
    t_run(cancel_unlinks_body, NULL);
}
END_TEST

static int woken_then_cancelled_body(void *arg)
{
    struct table t;

    (void)arg;
    table_init(&t);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wait_for_both, &t));
    ck_ok(proa_yield());
    ck_assert(proa__wait_wake(&t.a, NULL, 5));
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(t.winner, 0);
    ck_assert_int_eq(t.code, 5);
    return 0;
}
START_TEST(record_woken_before_the_cancel_keeps_its_code)
{
    t_run_in_order(woken_then_cancelled_body, NULL);
}
END_TEST

static int park_in_cancelled_scope_body(void *arg)
{
    struct table t;

    (void)arg;
    table_init(&t);
    PROA_SCOPE(s);
    proa_scope_cancel(&s);
    ck_err(wait_for_both(&t), PROA_ECANCELED);
    ck_assert(list_empty(&t.a));
    ck_assert(list_empty(&t.b));
    return 0;
}
START_TEST(park_in_a_cancelled_scope_fails_and_links_nothing)
{
    t_run(park_in_cancelled_scope_body, NULL);
}
END_TEST

struct twice {
    struct wait w;
    struct proa_group *g;
    int rc;
};

static void wake_twice(void *arg)
{
    proa__wait_wake_one(arg, NULL, 0);
    proa__wait_wake_one(arg, NULL, 1);
}

static void cancel_and_wake(void *arg)
{
    struct twice *t = arg;

    proa_group_cancel(t->g);
    proa__wait_wake_one(&t->w, NULL, 1);
}

static int park_alone(void *arg)
{
    struct twice *t = arg;

    proa__wait_link(NULL, &t->w);
    t->rc = proa__wait_park(&t->w, 1, NULL, NULL);
    return t->rc;
}

/* Both in one callback, before the sleeper has run: the first decides. */
static int woken_twice_body(void *arg)
{
    struct proa_loop *loop = proa__loop_current();
    struct timer timer = {0};
    struct twice t;

    (void)arg;
    proa__timer_start(loop, &timer, proa__loop_now(loop) + 1, wake_twice, &t.w);
    ck_ok(park_alone(&t));
    ck_assert_int_eq(t.w.code, 0);

    PROA_GROUP(g);
    t.g = &g;
    ck_ok(proa_create_task(&g, park_alone, &t));
    ck_ok(proa_yield());
    proa__timer_start(loop, &timer, proa__loop_now(loop) + 1, cancel_and_wake, &t);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(t.rc, PROA_ECANCELED);
    return 0;
}
START_TEST(second_wake_before_the_sleeper_runs_is_nothing)
{
    t_run(woken_twice_body, NULL);
}
END_TEST

static int firm_sleeper(void *arg)
{
    struct table *t = arg;
    struct wait w;

    proa__wait_link(&t->a, &w);
    t->winner = proa__wait_park_firm(&w, 1, NULL, NULL);
    t->code = w.code;
    return proa_yield();
}

static int firm_body(void *arg)
{
    struct table t;

    (void)arg;
    table_init(&t);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, firm_sleeper, &t));
    ck_ok(proa_yield());
    proa_group_cancel(&g);
    PROA_SHIELD(s, PROA_SEC);
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_int_eq(t.winner, 99);
    ck_assert(proa__wait_wake(&t.a, NULL, 3));
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(t.winner, 0);
    ck_assert_int_eq(t.code, 3);
    return 0;
}
START_TEST(firm_park_is_not_woken_by_a_cancel)
{
    t_run(firm_body, NULL);
}
END_TEST

static int count_slices(void *arg)
{
    int *slices = arg;

    for (;;) {
        int rc = proa_yield();

        if (rc < 0)
            return rc;
        ++*slices;
    }
}

/* TASK_BUDGET calls that never wait are one slice, the next one gives way. */
static int budget_body(void *arg)
{
    int slices = 0;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, count_slices, &slices));
    ck_ok(proa_yield());
    slices = 0;
    for (int i = 1; i < TASK_BUDGET; i++)
        ck_ok(proa_checkpoint());
    ck_assert_int_eq(slices, 0);
    ck_ok(proa_checkpoint());
    ck_assert_int_eq(slices, 1);
    for (int i = 1; i < TASK_BUDGET; i++)
        ck_ok(proa_checkpoint());
    ck_assert_int_eq(slices, 1);
    proa_group_cancel(&g);
    return proa_group_join(&g);
}
START_TEST(calls_that_never_wait_give_way_when_the_budget_is_used_up)
{
    t_run_in_order(budget_body, NULL);
}
END_TEST

static int ignore_cancel(void *stop)
{
    int calls = 0;

    PROA_SCOPE(s);
    proa_scope_cancel(&s);
    while (!*(bool *)stop) {
        ck_err(proa_sleep(PROA_SEC), PROA_ECANCELED);
        calls++;
    }
    ck_assert_int_le(calls, 2 * TASK_BUDGET);
    return 0;
}

static int raise_flag(void *flag)
{
    *(bool *)flag = true;
    return 0;
}

static int ignored_cancel_body(void *arg)
{
    bool stop = false;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, ignore_cancel, &stop));
    ck_ok(proa_create_task(&g, raise_flag, &stop));
    return proa_group_join(&g);
}
START_TEST(loop_that_ignores_its_cancel_gives_way_all_the_same)
{
    t_run(ignored_cancel_body, NULL);
}
END_TEST

static int wait_while_forbidden(void *arg)
{
    (void)arg;
    proa__forbid_suspend();
    return proa_sleep(1);
}

static int pass_while_forbidden(void *arg)
{
    (void)arg;
    proa__forbid_suspend();
    ck_ok(proa_checkpoint());
    proa__allow_suspend();
    return proa_sleep(1);
}
START_TEST(waiting_while_forbidden_aborts)
{
    t_run_aborts(wait_while_forbidden, NULL, "waits where waiting is forbidden");
    t_run(pass_while_forbidden, NULL);
}
END_TEST

static void sleep_outside(void *arg)
{
    (void)arg;
    proa_sleep(1);
}

static void sleep_in_callback(void *arg)
{
    (void)arg;
    proa_sleep(1);
}

static int sleep_in_callback_body(void *arg)
{
    struct proa_loop *loop = proa__loop_current();
    struct timer timer = {0};

    (void)arg;
    proa__timer_start(loop, &timer, proa__loop_now(loop) + 1, sleep_in_callback, NULL);
    return proa_sleep(2);
}
START_TEST(waiting_outside_of_tasks_aborts_and_names_the_call)
{
    t_aborts(sleep_outside, NULL, "proa_sleep: no task runs here");
    t_run_aborts(sleep_in_callback_body, NULL, "proa_sleep: no task runs here");
}
END_TEST

static int three_points(void *arg)
{
    int *passed = arg;

    for (int i = 0; i < 3; i++) {
        int rc = proa_checkpoint();

        if (rc < 0)
            return rc;
        ++*passed;
    }
    return 0;
}

static int injection_body(void *arg)
{
    (void)arg;
    for (uint64_t n = 0; n <= 4; n++) {
        int passed = 0;

        proa__wait_inject(n);
        PROA_SCOPE(s);
        int rc = three_points(&passed);
        uint64_t points = proa__wait_inject_stop();

        ck_assert_int_eq(rc, n >= 1 && n <= 3 ? PROA_ECANCELED : 0);
        ck_assert_int_eq(passed, n >= 1 && n <= 3 ? (int)n - 1 : 3);
        ck_assert_int_eq((int)points, n >= 1 && n <= 3 ? (int)n : 3);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int points_of_first(void *arg)
{
    *(int *)arg = 0;
    return three_points(arg);
}
START_TEST(injected_cancel_hits_exactly_the_nth_point)
{
    int passed;

    ck_err(t_run_rc(injection_body, NULL), PROA_ECANCELED);
    t_each_park(points_of_first, &passed);
}
END_TEST

int main(void)
{
    return t_main("wait", (const TTest *const[]){
                              first_wake_takes_all_records_off_and_names_the_winner,
                              cancel_takes_all_records_off,
                              record_woken_before_the_cancel_keeps_its_code,
                              park_in_a_cancelled_scope_fails_and_links_nothing,
                              second_wake_before_the_sleeper_runs_is_nothing,
                              firm_park_is_not_woken_by_a_cancel,
                              calls_that_never_wait_give_way_when_the_budget_is_used_up,
                              loop_that_ignores_its_cancel_gives_way_all_the_same,
                              waiting_while_forbidden_aborts,
                              waiting_outside_of_tasks_aborts_and_names_the_call,
                              injected_cancel_hits_exactly_the_nth_point,
                              NULL,
                          });
}
