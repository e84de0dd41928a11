#include "base/check.h"
#include "base/mem.h"
#include "core/arm.h"
#include "core/home.h"

#include <proa/sync.h>

#define MAGIC_EVENT 0x6576656eu

struct proa_event {
    unsigned magic;
    bool set;
    struct home home;
    struct list waiters; /* struct wait, oldest first; empty while set */
};

int proa_event_new(struct proa_event **ret)
{
    struct proa_event *e = proa__zalloc(sizeof *e);

    if (!e)
        return PROA_ENOMEM;
    e->magic = MAGIC_EVENT;
    proa__home_init(&e->home);
    list_init(&e->waiters);
    *ret = e;
    return 0;
}

void proa_event_free(struct proa_event *event)
{
    if (!event)
        return;
    PROA_CHECK_OBJ(event, MAGIC_EVENT);
    PROA_CHECK(list_empty(&event->waiters),
               "proa_event_free: task %s frees event %p, for which %zu tasks wait", proa__who(),
               (void *)event, list_count(&event->waiters));
    event->magic = 0;
    proa__free(event);
}

void proa_event_set(struct proa_event *event)
{
    PROA_CHECK_OBJ(event, MAGIC_EVENT);
    home_check(&event->home, __func__);
    event->set = true;
    proa__wait_wake_all(&event->waiters, 0);
}

void proa_event_clear(struct proa_event *event)
{
    PROA_CHECK_OBJ(event, MAGIC_EVENT);
    home_check(&event->home, __func__);
    event->set = false;
}

bool proa_event_is_set(const struct proa_event *event)
{
    PROA_CHECK_OBJ(event, MAGIC_EVENT);
    home_check_look(&event->home, __func__);
    return event->set;
}

/* ---- waiting */

static bool try_event(struct arm *arm)
{
    const struct proa_event *e = arm->object;

    arm->rc = 0;
    return e->set;
}

static bool link_waiter(struct arm *arm, struct wait *w)
{
    struct proa_event *e = arm->object;

    proa__wait_link(&e->waiters, w);
    return true;
}

static void describe(const void *object, struct view *v)
{
    const struct proa_event *e = object;

    proa__view_object(v, "event", e);
    proa__view_say(v, ", %s", e->set ? "set" : "not set");
    proa__view_list(v, &e->waiters, "wait");
}

const struct view_kind proa__event_view = {MAGIC_EVENT, describe};

static const struct arm_ops event_ops = {
    .try = try_event,
    .link = link_waiter,
    .call = "proa_event_wait",
    .describe = describe,
};

int proa_event_wait(struct proa_event *event)
{
    struct arm arm = {.ops = &event_ops, .object = event};

    PROA_CHECK_OBJ(event, MAGIC_EVENT);
    home_check(&event->home, __func__);
    return arm_wait(&arm, __func__);
}

struct proa_case proa_case_event(struct proa_event *event)
{
    PROA_CHECK_OBJ(event, MAGIC_EVENT);
    return arm_case((struct arm){.ops = &event_ops, .object = event});
}
