#include "core/loop.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/call.h"
#include "core/crash.h"
#include "core/debug.h"
#include "core/inspect.h"
#include "core/signal.h"
#include "core/task.h"
#include "core/thread.h"
#include "core/timer.h"

#include <proa/err.h>
#include <proa/inspect.h>

#include <event2/event.h>

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define FAR_MARGIN (2 * PROA_MS) /* besides the coarse clock's step: rounding to milliseconds */

_Thread_local struct proa_loop *proa__loop_here __attribute__((tls_model("initial-exec")));

static bool forked;         /* this process is the child of one with a loop */
static int64_t coarse_step; /* of the clock that libevent reads */
static bool libevent_used;  /* before us, with an allocator of its own */
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The child has the parent's memory, but its loop's descriptors are shared: hands off. */
static void after_fork(void)
{
    proa__signals_after_fork();
    proa__inspect_after_fork();
    if (!proa__loop_here)
        return;
    forked = true;
    proa__loop_here = NULL;
    proa__task_here = NULL;
}

static void log_libevent(int severity, const char *text)
{
    (void)severity;
    proa__log(PROA_LOG_DEBUG, "libevent: %s", text);
}

static void prepare(void)
{
    proa__check_who = proa_current_task_name;
    struct timespec step = {0};

    pthread_atfork(NULL, NULL, after_fork);
    clock_getres(CLOCK_MONOTONIC_COARSE, &step);
    coarse_step = step.tv_sec * PROA_SEC + step.tv_nsec;
    event_set_log_callback(log_libevent);
    if (proa__mem_hooks() && !libevent_used)
        event_set_mem_functions(proa__alloc, proa__realloc, proa__free);
}

void proa__loop_wrong_thread(const struct proa_loop *loop, const char *what)
{
    PROA_CHECK(!forked || proa__loop_here,
               "%s: this process was forked by a running loop; a child may only exec or exit",
               what);
    PROA_CHECK(loop, "%s: no loop runs in this thread", what);
    PROA_CHECK(proa__loop_here == loop, "%s: called from a thread that is not its loop's", what);
    __builtin_unreachable();
}

struct proa_loop *proa_loop_current(void)
{
    return proa__loop_here;
}

struct proa_loop *proa_loop_ref(struct proa_loop *loop)
{
    PROA_CHECK_OBJ(loop, MAGIC_LOOP);
    atomic_fetch_add_explicit(&loop->refs, 1, memory_order_relaxed);
    return loop;
}

void proa_loop_unref(struct proa_loop *loop)
{
    if (!loop)
        return;
    PROA_CHECK_OBJ(loop, MAGIC_LOOP);
    if (atomic_fetch_sub_explicit(&loop->refs, 1, memory_order_acq_rel) > 1)
        return;
    PROA_CHECK(proa__loop_is_closed(loop), "proa_loop_unref: one more than there were references");
    pthread_mutex_destroy(&loop->post_lock);
    loop->magic = 0;
    proa__free(loop);
}

int64_t proa__loop_now(const struct proa_loop *loop)
{
    return loop->virtual ? loop->virtual_now : proa__clock_mono();
}

int64_t proa_now(void)
{
    return proa__loop_here ? proa__loop_now(proa__loop_here) : proa__clock_mono();
}

int64_t proa__loop_wall(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME_COARSE, &t);
    return t.tv_sec;
}

void proa__loop_soon(struct proa_loop *loop, struct soon *s, loop_fn *fn, void *arg)
{
    if (!s->fn)
        list_push(&loop->soon, &s->link);
    s->fn = fn;
    s->arg = arg;
}

void proa__loop_soon_cancel(struct soon *s)
{
    if (!s->fn)
        return;
    list_remove(&s->link);
    s->fn = NULL;
}

static void run_soon(struct proa_loop *loop)
{
    struct list batch;
    struct list *link;

    if (list_empty(&loop->soon))
        return;
    list_init(&batch);
    list_splice(&batch, &loop->soon);
    while ((link = list_pop(&batch))) {
        struct soon *s = CONTAINER_OF(link, struct soon, link);
        loop_fn *fn = s->fn;

        s->fn = NULL;
        debug_slice(loop);
        fn(s->arg);
    }
}

/*
 * Whose turn is it to wake us at `deadline`, `left` ns from now? A wake that is armed for an
 * earlier moment is left alone. libevent's timer costs no system call but reads a clock of
 * `coarse_step` and waits in milliseconds, so it wakes us too early, and the timerfd does the rest.
 */
static void arm(struct proa_loop *loop, int64_t deadline, int64_t left)
{
    int64_t margin = 2 * coarse_step + FAR_MARGIN;

    if (deadline == PROA_FOREVER || loop->far_at <= deadline || loop->near_at <= deadline)
        return;
    if (left > 2 * margin) {
        int64_t us = (left - margin) / PROA_US;
        struct timeval in = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};

        if (event_add(loop->far, &in) == 0) {
            loop->far_at = deadline - margin;
            return;
        }
    }
    if (left < 1)
        left = 1; /* zero would disarm */
    struct itimerspec it = {
        .it_value = {.tv_sec = left / PROA_SEC, .tv_nsec = left % PROA_SEC},
    };
    timerfd_settime(loop->near.fd, 0, &it, NULL);
    loop->near_at = deadline;
}

