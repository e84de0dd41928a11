#include "base/fail.h"
#include "core/group.h"
#include "core/loop.h"
#include "core/timer.h"
#include "support/t_run.h"

#include <proa/fault.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/time.h>

#include <pthread.h>
#include <string.h>

/* ---- what tasks of these tests do */

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

static int stubborn(void *arg)
{
    struct worker *w = arg;

    w->got = proa_sleep(w->ns);
    PROA_SHIELD(s, PROA_HOUR);
    proa_sleep(PROA_SEC);
    return w->rc;
}

struct faults {
    int n;
    int rc;
};

static void note_fault(const struct proa_fault *fault, void *arg)
{
    struct faults *f = arg;

    f->n++;
    f->rc = fault->rc;
}

/* ---- the end of a group */

/* AIO-TG-01, AIO-TG-30 */
static int success_body(void *arg)
{
    struct worker w[3] = {{.ns = 3}, {.ns = 1}, {.ns = 2}};
    int64_t began = proa_now();

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task(&g, work, &w[i]));
    ck_assert_uint_eq(proa_group_running(&g), 3);
    ck_assert_int_eq(proa_group_join(&g), 0);
    ck_assert_int_eq(proa_now() - began, 3);
    ck_assert_int_eq(proa_group_join(&g), 0);
    ck_assert_uint_eq(proa_group_errors(&g, NULL, 0), 0);

    PROA_GROUP(none);
    return proa_group_join(&none);
}
START_TEST(join_ends_with_the_last_task)
{
    t_run(success_body, NULL);
}
END_TEST

/* AIO-TG-02 */
static int first_failure_body(void *arg)
{
    struct worker w[3] = {{.ns = PROA_HOUR}, {.ns = PROA_SEC, .rc = PROA_EPIPE}, {.ns = PROA_HOUR}};
    int64_t began = proa_now();

    (void)arg;
    {
        PROA_GROUP(g);
        for (int i = 0; i < 3; i++)
            ck_ok(proa_create_task(&g, work, &w[i]));
        ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED); /* the body is cancelled too */
        ck_err(proa_group_join(&g), PROA_EPIPE);
        ck_assert_str_eq(proa_err_detail(PROA_EPIPE), "worker 32");
        ck_assert_int_eq(w[0].got, PROA_ECANCELED);
        ck_assert_int_eq(w[2].got, PROA_ECANCELED);
        ck_ok(proa_yield()); /* AIO-TG-12: after the join the rest of the frame is free */
        ck_err(proa_group_join(&g), PROA_EPIPE);
    }
    ck_assert_int_eq(proa_now() - began, PROA_SEC);
    return 0;
}
START_TEST(first_failure_cancels_the_rest_and_is_what_join_returns)
{
    t_run(first_failure_body, NULL);
}
END_TEST

/* AIO-TG-03, AIO-TG-14, AIO-GATHER-04: nothing is lost. */
static int all_failures_body(void *arg)
{
    struct worker w[3] = {
        {.ns = PROA_SEC, .rc = PROA_EPIPE},
        {.ns = PROA_SEC, .rc = PROA_EIO},
        {.ns = PROA_HOUR, .rc = PROA_EBADF},
    };
    struct proa_task_error e[4];

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, NULL, work, &w[0], PROA_TASK_OPTS(.name = "one")));
    ck_ok(proa_create_task_opts(&g, NULL, work, &w[1], PROA_TASK_OPTS(.name = "two")));
    ck_ok(proa_create_task_opts(&g, NULL, stubborn, &w[2], PROA_TASK_OPTS(.name = "three")));
    ck_err(proa_group_join(&g), PROA_EPIPE);
    ck_assert_uint_eq(proa_group_errors(&g, e, 4), 3);
    ck_assert_int_eq(e[0].rc, PROA_EPIPE);
    ck_assert_str_eq(e[0].name, "one");
    ck_assert_str_eq(e[0].detail, "worker 32");
    ck_assert_int_eq(e[1].rc, PROA_EIO);
    ck_assert_str_eq(e[1].name, "two");
    ck_assert_int_eq(e[2].rc, PROA_EBADF); /* swallowed the cancel and failed */
    ck_assert_str_eq(e[2].name, "three");
    memset(e, 0, sizeof e);
    ck_assert_uint_eq(proa_group_errors(&g, e, 1), 3);
    ck_assert_ptr_null(e[1].name);
    return 0;
}
START_TEST(all_failures_are_listed_the_first_first)
{
    t_run(all_failures_body, NULL);
}
END_TEST

