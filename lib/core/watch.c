#include "base/check.h"
#include "base/mem.h"
#include "core/arm.h"
#include "core/loop.h"

#include <proa/watch.h>

#include <stdalign.h>

#define MAGIC_WATCH 0x77617463u

/* A waiter's record has its arm in the slot: who sets the value copies it there. */
struct proa_watch {
    unsigned magic;
    bool closed;
    struct proa_loop *loop;
    size_t value_size;
    uint64_t number;     /* of the value; the first has 1 */
    struct list waiters; /* struct wait, oldest first; all have seen the value; empty once closed */
    alignas(max_align_t) unsigned char value[];
};

static void check(const struct proa_watch *watch, const char *what)
{
    PROA_CHECK(watch && watch->magic == MAGIC_WATCH, "%s: watch %p was freed, or never made", what,
               (const void *)watch);
    proa__loop_check(watch->loop, what);
}

int proa_watch_new(struct proa_watch **ret, size_t value_size, const void *value)
{
    struct proa_loop *loop = proa__loop_need(__func__);
    size_t bytes;

    if (__builtin_add_overflow(value_size, sizeof(struct proa_watch), &bytes))
        return PROA_EINVAL;

    struct proa_watch *w = proa__alloc(bytes);

    if (!w)
        return PROA_ENOMEM;
    *w = (struct proa_watch){
        .magic = MAGIC_WATCH,
        .loop = loop,
        .value_size = value_size,
        .number = 1,
    };
    if (value_size)
        memcpy(w->value, value, value_size);
    list_init(&w->waiters);
    *ret = w;
    return 0;
}

void proa_watch_free(struct proa_watch *watch)
{
    if (!watch)
        return;
    PROA_CHECK_OBJ(watch, MAGIC_WATCH);
    PROA_CHECK(list_empty(&watch->waiters),
               "proa_watch_free: %zu tasks wait on watch %p; proa_watch_close first",
               list_count(&watch->waiters), (void *)watch);
    watch->magic = 0;
    proa__free(watch);
}

uint64_t proa_watch_get(const struct proa_watch *watch, void *value)
{
    check(watch, __func__);
    if (value && watch->value_size)
        memcpy(value, watch->value, watch->value_size);
    return watch->number;
}

/* ---- waiting: the arm's value is where the value goes, its n the address of the number seen */

static uint64_t *seen_of(const struct arm *arm)
{
    return (uint64_t *)(uintptr_t)arm->n;
}

static void hand_over(const struct proa_watch *w, const struct arm *arm)
{
    *seen_of(arm) = proa_watch_get(w, arm->value);
}

static bool try_wait(struct arm *arm)
{
    struct proa_watch *w = arm->object;
    uint64_t seen = *seen_of(arm);

    PROA_CHECK(seen <= w->number,
               "proa_watch_wait: value %llu of watch %p was seen before it was set",
               (unsigned long long)seen, (void *)w);
    if (seen == w->number) {
        arm->rc = PROA_ECLOSED;
        return w->closed;
    }
    hand_over(w, arm);
    arm->rc = 0;
    return true;
}

static bool link_waiter(struct arm *arm, struct wait *w)
{
    struct proa_watch *watch = arm->object;

    proa__wait_link(&watch->waiters, w);
    w->slot = arm;
    return true;
}

static void describe(const void *object, struct view *v)
{
    const struct proa_watch *watch = object;

    proa__view_object(v, "watch", watch);
    proa__view_say(v, ", value %llu", (unsigned long long)watch->number);
    proa__view_list(v, &watch->waiters, "wait");
    proa__view_say(v, "%s", watch->closed ? ", closed" : "");
}

const struct view_kind proa__watch_view = {MAGIC_WATCH, describe};

static const struct arm_ops watch_ops = {
    .try = try_wait,
    .link = link_waiter,
    .call = "proa_watch_wait",
    .describe = describe,
};

static struct arm watch_arm(struct proa_watch *watch, uint64_t *seen, void *value)
{
    return (struct arm){
        .ops = &watch_ops,
        .object = watch,
        .value = value,
        .n = (uintptr_t)seen,
    };
}

int proa_watch_wait(struct proa_watch *watch, uint64_t *seen, void *value)
{
    struct arm arm = watch_arm(watch, seen, value);

    check(watch, __func__);
    return arm_wait(&arm, __func__);
}

int proa_watch_try_wait(struct proa_watch *watch, uint64_t *seen, void *value)
{
    struct arm arm = watch_arm(watch, seen, value);

    check(watch, __func__);
    return arm_try(&arm);
}

struct proa_case proa_case_watch(struct proa_watch *watch, uint64_t *seen, void *value)
{
    check(watch, __func__);
    return arm_case(watch_arm(watch, seen, value));
}

/* ---- setting */

int proa_watch_set(struct proa_watch *watch, const void *value)
{
    struct list *first;

    check(watch, __func__);
    if (watch->closed)
        return PROA_ECLOSED;
    if (watch->value_size)
        memcpy(watch->value, value, watch->value_size);
    watch->number++;
    while ((first = list_first(&watch->waiters))) {
        struct wait *w = CONTAINER_OF(first, struct wait, link);

        hand_over(watch, w->slot);
        proa__wait_wake_one(w, NULL, 0);
    }
    return 0;
}

void proa_watch_close(struct proa_watch *watch)
{
    check(watch, __func__);
    watch->closed = true;
    proa__wait_wake_all(&watch->waiters, PROA_ECLOSED);
}
