#include "load.h"

#include <string.h>

/* One thread. */
struct worker {
    struct load *load;
    const struct options *o;
    struct counts *counts;
    struct proa_tls_ctx *tls;
    struct proa_prepared *request;
};

void counts_error(struct counts *c, int rc, const char *detail, uint64_t n)
{
    size_t i = 0;

    c->failed += n;
    while (i < c->n_errors && c->errors[i].rc != rc)
        i++;
    if (i == ERRORS_MAX)
        return;
    if (i == c->n_errors) {
        c->errors[i].rc = rc;
        snprintf(c->errors[i].first, sizeof c->errors[i].first, "%s", detail);
        c->n_errors++;
    }
    c->errors[i].n += n;
}

void counts_merge(struct counts *into, const struct counts *from)
{
    histogram_merge(&into->latency, &from->latency);
    into->responses += from->responses;
    for (size_t i = 0; i < 6; i++)
        into->status[i] += from->status[i];
    into->bytes += from->bytes;
    into->opened += from->opened;
    into->most_open += from->most_open;
    into->unfinished += from->unfinished;
    if (from->elapsed > into->elapsed)
        into->elapsed = from->elapsed;
    uint64_t failed = into->failed + from->failed;
    for (size_t i = 0; i < from->n_errors; i++)
        counts_error(into, from->errors[i].rc, from->errors[i].first, from->errors[i].n);
    into->failed = failed;
}

/* Take up to `want` of the requests that are still to be sent. */
static unsigned take(struct worker *w, unsigned want)
{
    uint64_t total = w->o->requests;

    if (!total)
        return want;
    uint64_t before = atomic_fetch_add(&w->load->taken, want);
    return before >= total ? 0 : total - before < want ? (unsigned)(total - before) : want;
}

static void count_response(struct worker *w, const struct proa_timings *times, int status)
{
    struct counts *c = w->counts;

    c->responses++;
    c->status[status >= 100 && status < 600 ? status / 100 : 0]++;
    histogram_add(&c->latency, (uint64_t)(times->complete - times->send_begin));
}

/* One connection at a time, and what it is to send: the life of a task. */
struct lane {
    struct worker *w;
    struct proa_connection *c; /* NULL: none is open */
    unsigned due;              /* requests taken and not answered yet, */
    unsigned sent;             /* and of these, under way */
};

static int lane_open(struct lane *lane)
{
    const struct options *o = lane->w->o;
    struct counts *c = lane->w->counts;
    int rc = proa_connection_open(
        &lane->c, o->url,
        PROA_CONNECTION_OPTS(.tls = lane->w->tls, .unix_path = o->unix_path,
                             .connect_timeout = o->timeout, .tls_timeout = o->timeout,
                             .write_timeout = o->timeout, .first_timeout = o->timeout,
                             .read_timeout = o->timeout));
    if (rc < 0)
        return rc;
    c->opened++;
    c->open++;
    if (c->open > c->most_open)
        c->most_open = c->open;
    return 0;
}

static void lane_close(struct lane *lane)
{
    if (!lane->c)
        return;
    lane->w->counts->bytes += proa_connection_received(lane->c);
    lane->w->counts->open--;
    proa_connection_free(lane->c);
    lane->c = NULL;
}

/* Send what is due and receive the responses, until all came or the connection ends. */
static int exchange(struct lane *lane)
{
    struct worker *w = lane->w;
    unsigned n = lane->due;
    bool keep = true;
    int rc = proa_connection_send_n(lane->c, w->request, n);

    lane->sent = rc == 0 ? n : 0;
    for (unsigned i = 0; i < n && rc == 0 && keep; i++) {
        struct proa_reply reply;
        rc = proa_connection_receive(lane->c, &reply);
        keep = rc == 0 && reply.keep_alive && !w->o->no_keepalive;
        int status = rc == 0 ? reply.status : 0;
        if (rc == 0)
            rc = proa_connection_skip(lane->c, NULL);
        if (rc == 0) {
            count_response(w, proa_connection_timings(lane->c), status);
            lane->due--;
            lane->sent--;
        }
    }
    if (rc < 0 || !keep)
        lane_close(lane);
    return rc;
}

/* The task of a connection. A failure uses up the requests that were due, so that -n ends, and the
 * next try waits a moment. */
static int lane_run(void *arg)
{
    struct lane lane = {.w = arg};
    struct worker *w = arg;
    int rc = 0;

    while (rc == 0) {
        if (!lane.due)
            lane.due = take(w, w->o->pipeline);
        if (!lane.due)
            break;
        lane.sent = 0;
        if (!lane.c)
            rc = lane_open(&lane);
        if (rc == 0)
            rc = exchange(&lane);
        if (rc == PROA_ECANCELED) {
            w->counts->unfinished += lane.sent;
        } else if (rc < 0) {
            counts_error(w->counts, rc, proa_err_detail(rc), lane.due);
            lane.due = 0;
            rc = proa_sleep(10 * PROA_MS);
        }
    }
    lane_close(&lane);
    return rc;
}

static int run_connections(struct worker *w, unsigned n)
{
    int64_t began = proa_now();

    PROA_TIMEOUT(time, w->o->duration);
    PROA_GROUP(connections);
    for (unsigned i = 0; i < n; i++)
        proa_create_task(&connections, lane_run, w);
    int rc = proa_timeout_result(&time, proa_group_join(&connections));
    w->counts->elapsed = proa_now() - began;
    return rc == PROA_ETIMEDOUT ? 0 : rc;
}

static int prepare(struct worker *w)
{
    const struct options *o = w->o;
    int rc = proa_tls_client_ctx_new(
        &w->tls, PROA_TLS_CLIENT_OPTS(.ca_file = o->cacert, .insecure = o->insecure,
                                      .alpn = "http/1.1", .keylog_env = true));
    if (rc < 0)
        return rc;
    return proa_prepared_new(&w->request, o->method, o->url, &o->headers, o->body);
}

int worker_run(void *arg)
{
    struct load *load = arg;
    unsigned index = atomic_fetch_add(&load->next_thread, 1);
    const struct options *o = &load->o;
    struct worker w = {.load = load, .o = o, .counts = &load->counts[index]};
    unsigned share = o->connections / o->threads + (index < o->connections % o->threads);

    int rc = prepare(&w);
    if (rc == 0)
        rc = run_connections(&w, share);
    proa_prepared_free(w.request);
    proa_tls_ctx_unref(w.tls);
    return rc;
}
