#include "base/check.h"
#include "base/clock.h"
#include "base/opts.h"
#include "support/test.h"

#include <proa/time.h>

#include <string.h>
#include <time.h>

/* ---- time */

START_TEST(units_are_nanoseconds)
{
    ck_assert_int_eq(PROA_SEC, 1000000000);
    ck_assert_int_eq(250 * PROA_MS, 250000000);
    ck_assert_int_eq(PROA_US * 1000, PROA_MS);
    ck_assert_int_eq(PROA_NS * 1000, PROA_US);
    ck_assert_int_eq(PROA_HOUR, 3600 * PROA_SEC);
    ck_assert_int_eq(PROA_MIN * 60, PROA_HOUR);
    ck_assert(PROA_FOREVER == INT64_MAX);
}
END_TEST

START_TEST(adding_times_saturates)
{
    ck_assert_int_eq(proa_time_add(5, 7), 12);
    ck_assert_int_eq(proa_time_add(5, -7), -2);
    ck_assert(proa_time_add(PROA_FOREVER - 5, 4) == PROA_FOREVER - 1);
    ck_assert(proa_time_add(PROA_FOREVER - 5, 5) == PROA_FOREVER);
    ck_assert(proa_time_add(PROA_FOREVER - 5, 6) == PROA_FOREVER);
    ck_assert(proa_time_add(PROA_FOREVER, -6) == PROA_FOREVER);
    ck_assert(proa_time_add(-6, PROA_FOREVER) == PROA_FOREVER);
    ck_assert(proa_time_add(INT64_MIN + 5, -5) == INT64_MIN);
    ck_assert(proa_time_add(INT64_MIN + 5, -6) == INT64_MIN);
    ck_assert(proa_time_add(INT64_MIN, INT64_MIN) == INT64_MIN);
}
END_TEST

START_TEST(clocks_are_the_machines)
{
    struct timespec ts;
    int64_t before = proa__clock_mono();

    clock_gettime(CLOCK_MONOTONIC, &ts);
    int64_t now = ts.tv_sec * PROA_SEC + ts.tv_nsec;
    int64_t after = proa__clock_mono();
    ck_assert(before <= now && now <= after);
    clock_gettime(CLOCK_REALTIME, &ts);
    ck_assert(proa__clock_wall() >= ts.tv_sec * PROA_SEC + ts.tv_nsec);
    ck_assert(proa__clock_wall() / PROA_SEC - ts.tv_sec <= 10);
}
END_TEST

/* ---- options */

struct old_opts {
    size_t size;
    int a;
    int b;
};
struct new_opts {
    size_t size;
    int a;
    int b;
    int64_t c;
};
#define OLD_OPTS(...) PROA_OPTS(old_opts, __VA_ARGS__)
#define NEW_OPTS(...) PROA_OPTS(new_opts, __VA_ARGS__)

START_TEST(no_options_are_all_defaults)
{
    struct new_opts o;

    memset(&o, 0xff, sizeof o);
    ck_ok(proa__opts_copy(&o, sizeof o, NULL));
    ck_assert(o.size == sizeof o && o.a == 0 && o.b == 0 && o.c == 0);
    memset(&o, 0xff, sizeof o);
    ck_ok(proa__opts_copy(&o, sizeof o, NEW_OPTS()));
    ck_assert(o.size == sizeof o && o.a == 0 && o.b == 0 && o.c == 0);
    ck_ok(proa__opts_copy(&o, sizeof o, NEW_OPTS(.b = 2, .c = 3)));
    ck_assert(o.size == sizeof o && o.a == 0 && o.b == 2 && o.c == 3);
}
END_TEST

START_TEST(older_program_gets_defaults_for_what_is_new)
{
    struct new_opts o;

    memset(&o, 0xff, sizeof o);
    ck_ok(proa__opts_copy(&o, sizeof o, OLD_OPTS(.a = 1, .b = 2)));
    ck_assert(o.size == sizeof o && o.a == 1 && o.b == 2 && o.c == 0);
}
END_TEST

