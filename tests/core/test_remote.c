#include "base/fail.h"
#include "core/loop.h"
#include "support/t_run.h"
#include "support/test.h"

#include <proa/context.h>
#include <proa/err.h>
#include <proa/fault.h>
#include <proa/group.h>
#include <proa/log.h>
#include <proa/remote.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/thread.h>

#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <unistd.h>

/*
 * What a thread does while a loop runs: the loop's main task sleeps until the thread is done.
 */
struct scene {
    void (*act)(struct scene *s);
    struct proa_loop *loop;
    struct proa_group *group; /* is cancelled when the thread is done */
    sem_t asleep;             /* a task of the scene sleeps */
};

static void cancel_group(void *group)
{
    proa_group_cancel(group);
}

static void *act(void *arg)
{
    struct scene *s = arg;

    s->act(s);
    ck_ok(proa_call_soon_threadsafe(s->loop, cancel_group, s->group));
    return NULL;
}

static int sleep_long(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_HOUR);
}

static int play(void *arg)
{
    struct scene *s = arg;
    pthread_t thread;
    PROA_GROUP(g);

    s->loop = proa_loop_current();
    s->group = &g;
    sem_init(&s->asleep, 0, 0);
    proa_create_task(&g, sleep_long, NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, act, s), 0);
    ck_ok(proa_group_join(&g));
    pthread_join(thread, NULL);
    return 0;
}

static void run_scene(void (*fn)(struct scene *s))
{
    struct scene s = {.act = fn};

    ck_ok(proa_run(play, &s, NULL));
}

/* ---- results */

static int seven(void *arg)
{
    const struct scene *s = arg;
    int rc = proa_sleep(PROA_US);

    ck_assert_ptr_eq(proa_loop_current(), s->loop);
    return rc < 0 ? rc : 7;
}

static int fail_with_words(void *arg)
{
    (void)arg;
    return proa__fail(PROA_EPROTO, "said by the task");
}

static void results(struct scene *s)
{
    struct proa_remote *r = NULL;

    ck_ok(proa_create_task_threadsafe(&r, s->loop, seven, s, NULL));
    ck_assert_int_eq(proa_remote_wait(r, PROA_FOREVER), 7);
    ck_assert_int_eq(proa_remote_wait(r, 0), 7);
    ck_assert(proa_remote_is_done(r));
    proa_remote_cancel(r); /* nothing any more */
    ck_assert_int_eq(proa_remote_wait(r, PROA_SEC), 7);
    proa_remote_free(r);
    ck_ok(proa_create_task_threadsafe(&r, s->loop, fail_with_words, s, NULL));
    ck_err(proa_remote_wait(r, PROA_FOREVER), PROA_EPROTO);
    ck_assert_str_eq(proa_err_detail(PROA_EPROTO), "said by the task");
    proa_remote_free(r);
    proa_remote_free(NULL);
}
START_TEST(a_thread_gets_its_tasks_result_and_words)
{
    run_scene(results);
}
END_TEST

static int tell_name(void *arg)
{
    strncpy(arg, proa_task_name(proa_current_task()), 31);
    return 0;
}

static void options(struct scene *s)
{
    struct proa_remote *r = NULL;
    char name[32] = "";
    char from[] = "the visitor";

    ck_ok(proa_create_task_threadsafe(&r, s->loop, tell_name, name,
                                      PROA_TASK_OPTS(.name = from, .stack_size = 128 << 10)));
    memset(from, 'x', sizeof from - 1); /* it was copied */
    ck_ok(proa_remote_wait(r, PROA_FOREVER));
    ck_assert_str_eq(name, "the visitor");
    proa_remote_free(r);
}
START_TEST(the_options_of_a_task_hold)
{
    run_scene(options);
}
END_TEST

