#include "base/fail.h"
#include "base/mem.h"
#include "core/loop.h"
#include "core/timer.h"
#include "support/t_run.h"
#include "told.h"

#include <proa/call.h>
#include <proa/fd.h>
#include <proa/group.h>
#include <proa/queue.h>
#include <proa/scope.h>
#include <proa/time.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the testing kit finds in one order; the orders themselves are in test_test_orders.c. */

#define SINGLE PROA_TEST_OPTS(.single = true, .name = "boat")

static int sleep_for_ever(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_FOREVER);
}

static void nothing(void *arg)
{
    (void)arg;
}

/* ---- nothing is wrong */

static int clean_body(void *arg)
{
    PROA_AUTO(proa_queue) *queue = NULL;
    PROA_AUTO(proa_handle) call = {0};
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)arg;
    close(fd);
    PROA_EXPECT(fd >= 0);
    PROA_EXPECT_OK(proa_queue_new(&queue, NULL));
    PROA_EXPECT_OK(proa_call_later(&call, 5, nothing, NULL));
    PROA_EXPECT_RC(proa_wait_for(sleep_for_ever, NULL, PROA_SEC), PROA_ETIMEDOUT);
    return 7;
}
START_TEST(a_clean_body_passes_and_nothing_is_told)
{
    const struct told *all = told(clean_body, NULL);

    ck_assert_int_eq(all->rc, 0);
    ck_assert_str_eq(all->text, "");
    all = told(clean_body, SINGLE);
    ck_assert_int_eq(all->rc, 0);
    ck_assert_str_eq(all->text, "");
}
END_TEST

/* ---- what is left */

static int leave_new_task(void *arg)
{
    (void)arg;
    return proa_create_task_opts(NULL, NULL, sleep_for_ever, NULL, PROA_TASK_OPTS(.name = "oar"));
}
static int leave_waiting_task(void *arg)
{
    int rc = leave_new_task(arg);

    return rc < 0 ? rc : proa_yield();
}
static int leave_two_tasks(void *arg)
{
    int rc = leave_waiting_task(arg);

    return rc < 0 ? rc : leave_new_task(arg);
}
START_TEST(a_task_that_is_left_is_named)
{
    ck_told(leave_new_task, SINGLE, PROA_ETEST,
            "boat (in order): leaves task oar, which has not run yet\n");
    ck_told(leave_waiting_task, SINGLE, PROA_ETEST,
            "boat (in order): leaves task oar, which waits in proa_sleep: ");
    ck_assert_str_eq(told(leave_two_tasks, SINGLE)->text,
                     "boat (in order): leaves task oar, which waits in proa_sleep: no deadline\n"
                     "boat (in order): leaves task oar, which has not run yet\n");
}
END_TEST

static int leave_calls(void *arg)
{
    (void)arg;
    proa_call_soon(NULL, nothing, NULL);
    proa_call_later(NULL, 250 * PROA_MS, nothing, NULL);
    return proa_call_later(NULL, PROA_FOREVER, nothing, NULL);
}
static int call_at_own_end(void *arg)
{
    (void)arg;
    return proa_task_on_done(proa_current_task(), NULL, nothing, NULL);
}
START_TEST(a_call_that_is_left_is_told)
{
    ck_assert_str_eq(told(leave_calls, SINGLE)->text,
                     "boat (in order): leaves a call that is due in the next turn\n"
                     "boat (in order): leaves a call that is due in 250 ms\n"
                     "boat (in order): leaves a call that is never due\n");
    ck_assert_str_eq(told(call_at_own_end, SINGLE)->text, "");
}
END_TEST

static struct timer timers[2];

static int leave_timers(void *arg)
{
    struct proa_loop *loop = proa_loop_current();

    (void)arg;
    proa__timer_start(loop, &timers[0], proa_now() + PROA_MS, nothing, NULL);
    proa__timer_start(loop, &timers[1], proa_now() + 3600 * PROA_SEC, nothing, NULL);
    return 0;
}
START_TEST(a_timer_that_is_left_is_counted)
{
    ck_told(leave_timers, SINGLE, PROA_ETEST, "leaves 2 timers of something that was not freed\n");
}
END_TEST

static int left_fd;

static int leave_fd(void *arg)
{
    (void)arg;
    left_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    return left_fd < 0 ? PROA_EMFILE : 0;
}
START_TEST(a_descriptor_that_is_left_is_named)
{
    const struct told *t = told(leave_fd, SINGLE);
    char words[80];

    ck_err(t->rc, PROA_ETEST);
    snprintf(words, sizeof words, "boat (in order): leaves descriptor %d open: /dev/zero\n",
             left_fd);
    ck_assert_str_eq(t->text, words);
    close(left_fd);
}
END_TEST

