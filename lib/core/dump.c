#include "base/mem.h"
#include "base/utf8.h"
#include "core/place.h"
#include "core/snapshot.h"

#include <proa/buf.h>
#include <proa/err.h>
#include <proa/time.h>

#include <dlfcn.h>
#include <string.h>

/*
 * dump: a snapshot as lines of text, or as JSON.
 *
 * The names of functions are looked up first, each address once.
 */
#define INDENT_MOST 24    /* parents; who is deeper stands below them */
#define PLACES_MOST 16384 /* different addresses; of those beyond it the number must do */

/* ---- addresses */

struct places {
    size_t n;
    size_t named;
    void **at; /* ascending */
    char (*name)[PLACE_MAX];
};

static size_t find(const struct places *p, const void *at)
{
    size_t low = 0, high = p->n;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if ((uintptr_t)p->at[mid] < (uintptr_t)at)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void add(struct places *p, void *at)
{
    size_t i = find(p, at);

    if ((i < p->n && p->at[i] == at) || p->n == PLACES_MOST)
        return;
    memmove(p->at + i + 1, p->at + i, (p->n++ - i) * sizeof p->at[0]);
    p->at[i] = at;
}

static void keep_name(void *arg, const char *line)
{
    struct places *p = arg;

    memcpy(p->name[p->named++], line, strlen(line) + 1);
}

static void forget(struct places *p)
{
    proa__free(p->at);
    proa__free(p->name);
}

static int look_up(struct places *p, const struct snapshot *s)
{
    *p = (struct places){0};
    p->at = proa__alloc(PLACES_MOST * sizeof p->at[0]);
    if (!p->at)
        return PROA_ENOMEM;
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < s->tasks[i].trace.n; k++)
            add(p, s->tasks[i].trace.at[k]);
    p->name = proa__alloc((p->n + 1) * sizeof p->name[0]);
    if (!p->name) {
        forget(p);
        return PROA_ENOMEM;
    }
    proa__place_each(p->at, p->n, keep_name, p);
    return 0;
}

static const char *name_of(const struct places *p, const void *at)
{
    size_t i = find(p, at);

    return i < p->n && p->at[i] == at ? p->name[i] : "?";
}

/* ---- JSON */

void proa__json_string(struct proa_buf *out, const char *text)
{
    bool valid = proa__utf8_valid(proa_str_from(text));

    proa_buf_append(out, "\"", 1);
    for (const char *c = text; *c; c++) {
        unsigned char u = (unsigned char)*c;

        if (u == '"' || u == '\\')
            proa_buf_appendf(out, "\\%c", u);
        else if (u < 0x20 || u == 0x7f)
            proa_buf_appendf(out, "\\u%04x", u);
        else
            proa_buf_append(out, valid || u < 0x80 ? c : "?", 1);
    }
    proa_buf_append(out, "\"", 1);
}

static void json_call(void *arg, const char *line)
{
    struct proa_buf *out = arg;

    if (proa_buf_error(out) < 0)
        return;
    if (proa_buf_str(out).p[proa_buf_str(out).n - 1] != '[')
        proa_buf_append(out, ",", 1);
    proa__json_string(out, line);
}

void proa__json_trace(struct proa_buf *out, const struct trace *trace)
{
    proa_buf_append(out, "[", 1);
    proa__place_lines(trace, json_call, out);
    proa_buf_append(out, "]", 1);
}

static const char *state_name(enum proa_task_state state)
{
    switch (state) {
    case PROA_TASK_READY:
        return "ready";
    case PROA_TASK_RUNNING:
        return "running";
    case PROA_TASK_WAITING:
        return "waiting";
    case PROA_TASK_DONE:
        break;
    }
    return "done";
}

static void json_wait(struct proa_buf *out, const struct snapshot_task *t)
{
    proa_buf_appendf(out, ",\"call\":\"%s\",\"on\":", t->call);
    proa__json_string(out, t->on);
    if (t->object)
        proa_buf_appendf(out, ",\"object\":\"%p\"", t->object);
    if (t->blocker)
        proa_buf_appendf(out, ",\"blocker\":%llu", (unsigned long long)t->blocker);
}

/* Where the library is an object of its own, every address in it is ours. */
static bool in_library(const void *at)
{
    Dl_info here, there;

    return dladdr(__extension__(void *) in_library, &here) &&
           strstr(here.dli_fname, "libproa.so") && dladdr((void *)(uintptr_t)at, &there) &&
           there.dli_fbase == here.dli_fbase;
}

static bool is_ours(const struct places *p, const void *at)
{
    return in_library(at) || strncmp(name_of(p, at), "proa_", 5) == 0;
}

/* The innermost call of the program's own: the one below the library's. */
static size_t own_call(const struct places *p, const struct trace *trace)
{
    size_t i = 0;

    while (i < trace->n && !is_ours(p, trace->at[i]))
        i++; /* functions of the library that are not exported */
    while (i < trace->n && is_ours(p, trace->at[i]))
        i++;
    return i < trace->n ? i : 0;
}

