#include "get.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add(struct get *get, const char *url)
{
    if ((get->n & (get->n + 1)) == 0) { /* full at each power of two less one */
        struct job *jobs = realloc(get->jobs, (2 * get->n + 1) * sizeof *jobs);
        if (!jobs)
            return -1;
        get->jobs = jobs;
    }
    char *copy = strdup(url);
    if (!copy)
        return -1;
    get->jobs[get->n] = (struct job){.index = get->n, .url = copy, .get = get};
    get->n++;
    return 0;
}

static int read_lines(struct get *get, FILE *file)
{
    char *line = NULL;
    size_t room = 0;
    int rc = 0;

    while (rc == 0 && getline(&line, &room, file) >= 0) {
        struct proa_str text = proa_str_trim(proa_str_make(line, strcspn(line, "\r\n")));
        if (!text.n || text.p[0] == '#')
            continue;
        line[(text.p - line) + (ptrdiff_t)text.n] = 0;
        rc = add(get, text.p);
    }
    free(line);
    return rc;
}

int urls_read(struct get *get, int argc, char **argv)
{
    const char *input = get->o->input;
    int rc = 0;

    for (int i = optind; i < argc && rc == 0; i++)
        rc = add(get, argv[i]);
    if (rc == 0 && input) {
        bool standard = strcmp(input, "-") == 0;
        FILE *file = standard ? stdin : fopen(input, "r");
        if (!file) {
            fprintf(stderr, "proa-get: %s: %s\n", input, strerror(errno));
            return -1;
        }
        rc = read_lines(get, file);
        if (!standard)
            fclose(file);
    }
    if (rc < 0) {
        fputs("proa-get: out of memory\n", stderr);
        return -1;
    }
    if (!get->n) {
        fputs("proa-get: no URL; see proa-get --help\n", stderr);
        return -1;
    }
    if (get->o->output && strcmp(get->o->output, "-") != 0 && get->n > 1) {
        fprintf(stderr, "proa-get: --output %s is for one URL; use --dir or --output - for %zu\n",
                get->o->output, get->n);
        return -1;
    }
    return 0;
}
