#include "core/signal.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/runner.h>
#include <proa/scope.h>
#include <proa/select.h>
#include <proa/signal.h>
#include <proa/time.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct proa_signals *signals(int a, int b)
{
    struct proa_signals *s = NULL;

    ck_ok(proa_signals_new(&s, (int[]){a, b}, b ? 2 : 1));
    return s;
}

/* ---- receiving */

static int order_body(void *arg)
{
    PROA_AUTO(proa_signals) *s = signals(SIGUSR1, SIGUSR2);

    (void)arg;
    ck_err(proa_signals_try_receive(s), PROA_EAGAIN);
    ck_err(PROA_WITHIN(PROA_MS, proa_signals_receive(s)), PROA_ETIMEDOUT);
    raise(SIGUSR2);
    ck_err(proa_signals_try_receive(s), PROA_EAGAIN); /* not from the handler */
    ck_ok(proa_sleep(PROA_MS));
    raise(SIGUSR1);
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_int_eq(proa_signals_receive(s), SIGUSR2);
    ck_assert_int_eq(proa_signals_try_receive(s), SIGUSR1);
    ck_err(proa_signals_try_receive(s), PROA_EAGAIN);
    raise(SIGUSR1);
    ck_assert_int_eq(proa_signals_receive(s), SIGUSR1);
    return 0;
}
START_TEST(signals_are_received_in_the_order_they_came)
{
    t_run_modes(order_body, NULL);
}
END_TEST

static void *kill_later(void *arg)
{
    (void)arg;
    usleep(20000); /* real time: the loop has to be asleep in the kernel */
    kill(getpid(), SIGUSR1);
    return NULL;
}
static int wake_body(void *arg)
{
    PROA_AUTO(proa_signals) *s = signals(SIGUSR1, 0);
    pthread_t thread;

    (void)arg;
    ck_assert_int_eq(pthread_create(&thread, NULL, kill_later, NULL), 0);
    ck_assert_int_eq(proa_signals_receive(s), SIGUSR1);
    pthread_join(thread, NULL);
    return 0;
}
START_TEST(aio_sig_01_a_signal_wakes_the_loop_and_is_received_by_a_task)
{
    t_run_modes(wake_body, NULL);
}
END_TEST

static int burst_body(void *arg)
{
    PROA_AUTO(proa_signals) *s = signals(SIGUSR1, 0);

    (void)arg;
    for (int i = 0; i < 5; i++)
        raise(SIGUSR1);
    ck_ok(proa_sleep(PROA_MS));
    for (int i = 0; i < 5; i++) {
        raise(SIGUSR1);
        ck_ok(proa_sleep(1));
    }
    ck_assert_int_eq(proa_signals_receive(s), SIGUSR1);
    ck_err(proa_signals_try_receive(s), PROA_EAGAIN); /* all were one */
    raise(SIGUSR1);
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_int_eq(proa_signals_try_receive(s), SIGUSR1); /* this is another */
    return 0;
}
START_TEST(aio_sig_04_a_burst_is_received_at_least_once)
{
    t_run_modes(burst_body, NULL);
}
END_TEST

static int all_get_it_body(void *arg)
{
    PROA_AUTO(proa_signals) *a = signals(SIGUSR1, SIGUSR1); /* asked for twice: once */
    PROA_AUTO(proa_signals) *b = signals(SIGUSR1, SIGUSR2);

    (void)arg;
    raise(SIGUSR1);
    ck_assert_int_eq(proa_signals_receive(a), SIGUSR1);
    ck_assert_int_eq(proa_signals_receive(b), SIGUSR1);
    ck_err(proa_signals_try_receive(a), PROA_EAGAIN);
    return 0;
}
START_TEST(each_that_asked_gets_it)
{
    t_run_modes(all_get_it_body, NULL);
}
END_TEST

struct getter {
    struct proa_signals *s;
    int got;
};

static int get(void *arg)
{
    struct getter *g = arg;

    g->got = proa_signals_receive(g->s);
    return 0;
}
static int one_receiver_body(void *arg)
{
    PROA_AUTO(proa_signals) *s = signals(SIGUSR1, 0);
    struct getter g[3] = {{s, 0}, {s, 0}, {s, 0}};
    struct proa_task_ref refs[3];

    (void)arg;
    PROA_GROUP(group);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task_opts(&group, &refs[i], get, &g[i], NULL));
    ck_ok(proa_sleep(1));
    ck_ok(proa_task_cancel(refs[0]));
    raise(SIGUSR1);
    ck_ok(proa_task_join(refs[1]));
    ck_assert_int_eq(g[0].got, PROA_ECANCELED);
    ck_assert_int_eq(g[1].got, SIGUSR1);
    ck_assert_int_eq(g[2].got, 0);
    proa_group_cancel(&group);
    return proa_group_join(&group);
}
START_TEST(the_oldest_receiver_gets_it)
{
    t_run_in_order(one_receiver_body, NULL);
}
END_TEST

