#include "core/loop.h"
#include "core/task.h"
#include "core/thread.h"
#include "support/t_run.h"
#include "support/test.h"

#include <proa/err.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/thread.h>

#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* ---- proa_to_thread */

static pthread_t ran_in;
static sigset_t ran_with;

static int look_around(void *arg)
{
    ran_in = pthread_self();
    pthread_sigmask(SIG_SETMASK, NULL, &ran_with);
    return *(int *)arg;
}

static int simple(void *arg)
{
    (void)arg;
    ck_assert_int_eq(proa_to_thread(look_around, &(int){42}, NULL), 42);
    ck_assert(!pthread_equal(ran_in, pthread_self()));
    ck_assert_int_eq(sigismember(&ran_with, SIGTERM), 1);
    ck_assert_int_eq(sigismember(&ran_with, SIGUSR1), 1);
    return 0;
}
START_TEST(a_job_runs_in_another_thread_with_signals_blocked)
{
    t_run(simple, NULL);
}
END_TEST

static int fail_with_words(void *arg)
{
    return proa__fail(PROA_EBADMSG, "%s", (const char *)arg);
}

static int fail_without(void *arg)
{
    (void)arg;
    return PROA_EPIPE;
}

static int details(void *arg)
{
    char words[] = "line 7 of the moon";

    (void)arg;
    ck_err(proa_to_thread(fail_with_words, words, NULL), PROA_EBADMSG);
    ck_assert_str_eq(proa_err_detail(PROA_EBADMSG), words);
    ck_err(proa_to_thread(fail_without, NULL, NULL), PROA_EPIPE);
    ck_assert_str_eq(proa_err_detail(PROA_EPIPE), proa_err_text(PROA_EPIPE));
    return 0;
}
START_TEST(a_jobs_failure_comes_with_its_words)
{
    t_run(details, NULL);
}
END_TEST

/* Jobs that wait until they are let go. */
static sem_t begun, go;
static int finished;

static int hold(void *arg)
{
    sem_post(&begun);
    sem_wait(&go);
    __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
    return arg ? *(int *)arg : 0;
}

static void prepare_holds(void)
{
    sem_init(&begun, 0, 0);
    sem_init(&go, 0, 0);
}

static int hold_in_thread(void *arg)
{
    return proa_to_thread(hold, arg, NULL);
}

static void let_go(int n)
{
    while (n--)
        sem_post(&go);
}

static int side_by_side(void *arg)
{
    (void)arg;
    prepare_holds();
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++)
        proa_create_task(&g, hold_in_thread, NULL);
    proa_yield();
    for (int i = 0; i < 3; i++)
        sem_wait(&begun); /* all three at once, or this would hang */
    let_go(3);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(finished, 3);
    return 0;
}
START_TEST(jobs_run_side_by_side)
{
    t_run_in_order(side_by_side, NULL);
}
END_TEST

static int rc_of_hold;

static int remember_rc(void *arg)
{
    rc_of_hold = proa_to_thread(hold, arg, NULL);
    return proa_sleep(0);
}

static int waited_for(void *arg)
{
    int value = 9;

    (void)arg;
    prepare_holds();
    PROA_GROUP(g);
    proa_create_task(&g, remember_rc, &value);
    proa_yield();
    sem_wait(&begun);
    proa_group_cancel(&g);
    let_go(1);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(rc_of_hold, 9); /* the result stands; the next call told of the cancel */
    ck_assert_int_eq(finished, 1);
    return 0;
}
START_TEST(a_job_that_runs_is_waited_for_although_cancelled)
{
    t_run_in_order(waited_for, NULL);
}
END_TEST

static bool released_ran;

static int fn_must_not_run(void *arg)
{
    (void)arg;
    released_ran = true;
    return 0;
}

static int queue_one(void *arg)
{
    (void)arg;
    rc_of_hold = proa_to_thread(fn_must_not_run, NULL, NULL);
    return rc_of_hold;
}

/* Every helper is busy, so one more job has to wait its turn. */
static int taken_back(void *arg)
{
    (void)arg;
    prepare_holds();
    PROA_GROUP(busy);
    for (int i = 0; i < 64; i++)
        proa_create_task(&busy, hold_in_thread, NULL);
    proa_yield();
    {
        PROA_GROUP(g);
        proa_create_task(&g, queue_one, NULL);
        proa_yield();
        proa_group_cancel(&g);
        ck_ok(proa_group_join(&g));
    }
    ck_err(rc_of_hold, PROA_ECANCELED);
    let_go(64);
    ck_ok(proa_group_join(&busy));
    ck_assert(!released_ran);
    ck_assert_int_eq(finished, 64);
    return 0;
}
START_TEST(aio_thr_07_a_job_that_waits_its_turn_never_runs_once_cancelled)
{
    t_run(taken_back, NULL);
}
END_TEST

