#include "support/t_run.h"

#include <proa/call.h>
#include <proa/context.h>
#include <proa/group.h>
#include <proa/runner.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <event2/event.h>

#include <signal.h>
#include <unistd.h>

static const struct proa_runner_opts *virtual_clock(void)
{
    static const struct proa_runner_opts opts = {.size = sizeof opts, .run.virtual_clock = true};

    return &opts;
}

static int give(void *rc)
{
    return *(int *)rc;
}

static int sleep_ms(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_MS);
}

/* ---- several mains */

struct counter {
    int n;
    int rc;
};

static int count_ms(void *arg)
{
    struct counter *c = arg;

    while ((c->rc = proa_sleep(PROA_MS)) == 0)
        c->n++;
    return c->rc;
}

static int begin_counting(void *arg)
{
    return proa_create_task(NULL, count_ms, arg);
}

static int wait_a_while(void *arg)
{
    (void)arg;
    return proa_sleep(10 * PROA_MS + 1);
}
START_TEST(tasks_rest_between_two_mains)
{
    struct proa_runner *r = NULL;
    struct counter c = {0};
    int rc = 7;

    ck_ok(proa_runner_new(&r, virtual_clock()));
    ck_err(proa_runner_result(r), PROA_EINVAL);
    ck_assert_int_eq(proa_runner_run(r, give, &rc), 7);
    ck_ok(proa_runner_run(r, begin_counting, &c));
    ck_assert_int_eq(c.n, 0);
    ck_ok(proa_runner_run(r, wait_a_while, NULL));
    ck_assert_int_eq(c.n, 10);
    rc = PROA_EIO;
    ck_err(proa_runner_run(r, give, &rc), PROA_EIO);
    ck_err(proa_runner_result(r), PROA_EIO);
    ck_assert_int_eq(c.rc, 0);
    proa_runner_free(r);
    ck_err(c.rc, PROA_ECANCELED);
    proa_runner_free(NULL);
}
END_TEST

static const struct proa_context_key port = {"port", NULL};
static int eighty = 80;

static int set_port(void *arg)
{
    return proa_context_set(&port, arg);
}

static int has_port(void *arg)
{
    return proa_context_get(&port) == arg;
}
START_TEST(all_mains_share_a_context)
{
    PROA_AUTO(proa_runner) *r = NULL;

    ck_ok(proa_runner_new(&r, NULL));
    ck_ok(proa_runner_run(r, set_port, &eighty));
    ck_assert_int_eq(proa_runner_run(r, has_port, &eighty), 1);
}
END_TEST

/* ---- stop */

struct scene {
    struct proa_runner *r;
    char text[16];
    size_t n;
};

static void put_b(void *arg)
{
    struct scene *s = arg;

    s->text[s->n++] = 'b';
}

static void put_a_and_stop(void *arg)
{
    struct scene *s = arg;

    s->text[s->n++] = 'a';
    proa_runner_stop(s->r);
}

static int stop_in_callback(void *arg)
{
    ck_ok(proa_call_soon(NULL, put_a_and_stop, arg));
    ck_ok(proa_call_soon(NULL, put_b, arg));
    return proa_sleep(PROA_SEC) < 0 ? 0 : 5;
}

START_TEST(aio_loop_10_the_rest_of_the_turn_still_runs_after_a_stop)
{
    struct scene s = {.n = 0};

    ck_ok(proa_runner_new(&s.r, virtual_clock()));
    ck_err(proa_runner_run(s.r, stop_in_callback, &s), PROA_ESTOPPED);
    ck_assert_str_eq(s.text, "ab");
    proa_runner_free(s.r); /* cancels the main task that rests */
}
END_TEST

