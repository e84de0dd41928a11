#include "base/fail.h"
#include "core/stack.h"
#include "support/t_run.h"

#include <proa/fault.h>
#include <proa/gather.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <string.h>

/* ---- what tasks of these tests do */

static int give(void *rc)
{
    return *(int *)rc;
}

static int set_flag(void *flag)
{
    *(bool *)flag = true;
    return 0;
}

static int sleep_ns(void *ns)
{
    return proa_sleep(*(int64_t *)ns);
}

struct trace {
    char text[64];
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

static int fail_with_words(void *arg)
{
    (void)arg;
    return proa__fail(PROA_ECONNREFUSED, "the pier is closed");
}

/* ---- creation */

/* AIO-TASK-01 */
static int not_before_body(void *arg)
{
    bool ran = false;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, set_flag, &ran));
    ck_assert(!ran);
    ck_ok(proa_yield());
    ck_assert(ran);
    return proa_group_join(&g);
}
START_TEST(task_does_not_run_before_its_creator_waits)
{
    t_run_in_order(not_before_body, NULL);
}
END_TEST

/* AIO-TASK-03 */
static int round_robin_body(void *arg)
{
    struct trace trace = {.n = 0};
    struct letter l[3] = {{&trace, 'a'}, {&trace, 'b'}, {&trace, 'c'}};

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task(&g, write_twice, &l[i]));
    ck_ok(proa_group_join(&g));
    trace.text[trace.n] = '\0';
    ck_assert_str_eq(trace.text, "abcabc");
    return 0;
}
START_TEST(tasks_take_turns_in_the_order_of_creation)
{
    t_run_in_order(round_robin_body, NULL);
}
END_TEST

struct probe {
    bool ran;
    int rc;
};

static int probe_cancel(void *arg)
{
    struct probe *p = arg;

    p->ran = true;
    p->rc = proa_yield();
    return p->rc;
}

/* AIO-TASK-02, the other way: it runs, and its first suspending call says so. */
static int cancelled_before_first_turn_body(void *arg)
{
    struct proa_task_ref ref;
    struct probe p = {false, 0};

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, probe_cancel, &p, NULL));
    ck_ok(proa_task_cancel(ref));
    ck_ok(proa_group_join(&g));
    ck_assert(p.ran);
    ck_assert_int_eq(p.rc, PROA_ECANCELED);
    return 0;
}
START_TEST(task_cancelled_before_its_first_turn_runs_all_the_same)
{
    t_run_in_order(cancelled_before_first_turn_body, NULL);
}
END_TEST

static int create_while_cancelled_body(void *arg)
{
    bool ran = false;

    (void)arg;
    PROA_GROUP(g);
    {
        PROA_SCOPE(s);
        proa_scope_cancel(&s);
        ck_err(proa_create_task(&g, set_flag, &ran), PROA_ECANCELED);
    }
    ck_ok(proa_group_join(&g)); /* that was the creator's affair */
    ck_assert(!ran);
    return 0;
}
START_TEST(cancelled_creator_creates_nothing)
{
    t_run(create_while_cancelled_body, NULL);
}
END_TEST

static int options_body(void *arg)
{
    struct {
        struct proa_task_opts opts;
        int more;
    } newer = {.opts = {.size = sizeof newer}, .more = 1};
    bool ran = false;

    (void)arg;
    {
        PROA_GROUP(g);
        ck_err(proa_create_task_opts(&g, NULL, set_flag, &ran, &newer.opts), PROA_E2BIG);
        ck_err(proa_group_join(&g), PROA_E2BIG); /* remembered */
    }
    PROA_GROUP(g);
    ck_err(proa_create_task_opts(&g, NULL, set_flag, &ran,
                                 PROA_TASK_OPTS(.stack_size = STACK_SIZE_MAX + 1)),
           PROA_EINVAL);
    ck_err(proa_group_join(&g), PROA_EINVAL);
    ck_assert(!ran);
    return 0;
}
START_TEST(bad_options_create_nothing_and_fail_the_group)
{
    t_run(options_body, NULL);
}
END_TEST

__attribute__((noinline)) static int use_stack(void *arg)
{
    volatile char frame[1 << 10]; /* many of them make more than the default stack */
    int deeper = *(int *)arg - 1;
    int rc = 0;

    frame[0] = (char)deeper;
    frame[sizeof frame - 1] = (char)deeper;
    if (deeper > 0)
        rc = use_stack(&deeper);
    return rc < 0 || frame[0] != (char)deeper ? -1 : 0;
}

