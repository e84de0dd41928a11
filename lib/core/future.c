#include "base/check.h"
#include "base/fail.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/arm.h"
#include "core/loop.h"
#include "core/sched.h"

#include <proa/future.h>

#define MAGIC_FUTURE 0x66757475u
#define MAGIC_PROMISE 0x70726f6du

struct proa_promise {
    unsigned magic;
};

/* What other threads may ask, by atomic steps. */
enum {
    CLAIMED = 1, /* somebody sets it, or has: rc, value and err are his until it is done */
    FREED = 2,   /* the future end is gone */
};

/*
 * Both ends are one block of memory.
 *
 *   open --set--> claimed --on the loop: settle--> done
 *
 * In the loop's thread the two steps are one; from another thread a post lies between. The memory
 * is freed with the last of: the future end, the promise end, the post.
 */
struct proa_future {
    unsigned magic;
    struct proa_promise promise;
    struct proa_loop *loop; /* a reference */
    atomic_uint refs;
    atomic_uint state; /* CLAIMED, FREED */
    bool done;         /* the rest is the loop's alone */
    bool read;         /* somebody was told the result */
    bool outside;      /* counted as something that may wake the loop */
    char name[TASK_NAME_MAX];
    void (*value_free)(void *value);
    struct list waiters;   /* struct wait, oldest first; empty once done */
    struct list callbacks; /* struct callback, oldest first */
    struct post post;
    void *value;
    int rc;
    struct err_slot err; /* its words, if err.rc is rc */
};

static struct proa_future *future_of(struct proa_promise *promise)
{
    return CONTAINER_OF(promise, struct proa_future, promise);
}

static void check_future(const struct proa_future *f, const char *what)
{
    PROA_CHECK(f && f->magic == MAGIC_FUTURE, "%s: future %p was freed, or never made", what,
               (const void *)f);
}

static void check_promise(const struct proa_promise *p, const char *what)
{
    PROA_CHECK(p && p->magic == MAGIC_PROMISE, "%s: promise %p was freed, or never made", what,
               (const void *)p);
}

/* In the loop's thread, or after the loop's end: then all that is left is to free. */
static void check_thread(const struct proa_future *f, const char *what)
{
    if (proa__loop_here != f->loop && !proa__loop_is_closed(f->loop))
        proa__loop_wrong_thread(f->loop, what);
}

/* ---- life */

int proa_future_new(struct proa_future **ret, struct proa_promise **ret_promise,
                    const struct proa_future_opts *opts)
{
    struct proa_loop *loop = proa__loop_need(__func__);
    struct proa_future_opts o;
    int rc = proa__opts_copy(&o, sizeof o, opts);

    if (rc < 0)
        return rc;

    struct proa_future *f = proa__zalloc(sizeof *f);

    if (!f)
        return PROA_ENOMEM;
    f->magic = MAGIC_FUTURE;
    f->promise.magic = MAGIC_PROMISE;
    f->loop = proa_loop_ref(loop);
    atomic_init(&f->refs, 2);
    f->value_free = o.value_free;
    strncpy(f->name, o.name ? o.name : "a future", sizeof f->name - 1);
    list_init(&f->waiters);
    list_init(&f->callbacks);
    f->outside = o.threadsafe;
    proa__loop_outside(loop, f->outside);
    *ret = f;
    *ret_promise = &f->promise;
    return 0;
}

static void unref(struct proa_future *f)
{
    if (atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) > 1)
        return;
    proa_loop_unref(f->loop);
    proa__free(f);
}

static void not_outside(struct proa_future *f)
{
    proa__loop_outside(f->loop, -f->outside);
    f->outside = false;
}

/* The result will not be asked for. */
static void drop_result(struct proa_future *f)
{
    struct sched *s = f->loop->sched;
    const char *words = f->err.rc ? f->err.text : proa_err_text(f->rc);

    if (f->rc < 0 && f->rc != PROA_EABANDONED && !f->read) {
        if (s && proa__loop_here == f->loop)
            proa__sched_fault(
                s, &(struct proa_fault){.rc = f->rc, .task = f->name, .detail = words}, NULL);
        else
            proa__log(PROA_LOG_ERROR, "%s failed: %s (%s)", f->name, words, proa_err_name(f->rc));
    }
    if (f->value && f->value_free)
        f->value_free(f->value);
    f->value = NULL;
}

