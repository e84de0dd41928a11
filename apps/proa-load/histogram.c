#include "histogram.h"

static unsigned index_of(uint64_t ns)
{
    if (ns < HISTOGRAM_LINEAR)
        return (unsigned)ns;

    unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - 10; /* leaves 11 bits: 1024 to 2047 */
    if (shift > HISTOGRAM_DOUBLINGS)
        return HISTOGRAM_BUCKETS - 1;
    return HISTOGRAM_LINEAR + (shift - 1) * HISTOGRAM_STEPS + (unsigned)(ns >> shift) -
           HISTOGRAM_STEPS;
}

static uint64_t low_end(unsigned index)
{
    if (index < HISTOGRAM_LINEAR)
        return index;

    unsigned shift = (index - HISTOGRAM_LINEAR) / HISTOGRAM_STEPS + 1;
    return ((uint64_t)(index - HISTOGRAM_LINEAR) % HISTOGRAM_STEPS + HISTOGRAM_STEPS) << shift;
}

static uint64_t high_end(unsigned index)
{
    return index + 1 < HISTOGRAM_BUCKETS ? low_end(index + 1) - 1 : UINT64_MAX;
}

void histogram_bucket(uint64_t ns, uint64_t *ret_low, uint64_t *ret_high)
{
    *ret_low = low_end(index_of(ns));
    *ret_high = high_end(index_of(ns));
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    if (!h->count || ns < h->min)
        h->min = ns;
    if (ns > h->max)
        h->max = ns;
    h->count++;
    h->sum += ns;
    h->buckets[index_of(ns)]++;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    if (!from->count)
        return;
    if (!into->count || from->min < into->min)
        into->min = from->min;
    if (from->max > into->max)
        into->max = from->max;
    into->count += from->count;
    into->sum += from->sum;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
}

uint64_t histogram_percentile(const struct histogram *h, double percent)
{
    uint64_t wanted = (uint64_t)((double)h->count * percent / 100 + 0.999999);
    uint64_t seen = 0;

    if (!h->count)
        return 0;
    if (wanted < 1)
        wanted = 1;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= wanted)
            return high_end(i) < h->max ? high_end(i) : h->max;
    }
    return h->max;
}
