#include "core/debug.h"
#include "core/place.h"
#include "support/t_debug.h"
#include "support/t_run.h"

#include <proa/debug.h>
#include <proa/fault.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/sync.h>
#include <proa/task.h>

#include <stdlib.h>
#include <unistd.h>

/* ---- failures that nobody collects */

static int fails(void *arg)
{
    (void)arg;
    return PROA_EINVAL;
}

static T_AS_WRITTEN int creator(void *arg)
{
    (void)arg;
    ck_ok(proa_create_task(NULL, fails, NULL));
    return 0;
}
static int uncollected_body(void *arg)
{
    ck_ok(creator(arg));
    return proa_sleep(PROA_MS);
}
START_TEST(a_failure_that_nobody_collects_tells_where_its_task_was_created)
{
    t_said_begin();
    ck_ok(run_debug(uncollected_body, NULL, NEVER_SLOW));
    ck_said(1, "task task-2 failed: invalid argument (PROA_EINVAL); it was created by ");
    if (proa__place_knows_lines())
        ck_said(1, "it was created by creator (test_debug_task.c:");
    t_said_begin();
    ck_ok(run_plain(uncollected_body, NULL));
    ck_said(1, "task task-2 failed: invalid argument (PROA_EINVAL)");
    ck_said(0, "created by");
}
END_TEST

static T_AS_WRITTEN int creates_three(void *arg)
{
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task(NULL, fails, arg));
    return proa_sleep(PROA_MS); /* each goes on on the stack of the one before */
}
START_TEST(a_task_on_the_stack_of_another_has_its_own_creator)
{
    t_said_begin();
    ck_ok(run_debug(creates_three, NULL, NEVER_SLOW));
    ck_said(3, "invalid argument (PROA_EINVAL); it was created by ");
    if (proa__place_knows_lines())
        ck_said(3, "it was created by creates_three (test_debug_task.c:");
}
END_TEST

static char created[PLACE_MAX];
static int take_fault(const struct proa_fault *fault, void *arg)
{
    (void)arg;
    snprintf(created, sizeof created, "%s", fault->created ? fault->created : "?");
    return 0;
}
static int handler_body(void *arg)
{
    PROA_GROUP(g);
    proa_fault_set(take_fault, NULL);
    ck_ok(proa_create_task_opts(&g, NULL, fails, arg, NULL));
    ck_ok(proa_sleep(PROA_MS) == PROA_ECANCELED ? 0 : 1);
    return 0; /* the group is left, not joined */
}
START_TEST(the_fault_handler_is_told_where_too)
{
    t_said_begin();
    run_debug(handler_body, NULL, NEVER_SLOW);
    ck_assert_str_ne(created, "?");
    ck_assert_str_ne(created, "");
    if (proa__place_knows_lines())
        ck_assert_ptr_nonnull(strstr(created, "handler_body (test_debug_task.c:"));
    run_plain(handler_body, NULL);
    ck_assert_str_eq(created, "?");
}
END_TEST

static int gather_body(void *arg)
{
    PROA_GROUP(g);
    proa_fault_set(take_fault, NULL);
    ck_ok(proa_start_task(&g, NULL, NULL, fails, arg, NULL) == PROA_EINVAL ? 0 : 1);
    return 0;
}
START_TEST(a_start_that_failed_is_no_fault)
{
    t_said_begin();
    created[0] = '\0';
    ck_ok(run_debug(gather_body, NULL, NEVER_SLOW));
    ck_assert_str_eq(created, "");
}
END_TEST

/* ---- cancels that are ignored */

