#include "base/fail.h"
#include "support/t_run.h"

#include <proa/fault.h>
#include <proa/future.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <string.h>

/* Of futures in one thread; test_future_thread.c has the others. */

struct ends {
    struct proa_future *f;
    struct proa_promise *p;
};

static struct ends make(const struct proa_future_opts *opts)
{
    struct ends e;

    ck_ok(proa_future_new(&e.f, &e.p, opts));
    return e;
}

static void free_ends(struct ends e)
{
    proa_future_free(e.f);
    proa_promise_free(e.p);
}

struct waiter {
    struct proa_future *f;
    void *value;
    int rc;
    int turn; /* who woke first, second ... */
    char detail[64];
};

/* Values, which are not constant. */
static char text_a[] = "a";
static char text_b[] = "b";
static char untouched[] = "untouched";

static int turns;

static int wait_for(void *arg)
{
    struct waiter *w = arg;

    w->rc = proa_future_wait(w->f, &w->value);
    w->turn = turns++;
    snprintf(w->detail, sizeof w->detail, "%s", w->rc < 0 ? proa_err_detail(w->rc) : "");
    return 0;
}

static char faults[256];

static int note_fault(const struct proa_fault *fault, void *arg)
{
    char line[200];

    (void)arg;
    snprintf(line, sizeof line, "%s: %s: %s; ", fault->task, proa_err_name(fault->rc),
             fault->detail);
    strncat(faults, line, sizeof faults - strlen(faults) - 1);
    return 0;
}

static void watch_faults(void)
{
    faults[0] = '\0';
    proa_fault_set(note_fault, NULL);
}

/* ---- values */

static int set_first_body(void *arg)
{
    struct ends e = make(NULL);
    void *value = NULL;

    (void)arg;
    ck_assert(!proa_future_is_set(e.f));
    ck_err(proa_future_try_wait(e.f, &value), PROA_EAGAIN);
    ck_err(PROA_WITHIN(1, proa_future_wait(e.f, &value)), PROA_ETIMEDOUT);
    ck_assert_ptr_null(value);
    ck_ok(proa_promise_set(e.p, 7, text_a));
    ck_assert(proa_future_is_set(e.f));
    ck_assert_int_eq(proa_future_wait(e.f, &value), 7);
    ck_assert_ptr_eq(value, text_a);
    ck_assert_int_eq(proa_future_try_wait(e.f, NULL), 7);
    ck_assert_int_eq(proa_future_wait(e.f, NULL), 7); /* any number of times */
    free_ends(e);
    return 0;
}
START_TEST(a_result_is_there_once_it_was_set)
{
    t_run_modes(set_first_body, NULL);
}
END_TEST

static int twice_body(void *arg)
{
    struct ends e = make(PROA_FUTURE_OPTS(.name = "reply"));

    (void)arg;
    ck_ok(proa_promise_set(e.p, 1, NULL));
    ck_err(proa_promise_set(e.p, 2, NULL), PROA_EALREADY);
    ck_assert_str_eq(proa_err_detail(PROA_EALREADY), "reply was set already");
    ck_err(proa_promise_set_threadsafe(e.p, 2, NULL), PROA_EALREADY);
    ck_assert_int_eq(proa_future_wait(e.f, NULL), 1);
    free_ends(e);
    return 0;
}
START_TEST(it_is_set_once)
{
    t_run_modes(twice_body, NULL);
}
END_TEST

/* All wake, in the order they came, with the same value. */
static int many_body(void *arg)
{
    struct ends e = make(NULL);
    struct waiter w[5];

    (void)arg;
    turns = 0;
    PROA_GROUP(g);
    for (int i = 0; i < 5; i++) {
        w[i] = (struct waiter){.f = e.f, .rc = 1};
        ck_ok(proa_create_task(&g, wait_for, &w[i]));
    }
    ck_ok(proa_sleep(1));
    ck_ok(proa_promise_set(e.p, 0, text_a));
    free_ends(e); /* all was handed over */
    ck_ok(proa_group_join(&g));
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(w[i].rc, 0);
        ck_assert_str_eq(w[i].value, "a");
        ck_assert_int_eq(w[i].turn, i);
    }
    return 0;
}
START_TEST(aio_fut_10_many_tasks_wait_for_one_future)
{
    t_run_in_turn(many_body, NULL);
}
END_TEST

