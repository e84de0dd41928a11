#include "support/t_run.h"

#include <proa/barrier.h>
#include <proa/broadcast.h>
#include <proa/channel.h>
#include <proa/condition.h>
#include <proa/future.h>
#include <proa/group.h>
#include <proa/inspect.h>
#include <proa/limiter.h>
#include <proa/once.h>
#include <proa/queue.h>
#include <proa/rwlock.h>
#include <proa/signal.h>
#include <proa/sync.h>
#include <proa/wait_group.h>
#include <proa/wait_queue.h>
#include <proa/watch.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

static int sleep_long(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_HOUR);
}

static void is_described(const void *object, const char *kind, const char *state)
{
    char text[240];
    char head[64];

    ck_assert_int_gt(proa_describe(object, text, sizeof text), 0);
    snprintf(head, sizeof head, "%s %p", kind, object);
    ck_assert_msg(strncmp(text, head, strlen(head)) == 0, "%s is no %s", text, head);
    ck_assert_str_eq(text + strlen(head), state);
}

static int locks_body(void *arg)
{
    struct proa_lock *lock = NULL;
    struct proa_rwlock *rwlock = NULL;
    struct proa_semaphore *semaphore = NULL;
    struct proa_event *event = NULL;
    struct proa_barrier *barrier = NULL;
    struct proa_once *once = NULL;
    char words[64];

    (void)arg;
    ck_ok(proa_lock_new(&lock));
    is_described(lock, "lock", ", not held");
    ck_ok(proa_lock_acquire(lock));
    is_described(lock, "lock", ", held by main");
    proa_lock_release(lock);
    struct proa_condition *condition = NULL;
    ck_ok(proa_condition_new(&condition, lock));
    snprintf(words, sizeof words, " of lock %p", (void *)lock);
    is_described(condition, "condition", words);
    ck_ok(proa_rwlock_new(&rwlock));
    ck_ok(proa_rwlock_acquire_read(rwlock));
    is_described(rwlock, "rwlock", ", read by 1");
    proa_rwlock_release_read(rwlock);
    ck_ok(proa_rwlock_acquire_write(rwlock));
    is_described(rwlock, "rwlock", ", held by main");
    proa_rwlock_release_write(rwlock);
    ck_ok(proa_semaphore_new(&semaphore, 3, PROA_SEMAPHORE_OPTS(.limit = 5)));
    ck_ok(proa_semaphore_acquire(semaphore));
    is_described(semaphore, "semaphore", ", 2 permits of 5");
    ck_ok(proa_event_new(&event));
    is_described(event, "event", ", not set");
    proa_event_set(event);
    is_described(event, "event", ", set");
    ck_ok(proa_barrier_new(&barrier, 2));
    is_described(barrier, "barrier", ", 0 of 2 here");
    proa_barrier_abort(barrier);
    is_described(barrier, "barrier", ", 0 of 2 here, broken");
    ck_ok(proa_once_new(&once));
    is_described(once, "once", "");
    proa_condition_free(condition);
    proa_lock_free(lock);
    proa_rwlock_free(rwlock);
    proa_semaphore_free(semaphore);
    proa_event_free(event);
    proa_barrier_free(barrier);
    proa_once_free(once);
    return 0;
}
START_TEST(aio_dbg_03_locks_show_state_and_holder)
{
    t_run_in_order(locks_body, NULL);
}
END_TEST

static int queues_body(void *arg)
{
    struct proa_queue *queue = NULL;
    struct proa_wait_group *wait_group = NULL;
    struct proa_wait_queue *wait_queue = NULL;
    static int item;

    (void)arg;
    ck_ok(proa_queue_new(&queue, PROA_QUEUE_OPTS(.limit = 4)));
    is_described(queue, "queue", ", 0 items of 4");
    ck_ok(proa_queue_try_put(queue, &item));
    is_described(queue, "queue", ", 1 items of 4, 1 unfinished");
    proa_queue_shutdown(queue, PROA_QUEUE_DISCARD);
    is_described(queue, "queue", ", 0 items of 4, shut down");
    ck_ok(proa_wait_group_new(&wait_group));
    proa_wait_group_add(wait_group, 2);
    is_described(wait_group, "wait group", ", 2 to be done");
    proa_wait_group_done(wait_group);
    proa_wait_group_done(wait_group);
    ck_ok(proa_wait_queue_new(&wait_queue));
    is_described(wait_queue, "wait queue", "");
    proa_queue_free(queue);
    proa_wait_group_free(wait_group);
    proa_wait_queue_free(wait_queue);
    return 0;
}
START_TEST(aio_dbg_03_queues_show_their_sizes)
{
    t_run_in_order(queues_body, NULL);
}
END_TEST

static int channels_body(void *arg)
{
    struct proa_channel *channel = NULL;
    struct proa_broadcast *broadcast = NULL;
    struct proa_watch *watch = NULL;
    int value = 7;

    (void)arg;
    ck_ok(proa_channel_new(&channel, sizeof value, PROA_CHANNEL_OPTS(.capacity = 2)));
    is_described(channel, "channel", ", 0 of 2 values");
    ck_ok(proa_channel_try_send(channel, &value));
    is_described(channel, "channel", ", 1 of 2 values");
    proa_channel_close(channel);
    is_described(channel, "channel", ", 1 of 2 values, closed");
    ck_ok(proa_broadcast_new(&broadcast, sizeof value, 4));
    ck_ok(proa_broadcast_send(broadcast, &value));
    is_described(broadcast, "broadcast", ", 1 sent, 4 kept");
    proa_broadcast_close(broadcast);
    is_described(broadcast, "broadcast", ", 1 sent, 4 kept, closed");
    ck_ok(proa_watch_new(&watch, sizeof value, &value));
    is_described(watch, "watch", ", value 1");
    ck_ok(proa_watch_set(watch, &value));
    is_described(watch, "watch", ", value 2");
    proa_watch_close(watch);
    is_described(watch, "watch", ", value 2, closed");
    proa_channel_free(channel);
    proa_broadcast_free(broadcast);
    proa_watch_free(watch);
    return 0;
}
START_TEST(channels_show_what_they_have_and_that_they_are_closed)
{
    t_run_in_order(channels_body, NULL);
}
END_TEST

