#ifndef LOAD_HISTOGRAM_H
#define LOAD_HISTOGRAM_H

/*
 * histogram: how often each latency came, in constant memory.
 *
 * Log-linear: exact below 2048 ns, and from there 1024 buckets for each doubling, so any value is
 * known to within 0.1 %. Counts are exact, and histograms of several threads add up without loss.
 */

#include <stdint.h>

enum {
    HISTOGRAM_LINEAR = 2048,  /* values that have a bucket each */
    HISTOGRAM_STEPS = 1024,   /* buckets for each further doubling */
    HISTOGRAM_DOUBLINGS = 32, /* up to 2^43 ns, 2.4 hours; longer ones count as that */
    HISTOGRAM_BUCKETS = HISTOGRAM_LINEAR + HISTOGRAM_STEPS * HISTOGRAM_DOUBLINGS,
};

struct histogram {
    uint64_t count;
    uint64_t sum;
    uint64_t min;
    uint64_t max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* A zeroed histogram is an empty one. */
void histogram_add(struct histogram *h, uint64_t ns);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The value that `percent` of all are at most: a bucket's upper end, never above the maximum. 0
 * when empty. */
uint64_t histogram_percentile(const struct histogram *h, double percent);

/* The least and the greatest value of the bucket of `ns`, for tests and plots. */
void histogram_bucket(uint64_t ns, uint64_t *ret_low, uint64_t *ret_high);

#endif
