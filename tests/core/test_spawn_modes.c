#include "core/loop.h"
#include "core/stack.h"
#include "support/t_run.h"

#include <proa/fault.h>
#include <proa/group.h>
#include <proa/loop.h>
#include <proa/run.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

/* ---- what tasks of these tests do */

struct trace {
    char text[64];
    size_t n;
};

struct letter {
    struct trace *trace;
    char c;
};

static void write(struct trace *trace, char c)
{
    trace->text[trace->n++] = c;
    trace->text[trace->n] = '\0';
}

static int write_once(void *arg)
{
    struct letter *l = arg;

    write(l->trace, l->c);
    return 0;
}

static int write_twice(void *arg)
{
    struct letter *l = arg;

    write(l->trace, l->c);
    int rc = proa_yield();
    write(l->trace, l->c);
    return rc;
}

/* ---- eager */

static int creator_is_next_body(void *arg)
{
    struct trace trace = {.n = 0};
    struct letter a = {&trace, 'a'}, b = {&trace, 'b'};

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, write_once, &b)); /* ready before, and yet it comes after */
    ck_ok(proa_create_task_opts(&g, NULL, write_twice, &a, PROA_TASK_OPTS(.eager = true)));
    write(&trace, '.');
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(trace.text, "a.ba");
    return 0;
}
START_TEST(eager_task_runs_until_it_waits_and_then_its_creator)
{
    t_run_in_order(creator_is_next_body, NULL);
}
END_TEST

struct nest {
    int created;
    int depth;
    int deepest;
};

static int nest(void *arg)
{
    struct nest *n = arg;

    n->depth++;
    if (n->depth > n->deepest)
        n->deepest = n->depth;
    int rc = n->created++ < 200 ? proa_create_task(NULL, nest, n) : 0;
    n->depth--;
    return rc;
}

static int nested_body(void *arg)
{
    struct nest n = {0};

    (void)arg;
    nest(&n);
    for (int i = 0; i < 300; i++)
        ck_ok(proa_yield());
    ck_assert_int_eq(n.depth, 0);
    ck_assert_int_eq(n.deepest, 65); /* this one, and 64 within each other */
    return 0;
}
START_TEST(eager_tasks_nest_64_deep)
{
    ck_ok(proa_run(nested_body, NULL, PROA_RUN_OPTS(.eager = true)));
}
END_TEST

static int give_way(void *arg)
{
    bool *ran = arg;

    *ran = true;
    return 0;
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int budget_body(void *arg)
{
    bool ran = false;
    int n = 0;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, give_way, &ran));
    for (; !ran && n < 1000; n++)
        ck_ok(proa_create_task_opts(&g, NULL, nothing, NULL, PROA_TASK_OPTS(.eager = true)));
    ck_assert_int_lt(n, 200);
    return proa_group_join(&g);
}
START_TEST(creating_eager_tasks_for_ever_gives_way)
{
    t_run_in_order(budget_body, NULL);
}
END_TEST

static void create_from_callback(void *arg)
{
    struct trace *trace = arg;
    static struct letter l;

    l = (struct letter){trace, 'a'};
    ck_ok(proa_create_task_opts(NULL, NULL, write_once, &l, PROA_TASK_OPTS(.eager = true)));
    write(trace, '.');
}

static int from_callback_body(void *arg)
{
    struct trace trace = {.n = 0};

    (void)arg;
    ck_ok(proa_call_soon_threadsafe(proa_loop_current(), create_from_callback, &trace));
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_str_eq(trace.text, ".a");
    return 0;
}
START_TEST(eager_task_of_a_callback_starts_in_its_turn)
{
    t_run_modes(from_callback_body, NULL);
}
END_TEST

static int create_on_big_stack(void *arg)
{
    create_from_callback(arg);
    return 0;
}

static int from_big_stack_body(void *arg)
{
    struct trace trace = {.n = 0};

    (void)arg;
    ck_ok(proa_call_on_big_stack(create_on_big_stack, &trace));
    ck_ok(proa_sleep(PROA_MS));
    ck_assert_str_eq(trace.text, ".a");
    return 0;
}
START_TEST(eager_task_of_the_big_stack_starts_in_its_turn)
{
    t_run_modes(from_big_stack_body, NULL);
}
END_TEST

