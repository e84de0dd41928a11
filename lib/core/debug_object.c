#include "base/log.h"
#include "base/mem.h"
#include "core/debug.h"

#include <stdlib.h>
#include <unistd.h>

/*
 * What has to be closed, and was not: streams, listeners, processes, runners.
 */

struct debug_object {
    struct list link; /* in debug->objects; alone: its loop has ended */
    const char *kind;
    const void *object;
    debug_describe_fn *describe;
    struct trace opened;
};

void proa__debug_opened(struct debug_object **at, const char *kind, const void *object,
                        debug_describe_fn *describe)
{
    struct debug_object *o;

    if (*at)
        return;
    o = proa__alloc(sizeof *o);
    if (!o)
        return; /* then it is not watched */
    o->kind = kind;
    o->object = object;
    o->describe = describe;
    trace_here(&o->opened);
    list_push(&proa__loop_here->debug->objects, &o->link);
    *at = o;
}

void proa__debug_closed_slow(struct debug_object **at)
{
    struct debug_object *o = *at;

    *at = NULL;
    list_remove(&o->link);
    proa__free(o);
}

void proa__debug_forget_open(struct debug *d)
{
    struct list *link;

    while ((link = list_pop(&d->objects)))
        list_init(link);
}

void proa__debug_tell_open(struct debug *d)
{
    LIST_FOR_EACH (link, &d->objects) {
        const struct debug_object *o = CONTAINER_OF(link, struct debug_object, link);
        char text[128] = "";

        if (o->describe)
            o->describe(o->object, text, sizeof text);
        proa__log(PROA_LOG_WARNING, "%s%s%s was never closed; it was opened here:", o->kind,
                  *text ? " " : "", text);
        proa__debug_log_trace(&o->opened);
    }
}

/* ---- runners */

struct runner {
    const void *runner;
    struct runner *next;
    struct trace made;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct runner *runners;
static pid_t teller; /* the process that tells of them at its end; 0: none */

/* Nothing in a child that was forked, nor when a task ends the process. */
static void tell_runners(void)
{
    if (getpid() != teller || proa__task_here)
        return;
    pthread_mutex_lock(&lock);
    for (const struct runner *r = runners; r; r = r->next) {
        proa__log(PROA_LOG_WARNING, "a runner was never freed; it was made here:");
        proa__debug_log_trace(&r->made);
    }
    pthread_mutex_unlock(&lock);
}

void proa__debug_runner_made(const void *runner)
{
    struct runner *r = proa__alloc(sizeof *r);

    if (!r)
        return;
    r->runner = runner;
    trace_here(&r->made);
    pthread_mutex_lock(&lock);
    r->next = runners;
    runners = r;
    if (!teller)
        atexit(tell_runners);
    teller = getpid();
    pthread_mutex_unlock(&lock);
}

void proa__debug_runner_freed(const void *runner)
{
    struct runner **at = &runners;
    struct runner *found = NULL;

    pthread_mutex_lock(&lock);
    while (*at && (*at)->runner != runner)
        at = &(*at)->next;
    found = *at;
    if (found)
        *at = found->next;
    pthread_mutex_unlock(&lock);
    proa__free(found);
}
