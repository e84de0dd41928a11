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

void counts_error(struct counts *c, int rc, const char *detail)
{
    size_t i = 0;

    c->failed++;
    while (i < c->n_errors && c->errors[i].rc != rc)
        i++;
    if (i == ERRORS_MAX)
        return;
    if (i == c->n_errors) {
        c->errors[i].rc = rc;
        snprintf(c->errors[i].first, sizeof c->errors[i].first, "%s", detail);
        c->n_errors++;
    }
    c->errors[i].n++;
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
    for (size_t i = 0; i < from->n_errors; i++) {
        uint64_t failed = into->failed;
        counts_error(into, from->errors[i].rc, from->errors[i].first);
        for (size_t k = 0; k < into->n_errors; k++)
            if (into->errors[k].rc == from->errors[i].rc)
                into->errors[k].n += from->errors[i].n - 1;
        into->failed = failed + from->errors[i].n;
    }
}

/* Take up to `want` of the requests that are still to be sent. */
static unsigned take(struct worker *w, unsigned want)
{
    uint64_t total = w->o->requests;

    if (!total)
        return want;
    uint64_t before = atomic_fetch_add(&w->load->issued, want);
    return before >= total ? 0 : total - before < want ? (unsigned)(total - before) : want;
}

static void count_response(struct worker *w, const struct proa_timings *times, int status)
{
    struct counts *c = w->counts;

    c->responses++;
    c->status[status >= 100 && status < 600 ? status / 100 : 0]++;
    histogram_add(&c->latency, (uint64_t)(times->complete - times->send_begin));
}

/* Send `n` requests and receive their responses. *ret_keep: the connection may be used again. */
static int exchange(struct worker *w, struct proa_connection *c, unsigned n, bool *ret_keep)
{
    int rc = proa_connection_send_n(c, w->request, n);

    for (unsigned i = 0; i < n && rc == 0; i++) {
        struct proa_reply reply;
        rc = proa_connection_receive(c, &reply);
        if (rc == 0)
            rc = proa_connection_skip(c, NULL);
        if (rc == 0)
            count_response(w, proa_connection_timings(c), reply.status);
        *ret_keep = rc == 0 && reply.keep_alive && !w->o->no_keepalive;
        if (rc == PROA_ECANCELED)
            w->counts->unfinished += n - i;
        if (rc == 0 && !*ret_keep)
            break; /* what else was pipelined will not be answered */
    }
    return rc;
}

static int open_connection(struct worker *w, struct proa_connection **ret)
{
    struct counts *c = w->counts;
    int rc = proa_connection_open(
        ret, w->o->url,
        PROA_CONNECTION_OPTS(.tls = w->tls, .unix_path = w->o->unix_path,
                             .connect_timeout = w->o->timeout, .tls_timeout = w->o->timeout,
                             .write_timeout = w->o->timeout, .first_timeout = w->o->timeout,
                             .read_timeout = w->o->timeout));
    if (rc < 0)
        return rc;
    c->opened++;
    c->open++;
    if (c->open > c->most_open)
        c->most_open = c->open;
    return 0;
}

/* Use one connection until it ends: 0; 1: there is nothing more to send; or what failed. */
static int use_connection(struct worker *w)
{
    struct proa_connection *c = NULL;
    bool keep = true;
    bool out = false;
    int rc = open_connection(w, &c);

    if (rc < 0)
        return rc;
    while (rc == 0 && keep && !out) {
        unsigned n = take(w, w->o->pipeline);
        out = n == 0;
        if (n)
            rc = exchange(w, c, n, &keep);
    }
    w->counts->bytes += proa_connection_received(c);
    w->counts->open--;
    proa_connection_free(c);
    return rc < 0 ? rc : out;
}

/* The task of a connection. Failures are counted; after one the next try waits a moment. */
static int connection_run(void *arg)
{
    struct worker *w = arg;
    int rc;

    while ((rc = use_connection(w)) != 1) {
        if (rc == PROA_ECANCELED)
            return rc;
        if (rc < 0) {
            counts_error(w->counts, rc, proa_err_detail(rc));
            if (!take(w, 1)) /* a failure uses up a request, so that -n ends */
                return 0;
            if (proa_sleep(10 * PROA_MS) < 0)
                return PROA_ECANCELED;
        }
    }
    return 0;
}

static int run_connections(struct worker *w, unsigned n)
{
    int64_t began = proa_now();

    PROA_TIMEOUT(time, w->o->duration);
    PROA_GROUP(connections);
    for (unsigned i = 0; i < n; i++)
        proa_create_task(&connections, connection_run, w);
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
