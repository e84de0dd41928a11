#include "base/check.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/arm.h"
#include "core/loop.h"

#include <proa/channel.h>

#include <stdalign.h>

#define MAGIC_CHANNEL 0x6368616eu

/*
 * A waiting sender's record has the address of its value in the slot, a waiting receiver's the
 * address where it wants one: whoever comes copies from one to the other, and the waiter is done.
 */
struct proa_channel {
    unsigned magic;
    bool closed;
    struct proa_loop *loop;
    size_t value_size;
    size_t capacity; /* most values inside; 0: sender and receiver meet */
    size_t count;
    size_t first;     /* index of the oldest value inside */
    size_t n_senders; /* counted, if the program counts them */
    size_t n_receivers;
    void (*value_fini)(void *value);
    struct list senders;   /* struct wait, oldest first; empty unless full, and once closed */
    struct list receivers; /* struct wait, oldest first; empty unless nothing is inside, and once
                              closed. Both are not empty only if a select stands in each of them */
    alignas(max_align_t) unsigned char ring[]; /* capacity values, wrapping */
};

static void check(const struct proa_channel *channel, const char *what)
{
    PROA_CHECK(channel && channel->magic == MAGIC_CHANNEL,
               "%s: channel %p was freed, or never made", what, (const void *)channel);
    proa__loop_check(channel->loop, what);
}

/* ---- life */

int proa_channel_new(struct proa_channel **ret, size_t value_size,
                     const struct proa_channel_opts *opts)
{
    struct proa_loop *loop = proa__loop_need(__func__);
    struct proa_channel_opts o;
    size_t bytes;
    int rc = proa__opts_copy(&o, sizeof o, opts);

    if (rc < 0)
        return rc;
    if (__builtin_mul_overflow(value_size, o.capacity, &bytes) ||
        __builtin_add_overflow(bytes, sizeof(struct proa_channel), &bytes))
        return PROA_EINVAL;

    struct proa_channel *c = proa__alloc(bytes);

    if (!c)
        return PROA_ENOMEM;
    *c = (struct proa_channel){
        .magic = MAGIC_CHANNEL,
        .loop = loop,
        .value_size = value_size,
        .capacity = o.capacity,
        .value_fini = o.value_fini,
    };
    list_init(&c->senders);
    list_init(&c->receivers);
    *ret = c;
    return 0;
}

static void *oldest(struct proa_channel *c)
{
    return c->ring + c->first * c->value_size;
}

static void drop_oldest(struct proa_channel *c)
{
    c->first = c->first + 1 == c->capacity ? 0 : c->first + 1;
    c->count--;
}

void proa_channel_free(struct proa_channel *channel)
{
    if (!channel)
        return;
    PROA_CHECK_OBJ(channel, MAGIC_CHANNEL);
    PROA_CHECK(list_empty(&channel->senders) && list_empty(&channel->receivers),
               "proa_channel_free: %zu tasks wait on channel %p; proa_channel_close first",
               list_count(&channel->senders) + list_count(&channel->receivers), (void *)channel);
    for (; channel->count; drop_oldest(channel))
        if (channel->value_fini)
            channel->value_fini(oldest(channel));
    channel->magic = 0;
    proa__free(channel);
}

/* ---- moving values */

static void copy(const struct proa_channel *c, void *to, const void *from)
{
    if (c->value_size)
        memcpy(to, from, c->value_size);
}

static void append(struct proa_channel *c, const void *value)
{
    size_t at = c->first + c->count;

    if (at >= c->capacity)
        at -= c->capacity;
    copy(c, c->ring + at * c->value_size, value);
    c->count++;
}

static int send_now(struct proa_channel *c, const void *value)
{
    struct list *first = list_first(&c->receivers);

    if (c->closed)
        return PROA_ECLOSED;
    if (first) {
        struct wait *w = CONTAINER_OF(first, struct wait, link);

        copy(c, w->slot, value);
        proa__wait_wake_one(w, NULL, 0);
        return 0;
    }
    if (c->count == c->capacity)
        return PROA_EAGAIN;
    append(c, value);
    return 0;
}

static int receive_now(struct proa_channel *c, void *value)
{
    struct list *first = list_first(&c->senders);
    struct wait *sender = first ? CONTAINER_OF(first, struct wait, link) : NULL;

    if (c->count) {
        copy(c, value, oldest(c));
        drop_oldest(c);
        if (sender) {
            append(c, sender->slot);
            proa__wait_wake_one(sender, NULL, 0);
        }
        return 0;
    }
    if (!sender)
        return c->closed ? PROA_ECLOSED : PROA_EAGAIN;
    copy(c, value, sender->slot);
    proa__wait_wake_one(sender, NULL, 0);
    return 0;
}

