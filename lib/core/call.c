#include "core/call.h"

#include "base/mem.h"
#include "core/time_check.h"

_Static_assert(sizeof(struct handle) <= sizeof(struct proa_handle),
               "the public storage is too small");

static struct handle *handle_of(struct proa_handle *handle)
{
    return (struct handle *)handle;
}

/* ---- coming and going */

static void disarm(struct handle *h)
{
    switch (h->kind) {
    case CALL_SOON:
        proa__loop_soon_cancel(&h->u.soon);
        break;
    case CALL_LATER:
        proa__timer_stop(&h->u.timer);
        break;
    case CALL_DONE:
        list_remove(&h->u.watch.link);
        break;
    }
}

static void leave(struct handle *h)
{
    list_remove(&h->link);
    h->loop = NULL;
}

/* It is due. The memory may be gone when fn returns. */
static void call(void *arg)
{
    struct handle *h = arg;
    proa_callback_fn *fn = h->fn;
    void *fn_arg = h->arg;

    leave(h);
    if (h->owned)
        proa__free(h);
    fn(fn_arg);
}

/* A handle that is not pending, the caller's or one of ours. NULL: no memory. */
static struct handle *begin(struct proa_handle *handle, const char *what, proa_callback_fn *fn,
                            void *arg)
{
    struct proa_loop *loop = proa__loop_need(what);
    struct handle *h = handle_of(handle);

    if (h) {
        proa_handle_cancel(handle);
        h->owned = false;
    } else {
        h = proa__alloc(sizeof *h);
        if (!h)
            return NULL;
        h->owned = true;
    }
    h->loop = loop;
    h->fn = fn;
    h->arg = arg;
    list_push(&loop->handles, &h->link);
    return h;
}

static void make_soon(struct handle *h)
{
    h->kind = CALL_SOON;
    h->u.soon.fn = NULL;
    proa__loop_soon(h->loop, &h->u.soon, call, h);
}

/* ---- the public calls */

int proa_call_soon(struct proa_handle *handle, proa_callback_fn *fn, void *arg)
{
    struct handle *h = begin(handle, __func__, fn, arg);

    if (!h)
        return PROA_ENOMEM;
    make_soon(h);
    return 0;
}

static int call_at(struct proa_handle *handle, int64_t when, const char *what, proa_callback_fn *fn,
                   void *arg)
{
    struct handle *h = begin(handle, what, fn, arg);

    if (!h)
        return PROA_ENOMEM;
    h->kind = CALL_LATER;
    h->u.timer.loop = NULL;
    h->u.timer.node.at = NULL;
    proa__timer_start(h->loop, &h->u.timer, when, call, h);
    return 0;
}

int proa_call_later(struct proa_handle *handle, int64_t ns, proa_callback_fn *fn, void *arg)
{
    int rc = time_check_span(ns);

    if (rc < 0)
        return rc;
    return call_at(handle, proa__loop_due(proa__loop_need(__func__), ns), __func__, fn, arg);
}

int proa_call_at(struct proa_handle *handle, int64_t when, proa_callback_fn *fn, void *arg)
{
    int rc = time_check_moment(when);

    return rc < 0 ? rc : call_at(handle, when, __func__, fn, arg);
}

/* On the stack of the task that ends. */
static void task_ended(struct task_watch *watch, int rc)
{
    (void)rc;
    make_soon(CONTAINER_OF(watch, struct handle, u.watch));
}

int proa_task_on_done(struct proa_task_ref ref, struct proa_handle *handle, proa_callback_fn *fn,
                      void *arg)
{
    struct handle *h;

    proa__loop_need(__func__);
    if (!proa__task_is_valid(ref))
        return proa__fail(PROA_ESTALE, "the task's group was left; nobody can tell of its end");
    h = begin(handle, __func__, fn, arg);
    if (!h)
        return PROA_ENOMEM;
    if (ref.task->state == TASK_DONE) {
        make_soon(h);
        return 0;
    }
    h->kind = CALL_DONE;
    h->u.watch.fn = task_ended;
    task_watch(ref.task, &h->u.watch);
    return 0;
}

bool proa_handle_cancel(struct proa_handle *handle)
{
    struct handle *h = handle_of(handle);

    if (!h->loop)
        return false;
    proa__loop_check(h->loop, __func__);
    disarm(h);
    leave(h);
    return true;
}

bool proa_handle_is_pending(const struct proa_handle *handle)
{
    return ((const struct handle *)handle)->loop != NULL;
}

int64_t proa_handle_when(const struct proa_handle *handle)
{
    const struct handle *h = (const struct handle *)handle;

    if (!h->loop || h->kind == CALL_DONE)
        return PROA_FOREVER;
    return h->kind == CALL_LATER ? h->u.timer.deadline : INT64_MIN;
}

void proa_handle_fini(struct proa_handle *handle)
{
    proa_handle_cancel(handle);
}

void proa__calls_drop(struct proa_loop *loop)
{
    struct list *link;

    while ((link = list_pop(&loop->handles))) {
        struct handle *h = CONTAINER_OF(link, struct handle, link);

        disarm(h);
        h->loop = NULL;
        if (h->owned)
            proa__free(h);
    }
}