static int big_stack_body(void *arg)
{
    int depth = 192;
    bool ran;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, set_flag, &ran));
    ck_ok(proa_yield()); /* its stack is free now, and too small */
    ck_ok(
        proa_create_task_opts(&g, NULL, use_stack, &depth, PROA_TASK_OPTS(.stack_size = 1 << 20)));
    return proa_group_join(&g);
}
START_TEST(stack_size_is_honoured)
{
    t_run(big_stack_body, NULL);
}
END_TEST

static int tell_name(void *name)
{
    snprintf(name, 64, "%s", proa_current_task_name());
    return 0;
}

static int names_body(void *arg)
{
    char given[] = "reader of the logbook, volume 1234567890";
    char name[64] = "";

    (void)arg;
    ck_assert_str_eq(proa_current_task_name(), "main");
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, NULL, tell_name, name, PROA_TASK_OPTS(.name = given)));
    memset(given, 'x', 4); /* it was copied */
    ck_ok(proa_yield());
    ck_assert_str_eq(name, "reader of the logbook, volume 1");
    ck_ok(proa_create_task(&g, tell_name, name));
    ck_ok(proa_yield());
    ck_assert_str_eq(name, "task-3");
    return proa_group_join(&g);
}
START_TEST(name_is_copied_cut_to_31_bytes_or_made_up)
{
    ck_assert_str_eq(proa_current_task_name(), "");
    t_run_in_order(names_body, NULL);
}
END_TEST

/* ---- join */

/* AIO-TASK-11 */
static int join_again_body(void *arg)
{
    struct proa_task_ref ref = {0};
    int rc = 42;

    (void)arg;
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task_opts(&g, &ref, give, &rc, NULL));
        ck_assert(!proa_task_is_done(ref));
        ck_assert_int_eq(proa_task_join(ref), 42);
        ck_assert(proa_task_is_done(ref));
        ck_assert_int_eq(proa_task_join(ref), 42);
        ck_ok(proa_group_join(&g));
        ck_assert_int_eq(proa_task_join(ref), 42);
    }
    ck_err(proa_task_join(ref), PROA_ESTALE);
    ck_err(proa_task_cancel(ref), PROA_ESTALE);
    ck_assert(proa_task_is_done(ref));
    return 0;
}
START_TEST(task_is_joined_any_number_of_times_until_its_group_is_left)
{
    t_run_in_order(join_again_body, NULL);
}
END_TEST

static int recycled_body(void *arg)
{
    struct proa_task_ref old = {0};
    struct proa_task_ref ref = {0};
    int rc = 1;

    (void)arg;
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task_opts(&g, &old, give, &rc, NULL));
        ck_ok(proa_group_join(&g));
    }
    PROA_GROUP(g);
    rc = 2;
    ck_ok(proa_create_task_opts(&g, &ref, give, &rc, NULL));
    ck_assert_ptr_eq(old.task, ref.task); /* the same record, another task */
    ck_err(proa_task_join(old), PROA_ESTALE);
    ck_err(proa_task_join((struct proa_task_ref){0}), PROA_ESTALE);
    ck_assert_int_eq(proa_task_join(ref), 2);
    return proa_group_join(&g);
}
START_TEST(stale_reference_is_known_though_its_record_is_used_again)
{
    t_run(recycled_body, NULL);
}
END_TEST

static struct proa_task_ref of_earlier_run;

static int leave_reference(void *arg)
{
    (void)arg;
    of_earlier_run = proa_current_task();
    return 0;
}

static int find_stale(void *arg)
{
    (void)arg;
    ck_err(proa_task_join(of_earlier_run), PROA_ESTALE);
    return 0;
}
START_TEST(reference_of_an_earlier_run_is_stale)
{
    t_run(leave_reference, NULL);
    t_run(find_stale, NULL);
}
END_TEST

static int join_it(void *ref)
{
    return proa_task_join(*(struct proa_task_ref *)ref);
}

static int many_joiners_body(void *arg)
{
    struct proa_task_ref ref;
    struct proa_call joins[3] = {{join_it, &ref}, {join_it, &ref}, {join_it, &ref}};
    int64_t ns = PROA_SEC;
    int rcs[3] = {1, 1, 1};

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, sleep_ns, &ns, NULL));
    ck_ok(proa_gather(joins, 3, rcs, NULL));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(rcs[i], 0);
    return proa_group_join(&g);
}
START_TEST(many_tasks_join_one)
{
    t_run(many_joiners_body, NULL);
}
END_TEST

