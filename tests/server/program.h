#ifndef TESTS_PROGRAM_H
#define TESTS_PROGRAM_H

/*
 * program: a process that serves an app until it is signalled, and its clients, as seen from
 * without. All here waits: for a word of the program, or for what it does to a connection.
 *
 *   /       answers the id of its thread
 *   /wait   says "waiting", and answers "waited" when it is told to; or says "cancelled"
 *   /stay   the same, but once cancelled it stays for an hour
 *   /spin   says "waiting" and lets nothing else run on its loop
 *   /crash  the same, and when it is told to, its process is killed
 */

#include <proa/run.h>
#include <proa/task.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

struct program {
    pid_t pid;
    int port;
    int told;    /* pipe: what it says */
    int control; /* pipe: what it is told */
    int err;     /* pipe: its standard error */
};

/* Its task: serve. arg: NULL, or how long a drain may take. */
int program_serve(void *arg);

/* For tasks of a test's own: whether a server listens, and how to say a line. */
extern atomic_bool program_serves;
void program_says(const char *line);

/* Start it; it serves when this returns, on `n` loops. `burst`: how close two signals are one. */
struct program program_start(proa_task_fn *fn, void *arg, int64_t burst, int n,
                             const struct proa_main_opts *opts);

/* The next line that it says, without its end. Valid until: the next call. */
const char *program_news(struct program *p);
void ck_news(struct program *p, const char *words);

/* Let one request to /wait, /stay or /crash go on. */
void program_tell(struct program *p);

/* When all its processes have ended: the exit status of the first, or 1000 and the signal; and what
 * they have written on standard error, which ck_ended expects to be nothing. */
int program_ended(struct program *p);
extern char program_written[2000];
void ck_ended(struct program *p, int status);

/* A kept connection that was served once, and by which thread: its id. */
int idle_client(struct program *p, int *ret_tid);

/* A request that is being handled. */
int busy_client(struct program *p, const char *request);

/* What comes next; "" at an end. Valid until: the next call. */
const char *hear_once(int fd);

/* It is closed in order, now or soon; it was answered by /wait, and closed. */
void ck_closed(int fd);
void ck_answered(int fd);

/* Nobody listens there any more. */
bool program_refuses(const struct program *p);

#endif