static sem_t released;
static int n_released;

static void release(void *arg)
{
    ck_assert_ptr_eq(arg, &finished);
    n_released++;
    sem_post(&released);
}

static int abandon(void *arg)
{
    (void)arg;
    rc_of_hold = proa_to_thread(hold, &finished,
                                PROA_TO_THREAD_OPTS(.abandon = true, .release = release));
    return rc_of_hold;
}

static int abandoned(void *arg)
{
    (void)arg;
    prepare_holds();
    sem_init(&released, 0, 0);
    PROA_GROUP(g);
    proa_create_task(&g, abandon, NULL);
    proa_yield();
    sem_wait(&begun);
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g)); /* though the job still holds */
    ck_err(rc_of_hold, PROA_ECANCELED);
    ck_assert_int_eq(n_released, 0);
    let_go(1);
    sem_wait(&released);
    ck_assert_int_eq(n_released, 1);
    return 0;
}
START_TEST(an_abandoned_job_is_left_and_its_argument_released)
{
    t_run_in_order(abandoned, NULL);
    ck_assert_int_eq(n_released, 1);
}
END_TEST

static int not_abandoned(void *arg)
{
    (void)arg;
    prepare_holds();
    let_go(1);
    rc_of_hold = proa_to_thread(hold, &(int){5}, PROA_TO_THREAD_OPTS(.abandon = true));
    ck_assert_int_eq(rc_of_hold, 5);
    return 0;
}
START_TEST(a_job_that_may_be_abandoned_and_is_not_has_a_result)
{
    t_run(not_abandoned, NULL);
}
END_TEST

static int end_as_cancelled(void *arg)
{
    (void)arg;
    return PROA_ECANCELED;
}

/* As if fn had run a loop of its own that was cancelled. */
static int own_cancel(void *arg)
{
    (void)arg;
    sem_init(&released, 0, 0);
    n_released = 0;
    ck_err(proa_to_thread(end_as_cancelled, &finished,
                          PROA_TO_THREAD_OPTS(.abandon = true, .release = release)),
           PROA_ECANCELED);
    ck_assert_int_eq(n_released, 1);
    return 0;
}
START_TEST(an_argument_is_released_whoever_says_cancelled)
{
    t_run(own_cancel, NULL);
}
END_TEST

static int cancelled_before(void *arg)
{
    (void)arg;
    sem_init(&released, 0, 0);
    {
        PROA_TIMEOUT(t, 0);
        proa_sleep(1);
        ck_err(proa_to_thread(fn_must_not_run, NULL, NULL), PROA_ECANCELED);
        ck_err(proa_to_thread(fn_must_not_run, &finished,
                              PROA_TO_THREAD_OPTS(.abandon = true, .release = release)),
               PROA_ECANCELED);
    }
    ck_assert(!released_ran);
    ck_assert_int_eq(n_released, 1);
    return 0;
}
START_TEST(a_cancelled_caller_starts_no_job)
{
    t_run(cancelled_before, NULL);
}
END_TEST

static int leave_running(void *arg)
{
    (void)arg;
    prepare_holds();
    sem_init(&released, 0, 0);
    PROA_GROUP(g);
    proa_create_task(&g, abandon, NULL);
    proa_yield();
    sem_wait(&begun);
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    let_go(1);
    return 0;
}
START_TEST(the_end_of_the_loop_waits_for_its_helpers)
{
    t_run_in_order(leave_running, NULL);
    ck_assert_int_eq(n_released, 1);
}
END_TEST

static int nap(void *arg)
{
    (void)arg;
    usleep(5000);
    return 0;
}

static int virtual_and_real(void *arg)
{
    int64_t began = proa_now();

    (void)arg;
    PROA_TIMEOUT(t, PROA_MIN);
    ck_ok(proa_timeout_result(&t, proa_to_thread(nap, NULL, NULL)));
    ck_assert_int_lt(proa_now() - began, PROA_MIN); /* it did not jump to the deadline */
    return 0;
}
START_TEST(the_virtual_clock_waits_for_jobs)
{
    t_run(virtual_and_real, NULL);
}
END_TEST

static int one_job(void *arg)
{
    (void)arg;
    return proa_to_thread(look_around, &(int){0}, NULL);
}
START_TEST(each_wait_may_be_cancelled)
{
    t_each_park(one_job, NULL);
}
END_TEST
START_TEST(each_allocation_may_fail)
{
    t_run_each_alloc(one_job, NULL);
}
END_TEST

