#ifndef BASE_MEM_H
#define BASE_MEM_H

/*
 * mem: the only callers of malloc.
 *
 * Whatever the program set with proa_mem_set is asked, else the C library. The first request seals
 * the choice. A size of 0 gives a pointer of its own; NULL always means that there is no memory.
 *
 * Floor: base.
 */

#include <proa/defs.h>
#include <proa/mem.h>

#define MEM_FN __attribute__((malloc, warn_unused_result))

void *proa__alloc(size_t n) MEM_FN;
void *proa__zalloc(size_t n) MEM_FN;

/* `count` zeroed things of `size` bytes; NULL too when that is more than there can be. */
void *proa__zalloc_array(size_t count, size_t size) MEM_FN;

/* As realloc; on failure `p` stays as it was. */
void *proa__realloc(void *p, size_t n) PROA_WARN_UNUSED;
void *proa__realloc_array(void *p, size_t count, size_t size) PROA_WARN_UNUSED;

/* NULL is nothing. */
void proa__free(void *p);

char *proa__strdup(const char *s) MEM_FN;
char *proa__strndup(const char *p, size_t n) MEM_FN; /* exactly n bytes, then NUL */
void *proa__memdup(const void *p, size_t n) MEM_FN;

/* What the program set, to be handed on to the libraries below us; NULL: nothing was set. Seals. */
const struct proa_mem *proa__mem_hooks(void);

#endif
