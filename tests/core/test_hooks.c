#include "base/fail.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/hooks.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <string.h>

/* What the hooks saw, in words: "spawn a, run a, park a waiting, exit a 0, ". */
struct seen {
    char text[1024];
    size_t n;
    size_t running; /* on_run without its on_park or on_exit */
    size_t runs;
    bool overlapped;
};

static void add(struct seen *seen, const char *what, struct proa_task_ref task, const char *more)
{
    if (seen->n < sizeof seen->text - 64)
        seen->n += (size_t)snprintf(seen->text + seen->n, sizeof seen->text - seen->n, "%s %s%s, ",
                                    what, proa_task_name(task), more);
}

static void on_spawn(struct proa_task_ref task, void *arg)
{
    add(arg, "spawn", task, proa_task_state(task) == PROA_TASK_READY ? "" : " odd");
}

static void on_run(struct proa_task_ref task, void *arg)
{
    struct seen *seen = arg;

    seen->overlapped |= seen->running++ > 0;
    seen->runs++;
    add(seen, "run", task, proa_task_state(task) == PROA_TASK_RUNNING ? "" : " odd");
}

static void on_park(struct proa_task_ref task, void *arg)
{
    struct seen *seen = arg;

    seen->running--;
    add(seen, "park", task, proa_task_state(task) == PROA_TASK_WAITING ? " waiting" : " ready");
}

static void on_exit_of(struct proa_task_ref task, int rc, void *arg)
{
    struct seen *seen = arg;
    char code[32];

    seen->running--;
    snprintf(code, sizeof code, " %d", rc);
    add(seen, "exit", task, code);
}

/* From within a running task. */
static void begin(struct seen *seen)
{
    *seen = (struct seen){.running = 1};
    ck_ok(proa_hooks_set(PROA_HOOKS(.on_spawn = on_spawn, .on_run = on_run, .on_park = on_park,
                                    .on_exit = on_exit_of, .arg = seen)));
}

static int yield_then_sleep(void *arg)
{
    (void)arg;
    ck_ok(proa_yield());
    ck_ok(proa_sleep(PROA_MS));
    return 7;
}

static int each_step_body(void *arg)
{
    struct seen seen;
    PROA_GROUP(g);

    (void)arg;
    begin(&seen);
    ck_ok(proa_create_task_opts(&g, NULL, yield_then_sleep, NULL, PROA_TASK_OPTS(.name = "a")));
    ck_ok(proa_group_join(&g));
    ck_ok(proa_hooks_set(NULL));
    ck_assert_str_eq(seen.text, "spawn a, park main waiting, run a, park a ready, run a, "
                                "park a waiting, run a, exit a 7, run main, ");
    return 0;
}
START_TEST(each_step_of_a_task_is_told)
{
    t_run_in_order(each_step_body, NULL);
}
END_TEST

static int eager_body(void *arg)
{
    struct seen seen;
    PROA_GROUP(g);

    (void)arg;
    begin(&seen);
    ck_ok(proa_create_task_opts(&g, NULL, yield_then_sleep, NULL,
                                PROA_TASK_OPTS(.name = "a", .eager = true)));
    ck_ok(proa_hooks_set(NULL));
    ck_assert_str_eq(seen.text, "spawn a, park main ready, run a, park a ready, run main, ");
    return proa_group_join(&g);
}
START_TEST(the_creator_of_an_eager_task_gives_way)
{
    t_run_in_order(eager_body, NULL);
}
END_TEST

static int sleep_for_ever(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_FOREVER);
}

static int fall(void *arg)
{
    (void)arg;
    return PROA_EINVAL;
}

static int ends_body(void *arg)
{
    char words[64];
    struct seen seen;
    PROA_GROUP(g);

    (void)arg;
    begin(&seen);
    ck_ok(proa_create_task_opts(&g, NULL, sleep_for_ever, NULL, PROA_TASK_OPTS(.name = "b")));
    ck_ok(proa_yield());
    ck_ok(proa_create_task_opts(&g, NULL, fall, NULL, PROA_TASK_OPTS(.name = "c")));
    ck_err(proa_group_join(&g), PROA_EINVAL);
    ck_ok(proa_hooks_set(NULL));
    snprintf(words, sizeof words, "exit c %d, ", PROA_EINVAL);
    ck_assert_ptr_nonnull(strstr(seen.text, words));
    snprintf(words, sizeof words, "exit b %d, ", PROA_ECANCELED);
    ck_assert_ptr_nonnull(strstr(seen.text, words));
    return 0;
}
START_TEST(an_exit_tells_how)
{
    t_run_modes(ends_body, NULL);
}
END_TEST

static void stumble(struct proa_task_ref task, void *arg)
{
    (void)task;
    (void)arg;
    proa__fail(PROA_EINVAL, "the hook's own");
}

