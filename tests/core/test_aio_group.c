#include "base/fail.h"
#include "support/t_run.h"

#include <proa/context.h>
#include <proa/fault.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

/* The public cases of asyncio's task groups. Nothing here depends on who of two tasks that are
 * ready at the same moment runs first. */

struct worker {
    int64_t ns;      /* how long it sleeps */
    int rc;          /* what it then returns */
    int64_t cleanup; /* how long it cleans up if it was cancelled */
    int cleanup_rc;  /* and what it returns then; 0: the PROA_ECANCELED */
    int got;         /* what the sleep returned */
    bool ended;
};

static int clean_up(struct worker *w)
{
    if (w->cleanup) {
        PROA_SHIELD(s, PROA_HOUR);
        ck_ok(proa_sleep(w->cleanup));
    }
    w->ended = true;
    return w->cleanup_rc ? w->cleanup_rc : PROA_ECANCELED;
}

static int work(void *arg)
{
    struct worker *w = arg;

    w->got = proa_sleep(w->ns);
    if (w->got < 0)
        return clean_up(w);
    w->ended = true;
    return w->rc < 0 ? proa__fail(w->rc, "worker %d", -w->rc) : w->rc;
}

struct faults {
    int n;
    int rc;
};

static int note_fault(const struct proa_fault *fault, void *arg)
{
    struct faults *f = arg;

    f->n++;
    f->rc = fault->rc;
    return 0;
}

static int results_body(void *arg)
{
    struct worker w[3] = {{.ns = 3, .rc = 30}, {.ns = 1, .rc = 10}, {.ns = 2, .rc = 20}};
    struct proa_task_ref ref[3];
    int64_t began = proa_now();

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task_opts(&g, &ref[i], work, &w[i], NULL));
    ck_assert_int_eq(proa_group_join(&g), 0);
    ck_assert_int_eq(proa_now() - began, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(proa_task_join(ref[i]), w[i].rc);
    return 0;
}
START_TEST(aio_tg_01_join_ends_with_the_last_task_and_results_stay)
{
    t_run_modes(results_body, NULL);
}
END_TEST

static int one_fails_body(void *arg)
{
    struct worker w[3] = {{.ns = PROA_HOUR}, {.ns = PROA_SEC, .rc = PROA_EPIPE}, {.ns = PROA_HOUR}};
    struct proa_task_error e[3];
    int64_t began = proa_now();

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task(&g, work, &w[i]));
    ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED);
    ck_assert_int_eq(proa_now() - began, PROA_SEC);
    ck_err(proa_group_join(&g), PROA_EPIPE);
    ck_assert_int_eq(w[0].got, PROA_ECANCELED);
    ck_assert_int_eq(w[2].got, PROA_ECANCELED);
    ck_assert_uint_eq(proa_group_errors(&g, e, 3), 1);
    ck_assert_int_eq(e[0].rc, PROA_EPIPE);
    return 0;
}
START_TEST(aio_tg_02_a_failure_cancels_siblings_and_body)
{
    t_run_modes(one_fails_body, NULL);
}
END_TEST

static int two_fail_body(void *arg)
{
    struct worker w[2] = {{.ns = PROA_SEC, .rc = PROA_EPIPE}, {.ns = PROA_SEC, .rc = PROA_EIO}};
    struct proa_task_error e[3];

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, work, &w[0]));
    ck_ok(proa_create_task(&g, work, &w[1]));
    int rc = proa_group_join(&g);
    ck_assert(rc == PROA_EPIPE || rc == PROA_EIO);
    ck_assert_uint_eq(proa_group_errors(&g, e, 3), 2);
    ck_assert_int_eq(e[0].rc, rc);
    ck_assert_int_eq(e[0].rc + e[1].rc, PROA_EPIPE + PROA_EIO);
    return 0;
}
START_TEST(aio_tg_03_two_failures_of_one_turn_are_both_listed)
{
    t_run_modes(two_fail_body, NULL);
}
END_TEST

