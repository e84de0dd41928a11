#include "core/loop.h"
#include "support/t_run.h"
#include "support/test.h"

#include <proa/err.h>
#include <proa/group.h>
#include <proa/runner.h>
#include <proa/task.h>

#include <pthread.h>

/* What ran, in order. */
static int ran[1024];
static int n_ran;

static int numbers[1024];

static void *number(int i)
{
    numbers[i] = i;
    return &numbers[i];
}

static void note(void *arg)
{
    ran[n_ran++] = *(int *)arg;
}

static void check_ran(int n)
{
    ck_assert_int_eq(n_ran, n);
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(ran[i], i);
}

/* Calls stand in blocks of 60, posts between them: the order is that in which they came. */
static int in_order(void *arg)
{
    struct proa_loop *loop = proa_loop_current();
    static struct post posts[8];
    int n = 0;

    for (int k = 0; k < 8; k++) {
        for (int i = 0; i < *(int *)arg; i++, n++)
            ck_ok(proa_call_soon_threadsafe(loop, note, number(n)));
        posts[k] = (struct post){.fn = note, .arg = number(n++)};
        ck_ok(proa__loop_post(loop, &posts[k]));
    }
    ck_assert_int_eq(n_ran, 0);
    ck_ok(proa_sleep(1));
    check_ran(n);
    n_ran = 0;
    return 0;
}
START_TEST(calls_and_posts_run_in_the_order_in_which_they_came)
{
    t_run(in_order, &(int){0});
    t_run(in_order, &(int){1});
    t_run(in_order, &(int){59});
    t_run(in_order, &(int){60});
    t_run(in_order, &(int){61});
    t_run(in_order, &(int){121});
}
END_TEST

static struct proa_loop *the_loop;

static void call_again(void *arg)
{
    note(arg);
    if (n_ran < 100)
        ck_ok(proa_call_soon_threadsafe(the_loop, call_again, number(n_ran)));
}

static int from_calls(void *arg)
{
    (void)arg;
    the_loop = proa_loop_current();
    ck_ok(proa_call_soon_threadsafe(the_loop, call_again, number(0)));
    while (n_ran < 100)
        ck_ok(proa_yield());
    check_ran(100);
    return 0;
}
START_TEST(a_call_may_ask_for_another)
{
    t_run(from_calls, NULL);
}
END_TEST

/* ---- memory */

static int call_and_wait(struct proa_loop *loop, int n)
{
    for (int i = 0; i < n; i++) {
        int rc = proa_call_soon_threadsafe(loop, note, number(i));

        if (rc < 0)
            return rc;
    }
    n_ran = 0;
    while (n_ran < n)
        if (proa_yield() < 0)
            return PROA_ECANCELED;
    return 0;
}

static int allocations(void *arg)
{
    struct proa_loop *loop = proa_loop_current();
    uint64_t before;

    (void)arg;
    ck_ok(call_and_wait(loop, 7));
    ck_ok(call_and_wait(loop, 7));
    before = t_alloc_count();
    for (int i = 0; i < 50; i++)
        ck_ok(call_and_wait(loop, 60));
    ck_assert_uint_eq(t_alloc_count(), before);
    return 0;
}
START_TEST(calls_that_go_round_allocate_nothing)
{
    t_run(allocations, NULL);
}
END_TEST

static int no_memory(void *arg)
{
    struct proa_loop *loop = proa_loop_current();

    (void)arg;
    t_alloc_fail(1);
    ck_err(proa_call_soon_threadsafe(loop, note, number(0)), PROA_ENOMEM);
    ck_assert(t_alloc_failed());
    ck_ok(proa_call_soon_threadsafe(loop, note, number(0)));
    ck_ok(proa_sleep(1));
    check_ran(1);
    return 0;
}
START_TEST(a_call_without_memory_is_refused)
{
    t_run(no_memory, NULL);
}
END_TEST

static int leave_calls(void *arg)
{
    for (int i = 0; i < *(int *)arg; i++)
        ck_ok(proa_call_soon_threadsafe(proa_loop_current(), note, number(i)));
    return 0;
}
START_TEST(calls_that_did_not_run_are_forgotten)
{
    struct proa_loop *loop = NULL;

    for (int n = 1; n < 200; n += 59) {
        ck_ok(proa__loop_new(&loop, NULL));
        leave_calls(&n);
        proa__loop_free(loop); /* t_main counts the bytes */
    }
    ck_assert_int_eq(n_ran, 0);
}
END_TEST

