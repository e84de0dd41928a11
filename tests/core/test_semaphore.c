#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

struct taker {
    struct proa_semaphore *sem;
    char *order;
    char name;
    size_t n;
    int rc;
};

static int take(void *arg)
{
    struct taker *t = arg;

    t->rc = proa_semaphore_acquire_n(t->sem, t->n);
    if (t->rc >= 0)
        strncat(t->order, &t->name, 1);
    return t->rc == PROA_EINVAL ? 0 : t->rc;
}

/* a, b and c, each for one permit. */
static void take_all(struct taker t[3], struct proa_semaphore *sem, char *order)
{
    for (int i = 0; i < 3; i++)
        t[i] = (struct taker){sem, order, (char)('a' + i), 1, 1};
}

static int counting_body(void *arg)
{
    PROA_AUTO(proa_semaphore) *s = NULL;

    (void)arg;
    ck_ok(proa_semaphore_new(&s, 2, NULL));
    ck_assert_uint_eq(proa_semaphore_permits(s), 2);
    ck_ok(proa_semaphore_acquire(s));
    ck_ok(proa_semaphore_try_acquire(s));
    ck_err(proa_semaphore_try_acquire(s), PROA_EAGAIN);
    ck_err(PROA_WITHIN(1, proa_semaphore_acquire(s)), PROA_ETIMEDOUT);
    ck_ok(proa_semaphore_release(s));
    ck_assert_uint_eq(proa_semaphore_permits(s), 1);
    ck_ok(proa_semaphore_acquire(s));
    for (int i = 0; i < 5; i++)
        ck_ok(proa_semaphore_release(s)); /* without a limit, more than it began with */
    ck_assert_uint_eq(proa_semaphore_permits(s), 5);
    ck_err(PROA_WITHIN(0, proa_semaphore_acquire(s)), PROA_ETIMEDOUT);
    ck_assert_uint_eq(proa_semaphore_permits(s), 5);
    return 0;
}
START_TEST(permits_are_counted)
{
    t_run(counting_body, NULL);
}
END_TEST

/* A negative number is a large one: (size_t)-1. */
static int bad_numbers_body(void *arg)
{
    PROA_AUTO(proa_semaphore) *none = NULL;
    struct proa_semaphore *s = NULL;

    (void)arg;
    ck_ok(proa_semaphore_new(&none, 0, NULL));
    ck_err(PROA_WITHIN(1, proa_semaphore_acquire(none)), PROA_ETIMEDOUT);
    ck_err(proa_semaphore_new(&s, (size_t)-1, NULL), PROA_EINVAL);
    ck_err(proa_semaphore_new(&s, (size_t)INT64_MAX + 1, NULL), PROA_EINVAL);
    ck_err(proa_semaphore_new(&s, 1, PROA_SEMAPHORE_OPTS(.limit = (size_t)-1)), PROA_EINVAL);
    ck_err(proa_semaphore_new(&s, 3, PROA_SEMAPHORE_OPTS(.limit = 2)), PROA_EINVAL);
    ck_assert_ptr_null(s);
    ck_ok(proa_semaphore_new(&s, (size_t)INT64_MAX, NULL));
    ck_err(proa_semaphore_release(s), PROA_EINVAL);
    ck_assert_uint_eq(proa_semaphore_permits(s), (size_t)INT64_MAX);
    ck_err(proa_semaphore_acquire_n(s, (size_t)-1), PROA_EINVAL);
    ck_err(proa_semaphore_try_acquire_n(s, (size_t)-1), PROA_EINVAL);
    ck_ok(proa_semaphore_acquire_n(s, (size_t)INT64_MAX));
    ck_assert_uint_eq(proa_semaphore_permits(s), 0);
    ck_err(proa_semaphore_release_n(s, (size_t)-1), PROA_EINVAL);
    ck_ok(proa_semaphore_release_n(s, (size_t)INT64_MAX));
    proa_semaphore_free(s);
    return 0;
}
START_TEST(aio_sem_01_none_at_first_waits_and_a_negative_number_fails)
{
    t_run_modes(bad_numbers_body, NULL);
}
END_TEST

