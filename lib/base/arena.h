#ifndef BASE_ARENA_H
#define BASE_ARENA_H

/*
 * arena: many small pieces that are all freed at once.
 *
 *   first chunk [aaaabbbbcc......]  ->  [dddd.............]  ->  ...     each twice the one before
 *                          ^next ^end belong to the newest
 *
 * The first chunk may be the caller's, so that a small request allocates nothing. A piece that is
 * large gets a chunk of its own and wastes nothing of the others. Pieces of arena_alloc are aligned
 * for anything, those of text for nothing.
 *
 * Floor: base.
 */

#include <proa/defs.h>
#include <proa/str.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct arena_chunk;

struct arena {
    char *next;                 /* where the next piece goes */
    char *end;                  /* of the chunk that next is in */
    struct arena_chunk *chunks; /* ours, newest first */
    char *first;                /* the caller's chunk, or NULL */
    size_t first_size;
    size_t grow; /* payload of the next chunk */
};

/* `first` (may be NULL) must outlive the arena. A zeroed arena is one without a first chunk. */
void proa__arena_init(struct arena *a, void *first, size_t n);

/* Free all pieces, give back all memory but the caller's first chunk; the arena stays usable. */
void proa__arena_reset(struct arena *a);

/* The last reset of the arena's life; zeroes it. */
void proa__arena_fini(struct arena *a);

/* The way through a new chunk; NULL when there is no memory. */
void *proa__arena_grow(struct arena *a, size_t n, size_t align);

/* Bytes taken from the allocator. */
size_t proa__arena_size(const struct arena *a);

/* All return NULL when there is no memory. */
void *proa__arena_zalloc(struct arena *a, size_t n);
char *proa__arena_strndup(struct arena *a, const char *p, size_t n);
struct proa_str proa__arena_str(struct arena *a, struct proa_str s); /* p NULL: no memory */
char *proa__arena_printf(struct arena *a, const char *fmt, ...) PROA_PRINTF(2, 3);
char *proa__arena_vprintf(struct arena *a, const char *fmt, va_list ap) PROA_PRINTF(2, 0);

static inline void *arena_alloc_aligned(struct arena *a, size_t n, size_t align)
{
    size_t pad = -(uintptr_t)a->next & (align - 1);
    size_t room = (size_t)(a->end - a->next);

    if (__builtin_expect(room < pad || room - pad < n || !a->next, 0))
        return proa__arena_grow(a, n, align);

    char *p = a->next + pad;
    a->next = p + n;
    return p;
}

static inline void *arena_alloc(struct arena *a, size_t n)
{
    return arena_alloc_aligned(a, n, _Alignof(max_align_t));
}

#endif
