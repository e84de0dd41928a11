#include "base/check.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/arm.h"

#include <proa/queue.h>

#define MAGIC_QUEUE 0x71756575u
#define RING_FIRST 8 /* items of the first allocation */

struct proa_queue {
    unsigned magic;
    bool closed;
    size_t limit; /* most items held; SIZE_MAX: no bound */
    void **ring;  /* the items: count of them from `first` on, wrapping at size */
    size_t size;  /* a power of two, or 0 */
    size_t first; /* index of the oldest */
    size_t count;
    size_t unfinished; /* put and not yet done */
    void (*item_free)(void *item);
    struct list getters; /* struct wait, oldest first; empty unless there are no items */
    struct list putters; /* struct wait with its item in slot, oldest first; empty unless full */
    struct list joiners; /* struct wait; empty unless unfinished */
};

/* ---- life */

int proa_queue_new(struct proa_queue **ret, const struct proa_queue_opts *opts)
{
    struct proa_queue_opts o;
    int rc = proa__opts_copy(&o, sizeof o, opts);

    if (rc < 0)
        return rc;

    struct proa_queue *q = proa__zalloc(sizeof *q);

    if (!q)
        return PROA_ENOMEM;
    q->magic = MAGIC_QUEUE;
    q->limit = o.limit ? o.limit : SIZE_MAX;
    q->item_free = o.item_free;
    list_init(&q->getters);
    list_init(&q->putters);
    list_init(&q->joiners);
    *ret = q;
    return 0;
}

static void *take_oldest(struct proa_queue *q)
{
    void *item = q->ring[q->first];

    q->first = (q->first + 1) & (q->size - 1);
    q->count--;
    return item;
}

static void drop_items(struct proa_queue *q)
{
    while (q->count) {
        void *item = take_oldest(q);

        q->unfinished--;
        if (q->item_free)
            q->item_free(item);
    }
}

void proa_queue_free(struct proa_queue *queue)
{
    if (!queue)
        return;
    PROA_CHECK_OBJ(queue, MAGIC_QUEUE);
    PROA_CHECK(list_empty(&queue->getters) && list_empty(&queue->putters) &&
                   list_empty(&queue->joiners),
               "proa_queue_free: tasks wait on the queue; proa_queue_shutdown first");
    drop_items(queue);
    queue->magic = 0;
    proa__free(queue->ring);
    proa__free(queue);
}

/* ---- putting */

static bool grow(struct proa_queue *q)
{
    size_t size = q->size ? 2 * q->size : RING_FIRST;
    void **ring = proa__realloc_array(q->ring, size, sizeof *ring);

    if (!ring)
        return false;
    for (size_t i = 0; i < q->first; i++) /* full: what had wrapped comes behind the rest */
        ring[q->size + i] = ring[i];
    q->ring = ring;
    q->size = size;
    return true;
}

static void append(struct proa_queue *q, void *item)
{
    q->ring[(q->first + q->count) & (q->size - 1)] = item;
    q->count++;
}

int proa_queue_try_put(struct proa_queue *queue, void *item)
{
    PROA_CHECK_OBJ(queue, MAGIC_QUEUE);
    if (queue->closed)
        return PROA_ECLOSED;
    if (proa__wait_wake(&queue->getters, item, 0)) {
        queue->unfinished++;
        return 0;
    }
    if (queue->count >= queue->limit)
        return PROA_EAGAIN;
    if (queue->count == queue->size && !grow(queue))
        return PROA_ENOMEM;
    append(queue, item);
    queue->unfinished++;
    return 0;
}

static bool try_put(struct arm *arm)
{
    arm->rc = proa_queue_try_put(arm->object, arm->value);
    return arm->rc != PROA_EAGAIN;
}

/* Whoever makes room takes the item from the slot. */
static bool link_putter(struct arm *arm, struct wait *w)
{
    struct proa_queue *q = arm->object;

    proa__wait_link(&q->putters, w);
    w->slot = arm->value;
    return true;
}

static const struct arm_ops put_ops = {.try = try_put, .link = link_putter};

int proa_queue_put(struct proa_queue *queue, void *item)
{
    struct arm arm = {.ops = &put_ops, .object = queue, .value = item};

    return arm_wait(&arm, __func__);
}

struct proa_case proa_case_put(struct proa_queue *queue, void *item)
{
    PROA_CHECK_OBJ(queue, MAGIC_QUEUE);
    return arm_case((struct arm){.ops = &put_ops, .object = queue, .value = item});
}

/* ---- getting */

int proa_queue_try_get(struct proa_queue *queue, void **ret)
{
    PROA_CHECK_OBJ(queue, MAGIC_QUEUE);
    if (!queue->count)
        return queue->closed ? PROA_ECLOSED : PROA_EAGAIN;
    *ret = take_oldest(queue);

    struct list *first = list_first(&queue->putters);

    if (first) {
        struct wait *w = CONTAINER_OF(first, struct wait, link);

        append(queue, w->slot);
        queue->unfinished++;
        proa__wait_wake_one(w, NULL, 0);
    }
    return 0;
}

static bool try_get(struct arm *arm)
{
    arm->rc = proa_queue_try_get(arm->object, arm->value);
    return arm->rc != PROA_EAGAIN;
}

static bool link_getter(struct arm *arm, struct wait *w)
{
    struct proa_queue *q = arm->object;

    proa__wait_link(&q->getters, w);
    return true;
}

static void take_item(struct arm *arm, struct wait *w)
{
    void **ret = arm->value;

    if (w->code == 0)
        *ret = w->slot;
}

static const struct arm_ops get_ops = {.try = try_get, .link = link_getter, .take = take_item};

int proa_queue_get(struct proa_queue *queue, void **ret)
{
    struct arm arm = {.ops = &get_ops, .object = queue, .value = ret};

    return arm_wait(&arm, __func__);
}

struct proa_case proa_case_get(struct proa_queue *queue, void **ret)
{
    PROA_CHECK_OBJ(queue, MAGIC_QUEUE);
    return arm_case((struct arm){.ops = &get_ops, .object = queue, .value = ret});
}

size_t proa_queue_len(const struct proa_queue *queue)
{
    PROA_CHECK_OBJ(queue, MAGIC_QUEUE);
    return queue->count;
}

/* ---- the end */

static void wake_joiners(struct proa_queue *q)
{
    if (!q->unfinished)
        proa__wait_wake_all(&q->joiners, 0);
}

void proa_queue_shutdown(struct proa_queue *queue, enum proa_queue_shutdown how)
{
    PROA_CHECK_OBJ(queue, MAGIC_QUEUE);
    queue->closed = true;
    proa__wait_wake_all(&queue->putters, PROA_ECLOSED);
    if (how == PROA_QUEUE_DISCARD) {
        drop_items(queue);
        wake_joiners(queue);
    }
    proa__wait_wake_all(&queue->getters, PROA_ECLOSED);
}

void proa_queue_task_done(struct proa_queue *queue)
{
    PROA_CHECK_OBJ(queue, MAGIC_QUEUE);
    PROA_CHECK(queue->unfinished > queue->count,
               "proa_queue_task_done: called more often than items were got");
    queue->unfinished--;
    wake_joiners(queue);
}

int proa_queue_join(struct proa_queue *queue)
{
    struct wait w;
    int rc;

    PROA_CHECK_OBJ(queue, MAGIC_QUEUE);
    rc = proa__wait_enter(__func__);
    if (rc < 0 || !queue->unfinished)
        return rc;
    proa__wait_link(&queue->joiners, &w);
    rc = proa__wait_park(&w, 1);
    return rc < 0 ? rc : w.code;
}
