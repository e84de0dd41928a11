#include "support/t_run.h"

#include <proa/group.h>
#include <proa/once.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

struct work {
    struct proa_once *once;
    int calls;
    int failures; /* so many calls fail first */
};

static int work(void *arg)
{
    struct work *w = arg;
    int rc;

    w->calls++;
    rc = proa_sleep(5);
    if (rc < 0)
        return rc;
    return w->calls <= w->failures ? PROA_EPROTO : 40 + w->calls;
}

struct caller {
    struct work *work;
    int rc; /* 1: not back yet */
};

static int call(void *arg)
{
    struct caller *c = arg;

    c->rc = proa_once_run(c->work->once, work, c->work);
    return c->rc == PROA_EPROTO ? 0 : c->rc;
}

static void begin(struct work *w, int failures)
{
    *w = (struct work){.failures = failures};
    ck_ok(proa_once_new(&w->once));
}

static void start(struct proa_group *g, struct work *w, struct caller *c, int n,
                  struct proa_task_ref *ref)
{
    for (int i = 0; i < n; i++) {
        c[i] = (struct caller){w, 1};
        ck_ok(proa_create_task_opts(g, ref ? &ref[i] : NULL, call, &c[i], NULL));
    }
    ck_ok(proa_yield());
}

static int once_body(void *arg)
{
    struct work w;
    struct caller c[3];
    int64_t began = proa_now();

    (void)arg;
    begin(&w, 0);
    PROA_GROUP(g);
    start(&g, &w, c, 3, NULL);
    ck_assert(!proa_once_is_done(w.once));
    ck_ok(proa_group_join(&g));
    ck_assert(proa_once_is_done(w.once));
    ck_assert_int_eq(proa_now() - began, 5);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(c[i].rc, 41);
    ck_assert_int_eq(proa_once_run(w.once, work, &w), 41);
    ck_assert_int_eq(w.calls, 1);
    proa_once_free(w.once);
    return 0;
}
START_TEST(all_get_the_result_of_one_call)
{
    t_run(once_body, NULL);
}
END_TEST

/* Two calls fail: each is told to its caller alone, the third one makes it. */
static int failures_body(void *arg)
{
    struct work w;
    struct caller c[4];
    int64_t began = proa_now();

    (void)arg;
    begin(&w, 2);
    PROA_GROUP(g);
    start(&g, &w, c, 4, NULL);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(c[0].rc, PROA_EPROTO);
    ck_assert_int_eq(c[1].rc, PROA_EPROTO);
    ck_assert_int_eq(c[2].rc, 43);
    ck_assert_int_eq(c[3].rc, 43);
    ck_assert_int_eq(w.calls, 3);
    ck_assert_int_eq(proa_now() - began, 15);
    proa_once_free(w.once);

    begin(&w, 1); /* nobody waits: the next call tries again */
    ck_err(proa_once_run(w.once, work, &w), PROA_EPROTO);
    ck_assert(!proa_once_is_done(w.once));
    ck_assert_int_eq(proa_once_run(w.once, work, &w), 42);
    proa_once_free(w.once);
    return 0;
}
START_TEST(failure_is_told_to_its_caller_and_the_next_tries_again)
{
    t_run_in_order(failures_body, NULL);
}
END_TEST

/* The one in it is cancelled: the next one does it. */
static int cancelled_runner_body(void *arg)
{
    struct work w;
    struct caller c[2];
    struct proa_task_ref ref[2];

    (void)arg;
    begin(&w, 0);
    PROA_GROUP(g);
    start(&g, &w, c, 2, ref);
    ck_ok(proa_task_cancel(ref[0]));
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(c[0].rc, PROA_ECANCELED);
    ck_assert_int_eq(c[1].rc, 42);
    proa_once_free(w.once);
    return 0;
}

struct breaker {
    struct work *work;
    struct proa_task_ref next; /* who waits behind */
};