/* ---- at the end of a task */

static int fail_later(void *arg)
{
    int rc = proa_sleep(PROA_MS);

    (void)arg;
    return rc < 0 ? rc : PROA_EIO;
}

static int create_from_fault(const struct proa_fault *fault, void *trace)
{
    static struct letter a;

    ck_err(fault->rc, PROA_EIO);
    a = (struct letter){trace, 'a'};
    ck_ok(proa_create_task_opts(NULL, NULL, write_once, &a, PROA_TASK_OPTS(.eager = true)));
    write(trace, '.');
    return 0;
}

static int from_fault_body(void *arg)
{
    struct trace trace = {.n = 0};
    struct proa_task_ref failed;

    (void)arg;
    proa_fault_set(create_from_fault, &trace);
    ck_ok(proa_create_task_opts(NULL, &failed, fail_later, NULL, NULL));
    ck_ok(proa_sleep(2 * PROA_MS));
    ck_assert_str_eq(trace.text, ".a");
    ck_assert(proa_task_is_done(failed));
    ck_err(proa_task_join(failed), PROA_EIO);
    return 0;
}
START_TEST(eager_task_of_a_fault_handler_starts_in_its_turn)
{
    t_run_modes(from_fault_body, NULL);
}
END_TEST

static int wait_in_fault(const struct proa_fault *fault, void *arg)
{
    (void)fault, (void)arg;
    return proa_sleep(PROA_MS);
}

static int waiting_handler_body(void *arg)
{
    (void)arg;
    proa_fault_set(wait_in_fault, NULL);
    ck_ok(proa_create_task(NULL, fail_later, NULL));
    return proa_sleep(PROA_SEC);
}
START_TEST(a_fault_handler_that_waits_aborts)
{
    t_run_aborts(waiting_handler_body, NULL, "a task waits where waiting is forbidden");
}
END_TEST

/* ---- stacks */

static int stack_sizes_body(void *arg)
{
    static const size_t bad[] = {1, STACK_SIZE_MIN - 1, STACK_SIZE_MAX + 1, SIZE_MAX};
    static const size_t good[] = {0, STACK_SIZE_MIN, STACK_SIZE_MAX};

    (void)arg;
    for (int i = 0; i < 4; i++)
        ck_err(
            proa_create_task_opts(NULL, NULL, nothing, NULL, PROA_TASK_OPTS(.stack_size = bad[i])),
            PROA_EINVAL);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task_opts(NULL, NULL, nothing, NULL,
                                    PROA_TASK_OPTS(.stack_size = good[i])));
    return proa_sleep(PROA_MS);
}
START_TEST(stacks_have_16_kib_to_1_gib)
{
    t_run_modes(stack_sizes_body, NULL);
}
END_TEST

static int create_sized(size_t size)
{
    return proa_create_task_opts(NULL, NULL, nothing, NULL, PROA_TASK_OPTS(.stack_size = size));
}

static int reserved_body(void *arg)
{
    static const size_t sizes[] = {STACK_SIZE_DEFAULT, STACK_SIZE_DEFAULT / 2 + 1};
    int rc;

    (void)arg;
    t_alloc_fail_from(1);
    do /* until what is there for new tasks is reserved */
        rc = proa_create_task(NULL, nothing, NULL);
    while (rc == 0);
    ck_err(rc, PROA_ENOMEM);
    for (int i = 0; i < 2; i++)
        ck_err(create_sized(sizes[i]), PROA_ENOMEM);
    ck_ok(proa_sleep(PROA_MS)); /* all of them start */
    t_alloc_fail(0);
    ck_ok(create_sized(STACK_SIZE_DEFAULT));
    return proa_sleep(PROA_MS);
}
START_TEST(a_task_of_a_size_takes_no_stack_that_is_reserved)
{
    t_run_in_order(reserved_body, NULL);
}
END_TEST