/* One of them is cancelled: the future and the others are not. */
static int detach_body(void *arg)
{
    struct ends e = make(NULL);
    struct waiter w[3];
    struct proa_task_ref refs[3];

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++) {
        w[i] = (struct waiter){.f = e.f, .rc = 1};
        ck_ok(proa_create_task_opts(&g, &refs[i], wait_for, &w[i], NULL));
    }
    ck_ok(proa_sleep(1));
    ck_ok(proa_task_cancel(refs[1]));
    ck_ok(proa_sleep(1));
    ck_assert_int_eq(w[1].rc, PROA_ECANCELED);
    ck_assert(!proa_future_is_set(e.f));
    ck_ok(proa_promise_set(e.p, 0, text_a));
    ck_ok(proa_task_cancel(refs[2])); /* too late: it has its value */
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(w[0].rc, 0);
    ck_assert_int_eq(w[2].rc, 0);
    ck_assert_str_eq(w[2].value, "a");
    free_ends(e);
    return 0;
}
START_TEST(aio_fut_11_a_cancelled_waiter_leaves_the_future_alone)
{
    t_run_modes(detach_body, NULL);
}
END_TEST

/* ---- failures */

static int failure_body(void *arg)
{
    struct ends e = make(NULL);
    struct waiter w = {.f = e.f, .value = untouched};
    void *value = untouched;

    (void)arg;
    watch_faults();
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wait_for, &w));
    ck_ok(proa_sleep(1));
    ck_ok(proa_promise_set(e.p, proa__fail(PROA_EIO, "disk %d is broken", 3), text_a));
    proa__fail(PROA_EINVAL, "something else"); /* the setter's words may change now */
    ck_err(proa_future_wait(e.f, &value), PROA_EIO);
    ck_assert_str_eq(proa_err_detail(PROA_EIO), "disk 3 is broken");
    ck_assert_str_eq(value, "untouched");
    free_ends(e);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(w.rc, PROA_EIO);
    ck_assert_str_eq(w.detail, "disk 3 is broken");
    ck_assert_str_eq(w.value, "untouched");
    ck_assert_str_eq(faults, "");
    return 0;
}
/* It was read by a waiter and by nobody else. */
static int read_by_waiter_body(void *arg)
{
    struct ends e = make(NULL);
    struct waiter w = {.f = e.f};

    (void)arg;
    watch_faults();
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wait_for, &w));
    ck_ok(proa_sleep(1));
    ck_ok(proa_promise_set(e.p, PROA_EIO, NULL));
    free_ends(e);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(w.rc, PROA_EIO);
    ck_assert_str_eq(faults, "");
    return 0;
}
START_TEST(a_failure_comes_with_its_words)
{
    t_run_modes(failure_body, NULL);
    t_run_modes(read_by_waiter_body, NULL);
}
END_TEST

