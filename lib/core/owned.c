#include "core/owned.h"

void proa__owned_give_slow(struct owned *o)
{
    struct owned **at = &o->by->owned;

    while (*at != o)
        at = &(*at)->below;
    *at = o->below;
}

const char *proa__owned_by(const struct owned *o, char buf[TASK_NAME_MAX])
{
    if (o->by == OWNER_DEAD)
        return "a task that has ended";
    return o->by ? proa__task_name(o->by, buf) : "nobody";
}

void proa__view_owner(struct view *v, const struct owned *o)
{
    char name[TASK_NAME_MAX];

    if (!o->by) {
        proa__view_say(v, ", not held");
        return;
    }
    proa__view_say(v, ", held by %s", proa__owned_by(o, name));
    if (owned_held(o))
        v->by = o->by;
}

void proa__owned_orphan(struct proa_task *t)
{
    while (t->owned) {
        struct owned *o = t->owned;

        t->owned = o->below;
        o->by = OWNER_DEAD;
        o->orphaned(o);
    }
}
