#include "base/fail.h"
#include "base/list.h"
#include "support/t_run.h"

#include <proa/fault.h>
#include <proa/future.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/select.h>
#include <proa/task.h>
#include <proa/thread.h>
#include <proa/time.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* Of futures whose promise is another thread's. */

struct ends {
    struct proa_future *f;
    struct proa_promise *p;
};

static struct ends make(void (*value_free)(void *value))
{
    struct ends e;

    ck_ok(proa_future_new(
        &e.f, &e.p, PROA_FUTURE_OPTS(.threadsafe = true, .value_free = value_free, .name = "x")));
    return e;
}

/* What a thread does with a promise. */
struct setter {
    struct proa_promise *p;
    pthread_t thread;
    atomic_bool *go; /* starts when this is true; NULL: at once */
    int rc;
    bool give_up; /* only free it */
    bool keep;    /* only set it */
    int got;
};

static char value[] = "value";

static void *set(void *arg)
{
    struct setter *s = arg;

    while (s->go && !atomic_load(s->go))
        ;
    if (s->rc == PROA_EIO)
        proa__fail(PROA_EIO, "said in thread");
    if (!s->give_up)
        s->got = proa_promise_set_threadsafe(s->p, s->rc, value);
    if (!s->keep)
        proa_promise_free_threadsafe(s->p);
    return NULL;
}

static void start(struct setter *s)
{
    ck_assert_int_eq(pthread_create(&s->thread, NULL, set, s), 0);
}

static void finish(struct setter *s)
{
    ck_assert_int_eq(pthread_join(s->thread, NULL), 0);
}

/* Do it all while the loop stands still. */
static void set_meanwhile(struct setter *s)
{
    start(s);
    finish(s);
}

static char faults[128];

static int note_fault(const struct proa_fault *fault, void *arg)
{
    (void)arg;
    snprintf(faults, sizeof faults, "%s: %s", fault->task, fault->detail);
    return 0;
}

static pthread_t freed_in;
static int freed;

static void note_free(void *v)
{
    ck_assert_ptr_eq(v, value);
    freed_in = pthread_self();
    freed++;
}

/* ---- setting */

/* A deadline is there too, and the virtual clock must not jump to it. */
static int set_body(void *arg)
{
    struct ends e = make(NULL);
    struct setter s = {.p = e.p, .rc = 5};
    void *got = NULL;

    (void)arg;
    start(&s);
    ck_assert_int_eq(PROA_WITHIN(PROA_HOUR, proa_future_wait(e.f, &got)), 5);
    ck_assert_ptr_eq(got, value);
    finish(&s);
    ck_ok(s.got);
    proa_future_free(e.f);
    return 0;
}
static int fail_body(void *arg)
{
    struct ends e = make(NULL);
    struct setter s = {.p = e.p, .rc = PROA_EIO};

    (void)arg;
    start(&s);
    ck_err(proa_future_wait(e.f, NULL), PROA_EIO);
    ck_assert_str_eq(proa_err_detail(PROA_EIO), "said in thread");
    finish(&s);
    proa_future_free(e.f);
    return 0;
}
static int give_up_body(void *arg)
{
    struct ends e = make(NULL);
    struct setter s = {.p = e.p, .give_up = true};

    (void)arg;
    start(&s);
    ck_err(proa_future_wait(e.f, NULL), PROA_EABANDONED);
    finish(&s);
    proa_future_free(e.f);
    return 0;
}
START_TEST(another_thread_sets_it_or_gives_it_up)
{
    t_run_modes(set_body, NULL);
    t_run_modes(fail_body, NULL);
    t_run_modes(give_up_body, NULL);
}
END_TEST

static int in_select_body(void *arg)
{
    struct ends e = make(NULL);
    struct setter s = {.p = e.p};
    struct proa_case c[] = {proa_case_timer(PROA_HOUR), proa_case_future(e.f, NULL)};

    (void)arg;
    start(&s);
    ck_assert_int_eq(PROA_SELECT(c), 1);
    finish(&s);
    proa_future_free(e.f);
    return 0;
}
START_TEST(a_select_waits_for_another_thread)
{
    t_run_modes(in_select_body, NULL);
}
END_TEST

