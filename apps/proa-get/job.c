#include "get.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- trying again ---- */

static bool worth_retrying(int rc, int status)
{
    if (rc == 0)
        return status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505);
    if (proa_err_is_timeout(rc))
        return true;
    switch (rc) {
    case PROA_ECONNREFUSED:
    case PROA_ECONNRESET:
    case PROA_ECONNABORTED:
    case PROA_ECONNTIMEDOUT:
    case PROA_EPIPE:
    case PROA_ENETUNREACH:
    case PROA_EHOSTUNREACH:
    case PROA_EEOF:
    case PROA_EHTTPSHORT:
        return true;
    default:
        return false;
    }
}

/* Half a second, doubled each time up to 30 s; up to a quarter less, by the clock's chance, so that
 * jobs do not march in step. */
static int64_t backoff(unsigned tries)
{
    int64_t ns = PROA_SEC / 2;

    while (--tries && ns < 30 * PROA_SEC)
        ns *= 2;
    return ns - ns / 4 * (proa_now() / 1000 % 100) / 100;
}

static int64_t retry_after(struct proa_client_response *resp)
{
    uint64_t seconds;

    if (!resp ||
        proa_str_parse_uint(proa_client_response_header(resp, "Retry-After"), &seconds) < 0)
        return 0;
    return seconds > 3600 ? 3600 * PROA_SEC : (int64_t)seconds * PROA_SEC;
}

/* ---- one try ---- */

struct attempt {
    struct job *job;
    struct proa_client_response *resp;
    struct sink *sink;
    int status;
    bool unwritten; /* it failed on our side of the output */
    uint64_t bytes;
};

static int copy_body(struct attempt *t)
{
    char *piece = malloc(PIECE);
    ssize_t n = 0;
    int rc = piece ? 0 : PROA_ENOMEM;

    while (rc == 0 && (n = proa_client_response_read_some(t->resp, piece, PIECE)) > 0) {
        rc = sink_write(t->sink, piece, (size_t)n);
        t->unwritten = rc < 0;
        t->bytes += (uint64_t)n;
        t->job->get->bytes += (uint64_t)n;
    }
    free(piece);
    if (rc == 0 && n < 0)
        rc = (int)n;
    if (rc < 0)
        return rc;
    rc = sink_commit(t->sink);
    t->unwritten = rc < 0;
    return rc;
}

static int try_once(struct attempt *t)
{
    struct get *get = t->job->get;

    PROA_TIMEOUT(limit, get->o->timeout);
    int rc = proa_session_get(get->session, &t->resp, t->job->url, NULL);
    if (rc == 0) {
        t->status = proa_client_response_status(t->resp);
        if (t->status < 300) {
            rc = sink_open(&t->sink, get->output, t->job);
            if (rc == 0)
                rc = copy_body(t);
        }
    }
    return proa_timeout_result(&limit, rc);
}

static void tell(struct job *job, int rc, int status, struct proa_client_response *resp)
{
    progress_clear();
    if (rc < 0) {
        fprintf(stderr, "proa-get: %s: %s\n", job->url, proa_err_detail(rc));
        return;
    }
    struct proa_str reason = proa_client_response_reason(resp);
    fprintf(stderr, "proa-get: %s: status %d %.*s\n", job->url, status, PROA_PRI(reason));
}

/* Let go of a try; what it brought stays with the job if it is fine. */
static void attempt_end(struct attempt *t, bool fine)
{
    struct job *job = t->job;

    if (fine) {
        job->sink = t->sink;
    } else {
        sink_free(t->sink);
        job->get->bytes -= t->bytes;
    }
    proa_client_response_free(t->resp);
}

/* Fetch, and again where that may help. 0: it is there; 1: it failed and that was told; or what
 * ends all jobs: PROA_ECANCELED, or nothing can be printed any more. */
static int fetch(struct job *job)
{
    const struct options *o = job->get->o;

    for (unsigned tries = 1;; tries++) {
        struct attempt t = {.job = job};
        int rc = try_once(&t);
        bool fine = rc == 0 && t.status < 300;
        bool stop = rc == PROA_ECANCELED || (t.unwritten && output_is_standard(job->get->output));
        bool again = !fine && !stop && !t.unwritten && tries <= o->retries &&
                     worth_retrying(rc, t.status) && (!t.sink || sink_replayable(t.sink));
        int64_t wait = again && rc == 0 ? retry_after(t.resp) : 0;

        if (!fine && !stop && !again)
            tell(job, rc, t.status, t.resp);
        attempt_end(&t, fine);
        if (!again)
            return fine ? 0 : stop ? rc : 1;
        rc = proa_sleep(wait ? wait : backoff(tries));
        if (rc < 0)
            return rc;
    }
}

int job_run(void *arg)
{
    struct job *job = arg;
    struct get *get = job->get;

    get->running++;
    int rc = fetch(job);
    get->running--;
    get->done++;
    if (rc != 0)
        get->failed++;
    if (rc >= 0) {
        int turn = output_turn_done(get->output, job);
        rc = turn < 0 ? turn : 0;
    }
    sink_free(job->sink);
    job->sink = NULL;
    return rc;
}
