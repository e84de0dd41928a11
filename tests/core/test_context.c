#include "support/t_run.h"

#include <proa/call.h>
#include <proa/context.h>
#include <proa/group.h>
#include <proa/task.h>
#include <proa/time.h>

static int freed;

static void note_free(void *value)
{
    freed += *(int *)value;
}

static const struct proa_context_key user = {"user", NULL};
static const struct proa_context_key trace = {"trace", note_free};

static int one = 1, ten = 10, hundred = 100;

/* What a task sees under `user`, before and after it sets another. */
struct seen {
    void *before;
    void *after_sleep;
    void *set;
};

static int look_and_set(void *arg)
{
    struct seen *s = arg;

    s->before = proa_context_get(&user);
    ck_ok(proa_sleep(PROA_MS));
    s->after_sleep = proa_context_get(&user);
    if (s->set)
        ck_ok(proa_context_set(&user, s->set));
    return 0;
}

static int inherit_body(void *arg)
{
    struct seen a = {.set = &ten}, b = {.set = NULL};

    (void)arg;
    ck_assert_ptr_null(proa_context_get(&user));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, look_and_set, &b)); /* born before there is a value */
    ck_ok(proa_context_set(&user, &one));
    ck_ok(proa_create_task(&g, look_and_set, &a));
    ck_ok(proa_context_set(&user, &hundred));
    ck_ok(proa_group_join(&g));
    ck_assert_ptr_null(b.before);
    ck_assert_ptr_null(b.after_sleep);
    ck_assert_ptr_eq(a.before, &one);
    ck_assert_ptr_eq(a.after_sleep, &one);
    ck_assert_ptr_eq(proa_context_get(&user), &hundred); /* nor does the creator see the task's */
    ck_ok(proa_context_set(&user, NULL));
    ck_assert_ptr_null(proa_context_get(&user));
    return 0;
}
START_TEST(a_task_has_what_its_creator_had_when_it_was_born)
{
    t_run_modes(inherit_body, NULL);
}
END_TEST

static int keep_a_while(void *arg)
{
    (void)arg;
    ck_assert_ptr_eq(proa_context_get(&trace), &ten);
    return proa_sleep(PROA_SEC);
}

static int free_body(void *arg)
{
    struct proa_task_ref ref;

    (void)arg;
    freed = 0;
    ck_ok(proa_context_set(&trace, &one));
    ck_ok(proa_context_set(&trace, &ten)); /* nobody else had the first one */
    ck_assert_int_eq(freed, 1);
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, keep_a_while, NULL, NULL));
    ck_ok(proa_context_set(&trace, &hundred));
    ck_assert_int_eq(freed, 1); /* the task has it */
    ck_ok(proa_task_join(ref));
    ck_assert_int_eq(freed, 1); /* below the new one, until that is replaced */
    ck_ok(proa_context_set(&trace, NULL));
    ck_assert_int_eq(freed, 111);
    return proa_group_join(&g);
}
START_TEST(a_value_is_freed_when_no_task_has_it_any_more)
{
    t_run_modes(free_body, NULL);
}
END_TEST

static int set_and_end(void *arg)
{
    (void)arg;
    return proa_context_set(&trace, &ten);
}

static int end_body(void *arg)
{
    struct proa_task_ref ref;

    (void)arg;
    freed = 0;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, set_and_end, NULL, NULL));
    ck_ok(proa_task_join(ref));
    ck_assert_int_eq(freed, 10); /* with the task, though its record stays */
    return proa_group_join(&g);
}
START_TEST(values_end_with_their_task)
{
    t_run_modes(end_body, NULL);
}
END_TEST

static int many_body(void *arg)
{
    static struct proa_context_key keys[20]; /* as long as the program, as keys are */
    size_t before;

    (void)arg;
    for (int i = 0; i < 20; i++) {
        keys[i] = (struct proa_context_key){"key", NULL};
        ck_ok(proa_context_set(&keys[i], &keys[i]));
    }
    before = t_alloc_bytes();
    for (int turn = 0; turn < 3; turn++)
        for (int i = 0; i < 20; i++) {
            ck_assert_ptr_eq(proa_context_get(&keys[i]), &keys[i]);
            ck_ok(proa_context_set(&keys[i], &keys[i]));
        }
    ck_assert_uint_eq(t_alloc_bytes(), before); /* setting again takes no room */
    return 0;
}
START_TEST(many_keys_do_not_disturb_each_other)
{
    t_run_modes(many_body, NULL);
}
END_TEST

static void look_from_callback(void *arg)
{
    *(void **)arg = proa_context_get(&user);
}

