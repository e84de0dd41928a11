#include "core/loop.h"
#include "core/place.h"
#include "core/thread.h"
#include "core/trace.h"
#include "support/t_run.h"

#include <proa/task.h>

#include <execinfo.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- taking a trace */

static T_AS_WRITTEN int dig(int depth, struct trace *ret)
{
    volatile int more = depth;

    if (depth == 0)
        trace_here(ret);
    else
        more += dig(depth - 1, ret);
    return more;
}

static T_AS_WRITTEN int digger(void *arg)
{
    struct trace *trace = arg;
    volatile int keep = dig(8, trace);

    return keep * 0;
}

struct text {
    char lines[TRACE_DEPTH][PLACE_MAX];
    size_t n;
};

static void add_line(void *arg, const char *line)
{
    struct text *text = arg;

    ck_assert_uint_lt(text->n, TRACE_DEPTH);
    snprintf(text->lines[text->n++], PLACE_MAX, "%s", line);
}

static bool mentions(const struct text *text, const char *words)
{
    for (size_t i = 0; i < text->n; i++)
        if (strstr(text->lines[i], words))
            return true;
    return false;
}

static int bottom_body(void *arg)
{
    struct trace trace;

    (void)arg;
    proa__trace_prepare();
    digger(&trace);
    ck_assert_uint_gt(trace.n, 9);
    ck_assert_uint_lt(trace.n, 9 + 12); /* the test's own, run_tasks, coro_main, coro_entry */
    return 0;
}
START_TEST(a_trace_ends_at_the_bottom_of_its_task)
{
    t_run(bottom_body, NULL);
}
END_TEST

static int deep_body(void *arg)
{
    struct trace trace;

    (void)arg;
    proa__trace_prepare();
    ck_assert_int_gt(dig(400, &trace), 0);
    ck_assert_uint_eq(trace.n, TRACE_DEPTH);
    return 0;
}
START_TEST(a_deep_stack_has_its_innermost_frames_traced)
{
    t_run(deep_body, NULL);
}
END_TEST

static int places_body(void *arg)
{
    struct text *text = arg;
    struct trace trace;

    proa__trace_prepare();
    digger(&trace);
    proa__place_lines(&trace, add_line, text);
    ck_assert_uint_eq(text->n, trace.n);
    return 0;
}
START_TEST(a_place_is_a_function_and_a_line)
{
    static struct text text;
    char place[PLACE_MAX];

    t_run(places_body, &text);
    if (proa__place_knows_lines()) {
        ck_assert_msg(strncmp(text.lines[0], "dig", 3) == 0, "%s", text.lines[0]);
        ck_assert(mentions(&text, "digger"));
        ck_assert(mentions(&text, "places_body"));
    } else {
        ck_assert_msg(strstr(text.lines[0], "test_trace"), "%s", text.lines[0]);
    }
    ck_assert_str_eq(proa__place(NULL, place), "an unknown place");
    ck_assert_ptr_nonnull(strstr(proa__place((void *)8, place), "0x7"));
}
END_TEST

/* ---- interrupting */

struct stall {
    struct proa_loop *loop;
    atomic_int ready;
    atomic_int over;
    int rc;
    int64_t wait;
    struct trace_held held;
    pthread_t asker;
};

static void *ask(void *arg)
{
    struct stall *stall = arg;

    while (!atomic_load(&stall->ready))
        usleep(1000);
    stall->rc = proa__trace_interrupt(stall->loop, stall->wait, &stall->held);
    atomic_store(&stall->over, 1);
    return NULL;
}

/* Holds the loop until it was asked what it does. */
static T_AS_WRITTEN int spin(struct stall *stall)
{
    atomic_store(&stall->ready, 1);
    while (!atomic_load(&stall->over))
        sched_yield();
    return 0;
}

static T_AS_WRITTEN int spinner(void *arg)
{
    volatile int rc = spin(arg);

    return rc;
}

static void begin_asking(struct stall *stall)
{
    stall->loop = proa__loop_current();
    stall->wait = 30 * PROA_SEC;
    ck_ok(proa__trace_open(stall->loop));
    ck_ok(proa__thread_start(&stall->asker, ask, stall));
}

