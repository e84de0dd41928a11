#include "base/check.h"
#include "base/fail.h"
#include "base/test_mem.h"
#include "core/sched.h"
#include "core/test.h"
#include "core/wait.h"

#include <proa/run.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * One step: the body is called once, and what is wrong with it afterwards is said.
 */

static const char key; /* of a run among its loop's guests */

static void forget_guest(struct loop_guest *guest)
{
    (void)guest; /* a part of the run */
    proa__test_limit_loop(NULL);
}

struct test_run *proa__test_here(void)
{
    struct proa_loop *loop = proa__loop_current();
    struct loop_guest *guest = loop ? proa__loop_guest(loop, &key) : NULL;

    return guest ? CONTAINER_OF(guest, struct test_run, guest) : NULL;
}

void proa__test_problem(struct test_run *run, const char *fmt, ...)
{
    char what[TEST_WORDS];
    char line[TEST_WORDS + 2 * TEST_STEP_TEXT];
    char text[TEST_STEP_TEXT];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    snprintf(line, sizeof line, "%.*s (%s): %s\n", TEST_STEP_TEXT - 1, run->opts.name,
             proa__test_step_tell(&run->step, text), what);
    fputs(line, stderr);
    if (run->problems++ == 0)
        memcpy(run->words, what, sizeof what);
}

/* The main task. */
static int watched(void *arg)
{
    struct test_run *run = arg;
    struct proa_loop *loop = proa__loop_current();
    int rc;

    proa__loop_adopt(loop, &run->guest, &key, forget_guest);
    proa__test_limit_loop(loop);
    if (run->step.kind == TEST_PARK)
        proa__wait_inject(run->step.n);
    rc = run->body(run->arg);
    if (run->step.kind == TEST_PARK)
        run->points = proa__wait_inject_stop();
    proa__test_leaks(run, loop);
    return rc;
}

/* Was this what the step provoked? */
static bool provoked(const struct test_run *run, int rc)
{
    if (run->step.kind == TEST_PARK && run->step.n > 0)
        return rc == PROA_ECANCELED || rc == PROA_ETASKCANCELED;
    return run->step.kind >= TEST_ALLOC && rc == PROA_ENOMEM;
}

/* The body's own code; problems are counted. */
static int run_body(struct test_run *run)
{
    int rc;

    run->problems = 0;
    run->words[0] = '\0';
    proa__test_fds_remember(run);
    proa__test_limit_step();
    rc = proa_run(watched, run,
                  PROA_RUN_OPTS(.virtual_clock = !run->opts.real_clock, .eager = run->step.eager,
                                .shuffle = run->step.seed));
    if (rc < 0 && !run->any_rc && !provoked(run, rc))
        proa__test_problem(run, "failed: %s (%s)", proa_err_detail(rc), proa_err_name(rc));
    proa__test_fds_compare(run);
    return rc;
}

/* The first step of a child that leaves memory is made again: it may be what a process takes once.
 */
static int once(void *arg)
{
    struct test_run *run = arg;
    size_t bytes, blocks;
    int rc;

    for (;;) {
        bool last = !run->cold;

        run->cold = false;
        bytes = proa_test_mem_bytes();
        blocks = proa_test_mem_blocks();
        rc = run_body(run);
        bytes = proa_test_mem_bytes() - bytes;
        blocks = proa_test_mem_blocks() - blocks;
        if (bytes == 0 || last || run->problems)
            break;
    }
    if (bytes)
        proa__test_problem(run, "leaves %lld bytes of memory in %lld block%s", (long long)bytes,
                           (long long)blocks, blocks == 1 ? "" : "s");
    if (run->problems && (rc >= 0 || provoked(run, rc)))
        rc = proa__fail(PROA_ETEST, "%s", run->words);
    run->rc = rc;
    return rc;
}

/* Short of memory; base finds the rest. */
static int failing(struct test_run *run)
{
    struct test_mem_failure failure = {
        .n = run->step.n,
        .on = run->step.kind == TEST_ALLOC_ALL,
    };
    int rc = proa__test_mem_failing(once, run, failure, &run->hit);

    if (rc < 0 && run->problems)
        return proa__fail(run->rc, "%s", run->words);
    if (rc < 0)
        proa__test_problem(run, "%s", proa_err_detail(rc));
    return rc;
}

int proa__test_step(struct test_run *run)
{
    int rc = run->step.kind >= TEST_ALLOC ? failing(run) : once(run);

    if (rc < 0 && !run->problems && provoked(run, rc))
        rc = 0;
    run->rc = rc;
    return rc;
}

/* ---- expectations */

static void not_met(const char *file, int line, const char *what)
{
    struct test_run *run = proa__test_here();

    PROA_CHECK(run, "%s:%d: no test runs in this thread: %s", file, line, what);
    proa__test_problem(run, "%s:%d: %s", file, line, what);
}

bool proa_test_expect(bool met, const char *what, const char *file, int line)
{
    char text[TEST_WORDS];

    if (met)
        return true;
    snprintf(text, sizeof text, "expected %s", what);
    not_met(file, line, text);
    return false;
}

long long proa_test_expect_rc(long long rc, int code, const char *what, const char *file, int line)
{
    char text[TEST_WORDS];

    if (code == 0 ? rc >= 0 : rc == code)
        return rc;
    if (rc < 0)
        snprintf(text, sizeof text, "%s gave %s (%s), not %s", what, proa_err_name((int)rc),
                 proa_err_detail((int)rc), code ? proa_err_name(code) : "a success");
    else
        snprintf(text, sizeof text, "%s gave %lld, not %s", what, rc, proa_err_name(code));
    not_met(file, line, text);
    return rc;
}
