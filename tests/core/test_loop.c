#include "core/loop.h"
#include "support/t_run.h"
#include "support/test.h"

#include <proa/err.h>
#include <proa/group.h>
#include <proa/task.h>
#include <proa/thread.h>

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char said[64];

/* Text as the argument of a callback. */
static void *words(const char *text)
{
    return (void *)(uintptr_t)text;
}

static void say(void *arg)
{
    strcat(said, arg);
}

/* ---- callbacks of the next turn */

static struct soon first, second, third, fourth;

static void say_and_ask(void *arg)
{
    say(words("a"));
    proa__loop_soon(arg, &third, say, words("c"));
    proa__loop_soon_cancel(&second);
    proa__loop_soon(arg, &second, say, words("b"));
}

static int callbacks(void *arg)
{
    struct proa_loop *loop = proa_loop_current();

    (void)arg;
    proa__loop_soon(loop, &first, say_and_ask, loop);
    proa__loop_soon(loop, &second, say, words("x"));
    proa__loop_soon(loop, &fourth, say, words("|"));
    ck_assert_str_eq(said, "");
    proa_sleep(1);
    ck_assert_str_eq(said, "a|cb"); /* what the first one asked for is of the turn after */
    proa__loop_soon_cancel(&first); /* not in the list: nothing */
    proa__loop_soon(loop, &first, say, words("y"));
    proa__loop_soon(loop, &first, say, words("z"));
    proa_sleep(1);
    ck_assert_str_eq(said, "a|cbz");
    return 0;
}
START_TEST(callbacks_run_in_order_in_the_next_turn)
{
    t_run(callbacks, NULL);
}
END_TEST

struct eager {
    struct soon soon;
    int runs;
    bool stop;
};

static void ask_again(void *arg)
{
    struct eager *e = arg;

    e->runs++;
    if (!e->stop)
        proa__loop_soon(proa_loop_current(), &e->soon, ask_again, e);
}

static int callback_feeds_itself(void *arg)
{
    struct eager e = {0};

    (void)arg;
    ask_again(&e);
    while (e.runs < 10)
        proa_yield();
    e.stop = true;
    return proa_sleep(1);
}
START_TEST(a_callback_that_feeds_itself_starves_nobody)
{
    t_run(callback_feeds_itself, NULL);
}
END_TEST

/* ---- posts from other threads */

static void *post_three(void *loop)
{
    for (int i = 0; i < 3; i++)
        if (proa_call_soon_threadsafe(loop, say, words(i == 0 ? "1" : i == 1 ? "2" : "3")) < 0)
            return loop;
    return NULL;
}

static int wait_for_posts(void *arg)
{
    pthread_t thread;
    void *failed;
    int64_t began = proa_now();

    (void)arg;
    ck_assert_int_eq(pthread_create(&thread, NULL, post_three, proa_loop_current()), 0);
    while (strlen(said) < 3)
        ck_ok(proa_sleep(5 * PROA_MS));
    ck_assert_int_eq(pthread_join(thread, &failed), 0);
    ck_assert_ptr_null(failed);
    ck_assert_str_eq(said, "123");
    ck_assert_int_lt(proa_now() - began, 10 * PROA_SEC);
    return 0;
}
START_TEST(posts_of_a_thread_run_in_order)
{
    ck_ok(proa_run(wait_for_posts, NULL, NULL));
}
END_TEST

static void stop_sleep(void *arg)
{
    proa_group_cancel(arg);
}

struct waker {
    struct proa_loop *loop;
    struct proa_group *group;
    int64_t posted;
};

static void *post_later(void *arg)
{
    struct waker *w = arg;

    usleep(20000); /* real time: the loop has to be asleep in the kernel */
    w->posted = proa_now();
    proa_call_soon_threadsafe(w->loop, stop_sleep, w->group);
    return NULL;
}

static int sleep_hour(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_HOUR);
}