static void bad_stack(struct scene *s)
{
    struct proa_remote *r = NULL;

    ck_ok(proa_create_task_threadsafe(&r, s->loop, fail_with_words, s,
                                      PROA_TASK_OPTS(.stack_size = 1)));
    ck_err(proa_remote_wait(r, PROA_FOREVER), PROA_EINVAL);
    proa_remote_free(r);
}
START_TEST(aio_thr_05_a_task_that_cannot_be_created_is_the_result)
{
    run_scene(bad_stack);
}
END_TEST

static void with_context(struct scene *s)
{
    struct proa_remote *r = NULL;
    PROA_AUTO(proa_context) *context = NULL;

    ck_ok(proa_context_new(&context));
    ck_err(proa_create_task_threadsafe(&r, s->loop, fail_with_words, s,
                                       PROA_TASK_OPTS(.context = context)),
           PROA_EINVAL);
    ck_assert_ptr_null(r);
}
START_TEST(a_context_stays_with_its_loop)
{
    run_scene(with_context);
}
END_TEST

/* ---- waiting for a time, and cancelling */

static int sleep_and_tell(void *arg)
{
    struct scene *s = arg;

    sem_post(&s->asleep);
    return proa_sleep(PROA_HOUR);
}

static void cancelled(struct scene *s)
{
    struct proa_remote *r = NULL;

    ck_ok(proa_create_task_threadsafe(&r, s->loop, sleep_and_tell, s, NULL));
    sem_wait(&s->asleep);
    ck_err(proa_remote_wait(r, PROA_MS), PROA_EAGAIN);
    ck_err(proa_remote_wait(r, -1), PROA_EAGAIN);
    ck_assert(!proa_remote_is_done(r));
    proa_remote_cancel(r);
    proa_remote_cancel(r); /* no more than once */
    ck_err(proa_remote_wait(r, PROA_FOREVER), PROA_ECANCELED);
    proa_remote_free(r);
}
START_TEST(a_thread_waits_for_a_time_and_cancels)
{
    run_scene(cancelled);
}
END_TEST

static int cancel_all(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < 16; i++)
        proa_yield();
    proa_task_cancel(proa_current_task());
    return proa_sleep(PROA_HOUR);
}

static void cancelled_in_loop(struct scene *s)
{
    struct proa_remote *r = NULL;

    ck_ok(proa_create_task_threadsafe(&r, s->loop, cancel_all, s, NULL));
    ck_err(proa_remote_wait(r, PROA_FOREVER), PROA_ECANCELED);
    proa_remote_free(r);
}
START_TEST(aio_thr_04_a_task_cancelled_in_its_loop_is_so_for_the_thread)
{
    run_scene(cancelled_in_loop);
}
END_TEST

static int say_cancelled(void *arg)
{
    (void)arg;
    return PROA_ECANCELED;
}

static void pretended(struct scene *s)
{
    struct proa_remote *r = NULL;

    ck_ok(proa_create_task_threadsafe(&r, s->loop, say_cancelled, s, NULL));
    ck_err(proa_remote_wait(r, PROA_FOREVER), PROA_EBADCANCEL);
    proa_remote_free(r);
}
START_TEST(a_cancel_that_nobody_ordered_is_a_failure)
{
    run_scene(pretended);
}
END_TEST

/* From a callback of the loop itself, so that the cancel is there before the task. */
static bool ran_first;

static int note_and_sleep(void *arg)
{
    (void)arg;
    ran_first = true;
    return proa_sleep(PROA_HOUR);
}

static int cancelled_early(void *arg)
{
    struct proa_remote *r = NULL;

    (void)arg;
    ck_ok(proa_create_task_threadsafe(&r, proa_loop_current(), note_and_sleep, NULL, NULL));
    proa_remote_cancel(r);
    while (!proa_remote_is_done(r))
        ck_ok(proa_yield());
    ck_err(proa_remote_wait(r, 0), PROA_ECANCELED);
    ck_assert(ran_first);
    proa_remote_free(r);
    return 0;
}
START_TEST(a_task_cancelled_before_its_first_turn_runs_and_is_told)
{
    ck_ok(proa_run(cancelled_early, NULL, NULL));
}
END_TEST

/* ---- ends */

