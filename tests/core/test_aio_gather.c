#include "support/t_run.h"

#include <proa/gather.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

/* The public cases of asyncio's gather. */

struct job {
    int64_t ns; /* how long it takes */
    int rc;     /* what it returns */
    struct proa_task_ref self;
    int64_t shield; /* > 0: it does so in a shield */
    bool ended;     /* it ran to its end */
};

static int sleep_ns(void *ns)
{
    return proa_sleep(*(int64_t *)ns);
}

static int run_job(void *arg)
{
    struct job *j = arg;

    j->self = proa_current_task();
    int rc = j->shield ? proa_shield(sleep_ns, &j->ns, j->shield) : proa_sleep(j->ns);
    if (rc < 0)
        return rc;
    j->ended = true;
    return j->rc;
}

static int order_body(void *arg)
{
    struct job j[3] = {{.ns = 3, .rc = 30}, {.ns = 1, .rc = 10}, {.ns = 2, .rc = 20}};
    struct proa_call calls[3] = {{run_job, &j[0]}, {run_job, &j[1]}, {run_job, &j[2]}};
    int rcs[3];

    (void)arg;
    ck_ok(proa_gather(calls, 3, rcs, NULL));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(rcs[i], j[i].rc);
    return 0;
}
START_TEST(aio_gather_01_results_stand_in_the_order_of_the_calls)
{
    t_run_modes(order_body, NULL);
}
END_TEST

static int nothing_body(void *arg)
{
    int64_t began = proa_now();

    (void)arg;
    ck_assert_int_eq(proa_gather(NULL, 0, NULL, NULL), 0);
    ck_assert_int_eq(proa_now(), began);
    return 0;
}
START_TEST(aio_gather_02_nothing_is_gathered_at_once)
{
    t_run_modes(nothing_body, NULL);
}
END_TEST

static int fail_when_cut(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_HOUR) < 0 ? PROA_EPIPE : 0;
}

static int later_errors_body(void *arg)
{
    struct job j = {.ns = 1, .rc = PROA_EIO};
    struct proa_call calls[2] = {{fail_when_cut, NULL}, {run_job, &j}};
    int rcs[2];

    (void)arg;
    ck_err(proa_gather(calls, 2, rcs, NULL), PROA_EIO);
    ck_assert_int_eq(rcs[0], PROA_EPIPE);
    ck_assert_int_eq(rcs[1], PROA_EIO);
    return 0;
}
START_TEST(aio_gather_04_errors_after_the_first_are_kept)
{
    t_run_modes(later_errors_body, NULL);
}
END_TEST

static int join_task(void *ref)
{
    return proa_task_join(*(struct proa_task_ref *)ref);
}

static int twice_body(void *arg)
{
    struct job j = {.ns = PROA_SEC, .rc = 7};
    struct proa_task_ref ref;
    struct proa_call calls[2] = {{join_task, &ref}, {join_task, &ref}};
    int64_t began = proa_now();
    int rcs[2];

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, run_job, &j, NULL));
    ck_ok(proa_gather(calls, 2, rcs, NULL));
    ck_assert_int_eq(rcs[0], 7);
    ck_assert_int_eq(rcs[1], 7);
    ck_assert_int_eq(proa_now() - began, PROA_SEC); /* it ran once */
    return proa_group_join(&g);
}
START_TEST(aio_gather_05_the_same_task_twice_runs_once_and_counts_twice)
{
    t_run_modes(twice_body, NULL);
}
END_TEST

static int cancel_job(void *arg)
{
    struct job *j = arg;
    int rc = proa_sleep(PROA_SEC);

    return rc < 0 ? rc : proa_task_cancel(j->self);
}

static int child_cancelled_body(void *arg)
{
    bool collect = *(bool *)arg;
    struct job j[2] = {{.ns = PROA_HOUR}, {.ns = 2 * PROA_SEC, .rc = 5}};
    struct proa_call calls[3] = {{run_job, &j[0]}, {run_job, &j[1]}, {cancel_job, &j[0]}};
    int rcs[3];
    int rc = proa_gather(calls, 3, rcs, PROA_GATHER_OPTS(.collect = collect));

    ck_assert_int_eq(rc, collect ? 0 : PROA_ETASKCANCELED);
    ck_assert_int_eq(rcs[0], PROA_ECANCELED);
    ck_assert_int_eq(rcs[1], collect ? 5 : PROA_ECANCELED);
    ck_assert_int_eq(rcs[2], 0);
    return proa_yield(); /* the caller is not cancelled */
}
START_TEST(aio_gather_06_a_call_that_was_cancelled_alone_is_a_failure)
{
    t_run_modes(child_cancelled_body, &(bool){false});
}
END_TEST
START_TEST(aio_gather_07_collected_it_stands_among_the_results)
{
    t_run_modes(child_cancelled_body, &(bool){true});
}
END_TEST

