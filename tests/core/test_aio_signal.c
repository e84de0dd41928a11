#include "core/stack.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/run.h>
#include <proa/signal.h>
#include <proa/task.h>
#include <proa/time.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static int collect(struct proa_signals **ret, int signo)
{
    return proa_signals_new(ret, &signo, 1);
}

static int in_loop_body(void *arg)
{
    PROA_AUTO(proa_signals) *a = NULL;
    PROA_AUTO(proa_signals) *b = NULL;

    (void)arg;
    ck_ok(collect(&a, SIGUSR1));
    ck_ok(collect(&b, SIGUSR1));
    raise(SIGUSR1);
    ck_err(proa_signals_try_receive(a), PROA_EAGAIN); /* not in the handler */
    ck_assert_int_eq(proa_signals_receive(a), SIGUSR1);
    ck_assert_int_eq(proa_signals_receive(b), SIGUSR1);
    return 0;
}
START_TEST(aio_sig_01_a_signal_is_received_on_the_loop_by_each)
{
    t_run_modes(in_loop_body, NULL);
}
END_TEST

static int refused_body(void *arg)
{
    static const int signos[] = {SIGKILL, SIGSTOP, 0, -1, 65, 1000};
    struct proa_signals *s = NULL;

    (void)arg;
    for (int i = 0; i < 6; i++)
        ck_err(collect(&s, signos[i]), PROA_EINVAL);
    ck_assert_ptr_null(s);
    return 0;
}
START_TEST(aio_sig_02_signals_that_cannot_be_had_are_refused)
{
    t_run_modes(refused_body, NULL);
}
END_TEST

static volatile sig_atomic_t theirs;

static void note(int signo)
{
    theirs = signo;
}

static int restore_body(void *arg)
{
    struct proa_signals *a = NULL, *b = NULL;

    (void)arg;
    theirs = 0;
    ck_ok(collect(&a, SIGUSR1));
    ck_ok(collect(&b, SIGUSR1));
    proa_signals_free(a);
    raise(SIGUSR1);
    ck_assert_int_eq(theirs, 0); /* one is left */
    ck_assert_int_eq(proa_signals_receive(b), SIGUSR1);
    proa_signals_free(b);
    raise(SIGUSR1);
    ck_assert_int_eq(theirs, SIGUSR1);
    return 0;
}
START_TEST(aio_sig_03_with_the_last_receiver_the_programs_handler_is_back)
{
    signal(SIGUSR1, note);
    t_run_modes(restore_body, NULL);
}
END_TEST

static int burst_body(void *arg)
{
    PROA_AUTO(proa_signals) *s = NULL;
    int n = 1;

    (void)arg;
    ck_ok(collect(&s, SIGUSR1));
    for (int i = 0; i < 100; i++)
        raise(SIGUSR1);
    ck_assert_int_eq(proa_signals_receive(s), SIGUSR1);
    while (proa_signals_try_receive(s) == SIGUSR1)
        n++;
    ck_assert_int_le(n, 100);
    return 0;
}
START_TEST(aio_sig_04_a_burst_is_received_at_least_once)
{
    t_run_modes(burst_body, NULL);
}
END_TEST

#ifdef PROA_SANITIZED_THREAD
#define CHILD_HAS_HANDLERS false /* none that are called before it ends */
#else
#define CHILD_HAS_HANDLERS true
#endif

static int fork_body(void *arg)
{
    PROA_AUTO(proa_signals) *s = NULL;
    int status;
    pid_t child;

    (void)arg;
    theirs = 0;
    ck_ok(collect(&s, SIGUSR1));
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        raise(SIGUSR1);
        _exit(theirs == SIGUSR1 ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_ok(proa_sleep(0));
    ck_err(proa_signals_try_receive(s), PROA_EAGAIN);
    raise(SIGUSR1);
    ck_assert_int_eq(proa_signals_receive(s), SIGUSR1);
    return 0;
}
START_TEST(aio_loop_26_a_forked_child_has_the_programs_own_handlers)
{
    signal(SIGUSR1, note);
    if (CHILD_HAS_HANDLERS)
        t_run_modes(fork_body, NULL);
}
END_TEST

static int give(void *rc)
{
    return *(int *)rc;
}
START_TEST(aio_sig_05_the_end_of_a_loop_gives_signals_back)
{
    int rc = 0;

    signal(SIGINT, note);
    ck_ok(proa_run(give, &rc, PROA_RUN_OPTS(.signals = true)));
    raise(SIGINT);
    ck_assert_int_eq(theirs, SIGINT);
}
END_TEST

int main(void)
{
    return t_main("aio_signal", (const TTest *const[]){
                                    aio_sig_01_a_signal_is_received_on_the_loop_by_each,
                                    aio_sig_02_signals_that_cannot_be_had_are_refused,
                                    aio_sig_03_with_the_last_receiver_the_programs_handler_is_back,
                                    aio_sig_04_a_burst_is_received_at_least_once,
                                    aio_loop_26_a_forked_child_has_the_programs_own_handlers,
                                    aio_sig_05_the_end_of_a_loop_gives_signals_back,
                                    NULL,
                                });
}