static void end_asking(struct stall *stall)
{
    pthread_join(stall->asker, NULL);
    proa__trace_close(stall->loop);
}

static int held_body(void *arg)
{
    struct stall *stall = arg;
    struct proa_task_ref ref;

    begin_asking(stall);
    ck_ok(proa_create_task_opts(NULL, &ref, spinner, stall, PROA_TASK_OPTS(.name = "spinner")));
    ck_ok(proa_task_join(ref));
    end_asking(stall);
    ck_ok(stall->rc);
    ck_assert_uint_eq(stall->held.seq, ref.seq);
    return 0;
}
START_TEST(who_holds_the_loop_is_known_while_it_does)
{
    static struct stall stall;
    static struct text text;
    char name[TRACE_NAME_MAX];

    t_run(held_body, &stall);
    ck_assert_str_eq(proa__trace_held_name(&stall.held, name), "task spinner");
    ck_assert_uint_gt(stall.held.trace.n, 2);
    proa__place_lines(&stall.held.trace, add_line, &text);
#ifndef PROA_SANITIZED_THREAD /* which calls the handler elsewhere and later */
    ck_assert(stall.held.trace.exact);
    if (proa__place_knows_lines())
        ck_assert(!mentions(&text, "on_signal")); /* not the handler's own */
#endif
    if (proa__place_knows_lines())
        ck_assert(mentions(&text, "spinner"));
}
END_TEST

static int unnamed_body(void *arg)
{
    struct stall *stall = arg;

    begin_asking(stall);
    ck_ok(proa_create_task(NULL, spinner, stall));
    while (!atomic_load(&stall->over))
        ck_ok(proa_yield());
    end_asking(stall);
    return stall->rc;
}
START_TEST(a_task_without_a_name_is_held_by_its_number)
{
    static struct stall stall;
    char name[TRACE_NAME_MAX];

    t_run_in_order(unnamed_body, &stall);
    ck_assert_str_eq(proa__trace_held_name(&stall.held, name), "task task-2");
}
END_TEST

static void spin_soon(void *arg)
{
    spin(arg);
}

static int callback_body(void *arg)
{
    struct stall *stall = arg;
    struct soon soon = {0};

    begin_asking(stall);
    proa__loop_soon(stall->loop, &soon, spin_soon, stall);
    while (!atomic_load(&stall->over))
        ck_ok(proa_yield());
    end_asking(stall);
    return stall->rc;
}
START_TEST(a_callback_is_held_by_no_task)
{
    static struct stall stall;
    char name[TRACE_NAME_MAX];

    t_run(callback_body, &stall);
    ck_assert(!stall.held.in_task);
    ck_assert_str_eq(proa__trace_held_name(&stall.held, name), "a callback of the loop");
}
END_TEST

static int blocked_body(void *arg)
{
    struct stall *stall = arg;
    sigset_t urgent;

    sigemptyset(&urgent);
    sigaddset(&urgent, SIGURG);
    begin_asking(stall);
    stall->wait = PROA_MS;
    pthread_sigmask(SIG_BLOCK, &urgent, NULL);
    spin(stall);
    pthread_sigmask(SIG_UNBLOCK, &urgent, NULL); /* it comes now, too late, and hurts nobody */
    end_asking(stall);
    return 0;
}
START_TEST(a_thread_that_cannot_be_interrupted_is_not_waited_for)
{
    static struct stall stall;

    t_run(blocked_body, &stall);
    ck_assert_int_eq(stall.rc, PROA_ETIMEDOUT);
}
END_TEST

static void *run_held(void *arg)
{
    t_run_in_order(held_body, arg);
    return NULL;
}
START_TEST(a_loop_in_a_thread_of_proas_is_interrupted_as_well)
{
    static struct stall stall;
    pthread_t thread;

    ck_ok(proa__thread_start(&thread, run_held, &stall));
    pthread_join(thread, NULL);
    ck_ok(stall.rc);
    ck_assert_str_eq(stall.held.name, "spinner");
}
END_TEST

