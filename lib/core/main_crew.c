#include "base/fail.h"
#include "base/mem.h"
#include "core/counters.h"
#include "core/loop.h"
#include "core/main.h"
#include "core/sched.h"
#include "core/thread.h"

#include <proa/err.h>

#include <fcntl.h>
#include <string.h>

/* One thread of the crew, with its loop. */
struct member {
    struct crew *crew;
    unsigned slot;
    pthread_t thread;
    struct proa_loop *loop; /* referenced once it runs; under crew->lock */
    struct post cancel;
    int rc;
    bool accepts; /* and the parent was told */
};

struct crew {
    const struct crew_opts *opts;
    pthread_mutex_t lock; /* over what follows, and the socket to the parent */
    struct listen_table table;
    bool failed; /* somebody did: the others are cancelled */
    struct err_slot err;
    struct member members[];
};

static _Thread_local struct member *here;

int proa__main_listener(const struct sockaddr *addr, socklen_t len, int backlog)
{
    struct main_message m = {.kind = MAIN_LISTENER};
    int fd;

    if (!here || len > sizeof m.u.want.addr)
        return PROA_ENOSYS;
    m.slot = here->slot;
    m.u.want.len = len;
    m.u.want.backlog = backlog;
    memcpy(&m.u.want.addr, addr, len);

    struct crew *crew = here->crew;
    pthread_mutex_lock(&crew->lock);
    if (crew->opts->parent >= 0) {
        fd = proa__main_ask(crew->opts->parent, &m);
    } else {
        fd = proa__listen_table_get(&crew->table, m.slot, &m.u.want);
        if (fd >= 0)
            fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (fd == -1)
            fd = PROA_EMFILE;
    }
    pthread_mutex_unlock(&crew->lock);
    return fd;
}

void proa__main_accepts(void)
{
    struct crew *crew = here ? here->crew : NULL;

    if (!crew || crew->opts->parent < 0 || here->accepts)
        return;
    here->accepts = true;
    pthread_mutex_lock(&crew->lock);
    proa__main_tell(crew->opts->parent,
                    &(struct main_message){.kind = MAIN_ACCEPTS, .slot = here->slot});
    pthread_mutex_unlock(&crew->lock);
}

/* ---- one's failure ends the others */

static void cancel_member(void *arg)
{
    struct member *m = arg;

    if (m->loop->sched)
        proa__sched_cancel(m->loop->sched, "another thread's main task failed");
}

static void fail_crew(struct crew *crew, const struct member *failed)
{
    pthread_mutex_lock(&crew->lock);
    if (!crew->failed) {
        crew->failed = true;
        crew->err = (struct err_slot){.rc = failed->rc};
        strncpy(crew->err.text, proa_err_detail(failed->rc), sizeof crew->err.text - 1);
        for (unsigned i = 0; i < crew->opts->threads; i++) {
            struct member *m = &crew->members[i];

            m->cancel = (struct post){.fn = cancel_member, .arg = m};
            if (m->loop && m != failed)
                proa__loop_post(m->loop, &m->cancel); /* closed: it has ended already */
        }
    }
    pthread_mutex_unlock(&crew->lock);
}

/* ---- one member */

/* The main task of each loop. */
static int run_fn(void *arg)
{
    struct member *m = arg;
    struct crew *crew = m->crew;
    bool late;

    pthread_mutex_lock(&crew->lock);
    m->loop = proa_loop_ref(proa_loop_current());
    late = crew->failed;
    pthread_mutex_unlock(&crew->lock);
    if (late)
        proa__sched_cancel(m->loop->sched, "another thread's main task failed");
    return crew->opts->fn(crew->opts->arg);
}

static void *run_member(void *arg)
{
    struct member *m = arg;

    here = m;
    proa__counters_thread(m->slot - m->crew->opts->first_slot);
    m->rc = proa_run(run_fn, m, &m->crew->opts->run);
    here = NULL;
    if (m->rc < 0)
        fail_crew(m->crew, m);
    return NULL;
}

static int run_threads(struct crew *crew)
{
    unsigned n = crew->opts->threads;
    unsigned started = 1;
    int rc = 0;

    while (started < n && rc == 0) {
        struct member *m = &crew->members[started];

        rc = proa__thread_start(&m->thread, run_member, m);
        if (rc == 0)
            started++;
    }
    if (rc < 0) {
        crew->members[0].rc = proa__fail(rc, "thread %u of %u could not be started", started, n);
        fail_crew(crew, &crew->members[0]);
    } else {
        run_member(&crew->members[0]);
    }
    for (unsigned i = 1; i < started; i++)
        pthread_join(crew->members[i].thread, NULL);
    rc = crew->members[0].rc;
    for (unsigned i = 1; i < n; i++)
        if (crew->members[i].rc > rc)
            rc = crew->members[i].rc;
    return crew->failed ? proa__fail(crew->err.rc, "%s", crew->err.text) : rc;
}

int proa__crew_run(const struct crew_opts *opts)
{
    struct crew *crew = proa__zalloc(sizeof *crew + opts->threads * sizeof crew->members[0]);
    int rc;

    if (!crew)
        return PROA_ENOMEM;
    crew->opts = opts;
    if (opts->parent < 0)
        proa__counters_process(1);
    pthread_mutex_init(&crew->lock, NULL);
    for (unsigned i = 0; i < opts->threads; i++) {
        crew->members[i].crew = crew;
        crew->members[i].slot = opts->first_slot + i;
    }
    rc = run_threads(crew);
    for (unsigned i = 0; i < opts->threads; i++)
        proa_loop_unref(crew->members[i].loop);
    proa__listen_table_fini(&crew->table, true);
    pthread_mutex_destroy(&crew->lock);
    proa__free(crew);
    return rc;
}
