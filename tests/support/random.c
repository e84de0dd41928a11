#include "support/test.h"

/* splitmix64 (Steele, Lea, Flood 2014) */
uint64_t t_random_next(struct t_random *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

uint64_t t_random_below(struct t_random *r, uint64_t bound)
{
    return t_random_next(r) % bound;
}