static int woken_by_post(void *arg)
{
    struct waker w = {.loop = proa_loop_current()};
    pthread_t thread;

    (void)arg;
    PROA_GROUP(g);
    w.group = &g;
    proa_create_task(&g, sleep_hour, NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, post_later, &w), 0);
    ck_ok(proa_group_join(&g));
    ck_assert_int_lt(proa_now() - w.posted, PROA_SEC);
    pthread_join(thread, NULL);
    return 0;
}
START_TEST(a_post_wakes_a_sleeping_loop)
{
    ck_ok(proa_run(woken_by_post, NULL, NULL));
}
END_TEST

static int post_to_self(void *arg)
{
    (void)arg;
    ck_ok(proa_call_soon_threadsafe(proa_loop_current(), say, words("self")));
    ck_assert_str_eq(said, "");
    proa_sleep(1);
    ck_assert_str_eq(said, "self");
    return 0;
}
START_TEST(a_loop_may_post_to_itself)
{
    t_run(post_to_self, NULL);
}
END_TEST

static struct proa_loop *kept;

static int keep_loop(void *arg)
{
    kept = proa_loop_ref(proa_loop_current());
    if (arg)
        ck_ok(proa_call_soon_threadsafe(kept, say, words("late")));
    return 0;
}
START_TEST(a_post_to_a_loop_that_ended_is_refused)
{
    ck_ok(proa_run(keep_loop, NULL, NULL));
    ck_err(proa_call_soon_threadsafe(kept, say, words("x")), PROA_ECLOSED);
    ck_assert_str_eq(said, "");
    proa_loop_unref(kept);
    proa_loop_unref(NULL);
}
END_TEST

static void drop(void *arg)
{
    say(arg);
}

START_TEST(posts_that_did_not_run_are_dropped)
{
    struct proa_loop *loop = NULL;
    struct post post = {.fn = say, .drop = drop, .arg = words("dropped")};

    ck_ok(proa__loop_new(&loop, NULL));
    ck_ok(proa__loop_post(loop, &post));
    ck_ok(proa_call_soon_threadsafe(loop, say, words("x")));
    proa__loop_free(loop);
    ck_assert_str_eq(said, "dropped");
}
END_TEST

/* ---- where a loop may be used */

static void *use_elsewhere(void *loop)
{
    proa__loop_run(loop);
    return NULL;
}

static void run_from_thread(void *arg)
{
    struct proa_loop *loop = NULL;
    pthread_t thread;

    (void)arg;
    ck_ok(proa__loop_new(&loop, NULL));
    pthread_create(&thread, NULL, use_elsewhere, loop);
    pthread_join(thread, NULL);
}
START_TEST(a_thread_without_loop_may_not_touch_a_loop)
{
    t_aborts(run_from_thread, NULL, "called from a thread that is not its loop's");
}
END_TEST

static void *use_others(void *theirs)
{
    struct proa_loop *loop = NULL;

    proa__loop_new(&loop, NULL);
    proa__loop_stop(theirs);
    return NULL;
}

static void stop_others(void *arg)
{
    struct proa_loop *loop = NULL;
    pthread_t thread;

    (void)arg;
    ck_ok(proa__loop_new(&loop, NULL));
    pthread_create(&thread, NULL, use_others, loop);
    pthread_join(thread, NULL);
}
START_TEST(the_loop_of_another_thread_may_not_be_touched)
{
    t_aborts(stop_others, NULL, "called from a thread that is not its loop's");
}
END_TEST

static void sleep_without_loop(void *arg)
{
    (void)arg;
    proa__loop_need("proa_sleep");
}
START_TEST(without_a_loop_the_call_is_named)
{
    t_aborts(sleep_without_loop, NULL, "proa_sleep: no loop runs in this thread");
}
END_TEST

static int fork_and_go_on(void *arg)
{
    int status;
    pid_t child = fork();

    if (child == 0)
        ((void (*)(struct proa_loop *))arg)(kept);
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        raise(WTERMSIG(status)); /* like child, like parent */
    return 0;
}

static void touch_in_child(struct proa_loop *loop)
{
    proa__loop_stop(loop);
}