/* ---- order */

static int fifo_body(void *arg)
{
    PROA_AUTO(proa_semaphore) *s = NULL;
    struct taker t[3];
    char order[8] = "";

    (void)arg;
    ck_ok(proa_semaphore_new(&s, 0, NULL));
    take_all(t, s, order);
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task(&g, take, &t[i]));
    ck_ok(proa_yield());
    ck_ok(proa_semaphore_release(s));
    ck_assert_uint_eq(proa_semaphore_permits(s), 0);
    ck_err(proa_semaphore_try_acquire(s), PROA_EAGAIN); /* it is the waiter's */
    ck_ok(proa_semaphore_release(s));
    ck_ok(proa_semaphore_release(s));
    ck_ok(proa_semaphore_release(s));
    ck_assert_uint_eq(proa_semaphore_permits(s), 1);
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(order, "abc");
    return 0;
}
START_TEST(aio_sem_02_released_permit_is_the_waiters)
{
    t_run_in_turn(fifo_body, NULL);
}
END_TEST
START_TEST(aio_sem_06_several_releases_wake_several_waiters_in_order)
{
    t_run_in_turn(fifo_body, NULL);
}
END_TEST

/* ---- cancels */

static int cancelled_waiter_body(void *arg)
{
    PROA_AUTO(proa_semaphore) *s = NULL;
    struct taker t[3];
    struct proa_task_ref first;
    char order[8] = "";

    (void)arg;
    ck_ok(proa_semaphore_new(&s, 0, NULL));
    take_all(t, s, order);
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &first, take, &t[0], NULL));
    ck_ok(proa_create_task(&g, take, &t[1]));
    ck_ok(proa_create_task(&g, take, &t[2]));
    ck_ok(proa_yield());
    ck_ok(proa_task_cancel(first));
    ck_ok(proa_semaphore_release(s));
    ck_ok(proa_semaphore_release(s));
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(order, "bc");
    ck_assert_uint_eq(proa_semaphore_permits(s), 0);
    return 0;
}
START_TEST(aio_sem_05_first_waiter_cancelled_and_two_releases_let_the_others_in)
{
    t_run_in_turn(cancelled_waiter_body, NULL);
}
END_TEST

static int use_permit(void *arg)
{
    struct proa_semaphore *s = arg;
    int rc = proa_semaphore_acquire(s);

    if (rc < 0)
        return rc;
    rc = proa_sleep(1);
    ck_ok(proa_semaphore_release(s));
    return rc;
}

/* The waiter was given the permit before the cancel: it has it, gives it back, the next has it. */
static int given_then_cancelled_body(void *arg)
{
    PROA_AUTO(proa_semaphore) *s = NULL;
    struct proa_task_ref first;
    struct proa_task_ref second;

    (void)arg;
    ck_ok(proa_semaphore_new(&s, 0, NULL));
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &first, use_permit, s, NULL));
    t_settle();
    ck_ok(proa_create_task_opts(&g, &second, use_permit, s, NULL));
    t_settle();
    ck_ok(proa_semaphore_release(s));
    ck_ok(proa_task_cancel(first));
    ck_err(proa_task_join(first), PROA_ETASKCANCELED);
    ck_ok(proa_task_join(second));
    ck_assert_uint_eq(proa_semaphore_permits(s), 1);
    return proa_group_join(&g);
}
START_TEST(aio_sem_04_permit_of_a_cancelled_waiter_comes_to_the_next)
{
    t_run_modes(given_then_cancelled_body, NULL);
}
END_TEST

/* ---- several at a time */

