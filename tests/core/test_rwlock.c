#include "support/t_run.h"

#include <proa/group.h>
#include <proa/rwlock.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

struct library {
    struct proa_rwlock *lock;
    char order[32]; /* who came in, in turn */
    int readers;    /* inside now */
    int writers;
};

struct visitor {
    struct library *library;
    char name; /* a capital letter writes */
    int64_t ns;
};

static int visit(void *arg)
{
    struct visitor *v = arg;
    struct library *l = v->library;
    bool writes = v->name < 'a';
    int rc = writes ? proa_rwlock_acquire_write(l->lock) : proa_rwlock_acquire_read(l->lock);

    if (rc < 0)
        return rc;
    *(writes ? &l->writers : &l->readers) += 1;
    ck_assert(l->writers == 0 || (l->writers == 1 && l->readers == 0));
    strncat(l->order, &v->name, 1);
    rc = proa_sleep(v->ns);
    *(writes ? &l->writers : &l->readers) -= 1;
    if (writes)
        proa_rwlock_release_write(l->lock);
    else
        proa_rwlock_release_read(l->lock);
    return rc;
}

static void send(struct proa_group *g, struct visitor *v, int n, struct proa_task_ref *ref)
{
    for (int i = 0; i < n; i++)
        ck_ok(proa_create_task_opts(g, ref ? &ref[i] : NULL, visit, &v[i], NULL));
    ck_ok(proa_yield());
}

/* a and b read together; W alone; c and d together after it, not before; X alone. */
static int fifo_body(void *arg)
{
    struct library l = {0};
    struct visitor v[] = {{&l, 'a', 2}, {&l, 'b', 3}, {&l, 'W', 5},
                          {&l, 'c', 4}, {&l, 'd', 1}, {&l, 'X', 1}};
    int64_t began = proa_now();

    (void)arg;
    ck_ok(proa_rwlock_new(&l.lock));
    PROA_GROUP(g);
    send(&g, v, 6, NULL);
    ck_assert_str_eq(l.order, "ab");
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(l.order, "abWcdX");
    ck_assert_int_eq(proa_now() - began, 3 + 5 + 4 + 1);
    proa_rwlock_free(l.lock);
    return 0;
}
START_TEST(readers_share_and_all_are_served_in_the_order_they_came)
{
    t_run_in_order(fifo_body, NULL);
}
END_TEST

static int no_barging_body(void *arg)
{
    struct library l = {0};
    struct visitor v[] = {{&l, 'W', 1}, {&l, 'r', 1}};

    (void)arg;
    ck_ok(proa_rwlock_new(&l.lock));
    ck_ok(proa_rwlock_try_acquire_read(l.lock));
    ck_ok(proa_rwlock_try_acquire_read(l.lock));
    ck_err(proa_rwlock_try_acquire_write(l.lock), PROA_EAGAIN);
    PROA_GROUP(g);
    send(&g, v, 2, NULL);
    ck_err(proa_rwlock_try_acquire_read(l.lock), PROA_EAGAIN); /* a writer waits */
    proa_rwlock_release_read(l.lock);
    proa_rwlock_release_read(l.lock);
    ck_err(proa_rwlock_try_acquire_read(l.lock), PROA_EAGAIN); /* it is the writer's already */
    ck_err(proa_rwlock_try_acquire_write(l.lock), PROA_EAGAIN);
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(l.order, "Wr");
    ck_ok(proa_rwlock_try_acquire_write(l.lock));
    ck_err(proa_rwlock_try_acquire_read(l.lock), PROA_EAGAIN);
    proa_rwlock_release_write(l.lock);
    proa_rwlock_free(l.lock);
    return 0;
}
START_TEST(released_lock_belongs_to_the_waiter_before_it_runs)
{
    t_run_in_order(no_barging_body, NULL);
}
END_TEST

