#include "base/fail.h"
#include "support/t_run.h"

#include <proa/fd.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/select.h>
#include <proa/time.h>

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Of each kind of case: it happens at once, it is woken, it does not happen and is untouched. Each
 * stands behind two that never happen and before a deadline.
 */

static struct proa_case stage[4];

#define HERE 2
#define LATE 3

static int select_one(const struct proa_case *c)
{
    stage[0] = proa_case_never();
    stage[1] = proa_case_timer(PROA_FOREVER);
    stage[HERE] = *c;
    stage[LATE] = proa_case_timer(PROA_SEC);
    return PROA_SELECT(stage);
}

/* It happens now, with rc. */
#define CK_HAPPENS(c, code)                                                                        \
    do {                                                                                           \
        struct proa_case here = c;                                                                 \
        happens(&here, code, __LINE__);                                                            \
    } while (0)

/* It does not, nor does a cancel change anything. */
#define CK_NOT(c)                                                                                  \
    do {                                                                                           \
        struct proa_case here = c;                                                                 \
        happens_not(&here, __LINE__);                                                              \
    } while (0)

/* It happens when fn(arg) is called. */
#define CK_WOKEN(c, code, fn, arg)                                                                 \
    do {                                                                                           \
        struct proa_case here = c;                                                                 \
        is_woken(&here, code, &(struct later){fn, arg}, __LINE__);                                 \
    } while (0)

static void happens(const struct proa_case *c, int code, int line)
{
    int64_t began = proa_now();
    int won = select_one(c);

    ck_assert_msg(won == HERE, "line %d: %d won", line, won);
    ck_assert_msg(stage[HERE].rc == code, "line %d: it has %s", line,
                  proa_err_name(stage[HERE].rc));
    ck_assert_msg(proa_now() - began < PROA_SEC, "line %d: it took too long", line);
}

static void happens_not(const struct proa_case *c, int line)
{
    int64_t began = proa_now();
    int won = select_one(c);

    ck_assert_msg(won == LATE, "line %d: %d won", line, won);
    ck_assert_msg(proa_now() - began >= PROA_SEC, "line %d: too early", line);
    ck_err(PROA_WITHIN(1, select_one(c)), PROA_ETIMEDOUT);
}

/* A task that does something after a while. */
struct later {
    void (*fn)(void *arg);
    void *arg;
};

static int do_later(void *arg)
{
    struct later *l = arg;
    int rc = proa_sleep(PROA_MS);

    l->fn(l->arg);
    return rc;
}

static void is_woken(const struct proa_case *c, int code, struct later *l, int line)
{
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, do_later, l));
    happens(c, code, line);
    ck_ok(proa_group_join(&g));
}

/* ---- queues */

static char item;

static void put_item(void *q)
{
    ck_ok(proa_queue_try_put(q, &item));
}
static void get_item(void *q)
{
    void *got;

    ck_ok(proa_queue_try_get(q, &got));
    ck_assert_ptr_eq(got, &item);
}
static void shut_down(void *q)
{
    proa_queue_shutdown(q, PROA_QUEUE_DRAIN);
}

static int queue_body(void *arg)
{
    PROA_AUTO(proa_queue) *q = NULL;
    void *got = NULL;

    ck_ok(proa_queue_new(&q, PROA_QUEUE_OPTS(.limit = 1)));
    CK_NOT(proa_case_get(q, &got));
    ck_assert_ptr_null(got);
    CK_WOKEN(proa_case_get(q, &got), 0, put_item, q);
    ck_assert_ptr_eq(got, &item);
    CK_HAPPENS(proa_case_put(q, &item), 0);
    CK_NOT(proa_case_put(q, &item));
    ck_assert_uint_eq(proa_queue_len(q), 1);
    CK_WOKEN(proa_case_put(q, &item), 0, get_item, q);
    CK_HAPPENS(proa_case_get(q, &got), 0);
    for (int i = 0; i < 3; i++) /* all three that were got */
        proa_queue_task_done(q);
    ck_ok(proa_queue_join(q));
    got = arg;
    CK_WOKEN(proa_case_get(q, &got), PROA_ECLOSED, shut_down, q);
    CK_HAPPENS(proa_case_get(q, &got), PROA_ECLOSED);
    CK_HAPPENS(proa_case_put(q, &item), PROA_ECLOSED);
    ck_assert_ptr_eq(got, arg); /* written on success only */
    return 0;
}
START_TEST(a_queue_is_put_to_and_got_from)
{
    t_run_modes(queue_body, &item);
}
END_TEST

