#include "support/t_run.h"

#include <proa/barrier.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <limits.h>

struct party {
    struct proa_barrier *barrier;
    int rc; /* 100: not back yet */
};

static int come(void *arg)
{
    struct party *p = arg;

    p->rc = proa_barrier_wait(p->barrier);
    return p->rc == PROA_EBARRIER ? 0 : p->rc;
}

/* Start n parties and let them come, one after the other. */
static void gather(struct proa_group *g, struct proa_barrier *b, struct party *p, int n)
{
    for (int i = 0; i < n; i++) {
        p[i] = (struct party){b, 100};
        ck_ok(proa_create_task(g, come, &p[i]));
        t_settle();
    }
}

static int numbers_body(void *arg)
{
    PROA_AUTO(proa_barrier) *b = NULL;
    struct party p[3];

    (void)arg;
    ck_ok(proa_barrier_new(&b, 4));
    for (int round = 0; round < 2; round++) {
        PROA_GROUP(g);
        gather(&g, b, p, 3);
        ck_assert_uint_eq(proa_barrier_waiting(b), 3);
        ck_assert_int_eq(proa_barrier_wait(b), 3);
        ck_assert_uint_eq(proa_barrier_waiting(b), 0);
        ck_ok(proa_group_join(&g));
        for (int i = 0; i < 3; i++)
            ck_assert_int_eq(p[i].rc, i);
    }
    return 0;
}
START_TEST(each_party_has_a_number_of_its_own)
{
    t_run_modes(numbers_body, NULL);
}
END_TEST

static int parties_body(void *arg)
{
    struct proa_barrier *b = NULL;

    (void)arg;
    ck_err(proa_barrier_new(&b, 0), PROA_EINVAL);
    ck_err(proa_barrier_new(&b, (size_t)-1), PROA_EINVAL);
    ck_err(proa_barrier_new(&b, (size_t)INT_MAX + 1), PROA_EINVAL);
    ck_assert_ptr_null(b);
    ck_ok(proa_barrier_new(&b, 1));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(proa_barrier_wait(b), 0);
    proa_barrier_free(b);
    ck_ok(proa_barrier_new(&b, INT_MAX));
    ck_err(PROA_WITHIN(1, proa_barrier_wait(b)), PROA_ETIMEDOUT);
    proa_barrier_free(b);
    return 0;
}
START_TEST(aio_bar_02_less_than_one_party_fails_and_one_never_waits)
{
    t_run_modes(parties_body, NULL);
}
END_TEST

/* The last of a round comes again before the others have run: it waits for the next round. */
static int next_round_body(void *arg)
{
    PROA_AUTO(proa_barrier) *b = NULL;
    struct party p[2];

    (void)arg;
    ck_ok(proa_barrier_new(&b, 3));
    PROA_GROUP(g);
    gather(&g, b, p, 2);
    ck_assert_int_eq(proa_barrier_wait(b), 2);
    ck_err(PROA_WITHIN(1, proa_barrier_wait(b)), PROA_ETIMEDOUT);
    ck_assert_int_eq(p[0].rc, 0);
    ck_assert_int_eq(p[1].rc, 1);
    gather(&g, b, p, 2);
    ck_assert_int_eq(proa_barrier_wait(b), 2);
    return proa_group_join(&g);
}
START_TEST(aio_bar_03_next_round_is_its_own)
{
    t_run_modes(next_round_body, NULL);
}
END_TEST

static int cancelled_body(void *arg)
{
    PROA_AUTO(proa_barrier) *b = NULL;
    struct party p[3];

    (void)arg;
    ck_ok(proa_barrier_new(&b, 3));
    {
        PROA_GROUP(leaving);
        gather(&leaving, b, p, 2);
        proa_group_cancel(&leaving);
        ck_assert_uint_eq(proa_barrier_waiting(b), 0);
    }
    ck_assert_int_eq(p[0].rc, PROA_ECANCELED);
    ck_assert(!proa_barrier_is_broken(b));
    ck_err(PROA_WITHIN(1, proa_barrier_wait(b)), PROA_ETIMEDOUT); /* we are not the last */
    PROA_GROUP(g);
    gather(&g, b, p, 2);
    ck_assert_int_eq(proa_barrier_wait(b), 2);
    return proa_group_join(&g);
}
START_TEST(aio_bar_04_cancelled_party_is_not_counted_and_breaks_nothing)
{
    t_run_modes(cancelled_body, NULL);
}
END_TEST

static int reset_body(void *arg)
{
    PROA_AUTO(proa_barrier) *b = NULL;
    struct party p[2];

    (void)arg;
    ck_ok(proa_barrier_new(&b, 3));
    PROA_GROUP(g);
    gather(&g, b, p, 2);
    proa_barrier_reset(b);
    ck_assert_uint_eq(proa_barrier_waiting(b), 0);
    t_settle();
    ck_assert_int_eq(p[0].rc, PROA_EBARRIER);
    ck_assert_int_eq(p[1].rc, PROA_EBARRIER);
    gather(&g, b, p, 2);
    ck_assert_int_eq(proa_barrier_wait(b), 2);
    return proa_group_join(&g);
}
START_TEST(aio_bar_05_reset_sends_waiters_away_and_begins_anew)
{
    t_run_modes(reset_body, NULL);
}
END_TEST

