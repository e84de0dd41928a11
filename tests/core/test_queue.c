#include "support/t_run.h"

#include <proa/group.h>
#include <proa/queue.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

static char items[26]; /* their addresses are what goes through the queues */

static void *item(char c)
{
    return &items[c - 'a'];
}

static char letter(const void *p)
{
    return (char)('a' + ((const char *)p - items));
}

struct getter {
    struct proa_queue *q;
    char *got; /* who got what, in turn */
    char name;
};

static int get_one(void *arg)
{
    struct getter *g = arg;
    void *p = NULL;
    int rc = proa_queue_get(g->q, &p);

    if (rc < 0)
        return rc;
    char text[3] = {g->name, letter(p), '\0'};
    strcat(g->got, text);
    return 0;
}

struct putter {
    struct proa_queue *q;
    char c;
    int rc;
};

static int put_one(void *arg)
{
    struct putter *p = arg;

    p->rc = proa_queue_put(p->q, item(p->c));
    return p->rc < 0 && p->rc != PROA_ECLOSED ? p->rc : 0;
}

/* All that can be had without waiting. */
static const char *drain(struct proa_queue *q)
{
    static char text[64];
    size_t n = 0;
    void *p;

    while (proa_queue_try_get(q, &p) >= 0)
        text[n++] = letter(p);
    text[n] = '\0';
    return text;
}

static void fill(struct proa_queue *q, const char *letters)
{
    for (; *letters; letters++)
        ck_ok(proa_queue_try_put(q, item(*letters)));
}

/* ---- order and limit */

static int order_body(void *arg)
{
    PROA_AUTO(proa_queue) *q = NULL;
    void *p;

    (void)arg;
    ck_ok(proa_queue_new(&q, NULL));
    fill(q, "abcdefgh"); /* the ring's first size */
    ck_ok(proa_queue_get(q, &p));
    ck_ok(proa_queue_get(q, &p));
    ck_assert_int_eq(letter(p), 'b');
    fill(q, "ij");               /* wraps */
    fill(q, "klmnopqrstuvwxyz"); /* grows while wrapped, twice */
    ck_assert_uint_eq(proa_queue_len(q), 24);
    ck_assert_str_eq(drain(q), "cdefghijklmnopqrstuvwxyz");
    ck_assert_uint_eq(proa_queue_len(q), 0);
    return 0;
}
START_TEST(items_leave_in_the_order_they_came)
{
    t_run(order_body, NULL);
}
END_TEST

static int limit_body(void *arg)
{
    PROA_AUTO(proa_queue) *q = NULL;
    void *p;

    (void)arg;
    ck_ok(proa_queue_new(&q, PROA_QUEUE_OPTS(.limit = 3)));
    ck_err(proa_queue_try_get(q, &p), PROA_EAGAIN);
    ck_err(PROA_WITHIN(1, proa_queue_get(q, &p)), PROA_ETIMEDOUT);
    fill(q, "abc");
    ck_err(proa_queue_try_put(q, item('d')), PROA_EAGAIN);
    ck_err(PROA_WITHIN(1, proa_queue_put(q, item('d'))), PROA_ETIMEDOUT);
    ck_assert_uint_eq(proa_queue_len(q), 3);
    ck_assert_str_eq(drain(q), "abc");
    return 0;
}
START_TEST(aio_queue_03_full_and_empty_wait_or_say_eagain)
{
    t_run_modes(limit_body, NULL);
}
END_TEST

/* No limit, and a negative one, which is larger than all memory. */
static int no_limit_body(void *arg)
{
    const size_t limits[] = {0, (size_t)-1};

    (void)arg;
    for (int k = 0; k < 2; k++) {
        PROA_AUTO(proa_queue) *q = NULL;

        ck_ok(proa_queue_new(&q, PROA_QUEUE_OPTS(.limit = limits[k])));
        for (int i = 0; i < 1000; i++)
            ck_ok(i % 2 ? proa_queue_try_put(q, item('a')) : proa_queue_put(q, item('a')));
        ck_assert_uint_eq(proa_queue_len(q), 1000);
    }
    return 0;
}
START_TEST(aio_queue_08_without_a_limit_it_is_never_full)
{
    t_run_modes(no_limit_body, NULL);
}
END_TEST