static int ignores(void *times)
{
    for (int i = 0; i < *(int *)times; i++)
        (void)proa_sleep(PROA_MS);
    return 0;
}
static int ignored_body(void *times)
{
    struct proa_task_ref ref;

    ck_ok(proa_create_task_opts(NULL, &ref, ignores, times, PROA_TASK_OPTS(.name = "deaf")));
    ck_ok(proa_yield());
    ck_ok(proa_task_cancel(ref));
    return proa_task_join(ref);
}
START_TEST(a_task_whose_calls_fail_100_times_after_its_cancel_is_told_once)
{
    int times = 1 + 99; /* the first one was cut short, which counts */

    t_said_begin();
    ck_ok(run_debug(ignored_body, &times, NEVER_SLOW));
    ck_said(1, "task deaf was cancelled and goes on although 100 of its calls failed since");
    if (proa__place_knows_lines())
        ck_assert_uint_ge(t_said("    ignores (test_debug_task.c:"), 1);
    times--;
    t_said_begin();
    ck_ok(run_debug(ignored_body, &times, NEVER_SLOW));
    ck_said(0, "task deaf was cancelled");
    times = 1000;
    t_said_begin();
    ck_ok(run_debug(ignored_body, &times, NEVER_SLOW));
    ck_said(1, "task deaf was cancelled");
    t_said_begin();
    ck_ok(run_plain(ignored_body, &times));
    ck_assert_uint_eq(said.n, 0);
}
END_TEST

static int timed_out_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < 150; i++) {
        PROA_TIMEOUT(t, 0);
        ck_err(proa_timeout_result(&t, proa_sleep(PROA_MS)), PROA_ETIMEDOUT);
    }
    return 0;
}
START_TEST(timeouts_are_no_cancels)
{
    t_said_begin();
    ck_ok(run_debug(timed_out_often, NULL, NEVER_SLOW));
    ck_said(0, "was cancelled");
}
END_TEST

static int cleans_up(void *ns)
{
    (void)proa_sleep(PROA_MS);
    PROA_SHIELD(s, 10 * PROA_SEC);
    return proa_sleep(*(int64_t *)ns);
}
static int shielded_body(void *ns)
{
    struct proa_task_ref ref;

    ck_ok(proa_create_task_opts(NULL, &ref, cleans_up, ns, PROA_TASK_OPTS(.name = "cleaner")));
    ck_ok(proa_yield());
    ck_ok(proa_task_cancel(ref));
    return proa_task_join(ref);
}
START_TEST(a_task_that_lives_a_second_after_its_cancel_is_told)
{
    int64_t ns = PROA_SEC - PROA_MS;

    t_said_begin();
    ck_ok(run_debug(shielded_body, &ns, NEVER_SLOW));
    ck_said(0, "was cancelled");
    ns = 3 * PROA_SEC;
    ck_ok(run_debug(shielded_body, &ns, NEVER_SLOW));
    ck_said(1, "task cleaner was cancelled 1000.0 ms ago and has not ended: 1 of its calls failed "
               "since; it waits in a shield");
    t_said_begin();
    ck_ok(run_plain(shielded_body, &ns));
    ck_assert_uint_eq(said.n, 0);
}
END_TEST

static int joins_firmly(void *ns)
{
    (void)proa_sleep(PROA_MS);
    (void)proa_sleep(PROA_MS); /* fails at once: its name is known */
    PROA_GROUP(g);
    PROA_SHIELD(s, 10 * PROA_SEC);
    int64_t *copy = ns;
    ck_ok(proa_sleep(*copy));
    return 0;
}
static int two_cancelled_body(void *ns)
{
    struct proa_task_ref first;
    struct proa_task_ref second;

    ck_ok(proa_create_task_opts(NULL, &first, joins_firmly, ns, PROA_TASK_OPTS(.name = "one")));
    ck_ok(proa_create_task_opts(NULL, &second, joins_firmly, ns, PROA_TASK_OPTS(.name = "two")));
    ck_ok(proa_yield());
    ck_ok(proa_task_cancel(first));
    ck_ok(proa_sleep(PROA_SEC / 2));
    ck_ok(proa_task_cancel(second));
    ck_ok(proa_task_join(first));
    return proa_task_join(second);
}
START_TEST(each_task_has_its_own_second)
{
    int64_t ns = 3 * PROA_SEC;

    t_said_begin();
    ck_ok(run_debug(two_cancelled_body, &ns, NEVER_SLOW));
    ck_said(1, "task one was cancelled 1000.0 ms ago and has not ended: 2 of its calls failed "
               "since, the last one proa_sleep; it waits in a shield");
    ck_said(1, "task two was cancelled 1000.0 ms ago and has not ended: 0 of its calls failed "
               "since; it waits in a shield");
}
END_TEST