/* One that comes after another case has won is there for the next. */
static int select_body(void *arg)
{
    PROA_AUTO(proa_signals) *s = signals(SIGUSR1, 0);
    struct proa_case c[] = {proa_case_signal(s), proa_case_timer(PROA_MS)};

    (void)arg;
    ck_assert_int_eq(PROA_SELECT(c), 1);
    raise(SIGUSR1);
    ck_ok(proa_sleep(PROA_MS));
    c[1] = proa_case_timer(0);
    ck_assert_int_eq(proa_select(c + 1, 1, NULL), 0);
    ck_assert_int_eq(proa_select(c, 2, PROA_SELECT_OPTS(.priority = true)), 0);
    ck_assert_int_eq(c[0].rc, SIGUSR1);
    c[1] = proa_case_timer(PROA_HOUR);
    raise(SIGUSR1);
    ck_assert_int_eq(PROA_SELECT(c), 0);
    ck_assert_int_eq(c[0].rc, SIGUSR1);
    return 0;
}
START_TEST(a_select_that_took_another_case_loses_no_signal)
{
    t_run_modes(select_body, NULL);
}
END_TEST

/* ---- numbers */

static int numbers_body(void *arg)
{
    static const int bad[] = {0,       -1,      65,     INT32_MAX, SIGKILL,
                              SIGSTOP, SIGSEGV, SIGBUS, SIGFPE,    SIGILL};
    struct proa_signals *s = NULL;

    (void)arg;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_err(proa_signals_new(&s, (int[]){SIGUSR1, bad[i]}, 2), PROA_EINVAL);
    ck_assert_str_eq(proa_err_detail(PROA_EINVAL), "signal 4 cannot be collected");
    ck_err(proa_signals_new(&s, bad, 0), PROA_EINVAL);
    ck_err(proa_signals_new(&s, (int[65]){1}, 65), PROA_EINVAL);
    ck_assert_ptr_null(s);
    s = signals(SIGRTMIN + 3, SIGRTMIN);
    raise(SIGRTMIN + 3);
    ck_assert_int_eq(proa_signals_receive(s), SIGRTMIN + 3);
    proa_signals_free(s);
    proa_signals_free(NULL);
    return 0;
}
START_TEST(aio_sig_02_numbers_that_cannot_be_collected_are_refused)
{
    t_run_modes(numbers_body, NULL);
}
END_TEST

static void their_handler(int signo)
{
    (void)signo;
}
static int restore_body(void *arg)
{
    struct proa_signals *a = signals(SIGUSR1, SIGUSR2);
    struct proa_signals *b = signals(SIGUSR1, 0);
    struct sigaction now;

    (void)arg;
    proa_signals_free(a);
    sigaction(SIGUSR1, NULL, &now);
    ck_assert(now.sa_handler != their_handler);
    sigaction(SIGUSR2, NULL, &now);
    ck_assert(now.sa_handler == SIG_DFL);
    proa_signals_free(b);
    sigaction(SIGUSR1, NULL, &now);
    ck_assert(now.sa_handler == their_handler);
    return 0;
}
START_TEST(aio_sig_03_the_last_one_puts_the_handler_back)
{
    signal(SIGUSR1, their_handler);
    t_run(restore_body, NULL);
}
END_TEST

static int leave_body(void *arg)
{
    (void)arg;
    signals(SIGUSR1, 0);
    return 0;
}
START_TEST(aio_sig_05_a_loop_does_not_end_with_signals_collected)
{
    t_run_aborts(leave_body, NULL, "a loop was freed while a signal is watched");
}
END_TEST

/* ---- the run's end */

/* Ends in a child, whose status is told. */
static int status_of(t_body_fn *body)
{
    int status;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        _exit(proa_run(body, NULL, PROA_RUN_OPTS(.signals = true)) == PROA_ECANCELED ? 7 : 8);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* The first is ours; the next one, after the burst, cancels the run. */
static int end_body(void *arg)
{
    PROA_AUTO(proa_signals) *s = signals(SIGTERM, SIGINT);
    struct proa_signals *other = NULL;

    (void)arg;
    ck_err(proa_signals_new(&other, (int[]){SIGINT, SIGTERM}, 2), PROA_EBUSY);
    raise(SIGINT);
    ck_assert_int_eq(proa_signals_receive(s), SIGINT);
    ck_ok(proa_sleep(300 * PROA_MS));
    raise(SIGTERM);
    ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED);
    return PROA_ECANCELED;
}
/* One of the two: the run ends all the same. */
static int one_end_body(void *arg)
{
    PROA_AUTO(proa_signals) *s = signals(SIGINT, 0);

    (void)arg;
    raise(SIGINT);
    ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED);
    return proa_signals_try_receive(s) == SIGINT ? PROA_ECANCELED : 0;
}
/* Given back: the first one ends the run again. */
static int given_back_body(void *arg)
{
    (void)arg;
    proa_signals_free(signals(SIGTERM, SIGINT));
    raise(SIGINT);
    ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED);
    return PROA_ECANCELED;
}
START_TEST(the_first_sigint_may_be_taken_in_the_runs_place)
{
    ck_assert_int_eq(status_of(end_body), 7);
    ck_assert_int_eq(status_of(one_end_body), 7);
    ck_assert_int_eq(status_of(given_back_body), 7);
}
END_TEST

