#include "core/counters.h"
#include "core/main.h"
#include "support/test.h"

#include <proa/counters.h>
#include <proa/err.h>
#include <proa/run.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/thread.h>
#include <proa/time.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- one process */

START_TEST(a_name_is_one_counter)
{
    int a = proa_counter_register("boats");
    int b = proa_counter_register("Boats_2");

    ck_assert_int_ge(a, 0);
    ck_assert_int_ge(b, 0);
    ck_assert_int_ne(a, b);
    ck_assert_int_eq(proa_counter_register("boats"), a);
    proa_counter_add(a, 3);
    proa_counter_add(a, 4);
    proa_counter_add(b, 1);
    ck_assert_int_eq(proa_counter_read(a), 7);
    ck_assert_int_eq(proa_counter_read(b), 1);
}
END_TEST

START_TEST(a_gauge_falls_too)
{
    int g = proa_gauge_register("open");

    proa_counter_add(g, 3);
    proa_counter_add(g, -2);
    ck_assert_int_eq(proa_counter_read(g), 1);
    proa_counter_add(g, -1);
    ck_assert_int_eq(proa_counter_read(g), 0);
}
END_TEST

START_TEST(a_name_is_a_counter_or_a_gauge)
{
    ck_assert_int_ge(proa_counter_register("c"), 0);
    ck_assert_int_ge(proa_gauge_register("g"), 0);
    ck_err(proa_gauge_register("c"), PROA_EINVAL);
    ck_assert_str_eq(proa_err_detail(PROA_EINVAL), "c is a counter already");
    ck_err(proa_counter_register("g"), PROA_EINVAL);
    ck_assert_str_eq(proa_err_detail(PROA_EINVAL), "g is a gauge already");
}
END_TEST

START_TEST(what_is_no_name_is_refused)
{
    static const char *const bad[] = {"", "a b", "a-b", "a.b", "a\n", "\xc3\xa9", "{}"};
    char name[PROA_COUNTER_NAME_MAX + 2];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_err(proa_counter_register(bad[i]), PROA_EINVAL);
    ck_err(proa_counter_register(NULL), PROA_EINVAL);
    memset(name, 'n', sizeof name);
    name[PROA_COUNTER_NAME_MAX + 1] = '\0';
    ck_err(proa_counter_register(name), PROA_EINVAL);
    name[PROA_COUNTER_NAME_MAX] = '\0';
    ck_assert_int_ge(proa_counter_register(name), 0);
    ck_assert_uint_eq(proa_counters_read(NULL, 0), 1);
}
END_TEST

START_TEST(there_is_room_for_so_many)
{
    static struct proa_counter_value values[PROA_COUNTERS_MAX];
    char name[16];

    for (int i = 0; i < PROA_COUNTERS_MAX; i++) {
        snprintf(name, sizeof name, "n%d", i);
        ck_assert_int_eq(proa_counter_register(name), i);
        proa_counter_add(i, i);
    }
    ck_err(proa_counter_register("one_more"), PROA_ENOSPC);
    ck_assert_int_eq(proa_counter_register("n127"), 127);
    ck_assert_uint_eq(proa_counters_read(values, PROA_COUNTERS_MAX), PROA_COUNTERS_MAX);
    for (int i = 0; i < PROA_COUNTERS_MAX; i++) {
        snprintf(name, sizeof name, "n%d", i);
        ck_assert_str_eq(values[i].name, name);
        ck_assert_int_eq(values[i].value, i);
        ck_assert(!values[i].gauge);
    }
}
END_TEST

START_TEST(a_failed_registration_counts_nothing)
{
    int c = proa_counter_register("c");

    proa_counter_add(PROA_ENOSPC, 1);
    proa_counter_add(-1, 1);
    proa_counter_add(PROA_COUNTERS_MAX, 1);
    ck_assert_int_eq(proa_counter_read(PROA_ENOSPC), 0);
    ck_assert_int_eq(proa_counter_read(PROA_COUNTERS_MAX), 0);
    ck_assert_int_eq(proa_counter_read(c), 0);
}
END_TEST

