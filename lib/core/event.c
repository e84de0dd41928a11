#include "base/check.h"
#include "base/mem.h"
#include "core/wait.h"

#include <proa/sync.h>

#define MAGIC_EVENT 0x6576656eu

struct proa_event {
    unsigned magic;
    bool set;
    struct list waiters; /* struct wait, oldest first; empty while set */
};

int proa_event_new(struct proa_event **ret)
{
    struct proa_event *e = proa__zalloc(sizeof *e);

    if (!e)
        return PROA_ENOMEM;
    e->magic = MAGIC_EVENT;
    list_init(&e->waiters);
    *ret = e;
    return 0;
}

void proa_event_free(struct proa_event *event)
{
    if (!event)
        return;
    PROA_CHECK_OBJ(event, MAGIC_EVENT);
    PROA_CHECK(list_empty(&event->waiters), "proa_event_free: tasks wait for the event");
    event->magic = 0;
    proa__free(event);
}

void proa_event_set(struct proa_event *event)
{
    PROA_CHECK_OBJ(event, MAGIC_EVENT);
    event->set = true;
    proa__wait_wake_all(&event->waiters, 0);
}

void proa_event_clear(struct proa_event *event)
{
    PROA_CHECK_OBJ(event, MAGIC_EVENT);
    event->set = false;
}

bool proa_event_is_set(const struct proa_event *event)
{
    PROA_CHECK_OBJ(event, MAGIC_EVENT);
    return event->set;
}

int proa_event_wait(struct proa_event *event)
{
    struct wait w;
    int rc;

    PROA_CHECK_OBJ(event, MAGIC_EVENT);
    rc = proa__wait_enter(__func__);
    if (rc < 0 || event->set)
        return rc;
    proa__wait_link(&event->waiters, &w);
    rc = proa__wait_park(&w, 1);
    return rc < 0 ? rc : w.code;
}
