#include "http/wire.h"

#include "base/ascii.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_LEN = 16384 };

struct wire_case wire_cases[WIRE_CASES_MAX];
int wire_n_cases;

static _Noreturn void complain(const char *file, int line, const char *words)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, words);
    exit(2);
}

/* One escaped byte at `p`; returns what follows it. */
static const char *unescape(const char *p, char *ret)
{
    if (*p != '\\') {
        *ret = *p;
        return p + 1;
    }
    switch (p[1]) {
    case 'r':
        *ret = '\r';
        return p + 2;
    case 'n':
        *ret = '\n';
        return p + 2;
    case 't':
        *ret = '\t';
        return p + 2;
    case '0':
        *ret = '\0';
        return p + 2;
    case 'x':
        *ret = (char)(ascii_hex(p[2]) << 4 | ascii_hex(p[3]));
        return p + 4;
    default:
        *ret = p[1];
        return p + 2;
    }
}

static const char *append_repeat(FILE *out, const char *p)
{
    static char unit[LINE_LEN];
    size_t n = 0;
    char *after;
    long times = strtol(p + 1, &after, 10);

    for (p = after + 1; *p && *p != '}';)
        p = unescape(p, &unit[n++]);
    while (times-- > 0)
        fwrite(unit, 1, n, out);
    return p + 1;
}

static void append_input(FILE *out, const char *p)
{
    while (*p) {
        char b;
        if (*p == '{' && ascii_is_digit(p[1])) {
            p = append_repeat(out, p);
            continue;
        }
        p = unescape(p, &b);
        fputc(b, out);
    }
}

static void read_side(struct wire_case *c, const char *words)
{
    c->response = strncmp(words, "response", 8) == 0;
    c->to_head = strstr(words, " head") != NULL;
    c->to_connect = strstr(words, " connect") != NULL;
    c->to_upgrade = strstr(words, " upgrade") != NULL;
}

static void read_line(const char *file, int number, char *line)
{
    struct wire_case *c = &wire_cases[wire_n_cases ? wire_n_cases - 1 : 0];
    size_t n = strcspn(line, "\n");

    line[n] = '\0';
    if (line[0] == '#' || line[0] == '\0')
        return;
    if (strncmp(line, "case ", 5) == 0) {
        if (wire_n_cases == WIRE_CASES_MAX)
            complain(file, number, "too many cases");
        c = &wire_cases[wire_n_cases++];
        snprintf(c->name, sizeof c->name, "%.190s", line + 5);
        snprintf(c->file, sizeof c->file, "%.39s", strrchr(file, '/') + 1);
        c->line = number;
        c->in_file = open_memstream(&c->in, &c->in_n);
        c->out_file = open_memstream(&c->out, &c->out_n);
    } else if (wire_n_cases == 0) {
        complain(file, number, "a case begins with its name");
    } else if (strncmp(line, "side ", 5) == 0) {
        read_side(c, line + 5);
    } else if (strcmp(line, "eof") == 0) {
        c->eof = true;
    } else if (strcmp(line, "fields") == 0) {
        c->fields = true;
    } else if (strncmp(line, "in ", 3) == 0) {
        append_input(c->in_file, line + 3);
    } else if (strncmp(line, "out ", 4) == 0) {
        fprintf(c->out_file, "%s\n", line + 4);
    } else {
        complain(file, number, "unknown line");
    }
}

void wire_read(void)
{
    static char line[LINE_LEN];
    char pattern[1100];
    const char *dir = getenv("top_srcdir");
    glob_t files;

    snprintf(pattern, sizeof pattern, "%.1000s/tests/http/wire/*.case", dir ? dir : ".");
    if (glob(pattern, 0, NULL, &files) != 0)
        complain(pattern, 0, "no cases");
    for (size_t i = 0; i < files.gl_pathc; i++) {
        FILE *f = fopen(files.gl_pathv[i], "r");
        if (!f)
            complain(files.gl_pathv[i], 0, "cannot be read");
        for (int number = 1; fgets(line, sizeof line, f); number++)
            read_line(files.gl_pathv[i], number, line);
        fclose(f);
    }
    globfree(&files);
    for (int i = 0; i < wire_n_cases; i++) {
        fclose(wire_cases[i].in_file);
        fclose(wire_cases[i].out_file);
    }
}
