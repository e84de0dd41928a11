#include "net/pair.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/stream.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

static struct proa_stream *a; /* the far end, mostly worked by hand */
static struct proa_stream *b; /* whose calls are tested */

static void open_pair(const struct pair_opts *opts)
{
    ck_ok(proa__pair_new(&a, &b, opts));
}

static void close_pair(void)
{
    proa_stream_free(a);
    proa_stream_free(b);
    a = b = NULL;
}

static void say(struct proa_stream *s, const char *text)
{
    struct iovec iov = {.iov_base = (void *)text, .iov_len = strlen(text)};

    ck_assert_int_eq(proa__stream_try_writev(s, &iov, 1), (long)strlen(text));
}

struct call {
    int rc;
    size_t done;
    char buf[64];
    bool over;
};

static int read_some(void *arg)
{
    struct call *c = arg;
    ssize_t got = proa_read(b, c->buf, sizeof c->buf);

    c->rc = got < 0 ? (int)got : 0;
    c->done = got > 0 ? (size_t)got : 0;
    c->over = true;
    return 0;
}

/* ---- two at once */

static int write_lots(void *arg)
{
    struct call *c = arg;
    static const char bytes[100];

    c->rc = proa_write(b, bytes, sizeof bytes, &c->done);
    c->over = true;
    return 0;
}

static int busy_body(void *arg)
{
    struct call r = {0}, w = {0};
    struct proa_str line;
    char buf[200];

    (void)arg;
    open_pair(&(struct pair_opts){.ba.capacity = 10});
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, read_some, &r));
    ck_ok(proa_create_task(&g, write_lots, &w));
    t_turns(2);
    ck_assert_int_eq(proa_read(b, buf, 1), PROA_EBUSY);
    ck_err(proa_read_exact(b, buf, 1, NULL), PROA_EBUSY);
    ck_err(proa_read_line(b, &line, 1), PROA_EBUSY);
    ck_err(proa_write(b, "x", 1, NULL), PROA_EBUSY);
    ck_err(proa_shutdown(b), PROA_EBUSY);
    ck_err(proa__stream_wait(b, STREAM_WRITE), PROA_EBUSY);
    say(a, "hello"); /* the two are undisturbed */
    ck_ok(proa_read_exact(a, buf, 100, NULL));
    ck_ok(proa_group_join(&g));
    ck_assert_uint_eq(r.done, 5);
    ck_assert_int_eq(w.rc, 0);
    ck_assert_uint_eq(w.done, 100);
    close_pair();
    return 0;
}
START_TEST(a_second_reader_or_writer_is_refused)
{
    t_run(busy_body, NULL);
}
END_TEST

static int free_under_body(void *arg)
{
    struct call r = {0}, w = {0};

    (void)arg;
    open_pair(&(struct pair_opts){.ba.capacity = 10});
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, read_some, &r));
    ck_ok(proa_create_task(&g, write_lots, &w));
    t_turns(2);
    close_pair();
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(r.rc, PROA_ECLOSED);
    ck_assert_int_eq(w.rc, PROA_ECLOSED);
    ck_assert_uint_eq(w.done, 10);
    return 0;
}
START_TEST(calls_on_a_freed_stream_are_told)
{
    t_run(free_under_body, NULL);
}
END_TEST

/* A cancel and the close in one turn: the call was woken by the cancel and must not touch the
 * stream. */
static int free_cancelled_body(void *arg)
{
    struct call r = {0};

    (void)arg;
    open_pair(NULL);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, read_some, &r));
    t_turns(2);
    proa_group_cancel(&g);
    close_pair();
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(r.rc, PROA_ECLOSED);
    return 0;
}
START_TEST(a_cancelled_call_survives_the_free)
{
    t_run(free_cancelled_body, NULL);
}
END_TEST

/* ---- fairness */

static int count_turns(void *arg)
{
    size_t *turns = arg;

    while (proa_yield() == 0)
        ++*turns;
    return 0;
}

enum way { SOME, EXACT, UNTIL, WRITEV, WAYS };