/* ---- futures */

static void set_promise(void *p)
{
    ck_ok(proa_promise_set(p, 3, &item));
}
static void fail_promise(void *p)
{
    ck_ok(proa_promise_set(p, proa__fail(PROA_EIO, "no such luck"), NULL));
}

static int future_body(void *arg)
{
    struct proa_future *f;
    struct proa_promise *p;
    void *got = NULL;

    (void)arg;
    ck_ok(proa_future_new(&f, &p, NULL));
    CK_NOT(proa_case_future(f, &got));
    ck_assert_ptr_null(got);
    CK_WOKEN(proa_case_future(f, &got), 3, set_promise, p);
    ck_assert_ptr_eq(got, &item);
    CK_HAPPENS(proa_case_future(f, NULL), 3);
    proa_future_free(f);
    proa_promise_free(p);

    ck_ok(proa_future_new(&f, &p, NULL));
    CK_WOKEN(proa_case_future(f, &got), PROA_EIO, fail_promise, p);
    ck_assert_str_eq(proa_err_detail(PROA_EIO), "no such luck");
    proa_future_free(f);
    proa_promise_free(p);
    return 0;
}
START_TEST(a_future_is_set)
{
    t_run_modes(future_body, NULL);
}
END_TEST

/* ---- watches and broadcasts */

static void set_watch(void *w)
{
    ck_ok(proa_watch_set(w, &(int){2}));
}

static int watch_body(void *arg)
{
    PROA_AUTO(proa_watch) *w = NULL;
    uint64_t seen = 0;
    int value = 1;

    (void)arg;
    ck_ok(proa_watch_new(&w, sizeof value, &value));
    CK_HAPPENS(proa_case_watch(w, &seen, &value), 0);
    CK_NOT(proa_case_watch(w, &seen, &value));
    ck_assert_uint_eq(seen, 1);
    CK_WOKEN(proa_case_watch(w, &seen, &value), 0, set_watch, w);
    ck_assert_int_eq(value, 2);
    ck_assert_uint_eq(seen, 2);
    proa_watch_close(w);
    CK_HAPPENS(proa_case_watch(w, &seen, NULL), PROA_ECLOSED);
    return 0;
}
static void send_up(void *b)
{
    ck_ok(proa_broadcast_send(b, &(int){5}));
}
static int broadcast_body(void *arg)
{
    PROA_AUTO(proa_broadcast) *b = NULL;
    uint64_t next = 0;
    int value = -1;

    (void)arg;
    ck_ok(proa_broadcast_new(&b, sizeof value, 1));
    CK_NOT(proa_case_broadcast(b, &next, &value));
    ck_assert_uint_eq(next, 0);
    CK_WOKEN(proa_case_broadcast(b, &next, &value), 0, send_up, b);
    ck_assert_int_eq(value, 5);
    for (int i = 0; i < 3; i++)
        send_up(b);
    CK_HAPPENS(proa_case_broadcast(b, &next, &value), 2); /* lost two */
    proa_broadcast_close(b);
    CK_HAPPENS(proa_case_broadcast(b, &next, &value), PROA_ECLOSED);
    ck_assert_uint_eq(next, 4);
    return 0;
}
START_TEST(a_watch_and_a_broadcast_have_something_new)
{
    t_run_modes(watch_body, NULL);
    t_run_modes(broadcast_body, NULL);
}
END_TEST

/* ---- events and tasks */

static void set_event(void *e)
{
    proa_event_set(e);
}

