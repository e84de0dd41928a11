#include "base/clock.h"
#include "support/test.h"

/* What is told is not before now, and not later than `slack` from now; `g` is glanced at every
 * `pause` nanoseconds. */
static void glance_often(struct clock_glance *g, int64_t pause)
{
    int64_t last = 0;

    for (int i = 0; i < 2000; i++) {
        int64_t before = proa__clock_mono();
        int64_t told = clock_glance(g);
        int64_t after = proa__clock_mono();

        ck_assert_int_ge(told, before);
        ck_assert_int_le(told, after + g->slack);
        ck_assert_int_ge(told, last);
        last = told;
        while (proa__clock_mono() < after + pause)
            ;
    }
}

START_TEST(a_glance_is_never_early)
{
    struct clock_glance g;

    proa__clock_glance_init(&g);
    for (int64_t pause = 0; pause < 8000; pause += 700)
        glance_often(&g, pause);
}
END_TEST

START_TEST(a_glance_without_a_counter_is_a_look)
{
    struct clock_glance g;

    proa__clock_glance_init(&g);
    g.lasts = 0;
    g.slack = 0;
    glance_often(&g, 0);
    glance_often(&g, 700);
}
END_TEST

START_TEST(glances_within_a_microsecond_are_one_look)
{
    struct clock_glance g;
    int same = 0;

    proa__clock_glance_init(&g);
    for (int i = 0; i < 10000; i++) {
        int64_t told = clock_glance(&g);

        same += clock_glance(&g) == told;
    }
    ck_assert(g.lasts ? same > 0 : same < 10000);
}
END_TEST

START_TEST(a_counter_that_went_back_makes_it_look)
{
    struct clock_glance g;

    proa__clock_glance_init(&g);
    g.ticks += UINT64_C(1) << 40;
    g.now = 0;
    ck_assert_int_ge(clock_glance(&g), proa__clock_mono() - PROA_SEC);
}
END_TEST

int main(void)
{
    return t_main("clock", (const TTest *const[]){a_glance_is_never_early,
                                                  a_glance_without_a_counter_is_a_look,
                                                  glances_within_a_microsecond_are_one_look,
                                                  a_counter_that_went_back_makes_it_look, NULL});
}
