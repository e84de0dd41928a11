#include "core/loop.h"
#include "core/view.h"
#include "net/listener.h"
#include "server/conn.h"
#include "server/server.h"

#include <proa/err.h>

/* What a server is, in words. */

/* Not to be asked of one that has dropped its listeners. */
static bool is_resting(const struct proa_server *s)
{
    for (size_t i = 0; i < s->n_sites; i++)
        if (proa__listener_is_resting(s->sites[i].listener))
            return true;
    return false;
}

static const char *state_of(const struct proa_server *s)
{
    switch (s->phase) {
    case SERVER_SERVING:
        break;
    case SERVER_DRAINING:
        return "draining";
    case SERVER_CANCELLING:
        return "cancelling";
    case SERVER_DONE:
        return s->result == PROA_ETIMEDOUT ? "stopped, handlers had to be cancelled" : "stopped";
    }
    if (!s->group)
        return "starting";
    if (s->paused)
        return "full";
    return is_resting(s) ? "out of descriptors" : "serving";
}

static size_t count_busy(const struct proa_server *s)
{
    size_t n = 0;

    LIST_FOR_EACH (it, &s->conns)
        n += CONTAINER_OF(it, struct conn, link)->state == CONN_TASK;
    return n;
}

/* The addresses last: a text that is too long ends within them. */
static void describe(const void *object, struct view *v)
{
    const struct proa_server *s = object;

    proa__view_object(v, "server", s);
    proa__view_say(v, ", %s, %zu", state_of(s), s->n_conns);
    if (s->opts.max_connections != PROA_UNLIMITED)
        proa__view_say(v, " of %zu", s->opts.max_connections);
    proa__view_say(v, " connections");
    proa__view_count(v, count_busy(s), "busy");
    if (s->n_sites)
        proa__view_say(v, ", %s", s->phase == SERVER_SERVING ? "at" : "was at");
    for (size_t i = 0; i < s->n_sites; i++)
        proa__view_say(v, " %s", s->sites[i].url);
}

int proa_server_describe(const struct proa_server *s, char *buf, size_t n)
{
    proa__server_check(s, __func__);
    return proa__view_write(describe, s, buf, n);
}