/* The writer in front is cancelled: the readers behind it join the one inside. */
static int writer_leaves_body(void *arg)
{
    struct library l = {0};
    struct visitor v[] = {{&l, 'W', 1}, {&l, 'a', 1}, {&l, 'b', 1}};
    struct proa_task_ref ref[3];

    (void)arg;
    ck_ok(proa_rwlock_new(&l.lock));
    ck_ok(proa_rwlock_acquire_read(l.lock));
    PROA_GROUP(g);
    send(&g, v, 3, ref);
    ck_ok(proa_task_cancel(ref[0]));
    ck_ok(PROA_WITHIN(PROA_SEC, proa_group_join(&g)));
    ck_assert_str_eq(l.order, "ab");
    proa_rwlock_release_read(l.lock);
    ck_ok(proa_rwlock_try_acquire_write(l.lock)); /* nobody was counted twice */
    proa_rwlock_release_write(l.lock);
    proa_rwlock_free(l.lock);
    return 0;
}

/* The same, and a newcomer comes before the cancelled one has run. */
static int newcomer_after_cancel_body(void *arg)
{
    struct library l = {0};
    struct visitor v[] = {{&l, 'W', 1}, {&l, 'a', 1}};
    struct proa_task_ref ref[2];

    (void)arg;
    ck_ok(proa_rwlock_new(&l.lock));
    ck_ok(proa_rwlock_acquire_read(l.lock));
    PROA_GROUP(g);
    send(&g, v, 2, ref);
    ck_ok(proa_task_cancel(ref[0]));
    ck_ok(proa_rwlock_try_acquire_read(l.lock));
    proa_rwlock_release_read(l.lock);
    proa_rwlock_release_read(l.lock);
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(l.order, "a");
    proa_rwlock_free(l.lock);
    return 0;
}

/* Given first, cancelled after, in the same turn: it has the lock, and gives it back. */
static int given_then_cancelled_body(void *arg)
{
    struct library l = {0};
    struct visitor v[] = {{&l, 'W', 1}, {&l, 'X', 1}};
    struct proa_task_ref ref[2];

    (void)arg;
    ck_ok(proa_rwlock_new(&l.lock));
    ck_ok(proa_rwlock_acquire_write(l.lock));
    PROA_GROUP(g);
    send(&g, v, 2, ref);
    proa_rwlock_release_write(l.lock);
    ck_ok(proa_task_cancel(ref[0]));
    ck_ok(proa_group_join(&g));
    ck_assert_str_eq(l.order, "WX");
    proa_rwlock_free(l.lock);
    return 0;
}
START_TEST(no_turn_is_lost_to_a_cancel)
{
    t_run_in_order(writer_leaves_body, NULL);
    t_run_in_order(newcomer_after_cancel_body, NULL);
    t_run_in_order(given_then_cancelled_body, NULL);
}
END_TEST

static int write_and_end(void *lock)
{
    int rc = proa_rwlock_acquire_write(lock);

    return rc < 0 ? rc : proa_sleep(1);
}

static int read_dead(void *lock)
{
    ck_err(proa_rwlock_acquire_read(lock), PROA_EOWNERDEAD);
    return 0;
}

static int own_body(void *arg)
{
    PROA_AUTO(proa_rwlock) *lock = NULL;

    (void)arg;
    ck_ok(proa_rwlock_new(&lock));
    ck_ok(proa_rwlock_acquire_write(lock));
    ck_err(proa_rwlock_acquire_write(lock), PROA_EDEADLK);
    ck_err(proa_rwlock_acquire_read(lock), PROA_EDEADLK);
    ck_err(PROA_WITHIN(0, proa_rwlock_acquire_read(lock)), PROA_ETIMEDOUT);
    proa_rwlock_release_write(lock);
    ck_err(PROA_WITHIN(0, proa_rwlock_acquire_read(lock)), PROA_ETIMEDOUT);
    ck_err(PROA_WITHIN(0, proa_rwlock_acquire_write(lock)), PROA_ETIMEDOUT);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, write_and_end, lock));
    ck_ok(proa_yield());
    ck_ok(proa_create_task(&g, read_dead, lock));
    ck_ok(proa_create_task(&g, read_dead, lock));
    ck_ok(proa_group_join(&g));
    ck_err(proa_rwlock_acquire_read(lock), PROA_EOWNERDEAD);
    ck_err(proa_rwlock_acquire_write(lock), PROA_EOWNERDEAD);
    ck_err(proa_rwlock_try_acquire_read(lock), PROA_EOWNERDEAD);
    ck_err(proa_rwlock_try_acquire_write(lock), PROA_EOWNERDEAD);
    return 0;
}
START_TEST(writer_is_known_and_missed_when_it_has_ended)
{
    t_run_in_order(own_body, NULL);
}
END_TEST

