#ifndef CORE_SNAPSHOT_H
#define CORE_SNAPSHOT_H

/*
 * snapshot: what a loop's tasks were at one moment, to be written down by anybody later.
 *
 * The loop only fills records; words are made of them by who asked, in any thread: looking up the
 * names of functions reads files and takes milliseconds. What depends on the number of tasks is
 * bounded by the limit: those beyond it are counted and no more.
 *
 * Floor: core.
 */

#include "core/look.h"

#define SNAPSHOT_LIMIT 1000        /* tasks, unless asked otherwise */
#define SNAPSHOT_LIMIT_MOST 100000 /* a kilobyte each */
#define SNAPSHOT_CYCLES 16         /* deadlocks that are shown */
#define SNAPSHOT_CYCLE 32          /* tasks of each */

struct snapshot_task {
    uint64_t number;
    uint64_t parent;  /* 0: none */
    uint64_t blocker; /* 0: nobody known */
    size_t depth;
    enum proa_task_state state;
    bool cancelled;
    const char *call; /* NULL: it does not wait */
    const void *object;
    int64_t left; /* to its deadline; PROA_FOREVER: it has none */
    size_t stack_size, stack_used, stack_touched;
    char name[TASK_NAME_MAX];
    char on[VIEW_TEXT];
    struct trace trace;
};

struct snapshot {
    size_t room;
    size_t n;     /* that are here */
    size_t total; /* that there were */
    int n_cycles; /* that there were; perhaps more than SNAPSHOT_CYCLES */
    struct {
        size_t n;
        uint64_t number[SNAPSHOT_CYCLE];
    } cycles[SNAPSHOT_CYCLES];
    struct snapshot_task tasks[];
};

/* On the loop's own stack. At most `limit` tasks (0: the default). NULL: no memory. */
struct snapshot *proa__snapshot_take(struct look *look, size_t limit);

/* Any thread. 0, PROA_ENOMEM or PROA_EMSGSIZE. JSON: the members of an object, without its braces.
 */
int proa__snapshot_text(const struct snapshot *s, struct proa_buf *out, bool stacks);
int proa__snapshot_json(const struct snapshot *s, struct proa_buf *out);

/* For JSON: a string in quotes; a trace as an array of words, innermost first. */
void proa__json_string(struct proa_buf *out, const char *text);
void proa__json_trace(struct proa_buf *out, const struct trace *trace);

#endif
