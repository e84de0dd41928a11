#include "core/loop.h"
#include "core/signal.h"
#include "core/task.h"
#include "support/t_run.h"
#include "support/test.h"

#include <proa/err.h>
#include <proa/group.h>
#include <proa/task.h>

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char heard[32];

static void hear(void *arg, int signo)
{
    (void)signo;
    strcat(heard, arg);
}

static char one[] = "1", two[] = "2";

static int watch_two(void *arg)
{
    struct signal_watch a = {0}, b = {0}, other = {0};
    struct proa_loop *loop = proa_loop_current();

    (void)arg;
    ck_ok(proa__signal_watch(loop, &a, SIGUSR1, hear, one));
    ck_ok(proa__signal_watch(loop, &b, SIGUSR1, hear, two));
    ck_ok(proa__signal_watch(loop, &other, SIGUSR2, hear, two));
    raise(SIGUSR1);
    ck_assert_str_eq(heard, ""); /* not in the handler */
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_str_eq(heard, "12");

    proa__signal_unwatch(&a);
    proa__signal_unwatch(&a);
    raise(SIGUSR1);
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_str_eq(heard, "122");
    proa__signal_unwatch(&b);
    proa__signal_unwatch(&other);
    return 0;
}
START_TEST(watches_are_called_on_the_loop)
{
    ck_ok(proa_run(watch_two, NULL, NULL));
}
END_TEST

#ifndef PROA_SANITIZED /* their frames are larger */

/* Send it when less than `left` bytes of the task's stack are left. */
static T_AS_WRITTEN int send_deep(size_t left, int signo)
{
    volatile char frame[128];
    const char *here = __builtin_frame_address(0);

    memset((char *)(uintptr_t)frame, 1, sizeof frame);
    if (here - proa__task_here->coro.stack.low > (ptrdiff_t)left)
        return send_deep(left, signo) + frame[signo];
    return (int)syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signo) + frame[signo];
}

static int nearly_full_body(void *arg)
{
    struct signal_watch watch = {0};

    (void)arg;
    ck_ok(proa__signal_watch(proa_loop_current(), &watch, SIGUSR1, hear, one));
    send_deep(SIZE_MAX / 4, 0); /* what it calls has been linked then */
    send_deep(800, SIGUSR1);
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_str_eq(heard, "1");
    proa__signal_unwatch(&watch);
    return 0;
}
START_TEST(a_signal_needs_nothing_of_the_tasks_stack)
{
    ck_ok(proa_run(nearly_full_body, NULL, NULL));
}
END_TEST

#endif

static int theirs;

static void their_handler(int signo)
{
    theirs = signo;
}

static int watch_once(void *arg)
{
    struct signal_watch a = {0};

    (void)arg;
    ck_ok(proa__signal_watch(proa_loop_current(), &a, SIGUSR1, hear, one));
    raise(SIGUSR1);
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_int_eq(theirs, 0);
    proa__signal_unwatch(&a);
    raise(SIGUSR1);
    ck_assert_int_eq(theirs, SIGUSR1);
    return 0;
}
START_TEST(the_programs_own_handler_comes_back)
{
    signal(SIGUSR1, their_handler);
    ck_ok(proa_run(watch_once, NULL, NULL));
    ck_assert_str_eq(heard, "1");
}
END_TEST

static int odd_numbers(void *arg)
{
    struct signal_watch a = {0};

    (void)arg;
    ck_err(proa__signal_watch(proa_loop_current(), &a, 0, hear, one), PROA_EINVAL);
    ck_err(proa__signal_watch(proa_loop_current(), &a, 65, hear, one), PROA_EINVAL);
    ck_err(proa__signal_watch(proa_loop_current(), &a, SIGKILL, hear, one), PROA_EINVAL);
    ck_ok(proa__signal_watch(proa_loop_current(), &a, 64, hear, one));
    raise(64);
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_str_eq(heard, "1");
    proa__signal_unwatch(&a);
    return 0;
}
START_TEST(numbers_that_cannot_be_watched_are_refused)
{
    ck_ok(proa_run(odd_numbers, NULL, NULL));
}
END_TEST

static void group_cancel(void *arg, int signo)
{
    (void)signo;
    proa_group_cancel(arg);
}

static void *kill_later(void *arg)
{
    usleep(20000); /* real time: the loop has to be asleep in the kernel */
    kill(getpid(), *(int *)arg);
    return NULL;
}

static int sleep_hour(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_HOUR);
}

static int woken(void *arg)
{
    struct signal_watch a = {0};
    pthread_t thread;
    int64_t began = proa_now();
    int signo = SIGUSR1;

    (void)arg;
    PROA_GROUP(g);
    proa_create_task(&g, sleep_hour, NULL);
    ck_ok(proa__signal_watch(proa_loop_current(), &a, SIGUSR1, group_cancel, &g));
    ck_assert_int_eq(pthread_create(&thread, NULL, kill_later, &signo), 0);
    ck_ok(proa_group_join(&g));
    ck_assert_int_lt(proa_now() - began, PROA_MIN);
    proa__signal_unwatch(&a);
    pthread_join(thread, NULL);
    return 0;
}
START_TEST(a_signal_wakes_a_sleeping_loop)
{
    t_run(woken, NULL); /* and the virtual clock does not jump over it */
}
END_TEST

/* ---- SIGINT and SIGTERM */