static void on_far(evutil_socket_t fd, short what, void *arg)
{
    struct proa_loop *loop = arg;

    (void)fd;
    (void)what;
    loop->far_at = PROA_FOREVER;
}

/* Not read: each expiry is an edge, and setting it anew empties it. */
static void on_near(void *arg, unsigned dirs)
{
    struct proa_loop *loop = arg;

    if (dirs & IO_READ)
        loop->near_at = PROA_FOREVER;
}

/* To wait at most `ns`. */
static void ask_kernel(struct proa_loop *loop, int64_t ns)
{
    int flags = ns > 0 ? EVLOOP_ONCE : EVLOOP_NONBLOCK;

    debug_rest(loop, ns);
    event_base_loop(loop->base, flags | EVLOOP_NO_EXIT_ON_EMPTY);
    debug_slice(loop);
}

static bool has_work(struct proa_loop *loop)
{
    return loop->ready || !list_empty(&loop->soon) || posts_any(loop);
}

static void sleep_in_kernel(struct proa_loop *loop, int64_t ns)
{
    ask_kernel(loop, proa__posts_sleep(loop) ? ns : 0);
}

_Noreturn static void nothing_can_happen(const struct proa_loop *loop)
{
    if (loop->sched)
        proa_tasks_print(STDERR_FILENO, NULL);
    proa__check_failed(CHECK_FILE, __LINE__, "every task sleeps and nothing can wake one");
}

/* Nothing to do: jump, if the clock is the tests' and only the clock can go on. */
static void sleep_virtual(struct proa_loop *loop, int64_t deadline)
{
    int64_t began;

    if (loop->outside > 0 && deadline <= loop->jump_to) {
        ask_kernel(loop, 0);
        if (!has_work(loop))
            loop->virtual_now = deadline;
        return;
    }
    if (loop->outside == 0) {
        if (deadline == PROA_FOREVER)
            nothing_can_happen(loop);
        loop->virtual_now = deadline;
        return;
    }
    began = proa__clock_mono();
    arm(loop, deadline, deadline - loop->virtual_now);
    sleep_in_kernel(loop, deadline == PROA_FOREVER ? deadline : deadline - loop->virtual_now);
    loop->virtual_now += proa__clock_mono() - began;
}

static void ask_or_sleep(struct proa_loop *loop)
{
    int64_t deadline;
    int64_t left;

    if (loop->stopping || has_work(loop)) {
        ask_kernel(loop, 0);
        return;
    }
    deadline = proa__timers_next(loop);
    if (deadline > loop->latest)
        deadline = loop->latest;
    left = deadline == PROA_FOREVER ? PROA_FOREVER : deadline - proa__loop_now(loop);
    if (left <= 0) {
        ask_kernel(loop, 0);
    } else if (loop->virtual) {
        sleep_virtual(loop, deadline);
    } else {
        arm(loop, deadline, left);
        sleep_in_kernel(loop, left);
    }
}

/*
 * Long slices, fewer of them in a turn: so events and timers are looked at about every millisecond.
 * Only a turn after one that left work over is measured.
 */
static void run_tasks(struct proa_loop *loop)
{
    bool measure = loop->busy;
    int64_t began = measure ? proa__clock_mono() : 0;
    unsigned ran = loop->turn(loop);

    loop->busy = loop->ready;
    if (!measure)
        return;
    if (proa__clock_mono() - began > LOOP_TURN_TIME)
        loop->slices = ran > 1 ? ran / 2 : 1;
    else if (loop->slices < LOOP_SLICES)
        loop->slices *= 2;
}

static void turn(struct proa_loop *loop)
{
    if (loop->signals)
        proa__signals_run(loop);
    proa__posts_run(loop);
    run_soon(loop);
    debug_slice(loop);
    proa__timers_run(loop);
    if (loop->ready)
        run_tasks(loop);
    debug_slice(loop);
    ask_or_sleep(loop);
}

void proa__loop_run(struct proa_loop *loop)
{
    proa__loop_check(loop, "proa__loop_run");
    PROA_CHECK(!loop->running, "a loop was run from inside itself");
    loop->running = true;
    loop->stopping = false;
    debug_slice(loop);
    while (!loop->stopping)
        turn(loop);
    debug_rest(loop, PROA_FOREVER);
    proa__posts_leave(loop);
    loop->running = false;
}

void proa__loop_step(struct proa_loop *loop, int64_t ns)
{
    proa__loop_check(loop, "proa__loop_step");
    PROA_CHECK(!loop->running, "a loop was turned from inside itself");
    loop->running = true;
    loop->stopping = false;
    loop->latest = proa_time_add(proa__loop_now(loop), ns > 0 ? ns : 0);
    debug_slice(loop);
    turn(loop);
    debug_rest(loop, PROA_FOREVER);
    loop->latest = PROA_FOREVER;
    proa__posts_leave(loop);
    loop->running = false;
}

