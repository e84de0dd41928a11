#include "core/test.h"

#include "base/check.h"
#include "base/fail.h"
#include "base/opts.h"

#include <proa/str.h>
#include <proa/time.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEEDS_DEFAULT 10
#define SECONDS_DEFAULT 60

struct test_run *proa__test_run_new(proa_task_fn *body, void *arg,
                                    const struct proa_test_opts *opts)
{
    struct test_run *run = mmap(NULL, sizeof *run, PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (run == MAP_FAILED)
        return NULL;
    run->body = body;
    run->arg = arg;
    run->opts = *opts;
    if (!run->opts.name)
        run->opts.name = "test";
    return run;
}

void proa__test_run_free(struct test_run *run)
{
    munmap(run, sizeof *run);
}

/* ---- in a child */

static int every_step(struct test_run *run)
{
    uint64_t n = UINT64_C(2) + run->n_seeds;
    int rc = 0;

    for (uint64_t i = 0; i < n && rc >= 0; i++) {
        run->step = proa__test_order(i);
        rc = proa__test_step(run);
    }
    if (rc >= 0 && run->opts.each_park) {
        run->step = proa__test_order(0);
        rc = proa__test_each_park(run);
    }
    if (rc >= 0 && run->opts.each_alloc) {
        run->step = proa__test_order(0);
        rc = proa__test_each_alloc(run);
    }
    return rc;
}

/* What a process allocates once is not to fail by itself. */
static int one_step(struct test_run *run)
{
    struct test_step step = run->step;
    int rc = 0;

    if (step.kind >= TEST_ALLOC) {
        run->step = proa__test_order(0);
        rc = proa__test_step(run);
        run->step = step;
    }
    return rc < 0 ? rc : proa__test_step(run);
}

/* What a child's death tells. */
static int died(struct test_run *run, int status)
{
    if (WIFSIGNALED(status) && !run->late)
        proa__test_problem(run, "its process was killed by signal %d", WTERMSIG(status));
    else if (!run->late) /* which it has told */
        proa__test_problem(run, "its process ended with status %d in its midst",
                           WEXITSTATUS(status));
    run->rc = PROA_ETEST;
    return PROA_ETEST;
}

static int in_child(struct test_run *run, int (*what)(struct test_run *run))
{
    int status;
    pid_t child;

    run->rc = 0;
    run->cold = true;
    run->finished = false;
    run->late = false;
    fflush(NULL); /* else the child would write it once more */
    child = fork();
    if (child < 0)
        return proa__fail(-errno, "fork for a test");
    if (child == 0) {
        proa__test_limit_begin(run);
        what(run);
        run->finished = true;
        fflush(NULL);
        _exit(0);
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return proa__fail(-errno, "waitpid for a test");
    return run->finished ? run->rc : died(run, status);
}

/* ---- the whole of it */

static int run_all(struct test_run *run)
{
    char tell[TEST_STEP_TEXT], word[TEST_STEP_TEXT];
    const char *step;
    int rc = in_child(run, every_step);

    if (rc >= 0)
        return 0;
    step = proa__test_step_word(&run->step, word);
    fprintf(stderr, "%s: PROA_TEST_SEED=%s runs only this; once more:\n", run->opts.name, step);
    rc = in_child(run, one_step);
    if (rc >= 0)
        proa__test_problem(run, "did not fail again: it depends on what ran before, or on chance");
    return proa__fail(rc < 0 ? rc : PROA_ETEST, "%s (PROA_TEST_SEED=%s): %s",
                      proa__test_step_tell(&run->step, tell), step, run->words);
}

static int find_n_seeds(struct test_run *run)
{
    const char *word = getenv("PROA_TEST_SHUFFLES");

    run->n_seeds = run->opts.seeds ? run->opts.seeds : SEEDS_DEFAULT;
    if (run->opts.seeds || !word)
        return 0;
    if (proa_str_parse_uint(proa_str_from(word), &run->n_seeds) < 0 || run->n_seeds > UINT32_MAX)
        return proa__fail(PROA_EINVAL, "PROA_TEST_SHUFFLES=%s is no number of orders", word);
    return 0;
}

static int find_limit(struct test_run *run)
{
    const char *word = getenv("PROA_TEST_TIMEOUT");
    uint64_t seconds = SECONDS_DEFAULT;
    int64_t asked = run->opts.timeout;

    if (asked < 0)
        return proa__fail(PROA_EINVAL, "a test has no time: a timeout of %lld ns",
                          (long long)asked);
    if (asked) {
        run->limit = asked == PROA_FOREVER ? 0 : asked;
        return 0;
    }
    if (word && (proa_str_parse_uint(proa_str_from(word), &seconds) < 0 || seconds > UINT32_MAX))
        return proa__fail(PROA_EINVAL, "PROA_TEST_TIMEOUT=%s is no number of seconds", word);
    run->limit = (int64_t)seconds * PROA_SEC;
    return 0;
}

static int run_as_asked(struct test_run *run)
{
    const char *word = getenv("PROA_TEST_SEED");
    int rc = find_n_seeds(run);

    if (rc >= 0)
        rc = find_limit(run);
    if (rc < 0)
        return rc;

    if (run->opts.single) {
        run->step = (struct test_step){.eager = run->opts.eager, .seed = run->opts.seed};
        return proa__test_step(run);
    }
    if (!word)
        return run_all(run);
    if (!proa__test_step_parse(word, &run->step))
        return proa__fail(PROA_EINVAL, "PROA_TEST_SEED=%s names no order of a test", word);
    run->cold = true;
    return one_step(run);
}

int proa_test_run(proa_task_fn *body, void *arg, const struct proa_test_opts *opts)
{
    struct proa_test_opts o;
    struct test_run *run;
    int rc = proa__opts_copy(&o, sizeof o, opts);

    if (rc < 0)
        return rc;
    if (proa__loop_current())
        return proa__fail(PROA_EBUSY, "a test is run in a thread where a loop runs");
    run = proa__test_run_new(body, arg, &o);
    if (!run)
        return PROA_ENOMEM;
    rc = run_as_asked(run);
    proa__test_run_free(run);
    return rc < 0 ? rc : 0;
}

/* ---- the clock */

int proa_test_advance(int64_t ns)
{
    struct proa_loop *loop = proa__loop_need(__func__);
    int64_t until = proa_time_add(proa__loop_now(loop), ns);
    int rc;

    PROA_CHECK(loop->virtual, "proa_test_advance: this loop's clock is the world's");
    if (until > loop->jump_to && until != PROA_FOREVER)
        loop->jump_to = until;
    loop->advancing++;
    rc = proa_sleep(ns);
    if (--loop->advancing == 0)
        loop->jump_to = proa__loop_now(loop);
    return rc;
}
