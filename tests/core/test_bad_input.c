/*
 * Numbers that cannot be meant, for each call of the core that takes one: times, counts, sizes.
 * PROA_EINVAL, and nothing has changed; a time of zero or less is "now".
 */

#include "support/t_run.h"

#include <proa/barrier.h>
#include <proa/broadcast.h>
#include <proa/call.h>
#include <proa/channel.h>
#include <proa/condition.h>
#include <proa/gather.h>
#include <proa/group.h>
#include <proa/limiter.h>
#include <proa/queue.h>
#include <proa/runner.h>
#include <proa/scope.h>
#include <proa/select.h>
#include <proa/signal.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/wait.h>
#include <proa/wait_group.h>
#include <proa/watch.h>

#include <signal.h>
#include <stdint.h>

/* ---- times */

static int calls; /* of the functions below */

static int wait_once(void *arg)
{
    (void)arg;
    calls++;
    return proa_sleep(PROA_HOUR);
}

static void count_call(void *arg)
{
    (void)arg;
    calls++;
}

static int sleep_for(int64_t ns)
{
    return proa_sleep(ns);
}

static int sleep_until(int64_t ns)
{
    return proa_sleep_until(ns == INT64_MIN ? ns : proa_time_add(proa_now(), ns));
}

static int wait_for(int64_t ns)
{
    return proa_wait_for(wait_once, NULL, ns);
}

static int move_on_after(int64_t ns)
{
    return proa_move_on_after(wait_once, NULL, ns);
}

static int shield(int64_t ns)
{
    PROA_SCOPE(s);
    proa_scope_cancel(&s);
    int rc = proa_shield(wait_once, NULL, ns);
    return rc == PROA_ECANCELED ? 0 : rc;
}

static int timeout(int64_t ns)
{
    PROA_TIMEOUT(t, ns);
    return proa_timeout_result(&t, proa_sleep(PROA_HOUR));
}

static int within(int64_t ns)
{
    return PROA_WITHIN(ns, proa_sleep(PROA_HOUR));
}

static int reschedule(int64_t ns)
{
    PROA_TIMEOUT(t, PROA_MIN);
    int64_t when = proa_timeout_when(&t);
    int rc = proa_timeout_reschedule(&t, ns);

    if (rc < 0) {
        ck_assert(proa_timeout_when(&t) == when);
        ck_assert(!proa_timeout_expired(&t));
        return rc;
    }
    return proa_timeout_result(&t, proa_sleep(PROA_HOUR));
}

static int wait_tasks(int64_t ns)
{
    struct proa_task_ref ref;
    bool done = true;
    int rc;

    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, wait_once, NULL, NULL));
    rc = proa_wait(&ref, 1, &done, PROA_ALL_COMPLETED, ns);
    ck_assert(rc < 0 ? done : !done); /* written on success only */
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    calls = 0;
    return rc;
}

static int call_later(int64_t ns)
{
    struct proa_handle h = {{0}};
    int rc = proa_call_later(&h, ns, count_call, NULL);

    ck_assert_int_eq(calls, 0); /* not from inside */
    if (rc < 0) {
        ck_assert(!proa_handle_is_pending(&h));
        return rc;
    }
    while (!calls)
        ck_ok(proa_yield());
    calls = 0;
    return rc;
}

static int call_later_unheld(int64_t ns)
{
    int rc = proa_call_later(NULL, ns, count_call, NULL);

    if (rc < 0)
        return rc;
    while (!calls)
        ck_ok(proa_yield());
    calls = 0;
    return rc;
}

static int case_timer(int64_t ns)
{
    struct proa_case c = proa_case_timer(ns);

    ck_assert_int_eq(proa_select(&c, 1, NULL), 0);
    return c.rc;
}

static int case_ticker(int64_t ns)
{
    struct proa_case c = proa_case_ticker(ns);

    ck_assert_int_eq(proa_select(&c, 1, NULL), 0);
    return c.rc;
}

/* What each makes of a time of zero or less, and whether it can refuse one. */
static const struct {
    int (*call)(int64_t ns);
    int now;       /* its outcome then */
    int min;       /* of INT64_MIN */
    bool overflow; /* a time that ends beyond the end of time is PROA_EINVAL; else: as never */
} timed[] = {
    {sleep_for, 0, PROA_EINVAL, true},
    {sleep_until, 0, PROA_EINVAL, false},
    {wait_for, PROA_ETIMEDOUT, PROA_EINVAL, true},
    {move_on_after, 0, PROA_EINVAL, true},
    {shield, 0, PROA_EINVAL, true},
    {timeout, PROA_ETIMEDOUT, PROA_ETIMEDOUT, false}, /* opens infallibly */
    {within, PROA_ETIMEDOUT, PROA_ETIMEDOUT, false},
    {reschedule, PROA_ETIMEDOUT, PROA_EINVAL, true},
    {wait_tasks, 0, PROA_EINVAL, true},
    {call_later, 0, PROA_EINVAL, true},
    {call_later_unheld, 0, PROA_EINVAL, true},
    {case_timer, 0, PROA_EINVAL, true},
    {case_ticker, PROA_EINVAL, PROA_EINVAL, true},
};