/* Three are wanted: two do not do, and nobody slips past. */
static int many_body(void *arg)
{
    PROA_AUTO(proa_semaphore) *s = NULL;
    char order[8] = "";

    (void)arg;
    ck_ok(proa_semaphore_new(&s, 2, PROA_SEMAPHORE_OPTS(.limit = 6)));
    struct taker t[2] = {{s, order, '3', 3, 1}, {s, order, '1', 1, 1}};
    PROA_GROUP(g);
    ck_ok(proa_semaphore_acquire_n(s, 0)); /* none are there at once */
    ck_ok(proa_create_task(&g, take, &t[0]));
    ck_ok(proa_create_task(&g, take, &t[1]));
    ck_ok(proa_yield());
    ck_err(proa_semaphore_try_acquire(s), PROA_EAGAIN);
    ck_assert_uint_eq(proa_semaphore_permits(s), 2);
    ck_ok(proa_semaphore_release_n(s, 2));
    ck_assert_uint_eq(proa_semaphore_permits(s), 0);
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(order, "31");
    return 0;
}

/* Who wants most is first and leaves: there is enough for the one behind. */
static int large_one_leaves_body(void *arg)
{
    PROA_AUTO(proa_semaphore) *s = NULL;
    struct proa_task_ref large;
    char order[8] = "";

    (void)arg;
    ck_ok(proa_semaphore_new(&s, 2, NULL));
    struct taker t[2] = {{s, order, '3', 3, 1}, {s, order, '1', 1, 1}};
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &large, take, &t[0], NULL));
    ck_ok(proa_create_task(&g, take, &t[1]));
    ck_ok(proa_yield());
    ck_ok(proa_task_cancel(large));
    ck_ok(PROA_WITHIN(PROA_SEC, proa_group_join(&g)));
    ck_assert_str_eq(order, "1");
    ck_assert_uint_eq(proa_semaphore_permits(s), 1);
    return 0;
}

/* The same, and a newcomer comes before the cancelled one has run. */
static int newcomer_after_cancel_body(void *arg)
{
    PROA_AUTO(proa_semaphore) *s = NULL;
    struct proa_task_ref large;
    char order[8] = "";

    (void)arg;
    ck_ok(proa_semaphore_new(&s, 2, NULL));
    struct taker t[2] = {{s, order, '3', 3, 1}, {s, order, '1', 1, 1}};
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &large, take, &t[0], NULL));
    ck_ok(proa_create_task(&g, take, &t[1]));
    ck_ok(proa_yield());
    ck_ok(proa_task_cancel(large));
    ck_ok(proa_semaphore_try_acquire(s)); /* of two, one was for him who waited */
    ck_err(proa_semaphore_try_acquire(s), PROA_EAGAIN);
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(order, "1");
    return 0;
}
START_TEST(several_permits_are_taken_at_once_in_order)
{
    t_run_in_order(many_body, NULL);
    t_run_in_order(large_one_leaves_body, NULL);
    t_run_in_order(newcomer_after_cancel_body, NULL);
}
END_TEST

/* ---- resizing */

/* Four are taken when the limit becomes two: two of them disappear as they come back. */
static int smaller_body(void *arg)
{
    PROA_AUTO(proa_semaphore) *s = NULL;

    (void)arg;
    ck_ok(proa_semaphore_new(&s, 4, PROA_SEMAPHORE_OPTS(.limit = 4)));
    ck_ok(proa_semaphore_acquire_n(s, 4));
    ck_ok(proa_semaphore_resize(s, 2));
    ck_assert_uint_eq(proa_semaphore_permits(s), 0);
    ck_ok(proa_semaphore_release_n(s, 2));
    ck_assert_uint_eq(proa_semaphore_permits(s), 0);
    ck_err(proa_semaphore_try_acquire(s), PROA_EAGAIN);
    ck_err(proa_semaphore_release_n(s, 3), PROA_EINVAL);
    ck_ok(proa_semaphore_release(s));
    ck_assert_uint_eq(proa_semaphore_permits(s), 1);
    ck_err(proa_semaphore_acquire_n(s, 3), PROA_EINVAL);
    ck_ok(proa_semaphore_resize(s, 4));
    ck_assert_uint_eq(proa_semaphore_permits(s), 3);
    ck_ok(proa_semaphore_acquire_n(s, 3));
    ck_ok(proa_semaphore_resize(s, 2));
    ck_ok(proa_semaphore_release_n(s, 4)); /* all at once, and more than the limit */
    ck_assert_uint_eq(proa_semaphore_permits(s), 2);
    return 0;
}