/* ---- callbacks */

struct callback {
    struct list link;
    struct soon soon;
    proa_callback_fn *fn;
    void *arg;
};

static void drop_callback(struct callback *c)
{
    proa__loop_soon_cancel(&c->soon);
    list_remove(&c->link);
    proa__free(c);
}

static void run_callback(void *arg)
{
    struct callback *c = arg;
    proa_callback_fn *fn = c->fn;

    arg = c->arg;
    drop_callback(c);
    fn(arg);
}

static void schedule(struct proa_future *f, struct callback *c)
{
    proa__loop_soon(f->loop, &c->soon, run_callback, c);
}

int proa_future_add_done_callback(struct proa_future *future, proa_callback_fn *fn, void *arg)
{
    struct callback *c;

    check_future(future, __func__);
    proa__loop_check(future->loop, __func__);
    c = proa__zalloc(sizeof *c);
    if (!c)
        return PROA_ENOMEM;
    c->fn = fn;
    c->arg = arg;
    list_push(&future->callbacks, &c->link);
    if (future->done)
        schedule(future, c);
    return 0;
}

int proa_future_remove_done_callback(struct proa_future *future, proa_callback_fn *fn, void *arg)
{
    int n = 0;

    check_future(future, __func__);
    proa__loop_check(future->loop, __func__);
    LIST_FOR_EACH_SAFE (it, &future->callbacks) {
        struct callback *c = CONTAINER_OF(it, struct callback, link);

        if (c->fn != fn || c->arg != arg)
            continue;
        drop_callback(c);
        n++;
    }
    return n;
}

/* ---- the future end */

void proa_future_free(struct proa_future *future)
{
    if (!future)
        return;
    check_future(future, __func__);
    check_thread(future, __func__);
    PROA_CHECK(list_empty(&future->waiters), "proa_future_free: %zu tasks wait for future %p",
               list_count(&future->waiters), (void *)future);
    future->magic = 0;
    LIST_FOR_EACH_SAFE (it, &future->callbacks)
        drop_callback(CONTAINER_OF(it, struct callback, link));
    not_outside(future);
    atomic_fetch_or(&future->state, FREED);
    if (future->done)
        drop_result(future);
    unref(future);
}

bool proa_future_is_set(const struct proa_future *future)
{
    check_future(future, __func__);
    proa__loop_check(future->loop, __func__);
    return future->done;
}

/* ---- waiting */

static bool try_future(struct arm *arm)
{
    struct proa_future *f = arm->object;
    void **ret = arm->value;

    if (!f->done)
        return false;
    f->read = true;
    arm->rc = f->rc;
    if (f->err.rc)
        proa__fail(f->rc, "%s", f->err.text);
    if (f->rc >= 0 && ret)
        *ret = f->value;
    return true;
}

static bool link_waiter(struct arm *arm, struct wait *w)
{
    struct proa_future *f = arm->object;

    proa__wait_link(&f->waiters, w);
    return true;
}

static void take_value(struct arm *arm, struct wait *w)
{
    void **ret = arm->value;

    if (w->code >= 0 && ret)
        *ret = w->slot;
}

static void describe(const void *object, struct view *v)
{
    const struct proa_future *f = object;

    proa__view_object(v, "future", f);
    proa__view_say(v, ", %s", f->done ? "done" : "not done");
    proa__view_list(v, &f->waiters, "wait");
}

const struct view_kind proa__future_view = {MAGIC_FUTURE, describe};

static const struct arm_ops future_ops = {
    .try = try_future,
    .link = link_waiter,
    .take = take_value,
    .call = "proa_future_get",
    .describe = describe,
};

static struct arm future_arm(struct proa_future *future, void **ret)
{
    return (struct arm){.ops = &future_ops, .object = future, .value = ret};
}

int proa_future_wait(struct proa_future *future, void **ret)
{
    struct arm arm = future_arm(future, ret);

    check_future(future, __func__);
    proa__loop_check(future->loop, __func__);
    return arm_wait(&arm, __func__);
}

