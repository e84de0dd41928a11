#ifndef APPS_ARGS_H
#define APPS_ARGS_H

/*
 * args: values of command-line options, checked. Each returns 0, or -1 with a line on standard
 * error that names the option, what was given and what is wanted.
 */

#include <stdint.h>

struct proa_headers;

/* A number within [least, most]; k, M and G multiply by powers of a thousand. */
int args_number(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *ret);

/* "10", "1.5s", "500ms", "2m", "1h" as nanoseconds, more than 0; a plain number is seconds. */
int args_time(const char *option, const char *text, int64_t *ret);

/* "Name: value". */
int args_header(const char *option, const char *text, struct proa_headers *headers);

/* Say that `text` is not `wanted`; returns -1. */
int args_wrong(const char *option, const char *text, const char *wanted);

/* Say what was wrong when getopt_long, its options beginning with ':', gave `c`; returns -1. */
int args_unknown(int c, char **argv);

#endif