static int once = 1;
static int cancelled_quickly(void *arg)
{
    (void)arg;
    return ignored_body(&once);
}
START_TEST(what_debug_mode_waits_for_is_no_leak_of_a_test)
{
    setenv("PROA_DEBUG", "1", 1);
    t_said_begin();
    t_run(cancelled_quickly, NULL); /* fails on timers that are left */
}
END_TEST

/* ---- locks */

static int takes_along(void *lock)
{
    return proa_lock_acquire(lock);
}
static int orphan_body(void *arg)
{
    struct proa_lock *lock;
    struct proa_task_ref ref;

    (void)arg;
    ck_ok(proa_lock_new(&lock));
    ck_ok(proa_create_task_opts(NULL, &ref, takes_along, lock, PROA_TASK_OPTS(.name = "thief")));
    ck_ok(proa_task_join(ref));
    ck_err(proa_lock_acquire(lock), PROA_EOWNERDEAD);
    proa_lock_free(lock);
    return 0;
}
START_TEST(a_task_that_ends_with_a_lock_is_told)
{
    t_said_begin();
    ck_ok(run_debug(orphan_body, NULL, NEVER_SLOW));
    ck_said(1, "task thief ended while it held lock 0x");
    t_said_begin();
    ck_ok(run_plain(orphan_body, NULL));
    ck_assert_uint_eq(said.n, 0);
}
END_TEST

static int takes_and_is_cancelled(void *lock)
{
    ck_ok(proa_lock_acquire(lock));
    return proa_sleep(PROA_SEC);
}
static int cancelled_orphan_body(void *arg)
{
    struct proa_lock *lock;
    struct proa_task_ref ref;

    (void)arg;
    ck_ok(proa_lock_new(&lock));
    ck_ok(proa_create_task_opts(NULL, &ref, takes_and_is_cancelled, lock,
                                PROA_TASK_OPTS(.name = "victim")));
    ck_ok(proa_yield());
    ck_ok(proa_task_cancel(ref));
    ck_err(proa_task_join(ref), PROA_ETASKCANCELED);
    proa_lock_free(lock);
    return 0;
}
START_TEST(a_lock_that_is_lost_by_a_cancel_is_told_as_that)
{
    t_said_begin();
    ck_ok(run_debug(cancelled_orphan_body, NULL, NEVER_SLOW));
    ck_said(1, "task victim ended, cancelled, while it held lock 0x");
}
END_TEST

/* ---- stacks */

#ifndef PROA_SANITIZED /* their stacks are larger, and their frames */

static T_AS_WRITTEN int use_stack(size_t bytes)
{
    char *top = __builtin_frame_address(0);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    for (size_t at = page; at < bytes; at += page)
        *(volatile char *)(top - at) = 1;
    return 0;
}

struct use {
    size_t bytes;
    const char *name;
};

static int user(void *arg)
{
    const struct use *use = arg;

    return use_stack(use->bytes);
}
static int depth_body(void *arg)
{
    for (const struct use *use = arg; use->name; use++) {
        struct proa_task_ref ref;

        ck_ok(proa_create_task_opts(NULL, &ref, user, (void *)(uintptr_t)use,
                                    PROA_TASK_OPTS(.name = use->name, .stack_size = 256 << 10)));
        ck_ok(proa_task_join(ref));
    }
    return 0;
}

START_TEST(the_deepest_stack_is_told_at_the_loops_end)
{
    struct use uses[] = {{40 << 10, "small"}, {100 << 10, "deep"}, {60 << 10, "last"}, {0, NULL}};

    t_said_begin();
    ck_ok(run_debug(depth_body, uses, NEVER_SLOW));
    ck_said(1, "the deepest stack was deep's: ");
    ck_said(1, " KiB of 256");
    ck_said(0, "give it more");
    t_said_begin();
    ck_ok(run_plain(depth_body, uses));
    ck_assert_uint_eq(said.n, 0);
}
END_TEST

START_TEST(a_stack_that_is_used_but_for_an_eighth_is_told)
{
    struct use enough[] = {{200 << 10, "enough"}, {0, NULL}};
    struct use nearly[] = {{235 << 10, "nearly"}, {0, NULL}};

    t_said_begin();
    ck_ok(run_debug(depth_body, enough, NEVER_SLOW));
    ck_said(0, "give it more");
    ck_ok(run_debug(depth_body, nearly, NEVER_SLOW));
    ck_said(1, "task nearly used ");
    ck_said(1, " KiB of its stack of 256: give it more with .stack_size");
}
END_TEST

