#ifndef CORE_ACTORS_H
#define CORE_ACTORS_H

/*
 * actors: random tasks that share one object, beside a plain model of it.
 *
 * A world has some actors. Each does random steps: it takes, gives, waits, cancels another one.
 * Every step is done twice, to the object and to its model, which knows who waits in which line,
 * until when, and who is let go by what. So for each wait the model says what it returns and in
 * which moment of the virtual clock, exactly: an item or a wakeup that is lost, doubled or late is
 * seen at once. Spans are random nanoseconds, so that two things happen in the same moment only if
 * one brings about the other.
 *
 * Whoever is cancelled serves those behind it when it runs, or another call does before; the model
 * does the same, at the same places. Every seed is a program; a failure names its seed, and
 * PROA_MODEL_SEED=n runs that one alone.
 */

#include "support/t_run.h"

#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

enum { ACTORS = 6, LINES = 3 };

struct actor {
    struct world *world;
    struct proa_scope *scope; /* around its wait; NULL: it does not wait */
    struct line *line;        /* in which it stands; NULL: in none */
    int64_t deadline;         /* of its wait */
    int64_t since;            /* when the model let it go */
    int answer;               /* what the model says that it gets */
    int want;                 /* what for: the model's own */
    int holds;                /* the same */
    void *item;
};

/* Who waits, first come first. */
struct line {
    struct actor *actors[ACTORS];
    int n;
};

struct world {
    const struct model *model;
    uint64_t seed;
    struct t_random random;
    void *object; /* what is tested */
    struct actor actors[ACTORS];
    struct line lines[LINES];
    void *state; /* the model's own */
};

struct model {
    int steps; /* of each actor */
    void (*begin)(struct world *w);
    void (*step)(struct actor *a);    /* do something at random */
    void (*leave)(struct actor *a);   /* give back what is held */
    void (*serve)(struct world *w);   /* let go who can go; NULL: nobody ever */
    int64_t (*next)(struct world *w); /* when somebody is let go by time alone */
    void (*end)(struct world *w);     /* nobody is left */
};

#define SEE(world, cond, fmt, ...)                                                                 \
    do {                                                                                           \
        if (!(cond))                                                                               \
            ck_abort_msg("seed %llu: " #cond ": " fmt, (unsigned long long)(world)->seed,          \
                         ##__VA_ARGS__);                                                           \
    } while (0)

uint64_t below(struct world *w, uint64_t bound);

/*
 * Wait for at most a random time. `arrive` asks the model: true, the answer is set and nothing is
 * waited for; false, it has joined a line. `call` asks the object.
 */
int actor_wait(struct actor *a, bool (*arrive)(struct actor *a), int (*call)(struct actor *a));

/* Bring the model up to now. To be called first by any step that does not wait. */
void world_advance(struct world *w);

/* Cancel the wait of somebody, if anybody waits. */
void actor_cancel_somebody(struct actor *a);

void line_join(struct line *l, struct actor *a);
void line_let_go(struct actor *a, int answer);
struct actor *line_first(const struct line *l); /* NULL: nobody */

/* Run the seeds that the environment asks for, or 1 .. n, and the first ones in all modes. */
void actors_run(const struct model *model, uint64_t n);

#endif
