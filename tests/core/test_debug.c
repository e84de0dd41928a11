#include "core/debug.h"
#include "core/loop.h"
#include "core/place.h"
#include "core/sched.h"
#include "support/t_debug.h"
#include "support/t_run.h"

#include <proa/call.h>
#include <proa/debug.h>
#include <proa/runner.h>
#include <proa/task.h>

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- on and off */

static int says_debug(void *arg)
{
    *(bool *)arg = proa_debug();
    return 0;
}

START_TEST(the_environment_switches_it_on)
{
    static const struct {
        const char *text;
        bool on;
    } cases[] = {{NULL, false}, {"", false}, {"0", false}, {"1", true}, {"yes", true}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool on = !cases[i].on;

        if (cases[i].text)
            setenv("PROA_DEBUG", cases[i].text, 1);
        else
            unsetenv("PROA_DEBUG");
        ck_ok(run_plain(says_debug, &on));
        ck_assert(on == cases[i].on);
    }
    ck_assert(!proa_debug()); /* no loop */
}
END_TEST

START_TEST(an_option_of_the_run_the_program_or_the_runner_switches_it_on)
{
    struct proa_runner *runner;
    bool on = false;

    ck_ok(run_debug(says_debug, &on, 0));
    ck_assert(on);
    on = false;
    ck_assert_int_eq(proa_main(says_debug, &on, PROA_MAIN_OPTS(.debug = true)), 0);
    ck_assert(on);
    on = false;
    ck_ok(proa_runner_new(&runner, PROA_RUNNER_OPTS(.run = {.debug = true})));
    ck_ok(proa_runner_run(runner, says_debug, &on));
    ck_assert(on);
    proa_runner_free(runner);
}
END_TEST

static int slow_of_body(void *arg)
{
    *(int64_t *)arg = proa__loop_current()->debug->slow;
    return 0;
}
START_TEST(what_is_slow_comes_from_the_option_then_the_environment)
{
    int64_t slow;

    unsetenv("PROA_DEBUG_SLOW_MS");
    ck_ok(run_debug(slow_of_body, &slow, 0));
    ck_assert_int_eq(slow, 100 * PROA_MS);
    setenv("PROA_DEBUG_SLOW_MS", "250", 1);
    ck_ok(run_debug(slow_of_body, &slow, 0));
    ck_assert_int_eq(slow, 250 * PROA_MS);
    ck_ok(run_debug(slow_of_body, &slow, PROA_SEC));
    ck_assert_int_eq(slow, PROA_SEC);
    setenv("PROA_DEBUG_SLOW_MS", "-1", 1);
    ck_ok(run_debug(slow_of_body, &slow, 0));
    ck_assert_int_eq(slow, 100 * PROA_MS);
}
END_TEST

static int fails(void *arg)
{
    (void)arg;
    return PROA_EINVAL;
}

static int on_and_off_body(void *arg)
{
    struct proa_task_ref before;

    (void)arg;
    ck_ok(proa_create_task_opts(NULL, &before, fails, NULL, NULL));
    ck_ok(proa_debug_set(false));
    ck_ok(proa_debug_set(true));
    ck_ok(proa_debug_set(true));
    ck_assert(proa_debug());
    ck_err(proa_task_join(before), PROA_EINVAL); /* was there before: new, it knows its creator */
    ck_ok(proa_sleep(PROA_SEC));
    ck_ok(proa_debug_set(false));
    ck_assert(!proa_debug());
    ck_assert(!proa__loop_current()->sched->watched);
    ck_ok(proa_debug_set(true)); /* and is on when the loop ends */
    return 0;
}
START_TEST(it_can_be_switched_while_the_loop_runs)
{
    t_said_begin();
    t_run(on_and_off_body, NULL);
}
END_TEST

static int alloc_body(void *arg)
{
    struct proa_task_ref ref;
    int rc = proa_debug_set(true);

    (void)arg;
    if (rc < 0)
        return rc;
    rc = proa_create_task_opts(NULL, &ref, fails, NULL, PROA_TASK_OPTS(.name = "f"));
    if (rc == 0)
        proa_task_join(ref);
    return rc;
}
static int alloc_run(void *arg)
{
    return run_debug(alloc_body, arg, NEVER_SLOW);
}
START_TEST(it_survives_want_of_memory)
{
    t_said_begin();
    t_run_each_alloc(alloc_body, NULL);
    t_each_alloc(alloc_run, NULL);
}
END_TEST

/* ---- slow slices */

/* Holds the loop until somebody said so. */
static T_AS_WRITTEN int hold(const char *words)
{
    while (!t_said(words))
        sched_yield();
    return 0;
}

/* And on, for as long as the watchdog takes to look some twenty times more. */
static T_AS_WRITTEN int holder(void *words)
{
    volatile int rc = hold(words);
    int64_t end = proa__clock_mono() + 5 * SOON_SLOW;

    while (proa__clock_mono() < end) {}
    return rc;
}

