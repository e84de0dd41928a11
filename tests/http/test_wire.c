/*
 * Each case of the files wire/NAME.case is bytes in, a transcript out; each runs whole, byte by
 * byte, cut at random, and with a reader that takes three body bytes at a time.
 *
 *     case NAME words
 *     side response [head] [connect] [upgrade]     (without this line: request)
 *     eof                                          (the input ends)
 *     fields                                       (the transcript lists them)
 *     in GET / HTTP/1.1\r\n                        (\r \n \t \0 \\ \xNN; {N*text} repeats; lines
 * are joined) out head GET / HTTP/1.1 close out more
 */

#include "base/ascii.h"
#include "http/transcript.h"
#include "support/test.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CASES_MAX = 1000, LINE_LEN = 16384, INPUT_MAX = 1 << 20 };

struct wire_case {
    char name[200];
    char file[40];
    int line;
    struct transcript_opts opts;
    FILE
        *in; /* plain memory: proa allocates nothing before t_main has put its allocator under it */
    FILE *out;
    char *in_text;
    char *out_text;
    size_t in_n;
    size_t out_n;
};

static struct wire_case cases[CASES_MAX];
static int n_cases;

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
    c->opts.response = strncmp(words, "response", 8) == 0;
    c->opts.asked.head = strstr(words, " head") != NULL;
    c->opts.asked.connect = strstr(words, " connect") != NULL;
    c->opts.asked.upgrade = strstr(words, " upgrade") != NULL;
}

static void read_line(const char *file, int number, char *line)
{
    struct wire_case *c = &cases[n_cases ? n_cases - 1 : 0];
    size_t n = strcspn(line, "\n");

    line[n] = '\0';
    if (line[0] == '#' || line[0] == '\0')
        return;
    if (strncmp(line, "case ", 5) == 0) {
        if (n_cases == CASES_MAX)
            complain(file, number, "too many cases");
        c = &cases[n_cases++];
        snprintf(c->name, sizeof c->name, "%.190s", line + 5);
        snprintf(c->file, sizeof c->file, "%.39s", strrchr(file, '/') + 1);
        c->line = number;
        c->in = open_memstream(&c->in_text, &c->in_n);
        c->out = open_memstream(&c->out_text, &c->out_n);
    } else if (n_cases == 0) {
        complain(file, number, "a case begins with its name");
    } else if (strncmp(line, "side ", 5) == 0) {
        read_side(c, line + 5);
    } else if (strcmp(line, "eof") == 0) {
        c->opts.eof = true;
    } else if (strcmp(line, "fields") == 0) {
        c->opts.fields = true;
    } else if (strncmp(line, "in ", 3) == 0) {
        append_input(c->in, line + 3);
    } else if (strncmp(line, "out ", 4) == 0) {
        fprintf(c->out, "%s\n", line + 4);
    } else {
        complain(file, number, "unknown line");
    }
}

static void read_cases(void)
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
    for (int i = 0; i < n_cases; i++) {
        fclose(cases[i].in);
        fclose(cases[i].out);
    }
}

static void check_case(const struct wire_case *c, enum cut cut, uint64_t seed, const char *how)
{
    struct transcript_opts opts = c->opts;
    struct proa_buf out;

    opts.cut = cut;
    opts.seed = seed;
    proa_buf_init(&out, INPUT_MAX);
    transcript(&out, c->in_text, c->in_n, &opts);
    struct proa_str got = proa_buf_str(&out);
    struct proa_str want = {c->out_text, c->out_n};
    if (!proa_str_eq(got, want))
        ck_abort_msg("%s:%d: %s (%s)\nwanted:\n%.*sgot:\n%.*s", c->file, c->line, c->name, how,
                     PROA_PRI(want), PROA_PRI(got));
    proa_buf_fini(&out);
}

START_TEST(wire_case)
{
    const struct wire_case *c = &cases[_i];

    check_case(c, CUT_WHOLE, 0, "whole");
    check_case(c, CUT_BYTES, 0, "byte by byte");
    check_case(c, CUT_SMALL_ROOM, 0, "three body bytes at a time");
    for (uint64_t seed = 1; seed <= 20; seed++)
        check_case(c, CUT_RANDOM, seed, "cut at random");
}
END_TEST

int main(void)
{
    read_cases();
    return t_main_tables("wire", (const TTest *const[]){NULL},
                         (const struct t_table[]){{wire_case, n_cases}, {NULL, 0}});
}