int proa_future_try_wait(struct proa_future *future, void **ret)
{
    struct arm arm = future_arm(future, ret);

    check_future(future, __func__);
    proa__loop_check(future->loop, __func__);
    return arm_try(&arm);
}

struct proa_case proa_case_future(struct proa_future *future, void **ret)
{
    check_future(future, __func__);
    proa__loop_check(future->loop, __func__);
    return arm_case(future_arm(future, ret));
}

/* ---- setting, in the loop's thread */

/* The words come along: the future may be freed before the waiter runs. */
static void wake_waiters(struct proa_future *f)
{
    struct list *first;

    while ((first = list_first(&f->waiters))) {
        struct wait *w = CONTAINER_OF(first, struct wait, link);

        f->read = true;
        if (f->err.rc)
            *task_err(w->of) = f->err;
        proa__wait_wake_one(w, f->value, f->rc);
    }
}

static void settle(struct proa_future *f)
{
    f->done = true;
    not_outside(f);
    if (atomic_load(&f->state) & FREED) {
        drop_result(f);
        return;
    }
    wake_waiters(f);
    if (!f->loop->sched)
        return; /* the loop is ending */
    LIST_FOR_EACH (it, &f->callbacks)
        schedule(f, CONTAINER_OF(it, struct callback, link));
}

/* Become the one who sets it; any thread. */
static int claim(struct proa_future *f)
{
    unsigned before = atomic_fetch_or(&f->state, CLAIMED);

    if (before & FREED)
        return proa__fail(PROA_ECLOSED, "nobody waits for %s any more", f->name);
    if (before & CLAIMED)
        return proa__fail(PROA_EALREADY, "%s was set already", f->name);
    return 0;
}

/* By the claimer, with the words of his failure. */
static void fill(struct proa_future *f, int rc, void *value)
{
    const struct err_slot *slot = proa__err_slot_now();

    if (rc == PROA_ECANCELED)
        rc = PROA_EABANDONED;
    else if (rc < 0 && slot->rc == rc)
        f->err = *slot;
    f->rc = rc;
    f->value = value;
}

int proa_promise_set(struct proa_promise *promise, int rc, void *value)
{
    struct proa_future *f;
    int claimed;

    check_promise(promise, __func__);
    f = future_of(promise);
    check_thread(f, __func__);
    claimed = claim(f);
    if (claimed < 0)
        return claimed;
    if (proa__loop_here != f->loop)
        return PROA_ECLOSED; /* it has ended */
    fill(f, rc, value);
    settle(f);
    return 0;
}

static bool is_claimed(struct proa_future *f)
{
    return atomic_fetch_or(&f->state, CLAIMED) & CLAIMED;
}

void proa_promise_free(struct proa_promise *promise)
{
    struct proa_future *f;

    if (!promise)
        return;
    check_promise(promise, __func__);
    f = future_of(promise);
    check_thread(f, __func__);
    promise->magic = 0;
    if (!is_claimed(f)) {
        fill(f, PROA_EABANDONED, NULL);
        settle(f);
    }
    unref(f);
}

/* ---- setting, in any thread */

static void on_post(void *arg)
{
    struct proa_future *f = arg;

    settle(f);
    unref(f);
}

/* By the claimer. PROA_ECLOSED: the loop has ended, which nobody undoes. */
static int post(struct proa_future *f)
{
    int rc;

    f->post = (struct post){.fn = on_post, .drop = on_post, .arg = f};
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    rc = proa__loop_post(f->loop, &f->post);
    if (rc < 0) {
        atomic_fetch_or(&f->state, FREED); /* as good as */
        unref(f);
    }
    return rc;
}

int proa_promise_set_threadsafe(struct proa_promise *promise, int rc, void *value)
{
    struct proa_future *f;
    int claimed;

    check_promise(promise, __func__);
    f = future_of(promise);
    claimed = claim(f);
    if (claimed < 0)
        return claimed;
    fill(f, rc, value);
    return post(f);
}

void proa_promise_free_threadsafe(struct proa_promise *promise)
{
    struct proa_future *f;

    if (!promise)
        return;
    check_promise(promise, __func__);
    f = future_of(promise);
    promise->magic = 0;
    if (!is_claimed(f)) {
        fill(f, PROA_EABANDONED, NULL);
        post(f);
    }
    unref(f);
}
