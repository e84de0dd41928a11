#include "actors.h"

#include <proa/barrier.h>
#include <proa/condition.h>
#include <proa/once.h>
#include <proa/sync.h>
#include <proa/wait_group.h>
#include <proa/wait_queue.h>

/* What tasks wait for together, under random use, each against a plain model (actors.h). */

#define SEEDS 1000

static void nothing(struct actor *a)
{
    (void)a;
}

static void let_all_go(struct world *w, int answer)
{
    struct actor *a;

    while ((a = line_first(&w->lines[0])))
        line_let_go(a, answer);
}

/* ---- event */

static bool set;

static void event_begin(struct world *w)
{
    struct proa_event *e;

    ck_ok(proa_event_new(&e));
    w->object = e;
    set = false;
}

static bool event_arrive(struct actor *a)
{
    if (set)
        a->answer = 0;
    else
        line_join(&a->world->lines[0], a);
    return set;
}

static int event_call(struct actor *a)
{
    return proa_event_wait(a->world->object);
}

static void event_step(struct actor *a)
{
    struct world *w = a->world;

    switch (below(w, 6)) {
    case 0:
        world_advance(w);
        set = true;
        let_all_go(w, 0);
        proa_event_set(w->object);
        break;
    case 1:
        set = false;
        proa_event_clear(w->object);
        break;
    default:
        actor_wait(a, event_arrive, event_call);
        break;
    }
    SEE(w, proa_event_is_set(w->object) == set, "is_set");
}

static void event_end(struct world *w)
{
    proa_event_free(w->object);
}

static const struct model event_model = {40,   event_begin, event_step, nothing,
                                         NULL, NULL,        event_end};
START_TEST(random_use_of_an_event_goes_as_the_model_says)
{
    actors_run(&event_model, SEEDS);
}
END_TEST

/* ---- barrier */

static int parties;
static bool broken;

static void barrier_begin(struct world *w)
{
    struct proa_barrier *b;

    parties = 1 + (int)below(w, 4);
    broken = false;
    ck_ok(proa_barrier_new(&b, (size_t)parties));
    w->object = b;
}

static bool barrier_arrive(struct actor *a)
{
    struct line *l = &a->world->lines[0];

    if (broken) {
        a->answer = PROA_EBARRIER;
        return true;
    }
    if (l->n + 1 < parties) {
        line_join(l, a);
        return false;
    }
    for (int i = 0; i < parties - 1; i++)
        line_let_go(line_first(l), i);
    a->answer = parties - 1;
    return true;
}

static int barrier_call(struct actor *a)
{
    return proa_barrier_wait(a->world->object);
}

static void barrier_step(struct actor *a)
{
    struct world *w = a->world;

    world_advance(w);
    SEE(w, proa_barrier_waiting(w->object) == (size_t)w->lines[0].n, "%d wait", w->lines[0].n);
    switch (below(w, 16)) {
    case 0:
        broken = true;
        let_all_go(w, PROA_EBARRIER);
        proa_barrier_abort(w->object);
        break;
    case 1:
    case 2:
        broken = false;
        let_all_go(w, PROA_EBARRIER);
        proa_barrier_reset(w->object);
        break;
    default:
        actor_wait(a, barrier_arrive, barrier_call);
        break;
    }
}

static void barrier_end(struct world *w)
{
    proa_barrier_free(w->object);
}

static const struct model barrier_model = {40,   barrier_begin, barrier_step, nothing,
                                           NULL, NULL,          barrier_end};
START_TEST(random_use_of_a_barrier_goes_as_the_model_says)
{
    actors_run(&barrier_model, SEEDS);
}
END_TEST

/* ---- wait group */

static int to_do;

static void wg_begin(struct world *w)
{
    struct proa_wait_group *g;

    ck_ok(proa_wait_group_new(&g));
    w->object = g;
    to_do = 0;
}

static bool wg_arrive(struct actor *a)
{
    if (!to_do)
        a->answer = 0;
    else
        line_join(&a->world->lines[0], a);
    return !to_do;
}

static int wg_call(struct actor *a)
{
    return proa_wait_group_wait(a->world->object);
}

static void wg_done(struct actor *a)
{
    struct world *w = a->world;

    a->holds--;
    if (--to_do == 0)
        let_all_go(w, 0);
    proa_wait_group_done(w->object);
}

