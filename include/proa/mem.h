#ifndef PROA_MEM_H
#define PROA_MEM_H

/*
 * mem: where proa's memory comes from.
 */

#include <proa/defs.h>

PROA_BEGIN_DECLS

/* An allocator: the first three are called as malloc, realloc and free are, never with a size of 0,
 * from any thread. */
struct proa_mem {
    void *(*alloc)(size_t n, void *arg);
    void *(*realloc)(void *p, size_t n, void *arg); /* p may be NULL */
    void (*free)(void *p, void *arg);               /* never called with NULL */
    void *arg;
};

/**
 * Make proa take all its memory from an allocator of the program.
 *
 * To be called before anything else of proa, in a program's main. The libraries below are given the
 * same allocator when they are first used, unless they have already taken memory by themselves.
 *
 * Errors:       PROA_EINVAL (one of the three functions is missing), PROA_EBUSY (proa has already
 *               allocated, so it is too late).
 * Ownership:    the struct is copied; arg must outlive the program's use of proa.
 */
PROA_API int proa_mem_set(const struct proa_mem *mem);

/**
 * Free what a function of proa handed out to be freed (proa_buf_detach, the _dup functions).
 *
 * NULL is nothing.
 */
PROA_API void proa_free(void *p);

PROA_END_DECLS

#endif