static void fork_in_loop(void *arg)
{
    proa_run(fork_and_go_on, arg, NULL);
}
START_TEST(a_forked_child_may_not_touch_its_parents_loop)
{
    t_aborts(fork_in_loop, (void *)touch_in_child, "this process was forked by a running loop");
}
END_TEST

static int in_child(void *arg)
{
    strcpy(arg, "child");
    return proa_sleep(PROA_MS);
}

static void run_in_child(struct proa_loop *loop)
{
    char who[8] = "";

    (void)loop;
    if (proa_loop_current() || proa_run(in_child, who, NULL) < 0 || strcmp(who, "child") != 0)
        _exit(1);
    _exit(0);
}

static int fork_and_check(void *arg)
{
    int status;
    pid_t child = fork();

    (void)arg;
    if (child == 0)
        run_in_child(NULL);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    return proa_sleep(PROA_MS);
}
START_TEST(a_forked_child_may_run_a_loop_of_its_own)
{
    ck_ok(proa_run(fork_and_check, NULL, NULL));
}
END_TEST

static int run_inside(void *arg)
{
    (void)arg;
    ck_err(proa_run(run_inside, NULL, NULL), PROA_EBUSY);
    strcat(said, "once");
    return 7;
}
START_TEST(a_loop_in_a_loop_is_refused)
{
    ck_assert_int_eq(proa_run(run_inside, NULL, NULL), 7);
    ck_assert_str_eq(said, "once");
}
END_TEST

/* ---- clocks */

static int jump(void *arg)
{
    int64_t began = proa_now();

    (void)arg;
    ck_ok(proa_sleep(100 * PROA_HOUR));
    ck_assert_int_eq(proa_now() - began, 100 * PROA_HOUR);
    return 0;
}
START_TEST(the_virtual_clock_jumps_to_the_next_deadline)
{
    t_run(jump, NULL);
}
END_TEST

static int no_jump(void *arg)
{
    struct proa_loop *loop = proa_loop_current();
    pthread_t thread;
    int64_t began = proa_now();

    (void)arg;
    PROA_GROUP(g);
    struct waker w = {.loop = loop, .group = &g};
    proa_create_task(&g, sleep_hour, NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, post_later, &w), 0);
    proa__loop_outside(loop, 1); /* that thread */
    ck_ok(proa_group_join(&g));
    proa__loop_outside(loop, -1);
    ck_assert_int_lt(proa_now() - began, PROA_MIN);
    ck_assert_int_gt(proa_now() - began, PROA_MS); /* it goes on while we sleep */
    pthread_join(thread, NULL);
    return 0;
}
START_TEST(the_virtual_clock_does_not_jump_while_something_outside_may_come)
{
    t_run(no_jump, NULL);
}
END_TEST

static int sleep_for_ever(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_FOREVER);
}
START_TEST(under_the_virtual_clock_a_deadlock_aborts)
{
    t_run_aborts(sleep_for_ever, NULL, "nothing can wake one");
    t_run_aborts(sleep_for_ever, NULL, "main #1: waiting in proa_sleep"); /* who they are */
}
END_TEST

START_TEST(without_a_loop_now_is_the_systems)
{
    int64_t before = proa_now();

    ck_assert_ptr_null(proa_loop_current());
    ck_assert_int_gt(before, 0);
    ck_assert_int_ge(proa_now(), before);
}
END_TEST

/* ---- the big stack */

static uintptr_t where;

static int look(void *arg)
{
    where = (uintptr_t)__builtin_frame_address(0);
    if (arg)
        return proa_call_on_big_stack(look, NULL) + 1; /* there already: a plain call */
    return 41;
}

static int from_task(void *arg)
{
    uintptr_t mine = (uintptr_t)__builtin_frame_address(0);

    (void)arg;
    ck_assert_int_eq(proa_call_on_big_stack(look, words("")), 42);
    ck_assert(where < mine - STACK_SIZE_DEFAULT || where > mine + STACK_SIZE_DEFAULT);
    return 0;
}
START_TEST(the_big_stack_is_the_threads_own)
{
    uintptr_t mine = (uintptr_t)__builtin_frame_address(0);

    t_run(from_task, NULL);
    ck_assert(where < mine && where > mine - (1 << 20));
    ck_assert_int_eq(proa_call_on_big_stack(look, NULL), 41); /* no task: a plain call */
}
END_TEST

