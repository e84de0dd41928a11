#include "base/fail.h"
#include "core/stack.h"
#include "support/t_run.h"

#include <proa/fault.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <string.h>

/* Of tasks: what their end means to others, and what it leaves. */

static int give(void *rc)
{
    return *(int *)rc;
}

static int sleep_ns(void *ns)
{
    return proa_sleep(*(int64_t *)ns);
}

static int fail_with_words(void *arg)
{
    (void)arg;
    return proa__fail(PROA_ECONNREFUSED, "the pier is closed");
}

/* ---- ends that are not what they seem */

static int claim_cancel(void *arg)
{
    (void)arg;
    return PROA_ECANCELED;
}

static int bad_cancel_body(void *arg)
{
    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, NULL, claim_cancel, NULL, PROA_TASK_OPTS(.name = "fraud")));
    ck_err(proa_group_join(&g), PROA_EBADCANCEL);
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_EBADCANCEL), "fraud"));
    return 0;
}
START_TEST(task_that_ends_as_cancelled_without_a_cancel_has_failed)
{
    t_run(bad_cancel_body, NULL);
}
END_TEST

static int forget_timeout(void *arg)
{
    (void)arg;
    PROA_TIMEOUT(t, PROA_MS);
    return proa_sleep(PROA_SEC);
}

static int forgotten_timeout_body(void *arg)
{
    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, forget_timeout, NULL));
    ck_err(proa_group_join(&g), PROA_ETIMEDOUT);
    return 0;
}

/* The answer was given, and cast away. */
static int ignore_timeout(void *arg)
{
    (void)arg;
    PROA_TIMEOUT(t, PROA_MS);
    int rc = proa_sleep(PROA_SEC);
    ck_err(proa_timeout_result(&t, rc), PROA_ETIMEDOUT);
    return rc;
}

/* A deadline passed, but no call was cut by it. */
static int pass_deadline(void *arg)
{
    (void)arg;
    {
        PROA_TIMEOUT(t, 0);
    }
    return PROA_ECANCELED;
}

/* Nor by this one: what was cut was cut inside the shield, by a scope inside it. */
static int cut_in_shield(void *arg)
{
    int rc;

    (void)arg;
    PROA_TIMEOUT(t, 0);
    PROA_SHIELD(shield, PROA_SEC);
    PROA_SCOPE(s);
    proa_scope_cancel(&s);
    rc = proa_yield();
    ck_assert_int_eq(rc, PROA_ECANCELED);
    return rc;
}

static int not_forgotten_body(void *arg)
{
    proa_task_fn *const frauds[] = {ignore_timeout, pass_deadline, cut_in_shield};

    (void)arg;
    for (int i = 0; i < 3; i++) {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, frauds[i], NULL));
        ck_err(proa_group_join(&g), PROA_EBADCANCEL);
    }
    return 0;
}
START_TEST(timeout_nobody_asked_about_is_what_the_task_fails_with)
{
    t_run(forgotten_timeout_body, NULL);
    t_run(not_forgotten_body, NULL);
}
END_TEST

static int forget_group(void *arg)
{
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, fail_with_words, arg));
    return proa_sleep(PROA_SEC);
}

struct faults {
    int n;
    int rc;
    char task[32];
    char detail[200];
};

static int note_fault(const struct proa_fault *fault, void *arg)
{
    struct faults *f = arg;

    f->n++;
    f->rc = fault->rc;
    snprintf(f->task, sizeof f->task, "%s", fault->task);
    snprintf(f->detail, sizeof f->detail, "%s", fault->detail);
    return 0;
}

static int forgotten_group_body(void *arg)
{
    struct faults f = {0};

    (void)arg;
    proa_fault_set(note_fault, &f);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, forget_group, NULL));
    ck_err(proa_group_join(&g), PROA_ECONNREFUSED);
    ck_assert_str_eq(proa_err_detail(PROA_ECONNREFUSED), "the pier is closed");
    ck_assert_int_eq(f.n, 1);
    return 0;
}
START_TEST(failure_of_a_group_nobody_joined_is_what_the_task_fails_with)
{
    t_run(forgotten_group_body, NULL);
}
END_TEST

/* ---- the root group */

/* AIO-TASK-04, the other way: told when the task ends. */
static int root_fault_body(void *arg)
{
    struct faults f = {0};

    (void)arg;
    proa_fault_set(note_fault, &f);
    ck_ok(proa_create_task_opts(NULL, NULL, fail_with_words, NULL, PROA_TASK_OPTS(.name = "oar")));
    ck_ok(proa_yield());
    ck_assert_int_eq(f.n, 1);
    ck_assert_int_eq(f.rc, PROA_ECONNREFUSED);
    ck_assert_str_eq(f.task, "oar");
    ck_assert_str_eq(f.detail, "the pier is closed");
    return 0; /* and nobody else is cancelled by it */
}
START_TEST(failure_in_the_root_group_reaches_the_fault_handler)
{
    t_run_in_order(root_fault_body, NULL);
}
END_TEST