static int event_body(void *arg)
{
    PROA_AUTO(proa_event) *e = NULL;

    (void)arg;
    ck_ok(proa_event_new(&e));
    CK_NOT(proa_case_event(e));
    CK_WOKEN(proa_case_event(e), 0, set_event, e);
    CK_HAPPENS(proa_case_event(e), 0);
    proa_event_clear(e);
    CK_NOT(proa_case_event(e));
    return 0;
}
START_TEST(an_event_is_set)
{
    t_run_modes(event_body, NULL);
}
END_TEST

static int sleep_then_fail(void *arg)
{
    int rc = proa_sleep(*(int64_t *)arg);

    return rc < 0 ? rc : proa__fail(PROA_EIO, "slept badly");
}
static int join_body(void *arg)
{
    struct proa_task_ref ref[3];
    int64_t spans[3] = {PROA_MS, 10 * PROA_SEC, 0};

    (void)arg;
    PROA_SHIELD(s, PROA_HOUR); /* the first failure cancels this frame, too */
    {
        PROA_GROUP(g);
        for (int i = 0; i < 2; i++)
            ck_ok(proa_create_task_opts(&g, &ref[i], sleep_then_fail, &spans[i], NULL));
        PROA_SHIELD(in_group, PROA_HOUR);
        CK_HAPPENS(proa_case_join(ref[0]), PROA_EIO);
        ck_assert_str_eq(proa_err_detail(PROA_EIO), "slept badly");
        CK_HAPPENS(proa_case_join(ref[0]), PROA_EIO); /* once more */
        CK_HAPPENS(proa_case_join(ref[1]), PROA_ETASKCANCELED);
        ck_err(proa_group_join(&g), PROA_EIO);
    }
    CK_HAPPENS(proa_case_join(ref[0]), PROA_ESTALE);
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref[2], sleep_then_fail, &spans[1], NULL));
    CK_NOT(proa_case_join(ref[2]));
    ck_assert(!proa_task_is_done(ref[2]));
    proa_group_cancel(&g);
    return proa_group_join(&g);
}
static int join_itself_body(void *arg)
{
    (void)arg;
    struct proa_case c = proa_case_join(proa_current_task());

    return select_one(&c);
}
START_TEST(a_task_ends)
{
    t_run_modes(join_body, NULL);
    t_run_aborts(join_itself_body, NULL, "waits for its own end");
}
END_TEST

/* ---- descriptors */

static void write_one(void *fds)
{
    ck_assert_int_eq(write(((int *)fds)[1], "x", 1), 1);
}
static void close_writer(void *fds)
{
    ck_assert_int_eq(close(((int *)fds)[1]), 0);
}

static int fd_body(void *arg)
{
    int fds[2];
    char c;

    (void)arg;
    ck_assert_int_eq(pipe(fds), 0);
    CK_HAPPENS(proa_case_fd(fds[1], PROA_WRITABLE), PROA_WRITABLE);
    CK_HAPPENS(proa_case_fd(fds[1], PROA_WRITABLE | PROA_READABLE), PROA_WRITABLE);
    stage[0] = proa_case_fd(fds[0], PROA_READABLE);
    ck_err(proa_try_select(stage, 1, NULL), PROA_EAGAIN);
    CK_WOKEN(proa_case_fd(fds[0], PROA_READABLE), PROA_READABLE, write_one, fds);
    CK_HAPPENS(proa_case_fd(fds[0], PROA_READABLE), PROA_READABLE); /* nothing was read */
    ck_assert_int_eq(read(fds[0], &c, 1), 1);
    stage[LATE] = proa_case_never();
    ck_err(PROA_WITHIN(PROA_MS, PROA_SELECT(stage)), PROA_ETIMEDOUT);
    CK_WOKEN(proa_case_fd(fds[0], PROA_READABLE), PROA_READABLE, close_writer, fds);
    stage[0] = proa_case_fd(fds[0], PROA_READABLE);
    ck_ok(proa_try_select(stage, 1, NULL));
    ck_assert_int_eq(stage[0].rc, PROA_READABLE); /* the end counts */
    close(fds[0]);
    ck_ok(proa_try_select(stage, 1, NULL));
    ck_assert_int_eq(stage[0].rc, PROA_EBADF);
    CK_HAPPENS(proa_case_fd(fds[0], PROA_READABLE), PROA_EBADF);
    CK_HAPPENS(proa_case_fd(-1, PROA_READABLE), PROA_EBADF);
    CK_HAPPENS(proa_case_fd(0, 0), PROA_EINVAL);
    CK_HAPPENS(proa_case_fd(0, 8), PROA_EINVAL);
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    CK_HAPPENS(proa_case_fd(file, PROA_READABLE), PROA_READABLE);
    ck_assert_int_eq(proa_wait_fd(file, PROA_READABLE), PROA_READABLE);
    close(file);
    return 0;
}

