#include "jobs.h"
#include "support/t_run.h"
#include "support/test.h"

#include <proa/context.h>
#include <proa/err.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>

#include <dirent.h>
#include <pthread.h>
#include <sched.h>

/* ---- limits */

static int three_for_two(void *arg)
{
    PROA_AUTO(proa_thread_pool) *pool = NULL;

    (void)arg;
    prepare();
    ck_ok(proa_thread_pool_new(&pool, PROA_THREAD_POOL_OPTS(.threads = 2)));
    struct bring b = {.pool = pool, .fn = hold};
    struct bring third = {.pool = pool, .fn = hold};
    PROA_GROUP(g);
    proa_create_task(&g, bring, &b);
    proa_create_task(&g, bring, &b);
    proa_yield();
    sem_wait(&begun);
    sem_wait(&begun);
    proa_create_task(&g, bring, &third);
    proa_yield();
    ck_assert_int_eq(n_held, 2);
    sem_post(&go);
    sem_wait(&begun); /* the third */
    ck_assert_int_eq(n_held, 3);
    sem_post(&go);
    sem_post(&go);
    ck_ok(proa_group_join(&g));
    return 0;
}
START_TEST(a_job_beyond_the_threads_waits)
{
    t_run_in_order(three_for_two, NULL);
}
END_TEST

static int order[8];
static atomic_int n_order;

static int note_order(void *arg)
{
    order[n_order++] = *(int *)arg;
    return 0;
}

static int in_turn(void *arg)
{
    PROA_AUTO(proa_thread_pool) *pool = NULL;
    int numbers[5];
    struct bring jobs[5];

    (void)arg;
    prepare();
    ck_ok(proa_thread_pool_new(&pool, PROA_THREAD_POOL_OPTS(.threads = 1)));
    struct bring first = {.pool = pool, .fn = hold};
    PROA_GROUP(g);
    proa_create_task(&g, bring, &first);
    proa_yield();
    for (int i = 0; i < 5; i++) {
        numbers[i] = i;
        jobs[i] = (struct bring){.pool = pool, .fn = note_order, .arg = &numbers[i]};
        proa_create_task(&g, bring, &jobs[i]);
    }
    proa_yield();
    sem_post(&go);
    ck_ok(proa_group_join(&g));
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(order[i], i);
    return 0;
}
START_TEST(waiting_jobs_run_in_the_order_in_which_they_came)
{
    t_run_in_order(in_turn, NULL);
}
END_TEST

/* One runs, two wait, the next is refused; also while the thread of the first has yet to start. */
static int full(void *arg)
{
    PROA_AUTO(proa_thread_pool) *pool = NULL;

    (void)arg;
    prepare();
    ck_ok(proa_thread_pool_new(&pool, PROA_THREAD_POOL_OPTS(.threads = 1, .queue = 2)));
    struct bring ok = {.pool = pool, .fn = hold};
    struct bring refused = {.pool = pool, .fn = hold};
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++)
        proa_create_task(&g, bring, &ok);
    proa_create_task(&g, bring, &refused);
    proa_yield();
    ck_err(refused.rc, PROA_EBUSY);
    ck_assert_int_eq(ok.rc, 1); /* under way */
    for (int i = 0; i < 3; i++)
        sem_post(&go);
    ck_ok(proa_group_join(&g));
    ck_ok(ok.rc);
    ck_assert_int_eq(n_held, 3);
    ck_ok(proa_to_thread(nothing, NULL, PROA_TO_THREAD_OPTS(.pool = pool))); /* room again */
    return 0;
}
START_TEST(a_job_beyond_the_queue_is_refused)
{
    t_run_in_order(full, NULL);
}
END_TEST

static int at_once(void *arg)
{
    PROA_AUTO(proa_thread_pool) *pool = NULL;

    (void)arg;
    prepare();
    ck_ok(proa_thread_pool_new(&pool, PROA_THREAD_POOL_OPTS(.threads = 2)));
    struct bring taken = {.pool = pool, .fn = hold, .at_once = true};
    struct bring refused = {.pool = pool, .fn = hold, .at_once = true};
    PROA_GROUP(g);
    proa_create_task(&g, bring, &taken);
    proa_create_task(&g, bring, &taken);
    proa_create_task(&g, bring, &refused);
    proa_yield();
    ck_err(refused.rc, PROA_EAGAIN);
    sem_post(&go);
    sem_post(&go);
    ck_ok(proa_group_join(&g));
    ck_ok(taken.rc);
    return 0;
}
START_TEST(at_once_a_job_does_not_wait_for_a_thread)
{
    t_run_in_order(at_once, NULL);
}
END_TEST

