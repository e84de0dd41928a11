/*
 * What a correct program never does, for each object of the core and each of its calls: an object
 * that was freed or never made, and a call from a thread that is not the loop's. The process ends
 * with a sentence that names the call. Misuse of another kind (joining oneself, scopes left out of
 * order, freeing what is in use) is tested beside what it misuses.
 */

#include "support/t_run.h"

#include <proa/barrier.h>
#include <proa/broadcast.h>
#include <proa/call.h>
#include <proa/channel.h>
#include <proa/condition.h>
#include <proa/context.h>
#include <proa/fault.h>
#include <proa/future.h>
#include <proa/gather.h>
#include <proa/group.h>
#include <proa/limiter.h>
#include <proa/loop.h>
#include <proa/once.h>
#include <proa/queue.h>
#include <proa/runner.h>
#include <proa/rwlock.h>
#include <proa/scope.h>
#include <proa/select.h>
#include <proa/signal.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/wait.h>
#include <proa/wait_group.h>
#include <proa/wait_queue.h>
#include <proa/watch.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>

/* Where calls write; never read. */
static void *out;
static uint64_t number;
static char value[64];
static struct proa_task_ref ref;

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void no_callback(void *arg)
{
    (void)arg;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

/* ---- freed, or never made */

/* X(call, arguments after the object) */
#define CALLS(X)                                                                                   \
    X(proa_barrier_wait)                                                                           \
    X(proa_barrier_reset)                                                                          \
    X(proa_barrier_abort)                                                                          \
    X(proa_barrier_is_broken)                                                                      \
    X(proa_barrier_waiting)                                                                        \
    X(proa_broadcast_send, value)                                                                  \
    X(proa_broadcast_subscribe)                                                                    \
    X(proa_broadcast_receive, &number, value)                                                      \
    X(proa_broadcast_try_receive, &number, value)                                                  \
    X(proa_broadcast_close)                                                                        \
    X(proa_channel_send, value)                                                                    \
    X(proa_channel_try_send, value)                                                                \
    X(proa_channel_receive, value)                                                                 \
    X(proa_channel_try_receive, value)                                                             \
    X(proa_channel_close)                                                                          \
    X(proa_channel_add_senders, 1)                                                                 \
    X(proa_channel_drop_sender)                                                                    \
    X(proa_channel_add_receivers, 1)                                                               \
    X(proa_channel_drop_receiver)                                                                  \
    X(proa_channel_is_closed)                                                                      \
    X(proa_channel_len)                                                                            \
    X(proa_condition_wait)                                                                         \
    X(proa_condition_wait_until, never, NULL)                                                      \
    X(proa_condition_notify, 1)                                                                    \
    X(proa_future_wait, &out)                                                                      \
    X(proa_future_try_wait, &out)                                                                  \
    X(proa_future_is_set)                                                                          \
    X(proa_future_add_done_callback, no_callback, NULL)                                            \
    X(proa_future_remove_done_callback, no_callback, NULL)                                         \
    X(proa_promise_set, 0, NULL)                                                                   \
    X(proa_promise_set_threadsafe, 0, NULL)                                                        \
    X(proa_group_join)                                                                             \
    X(proa_group_cancel)                                                                           \
    X(proa_group_running)                                                                          \
    X(proa_group_errors, NULL, 0)                                                                  \
    X(proa_group_next, &ref)                                                                       \
    X(proa_group_winner, &ref)                                                                     \
    X(proa_limiter_try_acquire, 1)                                                                 \
    X(proa_limiter_tokens)                                                                         \
    X(proa_once_run, nothing, NULL)                                                                \
    X(proa_once_is_done)                                                                           \
    X(proa_queue_try_put, NULL)                                                                    \
    X(proa_queue_try_get, &out)                                                                    \
    X(proa_queue_len)                                                                              \
    X(proa_queue_shutdown, PROA_QUEUE_DRAIN)                                                       \
    X(proa_queue_task_done)                                                                        \
    X(proa_queue_join)                                                                             \
    X(proa_runner_run, nothing, NULL)                                                              \
    X(proa_runner_start, nothing, NULL)                                                            \
    X(proa_runner_step, 0)                                                                         \
    X(proa_runner_result)                                                                          \
    X(proa_runner_stop)                                                                            \
    X(proa_rwlock_try_acquire_read)                                                                \
    X(proa_rwlock_try_acquire_write)                                                               \
    X(proa_rwlock_release_read)                                                                    \
    X(proa_rwlock_release_write)                                                                   \
    X(proa_signals_receive)                                                                        \
    X(proa_signals_try_receive)                                                                    \
    X(proa_event_set)                                                                              \
    X(proa_event_clear)                                                                            \
    X(proa_event_is_set)                                                                           \
    X(proa_event_wait)                                                                             \
    X(proa_lock_acquire)                                                                           \
    X(proa_lock_try_acquire)                                                                       \
    X(proa_lock_release)                                                                           \
    X(proa_lock_is_locked)                                                                         \
    X(proa_semaphore_acquire)                                                                      \
    X(proa_semaphore_release)                                                                      \
    X(proa_semaphore_acquire_n, 2)                                                                 \
    X(proa_semaphore_try_acquire_n, 2)                                                             \
    X(proa_semaphore_release_n, 2)                                                                 \
    X(proa_semaphore_resize, 2)                                                                    \
    X(proa_semaphore_permits)                                                                      \
    X(proa_as_completed_next, &ref)                                                                \
    X(proa_wait_group_add, 1)                                                                      \
    X(proa_wait_group_done)                                                                        \
    X(proa_wait_group_count)                                                                       \
    X(proa_wait_group_wait)                                                                        \
    X(proa_wait_queue_park, &out)                                                                  \
    X(proa_wait_queue_wake_one, NULL)                                                              \
    X(proa_wait_queue_wake_all, NULL)                                                              \
    X(proa_wait_queue_len)                                                                         \
    X(proa_watch_set, value)                                                                       \
    X(proa_watch_get, value)                                                                       \
    X(proa_watch_wait, &number, value)                                                             \
    X(proa_watch_try_wait, &number, value)                                                         \
    X(proa_watch_close)                                                                            \
    X(proa_loop_ref)                                                                               \
    X(proa_call_soon_threadsafe, no_callback, NULL)                                                \
    X(proa_timeout_result, 0)                                                                      \
    X(proa_timeout_reschedule, 1)                                                                  \
    X(proa_timeout_reschedule_at, 1)                                                               \
    X(proa_timeout_set_quiet)                                                                      \
    X(proa_scope_cancel)                                                                           \
    X(proa_scope_result, 0)                                                                        \
    X(proa_case_send, value)                                                                       \
    X(proa_case_receive, value)                                                                    \
    X(proa_case_put, NULL)                                                                         \
    X(proa_case_get, &out)                                                                         \
    X(proa_case_future, &out)                                                                      \
    X(proa_case_watch, &number, value)                                                             \
    X(proa_case_broadcast, &number, value)                                                         \
    X(proa_case_event)                                                                             \
    X(proa_case_signal)

/* Those which are made of another call: the sentence names that. */
#define LIKE(X)                                                                                    \
    X(proa_limiter_acquire, proa_limiter_try_acquire, 1)                                           \
    X(proa_queue_put, proa_queue_try_put, NULL)                                                    \
    X(proa_queue_get, proa_queue_try_get, &out)                                                    \
    X(proa_rwlock_acquire_read, proa_rwlock_try_acquire_read)                                      \
    X(proa_rwlock_acquire_write, proa_rwlock_try_acquire_write)                                    \
    X(proa_semaphore_try_acquire, proa_semaphore_try_acquire_n)

/* Of NULL they do nothing. */
#define FREES(X)                                                                                   \
    X(proa_barrier_free)                                                                           \
    X(proa_broadcast_free)                                                                         \
    X(proa_channel_free)                                                                           \
    X(proa_condition_free)                                                                         \
    X(proa_context_free)                                                                           \
    X(proa_future_free)                                                                            \
    X(proa_promise_free)                                                                           \
    X(proa_promise_free_threadsafe)                                                                \
    X(proa_limiter_free)                                                                           \
    X(proa_once_free)                                                                              \
    X(proa_queue_free)                                                                             \
    X(proa_runner_free)                                                                            \
    X(proa_rwlock_free)                                                                            \
    X(proa_signals_free)                                                                           \
    X(proa_event_free)                                                                             \
    X(proa_lock_free)                                                                              \
    X(proa_semaphore_free)                                                                         \
    X(proa_as_completed_free)                                                                      \
    X(proa_wait_group_free)                                                                        \
    X(proa_wait_queue_free)                                                                        \
    X(proa_watch_free)                                                                             \
    X(proa_loop_unref)

#define DEFINE(call, ...)                                                                          \
    static int of_##call(void *object)                                                             \
    {                                                                                              \
        (void)call(object, ##__VA_ARGS__);                                                         \
        return 0;                                                                                  \
    }
#define DEFINE_LIKE(call, like, ...) DEFINE(call, ##__VA_ARGS__)
#define ENTRY(call, ...) {of_##call, #call ": "},
#define ENTRY_LIKE(call, like, ...) {of_##call, #like ": "},

CALLS(DEFINE)
LIKE(DEFINE_LIKE)
FREES(DEFINE)

struct misuse {
    t_body_fn *body;
    const char *words;
};

static const struct misuse calls[] = {CALLS(ENTRY) LIKE(ENTRY_LIKE)};
static const struct misuse frees[] = {FREES(ENTRY)};

enum { CALLS_N = sizeof calls / sizeof *calls, FREES_N = sizeof frees / sizeof *frees };

/* Memory that was zeroed, as that of a freed object is where `magic` stood. */
static void *nobody(void)
{
    static _Alignas(64) char zeroes[1024];

    return zeroes;
}

START_TEST(a_call_for_what_was_never_made_aborts)
{
    t_run_aborts(calls[_i].body, nobody(), calls[_i].words);
}
END_TEST
START_TEST(a_call_for_null_aborts)
{
    t_run_aborts(calls[_i].body, NULL, calls[_i].words);
}
END_TEST
START_TEST(freeing_what_was_never_made_aborts)
{
    t_run_aborts(frees[_i].body, nobody(), frees[_i].words);
}
END_TEST

static int leave_garbage(void *arg)
{
    struct proa_group g;

    (void)arg;
    memset(&g, 0xa5, sizeof g);
    proa_group_leave(&g);
    return 0;
}
START_TEST(leaving_what_is_no_group_aborts)
{
    t_run_aborts(leave_garbage, NULL, "proa_group_leave: ");
}
END_TEST

static int free_null_body(void *arg)
{
    for (int i = 0; i < FREES_N; i++)
        frees[i].body(arg);
    return 0;
}
START_TEST(freeing_null_does_nothing)
{
    t_run(free_null_body, NULL);
}
END_TEST

/* ---- another thread */

static struct {
    struct proa_broadcast *broadcast;
    struct proa_channel *channel;
    struct proa_future *future;
    struct proa_promise *promise;
    struct proa_signals *signals;
    struct proa_as_completed *row;
    struct proa_watch *watch;
    struct proa_group *group;
    struct proa_timeout *timeout;
    struct proa_scope *scope;
    struct proa_handle handle;
    struct proa_task_ref task;
} all;

/*
 * X(name, call): the sentence begins with the name. Those of locks, queues and the like are in
 * test_home. An object may be freed anywhere once nobody uses it.
 */
#define FOREIGN(X)                                                                                 \
    X(proa_broadcast_send, proa_broadcast_send(all.broadcast, value))                              \
    X(proa_broadcast_subscribe, proa_broadcast_subscribe(all.broadcast))                           \
    X(proa_broadcast_try_receive, proa_broadcast_try_receive(all.broadcast, &number, value))       \
    X(proa_broadcast_close, proa_broadcast_close(all.broadcast))                                   \
    X(proa_channel_try_send, proa_channel_try_send(all.channel, value))                            \
    X(proa_channel_try_receive, proa_channel_try_receive(all.channel, value))                      \
    X(proa_channel_close, proa_channel_close(all.channel))                                         \
    X(proa_channel_len, proa_channel_len(all.channel))                                             \
    X(proa_future_is_set, proa_future_is_set(all.future))                                          \
    X(proa_future_add_done_callback, proa_future_add_done_callback(all.future, no_callback, NULL)) \
    X(proa_future_free, proa_future_free(all.future))                                              \
    X(proa_promise_set, proa_promise_set(all.promise, 0, NULL))                                    \
    X(proa_promise_free, proa_promise_free(all.promise))                                           \
    X(proa_signals_try_receive, proa_signals_try_receive(all.signals))                             \
    X(proa_signals_free, proa_signals_free(all.signals))                                           \
    X(proa_as_completed_next, proa_as_completed_next(all.row, &ref))                               \
    X(proa_as_completed_free, proa_as_completed_free(all.row))                                     \
    X(proa_watch_set, proa_watch_set(all.watch, value))                                            \
    X(proa_watch_get, proa_watch_get(all.watch, value))                                            \
    X(proa_watch_try_wait, proa_watch_try_wait(all.watch, &number, value))                         \
    X(proa_watch_close, proa_watch_close(all.watch))                                               \
    X(proa_group_cancel, proa_group_cancel(all.group))                                             \
    X(proa_group_running, proa_group_running(all.group))                                           \
    X(proa_group_errors, proa_group_errors(all.group, NULL, 0))                                    \
    X(proa_group_winner, proa_group_winner(all.group, &ref))                                       \
    X(proa_group_next, proa_group_next(all.group, &ref))                                           \
    X(proa_create_task, proa_create_task(all.group, nothing, NULL))                                \
    X(proa_timeout_result, proa_timeout_result(all.timeout, 0))                                    \
    X(proa_timeout_reschedule, proa_timeout_reschedule(all.timeout, 1))                            \
    X(proa_timeout_reschedule_at, proa_timeout_reschedule_at(all.timeout, 1))                      \
    X(proa_timeout_set_quiet, proa_timeout_set_quiet(all.timeout))                                 \
    X(proa_scope_cancel, proa_scope_cancel(all.scope))                                             \
    X(proa_scope_result, proa_scope_result(all.scope, 0))                                          \
    X(proa_task_cancel, proa_task_cancel(all.task))                                                \
    X(proa_task_cancel_for, proa_task_cancel_for(all.task, "no"))                                  \
    X(proa_task_result, proa_task_result(all.task))                                                \
    X(proa_task_is_done, proa_task_is_done(all.task))                                              \
    X(proa_task_state, proa_task_state(all.task))                                                  \
    X(proa_task_name, proa_task_name(all.task))                                                    \
    X(proa_task_set_name, proa_task_set_name(all.task, "no"))                                      \
    X(proa_task_parent, proa_task_parent(all.task))                                                \
    X(proa_task_on_done, proa_task_on_done(all.task, &(struct proa_handle){{0}}, no_callback, 0))  \
    X(proa_task_join, proa_task_join(all.task))                                                    \
    X(proa_handle_cancel, proa_handle_cancel(&all.handle))

/* Those that belong to no object want a loop, or a task. */
#define LOOPLESS(X)                                                                                \
    X(proa_call_soon, proa_call_soon(&all.handle, no_callback, NULL))                              \
    X(proa_call_later, proa_call_later(NULL, 1, no_callback, NULL))                                \
    X(proa_call_at, proa_call_at(NULL, 1, no_callback, NULL))                                      \
    X(proa_all_tasks, proa_all_tasks(NULL, 0))                                                     \
    X(proa_fault_set, proa_fault_set(NULL, NULL))                                                  \
    X(proa_select, proa_select(&(struct proa_case){0}, 1, NULL))                                   \
    X(proa_wait, proa_wait(&all.task, 1, NULL, PROA_ALL_COMPLETED, 1))                             \
    X(proa_gather, proa_gather(&(struct proa_call){nothing, NULL}, 1, NULL, NULL))                 \
    X(proa_sleep, proa_sleep(1))                                                                   \
    X(proa_yield, proa_yield())                                                                    \
    X(proa_case_timer, proa_case_timer(1))                                                         \
    X(proa_watch_new, proa_watch_new(&(struct proa_watch *){NULL}, 0, NULL))                       \
    X(proa_channel_new, proa_channel_new(&(struct proa_channel *){NULL}, 0, NULL))                 \
    X(proa_broadcast_new, proa_broadcast_new(&(struct proa_broadcast *){NULL}, 1, 1))              \
    X(proa_future_new,                                                                             \
      proa_future_new(&(struct proa_future *){NULL}, &(struct proa_promise *){NULL}, NULL))        \
    X(proa_signals_new, proa_signals_new(&(struct proa_signals *){NULL}, &(int){SIGUSR1}, 1))

#define DEFINE_FOREIGN(name, call)                                                                 \
    static void *foreign_##name(void *arg)                                                         \
    {                                                                                              \
        (void)(call);                                                                              \
        return arg;                                                                                \
    }
#define ENTRY_FOREIGN(name, call) {foreign_##name, #name ": "},
#define WORDS(name, call) #name,

FOREIGN(DEFINE_FOREIGN)
LOOPLESS(DEFINE_FOREIGN)

static const struct {
    void *(*fn)(void *arg);
    const char *words;
} foreign[] = {FOREIGN(ENTRY_FOREIGN) LOOPLESS(ENTRY_FOREIGN)};

enum { FOREIGN_N = sizeof((const char *[]){FOREIGN(WORDS)}) / sizeof(char *) };

static int sleep_long(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_HOUR);
}

struct visit {
    void *(*fn)(void *arg);
    bool with_loop;
};

static int visit_task(void *arg)
{
    const struct visit *v = arg;

    v->fn(NULL);
    return 0;
}

static void *visit(void *arg)
{
    const struct visit *v = arg;

    if (v->with_loop)
        proa_run(visit_task, arg, NULL);
    else
        v->fn(NULL);
    return NULL;
}

/* Make one of each, in the thread that they belong to, and call for one in another. */
static int foreign_body(void *arg)
{
    pthread_t thread;

    PROA_TIMEOUT(timeout, PROA_HOUR);
    PROA_SCOPE(scope);
    PROA_GROUP(group);
    all.timeout = &timeout;
    all.scope = &scope;
    all.group = &group;
    ck_ok(proa_create_task_opts(&group, &all.task, sleep_long, NULL, NULL));
    ck_ok(proa_broadcast_new(&all.broadcast, sizeof value, 1));
    ck_ok(proa_channel_new(&all.channel, sizeof value, NULL));
    ck_ok(proa_future_new(&all.future, &all.promise, NULL));
    ck_ok(proa_signals_new(&all.signals, &(int){SIGUSR2}, 1));
    ck_ok(proa_as_completed_new(&all.row, &all.task, 1));
    ck_ok(proa_watch_new(&all.watch, sizeof value, value));
    ck_ok(proa_call_later(&all.handle, PROA_HOUR, no_callback, NULL));
    ck_assert_int_eq(pthread_create(&thread, NULL, visit, arg), 0);
    pthread_join(thread, NULL);
    return 0;
}
START_TEST(a_call_from_another_thread_aborts)
{
    t_run_aborts(foreign_body, &(struct visit){foreign[_i].fn, false}, foreign[_i].words);
}
END_TEST
START_TEST(a_call_from_another_loop_aborts)
{
    bool of_task = strncmp(foreign[_i].words, "proa_task_", strlen("proa_task_")) == 0;

    t_run_aborts(foreign_body, &(struct visit){foreign[_i].fn, true},
                 of_task ? " is of another loop" : foreign[_i].words);
}
END_TEST

int main(void)
{
    return t_main_tables(
        "misuse",
        (const TTest *const[]){leaving_what_is_no_group_aborts, freeing_null_does_nothing, NULL},
        (const struct t_table[]){
            {a_call_for_what_was_never_made_aborts, CALLS_N},
            {a_call_for_null_aborts, CALLS_N},
            {freeing_what_was_never_made_aborts, FREES_N},
            {a_call_from_another_thread_aborts, sizeof foreign / sizeof *foreign},
            {a_call_from_another_loop_aborts, FOREIGN_N},
            {NULL, 0},
        });
}