START_TEST(newer_program_is_served_unless_it_uses_what_is_new)
{
    struct old_opts o = {.a = 42};

    ck_ok(proa__opts_copy(&o, sizeof o, NEW_OPTS(.a = 1, .b = 2)));
    ck_assert(o.size == sizeof o && o.a == 1 && o.b == 2);
    o.a = 42;
    ck_err(proa__opts_copy(&o, sizeof o, NEW_OPTS(.a = 1, .c = INT64_MIN)), PROA_E2BIG);
    ck_err(proa__opts_copy(&o, sizeof o, NEW_OPTS(.a = 1, .c = 1)), PROA_E2BIG);
    ck_assert_int_eq(o.a, 42);
}
END_TEST

START_TEST(options_without_a_size_are_refused)
{
    struct old_opts o = {.a = 42};

    ck_err(proa__opts_copy(&o, sizeof o, &(struct old_opts){.a = 1}), PROA_EINVAL);
    ck_err(proa__opts_copy(&o, sizeof o, &(struct old_opts){.size = sizeof(size_t) - 1}),
           PROA_EINVAL);
    ck_assert_int_eq(o.a, 42);
    ck_ok(proa__opts_copy(&o, sizeof o, t_unreadable(&(size_t){sizeof(size_t)}, sizeof(size_t))));
    ck_assert_int_eq(o.a, 0);
}
END_TEST

/* ---- PROA_AUTO */

struct thing {
    int *freed;
};
static void thing_free(struct thing *t)
{
    if (t)
        ++*t->freed;
}
struct box {
    int *freed;
};
static void box_fini(struct box *b)
{
    ++*b->freed;
}
PROA_DEFINE_AUTO(thing, thing_free);
PROA_DEFINE_AUTO_VALUE(box, box_fini);

START_TEST(auto_frees_at_the_brace)
{
    int freed = 0;

    {
        struct thing one = {&freed};
        PROA_AUTO(thing) *t = &one;
        PROA_AUTO(thing) *none = NULL;
        PROA_AUTO(box) b = {&freed};
        ck_assert(t && !none && b.freed);
    }
    ck_assert_int_eq(freed, 2);
}
END_TEST

/* ---- PROA_CHECK */

struct object {
    unsigned magic;
};
enum { MAGIC_OBJECT = 0x0b1ec7 };

static void fail_check(void *arg)
{
    int n = 3;

    (void)arg;
    PROA_CHECK(n < 3, "the queue has %d waiters", n);
}
static void use_object(void *arg)
{
    struct object *object = arg;

    PROA_CHECK_OBJ(object, MAGIC_OBJECT);
}
static void fail_at_length(void *arg)
{
    PROA_CHECK(arg, "%*s", 1000, "long");
}

START_TEST(check_aborts_with_a_sentence)
{
    struct object object = {MAGIC_OBJECT + 1};

    t_aborts(fail_check, NULL, "proa: the queue has 3 waiters (test_defs.c:");
    t_aborts(use_object, NULL, "proa: use_object: object is NULL (");
    t_aborts(use_object, &object, "object is not what it should be: freed, or never made");
    t_aborts(fail_at_length, NULL, "          \n");
}
END_TEST

START_TEST(check_that_holds_does_nothing)
{
    struct object object = {MAGIC_OBJECT};
    int evaluated = 0;

    use_object(&object);
    PROA_CHECK(++evaluated == 1, "evaluated %d times", evaluated);
    ck_assert_int_eq(evaluated, 1);
}
END_TEST

int main(void)
{
    return t_main("defs",
                  (const TTest *const[]){
                      units_are_nanoseconds, adding_times_saturates, clocks_are_the_machines,
                      no_options_are_all_defaults, older_program_gets_defaults_for_what_is_new,
                      newer_program_is_served_unless_it_uses_what_is_new,
                      options_without_a_size_are_refused, auto_frees_at_the_brace,
                      check_aborts_with_a_sentence, check_that_holds_does_nothing, NULL});
}
