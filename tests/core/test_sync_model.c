#include "actors.h"

#include <proa/barrier.h>
#include <proa/limiter.h>
#include <proa/rwlock.h>
#include <proa/sync.h>
#include <proa/wait_group.h>
#include <proa/wait_queue.h>

/* Locks, semaphores and their kin under random use, each against a plain model (actors.h). */

#define SEEDS 1000

static void nothing(struct actor *a)
{
    (void)a;
}

/* ---- lock */

static struct actor *holder;

static void lock_begin(struct world *w)
{
    struct proa_lock *lock;

    ck_ok(proa_lock_new(&lock));
    w->object = lock;
    holder = NULL;
}

static bool lock_arrive(struct actor *a)
{
    if (holder == a)
        a->answer = PROA_EDEADLK;
    else if (holder)
        line_join(&a->world->lines[0], a);
    else
        holder = a;
    if (!a->line && holder == a && a->answer == PROA_ECANCELED)
        a->answer = 0;
    return !a->line;
}

static int lock_call(struct actor *a)
{
    return proa_lock_acquire(a->world->object);
}

static void lock_give(struct actor *a)
{
    struct world *w = a->world;

    if (holder != a)
        return;
    holder = line_first(&w->lines[0]);
    if (holder)
        line_let_go(holder, 0);
    proa_lock_release(w->object);
}

static void lock_step(struct actor *a)
{
    struct world *w = a->world;

    if (below(w, 2)) {
        actor_wait(a, lock_arrive, lock_call);
        return;
    }
    world_advance(w);
    if (holder == a)
        lock_give(a);
    else if (holder)
        ck_err(proa_lock_try_acquire(w->object), PROA_EAGAIN);
    else {
        ck_ok(proa_lock_try_acquire(w->object));
        holder = a;
    }
    SEE(w, proa_lock_is_locked(w->object) == (holder != NULL), "is_locked");
}

static void lock_end(struct world *w)
{
    SEE(w, !holder, "somebody holds it");
    proa_lock_free(w->object);
}

static const struct model lock_model = {40, lock_begin, lock_step, lock_give, NULL, NULL, lock_end};
START_TEST(random_use_of_a_lock_goes_as_the_model_says)
{
    actors_run(&lock_model, SEEDS);
}
END_TEST

/* ---- semaphore: several at a time, resized */

static int permits;
static int limit;
static int given_out; /* permits in somebody's hands */

static void sem_begin(struct world *w)
{
    struct proa_semaphore *s;

    limit = 1 + (int)below(w, 6);
    permits = limit;
    given_out = 0;
    ck_ok(proa_semaphore_new(&s, (size_t)permits, PROA_SEMAPHORE_OPTS(.limit = (size_t)limit)));
    w->object = s;
}

static void sem_take(struct actor *a)
{
    permits -= a->want;
    given_out += a->want;
    a->holds += a->want;
}

static void sem_serve(struct world *w)
{
    struct actor *a;

    while ((a = line_first(&w->lines[0])) && a->want <= permits) {
        sem_take(a);
        line_let_go(a, 0);
    }
}

static bool sem_arrive(struct actor *a)
{
    struct world *w = a->world;

    a->answer = a->want > limit ? PROA_EINVAL : 0;
    if (a->answer < 0)
        return true;
    sem_serve(w);
    if (w->lines[0].n || a->want > permits)
        line_join(&w->lines[0], a);
    else
        sem_take(a);
    return !a->line;
}

static int sem_call(struct actor *a)
{
    return proa_semaphore_acquire_n(a->world->object, (size_t)a->want);
}

static void sem_try(struct actor *a)
{
    struct world *w = a->world;
    int rc = PROA_EINVAL;

    world_advance(w);
    if (a->want <= limit) {
        sem_serve(w);
        rc = w->lines[0].n || a->want > permits ? PROA_EAGAIN : 0;
        if (rc == 0)
            sem_take(a);
    }
    ck_assert_int_eq(proa_semaphore_try_acquire_n(w->object, (size_t)a->want), rc);
}

static void sem_give(struct actor *a, int n)
{
    struct world *w = a->world;

    a->holds -= n;
    given_out -= n;
    permits += n;
    sem_serve(w);
    ck_ok(proa_semaphore_release_n(w->object, (size_t)n));
}