static int fifo_waiters_body(void *arg)
{
    PROA_AUTO(proa_queue) *q = NULL;
    char got[16] = "";

    (void)arg;
    ck_ok(proa_queue_new(&q, PROA_QUEUE_OPTS(.limit = 1)));
    struct getter g[2] = {{q, got, '1'}, {q, got, '2'}};
    struct putter p[2] = {{q, 'x', 1}, {q, 'y', 1}};
    {
        PROA_GROUP(getters);
        for (int i = 0; i < 2; i++)
            ck_ok(proa_create_task(&getters, get_one, &g[i]));
        ck_ok(proa_yield());
        fill(q, "ab"); /* two, though the limit is one: both are handed over */
        ck_assert_uint_eq(proa_queue_len(q), 0);
        ck_ok(proa_group_join(&getters));
        ck_assert_str_eq(got, "1a2b");
    }
    fill(q, "c");
    PROA_GROUP(putters);
    for (int i = 0; i < 2; i++)
        ck_ok(proa_create_task(&putters, put_one, &p[i]));
    ck_ok(proa_yield());
    ck_assert_str_eq(drain(q), "cxy");
    return proa_group_join(&putters);
}
START_TEST(aio_queue_02_waiters_are_served_in_the_order_they_came)
{
    t_run_in_turn(fifo_waiters_body, NULL);
}
END_TEST

/* The freed room belongs to the waiting putter: a newcomer finds the queue full. */
static int no_barging_body(void *arg)
{
    PROA_AUTO(proa_queue) *q = NULL;
    void *got;

    (void)arg;
    ck_ok(proa_queue_new(&q, PROA_QUEUE_OPTS(.limit = 1)));
    struct putter p = {q, 'b', 1};
    fill(q, "a");
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, put_one, &p));
    ck_ok(proa_yield());
    ck_ok(proa_queue_try_get(q, &got));
    ck_err(proa_queue_try_put(q, item('c')), PROA_EAGAIN);
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(drain(q), "b");
    return 0;
}
START_TEST(room_belongs_to_the_putter_that_waited)
{
    t_run_in_order(no_barging_body, NULL);
}
END_TEST

/* ---- cancels */

/* Both orders. */
static int cancelled_getter_body(void *arg)
{
    PROA_AUTO(proa_queue) *q = NULL;
    struct proa_task_ref first;
    char got[16] = "";

    (void)arg;
    ck_ok(proa_queue_new(&q, NULL));
    struct getter g[3] = {{q, got, '1'}, {q, got, '2'}, {q, got, '3'}};
    {
        PROA_GROUP(getters);
        ck_ok(proa_create_task_opts(&getters, &first, get_one, &g[0], NULL));
        t_settle();
        ck_ok(proa_create_task(&getters, get_one, &g[1]));
        t_settle();
        ck_ok(proa_task_cancel(first)); /* before the item */
        fill(q, "a");
        ck_ok(proa_group_join(&getters));
        ck_assert_str_eq(got, "2a");
    }
    {
        PROA_GROUP(getters);
        ck_ok(proa_create_task(&getters, get_one, &g[2]));
        t_settle();
        fill(q, "b"); /* before the cancel: the get has succeeded */
        proa_group_cancel(&getters);
        ck_ok(proa_group_join(&getters));
        ck_assert_str_eq(got, "2a3b");
    }
    /* Nobody is left waiting: the next item stays. */
    fill(q, "c");
    ck_assert_str_eq(drain(q), "c");
    return 0;
}
START_TEST(aio_queue_04_item_is_neither_lost_nor_doubled_by_a_cancelled_get)
{
    t_run_modes(cancelled_getter_body, NULL);
}
END_TEST

/* Both orders. */
static int cancelled_putter_body(void *arg)
{
    PROA_AUTO(proa_queue) *q = NULL;
    struct proa_task_ref first;
    void *got;

    (void)arg;
    ck_ok(proa_queue_new(&q, PROA_QUEUE_OPTS(.limit = 1)));
    struct putter p[3] = {{q, 'x', 1}, {q, 'y', 1}, {q, 'z', 1}};
    fill(q, "a");
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &first, put_one, &p[0], NULL));
    t_settle();
    ck_ok(proa_create_task(&g, put_one, &p[1]));
    t_settle();
    ck_ok(proa_create_task(&g, put_one, &p[2]));
    t_settle();
    ck_ok(proa_task_cancel(first));
    ck_ok(proa_queue_try_get(q, &got));
    ck_ok(proa_queue_try_get(q, &got));
    ck_assert_int_eq(letter(got), 'y');
    proa_group_cancel(&g); /* z's item is in the queue already */
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(p[0].rc, PROA_ECANCELED);
    ck_assert_int_eq(p[1].rc, 0);
    ck_assert_int_eq(p[2].rc, 0);
    ck_assert_str_eq(drain(q), "z");
    return 0;
}
START_TEST(aio_queue_05_cancelled_put_leaves_its_place_to_the_next)
{
    t_run_modes(cancelled_putter_body, NULL);
}
END_TEST

