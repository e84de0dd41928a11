#include "get.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Standard output is written in the order of the URLs: a job whose turn has not come keeps its
 * body, up to AHEAD bytes, then waits. Jobs are started in order, so the one whose turn it is
 * always runs.
 */
enum { AHEAD = 1024 * 1024 };

struct output {
    const struct get *get;
    bool standard;
    size_t turn;               /* index of the job that may print */
    struct proa_event **turns; /* of jobs that wait for their turn */
    void *names;               /* of files; see names.c */
};

struct sink {
    struct output *output;
    struct job *job;
    struct proa_buf kept; /* standard output: not printed yet */
    bool printed;
    int fd;
    char *part; /* files: path while it grows */
    char *path;
};

int output_new(struct output **ret, const struct get *get)
{
    struct output *out = calloc(1, sizeof *out);

    if (!out)
        return PROA_ENOMEM;
    int rc = 0;
    out->get = get;
    out->standard = get->o->output && strcmp(get->o->output, "-") == 0;
    out->turns = out->standard ? calloc(get->n, sizeof *out->turns) : NULL;
    if (out->standard && !out->turns)
        rc = PROA_ENOMEM;
    else if (!get->o->output)
        rc = names_give(&out->names, get->jobs, get->n);
    if (rc < 0) {
        output_free(out);
        return rc;
    }
    *ret = out;
    return 0;
}

void output_free(struct output *out)
{
    if (!out)
        return;
    names_free(out->names);
    free(out->turns);
    free(out);
}

/* ---- blocking calls, in a thread ---- */

struct write_job {
    int fd;
    const char *data;
    size_t n;
};

static int write_all(void *arg)
{
    struct write_job *w = arg;

    while (w->n) {
        ssize_t n = write(w->fd, w->data, w->n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        w->data += n;
        w->n -= (size_t)n;
    }
    return 0;
}

static int write_off_loop(int fd, const void *data, size_t n)
{
    struct write_job w = {fd, data, n};

    return n ? proa_to_thread(write_all, &w, NULL) : 0;
}

static int open_file(struct sink *s)
{
    const struct options *o = s->output->get->o;
    const char *name = o->output ? o->output : s->job->name;

    if (asprintf(&s->path, "%s%s%s", o->dir ? o->dir : "", o->dir ? "/" : "", name) < 0) {
        s->path = NULL;
        return PROA_ENOMEM;
    }
    if (asprintf(&s->part, "%s.part", s->path) < 0) {
        s->part = NULL;
        return PROA_ENOMEM;
    }
    s->fd = open(s->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (s->fd >= 0)
        return 0;
    int rc = -errno;
    progress_clear();
    fprintf(stderr, "proa-get: %s: %s\n", s->part, proa_err_text(rc));
    return rc;
}

/* ---- sinks ---- */

int sink_open(struct sink **ret, struct output *out, struct job *job)
{
    struct sink *s = calloc(1, sizeof *s);
    int rc = 0;

    if (!s)
        return PROA_ENOMEM;
    s->output = out;
    s->job = job;
    s->fd = -1;
    proa_buf_init(&s->kept, AHEAD);
    if (!out->standard)
        rc = open_file(s);
    if (rc < 0) {
        sink_free(s);
        return rc;
    }
    *ret = s;
    return 0;
}

static int wait_turn(struct output *out, const struct job *job)
{
    PROA_AUTO(proa_event) *event = NULL;

    if (out->turn == job->index)
        return 0;
    int rc = proa_event_new(&event);
    if (rc < 0)
        return rc;
    out->turns[job->index] = event;
    rc = proa_event_wait(event);
    out->turns[job->index] = NULL;
    return rc;
}

static int print(struct sink *s, const void *data, size_t n)
{
    int rc = write_off_loop(STDOUT_FILENO, proa_buf_str(&s->kept).p, s->kept.n);

    s->printed = s->printed || s->kept.n || n;
    proa_buf_clear(&s->kept);
    return rc < 0 ? rc : write_off_loop(STDOUT_FILENO, data, n);
}

int sink_write(struct sink *s, const void *data, size_t n)
{
    struct output *out = s->output;

    if (!out->standard)
        return write_off_loop(s->fd, data, n);
    if (out->turn != s->job->index && s->kept.n + n <= AHEAD)
        return proa_buf_append(&s->kept, data, n);
    int rc = wait_turn(out, s->job);
    return rc < 0 ? rc : print(s, data, n);
}

int sink_commit(struct sink *s)
{
    if (s->output->standard)
        return 0; /* the rest is printed when the turn comes */
    int rc = close(s->fd) < 0 ? -errno : 0;
    s->fd = -1;
    if (rc == 0 && rename(s->part, s->path) < 0)
        rc = -errno;
    if (rc == 0) {
        free(s->part);
        s->part = NULL;
    }
    return rc;
}

bool sink_replayable(const struct sink *s)
{
    return !s->printed;
}

void sink_free(struct sink *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    if (s->part)
        unlink(s->part);
    proa_buf_fini(&s->kept);
    free(s->part);
    free(s->path);
    free(s);
}

int output_turn_done(struct output *out, struct job *job)
{
    int rc = 0;

    if (!out->standard)
        return 0;
    rc = wait_turn(out, job);
    if (rc == 0 && job->sink)
        rc = print(job->sink, NULL, 0);
    if (rc < 0)
        return rc;
    out->turn++;
    if (out->turn < out->get->n && out->turns[out->turn])
        proa_event_set(out->turns[out->turn]);
    return 0;
}