/* Who wants more than there can ever be is turned away; the one behind has what it wants. */
static int turned_away_body(void *arg)
{
    PROA_AUTO(proa_semaphore) *s = NULL;
    char order[8] = "";

    (void)arg;
    ck_ok(proa_semaphore_new(&s, 3, PROA_SEMAPHORE_OPTS(.limit = 4)));
    struct taker t[2] = {{s, order, '4', 4, 1}, {s, order, '2', 2, 1}};
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, take, &t[0]));
    ck_ok(proa_create_task(&g, take, &t[1]));
    ck_ok(proa_yield());
    ck_ok(proa_semaphore_resize(s, 3));
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(t[0].rc, PROA_EINVAL);
    ck_assert_str_eq(order, "2");
    ck_assert_uint_eq(proa_semaphore_permits(s), 0);
    return 0;
}

static int larger_body(void *arg)
{
    PROA_AUTO(proa_semaphore) *s = NULL;
    struct taker t[3];
    char order[8] = "";

    (void)arg;
    ck_ok(proa_semaphore_new(&s, 0, PROA_SEMAPHORE_OPTS(.limit = 1)));
    take_all(t, s, order);
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task(&g, take, &t[i]));
    ck_ok(proa_yield());
    ck_ok(proa_semaphore_resize(s, 3)); /* two more: two are served at once */
    ck_ok(proa_yield());
    ck_assert_str_eq(order, "ab");
    ck_ok(proa_semaphore_release(s));
    return proa_group_join(&g);
}

static int bad_sizes_body(void *arg)
{
    PROA_AUTO(proa_semaphore) *s = NULL;
    PROA_AUTO(proa_semaphore) *endless = NULL;

    (void)arg;
    ck_ok(proa_semaphore_new(&s, 1, PROA_SEMAPHORE_OPTS(.limit = 2)));
    ck_err(proa_semaphore_resize(s, 0), PROA_EINVAL);
    ck_err(proa_semaphore_resize(s, (size_t)-1), PROA_EINVAL);
    ck_err(proa_semaphore_resize(s, (size_t)INT64_MAX), PROA_EINVAL);
    ck_assert_uint_eq(proa_semaphore_permits(s), 1);
    ck_ok(proa_semaphore_release(s));
    ck_err(proa_semaphore_release(s), PROA_EINVAL);
    ck_ok(proa_semaphore_new(&endless, 1, NULL));
    ck_err(proa_semaphore_resize(endless, 2), PROA_EINVAL);
    ck_assert_uint_eq(proa_semaphore_permits(endless), 1);
    return 0;
}
START_TEST(limit_can_be_changed_while_permits_are_out)
{
    t_run(smaller_body, NULL);
    t_run_in_order(turned_away_body, NULL);
    t_run_in_order(larger_body, NULL);
    t_run(bad_sizes_body, NULL);
}
END_TEST

/* ---- limit, misuse */

static int limit_body(void *arg)
{
    PROA_AUTO(proa_semaphore) *s = NULL;
    struct proa_semaphore *none = NULL;
    struct {
        struct proa_semaphore_opts opts;
        int more;
    } newer = {.opts = {.size = sizeof newer}, .more = 1};

    (void)arg;
    ck_err(proa_semaphore_new(&none, 1, &newer.opts), PROA_E2BIG);
    ck_assert_ptr_null(none);
    ck_ok(proa_semaphore_new(&s, 2, PROA_SEMAPHORE_OPTS(.limit = 2)));
    ck_ok(proa_semaphore_acquire(s));
    ck_ok(proa_semaphore_release(s));
    ck_assert_uint_eq(proa_semaphore_permits(s), 2);
    ck_err(proa_semaphore_release(s), PROA_EINVAL);
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_EINVAL), "task main gives 1 permits"));
    ck_assert_uint_eq(proa_semaphore_permits(s), 2);
    return 0;
}
START_TEST(aio_sem_07_release_beyond_the_limit_fails_and_changes_nothing)
{
    t_run_modes(limit_body, NULL);
}
END_TEST

