#include "base/fail.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/run.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <string.h>

static int sleep_long(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_HOUR);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* ---- names */

static int names_body(void *arg)
{
    struct proa_task_ref ref;
    char given[] = "pilot of the boat, number 1234567890";

    (void)arg;
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task_opts(&g, &ref, sleep_long, NULL, NULL));
        ck_assert_str_eq(proa_task_name(ref), "task-2");
        ck_ok(proa_task_set_name(ref, given));
        memset(given, 'x', 5);
        ck_assert_str_eq(proa_task_name(ref), "pilot of the boat, number 12345");
        ck_ok(proa_task_set_name(ref, "mate"));
        ck_assert_str_eq(proa_task_name(ref), "mate");
        ck_ok(proa_task_set_name(ref, NULL));
        ck_assert_str_eq(proa_task_name(ref), "task-2");
        ck_ok(proa_task_set_name(proa_current_task(), "captain"));
        ck_assert_str_eq(proa_current_task_name(), "captain");
    }
    ck_assert_str_eq(proa_task_name(ref), "");
    ck_err(proa_task_set_name(ref, "ghost"), PROA_ESTALE);
    return 0;
}
START_TEST(a_task_can_be_renamed)
{
    t_run_modes(names_body, NULL);
}
END_TEST

static int rename_itself(void *arg)
{
    int rc = proa_task_set_name(proa_current_task(), "another");

    (void)arg;
    ck_assert_str_eq(proa_current_task_name(), rc < 0 ? "task-2" : "another");
    return rc;
}

static int rename_all(void *arg)
{
    int rc = proa_task_set_name(proa_current_task(), "another");

    (void)arg;
    if (rc < 0)
        return rc;
    PROA_GROUP(g);
    proa_create_task(&g, rename_itself, NULL);
    return proa_group_join(&g);
}
START_TEST(without_memory_a_task_keeps_its_name)
{
    t_run_each_alloc(rename_all, NULL);
}
END_TEST

/* ---- states */

static int states_body(void *arg)
{
    struct proa_task_ref ref;

    (void)arg;
    ck_assert_int_eq(proa_task_state(proa_current_task()), PROA_TASK_RUNNING);
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task_opts(&g, &ref, sleep_long, NULL, NULL));
        ck_assert_int_eq(proa_task_state(ref), PROA_TASK_READY);
        ck_ok(proa_sleep(PROA_MS));
        ck_assert_int_eq(proa_task_state(ref), PROA_TASK_WAITING);
        ck_ok(proa_task_cancel(ref));
        ck_assert_int_eq(proa_task_state(ref), PROA_TASK_READY);
        ck_ok(proa_sleep(PROA_MS));
        ck_assert_int_eq(proa_task_state(ref), PROA_TASK_DONE);
    }
    ck_assert_int_eq(proa_task_state(ref), PROA_TASK_DONE);
    ck_assert_int_eq(proa_task_state((struct proa_task_ref){0}), PROA_TASK_DONE);
    return 0;
}
START_TEST(states_are_told)
{
    t_run_in_order(states_body, NULL);
}
END_TEST

/* ---- the tree */

static int open_group(void *arg)
{
    (void)arg;
    PROA_GROUP(g);
    proa_create_task_opts(&g, NULL, sleep_long, NULL, PROA_TASK_OPTS(.name = "a1"));
    proa_create_task_opts(&g, NULL, sleep_long, NULL, PROA_TASK_OPTS(.name = "a2"));
    return proa_group_join(&g);
}

static int tree_body(void *arg)
{
    static const char *const want[] = {"main", "m1", "a1", "a2", "m2", "root1"};
    struct proa_task_ref refs[8], ended = {0};
    struct proa_task_ref stranger = {0};

    (void)arg;
    ck_ok(
        proa_create_task_opts(NULL, &stranger, sleep_long, NULL, PROA_TASK_OPTS(.name = "root1")));
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task_opts(&g, NULL, open_group, NULL, PROA_TASK_OPTS(.name = "m1")));
        ck_ok(proa_create_task_opts(&g, NULL, sleep_long, NULL, PROA_TASK_OPTS(.name = "m2")));
        ck_ok(proa_create_task_opts(&g, &ended, nothing, NULL, NULL));
        ck_ok(proa_sleep(PROA_MS));

        ck_assert_uint_eq(proa_all_tasks(refs, 8), 6);
        for (int i = 0; i < 6; i++)
            ck_assert_str_eq(proa_task_name(refs[i]), want[i]);
        ck_assert_str_eq(proa_task_name(proa_task_parent(refs[2])), "m1");
        ck_assert_str_eq(proa_task_name(proa_task_parent(refs[1])), "main");
        ck_assert_ptr_null(proa_task_parent(refs[0]).task);
        ck_assert_ptr_null(proa_task_parent(stranger).task);
        ck_assert_ptr_null(proa_task_parent(ended).task);

        memset(refs, 0, sizeof refs);
        ck_assert_uint_eq(proa_all_tasks(refs, 2), 6); /* no more than there is room for */
        ck_assert_ptr_null(refs[2].task);
        ck_assert_uint_eq(proa_all_tasks(NULL, 0), 6);
    }
    ck_ok(proa_task_cancel(stranger));
    ck_err(proa_task_join(stranger), PROA_ETASKCANCELED);
    ck_assert_uint_eq(proa_all_tasks(NULL, 0), 1);
    return 0;
}
START_TEST(all_tasks_are_listed_in_the_order_of_the_tree)
{
    t_run_modes(tree_body, NULL);
}
END_TEST

