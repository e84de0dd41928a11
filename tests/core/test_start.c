#include "base/fail.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/time.h>

/* A server: gets ready in a while, then serves. */
struct server {
    int64_t ready_after; /* ns */
    int rc;              /* < 0: fails instead of getting ready; > 0: ends so */
    bool deaf;           /* gets ready although cancelled */
    int got;             /* what proa_task_ready said */
    bool served;
};

static int serve(void *arg)
{
    struct server *s = arg;
    int rc = s->ready_after ? proa_sleep(s->ready_after) : 0;

    if (rc < 0 && !s->deaf)
        return rc;
    if (s->rc < 0)
        return proa__fail(s->rc, "the pier is closed");
    if (s->rc > 0)
        return s->rc;
    s->got = proa_task_ready(s);
    rc = proa_sleep(PROA_SEC);
    s->served = rc == 0;
    return rc;
}

static int ready_body(void *arg)
{
    struct server s = {.ready_after = PROA_MS, .got = -1};
    struct proa_task_ref ref;
    void *value = NULL;

    (void)arg;
    int64_t began = proa_now();
    PROA_GROUP(g);
    ck_ok(proa_start_task(&g, &ref, &value, serve, &s, NULL));
    ck_assert_ptr_eq(value, &s);
    ck_assert_int_eq(s.got, 0);
    ck_assert(proa_now() - began == PROA_MS); /* not the second that it serves */
    ck_assert(!proa_task_is_done(ref));
    ck_ok(proa_task_join(ref));
    ck_assert(s.served);
    return proa_group_join(&g);
}
START_TEST(the_creator_goes_on_when_the_task_is_ready)
{
    t_run_modes(ready_body, NULL);
}
END_TEST

static int at_once_body(void *arg)
{
    struct server s = {.got = -1};
    void *value = NULL;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_start_task(&g, NULL, &value, serve, &s, PROA_TASK_OPTS(.eager = true)));
    ck_assert_ptr_eq(value, &s);
    return proa_group_join(&g);
}
START_TEST(it_may_be_ready_before_its_creator_waits)
{
    t_run_modes(at_once_body, NULL);
}
END_TEST

static int failure_body(void *arg)
{
    struct server s = {.ready_after = PROA_MS, .rc = PROA_ECONNREFUSED};
    struct proa_task_ref ref = {0};
    void *value = NULL;

    (void)arg;
    PROA_GROUP(g);
    ck_err(proa_start_task(&g, &ref, &value, serve, &s, NULL), PROA_ECONNREFUSED);
    ck_assert_str_eq(proa_err_detail(PROA_ECONNREFUSED), "the pier is closed");
    ck_assert_ptr_null(value);
    ck_assert_ptr_null(ref.task);
    s = (struct server){.rc = PROA_ECONNREFUSED};
    ck_err(proa_start_task(&g, &ref, &value, serve, &s, NULL), PROA_ECONNREFUSED);
    ck_ok(proa_sleep(PROA_MS)); /* the group was not cancelled by that */
    return proa_group_join(&g); /* and has no failure */
}
START_TEST(a_failure_before_is_the_creators_and_not_the_groups)
{
    t_run_modes(failure_body, NULL);
}
END_TEST

static int ready_at_once(void *arg)
{
    return proa_task_ready(arg);
}

/* None of them, whose group lives on, may keep its record. */
static void start_many(struct proa_group *g, struct proa_task_ref *ret, proa_task_fn *fn, int told)
{
    size_t bytes = 0;

    for (int i = 0; i < 300; i++) {
        ck_assert_int_eq(proa_start_task(g, ret, NULL, fn, NULL, NULL), told);
        ck_ok(proa_yield());
        if (i == 0)
            bytes = t_alloc_bytes();
    }
    ck_assert_uint_eq(t_alloc_bytes(), bytes);
}

static int end_at_once(void *arg)
{
    (void)arg;
    return 0;
}

static int records_body(void *arg)
{
    struct proa_task_ref ref;

    (void)arg;
    PROA_GROUP(g);
    start_many(&g, NULL, ready_at_once, 0);
    start_many(&g, NULL, end_at_once, PROA_ENOTREADY);
    start_many(&g, &ref, end_at_once, PROA_ENOTREADY);
    return proa_group_join(&g);
}
START_TEST(a_task_without_a_reference_leaves_no_record)
{
    t_run_modes(records_body, NULL);
}
END_TEST

