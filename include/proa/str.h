#ifndef PROA_STR_H
#define PROA_STR_H

/*
 * str: a view of text that somebody else owns: a pointer and a length, passed by value.
 *
 * Not NUL-terminated, never freed. {NULL, 0} is the empty one. Letters are compared as ASCII only,
 * whatever the locale: nothing but a-z ever equals A-Z.
 */

#include <proa/defs.h>

#include <limits.h>
#include <string.h>

PROA_BEGIN_DECLS

struct proa_str {
    const char *p;
    size_t n;
};

/* A view of a string literal; may also initialise a static object. */
#ifndef __cplusplus
#define PROA_STR(literal) ((struct proa_str){"" literal, sizeof(literal) - 1})
#endif

/* The two arguments of "%.*s". Evaluates `s` twice, so give it a variable. */
#define PROA_PRI(s) (int)((s).n < (size_t)INT_MAX ? (s).n : (size_t)INT_MAX), (s).p

/* What the searches answer when there is nothing to find. */
#define PROA_STR_NONE SIZE_MAX

/**
 * View `n` bytes at `p`.
 */
static inline struct proa_str proa_str_make(const char *p, size_t n)
{
    struct proa_str s;

    s.p = p;
    s.n = n;
    return s;
}

/**
 * View a C string; NULL gives the empty view.
 */
static inline struct proa_str proa_str_from(const char *cstr)
{
    return proa_str_make(cstr, cstr ? strlen(cstr) : 0);
}

/**
 * Tell whether both have the same bytes.
 */
static inline bool proa_str_eq(struct proa_str a, struct proa_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/**
 * Tell whether both have the same bytes but for the case of ASCII letters.
 */
PROA_API bool proa_str_caseeq(struct proa_str a, struct proa_str b);

/**
 * Order by bytes, a prefix before what it begins: negative, 0 or positive as memcmp.
 */
PROA_API int proa_str_cmp(struct proa_str a, struct proa_str b);

/**
 * Tell whether `s` begins with `prefix`; everything begins with the empty view.
 */
static inline bool proa_str_starts(struct proa_str s, struct proa_str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/**
 * Tell whether `s` begins with `prefix` but for the case of ASCII letters.
 */
PROA_API bool proa_str_casestarts(struct proa_str s, struct proa_str prefix);

/**
 * Tell whether `s` ends with `suffix`.
 */
static inline bool proa_str_ends(struct proa_str s, struct proa_str suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 || memcmp(s.p + (s.n - suffix.n), suffix.p, suffix.n) == 0);
}

/**
 * View at most `n` bytes of `s` from byte `from` on; what lies outside is left away.
 *
 * PROA_UNLIMITED as `n` means "to the end".
 */
static inline struct proa_str proa_str_sub(struct proa_str s, size_t from, size_t n)
{
    if (from >= s.n)
        return proa_str_make(s.n ? s.p + s.n : s.p, 0);
    return proa_str_make(s.p + from, n < s.n - from ? n : s.n - from);
}

/**
 * Leave away the spaces and tabs at both ends.
 */
PROA_API struct proa_str proa_str_trim(struct proa_str s);

/**
 * Find the first `byte`: its position, or PROA_STR_NONE.
 */
PROA_API size_t proa_str_find(struct proa_str s, char byte);

/**
 * Find the last `byte`: its position, or PROA_STR_NONE.
 */
PROA_API size_t proa_str_rfind(struct proa_str s, char byte);

/**
 * Find where `what` first stands in `s`: its position, or PROA_STR_NONE. The empty view is at 0.
 */
PROA_API size_t proa_str_search(struct proa_str s, struct proa_str what);

/**
 * Take the next piece of a list off its front: what stands before `separator`, or all of it.
 *
 * Returns false when `rest` is used up, writing nothing. "a,,b" has three pieces, the second empty;
 * "a," has one: nothing follows the separator; and "" has none.
 */
PROA_API bool proa_str_next(struct proa_str *rest, char separator, struct proa_str *ret);

/**
 * Read a whole view as a decimal number without sign: digits only, at least one.
 *
 * Errors:       PROA_EINVAL (empty, or another byte than a digit), PROA_ERANGE (over 64 bits).
 */
PROA_API int proa_str_parse_uint(struct proa_str s, uint64_t *ret);

/**
 * Read a whole view as a decimal number, with a minus before it or not.
 *
 * Errors:       PROA_EINVAL (empty, or another byte than a digit), PROA_ERANGE (over 64 bits).
 */
PROA_API int proa_str_parse_int(struct proa_str s, int64_t *ret);

/**
 * Read a whole view as a hexadecimal number: digits only, of either case, no 0x before them.
 *
 * Errors:       PROA_EINVAL (empty, or another byte than a digit), PROA_ERANGE (over 64 bits).
 */
PROA_API int proa_str_parse_hex(struct proa_str s, uint64_t *ret);

/**
 * Copy a view into a C string of its own; NULL when there is no memory.
 *
 * Ownership:    the caller's, freed by proa_free.
 */
PROA_API char *proa_str_dup(struct proa_str s);

PROA_END_DECLS

#endif
