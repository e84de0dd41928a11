#include "core/view.h"

#include "core/loop.h"
#include "core/wait.h"

#include <stdarg.h>
#include <stdio.h>

void proa__view_say(struct view *v, const char *fmt, ...)
{
    size_t room = sizeof v->text - v->n;
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(v->text + v->n, room, fmt, args);
    va_end(args);
    if (n > 0)
        v->n += (size_t)n < room ? (size_t)n : room - 1;
}

void proa__view_object(struct view *v, const char *noun, const void *object)
{
    proa__view_say(v, "%s %p", noun, object);
    if (!v->object)
        v->object = object;
}

void proa__view_count(struct view *v, size_t n, const char *what)
{
    if (n)
        proa__view_say(v, ", %zu %s", n, what);
}

void proa__view_list(struct view *v, const struct list *list, const char *what)
{
    size_t n = 0;

    for (const struct list *it = list->next; it != list && n <= VIEW_COUNTED; it = it->next)
        n++;
    if (n > VIEW_COUNTED)
        proa__view_say(v, ", over %d %s", VIEW_COUNTED, what);
    else
        proa__view_count(v, n, what);
}

void proa__view_task(struct view *v, const struct proa_task *t)
{
    char name[TASK_NAME_MAX];

    proa__view_say(v, "%s", proa__task_name(t, name));
    v->by = t;
}

void proa__view_time(struct view *v, int64_t ns)
{
    static const struct {
        int64_t ns;
        const char *name;
    } units[] = {{PROA_SEC, "s"}, {PROA_MS, "ms"}, {PROA_US, "us"}};
    size_t i = 0;

    while (i < 2 && ns < units[i].ns)
        i++;
    proa__view_say(v, "%lld.%lld %s", (long long)(ns / units[i].ns),
                   (long long)(ns % units[i].ns / (units[i].ns / 10)), units[i].name);
}

void proa__view_left(struct view *v, int64_t deadline)
{
    int64_t left = deadline - proa__loop_now(proa__loop_here);

    if (deadline == PROA_FOREVER) {
        proa__view_say(v, "no deadline");
        return;
    }
    proa__view_time(v, left > 0 ? left : 0);
    proa__view_say(v, " left");
}

void proa__view_wait(struct view *v, const struct proa_task *t)
{
    const struct wait *w = t->waits;
    const struct wait_kind *kind = w->what;

    v->call = kind ? kind->call : "a wait";
    if (!kind)
        return;
    if (kind->describe)
        kind->describe(w->on, v);
    if (kind->detail)
        kind->detail(w, v);
}