/* All were there, none has run yet: they have passed, and a reset does not undo that. */
static int reset_after_the_last_body(void *arg)
{
    PROA_AUTO(proa_barrier) *b = NULL;
    struct party p[2];

    (void)arg;
    ck_ok(proa_barrier_new(&b, 3));
    PROA_GROUP(g);
    gather(&g, b, p, 2);
    ck_assert_int_eq(proa_barrier_wait(b), 2);
    proa_barrier_reset(b);
    t_settle();
    ck_assert_int_eq(p[0].rc, 0);
    ck_assert_int_eq(p[1].rc, 1);
    gather(&g, b, p, 2);
    ck_assert_int_eq(proa_barrier_wait(b), 2);
    return proa_group_join(&g);
}
START_TEST(aio_bar_06_reset_after_the_last_has_come_undoes_nothing)
{
    t_run_modes(reset_after_the_last_body, NULL);
}
END_TEST

static int abort_body(void *arg)
{
    PROA_AUTO(proa_barrier) *b = NULL;
    struct party p[2];

    (void)arg;
    ck_ok(proa_barrier_new(&b, 3));
    proa_barrier_reset(b); /* nobody is there: nothing */
    ck_assert(!proa_barrier_is_broken(b));
    PROA_GROUP(g);
    gather(&g, b, p, 2);
    proa_barrier_abort(b);
    ck_assert(proa_barrier_is_broken(b));
    ck_err(proa_barrier_wait(b), PROA_EBARRIER);
    ck_err(proa_barrier_wait(b), PROA_EBARRIER);
    t_settle();
    ck_assert_int_eq(p[0].rc, PROA_EBARRIER);
    ck_assert_int_eq(p[1].rc, PROA_EBARRIER);
    proa_barrier_reset(b);
    ck_assert(!proa_barrier_is_broken(b));
    gather(&g, b, p, 2);
    ck_assert_int_eq(proa_barrier_wait(b), 2);
    return proa_group_join(&g);
}
START_TEST(aio_bar_07_abort_breaks_until_a_reset_which_is_nothing_when_idle)
{
    t_run_modes(abort_body, NULL);
}
END_TEST
START_TEST(aio_bar_08_nobody_waits_once_the_last_has_come)
{
    t_run_modes(numbers_body, NULL); /* asks before anybody of the round has run */
}
END_TEST

static int free_waited_for(void *arg)
{
    struct proa_barrier *b = NULL;
    struct party p[2];

    (void)arg;
    ck_ok(proa_barrier_new(&b, 3));
    PROA_GROUP(g);
    gather(&g, b, p, 2);
    proa_barrier_free(b);
    return 0;
}
START_TEST(freeing_a_barrier_under_a_waiter_aborts)
{
    t_run_aborts(free_waited_for, NULL, "proa_barrier_free: task main frees barrier 0x");
    t_run_aborts(free_waited_for, NULL, ", where 2 tasks wait");
    proa_barrier_free(NULL);
}
END_TEST

/* Whoever is cancelled breaks it for all: nobody waits for ever. */
static int come_or_abort(void *arg)
{
    int rc = proa_barrier_wait(arg);

    if (rc < 0)
        proa_barrier_abort(arg);
    return rc == PROA_EBARRIER ? 0 : rc;
}

static int meeting(void *arg)
{
    struct proa_barrier *b = NULL;
    int rc = proa_barrier_new(&b, 3);

    (void)arg;
    if (rc < 0)
        return rc;
    {
        PROA_GROUP(g);
        for (int i = 0; i < 3; i++)
            proa_create_task(&g, come_or_abort, b);
        rc = proa_group_join(&g);
    }
    ck_assert_uint_eq(proa_barrier_waiting(b), 0);
    proa_barrier_free(b);
    return rc;
}
START_TEST(cancel_at_each_point_and_each_failed_allocation_leave_nobody_behind)
{
    t_each_park(meeting, NULL);
    t_run_each_alloc(meeting, NULL);
}
END_TEST

int main(void)
{
    return t_main("barrier",
                  (const TTest *const[]){
                      each_party_has_a_number_of_its_own,
                      aio_bar_02_less_than_one_party_fails_and_one_never_waits,
                      aio_bar_03_next_round_is_its_own,
                      aio_bar_04_cancelled_party_is_not_counted_and_breaks_nothing,
                      aio_bar_05_reset_sends_waiters_away_and_begins_anew,
                      aio_bar_06_reset_after_the_last_has_come_undoes_nothing,
                      aio_bar_07_abort_breaks_until_a_reset_which_is_nothing_when_idle,
                      aio_bar_08_nobody_waits_once_the_last_has_come,
                      freeing_a_barrier_under_a_waiter_aborts,
                      cancel_at_each_point_and_each_failed_allocation_leave_nobody_behind, NULL});
}
