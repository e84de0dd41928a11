#include "core/snapshot.h"

#include "base/ascii.h"
#include "base/mem.h"
#include "core/loop.h"
#include "core/sched.h"

#include <stdio.h>

struct taking {
    struct look *look;
    struct snapshot *shot;
};

static uint64_t number_of(const struct look *look, struct proa_task_ref ref)
{
    return ref.task ? ref.seq - look->sched->first_seq + 1 : 0;
}

static void keep_cycle(void *arg, const struct proa_task_ref *tasks, size_t n)
{
    struct taking *t = arg;
    struct snapshot *s = t->shot;

    if (s->n_cycles++ >= SNAPSHOT_CYCLES)
        return;
    for (size_t i = 0; i < n; i++)
        s->cycles[s->n_cycles - 1].number[i] = number_of(t->look, tasks[i]);
    s->cycles[s->n_cycles - 1].n = n;
}

/* It goes to a terminal. */
static void copy_text(char *to, size_t n, const char *text)
{
    snprintf(to, n, "%s", text);
    ascii_scrub(to);
}

static void keep_task(struct look *look, struct proa_task *t, struct snapshot_task *to)
{
    struct proa_task_info info;
    struct view view;

    proa__look_task(look, t, &info, &view);
    proa__look_trace(look, t, &to->trace);
    to->number = info.number;
    to->parent = number_of(look, info.parent);
    to->blocker = number_of(look, info.blocker);
    to->depth = info.depth;
    to->state = info.state;
    to->cancelled = info.cancelled;
    to->call = info.call;
    to->object = info.object;
    to->left = info.deadline == PROA_FOREVER ? PROA_FOREVER
                                             : info.deadline - proa__loop_now(look->sched->loop);
    to->stack_size = info.stack_size;
    to->stack_used = info.stack_used;
    to->stack_touched = info.stack_touched;
    copy_text(to->name, sizeof to->name, info.name);
    copy_text(to->on, sizeof to->on, info.on);
}

struct snapshot *proa__snapshot_take(struct look *look, size_t limit)
{
    struct taking taking = {.look = look};
    struct snapshot *s;
    size_t n = 0;

    if (!limit)
        limit = SNAPSHOT_LIMIT;
    if (limit > SNAPSHOT_LIMIT_MOST)
        limit = SNAPSHOT_LIMIT_MOST;
    for (struct proa_task *t = NULL; (t = proa__look_next(look, t));)
        n++;
    if (limit > n)
        limit = n;
    s = proa__zalloc(sizeof *s + limit * sizeof s->tasks[0]);
    if (!s)
        return NULL;
    taking.shot = s;
    s->room = limit;
    s->total = n;
    if (proa__look_deadlocks(look->sched, keep_cycle, &taking) < 0) {
        proa__free(s);
        return NULL;
    }
    for (struct proa_task *t = NULL; s->n < limit && (t = proa__look_next(look, t));)
        keep_task(look, t, &s->tasks[s->n++]);
    return s;
}
