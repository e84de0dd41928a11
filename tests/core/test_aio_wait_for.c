#include "core/loop.h"
#include "core/timer.h"
#include "support/t_run.h"

#include <proa/condition.h>
#include <proa/context.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/time.h>

/* The public cases of asyncio's wait_for. */

static int give(void *rc)
{
    return *(int *)rc;
}

static int sleep_ns(void *ns)
{
    return proa_sleep(*(int64_t *)ns);
}

static int join_task(void *ref)
{
    return proa_task_join(*(struct proa_task_ref *)ref);
}

static int done_body(void *arg)
{
    (void)arg;
    ck_assert_int_eq(proa_wait_for(give, &(int){7}, 0), 7);
    ck_assert_int_eq(proa_wait_for(give, &(int){7}, -PROA_SEC), 7);
    return 0;
}
START_TEST(aio_wf_01_what_need_not_wait_needs_no_time)
{
    t_run_modes(done_body, NULL);
}
END_TEST

struct crowd {
    int64_t cleanup;
    bool ended;
};

static int sleep_and_clean_up(void *arg)
{
    struct crowd *c = arg;
    int rc = proa_sleep(PROA_HOUR);

    PROA_SHIELD(s, PROA_HOUR);
    ck_ok(proa_sleep(c->cleanup));
    c->ended = true;
    return rc;
}

static int run_crowd(void *arg)
{
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, sleep_and_clean_up, arg));
    ck_ok(proa_sleep(0));
    return proa_group_join(&g);
}

static int join_group(void *group)
{
    return proa_group_join(group);
}

static int no_time_body(void *arg)
{
    struct crowd c = {.cleanup = PROA_SEC};
    int64_t ns = PROA_SEC;

    (void)arg;
    ck_err(proa_wait_for(sleep_ns, &ns, 0), PROA_ETIMEDOUT);
    ck_err(proa_wait_for(sleep_ns, &ns, -1), PROA_ETIMEDOUT);
    ck_err(proa_wait_for(sleep_ns, &ns, INT64_MIN), PROA_EINVAL);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, sleep_and_clean_up, &c));
    ck_ok(proa_sleep(1));
    ck_err(proa_wait_for(join_group, &g, 0), PROA_ETIMEDOUT); /* cancelled, and waited for */
    ck_assert(c.ended);
    return 0;
}
START_TEST(aio_wf_02_with_no_time_it_times_out_at_the_first_wait)
{
    t_run_modes(no_time_body, NULL);
}
END_TEST

static int ends_later_body(void *arg)
{
    struct crowd c = {.cleanup = 5 * PROA_SEC};
    int64_t began = proa_now();

    (void)arg;
    ck_err(proa_wait_for(run_crowd, &c, PROA_SEC), PROA_ETIMEDOUT);
    ck_assert(c.ended);
    ck_assert_int_eq(proa_now() - began, 6 * PROA_SEC);
    return 0;
}
START_TEST(aio_wf_03_it_returns_only_when_what_it_called_has_ended)
{
    t_run_modes(ends_later_body, NULL);
}
END_TEST

static int swallow(void *arg)
{
    (void)arg;
    (void)proa_sleep(PROA_HOUR);
    return 9;
}

static int fail_when_cut(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_HOUR) < 0 ? PROA_EPIPE : 0;
}

static int swallow_body(void *arg)
{
    (void)arg;
    ck_assert_int_eq(proa_wait_for(swallow, NULL, PROA_SEC), 9);
    return proa_yield();
}
START_TEST(aio_wf_04_a_value_that_comes_although_cancelled_counts)
{
    t_run_modes(swallow_body, NULL);
}
END_TEST

static int error_body(void *arg)
{
    (void)arg;
    ck_err(proa_wait_for(fail_when_cut, NULL, PROA_SEC), PROA_EPIPE);
    return proa_yield();
}
START_TEST(aio_wf_05_so_does_another_error)
{
    t_run_modes(error_body, NULL);
}
END_TEST

static int waiter(void *arg)
{
    return proa_wait_for(run_crowd, arg, PROA_HOUR);
}

static int cancelled_body(void *arg)
{
    struct crowd c = {.cleanup = PROA_SEC};
    struct proa_task_ref ref;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, waiter, &c, NULL));
    ck_ok(proa_sleep(1));
    ck_ok(proa_task_cancel(ref));
    ck_err(proa_task_join(ref), PROA_ETASKCANCELED);
    ck_assert(c.ended);
    return proa_group_join(&g);
}
START_TEST(aio_wf_06_cancelling_the_caller_cancels_what_it_called)
{
    t_run_modes(cancelled_body, NULL);
}
END_TEST