static void try_fd(int fd, unsigned dirs, int rc)
{
    struct proa_case c = proa_case_fd(fd, dirs);

    if (rc == PROA_EAGAIN) {
        ck_err(proa_try_select(&c, 1, NULL), PROA_EAGAIN);
        return;
    }
    ck_ok(proa_try_select(&c, 1, NULL));
    ck_assert_int_eq(c.rc, rc);
}

/* Without waiting the system is asked, and for what the case is for. */
static int tried_body(void *arg)
{
    const unsigned both = PROA_READABLE | PROA_WRITABLE;
    char bytes[1024] = {0};
    int fds[2];

    (void)arg;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    try_fd(fds[0], PROA_WRITABLE, PROA_WRITABLE);
    try_fd(fds[0], PROA_READABLE, PROA_EAGAIN);
    try_fd(fds[0], both, PROA_WRITABLE);
    write_one(fds);
    try_fd(fds[0], both, (int)both);
    while (write(fds[0], bytes, sizeof bytes) > 0)
        ;
    try_fd(fds[0], PROA_READABLE, PROA_READABLE);
    try_fd(fds[0], PROA_WRITABLE, PROA_EAGAIN);
    try_fd(fds[0], both, PROA_READABLE);
    try_fd(-1, PROA_READABLE, PROA_EBADF);
    close(fds[0]);
    close(fds[1]);

    PROA_SCOPE(scope);
    proa_scope_cancel(&scope);
    ck_err(proa_wait_fd(-1, PROA_READABLE), PROA_ECANCELED); /* nothing else is looked at */
    return 0;
}

/* A case that was waited for may be copied; what becomes of the copy is not the first one's. */
static int copied_body(void *arg)
{
    static const struct proa_case nothing;
    struct proa_case was, now[2];
    int fds[2];

    (void)arg;
    ck_assert_int_eq(pipe(fds), 0);
    was = proa_case_fd(fds[0], PROA_READABLE);
    ck_err(PROA_WITHIN(PROA_MS, proa_select(&was, 1, NULL)), PROA_ETIMEDOUT);
    now[0] = proa_case_fd(fds[0], PROA_READABLE);
    now[1] = was;
    memset(&was, 0, sizeof was);
    ck_assert_int_eq(proa_select(now, 2, PROA_SELECT_OPTS(.priority = true)), 1);
    ck_assert_int_eq(now[1].rc, PROA_EBUSY); /* twice in one select */
    ck_assert_int_eq(memcmp(&was, &nothing, sizeof was), 0);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

static int wait_readable(void *arg)
{
    return proa_wait_fd(*(const int *)arg, PROA_READABLE);
}

/* Another task waits for it: that is told, and what was linked before is taken back. */
static int busy_body(void *arg)
{
    PROA_AUTO(proa_channel) *c = NULL;
    char byte;
    int fds[2];

    (void)arg;
    ck_assert_int_eq(pipe(fds), 0);
    ck_ok(proa_channel_new(&c, 0, NULL));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wait_readable, &fds[0]));
    ck_ok(proa_yield());
    CK_HAPPENS(proa_case_fd(fds[0], PROA_READABLE), PROA_EBUSY);
    write_one(fds);
    stage[0] = proa_case_fd(fds[0], PROA_READABLE);
    ck_ok(proa_try_select(stage, 1, NULL));
    ck_assert_int_eq(stage[0].rc, PROA_EBUSY); /* although it is ready */
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(read(fds[0], &byte, 1), 1);

    struct proa_case cases[] = {
        proa_case_receive(c, NULL), proa_case_fd(fds[0], PROA_READABLE), proa_case_timer(PROA_SEC),
        proa_case_fd(fds[0], PROA_READABLE), /* twice in one select */
    };
    ck_assert_int_eq(proa_select(cases, 4, PROA_SELECT_OPTS(.priority = true)), 3);
    ck_assert_int_eq(cases[3].rc, PROA_EBUSY);
    ck_err(proa_channel_try_send(c, NULL), PROA_EAGAIN);
    ck_err(PROA_WITHIN(PROA_MS, proa_wait_fd(fds[0], PROA_READABLE)), PROA_ETIMEDOUT);
    close(fds[0]);
    close(fds[1]);
    return 0;
}
START_TEST(a_descriptor_is_ready)
{
    t_run_modes(tried_body, NULL);
    t_run_modes(copied_body, NULL);
    t_run_modes(fd_body, NULL);
    t_run_in_order(busy_body, NULL);
}
END_TEST

