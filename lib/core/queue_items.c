#include "core/queue_items.h"

#include "base/mem.h"

#define SIZE_FIRST 8 /* items of the first allocation */

void proa__queue_items_init(struct queue_items *q, enum proa_queue_order order,
                            int (*compare)(const void *a, const void *b))
{
    *q = (struct queue_items){.order = order, .compare = compare};
}

void proa__queue_items_fini(struct queue_items *q)
{
    proa__free(q->ring);
    proa__free(q->heap);
}

/* ---- the ring */

static bool grow_ring(struct queue_items *q)
{
    size_t size = q->size ? 2 * q->size : SIZE_FIRST;
    void **ring = proa__realloc_array(q->ring, size, sizeof *ring);

    if (!ring)
        return false;
    for (size_t i = 0; i < q->first; i++) /* full: what had wrapped comes behind the rest */
        ring[q->size + i] = ring[i];
    q->ring = ring;
    q->size = size;
    return true;
}

static void *take_oldest(struct queue_items *q)
{
    void *item = q->ring[q->first];

    q->first = (q->first + 1) & (q->size - 1);
    q->count--;
    return item;
}

static void *take_newest(struct queue_items *q)
{
    q->count--;
    return q->ring[(q->first + q->count) & (q->size - 1)];
}

/* ---- the heap */

static bool grow_heap(struct queue_items *q)
{
    size_t size = q->size ? 2 * q->size : SIZE_FIRST;
    struct queue_entry *heap = proa__realloc_array(q->heap, size, sizeof *heap);

    if (!heap)
        return false;
    q->heap = heap;
    q->size = size;
    return true;
}

static bool before(const struct queue_items *q, const struct queue_entry *a,
                   const struct queue_entry *b)
{
    int order = q->compare(a->item, b->item);

    return order < 0 || (order == 0 && a->seq < b->seq);
}

/* Put `e` where the hole at `i` is, or further up. */
static void rise(struct queue_items *q, size_t i, struct queue_entry e)
{
    while (i > 0 && before(q, &e, &q->heap[(i - 1) / 2])) {
        q->heap[i] = q->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    q->heap[i] = e;
}

/* Put `e` where the hole at `i` is, or further down. */
static void sink(struct queue_items *q, size_t i, struct queue_entry e)
{
    size_t child;

    while ((child = 2 * i + 1) < q->count) {
        if (child + 1 < q->count && before(q, &q->heap[child + 1], &q->heap[child]))
            child++;
        if (before(q, &e, &q->heap[child]))
            break;
        q->heap[i] = q->heap[child];
        i = child;
    }
    q->heap[i] = e;
}

static void *take_first(struct queue_items *q)
{
    void *item = q->heap[0].item;

    if (--q->count)
        sink(q, 0, q->heap[q->count]);
    return item;
}

/* ---- */

bool proa__queue_items_add(struct queue_items *q, void *item)
{
    bool heap = q->order == PROA_QUEUE_PRIORITY;

    if (q->count == q->size && !(heap ? grow_heap(q) : grow_ring(q)))
        return false;
    if (heap)
        rise(q, q->count, (struct queue_entry){item, q->seq++});
    else
        q->ring[(q->first + q->count) & (q->size - 1)] = item;
    q->count++;
    return true;
}

void *proa__queue_items_take(struct queue_items *q)
{
    switch (q->order) {
    case PROA_QUEUE_LIFO:
        return take_newest(q);
    case PROA_QUEUE_PRIORITY:
        return take_first(q);
    case PROA_QUEUE_FIFO:
        break;
    }
    return take_oldest(q);
}