void proa__loop_stop(struct proa_loop *loop)
{
    proa__loop_check(loop, "proa__loop_stop");
    loop->stopping = true;
}

static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (!config)
        return NULL;
    if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV) == 0 &&
        event_config_require_features(config, EV_FEATURE_ET) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

/* Our own descriptors do not count as something outside. */
static int open_own(struct proa_loop *loop, struct io *io, int fd, io_fn *fn)
{
    int rc = fd < 0 ? -errno : proa__io_add(loop, io, fd, fn, loop);

    if (rc < 0) {
        if (fd >= 0)
            close(fd);
        return rc;
    }
    proa__loop_outside(loop, -1);
    return 0;
}

static void close_own(struct proa_loop *loop, struct io *io)
{
    if (!io->loop)
        return;
    proa__io_del(io);
    proa__loop_outside(loop, 1);
    close(io->fd);
}

static int take_base(struct proa_loop *loop, struct event_base *base)
{
    if (base && !(event_base_get_features(base) & EV_FEATURE_ET))
        return proa__fail(PROA_EINVAL, "this event_base knows no edge-triggered events");
    loop->base = base;
    loop->base_is_theirs = base != NULL;
    return 0;
}

static int fill(struct proa_loop *loop, struct event_base *base)
{
    int rc = take_base(loop, base);

    if (rc < 0)
        return rc;

    loop->scratch = proa__alloc(LOOP_SCRATCH);
    if (!loop->scratch)
        return PROA_ENOMEM;
    errno = 0;
    if (!loop->base)
        loop->base = new_base();
    if (!loop->base)
        return errno == EMFILE || errno == ENFILE ? -errno : PROA_ENOMEM;
    loop->far = event_new(loop->base, -1, 0, on_far, loop);
    if (!loop->far)
        return PROA_ENOMEM;
    rc = open_own(loop, &loop->wake, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), NULL);
    if (rc < 0)
        return rc;
    return open_own(loop, &loop->near, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
                    on_near);
}

static void empty(struct proa_loop *loop)
{
    close_own(loop, &loop->near);
    close_own(loop, &loop->wake);
    if (loop->far)
        event_free(loop->far);
    if (loop->base && !loop->base_is_theirs)
        event_base_free(loop->base);
    proa__free(loop->scratch);
    proa__free(loop->uses);
    proa__stack_pool_fini(&loop->stacks);
}

int proa__loop_new(struct proa_loop **ret, const struct loop_opts *opts)
{
    struct proa_loop *loop;
    int rc;

    if (proa__loop_here)
        return PROA_EBUSY;
    if (opts && opts->base)
        libevent_used = true;
    pthread_once(&once, prepare);
    loop = proa__zalloc(sizeof *loop);
    if (!loop)
        return PROA_ENOMEM;
    loop->virtual = opts && opts->virtual_clock;
    loop->virtual_now = PROA_SEC;
    loop->slices = LOOP_SLICES;
    loop->grace = LOOP_GRACE;
    loop->latest = PROA_FOREVER;
    loop->far_at = PROA_FOREVER;
    loop->near_at = PROA_FOREVER;
    list_init(&loop->soon);
    list_init(&loop->handles);
    list_init(&loop->guests);
    proa__heap_init(&loop->timers);
    proa__clock_glance_init(&loop->glance);
    proa__wheel_init(&loop->wheel, proa__loop_now(loop));
    proa__stack_pool_init(&loop->stacks);
    rc = fill(loop, opts ? opts->base : NULL);
    if (rc < 0) {
        empty(loop);
        proa__free(loop);
        return rc;
    }
    proa__posts_open(loop);
    atomic_init(&loop->refs, 1);
    loop->magic = MAGIC_LOOP;
    proa__loop_here = loop;
    proa__crash_enter();
    *ret = loop;
    return 0;
}

struct loop_guest *proa__loop_guest(const struct proa_loop *loop, const void *key)
{
    LIST_FOR_EACH (link, &loop->guests) {
        struct loop_guest *guest = CONTAINER_OF(link, struct loop_guest, link);

        if (guest->key == key)
            return guest;
    }
    return NULL;
}

void proa__loop_adopt(struct proa_loop *loop, struct loop_guest *guest, const void *key,
                      void (*free)(struct loop_guest *guest))
{
    guest->key = key;
    guest->free = free;
    list_push_front(&loop->guests, &guest->link);
}

/* The youngest first: it may use its elders. */
static void free_guests(struct proa_loop *loop)
{
    struct list *link;

    while ((link = list_pop(&loop->guests))) {
        struct loop_guest *guest = CONTAINER_OF(link, struct loop_guest, link);

        guest->free(guest);
    }
}

void proa__loop_free(struct proa_loop *loop)
{
    if (!loop)
        return;
    proa__loop_check(loop, "proa__loop_free");
    PROA_CHECK(!loop->running, "a loop was freed while it runs");
    proa__calls_drop(loop);
    free_guests(loop);
    proa__pool_end_of_loop(loop);
    proa__debug_end(loop);
    proa__signals_free(loop);
    proa__posts_close(loop);
    empty(loop);
    proa__crash_leave();
    proa__loop_here = NULL;
    proa_loop_unref(loop);
}
