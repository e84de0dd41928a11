#include "support/t_run.h"

#include <proa/group.h>
#include <proa/queue.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

/* Of queues: which item leaves next, where that is not the oldest. */

struct job {
    int urgency; /* small ones first */
    char name;
};

static int by_urgency(const void *a, const void *b)
{
    const struct job *x = a;
    const struct job *y = b;

    return (x->urgency > y->urgency) - (x->urgency < y->urgency);
}

/* The names of all that can be had without waiting. */
static const char *drain(struct proa_queue *q)
{
    static char text[64];
    size_t n = 0;
    void *p;

    while (proa_queue_try_get(q, &p) >= 0)
        text[n++] = ((struct job *)p)->name;
    text[n] = '\0';
    return text;
}

static int lifo_body(void *arg)
{
    PROA_AUTO(proa_queue) *q = NULL;
    struct job jobs[26];
    void *p;

    (void)arg;
    ck_ok(proa_queue_new(&q, PROA_QUEUE_OPTS(.order = PROA_QUEUE_LIFO)));
    for (int i = 0; i < 26; i++)
        jobs[i] = (struct job){0, (char)('a' + i)};
    for (int i = 0; i < 3; i++)
        ck_ok(proa_queue_put(q, &jobs[i]));
    ck_ok(proa_queue_get(q, &p));
    ck_assert_ptr_eq(p, &jobs[2]);
    for (int i = 3; i < 26; i++)
        ck_ok(proa_queue_put(q, &jobs[i])); /* grows twice */
    ck_assert_str_eq(drain(q), "zyxwvutsrqponmlkjihgfedba");
    return 0;
}
START_TEST(lifo_gives_the_newest)
{
    t_run(lifo_body, NULL);
}
END_TEST

static int priority_body(void *arg)
{
    PROA_AUTO(proa_queue) *q = NULL;
    struct job jobs[] = {{3, 'g'}, {1, 'a'}, {2, 'd'}, {1, 'b'}, {3, 'h'},
                         {2, 'e'}, {1, 'c'}, {2, 'f'}, {3, 'i'}};

    (void)arg;
    ck_ok(proa_queue_new(&q, PROA_QUEUE_OPTS(.order = PROA_QUEUE_PRIORITY, .compare = by_urgency)));
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++)
        ck_ok(proa_queue_put(q, &jobs[i]));
    ck_assert_str_eq(drain(q), "abcdefghi");
    return 0;
}

/* Against the plain way: look at all that are there, the oldest of the most urgent. */
static int random_priority_body(void *arg)
{
    struct t_random random = {.state = *(uint64_t *)arg};
    PROA_AUTO(proa_queue) *q = NULL;
    struct job jobs[200];
    bool there[200] = {false};
    int n = 0;

    ck_ok(proa_queue_new(&q, PROA_QUEUE_OPTS(.order = PROA_QUEUE_PRIORITY, .compare = by_urgency)));
    for (int step = 0; step < 390; step++) {
        void *p;
        int best = -1;

        if (n < 200 && t_random_below(&random, 5) > 1) {
            jobs[n].urgency = (int)t_random_below(&random, 7);
            there[n] = true;
            ck_ok(proa_queue_try_put(q, &jobs[n]));
            n++;
            continue;
        }
        for (int i = 0; i < n; i++)
            if (there[i] && (best < 0 || jobs[i].urgency < jobs[best].urgency))
                best = i;
        int rc = proa_queue_try_get(q, &p);
        ck_assert_int_eq(rc, best < 0 ? PROA_EAGAIN : 0);
        if (rc == 0) {
            ck_assert_ptr_eq(p, &jobs[best]);
            there[best] = false;
        }
    }
    return 0;
}
START_TEST(aio_queue_15_priority_gives_the_first_and_of_equals_the_oldest)
{
    t_run_modes(priority_body, NULL);
    for (uint64_t seed = 1; seed <= 50; seed++)
        t_run_modes(random_priority_body, &seed);
}
END_TEST

struct putter {
    struct proa_queue *queue;
    struct job *job;
};

static int put(void *arg)
{
    struct putter *p = arg;

    return proa_queue_put(p->queue, p->job);
}