static int own_cancel_body(void *arg)
{
    struct worker w = {.ns = PROA_HOUR};

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, work, &w));
    ck_ok(proa_yield());
    proa_group_cancel(&g);
    proa_group_cancel(&g);
    ck_err(proa_yield(), PROA_ECANCELED);
    ck_assert_int_eq(proa_group_join(&g), 0);
    ck_assert_int_eq(w.got, PROA_ECANCELED);
    proa_group_cancel(&g); /* too late is nothing */
    return proa_yield();
}
START_TEST(own_cancel_is_no_failure)
{
    t_run(own_cancel_body, NULL);
}
END_TEST

/* AIO-TG-08 */
static int outer_cancel_body(void *arg)
{
    struct worker w = {.ns = PROA_HOUR};

    (void)arg;
    PROA_SCOPE(s);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, work, &w));
    ck_ok(proa_yield());
    proa_scope_cancel(&s);
    ck_err(proa_group_join(&g), PROA_ECANCELED);
    ck_assert_int_eq(w.got, PROA_ECANCELED);
    ck_err(proa_group_join(&g), PROA_ECANCELED);
    return proa_scope_result(&s, PROA_ECANCELED);
}

/* AIO-TG-11: the failure wins, and the cancel is still there. */
static int failure_under_cancel_body(void *arg)
{
    struct worker w = {.ns = PROA_HOUR, .rc = PROA_EIO};

    (void)arg;
    PROA_SCOPE(s);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, stubborn, &w));
    ck_ok(proa_yield());
    proa_scope_cancel(&s);
    ck_err(proa_group_join(&g), PROA_EIO);
    ck_err(proa_yield(), PROA_ECANCELED);
    return proa_scope_result(&s, PROA_ECANCELED);
}
START_TEST(cancel_from_outside_cancels_the_tasks_and_a_failure_outweighs_it)
{
    t_run(outer_cancel_body, NULL);
    t_run(failure_under_cancel_body, NULL);
}
END_TEST

/* The timeout is opened inside the group, and is around the join all the same. */
static int join_within_body(void *arg)
{
    struct worker w = {.ns = PROA_HOUR};
    struct worker slow = {.ns = PROA_HOUR};
    int64_t began = proa_now();

    (void)arg;
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, work, &w));
        ck_err(PROA_WITHIN(PROA_SEC, proa_group_join(&g)), PROA_ETIMEDOUT);
        ck_assert_int_eq(w.got, PROA_ECANCELED);
        ck_assert_int_eq(proa_now() - began, PROA_SEC);
    }
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, stubborn, &slow)); /* one second of cleanup is waited for */
    ck_err(PROA_WITHIN(PROA_SEC, proa_group_join(&g)), PROA_ETIMEDOUT);
    ck_assert_int_eq(proa_now() - began, 3 * PROA_SEC);
    ck_ok(proa_yield());
    return 0;
}

/* What is around the join was cancelled before it began: the tasks learn of it all the same. */
static int join_in_cancelled_scope_body(void *arg)
{
    struct worker w = {.ns = PROA_HOUR};
    int64_t began = proa_now();

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, work, &w));
    ck_ok(proa_yield());
    ck_err(PROA_WITHIN(0, proa_group_join(&g)), PROA_ETIMEDOUT);
    ck_assert_int_eq(w.got, PROA_ECANCELED);
    ck_assert_int_eq(proa_now(), began);
    return proa_yield();
}
START_TEST(deadline_around_the_join_cancels_the_tasks_and_waits_for_them)
{
    t_run(join_within_body, NULL);
    t_run(join_in_cancelled_scope_body, NULL);
}
END_TEST

