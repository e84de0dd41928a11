#include "get.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Standard output is written in the order of the URLs. A job whose turn has not come keeps what it
 * reads, AHEAD bytes in memory and the rest in a file without a name; so it never waits with a
 * connection in its hands, which the job whose turn it is may need. When the turn has come the rest
 * is printed as it arrives. A job holds its place until it has printed, and that bounds what is
 * kept.
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
    struct proa_buf kept; /* standard output: not printed yet, */
    int spool;            /* and what follows it; -1: nothing */
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

bool output_is_standard(const struct output *out)
{
    return out->standard;
}

/* ---- blocking calls, in a thread ---- */

struct transfer {
    int from; /* a file to copy from its begin, or -1: data */
    int to;
    const char *data;
    size_t n;
};

static int write_all(int fd, const char *data, size_t n)
{
    while (n) {
        ssize_t done = write(fd, data, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        data += done;
        n -= (size_t)done;
    }
    return 0;
}

static int copy_all(int from, int to)
{
    char *piece = malloc(PIECE);
    off_t at = 0;
    ssize_t n = 0;
    int rc = piece ? 0 : PROA_ENOMEM;

    while (rc == 0 && (n = pread(from, piece, PIECE, at)) > 0) {
        rc = write_all(to, piece, (size_t)n);
        at += n;
    }
    if (n < 0)
        rc = -errno;
    free(piece);
    return rc;
}

static int transfer(void *arg)
{
    const struct transfer *t = arg;

    return t->from >= 0 ? copy_all(t->from, t->to) : write_all(t->to, t->data, t->n);
}

static int off_loop(const char *name, struct transfer t)
{
    int rc = t.n || t.from >= 0 ? proa_to_thread(transfer, &t, NULL) : 0;

    return rc < 0 && rc != PROA_ECANCELED ? proa_fail(rc, "%s: %s", name, proa_err_text(rc)) : rc;
}

static int put(int fd, const char *name, const void *data, size_t n)
{
    return off_loop(name, (struct transfer){.from = -1, .to = fd, .data = data, .n = n});
}

/* ---- files ---- */

/* A file that is written in place: a terminal, a FIFO, /dev/null. */
static bool is_special(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
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
    if (is_special(s->path)) {
        free(s->part);
        s->part = NULL;
        s->fd = open(s->path, O_WRONLY | O_CLOEXEC);
    } else {
        s->fd = open(s->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    }
    return s->fd >= 0 ? 0 : proa_fail(-errno, "%s: %s", s->path, strerror(errno));
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
    s->spool = -1;
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

static const char standard[] = "standard output";

/* What was kept, then `data`. */
static int print(struct sink *s, const void *data, size_t n)
{
    struct proa_str kept = proa_buf_str(&s->kept);
    int rc = put(STDOUT_FILENO, standard, kept.p, kept.n);

    s->printed = s->printed || kept.n || n;
    proa_buf_clear(&s->kept);
    if (rc == 0 && s->spool >= 0) {
        rc = off_loop(standard, (struct transfer){.from = s->spool, .to = STDOUT_FILENO});
        close(s->spool);
        s->spool = -1;
    }
    return rc < 0 ? rc : put(STDOUT_FILENO, standard, data, n);
}

static int open_spool(void)
{
    const char *dir = getenv("TMPDIR");
    char path[512];

    snprintf(path, sizeof path, "%s/proa-get.XXXXXX", dir && *dir ? dir : "/tmp");
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return proa_fail(-errno, "%s: %s", path, strerror(errno));
    unlink(path);
    return fd;
}

static int keep(struct sink *s, const void *data, size_t n)
{
    if (s->spool < 0 && s->kept.n + n <= AHEAD)
        return proa_buf_append(&s->kept, data, n);
    if (s->spool < 0) {
        int fd = open_spool();
        if (fd < 0)
            return fd;
        s->spool = fd;
    }
    return put(s->spool, "temporary file", data, n);
}

int sink_write(struct sink *s, const void *data, size_t n)
{
    if (!s->output->standard)
        return put(s->fd, s->path, data, n);
    return s->output->turn == s->job->index ? print(s, data, n) : keep(s, data, n);
}

int sink_commit(struct sink *s)
{
    if (s->output->standard)
        return 0; /* the rest is printed when the turn comes */
    int rc = close(s->fd);
    s->fd = -1;
    if (rc == 0 && s->part)
        rc = rename(s->part, s->path);
    if (rc < 0)
        return proa_fail(-errno, "%s: %s", s->path, strerror(errno));
    free(s->part);
    s->part = NULL;
    return 0;
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
    if (s->spool >= 0)
        close(s->spool);
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