/* ---- when the kernel is asked to wake the loop */

static size_t wakes(void)
{
    return proa_loop_current()->wakes;
}

static int while_awake(void *arg)
{
    size_t before = wakes();

    (void)arg;
    for (int i = 0; i < 5; i++) {
        ck_ok(call_and_wait(proa_loop_current(), 3));
        ck_assert_uint_eq(wakes(), before);
    }
    return 0;
}
START_TEST(a_post_to_a_loop_that_is_awake_asks_no_kernel)
{
    t_run(while_awake, NULL);
}
END_TEST

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* Between two steps somebody else waits for the event_base: the first post wakes him. */
START_TEST(the_first_post_between_two_steps_asks_it_once)
{
    PROA_AUTO(proa_runner) *runner = NULL;
    size_t before;

    ck_ok(proa_runner_new(&runner, NULL));
    ck_ok(proa_runner_run(runner, nothing, NULL));
    for (int i = 0; i < 3; i++) {
        before = wakes();
        ck_ok(proa_call_soon_threadsafe(proa_loop_current(), note, number(0)));
        ck_assert_uint_eq(wakes(), before + 1);
        ck_ok(proa_call_soon_threadsafe(proa_loop_current(), note, number(1)));
        ck_assert_uint_eq(wakes(), before + 1);
        n_ran = 0;
        proa_runner_step(runner, 0);
        ck_assert_int_eq(n_ran, 2);
        ck_assert_uint_eq(atomic_load(&proa_loop_current()->wakes_done), wakes());
    }
}
END_TEST

/* ---- many threads */

enum { THREADS = 3, EACH = 20000 };

struct sender {
    struct proa_loop *loop;
    struct proa_group *group;
    int sent; /* the thread's */
    int came; /* the loop's */
};

static int n_done;

static void take(void *arg)
{
    struct sender *s = arg;

    if (++s->came == EACH && ++n_done == THREADS)
        proa_group_cancel(s->group);
}

static void *send(void *arg)
{
    struct sender *s = arg;

    for (; s->sent < EACH; s->sent++)
        ck_ok(proa_call_soon_threadsafe(s->loop, take, s));
    return NULL;
}

static int sleep_long(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_HOUR);
}

/* The loop ends with the last call, while its sender may still be about to return: only the memory
 * is kept for him. */
static int take_from_all(void *arg)
{
    struct sender *senders = arg;
    PROA_GROUP(g);

    proa_create_task(&g, sleep_long, NULL);
    for (int i = 0; i < THREADS; i++)
        senders[i] = (struct sender){.loop = proa_loop_ref(proa_loop_current()), .group = &g};
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;

        ck_assert_int_eq(pthread_create(&thread, NULL, send, &senders[i]), 0);
        pthread_detach(thread);
    }
    return proa_group_join(&g);
}
START_TEST(nothing_is_lost_that_many_threads_post)
{
    static struct sender senders[THREADS];

    ck_ok(proa_run(take_from_all, senders, NULL));
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(senders[i].came, EACH);
        proa_loop_unref(senders[i].loop);
    }
}
END_TEST

static int a_few(void *arg)
{
    (void)arg;
    return call_and_wait(proa_loop_current(), 70);
}
START_TEST(each_allocation_may_fail)
{
    t_run_each_alloc(a_few, NULL);
}
END_TEST

int main(void)
{
    return t_main("post", (const TTest *const[]){
                              calls_and_posts_run_in_the_order_in_which_they_came,
                              a_call_may_ask_for_another,
                              calls_that_go_round_allocate_nothing,
                              a_call_without_memory_is_refused,
                              calls_that_did_not_run_are_forgotten,
                              a_post_to_a_loop_that_is_awake_asks_no_kernel,
                              the_first_post_between_two_steps_asks_it_once,
                              nothing_is_lost_that_many_threads_post,
                              each_allocation_may_fail,
                              NULL,
                          });
}