/* A putter that waited has its item in before the next get: it may leave before older ones. */
static int full_body(void *arg)
{
    PROA_AUTO(proa_queue) *q = NULL;
    struct job jobs[] = {{5, 'x'}, {4, 'y'}, {1, 'a'}, {2, 'b'}};
    void *p;

    (void)arg;
    ck_ok(proa_queue_new(
        &q, PROA_QUEUE_OPTS(.order = PROA_QUEUE_PRIORITY, .compare = by_urgency, .limit = 2)));
    struct putter putters[2] = {{q, &jobs[2]}, {q, &jobs[3]}};
    ck_ok(proa_queue_put(q, &jobs[0]));
    ck_ok(proa_queue_put(q, &jobs[1]));
    ck_err(proa_queue_try_put(q, &jobs[2]), PROA_EAGAIN);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, put, &putters[0]));
    ck_ok(proa_create_task(&g, put, &putters[1]));
    ck_ok(proa_yield());
    ck_ok(proa_queue_get(q, &p));
    ck_assert_ptr_eq(p, &jobs[1]); /* of those that were in */
    ck_ok(proa_queue_get(q, &p));
    ck_assert_ptr_eq(p, &jobs[2]);
    ck_assert_str_eq(drain(q), "bx");
    return proa_group_join(&g);
}
START_TEST(putters_that_wait_come_in_by_their_order_and_go_by_the_queues)
{
    t_run_in_order(full_body, NULL);
}
END_TEST

static int freed;

static void count_free(void *item)
{
    (void)item;
    freed++;
}

static int discard_body(void *arg)
{
    PROA_AUTO(proa_queue) *q = NULL;
    struct job jobs[3] = {{1, 'a'}, {2, 'b'}, {0, 'c'}};

    (void)arg;
    freed = 0;
    for (int order = PROA_QUEUE_LIFO; order <= PROA_QUEUE_PRIORITY; order++) {
        ck_ok(proa_queue_new(&q, PROA_QUEUE_OPTS(.order = (enum proa_queue_order)order,
                                                 .compare = by_urgency, .item_free = count_free)));
        for (int i = 0; i < 3; i++)
            ck_ok(proa_queue_put(q, &jobs[i]));
        proa_queue_shutdown(q, PROA_QUEUE_DISCARD);
        ck_ok(proa_queue_join(q));
        proa_queue_free(q);
        q = NULL;
    }
    ck_assert_int_eq(freed, 6);
    return 0;
}
START_TEST(discarded_items_of_any_order_are_freed)
{
    t_run(discard_body, NULL);
}
END_TEST

static int bad_options_body(void *arg)
{
    struct proa_queue *q = NULL;

    (void)arg;
    ck_err(proa_queue_new(&q, PROA_QUEUE_OPTS(.order = PROA_QUEUE_PRIORITY)), PROA_EINVAL);
    ck_err(proa_queue_new(&q, PROA_QUEUE_OPTS(.order = (enum proa_queue_order)3)), PROA_EINVAL);
    ck_err(proa_queue_new(&q, PROA_QUEUE_OPTS(.order = (enum proa_queue_order) - 1)), PROA_EINVAL);
    ck_assert_ptr_null(q);
    return 0;
}
START_TEST(unknown_orders_are_refused)
{
    t_run(bad_options_body, NULL);
}
END_TEST

static int fill_body(void *arg)
{
    struct proa_queue *q = NULL;
    struct job jobs[20];
    int rc = proa_queue_new(
        &q, PROA_QUEUE_OPTS(.order = *(enum proa_queue_order *)arg, .compare = by_urgency));

    if (rc < 0)
        return rc;
    for (int i = 0; i < 20 && rc >= 0; i++) {
        jobs[i] = (struct job){20 - i, 'a'};
        rc = proa_queue_put(q, &jobs[i]);
        ck_assert_uint_eq(proa_queue_len(q),
                          (size_t)i + (rc >= 0)); /* all before are still there */
    }
    proa_queue_free(q);
    return rc;
}
START_TEST(each_failed_allocation_leaves_the_items_there)
{
    enum proa_queue_order orders[] = {PROA_QUEUE_LIFO, PROA_QUEUE_PRIORITY};

    for (int i = 0; i < 2; i++)
        t_run_each_alloc(fill_body, &orders[i]);
}
END_TEST

int main(void)
{
    return t_main(
        "queue_order",
        (const TTest *const[]){lifo_gives_the_newest,
                               aio_queue_15_priority_gives_the_first_and_of_equals_the_oldest,
                               putters_that_wait_come_in_by_their_order_and_go_by_the_queues,
                               discarded_items_of_any_order_are_freed, unknown_orders_are_refused,
                               each_failed_allocation_leaves_the_items_there, NULL});
}