static int one_cancelled_body(void *arg)
{
    struct worker w[2] = {{.ns = PROA_HOUR}, {.ns = 2 * PROA_SEC}};
    struct proa_task_ref ref;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, work, &w[0], NULL));
    ck_ok(proa_create_task(&g, work, &w[1]));
    ck_ok(proa_sleep(1));
    ck_ok(proa_task_cancel(ref));
    ck_ok(proa_sleep(PROA_SEC)); /* the body goes on */
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(w[0].got, PROA_ECANCELED);
    ck_assert_int_eq(w[1].got, 0);
    ck_assert_uint_eq(proa_group_errors(&g, NULL, 0), 0);
    return 0;
}
START_TEST(aio_tg_05_a_task_that_was_cancelled_alone_is_no_failure)
{
    t_run_modes(one_cancelled_body, NULL);
}
END_TEST

static int fail_in_frame(struct worker *w)
{
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, work, w));
    ck_ok(proa_sleep(1));
    return PROA_EIO;
}

static int body_fails_body(void *arg)
{
    struct worker w = {.ns = PROA_HOUR, .cleanup = PROA_SEC};
    int64_t began = proa_now();

    (void)arg;
    ck_err(fail_in_frame(&w), PROA_EIO);
    ck_assert(w.ended);
    ck_assert_int_eq(w.got, PROA_ECANCELED);
    ck_assert_int_eq(proa_now() - began, PROA_SEC + 1);
    return proa_yield();
}
START_TEST(aio_tg_06_a_frame_that_fails_cancels_and_joins_its_tasks)
{
    t_run_modes(body_fails_body, NULL);
}
END_TEST

static int outer_cancel_body(void *arg)
{
    struct worker w = {.ns = PROA_HOUR, .cleanup = PROA_MS, .cleanup_rc = *(int *)arg};

    PROA_TIMEOUT(t, PROA_SEC);
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, work, &w));
        ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED);
        ck_err(proa_group_join(&g), w.cleanup_rc ? w.cleanup_rc : PROA_ECANCELED);
        ck_assert(w.ended);
        ck_assert_uint_eq(proa_group_errors(&g, NULL, 0), w.cleanup_rc ? 1 : 0);
    }
    ck_err(proa_yield(), PROA_ECANCELED); /* the cancel is still there */
    ck_err(proa_timeout_result(&t, PROA_ECANCELED), PROA_ETIMEDOUT);
    return 0;
}
START_TEST(aio_tg_08_cancel_from_outside_cancels_joins_and_propagates)
{
    t_run_modes(outer_cancel_body, &(int){0});
}
END_TEST
START_TEST(aio_tg_11_a_failure_outweighs_the_cancel_which_is_back_at_the_next_call)
{
    t_run_modes(outer_cancel_body, &(int){PROA_EIO});
}
END_TEST

static int free_again_body(void *arg)
{
    struct worker w = {.ns = PROA_SEC, .rc = PROA_EIO};

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, work, &w));
    ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED);
    ck_err(proa_group_join(&g), PROA_EIO);
    ck_assert(!proa_is_cancelled());
    return proa_sleep(PROA_HOUR);
}
START_TEST(aio_tg_12_after_the_join_the_rest_of_the_frame_is_free)
{
    t_run_modes(free_again_body, NULL);
}
END_TEST

static int nested_body(void *arg)
{
    struct worker a = {.ns = PROA_SEC, .rc = PROA_EIO};
    struct worker b = {.ns = PROA_SEC, .rc = PROA_EPIPE};

    (void)arg;
    PROA_GROUP(outer);
    ck_ok(proa_create_task(&outer, work, &a));
    {
        PROA_GROUP(inner);
        ck_ok(proa_create_task(&inner, work, &b));
        ck_err(proa_group_join(&inner), PROA_EPIPE);
    }
    ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED);
    ck_err(proa_group_join(&outer), PROA_EIO);
    return 0;
}
START_TEST(aio_tg_13_inner_join_tells_the_inner_failure_and_the_outer_cancel_comes)
{
    t_run_modes(nested_body, NULL);
}
END_TEST