static int unbegun_body(void *arg)
{
    struct proa_task_ref refs[20];
    const struct stack_pool *stacks = &proa_loop_current()->stacks;
    size_t live = stacks->n_live;

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 20; i++)
        ck_ok(proa_create_task_opts(&g, &refs[i], nothing, NULL, NULL));
    ck_assert_uint_eq(stacks->n_live, live);
    ck_ok(create_sized(4 * STACK_SIZE_DEFAULT)); /* of its own: taken at once */
    ck_assert_uint_eq(stacks->n_live, live + 1);
    return proa_group_join(&g);
}
START_TEST(a_task_that_has_not_begun_has_no_stack)
{
    t_run_in_order(unbegun_body, NULL);
}
END_TEST

static int create_all(void *arg)
{
    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++)
        proa_create_task_opts(&g, NULL, nothing, NULL,
                              PROA_TASK_OPTS(.eager = true, .name = i ? "a" : NULL));
    return proa_group_join(&g);
}
START_TEST(each_failed_allocation_of_an_eager_task_is_enomem)
{
    t_run_each_alloc(create_all, NULL);
}
END_TEST

/* ---- shuffled */

static int order_body(void *arg)
{
    struct trace *trace = arg;
    struct letter l[8];

    PROA_GROUP(g);
    for (int i = 0; i < 8; i++) {
        l[i] = (struct letter){trace, (char)('a' + i)};
        ck_ok(proa_create_task(&g, write_twice, &l[i]));
    }
    return proa_group_join(&g);
}

static void order_of(uint64_t seed, struct trace *trace)
{
    trace->n = 0;
    ck_ok(proa_run(order_body, trace, PROA_RUN_OPTS(.shuffle = seed)));
    ck_assert_uint_eq(trace->n, 16);
}
START_TEST(order_is_random_and_the_same_for_the_same_seed)
{
    struct trace a = {.n = 0}, b = {.n = 0};
    int differ = 0;

    order_of(0, &a);
    ck_assert_str_eq(a.text, "abcdefghabcdefgh");
    for (uint64_t seed = 1; seed <= 20; seed++) {
        order_of(seed, &a);
        order_of(seed, &b);
        ck_assert_str_eq(a.text, b.text);
        order_of(seed + 1000, &b);
        differ += strcmp(a.text, b.text) != 0;
    }
    ck_assert_int_ge(differ, 19);
}
END_TEST

/* Over many seeds each task is sometimes the first, and sometimes the last. */
START_TEST(each_ready_task_has_its_chance)
{
    struct trace trace = {.n = 0};
    unsigned first = 0, last = 0;

    for (uint64_t seed = 1; seed <= 400; seed++) {
        order_of(seed, &trace);
        first |= 1u << (trace.text[0] - 'a');
        last |= 1u << (trace.text[15] - 'a');
    }
    ck_assert_uint_eq(first, 0xff);
    ck_assert_uint_eq(last, 0xff);
}
END_TEST

START_TEST(shuffled_eager_tasks_still_run_at_once)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct trace trace = {.n = 0};

        ck_ok(proa_run(order_body, &trace, PROA_RUN_OPTS(.shuffle = seed, .eager = true)));
        ck_assert_int_eq(strncmp(trace.text, "abcdefgh", 8), 0);
    }
}
END_TEST

int main(void)
{
    return t_main("spawn_modes", (const TTest *const[]){
                                     eager_task_runs_until_it_waits_and_then_its_creator,
                                     eager_tasks_nest_64_deep,
                                     creating_eager_tasks_for_ever_gives_way,
                                     eager_task_of_a_callback_starts_in_its_turn,
                                     eager_task_of_the_big_stack_starts_in_its_turn,
                                     eager_task_of_a_fault_handler_starts_in_its_turn,
                                     a_fault_handler_that_waits_aborts,
                                     stacks_have_16_kib_to_1_gib,
                                     a_task_of_a_size_takes_no_stack_that_is_reserved,
                                     a_task_that_has_not_begun_has_no_stack,
                                     each_failed_allocation_of_an_eager_task_is_enomem,
                                     order_is_random_and_the_same_for_the_same_seed,
                                     each_ready_task_has_its_chance,
                                     shuffled_eager_tasks_still_run_at_once,
                                     NULL,
                                 });
}