static int next_body(void *arg)
{
    struct proa_task_ref ref, next;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_start_task(&g, NULL, NULL, ready_at_once, NULL, NULL));
    ck_err(proa_start_task(&g, NULL, NULL, end_at_once, NULL, NULL), PROA_ENOTREADY);
    ck_err(proa_start_task(&g, &ref, NULL, end_at_once, NULL, NULL), PROA_ENOTREADY);
    ck_assert_int_eq(proa_group_next(&g, &next), 0);
    ck_ok(proa_start_task(&g, &ref, NULL, ready_at_once, NULL, NULL));
    ck_assert_int_eq(proa_group_next(&g, &next), 1);
    ck_assert(next.task == ref.task && next.seq == ref.seq);
    ck_ok(proa_task_join(ref));
    return proa_group_join(&g);
}
START_TEST(the_next_of_a_group_is_one_that_was_ready)
{
    t_run_modes(next_body, NULL);
}
END_TEST

static int not_ready_body(void *arg)
{
    struct server s = {.ready_after = PROA_MS, .rc = 3};

    (void)arg;
    PROA_GROUP(g);
    ck_err(proa_start_task(&g, NULL, NULL, serve, &s, PROA_TASK_OPTS(.name = "ferry")),
           PROA_ENOTREADY);
    ck_assert_str_eq(proa_err_detail(PROA_ENOTREADY),
                     "task ferry ended without saying that it is ready");
    return proa_group_join(&g);
}
START_TEST(to_end_without_being_ready_is_a_failure)
{
    t_run_modes(not_ready_body, NULL);
}
END_TEST

static int cancel_self_first(void *arg)
{
    (void)arg;
    proa_task_cancel(proa_current_task());
    return proa_sleep(PROA_SEC);
}

static int cancelled_task_body(void *arg)
{
    (void)arg;
    PROA_GROUP(g);
    ck_err(proa_start_task(&g, NULL, NULL, cancel_self_first, NULL, NULL), PROA_ETASKCANCELED);
    return proa_group_join(&g);
}
START_TEST(a_task_that_somebody_cancels_is_not_ready)
{
    t_run_modes(cancelled_task_body, NULL);
}
END_TEST

static int cancelled_creator_body(void *arg)
{
    struct server s = {.ready_after = PROA_SEC};
    struct server deaf = {.ready_after = PROA_SEC, .deaf = true};
    int64_t began = proa_now();

    (void)arg;
    PROA_GROUP(g);
    ck_err(PROA_WITHIN(PROA_MS, proa_start_task(&g, NULL, NULL, serve, &s, NULL)), PROA_ETIMEDOUT);
    ck_assert_uint_eq(proa_group_running(&g), 0); /* it has ended by then */
    ck_err(PROA_WITHIN(PROA_MS, proa_start_task(&g, NULL, NULL, serve, &deaf, NULL)),
           PROA_ETIMEDOUT);
    ck_err(deaf.got, PROA_ECANCELED);
    ck_assert(proa_now() - began == 2 * PROA_MS); /* it was cancelled, not waited out */
    ck_assert_uint_eq(proa_group_running(&g), 0);
    return proa_group_join(&g);
}
START_TEST(a_cancelled_creator_takes_the_task_along)
{
    t_run_modes(cancelled_creator_body, NULL);
}
END_TEST

/* ---- it is ready, or ends, in the turn of the creator's cancel and before it */

struct race {
    struct proa_event *go; /* the task's */
    struct proa_event *leave;
    struct proa_group *group;
    bool ready; /* it says so; or it ends */
    int ready_rc;
    int served; /* what it waits for then */
    int rc;     /* what its creator was told */
    int next;   /* what became of the task in the next group */
    void *value;
};

static int race_task(void *arg)
{
    struct race *r = arg;
    int rc = proa_event_wait(r->go);

    if (rc < 0 || !r->ready)
        return rc;
    r->ready_rc = proa_task_ready(r);
    r->served = proa_sleep(PROA_SEC);
    return r->served;
}

static int race_creator(void *arg)
{
    struct race *r = arg;

    r->rc = proa_start_task(r->group, NULL, &r->value, race_task, r, NULL);
    return 0;
}

static int sleep_and_tell(void *rc)
{
    return *(int *)rc = proa_sleep(PROA_SEC);
}

/* Opens the group of the task, leaves it, and has a task in another. */
static int race_owner(void *arg)
{
    struct race *r = arg;

    {
        PROA_GROUP(g);
        r->group = &g;
        ck_ok(proa_event_wait(r->leave));
        ck_ok(proa_group_join(&g));
    }
    PROA_GROUP(next);
    ck_ok(proa_create_task(&next, sleep_and_tell, &r->next));
    return proa_group_join(&next);
}

