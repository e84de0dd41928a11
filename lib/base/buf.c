#include "base/check.h"
#include "base/mem.h"

#include <proa/buf.h>
#include <proa/err.h>

#include <stdio.h>

enum { BUF_FIRST = 64 }; /* bytes of the first allocation: a header line, a small number */

void proa_buf_init(struct proa_buf *b, size_t limit)
{
    memset(b, 0, sizeof *b);
    b->limit = limit;
}

void proa_buf_fini(struct proa_buf *b)
{
    if (b->p)
        proa__free(b->p - b->head);
    proa_buf_init(b, b->limit);
}

/* Bring the bytes held to the front of their memory. */
static void compact(struct proa_buf *b)
{
    if (b->head == 0)
        return;
    memmove(b->p - b->head, b->p, b->n + 1);
    b->p -= b->head;
    b->head = 0;
}

/* Memory for `need` bytes and the NUL, never more than the limit can use. Doubled, and with room
 * for as much again as is moved to the front, so that a byte is copied a few times at most in its
 * life. */
static int grow(struct proa_buf *b, size_t need)
{
    if (b->head && __builtin_add_overflow(need, b->n, &need))
        return PROA_ENOMEM;

    size_t most = b->limit < SIZE_MAX ? b->limit + 1 : SIZE_MAX;
    size_t cap = b->cap ? b->cap : BUF_FIRST;

    if (need == SIZE_MAX)
        return PROA_ENOMEM;
    while (cap < need + 1)
        if (__builtin_mul_overflow(cap, 2, &cap))
            cap = SIZE_MAX;
    if (cap > most)
        cap = most;

    if (b->p)
        compact(b);
    char *p = proa__realloc(b->p, cap);
    if (!p)
        return PROA_ENOMEM;
    b->p = p;
    b->cap = cap;
    b->p[b->n] = '\0';
    return 0;
}

static int make_room(struct proa_buf *b, size_t n)
{
    if (b->error)
        return b->error;
    if (b->n > b->limit || n > b->limit - b->n)
        return PROA_EMSGSIZE;
    if (b->p && n <= b->cap - b->head - b->n - 1)
        return 0;
    /* Moving pays when at least as much was consumed as is held: each byte is moved at most once
     * per byte consumed. */
    if (b->p && b->head >= b->n && n <= b->cap - b->n - 1) {
        compact(b);
        return 0;
    }
    return grow(b, b->n + n);
}

char *proa_buf_reserve(struct proa_buf *b, size_t n)
{
    int rc = make_room(b, n);

    if (rc < 0) {
        b->error = rc;
        return NULL;
    }
    return b->p + b->n;
}

size_t proa_buf_room(const struct proa_buf *b)
{
    if (!b->p || b->error)
        return 0;

    size_t room = b->cap - b->head - b->n - 1;
    return room < b->limit - b->n ? room : b->limit - b->n;
}

void proa_buf_commit(struct proa_buf *b, size_t n)
{
    PROA_CHECK(n == 0 || n <= proa_buf_room(b),
               "proa_buf_commit of %zu bytes where there is room for %zu", n, proa_buf_room(b));
    b->n += n;
    if (b->p)
        b->p[b->n] = '\0';
}

int proa_buf_append(struct proa_buf *b, const void *bytes, size_t n)
{
    const char *from = bytes;
    bool inside = b->p && from >= b->p && from <= b->p + b->n;
    size_t at = inside ? (size_t)(from - b->p) : 0;
    char *to;

    if (n == 0)
        return b->error;
    to = proa_buf_reserve(b, n);
    if (!to)
        return b->error;
    memmove(to, inside ? b->p + at : from, n);
    proa_buf_commit(b, n);
    return 0;
}

int proa_buf_append_str(struct proa_buf *b, struct proa_str s)
{
    return proa_buf_append(b, s.p, s.n);
}

int proa_buf_vappendf(struct proa_buf *b, const char *fmt, va_list ap)
{
    va_list again;
    size_t room = proa_buf_room(b);
    int n;

    if (b->error)
        return b->error;
    va_copy(again, ap);
    n = vsnprintf(room ? b->p + b->n : NULL, room ? room + 1 : 0, fmt, ap);
    if (n < 0) {
        b->error = PROA_ENOMEM;
    } else if ((size_t)n <= room) {
        b->n += (size_t)n;
    } else if (proa_buf_reserve(b, (size_t)n)) {
        vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
    if (b->p)
        b->p[b->n] = '\0'; /* a text that did not fit left its beginning there */
    return b->error;
}

int proa_buf_appendf(struct proa_buf *b, const char *fmt, ...)
{
    va_list ap;
    int rc;

    va_start(ap, fmt);
    rc = proa_buf_vappendf(b, fmt, ap);
    va_end(ap);
    return rc;
}

void proa_buf_truncate(struct proa_buf *b, size_t n)
{
    PROA_CHECK(n <= b->n, "proa_buf_truncate to %zu bytes of %zu", n, b->n);
    b->n = n;
    if (!b->p)
        return;
    b->p[n] = '\0';
    if (n == 0)
        compact(b);
}

void proa_buf_consume(struct proa_buf *b, size_t n)
{
    PROA_CHECK(n <= b->n, "proa_buf_consume of %zu bytes of %zu", n, b->n);
    if (n == 0)
        return;
    b->p += n;
    b->head += n;
    b->n -= n;
    if (b->n == 0)
        compact(b);
}

void proa_buf_clear(struct proa_buf *b)
{
    b->error = 0;
    proa_buf_truncate(b, 0);
}

char *proa_buf_detach(struct proa_buf *b, size_t *ret_n)
{
    if (!proa_buf_reserve(b, 0))
        return NULL;
    compact(b);

    char *p = b->p;
    if (ret_n)
        *ret_n = b->n;
    proa_buf_init(b, b->limit);
    return p;
}
