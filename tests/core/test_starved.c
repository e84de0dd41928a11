/*
 * Whole scenes, with everything in them, in which each allocation fails in turn, alone and with all
 * that follow: PROA_ENOMEM or success comes out, nobody hangs, nothing is left. What one call does
 * without memory is tested beside it; random programs without memory are in test_scope_model.
 */

#include "support/t_run.h"

#include <proa/broadcast.h>
#include <proa/call.h>
#include <proa/channel.h>
#include <proa/condition.h>
#include <proa/context.h>
#include <proa/fault.h>
#include <proa/fd.h>
#include <proa/future.h>
#include <proa/gather.h>
#include <proa/group.h>
#include <proa/loop.h>
#include <proa/queue.h>
#include <proa/runner.h>
#include <proa/scope.h>
#include <proa/select.h>
#include <proa/signal.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/thread.h>
#include <proa/wait.h>
#include <proa/watch.h>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

/* Each of these steps ends the function that it stands in if it fails. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        int try_rc = (call);                                                                       \
        if (try_rc < 0)                                                                            \
            return try_rc;                                                                         \
    } while (0)

static int nap(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_MS);
}

static int sleep_long(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_HOUR);
}

/* ---- groups in groups, with all that waits for tasks */

static const struct proa_context_key key = {"crew", NULL};

static int stay_a_while(void *arg)
{
    TRY(proa_context_set(&key, arg));
    PROA_SHIELD(s, PROA_SEC);
    return nap(arg);
}

static int all_body(void *arg)
{
    PROA_GROUP(g, .limit = 2);
    for (int i = 0; i < 5; i++)
        TRY(proa_create_task_opts(&g, NULL, stay_a_while, arg,
                                  PROA_TASK_OPTS(.name = "sailor", .eager = i % 2)));
    return proa_group_join(&g);
}

static int supervise_body(void *arg)
{
    PROA_AUTO(proa_context) *context = NULL;
    struct proa_task_ref slow, ref;
    int n = 0, rc;

    TRY(proa_context_new(&context));
    PROA_GROUP(g, .kind = PROA_GROUP_SUPERVISE);
    TRY(proa_create_task_opts(&g, &slow, sleep_long, NULL,
                              PROA_TASK_OPTS(.name = "slow", .stack_size = 200000)));
    for (int i = 0; i < 3; i++)
        TRY(proa_create_task_opts(&g, &ref, stay_a_while, arg, PROA_TASK_OPTS(.context = context)));
    for (; n < 3 && (rc = proa_group_next(&g, &ref)) == 1; n++)
        TRY(proa_task_join(ref));
    TRY(proa_task_cancel_for(slow, "all others have ended"));
    return proa_group_join(&g);
}

static int race_body(void *arg)
{
    PROA_GROUP(g, .kind = PROA_GROUP_RACE, .limit = 3);
    TRY(proa_create_task(&g, sleep_long, NULL));
    TRY(proa_create_task_opts(&g, NULL, nap, arg, PROA_TASK_OPTS(.name = "winner")));
    TRY(proa_create_task(&g, all_body, arg));
    TRY(proa_group_join(&g));
    ck_assert_ptr_nonnull(proa_group_winner(&g, NULL));
    return 0;
}

static int groups_body(void *arg)
{
    struct proa_call calls[3] = {{all_body, arg}, {supervise_body, arg}, {race_body, arg}};
    int rcs[3];

    TRY(proa_gather(calls, 3, rcs, PROA_GATHER_OPTS(.limit = 2)));
    TRY(proa_gather(calls, 3, rcs, PROA_GATHER_OPTS(.collect = true)));
    for (int i = 0; i < 3; i++)
        TRY(rcs[i]);
    PROA_TIMEOUT(t, PROA_MIN);
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++)
        TRY(proa_create_task(&g, calls[i].fn, arg));
    return proa_timeout_result(&t, proa_group_join(&g));
}
/* Who is cancelled may ask why, though there may have been no memory for the words. */
static int ask_why(void *arg)
{
    int rc = sleep_long(arg);

    ck_assert_ptr_nonnull(proa_cancel_reason());
    return rc;
}

static int fail_soon(void *arg)
{
    TRY(nap(arg));
    return PROA_EIO;
}

static int why_body(void *arg)
{
    int rc;

    PROA_GROUP(g);
    TRY(proa_create_task(&g, ask_why, arg));
    TRY(proa_create_task(&g, fail_soon, arg));
    rc = proa_group_join(&g);
    return rc == PROA_EIO ? 0 : rc;
}
START_TEST(a_failure_without_words_is_asked_for)
{
    t_run_each_alloc(why_body, NULL);
}
END_TEST
START_TEST(groups_in_groups_fail_as_one)
{
    t_run_each_alloc(groups_body, &(int){0});
}
END_TEST

