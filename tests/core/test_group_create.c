#include "base/fail.h"
#include "core/loop.h"
#include "core/timer.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <pthread.h>
#include <string.h>

/* Of groups: how tasks come into them. test_group.c has how they end. */

static int give(void *rc)
{
    return *(int *)rc;
}

struct worker {
    int64_t ns; /* how long it sleeps */
    int rc;     /* what it returns if nobody cancels it */
    int got;    /* what the sleep returned */
};

static int work(void *arg)
{
    struct worker *w = arg;

    w->got = proa_sleep(w->ns);
    if (w->got < 0)
        return w->got;
    return w->rc < 0 ? proa__fail(w->rc, "worker %d", -w->rc) : w->rc;
}

/* ---- creating in a group that joins or has ended */

struct chain {
    struct proa_group *g;
    int left;
    int rc; /* of the last creation */
};

static int chain_link(void *arg)
{
    struct chain *c = arg;
    int rc = proa_sleep(PROA_MS);

    if (rc < 0)
        return rc;
    if (c->left-- == 0)
        return 0;
    return c->rc = proa_create_task(c->g, chain_link, c);
}

static int chain_for_ever(void *arg)
{
    struct chain *c = arg;

    c->left++;
    c->rc = proa_create_task(c->g, chain_for_ever, c);
    if (c->rc >= 0)
        proa_yield();
    return 0;
}

/* AIO-TG-16 */
static int growing_body(void *arg)
{
    int64_t began = proa_now();
    int rc = 0;

    (void)arg;
    PROA_GROUP(g);
    struct chain c = {.g = &g, .left = 9};
    ck_ok(proa_create_task(&g, chain_link, &c));
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(c.left, -1);
    ck_assert_int_eq(proa_now() - began, 10 * PROA_MS);
    ck_err(proa_create_task(&g, give, &rc), PROA_ECLOSED);
    return 0;
}
START_TEST(tasks_may_add_tasks_while_the_group_is_joined_and_nobody_after)
{
    t_run(growing_body, NULL);
}
END_TEST

/* AIO-TG-17, AIO-TG-20 */
static int endless_body(void *arg)
{
    struct worker w = {.ns = PROA_SEC, .rc = PROA_EIO};

    (void)arg;
    PROA_GROUP(g);
    struct chain c = {.g = &g};
    ck_ok(proa_create_task(&g, work, &w));
    ck_ok(proa_create_task(&g, chain_link, &(struct chain){.g = &g, .left = INT32_MAX}));
    ck_err(PROA_WITHIN(PROA_HOUR, proa_group_join(&g)), PROA_EIO);

    PROA_GROUP(h);
    c.g = &h;
    ck_ok(proa_create_task(&h, chain_for_ever, &c));
    for (int i = 0; i < 9; i++)
        ck_ok(proa_yield());
    proa_group_cancel(&h);
    ck_ok(proa_group_join(&h));
    ck_assert_int_eq(c.rc, PROA_ECANCELED);
    return 0;
}
START_TEST(group_that_feeds_itself_ends_when_it_is_cancelled)
{
    t_run(endless_body, NULL);
}
END_TEST

static int born_cancelled(void *arg)
{
    *(int *)arg = proa_yield();
    return *(int *)arg;
}

static int add_from_shield(void *arg)
{
    struct chain *c = arg;
    int rc = proa_sleep(PROA_HOUR);

    PROA_SHIELD(s, PROA_SEC);
    ck_ok(proa_create_task(c->g, born_cancelled, &c->rc));
    return rc;
}

static int born_cancelled_body(void *arg)
{
    (void)arg;
    PROA_GROUP(g);
    struct chain c = {.g = &g};
    ck_ok(proa_create_task(&g, add_from_shield, &c));
    ck_ok(proa_yield());
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(c.rc, PROA_ECANCELED);
    return 0;
}
START_TEST(task_created_in_a_cancelled_group_is_born_cancelled)
{
    t_run(born_cancelled_body, NULL);
}
END_TEST

/* ---- limit */

struct gauge {
    int now;
    int most;
    int64_t ns;
};

static int gauge(void *arg)
{
    struct gauge *m = arg;

    if (++m->now > m->most)
        m->most = m->now;
    int rc = proa_sleep(m->ns);
    m->now--;
    return rc;
}

