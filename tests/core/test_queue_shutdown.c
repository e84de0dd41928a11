#include "support/t_run.h"

#include <proa/group.h>
#include <proa/queue.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

/* Of queues: how they end. test_queue.c has how items move. */

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

/* ---- shutdown */

static int freed; /* items given to item_free */

static void count_free(void *p)
{
    (void)p;
    freed++;
}

static int shutdown_empty_body(void *arg)
{
    PROA_AUTO(proa_queue) *q = NULL;
    void *p;

    (void)arg;
    ck_ok(proa_queue_new(&q, NULL));
    struct getter g = {q, NULL, '1'};
    struct proa_task_ref ref;
    PROA_GROUP(group);
    ck_ok(proa_create_task_opts(&group, &ref, get_one, &g, NULL));
    t_settle();
    proa_queue_shutdown(q, PROA_QUEUE_DRAIN);
    PROA_SHIELD(s, PROA_SEC);
    ck_err(proa_task_join(ref), PROA_ECLOSED);
    ck_err(proa_queue_put(q, item('a')), PROA_ECLOSED);
    ck_err(proa_queue_try_put(q, item('a')), PROA_ECLOSED);
    ck_err(proa_queue_get(q, &p), PROA_ECLOSED);
    ck_err(proa_queue_try_get(q, &p), PROA_ECLOSED);
    ck_err(proa_group_join(&group), PROA_ECLOSED);
    return 0;
}

static int shutdown_drain_body(void *arg)
{
    PROA_AUTO(proa_queue) *q = NULL;
    void *p;

    (void)arg;
    ck_ok(proa_queue_new(&q, PROA_QUEUE_OPTS(.limit = 2)));
    fill(q, "ab");
    struct putter blocked = {q, 'c', 1};
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, put_one, &blocked));
    t_settle();
    proa_queue_shutdown(q, PROA_QUEUE_DRAIN);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(blocked.rc, PROA_ECLOSED);
    ck_ok(proa_queue_get(q, &p));
    ck_assert_int_eq(letter(p), 'a');
    ck_assert_str_eq(drain(q), "b");
    ck_err(proa_queue_get(q, &p), PROA_ECLOSED);
    ck_err(PROA_WITHIN(1, proa_queue_join(q)), PROA_ETIMEDOUT); /* two are not done */
    proa_queue_task_done(q);
    proa_queue_task_done(q);
    return proa_queue_join(q);
}

static int join_queue(void *q)
{
    return proa_queue_join(q);
}

/* AIO-QUEUE-12, AIO-QUEUE-14 */
static int shutdown_discard_body(void *arg)
{
    PROA_AUTO(proa_queue) *q = NULL;
    struct proa_task_ref joiner;
    void *p;

    (void)arg;
    freed = 0;
    ck_ok(proa_queue_new(&q, PROA_QUEUE_OPTS(.item_free = count_free)));
    fill(q, "abc");
    ck_ok(proa_queue_get(q, &p)); /* taken, not done */
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &joiner, join_queue, q, NULL));
    t_settle();
    proa_queue_shutdown(q, PROA_QUEUE_DRAIN);
    proa_queue_shutdown(q, PROA_QUEUE_DISCARD); /* drain first, discard later */
    ck_assert_int_eq(freed, 2);
    ck_assert_uint_eq(proa_queue_len(q), 0);
    t_settle();
    ck_assert(!proa_task_is_done(joiner));
    proa_queue_task_done(q);
    ck_ok(proa_task_join(joiner));
    return proa_group_join(&g);
}
static int discard_wakes_body(void *arg)
{
    PROA_AUTO(proa_queue) *q = NULL;

    (void)arg;
    ck_ok(proa_queue_new(&q, NULL));
    fill(q, "abc");
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, join_queue, q));
    t_settle();
    proa_queue_shutdown(q, PROA_QUEUE_DISCARD);
    return PROA_WITHIN(PROA_SEC, proa_group_join(&g));
}
START_TEST(aio_queue_10_shutdown_of_an_empty_queue_ends_gets_and_puts)
{
    t_run_modes(shutdown_empty_body, NULL);
}
END_TEST
START_TEST(aio_queue_11_drain_ends_puts_at_once_and_gets_when_empty)
{
    t_run_modes(shutdown_drain_body, NULL);
}
END_TEST
START_TEST(aio_queue_12_discard_drops_items_and_counts_them_as_done)
{
    t_run_modes(shutdown_discard_body, NULL);
    t_run_modes(discard_wakes_body, NULL);
}
END_TEST
START_TEST(aio_queue_14_join_after_a_discard_waits_for_what_was_taken)
{
    t_run_modes(shutdown_discard_body, NULL);
}
END_TEST