static int unread_body(void *arg)
{
    struct ends e = make(PROA_FUTURE_OPTS(.name = "look-up"));

    (void)arg;
    watch_faults();
    ck_ok(proa_promise_set(e.p, proa__fail(PROA_EIO, "no answer"), NULL));
    ck_assert_str_eq(faults, "");
    free_ends(e);
    ck_assert_str_eq(faults, "look-up: PROA_EIO: no answer; "); /* once */

    e = make(NULL);
    faults[0] = '\0';
    ck_ok(proa_promise_set(e.p, PROA_EPIPE, NULL));
    free_ends(e);
    ck_assert_str_eq(faults, "a future: PROA_EPIPE: the other side no longer reads; ");

    /* Read, abandoned, a success, or nobody there: no report. */
    faults[0] = '\0';
    e = make(NULL);
    ck_ok(proa_promise_set(e.p, PROA_EPIPE, NULL));
    ck_err(proa_future_try_wait(e.f, NULL), PROA_EPIPE);
    free_ends(e);
    e = make(NULL);
    ck_ok(proa_promise_set(e.p, PROA_ECANCELED, NULL));
    free_ends(e);
    e = make(NULL);
    proa_promise_free(e.p);
    proa_future_free(e.f);
    e = make(NULL);
    ck_ok(proa_promise_set(e.p, 0, NULL));
    free_ends(e);
    e = make(NULL);
    proa_future_free(e.f);
    ck_err(proa_promise_set(e.p, PROA_EPIPE, NULL), PROA_ECLOSED);
    proa_promise_free(e.p);
    ck_assert_str_eq(faults, "");
    return 0;
}
START_TEST(aio_fut_07_an_unread_failure_is_reported_once)
{
    t_run_modes(unread_body, NULL);
}
END_TEST

/* ---- two ends */

static int abandon_body(void *arg)
{
    struct ends e = make(NULL);
    struct waiter w = {.f = e.f, .rc = 1};

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wait_for, &w));
    ck_ok(proa_sleep(1));
    proa_promise_free(e.p);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(w.rc, PROA_EABANDONED);
    ck_assert(proa_future_is_set(e.f));
    ck_err(proa_future_wait(e.f, NULL), PROA_EABANDONED);
    proa_future_free(e.f);

    e = make(NULL);
    ck_ok(proa_promise_set(e.p, PROA_ECANCELED, NULL)); /* the setter was cancelled, not we */
    ck_err(proa_future_wait(e.f, NULL), PROA_EABANDONED);
    free_ends(e);
    return 0;
}
START_TEST(a_promise_that_is_given_up_wakes_its_waiters)
{
    t_run_modes(abandon_body, NULL);
}
END_TEST

static int leave_body(void *arg)
{
    struct ends e = make(PROA_FUTURE_OPTS(.name = "reply"));

    (void)arg;
    proa_future_free(e.f);
    ck_err(proa_promise_set(e.p, 0, NULL), PROA_ECLOSED);
    ck_assert_str_eq(proa_err_detail(PROA_ECLOSED), "nobody waits for reply any more");
    ck_err(proa_promise_set(e.p, 0, NULL), PROA_ECLOSED);
    ck_err(proa_promise_set_threadsafe(e.p, 0, NULL), PROA_ECLOSED);
    proa_promise_free(e.p);
    proa_future_free(NULL);
    proa_promise_free(NULL);
    proa_promise_free_threadsafe(NULL);
    return 0;
}
START_TEST(a_promise_nobody_waits_for_says_so)
{
    t_run_modes(leave_body, NULL);
}
END_TEST

static int freed; /* values given to value_free */

static void count_free(void *value)
{
    ck_assert_ptr_nonnull(value);
    freed++;
}
static int own_body(void *arg)
{
    struct ends e = make(PROA_FUTURE_OPTS(.value_free = count_free));
    void *value = NULL;

    (void)arg;
    freed = 0;
    ck_ok(proa_promise_set(e.p, 0, text_a));
    ck_err(proa_promise_set(e.p, 0, text_b), PROA_EALREADY); /* stays the caller's */
    ck_ok(proa_future_wait(e.f, &value));
    proa_promise_free(e.p);
    ck_assert_int_eq(freed, 0);
    proa_future_free(e.f);
    ck_assert_int_eq(freed, 1);

    e = make(PROA_FUTURE_OPTS(.value_free = count_free));
    proa_future_free(e.f);
    ck_err(proa_promise_set(e.p, 0, text_a), PROA_ECLOSED);
    proa_promise_free(e.p);
    e = make(PROA_FUTURE_OPTS(.value_free = count_free));
    ck_ok(proa_promise_set(e.p, 0, NULL));
    free_ends(e);
    ck_assert_int_eq(freed, 1);
    return 0;
}
START_TEST(a_value_it_owns_is_freed_with_the_future)
{
    t_run_modes(own_body, NULL);
}
END_TEST

