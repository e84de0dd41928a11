#include "core/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * What steps are called.
 */

static const char *const prefixes[] = {
    [TEST_ORDER] = "",
    [TEST_PARK] = "park-",
    [TEST_ALLOC] = "alloc-",
    [TEST_ALLOC_ALL] = "allocs-",
};

#define N_PREFIXES (sizeof prefixes / sizeof prefixes[0])

struct test_step proa__test_order(uint64_t i)
{
    uint64_t seed = i > 0 ? i - 1 : 0;

    return (struct test_step){.eager = i > 0 && seed % 2 == 0, .seed = seed};
}

const char *proa__test_step_word(const struct test_step *step, char text[TEST_STEP_TEXT])
{
    uint64_t n = step->kind == TEST_ORDER ? step->seed : step->n;

    if (step->kind == TEST_ORDER && n == 0)
        return step->eager ? "eager" : "in-order";
    snprintf(text, TEST_STEP_TEXT, "%s%llu", prefixes[step->kind], (unsigned long long)n);
    return text;
}

const char *proa__test_step_tell(const struct test_step *step, char text[TEST_STEP_TEXT])
{
    unsigned long long n = step->n;

    switch (step->kind) {
    case TEST_ORDER:
        if (step->seed == 0)
            return step->eager ? "eager" : "in order";
        snprintf(text, TEST_STEP_TEXT, "seed %llu%s", (unsigned long long)step->seed,
                 step->eager ? ", eager" : "");
        break;
    case TEST_PARK:
        if (n == 0)
            return "in order";
        snprintf(text, TEST_STEP_TEXT, "cancelled at point %llu", n);
        break;
    case TEST_ALLOC:
        snprintf(text, TEST_STEP_TEXT, "allocation %llu failed", n);
        break;
    case TEST_ALLOC_ALL:
        snprintf(text, TEST_STEP_TEXT, "allocation %llu and all after it failed", n);
        break;
    }
    return text;
}

/* A positive number and nothing else. */
static bool parse_number(const char *text, uint64_t *ret)
{
    char *end;

    if (*text < '1' || *text > '9')
        return false;
    *ret = strtoull(text, &end, 10);
    return *end == '\0';
}

bool proa__test_step_parse(const char *word, struct test_step *ret)
{
    struct test_step step = {.kind = TEST_ORDER};

    if (strcmp(word, "in-order") == 0 || strcmp(word, "eager") == 0) {
        step.eager = *word == 'e';
        *ret = step;
        return true;
    }
    for (size_t i = N_PREFIXES; i-- > 0;) {
        size_t n = strlen(prefixes[i]);

        if (strncmp(word, prefixes[i], n) != 0)
            continue;
        if (!parse_number(word + n, &step.n))
            return false;
        if (i == TEST_ORDER)
            step = proa__test_order(step.n + 1);
        step.kind = (enum test_kind)i;
        *ret = step;
        return true;
    }
    return false;
}