static int swallow_body(void *arg)
{
    struct worker w = {.ns = PROA_SEC, .rc = PROA_EIO};

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, work, &w));
    (void)proa_sleep(PROA_HOUR); /* and never mind */
    ck_err(proa_group_join(&g), PROA_EIO);
    return 0;
}
START_TEST(aio_tg_14_the_failure_is_told_though_the_body_swallowed_the_cancel)
{
    t_run_modes(swallow_body, NULL);
}
END_TEST

static int replace_cancel(struct worker *w)
{
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, work, w));
    ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED);
    return PROA_EPIPE;
}

static int replace_body(void *arg)
{
    struct worker w = {.ns = PROA_SEC, .rc = PROA_EIO};
    struct faults f = {0};

    (void)arg;
    proa_fault_set(note_fault, &f);
    ck_err(replace_cancel(&w), PROA_EPIPE);
    ck_assert_int_eq(f.n, 1); /* the other failure is not lost */
    ck_assert_int_eq(f.rc, PROA_EIO);
    proa_fault_set(NULL, NULL);
    return proa_sleep(PROA_HOUR); /* nothing of the group's cancel is left */
}
START_TEST(aio_tg_15_body_and_task_fail_and_neither_is_lost)
{
    t_run_modes(replace_body, NULL);
}
END_TEST
START_TEST(aio_tg_22_failures_that_the_body_left_behind_reach_the_fault_handler)
{
    t_run_modes(replace_body, NULL);
}
END_TEST

struct chain {
    struct proa_group *g;
    int left; /* further links */
    int rc;   /* of the last creation */
};

static int chain_link(void *arg)
{
    struct chain *c = arg;
    int rc = proa_sleep(PROA_MS);

    if (rc < 0)
        return rc;
    if (c->left == 0)
        return 0;
    c->left--;
    c->rc = proa_create_task(c->g, chain_link, c);
    return c->rc;
}

static int siblings_body(void *arg)
{
    struct chain c = {.left = 5};
    int64_t began = proa_now();

    (void)arg;
    PROA_GROUP(g);
    c.g = &g;
    ck_ok(proa_create_task(&g, chain_link, &c));
    ck_ok(proa_group_join(&g)); /* the body has ended, the chain goes on */
    ck_assert_int_eq(c.left, 0);
    ck_assert_int_eq(proa_now() - began, 6 * PROA_MS);
    ck_err(proa_create_task(&g, chain_link, &c), PROA_ECLOSED);
    return 0;
}
START_TEST(aio_tg_16_tasks_create_siblings_while_one_lives)
{
    t_run_modes(siblings_body, NULL);
}
END_TEST

static int create_when_cut(void *arg)
{
    struct chain *c = arg;
    int rc = proa_sleep(PROA_HOUR);

    c->rc = proa_create_task(c->g, chain_link, c);
    return rc;
}

static int aborted_body(void *arg)
{
    struct worker w = {.ns = PROA_SEC, .rc = PROA_EIO};
    struct chain c = {0};

    (void)arg;
    PROA_GROUP(g);
    c.g = &g;
    ck_ok(proa_create_task(&g, create_when_cut, &c));
    ck_ok(proa_create_task(&g, work, &w));
    ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED);
    ck_err(proa_create_task(&g, chain_link, &c), PROA_ECANCELED);
    ck_err(proa_group_join(&g), PROA_EIO);
    ck_assert_int_eq(c.rc, PROA_ECANCELED);
    ck_err(proa_create_task(&g, chain_link, &c), PROA_ECLOSED);
    return 0;
}
START_TEST(aio_tg_17_nothing_is_created_in_a_group_that_was_aborted)
{
    t_run_modes(aborted_body, NULL);
}
END_TEST