static int of_two_sizes_body(void *arg)
{
    struct use large = {100 << 10, "large"};
    struct use small = {58 << 10, "small"};
    struct proa_task_ref ref;

    (void)arg;
    ck_ok(proa_create_task_opts(NULL, &ref, user, &large, PROA_TASK_OPTS(.stack_size = 256 << 10)));
    ck_ok(proa_task_join(ref));
    for (int i = 0; i < 3; i++) {
        ck_ok(proa_create_task_opts(NULL, &ref, user, &small, PROA_TASK_OPTS(.name = "small")));
        ck_ok(proa_task_join(ref));
    }
    return 0;
}
START_TEST(a_small_stack_that_is_nearly_full_is_told_after_a_larger_one)
{
    t_said_begin();
    ck_ok(run_debug(of_two_sizes_body, NULL, NEVER_SLOW));
    ck_said(1, "task small used "); /* once */
    ck_said(1, "give it more");
}
END_TEST

static int switched_on_body(void *arg)
{
    struct use deep = {58 << 10, "deep"};
    struct use shallow = {0, "shallow"};

    (void)arg;
    for (int i = 0; i < 2; i++) {
        struct proa_task_ref ref[2]; /* one waits on its stack for the next, one goes to the pool */

        for (int k = 0; k < 2; k++)
            ck_ok(proa_create_task_opts(NULL, &ref[k], user, i ? &shallow : &deep,
                                        PROA_TASK_OPTS(.stack_size = k ? 64 << 10 : 0)));
        ck_ok(proa_task_join(ref[0]));
        ck_ok(proa_task_join(ref[1]));
        ck_ok(proa_debug_set(true));
    }
    return 0;
}
START_TEST(what_was_on_a_stack_before_it_was_switched_on_does_not_count)
{
    t_said_begin();
    ck_ok(run_plain(switched_on_body, NULL));
    ck_said(0, "give it more");
    ck_said(1, "the deepest stack was ");
}
END_TEST

static char *left_behind;
static T_AS_WRITTEN int leaves(void *arg)
{
    char *at = (char *)__builtin_frame_address(0) - (32 << 10);

    (void)arg;
    *(volatile char *)at = 'x';
    left_behind = at;
    return 0;
}
static int ended_body(void *arg)
{
    struct proa_task_ref ref;

    ck_ok(proa_create_task_opts(NULL, &ref, leaves, arg, NULL));
    ck_ok(proa_task_join(ref));
    ck_assert_int_eq(*(volatile char *)left_behind, 0);
    return 0;
}
START_TEST(what_an_ended_task_left_on_its_stack_is_gone)
{
    t_said_begin();
    ck_ok(run_debug(ended_body, NULL, NEVER_SLOW));
}
END_TEST

#endif

int main(void)
{
    return t_main("debug_task", (const TTest *const[]){
                                    a_failure_that_nobody_collects_tells_where_its_task_was_created,
                                    a_task_on_the_stack_of_another_has_its_own_creator,
                                    the_fault_handler_is_told_where_too,
                                    a_start_that_failed_is_no_fault,
                                    a_task_whose_calls_fail_100_times_after_its_cancel_is_told_once,
                                    timeouts_are_no_cancels,
                                    a_task_that_lives_a_second_after_its_cancel_is_told,
                                    each_task_has_its_own_second,
                                    what_debug_mode_waits_for_is_no_leak_of_a_test,
                                    a_task_that_ends_with_a_lock_is_told,
                                    a_lock_that_is_lost_by_a_cancel_is_told_as_that,
#ifndef PROA_SANITIZED
                                    the_deepest_stack_is_told_at_the_loops_end,
                                    a_stack_that_is_used_but_for_an_eighth_is_told,
                                    a_small_stack_that_is_nearly_full_is_told_after_a_larger_one,
                                    what_was_on_a_stack_before_it_was_switched_on_does_not_count,
                                    what_an_ended_task_left_on_its_stack_is_gone,
#endif
                                    NULL,
                                });
}
