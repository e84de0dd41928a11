#ifndef GET_GET_H
#define GET_GET_H

/*
 * proa-get: fetch many URLs concurrently.
 *
 * One task a URL, as many at once as -j says. A job tries its URL up to 1 + retries times, and
 * hands what came to the output: a file of its own, written as NAME.part and renamed when it is
 * whole, or standard output in the order of the URLs.
 */

#include <proa/proa.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PIECE = 64 * 1024 }; /* bytes read or written at once */

struct output;
struct sink;

struct options {
    const char *input;  /* file of URLs; "-": standard input; NULL: none */
    const char *dir;    /* where files go */
    const char *output; /* "-", or the one file; NULL: names of the URLs */
    unsigned jobs;
    unsigned per_host;
    unsigned retries;
    int64_t timeout;      /* of one try, head and body; PROA_FOREVER: none */
    int64_t read_timeout; /* without a byte */
    struct proa_headers headers;
    const char *cacert;
    const char *cert;
    const char *key;
    bool insecure;
    bool quiet;
    bool progress; /* even if standard error is no terminal */
};

/* 0: go on; 1: done (help); -1: wrong, and said so. */
int options_parse(struct options *o, int argc, char **argv);

struct job {
    size_t index;
    char *url;
    struct get *get;
    const char *name;  /* of its file; the output's */
    struct sink *sink; /* with what is still to be printed, once it was fetched */
};

struct get {
    const struct options *o;
    struct proa_session *session;
    struct output *output;
    struct job *jobs;
    size_t n;
    size_t done;
    size_t failed;
    size_t running;
    uint64_t bytes; /* of bodies, decoded */
    int64_t began;
};

/* The URLs of the command line and of -i. 0, or -1 and said why. */
int urls_read(struct get *get, int argc, char **argv);

/* Fetch one; the task of a job. Failures are counted and told, never returned but for a cancel. */
int job_run(void *job);

/* Show how far it is until cancelled; a task. */
int progress_run(void *get);

/* Wipe the progress line, so that something else can be printed. */
void progress_clear(void);
void progress_summary(const struct get *get);

/* ---- names.c ---- */

/* Name the file of each job. `*names` owns the names, also when memory runs short half-way. */
int names_give(void **names, struct job *jobs, size_t n);
void names_free(void *names);

/* ---- output.c ---- */

int output_new(struct output **ret, const struct get *get);
void output_free(struct output *output);

/* One job's sink; begun anew with each try. */
int sink_open(struct sink **ret, struct output *output, struct job *job);
int sink_write(struct sink *sink, const void *data, size_t n); /* suspends */
int sink_commit(struct sink *sink); /* suspends; the whole body is there */
void sink_free(struct sink *sink);  /* what was not committed is dropped */

/* True if all bodies go to standard output: when that fails, nothing more can be done. */
bool output_is_standard(const struct output *output);

/* In the order of the URLs: let the next one print. Called once a job, whatever became of it;
 * suspends. */
int output_turn_done(struct output *output, struct job *job);

/* True while nothing of this try has been printed, so that another try is possible. */
bool sink_replayable(const struct sink *sink);

#endif
