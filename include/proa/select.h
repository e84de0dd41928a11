#ifndef PROA_SELECT_H
#define PROA_SELECT_H

/*
 * select: wait for several things at once; exactly one of them happens.
 *
 *     struct proa_case c[] = {
 *         proa_case_receive(orders, &order),
 *         proa_case_event(closing_time),
 *         proa_case_timer(5 * PROA_SEC),
 *     };
 *     switch (PROA_SELECT(c)) {
 *     case 0: ... an order came, or c[0].rc says why none will
 *     case 1: ...
 *
 * The others are untouched: nothing was sent, received or consumed. A case may be used again in
 * the next select; a timer then keeps its deadline.
 */

#include <proa/broadcast.h>
#include <proa/channel.h>
#include <proa/future.h>
#include <proa/queue.h>
#include <proa/signal.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/watch.h>

PROA_BEGIN_DECLS

/** One thing to wait for; the constructors below make it. All but rc is private. */
struct proa_case {
    int rc; /* of the case that happened: what the call alone would have returned */
    int opaque_int;
    uint64_t opaque[27];
};

/** Most cases of one select. */
#define PROA_SELECT_MAX 32

/** How to select; zero is the default everywhere. */
struct proa_select_opts {
    size_t size;
    bool priority; /* of several possible at once the first wins; default: each has its chance */
};

/** Options of proa_select, for example PROA_SELECT_OPTS(.priority = true). */
#define PROA_SELECT_OPTS(...) PROA_OPTS(proa_select_opts, __VA_ARGS__)

#ifndef __cplusplus
/**
 * PROA_SELECT(array): proa_select over all cases of an array, fairly.
 */
#define PROA_SELECT(array) proa_select((array), sizeof(array) / sizeof *(array), NULL)
#endif

/**
 * Wait until one of `n` cases happens, and return its index.
 *
 * What happened is in that case's rc, as the call alone would have returned it: 0 or more, or a
 * negative code such as PROA_ECLOSED, which is an outcome too. Of several that are possible at once
 * one is taken at random, so that none starves; with .priority it is the first of them.
 *
 * Suspends:     yes, unless one is possible at once.
 * Errors:       PROA_ECANCELED, PROA_EINVAL (no case, or more than PROA_SELECT_MAX), PROA_E2BIG.
 * Cancellation: nothing happened; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_select(struct proa_case *cases, size_t n,
                                       const struct proa_select_opts *opts);

/**
 * The same if one of the cases is possible at once.
 *
 * Errors:       PROA_EAGAIN (none is), PROA_EINVAL, PROA_E2BIG.
 */
PROA_API int proa_try_select(struct proa_case *cases, size_t n,
                             const struct proa_select_opts *opts);

/**
 * A value copied to a channel: proa_channel_send.
 */
PROA_API struct proa_case proa_case_send(struct proa_channel *channel, const void *value);

/**
 * A value copied from a channel: proa_channel_receive.
 */
PROA_API struct proa_case proa_case_receive(struct proa_channel *channel, void *value);

/**
 * An item put to a queue: proa_queue_put.
 */
PROA_API struct proa_case proa_case_put(struct proa_queue *queue, void *item);

/**
 * An item got from a queue: proa_queue_get.
 */
PROA_API struct proa_case proa_case_get(struct proa_queue *queue, void **ret);

/**
 * A future that is set: proa_future_wait.
 */
PROA_API struct proa_case proa_case_future(struct proa_future *future, void **ret);

/**
 * A newer value of a watch: proa_watch_wait.
 */
PROA_API struct proa_case proa_case_watch(struct proa_watch *watch, uint64_t *seen, void *value);

/**
 * The next value of a broadcast: proa_broadcast_receive.
 */
PROA_API struct proa_case proa_case_broadcast(struct proa_broadcast *broadcast, uint64_t *next,
                                              void *value);

/**
 * The end of a task: proa_task_join.
 */
PROA_API struct proa_case proa_case_join(struct proa_task_ref ref);

/**
 * An event that is set: proa_event_wait.
 */
PROA_API struct proa_case proa_case_event(struct proa_event *event);

/**
 * A descriptor that is ready: proa_wait_fd.
 */
PROA_API struct proa_case proa_case_fd(int fd, unsigned dirs);

/**
 * A signal that came: proa_signals_receive. Its rc is the number.
 */
PROA_API struct proa_case proa_case_signal(struct proa_signals *signals);

/**
 * The moment `ns` from now; PROA_FOREVER never comes. Its rc is 0; PROA_EINVAL, at once, for
 * INT64_MIN and for a moment beyond the end of time.
 */
PROA_API struct proa_case proa_case_timer(int64_t ns);

/**
 * Every `ns` from now on, in a case that is used again and again: a clock that ticks.
 *
 * Its rc is how many ticks there were since the last time: 1, or more if the program was late. The
 * ticks do not drift. Of 0 or less, or beyond the end of time, its rc is PROA_EINVAL, at once.
 */
PROA_API struct proa_case proa_case_ticker(int64_t ns);

/**
 * Nothing, ever: what stands in for a case that is not wanted at the moment.
 */
PROA_API struct proa_case proa_case_never(void);

PROA_END_DECLS

#endif