static int keep_loop(void *arg)
{
    *(struct proa_loop **)arg = proa_loop_ref(proa_loop_current());
    return 0;
}
START_TEST(a_loop_that_ended_takes_no_task)
{
    struct proa_loop *loop = NULL;
    struct proa_remote *r = NULL;

    ck_ok(proa_run(keep_loop, &loop, NULL));
    ck_err(proa_create_task_threadsafe(&r, loop, fail_with_words, NULL, NULL), PROA_ECLOSED);
    ck_assert_ptr_null(r);
    proa_loop_unref(loop);
}
END_TEST

/* Posted, but the loop turns no more. */
START_TEST(a_loop_that_ends_before_the_task_starts_says_so)
{
    struct proa_loop *loop = NULL;
    struct proa_remote *r = NULL;

    ck_ok(proa__loop_new(&loop, NULL));
    ck_ok(proa_create_task_threadsafe(&r, loop, fail_with_words, NULL, NULL));
    proa_remote_cancel(r);
    ck_assert(!proa_remote_is_done(r));
    proa__loop_free(loop);
    ck_err(proa_remote_wait(r, PROA_FOREVER), PROA_ECLOSED);
    proa_remote_cancel(r);
    proa_remote_free(r);
}
END_TEST

/* The main task ends while the other sleeps: it is cancelled, and its handle outlives the loop. */
static struct proa_remote *left;

static int leave_one(void *arg)
{
    (void)arg;
    ck_ok(proa_create_task_threadsafe(&left, proa_loop_current(), sleep_long, NULL, NULL));
    return proa_sleep(PROA_MS);
}
START_TEST(a_task_that_runs_at_the_loops_end_was_cancelled)
{
    ck_ok(proa_run(leave_one, NULL, NULL));
    ck_err(proa_remote_wait(left, PROA_FOREVER), PROA_ECANCELED);
    proa_remote_cancel(left);
    proa_remote_free(left);
}
END_TEST

static int n_faults;
static int n_errors;

static int count_fault(const struct proa_fault *fault, void *arg)
{
    (void)arg;
    ck_assert_int_eq(fault->rc, PROA_EPROTO);
    n_faults++;
    return 0;
}

static void count_error(enum proa_log_level level, const char *text, void *arg)
{
    (void)arg;
    if (level == PROA_LOG_ERROR && strstr(text, "said by the task"))
        n_errors++;
}

/* Nobody asks for the failure: before the end the task tells the fault handler, after it the log.
 */
static int uncollected(void *arg)
{
    struct proa_remote *r = NULL;

    (void)arg;
    proa_fault_set(count_fault, NULL);
    proa_log_set(count_error, NULL);
    ck_ok(proa_create_task_threadsafe(&r, proa_loop_current(), fail_with_words, NULL, NULL));
    proa_remote_free(r);
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_int_eq(n_faults, 1);
    ck_ok(proa_create_task_threadsafe(&r, proa_loop_current(), fail_with_words, NULL, NULL));
    while (!proa_remote_is_done(r))
        proa_yield();
    ck_assert_int_eq(n_errors, 0);
    proa_remote_free(r);
    ck_assert_int_eq(n_errors, 1);
    ck_assert_int_eq(n_faults, 1);
    return 0;
}
START_TEST(a_failure_that_nobody_asks_for_is_told)
{
    ck_ok(proa_run(uncollected, NULL, NULL));
}
END_TEST

static int fail_closed(void *arg)
{
    (void)arg;
    return proa__fail(PROA_ECLOSED, "said by the task");
}

/* That a task's queue was closed is not that the loop has ended. */
static int uncollected_closed(void *arg)
{
    struct proa_remote *r = NULL;

    (void)arg;
    proa_log_set(count_error, NULL);
    ck_ok(proa_create_task_threadsafe(&r, proa_loop_current(), fail_closed, NULL, NULL));
    while (!proa_remote_is_done(r))
        proa_yield();
    proa_remote_free(r);
    ck_assert_int_eq(n_errors, 1);
    return 0;
}
START_TEST(a_task_that_found_something_closed_has_failed)
{
    ck_ok(proa_run(uncollected_closed, NULL, NULL));
}
END_TEST