static int limit_body(void *arg)
{
    struct gauge m = {.ns = PROA_SEC};
    int64_t began = proa_now();

    (void)arg;
    PROA_GROUP(g, .limit = 3);
    for (int i = 0; i < 7; i++) {
        ck_ok(proa_create_task(&g, gauge, &m));
        ck_assert_uint_le(proa_group_running(&g), 3);
        ck_assert_int_eq(proa_now() - began, i / 3 * PROA_SEC); /* the fourth waits for the first */
    }
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(m.most, 3);
    ck_assert_int_eq(proa_now() - began, 3 * PROA_SEC);
    return 0;
}
START_TEST(limit_bounds_the_tasks_and_create_waits_for_a_place)
{
    t_run(limit_body, NULL);
}
END_TEST

static int limit_cancel_body(void *arg)
{
    struct gauge m = {.ns = PROA_SEC};

    (void)arg;
    PROA_GROUP(g, .limit = 1);
    ck_ok(proa_create_task(&g, gauge, &m));
    ck_err(PROA_WITHIN(PROA_MS, proa_create_task(&g, gauge, &m)), PROA_ETIMEDOUT);
    ck_assert_uint_eq(proa_group_running(&g), 1);
    ck_ok(proa_create_task(&g, gauge, &m)); /* the place was not lost */
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(m.most, 1);
    return 0;
}
START_TEST(create_that_is_cancelled_while_it_waits_for_a_place_creates_nothing)
{
    t_run(limit_cancel_body, NULL);
}
END_TEST

static int failing_full_group_body(void *arg)
{
    struct worker w = {.ns = PROA_SEC, .rc = PROA_EIO};
    int n = 0;

    (void)arg;
    PROA_GROUP(g, .limit = 2);
    while (proa_create_task(&g, work, &w) >= 0)
        n++;
    ck_assert_int_ge(n, 2);
    ck_err(proa_group_join(&g), PROA_EIO);
    return 0;
}
START_TEST(who_waits_for_a_place_in_a_group_that_fails_is_cancelled)
{
    t_run(failing_full_group_body, NULL);
}
END_TEST

struct adder {
    struct proa_group *g;
    struct gauge *m;
    char *order;
    char c;
};

static int add_one(void *arg)
{
    struct adder *a = arg;
    int rc = proa_create_task(a->g, gauge, a->m);

    if (rc >= 0)
        strncat(a->order, &a->c, 1);
    return rc;
}

/* Several creators: first come, first served, and one that is cancelled loses its place only. */
static int places_body(void *arg)
{
    struct gauge m = {.ns = PROA_SEC};
    struct proa_task_ref second;
    char order[8] = "";

    (void)arg;
    PROA_GROUP(g, .limit = 1);
    struct adder a[3] = {{&g, &m, order, 'a'}, {&g, &m, order, 'b'}, {&g, &m, order, 'c'}};
    ck_ok(proa_create_task(&g, gauge, &m));
    PROA_GROUP(creators);
    ck_ok(proa_create_task(&creators, add_one, &a[0]));
    ck_ok(proa_create_task_opts(&creators, &second, add_one, &a[1], NULL));
    ck_ok(proa_create_task(&creators, add_one, &a[2]));
    ck_ok(proa_yield());
    ck_ok(proa_task_cancel(second));
    ck_ok(proa_group_join(&creators));
    ck_assert_str_eq(order, "ac");
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(m.most, 1);
    return 0;
}
START_TEST(places_are_given_in_the_order_of_asking)
{
    t_run_in_order(places_body, NULL);
}
END_TEST

/* ---- from callbacks */

struct doorbell {
    struct proa_group *g;
    struct worker w;
    int rcs[2];
};

static void ring(void *arg)
{
    struct doorbell *d = arg;

    for (int i = 0; i < 2; i++)
        d->rcs[i] = proa_create_task(d->g, work, &d->w);
}

static int callback_body(void *arg)
{
    struct proa_loop *loop = proa__loop_current();
    struct timer timer = {0};

    (void)arg;
    PROA_GROUP(g, .limit = 1);
    struct doorbell d = {.g = &g, .w = {.ns = PROA_SEC}};
    proa__timer_start(loop, &timer, proa__loop_now(loop) + 1, ring, &d);
    ck_ok(proa_sleep(2));
    ck_assert_int_eq(d.rcs[0], 0);
    ck_assert_int_eq(d.rcs[1], PROA_EAGAIN);
    ck_ok(proa_group_join(&g));
    return d.w.got;
}
START_TEST(callback_creates_tasks_and_is_told_when_the_group_is_full)
{
    t_run(callback_body, NULL);
}
END_TEST

/* ---- misuse */