static int make_stream(void *arg)
{
    *(struct proa_signals **)arg = signals(SIGINT, SIGTERM);
    return 0;
}

/* It outlived the main that made it: the first one is still its own, the second cancels. */
static int second_main(void *arg)
{
    struct proa_signals *s = *(struct proa_signals **)arg;
    struct proa_signals *other = NULL;

    ck_err(proa_signals_new(&other, (int[]){SIGINT, SIGTERM}, 2), PROA_EBUSY);
    raise(SIGINT);
    ck_assert_int_eq(proa_signals_receive(s), SIGINT);
    raise(SIGTERM);
    ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED);
    return 5;
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* Freed between two mains: the first one ends the next main again, and the second the process. */
static int third_main(void *arg)
{
    raise(SIGINT);
    ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED);
    if (*(bool *)arg)
        raise(SIGINT);
    return 6;
}

static int runner_body(bool twice)
{
    struct proa_runner *r = NULL;
    struct proa_signals *s = NULL;

    ck_ok(proa_runner_new(&r, PROA_RUNNER_OPTS(.run = {.signals = true})));
    ck_ok(proa_runner_run(r, make_stream, &s));
    ck_assert_int_eq(proa_runner_run(r, second_main, &s), 5);
    proa_signals_free(s);
    ck_assert_int_eq(proa_runner_run(r, third_main, &twice), 6);
    ck_ok(proa_runner_run(r, nothing, NULL));
    proa_runner_free(r);
    return 7;
}

static int in_child(bool twice)
{
    int status;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        proa__signals_burst = 0;
        _exit(runner_body(twice));
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}
START_TEST(a_stream_that_outlives_a_main_takes_the_first_one_of_the_next)
{
    ck_assert_int_eq(in_child(false), 7);
    ck_assert_int_eq(in_child(true), -SIGINT);
}
END_TEST

/* ---- failures and misuse */

static int whole_body(void *arg)
{
    PROA_AUTO(proa_signals) *s = NULL;
    int rc = proa_signals_new(&s, (int[]){SIGUSR1, SIGUSR2}, 2);

    (void)arg;
    if (rc < 0)
        return rc;
    raise(SIGUSR2);
    rc = proa_signals_receive(s);
    return rc == SIGUSR2 ? 0 : rc;
}
START_TEST(each_wait_may_be_cancelled_each_allocation_may_fail)
{
    t_each_park(whole_body, NULL);
    t_run_each_alloc(whole_body, NULL);
}
END_TEST

static int free_waited_body(void *arg)
{
    struct getter g = {signals(SIGUSR1, 0), 0};

    (void)arg;
    PROA_GROUP(group);
    ck_ok(proa_create_task(&group, get, &g));
    ck_ok(proa_sleep(1));
    proa_signals_free(g.s);
    return 0;
}
static int freed_body(void *arg)
{
    (void)arg;
    return proa_signals_receive(NULL);
}
START_TEST(misuse_stops_the_program)
{
    t_run_aborts(free_waited_body, NULL, "proa_signals_free: 1 tasks wait for signals 0x");
    t_run_aborts(freed_body, NULL, "signals (nil) were freed, or never made");
}
END_TEST

int main(void)
{
    return t_main("signal_stream",
                  (const TTest *const[]){
                      signals_are_received_in_the_order_they_came,
                      aio_sig_01_a_signal_wakes_the_loop_and_is_received_by_a_task,
                      aio_sig_04_a_burst_is_received_at_least_once,
                      each_that_asked_gets_it,
                      the_oldest_receiver_gets_it,
                      a_select_that_took_another_case_loses_no_signal,
                      aio_sig_02_numbers_that_cannot_be_collected_are_refused,
                      aio_sig_03_the_last_one_puts_the_handler_back,
                      aio_sig_05_a_loop_does_not_end_with_signals_collected,
                      the_first_sigint_may_be_taken_in_the_runs_place,
                      a_stream_that_outlives_a_main_takes_the_first_one_of_the_next,
                      each_wait_may_be_cancelled_each_allocation_may_fail,
                      misuse_stops_the_program,
                      NULL,
                  });
}