static int breed(void *arg)
{
    struct chain *c = arg;
    int rc = proa_sleep(PROA_MS);

    c->left++;
    if (c->left < 100000)
        c->rc = proa_create_task(c->g, breed, c);
    return rc;
}

static int endless_body(void *arg)
{
    struct worker w = {.ns = 20 * PROA_MS, .rc = PROA_EIO};
    struct chain c = {0};

    (void)arg;
    PROA_GROUP(g);
    c.g = &g;
    ck_ok(proa_create_task(&g, breed, &c));
    ck_ok(proa_create_task(&g, work, &w));
    ck_err(proa_group_join(&g), PROA_EIO);
    ck_assert_int_eq(c.rc, PROA_ECANCELED);
    ck_assert_int_lt(c.left, 30);
    return 0;
}
START_TEST(aio_tg_20_tasks_that_breed_for_ever_end_with_the_group)
{
    t_run_modes(endless_body, NULL);
}
END_TEST

static int end_at_once(void *arg)
{
    (void)arg;
    return 0;
}

static int bounded_body(void *arg)
{
    size_t bytes = 0;

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 10000; i++) {
        ck_ok(proa_create_task(&g, end_at_once, NULL));
        ck_ok(proa_yield());
        if (i == 100)
            bytes = t_alloc_bytes();
    }
    ck_assert_uint_eq(t_alloc_bytes(), bytes);
    return proa_group_join(&g);
}
START_TEST(aio_tg_21_a_task_that_ended_leaves_nothing_in_its_group)
{
    t_run_modes(bounded_body, NULL);
}
END_TEST

static int check_name(void *name)
{
    return strcmp(proa_current_task_name(), name) == 0 ? 0 : PROA_EIO;
}

static const struct proa_context_key key = {"key", NULL};

static int check_value(void *value)
{
    return proa_context_get(&key) == value ? 0 : PROA_EIO;
}

static int names_body(void *arg)
{
    PROA_AUTO(proa_context) *context = NULL;

    ck_ok(proa_context_set(&key, arg));
    ck_ok(proa_context_new(&context));
    ck_ok(proa_context_set(&key, NULL));
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, NULL, check_value, arg, PROA_TASK_OPTS(.context = context)));
    ck_ok(proa_create_task(&g, check_value, NULL));
    ck_ok(proa_create_task_opts(&g, NULL, check_name, (char[]){"left"},
                                PROA_TASK_OPTS(.name = "left")));
    ck_ok(proa_create_task_opts(&g, NULL, check_name, (char[]){"right"},
                                PROA_TASK_OPTS(.name = "right")));
    return proa_group_join(&g);
}
START_TEST(aio_tg_23_each_task_has_the_name_and_context_it_was_given)
{
    t_run_modes(names_body, &(int){0});
}
END_TEST

static int deadline_in_cleanup_body(void *arg)
{
    struct worker w = {.ns = PROA_HOUR, .cleanup = PROA_SEC};

    (void)arg;
    PROA_TIMEOUT(t, 10 * PROA_MS);
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, work, &w));
        ck_ok(proa_sleep(PROA_MS));
        proa_group_cancel(&g);
        ck_err(proa_group_join(&g), PROA_ECANCELED);
    }
    ck_err(proa_timeout_result(&t, proa_yield()), PROA_ETIMEDOUT);
    return 0;
}
START_TEST(aio_tg_27_an_outer_deadline_is_not_lost_in_a_group_that_was_cancelled)
{
    t_run_modes(deadline_in_cleanup_body, NULL);
}
END_TEST