static void yield_some(void)
{
    for (int i = 0; i < 4; i++)
        ck_ok(proa_yield());
}

static int race_body(void *arg)
{
    struct race *r = arg;
    struct proa_task_ref creator;

    ck_ok(proa_event_new(&r->go));
    ck_ok(proa_event_new(&r->leave));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, race_owner, r));
    yield_some();
    ck_ok(proa_create_task_opts(&g, &creator, race_creator, r, NULL));
    yield_some();
    proa_event_set(r->go);
    proa_event_set(r->leave);
    proa_task_cancel(creator);
    ck_ok(proa_group_join(&g));
    proa_event_free(r->go);
    proa_event_free(r->leave);
    return 0;
}
START_TEST(a_cancel_after_ready_leaves_the_task_alone)
{
    struct race r = {.ready = true, .ready_rc = 1, .served = 1, .rc = 1, .next = 1};

    t_run_in_order(race_body, &r);
    ck_ok(r.ready_rc);
    ck_ok(r.rc);
    ck_assert_ptr_eq(r.value, &r);
    ck_ok(r.served);
    ck_ok(r.next);
}
END_TEST
START_TEST(a_cancel_after_its_end_meets_no_other_task)
{
    struct race r = {.rc = 1, .next = 1};

    t_run_in_order(race_body, &r);
    ck_err(r.rc, PROA_ENOTREADY);
    ck_ok(r.next);
}
END_TEST

static int fail_when_cancelled(void *arg)
{
    (void)arg;
    proa_sleep(PROA_SEC);
    return proa__fail(PROA_EIO, "the log is wet");
}

static int cancelled_failure_body(void *arg)
{
    (void)arg;
    PROA_GROUP(g);
    ck_err(PROA_WITHIN(PROA_MS, proa_start_task(&g, NULL, NULL, fail_when_cancelled, NULL, NULL)),
           PROA_EIO);
    ck_assert_str_eq(proa_err_detail(PROA_EIO), "the log is wet");
    return proa_group_join(&g);
}
START_TEST(a_failure_during_that_cancel_is_not_lost)
{
    t_run_modes(cancelled_failure_body, NULL);
}
END_TEST

static int alone_body(void *arg)
{
    struct server s = {.got = -1};

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, serve, &s));
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(s.got, 0);
    ck_ok(proa_task_ready(NULL));
    return 0;
}
START_TEST(nobody_needs_to_wait_for_it)
{
    t_run_modes(alone_body, NULL);
}
END_TEST

static int start_one(void *arg)
{
    struct server s = {.ready_after = PROA_MS};

    (void)arg;
    PROA_GROUP(g);
    int rc = proa_start_task(&g, NULL, NULL, serve, &s, NULL);
    int joined = proa_group_join(&g);

    return rc < 0 ? rc : joined;
}
START_TEST(each_wait_may_be_cancelled)
{
    t_each_park(start_one, NULL);
}
END_TEST
START_TEST(each_allocation_may_fail)
{
    t_run_each_alloc(start_one, NULL);
}
END_TEST

static void ready_outside(void *arg)
{
    proa_task_ready(arg);
}
static void start_outside(void *arg)
{
    proa_start_task(NULL, NULL, NULL, serve, arg, NULL);
}
START_TEST(outside_of_tasks_both_abort)
{
    t_aborts(ready_outside, NULL, "proa_task_ready: no task runs here");
    t_aborts(start_outside, NULL, "proa_start_task: no task runs here");
}
END_TEST

int main(void)
{
    return t_main("start", (const TTest *const[]){
                               the_creator_goes_on_when_the_task_is_ready,
                               it_may_be_ready_before_its_creator_waits,
                               a_failure_before_is_the_creators_and_not_the_groups,
                               a_task_without_a_reference_leaves_no_record,
                               the_next_of_a_group_is_one_that_was_ready,
                               to_end_without_being_ready_is_a_failure,
                               a_task_that_somebody_cancels_is_not_ready,
                               a_cancelled_creator_takes_the_task_along,
                               a_cancel_after_ready_leaves_the_task_alone,
                               a_cancel_after_its_end_meets_no_other_task,
                               a_failure_during_that_cancel_is_not_lost,
                               nobody_needs_to_wait_for_it,
                               each_wait_may_be_cancelled,
                               each_allocation_may_fail,
                               outside_of_tasks_both_abort,
                               NULL,
                           });
}