enum { MANY = 12 }; /* more than a wait has room for on the stack */

static int started(void *arg)
{
    TRY(proa_task_ready(arg));
    return nap(arg);
}

static int waits_body(void *arg)
{
    PROA_AUTO(proa_as_completed) *row = NULL;
    struct proa_task_ref refs[MANY], ref;
    void *value;

    PROA_GROUP(g);
    for (int i = 0; i < MANY; i++)
        TRY(proa_create_task_opts(&g, &refs[i], nap, NULL, NULL));
    TRY(proa_as_completed_new(&row, refs, MANY));
    TRY(proa_wait(refs, MANY, NULL, PROA_FIRST_COMPLETED, PROA_HOUR));
    for (int i = 0; i < MANY / 2; i++)
        TRY(proa_as_completed_next(row, &ref));
    TRY(proa_wait(refs, MANY, NULL, PROA_ALL_COMPLETED, PROA_FOREVER));
    TRY(proa_start_task(&g, &ref, &value, started, arg, NULL));
    ck_assert_ptr_eq(value, arg);
    TRY(proa_wait_for(nap, NULL, PROA_SEC));
    TRY(proa_move_on_after(sleep_long, NULL, PROA_SEC));
    TRY(proa_shield(nap, NULL, PROA_SEC));
    return proa_group_join(&g);
}
START_TEST(waits_of_every_kind)
{
    t_run_each_alloc(waits_body, &(int){0});
}
END_TEST

/* ---- a harbour: items go through queues of every order, channels and what tasks share */

enum { ITEMS = 10 };

struct harbour {
    struct proa_queue *in, *sorted, *last;
    struct proa_channel *bare, *buffered;
    struct proa_watch *tide;
    struct proa_broadcast *horn;
    struct proa_semaphore *cranes;
    struct proa_lock *lock;
    struct proa_condition *moved;
    struct proa_event *closed;
    int n_moved;
};

static int items[ITEMS];

static int by_address(const void *a, const void *b)
{
    return a < b ? -1 : a > b;
}

static int arrive(void *arg)
{
    struct harbour *h = arg;

    for (int i = 0; i < ITEMS; i++)
        TRY(proa_queue_put(h->in, &items[i]));
    proa_queue_shutdown(h->in, PROA_QUEUE_DRAIN);
    return 0;
}

static int unload(void *arg)
{
    struct harbour *h = arg;
    void *item;
    int rc;

    while ((rc = proa_queue_get(h->in, &item)) >= 0) {
        TRY(proa_semaphore_acquire(h->cranes));
        rc = proa_queue_put(h->sorted, item);
        if (rc >= 0)
            rc = proa_queue_put(h->last, item);
        TRY(proa_semaphore_release(h->cranes));
        TRY(rc);
        proa_queue_task_done(h->in);
        TRY(proa_channel_send(h->buffered, &item));
    }
    return rc == PROA_ECLOSED ? 0 : rc;
}

static int carry(void *arg)
{
    struct harbour *h = arg;

    for (int i = 0; i < ITEMS; i++) {
        void *item, *sorted, *last;

        TRY(proa_channel_receive(h->buffered, &item));
        TRY(proa_queue_get(h->sorted, &sorted));
        TRY(proa_queue_get(h->last, &last));
        TRY(proa_channel_send(h->bare, &item));
    }
    return 0;
}

static int count_moved(struct harbour *h)
{
    TRY(proa_lock_acquire(h->lock));
    h->n_moved++;
    proa_condition_notify(h->moved, 1);
    proa_lock_release(h->lock);
    if (h->n_moved == ITEMS)
        proa_event_set(h->closed);
    TRY(proa_watch_set(h->tide, &h->n_moved));
    return proa_broadcast_send(h->horn, &h->n_moved);
}

static int store(void *arg)
{
    struct harbour *h = arg;
    void *item;

    for (;;) {
        struct proa_case c[] = {
            proa_case_receive(h->bare, &item),
            proa_case_event(h->closed),
            proa_case_timer(PROA_HOUR),
        };
        int n = PROA_SELECT(c);

        TRY(n);
        TRY(c[n].rc);
        if (n > 0)
            return n == 1 ? 0 : PROA_ETIMEDOUT;
        TRY(count_moved(h));
    }
}

