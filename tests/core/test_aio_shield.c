#include "core/task.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/run.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

/* The public cases of asyncio's shield. */

static int give(void *rc)
{
    return *(int *)rc;
}

static int join_task(void *ref)
{
    return proa_task_join(*(struct proa_task_ref *)ref);
}

static int done_body(void *arg)
{
    (void)arg;
    ck_assert_int_eq(proa_shield(give, &(int){7}, PROA_SEC), 7);
    PROA_SCOPE(s);
    proa_scope_cancel(&s);
    ck_assert_int_eq(proa_shield(give, &(int){7}, PROA_SEC), 7);
    ck_assert_int_eq(proa_shield(give, &(int){7}, 0), 7);
    return 0;
}
START_TEST(aio_shield_01_what_need_not_wait_is_returned_as_it_is)
{
    t_run_modes(done_body, NULL);
}
END_TEST

static int sleep_long(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_HOUR);
}

static int cancel_inside(void *arg)
{
    (void)arg;
    PROA_SCOPE(s);
    proa_scope_cancel(&s);
    return proa_sleep(PROA_HOUR);
}

static int inner_body(void *arg)
{
    struct proa_task_ref ref;

    (void)arg;
    ck_err(proa_shield(cancel_inside, NULL, PROA_MIN), PROA_ECANCELED);
    ck_err(proa_shield(give, &(int){PROA_EIO}, PROA_MIN), PROA_EIO);
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, sleep_long, NULL, NULL));
    ck_ok(proa_sleep(1));
    ck_ok(proa_task_cancel(ref));
    ck_err(proa_shield(join_task, &ref, PROA_MIN), PROA_ETASKCANCELED);
    return proa_group_join(&g);
}
START_TEST(aio_shield_02_a_cancel_or_failure_inside_comes_out)
{
    t_run_modes(inner_body, NULL);
}
END_TEST

static int64_t cut_at;

static int shielded(void *arg)
{
    (void)arg;
    PROA_SHIELD(s, PROA_FOREVER);
    int rc = proa_sleep(PROA_HOUR);
    cut_at = proa_now();
    return rc;
}

static int leave_it_behind(void *arg)
{
    ck_ok(proa_create_task(NULL, shielded, NULL));
    ck_ok(proa_sleep(PROA_SEC));
    *(int64_t *)arg = proa_now();
    return 0;
}
START_TEST(aio_shield_05_the_end_of_the_run_ends_every_shield)
{
    int64_t ended = 0;
    struct proa_run_opts opts = {
        .size = sizeof opts,
        .virtual_clock = true,
        .grace = 3 * PROA_SEC,
    };

    for (int i = 0; i < 6; i++) {
        opts.eager = i % 2 != 0;
        opts.shuffle = (uint64_t)i / 2; /* 0: in order */
        cut_at = 0;
        ck_ok(proa_run(leave_it_behind, &ended, &opts));
        ck_assert_int_eq(cut_at - ended, 3 * PROA_SEC);
    }
}
END_TEST

static int repeated_body(void *arg)
{
    struct proa_task_ref ref;
    size_t bytes = 0;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, sleep_long, NULL, NULL));
    for (int i = 0; i < 1000; i++) {
        ck_err(proa_wait_for(join_task, &ref, PROA_MS), PROA_ETIMEDOUT);
        ck_assert(list_empty(&ref.task->joiners));
        if (i == 0)
            bytes = t_alloc_bytes();
    }
    ck_assert_uint_eq(t_alloc_bytes(), bytes);
    ck_assert(!proa_task_is_done(ref));
    proa_group_cancel(&g);
    return proa_group_join(&g);
}
START_TEST(aio_shield_06_waiting_again_and_again_leaves_nothing_at_the_task)
{
    t_run_modes(repeated_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("aio_shield",
                  (const TTest *const[]){
                      aio_shield_01_what_need_not_wait_is_returned_as_it_is,
                      aio_shield_02_a_cancel_or_failure_inside_comes_out,
                      aio_shield_05_the_end_of_the_run_ends_every_shield,
                      aio_shield_06_waiting_again_and_again_leaves_nothing_at_the_task,
                      NULL,
                  });
}
