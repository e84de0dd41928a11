#ifndef HTTP_PAIRS_H
#define HTTP_PAIRS_H

/*
 * pairs: a query or an urlencoded form as a decoded list, for looking up by name.
 * Floor: http.
 */

#include <proa/str.h>

#include <stddef.h>

struct arena;

struct pair {
    struct proa_str name;
    struct proa_str value;
};

struct pairs {
    struct pair *v; /* in the order of the text */
    size_t n;
};

/* Decode `text` into `arena`. PROA_EQUERY, PROA_EMSGSIZE (more than `max` pairs), PROA_ENOMEM. */
int proa__pairs_parse(struct pairs *ret, struct arena *arena, struct proa_str text, size_t max);

/* The value of the first pair of a name; p is NULL if there is none. */
struct proa_str proa__pairs_get(const struct pairs *pairs, struct proa_str name);

#endif