/* Five thousand bytes that are all there, or all fit, each taking a step of its own. */
static void work(enum way way)
{
    static char bytes[10000];
    static struct iovec iov[10000];
    const struct proa_str end = PROA_STR("\n");
    struct proa_str got;

    for (size_t i = 0; way == SOME && i < 5000; i++)
        ck_assert_int_eq(proa_read(b, bytes, 1), 1);
    if (way == EXACT)
        ck_ok(proa_read_exact(b, bytes, 5000, NULL));
    if (way == UNTIL)
        ck_ok(proa_read_until(b, &got, &end, 1, 5000, NULL));
    for (size_t i = 0; i < 10000; i++)
        iov[i] = (struct iovec){&bytes[i], 1};
    if (way == WRITEV)
        ck_ok(proa_writev(b, iov, 10000, NULL));
}

static int fair_body(void *arg)
{
    static char bytes[5000];
    enum way way = *(enum way *)arg;
    size_t turns = 0;

    open_pair(&(struct pair_opts){.ab.split = 1});
    bytes[sizeof bytes - 1] = '\n';
    ck_ok(proa_write(a, bytes, sizeof bytes, NULL));
    t_turns(sizeof bytes);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, count_turns, &turns));
    work(way);
    ck_assert_uint_ge(turns, 1);
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    close_pair();
    return 0;
}
START_TEST(what_needs_no_waiting_gives_way_in_time)
{
    enum way way = (enum way)_i;

    t_run(fair_body, &way);
}
END_TEST

/* ---- waiting and notifying */

static void count(void *arg, unsigned dirs)
{
    (void)dirs;
    ++*(int *)arg;
}

static int interest_body(void *arg)
{
    int closed = 0;
    char c;
    struct call r = {0};

    (void)arg;
    open_pair(NULL);
    proa__stream_notify(b, STREAM_CLOSED, count, &closed);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, read_some, &r));
    t_turns(2);
    say(a, "x");
    ck_ok(proa_group_join(&g)); /* the task was woken, and the callback's interest is still there */
    ck_assert_uint_eq(r.done, 1);
    ck_assert_int_eq(closed, 0);
    ck_ok(proa__stream_try_shutdown(a));
    t_turns(2);
    ck_assert_int_ge(closed, 1);
    ck_assert_int_eq(proa_read(b, &c, 1), 0);
    close_pair();
    return 0;
}
START_TEST(a_waiting_task_does_not_displace_a_callback)
{
    t_run(interest_body, NULL);
}
END_TEST

/* ---- cancels and failing allocations everywhere */

static int far_rc;

/* A far end that fails hangs up, else the near one would wait for ever. */
static int far_end(void *arg)
{
    char buf[64];
    int rc;

    (void)arg;
    rc = proa_read_exact(a, buf, 40, NULL);
    if (rc == 0)
        rc = proa_write(a, "line one\r\nand some more", 23, NULL);
    if (rc == 0)
        rc = proa_shutdown(a);
    if (rc < 0)
        proa_abort(a);
    else
        proa_stream_free(a);
    far_rc = rc;
    return 0;
}

static int near_end(void)
{
    struct proa_str line;
    char buf[64] = {0};
    int rc = proa_write(b, buf, 40, NULL);

    if (rc == 0)
        rc = proa_read_line(b, &line, 20);
    if (rc >= 0)
        rc = proa_read_exact(b, buf, 4, NULL);
    if (rc >= 0)
        rc = (int)proa_read(b, buf, 60);
    if (rc >= 0)
        rc = proa_shutdown(b);
    return rc;
}

static int talk(void)
{
    PROA_GROUP(g);
    int rc = proa_create_task(&g, far_end, NULL);
    int joined;

    if (rc < 0) {
        proa_stream_free(a);
        return rc;
    }
    rc = near_end();
    if (rc < 0)
        proa_group_cancel(&g);
    joined = proa_group_join(&g);
    if (rc == PROA_ECONNRESET || rc == PROA_EPIPE) /* the far end failed first */
        return far_rc == PROA_ECANCELED ? 0 : far_rc;
    return rc < 0 ? rc : joined;
}

static int all_body(void *arg)
{
    struct pair_opts opts = {.ab = {.split = 3}, .ba = {.capacity = 7}};
    int rc = proa__pair_new(&a, &b, &opts);
    int closed;

    (void)arg;
    if (rc < 0)
        return rc;
    far_rc = 0;
    rc = talk();
    closed = proa_close(b);
    if (far_rc < 0)
        closed = 0; /* reset by the far end */
    return rc < 0 ? rc : closed;
}
START_TEST(every_call_can_be_cancelled_at_every_park)
{
    t_each_park(all_body, NULL);
}
END_TEST