static void count_any(enum proa_log_level level, const char *text, void *arg)
{
    (void)level;
    (void)text;
    (void)arg;
    n_errors++;
}
START_TEST(a_task_that_never_was_has_not_failed)
{
    struct proa_loop *loop = NULL;
    struct proa_remote *r = NULL;

    proa_log_set(count_any, NULL);
    ck_ok(proa__loop_new(&loop, NULL));
    ck_ok(proa_create_task_threadsafe(&r, loop, fail_with_words, NULL, NULL));
    proa__loop_free(loop);
    proa_remote_free(r);
    ck_assert_int_eq(n_errors, 0);
}
END_TEST

static int wait_in_loop(void *arg)
{
    struct proa_remote *r = NULL;

    (void)arg;
    ck_ok(proa_create_task_threadsafe(&r, proa_loop_current(), fail_with_words, NULL, NULL));
    return proa_remote_wait(r, PROA_SEC);
}
START_TEST(a_loops_own_thread_may_only_look)
{
    t_run_aborts(wait_in_loop, NULL, "proa_remote_wait: this thread has a loop");
}
END_TEST

/* Two threads start, wait, cancel and free at once, many times. */
static void storm(struct scene *s)
{
    for (int i = 0; i < 200; i++) {
        struct proa_remote *r = NULL;

        ck_ok(proa_create_task_threadsafe(&r, s->loop, i % 3 ? seven : sleep_long, s, NULL));
        if (i % 3 == 0 || i % 7 == 0)
            proa_remote_cancel(r);
        if (i % 5)
            proa_remote_wait(r, PROA_FOREVER);
        proa_remote_free(r);
    }
}

static void *second(void *arg)
{
    storm(arg);
    return NULL;
}

static void two_storms(struct scene *s)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, second, s), 0);
    storm(s);
    pthread_join(thread, NULL);
}
START_TEST(threads_start_and_cancel_at_the_same_time)
{
    run_scene(two_storms);
}
END_TEST

static int create_and_cancel(void *arg)
{
    struct proa_remote *r = NULL;
    int rc = proa_create_task_threadsafe(&r, proa_loop_current(), sleep_long, NULL,
                                         PROA_TASK_OPTS(.name = "one"));

    (void)arg;
    if (rc < 0)
        return rc;
    proa_remote_cancel(r);
    while (!proa_remote_is_done(r) && rc == 0)
        rc = proa_yield();
    if (rc == 0 && proa_remote_wait(r, 0) == PROA_ENOMEM)
        rc = PROA_ENOMEM;
    proa_remote_free(r);
    return rc;
}
START_TEST(each_allocation_may_fail)
{
    t_run_each_alloc(create_and_cancel, NULL);
}
END_TEST

int main(void)
{
    return t_main("remote", (const TTest *const[]){
                                a_thread_gets_its_tasks_result_and_words,
                                the_options_of_a_task_hold,
                                aio_thr_05_a_task_that_cannot_be_created_is_the_result,
                                a_context_stays_with_its_loop,
                                a_thread_waits_for_a_time_and_cancels,
                                aio_thr_04_a_task_cancelled_in_its_loop_is_so_for_the_thread,
                                a_cancel_that_nobody_ordered_is_a_failure,
                                a_task_cancelled_before_its_first_turn_runs_and_is_told,
                                a_loop_that_ended_takes_no_task,
                                a_loop_that_ends_before_the_task_starts_says_so,
                                a_task_that_runs_at_the_loops_end_was_cancelled,
                                a_failure_that_nobody_asks_for_is_told,
                                a_task_that_found_something_closed_has_failed,
                                a_task_that_never_was_has_not_failed,
                                a_loops_own_thread_may_only_look,
                                threads_start_and_cancel_at_the_same_time,
                                each_allocation_may_fail,
                                NULL,
                            });
}
