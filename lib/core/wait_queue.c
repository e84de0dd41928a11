#include "base/check.h"
#include "base/mem.h"
#include "core/home.h"
#include "core/view.h"
#include "core/wait.h"

#include <proa/wait_queue.h>

#define MAGIC_WAIT_QUEUE 0x77717565u

struct proa_wait_queue {
    unsigned magic;
    struct home home;
    struct list sleepers; /* struct wait, oldest first */
};

int proa_wait_queue_new(struct proa_wait_queue **ret)
{
    struct proa_wait_queue *q = proa__zalloc(sizeof *q);

    if (!q)
        return PROA_ENOMEM;
    q->magic = MAGIC_WAIT_QUEUE;
    proa__home_init(&q->home);
    list_init(&q->sleepers);
    *ret = q;
    return 0;
}

void proa_wait_queue_free(struct proa_wait_queue *queue)
{
    if (!queue)
        return;
    PROA_CHECK_OBJ(queue, MAGIC_WAIT_QUEUE);
    PROA_CHECK(list_empty(&queue->sleepers),
               "proa_wait_queue_free: task %s frees wait queue %p, where %zu tasks sleep",
               proa__who(), (void *)queue, list_count(&queue->sleepers));
    queue->magic = 0;
    proa__free(queue);
}

static void describe(const void *object, struct view *v)
{
    const struct proa_wait_queue *q = object;

    proa__view_object(v, "wait queue", q);
    proa__view_list(v, &q->sleepers, "wait");
}

const struct view_kind proa__wait_queue_view = {MAGIC_WAIT_QUEUE, describe};

static const struct wait_kind parks = {.call = "proa_wait_queue_park", .describe = describe};

int proa_wait_queue_park(struct proa_wait_queue *queue, void **ret)
{
    struct wait w;
    int rc;

    PROA_CHECK_OBJ(queue, MAGIC_WAIT_QUEUE);
    home_check(&queue->home, __func__);
    PROA_CHECK(proa__task_here, "%s: no task runs here that could sleep", __func__);
    proa__wait_link(&queue->sleepers, &w);
    rc = proa__wait_park(&w, 1, &parks, queue); /* without wait_enter, which may let others run */
    if (rc < 0)
        return rc;
    if (ret)
        *ret = w.slot;
    return w.code;
}

bool proa_wait_queue_wake_one(struct proa_wait_queue *queue, void *value)
{
    PROA_CHECK_OBJ(queue, MAGIC_WAIT_QUEUE);
    home_check(&queue->home, __func__);
    return proa__wait_wake(&queue->sleepers, value, 0);
}

size_t proa_wait_queue_wake_all(struct proa_wait_queue *queue, void *value)
{
    size_t n = 0;

    PROA_CHECK_OBJ(queue, MAGIC_WAIT_QUEUE);
    home_check(&queue->home, __func__);
    while (proa__wait_wake(&queue->sleepers, value, 0))
        n++;
    return n;
}

size_t proa_wait_queue_len(const struct proa_wait_queue *queue)
{
    PROA_CHECK_OBJ(queue, MAGIC_WAIT_QUEUE);
    home_check_look(&queue->home, __func__);
    return list_count(&queue->sleepers);
}