static int leave_memory(void *arg)
{
    struct proa_queue *queue;

    (void)arg;
    return proa_queue_new(&queue, NULL);
}
static int take_once(void *arg)
{
    static void *once;

    (void)arg;
    if (!once)
        once = proa__alloc(100);
    return once ? 0 : PROA_ENOMEM;
}
START_TEST(memory_that_is_left_is_counted_but_not_what_a_process_takes_once)
{
    ck_told(leave_memory, PROA_TEST_OPTS(.seeds = 1), PROA_ETEST, " bytes of memory in 1 block\n");
    ck_assert_int_eq(told(take_once, NULL)->rc, 0);
}
END_TEST

/* ---- what failed */

static int fail_with_words(void *arg)
{
    (void)arg;
    return proa__fail(PROA_ECONNREFUSED, "the pier is closed");
}
START_TEST(a_failure_is_the_runs_with_its_words)
{
    ck_told(fail_with_words, SINGLE, PROA_ECONNREFUSED,
            "boat (in order): failed: the pier is closed (PROA_ECONNREFUSED)\n");
    ck_assert_str_eq(proa_err_detail(PROA_ECONNREFUSED), "the pier is closed");
    ck_told(fail_with_words, NULL, PROA_ECONNREFUSED, "test (in order): failed: the pier");
}
END_TEST

static int expect_too_much(void *arg)
{
    (void)arg;
    PROA_EXPECT(!PROA_EXPECT(1 > 2));
    PROA_EXPECT(PROA_EXPECT_RC(3, PROA_EEOF) == 3);
    PROA_EXPECT_RC(fail_with_words(NULL), PROA_EEOF);
    PROA_EXPECT_OK(fail_with_words(NULL));
    PROA_EXPECT_OK(5);
    return 0;
}
START_TEST(each_expectation_that_is_not_met_is_told_with_its_place)
{
    const struct told *t = told(expect_too_much, SINGLE);

    ck_err(t->rc, PROA_ETEST);
    ck_assert_ptr_nonnull(strstr(t->text, "boat (in order): "));
    ck_assert_ptr_nonnull(strstr(t->text, "test_test.c:"));
    ck_assert_ptr_nonnull(strstr(t->text, ": expected 1 > 2\n"));
    ck_assert_ptr_nonnull(strstr(t->text, ": 3 gave 3, not PROA_EEOF\n"));
    ck_assert_ptr_nonnull(strstr(t->text, ": fail_with_words(NULL) gave PROA_ECONNREFUSED "
                                          "(the pier is closed), not PROA_EEOF\n"));
    ck_assert_ptr_nonnull(strstr(t->text, "(the pier is closed), not a success\n"));
    ck_assert_ptr_null(strstr(t->text, "5 gave"));
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_ETEST), ": expected 1 > 2"));
}
END_TEST

static void expect_outside(void *arg)
{
    (void)arg;
    PROA_EXPECT(2 + 2 == 5);
}
START_TEST(an_expectation_outside_of_a_test_stops_the_program)
{
    t_aborts(expect_outside, NULL, "no test runs in this thread: expected 2 + 2 == 5");
}
END_TEST

static int crash(void *arg)
{
    (void)arg;
    abort();
}
static int leave_process(void *arg)
{
    (void)arg;
    _exit(0);
}
START_TEST(a_body_whose_process_ends_has_failed)
{
    ck_told(crash, NULL, PROA_ETEST, "its process was killed by signal 6\n");
    ck_told(leave_process, NULL, PROA_ETEST, "its process ended with status 0 in its midst\n");
}
END_TEST

/* ---- how long it takes */

static int world[2];

static int wait_for_world(void *arg)
{
    (void)arg;
    return proa_wait_fd(world[0], PROA_READABLE);
}

static int hang_in_two_tasks(void *arg)
{
    (void)arg;
    PROA_GROUP(g);
    proa_create_task_opts(&g, NULL, sleep_for_ever, NULL, PROA_TASK_OPTS(.name = "oar"));
    return wait_for_world(NULL);
}
START_TEST(a_body_that_hangs_fails_and_its_tasks_are_told)
{
    const struct told *t;

    ck_assert_int_eq(pipe2(world, O_CLOEXEC | O_NONBLOCK), 0);
    t = told(hang_in_two_tasks, PROA_TEST_OPTS(.name = "boat", .timeout = PROA_SEC));
    ck_err(t->rc, PROA_ETEST);
    ck_assert_str_eq(proa_err_detail(PROA_ETEST),
                     "in order (PROA_TEST_SEED=in-order): still running after 1.0 s");
    const char *told_of = strstr(t->text, "boat (in order): still running after 1.0 s\n");
    ck_assert_msg(told_of == t->text, "%s", t->text);
    ck_assert_msg(strstr(t->text, "\n2 tasks\nmain #1: "), "%s", t->text);
    ck_assert_msg(strstr(t->text, "oar #2: "), "%s", t->text);
    ck_assert_ptr_null(strstr(t->text, "its process"));
    close(world[0]);
    close(world[1]);
}
END_TEST