START_TEST(aio_loop_11_a_stopped_main_can_go_on)
{
    struct scene s = {.n = 0};
    int rc = 1;

    ck_ok(proa_runner_new(&s.r, virtual_clock()));
    ck_err(proa_runner_run(s.r, NULL, NULL), PROA_EINVAL);
    ck_err(proa_runner_run(s.r, stop_in_callback, &s), PROA_ESTOPPED);
    ck_err(proa_runner_result(s.r), PROA_EAGAIN);
    ck_err(proa_runner_run(s.r, give, &rc), PROA_EBUSY);
    ck_assert_int_eq(proa_runner_run(s.r, NULL, NULL), 5);
    ck_assert_int_eq(proa_runner_run(s.r, give, &rc), 1);
    proa_runner_free(s.r);
}
END_TEST

/* ---- one loop a thread */

static int free_within(void *runner)
{
    proa_runner_free(runner);
    return 0;
}

static void free_running(void *arg)
{
    struct proa_runner *r = NULL;

    (void)arg;
    ck_ok(proa_runner_new(&r, NULL));
    proa_runner_run(r, free_within, r);
}

START_TEST(aio_loop_05_closing_a_running_loop_aborts)
{
    t_aborts(free_running, NULL, "proa_runner_free: the runner runs");
}
END_TEST

static int count_runs(void *n)
{
    ++*(int *)n;
    return 0;
}

static int run_within(void *runner)
{
    struct proa_runner *second = NULL;
    int runs = 0;

    ck_err(proa_run(count_runs, &runs, NULL), PROA_EBUSY);
    ck_err(proa_runner_run(runner, count_runs, &runs), PROA_EBUSY);
    ck_err(proa_runner_run(runner, NULL, NULL), PROA_EBUSY);
    ck_err(proa_runner_start(runner, count_runs, &runs), PROA_EBUSY);
    ck_err(proa_runner_new(&second, NULL), PROA_EBUSY);
    ck_assert_ptr_null(second);
    ck_ok(proa_yield());
    ck_assert_int_eq(runs, 0);
    return 3;
}

START_TEST(aio_loop_07_a_run_inside_a_run_is_refused)
{
    PROA_AUTO(proa_runner) *r = NULL;

    ck_ok(proa_runner_new(&r, NULL));
    ck_assert_int_eq(proa_runner_run(r, run_within, r), 3);
}
END_TEST

START_TEST(aio_loop_08_a_thread_has_one_loop)
{
    PROA_AUTO(proa_runner) *r = NULL;
    struct proa_runner *second = NULL;

    ck_ok(proa_runner_new(&r, NULL));
    ck_err(proa_runner_new(&second, NULL), PROA_EBUSY);
    ck_assert_ptr_null(second);
}
END_TEST

static int step_within(void *runner)
{
    proa_runner_step(runner, 0);
    return 0;
}

static void step_running(void *arg)
{
    struct proa_runner *r = NULL;

    (void)arg;
    ck_ok(proa_runner_new(&r, NULL));
    proa_runner_run(r, step_within, r);
}

START_TEST(aio_task_10_a_task_cannot_step_the_tasks_of_its_loop)
{
    t_aborts(step_running, NULL, "a loop was turned from inside itself");
}
END_TEST

/* ---- step */

START_TEST(a_step_waits_no_longer_than_it_was_told)
{
    PROA_AUTO(proa_runner) *r = NULL;
    int64_t began;
    int steps = 0;

    ck_ok(proa_runner_new(&r, virtual_clock()));
    ck_ok(proa_runner_start(r, wait_a_while, NULL));
    began = proa_now();
    while (proa_runner_step(r, 4 * PROA_MS))
        steps++;
    ck_ok(proa_runner_result(r));
    ck_assert_int_ge(steps, 3);
    ck_assert(proa_now() - began >= 10 * PROA_MS + 1);
    ck_assert(proa_now() - began < 20 * PROA_MS);

    ck_ok(proa_runner_start(r, sleep_ms, NULL));
    began = proa_now();
    for (int i = 0; i < 5; i++)
        ck_assert(proa_runner_step(r, 0)); /* does not wait, so the clock stands */
    ck_assert(proa_now() == began);
    while (proa_runner_step(r, PROA_FOREVER))
        ;
}
END_TEST