static int wait_event(void *event)
{
    return proa_event_wait(event);
}

static void set_event(void *event)
{
    proa_event_set(event);
}

/* Both timers are due in the same turn, the result's first: then the wait has ended with it. */
static int same_turn_body(void *arg)
{
    PROA_AUTO(proa_event) *event = NULL;
    struct timer timer = {0};

    (void)arg;
    ck_ok(proa_event_new(&event));
    proa__timer_start(proa__loop_current(), &timer, proa_now() + PROA_SEC, set_event, event);
    ck_ok(proa_wait_for(wait_event, event, PROA_SEC));
    return 0;
}
START_TEST(aio_wf_08_a_result_just_before_the_deadline_counts)
{
    t_run_modes(same_turn_body, NULL);
}
END_TEST

static int forever_body(void *arg)
{
    int64_t ns = 1000 * PROA_HOUR;

    (void)arg;
    return proa_wait_for(sleep_ns, &ns, PROA_FOREVER);
}
START_TEST(aio_wf_09_forever_is_a_plain_call)
{
    t_run_modes(forever_body, NULL);
}
END_TEST

static int runs_on_body(void *arg)
{
    int64_t ns = PROA_SEC;
    struct proa_task_ref ref;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, sleep_ns, &ns, NULL));
    ck_err(proa_wait_for(join_task, &ref, PROA_MS), PROA_ETIMEDOUT);
    ck_assert(!proa_task_is_done(ref));
    ck_ok(proa_task_join(ref));
    return proa_group_join(&g);
}
START_TEST(aio_wf_10_a_task_that_is_only_waited_for_runs_on)
{
    t_run_modes(runs_on_body, NULL);
}
END_TEST

static int compare(void *arg)
{
    struct proa_task_ref *outside = arg;
    struct proa_task_ref here = proa_current_task();

    return here.task == outside->task && here.seq == outside->seq;
}

static const struct proa_context_key key = {"key", NULL};

static int set_value(void *value)
{
    return proa_context_set(&key, value);
}

static int same_task_body(void *arg)
{
    struct proa_task_ref here = proa_current_task();

    ck_assert_int_eq(proa_wait_for(compare, &here, PROA_SEC), 1);
    ck_ok(proa_wait_for(set_value, arg, PROA_SEC));
    ck_assert_ptr_eq(proa_context_get(&key), arg);
    return 0;
}
START_TEST(aio_wf_11_it_runs_in_the_task_that_calls)
{
    t_run_modes(same_task_body, &(int){0});
}
END_TEST

static int wait_condition(void *condition)
{
    return proa_condition_wait(condition);
}

static int condition_body(void *arg)
{
    PROA_AUTO(proa_lock) *lock = NULL;
    PROA_AUTO(proa_condition) *condition = NULL;

    (void)arg;
    ck_ok(proa_lock_new(&lock));
    ck_ok(proa_condition_new(&condition, lock));
    ck_ok(proa_lock_acquire(lock));
    ck_err(proa_wait_for(wait_condition, condition, PROA_SEC), PROA_ETIMEDOUT);
    ck_assert(proa_lock_is_locked(lock));
    proa_lock_release(lock); /* aborts unless it is held by this task */
    return 0;
}
START_TEST(aio_wf_12_a_condition_has_its_lock_again_when_the_timeout_is_told)
{
    t_run_modes(condition_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("aio_wait_for",
                  (const TTest *const[]){
                      aio_wf_01_what_need_not_wait_needs_no_time,
                      aio_wf_02_with_no_time_it_times_out_at_the_first_wait,
                      aio_wf_03_it_returns_only_when_what_it_called_has_ended,
                      aio_wf_04_a_value_that_comes_although_cancelled_counts,
                      aio_wf_05_so_does_another_error,
                      aio_wf_06_cancelling_the_caller_cancels_what_it_called,
                      aio_wf_08_a_result_just_before_the_deadline_counts,
                      aio_wf_09_forever_is_a_plain_call,
                      aio_wf_10_a_task_that_is_only_waited_for_runs_on,
                      aio_wf_11_it_runs_in_the_task_that_calls,
                      aio_wf_12_a_condition_has_its_lock_again_when_the_timeout_is_told,
                      NULL,
                  });
}