START_TEST(all_are_read_at_once)
{
    struct proa_counter_value values[2] = {{.name = "untouched"}, {.name = "untouched"}};

    ck_assert_uint_eq(proa_counters_read(values, 2), 0);
    proa_counter_add(proa_counter_register("c"), 5);
    proa_counter_add(proa_gauge_register("g"), -1);
    ck_assert_uint_eq(proa_counters_read(values, 1), 2);
    ck_assert_str_eq(values[1].name, "untouched");
    ck_assert_uint_eq(proa_counters_read(values, 2), 2);
    ck_assert_str_eq(values[0].name, "c");
    ck_assert(!values[0].gauge);
    ck_assert_int_eq(values[0].value, 5);
    ck_assert_str_eq(values[1].name, "g");
    ck_assert(values[1].gauge);
    ck_assert_int_eq(values[1].value, -1);
}
END_TEST

/* Whoever had the lock is dead; what it had begun is not there. */
START_TEST(a_process_that_dies_while_it_makes_a_name_stops_nobody)
{
    struct counters *c = proa__counters();
    int before = proa_counter_register("before");
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        pthread_mutex_lock(&c->lock);
        strcpy(c->rows[1].name, "half");
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(proa_counter_register("before"), before);
        ck_assert_int_eq(proa_counter_register("after"), before + 1);
    }
    ck_assert_uint_eq(proa_counters_read(NULL, 0), 2);
    ck_assert_int_eq(pthread_mutex_trylock(&c->lock), 0); /* it is a lock again */
}
END_TEST

/* ---- threads and workers: what they see in common */

struct shared {
    int arrived;
    int runs;
    int pids[8];
    int64_t sums[16];
    unsigned columns[16];
    int let_go;
    int cancelled;
};
static struct shared *shared;
static int counter = -1; /* made before the workers, if at all */

static int add(int *n)
{
    return __atomic_add_fetch(n, 1, __ATOMIC_SEQ_CST);
}

static int load(const int *n)
{
    return __atomic_load_n(n, __ATOMIC_SEQ_CST);
}

static void wait_for(const int *n, int value)
{
    for (int i = 0; i < 10000 && load(n) < value; i++)
        usleep(2000);
    ck_assert_int_ge(load(n), value);
}

static pid_t start(proa_task_fn *fn, void *arg, const struct proa_main_opts *opts)
{
    pid_t pid;

    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGTERM, SIG_DFL); /* Check's would end the test */
        _exit(proa_main(fn, arg, opts));
    }
    return pid;
}

static int status_of(pid_t pid)
{
    int status;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* Which column this thread adds to. */
static unsigned my_column(int mark)
{
    struct counters *c = proa__counters();
    unsigned n = atomic_load(&c->n_columns);
    int64_t before[64];

    for (unsigned i = 0; i < n; i++)
        before[i] = c->columns[i].n[mark];
    proa_counter_add(mark, 1);
    for (unsigned i = 0; i < n; i++)
        if (c->columns[i].n[mark] != before[i])
            return i;
    return 1000;
}

/* All `*arg` of them count, wait for each other, and read the same. */
static int count_and_read(void *arg)
{
    int n = *(int *)arg;
    int me = add(&shared->arrived) - 1;
    int late = proa_counter_register("made_in_a_worker");
    char name[32];

    snprintf(name, sizeof name, "of_%d_alone", me);
    int own = proa_counter_register(name);
    for (int i = 0; i < 10000; i++) {
        proa_counter_add(counter, 1);
        proa_counter_add(late, me);
        proa_counter_add(own, 2);
    }
    add(&shared->runs);
    while (load(&shared->runs) < n)
        proa_sleep(PROA_MS);
    shared->sums[2 * me] = proa_counter_read(counter);
    shared->sums[2 * me + 1] = proa_counter_read(late);
    add(&shared->runs); /* a status ends the others */
    while (load(&shared->runs) < 2 * n)
        proa_sleep(PROA_MS);
    return proa_counter_read(own) == 20000 ? 0 : 1;
}

static void check_sums(int workers, int threads)
{
    int n = threads ? workers * threads : workers;

    pid_t pid = start(count_and_read, &n,
                      PROA_MAIN_OPTS(.workers = (unsigned)workers, .threads = (unsigned)threads));
    ck_assert_int_eq(status_of(pid), 0);
    for (int i = 0; i < n; i++) {
        ck_assert_int_eq(shared->sums[2 * i], 1 + 10000 * n);
        ck_assert_int_eq(shared->sums[2 * i + 1], 10000 * (n * (n - 1) / 2));
    }
}

START_TEST(any_of_three_workers_reads_the_sum_of_all)
{
    counter = proa_counter_register("made_before");
    proa_counter_add(counter, 1);
    check_sums(3, 0);
    ck_assert_int_eq(proa_counter_read(counter), 30001);
}
END_TEST

START_TEST(a_counter_first_made_in_a_worker_is_in_all)
{
    int n = 3;

    ck_assert_int_eq(status_of(start(count_and_read, &n, PROA_MAIN_OPTS(.workers = 3))), 0);
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(shared->sums[2 * i + 1], 30000);
}
END_TEST

START_TEST(threads_of_one_process_are_summed)
{
    counter = proa_counter_register("made_before");
    proa_counter_add(counter, 1);
    check_sums(1, 3);
}
END_TEST

START_TEST(threads_of_workers_are_summed)
{
    counter = proa_counter_register("made_before");
    proa_counter_add(counter, 1);
    check_sums(2, 2);
}
END_TEST

static int only_threads(void *arg)
{
    int me = add(&shared->arrived) - 1;

    (void)arg;
    while (load(&shared->runs) < me) /* one after another: the marks must not mix */
        proa_sleep(PROA_MS);
    shared->columns[me] = my_column(counter);
    add(&shared->runs);
    while (load(&shared->runs) < 3)
        proa_sleep(PROA_MS);
    return 0;
}

START_TEST(each_thread_has_its_own_column)
{
    counter = proa_counter_register("mark");
    ck_assert_int_eq(status_of(start(only_threads, NULL, PROA_MAIN_OPTS(.threads = 3))), 0);
    bool seen[64] = {false};
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_ge(shared->columns[i], 1);
        ck_assert_uint_le(shared->columns[i], 3);
        ck_assert(!seen[shared->columns[i]]);
        seen[shared->columns[i]] = true;
    }
}
END_TEST

