#ifndef PROA_HEADERS_H
#define PROA_HEADERS_H

/*
 * The header fields of a message, in their order and with the case they came with.
 *
 * {0} is an empty list. Names are compared without regard to ASCII case. A list remembers the first
 * thing that went wrong while it was built; the call that sends it returns that, so single calls
 * need no check.
 */

#include <proa/defs.h>
#include <proa/str.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

PROA_BEGIN_DECLS

struct arena;

#define PROA_HEADERS_MAX 1024 /* fields of a list: more than any peer takes */

/* One field. Valid until: the next change of its list. */
struct proa_header {
    struct proa_str name;
    struct proa_str value; /* without the white space around it */
    uint32_t mark;         /* the library's: how it is found, who frees it */
};

/* The members are for reading; the functions below keep them in step. */
struct proa_headers {
    struct proa_header *fields; /* the first `count` are in use */
    uint32_t count;
    uint32_t room;
    uint64_t filter;     /* which names may be there */
    uint32_t known;      /* which of the names that the library asks for are there */
    int error;           /* the first failure, else 0 */
    char *detail;        /* its text, or NULL */
    struct arena *arena; /* what copies are taken from; NULL: the heap */
};

/** Free what the list holds and leave it empty, without its failure. */
PROA_API void proa_headers_fini(struct proa_headers *headers);

/**
 * Take all fields off and forget a failure; what the list has allocated stays for the next fields.
 */
PROA_API void proa_headers_clear(struct proa_headers *headers);

/**
 * Set a field, replacing all of that name.
 *
 * The first of them keeps its place. White space around the value is dropped. A name must be a
 * token, and a value may hold no control character but the tab; otherwise nothing is changed.
 *
 * Errors:       PROA_EHEADER, PROA_EMSGSIZE (more than PROA_HEADERS_MAX fields), PROA_ENOMEM, or
 *               the list's first failure.
 * Ownership:    name and value are copied.
 */
PROA_API int proa_headers_set(struct proa_headers *headers, const char *name, const char *value);

/**
 * Set a field to formatted text: proa_headers_setf(h, "Max-Forwards", "%d", 3). Otherwise like
 * proa_headers_set.
 */
PROA_API int proa_headers_setf(struct proa_headers *headers, const char *name, const char *format,
                               ...) PROA_PRINTF(3, 4);

/** Append a field, whether or not others have its name. Otherwise like proa_headers_set. */
PROA_API int proa_headers_add(struct proa_headers *headers, const char *name, const char *value);

/** Append a field whose value is formatted text. Otherwise like proa_headers_set. */
PROA_API int proa_headers_addf(struct proa_headers *headers, const char *name, const char *format,
                               ...) PROA_PRINTF(3, 4);

/**
 * Append a field whose name and value are slices, as a program that passes on what it got has them.
 * Otherwise like proa_headers_set.
 */
PROA_API int proa_headers_add_str(struct proa_headers *headers, struct proa_str name,
                                  struct proa_str value);

/**
 * Append copies of all fields of another list.
 *
 * Errors:       like proa_headers_set, or the other list's first failure.
 */
PROA_API int proa_headers_add_all(struct proa_headers *headers, const struct proa_headers *from);

/** Remove all fields of a name. Returns how many there were. */
PROA_API size_t proa_headers_remove(struct proa_headers *headers, const char *name);

/**
 * Give the value of the first field of a name; {NULL, 0} when there is none.
 *
 * Valid until:  the next change of the list.
 */
PROA_API struct proa_str proa_headers_get(const struct proa_headers *headers, const char *name);

/**
 * Give the next field of a name after `after` (NULL: the first), or NULL.
 *
 * Valid until:  the next change of the list.
 */
PROA_API const struct proa_header *proa_headers_next(const struct proa_headers *headers,
                                                     const char *name,
                                                     const struct proa_header *after);

/**
 * Give the field at place `i`, counted from 0, or NULL beyond the last.
 *
 * Valid until:  the next change of the list.
 */
PROA_API const struct proa_header *proa_headers_at(const struct proa_headers *headers, size_t i);

/** Count the fields of a name. */
PROA_API size_t proa_headers_count(const struct proa_headers *headers, const char *name);

/**
 * Say whether any field of a name holds `token` in its comma-separated list: `Connection: a,
 * close`. ASCII case is ignored.
 */
PROA_API bool proa_headers_has_token(const struct proa_headers *headers, const char *name,
                                     const char *token);

/** Return the first failure of building the list, with its detail, or 0. */
PROA_API int proa_headers_error(const struct proa_headers *headers);

PROA_DEFINE_AUTO_VALUE(proa_headers, proa_headers_fini);

PROA_END_DECLS

#endif
