#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static double cpu_seconds(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Descriptors for all connections, or a line that says how to get them. */
static int reserve_descriptors(const struct options *o)
{
    rlim_t wanted = o->connections + 32 + 8 * o->threads;
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= wanted)
        return 0;
    if (files.rlim_max < wanted) {
        fprintf(stderr,
                "proa-load: %u connections need %lu descriptors, the limit is %lu; raise it with "
                "ulimit -n\n",
                o->connections, (unsigned long)wanted, (unsigned long)files.rlim_max);
        return -1;
    }
    files.rlim_cur = wanted;
    return setrlimit(RLIMIT_NOFILE, &files);
}

/* Add up and tell. The exit status: 2 when nothing at all was answered. */
static int report(struct load *load, double cpu)
{
    struct counts *all = calloc(1, sizeof *all);

    if (!all)
        return 1;
    for (unsigned i = 0; i < load->o.threads; i++)
        counts_merge(all, &load->counts[i]);
    if (load->o.json)
        report_json(load, all, cpu);
    else
        report_text(load, all, cpu);
    int status = all->responses ? 0 : 2;
    free(all);
    return status;
}

int main(int argc, char **argv)
{
    static struct load load;
    int rc = options_parse(&load.o, argc, argv);

    if (rc != 0)
        return rc < 0;
    if (reserve_descriptors(&load.o) < 0)
        return 1;
    load.counts = calloc(load.o.threads, sizeof *load.counts);
    if (!load.counts) {
        fputs("proa-load: out of memory\n", stderr);
        return 1;
    }
    rc = proa_main(worker_run, &load, PROA_MAIN_OPTS(.threads = load.o.threads));
    if (rc == 0 || rc > 128) { /* interrupted: what was counted is told all the same */
        int told = report(&load, cpu_seconds());
        rc = rc ? rc : told;
    }
    free(load.counts);
    free(load.o.body_text);
    proa_headers_fini(&load.o.headers);
    return rc;
}
