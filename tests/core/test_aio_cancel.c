#include "base/fail.h"
#include "support/t_run.h"

#include <proa/call.h>
#include <proa/group.h>
#include <proa/queue.h>
#include <proa/scope.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/time.h>

static int give(void *rc)
{
    return *(int *)rc;
}

static int sleep_long(void *arg)
{
    int *rc = arg;

    *rc = proa_sleep(PROA_HOUR);
    return *rc;
}

static int finished_body(void *arg)
{
    struct proa_task_ref ref;
    int rc = 9;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, give, &rc, NULL));
    ck_assert_int_eq(proa_task_join(ref), 9);
    ck_ok(proa_task_cancel(ref));
    ck_assert_int_eq(proa_task_join(ref), 9);
    return proa_group_join(&g);
}
START_TEST(aio_cancel_01_cancelling_a_task_that_ended_changes_nothing)
{
    t_run_modes(finished_body, NULL);
}
END_TEST

struct calls {
    int n;
    int rcs[3];
};

static int call_three_times(void *arg)
{
    struct calls *c = arg;

    for (c->n = 0; c->n < 3; c->n++)
        c->rcs[c->n] = proa_sleep(PROA_HOUR);
    return c->rcs[0];
}

static int twice_body(void *arg)
{
    struct calls c = {0};
    struct proa_task_ref ref;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, call_three_times, &c, NULL));
    ck_ok(proa_sleep(PROA_MS));
    ck_ok(proa_task_cancel(ref));
    ck_ok(proa_task_cancel(ref)); /* the same state, not a second delivery */
    ck_err(proa_task_join(ref), PROA_ETASKCANCELED);
    ck_assert_int_eq(c.n, 3);
    for (int i = 0; i < 3; i++)
        ck_err(c.rcs[i], PROA_ECANCELED);
    ck_ok(proa_task_cancel(ref));
    return proa_group_join(&g);
}
START_TEST(aio_cancel_03_two_cancels_are_one_that_lasts)
{
    t_run_modes(twice_body, NULL);
}
END_TEST

static int cancel_self_then_wait(void *arg)
{
    (void)arg;
    ck_ok(proa_task_cancel(proa_current_task()));
    int64_t began = proa_now();
    ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED);
    ck_assert(proa_now() == began);
    return PROA_ECANCELED;
}

static int cancel_self_then_end(void *arg)
{
    ck_ok(proa_task_cancel(proa_current_task()));
    return *(int *)arg;
}

static int self_body(void *arg)
{
    struct proa_task_ref ref;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, cancel_self_then_wait, NULL, NULL));
    ck_err(proa_task_join(ref), PROA_ETASKCANCELED);
    return proa_group_join(&g);
}
START_TEST(aio_cancel_04_a_task_that_cancels_itself_waits_no_more)
{
    t_run_modes(self_body, NULL);
}
END_TEST

static int value_body(void *arg)
{
    struct proa_task_ref ref;
    int rc = 8;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, cancel_self_then_end, &rc, NULL));
    ck_assert_int_eq(proa_task_join(ref), 8);
    return proa_group_join(&g);
}
START_TEST(aio_cancel_05_the_value_of_a_cancelled_task_counts)
{
    t_run_modes(value_body, NULL);
}
END_TEST

static int fail_in_cleanup(void *arg)
{
    (void)arg;
    proa_sleep(PROA_HOUR);
    return proa__fail(PROA_EIO, "the log is wet");
}

static int cleanup_fails_body(void *arg)
{
    struct proa_task_ref ref;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, fail_in_cleanup, NULL, NULL));
    ck_ok(proa_sleep(PROA_MS));
    ck_ok(proa_task_cancel(ref));
    ck_err(proa_group_join(&g), PROA_EIO);
    ck_err(proa_task_result(ref), PROA_EIO);
    return 0;
}
START_TEST(aio_cancel_07_a_failure_while_cancelled_is_a_failure)
{
    t_run_modes(cleanup_fails_body, NULL);
}
END_TEST