/* ---- misuse */

static int release_unread(void *arg)
{
    struct proa_rwlock *lock;

    (void)arg;
    ck_ok(proa_rwlock_new(&lock));
    ck_ok(proa_rwlock_acquire_write(lock));
    proa_rwlock_release_read(lock);
    return 0;
}

static int release_write_of_reader(void *arg)
{
    struct proa_rwlock *lock;

    (void)arg;
    ck_ok(proa_rwlock_new(&lock));
    ck_ok(proa_rwlock_acquire_read(lock));
    proa_rwlock_release_write(lock);
    return 0;
}

static int free_read(void *arg)
{
    struct proa_rwlock *lock;

    (void)arg;
    ck_ok(proa_rwlock_new(&lock));
    ck_ok(proa_rwlock_acquire_read(lock));
    proa_rwlock_free(lock);
    return 0;
}

static int free_written(void *arg)
{
    struct proa_rwlock *lock;

    (void)arg;
    ck_ok(proa_rwlock_new(&lock));
    ck_ok(proa_rwlock_acquire_write(lock));
    proa_rwlock_free(lock);
    return 0;
}

/* A waiter that was cancelled has not run yet: it still looks at the lock. */
static int free_waited_for(void *arg)
{
    struct library l = {0};
    struct visitor v = {&l, 'W', 1};

    (void)arg;
    ck_ok(proa_rwlock_new(&l.lock));
    ck_ok(proa_rwlock_acquire_read(l.lock));
    PROA_GROUP(g);
    send(&g, &v, 1, NULL);
    proa_group_cancel(&g);
    proa_rwlock_release_read(l.lock);
    proa_rwlock_free(l.lock);
    return 0;
}
START_TEST(misuse_of_a_rwlock_aborts)
{
    t_run_aborts(release_unread, NULL, "proa_rwlock_release_read: task main releases rwlock 0x");
    t_run_aborts(release_write_of_reader, NULL,
                 "proa_rwlock_release_write: task main does not write rwlock 0x");
    t_run_aborts(free_read, NULL, ", which 1 tasks read and nobody writes");
    t_run_aborts(free_written, NULL, ", which 0 tasks read and main writes");
    t_run_aborts(free_waited_for, NULL, ", for which 1 tasks wait");
    proa_rwlock_free(NULL);
}
END_TEST

static int open_day(void *arg)
{
    struct library l = {0};
    struct visitor v[] = {{&l, 'a', 1}, {&l, 'W', 1}, {&l, 'b', 2}, {&l, 'X', 1}, {&l, 'c', 1}};
    int rc = proa_rwlock_new(&l.lock);

    (void)arg;
    if (rc < 0)
        return rc;
    {
        PROA_GROUP(g);
        for (int i = 0; i < 5; i++)
            proa_create_task(&g, visit, &v[i]);
        rc = proa_group_join(&g);
    }
    ck_ok(proa_rwlock_try_acquire_write(l.lock));
    proa_rwlock_release_write(l.lock);
    proa_rwlock_free(l.lock);
    return rc;
}
START_TEST(cancel_at_each_point_and_each_failed_allocation_leave_it_free)
{
    t_each_park(open_day, NULL);
    t_run_each_alloc(open_day, NULL);
}
END_TEST

int main(void)
{
    return t_main("rwlock",
                  (const TTest *const[]){
                      readers_share_and_all_are_served_in_the_order_they_came,
                      released_lock_belongs_to_the_waiter_before_it_runs,
                      no_turn_is_lost_to_a_cancel, writer_is_known_and_missed_when_it_has_ended,
                      misuse_of_a_rwlock_aborts,
                      cancel_at_each_point_and_each_failed_allocation_leave_it_free, NULL});
}
