#include "base/fail.h"
#include "core/look.h"
#include "core/sched.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/inspect.h>
#include <proa/queue.h>
#include <proa/scope.h>
#include <proa/select.h>
#include <proa/sync.h>
#include <proa/time.h>

#include <stdio.h>
#include <string.h>
#include <unwind.h>

static int apple;

/* ---- tasks that wait */

static int sleep_long(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_HOUR);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int get_one(void *queue)
{
    void *item;

    return proa_queue_get(queue, &item);
}

static int join_other(void *ref)
{
    return proa_task_join(*(struct proa_task_ref *)ref);
}

static int take_lock(void *lock)
{
    return proa_lock_acquire(lock);
}

static void yield_some(void)
{
    for (int i = 0; i < 4; i++)
        proa_yield();
}

/* ---- the walk */

struct seen {
    size_t n;
    char text[1024];
    size_t at;
};

/* "main 0 running -; reader 1 waiting proa_queue_get; " */
static int note(void *arg, const struct proa_task_info *info)
{
    static const char *const states[] = {
        [PROA_TASK_READY] = "ready",
        [PROA_TASK_RUNNING] = "running",
        [PROA_TASK_WAITING] = "waiting",
        [PROA_TASK_DONE] = "done",
    };
    struct seen *seen = arg;

    seen->n++;
    if (seen->at < sizeof seen->text - 300)
        seen->at += (size_t)snprintf(seen->text + seen->at, sizeof seen->text - seen->at,
                                     "%s %zu %s%s %s; ", info->name, info->depth,
                                     states[info->state], info->cancelled ? " cancelled" : "",
                                     info->call ? info->call : "-");
    return 0;
}

struct world {
    struct proa_queue *queue;
    struct proa_task_ref sleeper;
};

static int parent(void *arg)
{
    struct world *w = arg;

    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, NULL, get_one, w->queue, PROA_TASK_OPTS(.name = "getter")));
    ck_ok(
        proa_create_task_opts(&g, NULL, join_other, &w->sleeper, PROA_TASK_OPTS(.name = "joiner")));
    return proa_group_join(&g);
}

static int walk_body(void *arg)
{
    struct seen seen = {0};
    struct world w;

    (void)arg;
    ck_ok(proa_queue_new(&w.queue, NULL));
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task_opts(&g, &w.sleeper, sleep_long, NULL,
                                    PROA_TASK_OPTS(.name = "sleeper")));
        ck_ok(proa_create_task_opts(&g, NULL, parent, &w, PROA_TASK_OPTS(.name = "parent")));
        ck_ok(proa_create_task_opts(&g, NULL, nothing, NULL, PROA_TASK_OPTS(.name = "gone")));
        yield_some();
        ck_ok(proa_create_task_opts(NULL, NULL, nothing, NULL, PROA_TASK_OPTS(.name = "new")));
        ck_ok(proa_tasks_walk(note, &seen));
        ck_assert_str_eq(seen.text, "main 0 running -; sleeper 1 waiting proa_sleep; "
                                    "parent 1 waiting proa_group_join; "
                                    "getter 2 waiting proa_queue_get; "
                                    "joiner 2 waiting proa_task_join; new 0 ready -; ");
    }
    proa_queue_free(w.queue);
    return 0;
}
START_TEST(aio_dbg_01_the_tree_tells_who_waits_in_what)
{
    t_run_in_order(walk_body, NULL);
}
END_TEST

static int stop_at_second(void *arg, const struct proa_task_info *info)
{
    (void)info;
    return ++*(int *)arg == 2 ? proa__fail(PROA_EPIPE, "of the walk") : 0;
}