static int run_holder(void *words)
{
    struct proa_task_ref ref;

    ck_ok(proa_create_task_opts(NULL, &ref, holder, words, PROA_TASK_OPTS(.name = "holder")));
    return proa_task_join(ref);
}
START_TEST(aio_loop_24_a_slow_slice_is_told_once_while_it_lasts_and_once_at_its_end)
{
    static char words[] = "task holder has held the loop for ";

    t_said_begin();
    ck_ok(run_debug(run_holder, words, SOON_SLOW));
    ck_said(1, "task holder has held the loop for ");
    ck_said(1, "task holder held the loop for ");
    if (proa__place_knows_lines()) {
        ck_assert_uint_ge(t_said("    holder (test_debug.c:"), 1);
        ck_assert_uint_ge(t_said("    run_tasks (sched.c:"), 1);
    }
}
END_TEST

static int slow_twice_body(void *arg)
{
    (void)arg;
    hold("task main has held");
    ck_ok(proa_yield());
    while (t_said("task main has held") < 2)
        sched_yield();
    return 0;
}
START_TEST(each_slow_slice_of_a_task_is_told)
{
    t_said_begin();
    ck_ok(run_debug(slow_twice_body, NULL, SOON_SLOW));
    ck_said(2, "task main has held the loop for ");
    ck_said(2, "task main held the loop for ");
}
END_TEST

static T_AS_WRITTEN void hold_in_callback(void *words)
{
    hold(words);
}
static int callback_body(void *words)
{
    ck_ok(proa_call_soon(NULL, hold_in_callback, words));
    return proa_sleep(PROA_MS);
}
static int timer_body(void *words)
{
    ck_ok(proa_call_later(NULL, PROA_MS, hold_in_callback, words));
    return proa_sleep(2 * PROA_MS);
}
START_TEST(a_slow_callback_is_told_as_the_loops)
{
    static const char *const words = "a callback of the loop has held the loop for ";

    t_said_begin();
    ck_ok(run_debug(callback_body, (void *)(uintptr_t)words, SOON_SLOW));
    ck_assert_uint_ge(t_said(words), 1); /* a slow machine's own are told, too */
    ck_assert_uint_ge(t_said("a callback of the loop held the loop for "), 1);
    if (proa__place_knows_lines())
        ck_assert_uint_ge(t_said("    hold_in_callback (test_debug.c:"), 1);
    t_said_begin();
    ck_ok(run_debug(timer_body, (void *)(uintptr_t)words, SOON_SLOW));
    ck_assert_uint_ge(t_said(words), 1);
}
END_TEST

static int spin_ms(void *arg)
{
    int64_t end = proa__clock_mono() + 20 * PROA_MS;

    (void)arg;
    while (proa__clock_mono() < end) {}
    return 0;
}
START_TEST(aio_loop_24_in_production_mode_nothing_is_told_or_watched)
{
    t_said_begin();
    setenv("PROA_DEBUG_SLOW_MS", "1", 1);
    ck_ok(run_plain(spin_ms, NULL));
    ck_assert_uint_eq(said.n, 0);
}
END_TEST

/* As if the kernel had kept it for longer than is slow. */
static int rests_long(void *asked)
{
    struct proa_loop *loop = proa__loop_current();

    proa__debug_rest(loop, *(int64_t *)asked);
    atomic_fetch_sub(&loop->debug->began, 2 * NEVER_SLOW);
    proa__debug_slice(loop);
    return 0;
}
START_TEST(waiting_in_the_kernel_is_not_slow)
{
    int64_t asked = PROA_FOREVER;

    t_said_begin();
    ck_ok(run_debug(rests_long, &asked, NEVER_SLOW));
    ck_said(0, "held the loop");
    ck_said(0, "the kernel came back");
    asked = 2 * NEVER_SLOW;
    ck_ok(run_debug(rests_long, &asked, NEVER_SLOW));
    ck_said(0, "held the loop");
    ck_said(0, "the kernel came back");
    asked = 0;
    ck_ok(run_debug(rests_long, &asked, NEVER_SLOW));
    ck_said(0, "held the loop");
    ck_said(1, "the kernel came back");
}
END_TEST

static int sleep_until_said(void *words)
{
    while (!t_said(words))
        ck_ok(proa_sleep(20 * PROA_MS));
    return 0;
}
static int late_child(void)
{
    static char words[] = "the kernel came back after ";

    t_said_begin();
    return proa_run(sleep_until_said, words,
                    PROA_RUN_OPTS(.debug = true, .debug_slow = 50 * PROA_MS));
}
/* A process that is stopped while its loop is in the kernel comes back late. */
START_TEST(a_poll_that_took_longer_than_asked_is_told)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        _exit(late_child() == 0 ? 0 : 1);
    while (waitpid(child, &status, WNOHANG) == 0) { /* until it was stopped in the right place */
        kill(child, SIGSTOP);
        usleep(80000);
        kill(child, SIGCONT);
        usleep(10000);
    }
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

int main(void)
{
    return t_main("debug",
                  (const TTest *const[]){
                      the_environment_switches_it_on,
                      an_option_of_the_run_the_program_or_the_runner_switches_it_on,
                      what_is_slow_comes_from_the_option_then_the_environment,
                      it_can_be_switched_while_the_loop_runs,
                      it_survives_want_of_memory,
                      aio_loop_24_a_slow_slice_is_told_once_while_it_lasts_and_once_at_its_end,
                      each_slow_slice_of_a_task_is_told,
                      a_slow_callback_is_told_as_the_loops,
                      aio_loop_24_in_production_mode_nothing_is_told_or_watched,
                      waiting_in_the_kernel_is_not_slow,
                      a_poll_that_took_longer_than_asked_is_told,
                      NULL,
                  });
}