static bool all_moved(void *arg)
{
    const struct harbour *h = arg;

    return h->n_moved == ITEMS;
}

static int watch_over(void *arg)
{
    struct harbour *h = arg;
    int rc;

    TRY(proa_lock_acquire(h->lock));
    rc = proa_condition_wait_until(h->moved, all_moved, h);
    proa_lock_release(h->lock);
    return rc;
}

static int listen_to(void *arg)
{
    struct harbour *h = arg;
    uint64_t next = proa_broadcast_subscribe(h->horn);
    uint64_t seen = proa_watch_get(h->tide, NULL);
    int n = 0, tide = 0;

    while (n < ITEMS)
        TRY(proa_broadcast_receive(h->horn, &next, &n));
    while (tide < ITEMS)
        TRY(proa_watch_wait(h->tide, &seen, &tide));
    return 0;
}

static int make(struct harbour *h)
{
    TRY(proa_queue_new(&h->in, PROA_QUEUE_OPTS(.limit = 2)));
    TRY(proa_queue_new(&h->sorted,
                       PROA_QUEUE_OPTS(.order = PROA_QUEUE_PRIORITY, .compare = by_address)));
    TRY(proa_queue_new(&h->last, PROA_QUEUE_OPTS(.order = PROA_QUEUE_LIFO)));
    TRY(proa_channel_new(&h->bare, sizeof(void *), NULL));
    TRY(proa_channel_new(&h->buffered, sizeof(void *), PROA_CHANNEL_OPTS(.capacity = 3)));
    TRY(proa_watch_new(&h->tide, sizeof(int), &(int){0}));
    TRY(proa_broadcast_new(&h->horn, sizeof(int), ITEMS));
    TRY(proa_semaphore_new(&h->cranes, 2, NULL));
    TRY(proa_lock_new(&h->lock));
    TRY(proa_condition_new(&h->moved, h->lock));
    return proa_event_new(&h->closed);
}

static void unmake(struct harbour *h)
{
    proa_queue_free(h->in);
    proa_queue_free(h->sorted);
    proa_queue_free(h->last);
    proa_channel_free(h->bare);
    proa_channel_free(h->buffered);
    proa_watch_free(h->tide);
    proa_broadcast_free(h->horn);
    proa_semaphore_free(h->cranes);
    proa_condition_free(h->moved);
    proa_lock_free(h->lock);
    proa_event_free(h->closed);
}

static int run_harbour(struct harbour *h)
{
    static proa_task_fn *const crew[] = {listen_to, watch_over, unload, unload, carry, store};

    TRY(make(h));
    PROA_GROUP(g);
    for (size_t i = 0; i < sizeof crew / sizeof *crew; i++)
        TRY(proa_create_task(&g, crew[i], h));
    TRY(proa_create_task(&g, arrive, h));
    TRY(proa_queue_join(h->in));
    return proa_group_join(&g);
}

static int harbour_body(void *arg)
{
    struct harbour h = {0};
    int rc = run_harbour(&h);

    (void)arg;
    ck_assert(rc < 0 || h.n_moved == ITEMS);
    unmake(&h);
    return rc;
}
START_TEST(a_harbour_stands_still_or_moves_everything)
{
    t_run_each_alloc(harbour_body, NULL);
}
END_TEST

/* ---- what comes from outside: callbacks, signals, descriptors */

static void count_call(void *arg)
{
    ++*(int *)arg;
}

static int calls_body(void *arg)
{
    struct proa_handle later = {{0}}, at = {{0}}, done = {{0}};
    struct proa_task_ref ref;
    int n = 0, rc;

    (void)arg;
    PROA_GROUP(g);
    rc = proa_call_soon(NULL, count_call, &n);
    if (rc >= 0)
        rc = proa_call_later(&later, PROA_MS, count_call, &n);
    if (rc >= 0)
        rc = proa_call_at(&at, proa_now() + PROA_HOUR, count_call, &n);
    if (rc >= 0)
        rc = proa_create_task_opts(&g, &ref, nap, NULL, NULL);
    if (rc >= 0)
        rc = proa_task_on_done(ref, &done, count_call, &n);
    if (rc >= 0)
        rc = proa_call_later(NULL, PROA_MS, count_call, &n);
    if (proa_sleep(10 * PROA_MS) >= 0)
        ck_assert(rc < 0 || n == 4);
    proa_handle_fini(&later);
    proa_handle_fini(&at);
    proa_handle_fini(&done);
    TRY(rc);
    return proa_group_join(&g);
}
START_TEST(callbacks_that_were_asked_for_are_made)
{
    t_run_each_alloc(calls_body, NULL);
}
END_TEST

