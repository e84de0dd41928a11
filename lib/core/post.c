#include "base/check.h"
#include "base/mem.h"
#include "core/loop.h"

#include <proa/err.h>

#include <sched.h>
#include <unistd.h>

/*
 * What other threads hand in: one list under a lock.
 *
 * The kernel is asked to wake the loop only if that sleeps, or is about to: then whoever posts
 * first takes the mark `asleep` away and writes the eventfd, after it has left the lock, so that
 * the loop does not wake up to wait for that. It says when it has written, and the end of the loop
 * waits for that; nobody else touches the loop once his post is in the list, as its call may be the
 * end. The eventfd is never read: in edge-triggered mode each write is an event.
 *
 * Calls of proa_call_soon_threadsafe stand in a block, which is one post: memory that one thread
 * allocates and another frees costs more than all the rest. The newest post, if it is a block with
 * room, takes further calls, so all is run in the order in which it came. A block goes round.
 */
#define BLOCK_CALLS 60

struct post_block {
    struct post post;
    struct proa_loop *loop;
    unsigned n;
    struct {
        proa_callback_fn *fn;
        void *arg;
    } calls[BLOCK_CALLS];
};

/* ---- any thread; the lock is held */

/* Says whether the eventfd has to be written, afterwards. */
static bool was_asleep(struct proa_loop *loop)
{
    if (!atomic_load_explicit(&loop->asleep, memory_order_relaxed))
        return false;
    atomic_store_explicit(&loop->asleep, false, memory_order_relaxed);
    loop->wakes++;
    return true;
}

static void push(struct proa_loop *loop, struct post *p)
{
    p->next = NULL;
    *loop->posts_end = p;
    loop->posts_end = &p->next;
    loop->open = NULL;
    atomic_store_explicit(&loop->posted, true, memory_order_release);
}

/* The block that takes the next call. */
static struct post_block *open_block(struct proa_loop *loop);

/* ---- any thread */

static void write_eventfd(struct proa_loop *loop)
{
    uint64_t one = 1;

    if (write(loop->wake.fd, &one, sizeof one) < 0) {
        /* full: then it is readable, and the loop awake */
    }
}

static void unlock(struct proa_loop *loop, bool wake)
{
    pthread_mutex_unlock(&loop->post_lock);
    if (!wake)
        return;
    write_eventfd(loop);
    atomic_fetch_add_explicit(&loop->wakes_done, 1, memory_order_release);
}

int proa__loop_post(struct proa_loop *loop, struct post *p)
{
    bool wake = false;
    int rc = 0;

    pthread_mutex_lock(&loop->post_lock);
    if (loop->closed) {
        rc = PROA_ECLOSED;
    } else {
        push(loop, p);
        wake = was_asleep(loop);
    }
    unlock(loop, wake);
    return rc;
}

int proa_call_soon_threadsafe(struct proa_loop *loop, proa_callback_fn *fn, void *arg)
{
    struct post_block *block;
    bool wake = false;
    int rc = PROA_ECLOSED;

    PROA_CHECK_OBJ(loop, MAGIC_LOOP);
    pthread_mutex_lock(&loop->post_lock);
    if (!loop->closed) {
        block = open_block(loop);
        rc = block ? 0 : PROA_ENOMEM;
    }
    if (rc == 0) {
        block->calls[block->n].fn = fn;
        block->calls[block->n].arg = arg;
        if (++block->n == BLOCK_CALLS)
            loop->open = NULL;
        wake = was_asleep(loop);
    }
    unlock(loop, wake);
    return rc;
}

bool proa__loop_is_closed(struct proa_loop *loop)
{
    bool closed;

    pthread_mutex_lock(&loop->post_lock);
    closed = loop->closed;
    pthread_mutex_unlock(&loop->post_lock);
    return closed;
}

/* ---- blocks */

/* One is kept for the next calls. */
static void give_back(struct post_block *block)
{
    if (block->loop->used)
        proa__free(block);
    else
        block->loop->used = block;
}

static void run_block(void *arg)
{
    struct post_block *block = arg;

    for (unsigned i = 0; i < block->n; i++)
        block->calls[i].fn(block->calls[i].arg);
    give_back(block);
}

static struct post_block *open_block(struct proa_loop *loop)
{
    struct post_block *block = loop->open;

    if (block)
        return block;
    block = loop->spare;
    loop->spare = NULL;
    if (!block)
        block = proa__alloc(sizeof *block);
    if (!block)
        return NULL;
    block->post = (struct post){.fn = run_block, .drop = proa__free, .arg = block};
    block->loop = loop;
    block->n = 0;
    push(loop, &block->post);
    loop->open = block;
    return block;
}

/* ---- the loop's thread */

static struct post *take_all(struct proa_loop *loop, bool close)
{
    struct post *p;

    pthread_mutex_lock(&loop->post_lock);
    p = loop->posts;
    loop->posts = NULL;
    loop->posts_end = &loop->posts;
    loop->open = NULL;
    atomic_store_explicit(&loop->posted, false, memory_order_relaxed);
    if (close)
        loop->closed = true;
    if (!loop->spare) {
        loop->spare = loop->used;
        loop->used = NULL;
    }
    pthread_mutex_unlock(&loop->post_lock);
    return p;
}

void proa__posts_open(struct proa_loop *loop)
{
    pthread_mutexattr_t attr;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP); /* it is held for a moment only */
    pthread_mutex_init(&loop->post_lock, &attr);
    pthread_mutexattr_destroy(&attr);
    loop->posts_end = &loop->posts;
    atomic_init(&loop->asleep, true);
}

void proa__posts_run(struct proa_loop *loop)
{
    struct post *p;

    if (atomic_load_explicit(&loop->asleep, memory_order_relaxed))
        atomic_store_explicit(&loop->asleep, false, memory_order_relaxed);
    if (!posts_any(loop))
        return;
    p = take_all(loop, false);
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
    proa__free(loop->spare);
    proa__free(loop->used);
    while (atomic_load_explicit(&loop->wakes_done, memory_order_acquire) != loop->wakes)
        sched_yield();
}

/* ---- before the loop sleeps */

bool proa__posts_sleep(struct proa_loop *loop)
{
    bool none;

    pthread_mutex_lock(&loop->post_lock);
    none = !loop->posts;
    atomic_store_explicit(&loop->asleep, none, memory_order_relaxed);
    pthread_mutex_unlock(&loop->post_lock);
    return none;
}

void proa__posts_leave(struct proa_loop *loop)
{
    if (!proa__posts_sleep(loop))
        write_eventfd(loop);
}