/* ---- time */

static int timer_body(void *arg)
{
    int64_t began = proa_now();
    struct proa_case c[] = {proa_case_timer(2 * PROA_SEC), proa_case_timer(PROA_SEC)};

    (void)arg;
    ck_assert_int_eq(PROA_SELECT(c), 1);
    ck_assert_int_eq(c[1].rc, 0);
    ck_assert_int_eq(proa_now() - began, PROA_SEC);
    ck_assert_int_eq(PROA_SELECT(c), 1); /* it has passed, and stays so */
    c[1] = proa_case_never();
    ck_assert_int_eq(PROA_SELECT(c), 0);
    ck_assert_int_eq(proa_now() - began, 2 * PROA_SEC);
    static const int64_t at_once[] = {0, -1, INT64_MIN + 1};
    for (int i = 0; i < 3; i++) {
        c[0] = proa_case_timer(at_once[i]);
        ck_assert_int_eq(proa_try_select(c, 2, NULL), 0);
        ck_assert_int_eq(c[0].rc, 0);
    }
    c[0] = proa_case_timer(1);
    ck_err(proa_try_select(c, 2, NULL), PROA_EAGAIN);
    c[0] = proa_case_timer(PROA_FOREVER - 1 - proa_now()); /* as good as never */
    ck_err(PROA_WITHIN(PROA_HOUR, PROA_SELECT(c)), PROA_ETIMEDOUT);
    return 0;
}
START_TEST(a_moment_comes)
{
    t_run_modes(timer_body, NULL);
}
END_TEST

static int ticker_body(void *arg)
{
    int64_t began = proa_now();
    struct proa_case c[] = {proa_case_ticker(10), proa_case_never()};

    (void)arg;
    for (int i = 1; i <= 3; i++) {
        ck_assert_int_eq(PROA_SELECT(c), 0);
        ck_assert_int_eq(c[0].rc, 1);
        ck_assert_int_eq(proa_now() - began, 10 * i);
    }
    ck_ok(proa_sleep(9));
    ck_err(proa_try_select(c, 2, NULL), PROA_EAGAIN);
    ck_ok(proa_sleep(1));
    ck_assert_int_eq(proa_try_select(c, 2, NULL), 0);
    ck_assert_int_eq(c[0].rc, 1);
    ck_ok(proa_sleep(25)); /* late: two, and the third at its time */
    ck_assert_int_eq(PROA_SELECT(c), 0);
    ck_assert_int_eq(c[0].rc, 2);
    ck_assert_int_eq(PROA_SELECT(c), 0);
    ck_assert_int_eq(proa_now() - began, 70);
    c[0] = proa_case_ticker(1);
    ck_ok(proa_sleep(10 * PROA_SEC)); /* more ticks than an int holds */
    ck_assert_int_eq(PROA_SELECT(c), 0);
    ck_assert_int_eq(c[0].rc, INT_MAX);
    for (int64_t bad = -1; bad <= 0; bad++) {
        c[0] = proa_case_ticker(bad);
        ck_assert_int_eq(PROA_SELECT(c), 0);
        ck_assert_int_eq(c[0].rc, PROA_EINVAL);
    }
    c[0] = proa_case_ticker(PROA_FOREVER);
    ck_err(PROA_WITHIN(PROA_HOUR, PROA_SELECT(c)), PROA_ETIMEDOUT);
    return 0;
}
START_TEST(a_clock_ticks_without_drift)
{
    t_run_modes(ticker_body, NULL);
}
END_TEST

