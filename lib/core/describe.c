#include "base/check.h"
#include "base/fail.h"
#include "core/loop.h"
#include "core/view.h"

#include <proa/inspect.h>

#include <stdio.h>

/* All objects of this floor begin with a number that says what they are. */
static const struct view_kind *const kinds[] = {
    &proa__barrier_view,    &proa__broadcast_view, &proa__capacity_view, &proa__channel_view,
    &proa__condition_view,  &proa__event_view,     &proa__future_view,   &proa__group_view,
    &proa__limiter_view,    &proa__lock_view,      &proa__once_view,     &proa__queue_view,
    &proa__rwlock_view,     &proa__semaphore_view, &proa__signals_view,  &proa__wait_group_view,
    &proa__wait_queue_view, &proa__watch_view,
};

struct work {
    describe_fn *describe;
    const void *object;
    char *buf;
    size_t n;
    size_t length;
};

static void work(void *arg)
{
    struct work *w = arg;
    struct view v = {0};

    w->describe(w->object, &v);
    w->length = v.n;
    snprintf(w->buf, w->n, "%s", v.text);
}

int proa__view_write(describe_fn *describe, const void *object, char *buf, size_t n)
{
    struct work w = {describe, object, buf, n, 0};

    proa__on_loop_stack(work, &w);
    return (int)w.length;
}

int proa_describe(const void *object, char *buf, size_t n)
{
    unsigned magic;

    PROA_CHECK(object, "%s: the object is NULL", __func__);
    proa__loop_need(__func__);
    magic = *(const unsigned *)object;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i]->magic == magic)
            return proa__view_write(kinds[i]->describe, object, buf, n);
    return proa__fail(PROA_EINVAL, "proa_describe: no object that it knows is at %p", object);
}