static int details(void *arg, const struct proa_task_info *info)
{
    struct world *w = arg;

    if (strcmp(info->name, "joiner") == 0) {
        ck_assert_uint_eq(info->blocker.seq, w->sleeper.seq);
        ck_assert_str_eq(info->on, "sleeper");
    }
    if (strcmp(info->name, "getter") == 0) {
        char words[64];

        snprintf(words, sizeof words, "queue %p, 0 items, 1 get", (void *)w->queue);
        ck_assert_str_eq(info->on, words);
        ck_assert_ptr_eq(info->object, w->queue);
        ck_assert_ptr_eq(__extension__(void *) info->fn, __extension__(void *) get_one);
        ck_assert_uint_gt(info->stack_used, 64);
        ck_assert_uint_lt(info->stack_used, 4096);
        ck_assert_uint_ge(info->stack_touched, info->stack_used);
        ck_assert_uint_le(info->stack_touched, info->stack_size + 4096);
    }
    if (strcmp(info->name, "sleeper") == 0)
        ck_assert_str_eq(info->on, "3600.0 s left");
    if (strcmp(info->name, "main") == 0) {
        ck_assert_int_eq(info->deadline, proa_now() + PROA_SEC);
        ck_assert_uint_gt(info->stack_used, 0);
    } else
        ck_assert_int_eq(info->deadline, PROA_FOREVER);
    return 0;
}

static int details_body(void *arg)
{
    struct world w;
    int n = 0;

    (void)arg;
    ck_ok(proa_queue_new(&w.queue, NULL));
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task_opts(&g, &w.sleeper, sleep_long, NULL,
                                    PROA_TASK_OPTS(.name = "sleeper")));
        ck_ok(proa_create_task_opts(&g, NULL, parent, &w, PROA_TASK_OPTS(.name = "parent")));
        yield_some();
        PROA_TIMEOUT(outer, PROA_SEC);
        PROA_TIMEOUT(inner, PROA_HOUR);
        ck_ok(proa_tasks_walk(details, &w));
        proa__fail(PROA_EPIPE, "of before");
        ck_err(proa_tasks_walk(stop_at_second, &n), PROA_EPIPE);
        ck_assert_int_eq(n, 2);
        ck_assert_str_eq(proa_err_detail(PROA_EPIPE), "of before");
    }
    proa_queue_free(w.queue);
    return 0;
}
START_TEST(aio_dbg_01_a_task_tells_object_blocker_deadline_and_stack)
{
    t_run_in_order(details_body, NULL);
}
END_TEST

static int cancelled_body(void *arg)
{
    struct seen seen = {0};

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, NULL, sleep_long, NULL, PROA_TASK_OPTS(.name = "a")));
    proa_group_cancel(&g);
    ck_ok(proa_tasks_walk(note, &seen));
    ck_assert_str_eq(seen.text, "main 0 running cancelled -; a 1 ready cancelled -; ");
    return 0;
}
START_TEST(who_is_cancelled_is_told)
{
    t_run_in_order(cancelled_body, NULL);
}
END_TEST

/* ---- calls */

static bool is_in(void *at, int (*fn)(void *))
{
    return _Unwind_FindEnclosingFunction((char *)at - 1) == __extension__(void *) fn;
}

static size_t find(void *const *at, int n, int (*fn)(void *))
{
    size_t i = 0;

    while (i < (size_t)n && !is_in(at[i], fn))
        i++;
    return i;
}

static T_AS_WRITTEN int deeper(void *queue)
{
    int rc = get_one(queue);

    __asm__ volatile("");
    return rc;
}

static int outer_call(void *queue)
{
    int rc = deeper(queue);

    __asm__ volatile("");
    return rc;
}

/* Looked at many times, in any mode, the task goes on as if nobody had looked. */
static int calls_body(void *arg)
{
    struct proa_queue *q = NULL;
    struct proa_task_ref ref;
    void *at[48];

    (void)arg;
    ck_ok(proa_queue_new(&q, NULL));
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, outer_call, q, NULL));
    while (proa_task_state(ref) != PROA_TASK_WAITING)
        proa_yield();
    for (int i = 0; i < 100; i++) {
        int n = proa_task_backtrace(ref, at, 48);

        ck_assert_int_ge(n, 3);
        ck_assert_uint_lt(find(at, n, outer_call), (size_t)n);
        ck_assert_uint_lt(find(at, n, outer_call), 6);
    }
    ck_assert_int_eq(proa_task_backtrace(ref, at, 1), 1);
    ck_assert_int_eq(proa_task_state(ref), PROA_TASK_WAITING);
    ck_assert_uint_eq(proa_queue_len(q), 0);
    ck_ok(proa_queue_try_put(q, &apple));
    ck_ok(proa_task_join(ref));
    ck_ok(proa_group_join(&g));
    ck_err(proa_task_backtrace(ref, at, 48), PROA_ESTALE);
    proa_queue_free(q);
    return 0;
}
START_TEST(aio_dbg_01_the_calls_of_a_waiting_task_are_listed)
{
    t_run_modes(calls_body, NULL);
}
END_TEST