/* ---- reasons */

static char heard[256];

static int hear_reason(void *arg)
{
    int rc = proa_sleep(PROA_HOUR);

    (void)arg;
    strncpy(heard, proa_cancel_reason(), sizeof heard - 1);
    return rc;
}

static int reason_body(void *arg)
{
    struct proa_task_ref ref;

    (void)arg;
    ck_assert_str_eq(proa_cancel_reason(), "");
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, hear_reason, NULL, PROA_TASK_OPTS(.name = "gull")));
    ck_ok(proa_task_cancel_for(ref, "the tide is out"));
    ck_ok(proa_task_cancel_for(ref, "the second one"));
    ck_err(proa_task_join(ref), PROA_ETASKCANCELED);
    ck_assert_str_eq(heard, "the tide is out");
    ck_assert_str_eq(proa_err_detail(PROA_ETASKCANCELED),
                     "task gull was cancelled: the tide is out");
    ck_ok(proa_task_cancel_for(ref, "too late"));
    return proa_group_join(&g);
}
START_TEST(a_cancelled_task_can_read_the_reason)
{
    t_run_modes(reason_body, NULL);
}
END_TEST

static int fail_with_words(void *arg)
{
    (void)arg;
    return proa__fail(PROA_ECONNREFUSED, "the pier is closed");
}

static int other_reasons_body(void *arg)
{
    struct proa_task_ref ref;

    (void)arg;
    {
        PROA_TIMEOUT(t, PROA_MS);
        ck_err(proa_sleep(PROA_SEC), PROA_ECANCELED);
        ck_assert_str_eq(proa_cancel_reason(), "a timeout expired");
        {
            PROA_SHIELD(s, PROA_SEC);
            ck_assert_str_eq(proa_cancel_reason(), "");
        }
    }
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, hear_reason, NULL));
        ck_ok(proa_create_task_opts(&g, NULL, fail_with_words, NULL,
                                    PROA_TASK_OPTS(.name = "ferry")));
        ck_err(proa_group_join(&g), PROA_ECONNREFUSED);
        ck_assert_str_eq(heard, "task ferry failed: the pier is closed");
    }
    {
        PROA_SCOPE(s);
        proa_scope_cancel(&s);
        ck_assert_str_eq(proa_cancel_reason(), ""); /* nobody said why */
    }
    heard[0] = 'x';
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task_opts(&g, &ref, hear_reason, NULL, NULL));
        ck_ok(proa_task_cancel(ref));
        ck_ok(proa_group_join(&g));
    }
    ck_assert_str_eq(heard, "");
    return proa_create_task(NULL, hear_reason, NULL); /* left over */
}
START_TEST(whoever_cancels_leaves_a_reason)
{
    ck_ok(proa_run(other_reasons_body, NULL, PROA_RUN_OPTS(.virtual_clock = true)));
    ck_assert_str_eq(heard, "the main task has ended");
}
END_TEST

/* ---- which reason, and how much of it */

static int nearest_body(void *arg)
{
    (void)arg;
    PROA_GROUP(g, .kind = PROA_GROUP_SUPERVISE); /* knows of a failure, and is not cancelled */
    ck_ok(proa_create_task(&g, fail_with_words, NULL));
    t_settle();
    {
        PROA_TIMEOUT(t, PROA_MS);
        ck_err(proa_sleep(PROA_SEC), PROA_ECANCELED);
        ck_ok(proa_task_cancel_for(proa_current_task(), "the tide is out"));
        ck_assert_str_eq(proa_cancel_reason(), "a timeout expired");
    }
    ck_assert_str_eq(proa_cancel_reason(), "the tide is out");
    ck_err(proa_group_join(&g), PROA_ECONNREFUSED);
    return PROA_ECANCELED;
}

static int in_a_task(void *body)
{
    struct proa_task_ref ref;

    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, *(proa_task_fn **)body, NULL, NULL));
    ck_err(proa_task_join(ref), PROA_ETASKCANCELED);
    return proa_group_join(&g);
}
START_TEST(the_nearest_scope_that_was_cancelled_answers)
{
    proa_task_fn *body = nearest_body;

    t_run_modes(in_a_task, &body);
}
END_TEST

static int fail_at_length(void *detail)
{
    return proa__fail(PROA_ECONNREFUSED, "%s", (const char *)detail);
}

