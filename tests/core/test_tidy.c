#include "core/loop.h"
#include "core/sched.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096
#define DEPTH (40 * 1024)

struct deep {
    struct proa_task *task;
    int64_t nap; /* between two looks of its own */
    int naps;
    bool again; /* goes deep before each nap */
};

/* Pages of the stack of a parked task that hold memory and that nothing uses. */
static size_t spare_pages(const struct proa_task *t)
{
    unsigned char in[256];
    const struct stack *stack = &t->coro.stack;
    size_t n = (size_t)((char *)t->coro.sp - stack->low) / PAGE;
    size_t count = 0;

    ck_assert_uint_le(n, sizeof in);
    ck_assert_int_eq(mincore(stack->low, n * PAGE, in), 0);
    for (size_t i = 0; i < n; i++)
        count += in[i] & 1;
    return count;
}

static int go_down(size_t bytes);
static int (*volatile further)(size_t bytes) = go_down; /* not to be folded into one frame */

static int go_down(size_t bytes)
{
    char frame[1024];

    memset(frame, 7, sizeof frame);
    __asm__ volatile("" : : "r"(frame) : "memory"); /* all of it counts */
    return bytes > sizeof frame ? further(bytes - sizeof frame) + frame[5] : 0;
}

/* Deep once, then asleep. What its frame holds must outlast all of it. */
static int be_deep(void *arg)
{
    struct deep *deep = arg;
    char mine[256];

    deep->task = proa_current_task().task;
    memset(mine, 42, sizeof mine);
    __asm__ volatile("" : : "r"(mine) : "memory");
    ck_assert_int_ge(further(DEPTH), 0);
    for (int i = 0; i < deep->naps; i++) {
        if (deep->again)
            ck_assert_int_ge(further(DEPTH), 0);
        proa_sleep(deep->nap);
    }
    for (size_t i = 0; i < sizeof mine; i++)
        ck_assert_int_eq(mine[i], 42);
    return 0;
}

static int a_long_sleep_body(void *arg)
{
    struct deep deep = {.nap = 10 * PROA_SEC, .naps = 1};
    PROA_GROUP(g);

    (void)arg;
    ck_ok(proa_create_task(&g, be_deep, &deep));
    proa_sleep(990 * PROA_MS);
    ck_assert_uint_ge(spare_pages(deep.task), DEPTH / PAGE);
    proa_sleep(1020 * PROA_MS);
    ck_assert_uint_le(spare_pages(deep.task), 1);
    return proa_group_join(&g);
}
START_TEST(two_seconds_of_sleep_give_the_pages_back)
{
    t_run(a_long_sleep_body, NULL);
}
END_TEST

static int short_naps_body(void *arg)
{
    struct deep deep = {.nap = 900 * PROA_MS, .naps = 20};
    PROA_GROUP(g);

    (void)arg;
    ck_ok(proa_create_task(&g, be_deep, &deep));
    proa_sleep(15 * PROA_SEC);
    ck_assert_uint_ge(spare_pages(deep.task), DEPTH / PAGE);
    return proa_group_join(&g);
}
START_TEST(who_wakes_every_second_is_left_alone)
{
    t_run(short_naps_body, NULL);
}
END_TEST

/* Others keep the walks going; this one was trimmed and still sleeps the same sleep. */
static int once_body(void *arg)
{
    struct deep busy = {.nap = 100 * PROA_MS, .naps = 60};
    struct deep deep = {.nap = 8 * PROA_SEC, .naps = 1};
    PROA_GROUP(g);

    (void)arg;
    ck_ok(proa_create_task(&g, be_deep, &deep));
    ck_ok(proa_create_task(&g, be_deep, &busy));
    proa_sleep(3 * PROA_SEC);
    ck_assert_uint_le(spare_pages(deep.task), 1);
    memset(deep.task->coro.stack.low, 0, 4 * PAGE);
    proa_sleep(3 * PROA_SEC);
    ck_assert_uint_ge(spare_pages(deep.task), 4);
    return proa_group_join(&g);
}
START_TEST(it_is_done_once_a_sleep)
{
    t_run(once_body, NULL);
}
END_TEST

static int each_sleep_body(void *arg)
{
    struct deep deep = {.nap = 5 * PROA_SEC, .naps = 3, .again = true};
    PROA_GROUP(g);

    (void)arg;
    ck_ok(proa_create_task(&g, be_deep, &deep));
    for (int i = 0; i < 3; i++) {
        proa_sleep(500 * PROA_MS);
        ck_assert_uint_ge(spare_pages(deep.task), DEPTH / PAGE);
        proa_sleep(3500 * PROA_MS);
        ck_assert_uint_le(spare_pages(deep.task), 1);
        proa_sleep(PROA_SEC);
    }
    return proa_group_join(&g);
}
START_TEST(and_again_at_the_next_sleep)
{
    t_run(each_sleep_body, NULL);
}
END_TEST

static int sleep_on(void *arg)
{
    (void)arg;
    return proa_sleep(25 * PROA_SEC);
}

/* All of some slabs, and one that is looked at last. */
static int crowd_body(void *arg)
{
    static struct deep deep[130];
    PROA_GROUP(g);

    (void)arg;
    for (int i = 0; i < 2 * TIDY_STEP; i++) {
        if (i < 130) {
            deep[i] = (struct deep){.nap = 25 * PROA_SEC, .naps = 1};
            ck_ok(proa_create_task(&g, be_deep, &deep[i]));
        } else
            ck_ok(proa_create_task(&g, sleep_on, NULL));
    }
    proa_sleep(3 * PROA_SEC);
    for (int i = 0; i < 130; i++)
        ck_assert_uint_le(spare_pages(deep[i].task), 1);
    return proa_group_join(&g);
}
START_TEST(a_walk_over_many_goes_on_where_it_stopped)
{
    t_run(crowd_body, NULL);
}
END_TEST

