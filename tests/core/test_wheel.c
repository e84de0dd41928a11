#include "core/timer.h"
#include "core/wheel.h"
#include "support/test.h"

#include <proa/time.h>

#define TICK (INT64_C(1) << WHEEL_TICK)
#define BEGIN (12345 * TICK + 678)

enum { N = 300 };

static struct wheel wheel;
static struct timer timers[N];

static bool add(struct timer *t, int64_t when)
{
    *t = (struct timer){.node.key = when};
    return proa__wheel_add(&wheel, t);
}

/* How many are due at `now`, each of which must be. */
static size_t turn(int64_t now)
{
    struct list due;
    struct list *link;
    size_t n = 0;

    list_init(&due);
    proa__wheel_turn(&wheel, now, &due);
    while ((link = list_pop(&due))) {
        struct timer *t = CONTAINER_OF(link, struct timer, far);

        ck_assert_int_le(t->node.key >> WHEEL_TICK, now >> WHEEL_TICK);
        t->node.key = PROA_FOREVER; /* it has left */
        wheel.count--;
        n++;
    }
    return n;
}

START_TEST(what_is_due_in_a_tick_that_began_is_not_taken)
{
    proa__wheel_init(&wheel, BEGIN);
    ck_assert(!add(&timers[0], BEGIN));
    ck_assert(!add(&timers[0], INT64_MIN));
    ck_assert(!add(&timers[0], BEGIN / TICK * TICK + TICK - 1));
    ck_assert(add(&timers[0], BEGIN / TICK * TICK + TICK));
    ck_assert_uint_eq(wheel.count, 1);
}
END_TEST

START_TEST(what_is_too_far_off_is_not_taken)
{
    int64_t tick = BEGIN / TICK + 1;
    int64_t end = ((tick >> 2 * WHEEL_BITS) + WHEEL_SLOTS) << 2 * WHEEL_BITS; /* in ticks */

    proa__wheel_init(&wheel, BEGIN);
    ck_assert(add(&timers[0], end * TICK - 1));
    ck_assert(!add(&timers[1], end * TICK));
    ck_assert(!add(&timers[1], PROA_FOREVER - 1));
    ck_assert_int_ge((end - tick) * TICK, 51 * 24 * PROA_HOUR);
    ck_assert_uint_eq(turn(end * TICK - TICK - 1), 0);
    ck_assert_uint_eq(turn(end * TICK - TICK), 1);
}
END_TEST

START_TEST(an_empty_wheel_is_never_due)
{
    proa__wheel_init(&wheel, BEGIN);
    ck_assert(proa__wheel_next(&wheel) == PROA_FOREVER);
    ck_assert(add(&timers[0], BEGIN + PROA_HOUR));
    ck_assert(proa__wheel_next(&wheel) < BEGIN + PROA_HOUR);
    ck_assert(add(&timers[1], BEGIN + 2 * PROA_HOUR));
    proa__wheel_remove(&wheel, &timers[0]);
    ck_assert(proa__wheel_next(&wheel) > BEGIN + PROA_HOUR); /* nobody is woken for it */
    proa__wheel_remove(&wheel, &timers[1]);
    ck_assert(proa__wheel_next(&wheel) == PROA_FOREVER);
    ck_assert_uint_eq(turn(BEGIN + 1000 * PROA_HOUR), 0);
}
END_TEST

/* Around the borders of the levels, each tick alone: it comes out in that tick and in no other. */
START_TEST(every_timer_leaves_in_its_tick)
{
    static const int64_t ticks[] = {0,     1,     2,     254,   255,   256,     257,
                                    511,   512,   513,   65279, 65280, 65281,   65535,
                                    65536, 65537, 65791, 65792, 65793, 1000000, 16000000};

    for (size_t begin = 0; begin < 600; begin += 7) {
        for (size_t i = 0; i < sizeof ticks / sizeof ticks[0]; i++) {
            int64_t now = (int64_t)begin * TICK;
            int64_t when = (ticks[i] + (int64_t)begin + 1) * TICK + 5;

            proa__wheel_init(&wheel, now);
            ck_assert(add(&timers[0], when));
            while (proa__wheel_next(&wheel) < when / TICK * TICK) {
                int64_t next = proa__wheel_next(&wheel);

                ck_assert_int_gt(next, now);
                now = next;
                ck_assert_uint_eq(turn(now), 0);
            }
            ck_assert_uint_eq(turn(when / TICK * TICK - 1), 0);
            ck_assert_uint_eq(turn(when / TICK * TICK), 1);
        }
    }
}
END_TEST

static int64_t random_span(struct t_random *r)
{
    static const int64_t most[] = {TICK, 300 * TICK, 70000 * TICK, 10000000 * TICK};

    return (int64_t)t_random_below(r, (uint64_t)most[t_random_below(r, 4)]);
}

static int64_t earliest(void)
{
    int64_t first = PROA_FOREVER;

    for (int i = 0; i < N; i++)
        if (timers[i].node.key < first)
            first = timers[i].node.key;
    return first;
}

/* One random step; `now` afterwards. */
static int64_t step(struct t_random *r, int64_t now)
{
    struct timer *t = &timers[t_random_below(r, N)];
    size_t due = 0;

    if (t->node.key == PROA_FOREVER) {
        if (!add(t, now + random_span(r)))
            t->node.key = PROA_FOREVER;
        return now;
    }
    if (t_random_below(r, 3)) {
        proa__wheel_remove(&wheel, t);
        t->node.key = PROA_FOREVER;
        return now;
    }
    now = t_random_below(r, 2) ? now + random_span(r) : proa__wheel_next(&wheel);
    for (int i = 0; i < N; i++)
        due += timers[i].node.key >> WHEEL_TICK <= now >> WHEEL_TICK;
    ck_assert_uint_eq(turn(now), due);
    return now;
}

START_TEST(a_random_crowd_leaves_as_a_list_would)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct t_random r = {.state = seed};
        int64_t now = BEGIN + random_span(&r);

        proa__wheel_init(&wheel, now);
        for (int i = 0; i < N; i++)
            timers[i].node.key = PROA_FOREVER;
        for (int i = 0; i < 20000; i++) {
            size_t n = 0;

            now = step(&r, now);
            for (int k = 0; k < N; k++)
                n += timers[k].node.key != PROA_FOREVER;
            ck_assert_uint_eq(wheel.count, n);
            ck_assert(proa__wheel_next(&wheel) <= earliest());
            ck_assert(proa__wheel_next(&wheel) > now || !n);
        }
    }
}
END_TEST

int main(void)
{
    return t_main("wheel", (const TTest *const[]){
                               what_is_due_in_a_tick_that_began_is_not_taken,
                               what_is_too_far_off_is_not_taken,
                               an_empty_wheel_is_never_due,
                               every_timer_leaves_in_its_tick,
                               a_random_crowd_leaves_as_a_list_would,
                               NULL,
                           });
}
