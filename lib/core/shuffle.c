#include "core/sched.h"

#define SHUFFLE_AMONG 1024 /* of a longer list, one of the oldest so many */

void proa__shuffle(struct sched *s)
{
    struct proa_task **at = &s->ready;
    struct proa_task *t;
    size_t n = 0;

    for (t = s->ready; t && n < SHUFFLE_AMONG; t = t->next)
        n++;
    for (uint64_t i = (sched_draw(&s->shuffle) >> 32) % n; i > 0; i--)
        at = &(*at)->next;
    t = *at;
    *at = t->next;
    if (!t->next)
        s->ready_end = at;
    sched_push_front(s, t);
}
