#include "core/tidy.h"

#include "core/sched.h"

/* In the budget of a parked task; a running one's is never that low. */
enum {
    MARK_SEEN = -1000000000,
    MARK_TRIMMED,
};

/* Look at one task. True: it is marked, so the next walk has to look again. */
static bool look(struct proa_task *t)
{
    if (t->state != TASK_PARKED || t->budget == MARK_TRIMMED)
        return false;
    if (t->budget != MARK_SEEN) {
        t->budget = MARK_SEEN;
        return true;
    }
    proa__stack_trim(&t->coro.stack, t->coro.sp);
    t->budget = MARK_TRIMMED;
    return false;
}

static void walk(void *arg);

static void walk_after(struct sched *s, int64_t ns)
{
    proa__timer_start_after(s->loop, &s->tidy.timer, ns, walk, s);
}

/* One step of a walk. */
static void walk(void *arg)
{
    struct sched *s = arg;
    struct tidy *tidy = &s->tidy;

    if (!tidy->at.slab && !tidy->trimming) {
        tidy->again = proa__stack_pool_mark(&s->loop->stacks);
        proa__task_walk_begin(s, &tidy->at);
    }
    for (int i = 0; i < TIDY_STEP; i++) {
        struct proa_task *t = proa__task_walk_next(&tidy->at);

        if (!t)
            break;
        if (look(t))
            tidy->again = true;
    }
    tidy->trimming = proa__stack_pool_trim(&s->loop->stacks, TIDY_STACKS);
    if (tidy->at.slab || tidy->trimming)
        walk_after(s, TIDY_PAUSE);
    else if (tidy->again)
        walk_after(s, TIDY_EVERY);
}

void proa__tidy_start(struct sched *s)
{
    walk_after(s, TIDY_EVERY);
}

void proa__tidy_stop(struct tidy *tidy)
{
    proa__timer_stop(&tidy->timer);
}