static int others_body(void *arg)
{
    const int signos[] = {SIGUSR1, SIGUSR2};
    struct proa_limiter *limiter = NULL;
    struct proa_future *future = NULL;
    struct proa_promise *promise = NULL;
    struct proa_signals *signals = NULL;
    char words[40];

    (void)arg;
    ck_ok(proa_limiter_new(&limiter, 3, 1500 * PROA_MS, NULL));
    is_described(limiter, "limiter", ", 3 tokens in 1.5 s");
    ck_ok(proa_future_new(&future, &promise, NULL));
    is_described(future, "future", ", not done");
    ck_ok(proa_promise_set(promise, 0, NULL));
    is_described(future, "future", ", done");
    ck_ok(proa_signals_new(&signals, signos, 2));
    snprintf(words, sizeof words, " %d %d", SIGUSR1, SIGUSR2);
    is_described(signals, "signals", words);
    proa_limiter_free(limiter);
    proa_promise_free(promise);
    proa_future_free(future);
    proa_signals_free(signals);
    return 0;
}
START_TEST(limiters_futures_and_signals_show_their_state)
{
    t_run_in_order(others_body, NULL);
}
END_TEST

/* ---- who waits */

static int get_one(void *queue)
{
    void *item;
    return proa_queue_get(queue, &item);
}

static int receive_one(void *channel)
{
    int value;
    return proa_channel_receive(channel, &value);
}

static int send_one(void *channel)
{
    int value = 7;
    return proa_channel_send(channel, &value);
}

static int wait_for_one(void *future)
{
    return proa_future_wait(future, NULL);
}

static int waiters_body(void *arg)
{
    struct proa_queue *queue = NULL;
    struct proa_channel *empty = NULL;
    struct proa_channel *full = NULL;
    struct proa_future *future = NULL;
    struct proa_promise *promise = NULL;

    (void)arg;
    ck_ok(proa_queue_new(&queue, NULL));
    ck_ok(proa_channel_new(&empty, sizeof(int), NULL));
    ck_ok(proa_channel_new(&full, sizeof(int), NULL));
    ck_ok(proa_future_new(&future, &promise, NULL));
    {
        PROA_GROUP(g);
        for (int i = 0; i < 2; i++) {
            ck_ok(proa_create_task(&g, get_one, queue));
            ck_ok(proa_create_task(&g, receive_one, empty));
            ck_ok(proa_create_task(&g, send_one, full));
            ck_ok(proa_create_task(&g, wait_for_one, future));
        }
        t_settle();
        is_described(queue, "queue", ", 0 items, 2 get");
        is_described(empty, "channel", ", 0 of 0 values, 2 receive");
        is_described(full, "channel", ", 0 of 0 values, 2 send");
        is_described(future, "future", ", not done, 2 wait");
        proa_group_cancel(&g);
    }
    proa_queue_free(queue);
    proa_channel_free(empty);
    proa_channel_free(full);
    proa_promise_free(promise);
    proa_future_free(future);
    return 0;
}
START_TEST(aio_dbg_03_those_who_wait_are_counted)
{
    t_run_modes(waiters_body, NULL);
}
END_TEST

static int group_body(void *arg)
{
    unsigned stranger = 0;
    char text[24];

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, sleep_long, NULL));
    is_described(&g, "group", " of 1 tasks");
    proa_group_cancel(&g);
    is_described(&g, "group", " of 1 tasks, cancelled");
    ck_assert_int_gt(proa_describe(&g, text, sizeof text), (int)sizeof text);
    ck_assert_uint_eq(strlen(text), sizeof text - 1);
    ck_assert_int_gt(proa_describe(&g, NULL, 0), 0);
    ck_err(proa_describe(&stranger, text, sizeof text), PROA_EINVAL);
    return 0;
}
START_TEST(aio_dbg_03_a_group_shows_its_tasks_and_a_stranger_is_refused)
{
    t_run_in_order(group_body, NULL);
}
END_TEST

static int describe_nothing(void *arg)
{
    return proa_describe(arg, NULL, 0);
}
START_TEST(a_look_at_nothing_stops_the_program)
{
    t_run_aborts(describe_nothing, NULL, "proa_describe: the object is NULL");
}
END_TEST

static void describe_without_loop(void *object)
{
    proa_describe(object, NULL, 0);
}
START_TEST(a_look_without_a_loop_stops_the_program)
{
    unsigned stranger = 0;

    t_aborts(describe_without_loop, &stranger, "proa_describe: no loop runs in this thread");
}
END_TEST

int main(void)
{
    return t_main("describe", (const TTest *const[]){
                                  aio_dbg_03_locks_show_state_and_holder,
                                  aio_dbg_03_queues_show_their_sizes,
                                  channels_show_what_they_have_and_that_they_are_closed,
                                  limiters_futures_and_signals_show_their_state,
                                  aio_dbg_03_those_who_wait_are_counted,
                                  aio_dbg_03_a_group_shows_its_tasks_and_a_stranger_is_refused,
                                  a_look_at_nothing_stops_the_program,
                                  a_look_without_a_loop_stops_the_program,
                                  NULL,
                              });
}