/* Wakes when the walk that should be the last has passed it, and has not ended. */
static int wake_late(void *arg)
{
    struct deep *deep = arg;

    deep->task = proa_current_task().task;
    proa_sleep(10 * PROA_SEC); /* walks begin 11 s and 12.02 s after the start, and take 20 ms */
    proa_sleep(2035 * PROA_MS);
    return be_deep(deep);
}

static int late_body(void *arg)
{
    struct deep deep = {.nap = 20 * PROA_SEC, .naps = 1};
    PROA_GROUP(g);

    (void)arg;
    for (int i = 0; i < 2 * TIDY_STEP; i++)
        ck_ok(proa_create_task(&g, sleep_on, NULL));
    ck_ok(proa_create_task(&g, wake_late, &deep));
    proa_sleep(20 * PROA_SEC);
    ck_assert_uint_le(spare_pages(deep.task), 1);
    return proa_group_join(&g);
}
START_TEST(who_ran_during_a_walk_is_not_forgotten)
{
    t_run(late_body, NULL);
}
END_TEST

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* Its own frames lie far down the stack. */
static int nap_below(size_t bytes)
{
    static int (*volatile below)(size_t bytes) = nap_below;
    volatile char frame[1024];

    memset((char *)frame, 9, sizeof frame);
    if (bytes > sizeof frame)
        ck_ok(below(bytes - sizeof frame));
    else
        for (int i = 0; i < 10; i++)
            proa_sleep(500 * PROA_MS);
    ck_assert_int_eq(frame[0] + frame[1023], 18);
    return 0;
}

static int be_heir(void *arg)
{
    (void)arg;
    return nap_below(DEPTH);
}

static int heir_body(void *arg)
{
    struct proa_task_ref dead;
    PROA_GROUP(g);

    (void)arg;
    ck_ok(proa_create_task_opts(&g, &dead, nothing, NULL, NULL));
    ck_ok(proa_task_join(dead));
    ck_ok(proa_create_task(&g, be_heir, NULL));
    return proa_group_join(&g);
}
START_TEST(the_stack_of_a_task_that_ended_is_its_heirs)
{
    t_run(heir_body, NULL);
}
END_TEST

START_TEST(it_ends_with_the_scheduler)
{
    struct proa_loop *loop;

    ck_ok(proa__loop_new(&loop, NULL));
    ck_ok(proa__sched_new(loop));
    ck_ok(proa__sched_start(loop->sched, nothing, NULL, &(struct sched_main){.grace = PROA_SEC}));
    proa__loop_run(loop);
    ck_assert(timer_running(&loop->sched->tidy.timer));
    proa__sched_free(loop);
    ck_assert_uint_eq(proa__timers_count(loop), 0);
    proa__loop_free(loop);
}
END_TEST

static int nap(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_MS);
}

static int a_wave(size_t n)
{
    PROA_GROUP(g);
    for (size_t i = 0; i < n; i++)
        ck_ok(proa_create_task(&g, nap, NULL));
    return proa_group_join(&g);
}

static int wave_body(void *arg)
{
    const struct stack_pool *pool = &proa__loop_current()->stacks;
    const struct stack_class *class = &pool->classes[STACK_CLASS_DEFAULT];

    (void)arg;
    for (int i = 0; i < 3; i++) { /* waves that come again find their stacks warm */
        ck_ok(a_wave(5000));
        ck_assert_uint_ge(class->n_dirty, 4990);
        ck_ok(proa_sleep(PROA_SEC / 2));
    }
    ck_ok(proa_sleep(3 * PROA_SEC));
    ck_assert_uint_eq(class->n_dirty, pool->keep_dirty);
    return a_wave(5000);
}
START_TEST(stacks_of_a_wave_give_their_pages_back_when_no_further_one_comes)
{
    if (!getenv("PROA_TEST_VALGRIND")) /* which takes one of 15,000 stacks for another */
        t_run(wave_body, NULL);
}
END_TEST

static int quiet_body(void *arg)
{
    const struct proa_loop *loop = proa__loop_current();
    struct deep deep = {.nap = PROA_HOUR, .naps = 1};
    PROA_GROUP(g);

    (void)arg;
    ck_ok(proa_create_task(&g, be_deep, &deep));

    uint64_t began = loop->timers.seq;
    proa_sleep(PROA_HOUR / 2);
    ck_assert(!timer_running(&loop->sched->tidy.timer));
    ck_assert_uint_le(loop->timers.seq - began, 2 + 4); /* both sleeps, and the walks */
    return proa_group_join(&g);
}
START_TEST(an_idle_program_is_not_woken)
{
    t_run(quiet_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("tidy", (const TTest *const[]){
                              two_seconds_of_sleep_give_the_pages_back,
                              who_wakes_every_second_is_left_alone,
                              it_is_done_once_a_sleep,
                              and_again_at_the_next_sleep,
                              a_walk_over_many_goes_on_where_it_stopped,
                              who_ran_during_a_walk_is_not_forgotten,
                              the_stack_of_a_task_that_ended_is_its_heirs,
                              it_ends_with_the_scheduler,
                              an_idle_program_is_not_woken,
                              stacks_of_a_wave_give_their_pages_back_when_no_further_one_comes,
                              NULL,
                          });
}