/* ---- failures */

/* All kinds in one, each sleeping task may be cancelled. */
static int all_kinds(void *arg)
{
    PROA_AUTO(proa_channel) *c = NULL;
    PROA_AUTO(proa_queue) *q = NULL;
    PROA_AUTO(proa_event) *e = NULL;
    PROA_AUTO(proa_watch) *w = NULL;
    PROA_AUTO(proa_broadcast) *b = NULL;
    PROA_AUTO(proa_future) *f = NULL;
    PROA_AUTO(proa_promise) *p = NULL;
    int64_t long_time = PROA_HOUR;
    struct proa_task_ref ref;
    uint64_t seen = 1;
    uint64_t next = 0;
    void *got;
    int fds[2];
    int rc;

    (void)arg;
    if ((rc = proa_channel_new(&c, 0, NULL)) < 0 || (rc = proa_queue_new(&q, NULL)) < 0 ||
        (rc = proa_event_new(&e)) < 0 || (rc = proa_watch_new(&w, 0, NULL)) < 0 ||
        (rc = proa_broadcast_new(&b, 0, 1)) < 0 || (rc = proa_future_new(&f, &p, NULL)) < 0)
        return rc;
    PROA_GROUP(g);
    rc = proa_create_task_opts(&g, &ref, sleep_then_fail, &long_time, NULL);
    if (rc < 0)
        return rc;
    ck_assert_int_eq(pipe(fds), 0);
    static struct proa_case cases[10];
    cases[0] = proa_case_send(c, NULL);
    cases[1] = proa_case_receive(c, NULL);
    cases[2] = proa_case_get(q, &got);
    cases[3] = proa_case_event(e);
    cases[4] = proa_case_watch(w, &seen, NULL);
    cases[5] = proa_case_broadcast(b, &next, NULL);
    cases[6] = proa_case_future(f, NULL);
    cases[7] = proa_case_join(ref);
    cases[8] = proa_case_fd(fds[0], PROA_READABLE);
    cases[9] = proa_case_timer(PROA_MS);
    rc = PROA_SELECT(cases);
    close(fds[0]);
    close(fds[1]);
    if (rc >= 0 && cases[rc].rc < 0)
        return cases[rc].rc;
    ck_assert(rc < 0 || rc == 9);
    proa_group_cancel(&g);
    return rc < 0 ? rc : proa_group_join(&g);
}
START_TEST(each_wait_may_be_cancelled_each_allocation_may_fail)
{
    t_each_park(all_kinds, NULL);
    t_run_each_alloc(all_kinds, NULL);
}
END_TEST

int main(void)
{
    return t_main("case", (const TTest *const[]){
                              a_queue_is_put_to_and_got_from,
                              a_future_is_set,
                              a_watch_and_a_broadcast_have_something_new,
                              an_event_is_set,
                              a_task_ends,
                              a_descriptor_is_ready,
                              a_moment_comes,
                              a_clock_ticks_without_drift,
                              each_wait_may_be_cancelled_each_allocation_may_fail,
                              NULL,
                          });
}
