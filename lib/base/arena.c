#include "base/arena.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum {
    ARENA_FIRST = 1024 - 32, /* payload of our first chunk: with its head and malloc's 1 KiB */
    ARENA_LARGEST = 64 * 1024 - 32 /* payload at which doubling ends */
};

struct arena_chunk {
    struct arena_chunk *older;
    size_t size;
    _Alignas(max_align_t) char bytes[];
};

void proa__arena_init(struct arena *a, void *first, size_t n)
{
    memset(a, 0, sizeof *a);
    a->first = first;
    a->first_size = first ? n : 0;
    a->next = a->first;
    a->end = a->first ? a->first + n : NULL;
}

void proa__arena_reset(struct arena *a)
{
    struct arena_chunk *chunk = a->chunks;

    while (chunk) {
        struct arena_chunk *older = chunk->older;
        proa__free(chunk);
        chunk = older;
    }
    proa__arena_init(a, a->first, a->first_size);
}

void proa__arena_fini(struct arena *a)
{
    proa__arena_reset(a);
    memset(a, 0, sizeof *a);
}

static struct arena_chunk *add_chunk(struct arena *a, size_t size)
{
    struct arena_chunk *chunk;

    if (size > PTRDIFF_MAX - sizeof *chunk)
        return NULL;
    chunk = proa__alloc(sizeof *chunk + size);
    if (!chunk)
        return NULL;
    chunk->size = size;
    chunk->older = a->chunks;
    a->chunks = chunk;
    return chunk;
}

void *proa__arena_grow(struct arena *a, size_t n, size_t align)
{
    size_t size = a->grow ? a->grow : ARENA_FIRST;
    struct arena_chunk *chunk;

    if (n > size / 4) { /* on its own: what is left in the current chunk stays good */
        chunk = add_chunk(a, n);
        return chunk ? chunk->bytes : NULL;
    }
    chunk = add_chunk(a, size);
    if (!chunk)
        return NULL;
    a->grow = size < ARENA_LARGEST / 2 ? size * 2 + 32 : ARENA_LARGEST;
    a->next = chunk->bytes;
    a->end = chunk->bytes + size;
    return arena_alloc_aligned(a, n, align);
}

size_t proa__arena_size(const struct arena *a)
{
    size_t n = 0;

    for (const struct arena_chunk *chunk = a->chunks; chunk; chunk = chunk->older)
        n += sizeof *chunk + chunk->size;
    return n;
}

void *proa__arena_zalloc(struct arena *a, size_t n)
{
    void *p = arena_alloc(a, n);

    return p ? memset(p, 0, n) : NULL;
}

char *proa__arena_strndup(struct arena *a, const char *p, size_t n)
{
    char *copy = n < SIZE_MAX ? arena_alloc_aligned(a, n + 1, 1) : NULL;

    if (!copy)
        return NULL;
    if (n)
        memcpy(copy, p, n);
    copy[n] = '\0';
    return copy;
}

struct proa_str proa__arena_str(struct arena *a, struct proa_str s)
{
    char *copy = proa__arena_strndup(a, s.p, s.n);

    return proa_str_make(copy, copy ? s.n : 0);
}

char *proa__arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
    size_t room = (size_t)(a->end - a->next);
    va_list again;
    char *text = NULL;
    int n;

    va_copy(again, ap);
    n = vsnprintf(a->next, room, fmt, ap); /* in place: most texts fit what is left */
    if (n >= 0 && (size_t)n < room) {
        text = a->next;
        a->next += n + 1;
    } else if (n >= 0) {
        text = arena_alloc_aligned(a, (size_t)n + 1, 1);
        if (text)
            vsnprintf(text, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    return text;
}

char *proa__arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    char *text;

    va_start(ap, fmt);
    text = proa__arena_vprintf(a, fmt, ap);
    va_end(ap);
    return text;
}
