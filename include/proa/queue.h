#ifndef PROA_QUEUE_H
#define PROA_QUEUE_H

/*
 * queue: pointers from task to task, with a bound; oldest, newest or most urgent first.
 */

#include <proa/defs.h>

PROA_BEGIN_DECLS

/** A queue of pointers. */
struct proa_queue;

/** Which item leaves a queue next. */
enum proa_queue_order {
    PROA_QUEUE_FIFO,    /* the oldest */
    PROA_QUEUE_LIFO,    /* the newest */
    PROA_QUEUE_PRIORITY /* the first by .compare, the oldest of equal ones */
};

/** How a queue is made; zero is the default everywhere. */
struct proa_queue_opts {
    size_t size;
    size_t limit;                  /* most items held; 0: no limit */
    void (*item_free)(void *item); /* for items that nobody took: at free, and when discarded */
    enum proa_queue_order order;
    int (*compare)(const void *a, const void *b); /* below 0: item a leaves before b */
};

/** Options of proa_queue_new, for example PROA_QUEUE_OPTS(.limit = 100). */
#define PROA_QUEUE_OPTS(...) PROA_OPTS(proa_queue_opts, __VA_ARGS__)

/** What becomes of the items that a queue holds when it is shut down. */
enum proa_queue_shutdown {
    PROA_QUEUE_DRAIN,  /* they can still be got */
    PROA_QUEUE_DISCARD /* they are dropped, each through .item_free */
};

/**
 * Make an empty queue.
 *
 * Errors:       PROA_ENOMEM, PROA_E2BIG, PROA_EINVAL (an unknown order, or one of priority without
 *               .compare).
 * Ownership:    the caller frees it with proa_queue_free.
 */
PROA_API int proa_queue_new(struct proa_queue **ret, const struct proa_queue_opts *opts);

/**
 * Free a queue that nobody waits on, and its items through .item_free; NULL is nothing.
 */
PROA_API void proa_queue_free(struct proa_queue *queue);

/**
 * Put an item, waiting for room while the queue is full.
 *
 * Suspends:     yes, unless there is room.
 * Errors:       PROA_ECANCELED, PROA_ECLOSED (shut down), PROA_ENOMEM.
 * Ownership:    the item is the queue's on success, still the caller's on failure.
 * Cancellation: the item was not put; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_queue_put(struct proa_queue *queue, void *item);

/**
 * Put an item if there is room.
 *
 * Errors:       PROA_EAGAIN (full), PROA_ECLOSED (shut down), PROA_ENOMEM.
 * Ownership:    as proa_queue_put.
 */
PROA_API int proa_queue_try_put(struct proa_queue *queue, void *item);

/**
 * Take the next item, waiting for one while the queue is empty.
 *
 * Getters are served in the order they came. An item is handed over before its getter runs
 * again, so a cancelled get never loses one: it either returns the item or leaves it queued.
 *
 * Suspends:     yes, unless an item is there.
 * Errors:       PROA_ECANCELED, PROA_ECLOSED (shut down and empty).
 * Ownership:    the item is the caller's again; the queue never looked inside it.
 * Cancellation: safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_queue_get(struct proa_queue *queue, void **ret);

/**
 * Take the next item if there is one.
 *
 * Errors:       PROA_EAGAIN (empty), PROA_ECLOSED (shut down and empty).
 * Ownership:    as proa_queue_get.
 */
PROA_API int proa_queue_try_get(struct proa_queue *queue, void **ret);

/**
 * Number of items held.
 */
PROA_API size_t proa_queue_len(const struct proa_queue *queue);

/**
 * End the queue: puts fail at once, gets fail when it is empty, and whoever waits is woken.
 *
 * With PROA_QUEUE_DISCARD the items held are dropped and count as done. May be called again: drain
 * first, discard later.
 */
PROA_API void proa_queue_shutdown(struct proa_queue *queue, enum proa_queue_shutdown how);

/**
 * Say that an item which was got has been dealt with. Once too often stops the program.
 */
PROA_API void proa_queue_task_done(struct proa_queue *queue);

/**
 * Wait until every item ever put has been dealt with (proa_queue_task_done).
 *
 * Suspends:     yes, unless that is so.
 * Errors:       PROA_ECANCELED.
 * Cancellation: safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_queue_join(struct proa_queue *queue);

PROA_DEFINE_AUTO(proa_queue, proa_queue_free);

PROA_END_DECLS

#endif
