#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

/*
 * siphash: a keyed hash with which a stranger cannot aim at one bucket (SipHash-1-3, Aumasson and
 * Bernstein).
 *
 * Floor: base.
 */

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
    uint64_t k0;
    uint64_t k1;
};

uint64_t proa__siphash(struct siphash_key key, const void *bytes, size_t n);

#endif