/* All steps together may take longer. */
static int take_a_while(void *arg)
{
    (void)arg;
    poll(NULL, 0, 250);
    return 0;
}
START_TEST(each_call_of_a_body_has_that_time)
{
    ck_ok(told(take_a_while, PROA_TEST_OPTS(.timeout = 2500 * PROA_MS))->rc);
}
END_TEST

static int hold_the_loop(void *arg)
{
    while (poll(arg, 0, -1) < 1) {}
    return 0;
}
START_TEST(a_task_that_holds_the_loop_is_named)
{
#ifdef PROA_SANITIZED /* a sanitizer has a handler of its own */
    const char *words = "test (in order): still running after 500.0 ms\n";
#else
    const char *words = " while task main ran, in ";
#endif

    ck_told(hold_the_loop, PROA_TEST_OPTS(.timeout = PROA_SEC / 2), PROA_ETEST, words);
}
END_TEST

static int leave_nothing(void *arg)
{
    (void)arg;
    return 0;
}
START_TEST(the_environment_says_how_long_too)
{
    ck_assert_int_eq(pipe2(world, O_CLOEXEC | O_NONBLOCK), 0);
    setenv("PROA_TEST_TIMEOUT", "1", 1);
    ck_told(wait_for_world, NULL, PROA_ETEST, "still running after 1.0 s");
    setenv("PROA_TEST_TIMEOUT", "0", 1);
    ck_ok(told(take_a_while, PROA_TEST_OPTS(.seeds = 1))->rc);
    setenv("PROA_TEST_TIMEOUT", "4294967295", 1);
    ck_ok(told(leave_nothing, NULL)->rc);
    for (size_t i = 0; i < 4; i++) {
        setenv("PROA_TEST_TIMEOUT", (const char *[]){"", "1s", "-1", "4294967296"}[i], 1);
        ck_err(told(leave_nothing, NULL)->rc, PROA_EINVAL);
        ck_ok(told(leave_nothing, PROA_TEST_OPTS(.timeout = PROA_FOREVER))->rc);
    }
    ck_err(told(leave_nothing, PROA_TEST_OPTS(.timeout = -1))->rc, PROA_EINVAL);
    close(world[0]);
    close(world[1]);
}
END_TEST

/* ---- what cannot be */

static int run_inside(void *arg)
{
    (void)arg;
    ck_err(proa_test_run(sleep_for_ever, NULL, NULL), PROA_EBUSY);
    return 0;
}
START_TEST(a_test_inside_a_run_is_refused)
{
    t_run(run_inside, NULL);
}
END_TEST

START_TEST(options_of_a_newer_version_run_nothing)
{
    struct {
        struct proa_test_opts opts;
        void *more;
    } newer = {.opts = {.size = sizeof newer}, .more = &newer};

    ck_err(proa_test_run(crash, NULL, &newer.opts), PROA_E2BIG);
}
END_TEST

/* ---- the clock */

struct log {
    int64_t at[3];
    size_t n;
};

static void note(void *arg)
{
    struct log *log = arg;

    log->at[log->n++] = proa_now();
}

static int wait_for_pipe(void *arg)
{
    return proa_wait_fd(*(int *)arg, PROA_READABLE);
}

/* A descriptor that could wake the loop holds the virtual clock, but not an advance. */
static int advance_body(void *arg)
{
    struct log log = {.n = 0};
    int64_t began = proa_now();
    int ends[2];

    (void)arg;
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wait_for_pipe, &ends[0]));
    ck_ok(proa_yield());
    ck_ok(proa_call_later(NULL, 3600 * PROA_SEC, note, &log));
    ck_ok(proa_call_later(NULL, 60 * PROA_SEC, note, &log));
    ck_ok(proa_call_later(NULL, 7200 * PROA_SEC, note, &log));
    ck_ok(proa_test_advance(3600 * PROA_SEC));
    ck_assert_uint_eq(log.n, 2);
    ck_assert_int_eq(log.at[0] - began, 60 * PROA_SEC);
    ck_assert_int_eq(log.at[1] - began, 3600 * PROA_SEC);
    ck_assert_int_eq(proa_now() - began, 3600 * PROA_SEC);

    ck_assert_int_eq(write(ends[1], "x", 1), 1); /* wakes the task before time goes on */
    ck_ok(proa_test_advance(1));
    ck_assert_uint_eq(proa_group_running(&g), 0);
    ck_ok(proa_group_join(&g));
    ck_ok(proa_test_advance(3600 * PROA_SEC)); /* with nothing outside it is a sleep */
    ck_assert_uint_eq(log.n, 3);
    ck_err(proa_test_advance(INT64_MIN), PROA_EINVAL);
    ck_ok(proa_test_advance(0));
    close(ends[0]);
    close(ends[1]);
    return 0;
}
START_TEST(an_advance_does_not_wait_for_the_world)
{
    t_run_modes(advance_body, NULL);
}
END_TEST