static int own_calls_body(void *arg)
{
    void *at[48];
    int n = proa_task_backtrace(proa_current_task(), at, 48);

    (void)arg;
    ck_assert_int_gt(n, 0);
    ck_assert_uint_lt(find(at, n, own_calls_body), (size_t)n);
    return 0;
}
START_TEST(the_running_task_sees_its_own_calls)
{
    t_run_modes(own_calls_body, NULL);
}
END_TEST

static int look_around(void *ref)
{
    void *at[48];

    ck_assert_int_eq(proa_task_backtrace(proa_current_task(), at, 48), 0);
    return proa_task_backtrace(*(struct proa_task_ref *)ref, at, 48);
}

static int big_stack_body(void *arg)
{
    struct proa_task_ref ref;
    struct seen seen = {0};

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, sleep_long, NULL, NULL));
    yield_some();
    ck_assert_int_gt(proa_call_on_big_stack(look_around, &ref), 0);
    ck_ok(proa_tasks_walk(note, &seen));
    ck_assert_uint_eq(seen.n, 2);
    proa_group_cancel(&g);
    return 0;
}
START_TEST(from_the_big_stack_others_are_seen)
{
    t_run_in_order(big_stack_body, NULL);
}
END_TEST

struct eager {
    struct proa_task_ref creator;
    size_t found;
    int n;
};

static int creator_of(void *arg);

static int look_at_creator(void *arg)
{
    struct eager *e = arg;
    void *at[48];

    e->n = proa_task_backtrace(e->creator, at, 48);
    e->found = find(at, e->n, creator_of);
    return 0;
}

static T_AS_WRITTEN int creator_of(void *arg)
{
    struct eager *e = arg;

    e->creator = proa_current_task();
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, NULL, look_at_creator, e, PROA_TASK_OPTS(.eager = true)));
    return proa_group_join(&g);
}
static int eager_body(void *arg)
{
    struct eager e = {0};

    (void)arg;
    ck_ok(creator_of(&e));
    ck_assert_int_gt(e.n, 0);
    ck_assert_uint_lt(e.found, (size_t)e.n);
    return 0;
}
START_TEST(a_creator_that_waits_for_an_eager_task_can_be_looked_at)
{
    t_run_modes(eager_body, NULL);
}
END_TEST

/* With a stack of its own size, and one that a task has just left, neither has begun. */
static int not_begun_body(void *arg)
{
    struct proa_task_ref own, idle;
    void *at[8];

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, nothing, NULL));
    yield_some();
    ck_ok(proa_create_task_opts(&g, &own, nothing, NULL, PROA_TASK_OPTS(.stack_size = 16384)));
    ck_ok(proa_create_task_opts(&g, &idle, nothing, NULL,
                                PROA_TASK_OPTS(.stack_size = STACK_SIZE_DEFAULT)));
    ck_assert_int_eq(proa_task_backtrace(own, at, 8), 0);
    ck_assert_int_eq(proa_task_backtrace(own, at, 8), 0);
    ck_assert_int_eq(proa_task_backtrace(idle, at, 8), 0);
    ck_ok(proa_task_join(own));
    ck_ok(proa_task_join(idle));
    return proa_group_join(&g);
}
START_TEST(a_task_that_has_not_begun_is_in_no_call)
{
    t_run_in_order(not_begun_body, NULL);
}
END_TEST

