#ifndef BASE_MAP_H
#define BASE_MAP_H

/*
 * map: from text to a pointer, safe against keys that were chosen to collide.
 *
 * Open addressing, linear probing, three quarters full at most; removal moves the followers back,
 * so there are no tombstones. The hash is SipHash-1-3 with a key drawn once per process.
 *
 * Keys are borrowed: a key must live, unchanged, as long as its entry; most stand in the value
 * itself. Values are never NULL and never looked into.
 *
 * Floor: base.
 */

#include <proa/str.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_entry {
    struct proa_str key;
    void *value; /* NULL: free place */
    uint64_t hash;
};

struct map {
    struct map_entry *entries; /* NULL while nothing was ever put */
    size_t mask;               /* places - 1; places are a power of two */
    size_t count;
};

/* A zeroed map is empty too. */
void proa__map_init(struct map *m);
void proa__map_fini(struct map *m);

/* Set the value of `key`; the value it had goes to *ret_old (NULL: none), and its key is no longer
 * looked at. Returns 0 or PROA_ENOMEM, which changes nothing. `ret_old` may be NULL. */
int proa__map_put(struct map *m, struct proa_str key, void *value, void **ret_old);

/* NULL: not there. */
void *proa__map_get(const struct map *m, struct proa_str key);

/* Take the entry out; its value, or NULL. */
void *proa__map_remove(struct map *m, struct proa_str key);

/* Each entry once, in no order: `size_t i = 0; while ((e = proa__map_next(m, &i)))`. The map must
 * not be changed meanwhile; values may be freed, keys and all, if proa__map_fini comes next. */
struct map_entry *proa__map_next(const struct map *m, size_t *i);

/* The hash of the map, for other tables: seeded, the same within a process. The second takes ASCII
 * letters of either case as equal. */
uint64_t proa__hash(struct proa_str s);
uint64_t proa__hash_nocase(struct proa_str s);

#endif
