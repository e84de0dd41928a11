#ifndef CORE_VIEW_H
#define CORE_VIEW_H

/*
 * view: what a task waits for, and what an object is, in words.
 *
 * A park stores two pointers in its first wait record: a static wait_kind, and the thing. Words are
 * made of them only when somebody asks (inspect.h), on the loop's own stack, while nothing else
 * runs: a describing function reads what it likes and changes nothing.
 *
 *     static const struct wait_kind waits = {.call = "proa_queue_join", .describe = describe};
 *     rc = proa__wait_park(&w, 1, &waits, queue);
 *
 *     "proa_queue_join: queue 0x55d1c0, 3 items, 4 unfinished, 1 joins"
 *
 * Floor: core.
 */

#include "core/task.h"

#include <stddef.h>
#include <stdint.h>

struct wait;

#define VIEW_TEXT 240
#define VIEW_COUNTED 100 /* of a list: each of its sleepers is asked for the whole */

struct view {
    const char *call; /* that the task is in; NULL: an object is described */
    const void *object;
    const struct proa_task *by; /* who has to do something first: end, or release a lock */
    const struct group *all_of; /* whose tasks all have to end first */
    size_t n;
    char text[VIEW_TEXT];
};

/* Add what `object` is. */
typedef void describe_fn(const void *object, struct view *v);

struct wait_kind {
    const char *call;      /* the public call, by its name */
    describe_fn *describe; /* of what is waited for; NULL: the name says it all */
    void (*detail)(const struct wait *w, struct view *v); /* of this wait; NULL: nothing to add */
    bool blocks; /* it may wait for a certain task: v->by or v->all_of */
};

/* An object that proa_describe knows by its first member. */
struct view_kind {
    unsigned magic;
    describe_fn *describe;
};
extern const struct view_kind proa__barrier_view, proa__broadcast_view, proa__capacity_view,
    proa__channel_view, proa__condition_view, proa__event_view, proa__future_view, proa__group_view,
    proa__limiter_view, proa__lock_view, proa__once_view, proa__queue_view, proa__rwlock_view,
    proa__semaphore_view, proa__signals_view, proa__wait_group_view, proa__wait_queue_view,
    proa__watch_view;

/* Add text; what does not fit is cut off. */
void proa__view_say(struct view *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Add "queue 0x55d1c0", and remember the first such thing. */
void proa__view_object(struct view *v, const char *noun, const void *object);

/* Add ", 3 wait" unless it is none. */
void proa__view_count(struct view *v, size_t n, const char *what);

/* The same of a list, which may be long: ", over 100 wait". */
void proa__view_list(struct view *v, const struct list *list, const char *what);

/* Add the task's name; `v->by` is that task. */
void proa__view_task(struct view *v, const struct proa_task *t);

/* Add a time in the unit that suits it: "1.2 s". */
void proa__view_time(struct view *v, int64_t ns);

/* Add "1.2 s left", as the loop's clock says, or "no deadline". */
void proa__view_left(struct view *v, int64_t deadline);

/* Write what `object` is into `buf`; returns the length. For the public calls. */
int proa__view_write(describe_fn *describe, const void *object, char *buf, size_t n);

/* What the parked task `t` waits for. */
void proa__view_wait(struct view *v, const struct proa_task *t);

#endif