static void wg_step(struct actor *a)
{
    struct world *w = a->world;

    if (below(w, 2)) {
        actor_wait(a, wg_arrive, wg_call);
        return;
    }
    world_advance(w);
    if (a->holds && below(w, 3))
        wg_done(a);
    else {
        int n = (int)below(w, 3);

        a->holds += n;
        to_do += n;
        ck_ok(proa_wait_group_add(w->object, (size_t)n));
    }
    SEE(w, proa_wait_group_count(w->object) == (size_t)to_do, "%d", to_do);
}

static void wg_leave(struct actor *a)
{
    while (a->holds)
        wg_done(a);
}

static void wg_end(struct world *w)
{
    SEE(w, proa_wait_group_count(w->object) == 0, "something is to be done");
    proa_wait_group_free(w->object);
}

static const struct model wg_model = {40, wg_begin, wg_step, wg_leave, NULL, NULL, wg_end};
START_TEST(random_use_of_a_wait_group_goes_as_the_model_says)
{
    actors_run(&wg_model, SEEDS);
}
END_TEST

/* ---- wait queue */

static char values[256];
static unsigned n_values;

static void wq_begin(struct world *w)
{
    struct proa_wait_queue *q;

    ck_ok(proa_wait_queue_new(&q));
    w->object = q;
}

static bool wq_arrive(struct actor *a)
{
    line_join(&a->world->lines[0], a);
    return false;
}

static int wq_call(struct actor *a)
{
    void *value = NULL;
    int rc = proa_wait_queue_park(a->world->object, &value);

    SEE(a->world, value == (rc == 0 ? a->item : NULL), "another's value");
    return rc;
}

static void wq_step(struct actor *a)
{
    struct world *w = a->world;
    void *value = &values[n_values++ % sizeof values];
    struct actor *first;
    int n;

    world_advance(w);
    n = w->lines[0].n;
    SEE(w, proa_wait_queue_len(w->object) == (size_t)n, "%d sleep", n);
    switch (below(w, 8)) {
    case 0:
        while ((first = line_first(&w->lines[0]))) {
            first->item = value;
            line_let_go(first, 0);
        }
        SEE(w, proa_wait_queue_wake_all(w->object, value) == (size_t)n, "%d", n);
        break;
    case 1:
    case 2:
    case 3:
        if ((first = line_first(&w->lines[0]))) {
            first->item = value;
            line_let_go(first, 0);
        }
        SEE(w, proa_wait_queue_wake_one(w->object, value) == (n > 0), "%d", n);
        break;
    default:
        actor_wait(a, wq_arrive, wq_call);
        break;
    }
}

static void wq_end(struct world *w)
{
    proa_wait_queue_free(w->object);
}

static const struct model wq_model = {40, wq_begin, wq_step, nothing, NULL, NULL, wq_end};
START_TEST(random_use_of_a_wait_queue_goes_as_the_model_says)
{
    actors_run(&wq_model, SEEDS);
}
END_TEST

/* ---- once: not step by step, but what must hold whatever the order */

static struct actor *inside;
static int result;       /* 0: it has not happened */
static int64_t last_end; /* when somebody was last inside */

static int do_it(void *arg)
{
    struct actor *a = arg;
    struct world *w = a->world;

    SEE(w, !inside && !result, "a second call");
    inside = a;
    a->want = proa_sleep(1 + (int64_t)below(w, PROA_SEC));
    if (a->want >= 0)
        a->want = below(w, 2) ? PROA_EPROTO : 1 + (int)below(w, 100);
    if (a->want > 0)
        result = a->want;
    inside = NULL;
    last_end = proa_now();
    return a->want;
}

static void once_begin(struct world *w)
{
    struct proa_once *o;

    ck_ok(proa_once_new(&o));
    w->object = o;
    inside = NULL;
    result = 0;
    last_end = -1;
}

static void once_step(struct actor *a)
{
    struct world *w = a->world;
    int64_t began = proa_now();

    PROA_SCOPE(s);
    PROA_TIMEOUT(t, 1 + (int64_t)below(w, 2 * PROA_SEC));
    a->scope = &s;
    a->want = 0; /* what its own call gave; 0: it made none */
    int rc = proa_once_run(w->object, do_it, a);
    a->scope = NULL;
    if (a->want) {
        SEE(w, rc == a->want, "%d, not %d, of its own call", rc, a->want);
        return;
    }
    if (rc == PROA_ECANCELED) {
        /* The turn is not lost: somebody has it, or had it until now. */
        SEE(w, result || inside || last_end == proa_now(), "nobody was at work");
        return;
    }
    SEE(w, rc == result && rc > 0, "%d, not %d", rc, result);
    SEE(w, proa_now() == (last_end > began ? last_end : began), "late");
}

