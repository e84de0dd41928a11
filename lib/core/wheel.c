#include "core/wheel.h"

#include "core/timer.h"

#include <proa/time.h>

#include <string.h>

#define WORD_BITS 64

/* ---- one list */

static void push(struct wheel *w, unsigned level, unsigned slot, struct timer *t)
{
    list_push(&w->slots[level][slot], &t->far);
    w->full[level][slot / WORD_BITS] |= UINT64_C(1) << slot % WORD_BITS;
}

static void is_empty_now(struct wheel *w, const struct list *list)
{
    size_t i = (size_t)(list - &w->slots[0][0]);

    w->full[i / WHEEL_SLOTS][i % WHEEL_SLOTS / WORD_BITS] &= ~(UINT64_C(1) << i % WORD_BITS);
}

static void take_all(struct wheel *w, unsigned level, int64_t group, struct list *to)
{
    struct list *list = &w->slots[level][group & (WHEEL_SLOTS - 1)];

    list_splice(to, list);
    is_empty_now(w, list);
}

/* How far it is from `slot` to the first list that is not empty, going round; -1: all are. */
static int distance(const uint64_t *full, unsigned slot)
{
    unsigned word = slot / WORD_BITS;
    uint64_t bits = full[word] >> slot % WORD_BITS;

    if (bits)
        return __builtin_ctzll(bits);
    for (unsigned i = 1; i <= WHEEL_SLOTS / WORD_BITS; i++) {
        bits = full[(word + i) % (WHEEL_SLOTS / WORD_BITS)];
        if (bits)
            return (int)(i * WORD_BITS - slot % WORD_BITS) + __builtin_ctzll(bits);
    }
    return -1;
}

/* ---- the whole */

void proa__wheel_init(struct wheel *w, int64_t now)
{
    memset(w, 0, sizeof *w);
    w->now = (now >> WHEEL_TICK) + 1;
    for (unsigned level = 0; level < WHEEL_LEVELS; level++)
        for (unsigned i = 0; i < WHEEL_SLOTS; i++)
            list_init(&w->slots[level][i]);
}

/* To the list where it belongs, which is not the one of a tick that has begun. */
static bool place(struct wheel *w, struct timer *t)
{
    int64_t group = t->node.key >> WHEEL_TICK;
    int64_t now = w->now;

    if (group < now)
        return false;
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        if (group - now < WHEEL_SLOTS) {
            push(w, level, (unsigned)(group & (WHEEL_SLOTS - 1)), t);
            return true;
        }
        group >>= WHEEL_BITS;
        now >>= WHEEL_BITS;
    }
    return false;
}

bool proa__wheel_add(struct wheel *w, struct timer *t)
{
    if (!place(w, t))
        return false;
    w->count++;
    return true;
}

void proa__wheel_remove(struct wheel *w, struct timer *t)
{
    struct list *next = t->far.next;
    bool alone = next ==
                 t->far.prev; /* then that is the list itself; a look at it would be a miss */

    w->count--;
    list_remove(&t->far);
    if (alone)
        is_empty_now(w, next);
}

/* The tick at which something has to be moved. */
static int64_t next_tick(const struct wheel *w)
{
    int64_t next = INT64_MAX;

    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        int64_t now = w->now >> WHEEL_BITS * level;
        int far = distance(w->full[level], (unsigned)(now & (WHEEL_SLOTS - 1)));

        if (far >= 0 && (now + far) << WHEEL_BITS * level < next)
            next = (now + far) << WHEEL_BITS * level;
    }
    return next;
}

int64_t proa__wheel_next(const struct wheel *w)
{
    return w->count ? next_tick(w) << WHEEL_TICK : PROA_FOREVER;
}

/* Distribute the groups that begin at w->now over the levels below. */
static void begin_groups(struct wheel *w)
{
    struct list *link;
    struct list group;

    list_init(&group);
    for (unsigned level = WHEEL_LEVELS - 1; level > 0; level--) {
        if (w->now & ((INT64_C(1) << WHEEL_BITS * level) - 1))
            continue;
        take_all(w, level, w->now >> WHEEL_BITS * level, &group);
        while ((link = list_pop(&group)))
            place(w, CONTAINER_OF(link, struct timer, far));
    }
}

void proa__wheel_turn(struct wheel *w, int64_t now, struct list *due)
{
    int64_t last = now >> WHEEL_TICK;

    while (w->now <= last) {
        int64_t tick = next_tick(w);

        if (tick > last) {
            w->now = last + 1;
            begin_groups(w);
            return;
        }
        if (tick > w->now) {
            w->now = tick;
            begin_groups(w);
        }
        take_all(w, 0, tick, due);
        w->now = tick + 1;
        begin_groups(w);
    }
}