static int callback_body(void *arg)
{
    void *seen = &one;

    (void)arg;
    ck_ok(proa_context_set(&user, &one));
    ck_ok(proa_call_soon(NULL, look_from_callback, &seen));
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_ptr_null(seen);
    return 0;
}
START_TEST(callbacks_have_no_values)
{
    t_run_modes(callback_body, NULL);
}
END_TEST

static void set_outside(void *arg)
{
    proa_context_set(&user, arg);
}
START_TEST(setting_outside_of_tasks_aborts)
{
    ck_assert_ptr_null(proa_context_get(&user));
    t_aborts(set_outside, NULL, "proa_context_set: no task runs here");
}
END_TEST

/* ---- shared */

static int set_user(void *value)
{
    return proa_context_set(&user, value);
}

static int see_user(void *ret)
{
    *(void **)ret = proa_context_get(&user);
    return 0;
}

static int shared_body(void *arg)
{
    PROA_AUTO(proa_context) *context = NULL;
    struct proa_task_ref ref;
    void *seen = NULL;

    (void)arg;
    ck_ok(proa_context_new(&context));
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, set_user, &ten, PROA_TASK_OPTS(.context = context)));
    ck_ok(proa_task_join(ref));
    ck_ok(proa_create_task_opts(&g, NULL, see_user, &seen, PROA_TASK_OPTS(.context = context)));
    ck_ok(proa_group_join(&g));
    ck_assert_ptr_eq(seen, &ten);
    ck_assert_ptr_null(proa_context_get(&user));
    return 0;
}
START_TEST(aio_ctx_02_tasks_of_a_shared_context_see_each_others_changes)
{
    t_run_modes(shared_body, NULL);
}
END_TEST

static int shared_ends_body(void *arg)
{
    struct proa_context *context;
    struct proa_task_ref ref;

    (void)arg;
    freed = 0;
    ck_ok(proa_context_new(&context));
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, set_and_end, NULL, PROA_TASK_OPTS(.context = context)));
    proa_context_free(context); /* the task has it still */
    ck_ok(proa_task_join(ref));
    ck_assert_int_eq(freed, 10);
    proa_context_free(NULL);
    return proa_group_join(&g);
}
START_TEST(a_shared_context_ends_with_its_last_task)
{
    t_run_modes(shared_ends_body, NULL);
}
END_TEST

static int child_of_shared(void *arg)
{
    struct seen a = {.set = &hundred};

    (void)arg;
    PROA_GROUP(g);
    int rc = proa_create_task(&g, look_and_set, &a);
    if (rc < 0)
        return rc;
    ck_ok(proa_group_join(&g));
    ck_assert_ptr_eq(a.before, &ten);
    ck_assert_ptr_eq(proa_context_get(&user), &ten);
    return 0;
}

static int shared_copy_body(void *arg)
{
    PROA_AUTO(proa_context) *context = NULL;

    (void)arg;
    ck_ok(proa_context_set(&user, &ten));
    ck_ok(proa_context_new(&context)); /* begins with what is set here */
    ck_ok(proa_context_set(&user, &one));
    PROA_GROUP(g);
    ck_ok(
        proa_create_task_opts(&g, NULL, child_of_shared, NULL, PROA_TASK_OPTS(.context = context)));
    return proa_group_join(&g);
}
START_TEST(children_of_a_shared_context_have_a_copy)
{
    t_run_modes(shared_copy_body, NULL);
}
END_TEST

static int use_all(void *arg)
{
    PROA_AUTO(proa_context) *context = NULL;
    int rc;

    (void)arg;
    {
        PROA_GROUP(g);
        proa_create_task(&g, set_and_end, NULL); /* it has nothing yet, nor has its creator */
        rc = proa_group_join(&g);
    }
    if (rc == 0)
        rc = proa_context_set(&user, &ten);
    if (rc == 0)
        rc = proa_context_new(&context);
    if (rc < 0)
        return rc;
    PROA_GROUP(g);
    proa_create_task_opts(&g, NULL, set_and_end, NULL, PROA_TASK_OPTS(.context = context));
    proa_create_task(&g, set_and_end, NULL);
    return proa_group_join(&g);
}
START_TEST(each_failed_allocation_is_enomem)
{
    t_run_each_alloc(use_all, NULL);
}
END_TEST

int main(void)
{
    return t_main("context", (const TTest *const[]){
                                 a_task_has_what_its_creator_had_when_it_was_born,
                                 a_value_is_freed_when_no_task_has_it_any_more,
                                 values_end_with_their_task,
                                 many_keys_do_not_disturb_each_other,
                                 callbacks_have_no_values,
                                 setting_outside_of_tasks_aborts,
                                 aio_ctx_02_tasks_of_a_shared_context_see_each_others_changes,
                                 a_shared_context_ends_with_its_last_task,
                                 children_of_a_shared_context_have_a_copy,
                                 each_failed_allocation_is_enomem,
                                 NULL,
                             });
}
