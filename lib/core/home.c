#include "core/home.h"

#include "base/check.h"
#include "core/loop.h"

void proa__home_init(struct home *h)
{
    h->thread = proa__loop_current() ? &proa__task_here : NULL;
}

void proa__home_check_slow(struct home *h, const char *what)
{
    PROA_CHECK(!h->thread,
               "%s: task %s is of another thread; the object belongs to that of its loop", what,
               proa__who());
    proa__home_init(h);
}

const char *proa__who(void)
{
    return proa__task_here ? proa_current_task_name() : "(no task)";
}