/* AIO-TG-27: the group is cancelled by the program, then an outer deadline passes. */
static int cancel_then_deadline_body(void *arg)
{
    struct worker w = {.ns = PROA_HOUR};

    (void)arg;
    PROA_TIMEOUT(t, PROA_MS);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, stubborn, &w));
    ck_ok(proa_yield());
    proa_group_cancel(&g);
    ck_err(proa_timeout_result(&t, proa_group_join(&g)), PROA_ETIMEDOUT);
    return 0;
}
START_TEST(outer_deadline_is_not_lost_in_a_group_that_was_cancelled)
{
    t_run(cancel_then_deadline_body, NULL);
}
END_TEST

/* A shield around the join protects tasks that were created outside of it. */
static int cancel_soon(void *scope)
{
    int rc = proa_sleep(PROA_MS);

    proa_scope_cancel(scope);
    return rc;
}

static int shielded_join_body(void *arg)
{
    struct worker w = {.ns = PROA_SEC};

    (void)arg;
    PROA_GROUP(others);
    PROA_SCOPE(s);
    ck_ok(proa_create_task(&others, cancel_soon, &s));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, work, &w));
    ck_ok(proa_yield());
    {
        PROA_SHIELD(shield, PROA_MIN);
        ck_ok(proa_group_join(&g));
    }
    ck_assert_int_eq(w.got, 0);
    ck_err(proa_yield(), PROA_ECANCELED);
    return 0;
}

/* But those that know of the cancel already stay cancelled. */
static int late_shield_body(void *arg)
{
    struct worker w = {.ns = PROA_HOUR};

    (void)arg;
    PROA_SCOPE(s);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, work, &w));
    ck_ok(proa_yield());
    proa_scope_cancel(&s);
    PROA_SHIELD(shield, PROA_MIN);
    ck_err(proa_group_join(&g), PROA_ECANCELED);
    ck_assert_int_eq(w.got, PROA_ECANCELED);
    ck_ok(proa_yield());
    return 0;
}
START_TEST(shield_around_the_join_protects_unless_it_comes_too_late)
{
    t_run(shielded_join_body, NULL);
    t_run(late_shield_body, NULL);
}
END_TEST

/* Two groups of one frame joined in the order of opening, not of leaving. */
static int interleaved_body(void *arg)
{
    struct worker a = {.ns = PROA_SEC};
    struct worker b = {.ns = 2 * PROA_SEC};
    struct worker c = {.ns = PROA_HOUR};

    (void)arg;
    PROA_GROUP(first);
    PROA_GROUP(second);
    ck_ok(proa_create_task(&first, work, &a));
    ck_ok(proa_create_task(&second, work, &b));
    ck_ok(proa_group_join(&first));
    ck_assert_int_eq(b.got, 0);
    ck_assert_uint_eq(proa_group_running(&second), 1);
    ck_ok(proa_create_task(&second, work, &c));
    ck_ok(proa_sleep(5 * PROA_SEC));
    proa_group_cancel(&second);
    ck_ok(proa_group_join(&second));
    ck_assert_int_eq(c.got, PROA_ECANCELED);
    return proa_yield();
}

