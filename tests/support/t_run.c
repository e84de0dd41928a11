#include "support/t_run.h"

#include "core/test.h"

#include <proa/task.h>

#include <stdlib.h>

/* How tasks start and take turns. */
struct mode {
    bool eager;
    uint64_t seed; /* 0: in order */
};

static const struct mode in_order;
static const struct mode *mode; /* NULL: the environment's */

static uint64_t number_in_env(const char *name)
{
    const char *text = getenv(name);

    return text ? strtoull(text, NULL, 0) : 0;
}

static struct mode mode_now(void)
{
    if (mode)
        return *mode;
    return (struct mode){
        .eager = number_in_env("PROA_TEST_EAGER") != 0,
        .seed = number_in_env("PROA_TEST_SHUFFLE"),
    };
}

/* The kit's, in this process, so that an assertion is Check's. */
static struct test_run *new_run(t_body_fn *body, void *arg)
{
    struct mode m = mode_now();
    struct test_run *run = proa__test_run_new(body, arg, PROA_TEST_OPTS(.single = true));

    ck_assert_ptr_nonnull(run);
    run->step = (struct test_step){.eager = m.eager, .seed = m.seed};
    return run;
}

int t_run_rc(t_body_fn *body, void *arg)
{
    struct test_run *run = new_run(body, arg);
    int rc;

    run->any_rc = true;
    rc = proa__test_step(run);
    ck_assert_msg(run->problems == 0, "the run %s", run->words);
    proa__test_run_free(run);
    return rc;
}

void t_run(t_body_fn *body, void *arg)
{
    ck_ok(t_run_rc(body, arg));
}

static void run_in_mode(const struct mode *m, t_body_fn *body, void *arg)
{
    const struct mode *outer = mode;

    mode = m;
    t_run(body, arg);
    mode = outer;
}

void t_run_in_order(t_body_fn *body, void *arg)
{
    run_in_mode(&in_order, body, arg);
}

void t_run_as(t_body_fn *body, void *arg, bool eager, uint64_t shuffle)
{
    run_in_mode(&(struct mode){.eager = eager, .seed = shuffle}, body, arg);
}

void t_run_in_turn(t_body_fn *body, void *arg)
{
    t_run_in_order(body, arg);
    t_run_as(body, arg, true, 0);
}

void t_settle(void)
{
    ck_ok(proa_sleep(1));
}

void t_run_modes(t_body_fn *body, void *arg)
{
    t_run_in_order(body, arg); /* what is wrong in any order is best said here */
    ck_ok(proa_test_run(body, arg, PROA_TEST_OPTS(.timeout = PROA_FOREVER))); /* Check has one */
}

struct plain {
    t_body_fn *body;
    void *arg;
};

static void run_to_abort(void *arg)
{
    const struct plain *plain = arg;

    mode = &in_order; /* for this child's life */
    t_run_rc(plain->body, plain->arg);
}

void t_run_aborts(t_body_fn *body, void *arg, const char *words)
{
    t_aborts(run_to_abort, &(struct plain){body, arg}, words);
}

static void run_each(t_body_fn *body, void *arg, int (*each)(struct test_run *run))
{
    struct test_run *run = new_run(body, arg);

    ck_ok(each(run));
    proa__test_run_free(run);
}

void t_each_park(t_body_fn *body, void *arg)
{
    run_each(body, arg, proa__test_each_park);
}

void t_run_each_alloc(t_body_fn *body, void *arg)
{
    run_each(body, arg, proa__test_each_alloc);
}
