#include "core/loop.h"
#include "core/timer.h"
#include "support/t_run.h"
#include "support/test.h"

#include <proa/err.h>
#include <proa/group.h>
#include <proa/task.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char fired[32];

struct letter {
    struct timer timer;
    char c;
    struct letter *other; /* what it stops or starts */
};

static void note(void *arg)
{
    const struct letter *l = arg;

    strncat(fired, &l->c, 1);
}

static void start(struct letter *l, int64_t after)
{
    struct proa_loop *loop = proa_loop_current();

    proa__timer_start(loop, &l->timer, proa__loop_now(loop) + after, note, l);
}

static int by_deadline(void *arg)
{
    struct letter a = {.c = 'a'}, b = {.c = 'b'}, c = {.c = 'c'}, d = {.c = 'd'};

    (void)arg;
    start(&a, 3 * PROA_MS);
    start(&b, PROA_MS);
    start(&c, 3 * PROA_MS);
    start(&d, -PROA_SEC);
    ck_assert(timer_running(&a.timer));
    proa_sleep(2 * PROA_MS);
    ck_assert_str_eq(fired, "db");
    proa_sleep(PROA_MS);
    ck_assert_str_eq(fired, "dbac"); /* equal deadlines: as they were started */
    ck_assert(!timer_running(&a.timer));
    return 0;
}
START_TEST(timers_fire_by_deadline_and_order_of_start)
{
    t_run(by_deadline, NULL);
}
END_TEST

static int again_body(void *arg)
{
    struct letter a = {.c = 'a'}, b = {.c = 'b'}, c = {.c = 'c'};

    (void)arg;
    start(&a, PROA_MS);
    start(&b, PROA_MS);
    start(&c, PROA_MS);
    start(&a, PROA_MS); /* behind those that were there */
    proa_sleep(PROA_MS);
    ck_assert_str_eq(fired, "bca");
    return 0;
}
START_TEST(a_timer_started_again_for_its_moment_is_the_last_of_it)
{
    t_run(again_body, NULL);
}
END_TEST

static int not_a_moment_early(void *arg)
{
    struct letter a = {.c = 'a'};

    (void)arg;
    start(&a, 10);
    proa_sleep(9);
    ck_assert_str_eq(fired, "");
    proa_sleep(1);
    ck_assert_str_eq(fired, "a");
    return 0;
}
START_TEST(a_timer_fires_at_its_nanosecond)
{
    t_run(not_a_moment_early, NULL);
}
END_TEST

static int moved(void *arg)
{
    struct letter a = {.c = 'a'}, b = {.c = 'b'}, c = {.c = 'c'};

    (void)arg;
    start(&a, PROA_MS);
    start(&b, 5 * PROA_MS);
    start(&c, 9 * PROA_MS);
    start(&a, 7 * PROA_MS); /* later */
    start(&c, 2 * PROA_MS); /* earlier */
    proa_sleep(6 * PROA_MS);
    ck_assert_str_eq(fired, "cb");
    proa_sleep(PROA_MS);
    ck_assert_str_eq(fired, "cba");
    start(&a, PROA_MS);
    start(&a, 3 * PROA_MS); /* later, and back to between */
    start(&a, 2 * PROA_MS);
    proa_sleep(PROA_MS + PROA_MS / 2);
    ck_assert_str_eq(fired, "cba");
    proa_sleep(PROA_MS / 2);
    ck_assert_str_eq(fired, "cbaa");
    return 0;
}
START_TEST(a_moved_timer_fires_once_at_its_last_deadline)
{
    t_run(moved, NULL);
}
END_TEST

static int stopped(void *arg)
{
    struct letter a = {.c = 'a'}, b = {.c = 'b'};

    (void)arg;
    proa__timer_stop(&a.timer); /* never started */
    start(&a, PROA_MS);
    start(&b, PROA_MS);
    start(&a, 2 * PROA_MS);
    proa__timer_stop(&a.timer); /* while it is in its old place */
    proa__timer_stop(&a.timer);
    proa_sleep(3 * PROA_MS);
    ck_assert_str_eq(fired, "b");
    return 0;
}
START_TEST(a_stopped_timer_does_not_fire)
{
    t_run(stopped, NULL);
}
END_TEST

static void stop_other(void *arg)
{
    struct letter *l = arg;

    note(l);
    proa__timer_stop(&l->other->timer);
}

static int stopped_by_another(void *arg)
{
    struct letter b = {.c = 'b'}, a = {.c = 'a', .other = &b};
    struct proa_loop *loop = proa_loop_current();
    int64_t now = proa_now();

    (void)arg;
    proa__timer_start(loop, &a.timer, now + 5, stop_other, &a);
    proa__timer_start(loop, &b.timer, now + 5, note, &b);
    proa_sleep(10);
    ck_assert_str_eq(fired, "a");
    return 0;
}
START_TEST(a_callback_may_stop_another_that_is_due)
{
    t_run(stopped_by_another, NULL);
}
END_TEST

static unsigned turns;

static void count_turn(void *soon)
{
    turns++;
    proa__loop_soon(proa_loop_current(), soon, count_turn, soon);
}