static int put_letter(void *arg)
{
    struct scene *s = arg;

    s->text[s->n++] = (char)('a' + proa_current_task().seq % 8);
    return 0;
}

static int put_letters(void *arg)
{
    PROA_GROUP(g);
    for (int i = 0; i < 8; i++)
        ck_ok(proa_create_task(&g, put_letter, arg));
    return proa_group_join(&g);
}

static struct scene shuffled(uint64_t seed)
{
    struct scene s = {.n = 0};

    ck_ok(proa_runner_new(&s.r, PROA_RUNNER_OPTS(.run.virtual_clock = true, .run.shuffle = seed)));
    ck_ok(proa_runner_run(s.r, put_letters, &s));
    proa_runner_free(s.r);
    return s;
}

static bool in_turn(const struct scene *s)
{
    bool turn = true;

    for (size_t i = 1; i < s->n; i++)
        turn = turn && (s->text[i] - s->text[i - 1] + 8) % 8 == 1;
    return turn;
}

static int create_put(void *arg)
{
    struct scene *s = arg;

    ck_ok(proa_create_task(NULL, put_letter, arg));
    return (int)s->n; /* it has run already, or not yet */
}

START_TEST(a_runner_is_eager_if_asked_for)
{
    for (int eager = 0; eager < 2; eager++) {
        struct scene s = {.n = 0};

        ck_ok(proa_runner_new(&s.r, PROA_RUNNER_OPTS(.run.eager = eager)));
        ck_assert_int_eq(proa_runner_run(s.r, create_put, &s), eager);
        proa_runner_free(s.r);
    }
}
END_TEST

START_TEST(a_runner_shuffles_by_its_seed)
{
    struct scene plain = shuffled(0);
    int in_turns = 0;

    ck_assert_uint_eq(plain.n, 8);
    ck_assert(in_turn(&plain));
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct scene s = shuffled(seed);

        ck_assert_uint_eq(s.n, 8);
        in_turns += in_turn(&s);
    }
    ck_assert_int_lt(in_turns, 5);
}
END_TEST

/* ---- somebody's event_base */

static void on_theirs(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    ++*(int *)arg;
}

START_TEST(a_base_that_is_there_can_be_used)
{
    struct event_base *base = event_base_new();
    struct timeval soon = {.tv_usec = 1};
    struct proa_runner *r = NULL;
    struct event *event;
    int theirs = 0;

    ck_assert_ptr_nonnull(base);
    event = event_new(base, -1, 0, on_theirs, &theirs);
    event_add(event, &soon);
    ck_ok(proa_runner_new(&r, PROA_RUNNER_OPTS(.base = base)));
    while (theirs == 0)
        ck_ok(proa_runner_run(r, sleep_ms, NULL));
    proa_runner_free(r);
    event_add(event, &soon);
    while (theirs == 1) /* it is theirs still, and works */
        event_base_loop(base, EVLOOP_ONCE);
    event_free(event);
    event_base_free(base);
}
END_TEST

START_TEST(bad_options_make_no_runner)
{
    struct event_config *config = event_config_new();
    struct proa_runner *r = NULL;
    struct event_base *poor;

    ck_err(proa_runner_new(&r, PROA_RUNNER_OPTS(.run.stack_size = 1)), PROA_EINVAL);
    event_config_avoid_method(config, "epoll");
    poor = event_base_new_with_config(config);
    ck_assert_ptr_nonnull(poor);
    ck_err(proa_runner_new(&r, PROA_RUNNER_OPTS(.base = poor)), PROA_EINVAL);
    ck_assert_ptr_null(r);
    event_base_free(poor);
    event_config_free(config);
}
END_TEST

/* ---- signals */

