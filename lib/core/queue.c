#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/arm.h"
#include "core/home.h"
#include "core/queue_items.h"

#include <proa/queue.h>

#define MAGIC_QUEUE 0x71756575u

struct proa_queue {
    unsigned magic;
    bool closed;
    struct home home;
    size_t limit; /* most items held; SIZE_MAX: no bound */
    struct queue_items items;
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
    if ((unsigned)o.order > PROA_QUEUE_PRIORITY || (o.order == PROA_QUEUE_PRIORITY && !o.compare))
        return proa__fail(PROA_EINVAL, o.order == PROA_QUEUE_PRIORITY
                                           ? "a queue by priority without .compare"
                                           : "a queue of an unknown order");

    struct proa_queue *q = proa__zalloc(sizeof *q);

    if (!q)
        return PROA_ENOMEM;
    q->magic = MAGIC_QUEUE;
    q->limit = o.limit ? o.limit : SIZE_MAX;
    q->item_free = o.item_free;
    proa__home_init(&q->home);
    proa__queue_items_init(&q->items, o.order, o.compare);
    list_init(&q->getters);
    list_init(&q->putters);
    list_init(&q->joiners);
    *ret = q;
    return 0;
}

static void drop_items(struct proa_queue *q)
{
    while (q->items.count) {
        void *item = proa__queue_items_take(&q->items);

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
               "proa_queue_free: task %s frees queue %p, on which tasks wait; "
               "proa_queue_shutdown first",
               proa__who(), (void *)queue);
    drop_items(queue);
    queue->magic = 0;
    proa__queue_items_fini(&queue->items);
    proa__free(queue);
}

/* ---- in words */

static void describe(const void *object, struct view *v)
{
    const struct proa_queue *q = object;

    proa__view_object(v, "queue", q);
    proa__view_say(v, ", %zu items", q->items.count);
    if (q->limit != SIZE_MAX)
        proa__view_say(v, " of %zu", q->limit);
    proa__view_count(v, q->unfinished, "unfinished");
    proa__view_list(v, &q->getters, "get");
    proa__view_list(v, &q->putters, "put");
    proa__view_list(v, &q->joiners, "join");
    proa__view_say(v, "%s", q->closed ? ", shut down" : "");
}

const struct view_kind proa__queue_view = {MAGIC_QUEUE, describe};

static const struct wait_kind joins = {.call = "proa_queue_join", .describe = describe};

/* ---- putting */

int proa_queue_try_put(struct proa_queue *queue, void *item)
{
    PROA_CHECK_OBJ(queue, MAGIC_QUEUE);
    home_check(&queue->home, __func__);
    if (queue->closed)
        return PROA_ECLOSED;
    if (proa__wait_wake(&queue->getters, item, 0)) {
        queue->unfinished++;
        return 0;
    }
    if (queue->items.count >= queue->limit)
        return PROA_EAGAIN;
    if (!proa__queue_items_add(&queue->items, item))
        return PROA_ENOMEM;
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

static const struct arm_ops put_ops = {
    .try = try_put,
    .link = link_putter,
    .call = "proa_queue_put",
    .describe = describe,
};

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
    home_check(&queue->home, __func__);
    if (!queue->items.count)
        return queue->closed ? PROA_ECLOSED : PROA_EAGAIN;
    *ret = proa__queue_items_take(&queue->items);

    struct list *first = list_first(&queue->putters);

    if (first) {
        struct wait *w = CONTAINER_OF(first, struct wait, link);

        proa__queue_items_add(&queue->items, w->slot); /* in the room that was made just now */
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

static const struct arm_ops get_ops = {
    .try = try_get,
    .link = link_getter,
    .take = take_item,
    .call = "proa_queue_get",
    .describe = describe,
};

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
    home_check_look(&queue->home, __func__);
    return queue->items.count;
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
    home_check(&queue->home, __func__);
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
    home_check(&queue->home, __func__);
    PROA_CHECK(queue->unfinished > queue->items.count,
               "proa_queue_task_done: task %s calls it for queue %p more often than items were got",
               proa__who(), (void *)queue);
    queue->unfinished--;
    wake_joiners(queue);
}

int proa_queue_join(struct proa_queue *queue)
{
    struct wait w;
    int rc;

    PROA_CHECK_OBJ(queue, MAGIC_QUEUE);
    home_check(&queue->home, __func__);
    rc = proa__wait_enter(__func__);
    if (rc < 0 || !queue->unfinished)
        return rc;
    proa__wait_link(&queue->joiners, &w);
    rc = proa__wait_park(&w, 1, &joins, queue);
    return rc < 0 ? rc : w.code;
}
