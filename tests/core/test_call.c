#include "base/fail.h"
#include "support/t_run.h"

#include <proa/call.h>
#include <proa/group.h>
#include <proa/run.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

/* ---- what callbacks of these tests do */

struct trace {
    char text[64];
    size_t n;
};

struct letter {
    struct trace *trace;
    char c;
    struct proa_handle handle;
};

static void write(struct trace *trace, char c)
{
    trace->text[trace->n++] = c;
    trace->text[trace->n] = '\0';
}

static void put_down(void *arg)
{
    struct letter *l = arg;

    write(l->trace, l->c);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* ---- handles */

static int again_body(void *arg)
{
    struct trace trace = {.n = 0};
    struct letter a = {&trace, 'a', {{0}}}, b = {&trace, 'b', {{0}}};

    (void)arg;
    ck_assert(!proa_handle_is_pending(&a.handle));
    ck_assert(!proa_handle_cancel(&a.handle));
    ck_ok(proa_call_soon(&a.handle, put_down, &a));
    ck_ok(proa_call_later(&b.handle, PROA_SEC, put_down, &b));
    ck_assert(proa_handle_is_pending(&a.handle));
    ck_assert(proa_handle_when(&a.handle) == INT64_MIN);
    ck_assert(proa_handle_when(&b.handle) == proa_now() + PROA_SEC);
    ck_ok(proa_call_later(&a.handle, 2 * PROA_SEC, put_down, &a)); /* moved behind b */
    ck_ok(proa_sleep(PROA_SEC));
    ck_ok(proa_yield());
    ck_assert_str_eq(trace.text, "b");
    ck_ok(proa_sleep(PROA_SEC));
    ck_ok(proa_yield());
    ck_assert_str_eq(trace.text, "ba");
    ck_assert(!proa_handle_is_pending(&a.handle));
    ck_assert(proa_handle_when(&a.handle) == PROA_FOREVER);
    return 0;
}
START_TEST(a_pending_handle_is_moved)
{
    t_run_modes(again_body, NULL);
}
END_TEST

static int brace_body(void *arg)
{
    struct trace trace = {.n = 0};
    struct letter a = {&trace, 'a', {{0}}};

    (void)arg;
    {
        PROA_AUTO(proa_handle) soon = {{0}};
        PROA_AUTO(proa_handle) later = {{0}};

        ck_ok(proa_call_soon(&soon, put_down, &a));
        ck_ok(proa_call_later(&later, PROA_MS, put_down, &a));
    }
    ck_ok(proa_sleep(PROA_SEC));
    ck_assert_str_eq(trace.text, "");
    return 0;
}
START_TEST(a_handle_is_taken_back_at_the_brace)
{
    t_run_modes(brace_body, NULL);
}
END_TEST

static int odd_times_body(void *arg)
{
    struct trace trace = {.n = 0};
    struct letter a = {&trace, 'a', {{0}}};

    (void)arg;
    ck_ok(proa_call_later(&a.handle, PROA_MS, put_down, &a));
    ck_err(proa_call_later(&a.handle, INT64_MIN, put_down, &a), PROA_EINVAL);
    ck_err(proa_call_later(&a.handle, PROA_FOREVER - 1, put_down, &a), PROA_EINVAL);
    ck_err(proa_call_at(&a.handle, INT64_MIN, put_down, &a), PROA_EINVAL);
    ck_assert(proa_handle_when(&a.handle) == proa_now() + PROA_MS); /* as before */
    ck_ok(proa_call_later(&a.handle, PROA_FOREVER, put_down, &a));
    ck_ok(proa_sleep(1000 * PROA_HOUR));
    ck_assert(proa_handle_is_pending(&a.handle));
    ck_assert(proa_handle_cancel(&a.handle));
    ck_assert_str_eq(trace.text, "");
    return 0;
}
START_TEST(times_that_cannot_be_told_change_nothing)
{
    t_run_modes(odd_times_body, NULL);
}
END_TEST

/* By the world's clock: the virtual one stands still within a turn. */
struct turns {
    unsigned rounds;
    unsigned late;
    bool called;
    struct proa_event *done;
};

static void be_called(void *arg)
{
    ((struct turns *)arg)->called = true;
}

static void begin_round(void *arg);

/* Two turns on; in the one between, what is due came after what was asked for soon. */
static void end_round(void *arg)
{
    struct turns *t = arg;

    t->late += !t->called;
    if (--t->rounds)
        ck_ok(proa_call_soon(NULL, begin_round, t));
    else
        proa_event_set(t->done);
}

static void wait_a_turn(void *arg)
{
    ck_ok(proa_call_soon(NULL, end_round, arg));
}

static void begin_round(void *arg)
{
    struct turns *t = arg;

    t->called = false;
    ck_ok(proa_call_later(NULL, -(int64_t)(t->rounds % 2), be_called, t));
    ck_ok(proa_call_soon(NULL, wait_a_turn, t));
}

static int rounds_body(void *arg)
{
    struct turns *t = arg;

    ck_ok(proa_event_new(&t->done));
    ck_ok(proa_call_soon(NULL, begin_round, t));
    ck_ok(proa_event_wait(t->done));
    proa_event_free(t->done);
    return 0;
}
START_TEST(a_call_without_delay_is_made_in_the_next_turn)
{
    struct turns t = {.rounds = 100};

    ck_ok(proa_run(rounds_body, &t, NULL));
    ck_assert_int_eq(t.late, 0);
}
END_TEST

static int forgotten_body(void *arg)
{
    ck_ok(proa_call_soon(NULL, put_down, arg));
    ck_ok(proa_call_later(NULL, PROA_MS, put_down, arg));
    ck_ok(proa_call_at(NULL, proa_now() + PROA_MS, put_down, arg));
    ck_ok(proa_task_on_done(proa_current_task(), NULL, put_down, arg));
    return proa_sleep(PROA_SEC);
}
START_TEST(calls_without_a_handle_are_made)
{
    struct trace trace = {.n = 0};
    struct letter a = {&trace, 'a', {{0}}};

    t_run_in_order(forgotten_body, &a); /* and leave nothing, though the last never came */
    ck_assert_str_eq(trace.text, "aaa");
}
END_TEST

static int leave_pending(void *arg)
{
    struct letter *l = arg;

    return proa_call_later(&l->handle, PROA_HOUR, put_down, l);
}
START_TEST(the_end_of_the_loop_takes_calls_back)
{
    struct trace trace = {.n = 0};
    struct letter a = {&trace, 'a', {{0}}};

    ck_ok(proa_run(leave_pending, &a, NULL));
    ck_assert(!proa_handle_is_pending(&a.handle));
    ck_assert(!proa_handle_cancel(&a.handle));
    ck_assert_str_eq(trace.text, "");
}
END_TEST

static void call_without_loop(void *arg)
{
    proa_call_soon(arg, put_down, NULL);
}
START_TEST(asking_outside_of_a_loop_aborts)
{
    struct proa_handle handle = {{0}};

    t_aborts(call_without_loop, &handle, "proa_call_soon: no loop runs in this thread");
}
END_TEST

static void ignore(void *arg)
{
    (void)arg;
}

static int ask_for_calls(void *arg)
{
    int rc = proa_call_soon(NULL, ignore, arg);

    if (rc == 0)
        rc = proa_call_later(NULL, PROA_MS, ignore, arg);
    if (rc == 0)
        rc = proa_task_on_done(proa_current_task(), NULL, ignore, arg);
    proa_sleep(PROA_SEC);
    return rc;
}
START_TEST(each_failed_allocation_is_enomem)
{
    t_run_each_alloc(ask_for_calls, NULL);
}
END_TEST

/* ---- the end of a task */

static int done_body(void *arg)
{
    struct trace trace = {.n = 0};
    struct letter a = {&trace, 'a', {{0}}}, b = {&trace, 'b', {{0}}}, c = {&trace, 'c', {{0}}};
    struct proa_task_ref ref;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, nothing, NULL, NULL));
    ck_ok(proa_task_on_done(ref, &a.handle, put_down, &a));
    ck_ok(proa_task_on_done(ref, &b.handle, put_down, &b));
    ck_ok(proa_task_on_done(ref, &c.handle, put_down, &c));
    ck_assert(proa_handle_when(&a.handle) == PROA_FOREVER || proa_task_is_done(ref));
    ck_assert(proa_handle_cancel(&b.handle));
    ck_ok(proa_task_join(ref));
    ck_assert_str_eq(trace.text, ""); /* from the loop, not from the task's end */
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_str_eq(trace.text, "ac");
    ck_ok(proa_task_on_done(ref, &b.handle, put_down, &b)); /* it has ended: not from here either */
    ck_assert_str_eq(trace.text, "ac");
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_str_eq(trace.text, "acb");
    return proa_group_join(&g);
}
START_TEST(the_end_of_a_task_is_told_by_the_loop)
{
    t_run_in_order(done_body, NULL);
}
END_TEST