struct getter {
    struct proa_queue *queue;
    void *item;
    int got;
    int next;
};

static int get_and_wait(void *arg)
{
    struct getter *g = arg;

    g->got = proa_queue_get(g->queue, &g->item);
    g->next = proa_sleep(PROA_HOUR);
    return g->next;
}

static int same_turn_body(void *arg)
{
    PROA_AUTO(proa_queue) *queue = NULL;
    struct proa_task_ref ref;
    struct getter getter = {.got = 1};
    int item = 0;

    (void)arg;
    ck_ok(proa_queue_new(&queue, NULL));
    getter.queue = queue;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, get_and_wait, &getter, NULL));
    ck_ok(proa_sleep(PROA_MS));
    ck_ok(proa_queue_try_put(queue, &item));
    ck_ok(proa_task_cancel(ref)); /* the item came first: the get has succeeded */
    ck_err(proa_task_join(ref), PROA_ETASKCANCELED);
    ck_ok(getter.got);
    ck_assert_ptr_eq(getter.item, &item);
    ck_err(getter.next, PROA_ECANCELED);
    return proa_group_join(&g);
}
START_TEST(aio_cancel_10_what_completed_before_the_cancel_is_not_undone)
{
    t_run_modes(same_turn_body, NULL);
}
END_TEST

static int swallowed_body(void *arg)
{
    (void)arg;
    {
        PROA_SCOPE(s);
        proa_scope_cancel(&s);
        proa_sleep(PROA_SEC); /* swallowed */
    }
    PROA_TIMEOUT(t, PROA_MS);
    ck_err(proa_timeout_result(&t, proa_sleep(PROA_SEC)), PROA_ETIMEDOUT);
    return 0;
}
START_TEST(aio_cancel_12_after_a_swallowed_cancel_a_timeout_is_still_itself)
{
    t_run_modes(swallowed_body, NULL);
}
END_TEST

struct cleanup {
    int waited;
    int after;
};

static int clean_up(void *arg)
{
    struct cleanup *c = arg;
    int rc = proa_sleep(PROA_HOUR);

    {
        PROA_SHIELD(s, PROA_SEC);
        c->waited = proa_sleep(10 * PROA_MS);
    }
    c->after = proa_sleep(PROA_MS);
    return rc;
}

static int cleanup_body(void *arg)
{
    struct cleanup c = {.waited = 1, .after = 1};
    struct proa_task_ref ref;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, clean_up, &c, NULL));
    ck_ok(proa_sleep(PROA_MS));
    ck_ok(proa_task_cancel(ref));
    ck_ok(proa_sleep(PROA_MS));
    ck_ok(proa_task_cancel(ref)); /* during the cleanup: it does not interrupt that */
    ck_ok(proa_group_join(&g));
    ck_ok(c.waited);
    ck_err(c.after, PROA_ECANCELED);
    return 0;
}
START_TEST(aio_cancel_14_cleanup_in_a_shield_is_not_interrupted)
{
    t_run_modes(cleanup_body, NULL);
}
END_TEST

struct waiter {
    struct proa_event *event;
    struct proa_task_ref ref;
    int waited;
    int next;
};

static int wait_twice(void *arg)
{
    struct waiter *w = arg;

    w->waited = proa_event_wait(w->event);
    w->next = proa_sleep(PROA_HOUR);
    return w->next;
}

static void set_and_cancel(void *arg)
{
    struct waiter *w = arg;

    proa_event_set(w->event);
    proa_task_cancel(w->ref);
}

static int callback_body(void *arg)
{
    PROA_AUTO(proa_event) *event = NULL;
    struct waiter w = {.waited = 1, .next = 1};

    (void)arg;
    ck_ok(proa_event_new(&event));
    w.event = event;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &w.ref, wait_twice, &w, NULL));
    ck_ok(proa_sleep(PROA_MS));
    ck_ok(proa_call_soon(NULL, set_and_cancel, &w));
    ck_err(proa_task_join(w.ref), PROA_ETASKCANCELED);
    ck_ok(w.waited);
    ck_err(w.next, PROA_ECANCELED);
    return proa_group_join(&g);
}
START_TEST(aio_cancel_15_the_wait_succeeded_and_the_next_one_is_cancelled)
{
    t_run_modes(callback_body, NULL);
}
END_TEST