static int lengths_body(void *arg)
{
    const char *name = "a name of thirty-one characters";
    char text[161], words[256];
    struct proa_task_ref ref;

    (void)arg;
    memset(text, 'r', 160);
    text[160] = '\0';
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task_opts(&g, &ref, hear_reason, NULL, NULL));
        ck_ok(proa_task_cancel_for(ref, text));
        ck_ok(proa_group_join(&g));
    }
    ck_assert_uint_eq(strlen(heard), 127);

    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, hear_reason, NULL));
    ck_ok(proa_create_task_opts(&g, NULL, fail_at_length, text, PROA_TASK_OPTS(.name = name)));
    ck_err(proa_group_join(&g), PROA_ECONNREFUSED);
    snprintf(words, sizeof words, "task %s failed: %.128s", name, text);
    ck_assert_str_eq(heard, words);
    return 0;
}
START_TEST(a_reason_is_kept_up_to_its_bound)
{
    t_run_modes(lengths_body, NULL);
}
END_TEST

static int no_reason_body(void *arg)
{
    struct proa_task_ref ref;

    (void)arg;
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task_opts(&g, &ref, hear_reason, NULL, PROA_TASK_OPTS(.name = "gull")));
        ck_ok(proa_task_cancel_for(ref, NULL));
        heard[0] = 'x';
        ck_ok(proa_group_join(&g));
        ck_assert_str_eq(heard, "");
    }
    ck_err(proa_task_cancel_for(ref, "its group was left"), PROA_ESTALE);

    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, sleep_long, NULL, PROA_TASK_OPTS(.name = "gull")));
    proa_group_cancel(&g); /* the opener, too */
    PROA_SHIELD(shield, PROA_SEC);
    t_settle();
    ck_ok(proa_task_cancel_for(ref, "it has ended"));
    ck_err(proa_task_join(ref), PROA_ETASKCANCELED);
    ck_assert_str_eq(proa_err_detail(PROA_ETASKCANCELED), "task gull was cancelled");
    return proa_group_join(&g);
}

static void cancel_for_without_loop(void *arg)
{
    (void)arg;
    proa_task_cancel_for((struct proa_task_ref){0}, "nothing runs");
}
START_TEST(a_cancel_may_have_no_reason)
{
    ck_assert_str_eq(proa_cancel_reason(), ""); /* no task runs */
    t_aborts(cancel_for_without_loop, NULL, "proa_task_cancel_for");
    t_run_modes(no_reason_body, NULL);
}
END_TEST

static int cancel_in_want(void *arg)
{
    struct proa_task_ref ref;

    (void)arg;
    PROA_GROUP(g);
    int rc = proa_create_task_opts(&g, &ref, hear_reason, NULL, NULL);
    if (rc < 0)
        return rc;
    ck_ok(proa_task_cancel_for(ref, "no memory needed"));
    return proa_group_join(&g);
}
START_TEST(without_memory_a_cancel_has_no_reason)
{
    t_run_each_alloc(cancel_in_want, NULL);
}
END_TEST

/* ---- reasons of a group */

static char told[64];

static int listen(void *arg)
{
    (void)arg;
    ck_err(proa_sleep(PROA_FOREVER), PROA_ECANCELED);
    strncpy(told, proa_cancel_reason(), sizeof told - 1);
    return PROA_ECANCELED;
}

static int group_reason_body(void *arg)
{
    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, listen, NULL));
    t_settle();
    proa_group_cancel_for(&g, "the tide turns");
    proa_group_cancel_for(&g, "and turns again");
    ck_assert_str_eq(proa_cancel_reason(), "the tide turns"); /* it is around the opener, too */
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(told, "the tide turns");
    ck_assert_str_eq(proa_cancel_reason(), "");
    return 0;
}
START_TEST(a_group_is_cancelled_for_a_reason)
{
    t_run_modes(group_reason_body, NULL);
}
END_TEST

static int group_no_reason_body(void *arg)
{
    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, listen, NULL));
    t_settle();
    proa_group_cancel(&g);
    proa_group_cancel_for(&g, "too late");
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(told, "");
    return 0;
}
START_TEST(a_reason_after_the_cancel_does_not_count)
{
    t_run_modes(group_no_reason_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("task_view", (const TTest *const[]){
                                   a_task_can_be_renamed,
                                   without_memory_a_task_keeps_its_name,
                                   states_are_told,
                                   all_tasks_are_listed_in_the_order_of_the_tree,
                                   a_cancelled_task_can_read_the_reason,
                                   whoever_cancels_leaves_a_reason,
                                   the_nearest_scope_that_was_cancelled_answers,
                                   a_reason_is_kept_up_to_its_bound,
                                   a_cancel_may_have_no_reason,
                                   without_memory_a_cancel_has_no_reason,
                                   a_group_is_cancelled_for_a_reason,
                                   a_reason_after_the_cancel_does_not_count,
                                   NULL,
                               });
}