/* Fails, and cancels the one whose turn it is now, before it runs. */
static int fail_and_cancel(void *arg)
{
    struct breaker *b = arg;

    ck_err(proa_once_run(b->work->once, work, b->work), PROA_EPROTO);
    return proa_task_cancel(b->next);
}

static int cancelled_chosen_body(void *arg)
{
    struct work w;
    struct caller c[2];
    struct proa_task_ref ref[2];

    (void)arg;
    begin(&w, 1);
    struct breaker b = {.work = &w};
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, fail_and_cancel, &b));
    ck_ok(proa_yield());
    start(&g, &w, c, 2, ref);
    b.next = ref[0];
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(c[0].rc, PROA_ECANCELED);
    ck_assert_int_eq(c[1].rc, 42); /* the cancelled one has not called */
    proa_once_free(w.once);
    return 0;
}

/* Done first, cancelled after: it has the result. */
static int done_then_cancelled_body(void *arg)
{
    struct work w;
    struct caller c[1];

    (void)arg;
    begin(&w, 0);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, call, &(struct caller){&w, 1}));
    ck_ok(proa_yield());
    start(&g, &w, c, 1, NULL);
    ck_ok(proa_sleep(3));
    ck_assert_int_eq(proa_once_run(w.once, work, &w), 41);
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(c[0].rc, 41);
    ck_err(PROA_WITHIN(0, proa_once_run(w.once, work, &w)), PROA_ETIMEDOUT);
    proa_once_free(w.once);
    return 0;
}
START_TEST(cancel_leaves_it_to_the_next)
{
    t_run_in_order(cancelled_runner_body, NULL);
    t_run_in_order(cancelled_chosen_body, NULL);
    t_run_in_order(done_then_cancelled_body, NULL);
}
END_TEST

static int call_itself(void *once)
{
    ck_err(proa_once_run(once, call_itself, once), PROA_EDEADLK);
    return 7;
}

static int again_body(void *arg)
{
    PROA_AUTO(proa_once) *once = NULL;

    (void)arg;
    ck_ok(proa_once_new(&once));
    ck_assert_int_eq(proa_once_run(once, call_itself, once), 7);
    return 0;
}

static int free_it(void *once)
{
    proa_once_free(once);
    return 0;
}

static int free_inside(void *arg)
{
    struct proa_once *once;

    (void)arg;
    ck_ok(proa_once_new(&once));
    return proa_once_run(once, free_it, once);
}
START_TEST(coming_back_is_a_deadlock_and_freeing_it_from_inside_aborts)
{
    t_run(again_body, NULL);
    t_run_aborts(free_inside, NULL, "proa_once_free: task main frees once 0x");
    t_run_aborts(free_inside, NULL, ", in which main is");
    proa_once_free(NULL);
}
END_TEST

static int crowd(void *arg)
{
    struct work w = {0};
    struct caller c[3];
    int rc = proa_once_new(&w.once);

    (void)arg;
    if (rc < 0)
        return rc;
    {
        PROA_GROUP(g);
        for (int i = 0; i < 3; i++) {
            c[i] = (struct caller){&w, 1};
            proa_create_task(&g, call, &c[i]);
        }
        rc = proa_group_join(&g);
    }
    ck_assert(rc < 0 || proa_once_is_done(w.once));
    proa_once_free(w.once);
    return rc;
}
START_TEST(cancel_at_each_point_and_each_failed_allocation_leave_it_to_others)
{
    t_each_park(crowd, NULL);
    t_run_each_alloc(crowd, NULL);
}
END_TEST

int main(void)
{
    return t_main("once",
                  (const TTest *const[]){
                      all_get_the_result_of_one_call,
                      failure_is_told_to_its_caller_and_the_next_tries_again,
                      cancel_leaves_it_to_the_next,
                      coming_back_is_a_deadlock_and_freeing_it_from_inside_aborts,
                      cancel_at_each_point_and_each_failed_allocation_leave_it_to_others, NULL});
}