static void again(void *arg)
{
    struct letter *l = arg;

    note(l);
    if (strlen(fired) < 5)
        proa__timer_start(proa_loop_current(), &l->timer, 0, again, l);
}

static int feeds_itself(void *arg)
{
    struct letter a = {.c = 'a'};
    struct soon soon = {0};

    (void)arg;
    count_turn(&soon);
    turns = 0;
    proa__timer_start(proa_loop_current(), &a.timer, 0, again, &a);
    while (strlen(fired) < 5)
        proa_yield();
    proa__loop_soon_cancel(&soon);
    ck_assert_uint_ge(turns, 5); /* one firing a turn */
    return 0;
}
START_TEST(a_timer_that_starts_itself_starves_nobody)
{
    t_run(feeds_itself, NULL);
}
END_TEST

static int spin(void *arg)
{
    const bool *stop = arg;

    while (!*stop)
        proa_yield();
    return 0;
}

static void set(void *arg)
{
    *(bool *)arg = true;
}

static int among_busy_tasks(void *arg)
{
    struct proa_loop *loop = proa_loop_current();
    struct timer t = {0};
    bool stop = false;

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 10; i++)
        proa_create_task(&g, spin, &stop);
    proa__timer_start(loop, &t, proa_now() + 2 * PROA_MS, set, &stop);
    return proa_group_join(&g);
}
START_TEST(timers_fire_while_tasks_are_always_ready)
{
    ck_ok(proa_run(among_busy_tasks, NULL, NULL));
}
END_TEST

static bool machine_is_busy(void)
{
    double load = 0;

    return getloadavg(&load, 1) == 1 && load > (double)sysconf(_SC_NPROCESSORS_ONLN);
}

/*
 * Never early, on the real clock; and where the machine has time for us, punctual more often than
 * the kernel's milliseconds alone would give.
 */
static int punctual(void *arg)
{
    static const int64_t spans[] = {50 * PROA_US, 1500 * PROA_US, 30 * PROA_MS, 80 * PROA_MS};

    (void)arg;
    for (int i = 0; i < 4; i++) {
        int good = 0;

        for (int tries = 0; tries < 20 && good < 6; tries++) {
            int64_t due = proa_now() + spans[i];

            proa_sleep_until(due);
            ck_assert_int_ge(proa_now(), due);
            good += proa_now() - due <= 200 * PROA_US;
        }
        ck_assert_msg(good == 6 || machine_is_busy(),
                      "%lld ns of sleep: only %d of 20 were punctual", (long long)spans[i], good);
    }
    return 0;
}
START_TEST(timers_are_never_early_and_hardly_late)
{
    ck_ok(proa_run(punctual, NULL, NULL));
}
END_TEST

/* The wake for the first is armed; the second is nearer, the third is not. */
static int nearer_ones(void *arg)
{
    struct letter a = {.c = 'a'}, b = {.c = 'b'}, c = {.c = 'c'};
    int64_t began = proa_now();

    (void)arg;
    start(&a, PROA_HOUR);
    proa_sleep(PROA_MS);
    start(&b, 40 * PROA_MS);
    proa_sleep(PROA_MS);
    start(&c, 2 * PROA_MS);
    proa_sleep(60 * PROA_MS);
    ck_assert_str_eq(fired, "cb");
    ck_assert_int_lt(proa_now() - began, 10 * PROA_SEC);
    proa__timer_stop(&a.timer);
    return 0;
}
START_TEST(a_nearer_deadline_is_not_missed)
{
    ck_ok(proa_run(nearer_ones, NULL, NULL));
}
END_TEST

struct nearer {
    struct proa_loop *loop;
    struct timer timer;
    int64_t fired_at;
};

static void note_time(void *arg)
{
    *(int64_t *)arg = proa_now();
}

static void start_nearer(void *arg)
{
    struct nearer *n = arg;

    proa__timer_start(n->loop, &n->timer, proa_now() + PROA_MS, note_time, &n->fired_at);
}

static void *post_nearer(void *arg)
{
    struct nearer *n = arg;

    usleep(2000); /* real time: the loop sleeps, its timerfd armed for later */
    proa_call_soon_threadsafe(n->loop, start_nearer, n);
    return NULL;
}

/* A few times, since on a busy machine the thread may come too late. */
static int nearer_than_armed(void *arg)
{
    bool before = false;

    (void)arg;
    for (int i = 0; i < 5 && !before; i++) {
        struct nearer n = {.loop = proa_loop_current()};
        int64_t due = proa_now() + 15 * PROA_MS;
        pthread_t thread;

        ck_assert_int_eq(pthread_create(&thread, NULL, post_nearer, &n), 0);
        proa_sleep_until(due);
        pthread_join(thread, NULL);
        before = n.fired_at && n.fired_at < due;
        proa__timer_stop(&n.timer);
    }
    ck_assert(before);
    return 0;
}
START_TEST(a_deadline_nearer_than_the_armed_one_is_not_missed)
{
    ck_ok(proa_run(nearer_than_armed, NULL, NULL));
}
END_TEST