static int cancelled_body(void *arg)
{
    struct job j[2] = {{.ns = 1, .rc = 5}, {.ns = PROA_HOUR}};
    struct proa_call calls[2] = {{run_job, &j[0]}, {run_job, &j[1]}};
    int rcs[2];

    PROA_TIMEOUT(t, PROA_SEC);
    int rc = proa_gather(calls, 2, rcs, PROA_GATHER_OPTS(.collect = *(bool *)arg));
    ck_assert_int_eq(rc, PROA_ECANCELED);
    ck_assert_int_eq(rcs[0], 5);
    ck_assert_int_eq(rcs[1], PROA_ECANCELED);
    ck_err(proa_timeout_result(&t, rc), PROA_ETIMEDOUT);
    return 0;
}
START_TEST(aio_gather_08_a_cancel_cancels_all_and_is_told_even_if_collected)
{
    t_run_modes(cancelled_body, &(bool){false});
    t_run_modes(cancelled_body, &(bool){true});
}
END_TEST

struct late {
    struct job job;
    struct proa_task_ref gatherer;
    int rc;
    int rcs[1];
};

static int gather_one(void *arg)
{
    struct late *l = arg;

    l->rc = proa_gather(&(struct proa_call){run_job, &l->job}, 1, l->rcs, NULL);
    return l->rc;
}

/* In the turn in which the call ended, before or after its gatherer has run again. */
static int cancel_after_all(void *arg)
{
    struct late *l = arg;

    while (!l->job.ended) {
        int rc = proa_now() < 2 * PROA_SEC ? proa_sleep_until(2 * PROA_SEC) : proa_yield();
        if (rc < 0)
            return rc;
    }
    return proa_task_cancel(l->gatherer);
}

static int after_all_body(void *arg)
{
    struct late l = {.job = {.ns = 2 * PROA_SEC - proa_now(), .rc = 5}};

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &l.gatherer, gather_one, &l, NULL));
    ck_ok(proa_create_task(&g, cancel_after_all, &l));
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(l.rc, 0);
    ck_assert_int_eq(l.rcs[0], 5);
    return 0;
}
START_TEST(aio_gather_09_a_cancel_after_the_last_end_changes_no_result)
{
    t_run_modes(after_all_body, NULL);
}
END_TEST

static int gather_two(void *arg)
{
    struct job *j = arg;
    struct proa_call calls[2] = {{run_job, &j[0]}, {run_job, &j[1]}};

    return proa_gather(calls, 2, NULL, NULL);
}

static int shields_body(void *arg)
{
    struct job inner[2] = {
        {.ns = PROA_SEC, .shield = PROA_MIN},
        {.ns = 2 * PROA_SEC, .shield = PROA_MIN},
    };
    struct job plain[2] = {{.ns = PROA_SEC}, {.ns = 2 * PROA_SEC}};

    (void)arg;
    ck_err(proa_wait_for(gather_two, inner, PROA_MS), PROA_ETIMEDOUT);
    ck_assert(inner[0].ended && inner[1].ended);
    PROA_SCOPE(s);
    proa_scope_cancel(&s);
    ck_ok(proa_shield(gather_two, plain, PROA_MIN));
    ck_assert(plain[0].ended && plain[1].ended);
    return proa_scope_result(&s, proa_yield());
}
START_TEST(aio_gather_11_shields_inside_and_outside_let_the_calls_finish)
{
    t_run_modes(shields_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("aio_gather",
                  (const TTest *const[]){
                      aio_gather_01_results_stand_in_the_order_of_the_calls,
                      aio_gather_02_nothing_is_gathered_at_once,
                      aio_gather_04_errors_after_the_first_are_kept,
                      aio_gather_05_the_same_task_twice_runs_once_and_counts_twice,
                      aio_gather_06_a_call_that_was_cancelled_alone_is_a_failure,
                      aio_gather_07_collected_it_stands_among_the_results,
                      aio_gather_08_a_cancel_cancels_all_and_is_told_even_if_collected,
                      aio_gather_09_a_cancel_after_the_last_end_changes_no_result,
                      aio_gather_11_shields_inside_and_outside_let_the_calls_finish,
                      NULL,
                  });
}
