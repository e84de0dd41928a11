#include "core/test.h"
#include "support/t_run.h"
#include "told.h"

#include <proa/group.h>
#include <proa/queue.h>
#include <proa/scope.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The orders in which the testing kit runs a body, and the other things that it provokes. */

/* What bodies that run in children tell. */
static struct shared {
    unsigned runs;
    unsigned eager; /* of them */
    unsigned fail_at;

} * shared;

static void share(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
}

/* ---- which orders there are */

static int set(void *flag)
{
    *(bool *)flag = true;
    return 0;
}

static int count_body(void *arg)
{
    bool ran = false;
    PROA_GROUP(g);

    (void)arg;
    ck_ok(proa_create_task(&g, set, &ran));
    shared->runs++;
    shared->eager += ran;
    return proa_group_join(&g);
}
START_TEST(a_body_runs_in_order_eager_and_by_each_seed)
{
    share();
    unsetenv("PROA_TEST_SHUFFLES"); /* the long form of all tests has more */
    ck_ok(proa_test_run(count_body, NULL, NULL));
    ck_assert_uint_eq(shared->runs, 12);
    ck_assert_uint_eq(shared->eager, 6); /* the second, and each even seed */
    shared->runs = 0;
    ck_ok(proa_test_run(count_body, NULL, PROA_TEST_OPTS(.seeds = 3)));
    ck_assert_uint_eq(shared->runs, 5);
    shared->runs = 0;
    setenv("PROA_TEST_SHUFFLES", "30", 1);
    ck_ok(proa_test_run(count_body, NULL, NULL));
    ck_assert_uint_eq(shared->runs, 32);
}
END_TEST

START_TEST(a_single_order_is_run_here)
{
    struct shared mine = {0};

    shared = &mine; /* which a child could not write */
    ck_ok(proa_test_run(count_body, NULL, PROA_TEST_OPTS(.single = true)));
    ck_assert_uint_eq(mine.runs, 1);
    ck_assert_uint_eq(mine.eager, 0);
    ck_ok(proa_test_run(count_body, NULL, PROA_TEST_OPTS(.single = true, .eager = true)));
    ck_assert_uint_eq(mine.runs, 2);
    ck_assert_uint_eq(mine.eager, 1);
}
END_TEST

/* ---- an order bug */

static int order_of(void *first)
{
    char **at = first;

    **at = 'a';
    ++*at;
    return 0;
}
static int order_of_b(void *first)
{
    char **at = first;

    **at = 'b';
    ++*at;
    return 0;
}

/* Right as long as tasks run in the order of their creation, which nobody promised. */
static int trust_body(void *arg)
{
    char text[3] = "";
    char *at = text;
    PROA_GROUP(g);

    (void)arg;
    ck_ok(proa_create_task(&g, order_of, &at));
    ck_ok(proa_create_task(&g, order_of_b, &at));
    ck_ok(proa_group_join(&g));
    PROA_EXPECT(strcmp(text, "ab") == 0);
    return 0;
}
START_TEST(a_shuffled_run_finds_what_a_plain_one_does_not)
{
    char seed[32];
    const char *words;
    const struct told *t;

    ck_ok(proa_test_run(trust_body, NULL, PROA_TEST_OPTS(.single = true)));
    ck_ok(proa_test_run(trust_body, NULL, PROA_TEST_OPTS(.single = true, .eager = true)));
    t = told(trust_body, PROA_TEST_OPTS(.name = "boat"));
    ck_err(t->rc, PROA_ETEST);
    words = strstr(t->text, "boat: PROA_TEST_SEED=");
    ck_assert_ptr_nonnull(words);
    words += strlen("boat: PROA_TEST_SEED=");
    snprintf(seed, sizeof seed, "%.*s", (int)strcspn(words, " "), words);
    ck_assert_int_ne(seed[0], 'i'); /* a number, not in-order */

    setenv("PROA_TEST_SEED", seed, 1); /* that alone fails, here and at once */
    t = told(trust_body, PROA_TEST_OPTS(.name = "boat"));
    ck_err(t->rc, PROA_ETEST);
    ck_assert_ptr_null(strstr(t->text, "once more"));
    setenv("PROA_TEST_SEED", "in-order", 1);
    ck_assert_int_eq(told(trust_body, NULL)->rc, 0);
    setenv("PROA_TEST_SEED", "eager", 1);
    ck_assert_int_eq(told(trust_body, NULL)->rc, 0);
    setenv("PROA_TEST_SEED", "sometimes", 1);
    ck_err(told(trust_body, NULL)->rc, PROA_EINVAL);
    unsetenv("PROA_TEST_SEED");
    setenv("PROA_TEST_SHUFFLES", "many", 1);
    ck_err(told(trust_body, NULL)->rc, PROA_EINVAL);
}
END_TEST

/* The n-th run fails, and none after it. */
static int fail_once(void *arg)
{
    (void)arg;
    return ++shared->runs == shared->fail_at ? PROA_EINVAL : 0;
}
START_TEST(only_what_failed_is_run_again)
{
    share();
    shared->fail_at = 4;
    ck_told(fail_once, NULL, PROA_ETEST, "did not fail again");
    ck_assert_uint_eq(shared->runs, 5);
    shared->runs = 0;
    ck_told(fail_once, NULL, PROA_ETEST, "test (seed 2, eager): failed: ");
}
END_TEST

/* ---- cancels */

static int yield_thrice(void *arg)
{
    int rc = proa_yield();

    (void)arg;
    if (rc >= 0)
        rc = proa_yield();
    if (rc >= 0)
        rc = proa_yield();
    return rc;
}