static int raise_and_sleep(void *arg)
{
    raise(*(int *)arg);
    int rc = proa_sleep(PROA_HOUR);
    strcat(heard, "cleanup");
    return rc;
}
START_TEST(the_first_one_cancels_the_run)
{
    ck_err(proa_run(raise_and_sleep, &(int){SIGINT}, PROA_RUN_OPTS(.signals = true)),
           PROA_ECANCELED);
    ck_assert_str_eq(heard, "cleanup");
    ck_assert_int_eq(proa__signals_ended_by(), SIGINT);

    ck_err(proa_run(raise_and_sleep, &(int){SIGTERM}, PROA_RUN_OPTS(.signals = true)),
           PROA_ECANCELED); /* a later run counts anew */
    ck_assert_int_eq(proa__signals_ended_by(), SIGTERM);
}
END_TEST

/* How a child that does this ends. */
static int status_of(proa_task_fn *fn, void *arg)
{
    int status;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        proa__signals_burst = 0;
        _exit(proa_run(fn, arg, PROA_RUN_OPTS(.signals = true)) < 0 ? 1 : 0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

static int raise_many(void *arg)
{
    for (int i = 0; i < *(int *)arg; i++)
        raise(SIGTERM);
    return 0; /* without having waited: a loop that is stuck */
}
START_TEST(the_second_one_ends_the_process)
{
    int status = status_of(raise_many, &(int){1});

    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    status = status_of(raise_many, &(int){2});
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}
END_TEST

static int raise_at_once(void *arg)
{
    proa__signals_burst = PROA_HOUR;
    return raise_many(arg);
}
START_TEST(those_of_one_burst_are_one)
{
    int status = status_of(raise_at_once, &(int){5});

    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

static int claim_and_raise(void *arg)
{
    struct proa_loop *loop = proa_loop_current();

    ck_ok(proa__signals_claim(loop, hear, one));
    ck_err(proa__signals_claim(loop, hear, two), PROA_EBUSY);
    raise(SIGTERM);
    if (proa_sleep(PROA_MS) < 0 || strcmp(heard, "1") != 0)
        return PROA_EPROTO; /* the first is the claim's; nothing is cancelled */
    for (int i = 0; i < *(int *)arg; i++)
        raise(SIGTERM);
    int rc = proa_sleep(PROA_MS);
    return rc == PROA_ECANCELED ? 0 : PROA_EPROTO;
}
START_TEST(claimed_the_second_cancels_and_the_third_ends)
{
    int status = status_of(claim_and_raise, &(int){1});

    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    status = status_of(claim_and_raise, &(int){2});
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}
END_TEST

static int claim_and_give_back(void *arg)
{
    struct proa_loop *loop = proa_loop_current();

    (void)arg;
    ck_ok(proa__signals_claim(loop, hear, one));
    proa__signals_give_back(loop, two); /* not theirs */
    ck_err(proa__signals_claim(loop, hear, two), PROA_EBUSY);
    proa__signals_give_back(loop, one);
    proa__signals_give_back(loop, one);
    raise(SIGTERM);
    return proa_sleep(PROA_HOUR) == PROA_ECANCELED ? 0 : PROA_EPROTO;
}
START_TEST(a_claim_can_be_given_back)
{
    int status = status_of(claim_and_give_back, NULL);

    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

static int claim_and_end(void *arg)
{
    (void)arg;
    return proa__signals_claim(proa_loop_current(), hear, one);
}

static void claim_then_raise_two(void)
{
    proa__signals_burst = 0;
    ck_ok(proa_run(claim_and_end, NULL, PROA_RUN_OPTS(.signals = true)));
    proa_run(raise_many, &(int){2}, PROA_RUN_OPTS(.signals = true));
}
START_TEST(a_claim_ends_with_its_run)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        claim_then_raise_two();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}
END_TEST

static int claim_nothing(void *arg)
{
    (void)arg;
    ck_err(proa__signals_claim(proa_loop_current(), hear, one), PROA_EINVAL);
    return 0;
}
START_TEST(a_run_without_signals_has_nothing_to_claim)
{
    ck_ok(proa_run(claim_nothing, NULL, NULL));
}
END_TEST

/* In a worker: we are not our own parent, so our signals count once. */
static int raise_as_stranger(void *arg)
{
    proa__signals_set_parent(getppid());
    return raise_many(arg);
}
START_TEST(in_a_worker_only_the_parent_presses_on)
{
    int status = status_of(raise_as_stranger, &(int){5});

    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

static int raise_as_parent(void *arg)
{
    proa__signals_set_parent(getpid());
    return raise_many(arg);
}
START_TEST(in_a_worker_the_parents_second_ends_it)
{
    int status = status_of(raise_as_parent, &(int){2});

    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}
END_TEST

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int run_with_signals(void *arg)
{
    (void)arg;
    return proa_run(nothing, NULL, PROA_RUN_OPTS(.signals = true));
}
START_TEST(each_allocation_may_fail)
{
    t_each_alloc(run_with_signals, NULL);
}
END_TEST

int main(void)
{
    return t_main("signal", (const TTest *const[]){
                                watches_are_called_on_the_loop,
#ifndef PROA_SANITIZED
                                a_signal_needs_nothing_of_the_tasks_stack,
#endif
                                the_programs_own_handler_comes_back,
                                numbers_that_cannot_be_watched_are_refused,
                                a_signal_wakes_a_sleeping_loop,
                                the_first_one_cancels_the_run,
                                the_second_one_ends_the_process,
                                those_of_one_burst_are_one,
                                claimed_the_second_cancels_and_the_third_ends,
                                a_claim_can_be_given_back,
                                a_claim_ends_with_its_run,
                                a_run_without_signals_has_nothing_to_claim,
                                in_a_worker_only_the_parent_presses_on,
                                in_a_worker_the_parents_second_ends_it,
                                each_allocation_may_fail,
                                NULL,
                            });
}
