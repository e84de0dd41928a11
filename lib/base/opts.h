#ifndef BASE_OPTS_H
#define BASE_OPTS_H

/*
 * opts: option structs that may grow without breaking programs compiled against an older header.
 *
 * The first member is `size_t size`, as the program's compiler saw the struct. A shorter one is
 * filled up with zeroes, the default of everything; a longer one is good as long as what we do not
 * know is zero.
 *
 * Floor: base.
 */

#include <stddef.h>

/* Copy `opts` (NULL: all defaults) to the `n` bytes at `dst` and set its size to n.
 * Returns 0, PROA_E2BIG (asks for something that this version does not know) or PROA_EINVAL (no
 * size: not made by its macro); only 0 writes. */
int proa__opts_copy(void *dst, size_t n, const void *opts);

#endif
