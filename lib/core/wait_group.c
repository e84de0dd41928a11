#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "core/home.h"
#include "core/view.h"
#include "core/wait.h"

#include <proa/wait_group.h>

#define MAGIC_WAIT_GROUP 0x77616974u

struct proa_wait_group {
    unsigned magic;
    struct home home;
    size_t count;        /* to be done */
    struct list waiters; /* struct wait; empty unless count */
};

int proa_wait_group_new(struct proa_wait_group **ret)
{
    struct proa_wait_group *g = proa__zalloc(sizeof *g);

    if (!g)
        return PROA_ENOMEM;
    g->magic = MAGIC_WAIT_GROUP;
    proa__home_init(&g->home);
    list_init(&g->waiters);
    *ret = g;
    return 0;
}

void proa_wait_group_free(struct proa_wait_group *group)
{
    if (!group)
        return;
    PROA_CHECK_OBJ(group, MAGIC_WAIT_GROUP);
    PROA_CHECK(list_empty(&group->waiters),
               "proa_wait_group_free: task %s frees wait group %p, for which %zu tasks wait",
               proa__who(), (void *)group, list_count(&group->waiters));
    group->magic = 0;
    proa__free(group);
}

int proa_wait_group_add(struct proa_wait_group *group, size_t n)
{
    PROA_CHECK_OBJ(group, MAGIC_WAIT_GROUP);
    home_check(&group->home, __func__);
    if (n > (size_t)INT64_MAX || group->count > (size_t)INT64_MAX - n)
        return proa__fail(PROA_EINVAL, "%zu more than the %zu to be done", n, group->count);
    group->count += n;
    return 0;
}

void proa_wait_group_done(struct proa_wait_group *group)
{
    PROA_CHECK_OBJ(group, MAGIC_WAIT_GROUP);
    home_check(&group->home, __func__);
    PROA_CHECK(
        group->count,
        "proa_wait_group_done: task %s says so to wait group %p, where nothing is to be done",
        proa__who(), (void *)group);
    if (--group->count == 0)
        proa__wait_wake_all(&group->waiters, 0);
}

size_t proa_wait_group_count(const struct proa_wait_group *group)
{
    PROA_CHECK_OBJ(group, MAGIC_WAIT_GROUP);
    home_check_look(&group->home, __func__);
    return group->count;
}

static void describe(const void *object, struct view *v)
{
    const struct proa_wait_group *g = object;

    proa__view_object(v, "wait group", g);
    proa__view_say(v, ", %zu to be done", g->count);
    proa__view_list(v, &g->waiters, "wait");
}

const struct view_kind proa__wait_group_view = {MAGIC_WAIT_GROUP, describe};

static const struct wait_kind waits = {.call = "proa_wait_group_wait", .describe = describe};

int proa_wait_group_wait(struct proa_wait_group *group)
{
    struct wait w;
    int rc;

    PROA_CHECK_OBJ(group, MAGIC_WAIT_GROUP);
    home_check(&group->home, __func__);
    rc = proa__wait_enter(__func__);
    if (rc < 0 || !group->count)
        return rc;
    proa__wait_link(&group->waiters, &w);
    rc = proa__wait_park(&w, 1, &waits, group);
    return rc < 0 ? rc : w.code;
}
