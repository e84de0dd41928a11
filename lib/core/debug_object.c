#include "base/log.h"
#include "base/mem.h"
#include "core/debug.h"

#include <stdlib.h>
#include <unistd.h>

/*
 * What has to be closed, and was not: streams, listeners, processes, runners.
 */

struct opened {
    struct list link; /* in debug->objects */
    describe_fn *describe;
    const void *object;
    struct trace trace;
};

static struct proa_str key_of(const struct opened *o)
{
    return (struct proa_str){(const char *)&o->object, sizeof o->object};
}

/* Without memory it is not watched. */
void proa__debug_opened(describe_fn *describe, const void *object)
{
    struct debug *d = proa__loop_here->debug;
    struct opened *o = proa__alloc(sizeof *o);

    if (!o)
        return;
    o->describe = describe;
    o->object = object;
    trace_here(&o->trace);
    proa__debug_closed(object);
    if (proa__map_put(&d->open, key_of(o), o, NULL) < 0) {
        proa__free(o);
        return;
    }
    list_push(&d->objects, &o->link);
}

void proa__debug_closed(const void *object)
{
    struct opened *o = proa__map_remove(&proa__loop_here->debug->open,
                                        key_of(&(struct opened){.object = object}));

    if (!o)
        return;
    list_remove(&o->link);
    proa__free(o);
}

void proa__debug_forget_open(struct debug *d)
{
    struct list *link;

    proa__map_fini(&d->open);
    while ((link = list_pop(&d->objects)))
        proa__free(CONTAINER_OF(link, struct opened, link));
}

void proa__debug_tell_open(const struct debug *d)
{
    LIST_FOR_EACH (link, &d->objects) {
        const struct opened *o = CONTAINER_OF(link, struct opened, link);
        char text[VIEW_TEXT];

        proa__view_write(o->describe, o->object, text, sizeof text);
        proa__log(PROA_LOG_WARNING, "%s was never closed; it was opened here:", text);
        proa__debug_log_trace(&o->trace);
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
static pid_t teller; /* the process whose runners they are, and that tells at its end; 0: none */

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

/* A child that was forked has a copy of its parent's, who tells of them. With the lock held. */
static void forget_runners(void)
{
    while (runners) {
        struct runner *r = runners;

        runners = r->next;
        proa__free(r);
    }
}

static void become_teller(void)
{
    pid_t here = getpid();

    if (!teller)
        atexit(tell_runners);
    else if (teller != here)
        forget_runners();
    teller = here;
}

void proa__debug_runner_made(const void *runner)
{
    struct runner *r = proa__alloc(sizeof *r);

    if (!r)
        return;
    r->runner = runner;
    trace_here(&r->made);
    pthread_mutex_lock(&lock);
    become_teller();
    r->next = runners;
    runners = r;
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
