#include "support/t_run.h"

#include "core/loop.h"
#include "core/sched.h"
#include "core/wait.h"

#include <dirent.h>

struct run {
    t_body_fn *body;
    void *arg;
    uint64_t cancel_at; /* 0: only count */
    bool count;
    uint64_t points;
};

static size_t open_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t n = 0;

    ck_assert_ptr_nonnull(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static int watched(void *arg)
{
    struct run *run = arg;
    const struct proa_loop *loop = proa__loop_current();

    if (run->count)
        proa__wait_inject(run->cancel_at);

    int rc = run->body(run->arg);

    if (run->count)
        run->points = proa__wait_inject_stop();
    ck_assert_msg(loop->sched->root.running == 1, "the body left %zu tasks in the root group",
                  loop->sched->root.running - 1);
    size_t timers = loop->timers.count - timer_running(&loop->sched->tidy.timer);

    ck_assert_msg(timers == 0, "the body left %zu timers running", timers);
    ck_assert_msg(loop->sched->n_new == 0, "stacks are reserved for %zu tasks that are not there",
                  loop->sched->n_new);
    ck_assert_msg(loop->sched->no_suspend == 0, "the body left suspending forbidden");
    return rc;
}

static int run_watched(struct run *run)
{
    size_t fds = open_fds();
    size_t bytes = t_alloc_bytes();
    int rc = proa_run(watched, run, PROA_RUN_OPTS(.virtual_clock = true));

    ck_assert_msg(open_fds() == fds, "the run left %d descriptors open", (int)(open_fds() - fds));
    ck_assert_msg(t_alloc_bytes() == bytes, "the run left %zu bytes allocated",
                  t_alloc_bytes() - bytes);
    return rc;
}

int t_run_rc(t_body_fn *body, void *arg)
{
    return run_watched(&(struct run){.body = body, .arg = arg});
}

void t_run(t_body_fn *body, void *arg)
{
    ck_ok(t_run_rc(body, arg));
}

static void run_to_abort(void *arg)
{
    run_watched(arg);
}

void t_run_aborts(t_body_fn *body, void *arg, const char *words)
{
    t_aborts(run_to_abort, &(struct run){.body = body, .arg = arg}, words);
}

void t_each_park(t_body_fn *body, void *arg)
{
    struct run run = {.body = body, .arg = arg, .count = true};

    ck_ok(run_watched(&run));

    uint64_t n = run.points;

    ck_assert_msg(n > 0, "the body never waits, so nothing was tested");
    for (run.cancel_at = 1; run.cancel_at <= n; run.cancel_at++) {
        int rc = run_watched(&run);

        ck_assert_msg(rc >= 0 || rc == PROA_ECANCELED || rc == PROA_ETASKCANCELED,
                      "cancelled at point %llu of %llu: got %s (%s)",
                      (unsigned long long)run.cancel_at, (unsigned long long)n, proa_err_name(rc),
                      proa_err_detail(rc));
    }
}

static int run_for_alloc(void *arg)
{
    return run_watched(arg);
}

void t_run_each_alloc(t_body_fn *body, void *arg)
{
    t_each_alloc(run_for_alloc, &(struct run){.body = body, .arg = arg});
}