/* Of several threads and the loop's own one succeeds. */
static int race_body(void *arg)
{
    enum { THREADS = 3, ROUNDS = 40 };

    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct ends e = make(NULL);
        atomic_bool go = false;
        struct setter s[THREADS];
        int set_by = 0;
        for (int k = 0; k < THREADS; k++) {
            s[k] = (struct setter){.p = e.p, .go = &go, .rc = k + 1, .keep = true};
            start(&s[k]);
        }
        atomic_store(&go, true);
        int mine = i % 2 ? proa_promise_set(e.p, 9, NULL) : PROA_EALREADY;
        int rc = proa_future_wait(e.f, NULL);
        for (int k = 0; k < THREADS; k++) {
            finish(&s[k]);
            ck_assert(s[k].got == 0 || s[k].got == PROA_EALREADY);
            set_by += s[k].got == 0;
            ck_assert(s[k].got < 0 || rc == k + 1);
        }
        ck_assert_int_eq(set_by + (mine == 0), 1);
        ck_assert(mine < 0 || rc == 9);
        proa_promise_free(e.p);
        proa_future_free(e.f);
    }
    return 0;
}
/* Side by side through many of them, each stepping when both have come. */
enum { STEPS = 500 };

struct march {
    struct proa_promise **p;
    atomic_uint *arrived;
    unsigned set; /* by this one */
};

static void *set_each(void *arg)
{
    struct march *m = arg;

    for (unsigned i = 0; i < STEPS; i++) {
        atomic_fetch_add(m->arrived, 1);
        while (atomic_load(m->arrived) < 2 * (i + 1))
            sched_yield();
        m->set += proa_promise_set_threadsafe(m->p[i], 0, NULL) == 0;
    }
    return NULL;
}
static int march_body(void *arg)
{
    static struct proa_promise *p[STEPS];
    static struct proa_future *f[STEPS];
    atomic_uint arrived = 0;
    struct march m[2] = {{p, &arrived, 0}, {p, &arrived, 0}};
    pthread_t threads[2];

    (void)arg;
    for (int i = 0; i < STEPS; i++) {
        struct ends e = make(NULL);
        p[i] = e.p;
        f[i] = e.f;
    }
    for (int k = 0; k < 2; k++)
        ck_assert_int_eq(pthread_create(&threads[k], NULL, set_each, &m[k]), 0);
    for (int i = 0; i < STEPS; i++)
        ck_ok(proa_future_wait(f[i], NULL));
    for (int k = 0; k < 2; k++)
        pthread_join(threads[k], NULL);
    ck_assert_uint_eq(m[0].set + m[1].set, STEPS);
    for (int i = 0; i < STEPS; i++) {
        proa_promise_free(p[i]);
        proa_future_free(f[i]);
    }
    return 0;
}

START_TEST(of_several_threads_that_set_it_one_succeeds)
{
    t_run(race_body, NULL);
    t_run(march_body, NULL);
}
END_TEST

/* ---- ends that leave */

static int freed_first_body(void *arg)
{
    struct ends e = make(note_free);
    struct setter s = {.p = e.p};

    (void)arg;
    freed = 0;
    proa_future_free(e.f);
    set_meanwhile(&s);
    ck_err(s.got, PROA_ECLOSED);
    ck_assert_int_eq(freed, 0); /* still the thread's */
    return 0;
}
/* Set, and freed before the loop heard of it. */
static int freed_meanwhile_body(void *arg)
{
    struct ends e = make(note_free);
    struct setter s = {.p = e.p};

    (void)arg;
    freed = 0;
    faults[0] = '\0';
    proa_fault_set(note_fault, NULL);
    set_meanwhile(&s);
    ck_ok(s.got);
    ck_assert(!proa_future_is_set(e.f));
    proa_future_free(e.f);
    ck_ok(proa_sleep(1));
    ck_assert_int_eq(freed, 1);
    ck_assert(pthread_equal(freed_in, pthread_self()));
    ck_assert_str_eq(faults, "");

    e = make(NULL);
    s = (struct setter){.p = e.p, .rc = PROA_EIO};
    set_meanwhile(&s);
    proa_future_free(e.f);
    ck_ok(proa_sleep(1));
    ck_assert_str_eq(faults, "x: said in thread");
    return 0;
}
START_TEST(either_end_may_be_freed_first)
{
    t_run_modes(freed_first_body, NULL);
    t_run_modes(freed_meanwhile_body, NULL);
}
END_TEST