/* The cancel of a group that is unlinked from the middle goes with it. */
static int cancelled_outer_group_body(void *arg)
{
    struct worker a = {.ns = PROA_HOUR};
    struct worker b = {.ns = PROA_SEC};

    (void)arg;
    PROA_GROUP(first);
    PROA_GROUP(second);
    ck_ok(proa_create_task(&first, work, &a));
    ck_ok(proa_yield());
    proa_group_cancel(&first);
    ck_err(proa_create_task(&second, work, &b), PROA_ECANCELED); /* it is inside the first */
    ck_ok(proa_group_join(&first));
    ck_ok(proa_create_task(&second, work, &b));
    ck_ok(proa_group_join(&second));
    ck_assert_int_eq(b.got, 0);
    return 0;
}
START_TEST(groups_of_one_frame_are_joined_in_any_order)
{
    t_run(interleaved_body, NULL);
    t_run(cancelled_outer_group_body, NULL);
}
END_TEST

/* AIO-TG-13: inner and outer child fail in the same turn. */
static int nested_failures_body(void *arg)
{
    struct worker a = {.ns = PROA_SEC, .rc = PROA_EIO};
    struct worker b = {.ns = PROA_SEC, .rc = PROA_EPIPE};

    (void)arg;
    PROA_GROUP(outer);
    ck_ok(proa_create_task(&outer, work, &a));
    {
        PROA_GROUP(inner);
        ck_ok(proa_create_task(&inner, work, &b));
        ck_err(proa_group_join(&inner), PROA_EPIPE);
    }
    ck_err(proa_yield(), PROA_ECANCELED);
    ck_err(proa_group_join(&outer), PROA_EIO);
    return 0;
}
START_TEST(inner_join_tells_the_inner_failure_and_the_outer_cancel_still_comes)
{
    t_run(nested_failures_body, NULL);
}
END_TEST

/* ---- left without join */

static int leave_early(struct worker *w)
{
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, work, w));
    ck_ok(proa_yield());
    return 3;
}

static int left_body(void *arg)
{
    struct worker w = {.ns = PROA_HOUR};
    struct faults f = {0};

    (void)arg;
    proa_fault_set(note_fault, &f);
    ck_assert_int_eq(leave_early(&w), 3);
    ck_assert_int_eq(w.got, PROA_ECANCELED);
    ck_assert_int_eq(f.n, 0);
    return proa_yield();
}
START_TEST(group_left_without_join_is_cancelled_and_waited_for)
{
    t_run(left_body, NULL);
}
END_TEST

static void leave_failure(bool joined)
{
    struct worker w = {.ns = 1, .rc = PROA_EIO};
    struct worker v = {.ns = PROA_HOUR, .rc = PROA_EPIPE};

    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, work, &w));
    ck_ok(proa_create_task(&g, stubborn, &v));
    ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED);
    if (joined)
        ck_err(proa_group_join(&g), PROA_EIO);
}

static int uncollected_body(void *arg)
{
    struct faults f = {0};

    (void)arg;
    proa_fault_set(note_fault, &f);
    leave_failure(true);
    ck_assert_int_eq(f.n, 0);
    leave_failure(false);
    ck_assert_int_eq(f.n, 2);
    ck_assert_int_eq(f.rc, PROA_EPIPE); /* the last of them */
    proa_fault_set(NULL, NULL);
    return 0;
}
START_TEST(failures_nobody_collected_reach_the_fault_handler)
{
    t_run(uncollected_body, NULL);
}
END_TEST

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
    t_run(places_body, NULL);
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
    return t_main("group", (const TTest *const[]){
                               join_ends_with_the_last_task,
                               first_failure_cancels_the_rest_and_is_what_join_returns,
                               all_failures_are_listed_the_first_first,
                               own_cancel_is_no_failure,
                               cancel_from_outside_cancels_the_tasks_and_a_failure_outweighs_it,
                               deadline_around_the_join_cancels_the_tasks_and_waits_for_them,
                               outer_deadline_is_not_lost_in_a_group_that_was_cancelled,
                               shield_around_the_join_protects_unless_it_comes_too_late,
                               groups_of_one_frame_are_joined_in_any_order,
                               inner_join_tells_the_inner_failure_and_the_outer_cancel_still_comes,
                               group_left_without_join_is_cancelled_and_waited_for,
                               failures_nobody_collected_reach_the_fault_handler,
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
