#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

/*
 * proa-load: a closed-loop HTTP load tester.
 *
 * Each thread has a loop and a share of the connections; each connection is a task that sends a
 * request, receives the response to its end, counts, and goes on. Nothing is shared between threads
 * but the count of requests that are still to be sent; what they counted is added up when all have
 * ended.
 */

#include "histogram.h"

#include <proa/proa.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { ERRORS_MAX = 16, THREADS_MAX = 256 };

struct options {
    const char *url;
    const char *method;
    unsigned connections;
    unsigned threads;
    int64_t duration;  /* PROA_FOREVER with a count of requests */
    uint64_t requests; /* 0: until the time is over */
    unsigned pipeline;
    struct proa_headers headers;
    struct proa_str body;
    char *body_text; /* what body was read from */
    int64_t timeout; /* of one request */
    const char *cacert;
    const char *unix_path;
    bool insecure;
    bool no_keepalive;
    bool json;
    bool quiet;
};

/* 0: go on; 1: done (help); -1: wrong, and said so. */
int options_parse(struct options *o, int argc, char **argv);

/* Failures of one kind. */
struct errors {
    int rc;
    uint64_t n;
    char first[120]; /* what the first of them said */
};

/* What one thread counted, and in the end all of them. */
struct counts {
    struct histogram latency;
    uint64_t responses; /* complete ones */
    uint64_t status[6]; /* by first digit; [0]: none of 1 to 5 */
    uint64_t bytes;     /* received, heads included */
    uint64_t opened;    /* connections that stood */
    uint64_t open;      /* now */
    uint64_t most_open;
    uint64_t failed;     /* requests and connects that failed */
    uint64_t unfinished; /* requests in flight at the end */
    struct errors errors[ERRORS_MAX];
    size_t n_errors;
    int64_t elapsed; /* ns */
};

struct load {
    struct options o;
    atomic_uint next_thread;
    atomic_uint_fast64_t taken; /* of o.requests: sent, or about to be */
    struct counts *counts;      /* one a thread */
};

/* A thread's part; the task of proa_main. */
int worker_run(void *load);

/* `n` requests (or a connect that stood for them) failed. */
void counts_error(struct counts *c, int rc, const char *detail, uint64_t n);
void counts_merge(struct counts *into, const struct counts *from);

/* ---- report.c ---- */
void report_text(const struct load *load, const struct counts *all, double cpu_seconds);
void report_json(const struct load *load, const struct counts *all, double cpu_seconds);

#endif
