#include "base/check.h"
#include "base/fail.h"
#include "base/opts.h"
#include "net/process.h"
#include "net/stream.h"

#include <proa/err.h>
#include <proa/group.h>

#include <unistd.h> /* STDIN_FILENO */

#define AT_ONCE ((size_t)16 << 10) /* most bytes of one read */

/* What one task does at one of the pipes. Cancelled alone it takes the others along: without it
 * they might wait for ever. */
struct flow {
    int (*run)(struct flow *f);
    struct proa_stream *stream;
    struct proa_process *process;
    struct proa_str input; /* feed */
    struct proa_buf *buf;  /* drain */
    struct proa_group *group;
    bool cut;
};

/* A child that reads no more has what it wanted. */
static bool reads_no_more(int rc)
{
    return rc == PROA_EPIPE || rc == PROA_ECONNRESET;
}

static int feed(struct flow *f)
{
    struct proa_process *p = f->process;
    size_t took = 0;
    int rc = 0;

    if (p->fed < f->input.n) {
        rc = proa_write(f->stream, f->input.p + p->fed, f->input.n - p->fed, &took);
        p->fed += took;
    }
    if (rc < 0 && !reads_no_more(rc))
        return rc;
    rc = proa_shutdown(f->stream);
    return reads_no_more(rc) ? 0 : rc;
}

/* The buffer is full: that is well if nothing more comes. */
static int expect_end(struct proa_stream *s)
{
    char c;
    ssize_t got = proa_read(s, &c, 1);

    if (got <= 0)
        return (int)got;
    got = proa__stream_unread(s, &c, 1);
    return got < 0 ? (int)got
                   : proa__fail(PROA_EMSGSIZE, "a process wrote more than its buffer may hold");
}

static int drain(struct flow *f)
{
    struct proa_buf *b = f->buf;
    ssize_t got;

    do {
        size_t n = b->limit - b->n < AT_ONCE ? b->limit - b->n : AT_ONCE;
        char *to;

        if (n == 0)
            return expect_end(f->stream);
        to = proa_buf_reserve(b, n);
        if (!to)
            return proa_buf_error(b);
        got = proa_read(f->stream, to, n);
        if (got > 0)
            proa_buf_commit(b, (size_t)got);
    } while (got > 0);
    return (int)got;
}

static int drain_to_nowhere(struct flow *f)
{
    char bytes[1024];
    ssize_t got;

    do
        got = proa_read(f->stream, bytes, sizeof bytes);
    while (got > 0);
    return (int)got;
}

static int run_flow(void *arg)
{
    struct flow *f = arg;
    int rc = f->run(f);

    if (rc == PROA_ECANCELED) {
        f->cut = true;
        proa_group_cancel(f->group);
    }
    return rc;
}

static int talk(struct proa_process *p, struct proa_str input, struct proa_buf *out,
                struct proa_buf *err)
{
    PROA_GROUP(g);
    struct flow flows[3] = {
        {.run = feed, .input = input},
        {.run = out ? drain : drain_to_nowhere, .buf = out},
        {.run = err ? drain : drain_to_nowhere, .buf = err},
    };
    bool cut = false;
    int rc;

    for (int i = 0; i < 3; i++) {
        flows[i].process = p;
        flows[i].stream = p->stream[i];
        flows[i].group = &g;
        if (p->stream[i])
            proa_create_task(&g, run_flow, &flows[i]); /* the join tells of a failure */
    }
    rc = proa_group_join(&g);
    for (int i = 0; i < 3; i++)
        cut = cut || flows[i].cut;
    return rc == 0 && cut ? PROA_ETASKCANCELED : rc;
}

int proa_process_communicate(struct proa_process *p, struct proa_str input,
                             struct proa_buf *ret_output, struct proa_buf *ret_error,
                             struct proa_exit *ret)
{
    int rc;

    PROA_CHECK_OBJ(p, PROCESS_MAGIC);
    if (input.n && !p->stream[STDIN_FILENO])
        return proa__fail(PROA_EINVAL, "process %d has no pipe for input", (int)p->pid);
    p->busy++;
    rc = talk(p, input, ret_output, ret_error);
    if (rc >= 0)
        rc = proa_process_wait(p, ret);
    p->busy--;
    return rc;
}

int proa_process_run(const char *const *argv, struct proa_str input, struct proa_buf *ret_output,
                     struct proa_buf *ret_error, struct proa_exit *ret,
                     const struct proa_process_opts *opts)
{
    PROA_AUTO(proa_process) *p = NULL;
    struct proa_process_opts o;
    int rc = proa__opts_copy(&o, sizeof o, opts);

    if (rc < 0)
        return rc;
    o.input = PROA_STDIO_PIPE;
    if (ret_output)
        o.output = PROA_STDIO_PIPE;
    if (ret_error)
        o.error = PROA_STDIO_PIPE;
    rc = proa_process_start(&p, argv, &o);
    return rc < 0 ? rc : proa_process_communicate(p, input, ret_output, ret_error, ret);
}