struct ended {
    struct proa_task_ref ref;
    int rc;
};

static void take_result(void *arg)
{
    struct ended *e = arg;

    e->rc = proa_task_result(e->ref);
}

static int fail_soon(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_MS) < 0 ? 0 : 17;
}

static int result_body(void *arg)
{
    struct ended e = {.rc = 0};
    struct proa_handle handle = {{0}};

    (void)arg;
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task_opts(&g, &e.ref, fail_soon, NULL, NULL));
        ck_err(proa_task_result(e.ref), PROA_EAGAIN);
        ck_ok(proa_task_on_done(e.ref, &handle, take_result, &e));
        ck_ok(proa_sleep(PROA_SEC));
        ck_assert_int_eq(e.rc, 17);
        ck_ok(proa_group_join(&g));
    }
    ck_err(proa_task_result(e.ref), PROA_ESTALE);
    ck_err(proa_task_on_done(e.ref, &handle, take_result, &e), PROA_ESTALE);
    ck_assert(!proa_handle_is_pending(&handle));
    return 0;
}
START_TEST(a_callback_can_ask_for_the_result)
{
    t_run_modes(result_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("call", (const TTest *const[]){
                              a_pending_handle_is_moved,
                              a_handle_is_taken_back_at_the_brace,
                              times_that_cannot_be_told_change_nothing,
                              a_call_without_delay_is_made_in_the_next_turn,
                              calls_without_a_handle_are_made,
                              the_end_of_the_loop_takes_calls_back,
                              asking_outside_of_a_loop_aborts,
                              each_failed_allocation_is_enomem,
                              the_end_of_a_task_is_told_by_the_loop,
                              a_callback_can_ask_for_the_result,
                              NULL,
                          });
}