/* As many frames of 1,000 bytes as it is told. */
__attribute__((noinline)) static int deep(void *arg)
{
    volatile char frame[1000];
    int left = *(int *)arg - 1;

    frame[left % 1000] = 1;
    return left ? deep(&left) + frame[left % 1000] : 1;
}

static int fails_there(void *arg)
{
    (void)arg;
    return PROA_EBADMSG;
}

static int call_deep(void *arg)
{
    (void)arg;
    ck_assert_int_eq(proa_call_on_big_stack(deep, &(int){512}), 512);
    ck_err(proa_call_on_big_stack(fails_there, NULL), PROA_EBADMSG);
    return proa_sleep(1);
}
START_TEST(the_big_stack_holds_half_a_megabyte)
{
    t_run(call_deep, NULL);
}
END_TEST

static int sleep_there(void *arg)
{
    (void)arg;
    return proa_call_on_big_stack(sleep_for_ever, NULL);
}
START_TEST(suspending_on_the_big_stack_aborts)
{
    t_run_aborts(sleep_there, NULL, "waits where waiting is forbidden");
}
END_TEST

/* ---- turns */

static bool over;

static int long_slices(void *arg)
{
    (void)arg;
    while (!over) {
        int64_t until = proa_now() + 300 * PROA_US;
        while (proa_now() < until)
            ;
        proa_yield();
    }
    return 0;
}

static int long_turns(void *arg)
{
    int64_t worst = 0;

    (void)arg;
    PROA_GROUP(g);
    proa_create_task(&g, long_slices, NULL);
    for (int i = 0; i < 20; i++) {
        int64_t due = proa_now() + PROA_MS;

        proa_sleep_until(due);
        if (i >= 10 && proa_now() - due > worst)
            worst = proa_now() - due;
    }
    over = true;
    ck_ok(proa_group_join(&g));
    ck_assert_uint_lt(proa_loop_current()->slices, LOOP_SLICES / 4);
    return 0;
}
START_TEST(long_slices_make_short_turns)
{
    ck_ok(proa_run(long_turns, NULL, NULL));
}
END_TEST

static int do_little(void *arg)
{
    (void)arg;
    int rc = proa_call_soon_threadsafe(proa_loop_current(), say, words(""));
    return rc < 0 ? rc : proa_sleep(PROA_MS);
}
START_TEST(each_allocation_of_a_run_may_fail)
{
    t_run_each_alloc(do_little, NULL);
}
END_TEST

int main(void)
{
    return t_main("loop", (const TTest *const[]){
                              callbacks_run_in_order_in_the_next_turn,
                              a_callback_that_feeds_itself_starves_nobody,
                              posts_of_a_thread_run_in_order,
                              a_post_wakes_a_sleeping_loop,
                              a_loop_may_post_to_itself,
                              a_post_to_a_loop_that_ended_is_refused,
                              posts_that_did_not_run_are_dropped,
                              a_thread_without_loop_may_not_touch_a_loop,
                              the_loop_of_another_thread_may_not_be_touched,
                              without_a_loop_the_call_is_named,
                              a_forked_child_may_not_touch_its_parents_loop,
                              a_forked_child_may_run_a_loop_of_its_own,
                              a_loop_in_a_loop_is_refused,
                              the_virtual_clock_jumps_to_the_next_deadline,
                              the_virtual_clock_does_not_jump_while_something_outside_may_come,
                              under_the_virtual_clock_a_deadlock_aborts,
                              without_a_loop_now_is_the_systems,
                              the_big_stack_is_the_threads_own,
                              the_big_stack_holds_half_a_megabyte,
                              suspending_on_the_big_stack_aborts,
                              long_slices_make_short_turns,
                              each_allocation_of_a_run_may_fail,
                              NULL,
                          });
}