/* ---- sending */

static bool try_send(struct arm *arm)
{
    arm->rc = send_now(arm->object, arm->value);
    return arm->rc != PROA_EAGAIN;
}

static bool link_sender(struct arm *arm, struct wait *w)
{
    struct proa_channel *c = arm->object;

    proa__wait_link(&c->senders, w);
    w->slot = arm->value;
    return true;
}

static void describe(const void *object, struct view *v)
{
    const struct proa_channel *ch = object;

    proa__view_object(v, "channel", ch);
    proa__view_say(v, ", %zu of %zu values", ch->count, ch->capacity);
    proa__view_list(v, &ch->senders, "send");
    proa__view_list(v, &ch->receivers, "receive");
    proa__view_say(v, "%s", ch->closed ? ", closed" : "");
}

const struct view_kind proa__channel_view = {MAGIC_CHANNEL, describe};

static const struct arm_ops send_ops = {
    .try = try_send,
    .link = link_sender,
    .call = "proa_channel_send",
    .describe = describe,
};

static struct arm send_arm(struct proa_channel *channel, const void *value)
{
    return (struct arm){.ops = &send_ops, .object = channel, .value = (void *)(uintptr_t)value};
}

int proa_channel_send(struct proa_channel *channel, const void *value)
{
    struct arm arm = send_arm(channel, value);

    check(channel, __func__);
    return arm_wait(&arm, __func__);
}

int proa_channel_try_send(struct proa_channel *channel, const void *value)
{
    check(channel, __func__);
    return send_now(channel, value);
}

struct proa_case proa_case_send(struct proa_channel *channel, const void *value)
{
    check(channel, __func__);
    return arm_case(send_arm(channel, value));
}

/* ---- receiving */

static bool try_receive(struct arm *arm)
{
    arm->rc = receive_now(arm->object, arm->value);
    return arm->rc != PROA_EAGAIN;
}

static bool link_receiver(struct arm *arm, struct wait *w)
{
    struct proa_channel *c = arm->object;

    proa__wait_link(&c->receivers, w);
    w->slot = arm->value;
    return true;
}

static const struct arm_ops receive_ops = {
    .try = try_receive,
    .link = link_receiver,
    .call = "proa_channel_receive",
    .describe = describe,
};

static struct arm receive_arm(struct proa_channel *channel, void *value)
{
    return (struct arm){.ops = &receive_ops, .object = channel, .value = value};
}

int proa_channel_receive(struct proa_channel *channel, void *value)
{
    struct arm arm = receive_arm(channel, value);

    check(channel, __func__);
    return arm_wait(&arm, __func__);
}

int proa_channel_try_receive(struct proa_channel *channel, void *value)
{
    check(channel, __func__);
    return receive_now(channel, value);
}

struct proa_case proa_case_receive(struct proa_channel *channel, void *value)
{
    check(channel, __func__);
    return arm_case(receive_arm(channel, value));
}

/* ---- the end */

void proa_channel_close(struct proa_channel *channel)
{
    check(channel, __func__);
    channel->closed = true;
    proa__wait_wake_all(&channel->senders, PROA_ECLOSED);
    proa__wait_wake_all(&channel->receivers, PROA_ECLOSED);
}

static int add(const struct proa_channel *c, size_t *sum, size_t n)
{
    if (c->closed)
        return PROA_ECLOSED;
    if (n > (size_t)INT64_MAX - *sum)
        return PROA_EINVAL;
    *sum += n;
    return 0;
}

static void drop(struct proa_channel *c, size_t *n)
{
    if (--*n == 0)
        proa_channel_close(c);
}

int proa_channel_add_senders(struct proa_channel *channel, size_t n)
{
    check(channel, __func__);
    return add(channel, &channel->n_senders, n);
}

void proa_channel_drop_sender(struct proa_channel *channel)
{
    check(channel, __func__);
    PROA_CHECK(channel->n_senders, "proa_channel_drop_sender: channel %p has no sender left",
               (void *)channel);
    drop(channel, &channel->n_senders);
}

int proa_channel_add_receivers(struct proa_channel *channel, size_t n)
{
    check(channel, __func__);
    return add(channel, &channel->n_receivers, n);
}

void proa_channel_drop_receiver(struct proa_channel *channel)
{
    check(channel, __func__);
    PROA_CHECK(channel->n_receivers, "proa_channel_drop_receiver: channel %p has no receiver left",
               (void *)channel);
    drop(channel, &channel->n_receivers);
}

bool proa_channel_is_closed(const struct proa_channel *channel)
{
    check(channel, __func__);
    return channel->closed;
}

size_t proa_channel_len(const struct proa_channel *channel)
{
    check(channel, __func__);
    return channel->count;
}
