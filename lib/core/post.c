#include "base/check.h"
#include "base/mem.h"
#include "core/loop.h"

#include <proa/err.h>

#include <unistd.h>

/*
 * What other threads hand in. One list under a lock; the eventfd is written only by the first after
 * the loop has taken the list, and never read: in edge-triggered mode each write is an event.
 */
int proa__loop_post(struct proa_loop *loop, struct post *p)
{
    uint64_t one = 1;
    int rc = 0;

    p->next = NULL;
    pthread_mutex_lock(&loop->post_lock);
    if (loop->closed) {
        rc = PROA_ECLOSED;
    } else {
        *loop->posts_end = p;
        loop->posts_end = &p->next;
        if (!atomic_exchange(&loop->posted, true) && write(loop->wake.fd, &one, sizeof one) < 0) {
            /* full: then it is readable, and the loop awake */
        }
    }
    pthread_mutex_unlock(&loop->post_lock);
    return rc;
}

static struct post *take_all(struct proa_loop *loop, bool close)
{
    struct post *p;

    pthread_mutex_lock(&loop->post_lock);
    p = loop->posts;
    loop->posts = NULL;
    loop->posts_end = &loop->posts;
    atomic_store(&loop->posted, false);
    if (close)
        loop->closed = true;
    pthread_mutex_unlock(&loop->post_lock);
    return p;
}

bool proa__loop_is_closed(struct proa_loop *loop)
{
    bool closed;

    pthread_mutex_lock(&loop->post_lock);
    closed = loop->closed;
    pthread_mutex_unlock(&loop->post_lock);
    return closed;
}

void proa__posts_run(struct proa_loop *loop)
{
    struct post *p = take_all(loop, false);

    while (p) {
        struct post *next = p->next;

        p->fn(p->arg); /* may free p */
        p = next;
    }
}

void proa__posts_close(struct proa_loop *loop)
{
    struct post *p = take_all(loop, true);

    while (p) {
        struct post *next = p->next;

        if (p->drop)
            p->drop(p->arg);
        p = next;
    }
}

struct call {
    struct post post;
    proa_callback_fn *fn;
    void *arg;
};

static void run_call(void *arg)
{
    struct call call = *(struct call *)arg;

    proa__free(arg);
    call.fn(call.arg);
}

int proa_call_soon_threadsafe(struct proa_loop *loop, proa_callback_fn *fn, void *arg)
{
    struct call *call;
    int rc;

    PROA_CHECK_OBJ(loop, MAGIC_LOOP);
    call = proa__alloc(sizeof *call);
    if (!call)
        return PROA_ENOMEM;
    *call = (struct call){
        .post = {.fn = run_call, .drop = proa__free, .arg = call},
        .fn = fn,
        .arg = arg,
    };
    rc = proa__loop_post(loop, &call->post);
    if (rc < 0)
        proa__free(call);
    return rc;
}