static struct ends survivors;

static int leave_behind(void *arg)
{
    (void)arg;
    survivors = make(note_free);
    return 0;
}
static int leave_set(void *arg)
{
    struct setter *s = arg;

    leave_behind(NULL);
    s->p = survivors.p;
    set_meanwhile(s);
    return s->got;
}
START_TEST(a_loop_that_ended_takes_no_result)
{
    struct setter s = {.rc = 1};

    freed = 0;
    ck_ok(proa_run(leave_behind, NULL, NULL));
    s.p = survivors.p;
    s.keep = true;
    set_meanwhile(&s);
    ck_err(s.got, PROA_ECLOSED);
    ck_err(proa_promise_set(survivors.p, 0, value), PROA_ECLOSED);
    ck_assert_int_eq(freed, 0); /* still ours */
    proa_promise_free(survivors.p);
    proa_future_free(survivors.f);

    ck_ok(proa_run(leave_behind, NULL, NULL));
    s = (struct setter){.p = survivors.p, .give_up = true};
    set_meanwhile(&s);
    proa_future_free(survivors.f);

    /* Taken, and the loop ended before anybody could read it. */
    s = (struct setter){.rc = 0};
    ck_ok(proa_run(leave_set, &s, NULL));
    proa_future_free(survivors.f);
    ck_assert_int_eq(freed, 1);
}
END_TEST

/* ---- many at once, for ThreadSanitizer */

enum { PAIRS = 200 };

struct crowd {
    struct proa_promise *p[PAIRS];
    int from;
};

static void *set_many(void *arg)
{
    struct crowd *c = arg;

    for (int i = c->from; i < PAIRS; i += 2) {
        if (i % 5)
            proa_promise_set_threadsafe(c->p[i], i, NULL);
        proa_promise_free_threadsafe(c->p[i]);
    }
    return NULL;
}
static int crowd_body(void *arg)
{
    static struct crowd c[2];
    static struct proa_future *f[PAIRS];
    pthread_t threads[2];

    (void)arg;
    for (int i = 0; i < PAIRS; i++) {
        struct ends e = make(NULL);
        f[i] = e.f;
        c[0].p[i] = c[1].p[i] = e.p;
    }
    for (int k = 0; k < 2; k++) {
        c[k].from = k;
        ck_assert_int_eq(pthread_create(&threads[k], NULL, set_many, &c[k]), 0);
    }
    for (int i = 0; i < PAIRS; i++) {
        if (i % 3)
            ck_assert_int_eq(proa_future_wait(f[i], NULL), i % 5 ? i : PROA_EABANDONED);
        proa_future_free(f[i]);
    }
    for (int k = 0; k < 2; k++)
        pthread_join(threads[k], NULL);
    return 0;
}
START_TEST(two_threads_set_many)
{
    t_run(crowd_body, NULL);
}
END_TEST

/* ---- the result that a thread waits for */

static int cancel_oneself(void *arg)
{
    (void)arg;
    ck_ok(proa_task_cancel(proa_current_task()));
    return proa_sleep(PROA_HOUR);
}
static int sleep_long(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_HOUR);
}
static int succeed(void *arg)
{
    (void)arg;
    return 3;
}

struct caller {
    struct proa_loop *loop;
    proa_task_fn *fn;
    struct proa_promise *done;
    int rc;
};

