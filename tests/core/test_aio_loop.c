#include "base/fail.h"
#include "core/loop.h"
#include "support/t_run.h"

#include <proa/call.h>
#include <proa/fault.h>
#include <proa/fd.h>
#include <proa/group.h>
#include <proa/log.h>
#include <proa/loop.h>
#include <proa/run.h>
#include <proa/task.h>
#include <proa/thread.h>
#include <proa/time.h>

#include <semaphore.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct trace {
    char text[32];
    size_t n;
};

struct letter {
    struct trace *trace;
    char c;
    struct letter *then; /* asked for by the callback; NULL: nothing */
    struct proa_handle handle;
};

static void put_down(void *arg)
{
    struct letter *l = arg;

    l->trace->text[l->trace->n++] = l->c;
    l->trace->text[l->trace->n] = '\0';
    if (l->then)
        ck_ok(proa_call_soon(&l->then->handle, put_down, l->then));
}

static int fifo_body(void *arg)
{
    struct trace trace = {.n = 0};
    struct letter a = {.trace = &trace, .c = 'A'}, b = {.trace = &trace, .c = 'B'};
    struct letter c = {.trace = &trace, .c = 'C'};

    (void)arg;
    ck_ok(proa_call_soon(&a.handle, put_down, &a));
    ck_ok(proa_call_soon(&b.handle, put_down, &b));
    ck_ok(proa_call_soon(&c.handle, put_down, &c));
    ck_assert(proa_handle_cancel(&b.handle));
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_str_eq(trace.text, "AC");
    return 0;
}
START_TEST(aio_loop_01_calls_are_made_in_order_and_can_be_taken_back)
{
    t_run_modes(fifo_body, NULL);
}
END_TEST

/* A task that yields sees how far the callbacks are after each turn. */
static int next_turn_body(void *arg)
{
    struct trace trace = {.n = 0};
    struct letter c = {.trace = &trace, .c = 'C'};
    struct letter a = {.trace = &trace, .c = 'A', .then = &c};
    struct letter b = {.trace = &trace, .c = 'B'};

    (void)arg;
    ck_ok(proa_call_soon(&a.handle, put_down, &a));
    ck_ok(proa_call_soon(&b.handle, put_down, &b));
    while (trace.n == 0)
        ck_ok(proa_yield());
    ck_assert_str_eq(trace.text, "AB");
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_str_eq(trace.text, "ABC");
    return 0;
}
START_TEST(aio_loop_02_a_call_asked_for_by_a_callback_comes_a_turn_later)
{
    t_run_modes(next_turn_body, NULL);
}
END_TEST

static int keep_loop(void *arg)
{
    *(struct proa_loop **)arg = proa_loop_ref(proa_loop_current());
    return 0;
}
START_TEST(aio_loop_04_a_loop_that_ended_takes_no_post)
{
    PROA_AUTO(proa_loop) *loop = NULL;

    ck_ok(proa_run(keep_loop, &loop, NULL));
    ck_err(proa_call_soon_threadsafe(loop, put_down, NULL), PROA_ECLOSED);
}
END_TEST

static int negative_body(void *arg)
{
    struct trace trace = {.n = 0};
    struct letter a = {.trace = &trace, .c = 'a'}, b = {.trace = &trace, .c = 'b'};
    struct letter c = {.trace = &trace, .c = 'c'};
    int64_t began = proa_now();

    (void)arg;
    ck_ok(proa_call_later(&a.handle, 0, put_down, &a));
    ck_ok(proa_call_later(&b.handle, -PROA_MS, put_down, &b));
    ck_ok(proa_call_later(&c.handle, -PROA_SEC, put_down, &c));
    while (trace.n < 3)
        ck_ok(proa_yield());
    ck_assert(proa_now() == began);
    ck_assert_str_eq(trace.text, "cba");
    return 0;
}
START_TEST(aio_loop_12_negative_delays_are_due_and_keep_their_order)
{
    t_run_modes(negative_body, NULL);
}
END_TEST

static int equal_body(void *arg)
{
    struct trace trace = {.n = 0};
    struct letter l[5];
    int64_t when = proa_now() + PROA_SEC;

    (void)arg;
    for (int i = 0; i < 5; i++) {
        l[i] = (struct letter){.trace = &trace, .c = (char)('a' + i)};
        ck_ok(proa_call_at(&l[i].handle, when, put_down, &l[i]));
    }
    ck_ok(proa_sleep(2 * PROA_SEC));
    ck_assert_str_eq(trace.text, "abcde");
    return 0;
}
START_TEST(aio_loop_13_equal_deadlines_keep_the_order_of_asking)
{
    t_run_modes(equal_body, NULL);
}
END_TEST