static void sem_leave(struct actor *a)
{
    sem_give(a, a->holds);
}

static void sem_resize(struct world *w)
{
    int size = 1 + (int)below(w, 6);

    world_advance(w);
    permits += size - limit;
    limit = size;
    for (int i = 0; i < w->lines[0].n;) {
        struct actor *a = w->lines[0].actors[i];

        if (a->want > limit)
            line_let_go(a, PROA_EINVAL);
        else
            i++;
    }
    sem_serve(w);
    ck_ok(proa_semaphore_resize(w->object, (size_t)size));
}

static void sem_step(struct actor *a)
{
    struct world *w = a->world;

    a->want = (int)below(w, 4);
    switch (below(w, 8)) {
    case 0:
        sem_resize(w);
        break;
    case 1:
        sem_try(a);
        break;
    case 2:
    case 3:
    case 4:
        world_advance(w);
        sem_give(a, (int)below(w, (uint64_t)a->holds + 1));
        SEE(w, proa_semaphore_permits(w->object) == (size_t)(permits > 0 ? permits : 0), "%d",
            permits);
        SEE(w, permits + given_out == limit, "%d and %d of %d", permits, given_out, limit);
        break;
    default:
        actor_wait(a, sem_arrive, sem_call);
        break;
    }
}

static void sem_end(struct world *w)
{
    SEE(w, permits == limit, "%d of %d", permits, limit);
    SEE(w, proa_semaphore_permits(w->object) == (size_t)limit, "not %d", limit);
    ck_err(proa_semaphore_release(w->object), PROA_EINVAL);
    proa_semaphore_free(w->object);
}

static const struct model sem_model = {60,        sem_begin, sem_step, sem_leave,
                                       sem_serve, NULL,      sem_end};
START_TEST(random_use_of_a_semaphore_goes_as_the_model_says)
{
    actors_run(&sem_model, SEEDS);
}
END_TEST

/* ---- rwlock */

static int readers;
static struct actor *writer;

enum { READ = 1, WRITE = 2 };

static void rw_begin(struct world *w)
{
    struct proa_rwlock *lock;

    ck_ok(proa_rwlock_new(&lock));
    w->object = lock;
    readers = 0;
    writer = NULL;
}

static bool rw_free_for(const struct actor *a)
{
    return !writer && !(a->want == WRITE && readers);
}

static void rw_take(struct actor *a)
{
    a->holds = a->want;
    if (a->want == WRITE)
        writer = a;
    else
        readers++;
}

static void rw_serve(struct world *w)
{
    struct actor *a;

    while ((a = line_first(&w->lines[0])) && rw_free_for(a)) {
        rw_take(a);
        line_let_go(a, 0);
    }
}

static bool rw_arrive(struct actor *a)
{
    struct world *w = a->world;

    rw_serve(w);
    if (w->lines[0].n || !rw_free_for(a))
        line_join(&w->lines[0], a);
    else {
        rw_take(a);
        a->answer = 0;
    }
    return !a->line;
}

static int rw_call(struct actor *a)
{
    return a->want == READ ? proa_rwlock_acquire_read(a->world->object)
                           : proa_rwlock_acquire_write(a->world->object);
}

static void rw_give(struct actor *a)
{
    struct world *w = a->world;
    int held = a->holds;

    a->holds = 0;
    if (held == READ)
        readers--;
    if (held == WRITE)
        writer = NULL;
    if (held)
        rw_serve(w);
    if (held == READ)
        proa_rwlock_release_read(w->object);
    if (held == WRITE)
        proa_rwlock_release_write(w->object);
}

static void rw_step(struct actor *a)
{
    struct world *w = a->world;
    int rc;

    world_advance(w);
    if (a->holds) {
        rw_give(a);
        return;
    }
    a->want = below(w, 3) ? READ : WRITE;
    if (below(w, 4)) {
        actor_wait(a, rw_arrive, rw_call);
        return;
    }
    rw_serve(w);
    rc = w->lines[0].n || !rw_free_for(a) ? PROA_EAGAIN : 0;
    if (rc == 0)
        rw_take(a);
    ck_assert_int_eq(a->want == READ ? proa_rwlock_try_acquire_read(w->object)
                                     : proa_rwlock_try_acquire_write(w->object),
                     rc);
}