static int hear_signal(void *arg)
{
    int *swallow = arg;
    int rc;

    raise(SIGINT);
    rc = proa_sleep(PROA_HOUR);
    if (rc == PROA_ECANCELED)
        ck_assert_str_eq(proa_cancel_reason(), "interrupted (SIGINT)");
    return *swallow ? 4 : rc;
}

START_TEST(aio_sig_06_a_signal_cancels_one_main_and_the_next_runs)
{
    PROA_AUTO(proa_runner) *r = NULL;
    int swallow = 0;
    int rc = 2;

    ck_ok(proa_runner_new(&r, PROA_RUNNER_OPTS(.run.signals = true)));
    for (int i = 0; i < 3; i++)
        ck_err(proa_runner_run(r, hear_signal, &swallow), PROA_ECANCELED);
    ck_assert_int_eq(proa_runner_run(r, give, &rc), 2);
}
END_TEST

START_TEST(aio_sig_07_a_main_that_swallows_it_returns_its_value)
{
    PROA_AUTO(proa_runner) *r = NULL;
    int swallow = 1;

    ck_ok(proa_runner_new(&r, PROA_RUNNER_OPTS(.run.signals = true)));
    ck_assert_int_eq(proa_runner_run(r, hear_signal, &swallow), 4);
}
END_TEST

static volatile sig_atomic_t theirs;

static void note_signal(int signo)
{
    theirs = signo;
}

START_TEST(between_two_mains_signals_are_the_programs)
{
    PROA_AUTO(proa_runner) *r = NULL;
    int rc = 0;

    signal(SIGINT, note_signal);
    ck_ok(proa_runner_new(&r, PROA_RUNNER_OPTS(.run.signals = true)));
    ck_ok(proa_runner_run(r, give, &rc));
    raise(SIGINT);
    ck_assert_int_eq(theirs, SIGINT);
}
END_TEST

START_TEST(after_the_last_step_of_a_main_signals_are_the_programs)
{
    PROA_AUTO(proa_runner) *r = NULL;
    int rc = 0;

    theirs = 0;
    signal(SIGINT, note_signal);
    ck_ok(proa_runner_new(&r, PROA_RUNNER_OPTS(.run.signals = true)));
    ck_ok(proa_runner_start(r, give, &rc));
    while (proa_runner_step(r, PROA_FOREVER))
        ;
    raise(SIGINT);
    ck_assert_int_eq(theirs, SIGINT);
}
END_TEST

static int raise_at_the_end(void *runner)
{
    proa_runner_stop(runner);
    int rc = proa_sleep(PROA_HOUR);
    raise(SIGINT);
    return rc;
}

START_TEST(while_a_runner_ends_signals_are_the_programs)
{
    struct proa_runner *r = NULL;

    theirs = 0;
    signal(SIGINT, note_signal);
    ck_ok(proa_runner_new(&r, PROA_RUNNER_OPTS(.run.signals = true)));
    ck_err(proa_runner_run(r, raise_at_the_end, r), PROA_ESTOPPED);
    proa_runner_free(r);
    ck_assert_int_eq(theirs, SIGINT);
}
END_TEST

/* Its own tasks are never eager, so that it knows who the main task is. */
static int seven = 7;

static int start_next(void *arg)
{
    struct proa_runner *r = arg;
    int rc = proa_sleep(PROA_MS);

    return rc < 0 ? rc : proa_runner_start(r, give, &seven);
}

static int leave_starter(void *r)
{
    return proa_create_task(NULL, start_next, r);
}
START_TEST(an_eager_task_may_start_the_next_main)
{
    struct proa_runner *r = NULL;

    ck_ok(proa_runner_new(&r, PROA_RUNNER_OPTS(.run.virtual_clock = true, .run.eager = true)));
    ck_ok(proa_runner_run(r, leave_starter, r));
    for (int i = 0; i < 10; i++)
        proa_runner_step(r, PROA_MS);
    ck_assert_int_eq(proa_runner_result(r), 7);
    proa_runner_free(r);
}
END_TEST