static int advance_an_hour(void *arg)
{
    (void)arg;
    return proa_test_advance(3600 * PROA_SEC);
}

/* A cut advance leaves the time where it was, and the world holds the clock again. */
static int advance_cut_body(void *arg)
{
    int64_t began = proa_now();
    struct proa_task_ref ref;
    int ends[2];

    (void)arg;
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wait_for_pipe, &ends[0]));
    ck_ok(proa_create_task_opts(&g, &ref, advance_an_hour, NULL, NULL));
    ck_err(proa_wait_for(sleep_for_ever, NULL, PROA_SEC), PROA_ETIMEDOUT);
    ck_ok(proa_task_cancel(ref));
    ck_err(proa_task_join(ref), PROA_ETASKCANCELED);
    ck_assert_int_eq(proa_now() - began, PROA_SEC);
    ck_assert_int_eq(proa_loop_current()->jump_to, began + PROA_SEC);
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    close(ends[0]);
    close(ends[1]);
    return 0;
}
START_TEST(an_advance_that_is_cut_goes_no_further)
{
    t_run_modes(advance_cut_body, NULL);
}
END_TEST

static int advance_two_hours_in_vain(void *arg)
{
    (void)arg;
    ck_err(PROA_WITHIN(PROA_SEC, proa_test_advance(7200 * PROA_SEC)), PROA_ETIMEDOUT);
    return 0;
}

/* One of two is cut: the other's hour passes all the same, and not in the world. */
static int advance_together_body(void *arg)
{
    int64_t began = proa_now();
    struct proa_task_ref ref;
    int ends[2];

    (void)arg;
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wait_for_pipe, &ends[0]));
    ck_ok(proa_create_task_opts(&g, &ref, advance_an_hour, NULL, NULL));
    ck_ok(proa_create_task(&g, advance_two_hours_in_vain, NULL));
    ck_ok(proa_task_join(ref));
    ck_assert_int_eq(proa_now() - began, 3600 * PROA_SEC);
    ck_assert_int_eq(proa_loop_current()->jump_to, began + 3600 * PROA_SEC);
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    close(ends[0]);
    close(ends[1]);
    return 0;
}
START_TEST(an_advance_does_not_need_another)
{
    t_run_modes(advance_together_body, NULL);
}
END_TEST

static void advance_real(void *arg)
{
    (void)arg;
    proa_run(advance_an_hour, NULL, NULL);
}
START_TEST(the_worlds_clock_cannot_be_advanced)
{
    t_aborts(advance_real, NULL, "this loop's clock is the world's");
}
END_TEST

static int real_body(void *arg)
{
    (void)arg;
    PROA_EXPECT(!proa_loop_current()->virtual);
    return 0;
}
START_TEST(a_test_may_have_the_worlds_clock)
{
    ck_assert_int_eq(told(real_body, PROA_TEST_OPTS(.real_clock = true))->rc, 0);
}
END_TEST

int main(void)
{
    return t_main("test", (const TTest *const[]){
                              a_clean_body_passes_and_nothing_is_told,
                              a_task_that_is_left_is_named,
                              a_call_that_is_left_is_told,
                              a_timer_that_is_left_is_counted,
                              a_descriptor_that_is_left_is_named,
                              memory_that_is_left_is_counted_but_not_what_a_process_takes_once,
                              a_failure_is_the_runs_with_its_words,
                              each_expectation_that_is_not_met_is_told_with_its_place,
                              an_expectation_outside_of_a_test_stops_the_program,
                              a_body_whose_process_ends_has_failed,
                              a_body_that_hangs_fails_and_its_tasks_are_told,
                              each_call_of_a_body_has_that_time,
                              a_task_that_holds_the_loop_is_named,
                              the_environment_says_how_long_too,
                              a_test_inside_a_run_is_refused,
                              options_of_a_newer_version_run_nothing,
                              an_advance_does_not_wait_for_the_world,
                              an_advance_that_is_cut_goes_no_further,
                              an_advance_does_not_need_another,
                              the_worlds_clock_cannot_be_advanced,
                              a_test_may_have_the_worlds_clock,
                              NULL,
                          });
}