static int cancel_too_late_body(void *arg)
{
    struct worker w[2] = {{.ns = PROA_MS, .rc = PROA_EIO}, {.ns = PROA_HOUR}};
    struct proa_task_ref ref;

    (void)arg;
    PROA_GROUP(g, .kind = PROA_GROUP_SUPERVISE);
    ck_ok(proa_create_task_opts(&g, &ref, work, &w[0], NULL));
    ck_ok(proa_create_task(&g, work, &w[1]));
    ck_ok(proa_sleep(2 * PROA_MS));
    ck_assert(proa_task_is_done(ref));
    ck_assert_uint_eq(proa_group_running(&g), 1);
    ck_ok(proa_task_cancel(ref));
    ck_assert_uint_eq(proa_group_running(&g), 1);
    ck_err(proa_task_join(ref), PROA_EIO);
    proa_group_cancel(&g);
    ck_err(proa_group_join(&g), PROA_EIO);
    ck_assert_uint_eq(proa_group_errors(&g, NULL, 0), 1);
    return 0;
}
START_TEST(aio_tg_29_cancelling_a_task_that_ended_changes_no_count)
{
    t_run_modes(cancel_too_late_body, NULL);
}
END_TEST

static int count_turns(void *arg)
{
    for (int *n = arg; proa_yield() == 0;)
        (*n)++;
    return PROA_ECANCELED;
}

static int nobody_body(void *arg)
{
    int turns = 0;

    (void)arg;
    PROA_GROUP(others);
    ck_ok(proa_create_task(&others, count_turns, &turns));
    ck_ok(proa_yield());
    int before = turns;
    {
        PROA_GROUP(none);
        ck_ok(proa_group_join(&none));
    }
    ck_assert_int_eq(turns, before); /* nobody had a turn meanwhile */
    PROA_SCOPE(s);
    proa_scope_cancel(&s);
    {
        PROA_GROUP(none);
        ck_err(proa_group_join(&none), PROA_ECANCELED);
    }
    ck_assert_int_eq(turns, before);
    proa_group_cancel(&others);
    return 0;
}
START_TEST(aio_tg_30_join_of_nobody_does_not_yield_and_looks_for_a_cancel)
{
    t_run_modes(nobody_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("aio_group",
                  (const TTest *const[]){
                      aio_tg_01_join_ends_with_the_last_task_and_results_stay,
                      aio_tg_02_a_failure_cancels_siblings_and_body,
                      aio_tg_03_two_failures_of_one_turn_are_both_listed,
                      aio_tg_05_a_task_that_was_cancelled_alone_is_no_failure,
                      aio_tg_06_a_frame_that_fails_cancels_and_joins_its_tasks,
                      aio_tg_08_cancel_from_outside_cancels_joins_and_propagates,
                      aio_tg_11_a_failure_outweighs_the_cancel_which_is_back_at_the_next_call,
                      aio_tg_12_after_the_join_the_rest_of_the_frame_is_free,
                      aio_tg_13_inner_join_tells_the_inner_failure_and_the_outer_cancel_comes,
                      aio_tg_14_the_failure_is_told_though_the_body_swallowed_the_cancel,
                      aio_tg_15_body_and_task_fail_and_neither_is_lost,
                      aio_tg_16_tasks_create_siblings_while_one_lives,
                      aio_tg_17_nothing_is_created_in_a_group_that_was_aborted,
                      aio_tg_20_tasks_that_breed_for_ever_end_with_the_group,
                      aio_tg_21_a_task_that_ended_leaves_nothing_in_its_group,
                      aio_tg_22_failures_that_the_body_left_behind_reach_the_fault_handler,
                      aio_tg_23_each_task_has_the_name_and_context_it_was_given,
                      aio_tg_27_an_outer_deadline_is_not_lost_in_a_group_that_was_cancelled,
                      aio_tg_29_cancelling_a_task_that_ended_changes_no_count,
                      aio_tg_30_join_of_nobody_does_not_yield_and_looks_for_a_cancel,
                      NULL,
                  });
}