/* A hundred getters and a hundred putters give up; nothing is left of them, nothing grows. */
static int no_growth_body(void *arg)
{
    PROA_AUTO(proa_queue) *q = NULL;
    void *got;

    (void)arg;
    ck_ok(proa_queue_new(&q, PROA_QUEUE_OPTS(.limit = 1)));
    fill(q, "a");
    ck_ok(proa_queue_get(q, &got));
    size_t bytes = t_alloc_bytes();
    for (int i = 0; i < 100; i++)
        ck_err(PROA_WITHIN(1, proa_queue_get(q, &got)), PROA_ETIMEDOUT);
    fill(q, "b"); /* no getter is left to take it */
    ck_assert_uint_eq(proa_queue_len(q), 1);
    for (int i = 0; i < 100; i++)
        ck_err(PROA_WITHIN(1, proa_queue_put(q, item('c'))), PROA_ETIMEDOUT);
    ck_assert_str_eq(drain(q), "b"); /* no putter is left to come after it */
    ck_assert_uint_eq(t_alloc_bytes(), bytes);
    return 0;
}
START_TEST(aio_queue_06_cancelled_waiters_are_removed)
{
    t_run_modes(no_growth_body, NULL);
}
END_TEST

struct flow {
    struct proa_queue *q;
    int n;       /* items to move, each */
    int *counts; /* how often each item was got */
    struct t_random *random;
    int *accepted;
};

static int produce(void *arg)
{
    struct flow *f = arg;

    for (int i = 0; i < f->n; i++) {
        int c = (int)t_random_below(f->random, 26);
        int rc = PROA_WITHIN((int64_t)t_random_below(f->random, 4),
                             proa_queue_put(f->q, &items[c]));

        if (rc >= 0)
            f->accepted[c]++;
        else if (rc != PROA_ETIMEDOUT)
            return rc;
        if (t_random_below(f->random, 3) == 0)
            proa_sleep(1);
    }
    return 0;
}

static int consume(void *arg)
{
    struct flow *f = arg;

    for (;;) {
        void *p;
        int rc = PROA_WITHIN((int64_t)t_random_below(f->random, 4), proa_queue_get(f->q, &p));

        if (rc == PROA_ECLOSED)
            return 0;
        if (rc >= 0)
            f->counts[(char *)p - items]++;
        else if (rc != PROA_ETIMEDOUT)
            return rc;
        else
            proa_yield();
    }
}

/* Gets and puts that time out at every moment; what was accepted was got, once. */
static int flow_body(void *arg)
{
    struct t_random random = {.state = *(uint64_t *)arg};
    int counts[26] = {0};
    int accepted[26] = {0};

    PROA_AUTO(proa_queue) *q = NULL;
    ck_ok(proa_queue_new(&q, PROA_QUEUE_OPTS(.limit = 1 + t_random_below(&random, 3))));
    struct flow f = {q, 60, counts, &random, accepted};
    PROA_GROUP(consumers);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task(&consumers, consume, &f));
    {
        PROA_GROUP(producers);
        for (int i = 0; i < 3; i++)
            ck_ok(proa_create_task(&producers, produce, &f));
        ck_ok(proa_group_join(&producers));
    }
    proa_queue_shutdown(q, PROA_QUEUE_DRAIN);
    ck_ok(proa_group_join(&consumers));
    ck_assert_mem_eq(counts, accepted, sizeof counts);
    return 0;
}
START_TEST(aio_queue_07_every_item_put_is_got_exactly_once)
{
    for (uint64_t seed = 1; seed <= 50; seed++)
        t_run_modes(flow_body, &seed);
}
END_TEST

static int cancelled_scope_body(void *arg)
{
    PROA_AUTO(proa_queue) *q = NULL;
    void *p;

    (void)arg;
    ck_ok(proa_queue_new(&q, NULL));
    fill(q, "a");
    ck_err(PROA_WITHIN(0, proa_queue_get(q, &p)), PROA_ETIMEDOUT);
    ck_err(PROA_WITHIN(0, proa_queue_put(q, item('b'))), PROA_ETIMEDOUT);
    ck_err(PROA_WITHIN(0, proa_queue_join(q)), PROA_ETIMEDOUT);
    ck_assert_str_eq(drain(q), "a");
    return 0;
}
START_TEST(cancelled_scope_moves_no_item_though_it_could)
{
    t_run(cancelled_scope_body, NULL);
}
END_TEST