static int outside_body(void *arg)
{
    PROA_AUTO(proa_signals) *signals = NULL;
    int *fds = arg;
    char byte;

    TRY(proa_signals_new(&signals, (int[]){SIGUSR1, SIGUSR2}, 2));
    raise(SIGUSR1);
    TRY(proa_signals_receive(signals));
    ck_assert_int_eq(write(fds[1], "x", 1), 1);
    int rc = proa_wait_fd(fds[0], PROA_READABLE);
    ck_assert_int_eq(read(fds[0], &byte, 1), 1);
    TRY(rc);
    raise(SIGUSR2);
    struct proa_case c[] = {
        proa_case_fd(fds[0], PROA_READABLE),
        proa_case_signal(signals),
        proa_case_timer(PROA_HOUR),
    };
    int n = PROA_SELECT(c);
    TRY(n);
    return c[n].rc;
}
START_TEST(signals_and_descriptors)
{
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    t_run_each_alloc(outside_body, fds);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

/* ---- threads */

struct teller {
    struct proa_loop *loop;
    struct proa_promise *promise;
    int calls;
    int rc; /* of what may fail */
};

static int give_seven(void *arg)
{
    (void)arg;
    return proa_sleep(0) < 0 ? PROA_ECANCELED : 7;
}

/* The promise is kept, whatever else fails. */
static void *tell(void *arg)
{
    struct teller *t = arg;
    int rc = proa_run_threadsafe(t->loop, give_seven, NULL);

    t->rc = rc < 0 ? rc : proa_call_soon_threadsafe(t->loop, count_call, &t->calls);
    if (rc >= 0)
        ck_assert_int_eq(rc, 7);
    proa_promise_set_threadsafe(t->promise, 5, NULL);
    proa_promise_free_threadsafe(t->promise);
    return NULL;
}

static int job(void *arg)
{
    (void)arg;
    return 3;
}

static int threads_body(void *arg)
{
    PROA_AUTO(proa_future) *future = NULL;
    struct teller t = {.loop = proa_loop_current()};
    pthread_t thread;

    (void)arg;
    TRY(proa_to_thread(job, NULL, NULL));
    TRY(proa_to_thread(job, NULL, PROA_TO_THREAD_OPTS(.abandon = true)));
    TRY(proa_future_new(&future, &t.promise,
                        PROA_FUTURE_OPTS(.name = "tidings", .threadsafe = true)));
    ck_assert_int_eq(pthread_create(&thread, NULL, tell, &t), 0);
    int rc = proa_future_wait(future, NULL);
    pthread_join(thread, NULL);
    ck_assert_int_eq(rc, 5);
    ck_assert_int_eq(t.calls, t.rc >= 0); /* posted before the promise was kept */
    return t.rc;
}
START_TEST(threads_and_their_promises)
{
    t_run_each_alloc(threads_body, NULL);
}
END_TEST

/* ---- a runner and its mains */

static int leave_task(void *arg)
{
    TRY(proa_context_set(&key, arg));
    TRY(proa_create_task(NULL, sleep_long, NULL));
    return all_body(arg);
}

static int see_context(void *arg)
{
    if (proa_context_get(&key) != arg)
        return PROA_EIO;
    return groups_body(arg);
}

static int run_mains(struct proa_runner *r, void *arg)
{
    TRY(proa_runner_run(r, leave_task, arg));
    TRY(proa_runner_run(r, see_context, arg));
    TRY(proa_runner_start(r, waits_body, arg));
    while (proa_runner_step(r, PROA_FOREVER))
        ;
    return proa_runner_result(r);
}

static int runner_body(void *arg)
{
    struct proa_runner *r = NULL;
    int rc;

    TRY(proa_runner_new(&r, PROA_RUNNER_OPTS(.run.virtual_clock = true)));
    rc = run_mains(r, arg);
    proa_runner_free(r);
    return rc;
}
START_TEST(a_runner_of_several_mains)
{
    t_each_alloc(runner_body, &(int){0});
}
END_TEST

int main(void)
{
    return t_main("starved", (const TTest *const[]){
                                 groups_in_groups_fail_as_one,
                                 a_failure_without_words_is_asked_for,
                                 waits_of_every_kind,
                                 a_harbour_stands_still_or_moves_everything,
                                 callbacks_that_were_asked_for_are_made,
                                 signals_and_descriptors,
                                 threads_and_their_promises,
                                 a_runner_of_several_mains,
                                 NULL,
                             });
}
