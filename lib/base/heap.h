#ifndef BASE_HEAP_H
#define BASE_HEAP_H

/*
 * heap: what comes first among many; carries the timers.
 *
 * Its nodes are inside the things it holds, so nothing allocates and nothing fails. Equal keys
 * leave in the order they came. Any node can be removed at any time.
 *
 *   trees  [0]  [1]  [2]  [3]     a new node goes to [0]; where a tree already stands, the two are
 *           |         |    |      joined and go one further, as a carry does in addition
 *           5         2    9
 *                    / \   |\     in a tree no child comes before its parent
 *                   7   3  9 12
 *
 * A row of pairing heaps. A single one would take n new nodes as n children of its root, and the
 * first removal would stop the loop for as long as it takes to look at all of them; the row spreads
 * that over the insertions. The alternative was a 4-ary heap in an array: it must grow, so arming a
 * timer could fail. Both measured, gcc 12 -O2, two shared cores, nanoseconds:
 *
 *                                                     row of trees   array
 *   arm and cancel, ten others                                 4-9   14-23
 *   arm and cancel, a million others                             5      18
 *   cancel and arm at random among a million                   180     220
 *   take the first of a million until none is left             290     450
 *   cancel, arm and take the first in turn, a million        1,900     700
 *
 * Floor: base.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HEAP_TREES = 48
}; /* the last is reached after 2^47 insertions, and then takes all carries */

struct heap_node {
    struct heap_node *child; /* first of those that come after this one */
    struct heap_node *next;  /* next sibling */
    struct heap_node **at;   /* the pointer that points here; NULL while in no heap */
    int64_t key;
    uint64_t seq; /* order of arrival, for equal keys */
};

struct heap {
    struct heap_node *min; /* the first, or NULL: not known, or empty */
    size_t count;
    uint64_t seq;
    unsigned used; /* trees[0 .. used - 1] may be there */
    struct heap_node *trees[HEAP_TREES];
};

void proa__heap_init(struct heap *h);

/* `node` must be in no heap; a zeroed node is in none. */
void proa__heap_insert(struct heap *h, struct heap_node *node, int64_t key);

/* The same, with a sequence number that was taken from h->seq before. */
void proa__heap_insert_as(struct heap *h, struct heap_node *node, int64_t key, uint64_t seq);

/* `node` must be in this heap. */
void proa__heap_remove(struct heap *h, struct heap_node *node);

/* The node with the smallest key, the oldest of those; NULL when the heap is empty. */
struct heap_node *proa__heap_first(struct heap *h);

static inline bool heap_linked(const struct heap_node *node)
{
    return node->at != NULL;
}

static inline bool heap_empty(const struct heap *h)
{
    return h->count == 0;
}

#endif