static int unopened_body(void *arg)
{
    struct trace_held held;

    (void)arg;
    ck_err(proa__trace_interrupt(proa__loop_current(), PROA_SEC, &held), PROA_ENOSYS);
    return 0;
}
START_TEST(a_loop_that_is_not_open_is_not_interrupted)
{
    t_run(unopened_body, NULL);
}
END_TEST

/* ---- the handler */

static void program_handler(int signo)
{
    (void)signo;
}

static int other_signal_body(void *arg)
{
    struct stall *stall = arg;
    struct sigaction now;

    begin_asking(stall);
    sigaction(SIGURG, NULL, &now);
    ck_assert_ptr_eq(now.sa_handler, program_handler);
    spin(stall);
    end_asking(stall);
    return stall->rc;
}
START_TEST(a_handler_of_the_program_stays)
{
    static struct stall stall;
    struct sigaction now;

    signal(SIGURG, program_handler);
    t_run(other_signal_body, &stall); /* through the other signal */
    sigaction(SIGWINCH, NULL, &now);
    ck_assert_ptr_eq(now.sa_handler, SIG_DFL);
}
END_TEST

static atomic_int n_urgent;
static void count_urgent(int signo)
{
    (void)signo;
    atomic_fetch_add(&n_urgent, 1);
}
static int taken_body(void *arg)
{
    struct stall *stall = arg;

    begin_asking(stall);
    signal(SIGURG, count_urgent);
    stall->wait = PROA_MS;
    spin(stall);
    end_asking(stall);
    return 0;
}
START_TEST(a_handler_that_the_program_set_later_is_not_called)
{
    static struct stall stall;
    struct sigaction now;

    t_run(taken_body, &stall);
    ck_assert_int_eq(stall.rc, PROA_EBUSY);
    ck_assert_int_eq(n_urgent, 0);
    sigaction(SIGURG, NULL, &now);
    ck_assert_ptr_eq(now.sa_handler, count_urgent);
}
END_TEST

static int no_signal_body(void *arg)
{
    (void)arg;
    ck_err(proa__trace_open(proa__loop_current()), PROA_EBUSY);
    ck_assert_ptr_null(proa__loop_current()->trace);
    return 0;
}
START_TEST(without_a_free_signal_nothing_is_opened)
{
    signal(SIGURG, program_handler);
    signal(SIGWINCH, SIG_IGN);
    t_run(no_signal_body, NULL);
}
END_TEST

static int count_body(void *arg)
{
    struct proa_loop *loop = proa__loop_current();
    struct sigaction now;

    (void)arg;
    ck_ok(proa__trace_open(loop));
    ck_ok(proa__trace_open(loop));
    proa__trace_close(loop);
    sigaction(SIGURG, NULL, &now);
    ck_assert(now.sa_flags & SA_ONSTACK);
    proa__trace_close(loop);
    sigaction(SIGURG, NULL, &now);
    ck_assert_ptr_eq(now.sa_handler, SIG_DFL);
    return 0;
}
START_TEST(the_default_is_back_after_the_last_closing)
{
    t_run(count_body, NULL);
}
END_TEST

static int open_for_alloc(void *arg)
{
    int rc = proa__trace_open(proa__loop_current());

    (void)arg;
    if (rc == 0)
        proa__trace_close(proa__loop_current());
    return rc;
}
START_TEST(opening_survives_want_of_memory)
{
    t_run_each_alloc(open_for_alloc, NULL);
}
END_TEST

int main(void)
{
    return t_main("trace", (const TTest *const[]){
                               a_trace_ends_at_the_bottom_of_its_task,
                               a_deep_stack_has_its_innermost_frames_traced,
                               a_place_is_a_function_and_a_line,
                               who_holds_the_loop_is_known_while_it_does,
                               a_task_without_a_name_is_held_by_its_number,
                               a_callback_is_held_by_no_task,
                               a_thread_that_cannot_be_interrupted_is_not_waited_for,
                               a_loop_in_a_thread_of_proas_is_interrupted_as_well,
                               a_loop_that_is_not_open_is_not_interrupted,
                               a_handler_of_the_program_stays,
                               a_handler_that_the_program_set_later_is_not_called,
                               without_a_free_signal_nothing_is_opened,
                               the_default_is_back_after_the_last_closing,
                               opening_survives_want_of_memory,
                               NULL,
                           });
}
