#include "ps.h"

#include <stdio.h>

#define INDENT_MOST 24

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value ? value : "";
}

static long long number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static bool is_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

/* ---- calls */

static const char *call_at(const json_t *calls, size_t i)
{
    const char *value = json_string_value(json_array_get(calls, i));

    return value ? value : "?";
}

/* All of them, or the one at `own`. */
static void show_calls(const json_t *calls, int indent, bool all, long long own)
{
    size_t n = json_array_size(calls);
    size_t from = all || own < 0 || (size_t)own >= n ? 0 : (size_t)own;
    size_t to = all || from == n ? n : from + 1;

    for (size_t i = from; i < to; i++)
        printf("%*s    at %s\n", indent, "", call_at(calls, i));
}

/* ---- tasks */

static void show_size(long long bytes)
{
    if (bytes < 1024)
        printf("%lld B", bytes);
    else
        printf("%lld.%lld KiB", bytes / 1024, bytes % 1024 * 10 / 1024);
}

static void show_stack(const json_t *stack)
{
    if (!number(stack, "used"))
        return;
    printf("; stack ");
    show_size(number(stack, "used"));
    printf(" of ");
    show_size(number(stack, "size"));
    printf(", ");
    show_size(number(stack, "touched"));
    printf(" in memory");
}

static void show_task(const json_t *task, bool stacks)
{
    long long depth = number(task, "depth");
    int indent = depth < 0 ? 0 : (int)(2 * (depth < INDENT_MOST ? depth : INDENT_MOST));
    const char *call = text(task, "call");
    const char *on = text(task, "on");

    printf("%*s%s #%lld: %s", indent, "", text(task, "name"), number(task, "task"),
           text(task, "state"));
    if (call[0])
        printf(" in %s%s%s", call, on[0] ? ": " : "", on);
    if (is_true(task, "cancelled"))
        printf("; cancelled");
    if (json_object_get(task, "deadline_ms"))
        printf("; deadline in %.1f s", (double)number(task, "deadline_ms") / 1000);
    show_stack(json_object_get(task, "stack"));
    printf("\n");
    show_calls(json_object_get(task, "calls"), indent, stacks, number(task, "own"));
}

static const char *name_of(const json_t *tasks, long long which)
{
    size_t i;
    json_t *task;

    json_array_foreach(tasks, i, task)
    {
        if (number(task, "task") == which)
            return text(task, "name");
    }
    return "task";
}

static void show_deadlock(const json_t *cycle, const json_t *tasks)
{
    size_t n = json_array_size(cycle);

    printf("deadlock: ");
    for (size_t i = 0; i <= n && n; i++) {
        long long which = json_integer_value(json_array_get(cycle, i % n));

        printf("%s%s #%lld", i ? " waits for " : "", name_of(tasks, which), which);
    }
    printf("\n");
}

static void show_tree(const json_t *answer, bool stacks)
{
    const json_t *tasks = json_object_get(answer, "tasks");
    const json_t *deadlocks = json_object_get(answer, "deadlocks");
    long long total = number(answer, "total");
    size_t i;
    json_t *item;

    printf("%lld task%s\n", total, total == 1 ? "" : "s");
    json_array_foreach(deadlocks, i, item) show_deadlock(item, tasks);
    json_array_foreach(tasks, i, item) show_task(item, stacks);
    if (number(answer, "more"))
        printf("... and %lld more tasks\n", number(answer, "more"));
}

static void show_stuck(const json_t *answer)
{
    if (json_object_get(answer, "held_by"))
        printf("STUCK: %s does not let others run\n", text(answer, "held_by"));
    else
        printf("STUCK, and what holds it cannot be told (%s)\n", text(answer, "unknown"));
    show_calls(json_object_get(answer, "calls"), 0, true, 0);
}

void show_answer(const json_t *answer, bool stacks)
{
    printf("%s %lld", text(answer, "program"), number(answer, "pid"));
    if (number(answer, "loop"))
        printf(", loop %lld", number(answer, "loop"));
    printf(": ");
    if (is_true(answer, "stuck"))
        show_stuck(answer);
    else
        show_tree(answer, stacks);
}