static int join_body(void *arg)
{
    PROA_AUTO(proa_queue) *q = NULL;
    struct proa_task_ref joiner;
    void *p;

    (void)arg;
    ck_ok(proa_queue_new(&q, NULL));
    ck_ok(proa_queue_join(q));
    fill(q, "a");
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &joiner, join_queue, q, NULL));
    t_settle();
    ck_ok(proa_queue_get(q, &p));
    t_settle();
    ck_assert(!proa_task_is_done(joiner));
    proa_queue_task_done(q);
    fill(q, "b"); /* woken all the same */
    ck_ok(proa_task_join(joiner));
    return proa_group_join(&g);
}

/* So does one whose put had to wait. */
static int join_waited_put_body(void *arg)
{
    PROA_AUTO(proa_queue) *q = NULL;
    void *p;

    (void)arg;
    ck_ok(proa_queue_new(&q, PROA_QUEUE_OPTS(.limit = 1)));
    fill(q, "a");
    struct putter blocked = {q, 'b', 1};
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, put_one, &blocked));
    t_settle();
    ck_ok(proa_queue_get(q, &p));
    ck_ok(proa_queue_get(q, &p));
    proa_queue_task_done(q);
    ck_err(PROA_WITHIN(1, proa_queue_join(q)), PROA_ETIMEDOUT);
    proa_queue_task_done(q);
    ck_ok(proa_queue_join(q));
    return proa_group_join(&g);
}

/* An item that went straight to a waiting getter counts too. */
static int join_handed_over_body(void *arg)
{
    PROA_AUTO(proa_queue) *q = NULL;
    char got[4] = "";

    (void)arg;
    ck_ok(proa_queue_new(&q, NULL));
    struct getter getter = {q, got, '1'};
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, get_one, &getter));
    t_settle();
    fill(q, "a");
    ck_ok(proa_group_join(&g));
    ck_err(PROA_WITHIN(1, proa_queue_join(q)), PROA_ETIMEDOUT);
    proa_queue_task_done(q);
    return proa_queue_join(q);
}

static int done_too_often(void *arg)
{
    struct proa_queue *q;

    (void)arg;
    ck_ok(proa_queue_new(&q, NULL));
    fill(q, "a"); /* there, but not got */
    proa_queue_task_done(q);
    return 0;
}
START_TEST(aio_queue_09_join_waits_until_every_item_is_done)
{
    t_run_modes(join_body, NULL);
    t_run_modes(join_handed_over_body, NULL);
    t_run_modes(join_waited_put_body, NULL);
    t_run_aborts(done_too_often, NULL, "proa_queue_task_done: task main calls it for queue 0x");
}
END_TEST

int main(void)
{
    return t_main("queue_shutdown",
                  (const TTest *const[]){aio_queue_10_shutdown_of_an_empty_queue_ends_gets_and_puts,
                                         aio_queue_11_drain_ends_puts_at_once_and_gets_when_empty,
                                         aio_queue_12_discard_drops_items_and_counts_them_as_done,
                                         aio_queue_14_join_after_a_discard_waits_for_what_was_taken,
                                         aio_queue_09_join_waits_until_every_item_is_done, NULL});
}