static int count_in_helper(void *arg)
{
    proa_counter_add(*(int *)arg, 4);
    return my_column(*(int *)arg) == 0; /* not nobody's: with the worker its gauges would go */
}

static int use_helper(void *arg)
{
    proa_counter_add(*(int *)arg, 1);
    return proa_to_thread(count_in_helper, arg, NULL);
}

START_TEST(helper_threads_count_too)
{
    counter = proa_counter_register("by_helpers");
    ck_assert_int_eq(status_of(start(use_helper, &counter, PROA_MAIN_OPTS(.workers = 2))), 0);
    ck_assert_int_eq(proa_counter_read(counter), 12);
}
END_TEST

/* ---- the end of a worker */

static int gauge;

/* Three count; one is killed; its successor reads, and so do the others. */
static int count_and_live(void *arg)
{
    int me = add(&shared->arrived) - 1;

    (void)arg;
    proa_counter_add(counter, 100);
    proa_counter_add(gauge, 10);
    shared->columns[me] = my_column(*(int *)arg);
    shared->pids[me] = getpid();
    add(&shared->runs);
    while (!load(&shared->let_go))
        proa_sleep(PROA_MS);
    shared->sums[2 * me] = proa_counter_read(counter);
    shared->sums[2 * me + 1] = proa_counter_read(gauge);
    proa_counter_add(gauge, -10);
    add(&shared->let_go);
    while (load(&shared->let_go) < 1 + 3)
        proa_sleep(PROA_MS);
    return 0;
}

START_TEST(what_a_killed_worker_counted_stays_and_its_gauges_go)
{
    int mark = proa_counter_register("mark");

    counter = proa_counter_register("counter");
    gauge = proa_gauge_register("gauge");
    pid_t pid = start(count_and_live, &mark, PROA_MAIN_OPTS(.workers = 3));
    wait_for(&shared->runs, 3);
    ck_assert_int_eq(proa_counter_read(counter), 300);
    ck_assert_int_eq(proa_counter_read(gauge), 30);

    kill(shared->pids[1], SIGKILL);
    wait_for(&shared->runs, 4); /* its successor */
    ck_assert_uint_eq(shared->columns[3], shared->columns[1]);
    ck_assert_int_eq(proa_counter_read(counter), 400);
    ck_assert_int_eq(proa_counter_read(gauge), 30);
    add(&shared->let_go);
    ck_assert_int_eq(status_of(pid), 0);
    for (int i = 0; i < 4; i++)
        if (i != 1) /* who reads later misses what others have taken back */
            ck_assert_int_eq(shared->sums[2 * i], 400);
    ck_assert_int_eq(proa_counter_read(counter), 400);
    ck_assert_int_eq(proa_counter_read(gauge), 0);
}
END_TEST

