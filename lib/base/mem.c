#include "base/mem.h"

#include <proa/err.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static struct proa_mem hooks; /* alloc NULL: the C library */
static atomic_bool sealed;

static void seal(void)
{
    if (!atomic_load_explicit(&sealed, memory_order_relaxed))
        atomic_store_explicit(&sealed, true, memory_order_relaxed);
}

int proa_mem_set(const struct proa_mem *mem)
{
    if (!mem->alloc || !mem->realloc || !mem->free)
        return PROA_EINVAL;
    if (atomic_load_explicit(&sealed, memory_order_relaxed))
        return PROA_EBUSY;
    hooks = *mem;
    return 0;
}

const struct proa_mem *proa__mem_hooks(void)
{
    seal();
    return hooks.alloc ? &hooks : NULL;
}

void *proa__alloc(size_t n)
{
    seal();
    if (n == 0)
        n = 1;
    return hooks.alloc ? hooks.alloc(n, hooks.arg) : malloc(n);
}

void *proa__zalloc(size_t n)
{
    if (!hooks.alloc) {
        seal();
        return calloc(1, n ? n : 1);
    }

    void *p = proa__alloc(n);
    return p ? memset(p, 0, n) : NULL;
}

void *proa__zalloc_array(size_t count, size_t size)
{
    size_t n;

    return __builtin_mul_overflow(count, size, &n) ? NULL : proa__zalloc(n);
}

void *proa__realloc(void *p, size_t n)
{
    seal();
    if (n == 0)
        n = 1;
    return hooks.alloc ? hooks.realloc(p, n, hooks.arg) : realloc(p, n);
}

void *proa__realloc_array(void *p, size_t count, size_t size)
{
    size_t n;

    return __builtin_mul_overflow(count, size, &n) ? NULL : proa__realloc(p, n);
}

void proa__free(void *p)
{
    if (!p)
        return;
    if (hooks.alloc)
        hooks.free(p, hooks.arg);
    else
        free(p);
}

void proa_free(void *p)
{
    proa__free(p);
}

void *proa__memdup(const void *p, size_t n)
{
    void *copy = proa__alloc(n);

    if (copy && n)
        memcpy(copy, p, n);
    return copy;
}

char *proa__strndup(const char *p, size_t n)
{
    char *copy = n < SIZE_MAX ? proa__alloc(n + 1) : NULL;

    if (!copy)
        return NULL;
    if (n)
        memcpy(copy, p, n);
    copy[n] = '\0';
    return copy;
}

char *proa__strdup(const char *s)
{
    return proa__strndup(s, strlen(s));
}