/* ---- callbacks */

static char called[32];

static void note_call(void *arg)
{
    strncat(called, arg, sizeof called - strlen(called) - 1);
}

static int callback_body(void *arg)
{
    struct ends e = make(NULL);

    (void)arg;
    called[0] = '\0';
    ck_ok(proa_future_add_done_callback(e.f, note_call, text_a));
    ck_ok(proa_future_add_done_callback(e.f, note_call, text_b));
    ck_ok(proa_sleep(1));
    ck_assert_str_eq(called, "");
    ck_ok(proa_promise_set(e.p, 0, NULL));
    ck_assert_str_eq(called, ""); /* not from inside */
    ck_ok(proa_sleep(1));
    ck_assert_str_eq(called, "ab");
    free_ends(e);
    return 0;
}
START_TEST(aio_fut_03_callbacks_run_in_the_turn_after_the_setting)
{
    t_run_modes(callback_body, NULL);
}
END_TEST

static int late_callback_body(void *arg)
{
    struct ends e = make(NULL);

    (void)arg;
    called[0] = '\0';
    ck_ok(proa_promise_set(e.p, 0, NULL));
    ck_ok(proa_future_add_done_callback(e.f, note_call, text_a));
    ck_assert_str_eq(called, "");
    ck_ok(proa_sleep(1));
    ck_assert_str_eq(called, "a");
    free_ends(e);
    return 0;
}
START_TEST(aio_fut_04_a_callback_of_a_set_future_is_scheduled)
{
    t_run_modes(late_callback_body, NULL);
}
END_TEST

static int remove_body(void *arg)
{
    struct ends e = make(NULL);

    (void)arg;
    called[0] = '\0';
    for (int i = 0; i < 3; i++)
        ck_ok(proa_future_add_done_callback(e.f, note_call, i == 1 ? text_b : text_a));
    ck_assert_int_eq(proa_future_remove_done_callback(e.f, note_call, text_a), 2);
    ck_assert_int_eq(proa_future_remove_done_callback(e.f, note_call, text_a), 0);
    ck_assert_int_eq(proa_future_remove_done_callback(e.f, count_free, text_a), 0);
    ck_ok(proa_future_add_done_callback(e.f, note_call, text_a));
    ck_ok(proa_promise_set(e.p, 0, NULL));
    ck_assert_int_eq(proa_future_remove_done_callback(e.f, note_call, text_a), 1); /* not run yet */
    ck_ok(proa_sleep(1));
    ck_assert_str_eq(called, "b");
    free_ends(e);
    return 0;
}
START_TEST(aio_fut_06_all_equal_callbacks_are_removed_and_counted)
{
    t_run_modes(remove_body, NULL);
}
END_TEST

static void free_future(void *arg)
{
    proa_future_free(arg);
    strcat(called, "f");
}
static int free_in_callback_body(void *arg)
{
    struct ends e = make(NULL);

    (void)arg;
    called[0] = '\0';
    ck_ok(proa_future_add_done_callback(e.f, free_future, e.f));
    ck_ok(proa_future_add_done_callback(e.f, note_call, text_b));
    proa_promise_free(e.p);
    ck_ok(proa_sleep(1));
    ck_assert_str_eq(called, "f");

    e = make(NULL);
    ck_ok(proa_future_add_done_callback(e.f, note_call, text_b));
    proa_future_free(e.f);
    ck_err(proa_promise_set(e.p, 0, NULL), PROA_ECLOSED);
    proa_promise_free(e.p);
    ck_ok(proa_sleep(1));
    ck_assert_str_eq(called, "f");
    return 0;
}
START_TEST(freeing_the_future_drops_its_callbacks)
{
    t_run_modes(free_in_callback_body, NULL);
}
END_TEST

/* ---- waiting for oneself */