static int newer_options_body(void *arg)
{
    struct {
        struct proa_group_opts opts;
        int more;
    } newer = {.opts = {.size = sizeof newer}, .more = 1};
    struct proa_group g = {{0}};

    (void)arg;
    proa_group_enter(&g, &newer.opts);
    ck_err(proa_yield(), PROA_ECANCELED);
    ck_err(proa_group_join(&g), PROA_E2BIG);
    proa_group_leave(&g);
    return 0;
}
START_TEST(options_of_a_newer_version_fail_the_group)
{
    t_run(newer_options_body, NULL);
}
END_TEST

static void *cancel_from_thread(void *group)
{
    proa_group_cancel(group);
    return NULL;
}

static void *create_from_thread(void *group)
{
    proa_create_task(group, work, NULL);
    return NULL;
}

static int call_from_thread(void *arg)
{
    void *(*const *fn)(void *) = arg;
    pthread_t thread;

    PROA_GROUP(g);
    ck_assert_int_eq(pthread_create(&thread, NULL, *fn, &g), 0);
    pthread_join(thread, NULL);
    return 0;
}
START_TEST(calls_from_another_thread_abort)
{
    void *(*cancel)(void *) = cancel_from_thread;
    void *(*create)(void *) = create_from_thread;

    t_run_aborts(call_from_thread, &cancel, "proa_group_cancel: called from a thread");
    t_run_aborts(call_from_thread, &create, "proa_create_task: called from a thread");
}
END_TEST

static int join_foreign(void *group)
{
    return proa_group_join(group);
}

static int foreign_join_body(void *arg)
{
    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, join_foreign, &g));
    return proa_group_join(&g);
}

static int use_after_leave(void *arg)
{
    struct proa_group g = {{0}};
    int rc = 0;

    (void)arg;
    proa_group_enter(&g, NULL);
    proa_group_leave(&g);
    return proa_create_task(&g, give, &rc);
}

static void open_outside(void *arg)
{
    (void)arg;
    PROA_GROUP(g);
}
START_TEST(misuse_of_groups_aborts)
{
    t_run_aborts(foreign_join_body, NULL, "joined by another task than opened it");
    t_run_aborts(use_after_leave, NULL, "freed, or never made");
    t_aborts(open_outside, NULL, "PROA_GROUP: no task runs here");
}
END_TEST

/* ---- memory and cancels at every point */

static int small_crowd(void *arg)
{
    struct worker bad = {.ns = 2 * PROA_SEC, .rc = 1};
    struct gauge m = {.ns = PROA_SEC};

    (void)arg;
    PROA_TIMEOUT(t, PROA_MIN);
    PROA_GROUP(g, .limit = 2);
    for (int i = 0; i < 4; i++)
        proa_create_task(&g, gauge, &m);
    proa_create_task_opts(&g, NULL, work, &bad, PROA_TASK_OPTS(.name = "bad"));
    int rc = proa_timeout_result(&t, proa_group_join(&g));
    return m.now ? -1 : rc;
}
START_TEST(crowd_ends_whatever_is_cancelled_and_whatever_allocation_fails)
{
    t_each_park(small_crowd, NULL);
    t_run_each_alloc(small_crowd, NULL);
}
END_TEST

static int no_memory_for_words_body(void *arg)
{
    struct worker w = {.ns = 1, .rc = PROA_EIO};
    struct proa_task_error e[1];

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, work, &w));
    t_alloc_fail_from(1);
    ck_err(proa_group_join(&g), PROA_EIO);
    t_alloc_fail(0);
    ck_assert_uint_eq(proa_group_errors(&g, e, 1), 1);
    return 0;
}
START_TEST(failure_is_told_though_there_is_no_memory_for_its_words)
{
    t_run(no_memory_for_words_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("group_create",
                  (const TTest *const[]){
                      tasks_may_add_tasks_while_the_group_is_joined_and_nobody_after,
                      group_that_feeds_itself_ends_when_it_is_cancelled,
                      task_created_in_a_cancelled_group_is_born_cancelled,
                      limit_bounds_the_tasks_and_create_waits_for_a_place,
                      create_that_is_cancelled_while_it_waits_for_a_place_creates_nothing,
                      who_waits_for_a_place_in_a_group_that_fails_is_cancelled,
                      places_are_given_in_the_order_of_asking,
                      callback_creates_tasks_and_is_told_when_the_group_is_full,
                      options_of_a_newer_version_fail_the_group,
                      calls_from_another_thread_abort,
                      misuse_of_groups_aborts,
                      crowd_ends_whatever_is_cancelled_and_whatever_allocation_fails,
                      failure_is_told_though_there_is_no_memory_for_its_words,
                      NULL,
                  });
}