static int root_joined_body(void *arg)
{
    struct proa_task_ref ref;
    struct faults f = {0};

    (void)arg;
    proa_fault_set(note_fault, &f);
    ck_ok(proa_create_task_opts(NULL, &ref, fail_with_words, NULL, NULL));
    ck_err(proa_task_join(ref), PROA_ECONNREFUSED);
    ck_assert_str_eq(proa_err_detail(PROA_ECONNREFUSED), "the pier is closed");
    ck_assert_int_eq(f.n, 0);
    return 0;
}
START_TEST(failure_that_is_joined_is_no_fault)
{
    t_run_in_order(root_joined_body, NULL);
}
END_TEST

/* ---- stacks and words of tasks that follow each other */

static int fail_without_words(void *arg)
{
    (void)arg;
    return PROA_ECONNREFUSED;
}

static int follow_at_once_body(void *arg)
{
    struct proa_task_error e[2];

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, fail_with_words, NULL));
    ck_ok(proa_create_task(&g, fail_without_words, NULL));
    ck_err(proa_group_join(&g), PROA_ECONNREFUSED);
    ck_assert_uint_eq(proa_group_errors(&g, e, 2), 2);
    ck_assert_str_eq(e[1].detail, "connection refused");
    return 0;
}

static int follow_later_body(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, i ? fail_without_words : fail_with_words, NULL));
        ck_err(proa_group_join(&g), PROA_ECONNREFUSED);
        ck_assert_str_eq(proa_err_detail(PROA_ECONNREFUSED),
                         i ? "connection refused" : "the pier is closed");
    }
    return 0;
}
START_TEST(task_does_not_inherit_the_words_of_the_one_before)
{
    t_run_in_order(follow_at_once_body, NULL);
    t_run_in_order(follow_later_body, NULL);
}
END_TEST

__attribute__((noinline)) static int use_stack(void *arg)
{
    volatile char frame[1 << 10];
    int deeper = *(int *)arg - 1;
    int rc = 0;

    frame[0] = (char)deeper;
    frame[sizeof frame - 1] = (char)deeper;
    if (deeper > 0)
        rc = use_stack(&deeper);
    return rc < 0 || frame[0] != (char)deeper ? -1 : 0;
}

/* The small stack of the first must not become the second's. */
static int small_then_default_body(void *arg)
{
    int shallow = 1;
    int deep = 40;

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++) {
        ck_ok(proa_create_task_opts(&g, NULL, use_stack, &shallow,
                                    PROA_TASK_OPTS(.stack_size = STACK_SIZE_MIN)));
        ck_ok(proa_create_task(&g, use_stack, &deep));
    }
    return proa_group_join(&g);
}
START_TEST(stacks_of_different_sizes_are_not_mixed_up)
{
    t_run(small_then_default_body, NULL);
}
END_TEST

/* ---- memory */

static int many_tasks(void *arg)
{
    int rc = 0;

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 100; i++)
        proa_create_task_opts(&g, NULL, give, &rc,
                              PROA_TASK_OPTS(.name = i % 50 ? NULL : "a",
                                             .stack_size = i == 70 ? STACK_SIZE_MIN : 0));
    return proa_group_join(&g);
}

static int refs_and_joins(void *arg)
{
    struct proa_task_ref ref;
    int64_t ns = 5;

    (void)arg;
    PROA_GROUP(g);
    int rc = proa_create_task_opts(&g, &ref, sleep_ns, &ns, NULL);

    if (rc >= 0)
        rc = proa_task_join(ref);
    return rc < 0 ? proa_group_join(&g), rc : proa_group_join(&g);
}
START_TEST(each_failed_allocation_is_enomem_and_leaves_nothing)
{
    t_run_each_alloc(many_tasks, NULL);
    t_each_park(refs_and_joins, NULL);
}
END_TEST

static int record_size_body(void *arg)
{
    size_t before = t_alloc_bytes();
    int rc = 0;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, give, &rc));
    ck_ok(proa_yield());
    before = t_alloc_bytes();
    for (int i = 0; i < 10000; i++) { /* AIO-TG-21 */
        ck_ok(proa_create_task(&g, give, &rc));
        ck_ok(proa_yield());
    }
    ck_assert_uint_eq(t_alloc_bytes(), before);
    return proa_group_join(&g);
}
START_TEST(group_that_lives_long_keeps_nothing_of_tasks_that_ended)
{
    t_run(record_size_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("task_end", (const TTest *const[]){
                                  task_that_ends_as_cancelled_without_a_cancel_has_failed,
                                  timeout_nobody_asked_about_is_what_the_task_fails_with,
                                  failure_of_a_group_nobody_joined_is_what_the_task_fails_with,
                                  failure_in_the_root_group_reaches_the_fault_handler,
                                  failure_that_is_joined_is_no_fault,
                                  task_does_not_inherit_the_words_of_the_one_before,
                                  stacks_of_different_sizes_are_not_mixed_up,
                                  each_failed_allocation_is_enomem_and_leaves_nothing,
                                  group_that_lives_long_keeps_nothing_of_tasks_that_ended,
                                  NULL,
                              });
}
