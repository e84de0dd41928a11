#include "support/t_run.h"

#include <proa/group.h>
#include <proa/queue.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

static char text[32];

static void write(void *words)
{
    strcat(text, words);
}

static int leave_early(bool early)
{
    PROA_DEFER(write, (char[]){"a"});
    PROA_DEFER(write, (char[]){"b"});
    if (early)
        return 1;
    PROA_DEFER(write, (char[]){"c"});
    strcat(text, ".");
    return 0;
}
START_TEST(the_last_deferred_call_is_made_first_and_only_what_was_reached)
{
    leave_early(false);
    ck_assert_str_eq(text, ".cba");
    text[0] = '\0';
    leave_early(true);
    ck_assert_str_eq(text, "ba");
}
END_TEST

START_TEST(each_turn_of_a_loop_is_a_brace)
{
    for (int i = 0; i < 3; i++) {
        PROA_DEFER(write, (char[]){"x"});
        strcat(text, "-");
    }
    ck_assert_str_eq(text, "-x-x-x");
}
END_TEST

static int slept;

/* What must talk before it goes. */
static void sleep_shielded(void *arg)
{
    PROA_SHIELD(s, PROA_SEC);
    slept = proa_sleep(*(int64_t *)arg);
    strcat(text, "s");
}

static int wait_for_ever(void *arg)
{
    int64_t ns = PROA_MS;

    (void)arg;
    PROA_DEFER(write, (char[]){"e"});
    PROA_DEFER(sleep_shielded, &ns);
    return proa_sleep(PROA_FOREVER);
}

static int cancelled_body(void *arg)
{
    (void)arg;
    text[0] = '\0';
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wait_for_ever, NULL));
    ck_ok(proa_sleep(PROA_SEC));
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(text, "se");
    ck_assert_int_eq(slept, 0);
    return 0;
}
START_TEST(a_cancelled_task_makes_its_deferred_calls)
{
    t_run_modes(cancelled_body, NULL);
}
END_TEST

static void use_queue(void *queue)
{
    if (proa_queue_len(queue) == 1)
        strcat(text, "q");
}

/* What is deferred later may use what was made before it. */
static int mixed_body(void *arg)
{
    PROA_AUTO(proa_queue) *queue = NULL;
    int rc = proa_queue_new(&queue, NULL);

    (void)arg;
    text[0] = '\0';
    if (rc < 0)
        return rc;
    PROA_DEFER(use_queue, queue);
    return proa_queue_put(queue, queue);
}
static int mixed_and_read(void *arg)
{
    ck_ok(mixed_body(arg));
    ck_assert_str_eq(text, "q");
    return 0;
}
START_TEST(deferred_calls_and_freed_objects_leave_in_one_order)
{
    t_run(mixed_and_read, NULL);
    t_each_park(mixed_body, NULL);
    t_run_each_alloc(mixed_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("defer", (const TTest *const[]){
                               the_last_deferred_call_is_made_first_and_only_what_was_reached,
                               each_turn_of_a_loop_is_a_brace,
                               a_cancelled_task_makes_its_deferred_calls,
                               deferred_calls_and_freed_objects_leave_in_one_order,
                               NULL,
                           });
}