static int start_after_main(void *arg)
{
    struct proa_runner *r = arg;

    while (proa_runner_result(r) == PROA_EAGAIN)
        proa_yield();
    return proa_runner_start(r, give, &seven);
}

static int leave_starter_behind(void *r)
{
    ck_ok(proa_create_task(NULL, start_after_main, r));
    return proa_yield();
}

/* In the turn in which the main task ended, while its signals are still listened to. */
START_TEST(the_next_main_may_start_in_the_turn_of_the_last)
{
    struct proa_runner *r = NULL;

    ck_ok(proa_runner_new(&r, PROA_RUNNER_OPTS(.run.signals = true)));
    proa_runner_run(r, leave_starter_behind, r);
    while (proa_runner_step(r, PROA_FOREVER))
        ;
    ck_assert_int_eq(proa_runner_result(r), 7);
    proa_runner_free(r);
}
END_TEST

/* ---- the end */

static struct proa_runner *stopped;

static int stop_when_cancelled(void *arg)
{
    int rc = proa_sleep(PROA_FOREVER);

    (void)arg;
    proa_runner_stop(stopped);
    return rc;
}

static int take_time_when_cancelled(void *ended)
{
    int rc = proa_sleep(PROA_FOREVER);

    PROA_SHIELD(shield, PROA_SEC);
    *(bool *)ended = proa_sleep(PROA_MS) == 0;
    return rc;
}

static int leave_both(void *ended)
{
    ck_ok(proa_create_task(NULL, stop_when_cancelled, NULL));
    ck_ok(proa_create_task(NULL, take_time_when_cancelled, ended));
    return proa_sleep(PROA_MS);
}
START_TEST(a_task_that_stops_the_runner_at_its_end_leaves_nobody)
{
    bool ended = false;

    ck_ok(proa_runner_new(&stopped, virtual_clock()));
    ck_ok(proa_runner_run(stopped, leave_both, &ended));
    proa_runner_free(stopped);
    ck_assert(ended);
}
END_TEST

static int run_all(void *arg)
{
    struct proa_runner *r = NULL;
    struct counter c = {0};
    int rc = proa_runner_new(&r, virtual_clock());

    (void)arg;
    if (rc == 0)
        rc = proa_runner_run(r, begin_counting, &c);
    if (rc == 0)
        rc = proa_runner_run(r, wait_a_while, NULL);
    proa_runner_free(r);
    return rc;
}
START_TEST(each_failed_allocation_is_enomem)
{
    t_each_alloc(run_all, NULL);
}
END_TEST

int main(void)
{
    return t_main("runner", (const TTest *const[]){
                                tasks_rest_between_two_mains,
                                a_runner_shuffles_by_its_seed,
                                a_runner_is_eager_if_asked_for,
                                all_mains_share_a_context,
                                aio_loop_10_the_rest_of_the_turn_still_runs_after_a_stop,
                                aio_loop_11_a_stopped_main_can_go_on,
                                aio_loop_05_closing_a_running_loop_aborts,
                                aio_loop_07_a_run_inside_a_run_is_refused,
                                aio_loop_08_a_thread_has_one_loop,
                                aio_task_10_a_task_cannot_step_the_tasks_of_its_loop,
                                a_step_waits_no_longer_than_it_was_told,
                                a_base_that_is_there_can_be_used,
                                bad_options_make_no_runner,
                                aio_sig_06_a_signal_cancels_one_main_and_the_next_runs,
                                aio_sig_07_a_main_that_swallows_it_returns_its_value,
                                between_two_mains_signals_are_the_programs,
                                after_the_last_step_of_a_main_signals_are_the_programs,
                                while_a_runner_ends_signals_are_the_programs,
                                an_eager_task_may_start_the_next_main,
                                the_next_main_may_start_in_the_turn_of_the_last,
                                a_task_that_stops_the_runner_at_its_end_leaves_nobody,
                                each_failed_allocation_is_enomem,
                                NULL,
                            });
}
