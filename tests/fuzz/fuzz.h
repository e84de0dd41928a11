#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

/*
 * fuzz: what a fuzz target is.
 *
 * A file fuzz_X.c defines LLVMFuzzerTestOneInput, as for libFuzzer, and fuzz_seeds. It holds what
 * must be true of any input: that nothing is read or written out of bounds is found by the guard
 * page and the sanitizers, the rest it says with FUZZ_CHECK.
 *
 * In make check it is linked with driver.c, which makes inputs of the seeds by a fixed sequence of
 * pseudo-random changes. make check-long links the same file with libFuzzer (tests/fuzz/long).
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Inputs to begin with, ended by {NULL, 0}. */
struct fuzz_seed {
    const char *p;
    size_t n;
};

#define FUZZ_SEED(literal)                                                                         \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

extern const struct fuzz_seed fuzz_seeds[];

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define FUZZ_CHECK(cond)                                                                           \
    ((cond) ? (void)0                                                                              \
            : (fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #cond), abort()))

#endif