/* One thread is busy and no other can be started: who may wait does, who may not is told. */
static int at_once_without_memory(void *arg)
{
    PROA_AUTO(proa_thread_pool) *pool = NULL;

    (void)arg;
    prepare();
    ck_ok(proa_thread_pool_new(&pool, PROA_THREAD_POOL_OPTS(.threads = 2)));
    struct bring first = {.pool = pool, .fn = hold};
    struct bring waits = {.pool = pool, .fn = hold};
    PROA_GROUP(g);
    proa_create_task(&g, bring, &first);
    proa_yield();
    sem_wait(&begun);
    t_alloc_fail(1);
    ck_err(
        PROA_WITHIN(PROA_SEC, proa_to_thread(nothing, NULL,
                                             PROA_TO_THREAD_OPTS(.pool = pool, .at_once = true))),
        PROA_ENOMEM);
    proa_create_task(&g, bring, &waits);
    t_alloc_fail_from(1);
    proa_yield();
    t_alloc_fail(0);
    ck_assert_int_eq(waits.rc, 1);
    sem_post(&go);
    sem_post(&go);
    ck_ok(proa_group_join(&g));
    ck_ok(waits.rc);
    return 0;
}
START_TEST(at_once_a_job_does_not_wait_where_no_thread_can_be_started)
{
    t_run_in_order(at_once_without_memory, NULL);
}
END_TEST

START_TEST(limits_that_make_no_pool)
{
    struct proa_thread_pool *pool = NULL;

    ck_err(proa_thread_pool_new(&pool, PROA_THREAD_POOL_OPTS(.threads = 1025)), PROA_EINVAL);
    ck_err(proa_thread_pool_new(&pool, PROA_THREAD_POOL_OPTS(.idle = -1)), PROA_EINVAL);
    ck_assert_ptr_null(pool);
    ck_ok(proa_thread_pool_new(&pool, PROA_THREAD_POOL_OPTS(.threads = 1024, .idle = 1)));
    proa_thread_pool_free(pool);
    proa_thread_pool_free(NULL);
}
END_TEST

/* ---- threads */

static char thread_name[32];
static pthread_t ran_in;

static int look_around(void *arg)
{
    (void)arg;
    pthread_getname_np(pthread_self(), thread_name, sizeof thread_name);
    ran_in = pthread_self();
    return 0;
}

static int named(void *arg)
{
    const char *const names[][2] = {
        {"disk", "disk-1"}, {"elevenbytes+", "elevenbytes-1"}, {NULL, "pool-1"}};

    (void)arg;
    for (size_t i = 0; i < 3; i++) {
        PROA_AUTO(proa_thread_pool) *pool = NULL;

        ck_ok(proa_thread_pool_new(&pool, PROA_THREAD_POOL_OPTS(.name = names[i][0])));
        ck_ok(proa_to_thread(look_around, NULL, PROA_TO_THREAD_OPTS(.pool = pool)));
        ck_assert_str_eq(thread_name, names[i][1]);
    }
    ck_ok(proa_to_thread(look_around, NULL, NULL));
    ck_assert_str_eq(thread_name, "proa-1");
    return 0;
}
START_TEST(threads_have_their_pools_name)
{
    t_run(named, NULL);
}
END_TEST