static int join_oneself_body(void *arg)
{
    (void)arg;
    return proa_task_join(proa_current_task());
}
START_TEST(aio_fut_09_a_task_that_waits_for_itself_is_stopped_at_once)
{
    t_run_aborts(join_oneself_body, NULL, "task main waits for its own end");
}
END_TEST

/* ---- failures and misuse */

static int give(void *arg)
{
    struct proa_promise *p = arg;
    int rc = proa_yield();

    ck_ok(proa_promise_set(p, rc, NULL));
    proa_promise_free(p);
    return rc;
}
static int whole_body(void *arg)
{
    struct proa_promise *p;
    PROA_AUTO(proa_future) *f = NULL;
    int rc = proa_future_new(&f, &p, NULL);

    (void)arg;
    if (rc < 0)
        return rc;
    called[0] = '\0';
    rc = proa_future_add_done_callback(f, note_call, text_a);
    PROA_GROUP(g);
    if (rc == 0)
        rc = proa_create_task(&g, give, p);
    if (rc < 0) {
        proa_promise_free(p);
        return rc;
    }
    rc = proa_future_wait(f, NULL);
    if (rc < 0)
        return rc == PROA_EABANDONED ? proa_group_join(&g) : rc;
    ck_assert(proa_future_is_set(f));
    return proa_group_join(&g);
}
START_TEST(each_wait_may_be_cancelled_each_allocation_may_fail)
{
    t_each_park(whole_body, NULL);
    t_run_each_alloc(whole_body, NULL);
}
END_TEST

static int free_waited_body(void *arg)
{
    struct waiter w = {.f = make(NULL).f};

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wait_for, &w));
    ck_ok(proa_sleep(1));
    proa_future_free(w.f);
    return 0;
}
static int freed_future_body(void *arg)
{
    (void)arg;
    return proa_future_wait(NULL, NULL);
}
static int freed_promise_body(void *arg)
{
    struct ends e = make(NULL);

    (void)arg;
    proa_promise_free(e.p);
    return proa_promise_set(e.p, 0, NULL);
}
START_TEST(misuse_stops_the_program)
{
    t_run_aborts(free_waited_body, NULL, "proa_future_free: 1 tasks wait for future 0x");
    t_run_aborts(freed_future_body, NULL,
                 "proa_future_wait: future (nil) was freed, or never made");
    t_run_aborts(freed_promise_body, NULL, " was freed, or never made (task main; future.c:");
}
END_TEST

static int newer_body(void *arg)
{
    struct proa_future *f = NULL;
    struct proa_promise *p;
    struct {
        struct proa_future_opts o;
        char newer;
    } newer = {.o.size = sizeof newer, .newer = 1};

    (void)arg;
    ck_err(proa_future_new(&f, &p, &newer.o), PROA_E2BIG);
    ck_assert_ptr_null(f);
    return 0;
}
START_TEST(options_of_a_newer_version_are_refused)
{
    t_run(newer_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("future", (const TTest *const[]){
                                a_result_is_there_once_it_was_set,
                                it_is_set_once,
                                aio_fut_10_many_tasks_wait_for_one_future,
                                aio_fut_11_a_cancelled_waiter_leaves_the_future_alone,
                                a_failure_comes_with_its_words,
                                aio_fut_07_an_unread_failure_is_reported_once,
                                a_promise_that_is_given_up_wakes_its_waiters,
                                a_promise_nobody_waits_for_says_so,
                                a_value_it_owns_is_freed_with_the_future,
                                aio_fut_03_callbacks_run_in_the_turn_after_the_setting,
                                aio_fut_04_a_callback_of_a_set_future_is_scheduled,
                                aio_fut_06_all_equal_callbacks_are_removed_and_counted,
                                freeing_the_future_drops_its_callbacks,
                                aio_fut_09_a_task_that_waits_for_itself_is_stopped_at_once,
                                each_wait_may_be_cancelled_each_allocation_may_fail,
                                misuse_stops_the_program,
                                options_of_a_newer_version_are_refused,
                                NULL,
                            });
}
