#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/main_parent.h"

#include <proa/err.h>

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

/* A successor of one that never accepted counts as running when it has lived this long. */
#define SETTLED PROA_SEC

int64_t proa__rollout_patience = 60 * PROA_SEC;

static void retire(struct parent *p, struct worker *w)
{
    proa__worker_hang_up(w);
    w->next = p->retired;
    p->retired = w;
    kill(w->pid, SIGTERM);
}

/* The fresh one takes its place; the record that it had is the old one's from now on. */
static void replace(struct parent *p)
{
    struct worker *old = p->fresh;
    struct worker *place = &p->workers[p->at];
    struct worker fresh = *old;

    *old = *place;
    *place = fresh;
    p->fresh = NULL;
    if (old->pid)
        retire(p, old);
    else
        proa__free(old);
}

int64_t proa__rollout_due(const struct parent *p)
{
    if (!p->fresh)
        return PROA_FOREVER;
    return p->fresh->started + (p->workers[p->at].accepts ? proa__rollout_patience : SETTLED);
}

static bool is_due(const struct parent *p)
{
    return proa__clock_mono() >= proa__rollout_due(p);
}

static bool is_running(const struct parent *p)
{
    unsigned before = p->workers[p->at].accepts;

    return before ? p->fresh->accepts >= before : is_due(p);
}

static void stop(struct parent *p, const char *why)
{
    p->at = p->n;
    proa__log(PROA_LOG_ERROR, "no more workers are replaced: %s", why);
}

static int start_next(struct parent *p, unsigned *ret_slot, int *ret_socket)
{
    struct worker *w = proa__zalloc(sizeof *w);
    int rc = PROA_ENOMEM;

    if (w) {
        *w = (struct worker){.socket = -1, .slot = p->workers[p->at].slot};
        *ret_slot = w->slot;
        p->reason[0] = '\0';
        rc = proa__worker_start(p, w, ret_socket);
    }
    if (rc != 0) {
        proa__free(w);
        if (rc < 0)
            stop(p, proa_err_text(rc));
        return rc == 1;
    }
    p->fresh = w;
    return 0;
}

int proa__rollout_go_on(struct parent *p, unsigned *ret_slot, int *ret_socket)
{
    if (p->fresh && is_running(p)) {
        replace(p);
        p->at++;
    } else if (p->fresh && is_due(p)) {
        proa__rollout_end(p);
        stop(p, "the new one does not accept connections");
    }
    if (p->fresh)
        return 0;
    while (p->at < p->n && !p->workers[p->at].pid)
        p->at++; /* whoever is started there is a new one anyway */
    return p->at < p->n ? start_next(p, ret_slot, ret_socket) : 0;
}

void proa__rollout_end(struct parent *p)
{
    p->at = p->n;
    if (p->fresh)
        retire(p, p->fresh);
    p->fresh = NULL;
}

void proa__rollout_begin(struct parent *p)
{
    proa__rollout_end(p);
    p->at = 0;
}

void proa__rollout_failed(struct parent *p, int status)
{
    if (!p->reason[0] && WIFSIGNALED(status))
        snprintf(p->reason, sizeof p->reason, "the new one was killed by signal %d",
                 WTERMSIG(status));
    else if (!p->reason[0])
        snprintf(p->reason, sizeof p->reason, "the new one ended with status %d",
                 WEXITSTATUS(status));
    proa__worker_hang_up(p->fresh);
    proa__free(p->fresh);
    p->fresh = NULL;
    stop(p, p->reason);
}