static int never_early(void *arg)
{
    static const int64_t spans[] = {1, 999, PROA_US, 1500 * PROA_US, 3 * PROA_MS + 1};

    (void)arg;
    for (int i = 0; i < 5; i++) {
        int64_t began = proa_now();

        ck_ok(proa_sleep(spans[i]));
        ck_assert(proa_now() - began >= spans[i]);
    }
    return 0;
}
START_TEST(aio_loop_15_timers_are_never_early)
{
    ck_ok(proa_run(never_early, NULL, NULL)); /* the real clock */
    t_run_modes(never_early, NULL);
}
END_TEST

static int long_body(void *arg)
{
    int64_t began = proa_now();

    (void)arg;
    ck_ok(proa_sleep(100000 * PROA_HOUR));
    ck_assert(proa_now() - began == 100000 * PROA_HOUR);
    return 0;
}
START_TEST(aio_loop_16_sleeps_of_years_end)
{
    t_run_modes(long_body, NULL);
}
END_TEST

struct posting {
    struct proa_loop *loop;
    sem_t called;
};

static void note_call(void *arg)
{
    struct posting *p = arg;

    sem_post(&p->called);
}

/* Its end, which would wake the loop too, comes after the call. */
static int post_from_thread(void *arg)
{
    struct posting *p = arg;
    int rc = proa_call_soon_threadsafe(p->loop, note_call, p);

    while (rc == 0 && sem_wait(&p->called) != 0)
        ;
    return rc;
}

static int wake_body(void *arg)
{
    struct posting p = {.loop = proa_loop_current()};

    (void)arg;
    ck_assert_int_eq(sem_init(&p.called, 0, 0), 0);
    ck_ok(proa_to_thread(post_from_thread, &p, NULL));
    sem_destroy(&p.called);
    return 0;
}
START_TEST(aio_loop_19_a_post_of_another_thread_wakes_the_loop)
{
    t_run_modes(wake_body, NULL);
}
END_TEST

static int post_to_self_body(void *arg)
{
    struct trace trace = {.n = 0};
    struct letter a = {.trace = &trace, .c = 'a'};

    (void)arg;
    ck_ok(proa_call_soon_threadsafe(proa_loop_current(), put_down, &a));
    ck_assert_uint_eq(trace.n, 0);
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_str_eq(trace.text, "a");
    return 0;
}
START_TEST(aio_loop_20_a_loop_may_post_to_itself)
{
    t_run_modes(post_to_self_body, NULL);
}
END_TEST

/* Its counter cannot take one more: the write fails, and the loop is awake all the same. */
static int full_body(void *arg)
{
    struct trace trace = {.n = 0};
    struct letter a = {.trace = &trace, .c = 'a'};
    uint64_t full = UINT64_MAX - 1;

    (void)arg;
    ck_assert_int_eq(write(proa_loop_current()->wake.fd, &full, sizeof full), sizeof full);
    ck_ok(proa_call_soon_threadsafe(proa_loop_current(), put_down, &a));
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_str_eq(trace.text, "a");
    return 0;
}
START_TEST(aio_loop_21_a_wake_that_cannot_be_written_is_pending_already)
{
    t_run_modes(full_body, NULL);
}
END_TEST

/* ---- faults */

static int faults;
static char logged[512];

static void note_log(enum proa_log_level level, const char *text, void *arg)
{
    (void)level;
    (void)arg;
    strncat(logged, text, sizeof logged - strlen(logged) - 1);
}

static int fail_to_handle(const struct proa_fault *fault, void *arg)
{
    (void)fault;
    (void)arg;
    faults++;
    return proa__fail(PROA_ENOSPC, "no room for a report");
}

static int give_eio(void *arg)
{
    (void)arg;
    return proa__fail(PROA_EIO, "the pump is broken");
}