static int n_threads(void)
{
    DIR *dir = opendir("/proc/self/task");
    int n = -2; /* . and .. */

    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* A thread that waits for work takes the next job; one that may not wait is gone. */
static int idle(void *arg)
{
    int before;
    PROA_AUTO(proa_thread_pool) *keeps = NULL;
    PROA_AUTO(proa_thread_pool) *ends = NULL;

    (void)arg;
    ck_ok(proa_thread_pool_new(&keeps, PROA_THREAD_POOL_OPTS(.threads = 1)));
    ck_ok(proa_thread_pool_new(&ends, PROA_THREAD_POOL_OPTS(.threads = 1, .idle = 1)));
    ck_ok(proa_to_thread(look_around, NULL, PROA_TO_THREAD_OPTS(.pool = keeps)));
    pthread_t first = ran_in;
    before = n_threads();
    for (int i = 0; i < 3; i++) {
        ck_ok(proa_to_thread(look_around, NULL, PROA_TO_THREAD_OPTS(.pool = ends)));
        while (n_threads() > before)
            sched_yield();
    }
    ck_assert_str_eq(thread_name, "pool-3");
    ck_ok(proa_to_thread(look_around, NULL, PROA_TO_THREAD_OPTS(.pool = keeps)));
    ck_assert(pthread_equal(ran_in, first));
    return 0;
}
START_TEST(idle_threads_stay_or_end)
{
    t_run(idle, NULL);
}
END_TEST

/* A time that ends after the end of time is for ever. */
static int idle_for_ages(void *arg)
{
    PROA_AUTO(proa_thread_pool) *pool = NULL;

    (void)arg;
    ck_ok(
        proa_thread_pool_new(&pool, PROA_THREAD_POOL_OPTS(.threads = 1, .idle = PROA_FOREVER - 1)));
    for (int i = 0; i < 50; i++) {
        ck_ok(proa_to_thread(look_around, NULL, PROA_TO_THREAD_OPTS(.pool = pool)));
        ck_assert_str_eq(thread_name, "pool-1");
        sched_yield(); /* it begins to wait for the next */
    }
    return 0;
}
START_TEST(the_longest_idle_time_is_no_short_one)
{
    t_run(idle_for_ages, NULL);
}
END_TEST

enum { LOOPS = 3, JOBS = 20 };
static atomic_int n_at_once, n_most, n_done;

static int count_most(void *arg)
{
    int now = ++n_at_once;
    int most = n_most;

    while (now > most && !atomic_compare_exchange_weak(&n_most, &most, now))
        ;
    sched_yield();
    n_at_once--;
    n_done++;
    return *(int *)arg;
}

static int bring_many(void *pool)
{
    struct bring jobs[JOBS];
    int numbers[JOBS];
    PROA_GROUP(g);

    for (int i = 0; i < JOBS; i++) {
        numbers[i] = i;
        jobs[i] = (struct bring){.pool = pool, .fn = count_most, .arg = &numbers[i]};
        proa_create_task(&g, bring, &jobs[i]);
    }
    ck_ok(proa_group_join(&g));
    for (int i = 0; i < JOBS; i++)
        ck_assert_int_eq(jobs[i].rc, i);
    return 0;
}

static void *run_loop(void *pool)
{
    ck_ok(proa_run(bring_many, pool, NULL));
    return NULL;
}
START_TEST(loops_of_several_threads_share_a_pool)
{
    PROA_AUTO(proa_thread_pool) *pool = NULL;
    pthread_t threads[LOOPS];

    ck_ok(proa_thread_pool_new(&pool, PROA_THREAD_POOL_OPTS(.threads = 2, .idle = 1)));
    for (int i = 0; i < LOOPS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_loop, pool), 0);
    for (int i = 0; i < LOOPS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(n_done, LOOPS * JOBS);
    ck_assert_int_le(n_most, 2);
}
END_TEST

/* ---- the values of the task */

static const struct proa_context_key user = {"user", NULL};
static const void *seen;

static int look_for_user(void *arg)
{
    (void)arg;
    seen = proa_context_get(&user);
    return 0;
}

static int look_late(void *arg)
{
    hold(NULL);
    return look_for_user(arg);
}

static int values(void *arg)
{
    static char ann[] = "ann";
    static char bob[] = "bob";

    (void)arg;
    ck_ok(proa_to_thread(look_for_user, NULL, NULL));
    ck_assert_ptr_null(seen);
    ck_ok(proa_context_set(&user, ann));
    ck_ok(proa_to_thread(look_for_user, NULL, NULL));
    ck_assert_ptr_eq(seen, ann);
    ck_ok(proa_to_thread(look_for_user, NULL, PROA_TO_THREAD_OPTS(.abandon = true)));
    ck_assert_ptr_null(seen);
    ck_ok(proa_context_set(&user, bob));
    ck_ok(proa_to_thread(look_for_user, NULL, NULL));
    ck_assert_ptr_eq(seen, bob);
    return 0;
}
START_TEST(a_job_finds_the_values_of_its_task)
{
    t_run(values, NULL);
}
END_TEST

static int bring_late(void *arg)
{
    (void)arg;
    return proa_to_thread(look_late, NULL, NULL);
}

/* The context is shared, and another task sets the value while the job runs. */
static int snapshot(void *arg)
{
    static char ann[] = "ann";
    static char bob[] = "bob";
    PROA_AUTO(proa_context) *context = NULL;

    (void)arg;
    prepare();
    ck_ok(proa_context_set(&user, ann));
    ck_ok(proa_context_new(&context));
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, NULL, bring_late, NULL, PROA_TASK_OPTS(.context = context)));
    proa_yield();
    sem_wait(&begun);
    ck_ok(proa_context_set(&user, bob));
    sem_post(&go);
    ck_ok(proa_group_join(&g));
    ck_assert_ptr_eq(seen, ann);
    return 0;
}
START_TEST(a_job_keeps_the_values_of_its_beginning)
{
    t_run_in_order(snapshot, NULL);
}
END_TEST

int main(void)
{
    return t_main(
        "thread_pool",
        (const TTest *const[]){
            a_job_beyond_the_threads_waits, waiting_jobs_run_in_the_order_in_which_they_came,
            a_job_beyond_the_queue_is_refused, at_once_a_job_does_not_wait_for_a_thread,
            at_once_a_job_does_not_wait_where_no_thread_can_be_started, limits_that_make_no_pool,
            the_longest_idle_time_is_no_short_one, threads_have_their_pools_name,
            idle_threads_stay_or_end, loops_of_several_threads_share_a_pool,
            a_job_finds_the_values_of_its_task, a_job_keeps_the_values_of_its_beginning, NULL});
}
