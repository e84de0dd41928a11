#include "apps/proa-load/histogram.h"
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 20000 };

static struct histogram h;
static struct histogram other;
static struct histogram both;
static uint64_t values[SAMPLES];
static uint64_t state = 88172645463325252u;

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Latencies of all sizes: each doubling from 1 ns to an hour equally likely. */
static uint64_t next_latency(void)
{
    return next_random() >> (64 - 1 - next_random() % 41);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void check_bucket(uint64_t ns)
{
    uint64_t low;
    uint64_t high;

    histogram_bucket(ns, &low, &high);
    ck_assert_uint_le(low, ns);
    ck_assert_uint_ge(high, ns);
    ck_assert_uint_le((high - low) * 1000, low); /* 0.1 % of its value */
}

START_TEST(a_bucket_is_no_wider_than_a_thousandth)
{
    for (uint64_t ns = 0; ns < 10000; ns++)
        check_bucket(ns);
    for (unsigned bit = 10; bit < 43; bit++)
        for (uint64_t ns = (UINT64_C(1) << bit) - 3; ns < (UINT64_C(1) << bit) + 4; ns++)
            check_bucket(ns);
    for (int i = 0; i < 100000; i++)
        check_bucket(next_latency());
}
END_TEST

START_TEST(buckets_follow_each_other_without_gap)
{
    uint64_t low;
    uint64_t high;
    uint64_t next = 0;
    unsigned n = 0;

    do {
        histogram_bucket(next, &low, &high);
        ck_assert_uint_eq(low, next);
        ck_assert_uint_ge(high, low);
        next = high + 1;
        n++;
    } while (high != UINT64_MAX);
    ck_assert_uint_eq(n, HISTOGRAM_BUCKETS);
}
END_TEST

START_TEST(small_values_are_exact)
{
    uint64_t low;
    uint64_t high;

    for (uint64_t ns = 0; ns < HISTOGRAM_LINEAR; ns++) {
        histogram_bucket(ns, &low, &high);
        ck_assert_uint_eq(low, ns);
        ck_assert_uint_eq(high, ns);
    }
}
END_TEST

START_TEST(percentiles_are_those_of_the_sorted_values)
{
    static const double percents[] = {0, 0.01, 1, 25, 50, 75, 90, 99, 99.9, 99.99, 100};

    for (size_t i = 0; i < SAMPLES; i++) {
        values[i] = next_latency();
        histogram_add(&h, values[i]);
    }
    qsort(values, SAMPLES, sizeof values[0], compare);
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        size_t rank = (size_t)(SAMPLES * percents[i] / 100 + 0.999999);
        uint64_t right = values[rank ? rank - 1 : 0];
        uint64_t got = histogram_percentile(&h, percents[i]);
        ck_assert_uint_ge(got, right);
        ck_assert_uint_le((got - right) * 1000, right);
    }
    ck_assert_uint_eq(histogram_percentile(&h, 100), values[SAMPLES - 1]);
}
END_TEST

START_TEST(a_percentile_is_reached_by_so_many_values)
{
    for (uint64_t ns = 1; ns <= 100; ns++)
        histogram_add(&h, ns);
    ck_assert_uint_eq(histogram_percentile(&h, 1), 1);
    ck_assert_uint_eq(histogram_percentile(&h, 50), 50);
    ck_assert_uint_eq(histogram_percentile(&h, 50.5), 51);
    ck_assert_uint_eq(histogram_percentile(&h, 99), 99);
    ck_assert_uint_eq(histogram_percentile(&h, 99.99), 100);
}
END_TEST

START_TEST(one_value_is_every_percentile)
{
    histogram_add(&h, 123456789);
    ck_assert_uint_eq(histogram_percentile(&h, 0), 123456789);
    ck_assert_uint_eq(histogram_percentile(&h, 50), 123456789);
    ck_assert_uint_eq(histogram_percentile(&h, 100), 123456789);
}
END_TEST

START_TEST(an_empty_one_says_zero)
{
    ck_assert_uint_eq(histogram_percentile(&h, 50), 0);
    histogram_merge(&h, &other);
    ck_assert_uint_eq(h.count, 0);
    ck_assert_uint_eq(histogram_percentile(&h, 100), 0);
}
END_TEST

START_TEST(the_sum_of_two_is_one_of_both)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        uint64_t ns = next_latency();
        histogram_add(i % 3 ? &h : &other, ns);
        histogram_add(&both, ns);
    }
    histogram_merge(&h, &other);
    ck_assert_mem_eq(&h, &both, sizeof h);
}
END_TEST

START_TEST(adding_to_an_empty_one_keeps_the_least)
{
    histogram_add(&other, 5000);
    histogram_add(&other, 7000);
    histogram_merge(&h, &other);
    ck_assert_mem_eq(&h, &other, sizeof h);
    ck_assert_uint_eq(h.min, 5000);
}
END_TEST

START_TEST(values_beyond_the_last_bucket_count_there)
{
    histogram_add(&h, UINT64_MAX);
    histogram_add(&h, UINT64_C(1) << 60);
    ck_assert_uint_eq(h.count, 2);
    ck_assert_uint_eq(h.buckets[HISTOGRAM_BUCKETS - 1], 2);
    ck_assert_uint_eq(histogram_percentile(&h, 50), UINT64_MAX);
}
END_TEST

int main(void)
{
    return t_main("histogram",
                  (const TTest *const[]){
                      a_bucket_is_no_wider_than_a_thousandth, buckets_follow_each_other_without_gap,
                      small_values_are_exact, percentiles_are_those_of_the_sorted_values,
                      a_percentile_is_reached_by_so_many_values, one_value_is_every_percentile,
                      an_empty_one_says_zero, the_sum_of_two_is_one_of_both,
                      adding_to_an_empty_one_keeps_the_least,
                      values_beyond_the_last_bucket_count_there, NULL});
}
