/*
 * waits: a program whose tasks wait for each other, for proa-ps and gdb to look at. With "stuck"
 * one of them holds the loop until the file `go` is there; with "abort" the program ends by abort.
 */
#include <proa/proa.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The calls shall be there as they stand here: none inlined, or turned into a jump. */
#ifdef __clang__
#define AS_WRITTEN __attribute__((noinline, optnone))
#else
#define AS_WRITTEN __attribute__((noipa, optimize("O0")))
#endif

static struct proa_lock *lock;
static struct proa_lock *left_lock;
static struct proa_lock *right_lock;
static struct proa_queue *queue;

static AS_WRITTEN int wait_for_item(void *arg)
{
    void *item;

    (void)arg;
    return proa_queue_get(queue, &item);
}

static AS_WRITTEN int take_lock(void *arg)
{
    (void)arg;
    return proa_lock_acquire(lock);
}

static AS_WRITTEN int sleep_long(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_HOUR);
}

static AS_WRITTEN int gather_two(void *arg)
{
    (void)arg;
    return PROA_GATHER({sleep_long, NULL}, {wait_for_item, NULL});
}

static AS_WRITTEN int take_left_first(void *arg)
{
    int rc = proa_lock_acquire(left_lock);

    (void)arg;
    if (rc == 0)
        rc = proa_yield();
    return rc < 0 ? rc : proa_lock_acquire(right_lock);
}

static AS_WRITTEN int take_right_first(void *arg)
{
    int rc = proa_lock_acquire(right_lock);

    (void)arg;
    if (rc == 0)
        rc = proa_yield();
    return rc < 0 ? rc : proa_lock_acquire(left_lock);
}

static AS_WRITTEN int hold_the_loop(void *arg)
{
    (void)arg;
    while (access("go", F_OK) < 0)
        ;
    return proa_sleep(PROA_HOUR);
}

static int make(struct proa_group *g, proa_task_fn *fn, const char *name)
{
    return proa_create_task_opts(g, NULL, fn, NULL, PROA_TASK_OPTS(.name = name));
}

static AS_WRITTEN int body(void *arg)
{
    const char *const *how = arg;

    if (proa_lock_new(&lock) < 0 || proa_lock_new(&left_lock) < 0 ||
        proa_lock_new(&right_lock) < 0 || proa_queue_new(&queue, NULL) < 0)
        return PROA_ENOMEM;
    proa_lock_acquire(lock);
    PROA_GROUP(g);
    make(&g, wait_for_item, "getter");
    make(&g, take_lock, "locker");
    make(&g, sleep_long, "sleeper");
    make(&g, gather_two, "gatherer");
    make(&g, take_left_first, "left");
    make(&g, take_right_first, "right");
    proa_sleep(PROA_MS);
    if (strcmp(*how, "stuck") == 0)
        make(&g, hold_the_loop, "hog");
    puts("ready");
    fflush(stdout);
    if (strcmp(*how, "abort") == 0)
        abort();
    return proa_group_join(&g);
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";

    return proa_main(body, &how, NULL);
}