static int timed_body(void *arg)
{
    int i = *(int *)arg;
    int64_t began;

    ck_ok(proa_sleep(PROA_SEC)); /* so that there is something to overflow from */
    began = proa_now();
    for (int64_t ns = -1; ns <= 0; ns++)
        ck_assert_int_eq(timed[i].call(ns), timed[i].now);
    ck_assert_int_eq(timed[i].call(-PROA_HOUR), timed[i].now);
    ck_assert_int_eq(timed[i].call(INT64_MIN + 1), timed[i].now);
    calls = 0;
    ck_assert_int_eq(timed[i].call(INT64_MIN), timed[i].min);
    if (timed[i].overflow) {
        ck_assert_int_eq(timed[i].call(PROA_FOREVER - began), PROA_EINVAL);
        ck_assert_int_eq(timed[i].call(PROA_FOREVER - 1), PROA_EINVAL);
    }
    ck_assert_int_eq(calls, 0); /* what was refused did not begin */
    ck_assert(proa_now() == began);
    return 0;
}
START_TEST(a_time_of_zero_or_less_is_now_and_what_is_no_time_is_refused)
{
    t_run_modes(timed_body, &_i);
}
END_TEST

/* ---- counts */

static int nothing(void *arg)
{
    (void)arg;
    calls++;
    return 0;
}

#define MINUS_ONE ((size_t)-1)

static int counts_body(void *arg)
{
    struct proa_task_ref here = proa_current_task();
    struct proa_call call = {nothing, NULL};
    struct proa_as_completed *row = NULL;
    struct proa_broadcast *broadcast = NULL;
    struct proa_channel *channel = NULL;
    struct proa_signals *signals = NULL;
    struct proa_watch *watch = NULL;
    struct proa_case c = proa_case_never();
    bool done = true;
    int rcs = 7;

    (void)arg;
    calls = 0;
    ck_err(proa_gather(&call, MINUS_ONE, &rcs, NULL), PROA_EINVAL);
    ck_assert_int_eq(rcs, 7);
    ck_assert_int_eq(calls, 0);
    ck_err(proa_wait(&here, MINUS_ONE, &done, PROA_ALL_COMPLETED, 1), PROA_EINVAL);
    ck_err(proa_wait(&here, 0, &done, PROA_ALL_COMPLETED, 1), PROA_EINVAL);
    ck_err(proa_wait(&here, (size_t)INT32_MAX + 1, &done, PROA_ALL_COMPLETED, 1), PROA_EINVAL);
    ck_assert(done);
    ck_err(proa_as_completed_new(&row, &here, MINUS_ONE), PROA_EINVAL);
    ck_err(proa_select(&c, MINUS_ONE, NULL), PROA_EINVAL);
    ck_err(proa_select(&c, PROA_SELECT_MAX + 1, NULL), PROA_EINVAL);
    ck_err(proa_select(&c, 0, NULL), PROA_EINVAL);
    ck_err(proa_try_select(&c, MINUS_ONE, NULL), PROA_EINVAL);
    ck_err(proa_try_select(&c, 0, NULL), PROA_EINVAL);
    ck_err(proa_signals_new(&signals, &(int){SIGUSR1}, MINUS_ONE), PROA_EINVAL);
    ck_err(proa_signals_new(&signals, &(int){SIGUSR1}, 0), PROA_EINVAL);
    ck_err(proa_broadcast_new(&broadcast, 1, MINUS_ONE), PROA_EINVAL);
    ck_err(proa_broadcast_new(&broadcast, MINUS_ONE, 1), PROA_EINVAL);
    ck_err(proa_broadcast_new(&broadcast, 1, 0), PROA_EINVAL);
    ck_err(proa_channel_new(&channel, MINUS_ONE, PROA_CHANNEL_OPTS(.capacity = 1)), PROA_EINVAL);
    ck_err(proa_channel_new(&channel, 1, PROA_CHANNEL_OPTS(.capacity = MINUS_ONE)), PROA_EINVAL);
    ck_err(proa_watch_new(&watch, MINUS_ONE, NULL), PROA_EINVAL);
    ck_assert(!row && !signals && !broadcast && !channel && !watch);
    return 0;
}
START_TEST(a_negative_count_is_refused)
{
    t_run_modes(counts_body, NULL);
}
END_TEST

static int ends_body(void *arg)
{
    PROA_AUTO(proa_channel) *channel = NULL;

    (void)arg;
    ck_ok(proa_channel_new(&channel, 0, NULL));
    ck_err(proa_channel_add_senders(channel, MINUS_ONE), PROA_EINVAL);
    ck_err(proa_channel_add_receivers(channel, MINUS_ONE), PROA_EINVAL);
    ck_ok(proa_channel_add_senders(channel, INT64_MAX));
    ck_err(proa_channel_add_senders(channel, 1), PROA_EINVAL);
    proa_channel_drop_sender(channel);
    ck_ok(proa_channel_add_senders(channel, 1));
    ck_ok(proa_channel_add_receivers(channel, 1));
    ck_assert(!proa_channel_is_closed(channel));
    proa_channel_drop_receiver(channel); /* the refused ones were not counted */
    ck_assert(proa_channel_is_closed(channel));
    return 0;
}
START_TEST(ends_of_a_channel_are_counted_to_the_largest_number)
{
    t_run_modes(ends_body, NULL);
}
END_TEST