static void rw_end(struct world *w)
{
    SEE(w, !readers && !writer, "somebody holds it");
    proa_rwlock_free(w->object);
}

static const struct model rw_model = {60, rw_begin, rw_step, rw_give, rw_serve, NULL, rw_end};
START_TEST(random_use_of_a_rwlock_goes_as_the_model_says)
{
    actors_run(&rw_model, SEEDS);
}
END_TEST

/* ---- limiter */

static int64_t count;
static int64_t per;
static int64_t burst;
static int64_t level; /* in parts: `per` a token, `count` a nanosecond */
static int64_t at;
static int64_t timer; /* when the first in line has enough, as it was when last looked at */

static void limiter_begin(struct world *w)
{
    struct proa_limiter *l;

    count = 1 + (int64_t)below(w, 9);
    per = 1 + (int64_t)below(w, 2 * PROA_SEC);
    burst = 1 + (int64_t)below(w, 5);
    level = burst * per;
    at = proa_now();
    timer = INT64_MAX;
    ck_ok(proa_limiter_new(&l, (size_t)count, per, PROA_LIMITER_OPTS(.burst = (size_t)burst)));
    w->object = l;
}

/* By small steps, where the object computes. */
static int64_t limiter_wait_for(int64_t want)
{
    int64_t ns = 0;

    for (int64_t step = INT64_C(1) << 40; step; step >>= 1)
        if (level + (ns + step) * count < want * per)
            ns += step;
    return level >= want * per ? 0 : ns + 1;
}

static int64_t limiter_next(struct world *w)
{
    (void)w;
    return timer;
}

static void limiter_fill(int64_t now)
{
    level += (now - at) * count;
    if (level > burst * per)
        level = burst * per;
    at = now;
}

static void limiter_serve(struct world *w)
{
    struct actor *a;

    limiter_fill(proa_now());
    while ((a = line_first(&w->lines[0])) && a->want * per <= level) {
        level -= a->want * per;
        line_let_go(a, 0);
    }
    timer = a ? at + limiter_wait_for(a->want) : INT64_MAX;
}

static bool limiter_arrive(struct actor *a)
{
    struct world *w = a->world;

    a->answer = a->want > burst ? PROA_EINVAL : 0;
    if (a->answer < 0)
        return true;
    if (w->lines[0].n)
        limiter_serve(w);
    limiter_fill(proa_now());
    if (w->lines[0].n || a->want * per > level) {
        line_join(&w->lines[0], a);
        if (w->lines[0].n == 1)
            timer = at + limiter_wait_for(a->want);
    } else
        level -= a->want * per;
    return !a->line;
}

static int limiter_call(struct actor *a)
{
    return proa_limiter_acquire(a->world->object, (size_t)a->want);
}

static void limiter_step(struct actor *a)
{
    struct world *w = a->world;

    a->want = (int)below(w, 5);
    if (below(w, 4)) {
        actor_wait(a, limiter_arrive, limiter_call);
        return;
    }
    world_advance(w);
    if (a->want <= burst && w->lines[0].n)
        limiter_serve(w);
    limiter_fill(proa_now());
    int rc = a->want > burst                          ? PROA_EINVAL
             : w->lines[0].n || a->want * per > level ? PROA_EAGAIN
                                                      : 0;
    ck_assert_int_eq(proa_limiter_try_acquire(w->object, (size_t)a->want), rc);
    if (rc == 0)
        level -= a->want * per;
    SEE(w, proa_limiter_tokens(w->object) == (size_t)(level / per), "tokens");
}

static void limiter_end(struct world *w)
{
    proa_limiter_free(w->object);
}

static const struct model limiter_model = {
    40, limiter_begin, limiter_step, nothing, limiter_serve, limiter_next, limiter_end};
START_TEST(random_use_of_a_limiter_goes_as_the_model_says)
{
    actors_run(&limiter_model, SEEDS);
}
END_TEST

int main(void)
{
    return t_main("sync_model",
                  (const TTest *const[]){random_use_of_a_lock_goes_as_the_model_says,
                                         random_use_of_a_semaphore_goes_as_the_model_says,
                                         random_use_of_a_rwlock_goes_as_the_model_says,
                                         random_use_of_a_limiter_goes_as_the_model_says, NULL});
}