static void once_end(struct world *w)
{
    SEE(w, !inside, "somebody is in it");
    SEE(w, proa_once_is_done(w->object) == (result != 0), "done");
    proa_once_free(w->object);
}

static const struct model once_model = {12, once_begin, once_step, nothing, NULL, NULL, once_end};
START_TEST(random_use_of_a_once_happens_once)
{
    actors_run(&once_model, SEEDS);
}
END_TEST

/* ---- condition: the same way */

struct pantry {
    struct proa_lock *lock;
    struct proa_condition *filled;
    struct actor *holder;
    int food;
    int fed, eaten;
    int64_t filled_at; /* when there was food again */
};

static struct pantry pantry;

static void condition_begin(struct world *w)
{
    pantry = (struct pantry){0};
    ck_ok(proa_lock_new(&pantry.lock));
    ck_ok(proa_condition_new(&pantry.filled, pantry.lock));
    w->object = &pantry;
}

static bool has_food(void *arg)
{
    struct actor *a = arg;

    SEE(a->world, !pantry.holder, "two hold the lock");
    return pantry.food > 0;
}

static void hold(struct actor *a)
{
    SEE(a->world, !pantry.holder, "two hold the lock");
    pantry.holder = a;
}

static void let_go(struct actor *a)
{
    SEE(a->world, pantry.holder == a, "another holds the lock");
    pantry.holder = NULL;
    proa_lock_release(pantry.lock);
}

/*
 * Locks are held for no time, so who is notified goes on in the same moment. So nobody waits while
 * there is food, but in the moment in which it came.
 */
static void eat(struct actor *a)
{
    struct world *w = a->world;

    PROA_SCOPE(s);
    PROA_TIMEOUT(t, 1 + (int64_t)below(w, 2 * PROA_SEC));
    ck_ok(proa_lock_acquire(pantry.lock)); /* in no time, so uncancelled */
    hold(a);
    a->scope = &s;
    pantry.holder = NULL;
    int rc = proa_condition_wait_until(pantry.filled, has_food, a);
    a->scope = NULL;
    hold(a);
    if (rc == PROA_ECANCELED)
        SEE(w, !pantry.food || pantry.filled_at == proa_now(), "food, and it waited");
    else {
        ck_ok(rc);
        SEE(w, pantry.food > 0, "no food");
        pantry.food--;
        pantry.eaten++;
    }
    let_go(a);
}

static void feed(struct actor *a)
{
    struct world *w = a->world;
    int n = 1 + (int)below(w, 3);

    ck_ok(proa_lock_acquire(pantry.lock));
    hold(a);
    if (!pantry.food)
        pantry.filled_at = proa_now();
    pantry.food += n;
    pantry.fed += n;
    proa_condition_notify(pantry.filled, (size_t)n);
    let_go(a);
}

static void condition_step(struct actor *a)
{
    if (below(a->world, 3))
        eat(a);
    else
        feed(a);
}

static void condition_end(struct world *w)
{
    SEE(w, pantry.fed == pantry.eaten + pantry.food, "%d fed, %d eaten, %d left", pantry.fed,
        pantry.eaten, pantry.food);
    proa_condition_free(pantry.filled);
    proa_lock_free(pantry.lock);
}

static const struct model condition_model = {30,   condition_begin, condition_step, nothing, NULL,
                                             NULL, condition_end};
START_TEST(random_use_of_a_condition_loses_no_notification)
{
    actors_run(&condition_model, SEEDS);
}
END_TEST

int main(void)
{
    return t_main("wait_model",
                  (const TTest *const[]){random_use_of_an_event_goes_as_the_model_says,
                                         random_use_of_a_barrier_goes_as_the_model_says,
                                         random_use_of_a_wait_group_goes_as_the_model_says,
                                         random_use_of_a_wait_queue_goes_as_the_model_says,
                                         random_use_of_a_once_happens_once,
                                         random_use_of_a_condition_loses_no_notification, NULL});
}