static int free_waited_for(void *arg)
{
    const bool *cancel = arg;
    struct proa_semaphore *s;
    struct taker t[3];
    char order[8] = "";

    ck_ok(proa_semaphore_new(&s, 0, NULL));
    take_all(t, s, order);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, take, &t[0]));
    ck_ok(proa_yield());
    if (cancel)
        proa_group_cancel(&g); /* who is cancelled still has to look at it */
    proa_semaphore_free(s);
    return 0;
}
START_TEST(freeing_a_semaphore_under_a_waiter_aborts)
{
    bool cancelled = true;

    t_run_aborts(free_waited_for, NULL, "proa_semaphore_free: task main frees semaphore 0x");
    t_run_aborts(free_waited_for, NULL, ", for which 1 tasks wait");
    t_run_aborts(free_waited_for, &cancelled, ", for which 1 tasks wait");
    proa_semaphore_free(NULL);
}
END_TEST

static int users(void *arg)
{
    struct proa_semaphore *s = NULL;
    int rc = proa_semaphore_new(&s, 2, NULL);

    (void)arg;
    if (rc < 0)
        return rc;
    {
        PROA_GROUP(g);
        for (int i = 0; i < 4; i++)
            proa_create_task(&g, use_permit, s);
        rc = proa_group_join(&g);
    }
    ck_assert_uint_eq(proa_semaphore_permits(s), 2);
    proa_semaphore_free(s);
    return rc;
}
START_TEST(cancel_at_each_point_and_each_failed_allocation_lose_no_permit)
{
    t_each_park(users, NULL);
    t_run_each_alloc(users, NULL);
}
END_TEST

static int closed_body(void *arg)
{
    PROA_AUTO(proa_semaphore) *s = NULL;
    struct taker t[3];
    char order[8] = "";

    (void)arg;
    ck_ok(proa_semaphore_new(&s, 1, PROA_SEMAPHORE_OPTS(.limit = 2)));
    ck_ok(proa_semaphore_acquire(s));
    take_all(t, s, order);
    PROA_GROUP(g, .kind = PROA_GROUP_SUPERVISE);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task(&g, take, &t[i]));
    t_settle();
    ck_ok(proa_semaphore_release(s)); /* somebody has it; then it closes */
    proa_semaphore_close(s);
    ck_err(proa_group_join(&g), PROA_ECLOSED);
    ck_assert_uint_eq(strlen(order), 1);
    for (int i = 0; i < 3; i++)
        ck_assert(t[i].rc == 0 || t[i].rc == PROA_ECLOSED);
    ck_ok(proa_semaphore_release(s));
    ck_assert_uint_eq(proa_semaphore_permits(s), 1);
    ck_err(proa_semaphore_acquire(s), PROA_ECLOSED);
    ck_err(proa_semaphore_try_acquire(s), PROA_ECLOSED);
    ck_ok(proa_semaphore_resize(s, 5));
    proa_semaphore_close(s);
    ck_err(proa_semaphore_acquire_n(s, 2), PROA_ECLOSED);
    return 0;
}
START_TEST(a_closed_semaphore_gives_no_more)
{
    t_run_modes(closed_body, NULL);
}
END_TEST

int main(void)
{
    return t_main(
        "semaphore",
        (const TTest *const[]){
            permits_are_counted, aio_sem_01_none_at_first_waits_and_a_negative_number_fails,
            aio_sem_02_released_permit_is_the_waiters,
            aio_sem_06_several_releases_wake_several_waiters_in_order,
            aio_sem_05_first_waiter_cancelled_and_two_releases_let_the_others_in,
            aio_sem_04_permit_of_a_cancelled_waiter_comes_to_the_next,
            several_permits_are_taken_at_once_in_order, limit_can_be_changed_while_permits_are_out,
            aio_sem_07_release_beyond_the_limit_fails_and_changes_nothing,
            freeing_a_semaphore_under_a_waiter_aborts,
            cancel_at_each_point_and_each_failed_allocation_lose_no_permit,
            a_closed_semaphore_gives_no_more, NULL});
}