/* Its cleanup is left out when the second yield is cut. */
static int forget_cleanup(void *arg)
{
    struct proa_queue *queue;
    int rc = proa_queue_new(&queue, NULL);

    (void)arg;
    if (rc < 0)
        return rc;
    rc = proa_yield();
    if (rc >= 0) {
        rc = proa_yield();
        if (rc < 0)
            return rc;
    }
    proa_queue_free(queue);
    return rc;
}

/* It says something else than that it was cancelled. */
static int wrong_code(void *arg)
{
    (void)arg;
    return proa_yield() < 0 ? PROA_EINVAL : 0;
}
static int never_wait(void *arg)
{
    (void)arg;
    return 0;
}
#define PARKS PROA_TEST_OPTS(.each_park = true, .seeds = 1)

START_TEST(each_park_finds_what_a_cancel_breaks)
{
    const struct told *t;

    ck_assert_int_eq(told(yield_thrice, PARKS)->rc, 0);
    t = told(forget_cleanup, PARKS);
    ck_err(t->rc, PROA_ETEST);
    ck_assert_ptr_nonnull(strstr(t->text, "test (cancelled at point 2): leaves "));
    ck_assert_ptr_nonnull(strstr(t->text, "test: PROA_TEST_SEED=park-2 runs only this"));
    ck_told(wrong_code, PARKS, PROA_EINVAL, "test (cancelled at point 1): failed: ");
    ck_told(never_wait, PARKS, PROA_ETEST, "never waits, so no cancel was tested");
    ck_assert_int_eq(told(forget_cleanup, PROA_TEST_OPTS(.seeds = 1))->rc, 0);
    setenv("PROA_TEST_SEED", "park-1", 1);
    ck_assert_int_eq(told(forget_cleanup, PARKS)->rc, 0);
}
END_TEST

/* ---- memory */

static int careful(void *arg)
{
    PROA_AUTO(proa_queue) *a = NULL;
    PROA_AUTO(proa_queue) *b = NULL;
    int rc = proa_queue_new(&a, NULL);

    (void)arg;
    return rc < 0 ? rc : proa_queue_new(&b, NULL);
}
static int forget_first(void *arg)
{
    struct proa_queue *a, *b;
    int rc = proa_queue_new(&a, NULL);

    (void)arg;
    if (rc < 0)
        return rc;
    rc = proa_queue_new(&b, NULL);
    if (rc < 0)
        return rc;
    proa_queue_free(a);
    proa_queue_free(b);
    return 0;
}
static int misread(void *arg)
{
    (void)arg;
    return careful(NULL) < 0 ? PROA_EPIPE : 0;
}
#define ALLOCS PROA_TEST_OPTS(.each_alloc = true, .seeds = 1)

START_TEST(each_alloc_finds_what_a_lack_of_memory_breaks)
{
    ck_assert_int_eq(told(careful, ALLOCS)->rc, 0);
    ck_told(forget_first, ALLOCS, PROA_ETEST, ": PROA_TEST_SEED=alloc-");
    ck_told(forget_first, ALLOCS, PROA_ETEST, " failed): leaves ");
    ck_told(misread, ALLOCS, PROA_EPIPE, " failed): failed: ");
    ck_assert_int_eq(told(forget_first, PROA_TEST_OPTS(.seeds = 1))->rc, 0);
    setenv("PROA_TEST_SEED", "alloc-1", 1);
    ck_assert_int_eq(told(forget_first, ALLOCS)->rc, 0);
}
END_TEST

/* ---- words */

static void reads_as(const char *word, enum test_kind kind, uint64_t n, bool eager)
{
    struct test_step step = {0};
    char text[TEST_STEP_TEXT];

    ck_assert_msg(proa__test_step_parse(word, &step), "\"%s\" was not read", word);
    ck_assert_int_eq(step.kind, kind);
    ck_assert_uint_eq(kind == TEST_ORDER ? step.seed : step.n, n);
    ck_assert_int_eq(step.eager, eager);
    ck_assert_str_eq(proa__test_step_word(&step, text), word);
}
START_TEST(each_step_has_a_word)
{
    static const char *const wrong[] = {
        "",      "0",      "-1",    "+1",    " 1",       "01",        "7x",
        "park-", "park-0", "park2", "alloc", "allocs-x", "in-order ", "Eager",
    };

    reads_as("in-order", TEST_ORDER, 0, false);
    reads_as("eager", TEST_ORDER, 0, true);
    reads_as("1", TEST_ORDER, 1, false);
    reads_as("2", TEST_ORDER, 2, true);
    reads_as("18446744073709551614", TEST_ORDER, UINT64_MAX - 1, true);
    reads_as("park-3", TEST_PARK, 3, false);
    reads_as("alloc-4", TEST_ALLOC, 4, false);
    reads_as("allocs-17", TEST_ALLOC_ALL, 17, false);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_msg(!proa__test_step_parse(wrong[i], &(struct test_step){0}), "\"%s\"", wrong[i]);
}
END_TEST

int main(void)
{
    return t_main("test_orders", (const TTest *const[]){
                                     a_body_runs_in_order_eager_and_by_each_seed,
                                     a_single_order_is_run_here,
                                     a_shuffled_run_finds_what_a_plain_one_does_not,
                                     only_what_failed_is_run_again,
                                     each_park_finds_what_a_cancel_breaks,
                                     each_alloc_finds_what_a_lack_of_memory_breaks,
                                     each_step_has_a_word,
                                     NULL,
                                 });
}