static void json_task(struct proa_buf *out, const struct places *p, const struct snapshot_task *t)
{
    proa_buf_appendf(out, "\n{\"task\":%llu,\"parent\":%llu,\"depth\":%zu,\"name\":",
                     (unsigned long long)t->number, (unsigned long long)t->parent, t->depth);
    proa__json_string(out, t->name);
    proa_buf_appendf(out, ",\"state\":\"%s\",\"cancelled\":%s", state_name(t->state),
                     t->cancelled ? "true" : "false");
    if (t->call)
        json_wait(out, t);
    if (t->left != PROA_FOREVER)
        proa_buf_appendf(out, ",\"deadline_ms\":%lld", (long long)(t->left / PROA_MS));
    proa_buf_appendf(out, ",\"stack\":{\"size\":%zu,\"used\":%zu,\"touched\":%zu},\"calls\":[",
                     t->stack_size, t->stack_used, t->stack_touched);
    for (size_t i = 0; i < t->trace.n; i++) {
        if (i)
            proa_buf_append(out, ",", 1);
        proa__json_string(out, name_of(p, t->trace.at[i]));
    }
    proa_buf_appendf(out, "],\"own\":%zu}", own_call(p, &t->trace));
}

static int cycles_shown(const struct snapshot *s)
{
    return s->n_cycles < SNAPSHOT_CYCLES ? s->n_cycles : SNAPSHOT_CYCLES;
}

int proa__snapshot_json(const struct snapshot *s, struct proa_buf *out)
{
    struct places p;
    int rc = look_up(&p, s);

    if (rc < 0)
        return rc;
    proa_buf_appendf(out, "\"total\":%zu,\"more\":%zu,\"deadlocks\":[", s->total, s->total - s->n);
    for (int i = 0; i < cycles_shown(s); i++) {
        proa_buf_appendf(out, "%s[", i ? "," : "");
        for (size_t k = 0; k < s->cycles[i].n; k++)
            proa_buf_appendf(out, "%s%llu", k ? "," : "",
                             (unsigned long long)s->cycles[i].number[k]);
        proa_buf_append(out, "]", 1);
    }
    proa_buf_appendf(out, "],\"tasks\":[");
    for (size_t i = 0; i < s->n; i++) {
        if (i)
            proa_buf_append(out, ",", 1);
        json_task(out, &p, &s->tasks[i]);
    }
    proa_buf_appendf(out, "]");
    forget(&p);
    return proa_buf_error(out);
}

/* ---- text */

static void write_size(struct proa_buf *out, size_t bytes)
{
    if (bytes < 1024)
        proa_buf_appendf(out, "%zu B", bytes);
    else
        proa_buf_appendf(out, "%zu.%zu KiB", bytes >> 10, (bytes & 1023) * 10 >> 10);
}

static void write_time(struct proa_buf *out, int64_t ns)
{
    struct view v = {0};

    proa__view_time(&v, ns > 0 ? ns : 0);
    proa_buf_appendf(out, "%s", v.text);
}

static int indent_of(const struct snapshot_task *t)
{
    return (int)(2 * (t->depth < INDENT_MOST ? t->depth : INDENT_MOST));
}

static void write_task(struct proa_buf *out, const struct snapshot_task *t)
{
    proa_buf_appendf(out, "%*s%s #%llu: %s", indent_of(t), "", t->name,
                     (unsigned long long)t->number, state_name(t->state));
    if (t->call)
        proa_buf_appendf(out, " in %s%s%s", t->call, t->on[0] ? ": " : "", t->on);
    if (t->cancelled)
        proa_buf_appendf(out, "; cancelled");
    if (t->left != PROA_FOREVER) {
        proa_buf_appendf(out, "; deadline in ");
        write_time(out, t->left);
    }
    if (t->stack_used) {
        proa_buf_appendf(out, "; stack ");
        write_size(out, t->stack_used);
        proa_buf_appendf(out, " of ");
        write_size(out, t->stack_size);
    }
    proa_buf_appendf(out, "\n");
}

static void write_calls(struct proa_buf *out, const struct places *p, const struct snapshot_task *t,
                        bool all)
{
    const struct trace *trace = &t->trace;
    size_t from = all ? 0 : own_call(p, trace);
    size_t to = all || from == trace->n ? trace->n : from + 1;

    for (size_t i = from; i < to; i++)
        proa_buf_appendf(out, "%*s    at %s\n", indent_of(t), "", name_of(p, trace->at[i]));
}

static const char *find_name(const struct snapshot *s, uint64_t number)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->tasks[i].number == number)
            return s->tasks[i].name;
    return "task";
}

static void write_cycles(struct proa_buf *out, const struct snapshot *s)
{
    for (int i = 0; i < cycles_shown(s); i++) {
        proa_buf_appendf(out, "deadlock: ");
        for (size_t k = 0; k <= s->cycles[i].n; k++) {
            uint64_t number = s->cycles[i].number[k % s->cycles[i].n];

            proa_buf_appendf(out, "%s%s #%llu", k ? " waits for " : "", find_name(s, number),
                             (unsigned long long)number);
        }
        proa_buf_appendf(out, "\n");
    }
    if (s->n_cycles > SNAPSHOT_CYCLES)
        proa_buf_appendf(out, "... and %d more deadlocks\n", s->n_cycles - SNAPSHOT_CYCLES);
}

int proa__snapshot_text(const struct snapshot *s, struct proa_buf *out, bool stacks)
{
    struct places p;
    int rc = look_up(&p, s);

    if (rc < 0)
        return rc;
    proa_buf_appendf(out, "%zu task%s\n", s->total, s->total == 1 ? "" : "s");
    write_cycles(out, s);
    for (size_t i = 0; i < s->n; i++) {
        write_task(out, &s->tasks[i]);
        write_calls(out, &p, &s->tasks[i], stacks);
    }
    if (s->total > s->n)
        proa_buf_appendf(out, "... and %zu more tasks\n", s->total - s->n);
    forget(&p);
    return proa_buf_error(out);
}
