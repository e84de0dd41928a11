#ifndef CORE_PLACE_H
#define CORE_PLACE_H

/*
 * place: an address of the program's code as text for people.
 *
 *   read_all (reader.c:12)      built with libdw, and the program with -g
 *   read_all+0x1a (prog)        with libdw, without -g
 *   proa_read+0x33 (libproa.so.0)   an exported function, found by the dynamic linker
 *   prog(+0x41f2)               else; `addr2line -fe prog 0x41f2` tells the rest
 *
 * Reads files and allocates (not through base/mem.h, but in libdw), so never in a signal handler,
 * and runs on the loop's own stack when called by a task.
 *
 * Floor: core.
 */

#include "core/trace.h"

#include <stdbool.h>
#include <stddef.h>

#define PLACE_MAX 160

/* One line of a trace, without a newline. */
typedef void place_fn(void *arg, const char *line);

/* Call fn(arg, line) for each address of the trace, innermost first. */
void proa__place_lines(const struct trace *trace, place_fn *fn, void *arg);

/* Call fn(arg, line) for each of these places that calls return to. Any thread. */
void proa__place_each(void *const *at, size_t n, place_fn *fn, void *arg);

/* The call that returns to `at`; NULL is "an unknown place". */
const char *proa__place(const void *at, char buf[PLACE_MAX]);

/* Does this build find functions that are not exported, and lines? */
bool proa__place_knows_lines(void);

#endif
