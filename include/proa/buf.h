#ifndef PROA_BUF_H
#define PROA_BUF_H

/*
 * buf: bytes that grow up to a bound.
 *
 * What is appended goes to the end, what is consumed leaves from the front. The first failure
 * sticks: from then on every call that adds does nothing, and the code is asked for once, at the
 * end. One NUL always stands beyond the last byte.
 *
 *     struct proa_buf b;
 *     proa_buf_init(&b, 64 * 1024);
 *     proa_buf_append_str(&b, name);
 *     proa_buf_appendf(&b, ": %zu\r\n", size);
 *     if (proa_buf_error(&b) < 0) ...
 *     proa_buf_fini(&b);
 */

#include <proa/str.h>

#include <stdarg.h>

PROA_BEGIN_DECLS

/* To be read by the functions below only. */
struct proa_buf {
    char *p;      /* first byte; NULL until something was added */
    size_t n;     /* bytes held, at most limit */
    size_t head;  /* bytes consumed, still in front of p */
    size_t cap;   /* bytes allocated, from p - head */
    size_t limit; /* most bytes held at a time */
    int error;    /* 0, or what the first failure was */
};

/**
 * Start an empty buffer that may hold `limit` bytes; allocates nothing yet.
 *
 * PROA_UNLIMITED means as much as there is memory. A struct of zeroes is a buffer with limit 0.
 */
PROA_API void proa_buf_init(struct proa_buf *b, size_t limit);

/**
 * Free what the buffer holds. It is then as after proa_buf_init, with the same limit.
 */
PROA_API void proa_buf_fini(struct proa_buf *b);

/**
 * Add `n` bytes to the end; they may be bytes of this very buffer.
 *
 * Errors:       PROA_ENOMEM, PROA_EMSGSIZE (would be over the limit; then nothing is added), or
 *               what failed earlier.
 */
PROA_API int proa_buf_append(struct proa_buf *b, const void *bytes, size_t n);

/**
 * Add a view to the end.
 *
 * Errors:       as proa_buf_append.
 */
PROA_API int proa_buf_append_str(struct proa_buf *b, struct proa_str s);

/**
 * Add formatted text to the end. The values must not be bytes of this very buffer.
 *
 * Errors:       as proa_buf_append.
 */
PROA_API int proa_buf_appendf(struct proa_buf *b, const char *fmt, ...) PROA_PRINTF(2, 3);

/**
 * Add formatted text to the end, its values in a list.
 *
 * Errors:       as proa_buf_append.
 */
PROA_API int proa_buf_vappendf(struct proa_buf *b, const char *fmt, va_list ap) PROA_PRINTF(2, 0);

/**
 * Make room for `n` more bytes and say where they go; NULL when that fails, and proa_buf_error
 * knows why. Write there, then tell how many with proa_buf_commit.
 *
 * Valid until:  the next call on this buffer.
 */
PROA_API char *proa_buf_reserve(struct proa_buf *b, size_t n);

/**
 * Tell how many bytes can be added without allocating, as many as proa_buf_reserve last made room
 * for or more.
 */
PROA_API size_t proa_buf_room(const struct proa_buf *b);

/**
 * Count the first `n` bytes that were written after proa_buf_reserve as held.
 */
PROA_API void proa_buf_commit(struct proa_buf *b, size_t n);

/**
 * Take `n` bytes, which must be there, off the front.
 */
PROA_API void proa_buf_consume(struct proa_buf *b, size_t n);

/**
 * Cut the buffer down to its first `n` bytes, which must be there.
 */
PROA_API void proa_buf_truncate(struct proa_buf *b, size_t n);

/**
 * Empty the buffer and forget its failure; the memory stays for what comes next.
 */
PROA_API void proa_buf_clear(struct proa_buf *b);

/**
 * View the bytes held; followed by a NUL, so the view's p is a C string too, and never NULL.
 *
 * Valid until:  the next call that changes this buffer.
 */
static inline struct proa_str proa_buf_str(const struct proa_buf *b)
{
    return proa_str_make(b->p ? b->p : "", b->n);
}

/**
 * Tell what the first failure was, 0 if there was none.
 *
 * Errors:       PROA_ENOMEM, PROA_EMSGSIZE.
 */
static inline int proa_buf_error(const struct proa_buf *b)
{
    return b->error;
}

/**
 * Take the bytes out, as a C string of `*ret_n` bytes; the buffer is then as after proa_buf_init.
 *
 * NULL if an earlier call failed or there is no memory: the buffer then keeps what it holds, and
 * proa_buf_error knows why. `ret_n` may be NULL.
 *
 * Ownership:    the caller's, freed by proa_free.
 */
PROA_API char *proa_buf_detach(struct proa_buf *b, size_t *ret_n);

PROA_DEFINE_AUTO_VALUE(proa_buf, proa_buf_fini);

PROA_END_DECLS

#endif