START_TEST(every_call_survives_every_failing_allocation)
{
    t_run_each_alloc(all_body, NULL);
}
END_TEST

/* ---- waiting for either direction */

static int wait_either_way(void *arg)
{
    struct call *c = arg;

    c->rc = proa__stream_wait(b, STREAM_READ | STREAM_WRITE);
    c->over = true;
    return 0;
}

/* Fill what b writes, so that it can do nothing at all; then `change` happens. */
static void while_waiting_either(struct call *c, void (*change)(void))
{
    static const char bytes[8];
    struct iovec iov = {(void *)bytes, sizeof bytes};

    open_pair(&(struct pair_opts){.ba = {.capacity = sizeof bytes}});
    ck_assert_int_eq(proa__stream_try_writev(b, &iov, 1), (long)sizeof bytes);
    PROA_GROUP(g);
    *c = (struct call){.rc = 1};
    ck_ok(proa_create_task(&g, wait_either_way, c));
    proa_yield();
    ck_assert(!c->over);
    change();
    ck_ok(proa_group_join(&g));
    ck_assert(c->over);
}

static void say_to_b(void)
{
    say(a, "x");
}

static void make_room_for_b(void)
{
    char bytes[8];

    ck_assert_int_eq(proa__stream_try_read(a, bytes, sizeof bytes), (long)sizeof bytes);
}

static void free_b(void)
{
    proa_stream_free(b);
    b = NULL;
}

static int either_body(void *arg)
{
    struct call c;
    char byte;

    (void)arg;
    while_waiting_either(&c, say_to_b);
    ck_ok(c.rc);
    ck_assert_int_eq(proa__stream_try_read(b, &byte, 1), 1);
    close_pair();
    while_waiting_either(&c, make_room_for_b);
    ck_ok(c.rc);
    close_pair();
    while_waiting_either(&c, free_b);
    ck_err(c.rc, PROA_ECLOSED);
    close_pair();
    return 0;
}
START_TEST(a_wait_for_either_direction_ends_with_the_first)
{
    t_run(either_body, NULL);
}
END_TEST

/* What failed or was cut leaves both directions free for others. */
static int either_free_body(void *arg)
{
    static const char bytes[8];
    struct iovec iov = {(void *)bytes, sizeof bytes};
    struct call c = {.rc = 1};

    (void)arg;
    open_pair(&(struct pair_opts){.ba = {.capacity = sizeof bytes}});
    ck_assert_int_eq(proa__stream_try_writev(b, &iov, 1), (long)sizeof bytes);
    for (int i = 0; i < 2; i++)
        ck_err(PROA_WITHIN(PROA_SEC, proa__stream_wait(b, STREAM_READ | STREAM_WRITE)),
               PROA_ETIMEDOUT);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, read_some, &c));
    proa_yield();
    ck_err(proa__stream_wait(b, STREAM_READ | STREAM_WRITE), PROA_EBUSY);
    ck_err(PROA_WITHIN(PROA_SEC, proa__stream_wait(b, STREAM_WRITE)), PROA_ETIMEDOUT);
    say(a, "x");
    ck_ok(proa_group_join(&g));
    ck_ok(c.rc);
    close_pair();
    return 0;
}
START_TEST(a_wait_for_either_direction_leaves_nothing_behind)
{
    t_run(either_free_body, NULL);
}
END_TEST

static void read_null(void *arg)
{
    char c;

    (void)arg;
    proa_read(NULL, &c, 1);
}
START_TEST(no_stream_aborts_with_a_sentence)
{
    t_aborts(read_null, NULL, "proa_read: the stream is NULL");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_second_reader_or_writer_is_refused,
        calls_on_a_freed_stream_are_told,
        a_cancelled_call_survives_the_free,
        a_waiting_task_does_not_displace_a_callback,
        every_call_can_be_cancelled_at_every_park,
        every_call_survives_every_failing_allocation,
        a_wait_for_either_direction_ends_with_the_first,
        a_wait_for_either_direction_leaves_nothing_behind,
        no_stream_aborts_with_a_sentence,
        NULL,
    };

    const struct t_table tables[] = {{what_needs_no_waiting_gives_way_in_time, WAYS}, {NULL, 0}};

    return t_main_tables("stream", tests, tables);
}