static void stumble_at_exit(struct proa_task_ref task, int rc, void *arg)
{
    if (rc < 0)
        ck_assert_str_eq(proa_err_detail(rc), "the task's own"); /* a hook may ask */
    stumble(task, arg);
}

static int fall_in_words(void *arg)
{
    (void)arg;
    return proa__fail(PROA_EINVAL, "the task's own");
}

static int words_body(void *arg)
{
    (void)arg;
    ck_ok(proa_hooks_set(PROA_HOOKS(.on_spawn = stumble, .on_run = stumble, .on_park = stumble,
                                    .on_exit = stumble_at_exit)));
    fall_in_words(NULL);
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, yield_then_sleep, NULL));
        ck_ok(proa_group_join(&g));
    }
    ck_assert_str_eq(proa_err_detail(PROA_EINVAL), "the task's own");
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, fall_in_words, NULL));
    ck_err(proa_group_join(&g), PROA_EINVAL);
    ck_assert_str_eq(proa_err_detail(PROA_EINVAL), "the task's own");
    return proa_hooks_set(NULL);
}
START_TEST(what_a_hook_fails_in_is_not_the_tasks)
{
    t_run_modes(words_body, NULL);
}
END_TEST

static int spawner(void *arg)
{
    int depth = *(int *)arg;
    int next = depth - 1;
    PROA_GROUP(g);

    if (depth > 0)
        for (int i = 0; i < 3; i++)
            ck_ok(proa_create_task(&g, spawner, &next));
    ck_ok(proa_sleep(depth % 2 ? PROA_MS : 0));
    return proa_group_join(&g);
}

/* Tasks that create, wait for and join each other, in all orders: one at a time runs. */
static int turns_body(void *arg)
{
    struct seen seen;
    int depth = 4;

    (void)arg;
    begin(&seen);
    ck_ok(spawner(&depth));
    ck_ok(proa_hooks_set(NULL));
    ck_assert(!seen.overlapped);
    ck_assert_uint_eq(seen.running, 1);
    ck_assert_uint_gt(seen.runs, 120); /* so many tasks, each at least once */
    return 0;
}
START_TEST(one_run_ends_before_the_next_begins)
{
    t_run_modes(turns_body, NULL);
}
END_TEST

static int some_body(void *arg)
{
    struct seen seen = {.running = 0};

    (void)arg;
    ck_ok(proa_hooks_set(PROA_HOOKS(.on_run = on_run, .arg = &seen)));
    ck_ok(proa_yield());
    ck_assert_str_eq(seen.text, "run main, ");
    ck_ok(proa_hooks_set(PROA_HOOKS(.arg = &seen)));
    ck_ok(spawner(&(int){1}));
    ck_assert_str_eq(seen.text, "run main, ");
    return 0;
}
START_TEST(hooks_that_are_not_given_are_not_called)
{
    t_run(some_body, NULL);
}
END_TEST

static int newer_body(void *arg)
{
    struct seen seen = {.running = 0};
    struct {
        struct proa_hooks hooks;
        void *more;
    } newer = {.hooks = {.size = sizeof newer}, .more = &newer};

    (void)arg;
    ck_ok(proa_hooks_set(PROA_HOOKS(.on_run = on_run, .arg = &seen)));
    ck_err(proa_hooks_set(&newer.hooks), PROA_E2BIG);
    ck_ok(proa_yield());
    ck_assert_str_eq(seen.text, "run main, ");
    return 0;
}
START_TEST(hooks_of_a_newer_version_replace_nothing)
{
    t_run(newer_body, NULL);
}
END_TEST

static void wait_in_hook(struct proa_task_ref task, void *arg)
{
    (void)task;
    (void)arg;
    proa_yield();
}

static int waits_body(void *arg)
{
    (void)arg;
    ck_ok(proa_hooks_set(PROA_HOOKS(.on_spawn = wait_in_hook)));
    PROA_GROUP(g);
    proa_create_task(&g, fall, NULL);
    return 0;
}
START_TEST(a_hook_that_waits_stops_the_program)
{
    t_run_aborts(waits_body, NULL, "waiting is forbidden");
}
END_TEST

static void set_without_loop(void *arg)
{
    (void)arg;
    proa_hooks_set(NULL);
}
START_TEST(hooks_are_of_a_loop)
{
    t_aborts(set_without_loop, NULL, "proa_hooks_set: no loop runs in this thread");
}
END_TEST

int main(void)
{
    return t_main("hooks", (const TTest *const[]){
                               each_step_of_a_task_is_told,
                               the_creator_of_an_eager_task_gives_way,
                               an_exit_tells_how,
                               what_a_hook_fails_in_is_not_the_tasks,
                               one_run_ends_before_the_next_begins,
                               hooks_that_are_not_given_are_not_called,
                               hooks_of_a_newer_version_replace_nothing,
                               a_hook_that_waits_stops_the_program,
                               hooks_are_of_a_loop,
                               NULL,
                           });
}