static int one_abandonable(void *arg)
{
    (void)arg;
    return proa_to_thread(look_around, &(int){0}, PROA_TO_THREAD_OPTS(.abandon = true));
}
START_TEST(each_allocation_of_an_abandonable_job_may_fail)
{
    t_run_each_alloc(one_abandonable, NULL);
}
END_TEST

/* ---- proa_run_threadsafe */

struct remote_call {
    struct proa_loop *loop;
    proa_task_fn *fn;
    int rc;
    char detail[100];
    struct proa_group *cancel_when_done;
};

static void cancel_group(void *group)
{
    proa_group_cancel(group);
}

static void *call_remotely(void *arg)
{
    struct remote_call *c = arg;

    c->rc = proa_run_threadsafe(c->loop, c->fn, arg);
    strncpy(c->detail, proa_err_detail(c->rc), sizeof c->detail - 1);
    if (c->cancel_when_done)
        proa_call_soon_threadsafe(c->loop, cancel_group, c->cancel_when_done);
    return NULL;
}

static int remote_fn(void *arg)
{
    const struct remote_call *c = arg;

    ck_assert_ptr_eq(proa_loop_current(), c->loop);
    ck_ok(proa_sleep(PROA_MS)); /* a task like any other */
    return proa__fail(PROA_EPROTO, "said by the task");
}

static int sleep_hour(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_HOUR);
}

static int called_remotely(void *arg)
{
    struct remote_call c = {.loop = proa_loop_current(), .fn = remote_fn};
    pthread_t thread;

    (void)arg;
    PROA_GROUP(g);
    c.cancel_when_done = &g;
    proa_create_task(&g, sleep_hour, NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, call_remotely, &c), 0);
    ck_ok(proa_group_join(&g));
    pthread_join(thread, NULL);
    ck_err(c.rc, PROA_EPROTO);
    ck_assert_str_eq(c.detail, "said by the task");
    return 0;
}
START_TEST(another_thread_gets_its_tasks_result_and_words)
{
    ck_ok(proa_run(called_remotely, NULL, NULL));
}
END_TEST

static int keep_loop(void *arg)
{
    *(struct proa_loop **)arg = proa_loop_ref(proa_loop_current());
    return 0;
}
START_TEST(a_loop_that_ended_takes_no_task)
{
    struct proa_loop *loop = NULL;

    ck_ok(proa_run(keep_loop, &loop, NULL));
    ck_err(proa_run_threadsafe(loop, remote_fn, NULL), PROA_ECLOSED);
    proa_loop_unref(loop);
}
END_TEST

/* The call comes when the loop turns no more but is not freed yet. */
START_TEST(a_task_that_could_not_start_is_told_of)
{
    struct remote_call c = {.fn = remote_fn};
    pthread_t thread;

    ck_ok(proa__loop_new(&c.loop, NULL));
    pthread_create(&thread, NULL, call_remotely, &c);
    while (!atomic_load(&c.loop->posted))
        usleep(100);
    proa__loop_free(c.loop);
    pthread_join(thread, NULL);
    ck_err(c.rc, PROA_ECLOSED);
}
END_TEST

static int call_from_loop(void *arg)
{
    (void)arg;
    return proa_run_threadsafe(proa_loop_current(), remote_fn, NULL);
}
START_TEST(from_its_own_thread_it_would_wait_for_itself)
{
    t_run_aborts(call_from_loop, NULL, "this thread has a loop");
}
END_TEST

int main(void)
{
    return t_main("thread", (const TTest *const[]){
                                a_job_runs_in_another_thread_with_signals_blocked,
                                a_jobs_failure_comes_with_its_words,
                                jobs_run_side_by_side,
                                a_job_that_runs_is_waited_for_although_cancelled,
                                aio_thr_07_a_job_that_waits_its_turn_never_runs_once_cancelled,
                                an_abandoned_job_is_left_and_its_argument_released,
                                a_job_that_may_be_abandoned_and_is_not_has_a_result,
                                an_argument_is_released_whoever_says_cancelled,
                                a_cancelled_caller_starts_no_job,
                                the_end_of_the_loop_waits_for_its_helpers,
                                the_virtual_clock_waits_for_jobs,
                                each_wait_may_be_cancelled,
                                each_allocation_may_fail,
                                each_allocation_of_an_abandonable_job_may_fail,
                                another_thread_gets_its_tasks_result_and_words,
                                a_loop_that_ended_takes_no_task,
                                a_task_that_could_not_start_is_told_of,
                                from_its_own_thread_it_would_wait_for_itself,
                                NULL,
                            });
}