/* ---- memory */

static int freed; /* items given to item_free */

static void count_free(void *p)
{
    (void)p;
    freed++;
}

static int free_body(void *arg)
{
    struct {
        struct proa_queue_opts opts;
        int more;
    } newer = {.opts = {.size = sizeof newer}, .more = 1};
    struct proa_queue *q = NULL;

    (void)arg;
    ck_err(proa_queue_new(&q, &newer.opts), PROA_E2BIG);
    ck_assert_ptr_null(q);
    freed = 0;
    ck_ok(proa_queue_new(&q, PROA_QUEUE_OPTS(.item_free = count_free)));
    fill(q, "abc");
    proa_queue_free(q);
    ck_assert_int_eq(freed, 3);
    proa_queue_free(NULL);
    return 0;
}

static int free_waited_on(void *arg)
{
    struct proa_queue *q;

    (void)arg;
    ck_ok(proa_queue_new(&q, NULL));
    struct getter getter = {q, NULL, '1'};
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, get_one, &getter));
    ck_ok(proa_yield());
    proa_queue_free(q);
    return 0;
}
START_TEST(free_frees_the_items_and_aborts_under_waiters)
{
    t_run_in_order(free_body, NULL);
    t_run_aborts(free_waited_on, NULL, "proa_queue_shutdown first");
}
END_TEST

/* An item whose put fails for want of memory is still the caller's, and nothing else is disturbed.
 */
static int no_memory_body(void *arg)
{
    PROA_AUTO(proa_queue) *q = NULL;

    (void)arg;
    ck_ok(proa_queue_new(&q, NULL));
    fill(q, "abcdefgh");
    t_alloc_fail(1);
    ck_err(proa_queue_put(q, item('i')), PROA_ENOMEM);
    t_alloc_fail(0);
    fill(q, "j");
    ck_assert_str_eq(drain(q), "abcdefghj");
    return 0;
}

static int push_through(void *arg)
{
    struct proa_queue *q = arg;
    int rc = 0;

    for (int i = 0; i < 20 && rc >= 0; i++)
        rc = proa_queue_put(q, &items[i]);
    proa_queue_shutdown(q, PROA_QUEUE_DRAIN);
    return rc;
}

static int pull_through(void *arg)
{
    struct proa_queue *q = arg;
    void *p;
    int rc;

    do {
        rc = proa_queue_get(q, &p);
    } while (rc >= 0);
    return rc == PROA_ECLOSED ? 0 : rc;
}

static int pipe_body(void *arg)
{
    PROA_AUTO(proa_queue) *q = NULL;
    int rc = proa_queue_new(&q, PROA_QUEUE_OPTS(.limit = 3));

    (void)arg;
    if (rc < 0)
        return rc;
    PROA_GROUP(g);
    proa_create_task(&g, push_through, q);
    proa_create_task(&g, pull_through, q);
    rc = PROA_WITHIN(PROA_SEC, proa_group_join(&g));
    return rc == PROA_ETIMEDOUT ? 0 : rc; /* one was cancelled, the other waited for it */
}
START_TEST(cancel_at_each_point_and_each_failed_allocation_leave_nothing)
{
    t_run(no_memory_body, NULL);
    t_each_park(pipe_body, NULL);
    t_run_each_alloc(pipe_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("queue",
                  (const TTest *const[]){
                      items_leave_in_the_order_they_came,
                      aio_queue_03_full_and_empty_wait_or_say_eagain,
                      aio_queue_08_without_a_limit_it_is_never_full,
                      aio_queue_02_waiters_are_served_in_the_order_they_came,
                      room_belongs_to_the_putter_that_waited,
                      aio_queue_04_item_is_neither_lost_nor_doubled_by_a_cancelled_get,
                      aio_queue_05_cancelled_put_leaves_its_place_to_the_next,
                      aio_queue_06_cancelled_waiters_are_removed,
                      aio_queue_07_every_item_put_is_got_exactly_once,
                      cancelled_scope_moves_no_item_though_it_could,
                      free_frees_the_items_and_aborts_under_waiters,
                      cancel_at_each_point_and_each_failed_allocation_leave_nothing, NULL});
}