/* Go down until so many bytes are left, and wait there; the waiting itself takes some. */
#ifdef PROA_SANITIZED
#define WAITING ((size_t)8 << 10)
#elif defined(PROA_CONTEXT_UCONTEXT)
#define WAITING ((size_t)3 << 10)
#else
#define WAITING ((size_t)1 << 10)
#endif
struct dive {
    size_t left;
    struct proa_queue *queue;
};

static T_AS_WRITTEN int dive(void *arg)
{
    const struct dive *d = arg;
    volatile char ballast[256];
    int rc;

    ballast[0] = 0;
    if ((size_t)((char *)__builtin_frame_address(0) - proa__task_here->coro.stack.low) <= d->left)
        rc = get_one(d->queue);
    else
        rc = dive(arg);
    return rc + ballast[0];
}

/* Right at the limit a look has all the room that it needs; a little deeper there is none. */
static int room_body(void *arg)
{
    struct dive at_limit = {.left = LOOK_ROOM + WAITING};
    struct dive below = {.left = LOOK_ROOM - 64};
    struct proa_task_ref ref[2];
    void *at[48];

    (void)arg;
    ck_ok(proa_queue_new(&at_limit.queue, NULL));
    below.queue = at_limit.queue;
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task_opts(&g, &ref[0], dive, &at_limit, NULL));
        ck_ok(proa_create_task_opts(&g, &ref[1], dive, &below, NULL));
        yield_some();
        ck_assert_int_gt(proa_task_backtrace(ref[0], at, 48), 8);
        ck_assert_int_eq(proa_task_backtrace(ref[1], at, 48), 0);
        ck_ok(proa_queue_try_put(at_limit.queue, &apple));
        ck_ok(proa_queue_try_put(at_limit.queue, &apple));
        ck_ok(proa_group_join(&g));
    }
    proa_queue_free(at_limit.queue);
    return 0;
}
START_TEST(a_task_with_little_stack_left_is_not_looked_at)
{
    t_run_in_order(room_body, NULL);
}
END_TEST

/* ---- deadlocks */

struct circles {
    int n;
    size_t length;
    struct proa_task_ref tasks[32];
};

static void note_circle(void *arg, const struct proa_task_ref *tasks, size_t n)
{
    struct circles *c = arg;

    c->n++;
    c->length = n;
    for (size_t i = 0; i < n; i++)
        c->tasks[i] = tasks[i];
}

struct two {
    struct proa_lock *mine, *other;
};

static int take_both(void *arg)
{
    struct two *two = arg;
    int rc = proa_lock_acquire(two->mine);

    if (rc == 0)
        rc = proa_yield();
    return rc < 0 ? rc : proa_lock_acquire(two->other);
}

#define RING 40

/* `n` tasks in a circle of locks, and one that waits for one of them from outside. */
static void ring_of(size_t n)
{
    struct proa_lock *locks[RING];
    struct two two[RING];
    struct circles c = {0};

    for (size_t i = 0; i < n; i++)
        ck_ok(proa_lock_new(&locks[i]));
    {
        PROA_GROUP(g);
        for (size_t i = 0; i < n; i++) {
            two[i] = (struct two){locks[i], locks[(i + 1) % n]};
            ck_ok(proa_create_task(&g, take_both, &two[i]));
        }
        ck_ok(proa_create_task(&g, take_lock, locks[0]));
        yield_some();
        ck_assert_int_eq(proa_tasks_deadlocks(note_circle, &c), 1);
        ck_assert_int_eq(c.n, 1);
        ck_assert_uint_eq(c.length, n < 32 ? n : 32);
        proa_group_cancel(&g);
        proa_group_join(&g);
        ck_assert_int_eq(proa_tasks_deadlocks(note_circle, &c), 0);
    }
    for (size_t i = 0; i < n; i++)
        proa_lock_free(locks[i]);
}

static int rings_body(void *arg)
{
    (void)arg;
    ring_of(2);
    ring_of(3);
    ring_of(32);
    ring_of(33);
    ring_of(RING);
    return 0;
}
START_TEST(aio_dbg_01_a_circle_is_reported_and_not_looped_over)
{
    t_run_in_order(rings_body, NULL);
}
END_TEST