static int detail_body(void *arg)
{
    struct proa_task_ref ref;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, fail_with_words, NULL, NULL));
    PROA_SHIELD(s, PROA_SEC); /* the group is cancelled by the failure */
    ck_err(proa_task_join(ref), PROA_ECONNREFUSED);
    ck_assert_str_eq(proa_err_detail(PROA_ECONNREFUSED), "the pier is closed");
    ck_err(proa_group_join(&g), PROA_ECONNREFUSED);
    return 0;
}
START_TEST(words_of_a_failure_move_to_the_joiner)
{
    t_run(detail_body, NULL);
}
END_TEST

static int cancelled_joiner_body(void *arg)
{
    struct proa_task_ref ref;
    int64_t ns = PROA_SEC;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, sleep_ns, &ns, NULL));
    ck_err(PROA_WITHIN(PROA_MS, proa_task_join(ref)), PROA_ETIMEDOUT);
    ck_assert(!proa_task_is_done(ref));
    ck_ok(proa_task_join(ref)); /* it ran on */
    return proa_group_join(&g);
}
START_TEST(cancelled_join_leaves_the_task_alone)
{
    t_run(cancelled_joiner_body, NULL);
}
END_TEST

static int join_cancelled_body(void *arg)
{
    struct proa_task_ref ref;
    int64_t ns = PROA_SEC;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, sleep_ns, &ns, PROA_TASK_OPTS(.name = "gull")));
    ck_ok(proa_yield());
    ck_ok(proa_task_cancel(ref));
    ck_ok(proa_task_cancel(ref)); /* twice is once */
    ck_err(proa_task_join(ref), PROA_ETASKCANCELED);
    ck_assert_str_eq(proa_err_detail(PROA_ETASKCANCELED), "task gull was cancelled");
    ck_ok(proa_task_cancel(ref)); /* AIO-CANCEL-01 */
    return proa_group_join(&g);   /* AIO-TG-05: no failure of the group */
}
START_TEST(joining_a_cancelled_task_is_an_error_of_its_own)
{
    t_run(join_cancelled_body, NULL);
}
END_TEST

/* AIO-FUT-09 */
static int join_self(void *arg)
{
    (void)arg;
    return proa_task_join(proa_current_task());
}
START_TEST(joining_oneself_aborts)
{
    t_run_aborts(join_self, NULL, "waits for its own end");
}
END_TEST

/* ---- cancel */

static int cancel_self_body(void *arg)
{
    (void)arg;
    ck_ok(proa_task_cancel(proa_current_task()));
    ck_assert(proa_is_cancelled());
    for (int i = 0; i < 3; i++) { /* AIO-CANCEL-04, AIO-CANCEL-16 */
        int64_t began = proa_now();

        ck_err(proa_sleep(PROA_SEC), PROA_ECANCELED);
        ck_assert_int_eq(proa_now() - began, 0);
    }
    return PROA_ECANCELED; /* legal: all of it is cancelled */
}

static int cancel_self_and_return(void *arg)
{
    int *rc = arg;

    ck_ok(proa_task_cancel(proa_current_task()));
    return *rc;
}

static int value_kept_body(void *arg)
{
    struct proa_task_ref ref;
    int rc = 5;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, cancel_self_and_return, &rc, NULL));
    ck_assert_int_eq(proa_task_join(ref), 5); /* AIO-CANCEL-05, the other way */
    return proa_group_join(&g);
}
START_TEST(every_call_of_a_cancelled_task_fails_at_once)
{
    ck_err(t_run_rc(cancel_self_body, NULL), PROA_ECANCELED);
    t_run(value_kept_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("task", (const TTest *const[]){
                              task_does_not_run_before_its_creator_waits,
                              tasks_take_turns_in_the_order_of_creation,
                              task_cancelled_before_its_first_turn_runs_all_the_same,
                              cancelled_creator_creates_nothing,
                              bad_options_create_nothing_and_fail_the_group,
                              stack_size_is_honoured,
                              name_is_copied_cut_to_31_bytes_or_made_up,
                              task_is_joined_any_number_of_times_until_its_group_is_left,
                              stale_reference_is_known_though_its_record_is_used_again,
                              reference_of_an_earlier_run_is_stale,
                              many_tasks_join_one,
                              words_of_a_failure_move_to_the_joiner,
                              cancelled_join_leaves_the_task_alone,
                              joining_a_cancelled_task_is_an_error_of_its_own,
                              joining_oneself_aborts,
                              every_call_of_a_cancelled_task_fails_at_once,
                              NULL,
                          });
}
