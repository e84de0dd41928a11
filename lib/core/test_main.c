#include "core/test.h"

#include <proa/err.h>
#include <proa/test.h>

#include <stdio.h>
#include <string.h>

/*
 * A program of tests, which speaks TAP.
 */

static struct proa_test *tests; /* in the order of their text */

void proa_test_add(struct proa_test *test)
{
    struct proa_test **at = &tests;

    while (*at)
        at = &(*at)->next;
    test->next = NULL;
    *at = test;
}

static const struct proa_test *find(const char *name)
{
    const struct proa_test *test = tests;

    while (test && strcmp(test->name, name) != 0)
        test = test->next;
    return test;
}

/* The n-th is this one. */
static bool run(const struct proa_test *test, size_t n)
{
    int rc = proa_test_run(test->body, NULL, &test->opts);

    printf("%s %zu - %s\n", rc < 0 ? "not ok" : "ok", n, test->name);
    if (rc < 0)
        printf("# %s\n", proa_err_detail(rc));
    fflush(stdout);
    return rc >= 0;
}

static void list(void)
{
    for (const struct proa_test *test = tests; test; test = test->next)
        puts(test->name);
}

static int run_all(void)
{
    size_t n = 0;
    bool passed = true;

    for (const struct proa_test *test = tests; test; test = test->next)
        n++;
    printf("1..%zu\n", n);
    n = 0;
    for (const struct proa_test *test = tests; test; test = test->next)
        passed &= run(test, ++n);
    return passed ? 0 : 1;
}

static int run_named(int n, char **names)
{
    bool passed = true;

    for (int i = 0; i < n; i++)
        if (!find(names[i])) {
            fprintf(stderr, "no test is called %s; -l lists them\n", names[i]);
            return 2;
        }
    printf("1..%d\n", n);
    for (int i = 0; i < n; i++)
        passed &= run(find(names[i]), (size_t)i + 1);
    return passed ? 0 : 1;
}

int proa_test_main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "-l") == 0) {
        list();
        return 0;
    }
    proa_test_mem_use(); /* if proa has allocated by now, memory is not looked at */
    return argc > 1 ? run_named(argc - 1, argv + 1) : run_all();
}
