#include "base/check.h"
#include "base/mem.h"
#include "core/arm.h"
#include "core/loop.h"

#include <proa/broadcast.h>

#include <limits.h>
#include <stdalign.h>

#define MAGIC_BROADCAST 0x62726f61u

/* A waiter's record has its arm in the slot: the sender copies the value there. */
struct proa_broadcast {
    unsigned magic;
    bool closed;
    struct proa_loop *loop;
    size_t value_size;
    size_t capacity;     /* values that are kept */
    uint64_t next;       /* number of the value that will be sent next; the first is 0 */
    struct list waiters; /* struct wait, oldest first; all want value `next`; empty once closed */
    alignas(max_align_t) unsigned char ring[]; /* value i at i % capacity */
};

static void check(const struct proa_broadcast *broadcast, const char *what)
{
    PROA_CHECK(broadcast && broadcast->magic == MAGIC_BROADCAST,
               "%s: broadcast %p was freed, or never made", what, (const void *)broadcast);
    proa__loop_check(broadcast->loop, what);
}

int proa_broadcast_new(struct proa_broadcast **ret, size_t value_size, size_t capacity)
{
    struct proa_loop *loop = proa__loop_need(__func__);
    size_t bytes;

    if (!capacity || __builtin_mul_overflow(value_size, capacity, &bytes) ||
        __builtin_add_overflow(bytes, sizeof(struct proa_broadcast), &bytes))
        return PROA_EINVAL;

    struct proa_broadcast *b = proa__alloc(bytes);

    if (!b)
        return PROA_ENOMEM;
    *b = (struct proa_broadcast){
        .magic = MAGIC_BROADCAST,
        .loop = loop,
        .value_size = value_size,
        .capacity = capacity,
    };
    list_init(&b->waiters);
    *ret = b;
    return 0;
}

void proa_broadcast_free(struct proa_broadcast *broadcast)
{
    if (!broadcast)
        return;
    PROA_CHECK_OBJ(broadcast, MAGIC_BROADCAST);
    PROA_CHECK(list_empty(&broadcast->waiters),
               "proa_broadcast_free: %zu tasks wait on broadcast %p; proa_broadcast_close first",
               list_count(&broadcast->waiters), (void *)broadcast);
    broadcast->magic = 0;
    proa__free(broadcast);
}

uint64_t proa_broadcast_subscribe(const struct proa_broadcast *broadcast)
{
    check(broadcast, __func__);
    return broadcast->next;
}

static unsigned char *place(struct proa_broadcast *b, uint64_t number)
{
    return b->ring + number % b->capacity * b->value_size;
}

static uint64_t oldest(const struct proa_broadcast *b)
{
    return b->next > b->capacity ? b->next - b->capacity : 0;
}

/* ---- receiving: the arm's value is where the value goes, its n the address of the next number */

static uint64_t *next_of(const struct arm *arm)
{
    return (uint64_t *)(uintptr_t)arm->n;
}

static void hand_over(struct proa_broadcast *b, const struct arm *arm, uint64_t number)
{
    if (arm->value && b->value_size)
        memcpy(arm->value, place(b, number), b->value_size);
    *next_of(arm) = number + 1;
}

static bool try_receive(struct arm *arm)
{
    struct proa_broadcast *b = arm->object;
    uint64_t number = *next_of(arm);
    uint64_t lost = 0;

    PROA_CHECK(number <= b->next, "proa_broadcast_receive: broadcast %p has sent no value %llu yet",
               (void *)b, (unsigned long long)number);
    if (number == b->next) {
        arm->rc = PROA_ECLOSED;
        return b->closed;
    }
    if (number < oldest(b)) {
        lost = oldest(b) - number;
        number = oldest(b);
    }
    hand_over(b, arm, number);
    arm->rc = lost < INT_MAX ? (int)lost : INT_MAX;
    return true;
}

static bool link_waiter(struct arm *arm, struct wait *w)
{
    struct proa_broadcast *b = arm->object;

    proa__wait_link(&b->waiters, w);
    w->slot = arm;
    return true;
}

static void describe(const void *object, struct view *v)
{
    const struct proa_broadcast *b = object;

    proa__view_object(v, "broadcast", b);
    proa__view_say(v, ", %llu sent, %zu kept", (unsigned long long)b->next, b->capacity);
    proa__view_list(v, &b->waiters, "wait");
    proa__view_say(v, "%s", b->closed ? ", closed" : "");
}

const struct view_kind proa__broadcast_view = {MAGIC_BROADCAST, describe};

static const struct arm_ops broadcast_ops = {
    .try = try_receive,
    .link = link_waiter,
    .call = "proa_broadcast_receive",
    .describe = describe,
};

static struct arm broadcast_arm(struct proa_broadcast *broadcast, uint64_t *next, void *value)
{
    return (struct arm){
        .ops = &broadcast_ops,
        .object = broadcast,
        .value = value,
        .n = (uintptr_t)next,
    };
}

int proa_broadcast_receive(struct proa_broadcast *broadcast, uint64_t *next, void *value)
{
    struct arm arm = broadcast_arm(broadcast, next, value);

    check(broadcast, __func__);
    return arm_wait(&arm, __func__);
}

int proa_broadcast_try_receive(struct proa_broadcast *broadcast, uint64_t *next, void *value)
{
    struct arm arm = broadcast_arm(broadcast, next, value);

    check(broadcast, __func__);
    return arm_try(&arm);
}

struct proa_case proa_case_broadcast(struct proa_broadcast *broadcast, uint64_t *next, void *value)
{
    check(broadcast, __func__);
    return arm_case(broadcast_arm(broadcast, next, value));
}

/* ---- sending */

int proa_broadcast_send(struct proa_broadcast *broadcast, const void *value)
{
    struct list *first;

    check(broadcast, __func__);
    if (broadcast->closed)
        return PROA_ECLOSED;
    if (broadcast->value_size)
        memcpy(place(broadcast, broadcast->next), value, broadcast->value_size);
    broadcast->next++;
    while ((first = list_first(&broadcast->waiters))) {
        struct wait *w = CONTAINER_OF(first, struct wait, link);

        hand_over(broadcast, w->slot, broadcast->next - 1);
        proa__wait_wake_one(w, NULL, 0);
    }
    return 0;
}

void proa_broadcast_close(struct proa_broadcast *broadcast)
{
    check(broadcast, __func__);
    broadcast->closed = true;
    proa__wait_wake_all(&broadcast->waiters, PROA_ECLOSED);
}