static int level_body(void *arg)
{
    int64_t began = proa_now();

    (void)arg;
    PROA_SCOPE(s);
    proa_scope_cancel(&s);
    for (int i = 0; i < 3; i++)
        ck_err(proa_sleep(PROA_SEC), PROA_ECANCELED);
    ck_assert(proa_now() == began);
    return 0;
}
START_TEST(aio_cancel_16_each_call_in_a_cancelled_scope_fails_at_once)
{
    t_run_modes(level_body, NULL);
}
END_TEST

static int outer_and_inner_body(void *arg)
{
    bool inner_first = *(bool *)arg;

    PROA_SCOPE(outer);
    {
        PROA_SCOPE(inner);
        proa_scope_cancel(inner_first ? &inner : &outer);
        proa_scope_cancel(inner_first ? &outer : &inner);
        int rc = proa_sleep(PROA_SEC);
        ck_err(proa_scope_result(&inner, rc), PROA_ECANCELED); /* not mine */
    }
    ck_ok(proa_scope_result(&outer, proa_sleep(PROA_SEC)));
    return 0;
}
START_TEST(aio_cancel_17_the_outer_of_two_cancelled_scopes_is_unwound_to)
{
    t_run_modes(outer_and_inner_body, &(bool){false});
    t_run_modes(outer_and_inner_body, &(bool){true});
}
END_TEST

static int shield_body(void *arg)
{
    (void)arg;
    PROA_SCOPE(s);
    proa_scope_cancel(&s);
    {
        PROA_SHIELD(shield, PROA_SEC);
        ck_ok(proa_sleep(PROA_MS));
    }
    ck_err(proa_sleep(PROA_MS), PROA_ECANCELED);
    return 0;
}
START_TEST(aio_cancel_18_a_shield_in_a_cancelled_scope_lets_its_body_run)
{
    t_run_modes(shield_body, NULL);
}
END_TEST

static int every_kind(void *arg)
{
    int rc;

    (void)arg;
    PROA_GROUP(g);
    int got = 0;
    struct proa_task_ref ref;
    rc = proa_create_task_opts(&g, &ref, sleep_long, &got, NULL);
    if (rc == 0)
        rc = proa_sleep(PROA_MS);
    if (rc == 0)
        rc = proa_task_cancel_for(ref, "enough");
    int joined = proa_group_join(&g);
    return rc < 0 ? rc : joined;
}
START_TEST(cancels_during_a_cancel_lose_nothing)
{
    t_each_park(every_kind, NULL);
}
END_TEST

int main(void)
{
    return t_main("aio_cancel",
                  (const TTest *const[]){
                      aio_cancel_01_cancelling_a_task_that_ended_changes_nothing,
                      aio_cancel_03_two_cancels_are_one_that_lasts,
                      aio_cancel_04_a_task_that_cancels_itself_waits_no_more,
                      aio_cancel_05_the_value_of_a_cancelled_task_counts,
                      aio_cancel_07_a_failure_while_cancelled_is_a_failure,
                      aio_cancel_10_what_completed_before_the_cancel_is_not_undone,
                      aio_cancel_12_after_a_swallowed_cancel_a_timeout_is_still_itself,
                      aio_cancel_14_cleanup_in_a_shield_is_not_interrupted,
                      aio_cancel_15_the_wait_succeeded_and_the_next_one_is_cancelled,
                      aio_cancel_16_each_call_in_a_cancelled_scope_fails_at_once,
                      aio_cancel_17_the_outer_of_two_cancelled_scopes_is_unwound_to,
                      aio_cancel_18_a_shield_in_a_cancelled_scope_lets_its_body_run,
                      cancels_during_a_cancel_lose_nothing,
                      NULL,
                  });
}
