#include "base/fail.h"
#include "support/t_run.h"

#include <proa/call.h>
#include <proa/fault.h>
#include <proa/group.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

struct trace {
    char text[32];
    size_t n;
};

struct letter {
    struct trace *trace;
    char c;
};

static int write_twice(void *arg)
{
    struct letter *l = arg;

    l->trace->text[l->trace->n++] = l->c;
    int rc = proa_yield();
    l->trace->text[l->trace->n++] = l->c;
    return rc;
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

static int not_before_body(void *arg)
{
    struct trace trace = {.n = 0};
    struct letter a = {&trace, 'a'};

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, write_twice, &a));
    ck_assert_uint_eq(trace.n, 0);
    ck_ok(proa_yield());
    ck_assert_uint_eq(trace.n, 1);
    return proa_group_join(&g);
}
START_TEST(aio_task_01_a_task_does_not_run_before_its_creator_waits)
{
    t_run_in_order(not_before_body, NULL);
}
END_TEST

struct probe {
    bool ran;
    int rc;
};

static int probe(void *arg)
{
    struct probe *p = arg;

    p->ran = true;
    p->rc = proa_sleep(PROA_SEC);
    return p->rc;
}

static int cancelled_first_body(void *arg)
{
    struct probe p = {false, 0};
    struct proa_task_ref ref;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, probe, &p, NULL));
    ck_ok(proa_task_cancel(ref));
    ck_ok(proa_group_join(&g));
    ck_assert(p.ran);
    ck_err(p.rc, PROA_ECANCELED);
    return 0;
}
START_TEST(aio_task_02_a_task_cancelled_before_its_first_turn_runs_and_is_told)
{
    t_run_modes(cancelled_first_body, NULL);
}
END_TEST

static int round_robin_body(void *arg)
{
    struct trace trace = {.n = 0};
    struct letter l[3] = {{&trace, '0'}, {&trace, '1'}, {&trace, '2'}};

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task(&g, write_twice, &l[i]));
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(trace.text, "012012");
    return 0;
}
START_TEST(aio_task_03_tasks_that_yield_take_turns)
{
    t_run_in_order(round_robin_body, NULL);
}
END_TEST

static int note_fault(const struct proa_fault *fault, void *arg)
{
    *(int *)arg = fault->rc;
    return 0;
}

static int never_joined_body(void *arg)
{
    int fault = 0;
    int rc = PROA_EIO;

    (void)arg;
    proa_fault_set(note_fault, &fault);
    ck_ok(proa_create_task(NULL, give, &rc));
    ck_ok(proa_sleep(PROA_MS));
    ck_err(fault, PROA_EIO); /* when it ended, not some time later */
    return 0;
}
START_TEST(aio_task_04_a_failure_nobody_joins_reaches_the_fault_handler)
{
    t_run_modes(never_joined_body, NULL);
}
END_TEST

/* What it waits for is known to nobody else, and neither is the task. */
static int wait_alone(void *arg)
{
    PROA_AUTO(proa_event) *e = NULL;
    bool *ended = arg;
    int rc;

    ck_ok(proa_event_new(&e));
    rc = proa_event_wait(e);
    *ended = true;
    return rc;
}

static int unreferenced_body(void *arg)
{
    bool ended = false;

    (void)arg;
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, wait_alone, &ended));
        ck_ok(proa_sleep(PROA_HOUR));
        ck_assert(!ended);
        ck_assert_uint_eq(proa_all_tasks(NULL, 0), 2);
    }
    ck_assert(ended);
    return 0;
}
START_TEST(aio_task_05_a_task_without_a_reference_lives_in_its_group)
{
    t_run_modes(unreferenced_body, NULL);
}
END_TEST

struct identity {
    struct proa_task_ref ref;
    bool same;
};

static bool is_current(struct proa_task_ref ref)
{
    struct proa_task_ref now = proa_current_task();

    return now.task == ref.task && now.seq == ref.seq;
}

static int keep_identity(void *arg)
{
    struct identity *id = arg;

    id->same = true;
    id->ref = proa_current_task();
    for (int i = 0; i < 3; i++) {
        ck_ok(proa_yield());
        id->same = id->same && is_current(id->ref);
    }
    return 0;
}

static void look_from_callback(void *arg)
{
    *(struct proa_task_ref *)arg = proa_current_task();
}

static int identity_body(void *arg)
{
    struct proa_task_ref in_callback = proa_current_task();
    struct identity ids[3];

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task(&g, keep_identity, &ids[i]));
    ck_ok(proa_call_soon(NULL, look_from_callback, &in_callback));
    ck_ok(proa_sleep(PROA_MS));
    ck_ok(proa_group_join(&g));
    ck_assert_ptr_null(in_callback.task);
    for (int i = 0; i < 3; i++)
        ck_assert(ids[i].same);
    ck_assert(ids[0].ref.seq != ids[1].ref.seq && ids[1].ref.seq != ids[2].ref.seq);
    return 0;
}
START_TEST(aio_task_07_the_current_task_is_known_and_none_in_callbacks)
{
    t_run_modes(identity_body, NULL);
}
END_TEST

static int count_tasks(void *arg)
{
    *(size_t *)arg = proa_all_tasks(NULL, 0);
    return 0;
}

static int all_tasks_body(void *arg)
{
    size_t during = 0;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, NULL, count_tasks, &during, PROA_TASK_OPTS(.eager = true)));
    ck_assert_uint_eq(during, 2);
    ck_assert_uint_eq(proa_all_tasks(NULL, 0), 1);
    ck_ok(proa_create_task(&g, sleep_ms, NULL));
    ck_assert_uint_eq(proa_all_tasks(NULL, 0), 2);
    ck_ok(proa_group_join(&g));
    ck_assert_uint_eq(proa_all_tasks(NULL, 0), 1);
    return 0;
}
START_TEST(aio_task_08_all_tasks_has_eager_ones_and_none_that_ended)
{
    t_run_modes(all_tasks_body, NULL);
}
END_TEST

static int join_again_body(void *arg)
{
    struct proa_task_ref ref;
    int rc = 42;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, give, &rc, NULL));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(proa_task_join(ref), 42);
    return proa_group_join(&g);
}
START_TEST(aio_task_11_a_task_can_be_joined_again)
{
    t_run_modes(join_again_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("aio_task",
                  (const TTest *const[]){
                      aio_task_01_a_task_does_not_run_before_its_creator_waits,
                      aio_task_02_a_task_cancelled_before_its_first_turn_runs_and_is_told,
                      aio_task_03_tasks_that_yield_take_turns,
                      aio_task_04_a_failure_nobody_joins_reaches_the_fault_handler,
                      aio_task_05_a_task_without_a_reference_lives_in_its_group,
                      aio_task_07_the_current_task_is_known_and_none_in_callbacks,
                      aio_task_08_all_tasks_has_eager_ones_and_none_that_ended,
                      aio_task_11_a_task_can_be_joined_again,
                      NULL,
                  });
}