/* A replaced worker that still drains has its column to itself. */
static int replaced(void *arg)
{
    int me = add(&shared->arrived) - 1;

    shared->columns[me] = my_column(*(int *)arg);
    proa_counter_add(gauge, 1);
    proa__main_accepts();
    add(&shared->runs);
    proa_sleep(PROA_HOUR);
    add(&shared->cancelled);
    PROA_SHIELD(shield, PROA_MIN);
    while (me == 0 && !load(&shared->let_go)) /* the first one drains for long */
        proa_sleep(PROA_MS);
    proa_counter_add(counter, 1);
    return 0; /* and leaves its gauge as it is */
}

START_TEST(a_draining_worker_and_its_successor_have_columns_of_their_own)
{
    int mark = proa_counter_register("mark");

    counter = proa_counter_register("ended");
    gauge = proa_gauge_register("gauge");
    pid_t pid = start(replaced, &mark, PROA_MAIN_OPTS(.workers = 1));
    for (int i = 1; i <= 3; i++) {
        wait_for(&shared->runs, i);
        wait_for(&shared->cancelled, i - 1); /* its predecessor was told to drain */
        if (i < 3)
            kill(pid, SIGHUP);
        if (i == 3)
            while (proa_counter_read(counter) < 1) /* the second one has ended */
                usleep(2000);
    }
    ck_assert_uint_eq(shared->columns[0], 1);
    ck_assert_uint_eq(shared->columns[1], 2);
    ck_assert_uint_ne(shared->columns[2], 1);
    for (int i = 0; i < 10000 && proa_counter_read(gauge) != 2; i++)
        usleep(2000); /* until the parent has seen its end */
    ck_assert_int_eq(proa_counter_read(gauge), 2);
    add(&shared->let_go);
    for (int i = 0; i < 10000 && proa_counter_read(counter) < 2; i++)
        usleep(2000); /* a second signal would end the first one at once */
    kill(pid, SIGTERM);
    status_of(pid);
    ck_assert_int_eq(proa_counter_read(counter), 3);
    ck_assert_int_eq(proa_counter_read(gauge), 0);
}
END_TEST

START_TEST(beyond_the_last_column_all_share_the_first)
{
    struct counters *c = proa__counters();

    counter = proa_counter_register("c");
    gauge = proa_gauge_register("g");
    proa__counters_process(COUNTER_COLUMNS - 1);
    proa__counters_thread(0);
    proa_counter_add(counter, 1);
    proa_counter_add(gauge, 1);
    ck_assert_int_eq(c->columns[COUNTER_COLUMNS - 1].n[counter], 1);
    proa__counters_thread(1);
    proa_counter_add(counter, 2);
    proa_counter_add(gauge, 2);
    ck_assert_int_eq(c->columns[0].n[counter], 2);
    proa__counters_process(0);
    proa__counters_thread(5);
    proa_counter_add(counter, 4);
    ck_assert_int_eq(c->columns[0].n[counter], 6);
    ck_assert_int_eq(proa_counter_read(counter), 7);
    proa__counters_ended(0, 1); /* nobody's: it stays */
    ck_assert_int_eq(proa_counter_read(gauge), 3);
    proa__counters_ended(COUNTER_COLUMNS - 1, 1);
    ck_assert_int_eq(proa_counter_read(gauge), 2);
    ck_assert_int_eq(proa_counter_read(counter), 7);
}
END_TEST

int main(void)
{
    return t_main("counters", (const TTest *const[]){
                                  a_name_is_one_counter,
                                  a_gauge_falls_too,
                                  a_name_is_a_counter_or_a_gauge,
                                  what_is_no_name_is_refused,
                                  there_is_room_for_so_many,
                                  a_failed_registration_counts_nothing,
                                  all_are_read_at_once,
                                  a_process_that_dies_while_it_makes_a_name_stops_nobody,
                                  any_of_three_workers_reads_the_sum_of_all,
                                  a_counter_first_made_in_a_worker_is_in_all,
                                  threads_of_one_process_are_summed,
                                  threads_of_workers_are_summed,
                                  each_thread_has_its_own_column,
                                  helper_threads_count_too,
                                  what_a_killed_worker_counted_stays_and_its_gauges_go,
                                  a_draining_worker_and_its_successor_have_columns_of_their_own,
                                  beyond_the_last_column_all_share_the_first,
                                  NULL,
                              });
}