static int failing_handler_body(void *arg)
{
    (void)arg;
    faults = 0;
    logged[0] = '\0';
    proa_fault_set(fail_to_handle, NULL);
    ck_ok(proa_create_task(NULL, give_eio, NULL));
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_int_eq(faults, 1);
    ck_assert_ptr_nonnull(strstr(logged, "the fault handler failed"));
    ck_assert_ptr_nonnull(strstr(logged, "PROA_ENOSPC"));
    ck_assert_ptr_nonnull(strstr(logged, "PROA_EIO")); /* the fault itself is not lost */
    ck_assert_ptr_nonnull(strstr(logged, "the pump is broken"));
    return 0;
}
START_TEST(aio_loop_22_a_handler_that_fails_leaves_the_fault_to_the_log)
{
    proa_log_set(note_log, NULL);
    t_run_modes(failing_handler_body, NULL);
}
END_TEST

static int restore_body(void *arg)
{
    (void)arg;
    faults = 0;
    logged[0] = '\0';
    proa_fault_set(fail_to_handle, NULL);
    proa_fault_set(NULL, NULL);
    ck_ok(proa_create_task(NULL, give_eio, NULL));
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_int_eq(faults, 0);
    ck_assert_ptr_nonnull(strstr(logged, "PROA_EIO"));
    return 0;
}
START_TEST(aio_loop_23_no_handler_is_the_default)
{
    proa_log_set(note_log, NULL);
    t_run_modes(restore_body, NULL);
}
END_TEST

/* ---- fork */

static int give(void *rc)
{
    return *(int *)rc;
}

static int fork_body(void *arg)
{
    int rc = 42;
    int status;
    pid_t child = fork();

    (void)arg;
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(!proa_loop_current() && proa_run(give, &rc, NULL) == 42 ? 0 : 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    return 0;
}
START_TEST(aio_loop_26_a_forked_child_has_no_loop_and_may_run_its_own)
{
    t_run_modes(fork_body, NULL);
}
END_TEST

static int wait_readable(void *fd)
{
    return proa_wait_fd(*(int *)fd, PROA_READABLE);
}

static int second_body(void *arg)
{
    struct proa_task_ref ref;
    int fds[2];

    (void)arg;
    ck_assert_int_eq(pipe(fds), 0);
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task_opts(&g, &ref, wait_readable, &fds[0], NULL));
        while (proa_task_state(ref) != PROA_TASK_WAITING)
            ck_ok(proa_yield());
        ck_err(proa_wait_fd(fds[0], PROA_READABLE), PROA_EBUSY);
        ck_assert_int_eq(write(fds[1], "x", 1), 1);
        ck_ok(proa_group_join(&g)); /* the first one was not displaced */
    }
    close(fds[0]);
    close(fds[1]);
    return 0;
}
START_TEST(aio_loop_27_a_second_wait_for_a_descriptor_is_busy)
{
    t_run_modes(second_body, NULL);
}
END_TEST

static void wait_without_loop(void *fd)
{
    proa_wait_fd(*(int *)fd, PROA_READABLE);
}

START_TEST(aio_loop_30_after_the_loop_no_descriptor_is_waited_for)
{
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    ck_ok(proa_run(give, &(int){0}, NULL));
    t_aborts(wait_without_loop, &fds[0], "proa_wait_fd: no task runs here");
}
END_TEST

int main(void)
{
    return t_main("aio_loop", (const TTest *const[]){
                                  aio_loop_01_calls_are_made_in_order_and_can_be_taken_back,
                                  aio_loop_02_a_call_asked_for_by_a_callback_comes_a_turn_later,
                                  aio_loop_04_a_loop_that_ended_takes_no_post,
                                  aio_loop_12_negative_delays_are_due_and_keep_their_order,
                                  aio_loop_13_equal_deadlines_keep_the_order_of_asking,
                                  aio_loop_15_timers_are_never_early,
                                  aio_loop_16_sleeps_of_years_end,
                                  aio_loop_19_a_post_of_another_thread_wakes_the_loop,
                                  aio_loop_20_a_loop_may_post_to_itself,
                                  aio_loop_21_a_wake_that_cannot_be_written_is_pending_already,
                                  aio_loop_22_a_handler_that_fails_leaves_the_fault_to_the_log,
                                  aio_loop_23_no_handler_is_the_default,
                                  aio_loop_26_a_forked_child_has_no_loop_and_may_run_its_own,
                                  aio_loop_27_a_second_wait_for_a_descriptor_is_busy,
                                  aio_loop_30_after_the_loop_no_descriptor_is_waited_for,
                                  NULL,
                              });
}
