#include "base/fail.h"
#include "core/loop.h"
#include "core/signal.h"
#include "server/server.h"

#include <proa/app.h>
#include <proa/err.h>
#include <proa/scope.h>
#include <proa/sync.h>
#include <proa/time.h>

/* The first SIGINT or SIGTERM: drain. The next cancels the run, and so the drain's handlers. */
static void stop_on_signal(void *arg, int signo)
{
    struct proa_server *server = arg;

    (void)signo;
    proa_event_set(server->stop);
}

/* Cancelled: drain as a signal would have it; cancelled while draining: the handlers are cancelled
 * now. */
static void hold_out(struct proa_server *server)
{
    bool draining = server->phase != SERVER_SERVING;

    proa_event_set(server->stop);
    if (draining)
        proa_event_set(server->empty);
    PROA_SHIELD(shield, proa_time_add(server->drain, PROA_MIN));
    proa_event_wait(server->done);
}

int proa_app_serve(struct proa_app *app, const struct proa_server_opts *opts)
{
    PROA_AUTO(proa_server) *server = NULL;
    int rc = proa_server_start(&server, app, opts);

    if (rc < 0)
        return rc;
    struct proa_loop *loop = server->loop;
    rc = proa__signals_claim(loop, stop_on_signal, server);
    if (rc == PROA_EBUSY)
        return proa__fail(rc,
                          "this loop serves another app already; proa_server_start serves more");
    if (rc < 0 && rc != PROA_EINVAL) /* a run that signals don't end is ended by a cancel */
        return rc;
    rc = proa_event_wait(server->done);
    if (rc < 0)
        hold_out(server);
    proa__signals_give_back(loop, server);
    return rc < 0 ? rc : server->result == PROA_ETIMEDOUT ? 0 : server->result;
}
