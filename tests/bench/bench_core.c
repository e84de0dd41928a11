/*
 * bench_core: what tasks cost, one JSON line a fact.
 *
 *     bench_core                         all lines but sleeping_task
 *     bench_core N NAME                  the lines whose names begin so
 *     bench_core 1000000 sleeping_task   memory of so many tasks, in a process that has done
 * nothing else: what it has would be used again
 *
 * Each time is the median of several runs, with its quartiles, in nanoseconds of processor time an
 * operation: nothing here waits, and on a machine with other work the wall clock would measure
 * that. The program uses what a user has: the public headers and the library.
 */

#include "bench.h"

#include <proa/err.h>
#include <proa/group.h>
#include <proa/queue.h>
#include <proa/run.h>
#include <proa/scope.h>
#include <proa/select.h>
#include <proa/sync.h>
#include <proa/task.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RUNS 15
#define BATCH 512 /* tasks that exist at once where spawning is measured */

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* Tasks without a reference, joined through their group. */
static int spawn_join(long n)
{
    for (long done = 0; done < n; done += BATCH) {
        PROA_GROUP(g);
        for (int i = 0; i < BATCH; i++)
            proa_create_task(&g, nothing, NULL);
        int rc = proa_group_join(&g);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* One at a time, each with a reference that is joined. */
static int spawn_join_ref(long n)
{
    int rc = 0;

    for (long done = 0; done < n && rc == 0; done += BATCH) {
        PROA_GROUP(g);
        for (int i = 0; i < BATCH && rc == 0; i++) {
            struct proa_task_ref ref;

            rc = proa_create_task_opts(&g, &ref, nothing, NULL, NULL);
            if (rc == 0)
                rc = proa_task_join(ref);
        }
    }
    return rc;
}

static int yielder(void *arg)
{
    const long *n = arg;
    int rc = 0;

    for (long i = 0; i < *n && rc == 0; i++)
        rc = proa_yield();
    return rc;
}

#ifdef __x86_64__
/*
 * The least that a switch between two stacks in C can cost: the registers that a function keeps,
 * and nothing else: no scheduler, no cancellation, no signal mask. What coroutine libraries do.
 */
__attribute__((naked, noinline)) static void hop(__attribute__((unused)) void **from,
                                                 __attribute__((unused)) void *to)
{
    __asm__("push %rbp\n\tpush %rbx\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\t"
            "mov %rsp, (%rdi)\n\tmov %rsi, %rsp\n\t"
            "pop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop %rbx\n\tpop %rbp\n\tret");
}

static void *here, *there;

static void hop_back(void)
{
    for (;;)
        hop(&there, here);
}

static int switch_floor(long n)
{
    static _Alignas(64) void *stack[1024];
    void (*entry)(void) = hop_back;

    memcpy(&stack[1022], &entry, sizeof entry); /* where the first hop returns to */
    there = &stack[1016];
    for (long i = 0; i < n; i += 2)
        hop(&here, there);
    return 0;
}
#endif

static int yield_among(long n, long tasks)
{
    long each = n / tasks;
    PROA_GROUP(g);

    for (long i = 0; i < tasks; i++)
        proa_create_task(&g, yielder, &each);
    return proa_group_join(&g);
}

static int switch_2(long n)
{
    return yield_among(n, 2);
}

static int switch_1000(long n)
{
    return yield_among(n, 1000);
}

struct pipe {
    struct proa_queue *queue;
    long n;
    struct proa_channel *channel;
    struct proa_channel *idle; /* beside it, and never used */
    struct proa_event *event;
};

static int feed(void *arg)
{
    struct pipe *pipe = arg;
    int rc = 0;

    for (long i = 0; i < pipe->n && rc == 0; i++)
        rc = proa_queue_put(pipe->queue, pipe);
    return rc;
}

static int drain(void *arg)
{
    struct pipe *pipe = arg;
    void *item;
    int rc = 0;

    for (long i = 0; i < pipe->n && rc == 0; i++)
        rc = proa_queue_get(pipe->queue, &item);
    return rc;
}

static int queue_hop(long n)
{
    PROA_AUTO(proa_queue) *queue = NULL;
    int rc = proa_queue_new(&queue, PROA_QUEUE_OPTS(.limit = 1));
    struct pipe pipe = {.queue = queue, .n = n};

    if (rc < 0)
        return rc;
    PROA_GROUP(g);
    proa_create_task(&g, feed, &pipe);
    proa_create_task(&g, drain, &pipe);
    return proa_group_join(&g);
}

static int feed_channel(void *arg)
{
    const struct pipe *pipe = arg;
    int rc = 0;

    for (long i = 0; i < pipe->n && rc == 0; i++)
        rc = proa_channel_send(pipe->channel, &i);
    return rc;
}

static int drain_channel(void *arg)
{
    const struct pipe *pipe = arg;
    long value;
    int rc = 0;

    for (long i = 0; i < pipe->n && rc == 0; i++)
        rc = proa_channel_receive(pipe->channel, &value);
    return rc;
}

/* One channel and an event beside it that is never set. */
static int drain_by_select(void *arg)
{
    const struct pipe *pipe = arg;
    long value;
    struct proa_case cases[] = {
        proa_case_receive(pipe->channel, &value),
        proa_case_event(pipe->event),
        proa_case_receive(pipe->idle, &value),
    };
    int rc = 0;

    for (long i = 0; i < pipe->n && rc == 0; i++)
        rc = PROA_SELECT(cases);
    return rc;
}

static int channel_hops(long n, size_t capacity, proa_task_fn *drain_fn)
{
    PROA_AUTO(proa_channel) *channel = NULL;
    PROA_AUTO(proa_channel) *idle = NULL;
    PROA_AUTO(proa_event) *event = NULL;
    int rc = proa_channel_new(&channel, sizeof(long), PROA_CHANNEL_OPTS(.capacity = capacity));

    if (rc == 0)
        rc = proa_channel_new(&idle, sizeof(long), NULL);
    if (rc == 0)
        rc = proa_event_new(&event);
    if (rc < 0)
        return rc;
    struct pipe pipe = {.channel = channel, .idle = idle, .event = event, .n = n};
    PROA_GROUP(g);
    proa_create_task(&g, feed_channel, &pipe);
    proa_create_task(&g, drain_fn, &pipe);
    return proa_group_join(&g);
}

static int channel_meet(long n)
{
    return channel_hops(n, 0, drain_channel);
}

static int channel_hop(long n)
{
    return channel_hops(n, 1, drain_channel);
}

static int select_3(long n)
{
    return channel_hops(n, 1, drain_by_select);
}

static int timeout_open_close(long n)
{
    for (long i = 0; i < n; i++) {
        PROA_TIMEOUT(t, 30 * PROA_SEC);
    }
    return 0;
}

static int semaphore_take_give(long n)
{
    PROA_AUTO(proa_semaphore) *semaphore = NULL;
    int rc = proa_semaphore_new(&semaphore, 1, NULL);

    for (long i = 0; i < n && rc == 0; i++) {
        rc = proa_semaphore_acquire(semaphore);
        if (rc == 0)
            rc = proa_semaphore_release(semaphore);
    }
    return rc;
}

static int lock_unlock(long n)
{
    PROA_AUTO(proa_lock) *lock = NULL;
    int rc = proa_lock_new(&lock);

    for (long i = 0; i < n && rc == 0; i++) {
        rc = proa_lock_acquire(lock);
        if (rc == 0)
            proa_lock_release(lock);
    }
    return rc;
}

struct turns {
    struct proa_lock *lock;
    long n;
};

static int take_turns(void *arg)
{
    struct turns *turns = arg;
    int rc = 0;

    for (long i = 0; i < turns->n && rc == 0; i++) {
        rc = proa_lock_acquire(turns->lock);
        if (rc < 0)
            break;
        rc = proa_yield(); /* the other one comes, and waits */
        proa_lock_release(turns->lock);
    }
    return rc;
}

static int lock_contended(long n)
{
    PROA_AUTO(proa_lock) *lock = NULL;
    int rc = proa_lock_new(&lock);
    struct turns turns = {lock, n / 2};

    if (rc < 0)
        return rc;
    PROA_GROUP(g);
    proa_create_task(&g, take_turns, &turns);
    proa_create_task(&g, take_turns, &turns);
    return proa_group_join(&g);
}

static int by_address(const void *a, const void *b)
{
    return (a > b) - (a < b);
}

/* Put and get with a thousand items there. */
static int queue_priority(long n)
{
    static const char items[4096];
    PROA_AUTO(proa_queue) *queue = NULL;
    int rc = proa_queue_new(&queue,
                            PROA_QUEUE_OPTS(.order = PROA_QUEUE_PRIORITY, .compare = by_address));
    unsigned at = 0;
    void *item;

    for (long i = -1000; i < n && rc == 0; i++) {
        at = at * 1664525 + 1013904223;
        rc = proa_queue_put(queue, (void *)&items[at >> 20]);
        if (rc == 0 && i >= 0)
            rc = proa_queue_get(queue, &item);
    }
    return rc;
}

static double cpu_ns(const struct bench *bench)
{
    struct timespec t;

    clock_gettime(bench->threads ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static const char *only = "";

bool bench_is_wanted(const char *name)
{
    return strncmp(name, only, strlen(only)) == 0;
}

int bench_measure_first(const struct bench *bench)
{
    double began = cpu_ns(bench);
    int rc;

    if (!bench_is_wanted(bench->name))
        return 0;
    rc = bench->run(bench->n);
    printf("{\"bench\":\"core\",\"name\":\"%s_first\",\"unit\":\"cpu ns\",\"median\":%.1f,"
           "\"runs\":1}\n",
           bench->name, (cpu_ns(bench) - began) / (double)bench->n);
    fflush(stdout);
    return rc;
}

int bench_measure(const struct bench *bench)
{
    double ns[RUNS];

    if (!bench_is_wanted(bench->name))
        return 0;
    for (int i = -1; i < RUNS; i++) { /* the first one warms up */
        double began = cpu_ns(bench);
        int rc = bench->run(bench->n);

        if (rc < 0)
            return rc;
        if (i >= 0)
            ns[i] = (cpu_ns(bench) - began) / (double)bench->n;
    }
    qsort(ns, RUNS, sizeof ns[0], by_size);
    printf("{\"bench\":\"core\",\"name\":\"%s\",\"unit\":\"cpu ns\",\"median\":%.1f,\"q1\":%.1f,"
           "\"q3\":%.1f,\"runs\":%d}\n",
           bench->name, ns[RUNS / 2], ns[RUNS / 4], ns[RUNS * 3 / 4], RUNS);
    fflush(stdout);
    return 0;
}

/* A line of a /proc file, in bytes; -1 if it has none. */
static long proc_bytes(const char *path, const char *key)
{
    FILE *f = fopen(path, "re");
    char line[128];
    long kb = -1;

    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0)
            kb = strtol(line + strlen(key), NULL, 10);
    if (f)
        fclose(f);
    return kb < 0 ? -1 : kb * 1024;
}

static int sleep_long(void *arg)
{
    return arg ? proa_sleep(PROA_HOUR) : 0;
}

static int sleepers(long n)
{
    long pss = proc_bytes("/proc/self/smaps_rollup", "Pss:");
    long tables = proc_bytes("/proc/self/status", "VmPTE:");
    int64_t began = proa_now();
    PROA_GROUP(g);
    int rc = 0;

    for (long i = 0; i < n && rc == 0; i++) {
        rc = proa_create_task(&g, sleep_long, &g);
        if (i % BATCH == 0)
            proa_yield();
    }
    if (rc < 0)
        return rc;
    proa_sleep(PROA_MS); /* all sleep now */
    int64_t took = proa_now() - began;
    pss = proc_bytes("/proc/self/smaps_rollup", "Pss:") - pss;
    tables = proc_bytes("/proc/self/status", "VmPTE:") - tables;
    printf("{\"bench\":\"core\",\"name\":\"sleeping_task\",\"unit\":\"bytes\",\"tasks\":%ld,"
           "\"bytes\":%.0f,\"page_table_bytes\":%.0f,\"ns_to_start\":%.0f}\n",
           n, (double)pss / (double)n, (double)tables / (double)n, (double)took / (double)n);
    proa_group_cancel(&g);
    return proa_group_join(&g);
}

static const struct bench benches[] = {
    {"spawn_join", spawn_join, 1 << 18, false},
    {"spawn_join_ref", spawn_join_ref, 1 << 18, false},
    {"switch_2_tasks", switch_2, 1 << 20, false},
    {"switch_1000_tasks", switch_1000, 1 << 20, false},
#ifdef __x86_64__
    {"switch_floor", switch_floor, 1 << 20, false},
#endif
    {"queue_hop", queue_hop, 1 << 19, false},
    {"timeout_open_close", timeout_open_close, 1 << 19, false},
    {"channel_meet", channel_meet, 1 << 19, false},
    {"channel_hop", channel_hop, 1 << 19, false},
    {"select_3", select_3, 1 << 19, false},
    {"lock_unlock", lock_unlock, 1 << 22, false},
    {"lock_contended", lock_contended, 1 << 19, false},
    {"semaphore_take_give", semaphore_take_give, 1 << 22, false},
    {"queue_priority_1000", queue_priority, 1 << 18, false},
};

static int all(void *arg)
{
    char **args = arg;
    int rc = 0;

    if (args[1] && args[2])
        only = args[2];
    if (strcmp(only, "sleeping_task") == 0)
        return sleepers(strtol(args[1], NULL, 10));
    for (size_t i = 0; i < sizeof benches / sizeof benches[0] && rc == 0; i++)
        rc = bench_measure(&benches[i]);
    if (rc == 0)
        rc = bench_waits();
    return rc;
}

int main(int argc, char **argv)
{
    (void)argc;
    return proa_main(all, argv, PROA_MAIN_OPTS(.grace = 120 * PROA_SEC));
}