/* The child needs what its parent holds, and the parent waits for all its children. */
static int holding_parent(void *lock)
{
    int rc = proa_lock_acquire(lock);

    PROA_GROUP(g);
    ck_ok(rc);
    ck_ok(proa_create_task(&g, sleep_long, NULL));
    ck_ok(proa_create_task_opts(&g, NULL, take_lock, lock, PROA_TASK_OPTS(.name = "child")));
    rc = proa_group_join(&g);
    proa_lock_release(lock);
    return rc;
}

static int group_circle_body(void *arg)
{
    struct proa_lock *lock;
    struct circles c = {0};

    (void)arg;
    ck_ok(proa_lock_new(&lock));
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task_opts(&g, NULL, holding_parent, lock,
                                    PROA_TASK_OPTS(.name = "parent")));
        yield_some();
        ck_assert_int_eq(proa_tasks_deadlocks(note_circle, &c), 1);
        ck_assert_uint_eq(c.length, 2);
        ck_assert_str_eq(proa_task_name(c.tasks[0]),
                         strcmp(proa_task_name(c.tasks[1]), "child") == 0 ? "parent" : "child");
    }
    proa_lock_free(lock);
    return 0;
}
START_TEST(aio_dbg_01_a_child_that_needs_its_parents_lock_is_a_circle)
{
    t_run_in_order(group_circle_body, NULL);
}
END_TEST

/* Who waits for a sleeper, or for one of two things, is not in a circle. */
static int select_both(void *arg)
{
    struct two *two = arg;
    struct proa_case cases[2] = {proa_case_never(), proa_case_timer(PROA_HOUR)};

    ck_ok(proa_lock_acquire(two->mine));
    ck_ok(proa_sleep(PROA_MS)); /* it was woken before */
    int rc = proa_select(cases, 2, NULL);
    proa_lock_release(two->mine);
    return rc < 0 ? rc : 0;
}

static int no_circle_body(void *arg)
{
    struct circles c = {0};
    struct two two = {0};

    (void)arg;
    ck_ok(proa_lock_new(&two.mine));
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, select_both, &two));
        ck_ok(proa_create_task(&g, take_lock, two.mine));
        ck_ok(proa_sleep(2 * PROA_MS));
        ck_assert_int_eq(proa_tasks_deadlocks(note_circle, &c), 0);
    }
    ck_assert_int_eq(c.n, 0);
    proa_lock_free(two.mine);
    return 0;
}
START_TEST(waiting_for_somebody_who_may_go_on_is_no_deadlock)
{
    t_run_in_order(no_circle_body, NULL);
}
END_TEST

static int ring_alloc_body(void *arg)
{
    (void)arg;
    return proa_tasks_deadlocks(note_circle, &(struct circles){0});
}
START_TEST(the_search_without_blocked_tasks_needs_no_memory)
{
    t_run_each_alloc(ring_alloc_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("inspect", (const TTest *const[]){
                                 aio_dbg_01_the_tree_tells_who_waits_in_what,
                                 aio_dbg_01_a_task_tells_object_blocker_deadline_and_stack,
                                 who_is_cancelled_is_told,
                                 aio_dbg_01_the_calls_of_a_waiting_task_are_listed,
                                 the_running_task_sees_its_own_calls,
                                 from_the_big_stack_others_are_seen,
                                 a_creator_that_waits_for_an_eager_task_can_be_looked_at,
                                 a_task_that_has_not_begun_is_in_no_call,
                                 a_task_with_little_stack_left_is_not_looked_at,
                                 aio_dbg_01_a_circle_is_reported_and_not_looped_over,
                                 aio_dbg_01_a_child_that_needs_its_parents_lock_is_a_circle,
                                 waiting_for_somebody_who_may_go_on_is_no_deadlock,
                                 the_search_without_blocked_tasks_needs_no_memory,
                                 NULL,
                             });
}