/* ---- runs */

START_TEST(a_run_refuses_its_options_before_anything_runs)
{
    static const struct proa_run_opts bad[] = {
        {.size = sizeof bad[0], .stack_size = 1},
        {.size = sizeof bad[0], .stack_size = 16 * 1024 - 1},
        {.size = sizeof bad[0], .stack_size = ((size_t)1 << 30) + 1},
        {.size = sizeof bad[0], .stack_size = MINUS_ONE},
        {.size = sizeof bad[0], .grace = INT64_MIN},
        {.size = sizeof bad[0], .grace = PROA_FOREVER - 1},
    };
    static const struct proa_run_opts good[] = {
        {.size = sizeof good[0], .stack_size = 16 * 1024},
        {.size = sizeof good[0], .stack_size = (size_t)1 << 30},
        {.size = sizeof good[0], .grace = INT64_MIN + 1},
        {.size = sizeof good[0], .grace = PROA_FOREVER},
    };
    struct proa_runner *r = NULL;

    calls = 0;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_err(proa_run(nothing, NULL, &bad[i]), PROA_EINVAL);
        ck_err(proa_runner_new(&r, PROA_RUNNER_OPTS(.run = bad[i])), PROA_EINVAL);
    }
    ck_assert_int_eq(calls, 0);
    ck_assert_ptr_null(r);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_ok(proa_run(nothing, NULL, &good[i]));
        ck_ok(proa_runner_new(&r, PROA_RUNNER_OPTS(.run = good[i])));
        ck_ok(proa_runner_run(r, nothing, NULL));
        proa_runner_free(r);
    }
    ck_assert_int_eq(calls, 8);
}
END_TEST

static int start_sized(void *arg)
{
    struct proa_task_ref ref = {NULL, 9};
    size_t bad[] = {1, 16 * 1024 - 1, ((size_t)1 << 30) + 1, MINUS_ONE};
    void *value = arg;

    PROA_GROUP(g);
    for (int i = 0; i < 4; i++) {
        ck_err(proa_create_task_opts(&g, &ref, nothing, NULL, PROA_TASK_OPTS(.stack_size = bad[i])),
               PROA_EINVAL);
        ck_err(
            proa_start_task(&g, &ref, &value, nothing, NULL, PROA_TASK_OPTS(.stack_size = bad[i])),
            PROA_EINVAL);
    }
    ck_assert(ref.task == NULL && ref.seq == 9 && value == arg);
    ck_assert_uint_eq(proa_group_running(&g), 0);
    ck_assert_int_eq(calls, 0);
    return 0;
}
START_TEST(a_task_refuses_its_stack_before_it_exists)
{
    calls = 0;
    t_run_modes(start_sized, NULL);
}
END_TEST

/* ---- unlimited is the largest of counts, not a negative one */

static int unlimited_body(void *arg)
{
    PROA_AUTO(proa_queue) *queue = NULL;
    PROA_AUTO(proa_lock) *lock = NULL;
    PROA_AUTO(proa_condition) *condition = NULL;

    (void)arg;
    ck_ok(proa_queue_new(&queue, PROA_QUEUE_OPTS(.limit = PROA_UNLIMITED)));
    ck_ok(proa_queue_try_put(queue, queue));
    ck_ok(proa_lock_new(&lock));
    ck_ok(proa_condition_new(&condition, lock));
    ck_ok(proa_lock_acquire(lock));
    proa_condition_notify(condition, PROA_UNLIMITED);
    proa_lock_release(lock);
    PROA_GROUP(g, .limit = PROA_UNLIMITED);
    ck_ok(proa_create_task(&g, nothing, NULL));
    ck_ok(proa_group_join(&g));
    return proa_gather(&(struct proa_call){nothing, NULL}, 1, NULL,
                       PROA_GATHER_OPTS(.limit = PROA_UNLIMITED));
}
START_TEST(unlimited_is_no_bad_count)
{
    t_run_modes(unlimited_body, NULL);
}
END_TEST

int main(void)
{
    return t_main_tables("bad_input",
                         (const TTest *const[]){
                             a_negative_count_is_refused,
                             ends_of_a_channel_are_counted_to_the_largest_number,
                             a_run_refuses_its_options_before_anything_runs,
                             a_task_refuses_its_stack_before_it_exists,
                             unlimited_is_no_bad_count,
                             NULL,
                         },
                         (const struct t_table[]){
                             {a_time_of_zero_or_less_is_now_and_what_is_no_time_is_refused,
                              sizeof timed / sizeof *timed},
                             {NULL, 0},
                         });
}
