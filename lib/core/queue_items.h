#ifndef CORE_QUEUE_ITEMS_H
#define CORE_QUEUE_ITEMS_H

/*
 * queue items: what a queue holds, in the order in which it leaves.
 *
 * FIFO and LIFO share a ring: `count` items from `first` on, wrapping at `size`; the one takes from
 * its beginning, the other from its end. PRIORITY is a binary heap in an array; equal items leave
 * in the order they came, by the number that each got when it came.
 *
 * Room is made when an item is added and kept, so an item that takes the place of another needs no
 * memory.
 *
 * Floor: core.
 */

#include <proa/queue.h>

#include <stdint.h>

struct queue_entry {
    void *item;
    uint64_t seq;
};

struct queue_items {
    enum proa_queue_order order;
    int (*compare)(const void *a, const void *b);
    size_t count;
    size_t size;              /* of ring or heap: a power of two, or 0 */
    size_t first;             /* of the ring */
    void **ring;              /* FIFO, LIFO */
    struct queue_entry *heap; /* PRIORITY: no entry leaves before that at (i - 1) / 2 */
    uint64_t seq;
};

void proa__queue_items_init(struct queue_items *q, enum proa_queue_order order,
                            int (*compare)(const void *a, const void *b));
void proa__queue_items_fini(struct queue_items *q); /* the items are not looked at */

/* Add an item. False: there is no memory for it. */
bool proa__queue_items_add(struct queue_items *q, void *item);

/* Take the next one out; there must be one. */
void *proa__queue_items_take(struct queue_items *q);

#endif
