#include "base/fail.h"
#include "core/test.h"

/*
 * Each point of a body, each allocation, in this process.
 */

static int first(struct test_run *run, enum test_kind kind)
{
    run->step = (struct test_step){
        .kind = kind,
        .eager = run->step.eager,
        .seed = run->step.seed,
    };
    return proa__test_step(run);
}

static int nothing_tested(struct test_run *run, const char *why)
{
    proa__test_problem(run, "%s", why);
    run->rc = PROA_ETEST;
    return proa__fail(PROA_ETEST, "%s", why);
}

int proa__test_each_park(struct test_run *run)
{
    int rc = first(run, TEST_PARK);
    uint64_t n = run->points;

    if (rc >= 0 && n == 0)
        return nothing_tested(run, "never waits, so no cancel was tested");
    for (run->step.n = 1; rc >= 0 && run->step.n <= n; run->step.n++) {
        rc = proa__test_step(run);
        if (rc < 0)
            break; /* and .n stays */
    }
    return rc;
}

static int each_alloc_as(struct test_run *run, enum test_kind kind)
{
    int rc = 0;

    run->step.kind = kind;
    for (run->step.n = 1;; run->step.n++) {
        rc = proa__test_step(run);
        if (rc < 0)
            return rc;
        if (!run->hit)
            break;
    }
    return run->step.n > 1 ? 0 : nothing_tested(run, "allocates nothing, so nothing was tested");
}

int proa__test_each_alloc(struct test_run *run)
{
    int rc = first(run, TEST_ORDER); /* makes what a process makes once */

    if (rc >= 0)
        rc = each_alloc_as(run, TEST_ALLOC);
    if (rc >= 0)
        rc = each_alloc_as(run, TEST_ALLOC_ALL);
    return rc;
}
