#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "core/home.h"
#include "core/view.h"
#include "core/wait.h"

#include <proa/barrier.h>

#include <limits.h>

#define MAGIC_BARRIER 0x62617272u

struct proa_barrier {
    unsigned magic;
    bool broken; /* aborted, and not reset since */
    struct home home;
    size_t parties;
    size_t at_most;      /* so many wait, or fewer: who is cancelled is not counted off */
    struct list waiters; /* struct wait, oldest first; fewer than parties */
};

int proa_barrier_new(struct proa_barrier **ret, size_t parties)
{
    if (parties < 1 || parties > INT_MAX)
        return proa__fail(PROA_EINVAL, "a barrier for %zu tasks", parties);

    struct proa_barrier *b = proa__zalloc(sizeof *b);

    if (!b)
        return PROA_ENOMEM;
    b->magic = MAGIC_BARRIER;
    b->parties = parties;
    proa__home_init(&b->home);
    list_init(&b->waiters);
    *ret = b;
    return 0;
}

void proa_barrier_free(struct proa_barrier *barrier)
{
    if (!barrier)
        return;
    PROA_CHECK_OBJ(barrier, MAGIC_BARRIER);
    PROA_CHECK(list_empty(&barrier->waiters),
               "proa_barrier_free: task %s frees barrier %p, where %zu tasks wait", proa__who(),
               (void *)barrier, proa_barrier_waiting(barrier));
    barrier->magic = 0;
    proa__free(barrier);
}

/* Is the caller the last? */
static bool all_here(struct proa_barrier *b)
{
    if (b->at_most + 1 >= b->parties)
        b->at_most = list_count(&b->waiters);
    return b->at_most + 1 >= b->parties;
}

/* All are here: each waiter gets its number, in the order they came. */
static int pass(struct proa_barrier *b)
{
    int number = 0;

    b->at_most = 0;
    while (proa__wait_wake(&b->waiters, NULL, number))
        number++;
    return number;
}

static void describe(const void *object, struct view *v)
{
    const struct proa_barrier *b = object;

    proa__view_object(v, "barrier", b);
    proa__view_say(v, ", %zu of %zu here%s", list_count(&b->waiters), b->parties,
                   b->broken ? ", broken" : "");
}

const struct view_kind proa__barrier_view = {MAGIC_BARRIER, describe};

static const struct wait_kind waits = {.call = "proa_barrier_wait", .describe = describe};

int proa_barrier_wait(struct proa_barrier *barrier)
{
    struct wait w;
    int rc;

    PROA_CHECK_OBJ(barrier, MAGIC_BARRIER);
    home_check(&barrier->home, __func__);
    rc = proa__wait_enter(__func__);
    if (rc < 0)
        return rc;
    if (barrier->broken)
        return PROA_EBARRIER;
    if (all_here(barrier))
        return pass(barrier);
    barrier->at_most++;
    proa__wait_link(&barrier->waiters, &w);
    rc = proa__wait_park(&w, 1, &waits, barrier);
    return rc < 0 ? rc : w.code;
}

void proa_barrier_reset(struct proa_barrier *barrier)
{
    PROA_CHECK_OBJ(barrier, MAGIC_BARRIER);
    home_check(&barrier->home, __func__);
    barrier->broken = false;
    proa__wait_wake_all(&barrier->waiters, PROA_EBARRIER);
}

void proa_barrier_abort(struct proa_barrier *barrier)
{
    PROA_CHECK_OBJ(barrier, MAGIC_BARRIER);
    home_check(&barrier->home, __func__);
    barrier->broken = true;
    proa__wait_wake_all(&barrier->waiters, PROA_EBARRIER);
}

bool proa_barrier_is_broken(const struct proa_barrier *barrier)
{
    PROA_CHECK_OBJ(barrier, MAGIC_BARRIER);
    home_check_look(&barrier->home, __func__);
    return barrier->broken;
}

size_t proa_barrier_waiting(const struct proa_barrier *barrier)
{
    PROA_CHECK_OBJ(barrier, MAGIC_BARRIER);
    home_check_look(&barrier->home, __func__);
    return list_count(&barrier->waiters);
}