static void *call(void *arg)
{
    struct caller *c = arg;

    c->rc = proa_run_threadsafe(c->loop, c->fn, NULL);
    proa_promise_set_threadsafe(c->done, 0, NULL);
    return NULL;
}
/* Calls fn as a task from another thread, and is told by a future that it has ended. */
static int call_body(void *arg)
{
    struct caller *c = arg;
    struct ends e = make(NULL);
    pthread_t thread;

    c->loop = proa_loop_current();
    c->done = e.p;
    ck_assert_int_eq(pthread_create(&thread, NULL, call, c), 0);
    ck_ok(proa_future_wait(e.f, NULL));
    pthread_join(thread, NULL);
    proa_promise_free(e.p);
    proa_future_free(e.f);
    return 0;
}
START_TEST(aio_thr_04_a_thread_sees_that_its_task_was_cancelled)
{
    struct caller c = {.fn = cancel_oneself};

    t_run(call_body, &c);
    ck_err(c.rc, PROA_ECANCELED);
    c.fn = succeed;
    t_run(call_body, &c);
    ck_assert_int_eq(c.rc, 3);
}
END_TEST

/* Its record is the first of a new slab, which cannot be had. */
static int no_memory_body(void *arg)
{
    struct caller *c = arg;
    struct ends e = make(NULL);
    pthread_t thread;

    PROA_GROUP(g);
    for (int i = 0; i < 62; i++)
        ck_ok(proa_create_task(&g, sleep_long, NULL));
    c->loop = proa_loop_current();
    c->done = e.p;
    t_alloc_fail_from(1);
    ck_assert_int_eq(pthread_create(&thread, NULL, call, c), 0);
    ck_ok(proa_future_wait(e.f, NULL));
    t_alloc_fail(0);
    pthread_join(thread, NULL);
    proa_promise_free(e.p);
    proa_future_free(e.f);
    proa_group_cancel(&g);
    return proa_group_join(&g);
}
START_TEST(aio_thr_05_a_thread_sees_that_its_task_could_not_be_made)
{
    struct caller c = {.fn = succeed};

    t_run_in_order(no_memory_body, &c);
    ck_err(c.rc, PROA_ENOMEM);
}
END_TEST

/* ---- misuse */

static void *set_plainly(void *arg)
{
    proa_promise_set(arg, 0, NULL);
    return NULL;
}
static void *free_promise_plainly(void *arg)
{
    proa_promise_free(arg);
    return NULL;
}
static void *free_future_plainly(void *arg)
{
    proa_future_free(CONTAINER_OF(arg, struct ends, p)->f);
    return NULL;
}
static void *ask_plainly(void *arg)
{
    proa_future_try_wait(CONTAINER_OF(arg, struct ends, p)->f, NULL);
    return NULL;
}
static int plainly_body(void *arg)
{
    void *(*fn)(void *) = *(void *(**)(void *))arg;
    struct ends e = make(NULL);
    bool on_future = fn == free_future_plainly || fn == ask_plainly;
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, fn, on_future ? (void *)&e.p : e.p), 0);
    pthread_join(thread, NULL);
    return 0;
}
START_TEST(the_plain_calls_are_for_the_loops_thread)
{
    void *(*fn)(void *) = set_plainly;

    t_run_aborts(plainly_body, &fn, "proa_promise_set");
    fn = free_promise_plainly;
    t_run_aborts(plainly_body, &fn, "proa_promise_free");
    fn = free_future_plainly;
    t_run_aborts(plainly_body, &fn, "proa_future_free");
    fn = ask_plainly;
    t_run_aborts(plainly_body, &fn, "proa_future_try_wait");
}
END_TEST

int main(void)
{
    return t_main("future_thread", (const TTest *const[]){
                                       another_thread_sets_it_or_gives_it_up,
                                       a_select_waits_for_another_thread,
                                       of_several_threads_that_set_it_one_succeeds,
                                       either_end_may_be_freed_first,
                                       a_loop_that_ended_takes_no_result,
                                       two_threads_set_many,
                                       aio_thr_04_a_thread_sees_that_its_task_was_cancelled,
                                       aio_thr_05_a_thread_sees_that_its_task_could_not_be_made,
                                       the_plain_calls_are_for_the_loops_thread,
                                       NULL,
                                   });
}
