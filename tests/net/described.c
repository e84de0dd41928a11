#include "net/described.h"

#include "support/t_run.h"

#include <proa/inspect.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

void is_described(describe_any *describe, const void *object, const char *noun, const char *rest)
{
    char words[300], text[300];
    int n = snprintf(words, sizeof words, "%s %p%s", noun, object, rest);

    ck_assert_int_eq(describe(object, text, sizeof text), n);
    ck_assert_str_eq(text, words);
    memset(text, '#', sizeof text);
    ck_assert_int_eq(describe(object, text, (size_t)n), n); /* one byte too few */
    ck_assert_uint_eq(strlen(text), (size_t)n - 1);
    ck_assert_int_eq(text[n], '#');
    ck_assert_int_eq(strncmp(text, words, (size_t)n - 1), 0);
    ck_assert_int_eq(describe(object, text, (size_t)n + 1), n);
    ck_assert_str_eq(text, words);
    ck_assert_int_eq(describe(object, NULL, 0), n);
}

struct waiting {
    const char *call;
    const void *object;
    const char *rest;
    int seen;
};

static int look_at(void *arg, const struct proa_task_info *info)
{
    struct waiting *w = arg;

    if (!info->call || strcmp(info->call, w->call) != 0)
        return 0;
    w->seen++;
    ck_assert_ptr_eq(info->object, w->object);
    ck_assert_msg(strstr(info->on, w->rest), "%s", info->on);
    return 0;
}

void is_waited_for(const char *call, const void *object, const char *rest)
{
    struct waiting w = {call, object, rest, 0};

    ck_ok(proa_tasks_walk(look_at, &w));
    ck_assert_int_gt(w.seen, 0);
}

static const unsigned dead[200];

static int describe_dead(void *describe)
{
    return (*(describe_any **)describe)(dead, NULL, 0);
}

static int describe_null(void *describe)
{
    return (*(describe_any **)describe)(NULL, NULL, 0);
}

struct elsewhere {
    describe_any *describe;
    const void *object;
};

static void *describe_there(void *arg)
{
    const struct elsewhere *e = arg;

    e->describe(e->object, NULL, 0);
    return NULL;
}

int describe_elsewhere(describe_any *describe, const void *object)
{
    struct elsewhere e = {describe, object};
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, describe_there, &e), 0);
    pthread_join(thread, NULL);
    return 0;
}

void stops_of_misuse(describe_any *describe, const char *freed, const char *null)
{
    t_run_aborts(describe_dead, &describe, freed);
    t_run_aborts(describe_null, &describe, null);
}
