#include "apps/common/args.h"

#include <proa/headers.h>
#include <proa/str.h>

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int args_wrong(const char *option, const char *text, const char *wanted)
{
    fprintf(stderr, "%s: %s wants %s, not '%s'\n", program_invocation_short_name, option, wanted,
            text);
    return -1;
}

int args_number(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *ret)
{
    static const char units[] = "kMG";
    struct proa_str digits = proa_str_from(text);
    uint64_t scale = 1;
    uint64_t n;
    char wanted[80];

    const char *unit = digits.n ? strchr(units, digits.p[digits.n - 1]) : NULL;
    if (unit && *unit) {
        for (const char *u = units; u <= unit; u++)
            scale *= 1000;
        digits.n--;
    }
    if (proa_str_parse_uint(digits, &n) == 0 && n <= most / scale && n * scale >= least) {
        *ret = n * scale;
        return 0;
    }
    snprintf(wanted, sizeof wanted, "a number from %llu to %llu", (unsigned long long)least,
             (unsigned long long)most);
    return args_wrong(option, text, wanted);
}

int args_time(const char *option, const char *text, int64_t *ret)
{
    static const struct {
        const char *unit;
        double ns;
    } units[] = {{"", 1e9},  {"ns", 1},   {"us", 1e3},  {"ms", 1e6},
                 {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
    char *end;
    double value = strtod(text, &end);

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (end != text && strcmp(end, units[i].unit) == 0 && value * units[i].ns >= 1 &&
            value * units[i].ns < 1e18) {
            *ret = (int64_t)(value * units[i].ns);
            return 0;
        }
    return args_wrong(option, text, "a time like 500ms, 10s or 2m");
}

int args_header(const char *option, const char *text, struct proa_headers *headers)
{
    const char *colon = strchr(text, ':');
    char *name = colon ? strndup(text, (size_t)(colon - text)) : NULL;
    int rc = name ? proa_headers_add(headers, name, colon + 1) : -1;

    free(name);
    return rc < 0 ? args_wrong(option, text, "'Name: value' without control characters") : 0;
}

int args_unknown(int c, char **argv)
{
    const char *program = program_invocation_short_name;
    const char *given = argv[optind - 1];
    bool is_long = strncmp(given, "--", 2) == 0;
    const char letter[] = {'-', (char)optopt, 0};
    const char *what = c == ':'            ? "no value for option"
                       : is_long && optopt ? "no value is wanted by option"
                                           : "unknown option";

    fprintf(stderr, "%s: %s '%s'; see %s --help\n", program, what,
            is_long || optopt <= 0 ? given : letter, program);
    return -1;
}