static int counted(void *arg)
{
    static struct timer timers[100];
    struct proa_loop *loop = proa_loop_current();

    (void)arg;
    for (int i = 0; i < 100; i++)
        proa__timer_start(loop, &timers[i], proa_now() + (i * 37) % 100, set, &(bool){false});
    uint64_t before = t_alloc_count();
    for (int i = 0; i < 100; i++) {
        proa__timer_start(loop, &timers[i], proa_now() + (i * 61) % 100, set, &(bool){false});
        if (i % 2)
            proa__timer_stop(&timers[i]);
    }
    ck_assert_uint_eq(t_alloc_count(), before);
    for (int i = 0; i < 100; i++)
        proa__timer_stop(&timers[i]);
    return 0;
}
START_TEST(timers_allocate_nothing)
{
    t_run(counted, NULL);
}
END_TEST

/* ---- many, near and far */

enum { CROWD = 400 };

struct alarm {
    struct timer timer;
    int64_t when; /* PROA_FOREVER: it does not run */
    int number;   /* by order of their starts */
};

static struct alarm crowd[CROWD];
static int64_t last_when;
static int last_number;

/* Fires at its deadline; those of one deadline in the order of their starts. */
static void ring(void *arg)
{
    struct alarm *a = arg;

    ck_assert_int_eq(proa_now(), a->when);
    ck_assert(a->when > last_when || (a->when == last_when && a->number > last_number));
    last_when = a->when;
    last_number = a->number;
    a->when = PROA_FOREVER;
}

static int64_t rough_span(struct t_random *r)
{
    static const int64_t units[] = {PROA_MS, PROA_SEC, 100 * PROA_SEC, 10 * PROA_HOUR,
                                    1000 * PROA_HOUR};

    return units[t_random_below(r, 5)] * (int64_t)(1 + t_random_below(r, 20));
}

static int crowd_body(void *arg)
{
    struct t_random r = {.state = *(uint64_t *)arg};
    struct proa_loop *loop = proa_loop_current();

    last_when = 0;
    for (int i = 0; i < CROWD; i++)
        crowd[i].when = PROA_FOREVER;
    for (int i = 1; i < 20000; i++) {
        struct alarm *a = &crowd[t_random_below(&r, CROWD)];

        if (a->when == PROA_FOREVER || t_random_below(&r, 8) == 0) { /* started, or moved */
            proa__timer_stop(&a->timer);
            a->when = proa_now() / PROA_MS * PROA_MS + rough_span(&r);
            a->number = i;
            proa__timer_start(loop, &a->timer, a->when, ring, a);
        } else if (t_random_below(&r, 2)) {
            proa__timer_stop(&a->timer);
            a->when = PROA_FOREVER;
        } else if (t_random_below(&r, 4) == 0)
            ck_ok(proa_sleep(rough_span(&r) / 10));
    }
    for (int i = 0; i < CROWD; i++) {
        ck_assert_int_ge(crowd[i].when, proa_now()); /* none was missed */
        proa__timer_stop(&crowd[i].timer);
    }
    return 0;
}

/* Moved without a stop, they have no place among those of the same deadline: none has the same. */
static int moved_body(void *arg)
{
    struct t_random r = {.state = *(uint64_t *)arg};
    struct proa_loop *loop = proa_loop_current();

    last_when = 0;
    for (int i = 0; i < CROWD; i++)
        crowd[i].when = PROA_FOREVER;
    for (int i = 1; i < 20000; i++) {
        struct alarm *a = &crowd[t_random_below(&r, CROWD)];

        a->when = proa_now() + rough_span(&r) + (int64_t)t_random_below(&r, PROA_MS);
        a->number = i;
        proa__timer_start(loop, &a->timer, a->when, ring, a);
        if (t_random_below(&r, 4) == 0)
            ck_ok(proa_sleep(rough_span(&r) / 10 + 1));
    }
    for (int i = 0; i < CROWD; i++) {
        ck_assert_int_ge(crowd[i].when, proa_now()); /* none was missed */
        proa__timer_stop(&crowd[i].timer);
    }
    return 0;
}
START_TEST(a_random_crowd_fires_on_time_and_in_order)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        t_run(crowd_body, &seed);
        t_run(moved_body, &seed);
    }
}
END_TEST

int main(void)
{
    return t_main("timer", (const TTest *const[]){
                               timers_fire_by_deadline_and_order_of_start,
                               a_timer_started_again_for_its_moment_is_the_last_of_it,
                               a_timer_fires_at_its_nanosecond,
                               a_moved_timer_fires_once_at_its_last_deadline,
                               a_stopped_timer_does_not_fire,
                               a_callback_may_stop_another_that_is_due,
                               a_timer_that_starts_itself_starves_nobody,
                               timers_fire_while_tasks_are_always_ready,
                               timers_are_never_early_and_hardly_late,
                               a_nearer_deadline_is_not_missed,
                               a_deadline_nearer_than_the_armed_one_is_not_missed,
                               timers_allocate_nothing,
                               a_random_crowd_fires_on_time_and_in_order,
                               NULL,
                           });
}
